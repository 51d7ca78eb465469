//! CIMC of a rack server, a C240 M6 with firmware 4.2: one slot for CDs, listed second.

use super::super::profile::{DriveShape, Identity, Media, Member, Place, Profile, Under};
use super::cisco::{self, Cisco};

static CIMC: Cisco = Cisco { names: &["Virtual CD", "Virtual Removable Disk"] };

pub(super) fn profile() -> Profile {
    let cisco = cisco::profile(&CIMC, "Base.1.10");
    Profile {
        identity: Identity {
            redfish_version: "1.12.0",
            system: "WZP26000001",
            chassis: "1",
            model: "UCSC-C240-M6SN",
            firmware: "4.2(3b)",
            ..cisco.identity
        },
        media: Media {
            drives: vec![DriveShape { id: "0", boots: true }, DriveShape { id: "1", boots: false }],
            places: vec![Place {
                under: Under::Manager,
                // In this order (recorded).
                members: vec![Member::new("1", &["Floppy", "USBStick"], 1), Member::new("0", &["CD", "DVD"], 0)],
            }],
            ..cisco.media
        },
        ..cisco
    }
}
