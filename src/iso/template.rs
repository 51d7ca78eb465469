//! A template: the boot image that every machine's image is made from, opened, checked and with its config areas found.

use std::ops::Range;
use std::path::Path;
use std::sync::OnceLock;

use sha2::{Digest, Sha256};

use super::area::{self, Area};
use super::boot_catalog;
use super::cache::Cache;
use super::error::Error;
use super::hex::hex;
use super::layout::Layout;
use super::plan::{Patch, Plan};
use super::source::Source;
use super::volume::{FileEntry, ReadAt, Volume, VolumeError};
use crate::machine::KernelArgs;
use crate::operation::Operation;

/// A config file has some 2 KiB; anything larger is no config file.
const CONFIG_BYTES: u64 = 64 << 10;

/// What looking for markers may read in all.
const SEARCH_BYTES: u64 = 64 << 20;

/// Config areas of an image; Sledgehammer's has three or four.
const AREAS: usize = 64;

/// Bytes read at a time where an image is read whole.
const CHUNK: usize = 1 << 20;

/// An open template. Cheap to keep, and shared by any number of threads: all reads are positional.
#[derive(Debug)]
pub struct Template {
    source: Source,
    areas: Vec<Area>,
    layout: Layout,
    hashes: OnceLock<Hashes>,
}

/// What is computed once of a template's bytes.
#[derive(Debug)]
struct Hashes {
    /// Of what precedes the first area, which all images of this template have in common.
    common: Sha256,
    /// The SHA-256 of all of it, as text.
    whole: String,
}

impl Template {
    /// Opens an ISO image, a Sledgehammer tar or tar.gz, or a directory with `cdboot.iso` or `<SIG>/cdboot.iso` in it.
    ///
    /// Reads directories and small files only, except from a tar.gz, whose image is unpacked to a file that has no name;
    /// that is reported to `operation` and ends when it is cancelled. [`Templates`](super::Templates) does so once.
    ///
    /// # Errors
    /// Nothing readable there, no image in it, a truncated or damaged image, no marker in it, or an entry of unknown form.
    pub fn open(path: &Path, operation: &Operation) -> Result<Self, Error> {
        Self::open_with(path, None, operation)
    }

    /// The same, with what has to be unpacked kept in `cache`.
    pub(super) fn open_with(path: &Path, cache: Option<&Cache>, operation: &Operation) -> Result<Self, Error> {
        let source = Source::open(path, cache, operation)?;
        let volume = |error| Error::Volume { path: source.origin().to_owned(), source: error };
        let open = Volume::open(&source).map_err(volume)?;
        let files = open.files().map_err(volume)?;
        let areas = find_areas(source.origin(), &open, &files)?;
        if areas.is_empty() {
            return Err(Error::NoMarker { path: source.origin().to_owned(), files: files.len() });
        }
        let boot = match open.boot_catalog() {
            Some(offset) => boot_catalog::read(&source, offset).map_err(volume)?.unwrap_or_default(),
            None => Vec::new(),
        };
        let layout = Layout::new(&files, &areas, &boot);
        Ok(Self { source, areas, layout, hashes: OnceLock::new() })
    }

    /// What was opened: the ISO, or the archive that it is in.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.source.origin()
    }

    /// The image's length in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.source.size()
    }

    /// The config areas, by offset; at least one.
    #[must_use]
    pub fn areas(&self) -> &[Area] {
        &self.areas
    }

    /// What lies where in it.
    pub(super) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The image's bytes.
    #[must_use]
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// What makes this template the image of a machine with these arguments.
    ///
    /// # Errors
    /// [`Error::ArgumentsTooLong`] for the first area that they do not fit into.
    pub fn plan(&self, args: &KernelArgs) -> Result<Plan, Error> {
        let patches = self.areas.iter().map(|area| {
            let bytes = area.render(args).map_err(|long| Error::ArgumentsTooLong {
                path: self.path().to_owned(),
                file: area.file().to_owned(),
                needed: long.needed,
                room: long.room,
            })?;
            Ok(Patch { offset: area.offset(), bytes })
        });
        let patches = patches.collect::<Result<Vec<_>, Error>>()?;
        Plan::new(self.size(), patches).ok_or_else(|| overlap(&self.areas, self.path()))
    }

    /// The template's own SHA-256, in lower-case hexadecimal: its name wherever it is. Read once (about 0.3 s for 500 MiB where
    /// the processor has SHA instructions, 1.5 s elsewhere), and by whoever asks first.
    ///
    /// # Errors
    /// The template cannot be read, changed since it was opened, or the operation was cancelled.
    pub fn digest(&self, operation: &Operation) -> Result<&str, Error> {
        Ok(&self.hashes(operation)?.whole)
    }

    /// The SHA-256 of the image that `plan` makes of this template, in lower-case hexadecimal. What precedes the first area
    /// (kernel and initrd as a rule, so nearly all of it) is not read again; what follows is, so this is nothing to do for
    /// each of many machines.
    ///
    /// # Errors
    /// As [`Template::digest`].
    pub fn digest_of_image(&self, plan: &Plan, operation: &Operation) -> Result<String, Error> {
        let mut hash = self.hashes(operation)?.common.clone();
        self.read(self.first_area()..self.size(), operation, |buf, at| {
            plan.overlay(buf, at);
            hash.update(buf);
        })?;
        self.source.check_unchanged()?;
        Ok(hex(&hash.finalize()))
    }

    fn hashes(&self, operation: &Operation) -> Result<&Hashes, Error> {
        if let Some(hashes) = self.hashes.get() {
            return Ok(hashes);
        }
        let mut hash = Sha256::new();
        self.read(0..self.first_area(), operation, |buf, _| hash.update(buf))?;
        let common = hash.clone();
        self.read(self.first_area()..self.size(), operation, |buf, _| hash.update(buf))?;
        self.source.check_unchanged()?;
        Ok(self.hashes.get_or_init(|| Hashes { common, whole: hex(&hash.finalize()) }))
    }

    fn first_area(&self) -> u64 {
        self.areas.first().map_or(0, Area::offset)
    }

    /// Hands the bytes of `range` on, a chunk at a time with its offset.
    fn read(
        &self,
        range: Range<u64>,
        operation: &Operation,
        mut take: impl FnMut(&mut [u8], u64),
    ) -> Result<(), Error> {
        let mut buf = Vec::new();
        let mut at = range.start;
        while at < range.end {
            if operation.is_cancelled() {
                return Err(Error::Cancelled { doing: "reading", path: self.path().to_owned() });
            }
            buf.resize(usize::try_from(range.end - at).map_or(CHUNK, |left| left.min(CHUNK)), 0);
            self.source.read_exact_at(&mut buf, at).map_err(Error::read(self.path()))?;
            take(&mut buf, at);
            at += buf.len() as u64;
        }
        Ok(())
    }
}

/// Finds the areas of every small text file, by file and not by a search of the bytes: a boot image inside the volume may
/// hold copies of the config files that no loader reads.
pub(super) fn find_areas<R: ReadAt + ?Sized>(
    path: &Path,
    volume: &Volume<'_, R>,
    files: &[FileEntry],
) -> Result<Vec<Area>, Error> {
    let failed = |source| Error::Volume { path: path.to_owned(), source };
    let mut areas: Vec<Area> = Vec::new();
    let mut left = SEARCH_BYTES;
    for file in files {
        let [extent] = file.extents.as_slice() else { continue };
        if extent.len > CONFIG_BYTES {
            continue;
        }
        left = left.checked_sub(extent.len).ok_or_else(|| Error::TooLarge {
            path: path.to_owned(),
            what: "the content of its small files",
            limit: SEARCH_BYTES,
        })?;
        let read =
            volume.contents(file, CONFIG_BYTES).map_err(|source| Error::Volume { path: path.to_owned(), source })?;
        // A file with a zero byte is no text.
        let Some(text) = read.filter(|text| !text.contains(&0)) else { continue };
        let found = area::find(&file.path, &text, extent.offset).map_err(|what| Error::Entry {
            path: path.to_owned(),
            file: file.path.clone(),
            what,
        })?;
        for area in found {
            let listed = areas.iter().position(|other| (other.offset(), other.size()) == (area.offset(), area.size()));
            match listed.and_then(|at| areas.get_mut(at)) {
                Some(same) => same.add_file(area.file()),
                None => areas.push(area),
            }
        }
        if areas.len() > AREAS {
            return Err(failed(VolumeError::Limit { what: "config areas", limit: AREAS as u64 }));
        }
    }
    areas.sort_by_key(Area::offset);
    let apart = areas.windows(2).all(|pair| pair[0].offset() + pair[0].size() as u64 <= pair[1].offset());
    if apart { Ok(areas) } else { Err(overlap(&areas, path)) }
}

/// Names the first two areas that overlap.
fn overlap(areas: &[Area], path: &Path) -> Error {
    let pair = areas.windows(2).find(|pair| pair[0].offset() + pair[0].size() as u64 > pair[1].offset());
    let name = |at: usize| pair.map_or_else(String::new, |pair| pair[at].file().to_owned());
    Error::Overlap { path: path.to_owned(), first: name(0), second: name(1) }
}
