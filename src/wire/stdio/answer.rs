//! One answer per request: its text, and where it goes.

use std::sync::{Arc, Mutex, PoisonError};

use jsonrpsee::types::ErrorObjectOwned;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::fault::Code;
use super::message::Id;
use super::outbox::Outbox;

/// How a call ended.
pub(super) type Outcome = Result<Box<RawValue>, ErrorObjectOwned>;

/// Reads the outcome out of a response of jsonrpsee.
///
/// The response carries an id of jsonrpsee's making, because its id type holds no negative or fractional number.
pub(super) fn outcome(response: &RawValue) -> Outcome {
    #[derive(Deserialize)]
    struct Response {
        result: Option<Box<RawValue>>,
        error: Option<ErrorObjectOwned>,
    }
    match serde_json::from_str(response.get()) {
        Ok(Response { error: Some(error), .. }) => Err(error),
        Ok(Response { result, .. }) => Ok(result.unwrap_or_else(|| RawValue::NULL.to_owned())),
        Err(error) => Err(Code::Internal.says(format!("the answer could not be encoded: {error}"))),
    }
}

/// The JSON text of an answer.
fn text(id: &Id, outcome: &Outcome) -> String {
    match outcome {
        Ok(result) => format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#),
        Err(error) => {
            let code = error.code();
            // Strings and raw JSON always encode.
            let error = serde_json::to_string(error)
                .unwrap_or_else(|_| format!(r#"{{"code":{code},"message":"unprintable error"}}"#));
            format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{error}}}"#)
        }
    }
}

/// Where the answer to one entry goes.
#[derive(Debug)]
pub(super) enum Reply {
    /// To the server, on a line of its own.
    Line(Id, Outbox),
    /// Into a batch's answer.
    Batch(Id, Place),
    /// Nowhere: a notification is not answered.
    Nobody,
}

impl Reply {
    pub(super) async fn send(self, outcome: &Outcome) {
        match self {
            Self::Line(id, outbox) => outbox.answer(text(&id, outcome)).await,
            Self::Batch(id, place) => place.fill(text(&id, outcome)).await,
            Self::Nobody => {
                if let Err(error) = outcome {
                    tracing::warn!(code = error.code(), "a notification failed: {}", error.message());
                }
            }
        }
    }
}

/// The answers to a batch: one line when the last of them is there.
#[derive(Debug)]
pub(super) struct Batch {
    answers: Mutex<Answers>,
    outbox: Outbox,
}

#[derive(Debug, Default)]
struct Answers {
    texts: Vec<String>,
    missing: usize,
}

impl Batch {
    /// A batch that gets `missing` answers.
    pub(super) fn new(missing: usize, outbox: Outbox) -> Arc<Self> {
        Arc::new(Self { answers: Mutex::new(Answers { texts: Vec::with_capacity(missing), missing }), outbox })
    }

    /// A place for one answer.
    pub(super) fn place(self: &Arc<Self>) -> Place {
        Place(Arc::clone(self))
    }
}

/// The place of one answer in a batch.
#[derive(Debug)]
pub(super) struct Place(Arc<Batch>);

impl Place {
    /// Fills it in the order of ending (JSON-RPC 2.0 section 6 leaves the order open).
    async fn fill(self, text: String) {
        let line = {
            let mut answers = self.0.answers.lock().unwrap_or_else(PoisonError::into_inner);
            answers.texts.push(text);
            answers.missing = answers.missing.saturating_sub(1);
            (answers.missing == 0).then(|| format!("[{}]", answers.texts.join(",")))
        };
        if let Some(line) = line {
            self.0.outbox.answer(line).await;
        }
    }
}
