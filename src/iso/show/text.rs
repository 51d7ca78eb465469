//! A report for people: what boots, what it is told, what is missing. The list of files is apart, because hundreds of modules would
//! drown the rest.

use std::fmt;

use super::super::boot_catalog::Emulation;
use super::{Boot, Loader, Report};

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}: volume {}, {} bytes, {} files ({} names{})",
            self.path.display(),
            self.volume,
            self.size,
            self.files.len(),
            self.names,
            if self.udf { ", UDF beside them" } else { "" }
        )?;
        for boot in &self.boot {
            write_boot(f, boot)?;
        }
        if !self.loaders.is_empty() {
            writeln!(f, "\nEFI binaries")?;
        }
        for loader in &self.loaders {
            write_loader(f, loader)?;
        }
        writeln!(f, "\nBoots (as far as it can be seen)")?;
        for (name, verdict) in [
            ("BIOS       ", &self.boots.bios),
            ("UEFI       ", &self.boots.uefi),
            ("Secure Boot", &self.boots.secure_boot),
            ("USB disk   ", &self.boots.usb_disk),
        ] {
            writeln!(f, "  {name} {verdict}")?;
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

impl Report {
    /// The files, one a line: length, offset, path.
    #[must_use]
    pub fn listing(&self) -> Listing<'_> {
        Listing(self)
    }
}

/// The files of a report as text.
#[derive(Debug)]
pub struct Listing<'a>(&'a Report);

impl fmt::Display for Listing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nFiles (bytes, offset)")?;
        for file in &self.0.files {
            match file.offset {
                Some(offset) => writeln!(f, "  {:>12} {offset:>12}  {}", file.size, file.path)?,
                None => writeln!(f, "  {:>12} {:>12}  {}", file.size, "-", file.path)?,
            }
        }
        Ok(())
    }
}

fn write_boot(f: &mut fmt::Formatter<'_>, boot: &Boot) -> fmt::Result {
    let image = if boot.image.is_empty() { "an image outside of all files" } else { &boot.image };
    let emulation = match boot.emulation {
        Emulation::None => "",
        Emulation::Diskette => " as a diskette",
        Emulation::Disk => " as a hard disk",
        Emulation::Unknown => " by an unknown emulation",
    };
    let marked = if boot.bootable { "" } else { " (marked as not bootable)" };
    writeln!(f, "\n{} boots {image}{emulation}{marked}", boot.firmware)?;
    writeln!(f, "  at      {}, {} bytes to load", boot.offset, boot.load)?;
    write_list(f, "  loaders", &boot.loaders)?;
    write_list(f, "  config ", &boot.configs)?;
    for args in &boot.kernel_args {
        writeln!(f, "  kernel  {args}")?;
    }
    Ok(())
}

fn write_loader(f: &mut fmt::Formatter<'_>, loader: &Loader) -> fmt::Result {
    write!(f, "  {}", loader.path)?;
    if let Some(inside) = &loader.inside {
        write!(f, " in {inside}")?;
    }
    writeln!(f, ": {} bytes, {loader}", loader.size)
}

/// The processor and who signed it, without its name.
impl fmt::Display for Loader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(architecture) = &self.architecture else { return f.write_str("no EFI binary") };
        f.write_str(architecture)?;
        for signer in &self.signed_by {
            write!(f, ", signed by {} (issued by {})", signer.subject, signer.issuer)?;
        }
        match (self.signed_by.is_empty(), self.odd_signature) {
            (_, true) => f.write_str(", with a signature that could not be read"),
            (true, false) => f.write_str(", not signed"),
            (false, false) => Ok(()),
        }
    }
}

fn write_list(f: &mut fmt::Formatter<'_>, name: &str, items: &[String]) -> fmt::Result {
    if items.is_empty() { Ok(()) } else { writeln!(f, "{name} {}", items.join(", ")) }
}
