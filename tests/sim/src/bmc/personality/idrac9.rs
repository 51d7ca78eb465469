//! iDRAC 9 from firmware 6.00 on: 7.10 (15G).

use super::super::profile::{BootRules, DriveShape, Identity, Media, Place, Profile, SettingsShape, Under};
use super::dell::{self, Dell};

static IDRAC9: Dell = Dell {
    // Recorded on 7.10.30.00; 6.00.30.00 has v1_4_0 in it.
    import_key: "#OemManager.ImportSystemConfiguration",
    import_target: "EID_674_Manager.ImportSystemConfiguration",
    target_is_array: false,
    // Recorded in Links.Oem.Dell of the manager.
    attributes: "Oem/Dell/DellAttributes/iDRAC.Embedded.1",
    boot_by_attributes: true,
};

pub(super) fn profile() -> Profile {
    let dell = dell::profile(&IDRAC9, "Base.1.12", "IDRAC.2.8");
    Profile {
        identity: Identity {
            redfish_version: "1.17.0",
            model: "PowerEdge R750",
            manager_model: "15G Monolithic",
            firmware: "7.10.30.00",
            ..dell.identity
        },
        media: Media {
            drives: vec![DriveShape { id: "1", boots: true }, DriveShape { id: "2", boots: true }],
            places: vec![
                Place { under: Under::System, members: vec![dell::under_system("1", 0), dell::under_system("2", 1)] },
                // Still served, with the old names (recorded on 6.00.30 and 7.10.30; member ids as a 15G fixture has them).
                dell::under_manager(0, 1),
            ],
            ..dell.media
        },
        // A settings object whose Boot has no Target (recorded, 7.x; redfish-vendors R6).
        boot: BootRules { settings: Some(SettingsShape { name: "Settings", takes_boot: false }), ..dell.boot },
        ..dell
    }
}
