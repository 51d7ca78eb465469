//! One answer of a BMC, and what a refusal among them means.

use std::fmt::Display;
use std::time::Duration;

use reqwest::header::{ALLOW, ETAG, HeaderMap, HeaderName, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use reqwest::{Method, StatusCode};
use secrecy::SecretString;
use serde_json::Value;

use super::message::{Message, messages, spoken};
use super::value::Resource;
use crate::bmc::error::Kind;
use crate::words::described;

/// A complete answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) location: Option<String>,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) allow: Option<String>,
    pub(crate) etag: Option<String>,
    /// Of the session that was opened.
    pub(crate) token: Option<SecretString>,
    /// Whether a refusal asks for Basic credentials (RFC 9110, 11.6.1).
    pub(crate) asks_for_basic: bool,
    pub(crate) body: Body,
}

/// What an answer carried.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    Json(Value),
    Nothing,
    /// Something else, described for people.
    Other(String),
}

impl Answer {
    pub(crate) fn new(status: StatusCode, headers: &HeaderMap, bytes: &[u8]) -> Self {
        let header = |name: HeaderName| {
            let value = headers.get(name)?.to_str().ok()?.trim();
            if value.is_empty() { None } else { Some(value.to_owned()) }
        };
        let challenges = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
        let basic = |challenge: &str| challenge.trim().get(..5).is_some_and(|word| word.eq_ignore_ascii_case("basic"));
        Self {
            status,
            location: header(LOCATION),
            retry_after: header(RETRY_AFTER).and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs),
            allow: header(ALLOW),
            etag: header(ETAG),
            token: header(HeaderName::from_static("x-auth-token")).map(SecretString::from),
            asks_for_basic: challenges.flat_map(|value| value.split(',')).any(basic),
            body: Body::read(bytes),
        }
    }

    pub(crate) fn is_success(&self) -> bool {
        self.status.is_success()
    }

    /// The body as a resource read from `path`.
    pub(crate) fn resource(self, path: &str) -> Option<Resource> {
        let Body::Json(body @ Value::Object(_)) = self.body else { return None };
        let own = body.get("@odata.etag").and_then(Value::as_str).filter(|etag| !etag.trim().is_empty());
        let etag = self.etag.or_else(|| own.map(str::to_owned));
        Some(Resource { path: path.to_owned(), etag, allow: self.allow, body })
    }

    /// The path of the resource that the body is.
    pub(crate) fn own_path(&self) -> Option<String> {
        let Body::Json(body) = &self.body else { return None };
        body.get("@odata.id").and_then(Value::as_str).map(str::to_owned)
    }

    pub(crate) fn messages(&self) -> Vec<Message> {
        match &self.body {
            Body::Json(body) => messages(body),
            _ => Vec::new(),
        }
    }
}

impl Body {
    fn read(bytes: &[u8]) -> Self {
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Self::Nothing;
        }
        match serde_json::from_slice(bytes) {
            Ok(body) => Self::Json(body),
            Err(error) => Self::Other(described(bytes, &error)),
        }
    }

    /// What was sent, as the object of "sent".
    pub(crate) fn spoken(&self) -> String {
        match self {
            Self::Json(Value::Object(_)) => "a JSON object".to_owned(),
            Self::Json(_) => "a JSON text that is no object".to_owned(),
            Self::Nothing => "nothing".to_owned(),
            Self::Other(described) => described.clone(),
        }
    }
}

/// An answer that is no success, with the request it answers.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) status: StatusCode,
    pub(crate) messages: Vec<Message>,
    sent: String,
    /// How the task ended whose end it is, or what became of each form of the request.
    ended: Option<Box<str>>,
}

/// The forms of one request that a BMC refused, in the order tried.
#[derive(Debug, Default)]
pub(crate) struct Tried(Vec<String>);

impl Tried {
    /// `form` says in which form the request was sent, without a secret: "with Image".
    pub(crate) fn add(&mut self, form: impl Display, refusal: &Refusal) {
        let Refusal { status, messages, .. } = refusal;
        let said = if messages.is_empty() { String::new() } else { format!(", {}", spoken(messages)) };
        self.0.push(format!("({}) {form}: {status}{said}", self.0.len() + 1));
    }

    /// The last refusal, told with those of the other forms, where there were others.
    pub(crate) fn told(self, last: Refusal) -> Refusal {
        let Self(forms) = self;
        if forms.len() < 2 || last.ended.is_some() {
            return last;
        }
        let told =
            format!("refused each of {} forms of {} {}: {}", forms.len(), last.method, last.path, forms.join(" "));
        Refusal { ended: Some(told.into()), ..last }
    }
}

impl Refusal {
    pub(crate) fn new(method: &Method, path: &str, answer: &Answer) -> Self {
        let messages = answer.messages();
        let sent = if messages.is_empty() && !matches!(answer.body, Body::Nothing | Body::Json(_)) {
            answer.body.spoken()
        } else {
            String::new()
        };
        Self { method: method.clone(), path: path.to_owned(), status: answer.status, messages, sent, ended: None }
    }

    /// The refusal that a task's last answer is; `ended` says how, as a predicate of the task.
    pub(crate) fn of_task(task: &str, answer: &Answer, ended: &str) -> Self {
        let ended = Some(format!("accepted it, then its task {task} {ended}").into());
        Self { ended, ..Self::new(&Method::GET, task, answer) }
    }

    /// Whether one of the messages is `key`.
    pub(crate) fn says(&self, key: &str) -> bool {
        self.messages.iter().any(|message| message.is(key))
    }

    pub(crate) fn says_any(&self, keys: &[&str]) -> bool {
        keys.iter().any(|key| self.says(key))
    }

    /// Whether one of the messages is about the property.
    pub(crate) fn mentions(&self, property: &str) -> bool {
        self.messages.iter().any(|message| message.mentions(property))
    }

    pub(crate) fn kind(&self) -> Kind {
        match self.status {
            StatusCode::CONFLICT => Kind::Conflict,
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => Kind::Busy,
            _ => Kind::Refused,
        }
    }

    /// The refusal as a predicate of the BMC: "answered 400 Bad Request to POST …: …".
    pub(crate) fn spoken(&self) -> String {
        if let Some(ended) = &self.ended {
            return ended.to_string();
        }
        let head = format!("answered {} to {} {}", self.status, self.method, self.path);
        match (self.messages.is_empty(), self.sent.is_empty()) {
            (false, _) => format!("{head}: {}", spoken(&self.messages)),
            (true, false) => format!("{head} with {}", self.sent),
            (true, true) => head,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;
    use reqwest::header::HeaderMap;
    use reqwest::{Method, StatusCode};
    use serde_json::Value;

    use super::{Answer, Body, Refusal};

    pub(crate) fn refusal(status: u16, body: &Value) -> Refusal {
        let status = StatusCode::from_u16(status).unwrap_or_default();
        let answer = Answer::new(status, &HeaderMap::new(), body.to_string().as_bytes());
        Refusal::new(&Method::POST, "/redfish/v1/X", &answer)
    }

    #[test]
    fn a_body_that_is_no_json_is_told_for_what_it_is() {
        let spoken = |bytes: &[u8]| Body::read(bytes).spoken();
        assert_eq!(spoken(b"<!DOCTYPE html><HTML><Title>503 Busy</TITLE>"), "an HTML page titled \"503 Busy\"");
        assert_eq!(spoken(b" <html>"), "an HTML page");
        assert_eq!(spoken(b"{\"Members\": ["), "a JSON text that breaks off after 13 bytes");
        assert_eq!(spoken(b"oops \x1b[2J\xff"), "10 bytes that are no JSON, starting with \"oops [2J?\"");
        assert_eq!(spoken(b"\r\n"), "nothing");
    }

    proptest! {
        #[test]
        fn any_bytes_are_described_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(!Body::read(&bytes).spoken().is_empty());
        }

        #[test]
        fn any_page_is_described_without_panic(page in "<(title|TITLE|.{0,4})>.{0,20}(</title>|).{0,5}") {
            prop_assert!(!Body::read(page.as_bytes()).spoken().is_empty());
        }
    }
}
