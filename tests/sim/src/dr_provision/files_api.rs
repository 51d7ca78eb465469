//! `/isos` and `/files`: uploads, lists, digests (drp-protocol 3.5, 4.4).

use std::fs;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use flate2::read::GzDecoder;
use hyper::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::call::{Call, Reply};
use super::error::Error;
use super::objects::Change;
use super::server::Server;

/// `/isos…` or `/files…`; both lie below the web root under their own name.
pub(super) fn tree(server: &Arc<Server>, call: &Call, tree: &str, path: &str) -> Result<Reply, Error> {
    let root = server.options.webroot.join(tree);
    let missing = || Error::not_found(call.verb(), tree, path);
    // A path that leaves its tree is nothing that is there.
    let file = below(&root, path).ok_or_else(missing)?;
    let broken = |error: io::Error| Error::new(500, call.verb(), tree, path, error.to_string());
    match call.method {
        Method::GET if path.is_empty() => {
            let listed = below(&root, call.query("path").unwrap_or_default()).ok_or_else(missing)?;
            Ok(Reply::ok(&json!(list(&listed, call.asks("all")).map_err(broken)?)))
        }
        Method::GET | Method::HEAD => {
            let content = fs::read(&file).map_err(|_| missing())?;
            let digest = digest(&content);
            let etag = format!("\"SHA256:{digest}\"");
            if call.header("if-none-match") == Some(&etag) {
                return Ok(Reply::empty(304));
            }
            Ok(Reply::bytes(content.into()).with("X-DRP-SHA256SUM", digest).with("ETag", etag))
        }
        Method::POST => {
            let content = uploaded(call)?;
            store(&file, &content).map_err(broken)?;
            if tree == "files" && call.asks("explode") {
                explode(&content, file.parent().unwrap_or(&root)).map_err(broken)?;
            }
            if tree == "isos" {
                explode_for_bootenvs(server, path, &content).map_err(broken)?;
            }
            let shown = if tree == "files" { format!("/{path}") } else { path.to_owned() };
            Ok(Reply::json(201, &json!({ "Path": shown, "Size": content.len() })))
        }
        Method::DELETE => {
            let removed = if file.is_dir() { fs::remove_dir_all(&file) } else { fs::remove_file(&file) };
            removed.map_err(|_| Error::new(404, "DELETE", tree, path, "Unable to delete"))?;
            Ok(Reply::empty(204))
        }
        _ => Err(missing()),
    }
}

/// The file at a path of a client's below a root; `None` where it leads elsewhere.
fn below(root: &Path, path: &str) -> Option<PathBuf> {
    let path = Path::new(path.trim_start_matches('/'));
    path.components().all(|part| matches!(part, Component::Normal(_))).then(|| root.join(path))
}

/// Names, with a slash after a directory's; with `all` the paths of everything below.
fn list(directory: &Path, all: bool) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    if !directory.is_dir() {
        return Ok(names);
    }
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !entry.file_type()?.is_dir() {
            names.push(name);
        } else if all {
            names.extend(list(&entry.path(), true)?.into_iter().map(|inner| format!("{name}/{inner}")));
        } else {
            names.push(format!("{name}/"));
        }
    }
    names.sort();
    Ok(names)
}

fn store(file: &Path, content: &[u8]) -> io::Result<()> {
    if let Some(directory) = file.parent() {
        fs::create_dir_all(directory)?;
    }
    fs::write(file, content)
}

/// The file of an upload: the body, or the field `file` of a form.
pub(super) fn uploaded(call: &Call) -> Result<Bytes, Error> {
    let kind = call.header("content-type").unwrap_or_default();
    let Some(boundary) = kind.strip_prefix("multipart/form-data;").and_then(|rest| rest.split_once("boundary=")) else {
        return Ok(call.body.clone());
    };
    let boundary = boundary.1.trim_matches('"');
    field(&call.body, boundary, "file")
        .ok_or_else(|| Error::new(400, call.verb(), "", &call.path, "the form has no field `file`"))
}

/// A field of a multipart form (RFC 7578).
fn field(body: &Bytes, boundary: &str, name: &str) -> Option<Bytes> {
    let delimiter = format!("\r\n--{boundary}");
    // The first delimiter may stand at the very beginning.
    let mut at =
        if body.starts_with(&delimiter.as_bytes()[2..]) { delimiter.len() - 2 } else { find(body, 0, &delimiter)? };
    loop {
        let head = find(body, at, "\r\n\r\n")?;
        let end = find(body, head + 4, &delimiter)?;
        let headers = String::from_utf8_lossy(&body[at..head]);
        if headers.contains(&format!("name=\"{name}\"")) {
            return Some(body.slice(head + 4..end));
        }
        at = end + delimiter.len();
    }
}

fn find(body: &[u8], from: usize, what: &str) -> Option<usize> {
    body.get(from..)?.windows(what.len()).position(|window| window == what.as_bytes()).map(|at| from + at)
}

/// Unpacks a tar or tar.gz.
fn explode(content: &[u8], directory: &Path) -> io::Result<()> {
    let reader: Box<dyn Read> =
        if content.starts_with(&[0x1f, 0x8b]) { Box::new(GzDecoder::new(content)) } else { Box::new(content) };
    fs::create_dir_all(directory)?;
    tar::Archive::new(reader).unpack(directory)
}

/// An ISO that a BootEnv waits for is exploded into the BootEnv's tree, and the BootEnv is available then. Only tars are:
/// Sledgehammer's is one, and others are not needed here.
fn explode_for_bootenvs(server: &Server, iso: &str, content: &[u8]) -> io::Result<()> {
    let waits = |bootenv: &Value| {
        let arches = bootenv["OS"]["SupportedArchitectures"].as_object();
        arches.into_iter().flatten().any(|(_, arch)| arch["IsoFile"] == iso)
    };
    let waiting: Vec<(String, String)> = server.read(|objects| {
        let waiting = objects.all("bootenvs").filter(|(_, bootenv)| waits(bootenv));
        waiting
            .map(|(name, bootenv)| (name.clone(), bootenv["OS"]["Name"].as_str().unwrap_or_default().to_owned()))
            .collect()
    });
    for (name, os) in waiting {
        let tree = server.options.webroot.join(&os);
        explode(content, &tree)?;
        fs::write(tree.join(format!(".{os}.rebar_canary")), digest(content))?;
        let available = server.change(|objects| {
            objects.change("bootenvs", &name, Change::Save, "system", |bootenv| {
                bootenv["Available"] = json!(true);
                bootenv["Errors"] = json!([]);
                Ok(())
            })
        });
        available.map_err(io::Error::other)?;
    }
    Ok(())
}

fn digest(content: &[u8]) -> String {
    format!("{:x}", Bytes::copy_from_slice(&Sha256::digest(content)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::path::Path;

    use bytes::Bytes;

    use super::{below, field};

    #[test]
    fn a_path_stays_in_its_tree() {
        let root = Path::new("/srv");
        for (path, expected) in [("a/b", Some("/srv/a/b")), ("/a", Some("/srv/a")), ("../a", None), ("a/../b", None)] {
            assert_eq!(below(root, path).as_deref(), expected.map(Path::new), "{path}");
        }
    }

    #[test]
    fn a_forms_field_is_found_among_others() {
        let form = Bytes::from_static(
            b"--xx\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nhello\r\n--xx\r\n\
              Content-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n\x00\r\n\x01\r\n--xx--\r\n",
        );
        assert_eq!(field(&form, "xx", "file").unwrap(), &b"\x00\r\n\x01"[..]);
        assert_eq!(field(&form, "xx", "note").unwrap(), &b"hello"[..]);
        assert_eq!(field(&form, "xx", "other"), None);
    }
}
