//! A request as the API's parts see it, and what they answer.

use bytes::Bytes;
use hyper::{HeaderMap, Method, Uri};
use serde_json::Value;
use url::form_urlencoded;

use super::auth::Principal;
use super::error::Error;
use super::resolve::Secrets;

/// A request below `/api/v3`.
pub(super) struct Call {
    pub(super) method: Method,
    /// What follows `/api/v3/`, percent-decoded.
    pub(super) path: String,
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) principal: Principal,
}

/// What is asked in the path of a request.
pub(super) fn path_and_query(uri: &Uri) -> (String, Vec<(String, String)>) {
    // Decoding a path as a form would make spaces of its plus signs.
    let path = form_urlencoded::parse(format!("p={}", uri.path().replace('+', "%2B")).as_bytes())
        .next()
        .map(|(_, path)| path.trim_end_matches('/').to_owned())
        .unwrap_or_default();
    let query = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    (path, query)
}

impl Call {
    pub(super) fn verb(&self) -> &str {
        self.method.as_str()
    }

    /// The value of a key in the query.
    pub(super) fn query(&self, key: &str) -> Option<&str> {
        self.query.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// Whether the query asks for it: `decode=true`.
    pub(super) fn asks(&self, key: &str) -> bool {
        self.query(key) == Some("true")
    }

    /// Whether secure values are asked for in plain.
    pub(super) fn secrets(&self) -> Secrets {
        if self.asks("decode") { Secrets::Open } else { Secrets::Sealed }
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The body as JSON.
    pub(super) fn json(&self) -> Result<Value, Error> {
        serde_json::from_slice(&self.body)
            .map_err(|error| Error::new(400, self.verb(), "", &self.path, format!("the body is no JSON: {error}")))
    }
}

/// An answer.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Bytes,
}

impl Reply {
    pub(super) fn json(status: u16, value: &Value) -> Reply {
        let headers = vec![("content-type", "application/json".to_owned())];
        Reply { status, headers, body: value.to_string().into() }
    }

    pub(super) fn ok(value: &Value) -> Reply {
        Reply::json(200, value)
    }

    pub(super) fn bytes(body: Bytes) -> Reply {
        Reply { status: 200, headers: vec![("content-type", "application/octet-stream".to_owned())], body }
    }

    /// No body: 204, 304, and answers to HEAD.
    pub(super) fn empty(status: u16) -> Reply {
        Reply { status, headers: Vec::new(), body: Bytes::new() }
    }

    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Reply {
        self.headers.push((name, value.into()));
        self
    }
}

impl From<Error> for Reply {
    fn from(error: Error) -> Reply {
        let body = serde_json::to_value(&error).unwrap_or_default();
        Reply::json(error.code, &body)
    }
}
