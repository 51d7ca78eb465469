//! NVIDIA DGX H100: an AMI `MegaRAC` that wants credentials for every image, beside a board without a reset.
//!
//! Sources: recorded tree (libredfish, `nvidia_viking`); sushy (bug 2071945); redfish-vendors 1.8, 1.9.

use super::super::profile::{DriveShape, Identity, Media, Member, Place, Profile, Under};
use super::ami::{self, Ami, Shows};

/// Which protocols it takes is not recorded.
static DGX: Ami =
    Ami { actions: "AMIVirtualMedia", shows: Shows::Section, instances: 4, protocols: &["CIFS", "HTTPS", "NFS"] };

pub(super) fn profile() -> Profile {
    let ami = ami::profile(&DGX, "Base.1.8");
    Profile {
        identity: Identity {
            redfish_version: "1.11.0",
            system: "DGX",
            manager: "BMC",
            chassis: "DGX",
            // The tree lists it after; before is harder.
            systems_before: vec!["HGX_Baseboard_0"],
            managers_before: vec!["HGX_BMC_0"],
            manufacturer: "NVIDIA",
            model: "DGXH100",
            manager_model: "",
            firmware: "23.11.09",
            ..ami.identity
        },
        media: Media {
            drives: ["CD1", "CD2", "CD3", "CD4"].map(|id| DriveShape { id, boots: true }).to_vec(),
            places: vec![Place {
                under: Under::Manager,
                members: ["CD1", "CD2", "CD3", "CD4"]
                    .into_iter()
                    .zip(0..)
                    .map(|(id, drive)| Member::new(id, &["CD"], drive))
                    .collect(),
            }],
            schemes: vec!["https", "nfs", "cifs"],
            // sushy sends "none" for both.
            needs: vec!["TransferProtocolType", "UserName", "Password"],
            ..ami.media
        },
        ..ami
    }
}
