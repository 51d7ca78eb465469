//! The BootEnv hook: events in, decisions out, one transition at a time on each machine, the latest wins.
//!
//! Events can be lost, repeated and out of order, and our own writes cause some, so an event only triggers: what is
//! done follows from [`decide`] and [`missed`] over the machine's state. Where the server has an API, the machine is read
//! anew when its turn comes; where it has none, the event brings all there is to know. A transition that is under way is
//! finished before the next, because a BMC half way through an insert is in no state to be asked for something else.

mod interest;
mod queue;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard as MapGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::{MutexGuard, Semaphore};
use tracing::Instrument;

use self::queue::Queues;
use crate::actions::{Call, Error, Site, boots_from_media, transition, within};
use crate::drp::models::Event;
use crate::drp::server::Server;
use crate::machine::{
    Change, Decision, Machine, MachineUuid, Mechanism, Params, Phase, PowerOnTransition, Snapshot, State, decide,
    is_older, missed,
};
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
#[derive(Debug)]
pub struct Hook {
    queues: Queues,
    /// The one place where work on machines is admitted, however many change at once.
    admitted: Semaphore,
    /// The same for looks that mostly find nothing to do.
    looking: Semaphore,
    /// The parameters of the machines that we did something on: of a deleted one, nobody else knows them.
    remembered: Mutex<HashMap<MachineUuid, Params>>,
}

/// Transitions that work at the same time: each may write an image and holds one BMC.
const AT_ONCE: usize = 64;

/// Machines that are looked at at the same time: a look is two small requests to a server that has other work too.
const LOOKS: usize = 8;

/// A transition that has its machine's turn. However it ends, a cancel and a panic included, the state that it leaves is
/// there for the next.
struct Transition<'a> {
    call: Call<'a>,
    turn: MutexGuard<'a, Option<State>>,
    has_ended: bool,
}

impl Default for Hook {
    fn default() -> Self {
        Self {
            queues: Queues::default(),
            admitted: Semaphore::new(AT_ONCE),
            looking: Semaphore::new(LOOKS),
            remembered: Mutex::default(),
        }
    }
}

impl Hook {
    /// Does what an event asks for and answers once that has ended. Dropping the future cancels the transition.
    ///
    /// # Errors
    /// The event cannot be read, or the transition failed; both with the server's code.
    pub async fn handle(&self, site: &Arc<Site>, event: Event, operation: &Arc<Operation>) -> Result<Answer, Error> {
        if event.r#type != "machines" {
            return Ok(ignored(&event, "", "it is not about a machine"));
        }
        let deleted = match event.action.as_str() {
            "update" | "save" => false,
            "delete" => true,
            // A machine that is new to the server may be running what it is to boot, so its power is left alone; on a wire
            // without an API nobody could tell.
            "create" if site.server().is_some() => false,
            _ => return Ok(ignored(&event, "", "it is no update, save or delete")),
        };
        let machine = Machine::from_json(if event.object.is_null() { &event.original } else { &event.object })
            .map_err(|error| Error::parameter(format!("event of machine {}: {error}", event.key)))?;
        match site.server() {
            Some(server) if event.params.is_none() && !deleted => {
                if !interest::concerns_us(&event) {
                    return Ok(ignored(&event, &machine.bootenv, "nothing changed by which a machine boots"));
                }
                self.converge(site, &server, &machine, &event, operation).await
            }
            Some(_) if event.params.is_none() => self.deleted(site, machine, &event, operation).await,
            _ => self.told(site, machine, &event, deleted, operation).await,
        }
    }

    /// Looks at a machine without an event, and does what an event that was lost would have asked for.
    ///
    /// # Errors
    /// As [`Hook::handle`].
    pub async fn look(
        &self,
        site: &Arc<Site>,
        server: &Server,
        machine: &Machine,
        operation: &Arc<Operation>,
    ) -> Result<Answer, Error> {
        let nothing = |reason: &str| Answer { reason: Some(reason.to_owned()), ..answer(machine, Outcome::Ignored) };
        if self.queues.is_busy(machine.uuid) {
            return Ok(nothing("it is being worked on"));
        }
        let looking = self.looking.acquire().await;
        let Some((now, params)) = read(site, server, machine).await? else {
            return Ok(nothing("the machine is gone"));
        };
        let state = newest(None, site, &now, &params);
        let mut call = Call::new(site, now, params, operation, &state);
        if let Decision::Ignore(reason) = judge(&mut call, &Event::default()).await? {
            if call.state.phase != Phase::Idle {
                self.remember(&call);
            }
            return Ok(nothing(reason));
        }
        drop(looking);
        self.converge(site, server, machine, &Event { key: machine.uuid.to_string(), ..Event::default() }, operation)
            .await
    }

    /// Acts on a machine as the event tells it: the server has no API to ask.
    async fn told(
        &self,
        site: &Arc<Site>,
        machine: Machine,
        event: &Event,
        deleted: bool,
        operation: &Arc<Operation>,
    ) -> Result<Answer, Error> {
        let params = site.params(event.params.clone().unwrap_or_default(), &machine);
        let (before, after) = if deleted {
            (Some(Snapshot::past(&machine.bootenv, &params, site.server_has_its_own())), None)
        } else {
            let mechanism = site.mechanism(&params).map_err(|error| error.on(&machine))?;
            (before(site, event), Some(Snapshot::new(&machine.bootenv, mechanism)))
        };
        let told = State::from_params(&params);
        let change = |state| Change { before: before.clone(), after: after.clone(), state, time: &event.time };

        // What asks for nothing must not take the place of a waiting event that does. Where that depends on the state,
        // the one that was told is out of date as long as a transition is under way.
        if let Decision::Ignore(reason) = decide(&change(&told))
            && (change(&told).keeps_the_bootenv() || !self.queues.is_busy(machine.uuid))
        {
            return Ok(ignored(event, &machine.bootenv, reason));
        }
        let place = self.queues.place(machine.uuid);
        let Some(mut turn) = place.enter(&event.time).await else {
            return Ok(answer(&machine, Outcome::Superseded));
        };
        let state = turn.take().unwrap_or_else(|| told.clone());
        let decision = decide(&change(&state));
        let call = Call::new(site, machine, params, operation, &state);
        Transition { call, turn, has_ended: false }.run(decision, event, &event.time).await
    }

    /// Brings a machine to what it asks for by its own word: an event only says that a look is worth while, because it
    /// may be late, and the machine changed again or deleted meanwhile.
    async fn converge(
        &self,
        site: &Arc<Site>,
        server: &Server,
        machine: &Machine,
        event: &Event,
        operation: &Arc<Operation>,
    ) -> Result<Answer, Error> {
        let place = self.queues.place(machine.uuid);
        let Some(mut turn) = place.enter(&event.time).await else {
            return Ok(answer(machine, Outcome::Superseded));
        };
        // Closed only together with the hook.
        let _admitted = self.admitted.acquire().await;
        let Some((machine, params)) = read(site, server, machine).await? else {
            return Ok(ignored(event, &machine.bootenv, "the machine is gone"));
        };
        // After the read: a change that falls between is told by its own event, which then finds that the machine is in
        // another BootEnv than the state says. Before it, such a change would be done twice.
        let read_at = jiff::Timestamp::now().to_string();
        let state = newest(turn.take(), site, &machine, &params);
        let mut call = Call::new(site, machine, params, operation, &state);
        let decision = judge(&mut call, event).await?;
        let (uuid, cleans) = (call.machine.uuid, decision == Decision::Clean);
        if !matches!(decision, Decision::Ignore(_)) {
            self.remember(&call);
        }
        // Every event from before the look is covered by it.
        let result = Transition { call, turn, has_ended: false }.run(decision, event, &read_at).await;
        if cleans && result.is_ok() {
            self.remembered().remove(&uuid);
        }
        result
    }

    /// Cleans up after a machine that is no more.
    async fn deleted(
        &self,
        site: &Arc<Site>,
        machine: Machine,
        event: &Event,
        operation: &Arc<Operation>,
    ) -> Result<Answer, Error> {
        let place = self.queues.place(machine.uuid);
        let Some(mut turn) = place.enter(&event.time).await else {
            return Ok(answer(&machine, Outcome::Superseded));
        };
        let _admitted = self.admitted.acquire().await;
        let remembered = self.remembered().remove(&machine.uuid).unwrap_or_default();
        // A secure value in the event is sealed; the one remembered is not.
        let params = remembered.over(&site.params(serde_json::Map::new(), &machine));
        let state = newest(turn.take(), site, &machine, &machine.params);
        let before = Some(Snapshot::past(&machine.bootenv, &params, site.server_has_its_own()));
        let decision = decide(&Change { before, after: None, state: &state, time: &event.time });
        let call = Call::new(site, machine, params, operation, &state);
        Transition { call, turn, has_ended: false }.run(decision, event, &event.time).await
    }

    fn remember(&self, call: &Call<'_>) {
        self.remembered().insert(call.machine.uuid, call.params.clone());
    }

    /// The map is whole after every statement, so a poisoned lock is still good.
    fn remembered(&self) -> MapGuard<'_, HashMap<MachineUuid, Params>> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The machine and its parameters as they are now; `None` where it is no more.
async fn read(site: &Site, server: &Server, machine: &Machine) -> Result<Option<(Machine, Params)>, Error> {
    let uuid = machine.uuid.to_string();
    let both = async { Ok::<_, Error>((server.machine(&uuid).await?, server.resolved_params(&uuid).await?)) };
    let both = both.await.map_err(|error| {
        let error = error.on(machine);
        tracing::warn!(code = error.code, %error, "reading the machine failed; it is looked at again later");
        error
    })?;
    let (Some(object), Some(params)) = both else { return Ok(None) };
    let machine = Machine::from_json(&object)?;
    let params = site.params(params, &machine);
    Ok(Some((machine, params)))
}

/// The machine's state: the newest of what the last transition left, what the server has not taken yet, and what it has.
fn newest(left: Option<State>, site: &Site, machine: &Machine, params: &Params) -> State {
    let stored = State::from_params(params);
    let known = [left, site.memory.newer(machine.uuid)].into_iter().flatten();
    known.fold(stored, |newest, state| if is_older(&state.updated, &newest.updated) { newest } else { state })
}

/// What is to be done on a machine that was read from the server. Where nobody may say, the machine is left alone and its
/// state tells why.
async fn judge(call: &mut Call<'_>, event: &Event) -> Result<Decision, Error> {
    let decided = match now(call).await {
        Ok((after, mechanism)) => Ok(decision(call, event, after, mechanism).await),
        Err(error) => Err(error.on(&call.machine)),
    };
    if let Err(error) = &decided
        && call.state.last_error != error.message
    {
        tracing::warn!(machine = %call.machine, code = error.code, %error, "leaving the machine alone");
        call.record(|state| state.last_error.clone_from(&error.message)).await;
    }
    decided
}

/// The machine as it is now, and who acts on it.
async fn now(call: &mut Call<'_>) -> Result<(Snapshot, Mechanism), Error> {
    let mechanism = call.site.mechanism(&call.params)?;
    let bootenv = call.machine.bootenv.clone();
    let mut after = Snapshot::new(&bootenv, mechanism);
    if after.enabled {
        after.boots_from_media = boots_from_media(call, &bootenv).await?;
    }
    Ok((after, mechanism))
}

/// Decides, and records what the decision of a later look depends on.
async fn decision(call: &mut Call<'_>, event: &Event, after: Snapshot, mechanism: Mechanism) -> Decision {
    let since = call.state.updated.parse::<jiff::Timestamp>().ok();
    let since = since.and_then(|then| jiff::Timestamp::now().duration_since(then).try_into().ok());
    let is_lost = call.site.serving.has_lost(call.machine.uuid, &call.state.url, &call.params);
    let before = before(call.site, event);
    let changes_nothing = before.is_some() && event.action != "create" && call.state.boot_env.is_empty();
    let told = Change { before, after: Some(after.clone()), state: &call.state, time: &event.time };
    let decision = match decide(&told) {
        // Enabled where it is: an event that changes no BootEnv asks for nothing, now and at every later look.
        Decision::Ignore(reason) if changes_nothing => Decision::Ignore(reason),
        decision if told.before.is_some() && !matches!(decision, Decision::Ignore(_)) => decision,
        _ => missed(&after, &call.state, since, is_lost),
    };
    if !matches!(decision, Decision::Ignore(_)) || (mechanism == Mechanism::None && call.state.phase == Phase::Idle) {
        return decision;
    }
    if mechanism == Mechanism::Server && call.state.mechanism != Mechanism::Server {
        tracing::info!(machine = %call.machine, "the server's own mechanism acts on this machine, the plugin does not");
    }
    let is_idle = call.state.phase == Phase::Idle;
    call.record(|state| {
        state.mechanism = mechanism;
        if is_idle {
            state.boot_env.clone_from(&after.bootenv);
        }
    })
    .await;
    match mechanism {
        Mechanism::Server => Decision::Ignore("the server's own mechanism acts on this machine"),
        _ => decision,
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

impl Transition<'_> {
    /// Carries out the decision, which is right for the machine as it was at `time`, and leaves the state behind.
    async fn run(mut self, decision: Decision, event: &Event, time: &str) -> Result<Answer, Error> {
        if !matches!(decision, Decision::Ignore(_)) && !time.is_empty() {
            time.clone_into(&mut self.call.right_at);
        }
        let result = match self.call.time_limit() {
            Ok(limit) => act(&mut self.call, decision, event, limit).await,
            Err(error) => Err(failed(&mut self.call, error).await),
        };
        self.has_ended = true;
        result
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
    let operation = call.operation.clone();
    let work = async {
        match decision {
            Decision::Ignore(reason) => Ok(ignored(event, &bootenv, reason)),
            Decision::Mount | Decision::Adopt => {
                let power = match decision {
                    Decision::Mount => Some(PowerOnTransition::from_params(&call.params)?),
                    _ => None,
                };
                let url = transition::into_virtual_media(call, &bootenv, power).await?;
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
    match within(limit, &operation, work).instrument(span.clone()).await {
        Ok(answer) => Ok(answer),
        Err(error) => Err(failed(call, error).instrument(span).await),
    }
}

/// Records and tells that a transition failed, with the machine named.
async fn failed(call: &mut Call<'_>, error: Error) -> Error {
    let error = error.on(&call.machine);
    transition::failed(call, &error).await;
    tracing::warn!(code = error.code, %error, "transition failed");
    error
}

/// The machine as it was. Its BootEnv is on the object; of its parameters only those set directly on it are known.
fn before(site: &Site, event: &Event) -> Option<Snapshot> {
    // A new machine may have been changed since it was created.
    let before = if event.action == "create" { &event.object } else { &event.original };
    let machine = Machine::from_json(before).ok()?;
    Some(Snapshot::past(&machine.bootenv, &machine.params, site.server_has_its_own()))
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
