//! AMI `MegaRAC` 13.06 on a Gigabyte board, the one whose answers a field record has; no CD slot is configured at first.

use super::super::profile::{Identity, Media, Profile};
use super::ami::{self, Ami, Shows};

static MEGARAC: Ami =
    Ami { actions: "AMIVirtualMedia", shows: Shows::Section, instances: 0, protocols: &["NFS", "CIFS", "HTTP"] };

pub(super) fn profile() -> Profile {
    let ami = ami::profile(&MEGARAC, "Base.1.12");
    Profile {
        identity: Identity {
            manufacturer: "GIGABYTE",
            model: "G593-ZX1",
            // A part number on some, or nothing (recorded).
            manager_model: "43553231270",
            firmware: "13.06.10",
            ..ami.identity
        },
        media: Media {
            // No https; with credentials http is refused (field record).
            schemes: vec!["http", "nfs", "cifs"],
            refuses: vec!["UserName", "Password"],
            ..ami.media
        },
        ..ami
    }
}
