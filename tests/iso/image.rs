//! A template and a plan read as one image: at every offset and length it is the file that they make.

use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use drp_virtual_media::iso::volume::ReadAt;
use drp_virtual_media::iso::{Image, Piece};
use proptest::prelude::*;
use tempfile::TempDir;

use crate::images::{self, applied, open};

/// An image, and its bytes as a file would have them.
type Made = (Image, Vec<u8>);

/// The images of a machine: from each fixture as it is, and from one inside a tarball, where offsets in the file are others.
static MADE: LazyLock<Vec<Made>> = LazyLock::new(|| {
    let dir = TempDir::new().unwrap();
    let make = |path: &Path| {
        let image = images::image(&open(path), "rs.uuid=1 console=ttyS0");
        let mut template = vec![0; usize::try_from(image.size()).unwrap()];
        image.template().source().read_exact_at(&mut template, 0).unwrap();
        let bytes = applied(&template, image.plan());
        (image, bytes)
    };
    let mut made: Vec<Made> = images::all()
        .into_iter()
        .map(|(name, bytes)| make(&images::file(&dir, &format!("{name}.iso"), &bytes)))
        .collect();
    let tar = images::tarball(&[("abc/vmlinuz0", b"kernel"), ("abc/cdboot.iso", &images::fixture("grub"))]);
    made.push(make(&images::file(&dir, "t.tar", &tar)));
    made
});

/// What the pieces of a range hold, as who sends them sees it.
fn sent(image: &Image, from: u64, to: u64) -> Vec<u8> {
    let mut sent = Vec::new();
    for piece in image.pieces(from..to) {
        match piece {
            Piece::Bytes(bytes) => sent.extend_from_slice(bytes),
            Piece::File { file, offset, len } => {
                let mut bytes = vec![0; usize::try_from(len).unwrap()];
                file.read_exact_at(&mut bytes, offset).unwrap();
                sent.extend_from_slice(&bytes);
            }
        }
        assert!(piece.len() > 0);
    }
    sent
}

fn check(image: &Image, bytes: &[u8], from: usize, to: usize) {
    let mut read = vec![0; to - from];
    image.read_exact_at(&mut read, from as u64).unwrap();
    assert!(read == bytes[from..to], "read {from}..{to}");
    assert!(sent(image, from as u64, to as u64) == bytes[from..to], "sent {from}..{to}");
}

#[test]
fn every_range_around_each_end_of_each_area_is_the_files() {
    for (image, bytes) in &*MADE {
        let ends = image.plan().patches().iter().flat_map(|patch| {
            let offset = usize::try_from(patch.offset).unwrap();
            [offset, offset + patch.bytes.len()]
        });
        let near: Vec<usize> = ends.flat_map(|end| [end - 2, end - 1, end, end + 1, end + 2]).collect();
        for from in &near {
            for to in near.iter().filter(|to| *to >= from) {
                check(image, bytes, *from, *to);
            }
        }
    }
}

#[test]
fn what_lies_beyond_the_end_is_an_error_to_read_and_nothing_to_send() {
    let (image, bytes) = &MADE[0];
    assert!(image.read_exact_at(&mut [0; 2], image.size() - 1).is_err());
    assert!(image.read_exact_at(&mut [0], u64::MAX).is_err());
    assert_eq!(sent(image, image.size() - 1, u64::MAX), bytes[bytes.len() - 1..]);
    assert!(sent(image, image.size(), u64::MAX).is_empty());
}

#[test]
fn the_same_arguments_have_the_same_digest_and_others_another() {
    let dir = TempDir::new().unwrap();
    let bytes = images::fixture("grub");
    let (one, two) = (open(&images::file(&dir, "1.iso", &bytes)), open(&images::file(&dir, "2.iso", &bytes)));
    let image = |template: &Arc<_>, line| images::image(template, line).digest().to_owned();
    assert_eq!(image(&one, "a=b"), image(&two, "a=b"));
    assert_ne!(image(&one, "a=b"), image(&one, "a=c"));
    let other = open(&images::file(&dir, "3.iso", &images::fixture("isolinux")));
    assert_ne!(image(&one, "a=b"), image(&other, "a=b"));
}

proptest! {
    #[test]
    fn any_range_is_the_files(which in 0_usize..6, from in any::<prop::sample::Index>(), len in 0_usize..20_000) {
        let (image, bytes) = &MADE[which];
        let from = from.index(bytes.len());
        check(image, bytes, from, (from + len).min(bytes.len()));
    }
}
