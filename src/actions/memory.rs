//! The machines' states on their way to the server, as each machine's parameter `virtual-media/state`.
//!
//! A write is guarded by the value that it replaces, and an effect is applied to the value as it is now: an action by hand
//! and a transition of the same machine add to one state. A server that does not answer keeps no BMC waiting: what it did
//! not take is kept, counts as the machine's state, and is written with the next change or the next look at all machines.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio_util::task::TaskTracker;

use crate::drp::server::{Server, ServerErrorKind};
use crate::machine::params::STATE;
use crate::machine::{MachineUuid, State, is_older};

/// How long a state may be on its way before the work goes on without it.
const LIMIT: Duration = Duration::from_secs(10);

/// The states that the server has not taken, the writes that nobody waits for, and the states that are worked on.
#[derive(Debug, Default)]
pub struct Memory {
    unwritten: Mutex<HashMap<MachineUuid, State>>,
    writes: TaskTracker,
    live: Mutex<HashMap<MachineUuid, Weak<Mutex<State>>>>,
}

/// A machine's state as all who work on the machine at this time have it. Over stdio the server hands it over with each
/// call, and what another call has done since is known here alone; when the last of them has ended, it is forgotten.
#[derive(Clone, Debug)]
pub struct Live(Arc<Mutex<State>>);

impl Live {
    /// The state as it is now.
    #[must_use]
    pub fn now(&self) -> State {
        self.state().clone()
    }

    /// Changes the state; answers it as it is then, where it differs.
    pub fn change(&self, change: impl Fn(&mut State)) -> Option<State> {
        let mut state = self.state();
        let before = state.clone();
        change(&mut state);
        (*state != before).then(|| {
            state.updated = jiff::Timestamp::now().to_string();
            state.clone()
        })
    }

    /// Puts what the server has in its place.
    pub fn set(&self, state: &State) {
        self.state().clone_from(state);
    }

    /// Takes over what somebody else knows, where that is newer.
    fn learn(&self, known: &State) {
        let mut state = self.state();
        if state.updated.is_empty() || is_older(&state.updated, &known.updated) {
            state.clone_from(known);
        }
    }

    /// What the lock guards is whole after every statement that matters: a change that panicked is half a change of one state.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    /// The machine's state where the server has an older one.
    #[must_use]
    pub fn newer(&self, machine: MachineUuid) -> Option<State> {
        self.unwritten().get(&machine).cloned()
    }

    /// The machine's state as it is worked on, or `known` where nobody does or that is newer.
    #[must_use]
    pub fn live(&self, machine: MachineUuid, known: &State) -> Live {
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(state) = live.get(&machine).and_then(Weak::upgrade) {
            let state = Live(state);
            state.learn(known);
            return state;
        }
        let state = Arc::new(Mutex::new(known.clone()));
        live.insert(machine, Arc::downgrade(&state));
        // Machines come and go; what nobody holds is worth no room.
        if live.len().is_power_of_two() {
            live.retain(|_, state| state.strong_count() > 0);
        }
        Live(state)
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

    /// Applies `change` to the state that the server has, or to what it has not taken yet. What cannot be written is not kept:
    /// the next change of the kind says the same anew.
    pub async fn amend(&self, server: &Server, machine: MachineUuid, change: impl Fn(&mut State) + Send + Sync) {
        if let Some(state) = self.unwritten().get_mut(&machine) {
            change(state);
            return;
        }
        let key = machine.to_string();
        let write = server.change_param(&key, STATE, |stored| {
            let mut state = stored.map(State::from_value)?;
            let before = state.clone();
            change(&mut state);
            if state == before {
                return stored.cloned();
            }
            state.updated = jiff::Timestamp::now().to_string();
            serde_json::to_value(&state).ok()
        });
        match tokio::time::timeout(LIMIT, write).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%machine, %error, "the server did not take how far a boot has come"),
            Err(_) => tracing::debug!(%machine, limit = ?LIMIT, "the server did not take how far a boot has come"),
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
