//! Finds the template: the one that is asked for, else the newest Sledgehammer on the server.

use std::fs;
use std::path::{Component, Path, PathBuf};

use super::error::Error;
use super::source;

/// Finds the template below `webroot`, the directory that the static file server serves.
///
/// `wanted` is an absolute path, a path below the web root, or the signature of a Sledgehammer. Without it, the newest
/// exploded `sledgehammer/<SIG>/cdboot.iso` is taken, and only where there is none the newest tarball in `isos/`:
/// Sledgehammer's initrd fetches its root file system from `sledgehammer/<SIG>/` on the server, so a template that
/// is not exploded there is one that does not boot yet. What is found may be a Sledgehammer without that file.
///
/// # Errors
/// [`Error::TemplateName`], [`Error::TemplateNotFound`], [`Error::NoTemplate`], or a directory cannot be read.
pub fn locate_template(webroot: &Path, wanted: Option<&str>) -> Result<PathBuf, Error> {
    match wanted.map(str::trim).filter(|name| !name.is_empty()) {
        Some(name) => named(webroot, name),
        None => newest(webroot),
    }
}

fn named(webroot: &Path, name: &str) -> Result<PathBuf, Error> {
    let path = Path::new(name);
    let missing = || Error::TemplateNotFound { name: name.to_owned(), webroot: webroot.to_owned() };
    if path.is_absolute() {
        return if path.exists() { Ok(path.to_owned()) } else { Err(missing()) };
    }
    if !path.components().all(|component| matches!(component, Component::Normal(_) | Component::CurDir)) {
        return Err(Error::TemplateName { name: name.to_owned() });
    }
    let places = [
        webroot.join(path),
        webroot.join("isos").join(path),
        webroot.join("sledgehammer").join(path).join(source::IMAGE_NAME),
        webroot.join("sledgehammer").join(path),
    ];
    if let Some(found) = places.into_iter().find(|place| place.exists()) {
        return Ok(found);
    }
    let tarball = |file: &str| is_tarball(file) && file.contains(name);
    source::newest(tarballs(webroot, tarball)?.into_iter()).ok_or_else(missing)
}

fn newest(webroot: &Path) -> Result<PathBuf, Error> {
    let exploded = webroot.join("sledgehammer");
    let exploded = if exploded.is_dir() { source::newest_below(&exploded)? } else { None };
    let found = match exploded {
        Some(found) => Some(found),
        None => source::newest(tarballs(webroot, is_tarball)?.into_iter()),
    };
    found.ok_or_else(|| Error::NoTemplate { webroot: webroot.to_owned() })
}

/// The uploads in `isos/` whose names fit.
fn tarballs(webroot: &Path, fits: impl Fn(&str) -> bool) -> Result<Vec<PathBuf>, Error> {
    let isos = webroot.join("isos");
    if !isos.is_dir() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(&isos).map_err(Error::read(&isos))?;
    Ok(entries
        .flatten()
        .filter(|entry| entry.file_name().to_str().is_some_and(&fits))
        .map(|entry| entry.path())
        .collect())
}

/// A Sledgehammer for amd64: the builder puts `cdboot.iso` into no other.
fn is_tarball(file: &str) -> bool {
    let packed = [".tar", ".tar.gz", ".tgz"].iter().any(|suffix| file.ends_with(suffix));
    file.starts_with("sledgehammer") && packed && !file.contains("arm64") && !file.contains("aarch64")
}
