//! Directory records: one file's or directory's name, place and flags (ECMA-119 9.1).

use super::volume::{BLOCK, Extent};

/// A directory record (ECMA-119 9.1).
pub(super) struct Record<'a> {
    /// Where its data lies.
    pub(super) extent: Extent,
    /// File flags (9.1.6).
    pub(super) flags: u8,
    /// Its data has gaps (9.1.7, 9.1.8).
    pub(super) interleaved: bool,
    /// Its ISO 9660 name.
    pub(super) identifier: &'a [u8],
    /// What Rock Ridge adds.
    pub(super) system_use: &'a [u8],
}

impl Record<'_> {
    /// It is a directory.
    pub(super) const DIRECTORY: u8 = 0x02;
    /// It belongs to the file of the next record and is none itself.
    pub(super) const ASSOCIATED: u8 = 0x04;
    /// The file goes on in the next record.
    pub(super) const MORE_EXTENTS: u8 = 0x80;

    /// Identifiers of one zero or one byte stand for the directory itself and its parent (ECMA-119 6.8.2.2).
    pub(super) fn is_self_or_parent(&self) -> bool {
        matches!(self.identifier, [0 | 1])
    }
}

/// The records of one sector. A record never crosses into the next one; a zero length ends the sector (ECMA-119 6.8.1.1).
pub(super) fn all(sector: &[u8]) -> impl Iterator<Item = Result<Record<'_>, &'static str>> {
    let mut rest = sector;
    std::iter::from_fn(move || {
        let len = usize::from(*rest.first()?);
        if len == 0 {
            return None;
        }
        let Some((bytes, next)) = rest.split_at_checked(len) else {
            rest = &[];
            return Some(Err("a record that leaves its sector"));
        };
        rest = next;
        let record = parse(bytes);
        if record.is_none() {
            rest = &[];
        }
        Some(record.ok_or("a record that is shorter than its name"))
    })
}

fn parse(bytes: &[u8]) -> Option<Record<'_>> {
    let fixed = bytes.get(..33)?;
    let (identifier, rest) = bytes.get(33..)?.split_at_checked(usize::from(fixed[32]))?;
    // A byte of padding follows an identifier of even length (ECMA-119 9.1.12).
    let system_use = rest.get(1 - identifier.len() % 2..).unwrap_or_default();
    Some(Record {
        extent: extent(fixed),
        flags: fixed[25],
        interleaved: fixed[26] != 0 || fixed[27] != 0,
        identifier,
        system_use,
    })
}

/// Where a record's data lies: the extended attribute record precedes it (ECMA-119 9.1.2 to 9.1.4).
pub(super) fn extent(record: &[u8]) -> Extent {
    let block = u64::from(le32(record, 2)) + u64::from(record[1]);
    Extent { offset: block * BLOCK, len: u64::from(le32(record, 10)) }
}

/// A little-endian number inside bytes whose length the caller has checked.
pub(super) fn le32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
