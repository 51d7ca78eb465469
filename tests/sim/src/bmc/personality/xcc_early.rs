//! XCC before 2.50: the collection is there and empty, what mounts images is Lenovo's own (python-redfish-lenovo#9).

use serde_json::{Value, json};

use super::super::machine::Machine;
use super::super::oem::{Oem, Part};
use super::super::profile::{Identity, Media, Place, Profile, Under};
use super::lenovo;

struct Early;

pub(super) fn profile() -> Profile {
    let lenovo = lenovo::profile("Base.1.2", &[]);
    Profile {
        identity: Identity {
            // As on other boxes of that time; believed.
            vendor: None,
            redfish_version: "1.2.0",
            model: "ThinkSystem SD530",
            firmware: "TEI338M 2.10 2018-12-12",
            ..lenovo.identity
        },
        media: Media {
            patch: false,
            places: vec![Place { under: Under::Manager, members: Vec::new() }],
            ..lenovo.media
        },
        oem: &Early,
        ..lenovo
    }
}

impl Oem for Early {
    fn decorate(&self, part: Part, _: &Machine, body: &mut Value) {
        if part == Part::Manager {
            let service = |name: &str| json!({"@odata.id": format!("/redfish/v1/Managers/1/Oem/Lenovo/{name}")});
            body["Oem"] =
                json!({"Lenovo": {"RemoteMap": service("RemoteMap"), "RemoteControl": service("RemoteControl")}});
        }
    }
}
