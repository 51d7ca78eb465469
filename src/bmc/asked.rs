//! What is asked of a BMC and what it answers, in terms that every driver shares.

use std::time::Duration;

/// What a machine boots from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BootDevice {
    /// The virtual CD, or a real one where the BMC does not tell them apart.
    Cd,
    /// The network.
    Pxe,
    /// The first disk.
    Disk,
}

/// For how long a boot device holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasting {
    /// For the next boot alone.
    Once,
    /// Until something else is set.
    Always,
}

/// The firmware that a boot device is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BootMode {
    /// UEFI.
    Uefi,
    /// BIOS, or UEFI's imitation of it.
    Legacy,
    /// The one that the machine boots with now, as far as the BMC knows: nobody says which.
    Current,
}

/// How long a machine makes itself known in its rack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identify {
    /// As long as the BMC does where nobody says.
    Usual,
    /// So long, then no longer.
    For(Duration),
    /// No longer.
    Off,
}

/// A part of the BMC's own description of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Power, health, what is booted next.
    Status,
    /// Maker, model, serial number, what is in the machine.
    Info,
    /// The firmware's settings.
    Bios,
    /// Memory modules.
    Memory,
    /// Storage controllers, drives and volumes.
    Storage,
    /// Storage devices as the older schema shows them.
    SimpleStorage,
    /// Processors.
    Processor,
    /// Network adapters by their functions.
    NetworkInterfaces,
    /// Ethernet interfaces with their addresses.
    EthernetInterfaces,
    /// Secure Boot.
    SecureBoot,
    /// Boot override and boot options.
    Boot,
}
