//! Inspur M6 (redfish-vendors 1.11): the standard action on the manager's CD, with `TransferProtocolType` NFS. One field
//! table of payloads is all that is known; the rest is the generic BMC's.

use super::super::profile::{DriveShape, Identity, Media, Member, Place, Profile, Under};

pub(super) fn profile() -> Profile {
    let generic = Profile::generic();
    Profile {
        identity: Identity {
            vendor: Some("Inspur"),
            product: None,
            manufacturer: "Inspur",
            model: "NF5280M6",
            manager_model: "BMC",
            ..generic.identity
        },
        media: Media {
            drives: vec![DriveShape { id: "CD", boots: true }],
            // CD or CD1, by the table.
            places: vec![Place { under: Under::Manager, members: vec![Member::new("CD", &["CD", "DVD"], 0)] }],
            needs: vec!["TransferProtocolType"],
            listed: vec![("TransferProtocolType", &["NFS"])],
            schemes: vec!["nfs"],
            ..generic.media
        },
        ..generic
    }
}
