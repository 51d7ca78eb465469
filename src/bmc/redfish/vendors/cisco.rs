//! Cisco CIMC, of rack servers and of UCS X. Some of its slots belong to a console; the others are named for the CIMC.
//! (The C845A is an `OpenBMC`.)
//!
//! Evidence: recorded trees of C220 and C240 machines and of a UCSX-210C, and transcripts, in iserver's documents; ironic
//! (LP 2031595, 2039042).

use super::Quirks;
use crate::bmc::redfish::discovery::Platform;
use crate::bmc::redfish::slot::Slot;

pub(super) struct Cisco;

impl Quirks for Cisco {
    fn preference(&self, _: &Platform, slot: &Slot) -> Option<u8> {
        // UCS X lists consoles' slots for CDs before its own "CIMC-Mapped vDVD", which is for DVDs alone; theirs answer 400
        // to an insert. A C240 M6 has one by the name of "Virtual CD".
        let name = slot.resource.text("Name").unwrap_or_default().to_ascii_lowercase();
        if name.starts_with("cimc-mapped") {
            Some(0)
        } else if name.starts_with("kvm-mapped") {
            Some(2)
        } else {
            Some(1)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use url::Url;

    use super::Cisco;
    use crate::bmc::redfish::discovery::Platform;
    use crate::bmc::redfish::ladder::Taken;
    use crate::bmc::redfish::slot::Slot;
    use crate::bmc::redfish::value::tests::resource;
    use crate::bmc::redfish::vendors::Quirks;

    #[test]
    fn the_slot_of_the_cimc_goes_before_those_of_a_console_whatever_they_take() {
        let preference = |name: &str| {
            Cisco.preference(&Platform::default(), &Slot::new(resource(json!({"Name": name, "MediaTypes": ["CD"]}))))
        };
        assert!(preference("CIMC-Mapped vDVD") < preference("Virtual CD"));
        assert!(preference("Virtual CD") < preference("KVM-Mapped vDVD"));
    }

    #[test]
    fn prose_in_the_place_of_values_limits_nothing() {
        let slot = resource(json!({"Actions": {"#VirtualMedia.InsertMedia": {
            "Image@Redfish.AllowableValues": ["The string URI of the media. (Required)"],
            "WriteProtected@Redfish.AllowableValues": ["A bool (true|false)"],
            "TransferProtocolType@Redfish.AllowableValues": ["CIFS", "HTTP", "HTTPS", "NFS", "OEM"]}}}));
        let taken = Taken::read(&slot, None);
        for (image, expected) in [("http://h/x.iso", true), ("nfs://h/x.iso", true), ("tftp://h/x.iso", false)] {
            assert_eq!(Url::parse(image).map(|image| taken.takes(&image)), Ok(expected), "{image}");
        }
    }
}
