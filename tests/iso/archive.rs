//! Archives that are not what they seem: each is told in words that say what to do, and costs neither time nor memory.

use std::fs;
use std::io::Write;
use std::path::Path;

use drp_virtual_media::iso::{Error, Template};
use drp_virtual_media::operation::Operation;
use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{EntryType, Header};
use tempfile::TempDir;

use crate::images;

fn refused(path: &Path) -> Error {
    Template::open(path, &Operation::unwatched()).map(|template| template.path().to_owned()).unwrap_err()
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

fn header(path: &str, kind: EntryType, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(0o644);
    header.set_cksum();
    header
}

/// Entries with their data, and the two blocks that end an archive.
fn tar(entries: &[(Header, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (header, data) in entries {
        bytes.extend(header.as_bytes());
        bytes.extend(*data);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

/// A pax record: its own length in decimal digits, key and value.
fn pax(key: &str, value: &str) -> Vec<u8> {
    let rest = format!(" {key}={value}\n");
    let len = (1..4).map(|digits| digits + rest.len()).find(|len| len.to_string().len() + rest.len() == *len).unwrap();
    format!("{len}{rest}").into_bytes()
}

#[test]
fn an_entry_that_is_no_plain_file_is_told() {
    let dir = TempDir::new().unwrap();
    let image = images::fixture("grub");
    let len = image.len() as u64;
    let plain = |path: &str| (header(path, EntryType::Regular, len), &image[..]);
    let of = |kind| tar(&[(header("s/cdboot.iso", kind, 0), b""), plain("s/other.iso")]);
    let sized = pax("size", "99999999999");
    let long = vec![b'x'; 1 << 20];
    let cases: [(&str, Vec<u8>, &str); 11] = [
        ("a hard link", of(EntryType::Link), "a link or no plain file"),
        ("a symbolic link", of(EntryType::Symlink), "a link or no plain file"),
        ("a directory", of(EntryType::Directory), "a link or no plain file"),
        ("a device", of(EntryType::Char), "a link or no plain file"),
        ("a pipe", of(EntryType::Fifo), "a link or no plain file"),
        ("GNU's sparse file", of(EntryType::GNUSparse), "a link or no plain file"),
        ("pax's sparse file", tar(&[plain("s/GNUSparseFile.7/cdboot.iso")]), "stored as a sparse file"),
        (
            "a directory's name",
            tar(&[(header("s/cdboot.iso/", EntryType::Directory, 0), b"")]),
            "it holds no cdboot.iso",
        ),
        (
            "a pax record of another size",
            tar(&[
                (header("p", EntryType::XHeader, sized.len() as u64), &sized),
                (header("s/cdboot.iso", EntryType::Regular, 0), b""),
            ]),
            "no ISO 9660 volume",
        ),
        (
            "a name of a mebibyte",
            tar(&[
                (header("././@LongLink", EntryType::GNULongName, long.len() as u64), &long),
                (header("x", EntryType::Regular, 0), b""),
            ]),
            "it holds no cdboot.iso",
        ),
        (
            "a negative size",
            {
                let mut odd = header("s/cdboot.iso", EntryType::Regular, 0);
                odd.as_mut_bytes()[124..136].fill(0xff);
                odd.set_cksum();
                tar(&[(odd, b"")])
            },
            "may be incomplete",
        ),
    ];
    for (name, bytes, text) in cases {
        for (file, bytes) in [("t.tar", bytes.clone()), ("t.tar.gz", gz(&bytes))] {
            let path = images::file(&dir, file, &bytes);
            let error = refused(&path).to_string();
            assert!(error.contains(text) && error.contains(path.to_str().unwrap()), "{name}, {file}: {error}");
            assert_eq!(error.lines().count(), 1, "{error}");
        }
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
}

/// What an extension record says of the next entry is passed over, so the header's own size counts.
#[test]
fn a_pax_record_does_not_change_what_is_read() {
    let dir = TempDir::new().unwrap();
    let image = images::fixture("grub");
    let records = [pax("size", "7"), pax("path", "elsewhere/x")].concat();
    let bytes = tar(&[
        (header("p", EntryType::XHeader, records.len() as u64), &records),
        (header("s/cdboot.iso", EntryType::Regular, image.len() as u64), &image),
    ]);
    for (name, bytes) in [("t.tar", bytes.clone()), ("t.tar.gz", gz(&bytes))] {
        assert_eq!(images::open(&images::file(&dir, name, &bytes)).size(), image.len() as u64, "{name}");
    }
}

#[test]
fn an_archive_of_very_many_entries_is_not_read_to_its_end() {
    let dir = TempDir::new().unwrap();
    let one = header("s/a", EntryType::Regular, 0);
    let mut bytes = one.as_bytes().repeat(10_000);
    bytes.extend(tar(&[(header("s/cdboot.iso", EntryType::Regular, 0), b"")]));
    for (name, bytes) in [("t.tar", bytes.clone()), ("t.tar.gz", gz(&bytes))] {
        let error = refused(&images::file(&dir, name, &bytes)).to_string();
        assert!(error.contains("none of its first 10,000 entries is cdboot.iso"), "{name}: {error}");
    }
}

/// A member of 16 MiB of zeros is 16 KiB; eighty of them are what no template is packed like.
#[test]
fn a_bomb_is_cut_off() {
    let dir = TempDir::new().unwrap();
    let mut zeros = GzEncoder::new(Vec::new(), Compression::best());
    zeros.write_all(&vec![0; 16 << 20]).unwrap();
    let zeros = zeros.finish().unwrap();
    let before = gz(header("s/root.squashfs", EntryType::Regular, 8 << 30).as_bytes());
    let bytes = [before, zeros.repeat(80)].concat();
    assert!(bytes.len() < 2 << 20, "{}", bytes.len());
    let error = refused(&images::file(&dir, "t.tar.gz", &bytes));
    assert!(matches!(error, Error::TooLarge { limit, .. } if limit == 1 << 30), "{error}");
    assert!(error.to_string().contains("what it unpacks to"), "{error}");
}
