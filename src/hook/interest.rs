//! Which changes of a machine are worth a look: most events of a busy server are not about booting.

use serde_json::Value;

use crate::drp::models::Event;
use crate::machine::params::{BOOT_VIRTUAL_ISO, MECHANISM};

/// Fields by which a machine gets another BootEnv or, through profiles and the stage's profiles, other parameters.
const FIELDS: [&str; 3] = ["BootEnv", "Profiles", "Stage"];

/// Whether a machine's update or save can ask for something. An event without the machine before is always worth a look.
pub(super) fn concerns_us(event: &Event) -> bool {
    let Event { object, original, .. } = event;
    let param = |machine: &Value, name| machine.get("Params").and_then(|params| params.get(name)).cloned();
    !original.is_object()
        || FIELDS.iter().any(|field| object.get(field) != original.get(field))
        || [BOOT_VIRTUAL_ISO, MECHANISM].iter().any(|name| param(object, name) != param(original, name))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::concerns_us;
    use crate::drp::models::Event;

    #[test]
    fn what_cannot_change_how_a_machine_boots_is_no_concern() {
        let concerns = |original: Value, object: Value| concerns_us(&Event { object, original, ..Event::default() });
        let machine =
            || json!({"BootEnv": "local", "Stage": "none", "Profiles": [], "Params": {"boot-virtual-iso": true}});
        let with = |field: &str, value: Value| {
            let mut machine = machine();
            machine[field] = value;
            machine
        };
        assert!(!concerns(machine(), machine()));
        assert!(!concerns(machine(), with("Description", json!("x"))));
        assert!(!concerns(machine(), with("Params", json!({"boot-virtual-iso": true, "virtual-media/state": {}}))));
        assert!(concerns(machine(), with("BootEnv", json!("sledgehammer"))));
        assert!(concerns(machine(), with("Profiles", json!(["lab"]))));
        assert!(concerns(machine(), with("Params", json!({}))));
        assert!(concerns(Value::Null, machine()));
    }
}
