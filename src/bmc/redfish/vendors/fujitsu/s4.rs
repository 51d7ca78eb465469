//! The iRMC S4, which lists no slot: an image is configured in the vendor's own `VirtualMedia`, then connected by an action,
//! whose allowed values are all that shows whether it is.
//!
//! Evidence: the pvese project, which installed a TX1320 M3 so (NFS with 9.08F and 9.69F, ten times in a row with the
//! latter), its scripts and reports; Fsas's Ansible collections (`irmc_setvm`, `irmc_connectvm`).

use serde_json::{Value, json};
use url::Url;

use super::{Step, Way, own};
use crate::bmc::error::Kind;
use crate::bmc::redfish::Redfish;
use crate::bmc::redfish::discovery::Platform;
use crate::bmc::redfish::image::{credentials, file_path, host};
use crate::bmc::redfish::ladder::protocol;
use crate::bmc::redfish::slot::Slot;
use crate::bmc::redfish::value::Resource;

const ACTION: &str = "Actions/Oem/#FTSComputerSystem.VirtualMedia";
/// The action's parameter: as S5 and later call it, an S4 from 9.69F on by that name alone; up to 9.08F.
const PARAMETERS: [&str; 2] = ["FTSVirtualMediaAction", "VirtualMediaAction"];

/// What to do where it takes no such action now.
pub(super) const NOT_NOW: &str = "some firmware (9.69F) connects an image only while the machine is on, and keeps it then: \
                                  switch it on (poweron), mount, then boot; a machine in its firmware's setup has to leave \
                                  it; without a licence for virtual media there is no action at all";
/// What to do where it takes no such share.
pub(super) const SHARES: &str =
    "an iRMC S4 mounts from NFS and SMB alone: serve the image so, and set virtual-media/image-url to where";

/// Whether it is one. The firmware of an S4 that has Redfish is 9.x; that of an S5 began at 1.25 (Fsas's collections).
pub(super) fn is_one(platform: &Platform) -> bool {
    platform.model().contains("S4")
        || platform.firmware_numbers().first() == Some(&9)
        || parameter(&platform.system) == Some(PARAMETERS[1])
}

fn parameter(system: &Resource) -> Option<&'static str> {
    PARAMETERS.into_iter().find(|name| system.at(&allowed_by(name)).is_some())
}

fn allowed_by(parameter: &str) -> String {
    format!("{ACTION}/{parameter}@Redfish.AllowableValues")
}

/// What the virtual media action may do now; none where the system does not say.
pub(super) fn allowed(system: &Resource) -> Option<Vec<String>> {
    parameter(system).map(|name| system.texts(&allowed_by(name)))
}

/// The slot: what is configured, which stays when it is disconnected; inserted while it can be disconnected.
pub(super) fn read<'a>(bmc: &'a mut Redfish<'_>) -> Step<'a, Slot> {
    Box::pin(async move {
        let system = bmc.fresh_system().await?;
        let connected = allowed(&system).is_some_and(|allowed| allowed.iter().any(|value| value == "DisconnectCD"));
        let Some(config) = own(bmc, "VirtualMedia").await? else {
            return Err(bmc.client.error(Kind::Unsupported, "has no virtual media of its own, as an iRMC S4 has"));
        };
        Ok(slot(config, connected))
    })
}

fn slot(mut config: Resource, connected: bool) -> Slot {
    let image = if connected { configured(&config) } else { None };
    if !config.body.is_object() {
        config.body = json!({});
    }
    for (name, value) in
        [("Id", json!("CD")), ("MediaTypes", json!(["CD"])), ("Inserted", json!(connected)), ("Image", json!(image))]
    {
        config.body[name] = value;
    }
    Slot::new(config)
}

/// The image that is configured, as a URL.
fn configured(config: &Resource) -> Option<String> {
    let part = |name: &str| config.text(&format!("CDImage/{name}"));
    let scheme = match part("ShareType")?.as_str() {
        "SMB" => "cifs".to_owned(),
        other => other.to_ascii_lowercase(),
    };
    let (server, share, image) = (part("Server")?, part("ShareName")?, part("ImageName")?);
    let path = format!("{}/{}", share.trim_matches('/'), image.trim_start_matches('/'));
    Some(format!("{scheme}://{server}/{}", path.trim_start_matches('/')))
}

pub(super) fn insert_ways(platform: &Platform, slot: &Slot, image: &Url) -> Vec<Way> {
    let body = json!({"CDImage": cd_image(&slot.resource, image), "RemoteMountEnabled": true});
    let action = act(platform, "ConnectCD");
    let config = slot.path().to_owned();
    action.map(|(action, act)| Way::Configure { config, body, action, act }).into_iter().collect()
}

pub(super) fn eject_ways(platform: &Platform) -> Vec<Way> {
    act(platform, "DisconnectCD").map(|(path, body)| Way::Post { path, body }).into_iter().collect()
}

fn act(platform: &Platform, value: &str) -> Option<(String, Value)> {
    let target = platform.system.text(&format!("{ACTION}/target"))?;
    Some((target, json!({parameter(&platform.system)?: value})))
}

/// An NFS export is named by its path, an SMB share by its bare name, and the image is what follows.
fn cd_image(config: &Resource, image: &Url) -> Value {
    let path = file_path(image);
    let (share, name, kind) = match protocol(image) {
        "CIFS" => {
            let path = path.trim_start_matches('/');
            let (share, name) = path.split_once('/').unwrap_or(("", path));
            (share, name, "SMB")
        }
        // It knows no others, and says so itself.
        kind => {
            let (share, name) = path.rsplit_once('/').unwrap_or(("", &path));
            (if share.is_empty() { "/" } else { share }, name, kind)
        }
    };
    let (user, password) = credentials(image).unwrap_or_default();
    let mut cd = json!({"Server": host(image), "ShareType": kind, "ShareName": share, "ImageName": name,
        "UserName": user, "Password": password, "UserDomain": ""});
    if config.text("CDImage/MaximumNumberOfDevices").as_deref() == Some("0") {
        cd["MaximumNumberOfDevices"] = json!(1);
    }
    cd
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use url::Url;

    use super::{allowed, cd_image, is_one, slot};
    use crate::bmc::redfish::discovery::Platform;
    use crate::bmc::redfish::value::tests::resource;

    #[test]
    fn one_is_known_by_its_model_its_firmware_or_the_name_of_its_parameter() {
        let action =
            |name: &str| json!({"Actions": {"Oem": {"#FTSComputerSystem.VirtualMedia": {name: ["ConnectCD"]}}}});
        let early = action("VirtualMediaAction@Redfish.AllowableValues");
        let late = action("FTSVirtualMediaAction@Redfish.AllowableValues");
        for (manager, system, expected) in [
            (json!({"Model": "iRMC S4"}), json!({}), true),
            (json!({"FirmwareVersion": "9.69F"}), late.clone(), true),
            (json!({}), early, true),
            (json!({"Model": "iRMC S6", "FirmwareVersion": "2.12"}), late, false),
        ] {
            let platform =
                Platform { managers: vec![resource(manager)], system: resource(system), ..Platform::default() };
            assert_eq!(is_one(&platform), expected, "{platform:?}");
        }
        assert_eq!(allowed(&resource(json!({}))), None);
    }

    #[test]
    fn an_image_is_configured_by_its_share_and_read_back_as_it_was() {
        for (url, share, name, kind) in [
            ("nfs://10.0.0.5/srv/iso/u1/boot.iso", "/srv/iso/u1", "boot.iso", "NFS"),
            ("nfs://10.0.0.5/boot.iso", "/", "boot.iso", "NFS"),
            ("cifs://reader:pw@10.0.0.5/iso/u1/boot.iso", "iso", "u1/boot.iso", "SMB"),
            ("https://10.0.0.5/iso/boot.iso", "/iso", "boot.iso", "HTTPS"),
        ] {
            let image = Url::parse(url).unwrap();
            let cd = cd_image(&resource(json!({"CDImage": {"MaximumNumberOfDevices": 2}})), &image);
            assert_eq!(
                (&cd["ShareName"], &cd["ImageName"], &cd["ShareType"]),
                (&json!(share), &json!(name), &json!(kind))
            );
            assert_eq!(cd["UserName"], image.username());
            assert!(cd["MaximumNumberOfDevices"].is_null());
            let shown = |connected| slot(resource(json!({"CDImage": cd})), connected);
            assert!(shown(true).holds(&image), "{:?}", shown(true).image());
            assert!(!shown(false).is_occupied(), "what was configured stays");
        }
        let none = resource(json!({"CDImage": {"MaximumNumberOfDevices": 0}}));
        assert_eq!(cd_image(&none, &Url::parse("nfs://h/x.iso").unwrap())["MaximumNumberOfDevices"], 1);
    }

    #[test]
    fn a_connected_slot_that_names_nothing_is_occupied() {
        let slot = slot(resource(json!(null)), true);
        assert!(slot.is_occupied() && slot.image().is_empty());
    }
}
