//! The queue of each machine: at most one transition works, at most one waits, the latest wins.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard as MapGuard, PoisonError};

use tokio::sync::{Mutex as AsyncMutex, MutexGuard, watch};

use crate::machine::{MachineUuid, State, is_older};

/// The machines with transitions waiting or under way.
#[derive(Debug, Default)]
pub(super) struct Queues(Mutex<HashMap<MachineUuid, Arc<Queue>>>);

/// One machine's queue.
#[derive(Debug)]
pub(super) struct Queue {
    latest: watch::Sender<Latest>,
    /// Held while a transition works. Holds the state that it left, which is newer than what came with events that
    /// were sent meanwhile.
    turn: AsyncMutex<Option<State>>,
}

/// The event that came last, and the latest time of an event; events may come out of order.
#[derive(Clone, Debug, Default)]
struct Latest {
    ticket: u64,
    time: String,
}

/// A holder's or waiter's claim on a machine's queue; the last one to go removes it.
#[derive(Debug)]
pub(super) struct Place<'a> {
    queues: &'a Queues,
    machine: MachineUuid,
    queue: Arc<Queue>,
}

impl Queues {
    /// Whether a transition of the machine waits or works.
    pub(super) fn is_busy(&self, machine: MachineUuid) -> bool {
        self.map().contains_key(&machine)
    }

    /// A claim on the machine's queue.
    pub(super) fn place(&self, machine: MachineUuid) -> Place<'_> {
        let new = || Arc::new(Queue { latest: watch::Sender::default(), turn: AsyncMutex::new(None) });
        let queue = self.map().entry(machine).or_insert_with(new).clone();
        Place { queues: self, machine, queue }
    }

    /// The map is whole after every statement, so a poisoned lock is still good.
    fn map(&self) -> MapGuard<'_, HashMap<MachineUuid, Arc<Queue>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place<'_> {
    /// Waits for the machine's turn; `None` when a later event came meanwhile, or has come already.
    pub(super) async fn enter(&self, time: &str) -> Option<MutexGuard<'_, Option<State>>> {
        let mut latest = self.queue.latest.subscribe();
        let mut ticket = None;
        self.queue.latest.send_if_modified(|latest| {
            if is_older(time, &latest.time) {
                return false;
            }
            if !time.is_empty() {
                time.clone_into(&mut latest.time);
            }
            latest.ticket += 1;
            ticket = Some(latest.ticket);
            true
        });
        let ticket = ticket?;
        tokio::select! {
            biased;
            // The sender lives as long as the queue, so this ends only with a later ticket.
            _ = latest.wait_for(|latest| latest.ticket > ticket) => None,
            turn = self.queue.turn.lock() => Some(turn),
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut map = self.queues.map();
        // The map's and ours.
        if Arc::strong_count(&self.queue) == 2 {
            map.remove(&self.machine);
        }
    }
}
