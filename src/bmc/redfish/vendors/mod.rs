//! Where vendors differ from the engine, one file each.
//!
//! A vendor's file implements [`Quirks`]: named steps and predicates, each with its evidence; what it does not mention is
//! done as the rules say. To add a vendor: a file here, a variant of [`Vendor`], a personality of the simulator.

use std::fmt::{self, Display, Formatter};
use std::pin::Pin;
use std::str::FromStr;

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
mod vmm_control;

/// The vendors whose differences are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Vendor {
    /// Whatever follows the rules of Redfish.
    Generic,
    /// Dell iDRAC 8, 9, 10.
    Dell,
    /// Fujitsu iRMC S5 and S6.
    Fujitsu,
    /// H3C HDM.
    H3c,
    /// HPE iLO 4, 5, 6, 7.
    Hpe,
    /// AMI `MegaRAC`: Gigabyte, `ASRock` Rack, Quanta, NVIDIA DGX and others.
    Ami,
    /// `OpenBMC` with bmcweb, NVIDIA's GB200 and GH200 among them.
    OpenBmc,
    /// Lenovo XCC, XCC2, XCC3.
    Lenovo,
    /// Supermicro X10 to X13.
    Supermicro,
    /// Huawei's and xFusion's iBMC.
    Huawei,
    /// Cisco CIMC, of rack servers and UCS X.
    Cisco,
}

impl Vendor {
    /// Every vendor, as `ipmi/mode` may name it after `redfish-`.
    pub const ALL: [Self; 11] = [
        Self::Generic,
        Self::Dell,
        Self::Hpe,
        Self::Ami,
        Self::OpenBmc,
        Self::Lenovo,
        Self::Supermicro,
        Self::Huawei,
        Self::Cisco,
        Self::H3c,
        Self::Fujitsu,
    ];

    /// The vendor's name in `ipmi/mode` and in logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Generic => "generic",
            Self::Dell => "dell",
            Self::Fujitsu => "fujitsu",
            Self::H3c => "h3c",
            Self::Hpe => "hpe",
            Self::Ami => "ami",
            Self::OpenBmc => "openbmc",
            Self::Lenovo => "lenovo",
            Self::Supermicro => "supermicro",
            Self::Huawei => "huawei",
            Self::Cisco => "cisco",
        }
    }

    /// The vendor that a BMC's own word for itself stands for: a vendor's or product's name, an OEM section's key.
    pub(crate) fn recognised_in(word: &str) -> Option<Self> {
        let word = word.to_ascii_lowercase();
        let begins = |names: &[&str]| names.iter().any(|name| word.starts_with(name));
        if begins(&["dell", "integrated dell"]) {
            Some(Self::Dell)
        } else if matches!(word.as_str(), "hp" | "hpe") || begins(&["hpe ", "hewlett", "ilo"]) {
            Some(Self::Hpe)
        } else if word == "ami" || begins(&["ami ", "american megatrends", "gigabyte", "asrock", "quanta"]) {
            Some(Self::Ami)
        } else if begins(&["openbmc", "nvidia"]) {
            Some(Self::OpenBmc)
        } else if begins(&["lenovo"]) {
            Some(Self::Lenovo)
        } else if begins(&["supermicro", "super micro"]) {
            Some(Self::Supermicro)
        } else if begins(&["ts_fujitsu", "fujitsu", "fsas", "irmc"]) {
            Some(Self::Fujitsu)
        } else if begins(&["h3c", "new h3c", "hdm"]) {
            Some(Self::H3c)
        } else if begins(&["huawei", "xfusion", "ibmc"]) {
            Some(Self::Huawei)
        } else if begins(&["cisco", "cimc"]) {
            Some(Self::Cisco)
        } else {
            None
        }
    }

    pub(crate) fn quirks(self) -> &'static dyn Quirks {
        match self {
            Self::Generic => &generic::Generic,
            Self::Dell => &dell::Dell,
            Self::Fujitsu => &fujitsu::Fujitsu,
            Self::H3c => &h3c::H3c,
            Self::Hpe => &hpe::Hpe,
            Self::Ami => &ami::Ami,
            Self::OpenBmc => &openbmc::OpenBmc,
            Self::Lenovo => &lenovo::Lenovo,
            Self::Supermicro => &supermicro::Supermicro,
            Self::Huawei => &huawei::Huawei,
            Self::Cisco => &cisco::Cisco,
        }
    }
}

impl serde::Serialize for Vendor {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl Display for Vendor {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A vendor's name that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no vendor {0:?} is known; known are {known}", known = Vendor::ALL.map(Vendor::name).join(", "))]
pub struct UnknownVendor(String);

impl FromStr for Vendor {
    type Err = UnknownVendor;

    fn from_str(name: &str) -> Result<Self, UnknownVendor> {
        let found = Self::ALL.into_iter().find(|vendor| vendor.name().eq_ignore_ascii_case(name.trim()));
        found.ok_or_else(|| UnknownVendor(name.to_owned()))
    }
}

/// One way to insert an image into a slot, or to eject it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Way {
    /// The standard action: for insert with the ladder of bodies, for eject with `{}`.
    Action,
    /// A PATCH of the slot.
    Patch(Value),
    /// A POST to an action of the vendor's own.
    Post { path: String, body: Value },
    /// A PATCH of a configuration of the vendor's own, then a POST to its action.
    Configure { config: String, body: Value, action: String },
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

    /// Whether `$expand` may be used where the service announces it.
    fn keeps_to_expand(&self) -> bool {
        true
    }
}

/// Refusals that pass on any BMC.
pub(crate) fn is_commonly_passing(refusal: &Refusal) -> bool {
    matches!(refusal.status.as_u16(), 429 | 503)
        || refusal.says("ServiceTemporarilyUnavailable")
        || sessions_are_taken(refusal)
}

/// The kind of refusals that mean the same on any BMC, whatever their status.
pub(crate) fn common_kind(refusal: &Refusal) -> Option<Kind> {
    sessions_are_taken(refusal).then_some(Kind::Busy)
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
    } else if refusal.status.as_u16() == 503 {
        "it is busy or starting: try again in a few minutes"
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

#[cfg(test)]
mod tests {
    use super::Vendor;

    #[test]
    fn a_word_that_a_bmc_has_for_itself_leads_to_its_vendor() {
        for (word, vendor) in [
            ("Huawei", Some(Vendor::Huawei)),
            ("xFusion", Some(Vendor::Huawei)),
            ("iBMC", Some(Vendor::Huawei)),
            ("H3C", Some(Vendor::H3c)),
            ("New H3C Technologies Co., Ltd.", Some(Vendor::H3c)),
            ("HDM", Some(Vendor::H3c)),
            ("ts_fujitsu", Some(Vendor::Fujitsu)),
            ("FUJITSU", Some(Vendor::Fujitsu)),
            ("Fsas", Some(Vendor::Fujitsu)),
            ("iRMC S6", Some(Vendor::Fujitsu)),
            ("iLO 7", Some(Vendor::Hpe)),
            // The key of H3C's OEM sections is too common a word to say anything.
            ("Public", None),
            ("Inspur", None),
        ] {
            assert_eq!(Vendor::recognised_in(word), vendor, "{word}");
        }
    }

    #[test]
    fn names_are_read_as_they_are_written_and_unknown_ones_list_the_known() {
        for vendor in Vendor::ALL {
            assert_eq!(vendor.name().parse(), Ok(vendor));
        }
        let error = "acme".parse::<Vendor>().map_err(|e| e.to_string());
        let known = Vendor::ALL.map(Vendor::name).join(", ");
        assert_eq!(error, Err(format!("no vendor \"acme\" is known; known are {known}")));
    }
}
