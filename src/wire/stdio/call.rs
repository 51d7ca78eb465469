//! One call on its way: it waits for its turn, runs, reports progress, can be cancelled, may panic, and is answered.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use jsonrpsee::core::server::{AsyncMethod, MethodCallback, MethodResponse};
use jsonrpsee::types::{Id as RpcId, Params};
use jsonrpsee::{ConnectionId, Extensions, Methods};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tracing::Instrument;

use super::answer::{Outcome, Reply, outcome};
use super::fault::{Code, cancelled};
use super::log::REQUEST_SPAN;
use super::message::{Id, Invocation};
use super::methods::Method;
use super::outbox::Outbox;
use super::pending::Ticket;
use super::progress::{Newest, report_while};
use super::turns::Turn;
use crate::operation::Operation;

/// The longest answer, in bytes. A BMC's largest resource is hundreds of KiB; more is a mistake somewhere.
const MAX_ANSWER: usize = 10 * 1024 * 1024;

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
        let mut work = (self.callback)(RpcId::Null, params, ConnectionId(0), MAX_ANSWER, extensions);
        let caught = poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(response)) => Poll::Ready(Some(response)),
            Err(_) => Poll::Ready(None),
        });
        match caught.await {
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

async fn work(prepared: Prepared, id: Option<&Id>, ticket: &Ticket, mut turn: Turn, outbox: &Outbox) -> Outcome {
    let newest = Arc::new(Newest::default());
    let sink = Arc::clone(&newest);
    let operation = Arc::new(Operation::new(move |progress| sink.put(progress)));
    let is_barrier = prepared.method().is_barrier();
    let running = after_first_poll(prepared.run(Arc::clone(&operation)), || {
        if !is_barrier {
            turn.has_begun();
        }
    });
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

/// Does `work` and says when it has been polled once.
async fn after_first_poll<T>(work: impl Future<Output = T>, polled: impl FnOnce()) -> T {
    let mut work = pin!(work);
    let mut polled = Some(polled);
    poll_fn(|context| {
        let state = work.as_mut().poll(context);
        if let Some(polled) = polled.take() {
            polled();
        }
        state
    })
    .await
}
