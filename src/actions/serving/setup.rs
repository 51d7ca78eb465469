//! Templates, images and server as one set of parameters wants them.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio_util::task::AbortOnDropHandle;

use super::follow::follow;
use super::settings::Settings;
use crate::actions::{Error, Site};
use crate::iso::{Cache, KeptPlans, Templates};
use crate::machine::{Params, params as p};
use crate::operation::Operation;
use crate::serve::{self, Addresses, Changes, Config, Images, Limits, Listen, Mounts, Server, Tls};

/// A predecessor that still ends has the port for so long.
const PORT_LIMIT: Duration = Duration::from_secs(15);
const PORT_POLL: Duration = Duration::from_millis(250);

/// Readers get so long to come to an end of their range when the plugin ends: a BMC asks again.
const GRACE: Duration = Duration::from_secs(2);

/// All of it.
#[derive(Debug)]
pub(super) struct Setup {
    pub(super) settings: Settings,
    /// The parameters that the settings were read from.
    pub(super) params: Params,
    pub(super) templates: Arc<Templates>,
    pub(super) mounts: Arc<Mounts>,
    running: tokio::sync::Mutex<Running>,
}

#[derive(Debug)]
struct Running {
    server: Option<Server>,
    /// Taken by the task that follows the boots.
    changes: Option<Changes>,
    follower: Option<AbortOnDropHandle<()>>,
}

impl Setup {
    /// Nothing is open and nothing served.
    pub(super) fn new(settings: Settings, params: Params) -> Self {
        let cache = settings.cache.as_deref();
        let templates = Templates::new(cache.map(|cache| Cache::new(cache.join("templates"), settings.cache_limit)));
        let kept = KeptPlans::new(cache.unwrap_or(Path::new("")).join("plans"));
        let (mounts, changes) = Mounts::new(Images::new(), kept);
        let running = Running { server: None, changes: Some(changes), follower: None };
        Self {
            settings,
            params,
            templates: Arc::new(templates),
            mounts: Arc::new(mounts),
            running: tokio::sync::Mutex::new(running),
        }
    }

    /// Starts the server where it does not run yet, with what the process before this one served.
    ///
    /// # Errors
    /// As [`Serving::start`](super::Serving::start).
    pub(super) async fn start(&self, site: &Arc<Site>) -> Result<Addresses, Error> {
        let mut running = self.running.lock().await;
        if let Some(server) = &running.server {
            return Ok(server.addresses());
        }
        let Some(cache) = &self.settings.cache else {
            return Err(Error::conflict(format!(
                "no directory to keep what images are served: start the plugin with RS_WEBROOT set, or set {} on the plugin \
                 object",
                p::CACHE_DIRECTORY
            )));
        };
        // First: who comes as soon as the port is open finds what was there before.
        let (mounts, templates) = (Arc::clone(&self.mounts), Arc::clone(&self.templates));
        let restored = spawn_blocking(move || mounts.restore(&templates, &Operation::unwatched())).await;
        let restored = restored.map_err(|error| Error::internal(format!("restoring served images: {error}")))??;
        let names: Vec<String> =
            site.fileserver().and_then(|url| Some(url.host_str()?.to_owned())).into_iter().collect();
        let tls = if self.settings.https > 0 { Some(self.settings.tls(cache, &names)?) } else { None };
        let server = self.listen(tls).await?;
        let addresses = server.addresses();
        tracing::info!(restored, "the image server runs");
        running.server = Some(server);
        if let Some(changes) = running.changes.take() {
            running.follower = Some(AbortOnDropHandle::new(tokio::spawn(follow(Arc::downgrade(site), changes))));
        }
        Ok(addresses)
    }

    /// Takes the ports; waits a while for one that a predecessor still has.
    async fn listen(&self, tls: Option<Tls>) -> Result<Server, serve::Error> {
        let began = tokio::time::Instant::now();
        loop {
            match self.try_listen(tls.as_ref()) {
                Err(serve::Error::InUse { .. }) if began.elapsed() < PORT_LIMIT => tokio::time::sleep(PORT_POLL).await,
                listening => return listening,
            }
        }
    }

    fn try_listen(&self, tls: Option<&Tls>) -> Result<Server, serve::Error> {
        let Settings { http, https, .. } = self.settings;
        if (http, https) == (0, 0) {
            return Err(serve::Error::Nowhere);
        }
        let mut last = None;
        for address in self.settings.addresses() {
            let listen = |port, param| Listen { address: SocketAddr::new(address, port), param };
            let config = Config {
                http: (http > 0).then(|| listen(http, p::SERVE_HTTP_PORT)),
                https: tls.map(|tls| (listen(https, p::SERVE_HTTPS_PORT), tls.clone())),
                limits: Limits { grace: GRACE, ..Limits::default() },
            };
            match Server::start(config, self.mounts.images().clone()) {
                // A host without IPv6 has no such address.
                Err(error @ serve::Error::Listen { .. }) => last = Some(error),
                started => return started,
            }
        }
        Err(last.unwrap_or(serve::Error::Nowhere))
    }

    /// Ends the server.
    pub(super) async fn stop(&self) {
        let (server, follower) = {
            let mut running = self.running.lock().await;
            (running.server.take(), running.follower.take())
        };
        if let Some(server) = server {
            server.stop().await;
        }
        drop(follower);
    }
}
