//! Finds the boot loaders of a template: in a directory that was asked for, in the tree that the kernel is of, or among this host's packages.
//!
//! Looked for by name, in each place by itself: a shim starts the GRUB that was signed with it, and isolinux loads the module of its own
//! version. So all files for one firmware come from one place, the first that has them all.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::Architecture;
use super::error::MakeError;
use super::pe::Program;
use crate::iso::boot_catalog::Firmware;
use crate::iso::error::Error;

/// A boot loader has a megabyte or two; what is larger than a whole EFI system partition is none.
const LOADER_BYTES: u64 = 32 << 20;

/// Where boot loaders are looked for.
#[derive(Clone, Debug)]
pub struct Places {
    /// The directory that somebody named; first.
    pub asked: Option<PathBuf>,
    /// The root of the host whose packages have them; last.
    pub host: PathBuf,
}

impl Default for Places {
    fn default() -> Self {
        Self { asked: None, host: PathBuf::from("/") }
    }
}

/// A loader's file, and its name in its directory of the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) name: String,
    pub(super) source: PathBuf,
}

/// The loaders that were found, none of them read.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    /// For UEFI: what firmware starts, and what that starts.
    pub(super) uefi: Vec<Part>,
    /// For a BIOS: isolinux, its module, and the boot sector that starts it from a disk.
    pub(super) bios: Vec<Part>,
    searched: Vec<String>,
}

/// A loader as it goes into the image.
#[derive(Clone, Debug)]
pub(super) struct Loader {
    pub(super) part: Part,
    pub(super) bytes: Vec<u8>,
}

/// The loaders, read and checked.
#[derive(Clone, Debug, Default)]
pub(super) struct Loaders {
    pub(super) uefi: Vec<Loader>,
    pub(super) bios: Vec<Loader>,
    /// Every UEFI program is signed.
    pub(super) signed: bool,
}

pub(super) const ISOLINUX: &str = "isolinux.bin";
const ISOLINUX_MODULE: &str = "ldlinux.c32";
/// Syslinux' boot sector for an isolinux image on a disk.
pub(super) const DISK_SECTOR: &str = "isohdpfx.bin";

/// What is looked for, and where packages put it, for one architecture.
struct Names {
    /// What firmware starts (UEFI 2.10, 3.5.1.1), by its name in the image.
    removable: &'static str,
    shim: &'static str,
    shims: &'static [&'static str],
    grubs: &'static [&'static str],
    grub: &'static str,
    keys: &'static [&'static str],
    /// Directories that belong together, relative to the host's root; signed ones first.
    host: &'static [&'static [&'static str]],
    packages: &'static str,
}

const AMD64: Names = Names {
    removable: "BOOTX64.EFI",
    shim: "shimx64.efi",
    shims: &[
        "shimx64.efi.signed.latest",
        "shimx64.efi.signed",
        "shimx64.efi",
        "shim.efi",
        "bootx64.efi",
        "bootnetx64.efi",
    ],
    grubs: &["gcdx64.efi.signed", "gcdx64.efi", "grubx64.efi.signed", "grubx64.efi", "grub.efi"],
    grub: "grubx64.efi",
    keys: &["mmx64.efi.signed", "mmx64.efi"],
    host: &[
        &["usr/lib/shim", "usr/lib/grub/x86_64-efi-signed"],
        &["boot/efi/EFI/redhat"],
        &["boot/efi/EFI/centos"],
        &["boot/efi/EFI/fedora"],
        &["boot/efi/EFI/rocky"],
        &["boot/efi/EFI/almalinux"],
        &["usr/share/efi/x86_64"],
        &["usr/lib/grub/x86_64-efi/monolithic"],
    ],
    packages: "shim-signed and grub-efi-amd64-signed (Debian, Ubuntu), shim-x64 and grub2-efi-x64-cdboot (Red Hat) or shim and \
               grub2-x86_64-efi (SUSE)",
};

const ARM64: Names = Names {
    removable: "BOOTAA64.EFI",
    shim: "shimaa64.efi",
    shims: &[
        "shimaa64.efi.signed.latest",
        "shimaa64.efi.signed",
        "shimaa64.efi",
        "shim.efi",
        "bootaa64.efi",
        "bootnetaa64.efi",
    ],
    grubs: &["gcdaa64.efi.signed", "gcdaa64.efi", "grubaa64.efi.signed", "grubaa64.efi", "grub.efi"],
    grub: "grubaa64.efi",
    keys: &["mmaa64.efi.signed", "mmaa64.efi"],
    host: &[
        &["usr/lib/shim", "usr/lib/grub/arm64-efi-signed"],
        &["boot/efi/EFI/redhat"],
        &["boot/efi/EFI/centos"],
        &["boot/efi/EFI/fedora"],
        &["boot/efi/EFI/rocky"],
        &["boot/efi/EFI/almalinux"],
        &["usr/share/efi/aarch64"],
        &["usr/lib/grub/arm64-efi/monolithic"],
    ],
    packages: "shim-signed and grub-efi-arm64-signed (Debian, Ubuntu; their arm64 packages), shim-aa64 and grub2-efi-aa64-cdboot \
               (Red Hat) or shim and grub2-arm64-efi (SUSE)",
};

/// Where packages put isolinux.
const BIOS_HOST: [&[&str]; 2] = [&["usr/lib/ISOLINUX", "usr/lib/syslinux/modules/bios"], &["usr/share/syslinux"]];

const BIOS_PACKAGES: &str =
    "isolinux and syslinux-common (Debian, Ubuntu), syslinux and syslinux-nonlinux (Red Hat) or syslinux (SUSE)";

impl Names {
    fn of(architecture: Architecture) -> &'static Self {
        match architecture {
            Architecture::Amd64 => &AMD64,
            Architecture::Arm64 => &ARM64,
        }
    }
}

/// Whether a file of a Sledgehammer is one of its loaders, by its name in lower case.
pub(super) fn is_loader(architecture: Architecture, name: &str) -> bool {
    let names = Names::of(architecture);
    let bios = [ISOLINUX, ISOLINUX_MODULE, DISK_SECTOR];
    names.shims.iter().chain(names.grubs).chain(names.keys).chain(&bios).any(|own| *own == name)
}

impl Found {
    /// Looks in the places that were asked for, in `trees`, and on the host.
    pub(super) fn search(architecture: Architecture, places: &Places, trees: &[PathBuf]) -> Self {
        let names = Names::of(architecture);
        let mut found = Self::default();
        let directories: Vec<&PathBuf> = places.asked.iter().chain(trees).collect();
        for directory in &directories {
            found.searched.push(directory.display().to_string());
            for part in ["", "EFI/BOOT"] {
                found.take_uefi(names, &below(directory, part));
            }
            for part in ["", "isolinux"] {
                found.take_bios(architecture, &below(directory, part));
            }
        }
        found.searched.push(format!("the packages of {}", places.host.display()));
        let host = |group: &[&str]| group.iter().map(|part| places.host.join(part)).collect::<Vec<_>>();
        for group in names.host {
            found.take_uefi(names, &host(group));
        }
        for group in BIOS_HOST {
            found.take_bios(architecture, &host(group));
        }
        found
    }

    /// Every file that was found.
    pub(super) fn sources(&self) -> impl Iterator<Item = &Path> {
        self.uefi.iter().chain(&self.bios).map(|part| part.source.as_path())
    }

    /// Takes a shim with its GRUB, else a GRUB alone, unless a place before had one.
    fn take_uefi(&mut self, names: &Names, directories: &[PathBuf]) {
        if !self.uefi.is_empty() {
            return;
        }
        let files = listing(directories);
        let first = |wanted: &[&'static str]| wanted.iter().find_map(|&name| Some((name, files.get(name)?.clone())));
        let grub = first(names.grubs);
        let (start, next) = match (first(names.shims), grub) {
            (Some((_, shim)), Some(grub)) => (shim, Some(grub)),
            (None, Some((_, grub))) => (grub, None),
            // What a distribution calls by the removable medium's name may be a GRUB; by shim's own name it is none.
            (Some((name, alone)), None) if name.eq_ignore_ascii_case(names.removable) => (alone, None),
            _ => return,
        };
        self.uefi.push(Part { name: names.removable.to_owned(), source: start });
        let Some((name, source)) = next else { return };
        // SUSE's shim starts `grub.efi`, the others' `grubx64.efi`.
        let name = if name == "grub.efi" { name } else { names.grub };
        self.uefi.push(Part { name: name.to_owned(), source });
        // For people who let a machine trust another signer; SUSE's has a name that the partition cannot have, and is not needed to boot.
        if let Some((name, source)) = first(names.keys) {
            self.uefi.push(Part { name: name.trim_end_matches(".signed").to_owned(), source });
        }
    }

    fn take_bios(&mut self, architecture: Architecture, directories: &[PathBuf]) {
        if !self.bios.is_empty() || architecture != Architecture::Amd64 {
            return;
        }
        let files = listing(directories);
        if files.contains_key(ISOLINUX) {
            let wanted = [ISOLINUX, ISOLINUX_MODULE, DISK_SECTOR];
            let part = |name: &str| Some(Part { name: name.to_owned(), source: files.get(name)?.clone() });
            self.bios = wanted.into_iter().filter_map(part).collect();
        }
    }

    /// Reads the loaders for `only` this firmware, else for all that the architecture has.
    ///
    /// # Errors
    /// [`MakeError::NoFirmware`], [`MakeError::NoLoader`] for a firmware that has none, [`MakeError::Loader`] for a file that is none.
    pub(super) fn load(self, architecture: Architecture, only: Option<Firmware>) -> Result<Loaders, Error> {
        let wanted = |firmware| only.is_none_or(|only| only == firmware) && architecture.firmware().contains(&firmware);
        if let Some(firmware) = only.filter(|only| !architecture.firmware().contains(only)) {
            return Err(MakeError::NoFirmware { firmware, architecture }.into());
        }
        for (firmware, parts, other) in
            [(Firmware::Uefi, &self.uefi, &self.bios), (Firmware::Bios, &self.bios, &self.uefi)]
        {
            if wanted(firmware) && parts.is_empty() {
                return Err(self.missing(architecture, firmware, !other.is_empty() && only.is_none()).into());
            }
        }
        let mut loaders = Loaders { signed: wanted(Firmware::Uefi), ..Loaders::default() };
        if wanted(Firmware::Uefi) {
            for part in self.uefi {
                let bytes = read(&part.source)?;
                loaders.signed &= check_uefi(&part, &bytes, architecture)?;
                loaders.uefi.push(Loader { part, bytes });
            }
        }
        if wanted(Firmware::Bios) {
            for part in self.bios {
                let bytes = read(&part.source)?;
                loaders.bios.push(Loader { part, bytes });
            }
            check_bios(&loaders.bios, architecture)?;
        }
        Ok(loaders)
    }

    fn missing(&self, architecture: Architecture, firmware: Firmware, optional: bool) -> MakeError {
        let names = Names::of(architecture);
        let (needed, packages) = match firmware {
            Firmware::Bios => (format!("{ISOLINUX} and {ISOLINUX_MODULE}"), BIOS_PACKAGES),
            _ => (
                format!("{} or {} with {}, or {} alone", names.shim, names.removable, names.grub, names.grub),
                names.packages,
            ),
        };
        MakeError::NoLoader { firmware, architecture, needed, searched: self.searched.clone(), packages, optional }
    }
}

/// `directory/part` as it is spelled there: FAT knows no case, so a tree may have `efi/boot`.
fn below(directory: &Path, part: &str) -> Vec<PathBuf> {
    let mut found = vec![directory.to_owned()];
    for wanted in part.split('/').filter(|name| !name.is_empty()) {
        let entries = found.iter().flat_map(fs::read_dir).flatten().flatten();
        found =
            entries.filter(|entry| entry.file_name().eq_ignore_ascii_case(wanted)).map(|entry| entry.path()).collect();
    }
    found
}

/// The files of some directories, by their names in lower case; a directory that is not there has none.
fn listing(directories: &[PathBuf]) -> BTreeMap<String, PathBuf> {
    let entries = directories.iter().flat_map(fs::read_dir).flatten().flatten();
    let mut files: Vec<_> =
        entries.filter_map(|entry| Some((entry.file_name().to_str()?.to_lowercase(), entry.path()))).collect();
    // Of two that differ in case only, always the same one.
    files.sort_by(|one, other| other.cmp(one));
    files.into_iter().filter(|(_, path)| path.is_file()).collect()
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(Error::read(path))?;
    file.take(LOADER_BYTES + 1).read_to_end(&mut bytes).map_err(Error::read(path))?;
    let size = bytes.len() as u64;
    if size > LOADER_BYTES {
        return Err(MakeError::TooLarge { path: path.to_owned(), size, limit: LOADER_BYTES }.into());
    }
    Ok(bytes)
}

/// Whether it is signed.
fn check_uefi(part: &Part, bytes: &[u8], architecture: Architecture) -> Result<bool, MakeError> {
    let found = match Program::read(bytes) {
        Some(program) if program.architecture == Some(architecture) => return Ok(program.signed),
        Some(_) => "a UEFI program for another processor",
        None => "no UEFI program",
    };
    Err(MakeError::Loader { path: part.source.clone(), found, architecture })
}

/// isolinux has the boot info table written over its bytes 8 to 63, and since version 5 it says in its text which module it loads.
fn check_bios(loaders: &[Loader], architecture: Architecture) -> Result<(), MakeError> {
    let Some(isolinux) = loaders.iter().find(|loader| loader.part.name == ISOLINUX) else { return Ok(()) };
    let wants_module = isolinux.bytes.windows(ISOLINUX_MODULE.len()).any(|text| text == ISOLINUX_MODULE.as_bytes());
    let has_module = loaders.iter().any(|loader| loader.part.name == ISOLINUX_MODULE);
    let found = match isolinux.bytes.len() {
        ..2048 => "too short for isolinux",
        _ if wants_module && !has_module => "an isolinux without its ldlinux.c32 beside it",
        _ => return Ok(()),
    };
    Err(MakeError::Loader { path: isolinux.part.source.clone(), found, architecture })
}
