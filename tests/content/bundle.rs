//! The bundle as the program prints it, and its outermost layer.

use std::path::Path;
use std::process::Command;
use std::{fs, os};

use serde_json::{Map, Value};

/// Names that the provider may be uploaded under: its own, the old provider's, and the oddest one that is valid.
pub(crate) const PROVIDERS: [&str; 3] = ["virtual-media", "ipmi", "Lab media_2"];

/// What `define` prints when the program's file has this name. Offline, as a catalog is built.
pub(crate) fn definition(provider: &str) -> Value {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join(provider);
    os::unix::fs::symlink(env!("CARGO_BIN_EXE_virtual-media"), &program).unwrap();
    let output = Command::new(program).arg("define").env_clear().env("RS_TOKEN", "catalog").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let definition: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(definition["Name"], provider);
    definition
}

/// The bundle of that definition.
pub(crate) fn bundle(provider: &str) -> Value {
    serde_json::from_str(definition(provider)["Content"].as_str().unwrap()).unwrap()
}

/// The objects of a section.
pub(crate) fn section<'a>(bundle: &'a Value, name: &str) -> &'a Map<String, Value> {
    bundle["sections"][name].as_object().unwrap_or_else(|| panic!("there is no section {name}"))
}

/// The texts of a list that may be absent.
pub(crate) fn texts<'a>(object: &'a Value, field: &str) -> Vec<&'a str> {
    object[field].as_array().into_iter().flatten().map(|item| item.as_str().unwrap()).collect()
}

#[test]
fn the_bundle_has_meta_data_and_sections_and_nothing_else() {
    const FIELDS: [&str; 17] = [
        "Name",
        "Version",
        "Description",
        "Source",
        "Documentation",
        "RequiredFeatures",
        "Prerequisites",
        "Color",
        "Icon",
        "Author",
        "DisplayName",
        "License",
        "Copyright",
        "CodeSource",
        "Order",
        "Tags",
        "DocUrl",
    ];
    for provider in PROVIDERS {
        let definition = definition(provider);
        let bundle = bundle(provider);
        assert_eq!(bundle.as_object().unwrap().keys().collect::<Vec<_>>(), ["meta", "sections"]);
        for (field, value) in bundle["meta"].as_object().unwrap() {
            assert!(FIELDS.contains(&field.as_str()), "{field}");
            assert!(value.as_str().is_some_and(|text| !text.is_empty() && text.trim() == text), "{field}: {value}");
        }
        assert_eq!(bundle["meta"]["Name"], provider);
        assert_eq!(bundle["meta"]["Version"], definition["Version"]);
        for prerequisite in bundle["meta"]["Prerequisites"].as_str().unwrap().split(',') {
            let (pack, constraint) = prerequisite.split_once(':').unwrap();
            assert!(!pack.trim().is_empty() && constraint.trim().starts_with(">="), "{prerequisite}");
        }
    }
}

#[test]
fn the_directories_hold_what_drpcli_bundles_and_nothing_else() {
    const SECTIONS: [&str; 6] = ["params", "profiles", "stages", "tasks", "templates", "workflows"];
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for directory in ["content", "content-ipmi"] {
        for entry in fs::read_dir(root.join(directory)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if path.is_file() {
                assert!(
                    name.strip_prefix("._").is_some_and(|field| field.strip_suffix(".meta").is_some()),
                    "{}",
                    path.display()
                );
                continue;
            }
            // Any other directory would become a section of its own.
            assert!(SECTIONS.contains(&name.as_str()), "{}", path.display());
            for file in fs::read_dir(&path).unwrap() {
                let file = file.unwrap().path();
                assert!(file.is_file(), "{} would be left out", file.display());
                let is_yaml = file.extension().is_some_and(|extension| extension == "yaml");
                assert!(is_yaml || name == "templates", "{} would be refused", file.display());
            }
        }
    }
}

#[test]
fn the_provider_is_named_as_its_file_wherever_it_is_named() {
    for provider in PROVIDERS {
        let text = bundle(provider).to_string();
        for (before, after) in [("\"action:", ':'), ("--plugin '", '\'')] {
            let named: Vec<&str> = text.split(before).skip(1).map(|rest| rest.split(after).next().unwrap()).collect();
            assert!(!named.is_empty(), "nothing has {before}");
            assert!(named.iter().all(|name| *name == provider), "{provider}: {named:?}");
        }
    }
}
