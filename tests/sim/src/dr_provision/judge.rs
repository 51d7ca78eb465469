//! Objects that name what is not there, or what may not stand where it does, are stored and not available; `Errors` says
//! why (drp-protocol 2.5, 5.5, 7.1).

use serde_json::{Value, json};

use super::objects::{Objects, strings};

/// Writes what is wrong with an object into it.
pub(super) fn judge(objects: &Objects, prefix: &str, object: &mut Value) {
    let errors = match prefix {
        "stages" => stage(objects, object),
        "tasks" => templates(objects, object, false),
        "workflows" => absent(objects, "stages", strings(object, "Stages")),
        _ => return,
    };
    object["Validated"] = json!(errors.is_empty());
    object["Available"] = json!(errors.is_empty());
    object["Errors"] = json!(errors);
}

fn stage(objects: &Objects, stage: &Value) -> Vec<String> {
    let mut errors = templates(objects, stage, true);
    let bootenv = stage["BootEnv"].as_str().unwrap_or_default().to_owned();
    errors.extend(absent(objects, "bootenvs", Some(bootenv).filter(|name| !name.is_empty())));
    errors.extend(absent(objects, "profiles", strings(stage, "Profiles")));
    for step in strings(stage, "Tasks") {
        match step.split_once(':') {
            None => errors.extend(absent(objects, "tasks", Some(step))),
            Some(("bootenv", name)) => errors.extend(absent(objects, "bootenvs", Some(name.to_owned()))),
            Some(("stage", name)) => errors.extend(absent(objects, "stages", Some(name.to_owned()))),
            // A machine's list takes `action:CMD` too, a stage's does not.
            Some(("action", action)) if action.split(':').count() == 2 => {}
            Some(("action", _)) => errors.push(format!("Invalid action specifier {step}")),
            Some(("context" | "chroot", _)) => {}
            Some(_) => errors.push(format!("Invalid task {step}")),
        }
    }
    errors
}

/// A template has a name of its own, and exactly one of `ID` and `Contents` unless it is a link; a stage's needs a path.
fn templates(objects: &Objects, object: &Value, path: bool) -> Vec<String> {
    let mut errors = Vec::new();
    let mut names = Vec::new();
    for template in object["Templates"].as_array().into_iter().flatten() {
        let field = |name: &str| template[name].as_str().unwrap_or_default();
        let name = field("Name");
        if name.is_empty() || names.contains(&name) {
            errors.push(format!("Templates need names of their own, `{name}` is not"));
        }
        names.push(name);
        if field("Link").is_empty() && (field("ID").is_empty() == field("Contents").is_empty()) {
            errors.push(format!("Template {name} needs either an ID or Contents"));
        }
        if path && field("Path").is_empty() {
            errors.push(format!("Template {name} needs a Path"));
        }
        errors.extend(absent(objects, "templates", Some(field("ID").to_owned()).filter(|id| !id.is_empty())));
    }
    errors
}

fn absent(objects: &Objects, prefix: &str, names: impl IntoIterator<Item = String>) -> Vec<String> {
    let absent = names.into_iter().filter(|name| objects.get(prefix, name).is_none());
    absent.map(|name| format!("{prefix} {name} does not exist")).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use crate::dr_provision::objects::Objects;

    #[test]
    fn what_an_object_names_must_be_there_and_may_stand_there() {
        let mut objects = Objects::default();
        objects.create("templates", &json!({ "ID": "setup.tmpl", "Contents": "x" }), "system").unwrap();
        objects.create("tasks", &json!({ "Name": "mount" }), "system").unwrap();
        objects.create("stages", &json!({ "Name": "none" }), "system").unwrap();
        for (prefix, object, errors) in [
            ("tasks", json!({ "Templates": [{ "Name": "a", "ID": "setup.tmpl" }] }), vec![]),
            (
                "tasks",
                json!({ "Templates": [{ "Name": "a", "ID": "no.tmpl" }] }),
                vec!["templates no.tmpl does not exist"],
            ),
            ("tasks", json!({ "Templates": [{ "Name": "a" }] }), vec!["Template a needs either an ID or Contents"]),
            ("stages", json!({ "Tasks": ["mount", "action:vmedia:mount"] }), vec![]),
            ("stages", json!({ "Tasks": ["action:mount"] }), vec!["Invalid action specifier action:mount"]),
            ("stages", json!({ "Tasks": ["eject"] }), vec!["tasks eject does not exist"]),
            ("stages", json!({ "BootEnv": "sledgehammer" }), vec!["bootenvs sledgehammer does not exist"]),
            ("workflows", json!({ "Stages": ["none"] }), vec![]),
            ("workflows", json!({ "Stages": ["none", "other"] }), vec!["stages other does not exist"]),
        ] {
            let mut object = object;
            object["Name"] = json!("judged");
            objects.create(prefix, &object, "system").unwrap();
            let judged = objects.delete("DELETE", prefix, "judged", "system").unwrap();
            assert_eq!(
                (&judged["Errors"], &judged["Available"]),
                (&json!(errors), &json!(errors.is_empty())),
                "{object}"
            );
        }
    }
}
