//! The error that each way to fail is, and what an operator can do about it.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::LOCATION;
use secrecy::ExposeSecret;
use serde_json::Value;
use url::Url;

use super::exchange::{Asking, Received};
use super::{Server, ServerError, ServerErrorKind};
use crate::words::{causes, described, quoted, root_cause, spoken, told};

/// Advice where what answers is no server of the kind we know.
pub(super) const NOT_A_SERVER: &str =
    "check that RS_ENDPOINT leads to the API port of dr-provision itself and to nothing that stands before it";

/// Why there is no complete answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// There was no connection, so the request had no effect.
    Unconnected {
        /// The certificate, or the handshake.
        is_tls: bool,
        is_late: bool,
        cause: String,
    },
    /// The connection broke under the request or its answer.
    Broken(String),
    /// No complete answer within this time.
    Silent(Duration),
    /// An answer of more bytes than this.
    TooLarge(usize),
}

impl From<reqwest::Error> for Failure {
    fn from(error: reqwest::Error) -> Self {
        let error = error.without_url();
        if !error.is_connect() {
            return Self::Broken(told(&error));
        }
        let is_tls = causes(&error).any(<dyn std::error::Error>::is::<rustls::Error>);
        let cause = if is_tls { told(&error) } else { root_cause(&error) };
        Self::Unconnected { is_tls, is_late: error.is_timeout(), cause }
    }
}

impl Server {
    pub(super) fn error(&self, kind: ServerErrorKind, doing: &str, answer: impl AsRef<str>) -> ServerError {
        ServerError::new(kind, doing, self.name(), self.without_token(answer.as_ref()))
    }

    /// The error that a request without an answer is.
    pub(super) fn failed(&self, asking: &Asking<'_>, address: &Url, failure: &Failure) -> ServerError {
        let request = format!("{} {}", asking.method, address.path());
        let error = |kind, answer: String| self.error(kind, asking.doing, answer);
        match failure {
            Failure::Unconnected { is_late: true, .. } => {
                let limit = spoken(self.0.limits.connect);
                error(ServerErrorKind::Timeout, format!("did not accept a connection within {limit}"))
                    .advise("check that dr-provision runs and that RS_ENDPOINT is its address")
            }
            Failure::Unconnected { is_tls: true, cause, .. } => {
                error(ServerErrorKind::Unreachable, format!("cannot be spoken with over TLS: {}", quoted(cause)))
                    .advise("check that the port is the API's, and give the CA that signed the server's certificate")
            }
            Failure::Unconnected { cause, .. } => {
                error(ServerErrorKind::Unreachable, format!("could not be connected to: {}", quoted(cause)))
                    .advise("check that dr-provision runs and that RS_ENDPOINT is its address")
            }
            Failure::Broken(cause) => {
                error(ServerErrorKind::Unreachable, format!("broke off its answer to {request}: {}", quoted(cause)))
                    .advise("see in its log whether dr-provision was restarted")
            }
            Failure::Silent(limit) => {
                error(ServerErrorKind::Timeout, format!("did not answer {request} within {}", spoken(*limit)))
                    .advise("see in its log what keeps dr-provision busy")
            }
            Failure::TooLarge(largest) => {
                error(ServerErrorKind::Answer, format!("answered {request} with more than {largest} bytes"))
                    .advise("check that RS_ENDPOINT leads to dr-provision itself; if it does, report that limit")
            }
        }
    }

    /// The error that an answer without success is.
    pub(super) fn refused(&self, asking: &Asking<'_>, address: &Url, received: &Received) -> ServerError {
        let Received { status, headers, body } = received;
        let said = Said::read(body);
        let answer = match &said {
            Said::Nothing => format!("answered {status} to {} {}", asking.method, address.path()),
            said => format!("answered {status} to {} {}{said}", asking.method, address.path()),
        };
        let error = |kind| self.error(kind, asking.doing, &answer);
        match *status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => error(ServerErrorKind::TokenRefused).advise(
                "RS_TOKEN has expired or lacks the right: restart the plugin, for which the server makes a new one",
            ),
            StatusCode::NOT_FOUND if matches!(said, Said::Error(_) | Said::Nothing) => error(ServerErrorKind::NotFound),
            StatusCode::NOT_FOUND => error(ServerErrorKind::Answer).advise(NOT_A_SERVER),
            StatusCode::CONFLICT => error(ServerErrorKind::Conflict),
            status if status.is_redirection() => {
                let elsewhere = headers.get(LOCATION).and_then(|to| to.to_str().ok()).unwrap_or("nowhere");
                let answer = format!("{answer}; it points to {}, which is not followed", quoted(elsewhere));
                self.error(ServerErrorKind::Refused(status.as_u16()), asking.doing, answer).advise(NOT_A_SERVER)
            }
            status => error(ServerErrorKind::Refused(status.as_u16())),
        }
    }

    /// The error that an answer of another shape is; `expected` is the object of "expected".
    pub(super) fn misshapen(&self, doing: &str, expected: &str) -> ServerError {
        self.error(ServerErrorKind::Answer, doing, format!("answered with another JSON than {expected}"))
            .advise(NOT_A_SERVER)
    }

    /// The error that an answer is which should have been JSON.
    pub(super) fn no_json(&self, doing: &str, bytes: &[u8], error: &serde_json::Error) -> ServerError {
        let sent = if bytes.is_empty() { "nothing".to_owned() } else { described(bytes, error) };
        self.error(ServerErrorKind::Answer, doing, format!("answered with {sent}")).advise(NOT_A_SERVER)
    }

    pub(super) fn no_such_address(&self, doing: &str, names: &[&str]) -> ServerError {
        let names = quoted(&names.join("/"));
        self.error(ServerErrorKind::NotFound, doing, format!("can have no object of the name {names:?}"))
    }

    /// A server may quote what it was sent.
    fn without_token(&self, text: &str) -> String {
        let token = self.0.token.expose_secret();
        if token.is_empty() { text.to_owned() } else { text.replace(token, "***") }
    }
}

/// What came with a status that is no success.
enum Said {
    Nothing,
    /// models.Error: its messages.
    Error(String),
    Other(String),
}

impl Said {
    fn read(body: &[u8]) -> Self {
        if body.iter().all(u8::is_ascii_whitespace) {
            return Self::Nothing;
        }
        let error = match serde_json::from_slice::<Value>(body) {
            Ok(error) => error,
            Err(error) => return Self::Other(described(body, &error)),
        };
        if !["Messages", "Model", "Type"].iter().any(|field| error.get(field).is_some()) {
            return Self::Other("a JSON text that is no error of its".to_owned());
        }
        let messages = error.get("Messages").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        Self::Error(quoted(&messages.collect::<Vec<_>>().join("; ")))
    }
}

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Error(messages) if !messages.is_empty() => write!(f, ": {messages}"),
            Self::Error(_) | Self::Nothing => Ok(()),
            Self::Other(sent) => write!(f, " with {sent}"),
        }
    }
}
