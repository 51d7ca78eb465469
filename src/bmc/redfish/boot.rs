//! Boot once from virtual CD, by the standard override (rule R6); vendors add routes of their own.

use serde_json::{Value, json};
use tracing::debug;

use super::Redfish;
use super::answer::Refusal;
use super::value::Resource;
use super::vendors::{Route, Step};
use crate::bmc::asked::{BootDevice, BootMode, Lasting};
use crate::bmc::error::{Error, Kind};

/// The standard override on the settings object or the system.
pub(crate) const OVERRIDE: Route = Route {
    name: "boot override",
    why: "BootSourceOverrideTarget Cd, Once, on the settings object if that has it, else on the system",
    run: set_override,
};

/// Takes the standard override back.
pub(crate) const CLEAR_OVERRIDE: Route =
    Route { name: "boot override", why: "BootSourceOverrideEnabled Disabled", run: clear_override };

/// How often an override that was accepted is looked for; some BMCs show it a moment later.
const LOOKS: u32 = 3;

impl Redfish<'_> {
    /// Makes the next boot, and only that, go to the virtual CD.
    pub(crate) async fn boot_once_from_cd(&mut self) -> Result<(), Error> {
        let doing = "setting it to boot once from virtual CD";
        self.begin("boot-once", doing);
        let mut failed = Vec::new();
        for route in self.quirks.boot_once(&self.platform) {
            match (route.run)(self).await {
                Ok(()) => {
                    self.done(format!("set to boot once from virtual CD by {}", route.name));
                    return Ok(());
                }
                Err(error) if error.is_final() => return Err(error),
                Err(error) => failed.push((route.name.to_owned(), error)),
            }
        }
        self.client.doing(doing);
        Err(self.client.error_of_ways(failed))
    }

    /// Sets the boot override to a device.
    pub(crate) async fn boot_from(&mut self, _: BootDevice, _: Lasting, _: BootMode) -> Result<(), Error> {
        self.begin("boot-device", "setting the boot device");
        Err(self.client.error(Kind::Unsupported, "offers no way to do it"))
    }

    /// Takes a pending boot from virtual CD back. An override to anything else is somebody else's and stays.
    pub(crate) async fn clear_boot_once(&mut self) -> Result<(), Error> {
        self.begin("clear-boot-once", "taking back the boot from virtual CD");
        for route in self.quirks.clear_boot_once(&self.platform) {
            (route.run)(self).await?;
        }
        self.done("no boot from virtual CD is pending");
        Ok(())
    }

    /// The system as it is now.
    pub(super) async fn reload_system(&mut self) -> Result<Resource, Error> {
        let path = self.platform.system.path.clone();
        let system = self.client.get(&path).await?;
        self.platform.system = system.clone();
        Ok(system)
    }

    /// Where an override may be written, in order: the settings object if its `Boot` has a target, the system, then the
    /// settings object all the same and its usual places (Tacklebox `systems.py`). Lenovo's and some iDRAC 9's settings
    /// object has no target; AMI's system has none.
    fn boot_places(&self, settings: Option<&Resource>) -> Vec<String> {
        let system = self.platform.system.path.trim_end_matches('/').to_owned();
        let first = settings.filter(|settings| settings.at("Boot/BootSourceOverrideTarget").is_some());
        let mut places: Vec<String> = first.map(|settings| settings.path.clone()).into_iter().collect();
        places.push(self.platform.system.path.clone());
        places.extend(settings.map(|settings| settings.path.clone()));
        places.extend([format!("{system}/Settings"), format!("{system}/SD")]);
        let mut seen = Vec::new();
        places.retain(|place| {
            let bare = place.trim_end_matches('/').to_owned();
            let new = !seen.contains(&bare);
            seen.push(bare);
            new
        });
        places
    }

    async fn settings(&mut self) -> Result<Option<Resource>, Error> {
        match self.platform.system.link("@Redfish.Settings/SettingsObject") {
            Some(path) => {
                self.client.find(&path).await.or_else(|error| if error.is_final() { Err(error) } else { Ok(None) })
            }
            None => Ok(None),
        }
    }

    async fn set_override(&mut self) -> Result<(), Error> {
        self.reload_system().await?;
        let settings = self.settings().await?;
        let mut failed = Vec::new();
        for path in self.boot_places(settings.as_ref()) {
            let place = match self.client.find(&path).await {
                Ok(Some(place)) => place,
                Ok(None) => continue,
                Err(error) if error.is_final() => return Err(error),
                Err(error) => {
                    failed.push((path, error));
                    continue;
                }
            };
            let target = match self.boot_target(&place) {
                Ok(target) => target,
                Err(error) => {
                    failed.push((path, error));
                    continue;
                }
            };
            match self.override_at(&place, target).await {
                Ok(()) => return Ok(()),
                Err(error) if error.is_final() => return Err(error),
                Err(error) => failed.push((format!("PATCH {path}"), error)),
            }
        }
        Err(self.client.error_of_ways(failed))
    }

    /// The virtual CD's name among those that the place allows, or the system where the place does not say.
    fn boot_target(&self, place: &Resource) -> Result<&'static str, Error> {
        let list = "Boot/BootSourceOverrideTarget@Redfish.AllowableValues";
        let mut allowed = place.texts(list);
        if allowed.is_empty() {
            allowed = self.platform.system.texts(list);
        }
        let targets = self.quirks.boot_targets();
        let known = targets.iter().find(|target| allowed.iter().any(|allowed| allowed == *target));
        match (known, targets.first()) {
            (Some(target), _) => Ok(target),
            (None, Some(target)) if allowed.is_empty() => Ok(target),
            _ => {
                let answer = format!("boots once from {} only", allowed.join(", "));
                Err(self.client.error(Kind::Unsupported, answer))
            }
        }
    }

    async fn override_at(&mut self, place: &Resource, target: &str) -> Result<(), Error> {
        let mode = place.text("Boot/BootSourceOverrideMode").filter(|_| self.quirks.sends_boot_mode());
        let mut boot = json!({"BootSourceOverrideEnabled": "Once", "BootSourceOverrideTarget": target});
        if let (Some(mode), Some(fields)) = (mode, boot.as_object_mut()) {
            fields.insert("BootSourceOverrideMode".to_owned(), json!(mode));
        }
        loop {
            let with_mode = boot.get("BootSourceOverrideMode").is_some();
            match self.client.patch(&place.path, place.etag.as_deref(), &json!({"Boot": boot})).await {
                Ok(Ok(answer)) => {
                    self.finish(answer).await?;
                    break;
                }
                // Many show a mode that cannot be written (community.general#3509).
                Ok(Err(refusal)) if with_mode && is_about_the_body(&refusal) => {
                    if let Some(fields) = boot.as_object_mut() {
                        fields.remove("BootSourceOverrideMode");
                    }
                }
                Ok(Err(refusal)) => return Err(self.client.refused(&refusal)),
                Err(error) if error.is_lost() => break,
                Err(error) => return Err(error),
            }
        }
        self.await_override(&place.path, |boot| boot.is_to(&[target])).await
    }

    /// Looks whether the place or the system shows the override as wanted.
    async fn await_override(&mut self, place: &str, wanted: impl Fn(&Shown) -> bool) -> Result<(), Error> {
        let system = self.platform.system.path.clone();
        let mut seen = String::new();
        for look in 0..LOOKS {
            if look > 0 {
                self.client.pause(self.client.limits().poll, "the boot override to show").await?;
            }
            let mut places = vec![system.as_str()];
            if place != system {
                places.insert(0, place);
            }
            for path in places {
                match self.client.find(path).await {
                    Ok(Some(resource)) => {
                        let shown = Shown::of(&resource);
                        if wanted(&shown) {
                            return Ok(());
                        }
                        seen = shown.spoken();
                    }
                    Ok(None) => {}
                    Err(error) if error.is_final() => return Err(error),
                    Err(error) => debug!(%error, "a look at the boot override failed"),
                }
            }
        }
        Err(self.client.error(Kind::Refused, format!("accepted PATCH {place}, but shows {seen}")))
    }

    async fn clear_override(&mut self) -> Result<(), Error> {
        let system = self.reload_system().await?;
        let targets = self.quirks.boot_targets();
        let settings = self.settings().await?;
        let pending = |resource: &Resource| Shown::of(resource).is_to(targets);
        if !pending(&system) && !settings.as_ref().is_some_and(pending) {
            return Ok(());
        }
        let mut failed = Vec::new();
        for path in self.boot_places(settings.as_ref()) {
            let Some(place) = self.client.find(&path).await? else { continue };
            // sushy-tools wants a target and knows no None; the last one is where a machine boots anyway.
            for target in [None, Some("None"), Some("Hdd")] {
                let mut boot = json!({"BootSourceOverrideEnabled": "Disabled"});
                if let (Some(target), Some(fields)) = (target, boot.as_object_mut()) {
                    fields.insert("BootSourceOverrideTarget".to_owned(), json!(target));
                }
                let cleared = self.clear_at(&place, &json!({"Boot": boot})).await;
                match cleared {
                    Ok(()) => return Ok(()),
                    Err(error) if error.is_final() => return Err(error),
                    Err(error) => failed.push((format!("PATCH {path} {boot}"), error)),
                }
            }
        }
        Err(self.client.error_of_ways(failed))
    }

    async fn clear_at(&mut self, place: &Resource, body: &Value) -> Result<(), Error> {
        let targets = self.quirks.boot_targets();
        match self.client.patch(&place.path, place.etag.as_deref(), body).await {
            Ok(Ok(answer)) => self.finish(answer).await?,
            Ok(Err(refusal)) => return Err(self.client.refused(&refusal)),
            Err(error) if error.is_lost() => {}
            Err(error) => return Err(error),
        }
        self.await_override(&place.path, |boot| !boot.is_to(targets)).await
    }
}

/// The override that a resource shows.
#[derive(Clone, Debug, Default)]
struct Shown {
    enabled: Option<String>,
    target: Option<String>,
}

impl Shown {
    fn of(resource: &Resource) -> Self {
        Self {
            enabled: resource.text("Boot/BootSourceOverrideEnabled"),
            target: resource.text("Boot/BootSourceOverrideTarget"),
        }
    }

    /// Whether the next boot goes to one of `targets`. sushy-tools shows Continuous for what was asked as Once.
    fn is_to(&self, targets: &[&str]) -> bool {
        let enabled = self.enabled.as_deref().is_none_or(|enabled| enabled != "Disabled");
        enabled && self.target.as_deref().is_some_and(|target| targets.contains(&target))
    }

    fn spoken(&self) -> String {
        let or_none = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
        format!("BootSourceOverrideTarget {}, Enabled {}", or_none(&self.target), or_none(&self.enabled))
    }
}

fn is_about_the_body(refusal: &Refusal) -> bool {
    // OpenBMC said 403, then 405, to a property that cannot be written (bmcweb `error_messages.cpp`).
    let status = refusal.status.as_u16();
    matches!(status, 400 | 403 | 405 | 422)
        && (refusal.mentions("BootSourceOverrideMode") || !refusal.mentions("BootSourceOverrideTarget"))
}

fn set_override<'a>(bmc: &'a mut Redfish<'_>) -> Step<'a> {
    Box::pin(bmc.set_override())
}

fn clear_override<'a>(bmc: &'a mut Redfish<'_>) -> Step<'a> {
    Box::pin(bmc.clear_override())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::is_about_the_body;
    use crate::bmc::redfish::answer::tests::refusal;

    #[test]
    fn a_mode_that_cannot_be_written_is_left_out_whatever_status_says_so() {
        let about = |property: &str| {
            json!({"error": {"@Message.ExtendedInfo": [
            {"MessageId": "Base.1.13.PropertyNotWritable", "MessageArgs": [property]}]}})
        };
        for status in [400, 403, 405, 422] {
            assert!(is_about_the_body(&refusal(status, &about("BootSourceOverrideMode"))), "{status}");
            assert!(!is_about_the_body(&refusal(status, &about("BootSourceOverrideTarget"))), "{status}");
        }
        assert!(!is_about_the_body(&refusal(409, &about("BootSourceOverrideMode"))));
    }
}
