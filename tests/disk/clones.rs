//! Where a file system shares extents an image costs next to nothing, elsewhere its own length; gone it costs nothing.

use drp_virtual_media::iso::Error;
use drp_virtual_media::operation::Operation;

use crate::disk::Disk;
use crate::site::{files, holds, image, machine, store, template, write};

/// Twenty of them are more than the disk has.
const MACHINES: usize = 20;

fn clones(kind: &str) {
    let disk = Disk::new(kind, 512);
    let template = template(&disk.path().join("cdboot.iso"));
    let store = store(&disk.path());
    let before = disk.used();
    let written: Vec<_> = (0..MACHINES).map(|number| write(&store, &template, number).unwrap()).collect();
    let cost = disk.used() - before;
    assert!(template.size() * MACHINES as u64 > 512 << 20);
    assert!(cost < template.size() / 2, "{MACHINES} images of {} bytes take {cost} on {kind}", template.size());
    for number in [0, MACHINES - 1] {
        assert!(holds(&written[number].path, &image(&template, number)), "{kind}");
    }
    // A clone is made in one step, so a cancel is heeded after it.
    let cancelled = Operation::unwatched();
    cancelled.cancel();
    let error = store.write(machine(0), "sledgehammer", &image(&template, 1), &cancelled).unwrap_err();
    assert!(matches!(error, Error::Cancelled { .. }), "{kind}: {error}");
    assert!(holds(&written[0].path, &image(&template, 0)), "{kind}");
    assert_eq!(files(&disk.path().join("dynamic_isos")).len(), MACHINES, "{kind}");
    for number in 0..MACHINES {
        store.remove_machine(machine(number)).unwrap();
    }
    assert!(files(&disk.path().join("dynamic_isos")).is_empty());
    let left = disk.used().saturating_sub(before);
    assert!(left < cost.max(1 << 20), "{left} of {cost} bytes are still in use on {kind}");
}

#[test]
#[ignore = "needs root and loop devices: tests/disk/install"]
fn images_on_xfs_are_clones() {
    clones("xfs");
}

#[test]
#[ignore = "needs root and loop devices: tests/disk/install"]
fn images_on_btrfs_are_clones() {
    clones("btrfs");
}

#[test]
#[ignore = "needs root and loop devices: tests/disk/install"]
fn an_image_on_ext4_is_a_copy_that_goes_whole() {
    let disk = Disk::new("ext4", 256);
    let template = template(&disk.path().join("cdboot.iso"));
    let store = store(&disk.path());
    let before = disk.used();
    let written = write(&store, &template, 0).unwrap();
    assert!(disk.used() - before >= template.size());
    assert!(holds(&written.path, &image(&template, 0)));
    // The same once more takes the place of the first.
    write(&store, &template, 0).unwrap();
    assert!(disk.used() - before < template.size() * 2);
    store.remove_machine(machine(0)).unwrap();
    // The directory of all images stays.
    assert!(disk.used() - before < 64 << 10);
}

#[test]
#[ignore = "needs root and loop devices: tests/disk/install"]
fn an_image_of_a_template_on_another_file_system_is_a_copy() {
    let (from, to) = (Disk::new("xfs", 512), Disk::new("btrfs", 512));
    let template = template(&from.path().join("cdboot.iso"));
    let before = to.used();
    let written = write(&store(&to.path()), &template, 0).unwrap();
    assert!(to.used() - before >= template.size());
    assert!(holds(&written.path, &image(&template, 0)));
}
