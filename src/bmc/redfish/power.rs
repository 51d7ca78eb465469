//! Power: the reset type is picked from what the BMC allows, and the state is watched to the end (rule R8).

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::answer::Refusal;
use super::plan::PlannedStep;
use super::value::{Resource, at, texts};
use super::{Redfish, spoken_patience};
use crate::bmc::answered::{PowerState, Powered};
use crate::bmc::asked::Power;
use crate::bmc::error::{Error, Kind};
use crate::bmc::limits::Patience;

/// Reset types that turn a machine on, best first.
const ON: [&str; 3] = ["On", "ForceOn", "PushPowerButton"];
/// Reset types that turn a machine off, best first; a graceful one asks the operating system, which may not listen.
const OFF: [&str; 2] = ["ForceOff", "GracefulShutdown"];
/// Reset types that end in a machine that has started anew, best first.
pub(super) const CYCLE: &[&str] = &["PowerCycle", "ForceRestart", "FullPowerCycle", "ForcePowerCycle"];

impl Redfish<'_> {
    /// Whether the machine is on.
    pub(crate) async fn power_state(&mut self) -> Result<PowerState, Error> {
        self.client.doing("reading its power state");
        let system = self.fresh_system().await?;
        self.state_of(&system)
    }

    /// Brings the machine's power to what is wanted and watches it get there.
    pub(crate) async fn power(&mut self, wanted: Power) -> Result<Powered, Error> {
        let (step, doing) = match wanted {
            Power::On => ("power-on", "turning the machine on"),
            Power::Off => ("power-off", "turning the machine off"),
            Power::Cycle => ("power-cycle", "power cycling the machine"),
        };
        self.begin(step, doing);
        let system = self.fresh_system().await?;
        let state = self.state_of(&system)?;
        let reset_type = match (wanted, state) {
            (Power::On, PowerState::On) | (Power::Off, PowerState::Off) => None,
            (Power::On | Power::Cycle, PowerState::Off) => Some(self.turn(&ON, PowerState::On).await?),
            (Power::Off, PowerState::On) => Some(self.turn(&OFF, PowerState::Off).await?),
            (Power::Cycle, PowerState::On) => Some(self.cycle().await?),
        };
        let state = if wanted == Power::Off { PowerState::Off } else { PowerState::On };
        match &reset_type {
            Some(reset_type) => self.done(format!("machine is {} after {reset_type}", state.name())),
            None => self.done(format!("machine was {} already", state.name())),
        }
        Ok(Powered { state, reset_type })
    }

    /// One reset that restarts, else off and on.
    async fn cycle(&mut self) -> Result<String, Error> {
        if let Some(reset_type) = self.reset(self.quirks.cycles()).await? {
            self.await_restart().await?;
            return Ok(reset_type.to_owned());
        }
        let off = self.turn(&OFF, PowerState::Off).await?;
        let on = self.turn(&ON, PowerState::On).await?;
        Ok(format!("{off}, {on}"))
    }

    async fn turn(&mut self, types: &[&'static str], state: PowerState) -> Result<String, Error> {
        let used = self.reset(types).await?;
        let Some(used) = used else {
            let answer = format!("has no reset type to turn the machine {}", state.name());
            return Err(self.client.error(Kind::Unsupported, answer));
        };
        self.await_power(state).await?;
        Ok(used.to_owned())
    }

    /// Sends the first of `types` that the BMC allows and accepts; none when it allows none of them.
    async fn reset(&mut self, types: &[&'static str]) -> Result<Option<&'static str>, Error> {
        let Some(target) = self.platform.system.action("#ComputerSystem.Reset") else {
            return Err(self.client.error(Kind::Unsupported, "offers no reset of this system"));
        };
        let allowed = self.reset_types().await?;
        let before = self.platform.system.text("PowerState");
        let mut failed = Vec::new();
        let mut sent = false;
        for reset_type in types.iter().filter(|reset_type| allows(&allowed, reset_type)) {
            sent = true;
            self.system_is_fresh = false;
            let error = match self.client.post(&target, &json!({"ResetType": reset_type})).await {
                Ok(Ok(answer)) => {
                    self.finish(answer).await?;
                    return Ok(Some(reset_type));
                }
                Ok(Err(refusal)) if tries_another(&refusal) => self.client.refused(&refusal),
                Ok(Err(refusal)) => return Err(self.client.refused(&refusal)),
                // Whether it arrived shows in the state, which the caller watches. Sending it again could reset twice.
                Err(error) if error.is_lost() => return Ok(Some(reset_type)),
                Err(error) => return Err(error),
            };
            // Refused because it has happened already: by itself, or by somebody else.
            let now = self.reload_system().await?.text("PowerState");
            if now != before {
                return Ok(Some(reset_type));
            }
            failed.push((format!("reset {reset_type}"), error));
        }
        if sent && types != self.quirks.cycles() { Err(self.client.error_of_ways(failed)) } else { Ok(None) }
    }

    /// The reset types that the action lists, or its `ActionInfo`; empty: not said.
    pub(super) async fn reset_types(&mut self) -> Result<Vec<String>, Error> {
        let action = "Actions/#ComputerSystem.Reset";
        let listed = self.platform.system.texts(&format!("{action}/ResetType@Redfish.AllowableValues"));
        let info = self.platform.system.text(&format!("{action}/@Redfish.ActionInfo"));
        match info {
            Some(path) if listed.is_empty() => match self.client.find(&path).await {
                Ok(info) => Ok(info.map(|info| listed_in(&info)).unwrap_or_default()),
                Err(error) if error.is_final() => Err(error),
                Err(_) => Ok(Vec::new()),
            },
            _ => Ok(listed),
        }
    }

    /// The state that the system shows; on the way counts as there (ironic does so).
    fn state_of(&self, system: &Resource) -> Result<PowerState, Error> {
        match system.text("PowerState").as_deref() {
            Some("On" | "PoweringOn" | "Paused") => Ok(PowerState::On),
            Some("Off" | "PoweringOff") => Ok(PowerState::Off),
            Some(other) => {
                let answer = format!("shows the unknown power state {:?}", crate::bmc::error::quoted(other));
                Err(self.client.error(Kind::Refused, answer))
            }
            None => Err(self
                .client
                .error(Kind::Refused, format!("shows no power state in {}", system.path))
                .advise("it may still be starting: try again in a few minutes")),
        }
    }

    /// Watches until the machine is finally on or off.
    async fn await_power(&mut self, wanted: PowerState) -> Result<(), Error> {
        self.watch(&format!("power state {}", wanted.name()), |state| state == wanted.name()).await
    }

    /// Watches a restart: until the machine was seen to go off and come on again, or has been on for as long as one takes
    /// to begin; many restarts never show as off.
    async fn await_restart(&mut self) -> Result<(), Error> {
        let settled = Patience::of(self.client.limits().settle());
        let mut went = false;
        self.watch("power state On after the restart", move |state| {
            went |= state != "On";
            state == "On" && (went || settled.is_over())
        })
        .await
    }

    async fn watch(&mut self, awaited: &str, mut wanted: impl FnMut(&str) -> bool) -> Result<(), Error> {
        let patience = Patience::of(self.client.limits().media);
        loop {
            let seen = match self.reload_system().await {
                Ok(system) => {
                    let state = system.text("PowerState").unwrap_or_default();
                    if wanted(&state) {
                        return Ok(());
                    }
                    state
                }
                Err(error) if error.is_final() => return Err(error),
                // A BMC may stumble while its machine restarts; the next look tells.
                Err(error) => error.to_string(),
            };
            if patience.is_over() {
                let answer = format!(
                    "accepted it, but {awaited} was not reached {}; last seen: {seen}",
                    spoken_patience(patience)
                );
                let advice = "look at the machine's console; a power supply or a policy may hold it";
                return Err(self.client.error(Kind::Timeout, answer).advise(advice));
            }
            self.client.pause(self.client.limits().poll, awaited).await?;
        }
    }
}

/// What a cycle by `cycles` would use where these types are allowed, for `bmc probe`.
pub(super) fn planned_cycle(cycles: &[&'static str], allowed: &[String]) -> Vec<PlannedStep> {
    let pick = |types: &[&'static str]| types.iter().copied().find(|reset_type| allows(allowed, reset_type));
    let step = |reset_type: &'static str, why: String| PlannedStep::new(reset_type, why);
    if let Some(cycle) = pick(cycles) {
        return vec![step(cycle, format!("the first that the BMC lists of {}", cycles.join(", ")))];
    }
    let off = pick(&OFF).map(|off| step(off, format!("the BMC lists none of {}", cycles.join(", "))));
    off.into_iter().chain(pick(&ON).map(|on| step(on, "once the machine is off".to_owned()))).collect()
}

fn allows(allowed: &[String], reset_type: &str) -> bool {
    allowed.is_empty() || allowed.iter().any(|allowed| allowed == reset_type)
}

/// Whether another reset type may fare better after a refusal.
fn tries_another(refusal: &Refusal) -> bool {
    matches!(
        refusal.status,
        StatusCode::BAD_REQUEST | StatusCode::METHOD_NOT_ALLOWED | StatusCode::CONFLICT | StatusCode::NOT_IMPLEMENTED
    )
}

fn listed_in(info: &Resource) -> Vec<String> {
    let parameters = info.at("Parameters").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let of_reset = |parameter: &&Value| at(parameter, "Name").and_then(Value::as_str) == Some("ResetType");
    parameters.iter().find(of_reset).map(|parameter| texts(at(parameter, "AllowableValues"))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::{CYCLE, listed_in, planned_cycle};
    use crate::bmc::redfish::value::tests::{any_json, resource};

    #[test]
    fn a_cycle_is_chosen_from_what_the_bmc_allows() {
        let planned = |allowed: &[&str]| {
            let steps = planned_cycle(CYCLE, &allowed.iter().map(ToString::to_string).collect::<Vec<_>>());
            steps.into_iter().map(|step| step.name).collect::<Vec<_>>()
        };
        assert_eq!(planned(&["On", "ForceOff", "ForceRestart", "PowerCycle"]), ["PowerCycle"]);
        assert_eq!(planned(&["On", "ForceOff", "GracefulShutdown", "ForceRestart"]), ["ForceRestart"]);
        assert_eq!(planned(&["On", "ForceOff", "GracefulShutdown"]), ["ForceOff", "On"]);
        assert_eq!(planned(&[]), ["PowerCycle"]);
    }

    #[test]
    fn action_info_lists_reset_types() {
        let info = resource(
            json!({"Parameters": [{"Name": "Other"}, {"Name": "ResetType", "AllowableValues": ["On", 5, null]}]}),
        );
        assert_eq!(listed_in(&info), ["On", "5"]);
    }

    proptest! {
        #[test]
        fn any_action_info_is_read_without_panic(body in any_json()) {
            let _listed = listed_in(&resource(body));
        }
    }
}
