//! One call on its way: it waits for its turn, runs, reports progress, can be cancelled, may panic, and is answered.

use std::sync::Arc;

use jsonrpsee::core::server::{AsyncMethod, MethodCallback, MethodResponse};
use jsonrpsee::types::{Id as RpcId, Params};
use jsonrpsee::{ConnectionId, Extensions, Methods};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tracing::Instrument;

use super::answer::{Outcome, Reply, outcome};
use super::fault::{Code, cancelled};
use super::message::{Id, Invocation};
use super::methods::Method;
use super::outbox::Outbox;
use super::pending::Ticket;
use super::progress::{Newest, report_while};
use crate::operation::Operation;
use crate::wire::call::{MAX_ANSWER, begin_in_turn, caught};
use crate::wire::log::REQUEST_SPAN;
use crate::wire::turns::Turn;

/// A method with the params that it is called with.
pub(super) struct Prepared {
    method: Method,
    callback: AsyncMethod<'static>,
    params: Option<String>,
}

impl Prepared {
    /// Finds the method; `None` where there is no such one.
    pub(super) fn new(methods: &Methods, invocation: Invocation) -> Option<Self> {
        let method = Method::named(&invocation.method)?;
        match methods.method(method.name())? {
            MethodCallback::Async(callback) => {
                Some(Self { method, callback: Arc::clone(callback), params: invocation.params })
            }
            _ => None,
        }
    }

    pub(super) fn method(&self) -> Method {
        self.method
    }

    /// Runs the method. A panic of its becomes an error of this call alone; the panic hook has logged it.
    pub(super) async fn run(self, operation: Arc<Operation>) -> Outcome {
        let mut extensions = Extensions::new();
        extensions.insert(operation);
        let params = Params::new(self.params.as_deref()).into_owned();
        drop(self.params);
        let work = (self.callback)(RpcId::Null, params, ConnectionId(0), MAX_ANSWER, extensions);
        match caught(work).await {
            Some(response) => outcome(MethodResponse::as_json(&response)),
            None => Err(Code::Internal.says("the plugin has a bug and gave this request up; its log says where")),
        }
    }
}

/// A call that waits for its turn.
pub(super) struct Call {
    /// Ties its log lines together.
    pub(super) group: u64,
    pub(super) prepared: Prepared,
    /// `None` for a notification.
    pub(super) id: Option<Id>,
    pub(super) ticket: Ticket,
    pub(super) turn: oneshot::Receiver<Turn>,
    pub(super) reply: Reply,
    /// The memory that it was admitted with.
    pub(super) memory: OwnedSemaphorePermit,
}

impl Call {
    /// Sees the call through to its answer.
    pub(super) async fn run(self, outbox: Outbox) {
        let Self { group, prepared, id, ticket, turn, reply, memory } = self;
        let method = prepared.method();
        let span = tracing::info_span!(
            REQUEST_SPAN,
            group,
            method = method.name(),
            id = id.as_ref().map(tracing::field::display)
        );
        let work = async {
            let turn = tokio::select! {
                biased;
                () = ticket.cancelled() => return Err(cancelled(&[])),
                // Turns end only together with the runtime.
                turn = turn => turn.map_err(|_| cancelled(&[]))?,
            };
            work(prepared, id.as_ref(), &ticket, turn, &outbox).await
        };
        let outcome = work.instrument(span).await;
        drop(ticket);
        reply.send(&outcome).await;
        drop(memory);
    }
}

async fn work(prepared: Prepared, id: Option<&Id>, ticket: &Ticket, turn: Turn, outbox: &Outbox) -> Outcome {
    let newest = Arc::new(Newest::default());
    let sink = Arc::clone(&newest);
    let operation = Arc::new(Operation::new(move |progress| sink.put(progress)));
    let is_barrier = prepared.method().is_barrier();
    let running = begin_in_turn(prepared.run(Arc::clone(&operation)), turn, is_barrier);
    let reported = async {
        match id {
            Some(id) => report_while(&newest, id, outbox, running).await,
            None => running.await,
        }
    };
    let cancel = async {
        ticket.cancelled().await;
        operation.cancel();
    };
    tokio::select! {
        biased;
        outcome = reported => outcome,
        // The work is dropped by now; what it had done until then stands in the operation.
        () = cancel => Err(cancelled(&operation.steps_done())),
    }
}
