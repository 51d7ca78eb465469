//! Disks that are full, or are filled meanwhile: the old image stays as it was, and nothing else is there.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use drp_virtual_media::iso::{Cache, Error, Template, Templates};
use drp_virtual_media::operation::Operation;
use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;

use crate::disk::Disk;
use crate::site::{INITRD, files, fill, holds, image, machine, store, template, write};

/// What a file system refuses, and in which words.
fn full(error: &Error, path: &Path) -> String {
    assert!(matches!(error, Error::DiskFull { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains(path.to_str().unwrap()) && text.contains("free some space"), "{text}");
    text
}

/// The disk is full: the new image of the machine is refused and the old one stays. As soon as there is room it goes on.
fn refused_until_there_is_room(disk: &Disk, old: &Path, template: &Arc<Template>, refused: &Operation) {
    let (store, next) = (store(&disk.path()), image(template, 1));
    let write = |operation: &Operation| store.write(machine(0), "sledgehammer", &next, operation);
    full(&write(refused).unwrap_err(), old);
    assert_eq!(files(&disk.path().join("dynamic_isos")), [old]);
    assert!(holds(old, &image(template, 0)));
    fs::remove_file(disk.path().join("other")).unwrap();
    write(&Operation::unwatched()).unwrap();
    assert!(holds(old, &next));
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
    let operation = Operation::new(|progress| assert!(progress.percent.is_none_or(|percent| percent == 0), "it began"));
    let error = store(&disk.path()).write(machine(0), "sledgehammer", &image(&template, 1), &operation).unwrap_err();
    let text = full(&error, &old);
    assert!(text.contains("bytes are free there"), "{text}");
    assert_eq!(disk.used(), used);
    assert_eq!(files(&disk.path().join("dynamic_isos")), std::slice::from_ref(&old));
    assert!(holds(&old, &image(&template, 0)));
    // Full to the last byte: then not even a name for the new image may be had.
    fill(&disk.path().join("other"));
    refused_until_there_is_room(&disk, &old, &template, &operation);
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

/// A clone takes no room, the areas over it do.
#[test]
#[ignore = "needs root and loop devices: tests/disk/install"]
fn a_full_disk_with_clones_leaves_the_old_image() {
    let disk = Disk::new("xfs", 512);
    let template = template(&disk.path().join("cdboot.iso"));
    let store = store(&disk.path());
    let old = write(&store, &template, 0).unwrap().path;
    fill(&disk.path().join("other"));
    refused_until_there_is_room(&disk, &old, &template, &Operation::unwatched());
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
