//! A connection's reading side: takes line after line, refuses what is wrong, and sends each call on its way.

use std::convert::Infallible;
use std::future::pending;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use jsonrpsee::Methods;
use jsonrpsee::core::RegisterMethodError;
use jsonrpsee::types::ErrorObjectOwned;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::answer::{Batch, Reply};
use super::call::{Call, Prepared};
use super::fault::Code;
use super::lines::{Line, MAX_LINE};
use super::message::{Entry, Id, Invocation, Message, read};
use super::methods::{Method, register};
use super::outbox::Outbox;
use super::pending::Pending;
use crate::operation::Operation;
use crate::wire::Service;
use crate::wire::turns::Turns;

/// So many wrong lines in a row are no peer, but an echo or a wrong program at the other end.
pub const MAX_WRONG: u32 = 100;

/// Text of calls that wait or run, in bytes: ten thousand machines that change at once, at about 10 KiB each.
const MEMORY: usize = 128 * 1024 * 1024;
/// What a call costs beside its text.
const OVERHEAD: usize = 1024;

/// The reading side.
pub(super) struct Session {
    methods: Methods,
    initialized: Arc<AtomicBool>,
    turns: Turns,
    memory: Arc<Semaphore>,
    groups: AtomicU64,
    outbox: Outbox,
    /// The calls in flight.
    pub(super) pending: Pending,
    /// Their tasks.
    pub(super) tasks: TaskTracker,
    cause: OnceLock<Cause>,
    ending: CancellationToken,
}

/// Why no more calls are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// The server called `stop`.
    Stop,
    /// The server closed stdin.
    EndOfInput,
    /// A signal asked for it.
    Signal,
    /// The other end does not speak JSON-RPC.
    NoPeer,
    /// The plugin cannot go on.
    GaveUp,
}

impl Session {
    pub(super) fn new(service: Arc<impl Service>, outbox: Outbox) -> Result<Self, RegisterMethodError> {
        let initialized = Arc::<AtomicBool>::default();
        let pending = Pending::default();
        Ok(Self {
            methods: register(service, Arc::clone(&initialized), pending.clone())?,
            initialized,
            turns: Turns::start(),
            memory: Arc::new(Semaphore::new(MEMORY)),
            groups: AtomicU64::new(1),
            outbox,
            pending,
            tasks: TaskTracker::new(),
            cause: OnceLock::new(),
            ending: CancellationToken::new(),
        })
    }

    /// Takes no more calls from now on. The first cause stands.
    pub(super) fn end(&self, cause: Cause) {
        self.cause.get_or_init(|| cause);
        self.ending.cancel();
        self.tasks.close();
    }

    /// Waits until no more calls are taken.
    pub(super) async fn ended(&self) {
        self.ending.cancelled().await;
    }

    /// Why it ended, once it has.
    pub(super) fn cause(&self) -> Cause {
        self.cause.get().copied().unwrap_or(Cause::EndOfInput)
    }

    /// Takes lines until the server closes its end, and then rests: it has nothing to return to.
    pub(super) async fn read(&self, mut lines: mpsc::Receiver<Line>) -> Infallible {
        let mut wrong = 0;
        while let Some(line) = lines.recv().await {
            wrong = if self.take(line).await { 0 } else { wrong + 1 };
            if wrong == MAX_WRONG {
                self.end(Cause::NoPeer);
                return pending().await;
            }
        }
        self.end(Cause::EndOfInput);
        pending().await
    }

    /// Takes one line and says whether it was in order.
    async fn take(&self, line: Line) -> bool {
        match line {
            Line::TooLong => {
                let message = format!("a line has at most {MAX_LINE} bytes; this one was skipped");
                self.refuse(Id::null(), Code::LineTooLong.says(message)).await
            }
            Line::NotUtf8 => self.refuse(Id::null(), Code::Parse.says("the line is no UTF-8")).await,
            Line::Text(text) => match read(&text) {
                Message::Single(entry) => self.take_single(entry, text.len()).await,
                Message::Batch(entries) => self.take_batch(entries, text.len()).await,
            },
        }
    }

    async fn take_single(&self, entry: Entry, length: usize) -> bool {
        match entry {
            Entry::Call(id, invocation) => {
                let reply = Reply::Line(id.clone(), self.outbox.clone());
                self.call(Some(id), invocation, reply, length).await;
                true
            }
            Entry::Notification(invocation) => {
                self.call(None, invocation, Reply::Nobody, length).await;
                true
            }
            Entry::Response => {
                tracing::warn!("ignoring a response: the plugin sends no requests");
                false
            }
            Entry::Invalid(id, error) => self.refuse(id, error).await,
        }
    }

    /// Each entry is a request of its own; their answers go out together.
    async fn take_batch(&self, entries: Vec<Entry>, length: usize) -> bool {
        let answers = entries.iter().filter(|entry| matches!(entry, Entry::Call(..) | Entry::Invalid(..))).count();
        let batch = Batch::new(answers, self.outbox.clone());
        let share = length / entries.len().max(1);
        let mut in_order = false;
        for entry in entries {
            match entry {
                Entry::Call(id, invocation) => {
                    let reply = Reply::Batch(id.clone(), batch.place());
                    self.call(Some(id), invocation, reply, share).await;
                    in_order = true;
                }
                Entry::Notification(invocation) => {
                    self.call(None, invocation, Reply::Nobody, share).await;
                    in_order = true;
                }
                Entry::Response => tracing::warn!("ignoring a response: the plugin sends no requests"),
                Entry::Invalid(id, error) => Reply::Batch(id, batch.place()).send(&Err(error)).await,
            }
        }
        in_order
    }

    async fn refuse(&self, id: Id, error: ErrorObjectOwned) -> bool {
        tracing::warn!(code = error.code(), "refusing a line: {}", error.message());
        Reply::Line(id, self.outbox.clone()).send(&Err(error)).await;
        false
    }

    /// Answers a call at once, or sends it on its way.
    async fn call(&self, id: Option<Id>, invocation: Invocation, reply: Reply, length: usize) {
        let prepared = match self.admit(id.as_ref(), invocation) {
            Ok(prepared) => prepared,
            Err(error) => return reply.send(&Err(error)).await,
        };
        if prepared.method().is_immediate() {
            return self.answer_at_once(prepared, reply).await;
        }
        let cost = u32::try_from(length + OVERHEAD).unwrap_or(u32::MAX);
        let Ok(memory) = Arc::clone(&self.memory).try_acquire_many_owned(cost) else {
            let message = "too many requests are waiting; send it again when others are answered";
            return reply.send(&Err(Code::Busy.says(message))).await;
        };
        let Some(ticket) = self.pending.enter(id.as_ref()) else {
            return reply.send(&Err(duplicate())).await;
        };
        let turn = self.turns.take_place();
        let group = self.groups.fetch_add(1, Ordering::Relaxed);
        self.tasks.spawn(Call { group, prepared, id, ticket, turn, reply, memory }.run(self.outbox.clone()));
    }

    /// Says whether a call may be made now.
    fn admit(&self, id: Option<&Id>, invocation: Invocation) -> Result<Prepared, ErrorObjectOwned> {
        let name = invocation.method.clone();
        let prepared = Prepared::new(&self.methods, invocation);
        let method = prepared.as_ref().map(Prepared::method);
        if !self.initialized.load(Ordering::Acquire) && method != Some(Method::Initialize) {
            return Err(Code::NotInitialized.says(format!("`{name}` came before `initialize`")));
        }
        if self.ending.is_cancelled() && method != Some(Method::Cancel) {
            return Err(Code::InvalidRequest.says("the plugin is stopping and takes no more requests"));
        }
        if id.is_some_and(|id| self.pending.contains(id)) {
            return Err(duplicate());
        }
        prepared.ok_or_else(|| Code::MethodNotFound.says(format!("there is no method `{name}`")))
    }

    async fn answer_at_once(&self, prepared: Prepared, reply: Reply) {
        let method = prepared.method();
        let outcome = prepared.run(Arc::new(Operation::unwatched())).await;
        reply.send(&outcome).await;
        match method {
            Method::Initialize if outcome.is_ok() => self.outbox.open(),
            Method::Stop => self.end(Cause::Stop),
            _ => {}
        }
    }
}

fn duplicate() -> ErrorObjectOwned {
    Code::InvalidRequest.says("duplicate request id: a request with this id is in flight")
}
