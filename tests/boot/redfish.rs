//! The plugin boots machines through a Redfish service that is not ours, and takes its medium away again.
//!
//! The real program over stdio, one service a machine as a BMC has it, one template after the other: from a tar, a tar.gz
//! and an exploded tree, named by path, by signature and not at all. As files of the server, and served by the plugin.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use drp_virtual_media_sim::endpoint::{Endpoint, Options, RpcError};
use drp_virtual_media_sim::files::FileServer;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::timeout;

use crate::failure::{Result, same};
use crate::lab::{Lab, Machine};
use crate::node::Node;
use crate::scripts::{Family, Firmware, Templates, turn};
use crate::serial::{Booted, tail};
use crate::served::{image_server_of_its_own, serving, until_done};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "boots machines: needs tests/boot/install"]
async fn machines_boot_what_the_plugin_mounts_and_lose_it_in_local() -> Result {
    let site = Site::start(None).await?;
    tokio::try_join!(
        site.prove(Firmware::Uefi, Node::documented(), &[Family::Grub, Family::Isolinux, Family::Signed]),
        site.prove(Firmware::Bios, Node::second(), &[Family::Grub, Family::Isolinux]),
    )?;
    site.end().await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "boots a machine: needs tests/boot/install"]
async fn a_machine_boots_what_the_plugin_serves_itself_and_loses_it_in_local() -> Result {
    let site = Site::start(Some(image_server_of_its_own())).await?;
    site.prove(Firmware::Uefi, Node::documented(), &[Family::Signed]).await?;
    site.end().await
}

/// Waits for the plugin, which needs some seconds, but no longer than a minute.
async fn answered<T>(answer: impl Future<Output = Result<T, RpcError>>) -> Result<T> {
    let answer = timeout(Duration::from_mins(1), answer).await;
    Ok(answer.map_err(|_| "the plugin did not answer within a minute")??)
}

/// A server's web root with the templates, its file server, the plugin, and the lab.
struct Site {
    lab: Lab,
    templates: Templates,
    webroot: TempDir,
    files: FileServer,
    /// Where the plugin serves images, if it does.
    image_server: Option<SocketAddr>,
    server: Endpoint,
}

/// A machine as the server knows it, and the one in the lab that plays it.
struct Pair<'a> {
    node: Node,
    firmware: Firmware,
    machine: &'a Machine,
}

impl Site {
    async fn start(image_server: Option<SocketAddr>) -> Result<Self> {
        let templates = Templates::make().await?;
        let webroot = templates.webroot_of_its_own().await?;
        let files = FileServer::start(webroot.path()).await?;
        let options = Options::new(webroot.path().to_owned(), files.url());
        let server = Endpoint::start(Path::new(env!("CARGO_BIN_EXE_virtual-media")), options).await?;
        if let Some(image_server) = image_server {
            server.configure(serving(image_server, webroot.path())).await?;
        }
        Ok(Self { lab: Lab::start()?, templates, webroot, files, image_server, server })
    }

    /// Takes one machine through all the templates. What went wrong is told with the last words of all who took part.
    async fn prove(&self, firmware: Firmware, node: Node, families: &[Family]) -> Result {
        let machine = self.lab.machine(firmware);
        let mut params = self.lab.params(machine);
        params["virtual-media/power-on-transition"] = json!("cycle");
        params["virtual-media/poll-interval"] = json!(200);
        if let Some(image_server) = self.image_server {
            params["virtual-media/image-url"] = json!(format!("http://{image_server}"));
        }
        self.server.add_machine(&node.object(params))?;
        let pair = Pair { node, firmware, machine };
        same("the number of systems", &self.lab.systems(machine).await?, &1)?;
        for family in families {
            self.round(&pair, *family).await.map_err(|failure| {
                let evidence = self.lab.said_last(machine) + &tail("the plugin", &self.server.stderr());
                failure.with(&format!("the {family:?} template in {firmware:?}"), &evidence)
            })?;
        }
        Ok(())
    }

    /// Into Sledgehammer, where the machine boots, and back to `local`, where its medium is gone.
    async fn round(&self, pair: &Pair<'_>, family: Family) -> Result {
        let Pair { node, firmware, machine } = pair;
        answered(self.server.set_param(node.uuid, "virtual-media/template", self.name_of(family))).await?;

        let turn = turn().await?;
        // On and without a medium: the cycle is a real one, and the serial port has forgotten the boot before.
        answered(self.server.action(node.uuid, "poweron", json!({}))).await?;
        let answer = answered(self.server.set_bootenv(node.uuid, "sledgehammer")).await?;
        same("the outcome", &answer.outcome.as_str(), &"Mounted")?;
        let url = answer.url.unwrap_or_default();
        self.is_there(node, &url).await?;
        same("the medium", &self.lab.medium(machine).await?, &(url.clone(), true))?;
        same("what booted", &Booted::on(&machine.serial).await?, &Booted::expected(node, family, *firmware))?;
        self.lab.off(machine).await?;
        drop(turn);

        let answer = answered(self.server.set_bootenv(node.uuid, "local")).await?;
        same("the outcome", &answer.outcome.as_str(), &"Unmounted")?;
        same("the medium", &self.lab.medium(machine).await?, &(String::new(), false))?;
        self.is_gone(node, &url).await
    }

    /// What the service was told to mount. It reads all of an image before it says that it has mounted it, so of one that the plugin serves
    /// the boot has come as far as reads can tell before the machine has begun it.
    async fn is_there(&self, node: &Node, url: &str) -> Result {
        let Some(image_server) = self.image_server else {
            let file = format!("{}dynamic_isos/{}/sledgehammer/boot.iso", self.files.url(), node.uuid);
            return same("the image", &url, &file.as_str());
        };
        let begins = format!("http://{image_server}/dynamic_isos/{}/sledgehammer/", node.uuid);
        same("whether the plugin serves it", &(url.starts_with(&begins), url), &(true, url))?;
        until_done(&self.server, node.uuid).await
    }

    async fn is_gone(&self, node: &Node, url: &str) -> Result {
        let images = self.webroot.path().join("dynamic_isos").join(node.uuid);
        if self.image_server.is_none() {
            return same("the number of images left", &std::fs::read_dir(images.join("sledgehammer"))?.count(), &0);
        }
        same("whether an image was written", &images.exists(), &false)?;
        let client = reqwest::Client::builder().no_proxy().build()?;
        same("the answer to its URL", &client.head(url).send().await?.status().as_u16(), &404)
    }

    /// How the machine's Param names the template; null where the newest exploded one is meant.
    fn name_of(&self, family: Family) -> Value {
        let template = self.templates.of(family);
        match family {
            Family::Grub => json!(template.source),
            Family::Isolinux => json!(template.signature),
            Family::Signed => Value::Null,
        }
    }

    async fn end(self) -> Result {
        same("what the plugin said that was no answer", &self.server.strays(), &Vec::new())?;
        same("whether the plugin ended well", &self.server.stop().await?.success(), &true)
    }
}
