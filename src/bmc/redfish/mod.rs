//! The Redfish engine: one for all vendors, after rules that cover most machines (R1 to R9 below by name), with each
//! vendor's differences in [`vendors`].
//!
//! * R1 links are followed, paths never built: [`discovery`]; what was found is kept: [`known`]
//! * R2 a slot is chosen by its media types: `slots`, `slot`
//! * R3 everything is ejected first, R5 a 2xx is not "mounted": `media`, `attach`
//! * R4 the insert ladder: `ladder`
//! * R5 tasks: `tasks`
//! * R6 boot devices, on the settings object or the system: `boot`, `boot_override`
//! * R7 `ETag` forms, R9 connections: `client`
//! * R8 reset types and states: `power`
//! * sessions, where Basic is refused: `session`
//!
//! Out of scope: events, firmware.

use tracing::{info, warn};

use super::answered::Identity;
use super::error::Error;
use super::limits::{Deadline, Patience, spoken};
use super::manners::Manners;
use super::target::Target;
use super::tls::Clients;
use crate::operation::Operation;

mod answer;
mod attach;
mod boot;
mod boot_override;
mod client;
mod discovery;
mod failure;
mod identify;
mod image;
mod known;
mod ladder;
mod media;
mod message;
mod plan;
mod power;
mod read;
mod session;
mod slot;
mod slots;
mod tasks;
mod value;
mod vendors;

use client::Client;
use discovery::Platform;
use known::Memory;
use session::Access;
use vendors::Quirks;

pub(crate) use known::Known;
pub(crate) use session::Sessions;

pub use plan::{Plan, PlannedStep, SlotSeen};
pub use slot::without_password;
pub use vendors::{UnknownVendor, Vendor};

/// One operation on one BMC over Redfish.
pub(crate) struct Redfish<'op> {
    client: Client,
    operation: &'op Operation,
    /// What the driver was told that this BMC is.
    given: Option<Vendor>,
    memory: Memory,
    platform: Platform,
    /// Whether the platform's system was read in this operation, and not changed since.
    system_is_fresh: bool,
    quirks: &'static dyn Quirks,
    identity: Identity,
}

impl<'op> Redfish<'op> {
    /// Connects to the BMC, judges its certificate and recognises it. Where it is known, its system is looked at, and shows
    /// whether that still holds.
    pub(crate) async fn open(
        clients: &Clients,
        target: &Target,
        deadline: Deadline,
        manners: Manners,
        memory: Memory,
        access: Access,
        operation: &'op Operation,
    ) -> Result<Self, Error> {
        let mut bmc = Self::glance(clients, target, deadline, manners, memory, access, operation).await?;
        bmc.fresh_system().await?;
        bmc.recognise().await?;
        Ok(bmc)
    }

    /// The same for whoever only reads what any BMC shows: the system alone is looked for, and the vendor is the one that
    /// this names, unless the BMC is known already.
    pub(crate) async fn glance(
        clients: &Clients,
        target: &Target,
        deadline: Deadline,
        manners: Manners,
        memory: Memory,
        access: Access,
        operation: &'op Operation,
    ) -> Result<Self, Error> {
        let base = target.base()?;
        let parameter = |why: String| Error::new(super::Kind::Parameter, "reading the TLS policy", target.name(), why);
        let http = clients.http(target).map_err(parameter)?;
        let mut client = Client::new(http, target, base, access, deadline, manners, Vendor::Generic.quirks());
        let known = memory.recall();
        let system_is_fresh = known.is_none();
        let platform = if let Some(known) = known {
            known
        } else {
            operation.begin("connect", format!("connecting to the BMC {}", client.name()));
            Platform::find(&mut client).await?
        };
        let mut bmc = Self {
            client,
            operation,
            given: target.driver.vendor(),
            memory,
            platform,
            system_is_fresh,
            quirks: Vendor::Generic.quirks(),
            identity: Identity::unread(None),
        };
        bmc.learn();
        if system_is_fresh {
            bmc.memory.keep(&bmc.platform);
        }
        Ok(bmc)
    }

    /// Reads all that a BMC is recognised by, unless it was.
    async fn recognise(&mut self) -> Result<(), Error> {
        if self.platform.is_recognised {
            return Ok(());
        }
        self.operation.begin("recognise", format!("recognising the BMC {}", self.client.name()));
        self.platform.recognise(&mut self.client).await?;
        self.learn();
        self.memory.keep(&self.platform);
        let recognised = self.platform.vendor();
        if let Some(given) = self.given
            && ![recognised, Vendor::Generic].contains(&given)
            && recognised != Vendor::Generic
        {
            warn!(bmc = self.client.name(), %given, %recognised, "the BMC looks like another vendor's than the one given");
        }
        let Identity { model, firmware, .. } = &self.identity;
        let vendor = self.given.unwrap_or(recognised);
        info!(bmc = self.client.name(), operation = %self.operation.id(), %vendor, model, firmware, "recognised");
        self.operation.done(format!("recognised the BMC {} as {vendor} {model}", self.client.name()));
        Ok(())
    }

    /// Takes in what was read of the platform.
    fn learn(&mut self) {
        let seen = self.client.fingerprint();
        self.platform.fingerprint = seen.or(self.platform.fingerprint);
        let platform = &self.platform;
        let vendor = self.given.unwrap_or_else(|| platform.vendor());
        self.quirks = vendor.quirks();
        self.client.use_quirks(self.quirks);
        self.identity = Identity {
            vendor: platform.is_recognised.then_some(vendor),
            maker: platform.maker(),
            product: platform.root.text("Product").or_else(|| platform.system.text("Model")).unwrap_or_default(),
            generation: self.quirks.generation(platform),
            model: platform.model(),
            firmware: platform.firmware(),
            manager: platform.manager().and_then(|manager| manager.text("Id")).unwrap_or_default(),
            fingerprint: platform.fingerprint,
            fingerprint_changed: self.client.fingerprint_changed(),
            slot: self.identity.slot.take(),
        };
    }

    /// Whether an answer contradicts what was known of this BMC before the operation.
    fn is_contradicted(&self) -> bool {
        let seen = self.client.fingerprint();
        matches!((seen, self.platform.fingerprint), (Some(seen), Some(known)) if seen != known)
    }

    /// Forgets what was known and looks anew, as far as it was known.
    async fn look_anew(&mut self) -> Result<(), Error> {
        info!(bmc = self.client.name(), "the BMC is not what it was: looking at it anew");
        self.memory.forget();
        let was_recognised = self.platform.is_recognised;
        self.platform = Platform::find(&mut self.client).await?;
        self.system_is_fresh = true;
        self.learn();
        self.memory.keep(&self.platform);
        if was_recognised { self.recognise().await } else { Ok(()) }
    }

    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Says what begins now, to whoever watches and for the errors that follow.
    fn begin(&mut self, step: &'static str, doing: impl Into<String>) {
        let doing = doing.into();
        self.operation.begin(step, doing.clone());
        self.client.doing(doing);
    }

    /// Says what was achieved.
    fn done(&self, effect: impl Into<String>) {
        let effect = effect.into();
        info!(bmc = self.client.name(), operation = %self.operation.id(), effect, "done");
        self.operation.done(effect);
    }
}

fn spoken_patience(patience: Patience) -> String {
    format!("within {}", spoken(patience.limit()))
}
