//! XCC2, of an SR655 V3.

use super::super::profile::{Answer, Identity, Media, Profile, Under};
use super::lenovo;

pub(super) fn profile() -> Profile {
    let lenovo = lenovo::profile("Base.1.12", &[Under::System, Under::Manager]);
    Profile {
        identity: Identity {
            redfish_version: "1.15.0",
            model: "ThinkSystem SR655 V3",
            // The number after the name is believed.
            manager_model: "Lenovo XClarity Controller 2",
            firmware: "KAX321V 3.02 2023-11-20",
            ..lenovo.identity
        },
        media: Media {
            schemes: vec!["http", "https", "nfs", "cifs"],
            // 201 from the system's slots (python-redfish-lenovo#289).
            insert: Answer::Created,
            eject: Answer::Created,
            ..lenovo.media
        },
        ..lenovo
    }
}
