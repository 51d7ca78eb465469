//! Power by another way than Redfish, with the same promises: what is so already is success, and the state is watched to
//! the end.

use super::answered::{PowerState, Powered};
use super::asked::Power;
use super::error::{Error, Kind};
use super::limits::{Patience, spoken};
use super::redfish::{Plan, PlannedStep};
use super::work::Work;

/// What a machine can be told to do with its power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Switch {
    On,
    Off,
    Cycle,
}

impl Switch {
    /// Redfish's name for it, which answers use in every mode.
    pub(super) const fn reset_type(self) -> &'static str {
        match self {
            Self::On => "On",
            Self::Off => "ForceOff",
            Self::Cycle => "PowerCycle",
        }
    }
}

/// What a driver would do that switches the power and mounts nothing; asks nothing.
pub(super) fn plan() -> Plan {
    let cycle = PlannedStep::new(Switch::Cycle.reset_type(), "the one that this mode has");
    Plan {
        power_cycle: vec![cycle],
        reset_types: [Switch::On, Switch::Off, Switch::Cycle].map(|switch| switch.reset_type().to_owned()).into(),
        ..Plan::default()
    }
}

/// A machine whose power a driver can see and switch.
pub(super) trait Switched: Send {
    fn work(&self) -> &Work<'_>;

    /// Names what errors from now on are about.
    fn doing(&mut self, doing: &str);

    /// Whether it is on now.
    fn look(&mut self) -> impl Future<Output = Result<PowerState, Error>> + Send;

    /// Tells it to switch; whether it did shows in its state.
    fn switch(&mut self, switch: Switch) -> impl Future<Output = Result<(), Error>> + Send;
}

/// Whether the machine is on.
pub(super) async fn power_state(machine: &mut impl Switched) -> Result<PowerState, Error> {
    machine.doing("reading its power state");
    machine.look().await
}

/// Brings the machine's power to what is wanted and watches it get there.
pub(super) async fn power(machine: &mut impl Switched, wanted: Power) -> Result<Powered, Error> {
    let (step, doing, goal) = match wanted {
        Power::On => ("power-on", "turning the machine on", PowerState::On),
        Power::Off => ("power-off", "turning the machine off", PowerState::Off),
        Power::Cycle => ("power-cycle", "power cycling the machine", PowerState::On),
    };
    machine.doing(doing);
    machine.work().announce(step);
    let switch = match (wanted, machine.look().await?) {
        (Power::On, PowerState::On) | (Power::Off, PowerState::Off) => {
            machine.work().done(format!("machine was {} already", goal.name()));
            return Ok(Powered { state: goal, reset_type: None });
        }
        (Power::On | Power::Cycle, PowerState::Off) => Switch::On,
        (Power::Off, PowerState::On) => Switch::Off,
        (Power::Cycle, PowerState::On) => Switch::Cycle,
    };
    if let Err(error) = machine.switch(switch).await {
        // Refused because it has happened already: by itself, or by somebody else.
        if error.is_final() || switch == Switch::Cycle || machine.look().await? != goal {
            return Err(error);
        }
    }
    watch(machine, switch).await?;
    machine.work().done(format!("machine is {} after {}", goal.name(), switch.reset_type()));
    Ok(Powered { state: goal, reset_type: Some(switch.reset_type().to_owned()) })
}

/// Looks until the machine is as wanted. A cycle is over when it was seen off and on again, or has been on for as long as
/// one takes to begin; many never show as off.
async fn watch(machine: &mut impl Switched, switch: Switch) -> Result<(), Error> {
    let limits = *machine.work().limits();
    let (patience, settled) = (Patience::of(limits.media), Patience::of(limits.settle()));
    let awaited = match switch {
        Switch::On => "power state On",
        Switch::Off => "power state Off",
        Switch::Cycle => "power state On after the restart",
    };
    let mut went_off = false;
    loop {
        let seen = match machine.look().await {
            Ok(state) => {
                went_off |= state == PowerState::Off;
                let reached = match switch {
                    Switch::On => state == PowerState::On,
                    Switch::Off => state == PowerState::Off,
                    Switch::Cycle => state == PowerState::On && (went_off || settled.is_over()),
                };
                if reached {
                    return Ok(());
                }
                state.name().to_owned()
            }
            Err(error) if error.is_final() => return Err(error),
            // A BMC may stumble while its machine restarts; the next look tells.
            Err(error) => error.to_string(),
        };
        if patience.is_over() {
            let limit = spoken(patience.limit());
            let answer = format!("accepted it, but {awaited} was not reached within {limit}; last seen: {seen}");
            let advice = "look at the machine's console; a power supply or a policy may hold it";
            return Err(machine.work().error(Kind::Timeout, answer).advise(advice));
        }
        machine.work().pause(limits.poll, awaited).await?;
    }
}
