//! What racadm prints. Lines are padded and may end in a carriage return.

use serde_json::{Map, Value, json};

use super::media::Share;
use crate::bmc::answered::PowerState;

/// `Server power status: ON`; the capitals differ between releases.
pub(super) fn power_state(said: &str) -> Option<PowerState> {
    let after = |line: &str| {
        let (name, state) = line.split_once(':')?;
        name.trim().eq_ignore_ascii_case("server power status").then(|| state.trim().to_ascii_uppercase())
    };
    match said.lines().find_map(after)?.as_str() {
        "ON" => Some(PowerState::On),
        "OFF" => Some(PowerState::Off),
        _ => None,
    }
}

/// `Remote File Share is Enabled`, and below it `ShareName …` with what is shared.
pub(super) fn share(said: &str) -> Option<Share> {
    let state = said.lines().find(|line| line.contains("Remote File Share") && line.contains(" is "))?.trim();
    let enabled = match state.rsplit(' ').next()?.trim_end_matches('.').to_ascii_lowercase().as_str() {
        "enabled" => true,
        "disabled" => false,
        _ => return None,
    };
    let image = said.lines().find_map(|line| line.trim().strip_prefix("ShareName")).unwrap_or_default();
    Some(Share { enabled, image: image.trim_start_matches([' ', '\t', '=', ':']).trim_end().to_owned() })
}

/// Lines of `name=value`, as `get` and `getconfig` print them; `#` marks those that cannot be written.
pub(super) fn fields(said: &str) -> Map<String, Value> {
    said.lines().filter_map(field).map(|(name, value)| (name.to_owned(), value.into())).collect()
}

/// Headings that end in a colon, each with its lines of `name = value`, as `getsysinfo` prints them.
pub(super) fn sections(said: &str) -> Map<String, Value> {
    let mut sections = Map::new();
    let mut current: Option<String> = None;
    for line in said.lines() {
        match (field(line), line.trim().strip_suffix(':'), &current) {
            (Some((name, value)), _, Some(section)) => sections[section][name] = value.into(),
            (Some((name, value)), _, None) => {
                sections.insert(name.to_owned(), value.into());
            }
            (None, Some(heading), _) if !heading.is_empty() => {
                sections.insert(heading.to_owned(), json!({}));
                current = Some(heading.to_owned());
            }
            _ => {}
        }
    }
    sections
}

/// The devices of `hwinventory`: a line `[InstanceID: …]`, then `name = value`.
pub(super) fn inventory(said: &str) -> Vec<Value> {
    let mut devices: Vec<Value> = Vec::new();
    for line in said.lines().map(str::trim) {
        let id = line.strip_prefix("[InstanceID:").and_then(|rest| rest.strip_suffix(']'));
        match (id, field(line), devices.last_mut()) {
            (Some(id), _, _) => devices.push(json!({ "InstanceID": id.trim() })),
            (None, Some((name, value)), Some(device)) => device[name] = value.into(),
            _ => {}
        }
    }
    devices
}

fn field(line: &str) -> Option<(&str, &str)> {
    let line = line.trim().trim_start_matches('#').trim_start();
    if line.starts_with('[') {
        return None;
    }
    let (name, value) = line.split_once('=')?;
    let name = name.trim();
    (!name.is_empty()).then_some((name, value.trim()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn power_states_of_every_release_are_read() {
        assert_eq!(power_state("Server power status: ON  \r\n"), Some(PowerState::On));
        assert_eq!(power_state("\nServer Power Status: OFF"), Some(PowerState::Off));
        for other in ["", "Server power status:", "Server power status: CYCLING", "ON"] {
            assert_eq!(power_state(other), None, "{other}");
        }
    }

    #[test]
    fn a_share_is_read_with_what_it_shares() {
        let said = "Remote File Share is Enabled\nUserName \nPassword \nShareName http://10.0.0.5/x.iso   \r\n";
        assert_eq!(share(said), Some(Share { enabled: true, image: "http://10.0.0.5/x.iso".to_owned() }));
        let said = "Security Alert: x\nRemote File Share is Disabled\nUserName\nPassword\nShareName";
        assert_eq!(share(said), Some(Share { enabled: false, image: String::new() }));
        for other in ["", "ShareName x", "Remote File Share is", "Remote File Share is Wobbly"] {
            assert_eq!(share(other), None, "{other}");
        }
    }

    #[test]
    fn attributes_and_old_objects_are_fields() {
        let said = "[Key=iDRAC.Embedded.1#ServerBoot.1]\nBootOnce=Enabled\nFirstBootDevice=VCD-DVD\n# cfgReadOnly=5\n";
        let json = json!({"BootOnce": "Enabled", "FirstBootDevice": "VCD-DVD", "cfgReadOnly": "5"});
        assert_eq!(Value::Object(fields(said)), json);
    }

    #[test]
    fn system_information_keeps_its_sections() {
        let said = "\nRAC Information:\nFirmware Version    = 2.86.86.86\nCurrent IP = 10.0.0.1\n\n\
                    System Information:\nSystem Model = PowerEdge R630\nPower Status = ON\nHost Name =\n";
        assert_eq!(
            Value::Object(sections(said)),
            json!({"RAC Information": {"Firmware Version": "2.86.86.86", "Current IP": "10.0.0.1"},
                   "System Information": {"System Model": "PowerEdge R630", "Power Status": "ON", "Host Name": ""}})
        );
    }

    #[test]
    fn an_inventory_is_a_list_of_devices() {
        let said = "----HARDWARE INVENTORY----\n[InstanceID: DIMM.Socket.A1]\nDevice Type = Memory\nSize = 16384 MB\n----\n\
                    [InstanceID: CPU.Socket.1]\nDevice Type = CPU\n";
        assert_eq!(
            inventory(said),
            [
                json!({"InstanceID": "DIMM.Socket.A1", "Device Type": "Memory", "Size": "16384 MB"}),
                json!({"InstanceID": "CPU.Socket.1", "Device Type": "CPU"})
            ]
        );
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(said in "(?s).{0,200}") {
            let _read = (power_state(&said), share(&said), fields(&said), sections(&said), inventory(&said));
        }

        #[test]
        fn any_lines_are_read_without_panic(
            lines in prop::collection::vec("(\\[InstanceID: )?[a-c:=#\\] ]{0,8}(ShareName|Remote File Share is )?", 0..12)
        ) {
            let said = lines.join("\n");
            let _read = (power_state(&said), share(&said), fields(&said), sections(&said), inventory(&said));
        }
    }
}
