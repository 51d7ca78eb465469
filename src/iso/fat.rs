//! A bounded reader of FAT volumes inside an image: the EFI system partition that UEFI boots from, which no ISO 9660 reader looks into.
//!
//! Follows Microsoft's "FAT: General Overview of On-Disk Format" 1.03 (boot sector, FAT type by the count of clusters, short and long
//! names). Read only: what is found are [`FileEntry`]s whose extents lie in the image, as those of the volume around it.
//! The crate `fatfs` reads FAT volumes too, but trusts them: 0.3.6 takes 2 from a cluster's number unchecked, which panics for a file that
//! begins at cluster 1, and lists a directory whose chain is a loop for ever. Here every number is checked and all work has a limit.

use std::collections::HashSet;
use std::io;

use super::record::le32;
use super::volume::{Extent, FileEntry, ReadAt};

/// Bytes of one allocation table: enough for 4 GiB in clusters of 4 KiB.
const TABLE_BYTES: u64 = 4 << 20;

/// Bytes of all directories together.
const DIRECTORY_BYTES: u64 = 4 << 20;

/// Files and directories.
const ENTRIES: usize = 4096;

/// Directories in directories.
const DEPTH: usize = 8;

/// Clusters of all files and directories together: 4 GiB in clusters of 4 KiB.
const CLUSTERS: usize = 1 << 20;

/// Bytes of a directory entry.
const ENTRY: usize = 32;

/// What keeps a FAT volume from being read.
#[derive(Debug, thiserror::Error)]
pub enum FatError {
    /// There is no FAT boot sector.
    #[error("no FAT volume")]
    NotFat,
    /// A number in it cannot be.
    #[error("a damaged FAT volume: {0}")]
    Damaged(&'static str),
    /// More than any boot volume has.
    #[error("a FAT volume with too many {0}")]
    Limit(&'static str),
    /// The image could not be read, or ends before the volume does.
    #[error("a FAT volume that could not be read: {0}")]
    Read(#[from] io::Error),
}

/// Lists the files of the FAT volume that begins at `offset` of `image`, depth first.
///
/// # Errors
/// It is no FAT volume, or one that is damaged or too large.
pub fn files<R: ReadAt + ?Sized>(image: &R, offset: u64) -> Result<Vec<FileEntry>, FatError> {
    let mut volume = Volume::open(image, offset)?;
    let mut files = Vec::new();
    let mut entries = 0;
    let mut seen = HashSet::new();
    let root = volume.root()?;
    let mut open = vec![(String::new(), root, 0)];
    while let Some((path, extents, depth)) = open.pop() {
        for entry in parse(&volume.read(&extents)?) {
            entries += 1;
            if entries > ENTRIES {
                return Err(FatError::Limit("entries"));
            }
            let path = format!("{path}/{}", entry.name);
            if !entry.directory {
                files.push(FileEntry { path, extents: volume.chain(entry.cluster, u64::from(entry.size))? });
                continue;
            }
            if depth == DEPTH {
                return Err(FatError::Limit("directory levels"));
            }
            if !seen.insert(entry.cluster) {
                return Err(FatError::Damaged("a directory loop"));
            }
            let extents = volume.chain(entry.cluster, DIRECTORY_BYTES)?;
            open.push((path, extents, depth + 1));
        }
    }
    Ok(files)
}

/// How wide the numbers in the allocation table are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Width {
    Bits12,
    Bits16,
    Bits32,
}

struct Volume<'a, R: ?Sized> {
    image: &'a R,
    width: Width,
    table: Vec<u8>,
    /// FAT12 and FAT16 have a place for the root directory, FAT32 a chain.
    root: Extent,
    root_cluster: u32,
    /// Where cluster 2 begins, the first.
    data: u64,
    cluster_len: u64,
    clusters: u64,
    /// What is left of the limits.
    steps: usize,
    bytes: u64,
}

impl<'a, R: ReadAt + ?Sized> Volume<'a, R> {
    fn open(image: &'a R, offset: u64) -> Result<Self, FatError> {
        let mut boot = [0; 512];
        image.read_exact_at(&mut boot, offset)?;
        let number = |at: usize| u64::from(u16::from_le_bytes([boot[at], boot[at + 1]]));
        let or = |short: u64, long: usize| if short == 0 { u64::from(le32(&boot, long)) } else { short };
        let (sector, per_cluster, tables) = (number(11), u64::from(boot[13]), u64::from(boot[16]));
        if boot[510..] != [0x55, 0xaa]
            || ![512, 1024, 2048, 4096].contains(&sector)
            || !per_cluster.is_power_of_two()
            || number(14) == 0
            || !(1..=4).contains(&tables)
        {
            return Err(FatError::NotFat);
        }
        let (table_sectors, total) = (or(number(22), 36), or(number(19), 32));
        let root_len = number(17) * ENTRY as u64;
        let data_sector = number(14) + tables * table_sectors + root_len.div_ceil(sector);
        let clusters =
            total.checked_sub(data_sector).ok_or(FatError::Damaged("it is shorter than its tables"))? / per_cluster;
        let width = match clusters {
            0..4085 => Width::Bits12,
            4085..65_525 => Width::Bits16,
            _ => Width::Bits32,
        };
        if table_sectors * sector > TABLE_BYTES {
            return Err(FatError::Limit("clusters"));
        }
        let table_at = offset + number(14) * sector;
        let root_at = table_at + tables * table_sectors * sector;
        let mut table = vec![0; usize::try_from(table_sectors * sector).map_err(io::Error::other)?];
        image.read_exact_at(&mut table, table_at)?;
        Ok(Self {
            image,
            width,
            table,
            root: Extent { offset: root_at, len: root_len },
            root_cluster: le32(&boot, 44),
            data: offset + data_sector * sector,
            cluster_len: per_cluster * sector,
            clusters,
            steps: CLUSTERS,
            bytes: DIRECTORY_BYTES,
        })
    }

    fn root(&mut self) -> Result<Vec<Extent>, FatError> {
        if self.width == Width::Bits32 { self.chain(self.root_cluster, DIRECTORY_BYTES) } else { Ok(vec![self.root]) }
    }

    /// The clusters from `first` on as runs of the image, `len` bytes of them at most.
    fn chain(&mut self, first: u32, len: u64) -> Result<Vec<Extent>, FatError> {
        let (mut extents, mut left, mut cluster) = (Vec::<Extent>::new(), len, first);
        while left > 0 && !self.is_end(cluster) {
            let place = u64::from(cluster).checked_sub(2).filter(|place| *place < self.clusters);
            let place = place.ok_or(FatError::Damaged("a cluster that is none"))?;
            self.steps = self.steps.checked_sub(1).ok_or(FatError::Limit("clusters"))?;
            let (offset, taken) = (self.data + place * self.cluster_len, left.min(self.cluster_len));
            match extents.last_mut() {
                Some(last) if last.offset + last.len == offset => last.len += taken,
                _ => extents.push(Extent { offset, len: taken }),
            }
            left -= taken;
            cluster = self.next(cluster).ok_or(FatError::Damaged("its table is too short"))?;
        }
        Ok(extents)
    }

    /// What the table has for `cluster`: the next one, or an end.
    fn next(&self, cluster: u32) -> Option<u32> {
        let at = usize::try_from(cluster).ok()?;
        let word = |at: usize| Some(u32::from(u16::from_le_bytes([*self.table.get(at)?, *self.table.get(at + 1)?])));
        match self.width {
            Width::Bits12 => word(at + at / 2).map(|word| if at % 2 == 0 { word & 0xfff } else { word >> 4 }),
            Width::Bits16 => word(at * 2),
            Width::Bits32 => Some((word(at * 4)? | word(at * 4 + 2)? << 16) & 0x0fff_ffff),
        }
    }

    /// An end of a chain; 0 is one too, as an empty file has it.
    fn is_end(&self, cluster: u32) -> bool {
        let end = match self.width {
            Width::Bits12 => 0xff8,
            Width::Bits16 => 0xfff8,
            Width::Bits32 => 0x0fff_fff8,
        };
        cluster == 0 || cluster >= end
    }

    fn read(&mut self, extents: &[Extent]) -> Result<Vec<u8>, FatError> {
        let mut bytes = Vec::new();
        for extent in extents {
            self.bytes = self.bytes.checked_sub(extent.len).ok_or(FatError::Limit("bytes of directories"))?;
            let from = bytes.len();
            bytes.resize(from + usize::try_from(extent.len).map_err(io::Error::other)?, 0);
            self.image.read_exact_at(&mut bytes[from..], extent.offset)?;
        }
        Ok(bytes)
    }
}

struct Entry {
    name: String,
    directory: bool,
    cluster: u32,
    size: u32,
}

/// The entries of a directory up to its end mark, without labels and what stands for the directory itself and its parent.
fn parse(directory: &[u8]) -> Vec<Entry> {
    let mut found = Vec::new();
    let mut long = Long::default();
    for entry in directory.chunks_exact(ENTRY).take_while(|entry| entry[0] != 0) {
        match (entry[0], entry[11]) {
            (0xe5, _) => long = Long::default(),
            (_, attributes) if attributes & 0x3f == 0x0f => long.add(entry),
            (b'.', _) => {}
            (_, attributes) => {
                let name = std::mem::take(&mut long).of(entry).unwrap_or_else(|| short_name(entry));
                let is_name = !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\0']);
                if attributes & 0x08 == 0 && is_name {
                    let half = |at: usize| u32::from(u16::from_le_bytes([entry[at], entry[at + 1]]));
                    found.push(Entry {
                        name,
                        directory: attributes & 0x10 != 0,
                        cluster: half(20) << 16 | half(26),
                        size: le32(entry, 28),
                    });
                }
            }
        }
    }
    found
}

/// Eight and three characters; two bits of byte 12, which Windows NT and mtools write, say that a part is in lower case.
fn short_name(entry: &[u8]) -> String {
    let part = |bytes: &[u8], lower: bool| {
        let text = String::from_utf8_lossy(bytes).trim_end().to_owned();
        if lower { text.to_ascii_lowercase() } else { text }
    };
    let (base, extension) = (part(&entry[..8], entry[12] & 0x08 != 0), part(&entry[8..11], entry[12] & 0x10 != 0));
    if extension.is_empty() { base } else { format!("{base}.{extension}") }
}

/// A long name, whose parts precede the short one, the last part first.
#[derive(Default)]
struct Long {
    units: Vec<u16>,
    checksum: u8,
}

impl Long {
    /// Twenty parts make the longest name, 255 characters.
    const UNITS: usize = 20 * 13;

    fn add(&mut self, entry: &[u8]) {
        if entry[0] & 0x40 != 0 || self.units.len() >= Self::UNITS {
            self.units.clear();
        }
        self.checksum = entry[13];
        let pairs =
            entry[1..11].chunks_exact(2).chain(entry[14..26].chunks_exact(2)).chain(entry[28..32].chunks_exact(2));
        let part = pairs.map(|pair| u16::from_le_bytes([pair[0], pair[1]])).take_while(|unit| *unit != 0);
        self.units.splice(0..0, part);
    }

    /// The name, where it belongs to the short one by its checksum.
    fn of(self, entry: &[u8]) -> Option<String> {
        let sum = entry[..11].iter().fold(0_u8, |sum, byte| sum.rotate_right(1).wrapping_add(*byte));
        let name = char::decode_utf16(self.units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect::<String>();
        (sum == self.checksum && !name.is_empty()).then_some(name)
    }
}
