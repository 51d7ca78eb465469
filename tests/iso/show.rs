//! What `iso show` says of an image.

use std::fs;

use drp_virtual_media::iso::show::{Answer, Report};
use drp_virtual_media::operation::Operation;
use tempfile::TempDir;

use crate::images::{self, applied, args, open};

fn report(bytes: &[u8]) -> Report {
    let dir = TempDir::new().unwrap();
    Report::read(&images::file(&dir, "x.iso", bytes), &Operation::unwatched()).unwrap()
}

fn generated(name: &str, line: &str) -> Vec<u8> {
    let image = images::fixture(name);
    let dir = TempDir::new().unwrap();
    let plan = open(&images::file(&dir, "t.iso", &image)).plan(&args(line)).unwrap();
    applied(&image, &plan)
}

#[test]
fn a_generated_image_tells_each_firmware_its_arguments() {
    for (name, bios, config) in [
        ("grub", "/boot/grub/i386-pc/eltorito.img", "/boot/grub/grub.cfg"),
        ("isolinux", "/isolinux/isolinux.bin", "/isolinux/isolinux.cfg"),
        ("xorriso", "/isolinux/isolinux.bin", "/isolinux/isolinux.cfg"),
    ] {
        let report = report(&generated(name, "rs.uuid=1 x=$y;z -- console=tty0"));
        assert_eq!(report.findings, [""; 0], "{name}");
        assert_eq!(report.volume, "sledgehammer");
        let [one, two] = report.boot.as_slice() else { panic!("{:?}", report.boot) };
        assert_eq!((one.firmware.to_string().as_str(), one.image.as_str()), ("BIOS", bios));
        assert_eq!(one.configs, [config]);
        assert_eq!((two.firmware.to_string().as_str(), two.image.as_str()), ("UEFI", "/images/efiboot.img"));
        assert_eq!(two.configs, ["/EFI/BOOT/grub.cfg", "/boot/grub/grub.cfg"]);
        assert_eq!(two.loaders, ["/EFI/BOOT/BOOTX64.EFI"]);
        for boot in &report.boot {
            assert!(boot.bootable);
            assert_eq!(boot.kernel_args, ["rs.uuid=1 x=$y;z -- console=tty0"]);
        }
        let text = report.to_string();
        assert!(text.contains("BIOS boots") && text.contains("kernel  rs.uuid=1 x=$y;z -- console=tty0"), "{text}");
    }
}

#[test]
fn a_template_is_told_from_an_image_of_a_machine() {
    for (name, image) in images::all() {
        let findings = report(&image).findings;
        assert!(findings.len() == 1 && findings[0].contains("placeholders"), "{name}: {findings:?}");
    }
}

/// An image that somebody else generated may be quoted in other ways than ours.
#[test]
fn arguments_are_shown_as_the_kernel_sees_them() {
    let image = generated("grub", "a=0123456789012345678901234567890123456789");
    let quoted = br#"a="b c" 'd\e' "h\"i'j\x" k"#;
    let place = |needle: &[u8]| (0..image.len()).rev().find(|at| image[*at..].starts_with(needle)).unwrap();
    let mut other = image.clone();
    let line = [&b"a=0123456789"[..], quoted].concat();
    other[place(b"a=0123")..][..line.len()].copy_from_slice(&line);
    let shown = report(&other).areas.pop().unwrap().kernel_args;
    assert!(shown.starts_with(r#"a=0123456789a=b c d\e h"i'j\x k"#), "{shown}");
}

#[test]
fn what_is_missing_is_found_and_no_error() {
    let image = generated("grub", "a=b");
    let says = |image: &[u8], text: &str| {
        let findings = report(image).findings;
        assert!(findings.iter().any(|finding| finding.contains(text)), "{findings:?}");
    };
    let mut without_catalog = image.clone();
    without_catalog[17 * 2048 + 7..][..8].fill(b' ');
    says(&without_catalog, "no El Torito boot catalogue");
    let mut broken_catalog = image.clone();
    broken_catalog[49 * 2048 + 28] ^= 1;
    says(&broken_catalog, "no valid boot catalogue");
    assert_eq!(report(&image).boots.bios.answer, Answer::Yes);
    let mut not_bootable = image.clone();
    not_bootable[49 * 2048 + 32] = 0;
    assert_eq!(report(&not_bootable).boots.bios.answer, Answer::No);
    // The last is /EFI/BOOT/grub.cfg, the first the copy in the boot image that nobody reads.
    let place = |needle: &[u8]| (0..image.len()).rev().find(|at| image[*at..].starts_with(needle)).unwrap();
    let mut unmarked = image.clone();
    unmarked[place(b"# REPLACE HERE") + 2] = b'X';
    says(&unmarked, "has no marker");
    let mut disagrees = image.clone();
    disagrees[place(b"/vmlinuz0 a=b") + 12] = b'c';
    says(&disagrees, "the config files for UEFI disagree");
}

#[test]
fn the_json_has_the_names_of_the_servers_own_objects() {
    let value = serde_json::to_value(report(&generated("isolinux", "a=b"))).unwrap();
    assert_eq!(value["Volume"], "sledgehammer");
    assert_eq!(value["Boot"][0]["Firmware"], "BIOS");
    assert_eq!(value["Boot"][1]["KernelArgs"][0], "a=b");
    assert_eq!(value["Areas"][0]["Used"], 3);
    assert!(value["Areas"].as_array().unwrap().iter().any(|area| area["Loader"] == "isolinux"));
}

#[test]
fn an_image_inside_a_tarball_is_shown_too() {
    let dir = TempDir::new().unwrap();
    let mut tar = tar::Builder::new(fs::File::create(dir.path().join("t.tar")).unwrap());
    let image = images::fixture("grub");
    let mut header = tar::Header::new_gnu();
    header.set_size(image.len() as u64);
    tar.append_data(&mut header, "abc/cdboot.iso", &image[..]).unwrap();
    tar.finish().unwrap();
    let report = Report::read(&dir.path().join("t.tar"), &Operation::unwatched()).unwrap();
    assert_eq!(report.areas.len(), 3);
}
