//! CIMC of a blade, a UCSX-210C M7: a console's slots first, and its own for DVDs alone.

use super::super::profile::{DriveShape, Identity, Media, Member, Place, Profile, Under};
use super::cisco::{self, Cisco};

static UCSX: Cisco = Cisco { names: &["CIMC-Mapped vDVD", "KVM-Mapped vDVD", "KVM-Mapped vHDD", "KVM-Mapped vFDD"] };

pub(super) fn profile() -> Profile {
    let cisco = cisco::profile(&UCSX, "Base.1.14");
    Profile {
        identity: Identity {
            redfish_version: "1.15.1",
            system: "FCH27000001",
            chassis: "FCH27000001",
            model: "UCSX-210C-M7",
            firmware: "5.2(0.230127)",
            ..cisco.identity
        },
        media: Media {
            drives: vec![
                DriveShape { id: "3", boots: true },
                DriveShape { id: "0", boots: false },
                DriveShape { id: "1", boots: false },
                DriveShape { id: "2", boots: false },
            ],
            places: vec![Place {
                under: Under::Manager,
                // Id 3 is recorded; which of the others is what is believed.
                members: vec![
                    Member::new("0", &["CD", "DVD"], 1),
                    Member::new("1", &["USBStick"], 2),
                    Member::new("2", &["Floppy"], 3),
                    Member::new("3", &["DVD"], 0),
                ],
            }],
            ..cisco.media
        },
        ..cisco
    }
}
