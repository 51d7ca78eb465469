//! `OpenBMC` as bmcweb has it: https and SMB alone, slots of two kinds, no `Image` while empty.
//!
//! Sources: bmcweb redfish-core/lib/virtual_media.hpp and systems.hpp; an answer of a GB300 to an http URL (a recorded
//! capture); redfish-vendors 1.7. Built with virtual media, which is an option.

use serde_json::{Value, json};

use super::super::call::{Act, Call, Reply};
use super::super::inventory::{Expand, Inventory};
use super::super::machine::Machine;
use super::super::message::{Errors, Registry};
use super::super::oem::{Oem, Part};
use super::super::profile::{
    Answer, BootRules, DriveShape, EmptyImage, Identity, Listing, Media, Member, ModeRule, Place, PowerRules, Profile,
    Under,
};

/// The drives of slots for URLs, which bmcweb calls legacy; those after them are a console's.
pub(super) struct OpenBmc {
    pub(super) legacy: usize,
}

static OPENBMC: OpenBmc = OpenBmc { legacy: 2 };
const TYPES: &[&str] = &["CD", "USBStick"];

pub(super) fn profile() -> Profile {
    bmcweb(&OPENBMC)
}

/// bmcweb on whatever machine.
pub(super) fn bmcweb(openbmc: &'static OpenBmc) -> Profile {
    let base = Registry("Base.1.18.1");
    let generic = Profile::generic();
    Profile {
        identity: Identity {
            vendor: None,
            product: None,
            redfish_version: "1.17.0",
            system: "system",
            manager: "bmc",
            chassis: "chassis",
            manufacturer: "Contoso",
            model: "Tiogapass",
            manager_model: "OpenBmc",
            firmware: "2.15.0",
            ..generic.identity
        },
        media: Media {
            drives: ["Slot_2", "Slot_3", "Slot_0", "Slot_1"].map(|id| DriveShape { id, boots: true }).to_vec(),
            places: vec![Place {
                under: Under::Manager,
                members: vec![
                    Member::new("Slot_0", TYPES, 2),
                    Member::new("Slot_1", TYPES, 3),
                    Member::new("Slot_2", TYPES, 0),
                    Member::new("Slot_3", TYPES, 1),
                ],
            }],
            schemes: vec!["https", "smb"],
            empty_image: EmptyImage::Absent,
            // The mount service's refusals come out as this, whatever they were.
            eject_empty: Some(base.says(500, "InternalError", "An internal error occurred.")),
            insert_occupied: Some(base.says(500, "InternalError", "An internal error occurred.")),
            ..generic.media
        },
        boot: BootRules {
            targets: &["None", "Pxe", "Hdd", "Cd", "Diags", "BiosSetup", "Usb"],
            // On x86 alone.
            mode: ModeRule::Writable,
            ..generic.boot
        },
        power: PowerRules {
            resets: &[
                "On",
                "ForceOff",
                "ForceOn",
                "ForceRestart",
                "GracefulRestart",
                "GracefulShutdown",
                "PowerCycle",
                "Nmi",
            ],
            listing: Listing::ActionInfo,
            answer: Answer::Ok,
            ..generic.power
        },
        inventory: Inventory { expand: Expand::WithLevels, ..generic.inventory },
        errors: Errors {
            not_writable: base.says(403, "PropertyNotWritable", "The property cannot be written."),
            unreachable: base.says(500, "InternalError", "An internal error occurred."),
            settling: base.says(503, "ResourceInUse", "The slot is changing."),
            ..Errors::dmtf(base.0)
        },
        oem: openbmc,
        ..generic
    }
}

impl OpenBmc {
    fn is_a_consoles(&self, drive: usize) -> bool {
        drive >= self.legacy
    }
}

impl Oem for OpenBmc {
    fn decorate(&self, part: Part, _: &Machine, body: &mut Value) {
        let Part::Member(drive) = part else { return };
        body["TransferMethod"] = json!("Stream");
        if body["Inserted"] == true {
            // The last of its properties to be read wins, though a URL is what is connected.
            body["ConnectedVia"] = json!("Applet");
        }
        if self.is_a_consoles(drive) {
            body["TransferProtocolType"] = json!("OEM");
            let endpoint = format!("/vm/0/{}", body["Id"].as_str().unwrap_or_default());
            body["Oem"] = json!({"OpenBMC": {"WebSocketEndpoint": endpoint}});
            if let Some(actions) = body["Actions"].as_object_mut() {
                actions.remove("#VirtualMedia.InsertMedia");
            }
        }
    }

    fn route(&self, machine: &mut Machine, call: &Call) -> Option<Act> {
        let member = call.path.strip_suffix("/Actions/VirtualMedia.InsertMedia")?;
        let id = member.rsplit('/').next()?;
        let members = machine.profile.media.places.iter().flat_map(|place| &place.members);
        let member = members.into_iter().find(|member| member.id == id)?;
        let refused = || Act::Reply(Reply::message(&machine.profile.errors.not_found, &machine.profile));
        self.is_a_consoles(member.drive).then(refused)
    }
}
