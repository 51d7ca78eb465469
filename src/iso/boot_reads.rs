//! How far a machine's boot has come, told from what is read of its image.
//!
//! An inference: the image server sees reads, not the machine. A BMC that reads ahead makes a boot look further than it is by
//! as much, and one that fetches the whole image first makes it look done; what was never read, the machine cannot have.

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::layout::Part;
use super::template::Template;
use crate::machine::{BootProgress, BootStage};

/// Bytes of a kernel or an initrd that are counted together: once the last of them was read.
const BLOCK: u64 = 64 << 10;

/// Follows the boots from one image.
#[derive(Debug)]
pub struct BootReads {
    template: Arc<Template>,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    progress: BootProgress,
    kernel: Coverage,
    initrd: Coverage,
}

/// Which blocks of a run of bytes were read.
#[derive(Debug, Default)]
struct Coverage {
    blocks: Vec<u64>,
    read: u64,
}

impl BootReads {
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
        if seen.progress.boot == 0 || (seen.progress.stage >= BootStage::Kernel && layout.begins_a_boot(&range)) {
            let progress = BootProgress { boot: seen.progress.boot + 1, began: Some(now), ..BootProgress::default() };
            *seen = Seen { progress, ..Seen::default() };
        }
        seen.progress.last_read = Some(now);
        seen.progress.bytes += range.end.saturating_sub(range.start);
        for (part, within) in layout.parts(range) {
            let stage = match part {
                Part::Catalogue => BootStage::Catalogue,
                Part::Loader => BootStage::Loader,
                Part::Configuration => BootStage::Configuration,
                Part::Kernel => {
                    seen.kernel.add(within, layout.len(Part::Kernel));
                    BootStage::Kernel
                }
                Part::Initrd => {
                    seen.initrd.add(within, layout.len(Part::Initrd));
                    BootStage::Initrd
                }
                Part::Other => continue,
            };
            seen.progress.stage = seen.progress.stage.max(stage);
        }
        let (kernel, initrd) =
            (seen.kernel.percent(layout.len(Part::Kernel)), seen.initrd.percent(layout.len(Part::Initrd)));
        let last = if layout.len(Part::Initrd) > 0 { (BootStage::Initrd, initrd) } else { (BootStage::Kernel, kernel) };
        if last == (seen.progress.stage, 100) {
            seen.progress.stage = BootStage::Done;
        }
        seen.progress.percent = match seen.progress.stage {
            BootStage::Kernel => Some(kernel),
            BootStage::Initrd => Some(initrd),
            _ => None,
        };
        before != (seen.progress.boot, seen.progress.stage)
    }

    /// How far the boot has come.
    #[must_use]
    pub fn now(&self) -> BootProgress {
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
