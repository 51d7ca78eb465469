//! The workflows of the content pack, walked through by an agent as the server sees one (drp-protocol 7.4).

use drp_virtual_media_sim::bmc::{Bmc, Device, Fault, Matcher, Personality};
use drp_virtual_media_sim::dr_provision::{AgentRun, AgentStop};
use serde_json::{Value, json};

use crate::site::{Site, images};

const REBOOT: AgentStop = AgentStop::Reboot { next_boot_pxe: true };

#[tokio::test(flavor = "multi_thread")]
async fn a_running_agent_reboots_into_sledgehammer_from_every_vendors_virtual_cd_and_back_in_band() {
    let site = Site::start().await;
    let machines = Personality::ALL.iter().map(async |personality| {
        let (machine, bmc) = site.machine_without_request(*personality).await;
        assert_eq!(walk(&site, &machine, "virtual-media-sledgehammer").await.stop, REBOOT, "{personality}");
        assert_eq!(site.server.machine(&machine)["BootEnv"], "sledgehammer", "{personality}");
        assert_eq!(reboot(&site, &machine, &bmc).await, (Device::VirtualCd, Some(site.url(&machine))), "{personality}");
        let run = site.server.run_agent_once(&machine).await.unwrap();
        assert_eq!(run.stop, AgentStop::Done, "{personality}");
        assert_eq!(site.server.machine(&machine)["WorkflowComplete"], true, "{personality}");

        let run = walk(&site, &machine, "virtual-media-in-band").await;
        assert_eq!(run, ran(&["virtual-media-disable"], AgentStop::Done), "{personality}");
        assert_eq!(images(&bmc), [""; 0], "{personality}");
        assert_ne!(reboot(&site, &machine, &bmc).await.0, Device::VirtualCd, "{personality}");
    });
    futures_util::future::join_all(machines).await;
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_workflow_mounted_is_not_pulled_from_under_the_machine_by_the_hook() {
    for personality in Personality::ALL {
        let site = Site::start().await;
        let (machine, bmc) = site.machine(*personality).await;
        site.until_state(&machine, |state| state["BootEnv"] == "local").await;
        assert_eq!(walk(&site, &machine, "virtual-media-sledgehammer").await.stop, REBOOT, "{personality}");
        let image = site.url(&machine);
        // The machine boots before, while or after the hook hears of the change.
        let booted = reboot(&site, &machine, &bmc).await;
        assert_eq!(booted, (Device::VirtualCd, Some(image.clone())), "{personality}");
        let handled = |state: &Value| state["BootEnv"] == "sledgehammer" && state["Phase"] == "Mounted";
        site.until_state(&machine, handled).await;
        assert_eq!(bmc.state().ejects, 0, "{personality}");
        assert_eq!(images(&bmc), [image], "{personality}");

        // The way out is the hook's. A workflow keeps the BootEnv as long as it is set.
        site.server.change_machine(&machine, |machine| machine["Workflow"] = json!("")).unwrap();
        site.server.set_bootenv(&machine, "local").unwrap();
        site.until_phase(&machine, "Unmounted").await;
        assert_eq!(images(&bmc), [""; 0], "{personality}");
        assert_ne!(reboot(&site, &machine, &bmc).await.0, Device::VirtualCd, "{personality}");
        site.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_is_out_of_date_is_mounted_anew_by_the_hook() {
    let site = Site::start().await;
    let (machine, bmc) = site.machine(Personality::Idrac9).await;
    site.server.set_param(&machine, "ipmi/virtual-media-boot", json!(true)).unwrap();
    for action in ["generateVirtualMedia", "mountVirtualMedia"] {
        site.server.action(&machine, action, json!({})).await.unwrap();
    }
    site.server.set_param(&machine, "kernel-options", json!("later=1")).unwrap();
    // What the BMC holds open, or has read already, is the image from before.
    site.server.action(&machine, "generateVirtualMedia", json!({})).await.unwrap();
    site.server.set_bootenv(&machine, "sledgehammer").unwrap();
    site.until_state(&machine, |state| state["BootEnv"] == "sledgehammer" && state["Phase"] == "Mounted").await;
    assert_eq!((bmc.state().ejects, images(&bmc)), (1, vec![site.url(&machine)]));
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_whose_bmc_lost_its_medium_or_holds_another_one_is_brought_back() {
    type Fate = fn(&Bmc);
    let fates: [(&str, Fate); 2] =
        [("lost", Bmc::eject_all), ("foreign", |bmc| bmc.mount_foreign("http://127.0.0.1/else.iso"))];
    let site = Site::start().await;
    for (name, fate) in fates {
        let (machine, bmc) = site.machine_without_request(Personality::Ilo5).await;
        walk(&site, &machine, "virtual-media-sledgehammer").await;
        assert_eq!(site.server.run_agent_once(&machine).await.unwrap().stop, AgentStop::Done, "{name}");
        fate(&bmc);
        // The agent runs in Sledgehammer, which lives in memory: it goes on, and the image is there for the next boot.
        assert_eq!(walk(&site, &machine, "virtual-media-recover").await.stop, AgentStop::Done, "{name}");
        let booted = reboot(&site, &machine, &bmc).await;
        assert_eq!(booted, (Device::VirtualCd, Some(site.url(&machine))), "{name}");
    }
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_fails_stops_the_workflow_before_the_bootenv_changes_and_goes_on_once_mended() {
    let site = Site::start().await;
    let (machine, bmc) = site.machine_without_request(Personality::Generic).await;
    bmc.fault(Matcher::any().method("POST").path_contains("InsertMedia"), Fault::Html(500));
    let run = walk(&site, &machine, "virtual-media-sledgehammer").await;
    let AgentStop::Failed(log) = run.stop else { panic!("{run:?}") };
    assert!(log.contains("mountVirtualMedia") && log.contains("500"), "{log}");
    assert_eq!(site.server.machine(&machine)["BootEnv"], "local");
    assert!(bmc.state().boots.is_empty());

    bmc.clear_faults();
    site.server.change_machine(&machine, |machine| machine["Runnable"] = json!(true)).unwrap();
    assert_eq!(site.server.run_agent_once(&machine).await.unwrap().stop, REBOOT);
    assert_eq!(images(&bmc), [site.url(&machine)]);
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_inventory_changes_nothing_on_the_bmc() {
    let site = Site::start().await;
    let (machine, bmc) = site.machine_without_request(Personality::Ilo5).await;
    let before = bmc.state();
    let run = walk(&site, &machine, "virtual-media-inventory").await;
    assert_eq!(run, ran(&["virtual-media-inventory"], AgentStop::Done));
    assert_eq!(bmc.state(), before);
    site.end().await;
}

fn ran(tasks: &[&str], stop: AgentStop) -> AgentRun {
    AgentRun { tasks: tasks.iter().map(|task| (*task).to_owned()).collect(), stop }
}

/// Sets the workflow and lets the machine's agent walk until it stops.
async fn walk(site: &Site, machine: &str, workflow: &str) -> AgentRun {
    site.server.change_machine(machine, |machine| machine["Workflow"] = json!(workflow)).unwrap();
    site.server.run_agent_once(machine).await.unwrap()
}

/// What a machine boots when it restarts, as after its agent's reboot.
async fn reboot(site: &Site, machine: &str, bmc: &Bmc) -> (Device, Option<String>) {
    site.server.action(machine, "powercycle", json!({})).await.unwrap();
    let boot = bmc.state().boots.last().cloned().unwrap();
    (boot.device, boot.image)
}
