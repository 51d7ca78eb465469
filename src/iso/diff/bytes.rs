//! Compares the bytes of two images, a piece at a time.

use std::path::Path;

use serde::Serialize;

use super::super::error::Error;
use super::super::show::{ConfigArea, File};
use super::super::volume::ReadAt;
use crate::operation::Operation;

/// Bytes of each image that are in memory at a time.
const CHUNK: usize = 1 << 20;

/// The bytes that differ outside of all areas.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Outside {
    /// How many.
    pub bytes: u64,
    /// Where the first run of them begins, in bytes.
    pub offset: u64,
    /// How long that run is.
    pub len: u64,
    /// The file that it begins in; none where it is in no file: in a directory, or between the files.
    pub file: Option<String>,
}

/// Two images that are compared.
pub(super) struct Pair<'a, A: ?Sized, B: ?Sized> {
    pub(super) a: &'a A,
    pub(super) b: &'a B,
    /// What messages call them.
    pub(super) paths: [&'a Path; 2],
    pub(super) operation: &'a Operation,
}

impl<A: ReadAt + ?Sized, B: ReadAt + ?Sized> Pair<'_, A, B> {
    /// What differs outside of `areas`, which both have at the same places; both are equally long.
    pub(super) fn outside(&self, areas: &[ConfigArea], files: &[File]) -> Result<Option<Outside>, Error> {
        let mut runs = Runs::default();
        self.each(0, 0, self.a.size(), |at, a, b| {
            for area in areas {
                let within = |start: u64| {
                    let end = at + a.len() as u64;
                    usize::try_from(start.clamp(at, end) - at).unwrap_or(usize::MAX)
                };
                let range = within(area.offset)..within(area.offset + area.size as u64);
                b[range.clone()].copy_from_slice(&a[range]);
            }
            runs.add(at, a, b);
        })?;
        Ok(runs.first.map(|(offset, len)| {
            let holds = |file: &&File| file.offset.is_some_and(|from| (from..from + file.size).contains(&offset));
            let file = files.iter().find(holds).map(|file| file.path.clone());
            Outside { bytes: runs.bytes, offset, len, file }
        }))
    }

    /// Whether the areas, which both have at the same places, hold the same bytes.
    pub(super) fn same_areas(&self, areas: &[ConfigArea]) -> Result<bool, Error> {
        for area in areas {
            if !self.same(area.offset, area.offset, area.size as u64)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether `len` bytes at one offset of the one are those at another of the other.
    pub(super) fn same(&self, at_a: u64, at_b: u64, len: u64) -> Result<bool, Error> {
        let mut same = true;
        self.each(at_a, at_b, len, |_, a, b| same &= a == b)?;
        Ok(same)
    }

    /// Hands over `len` bytes of both in pieces, with the offset of each piece from the start of the run.
    fn each(
        &self,
        at_a: u64,
        at_b: u64,
        len: u64,
        mut compare: impl FnMut(u64, &mut [u8], &mut [u8]),
    ) -> Result<(), Error> {
        let (mut a, mut b) = (Vec::new(), Vec::new());
        let mut done = 0;
        while done < len {
            if self.operation.is_cancelled() {
                return Err(Error::Cancelled { doing: "comparing", path: self.paths[0].to_owned() });
            }
            let piece = usize::try_from(len - done).map_or(CHUNK, |left| left.min(CHUNK));
            a.resize(piece, 0);
            b.resize(piece, 0);
            self.a.read_exact_at(&mut a, at_a + done).map_err(Error::read(self.paths[0]))?;
            self.b.read_exact_at(&mut b, at_b + done).map_err(Error::read(self.paths[1]))?;
            compare(done, &mut a, &mut b);
            done += piece as u64;
            self.operation.percent(u8::try_from(done.saturating_mul(100) / len).unwrap_or(100));
        }
        Ok(())
    }
}

/// The bytes that differ, and the first run of them, which may go on in the next piece.
#[derive(Default)]
struct Runs {
    bytes: u64,
    first: Option<(u64, u64)>,
}

impl Runs {
    fn add(&mut self, at: u64, a: &[u8], b: &[u8]) {
        if a == b {
            return;
        }
        for (place, _) in a.iter().zip(b).enumerate().filter(|(_, (a, b))| a != b) {
            let place = at + place as u64;
            self.bytes += 1;
            let (offset, len) = self.first.get_or_insert((place, 0));
            if *offset + *len == place {
                *len += 1;
            }
        }
    }
}
