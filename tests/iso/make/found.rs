//! Which boot loaders are taken, and what names a template in a cache.

use std::fs;
use std::sync::Arc;

use drp_virtual_media::iso::make::{Architecture, Payload, Places, Recipe};
use drp_virtual_media::iso::{Cache, Error, Templates};
use drp_virtual_media::operation::Operation;

use super::kitchen::{DEBIAN, Kitchen, is_below, program, source_of};

#[test]
fn loaders_come_from_the_directory_asked_for_else_the_kernels_tree_else_the_host() {
    let kitchen = Kitchen::debian();
    let recipe = kitchen.recipe();
    let from = |recipe: &Recipe, path: &str| source_of(&kitchen.make(recipe).0, path).unwrap();
    assert_eq!(from(&recipe, "EFI/BOOT/grubx64.efi"), kitchen.path("host").join(DEBIAN[1]));
    assert_eq!(from(&recipe, "isolinux/ldlinux.c32"), kitchen.path("host").join(DEBIAN[4]));

    // The tree of an installation medium, whose directories may be spelled in lower case.
    for path in ["efi/boot/bootx64.efi", "efi/boot/grubx64.efi", "isolinux/isolinux.bin", "isolinux/ldlinux.c32"] {
        kitchen.put_loader(path);
    }
    assert_eq!(from(&recipe, "EFI/BOOT/BOOTX64.EFI"), kitchen.path("efi/boot/bootx64.efi"));
    assert_eq!(from(&recipe, "isolinux/isolinux.bin"), kitchen.path("isolinux/isolinux.bin"));
    // As Sledgehammer has them: beside the kernel.
    kitchen.put_loader("in/shimx64.efi");
    kitchen.put_loader("in/grubx64.efi");
    assert_eq!(from(&recipe, "EFI/BOOT/BOOTX64.EFI"), kitchen.path("in/shimx64.efi"));

    for name in ["shimx64.efi", "gcdx64.efi", "mmx64.efi"] {
        kitchen.put_loader(&format!("asked/{name}"));
    }
    let asked = Recipe { loaders: Places { asked: Some(kitchen.path("asked")), ..recipe.loaders.clone() }, ..recipe };
    let made = kitchen.make(&asked).0;
    for name in ["BOOTX64.EFI", "grubx64.efi", "mmx64.efi"] {
        assert!(is_below(&source_of(&made, &format!("EFI/BOOT/{name}")).unwrap(), &kitchen.path("asked")), "{name}");
    }
    assert_eq!(source_of(&made, "isolinux/isolinux.bin").unwrap(), kitchen.path("isolinux/isolinux.bin"));
}

#[test]
fn the_names_of_each_distribution_are_known() {
    let red_hat = [
        "boot/efi/EFI/redhat/shimx64.efi",
        "boot/efi/EFI/redhat/gcdx64.efi",
        "usr/share/syslinux/isolinux.bin",
        "usr/share/syslinux/ldlinux.c32",
    ];
    let suse = [
        "usr/share/efi/x86_64/shim.efi",
        "usr/share/efi/x86_64/grub.efi",
        "usr/share/efi/x86_64/MokManager.efi",
        red_hat[2],
        red_hat[3],
    ];
    let unsigned = ["usr/lib/grub/x86_64-efi/monolithic/gcdx64.efi", DEBIAN[2], DEBIAN[4]];
    for (packages, in_image) in [
        (&DEBIAN[..], &["BOOTX64.EFI", "grubx64.efi"][..]),
        (&red_hat[..], &["BOOTX64.EFI", "grubx64.efi"]),
        (&suse[..], &["BOOTX64.EFI", "grub.efi"]),
        (&unsigned[..], &["BOOTX64.EFI"]),
    ] {
        let kitchen = Kitchen::empty();
        for path in packages {
            kitchen.put_loader(&format!("host/{path}"));
        }
        let (made, _) = kitchen.make(&kitchen.recipe());
        let uefi = made.loaders.iter().filter_map(|loader| loader.path.strip_prefix("EFI/BOOT/"));
        assert_eq!(uefi.collect::<Vec<_>>(), in_image, "{packages:?}");
    }
}

#[test]
fn one_unsigned_loader_is_enough_to_do_without_secure_boot() {
    let kitchen = Kitchen::debian();
    assert!(kitchen.make(&kitchen.recipe()).0.secure_boot);
    kitchen.put(&format!("host/{}", DEBIAN[1]), &program(0x8664, false));
    assert!(!kitchen.make(&kitchen.recipe()).0.secure_boot);
}

#[test]
fn a_cache_finds_a_template_by_all_that_it_is_made_of() {
    let kitchen = Kitchen::debian();
    let key = |recipe: &Recipe| recipe.key().unwrap();
    let recipe = kitchen.recipe();
    let first = key(&recipe);
    assert!(first.len() == 64 && first == key(&recipe));
    let another = |recipe: Recipe| key(&recipe) != first;
    assert!(another(Recipe { name: "another".to_owned(), ..recipe.clone() }));
    assert!(another(Recipe { architecture: Architecture::Arm64, ..recipe.clone() }));
    assert!(another(kitchen.recipe_of(&[("vmlinuz", "vmlinuz1"), ("initrd.gz", "stage1.img")])));
    assert!(another(kitchen.recipe_of(&[("vmlinuz", "vmlinuz0")])));
    assert!(another(kitchen.recipe_with(Payload::Sledgehammer(kitchen.put("s.tar", b"a tarball")))));
    for touched in [
        "in/vmlinuz".to_owned(),
        "in/initrd.gz".to_owned(),
        format!("host/{}", DEBIAN[0]),
        format!("host/{}", DEBIAN[4]),
    ] {
        let before = key(&recipe);
        fs::File::open(kitchen.path(&touched)).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
        assert_ne!(before, key(&recipe), "{touched}");
    }
    fs::remove_file(kitchen.path("in/vmlinuz")).unwrap();
    assert!(recipe.key().unwrap_err().to_string().contains("in/vmlinuz"));
}

#[test]
fn a_cache_keeps_what_was_made_and_room_is_made_for_the_next() {
    let kitchen = Kitchen::debian();
    let one = kitchen.recipe();
    let other = Recipe { name: "another".to_owned(), ..one.clone() };
    let size = kitchen.make(&one).0.size;
    let directory = kitchen.path("cache");
    let process = || Templates::new(Some(Cache::new(&directory, size + size / 2)));
    let templates = process();
    let open = |templates: &Templates, recipe: &Recipe| {
        let operation = Operation::unwatched();
        templates.open_made(recipe, &operation).map(|template| (template, !operation.steps_done().is_empty()))
    };
    let (held, is_made) = open(&templates, &one).unwrap();
    assert_eq!((held.size(), is_made), (size, true));
    let (again, is_made) = open(&templates, &one).unwrap();
    assert!(Arc::ptr_eq(&held, &again) && !is_made);
    assert!(!open(&process(), &one).unwrap().1, "another process makes nothing");
    assert!(matches!(open(&templates, &other).unwrap_err(), Error::CacheFull { .. }), "images are made of the first");
    drop((held, again));
    assert!(open(&templates, &other).unwrap().1);
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 1);
}
