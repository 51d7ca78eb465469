//! The El Torito boot catalogue: which firmware boots which image of a volume.
//!
//! El Torito 1.0 sections 2.1 (validation entry), 2.2 (initial entry), 2.3 (section header), 2.4 (section entry); platform 0xEF is UEFI's
//! (UEFI 2.10, 13.3.2.1).

use serde::Serialize;

use super::record::le32;
use super::volume::{BLOCK, ReadAt, SECTOR, VolumeError};

/// Bytes of a catalogue entry.
const ENTRY: usize = 32;

/// Bytes of what an entry's count counts, whatever the disc's sectors are (El Torito 1.0, 2.2).
const LOAD_UNIT: u64 = 512;

/// Who boots an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Firmware {
    /// PC BIOS.
    #[serde(rename = "BIOS")]
    Bios,
    /// UEFI, of any architecture.
    #[serde(rename = "UEFI")]
    Uefi,
    /// Another platform, such as PowerPC.
    #[serde(rename = "other")]
    Other,
}

impl std::fmt::Display for Firmware {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Bios => "BIOS",
            Self::Uefi => "UEFI",
            Self::Other => "other firmware",
        })
    }
}

/// One image that firmware may boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BootImage {
    /// Who boots it.
    pub(super) firmware: Firmware,
    /// Whether it is marked as bootable.
    pub(super) bootable: bool,
    /// Which drive the firmware makes of it.
    pub(super) emulation: Emulation,
    /// Where it begins, in bytes.
    pub(super) offset: u64,
    /// How many bytes the firmware loads. For UEFI, 0 or 512 stands for all to the volume's end (UEFI 2.10, 13.3.2.1).
    pub(super) load: u64,
}

/// Which drive a BIOS makes of an image (El Torito 1.0, 2.2, boot media type).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Emulation {
    /// None, as all of today's loaders have it.
    None,
    /// A diskette.
    Diskette,
    /// A hard disk.
    Disk,
    /// What the specification does not know.
    Unknown,
}

impl From<u8> for Emulation {
    fn from(kind: u8) -> Self {
        match kind & 0x0f {
            0 => Self::None,
            1..=3 => Self::Diskette,
            4 => Self::Disk,
            _ => Self::Unknown,
        }
    }
}

/// Reads the catalogue at `offset`, one sector of it: 63 entries. `None` when there is none that is valid.
pub(super) fn read<R: ReadAt + ?Sized>(image: &R, offset: u64) -> Result<Option<Vec<BootImage>>, VolumeError> {
    let mut sector = [0; SECTOR];
    match image.read_exact_at(&mut sector, offset) {
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
        result => result?,
    }
    let (validation, rest) = sector.split_at(ENTRY);
    if !is_valid(validation) {
        return Ok(None);
    }
    let mut firmware = platform(validation[1]);
    let mut images = Vec::new();
    // The initial entry belongs to the validation entry's platform; each section brings its own.
    for entry in rest.chunks_exact(ENTRY) {
        match entry[0] {
            0x90 | 0x91 => firmware = platform(entry[1]),
            bootable @ (0x88 | 0x00) if le32(entry, 8) != 0 => {
                images.push(BootImage {
                    firmware,
                    bootable: bootable == 0x88,
                    emulation: entry[1].into(),
                    offset: u64::from(le32(entry, 8)) * BLOCK,
                    load: u64::from(u16::from_le_bytes([entry[6], entry[7]])) * LOAD_UNIT,
                });
            }
            // Extensions, and the zeros after the last entry.
            _ => {}
        }
    }
    Ok(Some(images))
}

/// Header id, the two key bytes, and a sum of zero over its words.
fn is_valid(entry: &[u8]) -> bool {
    let sum = entry.chunks_exact(2).fold(0_u16, |sum, word| sum.wrapping_add(u16::from_le_bytes([word[0], word[1]])));
    entry[0] == 1 && entry[30..32] == [0x55, 0xaa] && sum == 0
}

fn platform(id: u8) -> Firmware {
    match id {
        0 => Firmware::Bios,
        0xef => Firmware::Uefi,
        _ => Firmware::Other,
    }
}
