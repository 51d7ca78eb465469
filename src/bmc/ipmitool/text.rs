//! What ipmitool prints.

use serde_json::{Map, Value};

use crate::bmc::answered::PowerState;

/// `Chassis Power is on`, out of `chassis power status`.
pub(super) fn power_state(said: &str) -> Option<PowerState> {
    let word = said.lines().find_map(|line| line.trim().strip_prefix("Chassis Power is "))?;
    match word.trim() {
        "on" => Some(PowerState::On),
        "off" => Some(PowerState::Off),
        _ => None,
    }
}

/// Lines of `name : value`, in ipmitool's own words. A line without a colon belongs to the name above it, and a name that
/// comes again adds to the one before: such values are lists.
pub(super) fn fields(said: &str) -> Map<String, Value> {
    let mut fields = Map::new();
    let mut last: Option<String> = None;
    for line in said.lines().map(str::trim).filter(|line| !line.is_empty()) {
        match line.split_once(':') {
            Some((name, value)) if !name.trim().is_empty() => {
                let name = name.trim().to_owned();
                add(&mut fields, &name, value.trim());
                last = Some(name);
            }
            _ => {
                if let Some(name) = &last {
                    add(&mut fields, name, line);
                }
            }
        }
    }
    fields
}

fn add(fields: &mut Map<String, Value>, name: &str, value: &str) {
    let text = Value::from(value);
    match fields.get_mut(name) {
        None => {
            fields.insert(name.to_owned(), text);
        }
        Some(Value::Array(list)) => list.push(text),
        // A heading, whose values are the lines below it.
        Some(heading) if heading == "" => *heading = Value::from(vec![text]),
        Some(single) => *single = Value::from(vec![single.take(), text]),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::{PowerState, fields, power_state};

    #[test]
    fn a_power_state_is_read_and_nothing_else_taken_for_one() {
        assert_eq!(power_state("Chassis Power is on\n"), Some(PowerState::On));
        assert_eq!(power_state("noise\n Chassis Power is off \n"), Some(PowerState::Off));
        for other in ["", "Chassis Power is dancing", "Chassis Power Control: Up/On", "on"] {
            assert_eq!(power_state(other), None, "{other}");
        }
    }

    /// As ipmitool 1.8.19 prints it.
    #[test]
    fn fields_are_names_with_a_value_or_a_list() {
        let said = "Device ID                 : 0\nProduct Name              : Unknown (0xF02)\n\
                    Additional Device Support :\n    Sensor Device\n    SEL Device\n\
                    Aux Firmware Rev Info     : \n    0x00\n Board Mfg Date        : Mon Jan  1 00:00:00 1996\n\
                    Product Extra : a\nProduct Extra : b\n";
        assert_eq!(
            Value::Object(fields(said)),
            json!({"Device ID": "0", "Product Name": "Unknown (0xF02)", "Aux Firmware Rev Info": ["0x00"],
                   "Additional Device Support": ["Sensor Device", "SEL Device"], "Product Extra": ["a", "b"],
                   "Board Mfg Date": "Mon Jan  1 00:00:00 1996"})
        );
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(said in "(?s).{0,200}") {
            let _read = (fields(&said), power_state(&said));
        }

        #[test]
        fn no_value_is_lost(lines in prop::collection::vec(("[a-c]", "[a-z]{1,5}"), 0..20)) {
            let said: Vec<String> = lines.iter().map(|(name, value)| format!("{name} : {value}")).collect();
            let read: usize = fields(&said.join("\n")).values().map(|value| value.as_array().map_or(1, Vec::len)).sum();
            prop_assert_eq!(read, lines.len());
        }
    }
}
