//! The scripts beside this file, as the tests use them: templates, the Redfish lab, and a boot in qemu.

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde::Deserialize;

pub(crate) type Result<T = (), E = Box<dyn Error>> = std::result::Result<T, E>;

/// What a machine's serial port said when it had booted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Booted {
    /// `bios` or `uefi`.
    pub(crate) firmware: String,
    /// Whether the kernel found Secure Boot enabled.
    pub(crate) secure_boot: bool,
    /// `/proc/cmdline`.
    pub(crate) cmdline: String,
}

impl Booted {
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

/// A Sledgehammer template that `tests/boot/templates` made.
#[derive(Debug, Deserialize)]
pub(crate) struct Template {
    /// The template itself.
    pub(crate) iso: PathBuf,
    /// The signature it goes by.
    pub(crate) signature: String,
    /// Where it lies under the web root: a tarball, or an exploded directory.
    pub(crate) source: PathBuf,
}

/// All templates, and the web root that offers them.
#[derive(Debug, Deserialize)]
pub(crate) struct Templates {
    pub(crate) webroot: PathBuf,
    /// GRUB in BIOS and UEFI.
    pub(crate) grub: Template,
    /// isolinux in BIOS, GRUB in UEFI.
    pub(crate) isolinux: Template,
    /// The distribution's signed shim and GRUB in UEFI.
    pub(crate) signed: Template,
}

impl Templates {
    /// Makes them, or finds them made.
    pub(crate) fn make() -> Result<Self> {
        Ok(serde_json::from_str(&stdout_of(&mut script("templates"))?)?)
    }
}

/// Boots `iso` in qemu with `firmware` (`bios`, `uefi`, `secure-boot`), for two minutes at most.
pub(crate) fn boot(firmware: &str, iso: &Path) -> Result<Booted> {
    let report = stdout_of(script("qemu").arg(firmware).arg(iso))?;
    Booted::parse(&report).ok_or_else(|| format!("no report of a boot in {report:?}").into())
}

/// One machine of the lab.
#[derive(Debug, Deserialize)]
pub(crate) struct Machine {
    /// Its Redfish system.
    pub(crate) uuid: String,
    /// Its serial port's output since it was last powered on.
    pub(crate) serial: PathBuf,
}

/// The machines of the lab, by firmware.
#[derive(Debug, Deserialize)]
pub(crate) struct Machines {
    pub(crate) uefi: Machine,
    pub(crate) bios: Machine,
}

/// How to reach the Redfish service and its machines.
#[derive(Debug, Deserialize)]
pub(crate) struct Lab {
    pub(crate) address: String,
    pub(crate) port: u16,
    pub(crate) username: String,
    pub(crate) password: String,
    /// Where the services log, while the lab runs.
    pub(crate) logs: PathBuf,
    pub(crate) machines: Machines,
}

/// A running lab; it ends, with all it started, when this is dropped.
#[derive(Debug)]
pub(crate) struct RunningLab {
    process: Child,
    lab: Lab,
}

impl RunningLab {
    pub(crate) fn start() -> Result<Self> {
        let mut process = script("lab").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        if let Some(stdout) = process.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        let lab = serde_json::from_str(&line).map_err(|problem| format!("lab did not start: {problem}: {line:?}"))?;
        Ok(Self { process, lab })
    }
}

impl std::ops::Deref for RunningLab {
    type Target = Lab;

    fn deref(&self) -> &Lab {
        &self.lab
    }
}

impl Drop for RunningLab {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        // Nothing can be done about a lab that does not end, and it says itself what went wrong.
        let _ = self.process.wait();
    }
}

fn script(name: &str) -> Command {
    Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/boot").join(name))
}

fn stdout_of(command: &mut Command) -> Result<String> {
    let output = command.stderr(Stdio::piped()).output()?;
    if output.status.success() {
        Ok(String::from_utf8(output.stdout)?)
    } else {
        Err(format!("{command:?}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr)).into())
    }
}
