//! What makes images and serves them, for all machines: the open templates, the images that the plugin serves itself, and the
//! server for these, which is started when the first one needs it or when a process before this one had served some.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak};
use std::time::{Duration, SystemTime};

use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio_util::task::AbortOnDropHandle;

use super::memory::Live;
use super::{Error, Site};
use crate::iso::{Cache, KeptPlans, Templates};
use crate::machine::{IsoDelivery, MachineUuid, ParamError, Params, params as p};
use crate::operation::Operation;
use crate::serve::{self, Addresses, Boot, Changes, Config, Images, Limits, Listen, Mounts, Server, Tls};

/// The plugin object's parameters that say how images are made and served.
pub const SERVING_PARAMS: [&str; 8] = [
    p::SERVE_ADDRESS,
    p::SERVE_HTTP_PORT,
    p::SERVE_HTTPS_PORT,
    p::SERVE_CERTIFICATE,
    p::SERVE_KEY,
    p::CACHE_DIRECTORY,
    p::CACHE_LIMIT,
    p::IMAGES_LIMIT,
];

/// Where images are served when no parameter says: two ports beside those of dr-provision (8080 and 8090 to 8092).
const HTTP_PORT: u16 = 8096;
const HTTPS_PORT: u16 = 8097;

/// What unpacked and made templates may take: a dozen Sledgehammers.
const CACHE_LIMIT: u64 = 8 << 30;

/// The directory beside the web root. Not below it: who lists that must not learn where images are served.
const CACHE_DIRECTORY: &str = "image-cache";

/// A predecessor that still ends has the port for so long.
const PORT_LIMIT: Duration = Duration::from_secs(15);
const PORT_POLL: Duration = Duration::from_millis(250);

/// Readers get so long to come to an end of their range when the plugin ends: a BMC asks again.
const GRACE: Duration = Duration::from_secs(2);

/// Stages of boots that are being written to the server at the same time.
const TELLING: usize = 16;

/// What makes and serves images.
#[derive(Debug)]
pub struct Serving {
    shop: RwLock<Arc<Shop>>,
    /// The states of the machines that an image is served to.
    states: Mutex<HashMap<MachineUuid, Live>>,
    telling: Arc<Semaphore>,
}

/// All of it as one set of parameters wants it.
#[derive(Debug)]
struct Shop {
    settings: Settings,
    /// The parameters that the settings were read from.
    params: Params,
    templates: Arc<Templates>,
    mounts: Arc<Mounts>,
    kept: KeptPlans,
    running: tokio::sync::Mutex<Running>,
}

#[derive(Debug)]
struct Running {
    server: Option<Server>,
    /// Taken by the task that follows the boots.
    changes: Option<Changes>,
    follower: Option<AbortOnDropHandle<()>>,
}

#[derive(Debug)]
struct Settings {
    address: Option<IpAddr>,
    http: u16,
    https: u16,
    certificate: Option<(String, SecretString)>,
    /// `None` as long as there is no web root.
    cache: Option<PathBuf>,
    cache_limit: u64,
    images_limit: Option<u64>,
}

impl Settings {
    fn from_params(params: &Params, webroot: Option<&Path>) -> Result<Self, Error> {
        let address = params.filled_text(p::SERVE_ADDRESS)?.map(|text| {
            text.parse().map_err(|_| {
                Error::parameter(format!("the parameter {} is `{text}`, expected an IP address", p::SERVE_ADDRESS))
            })
        });
        let certificate = match (params.filled_text(p::SERVE_CERTIFICATE)?, params.secret(p::SERVE_KEY)?) {
            (Some(chain), Some(key)) => Some((chain.to_owned(), key)),
            (None, None) => None,
            (Some(_), None) => return Err(ParamError::Missing { name: p::SERVE_KEY }.into()),
            (None, Some(_)) => return Err(ParamError::Missing { name: p::SERVE_CERTIFICATE }.into()),
        };
        let usual = Self::usual(webroot);
        Ok(Self {
            address: address.transpose()?,
            http: params.port_or_zero(p::SERVE_HTTP_PORT)?.unwrap_or(usual.http),
            https: params.port_or_zero(p::SERVE_HTTPS_PORT)?.unwrap_or(usual.https),
            certificate,
            cache: params.filled_text(p::CACHE_DIRECTORY)?.map(PathBuf::from).or(usual.cache),
            cache_limit: params.mebibytes(p::CACHE_LIMIT)?.unwrap_or(usual.cache_limit),
            images_limit: params.mebibytes(p::IMAGES_LIMIT)?,
        })
    }

    /// Where no parameter says anything.
    fn usual(webroot: Option<&Path>) -> Self {
        Self {
            address: None,
            http: HTTP_PORT,
            https: HTTPS_PORT,
            certificate: None,
            cache: webroot.map(|webroot| webroot.parent().unwrap_or(webroot).join(CACHE_DIRECTORY)),
            cache_limit: CACHE_LIMIT,
            images_limit: None,
        }
    }

    /// Where to listen, in the order in which it is tried: IPv6's own takes IPv4 as well, where the host has IPv6.
    fn addresses(&self) -> Vec<IpAddr> {
        let all = [Ipv6Addr::UNSPECIFIED.into(), Ipv4Addr::UNSPECIFIED.into()];
        self.address.map_or(all.to_vec(), |address| vec![address])
    }

    /// The certificate to show: the one that is given, else one of the server's own for the names that BMCs are given.
    fn tls(&self, cache: &Path, names: &[String]) -> Result<Tls, serve::TlsError> {
        match &self.certificate {
            Some((chain, key)) => Tls::from_pem(chain.as_bytes(), key.expose_secret().as_bytes()),
            None => Tls::kept(cache, names),
        }
    }
}

impl Shop {
    fn new(settings: Settings, params: Params) -> Self {
        let cache = settings.cache.as_deref();
        let templates = Templates::new(cache.map(|cache| Cache::new(cache.join("templates"), settings.cache_limit)));
        let kept = KeptPlans::new(cache.unwrap_or(Path::new("")).join("plans"));
        let (mounts, changes) = Mounts::new(Images::new(), kept.clone());
        let running = Running { server: None, changes: Some(changes), follower: None };
        Self {
            settings,
            params,
            templates: Arc::new(templates),
            mounts: Arc::new(mounts),
            kept,
            running: tokio::sync::Mutex::new(running),
        }
    }

    /// Starts the server where it does not run yet, with what the process before this one served.
    async fn start(&self, site: &Arc<Site>) -> Result<Addresses, Error> {
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

    async fn stop(&self) {
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

impl Serving {
    /// Nothing is open and nothing served.
    #[must_use]
    pub(super) fn new(webroot: Option<&Path>) -> Self {
        Self {
            shop: RwLock::new(Arc::new(Shop::new(Settings::usual(webroot), Params::default()))),
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
        let shop = Shop::new(Settings::from_params(&params, webroot)?, params);
        let now = self.shop();
        if now.params == shop.params && now.settings.cache == shop.settings.cache {
            return Ok(());
        }
        *self.shop.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(shop);
        now.stop().await;
        Ok(())
    }

    /// Starts the server where machines are to be served by default, or a process before this one had served some. What
    /// keeps it from starting is told to whoever needs it.
    pub(super) async fn start_if_wanted(&self, site: &Arc<Site>, defaults: &Params) {
        let wanted = matches!(IsoDelivery::from_params(defaults), Ok(IsoDelivery::Serve));
        let shop = self.shop();
        if !wanted && shop.kept.is_empty() {
            return;
        }
        if let Err(error) = shop.start(site).await {
            tracing::error!(%error, "the image server does not run; it is started again when an image needs it");
        }
    }

    /// The open templates.
    #[must_use]
    pub fn templates(&self) -> Arc<Templates> {
        Arc::clone(&self.shop().templates)
    }

    /// What is served.
    #[must_use]
    pub fn mounts(&self) -> Arc<Mounts> {
        Arc::clone(&self.shop().mounts)
    }

    /// Bytes that all images which are files may have.
    #[must_use]
    pub fn images_limit(&self) -> Option<u64> {
        self.shop().settings.images_limit
    }

    /// Where images are served; starts the server for the first one.
    ///
    /// # Errors
    /// A port cannot be had, the certificate cannot be used, or there is no directory to remember what is served.
    pub async fn start(&self, site: &Arc<Site>) -> Result<Addresses, Error> {
        self.shop().start(site).await
    }

    /// Ends the server. Its images are served again by the next process.
    pub async fn stop(&self) {
        self.shop().stop().await;
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

    /// Ends what is served to machines that are no more: [`Mounts::sweep`].
    ///
    /// # Errors
    /// As there.
    pub fn sweep(&self, seen: SystemTime, known: impl Fn(MachineUuid) -> bool) -> Result<Vec<MachineUuid>, Error> {
        let gone = self.mounts().sweep(seen, known)?;
        self.states().retain(|machine, _| !gone.contains(machine));
        Ok(gone)
    }

    fn shop(&self) -> Arc<Shop> {
        Arc::clone(&self.shop.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The map is whole after every statement, so a poisoned lock is still good.
    fn states(&self) -> MutexGuard<'_, HashMap<MachineUuid, Live>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells how far boots have come: in the log, as events, in the machines' states.
async fn follow(site: Weak<Site>, mut changes: Changes) {
    while let Some(boot) = changes.next().await {
        let Some(site) = site.upgrade() else { return };
        let progress = boot.progress();
        tracing::info!(machine = %boot.machine, bootenv = boot.bootenv, boot = progress.boot, stage = %progress.stage,
            bytes = progress.bytes, "boot");
        site.publish_progress(&boot, &progress);
        // The semaphore is never closed.
        let Ok(place) = Arc::clone(&site.serving.telling).acquire_owned().await else { return };
        let writes = site.memory.writes().clone();
        writes.spawn(async move {
            record(&site, &boot).await;
            drop(place);
        });
    }
}

/// Writes how far a boot has come into its machine's state. Whichever of two writes is later writes what is true then.
async fn record(site: &Site, boot: &Boot) {
    let change = |state: &mut crate::machine::State| {
        if state.url.ends_with(boot.path()) {
            state.boot = boot.progress();
        }
    };
    let live = site.serving.states().get(&boot.machine).cloned();
    if let Some(state) = live.and_then(|live| live.change(change)) {
        site.publish_state(boot.machine, &state, "image server");
    }
    if let Some(server) = site.server() {
        site.memory.amend(&server, boot.machine, change).await;
    }
}
