//! `bootVirtualMedia`: generate, mount, boot once, power cycle; one call brings a machine up, and where it is asked to,
//! waits until the machine has read all that it needs of its image.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use tokio::time::{Instant, sleep};
use url::Url;

use super::generate::{Generated, answer, generate};
use super::mount::{Mount, mount, mounted};
use super::power::{Powered, switch};
use super::{Call, Error};
use crate::bmc::Power;
use crate::machine::{BootProgress, BootStage, BootWait, params as p};
use crate::operation::Operation;
use crate::serve::Boot as Served;

/// How often a boot that is waited for is looked at; nobody else is asked for it.
const LOOK: Duration = Duration::from_millis(250);

/// The answers of the steps in one object.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Boot {
    #[serde(flatten)]
    generated: Generated,
    #[serde(flatten)]
    mount: Mount,
    #[serde(flatten)]
    powered: Powered,
    /// How far the boot came, where it was waited for.
    #[serde(rename = "Boot", skip_serializing_if = "Option::is_none")]
    progress: Option<BootProgress>,
}

pub(super) async fn run(call: &mut Call<'_>) -> Result<Boot, Error> {
    let bootenv = call.bootenv_by_hand()?.to_owned();
    let wait = BootWait::from_params(&call.params)?;
    call.target()?;
    let ready = generate(call, &bootenv).await?;
    // Before the machine is touched: nothing that can fail is left once it boots.
    let generated = answer(call, ready).await?;
    let served = served(call, &generated.url, wait)?;
    let mut bmc = call.open_bmc().await?;
    let mount = mount(call, &mut bmc, &generated.url, true).await?;
    call.record(|state| state.boot_env.clone_from(&bootenv)).await;
    let before = served.as_ref().map(|(boot, _)| boot.progress());
    let powered = switch(&mut bmc, Power::Cycle).await?;
    mounted(call).await;
    // Others may want the BMC while the machine boots.
    drop(bmc);
    let progress = match (served, before) {
        (Some((boot, wait)), Some(before)) => Some(until_read(call.operation, &boot, &before, wait).await?),
        _ => None,
    };
    Ok(Boot { generated, mount, powered, progress })
}

/// The boot to wait for, where it is to be waited for.
fn served(call: &Call<'_>, url: &Url, wait: Option<BootWait>) -> Result<Option<(Arc<Served>, BootWait)>, Error> {
    let Some(wait) = wait else { return Ok(None) };
    let boot = call.site.serving.mounts().find(call.machine.uuid, url.as_str()).ok_or_else(|| {
        Error::parameter(format!(
            "{} is true, and nobody sees how far a boot comes whose image another server serves: set {} to serve",
            p::BOOT_WAIT,
            p::ISO_DELIVERY
        ))
    })?;
    Ok(Some((boot, wait)))
}

/// Waits until the initrd was read whole, in a boot later than `before` or further than it.
async fn until_read(
    operation: &Operation,
    boot: &Served,
    before: &BootProgress,
    wait: BootWait,
) -> Result<BootProgress, Error> {
    let began = Instant::now();
    let mut told = None;
    loop {
        let progress = boot.progress();
        let moved = progress != *before;
        let is_later = progress.boot > before.boot || before.stage < BootStage::Done;
        if told != Some(progress.stage) {
            operation.begin("boot", format!("machine boots: {}", progress.stage));
            told = Some(progress.stage);
        }
        if let Some(percent) = progress.percent {
            operation.percent(percent);
        }
        if progress.stage == BootStage::Done && is_later {
            operation.done(format!("booted: initrd read whole, {} bytes in all", progress.bytes));
            return Ok(progress);
        }
        let idle = progress.last_read.and_then(|last| Duration::try_from(Timestamp::now().duration_since(last)).ok());
        let stalled = moved && progress.stage >= BootStage::Loader && idle.is_some_and(|idle| idle >= wait.stall);
        if stalled || began.elapsed() >= wait.timeout {
            let limit = if stalled { (p::BOOT_STALL, wait.stall) } else { (p::BOOT_TIMEOUT, wait.timeout) };
            let shown = if moved { progress } else { BootProgress::default() };
            let (name, limit) = (limit.0, limit.1.as_secs());
            return Err(Error::too_slow(format!("{} ({name} is {limit} s)", shown.stuck(Timestamp::now()))));
        }
        sleep(LOOK).await;
    }
}
