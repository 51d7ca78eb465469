//! What XCC, XCC2 and XCC3 have in common: ten slots without actions, If-Match on every PATCH, overrides for one boot.
//!
//! Sources: recorded trees of an SR670 V2 (redfish-vendors 1.4) and an SR655 V3 (another project's fixtures); gofish's
//! fixture of the collection; python-redfish-lenovo, its scripts and #9, #21, #289; redfish-vendors 1.4.

use serde_json::{Map, Value};

use super::super::call::Effect;
use super::super::inventory::{Expand, Inventory, Section};
use super::super::light::{LightProperty, LightRules};
use super::super::machine::Machine;
use super::super::message::{Errors, Refusal, Registry};
use super::super::oem::Oem;
use super::super::profile::{
    BootRules, DriveShape, EtagCheck, EtagForm, Etags, Http, Identity, Media, Member, Place, PowerRules, Profile,
    SettingsShape, Shares, Under,
};

/// The slots in the order listed (gofish's fixture; python-redfish-lenovo#21).
const SLOTS: [&str; 10] =
    ["RDOC1", "RDOC2", "EXT1", "EXT2", "EXT3", "EXT4", "Remote1", "Remote2", "Remote3", "Remote4"];
/// All ten say so (recorded on the SR670 V2).
const TYPES: &[&str] = &["CD", "DVD", "Floppy", "USBStick"];

struct Lenovo;

/// An XCC whose collections are under these.
pub(super) fn profile(base: &'static str, under: &[Under]) -> Profile {
    let generic = Profile::generic();
    let members = || SLOTS.iter().enumerate().map(|(drive, id)| Member::new(id, TYPES, drive)).collect();
    Profile {
        identity: Identity {
            vendor: Some("Lenovo"),
            product: None,
            oem_key: Some("Lenovo"),
            system: "1",
            manager: "1",
            chassis: "1",
            manufacturer: "Lenovo",
            manager_model: "Lenovo XClarity Controller",
            ..generic.identity
        },
        http: Http {
            // 428 without If-Match (ansible#56150).
            etags: Etags { form: EtagForm::Strong, on_patch: EtagCheck::Required },
            ..generic.http
        },
        media: Media {
            drives: SLOTS.iter().map(|id| DriveShape { id, boots: id.starts_with("EXT") }).collect(),
            places: under.iter().map(|under| Place { under: *under, members: members() }).collect(),
            // gofish#529.
            actions: false,
            patch: true,
            // Without it an image is taken and not attached (sushy, of an SD530); refused here, so that it shows.
            needs: vec!["Inserted"],
            // Of an XCC; those after it take more (Lenovo's guides to insert_eject_virtual_media_patch).
            schemes: vec!["http", "nfs"],
            // mount_virtual_media.py.
            shares: Shares::Bare,
            // What a full slot answers is not known; refused.
            insert_occupied: Some(Registry(base).says(400, "ResourceInUse", "There is an image in this slot.")),
            ..generic.media
        },
        boot: BootRules {
            targets: &["None", "Pxe", "Cd", "Usb", "Hdd", "BiosSetup", "Diags", "UefiTarget"],
            // Recorded on both: no Continuous.
            enabled: &["Once", "Disabled"],
            // Recorded; for firmware settings alone (set_server_boot_once.py writes the system).
            settings: Some(SettingsShape { name: "Pending", takes_boot: false }),
            ..generic.boot
        },
        power: PowerRules {
            // Recorded on both: no PowerCycle.
            resets: &["On", "Nmi", "GracefulShutdown", "GracefulRestart", "ForceOn", "ForceOff", "ForceRestart"],
            shows_transitions: false,
            ..generic.power
        },
        light: LightRules {
            // Off on the system of the SR655 V3; the chassis is believed to show the same.
            system: &[LightProperty::Led],
            chassis: &[LightProperty::Led],
            takes: &["Lit", "Blinking", "Off"],
            rest: "Off",
        },
        inventory: Inventory {
            // Recorded on the SR655 V3; $expand is believed.
            linked: Section::WITHOUT_SIMPLE_STORAGE,
            expand: Expand::WithLevels,
            ..generic.inventory
        },
        // In which words a missing licence or an unreachable image is refused is not known.
        errors: Errors { code: Some(Registry(base).id("GeneralError")), ..Errors::dmtf(base) },
        oem: &Lenovo,
    }
}

impl Oem for Lenovo {
    /// RDOC holds what was uploaded, Remote what a console attaches: neither takes an image by its URL (Lenovo's guides;
    /// ironic fails on RDOC, python-redfish-lenovo#21).
    fn patch_member(
        &self,
        machine: &Machine,
        drive: usize,
        _: &mut Map<String, Value>,
    ) -> Result<Vec<Effect>, Refusal> {
        if SLOTS.get(drive).is_some_and(|id| id.starts_with("EXT")) {
            return Ok(Vec::new());
        }
        Err(Refusal::about(&machine.profile.errors.not_writable, "Image"))
    }
}
