//! Where a template's bytes are: an ISO, one inside a tarball, or one in an exploded directory. What a file is, its content says.
//!
//! A plain tarball is not copied: the image in it is read in place. A compressed one is unpacked once, in one pass, into the
//! cache, or without one to a file that has no name and is gone with the process. Archive entries are only read; none
//! becomes a path of ours.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use flate2::bufread::MultiGzDecoder;
use sha2::{Digest, Sha256};

use super::cache::Cache;
use super::error::Error;
use super::hex::hex;
use super::volume::ReadAt;
use crate::operation::Operation;

/// The file that Sledgehammer's builder puts into its tarball for virtual media.
pub(super) const IMAGE_NAME: &str = "cdboot.iso";

/// The largest image taken out of an archive; Sledgehammer's is some 500 MiB.
const IMAGE_BYTES: u64 = 8 << 30;

/// What an archive may unpack to before its image is found and with it, so that a small hostile one does not keep us busy for long or fill
/// the disk: any template unpacks to this much,
const UNPACKED_BYTES: u64 = 1 << 30;

/// or to this many times its packed length. Kernels, initrds and squashed file systems hardly pack at all; deflate's limit is 1,032 times.
const UNPACKED_RATIO: u64 = 64;

/// Entries of an archive; Sledgehammer's has eight.
const ARCHIVE_ENTRIES: usize = 10_000;

/// Enough of a file to tell what it is: an ISO's first descriptor begins at 32,768.
const HEAD: usize = 32_774;

/// An image inside an open file. Reads are positional, so any number of threads may share it.
#[derive(Debug)]
pub struct Source {
    file: File,
    origin: PathBuf,
    base: u64,
    len: u64,
    opened: Stamp,
}

/// A file's size and time: what shows that it was written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    len: u64,
    modified: (i64, i64),
}

impl Stamp {
    pub(super) fn of(meta: &fs::Metadata) -> Self {
        Self { len: meta.len(), modified: (meta.mtime(), meta.mtime_nsec()) }
    }

    fn of_file(file: &File) -> io::Result<Self> {
        Ok(Self::of(&file.metadata()?))
    }

    /// Names what a file at `path` unpacks to: another one at the same place, or the same one elsewhere, is another.
    fn key(self, path: &Path) -> String {
        let mut hash = Sha256::new();
        for number in [self.len.to_le_bytes(), self.modified.0.to_le_bytes(), self.modified.1.to_le_bytes()] {
            hash.update(number);
        }
        hash.update(path.as_os_str().as_bytes());
        hex(&hash.finalize()[..16])
    }
}

impl ReadAt for Source {
    fn size(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        match offset.checked_add(buf.len() as u64) {
            Some(end) if end <= self.len => self.file.read_exact_at(buf, self.base + offset),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

impl Source {
    /// Opens the image that `path` is or holds; what has to be unpacked for that is kept in `cache`.
    ///
    /// # Errors
    /// Nothing there, nothing that can be read, no image in it, too large, no room for it, or the operation was cancelled.
    pub fn open(path: &Path, cache: Option<&Cache>, operation: &Operation) -> Result<Self, Error> {
        let (path, _) = file_at(path)?;
        let kept = cache.and_then(|cache| cache.open_kept(&path));
        let file = kept.unwrap_or_else(|| File::open(&path)).map_err(Error::read(&path))?;
        let opened = Stamp::of_file(&file).map_err(Error::read(&path))?;
        let whole = Self { file, origin: path, base: 0, len: opened.len, opened };
        let mut head = vec![0; HEAD.min(usize::try_from(whole.len).unwrap_or(HEAD))];
        whole.read_exact_at(&mut head, 0).map_err(Error::read(&whole.origin))?;
        match Kind::of(&head) {
            Some(Kind::Iso) => Ok(whole),
            Some(Kind::Tar) => whole.inside_tar(operation),
            Some(Kind::Gzip) => whole.inside_gzip(cache, operation),
            None => Err(Error::UnknownFormat { path: whole.origin }),
        }
    }

    /// What was opened, for messages: the ISO or the archive.
    #[must_use]
    pub fn origin(&self) -> &Path {
        &self.origin
    }

    /// The open file and where the image begins in it.
    pub(super) fn file(&self) -> (&File, u64) {
        (&self.file, self.base)
    }

    /// Whether the image is the whole file, so that a clone of the file is the image.
    pub(super) fn is_whole_file(&self) -> bool {
        self.base == 0 && self.len == self.opened.len
    }

    /// Fails when the file was written to since it was opened. A file that was replaced by another is no harm: ours stays
    /// as it was.
    pub(super) fn check_unchanged(&self) -> Result<(), Error> {
        let now = Stamp::of_file(&self.file).map_err(Error::read(&self.origin))?;
        if now == self.opened { Ok(()) } else { Err(Error::TemplateChanged { path: self.origin.clone() }) }
    }

    /// Finds the image in a plain tarball and reads it in place.
    fn inside_tar(self, operation: &Operation) -> Result<Self, Error> {
        let archive = |source| self.archive(operation, source);
        let mut tar = tar::Archive::new(Cursor { source: &self, at: 0 });
        let entries = tar.entries_with_seek().map_err(archive)?;
        let found = find_image(entries, &self.origin, archive)?;
        let (base, len) = (found.raw_file_position(), found.size());
        if base.checked_add(len).is_none_or(|end| end > self.len) {
            return Err(archive(io::ErrorKind::UnexpectedEof.into()));
        }
        Ok(Self { base, len, ..self })
    }

    /// The image of a compressed tarball, or of a compressed image.
    fn inside_gzip(self, cache: Option<&Cache>, operation: &Operation) -> Result<Self, Error> {
        let file = if let Some(cache) = cache {
            let place = cache.directory();
            cache.open(&self.opened.key(&self.origin), |to| self.unpack(to, place, operation))?
        } else {
            let dir = std::env::temp_dir();
            let file = tempfile::tempfile_in(&dir).map_err(Error::write(&dir, 0))?;
            self.unpack(&file, &dir, operation)?;
            file
        };
        let opened = Stamp::of_file(&file).map_err(Error::read(&self.origin))?;
        Ok(Self { file, base: 0, len: opened.len, opened, origin: self.origin })
    }

    /// Unpacks the image to an empty file in `place`.
    fn unpack(&self, to: &File, place: &Path, operation: &Operation) -> Result<(), Error> {
        operation.begin("extract", format!("unpacking {} from {}", IMAGE_NAME, self.origin.display()));
        let packed = Counted { inner: Cursor { source: self, at: 0 }, read: 0, total: self.len, operation };
        let unpacked = MultiGzDecoder::new(BufReader::with_capacity(256 << 10, packed));
        let mut unpacked = Limited { inner: unpacked, left: self.unpacked_limit() };
        let mut head = Vec::with_capacity(HEAD);
        let archive = |source| self.archive(operation, source);
        unpacked.by_ref().take(HEAD as u64).read_to_end(&mut head).map_err(archive)?;
        let kind = Kind::of(&head);
        let mut rest = io::Cursor::new(head).chain(unpacked);
        match kind {
            Some(Kind::Iso) => self.copy(&mut rest, to, place, operation),
            Some(Kind::Tar) => {
                let mut tar = tar::Archive::new(rest);
                let mut image = find_image(tar.entries().map_err(archive)?, &self.origin, archive)?;
                self.copy(&mut image, to, place, operation)
            }
            _ => Err(Error::UnknownFormat { path: self.origin.clone() }),
        }
    }

    fn unpacked_limit(&self) -> u64 {
        self.len.saturating_mul(UNPACKED_RATIO).max(UNPACKED_BYTES)
    }

    /// A failed read of an archive: a cancelled operation makes one too.
    fn archive(&self, operation: &Operation, source: io::Error) -> Error {
        let path = self.origin.clone();
        if operation.is_cancelled() {
            Error::Cancelled { doing: "unpacking", path }
        } else if is_bomb(&source) {
            Error::TooLarge { path, what: "what it unpacks to", limit: self.unpacked_limit() }
        } else {
            Error::Archive { path, source }
        }
    }

    fn copy(&self, image: &mut dyn Read, to: &File, place: &Path, operation: &Operation) -> Result<(), Error> {
        let mut to = BufWriter::with_capacity(1 << 20, to);
        let mut buf = vec![0; 256 << 10];
        let mut written = 0;
        loop {
            let read = image.read(&mut buf).map_err(|source| self.archive(operation, source))?;
            if read == 0 {
                break;
            }
            written += read as u64;
            if written > IMAGE_BYTES {
                return Err(Error::TooLarge { path: self.origin.clone(), what: IMAGE_NAME, limit: IMAGE_BYTES });
            }
            to.write_all(&buf[..read]).map_err(Error::write(place, written))?;
        }
        to.flush().map_err(Error::write(place, written))
    }
}

/// What a file is, by its first bytes.
enum Kind {
    Iso,
    Tar,
    Gzip,
}

impl Kind {
    fn of(head: &[u8]) -> Option<Self> {
        let has = |at: usize, magic: &[u8]| head.get(at..at + magic.len()) == Some(magic);
        if has(32_769, b"CD001") {
            Some(Self::Iso)
        } else if has(257, b"ustar") {
            Some(Self::Tar)
        } else if has(0, b"\x1f\x8b\x08") {
            Some(Self::Gzip)
        } else {
            None
        }
    }
}

/// Finds the entry `cdboot.iso`, at whatever depth, in one pass. Entries are taken raw: extension records, which may claim any size,
/// are passed over like any other entry instead of being read into memory.
fn find_image<'a, R: Read>(
    entries: tar::Entries<'a, R>,
    path: &Path,
    archive: impl Fn(io::Error) -> Error,
) -> Result<tar::Entry<'a, R>, Error> {
    for (number, entry) in entries.raw(true).enumerate() {
        let entry = entry.map_err(&archive)?;
        if number == ARCHIVE_ENTRIES {
            return Err(Error::NoImageInside {
                path: path.to_owned(),
                found: "none of its first 10,000 entries is cdboot.iso",
            });
        }
        if entry.path_bytes().rsplit(|byte| *byte == b'/').next() != Some(IMAGE_NAME.as_bytes()) {
            continue;
        }
        // GNU tar's `--sparse` in its pax format: the data begin with a map, and are not the image's.
        if entry.path_bytes().split(|byte| *byte == b'/').any(|part| part.starts_with(b"GNUSparseFile.")) {
            return Err(Error::NoImageInside {
                path: path.to_owned(),
                found: "its cdboot.iso is stored as a sparse file, which is not read",
            });
        }
        if !(entry.header().entry_type().is_file() || entry.header().entry_type().is_contiguous()) {
            return Err(Error::NoImageInside {
                path: path.to_owned(),
                found: "its cdboot.iso is a link or no plain file",
            });
        }
        if entry.size() > IMAGE_BYTES {
            return Err(Error::TooLarge { path: path.to_owned(), what: IMAGE_NAME, limit: IMAGE_BYTES });
        }
        return Ok(entry);
    }
    Err(Error::NoImageInside { path: path.to_owned(), found: "it holds no cdboot.iso" })
}

/// The file that `path` is, or the image in the directory that it is, and what the file system says of it.
pub(super) fn file_at(path: &Path) -> Result<(PathBuf, fs::Metadata), Error> {
    let meta = fs::metadata(path).map_err(Error::read(path))?;
    if meta.is_file() {
        return Ok((path.to_owned(), meta));
    }
    if !meta.is_dir() {
        return Err(Error::UnknownFormat { path: path.to_owned() });
    }
    let image = image_in_directory(path)?;
    let meta = fs::metadata(&image).map_err(Error::read(&image))?;
    Ok((image, meta))
}

/// `<dir>/cdboot.iso`, else the newest `<dir>/<SIG>/cdboot.iso`.
fn image_in_directory(dir: &Path) -> Result<PathBuf, Error> {
    let own = dir.join(IMAGE_NAME);
    if own.is_file() {
        return Ok(own);
    }
    newest_below(dir)?
        .ok_or(Error::NoImageInside { path: dir.to_owned(), found: "it holds neither cdboot.iso nor <SIG>/cdboot.iso" })
}

/// The newest `<dir>/<SIG>/cdboot.iso`.
pub(super) fn newest_below(dir: &Path) -> Result<Option<PathBuf>, Error> {
    let entries = fs::read_dir(dir).map_err(Error::read(dir))?;
    let images = entries.filter_map(|entry| Some(entry.ok()?.path().join(IMAGE_NAME)));
    Ok(newest(images))
}

/// The regular file among `paths` that was written last; of two of one age the one whose name sorts last, so that it is always the same one.
pub(super) fn newest(paths: impl Iterator<Item = PathBuf>) -> Option<PathBuf> {
    let dated = paths.filter_map(|path| {
        let meta = fs::metadata(&path).ok().filter(fs::Metadata::is_file)?;
        Some((meta.modified().unwrap_or(SystemTime::UNIX_EPOCH), path))
    });
    dated.max().map(|(_, path)| path)
}

/// Reads a source from start to end.
struct Cursor<'a> {
    source: &'a Source,
    at: u64,
}

impl Read for Cursor<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.source.len.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let (file, base) = self.source.file();
        let len = buf.len().min(left);
        let read = file.read_at(&mut buf[..len], base + self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for Cursor<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.source.len.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

/// What a read of more than an archive may unpack to fails with.
#[derive(Debug, thiserror::Error)]
#[error("it unpacks to more than is read")]
struct Bomb;

/// Whether it is a [`Bomb`], which the tar reader wraps into errors of its own.
fn is_bomb(error: &io::Error) -> bool {
    let wrapped = |inner: &(dyn std::error::Error + Send + Sync)| {
        inner.source().and_then(|source| source.downcast_ref()).is_some_and(is_bomb)
    };
    error.get_ref().is_some_and(|inner| inner.is::<Bomb>() || wrapped(inner))
}

/// Fails behind a number of bytes.
struct Limited<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buf)?;
        self.left = self.left.checked_sub(read as u64).ok_or_else(|| io::Error::other(Bomb))?;
        Ok(read)
    }
}

/// Reports how much of a file has been read, and fails once the operation is cancelled.
struct Counted<'a, R> {
    inner: R,
    read: u64,
    total: u64,
    operation: &'a Operation,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.operation.is_cancelled() {
            return Err(io::Error::other("cancelled"));
        }
        let read = self.inner.read(buf)?;
        self.read += read as u64;
        self.operation.percent(u8::try_from(self.read.min(self.total) * 100 / self.total.max(1)).unwrap_or(100));
        Ok(read)
    }
}
