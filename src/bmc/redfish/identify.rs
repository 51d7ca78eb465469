//! Makes a machine known in its rack: its indicator light.

use super::Redfish;
use crate::bmc::asked::Identify;
use crate::bmc::error::{Error, Kind};

impl Redfish<'_> {
    /// Switches the indicator light.
    pub(crate) async fn identify(&mut self, _identify: Identify) -> Result<(), Error> {
        self.begin("identify", "switching the indicator light");
        Err(self.client.error(Kind::Unsupported, "has no indicator light"))
    }
}
