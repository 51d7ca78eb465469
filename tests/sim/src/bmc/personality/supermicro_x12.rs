//! Supermicro X12, and X11 with late firmware: no Vendor yet.

use super::super::profile::{Identity, Profile};
use super::supermicro;

pub(super) fn profile() -> Profile {
    let supermicro = supermicro::profile("Base.v1_4_0");
    Profile {
        identity: Identity {
            redfish_version: "1.9.0",
            model: "X12STW-TF",
            firmware: "01.01.15",
            ..supermicro.identity
        },
        ..supermicro
    }
}
