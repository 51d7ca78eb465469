//! Values held against the schema of their Param (drp-protocol 2.5, 3.3).

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{Draft, ValidationError};
use serde_json::Value;

use super::objects::Objects;
use super::sealed::is_sealed;

/// What is wrong with a param's value, in the words that were recorded: `p: : (root): Invalid type. Expected: …`. Values
/// without a Param, and sealed ones, cannot be wrong.
pub(super) fn complaint(objects: &Objects, param: &str, value: &Value) -> Option<String> {
    let schema = objects.get("params", param)?.get("Schema")?;
    if is_sealed(value) {
        return None;
    }
    complaints(schema, value).map(|complaints| format!("Invalid Parameter: {param}: : {complaints}"))
}

/// What a schema says to a value.
pub(super) fn complaints(schema: &Value, value: &Value) -> Option<String> {
    let schema = match jsonschema::options().with_draft(Draft::Draft4).build(schema) {
        Ok(schema) => schema,
        Err(error) => return Some(format!("(root): the schema is none: {error}")),
    };
    let complaints: Vec<String> = schema.iter_errors(value).map(|error| worded(&error)).collect();
    (!complaints.is_empty()).then(|| complaints.join(", "))
}

/// As the server's validator words a wrong type and a value that is not of an enumeration; the rest is in this one's.
fn worded(error: &ValidationError<'_>) -> String {
    let place = error.instance_path().as_str().trim_start_matches('/').replace('/', ".");
    let place = if place.is_empty() { "(root)".to_owned() } else { place };
    match error.kind() {
        ValidationErrorKind::Type { kind: TypeKind::Single(expected) } => {
            format!("{place}: Invalid type. Expected: {expected}, given: {}", type_of(error.instance()))
        }
        ValidationErrorKind::Enum { options } => {
            let options: Vec<String> = options.as_array().into_iter().flatten().map(ToString::to_string).collect();
            format!("{place}: {place} must be one of the following: {}", options.join(", "))
        }
        _ => format!("{place}: {error}"),
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::complaints;

    #[test]
    fn complaints_are_worded_as_recorded() {
        for (schema, value, complaint) in [
            (json!({ "type": "integer" }), json!("x"), Some("(root): Invalid type. Expected: integer, given: string")),
            (json!({ "type": "integer" }), json!(1), None),
            (json!({}), json!(null), None),
            (
                json!({ "type": "string", "enum": ["a", "b"] }),
                json!("c"),
                Some(r#"(root): (root) must be one of the following: "a", "b""#),
            ),
            (
                json!({ "properties": { "x": { "type": "boolean" } } }),
                json!({ "x": 1 }),
                Some("x: Invalid type. Expected: boolean, given: integer"),
            ),
        ] {
            assert_eq!(complaints(&schema, &value).as_deref(), complaint, "{schema} {value}");
        }
    }
}
