//! A file system of its own in a sparse file, mounted through a loop device.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

/// A mounted file system; unmounted when dropped, and the kernel releases the loop device with it.
pub(crate) struct Disk {
    directory: TempDir,
}

impl Disk {
    /// Makes a file system of this kind with so many MiB, xfs with shared extents.
    pub(crate) fn new(kind: &str, mebibytes: u64) -> Self {
        let directory = TempDir::new().unwrap();
        let (file, mount) = (directory.path().join("disk"), directory.path().join("mount"));
        File::create(&file).unwrap().set_len(mebibytes << 20).unwrap();
        fs::create_dir(&mount).unwrap();
        let options: &[&str] = match kind {
            "xfs" => &["-q", "-m", "reflink=1"],
            // No blocks that only root may fill: a full disk is full for everybody.
            "ext4" => &["-q", "-m", "0"],
            _ => &["-q"],
        };
        run(Command::new(format!("mkfs.{kind}")).args(options).arg(&file));
        run(Command::new("mount").args(["-o", "loop"]).arg(&file).arg(&mount));
        Self { directory }
    }

    /// Where it is mounted.
    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("mount")
    }

    /// Bytes in use, once all that was written and deleted has come to the disk.
    pub(crate) fn used(&self) -> u64 {
        rustix::fs::syncfs(File::open(self.path()).unwrap()).unwrap();
        let disk = rustix::fs::statvfs(self.path()).unwrap();
        (disk.f_blocks - disk.f_bfree) * disk.f_frsize
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // What a failed test still has open does not keep it: it goes with the last of these.
        let umount = |option: &[&str]| {
            let done = Command::new("umount").args(option).arg(self.path()).status();
            done.is_ok_and(|status| status.success())
        };
        let _ = umount(&["--quiet"]) || umount(&["--lazy"]);
    }
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
