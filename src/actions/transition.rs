//! What the hook does once it has decided: the same steps as the actions, recorded as one transition of the machine.

use super::generate::generate;
use super::mount::{mount, mounted};
use super::{Call, Error, power};
use crate::bmc::Power;
use crate::iso::Store;
use crate::machine::{Mechanism, Phase, PowerOnTransition, State};

/// Generates the image for `bootenv`, mounts it, sets boot-once, and switches the power as `power` says; without it the power is
/// left alone, which a later try can read in the state. Answers the image's URL.
pub(crate) async fn into_virtual_media(
    call: &mut Call<'_>,
    bootenv: &str,
    power: Option<PowerOnTransition>,
) -> Result<url::Url, Error> {
    begin(call, Phase::Mounting, bootenv, power.is_none()).await;
    call.target()?;
    let generated = generate(call, bootenv).await?;
    let mut bmc = call.open_bmc().await?;
    mount(call, &mut bmc, &generated.url, true).await?;
    match power {
        None | Some(PowerOnTransition::None) => {}
        Some(PowerOnTransition::On) => {
            power::switch(&mut bmc, Power::On).await?;
        }
        Some(PowerOnTransition::Cycle) => {
            power::switch(&mut bmc, Power::Cycle).await?;
        }
    }
    mounted(call).await;
    Ok(generated.url)
}

/// Ejects our medium, clears boot-once and deletes the image; the machine boots in-band from now on. Answers what could
/// not be undone, because it is on another BMC.
pub(crate) async fn into_band(call: &mut Call<'_>, bootenv: &str) -> Result<Option<String>, Error> {
    begin(call, Phase::Unmounting, bootenv, false).await;
    let left = eject_ours(call).await?;
    call.site.serving.end(call.machine.uuid)?;
    // Which BootEnv was left is not always told, so every image of the machine goes; the directories stay.
    let store = call.store()?;
    for left in store.images(call.machine.uuid)? {
        store.remove_image(call.machine.uuid, &left)?;
    }
    call.record(|state| {
        state.phase = Phase::Unmounted;
        state.last_error.clear();
    })
    .await;
    tracing::info!(bootenv, "back to in-band boot");
    Ok(left)
}

/// Ejects our medium and deletes everything that was generated for the machine, the latter also when the BMC fails.
/// Answers as [`into_band`] does.
pub(crate) async fn clean(call: &mut Call<'_>) -> Result<Option<String>, Error> {
    let bootenv = call.machine.bootenv.clone();
    begin(call, Phase::Unmounting, &bootenv, false).await;
    let ejected = eject_ours(call).await;
    call.site.serving.end(call.machine.uuid)?;
    call.store()?.remove_machine(call.machine.uuid)?;
    let left = ejected?;
    call.record(|state| {
        let seen = std::mem::take(state);
        // What else is known: whose certificate it was, and which events are older than this.
        *state =
            State { bmc: seen.bmc, fingerprint: seen.fingerprint, event_time: seen.event_time, ..State::default() };
    })
    .await;
    tracing::info!("cleaned up");
    Ok(left)
}

/// Records how a transition failed.
pub(crate) async fn failed(call: &mut Call<'_>, error: &Error) {
    call.record(|state| {
        state.phase = Phase::Failed;
        state.last_error.clone_from(&error.message);
    })
    .await;
}

/// Records that a transition was given up half way, by a cancel or a panic, and what it had done.
pub(crate) fn cut_off(call: &mut Call<'_>) {
    let done = call.operation.steps_done().join("; ");
    call.record_late(move |state| {
        state.phase = Phase::Failed;
        state.last_error = format!("cut off before its end; so far: {done}");
    });
}

async fn begin(call: &mut Call<'_>, phase: Phase, bootenv: &str, leaves_power: bool) {
    let right_at = call.right_at.clone();
    call.record(|state| {
        // A try that neither failed nor succeeded was cut off with the process.
        let unfinished = matches!(state.phase, Phase::Failed | Phase::Mounting | Phase::Unmounting);
        let again = unfinished && state.boot_env == bootenv;
        state.attempts = if again { state.attempts + 1 } else { 1 };
        state.phase = phase;
        state.leaves_power = leaves_power;
        state.mechanism = Mechanism::Plugin;
        if !right_at.is_empty() {
            state.event_time.clone_from(&right_at);
        }
        bootenv.clone_into(&mut state.boot_env);
    })
    .await;
}

/// Media that we did not mount is somebody else's and stays. Answers what is left on another BMC.
async fn eject_ours(call: &mut Call<'_>) -> Result<Option<String>, Error> {
    let State { url, bmc, .. } = call.state.clone();
    eject(call).await.map_err(|error| {
        if url.is_empty() { error } else { error.adding(&format!("{url} is perhaps still mounted on BMC {bmc}")) }
    })
}

async fn eject(call: &mut Call<'_>) -> Result<Option<String>, Error> {
    let left = call.left_behind()?;
    let uuid = call.machine.uuid;
    let mounted = if left.is_none() { url::Url::parse(&call.state.url).ok() } else { None };
    let mut bmc = call.open_bmc().await?;
    let ejected = bmc.unmount_image(mounted.as_ref(), |image| Store::is_ours(image, uuid)).await?;
    if ejected || call.state.boot_once {
        bmc.clear_boot_once().await?;
    }
    call.record(|state| {
        state.url.clear();
        state.slot.clear();
        state.boot_once = false;
    })
    .await;
    Ok(left)
}
