//! The objects that the server holds, by the prefix of their type, and the events of their changes.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::admit::admit;
use super::bundle::Bundle;
use super::defaults;
use super::error::Error;
use super::hub::{Hub, event};
use super::machines;
use super::options::Telling;
use super::sealed::Keys;

/// Everything that changes together with the events that tell of it.
#[derive(Default)]
pub(super) struct Objects {
    by_prefix: BTreeMap<String, BTreeMap<String, Value>>,
    pub(super) hub: Hub,
    pub(super) keys: Keys,
    /// Content by the bundles' names.
    pub(super) bundles: BTreeMap<String, Bundle>,
    telling: Telling,
}

/// How a change comes about, which decides the event's action (drp-protocol 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// A PATCH or PUT of the object through the API.
    Update,
    /// A params POST, or the server itself.
    Save,
}

impl Objects {
    /// None, on a server that tells of changes in this way.
    pub(super) fn new(telling: Telling) -> Objects {
        Objects { telling, ..Objects::default() }
    }

    pub(super) fn get(&self, prefix: &str, key: &str) -> Option<&Value> {
        self.by_prefix.get(prefix)?.get(key)
    }

    /// All of a type, by key.
    pub(super) fn all(&self, prefix: &str) -> impl Iterator<Item = (&String, &Value)> {
        self.by_prefix.get(prefix).into_iter().flatten()
    }

    /// The key of the object that an id names: the key itself, or `Index:value`, as in `Name:m1` (drp-protocol 3.2).
    pub(super) fn find(&self, verb: &str, prefix: &str, id: &str) -> Result<String, Error> {
        let by_index = || {
            let (index, value) = id.split_once(':')?;
            let same = |object: &Value| object.get(index).and_then(Value::as_str) == Some(value);
            self.all(prefix).find(|(_, object)| same(object)).map(|(key, _)| key.clone())
        };
        let known = self.get(prefix, id).map(|_| id.to_owned());
        known.or_else(by_index).ok_or_else(|| Error::not_found(verb, prefix, id))
    }

    /// Adds an object, with its type's defaults for what is absent, and returns its key.
    ///
    /// # Errors
    /// There is one of that key already (409, drp-protocol 5.3), or it is not admitted.
    pub(super) fn create(&mut self, prefix: &str, given: &Value, principal: &str) -> Result<String, Error> {
        let mut object = defaults::complete(prefix, given);
        let key = object[defaults::key_field(prefix)].as_str().unwrap_or_default().to_owned();
        if self.get(prefix, &key).is_some() {
            return Err(Error::new(409, "CREATE", prefix, &key, "already exists"));
        }
        admit(self, prefix, None, &mut object)?;
        self.by_prefix.entry(prefix.to_owned()).or_default().insert(key.clone(), object.clone());
        self.hub.publish(event(prefix, "create", &key, principal, &object, &Value::Null));
        Ok(key)
    }

    /// Changes an object, unless the change fails, and returns it as it is then.
    pub(super) fn change(
        &mut self,
        prefix: &str,
        key: &str,
        how: Change,
        principal: &str,
        change: impl FnOnce(&mut Value) -> Result<(), Error>,
    ) -> Result<Value, Error> {
        let original = self.get(prefix, key).cloned().ok_or_else(|| Error::not_found("PATCH", prefix, key))?;
        let mut changed = original.clone();
        change(&mut changed)?;
        if (prefix, how) == ("machines", Change::Update) {
            machines::keep_to_workflow(&original, &changed)?;
        }
        admit(self, prefix, Some(&original), &mut changed)?;
        self.by_prefix.entry(prefix.to_owned()).or_default().insert(key.to_owned(), changed.clone());
        self.tell(prefix, key, how, principal, &changed, &original);
        Ok(changed)
    }

    fn tell(&mut self, prefix: &str, key: &str, how: Change, principal: &str, object: &Value, original: &Value) {
        let usual = if how == Change::Update { "update" } else { "save" };
        let (actions, original) = match self.telling {
            Telling::UpdateOrSave => (vec![usual], original),
            Telling::Save => (vec!["save"], original),
            Telling::Twice => (vec!["update", "save"], original),
            Telling::WithoutOriginal => (vec![usual], &Value::Null),
        };
        for action in actions {
            self.hub.publish(event(prefix, action, key, principal, object, original));
        }
    }

    /// Removes an object; a delete carries no original (drp-protocol 5.1).
    pub(super) fn delete(&mut self, verb: &str, prefix: &str, key: &str, principal: &str) -> Result<Value, Error> {
        let removed = self.by_prefix.get_mut(prefix).and_then(|objects| objects.remove(key));
        let object = removed.ok_or_else(|| Error::not_found(verb, prefix, key))?;
        self.hub.publish(event(prefix, "delete", key, principal, &object, &Value::Null));
        Ok(object)
    }
}

/// The params that are set on an object itself.
pub(super) fn params_of(object: &Value) -> serde_json::Map<String, Value> {
    object.get("Params").and_then(Value::as_object).cloned().unwrap_or_default()
}

/// The strings of a list.
pub(super) fn strings(object: &Value, field: &str) -> Vec<String> {
    let list = object.get(field).and_then(Value::as_array).cloned().unwrap_or_default();
    list.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

/// Sets a param of an object; null removes it.
pub(super) fn set_param(object: &mut Value, key: &str, value: Value) {
    if !object["Params"].is_object() {
        object["Params"] = json!({});
    }
    let Some(params) = object["Params"].as_object_mut() else { return };
    if value.is_null() {
        params.remove(key);
    } else {
        params.insert(key.to_owned(), value);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::{Change, Objects, set_param};
    use crate::dr_provision::options::Telling;

    fn with_machine() -> Objects {
        with_machine_on(Telling::default())
    }

    fn with_machine_on(telling: Telling) -> Objects {
        let mut objects = Objects::new(telling);
        objects.create("bootenvs", &json!({ "Name": "local" }), "system").unwrap();
        objects.create("machines", &json!({ "Uuid": "u", "Name": "mm", "Params": { "a": 1 } }), "system").unwrap();
        objects
    }

    #[test]
    fn an_object_is_found_by_its_key_and_by_its_name() {
        let objects = with_machine();
        assert_eq!(objects.find("GET", "machines", "u").unwrap(), "u");
        assert_eq!(objects.find("GET", "machines", "Name:mm").unwrap(), "u");
        assert_eq!(objects.find("POST", "machines", "fred").unwrap_err().to_string(), "POST: machines/fred: Not Found");
    }

    #[test]
    fn a_change_tells_what_was_and_what_is_in_each_servers_way() {
        for (telling, expected) in [
            (Telling::UpdateOrSave, vec![("update", json!({ "a": 1 }))]),
            (Telling::Save, vec![("save", json!({ "a": 1 }))]),
            (Telling::Twice, vec![("update", json!({ "a": 1 })), ("save", json!({ "a": 1 }))]),
            (Telling::WithoutOriginal, vec![("update", json!(null))]),
        ] {
            let mut objects = with_machine_on(telling);
            let change = |machine: &mut serde_json::Value| {
                set_param(machine, "a", json!(2));
                Ok(())
            };
            objects.change("machines", "u", Change::Update, "system", change).unwrap();
            let events = objects.hub.events().split_off(2);
            let told: Vec<_> = events
                .iter()
                .map(|event| (event["Action"].as_str().unwrap(), event["Original"]["Params"].clone()))
                .collect();
            assert_eq!(told, expected, "{telling:?}");
            assert!(events.iter().all(|event| event["Object"]["Params"] == json!({ "a": 2 })));
        }
    }

    #[test]
    fn two_of_one_key_are_refused() {
        let again = with_machine().create("machines", &json!({ "Uuid": "u", "Name": "mm" }), "system").unwrap_err();
        assert_eq!(again.code, 409);
    }
}
