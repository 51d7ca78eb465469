//! Disks that are full, or are filled meanwhile: the old image stays as it was, and nothing else is there.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use drp_virtual_media::iso::make::{self, Architecture, ImagePath, Item, Payload, Places, Recipe};
use drp_virtual_media::iso::{Cache, Error, Firmware, Template, Templates};
use drp_virtual_media::operation::Operation;
use drp_virtual_media_sim::loaders;
use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;

use crate::disk::Disk;
use crate::site::{INITRD, files, fill, holds, image, machine, store, template, write};

/// What a file system refuses, and in which words.
pub(crate) fn full(error: &Error, path: &Path) -> String {
    assert!(matches!(error, Error::DiskFull { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains(path.to_str().unwrap()) && text.contains("free some space"), "{text}");
    text
}

/// A disk with an old image of one machine on it, of a template that is elsewhere.
fn with_old_image(kind: &str) -> (Disk, TempDir, PathBuf, Arc<Template>) {
    let (disk, elsewhere) = (Disk::new(kind, 128), TempDir::new().unwrap());
    let template = template(&elsewhere.path().join("cdboot.iso"));
    let old = write(&store(&disk.path()), &template, 0).unwrap().path;
    (disk, elsewhere, old, template)
}

#[test]
#[ignore = "needs root and loop devices: tests/disk/install"]
fn a_full_disk_refuses_before_anything_is_written() {
    let (disk, _elsewhere, old, template) = with_old_image("ext4");
    // Room for most of an image, and not for all.
    fs::write(disk.path().join("other"), vec![b'x'; INITRD / 2]).unwrap();
    let used = disk.used();
    let (store, next) = (store(&disk.path()), image(&template, 1));
    let operation = Operation::new(|progress| assert!(progress.percent.is_none_or(|percent| percent == 0), "it began"));
    let refused = || {
        let error = store.write(machine(0), "sledgehammer", &next, &operation).unwrap_err();
        assert_eq!(files(&disk.path().join("dynamic_isos")), std::slice::from_ref(&old));
        assert!(holds(&old, &image(&template, 0)));
        full(&error, &old)
    };
    let text = refused();
    assert!(text.contains("bytes are free there"), "{text}");
    assert_eq!(disk.used(), used);
    // Full to the last byte: then not even a name for the new image may be had.
    fill(&disk.path().join("other"));
    refused();
    // As soon as there is room it goes on.
    fs::remove_file(disk.path().join("other")).unwrap();
    store.write(machine(0), "sledgehammer", &next, &Operation::unwatched()).unwrap();
    assert!(holds(&old, &next));
}

#[test]
#[ignore = "needs root and loop devices: tests/disk/install"]
fn a_disk_that_fills_up_meanwhile_leaves_the_old_image() {
    let (disk, _elsewhere, old, template) = with_old_image("ext4");
    let other = disk.path().join("other");
    // Another program takes the room that was there when the copy began.
    let greedy = other.clone();
    let operation = Operation::new(move |progress| {
        if progress.percent.is_some_and(|percent| percent > 0) && !greedy.exists() {
            fill(&greedy);
        }
    });
    let error = store(&disk.path()).write(machine(0), "sledgehammer", &image(&template, 1), &operation).unwrap_err();
    let text = full(&error, &old);
    assert!(!text.contains("bytes are free there"), "{text}");
    assert!(other.exists());
    assert_eq!(files(&disk.path().join("dynamic_isos")), std::slice::from_ref(&old));
    assert!(holds(&old, &image(&template, 0)));
    fs::remove_file(other).unwrap();
    store(&disk.path()).remove_machine(machine(0)).unwrap();
    assert!(disk.used() < template.size());
}

/// Room is given back a block at a time. On xfs it is the name of the new image that has none at first, on btrfs, which keeps names apart
/// from bytes, the areas over the clone.
fn whole_or_refused(kind: &str) {
    let disk = Disk::new(kind, 512);
    let template = template(&disk.path().join("cdboot.iso"));
    let (store, next) = (store(&disk.path()), image(&template, 1));
    let old = write(&store, &template, 0).unwrap().path;
    let other = disk.path().join("other");
    fill(&other);
    let refused = (0..1024).find(|blocks| {
        let Err(error) = store.write(machine(0), "sledgehammer", &next, &Operation::unwatched()) else { return true };
        full(&error, &old);
        assert_eq!(files(&disk.path().join("dynamic_isos")), std::slice::from_ref(&old), "{blocks}: {error}");
        assert!(holds(&old, &image(&template, 0)), "{blocks}: {error}");
        let file = fs::File::options().write(true).open(&other).unwrap();
        file.set_len(file.metadata().unwrap().len() - 4096).unwrap();
        // It is free once it has come to the disk.
        disk.used();
        false
    });
    assert!(refused.is_some_and(|blocks| blocks > 0), "it is refused at first, and not for 4 MiB: {refused:?}");
    assert!(holds(&old, &next));
}

#[test]
#[ignore = "needs root and loop devices: tests/disk/install"]
fn a_clone_is_whole_or_refused_wherever_the_room_ends_and_needs_none_for_a_copy() {
    for kind in ["xfs", "btrfs"] {
        whole_or_refused(kind);
    }
}

#[test]
#[ignore = "needs root and loop devices: tests/disk/install"]
fn a_template_that_has_no_room_is_refused_before_anything_is_written() {
    let (disk, elsewhere) = (Disk::new("ext4", 64), TempDir::new().unwrap());
    let (kernel, loader) = (elsewhere.path().join("vmlinuz"), elsewhere.path().join("grubx64.efi"));
    fs::write(&kernel, vec![b'x'; INITRD]).unwrap();
    loaders::write(&loader).unwrap();
    let recipe = Recipe {
        name: "full".to_owned(),
        architecture: Architecture::Amd64,
        only: Some(Firmware::Uefi),
        payload: Payload::Files {
            kernel: Item { path: ImagePath::parse("vmlinuz0").unwrap(), source: kernel },
            initrds: Vec::new(),
        },
        loaders: Places { asked: Some(elsewhere.path().to_owned()), host: elsewhere.path().to_owned() },
    };
    fs::write(disk.path().join("other"), vec![b'x'; INITRD / 2]).unwrap();
    let (out, used) = (disk.path().join("template.iso"), disk.used());
    let operation = Operation::new(|progress| assert!(progress.percent.is_none_or(|percent| percent == 0), "it began"));
    let text = full(&make::write(&recipe, &out, &operation).unwrap_err(), &out);
    assert!(text.contains("bytes are free there"), "{text}");
    assert_eq!((disk.used(), out.exists()), (used, false));
    fs::remove_file(disk.path().join("other")).unwrap();
    make::write(&recipe, &out, &Operation::unwatched()).unwrap();
    assert!(Template::open(&out, &Operation::unwatched()).is_ok());
}

/// Unpacked templates on a disk with room for two: one that is kept and one that is being unpacked.
#[test]
#[ignore = "needs root and loop devices: tests/disk/install"]
fn a_cache_stays_within_its_limit_and_a_full_disk_takes_nothing_from_it() {
    let (disk, elsewhere) = (Disk::new("ext4", 128), TempDir::new().unwrap());
    let plain = template(&elsewhere.path().join("cdboot.iso"));
    let packed = ["a", "b", "c"].map(|name| {
        let path = elsewhere.path().join(format!("{name}.iso.gz"));
        let mut encoder = GzEncoder::new(fs::File::create(&path).unwrap(), Compression::fast());
        std::io::copy(&mut fs::File::open(plain.path()).unwrap(), &mut encoder).unwrap();
        encoder.finish().unwrap();
        path
    });
    let cache = disk.path().join("image-cache");
    let open = |path: &Path| {
        let templates = Templates::new(Some(Cache::new(&cache, plain.size())));
        templates.open(path, &Operation::unwatched())
    };
    for path in &packed {
        assert_eq!(open(path).unwrap().size(), plain.size());
        assert_eq!(files(&cache).len(), 1, "the one before made room");
    }
    let kept = files(&cache);
    fill(&disk.path().join("other"));
    full(&open(&packed[0]).unwrap_err(), &cache);
    assert_eq!(files(&cache), kept, "neither half of one nor one less");
    assert!(fs::read(&kept[0]).unwrap() == fs::read(plain.path()).unwrap());
    open(&packed[2]).unwrap();
    fs::remove_file(disk.path().join("other")).unwrap();
    open(&packed[0]).unwrap();
    assert_eq!(files(&cache).len(), 1);
}
