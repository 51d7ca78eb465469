//! The JSON-RPC wire: one message a line, requests on stdin, answers and notifications on stdout.
//!
//! ```text
//! stdin ─ lines ─ message ─ session ─ call ─ methods ─ Service
//!                              │        │ turns, pending, progress
//! stdout ──────── outbox ── answer ─────┘
//! ```
//!
//! `plugin-manifest/openrpc.json` describes the methods. Requests run side by side and are answered in any order,
//! each exactly once. jsonrpsee routes the methods; it has no stdio transport, so everything around is here.

use std::io::{self, Read, Write};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use jsonrpsee::core::RegisterMethodError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;

pub use self::fault::Code;
pub use self::lines::MAX_LINE;
pub use self::methods::{EVENTS, Method, PROTOCOLS};
pub use self::notification::Notification;
use self::outbox::{Outbox, Outgoing};
pub use self::session::MAX_WRONG;
use self::session::{Cause, Session};
use crate::drp::models::Error;
use crate::drp::publisher::Publisher;
use crate::wire::Service;
use crate::wire::lifecycle::{Hurried, LAST_WORDS, Signals, drain};
use crate::wire::log::ServerLog;

mod answer;
mod call;
mod fault;
mod lines;
mod message;
mod methods;
mod notification;
mod outbox;
mod pending;
mod progress;
mod session;
#[cfg(test)]
mod tests;

/// The wire before it runs: what goes out by it can be handed to the plugin and the log already.
#[derive(Debug)]
pub struct Stdio {
    outbox: Outbox,
    messages: mpsc::Receiver<Outgoing>,
    drain: Duration,
}

/// Why the wire did not end in order.
#[derive(Debug, thiserror::Error)]
pub enum StdioError {
    /// The process has no threads or signals to give.
    #[error("starting the stdio wire: {0}")]
    Start(#[from] io::Error),
    /// A method is registered twice.
    #[error("registering the methods: {0}")]
    Register(#[from] RegisterMethodError),
    /// The server closed our stdout, or the disk behind it is full.
    #[error("writing to the server: {0}; it seems to be gone, so the plugin ends")]
    Write(io::Error),
    /// The other end does not speak JSON-RPC.
    #[error("{MAX_WRONG} lines in a row were no requests; the other end is no JSON-RPC peer, so the plugin ends")]
    NoPeer,
    /// The plugin cannot go on.
    #[error("the plugin leaves: {0}")]
    GaveUp(Error),
    /// A second signal came before the work had ended.
    #[error(transparent)]
    Hurried(#[from] Hurried),
    /// The last answers are still in the pipe's way.
    #[error("the server did not read the last answers within {} s", LAST_WORDS.as_secs())]
    Unread,
}

impl Stdio {
    /// A wire for the provider called `name`, whose open requests may take `drain` to end after the last call.
    #[must_use]
    pub fn new(name: &str, drain: Duration) -> Self {
        let (outbox, messages) = Outbox::new(name);
        Self { outbox, messages, drain }
    }

    /// The way out for the plugin's own events.
    #[must_use]
    pub fn publisher(&self) -> Publisher {
        let outbox = self.outbox.clone();
        Publisher::new(move |event| outbox.publish(&event))
    }

    /// The layer that sends this process's log to the server.
    #[must_use]
    pub fn server_log(&self) -> ServerLog {
        let outbox = self.outbox.clone();
        ServerLog::new(move |line| outbox.log(line))
    }

    /// Serves until the server stops the plugin, closes stdin, or a signal comes.
    ///
    /// # Errors
    /// The process should exit with a failure at once; threads that still read or write must not hold it.
    pub async fn run(self, service: impl Service) -> Result<(), StdioError> {
        self.run_on(service, Signals::take_over()?, io::stdin(), io::stdout()).await
    }

    async fn run_on(
        self,
        service: impl Service,
        mut signals: Signals,
        input: impl Read + Send + 'static,
        output: impl Write + Send + 'static,
    ) -> Result<(), StdioError> {
        let mut written = outbox::write(self.messages, output)?;
        let service = Arc::new(service);
        let session = Session::new(Arc::clone(&service), self.outbox.clone())?;
        let lines = lines::start(input)?;
        // Reading goes on while the rest ends: a cancel must still arrive.
        let mut reading = pin!(session.read(lines));
        let mut gave_up = None;
        tokio::select! {
            biased;
            () = signals.terminate() => session.end(Cause::Signal),
            broken = &mut written => return Err(write_error(broken)),
            () = session.ended() => {}
            error = service.gave_up() => {
                tracing::error!(code = error.code, %error, "the plugin cannot go on and leaves");
                session.end(Cause::GaveUp);
                gave_up = Some(error);
            }
            never = &mut reading => match never {},
        }
        let cause = session.cause();
        tracing::info!(?cause, in_flight = session.tasks.len(), "taking no more requests, ending those in flight");
        let stop = async move { service.stop().await };
        session.tasks.spawn(session.pending.everything().clone().run_until_cancelled_owned(stop));
        let limit = if cause == Cause::NoPeer { Duration::ZERO } else { self.drain };
        tokio::select! {
            biased;
            drained = drain(&session.tasks, session.pending.everything(), &mut signals, cause == Cause::Signal, limit) => drained?,
            broken = &mut written => return Err(write_error(broken)),
            never = &mut reading => match never {},
        }
        tokio::select! {
            biased;
            () = signals.terminate() => return Err(Hurried.into()),
            flushed = self.outbox.end_and(&mut written) => flushed.map_err(StdioError::Write)?,
            () = sleep(LAST_WORDS) => return Err(StdioError::Unread),
        }
        match gave_up {
            Some(error) => Err(StdioError::GaveUp(error)),
            None if cause == Cause::NoPeer => Err(StdioError::NoPeer),
            None => Ok(()),
        }
    }
}

/// Why stdout ended before its time.
fn write_error(ended: Result<io::Result<()>, oneshot::error::RecvError>) -> StdioError {
    let gone = || io::Error::other("the writing thread is gone");
    StdioError::Write(ended.unwrap_or_else(|_| Err(gone())).err().unwrap_or_else(gone))
}
