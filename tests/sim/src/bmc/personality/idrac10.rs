//! iDRAC 10: 17G, whose firmware numbers begin again at 1.

use super::super::light::{LightProperty, LightRules};
use super::super::message::Registry;
use super::super::profile::{
    BootRules, DriveShape, EtagCheck, EtagForm, Etags, Http, Identity, Media, Place, Profile, SettingsShape, Under,
};
use super::dell::{self, Dell};

static IDRAC10: Dell = Dell {
    import_key: "#OemManager.ImportSystemConfiguration",
    // No EID_674 any more (Dell's script SetNextOneTimeBootVirtualMediaDeviceOemREDFISH.py).
    import_target: "OemManager.ImportSystemConfiguration",
    target_is_array: true,
    attributes: "Oem/Dell/DellAttributes/iDRAC.Embedded.1",
    // Not known; refused, so that nothing relies on it.
    boot_by_attributes: false,
};

pub(super) fn profile() -> Profile {
    let base = Registry("Base.1.18");
    let dell = dell::profile(&IDRAC10, base.0, "IDRAC.2.10");
    Profile {
        identity: Identity {
            redfish_version: "1.20.1",
            // terraform-provider-redfish#331, the answer's headers.
            server: Some("apache"),
            model: "PowerEdge R670",
            manager_model: "17G Monolithic",
            firmware: "1.20.50.52",
            ..dell.identity
        },
        http: Http {
            // Weak (bmclib fixtures/dell/virtualmedia_2.json); whether a PATCH needs one is not known.
            etags: Etags { form: EtagForm::Weak, on_patch: EtagCheck::Checked },
            // gofish#510: whatever its value.
            if_match_on_post: Some(base.says(412, "PreconditionFailed", "The resource has changed.")),
            ..dell.http
        },
        media: Media {
            drives: vec![
                DriveShape { id: "1", boots: true },
                // It never boots by the one-shot (ironic idrac10-vmedia-slot1 note, LP 2125571).
                DriveShape { id: "2", boots: false },
            ],
            // bmclib fixtures/dell/virtualmedia_2.json; Upload is not for it (Dell's terraform provider).
            listed: vec![("TransferProtocolType", &["CIFS", "HTTP", "HTTPS", "NFS"]), ("TransferMethod", &["Stream"])],
            // Systems alone, 2 before 1 (iDRAC-Redfish-Scripting#324; bmclib fixtures/dell/virtualmedia_collection.json).
            places: vec![Place {
                under: Under::System,
                members: vec![dell::under_system("2", 1), dell::under_system("1", 0)],
            }],
            ..dell.media
        },
        boot: BootRules {
            // community.general#11297, libredfish#33: about "Boot" as a whole.
            system_refuses: Some(base.says(400, "PropertyNotWritable", "This cannot be written here.")),
            settings: Some(SettingsShape { name: "Settings", takes_boot: true }),
            // The system lists no targets (iDRAC-Redfish-Scripting#324, its title).
            targets_listed: false,
            ..dell.boot
        },
        // Believed: the newer property alone.
        light: LightRules { system: &[LightProperty::Location], chassis: &[LightProperty::Location], ..dell.light },
        ..dell
    }
}
