//! The one place where work is admitted: how many calls run at once, and in which order they begin.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

/// Calls that run at once. Each holds about three files at its widest (a BMC's connection, a template, the ISO that
/// is written), and 256 of them stay within the 1,024 files that a process may have open by default.
const RUNNING: usize = 256;

/// Hands out turns first come, first served.
#[derive(Clone, Debug)]
pub(super) struct Turns {
    waiting: mpsc::UnboundedSender<oneshot::Sender<Turn>>,
}

impl Turns {
    /// Starts handing out turns. The queue's length is bounded by the memory that its calls were admitted with.
    pub(super) fn start() -> Self {
        let (waiting, mut queue) = mpsc::unbounded_channel::<oneshot::Sender<Turn>>();
        let running = Arc::new(Semaphore::new(RUNNING));
        tokio::spawn(async move {
            while let Some(place) = queue.recv().await {
                let Ok(permit) = Arc::clone(&running).acquire_owned().await else { return };
                let (begun, has_begun) = oneshot::channel();
                if place.send(Turn { _permit: permit, begun: Some(begun) }).is_ok() {
                    // An error says the same: the call dropped its turn's begin.
                    let _ = has_begun.await;
                }
            }
        });
        Self { waiting }
    }

    /// Takes the next place in the queue. The turn fails to come only when the runtime ends.
    pub(super) fn take_place(&self) -> oneshot::Receiver<Turn> {
        let (place, turn) = oneshot::channel();
        // Fails only together with the runtime; then the turn fails too.
        let _ = self.waiting.send(place);
        turn
    }
}

/// The right to run; dropping it lets another call run.
#[derive(Debug)]
pub(super) struct Turn {
    _permit: OwnedSemaphorePermit,
    begun: Option<oneshot::Sender<()>>,
}

impl Turn {
    /// Says that the call has begun, so that the next in the queue may begin.
    pub(super) fn has_begun(&mut self) {
        self.begun = None;
    }
}
