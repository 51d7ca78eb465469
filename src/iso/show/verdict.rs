//! What an image boots on, no more strongly than its bytes say it.

use std::fmt;

use serde::Serialize;

use super::super::boot_catalog::{BootImage, Firmware};
use super::super::disk::Disk;
use super::loaders::{Loader, System};

/// How sure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// All that firmware needs is there.
    Yes,
    /// It depends on the firmware.
    Perhaps,
    /// Something could not be read.
    Unknown,
    /// Something is missing.
    No,
}

/// An answer with its reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Verdict {
    /// Whether it boots.
    pub answer: Answer,
    /// Why.
    pub why: String,
}

/// What an image boots on.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Boots {
    /// A BIOS, from a CD.
    pub bios: Verdict,
    /// UEFI, from a CD.
    pub uefi: Verdict,
    /// UEFI with Secure Boot, from a CD.
    pub secure_boot: Verdict,
    /// Either, from a USB disk with the image's bytes.
    pub usb_disk: Verdict,
}

impl Boots {
    pub(super) fn new(images: &[BootImage], systems: &[System], loaders: &[Loader], disk: &Disk) -> Self {
        let cd: Vec<&System> = systems.iter().filter(|system| system.on_cd).collect();
        let uefi = uefi(&cd, loaders);
        Self {
            bios: bios(images),
            secure_boot: secure_boot(&cd, loaders, &uefi),
            usb_disk: usb_disk(disk, systems, loaders, &uefi),
            uefi,
        }
    }
}

impl Verdict {
    fn new(answer: Answer, why: impl Into<String>) -> Self {
        Self { answer, why: why.into() }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let answer = match self.answer {
            Answer::Yes => "yes",
            Answer::Perhaps => "perhaps",
            Answer::Unknown => "unknown",
            Answer::No => "no",
        };
        write!(f, "{answer}: {}", self.why)
    }
}

fn bios(images: &[BootImage]) -> Verdict {
    if images.iter().any(|image| image.firmware == Firmware::Bios && image.bootable) {
        Verdict::new(Answer::Yes, "the boot catalogue has an entry for it")
    } else {
        Verdict::new(Answer::No, "the boot catalogue has no entry for it")
    }
}

/// The loaders in `system` that firmware starts by itself.
fn first<'a>(system: &'a System, loaders: &'a [Loader]) -> impl Iterator<Item = (&'a str, &'a Loader)> {
    let inside = loaders.iter().filter(|loader| loader.inside.as_ref() == Some(&system.name));
    inside.filter_map(|loader| Some((loader.started_first()?, loader)))
}

fn uefi(systems: &[&System], loaders: &[Loader]) -> Verdict {
    if systems.is_empty() {
        return Verdict::new(Answer::No, "the boot catalogue has no entry for it");
    }
    let processors: Vec<&str> =
        systems.iter().flat_map(|system| first(system, loaders)).map(|(processor, _)| processor).collect();
    if !processors.is_empty() {
        return Verdict::new(Answer::Yes, format!("there are loaders for {}", processors.join(", ")));
    }
    match systems.iter().find_map(|system| Some((system, system.files.as_ref().err()?))) {
        Some((system, error)) => {
            Verdict::new(Answer::Unknown, format!("{} (at {}) is {error}", system.name, system.offset))
        }
        None => {
            Verdict::new(Answer::No, format!("{} has no EFI binary /EFI/BOOT/BOOT<processor>.EFI", systems[0].name))
        }
    }
}

fn secure_boot(systems: &[&System], loaders: &[Loader], uefi: &Verdict) -> Verdict {
    if uefi.answer != Answer::Yes {
        return uefi.clone();
    }
    let chains = systems.iter().flat_map(|system| first(system, loaders).map(move |found| (system, found)));
    let verdicts: Vec<Verdict> =
        chains.map(|(system, (processor, loader))| chain(system, processor, loader, loaders)).collect();
    let best =
        [Answer::Perhaps, Answer::Unknown].into_iter().find(|answer| verdicts.iter().any(|v| v.answer == *answer));
    let why: Vec<String> = verdicts.into_iter().map(|verdict| verdict.why).collect();
    Verdict::new(best.unwrap_or(Answer::No), why.join("; "))
}

/// The loader that firmware starts, and the one that shim starts after it: `grub<processor>.efi` beside it.
fn chain(system: &System, processor: &str, loader: &Loader, loaders: &[Loader]) -> Verdict {
    let name = &loader.path;
    if loader.signed_by.is_empty() {
        return if loader.odd_signature {
            Verdict::new(Answer::Unknown, format!("{name} has a signature that could not be read"))
        } else {
            Verdict::new(Answer::No, format!("{name} is not signed"))
        };
    }
    let next = format!("/EFI/BOOT/grub{processor}.efi");
    let next = loaders
        .iter()
        .find(|other| other.inside.as_ref() == Some(&system.name) && other.path.eq_ignore_ascii_case(&next));
    let issuers: Vec<&str> = loader.signed_by.iter().map(|signer| signer.issuer.as_str()).collect();
    let trust = format!(
        "{name} is signed under {}, which {}",
        issuers.join(" and "),
        if issuers.iter().any(|issuer| is_microsoft(issuer)) {
            "most firmware trusts"
        } else {
            "the firmware must have been told to trust"
        }
    );
    match next {
        Some(next) if next.signed_by.is_empty() => Verdict::new(
            if next.odd_signature { Answer::Unknown } else { Answer::No },
            format!("{trust}, but {} beside it has no signature that could be read", next.path),
        ),
        Some(next) => {
            let signers: Vec<&str> = next.signed_by.iter().map(|signer| signer.subject.as_str()).collect();
            Verdict::new(
                Answer::Perhaps,
                format!("{trust}, and {} by {}; no signature was verified", next.path, signers.join(" and ")),
            )
        }
        None => Verdict::new(Answer::Perhaps, format!("{trust}; no signature was verified")),
    }
}

/// What Microsoft signs the loaders of others with: `Microsoft Corporation UEFI CA 2011`, `Microsoft UEFI CA 2023`.
fn is_microsoft(issuer: &str) -> bool {
    issuer.starts_with("Microsoft ") && issuer.contains("UEFI CA")
}

fn usb_disk(disk: &Disk, systems: &[System], loaders: &[Loader], cd: &Verdict) -> Verdict {
    let mut ways = Vec::new();
    if disk.partitioned && disk.boot_code {
        ways.push("a BIOS by its boot code".to_owned());
    }
    for (processor, _) in systems.iter().filter(|system| system.on_disk).flat_map(|system| first(system, loaders)) {
        ways.push(format!("UEFI ({processor}) by its EFI system partition"));
    }
    if !ways.is_empty() {
        return Verdict::new(Answer::Yes, ways.join(", "));
    }
    if !disk.partitioned && cd.answer == Answer::Yes {
        return Verdict::new(
            Answer::Perhaps,
            "it has no partition table; some UEFI firmware reads the boot catalogue of a disk too, a BIOS does not",
        );
    }
    let why = if disk.partitioned { "nothing in its partition table boots" } else { "it has no partition table" };
    Verdict::new(Answer::No, why)
}
