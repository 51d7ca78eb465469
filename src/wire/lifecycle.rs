//! What ends a long-running wire: the signals that ask for it, and how long open work may take afterwards.

use std::future;
use std::io::{self, IsTerminal};
use std::pin::pin;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long open requests may take to end, unless the command line says otherwise.
///
/// A server waits about so long before it kills: its own stdio framework waited 10 s for open requests.
pub const DRAIN: Duration = Duration::from_secs(10);

/// How long cancelled work may take to say what it had done, and the server to read the last answers.
///
/// Dropping a future is immediate; this covers a loaded host, and stays below the 2 s to 3 s that plugin hosts
/// grant between SIGTERM and SIGKILL.
pub const LAST_WORDS: Duration = Duration::from_secs(1);

/// The signals that ask this process to end.
#[derive(Debug)]
pub struct Signals(Option<Taken>);

#[derive(Debug)]
struct Taken {
    terminate: Signal,
    interrupt: Signal,
    by_hand: bool,
}

impl Signals {
    /// Takes over SIGTERM and SIGINT.
    ///
    /// SIGINT counts only where a person types on stdin: a terminal sends it to the whole process group, and a
    /// plugin must outlive its server's Ctrl-C long enough for the server to stop it in order (hashicorp/go-plugin,
    /// server.go, ignores it for the same reason).
    pub fn take_over() -> io::Result<Self> {
        Ok(Self(Some(Taken {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            by_hand: io::stdin().is_terminal(),
        })))
    }

    /// No signals: a unit test must leave Ctrl-C to the person who runs it.
    #[cfg(test)]
    pub(crate) fn none() -> Self {
        Self(None)
    }

    /// Waits for the next request to end. Cancel safe: a signal is not lost when the future is dropped.
    pub async fn terminate(&mut self) {
        let Some(taken) = &mut self.0 else { return future::pending().await };
        loop {
            tokio::select! {
                _ = taken.terminate.recv() => return,
                _ = taken.interrupt.recv() => {
                    if taken.by_hand {
                        return;
                    }
                    tracing::debug!("ignoring SIGINT: stdin is no terminal");
                }
            }
        }
    }
}

/// A second signal came before the work had ended.
#[derive(Debug, thiserror::Error)]
#[error("ended at once by a second signal; requests in flight are not answered")]
pub struct Hurried;

/// Waits for the work in flight; cancels `everything` after `limit`, or when a signal says that the server has no
/// patience. `signalled`: a signal is why the work ends.
///
/// # Errors
/// A second signal came.
pub(super) async fn drain(
    tasks: &TaskTracker,
    everything: &CancellationToken,
    signals: &mut Signals,
    mut signalled: bool,
    limit: Duration,
) -> Result<(), Hurried> {
    let mut done = pin!(tasks.wait());
    let mut limit = pin!(sleep(limit));
    loop {
        tokio::select! {
            biased;
            () = signals.terminate() => {
                if signalled {
                    return Err(Hurried);
                }
                signalled = true;
            }
            () = &mut done => return Ok(()),
            () = &mut limit => {
                if everything.is_cancelled() {
                    tracing::warn!(in_flight = tasks.len(), "some work did not stop when cancelled");
                    return Ok(());
                }
            }
        }
        if !everything.is_cancelled() {
            tracing::warn!(in_flight = tasks.len(), "cancelling what is still in flight");
        }
        everything.cancel();
        limit.as_mut().reset(Instant::now() + LAST_WORDS);
    }
}
