//! A bounded reader of ISO 9660 volumes with Rock Ridge names: which files there are, and where their bytes lie.
//!
//! Follows ECMA-119 (volume descriptors 8, directory records 9.1), SUSP 1.12 (IEEE P1281: SP, CE, ST) and RRIP 1.12 (IEEE P1282: NM).
//! Without Rock Ridge, Joliet's names (UCS-2, its own directory tree) are taken where there are any.
//! Not supported, because no boot image has it: logical blocks other than 2048 bytes (refused), interleaved files (refused, ECMA-119
//! 9.1.7), volume sets of several discs, enhanced trees (they name the same files again), Rock Ridge's relocated
//! directories (a file in one is found at its place on the disc, not at its place in the tree), `zisofs`; UDF, of which is only said
//! that it is there. The little-endian half of each number is read; the other is not compared.
//!
//! Bytes come from outside, so every offset is checked against the image and all work is bounded by `Budget`: nothing here panics
//! or loops, whatever the image holds.

use std::collections::HashSet;
use std::io;

use super::descriptor::Descriptors;
use super::record::{self, Record};
use super::susp;

pub use super::susp::Names;

/// Bytes of a logical sector (ECMA-119 6.1.2).
pub(super) const SECTOR: usize = 2048;

/// Bytes of a logical block: of the sizes that ECMA-119 6.2.2 permits, the one that is supported.
pub(super) const BLOCK: u64 = SECTOR as u64;

/// ECMA-119 6.8.2.1 permits 8 levels, Rock Ridge more.
const DEPTH: usize = 16;

/// Bytes of one directory: 65,000 records of the least length.
const DIRECTORY_BYTES: u64 = 4 << 20;

/// Bytes of a whole path.
const PATH_BYTES: usize = 1024;

/// An image that can be read at any offset, by several threads at a time.
pub trait ReadAt {
    /// Its length in bytes.
    fn size(&self) -> u64;
    /// Fills `buf` with the bytes from `offset` on, or fails.
    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()>;
}

impl ReadAt for [u8] {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let from = usize::try_from(offset).ok();
        let bytes = from.and_then(|from| self.get(from..from.checked_add(buf.len())?));
        buf.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

/// What is wrong with a volume.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VolumeError {
    /// There is no primary volume descriptor.
    #[error("no ISO 9660 volume; is this an ISO image at all?")]
    NoVolume,
    /// There is a UDF volume and no ISO 9660 beside it.
    #[error("the image has a UDF volume alone, which is not read; only ISO 9660 is")]
    OnlyUdf,
    /// The file ends before the volume does.
    #[error(
        "truncated image: the volume has {declared} bytes, the file only {actual}; the copy or upload broke off, repeat it"
    )]
    Truncated {
        /// The volume's own length (ECMA-119 8.4.8).
        declared: u64,
        /// The file's length.
        actual: u64,
    },
    /// A logical block size other than 2048.
    #[error("logical blocks of {0} bytes are not supported, only 2048")]
    BlockSize(u16),
    /// Something lies, by its own words, where the image has no bytes.
    #[error("damaged image: {what} lies at {offset} with {len} bytes, the image ends at {size}")]
    Bounds {
        /// What lies there.
        what: String,
        /// Its offset in bytes.
        offset: u64,
        /// Its length in bytes.
        len: u64,
        /// The image's length in bytes.
        size: u64,
    },
    /// A directory is its own descendant, or stands at two places.
    #[error("damaged image: directory loop at {path}")]
    Loop {
        /// The second path of the directory.
        path: String,
    },
    /// More than any boot image has.
    #[error("refusing image: more than {limit} {what}")]
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// A record that does not follow the specification.
    #[error("damaged image: {what} in directory {path}")]
    Record {
        /// What is wrong.
        what: &'static str,
        /// The directory that holds the record.
        path: String,
    },
    /// The image could not be read.
    #[error("{0}")]
    Read(#[from] io::Error),
}

/// A run of bytes of the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Where it begins, in bytes from the image's start.
    pub offset: u64,
    /// Its length in bytes.
    pub len: u64,
}

/// A regular file of a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileEntry {
    /// Absolute, with `/` between the names.
    pub path: String,
    /// Its bytes in order. An empty file has none, one of 4 GiB or more has several.
    pub extents: Vec<Extent>,
}

impl FileEntry {
    /// The file's length in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.extents.iter().map(|extent| extent.len).sum()
    }
}

/// A volume whose descriptors have been read and checked.
#[derive(Debug)]
pub struct Volume<'a, R: ?Sized> {
    image: &'a R,
    descriptors: Descriptors,
    root: Extent,
    names: Names,
}

impl<'a, R: ReadAt + ?Sized> Volume<'a, R> {
    /// Reads the volume descriptors.
    ///
    /// # Errors
    /// [`VolumeError::NoVolume`], [`VolumeError::Truncated`], and what else is wrong with a damaged one.
    pub fn open(image: &'a R) -> Result<Self, VolumeError> {
        let descriptors = Descriptors::read(image)?;
        let (root, size) = (descriptors.root, descriptors.size);
        if size > image.size() {
            return Err(VolumeError::Truncated { declared: size, actual: image.size() });
        }
        let mut volume = Self { image, descriptors, root, names: Names::Iso };
        let first = volume.read(&"the root directory", Extent { offset: root.offset, len: BLOCK.min(root.len) })?;
        volume.names = susp::names_of_root(&first);
        if let (Names::Iso, Some(joliet)) = (volume.names, volume.descriptors.joliet) {
            (volume.names, volume.root) = (Names::Joliet, joliet);
        }
        Ok(volume)
    }

    /// The image that the volume is in.
    #[must_use]
    pub fn image(&self) -> &'a R {
        self.image
    }

    /// The volume identifier.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.descriptors.id
    }

    /// The volume's length in bytes; the file may be longer.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.descriptors.size
    }

    /// Where the names of its files come from.
    #[must_use]
    pub fn names(&self) -> Names {
        self.names
    }

    /// Whether there is a UDF volume too, which may have other files.
    #[must_use]
    pub fn has_udf(&self) -> bool {
        self.descriptors.udf
    }

    /// Where the El Torito boot catalogue begins, in bytes, unchecked.
    #[must_use]
    pub fn boot_catalog(&self) -> Option<u64> {
        self.descriptors.boot_catalog
    }

    /// Lists every file, depth first, in the order of the directory records.
    pub fn files(&self) -> Result<Vec<FileEntry>, VolumeError> {
        let mut budget = Budget::default();
        let mut seen = HashSet::from([self.root.offset]);
        let mut files = Vec::new();
        let mut open = vec![Directory { path: String::new(), extent: self.root, depth: 0 }];
        while let Some(directory) = open.pop() {
            let listing = self.list(&directory, &mut budget)?;
            files.extend(listing.files);
            for child in listing.directories.into_iter().rev() {
                if !seen.insert(child.extent.offset) {
                    return Err(VolumeError::Loop { path: child.path });
                }
                if child.depth > DEPTH {
                    return Err(VolumeError::Limit { what: "directory levels", limit: DEPTH as u64 });
                }
                open.push(child);
            }
        }
        Ok(files)
    }

    /// Reads a file of at most `cap` bytes; `None` where it has more.
    pub fn contents(&self, file: &FileEntry, cap: u64) -> Result<Option<Vec<u8>>, VolumeError> {
        if file.size() > cap {
            return Ok(None);
        }
        let mut contents = Vec::new();
        for extent in &file.extents {
            contents.extend(self.read(&file.path, *extent)?);
        }
        Ok(Some(contents))
    }

    /// Reads an extent, whose length the caller has bounded.
    fn read(&self, what: &dyn std::fmt::Display, extent: Extent) -> Result<Vec<u8>, VolumeError> {
        self.check(what, extent)?;
        let mut bytes = vec![0; usize::try_from(extent.len).map_err(io::Error::other)?];
        self.image.read_exact_at(&mut bytes, extent.offset)?;
        Ok(bytes)
    }

    fn check(&self, what: &dyn std::fmt::Display, extent: Extent) -> Result<(), VolumeError> {
        let size = self.image.size();
        match extent.offset.checked_add(extent.len) {
            Some(end) if end <= size => Ok(()),
            _ => Err(VolumeError::Bounds { what: what.to_string(), offset: extent.offset, len: extent.len, size }),
        }
    }

    fn list(&self, directory: &Directory, budget: &mut Budget) -> Result<Listing, VolumeError> {
        if directory.extent.len > DIRECTORY_BYTES {
            return Err(VolumeError::Limit { what: "bytes in a directory", limit: DIRECTORY_BYTES });
        }
        budget.bytes(directory.extent.len)?;
        let bytes = self.read(&format_args!("directory {}/", directory.path), directory.extent)?;
        let mut listing = Listing::default();
        for sector in bytes.chunks(SECTOR) {
            for record in record::all(sector) {
                let record =
                    record.map_err(|what| VolumeError::Record { what, path: format!("{}/", directory.path) })?;
                budget.entry()?;
                self.add(directory, &record, &mut listing, budget)?;
            }
        }
        Ok(listing)
    }

    fn add(
        &self,
        directory: &Directory,
        record: &Record<'_>,
        listing: &mut Listing,
        budget: &mut Budget,
    ) -> Result<(), VolumeError> {
        let broken = |what| VolumeError::Record { what, path: format!("{}/", directory.path) };
        if record.is_self_or_parent() || record.flags & Record::ASSOCIATED != 0 {
            return Ok(());
        }
        if record.interleaved {
            return Err(broken("an interleaved file, which is not supported,"));
        }
        let continued = std::mem::replace(&mut listing.continues, record.flags & Record::MORE_EXTENTS != 0);
        if continued && record.flags & Record::DIRECTORY == 0 {
            let file = listing.files.last_mut().ok_or_else(|| broken("a continued file without a beginning"))?;
            self.check(&file.path, record.extent)?;
            file.extents.push(record.extent);
            return Ok(());
        }
        let read = |extent: Extent, budget: &mut Budget| {
            budget.bytes(extent.len)?;
            self.read(&"a Rock Ridge continuation", extent)
        };
        let name = susp::name(self.names, record.identifier, record.system_use, |extent| read(extent, budget))?;
        if name.is_empty() || name == "." || name == ".." || name.contains(['/', '\0']) {
            return Err(broken("a name that is empty, `.` or `..`, or holds a slash or a zero byte"));
        }
        let path = format!("{}/{name}", directory.path);
        if path.len() > PATH_BYTES {
            return Err(VolumeError::Limit { what: "bytes in a path", limit: PATH_BYTES as u64 });
        }
        if record.flags & Record::DIRECTORY != 0 {
            listing.directories.push(Directory { path, extent: record.extent, depth: directory.depth + 1 });
            return Ok(());
        }
        let extents = if record.extent.len == 0 { Vec::new() } else { vec![record.extent] };
        for extent in &extents {
            self.check(&path, *extent)?;
        }
        listing.files.push(FileEntry { path, extents });
        Ok(())
    }
}

struct Directory {
    path: String,
    extent: Extent,
    depth: usize,
}

#[derive(Default)]
struct Listing {
    files: Vec<FileEntry>,
    directories: Vec<Directory>,
    /// The last record said that its file goes on in the next one.
    continues: bool,
}

/// What one walk may cost, so that a hostile image costs little: 65,536 entries and 64 MiB of directories and continuations.
struct Budget {
    entries: u64,
    bytes: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self { entries: Self::ENTRIES, bytes: Self::BYTES }
    }
}

impl Budget {
    const ENTRIES: u64 = 65_536;
    const BYTES: u64 = 64 << 20;

    fn entry(&mut self) -> Result<(), VolumeError> {
        let left = self.entries.checked_sub(1);
        self.entries = left.ok_or(VolumeError::Limit { what: "directory entries", limit: Self::ENTRIES })?;
        Ok(())
    }

    fn bytes(&mut self, len: u64) -> Result<(), VolumeError> {
        let left = self.bytes.checked_sub(len);
        self.bytes = left.ok_or(VolumeError::Limit { what: "bytes of directories", limit: Self::BYTES })?;
        Ok(())
    }
}
