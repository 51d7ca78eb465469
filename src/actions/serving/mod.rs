//! What makes images and serves them, for all machines: the open templates, the images that the plugin serves itself, and the
//! server for these, which is started when the first one needs it or when a process before this one had served some.

mod follow;
mod settings;
mod setup;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::SystemTime;

use tokio::sync::Semaphore;

use self::settings::Settings;
use self::setup::Setup;
use super::memory::Live;
use super::{Error, Site};
use crate::iso::Templates;
use crate::machine::{IsoDelivery, MachineUuid, Params, ServeTerms};
use crate::serve::{Addresses, Mounts};

pub use self::settings::SERVING_PARAMS;

/// Stages of boots that are being written to the server at the same time.
const TELLING: usize = 16;

/// What makes and serves images.
#[derive(Debug)]
pub struct Serving {
    setup: RwLock<Arc<Setup>>,
    /// The states of the machines that an image is served to.
    states: Mutex<HashMap<MachineUuid, Live>>,
    telling: Arc<Semaphore>,
}

impl Serving {
    /// Nothing is open and nothing served.
    #[must_use]
    pub(super) fn new(webroot: Option<&Path>) -> Self {
        Self {
            setup: RwLock::new(Arc::new(Setup::new(Settings::usual(webroot), Params::default()))),
            states: Mutex::default(),
            telling: Arc::new(Semaphore::new(TELLING)),
        }
    }

    /// Takes the plugin object's parameters. Others than before mean a server anew, and what was served is served again.
    ///
    /// # Errors
    /// One of them cannot be used.
    pub(super) async fn configure(&self, params: &Params, webroot: Option<&Path>) -> Result<(), Error> {
        let params = params.clone().only(&SERVING_PARAMS);
        let setup = Setup::new(Settings::from_params(&params, webroot)?, params);
        let now = self.setup();
        if now.params == setup.params && now.settings.cache == setup.settings.cache {
            return Ok(());
        }
        *self.setup.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(setup);
        now.stop().await;
        Ok(())
    }

    /// Starts the server where machines are to be served by default, or a process before this one had served some. What
    /// keeps it from starting is told to whoever needs it.
    pub(super) async fn start_if_wanted(&self, site: &Arc<Site>, defaults: &Params) {
        let wanted = matches!(IsoDelivery::from_params(defaults), Ok(IsoDelivery::Serve));
        let setup = self.setup();
        if !wanted && !setup.mounts.has_kept() {
            return;
        }
        if let Err(error) = setup.start(site).await {
            tracing::error!(%error, "the image server does not run; it is started again when an image needs it");
        }
    }

    /// The open templates.
    #[must_use]
    pub fn templates(&self) -> Arc<Templates> {
        Arc::clone(&self.setup().templates)
    }

    /// What is served.
    #[must_use]
    pub fn mounts(&self) -> Arc<Mounts> {
        Arc::clone(&self.setup().mounts)
    }

    /// Bytes that all images which are files may have.
    #[must_use]
    pub fn images_limit(&self) -> Option<u64> {
        self.setup().settings.images_limit
    }

    /// Where images are served; starts the server for the first one.
    ///
    /// # Errors
    /// A port cannot be had, the certificate cannot be used, or there is no directory to remember what is served.
    pub async fn start(&self, site: &Arc<Site>) -> Result<Addresses, Error> {
        self.setup().start(site).await
    }

    /// Ends the server. Its images are served again by the next process.
    pub async fn stop(&self) {
        self.setup().stop().await;
    }

    /// A machine's state is worked on as long as an image is served to it: what is read of that changes it.
    pub(super) fn hold(&self, machine: MachineUuid, state: Live) {
        self.states().insert(machine, state);
    }

    /// Serves nothing to the machine any more.
    ///
    /// # Errors
    /// What was kept of it cannot be deleted.
    pub fn end(&self, machine: MachineUuid) -> Result<(), Error> {
        self.states().remove(&machine);
        Ok(self.mounts().end(machine)?)
    }

    /// Whether `url` was served to a machine and is no longer, though by its parameters it should be: what was kept of it is
    /// gone, or its template is another one. Where images are served up to an age, one that is not served is over on
    /// purpose: what was kept of it went with it, so nobody could tell.
    #[must_use]
    pub fn has_lost(&self, machine: MachineUuid, url: &str, params: &Params) -> bool {
        let no_age = ServeTerms::from_params(params).is_ok_and(|terms| terms.max_age.is_none());
        no_age && self.mounts().has_lost(machine, url)
    }

    /// Ends what is served to machines that are no more: [`Mounts::sweep`].
    ///
    /// # Errors
    /// As there.
    pub fn sweep(&self, seen: SystemTime, known: impl Fn(MachineUuid) -> bool) -> Result<Vec<MachineUuid>, Error> {
        let gone = self.mounts().sweep(seen, known)?;
        self.states().retain(|machine, _| !gone.contains(machine));
        Ok(gone)
    }

    fn setup(&self) -> Arc<Setup> {
        Arc::clone(&self.setup.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The map is whole after every statement, so a poisoned lock is still good.
    fn states(&self) -> MutexGuard<'_, HashMap<MachineUuid, Live>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
