//! xFusion iBMC 3.08.05.85 of a 2288H V7, as captured (bootwright's notes on physical BMCs): Huawei's, with the standard
//! action beside its own, HTTPS, and each drive under the system and the manager.
//!
//! It shows an image's URL without a port that is not the scheme's own; that is [`Quirk::DropsPort`] here, because images
//! in tests are on such ports.
//!
//! [`Quirk::DropsPort`]: super::super::Quirk::DropsPort

use super::super::message::{Errors, Message, Registry};
use super::super::profile::{DriveShape, Identity, Media, Member, Place, PowerRules, Profile, Under};
use super::ibmc::{CD, USB, common};
use super::vmm_control::VmmControl;

static XFUSION: VmmControl = VmmControl {
    key: "xFusion",
    occupied: Some(Message::new(400, "iBMC.1.0.ConnectionOccupied", "The connection is in use.")),
    protocols: &["Nfs", "Cifs", "https", "NFS", "CIFS", "HTTPS"],
    states: ["Running", "Completed"],
    monitor_below: true,
    // Not recorded; as of the V5.
    login_domain: true,
};

pub(super) fn profile() -> Profile {
    let common = common();
    let members = || {
        vec![
            Member::new("CD", &["CD"], 0),
            Member::new("USBStick", &["USBStick"], 1),
            Member::new("iBMAUSBStick", &["USBStick"], 2),
        ]
    };
    Profile {
        identity: Identity {
            oem_key: Some("xFusion"),
            manufacturer: "XFUSION",
            model: "2288H V7",
            manager_model: "iBMC",
            firmware: "3.08.05.85",
            ..common.identity
        },
        media: Media {
            drives: vec![CD, USB, DriveShape { id: "iBMAUSBStick", boots: false }],
            places: vec![
                Place { under: Under::System, members: members() },
                Place { under: Under::Manager, members: members() },
            ],
            schemes: vec!["https", "nfs", "cifs"],
            // A read in the second of the eject still has the image.
            stale_reads: 1,
            ..common.media
        },
        power: PowerRules {
            resets: &["On", "ForceOff", "GracefulShutdown", "ForceRestart", "Nmi", "ForcePowerCycle", "PowerCycle"],
            ..common.power
        },
        errors: Errors {
            // Before there is a task.
            scheme: Registry("Base.1.0").says(
                400,
                "ActionParameterValueFormatError",
                "The value has the wrong format.",
            ),
            ..common.errors
        },
        oem: &XFUSION,
        ..common
    }
}
