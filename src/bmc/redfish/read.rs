//! The BMC's own description of the machine, part by part.

use serde_json::Value;

use super::Redfish;
use crate::bmc::asked::Part;
use crate::bmc::error::{Error, Kind};

impl Redfish<'_> {
    /// Reads a part of the description.
    pub(crate) async fn read(&mut self, _part: Part) -> Result<Value, Error> {
        self.begin("read", "reading the BMC's description of the machine");
        Err(self.client.error(Kind::Unsupported, "does not describe it"))
    }
}
