//! iDRAC 9 before firmware 6.00 and before virtual CD as a boot target: 4.22 (14G).

use super::super::profile::{BootRules, CdMeans, Identity, Media, Profile};
use super::dell::{self, CD, Dell, REMOVABLE_DISK};

static IDRAC9_EARLY: Dell = Dell {
    // Without "#" in front (check_redfish#151, Manager v1_3_3).
    import_key: "OemManager.v1_1_0#OemManager.ImportSystemConfiguration",
    import_target: "EID_674_Manager.ImportSystemConfiguration",
    target_is_array: false,
    attributes: "Attributes",
    // iDRAC-Redfish-Scripting#90.
    boot_by_attributes: true,
};

pub(super) fn profile() -> Profile {
    let dell = dell::profile(&IDRAC9_EARLY, "Base.1.5", "IDRAC.2.1");
    Profile {
        identity: Identity {
            redfish_version: "1.6.0",
            model: "PowerEdge R640",
            manager_model: "14G Monolithic",
            firmware: "4.22.00.00",
            ..dell.identity
        },
        media: Media { drives: vec![CD, REMOVABLE_DISK], places: vec![dell::under_manager(0, 1)], ..dell.media },
        // "Cd" means the virtual drive from 4.40.10 on (Dell's script; ironic redfish.rst), the chassis before (#90).
        boot: BootRules { cd: CdMeans::Physical, ..dell.boot },
        ..dell
    }
}
