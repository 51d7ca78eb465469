//! Dummies that a template is made of: they are what a boot loader is recognised by, and boot nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use drp_virtual_media::iso::make::{self, Architecture, ImagePath, Item, Made, Payload, Places, Recipe};
use drp_virtual_media::iso::volume::Volume;
use drp_virtual_media::iso::{Error, Firmware};
use drp_virtual_media::operation::Operation;
use drp_virtual_media_sim::loaders;
use tempfile::TempDir;

pub(super) use drp_virtual_media_sim::loaders::{noise, program};

/// Where Debian's packages put what boots amd64.
pub(super) const DEBIAN: [&str; 5] = [
    "usr/lib/shim/shimx64.efi.signed",
    "usr/lib/grub/x86_64-efi-signed/gcdx64.efi.signed",
    "usr/lib/ISOLINUX/isolinux.bin",
    "usr/lib/ISOLINUX/isohdpfx.bin",
    "usr/lib/syslinux/modules/bios/ldlinux.c32",
];

/// A host with nothing on it but what a test puts there.
pub(super) struct Kitchen {
    pub(super) dir: TempDir,
}

impl Kitchen {
    pub(super) fn empty() -> Self {
        let kitchen = Self { dir: TempDir::new().unwrap() };
        kitchen.put("in/vmlinuz", &noise(70_000, 1));
        kitchen.put("in/initrd.gz", &noise(300_001, 2));
        kitchen.put("in/fw.cpio", &noise(4096, 3));
        kitchen
    }

    /// With Debian's packages.
    pub(super) fn debian() -> Self {
        let kitchen = Self::empty();
        for path in DEBIAN {
            kitchen.put_loader(&format!("host/{path}"));
        }
        kitchen
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(super) fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    /// What goes by this name.
    pub(super) fn put_loader(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        loaders::write(&path).unwrap();
        path
    }

    pub(super) fn recipe(&self) -> Recipe {
        self.recipe_of(&[("vmlinuz", "vmlinuz0"), ("initrd.gz", "stage1.img")])
    }

    /// A recipe of these files of `in/` at these places in the image: the kernel first.
    pub(super) fn recipe_of(&self, files: &[(&str, &str)]) -> Recipe {
        let mut items = files.iter().map(|(source, path)| self.item(source, path));
        let payload = Payload::Files { kernel: items.next().unwrap(), initrds: items.collect() };
        self.recipe_with(payload)
    }

    pub(super) fn recipe_with(&self, payload: Payload) -> Recipe {
        Recipe {
            name: "debian-12-install".to_owned(),
            architecture: Architecture::Amd64,
            only: None,
            payload,
            loaders: Places { asked: None, host: self.path("host") },
        }
    }

    pub(super) fn item(&self, source: &str, path: &str) -> Item {
        Item { path: ImagePath::parse(path).unwrap(), source: self.path("in").join(source) }
    }

    pub(super) fn out(&self) -> PathBuf {
        self.path("t.iso")
    }

    /// Makes the template and returns it with its bytes.
    pub(super) fn make(&self, recipe: &Recipe) -> (Made, Vec<u8>) {
        let made = make::write(recipe, &self.out(), &Operation::unwatched()).unwrap();
        (made, fs::read(self.out()).unwrap())
    }

    /// The refusal, after which nothing is there.
    pub(super) fn refused(&self, recipe: &Recipe) -> Error {
        let error = make::write(recipe, &self.out(), &Operation::unwatched()).unwrap_err();
        assert!(!self.out().exists(), "{error}");
        let left: Vec<_> = fs::read_dir(self.dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(!left.iter().any(|name| name.to_string_lossy().starts_with('.')), "{left:?}");
        error
    }
}

/// The volume's files with their contents.
pub(super) fn files(image: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let volume = Volume::open(image).unwrap();
    let files = volume.files().unwrap();
    files.iter().map(|file| (file.path.clone(), volume.contents(file, 1 << 30).unwrap().unwrap())).collect()
}

pub(super) fn firmware(made: &Made) -> &[Firmware] {
    &made.firmware
}

pub(super) fn source_of(made: &Made, path: &str) -> Option<PathBuf> {
    made.loaders.iter().find(|loader| loader.path == path).map(|loader| loader.source.clone())
}

pub(super) fn is_below(path: &Path, directory: &Path) -> bool {
    path.starts_with(directory)
}
