//! Every object against the fields of its kind.

use serde_json::Value;

use crate::bundle::{PROVIDERS, bundle, section};

/// A field and its type.
type Field = (&'static str, &'static str);

/// Fields that every object may have.
const COMMON: [Field; 4] =
    [("Name", "text"), ("Description", "text"), ("Documentation", "text"), ("Meta", "texts by name")];

/// The kinds of objects that we ship: the section, the field that is the key, and the fields of their own.
const KINDS: [(&str, &str, &[Field]); 6] = [
    ("params", "Name", &[("Secure", "flag"), ("Schema", "object")]),
    ("profiles", "Name", &[("Params", "object"), ("Profiles", "texts")]),
    ("templates", "ID", &[("ID", "text"), ("Contents", "text")]),
    (
        "tasks",
        "Name",
        &[
            ("Templates", "objects"),
            ("RequiredParams", "texts"),
            ("OptionalParams", "texts"),
            ("Prerequisites", "texts"),
            ("ExtraRoles", "texts"),
            ("ExtraClaims", "objects"),
        ],
    ),
    (
        "stages",
        "Name",
        &[
            ("Templates", "objects"),
            ("RequiredParams", "texts"),
            ("OptionalParams", "texts"),
            ("Params", "object"),
            ("BootEnv", "text"),
            ("Tasks", "texts"),
            ("Profiles", "texts"),
            ("Reboot", "flag"),
        ],
    ),
    ("workflows", "Name", &[("Stages", "texts")]),
];

fn has_type(value: &Value, kind: &str) -> bool {
    let all = |holds: fn(&Value) -> bool| value.as_array().is_some_and(|items| items.iter().all(holds));
    match kind {
        "text" => value.is_string(),
        "flag" => value.is_boolean(),
        "object" => value.is_object(),
        "texts" => all(Value::is_string),
        "objects" => all(Value::is_object),
        "texts by name" => value.as_object().is_some_and(|map| map.values().all(Value::is_string)),
        other => panic!("{other} is no type"),
    }
}

/// A letter, then letters, digits, space, `-`, `_`, `.`; a Param's may have `/`, a template's may begin with a digit.
fn is_name(name: &str, section: &str) -> bool {
    let mut characters = name.chars();
    let first = characters.next();
    name.len() >= 2
        && first.is_some_and(|c| c.is_ascii_alphabetic() || (section == "templates" && c.is_ascii_digit()))
        && characters.all(|c| {
            c.is_ascii_alphanumeric() || [' ', '-', '_', '.'].contains(&c) || (section == "params" && c == '/')
        })
}

#[test]
fn every_object_has_known_fields_of_the_right_type_and_stands_under_its_key() {
    for provider in PROVIDERS {
        let bundle = bundle(provider);
        for name in bundle["sections"].as_object().unwrap().keys() {
            let (_, key_field, own) = KINDS.iter().find(|kind| kind.0 == name).unwrap_or_else(|| panic!("{name}"));
            for (key, object) in section(&bundle, name) {
                assert_eq!(object[key_field], key.as_str(), "{name}");
                assert!(is_name(key, name), "{name} {key}");
                for (field, value) in object.as_object().unwrap() {
                    let kind = COMMON.iter().chain(*own).find(|(known, _)| known == field);
                    let (_, kind) = kind.unwrap_or_else(|| panic!("{name} {key} has {field}"));
                    assert!(has_type(value, kind), "{name} {key}: {field} is {value}, expected {kind}");
                }
                if name != "templates" {
                    for field in ["Description", "Documentation"] {
                        assert!(object[field].as_str().is_some_and(|text| !text.trim().is_empty()), "{key}: {field}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_template_of_a_task_is_a_script_of_ours_under_a_name_of_its_own() {
    let bundle = bundle("virtual-media");
    for (name, task) in section(&bundle, "tasks") {
        let templates = task["Templates"].as_array().unwrap();
        let mut names: Vec<&str> = templates.iter().map(|template| template["Name"].as_str().unwrap()).collect();
        names.dedup();
        assert!(!names.is_empty() && names.len() == templates.len(), "{name}");
        for template in templates {
            // Exactly one of the two, and no Path: what has a Path is a file and not run.
            assert!(template["Contents"].is_null() && template["Path"].is_null(), "{name}");
            assert!(section(&bundle, "templates").contains_key(template["ID"].as_str().unwrap()), "{name}");
        }
    }
}

#[test]
fn no_template_is_left_over() {
    let bundle = bundle("virtual-media");
    let tasks = Value::from(section(&bundle, "tasks").clone()).to_string();
    for template in section(&bundle, "templates").keys() {
        assert!(tasks.contains(&format!("\"{template}\"")), "{template}");
    }
}
