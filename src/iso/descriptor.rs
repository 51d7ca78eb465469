//! Volume descriptors: what kinds of volume a disc has, and where each begins.
//!
//! ECMA-119 8.4 (primary), 8.5 (supplementary; Joliet's are told by their escape sequences), El Torito 1.0 section 2 (boot record),
//! ECMA-167 2/9.1 (the descriptors of a UDF volume follow those of ISO 9660 on a disc that is both).

use std::io;

use super::record::{self, le32};
use super::volume::{BLOCK, Extent, ReadAt, SECTOR, VolumeError};

/// The system area: what precedes the volume descriptors (ECMA-119 6.2.1).
const SYSTEM_AREA: u64 = 16 * BLOCK;

/// A disc has three or four descriptors, with UDF three more; 32 leaves room and ends a search.
const DESCRIPTORS: u64 = 32;

/// What the descriptors say, unchecked but for the block size.
#[derive(Debug)]
pub(super) struct Descriptors {
    /// The volume identifier.
    pub(super) id: String,
    /// The volume's length in bytes.
    pub(super) size: u64,
    /// The root directory of the primary volume.
    pub(super) root: Extent,
    /// The root directory of the Joliet volume, which names the same files in UCS-2.
    pub(super) joliet: Option<Extent>,
    /// Where the El Torito boot catalogue begins, in bytes.
    pub(super) boot_catalog: Option<u64>,
    /// There is a UDF volume too.
    pub(super) udf: bool,
}

impl Descriptors {
    /// Reads the descriptors of `image`.
    pub(super) fn read<R: ReadAt + ?Sized>(image: &R) -> Result<Self, VolumeError> {
        let mut primary = None;
        let (mut joliet, mut boot_catalog, mut udf) = (None, None, false);
        let mut terminated = false;
        for number in 0..DESCRIPTORS {
            let mut sector = [0; SECTOR];
            match image.read_exact_at(&mut sector, SYSTEM_AREA + number * BLOCK) {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
                result => result?,
            }
            match (&sector[1..6], sector[0]) {
                (b"CD001", _) if terminated => {}
                (b"CD001", 0) if sector[7..].starts_with(b"EL TORITO SPECIFICATION") => {
                    boot_catalog = Some(u64::from(le32(&sector, 71)) * BLOCK);
                }
                (b"CD001", 1) if primary.is_none() => primary = Some(sector),
                (b"CD001", 2) if matches!(&sector[88..91], b"%/@" | b"%/C" | b"%/E") => {
                    joliet = Some(record::extent(&sector[156..190]));
                }
                (b"CD001", 255) => terminated = true,
                (b"CD001" | b"BEA01", _) => {}
                (b"NSR02" | b"NSR03", _) => udf = true,
                _ => break,
            }
        }
        let primary = primary.ok_or(if udf { VolumeError::OnlyUdf } else { VolumeError::NoVolume })?;
        let block = u16::from_le_bytes([primary[128], primary[129]]);
        if u64::from(block) != BLOCK {
            return Err(VolumeError::BlockSize(block));
        }
        Ok(Self {
            id: String::from_utf8_lossy(&primary[40..72]).trim_end().to_owned(),
            size: u64::from(le32(&primary, 80)) * BLOCK,
            root: record::extent(&primary[156..190]),
            joliet,
            boot_catalog,
            udf,
        })
    }
}
