//! Progress of one request: the newest report wins, at most five a second go out, and the last is never lost.

use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::message::Id;
use super::outbox::Outbox;
use crate::operation::Progress;

/// The shortest time between two reports of a request (design: at most 5 a second).
const INTERVAL: Duration = Duration::from_millis(200);

/// The newest report that has not gone out yet.
#[derive(Debug, Default)]
pub(super) struct Newest {
    report: Mutex<Option<Progress>>,
    news: Notify,
}

impl Newest {
    /// Replaces the report; never blocks.
    pub(super) fn put(&self, progress: &Progress) {
        *self.lock() = Some(progress.clone());
        self.news.notify_one();
    }

    /// Waits until there is a report and `earliest` has come.
    async fn due(&self, earliest: Instant) {
        while self.lock().is_none() {
            self.news.notified().await;
        }
        sleep_until(earliest).await;
    }

    /// Sends the report, if there is one and the outbox has room.
    fn send(&self, id: &Id, outbox: &Outbox) {
        let Some(report) = self.lock().take() else { return };
        if !outbox.progress(&Params::new(id, &report)) {
            // Back for the next turn, unless a newer one has come meanwhile.
            self.lock().get_or_insert(report);
        }
    }

    /// An Option is valid after every statement, so a poisoned lock is still good.
    fn lock(&self) -> MutexGuard<'_, Option<Progress>> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Does `work` and sends what it reports; the last report goes out before this returns.
pub(super) async fn report_while<T>(newest: &Newest, id: &Id, outbox: &Outbox, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    let mut earliest = Instant::now();
    loop {
        tokio::select! {
            biased;
            ended = &mut work => {
                newest.send(id, outbox);
                return ended;
            }
            () = newest.due(earliest) => {
                newest.send(id, outbox);
                earliest = Instant::now() + INTERVAL;
            }
        }
    }
}

/// The params of `progress`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Params<'a> {
    #[serde(rename = "id")]
    id: &'a Id,
    step: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    percent: Option<u8>,
    message: &'a str,
}

impl<'a> Params<'a> {
    fn new(id: &'a Id, report: &'a Progress) -> Self {
        Self { id, step: report.step, percent: report.percent, message: &report.message }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use tokio::time::{Instant, sleep};

    use super::{INTERVAL, Newest, report_while};
    use crate::operation::Operation;
    use crate::wire::stdio::message::Id;
    use crate::wire::stdio::outbox::{Outbox, Outgoing};

    #[tokio::test]
    async fn a_busy_request_reports_five_times_a_second_and_its_last_word() {
        let (outbox, mut queue) = Outbox::new("test");
        outbox.open();
        let newest = Arc::new(Newest::default());
        let sink = Arc::clone(&newest);
        let operation = Operation::new(move |progress| sink.put(progress));
        let work = async {
            operation.begin("build", "writing");
            for percent in 0..100 {
                operation.percent(percent);
                sleep(Duration::from_millis(5)).await;
            }
            operation.begin("end", "the last word");
        };
        let start = Instant::now();
        report_while(&newest, &Id::null(), &outbox, work).await;
        let most = start.elapsed().as_millis() / INTERVAL.as_millis() + 2;
        let mut messages = Vec::new();
        while let Ok(Outgoing::Message(message)) = queue.try_recv() {
            messages.push(message);
        }
        assert!((2..=most).contains(&(messages.len() as u128)), "{} reports, at most {most}", messages.len());
        assert!(messages.last().is_some_and(|last| last.contains("the last word")));
    }
}
