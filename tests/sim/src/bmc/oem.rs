//! Where a vendor says in code what its data cannot: hooks that the engine calls, all of them optional.

use serde_json::{Map, Value};

use super::call::{Act, Call, Effect};
use super::machine::Machine;
use super::message::Refusal;
use super::state::Device;

/// The resource a hook is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Root,
    System,
    Settings,
    Manager,
    /// A `VirtualMedia` member, by the index of its drive.
    Member(usize),
    /// A task.
    Task,
}

/// A vendor's own ways.
pub(super) trait Oem: Send + Sync {
    /// Adds to, or takes from, a resource about to be shown.
    fn decorate(&self, _part: Part, _machine: &Machine, _body: &mut Value) {}

    /// Answers a request before the engine looks at it.
    fn route(&self, _machine: &mut Machine, _call: &Call) -> Option<Act> {
        None
    }

    /// Takes its own properties out of a PATCH of a member, and says what they do after the rest.
    fn patch_member(
        &self,
        _machine: &Machine,
        _drive: usize,
        _body: &mut Map<String, Value>,
    ) -> Result<Vec<Effect>, Refusal> {
        Ok(Vec::new())
    }

    /// The vendor's own one-shot device, if one is set, in the vendor's words.
    fn boot_once(&self, _machine: &Machine) -> Option<String> {
        None
    }

    /// Takes the vendor's own one-shot device for the boot at hand; it goes before the standard override.
    fn take_boot_once(&self, _machine: &mut Machine) -> Option<Device> {
        None
    }

    /// The vendor's own device for every boot; one-shots and the standard override go before it.
    fn lasting_device(&self, _machine: &Machine) -> Option<Device> {
        None
    }

    /// Where the monitor of a task is, if not where the profile says.
    fn monitor(&self, _task: &str) -> Option<String> {
        None
    }

    /// At a reset, before a boot device is chosen.
    fn before_boot(&self, _machine: &mut Machine) {}
}

/// No ways of its own.
pub(super) struct NoOem;

impl Oem for NoOem {}
