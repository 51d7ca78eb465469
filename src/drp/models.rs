//! The provisioning server's models that cross our wires, field names as its Go code writes them.
//!
//! Decoding is lenient (absent and null mean the default, unknown fields are ignored) because servers of many
//! versions send these; encoding writes every field that the server's own clients write.

use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

/// models.Error: how every failure is told, on both wires.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq, thiserror::Error)]
#[serde(rename_all = "PascalCase")]
#[error("{}: {model}/{key}: {}", .r#type, .messages.join("; "))]
pub struct Error {
    /// Kind of the object that the error is about; `plugin` for ours.
    pub model: String,
    /// That object's key: the provider's name.
    pub key: String,
    /// `rpc` for ours.
    pub r#type: String,
    /// One sentence each.
    pub messages: Vec<String>,
    /// An HTTP status; never 0, because the server turns 0 into a crash of its own (kb-00041).
    pub code: u16,
}

/// models.Action: a call of an action on an object.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Action {
    /// The object that the action runs on, whole; null for a system action.
    #[serde(deserialize_with = "null_is_default")]
    pub model: Value,
    /// The plugin instance's name.
    #[serde(deserialize_with = "null_is_default")]
    pub plugin: String,
    /// The action's name.
    #[serde(deserialize_with = "null_is_default")]
    pub command: String,
    /// Which family of actions; not used.
    #[serde(deserialize_with = "null_is_default")]
    pub command_set: String,
    /// The parameters, resolved by the server.
    #[serde(deserialize_with = "null_is_default")]
    pub params: Map<String, Value>,
}

/// models.Event: something happened to an object.
#[derive(Clone, Default, Serialize, Deserialize, PartialEq)]
#[serde(rename_all = "PascalCase", default)]
pub struct Event {
    /// RFC 3339 with a fraction, as the server wrote it.
    #[serde(deserialize_with = "null_is_default")]
    pub time: String,
    /// Object prefix, such as `machines`.
    #[serde(deserialize_with = "null_is_default")]
    pub r#type: String,
    /// `create`, `update`, `save`, `delete`; update and save mean the same to us.
    #[serde(deserialize_with = "null_is_default")]
    pub action: String,
    /// The object's key.
    #[serde(deserialize_with = "null_is_default")]
    pub key: String,
    /// Who caused it, free text.
    #[serde(deserialize_with = "null_is_default")]
    pub principal: String,
    /// The object after the event.
    #[serde(deserialize_with = "null_is_default")]
    pub object: Value,
    /// The object before it; only update and save carry it, and not from every server.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "Value::is_null")]
    pub original: Value,
    /// Our extension for a server without a REST API: the machine's resolved parameters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub params: Option<Map<String, Value>>,
}

/// Parameters and objects hold secrets, so neither is shown.
impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Action").field("command", &self.command).field("plugin", &self.plugin).finish_non_exhaustive()
    }
}

/// Parameters and objects hold secrets, so neither is shown.
impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { time, r#type, action, key, .. } = self;
        let mut shown = f.debug_struct("Event");
        shown.field("time", time).field("type", r#type).field("action", action).field("key", key);
        shown.finish_non_exhaustive()
    }
}

/// A plugin provider's definition, as `define` prints it and `initialize` answers it.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
#[serde(rename_all = "PascalCase")]
pub struct PluginProvider {
    /// Filled in by the server.
    pub meta: Option<Map<String, Value>>,
    /// Unique; the file name that the provider was uploaded under.
    pub name: String,
    /// Semantic version with a leading `v`.
    pub version: String,
    /// The plugin protocol: 4.
    pub plugin_version: u32,
    /// Create a plugin object of the provider's name where none exists.
    pub auto_start: bool,
    /// The deprecated synchronous event delivery; always false.
    pub has_publish: bool,
    /// What can be called on which objects.
    pub available_actions: Vec<AvailableAction>,
    /// Parameters that the plugin object must have.
    pub required_params: Vec<String>,
    /// Parameters that the plugin object may have.
    pub optional_params: Vec<String>,
    /// Object types of our own: none.
    pub store_objects: Map<String, Value>,
    /// What the provider is for.
    pub documentation: String,
    /// A content bundle as YAML text, or empty.
    pub content: String,
}

/// One action in a definition.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "PascalCase")]
pub struct AvailableAction {
    /// Filled in by the server.
    pub provider: String,
    /// Prefix of the objects that it runs on.
    pub model: String,
    /// Its name.
    pub command: String,
    /// The server hides the action where one of these does not resolve.
    pub required_params: Vec<String>,
    /// Filled in by the server where they resolve.
    pub optional_params: Vec<String>,
}

/// Go encodes an unset list, map or object as null.
fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// An object of the server. serde would take a list for a struct as well, field by field.
pub(super) fn read<T: DeserializeOwned>(object: Value) -> Result<T, serde_json::Error> {
    match object {
        Value::Object(_) => serde_json::from_value(without_nulls(object)),
        _ => Err(serde::de::Error::custom("expected an object")),
    }
}

/// Go encodes an unset list, map or object as null, which means what absent means.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let filled = fields.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(filled.map(|(name, value)| (name, without_nulls(value))).collect())
        }
        Value::Array(members) => Value::Array(members.into_iter().map(without_nulls).collect()),
        leaf => leaf,
    }
}

#[cfg(test)]
mod tests {
    use super::{Action, Event};

    #[test]
    fn null_and_absent_fields_decode_as_defaults() -> Result<(), serde_json::Error> {
        let action: Action = serde_json::from_str(r#"{"Command":"powerstatus","Params":null,"Job":"x"}"#)?;
        assert_eq!((action.command.as_str(), action.params.len()), ("powerstatus", 0));
        let event: Event = serde_json::from_str(r#"{"Type":"machines","Original":null}"#)?;
        assert!(event.original.is_null() && event.params.is_none());
        Ok(())
    }

    #[test]
    fn debug_shows_neither_parameters_nor_objects() -> Result<(), serde_json::Error> {
        let action = r#"{"Command":"poweron","Params":{"p":"hunter2"},"Model":{"Params":{"p":"hunter2"}}}"#;
        let event = r#"{"Key":"k1","Params":{"p":"hunter2"},"Object":{"p":"hunter2"},"Original":{"p":"hunter2"}}"#;
        let action: Action = serde_json::from_str(action)?;
        let event: Event = serde_json::from_str(event)?;
        let shown = format!("{action:?} {event:?}");
        assert!(shown.contains("poweron") && shown.contains("k1") && !shown.contains("hunter2"), "{shown}");
        Ok(())
    }
}
