//! `statusVirtualMedia`: what is in the virtual CD, as the BMC shows it.

use serde::Serialize;

use super::{Call, Error};

/// The answer, exactly these two keys: scripts of operators read them.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Status {
    pub(super) image: String,
    pub(super) inserted: bool,
}

pub(super) async fn run(call: &mut Call<'_>) -> Result<Status, Error> {
    let mut bmc = call.glance_at_bmc().await?;
    let media = bmc.media().await?;
    call.saw(&bmc).await;
    Ok(Status { image: media.image, inserted: media.inserted })
}
