//! Tells two images apart in words: the kernel arguments where they are of one template, else what the templates differ in.
//!
//! Both images are read once from start to end, a piece at a time; nothing of them is kept.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::error::Error;
use super::show::{ConfigArea, Report};
use super::source::Source;
use super::volume::ReadAt;
use crate::operation::Operation;

mod args;
mod bytes;
mod files;
mod text;

pub use args::{AreaDiff, ArgsDiff, Changed};
pub use bytes::Outside;
pub use files::{FileDiff, LoaderDiff};

/// What two images differ in.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Diff {
    /// The first image.
    pub a: Side,
    /// The second image.
    pub b: Side,
    /// They have the same bytes.
    pub same: bool,
    /// They are of one template: as long as each other, with areas at the same places, and the same bytes outside of them.
    pub same_template: bool,
    /// What differs outside of the areas, where the images are equally long and their areas at the same places.
    pub outside: Option<Outside>,
    /// The config areas that differ, by file.
    pub areas: Vec<AreaDiff>,
    /// The files that differ, of two templates.
    pub files: Vec<FileDiff>,
    /// The EFI binaries that differ in processor or signer, of two templates.
    pub loaders: Vec<LoaderDiff>,
}

/// One of the two images.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Side {
    /// The image, or the archive that it is in.
    pub path: PathBuf,
    /// Its length in bytes.
    pub size: u64,
    /// The volume identifier.
    pub volume: String,
}

impl Diff {
    /// Compares the images that `a` and `b` are or hold.
    ///
    /// # Errors
    /// One of them has no image or a volume that cannot be read, or the operation was cancelled.
    pub fn read(a: &Path, b: &Path, operation: &Operation) -> Result<Self, Error> {
        let (image_a, image_b) = (Source::open(a, None, operation)?, Source::open(b, None, operation)?);
        let (report_a, report_b) = (Report::of(&image_a, image_a.origin())?, Report::of(&image_b, image_b.origin())?);
        operation.begin("compare", format!("comparing {} and {}", a.display(), b.display()));
        let pair = bytes::Pair { a: &image_a, b: &image_b, paths: [image_a.origin(), image_b.origin()], operation };
        let alike = image_a.size() == image_b.size() && places(&report_a.areas) == places(&report_b.areas);
        let outside = if alike { pair.outside(&report_a.areas, &report_a.files)? } else { None };
        let same_template = alike && outside.is_none();
        let areas = args::areas(&report_a.areas, &report_b.areas);
        let same = same_template && pair.same_areas(&report_a.areas)?;
        let (files, loaders) = if same_template {
            (Vec::new(), Vec::new())
        } else {
            (files::files(&pair, &report_a, &report_b)?, files::loaders(&report_a, &report_b))
        };
        Ok(Self {
            a: Side::new(&report_a),
            b: Side::new(&report_b),
            same,
            same_template,
            outside,
            areas,
            files,
            loaders,
        })
    }
}

impl Side {
    fn new(report: &Report) -> Self {
        Self { path: report.path.clone(), size: report.size, volume: report.volume.clone() }
    }
}

fn places(areas: &[ConfigArea]) -> Vec<(u64, usize)> {
    areas.iter().map(|area| (area.offset, area.size)).collect()
}
