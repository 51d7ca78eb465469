//! `iso template`: a template of our own, made by hand.

use std::io::Write;
use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueEnum};

use super::super::Failure;
use super::super::progress::watched;
use crate::iso::Firmware;
use crate::iso::make::{self, Architecture, ImagePath, Item, Made, MakeError, Payload, Places, Recipe};

/// Arguments of `iso template`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("payload").required(true).args(["kernel", "from"]))]
pub struct TemplateArgs {
    /// The kernel, and its path in the image (default: the file's name)
    #[arg(long, value_name = "FILE[=PATH]", value_parser = item)]
    kernel: Option<Item>,
    /// An initrd, and its path in the image; up to eight times, in the order in which the kernel gets them
    #[arg(long, value_name = "FILE[=PATH]", value_parser = item, conflicts_with = "from")]
    initrd: Vec<Item>,
    /// A Sledgehammer without cdboot.iso: its tar or tar.gz, or its exploded directory
    #[arg(long, value_name = "PATH")]
    from: Option<PathBuf>,
    /// Where to look for boot loaders first; then in the kernel's own tree, then among this host's packages
    #[arg(long, value_name = "DIR")]
    loaders: Option<PathBuf>,
    /// The processor of the machines
    #[arg(long, value_enum, default_value = "amd64")]
    arch: Arch,
    /// Boot by this firmware only, and do without the loaders for the other
    #[arg(long, value_enum)]
    only: Option<By>,
    /// What the volume and its entry are called
    #[arg(long, value_name = "NAME", default_value = "sledgehammer")]
    volume: String,
    /// Where to write the template
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Arch {
    Amd64,
    Arm64,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum By {
    Bios,
    Uefi,
}

impl TemplateArgs {
    pub(super) fn run(&self, out: &mut impl Write) -> Result<(), Failure> {
        let made = make::write(&self.recipe(), &self.out, &watched())?;
        self.tell(&made, out)
    }

    fn recipe(&self) -> Recipe {
        let files = self.kernel.clone().map(|kernel| Payload::Files { kernel, initrds: self.initrd.clone() });
        let from = || Payload::Sledgehammer(self.from.clone().unwrap_or_default());
        Recipe {
            name: self.volume.clone(),
            architecture: match self.arch {
                Arch::Amd64 => Architecture::Amd64,
                Arch::Arm64 => Architecture::Arm64,
            },
            only: self.only.map(|only| match only {
                By::Bios => Firmware::Bios,
                By::Uefi => Firmware::Uefi,
            }),
            payload: files.unwrap_or_else(from),
            loaders: Places { asked: self.loaders.clone(), ..Places::default() },
        }
    }

    fn tell(&self, made: &Made, out: &mut impl Write) -> Result<(), Failure> {
        writeln!(out, "{}: {} bytes, room for {} bytes of kernel arguments", self.out.display(), made.size, made.room)?;
        for firmware in &made.firmware {
            let how = match (firmware, made.secure_boot, made.bios_disk) {
                (Firmware::Bios, _, true) => "as CD and as disk",
                (Firmware::Bios, _, false) => "as CD; as disk it would need isohdpfx.bin beside isolinux.bin",
                (_, true, _) => "as CD and as disk; all its loaders are signed, for Secure Boot",
                (_, false, _) => "as CD and as disk; not with Secure Boot, because a loader is not signed",
            };
            writeln!(out, "boots by {firmware} {how}")?;
        }
        for loader in &made.loaders {
            writeln!(out, "loader for {}: {} from {}", loader.firmware, loader.path, loader.source.display())?;
        }
        Ok(())
    }
}

/// Reads `FILE` or `FILE=PATH`.
fn item(text: &str) -> Result<Item, MakeError> {
    let (source, path) = text.rsplit_once('=').unwrap_or_else(|| (text, text.rsplit('/').next().unwrap_or(text)));
    Ok(Item { path: ImagePath::parse(path)?, source: PathBuf::from(source) })
}
