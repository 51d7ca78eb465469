//! Huawei's iBMC and xFusion's, which it became. Images are connected by an action of its own, in a task that sometimes
//! fails for no reason.
//!
//! Evidence: a field record of a 2288H V5 with iBMC 6.41 (the mammoth project's vendor notes), captures of an xFusion 2288H V7
//! with 3.08.05.85 (the bootwright project's notes), gofish#174 for `If-Match`.

use serde_json::{Value, json};
use url::Url;

use super::{Quirks, Way, vmm_control};
use crate::bmc::error::Kind;
use crate::bmc::redfish::answer::Refusal;
use crate::bmc::redfish::discovery::Platform;
use crate::bmc::redfish::slot::Slot;
use crate::bmc::redfish::value::Resource;

pub(super) struct Huawei;

impl Quirks for Huawei {
    fn kind(&self, refusal: &Refusal) -> Option<Kind> {
        if refusal.says("ConnectionOccupied") {
            Some(Kind::Conflict)
        } else if refusal.says("FileTransferProtocolMismatch") {
            Some(Kind::Unsupported)
        } else {
            None
        }
    }

    fn advice(&self, refusal: &Refusal) -> Option<String> {
        let advice = if refusal.says("FileTransferProtocolMismatch") {
            // To http on the V5; the V7's ActionInfo lists NFS, CIFS and HTTPS.
            "it fetches no image over HTTP: serve them over NFS or CIFS (newer firmware takes HTTPS too), and set \
             virtual-media/image-url to where"
        } else if refusal.says("ConnectionOccupied") {
            "the slot is taken, perhaps by a console: disconnect it there, then try again"
        } else if refusal.says("PropertyModificationNeedPrivilege") {
            // A 400, not a 403, on the V7.
            "the account may not do this: give ipmi/username the privilege on the BMC"
        } else {
            return None;
        };
        Some(advice.to_owned())
    }

    fn says_occupied(&self, refusal: &Refusal) -> bool {
        refusal.says("ConnectionOccupied")
    }

    fn may_insert_again(&self, refusal: &Refusal) -> bool {
        // The same URL fails after three seconds and works the next time; packets show that the BMC just stops after
        // the mount (V5).
        refusal.says("ConnectionFailed")
    }

    fn login_oem(&self, root: &Resource) -> Option<Value> {
        // A login without the domain of its account is refused; Basic credentials need none (V5).
        let maker = ["Huawei", "xFusion"].into_iter().find(|maker| root.at(&format!("Oem/{maker}")).is_some())?;
        Some(json!({maker: {"Domain": "LocaliBMC"}}))
    }

    fn insert_ways(&self, _: &Platform, slot: &Slot, image: &Url) -> Vec<Way> {
        vmm_control::insert_ways(slot, image)
    }

    fn eject_ways(&self, _: &Platform, slot: &Slot) -> Vec<Way> {
        vmm_control::eject_ways(slot)
    }

    fn cycles(&self) -> &'static [&'static str] {
        // PowerCycle and GracefulRestart are ActionParameterValueFormatErrors (V5), and the V7 lists PowerCycle in one
        // place and not in the other.
        &["ForceRestart", "ForcePowerCycle"]
    }
}
