//! What no template can be made of, told so that somebody can do something about it.

use std::fs;
use std::sync::{Arc, OnceLock, Weak};

use drp_virtual_media::iso::make::{self, Architecture, Payload, Recipe};
use drp_virtual_media::iso::{Error, Firmware};
use drp_virtual_media::operation::Operation;

use super::kitchen::{DEBIAN, Kitchen, noise, program};

fn says(error: &Error, texts: &[&str]) {
    let told = error.to_string();
    assert!(texts.iter().all(|text| told.contains(text)), "{texts:?}: {told}");
}

#[test]
fn missing_loaders_are_told_with_their_files_places_and_packages() {
    let kitchen = Kitchen::empty();
    let uefi = ["UEFI", "shimx64.efi", "grubx64.efi", "shim-signed and grub-efi-amd64-signed", "grub2-efi-x64-cdboot"];
    let error = kitchen.refused(&kitchen.recipe());
    says(&error, &uefi);
    says(&error, &[kitchen.path("host").to_str().unwrap(), kitchen.path("in").to_str().unwrap()]);
    for path in &DEBIAN[..2] {
        kitchen.put_loader(&format!("host/{path}"));
    }
    says(
        &kitchen.refused(&kitchen.recipe()),
        &["BIOS", "isolinux.bin and ldlinux.c32", "isolinux and syslinux-common", "or do without BIOS"],
    );
    kitchen.make(&Recipe { only: Some(Firmware::Uefi), ..kitchen.recipe() });
    fs::remove_file(kitchen.out()).unwrap();
    let error = kitchen.refused(&Recipe { only: Some(Firmware::Bios), ..kitchen.recipe() });
    assert!(!error.to_string().contains("do without"), "{error}");
    let arm = Recipe { architecture: Architecture::Arm64, ..kitchen.recipe() };
    says(&kitchen.refused(&arm), &["arm64", "shimaa64.efi", "grub-efi-arm64-signed"]);
    says(&kitchen.refused(&Recipe { only: Some(Firmware::Bios), ..arm }), &["arm64", "BIOS"]);
}

#[test]
fn a_file_that_only_has_a_loaders_name_is_told() {
    for (path, bytes, text) in [
        (DEBIAN[0], b"not a boot loader".to_vec(), "no UEFI program"),
        (DEBIAN[1], program(0xaa64, true), "another processor"),
        (DEBIAN[2], noise(100, 1), "too short for isolinux"),
        (DEBIAN[1], vec![0; 33 << 20], "limit"),
    ] {
        let kitchen = Kitchen::debian();
        let place = kitchen.put(&format!("host/{path}"), &bytes);
        says(&kitchen.refused(&kitchen.recipe()), &[text, place.to_str().unwrap()]);
    }
    let kitchen = Kitchen::debian();
    fs::remove_file(kitchen.path("host").join(DEBIAN[4])).unwrap();
    says(&kitchen.refused(&kitchen.recipe()), &["without its ldlinux.c32", DEBIAN[2]]);
}

#[test]
fn loaders_beyond_the_catalogues_count_are_told_with_both_numbers() {
    let kitchen = Kitchen::debian();
    for path in &DEBIAN[..2] {
        kitchen.put(&format!("host/{path}"), &[program(0x8664, true), vec![0; 20 << 20]].concat());
    }
    says(&kitchen.refused(&kitchen.recipe()), &["EFI system partition", "33553920"]);
}

#[test]
fn files_that_are_no_kernel_and_paths_that_are_taken_are_told() {
    let kitchen = Kitchen::debian();
    kitchen.put("in/empty", b"");
    fs::create_dir(kitchen.path("in/directory")).unwrap();
    let pipe = kitchen.path("in/pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    says(&kitchen.refused(&kitchen.recipe_with(Payload::Sledgehammer(pipe))), &["in/pipe", "no plain file"]);
    let large = fs::File::create(kitchen.path("in/large")).unwrap();
    large.set_len(4 << 30).unwrap();
    for (files, text) in [
        (&[("nowhere", "k")][..], "in/nowhere"),
        (&[("empty", "k")], "it is empty"),
        (&[("directory", "k")], "no plain file"),
        (&[("vmlinuz", "k"), ("pipe", "i")], "no plain file"),
        (&[("vmlinuz", "k"), ("large", "i")], "in/large"),
        (&[("vmlinuz", "boot/x"), ("fw.cpio", "boot/x")], "boot/x"),
        (&[("vmlinuz", "EFI")], "EFI"),
        (&[("vmlinuz", "EFI/BOOT/grub.cfg")], "EFI/BOOT/grub.cfg"),
        (&[("vmlinuz", "isolinux/isolinux.cfg")], "isolinux/isolinux.cfg"),
        (&[("vmlinuz", "k"); 10], "9 initrds are more than the limit of 8"),
    ] {
        says(&kitchen.refused(&kitchen.recipe_of(files)), &[text]);
    }
}

#[test]
fn a_place_that_cannot_be_written_is_told() {
    let kitchen = Kitchen::debian();
    let nowhere = kitchen.path("nowhere/t.iso");
    let error = make::write(&kitchen.recipe(), &nowhere, &Operation::unwatched()).unwrap_err();
    assert!(matches!(error, Error::NotWritable { .. }), "{error}");
    says(&error, &[nowhere.to_str().unwrap()]);
}

/// Cancelled at every report of progress in turn: an error, the old template, nothing else.
#[test]
fn a_cancelled_make_leaves_the_old_template_and_nothing_else() {
    let kitchen = Kitchen::debian();
    kitchen.put("in/initrd.gz", &noise(4 << 20, 4));
    let out = kitchen.put("out/t.iso", b"the old template");
    let packed = kitchen.put("s.tar.gz", &super::sledgehammer::packed(&kitchen));
    for payload in [kitchen.recipe().payload, Payload::Sledgehammer(packed)] {
        for reports in 1..6 {
            let slot: Arc<OnceLock<Weak<Operation>>> = Arc::default();
            let seen = std::sync::atomic::AtomicUsize::new(0);
            let inner = Arc::clone(&slot);
            let operation = Arc::new(Operation::new(move |_| {
                if seen.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1 == reports {
                    inner.get().and_then(Weak::upgrade).unwrap().cancel();
                }
            }));
            slot.set(Arc::downgrade(&operation)).unwrap();
            let error = make::write(&kitchen.recipe_with(payload.clone()), &out, &operation).unwrap_err();
            assert!(matches!(error, Error::Cancelled { .. }), "{error}");
            assert_eq!(fs::read(&out).unwrap(), b"the old template");
            assert_eq!(fs::read_dir(out.parent().unwrap()).unwrap().count(), 1);
        }
    }
}
