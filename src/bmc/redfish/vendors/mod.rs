//! Where vendors differ from the engine, one file each.
//!
//! A vendor's file implements [`Quirks`]: named steps and predicates, each with its evidence; what it does not mention is
//! done as the rules say. To add a vendor: a file here, its row in `vendor`, a personality of the simulator.

use std::fmt::{self, Display, Formatter};
use std::pin::Pin;

use serde_json::{Value, json};
use url::Url;

use super::answer::Refusal;
use super::boot_override::{CLEARINGS, Choice, Clearing};
use super::discovery::Platform;
use super::slot::Slot;
use super::value::Resource;
use super::{Redfish, boot, power};
use crate::bmc::asked::BootDevice;
use crate::bmc::error::{Error, Kind};

mod ami;
mod cisco;
mod dell;
mod fujitsu;
mod generic;
mod h3c;
mod hpe;
mod huawei;
mod lenovo;
mod openbmc;
mod supermicro;
mod vendor;
mod vmm_control;

pub(crate) use ami::is_megarac;
pub use vendor::{UnknownVendor, Vendor};

/// One way to insert an image into a slot, or to eject it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Way {
    /// The standard action: for insert with the ladder of bodies, for eject with `{}`.
    Action,
    /// A PATCH of the slot.
    Patch(Value),
    /// A POST to an action of the vendor's own.
    Post { path: String, body: Value },
    /// A PATCH of a configuration of the vendor's own, then a POST of `act` to its action.
    Configure { config: String, body: Value, action: String, act: Value },
}

impl Way {
    /// Whether it is the way `before` it, with the image named otherwise.
    pub(crate) fn respells(&self, before: &Self) -> bool {
        matches!((self, before), (Self::Patch(body), Self::Patch(other)) if body.get("Image") != other.get("Image"))
    }
}

impl Display for Way {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Action => f.write_str("the standard action"),
            Self::Patch(_) => f.write_str("PATCH of the slot"),
            Self::Post { path, .. } => write!(f, "POST {path}"),
            Self::Configure { config, action, .. } => write!(f, "PATCH {config}, then POST {action}"),
        }
    }
}

/// What a route does, as a future that borrows the engine.
pub(crate) type Step<'a, T = ()> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// A look at what a vendor keeps beside the standard.
pub(crate) type Look = for<'a> fn(&'a mut Redfish<'_>) -> Step<'a, bool>;

/// A look at the one slot of a BMC that has it in no collection.
pub(crate) type ReadSlot = for<'a> fn(&'a mut Redfish<'_>) -> Step<'a, Slot>;

/// One named route to an effect.
#[derive(Clone, Copy)]
pub(crate) struct Route {
    pub(crate) name: &'static str,
    /// Why this route, for this BMC; shown by `bmc probe`.
    pub(crate) why: &'static str,
    pub(crate) run: for<'a> fn(&'a mut Redfish<'_>) -> Step<'a>,
}

/// One named route to a boot device.
#[derive(Clone, Copy)]
pub(crate) struct DeviceRoute {
    pub(crate) name: &'static str,
    pub(crate) run: for<'a> fn(&'a mut Redfish<'_>, Choice) -> Step<'a>,
}

/// Where a vendor differs. The default of each is what the rules R1 to R9 say.
pub(crate) trait Quirks: Send + Sync {
    /// What the vendor calls the generation, where the manager's model does not say it.
    fn generation(&self, _: &Platform) -> Option<&'static str> {
        None
    }

    /// What kind of trouble a refusal is, where its status alone would mislead.
    fn kind(&self, _: &Refusal) -> Option<Kind> {
        None
    }

    /// What an operator can do about a refusal.
    fn advice(&self, _: &Refusal) -> Option<String> {
        None
    }

    /// What an operator can do where the BMC lists no slot for a CD image.
    fn advice_without_slots(&self, _: &Platform) -> Option<&'static str> {
        None
    }

    /// Whether a refusal only says "not now": the same request is sent again, a bounded number of times.
    fn is_passing(&self, _: &Refusal) -> bool {
        false
    }

    /// Whether an insert was refused because something is in the slot in spite of what it shows.
    fn says_occupied(&self, refusal: &Refusal) -> bool {
        refusal.says_any(&["ResourceInUse", "ResourceAlreadyExists"])
    }

    /// Whether an insert that ended so may well work when it is sent once more.
    fn may_insert_again(&self, _: &Refusal) -> bool {
        false
    }

    /// Whether an eject was refused because nothing is in the slot.
    fn says_empty(&self, _: &Refusal) -> bool {
        false
    }

    /// The OEM section without which a login for a session is refused.
    fn login_oem(&self, _root: &Resource) -> Option<Value> {
        None
    }

    /// What has to be looked at or switched on before media can be mounted.
    fn prepare(&self, _: &Platform) -> Option<Route> {
        None
    }

    /// Whether a member of a collection is never used, told by its path, so that it need not be read.
    fn passes_over(&self, _member: &str) -> bool {
        false
    }

    /// Which slot is better, lower first; none: never this one.
    fn preference(&self, _: &Platform, _: &Slot) -> Option<u8> {
        Some(0)
    }

    /// The slot of a collection at this path that is a member of it only while it holds an image.
    fn passing_slot(&self, _collection: &str) -> Option<String> {
        None
    }

    /// How the one slot is read where no collection has it.
    fn own_slot(&self, _: &Platform) -> Option<ReadSlot> {
        None
    }

    /// The ways to insert, in order.
    fn insert_ways(&self, _: &Platform, slot: &Slot, image: &Url) -> Vec<Way> {
        if slot.insert_target().is_some() {
            vec![Way::Action]
        } else if slot.resource.may_take_patch() {
            vec![Way::Patch(json!({"Image": image.as_str(), "Inserted": true, "WriteProtected": true}))]
        } else {
            Vec::new()
        }
    }

    /// The ways to eject, in order.
    fn eject_ways(&self, _: &Platform, slot: &Slot) -> Vec<Way> {
        if slot.eject_target().is_some() {
            vec![Way::Action]
        } else if slot.resource.may_take_patch() {
            vec![Way::Patch(json!({"Image": null, "Inserted": false}))]
        } else {
            Vec::new()
        }
    }

    /// Whether the managers' collection is worth a try when the system's accepted an image that never showed.
    fn has_second_view(&self) -> bool {
        false
    }

    /// Whether a collection without slots may only say that virtual media is off, which [`Quirks::prepare`] changes.
    fn hides_slots_when_off(&self) -> bool {
        false
    }

    /// Whether the machine sees the image that a slot holds, where the vendor tells the two apart.
    fn has_arrived(&self, _: &Slot) -> bool {
        true
    }

    /// What this vendor's BMCs are known to be particular about in an image's URL, for the operator whose image was not taken.
    fn also_checks(&self, _: &Url) -> Option<&'static str> {
        None
    }

    /// The routes to "boot once from virtual CD", in order; the first that works ends it.
    fn boot_once(&self, _: &Platform) -> Vec<Route> {
        vec![boot::OVERRIDE]
    }

    /// What takes "boot once from virtual CD" back; all of it is done.
    fn clear_boot_once(&self, _: &Platform) -> Vec<Route> {
        vec![boot::CLEAR_OVERRIDE]
    }

    /// Whether "boot once from virtual CD" is set by what the vendor has beside the override.
    fn shows_own_boot_once(&self) -> Option<Look> {
        None
    }

    /// Whether the override's CD target is the virtual CD; a real drive where not.
    fn override_reaches_virtual_cd(&self, _: &Platform) -> bool {
        true
    }

    /// The routes to any other boot device, in order; the first that works ends it.
    fn boot_device(&self, _: &Platform, _: Choice) -> Vec<DeviceRoute> {
        vec![boot::DEVICE_OVERRIDE]
    }

    /// The names of a device as a boot target, in order of preference.
    fn boot_targets(&self, _: &Platform, device: BootDevice) -> &'static [&'static str] {
        match device {
            BootDevice::Cd => &["Cd", "UsbCd"],
            BootDevice::Pxe => &["Pxe"],
            BootDevice::Disk => &["Hdd"],
        }
    }

    /// Under which other name a boot target may be shown once it is set.
    fn shown_as(&self, _target: &str) -> Option<&'static str> {
        None
    }

    /// What takes an override back, in order; the first that works ends it.
    fn clearings(&self) -> &'static [Clearing] {
        CLEARINGS
    }

    /// The reset types that end in a machine that has started anew, best first.
    fn cycles(&self) -> &'static [&'static str] {
        power::CYCLE
    }

    /// Whether an `IndicatorLED` that is `Lit` only says that the machine is well, and `Blinking` alone identifies it.
    fn light_rests_lit(&self) -> bool {
        false
    }

    /// Where else the system links to a resource that the schema links by `name`.
    fn own_links(&self, _name: &str) -> &'static [&'static str] {
        &[]
    }

    /// Whether the boot mode that the BMC shows is sent along with an override.
    fn sends_boot_mode(&self) -> bool {
        true
    }

    /// Whether an override is taken with all its fields alone: enabled, target and mode.
    fn wants_whole_override(&self) -> bool {
        false
    }

    /// Whether recorded service roots announce `$expand`, so that it pays to ask for the root before several members are read.
    fn is_known_to_expand(&self) -> bool {
        false
    }

    /// Whether `$expand` may be used where the service announces it.
    fn keeps_to_expand(&self) -> bool {
        true
    }
}

/// Refusals that pass on any BMC.
pub(crate) fn is_commonly_passing(refusal: &Refusal) -> bool {
    refusal.status.as_u16() == 429 || says_busy(refusal) || sessions_are_taken(refusal)
}

/// The kind of refusals that mean the same on any BMC, whatever their status.
pub(crate) fn common_kind(refusal: &Refusal) -> Option<Kind> {
    if says_busy(refusal) || sessions_are_taken(refusal) {
        Some(Kind::Busy)
    } else if says_off(refusal) {
        Some(Kind::Conflict)
    } else {
        None
    }
}

/// In the words of DMTF's base registry (1.13), or of iLO 5's own.
fn says_off(refusal: &Refusal) -> bool {
    refusal.says_any(&["ServiceDisabled", "VirtualMediaIsDisabled"])
}

/// "Not now", by the status or in words that come with another: an iDRAC's SYS518 comes with 500 (sushy), also before
/// anything has said that it is one.
fn says_busy(refusal: &Refusal) -> bool {
    refusal.status.as_u16() == 503 || refusal.says_any(&["ServiceTemporarilyUnavailable", "SYS518"])
}

/// RAC0218 is iDRAC's own name for it, with more than one status (badfish#447).
fn sessions_are_taken(refusal: &Refusal) -> bool {
    refusal.says_any(&["SessionLimitExceeded", "RAC0218"])
}

/// Advice for refusals that mean the same on any BMC.
pub(crate) fn common_advice(refusal: &Refusal) -> Option<String> {
    let advice = if wants_licence(refusal) {
        "this needs a licence on the BMC: install it"
    } else if sessions_are_taken(refusal) {
        "all its sessions are taken: log others out, or wait until they expire"
    } else if says_busy(refusal) {
        "it is busy or starting: try again in a few minutes"
    } else if says_off(refusal) {
        "what this needs is switched off: switch it on in the BMC's settings (for an image: virtual media), then try again"
    } else if refusal.status.is_server_error() {
        "try again; if it lasts, its own log may say more, and a restart of the BMC may help"
    } else {
        return None;
    };
    Some(advice.to_owned())
}

/// Refusals for want of a licence: no other slot, and no other way, has it. In whatever words: each vendor has its own.
pub(crate) fn wants_licence(refusal: &Refusal) -> bool {
    let licence = |text: &str| text.to_ascii_lowercase().contains("licen");
    refusal.messages.iter().any(|message| licence(&message.id) || licence(&message.text))
}

/// Refusals of an insert that name the image as the cause: no other slot, and no other way, will fetch it.
pub(crate) fn blames_image(refusal: &Refusal) -> bool {
    refusal.says_any(&[
        // DSP2062 Base registry; iLO's own names are the same.
        "CouldNotEstablishConnection",
        "ResourceAtUriInUnknownFormat",
        "ResourceAtUriUnauthorized",
        "SourceDoesNotSupportProtocol",
        // iDRAC: cannot reach or find the file. sushy-tools has no id for it.
        "RAC0720",
        "RAC0904",
    ]) || refusal.messages.iter().any(|message| message.text.starts_with("Cannot download virtual media"))
}
