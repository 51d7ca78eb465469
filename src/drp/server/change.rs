//! Changing one parameter of a machine, so that no write of another is lost.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::Method;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};
use tracing::debug;

use super::exchange::Asking;
use super::{Server, ServerError, ServerErrorKind, address};

/// How often a change is tried on fresh state.
const TRIES: u32 = 6;

/// One line of a JSON patch (RFC 6902).
#[derive(Serialize)]
struct Line<'a> {
    op: &'static str,
    path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a RawValue>,
}

impl Server {
    /// Changes one parameter that is set directly on a machine. `change` gets the value as it is and gives the one wanted,
    /// `None` for none at all; it is called again when somebody else changed the machine in between. A value that stays
    /// as it is is not written, since each write is an event of the machine.
    ///
    /// A parameter that is there is guarded alone, so writers of other parameters do not get in the way. JSON patch has no
    /// test for "not there": the first write of a parameter is guarded by all of the machine's parameters, exactly as
    /// the server sent them.
    ///
    /// # Errors
    /// There is no such machine (any more), somebody else was first each time, or a request fails.
    pub async fn change_param(
        &self,
        uuid: &str,
        key: &str,
        mut change: impl FnMut(Option<&Value>) -> Option<Value> + Send,
    ) -> Result<(), ServerError> {
        let doing = format!("changing the parameter {key} of machine {uuid}");
        for again in 1.. {
            let Err(error) = self.try_change(&doing, uuid, key, &mut change).await else { return Ok(()) };
            // Where the connection broke it is unknown whether the patch was applied; the fresh state tells.
            let is_passing = matches!(error.kind(), ServerErrorKind::Conflict | ServerErrorKind::Unreachable);
            if !is_passing || again == TRIES {
                return Err(error);
            }
            debug!(machine = uuid, param = key, again, %error, "changing the parameter again");
            // Whoever else writes does so at its own pace; two that retry in step would meet again.
            tokio::time::sleep(Duration::from_millis(fastrand::u64(0..50 << again))).await;
        }
        Ok(())
    }

    async fn try_change(
        &self,
        doing: &str,
        uuid: &str,
        key: &str,
        change: &mut (impl FnMut(Option<&Value>) -> Option<Value> + Send),
    ) -> Result<(), ServerError> {
        let names = ["machines", uuid, "params"];
        let largest = self.0.limits.object;
        let ask = Asking { doing, method: Method::GET, names: &names, query: &[], body: None, largest };
        let sent = self.ask(&ask).await?;
        let unreadable = |error| self.no_json(doing, &sent, &error);
        let whole: &RawValue = serde_json::from_slice(&sent).map_err(unreadable)?;
        let all: Option<BTreeMap<String, &RawValue>> =
            serde_json::from_str(whole.get()).map_err(|_| self.misshapen(doing, "an object of parameters"))?;
        let held = all.as_ref().and_then(|all| all.get(key).copied());
        let before: Option<Value> =
            held.map(|held| serde_json::from_str(held.get())).transpose().map_err(unreadable)?;

        let after = change(before.as_ref());
        if after == before {
            return Ok(());
        }
        let after = after.map(|after| to_raw_value(&after)).transpose().map_err(unreadable)?;
        let body = patch(key, whole, held, after.as_deref()).map_err(unreadable)?;
        self.ask(&Asking { method: Method::PATCH, body: Some(body), ..ask }).await?;
        Ok(())
    }
}

/// The patch from what is held to what is wanted, under the narrowest test that there is.
fn patch(
    key: &str,
    whole: &RawValue,
    held: Option<&RawValue>,
    wanted: Option<&RawValue>,
) -> Result<String, serde_json::Error> {
    let path = address::pointer(key);
    let path = path.as_str();
    let test = match held {
        Some(held) => Line { op: "test", path, value: Some(held) },
        None => Line { op: "test", path: "", value: Some(whole) },
    };
    let write = match (held, wanted) {
        (_, None) => Line { op: "remove", path, value: None },
        (Some(_), wanted) => Line { op: "replace", path, value: wanted },
        (None, wanted) => Line { op: "add", path, value: wanted },
    };
    serde_json::to_string(&[test, write])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::value::to_raw_value;
    use serde_json::{Value, json};

    use super::patch;

    /// The patch from what a machine has to what is wanted.
    fn patched(params: &Value, key: &str, wanted: Option<&Value>) -> json_patch::Patch {
        let raw = |value: &Value| to_raw_value(value).unwrap();
        let held = params.get(key).map(raw);
        let text = patch(key, &raw(params), held.as_deref(), wanted.map(raw).as_deref()).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    fn changed(params: &Value, key: &str, wanted: Option<&Value>) -> Value {
        let mut params = params.as_object().unwrap().clone();
        match wanted {
            Some(wanted) => drop(params.insert(key.to_owned(), wanted.clone())),
            None => drop(params.remove(key)),
        }
        Value::Object(params)
    }

    #[test]
    fn a_param_that_is_there_is_guarded_alone() {
        let params = json!({"virtual-media/state": {"Phase": "Idle"}, "inventory": "large"});
        let written = |wanted| serde_json::to_value(patched(&params, "virtual-media/state", wanted)).unwrap();
        let path = "/virtual-media~1state";
        assert_eq!(
            written(Some(&json!(null))),
            json!([{"op": "test", "path": path, "value": {"Phase": "Idle"}},
                                 {"op": "replace", "path": path, "value": null}])
        );
        assert_eq!(written(None)[1], json!({"op": "remove", "path": path}));
    }

    #[test]
    fn numbers_are_guarded_as_the_server_wrote_them() {
        let whole = serde_json::from_str(r#"{"n": 1.10000000000000000001, "e": 1e400}"#).unwrap();
        let text = patch("k", whole, None, Some(&to_raw_value(&7).unwrap())).unwrap();
        assert!(text.contains(r#"{"n": 1.10000000000000000001, "e": 1e400}"#), "{text}");
    }

    fn any_value() -> impl Strategy<Value = Value> {
        prop_oneof![Just(json!(null)), any::<u8>().prop_map(Value::from), "[a-z~/]{0,3}".prop_map(Value::from)]
    }

    fn any_params() -> impl Strategy<Value = Value> {
        prop::collection::btree_map("a|b|a/b|~|~1", any_value(), 0..4).prop_map(|map: BTreeMap<_, _>| json!(map))
    }

    proptest! {
        /// Applied to what was read, the patch does what was wanted; applied to anything else, it does that and
        /// nothing else, or it fails. In no case is somebody else's write of the parameter undone unseen.
        #[test]
        fn a_patch_loses_no_write(read in any_params(), meanwhile in any_params(), key in "a|b|a/b|~|~1",
                                  wanted in prop::option::of(any_value())) {
            if read.get(&key) != wanted.as_ref() {
                let patch = patched(&read, &key, wanted.as_ref());
                let apply = |to: &Value| {
                    let mut to = to.clone();
                    json_patch::patch(&mut to, &patch).map(|()| to)
                };
                prop_assert_eq!(apply(&read).unwrap(), changed(&read, &key, wanted.as_ref()));
                match apply(&meanwhile) {
                    Ok(after) => {
                        prop_assert_eq!(meanwhile.get(&key), read.get(&key));
                        prop_assert_eq!(after, changed(&meanwhile, &key, wanted.as_ref()));
                    }
                    // What is guarded is the parameter, or where it was not there, all of them.
                    Err(_) => prop_assert!(meanwhile.get(&key) != read.get(&key) || (read.get(&key).is_none() && meanwhile != read)),
                }
            }
        }
    }
}
