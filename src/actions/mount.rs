//! `mountVirtualMedia`: mounts an image, by default the machine's own, and sets boot-once where asked.

use serde::Serialize;
use url::Url;

use super::generate::{generate, image_url};
use super::{Call, Error};
use crate::bmc::{Bmc, Mounted};
use crate::machine::{BootProgress, IsoDelivery, Phase, params as p};

/// The answer, given after the BMC confirmed the image.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Mount {
    image: String,
    inserted: bool,
    boot_once: bool,
}

pub(super) async fn run(call: &mut Call<'_>) -> Result<Mount, Error> {
    let image = match call.params.url(p::MEDIA_URL)? {
        Some(image) => image,
        None => own_image(call).await?,
    };
    let boot_once = call.params.flag(p::MEDIA_BOOT)?.unwrap_or(false);
    let mut bmc = call.open_bmc().await?;
    let mount = mount(call, &mut bmc, &image, boot_once).await?;
    mounted(call).await;
    Ok(mount)
}

/// Records that all is done that mounting was for.
pub(super) async fn mounted(call: &mut Call<'_>) {
    call.record(|state| {
        state.phase = Phase::Mounted;
        state.last_error.clear();
    })
    .await;
}

/// Sees to it that `image` is mounted, in place of whatever is there, and booted from once where asked, and records where the
/// image is. The phase is left to the caller, who may have more to do.
///
/// Where just this image was mounted before and the BMC still shows it, it stays: a workflow's step may have mounted it, or
/// an earlier try of the same transition, and the agent reboots within moments of the change of the BootEnv, so the machine
/// may be booting from it by now. Then the boot may be behind it, too, and the one that is set here goes to the same image
/// again, until the way back to in-band boot takes it back. An image that was generated anew is another one
/// ([`super::generate`] forgets the slot of what was there before).
pub(super) async fn mount(
    call: &mut Call<'_>,
    bmc: &mut Bmc<'_>,
    image: &Url,
    boot_once: bool,
) -> Result<Mount, Error> {
    let was_mounted = !call.state.slot.is_empty() && call.state.url == image.as_str();
    let held = if was_mounted { bmc.holding(image).await? } else { None };
    let is_held = held.is_some();
    let mounted = match held {
        Some(held) => held,
        None => insert(call, bmc, image).await?,
    };
    // What was served to the machine before is out now.
    call.site.serving.mounts().only(call.machine.uuid, image.as_str())?;
    if boot_once {
        if !is_held || !bmc.boots_once_from_cd().await? {
            bmc.boot_once_from_cd().await?;
        }
        call.record(|state| state.boot_once = true).await;
    }
    tracing::info!(image = mounted.image, slot = mounted.slot, boot_once, already = is_held, "mounted");
    Ok(Mount { image: mounted.image, inserted: true, boot_once })
}

async fn insert(call: &mut Call<'_>, bmc: &mut Bmc<'_>, image: &Url) -> Result<Mounted, Error> {
    // Before the insert: a BMC that hides the URL could not tell us later whose medium it is, if we were killed now.
    call.record(|state| {
        state.url = image.to_string();
        state.slot.clear();
        state.boot_once = false;
        state.boot = BootProgress::default();
    })
    .await;
    let mounted = bmc.mount(image).await?;
    call.record(|state| state.slot.clone_from(&mounted.slot)).await;
    Ok(mounted)
}

/// The image that was generated for the machine. One that the plugin would serve is made where there is none: that costs
/// nothing that is left over.
async fn own_image(call: &mut Call<'_>) -> Result<Url, Error> {
    let bootenv = call.bootenv_by_hand()?.to_owned();
    if IsoDelivery::from_params(&call.params)? == IsoDelivery::Serve {
        return Ok(generate(call, &bootenv).await?.url);
    }
    let store = call.store()?;
    let path = store.path(call.machine.uuid, &bootenv)?;
    if !path.is_file() {
        return Err(Error::conflict(format!(
            "no image was generated for BootEnv {bootenv} ({} is not there): run generateVirtualMedia first, or give \
             {}",
            path.display(),
            p::MEDIA_URL
        )));
    }
    image_url(&store.url(call.machine.uuid, &bootenv)?)
}
