//! The EFI binaries of an image: in the volume, and in the FAT volumes that UEFI boots from.

use std::io;

use serde::Serialize;

use super::super::boot_catalog::{BootImage, Firmware};
use super::super::disk::Disk;
use super::super::efi::{self, Signer};
use super::super::fat;
use super::super::volume::{FileEntry, ReadAt};
use super::boot::file_at;

/// Binaries that are looked into; a distribution's installer has some ten.
const LOADERS: usize = 64;

/// FAT volumes that are looked into: one for the CD, the same or another for the disk.
const SYSTEMS: usize = 4;

/// An EFI binary, by its name.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Loader {
    /// Its path.
    pub path: String,
    /// The FAT volume that it is in: a file of the volume, or a place in the image. None where it is a file of the volume itself.
    pub inside: Option<String>,
    /// Its length in bytes.
    pub size: u64,
    /// The processor that it is for, such as `x64`. None where it is no EFI binary, whatever its name is.
    pub architecture: Option<String>,
    /// Who signed it, by the certificates that it carries; the signatures are not verified.
    pub signed_by: Vec<Signer>,
    /// It carries a signature that could not be read.
    pub odd_signature: bool,
}

/// A FAT volume that UEFI boots from.
pub(super) struct System {
    /// A file of the volume, or a place in the image.
    pub(super) name: String,
    /// Where it begins, in bytes.
    pub(super) offset: u64,
    /// The boot catalogue has it.
    pub(super) on_cd: bool,
    /// A partition table has it.
    pub(super) on_disk: bool,
    /// Its files, or why they could not be read.
    pub(super) files: Result<Vec<FileEntry>, String>,
}

/// The FAT volumes that the boot catalogue and the partition table have.
pub(super) fn systems<R: ReadAt + ?Sized>(
    image: &R,
    images: &[BootImage],
    disk: &Disk,
    files: &[FileEntry],
) -> Vec<System> {
    let uefi = images.iter().filter(|image| image.firmware == Firmware::Uefi && image.bootable);
    let on_cd: Vec<u64> = uefi.map(|image| image.offset).collect();
    let mut offsets = [on_cd.as_slice(), &disk.system_partitions].concat();
    offsets.sort_unstable();
    offsets.dedup();
    let system = |offset: u64| System {
        name: file_at(offset, files).map_or_else(|| format!("the FAT volume at {offset}"), str::to_owned),
        offset,
        on_cd: on_cd.contains(&offset),
        on_disk: disk.system_partitions.contains(&offset),
        files: fat::files(image, offset).map_err(|error| error.to_string()),
    };
    offsets.into_iter().take(SYSTEMS).map(system).collect()
}

/// What is an EFI binary by its name, in the volume first.
pub(super) fn all<R: ReadAt + ?Sized>(image: &R, files: &[FileEntry], systems: &[System]) -> io::Result<Vec<Loader>> {
    let own = files.iter().map(|file| (None, file));
    let inside = systems.iter().flat_map(|system| {
        let files = system.files.as_deref().unwrap_or_default();
        files.iter().map(|file| (Some(system.name.clone()), file))
    });
    let is_binary = |file: &FileEntry| file.path.to_ascii_lowercase().ends_with(".efi");
    own.chain(inside)
        .filter(|(_, file)| is_binary(file))
        .take(LOADERS)
        .map(|(inside, file)| {
            let binary = match efi::read(image, file) {
                // A FAT volume may be larger than the image that it is in.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => None,
                result => result?,
            };
            Ok(Loader {
                path: file.path.clone(),
                inside,
                size: file.size(),
                architecture: binary.as_ref().map(|binary| binary.architecture.clone()),
                odd_signature: binary.as_ref().is_some_and(|binary| binary.odd_signature),
                signed_by: binary.map(|binary| binary.signers).unwrap_or_default(),
            })
        })
        .collect()
}

impl Loader {
    /// The processor, where firmware starts it without being told to: `\EFI\BOOT\BOOT<processor>.EFI` (UEFI 2.10, 3.5.1.1).
    pub(super) fn started_first(&self) -> Option<&str> {
        let architecture = self.architecture.as_deref()?;
        self.path.eq_ignore_ascii_case(&format!("/EFI/BOOT/BOOT{architecture}.EFI")).then_some(architecture)
    }
}
