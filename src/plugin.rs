//! The plugin as a wire sees it: one definition, parameters, actions, events.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use crate::actions::{self, Link, Site};
use crate::content;
use crate::drp::environment::Environment;
use crate::drp::models::{Action, Error, Event, PluginProvider};
use crate::drp::publisher::Publisher;
use crate::drp::server::{Server, ServerErrorKind, ServerTls};
use crate::follow::Follower;
use crate::hook::Hook;
use crate::machine::{Params, params as p};
use crate::operation::Operation;
use crate::wire::Service;

/// Everything behind the wires.
#[derive(Debug)]
pub struct Plugin {
    provider: String,
    site: Arc<Site>,
    hook: Arc<Hook>,
    /// The work that the server's events cause.
    tasks: TaskTracker,
    /// Ends that work before its time.
    cancelled: CancellationToken,
    /// The task that follows the server.
    follower: Mutex<Option<AbortOnDropHandle<()>>>,
    gave_up: watch::Sender<Option<Error>>,
}

/// Parameters that only the plugin object has.
const OWN_PARAMS: [&str; 4] = [p::WEBROOT, p::RECONCILE_INTERVAL, p::SERVER_TLS, p::SERVER_CA];

/// How often all machines are looked at where no parameter says.
const LOOK_INTERVAL: Duration = Duration::from_mins(5);

/// How long the server may take to say what it is, before the plugin starts without knowing.
const INFO_LIMIT: Duration = Duration::from_secs(10);

impl Plugin {
    /// A plugin that runs as the provider named `provider`.
    #[must_use]
    pub fn new(provider: String, environment: Environment, publisher: Publisher) -> Self {
        Self {
            provider,
            site: Arc::new(Site::new(environment, publisher)),
            hook: Arc::default(),
            tasks: TaskTracker::new(),
            cancelled: CancellationToken::new(),
            follower: Mutex::default(),
            gave_up: watch::Sender::default(),
        }
    }

    /// Waits, when the wire has ended, until no session of ours is left on a BMC; bounded.
    pub fn leave(&self) -> impl Future<Output = ()> + use<> {
        let site = Arc::clone(&self.site);
        async move { site.bmcs.let_go().await }
    }

    /// Takes the plugin object's parameters, and the server's API where the environment names one.
    async fn take(&self, params: Map<String, Value>) -> Result<(), actions::Error> {
        let name = params.get("Name").and_then(Value::as_str).unwrap_or(&self.provider).to_owned();
        let Environment { endpoint: Some(endpoint), token: Some(token), .. } = &self.site.environment else {
            return self.site.configure(Params::new(params)).await;
        };
        let given = Params::new(params);
        let server = Server::new(endpoint, token.clone(), &server_tls(&given)?)?;
        let info = match tokio::time::timeout(INFO_LIMIT, server.info()).await {
            Ok(Ok(info)) => Some(Arc::new(info)),
            Ok(Err(error)) if error.kind() == ServerErrorKind::TokenRefused => return Err(error.into()),
            Ok(Err(error)) => {
                tracing::warn!(%error, "the server does not say what it is; going on, it is asked again");
                None
            }
            Err(_) => {
                tracing::warn!(limit = ?INFO_LIMIT, "the server does not say what it is; going on, it is asked again");
                None
            }
        };
        // Whether a server fills in schema defaults and decrypts what is secure is not documented; its API does both.
        let params = match &info {
            Some(_) => given.over(&Params::new(server.plugin_params(&name).await.unwrap_or_else(|error| {
                tracing::warn!(%error, "reading the plugin's own parameters failed; taking those that were handed over");
                Map::new()
            }))),
            None => given,
        };
        let interval = params.seconds(p::RECONCILE_INTERVAL)?.unwrap_or(LOOK_INTERVAL);
        self.site.configure(params).await?;
        self.site.connect(Link { server: server.clone(), info });
        self.follow(server, interval);
        Ok(())
    }

    /// Follows the server in a task, in place of one that did before.
    fn follow(&self, server: Server, interval: Duration) {
        let (site, hook, tasks) = (Arc::clone(&self.site), Arc::clone(&self.hook), self.tasks.clone());
        let (gave_up, provider) = (self.gave_up.clone(), self.provider.clone());
        let follower = Follower { site, hook, server, interval, tasks, cancelled: self.cancelled.clone() };
        let task = tokio::spawn(async move {
            let error = follower.run().await;
            // The wire tells it, and leaves.
            gave_up.send_replace(Some(actions::Error::from(error).into_model(&provider)));
        });
        *self.follower() = Some(AbortOnDropHandle::new(task));
    }

    /// What the lock guards is whole after every statement.
    fn follower(&self) -> MutexGuard<'_, Option<AbortOnDropHandle<()>>> {
        self.follower.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How the server's own certificate is judged: they are self-signed as a rule, and the clients that it ships with accept
/// any.
fn server_tls(params: &Params) -> Result<ServerTls, actions::Error> {
    match params.filled_text(p::SERVER_TLS)?.unwrap_or("accept") {
        "accept" => Ok(ServerTls::Accept),
        "verify" => Ok(ServerTls::Verify { ca_pem: params.filled_text(p::SERVER_CA)?.map(str::to_owned) }),
        other => Err(actions::Error::parameter(format!(
            "the parameter {} is `{other}`, expected accept or verify",
            p::SERVER_TLS
        ))),
    }
}

/// The definition of the provider named `provider`: pure and offline.
#[must_use]
pub fn definition(provider: &str) -> PluginProvider {
    PluginProvider {
        meta: None,
        name: provider.to_owned(),
        version: concat!("v", env!("CARGO_PKG_VERSION")).to_owned(),
        plugin_version: 4,
        auto_start: true,
        has_publish: false,
        available_actions: actions::available(),
        required_params: Vec::new(),
        optional_params: [&actions::DEFAULTS[..], &OWN_PARAMS, &actions::SERVING_PARAMS]
            .concat()
            .into_iter()
            .map(str::to_owned)
            .collect(),
        store_objects: Map::new(),
        documentation: env!("CARGO_PKG_DESCRIPTION").to_owned(),
        content: content::bundle(provider),
    }
}

impl Service for Plugin {
    fn definition(&self) -> PluginProvider {
        definition(&self.provider)
    }

    async fn configure(&self, params: Map<String, Value>) -> Result<(), Error> {
        self.take(params).await.map_err(|error| error.into_model(&self.provider))
    }

    async fn action(&self, action: Action, operation: &Arc<Operation>) -> Result<Value, Error> {
        #[cfg(debug_assertions)]
        panic_when_asked(&action);
        actions::run(&self.site, action, operation).await.map_err(|error| error.into_model(&self.provider))
    }

    async fn event(&self, event: Event, operation: &Arc<Operation>) -> Result<Value, Error> {
        let answer = self.hook.handle(&self.site, event, operation).await;
        let answer = answer.and_then(|answer| {
            serde_json::to_value(answer)
                .map_err(|error| actions::Error::internal(format!("writing the answer: {error}")))
        });
        answer.map_err(|error| error.into_model(&self.provider))
    }

    async fn stop(&self) {
        self.follower().take();
        let _cancel_when_dropped = self.cancelled.clone().drop_guard();
        self.tasks.close();
        self.tasks.wait().await;
        self.site.serving.stop().await;
        let writes = self.site.memory.writes();
        writes.close();
        writes.wait().await;
    }

    async fn gave_up(&self) -> Error {
        let mut gave_up = self.gave_up.subscribe();
        // The sender lives as long as the plugin, so this ends only with a reason.
        let reason = gave_up.wait_for(Option::is_some).await.ok().and_then(|reason| reason.clone());
        match reason {
            Some(reason) => reason,
            None => std::future::pending().await,
        }
    }
}

/// A way to see the wire survive a panic; not in release builds, not in the definition.
#[cfg(debug_assertions)]
fn panic_when_asked(action: &Action) {
    assert!(action.command != "panic", "asked to");
}
