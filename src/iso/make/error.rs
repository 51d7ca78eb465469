//! What can keep a template from being made, each case told so that an operator can act on it.

use std::path::PathBuf;

use hadris_fs::PathError;

use super::Architecture;
use crate::iso::boot_catalog::Firmware;

/// A template that cannot be made of what was given.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MakeError {
    /// A path inside the image that a boot loader would not read as it stands.
    #[error("naming {path} in the image: {reason}; name the file otherwise, as in FILE=images/pxeboot/vmlinuz")]
    Path {
        /// The path as it was given.
        path: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Two files want the same path in the image.
    #[error(
        "placing {path} in the image: something else of it has this path; name the file otherwise, as in FILE=images/pxeboot/vmlinuz"
    )]
    Taken {
        /// The path inside the image.
        path: String,
    },
    /// More initrds than the configuration can name.
    #[error("making a template: {given} initrds are more than the limit of {limit}; put some of them together")]
    Initrds {
        /// How many there are.
        given: usize,
        /// How many there may be.
        limit: usize,
    },
    /// No boot loader for this firmware in any of the places.
    #[error(
        "looking for {} boot loaders for {architecture}: need {needed}; looked in {}; install {packages}, name a directory with them{}",
        .firmware,
        .searched.join(", "),
        if *.optional { format!(", or do without {firmware}") } else { String::new() }
    )]
    NoLoader {
        /// Who would boot with it.
        firmware: Firmware,
        /// Whose machine code it is.
        architecture: Architecture,
        /// The files that are looked for.
        needed: String,
        /// Where.
        searched: Vec<String>,
        /// The packages that hold them.
        packages: &'static str,
        /// Whether the other firmware's loaders are there, so that one can do without this one.
        optional: bool,
    },
    /// Machines of this architecture have no such firmware.
    #[error("making a template for {architecture}: such machines have no {firmware}")]
    NoFirmware {
        /// Who was to boot it.
        firmware: Firmware,
        /// The architecture.
        architecture: Architecture,
    },
    /// A file that is named like a boot loader and is none, or is one of another architecture.
    #[error("reading boot loader {}: {found}; take the one of a distribution's package for {architecture}", .path.display())]
    Loader {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        found: &'static str,
        /// Whose machine code was wanted.
        architecture: Architecture,
    },
    /// The UEFI loaders are more than a boot catalogue can name.
    #[error(
        "making the EFI system partition: it takes {size} bytes, and El Torito's 16-bit count of sectors ends at {limit}; \
         take smaller boot loaders"
    )]
    PartitionTooLarge {
        /// What it would take.
        size: u64,
        /// What is possible.
        limit: u64,
    },
    /// The FAT file system could not be written, in memory.
    #[error("making the EFI system partition: {0}")]
    Partition(std::io::Error),
    /// A kernel or an initrd is beyond what an ISO 9660 file of one extent, and a BMC, can take.
    #[error("reading {}: {size} bytes are more than the limit of {limit}; this is no kernel and no initrd", .path.display())]
    TooLarge {
        /// The file, or the archive that it is in.
        path: PathBuf,
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// A file that is empty, or no file.
    #[error("reading {}: it is {found}, and no kernel, initrd or boot loader", .path.display())]
    NoFile {
        /// The path.
        path: PathBuf,
        /// What it is.
        found: &'static str,
    },
    /// A Sledgehammer without its kernel or its initrd.
    #[error("looking for Sledgehammer's kernel and initrd in {}: it holds no {missing}; upload Sledgehammer again", .path.display())]
    NoSledgehammer {
        /// The archive or directory.
        path: PathBuf,
        /// What is missing.
        missing: &'static str,
    },
    /// The ISO 9660 writer gave up: an input changed under it, or could not be read.
    #[error("writing {}: {source}; what was there is unchanged", .path.display())]
    Volume {
        /// The image.
        path: PathBuf,
        /// What it said, and of which file.
        source: Box<PathError>,
    },
}
