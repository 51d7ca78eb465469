//! A directory with a program in it, which keeps its state there, and a target for it.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use drp_virtual_media::bmc::{Bmc, Bmcs, Driver, Error, Limits, Target, TlsPolicy};
use drp_virtual_media::operation::Operation;
use secrecy::SecretString;
use tempfile::TempDir;

/// The password that every program of ours takes.
pub(crate) const PASSWORD: &str = "calvin";

/// A program of `tools/`, called where its state is.
pub(crate) struct Tool {
    directory: TempDir,
}

impl Tool {
    /// A link to `tools/<program>` under the name `name`. The file itself is never written, so never busy when it is run.
    pub(crate) fn named(program: &str, name: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/modes/tools");
        std::os::unix::fs::symlink(tools.join(program), directory.path().join(name)).unwrap();
        Self { directory }
    }

    pub(crate) fn new(program: &str) -> Self {
        Self::named(program, program)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A file of its state, trimmed; empty where there is none.
    pub(crate) fn state(&self, name: &str) -> String {
        fs::read(self.file(name)).map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned()).unwrap_or_default()
    }

    pub(crate) fn set(&self, name: &str, value: &str) {
        fs::write(self.file(name), format!("{value}\n")).unwrap();
    }

    /// What it was called with so far, one call a line.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.state("calls").lines().map(str::to_owned).collect()
    }

    /// `PATH` with this program before all others.
    pub(crate) fn path(&self) -> OsString {
        let rest = std::env::var_os("PATH").unwrap();
        std::env::join_paths([self.directory.path().to_owned()].into_iter().chain(std::env::split_paths(&rest)))
            .unwrap()
    }

    pub(crate) fn bmcs(&self) -> Bmcs {
        Bmcs::with_programs_in(self.path())
    }

    /// Waits until the processes that a hanging call named have begun, and answers their numbers.
    pub(crate) async fn pids(&self) -> Vec<u32> {
        until("a call hangs", || self.state("pids").split(' ').count() == 2).await;
        self.state("pids").split(' ').map(|pid| pid.parse().unwrap()).collect()
    }
}

/// Waits until `seen`, which is looked for every few milliseconds.
pub(crate) async fn until(what: &str, mut seen: impl FnMut() -> bool) {
    let waited = async {
        while !seen() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), waited)
        .await
        .unwrap_or_else(|_| panic!("waited a minute until {what}"));
}

/// Whether a process runs; one that has ended and that nobody has asked after yet does not.
pub(crate) fn runs(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.trim_start().starts_with(['Z', 'X']))
}

/// The bounds are wide, because nothing is measured by them; waits between looks are short.
pub(crate) fn limits() -> Limits {
    Limits {
        connect: Duration::from_secs(20),
        request: Duration::from_secs(30),
        total: Duration::from_mins(2),
        media: Duration::from_secs(30),
        poll: Duration::from_millis(5),
    }
}

pub(crate) fn target(driver: Driver) -> Target {
    Target {
        address: "127.0.0.1".to_owned(),
        port: driver.usual_port(),
        username: "root".to_owned(),
        password: SecretString::from(PASSWORD),
        driver,
        tls: TlsPolicy::Accept,
        tls_legacy: false,
        recorded_fingerprint: None,
        limits: limits(),
    }
}

/// Opens the target and does one thing with it.
pub(crate) async fn with<T>(
    bmcs: &Bmcs,
    target: Target,
    work: impl AsyncFnOnce(&mut Bmc<'_>) -> Result<T, Error>,
) -> Result<T, Error> {
    let operation = Operation::unwatched();
    let mut bmc = bmcs.open(target, &operation).await?;
    work(&mut bmc).await
}

/// Checks an error's code and that its text holds these parts, in one line and without the password.
#[track_caller]
pub(crate) fn told(error: &Error, code: u16, parts: &[&str]) {
    let text = error.to_string();
    assert_eq!(error.code(), code, "{text}");
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in {text:?}");
    }
    assert!(!text.contains(PASSWORD), "{text}");
    assert!(!text.contains('\n'), "{text}");
}
