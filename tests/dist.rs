//! The file that is uploaded: built as `dist/build` does, then run where there is nothing else at all.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use drp_virtual_media_sim::bmc::{Fleet, Personality};
use serde_json::Value;
use tempfile::TempDir;

/// A growth beyond this is a decision, not an accident.
const MOST_BYTES: u64 = 20 * 1024 * 1024;

fn build() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    assert!(Command::new(root.join("dist/build")).status().unwrap().success());
    root.join("target/dist/virtual-media")
}

/// A directory with nothing but the program.
fn bare(program: &Path) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::copy(program, directory.path().join("virtual-media")).unwrap();
    directory
}

/// Runs the program with that directory as its whole world, and no environment but this.
fn run_in(directory: &TempDir, environment: &[(&str, &str)], arguments: &[&str]) -> Output {
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    let mut command = if is_root { Command::new("chroot") } else { Command::new("unshare") };
    if !is_root {
        command.args(["--map-root-user", "chroot"]);
    }
    let path = std::env::var_os("PATH").unwrap();
    command.arg(directory.path()).arg("/virtual-media").args(arguments).env_clear().env("PATH", path);
    command.envs(environment.iter().copied()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: tests/run"]
async fn the_released_file_needs_nothing_of_the_machine_that_it_runs_on() {
    let program = build();
    let size = fs::metadata(&program).unwrap().len();
    assert!(size < MOST_BYTES, "{size} bytes");

    // Neither an interpreter that loads libraries, nor one to load.
    let elf =
        Command::new("readelf").args(["--wide", "--program-headers", "--dynamic"]).arg(&program).output().unwrap();
    let elf = text(&elf.stdout);
    assert!(elf.contains("LOAD") && !elf.contains("INTERP") && !elf.contains("NEEDED"), "{elf}");

    let bare = bare(&program);
    let version = run_in(&bare, &[], &["version"]);
    assert_eq!(text(&version.stdout), concat!("Version: v", env!("CARGO_PKG_VERSION"), "\n"), "{version:?}");
    let defined = run_in(&bare, &[("RS_TOKEN", "catalog")], &["define"]);
    let defined: Value = serde_json::from_slice(&defined.stdout).unwrap();
    let written: Value = serde_json::from_str(include_str!("../plugin-manifest/definition.json")).unwrap();
    assert_eq!(defined, written);

    // A name is looked up by ourselves, and so is the lack of a name server.
    let arguments = ["bmc", "power-status", "--address", "bmc.example.net", "--username", "root"];
    let looked_up = run_in(&bare, &[("BMC_PASSWORD", "x")], &arguments);
    assert_eq!(looked_up.status.code(), Some(1), "{looked_up:?}");
    assert!(text(&looked_up.stderr).contains("/etc/resolv.conf"), "{}", text(&looked_up.stderr));

    // Both ways to speak TLS are in it.
    let fleet = Fleet::start().await.unwrap();
    let bmc = fleet.add(Personality::Generic).await.unwrap();
    let port = bmc.address().port().to_string();
    let arguments = ["bmc", "power-status", "--address", "127.0.0.1", "--port", &port, "--username", bmc.username()];
    for (more, warns) in [(None, false), (Some("--tls-legacy"), true)] {
        let arguments: Vec<_> = arguments.into_iter().chain(more).collect();
        let asked = run_in(&bare, &[("BMC_PASSWORD", &bmc.password())], &arguments);
        assert!(asked.status.success(), "{asked:?}");
        assert_eq!(text(&asked.stderr).contains("old TLS is allowed"), warns, "{asked:?}");
    }
    fleet.shutdown().await;

    // No path of the machine that it was built on.
    let bytes = fs::read(&program).unwrap();
    let here = env!("CARGO_MANIFEST_DIR").as_bytes();
    assert!(!bytes.windows(here.len()).any(|window| window == here), "the checkout's path is in it");
}
