//! Images of `iso build`, booted in qemu: the kernel must see the line that `iso show` names, to the last byte.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::failure::{Result, same};
use crate::node::{Node, PROVISIONER};
use crate::scripts::{Family, Firmware, Templates, boot, stdout_of};
use crate::serial::Booted;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "boots a machine: needs tests/boot/install"]
async fn a_grub_image_boots_in_bios() -> Result {
    prove(Family::Grub, Firmware::Bios, &Node::documented()).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "boots a machine: needs tests/boot/install"]
async fn a_grub_image_boots_in_uefi() -> Result {
    prove(Family::Grub, Firmware::Uefi, &Node::documented()).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "boots a machine: needs tests/boot/install"]
async fn an_isolinux_image_boots_in_bios() -> Result {
    prove(Family::Isolinux, Firmware::Bios, &Node::documented()).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "boots a machine: needs tests/boot/install"]
async fn an_isolinux_image_boots_in_uefi() -> Result {
    prove(Family::Isolinux, Firmware::Uefi, &Node::documented()).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "boots a machine: needs tests/boot/install"]
async fn a_signed_image_boots_with_secure_boot() -> Result {
    prove(Family::Signed, Firmware::SecureBoot, &Node::documented()).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "boots a machine: needs tests/boot/install"]
async fn an_unsigned_image_is_refused_with_secure_boot() -> Result {
    let image = Image::build(Family::Grub, &Node::documented()).await?;
    let refused = boot(Firmware::SecureBoot, &image.path).await;
    let why = refused.as_ref().err().map(|failure| format!("{failure:?}")).unwrap_or_default();
    if why.contains("Access Denied") { Ok(()) } else { Err(format!("wanted a refusal, saw {refused:?}").into()) }
}

/// GRUB's own configuration is a script in which each of these words means something else.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "boots two machines: needs tests/boot/install"]
async fn words_that_a_loader_could_act_on_reach_the_kernel_untouched() -> Result {
    let node = Node::documented().with_options("a;b c=$root d={x} e=<y>&z");
    tokio::try_join!(prove(Family::Grub, Firmware::Uefi, &node), prove(Family::Isolinux, Firmware::Bios, &node),)?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "boots a machine: needs tests/boot/install"]
async fn arguments_that_fill_the_room_to_the_last_byte_boot_whole() -> Result {
    let templates = Templates::make().await?;
    let template = show(&templates.webroot.join(&templates.of(Family::Grub).source)).await?;
    let rooms = template["Areas"].as_array().into_iter().flatten().filter_map(|area| area["Room"].as_u64());
    let room = usize::try_from(rooms.min().unwrap_or_default())?;
    let left = room.saturating_sub(Node::documented().kernel_args().len() + " ".len());
    let filling = |bytes| Node::documented().with_options(words(bytes));

    let over = Image::build(Family::Grub, &filling(left + 1)).await.map(|image| image.path);
    let why = over.as_ref().err().map(|failure| format!("{failure:?}")).unwrap_or_default();
    let told = [room, room + 1].iter().all(|number| why.contains(&number.to_string()));
    same("whether one byte more is refused with both numbers", &told, &true)?;
    prove(Family::Grub, Firmware::Bios, &filling(left)).await
}

/// Words of `bytes` in all, the blanks between them included: few, because a kernel has room for 32 that it does not know.
pub(crate) fn words(bytes: usize) -> String {
    (1..=bytes).map(|at| if at % 100 == 0 && at < bytes { ' ' } else { 'x' }).collect()
}

/// Builds this machine's image, asks what is in it, and boots it.
async fn prove(family: Family, firmware: Firmware, node: &Node) -> Result {
    let image = Image::build(family, node).await?;
    let shown = show(&image.path).await?;
    let name = if firmware == Firmware::Bios { "BIOS" } else { "UEFI" };
    let boots = shown["Boot"].as_array().into_iter().flatten();
    let lines: Vec<&Value> = boots.filter(|boot| boot["Firmware"] == name).map(|boot| &boot["KernelArgs"]).collect();
    same("the line that iso show names", &lines, &vec![&json!([node.kernel_args()])])?;
    same("what iso show finds missing", &shown["Findings"], &json!([]))?;
    same("what booted", &boot(firmware, &image.path).await?, &Booted::expected(node, family, firmware))
}

/// An image in a directory of its own.
#[derive(Debug)]
pub(crate) struct Image {
    pub(crate) path: PathBuf,
    _directory: TempDir,
}

impl Image {
    async fn build(family: Family, node: &Node) -> Result<Self> {
        let templates = Templates::make().await?;
        Self::of(&templates.webroot.join(&templates.of(family).source), node).await
    }

    /// The image that a template becomes for this machine.
    pub(crate) async fn of(template: &Path, node: &Node) -> Result<Self> {
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        let (path, machine) = (directory.path().join("boot.iso"), directory.path().join("machine.json"));
        std::fs::write(&machine, node.object(json!({})).to_string())?;
        let mut build = virtual_media(&["iso", "build", "--bootenv", "sledgehammer", "--provisioner-url", PROVISIONER]);
        build.arg("--template").arg(template);
        build.arg("--machine").arg(machine).arg("--out").arg(&path);
        stdout_of(build).await?;
        Ok(Self { path, _directory: directory })
    }
}

/// What `iso show` says of an image, or of what holds one.
pub(crate) async fn show(path: &Path) -> Result<Value> {
    let mut show = virtual_media(&["iso", "show", "--json"]);
    show.arg(path);
    Ok(serde_json::from_str(&stdout_of(show).await?)?)
}

pub(crate) fn virtual_media(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_virtual-media"));
    command.args(args);
    command
}
