//! Holds the exit codes of the program: 0 done, 1 failed, 2 wrong usage; nothing on stdout but a result.

#![allow(clippy::unwrap_used)]

use std::process::Command;

#[test]
fn usage_is_told_apart_from_failure() {
    let bmc = ["bmc", "status", "--address", "127.0.0.1", "--port", "1", "--username", "root"];
    let cases: [(&[&str], Option<&str>, i32, &str); 7] = [
        (&["version"], None, 0, ""),
        (&["completions", "bash"], None, 0, ""),
        (&[], None, 2, "Usage"),
        (&["dance"], None, 2, "dance"),
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
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {told}");
        assert!(told.contains(says) && !told.contains("secret-of-mine"), "{arguments:?}: {told}");
        assert_eq!(output.stdout.is_empty(), code != 0, "{arguments:?}");
    }
}
