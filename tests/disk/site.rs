//! A web root on a disk: a template of some MiB, machines' images of it, and what is where.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use drp_virtual_media::iso::volume::ReadAt;
use drp_virtual_media::iso::{Error, Image, Store, Template, Written};
use drp_virtual_media::machine::{KernelArgs, MachineUuid};
use drp_virtual_media::operation::Operation;
use drp_virtual_media_sim::template::{self, Family};
use url::Url;

/// Bytes of a template's initrd; with the rest it is a little larger.
pub(crate) const INITRD: usize = 48 << 20;

pub(crate) fn machine(number: usize) -> MachineUuid {
    MachineUuid::parse(&format!("9f0c2a4e-1111-4222-8333-{number:012x}")).unwrap()
}

/// Writes a template and opens it.
pub(crate) fn template(path: &Path) -> Arc<Template> {
    template::write_with(path, Family::Grub, INITRD).unwrap();
    Arc::new(Template::open(path, &Operation::unwatched()).unwrap())
}

/// The image of a machine.
pub(crate) fn image(template: &Arc<Template>, number: usize) -> Image {
    let args = KernelArgs::parse(&format!("BOOTIF=discovery rs.uuid={}", machine(number))).unwrap();
    Image::render(Arc::clone(template), &args, &Operation::unwatched()).unwrap()
}

pub(crate) fn store(webroot: &Path) -> Store {
    Store::new(webroot, &Url::parse("http://10.0.0.5:8091").unwrap())
}

pub(crate) fn write(store: &Store, template: &Arc<Template>, number: usize) -> Result<Written, Error> {
    store.write(machine(number), "sledgehammer", &image(template, number), &Operation::unwatched())
}

/// Whether the file holds what is read of the image.
pub(crate) fn holds(path: &Path, image: &Image) -> bool {
    let file = fs::read(path).unwrap();
    let mut bytes = vec![0; usize::try_from(image.size()).unwrap()];
    image.read_exact_at(&mut bytes, 0).unwrap();
    file == bytes
}

/// The files at and below a directory.
pub(crate) fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect();
    files.sort();
    files
}

/// Writes to `path` until the disk takes not one byte more.
pub(crate) fn fill(path: &Path) {
    let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    let mut len = 1 << 20;
    while len > 0 {
        match file.write_all(&vec![b'x'; len]).and_then(|()| file.sync_data()) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::StorageFull => len /= 2,
            Err(error) => panic!("{}: {error}", path.display()),
        }
    }
    let _ = File::open(path).unwrap().sync_all();
}
