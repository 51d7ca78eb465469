//! Kernel, initrd and boot loaders of a Sledgehammer that has no `cdboot.iso`: out of its tarball, or from its exploded directory.
//!
//! A tarball is read once, from start to end, and its large root file system is passed over. What is kept goes to a directory that
//! is gone with the [`Parts`]. Entries are taken by their last name, and none becomes a path of ours.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use flate2::bufread::MultiGzDecoder;
use tempfile::TempDir;

use super::error::MakeError;
use super::loaders::is_loader;
use super::{Architecture, FILE_BYTES, plain_file};
use crate::iso::error::Error;
use crate::operation::Operation;

/// What Sledgehammer's builder calls its kernel.
pub(super) const KERNEL: &str = "vmlinuz0";

/// What it calls its initrd.
pub(super) const INITRD: &str = "stage1.img";

/// What an archive may unpack to; Sledgehammer's has a gigabyte or two.
const ARCHIVE_BYTES: u64 = 64 << 30;

/// Entries of an archive; Sledgehammer's has eight.
const ARCHIVE_ENTRIES: usize = 10_000;

/// A Sledgehammer's files that matter here.
#[derive(Debug)]
pub(super) struct Parts {
    /// Where they lie.
    pub(super) directory: PathBuf,
    _unpacked: Option<TempDir>,
}

impl Parts {
    /// Finds them in `path`, a tarball or a directory; those of a tarball are unpacked.
    ///
    /// # Errors
    /// Nothing readable there, a file beyond its limit, or no kernel and initrd.
    pub(super) fn find(path: &Path, architecture: Architecture, operation: &Operation) -> Result<Self, Error> {
        let parts = if fs::metadata(path).map_err(Error::read(path))?.is_dir() {
            Self { directory: exploded(path)?, _unpacked: None }
        } else {
            let unpacked = unpack(path, architecture, operation)?;
            Self { directory: unpacked.path().to_owned(), _unpacked: Some(unpacked) }
        };
        match [KERNEL, INITRD].into_iter().find(|name| !parts.directory.join(name).is_file()) {
            Some(missing) => Err(MakeError::NoSledgehammer { path: path.to_owned(), missing }.into()),
            None => Ok(parts),
        }
    }
}

/// `path` itself, else its newest directory with a kernel in it.
pub(super) fn exploded(path: &Path) -> Result<PathBuf, Error> {
    if path.join(KERNEL).is_file() {
        return Ok(path.to_owned());
    }
    let entries = fs::read_dir(path).map_err(Error::read(path))?;
    let dated = entries.flatten().filter_map(|entry| {
        let meta = fs::metadata(entry.path().join(KERNEL)).ok()?;
        Some((meta.modified().unwrap_or(SystemTime::UNIX_EPOCH), entry.path()))
    });
    let newest = dated.max().map(|(_, directory)| directory);
    newest.ok_or_else(|| MakeError::NoSledgehammer { path: path.to_owned(), missing: KERNEL }.into())
}

fn unpack(path: &Path, architecture: Architecture, operation: &Operation) -> Result<TempDir, Error> {
    let total = plain_file(path)?.len();
    let file = File::open(path).map_err(Error::read(path))?;
    operation.begin("extract", format!("unpacking kernel and initrd from {}", path.display()));
    let mut packed = BufReader::with_capacity(256 << 10, Watched { file, read: 0, total, operation });
    let mut magic = Vec::new();
    let failed = |source| {
        let path = path.to_owned();
        if operation.is_cancelled() {
            Error::Cancelled { doing: "unpacking", path }
        } else {
            Error::Archive { path, source }
        }
    };
    packed.by_ref().take(2).read_to_end(&mut magic).map_err(failed)?;
    packed.rewind().map_err(failed)?;
    let wanted =
        Wanted { path, architecture, into: tempfile::tempdir().map_err(Error::write(&std::env::temp_dir(), 0))? };
    if magic == b"\x1f\x8b" {
        let mut tar = tar::Archive::new(MultiGzDecoder::new(packed).take(ARCHIVE_BYTES));
        wanted.take(tar.entries().map_err(failed)?, failed)
    } else {
        let mut tar = tar::Archive::new(packed);
        wanted.take(tar.entries_with_seek().map_err(failed)?, failed)
    }
}

/// What is taken out of an archive.
struct Wanted<'a> {
    path: &'a Path,
    architecture: Architecture,
    into: TempDir,
}

impl Wanted<'_> {
    /// Keeps the first entry of each name. Taken raw, as `source` does, so that no extension record is read into memory.
    fn take<R: Read>(
        self,
        entries: tar::Entries<'_, R>,
        failed: impl Fn(io::Error) -> Error,
    ) -> Result<TempDir, Error> {
        for entry in entries.raw(true).take(ARCHIVE_ENTRIES) {
            let mut entry = entry.map_err(&failed)?;
            let Some(name) = self.name(&entry) else { continue };
            let (to, size) = (self.into.path().join(name), entry.size());
            if to.exists() {
                continue;
            }
            if size > FILE_BYTES {
                return Err(MakeError::TooLarge { path: self.path.to_owned(), size, limit: FILE_BYTES }.into());
            }
            let mut file = File::create_new(&to).map_err(Error::write(&to, size))?;
            copy(&mut entry, &mut file, &failed, Error::write(&to, size))?;
        }
        Ok(self.into)
    }

    /// The entry's name, where it is one of ours.
    fn name<R: Read>(&self, entry: &tar::Entry<'_, R>) -> Option<String> {
        let kind = entry.header().entry_type();
        let path = entry.path_bytes();
        let name = str::from_utf8(path.rsplit(|byte| *byte == b'/').next()?).ok()?.to_lowercase();
        let ours = [KERNEL, INITRD].contains(&name.as_str()) || is_loader(self.architecture, &name);
        (ours && (kind.is_file() || kind.is_contiguous())).then_some(name)
    }
}

/// Copies, and tells a failure to read from one to write.
fn copy(
    from: &mut impl Read,
    to: &mut File,
    read: impl Fn(io::Error) -> Error,
    write: impl FnOnce(io::Error) -> Error,
) -> Result<(), Error> {
    let mut buf = vec![0; 256 << 10];
    loop {
        let len = match from.read(&mut buf).map_err(&read)? {
            0 => return Ok(()),
            len => len,
        };
        if let Err(error) = io::Write::write_all(to, &buf[..len]) {
            return Err(write(error));
        }
    }
}

/// A file that reports how much of it has been read, and fails once the operation is cancelled.
struct Watched<'a> {
    file: File,
    read: u64,
    total: u64,
    operation: &'a Operation,
}

impl Read for Watched<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.operation.is_cancelled() {
            return Err(io::Error::other("cancelled"));
        }
        let read = self.file.read(buf)?;
        self.read += read as u64;
        self.operation.percent(u8::try_from(self.read * 100 / self.total.max(1)).unwrap_or(100).min(100));
        Ok(read)
    }
}

impl Seek for Watched<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.read = self.file.seek(to)?;
        Ok(self.read)
    }
}
