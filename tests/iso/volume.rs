//! The volume reader beside an independent one, and on bytes that no writer would write.

use std::collections::BTreeMap;
use std::io::Read;

use drp_virtual_media::iso::volume::{ReadAt, Volume, VolumeError};
use hadris_fs::{MountOptions, OpenOptions, TreeEntry};
use hadris_iso::sync::IsoFs;
use proptest::prelude::*;

use crate::disc::{ce, nm, record};
use crate::images;

type Files = BTreeMap<String, Vec<u8>>;

fn ours(image: &[u8]) -> Result<Files, VolumeError> {
    let volume = Volume::open(image)?;
    let files = volume.files()?;
    files.iter().map(|file| Ok((file.path.clone(), volume.contents(file, 1 << 20)?.unwrap_or_default()))).collect()
}

fn theirs(image: Vec<u8>) -> Files {
    let volume = hadris_fs::sync::Volume::new(IsoFs::mount(image, MountOptions::new()).unwrap());
    let tree = hadris_fs::sync::read_tree(&volume, "/").unwrap();
    let mut paths = Vec::new();
    collect("", tree.root(), &mut paths);
    let read = |path: &String| {
        let mut bytes = Vec::new();
        volume.open(path, OpenOptions::new().read()).unwrap().read_to_end(&mut bytes).unwrap();
        bytes
    };
    paths.iter().map(|path| (path.clone(), read(path))).collect()
}

fn collect(path: &str, entry: TreeEntry<'_>, paths: &mut Vec<String>) {
    for (name, child) in entry.children() {
        let path = format!("{path}/{}", String::from_utf8_lossy(name.as_bytes()));
        match child.node().content() {
            Some(_) => paths.push(path),
            None => collect(&path, child, paths),
        }
    }
}

#[test]
fn an_independent_reader_finds_the_same_files_with_the_same_bytes() {
    for (name, image) in images::all() {
        let files = ours(&image).unwrap();
        assert!(files.len() > 8, "{name}: {:?}", files.keys());
        assert_eq!(files, theirs(image), "{name}");
    }
}

#[test]
fn a_directory_of_several_sectors_is_read_whole() {
    let files = ours(&images::fixture("grub")).unwrap();
    assert_eq!(files.keys().filter(|path| path.starts_with("/boot/grub/i386-pc/module_")).count(), 60);
}

#[test]
fn every_truncation_is_told_with_both_lengths() {
    let image = images::fixture("grub");
    let len = image.len() as u64;
    for cut in [1, 2048, 100_000, image.len() - 40_000] {
        let error = Volume::open(&image[..image.len() - cut]).unwrap_err();
        let VolumeError::Truncated { declared, actual } = error else { panic!("{error}") };
        assert_eq!(actual, len - cut as u64);
        assert!(declared > actual && declared <= len);
    }
    assert!(matches!(Volume::open(&image[..10_000]).unwrap_err(), VolumeError::NoVolume));
    assert!(matches!(Volume::open(&[0_u8; 0][..]).unwrap_err(), VolumeError::NoVolume));
}

/// Offsets of the directory records of `name`, by its ISO 9660 identifier.
fn records(image: &[u8], identifier: &[u8]) -> Vec<usize> {
    let fits = |at: &usize| image[at + 33..].starts_with(identifier) && usize::from(image[at + 32]) == identifier.len();
    (16 * 2048..image.len() - 64).filter(fits).collect()
}

fn root(image: &[u8]) -> u32 {
    u32::from_le_bytes(image[16 * 2048 + 158..][..4].try_into().unwrap())
}

#[test]
fn a_directory_that_is_its_own_child_is_a_loop() {
    let mut image = images::fixture("grub");
    let root = root(&image);
    for at in records(&image, b"IMAGES") {
        image[at + 2..at + 6].copy_from_slice(&root.to_le_bytes());
    }
    let error = Volume::open(&image[..]).unwrap().files().unwrap_err();
    assert!(matches!(&error, VolumeError::Loop { path } if path == "/images"), "{error}");
}

#[test]
fn what_lies_beyond_the_end_is_told_by_name() {
    let mut image = images::fixture("grub");
    for at in records(&image, b"VMLINUZ0.;1") {
        image[at + 10..at + 14].copy_from_slice(&u32::MAX.to_le_bytes());
    }
    let error = Volume::open(&image[..]).unwrap().files().unwrap_err();
    assert!(matches!(&error, VolumeError::Bounds { what, .. } if what == "/vmlinuz0"), "{error}");
}

#[test]
fn a_directory_too_large_to_be_one_is_refused_unread() {
    let mut image = images::fixture("grub");
    for at in records(&image, b"IMAGES") {
        image[at + 10..at + 14].copy_from_slice(&(5_u32 << 20).to_le_bytes());
    }
    let error = Volume::open(&image[..]).unwrap().files().unwrap_err();
    assert!(matches!(error, VolumeError::Limit { .. }), "{error}");
}

/// A volume whose only directory is the root, in sectors 18 and on, with these records after its first.
fn volume_of(records: &[Vec<u8>]) -> Vec<u8> {
    let mut sectors: Vec<Vec<u8>> = vec![record(&[0], 0x02, 18, 0, b"SP\x07\x01\xbe\xef\x00")];
    for record in records {
        if sectors.last().unwrap().len() + record.len() > 2048 {
            sectors.last_mut().unwrap().resize(2048, 0);
            sectors.push(Vec::new());
        }
        sectors.last_mut().unwrap().extend(record);
    }
    let mut directory = sectors.concat();
    directory.resize(directory.len().next_multiple_of(2048), 0);
    let mut image = vec![0; 18 * 2048 + directory.len() + 2048];
    let blocks = u32::try_from(image.len() / 2048).unwrap();
    let pvd = &mut image[16 * 2048..17 * 2048];
    pvd[..7].copy_from_slice(b"\x01CD001\x01");
    pvd[80..84].copy_from_slice(&blocks.to_le_bytes());
    pvd[128..130].copy_from_slice(&2048_u16.to_le_bytes());
    pvd[156..190].copy_from_slice(&record(&[0], 0x02, 18, u32::try_from(directory.len()).unwrap(), b""));
    image[17 * 2048..17 * 2048 + 7].copy_from_slice(b"\xffCD001\x01");
    image[18 * 2048..18 * 2048 + directory.len()].copy_from_slice(&directory);
    image
}

fn paths(image: &[u8]) -> Result<Vec<String>, VolumeError> {
    Ok(Volume::open(image)?.files()?.into_iter().map(|file| file.path).collect())
}

#[test]
fn a_name_may_be_in_parts_and_go_on_in_a_continuation() {
    let system_use = [nm(b"a-", 1), nm(b"long-", 1), ce(19, 100, 8)].concat();
    let mut image = volume_of(&[record(b"A.;1", 0, 19, 4, &system_use)]);
    image[19 * 2048 + 100..][..8].copy_from_slice(&nm(b"one", 0));
    assert_eq!(paths(&image).unwrap(), ["/a-long-one"]);
}

#[test]
fn a_continuation_that_is_its_own_continuation_ends() {
    let mut image = volume_of(&[record(b"A.;1", 0, 19, 4, &ce(19, 100, 28))]);
    image[19 * 2048 + 100..][..28].copy_from_slice(&ce(19, 100, 28));
    assert!(matches!(paths(&image).unwrap_err(), VolumeError::Limit { .. }));
}

#[test]
fn a_name_that_could_leave_its_directory_is_refused() {
    for name in [&b"../x"[..], b"a/b", b"a\0b", b"..", b"."] {
        let image = volume_of(&[record(b"A.;1", 0, 19, 4, &nm(name, 0))]);
        assert!(matches!(paths(&image).unwrap_err(), VolumeError::Record { .. }), "{name:?}");
    }
}

#[test]
fn names_without_rock_ridge_are_the_identifiers() {
    let image = volume_of(&[record(b"GRUB.CFG;1", 0, 19, 4, b""), record(b"VMLINUZ.;1", 0, 19, 4, b"")]);
    assert_eq!(paths(&image).unwrap(), ["/GRUB.CFG", "/VMLINUZ"]);
}

#[test]
fn a_file_in_several_extents_is_one_file() {
    let image = volume_of(&[
        record(b"A.;1", 0x80, 19, 2048, b""),
        record(b"A.;1", 0, 18, 7, b""),
        record(b"B.;1", 0, 19, 1, b""),
    ]);
    let files = Volume::open(&image[..]).unwrap().files().unwrap();
    assert_eq!(
        files.iter().map(|file| (file.path.as_str(), file.size())).collect::<Vec<_>>(),
        [("/A", 2055), ("/B", 1)]
    );
}

#[test]
fn interleaved_files_and_other_block_sizes_are_refused() {
    let mut interleaved = record(b"A.;1", 0, 19, 4, b"");
    interleaved[26] = 1;
    assert!(matches!(paths(&volume_of(&[interleaved])).unwrap_err(), VolumeError::Record { .. }));
    let mut image = volume_of(&[]);
    image[16 * 2048 + 128..][..2].copy_from_slice(&512_u16.to_le_bytes());
    assert!(matches!(paths(&image).unwrap_err(), VolumeError::BlockSize(512)));
}

/// A volume of a million files in 16 directories, made up while it is read. Counts what it was asked for.
struct Million {
    read: std::cell::Cell<u64>,
}

impl Million {
    const DIRECTORIES: u32 = 16;
    /// A sector holds 56 records of 36 bytes.
    const PER_SECTOR: u32 = 56;
    const SECTORS: u32 = 1_000_000 / Self::DIRECTORIES / Self::PER_SECTOR + 1;
    const ROOT: u32 = 18;
    const FIRST: u32 = 20;

    fn sector(number: u32) -> Vec<u8> {
        let end = Self::FIRST + Self::DIRECTORIES * Self::SECTORS;
        let mut sector = match number {
            16 => {
                let mut primary = vec![0; 2048];
                primary[..7].copy_from_slice(b"\x01CD001\x01");
                primary[80..84].copy_from_slice(&end.to_le_bytes());
                primary[128..130].copy_from_slice(&2048_u16.to_le_bytes());
                primary[156..190].copy_from_slice(&record(&[0], 0x02, Self::ROOT, 2048, b""));
                primary
            }
            17 => b"\xffCD001\x01".to_vec(),
            Self::ROOT => (0..Self::DIRECTORIES)
                .flat_map(|n| {
                    let name = [b'A' + u8::try_from(n).unwrap()];
                    record(&name, 0x02, Self::FIRST + n * Self::SECTORS, Self::SECTORS * 2048, b"")
                })
                .collect(),
            _ if number >= Self::FIRST => record(b"A;1", 0, 0, 1, b"").repeat(Self::PER_SECTOR as usize),
            _ => Vec::new(),
        };
        sector.resize(2048, 0);
        sector
    }
}

impl ReadAt for Million {
    fn size(&self) -> u64 {
        u64::from(Self::FIRST + Self::DIRECTORIES * Self::SECTORS) * 2048
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> std::io::Result<()> {
        self.read.set(self.read.get() + buf.len() as u64);
        assert!(offset.is_multiple_of(2048) && buf.len().is_multiple_of(2048));
        for (number, sector) in buf.chunks_mut(2048).enumerate() {
            sector
                .copy_from_slice(&Self::sector(u32::try_from(offset / 2048).unwrap() + u32::try_from(number).unwrap()));
        }
        Ok(())
    }
}

#[test]
fn a_million_entries_are_refused_before_most_of_them_were_read() {
    let image = Million { read: std::cell::Cell::new(0) };
    assert_eq!(Million::SECTORS * Million::PER_SECTOR * Million::DIRECTORIES / 1_000_000, 1);
    let error = Volume::open(&image).and_then(|volume| volume.files()).unwrap_err();
    assert!(matches!(error, VolumeError::Limit { what: "directory entries", limit: 65_536 }), "{error}");
    assert!(image.read.get() < 6 << 20, "{} bytes were read", image.read.get());
}

/// Counts what is read, so that a walk which costs too much fails instead of taking long.
struct Metered {
    image: Vec<u8>,
    read: std::cell::Cell<u64>,
}

impl ReadAt for Metered {
    fn size(&self) -> u64 {
        self.image.size()
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> std::io::Result<()> {
        self.read.set(self.read.get() + buf.len() as u64);
        assert!(self.read.get() < 80 << 20, "the walk reads without end");
        self.image.read_exact_at(buf, offset)
    }
}

proptest! {
    /// Bytes changed anywhere in descriptors and directories: files or an error, without panic, and not much read.
    #[test]
    fn a_damaged_image_costs_little_and_panics_nowhere(
        which in 0_usize..3, damage in prop::collection::vec((0_usize..40, 0_usize..2048, any::<u8>()), 1..40),
    ) {
        thread_local!(static IMAGES: [Vec<u8>; 3] = images::FIXTURES.map(images::fixture));
        let mut image = IMAGES.with(|images| images[which].clone());
        for (sector, at, byte) in damage {
            image[(16 + sector) * 2048 + at] = byte;
        }
        let image = Metered { image, read: std::cell::Cell::new(0) };
        if let Ok(volume) = Volume::open(&image) {
            for file in volume.files().unwrap_or_default() {
                prop_assert!(file.extents.iter().all(|extent| extent.offset + extent.len <= image.size()));
            }
        }
    }

    /// Records of any bytes.
    #[test]
    fn no_record_is_too_odd(
        odd in prop::collection::vec((prop::collection::vec(any::<u8>(), 1..20), any::<u8>(), 0_u32..24, any::<u16>(),
            prop::collection::vec(prop_oneof![any::<u8>(), Just(b'N'), Just(b'M'), Just(b'C'), Just(b'E'), Just(28), Just(5)], 0..60)), 0..20),
    ) {
        let records: Vec<_> = odd.iter().map(|(name, flags, block, len, area)| record(name, *flags, *block, (*len).into(), area)).collect();
        let image = Metered { image: volume_of(&records), read: std::cell::Cell::new(0) };
        let _ = Volume::open(&image).and_then(|volume| volume.files());
    }
}
