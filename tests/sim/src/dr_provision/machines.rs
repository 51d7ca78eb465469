//! What the server checks of a machine before it stores it, and what a workflow makes of it (drp-protocol 4.1, 4.4, 7.1).

use serde_json::{Value, json};
use uuid::Uuid;

use super::error::Error;
use super::objects::{Objects, strings};

/// A machine that is created without a UUID gets one.
pub(super) fn name_new(machine: &mut Value) {
    if machine.get("Uuid").and_then(Value::as_str).unwrap_or_default().is_empty() {
        machine["Uuid"] = json!(Uuid::new_v4().to_string());
    }
}

/// Checks a machine that is new or has changed, and sets what follows from its Workflow or Stage.
///
/// # Errors
/// It is locked (drp-protocol 4.1); its Workflow, Stage or BootEnv is not there, or its BootEnv not available (422:
/// recorded for a new machine, expected of a changed one, drp-protocol 4.4).
pub(super) fn check(objects: &Objects, original: Option<&Value>, machine: &mut Value) -> Result<(), Error> {
    let uuid = machine["Uuid"].as_str().unwrap_or_default().to_owned();
    let invalid = |message: String| Error::invalid("machines", &uuid, message);
    if original.is_some_and(|original| original["Locked"] == true && machine["Locked"] == true) {
        return Err(invalid("the machine is locked".to_owned()));
    }
    let was = |field: &str| original.map(|original| original[field].clone());
    let changed = |machine: &Value, field: &str| was(field).as_ref() != Some(&machine[field]);
    if changed(machine, "Workflow") {
        follow_workflow(objects, machine).map_err(invalid)?;
    } else if changed(machine, "Stage") {
        // Without a workflow the stage's tasks become the machine's.
        let stage = known(objects, "stages", &machine["Stage"]).map_err(invalid)?;
        if machine["Workflow"] == "" && original.is_some() {
            enter(machine, stage);
            machine["Tasks"] = stage["Tasks"].clone();
            machine["CurrentTask"] = json!(-1);
        }
    }
    if changed(machine, "BootEnv") {
        let bootenv = known(objects, "bootenvs", &machine["BootEnv"]).map_err(invalid)?;
        if bootenv["Available"] != true {
            return Err(invalid(format!("bootenvs {} is not available", bootenv["Name"].as_str().unwrap_or_default())));
        }
    }
    Ok(())
}

/// While a workflow is set, only the server itself changes Stage and BootEnv (drp-protocol 7.1).
pub(super) fn keep_to_workflow(original: &Value, machine: &Value) -> Result<(), Error> {
    if machine["Workflow"] == "" || machine["Workflow"] != original["Workflow"] {
        return Ok(());
    }
    let Some(field) = ["Stage", "BootEnv"].into_iter().find(|field| machine[*field] != original[*field]) else {
        return Ok(());
    };
    let uuid = machine["Uuid"].as_str().unwrap_or_default();
    Err(Error::invalid("machines", uuid, format!("{field} cannot be changed while a workflow is set")))
}

/// A workflow becomes a list of steps (drp-protocol 7.1). Its first stage and BootEnv are entered at once: the vendor's
/// page on virtual media has the setting of a workflow change the BootEnv and wait for it.
fn follow_workflow(objects: &Objects, machine: &mut Value) -> Result<(), String> {
    if machine["Workflow"] == "" {
        machine["Tasks"] = json!([]);
        machine["CurrentTask"] = json!(0);
        machine["WorkflowComplete"] = json!(true);
        return Ok(());
    }
    let workflow = known(objects, "workflows", &machine["Workflow"])?;
    if workflow["Available"] != true {
        return Err(format!("workflows {} is not available: {}", machine["Workflow"], workflow["Errors"]));
    }
    let mut steps = Vec::new();
    for (at, name) in strings(workflow, "Stages").into_iter().enumerate() {
        let stage = known(objects, "stages", &json!(name))?;
        if stage["Available"] != true {
            return Err(format!("stages {name} is not available: {}", stage["Errors"]));
        }
        if at == 0 {
            machine["Stage"] = json!(name);
            enter(machine, stage);
        }
        steps.push(format!("stage:{name}"));
        if stage["BootEnv"] != "" {
            steps.push(format!("bootenv:{}", stage["BootEnv"].as_str().unwrap_or_default()));
        }
        steps.extend(strings(stage, "Tasks"));
    }
    machine["Tasks"] = json!(steps);
    machine["CurrentTask"] = json!(-1);
    machine["WorkflowComplete"] = json!(false);
    machine["Runnable"] = json!(true);
    Ok(())
}

fn enter(machine: &mut Value, stage: &Value) {
    if stage["BootEnv"] != "" {
        machine["BootEnv"] = stage["BootEnv"].clone();
    }
}

fn known<'a>(objects: &'a Objects, prefix: &str, name: &Value) -> Result<&'a Value, String> {
    let name = name.as_str().unwrap_or_default();
    objects.get(prefix, name).ok_or_else(|| format!("{prefix} {name} does not exist"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::{Value, json};

    use crate::dr_provision::objects::{Change, Objects};

    fn server() -> Objects {
        let mut objects = Objects::default();
        for (prefix, object) in [
            ("bootenvs", json!({ "Name": "local" })),
            ("bootenvs", json!({ "Name": "sledgehammer" })),
            ("bootenvs", json!({ "Name": "unexploded", "Available": false })),
            ("tasks", json!({ "Name": "gohai" })),
            ("stages", json!({ "Name": "none" })),
            ("stages", json!({ "Name": "mount", "Tasks": ["action:vmedia:mountVirtualMedia"] })),
            ("stages", json!({ "Name": "discover", "BootEnv": "sledgehammer", "Tasks": ["gohai"] })),
            ("workflows", json!({ "Name": "boot", "Stages": ["mount", "discover"] })),
            ("workflows", json!({ "Name": "discover", "Stages": ["discover"] })),
            ("machines", json!({ "Uuid": "u", "Name": "m1" })),
        ] {
            objects.create(prefix, &object, "system").unwrap();
        }
        objects
    }

    fn set(objects: &mut Objects, field: &str, value: Value) -> Result<Value, String> {
        let set = |machine: &mut Value| {
            machine[field] = value;
            Ok(())
        };
        objects.change("machines", "u", Change::Update, "system", set).map_err(|error| error.messages.concat())
    }

    #[test]
    fn a_workflow_becomes_steps_and_its_first_stage_is_entered() {
        let mut objects = server();
        let machine = set(&mut objects, "Workflow", json!("boot")).unwrap();
        assert_eq!(
            machine["Tasks"],
            json!([
                "stage:mount",
                "action:vmedia:mountVirtualMedia",
                "stage:discover",
                "bootenv:sledgehammer",
                "gohai"
            ])
        );
        assert_eq!(
            (&machine["Stage"], &machine["BootEnv"], &machine["CurrentTask"]),
            (&json!("mount"), &json!("local"), &json!(-1))
        );
        let machine = set(&mut objects, "Workflow", json!("discover")).unwrap();
        assert_eq!((&machine["Stage"], &machine["BootEnv"]), (&json!("discover"), &json!("sledgehammer")));
        let machine = set(&mut objects, "Workflow", json!("")).unwrap();
        assert_eq!((&machine["Tasks"], &machine["BootEnv"]), (&json!([]), &json!("sledgehammer")));
    }

    #[test]
    fn a_stage_brings_its_bootenv_and_its_tasks() {
        let machine = set(&mut server(), "Stage", json!("discover")).unwrap();
        assert_eq!((&machine["BootEnv"], &machine["Tasks"]), (&json!("sledgehammer"), &json!(["gohai"])));
    }

    #[test]
    fn what_is_not_there_or_not_available_is_refused() {
        for (field, value, message) in [
            ("BootEnv", json!("other"), "bootenvs other does not exist"),
            ("BootEnv", json!("unexploded"), "bootenvs unexploded is not available"),
            ("Stage", json!("other"), "stages other does not exist"),
            ("Workflow", json!("other"), "workflows other does not exist"),
            ("Uuid", json!("other"), "Uuid cannot be changed"),
        ] {
            assert_eq!(set(&mut server(), field, value).unwrap_err(), message);
        }
        let mut objects = server();
        set(&mut objects, "Workflow", json!("boot")).unwrap();
        for field in ["BootEnv", "Stage"] {
            let message = format!("{field} cannot be changed while a workflow is set");
            assert_eq!(set(&mut objects, field, json!("discover")).unwrap_err(), message);
        }
        let mut objects = server();
        set(&mut objects, "Locked", json!(true)).unwrap();
        assert_eq!(set(&mut objects, "BootEnv", json!("sledgehammer")).unwrap_err(), "the machine is locked");
    }
}
