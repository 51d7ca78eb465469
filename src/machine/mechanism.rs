//! Which of two mechanisms acts on a machine's BootEnv changes: this plugin's, or the one that servers have built in.
//!
//! Servers with the feature `virtual-media-boot` (4.6 on) act on `boot-virtual-iso` by themselves: they write an image of
//! their own and call `mountVirtualMedia`. Two that mount, eject and set boot-once on one BMC would undo each other's
//! work, so exactly one acts, by `virtual-media/mechanism`, and where both would, neither does of ours and the operator
//! is told.

use serde::{Deserialize, Serialize};

use super::Params;
use super::params::{BOOT_VIRTUAL_ISO, MECHANISM, ParamError, unusable};

/// The server's feature that says it has the built-in mechanism.
pub const BUILT_IN_FEATURE: &str = "virtual-media-boot";

/// Who acts on a machine's BootEnv changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mechanism {
    /// Nobody: virtual media is not wanted for the machine.
    #[default]
    None,
    /// This plugin's hook.
    Plugin,
    /// The server's own; the plugin answers the actions that it calls.
    Server,
}

/// Why nobody may act.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum MechanismError {
    /// A parameter cannot be read.
    #[error(transparent)]
    Param(#[from] ParamError),
    /// Both would act.
    #[error(
        "{MECHANISM} is `plugin` and {BOOT_VIRTUAL_ISO} is true, on which this server acts by itself (its feature \
         {BUILT_IN_FEATURE}): both would work on the BMC, so the plugin leaves it alone; remove {BOOT_VIRTUAL_ISO} to \
         let the plugin act, or {MECHANISM} to let the server act"
    )]
    Both,
    /// Nobody would act, and somebody is meant to.
    #[error(
        "{BOOT_VIRTUAL_ISO} is true and {MECHANISM} is `server`, but this server has no mechanism of its own (no feature \
         {BUILT_IN_FEATURE}): nobody acts; remove {MECHANISM} to let the plugin act"
    )]
    Neither,
}

impl Mechanism {
    /// Reads who acts. `server_has_its_own`: the server has the feature [`BUILT_IN_FEATURE`].
    ///
    /// # Errors
    /// A parameter cannot be read, both would act, or nobody would.
    pub fn from_params(params: &Params, server_has_its_own: bool) -> Result<Self, MechanismError> {
        let wanted = params.flag(BOOT_VIRTUAL_ISO)?.unwrap_or(false);
        match params.filled_text(MECHANISM)?.unwrap_or("auto") {
            "auto" | "server" if !wanted => Ok(Self::None),
            "auto" | "server" if server_has_its_own => Ok(Self::Server),
            "server" => Err(MechanismError::Neither),
            "plugin" if wanted && server_has_its_own => Err(MechanismError::Both),
            "auto" | "plugin" => Ok(Self::Plugin),
            other => Err(unusable(MECHANISM, other, "expected auto, plugin or server").into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Mechanism, MechanismError};
    use crate::machine::Params;

    #[test]
    fn exactly_one_acts_or_the_operator_is_told() {
        use Mechanism::{None, Plugin, Server};
        let (both, neither) = (Err(MechanismError::Both), Err(MechanismError::Neither));
        let cases = [
            (json!({}), [Ok(None), Ok(None)]),
            (json!({"boot-virtual-iso": true}), [Ok(Plugin), Ok(Server)]),
            (json!({"boot-virtual-iso": true, "virtual-media/mechanism": "auto"}), [Ok(Plugin), Ok(Server)]),
            (json!({"virtual-media/mechanism": "plugin"}), [Ok(Plugin), Ok(Plugin)]),
            (json!({"boot-virtual-iso": true, "virtual-media/mechanism": "plugin"}), [Ok(Plugin), both]),
            (json!({"virtual-media/mechanism": "server"}), [Ok(None), Ok(None)]),
            (json!({"boot-virtual-iso": true, "virtual-media/mechanism": "server"}), [neither, Ok(Server)]),
        ];
        for (params, [without, with]) in cases {
            let read = |has| Mechanism::from_params(&Params::new(params.as_object().unwrap().clone()), has);
            assert_eq!((read(false), read(true)), (without, with), "{params}");
        }
    }

    #[test]
    fn a_wrong_word_names_the_parameter() {
        let params = Params::new(json!({"virtual-media/mechanism": "both"}).as_object().unwrap().clone());
        let error = Mechanism::from_params(&params, true).unwrap_err().to_string();
        assert!(error.contains("virtual-media/mechanism is `both`"), "{error}");
    }
}
