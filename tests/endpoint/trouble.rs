//! What goes wrong between a server and its plugin: the machine ends in the right state all the same.

use std::fs;
use std::time::Duration;

use crate::site::{Site, images};
use drp_virtual_media_sim::bmc::{Fault, Matcher, Personality};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn changes_that_no_event_told_are_found_after_a_reconnect() {
    let site = Site::start().await;
    let (into, into_bmc) = site.machine(Personality::Ilo5).await;
    let (back, back_bmc) = site.machine(Personality::Idrac9).await;
    let (disabled, disabled_bmc) = site.machine(Personality::Generic).await;
    let (deleted, _deleted_bmc) = site.machine(Personality::Ilo6).await;
    for machine in [&back, &disabled, &deleted] {
        site.server.set_bootenv(machine, "sledgehammer").unwrap();
        site.until_phase(machine, "Mounted").await;
    }
    site.until_state(&into, |state| state["BootEnv"] == "local").await;

    site.server.drop_events(true);
    site.server.set_bootenv(&into, "sledgehammer").unwrap();
    site.server.set_bootenv(&back, "local").unwrap();
    site.server.remove_param(&disabled, "boot-virtual-iso").unwrap();
    site.server.delete_machine(&deleted).unwrap();
    site.server.kill_websockets();
    site.server.drop_events(false);

    site.until_phase(&into, "Mounted").await;
    site.until_phase(&back, "Unmounted").await;
    site.until_phase(&disabled, "Idle").await;
    assert_eq!(images(&into_bmc), [site.url(&into)]);
    assert_eq!((images(&back_bmc), images(&disabled_bmc)), (vec![], vec![]));
    assert!(!site.images_of(&disabled).exists());
    let gone = site.images_of(&deleted);
    site.end().await;
    assert!(!gone.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_away_during_a_transition_learns_its_outcome() {
    let site = Site::start().await;
    let (machine, bmc) = site.machine(Personality::Generic).await;
    bmc.fault(Matcher::any().method("POST").times(1), Fault::Delay(Duration::from_secs(1)));
    site.server.set_bootenv(&machine, "sledgehammer").unwrap();
    bmc.until(|bmc| bmc.requests().iter().any(|request| request.method == "POST")).await;
    site.server.go_offline().await;
    bmc.until(|bmc| bmc.state().boot_once.is_some()).await;
    site.server.come_back().await;
    site.until_phase(&machine, "Mounted").await;
    site.until_state(&machine, |state| state["BootOnce"] == true).await;
    assert_eq!(images(&bmc), [site.url(&machine)]);
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_killed_at_any_request_of_a_transition_ends_it_after_its_next_start() {
    let site = Site::start().await;
    for (bootenv, phase) in [("sledgehammer", "Mounted"), ("local", "Unmounted")] {
        let requests = transition(&site, bootenv, phase, None).await;
        for kill_at in 1..=requests {
            transition(&site, bootenv, phase, Some(kill_at)).await;
        }
    }
    site.end().await;
}

/// Brings a new machine into the BootEnv, with the plugin killed at one of its requests to the BMC. Answers how many
/// there were.
async fn transition(site: &Site, bootenv: &str, phase: &str, kill_at: Option<usize>) -> usize {
    let (machine, bmc) = site.machine(Personality::Ilo5).await;
    if bootenv == "local" {
        site.server.set_bootenv(&machine, "sledgehammer").unwrap();
        site.until_phase(&machine, "Mounted").await;
        site.until_state(&machine, |state| state["BootOnce"] == true).await;
    }
    let before = bmc.requests().len();
    if let Some(kill_at) = kill_at {
        bmc.fault(Matcher::any().nth(kill_at).times(1), Fault::HangAfter);
    }
    site.server.set_bootenv(&machine, bootenv).unwrap();
    if let Some(kill_at) = kill_at {
        bmc.until(|bmc| bmc.requests().len() >= before + kill_at).await;
        site.server.kill_plugin().await;
        bmc.clear_faults();
        site.server.restart_plugin().await.unwrap();
    }
    site.until_phase(&machine, phase).await;
    let mounted = if bootenv == "local" { vec![] } else { vec![site.url(&machine)] };
    assert_eq!(images(&bmc), mounted, "{bootenv}, killed at request {kill_at:?}");
    site.until_state(&machine, |state| state["BootOnce"] == (bootenv != "local")).await;
    assert_eq!(bmc.state().boot_once.is_some(), bootenv != "local", "{bootenv}, killed at request {kill_at:?}");
    let requests = bmc.requests().len() - before;
    site.server.delete_machine(&machine).unwrap();
    requests
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_change_a_machine_at_once_do_not_lose_each_others_words() {
    let site = Site::start().await;
    let (machine, _bmc) = site.machine(Personality::Generic).await;
    // The first tries of the plugin to write the state meet a machine that somebody else has changed meanwhile.
    site.server.refuse(&format!("PATCH /api/v3/machines/{machine}"), 3, 409);
    site.server.set_bootenv(&machine, "sledgehammer").unwrap();
    site.until_phase(&machine, "Mounted").await;
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn images_of_machines_deleted_while_the_plugin_was_away_are_removed() {
    let site = Site::start().await;
    let (machine, _bmc) = site.machine(Personality::Generic).await;
    let (other, _other_bmc) = site.machine(Personality::Generic).await;
    for machine in [&machine, &other] {
        site.server.set_bootenv(machine, "sledgehammer").unwrap();
        site.until_phase(machine, "Mounted").await;
    }
    let foreign = site.webroot.path().join("dynamic_isos/readme");
    fs::create_dir_all(&foreign).unwrap();
    site.server.kill_plugin().await;
    site.server.delete_machine(&machine).unwrap();
    site.server.restart_plugin().await.unwrap();
    site.until("the server's log", |site| {
        site.server
            .log_lines()
            .iter()
            .any(|line| line["Message"].as_str().is_some_and(|said| said.contains("is no more")))
    })
    .await;
    assert!(!site.images_of(&machine).exists());
    assert!(site.image(&other).is_file() && foreign.is_dir());
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_token_ends_the_plugin_with_one_clear_line() {
    let site = Site::start().await;
    site.until("the events", |site| !site.server.registered().is_empty()).await;
    site.server.expire_token();
    site.server.kill_websockets();
    // It says that it leaves on another connection than its log goes out on: either may come first.
    let told = |site: &Site| site.server.log_lines().iter().filter(|line| line.to_string().contains("token")).count();
    site.until("the plugin", |site| site.server.plugin_ended() && told(site) > 0).await;
    assert_eq!(told(&site), 1, "{}", site.server.stderr());
    let again = site.server.restart_plugin().await;
    assert!(again.is_ok() || again.unwrap_err().to_string().contains("token"), "a new token comes with a new process");
    site.fleet.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn images_past_the_limit_of_all_are_refused_with_its_param() {
    let site = Site::start().await;
    // Of a mebibyte, two images leave less than a third one has.
    site.server.configure_plugin(json!({"virtual-media/images-limit": 1})).await.unwrap();
    let mut machines = Vec::new();
    for phase in ["Mounted", "Mounted", "Failed"] {
        let (machine, bmc) = site.machine(Personality::Ilo5).await;
        site.server.set_bootenv(&machine, "sledgehammer").unwrap();
        site.until_phase(&machine, phase).await;
        machines.push((machine, bmc));
    }
    let (refused, bmc) = &machines[2];
    let error = site.state(refused)["LastError"].as_str().unwrap().to_owned();
    assert!(error.contains("raise Param virtual-media/images-limit"), "{error}");
    assert!(images(bmc).is_empty() && !site.image(refused).exists());
    site.end().await;
}
