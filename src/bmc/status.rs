//! The answer of `status` in the modes beside Redfish: the keys that Redfish's answer has, so that a script reads one
//! answer in every mode, and beside them what the mode tells in its own words.

use serde_json::{Map, Value, json};

use super::answered::PowerState;

/// Healths and state, which these modes do not tell in one word.
const UNTOLD: [&str; 7] =
    ["State", "Status", "ProcessorStatus", "MemoryStatus", "EthernetStatus", "StorageStatus", "SimpleStorageStatus"];

/// `boot` is what is booted next, as Redfish's `Boot` object says it; null is what the BMC does not tell.
pub(super) fn status(power: Option<PowerState>, boot: &Value, own_words: Map<String, Value>) -> Value {
    let mut status = own_words;
    status.insert("PowerState".to_owned(), json!(power));
    status.extend(UNTOLD.map(|key| (key.to_owned(), Value::Null)));
    status.insert(
        "Boot".to_owned(),
        json!({
            "BootSourceOverrideEnabled": boot["BootSourceOverrideEnabled"],
            "BootSourceOverrideTarget": boot["BootSourceOverrideTarget"],
            "BootSourceOverrideMode": boot["BootSourceOverrideMode"],
        }),
    );
    Value::Object(status)
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::{PowerState, status};

    #[test]
    fn what_is_told_is_in_redfishs_keys_and_the_rest_is_null() {
        let own = Map::from_iter([("System Power".to_owned(), json!("on"))]);
        let boot = json!({"BootSourceOverrideEnabled": "Once", "BootSourceOverrideTarget": "Pxe"});
        assert_eq!(
            status(Some(PowerState::On), &boot, own),
            json!({"PowerState": "On", "State": null, "Status": null, "ProcessorStatus": null, "MemoryStatus": null,
                   "EthernetStatus": null, "StorageStatus": null, "SimpleStorageStatus": null,
                   "Boot": {"BootSourceOverrideEnabled": "Once", "BootSourceOverrideTarget": "Pxe",
                            "BootSourceOverrideMode": null},
                   "System Power": "on"})
        );
        assert_eq!(status(None, &json!(null), Map::new())["PowerState"], json!(null));
    }
}
