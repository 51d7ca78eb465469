//! `powerstatus`: the string `On` or `Off`.

use super::{Call, Error};

pub(super) async fn run(call: &mut Call<'_>) -> Result<&'static str, Error> {
    let mut bmc = call.glance_at_bmc().await?;
    let state = bmc.power_state().await?;
    call.saw(&bmc).await;
    Ok(state.name())
}
