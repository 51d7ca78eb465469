//! NVIDIA GB200 NVL: bmcweb, with a board and its manager before the machine's own.
//!
//! Sources: recorded trees (libredfish, `nvidia_gb200`, `nvidia_gh200`); redfish-vendors 1.8.

use super::super::profile::{
    BootRules, DriveShape, Identity, Media, Member, ModeRule, Place, Profile, SettingsShape, Under,
};
use super::openbmc::{self, OpenBmc};

static GB200: OpenBmc = OpenBmc { legacy: 2 };
const TYPES: &[&str] = &["CD", "USBStick"];

pub(super) fn profile() -> Profile {
    let bmcweb = openbmc::bmcweb(&GB200);
    Profile {
        identity: Identity {
            vendor: Some("NVIDIA"),
            product: Some("GB200 NVL"),
            system: "System_0",
            manager: "BMC_0",
            chassis: "Chassis_0",
            // Neither has a reset, or media.
            systems_before: vec!["HGX_Baseboard_0"],
            managers_before: vec!["HGX_BMC_0"],
            manufacturer: "NVIDIA",
            model: "GB200 NVL",
            firmware: "GB200Nvl-25.02-3",
            ..bmcweb.identity
        },
        media: Media {
            drives: ["USB1", "USB2"].map(|id| DriveShape { id, boots: true }).to_vec(),
            places: vec![Place {
                under: Under::Manager,
                members: vec![Member::new("USB1", TYPES, 0), Member::new("USB2", TYPES, 1)],
            }],
            ..bmcweb.media
        },
        boot: BootRules {
            // It takes the boot order (NVIDIA's own examples); the override is believed to be the system's.
            settings: Some(SettingsShape { name: "Settings", takes_boot: false }),
            // bmcweb has it on x86 alone.
            mode: ModeRule::Absent,
            ..bmcweb.boot
        },
        ..bmcweb
    }
}
