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
