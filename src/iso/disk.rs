//! Whether an image is a disk too: a hybrid, whose system area holds boot code and a partition table.
//!
//! UEFI 2.10, 5.2 (MBR) and 5.3 (GPT); partition type 0xEF and type GUID C12A7328-F81F-11D2-BA4B-00A0C93EC93B are the EFI system
//! partition's. Only what firmware looks at first is read: the first sector, and the primary partition table.

use std::io;

use super::record::le32;
use super::volume::ReadAt;

/// Bytes of a disk's sector: ISO images are hybrids of disks with these.
const SECTOR: u64 = 512;

/// `C12A7328-F81F-11D2-BA4B-00A0C93EC93B` as GPT stores it.
const ESP: [u8; 16] = [0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11, 0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b];

/// Entries of a GPT that are looked at; writers make 128, or 248 of an ISO.
const ENTRIES: u32 = 256;

/// What the image is when it is written to a USB stick, or mounted as one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Disk {
    /// There is a partition table.
    pub(super) partitioned: bool,
    /// There is boot code, which a BIOS runs.
    pub(super) boot_code: bool,
    /// Where EFI system partitions begin, in bytes.
    pub(super) system_partitions: Vec<u64>,
}

impl Disk {
    /// Reads the partition tables of `image`.
    pub(super) fn read<R: ReadAt + ?Sized>(image: &R) -> io::Result<Self> {
        let Some(first) = sector(image, 0)? else { return Ok(Self::default()) };
        if first[510..] != [0x55, 0xaa] {
            return Ok(Self::default());
        }
        let partitions: Vec<&[u8]> = first[446..510].chunks_exact(16).filter(|entry| entry[4] != 0).collect();
        let mut system_partitions: Vec<u64> = partitions
            .iter()
            .filter(|entry| entry[4] == 0xef)
            .map(|entry| u64::from(le32(entry, 8)) * SECTOR)
            .collect();
        system_partitions.extend(guid_partitions(image)?);
        system_partitions.sort_unstable();
        system_partitions.dedup();
        Ok(Self {
            partitioned: !partitions.is_empty() || !system_partitions.is_empty(),
            boot_code: first[..440].iter().any(|byte| *byte != 0),
            system_partitions,
        })
    }
}

/// Where the EFI system partitions of the GPT begin, if there is one.
fn guid_partitions<R: ReadAt + ?Sized>(image: &R) -> io::Result<Vec<u64>> {
    let Some(header) = sector(image, SECTOR)?.filter(|header| header.starts_with(b"EFI PART")) else {
        return Ok(Vec::new());
    };
    let (table, count, len) = (le64(&header, 72), le32(&header, 80).min(ENTRIES), u64::from(le32(&header, 84)));
    let mut found = Vec::new();
    for number in 0..u64::from(count) {
        let at = table.checked_mul(SECTOR).and_then(|table| table.checked_add(number * len));
        let mut entry = [0; 40];
        match at.map(|at| image.read_exact_at(&mut entry, at)) {
            Some(Ok(())) => {}
            Some(Err(error)) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(error),
            _ => break,
        }
        if entry[..16] == ESP {
            found.extend(le64(&entry, 32).checked_mul(SECTOR));
        }
    }
    Ok(found)
}

/// `None` behind the image's end.
fn sector<R: ReadAt + ?Sized>(image: &R, offset: u64) -> io::Result<Option<[u8; 512]>> {
    let mut sector = [0; 512];
    match image.read_exact_at(&mut sector, offset) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        result => result.map(|()| Some(sector)),
    }
}

fn le64(bytes: &[u8], at: usize) -> u64 {
    u64::from(le32(bytes, at)) | u64::from(le32(bytes, at + 4)) << 32
}
