//! models.Error: how the server says that something failed (drp-protocol 1.4, client models).

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

/// What every answer of 400 and above carries, and what plugins answer with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Error {
    /// The prefix of the object's type.
    pub model: String,
    /// The object's key.
    pub key: String,
    /// What was being done: an HTTP verb, `INVOKE`, `ValidationError`, …
    #[serde(rename = "Type")]
    pub kind: String,
    /// One sentence each.
    #[serde(deserialize_with = "null_is_none")]
    pub messages: Vec<String>,
    /// The HTTP status.
    pub code: u16,
}

impl Error {
    pub(super) fn new(code: u16, kind: &str, model: &str, key: &str, message: impl Into<String>) -> Error {
        let messages = vec![message.into()];
        Error { model: model.to_owned(), key: key.to_owned(), kind: kind.to_owned(), messages, code }
    }

    /// An object that is not there; the kind is the HTTP verb (recorded, drp-protocol 3.3).
    pub(super) fn not_found(kind: &str, model: &str, key: &str) -> Error {
        Error::new(404, kind, model, key, "Not Found")
    }

    /// A value that the server does not accept (drp-protocol 5.3).
    pub(super) fn invalid(model: &str, key: &str, message: impl Into<String>) -> Error {
        Error::new(422, "ValidationError", model, key, message)
    }
}

/// The text that `drpcli` prints after `Error: ` (drp-protocol 1.4).
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.model)?;
        if !self.key.is_empty() {
            write!(f, "/{}", self.key)?;
        }
        match self.messages.as_slice() {
            [one] => write!(f, ": {one}"),
            many => many.iter().try_for_each(|message| write!(f, "\n  {message}")),
        }
    }
}

impl std::error::Error for Error {}

fn null_is_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::Error;

    #[test]
    fn it_reads_as_drpcli_prints_it() {
        let mut error = Error::not_found("POST", "machines", "fred");
        assert_eq!(error.to_string(), "POST: machines/fred: Not Found");
        error.messages.push("Look elsewhere".to_owned());
        assert_eq!(error.to_string(), "POST: machines/fred\n  Not Found\n  Look elsewhere");
        let bare: Error = serde_json::from_str(r#"{"Type":"GET","Model":"x","Messages":null,"Code":400}"#).unwrap();
        assert_eq!((bare.to_string().as_str(), bare.code), ("GET: x", 400));
    }
}
