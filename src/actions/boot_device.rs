//! `nextbootcd`, `nextbootpxe`, `nextbootdisk`: what the machine boots next and only then; `forcebootpxe`,
//! `forcebootdisk`: what it boots from now on. Set twice is set once.
//!
//! `detected-bios-mode` says for which firmware: `uefi`, or anything else for BIOS. Without it the mode stays as the BMC
//! has it.
//!
//! `nextbootpxe` has one exception. On a server without the feature `auto-boot-target` the machine's agent calls it before
//! each reboot, whatever the reboot is for, and would so take back the boot from the image that was just mounted. While
//! our image is mounted and the BMC shows that the boot from it is still to come, `nextbootpxe` therefore changes nothing
//! and says so in `Kept`. An operator who means it unmounts the image first, or sets `virtual-media/keep-boot-once` to
//! false, in the call or on the machine.

use serde::Serialize;

use super::{Call, Error};
use crate::bmc::{Bmc, BootDevice, BootMode, Kind, Lasting};
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
    if keeps && device == BootDevice::Pxe && awaits_our_image(call, &mut bmc).await? {
        let kept = format!(
            "the next boot stays with the virtual CD: {} is mounted and was not booted yet; to boot from the network all \
             the same run unmountVirtualMedia first, or set {} to false",
            call.state.url,
            p::KEEP_BOOT_ONCE
        );
        tracing::info!(url = call.state.url, "kept the boot from virtual CD");
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

/// Whether our image is mounted for a boot that has not been done. The state alone does not say: nobody writes there when
/// the machine has booted.
async fn awaits_our_image(call: &mut Call<'_>, bmc: &mut Bmc<'_>) -> Result<bool, Error> {
    call.refresh_state().await?;
    let state = &call.state;
    if state.phase != Phase::Mounted || !state.boot_once || state.url.is_empty() {
        return Ok(false);
    }
    match bmc.boots_once_from_cd().await {
        Ok(true) => Ok(bmc.media().await?.inserted),
        Ok(false) => Ok(false),
        // A driver that cannot look has no virtual media either.
        Err(error) if error.kind() == Kind::Unsupported => Ok(false),
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
