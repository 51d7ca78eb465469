//! One request and its answer, bounded in time and size.

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::Value;
use tokio::time::{Instant, timeout};
use tracing::debug;
use url::Url;

use super::failure::Failure;
use super::{Server, ServerError, ServerErrorKind, address};

/// How much of an answer that is an error is read; messages quote less.
const LARGEST_REFUSAL: usize = 64 << 10;

/// A request before it is sent.
pub(super) struct Asking<'a> {
    /// What for, as a gerund; errors start with it.
    pub(super) doing: &'a str,
    pub(super) method: Method,
    pub(super) names: &'a [&'a str],
    pub(super) query: &'a [(&'a str, &'a str)],
    /// JSON.
    pub(super) body: Option<String>,
    /// The largest answer, in bytes.
    pub(super) largest: usize,
}

impl Server {
    /// An object or a list, as JSON.
    pub(super) async fn get(
        &self,
        doing: &str,
        names: &[&str],
        query: &[(&str, &str)],
        largest: usize,
    ) -> Result<Value, ServerError> {
        let bytes = self.ask(&Asking { doing, method: Method::GET, names, query, body: None, largest }).await?;
        self.json(doing, &bytes)
    }

    /// The same, `None` where the server says that there is no such object.
    pub(super) async fn find(
        &self,
        doing: &str,
        names: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Option<Value>, ServerError> {
        match self.get(doing, names, query, self.0.limits.object).await {
            Err(error) if error.kind() == ServerErrorKind::NotFound => Ok(None),
            answer => answer.map(Some),
        }
    }

    /// The answer's body. A GET on a connection that breaks is sent again once, since a server that was restarted
    /// breaks all that are kept.
    pub(super) async fn ask(&self, asking: &Asking<'_>) -> Result<Vec<u8>, ServerError> {
        let address = self.address(asking)?;
        let mut received = self.exchange(asking, &address).await;
        if let Err(Failure::Broken(cause)) = &received
            && asking.method == Method::GET
        {
            debug!(server = self.name(), path = address.path(), cause, "asking again: the connection broke");
            received = self.exchange(asking, &address).await;
        }
        match received {
            Ok(received) if received.status.is_success() => Ok(received.body),
            Ok(received) => Err(self.refused(asking, &address, &received)),
            Err(failure) => Err(self.failed(asking, &address, &failure)),
        }
    }

    /// A body as the JSON that it has to be.
    pub(super) fn json(&self, doing: &str, bytes: &[u8]) -> Result<Value, ServerError> {
        serde_json::from_slice(bytes).map_err(|error| self.no_json(doing, bytes, &error))
    }

    /// Where a request goes.
    pub(super) fn address(&self, asking: &Asking<'_>) -> Result<Url, ServerError> {
        address::of(&self.0.base, asking.names, asking.query)
            .ok_or_else(|| self.no_such_address(asking.doing, asking.names))
    }

    /// A request with all that each one has.
    pub(super) fn request(&self, asking: &Asking<'_>, address: &Url) -> RequestBuilder {
        let request = self.0.http.request(asking.method.clone(), address.clone());
        let request = request.header(AUTHORIZATION, self.0.authorization.clone()).header(ACCEPT, "application/json");
        match &asking.body {
            Some(body) => request.header(CONTENT_TYPE, "application/json").body(body.clone()),
            None => request,
        }
    }

    async fn exchange(&self, asking: &Asking<'_>, address: &Url) -> Result<Received, Failure> {
        let limit = self.0.limits.request;
        let began = Instant::now();
        let whole = async { receive(self.request(asking, address).send().await?, asking.largest).await };
        let received = timeout(limit, whole).await.unwrap_or(Err(Failure::Silent(limit)))?;
        let (method, status, bytes) = (&asking.method, received.status.as_u16(), received.body.len());
        debug!(server = self.name(), %method, path = address.path(), status, bytes, took = ?began.elapsed(), "request");
        Ok(received)
    }
}

/// A complete answer.
pub(super) struct Received {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// The rest of an answer, given up as soon as it is too large.
pub(super) async fn receive(mut response: Response, largest: usize) -> Result<Received, Failure> {
    let largest = if response.status().is_success() { largest } else { LARGEST_REFUSAL };
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > largest {
            // What is left of a refusal only makes its message longer.
            if response.status().is_success() {
                return Err(Failure::TooLarge(largest));
            }
            break;
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Received { status: response.status(), headers: response.headers().clone(), body })
}
