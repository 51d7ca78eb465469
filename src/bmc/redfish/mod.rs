//! The Redfish engine: one for all vendors, after rules that cover most machines (R1 to R9 below by name), with each
//! vendor's differences in [`vendors`].
//!
//! * R1 links are followed, paths never built: [`discovery`]
//! * R2 a slot is chosen by its media types, R3 everything is ejected first, R5 a 2xx is not "mounted": `media`, `slot`
//! * R4 the insert ladder: `ladder`
//! * R5 tasks: `tasks`
//! * R6 boot devices, on the settings object or the system: `boot`, `boot_override`
//! * R7 `ETag` forms, R9 connections: `client`
//! * R8 reset types and states: `power`
//!
//! Out of scope: sessions (Basic authentication leaves none behind), events, firmware.

use tracing::{info, warn};

use super::answered::Identity;
use super::error::Error;
use super::limits::{Deadline, Patience, spoken};
use super::manners::Manners;
use super::target::Target;
use super::tls::{Clients, Trust};
use crate::operation::Operation;

mod answer;
mod boot;
mod boot_override;
mod client;
mod discovery;
mod failure;
mod identify;
mod ladder;
mod media;
mod message;
mod plan;
mod power;
mod read;
mod slot;
mod tasks;
mod value;
mod vendors;

use client::Client;
use discovery::Platform;
use vendors::Quirks;

pub use plan::{Plan, PlannedStep, SlotSeen};
pub use slot::without_password;
pub use vendors::{UnknownVendor, Vendor};

/// One operation on one BMC over Redfish.
pub(crate) struct Redfish<'op> {
    client: Client,
    operation: &'op Operation,
    platform: Platform,
    quirks: &'static dyn Quirks,
    identity: Identity,
}

impl<'op> Redfish<'op> {
    /// Connects to the BMC, judges its certificate and recognises it.
    pub(crate) async fn open(
        clients: &Clients,
        target: &Target,
        deadline: Deadline,
        manners: Manners,
        operation: &'op Operation,
    ) -> Result<Self, Error> {
        let base = target.base()?;
        let parameter = |why: String| Error::new(super::Kind::Parameter, "reading the TLS policy", target.name(), why);
        let connect = target.limits.connect;
        let http = clients.get(&Trust::of(target), connect).map_err(parameter)?;
        let mut client = Client::new(http, target, base, deadline, manners, Vendor::Generic.quirks());
        operation.begin("recognise", format!("recognising the BMC {}", client.name()));
        let root = client.root().await?;
        if let (Trust::FirstSeen, Some(seen)) = (Trust::of(target), client.fingerprint()) {
            // The certificate that is reported for recording is also the only one that ever sees the password.
            client.use_http(clients.get(&Trust::Pinned(seen), connect).map_err(parameter)?);
        }
        let platform = Platform::discover(&mut client, root).await?;
        let recognised = platform.vendor();
        let vendor = target.driver.vendor().unwrap_or(recognised);
        if vendor != recognised && vendor != Vendor::Generic && recognised != Vendor::Generic {
            warn!(bmc = client.name(), given = %vendor, %recognised, "the BMC looks like another vendor's than the one given");
        }
        let quirks = vendor.quirks();
        client.use_quirks(quirks);
        let manager = platform.manager();
        let identity = Identity {
            vendor,
            maker: platform.maker(),
            product: platform.root.text("Product").or_else(|| platform.system.text("Model")).unwrap_or_default(),
            model: platform.model(),
            firmware: platform.firmware(),
            manager: manager.and_then(|manager| manager.text("Id")).unwrap_or_default(),
            fingerprint: client.fingerprint(),
            fingerprint_changed: client.fingerprint_changed(),
            slot: None,
        };
        info!(bmc = client.name(), operation = %operation.id(), %vendor, model = identity.model,
            firmware = identity.firmware, "recognised");
        operation.done(format!("recognised the BMC {} as {vendor} {}", client.name(), identity.model));
        Ok(Self { client, operation, platform, quirks, identity })
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
