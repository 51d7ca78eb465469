//! How far a machine's boot has come, told from what is read of its image.
//!
//! An inference: the image server sees reads, not the machine. A BMC that fetches the whole image first makes a boot look done;
//! what was never read, the machine cannot have.
//!
//! Who reads a directory or a boot loader gets some of what lies beside it as well, the first bytes of kernel and initrd among
//! them. Seen with qemu's reads of 256 KiB ahead: 600 KiB of an initrd before any of the kernel, by OVMF, which looks at every
//! entry of the boot catalogue again and again, and by GRUB, which reads blocks of 32 KiB and looks for file systems at offsets
//! of its own. So a kernel counts once more of it was read than that, and an initrd after the kernel, as boot loaders load them.

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::layout::Part;
use super::template::Template;
use crate::machine::{BootProgress, BootStage};

/// Bytes of a kernel or an initrd that are counted together: once the last of them was read.
const BLOCK: u64 = 64 << 10;

/// Blocks that reads of something else may bring: 1 MiB.
const AHEAD: u64 = 16;

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
    /// Where the last read ended.
    ended: u64,
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
        // GRUB and Linux read what lies beside the first byte of what a firmware boots, but not from there on; SeaBIOS and OVMF do
        // just that. The rest of a longer read may begin anywhere.
        let begins = layout.begins_a_boot(range.start) && range.start != seen.ended;
        if seen.progress.boot == 0 || (seen.progress.stage >= BootStage::Kernel && begins) {
            let progress = BootProgress { boot: seen.progress.boot + 1, began: Some(now), ..BootProgress::default() };
            *seen = Seen { progress, ..Seen::default() };
        }
        seen.ended = range.end;
        seen.progress.last_read = Some(now);
        seen.progress.bytes += range.end.saturating_sub(range.start);
        let mut reached = BootStage::Waiting;
        let mut is_initrds = false;
        for (part, within) in layout.parts(range) {
            match part {
                Part::Catalogue => reached = reached.max(BootStage::Catalogue),
                Part::Loader => reached = reached.max(BootStage::Loader),
                Part::Configuration => reached = reached.max(BootStage::Configuration),
                Part::Kernel => seen.kernel.add(within, layout.len(Part::Kernel)),
                Part::Initrd => {
                    seen.initrd.add(within, layout.len(Part::Initrd));
                    is_initrds = true;
                }
                Part::Other => {}
            }
        }
        let stage = seen.stage(layout.len(Part::Kernel), layout.len(Part::Initrd), is_initrds);
        seen.progress.stage = seen.progress.stage.max(reached).max(stage);
        let (kernel, initrd) =
            (seen.kernel.percent(layout.len(Part::Kernel)), seen.initrd.percent(layout.len(Part::Initrd)));
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

impl Seen {
    /// The stage that kernel and initrd, of so many bytes each, speak for, after a read that touched the initrd or did not.
    fn stage(&self, kernel: u64, initrd: u64, touched: bool) -> BootStage {
        if !self.kernel.is_begun(kernel) {
            return BootStage::Waiting;
        }
        // An image may have several kernels, of which a boot reads one.
        let is_after = self.kernel.is_nearly_whole(kernel) || self.initrd.read > AHEAD;
        match (is_after, initrd) {
            (_, 0) if self.kernel.percent(kernel) == 100 => BootStage::Done,
            (true, 1..) if self.initrd.percent(initrd) == 100 => BootStage::Done,
            (true, 1..) if touched => BootStage::Initrd,
            _ => BootStage::Kernel,
        }
    }
}

impl Coverage {
    /// Whether more of a run of `len` bytes was read than comes with something else.
    fn is_begun(&self, len: u64) -> bool {
        self.read > 0 && self.read >= AHEAD.min(len.div_ceil(BLOCK).div_ceil(4))
    }

    /// Whether no loader would read much more of it: one leaves out the signature at a kernel's end.
    fn is_nearly_whole(&self, len: u64) -> bool {
        self.read * 10 >= len.div_ceil(BLOCK) * 9
    }

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
