//! Makes a machine known in its rack: the indicator light of the system, else of its chassis.
//!
//! Two properties say it. `LocationIndicatorActive` is the newer (`Chassis` 1.14, `ComputerSystem` 1.13) and means this light
//! alone; `IndicatorLED` came before it. Which of them a BMC shows, and on which resource, decides; a write that does not
//! show is tried at the next place (bmcweb had a system's light that did nothing, ibm-openbmc/bmcweb#41).
//!
//! There is no timer in Redfish: a light stays on until it is switched off.

use serde_json::json;
use tracing::debug;

use super::Redfish;
use super::value::Resource;
use crate::bmc::asked::{Identified, Identify};
use crate::bmc::error::{Error, Kind};

/// How often a light that was switched is looked at.
const LOOKS: u32 = 3;
/// A system is in one chassis, a blade in two; more are not looked at.
const MOST: usize = 4;

/// One property that switches a light.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Switch {
    Location,
    Led,
}

/// A light that a resource shows.
#[derive(Clone, Debug)]
struct Light {
    resource: Resource,
    switch: Switch,
}

impl Redfish<'_> {
    /// Switches the indicator light. A duration is taken as "on".
    pub(crate) async fn identify(&mut self, identify: Identify) -> Result<Identified, Error> {
        match identify {
            Identify::Usual | Identify::For(_) => {
                self.begin("identify", "switching its indicator light on");
                self.light_up().await?;
                Ok(Identified::UntilSwitchedOff)
            }
            Identify::Off => {
                self.begin("identify", "switching its indicator light off");
                self.darken().await?;
                Ok(Identified::No)
            }
        }
    }

    /// Switches on the first light that can be.
    async fn light_up(&mut self) -> Result<(), Error> {
        let mut failed = Vec::new();
        for light in self.lights().await? {
            for wanted in self.states_on(&light) {
                if light.state().as_deref() == Some(wanted) {
                    self.done(format!("its indicator light is on already ({})", light.spoken()));
                    return Ok(());
                }
                match self.switch(&light, wanted, |state| state == wanted || state == "Blinking").await {
                    Ok(()) => {
                        self.done(format!("switched its indicator light on ({}: {wanted})", light.spoken()));
                        return Ok(());
                    }
                    Err(error) if error.is_final() => return Err(error),
                    Err(error) => failed.push((format!("{} {wanted}", light.spoken()), error)),
                }
            }
        }
        Err(self.no_light(failed))
    }

    /// Switches off every light that is on.
    async fn darken(&mut self) -> Result<(), Error> {
        let rests_lit = self.quirks.light_rests_lit();
        let is_dark = move |switch: Switch, state: &str| match switch {
            Switch::Location => state == "false",
            Switch::Led if rests_lit => state != "Blinking",
            Switch::Led => state == "Off",
        };
        let lights = self.lights().await?;
        if lights.is_empty() {
            return Err(self.no_light(Vec::new()));
        }
        for light in lights {
            // Two properties, or two resources, may be one light, which is off by now.
            let light = Light { resource: self.client.get(&light.resource.path).await?, ..light };
            if light.state().is_none_or(|state| is_dark(light.switch, &state)) {
                continue;
            }
            let states: &[&str] = match light.switch {
                Switch::Location => &["false"],
                Switch::Led if rests_lit => &["Off", "Lit"],
                Switch::Led => &["Off"],
            };
            let mut failed = Vec::new();
            for wanted in states {
                match self.switch(&light, wanted, |state| is_dark(light.switch, state)).await {
                    Ok(()) => {
                        failed.clear();
                        break;
                    }
                    Err(error) if error.is_final() => return Err(error),
                    Err(error) => failed.push((format!("{} {wanted}", light.spoken()), error)),
                }
            }
            if !failed.is_empty() {
                return Err(self.client.error_of_ways(failed));
            }
        }
        self.done("its indicator light is off");
        Ok(())
    }

    /// The lights there are: the newer property before the older, the system before its chassis.
    async fn lights(&mut self) -> Result<Vec<Light>, Error> {
        let system = self.fresh_system().await?;
        let paths = system.links("Links/Chassis");
        let mut resources = vec![system];
        for path in paths.iter().take(MOST) {
            match self.client.find(path).await {
                Ok(found) => resources.extend(found),
                Err(error) if error.is_final() => return Err(error),
                Err(error) => debug!(%error, "a chassis that cannot be read is passed over"),
            }
        }
        let mut lights = Vec::new();
        for switch in [Switch::Location, Switch::Led] {
            let shown = resources.iter().map(|resource| Light { resource: resource.clone(), switch });
            lights.extend(shown.filter(|light| light.state().is_some()));
        }
        Ok(lights)
    }

    /// What "on" may be called, best first. Blinking, because on some a steady light is the state of rest.
    fn states_on(&self, light: &Light) -> Vec<&'static str> {
        if light.switch == Switch::Location {
            return vec!["true"];
        }
        let listed = light.resource.texts("IndicatorLED@Redfish.AllowableValues");
        let states: &[&str] = if self.quirks.light_rests_lit() { &["Blinking"] } else { &["Blinking", "Lit"] };
        states.iter().copied().filter(|state| listed.is_empty() || listed.iter().any(|one| one == state)).collect()
    }

    /// Writes one state and looks whether the light `became` so.
    async fn switch(&mut self, light: &Light, wanted: &str, became: impl Fn(&str) -> bool) -> Result<(), Error> {
        let body = match light.switch {
            Switch::Location => json!({"LocationIndicatorActive": wanted == "true"}),
            Switch::Led => json!({"IndicatorLED": wanted}),
        };
        self.system_is_fresh = false;
        match self.client.patch(&light.resource.path, light.resource.etag.as_deref(), &body).await {
            Ok(Ok(answer)) => self.finish(answer).await?,
            Ok(Err(refusal)) => return Err(self.client.refused(&refusal)),
            Err(error) if error.is_lost() => {}
            Err(error) => return Err(error),
        }
        let mut shown = None;
        for look in 0..LOOKS {
            if look > 0 {
                self.client.pause(self.client.limits().poll, "its indicator light to show").await?;
            }
            let resource = self.client.get(&light.resource.path).await?;
            shown = Light { resource, switch: light.switch }.state();
            if shown.as_deref().is_some_and(&became) {
                return Ok(());
            }
        }
        let shown = shown.unwrap_or_else(|| "nothing".to_owned());
        let answer = format!("accepted PATCH {} {body}, but shows {shown}", light.resource.path);
        Err(self.client.error(Kind::Refused, answer))
    }

    fn no_light(&self, failed: Vec<(String, Error)>) -> Error {
        if failed.is_empty() {
            let answer = "shows no indicator light on its system or chassis";
            return self
                .client
                .error(Kind::Unsupported, answer)
                .advise("look for the machine by its serial number (getInfo)");
        }
        self.client.error_of_ways(failed)
    }
}

impl Light {
    /// Its state as the BMC words it; none where it is not shown.
    fn state(&self) -> Option<String> {
        match self.switch {
            Switch::Location => self.resource.flag("LocationIndicatorActive").map(|active| active.to_string()),
            Switch::Led => self.resource.text("IndicatorLED"),
        }
    }

    fn spoken(&self) -> String {
        let property = match self.switch {
            Switch::Location => "LocationIndicatorActive",
            Switch::Led => "IndicatorLED",
        };
        format!("{property} of {}", self.resource.path)
    }
}
