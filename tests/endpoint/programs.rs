//! Servers whose plugin finds programs of ours, which stand for a BMC.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::site::Site;

/// A directory with those of `tests/modes/tools`, which keep their state where they are called.
pub(crate) struct Programs(TempDir);

impl Programs {
    const NAMES: [&str; 2] = ["ipmitool", "racadm"];

    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/modes/tools");
        for name in Self::NAMES {
            // One state each: they word it differently.
            let place = directory.path().join(name);
            std::fs::create_dir(&place).unwrap();
            std::os::unix::fs::symlink(tools.join(name), place.join(name)).unwrap();
        }
        Self(directory)
    }

    /// Makes a program fail in one of the ways that it knows.
    pub(crate) fn fail(&self, name: &str, fault: &str) {
        std::fs::write(self.place(name).join("fault"), fault).unwrap();
    }

    /// A server whose plugin finds them before any of this machine's.
    pub(crate) async fn site(&self) -> Site {
        let all = std::env::var_os("PATH").unwrap();
        let ours = Self::NAMES.map(|name| self.place(name));
        let path = std::env::join_paths(ours.into_iter().chain(std::env::split_paths(&all))).unwrap();
        Site::start_with(|options| options.env("PATH", path)).await
    }

    fn place(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}
