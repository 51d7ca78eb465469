//! What the tasks of one server share.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use super::auth::Tokens;
use super::faults::Faults;
use super::log::Log;
use super::objects::Objects;
use super::options::Options;
use super::plugin::Plugin;
use crate::bmc::certificate::Certificate;
use crate::lock::lock;

/// One server, as its tasks see it.
pub(super) struct Server {
    pub(super) options: Options,
    /// The providers' programs, the sockets and the plugins' working directories.
    pub(super) root: TempDir,
    pub(super) address: SocketAddr,
    pub(super) fileserver: Url,
    pub(super) certificate: Certificate,
    objects: Mutex<Objects>,
    tokens: Mutex<Tokens>,
    features: Mutex<Vec<String>>,
    log: Mutex<Log>,
    faults: Mutex<Faults>,
    job_logs: Mutex<BTreeMap<String, Vec<u8>>>,
    /// The running plugins by the names of their objects.
    plugins: Mutex<BTreeMap<String, Arc<Plugin>>>,
    /// Whether the API is to be reached.
    pub(super) online: watch::Sender<bool>,
    /// Whether the port is bound.
    pub(super) listening: watch::Sender<bool>,
    /// Cancelled to end the connections, or the websockets alone, that are open.
    connections: Mutex<CancellationToken>,
    websockets: Mutex<CancellationToken>,
    changed: watch::Sender<u64>,
    pub(super) tracker: TaskTracker,
    pub(super) stop: CancellationToken,
}

impl Server {
    pub(super) fn new(
        options: Options,
        address: SocketAddr,
        fileserver: Url,
        certificate: Certificate,
    ) -> io::Result<Server> {
        let stop = CancellationToken::new();
        Ok(Server {
            root: tempfile::Builder::new().prefix("drp").tempdir()?,
            objects: Mutex::new(Objects::new(options.telling)),
            features: Mutex::new(options.features.clone()),
            options,
            address,
            fileserver,
            certificate,
            tokens: Mutex::default(),
            log: Mutex::default(),
            faults: Mutex::default(),
            job_logs: Mutex::default(),
            plugins: Mutex::default(),
            online: watch::Sender::new(true),
            listening: watch::Sender::new(false),
            connections: Mutex::new(stop.child_token()),
            websockets: Mutex::new(stop.child_token()),
            changed: watch::Sender::new(0),
            tracker: TaskTracker::new(),
            stop,
        })
    }

    /// `RS_ENDPOINT`: no `/api/v3`, no slash at the end (drp-protocol 1.2).
    pub(super) fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// `RS_FILESERVER`: plugins append `/default.ipxe` to it (drp-protocol 1.2), so no slash at the end.
    pub(super) fn fileserver(&self) -> &str {
        self.fileserver.as_str().trim_end_matches('/')
    }

    pub(super) fn plugins_directory(&self) -> PathBuf {
        self.root.path().join("plugins")
    }

    /// Looks at the objects.
    pub(super) fn read<R>(&self, look: impl FnOnce(&Objects) -> R) -> R {
        look(&lock(&self.objects))
    }

    /// Changes the objects, and says so.
    pub(super) fn change<R>(&self, change: impl FnOnce(&mut Objects) -> R) -> R {
        let result = change(&mut lock(&self.objects));
        self.bump();
        result
    }

    pub(super) fn log<R>(&self, change: impl FnOnce(&mut Log) -> R) -> R {
        let result = change(&mut lock(&self.log));
        self.bump();
        result
    }

    pub(super) fn job_log(&self, job: &str) -> Vec<u8> {
        lock(&self.job_logs).get(job).cloned().unwrap_or_default()
    }

    pub(super) fn append_job_log(&self, job: &str, text: &[u8]) {
        lock(&self.job_logs).entry(job.to_owned()).or_default().extend_from_slice(text);
        self.bump();
    }

    pub(super) fn tokens(&self) -> MutexGuard<'_, Tokens> {
        lock(&self.tokens)
    }

    pub(super) fn features(&self) -> MutexGuard<'_, Vec<String>> {
        lock(&self.features)
    }

    pub(super) fn faults(&self) -> MutexGuard<'_, Faults> {
        lock(&self.faults)
    }

    pub(super) fn plugins(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Plugin>>> {
        lock(&self.plugins)
    }

    pub(super) fn connection_token(&self) -> CancellationToken {
        lock(&self.connections).clone()
    }

    pub(super) fn websocket_token(&self) -> CancellationToken {
        lock(&self.websockets).clone()
    }

    pub(super) fn drop_connections(&self) {
        std::mem::replace(&mut *lock(&self.connections), self.stop.child_token()).cancel();
        self.drop_websockets();
    }

    pub(super) fn drop_websockets(&self) {
        std::mem::replace(&mut *lock(&self.websockets), self.stop.child_token()).cancel();
    }

    pub(super) fn changed(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    pub(super) fn bump(&self) {
        self.changed.send_modify(|count| *count += 1);
    }

    /// Runs until it is done or the server ends, whichever is first.
    pub(super) fn spawn(self: &Arc<Self>, work: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tracker.spawn(async move {
            stop.run_until_cancelled_owned(work).await;
        });
    }

    /// `GET /info` (drp-protocol 5.4), with what newer servers add and their clients insist on (10). There is no field
    /// for the file server's directory.
    pub(super) fn info(&self) -> Value {
        json!({
            "arch": "amd64", "os": "linux", "version": self.options.version, "id": "simulated", "local_id": "simulated",
            "ha_id": "", "api_port": self.address.port(), "file_port": self.fileserver.port(), "secure_file_port": 0,
            "dhcp_port": 67, "binl_port": 4011, "tftp_port": 69, "tftp_enabled": false, "dhcp_enabled": false,
            "binl_enabled": false, "prov_enabled": true, "secure_prov_enabled": false,
            "address": self.address.ip().to_string(), "server_hostname": "", "manager": false, "stats": [],
            "features": *self.features(), "scopes": {}, "License": {}, "errors": [], "ha_enabled": false,
            "ha_virtual_address": "", "ha_is_active": true, "ha_status": "Up", "ha_active_id": "",
            "ha_passive_state": [], "ClusterState": {}, "ha_consensus_id": "", "uuid": "simulated",
            "dns_enabled": false, "dns_port": 53, "extra_api_ports": [], "extra_file_ports": [],
            "extra_secure_file_ports": []
        })
    }
}
