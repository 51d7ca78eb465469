//! Images that the plugin serves, booted in qemu over HTTP: nothing of them is on any disk, and the reads tell how far the boot is.

use std::fs;
use std::net::SocketAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use drp_virtual_media::iso::Template;
use drp_virtual_media::iso::volume::Volume;
use drp_virtual_media::operation::Operation;
use drp_virtual_media_sim::bmc::{Bmc, Fleet, Personality};
use drp_virtual_media_sim::endpoint::{Endpoint, Options};
use drp_virtual_media_sim::files::FileServer;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::timeout;

use crate::failure::{Failure, Result, same};
use crate::made::pack_without_cdboot;
use crate::node::Node;
use crate::relay::Relay;
use crate::scripts::{Booting, Family, Firmware, Templates, boot};
use crate::serial::{Booted, tail};

/// The image server's port where no parameter says.
const PORT: u16 = 8096;

/// The plugin answers, and a boot comes to its next stage, within this on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);

#[tokio::test(flavor = "multi_thread")]
#[ignore = "boots a machine: needs tests/boot/install"]
async fn a_vendors_template_boots_over_http_in_bios() -> Result {
    prove(Source::vendors(Family::Grub).await?, Family::Grub, Firmware::Bios).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "boots a machine: needs tests/boot/install"]
async fn a_vendors_template_boots_over_http_in_uefi() -> Result {
    prove(Source::vendors(Family::Isolinux).await?, Family::Isolinux, Firmware::Uefi).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "boots a machine: needs tests/boot/install"]
async fn a_template_of_ours_boots_over_http_in_bios() -> Result {
    prove(Source::ours().await?, Family::Isolinux, Firmware::Bios).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "boots a machine: needs tests/boot/install"]
async fn a_template_of_ours_boots_over_http_in_uefi() -> Result {
    prove(Source::ours().await?, Family::Isolinux, Firmware::Uefi).await
}

/// The loader ends at an error of its own: the disk that its configuration names is not there.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "boots a machine: needs tests/boot/install"]
async fn a_boot_that_hangs_in_the_boot_loader_is_told_as_that() -> Result {
    let source = Source::vendors(Family::Grub).await?;
    let templates = Templates::make().await?;
    let broken = source.webroot.path().join("broken.iso");
    fs::write(&broken, replaced(fs::read(&templates.of(Family::Grub).iso)?, b"set root=(cd)\n", b"set root=(cx)\n"))?;
    let site = Site::start(Source { template: "broken.iso".into(), ..source }, &Node::documented()).await?;
    let why = site.stuck(Firmware::Bios).await?;
    let told = why.starts_with("the boot stands at: boot loader's configuration, nothing read for ")
        && why.contains("of a kernel little or nothing")
        && why.contains("virtual-media/boot-stall is 10 s");
    same("whether it is told as the boot loader's", &(told, why.as_str()), &(true, why.as_str()))?;
    site.end().await
}

/// The line to the image server dies in the middle of the kernel.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "boots a machine: needs tests/boot/install"]
async fn a_boot_that_hangs_in_the_kernels_download_is_told_with_how_much_of_it_came() -> Result {
    let templates = Templates::make().await?;
    let kernel = file(&templates.of(Family::Isolinux).iso, "/vmlinuz0")?;
    let site = Site::start(Source::vendors(Family::Isolinux).await?, &Node::documented()).await?;
    let middle = kernel.start + (kernel.end - kernel.start) / 2;
    let relay = Relay::start(site.image_server, middle..kernel.end).await?;
    let url = json!(format!("http://{}", relay.address));
    site.server.set_param(site.uuid, "virtual-media/image-url", url).await?;
    let why = site.stuck(Firmware::Uefi).await?;
    let percent =
        why.strip_prefix("the boot stands at: kernel, ").and_then(|rest| rest.split_once(" %, nothing read for "));
    let percent: Option<u8> = percent.and_then(|(percent, _)| percent.parse().ok());
    let told = percent.is_some_and(|percent| (45..=55).contains(&percent)) && why.contains("not read to its end");
    same("whether it is told as the kernel's", &(told, why.as_str()), &(true, why.as_str()))?;
    site.end().await
}

/// The bytes with one text in the place of another.
fn replaced(mut bytes: Vec<u8>, text: &[u8], by: &[u8]) -> Vec<u8> {
    for at in 0..bytes.len().saturating_sub(text.len()) {
        if bytes[at..].starts_with(text) {
            bytes[at..at + by.len()].copy_from_slice(by);
        }
    }
    bytes
}

/// Where a file lies in an image.
fn file(iso: &Path, path: &str) -> Result<Range<u64>> {
    let template = Template::open(iso, &Operation::unwatched())?;
    let files = Volume::open(template.source())?.files()?;
    let file = files.iter().find(|file| file.path == path).ok_or_else(|| format!("no {path}"))?;
    let start = file.extents.first().map(|extent| extent.offset).ok_or_else(|| format!("{path} is empty"))?;
    Ok(start..start + file.size())
}

/// Has the plugin serve an image, and boots its URL.
async fn prove(source: Source, family: Family, firmware: Firmware) -> Result {
    let node = Node::documented();
    let site = Site::start(source, &node).await?;
    let proven = async {
        let answer = timeout(PATIENCE, site.server.set_bootenv(node.uuid, "sledgehammer")).await??;
        let url = answer.url.unwrap_or_default();
        let begins = format!("http://{}/dynamic_isos/{}/sledgehammer/", site.image_server, node.uuid);
        same("whether the plugin serves it", &(url.starts_with(&begins), url.as_str()), &(true, url.as_str()))?;
        same("what booted", &boot(firmware, &url).await?, &Booted::expected(&node, family, firmware))?;
        until_done(&site.server, node.uuid).await?;
        site.has_told_each_stage()
    };
    proven.await.map_err(|failure: Failure| {
        failure.with(&format!("{family:?} in {firmware:?}"), &tail("the plugin", &site.server.stderr()))
    })?;
    same("whether an image was written", &site.webroot.path().join("dynamic_isos").exists(), &false)?;
    site.end().await
}

/// A web root, and how the machine's Param names the template in it.
struct Source {
    webroot: TempDir,
    template: PathBuf,
}

impl Source {
    /// One of the lab's, as the vendor makes them.
    async fn vendors(family: Family) -> Result<Self> {
        let templates = Templates::make().await?;
        Ok(Self { webroot: templates.webroot_of_its_own().await?, template: templates.of(family).source.clone() })
    }

    /// What the plugin has to make itself: of the vendor's tarball as it is for arm64, and was for amd64, without cdboot.iso.
    async fn ours() -> Result<Self> {
        let webroot = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        let template = PathBuf::from("isos/sledgehammer.tar.gz");
        fs::create_dir(webroot.path().join("isos"))?;
        pack_without_cdboot(&webroot.path().join(&template)).await?;
        Ok(Self { webroot, template })
    }
}

/// Where the plugin of one test serves images: tests run side by side.
pub(crate) fn image_server_of_its_own() -> SocketAddr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let [.., high, low] = std::process::id().to_be_bytes();
    SocketAddr::from(([127, 128 + high % 64, low, NEXT.fetch_add(1, Ordering::Relaxed)], PORT))
}

/// The plugin object's parameters for a plugin that serves all images there.
pub(crate) fn serving(image_server: SocketAddr, webroot: &Path) -> Value {
    json!({"virtual-media/iso-delivery": "serve", "virtual-media/serve-address": image_server.ip(),
           "virtual-media/cache-directory": webroot.join("cache")})
}

/// Waits until the machine's state says that its initrd was read.
pub(crate) async fn until_done(server: &Endpoint, uuid: &str) -> Result {
    let mut notices = server.subscribe();
    let done = async {
        while server.state(uuid)["Boot"]["Stage"] != "Done" {
            notices.recv().await?;
        }
        Ok::<_, Failure>(())
    };
    timeout(PATIENCE, done).await.map_err(|_| format!("the state is {}", server.state(uuid)))?
}

/// The plugin, which serves images at an address of its own, and a machine whose BMC mounts what it is told.
struct Site {
    server: Endpoint,
    uuid: &'static str,
    /// Where the plugin serves images.
    image_server: SocketAddr,
    fleet: Fleet,
    _bmc: Bmc,
    _files: FileServer,
    webroot: TempDir,
}

impl Site {
    async fn start(source: Source, node: &Node) -> Result<Self> {
        let image_server = image_server_of_its_own();
        let Source { webroot, template } = source;
        let files = FileServer::start(webroot.path()).await?;
        let options = Options::new(webroot.path().to_owned(), files.url());
        let server = Endpoint::start(Path::new(env!("CARGO_BIN_EXE_virtual-media")), options).await?;
        server.configure(serving(image_server, webroot.path())).await?;

        let fleet = Fleet::start().await?;
        let bmc = fleet.add(Personality::Generic).await?;
        server.add_machine(&node.object(json!({
            "ipmi/mode": "redfish", "ipmi/address": bmc.address().ip(), "ipmi/port-redfish": bmc.address().port(),
            "ipmi/username": bmc.username(), "ipmi/password": bmc.password(),
            "virtual-media/poll-interval": 10, "virtual-media/template": template,
            "virtual-media/image-url": format!("http://{image_server}"),
        })))?;
        Ok(Self { server, uuid: node.uuid, image_server, fleet, _bmc: bmc, _files: files, webroot })
    }

    /// Boots a machine by `bootVirtualMedia`, which waits for the boot, and gives what it says of one that goes no further,
    /// without the machine's name.
    async fn stuck(&self, firmware: Firmware) -> Result<String> {
        // Longer than a machine that is emulated, beside another one, takes between two reads.
        let params =
            json!({"virtual-media/boot-wait": true, "virtual-media/boot-stall": 10, "virtual-media/boot-timeout": 120});
        let mut notices = self.server.subscribe();
        let sent = self.server.send_action(self.uuid, "bootVirtualMedia", params)?;
        let waits = async {
            loop {
                let notice = notices.recv().await?;
                if notice.method == "progress" && notice.params["Step"] == "boot" {
                    return Ok::<_, Failure>(());
                }
            }
        };
        timeout(PATIENCE, waits).await??;
        let url = self.server.state(self.uuid)["Url"].as_str().unwrap_or_default().to_owned();
        let machine = Booting::start(firmware, &url).await?;
        let answer = timeout(PATIENCE * 2, sent.answer()).await?;
        drop(machine);
        match answer {
            Err(error) => Ok(error.message.split_once("): ").map_or(error.message.clone(), |(_, why)| why.to_owned())),
            Ok(answer) => Err(format!("it booted: {answer}").into()),
        }
    }

    /// Stages that follow each other within milliseconds may be told as one; none is told out of turn, and all are of one boot.
    fn has_told_each_stage(&self) -> Result {
        const STAGES: [&str; 6] = ["Catalogue", "Loader", "Configuration", "Kernel", "Initrd", "Done"];
        let notices = self.server.notices();
        let told = notices
            .iter()
            .filter(|notice| notice.params["Type"] == "virtual-media" && notice.params["Action"] == "boot");
        let told: Vec<(usize, &Value)> = told
            .map(|notice| &notice.params["Object"])
            .map(|boot| (STAGES.iter().position(|stage| boot["Stage"] == *stage).unwrap_or_default(), &boot["Boot"]))
            .collect();
        let at = |stage: &str| told.iter().any(|(told, _)| STAGES[*told] == stage);
        let each = (at("Catalogue"), at("Loader") || at("Configuration"), at("Kernel"), at("Done"));
        same("whether each stage was told", &each, &(true, true, true, true))?;
        same("whether they were told in turn", &told.is_sorted_by(|one, next| one.0 < next.0), &true)?;
        same("whether all are of one boot", &told.iter().all(|(_, boot)| **boot == 1), &true)
    }

    async fn end(self) -> Result {
        same("what the plugin said that was no answer", &self.server.strays(), &Vec::new())?;
        same("whether the plugin ended well", &self.server.stop().await?.success(), &true)?;
        self.fleet.shutdown().await;
        Ok(())
    }
}
