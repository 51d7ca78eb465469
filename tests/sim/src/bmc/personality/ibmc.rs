//! Huawei iBMC 6.41 of a 2288H V5, as a field record has it (mammoth's vendor notes; redfish-vendors 1.11).

use super::super::inventory::{Inventory, Section};
use super::super::light::{LightProperty, LightRules};
use super::super::message::{Errors, Message, Registry};
use super::super::profile::{
    Answer, BootRules, DriveShape, Http, Identity, Media, Member, Place, PowerRules, Profile, Tasks, Under,
};
use super::vmm_control::{self, VmmControl};

static IBMC: VmmControl = VmmControl {
    key: "Huawei",
    occupied: None,
    protocols: &[],
    states: ["Running", "Completed"],
    monitor_below: false,
    login_domain: true,
};

pub(super) const CD: DriveShape = DriveShape { id: "CD", boots: true };
pub(super) const USB: DriveShape = DriveShape { id: "USBStick", boots: false };

/// What the iBMC of a 2288H V5 has in common with what became of it.
pub(super) fn common() -> Profile {
    let generic = Profile::generic();
    let own = Registry("iBMC.1.0");
    let base = Registry("Base.1.0");
    Profile {
        identity: Identity {
            vendor: None,
            product: None,
            redfish_version: "1.0.2",
            system: "1",
            manager: "1",
            chassis: "1",
            ..generic.identity
        },
        http: Http {
            // Believed of 6.41: the task itself. In the sample of Huawei's manual its states are the schema's.
            tasks: Tasks { monitor: false, ..generic.http.tasks },
            ..vmm_control::http(generic.http)
        },
        media: Media {
            drives: vec![CD, USB],
            insert: Answer::Task,
            eject: Answer::Task,
            insert_occupied: None,
            // Disconnect of an empty slot is silent (mammoth).
            eject_empty: None,
            ..generic.media
        },
        boot: BootRules {
            targets: &["None", "Pxe", "Floppy", "Cd", "Hdd", "BiosSetup"],
            answer: Answer::Ok,
            ..generic.boot
        },
        power: PowerRules {
            // Huawei's manual; PowerCycle and GracefulRestart are refused (mammoth).
            resets: &["On", "ForceOff", "GracefulShutdown", "ForceRestart", "Nmi", "ForcePowerCycle"],
            // Believed.
            shows_transitions: false,
            answer: Answer::Ok,
            ..generic.power
        },
        light: LightRules {
            // Believed.
            system: &[LightProperty::Led],
            chassis: &[LightProperty::Led],
            takes: &["Lit", "Blinking", "Off"],
            rest: "Off",
        },
        inventory: Inventory {
            // Believed, but for Storage, Processors and EthernetInterfaces.
            linked: &[
                Section::Bios,
                Section::Memory,
                Section::Processors,
                Section::Storage,
                Section::NetworkInterfaces,
                Section::EthernetInterfaces,
            ],
            ..generic.inventory
        },
        errors: Errors {
            // Seen for a reset.
            not_in_list: base.says(400, "ActionParameterValueFormatError", "The value has the wrong format."),
            // In the task of an insert.
            unreachable: own.says(400, "ConnectionFailed", "The image cannot be connected."),
            // Believed while an insert is at work.
            settling: own.says(400, "ConnectionOccupied", "The connection is in use."),
            ..Errors::dmtf(base.0)
        },
        ..generic
    }
}

pub(super) fn profile() -> Profile {
    let common = common();
    let own = Registry("iBMC.1.0");
    Profile {
        identity: Identity {
            oem_key: Some("Huawei"),
            manufacturer: "Huawei",
            model: "2288H V5",
            manager_model: "iBMC",
            firmware: "6.41",
            ..common.identity
        },
        media: Media {
            // No standard action.
            actions: false,
            places: vec![Place {
                under: Under::Manager,
                members: vec![Member::new("CD", &["CD"], 0), Member::new("USBStick", &["USBStick"], 1)],
            }],
            // HTTPS is not known of it; another project says that it works (redfish-vendors 1.11).
            schemes: vec!["nfs", "cifs"],
            // Whether at once or in the task is not recorded.
            insert_occupied: Some(own.says(400, "ConnectionOccupied", "The connection is in use.")),
            ..common.media
        },
        errors: Errors {
            scheme: own.says(400, "FileTransferProtocolMismatch", "The image's protocol is not one of the action's."),
            unauthorized: Message::new(401, "iBMC.1.0.AuthorizationFailed", "The login is refused."),
            ..common.errors
        },
        oem: &IBMC,
        ..common
    }
}
