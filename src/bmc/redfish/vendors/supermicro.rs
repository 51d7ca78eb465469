//! Supermicro X10 to X13. The virtual CD boots as `UsbCd`, and an X10 mounts by a configuration of its own.
//!
//! Evidence is quoted as (project#issue) or by the project whose code or recorded trees say so.

use super::Quirks;
use crate::bmc::asked::BootDevice;
use crate::bmc::redfish::answer::Refusal;
use crate::bmc::redfish::discovery::Platform;

pub(super) struct Supermicro;

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

    fn wants_whole_override(&self) -> bool {
        // What is left out goes back to its default: Enabled (ironic, story 2008547), Mode (Redfishtool#106,
        // metal-operator#607); a Mode alone is refused as no value (a field report of an SBI-4129P).
        true
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Supermicro;
    use crate::bmc::asked::BootDevice;
    use crate::bmc::redfish::discovery::Platform;
    use crate::bmc::redfish::value::tests::resource;
    use crate::bmc::redfish::vendors::Quirks;

    #[test]
    fn the_virtual_cd_is_a_usb_cd_on_all_models_but_one() {
        let first = |model: &str| {
            let platform = Platform { system: resource(json!({"Model": model})), ..Platform::default() };
            Supermicro.boot_targets(&platform, BootDevice::Cd)[0]
        };
        assert_eq!((first("SYS-821GE-TNHR"), first(""), first("ARS-111GL-NHR")), ("UsbCd", "UsbCd", "Cd"));
    }
}
