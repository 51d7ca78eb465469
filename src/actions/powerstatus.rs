//! `powerstatus`: the string `On` or `Off`.

use super::{Call, Error};

pub(super) async fn run(call: &mut Call<'_>) -> Result<&'static str, Error> {
    Ok(call.open_bmc().await?.power_state().await?.name())
}
