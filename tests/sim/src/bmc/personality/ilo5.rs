//! iLO 5, firmware 2.72 (Gen10), as recorded.

use super::super::profile::{Identity, Profile};
use super::hpe::{self, Hpe};

pub(super) static ILO5: Hpe = Hpe { key: "Hpe", media: "HpeiLOVirtualMedia", action_by_name: false };

pub(super) fn profile() -> Profile {
    let hpe = hpe::profile(&ILO5, "Base.1.4", "iLO.2.15");
    Profile {
        identity: Identity {
            // The server, not the BMC.
            product: Some("ProLiant DL385 Gen10 Plus v2"),
            redfish_version: "1.6.0",
            model: "ProLiant DL385 Gen10 Plus v2",
            manager_model: "iLO 5",
            firmware: "iLO 5 v2.72",
            ..hpe.identity
        },
        ..hpe
    }
}
