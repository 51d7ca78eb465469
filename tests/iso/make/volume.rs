//! The volume that is made: a template like any other, with every file at its place.

use std::fs;

use drp_virtual_media::iso::make::{self, Architecture};
use drp_virtual_media::iso::show::Report;
use drp_virtual_media::iso::volume::Volume;
use drp_virtual_media::iso::{Error, Firmware};
use drp_virtual_media::operation::Operation;
use fatfs::{FileSystem, FsOptions};
use hadris_fs::{MountOptions, OpenOptions};
use hadris_iso::sync::IsoFs;
use proptest::prelude::*;
use std::io::{Cursor, Read};

use super::kitchen::{Kitchen, files, firmware, noise};
use crate::images::{applied, args, open};

#[test]
fn it_is_a_template_like_any_other() {
    let kitchen = Kitchen::debian();
    let (made, image) = kitchen.make(&kitchen.recipe());
    assert_eq!(
        (made.size, made.room, firmware(&made)),
        (image.len() as u64, 2000, &[Firmware::Bios, Firmware::Uefi][..])
    );
    assert!(made.secure_boot && made.bios_disk);
    let template = open(&kitchen.out());
    let line = "rs.uuid=1 ".repeat(199) + "-- quiet";
    let plan = template.plan(&args(&line)).unwrap();
    fs::write(kitchen.path("m.iso"), applied(&image, &plan)).unwrap();
    let report = Report::read(&kitchen.path("m.iso"), &Operation::unwatched()).unwrap();
    assert_eq!(report.findings, [""; 0]);
    assert_eq!(report.volume, "debian-12-instal");
    for boot in &report.boot {
        assert!(boot.bootable && boot.kernel_args == [line.as_str()], "{boot:?}");
    }
    let areas: Vec<_> =
        report.areas.iter().map(|area| (area.files.join(" "), area.room, area.kernel.as_str())).collect();
    let grub = "/boot/grub/grub.cfg /EFI/BOOT/grub.cfg".to_owned();
    assert_eq!(areas, [(grub, 2000, "/vmlinuz0"), ("/isolinux/isolinux.cfg".to_owned(), 2000, "/vmlinuz0")]);
}

#[test]
fn every_file_is_at_its_place_by_two_readers() {
    let kitchen = Kitchen::debian();
    let nested = [
        ("vmlinuz", "install.amd/vmlinuz"),
        ("initrd.gz", "install.amd/gtk/initrd.gz"),
        ("fw.cpio", "firmware/fw.cpio"),
    ];
    let (_, image) = kitchen.make(&kitchen.recipe_of(&nested));
    let ours = files(&image);
    let theirs = hadris_fs::sync::Volume::new(IsoFs::mount(image.clone(), MountOptions::new()).unwrap());
    for (source, path) in
        nested.iter().copied().chain([("../host/usr/lib/shim/shimx64.efi.signed", "EFI/BOOT/BOOTX64.EFI")])
    {
        let wanted = fs::read(kitchen.path("in").join(source)).unwrap();
        assert!(ours[&format!("/{path}")] == wanted, "{path}");
        let mut read = Vec::new();
        theirs.open(path, OpenOptions::new().read()).unwrap().read_to_end(&mut read).unwrap();
        assert!(read == wanted, "{path}");
    }
    let text = |path: &str| String::from_utf8(ours[path].clone()).unwrap();
    assert!(text("/boot/grub/grub.cfg").contains("\n    initrd /install.amd/gtk/initrd.gz /firmware/fw.cpio\n"));
    // Its own paths would take isolinux' command line from the arguments.
    assert!(text("/isolinux/isolinux.cfg").contains("\n    linux /k\n    append initrd=/0,/1 "));
    assert!(ours["/k"] == ours["/install.amd/vmlinuz"] && ours["/1"] == ours["/firmware/fw.cpio"]);
}

#[test]
fn a_grub_is_led_to_the_entry_wherever_it_looks() {
    let kitchen = Kitchen::debian();
    let (_, image) = kitchen.make(&kitchen.recipe());
    let files = files(&image);
    let esp = FileSystem::new(Cursor::new(files["/images/efiboot.img"].clone()), FsOptions::new()).unwrap();
    let mark = files.keys().find(|path| path.starts_with("/.virtual-media/") && path.len() == 32).unwrap();
    let search = format!("search --no-floppy --file --set=root {mark}\n");
    for place in ["EFI/BOOT", "boot/grub", "boot/grub2", "grub", "EFI/debian", "EFI/ubuntu", "EFI/redhat", "EFI/fedora"]
    {
        let mut in_esp = String::new();
        esp.root_dir().open_file(&format!("{place}/grub.cfg")).unwrap().read_to_string(&mut in_esp).unwrap();
        assert!(
            in_esp.starts_with(&search) && in_esp.contains("configfile ($root)/boot/grub/grub.cfg"),
            "{place}: {in_esp}"
        );
        let on_volume = String::from_utf8(files[&format!("/{place}/grub.cfg")].clone()).unwrap();
        assert!(on_volume.starts_with(&search), "{place}: {on_volume}");
        assert!(on_volume == in_esp || on_volume.contains("# REPLACE HERE"), "{place}: {on_volume}");
    }
}

#[test]
fn all_but_the_configurations_precedes_the_first_area() {
    let kitchen = Kitchen::debian();
    let nested = [("vmlinuz", "zzz/vmlinuz"), ("initrd.gz", "zzz/deep/initrd.gz")];
    let (_, image) = kitchen.make(&kitchen.recipe_of(&nested));
    let first = open(&kitchen.out()).areas()[0].offset();
    let files = Volume::open(&image[..]).unwrap().files().unwrap();
    let behind = files.iter().filter(|file| file.extents[0].offset >= first - 4096).map(|file| file.path.as_str());
    let configs: Vec<_> = behind.filter(|path| !path.ends_with("/boot.cat")).collect();
    assert_eq!(configs, ["/boot/grub/grub.cfg", "/EFI/BOOT/grub.cfg", "/isolinux/isolinux.cfg"]);
}

#[test]
fn the_same_files_give_the_same_bytes_wherever_and_whenever() {
    let (one, other) = (Kitchen::debian(), Kitchen::debian());
    fs::File::open(other.path("in/vmlinuz")).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
    let (_, image) = one.make(&one.recipe());
    assert!(image == other.make(&other.recipe()).1);
    assert!(image == one.make(&one.recipe()).1, "in the place of the first");
    other.put("in/initrd.gz", &noise(300_001, 9));
    let (_, changed) = other.make(&other.recipe());
    // Beside loaders that have their usual names there.
    let is_mark =
        |path: &str| path.strip_prefix("/.virtual-media/").is_some_and(|name| u64::from_str_radix(name, 16).is_ok());
    let mark = |image: &[u8]| files(image).into_keys().find(|path| is_mark(path)).unwrap();
    assert_ne!(mark(&image), mark(&changed), "two images are told apart");
}

#[test]
fn a_template_may_boot_by_one_firmware() {
    let kitchen = Kitchen::debian();
    for (only, areas, entries) in [(Firmware::Uefi, 1, ["UEFI"]), (Firmware::Bios, 1, ["BIOS"])] {
        let recipe = make::Recipe { only: Some(only), ..kitchen.recipe() };
        let (made, image) = kitchen.make(&recipe);
        assert_eq!(firmware(&made), [only]);
        let report = Report::read(&kitchen.out(), &Operation::unwatched()).unwrap();
        let boots: Vec<_> = report.boot.iter().map(|boot| boot.firmware.to_string()).collect();
        assert_eq!((boots.as_slice(), report.areas.len()), (&entries.map(str::to_owned)[..], areas));
        assert_eq!((made.room, made.secure_boot), (2000, only == Firmware::Uefi));
        assert_eq!(image[510..512], [0x55, 0xaa], "a partition table");
        // isolinux finds the volume and its own length by the table that mkisofs writes into it from byte 8 on.
        let files = files(&image);
        let isolinux = files.get("/isolinux/isolinux.bin");
        let table = isolinux.map(|file| [8, 16].map(|at| u32::from_le_bytes(file[at..at + 4].try_into().unwrap())));
        let wanted = isolinux.map(|file| [16, u32::try_from(file.len()).unwrap()]);
        assert_eq!((table, table.is_some()), (wanted, only == Firmware::Bios));
    }
}

#[test]
fn arm64_boots_by_uefi() {
    let kitchen = Kitchen::empty();
    for path in [
        "usr/lib/shim/shimaa64.efi.signed",
        "usr/lib/grub/arm64-efi-signed/gcdaa64.efi.signed",
        "usr/lib/ISOLINUX/isolinux.bin",
    ] {
        kitchen.put_loader(&format!("host/{path}"));
    }
    let (made, image) = kitchen.make(&make::Recipe { architecture: Architecture::Arm64, ..kitchen.recipe() });
    assert_eq!((firmware(&made), made.secure_boot, made.room), (&[Firmware::Uefi][..], true, 2000));
    let files = files(&image);
    assert!(files.contains_key("/EFI/BOOT/BOOTAA64.EFI") && files.contains_key("/EFI/BOOT/grubaa64.efi"));
    assert!(!files.keys().any(|path| path.contains("isolinux")), "{:?}", files.keys());
}

/// Set for the process that the test starts of itself: the peak is a process's.
const ALONE: &str = "ISO_TEST_MAKE_ALONE";

#[test]
#[cfg(target_os = "linux")]
fn a_large_initrd_is_not_held_in_memory() {
    if std::env::var_os(ALONE).is_some() {
        let kitchen = Kitchen::debian();
        fs::File::create(kitchen.path("in/initrd.gz")).unwrap().set_len(192 << 20).unwrap();
        let made = make::write(&kitchen.recipe(), &kitchen.out(), &Operation::unwatched()).unwrap();
        assert!(made.size > 192 << 20);
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap().trim().trim_end_matches(" kB");
        assert!(peak.parse::<u64>().unwrap() < 64 << 10, "{peak} kB");
        return;
    }
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "make::volume::a_large_initrd_is_not_held_in_memory"])
        .env(ALONE, "1")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && told.contains("1 passed"), "{told}{}", String::from_utf8_lossy(&output.stderr));
}

/// Names as a BootEnv may have them, and some that no loader reads.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[a-zA-Z0-9._+@-]{1,20}", 1 => "[a-zA-Z0-9._-]{50,70}", 1 => "\\PC{1,12}"]
}

fn path() -> impl Strategy<Value = String> {
    prop::collection::vec(name(), 1..8).prop_map(|names| names.join("/"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Either a path is refused by its name, or its file is there, whole, and the areas have their room.
    #[test]
    fn whatever_files_are_called_they_are_found_again(kernel in path(), initrds in prop::collection::vec(path(), 0..9)) {
        let kitchen = Kitchen::debian();
        let parse = |path: &String| make::ImagePath::parse(path).ok();
        let Some(paths) = std::iter::once(&kernel).chain(&initrds).map(parse).collect::<Option<Vec<_>>>() else { return Ok(()) };
        let sources = ["vmlinuz", "initrd.gz", "fw.cpio"];
        let named: Vec<_> = paths.iter().enumerate().map(|(at, path)| (sources[at.min(2)], path.as_str())).collect();
        match make::write(&kitchen.recipe_of(&named), &kitchen.out(), &Operation::unwatched()) {
            Ok(made) => {
                prop_assert_eq!(made.room, 2000);
                let files = files(&fs::read(kitchen.out()).unwrap());
                for (source, path) in named {
                    let wanted = fs::read(kitchen.path("in").join(source)).unwrap();
                    prop_assert!(files.get(&format!("/{path}")) == Some(&wanted), "{}", path);
                }
            }
            Err(Error::Make(refusal)) => prop_assert!(matches!(refusal, make::MakeError::Taken { .. } | make::MakeError::Initrds { .. }), "{}", refusal),
            Err(error) => return Err(TestCaseError::fail(error.to_string())),
        }
    }
}
