//! What came in: the request log, and counts.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

/// Requests kept; older ones are dropped.
const KEPT: usize = 10_000;

/// One request as it came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// GET, POST, PATCH, DELETE…
    pub method: String,
    /// The path as it was sent, with its query.
    pub path: String,
    /// The body as JSON; `Null`: empty, or no JSON.
    pub body: Value,
    /// How it was authenticated.
    pub credentials: Credentials,
    /// The `If-Match` header.
    pub if_match: Option<String>,
    /// Whether it asked for the connection to be closed.
    pub close: bool,
    /// The status answered; `None`: not yet, or never.
    pub status: Option<u16>,
    /// The connection it came on, from 1.
    pub connection: usize,
}

/// How a request was authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Credentials {
    /// Not at all.
    None,
    /// By `Authorization: Basic`.
    Basic,
    /// By `X-Auth-Token`.
    Session,
}

/// Counts since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// TCP connections accepted.
    pub accepted: usize,
    /// TLS handshakes completed.
    pub connections: usize,
    /// Of those, open now.
    pub open: usize,
    /// Requests.
    pub requests: usize,
    /// The most requests worked on at once.
    pub most_at_once: usize,
    /// Requests refused for their credentials.
    pub unauthorized: usize,
    /// Sessions ever opened.
    pub sessions_opened: usize,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) accepted: AtomicUsize,
    pub(super) connections: AtomicUsize,
    pub(super) open: AtomicUsize,
    requests: AtomicUsize,
    at_work: AtomicUsize,
    most_at_once: AtomicUsize,
    pub(super) unauthorized: AtomicUsize,
}

impl Counters {
    pub(super) fn counts(&self, sessions_opened: usize) -> Counts {
        let read = |count: &AtomicUsize| count.load(Ordering::Relaxed);
        Counts {
            accepted: read(&self.accepted),
            connections: read(&self.connections),
            open: read(&self.open),
            requests: read(&self.requests),
            most_at_once: read(&self.most_at_once),
            unauthorized: read(&self.unauthorized),
            sessions_opened,
        }
    }

    /// Counts a request for as long as the guard lives.
    pub(super) fn at_work(&self) -> AtWork<'_> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let now = self.at_work.fetch_add(1, Ordering::Relaxed) + 1;
        self.most_at_once.fetch_max(now, Ordering::Relaxed);
        AtWork(&self.at_work)
    }
}

pub(super) struct AtWork<'a>(&'a AtomicUsize);

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The last requests, in the order they came.
#[derive(Debug, Default)]
pub(super) struct Log {
    requests: VecDeque<Request>,
    /// The number of the first one kept.
    first: usize,
}

impl Log {
    pub(super) fn add(&mut self, request: Request) -> usize {
        if self.requests.len() == KEPT {
            self.requests.pop_front();
            self.first += 1;
        }
        self.requests.push_back(request);
        self.first + self.requests.len() - 1
    }

    pub(super) fn answered(&mut self, number: usize, status: u16) {
        let index = number.checked_sub(self.first);
        if let Some(request) = index.and_then(|index| self.requests.get_mut(index)) {
            request.status = Some(status);
        }
    }

    pub(super) fn requests(&self) -> Vec<Request> {
        self.requests.iter().cloned().collect()
    }

    pub(super) fn clear(&mut self) {
        self.first += self.requests.len();
        self.requests.clear();
    }
}
