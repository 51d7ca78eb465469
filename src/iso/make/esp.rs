//! The EFI system partition: a FAT image with the UEFI boot loaders, as large as they need.
//!
//! UEFI 2.10, 13.3.1 (FAT) and 13.3.2 (El Torito); FAT as in Microsoft's specification 1.03. Made in memory: it is a few megabytes. Names have 8
//! and 3 characters and no case, which is all that a boot needs, and every file lies in one run of clusters.
//!
//! Not by the crate fatfs: with its long names 0.3.6 writes one before each directory's `.` and `..` as well, which fsck.vfat takes for damage.

use std::collections::BTreeMap;

use super::error::MakeError;

/// What El Torito's 16-bit count of 512-byte sectors can name (El Torito 1.0, 2.2).
const LIMIT: u64 = 65_535 * SECTOR as u64;

const SECTOR: usize = 512;

const CLUSTER: usize = 2048;

/// Bytes of a directory's entry.
const ENTRY: usize = 32;

/// Entries of the root directory; it lies before the clusters.
const ROOT_ENTRIES: u16 = 512;

/// From so many clusters on a volume has 16 bits for each, below it 12; nobody comes close to the border, because readers differ there.
const CLUSTERS_OF_FAT16: usize = 4085;

/// What ends a file's chain of clusters, in 16 bits; the lower 12 of it do so in 12.
const END: u16 = 0xffff;

/// The volume's serial number: any, and always the same one.
const VOLUME_ID: u32 = 0x564d_4549;

/// 1 January 1980, the first day that there is: no clock is read.
const DATE: u16 = 0x0021;

const DIRECTORY: u8 = 0x10;

/// A file in it, by its path with `/` between the names.
#[derive(Clone, Debug)]
pub(super) struct EspFile<'a> {
    pub(super) path: String,
    pub(super) contents: &'a [u8],
}

/// Whether a path has names of 8 and 3 characters only.
pub(super) fn has_short_names(path: &str) -> bool {
    path.split('/').all(|name| {
        let (base, extension) = name.split_once('.').unwrap_or((name, ""));
        (1..=8).contains(&base.len()) && extension.len() <= 3 && !extension.contains('.')
    })
}

/// Makes the partition of `files`, whose names are short.
pub(super) fn make(files: &[EspFile<'_>]) -> Result<Vec<u8>, MakeError> {
    let mut volume = Volume::default();
    volume.add_directory("");
    for file in files {
        for (at, _) in file.path.match_indices('/') {
            volume.add_directory(&file.path[..at]);
        }
    }
    for file in files {
        volume.add_file(&file.path, file.contents);
    }
    let size = volume.size() as u64;
    if size > LIMIT {
        return Err(MakeError::PartitionTooLarge { size, limit: LIMIT });
    }
    volume.write().ok_or(MakeError::PartitionTooLarge { size, limit: LIMIT })
}

/// A volume while it is laid out: clusters are given out in order, and only the root directory has none.
#[derive(Default)]
struct Volume<'a> {
    /// Each directory's entries, by its path.
    directories: BTreeMap<String, Vec<[u8; ENTRY]>>,
    /// Each directory's first cluster.
    places: BTreeMap<String, u16>,
    /// Files with their first clusters.
    files: Vec<(u16, &'a [u8])>,
    /// Clusters of each run, in order.
    runs: Vec<usize>,
}

impl<'a> Volume<'a> {
    fn add_directory(&mut self, path: &str) {
        if self.directories.contains_key(path) {
            return;
        }
        let place = if path.is_empty() { 0 } else { self.run(CLUSTER) };
        self.places.insert(path.to_owned(), place);
        let mut entries = Vec::new();
        if !path.is_empty() {
            entries.push(entry(*b".          ", DIRECTORY, place, 0));
            let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
            entries.push(entry(*b"..         ", DIRECTORY, self.places.get(parent).copied().unwrap_or_default(), 0));
            self.list(path, DIRECTORY, place, 0);
        }
        self.directories.insert(path.to_owned(), entries);
    }

    fn add_file(&mut self, path: &str, contents: &'a [u8]) {
        let place = if contents.is_empty() { 0 } else { self.run(contents.len()) };
        self.list(path, 0x20, place, contents.len());
        self.files.push((place, contents));
    }

    /// Enters something in the directory that it is in.
    fn list(&mut self, path: &str, attributes: u8, place: u16, size: usize) {
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        let entry = entry(short_name(name), attributes, place, size);
        self.directories.entry(parent.to_owned()).or_default().push(entry);
    }

    /// The first of the next clusters for so many bytes. A number that is too large for a volume never gets into one.
    fn run(&mut self, bytes: usize) -> u16 {
        let first = 2 + self.runs.iter().sum::<usize>();
        self.runs.push(bytes.div_ceil(CLUSTER));
        u16::try_from(first).unwrap_or(END)
    }

    fn clusters(&self) -> usize {
        let used = self.runs.iter().sum();
        let border = CLUSTERS_OF_FAT16 - 16..CLUSTERS_OF_FAT16 + 16;
        if border.contains(&used) { border.end } else { used }
    }

    /// Sectors of one table.
    fn table(&self) -> usize {
        let clusters = self.clusters() + 2;
        let bytes = if self.is_fat16() { clusters * 2 } else { clusters * 3 / 2 + 1 };
        bytes.div_ceil(SECTOR)
    }

    fn is_fat16(&self) -> bool {
        self.clusters() >= CLUSTERS_OF_FAT16
    }

    /// Where the clusters begin.
    fn data(&self) -> usize {
        SECTOR * (1 + 2 * self.table()) + ENTRY * usize::from(ROOT_ENTRIES)
    }

    fn size(&self) -> usize {
        self.data() + self.clusters() * CLUSTER
    }

    /// The image; `None` where a directory has more entries than a cluster.
    fn write(&self) -> Option<Vec<u8>> {
        let mut image = vec![0; self.size()];
        self.write_boot_sector(image.get_mut(..SECTOR)?)?;
        let table = self.chains();
        for copy in 0..2 {
            let at = SECTOR * (1 + copy * self.table());
            image.get_mut(at..at + table.len())?.copy_from_slice(&table);
        }
        for (path, entries) in &self.directories {
            let root = self.data() - ENTRY * usize::from(ROOT_ENTRIES);
            let place = self.places.get(path).copied().filter(|place| *place != 0);
            let at = place.map_or(root, |place| self.offset(place));
            if entries.len() * ENTRY > CLUSTER {
                return None;
            }
            image.get_mut(at..at + entries.len() * ENTRY)?.copy_from_slice(entries.as_flattened());
        }
        for (place, contents) in self.files.iter().filter(|(place, _)| *place != 0) {
            let at = self.offset(*place);
            image.get_mut(at..at + contents.len())?.copy_from_slice(contents);
        }
        Some(image)
    }

    fn offset(&self, cluster: u16) -> usize {
        self.data() + (usize::from(cluster) - 2) * CLUSTER
    }

    fn write_boot_sector(&self, sector: &mut [u8]) -> Option<()> {
        let sectors = u16::try_from(self.size() / SECTOR).ok()?;
        let table = u16::try_from(self.table()).ok()?;
        sector[..11].copy_from_slice(b"\xeb\x3c\x90MSWIN4.1");
        sector[11..13].copy_from_slice(&512_u16.to_le_bytes());
        // Four sectors a cluster, one reserved, two tables.
        sector[13..17].copy_from_slice(&[4, 1, 0, 2]);
        sector[17..19].copy_from_slice(&ROOT_ENTRIES.to_le_bytes());
        sector[19..21].copy_from_slice(&sectors.to_le_bytes());
        sector[21] = 0xf8;
        sector[22..24].copy_from_slice(&table.to_le_bytes());
        // 32 sectors a track and 64 heads, which nobody asks for any more.
        sector[24..28].copy_from_slice(&[32, 0, 64, 0]);
        sector[36..39].copy_from_slice(&[0x80, 0, 0x29]);
        sector[39..43].copy_from_slice(&VOLUME_ID.to_le_bytes());
        sector[43..54].copy_from_slice(b"NO NAME    ");
        sector[54..62].copy_from_slice(if self.is_fat16() { b"FAT16   " } else { b"FAT12   " });
        sector[510..512].copy_from_slice(&[0x55, 0xaa]);
        Some(())
    }

    /// A table: each cluster of a run names the next one.
    fn chains(&self) -> Vec<u8> {
        let mut links = vec![0xfff8, END];
        for run in &self.runs {
            for left in (0..*run).rev() {
                let next = u16::try_from(links.len() + 1).unwrap_or(END);
                links.push(if left == 0 { END } else { next });
            }
        }
        if self.is_fat16() {
            return links.into_iter().flat_map(u16::to_le_bytes).collect();
        }
        links.resize(links.len().next_multiple_of(2), 0);
        let pairs = links.chunks_exact(2).map(|pair| (pair[0] & 0xfff, pair[1] & 0xfff));
        pairs.flat_map(|(one, two)| (u32::from(one) | u32::from(two) << 12).to_le_bytes().into_iter().take(3)).collect()
    }
}

/// A directory's entry.
fn entry(name: [u8; 11], attributes: u8, place: u16, size: usize) -> [u8; ENTRY] {
    let mut entry = [0; ENTRY];
    entry[..11].copy_from_slice(&name);
    entry[11] = attributes;
    for date in [16, 18, 24] {
        entry[date..date + 2].copy_from_slice(&DATE.to_le_bytes());
    }
    entry[26..28].copy_from_slice(&place.to_le_bytes());
    entry[28..].copy_from_slice(&u32::try_from(size).unwrap_or(u32::MAX).to_le_bytes());
    entry
}

/// `GRUB    CFG` of `grub.cfg`.
fn short_name(name: &str) -> [u8; 11] {
    let (base, extension) = name.split_once('.').unwrap_or((name, ""));
    let mut short = [b' '; 11];
    for (place, byte) in short[..8].iter_mut().zip(base.bytes()) {
        *place = byte.to_ascii_uppercase();
    }
    for (place, byte) in short[8..].iter_mut().zip(extension.bytes()) {
        *place = byte.to_ascii_uppercase();
    }
    short
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Read};

    use fatfs::{FileSystem, FsOptions};
    use proptest::prelude::*;

    use super::{EspFile, LIMIT, MakeError, has_short_names, make};

    fn files(contents: &[(String, Vec<u8>)]) -> Vec<EspFile<'_>> {
        contents.iter().map(|(path, contents)| EspFile { path: path.clone(), contents }).collect()
    }

    #[test]
    fn names_that_need_more_than_8_and_3_characters_are_told() {
        for (path, short) in [
            ("EFI/BOOT/BOOTAA64.EFI", true),
            ("EFI/opensuse/grub.cfg", true),
            ("EFI/almalinux/grub.cfg", false),
            ("EFI/BOOT/MokManager.efi", false),
            ("EFI/BOOT/a.b.c", false),
            ("EFI/BOOT/grub.conf", false),
            ("EFI//grub.cfg", false),
        ] {
            assert_eq!(has_short_names(path), short, "{path}");
        }
    }

    #[test]
    fn more_than_the_catalogue_can_name_is_refused_with_both_numbers() {
        let most = usize::try_from(LIMIT).unwrap();
        let large = [("EFI/BOOT/BOOTX64.EFI".to_owned(), vec![7; most])];
        let Err(MakeError::PartitionTooLarge { size, limit }) = make(&files(&large)) else { panic!() };
        assert!(size > limit && limit == LIMIT);
        let fits = [("EFI/BOOT/BOOTX64.EFI".to_owned(), vec![7; most - (300 << 10)])];
        assert!(make(&files(&fits)).unwrap().len() as u64 <= LIMIT);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn every_file_is_in_it_and_the_bytes_are_the_same_again(
            sizes in prop::collection::vec(0_usize..600_000, 1..12), deep in 0_usize..4,
        ) {
            let contents: Vec<_> = sizes.iter().enumerate()
                .map(|(at, size)| (format!("{}EFI/{at}/grub.cfg", "dir/".repeat(deep)), vec![u8::try_from(at).unwrap(); *size]))
                .collect();
            let image = make(&files(&contents)).unwrap();
            prop_assert!(image == make(&files(&contents)).unwrap());
            let volume = FileSystem::new(Cursor::new(image), FsOptions::new()).unwrap();
            for (path, contents) in &contents {
                let mut read = Vec::new();
                volume.root_dir().open_file(path).unwrap().read_to_end(&mut read).unwrap();
                prop_assert!(read == *contents, "{path}");
            }
        }
    }
}
