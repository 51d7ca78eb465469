//! How far a boot has come, told from reads of an image: each stage in turn, and what looks like a boot and is none.

use std::ops::Range;
use std::sync::{Arc, LazyLock};

use drp_virtual_media::iso::volume::{FileEntry, ReadAt, Volume};
use drp_virtual_media::iso::{BootReads, Template};
use drp_virtual_media::machine::BootStage;
use drp_virtual_media_sim::template::{self, Family};
use proptest::prelude::*;
use tempfile::TempDir;

use crate::images::{self, open};

/// A template, and where its files lie.
struct Laid {
    template: Arc<Template>,
    files: Vec<FileEntry>,
    boot_image: u64,
    _dir: TempDir,
}

impl Laid {
    /// With a kernel and an initrd of some mebibytes.
    fn new(family: Family) -> Self {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("t.iso");
        template::write_sized(&path, family, 8 << 20, 20 << 20).unwrap();
        Self::of(open(&path), dir)
    }

    fn of(template: Arc<Template>, dir: TempDir) -> Self {
        let source = template.source();
        let volume = Volume::open(source).unwrap();
        let files = volume.files().unwrap();
        let catalog = volume.boot_catalog().unwrap();
        let mut entry = [0; 4];
        source.read_exact_at(&mut entry, catalog + 32 + 8).unwrap();
        let boot_image = u64::from(u32::from_le_bytes(entry)) * 2048;
        Self { files, boot_image, template, _dir: dir }
    }

    fn file(&self, path: &str) -> Range<u64> {
        let file = self.files.iter().find(|file| file.path == path).unwrap_or_else(|| panic!("no {path}"));
        file.extents[0].offset..file.extents[0].offset + file.size()
    }

    fn config(&self) -> Range<u64> {
        self.file(self.template.areas()[0].file())
    }

    fn progress(&self) -> BootReads {
        BootReads::new(Arc::clone(&self.template))
    }
}

/// One for all cases of a property.
static GRUB: LazyLock<Laid> = LazyLock::new(|| Laid::new(Family::Grub));

const CATALOGUE: Range<u64> = 16 * 2048..18 * 2048;

#[test]
fn each_stage_of_a_boot_is_told_by_what_is_read() {
    for family in [Family::Grub, Family::Isolinux] {
        let laid = Laid::new(family);
        let (kernel, initrd) = (laid.file("/vmlinuz0"), laid.file("/stage1.img"));
        let progress = laid.progress();
        assert_eq!(progress.now().to_string(), "nothing read yet");
        let whole = |file: &Range<u64>| (file.end - file.start) > 64 << 10;
        let middle = |file: &Range<u64>| file.start + (file.end - file.start) / 2 / 65536 * 65536;
        let steps = [
            (CATALOGUE, true, "boot catalogue".to_owned()),
            (laid.boot_image..laid.boot_image + 2048, true, "boot loader".to_owned()),
            (CATALOGUE, false, "boot loader".to_owned()),
            (laid.config(), true, "boot loader's configuration".to_owned()),
            // As much as may come with the configuration is no kernel yet.
            (kernel.start..kernel.start + 512, false, "boot loader's configuration".to_owned()),
            (kernel.start + 512..kernel.start + (2 << 20), true, "kernel, 24 %".to_owned()),
        ];
        for (range, changes, shown) in steps {
            assert_eq!(progress.read(range.clone()), changes, "{family:?}: {shown}");
            assert!(progress.now().to_string().starts_with(&shown), "{family:?}: {} for {shown}", progress.now());
        }
        progress.read(kernel.clone());
        assert_eq!(progress.now().to_string(), "kernel, 100 %");
        // In pieces, as a BMC reads; one of them twice.
        let mut at = initrd.start;
        while at < initrd.end {
            let to = (at + 2048).min(initrd.end);
            progress.read(at..to);
            if at == middle(&initrd) && whole(&initrd) {
                assert_eq!(progress.now().stage, BootStage::Initrd);
                assert!((40..=60).contains(&progress.now().percent.unwrap()), "{}", progress.now());
                progress.read(initrd.start..to);
            }
            assert_eq!(progress.now().stage == BootStage::Done, to == initrd.end, "{family:?}: {to} of {initrd:?}");
            at = to;
        }
        assert_eq!((progress.now().boot, progress.now().percent), (1, None));
    }
}

#[test]
fn what_the_kernel_and_the_boot_loader_look_at_is_no_new_boot_and_the_firmware_is() {
    let laid = Laid::new(Family::Grub);
    let progress = laid.progress();
    let boot_image = laid.boot_image..laid.boot_image + 512;
    for range in [CATALOGUE, boot_image.clone(), boot_image.clone(), laid.config(), boot_image.clone()] {
        progress.read(range);
    }
    assert_eq!((progress.now().boot, progress.now().stage), (1, BootStage::Configuration), "GRUB looks at each device");
    progress.read(laid.file("/vmlinuz0"));
    progress.read(laid.file("/stage1.img"));
    progress.read(CATALOGUE);
    assert_eq!((progress.now().boot, progress.now().stage), (1, BootStage::Done), "Linux looks at the volume");
    assert!(progress.read(boot_image));
    assert_eq!((progress.now().boot, progress.now().stage, progress.now().bytes), (2, BootStage::Loader, 512));
}

/// The reads of qemu's HTTP client, which reads 256 KiB ahead, in boots by BIOS and UEFI with isolinux and GRUB.
#[test]
fn reads_ahead_of_the_firmware_and_of_grub_are_neither_a_kernel_nor_another_boot() {
    const AHEAD: u64 = 264_192;
    for family in [Family::Grub, Family::Isolinux] {
        let laid = Laid::new(family);
        let (kernel, initrd) = (laid.file("/vmlinuz0"), laid.file("/stage1.img"));
        let progress = laid.progress();
        let read = |at: u64| progress.read(at..(at + AHEAD).min(laid.template.size()));
        let efi = laid.file("/images/efiboot.img").start;
        // OVMF looks at the volume and at what it may boot, over and over; GRUB searches for file systems where they might be.
        for _ in 0..4 {
            for at in [0, 32_768, laid.boot_image, efi, kernel.start - 32_768, initrd.start - 32_768] {
                read(at);
            }
        }
        for at in [initrd.start + 276_480, initrd.start + 145_408, laid.config().start] {
            read(at);
        }
        let reached = progress.now();
        assert_eq!((reached.boot, reached.stage), (1, BootStage::Configuration), "{family:?}");
        for (file, stage) in [(&kernel, BootStage::Kernel), (&initrd, BootStage::Initrd)] {
            let mut at = file.start;
            while at + AHEAD < file.end - AHEAD {
                read(at);
                at += AHEAD;
            }
            assert_eq!((progress.now().boot, progress.now().stage), (1, stage), "{family:?}");
            // A directory on the way, in a block with the first bytes of what the firmware boots.
            for near in [laid.boot_image, efi] {
                progress.read(near - 512..near + AHEAD);
            }
            progress.read(at..file.end);
        }
        assert_eq!((progress.now().boot, progress.now().stage), (1, BootStage::Done), "{family:?}");
        assert!(read(efi));
        assert_eq!(progress.now().boot, 2, "{family:?}");
        assert!(progress.now().stage < BootStage::Kernel, "{family:?}: {}", progress.now());
    }
}

#[test]
fn an_initrd_begins_after_most_of_a_kernel_and_what_lies_beside_a_kernel_does_not() {
    let laid = Laid::new(Family::Grub);
    let (kernel, initrd) = (laid.file("/vmlinuz0"), laid.file("/stage1.img"));
    let a_bit = initrd.start..initrd.start + (64 << 10);
    let len = kernel.end - kernel.start;
    for (read, stage) in [(len / 2, BootStage::Kernel), (len / 20 * 19, BootStage::Initrd), (len, BootStage::Initrd)] {
        let progress = laid.progress();
        progress.read(kernel.start..kernel.start + read);
        progress.read(a_bit.clone());
        assert_eq!(progress.now().stage, stage, "after {read} of {len} bytes of the kernel");
    }
}

#[test]
fn a_boot_that_goes_no_further_is_told_with_its_stage() {
    let laid = Laid::new(Family::Isolinux);
    let progress = laid.progress();
    assert!(progress.now().stuck(jiff::Timestamp::now()).contains("the machine has not booted from it"));
    progress.read(laid.boot_image..laid.boot_image + 2048);
    let later = progress.now().last_read.unwrap() + jiff::SignedDuration::from_secs(90);
    let stuck = progress.now().stuck(later);
    assert!(stuck.starts_with("the boot stands at: boot loader, nothing read for 90 s; "), "{stuck}");
    let kernel = laid.file("/vmlinuz0");
    progress.read(kernel.start..kernel.start + (2 << 20));
    let stuck = progress.now().stuck(later);
    assert!(stuck.contains("at: kernel, 24 %") && stuck.contains("not read to its end"), "{stuck}");
}

#[test]
fn every_image_has_a_kernel_and_an_initrd_to_follow() {
    for (name, bytes) in images::all() {
        let dir = TempDir::new().unwrap();
        let laid = Laid::of(open(&images::file(&dir, "t.iso", &bytes)), dir);
        let progress = laid.progress();
        progress.read(0..laid.template.size());
        assert_eq!(progress.now().stage, BootStage::Done, "{name}");
    }
}

proptest! {
    /// However an image is read, the boot is done when, and only when, every byte of the initrd has been read.
    #[test]
    fn a_boot_is_done_once_the_initrd_was_read_to_its_end(pieces in prop::collection::vec(1_u64..300_000, 1..40), skip in 0_usize..40) {
        let laid = &*GRUB;
        let initrd = laid.file("/stage1.img");
        let progress = laid.progress();
        progress.read(laid.file("/vmlinuz0"));
        let (mut at, mut missing) = (initrd.start, false);
        for (number, piece) in pieces.iter().chain(std::iter::repeat(&262_144)).enumerate() {
            let to = (at + piece).min(initrd.end);
            if number == skip && to - at > 65_536 {
                missing = true;
            } else {
                progress.read(at..to);
            }
            at = to;
            if at == initrd.end {
                break;
            }
        }
        prop_assert_eq!(progress.now().stage == BootStage::Done, !missing);
    }
}
