//! XCC3, of V4 servers: images on shares are named by URLs (`mount_virtual_media.py`).
//!
//! `ETags` are believed to be as before. That newer firmware answers 412 (community.general#11261) is told of the chassis'
//! power, whose readings change between a look and a PATCH.

use super::super::profile::{Identity, Media, Profile, Shares, Under};
use super::lenovo;

pub(super) fn profile() -> Profile {
    // That the manager's collection is gone is believed: the schema calls that place deprecated.
    let lenovo = lenovo::profile("Base.1.18", &[Under::System]);
    Profile {
        identity: Identity {
            redfish_version: "1.20.0",
            model: "ThinkSystem SR650 V4",
            // The number after the name is believed.
            manager_model: "Lenovo XClarity Controller 3",
            firmware: "IHX403M 1.10 2025-01-15",
            ..lenovo.identity
        },
        media: Media { schemes: vec!["http", "https", "nfs", "smb"], shares: Shares::Url, ..lenovo.media },
        ..lenovo
    }
}
