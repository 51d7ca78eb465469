//! HPE iLO 4, 5, 6 and 7. Boot once is a property of the slot, and iLO 4 mounts by PATCH.

use serde_json::json;
use url::Url;

use super::{DeviceRoute, Look, Quirks, Route, Step, Way};
use crate::bmc::error::{Error, Kind};
use crate::bmc::redfish::answer::Refusal;
use crate::bmc::redfish::boot_override::Choice;
use crate::bmc::redfish::discovery::Platform;
use crate::bmc::redfish::slot::Slot;
use crate::bmc::redfish::{Redfish, boot};

pub(super) struct Hpe;

/// iLO 4 says so in the manager's model, and its OEM sections are called `Hp`, later ones' `Hpe`.
fn is_ilo4(platform: &Platform) -> bool {
    let names_4 = |text: String| text.trim_start().starts_with("iLO 4");
    names_4(platform.model()) || names_4(platform.firmware())
}

/// The OEM section in which a slot has `BootOnNextServerReset`, and its value. Only the CD slot has it.
fn boot_on_next_reset(slot: &Slot) -> Option<(&'static str, bool)> {
    ["Hpe", "Hp"].into_iter().find_map(|oem| {
        let value = slot.resource.flag(&format!("Oem/{oem}/BootOnNextServerReset"))?;
        Some((oem, value))
    })
}

impl Quirks for Hpe {
    fn kind(&self, refusal: &Refusal) -> Option<Kind> {
        if refusal.says("UnableToModifyDuringSystemPOST") {
            Some(Kind::Busy)
        } else if refusal.says_any(&["MaxVirtualMediaConnectionEstablished", "InvalidOperationForSystemState"]) {
            Some(Kind::Conflict)
        } else {
            None
        }
    }

    fn advice(&self, refusal: &Refusal) -> Option<String> {
        let advice = if refusal.says("UnableToModifyDuringSystemPOST") {
            "the machine is in POST: wait until it has booted, or turn it off, then try again"
        } else if refusal.says("MaxVirtualMediaConnectionEstablished") {
            "the slot is taken, perhaps by a console session: disconnect it there, then try again"
        } else if refusal.says_any(&["LicenseKeyRequired", "NoScriptedVirtualMediaConnectionAvailable"]) {
            "virtual media from a URL needs an iLO Advanced licence: install it"
        } else {
            return None;
        };
        Some(advice.to_owned())
    }

    fn is_passing(&self, refusal: &Refusal) -> bool {
        // Both pass when the machine leaves POST (sushy, ironic).
        refusal.says_any(&["UnableToModifyDuringSystemPOST", "InvalidOperationForSystemState"])
    }

    fn says_occupied(&self, refusal: &Refusal) -> bool {
        refusal.says("MaxVirtualMediaConnectionEstablished")
    }

    fn says_empty(&self, refusal: &Refusal) -> bool {
        // The image ejects itself on the second reboot, so an unmount comes too late as a rule.
        refusal.says("NoVirtualMediaConnectionAvailable")
    }

    fn insert_ways(&self, platform: &Platform, slot: &Slot, image: &Url) -> Vec<Way> {
        let patch = Way::Patch(json!({"Image": image.as_str()}));
        // iLO 4 up to 2.30 takes the PATCH, later ones an action in the REST style of their time (ilorest). `Inserted` is
        // a PropertyUnknown to it (community.general#4595).
        let action = json!({"Action": "InsertVirtualMedia", "Target": "/Oem/Hp", "Image": image.as_str()});
        let old_action = Way::Post { path: slot.path().to_owned(), body: action };
        match (is_ilo4(platform), slot.insert_target().is_some()) {
            (true, _) => vec![patch, old_action],
            (false, true) => vec![Way::Action, patch],
            (false, false) => vec![patch],
        }
    }

    fn eject_ways(&self, platform: &Platform, slot: &Slot) -> Vec<Way> {
        let patch = Way::Patch(json!({"Image": null}));
        let action = json!({"Action": "EjectVirtualMedia", "Target": "/Oem/Hp"});
        let old_action = Way::Post { path: slot.path().to_owned(), body: action };
        match (is_ilo4(platform), slot.eject_target().is_some()) {
            (true, _) => vec![patch, old_action],
            (false, true) => vec![Way::Action, patch],
            (false, false) => vec![patch],
        }
    }

    fn boot_once(&self, _: &Platform) -> Vec<Route> {
        vec![NEXT_RESET, boot::OVERRIDE]
    }

    fn clear_boot_once(&self, _: &Platform) -> Vec<Route> {
        let next_reset = Route { name: NEXT_RESET.name, why: "BootOnNextServerReset false", run: clear_next_reset };
        vec![next_reset, boot::CLEAR_OVERRIDE]
    }

    fn shows_own_boot_once(&self) -> Option<Look> {
        Some(shows_next_reset)
    }

    fn boot_device(&self, _: &Platform, _: Choice) -> Vec<DeviceRoute> {
        vec![DeviceRoute { name: boot::OVERRIDE.name, run: override_alone }]
    }

    fn own_links(&self, name: &str) -> &'static [&'static str] {
        // An iLO 4 links these there and nowhere else (recorded tree of a Gen8, ComputerSystem 1.0.1).
        match name {
            "Bios" => &["Oem/Hp/Links/BIOS"],
            "Memory" => &["Oem/Hp/Links/Memory"],
            _ => &[],
        }
    }

    fn sends_boot_mode(&self) -> bool {
        // Shown and not writable: 400 (community.general#3509, metal3-docs#581).
        false
    }
}

const NEXT_RESET: Route = Route {
    name: "boot on next reset",
    why: "Oem.Hpe.BootOnNextServerReset of the slot that holds the image; iLO keeps it for one boot",
    run: set_next_reset,
};

fn set_next_reset<'a>(bmc: &'a mut Redfish<'_>) -> Step<'a> {
    Box::pin(async move {
        let slots = bmc.slots().await?;
        let Some(slot) = slots.iter().find(|slot| slot.is_occupied()) else {
            // The next route may do without one, and then what it says counts.
            return Err(bmc.client.error(Kind::Unsupported, "holds no image to boot from").advise("mount one first"));
        };
        let Some((oem, _)) = boot_on_next_reset(slot) else {
            let answer = format!("has no BootOnNextServerReset in slot {}", slot.id);
            return Err(bmc.client.error(Kind::Unsupported, answer));
        };
        write_next_reset(bmc, slot, oem, true).await
    })
}

fn clear_next_reset<'a>(bmc: &'a mut Redfish<'_>) -> Step<'a> {
    Box::pin(async move {
        let slots = match bmc.slots().await {
            Err(error) if error.kind() == Kind::Unsupported => return Ok(()),
            slots => slots?,
        };
        for slot in &slots {
            if let Some((oem, true)) = boot_on_next_reset(slot) {
                write_next_reset(bmc, slot, oem, false).await?;
            }
        }
        Ok(())
    })
}

fn shows_next_reset<'a>(bmc: &'a mut Redfish<'_>) -> Step<'a, bool> {
    Box::pin(async move {
        match bmc.slots().await {
            Err(error) if error.kind() == Kind::Unsupported => Ok(false),
            slots => Ok(slots?.iter().any(|slot| matches!(boot_on_next_reset(slot), Some((_, true))))),
        }
    })
}

/// The override, once no boot from the slot can go before it: which of the two an iLO does first is nowhere written.
fn override_alone<'a>(bmc: &'a mut Redfish<'_>, choice: Choice) -> Step<'a> {
    Box::pin(async move {
        clear_next_reset(bmc).await?;
        bmc.set_override(choice, true).await
    })
}

/// Writes the property, after the insert (it is refused on an empty slot), and looks whether it took.
async fn write_next_reset(bmc: &mut Redfish<'_>, slot: &Slot, oem: &str, value: bool) -> Result<(), Error> {
    let body = json!({"Oem": {oem: {"BootOnNextServerReset": value}}});
    match bmc.client.patch(slot.path(), slot.resource.etag.as_deref(), &body).await {
        Ok(Ok(_)) => {}
        Ok(Err(refusal)) => return Err(bmc.client.refused(&refusal)),
        Err(error) if error.is_lost() => {}
        Err(error) => return Err(error),
    }
    let shown = boot_on_next_reset(&bmc.reload(slot).await?);
    if shown.is_some_and(|(_, shown)| shown == value) {
        return Ok(());
    }
    let answer = format!("accepted BootOnNextServerReset {value} in slot {}, but shows {shown:?}", slot.id);
    Err(bmc.client.error(Kind::Refused, answer))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use url::Url;

    use super::{Hpe, Way, boot_on_next_reset};
    use crate::bmc::redfish::discovery::Platform;
    use crate::bmc::redfish::slot::Slot;
    use crate::bmc::redfish::value::tests::resource;
    use crate::bmc::redfish::vendors::Quirks;

    fn platform(model: &str) -> Platform {
        Platform { managers: vec![resource(json!({"Model": model}))], ..Platform::default() }
    }

    #[test]
    fn ilo_4_mounts_by_patch_of_the_image_alone() {
        let image = Url::parse("http://h/x.iso").unwrap();
        let slot = Slot::new(resource(
            json!({"Actions": {"#VirtualMedia.InsertMedia": {"target": "/x/VirtualMedia.InsertMedia"}}}),
        ));
        let first = |model: &str| Hpe.insert_ways(&platform(model), &slot, &image).remove(0);
        assert_eq!(first("iLO 4"), Way::Patch(json!({"Image": "http://h/x.iso"})));
        assert_eq!(first("iLO 5"), Way::Action);
        assert_eq!(Hpe.eject_ways(&platform("iLO 4"), &slot).remove(0), Way::Patch(json!({"Image": null})));
    }

    #[test]
    fn the_boot_flag_is_found_in_either_oem_section() {
        let flag = |oem: serde_json::Value| boot_on_next_reset(&Slot::new(resource(json!({"Oem": oem}))));
        assert_eq!(flag(json!({"Hpe": {"BootOnNextServerReset": true}})), Some(("Hpe", true)));
        assert_eq!(flag(json!({"Hp": {"BootOnNextServerReset": false}})), Some(("Hp", false)));
        assert_eq!(flag(json!({"Hpe": {}})), None);
    }
}
