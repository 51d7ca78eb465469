//! What an action or a transition works with: the machine, its parameters and its state.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::time::Instant;

use super::memory::Live;
use super::{Error, Site, target};
use crate::bmc::{Bmc, Target};
use crate::drp::bootenv::BootEnv;
use crate::iso::Store;
use crate::machine::{BootWait, Machine, Params, State, bootenv_by_hand, params as p};
use crate::operation::Operation;

/// One action or transition on one machine.
#[derive(Debug)]
pub struct Call<'a> {
    /// What outlasts the call.
    pub site: &'a Arc<Site>,
    /// The machine.
    pub machine: Machine,
    /// Its parameters, resolved as far as the server did.
    pub params: Params,
    /// Progress, effects, cancellation.
    pub operation: &'a Arc<Operation>,
    /// What was done on the machine before, and what this call adds to it.
    pub state: State,
    /// The time of the machine that a transition is right for; empty for what is done by hand.
    pub right_at: String,
    /// The same as everybody has it who works on the machine now.
    live: Live,
    bootenv: Option<Arc<BootEnv>>,
    began: Instant,
}

impl<'a> Call<'a> {
    /// A call on a machine whose parameters and state are known.
    #[must_use]
    pub fn new(
        site: &'a Arc<Site>,
        machine: Machine,
        params: Params,
        operation: &'a Arc<Operation>,
        state: &State,
    ) -> Self {
        let live = site.memory.live(machine.uuid, state);
        let state = live.now();
        let (right_at, began) = (String::new(), Instant::now());
        Self { site, machine, params, operation, state, right_at, live, bootenv: None, began }
    }

    /// A call for an action that the server invoked.
    ///
    /// # Errors
    /// The model is no machine.
    pub fn of_action(
        site: &'a Arc<Site>,
        model: &Value,
        params: Map<String, Value>,
        operation: &'a Arc<Operation>,
    ) -> Result<Self, Error> {
        let machine = Machine::from_json(model)?;
        let params = site.params(params, &machine);
        let state = site.memory.newer(machine.uuid).unwrap_or_else(|| State::from_params(&params));
        Ok(Self::new(site, machine, params, operation, &state))
    }

    /// How long the whole call may take.
    ///
    /// # Errors
    /// The parameter has the wrong type.
    pub fn time_limit(&self) -> Result<Duration, Error> {
        let boot = BootWait::from_params(&self.params)?.map_or(Duration::ZERO, |wait| wait.timeout);
        Ok(target::limits(&self.params)?.total + boot)
    }

    /// The machine's BMC as its parameters describe it. Asked before an image is written for a BMC that nobody named.
    ///
    /// # Errors
    /// A parameter is missing or wrong.
    pub fn target(&self) -> Result<Target, Error> {
        target::from_params(&self.params, &self.state)
    }

    /// Takes its turn on the machine's BMC and recognises it.
    ///
    /// # Errors
    /// A parameter is missing or wrong, or the BMC cannot be talked to.
    pub async fn open_bmc(&mut self) -> Result<Bmc<'a>, Error> {
        let bmc = self.site.bmcs.open(self.target_in_time()?, self.operation).await?;
        self.saw(&bmc).await;
        Ok(bmc)
    }

    /// The same to read its power or media alone, for which it need not be recognised; [`Call::saw`] comes after that.
    ///
    /// # Errors
    /// As [`Call::open_bmc`].
    pub async fn glance_at_bmc(&self) -> Result<Bmc<'a>, Error> {
        Ok(self.site.bmcs.glance(self.target_in_time()?, self.operation).await?)
    }

    /// The machine's BMC, with what is left of the call's time: what went before, such as writing the image, used up some.
    fn target_in_time(&self) -> Result<Target, Error> {
        let mut target = self.target()?;
        target.limits.total = target.limits.total.saturating_sub(self.began.elapsed());
        if let Some(left) = self.left_behind()? {
            tracing::warn!(bmc = target.name(), "{left}");
        }
        Ok(target)
    }

    /// What is left on another BMC than the machine has now, as a sentence for people: its address was changed with our
    /// medium mounted, and we do not go to a BMC that is perhaps another machine's by now.
    ///
    /// # Errors
    /// A parameter of the BMC is missing or wrong.
    pub fn left_behind(&self) -> Result<Option<String>, Error> {
        let now = self.target()?.name();
        let State { bmc: before, url, .. } = &self.state;
        let left = !before.is_empty() && *before != now && !url.is_empty();
        Ok(left.then(|| {
            format!("{url} was mounted on BMC {before}, the machine's BMC now is {now}: eject it there by hand")
        }))
    }

    /// From now on what is read of a served image changes the machine's state.
    pub(super) fn serving(&self) {
        self.site.serving.hold(self.machine.uuid, self.live.clone());
    }

    /// Where generated images lie and how a BMC reaches them.
    ///
    /// # Errors
    /// Neither the environment nor a parameter says.
    pub fn store(&self) -> Result<Store, Error> {
        let url = self.params.url(p::IMAGE_URL)?.or_else(|| self.site.fileserver());
        let url = url.ok_or_else(|| {
            Error::parameter(format!("no URL to serve images at: set RS_FILESERVER or the parameter {}", p::IMAGE_URL))
        })?;
        Ok(Store::new(self.site.webroot()?, &url))
    }

    /// The BootEnv that an action by hand is for.
    ///
    /// # Errors
    /// The parameter has the wrong type.
    pub fn bootenv_by_hand(&self) -> Result<&str, Error> {
        Ok(bootenv_by_hand(self.params.filled_text(p::BOOTENV)?, &self.machine.bootenv))
    }

    /// Reads the machine's state again where the server has an API: it was handed over when the call was made, and a
    /// transition may have ended since.
    pub async fn refresh_state(&mut self) -> Result<(), Error> {
        if let Some(server) = self.site.server() {
            let stored = server.param(&self.machine.uuid.to_string(), p::STATE).await?;
            self.state = self.site.memory.newer(self.machine.uuid).unwrap_or_else(|| State::from_value(&stored));
            self.live.set(&self.state);
        }
        Ok(())
    }

    /// The BootEnv as the server has it for this machine, read once; `None` where the server has no API.
    ///
    /// # Errors
    /// The server has no such BootEnv, or does not answer.
    pub async fn bootenv_of(&mut self, name: &str) -> Result<Option<Arc<BootEnv>>, Error> {
        if let Some(known) = self.bootenv.as_ref().filter(|known| known.name == name) {
            return Ok(Some(Arc::clone(known)));
        }
        let Some(server) = self.site.server() else { return Ok(None) };
        let found = server.bootenv_of(&self.machine.uuid.to_string(), name).await?;
        let found = found.ok_or_else(|| {
            let advice = format!("name one that it has in {}, or upload the content that brings it", p::BOOTENV);
            Error::parameter(format!("the server has no BootEnv {name}; {advice}"))
        })?;
        Ok(Some(Arc::clone(self.bootenv.insert(Arc::new(found)))))
    }

    /// Changes the machine's state, publishes it where it differs, and stores it where the server has an API. `change` is
    /// applied again to a state that somebody else has changed meanwhile.
    pub async fn record(&mut self, change: impl Fn(&mut State) + Send + Sync) {
        if !self.change(&change) {
            return;
        }
        if let Some(server) = self.site.server() {
            self.state = self.site.memory.write(&server, self.machine.uuid, self.state.clone(), change).await;
            self.live.set(&self.state);
        }
    }

    /// The same where nothing can be waited for, because the call is being dropped.
    pub fn record_late(&mut self, change: impl Fn(&mut State) + Send + Sync + 'static) {
        if !self.change(&change) {
            return;
        }
        if let Some(server) = self.site.server() {
            let (site, machine, state) = (Arc::clone(self.site), self.machine.uuid, self.state.clone());
            let writes = site.memory.writes().clone();
            writes.spawn(async move {
                site.memory.write(&server, machine, state, change).await;
            });
        }
    }

    /// Changes the state and publishes it; says whether it differs.
    fn change(&mut self, change: impl Fn(&mut State)) -> bool {
        let Some(state) = self.live.change(change) else { return false };
        self.site.publish_state(self.machine.uuid, &state, &format!("operation:{}", self.operation.id()));
        self.state = state;
        true
    }

    /// Records what a BMC that answered is.
    pub async fn saw(&mut self, bmc: &Bmc<'_>) {
        let (name, bmc) = (bmc.name(), bmc.identity());
        self.record(|state| {
            if state.bmc != name {
                // What we mounted is not in this one.
                state.url.clear();
                state.slot.clear();
                state.boot_once = false;
                state.model.clear();
                state.firmware.clear();
                state.fingerprint.clear();
                name.clone_into(&mut state.bmc);
            }
            if let Some(vendor) = bmc.vendor {
                state.vendor = vendor.to_string();
            }
            // Not every way to speak with a BMC shows all of it, and what another has shown still holds.
            if !bmc.model.is_empty() {
                state.model.clone_from(&bmc.model);
                state.firmware.clone_from(&bmc.firmware);
            }
            if let Some(seen) = bmc.fingerprint {
                state.fingerprint = seen.to_string();
            }
        })
        .await;
    }
}

/// Runs `work` for at most `limit` and what its parts may take to say so themselves.
///
/// The BMC's own limit ends first and says more; this one is for what has none, such as a hanging file system.
///
/// # Errors
/// Those of `work`, and 504 when it did not end.
pub(crate) async fn within<T>(
    limit: Duration,
    operation: &Operation,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    const GRACE: Duration = Duration::from_secs(10);
    let Ok(result) = tokio::time::timeout(limit + GRACE, work).await else {
        operation.cancel();
        let (limit, done) = (limit.as_secs(), operation.steps_done().join("; "));
        return Err(Error::too_slow(format!("not finished after {limit} s ({}); so far: {done}", p::ACTION_TIMEOUT)));
    };
    result
}
