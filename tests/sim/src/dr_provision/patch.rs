//! JSON patches, applied operation by operation, with the server's words for one that fails (drp-protocol 5.3).

use json_patch::PatchOperation;
use serde_json::Value;

use super::error::Error;

/// Applies a patch to a document of an object, or none of it.
pub(super) fn apply(prefix: &str, key: &str, document: &mut Value, patch: &Value) -> Result<(), Error> {
    let refuse = |code: u16, messages: Vec<String>| Error {
        model: prefix.to_owned(),
        key: key.to_owned(),
        kind: "PATCH".to_owned(),
        messages,
        code,
    };
    let operations: Vec<PatchOperation> = serde_json::from_value(patch.clone())
        .map_err(|error| refuse(400, vec![format!("this is no patch: {error}")]))?;
    let mut patched = document.clone();
    for (line, operation) in operations.iter().enumerate() {
        if json_patch::patch(&mut patched, std::slice::from_ref(operation)).is_err() {
            // Recorded for a test; that an operation on nothing is told alike is ours to guess.
            let what = if matches!(operation, PatchOperation::Test(_)) { "Test" } else { "Patch" };
            let text = serde_json::to_string(operation).unwrap_or_default();
            return Err(refuse(
                409,
                vec![format!("Patch error at line {line}: {what} op failed."), format!("Patch line: {text}")],
            ));
        }
    }
    *document = patched;
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::apply;

    #[test]
    fn a_failed_test_leaves_everything_as_it_was_and_says_where() {
        let mut machine = json!({ "BootEnv": "local", "Name": "m" });
        let patch = json!([
            { "op": "replace", "path": "/Name", "value": "n" },
            { "op": "test", "path": "/BootEnv", "value": "sledgehammer" },
            { "op": "replace", "path": "/BootEnv", "value": "local" },
        ]);
        let error = apply("machines", "u", &mut machine, &patch).unwrap_err();
        assert_eq!((error.code, error.kind.as_str()), (409, "PATCH"));
        assert_eq!(error.messages[0], "Patch error at line 1: Test op failed.");
        assert_eq!(error.messages[1], r#"Patch line: {"op":"test","path":"/BootEnv","value":"sledgehammer"}"#);
        assert_eq!(machine["Name"], "m");
    }

    #[test]
    fn a_whole_patch_is_applied_with_escaped_keys() {
        let mut machine = json!({ "Params": { "ipmi/mode": "ipmitool" } });
        let patch = json!([
            { "op": "test", "path": "/Params", "value": { "ipmi/mode": "ipmitool" } },
            { "op": "add", "path": "/Params/ipmi~1mode", "value": "redfish" },
        ]);
        apply("machines", "u", &mut machine, &patch).unwrap();
        assert_eq!(machine, json!({ "Params": { "ipmi/mode": "redfish" } }));
    }
}
