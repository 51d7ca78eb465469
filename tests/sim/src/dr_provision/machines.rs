//! What the server checks of a machine before it stores it (drp-protocol 4.1, 4.4).

use serde_json::{Value, json};
use uuid::Uuid;

use super::error::Error;
use super::objects::Objects;

/// A machine that is created without a UUID gets one.
pub(super) fn name_new(machine: &mut Value) {
    if machine.get("Uuid").and_then(Value::as_str).unwrap_or_default().is_empty() {
        machine["Uuid"] = json!(Uuid::new_v4().to_string());
    }
}

/// Checks a machine that is new or has changed.
///
/// # Errors
/// It is locked (drp-protocol 4.1), or its BootEnv is not there or not available (422: recorded for a new machine,
/// expected of a changed one, drp-protocol 4.4).
pub(super) fn check(objects: &Objects, original: Option<&Value>, machine: &mut Value) -> Result<(), Error> {
    let uuid = machine.get("Uuid").and_then(Value::as_str).unwrap_or_default().to_owned();
    if let Some(original) = original {
        if original["Locked"] == true && machine["Locked"] == true {
            return Err(Error::invalid("machines", &uuid, "the machine is locked"));
        }
        if original["Uuid"] != machine["Uuid"] {
            return Err(Error::invalid("machines", &uuid, "the Uuid cannot be changed"));
        }
    }
    let bootenv = machine.get("BootEnv").and_then(Value::as_str).unwrap_or("local");
    let unchanged = original.is_some_and(|original| original["BootEnv"] == *bootenv);
    match objects.get("bootenvs", bootenv) {
        _ if unchanged => Ok(()),
        None => Err(Error::invalid("machines", &uuid, format!("Bootenv {bootenv} does not exist"))),
        Some(known) if known["Available"] != true => {
            Err(Error::invalid("machines", &uuid, format!("Bootenv {bootenv} is not available")))
        }
        Some(_) => Ok(()),
    }
}
