//! What an object of each type looks like in which nothing is set (drp-protocol 2.5, 4.1, 4.2: model structs of v4).

use serde_json::{Map, Value, json};

/// The field that holds the key.
pub(super) fn key_field(prefix: &str) -> &'static str {
    match prefix {
        "machines" | "jobs" => "Uuid",
        "templates" => "ID",
        _ => "Name",
    }
}

/// An object as the server shows it: what is given, and the defaults of its type. Nulls count as absent.
pub(super) fn complete(prefix: &str, given: &Value) -> Value {
    let mut object = common();
    object.extend(own(prefix));
    let given = given.as_object().cloned().unwrap_or_default();
    object.extend(given.into_iter().filter(|(_, value)| !value.is_null()));
    Value::Object(object)
}

fn common() -> Map<String, Value> {
    map(json!({
        "Validated": true, "Available": true, "Errors": [], "ReadOnly": false, "Meta": {}, "Endpoint": "", "Bundle": "",
        "Description": "", "Documentation": ""
    }))
}

fn own(prefix: &str) -> Map<String, Value> {
    map(match prefix {
        "machines" => json!({
            "Meta": { "feature-flags": "change-stage-v2" }, "Partial": false, "Name": "", "Uuid": "", "CurrentJob": "",
            "Address": "", "Stage": "none", "BootEnv": "local", "Profiles": [], "Params": {}, "Tasks": [],
            "CurrentTask": 0, "RetryTaskAttempt": 0, "TaskErrorStacks": [], "Runnable": true, "Secret": "", "OS": "",
            "HardwareAddrs": [], "Workflow": "", "Arch": "amd64", "Locked": false, "Context": "",
            "Fingerprint": {
                "SSNHash": "", "CSNHash": "", "CloudInstanceID": "", "SystemUUID": "", "MemoryIds": []
            },
            "Pool": "default", "PoolAllocated": false, "PoolStatus": "Free", "WorkflowComplete": true
        }),
        "bootenvs" => json!({
            "Name": "", "OS": {
                "Name": "", "Family": "", "Codename": "", "Version": "", "IsoFile": "", "IsoSha256": "", "IsoUrl": "",
                "SupportedArchitectures": {}
            },
            "Templates": [], "Kernel": "", "Initrds": [], "BootParams": "", "RequiredParams": [], "OptionalParams": [],
            "OnlyUnknown": false, "Loaders": {}
        }),
        "params" => json!({ "Name": "", "Secure": false, "Schema": {} }),
        "profiles" => json!({ "Name": "", "Params": {}, "Profiles": [], "Partial": false }),
        "plugins" => json!({ "Name": "", "Params": {}, "Provider": "", "PluginErrors": [], "Partial": false }),
        "stages" => json!({
            "Name": "", "Templates": [], "RequiredParams": [], "OptionalParams": [], "Params": {}, "BootEnv": "",
            "Tasks": [], "Profiles": [], "Reboot": false, "RunnerWait": true, "Partial": false
        }),
        "tasks" => json!({
            "Name": "", "Templates": [], "RequiredParams": [], "OptionalParams": [], "Prerequisites": [],
            "ExtraRoles": [], "ExtraClaims": []
        }),
        "templates" => json!({ "ID": "", "Contents": "" }),
        "workflows" => json!({ "Name": "", "Stages": [] }),
        "jobs" => json!({
            "Uuid": "", "Previous": "", "Machine": "", "Task": "", "Stage": "", "Workflow": "", "BootEnv": "",
            "Context": "", "State": "created", "ExitState": "", "Archived": false, "Current": true, "CurrentIndex": 0,
            "NextIndex": 0, "ExtraClaims": []
        }),
        "users" => json!({ "Name": "", "Roles": [] }),
        "prefs" => json!({ "Name": "", "Val": "" }),
        _ => json!({ "Name": "" }),
    })
}

fn map(value: Value) -> Map<String, Value> {
    if let Value::Object(map) = value { map } else { Map::new() }
}
