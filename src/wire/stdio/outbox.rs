//! The one way out to the server: a bounded queue in front of one thread that writes stdout.
//!
//! Answers wait for room, and so hold back the work behind them while the server does not read. Notifications
//! never wait: they leave part of the queue to the answers, and what finds no room is dropped, counted and told.
//! One queue keeps the order, so an event that an action publishes is read before that action's answer.

use std::io::{self, BufWriter, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use serde::Serialize;
use tokio::sync::{mpsc, oneshot};

use super::notification::Notification;
use crate::drp::models::Event;
use crate::wire::log::LogLine;

/// Messages that may wait for the server to read them.
const CAPACITY: usize = 1024;
/// Room that events and progress leave to the answers.
const FOR_ANSWERS: usize = CAPACITY / 4;
/// Room that log lines leave to the rest: they are on stderr as well.
const FOR_OTHERS: usize = CAPACITY / 2;

/// Where messages to the server are put. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Outbox {
    queue: mpsc::Sender<Outgoing>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// The provider's name, for log lines.
    service: String,
    /// Nothing but answers goes out before the handshake: a server need not expect anything else.
    open: AtomicBool,
    lines: AtomicU64,
    lost_lines: AtomicU64,
    lost_events: AtomicU64,
}

/// What the writing thread takes from the queue.
#[derive(Debug)]
pub(super) enum Outgoing {
    Message(String),
    End,
}

impl Outbox {
    /// An outbox and the queue that [`write`] empties.
    pub(super) fn new(service: &str) -> (Self, mpsc::Receiver<Outgoing>) {
        let (queue, messages) = mpsc::channel(CAPACITY);
        let shared = Shared {
            service: service.to_owned(),
            open: AtomicBool::new(false),
            lines: AtomicU64::new(0),
            lost_lines: AtomicU64::new(0),
            lost_events: AtomicU64::new(0),
        };
        (Self { queue, shared: Arc::new(shared) }, messages)
    }

    /// Lets notifications out from now on.
    pub(super) fn open(&self) {
        self.shared.open.store(true, Ordering::Release);
    }

    /// Queues an answer as soon as there is room.
    pub(super) async fn answer(&self, answer: String) {
        // Without a receiver stdout is broken, which ends the process elsewhere.
        let _ = self.queue.send(Outgoing::Message(answer)).await;
    }

    /// Queues an event, or counts it as lost.
    pub(super) fn publish(&self, event: &Event) {
        if self.notify(Notification::Publish, event, FOR_ANSWERS) {
            self.tell_losses();
        } else {
            self.shared.lost_events.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Queues a log line, or counts it as lost.
    pub(super) fn log(&self, line: LogLine) {
        if self.log_leaving(FOR_OTHERS, line) {
            self.tell_losses();
        } else {
            self.shared.lost_lines.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn log_leaving(&self, reserve: usize, mut line: LogLine) -> bool {
        line.seq = self.shared.lines.fetch_add(1, Ordering::Relaxed);
        line.service.clone_from(&self.shared.service);
        self.notify(Notification::Log, &line, reserve)
    }

    /// Queues a progress report and says whether there was room.
    pub(super) fn progress(&self, report: &impl Serialize) -> bool {
        self.notify(Notification::Progress, report, FOR_ANSWERS)
    }

    /// Tells the writing thread to end after what is queued, and waits until all of it is written.
    pub(super) async fn end_and(&self, written: &mut oneshot::Receiver<io::Result<()>>) -> io::Result<()> {
        // See `answer`.
        let _ = self.queue.send(Outgoing::End).await;
        written.await.unwrap_or_else(|_| Err(io::Error::other("the writing thread is gone")))
    }

    /// Queues a notification if that leaves `reserve` places free.
    fn notify(&self, notification: Notification, params: &impl Serialize, reserve: usize) -> bool {
        if !self.shared.open.load(Ordering::Acquire) {
            // Nobody listens yet, so nothing is lost.
            return true;
        }
        if self.queue.capacity() <= reserve {
            return false;
        }
        match notification.message(params) {
            Ok(message) => self.queue.try_send(Outgoing::Message(message)).is_ok(),
            // Maps with string keys and plain values always encode.
            Err(_) => false,
        }
    }

    /// Says how much was lost, once there is room to say it.
    fn tell_losses(&self) {
        let lines = self.shared.lost_lines.swap(0, Ordering::Relaxed);
        let events = self.shared.lost_events.swap(0, Ordering::Relaxed);
        if lines == 0 && events == 0 {
            return;
        }
        let message =
            format!("the server read too slowly: {lines} log lines and {events} published events were not sent to it");
        if !self.log_leaving(FOR_ANSWERS, LogLine::warning(message)) {
            self.shared.lost_lines.fetch_add(lines, Ordering::Relaxed);
            self.shared.lost_events.fetch_add(events, Ordering::Relaxed);
        }
    }
}

/// Starts writing the queue's messages to `output`; the answer tells how it ended.
///
/// A thread, because a write to a pipe that nobody reads blocks and cannot be taken back.
pub(super) fn write(
    messages: mpsc::Receiver<Outgoing>,
    output: impl Write + Send + 'static,
) -> io::Result<oneshot::Receiver<io::Result<()>>> {
    let (ended, end) = oneshot::channel();
    thread::Builder::new().name("stdout".into()).spawn(move || {
        // Nobody waits for the end any more when the process is ending at once.
        let _ = ended.send(write_all(messages, output));
    })?;
    Ok(end)
}

fn write_all(mut messages: mpsc::Receiver<Outgoing>, output: impl Write) -> io::Result<()> {
    let mut output = BufWriter::with_capacity(64 * 1024, output);
    while let Some(mut outgoing) = messages.blocking_recv() {
        // What is queued already goes out in one write.
        loop {
            match outgoing {
                Outgoing::Message(message) => {
                    output.write_all(message.as_bytes())?;
                    output.write_all(b"\n")?;
                }
                Outgoing::End => return output.flush(),
            }
            match messages.try_recv() {
                Ok(next) => outgoing = next,
                Err(_) => break,
            }
        }
        output.flush()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{CAPACITY, Outbox, Outgoing};
    use crate::wire::log::LogLine;

    #[test]
    fn lost_log_lines_are_counted_and_told() {
        let (outbox, mut queue) = Outbox::new("test");
        outbox.open();
        for number in 0..CAPACITY {
            outbox.log(LogLine::warning(format!("line {number}")));
        }
        let mut sent = 0;
        while queue.try_recv().is_ok() {
            sent += 1;
        }
        outbox.log(LogLine::warning("again".to_owned()));
        assert!(matches!(queue.try_recv(), Ok(Outgoing::Message(line)) if line.contains("again")));
        let lost = format!("{} log lines", CAPACITY - sent);
        assert!(matches!(queue.try_recv(), Ok(Outgoing::Message(line)) if line.contains(&lost)));
    }

    #[test]
    fn nothing_is_notified_before_the_handshake() {
        let (outbox, mut queue) = Outbox::new("test");
        outbox.log(LogLine::warning("early".to_owned()));
        assert!(queue.try_recv().is_err());
    }

    #[tokio::test]
    async fn notifications_leave_room_for_answers() {
        let (outbox, _queue) = Outbox::new("test");
        outbox.open();
        while outbox.progress(&0) {}
        outbox.answer("{}".to_owned()).await;
    }
}
