//! Explains an image: who boots it, with which loader, which config areas it has, and what a kernel would be told.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::area::Area;
use super::boot_catalog::{self, BootImage, Firmware};
use super::error::Error;
use super::source::Source;
use super::template;
use super::volume::{FileEntry, ReadAt, Volume, VolumeError};
use crate::machine::Loader;
use crate::operation::Operation;

/// Where GRUB finds its configuration when UEFI started it: beside its binary as Red Hat builds it, the other as Debian does.
const UEFI_CONFIGS: [&str; 2] = ["/EFI/BOOT/grub.cfg", "/boot/grub/grub.cfg"];

/// Where GRUB finds its configuration when a BIOS started it.
const BIOS_CONFIGS: [&str; 1] = ["/boot/grub/grub.cfg"];

/// First octet of the template's placeholder addresses: no such address exists.
const PLACEHOLDER: &str = "=555.";

/// What an image holds.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Report {
    /// The image, or the archive that it is in.
    pub path: PathBuf,
    /// Its length in bytes.
    pub size: u64,
    /// The volume identifier.
    pub volume: String,
    /// What firmware boots, in the boot catalogue's order.
    pub boot: Vec<Boot>,
    /// The config areas, by offset.
    pub areas: Vec<ConfigArea>,
    /// What was looked for and is not there, or is not as it should be. Empty: the image is whole.
    pub findings: Vec<String>,
}

/// One way to boot an image.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Boot {
    /// Who boots it.
    pub firmware: Firmware,
    /// Marked as bootable in the catalogue.
    pub bootable: bool,
    /// What is booted: a file of the volume; empty where no file begins there.
    pub image: String,
    /// The loaders that are found beside it by name.
    pub loaders: Vec<String>,
    /// The config files that the loader reads: the first that it finds.
    pub configs: Vec<String>,
    /// The kernel arguments in these files, as the kernel will see them: one where all agree.
    pub kernel_args: Vec<String>,
}

/// One config area.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ConfigArea {
    /// The files that it belongs to.
    pub files: Vec<String>,
    /// Who reads them.
    pub loader: Loader,
    /// Where it begins, in bytes.
    pub offset: u64,
    /// Its length in bytes.
    pub size: usize,
    /// Bytes of arguments that it takes.
    pub room: usize,
    /// Bytes of arguments that are in it.
    pub used: usize,
    /// The kernel.
    pub kernel: String,
    /// The arguments as the kernel will see them.
    pub kernel_args: String,
}

impl Report {
    /// Reads the image that `path` is or holds. What is missing or odd in it is a finding, not an error.
    ///
    /// # Errors
    /// There is no image, or its volume cannot be read.
    pub fn read(path: &Path, operation: &Operation) -> Result<Self, Error> {
        let source = Source::open(path, None, operation)?;
        let failed = |error| Error::Volume { path: source.origin().to_owned(), source: error };
        let volume = Volume::open(&source).map_err(failed)?;
        let files = volume.files().map_err(failed)?;
        let mut findings = Vec::new();
        let areas = template::find_areas(&source, &volume, &files).unwrap_or_else(|error| {
            findings.push(error.to_string());
            Vec::new()
        });
        let boot = boot_images(&volume, &mut findings).map_err(failed)?;
        let boot: Vec<Boot> = boot.iter().map(|image| Boot::new(image, &files, &areas)).collect();
        findings.extend(missing(&boot, &areas));
        Ok(Self {
            path: source.origin().to_owned(),
            size: source.size(),
            volume: volume.id().to_owned(),
            boot,
            areas: areas.iter().map(ConfigArea::new).collect(),
            findings,
        })
    }
}

impl Boot {
    fn new(image: &BootImage, files: &[FileEntry], areas: &[Area]) -> Self {
        let at_start = |file: &&FileEntry| file.extents.first().is_some_and(|extent| extent.offset == image.offset);
        let path = files.iter().find(at_start).map_or("", |file| file.path.as_str());
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
            image: path.to_owned(),
            loaders,
            configs,
            kernel_args,
        }
    }
}

impl ConfigArea {
    fn new(area: &Area) -> Self {
        Self {
            files: area.files().to_vec(),
            loader: area.loader(),
            offset: area.offset(),
            size: area.size(),
            room: area.room(),
            used: area.arguments().len(),
            kernel: area.kernel().to_owned(),
            kernel_args: kernel_args_of(area),
        }
    }
}

fn boot_images<R: ReadAt + ?Sized>(
    volume: &Volume<'_, R>,
    findings: &mut Vec<String>,
) -> Result<Vec<BootImage>, VolumeError> {
    let Some(offset) = volume.boot_catalog() else {
        findings.push("no El Torito boot catalogue: no firmware boots this image as a CD".to_owned());
        return Ok(Vec::new());
    };
    let images = boot_catalog::read(volume.image(), offset)?;
    Ok(images.unwrap_or_else(|| {
        findings.push(format!("no valid boot catalogue at {offset}: no firmware boots this image as a CD"));
        Vec::new()
    }))
}

/// What an operator would expect in a boot image of ours and does not find in this one.
fn missing(boot: &[Boot], areas: &[Area]) -> Vec<String> {
    let mut findings = Vec::new();
    for firmware in [Firmware::Bios, Firmware::Uefi] {
        if !boot.is_empty() && !boot.iter().any(|boot| boot.firmware == firmware && boot.bootable) {
            findings.push(format!("no boot entry for {firmware}"));
        }
    }
    for boot in boot {
        if boot.image.is_empty() {
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

/// The arguments with the loader's quoting taken off.
fn kernel_args_of(area: &Area) -> String {
    match area.loader() {
        Loader::Isolinux => area.arguments().to_owned(),
        Loader::Grub => unquoted(area.arguments()),
    }
}

/// GRUB's quotes: nothing is special inside single ones; inside double ones a backslash protects `$`, `"` and itself (GRUB manual
/// 6.1). An area never holds a backslash outside of quotes.
fn unquoted(text: &str) -> String {
    let mut quote = None;
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            (Some('"'), '\\') => plain.push(chars.next_if(|next| "$\"\\".contains(*next)).unwrap_or(c)),
            _ => plain.push(c),
        }
    }
    plain
}

/// For people: what boots, what it is told, what is missing.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: volume {}, {} bytes", self.path.display(), self.volume, self.size)?;
        for boot in &self.boot {
            let image = if boot.image.is_empty() { "an image outside of all files" } else { &boot.image };
            writeln!(
                f,
                "\n{} boots {image}{}",
                boot.firmware,
                if boot.bootable { "" } else { " (marked as not bootable)" }
            )?;
            write_list(f, "  loaders", &boot.loaders)?;
            write_list(f, "  config ", &boot.configs)?;
            for args in &boot.kernel_args {
                writeln!(f, "  kernel  {args}")?;
            }
        }
        if !self.areas.is_empty() {
            writeln!(f, "\nConfig areas (bytes of kernel arguments used, of room)")?;
        }
        for area in &self.areas {
            let files = area.files.join(", ");
            writeln!(
                f,
                "  {files}: {}, {} of {}, {} bytes at {}",
                area.loader, area.used, area.room, area.size, area.offset
            )?;
        }
        for (number, finding) in self.findings.iter().enumerate() {
            writeln!(f, "{}  {finding}", if number == 0 { "\nFindings\n" } else { "" })?;
        }
        Ok(())
    }
}

fn write_list(f: &mut fmt::Formatter<'_>, name: &str, items: &[String]) -> fmt::Result {
    if items.is_empty() { Ok(()) } else { writeln!(f, "{name} {}", items.join(", ")) }
}
