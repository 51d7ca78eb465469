//! Holds the provider's definition in `plugin-manifest/` against what the program says of itself.

#![allow(clippy::unwrap_used)]

use std::process::Command;

use serde_json::Value;

const WRITTEN: &str = include_str!("../plugin-manifest/definition.json");

#[test]
fn define_prints_the_definition_that_is_written_down() {
    // Offline, as a catalog is built: nothing of a server is there.
    let mut define = Command::new(env!("CARGO_BIN_EXE_virtual-media"));
    let output = define.arg("define").env_clear().env("RS_TOKEN", "catalog").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
    let written: Value = serde_json::from_str(WRITTEN).unwrap();
    assert_eq!(printed, written, "write it anew: virtual-media define > plugin-manifest/definition.json");
}
