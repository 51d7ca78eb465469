//! The boot override: what a PATCH of `Boot` is refused for, and what it sets.

use serde_json::{Map, Value};

use super::call::{Act, Call, Effect};
use super::light;
use super::machine::Machine;
use super::message::Refusal;
use super::profile::ModeRule;

/// PATCH of the system.
pub(super) fn patch_system(machine: &mut Machine, call: &Call) -> Result<Act, Refusal> {
    if let Some(act) = light::patch(machine, call, machine.profile.light.system)? {
        return Ok(act);
    }
    match &machine.profile.boot.system_refuses {
        Some(message) if call.object(&machine.profile)?.contains_key("Boot") => Err(Refusal::about(message, "Boot")),
        _ => patch(machine, call),
    }
}

/// PATCH of the settings object.
pub(super) fn patch_settings(machine: &mut Machine, call: &Call, takes_boot: bool) -> Result<Act, Refusal> {
    if takes_boot {
        return patch(machine, call);
    }
    Err(Refusal::about(&machine.profile.errors.not_writable, "BootSourceOverrideTarget"))
}

fn patch(machine: &mut Machine, call: &Call) -> Result<Act, Refusal> {
    let profile = machine.profile.clone();
    let errors = &profile.errors;
    let body = call.object(&profile)?;
    if let Some(name) = body.keys().find(|name| *name != "Boot") {
        return Err(Refusal::about(&errors.unknown_property, name));
    }
    let Some(Value::Object(wanted)) = body.get("Boot") else {
        return Err(Refusal::about(&errors.missing, "Boot"));
    };
    if let (true, Some(message)) = (machine.in_post, &profile.boot.during_post) {
        return Err(message.into());
    }
    let change = checked(machine, wanted)?;
    Ok(Act::Perform(vec![change], profile.boot.answer))
}

fn checked(machine: &Machine, wanted: &Map<String, Value>) -> Result<Effect, Refusal> {
    let (rules, errors) = (&machine.profile.boot, &machine.profile.errors);
    let mut new = machine.boot.clone();
    if rules.mode == ModeRule::Reverts {
        "Legacy".clone_into(&mut new.mode);
    }
    for (name, value) in wanted {
        let allowed: &[&str] = match (name.as_str(), &rules.mode) {
            ("BootSourceOverrideTarget", _) => rules.targets,
            ("BootSourceOverrideEnabled", _) => rules.enabled,
            ("BootSourceOverrideMode", ModeRule::Writable | ModeRule::Reverts | ModeRule::Required) => {
                &["UEFI", "Legacy"]
            }
            ("BootSourceOverrideMode", ModeRule::ReadOnly) => return Err(Refusal::about(&errors.not_writable, name)),
            _ => return Err(Refusal::about(&errors.unknown_property, name)),
        };
        let Some(value) = value.as_str() else { return Err(Refusal::about(&errors.wrong_type, name)) };
        if !allowed.contains(&value) {
            return Err(Refusal::about(&errors.not_in_list, name));
        }
        match name.as_str() {
            "BootSourceOverrideTarget" => value.clone_into(&mut new.target),
            "BootSourceOverrideEnabled" => value.clone_into(&mut new.enabled),
            _ => value.clone_into(&mut new.mode),
        }
    }
    if rules.mode == ModeRule::Required {
        let all = ["BootSourceOverrideEnabled", "BootSourceOverrideTarget", "BootSourceOverrideMode"];
        if let Some(name) = all.into_iter().find(|name| !wanted.contains_key(*name)) {
            return Err(Refusal::about(&errors.missing, name));
        }
    }
    Ok(Effect::apply(move |machine| machine.boot = new))
}
