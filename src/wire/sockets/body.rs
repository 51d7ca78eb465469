//! A request's body: bounded in length and time, and counted against the memory that all waiting calls share.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::StatusCode;
use hyper::body::Incoming;
use serde::de::DeserializeOwned;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::answer::Answer;
use crate::wire::call::wrong_value;

/// The longest body, in bytes. A machine with all its parameters is tens of KiB, with a hardware inventory hundreds.
const MAX_BODY: usize = 4 * 1024 * 1024;

/// How long a client may take to send one.
const LIMIT: Duration = Duration::from_secs(30);

/// Text of calls that wait or run, in bytes: ten thousand machines that change at once, at about 10 KiB each.
const MEMORY: usize = 128 * 1024 * 1024;

/// What a call costs beside its text.
const OVERHEAD: u32 = 1024;

/// The memory for bodies.
#[derive(Clone, Debug)]
pub(super) struct Memory(Arc<Semaphore>);

/// A body, and its share of the memory.
#[derive(Debug)]
pub(super) struct Body {
    bytes: Vec<u8>,
    memory: OwnedSemaphorePermit,
}

impl Memory {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(MEMORY)))
    }

    /// Reads a body whole.
    pub(super) async fn read(&self, body: Incoming, method: &str) -> Result<Body, Answer> {
        let refused = |status, why: String| Err(Answer::refused(status, method, &why));
        match timeout(LIMIT, self.collect(body)).await {
            Ok(Ok(body)) => Ok(body),
            Ok(Err(Refusal::TooLong)) => {
                refused(StatusCode::PAYLOAD_TOO_LARGE, format!("A body has at most {MAX_BODY} bytes."))
            }
            Ok(Err(Refusal::Busy)) => refused(
                StatusCode::SERVICE_UNAVAILABLE,
                "Too many calls are waiting; call again when others are answered.".to_owned(),
            ),
            Ok(Err(Refusal::Broken(error))) => {
                refused(StatusCode::BAD_REQUEST, format!("The body could not be read: {error}"))
            }
            Err(_) => {
                refused(StatusCode::REQUEST_TIMEOUT, format!("The body was not sent within {} s.", LIMIT.as_secs()))
            }
        }
    }

    async fn collect(&self, mut body: Incoming) -> Result<Body, Refusal> {
        let mut memory = self.take(OVERHEAD)?;
        let mut bytes = Vec::new();
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(Refusal::Broken)?.into_data() else { continue };
            if bytes.len() + data.len() > MAX_BODY {
                return Err(Refusal::TooLong);
            }
            memory.merge(self.take(u32::try_from(data.len()).unwrap_or(u32::MAX))?);
            bytes.extend_from_slice(&data);
        }
        Ok(Body { bytes, memory })
    }

    fn take(&self, bytes: u32) -> Result<OwnedSemaphorePermit, Refusal> {
        Arc::clone(&self.0).try_acquire_many_owned(bytes).map_err(|_| Refusal::Busy)
    }
}

enum Refusal {
    TooLong,
    Busy,
    Broken(hyper::Error),
}

impl Body {
    /// Decodes it; no body and null are the empty value. The memory stays taken until the call has ended.
    pub(super) fn decode<T: DeserializeOwned + Default>(
        self,
        method: &str,
    ) -> Result<(T, OwnedSemaphorePermit), Answer> {
        let Self { bytes, memory } = self;
        if bytes.is_empty() {
            return Ok((T::default(), memory));
        }
        match serde_json::from_slice::<Option<T>>(&bytes) {
            Ok(value) => Ok((value.unwrap_or_default(), memory)),
            Err(error) => {
                let why = format!("The body cannot be decoded: {}", wrong_value(&error));
                Err(Answer::refused(StatusCode::BAD_REQUEST, method, &why))
            }
        }
    }
}
