//! The BootEnv hook: events in, decisions out, one transition at a time on each machine, the latest wins.
//!
//! Events can be lost, repeated and out of order, and our own writes cause some, so an event only triggers: what is
//! done follows from [`decide`] over the machine's state. A transition that is under way is finished before the next,
//! because a BMC half way through an insert is in no state to be asked for something else.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use tokio::sync::{Mutex as AsyncMutex, MutexGuard, watch};
use tracing::Instrument;

use crate::actions::{Call, Error, Site, transition, within};
use crate::drp::models::Event;
use crate::machine::{Change, Decision, Machine, MachineUuid, Snapshot, State, decide, params as p};
use crate::operation::Operation;

/// What came of an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Answer {
    /// The machine's UUID; the event's key where it is about no machine.
    pub machine: String,
    /// The BootEnv that the machine is in.
    pub boot_env: String,
    /// What was done.
    pub outcome: Outcome,
    /// The image that is mounted now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<url::Url>,
    /// Why nothing was done, or not everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The outcomes of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Outcome {
    /// The machine's image is mounted, verified, and booted from once.
    Mounted,
    /// Our medium is out.
    Unmounted,
    /// Everything of ours is gone.
    Cleaned,
    /// There was nothing to do.
    Ignored,
    /// A later event of the machine took this one's place before it began.
    Superseded,
}

/// The machines with transitions waiting or under way.
#[derive(Debug, Default)]
pub struct Hook {
    queues: Mutex<HashMap<MachineUuid, Arc<Queue>>>,
}

/// One machine's queue: at most one transition works, at most one waits.
#[derive(Debug)]
struct Queue {
    latest: watch::Sender<u64>,
    /// Held while a transition works. Holds the state that it left, which is newer than what came with events that
    /// were sent meanwhile.
    turn: AsyncMutex<Option<State>>,
}

impl Hook {
    /// Does what an event asks for and answers once that has ended. Dropping the future cancels the transition.
    ///
    /// # Errors
    /// The event cannot be read, or the transition failed; both with the server's code.
    pub async fn handle(&self, site: &Site, event: Event, operation: &Arc<Operation>) -> Result<Answer, Error> {
        if event.r#type != "machines" {
            return Ok(ignored(&event, "", "it is not about a machine"));
        }
        let deleted = match event.action.as_str() {
            "update" | "save" => false,
            "delete" => true,
            _ => return Ok(ignored(&event, "", "it is no update, save or delete")),
        };
        let machine = Machine::from_json(if event.object.is_null() { &event.original } else { &event.object })?;
        let params = site.params(event.params.clone().unwrap_or_default(), &machine);
        let now = Snapshot::new(&machine.bootenv, &params)?;
        let (before, after) = if deleted { (Some(now), None) } else { (before(&event), Some(now)) };
        let change =
            |state: &State| decide(&Change { before: before.clone(), after: after.clone(), state, time: &event.time });

        // What asks for nothing must not take the place of a waiting event that does.
        let told = State::from_params(&params);
        if let Decision::Ignore(reason) = change(&told) {
            return Ok(ignored(&event, &machine.bootenv, reason));
        }
        let queue = self.queue(machine.uuid);
        let result = match queue.enter().await {
            None => Ok(answer(&machine, Outcome::Superseded)),
            Some(mut turn) => {
                let state = turn.take().unwrap_or(told);
                let decision = change(&state);
                let mut call = Call { site, machine, params, operation, state };
                let result = act(&mut call, decision, &event).await;
                *turn = Some(call.state);
                result
            }
        };
        self.forget(queue);
        result
    }

    fn queue(&self, machine: MachineUuid) -> Arc<Queue> {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(Queue { latest: watch::Sender::new(0), turn: AsyncMutex::new(None) });
        queues.entry(machine).or_insert_with(new).clone()
    }

    /// Drops the queues that nobody holds, so that the map is no larger than the work at hand.
    fn forget(&self, queue: Arc<Queue>) {
        drop(queue);
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        queues.retain(|_, queue| Arc::strong_count(queue) > 1);
    }
}

impl Queue {
    /// Waits for the machine's turn; `None` when a later event came meanwhile.
    async fn enter(&self) -> Option<MutexGuard<'_, Option<State>>> {
        let mut latest = self.latest.subscribe();
        let mut ticket = 0;
        self.latest.send_modify(|number| {
            *number += 1;
            ticket = *number;
        });
        tokio::select! {
            biased;
            // The sender lives as long as the queue, so this ends only with a later ticket.
            _ = latest.wait_for(|number| *number > ticket) => None,
            turn = self.turn.lock() => Some(turn),
        }
    }
}

/// Carries out a decision within the machine's time limit and records how it ended.
async fn act(call: &mut Call<'_>, decision: Decision, event: &Event) -> Result<Answer, Error> {
    let bootenv = call.machine.bootenv.clone();
    let span = tracing::info_span!(
        "transition",
        machine = %call.machine.uuid,
        name = call.machine.name,
        bootenv,
        operation = %call.operation.id()
    );
    if !event.time.is_empty() {
        call.state.event_time.clone_from(&event.time);
    }
    let limit = call.time_limit()?;
    let operation = call.operation.clone();
    let work = async {
        match decision {
            Decision::Ignore(reason) => Ok(ignored(event, &bootenv, reason)),
            Decision::Mount => {
                let url = transition::into_virtual_media(call, &bootenv).await?;
                Ok(Answer { url: Some(url), ..answer(&call.machine, Outcome::Mounted) })
            }
            Decision::Unmount => {
                transition::into_band(call, &bootenv).await?;
                Ok(answer(&call.machine, Outcome::Unmounted))
            }
            Decision::Clean => {
                transition::clean(call).await?;
                Ok(answer(&call.machine, Outcome::Cleaned))
            }
        }
    };
    let result = within(limit, &operation, work).instrument(span.clone()).await;
    result.map_err(|error| {
        let error = error.on(&call.machine);
        transition::failed(call, &error);
        span.in_scope(|| tracing::warn!(code = error.code, %error, "transition failed"));
        error
    })
}

/// The machine as it was. Its BootEnv is on the object; of its parameters only those set directly on it are known.
fn before(event: &Event) -> Option<Snapshot> {
    let machine = Machine::from_json(&event.original).ok()?;
    // Somebody may have mended a wrong type with this very change: what cannot be read was not true.
    let enabled = machine.params.flag(p::BOOT_VIRTUAL_ISO).ok().flatten().unwrap_or(false);
    Some(Snapshot { bootenv: machine.bootenv, enabled })
}

fn answer(machine: &Machine, outcome: Outcome) -> Answer {
    Answer { machine: machine.uuid.to_string(), boot_env: machine.bootenv.clone(), outcome, url: None, reason: None }
}

fn ignored(event: &Event, bootenv: &str, reason: &str) -> Answer {
    Answer {
        machine: event.key.clone(),
        boot_env: bootenv.to_owned(),
        outcome: Outcome::Ignored,
        url: None,
        reason: Some(reason.to_owned()),
    }
}
