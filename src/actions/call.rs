//! What an action or a transition works with: the site that all share, the machine, its parameters and its state.

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::time::Instant;

use super::{DEFAULTS, Error, target};
use crate::bmc::{Bmc, Bmcs, Identity, Target};
use crate::drp::environment::Environment;
use crate::drp::models::Event;
use crate::drp::publisher::Publisher;
use crate::iso::Store;
use crate::machine::{Machine, Params, PowerOnTransition, State, bootenv_by_hand, params as p};
use crate::operation::Operation;

/// What outlasts a single call: the server's environment, the BMCs with their connections, the way to publish.
#[derive(Debug)]
pub struct Site {
    /// The environment that the server started us in.
    pub environment: Environment,
    /// Every BMC that is being talked to.
    pub bmcs: Bmcs,
    /// Where events go.
    pub publisher: Publisher,
    /// The plugin object's own parameters: defaults for every machine that does not set them.
    pub defaults: std::sync::RwLock<Params>,
}

/// One action or transition on one machine.
#[derive(Debug)]
pub struct Call<'a> {
    /// What outlasts the call.
    pub site: &'a Site,
    /// The machine.
    pub machine: Machine,
    /// Its parameters, resolved as far as the server did.
    pub params: Params,
    /// Progress, effects, cancellation.
    pub operation: &'a Arc<Operation>,
    /// What was done on the machine before, and what this call adds to it.
    pub state: State,
    began: Instant,
}

impl Site {
    /// A site without defaults.
    #[must_use]
    pub fn new(environment: Environment, publisher: Publisher) -> Self {
        Self { environment, bmcs: Bmcs::new(), publisher, defaults: std::sync::RwLock::default() }
    }

    /// The parameters that hold for a machine: resolved ones first, then those directly on it, then ours.
    #[must_use]
    pub fn params(&self, resolved: Map<String, Value>, machine: &Machine) -> Params {
        let defaults = self.defaults.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        Params::new(resolved).over(&machine.params).over(&defaults)
    }

    /// Takes the plugin object's parameters as defaults.
    ///
    /// # Errors
    /// One of them cannot be used.
    pub fn configure(&self, params: Params) -> Result<(), Error> {
        let params = params.only(&DEFAULTS);
        target::limits(&params)?;
        target::tls_policy(&params)?;
        PowerOnTransition::from_params(&params)?;
        params.filled_text(p::TEMPLATE)?;
        params.url(p::PROVISIONER_URL)?;
        params.url(p::IMAGE_URL)?;
        *self.defaults.write().unwrap_or_else(std::sync::PoisonError::into_inner) = params;
        Ok(())
    }
}

impl<'a> Call<'a> {
    /// A call on a machine whose parameters and state are known.
    #[must_use]
    pub fn new(site: &'a Site, machine: Machine, params: Params, operation: &'a Arc<Operation>, state: State) -> Self {
        Self { site, machine, params, operation, state, began: Instant::now() }
    }

    /// A call for an action that the server invoked.
    ///
    /// # Errors
    /// The model is no machine.
    pub fn of_action(
        site: &'a Site,
        model: &Value,
        params: Map<String, Value>,
        operation: &'a Arc<Operation>,
    ) -> Result<Self, Error> {
        let machine = Machine::from_json(model)?;
        let params = site.params(params, &machine);
        let state = State::from_params(&params);
        Ok(Self::new(site, machine, params, operation, state))
    }

    /// How long the whole call may take.
    ///
    /// # Errors
    /// The parameter has the wrong type.
    pub fn time_limit(&self) -> Result<Duration, Error> {
        Ok(target::limits(&self.params)?.total)
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
        let mut target = self.target()?;
        // What went before, such as writing the image, used up some of the call's time.
        target.limits.total = target.limits.total.saturating_sub(self.began.elapsed());
        let name = target.name();
        if let Some(left) = self.left_behind()? {
            tracing::warn!(bmc = name, "{left}");
        }
        let bmc = self.site.bmcs.open(target, self.operation).await?;
        self.saw(name, bmc.identity());
        Ok(bmc)
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

    /// Where generated images lie and how a BMC reaches them.
    ///
    /// # Errors
    /// Neither the environment nor a parameter says.
    pub fn store(&self) -> Result<Store, Error> {
        let url = self.params.url(p::IMAGE_URL)?.or_else(|| self.site.environment.fileserver.clone());
        let url = url.ok_or_else(|| {
            Error::parameter(format!("no URL to serve images at: set RS_FILESERVER or the parameter {}", p::IMAGE_URL))
        })?;
        Ok(Store::new(self.webroot()?, &url))
    }

    /// The directory that the static file server serves.
    ///
    /// # Errors
    /// The environment does not say.
    pub fn webroot(&self) -> Result<&'a Path, Error> {
        let webroot = self.site.environment.webroot.as_deref();
        webroot.ok_or_else(|| Error::conflict("no directory to write images to: start the plugin with RS_WEBROOT set"))
    }

    /// The BootEnv that an action by hand is for.
    ///
    /// # Errors
    /// The parameter has the wrong type.
    pub fn bootenv(&self) -> Result<&str, Error> {
        Ok(bootenv_by_hand(self.params.filled_text(p::BOOTENV)?, &self.machine.bootenv))
    }

    /// Changes the machine's state and publishes it where it differs.
    pub fn record(&mut self, change: impl FnOnce(&mut State)) {
        let before = self.state.clone();
        change(&mut self.state);
        if self.state == before {
            return;
        }
        let now = jiff::Timestamp::now().to_string();
        self.state.updated.clone_from(&now);
        self.site.publisher.publish(Event {
            time: now,
            r#type: "virtual-media".to_owned(),
            action: "state".to_owned(),
            key: self.machine.uuid.to_string(),
            principal: format!("operation:{}", self.operation.id()),
            object: serde_json::to_value(&self.state).unwrap_or_default(),
            ..Event::default()
        });
    }

    fn saw(&mut self, name: String, bmc: &Identity) {
        self.record(|state| {
            if state.bmc != name {
                // What we mounted is not in this one.
                state.url.clear();
                state.slot.clear();
                state.boot_once = false;
                state.bmc = name;
            }
            state.vendor = bmc.vendor.to_string();
            state.model.clone_from(&bmc.model);
            state.firmware.clone_from(&bmc.firmware);
            state.fingerprint = bmc.fingerprint.map(|seen| seen.to_string()).unwrap_or_default();
        });
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
