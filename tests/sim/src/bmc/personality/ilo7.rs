//! iLO 7, firmware 1.14 (Gen12): iLO 6 by another name.
//!
//! HPE's guide to adapting from iLO 6 and its changelog name removals, none of which is about virtual media, boot or
//! power; Redfish 1.20.0 is the changelog's, Managers and the PATCH of a slot the resource definitions' of 1.14. What iLO 6
//! is believed to do, this is.

use super::super::profile::{Identity, Profile};
use super::ilo6;

pub(super) fn profile() -> Profile {
    let ilo6 = ilo6::profile();
    Profile {
        identity: Identity {
            // Believed.
            product: Some("ProLiant DL360 Gen12"),
            model: "ProLiant DL360 Gen12",
            manager_model: "iLO 7",
            firmware: "iLO 7 v1.14.00",
            ..ilo6.identity
        },
        ..ilo6
    }
}
