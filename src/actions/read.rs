//! `status`, `getInfo`, `getBios` and the other `get…`: the BMC's own description of the machine.
//!
//! Answers, in the shapes that the provider before this one gave:
//!
//! | action | answer |
//! |---|---|
//! | `status` | `PowerState`, `State`, the healths `Status ProcessorStatus MemoryStatus EthernetStatus StorageStatus SimpleStorageStatus` (null: the BMC does not say), `Boot` with the override |
//! | `getInfo` | the system's resource |
//! | `getBios getSecureBoot` | that resource |
//! | `getBoot` | the system's `Boot`; `BootOptions` is the list of them, where there are any |
//! | `getMemory getProcessor getStorage getSimpleStorage getNetworkInterfaces getEthernetInterfaces` | a list of the collection's members |
//!
//! A resource is as the BMC words it; a BMC without one is a 404 that names what there is. In the modes beside Redfish
//! `status` has the same keys and the mode's own words beside them, `getInfo` and lists are in the program's or the
//! console's words, and what they cannot tell is a 404 that names the mode that can.

use serde_json::Value;

use super::{Call, Error};
use crate::bmc::Part;

pub(super) async fn run(call: &mut Call<'_>, part: Part) -> Result<Value, Error> {
    Ok(call.open_bmc().await?.read(part).await?)
}
