//! What outlasts a single call: the server's environment and its API, the BMCs with their connections, the defaults, and
//! the machines' states on their way to the server.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use serde_json::{Map, Value};
use url::Url;

use super::memory::Memory;
use super::serving::Serving;
use super::{DEFAULTS, Error, target};
use crate::bmc::Bmcs;
use crate::drp::environment::Environment;
use crate::drp::info::Info;
use crate::drp::models::Event;
use crate::drp::publisher::Publisher;
use crate::drp::server::Server;
use crate::machine::{
    BUILT_IN_FEATURE, BootProgress, BootWait, IsoDelivery, Machine, MachineUuid, Mechanism, Params, PowerOnTransition,
    ServeTerms, State, params as p,
};
use crate::serve::Boot;

/// What all calls share.
#[derive(Debug)]
pub struct Site {
    /// The environment that the server started us in.
    pub environment: Environment,
    /// Every BMC that is being talked to.
    pub bmcs: Bmcs,
    /// Where events go.
    pub publisher: Publisher,
    /// The machines' states on their way to the server.
    pub memory: Memory,
    /// What makes images and serves them.
    pub serving: Serving,
    /// The plugin object's own parameters: defaults for every machine that does not set them.
    defaults: RwLock<Params>,
    /// The directory that the static file server serves, where a parameter of the plugin object says it.
    webroot: RwLock<Option<PathBuf>>,
    /// The server's API, where it offers one.
    link: RwLock<Option<Link>>,
}

/// The server's API and what it says of itself.
#[derive(Clone, Debug)]
pub struct Link {
    /// The API.
    pub server: Server,
    /// What it said of itself last; `None` as long as it could not be asked.
    pub info: Option<Arc<Info>>,
}

impl Site {
    /// A site without defaults, whose server has no API.
    #[must_use]
    pub fn new(environment: Environment, publisher: Publisher) -> Self {
        Self {
            serving: Serving::new(environment.webroot.as_deref()),
            environment,
            bmcs: Bmcs::new(),
            publisher,
            memory: Memory::default(),
            defaults: RwLock::default(),
            webroot: RwLock::default(),
            link: RwLock::default(),
        }
    }

    /// The parameters that hold for a machine: resolved ones first, then those directly on it, then ours.
    #[must_use]
    pub fn params(&self, resolved: Map<String, Value>, machine: &Machine) -> Params {
        let defaults = self.defaults.read().unwrap_or_else(PoisonError::into_inner);
        Params::new(resolved).over(&machine.params).over(&defaults)
    }

    /// Takes the plugin object's parameters: where images are written, and defaults for machines.
    ///
    /// # Errors
    /// One of them cannot be used.
    pub async fn configure(self: &Arc<Self>, params: Params) -> Result<(), Error> {
        let webroot = params.filled_text(p::WEBROOT)?.map(PathBuf::from);
        let serving = params.clone();
        let params = params.only(&DEFAULTS);
        target::limits(&params)?;
        target::tls_policy(&params)?;
        PowerOnTransition::from_params(&params)?;
        Mechanism::from_params(&params, false)?;
        params.filled_text(p::TEMPLATE)?;
        params.url(p::PROVISIONER_URL)?;
        params.url(p::IMAGE_URL)?;
        IsoDelivery::from_params(&params)?;
        ServeTerms::from_params(&params)?;
        BootWait::from_params(&params)?;
        *self.webroot.write().unwrap_or_else(PoisonError::into_inner) = webroot;
        *self.defaults.write().unwrap_or_else(PoisonError::into_inner) = params.clone();
        self.serving.configure(&serving, self.webroot().ok().as_deref()).await?;
        self.serving.start_if_wanted(self, &params).await;
        Ok(())
    }

    /// Takes the server's API into use, or another one.
    pub fn connect(&self, link: Link) {
        *self.link.write().unwrap_or_else(PoisonError::into_inner) = Some(link);
    }

    /// Publishes a machine's state, for a server that keeps it and for whoever watches; `who` changed it.
    pub fn publish_state(&self, machine: MachineUuid, state: &State, who: &str) {
        self.publisher.publish(Event {
            time: state.updated.clone(),
            r#type: "virtual-media".to_owned(),
            action: "state".to_owned(),
            key: machine.to_string(),
            principal: who.to_owned(),
            object: serde_json::to_value(state).unwrap_or_default(),
            ..Event::default()
        });
    }

    /// Publishes how far a boot has come.
    pub(super) fn publish_progress(&self, boot: &Boot, progress: &BootProgress) {
        let mut object = serde_json::to_value(progress).unwrap_or_default();
        if let Some(fields) = object.as_object_mut() {
            fields.insert("BootEnv".to_owned(), boot.bootenv.clone().into());
        }
        self.publisher.publish(Event {
            time: jiff::Timestamp::now().to_string(),
            r#type: "virtual-media".to_owned(),
            action: "boot".to_owned(),
            key: boot.machine.to_string(),
            principal: "image server".to_owned(),
            object,
            ..Event::default()
        });
    }

    /// The server's API; `None` on a wire whose server hands everything over with its calls.
    #[must_use]
    pub fn server(&self) -> Option<Server> {
        self.link().map(|link| link.server)
    }

    fn link(&self) -> Option<Link> {
        self.link.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the server is known to act on BootEnv changes itself.
    #[must_use]
    pub fn server_has_its_own(&self) -> bool {
        self.link().and_then(|link| link.info).is_some_and(|info| info.has(BUILT_IN_FEATURE))
    }

    /// Who acts on a machine's BootEnv changes.
    ///
    /// # Errors
    /// A parameter cannot be read, both mechanisms would act or nobody, or the server could not be asked for its own yet.
    pub fn mechanism(&self, params: &Params) -> Result<Mechanism, Error> {
        if self.link().is_some_and(|link| link.info.is_none()) {
            return Err(Error::conflict(
                "not known yet whether the server acts on BootEnv changes itself: it has not answered GET /info",
            ));
        }
        Ok(Mechanism::from_params(params, self.server_has_its_own())?)
    }

    /// The static file server's URL: what the environment says, else what the server says of itself.
    #[must_use]
    pub fn fileserver(&self) -> Option<Url> {
        self.environment.fileserver.clone().or_else(|| self.link()?.info?.file_server())
    }

    /// The directory that the static file server serves.
    ///
    /// # Errors
    /// Neither the environment nor a parameter says.
    pub fn webroot(&self) -> Result<PathBuf, Error> {
        let said = self.webroot.read().unwrap_or_else(PoisonError::into_inner).clone();
        said.or_else(|| self.environment.webroot.clone()).ok_or_else(|| {
            Error::conflict(format!(
                "no directory to write images to: start the plugin with RS_WEBROOT set, or set {} on the plugin object",
                p::WEBROOT
            ))
        })
    }
}
