//! How far a machine's boot has come, told from what is read of its image.
//!
//! An inference: the image server sees reads, not the machine. A BMC that reads ahead makes a boot look further than it is by
//! as much, and one that fetches the whole image first makes it look done; what was never read, the machine cannot have.

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::layout::Part;
use super::template::Template;

/// Bytes of a kernel or an initrd that are counted together: once the last of them was read.
const BLOCK: u64 = 64 << 10;

/// How far a boot has come. Each stage has those before it behind it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Stage {
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
#[serde(rename_all = "PascalCase")]
pub struct Progress {
    /// How far.
    pub stage: Stage,
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

/// Follows the boots from one image.
#[derive(Debug)]
pub struct BootProgress {
    template: Arc<Template>,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    progress: Progress,
    kernel: Coverage,
    initrd: Coverage,
}

/// Which blocks of a run of bytes were read.
#[derive(Debug, Default)]
struct Coverage {
    blocks: Vec<u64>,
    read: u64,
}

impl BootProgress {
    /// A boot from an image of `template` that has not begun.
    #[must_use]
    pub fn new(template: Arc<Template>) -> Self {
        Self { template, seen: Mutex::default() }
    }

    /// Takes note of bytes that were sent; says whether a boot began with them or came to another stage.
    pub fn read(&self, range: Range<u64>) -> bool {
        let now = Timestamp::now();
        let layout = self.template.layout();
        let mut seen = self.seen();
        let before = (seen.progress.boot, seen.progress.stage);
        // GRUB looks at every device while it searches, Linux at the volume's descriptors: neither is a boot. The first byte
        // of what a firmware boots, after a kernel, is.
        if seen.progress.boot == 0 || (seen.progress.stage >= Stage::Kernel && layout.begins_a_boot(&range)) {
            let progress = Progress { boot: seen.progress.boot + 1, began: Some(now), ..Progress::default() };
            *seen = Seen { progress, ..Seen::default() };
        }
        seen.progress.last_read = Some(now);
        seen.progress.bytes += range.end.saturating_sub(range.start);
        for (part, within) in layout.parts(range) {
            let stage = match part {
                Part::Catalogue => Stage::Catalogue,
                Part::Loader => Stage::Loader,
                Part::Configuration => Stage::Configuration,
                Part::Kernel => {
                    seen.kernel.add(within, layout.len(Part::Kernel));
                    Stage::Kernel
                }
                Part::Initrd => {
                    seen.initrd.add(within, layout.len(Part::Initrd));
                    Stage::Initrd
                }
                Part::Other => continue,
            };
            seen.progress.stage = seen.progress.stage.max(stage);
        }
        let (kernel, initrd) =
            (seen.kernel.percent(layout.len(Part::Kernel)), seen.initrd.percent(layout.len(Part::Initrd)));
        let last = if layout.len(Part::Initrd) > 0 { (Stage::Initrd, initrd) } else { (Stage::Kernel, kernel) };
        if last == (seen.progress.stage, 100) {
            seen.progress.stage = Stage::Done;
        }
        seen.progress.percent = match seen.progress.stage {
            Stage::Kernel => Some(kernel),
            Stage::Initrd => Some(initrd),
            _ => None,
        };
        before != (seen.progress.boot, seen.progress.stage)
    }

    /// How far the boot has come.
    #[must_use]
    pub fn now(&self) -> Progress {
        self.seen().progress.clone()
    }

    /// What the lock guards is whole after every statement.
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Coverage {
    /// Adds a range of a run of `len` bytes.
    fn add(&mut self, range: Range<u64>, len: u64) {
        // The last block ends with the run.
        let ended = |at: u64| if at == len { len.div_ceil(BLOCK) } else { at / BLOCK };
        for block in range.start / BLOCK..ended(range.end) {
            let Ok(word) = usize::try_from(block / 64) else { return };
            if self.blocks.len() <= word {
                self.blocks.resize(word + 1, 0);
            }
            let bit = 1 << (block % 64);
            self.read += u64::from(self.blocks[word] & bit == 0);
            self.blocks[word] |= bit;
        }
    }

    /// 100 only where every block was read.
    fn percent(&self, len: u64) -> u8 {
        let blocks = len.div_ceil(BLOCK).max(1);
        u8::try_from(self.read * 100 / blocks).unwrap_or(100)
    }
}

impl Stage {
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
                "the boot loader read its configuration and no kernel: it waits or has given up; look at the console"
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

impl std::fmt::Display for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
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
impl std::fmt::Display for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.stage)?;
        self.percent.map_or(Ok(()), |percent| write!(f, ", {percent} %"))
    }
}

impl Progress {
    /// How a boot that goes no further stands, for people: the stage, for how long, what to look at.
    #[must_use]
    pub fn stuck(&self, now: Timestamp) -> String {
        let idle = self.last_read.map(|last| now.duration_since(last).as_secs());
        let idle = idle.map_or_else(String::new, |seconds| format!(", nothing read for {seconds} s"));
        format!("the boot stands at: {self}{idle}; {}", self.stage.stuck())
    }
}
