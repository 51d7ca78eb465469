//! Runs the calls: each waits for its turn, may panic or be cancelled, and is answered once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hyper::StatusCode;
use serde_json::{Map, Value};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use super::answer::Answer;
use super::body::Memory;
use crate::drp::models::{Action, Error, Event};
use crate::operation::{Operation, Progress};
use crate::wire::Service;
use crate::wire::call::{begin_in_turn, caught, configure, cut_short};
use crate::wire::log::REQUEST_SPAN;
use crate::wire::turns::{Turn, Turns};

/// What the server can call, decoded.
#[derive(Debug)]
pub(super) enum Call {
    Config(Map<String, Value>),
    Action(Action),
    Publish(Event),
}

impl Call {
    fn name(&self) -> &'static str {
        match self {
            Self::Config(_) => "config",
            Self::Action(_) => "action",
            Self::Publish(_) => "publish",
        }
    }
}

/// The request that a call came with.
#[derive(Debug)]
pub(super) struct Origin {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) verbosity: Option<u64>,
}

/// The calls in flight.
#[derive(Debug)]
pub(super) struct Calls<S> {
    service: Arc<S>,
    turns: Turns,
    groups: AtomicU64,
    stopped: CancellationToken,
    ending: CancellationToken,
    ended: CancellationToken,
    /// What their bodies may take.
    pub(super) memory: Memory,
    /// Their tasks.
    pub(super) tasks: TaskTracker,
    /// Cancels them.
    pub(super) everything: CancellationToken,
}

impl<S: Service> Calls<S> {
    pub(super) fn new(service: Arc<S>) -> Self {
        Self {
            service,
            turns: Turns::start(),
            groups: AtomicU64::new(1),
            stopped: CancellationToken::new(),
            ending: CancellationToken::new(),
            ended: CancellationToken::new(),
            memory: Memory::new(),
            tasks: TaskTracker::new(),
            everything: CancellationToken::new(),
        }
    }

    /// The server wants the plugin to stop.
    pub(super) fn stop(&self) {
        self.stopped.cancel();
    }

    /// Waits until the server wants that.
    pub(super) async fn stopped(&self) {
        self.stopped.cancelled().await;
    }

    /// Takes no more calls from now on.
    pub(super) fn end(&self) {
        self.ending.cancel();
    }

    /// Is cancelled once no more calls are taken.
    pub(super) fn ending(&self) -> &CancellationToken {
        &self.ending
    }

    /// All calls have been answered.
    pub(super) fn have_ended(&self) {
        self.ended.cancel();
    }

    /// Is cancelled once they have.
    pub(super) fn ended(&self) -> &CancellationToken {
        &self.ended
    }

    /// Sees a call through to its answer. It goes on when the future is dropped.
    pub(super) async fn call(&self, call: Call, origin: Origin, memory: OwnedSemaphorePermit) -> Answer {
        if self.ending.is_cancelled() || self.stopped.is_cancelled() {
            let why = "The plugin is stopping and takes no more calls.";
            return Answer::refused(StatusCode::SERVICE_UNAVAILABLE, &origin.method, why);
        }
        let group = self.groups.fetch_add(1, Ordering::Relaxed);
        let span = tracing::info_span!(REQUEST_SPAN, group, method = call.name(), verbosity = origin.verbosity);
        let turn = self.turns.take_place();
        let (service, cancelled) = (Arc::clone(&self.service), self.everything.clone());
        let (reply, answer) = oneshot::channel();
        let Origin { method, path, .. } = origin;
        let gave_up = Answer::panicked(&method, &path);
        self.tasks.spawn(
            async move {
                let answer = run(&*service, call, turn, &cancelled).await;
                drop(memory);
                // Whoever asked may have left.
                let _ = reply.send(answer.unwrap_or_else(|| Answer::panicked(&method, &path)));
            }
            .instrument(span),
        );
        answer.await.unwrap_or(gave_up)
    }
}

/// Runs a call to its end or its cancel; `None` when it panics.
async fn run(
    service: &impl Service,
    call: Call,
    turn: oneshot::Receiver<Turn>,
    cancelled: &CancellationToken,
) -> Option<Answer> {
    let stopping = |steps: &[String]| {
        Answer::error(&Error {
            model: "plugin".to_owned(),
            key: service.definition().name,
            r#type: "rpc".to_owned(),
            messages: vec![format!("The plugin stops; {}.", cut_short(steps))],
            code: StatusCode::SERVICE_UNAVAILABLE.as_u16(),
        })
    };
    let turn = tokio::select! {
        biased;
        () = cancelled.cancelled() => return Some(stopping(&[])),
        turn = turn => turn,
    };
    // Turns end only together with the runtime.
    let Ok(turn) = turn else { return Some(stopping(&[])) };
    let operation = Arc::new(Operation::new(log_progress));
    let is_barrier = matches!(call, Call::Config(_));
    let work = begin_in_turn(caught(work(service, call, &operation)), turn, is_barrier);
    tokio::select! {
        biased;
        answer = work => answer,
        // The work is dropped by now; what it had done until then stands in the operation.
        () = cancel(cancelled, &operation) => Some(stopping(&operation.steps_done())),
    }
}

async fn work(service: &impl Service, call: Call, operation: &Arc<Operation>) -> Answer {
    let name = call.name();
    match call {
        Call::Config(params) => match configure(service, params).await {
            Ok(()) => Answer::done(),
            Err(error) => told(name, &error),
        },
        Call::Action(action) => match service.action(action, operation).await {
            Ok(value) => Answer::value(&value),
            // The plugin has logged it, with the machine.
            Err(error) => Answer::error(&error),
        },
        Call::Publish(event) => match service.event(event, operation).await {
            Ok(outcome) => {
                tracing::debug!(%outcome, "the event is handled");
                Answer::done()
            }
            Err(error) => told(name, &error),
        },
    }
}

/// The caller shows it to a person, or to nobody; the log keeps it.
fn told(call: &str, error: &Error) -> Answer {
    tracing::warn!(call, code = error.code, %error, "the call failed");
    Answer::error(error)
}

async fn cancel(cancelled: &CancellationToken, operation: &Operation) {
    cancelled.cancelled().await;
    operation.cancel();
}

/// This wire has no way to say how far a call is; its log does.
fn log_progress(progress: &Progress) {
    tracing::debug!(step = progress.step, percent = progress.percent, "{}", progress.message);
}
