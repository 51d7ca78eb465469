//! Holds the dependency rule of `src/lib.rs`: who may know whom.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

/// Each module with the modules of ours that it may name. `wire` is known to `plugin` for its trait alone.
const MAY_KNOW: &[(&str, &[&str])] = &[
    ("machine", &[]),
    ("operation", &[]),
    ("names", &[]),
    ("words", &[]),
    ("iso", &["machine", "operation"]),
    ("serve", &["machine", "operation", "iso"]),
    ("bmc", &["operation", "names", "words"]),
    ("drp", &["names", "words"]),
    ("actions", &["machine", "operation", "names", "iso", "serve", "bmc", "drp"]),
    ("hook", &["machine", "operation", "drp", "actions"]),
    ("follow", &["machine", "operation", "iso", "drp", "actions", "hook"]),
    ("content", &[]),
    ("plugin", &["machine", "operation", "drp", "actions", "hook", "follow", "content", "wire"]),
    ("wire", &["operation", "drp"]),
    ("cli", &["machine", "operation", "names", "iso", "bmc", "drp", "plugin", "wire"]),
];

/// Crates that a layer must do without.
const MUST_NOT_USE: &[(&str, &[&str])] = &[
    ("machine", &["tokio", "reqwest", "jsonrpsee", "std::fs", "std::net::Tcp"]),
    ("operation", &["tokio", "reqwest", "jsonrpsee"]),
    ("iso", &["tokio", "reqwest", "jsonrpsee"]),
    ("serve", &["jsonrpsee", "reqwest"]),
    ("bmc", &["jsonrpsee", "std::fs"]),
    ("actions", &["jsonrpsee", "reqwest"]),
    ("wire", &["reqwest"]),
];

fn files(module: &str) -> Vec<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = vec![source.join(format!("{module}.rs"))];
    let mut directories = vec![source.join(module)];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() { directories.push(path) } else { found.push(path) }
        }
    }
    // Unit tests, in their own file or beside the code, may use what they like.
    found.retain(|path| path.is_file() && path.extension().is_some_and(|extension| extension == "rs"));
    found.retain(|path| !path.file_stem().and_then(OsStr::to_str).is_some_and(|name| name.ends_with("tests")));
    assert!(!found.is_empty(), "module {module} has no file");
    found
}

/// The code of a file: without comments and unit tests.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

fn modules_named_in(code: &str) -> BTreeSet<String> {
    let names = code.split("crate::").skip(1).flat_map(|rest| match rest.strip_prefix('{') {
        Some(list) => heads_of(list),
        None => vec![first_name(rest)],
    });
    names.filter(|name| !name.is_empty()).collect()
}

/// The first names of a `use` list's items, which may be lists themselves.
fn heads_of(list: &str) -> Vec<String> {
    let (mut heads, mut depth, mut start) = (Vec::new(), 1, 0);
    for (at, character) in list.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 || (depth == 1 && character == ',') {
            heads.push(first_name(&list[start..at]));
            start = at + 1;
        }
        if depth == 0 {
            break;
        }
    }
    heads
}

fn first_name(text: &str) -> String {
    text.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

#[test]
fn every_module_knows_only_those_below_it() {
    for (module, allowed) in MAY_KNOW {
        for path in files(module) {
            for named in modules_named_in(&code(&path)) {
                assert!(
                    named == *module || allowed.contains(&named.as_str()),
                    "{} names crate::{named}; {module} may know {allowed:?}",
                    path.display()
                );
            }
        }
    }
}

#[test]
fn a_list_in_a_list_hides_nothing() {
    let named = modules_named_in("use crate::{a::{b, c::{d}}, e, f::g};\nuse crate::h::i;");
    assert_eq!(named, ["a", "e", "f", "h"].map(String::from).into());
}

#[test]
fn every_module_is_in_the_rule_and_on_the_map() {
    let map = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    for line in map.lines() {
        let Some((visibility, module)) = line.strip_suffix(';').and_then(|line| line.split_once("mod ")) else {
            continue;
        };
        let row = if visibility == "pub " { format!("//! | [`{module}`] |") } else { format!("//! | `{module}` |") };
        assert!(MAY_KNOW.iter().any(|(known, _)| *known == module), "tests/layers.rs says nothing of {module}");
        assert!(map.contains(&row), "the map in src/lib.rs says nothing of {module}");
    }
}

#[test]
fn layers_do_without_what_is_not_theirs() {
    for (module, crates) in MUST_NOT_USE {
        for path in files(module) {
            let code = code(&path);
            for name in *crates {
                assert!(!code.contains(&format!("{name}::")), "{} uses {name}", path.display());
            }
        }
    }
}

/// The C library would load the host's modules for it, which a static binary cannot.
#[test]
fn every_http_client_looks_names_up_by_itself() {
    for (module, _) in MAY_KNOW {
        for path in files(module) {
            let code = code(&path);
            let clients = code.matches("Client::builder()").count();
            assert_eq!(code.matches(".dns_resolver(Names::default())").count(), clients, "{}", path.display());
        }
    }
}
