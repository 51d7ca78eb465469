//! Explains an image: who boots it, with which loaders, which config areas it has, and what a kernel would be told.
//!
//! Any ISO 9660 image will do, of ours or of others. What is missing or odd in it is told, and no error.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::boot_catalog::{self, BootImage};
use super::disk::Disk;
use super::error::Error;
use super::source::Source;
use super::template;
use super::volume::{FileEntry, ReadAt, Volume, VolumeError};
use crate::operation::Operation;

mod boot;
mod config;
mod loaders;
mod text;
mod verdict;

pub use boot::Boot;
pub use config::ConfigArea;
pub use loaders::Loader;
pub use verdict::{Answer, Boots, Verdict};

/// What an image holds.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Report {
    /// The image, or the archive that it is in.
    pub path: PathBuf,
    /// Its length in bytes.
    pub size: u64,
    /// The volume identifier.
    pub volume: String,
    /// Where the files' names come from: `Rock Ridge`, `Joliet` or `ISO 9660`.
    pub names: String,
    /// There is a UDF volume too, whose files are not looked at.
    pub udf: bool,
    /// The files of the volume, in the order of its directories.
    pub files: Vec<File>,
    /// What firmware boots, in the boot catalogue's order.
    pub boot: Vec<Boot>,
    /// The EFI binaries, in the volume and in the FAT volumes that UEFI boots from.
    pub loaders: Vec<Loader>,
    /// What the image boots on, as far as it can be seen.
    pub boots: Boots,
    /// The config areas, by offset.
    pub areas: Vec<ConfigArea>,
    /// What was looked for and is not there, or is not as it should be. Empty: the image is whole.
    pub findings: Vec<String>,
}

/// A file of the volume.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct File {
    /// Its path.
    pub path: String,
    /// Where it begins, in bytes; none where it is empty.
    pub offset: Option<u64>,
    /// Its length in bytes.
    pub size: u64,
}

impl Report {
    /// Reads the image that `path` is or holds.
    ///
    /// # Errors
    /// There is no image, or its volume cannot be read.
    pub fn read(path: &Path, operation: &Operation) -> Result<Self, Error> {
        let source = Source::open(path, None, operation)?;
        Self::of(&source, source.origin())
    }

    /// Reads `image`, which messages call `path`.
    ///
    /// # Errors
    /// Its volume cannot be read.
    pub fn of<R: ReadAt + ?Sized>(image: &R, path: &Path) -> Result<Self, Error> {
        let failed = |error: VolumeError| Error::Volume { path: path.to_owned(), source: error };
        let volume = Volume::open(image).map_err(failed)?;
        let files = volume.files().map_err(failed)?;
        let mut findings = Vec::new();
        let areas = template::find_areas(path, &volume, &files).unwrap_or_else(|error| {
            findings.push(error.to_string());
            Vec::new()
        });
        let disk = Disk::read(image).map_err(Error::read(path))?;
        let images = boot_images(&volume, &mut findings).map_err(failed)?;
        let systems = loaders::systems(image, &images, &disk, &files);
        let loaders = loaders::all(image, &files, &systems).map_err(Error::read(path))?;
        let boot: Vec<Boot> = images.iter().map(|image| Boot::new(image, &files, &areas)).collect();
        findings.extend(boot::missing(&boot, &areas, &systems));
        if volume.has_udf() {
            findings.push("there is a UDF volume too: files that only UDF names are not seen here".to_owned());
        }
        Ok(Self {
            path: path.to_owned(),
            size: image.size(),
            volume: volume.id().to_owned(),
            names: volume.names().to_string(),
            udf: volume.has_udf(),
            boots: Boots::new(&images, &systems, &loaders, &disk),
            boot,
            loaders,
            areas: areas.iter().map(ConfigArea::new).collect(),
            files: files.iter().map(File::new).collect(),
            findings,
        })
    }
}

impl File {
    fn new(file: &FileEntry) -> Self {
        Self { path: file.path.clone(), offset: file.extents.first().map(|extent| extent.offset), size: file.size() }
    }
}

fn boot_images<R: ReadAt + ?Sized>(
    volume: &Volume<'_, R>,
    findings: &mut Vec<String>,
) -> Result<Vec<BootImage>, VolumeError> {
    let Some(offset) = volume.boot_catalog() else {
        findings.push("no El Torito boot catalogue: no firmware boots this image as a CD".to_owned());
        return Ok(Vec::new());
    };
    let images = boot_catalog::read(volume.image(), offset)?;
    Ok(images.unwrap_or_else(|| {
        findings.push(format!("no valid boot catalogue at {offset}: no firmware boots this image as a CD"));
        Vec::new()
    }))
}
