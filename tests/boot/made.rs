//! Templates of `iso template`, booted in qemu as images of a machine: as a CD and as a disk, and read by the tools of others.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;
use tempfile::TempDir;

use crate::built::{Image, show, virtual_media, words};
use crate::failure::{Result, same};
use crate::node::Node;
use crate::scripts::{Family, Firmware, Medium, Templates, boot, boot_from, lab, stdout_of};
use crate::serial::Booted;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "boots a machine: needs tests/boot/install"]
async fn our_template_boots_as_a_cd_in_bios() -> Result {
    prove(Medium::Cd, Firmware::Bios).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "boots a machine: needs tests/boot/install"]
async fn our_template_boots_as_a_cd_in_uefi() -> Result {
    prove(Medium::Cd, Firmware::Uefi).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "boots a machine: needs tests/boot/install"]
async fn our_template_boots_as_a_cd_with_secure_boot() -> Result {
    prove(Medium::Cd, Firmware::SecureBoot).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "boots a machine: needs tests/boot/install"]
async fn our_template_boots_as_a_disk_in_bios() -> Result {
    prove(Medium::Disk, Firmware::Bios).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "boots a machine: needs tests/boot/install"]
async fn our_template_boots_as_a_disk_in_uefi() -> Result {
    prove(Medium::Disk, Firmware::Uefi).await
}

/// OVMF would read El Torito off a disk as well. Without it there is the partition table alone, as for a firmware that knows disks
/// by that: GRUB then comes from the EFI system partition, and is led from there to the volume.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "boots a machine: needs tests/boot/install"]
async fn our_template_boots_by_its_partition_table_alone() -> Result {
    let made = Template::of_sledgehammer().await?;
    let node = Node::documented();
    let image = Image::of(&made.path, &node).await?;
    hide_el_torito(&image.path)?;
    let booted = boot_from(Medium::Disk, Firmware::SecureBoot, &image.path).await?;
    same("what booted", &booted, &Booted::expected(&node, Family::Isolinux, Firmware::SecureBoot))
}

/// As of an installer: files below directories, and firmware in an initrd of its own. The second initrd holds the `/init`, the first
/// one all that it runs.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "boots two machines: needs tests/boot/install"]
async fn several_initrds_below_directories_reach_the_kernel() -> Result {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let second = second_initrd(directory.path()).await?;
    let made = Template::make(&[
        (lab().join("boot/vmlinuz"), "install.amd/vmlinuz"),
        (stage1().await?, "install.amd/initrd.gz"),
        (second, "firmware/fw.cpio"),
    ])
    .await?;
    let node = Node::documented();
    let image = Image::of(&made.path, &node).await?;
    let line = |added: &str| format!("by the second initrd: {added} {}", node.kernel_args());
    let (bios, uefi) = tokio::join!(boot(Firmware::Bios, &image.path), boot(Firmware::Uefi, &image.path));
    let expected = Booted::with_line(Firmware::Bios, line("BOOT_IMAGE=/k initrd=/0,/1"));
    same("what booted", &bios?, &expected)?;
    let expected = Booted::with_line(Firmware::Uefi, line("BOOT_IMAGE=/install.amd/vmlinuz"));
    same("what booted", &uefi?, &expected)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "boots two machines: needs tests/boot/install"]
async fn two_thousand_bytes_of_arguments_boot_whole() -> Result {
    let made = Template::of_sledgehammer().await?;
    let left = 2000 - Node::documented().kernel_args().len() - " ".len();
    let over = Image::of(&made.path, &Node::documented().with_options(words(left + 1))).await;
    let why = over.as_ref().err().map(|failure| format!("{failure:?}")).unwrap_or_default();
    same("whether one byte more is refused", &why.contains("take 2001 bytes and there is room for 2000"), &true)?;
    let node = Node::documented().with_options(words(left));
    let image = Image::of(&made.path, &node).await?;
    let (bios, uefi) = tokio::join!(boot(Firmware::Bios, &image.path), boot(Firmware::Uefi, &image.path));
    same("what booted", &bios?, &Booted::expected(&node, Family::Isolinux, Firmware::Bios))?;
    same("what booted", &uefi?, &Booted::expected(&node, Family::Isolinux, Firmware::Uefi))
}

/// What a GRUB reads was built into it: these two stand for Rocky's, which started from a CD has the CD for its device, and for one that was
/// built to boot over the network, which started from a disk has the EFI system partition.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "boots two machines: needs tests/boot/install"]
async fn a_grub_that_looks_elsewhere_is_led_to_the_entry() -> Result {
    let (cd, disk) = (Template::with_grub_of("/EFI/rocky").await?, Template::with_grub_of("/grub").await?);
    let node = Node::documented();
    let (as_cd, as_disk) = (Image::of(&cd.path, &node).await?, Image::of(&disk.path, &node).await?);
    hide_el_torito(&as_disk.path)?;
    let (one, other) =
        tokio::join!(boot(Firmware::Uefi, &as_cd.path), boot_from(Medium::Disk, Firmware::Uefi, &as_disk.path));
    let expected = Booted::expected(&node, Family::Isolinux, Firmware::Uefi);
    same("what booted", &one?, &expected)?;
    same("what booted", &other?, &expected)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "boots a machine: needs tests/boot/install"]
async fn a_sledgehammer_without_cdboot_iso_boots() -> Result {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let tarball = directory.path().join("sledgehammer.tar.gz");
    pack_without_cdboot(&tarball).await?;
    let path = directory.path().join("t.iso");
    let mut template = virtual_media(&["iso", "template", "--from"]);
    template.arg(&tarball).arg("--out").arg(&path);
    let told = stdout_of(template).await?;
    same("whether its own shim was taken", &told.contains("shimx64.efi"), &true)?;
    let node = Node::documented();
    let image = Image::of(&path, &node).await?;
    let booted = boot(Firmware::SecureBoot, &image.path).await?;
    same("what booted", &booted, &Booted::expected(&node, Family::Isolinux, Firmware::SecureBoot))
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs xorriso, isoinfo and fsck.vfat: tests/boot/install"]
async fn the_tools_of_others_read_our_template() -> Result {
    let made = Template::of_sledgehammer().await?;
    let mut isoinfo = Command::new("isoinfo");
    isoinfo.args(["-R", "-f", "-i"]).arg(&made.path);
    let listed = stdout_of(isoinfo).await?;
    let mut joliet = Command::new("isoinfo");
    joliet.args(["-J", "-f", "-i"]).arg(&made.path);
    let in_joliet = stdout_of(joliet).await?;
    for path in ["/vmlinuz0", "/stage1.img", "/EFI/BOOT/BOOTX64.EFI", "/boot/grub/grub.cfg", "/isolinux/isolinux.cfg"] {
        let has = |list: &str| list.lines().any(|line| line == path);
        same(path, &(has(&listed), has(&in_joliet)), &(true, true))?;
    }
    let mut xorriso = Command::new("xorriso");
    xorriso.arg("-indev").arg(&made.path).args(["-report_el_torito", "plain", "-report_system_area", "plain"]);
    let esp = made.directory.path().join("efiboot.img");
    xorriso.args(["-osirrox", "on", "-extract", "/images/efiboot.img"]).arg(&esp);
    let told = stdout_of(xorriso).await?;
    for line in ["boot-info-table isohybrid-suitable", "MBR isohybrid", "0xef"] {
        same(line, &told.contains(line), &true)?;
    }
    let mut check = Command::new("fsck.vfat");
    check.arg("-n").arg(&esp);
    stdout_of(check).await?;
    let mut report = Command::new("mdir");
    report.arg("-i").arg(&esp).arg("-b").arg("::EFI/BOOT");
    let files = stdout_of(report).await?;
    same("whether GRUB is beside shim", &files.to_lowercase().contains("grubx64.efi"), &true)
}

/// What boots an arm64 machine is Debian's own for it; that it does is not shown.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the boot loaders of arm64: tests/boot/install"]
async fn an_arm64_template_has_its_signed_loaders() -> Result {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let path = directory.path().join("t.iso");
    let mut template = virtual_media(&["iso", "template", "--arch", "arm64", "--loaders"]);
    template.arg(lab().join("boot")).arg("--kernel").arg(format!("{}=vmlinuz0", lab().join("boot/vmlinuz").display()));
    template.arg("--out").arg(&path);
    let told = stdout_of(template).await?;
    same("whether it tells of Secure Boot", &told.contains("all its loaders are signed, for Secure Boot"), &true)?;
    let shown = show(&path).await?;
    same("who boots it", &shown["Boot"].as_array().map(Vec::len), &Some(1))?;
    same("the loaders", &shown["Boot"][0]["Loaders"], &json!(["/EFI/BOOT/BOOTAA64.EFI", "/EFI/BOOT/grubaa64.efi"]))
}

/// Packs the vendor's tarball as it is for arm64, and was for amd64: without cdboot.iso.
pub(crate) async fn pack_without_cdboot(tarball: &Path) -> Result {
    let templates = Templates::make().await?;
    let exploded = templates.webroot.join(&templates.of(Family::Signed).source);
    let mut tar = Command::new("tar");
    tar.args(["--exclude=cdboot.iso", "-czf"])
        .arg(tarball)
        .arg("-C")
        .args([exploded.parent(), exploded.file_name().map(Path::new)].into_iter().flatten());
    stdout_of(tar).await.map(drop)
}

/// Leaves nothing but the partition table to boot by.
fn hide_el_torito(image: &Path) -> Result {
    let file = fs::File::options().read(true).write(true).open(image)?;
    let mut descriptor = [0; 2048];
    file.read_exact_at(&mut descriptor, 17 * 2048)?;
    same("the boot record's name", &&descriptor[1..30], &b"CD001\x01EL TORITO SPECIFICATION".as_slice())?;
    Ok(file.write_all_at(&[b' '; 23], 17 * 2048 + 7)?)
}

/// Makes a template, makes a machine's image of it, and boots that.
async fn prove(medium: Medium, firmware: Firmware) -> Result {
    let made = Template::of_sledgehammer().await?;
    let node = Node::documented();
    let image = Image::of(&made.path, &node).await?;
    let booted = boot_from(medium, firmware, &image.path).await?;
    same("what booted", &booted, &Booted::expected(&node, Family::Isolinux, firmware))
}

/// A template of ours in a directory of its own, with Debian's signed shim and GRUB and its isolinux.
#[derive(Debug)]
struct Template {
    path: PathBuf,
    directory: TempDir,
}

impl Template {
    /// With Sledgehammer's names.
    async fn of_sledgehammer() -> Result<Self> {
        Self::make(&[(lab().join("boot/vmlinuz"), "vmlinuz0"), (stage1().await?, "stage1.img")]).await
    }

    /// With an unsigned GRUB that was built to read its configuration in `prefix`.
    async fn with_grub_of(prefix: &str) -> Result<Self> {
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        let mut grub = Command::new("grub-mkimage");
        grub.args(["-O", "x86_64-efi", "-p", prefix, "-o"]).arg(directory.path().join("grubx64.efi"));
        grub.args(["iso9660", "fat", "part_msdos", "normal", "configfile", "linux", "search", "search_fs_file"]);
        stdout_of(grub).await?;
        let files = [(lab().join("boot/vmlinuz"), "vmlinuz0"), (stage1().await?, "stage1.img")];
        Self::of(directory.path(), &files).await
    }

    /// Of a kernel and its initrds, each at its path in the image.
    async fn make(files: &[(PathBuf, &str)]) -> Result<Self> {
        Self::of(&lab().join("boot"), files).await
    }

    /// With the boot loaders in a directory.
    async fn of(loaders: &Path, files: &[(PathBuf, &str)]) -> Result<Self> {
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        let path = directory.path().join("t.iso");
        let mut template = virtual_media(&["iso", "template", "--loaders"]);
        template.arg(loaders);
        for (at, (source, place)) in files.iter().enumerate() {
            let option = if at == 0 { "--kernel" } else { "--initrd" };
            template.arg(option).arg(format!("{}={place}", source.display()));
        }
        template.arg("--out").arg(&path);
        let told = stdout_of(template).await?;
        same("whether there is room", &told.contains("room for 2000 bytes of kernel arguments"), &true)?;
        Ok(Self { path, directory })
    }
}

/// The initrd that says what it sees.
async fn stage1() -> Result<PathBuf> {
    let templates = Templates::make().await?;
    Ok(templates.webroot.join(&templates.of(Family::Signed).source).join("stage1.img"))
}

/// An initrd with nothing but another `/init`.
async fn second_initrd(directory: &Path) -> Result<PathBuf> {
    const INIT: &str = r#"#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
/bin/busybox mount -t devtmpfs dev /dev
firmware=bios
[ -d /sys/firmware/efi ] && firmware=uefi
{
  echo "=== boot proof begins ==="
  echo "firmware: $firmware"
  echo "secure-boot: off"
  echo "cmdline: by the second initrd: $(/bin/busybox cat /proc/cmdline)"
  echo "=== boot proof ends ==="
} >/dev/ttyS0
/bin/busybox sleep 1
/bin/busybox poweroff -f
"#;
    fs::write(directory.join("init"), INIT)?;
    let mut pack = Command::new("sh");
    pack.current_dir(directory).args(["-c", "chmod +x init && echo init | cpio --quiet -o -H newc >second.cpio"]);
    stdout_of(pack).await?;
    Ok(directory.join("second.cpio"))
}
