//! An iDRAC's own boot device: its attributes `ServerBoot.1`, written as such or by a configuration import.
//!
//! `FirstBootDevice` holds for one boot with `BootOnce` Enabled and until it is changed with Disabled (libredfish `dell.rs`
//! `set_boot_first`; racadm's manual has the same pair).

use serde_json::{Value, json};
use tracing::debug;

use crate::bmc::asked::{BootDevice, Lasting};
use crate::bmc::error::{Error, Kind};
use crate::bmc::redfish::Redfish;
use crate::bmc::redfish::boot_override::{Choice, Shown};
use crate::bmc::redfish::value::{Resource, text};
use crate::bmc::redfish::vendors::Step;

const BOOT_ONCE: &str = "ServerBoot.1.BootOnce";
const FIRST_DEVICE: &str = "ServerBoot.1.FirstBootDevice";

/// A value of the two attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ServerBoot {
    once: &'static str,
    device: &'static str,
}

impl ServerBoot {
    /// The virtual CD at the next boot.
    pub(super) const CD_ONCE: Self = Self { once: "Enabled", device: "VCD-DVD" };
    /// What the firmware's boot order says.
    const NORMAL: Self = Self { once: "Disabled", device: "Normal" };

    /// A choice in the iDRAC's words, which are racadm's too.
    fn of(choice: Choice) -> Self {
        let once = match choice.lasting {
            Lasting::Once => "Enabled",
            Lasting::Always => "Disabled",
        };
        let device = match choice.device {
            BootDevice::Cd => "VCD-DVD",
            BootDevice::Pxe => "PXE",
            BootDevice::Disk => "HDD",
        };
        Self { once, device }
    }

    /// Whether the attributes show it.
    fn is_in(self, attributes: &Resource) -> bool {
        let is = |name, value| attribute(attributes, name).as_deref() == Some(value);
        is(BOOT_ONCE, self.once) && is(FIRST_DEVICE, self.device)
    }
}

pub(super) fn write_cd_once<'a>(bmc: &'a mut Redfish<'_>) -> Step<'a> {
    Box::pin(async move {
        let attributes = needed(bmc).await?;
        write(bmc, &attributes, ServerBoot::CD_ONCE).await
    })
}

pub(super) fn import_cd_once<'a>(bmc: &'a mut Redfish<'_>) -> Step<'a> {
    Box::pin(import(bmc, ServerBoot::CD_ONCE))
}

pub(super) fn clear_cd_once<'a>(bmc: &'a mut Redfish<'_>) -> Step<'a> {
    Box::pin(async move {
        let Some(attributes) = attributes(bmc).await? else { return Ok(()) };
        if ServerBoot::CD_ONCE.is_in(&attributes) { set_normal(bmc, &attributes).await } else { Ok(()) }
    })
}

pub(super) fn shows_cd_once<'a>(bmc: &'a mut Redfish<'_>) -> Step<'a, bool> {
    Box::pin(async move { Ok(attributes(bmc).await?.is_some_and(|attributes| ServerBoot::CD_ONCE.is_in(&attributes))) })
}

/// The standard override, once no device of the iDRAC's own stands beside it: which of the two goes first is nowhere
/// written.
pub(super) fn override_alone<'a>(bmc: &'a mut Redfish<'_>, choice: Choice) -> Step<'a> {
    Box::pin(async move {
        if let Some(attributes) = attributes(bmc).await?
            && attribute(&attributes, FIRST_DEVICE).is_some_and(|device| device != ServerBoot::NORMAL.device)
        {
            set_normal(bmc, &attributes).await?;
        }
        bmc.set_override(choice, true).await
    })
}

pub(super) fn write_choice<'a>(bmc: &'a mut Redfish<'_>, choice: Choice) -> Step<'a> {
    Box::pin(async move {
        let attributes = needed(bmc).await?;
        let wanted = ServerBoot::of(choice);
        if wanted.is_in(&attributes) {
            return Ok(());
        }
        bmc.clear_override(Shown::is_set).await?;
        write(bmc, &attributes, wanted).await
    })
}

pub(super) fn import_choice<'a>(bmc: &'a mut Redfish<'_>, choice: Choice) -> Step<'a> {
    Box::pin(async move {
        let wanted = ServerBoot::of(choice);
        let before = attributes(bmc).await?;
        if before.as_ref().is_some_and(|attributes| wanted.is_in(attributes)) {
            return Ok(());
        }
        bmc.clear_override(Shown::is_set).await?;
        import(bmc, wanted).await?;
        // Where the attributes cannot be read the job's own word has to do.
        match before {
            Some(before) => verify(bmc, &before.path, wanted).await,
            None => Ok(()),
        }
    })
}

async fn set_normal(bmc: &mut Redfish<'_>, attributes: &Resource) -> Result<(), Error> {
    match write(bmc, attributes, ServerBoot::NORMAL).await {
        Err(error) if !error.is_final() => {
            debug!(%error, "attributes were not taken, importing them");
            import(bmc, ServerBoot::NORMAL).await
        }
        other => other,
    }
}

/// The iDRAC's attributes: where the manager links them, else at the place they had before.
pub(super) async fn attributes(bmc: &mut Redfish<'_>) -> Result<Option<Resource>, Error> {
    let Some(manager) = bmc.platform.manager() else { return Ok(None) };
    let linked = manager.links("Links/Oem/Dell/DellAttributes").into_iter().find(|path| path.contains("iDRAC"));
    let path = linked.unwrap_or_else(|| format!("{}/Attributes", manager.path.trim_end_matches('/')));
    match bmc.client.find(&path).await {
        Err(error) if !error.is_final() => {
            debug!(%error, "the iDRAC's attributes cannot be read");
            Ok(None)
        }
        other => other,
    }
}

async fn needed(bmc: &mut Redfish<'_>) -> Result<Resource, Error> {
    let attributes = attributes(bmc).await?;
    attributes.ok_or_else(|| bmc.client.error(Kind::Unsupported, "shows no iDRAC attributes"))
}

pub(super) fn attribute(attributes: &Resource, name: &str) -> Option<String> {
    attributes.at("Attributes")?.get(name).and_then(text)
}

async fn write(bmc: &mut Redfish<'_>, at: &Resource, wanted: ServerBoot) -> Result<(), Error> {
    let body = json!({"Attributes": {BOOT_ONCE: wanted.once, FIRST_DEVICE: wanted.device}});
    match bmc.client.patch(&at.path, at.etag.as_deref(), &body).await {
        Ok(Ok(answer)) => bmc.finish(answer).await?,
        Ok(Err(refusal)) => return Err(bmc.client.refused(&refusal)),
        Err(error) if error.is_lost() => {}
        Err(error) => return Err(error),
    }
    verify(bmc, &at.path, wanted).await
}

async fn verify(bmc: &mut Redfish<'_>, path: &str, wanted: ServerBoot) -> Result<(), Error> {
    let now = bmc.client.get(path).await?;
    if wanted.is_in(&now) {
        return Ok(());
    }
    let shown = (attribute(&now, BOOT_ONCE), attribute(&now, FIRST_DEVICE));
    let answer = format!("accepted the attributes, but shows BootOnce {:?}, FirstBootDevice {:?}", shown.0, shown.1);
    Err(bmc.client.error(Kind::Refused, answer))
}

/// Imports the two attributes as a Server Configuration Profile and waits for the job.
async fn import(bmc: &mut Redfish<'_>, wanted: ServerBoot) -> Result<(), Error> {
    let Some(target) = bmc.platform.manager().and_then(import_target) else {
        return Err(bmc.client.error(Kind::Unsupported, "offers no configuration import"));
    };
    // Without white space between elements: the iDRAC takes it as content (sushy). Target is an array: iDRAC 10 refuses
    // the string that earlier ones take too (iDRAC-Redfish-Scripting#318).
    let ServerBoot { once, device } = wanted;
    let profile = format!(
        "<SystemConfiguration><Component FQDD=\"iDRAC.Embedded.1\">\
         <Attribute Name=\"ServerBoot.1#BootOnce\">{once}</Attribute>\
         <Attribute Name=\"ServerBoot.1#FirstBootDevice\">{device}</Attribute>\
         </Component></SystemConfiguration>"
    );
    let body = json!({"ShareParameters": {"Target": ["ALL"]}, "ImportBuffer": profile});
    match bmc.client.post(&target, &body).await? {
        Ok(answer) => bmc.finish(answer).await,
        Err(refusal) => Err(bmc.client.refused(&refusal)),
    }
}

/// The import's target, by the end of its name: the names before it differ with the firmware
/// (`#OemManager.v1_4_0.OemManager#OemManager.Import…`, `#OemManager.Import…`), and so does the target's path.
fn import_target(manager: &Resource) -> Option<String> {
    let actions = manager.at("Actions/Oem").and_then(Value::as_object)?;
    let import = actions.iter().find(|(name, _)| name.ends_with("OemManager.ImportSystemConfiguration"));
    import.and_then(|(_, action)| action.get("target").and_then(text))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::import_target;
    use crate::bmc::redfish::value::tests::{any_json, resource};

    #[test]
    fn the_import_action_is_found_under_each_of_its_names() {
        for name in [
            "#OemManager.v1_4_0.OemManager#OemManager.ImportSystemConfiguration",
            "#OemManager.ImportSystemConfiguration",
            "OemManager.v1_1_0#OemManager.ImportSystemConfiguration",
        ] {
            let manager = resource(
                json!({"Actions": {"Oem": {"#OemManager.ExportSystemConfiguration": {"target": "/no"}, name: {"target": "/x"}}}}),
            );
            assert_eq!(import_target(&manager).as_deref(), Some("/x"), "{name}");
        }
        assert_eq!(import_target(&resource(Value::Null)), None);
    }

    proptest! {
        #[test]
        fn any_manager_is_read_without_panic(body in any_json()) {
            let _target = import_target(&resource(body));
        }
    }
}
