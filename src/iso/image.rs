//! A machine's image: its template and its plan, read as one at any offset, with nothing copied and nothing on disk.
//!
//! Reads are positional and the plan never changes, so any number of readers may share one image. What lies between the
//! patches is told as a place in the template's file, so that the kernel can send it without our reading it.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::error::Error;
use super::hex::hex;
use super::plan::Plan;
use super::template::Template;
use super::volume::ReadAt;
use crate::machine::KernelArgs;
use crate::operation::Operation;

/// A template with a machine's bytes over it.
#[derive(Debug)]
pub struct Image {
    template: Arc<Template>,
    plan: Plan,
    digest: String,
    made: Timestamp,
}

/// A run of an image's bytes, and where they are.
#[derive(Clone, Copy, Debug)]
pub enum Piece<'a> {
    /// In the template's file.
    File {
        /// The file: the template, or an archive around it.
        file: &'a File,
        /// Where they begin in that file, in bytes.
        offset: u64,
        /// How many there are; at least one.
        len: u64,
    },
    /// The machine's own, in memory; at least one.
    Bytes(&'a [u8]),
}

impl Piece<'_> {
    /// How many bytes there are; at least one.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "it is never empty")]
    pub fn len(&self) -> u64 {
        match self {
            Self::File { len, .. } => *len,
            Self::Bytes(bytes) => bytes.len() as u64,
        }
    }
}

impl Image {
    /// Renders a machine's arguments into a plan and puts it over the template.
    ///
    /// # Errors
    /// The arguments do not fit, or the template cannot be read for its digest.
    pub fn render(template: Arc<Template>, args: &KernelArgs, operation: &Operation) -> Result<Self, Error> {
        let plan = template.plan(args)?;
        Self::new(template, plan, Timestamp::now(), operation)
    }

    /// Puts the image of `plan` over its template. `made` is when the plan was made: a reader is told it as the time of the
    /// last change, so it is kept with the plan.
    ///
    /// # Errors
    /// The plan is of another template, or the template cannot be read for its digest.
    pub fn new(template: Arc<Template>, plan: Plan, made: Timestamp, operation: &Operation) -> Result<Self, Error> {
        if plan.len() != template.size() {
            return Err(Error::ForeignPlan {
                template: template.path().to_owned(),
                planned: plan.len(),
                size: template.size(),
            });
        }
        let digest = digest(template.digest(operation)?, &plan);
        Ok(Self { template, plan, digest, made })
    }

    /// The template.
    #[must_use]
    pub fn template(&self) -> &Arc<Template> {
        &self.template
    }

    /// What differs from the template.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// What tells this image from every other, in lower-case hexadecimal: the SHA-256 of the template's SHA-256 and of every
    /// patch. The same template and the same arguments have the same one on every machine and after every start. It is not
    /// the SHA-256 of the image's bytes, for which all of them would have to be read for each machine.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The SHA-256 of the image's bytes, in lower-case hexadecimal: [`Template::digest_of_image`].
    ///
    /// # Errors
    /// As there.
    pub fn sha256(&self, operation: &Operation) -> Result<String, Error> {
        self.template.digest_of_image(&self.plan, operation)
    }

    /// When the plan was made.
    #[must_use]
    pub fn made(&self) -> Timestamp {
        self.made
    }

    /// Fails when the template was written to since it was opened: the bytes between the patches may be others by now.
    ///
    /// # Errors
    /// [`Error::TemplateChanged`], or its file cannot be looked at.
    pub fn check_unchanged(&self) -> Result<(), Error> {
        self.template.source().check_unchanged()
    }

    /// The bytes of `range` in order. What of it lies beyond the image's end is left out.
    pub fn pieces(&self, range: Range<u64>) -> impl Iterator<Item = Piece<'_>> {
        let (file, base) = self.template.source().file();
        let (mut at, end) = (range.start, range.end.min(self.size()));
        let mut patches = self.plan.patches_from(at);
        std::iter::from_fn(move || {
            if at >= end {
                return None;
            }
            let piece = match patches {
                [patch, rest @ ..] if patch.offset <= at => {
                    patches = rest;
                    Piece::Bytes(patch.within(at..end))
                }
                [patch, ..] => Piece::File { file, offset: base + at, len: end.min(patch.offset) - at },
                [] => Piece::File { file, offset: base + at, len: end - at },
            };
            at += piece.len();
            Some(piece)
        })
    }
}

impl ReadAt for Image {
    fn size(&self) -> u64 {
        self.plan.len()
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        self.template.source().read_exact_at(buf, offset)?;
        self.plan.overlay(buf, offset);
        Ok(())
    }
}

/// Lengths keep two patches from being taken for one.
fn digest(template: &str, plan: &Plan) -> String {
    let mut hash = Sha256::new();
    hash.update(template);
    for patch in plan.patches() {
        hash.update(patch.offset.to_le_bytes());
        hash.update((patch.bytes.len() as u64).to_le_bytes());
        hash.update(&patch.bytes);
    }
    hex(&hash.finalize())
}
