//! File names in directory records: ISO 9660's own, Rock Ridge's in the system use area, or Joliet's.
//!
//! SUSP 1.12 (IEEE P1281) 5.1 CE, 5.3 SP, 5.4 ST; RRIP 1.12 (IEEE P1282) 4.1.4 NM.

use super::record::le32;
use super::volume::{BLOCK, Extent, VolumeError};

/// Continuation areas that one record may have; Linux reads 31.
const CONTINUATIONS: usize = 32;

/// Bytes of one continuation area; writers keep to one sector.
const CONTINUATION_BYTES: u64 = 16 * BLOCK;

/// Bytes of one name: what every Unix file system allows.
const NAME_BYTES: usize = 255;

/// Where a volume's file names come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// The record's identifier.
    Iso,
    /// The record's identifier in UCS-2, big-endian (Joliet Specification, "Allowed Character Set").
    Joliet,
    /// NM entries, after so many bytes of each system use area (SP, "bytes skipped").
    RockRidge {
        /// Bytes to skip.
        skip: usize,
    },
}

impl std::fmt::Display for Names {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Iso => "ISO 9660",
            Self::Joliet => "Joliet",
            Self::RockRidge { .. } => "Rock Ridge",
        })
    }
}

/// Looks for SP in the first record of the root directory's first sector: without it a system use area means nothing to us.
pub(super) fn names_of_root(sector: &[u8]) -> Names {
    let system_use = sector.first().and_then(|len| sector.get(34..usize::from(*len))).unwrap_or_default();
    // On a CD-ROM XA disc, 14 bytes of XA come first (SUSP 5.3).
    let sp = [0, 14]
        .into_iter()
        .find_map(|at| system_use.get(at..at + 7).filter(|sp| sp.starts_with(b"SP\x07\x01\xbe\xef")));
    sp.map_or(Names::Iso, |sp| Names::RockRidge { skip: usize::from(sp[6]) })
}

/// The name of a record; `read` reads a continuation area.
pub(super) fn name(
    names: Names,
    identifier: &[u8],
    system_use: &[u8],
    read: impl FnMut(Extent) -> Result<Vec<u8>, VolumeError>,
) -> Result<String, VolumeError> {
    let alternate = match names {
        Names::Joliet => return Ok(joliet_name(identifier)),
        Names::Iso => None,
        Names::RockRidge { skip } => alternate_name(system_use.get(skip..).unwrap_or_default(), read)?,
    };
    let name = alternate.unwrap_or_else(|| iso_name(identifier).to_vec());
    Ok(String::from_utf8(name).unwrap_or_else(|bytes| String::from_utf8_lossy(bytes.as_bytes()).into_owned()))
}

/// Without version (`;1`) and without the dot of an empty extension (ECMA-119 7.5.1).
fn iso_name(identifier: &[u8]) -> &[u8] {
    let end = identifier.iter().position(|byte| *byte == b';').unwrap_or(identifier.len());
    let name = &identifier[..end];
    name.strip_suffix(b".").unwrap_or(name)
}

/// Without version, as [`iso_name`]. An odd byte at the end is no character.
fn joliet_name(identifier: &[u8]) -> String {
    let units = identifier.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
    let name: String = char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
    name.split(';').next().unwrap_or_default().to_owned()
}

/// Joins the NM entries of an area and its continuations.
fn alternate_name(
    system_use: &[u8],
    mut read: impl FnMut(Extent) -> Result<Vec<u8>, VolumeError>,
) -> Result<Option<Vec<u8>>, VolumeError> {
    let mut name = None;
    let mut area = scan(system_use, &mut name)?;
    for _ in 0..CONTINUATIONS {
        let Some(continuation) = area else { return Ok(name) };
        if continuation.len > CONTINUATION_BYTES {
            return Err(VolumeError::Limit { what: "bytes in a Rock Ridge continuation", limit: CONTINUATION_BYTES });
        }
        area = scan(&read(continuation)?, &mut name)?;
    }
    match area {
        None => Ok(name),
        Some(_) => {
            Err(VolumeError::Limit { what: "Rock Ridge continuations of a record", limit: CONTINUATIONS as u64 })
        }
    }
}

/// Reads the entries of one area: appends to `name`, returns the continuation.
fn scan(area: &[u8], name: &mut Option<Vec<u8>>) -> Result<Option<Extent>, VolumeError> {
    let mut continuation = None;
    let mut rest = area;
    // What is left when no entry fits is padding (SUSP 4).
    while let Some(len) = rest.get(2).map(|len| usize::from(*len)).filter(|len| (4..=rest.len()).contains(len)) {
        let (entry, next) = rest.split_at(len);
        rest = next;
        match (&entry[..2], len) {
            (b"ST", _) => break,
            (b"CE", 28) => {
                let offset = u64::from(le32(entry, 4)) * BLOCK + u64::from(le32(entry, 12));
                continuation = Some(Extent { offset, len: u64::from(le32(entry, 20)) });
            }
            // Flags 2 and 4 stand for the directory itself and its parent, which never come here.
            (b"NM", 5..) if entry[4] & 0b110 == 0 => {
                let name = name.get_or_insert_default();
                name.extend_from_slice(&entry[5..]);
                if name.len() > NAME_BYTES {
                    return Err(VolumeError::Limit { what: "bytes in a name", limit: NAME_BYTES as u64 });
                }
            }
            _ => {}
        }
    }
    Ok(continuation)
}
