//! What waits for the server to take it: a bounded queue that never holds its callers up.
//!
//! What finds no room is dropped, counted and told. Log lines leave part of the queue to events: they are on stderr as
//! well.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hyper::body::Bytes;
use serde::Serialize;
use tokio::sync::mpsc;

use crate::drp::models::Event;
use crate::wire::log::LogLine;

/// Messages that may wait.
pub(super) const CAPACITY: usize = 1024;
/// Room that log lines leave to events.
const FOR_EVENTS: usize = CAPACITY / 4;
/// The longest message, in bytes. Lines are far shorter, and a machine's state is too.
const MAX_MESSAGE: usize = 1024 * 1024;

/// Where messages to the server are put. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Outbox {
    queue: mpsc::Sender<Post>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// The provider's name, for log lines.
    service: String,
    lines: AtomicU64,
    lost_lines: AtomicU64,
    lost_events: AtomicU64,
}

/// What is posted to the server.
#[derive(Clone, Debug)]
pub(super) struct Post {
    pub(super) kind: Kind,
    pub(super) body: Bytes,
}

/// Where it is posted to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Log,
    Publish,
    Leaving,
}

impl Kind {
    /// The prefix is the one of the server's code; the comment in its package has the words the other way round.
    pub(super) const fn path(self) -> &'static str {
        match self {
            Self::Log => "/api-server-plugin/v4/log",
            Self::Publish => "/api-server-plugin/v4/publish",
            Self::Leaving => "/api-server-plugin/v4/leaving",
        }
    }
}

impl Post {
    /// `None` where the content is too long.
    pub(super) fn new(kind: Kind, content: &impl Serialize) -> Option<Self> {
        let body = serde_json::to_vec(content).ok().filter(|body| body.len() <= MAX_MESSAGE)?;
        Some(Self { kind, body: body.into() })
    }
}

impl Outbox {
    /// An outbox, and the queue that is posted from it.
    pub(super) fn new(service: &str) -> (Self, mpsc::Receiver<Post>) {
        let (queue, posts) = mpsc::channel(CAPACITY);
        let shared = Shared {
            service: service.to_owned(),
            lines: AtomicU64::new(0),
            lost_lines: AtomicU64::new(0),
            lost_events: AtomicU64::new(0),
        };
        (Self { queue, shared: Arc::new(shared) }, posts)
    }

    /// Queues an event, or counts it as lost.
    pub(super) fn publish(&self, event: &Event) {
        self.put(Kind::Publish, event, 0);
    }

    /// Queues a log line, or counts it as lost.
    pub(super) fn log(&self, line: LogLine) {
        self.put(Kind::Log, &self.numbered(line), FOR_EVENTS);
    }

    fn put(&self, kind: Kind, content: &impl Serialize, reserve: usize) {
        let post = Post::new(kind, content).filter(|_| self.queue.capacity() > reserve);
        if post.is_none_or(|post| self.queue.try_send(post).is_err()) {
            self.lost(kind);
        }
    }

    fn numbered(&self, mut line: LogLine) -> LogLine {
        line.seq = self.shared.lines.fetch_add(1, Ordering::Relaxed);
        line.service.clone_from(&self.shared.service);
        line
    }

    /// Counts a message that the server does not get.
    pub(super) fn lost(&self, kind: Kind) {
        let lost = if kind == Kind::Publish { &self.shared.lost_events } else { &self.shared.lost_lines };
        lost.fetch_add(1, Ordering::Relaxed);
    }

    /// A line that says how much was lost since the last one.
    pub(super) fn losses(&self) -> Option<(String, Post)> {
        let lines = self.shared.lost_lines.swap(0, Ordering::Relaxed);
        let events = self.shared.lost_events.swap(0, Ordering::Relaxed);
        if lines == 0 && events == 0 {
            return None;
        }
        let message =
            format!("the server took too little: {lines} log lines and {events} published events did not reach it");
        let post = Post::new(Kind::Log, &self.numbered(LogLine::warning(message.clone())))?;
        Some((message, post))
    }
}

#[cfg(test)]
mod tests {
    use super::{CAPACITY, FOR_EVENTS, Kind, Outbox};
    use crate::drp::models::Event;
    use crate::wire::log::LogLine;

    #[test]
    fn what_waits_is_bounded_and_the_rest_is_counted() {
        let (outbox, mut queue) = Outbox::new("test");
        for number in 0..CAPACITY {
            outbox.log(LogLine::warning(format!("line {number}")));
        }
        for _ in 0..CAPACITY {
            outbox.publish(&Event::default());
        }
        let mut kinds = Vec::new();
        while let Ok(post) = queue.try_recv() {
            kinds.push(post.kind);
        }
        let lines = kinds.iter().filter(|kind| **kind == Kind::Log).count();
        assert_eq!((kinds.len(), lines), (CAPACITY, CAPACITY - FOR_EVENTS));
        let (told, _) = outbox.losses().unwrap();
        let lost = format!("{FOR_EVENTS} log lines and {} published events", CAPACITY - FOR_EVENTS);
        assert!(told.contains(&lost), "{told}");
        assert!(outbox.losses().is_none());
    }
}
