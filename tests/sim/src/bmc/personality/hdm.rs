//! H3C HDM 3.54 of a R4900 (redfish-vendors 1.11, out of H3C's manual V3.35; a field page on the action's payload).
//! No tree of it is recorded: names beside the action are believed.

use super::super::message::{Errors, Registry};
use super::super::profile::{
    Answer, BootRules, DriveShape, Http, Identity, Media, Member, ModeRule, Place, PowerRules, Profile, Tasks, Under,
};
use super::vmm_control::{self, VmmControl};

static HDM: VmmControl = VmmControl {
    key: "Public",
    occupied: None,
    protocols: &[],
    states: ["Mounting", "Mounted"],
    monitor_below: false,
    login_domain: false,
};

pub(super) fn profile() -> Profile {
    let generic = Profile::generic();
    let base = Registry("Base.1.0");
    Profile {
        identity: Identity {
            vendor: Some("H3C"),
            product: Some("HDM"),
            oem_key: Some("Public"),
            redfish_version: "1.6.0",
            system: "1",
            manager: "1",
            chassis: "1",
            manufacturer: "H3C",
            model: "R4900",
            manager_model: "HDM",
            firmware: "3.54",
            ..generic.identity
        },
        http: Http {
            // Ten sessions (manual).
            session_limit: 10,
            tasks: Tasks { monitor: false, ..generic.http.tasks },
            ..vmm_control::http(generic.http)
        },
        media: Media {
            drives: vec![DriveShape { id: "CD", boots: true }],
            // The CD, by the path of its action.
            places: vec![Place { under: Under::Manager, members: vec![Member::new("CD", &["CD", "DVD"], 0)] }],
            actions: false,
            insert: Answer::Task,
            eject: Answer::Task,
            schemes: vec!["nfs", "cifs"],
            eject_empty: None,
            insert_occupied: Some(base.says(400, "ResourceInUse", "The drive holds an image.")),
            ..generic.media
        },
        boot: BootRules {
            // All three in one PATCH (manual).
            mode: ModeRule::Required,
            answer: Answer::Ok,
            ..generic.boot
        },
        power: PowerRules {
            // The manual has ForcePowerCycle; the others are believed.
            resets: &["On", "ForceOff", "GracefulShutdown", "ForceRestart", "Nmi", "ForcePowerCycle"],
            shows_transitions: false,
            answer: Answer::Ok,
            ..generic.power
        },
        errors: Errors {
            scheme: base.says(400, "PropertyValueFormatError", "The image's URL has the wrong format."),
            ..Errors::dmtf(base.0)
        },
        oem: &HDM,
        ..generic
    }
}
