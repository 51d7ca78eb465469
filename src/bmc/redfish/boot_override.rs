//! The standard boot override (rule R6): `Boot` on the settings object or the system, and what it shows.

use serde_json::{Value, json};
use tracing::debug;

use super::Redfish;
use super::answer::Refusal;
use super::value::Resource;
use crate::bmc::asked::{BootDevice, BootMode, Lasting};
use crate::bmc::error::{Error, Kind};

/// How often an override that was accepted is looked for; some BMCs show it a moment later.
const LOOKS: u32 = 3;

/// What takes an override back: enabled and target, as far as they are sent.
pub(crate) type Clearing = (Option<&'static str>, Option<&'static str>);

/// sushy-tools wants a target and knows no None; the last one is where a machine boots anyway.
pub(crate) const CLEARINGS: &[Clearing] =
    &[(Some("Disabled"), None), (Some("Disabled"), Some("None")), (Some("Disabled"), Some("Hdd"))];

/// What is to be booted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) device: BootDevice,
    pub(crate) lasting: Lasting,
    pub(crate) mode: BootMode,
}

impl Choice {
    /// The virtual CD at the next boot.
    pub(crate) const CD_ONCE: Self = Self { device: BootDevice::Cd, lasting: Lasting::Once, mode: BootMode::Current };

    /// The choice as a part of a sentence.
    pub(crate) fn spoken(self) -> String {
        let lasting = match self.lasting {
            Lasting::Once => "once",
            Lasting::Always => "from now on",
        };
        let device = match self.device {
            BootDevice::Cd => "virtual CD",
            BootDevice::Pxe => "the network",
            BootDevice::Disk => "its disk",
        };
        format!("boot {lasting} from {device}")
    }
}

/// A choice in the words of one place.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wording {
    enabled: &'static str,
    target: &'static str,
    mode: Option<String>,
    /// What the target may be shown as once it is set.
    shown_as: Option<&'static str>,
}

impl Redfish<'_> {
    /// Sets the override where it is taken, and looks whether it holds. Nothing is written where it `may_stand` and does.
    pub(super) async fn set_override(&mut self, choice: Choice, may_stand: bool) -> Result<(), Error> {
        let system = self.fresh_system().await?;
        let settings = self.settings().await?;
        let mut failed = Vec::new();
        for path in self.boot_places(settings.as_ref()) {
            let read = [Some(&system), settings.as_ref()].into_iter().flatten().filter(|_| failed.is_empty());
            let place = match self.boot_place(&path, read).await {
                Ok(Some(place)) => place,
                Ok(None) => continue,
                Err(error) if error.is_final() => return Err(error),
                Err(error) => {
                    failed.push((path, error));
                    continue;
                }
            };
            let wording = match self.worded(choice, &place) {
                Ok(wording) => wording,
                Err(error) => {
                    failed.push((path, error));
                    continue;
                }
            };
            if may_stand && Shown::of(&place).is(&wording) {
                return Ok(());
            }
            match self.override_at(&place, wording).await {
                Ok(()) => return Ok(()),
                Err(error) if error.is_final() => return Err(error),
                Err(error) => failed.push((format!("PATCH {path}"), error)),
            }
        }
        Err(self.client.error_of_ways(failed))
    }

    /// Takes the override back where the system or its settings object shows one that `which` picks.
    pub(super) async fn clear_override(&mut self, which: impl Fn(&Shown) -> bool + Send + Sync) -> Result<(), Error> {
        let system = self.fresh_system().await?;
        let settings = self.settings().await?;
        let pending = |resource: &Resource| which(&Shown::of(resource));
        if !pending(&system) && !settings.as_ref().is_some_and(pending) {
            return Ok(());
        }
        let mut failed = Vec::new();
        for path in self.boot_places(settings.as_ref()) {
            let read = [Some(&system), settings.as_ref()].into_iter().flatten().filter(|_| failed.is_empty());
            let Some(place) = self.boot_place(&path, read).await? else { continue };
            for boot in self.disabling(&place) {
                match self.clear_at(&place, &json!({"Boot": boot}), &which).await {
                    Ok(()) => return Ok(()),
                    Err(error) if error.is_final() => return Err(error),
                    Err(error) => failed.push((format!("PATCH {path} {boot}"), error)),
                }
            }
        }
        Err(self.client.error_of_ways(failed))
    }

    /// What takes an override back, in order of preference: whole where that is wanted, and then without a mode all the
    /// same, as some BMCs of the same vendor know none.
    fn disabling(&self, place: &Resource) -> Vec<Value> {
        let boot = |(enabled, target): &Clearing, mode: Option<&str>| {
            let fields = [
                ("BootSourceOverrideEnabled", *enabled),
                ("BootSourceOverrideTarget", *target),
                ("BootSourceOverrideMode", mode),
            ];
            Value::Object(
                fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), json!(value?)))).collect(),
            )
        };
        let clearings = self.quirks.clearings();
        let mode = self.mode_shown(place).filter(|_| self.quirks.wants_whole_override());
        let with_target = || clearings.iter().filter(|(_, target)| target.is_some());
        let whole = mode.iter().flat_map(|mode| with_target().map(|clearing| boot(clearing, Some(mode.as_str()))));
        whole.chain(clearings.iter().map(|clearing| boot(clearing, None))).collect()
    }

    /// Whether the system or its settings object shows that the next boot goes to the virtual CD.
    pub(super) async fn shows_cd_override(&mut self) -> Result<bool, Error> {
        let targets = self.quirks.boot_targets(&self.platform, BootDevice::Cd);
        let system = self.fresh_system().await?;
        let settings = self.settings().await?;
        Ok([Some(&system), settings.as_ref()].into_iter().flatten().any(|place| Shown::of(place).is_to(targets)))
    }

    /// The settings object, if there is one.
    async fn settings(&mut self) -> Result<Option<Resource>, Error> {
        match self.platform.system.link("@Redfish.Settings/SettingsObject") {
            Some(path) => {
                self.client.find(&path).await.or_else(|error| if error.is_final() { Err(error) } else { Ok(None) })
            }
            None => Ok(None),
        }
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

    /// A place for the override, out of those that were read a moment ago, or as it is now.
    async fn boot_place<'r>(
        &mut self,
        path: &str,
        mut read: impl Iterator<Item = &'r Resource>,
    ) -> Result<Option<Resource>, Error> {
        match read.find(|read| read.path == path) {
            Some(read) => Ok(Some(read.clone())),
            None => self.client.find(path).await,
        }
    }

    /// The choice in the words that the place allows, or the system where the place does not say.
    fn worded(&self, choice: Choice, place: &Resource) -> Result<Wording, Error> {
        let allowed = |property: &str| {
            let list = format!("Boot/{property}@Redfish.AllowableValues");
            let own = place.texts(&list);
            if own.is_empty() { self.platform.system.texts(&list) } else { own }
        };
        let only = |property: &str, allowed: &[String], advice: &str| {
            let answer = format!("allows {property} {} only", allowed.join(", "));
            self.client.error(Kind::Unsupported, answer).advise(advice)
        };

        let mut targets = allowed("BootSourceOverrideTarget");
        if targets.is_empty() {
            // Redfish 1.0 listed them so; iLO 4 still does.
            targets = place.texts("Boot/BootSourceOverrideSupported");
        }
        let names = self.quirks.boot_targets(&self.platform, choice.device);
        let known = names.iter().find(|name| targets.is_empty() || targets.iter().any(|target| target == *name));
        let Some(target) = known else {
            let advice = "set the boot order in the firmware's own settings";
            return Err(only("BootSourceOverrideTarget", &targets, advice));
        };

        let enabled = choice.lasting.name();
        let lastings = allowed("BootSourceOverrideEnabled");
        if !lastings.is_empty() && !lastings.iter().any(|lasting| lasting == enabled) {
            return Err(only("BootSourceOverrideEnabled", &lastings, NOT_LASTING));
        }

        let modes = allowed("BootSourceOverrideMode");
        let shown = self.mode_shown(place).filter(|_| self.quirks.sends_boot_mode());
        let mode = shown.map(|shown| match choice.mode {
            BootMode::Current => shown,
            BootMode::Uefi => "UEFI".to_owned(),
            BootMode::Legacy => "Legacy".to_owned(),
        });
        let mode = mode.filter(|mode| modes.is_empty() || modes.contains(mode));
        Ok(Wording { enabled, target, mode, shown_as: self.quirks.shown_as(target) })
    }

    /// The boot mode of a place; where a whole override is wanted, also when only the system shows one, or nobody.
    fn mode_shown(&self, place: &Resource) -> Option<String> {
        let own = place.text("Boot/BootSourceOverrideMode");
        if !self.quirks.wants_whole_override() {
            return own;
        }
        own.or_else(|| self.platform.system.text("Boot/BootSourceOverrideMode")).or_else(|| Some("UEFI".to_owned()))
    }

    async fn override_at(&mut self, place: &Resource, mut wording: Wording) -> Result<(), Error> {
        self.system_is_fresh = false;
        loop {
            let body = json!({"Boot": wording.body()});
            match self.client.patch(&place.path, place.etag.as_deref(), &body).await {
                Ok(Ok(answer)) => {
                    self.finish(answer).await?;
                    break;
                }
                // Many show a mode that cannot be written (community.general#3509).
                Ok(Err(refusal))
                    if wording.mode.is_some()
                        && is_about_the_body(&refusal)
                        && (refusal.mentions("BootSourceOverrideMode") || !self.quirks.wants_whole_override()) =>
                {
                    wording.mode = None;
                }
                Ok(Err(refusal))
                    if wording.enabled == "Continuous" && refusal.mentions("BootSourceOverrideEnabled") =>
                {
                    return Err(self.client.error(Kind::Unsupported, refusal.spoken()).advise(NOT_LASTING));
                }
                Ok(Err(refusal)) => return Err(self.client.refused(&refusal)),
                Err(error) if error.is_lost() => break,
                Err(error) => return Err(error),
            }
        }
        self.await_override(&place.path, |shown| shown.has_become(&wording)).await
    }

    async fn clear_at(
        &mut self,
        place: &Resource,
        body: &Value,
        which: &(impl Fn(&Shown) -> bool + Send + Sync),
    ) -> Result<(), Error> {
        self.system_is_fresh = false;
        match self.client.patch(&place.path, place.etag.as_deref(), body).await {
            Ok(Ok(answer)) => self.finish(answer).await?,
            Ok(Err(refusal)) => return Err(self.client.refused(&refusal)),
            Err(error) if error.is_lost() => {}
            Err(error) => return Err(error),
        }
        self.await_override(&place.path, |shown| !which(shown)).await
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
}

/// What to do where a BMC overrides one boot and no more.
const NOT_LASTING: &str = "it overrides one boot at a time: use nextboot… before each boot, or set the boot order in the firmware's own settings";

impl Wording {
    fn body(&self) -> Value {
        let mut boot = json!({"BootSourceOverrideEnabled": self.enabled, "BootSourceOverrideTarget": self.target});
        if let (Some(mode), Some(fields)) = (&self.mode, boot.as_object_mut()) {
            fields.insert("BootSourceOverrideMode".to_owned(), json!(mode));
        }
        boot
    }
}

/// The override that a resource shows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shown {
    enabled: Option<String>,
    target: Option<String>,
    mode: Option<String>,
}

impl Shown {
    fn of(resource: &Resource) -> Self {
        Self {
            enabled: resource.text("Boot/BootSourceOverrideEnabled"),
            target: resource.text("Boot/BootSourceOverrideTarget"),
            mode: resource.text("Boot/BootSourceOverrideMode"),
        }
    }

    /// Whether the next boot goes to one of `targets`. sushy-tools shows Continuous for what was asked as Once.
    pub(super) fn is_to(&self, targets: &[&str]) -> bool {
        self.is_set() && self.target.as_deref().is_some_and(|target| targets.contains(&target))
    }

    /// Whether the next boot goes anywhere but where a machine boots by itself.
    pub(super) fn is_set(&self) -> bool {
        let enabled = self.enabled.as_deref().is_none_or(|enabled| enabled != "Disabled");
        enabled && self.target.as_deref().is_some_and(|target| target != "None")
    }

    /// Whether nothing is left to write. A mode that is sent and not shown cannot be told.
    fn is(&self, wording: &Wording) -> bool {
        let mode = wording.mode.is_none() || self.mode.is_none() || self.mode == wording.mode;
        mode && self.enabled.as_deref() == Some(wording.enabled) && self.target.as_deref() == Some(wording.target)
    }

    /// Whether what was written took.
    fn has_become(&self, wording: &Wording) -> bool {
        let lasts = wording.enabled == "Once" || self.enabled.as_deref() == Some(wording.enabled);
        lasts && (self.is_to(&[wording.target]) || wording.shown_as.is_some_and(|other| self.is_to(&[other])))
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Shown, Wording, is_about_the_body};
    use crate::bmc::redfish::answer::tests::refusal;
    use crate::bmc::redfish::value::tests::resource;

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

    #[test]
    fn what_was_asked_for_once_may_show_as_lasting_and_not_the_other_way_round() {
        let shown = |enabled: &str, mode: &str| {
            Shown::of(&resource(
                json!({"Boot": {"BootSourceOverrideEnabled": enabled, "BootSourceOverrideTarget": "Pxe",
                "BootSourceOverrideMode": mode}}),
            ))
        };
        let wording = |enabled, mode: Option<&str>| Wording {
            enabled,
            target: "Pxe",
            mode: mode.map(str::to_owned),
            shown_as: None,
        };
        // sushy-tools.
        assert!(shown("Continuous", "UEFI").has_become(&wording("Once", None)));
        assert!(!shown("Once", "UEFI").has_become(&wording("Continuous", None)));
        assert!(!shown("Disabled", "UEFI").has_become(&wording("Once", None)));
        assert!(shown("Once", "UEFI").is(&wording("Once", Some("UEFI"))));
        assert!(!shown("Once", "Legacy").is(&wording("Once", Some("UEFI"))));
        assert!(!shown("Continuous", "UEFI").is(&wording("Once", Some("UEFI"))));
        // Supermicro. What another shows under that name may be anything, so nothing stands by it.
        let next = Wording { target: "UefiBootNext", ..wording("Once", None) };
        let renamed = Wording { shown_as: Some("Pxe"), ..next.clone() };
        assert!(shown("Once", "UEFI").has_become(&renamed) && !shown("Once", "UEFI").has_become(&next));
        assert!(!shown("Once", "UEFI").is(&renamed));
    }
}
