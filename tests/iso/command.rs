//! `iso build` and `iso show` through the real binary, as an operator uses them.

use std::fs;
use std::process::{Command, Output};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::images;

const UUID: &str = "bb1eadf9-4b5e-46a7-a577-d07e2a33138f";

/// The vendor's document's machine, and the line that its kernel must see.
const LINE: &str = "BOOTIF=discovery rootflags=loop root=live:/sledgehammer.iso rootfstype=auto ro liveimg rd_NO_LUKS rd_NO_MD rd_NO_DM \
                    provisioner.web=http://10.10.10.10:8091 rs.uuid=bb1eadf9-4b5e-46a7-a577-d07e2a33138f provisioner.ip=10.10.10.199/24 \
                    provisioner.gw=10.10.10.254 provisioner.interface=eth10 -- console=ttyS0,115200 console=tty0";

fn machine() -> Value {
    json!({"Uuid": UUID, "Name": "doc", "BootEnv": "sledgehammer", "Params": {"network-data": {"prov": {
        "address": "10.10.10.199", "netmask": "255.255.255.0", "gateway": "10.10.10.254", "interface": "eth10"}}}})
}

/// A directory with a template, to build in.
struct Bench(TempDir);

impl Bench {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        images::file(&dir, "cdboot.iso", &images::fixture("isolinux"));
        Self(dir)
    }

    fn run(&self, words: &[&str]) -> Output {
        let program = env!("CARGO_BIN_EXE_virtual-media");
        Command::new(program)
            .arg("iso")
            .args(words)
            .current_dir(self.0.path())
            .env_remove("RS_FILESERVER")
            .output()
            .unwrap()
    }

    fn build(&self, machine: &Value, more: &[&str]) -> Output {
        fs::write(self.0.path().join("m.json"), machine.to_string()).unwrap();
        let words = [
            "build",
            "--template",
            "cdboot.iso",
            "--machine",
            "m.json",
            "--provisioner-url",
            "http://10.10.10.10:8091",
        ];
        self.run(&[&words, &["--out", "boot.iso"][..], more].concat())
    }

    fn refused(&self, machine: &Value, more: &[&str]) -> String {
        let output = self.build(machine, more);
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), String::new()));
        assert!(!self.0.path().join("boot.iso").exists());
        text(&output.stderr)
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn the_documents_machine_gets_an_image_that_shows_its_line() {
    let bench = Bench::new();
    let built = bench.build(&machine(), &[]);
    assert!(built.status.success(), "{}", text(&built.stderr));
    assert_eq!(text(&built.stderr), "");
    let printed = text(&built.stdout);
    assert!(printed.starts_with("boot.iso: 419840 bytes, sha256 "), "{printed}");
    assert!(printed.ends_with(&format!("machine doc ({UUID})\nkernel  {LINE}\n")), "{printed}");

    let shown = text(&bench.run(&["show", "boot.iso"]).stdout);
    assert_eq!(shown.matches(&format!("kernel  {LINE}\n")).count(), 2, "once for BIOS, once for UEFI: {shown}");
    let shown: Value = serde_json::from_slice(&bench.run(&["show", "boot.iso", "--json"]).stdout).unwrap();
    let lines: Vec<&Value> = shown["Areas"].as_array().unwrap().iter().map(|area| &area["KernelArgs"]).collect();
    assert_eq!(lines, [LINE; 4]);
    assert_eq!(shown["Findings"], json!([]));
}

#[test]
fn an_image_may_be_built_in_the_place_of_its_own_template() {
    let bench = Bench::new();
    let first = bench.build(&machine(), &["--bootenv", "sledgehammer-custom"]).stdout;
    let words = [
        "build",
        "--template",
        "boot.iso",
        "--machine",
        "m.json",
        "--provisioner-url",
        "http://10.10.10.10:8091",
        "--out",
        "boot.iso",
    ];
    assert_eq!(text(&bench.run(&words).stdout), text(&first));
}

#[test]
fn bad_input_is_one_sentence_that_says_what_and_where() {
    let bench = Bench::new();
    let with = |param: &str, value: Value| {
        let mut machine = machine();
        machine["Params"][param] = value;
        machine
    };
    for (machine, more, texts) in [
        (
            with("kernel-options", json!("x".repeat(1400))),
            &[][..],
            &["/boot/grub/grub.cfg", "bytes and there is room for"][..],
        ),
        (with("kernel-options", json!("it's")), &[], &["kernel-options", "quote"]),
        (with("kernel-options", json!(7)), &[], &["kernel-options"]),
        (json!({"Uuid": "../.."}), &[], &["m.json", "no UUID"]),
        (json!([]), &[], &["m.json", "a list"]),
        (machine(), &["--bootenv", "debian-12-install"], &["debian-12-install", "--bootenv sledgehammer"]),
    ] {
        let error = bench.refused(&machine, more);
        assert!(texts.iter().all(|text| error.contains(text)) && error.lines().count() == 1, "{texts:?}: {error}");
    }
    fs::remove_file(bench.0.path().join("cdboot.iso")).unwrap();
    let error = bench.refused(&machine(), &[]);
    assert!(error.contains("cdboot.iso") && error.contains("No such file"), "{error}");
}

#[test]
fn wrong_usage_is_told_from_failure() {
    let bench = Bench::new();
    for words in [&["build", "--template", "cdboot.iso"][..], &["show"], &["show", "a", "b"]] {
        assert_eq!(bench.run(words).status.code(), Some(2), "{words:?}");
    }
    let missing = bench.run(&["show", "nowhere.iso"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(text(&missing.stderr).contains("nowhere.iso"));
}
