//! Lenovo XCC, XCC2 and XCC3: ten fixed slots without actions, of which four take an image by PATCH.
//!
//! Evidence is quoted as (project#issue); the rest is from Lenovo's XCC REST API guides and its python-redfish-lenovo.

use serde_json::{Value, json};
use url::Url;

use super::{Quirks, Way};
use crate::bmc::redfish::discovery::Platform;
use crate::bmc::redfish::image::{credentials, file_path, host, without_credentials};
use crate::bmc::redfish::ladder::protocol;
use crate::bmc::redfish::slot::Slot;

pub(super) struct Lenovo;

impl Quirks for Lenovo {
    fn advice_without_slots(&self, _: &Platform) -> Option<&'static str> {
        // Up to 2.50 the collection is empty until something is mounted by services of Lenovo's own
        // (python-redfish-lenovo#9). Not told by the firmware's number: the XCC of a V2 server counts from 1 again
        // (gofish#529: 1.89, with slots).
        Some(
            "virtual media may be switched off, or need the XCC Enterprise licence; the first ThinkSystem servers have slots \
             for images from firmware 2.50 on: update the XCC",
        )
    }

    fn passes_over(&self, member: &str) -> bool {
        // All ten say that they take CDs, and RDOC comes first (python-redfish-lenovo#21). RDOC holds what is uploaded to
        // the XCC, Remote what a console attaches; an image by its URL goes to EXT alone.
        let name = member.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_ascii_uppercase();
        name.starts_with("RDOC") || name.starts_with("REMOTE")
    }

    fn preference(&self, _: &Platform, slot: &Slot) -> Option<u8> {
        Some(u8::from(!slot.id.to_ascii_uppercase().starts_with("EXT")))
    }

    fn insert_ways(&self, platform: &Platform, slot: &Slot, image: &Url) -> Vec<Way> {
        let action = slot.insert_target().map(|_| Way::Action);
        let patches = spellings(platform, image).into_iter().map(|spelling| Way::Patch(body(image, &spelling)));
        action.into_iter().chain(patches).collect()
    }

    fn eject_ways(&self, _: &Platform, slot: &Slot) -> Vec<Way> {
        let action = slot.eject_target().map(|_| Way::Action);
        action.into_iter().chain([Way::Patch(json!({"Image": null, "Inserted": false}))]).collect()
    }
}

/// How an image is named, best guess first. XCC and XCC2 name one on a share as `mount` does, XCC3 by a URL
/// (`mount_virtual_media.py`, and its counterpart for V4 servers).
fn spellings(platform: &Platform, image: &Url) -> Vec<String> {
    let (host, path) = (host(image), file_path(image));
    let (scheme, share) = match protocol(image) {
        "NFS" => ("nfs", format!("{host}:{path}")),
        "CIFS" => ("smb", format!("//{host}{path}")),
        _ => return vec![without_credentials(image).to_string()],
    };
    let url = format!("{scheme}://{host}{}", image.path());
    if platform.model().trim_end().ends_with("Controller 3") { vec![url, share] } else { vec![share, url] }
}

/// Without `Inserted` an XCC takes the image and attaches nothing (sushy, of an SD530). Credentials have properties of
/// their own, and then, as for CIFS, the protocol is told.
fn body(image: &Url, spelling: &str) -> Value {
    let mut body = json!({"Image": spelling, "Inserted": true, "WriteProtected": true});
    let credentials = credentials(image);
    if protocol(image) == "CIFS" || credentials.is_some() {
        body["TransferProtocolType"] = json!(protocol(image));
    }
    if let Some((user, password)) = credentials {
        body["UserName"] = json!(user);
        body["Password"] = json!(password);
    }
    body
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use url::Url;

    use super::{Lenovo, Way};
    use crate::bmc::redfish::discovery::Platform;
    use crate::bmc::redfish::slot::Slot;
    use crate::bmc::redfish::value::tests::resource;
    use crate::bmc::redfish::vendors::Quirks;

    const XCC: &str = "Lenovo XClarity Controller";
    const XCC3: &str = "Lenovo XClarity Controller 3";

    fn slot(id: &str) -> Slot {
        Slot::new(resource(json!({"Id": id, "MediaTypes": ["CD", "DVD", "Floppy", "USBStick"]})))
    }

    fn patches(model: &str, image: &str) -> Vec<serde_json::Value> {
        let platform = Platform { managers: vec![resource(json!({"Model": model}))], ..Platform::default() };
        let ways = Lenovo.insert_ways(&platform, &slot("EXT1"), &Url::parse(image).unwrap());
        let body = |way| if let Way::Patch(body) = way { body } else { panic!("{way:?}") };
        ways.into_iter().map(body).collect()
    }

    #[test]
    fn of_ten_slots_that_look_alike_the_external_ones_are_used() {
        let preference = |id: &str| Lenovo.preference(&Platform::default(), &slot(id));
        assert!(preference("EXT1") == Some(0) && preference("EXT4") == Some(0) && preference("USB1") == Some(1));
        for (id, expected) in [("RDOC1", true), ("Remote4", true), ("EXT1", false), ("USB1", false)] {
            assert_eq!(Lenovo.passes_over(&format!("/redfish/v1/Systems/1/VirtualMedia/{id}")), expected, "{id}");
        }
    }

    #[test]
    fn an_image_is_attached_by_its_url_and_nothing_more_than_has_to_be_said() {
        let full = json!({"Image": "http://10.0.0.5/x.iso", "Inserted": true, "WriteProtected": true});
        assert_eq!(patches(XCC, "http://10.0.0.5/x.iso"), [full]);
        let secret = patches(XCC, "https://reader:pw@10.0.0.5/x.iso").remove(0);
        assert_eq!(
            secret,
            json!({"Image": "https://10.0.0.5/x.iso", "Inserted": true, "WriteProtected": true,
                "UserName": "reader", "Password": "pw", "TransferProtocolType": "HTTPS"})
        );
    }

    #[test]
    fn an_image_on_a_share_is_spelled_as_the_generation_likes_it_then_the_other_way() {
        let images = |model, image| {
            let bodies = patches(model, image);
            bodies.iter().map(|body| body["Image"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let (nfs, cifs) = ("nfs://10.0.0.5/iso/x.iso", "cifs://10.0.0.5/iso/x.iso");
        assert_eq!(images(XCC, nfs), ["10.0.0.5:/iso/x.iso", "nfs://10.0.0.5/iso/x.iso"]);
        assert_eq!(images(XCC3, nfs), ["nfs://10.0.0.5/iso/x.iso", "10.0.0.5:/iso/x.iso"]);
        assert_eq!(images(XCC, cifs), ["//10.0.0.5/iso/x.iso", "smb://10.0.0.5/iso/x.iso"]);
        assert_eq!(images(XCC3, cifs), ["smb://10.0.0.5/iso/x.iso", "//10.0.0.5/iso/x.iso"]);
        assert_eq!(patches(XCC, cifs)[0]["TransferProtocolType"], "CIFS");
    }
}
