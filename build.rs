//! Turns `content/` into content bundles, so that the program carries them and no YAML parser.
//!
//! The layout is that of `drpcli contents bundle`: `._FIELD.meta` files are the bundle's meta data, each directory is a
//! section, each YAML file in it an object; in `templates/` a file of any other kind is a template, named as it is.
//! `content-ipmi/` has the same layout and is added in the second bundle alone, for the provider named `ipmi`.

// A build script speaks with cargo on stdout.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

use serde_json::{Map, Value, json};

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(env::var("OUT_DIR")?);
    for directory in ["build.rs", "content", "content-ipmi"] {
        println!("cargo::rerun-if-changed={directory}");
    }

    let mut bundle = json!({"meta": {}, "sections": {}});
    add(&mut bundle, &root.join("content"))?;
    bundle["meta"]["Version"] = format!("v{}", env::var("CARGO_PKG_VERSION")?).into();
    fs::write(out.join("content.json"), bundle.to_string())?;
    add(&mut bundle, &root.join("content-ipmi"))?;
    fs::write(out.join("content-ipmi.json"), bundle.to_string())?;
    Ok(())
}

/// Adds what is in `directory` to a bundle.
fn add(bundle: &mut Value, directory: &Path) -> Result<(), Box<dyn Error>> {
    for path in entries(directory)? {
        let name = name_of(&path)?;
        if path.is_dir() {
            let section = &mut bundle["sections"][name.as_str()];
            for file in entries(&path)? {
                let (key, object) = object(&name, &file).map_err(|error| format!("{}: {error}", file.display()))?;
                if !section[&key].is_null() {
                    return Err(format!("{}: there is a second {key} in {name}", file.display()).into());
                }
                section[&key] = object;
            }
        } else if let Some(field) = name.strip_prefix("._").and_then(|name| name.strip_suffix(".meta")) {
            bundle["meta"][field] = fs::read_to_string(&path)?.trim().into();
        } else {
            return Err(format!("{}: neither a section nor meta data", path.display()).into());
        }
    }
    Ok(())
}

/// The object in a file, and its key.
fn object(section: &str, path: &Path) -> Result<(String, Value), Box<dyn Error>> {
    let text = fs::read_to_string(path)?;
    if path.extension().is_none_or(|extension| extension != "yaml") {
        if section != "templates" {
            return Err("only templates may be something else than YAML".into());
        }
        let id = name_of(path)?;
        return Ok((id.clone(), json!({"ID": id, "Contents": text})));
    }
    let object: Map<String, Value> = serde_saphyr::from_str(&text)?;
    let key = object.get("Name").and_then(Value::as_str).ok_or("the object has no Name")?;
    Ok((key.to_owned(), object.into()))
}

/// What is in a directory, in an order that is always the same.
fn entries(directory: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let entries = fs::read_dir(directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    paths.sort_unstable();
    Ok(paths)
}

fn name_of(path: &Path) -> Result<String, Box<dyn Error>> {
    let name = path.file_name().and_then(|name| name.to_str());
    Ok(name.ok_or_else(|| format!("{}: the name is no text", path.display()))?.to_owned())
}
