//! What the tasks of one BMC share: its machine, its log, its faults; and the clock of changes.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::certificate::Certificate;
use super::fault::Faults;
use super::log::{Counters, Log, Request};
use super::machine::Machine;
use crate::lock::lock;

/// How far a connection gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// All the way.
    #[default]
    Normal,
    /// TCP is accepted, TLS is never answered.
    NoTls,
    /// TLS is completed, no request is ever answered.
    NoAnswer,
    /// Nobody listens: connections are refused.
    Refused,
}

/// One BMC, as its tasks see it.
pub(super) struct Shared {
    pub(super) address: SocketAddr,
    machine: Mutex<Machine>,
    log: Mutex<Log>,
    faults: Mutex<Faults>,
    certificate: Mutex<Certificate>,
    /// Cancelled to end the connections that are open.
    connections: Mutex<CancellationToken>,
    pub(super) counters: Counters,
    pub(super) reach: watch::Sender<Reach>,
    /// Whether the port is bound.
    pub(super) listening: watch::Sender<bool>,
    changed: watch::Sender<u64>,
    pub(super) client: reqwest::Client,
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl Shared {
    pub(super) fn new(
        address: SocketAddr,
        machine: Machine,
        certificate: Certificate,
        client: reqwest::Client,
        tracker: TaskTracker,
        stop: CancellationToken,
    ) -> Shared {
        Shared {
            address,
            machine: Mutex::new(machine),
            log: Mutex::default(),
            faults: Mutex::default(),
            certificate: Mutex::new(certificate),
            connections: Mutex::new(stop.child_token()),
            counters: Counters::default(),
            reach: watch::Sender::new(Reach::Normal),
            listening: watch::Sender::new(true),
            changed: watch::Sender::new(0),
            client,
            tracker,
            stop,
        }
    }

    /// Looks at the machine.
    pub(super) fn read<R>(&self, look: impl FnOnce(&Machine) -> R) -> R {
        look(&lock(&self.machine))
    }

    /// Changes the machine, and says so.
    pub(super) fn change<R>(&self, change: impl FnOnce(&mut Machine) -> R) -> R {
        let result = change(&mut lock(&self.machine));
        self.bump();
        result
    }

    pub(super) fn log<R>(&self, change: impl FnOnce(&mut Log) -> R) -> R {
        let result = change(&mut lock(&self.log));
        self.bump();
        result
    }

    pub(super) fn requests(&self) -> Vec<Request> {
        lock(&self.log).requests()
    }

    pub(super) fn faults(&self) -> MutexGuard<'_, Faults> {
        lock(&self.faults)
    }

    pub(super) fn certificate(&self) -> Certificate {
        lock(&self.certificate).clone()
    }

    pub(super) fn set_certificate(&self, certificate: Certificate) {
        *lock(&self.certificate) = certificate;
        self.drop_connections();
    }

    pub(super) fn connection_token(&self) -> CancellationToken {
        lock(&self.connections).clone()
    }

    pub(super) fn drop_connections(&self) {
        std::mem::replace(&mut *lock(&self.connections), self.stop.child_token()).cancel();
    }

    pub(super) fn changed(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    pub(super) fn bump(&self) {
        self.changed.send_modify(|count| *count += 1);
    }

    /// Runs until it is done or the fleet ends, whichever is first.
    pub(super) fn spawn(self: &Arc<Self>, work: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tracker.spawn(async move {
            stop.run_until_cancelled_owned(work).await;
        });
    }
}
