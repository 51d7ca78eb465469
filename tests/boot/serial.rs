//! What a machine says on its serial port: the report of the templates' own `/init` (see `tests/boot/templates`).

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::failure::Result;
use crate::node::Node;
use crate::scripts::{Family, Firmware};

/// A boot takes some 10 s on an idle machine, and most of a minute on a busy one.
const BOOT: Duration = Duration::from_mins(2);

/// Characters of a log or of a serial port that are shown when something failed.
const TAIL: usize = 2000;

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
        Self::with_line(firmware, format!("{added} {}", node.kernel_args()))
    }

    /// A boot in this firmware with this kernel line.
    pub(crate) fn with_line(firmware: Firmware, cmdline: String) -> Self {
        Self {
            firmware: if firmware == Firmware::Bios { "bios" } else { "uefi" }.to_owned(),
            secure_boot: firmware == Firmware::SecureBoot,
            cmdline,
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

    /// Waits for the report on the serial port that is written to `serial`.
    pub(crate) async fn on(serial: &Path) -> Result<Self> {
        let began = Instant::now();
        while began.elapsed() < BOOT {
            let said = fs::read(serial).unwrap_or_default();
            let said = String::from_utf8_lossy(&said);
            if let Some((report, _)) = said.split_once("=== boot proof ends ===") {
                return Self::parse(report).ok_or_else(|| format!("no report of a boot in {report:?}").into());
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Err(format!("it did not boot within {} s", BOOT.as_secs()).into())
    }
}

/// The end of a file, for people.
pub(crate) fn tail_of_file(path: &Path) -> String {
    let text =
        fs::read(path).map_or_else(|error| error.to_string(), |bytes| String::from_utf8_lossy(&bytes).into_owned());
    tail(&path.display().to_string(), &text)
}

/// The end of a text, for people: without what only a terminal understands.
pub(crate) fn tail(name: &str, text: &str) -> String {
    let shown: Vec<char> = text.chars().filter(|c| *c == '\n' || !c.is_control()).collect();
    let shown: String = shown[shown.len().saturating_sub(TAIL)..].iter().collect();
    format!("--- the last of {name}\n{shown}\n")
}
