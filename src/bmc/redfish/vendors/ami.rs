//! AMI `MegaRAC` in all its dresses: Gigabyte, `ASRock` Rack, Quanta, NVIDIA DGX H100, Lenovo TSM. Virtual media has to be switched on
//! before there are slots, and boot settings go to the "future state", `<system>/SD`, whole and with their `ETag`.
//!
//! Evidence: a recorded tree of a DGX H100 (libredfish), Lenovo's manual and scripts for its TSM, which is one, and a field
//! record of firmware 13.06.10 on a Gigabyte board.

use serde_json::{Value, json};
use url::Url;

use super::{Quirks, Route, Step};
use crate::bmc::error::{Error, Kind};
use crate::bmc::limits::Patience;
use crate::bmc::redfish::answer::Refusal;
use crate::bmc::redfish::discovery::Platform;
use crate::bmc::redfish::slot::Slot;
use crate::bmc::redfish::value::{Resource, at, text};
use crate::bmc::redfish::{Redfish, spoken_patience};

pub(super) struct Ami;

/// How often slots are looked for after a refusal, which may have said that they are there.
const LOOKS_AFTER_REFUSAL: u32 = 5;

/// What of an image's URL a build takes differs: NFS always, CIFS on most, HTTP or HTTPS on some.
const ANOTHER_PROTOCOL: &str = "builds differ in what they take (NFS, CIFS on most, HTTP or HTTPS on some): serve the image by another protocol and set virtual-media/image-url to where";

impl Quirks for Ami {
    fn kind(&self, refusal: &Refusal) -> Option<Kind> {
        refusal.says("ActionInProgress").then_some(Kind::Conflict)
    }

    fn advice(&self, refusal: &Refusal) -> Option<String> {
        let about_image = refusal.mentions("Image");
        let advice = if refusal.says("ActionInProgress") {
            "its remote media is in use: end the redirection in its console, then try again"
        } else if refusal.says_any(&["PreconditionHeaderMissing", "PreconditionFailed"]) {
            // Gigabyte had a firmware that refused every form of ETag (community.general#6434).
            "it refuses each form of its own ETag: update its firmware"
        } else if about_image && refusal.says_any(&["ActionParameterValueFormatError", "PropertyValueFormatError"]) {
            // An https URL is answered so by firmware 13.06.10, which takes http.
            ANOTHER_PROTOCOL
        } else if about_image && refusal.says_any(&["ResourceAtUriInUnknownFormat", "SourceDoesNotSupportProtocol"]) {
            ANOTHER_PROTOCOL
        } else {
            return None;
        };
        Some(advice.to_owned())
    }

    fn prepare(&self, platform: &Platform) -> Option<Route> {
        action(platform, "EnableRMedia").map(|_| REMOTE_MEDIA)
    }

    fn hides_slots_when_off(&self) -> bool {
        // Recorded on a DGX H100: no members while RMediaStatus is Disabled.
        true
    }

    fn has_arrived(&self, slot: &Slot) -> bool {
        // The slot shows the image at once; RedirectionStatus says Started when the machine has it, which takes up to a
        // minute (a field report; the other words are not known, so only those that deny it count).
        let Some(status) = slot.resource.text("Oem/Ami/RedirectionStatus") else { return true };
        let status = status.to_ascii_lowercase();
        !["not ", "stop", "progress", "starting", "connecting", "fail"].iter().any(|denial| status.contains(denial))
    }

    fn also_checks(&self, image: &Url) -> Option<&'static str> {
        // Firmware 13.06.10 never connected to another port, nor for an image in the server's root (field record).
        let particular = image.scheme() == "http" && image.port().is_some();
        particular.then_some("some builds fetch by HTTP from port 80 alone: try a server there, or NFS")
    }

    fn wants_whole_override(&self) -> bool {
        // ironic sends all three fields to these makers (its VENDORS_REQUIRING_FULL_BOOT_REQUEST).
        true
    }

    fn keeps_to_expand(&self) -> bool {
        // Members lose required fields by it (nv-redfish, its list of defects).
        false
    }
}

const REMOTE_MEDIA: Route = Route {
    name: "remote media",
    why: "EnableRMedia, and ConfigureCDInstance where there is none: without them no slot is listed",
    run: switch_on,
};

/// Whether a manager, or a root, is a `MegaRAC`'s whoever sells it, as Lenovo's scripts tell its TSM from an XCC.
pub(crate) fn is_megarac(resource: &Resource) -> bool {
    let actions = resource.at("Actions/Oem").and_then(Value::as_object);
    let switches = actions.is_some_and(|actions| actions.keys().any(|key| key.ends_with("VirtualMedia.EnableRMedia")));
    switches || resource.at("Oem/Ami").is_some()
}

/// The target of an action of the vendor's own. Older builds call them `#VirtualMedia.…`, newer ones `#AMIVirtualMedia.…`
/// (Lenovo's scripts know both); they are the manager's, on Gigabyte's the system's as well.
fn action(platform: &Platform, name: &str) -> Option<String> {
    let owners = platform.managers.iter().chain([&platform.system]);
    owners.filter_map(|owner| owner.at("Actions/Oem")?.as_object()).flatten().find_map(|(key, action)| {
        key.ends_with(&format!("VirtualMedia.{name}")).then(|| text(at(action, "target")?)).flatten()
    })
}

/// The switch as the BMC shows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Switch {
    on: Option<bool>,
    /// How many CD slots there are to be.
    instances: Option<u64>,
}

impl Switch {
    /// In a section of its own; on an older build (`#VirtualMedia.…`) in the actions themselves (`mount_virtual_media.py`).
    fn of(owner: &Resource) -> Self {
        let places = [
            ("Oem/Ami/VirtualMedia/RMediaStatus", "Oem/Ami/VirtualMedia/CDInstances"),
            ("Oem/VirtualMedia/RMediaStatus", "Oem/VirtualMedia/CDInstances"),
            (
                "Actions/Oem/#VirtualMedia.EnableRMedia/Status",
                "Actions/Oem/#VirtualMedia.ConfigureCDInstance/CDInstances",
            ),
        ];
        let shown = places.into_iter().map(|(status, instances)| Self {
            on: owner.at(status).and_then(Value::as_str).map(|status| status.eq_ignore_ascii_case("Enabled")),
            instances: owner.at(instances).and_then(Value::as_u64),
        });
        shown.into_iter().find(|switch| *switch != Self::default()).unwrap_or_default()
    }
}

/// Where the switch shows: the manager, on Gigabyte's the system.
async fn read_switch(bmc: &mut Redfish<'_>) -> Result<Switch, Error> {
    let owners = bmc.platform.managers.iter().chain([&bmc.platform.system]);
    let shows = owners.filter(|owner| Switch::of(owner) != Switch::default()).map(|owner| owner.path.clone()).next();
    match shows {
        Some(path) => Ok(Switch::of(&bmc.client.get(&path).await?)),
        None => Ok(Switch::default()),
    }
}

fn switch_on<'a>(bmc: &'a mut Redfish<'_>) -> Step<'a> {
    Box::pin(async move {
        let before = read_switch(bmc).await?;
        let is_ready = match before {
            Switch { on: Some(on), instances } => on && instances != Some(0),
            Switch { on: None, .. } => !bmc.slots().await?.is_empty(),
        };
        if is_ready {
            return Ok(());
        }
        bmc.begin("remote-media", "switching its remote media on");
        let mut refused = None;
        if before.on != Some(true) {
            refused = act(bmc, "EnableRMedia", json!({"RMediaState": "Enable"})).await?;
            // It restarts its media service, which takes 5 seconds and refuses the next action meanwhile.
            await_until(bmc, &mut refused, "RMediaStatus Enabled", |switch, slots| switch.on.unwrap_or(slots > 0))
                .await?;
        }
        if read_switch(bmc).await?.instances == Some(0) {
            refused = act(bmc, "ConfigureCDInstance", json!({"CDInstance": 1})).await?.or(refused);
        }
        await_until(bmc, &mut refused, "a slot for a CD image", |_, slots| slots > 0).await?;
        bmc.done("switched its remote media on");
        Ok(())
    })
}

/// Does an action of the vendor's own. A refusal is given back: that it is so already is one, and the slots tell.
async fn act(bmc: &mut Redfish<'_>, name: &str, body: Value) -> Result<Option<Error>, Error> {
    let Some(target) = action(&bmc.platform, name) else { return Ok(None) };
    match bmc.client.post(&target, &body).await {
        Ok(Ok(answer)) => bmc.finish(answer).await.map(|()| None),
        Ok(Err(refusal)) => Ok(Some(bmc.client.refused(&refusal))),
        Err(error) if error.is_lost() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Looks at the switch and the slots until they are as wanted; in the end what was refused is the reason.
async fn await_until(
    bmc: &mut Redfish<'_>,
    refused: &mut Option<Error>,
    awaited: &str,
    wanted: impl Fn(Switch, usize) -> bool,
) -> Result<(), Error> {
    let patience = Patience::of(bmc.client.limits().media);
    for looks in 1.. {
        // Its web service may be restarting too: a look that fails is no answer yet.
        match look(bmc).await {
            Ok((switch, slots)) if wanted(switch, slots) => return Ok(()),
            Err(error) if error.is_final() => return Err(error),
            Ok(_) | Err(_) => {}
        }
        if patience.is_over() || (refused.is_some() && looks >= LOOKS_AFTER_REFUSAL) {
            let answer = format!("did not show {awaited} {}", spoken_patience(patience));
            let advice = "switch remote media on in its own settings (Media Redirection), or restart the BMC";
            let late = bmc.client.error(Kind::Timeout, answer).advise(advice);
            return Err(refused.take().unwrap_or(late));
        }
        bmc.client.pause(bmc.client.limits().poll, awaited).await?;
    }
    Ok(())
}

async fn look(bmc: &mut Redfish<'_>) -> Result<(Switch, usize), Error> {
    Ok((read_switch(bmc).await?, bmc.slots().await?.len()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Ami, Switch, action};
    use crate::bmc::redfish::discovery::Platform;
    use crate::bmc::redfish::slot::Slot;
    use crate::bmc::redfish::value::tests::resource;
    use crate::bmc::redfish::vendors::Quirks;

    #[test]
    fn the_switch_is_found_in_each_spelling_and_place() {
        let own = |key: &str| json!({"Actions": {"Oem": {key: {"target": "/x"}, "#Other.Thing": 7}}});
        for (manager, system, found) in [
            (own("#AMIVirtualMedia.EnableRMedia"), json!({}), true),
            (own("#VirtualMedia.EnableRMedia"), json!({}), true),
            (json!({}), own("#AMIVirtualMedia.EnableRMedia"), true),
            (own("#AMIVirtualMedia.ConfigureCDInstance"), json!({"Actions": {"Oem": []}}), false),
        ] {
            let platform =
                Platform { managers: vec![resource(manager)], system: resource(system), ..Platform::default() };
            assert_eq!(action(&platform, "EnableRMedia").is_some(), found, "{platform:?}");
            assert_eq!(Ami.prepare(&platform).is_some(), found);
        }
    }

    #[test]
    fn what_the_switch_does_not_say_is_not_taken_for_off() {
        let shown = |body: Value| Switch::of(&resource(body));
        let off = json!({"Oem": {"Ami": {"VirtualMedia": {"CDInstances": 4, "RMediaStatus": "Disabled"}}}});
        assert_eq!(shown(off), Switch { on: Some(false), instances: Some(4) });
        let on = json!({"Oem": {"VirtualMedia": {"CDInstances": 0, "RMediaStatus": "Enabled"}}});
        assert_eq!(shown(on), Switch { on: Some(true), instances: Some(0) });
        let older = json!({"#VirtualMedia.EnableRMedia": {"target": "/x", "Status": "Disabled"},
            "#VirtualMedia.ConfigureCDInstance": {"target": "/y", "CDInstances": 0}});
        assert_eq!(shown(json!({"Actions": {"Oem": older}})), Switch { on: Some(false), instances: Some(0) });
        assert_eq!(shown(json!({"Oem": {"Ami": null}})), Switch::default());
    }

    #[test]
    fn only_a_status_that_denies_it_keeps_an_image_from_having_arrived() {
        let arrived = |oem: Value| Ami.has_arrived(&Slot::new(resource(json!({"Inserted": true, "Oem": oem}))));
        let says = |status: &str| arrived(json!({"Ami": {"RedirectionStatus": status}}));
        assert!(says("Started") && says("Redirection Started") && says("Connected") && arrived(json!({})));
        assert!(!says("Stopped") && !says("Not Started") && !says("In Progress"));
    }
}
