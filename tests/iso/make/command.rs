//! `iso template` through the real binary, as an operator uses it.

use std::fs;
use std::process::{Command, Output};

use super::kitchen::Kitchen;

/// The binary finds loaders of this host's own, too: so all come from a directory.
fn kitchen() -> Kitchen {
    let kitchen = Kitchen::empty();
    for name in ["shimx64.efi", "grubx64.efi", "isolinux.bin", "ldlinux.c32"] {
        kitchen.put_loader(&format!("in/asked/{name}"));
    }
    kitchen
}

fn run(kitchen: &Kitchen, words: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_virtual-media");
    Command::new(program).args(["iso", "template"]).args(words).current_dir(kitchen.path("in")).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn it_says_what_was_made_and_of_what() {
    let kitchen = kitchen();
    let made = run(
        &kitchen,
        &[
            "--kernel",
            "vmlinuz=install.amd/vmlinuz",
            "--initrd",
            "initrd.gz",
            "--initrd",
            "fw.cpio",
            "--loaders",
            "asked",
            "--out",
            "t.iso",
        ],
    );
    assert_eq!((made.status.code(), text(&made.stderr)), (Some(0), String::new()));
    let size = fs::metadata(kitchen.path("in/t.iso")).unwrap().len();
    assert_eq!(
        text(&made.stdout),
        format!(
            "t.iso: {size} bytes, room for 2000 bytes of kernel arguments\n\
             boots by BIOS as CD; as disk it would need isohdpfx.bin beside isolinux.bin\n\
             boots by UEFI as CD and as disk; all its loaders are signed, for Secure Boot\n\
             loader for BIOS: isolinux/isolinux.bin from asked/isolinux.bin\n\
             loader for BIOS: isolinux/ldlinux.c32 from asked/ldlinux.c32\n\
             loader for UEFI: EFI/BOOT/BOOTX64.EFI from asked/shimx64.efi\n\
             loader for UEFI: EFI/BOOT/grubx64.efi from asked/grubx64.efi\n"
        )
    );
    let files = super::kitchen::files(&fs::read(kitchen.path("in/t.iso")).unwrap());
    for path in ["/install.amd/vmlinuz", "/initrd.gz", "/fw.cpio"] {
        assert!(files.contains_key(path), "{path}");
    }
}

#[test]
fn a_refusal_is_one_sentence_and_leaves_nothing() {
    let kitchen = kitchen();
    kitchen.put_loader("in/bios/isolinux.bin");
    for (words, wanted) in [
        (&["--kernel", "nowhere", "--loaders", "asked"][..], "reading nowhere: No such file"),
        (&["--from", "asked", "--loaders", "asked"], "asked: it holds no vmlinuz0"),
        (&["--kernel", "vmlinuz", "--loaders", "asked", "--arch", "arm64", "--only", "bios"], "have no BIOS"),
        (&["--kernel", "vmlinuz", "--loaders", "bios", "--only", "bios"], "without its ldlinux.c32"),
    ] {
        let refused = run(&kitchen, &[words, &["--out", "t.iso"]].concat());
        let told = text(&refused.stderr);
        assert_eq!((refused.status.code(), text(&refused.stdout)), (Some(1), String::new()), "{words:?}");
        assert!(told.contains(wanted) && told.lines().count() == 1, "{words:?}: {told}");
        assert!(!kitchen.path("in/t.iso").exists());
    }
}

#[test]
fn wrong_usage_is_told_from_failure() {
    let kitchen = kitchen();
    for words in [
        &["--out", "t.iso"][..],
        &["--kernel", "vmlinuz"],
        &["--kernel", "vmlinuz", "--from", "s.tar", "--out", "t.iso"],
        &["--from", "s.tar", "--initrd", "initrd.gz", "--out", "t.iso"],
        &["--kernel", "vmlinuz=a b", "--out", "t.iso"],
        &["--kernel", "vmlinuz", "--arch", "sparc", "--out", "t.iso"],
    ] {
        let refused = run(&kitchen, words);
        assert_eq!(refused.status.code(), Some(2), "{words:?}: {}", text(&refused.stderr));
    }
}

/// A limit on the size of a file ends a write as a full disk does, and needs no privilege.
#[test]
fn a_full_disk_leaves_the_old_template_and_nothing_else() {
    let kitchen = kitchen();
    kitchen.put("in/out/t.iso", b"the old template");
    let refused = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 300; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_virtual-media")])
        .args([
            "iso",
            "template",
            "--kernel",
            "vmlinuz",
            "--initrd",
            "initrd.gz",
            "--loaders",
            "asked",
            "--out",
            "out/t.iso",
        ])
        .current_dir(kitchen.path("in"))
        .output()
        .unwrap();
    let told = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{told}");
    assert!(
        told.contains("out/t.iso") && told.contains("File too large") && told.contains("free some space"),
        "{told}"
    );
    assert_eq!(fs::read(kitchen.path("in/out/t.iso")).unwrap(), b"the old template");
    assert_eq!(fs::read_dir(kitchen.path("in/out")).unwrap().count(), 1);
}
