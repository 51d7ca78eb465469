//! The content that a server begins with.

use serde_json::json;

use super::auth::Principal;
use super::error::Error;
use super::objects::Objects;

/// Loads what every dr-provision has, as far as it is needed here.
pub(super) fn load_own(objects: &mut Objects) -> Result<(), Error> {
    let principal = Principal::System.to_string();
    for (prefix, object) in [
        ("bootenvs", json!({ "Name": "local", "OS": { "Name": "local" } })),
        ("bootenvs", json!({ "Name": "sledgehammer", "OS": { "Name": "sledgehammer" } })),
        ("bootenvs", json!({ "Name": "discovery", "OnlyUnknown": true, "OS": { "Name": "sledgehammer" } })),
        ("stages", json!({ "Name": "none" })),
        ("profiles", json!({ "Name": "global" })),
    ] {
        objects.create(prefix, &object, &principal)?;
    }
    Ok(())
}
