//! The scripts beside this file, as the tests use them: what `templates` makes, and a boot in `qemu`.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use tempfile::TempDir;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::spawn_blocking;

use crate::failure::Result;
use crate::serial::Booted;

/// Emulation is slow: more boots side by side than this would only make each other late.
static BOOTS: Semaphore = Semaphore::const_new(2);

/// What the machine boots with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Firmware {
    Bios,
    Uefi,
    /// UEFI that starts nothing unsigned.
    SecureBoot,
}

/// What the machine takes an image for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Medium {
    Cd,
    /// A disk on USB, as some BMCs present an image.
    Disk,
}

/// How a template boots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// GRUB in BIOS and UEFI.
    Grub,
    /// isolinux in BIOS, GRUB in UEFI.
    Isolinux,
    /// As GRUB's, with the distribution's signed shim and GRUB in UEFI.
    Signed,
}

/// A Sledgehammer template.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Template {
    /// Its image alone.
    pub(crate) iso: PathBuf,
    /// The signature it goes by.
    pub(crate) signature: String,
    /// Where it lies under the web root: a tarball, or an exploded directory.
    pub(crate) source: PathBuf,
}

/// All templates, and the web root that offers them.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Templates {
    pub(crate) webroot: PathBuf,
    grub: Template,
    isolinux: Template,
    signed: Template,
}

impl Templates {
    /// Makes them, or finds them made.
    pub(crate) async fn make() -> Result<Self> {
        Ok(serde_json::from_str(&stdout_of(script("templates")).await?)?)
    }

    /// A copy of the web root, which disappears when it is dropped.
    pub(crate) async fn webroot_of_its_own(&self) -> Result<TempDir> {
        let webroot = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        let mut copy = Command::new("cp");
        copy.arg("--archive").arg(self.webroot.join(".")).arg(webroot.path());
        stdout_of(copy).await?;
        Ok(webroot)
    }

    /// The template of this family.
    pub(crate) fn of(&self, family: Family) -> &Template {
        match family {
            Family::Grub => &self.grub,
            Family::Isolinux => &self.isolinux,
            Family::Signed => &self.signed,
        }
    }
}

/// Waits until a machine may boot; the turn ends when the permit is dropped.
pub(crate) async fn turn() -> Result<SemaphorePermit<'static>> {
    Ok(BOOTS.acquire().await?)
}

/// Boots `iso`, a file or a URL, as a CD in qemu, for two minutes at most.
pub(crate) async fn boot(firmware: Firmware, iso: impl AsRef<OsStr>) -> Result<Booted> {
    boot_from(Medium::Cd, firmware, iso).await
}

/// Boots `iso` in qemu, for two minutes at most.
pub(crate) async fn boot_from(medium: Medium, firmware: Firmware, iso: impl AsRef<OsStr>) -> Result<Booted> {
    let _turn = turn().await?;
    let report = stdout_of(qemu(medium, firmware, iso.as_ref())).await?;
    Booted::parse(&report).ok_or_else(|| format!("no report of a boot in {report:?}").into())
}

/// A machine that boots, whatever comes of it; it is switched off when this is dropped.
#[derive(Debug)]
pub(crate) struct Booting {
    script: Child,
    _turn: SemaphorePermit<'static>,
}

impl Booting {
    /// Starts to boot `iso`, a file or a URL, as a CD in qemu.
    pub(crate) async fn start(firmware: Firmware, iso: impl AsRef<OsStr>) -> Result<Self> {
        let turn = turn().await?;
        let mut qemu = qemu(Medium::Cd, firmware, iso.as_ref());
        Ok(Self { script: qemu.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?, _turn: turn })
    }
}

impl Drop for Booting {
    fn drop(&mut self) {
        // It ends its qemu. It may have ended itself: then there is nothing to be done.
        let _ = kill_process(Pid::from_child(&self.script), Signal::TERM);
        let _ = self.script.wait();
    }
}

fn qemu(medium: Medium, firmware: Firmware, iso: &OsStr) -> Command {
    let firmware = match firmware {
        Firmware::Bios => "bios",
        Firmware::Uefi => "uefi",
        Firmware::SecureBoot => "secure-boot",
    };
    let mut qemu = script("qemu");
    qemu.arg(firmware).arg(iso).arg("120").arg(if medium == Medium::Cd { "cd" } else { "disk" });
    qemu
}

/// Where the tests' install script keeps what it fetched.
pub(crate) fn lab() -> PathBuf {
    let own = || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/boot-lab");
    std::env::var_os("BOOT_LAB_DIR").map_or_else(own, PathBuf::from)
}

/// The script of this name.
pub(crate) fn script(name: &str) -> Command {
    Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/boot").join(name))
}

/// What a program says; when it fails, how and why.
pub(crate) async fn stdout_of(mut command: Command) -> Result<String> {
    command.stdin(Stdio::null());
    let (command, output) = spawn_blocking(move || (format!("{command:?}"), command.output())).await?;
    let output = output?;
    if output.status.success() {
        Ok(String::from_utf8(output.stdout)?)
    } else {
        Err(format!("{command}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr)).into())
    }
}
