//! The images that the tests read: fixtures of two writers, and templates of a third one.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use drp_virtual_media::iso::{Image, Plan, Template};
use drp_virtual_media::machine::{KernelArgs, MachineUuid};
use drp_virtual_media::operation::Operation;
use drp_virtual_media_sim::template::{self, Family};
use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;

/// Made by genisoimage (grub, isolinux) and by xorriso.
pub(crate) const FIXTURES: [&str; 3] = ["grub", "isolinux", "xorriso"];

pub(crate) const UUID: &str = "9f0c2a4e-1111-4222-8333-444455556666";

pub(crate) fn uuid() -> MachineUuid {
    MachineUuid::parse(UUID).unwrap()
}

pub(crate) fn fixture(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(format!("{name}.iso.gz"));
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(File::open(path).unwrap()).read_to_end(&mut bytes).unwrap();
    bytes
}

/// Every image there is, by name.
pub(crate) fn all() -> Vec<(&'static str, Vec<u8>)> {
    let mut images: Vec<_> = FIXTURES.map(|name| (name, fixture(name))).to_vec();
    images.push(("pure grub", pure(Family::Grub)));
    images.push(("pure isolinux", pure(Family::Isolinux)));
    images
}

pub(crate) fn pure(family: Family) -> Vec<u8> {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("cdboot.iso");
    template::write(&path, family).unwrap();
    fs::read(path).unwrap()
}

pub(crate) fn file(dir: &TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = dir.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    path
}

pub(crate) fn open(path: &Path) -> Arc<Template> {
    Arc::new(Template::open(path, &Operation::unwatched()).unwrap())
}

/// The image of a machine with these arguments.
pub(crate) fn image(template: &Arc<Template>, line: &str) -> Image {
    Image::render(Arc::clone(template), &args(line), &Operation::unwatched()).unwrap()
}

pub(crate) fn args(line: &str) -> KernelArgs {
    KernelArgs::parse(line).unwrap()
}

/// What `plan` makes of `template`, in memory.
pub(crate) fn applied(template: &[u8], plan: &Plan) -> Vec<u8> {
    let mut image = template.to_vec();
    plan.overlay(&mut image, 0);
    image
}

/// A tarball of these files.
pub(crate) fn tarball(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, path, *bytes).unwrap();
    }
    tar.into_inner().unwrap()
}

pub(crate) fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
