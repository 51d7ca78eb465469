//! `nextbootcd`, `nextbootpxe`, `nextbootdisk`: what the machine boots next and only then; `forcebootpxe`,
//! `forcebootdisk`: what it boots from now on. Set twice is set once.
//!
//! `detected-bios-mode` says for which firmware: `uefi`, or anything else for BIOS. Without it the mode stays as the BMC
//! has it.
//!
//! `nextbootpxe` has one exception. On a server without the feature `auto-boot-target` the machine's agent calls it before
//! each reboot, whatever the reboot is for, and would so take back the boot from the image that was just mounted. While
//! the BMC shows our image and a boot from it that is still to come, `nextbootpxe` therefore changes nothing and says so in
//! `Kept`. An operator who means it unmounts the image first, or sets `virtual-media/keep-boot-once` to false, in the call
//! or on the machine.

use serde::Serialize;

use super::{Call, Error};
use crate::bmc::{self, Bmc, BootDevice, BootMode, Kind, Lasting};
use crate::iso::Store;
use crate::machine::{Params, Phase, params as p};

/// The answer: what is booted next, in Redfish's words.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BootSet {
    boot_device: &'static str,
    enabled: &'static str,
    /// Why this is not what was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    kept: Option<String>,
}

pub(super) async fn next(call: &mut Call<'_>, device: BootDevice) -> Result<BootSet, Error> {
    let mode = mode(&call.params)?;
    let keeps = call.params.flag(p::KEEP_BOOT_ONCE)?.unwrap_or(true);
    let mut bmc = call.open_bmc().await?;
    if keeps
        && device == BootDevice::Pxe
        && let Some(image) = awaited_image(call, &mut bmc).await?
    {
        tracing::info!(image, "kept the boot from virtual CD");
        let kept = format!(
            "the next boot stays with the virtual CD: {image} is mounted and was not booted yet; to boot from the network \
             all the same run unmountVirtualMedia first, or set {} to false",
            p::KEEP_BOOT_ONCE
        );
        return Ok(BootSet { kept: Some(kept), ..set_to(BootDevice::Cd, Lasting::Once) });
    }
    set(call, &mut bmc, device, Lasting::Once, mode).await
}

pub(super) async fn force(call: &mut Call<'_>, device: BootDevice) -> Result<BootSet, Error> {
    let mode = mode(&call.params)?;
    let mut bmc = call.open_bmc().await?;
    set(call, &mut bmc, device, Lasting::Always, mode).await
}

async fn set(
    call: &mut Call<'_>,
    bmc: &mut Bmc<'_>,
    device: BootDevice,
    lasting: Lasting,
    mode: BootMode,
) -> Result<BootSet, Error> {
    bmc.boot_from(device, lasting, mode).await?;
    call.record(|state| state.boot_once = (device, lasting) == (BootDevice::Cd, Lasting::Once)).await;
    tracing::info!(device = device.name(), enabled = lasting.name(), "set the boot device");
    Ok(set_to(device, lasting))
}

fn set_to(device: BootDevice, lasting: Lasting) -> BootSet {
    BootSet { boot_device: device.name(), enabled: lasting.name(), kept: None }
}

/// Our image that is mounted for a boot which has not been done. The BMC is asked both times: nobody writes into the state
/// when the machine has booted.
async fn awaited_image(call: &mut Call<'_>, bmc: &mut Bmc<'_>) -> Result<Option<String>, Error> {
    call.refresh_state().await?;
    // A driver that cannot look has no virtual media either, and neither has a BMC without a slot.
    let Some(media) = where_supported(bmc.media().await)?.filter(|media| media.inserted) else { return Ok(None) };
    let state = &call.state;
    let known = state.phase == Phase::Mounted && state.boot_once && !state.url.is_empty();
    // By its URL too: the agent calls while the hook mounts, and the state that comes with the call is older than that.
    if !known && !Store::is_ours(&media.image, call.machine.uuid) {
        return Ok(None);
    }
    let awaited = where_supported(bmc.boots_once_from_cd().await)?.unwrap_or(false);
    let image = if media.image.is_empty() { state.url.clone() } else { media.image };
    Ok(awaited.then_some(image))
}

fn where_supported<T>(result: Result<T, bmc::Error>) -> Result<Option<T>, Error> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == Kind::Unsupported => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn mode(params: &Params) -> Result<BootMode, Error> {
    Ok(match params.filled_text(p::BIOS_MODE)? {
        None => BootMode::Current,
        Some(mode) if mode.eq_ignore_ascii_case("uefi") => BootMode::Uefi,
        Some(_) => BootMode::Legacy,
    })
}
