//! The machines' states on their way to the server, as each machine's parameter `virtual-media/state`.
//!
//! A write is guarded by the value that it replaces, and an effect is applied to the value as it is now: an action by hand
//! and a transition of the same machine add to one state. A server that does not answer keeps no BMC waiting: what it did
//! not take is kept, counts as the machine's state, and is written with the next change or the next look at all machines.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio_util::task::TaskTracker;

use crate::drp::server::{Server, ServerErrorKind};
use crate::machine::params::STATE;
use crate::machine::{MachineUuid, State};

/// How long a state may be on its way before the work goes on without it.
const LIMIT: Duration = Duration::from_secs(10);

/// The states that the server has not taken, and the writes that nobody waits for.
#[derive(Debug, Default)]
pub struct Memory {
    unwritten: Mutex<HashMap<MachineUuid, State>>,
    writes: TaskTracker,
}

impl Memory {
    /// The machine's state where the server has an older one.
    #[must_use]
    pub fn newer(&self, machine: MachineUuid) -> Option<State> {
        self.unwritten().get(&machine).cloned()
    }

    /// Applies `change` to the state that the server has and writes it; answers the state that the machine has now.
    ///
    /// `ours` is the state with the change as we know it: it stands where the server cannot be asked.
    pub async fn write(
        &self,
        server: &Server,
        machine: MachineUuid,
        ours: State,
        change: impl Fn(&mut State) + Send + Sync,
    ) -> State {
        let behind = self.newer(machine).is_some();
        let mut written = ours.clone();
        let key = machine.to_string();
        let write = server.change_param(&key, STATE, |stored| {
            let mut state = if behind { ours.clone() } else { stored.map(State::from_value).unwrap_or_default() };
            let before = state.clone();
            change(&mut state);
            if state == before && !behind {
                written = before;
                return stored.cloned();
            }
            state.updated.clone_from(&ours.updated);
            written = state;
            serde_json::to_value(&written).ok()
        });
        let result = match tokio::time::timeout(LIMIT, write).await {
            Ok(result) => result.map_err(|error| (error.kind() == ServerErrorKind::NotFound, error.to_string())),
            Err(_) => Err((false, format!("no answer within {} s", LIMIT.as_secs()))),
        };
        match result {
            Ok(()) => {
                self.unwritten().remove(&machine);
                written
            }
            Err((true, _)) => {
                self.unwritten().remove(&machine);
                ours
            }
            Err((false, error)) => {
                tracing::warn!(machine = %machine, error, "the server did not take the machine's state; keeping it");
                self.unwritten().insert(machine, ours.clone());
                ours
            }
        }
    }

    /// Writes what the server did not take before.
    pub async fn catch_up(&self, server: &Server) {
        let waiting: Vec<(MachineUuid, State)> =
            self.unwritten().iter().map(|(machine, state)| (*machine, state.clone())).collect();
        for (machine, state) in waiting {
            self.write(server, machine, state, |_| ()).await;
        }
    }

    /// The writes that nobody waits for; they end before the process does.
    #[must_use]
    pub fn writes(&self) -> &TaskTracker {
        &self.writes
    }

    /// The map is whole after every statement, so a poisoned lock is still good.
    fn unwritten(&self) -> MutexGuard<'_, HashMap<MachineUuid, State>> {
        self.unwritten.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
