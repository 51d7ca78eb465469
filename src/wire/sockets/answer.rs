//! Answers as dr-provision reads them: a status, and one JSON value with a newline.

use hyper::StatusCode;
use hyper::body::Bytes;
use serde::Serialize;

use crate::drp::models;
use crate::wire::call::MAX_ANSWER;

/// An answer before it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
}

/// models.Error as the server's plugin framework writes it: unlike ours, its `Messages` may be null, and a success has
/// this shape too.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Told<'a> {
    model: &'a str,
    key: &'a str,
    r#type: &'a str,
    messages: Option<&'a [&'a str]>,
    code: u16,
}

impl Answer {
    /// `config`, `publish` or `stop` is done.
    pub(super) fn done() -> Self {
        told(StatusCode::OK, "", "", None)
    }

    /// There is nothing at this path for this method.
    pub(super) fn not_found(method: &str, path: &str) -> Self {
        told(StatusCode::NOT_FOUND, path, method, None)
    }

    /// The request itself is wrong.
    pub(super) fn refused(status: StatusCode, method: &str, why: &str) -> Self {
        told(status, "", method, Some(&[why]))
    }

    /// The call panicked.
    pub(super) fn panicked(method: &str, path: &str) -> Self {
        let why = "The plugin has a bug and gave this call up; its log says where.";
        told(StatusCode::INTERNAL_SERVER_ERROR, path, method, Some(&[why]))
    }

    /// The result of an action.
    pub(super) fn value(value: &impl Serialize) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) if body.len() > MAX_ANSWER => {
                let why = format!("The answer has {} bytes; at most {MAX_ANSWER} are sent.", body.len());
                Self::refused(StatusCode::INTERNAL_SERVER_ERROR, "POST", &why)
            }
            Ok(body) => Self::json(StatusCode::OK, body),
            Err(error) => {
                let why = format!("The answer could not be encoded: {error}");
                Self::refused(StatusCode::INTERNAL_SERVER_ERROR, "POST", &why)
            }
        }
    }

    /// A failure, with its code as the status. The framework wraps the failure of a `config` or `publish` into the
    /// message of another error, as JSON text; the server can only decode the outer one, which has the same shape, so
    /// here each failure is that one itself and people read a sentence.
    pub(super) fn error(error: &models::Error) -> Self {
        // A code that is no failure would be taken for success, or crash the server (0).
        let status = StatusCode::from_u16(error.code).ok().filter(|status| status.as_u16() >= 400);
        let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let models::Error { model, key, r#type, messages, .. } = error;
        let messages: Vec<&str> = messages.iter().map(String::as_str).collect();
        Self::told(status, &Told { model, key, r#type, messages: Some(&messages), code: status.as_u16() })
    }

    fn told(status: StatusCode, told: &Told<'_>) -> Self {
        // Strings and a number always encode.
        Self::json(status, serde_json::to_vec(told).unwrap_or_default())
    }

    fn json(status: StatusCode, mut body: Vec<u8>) -> Self {
        body.push(b'\n');
        Self { status, body: body.into() }
    }
}

fn told(status: StatusCode, key: &str, r#type: &str, messages: Option<&[&str]>) -> Answer {
    Answer::told(status, &Told { model: "", key, r#type, messages, code: status.as_u16() })
}

#[cfg(test)]
mod tests {
    use super::Answer;
    use crate::drp::models::Error;

    #[test]
    fn a_code_that_is_no_failure_is_our_bug() {
        for (code, status) in [(0, 500), (200, 500), (404, 404), (504, 504), (1000, 500)] {
            let (model, key, r#type) = ("plugin".to_owned(), "x".to_owned(), "rpc".to_owned());
            let answer = Answer::error(&Error { model, key, r#type, messages: Vec::new(), code });
            assert_eq!(answer.status.as_u16(), status);
            let code = format!("\"Code\":{status}}}\n");
            assert!(String::from_utf8_lossy(&answer.body).ends_with(&code), "{answer:?}");
        }
    }
}
