//! BMCs: which one, as whom, and what may be asked of it.
//!
//! [`Bmcs::open`] takes a [`Target`], waits for its turn on that BMC, connects and recognises it; the [`Bmc`] it gives does
//! one operation. Dropping its future at any await is a cancel: what was done until then is in the [`Operation`].
//!
//! Three promises hold for all of it: nothing waits without a limit ([`Limits`]), one operation at a time per BMC
//! (`gate`), and no credential reaches a log, an error, another host or a proxy (`tls`, `redfish::client`).
//!
//! The driver is Redfish. Others (ipmitool, racadm) will stand beside `redfish/` and behind the same [`Bmc`].

use url::Url;

use crate::operation::Operation;

mod answered;
mod asked;
mod error;
mod gate;
mod limits;
mod manners;
mod redfish;
mod target;
mod tls;

use limits::Deadline;
use redfish::Redfish;

pub use answered::{Identity, Media, Mounted, PowerState, Powered};
pub use asked::{BootDevice, BootMode, Identified, Identify, Lasting, Part, Power};
pub use error::{Error, Kind};
pub use limits::Limits;
pub use redfish::{Plan, PlannedStep, SlotSeen, UnknownVendor, Vendor, without_password};
pub use target::{Driver, Fingerprint, NoFingerprint, Target, TlsPolicy};

/// The port of a Redfish service where none is given.
pub const DEFAULT_PORT: u16 = 443;

/// All BMCs as one process sees them: HTTP clients, turns, and what was learnt about their manners. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Bmcs {
    clients: tls::Clients,
    gates: gate::Gates,
    remembered: manners::Remembered,
}

impl Bmcs {
    /// Knows no BMC yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Waits for a turn on the BMC, connects and recognises it, all within `target.limits.total`, which runs on until the
    /// last call on the [`Bmc`] given.
    ///
    /// # Errors
    /// [`Kind::Parameter`] for an address or TLS policy that is none; [`Kind::Busy`] when the turn did not come in time;
    /// [`Kind::Refused`] where nobody listens, the certificate or the credentials are not accepted; [`Kind::Timeout`].
    pub async fn open<'op>(&self, target: Target, operation: &'op Operation) -> Result<Bmc<'op>, Error> {
        let deadline = Deadline::after(target.limits.total);
        let key = target.base()?.to_string();
        if self.gates.is_taken(&key) {
            operation.begin("wait", format!("waiting for another operation on BMC {}", target.name()));
        }
        let turn = tokio::time::timeout(deadline.remaining(), self.gates.turn(&key)).await.map_err(|_| {
            let waited = limits::spoken(deadline.total());
            let answer = format!("was busy with another operation of ours for {waited}");
            Error::new(Kind::Busy, "waiting for a turn", target.name(), answer).advise("try again when that has ended")
        })?;
        let redfish = Redfish::open(&self.clients, &target, deadline, self.remembered.of(&key), operation).await?;
        Ok(Bmc { redfish, _turn: turn })
    }
}

/// One operation on one BMC, which nobody else of this process touches meanwhile.
///
/// # Errors
/// Every call fails with [`Kind::Refused`] where the BMC answers with an error it cannot get around, [`Kind::Unsupported`]
/// where it offers no way, [`Kind::Conflict`] where a state forbids it, [`Kind::Busy`] where it keeps saying "not now", and
/// [`Kind::Timeout`] where an answer or an effect does not come within the [`Limits`].
pub struct Bmc<'op> {
    // Dropped in this order: the connection is let go before the turn.
    redfish: Redfish<'op>,
    _turn: gate::Turn,
}

impl Bmc<'_> {
    /// What the BMC turned out to be.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        self.redfish.identity()
    }

    /// What it shows as its virtual CD.
    pub async fn media(&mut self) -> Result<Media, Error> {
        self.redfish.media().await
    }

    /// Ejects what is mounted, inserts `image`, and waits until the BMC shows it.
    pub async fn mount(&mut self, image: &Url) -> Result<Mounted, Error> {
        self.redfish.mount(image).await
    }

    /// Ejects the images that `which` picks by what the BMC shows of their URL; `|_| true` picks all. Whether there were any.
    pub async fn unmount(&mut self, which: impl Fn(&str) -> bool + Send) -> Result<bool, Error> {
        self.redfish.unmount(which).await
    }

    /// Ejects `image`, however the BMC spells or hides its URL, and the images that `also` picks by what the BMC shows.
    /// Whether there were any.
    pub async fn unmount_image(
        &mut self,
        image: Option<&Url>,
        also: impl Fn(&str) -> bool + Send,
    ) -> Result<bool, Error> {
        self.redfish.unmount_image(image, also).await
    }

    /// Makes the next boot, and only that, go to the virtual CD.
    pub async fn boot_once_from_cd(&mut self) -> Result<(), Error> {
        self.redfish.boot_once_from_cd().await
    }

    /// Takes a pending boot from virtual CD back; a pending boot from anything else stays.
    pub async fn clear_boot_once(&mut self) -> Result<(), Error> {
        self.redfish.clear_boot_once().await
    }

    /// Whether the machine is on.
    pub async fn power_state(&mut self) -> Result<PowerState, Error> {
        self.redfish.power_state().await
    }

    /// Brings the machine's power to what is wanted and watches it get there. Being there already is a success.
    pub async fn power(&mut self, wanted: Power) -> Result<Powered, Error> {
        self.redfish.power(wanted).await
    }

    /// Makes the machine boot from `device`, once or from now on, in the firmware `mode`.
    pub async fn boot_from(&mut self, device: BootDevice, lasting: Lasting, mode: BootMode) -> Result<(), Error> {
        self.redfish.boot_from(device, lasting, mode).await
    }

    /// Whether the next boot still goes to the virtual CD, or a boot once from it was done or taken back.
    pub async fn boots_once_from_cd(&mut self) -> Result<bool, Error> {
        self.redfish.boots_once_from_cd().await
    }

    /// Makes the machine known in its rack, or no longer.
    pub async fn identify(&mut self, identify: Identify) -> Result<Identified, Error> {
        self.redfish.identify(identify).await
    }

    /// A part of its description of the machine, as the BMC itself words it.
    pub async fn read(&mut self, part: Part) -> Result<serde_json::Value, Error> {
        self.redfish.read(part).await
    }

    /// What it offers and which steps would be taken; changes nothing.
    pub async fn plan(&mut self) -> Result<Plan, Error> {
        self.redfish.plan().await
    }
}
