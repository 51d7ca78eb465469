//! `unmountVirtualMedia`: ejects every virtual CD; nothing mounted is success.

use super::status::Status;
use super::{Call, Error};
use crate::machine::Phase;

pub(super) async fn run(call: &mut Call<'_>) -> Result<Status, Error> {
    let mut bmc = call.open_bmc().await?;
    let ejected = bmc.unmount(|_| true).await?;
    if ejected || call.state.boot_once {
        bmc.clear_boot_once().await?;
    }
    call.record(|state| {
        if state.phase == Phase::Mounted {
            state.phase = Phase::Unmounted;
        }
        state.url.clear();
        state.slot.clear();
        state.boot_once = false;
    })
    .await;
    // Last: a look in between must not take it for an image that was lost while it is mounted.
    call.site.serving.end(call.machine.uuid)?;
    tracing::info!(ejected, "unmounted");
    Ok(Status { image: String::new(), inserted: false })
}
