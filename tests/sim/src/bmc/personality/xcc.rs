//! XCC, firmware 2.83 of an SR670 V2, as recorded.

use super::super::profile::{Answer, BootRules, Identity, Media, Profile, Under};
use super::lenovo;

pub(super) fn profile() -> Profile {
    let lenovo = lenovo::profile("Base.1.8", &[Under::System, Under::Manager]);
    Profile {
        identity: Identity {
            redfish_version: "1.11.0",
            model: "ThinkSystem SR670 V2",
            firmware: "TGBT42S 2.83 2022-09-15",
            ..lenovo.identity
        },
        // 200 or 204, the scripts take both.
        media: Media { insert: Answer::Ok, eject: Answer::Ok, ..lenovo.media },
        boot: BootRules { answer: Answer::Ok, ..lenovo.boot },
        ..lenovo
    }
}
