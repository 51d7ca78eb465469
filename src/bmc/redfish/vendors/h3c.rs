//! H3C's HDM. Images are connected by `VmmControl`, as on Huawei's iBMC, over NFS or CIFS.
//!
//! Evidence: H3C's manual of HDM V3.35 as retold, and a field page on R4900 with HDM 3.54 (the payload, NFS and CIFS).
//! The engine has what else it needs: `Mounting` is a task still running, and every PATCH carries its `ETag`.

use url::Url;

use super::{Quirks, Way, common_advice, vmm_control};
use crate::bmc::redfish::answer::Refusal;
use crate::bmc::redfish::discovery::Platform;
use crate::bmc::redfish::slot::Slot;

pub(super) struct H3c;

impl Quirks for H3c {
    fn advice(&self, refusal: &Refusal) -> Option<String> {
        // Its words for this are not recorded, so what it refuses an image for may always be that.
        let connecting = refusal.path.ends_with("VmmControl") && refusal.status.as_u16() == 400;
        let advice =
            "it fetches images over NFS and CIFS alone: serve them so, and set virtual-media/image-url to where";
        (connecting && common_advice(refusal).is_none()).then(|| advice.to_owned())
    }

    fn insert_ways(&self, _: &Platform, slot: &Slot, image: &Url) -> Vec<Way> {
        vmm_control::insert_ways(slot, image)
    }

    fn eject_ways(&self, _: &Platform, slot: &Slot) -> Vec<Way> {
        vmm_control::eject_ways(slot)
    }

    fn wants_whole_override(&self) -> bool {
        // Manual: enabled, mode and target in one PATCH.
        true
    }

    fn cycles(&self) -> &'static [&'static str] {
        // It has ForcePowerCycle for PowerCycle (manual).
        &["ForcePowerCycle", "ForceRestart"]
    }
}
