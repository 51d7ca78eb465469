//! Reset: which types are taken, what each does, and the change of power over time.

use std::sync::Arc;

use super::call::{Act, Call, Effect, Transition};
use super::machine::Machine;
use super::message::Refusal;
use super::shared::Shared;
use super::state::Power;

/// POST of `#ComputerSystem.Reset`.
pub(super) fn reset(machine: &mut Machine, call: &Call) -> Result<Act, Refusal> {
    let profile = machine.profile.clone();
    let (rules, errors) = (&profile.power, &profile.errors);
    let body = call.object(&profile)?;
    let Some(kind) = body.get("ResetType") else {
        return Err(Refusal::about(&errors.missing, "ResetType"));
    };
    let Some(kind) = kind.as_str() else { return Err(Refusal::about(&errors.wrong_type, "ResetType")) };
    if !rules.resets.contains(&kind) {
        return Err(Refusal::about(&errors.not_in_list, "ResetType"));
    }
    let transition = match (transition(kind, machine.power, rules.conflict.is_some()), &rules.conflict) {
        (Some(transition), _) => transition,
        (None, Some(message)) => return Err(message.into()),
        (None, None) => Transition::Nothing,
    };
    let graceful = matches!(kind, "GracefulShutdown" | "GracefulRestart");
    let transition = if graceful && !rules.graceful_works { Transition::Nothing } else { transition };
    Ok(Act::Perform(vec![Effect::Reset(transition)], rules.answer))
}

/// What a reset type does in a state; `None`: it would change nothing.
fn transition(kind: &str, power: Power, conflicts: bool) -> Option<Transition> {
    let on = matches!(power, Power::On | Power::PoweringOn);
    match kind {
        // A start in the middle of a stop is the conflict that ironic repeats for iDRAC 10 (ironic conf, R8).
        "On" | "ForceOn" if power == Power::PoweringOff && conflicts => None,
        "On" | "ForceOn" if !on => Some(Transition::On),
        "ForceOff" | "GracefulShutdown" if on => Some(Transition::Off),
        "ForceRestart" | "GracefulRestart" if on => Some(Transition::Restart),
        "PowerCycle" | "ForcePowerCycle" if on => Some(Transition::Cycle),
        // A power cycle of a machine that is off is where vendors differ; the schema has it start (DMTF Resource schema).
        "PowerCycle" | "ForcePowerCycle" => Some(Transition::On),
        "PushPowerButton" => Some(if on { Transition::Off } else { Transition::On }),
        "Nmi" if on => Some(Transition::Nothing),
        _ => None,
    }
}

/// Begins a change of power; the rest of it goes on by itself.
pub(super) fn start(shared: &Arc<Shared>, transition: Transition) {
    if transition == Transition::Nothing {
        return;
    }
    let (ticket, delay) = shared.change(|machine| (machine.begin(transition), machine.profile.power.delay));
    let own = Arc::clone(shared);
    shared.spawn(async move {
        tokio::time::sleep(delay).await;
        match transition {
            Transition::On | Transition::Restart => {
                own.change(|machine| machine.power_step(ticket, Power::On));
            }
            Transition::Off => {
                own.change(|machine| machine.power_step(ticket, Power::Off));
            }
            Transition::Cycle => {
                if own.change(|machine| machine.power_step(ticket, Power::Off)) {
                    tokio::time::sleep(delay).await;
                    own.change(|machine| machine.power_step(ticket, Power::On));
                }
            }
            Transition::Nothing => {}
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_reset_does_depends_on_the_power() {
        for (kind, power, expected) in [
            ("On", Power::Off, Some(Transition::On)),
            ("On", Power::On, None),
            ("ForceOff", Power::Off, None),
            ("ForceRestart", Power::Off, None),
            ("PowerCycle", Power::On, Some(Transition::Cycle)),
            ("PowerCycle", Power::Off, Some(Transition::On)),
            ("ForcePowerCycle", Power::On, Some(Transition::Cycle)),
            ("PushPowerButton", Power::On, Some(Transition::Off)),
            ("Nmi", Power::On, Some(Transition::Nothing)),
        ] {
            assert_eq!(transition(kind, power, false), expected, "{kind} when {power}");
        }
    }

    #[test]
    fn on_while_it_goes_off_is_a_conflict_where_there_are_conflicts() {
        assert_eq!(transition("On", Power::PoweringOff, true), None);
        assert_eq!(transition("On", Power::PoweringOff, false), Some(Transition::On));
    }
}
