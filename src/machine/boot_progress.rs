//! How far a machine's boot from its image has come.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How far a boot has come. Each stage has those before it behind it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum BootStage {
    /// Nothing was read.
    #[default]
    Waiting,
    /// Volume and boot catalogue.
    Catalogue,
    /// What the firmware boots, and what that loads of itself.
    Loader,
    /// The boot loader's configuration.
    Configuration,
    /// Some of the kernel.
    Kernel,
    /// Some of the initrd.
    Initrd,
    /// The whole initrd: the rest is the kernel's.
    Done,
}

/// How far a boot has come, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct BootProgress {
    /// How far.
    pub stage: BootStage,
    /// How much of the kernel or the initrd was read, while one is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percent: Option<u8>,
    /// Bytes sent since the boot began, those sent twice included.
    pub bytes: u64,
    /// Which boot from this image it is, from 1; 0 before anything was read.
    pub boot: u32,
    /// When it began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub began: Option<Timestamp>,
    /// When something was read last: the boot is idle since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_read: Option<Timestamp>,
}

impl BootStage {
    /// What a boot that goes no further has reached, and what to look at.
    fn stuck(self) -> &'static str {
        match self {
            Self::Waiting => {
                "nothing of the image was read: the machine has not booted from it, or its BMC does not reach the image \
                 server; look at the boot order and at the BMC's log"
            }
            Self::Catalogue => {
                "the boot catalogue was read and no boot loader: look whether the machine's firmware (BIOS or UEFI) is one \
                 that the image boots, and at the boot order"
            }
            Self::Loader => {
                "the boot loader was read and its configuration was not: it hangs, or Secure Boot refuses it; look at the \
                 console"
            }
            Self::Configuration => {
                "the boot loader read its configuration, and of a kernel little or nothing: it waits or has given up; look at the \
                 console"
            }
            Self::Kernel => {
                "the kernel was not read to its end: look at the BMC's line to the image server and at the console"
            }
            Self::Initrd => {
                "the initrd was not read to its end: look at the BMC's line to the image server and at the console"
            }
            Self::Done => "the initrd was read whole: what comes after is the kernel's; look at the console",
        }
    }
}

impl fmt::Display for BootStage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Waiting => "nothing read yet",
            Self::Catalogue => "boot catalogue",
            Self::Loader => "boot loader",
            Self::Configuration => "boot loader's configuration",
            Self::Kernel => "kernel",
            Self::Initrd => "initrd",
            Self::Done => "initrd read whole",
        })
    }
}

/// The stage, and how much of it: `initrd, 42 %`.
impl fmt::Display for BootProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.stage)?;
        self.percent.map_or(Ok(()), |percent| write!(f, ", {percent} %"))
    }
}

impl BootProgress {
    /// How a boot that goes no further stands, for people: the stage, for how long, what to look at.
    #[must_use]
    pub fn stuck(&self, now: Timestamp) -> String {
        let idle = self.last_read.map(|last| now.duration_since(last).as_secs());
        let idle = idle.map_or_else(String::new, |seconds| format!(", nothing read for {seconds} s"));
        format!("the boot stands at: {self}{idle}; {}", self.stage.stuck())
    }
}
