//! The wire of dr-provision 4.x: HTTP over two unix sockets, one served by each side.
//!
//! ```text
//! TO    ─ socket ─ connections ─ mux ─ body ─ calls ─ Service
//!                                 └──── answer ──┘
//! FROM  ─ callback ─ outbox ─ log lines, published events
//! ```
//!
//! The server calls `config`, `action`, `publish` and `stop` on the first socket, which the plugin binds; the plugin
//! posts `log`, `publish` and `leaving` to the second, which the server binds. `READY!` on stdout says that the first is
//! there; nothing else is ever written to stdout. What the server's own plugin framework does is followed wherever a
//! server could depend on it.
//!
//! Where the server's side is not public, this is assumed:
//!
//! * A caller that hangs up changes nothing for its call: the framework never looked, no time limit of the server's is
//!   known, and a mount may take longer than one; a power cycle that is cut in the middle would leave a machine off. The
//!   work ends within its own limits, and a call that is sent again finds it done or waits for the same BMC.
//! * A plugin whose parent has ended, and on whose second socket nobody answers, has no server any more.

use std::io::{self, Write};
use std::os::unix::process::parent_id;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use self::calls::Calls;
use self::connections::Connections;
use self::outbox::{Outbox, Post};
pub use self::socket::SocketError;
use crate::drp::models::Error;
use crate::drp::publisher::Publisher;
use crate::wire::Service;
use crate::wire::lifecycle::{Hurried, LAST_WORDS, Signals, drain};
use crate::wire::log::ServerLog;

mod answer;
mod body;
mod callback;
mod calls;
mod connections;
mod mux;
mod outbox;
mod server_gone;
mod socket;
#[cfg(test)]
mod tests;

/// What tells the server that it can call.
const READY: &[u8] = b"READY!\n";

/// How long the server may take to hear that the plugin leaves.
const LEAVING: Duration = Duration::from_secs(5);

/// The wire before it runs: what goes out by it can be handed to the plugin and the log already.
#[derive(Debug)]
pub struct Sockets {
    to: PathBuf,
    from: PathBuf,
    outbox: Outbox,
    posts: mpsc::Receiver<Post>,
    drain: Duration,
    /// The process that started this one, asked before anything that takes time.
    parent: u32,
}

/// Why the wire did not end in order.
#[derive(Debug, thiserror::Error)]
pub enum SocketsError {
    /// The process has no signals to give.
    #[error("starting the sockets wire: {0}")]
    Start(io::Error),
    /// The socket to the plugin cannot be served.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// The server does not read our stdout.
    #[error("telling the server that the plugin is ready: {0}")]
    Ready(io::Error),
    /// A second signal came before the work had ended.
    #[error(transparent)]
    Hurried(#[from] Hurried),
    /// The plugin cannot go on.
    #[error("the plugin leaves: {0}")]
    GaveUp(Error),
    /// The server has ended without a word.
    #[error("the server that started the plugin has ended, and nobody answers on {0}; the plugin ends too")]
    ServerGone(PathBuf),
}

/// Why no more calls are taken.
#[derive(Debug)]
enum Cause {
    Stop,
    Signal,
    GaveUp(Error),
    ServerGone,
}

impl Sockets {
    /// A wire for the provider called `name` that serves `to` and calls back on `from`. What is in flight at the end
    /// may take `drain`.
    #[must_use]
    pub fn new(name: &str, to: PathBuf, from: PathBuf, drain: Duration) -> Self {
        let (outbox, posts) = Outbox::new(name);
        Self { to, from, outbox, posts, drain, parent: parent_id() }
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

    /// Serves until the server stops the plugin, a signal comes, or one of the two cannot go on.
    ///
    /// # Errors
    /// The process should exit with a failure.
    pub async fn run(self, service: impl Service) -> Result<(), SocketsError> {
        let signals = Signals::take_over().map_err(SocketsError::Start)?;
        self.run_on(service, signals, io::stdout()).await
    }

    async fn run_on(
        self,
        service: impl Service,
        mut signals: Signals,
        mut stdout: impl Write,
    ) -> Result<(), SocketsError> {
        let socket = socket::bind(&self.to)?;
        stdout.write_all(READY).and_then(|()| stdout.flush()).map_err(SocketsError::Ready)?;

        let service = Arc::new(service);
        let calls = Arc::new(Calls::new(Arc::clone(&service)));
        let connections = Connections::new();
        let accepting = AbortOnDropHandle::new(tokio::spawn(connections.clone().accept(socket, Arc::clone(&calls))));
        let flushing = CancellationToken::new();
        let posting = callback::post(self.from.clone(), self.posts, self.outbox.clone(), flushing.clone());
        let posting = AbortOnDropHandle::new(tokio::spawn(posting));

        let cause = tokio::select! {
            biased;
            () = signals.terminate() => Cause::Signal,
            () = calls.stopped() => Cause::Stop,
            error = service.gave_up() => Cause::GaveUp(error),
            () = server_gone::wait(self.parent, &self.from) => Cause::ServerGone,
        };
        if let Cause::GaveUp(error) = &cause {
            tracing::error!(code = error.code, %error, "the plugin cannot go on and leaves");
            leave(&self.from, error, &calls).await;
        }
        tracing::info!(
            cause = cause.name(),
            in_flight = calls.tasks.len(),
            "taking no more calls, ending those in flight"
        );
        calls.end();
        if accepting.await.is_err() {
            tracing::error!("taking connections ended with a panic");
        }

        let stopping = Arc::clone(&service);
        calls.tasks.spawn(calls.everything.clone().run_until_cancelled_owned(async move { stopping.stop().await }));
        calls.tasks.close();
        drain(&calls.tasks, &calls.everything, &mut signals, matches!(cause, Cause::Signal), self.drain).await?;
        calls.have_ended();
        // An answer that is not read by then never is.
        let _ = timeout(LAST_WORDS, connections.closed()).await;
        flushing.cancel();
        if timeout(LAST_WORDS, posting).await.is_err() {
            callback::tell("the server did not take the last log lines in time");
        }
        match cause {
            Cause::Stop | Cause::Signal => Ok(()),
            Cause::GaveUp(error) => Err(SocketsError::GaveUp(error)),
            Cause::ServerGone => Err(SocketsError::ServerGone(self.from)),
        }
    }
}

impl Cause {
    fn name(&self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Signal => "signal",
            Self::GaveUp(_) => "gave up",
            Self::ServerGone => "server gone",
        }
    }
}

/// Tells the server why the plugin leaves, and gives it the time to stop the plugin in order, which is what it does then.
async fn leave<S: Service>(from: &Path, error: &Error, calls: &Calls<S>) {
    match timeout(LEAVING, callback::leaving(from, error)).await {
        Ok(Ok(())) => {
            tokio::select! {
                () = calls.stopped() => {}
                () = sleep(LAST_WORDS) => {}
            }
        }
        Ok(Err(error)) => callback::tell(&format!("the server could not be told that the plugin leaves: {error}")),
        Err(_) => callback::tell("the server did not answer when it was told that the plugin leaves"),
    }
}
