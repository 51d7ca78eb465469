//! The BootEnv hook: events in, decisions out, one transition at a time on each machine, the latest wins.
//!
//! Events can be lost, repeated and out of order, and our own writes cause some, so an event only triggers: what is
//! done follows from [`decide`] over the machine's state. A transition that is under way is finished before the next,
//! because a BMC half way through an insert is in no state to be asked for something else.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard as MapGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::{Mutex as AsyncMutex, MutexGuard, watch};
use tracing::Instrument;

use crate::actions::{Call, Error, Site, transition, within};
use crate::drp::models::Event;
use crate::machine::{Change, Decision, Machine, MachineUuid, Snapshot, State, decide, is_older};
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
struct Place<'a> {
    hook: &'a Hook,
    machine: MachineUuid,
    queue: Arc<Queue>,
}

/// A transition that has its machine's turn. However it ends, a cancel and a panic included, the state that it leaves is
/// there for the next.
struct Transition<'a> {
    call: Call<'a>,
    turn: MutexGuard<'a, Option<State>>,
    has_ended: bool,
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
        let machine = Machine::from_json(if event.object.is_null() { &event.original } else { &event.object })
            .map_err(|error| Error::parameter(format!("event of machine {}: {error}", event.key)))?;
        let params = site.params(event.params.clone().unwrap_or_default(), &machine);
        let (before, after) = if deleted {
            (Some(Snapshot::past(&machine.bootenv, &params)), None)
        } else {
            let now = Snapshot::new(&machine.bootenv, &params);
            (before(&event), Some(now.map_err(|error| Error::from(error).on(&machine))?))
        };
        let told = State::from_params(&params);
        let change = |state| Change { before: before.clone(), after: after.clone(), state, time: &event.time };

        // What asks for nothing must not take the place of a waiting event that does. Where that depends on the state,
        // the one that was told is out of date as long as a transition is under way.
        if let Decision::Ignore(reason) = decide(&change(&told))
            && (change(&told).keeps_the_bootenv() || !self.is_busy(machine.uuid))
        {
            return Ok(ignored(&event, &machine.bootenv, reason));
        }
        let place = self.place(machine.uuid);
        let Some(mut turn) = place.queue.enter(&event.time).await else {
            return Ok(answer(&machine, Outcome::Superseded));
        };
        let state = turn.take().unwrap_or_else(|| told.clone());
        let decision = decide(&change(&state));
        let call = Call::new(site, machine, params, operation, state);
        let mut transition = Transition { call, turn, has_ended: false };
        let result = match transition.call.time_limit() {
            Ok(limit) => act(&mut transition.call, decision, &event, limit).await,
            Err(error) => Err(failed(&mut transition.call, error)),
        };
        transition.has_ended = true;
        result
    }

    /// Whether a transition of the machine waits or works.
    fn is_busy(&self, machine: MachineUuid) -> bool {
        self.queues().contains_key(&machine)
    }

    fn place(&self, machine: MachineUuid) -> Place<'_> {
        let new = || Arc::new(Queue { latest: watch::Sender::default(), turn: AsyncMutex::new(None) });
        let queue = self.queues().entry(machine).or_insert_with(new).clone();
        Place { hook: self, machine, queue }
    }

    /// The map is whole after every statement, so a poisoned lock is still good.
    fn queues(&self) -> MapGuard<'_, HashMap<MachineUuid, Arc<Queue>>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut queues = self.hook.queues();
        // The map's and ours.
        if Arc::strong_count(&self.queue) == 2 {
            queues.remove(&self.machine);
        }
    }
}

impl Drop for Transition<'_> {
    fn drop(&mut self) {
        if !self.has_ended {
            transition::cut_off(&mut self.call);
        }
        *self.turn = Some(std::mem::take(&mut self.call.state));
    }
}

impl Queue {
    /// Waits for the machine's turn; `None` when a later event came meanwhile, or has come already.
    async fn enter(&self, time: &str) -> Option<MutexGuard<'_, Option<State>>> {
        let mut latest = self.latest.subscribe();
        let mut ticket = None;
        self.latest.send_if_modified(|latest| {
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
            turn = self.turn.lock() => Some(turn),
        }
    }
}

/// Carries out a decision within the machine's time limit and records how it ended.
async fn act(call: &mut Call<'_>, decision: Decision, event: &Event, limit: Duration) -> Result<Answer, Error> {
    let bootenv = call.machine.bootenv.clone();
    let span = tracing::info_span!(
        "transition",
        machine = %call.machine.uuid,
        name = call.machine.name,
        bootenv,
        operation = %call.operation.id()
    );
    if !matches!(decision, Decision::Ignore(_)) && !event.time.is_empty() {
        call.state.event_time.clone_from(&event.time);
    }
    let operation = call.operation.clone();
    let work = async {
        match decision {
            Decision::Ignore(reason) => Ok(ignored(event, &bootenv, reason)),
            Decision::Mount => {
                let url = transition::into_virtual_media(call, &bootenv).await?;
                Ok(Answer { url: Some(url), ..answer(&call.machine, Outcome::Mounted) })
            }
            Decision::Unmount => {
                let reason = transition::into_band(call, &bootenv).await?;
                Ok(Answer { reason, ..answer(&call.machine, Outcome::Unmounted) })
            }
            Decision::Clean => {
                let reason = transition::clean(call).await?;
                Ok(Answer { reason, ..answer(&call.machine, Outcome::Cleaned) })
            }
        }
    };
    let result = within(limit, &operation, work).instrument(span.clone()).await;
    result.map_err(|error| span.in_scope(|| failed(call, error)))
}

/// Records and tells that a transition failed, with the machine named.
fn failed(call: &mut Call<'_>, error: Error) -> Error {
    let error = error.on(&call.machine);
    transition::failed(call, &error);
    tracing::warn!(code = error.code, %error, "transition failed");
    error
}

/// The machine as it was. Its BootEnv is on the object; of its parameters only those set directly on it are known.
fn before(event: &Event) -> Option<Snapshot> {
    let machine = Machine::from_json(&event.original).ok()?;
    Some(Snapshot::past(&machine.bootenv, &machine.params))
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
