//! The errors that a call can be answered with: every code, and what it means.

use jsonrpsee::types::ErrorObjectOwned;
use serde_json::{Value, json};

use crate::drp::models;
use crate::wire::call::cut_short;

/// An error code of this wire. `plugin-manifest/openrpc.json` lists the same ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// The line is no JSON, or no UTF-8.
    Parse,
    /// The JSON is no request, its id is in use, or the plugin no longer takes requests.
    InvalidRequest,
    /// No such method.
    MethodNotFound,
    /// The params do not have the method's shape.
    InvalidParams,
    /// A bug of ours.
    Internal,
    /// The action, configuration or event failed; `data` is models.Error.
    Failed,
    /// Another call came before `initialize`.
    NotInitialized,
    /// The line is longer than the limit.
    LineTooLong,
    /// The answer is longer than the limit.
    AnswerTooLong,
    /// Too many requests are waiting.
    Busy,
    /// The batch has too many entries.
    BatchTooLong,
    /// The server cancelled the request; `data.Done` lists the steps already taken.
    Cancelled,
}

impl Code {
    /// Every code that this wire answers.
    pub const ALL: [Self; 12] = [
        Self::Parse,
        Self::InvalidRequest,
        Self::MethodNotFound,
        Self::InvalidParams,
        Self::Internal,
        Self::Failed,
        Self::NotInitialized,
        Self::LineTooLong,
        Self::AnswerTooLong,
        Self::Busy,
        Self::BatchTooLong,
        Self::Cancelled,
    ];

    /// Its number: JSON-RPC 2.0 section 5.1, the language server protocol (-32002, -32800), jsonrpsee (-32007 to -32010).
    #[must_use]
    pub const fn number(self) -> i32 {
        match self {
            Self::Parse => -32700,
            Self::InvalidRequest => -32600,
            Self::MethodNotFound => -32601,
            Self::InvalidParams => -32602,
            Self::Internal => -32603,
            Self::Failed => -32000,
            Self::NotInitialized => -32002,
            Self::LineTooLong => -32007,
            Self::AnswerTooLong => -32008,
            Self::Busy => -32009,
            Self::BatchTooLong => -32010,
            Self::Cancelled => -32800,
        }
    }

    pub(super) fn says(self, message: impl Into<String>) -> ErrorObjectOwned {
        ErrorObjectOwned::owned(self.number(), message, None::<()>)
    }

    pub(super) fn with_data(self, message: impl Into<String>, data: &Value) -> ErrorObjectOwned {
        ErrorObjectOwned::owned(self.number(), message, Some(data))
    }
}

/// The answer to a request whose work failed.
pub(super) fn failed(mut error: models::Error) -> ErrorObjectOwned {
    if error.code == 0 {
        error.code = 500;
    }
    let message = if error.messages.is_empty() { error.to_string() } else { error.messages.join(" ") };
    ErrorObjectOwned::owned(Code::Failed.number(), message, Some(error))
}

/// The answer to a request that was cancelled after it had done `steps`.
pub(super) fn cancelled(steps: &[String]) -> ErrorObjectOwned {
    Code::Cancelled.with_data(cut_short(steps), &json!({ "Done": steps }))
}

#[cfg(test)]
mod tests {
    use super::failed;
    use crate::drp::models::Error;

    #[test]
    fn a_failure_without_a_code_is_our_bug() {
        let error =
            Error { model: "plugin".into(), key: "x".into(), r#type: "rpc".into(), messages: Vec::new(), code: 0 };
        assert!(failed(error).data().is_some_and(|data| data.get().contains("\"Code\":500")));
    }
}
