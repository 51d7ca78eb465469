//! What a machine says on its serial port: the report of the templates' own `/init` (see `tests/boot/templates`).

use crate::node::Node;
use crate::scripts::{Family, Firmware};

/// What a machine was like when it had booted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Booted {
    /// `bios` or `uefi`.
    firmware: String,
    /// Whether the kernel found Secure Boot enabled.
    secure_boot: bool,
    /// `/proc/cmdline`.
    cmdline: String,
}

impl Booted {
    /// What this machine has to say in this firmware: its own kernel arguments, and before them what the loader adds.
    pub(crate) fn expected(node: &Node, family: Family, firmware: Firmware) -> Self {
        let added = match (family, firmware) {
            (Family::Isolinux, Firmware::Bios) => "BOOT_IMAGE=/vmlinuz0 initrd=/stage1.img",
            _ => "BOOT_IMAGE=/vmlinuz0",
        };
        Self {
            firmware: if firmware == Firmware::Bios { "bios" } else { "uefi" }.to_owned(),
            secure_boot: firmware == Firmware::SecureBoot,
            cmdline: format!("{added} {}", node.kernel_args()),
        }
    }

    /// Reads the lines `firmware: …`, `secure-boot: …` and `cmdline: …`; `None` while one is missing.
    pub(crate) fn parse(report: &str) -> Option<Self> {
        let value = |key: &str| {
            report.lines().find_map(|line| line.trim_end_matches('\r').strip_prefix(key)?.strip_prefix(": "))
        };
        Some(Self {
            firmware: value("firmware")?.to_owned(),
            secure_boot: value("secure-boot")? == "on",
            cmdline: value("cmdline")?.to_owned(),
        })
    }
}
