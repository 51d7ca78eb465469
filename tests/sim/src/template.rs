//! A template like Sledgehammer's `cdboot.iso`, for tests and the demo: its layout and config files, with dummies for kernel, initrd
//! and boot loaders. It boots nothing. Written without any tool, the same bytes each time.

use std::fs::File;
use std::io;
use std::path::Path;

use hadris_fs::{Content, NoClock, Node, Tree};
use hadris_iso::{BootEntry, BootInfo, ElTorito, IsoId, IsoOptions};
use hadris_storage::host::FileDevice;

/// Which loader boots the template on a machine with a BIOS; UEFI is GRUB's in both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// GRUB.
    Grub,
    /// isolinux.
    Isolinux,
}

/// What the entry boots until it is replaced: addresses that cannot be.
const PLACEHOLDER: &str = "BOOTIF=discovery provisioner.web=http://555.0.0.1:8091 provisioner.ip=555.0.0.2/24 rs.uuid=unset -- console=ttyS0,115200";

/// Lines of 80 `#` after an entry, as in the vendor's.
const PADDING_LINES: usize = 15;

/// A boot loader's first sector: the writer puts the boot info table into it.
const SECTOR: usize = 2048;

/// Writes a template of some 400 KiB to `path`, replacing what is there.
pub fn write(path: &Path, family: Family) -> io::Result<()> {
    write_with(path, family, 0)
}

/// Writes a template whose initrd has `initrd` bytes, for tests and benchmarks of a realistic size.
pub fn write_with(path: &Path, family: Family, initrd: usize) -> io::Result<()> {
    write_sized(path, family, 0, initrd)
}

/// Writes a template whose kernel and initrd have so many bytes more than their first line.
pub fn write_sized(path: &Path, family: Family, kernel: usize, initrd: usize) -> io::Result<()> {
    let (tree, options) = (tree(family, kernel, initrd)?, options(family));
    let file = File::options().read(true).write(true).create(true).truncate(true).open(path)?;
    let device = FileDevice::new(file)?;
    hadris_iso::sync::write(device, &tree, &options).map_err(io::Error::other)?;
    Ok(())
}

fn tree(family: Family, kernel: usize, initrd: usize) -> io::Result<Tree> {
    let mut files = vec![
        ("EFI/BOOT/BOOT.conf", grub_config().into_bytes()),
        ("EFI/BOOT/BOOTX64.EFI", b"not a boot loader\n".to_vec()),
        ("EFI/BOOT/grub.cfg", grub_config().into_bytes()),
        ("boot/grub/grub.cfg", grub_config().into_bytes()),
        // A boot image with a copy of the config in it: found by a search for the marker, not by a walk of the files.
        ("images/efiboot.img", sectors(&format!("not a file system\n{}", grub_config()))),
        ("stage1.img", [b"not an initrd\n".to_vec(), vec![b'.'; initrd]].concat()),
        ("vmlinuz0", [b"not a kernel\n".to_vec(), vec![b'.'; kernel]].concat()),
        (bios_loader(family), sectors("not a boot loader\n")),
    ];
    if family == Family::Isolinux {
        files.push(("isolinux/isolinux.cfg", isolinux_config().into_bytes()));
    }
    let mut tree = Tree::new();
    for (path, bytes) in files {
        tree.insert(path, Node::file(Content::bytes(bytes))).map_err(io::Error::other)?;
    }
    Ok(tree)
}

fn options(family: Family) -> IsoOptions {
    let catalog = if family == Family::Isolinux { "isolinux/boot.cat" } else { "boot.catalog" };
    let bios = BootEntry::bios(bios_loader(family)).with_load_size(4).with_boot_info(BootInfo::Table);
    let boot = ElTorito::new().with_entry(bios).with_entry(BootEntry::uefi("images/efiboot.img"));
    IsoOptions::default()
        .with_id(IsoId::Volume, "sledgehammer")
        .with_joliet()
        .with_rock_ridge()
        .with_time(NoClock::TIME)
        .with_el_torito(boot.with_catalog_path(catalog))
}

fn bios_loader(family: Family) -> &'static str {
    match family {
        Family::Grub => "boot/grub/i386-pc/eltorito.img",
        Family::Isolinux => "isolinux/isolinux.bin",
    }
}

fn sectors(text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    bytes.resize(bytes.len().next_multiple_of(SECTOR), 0);
    bytes
}

fn grub_config() -> String {
    let head = r#"if [ "$grub_platform" = "efi" ]; then
    set root=(cd0)
else
    set root=(cd)
fi
set linuxcmd=linux
set initrdcmd=initrd
set timeout=0
# The entry after the next line is written anew for each machine; 15 lines of padding give it room.
# REPLACE HERE
menuentry "Sledgehammer disc" {
"#;
    format!("{head}    $linuxcmd /vmlinuz0 {PLACEHOLDER}\n    $initrdcmd /stage1.img\n}}\n{}", padding())
}

fn isolinux_config() -> String {
    format!(
        "# The entry after the next line is written anew for each machine; 15 lines of padding give it room.\n\
         # REPLACE 2 HERE\ntimeout 0\ndefault 1\nlabel 1\n    kernel /vmlinuz0\n    \
         append initrd=/stage1.img {PLACEHOLDER}\n{}",
        padding()
    )
}

fn padding() -> String {
    format!("{}\n", "#".repeat(80)).repeat(PADDING_LINES)
}
