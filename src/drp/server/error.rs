//! What went wrong with the provisioning server, said so that an operator can act on it.
//!
//! One sentence: what was being done, which server, what came back, what to do next. What the server sent is cut to
//! length, stripped of control characters and of the token before it gets here.

use std::fmt::{self, Display, Formatter};

/// What kind of trouble it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerErrorKind {
    /// What the client was made of cannot be used: endpoint, token, CA certificates.
    Setup,
    /// No connection, or one that broke.
    Unreachable,
    /// The server does not take the token (401, 403). Trying again does not help.
    TokenRefused,
    /// The object is not there (404).
    NotFound,
    /// The object changed meanwhile (409).
    Conflict,
    /// The server refused the request with this HTTP status.
    Refused(u16),
    /// No answer in time.
    Timeout,
    /// An answer that cannot be used: not JSON, of another shape, too large.
    Answer,
}

/// A request to the server that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerError {
    kind: ServerErrorKind,
    doing: String,
    server: String,
    answer: String,
    advice: Option<&'static str>,
}

impl ServerError {
    /// `doing` starts with a gerund, `answer` with a verb whose subject is the server.
    pub(super) fn new(
        kind: ServerErrorKind,
        doing: impl Into<String>,
        server: impl Into<String>,
        answer: impl Into<String>,
    ) -> Self {
        Self { kind, doing: doing.into(), server: server.into(), answer: answer.into(), advice: None }
    }

    pub(super) fn advise(mut self, advice: &'static str) -> Self {
        self.advice = Some(advice);
        self
    }

    /// What kind of trouble it is.
    #[must_use]
    pub fn kind(&self) -> ServerErrorKind {
        self.kind
    }

    /// What the operator can do next, where that is known.
    #[must_use]
    pub fn advice(&self) -> Option<&str> {
        self.advice
    }
}

impl Display for ServerError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}: the server at {} ", self.doing, self.server)?;
        match self.advice {
            // The server's own words end as sentences do.
            Some(advice) => write!(f, "{}; {advice}", self.answer.trim_end_matches('.')),
            None => f.write_str(&self.answer),
        }
    }
}

impl std::error::Error for ServerError {}
