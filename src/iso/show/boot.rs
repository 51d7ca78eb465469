//! The entries of the boot catalogue, and what their loaders read.

use serde::Serialize;

use super::super::area::Area;
use super::super::boot_catalog::{BootImage, Emulation, Firmware};
use super::super::volume::FileEntry;
use super::config::kernel_args_of;
use super::loaders::System;

/// Where GRUB finds its configuration when UEFI started it: beside its binary as Red Hat builds it, the other as Debian does.
const UEFI_CONFIGS: [&str; 2] = ["/EFI/BOOT/grub.cfg", "/boot/grub/grub.cfg"];

/// Where GRUB finds its configuration when a BIOS started it.
const BIOS_CONFIGS: [&str; 1] = ["/boot/grub/grub.cfg"];

/// First octet of the template's placeholder addresses: no such address exists.
const PLACEHOLDER: &str = "=555.";

/// One way to boot an image.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Boot {
    /// Who boots it.
    pub firmware: Firmware,
    /// Marked as bootable in the catalogue.
    pub bootable: bool,
    /// Which drive a BIOS makes of it.
    pub emulation: Emulation,
    /// What is booted: a file of the volume; empty where no file begins there.
    pub image: String,
    /// Where it begins, in bytes.
    pub offset: u64,
    /// How many bytes the catalogue has the firmware load.
    pub load: u64,
    /// The loaders that are found beside it by name.
    pub loaders: Vec<String>,
    /// The config files that the loader reads: the first that it finds.
    pub configs: Vec<String>,
    /// The kernel arguments in these files, as the kernel will see them: one where all agree.
    pub kernel_args: Vec<String>,
}

impl Boot {
    pub(super) fn new(image: &BootImage, files: &[FileEntry], areas: &[Area]) -> Self {
        let path = file_at(image.offset, files).unwrap_or_default();
        let wanted: Vec<String> = match image.firmware {
            Firmware::Bios if path.ends_with("isolinux.bin") => vec![path.replace("isolinux.bin", "isolinux.cfg")],
            Firmware::Bios => BIOS_CONFIGS.map(str::to_owned).to_vec(),
            Firmware::Uefi => UEFI_CONFIGS.map(str::to_owned).to_vec(),
            Firmware::Other => Vec::new(),
        };
        let configs: Vec<String> =
            wanted.into_iter().filter(|path| files.iter().any(|file| file.path == *path)).collect();
        let read = areas.iter().filter(|area| area.files().iter().any(|file| configs.contains(file)));
        let mut kernel_args: Vec<String> = read.map(kernel_args_of).collect();
        kernel_args.sort();
        kernel_args.dedup();
        let is_loader = |path: &&str| path.starts_with("/EFI/BOOT/") && path.to_ascii_lowercase().ends_with(".efi");
        let loaders = match image.firmware {
            Firmware::Uefi => {
                files.iter().map(|file| file.path.as_str()).filter(is_loader).map(str::to_owned).collect()
            }
            _ => Vec::new(),
        };
        Self {
            firmware: image.firmware,
            bootable: image.bootable,
            emulation: image.emulation,
            offset: image.offset,
            load: image.load,
            image: path.to_owned(),
            loaders,
            configs,
            kernel_args,
        }
    }
}

/// The file that begins at `offset`.
pub(super) fn file_at(offset: u64, files: &[FileEntry]) -> Option<&str> {
    let begins = |file: &&FileEntry| file.extents.first().is_some_and(|extent| extent.offset == offset);
    files.iter().find(begins).map(|file| file.path.as_str())
}

/// What an operator would expect in a boot image of ours and does not find in this one.
pub(super) fn missing(boot: &[Boot], areas: &[Area], systems: &[System]) -> Vec<String> {
    let mut findings = Vec::new();
    for firmware in [Firmware::Bios, Firmware::Uefi] {
        if !boot.is_empty() && !boot.iter().any(|boot| boot.firmware == firmware && boot.bootable) {
            findings.push(format!("no boot entry for {firmware}"));
        }
    }
    for boot in boot {
        // Some writers append the FAT volume as a partition, and no file has its bytes.
        let is_partition = systems.iter().any(|system| system.offset == boot.offset && system.files.is_ok());
        if boot.image.is_empty() && !is_partition {
            findings.push(format!("the boot entry for {} begins at no file of the volume", boot.firmware));
        }
        for config in &boot.configs {
            if !areas.iter().any(|area| area.files().contains(config)) {
                findings.push(format!(
                    "{config}, which {} may read, has no marker: it boots with its own arguments",
                    boot.firmware
                ));
            }
        }
        if boot.configs.is_empty() {
            findings.push(format!("no config file where {}'s loader looks for one", boot.firmware));
        }
        if boot.kernel_args.len() > 1 {
            findings.push(format!("the config files for {} disagree about the kernel arguments", boot.firmware));
        }
    }
    if areas.is_empty() {
        findings.push("no config area: no file has a line `# REPLACE HERE` or `# REPLACE 2 HERE`".to_owned());
    }
    if areas.iter().any(|area| area.arguments().contains(PLACEHOLDER)) {
        findings
            .push("the kernel arguments are placeholders: this is a template, not an image of a machine".to_owned());
    }
    findings
}
