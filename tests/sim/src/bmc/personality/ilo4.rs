//! iLO 4, firmware 2.82 (Gen9): before the standard's actions, under the key of the old company.

use super::super::inventory::{Expand, Inventory, Section};
use super::super::profile::{Http, Identity, Media, Profile};
use super::hpe::{self, Hpe};

static ILO4: Hpe = Hpe { key: "Hp", media: "HpiLOVirtualMedia", action_by_name: true };

pub(super) fn profile() -> Profile {
    let hpe = hpe::profile(&ILO4, "Base.0.10", "iLO.0.10");
    Profile {
        identity: Identity {
            // No Vendor; recognised by Oem.Hp (community.general _get_vendor).
            vendor: None,
            product: None,
            redfish_version: "1.0.0",
            manufacturer: "HPE",
            model: "ProLiant DL360 Gen9",
            manager_model: "iLO 4",
            firmware: "iLO 4 v2.82",
            ..hpe.identity
        },
        http: Http { trailing_slash: true, ..hpe.http },
        media: Media {
            // PATCH of Image, or the vendor's action; no standard one (ilorest VirtualMediaCommand.py).
            actions: false,
            // Image alone: Inserted is PropertyUnknown (community.general#4595, #4596 for WriteProtected).
            refuses: vec![
                "Inserted",
                "WriteProtected",
                "TransferMethod",
                "TransferProtocolType",
                "UserName",
                "Password",
                "MediaType",
            ],
            ..hpe.media
        },
        inventory: Inventory {
            // Recorded tree of a Gen8 (ComputerSystem 1.0.1): these two on the system, BIOS and Memory under Oem.Hp.Links.
            linked: &[Section::Processors, Section::EthernetInterfaces],
            oem_linked: &[("BIOS", Section::Bios), ("Memory", Section::Memory)],
            expand: Expand::No,
        },
        ..hpe
    }
}
