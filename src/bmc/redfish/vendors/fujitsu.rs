//! Fujitsu's (now Fsas) iRMC S4, S5 and S6; an S4 boots and switches power as the others do, and mounts by `s4`.
//!
//! Evidence: Fsas's own Terraform provider and Ansible collections (`irmc_setvm`, `irmc_setnextboot` with its table of what
//! five machines answered), a field record of a TX1320 M3 with iRMC S4 9.08F to 9.69F (the pvese project).

use serde_json::json;
use url::Url;

use super::generic::Generic;
use super::{DeviceRoute, Look, Quirks, ReadSlot, Route, Step, Way, common_advice};
use crate::bmc::error::{Error, Kind};
use crate::bmc::limits::Patience;
use crate::bmc::redfish::answer::Refusal;
use crate::bmc::redfish::boot_override::{Choice, Clearing};
use crate::bmc::redfish::discovery::Platform;
use crate::bmc::redfish::slot::Slot;
use crate::bmc::redfish::value::Resource;
use crate::bmc::redfish::{Redfish, boot};

mod s4;

pub(super) struct Fujitsu;

impl Quirks for Fujitsu {
    fn advice(&self, refusal: &Refusal) -> Option<String> {
        if refusal.path.ends_with("FTSComputerSystem.VirtualMedia") && refusal.says("ActionParameterValueNotInList") {
            return Some(s4::NOT_NOW.to_owned());
        }
        if refusal.path.trim_end_matches('/').ends_with("/VirtualMedia") && refusal.mentions("ShareType") {
            return Some(s4::SHARES.to_owned());
        }
        // What it answers to another protocol or name is not recorded.
        let inserting = refusal.path.trim_end_matches('/').ends_with("InsertMedia") && refusal.status.as_u16() == 400;
        let advice = "it fetches images whose names end in .iso, over HTTPS, NFS or CIFS: serve them so, and set \
                      virtual-media/image-url to where";
        (inserting && common_advice(refusal).is_none()).then(|| advice.to_owned())
    }

    fn own_slot(&self, platform: &Platform) -> Option<ReadSlot> {
        s4::is_one(platform).then_some(s4::read as ReadSlot)
    }

    fn insert_ways(&self, platform: &Platform, slot: &Slot, image: &Url) -> Vec<Way> {
        if s4::is_one(platform) {
            s4::insert_ways(platform, slot, image)
        } else {
            Generic.insert_ways(platform, slot, image)
        }
    }

    fn eject_ways(&self, platform: &Platform, slot: &Slot) -> Vec<Way> {
        if s4::is_one(platform) { s4::eject_ways(platform) } else { Generic.eject_ways(platform, slot) }
    }

    fn prepare(&self, platform: &Platform) -> Option<Route> {
        // What an S4 is told to connect switches it on.
        (!s4::is_one(platform)).then_some(Route {
            name: "remote mount",
            why: "an iRMC lists no slot while RemoteMountEnabled is false or no CD is configured",
            run: enable_remote_mount,
        })
    }

    fn hides_slots_when_off(&self) -> bool {
        true
    }

    fn boot_once(&self, _: &Platform) -> Vec<Route> {
        vec![boot::OVERRIDE, BOOT_CONFIG]
    }

    fn clear_boot_once(&self, _: &Platform) -> Vec<Route> {
        let boot_config = Route { name: BOOT_CONFIG.name, why: "BootDevice None", run: clear_boot_config };
        vec![boot_config, boot::CLEAR_OVERRIDE]
    }

    fn shows_own_boot_once(&self) -> Option<Look> {
        Some(shows_cd_once)
    }

    fn boot_device(&self, _: &Platform, _: Choice) -> Vec<DeviceRoute> {
        vec![DeviceRoute { name: boot::OVERRIDE.name, run: override_alone }]
    }

    fn clearings(&self) -> &'static [Clearing] {
        // It has no Disabled. The first is taken by firmware of Redfish 1.15 alone, the second by that of 1.20 alone
        // (irmc_setnextboot's table).
        &[(None, Some("None")), (Some("Continuous"), Some("None"))]
    }
}

/// The setting that Fsas's Terraform provider writes; the override, which its Ansible collection writes, goes first because
/// it is measured on more machines, and can be taken back.
const BOOT_CONFIG: Route =
    Route { name: "BootConfig", why: "the iRMC's own BootDevice Cd, NextBootOnlyEnabled", run: set_boot_config };

/// Switches remote mount on, with one CD, where no slot is listed, and waits until one is.
fn enable_remote_mount<'a>(bmc: &'a mut Redfish<'_>) -> Step<'a> {
    Box::pin(async move {
        if lists_slots(bmc).await? {
            return Ok(());
        }
        if s4::allowed(&bmc.platform.system).is_some_and(|allowed| allowed.is_empty()) {
            let error = bmc.client.error(Kind::Refused, "lists no slot and allows no virtual media action");
            return Err(error.advise("virtual media needs a licence on the BMC: install it").finally());
        }
        // Nothing of its own here: the mount says what it finds.
        let Some(config) = own(bmc, "VirtualMedia").await? else { return Ok(()) };
        let devices = config.text("CDImage/MaximumNumberOfDevices").unwrap_or_default();
        if config.flag("RemoteMountEnabled") == Some(true) && devices != "0" {
            let answer = "lists no slot although remote mount is on";
            let advice = "look at virtual media in its web interface; an image mounted there boots by nextbootcd";
            return Err(bmc.client.error(Kind::Unsupported, answer).advise(advice).finally());
        }
        let body = json!({"RemoteMountEnabled": true, "CDImage": {"MaximumNumberOfDevices": 1}});
        write(bmc, &config, &body).await?;
        // The Terraform provider's tests give it ten seconds.
        let patience = Patience::of(bmc.client.limits().media);
        while !lists_slots(bmc).await? {
            if patience.is_over() {
                let answer = "accepted to switch remote mount on, and lists no slot yet";
                return Err(bmc
                    .client
                    .error(Kind::Timeout, answer)
                    .advise("look at virtual media in its web interface"));
            }
            bmc.client.pause(bmc.client.limits().poll, "a slot to be listed").await?;
        }
        Ok(())
    })
}

async fn lists_slots(bmc: &mut Redfish<'_>) -> Result<bool, Error> {
    for path in bmc.collections().await? {
        if bmc.client.find(&path).await?.is_some_and(|collection| !collection.members().is_empty()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The OEM section of this generation, `ts_fujitsu` up to S6 and `Fsas` since, with the resource of that name below it.
async fn own(bmc: &mut Redfish<'_>, name: &str) -> Result<Option<Resource>, Error> {
    let system = bmc.platform.system.clone();
    for section in ["ts_fujitsu", "Fsas"] {
        let linked = system.link(&format!("Oem/{section}/{name}"));
        let known = system.at(&format!("Oem/{section}")).or_else(|| bmc.platform.root.at(&format!("Oem/{section}")));
        if linked.is_none() && known.is_none() {
            continue;
        }
        let path = linked.unwrap_or_else(|| format!("{}/Oem/{section}/{name}", system.path.trim_end_matches('/')));
        if let Some(found) = bmc.client.find(&path).await? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

async fn write(bmc: &mut Redfish<'_>, at: &Resource, body: &serde_json::Value) -> Result<(), Error> {
    match bmc.client.patch(&at.path, at.etag.as_deref(), body).await {
        Ok(Ok(answer)) => bmc.finish(answer).await,
        Ok(Err(refusal)) => Err(bmc.client.refused(&refusal)),
        // What became of it is looked at.
        Err(error) if error.is_lost() => Ok(()),
        Err(error) => Err(error),
    }
}

fn boots_cd_once(config: &Resource) -> bool {
    config.text("BootDevice").as_deref() == Some("Cd") && config.flag("NextBootOnlyEnabled") == Some(true)
}

async fn write_boot_config(bmc: &mut Redfish<'_>, config: &Resource, device: &str) -> Result<(), Error> {
    write(bmc, config, &json!({"BootDevice": device, "NextBootOnlyEnabled": true})).await?;
    let now = bmc.client.get(&config.path).await?;
    if now.text("BootDevice").as_deref() == Some(device) {
        return Ok(());
    }
    let answer = format!("accepted BootDevice {device}, but shows {:?}", now.text("BootDevice"));
    Err(bmc.client.error(Kind::Refused, answer))
}

fn set_boot_config<'a>(bmc: &'a mut Redfish<'_>) -> Step<'a> {
    Box::pin(async move {
        match own(bmc, "BootConfig").await? {
            Some(config) => write_boot_config(bmc, &config, "Cd").await,
            None => Err(bmc.client.error(Kind::Unsupported, "has no BootConfig")),
        }
    })
}

fn clear_boot_config<'a>(bmc: &'a mut Redfish<'_>) -> Step<'a> {
    Box::pin(async move {
        match own(bmc, "BootConfig").await? {
            Some(config) if boots_cd_once(&config) => write_boot_config(bmc, &config, "None").await,
            _ => Ok(()),
        }
    })
}

fn shows_cd_once<'a>(bmc: &'a mut Redfish<'_>) -> Step<'a, bool> {
    Box::pin(async move { Ok(own(bmc, "BootConfig").await?.is_some_and(|config| boots_cd_once(&config))) })
}

/// The override, once no CD of the iRMC's own can go before it: which of the two goes first is nowhere written.
fn override_alone<'a>(bmc: &'a mut Redfish<'_>, choice: Choice) -> Step<'a> {
    Box::pin(async move {
        clear_boot_config(bmc).await?;
        bmc.set_override(choice, true).await
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Fujitsu, boots_cd_once};
    use crate::bmc::redfish::answer::tests::refusal;
    use crate::bmc::redfish::value::tests::resource;
    use crate::bmc::redfish::vendors::Quirks;

    #[test]
    fn a_refused_insert_is_put_down_to_the_image_unless_it_says_otherwise() {
        let advice = |text: &str| {
            let body = json!({"error": {"@Message.ExtendedInfo": [{"MessageId": "X.1.0.Y", "Message": text}]}});
            let mut refusal = refusal(400, &body);
            refusal.path = "/redfish/v1/Managers/iRMC/VirtualMedia/0/Actions/VirtualMedia.InsertMedia".to_owned();
            Fujitsu.advice(&refusal)
        };
        assert!(advice("Bad value.").is_some_and(|advice| advice.contains(".iso, over HTTPS, NFS or CIFS")));
        assert_eq!(advice("There is no license for this."), None);
    }

    #[test]
    fn a_boot_device_that_lasts_is_no_boot_once() {
        let config = |device: &str, once: serde_json::Value| {
            boots_cd_once(&resource(json!({"BootDevice": device, "NextBootOnlyEnabled": once})))
        };
        // An early script writes the flag as a text, and may find it so.
        assert!(config("Cd", json!(true)) && config("Cd", json!("true")));
        assert!(!config("Cd", json!(false)) && !config("Pxe", json!(true)) && !config("None", json!(null)));
    }
}
