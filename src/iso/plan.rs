//! What makes a template a machine's image: a few runs of bytes, each of exactly the length of the area that it replaces.
//!
//! A plan is small and complete in itself. Template and plan together are the image, whether that is written to a file
//! ([`Store`](super::store::Store)) or put together while it is read ([`Plan::overlay`]).

use std::ops::Range;

use serde::Serialize;

/// Some bytes of an image that differ from the template's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Patch {
    /// Where they begin, in bytes from the image's start.
    pub offset: u64,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl Patch {
    fn end(&self) -> u64 {
        self.offset + self.bytes.len() as u64
    }

    /// The bytes that lie in `range` of the image.
    #[expect(clippy::cast_possible_truncation, reason = "no more than the patch's length")]
    pub(super) fn within(&self, range: Range<u64>) -> &[u8] {
        let in_patch = |at: u64| at.clamp(self.offset, self.end()) - self.offset;
        &self.bytes[in_patch(range.start) as usize..in_patch(range.end) as usize]
    }
}

/// The patches of one image: in order, apart from each other and inside the image.
///
/// Only [`Template::plan`](super::template::Template::plan) makes one, out of the template's areas, so it cannot leave them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Plan {
    len: u64,
    patches: Vec<Patch>,
}

impl Plan {
    /// Puts patches in order. `None` where two overlap, or one leaves the image's `len` bytes.
    pub(super) fn new(len: u64, mut patches: Vec<Patch>) -> Option<Self> {
        patches.sort_by_key(|patch| patch.offset);
        let inside = patches.iter().all(|patch| {
            let end = patch.offset.checked_add(patch.bytes.len() as u64);
            end.is_some_and(|end| end <= len)
        });
        let apart = patches.windows(2).all(|pair| pair[0].end() <= pair[1].offset);
        (inside && apart).then_some(Self { len, patches })
    }

    /// The image's length in bytes, which is the template's.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether the image has no bytes at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The patches, by offset.
    #[must_use]
    pub fn patches(&self) -> &[Patch] {
        &self.patches
    }

    /// Turns the template's bytes from `offset` on, which `buf` holds, into the image's.
    #[expect(clippy::cast_possible_truncation, reason = "a place inside a slice")]
    pub fn overlay(&self, buf: &mut [u8], offset: u64) {
        let end = offset + buf.len() as u64;
        for patch in self.patches_from(offset).iter().take_while(|patch| patch.offset < end) {
            let bytes = patch.within(offset..end);
            let at = (patch.offset.max(offset) - offset) as usize;
            buf[at..at + bytes.len()].copy_from_slice(bytes);
        }
    }

    /// The patches that have bytes at or after `offset`.
    pub(super) fn patches_from(&self, offset: u64) -> &[Patch] {
        &self.patches[self.patches.partition_point(|patch| patch.end() <= offset)..]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Patch, Plan};

    fn patch(offset: u64, len: usize) -> Patch {
        Patch { offset, bytes: vec![b'x'; len] }
    }

    #[test]
    fn patches_that_overlap_or_leave_the_image_make_no_plan() {
        assert!(Plan::new(10, vec![patch(4, 3), patch(0, 4), patch(7, 3)]).is_some());
        assert!(Plan::new(10, vec![patch(4, 3), patch(0, 5)]).is_none());
        assert!(Plan::new(10, vec![patch(7, 4)]).is_none());
    }

    proptest! {
        /// Any window of the overlay is that window of the whole image.
        #[test]
        fn a_window_of_the_overlay_equals_the_image(
            lens in prop::collection::vec((0_usize..20, 1_usize..20), 0..6), from in 0_usize..200, len in 0_usize..240,
        ) {
            let mut at = 0;
            let patches = lens.iter().enumerate().map(|(number, (gap, len))| {
                let offset = at + gap;
                at = offset + len;
                Patch { offset: offset as u64, bytes: vec![u8::try_from(number + 1).unwrap(); *len] }
            }).collect::<Vec<_>>();
            let mut image = [0; 240];
            for patch in &patches {
                image[usize::try_from(patch.offset).unwrap()..][..patch.bytes.len()].copy_from_slice(&patch.bytes);
            }
            let plan = Plan::new(240, patches).unwrap();
            let to = (from + len).min(240);
            let mut window = vec![0; to - from];
            plan.overlay(&mut window, from as u64);
            prop_assert_eq!(&window[..], &image[from..to]);
        }
    }
}
