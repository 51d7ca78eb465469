//! The plugin as dr-provision runs it boots machines through a Redfish service that is not ours: by events, by actions,
//! by a workflow's steps.
//!
//! The server is simulated; that it sends what a real one sends is tested beside it (`tests/sim`, `tests/drppy`).

use std::time::Duration;

use drp_virtual_media_sim::dr_provision::{AgentStop, DrProvision, Options};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::timeout;

use crate::failure::{Result, same};
use crate::lab::{Lab, Machine};
use crate::node::Node;
use crate::scripts::{Family, Firmware, Templates, turn};
use crate::serial::{Booted, tail};

/// What the server's Sledgehammer is made as; it is exploded, as a server has it.
const FAMILY: Family = Family::Signed;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "boots machines: needs tests/boot/install"]
async fn machines_boot_by_events_actions_and_workflows_of_dr_provision() -> Result {
    let site = Site::start().await?;
    let (uefi, bios) = (site.pair(Node::documented(), Firmware::Uefi)?, site.pair(Node::second(), Firmware::Bios)?);
    tokio::try_join!(
        async { site.by_events_and_actions(&uefi).await.map_err(|failure| site.explain(&uefi, failure)) },
        async { site.by_workflows(&bios).await.map_err(|failure| site.explain(&bios, failure)) },
    )?;
    site.end().await
}

/// A dr-provision with the plugin and a Sledgehammer, and the lab.
struct Site {
    lab: Lab,
    server: DrProvision,
    _webroot: TempDir,
}

/// A machine as the server knows it, and the one in the lab that plays it.
struct Pair<'a> {
    node: Node,
    firmware: Firmware,
    machine: &'a Machine,
}

impl Site {
    async fn start() -> Result<Self> {
        let templates = Templates::make().await?;
        let webroot = templates.webroot_of_its_own().await?;
        let mut options = Options::new(webroot.path()).program(env!("CARGO_BIN_EXE_virtual-media"));
        options.signature.clone_from(&templates.of(FAMILY).signature);
        Ok(Self { lab: Lab::start()?, server: DrProvision::start(options).await?, _webroot: webroot })
    }

    fn pair(&self, node: Node, firmware: Firmware) -> Result<Pair<'_>> {
        let machine = self.lab.machine(firmware);
        let mut params = self.lab.params(machine);
        params["virtual-media/poll-interval"] = json!(200);
        params["boot-virtual-iso"] = json!(false);
        self.server.add_machine(&node.object(params))?;
        Ok(Pair { node, firmware, machine })
    }

    /// The hook and the five actions.
    async fn by_events_and_actions(&self, pair: &Pair<'_>) -> Result {
        let uuid = pair.node.uuid;
        self.server.set_param(uuid, "boot-virtual-iso", json!(true))?;
        self.boots(pair, async {
            self.server.set_bootenv(uuid, "sledgehammer")?;
            self.until_phase(pair, "Mounted").await?;
            self.action(pair, "powercycle", json!({})).await
        })
        .await?;
        self.server.set_bootenv(uuid, "local")?;
        self.until_phase(pair, "Unmounted").await?;
        self.is_out(pair).await?;

        self.server.remove_param(uuid, "boot-virtual-iso")?;
        self.until_phase(pair, "Idle").await?;
        self.boots(pair, async {
            self.action(pair, "generateVirtualMedia", json!({})).await?;
            self.action(pair, "mountVirtualMedia", json!({ "ipmi/virtual-media-boot": true })).await?;
            let status = self.action(pair, "statusVirtualMedia", json!({})).await?;
            same("statusVirtualMedia", &status, &json!({ "Image": self.url(pair), "Inserted": true }))?;
            self.action(pair, "powercycle", json!({})).await
        })
        .await?;
        self.action(pair, "unmountVirtualMedia", json!({})).await?;
        self.is_out(pair).await?;

        self.boots(pair, self.action(pair, "bootVirtualMedia", json!({}))).await
    }

    /// The content pack's workflows, with the agent's part played: it asks for work, and it reboots.
    async fn by_workflows(&self, pair: &Pair<'_>) -> Result {
        let uuid = pair.node.uuid;
        self.boots(pair, async {
            same(
                "the agent",
                &self.walk(pair, "virtual-media-sledgehammer").await?,
                &AgentStop::Reboot { next_boot_pxe: true },
            )?;
            self.action(pair, "powercycle", json!({})).await
        })
        .await?;
        same("Sledgehammer's agent", &self.server.run_agent_once(uuid).await?.stop, &AgentStop::Done)?;
        same("the BootEnv", &self.server.machine(uuid)["BootEnv"], &json!("sledgehammer"))?;

        // The BMC loses its medium; the machine runs on, and boots it at its next start.
        self.action(pair, "unmountVirtualMedia", json!({})).await?;
        self.boots(pair, async {
            same("the agent", &self.walk(pair, "virtual-media-recover").await?, &AgentStop::Done)?;
            self.action(pair, "powercycle", json!({})).await
        })
        .await?;

        same("the agent", &self.walk(pair, "virtual-media-in-band").await?, &AgentStop::Done)?;
        self.is_out(pair).await
    }

    /// Sets the workflow and lets the agent walk until it stops.
    async fn walk(&self, pair: &Pair<'_>, workflow: &str) -> Result<AgentStop> {
        self.server.change_machine(pair.node.uuid, |machine| machine["Workflow"] = json!(workflow))?;
        Ok(self.in_time(self.server.run_agent_once(pair.node.uuid)).await??.stop)
    }

    /// The machine, which is on, boots its own image when it is started as given.
    async fn boots(&self, pair: &Pair<'_>, start: impl Future<Output = Result<Value>>) -> Result {
        let Pair { node, firmware, machine } = pair;
        let turn = turn().await?;
        // On and without a medium: the cycle is a real one, and the serial port has forgotten the boot before.
        self.action(pair, "poweron", json!({})).await?;
        start.await?;
        same("the medium", &self.lab.medium(machine).await?, &(self.url(pair), true))?;
        same("what booted", &Booted::on(&machine.serial).await?, &Booted::expected(node, FAMILY, *firmware))?;
        self.lab.off(machine).await?;
        drop(turn);
        Ok(())
    }

    async fn is_out(&self, pair: &Pair<'_>) -> Result {
        same("the medium", &self.lab.medium(pair.machine).await?, &(String::new(), false))
    }

    async fn action(&self, pair: &Pair<'_>, command: &str, params: Value) -> Result<Value> {
        Ok(self.in_time(self.server.action(pair.node.uuid, command, params)).await??)
    }

    async fn until_phase(&self, pair: &Pair<'_>, phase: &str) -> Result {
        let state = || self.server.param(pair.node.uuid, "virtual-media/state");
        let reached = self.in_time(self.server.until(|_| state()["Phase"] == phase)).await;
        reached.map_err(|_| format!("not {phase}: {}", state()).into())
    }

    /// Waits for the plugin, which needs some seconds, but no longer than a minute.
    async fn in_time<T>(&self, work: impl Future<Output = T>) -> Result<T> {
        Ok(timeout(Duration::from_mins(1), work).await.map_err(|_| "the plugin did not do it within a minute")?)
    }

    fn url(&self, pair: &Pair<'_>) -> String {
        format!("{}dynamic_isos/{}/sledgehammer/boot.iso", self.server.fileserver(), pair.node.uuid)
    }

    /// What went wrong, with the last words of all who took part.
    fn explain(&self, pair: &Pair<'_>, failure: crate::failure::Failure) -> crate::failure::Failure {
        let evidence = self.lab.said_last(pair.machine) + &tail("the plugin", &self.server.stderr());
        failure.with(&format!("{:?}", pair.firmware), &evidence)
    }

    async fn end(self) -> Result {
        same("what the plugin said that was no answer", &self.server.strays(), &Vec::new())?;
        Ok(self.server.stop().await?)
    }
}
