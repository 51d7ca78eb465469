//! The machine as we need it: who it is, its parameters, its kernel arguments, and what a BootEnv change asks for.
//!
//! Pure: no I/O, no clock, no runtime. Values come from servers of many versions and from people, so reading them is
//! lenient where the server's own schemas are, and otherwise fails with the parameter's name.

mod boot_progress;
pub mod bootparams;
mod delivery;
mod kernel_args;
mod loader;
mod mechanism;
mod network;
pub mod params;
mod sledgehammer;
mod state;
mod transition;

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

pub use boot_progress::{BootProgress, BootStage};
pub use delivery::{BootWait, ImageScheme, IsoDelivery, ServeTerms};
pub use kernel_args::{KernelArgs, WordError};
pub use loader::Loader;
pub use mechanism::{BUILT_IN_FEATURE, Mechanism, MechanismError};
pub use network::ProvisioningNetwork;
pub use params::{ParamError, Params};
pub use sledgehammer::sledgehammer_args;
pub use state::{Phase, State};
pub use transition::{
    Change, Decision, PowerOnTransition, Snapshot, bootenv_by_hand, boots_through_virtual_media, decide, is_older,
    missed,
};

/// A machine's key on the server; also the name of its directory, so it cannot be anything but a UUID.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MachineUuid(Uuid);

impl MachineUuid {
    /// Reads a UUID in any of its usual spellings.
    ///
    /// # Errors
    /// The text is no UUID.
    pub fn parse(text: &str) -> Result<Self, MachineError> {
        Uuid::try_parse(text).map(Self).map_err(|_| MachineError::Uuid(text.to_owned()))
    }
}

impl fmt::Display for MachineUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.hyphenated())
    }
}

impl fmt::Debug for MachineUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A machine object, and what we act on in it.
#[derive(Clone, PartialEq)]
pub struct Machine {
    /// Its key.
    pub uuid: MachineUuid,
    /// What people call it; the UUID where the object has no name.
    pub name: String,
    /// The BootEnv that it is in; empty when the object does not say.
    pub bootenv: String,
    /// Its architecture as the server writes it, such as `amd64`; empty when the object does not say.
    pub arch: String,
    /// The parameters set directly on it; secure ones may still be sealed.
    pub params: Params,
    /// All of it, as the server shows it to a BootEnv's templates.
    pub object: Value,
}

/// Parameters may hold secrets, and the object holds the parameters.
impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { uuid, name, bootenv, arch, params, object: _ } = self;
        let mut shown = f.debug_struct("Machine");
        shown.field("uuid", uuid).field("name", name).field("bootenv", bootenv).field("arch", arch);
        shown.field("params", params).finish_non_exhaustive()
    }
}

/// A machine object that cannot be acted on.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum MachineError {
    /// It is null, a list, a word.
    #[error("the machine is {0}, expected a machine object with a Uuid")]
    NotAnObject(&'static str),
    /// The key is missing.
    #[error("the machine object has no Uuid")]
    NoUuid,
    /// The key is not a UUID.
    #[error("the machine's Uuid is `{0}`, which is no UUID")]
    Uuid(String),
}

impl Machine {
    /// Reads a machine object as a server sends it: absent and null fields are empty, unknown ones ignored.
    ///
    /// # Errors
    /// It is no object, or its `Uuid` is missing or no UUID.
    pub fn from_json(object: &Value) -> Result<Self, MachineError> {
        let fields = object.as_object().ok_or(MachineError::NotAnObject(params::type_name(object)))?;
        let text = |field: &str| fields.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        let uuid = match text("Uuid") {
            missing if missing.is_empty() => return Err(MachineError::NoUuid),
            uuid => MachineUuid::parse(&uuid)?,
        };
        let name = match text("Name") {
            missing if missing.is_empty() => uuid.to_string(),
            name => name,
        };
        let params = fields.get("Params").and_then(Value::as_object).cloned().unwrap_or_default();
        Ok(Self {
            uuid,
            name,
            bootenv: text("BootEnv"),
            arch: text("Arch"),
            params: Params::new(params),
            object: object.clone(),
        })
    }
}

/// How messages name a machine: the name people know and the key to look it up by.
impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name == self.uuid.to_string() { self.uuid.fmt(f) } else { write!(f, "{} ({})", self.name, self.uuid) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Machine, MachineError};

    const UUID: &str = "9f0c2a4e-1111-4222-8333-444455556666";

    #[test]
    fn null_and_absent_fields_are_empty() {
        let machine = Machine::from_json(&json!({"Uuid": UUID, "Params": null, "BootEnv": null})).unwrap();
        assert_eq!((machine.name.as_str(), machine.bootenv.as_str()), (UUID, ""));
        assert_eq!(machine.to_string(), UUID);
    }

    #[test]
    fn a_machine_without_a_usable_key_is_refused() {
        for (object, error) in [
            (json!(null), MachineError::NotAnObject("null")),
            (json!({}), MachineError::NoUuid),
            (json!({"Uuid": 7}), MachineError::NoUuid),
            (json!({"Uuid": "../../etc"}), MachineError::Uuid("../../etc".into())),
        ] {
            assert_eq!(Machine::from_json(&object), Err(error));
        }
    }
}
