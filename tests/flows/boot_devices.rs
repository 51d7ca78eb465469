//! `nextboot…` and `forceboot…` as operators, workflows and a machine's agent call them: answers, effects, the state.

use std::time::Duration;

use drp_virtual_media_sim::bmc::{Bmc, Device, Fault, Matcher, Personality, Quirk};
use serde_json::{Value, json};

use crate::site::Site;

async fn act(site: &Site, uuid: &str, command: &str, params: Value) -> Value {
    let answer = site.server.action(uuid, command, params).await;
    answer.unwrap_or_else(|error| panic!("{command}: {}", error.message))
}

/// Starts the machine anew and gives what it booted.
async fn boot(site: &Site, uuid: &str, bmc: &Bmc) -> Device {
    let before = bmc.state().boots.len();
    act(site, uuid, "powercycle", json!({})).await;
    bmc.until(|bmc| bmc.state().boots.len() > before).await;
    bmc.state().boots.last().unwrap().device
}

fn writes(bmc: &Bmc) -> usize {
    bmc.requests().iter().filter(|request| request.method != "GET").count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_firmware_mode_may_be_said_on_every_vendor_and_the_state_says_whether_a_cd_is_to_come() {
    let site = Site::start().await;
    for (personality, number) in Personality::ALL.iter().zip(1..) {
        let (uuid, _) = site.machine(number, *personality).await;
        for (command, device, mode) in [
            ("nextbootcd", "Cd", json!("uefi")),
            ("nextbootdisk", "Hdd", json!("legacy-bios")),
            ("nextbootpxe", "Pxe", json!(null)),
        ] {
            let answer = act(&site, &uuid, command, json!({"detected-bios-mode": mode})).await;
            assert_eq!(answer, json!({"BootDevice": device, "Enabled": "Once"}), "{personality} {command}");
            assert_eq!(site.server.state(&uuid)["BootOnce"], device == "Cd", "{personality} {command}");
        }
    }
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agents_nextbootpxe_leaves_the_boot_from_our_image_alone_until_it_is_done() {
    let site = Site::start().await;
    for (personality, number) in Personality::ALL.iter().zip(1..) {
        let (uuid, bmc) = site.machine(number, *personality).await;
        site.server.set_bootenv(&uuid, "sledgehammer").await.unwrap();
        let before = writes(&bmc);
        let kept = act(&site, &uuid, "nextbootpxe", json!({})).await;
        assert_eq!((&kept["BootDevice"], &kept["Enabled"]), (&json!("Cd"), &json!("Once")), "{personality}");
        let why = kept["Kept"].as_str().unwrap();
        for part in [site.url(&uuid).as_str(), "unmountVirtualMedia", "virtual-media/keep-boot-once"] {
            assert!(why.contains(part), "{personality}: {part:?} is not in {why:?}");
        }
        assert_eq!(writes(&bmc), before, "{personality}");
        assert_eq!(site.server.state(&uuid)["BootOnce"], true, "{personality}");
        assert_eq!(boot(&site, &uuid, &bmc).await, Device::VirtualCd, "{personality}");

        // The state still says so; the BMC knows better.
        assert_eq!(site.server.state(&uuid)["BootOnce"], true, "{personality}");
        let set = json!({"BootDevice": "Pxe", "Enabled": "Once"});
        assert_eq!(act(&site, &uuid, "nextbootpxe", json!({})).await, set, "{personality}");
        assert_eq!(site.server.state(&uuid)["BootOnce"], false, "{personality}");
        assert_eq!(boot(&site, &uuid, &bmc).await, Device::Pxe, "{personality}");
    }
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agents_nextbootpxe_that_comes_while_the_image_is_being_mounted_leaves_the_boot_from_it_alone() {
    let site = Site::start().await;
    let (uuid, bmc) = site.machine(1, Personality::Generic).await;
    bmc.fault(Matcher::any().method("POST").times(1), Fault::Delay(Duration::from_secs(1)));
    let mut notices = site.server.subscribe();
    let transition = site.server.send_bootenv(&uuid, "sledgehammer").unwrap();
    bmc.until(|bmc| bmc.requests().iter().any(|request| request.method == "POST")).await;
    // The server has read what was said before the insert.
    while site.server.state(&uuid)["Url"] != site.url(&uuid) {
        notices.recv().await.unwrap();
    }
    // What comes with it says nothing of a boot once; it waits for its turn on the BMC.
    let agent = site.server.send_action(&uuid, "nextbootpxe", json!({})).unwrap();
    assert_eq!(transition.answer().await.unwrap()["Outcome"], "Mounted");
    assert!(agent.answer().await.unwrap()["Kept"].is_string());
    assert_eq!(
        (&site.server.state(&uuid)["Phase"], &site.server.state(&uuid)["BootOnce"]),
        (&json!("Mounted"), &json!(true))
    );
    assert_eq!(boot(&site, &uuid, &bmc).await, Device::VirtualCd);
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_who_means_the_network_gets_it() {
    let site = Site::start().await;
    let (uuid, bmc) = site.machine(1, Personality::Idrac9).await;
    let set = json!({"BootDevice": "Pxe", "Enabled": "Once"});
    let mount = async || {
        act(&site, &uuid, "generateVirtualMedia", json!({})).await;
        act(&site, &uuid, "mountVirtualMedia", json!({"ipmi/virtual-media-boot": true})).await;
        assert!(act(&site, &uuid, "nextbootpxe", json!({})).await["Kept"].is_string());
    };

    mount().await;
    let params = json!({"virtual-media/keep-boot-once": false});
    assert_eq!(act(&site, &uuid, "nextbootpxe", params).await, set, "overruled");
    assert_eq!(boot(&site, &uuid, &bmc).await, Device::Pxe);

    mount().await;
    act(&site, &uuid, "unmountVirtualMedia", json!({})).await;
    assert_eq!(act(&site, &uuid, "nextbootpxe", json!({})).await, set, "unmounted");

    // Somebody took the medium out on the BMC's own page: what is pending boots nothing.
    mount().await;
    bmc.eject_all();
    assert_eq!(act(&site, &uuid, "nextbootpxe", json!({})).await, set, "ejected");

    // Somebody else's image is not ours to keep a boot for.
    act(&site, &uuid, "unmountVirtualMedia", json!({})).await;
    bmc.mount_foreign("http://elsewhere/rescue.iso");
    bmc.set_boot_once("Cd");
    assert_eq!(act(&site, &uuid, "nextbootpxe", json!({})).await, set, "somebody else's");
    bmc.eject_all();

    // Everything else that sets a device means it.
    for (command, device, enabled) in
        [("nextbootdisk", "Hdd", "Once"), ("forcebootpxe", "Pxe", "Continuous"), ("forcebootdisk", "Hdd", "Continuous")]
    {
        mount().await;
        let answer = act(&site, &uuid, command, json!({})).await;
        assert_eq!(answer, json!({"BootDevice": device, "Enabled": enabled}), "{command}");
        assert_eq!(site.server.state(&uuid)["BootOnce"], false, "{command}");
    }
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_set_is_one_clear_error() {
    let site = Site::start().await;
    let (uuid, bmc) = site.machine(1, Personality::Generic).await;
    bmc.quirk(Quirk::NoContinuous);
    let error = site.server.action(&uuid, "forcebootpxe", json!({})).await.unwrap_err();
    assert_eq!(error.data["Code"], 404);
    for part in ["m1.example.net", "from now on from the network", "Once, Disabled only", "nextboot…"] {
        assert!(error.message.contains(part), "{part:?} is not in {:?}", error.message);
    }
    for (params, part) in [
        (json!({"detected-bios-mode": true}), "detected-bios-mode is a boolean"),
        (json!({"virtual-media/keep-boot-once": "no"}), "virtual-media/keep-boot-once is a string"),
    ] {
        let error = site.server.action(&uuid, "nextbootpxe", params).await.unwrap_err();
        assert_eq!(error.data["Code"], 400);
        assert!(error.message.contains(part), "{part:?} is not in {:?}", error.message);
    }
    assert_eq!(writes(&bmc), 0);
    site.end().await;
}
