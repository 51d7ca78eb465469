//! Lenovo TSM (`ThinkSystem` System Manager) of an SR635 or SR655: an AMI `MegaRAC` of an older build in Lenovo's dress.
//!
//! Sources: Lenovo's `mount_virtual_media.py`, which knows it by the actions of its manager, and its manual of the TSM
//! (redfish-vendors 1.4, 1.9). No tree of one is recorded: ids, the root and the answers beside media are as on other
//! `MegaRAC`s, believed.

use super::super::profile::{DriveShape, Identity, Media, Member, Place, Profile, Under};
use super::ami::{self, Ami, Shows};

/// CIFS came with later firmware, told by the `ActionInfo`; no CD slot at first is believed, the harder.
static TSM: Ami = Ami { actions: "VirtualMedia", shows: Shows::Actions, instances: 0, protocols: &["NFS", "CIFS"] };

pub(super) fn profile() -> Profile {
    let ami = ami::profile(&TSM, "Base.1.5");
    Profile {
        identity: Identity {
            // Believed: harder than AMI, which a MegaRAC says of itself elsewhere.
            vendor: Some("Lenovo"),
            product: None,
            redfish_version: "1.8.0",
            manufacturer: "Lenovo",
            model: "ThinkSystem SR655",
            manager_model: "",
            firmware: "5.10.0",
            ..ami.identity
        },
        media: Media {
            drives: vec![DriveShape { id: "CD1", boots: true }],
            // CD1 to CD4, as many as are configured.
            places: vec![Place { under: Under::Manager, members: vec![Member::new("CD1", &["CD"], 0)] }],
            schemes: vec!["nfs", "cifs"],
            // Its .nrg is not ours.
            wants_iso_suffix: true,
            ..ami.media
        },
        ..ami
    }
}
