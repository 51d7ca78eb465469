//! Tells what a line holds: a call, a notification, a response, a batch of these, or nothing valid.
//!
//! jsonrpsee's own request types are not used for this: they read a call with a negative or fractional id as a
//! notification and so never answer it, take an array for an object, and round large ids. Parsing looks at the
//! envelope only; params stay text until the method reads them.

use std::fmt;

use jsonrpsee::types::ErrorObjectOwned;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use super::fault::Code;

/// A batch may have so many entries: more never fit a transition of a fleet, and each costs an answer.
const MAX_BATCH: usize = 1024;

/// One line's content.
#[derive(Debug)]
pub(super) enum Message {
    Single(Entry),
    Batch(Vec<Entry>),
}

/// One JSON-RPC object.
#[derive(Debug)]
pub(super) enum Entry {
    Call(Id, Invocation),
    Notification(Invocation),
    /// A response; we never call the server, so nothing waits for it. It must not be answered, or two peers
    /// that mistake each other could answer for ever.
    Response,
    /// Not a request; answered with the id where one can be read.
    Invalid(Id, ErrorObjectOwned),
}

/// A method and the JSON text of its params.
pub(super) struct Invocation {
    pub(super) method: String,
    pub(super) params: Option<String>,
}

/// The method alone: params hold passwords.
impl fmt::Debug for Invocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invocation").field("method", &self.method).finish_non_exhaustive()
    }
}

/// A request's id: the JSON text that its answer repeats, so that -1, 1.5 and 2^70 come back as they were sent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Id(Box<str>);

impl Id {
    /// The id of an answer to what could not be read.
    pub(super) fn null() -> Self {
        Self("null".into())
    }

    /// Whether it names no request in particular: such a call is answered, but cannot be cancelled.
    pub(super) fn is_null(&self) -> bool {
        &*self.0 == "null"
    }

    /// Reads an id: a string, a number or null (JSON-RPC 2.0 section 4). Equal strings are equal however escaped.
    pub(super) fn read(raw: &RawValue) -> Option<Self> {
        let text = raw.get();
        match text.as_bytes().first()? {
            b'"' => {
                let string = serde_json::from_str::<String>(text).ok()?;
                serde_json::to_string(&string).ok().map(|canonical| Self(canonical.into()))
            }
            b'-' | b'0'..=b'9' | b'n' => Some(Self(text.into())),
            _ => None,
        }
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.0.clone().into()).map_err(S::Error::custom)?.serialize(serializer)
    }
}

/// The members of a request or a response, present or not; a member that comes twice is an error.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    jsonrpc: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    method: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    params: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    result: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    error: Option<&'a RawValue>,
}

/// The id alone, of what is no request.
#[derive(Deserialize)]
struct IdOnly<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
}

/// A member that is there with the value null is present; serde's own Option would call it absent.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// Tells what `text` holds.
pub(super) fn read(text: &str) -> Message {
    if text.trim_start().starts_with('[') { read_batch(text) } else { Message::Single(read_entry(text)) }
}

fn read_batch(text: &str) -> Message {
    let invalid = |fault| Message::Single(Entry::Invalid(Id::null(), fault));
    match serde_json::from_str::<Vec<&RawValue>>(text) {
        Err(error) => invalid(not_json(&error)),
        Ok(entries) if entries.is_empty() => invalid(Code::InvalidRequest.says("the batch is empty")),
        Ok(entries) if entries.len() > MAX_BATCH => {
            let message = format!("the batch has {} entries, at most {MAX_BATCH} are taken", entries.len());
            invalid(Code::BatchTooLong.says(message))
        }
        Ok(entries) => Message::Batch(entries.into_iter().map(|entry| read_entry(entry.get())).collect()),
    }
}

fn read_entry(text: &str) -> Entry {
    let envelope = match serde_json::from_str::<&RawValue>(text) {
        Err(error) => return Entry::Invalid(Id::null(), not_json(&error)),
        // Serde would take an array's items for the members.
        Ok(raw) if !raw.get().starts_with('{') => return invalid(Id::null(), "a request is a JSON object"),
        Ok(raw) => match serde_json::from_str::<Envelope<'_>>(raw.get()) {
            Ok(envelope) => envelope,
            Err(error) => return invalid(id_of(raw), &error.to_string()),
        },
    };
    let id = envelope.id.map(Id::read);
    let answer_to = || id.clone().flatten().unwrap_or_else(Id::null);
    let Some(method) = envelope.method else {
        let is_response = envelope.result.is_some() || envelope.error.is_some();
        return if is_response { Entry::Response } else { invalid(answer_to(), "the member `method` is missing") };
    };
    if text_of(envelope.jsonrpc).as_deref() != Some("2.0") {
        return invalid(answer_to(), "the member `jsonrpc` must be \"2.0\"");
    }
    let Some(method) = text_of(Some(method)) else {
        return invalid(answer_to(), "the member `method` must be a string");
    };
    let params = match envelope.params.map(RawValue::get) {
        None | Some("null") => None,
        Some(params) if params.starts_with(['{', '[']) => Some(params.to_owned()),
        Some(_) => return invalid(answer_to(), "the member `params` must be an object"),
    };
    let invocation = Invocation { method, params };
    match id {
        None => Entry::Notification(invocation),
        Some(Some(id)) => Entry::Call(id, invocation),
        Some(None) => invalid(Id::null(), "the member `id` must be a string, a number or null"),
    }
}

fn text_of(raw: Option<&RawValue>) -> Option<String> {
    serde_json::from_str(raw?.get()).ok()
}

/// The id of an object that is no valid request; null where it is absent, invalid or there twice.
fn id_of(object: &RawValue) -> Id {
    let id = serde_json::from_str::<IdOnly<'_>>(object.get()).ok().and_then(|only| only.id);
    id.and_then(Id::read).unwrap_or_else(Id::null)
}

fn invalid(id: Id, message: &str) -> Entry {
    Entry::Invalid(id, Code::InvalidRequest.says(message))
}

fn not_json(error: &serde_json::Error) -> ErrorObjectOwned {
    Code::Parse.says(format!("the line is no JSON: {error}"))
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::{Entry, Id, Message, read};

    fn call_id(text: &str) -> Option<String> {
        match read(text) {
            Message::Single(Entry::Call(id, _)) => Some(id.to_string()),
            _ => None,
        }
    }

    #[test]
    fn an_id_comes_back_as_it_was_sent() {
        for id in ["0", "-1", "1.5", "1e400", "123456789012345678901234567890", "\"a\"", "\"\"", "null"] {
            let text = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"x"}}"#);
            assert_eq!(call_id(&text).as_deref(), Some(id));
        }
    }

    #[test]
    fn an_escaped_id_is_the_same_id() -> Result<(), serde_json::Error> {
        let plain = RawValue::from_string(r#""a""#.to_owned())?;
        let escaped = RawValue::from_string(r#""\u0061""#.to_owned())?;
        assert_eq!(Id::read(&plain), Id::read(&escaped));
        Ok(())
    }

    #[test]
    fn a_response_is_neither_a_call_nor_invalid() {
        for text in [r#"{"jsonrpc":"2.0","id":1,"result":null}"#, r#"{"id":1,"error":{"code":1,"message":""}}"#] {
            assert!(matches!(read(text), Message::Single(Entry::Response)), "{text}");
        }
    }
}
