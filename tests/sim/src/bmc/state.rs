//! What a test sees of a simulated machine: power, drives, boots, fetches, tasks.

use std::fmt;

/// A snapshot of one simulated machine and its BMC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// The machine's power.
    pub power: Power,
    /// The virtual drives, truly: stale or late answers of the BMC do not show here.
    pub slots: Vec<Slot>,
    /// How often an image was taken out, by whomever.
    pub ejects: u64,
    /// What the next boot alone will take: a Redfish boot target, or the vendor's own device name.
    pub boot_once: Option<String>,
    /// `BootSourceOverrideMode`, shown or not.
    pub boot_mode: String,
    /// What every boot takes that nothing else is set for; `None`: the disk, by the firmware's own order.
    pub boot_always: Option<Device>,
    /// Whether the light makes the machine known.
    pub identifies: bool,
    /// Every boot since the start (the last thousand).
    pub boots: Vec<Boot>,
    /// What was fetched from image URLs (the last thousand requests).
    pub fetches: Vec<Fetch>,
    /// Tasks and jobs (the last hundred).
    pub tasks: Vec<TaskRecord>,
    /// Open sessions.
    pub sessions: usize,
}

/// Power state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Power {
    /// Running.
    On,
    /// Off.
    Off,
    /// On its way to On.
    PoweringOn,
    /// On its way to Off.
    PoweringOff,
}

impl fmt::Display for Power {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Power::On => "On",
            Power::Off => "Off",
            Power::PoweringOn => "PoweringOn",
            Power::PoweringOff => "PoweringOff",
        })
    }
}

/// One virtual drive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The drive's own name, as in the profile; collections may call it otherwise.
    pub id: String,
    /// The image in it.
    pub image: Option<String>,
    /// Whether the machine sees a medium.
    pub inserted: bool,
}

/// One boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Boot {
    /// What it booted from.
    pub device: Device,
    /// The image in that drive.
    pub image: Option<String>,
}

/// What a machine boots from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Device {
    /// The disk: also what is left where another device holds nothing to boot.
    Disk,
    /// The network.
    Pxe,
    /// The virtual CD.
    VirtualCd,
    /// The CD drive in the chassis. It is always empty, so the machine goes on to its disk.
    PhysicalCd,
    /// A USB disk.
    Usb,
    /// Firmware setup.
    Setup,
}

/// One request to an image's URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetch {
    /// The URL.
    pub url: String,
    /// HEAD or GET.
    pub method: &'static str,
    /// The `Range` asked for.
    pub range: Option<String>,
    /// The status; `None`: nobody answered.
    pub status: Option<u16>,
    /// Bytes of body read.
    pub bytes: u64,
    /// The ISO 9660 volume identifier, where the request covered the primary volume descriptor and it is one.
    pub volume: Option<String>,
}

/// One task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskRecord {
    /// Its id.
    pub id: String,
    /// `TaskState`: New, Running, Completed or Exception.
    pub state: &'static str,
    /// `MessageId` of what went wrong.
    pub failure: Option<String>,
}
