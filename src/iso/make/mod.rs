//! Templates of our own: for a Sledgehammer without `cdboot.iso`, and for any BootEnv that has a kernel.
//!
//! A [`Recipe`] says what a template is made of, [`Recipe::key`] names it in a cache, and [`write()`] makes it: an ISO 9660 volume
//! with Rock Ridge and Joliet that BIOS and UEFI boot as a CD, and UEFI (a BIOS, too, where syslinux' boot sector is found) as a
//! disk. Its config areas are those that [`Template`] finds in any other, with room for 2,000 bytes of arguments each.
//!
//! The same files give the same bytes: no clock, no host name and no path of the host goes into an image.

mod configs;
mod disk;
mod error;
mod esp;
mod image;
mod loaders;
mod path;
mod pe;
mod sledgehammer;

use std::fs::{self, File, Permissions};
use std::io::Read;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

pub use self::error::MakeError;
pub use self::loaders::Places;
pub use self::path::ImagePath;

use self::image::Contents;
use self::loaders::{Found, Loaders};
use self::sledgehammer::Parts;
use super::boot_catalog::Firmware;
use super::error::Error;
use super::hex::hex;
use super::template::Template;
use super::write::create_beside;
use crate::operation::Operation;

/// A kernel or an initrd: what one extent of ISO 9660 can name.
const FILE_BYTES: u64 = (4 << 30) - 2048;

/// As many as leave 2,000 bytes for arguments beside isolinux's `initrd=/0,/1,…`.
const INITRDS: usize = 8;

/// Directories above a kernel in which its tree may have its boot loaders: `images/pxeboot/vmlinuz`, and one more.
const TREE_LEVELS: usize = 4;

/// Changes with every change of what is written, so that a cache makes its templates anew.
const LAYOUT: &[u8] = b"virtual-media template 1";

/// Bytes of the beginning and the end of an input by which images are told apart.
const SAMPLE: u64 = 1 << 20;

/// The processor that a template is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    /// x86-64: BIOS and UEFI.
    Amd64,
    /// 64-bit ARM: UEFI.
    Arm64,
}

impl Architecture {
    /// The firmware that there is for it.
    #[must_use]
    pub fn firmware(self) -> &'static [Firmware] {
        match self {
            Self::Amd64 => &[Firmware::Bios, Firmware::Uefi],
            Self::Arm64 => &[Firmware::Uefi],
        }
    }
}

impl std::fmt::Display for Architecture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        })
    }
}

/// A file of the host and its place in the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Where it goes.
    pub path: ImagePath,
    /// Where it comes from.
    pub source: PathBuf,
}

/// What a template boots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// A kernel with its initrds, in the order in which the kernel gets them.
    Files {
        /// The kernel.
        kernel: Item,
        /// None to eight initrds.
        initrds: Vec<Item>,
    },
    /// A Sledgehammer: its tar or tar.gz, its exploded directory, or the directory above that.
    Sledgehammer(PathBuf),
}

/// What a template is made of.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// The BootEnv's name, or what else people know it by: the entry's title and the volume identifier.
    pub name: String,
    /// The processor.
    pub architecture: Architecture,
    /// The one firmware that it must boot by; `None` for all that the architecture has.
    pub only: Option<Firmware>,
    /// What it boots.
    pub payload: Payload,
    /// Where boot loaders are looked for, beside the payload's own tree.
    pub loaders: Places,
}

/// A boot loader of a template, by its path in the image, and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoaderOf {
    /// Who boots with it.
    pub firmware: Firmware,
    /// The path in the image, or what it is there.
    pub path: String,
    /// The file that it is a copy of.
    pub source: PathBuf,
}

/// What was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// The image's size in bytes.
    pub size: u64,
    /// Who boots it.
    pub firmware: Vec<Firmware>,
    /// Every UEFI program in it is signed, so that it boots with Secure Boot where its signer is trusted.
    pub secure_boot: bool,
    /// A BIOS boots it from a disk too, not only from a CD.
    pub bios_disk: bool,
    /// Its boot loaders.
    pub loaders: Vec<LoaderOf>,
    /// Bytes of arguments that each of its config areas takes.
    pub room: usize,
}

impl Recipe {
    /// What names the template in a cache: another recipe, or another size or time of one of its files, has another key.
    /// Nothing is read but directories.
    ///
    /// # Errors
    /// A file of the payload is not there.
    pub fn key(&self) -> Result<String, Error> {
        let mut hash = Sha256::new();
        let mut add = |part: &[u8]| {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        };
        add(LAYOUT);
        add(format!("{:?} {} {:?}", self.name, self.architecture, self.only).as_bytes());
        let (items, trees) = match &self.payload {
            Payload::Files { kernel, initrds } => {
                let items = std::iter::once(kernel).chain(initrds);
                let items = items.map(|item| (item.path.as_str(), item.source.clone())).collect();
                (items, trees_above(&kernel.source))
            }
            Payload::Sledgehammer(path) if path.is_dir() => {
                let directory = sledgehammer::exploded(path)?;
                let item = |name| (name, directory.join(name));
                (vec![item(sledgehammer::KERNEL), item(sledgehammer::INITRD)], vec![directory])
            }
            Payload::Sledgehammer(path) => (vec![("", path.clone())], Vec::new()),
        };
        for (name, source) in items {
            add(name.as_bytes());
            add(&stamp(&source).map_err(Error::read(&source))?);
        }
        for source in Found::search(self.architecture, &self.loaders, &trees).sources() {
            // A loader that is gone by now is not there when the template is made, either.
            add(&stamp(source).unwrap_or_default());
        }
        Ok(hex(&hash.finalize()))
    }
}

/// A file's path, size and time of change.
fn stamp(path: &Path) -> std::io::Result<Vec<u8>> {
    let meta = fs::metadata(path)?;
    Ok(format!("{} {} {} {}", path.display(), meta.len(), meta.mtime(), meta.mtime_nsec()).into_bytes())
}

/// The kernel's directory and those above it, in which a distribution's tree has its boot loaders.
fn trees_above(kernel: &Path) -> Vec<PathBuf> {
    let kernel = std::path::absolute(kernel).unwrap_or_default();
    kernel.ancestors().skip(1).take(TREE_LEVELS).filter(|path| path.parent().is_some()).map(Path::to_owned).collect()
}

/// Makes the template at `path`, beside it first, and replaces what is there. One pass over each input; nothing but the boot
/// loaders is held in memory.
///
/// # Errors
/// [`MakeError`] for what is wrong with the recipe; no room, no permission, cancelled: then nothing is left and what was there is
/// unchanged.
pub fn write(recipe: &Recipe, path: &Path, operation: &Operation) -> Result<Made, Error> {
    operation.begin("template", format!("making template {}", path.display()));
    let temp = create_beside(path).map_err(Error::write(path, 0))?;
    let (size, loaders) = assemble(recipe, temp.as_file(), path, operation)?;
    let failed = || Error::write(path, size);
    // It must be a template like any other: its areas are found again, and say their room.
    let template = Template::open(temp.path(), operation)?;
    let room = template.areas().iter().map(super::area::Area::room).min().unwrap_or_default();
    temp.as_file().set_permissions(Permissions::from_mode(0o644)).map_err(failed())?;
    temp.as_file().sync_all().map_err(failed())?;
    if operation.is_cancelled() {
        return Err(Error::Cancelled { doing: "writing", path: path.to_owned() });
    }
    temp.persist(path).map_err(|error| failed()(error.error))?;
    operation.done(format!("made template {}", path.display()));
    Ok(made(size, room, loaders))
}

/// Makes the template in the empty file `to`, which will be `path`.
///
/// # Errors
/// As [`write`]; what is in `to` then is half a template.
pub(super) fn write_to(recipe: &Recipe, to: &File, path: &Path, operation: &Operation) -> Result<(), Error> {
    operation.begin("template", format!("making a template of {}", recipe.name));
    assemble(recipe, to, path, operation)?;
    operation.done(format!("made a template of {}", recipe.name));
    Ok(())
}

/// Answers the size and the boot loaders.
fn assemble(recipe: &Recipe, to: &File, path: &Path, operation: &Operation) -> Result<(u64, Loaders), Error> {
    let (kernel, initrds, trees, _unpacked) = match &recipe.payload {
        Payload::Files { kernel, initrds } => (kernel.clone(), initrds.clone(), trees_above(&kernel.source), None),
        Payload::Sledgehammer(from) => {
            let parts = Parts::find(from, recipe.architecture, operation)?;
            let item =
                |name: &str| Ok::<_, Error>(Item { path: ImagePath::parse(name)?, source: parts.directory.join(name) });
            let initrds = vec![item(sledgehammer::INITRD)?];
            (item(sledgehammer::KERNEL)?, initrds, vec![parts.directory.clone()], Some(parts))
        }
    };
    if initrds.len() > INITRDS {
        return Err(MakeError::Initrds { given: initrds.len(), limit: INITRDS }.into());
    }
    let loaders = Found::search(recipe.architecture, &recipe.loaders, &trees).load(recipe.architecture, recipe.only)?;
    let mark = mark(recipe, std::iter::once(&kernel).chain(&initrds), &loaders)?;
    let (volume, title) = (volume(&recipe.name), title(&recipe.name));
    let contents =
        Contents { volume: &volume, title: &title, mark: &mark, kernel: &kernel, initrds: &initrds, loaders: &loaders };
    let size = contents.write(to, path, operation)?;
    Ok((size, loaders))
}

fn made(size: u64, room: usize, loaders: Loaders) -> Made {
    let secure_boot = loaders.signed;
    let bios_disk = loaders.bios.iter().any(|loader| loader.part.name == loaders::DISK_SECTOR);
    let uefi = loaders.uefi.into_iter().map(|loader| (Firmware::Uefi, "EFI/BOOT/", loader));
    let bios = loaders.bios.into_iter().map(|loader| {
        (Firmware::Bios, if loader.part.name == loaders::DISK_SECTOR { "" } else { "isolinux/" }, loader)
    });
    let loaders: Vec<LoaderOf> = bios
        .chain(uefi)
        .map(|(firmware, directory, loader)| LoaderOf {
            firmware,
            path: format!("{directory}{}", loader.part.name),
            source: loader.part.source,
        })
        .collect();
    let mut firmware: Vec<Firmware> = loaders.iter().map(|loader| loader.firmware).collect();
    firmware.dedup();
    Made { size, firmware, secure_boot, bios_disk, loaders, room }
}

/// What no other image is called: of the names, sizes, beginnings and ends of all that goes into it.
fn mark<'a>(recipe: &Recipe, items: impl Iterator<Item = &'a Item>, loaders: &Loaders) -> Result<String, Error> {
    let mut hash = Sha256::new();
    hash.update(LAYOUT);
    hash.update(format!("{:?} {}", recipe.name, recipe.architecture));
    for Item { path, source } in items {
        let sample = sample(source)?;
        hash.update(format!(" {path} {} ", sample.size));
        hash.update(&sample.bytes);
    }
    for loader in loaders.bios.iter().chain(&loaders.uefi) {
        hash.update(format!(" {} {} ", loader.part.name, loader.bytes.len()));
        hash.update(&loader.bytes);
    }
    Ok(hex(&hash.finalize()[..8]))
}

/// A file's size with its beginning and its end.
struct Sample {
    size: u64,
    bytes: Vec<u8>,
}

/// Reads a kernel's or an initrd's sample, and refuses what can be neither.
fn sample(path: &Path) -> Result<Sample, Error> {
    let size = plain_file(path)?.len();
    if size == 0 {
        return Err(MakeError::NoFile { path: path.to_owned(), found: "empty" }.into());
    }
    if size > FILE_BYTES {
        return Err(MakeError::TooLarge { path: path.to_owned(), size, limit: FILE_BYTES }.into());
    }
    let file = File::open(path).map_err(Error::read(path))?;
    let mut bytes = Vec::new();
    (&file).take(SAMPLE).read_to_end(&mut bytes).map_err(Error::read(path))?;
    let mut end = vec![0; usize::try_from(size.min(SAMPLE)).unwrap_or_default()];
    let at = size - end.len() as u64;
    file.read_exact_at(&mut end, at).map_err(Error::read(path))?;
    bytes.extend(end);
    Ok(Sample { size, bytes })
}

/// Looks at a file before it is opened: opening a pipe could wait for ever.
fn plain_file(path: &Path) -> Result<fs::Metadata, Error> {
    let meta = fs::metadata(path).map_err(Error::read(path))?;
    if !meta.is_file() {
        return Err(MakeError::NoFile { path: path.to_owned(), found: "no plain file" }.into());
    }
    Ok(meta)
}

/// A volume identifier (ECMA-119 8.4.8) that Joliet keeps whole: 16 letters, digits, `-`, `_` and `.`.
fn volume(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' };
    name.chars().take(16).map(plain).collect()
}

/// A title that is the same in GRUB's double quotes.
fn title(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_. ()+:".contains(c) { c } else { '_' };
    name.chars().take(64).map(plain).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{title, volume};

    proptest! {
        #[test]
        fn no_name_leaves_its_quotes_or_its_field(name in "\\PC{0,80}") {
            let means_something = |c: char| c.is_ascii_control() || "\"'\\$`".contains(c);
            prop_assert!(title(&name).is_ascii() && !title(&name).contains(means_something));
            prop_assert!(volume(&name).is_ascii() && volume(&name).len() <= 16);
        }
    }
}
