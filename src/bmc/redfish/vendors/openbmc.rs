//! `OpenBMC` (bmcweb), on whatever machine: NVIDIA's GB200 and GH200, Cisco's C845A, Supermicro's Grace boards. Images come
//! by https or SMB alone, and of its slots only those with an insert action are for URLs.
//!
//! Evidence: bmcweb's `redfish-core/lib/virtual_media.hpp`, and an answer of a GB300.

use super::Quirks;
use crate::bmc::redfish::answer::Refusal;
use crate::bmc::redfish::discovery::Platform;
use crate::bmc::redfish::slot::Slot;

pub(super) struct OpenBmc;

impl Quirks for OpenBmc {
    fn is_known_to_expand(&self) -> bool {
        // bmcweb, an option of its build.
        true
    }

    fn advice(&self, refusal: &Refusal) -> Option<String> {
        let inserts = refusal.path.trim_end_matches('/').ends_with("InsertMedia");
        let advice = if refusal.says("ResourceAtUriInUnknownFormat") {
            // To any URL of another scheme, whatever lies behind it.
            "it takes images by https and smb only: serve the image so and set virtual-media/image-url to where"
        } else if inserts && refusal.says("InternalError") {
            "it says no more when it cannot read an image: check that the BMC itself can fetch it (name, route, firewall) and trusts the server's certificate"
        } else {
            return None;
        };
        Some(advice.to_owned())
    }

    fn preference(&self, _: &Platform, slot: &Slot) -> Option<u8> {
        // Slots of the proxy mode are for a console in a browser (a web socket): they have an eject and no insert, and what
        // is in them is that console's.
        slot.insert_target().is_some().then_some(0)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::OpenBmc;
    use crate::bmc::redfish::answer::tests::refusal;
    use crate::bmc::redfish::discovery::Platform;
    use crate::bmc::redfish::slot::Slot;
    use crate::bmc::redfish::value::tests::resource;
    use crate::bmc::redfish::vendors::Quirks;

    #[test]
    fn a_consoles_slot_is_never_used() {
        let slot = |action: &str| Slot::new(resource(json!({"Actions": {action: {"target": "/x"}}})));
        let preference = |action| OpenBmc.preference(&Platform::default(), &slot(action));
        assert_eq!(preference("#VirtualMedia.InsertMedia"), Some(0));
        assert_eq!(preference("#VirtualMedia.EjectMedia"), None);
    }

    #[test]
    fn a_scheme_that_is_refused_is_told_with_those_that_are_taken() {
        let body =
            json!({"error": {"@Message.ExtendedInfo": [{"MessageId": "Base.1.18.1.ResourceAtUriInUnknownFormat"}]}});
        let advice = OpenBmc.advice(&refusal(400, &body)).unwrap_or_default();
        assert!(advice.contains("https and smb only") && advice.contains("virtual-media/image-url"), "{advice}");
    }
}
