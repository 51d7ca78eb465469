//! What the server checks of an object before it is stored, and what it makes of it.

use serde_json::Value;

use super::defaults::key_field;
use super::error::Error;
use super::judge::judge;
use super::objects::{Objects, params_of};
use super::sealed::is_sealed;
use super::{machines, names, schema};

/// Checks an object that is new or has changed, and completes it: plain values of secure Params are sealed.
///
/// # Errors
/// 422 with what is wrong (drp-protocol 5.3).
pub(super) fn admit(
    objects: &mut Objects,
    prefix: &str,
    original: Option<&Value>,
    object: &mut Value,
) -> Result<(), Error> {
    let field = key_field(prefix);
    let key = object.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    let invalid = |message: String| Error::invalid(prefix, &key, message);
    if key.is_empty() {
        return Err(invalid(format!("{field} must not be empty")));
    }
    if original.is_some_and(|original| original[field] != object[field]) {
        return Err(invalid(format!("{field} cannot be changed")));
    }
    let name = if prefix == "machines" { object["Name"].as_str().unwrap_or_default() } else { &key };
    if !names::is_name(prefix, name) {
        return Err(invalid(format!("`{name}` is no name of {prefix}")));
    }
    match prefix {
        "machines" => machines::check(objects, original, object)?,
        "params" => default_is_valid(object).map_err(invalid)?,
        _ => judge(objects, prefix, object),
    }
    params(objects, prefix, &key, original, object)
}

/// A schema's default must itself be valid (drp-protocol 2.5).
fn default_is_valid(param: &Value) -> Result<(), String> {
    let schema = &param["Schema"];
    let complaint = schema.get("default").and_then(|default| schema::complaints(schema, default));
    complaint.map_or(Ok(()), |complaint| Err(format!("the default is invalid: {complaint}")))
}

fn params(
    objects: &mut Objects,
    prefix: &str,
    key: &str,
    original: Option<&Value>,
    object: &mut Value,
) -> Result<(), Error> {
    let known = original.map(params_of).unwrap_or_default();
    for (param, value) in params_of(object) {
        if known.get(&param) == Some(&value) {
            continue;
        }
        if let Some(complaint) = schema::complaint(objects, &param, &value) {
            return Err(Error::invalid(prefix, key, complaint));
        }
        let secure = objects.get("params", &param).is_some_and(|param| param["Secure"] == true);
        if secure && !is_sealed(&value) {
            object["Params"][&param] = objects.keys.seal(prefix, key, &value);
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::is_sealed;
    use crate::dr_provision::objects::Objects;

    fn objects() -> Objects {
        let mut objects = Objects::default();
        for param in [
            json!({ "Name": "sim/count", "Schema": { "type": "integer", "default": 1 } }),
            json!({ "Name": "sim/secret", "Secure": true, "Schema": { "type": "string" } }),
        ] {
            objects.create("params", &param, "system").unwrap();
        }
        objects
    }

    #[test]
    fn what_is_wrong_is_refused_with_its_reason() {
        for (prefix, object, message) in [
            (
                "profiles",
                json!({ "Name": "p1", "Params": { "sim/count": "x" } }),
                "Invalid Parameter: sim/count: : (root): Invalid type. Expected: integer, given: string",
            ),
            ("profiles", json!({}), "Name must not be empty"),
            ("tasks", json!({ "Name": "a:b" }), "`a:b` is no name of tasks"),
            (
                "params",
                json!({ "Name": "aa", "Schema": { "type": "string", "default": 1 } }),
                "the default is invalid: (root): Invalid type. Expected: string, given: integer",
            ),
        ] {
            let error = objects().create(prefix, &object, "system").unwrap_err();
            assert_eq!((error.code, error.messages), (422, vec![message.to_owned()]), "{object}");
        }
    }

    #[test]
    fn a_secure_value_is_sealed_where_it_is_stored() {
        let mut objects = objects();
        objects.create("profiles", &json!({ "Name": "p1", "Params": { "sim/secret": "calvin" } }), "system").unwrap();
        let stored = objects.get("profiles", "p1").unwrap()["Params"]["sim/secret"].clone();
        assert!(is_sealed(&stored));
        assert_eq!(objects.keys.open("profiles", "p1", &stored), Some(json!("calvin")));
    }
}
