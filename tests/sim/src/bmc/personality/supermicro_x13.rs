//! Supermicro X13 with firmware that names its vendor.

use super::super::profile::{Answer, BootRules, Identity, Media, Profile};
use super::supermicro;

pub(super) fn profile() -> Profile {
    let supermicro = supermicro::profile("Base.v1_10_3");
    Profile {
        identity: Identity {
            vendor: Some("Supermicro"),
            redfish_version: "1.14.0",
            model: "SYS-821GE-TNHR",
            firmware: "01.02.09",
            ..supermicro.identity
        },
        // 200 or 202; that the task is what is told is believed.
        media: Media { insert: Answer::Task, eject: Answer::Task, ..supermicro.media },
        boot: BootRules {
            // In UEFI mode (recorded; libredfish).
            shown_as: &[("Pxe", "UefiBootNext")],
            ..supermicro.boot
        },
        ..supermicro
    }
}
