//! The FAT reader beside an independent writer, and on bytes that no writer would write.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::{Cursor, Write};

use drp_virtual_media::iso::fat;
use drp_virtual_media::iso::volume::{FileEntry, ReadAt};
use fatfs::{FatType, FileSystem, FormatVolumeOptions, FsOptions};
use proptest::prelude::*;

/// A FAT volume of `bytes` with `files`, written by the crate `fatfs`.
pub(crate) fn written(kind: FatType, bytes: usize, files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut image = Cursor::new(vec![0; bytes]);
    let options = FormatVolumeOptions::new().fat_type(kind).bytes_per_cluster(512);
    fatfs::format_volume(&mut image, options).unwrap();
    {
        let volume = FileSystem::new(&mut image, FsOptions::new()).unwrap();
        for (path, contents) in files {
            let mut directory = volume.root_dir();
            let (parents, name) = path.trim_start_matches('/').rsplit_once('/').unwrap_or(("", path));
            for parent in parents.split('/').filter(|parent| !parent.is_empty()) {
                directory = directory.create_dir(parent).unwrap();
            }
            directory.create_file(name).unwrap().write_all(contents).unwrap();
        }
    }
    image.into_inner()
}

fn ours(image: &[u8], at: usize) -> BTreeMap<String, Vec<u8>> {
    let files = fat::files(image, at as u64).unwrap();
    let bytes_of = |file: &FileEntry| {
        let mut bytes = Vec::new();
        for extent in &file.extents {
            let from = usize::try_from(extent.offset).unwrap();
            bytes.extend(&image[from..from + usize::try_from(extent.len).unwrap()]);
        }
        bytes
    };
    files.iter().map(|file| (file.path.clone(), bytes_of(file))).collect()
}

#[test]
fn all_three_widths_are_read_with_their_names_and_bytes() {
    let large: Vec<u8> = (0..70_000_u32).flat_map(u32::to_le_bytes).collect();
    let files: &[(&str, &[u8])] = &[
        ("/EFI/BOOT/BOOTX64.EFI", &large),
        ("/EFI/BOOT/a rather long name, with \u{e9}.conf", b"long"),
        ("/EFI/debian/grub.cfg", b"lower case"),
        ("/empty.txt", b""),
    ];
    for (kind, bytes) in [(FatType::Fat12, 1 << 20), (FatType::Fat16, 8 << 20), (FatType::Fat32, 40 << 20)] {
        let image = written(kind, bytes, files);
        let expected: BTreeMap<String, Vec<u8>> =
            files.iter().map(|(path, bytes)| ((*path).to_owned(), bytes.to_vec())).collect();
        assert!(ours(&image, 0) == expected, "{kind:?}");
        let inside = [vec![1; 4096], image].concat();
        assert!(ours(&inside, 4096) == expected, "{kind:?}, inside of an image");
    }
}

/// Offset of the directory entry of a short name.
fn entry(image: &[u8], name: &[u8; 11]) -> usize {
    (0..image.len()).step_by(32).find(|at| image[*at..].starts_with(name)).unwrap()
}

#[test]
fn what_cannot_be_is_told() {
    let image = written(FatType::Fat12, 1 << 20, &[("/EFI/BOOT/BOOTX64.EFI", &[7; 5000])]);
    let change = |at: usize, bytes: &[u8]| {
        let mut image = image.clone();
        image[at..at + bytes.len()].copy_from_slice(bytes);
        image
    };
    let (efi, loader) = (entry(&image, b"EFI        "), entry(&image, b"BOOTX64 EFI"));
    let own = u16::from_le_bytes([image[efi + 26], image[efi + 27]]).to_le_bytes();
    let parent = entry(&image, b"BOOT       ");
    for (image, text) in [
        (b"no boot sector".repeat(100), "no FAT volume"),
        (change(11, &[0, 0]), "no FAT volume"),
        (change(13, &[3]), "no FAT volume"),
        (change(19, &[1, 0]), "shorter than its tables"),
        (change(22, &[0xff, 0xff]), "shorter than its tables"),
        (change(loader + 26, &[1, 0]), "a cluster that is none"),
        (change(loader + 26, &[0xef, 0x0f]), "a cluster that is none"),
        (change(parent + 26, &own), "a directory loop"),
        (image[..700].to_vec(), "could not be read"),
        (image[..100].to_vec(), "could not be read"),
    ] {
        let error = fat::files(&image[..], 0).unwrap_err().to_string();
        assert!(error.contains(text), "{text}: {error}");
    }
}

/// A chain that comes back to itself is followed as far as the file's length says, and no further.
#[test]
fn a_chain_that_is_a_loop_ends() {
    let mut image = written(FatType::Fat16, 8 << 20, &[("/BOOTX64.EFI", &[7; 512])]);
    let at = entry(&image, b"BOOTX64 EFI");
    let cluster = usize::from(u16::from_le_bytes([image[at + 26], image[at + 27]]));
    let table = usize::from(u16::from_le_bytes([image[14], image[15]])) * 512;
    image[table + cluster * 2..][..2].copy_from_slice(&u16::try_from(cluster).unwrap().to_le_bytes());
    image[at + 28..at + 32].copy_from_slice(&u32::MAX.to_le_bytes());
    let error = fat::files(&image[..], 0).unwrap_err().to_string();
    assert!(error.contains("too many clusters"), "{error}");
    image[at + 28..at + 32].copy_from_slice(&2000_u32.to_le_bytes());
    assert_eq!(fat::files(&image[..], 0).unwrap()[0].size(), 2000);
}

struct Metered(Vec<u8>, Cell<u64>);

impl ReadAt for Metered {
    fn size(&self) -> u64 {
        self.0.size()
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> std::io::Result<()> {
        self.1.set(self.1.get() + buf.len() as u64);
        assert!(self.1.get() < 10 << 20, "the walk reads without end");
        self.0.read_exact_at(buf, offset)
    }
}

proptest! {
    /// Bytes changed anywhere in boot sector, tables and directories: files or an error, without panic, and not much read.
    #[test]
    fn a_damaged_volume_costs_little_and_panics_nowhere(
        damage in prop::collection::vec((0_usize..16_384, any::<u8>()), 1..40), boot in prop::collection::vec((0_usize..64, any::<u8>()), 0..3),
    ) {
        thread_local!(static IMAGE: Vec<u8> = written(FatType::Fat12, 64 << 10, &[("/EFI/BOOT/BOOTX64.EFI", &[7; 5000]), ("/EFI/a long name.conf", b"x")]));
        let mut image = IMAGE.with(Clone::clone);
        for (at, byte) in damage.into_iter().chain(boot) {
            image[at] = byte;
        }
        let _ = fat::files(&Metered(image, Cell::new(0)), 0);
    }
}
