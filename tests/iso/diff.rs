//! Two images told apart.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use drp_virtual_media::iso::Error;
use drp_virtual_media::iso::diff::Diff;
use drp_virtual_media::operation::Operation;
use tempfile::TempDir;

use crate::images::{self, applied, args, open};

/// A directory with images to compare.
struct Bench(TempDir);

impl Bench {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn image(&self, name: &str, bytes: &[u8]) -> PathBuf {
        images::file(&self.0, name, bytes)
    }

    /// The image of a machine, by the fixture that is its template.
    fn machine(&self, name: &str, fixture: &str, line: &str) -> PathBuf {
        let template = images::fixture(fixture);
        let plan = open(&self.image("template.iso", &template)).plan(&args(line)).unwrap();
        self.image(name, &applied(&template, &plan))
    }
}

fn diff(a: &Path, b: &Path) -> Diff {
    Diff::read(a, b, &Operation::unwatched()).unwrap()
}

#[test]
fn two_machines_of_one_template_differ_in_their_arguments() {
    let bench = Bench::new();
    for (fixture, areas) in [("grub", 3), ("isolinux", 4), ("xorriso", 4)] {
        let a = bench.machine("a.iso", fixture, "provisioner.ip=10.0.0.1/24 quiet old=1 -- console=tty0");
        let b = bench.machine("b.iso", fixture, "provisioner.ip=10.0.0.2/24 quiet new=$x;y -- console=tty0");
        let diff = diff(&a, &b);
        assert!(diff.same_template && !diff.same && diff.outside.is_none(), "{fixture}: {diff:?}");
        assert_eq!((diff.areas.len(), diff.files.len(), diff.loaders.len()), (areas, 0, 0), "{fixture}");
        let text = diff.to_string();
        assert!(text.contains("One template: nothing differs outside of the config areas."), "{text}");
        let told = "  provisioner.ip: 10.0.0.1/24 -> 10.0.0.2/24\n  only in A: old=1\n  only in B: new=$x;y\n";
        assert_eq!(text.matches(told).count(), 1, "once, for all areas: {text}");
        let value = serde_json::to_value(&diff).unwrap();
        assert_eq!(value["Areas"][0]["Changed"][0]["Key"], "provisioner.ip");
        assert_eq!((&value["SameTemplate"], &value["Areas"][0]["OnlyInB"][0]), (&true.into(), &"new=$x;y".into()));
    }
}

#[test]
fn the_same_bytes_are_told_wherever_they_lie() {
    let bench = Bench::new();
    let a = bench.machine("a.iso", "grub", "a=b");
    let bytes = fs::read(&a).unwrap();
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes.len() as u64);
    tar.append_data(&mut header, "abc/cdboot.iso", &bytes[..]).unwrap();
    let b = bench.image("b.tar", &tar.into_inner().unwrap());
    let diff = diff(&a, &b);
    assert!(diff.same && diff.same_template && diff.areas.is_empty());
    assert!(diff.to_string().ends_with("The same bytes.\n"), "{diff}");
}

#[test]
fn one_byte_outside_of_the_areas_is_told_with_its_file() {
    let bench = Bench::new();
    let a = bench.machine("a.iso", "grub", "a=b");
    let mut bytes = fs::read(&a).unwrap();
    let place = (0..bytes.len()).find(|at| bytes[*at..].starts_with(b"not an initrd")).unwrap();
    for at in [place + 4, place + 5, place + 9] {
        bytes[at] ^= 1;
    }
    let found = diff(&a, &bench.image("b.iso", &bytes));
    let outside = found.outside.clone().unwrap();
    assert_eq!((outside.bytes, outside.offset, outside.len), (3, place as u64 + 4, 2));
    assert_eq!(outside.file.as_deref(), Some("/stage1.img"));
    assert!(!found.same_template && found.areas.is_empty());
    let text = found.to_string();
    assert!(text.contains("3 bytes differ outside") && text.contains("/stage1.img: 14, other bytes"), "{text}");

    let mut bytes = fs::read(&a).unwrap();
    bytes[16 * 2048 + 40] = b'S';
    let found = diff(&a, &bench.image("b.iso", &bytes));
    assert!(found.to_string().contains("in no file"), "{found}");
    assert_eq!((found.a.volume.as_str(), found.b.volume.as_str()), ("sledgehammer", "Sledgehammer"));
}

#[test]
fn two_templates_differ_in_files_and_loaders() {
    let bench = Bench::new();
    let a = bench.machine("a.iso", "grub", "a=b");
    let b = bench.machine("b.iso", "isolinux", "a=c");
    let diff = diff(&a, &b);
    assert!(!diff.same_template && diff.outside.is_none());
    let text = diff.to_string();
    for line in [
        "Two templates.",
        "  a: b -> c",
        "  /boot/grub/i386-pc/eltorito.img: only in A (2048)",
        "  /isolinux/isolinux.bin: only in B (2048)",
        "more; --json has all",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert!(diff.files.len() > 60);
}

#[test]
fn what_cannot_be_compared_is_an_error() {
    let bench = Bench::new();
    let a = bench.machine("a.iso", "grub", "a=b");
    let text = bench.image("b.iso", b"text");
    assert!(
        matches!(Diff::read(&a, &text, &Operation::unwatched()).unwrap_err(), Error::UnknownFormat { path } if path == text)
    );
    let cancelled = Operation::unwatched();
    cancelled.cancel();
    assert!(matches!(Diff::read(&a, &a, &cancelled).unwrap_err(), Error::Cancelled { .. }));
}

/// As with `iso show`: 0 says that it was done.
#[test]
fn the_command_ends_0_whether_they_differ_or_not() {
    let bench = Bench::new();
    let (a, b) = (bench.machine("a.iso", "grub", "x=1"), bench.machine("b.iso", "grub", "x=2"));
    let run = |words: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_virtual-media")).args(["iso", "diff"]).args(words).output().unwrap()
    };
    let (a, b) = (a.to_str().unwrap(), b.to_str().unwrap());
    for (words, code, text) in [
        (&[a, b][..], 0, "  x: 1 -> 2"),
        (&[a, a], 0, "The same bytes."),
        (&[a, b, "--json"], 0, "\"SameTemplate\": true"),
        (&[a, "nowhere.iso"], 1, ""),
        (&[a], 2, ""),
    ] {
        let output = run(words);
        assert_eq!(output.status.code(), Some(code), "{words:?}");
        assert!(String::from_utf8_lossy(&output.stdout).contains(text), "{words:?}");
    }
}
