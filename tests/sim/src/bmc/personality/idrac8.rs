//! iDRAC 8, firmware 2.86 (13G).

use super::super::inventory::{Expand, Inventory, Section};
use super::super::message::Registry;
use super::super::profile::{BootRules, CdMeans, Http, Identity, Media, ModeRule, Profile};
use super::dell::{self, CD, Dell, REMOVABLE_DISK};

static IDRAC8: Dell = Dell {
    // The key of this generation is not recorded; this is the spelling of the next one (check_redfish#151).
    import_key: "OemManager.v1_0_0#OemManager.ImportSystemConfiguration",
    import_target: "EID_674_Manager.ImportSystemConfiguration",
    target_is_array: false,
    attributes: "Attributes",
    // Works on 9, not on 8 (iDRAC-Redfish-Scripting#90). In which words it refuses is not known.
    boot_by_attributes: false,
};

pub(super) fn profile() -> Profile {
    let dell = dell::profile(&IDRAC8, "Base.1.2", "IDRAC.1.6");
    let mut errors = dell.errors;
    // The mode depends on other attributes (community.general#5091, 13G).
    errors.not_writable = Registry("IDRAC.1.6").says(400, "SYS410", "This depends on other attributes.");
    Profile {
        identity: Identity {
            // Redfish 1.4.0 has no Vendor in its root yet; the version by idrac_exporter#137.
            vendor: None,
            redfish_version: "1.4.0",
            server: Some("iDRAC/8"),
            model: "PowerEdge R630",
            manager_model: "13G Monolithic",
            firmware: "2.86.86.86",
            ..dell.identity
        },
        http: Http {
            // SessionService/Sessions is 405 here (idrac_exporter#132, #137).
            sessions: Some("Sessions"),
            ..dell.http
        },
        media: Media { drives: vec![CD, REMOVABLE_DISK], places: vec![dell::under_manager(0, 1)], ..dell.media },
        boot: BootRules {
            // "Cd" is the drive in the chassis (iDRAC-Redfish-Scripting#90; dellemc-openmanage#693 on 2.86.86.86).
            cd: CdMeans::Physical,
            mode: ModeRule::ReadOnly,
            ..dell.boot
        },
        inventory: Inventory {
            // Believed: BootOptions and $expand came with iDRAC 9.
            linked: Section::WITHOUT_BOOT_OPTIONS,
            expand: Expand::No,
            ..dell.inventory
        },
        errors,
        ..dell
    }
}
