//! What is fuzzed: one function a target, each of which takes any bytes and must neither panic nor take long.
//!
//! `tests/iso/corpus.rs` runs the corpus through the same functions, so that a plain `cargo test` holds what fuzzing has found.

use std::fs::File;
use std::io::{self, Seek, Write};
use std::path::Path;

use drp_virtual_media::iso::show::Report;
use drp_virtual_media::iso::source::Source;
use drp_virtual_media::iso::volume::{Extent, FileEntry, ReadAt, Volume};
use drp_virtual_media::iso::{area, efi, fat};
use drp_virtual_media::operation::Operation;
use drp_virtual_media::serve::range::{self, Requested};
use flate2::Crc;
use tempfile::NamedTempFile;

/// Files whose contents are read: the reader is the same for each.
const FILES: usize = 16;

/// More than a config file may have.
const CONFIG_BYTES: u64 = 64 << 10;

/// The volume reader, and the search for config areas in what it found. The input is an image in [`Pieces`].
pub fn volume(input: &[u8]) {
    let image = Pieces::new(input);
    let Ok(volume) = Volume::open(&image) else { return };
    let Ok(files) = volume.files() else { return };
    for file in &files {
        assert!(file.extents.iter().all(|extent| extent.offset + extent.len <= image.size()), "{}", file.path);
        assert!(file.path.starts_with('/') && !file.path.contains('\0'));
    }
    for file in files.iter().take(FILES) {
        if let Ok(Some(text)) = volume.contents(file, CONFIG_BYTES) {
            areas(&file.path, &text);
        }
    }
}

/// The config files' reader. The input is the text of one; the first byte says under which name.
pub fn area(input: &[u8]) {
    let Some((name, text)) = input.split_first() else { return };
    areas(if name % 2 == 0 { "/boot/grub/grub.cfg" } else { "/isolinux/isolinux.cfg" }, text);
}

fn areas(path: &str, text: &[u8]) {
    for area in area::find(path, text, 0).unwrap_or_default() {
        let end = area.offset() + area.size() as u64;
        assert!(end <= text.len() as u64 && area.room() <= area.size(), "{path}: {area:?}");
    }
}

/// All that `iso show` looks at. The input is an image in [`Pieces`].
pub fn show(input: &[u8]) {
    if let Ok(report) = Report::of(&Pieces::new(input), Path::new("x.iso")) {
        assert!(!format!("{report}{}", report.listing()).is_empty());
    }
}

/// The FAT reader. The input is an image in [`Pieces`].
pub fn fat(input: &[u8]) {
    for file in fat::files(&Pieces::new(input), 0).unwrap_or_default() {
        assert!(file.path.starts_with('/') && !file.path.contains('\0'));
    }
}

/// The reader of EFI binaries and their signatures. The input is one.
pub fn efi(input: &[u8]) {
    let whole = Extent { offset: 0, len: input.len() as u64 };
    efi::read(input, &FileEntry { path: "/x.efi".to_owned(), extents: vec![whole] }).expect("it is all there");
}

/// The Range header. The input is the image's length in eight bytes, then the header's value.
pub fn range(input: &[u8]) {
    let Some((len, value)) = input.split_first_chunk() else { return };
    let len = u64::from_le_bytes(*len);
    if let Requested::Part(part) = range::parse(value, len) {
        assert!(part.start < part.end && part.end <= len, "{part:?} of {len}");
    }
}

/// Files of any content, as a template is opened: an ISO, a tar, a gzip. Of the first byte, bit 0 packs the rest as gzip, and bit 1
/// mends the checksums of a tar's headers before, which chance would not.
pub fn archive(input: &[u8]) {
    let Some((how, rest)) = input.split_first() else { return };
    let mut bytes = rest.to_vec();
    if how & 2 != 0 {
        mend_checksums(&mut bytes);
    }
    if how & 1 != 0 {
        bytes = stored(&bytes);
    }
    thread_local!(static FILE: NamedTempFile = NamedTempFile::new().expect("a temporary file"));
    FILE.with(|file| {
        overwrite(file.as_file(), &bytes).expect("a temporary file");
        let Ok(source) = Source::open(file.path(), None, &Operation::unwatched()) else { return };
        // What was found is there to the last byte, and nothing behind it.
        let mut last = [0];
        if source.size() > 0 {
            source.read_exact_at(&mut last, source.size() - 1).expect("the last byte");
        }
        source.read_exact_at(&mut last, source.size()).expect_err("a byte behind the end");
    });
}

/// A gzip whose one block is stored as it is (RFC 1951, 3.2.4; RFC 1952, 2.3), which costs nothing.
fn stored(bytes: &[u8]) -> Vec<u8> {
    let bytes = &bytes[..bytes.len().min(u16::MAX.into())];
    let mut sum = Crc::new();
    sum.update(bytes);
    let len = sum.amount().to_le_bytes();
    let block = [1, len[0], len[1], !len[0], !len[1]];
    [b"\x1f\x8b\x08\0\0\0\0\0\0\xff", &block[..], bytes, &sum.sum().to_le_bytes(), &len].concat()
}

fn overwrite(mut file: &File, bytes: &[u8]) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(bytes)
}

/// The sum of a header's bytes, its own eight counted as blanks (POSIX.1-1988 `ustar`).
fn mend_checksums(tar: &mut [u8]) {
    for header in tar.chunks_exact_mut(512).filter(|block| &block[257..262] == b"ustar") {
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
}

/// An image of 1 MiB that is zero but for some pieces, so that a few hundred bytes of input make a volume. A piece is its sector (two
/// bytes), its offset there (two), its length (one), and its bytes; of two at one place the later one counts.
pub struct Pieces<'a>(Vec<(u64, &'a [u8])>);

impl<'a> Pieces<'a> {
    const SIZE: u64 = 1 << 20;

    /// Takes the pieces off `input`; an end in the middle of one is its end.
    pub fn new(mut input: &'a [u8]) -> Self {
        let mut pieces = Vec::new();
        while let Some(([a, b, c, d, len], rest)) = input.split_first_chunk() {
            let at = u64::from(u16::from_le_bytes([*a, *b])) * 2048 + u64::from(u16::from_le_bytes([*c, *d]));
            let (bytes, rest) = rest.split_at(rest.len().min((*len).into()));
            pieces.push((at % (Self::SIZE - 255), bytes));
            input = rest;
        }
        Self(pieces)
    }
}

impl ReadAt for Pieces<'_> {
    fn size(&self) -> u64 {
        Self::SIZE
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let end = offset.checked_add(buf.len() as u64).filter(|end| *end <= Self::SIZE);
        let end = end.ok_or(io::ErrorKind::UnexpectedEof)?;
        buf.fill(0);
        for (at, bytes) in &self.0 {
            let (from, to) = (offset.max(*at), end.min(at + bytes.len() as u64));
            if from < to {
                #[allow(clippy::cast_possible_truncation, reason = "each range lies inside a slice")]
                let within = |start: u64| (from - start) as usize..(to - start) as usize;
                buf[within(offset)].copy_from_slice(&bytes[within(*at)]);
            }
        }
        Ok(())
    }
}
