//! The machines that the server holds, and the events and actions that are made of them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// The machines by UUID, as the server's API shows them.
#[derive(Debug, Default)]
pub(super) struct Machines(BTreeMap<String, Value>);

/// Where a machine's change is told: the params of `event`.
pub(super) type Event = Value;

impl Machines {
    /// Adds a machine, replacing one of the same UUID. What is absent has the server's defaults. `None` without a UUID.
    pub(super) fn add(&mut self, machine: &Value) -> Option<String> {
        let uuid = machine.get("Uuid")?.as_str()?.to_owned();
        let mut whole = defaults();
        if let (Some(whole), Some(given)) = (whole.as_object_mut(), machine.as_object()) {
            whole.extend(given.clone());
        }
        self.0.insert(uuid.clone(), whole);
        Some(uuid)
    }

    /// The machine as it is.
    pub(super) fn get(&self, uuid: &str) -> Option<Value> {
        self.0.get(uuid).cloned()
    }

    /// All of them.
    pub(super) fn all(&self) -> Vec<Value> {
        self.0.values().cloned().collect()
    }

    /// Changes a machine and returns the event of that; `None` without such a machine.
    pub(super) fn change(
        &mut self,
        uuid: &str,
        action: &str,
        change: impl FnOnce(&mut Map<String, Value>),
    ) -> Option<Event> {
        let machine = self.0.get_mut(uuid)?;
        let original = machine.clone();
        change(machine.as_object_mut()?);
        Some(event(uuid, action, machine, &original))
    }

    /// Changes one param; null removes it.
    pub(super) fn change_param(&mut self, uuid: &str, action: &str, key: &str, value: Value) -> Option<Event> {
        self.change(uuid, action, |machine| {
            let params = machine.entry("Params").or_insert_with(|| json!({}));
            let Some(params) = params.as_object_mut() else { return };
            if value.is_null() {
                params.remove(key);
            } else {
                params.insert(key.to_owned(), value);
            }
        })
    }

    /// Deletes a machine; a delete carries no original.
    pub(super) fn delete(&mut self, uuid: &str) -> Option<Event> {
        let machine = self.0.remove(uuid)?;
        Some(event(uuid, "delete", &machine, &Value::Null))
    }

    /// The params of a machine with those of a caller, which take precedence (facts on actions, resolution).
    pub(super) fn resolved(&self, uuid: &str, of_caller: Value) -> Option<(Value, Value)> {
        let machine = self.get(uuid)?;
        let mut params = params_of(&machine);
        if let Value::Object(of_caller) = of_caller {
            params.extend(of_caller);
        }
        Some((machine, Value::Object(params)))
    }
}

fn params_of(machine: &Value) -> Map<String, Value> {
    machine.get("Params").and_then(Value::as_object).cloned().unwrap_or_default()
}

fn event(uuid: &str, action: &str, object: &Value, original: &Value) -> Event {
    let params = params_of(object);
    json!({
        "Time": Timestamp::now().to_string(),
        "Type": "machines",
        "Action": action,
        "Key": uuid,
        "Principal": "user:rocketskates",
        "Object": object,
        "Original": original,
        "Params": params,
    })
}

/// A machine of dr-provision 4.8 in which nothing is set.
fn defaults() -> Value {
    json!({
        "Validated": true, "Available": true, "Errors": [], "ReadOnly": false,
        "Meta": { "feature-flags": "change-stage-v2" }, "Endpoint": "", "Bundle": "", "Partial": false,
        "Name": "", "Description": "", "Uuid": "", "CurrentJob": "", "Address": "", "Stage": "none",
        "BootEnv": "local", "Profiles": [], "Params": {}, "Tasks": [], "CurrentTask": 0, "RetryTaskAttempt": 0,
        "TaskErrorStacks": [], "Runnable": true, "Secret": "", "OS": "", "HardwareAddrs": [], "Workflow": "",
        "Arch": "amd64", "Locked": false, "Context": "",
        "Fingerprint": {
            "SSNHash": "", "CSNHash": "", "CloudInstanceID": "", "SystemUUID": "", "MemoryIds": []
        },
        "Pool": "default", "PoolAllocated": false, "PoolStatus": "Free", "WorkflowComplete": true
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Machines;

    #[test]
    fn a_change_tells_what_was_and_what_is() {
        let mut machines = Machines::default();
        assert_eq!(machines.add(&json!({ "Uuid": "u", "Params": { "a": 1 } })).as_deref(), Some("u"));
        let event = machines.change_param("u", "update", "a", json!(2)).unwrap_or_default();
        assert_eq!(
            (&event["Original"]["Params"], &event["Object"]["Params"], &event["Params"]),
            (&json!({ "a": 1 }), &json!({ "a": 2 }), &json!({ "a": 2 }))
        );
        let event = machines.change_param("u", "update", "a", json!(null)).unwrap_or_default();
        assert_eq!(event["Object"]["Params"], json!({}));
    }

    #[test]
    fn a_callers_params_take_precedence() {
        let mut machines = Machines::default();
        machines.add(&json!({ "Uuid": "u", "Params": { "a": 1, "b": 1 } }));
        let (_, params) = machines.resolved("u", json!({ "b": 2 })).unwrap_or_default();
        assert_eq!(params, json!({ "a": 1, "b": 2 }));
    }
}
