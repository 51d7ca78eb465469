//! What is asked of a BMC, in terms that every driver shares.

use std::time::Duration;

/// What is wanted of the machine's power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Power {
    /// On; nothing is done when it is.
    On,
    /// Off at once, without asking the operating system; nothing is done when it is.
    Off,
    /// Off and on again; a machine that is off is turned on.
    Cycle,
}

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

/// How a machine is known in its rack after it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identified {
    /// Not: its light is off.
    No,
    /// Its light is on until somebody switches it off: the BMC has no timer for it.
    UntilSwitchedOff,
    /// Its light is on for so long, by the BMC's own timer.
    For(Duration),
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

impl BootDevice {
    /// The device as Redfish and our answers write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cd => "Cd",
            Self::Pxe => "Pxe",
            Self::Disk => "Hdd",
        }
    }
}

impl Lasting {
    /// How long as Redfish and our answers write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Once => "Once",
            Self::Always => "Continuous",
        }
    }
}

impl Part {
    /// Every part.
    pub const ALL: [Self; 11] = [
        Self::Status,
        Self::Info,
        Self::Bios,
        Self::Memory,
        Self::Storage,
        Self::SimpleStorage,
        Self::Processor,
        Self::NetworkInterfaces,
        Self::EthernetInterfaces,
        Self::SecureBoot,
        Self::Boot,
    ];

    /// The part's name for people and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Info => "info",
            Self::Bios => "bios",
            Self::Memory => "memory",
            Self::Storage => "storage",
            Self::SimpleStorage => "simple-storage",
            Self::Processor => "processor",
            Self::NetworkInterfaces => "network-interfaces",
            Self::EthernetInterfaces => "ethernet-interfaces",
            Self::SecureBoot => "secure-boot",
            Self::Boot => "boot",
        }
    }

    /// The part in a sentence about the machine: its …
    pub(super) fn spoken(self) -> String {
        self.name().replace('-', " ")
    }
}
