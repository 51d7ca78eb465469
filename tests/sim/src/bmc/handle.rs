//! One simulated BMC as a test holds it: where it is, what it saw, and the switches on it.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::watch;

use super::call::Transition;
use super::certificate::Certificate;
use super::fault::{Fault, Matcher};
use super::log::{Counts, Log, Request};
use super::machine::{Machine, Override};
use super::profile::Profile;
use super::shared::{Reach, Shared};
use super::state::{Device, Power, State};

/// A simulated BMC. Clones are the same BMC; it runs for as long as its fleet.
#[derive(Clone)]
pub struct Bmc {
    shared: Arc<Shared>,
}

impl fmt::Debug for Bmc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bmc").field("address", &self.shared.address).finish_non_exhaustive()
    }
}

/// Where it is and who may enter.
impl Bmc {
    pub(super) fn new(shared: Arc<Shared>) -> Bmc {
        Bmc { shared }
    }

    /// The address it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// `https://127.0.0.1:PORT`, without a path.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://{}", self.shared.address)
    }

    /// The account's name.
    #[must_use]
    pub fn username(&self) -> &'static str {
        super::USERNAME
    }

    /// The account's present password.
    #[must_use]
    pub fn password(&self) -> String {
        self.shared.read(|machine| machine.password.clone())
    }

    /// The scheme of image URLs that it fetches and a server can most easily offer: HTTP where it takes that.
    #[must_use]
    pub fn image_scheme(&self) -> &'static str {
        let taken = self.shared.read(|machine| machine.profile.media.schemes.clone());
        ["http", "https", "nfs", "cifs"].into_iter().find(|scheme| taken.contains(scheme)).unwrap_or("http")
    }

    /// Changes the password; open sessions stay.
    pub fn set_password(&self, password: &str) {
        self.shared.change(|machine| password.clone_into(&mut machine.password));
    }

    /// SHA-256 of the certificate it shows, lower hex.
    #[must_use]
    pub fn certificate_sha256(&self) -> String {
        self.shared.certificate().sha256.to_string()
    }

    /// The certificate it shows, PEM: a client that takes it as CA trusts this BMC at 127.0.0.1.
    #[must_use]
    pub fn certificate_pem(&self) -> String {
        self.shared.certificate().pem.to_string()
    }

    /// Shows a new certificate from now on, and ends the connections that are open.
    ///
    /// # Errors
    /// When no certificate can be made.
    pub fn renew_certificate(&self) -> io::Result<()> {
        self.shared.set_certificate(Certificate::generate()?);
        self.shared.bump();
        Ok(())
    }

    /// Shows its certificate from now on without having its key, as somebody in between would, and ends the connections
    /// that are open.
    ///
    /// # Errors
    /// When no certificate can be made.
    pub fn lose_key(&self) -> io::Result<()> {
        self.shared.set_certificate(self.shared.certificate().stolen()?);
        self.shared.bump();
        Ok(())
    }
}

/// What it saw and what it did.
impl Bmc {
    /// The machine behind it as it is now.
    #[must_use]
    pub fn state(&self) -> State {
        self.shared.read(Machine::snapshot)
    }

    /// The requests since the start or the last [`Bmc::clear_requests`]: the last ten thousand.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.shared.requests()
    }

    /// The same, where a look that is repeated while something is waited for counts once.
    #[must_use]
    pub fn requests_without_repeats(&self) -> Vec<Request> {
        let mut requests = self.requests();
        requests.dedup_by(|later, earlier| {
            later.method == "GET" && later.method == earlier.method && later.path == earlier.path
        });
        requests
    }

    /// Forgets the requests so far.
    pub fn clear_requests(&self) {
        self.shared.log(Log::clear);
    }

    /// TLS connections since the start.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.counts().connections
    }

    /// All counts since the start.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let sessions = self.shared.read(|machine| machine.sessions_made);
        self.shared.counters.counts(usize::try_from(sessions).unwrap_or(usize::MAX))
    }

    /// A number that grows with every change of what [`Bmc::state`], [`Bmc::requests`] or [`Bmc::counts`] tell.
    #[must_use]
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.shared.changed()
    }

    /// Waits until the BMC is as wanted; the caller bounds the wait.
    pub async fn until(&self, mut wanted: impl FnMut(&Bmc) -> bool) {
        let mut changed = self.changed();
        loop {
            changed.mark_unchanged();
            if wanted(self) || changed.changed().await.is_err() {
                return;
            }
        }
    }
}

/// Switches.
impl Bmc {
    /// Switches a fault on for the requests that a matcher takes.
    pub fn fault(&self, matcher: Matcher, fault: Fault) {
        self.shared.faults().add(matcher, fault);
    }

    /// Switches every fault off.
    pub fn clear_faults(&self) {
        self.shared.faults().clear();
    }

    /// Sets how far connections get, and ends those that are open. Returns when all of that has come true.
    pub async fn set_reach(&self, reach: Reach) {
        self.shared.reach.send_replace(reach);
        let mut listening = self.shared.listening.subscribe();
        // The sender lives in `self`, so waiting cannot fail.
        let _ = listening.wait_for(|listening| *listening == (reach != Reach::Refused)).await;
        self.shared.drop_connections();
        self.until(|bmc| bmc.counts().open == 0).await;
    }

    /// Ends the connections that are open, as a BMC does that tires of them.
    pub fn drop_connections(&self) {
        self.shared.drop_connections();
    }

    /// Changes what this BMC believes of itself.
    pub fn alter(&self, change: impl FnOnce(&mut Profile)) {
        self.shared.change(|machine| machine.alter(change));
    }

    /// Puts somebody else's image in the first drive that boots, switching virtual media on where it is off at first.
    pub fn mount_foreign(&self, url: &str) {
        self.shared.change(|machine| {
            machine.media_enabled |= machine.profile.media.off_at_first;
            let drive = machine.profile.media.drives.iter().position(|shape| shape.boots).unwrap_or_default();
            machine.mount(drive, url.to_owned());
            if let Some(drive) = machine.drives.get_mut(drive) {
                drive.late_reads = 0;
            }
        });
    }

    /// Leaves an image on show that is no longer there, in the first drive that boots: the next `true_reads` show it empty,
    /// then `stale_reads` show the image, and an insert meanwhile is refused as one while an eject settles.
    pub fn leave_ejected(&self, url: &str, true_reads: u32, stale_reads: u32) {
        self.mount_foreign(url);
        self.eject_all();
        self.shared.change(|machine| {
            for drive in machine.drives.iter_mut().filter(|drive| drive.previous.as_deref() == Some(url)) {
                (drive.true_reads, drive.stale_reads) = (true_reads, stale_reads);
            }
        });
    }

    /// Takes every image out, as somebody does on the BMC's own page.
    pub fn eject_all(&self) {
        self.shared.change(|machine| {
            for drive in 0..machine.drives.len() {
                machine.eject(drive);
                if let Some(drive) = machine.drives.get_mut(drive) {
                    drive.stale_reads = 0;
                }
            }
        });
    }

    /// Sets the power at once; On is no boot, and a change that is under way ends.
    pub fn set_power(&self, on: bool) {
        self.shared.change(|machine| {
            machine.ticket += 1;
            machine.power = if on { Power::On } else { Power::Off };
        });
    }

    /// Starts the machine anew at once, as somebody does who presses its buttons, and gives what it booted from.
    #[must_use]
    pub fn boot(&self) -> Option<Device> {
        self.shared.change(|machine| {
            let ticket = machine.begin(Transition::Restart);
            machine.power_step(ticket, Power::On);
            machine.boots.back().map(|boot| boot.device)
        })
    }

    /// Puts the machine into POST, or takes it out: some BMCs refuse boot settings there.
    pub fn set_post(&self, in_post: bool) {
        self.shared.change(|machine| machine.in_post = in_post);
    }

    /// Lets it have no time for the next requests that carry its account, and refuse them as [`Errors::busy`] says.
    ///
    /// [`Errors::busy`]: super::Errors::busy
    pub fn set_busy(&self, requests: u32) {
        self.shared.change(|machine| machine.busy_for = requests);
    }

    /// Whether the licence covers virtual media.
    pub fn set_licensed(&self, licensed: bool) {
        self.shared.change(|machine| machine.licensed = licensed);
    }

    /// Whether configuration jobs are refused (Dell's LC068: something is pending already).
    pub fn set_jobs_refused(&self, refused: bool) {
        self.shared.change(|machine| machine.jobs_refused = refused);
    }

    /// Lets the next inserts fail as if their images could not be fetched: some BMCs do so now and then, and a share cannot
    /// be taken away here.
    pub fn fail_inserts(&self, times: u32) {
        self.shared.change(|machine| machine.failing_inserts = times);
    }

    /// Whether virtual media is switched on.
    pub fn set_media_enabled(&self, enabled: bool) {
        self.shared.change(|machine| machine.media_enabled = enabled);
    }

    /// Sets the next boot's target as somebody else would have left it.
    pub fn set_boot_once(&self, target: &str) {
        self.shared.change(|machine| {
            machine.boot = Override { enabled: "Once".into(), target: target.into(), mode: machine.boot.mode.clone() };
        });
    }
}
