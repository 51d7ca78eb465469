//! What the plugin did on a machine, as it stands in the machine's parameter `virtual-media/state`.
//!
//! It is the plugin's only durable memory: whatever is not here or on the BMC is forgotten when the process ends.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::params::STATE;
use super::{BootProgress, Mechanism, Params};

/// How far the plugin has come with a machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Nothing of ours is on the BMC or on disk.
    #[default]
    Idle,
    /// The image is being generated and mounted.
    Mounting,
    /// The image is mounted and verified.
    Mounted,
    /// Our medium is being ejected.
    Unmounting,
    /// Our medium is out; the machine boots in-band.
    Unmounted,
    /// The last transition ended with `LastError`.
    Failed,
}

/// The value of `virtual-media/state`. Every field is written, so that a page or a script can rely on the keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct State {
    /// How far the plugin has come.
    pub phase: Phase,
    /// The BootEnv that the last transition was for, or that the machine was first seen in.
    pub boot_env: String,
    /// Who acts on the machine's BootEnv changes: this plugin or the server itself.
    pub mechanism: Mechanism,
    /// The image that we mounted, or were about to; empty when none of ours is.
    pub url: String,
    /// The template that the image was made from.
    pub template: String,
    /// What tells the image from every other: [`Image::digest`](crate::iso::Image::digest).
    pub digest: String,
    /// The BMC that was spoken with last: its address, and its port where that is not 443.
    pub bmc: String,
    /// The BMC's vendor.
    pub vendor: String,
    /// The BMC's or the product's model.
    pub model: String,
    /// The BMC's firmware.
    pub firmware: String,
    /// The virtual media slot that holds the image; empty when none does, or what it holds was generated before.
    pub slot: String,
    /// SHA-256 of the BMC's certificate as last seen.
    pub fingerprint: String,
    /// Whether boot-once from the virtual CD was set after the mount.
    pub boot_once: bool,
    /// How far the boot from the image has come, where the plugin serves it.
    pub boot: BootProgress,
    /// Whether the last transition leaves the power alone whatever the machine's parameters say: the machine may be running what
    /// it is to boot, also when a failed try is made again.
    pub leaves_power: bool,
    /// Tries of the last transition, the successful one included.
    pub attempts: u32,
    /// What went wrong last; empty after a success.
    pub last_error: String,
    /// Time of the event that caused the last transition, as the server wrote it; actions by hand leave it.
    pub event_time: String,
    /// When this was written, RFC 3339.
    pub updated: String,
}

impl State {
    /// Reads the state out of a machine's parameters. What cannot be read counts as no state: somebody's edit must not
    /// keep the machine from booting, and everything here can be found out again.
    #[must_use]
    pub fn from_params(params: &Params) -> Self {
        params.value(STATE).map(Self::from_value).unwrap_or_default()
    }

    /// Whether the hook did something on the machine; what was done by hand is the operator's, and what the server's own
    /// mechanism had us do is the server's.
    #[must_use]
    pub fn is_of_the_hook(&self) -> bool {
        self.phase != Phase::Idle && self.mechanism == Mechanism::Plugin
    }

    /// Reads the parameter's value; as [`State::from_params`].
    #[must_use]
    pub fn from_value(value: &Value) -> Self {
        serde_json::from_value(value.clone()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Phase, State};
    use crate::machine::Params;

    #[test]
    fn what_is_written_is_read_back_and_an_edit_that_broke_it_counts_as_none() {
        let state = State { phase: Phase::Mounted, slot: "1".into(), ..State::default() };
        for (value, expected) in [
            (serde_json::to_value(&state).unwrap(), state),
            (json!({"Phase": "Mounted", "Later": 1}), State { phase: Phase::Mounted, ..State::default() }),
            (json!("gone"), State::default()),
            (json!({"Phase": "Dancing"}), State::default()),
        ] {
            let params = Params::new(json!({"virtual-media/state": value}).as_object().unwrap().clone());
            assert_eq!(State::from_params(&params), expected);
        }
    }
}
