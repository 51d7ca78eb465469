//! What both wires do around a call of the plugin: begin it in its turn, survive its panic, limit it, word its cancel.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use serde_json::error::Category;
use serde_json::{Map, Value};
use tokio::time::timeout;

use super::Service;
use super::turns::Turn;
use crate::drp::models::Error;

/// The longest answer, in bytes. A BMC's largest resource is hundreds of KiB; more is a mistake somewhere.
pub(super) const MAX_ANSWER: usize = 10 * 1024 * 1024;

/// What comes after a `config` waits for it, so it has a limit.
const CONFIG_LIMIT: Duration = Duration::from_mins(1);

/// Does `work`, and lets the next in the queue begin once this has; with `is_barrier` once it has ended.
pub(super) async fn begin_in_turn<T>(work: impl Future<Output = T>, mut turn: Turn, is_barrier: bool) -> T {
    let mut work = pin!(work);
    poll_fn(|context| {
        let state = work.as_mut().poll(context);
        if !is_barrier {
            turn.has_begun();
        }
        state
    })
    .await
}

/// Does `work`; `None` when it panics. The panic hook has logged where.
pub(super) async fn caught<T>(work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(outcome)) => Poll::Ready(Some(outcome)),
        Err(_) => Poll::Ready(None),
    })
    .await
}

/// Gives the plugin its parameters, within the limit.
pub(super) async fn configure(service: &impl Service, params: Map<String, Value>) -> Result<(), Error> {
    let late = || Error {
        model: "plugin".to_owned(),
        key: service.definition().name,
        r#type: "rpc".to_owned(),
        messages: vec![format!("The configuration was not taken over within {} s.", CONFIG_LIMIT.as_secs())],
        code: 504,
    };
    timeout(CONFIG_LIMIT, service.configure(params)).await.unwrap_or_else(|_| Err(late()))
}

/// What a cancelled call is answered after it had done `steps`.
pub(super) fn cut_short(steps: &[String]) -> String {
    match steps {
        [] => "cancelled before anything was done".to_owned(),
        steps => format!("cancelled; done so far: {}", steps.join(", ")),
    }
}

/// Why JSON could not be decoded, without the text at that place: it may be a password, and serde's own words for a
/// value of the wrong type repeat it.
pub(super) fn wrong_value(error: &serde_json::Error) -> String {
    match error.classify() {
        Category::Data => {
            format!("a value of the wrong type ends at line {} column {}", error.line(), error.column())
        }
        Category::Syntax | Category::Eof | Category::Io => error.to_string(),
    }
}
