//! A boot from a template of ours is followed like any other, though its files have several names each.

use std::sync::Arc;

use drp_virtual_media::iso::volume::Volume;
use drp_virtual_media::iso::{BootReads, Template};
use drp_virtual_media::machine::BootStage;
use drp_virtual_media::operation::Operation;

use super::kitchen::Kitchen;

#[test]
fn kernel_and_every_initrd_are_known_by_any_of_their_names() {
    let kitchen = Kitchen::debian();
    let files =
        [("vmlinuz", "install.amd/vmlinuz"), ("initrd.gz", "install.amd/initrd.gz"), ("fw.cpio", "firmware/fw.cpio")];
    kitchen.make(&kitchen.recipe_of(&files));
    let template = Arc::new(Template::open(&kitchen.out(), &Operation::unwatched()).unwrap());
    let listed = Volume::open(template.source()).unwrap().files().unwrap();
    let reads = BootReads::new(Arc::clone(&template));
    for (path, stage) in [
        ("/EFI/BOOT/BOOTX64.EFI", BootStage::Loader),
        ("/EFI/BOOT/grub.cfg", BootStage::Configuration),
        ("/install.amd/vmlinuz", BootStage::Kernel),
        ("/install.amd/initrd.gz", BootStage::Initrd),
        ("/firmware/fw.cpio", BootStage::Done),
    ] {
        let extent = listed.iter().find(|file| file.path == path).unwrap().extents[0];
        reads.read(extent.offset..extent.offset + extent.len);
        assert_eq!(reads.now().stage, stage, "{path}");
    }
}
