//! BMCs: which one, as whom, and what may be asked of it.
//!
//! [`Bmcs::open`] takes a [`Target`], waits for its turn on that BMC, connects and recognises it; the [`Bmc`] it gives does
//! one operation. Dropping its future at any await is a cancel: what was done until then is in the [`Operation`].
//!
//! Three promises hold for all of it: nothing waits without a limit ([`Limits`]), one operation at a time per BMC
//! (`gate`), and no credential reaches a log, an error, another host or a proxy (`tls`, `redfish::client`).
//!
//! | driver | speaks with | through |
//! |---|---|---|
//! | `redfish` | nearly every BMC since 2015 | HTTPS |
//! | `ipmitool` | every BMC with IPMI 2.0; power, boot devices, light | the program of that name |
//! | `racadm` | Dell's iDRAC; also virtual media | the program of that name |
//! | `lpar` | the console (HMC) of an IBM Power machine; power of a partition | HTTPS |
//!
//! What a driver cannot do is [`Kind::Unsupported`] and names the one that can. Programs are run in `command`; what the
//! drivers beside Redfish share is in `work` (steps, time, errors) and `power`.

use std::ffi::OsString;
use std::sync::Arc;

use url::Url;

use crate::operation::Operation;

mod answered;
mod asked;
mod command;
mod error;
mod gate;
mod ipmitool;
mod limits;
mod lpar;
mod manners;
mod power;
mod racadm;
mod redfish;
mod status;
mod target;
mod tls;
mod work;

use ipmitool::Ipmitool;
use limits::Deadline;
use lpar::Lpar;
use racadm::Racadm;
use redfish::{Redfish, Sessions};

pub use answered::{Identity, Media, Mounted, PowerState, Powered};
pub use asked::{BootDevice, BootMode, Identified, Identify, Lasting, Part, Power};
pub use error::{Error, Kind};
pub use limits::Limits;
pub use redfish::{Plan, PlannedStep, SlotSeen, UnknownVendor, Vendor, without_password};
pub use target::{Driver, Fingerprint, NoFingerprint, Target, TlsPolicy};

/// All BMCs as one process sees them: HTTP clients, programs, turns, and what was learnt about their manners. Cheap to
/// clone.
#[derive(Clone, Debug, Default)]
pub struct Bmcs {
    clients: tls::Clients,
    programs: command::Programs,
    gates: gate::Gates,
    remembered: manners::Remembered,
    known: redfish::Known,
    sessions: Sessions,
}

impl Bmcs {
    /// Knows no BMC yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Looks the programs of its drivers up in the directories of `path`, which has the form of the environment's `PATH`,
    /// instead of that one.
    #[must_use]
    pub fn with_programs_in(path: OsString) -> Self {
        Self { programs: command::Programs::in_path(path), ..Self::default() }
    }

    /// Waits for a turn on the BMC, connects and recognises it, all within `target.limits.total`, which runs on until the
    /// last call on the [`Bmc`] given. A driver that runs programs asks nothing yet.
    ///
    /// # Errors
    /// [`Kind::Parameter`] for an address or TLS policy that is none; [`Kind::Busy`] when the turn did not come in time;
    /// [`Kind::Refused`] where nobody listens, the certificate or the credentials are not accepted; [`Kind::Timeout`].
    pub async fn open<'op>(&self, target: Target, operation: &'op Operation) -> Result<Bmc<'op>, Error> {
        self.admit(target, operation, Reach::Recognised).await
    }

    /// The same for [`Bmc::power_state`] and [`Bmc::media`] alone, for which the BMC need not be recognised.
    ///
    /// # Errors
    /// As [`Bmcs::open`].
    pub async fn glance<'op>(&self, target: Target, operation: &'op Operation) -> Result<Bmc<'op>, Error> {
        self.admit(target, operation, Reach::Glance).await
    }

    async fn admit<'op>(&self, target: Target, operation: &'op Operation, reach: Reach) -> Result<Bmc<'op>, Error> {
        let deadline = Deadline::after(target.limits.total);
        let key = target.key()?;
        if self.gates.is_taken(&key) {
            operation.begin("wait", format!("waiting for another operation on BMC {}", target.name()));
        }
        let turn = tokio::time::timeout(deadline.remaining(), self.gates.turn(&key)).await.map_err(|_| {
            let waited = limits::spoken(deadline.total());
            let answer = format!("was busy with another operation of ours for {waited}");
            Error::new(Kind::Busy, "waiting for a turn", target.name(), answer).advise("try again when that has ended")
        })?;
        let turn = Arc::new(turn);
        let driver = match target.driver {
            Driver::Redfish(_) => {
                let (manners, memory) = (self.remembered.of(&key), self.known.of(&key));
                let access = self.sessions.access(&key, Arc::clone(&turn));
                let clients = &self.clients;
                // On the heap, so that no future that waits for an operation is large.
                let opened = match reach {
                    Reach::Recognised => {
                        Box::pin(Redfish::open(clients, &target, deadline, manners, memory, access, operation)).await?
                    }
                    Reach::Glance => {
                        Box::pin(Redfish::glance(clients, &target, deadline, manners, memory, access, operation))
                            .await?
                    }
                };
                Session::Redfish(Box::new(opened))
            }
            Driver::Ipmitool => {
                let programs = self.programs.clone();
                Session::Ipmitool(Box::new(Ipmitool::new(&target, programs, deadline, operation)?))
            }
            Driver::Racadm => {
                let programs = self.programs.clone();
                Session::Racadm(Box::new(Racadm::new(&target, programs, deadline, operation)?))
            }
            Driver::Lpar { ref id } => {
                Session::Lpar(Box::new(Lpar::open(&self.clients, &target, id, deadline, operation).await?))
            }
        };
        Ok(Bmc { name: target.name(), driver, _turn: turn })
    }

    /// Waits until what was opened on BMCs and let go is closed there: sessions, for a few seconds at most. To be awaited
    /// before the runtime ends.
    pub async fn let_go(&self) {
        self.sessions.ended().await;
    }
}

/// How much of a BMC an operation has to know.
enum Reach {
    /// Who it is.
    Recognised,
    /// Where its system is.
    Glance,
}

/// A driver in an operation.
enum Session<'op> {
    Redfish(Box<Redfish<'op>>),
    Ipmitool(Box<Ipmitool<'op>>),
    Racadm(Box<Racadm<'op>>),
    Lpar(Box<Lpar<'op>>),
}

/// One operation on one BMC, which nobody else of this process touches meanwhile.
///
/// # Errors
/// Every call fails with [`Kind::Refused`] where the BMC answers with an error it cannot get around, [`Kind::Unsupported`]
/// where it offers no way, [`Kind::Conflict`] where a state forbids it, [`Kind::Busy`] where it keeps saying "not now", and
/// [`Kind::Timeout`] where an answer or an effect does not come within the [`Limits`].
pub struct Bmc<'op> {
    name: String,
    // Dropped in this order: the connection is let go before the turn. A session that is still to be deleted holds the turn
    // too.
    driver: Session<'op>,
    _turn: Arc<gate::Turn>,
}

impl Bmc<'_> {
    /// How it is called in messages: its address, and its port where that is not the usual one.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the BMC turned out to be.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        match &self.driver {
            Session::Redfish(redfish) => redfish.identity(),
            Session::Ipmitool(ipmitool) => ipmitool.identity(),
            Session::Racadm(racadm) => racadm.identity(),
            Session::Lpar(lpar) => lpar.identity(),
        }
    }

    /// What it shows as its virtual CD.
    pub async fn media(&mut self) -> Result<Media, Error> {
        match &mut self.driver {
            Session::Redfish(redfish) => redfish.media().await,
            Session::Ipmitool(ipmitool) => Err(ipmitool.no_media("reading its virtual media")),
            Session::Racadm(racadm) => racadm.media().await,
            Session::Lpar(lpar) => Err(lpar.cannot("reading its virtual media")),
        }
    }

    /// Where `image` is mounted already, however the BMC spells or hides its URL; `None` where it is not.
    pub async fn holding(&mut self, image: &Url) -> Result<Option<Mounted>, Error> {
        match &mut self.driver {
            Session::Redfish(redfish) => redfish.holding(image).await,
            Session::Ipmitool(ipmitool) => Err(ipmitool.no_media("reading its virtual media")),
            Session::Racadm(racadm) => racadm.holding(image).await,
            Session::Lpar(lpar) => Err(lpar.cannot("reading its virtual media")),
        }
    }

    /// Ejects what is mounted, inserts `image`, and waits until the BMC shows it.
    pub async fn mount(&mut self, image: &Url) -> Result<Mounted, Error> {
        match &mut self.driver {
            Session::Redfish(redfish) => redfish.mount(image).await,
            Session::Ipmitool(ipmitool) => Err(ipmitool.no_media("mounting an image")),
            Session::Racadm(racadm) => racadm.mount(image).await,
            Session::Lpar(lpar) => Err(lpar.cannot("mounting an image")),
        }
    }

    /// Ejects the images that `which` picks by what the BMC shows of their URL; `|_| true` picks all. Whether there were any.
    pub async fn unmount(&mut self, which: impl Fn(&str) -> bool + Send) -> Result<bool, Error> {
        match &mut self.driver {
            Session::Redfish(redfish) => redfish.unmount(which).await,
            Session::Ipmitool(ipmitool) => Err(ipmitool.no_media("ejecting its virtual media")),
            Session::Racadm(racadm) => racadm.unmount(which).await,
            Session::Lpar(lpar) => Err(lpar.cannot("ejecting its virtual media")),
        }
    }

    /// Ejects `image`, however the BMC spells or hides its URL, and the images that `also` picks by what the BMC shows.
    /// Whether there were any.
    pub async fn unmount_image(
        &mut self,
        image: Option<&Url>,
        also: impl Fn(&str) -> bool + Send,
    ) -> Result<bool, Error> {
        match &mut self.driver {
            Session::Redfish(redfish) => redfish.unmount_image(image, also).await,
            Session::Ipmitool(ipmitool) => Err(ipmitool.no_media("ejecting its virtual media")),
            Session::Racadm(racadm) => racadm.unmount_image(image, also).await,
            Session::Lpar(lpar) => Err(lpar.cannot("ejecting its virtual media")),
        }
    }

    /// Makes the next boot, and only that, go to the virtual CD.
    pub async fn boot_once_from_cd(&mut self) -> Result<(), Error> {
        match &mut self.driver {
            Session::Redfish(redfish) => redfish.boot_once_from_cd().await,
            Session::Ipmitool(ipmitool) => Err(ipmitool.no_media("making the next boot go to the virtual CD")),
            Session::Racadm(racadm) => racadm.boot_once_from_cd().await,
            Session::Lpar(lpar) => Err(lpar.cannot("making the next boot go to the virtual CD")),
        }
    }

    /// Takes a pending boot from virtual CD back; a pending boot from anything else stays.
    pub async fn clear_boot_once(&mut self) -> Result<(), Error> {
        match &mut self.driver {
            Session::Redfish(redfish) => redfish.clear_boot_once().await,
            Session::Ipmitool(ipmitool) => Err(ipmitool.no_media("taking a boot from virtual CD back")),
            Session::Racadm(racadm) => racadm.clear_boot_once().await,
            Session::Lpar(lpar) => Err(lpar.cannot("taking a boot from virtual CD back")),
        }
    }

    /// Whether the machine is on.
    pub async fn power_state(&mut self) -> Result<PowerState, Error> {
        match &mut self.driver {
            Session::Redfish(redfish) => redfish.power_state().await,
            Session::Ipmitool(ipmitool) => power::power_state(ipmitool.as_mut()).await,
            Session::Racadm(racadm) => power::power_state(racadm.as_mut()).await,
            Session::Lpar(lpar) => lpar.power_state().await,
        }
    }

    /// Brings the machine's power to what is wanted and watches it get there. Being there already is a success.
    pub async fn power(&mut self, wanted: Power) -> Result<Powered, Error> {
        match &mut self.driver {
            Session::Redfish(redfish) => redfish.power(wanted).await,
            Session::Ipmitool(ipmitool) => power::power(ipmitool.as_mut(), wanted).await,
            Session::Racadm(racadm) => power::power(racadm.as_mut(), wanted).await,
            Session::Lpar(lpar) => lpar.power(wanted).await,
        }
    }

    /// Makes the machine boot from `device`, once or from now on, in the firmware `mode`.
    pub async fn boot_from(&mut self, device: BootDevice, lasting: Lasting, mode: BootMode) -> Result<(), Error> {
        match &mut self.driver {
            Session::Redfish(redfish) => redfish.boot_from(device, lasting, mode).await,
            Session::Ipmitool(ipmitool) => ipmitool.boot_from(device, lasting, mode).await,
            Session::Racadm(racadm) => racadm.boot_from(device, lasting, mode).await,
            Session::Lpar(lpar) => Err(lpar.cannot("setting the boot device")),
        }
    }

    /// Whether the next boot still goes to the virtual CD, or a boot once from it was done or taken back.
    pub async fn boots_once_from_cd(&mut self) -> Result<bool, Error> {
        match &mut self.driver {
            Session::Redfish(redfish) => redfish.boots_once_from_cd().await,
            Session::Ipmitool(ipmitool) => Err(ipmitool.no_media("looking at the boot from virtual CD")),
            Session::Racadm(racadm) => racadm.boots_once_from_cd().await,
            Session::Lpar(lpar) => Err(lpar.cannot("looking at the boot from virtual CD")),
        }
    }

    /// Makes the machine known in its rack, or no longer.
    pub async fn identify(&mut self, identify: Identify) -> Result<Identified, Error> {
        match &mut self.driver {
            Session::Redfish(redfish) => redfish.identify(identify).await,
            Session::Ipmitool(ipmitool) => ipmitool.identify(identify).await,
            Session::Racadm(racadm) => racadm.identify(identify).await,
            Session::Lpar(lpar) => Err(lpar.cannot("switching the indicator light")),
        }
    }

    /// A part of its description of the machine, as the BMC itself words it.
    pub async fn read(&mut self, part: Part) -> Result<serde_json::Value, Error> {
        match &mut self.driver {
            Session::Redfish(redfish) => redfish.read(part).await,
            Session::Ipmitool(ipmitool) => ipmitool.read(part).await,
            Session::Racadm(racadm) => racadm.read(part).await,
            Session::Lpar(lpar) => lpar.read(part).await,
        }
    }

    /// What it offers and which steps would be taken; changes nothing.
    pub async fn plan(&mut self) -> Result<Plan, Error> {
        match &mut self.driver {
            Session::Redfish(redfish) => redfish.plan().await,
            Session::Racadm(racadm) => racadm.plan().await,
            Session::Ipmitool(_) | Session::Lpar(_) => Ok(power::plan()),
        }
    }
}
