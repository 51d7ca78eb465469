//! Holds the exit codes of the program: 0 done, 1 failed, 2 wrong usage; nothing on stdout but a result. What
//! dr-provision calls has 1 for wrong usage too.

#![allow(clippy::panic, clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::tempdir;

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_virtual-media")).args(arguments).env_remove("BMC_PASSWORD").output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn usage_is_told_apart_from_failure() {
    let bmc = ["bmc", "status", "--address", "127.0.0.1", "--port", "1", "--username", "root"];
    let cases: [(&[&str], Option<&str>, i32, &str); 19] = [
        (&["version"], None, 0, ""),
        (&["--debug", "version"], None, 0, ""),
        (&["version", "-d"], None, 0, ""),
        (&["completions", "bash"], None, 0, ""),
        (&[], None, 0, ""),
        (&["help"], None, 0, ""),
        (&["--help"], None, 0, ""),
        (&["dance"], None, 1, "dance"),
        (&["--bogus"], None, 1, "--bogus"),
        (&["unpack"], None, 1, "<DIR>"),
        (&["unpack", ""], None, 1, "<DIR>"),
        (&["unpack", "/proc/nowhere"], None, 1, "/proc/nowhere"),
        (&["autocomplete"], None, 1, "<FILE>"),
        (&["autocomplete", "a", "b"], None, 1, "'b'"),
        (&["bmc"], None, 2, "Usage"),
        (&["completions", "cmd.exe"], None, 2, "cmd.exe"),
        (&bmc, None, 2, "BMC_PASSWORD"),
        (&bmc, Some("secret-of-mine"), 1, "127.0.0.1:1"),
        (&["iso", "show", "/nowhere"], None, 1, "/nowhere"),
    ];
    for (arguments, password, code, says) in cases {
        let mut program = Command::new(env!("CARGO_BIN_EXE_virtual-media"));
        program.args(arguments).env_remove("BMC_PASSWORD");
        if let Some(password) = password {
            program.env("BMC_PASSWORD", password);
        }
        let output = program.output().unwrap();
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {told}");
        assert!(told.contains(says) && !told.contains("secret-of-mine"), "{arguments:?}: {told}");
        assert_eq!(output.stdout.is_empty(), code != 0, "{arguments:?}");
    }
}

#[test]
fn listen_says_failed_on_stdout_where_its_arguments_are_not_two() {
    for sockets in [&[][..], &["a"], &["a", "b", "c"]] {
        let output = run(&[&["listen"], sockets].concat());
        assert_eq!((output.status.code(), &*text(&output.stdout)), (Some(1), "Failed\n"), "{sockets:?}");
        assert!(text(&output.stderr).contains("two arguments"), "{sockets:?}");
    }
}

#[test]
fn define_ignores_arguments_that_it_does_not_know() {
    assert_eq!(run(&["define", "a", "-d", "b"]).stdout, run(&["define"]).stdout);
}

#[test]
fn unpack_writes_into_a_directory_that_it_makes() {
    let directory = tempdir().unwrap();
    let into = directory.path().join("files/plugin_providers/virtual-media");
    for _ in 0..2 {
        assert!(run(&["unpack", into.to_str().unwrap()]).status.success());
    }
    assert_eq!(fs::metadata(&into).unwrap().permissions().mode() & 0o700, 0o700);
    assert_eq!(fs::read_to_string(into.join("README.md")).unwrap(), include_str!("../README.md"));
    assert!(into.join("LICENSE").is_file() && into.join("CHANGELOG.md").is_file());
    // What README sends its reader to.
    for page in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs")).unwrap() {
        let page = page.unwrap();
        let written = fs::read(into.join("docs").join(page.file_name())).unwrap_or_default();
        assert!(written == fs::read(page.path()).unwrap(), "{}", page.path().display());
    }
}

#[test]
fn autocomplete_writes_what_completions_prints() {
    let directory = tempdir().unwrap();
    let file = directory.path().join("completion");
    assert!(run(&["autocomplete", file.to_str().unwrap()]).status.success());
    let written = fs::read(&file).unwrap();
    assert_eq!(written, run(&["completions", "bash"]).stdout);
    assert!(text(&written).contains("mount"), "the commands are in it");
}
