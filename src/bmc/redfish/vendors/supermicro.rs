//! Supermicro X10 to X13. The virtual CD boots as `UsbCd`, and an X10 mounts by a configuration of its own.
//!
//! Evidence is quoted as (project#issue) or by the project whose code or recorded trees say so.

use serde_json::json;
use url::Url;

use super::generic::Generic;
use super::{Quirks, Way};
use crate::bmc::asked::BootDevice;
use crate::bmc::redfish::answer::Refusal;
use crate::bmc::redfish::discovery::Platform;
use crate::bmc::redfish::image::{credentials, file_path, host};
use crate::bmc::redfish::ladder::protocol;
use crate::bmc::redfish::slot::Slot;

pub(super) struct Supermicro;

/// Where an X10, or an X11 with early firmware, keeps what is mounted: beside the slot, which is not listed before
/// (badfish, `redfish_ctl`, recorded trees of both). Late firmware has slots that are always there, with actions.
fn iso_config(slot: &Slot) -> Option<String> {
    let collection = slot.path().trim_end_matches('/').strip_suffix("/CD1").filter(|path| path.ends_with("/VM1"))?;
    slot.insert_target().is_none().then(|| format!("{collection}/CfgCD"))
}

impl Quirks for Supermicro {
    fn advice(&self, refusal: &Refusal) -> Option<String> {
        let advice = if refusal.says("OemLicenseNotPassed") {
            // On media alone or on all that Redfish gives, by model (field reports of X10 and X11).
            "this needs a licence on the BMC (SFT-DCMS-SINGLE, or SFT-OOB-LIC on an older one): install it"
        } else if refusal.path.trim_end_matches('/').ends_with("InsertMedia") && refusal.mentions("Image") {
            // An X12 refuses a URL with a query, and = anywhere in it (ironic).
            "check that the BMC itself can fetch the image (name, route, firewall, certificate), and that its URL is a \
             plain path that ends in .iso, without ? and ="
        } else {
            return None;
        };
        Some(advice.to_owned())
    }

    fn passing_slot(&self, collection: &str) -> Option<String> {
        let collection = collection.trim_end_matches('/');
        collection.ends_with("/VM1").then(|| format!("{collection}/CD1"))
    }

    fn insert_ways(&self, platform: &Platform, slot: &Slot, image: &Url) -> Vec<Way> {
        let Some(config) = iso_config(slot) else { return Generic.insert_ways(platform, slot, image) };
        // By HTTP the host is a URL without a path (badfish), on a share a name alone (redfish_ctl).
        let (host, path) = match protocol(image) {
            "CIFS" | "NFS" => (host(image), file_path(image)),
            _ => (format!("{}://{}", image.scheme(), host(image)), image.path().to_owned()),
        };
        let (user, password) = credentials(image).unwrap_or_default();
        let body = json!({"Host": host, "Path": path, "Username": user, "Password": password});
        let action = format!("{config}/Actions/IsoConfig.Mount");
        vec![Way::Configure { config, body, action, act: json!({}) }]
    }

    fn eject_ways(&self, platform: &Platform, slot: &Slot) -> Vec<Way> {
        match iso_config(slot) {
            Some(config) => vec![Way::Post { path: format!("{config}/Actions/IsoConfig.UnMount"), body: json!({}) }],
            None => Generic.eject_ways(platform, slot),
        }
    }

    fn boot_targets(&self, platform: &Platform, device: BootDevice) -> &'static [&'static str] {
        // Both are listed, and Cd is a drive in the chassis; on the one model it is the other way round (sushy).
        let cd_is_virtual = platform.system.text("Model").is_some_and(|model| model.contains("ARS-111GL-NHR"));
        match device {
            BootDevice::Cd if cd_is_virtual => &["Cd", "UsbCd"],
            BootDevice::Cd => &["UsbCd", "Cd"],
            BootDevice::Pxe => &["Pxe"],
            BootDevice::Disk => &["Hdd"],
        }
    }

    fn shown_as(&self, target: &str) -> Option<&'static str> {
        // On an X13 in UEFI mode (recorded; libredfish).
        (target == "Pxe").then_some("UefiBootNext")
    }

    fn is_known_to_expand(&self) -> bool {
        // Roots of 1.9.0 and 1.14.0 (bmclib).
        true
    }

    fn wants_whole_override(&self) -> bool {
        // What is left out goes back to its default: Enabled (ironic, story 2008547), Mode (Redfishtool#106,
        // metal-operator#607); a Mode alone is refused as no value (a field report of an SBI-4129P).
        true
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use url::Url;

    use super::{Supermicro, Way};
    use crate::bmc::asked::BootDevice;
    use crate::bmc::redfish::discovery::Platform;
    use crate::bmc::redfish::slot::Slot;
    use crate::bmc::redfish::value::tests::resource;
    use crate::bmc::redfish::vendors::Quirks;

    #[test]
    fn an_x10_mounts_by_a_configuration_beside_its_slot() {
        let path = Supermicro.passing_slot("/redfish/v1/Managers/1/VM1").unwrap();
        assert_eq!(Supermicro.passing_slot("/redfish/v1/Managers/1/VirtualMedia"), None);
        let slot = Slot::passing(&path, None);
        let configured = |image: &str| {
            let image = Url::parse(image).unwrap();
            match Supermicro.insert_ways(&Platform::default(), &slot, &image).remove(0) {
                Way::Configure { config, body, .. } if config == "/redfish/v1/Managers/1/VM1/CfgCD" => body,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(
            configured("http://10.0.0.5:8080/iso/x.iso"),
            json!({"Host": "http://10.0.0.5:8080", "Path": "/iso/x.iso", "Username": "", "Password": ""})
        );
        assert_eq!(
            configured("cifs://reader:pw@10.0.0.5/iso/x.iso"),
            json!({"Host": "10.0.0.5", "Path": "/iso/x.iso", "Username": "reader", "Password": "pw"})
        );
        let late = Slot::new(resource(
            json!({"Actions": {"#VirtualMedia.InsertMedia": {"target": "/m/VirtualMedia.InsertMedia"}}}),
        ));
        assert_eq!(Supermicro.eject_ways(&Platform::default(), &late), [Way::Action]);
    }

    #[test]
    fn the_virtual_cd_is_a_usb_cd_on_all_models_but_one() {
        let first = |model: &str| {
            let platform = Platform { system: resource(json!({"Model": model})), ..Platform::default() };
            Supermicro.boot_targets(&platform, BootDevice::Cd)[0]
        };
        assert_eq!((first("SYS-821GE-TNHR"), first(""), first("ARS-111GL-NHR")), ("UsbCd", "UsbCd", "Cd"));
    }
}
