//! `identify`: makes the machine known in its rack by its light.
//!
//! `ipmi/identify-duration` is in seconds: 0 switches the light off, anything else, and nothing at all, switches it on. Who
//! keeps the time is the BMC. One without a timer (every one over Redfish) leaves the light on until it is switched off;
//! the answer says so, rather than that an action waits for minutes or something of ours has to outlive it.

use serde::Serialize;

use super::{Call, Error};
use crate::bmc::{Identified, Identify};
use crate::machine::{Params, params as p};

/// The answer.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Lit {
    light: &'static str,
    /// How long it is on; null: until it is switched off, or it is off.
    seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

pub(super) async fn run(call: &mut Call<'_>) -> Result<Lit, Error> {
    let identify = wanted(&call.params)?;
    let identified = call.open_bmc().await?.identify(identify).await?;
    tracing::info!(?identified, "identified");
    let note = || format!("this BMC has no timer for it: switch it off by identify with {} 0", p::IDENTIFY_DURATION);
    Ok(match identified {
        Identified::No => Lit { light: "Off", seconds: None, note: None },
        Identified::UntilSwitchedOff => Lit { light: "On", seconds: None, note: Some(note()) },
        Identified::For(time) => Lit { light: "On", seconds: Some(time.as_secs()), note: None },
    })
}

fn wanted(params: &Params) -> Result<Identify, Error> {
    Ok(match params.seconds_from_zero(p::IDENTIFY_DURATION)? {
        None => Identify::Usual,
        Some(time) if time.is_zero() => Identify::Off,
        Some(time) => Identify::For(time),
    })
}
