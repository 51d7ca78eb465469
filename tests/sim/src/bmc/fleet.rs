//! Many BMCs in one process, each on a port of its own.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use tokio::net::{TcpListener, TcpSocket};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::certificate::Certificate;
use super::handle::Bmc;
use super::machine::Machine;
use super::personality::Personality;
use super::profile::Profile;
use super::serve::listen;
use super::shared::Shared;
use super::{PASSWORD, USERNAME};
use crate::lock::lock;

/// Simulated BMCs on loopback. Their tasks end when the fleet is dropped; [`Fleet::shutdown`] also waits for them.
pub struct Fleet {
    certificate: Certificate,
    client: reqwest::Client,
    profiles: Mutex<HashMap<Personality, Arc<Profile>>>,
    tracker: TaskTracker,
    stop: CancellationToken,
    _stop_on_drop: DropGuard,
}

impl Fleet {
    /// An empty fleet with a certificate for all its BMCs ([`Bmc::renew_certificate`] gives one its own).
    ///
    /// # Errors
    /// When no certificate can be made.
    pub async fn start() -> io::Result<Fleet> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .http1_only()
            .tls_danger_accept_invalid_certs(true)
            .build()
            .map_err(io::Error::other)?;
        let stop = CancellationToken::new();
        Ok(Fleet {
            certificate: tokio::task::spawn_blocking(Certificate::generate).await.map_err(io::Error::other)??,
            client,
            profiles: Mutex::default(),
            tracker: TaskTracker::new(),
            _stop_on_drop: stop.clone().drop_guard(),
            stop,
        })
    }

    /// Starts one more BMC.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn add(&self, personality: Personality) -> io::Result<Bmc> {
        let profile = {
            let mut profiles = lock(&self.profiles);
            Arc::clone(profiles.entry(personality).or_insert_with(|| Arc::new(personality.profile())))
        };
        self.add_profile(profile).await
    }

    /// Starts one more BMC with a profile of the caller's own.
    ///
    /// # Errors
    /// When no port can be bound.
    #[expect(clippy::unused_async, reason = "starting is awaited, whatever a start needs")]
    pub async fn add_profile(&self, profile: Arc<Profile>) -> io::Result<Bmc> {
        let listener = any_port()?;
        let shared = Arc::new(Shared::new(
            listener.local_addr()?,
            Machine::new(profile, USERNAME.into(), PASSWORD.into()),
            self.certificate.clone(),
            self.client.clone(),
            self.tracker.clone(),
            self.stop.clone(),
        ));
        shared.spawn(listen(Arc::clone(&shared), listener));
        Ok(Bmc::new(shared))
    }

    /// Ends every task and waits until they have.
    pub async fn shutdown(self) {
        self.stop.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }
}

/// A listener on a free port. Without `SO_REUSEADDR`, which `TcpListener::bind` sets: with it the kernel looks through a
/// quarter of the ports alone, which are used up by some seven thousand BMCs.
fn any_port() -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    socket.listen(128)
}
