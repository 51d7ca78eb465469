//! The indicator light: where it shows, under which names, and what a PATCH of it takes.

use serde_json::{Value, json};

use super::call::{Act, Call, Effect};
use super::machine::Machine;
use super::message::Refusal;
use super::profile::Answer;

/// A property that shows and switches the light.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LightProperty {
    /// `LocationIndicatorActive`.
    Location,
    /// `IndicatorLED`.
    Led,
}

/// What a BMC believes of its light. It is one light, wherever it shows.
#[derive(Clone, Copy, Debug)]
pub struct LightRules {
    /// On the system.
    pub system: &'static [LightProperty],
    /// On the chassis.
    pub chassis: &'static [LightProperty],
    /// Values of `IndicatorLED` that a PATCH takes; others are [`super::Errors::not_in_list`].
    pub takes: &'static [&'static str],
    /// What `IndicatorLED` is while nobody looks for the machine; Off leads there.
    pub rest: &'static str,
}

impl Machine {
    /// Whether the light says more than its state of rest.
    pub(super) fn identifies(&self) -> bool {
        self.light != "Off" && self.light != self.profile.light.rest
    }
}

/// Adds the properties to a resource.
pub(super) fn show(machine: &Machine, properties: &[LightProperty], body: &mut Value) {
    for property in properties {
        match property {
            LightProperty::Location => body["LocationIndicatorActive"] = json!(machine.identifies()),
            LightProperty::Led => body["IndicatorLED"] = json!(machine.light),
        }
    }
}

/// PATCH of a resource with these properties; `None`: it is about something else.
pub(super) fn patch(machine: &Machine, call: &Call, properties: &[LightProperty]) -> Result<Option<Act>, Refusal> {
    let (rules, errors) = (machine.profile.light, &machine.profile.errors);
    let body = call.object(&machine.profile)?;
    let Some((name, value)) =
        body.iter().find(|(name, _)| ["LocationIndicatorActive", "IndicatorLED"].contains(&name.as_str()))
    else {
        return Ok(None);
    };
    let property = if name == "IndicatorLED" { LightProperty::Led } else { LightProperty::Location };
    if !properties.contains(&property) {
        return Err(Refusal::about(&errors.unknown_property, name));
    }
    let wanted = match (property, value) {
        (LightProperty::Location, Value::Bool(true)) => "Blinking",
        (LightProperty::Location, Value::Bool(false)) => "Off",
        (LightProperty::Led, Value::String(wanted)) => {
            let taken = rules.takes.iter().find(|taken| *taken == wanted);
            taken.ok_or_else(|| Refusal::about(&errors.not_in_list, name))?
        }
        _ => return Err(Refusal::about(&errors.wrong_type, name)),
    };
    let wanted = if wanted == "Off" { rules.rest } else { wanted };
    let answer =
        if machine.profile.boot.answer == Answer::Task { Answer::NoContent } else { machine.profile.boot.answer };
    Ok(Some(Act::Perform(vec![Effect::apply(move |machine| machine.light = wanted)], answer)))
}
