//! `bootVirtualMedia`: generate, mount, boot once, power cycle; one call brings a machine up.

use serde::Serialize;

use super::generate::{Generated, generate};
use super::mount::{Mount, mount, mounted};
use super::power::{Powered, switch};
use super::{Call, Error};
use crate::bmc::Power;

/// The answers of the four steps in one object.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Boot {
    #[serde(flatten)]
    generated: Generated,
    #[serde(flatten)]
    mount: Mount,
    #[serde(flatten)]
    powered: Powered,
}

pub(super) async fn run(call: &mut Call<'_>) -> Result<Boot, Error> {
    let bootenv = call.bootenv_by_hand()?.to_owned();
    call.target()?;
    let generated = generate(call, &bootenv).await?;
    let mut bmc = call.open_bmc().await?;
    let mount = mount(call, &mut bmc, &generated.url, true).await?;
    call.record(|state| state.boot_env.clone_from(&bootenv)).await;
    let powered = switch(&mut bmc, Power::Cycle).await?;
    mounted(call).await;
    Ok(Boot { generated, mount, powered })
}
