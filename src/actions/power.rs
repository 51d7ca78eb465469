//! `poweron`, `poweroff`, `powercycle`: switches the machine and waits until it is so.

use serde::Serialize;

use super::{Call, Error};
use crate::bmc::{Bmc, Power};

/// The answer, given once the state is reached.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Powered {
    power_state: &'static str,
    /// What was sent to the BMC; null where the state was reached already.
    reset_type: Option<String>,
}

pub(super) async fn on(call: &mut Call<'_>) -> Result<Powered, Error> {
    switch(&mut call.open_bmc().await?, Power::On).await
}

pub(super) async fn off(call: &mut Call<'_>) -> Result<Powered, Error> {
    switch(&mut call.open_bmc().await?, Power::Off).await
}

pub(super) async fn cycle(call: &mut Call<'_>) -> Result<Powered, Error> {
    switch(&mut call.open_bmc().await?, Power::Cycle).await
}

pub(super) async fn switch(bmc: &mut Bmc<'_>, power: Power) -> Result<Powered, Error> {
    let powered = bmc.power(power).await?;
    tracing::info!(state = powered.state.name(), reset_type = powered.reset_type, "switched the power");
    Ok(Powered { power_state: powered.state.name(), reset_type: powered.reset_type })
}
