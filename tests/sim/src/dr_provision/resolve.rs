//! Where a parameter's value comes from (drp-protocol 4.5): the object, its profiles in order, its stage's profiles, the
//! stage, profile `global`, and the default of the Param's schema.
//!
//! Where the stage's own Params stand, and in which order nested profiles count, is our guess (drp-protocol 8.17).

use serde_json::{Map, Value};

use super::defaults::key_field;
use super::objects::{Objects, params_of, strings};

/// The profile that is everybody's last.
const GLOBAL: &str = "global";

/// Profiles in profiles: deep enough for all, and an end to a circle.
const DEPTH: usize = 8;

/// How values of secure Params come out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Secrets {
    /// As they are stored.
    Sealed,
    /// `decode=true`, and what actions get (drp-protocol 2.7).
    Open,
}

/// The maps that an object's parameters come from, the first one winning.
pub(super) fn sources(objects: &Objects, prefix: &str, object: &Value, secrets: Secrets) -> Vec<Map<String, Value>> {
    let own = |prefix: &str, object: &Value| match secrets {
        Secrets::Sealed => params_of(object),
        Secrets::Open => opened(objects, prefix, object),
    };
    let mut sources = vec![own(prefix, object)];
    let add_profile = |name: &str, sources: &mut Vec<_>| {
        sources.extend(nested(objects, name, DEPTH).into_iter().map(|profile| own("profiles", profile)));
    };
    for profile in strings(object, "Profiles") {
        add_profile(&profile, &mut sources);
    }
    if prefix == "machines" {
        let stage = object.get("Stage").and_then(Value::as_str).and_then(|stage| objects.get("stages", stage));
        if let Some(stage) = stage {
            for profile in strings(stage, "Profiles") {
                add_profile(&profile, &mut sources);
            }
            sources.push(own("stages", stage));
        }
    }
    add_profile(GLOBAL, &mut sources);
    sources
}

/// The params that are set on an object itself, opened.
pub(super) fn opened(objects: &Objects, prefix: &str, object: &Value) -> Map<String, Value> {
    let key = object.get(key_field(prefix)).and_then(Value::as_str).unwrap_or_default();
    objects.keys.open_all(prefix, key, params_of(object))
}

/// A profile and those in it.
fn nested<'a>(objects: &'a Objects, name: &str, depth: usize) -> Vec<&'a Value> {
    let Some(profile) = objects.get("profiles", name).filter(|_| depth > 0) else { return Vec::new() };
    let inner = strings(profile, "Profiles");
    let inner = inner.iter().flat_map(|name| nested(objects, name, depth - 1));
    std::iter::once(profile).chain(inner).collect()
}

/// A parameter's value: the first that is set, else the default.
pub(super) fn value(objects: &Objects, prefix: &str, object: &Value, key: &str, secrets: Secrets) -> Option<Value> {
    let set = sources(objects, prefix, object, secrets).into_iter().find_map(|mut source| source.remove(key));
    set.or_else(|| default(objects, key))
}

/// A parameter's value, maps merged key by key and lists appended over all that set it, the first one winning.
pub(super) fn composed(objects: &Objects, prefix: &str, object: &Value, key: &str, secrets: Secrets) -> Option<Value> {
    let values = sources(objects, prefix, object, secrets).into_iter().filter_map(|mut source| source.remove(key));
    values.chain(default(objects, key)).reduce(merge)
}

fn merge(first: Value, then: Value) -> Value {
    match (first, then) {
        (Value::Object(first), Value::Object(then)) => {
            let mut merged = then;
            for (key, value) in first {
                let under = merged.remove(&key);
                merged.insert(key, under.map_or(value.clone(), |under| merge(value, under)));
            }
            Value::Object(merged)
        }
        (Value::Array(mut first), Value::Array(then)) => {
            first.extend(then);
            Value::Array(first)
        }
        (first, _) => first,
    }
}

/// The default in a Param's schema.
pub(super) fn default(objects: &Objects, key: &str) -> Option<Value> {
    objects.get("params", key)?.get("Schema")?.get("default").cloned()
}

/// Everything that is set anywhere. Defaults are not in it: whether they are on a real server is not known (drp-protocol
/// 8.16).
pub(super) fn aggregate(objects: &Objects, prefix: &str, object: &Value, secrets: Secrets) -> Map<String, Value> {
    let mut all = Map::new();
    for source in sources(objects, prefix, object, secrets) {
        for (key, value) in source {
            all.entry(key).or_insert(value);
        }
    }
    all
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::{Value, json};

    use super::{Secrets, aggregate, composed, value};
    use crate::dr_provision::objects::Objects;

    fn server() -> (Objects, Value) {
        let mut objects = Objects::default();
        for (prefix, object) in [
            (
                "profiles",
                json!({ "Name": "global", "Params": { "g": "global", "m": "global", "map": { "c": 3, "a": 3 } } }),
            ),
            (
                "profiles",
                json!({ "Name": "p1", "Params": { "p": "p1", "map": { "a": 2, "b": 2 } }, "Profiles": ["p2"] }),
            ),
            ("profiles", json!({ "Name": "p2", "Params": { "p": "p2", "inner": "p2" }, "Profiles": ["p1"] })),
            ("profiles", json!({ "Name": "of-stage", "Params": { "s": "of-stage", "g": "of-stage" } })),
            ("stages", json!({ "Name": "st", "Params": { "s": "st", "t": "st" }, "Profiles": ["of-stage"] })),
            ("params", json!({ "Name": "pw", "Secure": true, "Schema": { "type": "string" } })),
            ("profiles", json!({ "Name": "secret", "Params": { "pw": "calvin" } })),
            ("bootenvs", json!({ "Name": "local" })),
            ("params", json!({ "Name": "dd", "Schema": { "type": "string", "default": "default" } })),
            (
                "machines",
                json!({ "Uuid": "u", "Name": "m1", "Stage": "st", "Profiles": ["p1", "secret"], "Params": { "m": "machine", "map": { "a": 1 } } }),
            ),
        ] {
            objects.create(prefix, &object, "system").unwrap();
        }
        let machine = objects.get("machines", "u").unwrap().clone();
        (objects, machine)
    }

    #[test]
    fn the_nearest_source_wins_and_the_default_is_last() {
        let (objects, machine) = server();
        for (key, expected) in [
            ("m", Some("machine")),
            ("p", Some("p1")),
            ("inner", Some("p2")),
            ("s", Some("of-stage")),
            ("t", Some("st")),
            ("g", Some("of-stage")),
            ("dd", Some("default")),
            ("none", None),
        ] {
            assert_eq!(
                value(&objects, "machines", &machine, key, Secrets::Sealed),
                expected.map(|text| json!(text)),
                "{key}"
            );
        }
        assert!(!aggregate(&objects, "machines", &machine, Secrets::Sealed).contains_key("dd"));
    }

    #[test]
    fn a_composed_map_has_the_keys_of_all() {
        let (objects, machine) = server();
        assert_eq!(
            composed(&objects, "machines", &machine, "map", Secrets::Sealed),
            Some(json!({ "a": 1, "b": 2, "c": 3 }))
        );
        assert_eq!(value(&objects, "machines", &machine, "map", Secrets::Sealed), Some(json!({ "a": 1 })));
    }

    #[test]
    fn a_secret_of_a_profile_is_opened_with_the_profiles_key() {
        let (objects, machine) = server();
        assert_eq!(value(&objects, "machines", &machine, "pw", Secrets::Open), Some(json!("calvin")));
        assert!(value(&objects, "machines", &machine, "pw", Secrets::Sealed).unwrap().is_object());
    }
}
