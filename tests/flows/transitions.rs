//! The BootEnv hook: in, out, cleaned up, repeated, out of order, killed half way.

use std::fs;

use drp_virtual_media_sim::bmc::{Device, Fault, Matcher, Personality, Power};
use serde_json::json;

use crate::site::{Site, bmc_params, uuid};

#[tokio::test(flavor = "multi_thread")]
async fn every_vendor_goes_into_sledgehammer_and_back() {
    let site = Site::start().await;
    let machines = Personality::ALL.iter().zip(1..).map(async |(personality, number)| {
        let (uuid, bmc) = site.machine(number, *personality).await;

        let answer = site.server.set_bootenv(&uuid, "sledgehammer").await.unwrap();
        let url = site.url(&uuid);
        assert_eq!((answer.outcome.as_str(), answer.url.as_deref()), ("Mounted", Some(url.as_str())), "{personality}");
        assert!(
            bmc.state().slots.iter().any(|slot| slot.inserted && slot.image.as_deref() == Some(&url)),
            "{personality}"
        );
        assert_eq!(site.server.state(&uuid)["Phase"], "Mounted", "{personality}");
        assert_eq!(site.server.state(&uuid)["BootOnce"], true, "{personality}");
        assert!(bmc.state().boots.is_empty(), "{personality}: nobody asked for a boot");

        site.server.action(&uuid, "powercycle", json!({})).await.unwrap();
        bmc.until(|bmc| bmc.state().boots.iter().any(|boot| boot.device == Device::VirtualCd)).await;
        let boot = bmc.state().boots.last().cloned().unwrap();
        assert_eq!((boot.device, boot.image.as_deref()), (Device::VirtualCd, Some(url.as_str())), "{personality}");

        let answer = site.server.set_bootenv(&uuid, "local").await.unwrap();
        assert_eq!(answer.outcome, "Unmounted", "{personality}");
        assert!(bmc.state().slots.iter().all(|slot| !slot.inserted), "{personality}");
        assert!(!site.image(&uuid).exists() && site.images_of(&uuid).join("sledgehammer").is_dir(), "{personality}");
        assert_eq!(site.server.state(&uuid)["Phase"], "Unmounted", "{personality}");
        assert_eq!(bmc.state().sessions, 0, "{personality}: a session was left behind");
    });
    futures_util::future::join_all(machines).await;
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transition_switches_the_power_only_where_the_machine_says_so() {
    let site = Site::start().await;
    let cases = [("none", Power::Off, 0), ("on", Power::On, 1), ("cycle", Power::On, 1)];
    for ((word, power, boots), number) in cases.into_iter().zip(1..) {
        let (uuid, bmc) = site.machine(number, Personality::Ilo5).await;
        bmc.set_power(false);
        site.server.set_param(&uuid, "virtual-media/power-on-transition", json!(word)).await.unwrap();
        let before = bmc.state().boots.len();
        site.server.set_bootenv(&uuid, "sledgehammer").await.unwrap();
        assert_eq!((bmc.state().power, bmc.state().boots.len() - before), (power, boots), "{word}");
    }
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_bootenv_change_nothing_happens() {
    let site = Site::start().await;
    let (uuid, bmc) = site.machine(1, Personality::Generic).await;
    for (key, value) in [("kernel-options", json!("quiet")), ("ipmi/virtual-media-boot", json!(true))] {
        let answer = site.server.set_param(&uuid, key, value).await.unwrap();
        assert_eq!(
            (answer.outcome.as_str(), answer.reason.as_deref()),
            ("Ignored", Some("the BootEnv did not change"))
        );
    }
    assert_eq!(bmc.requests().len(), 0);
    assert!(!site.images_of(&uuid).exists());
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_param_and_a_deleted_machine_leave_nothing_of_ours() {
    let site = Site::start().await;
    let (first, first_bmc) = site.machine(1, Personality::Idrac9).await;
    let (second, second_bmc) = site.machine(2, Personality::Ilo5).await;
    let (third, third_bmc) = site.machine(3, Personality::Generic).await;
    for uuid in [&first, &second, &third] {
        assert_eq!(site.server.set_bootenv(uuid, "sledgehammer").await.unwrap().outcome, "Mounted");
    }

    assert_eq!(site.server.remove_param(&first, "boot-virtual-iso").await.unwrap().outcome, "Cleaned");
    assert_eq!(site.server.delete_machine(&second).await.unwrap().outcome, "Cleaned");

    for (uuid, bmc) in [(&first, &first_bmc), (&second, &second_bmc)] {
        assert!(bmc.state().slots.iter().all(|slot| !slot.inserted));
        assert!(!site.images_of(uuid).exists());
    }
    assert_eq!(site.server.state(&first)["Phase"], "Idle");
    assert!(third_bmc.state().slots.iter().any(|slot| slot.inserted), "another machine's medium was touched");
    assert!(site.image(&third).exists());
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_media_makes_room_for_ours_and_is_left_alone_otherwise() {
    const FOREIGN: &str = "http://127.0.0.1:9/somebody-elses.iso";
    let site = Site::start().await;
    for (personality, number) in [(Personality::Generic, 1), (Personality::Idrac9Early, 2), (Personality::Ilo5, 3)] {
        let (uuid, bmc) = site.machine(number, personality).await;
        bmc.mount_foreign(FOREIGN);
        assert_eq!(site.server.set_bootenv(&uuid, "sledgehammer").await.unwrap().outcome, "Mounted", "{personality}");
        let images: Vec<_> = bmc.state().slots.into_iter().filter_map(|slot| slot.image).collect();
        assert_eq!(images, [site.url(&uuid)], "{personality}");

        // Somebody takes the drive back before the machine leaves.
        site.server.action(&uuid, "unmountVirtualMedia", json!({})).await.unwrap();
        bmc.mount_foreign(FOREIGN);
        assert_eq!(site.server.set_bootenv(&uuid, "local").await.unwrap().outcome, "Unmounted", "{personality}");
        let images: Vec<_> = bmc.state().slots.into_iter().filter_map(|slot| slot.image).collect();
        assert_eq!(images, [FOREIGN], "{personality}");
    }
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_latest_of_many_changes_wins_and_those_between_are_superseded() {
    let site = Site::start().await;
    let (uuid, bmc) = site.machine(1, Personality::Generic).await;
    // The first transition stays at the BMC until all the others are waiting.
    bmc.fault(Matcher::any().times(1), Fault::Hang);
    site.server.set_param(&uuid, "virtual-media/request-timeout", json!(2)).await.unwrap();

    let first = site.server.send_bootenv(&uuid, "sledgehammer").unwrap();
    bmc.until(|bmc| !bmc.requests().is_empty()).await;
    let between = [
        site.server.send_bootenv(&uuid, "local").unwrap(),
        site.server.send_bootenv(&uuid, "sledgehammer").unwrap(),
        site.server.send_bootenv(&uuid, "local").unwrap(),
    ];
    let last = site.server.send_bootenv(&uuid, "sledgehammer").unwrap();

    for sent in between {
        assert_eq!(sent.answer().await.unwrap()["Outcome"], "Superseded");
    }
    assert_eq!(last.answer().await.unwrap()["Outcome"], "Mounted");
    // However the first ended, it was before the last.
    let _ = first.answer().await;
    assert_eq!(site.server.state(&uuid)["Phase"], "Mounted");
    assert!(bmc.state().slots.iter().any(|slot| slot.image == Some(site.url(&uuid))));
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_event_changes_nothing_and_an_older_one_is_ignored() {
    let site = Site::start().await;
    let (uuid, bmc) = site.machine(1, Personality::Idrac9).await;
    let event = |machine: serde_json::Value, time: &str| {
        let mut before = machine.clone();
        before["BootEnv"] = json!("local");
        let mut after = machine.clone();
        after["BootEnv"] = json!("sledgehammer");
        json!({"Time": time, "Type": "machines", "Action": "update", "Key": machine["Uuid"], "Object": after,
               "Original": before, "Params": machine["Params"]})
    };
    let noon = event(site.server.machine(&uuid).unwrap(), "2026-01-01T12:00:00Z");
    assert_eq!(site.server.call_raw("event", noon).await.unwrap()["Outcome"], "Mounted");
    let image = fs::read(site.image(&uuid)).unwrap();
    let asked = bmc.requests().len();

    for (time, reason) in [
        ("2026-01-01T12:00:00Z", "this change was handled already"),
        ("2026-01-01T11:59:59Z", "a later change of this machine was handled already"),
    ] {
        let again = event(site.server.machine(&uuid).unwrap(), time);
        let answer = site.server.call_raw("event", again).await.unwrap();
        assert_eq!((&answer["Outcome"], &answer["Reason"]), (&json!("Ignored"), &json!(reason)));
    }
    assert_eq!(bmc.requests().len(), asked);

    // A server that lost the state has it done again, with the same result.
    let mut forgetful = event(site.server.machine(&uuid).unwrap(), "2026-01-01T12:00:00Z");
    for part in ["/Params", "/Object/Params", "/Original/Params"] {
        forgetful.pointer_mut(part).unwrap().as_object_mut().unwrap().remove("virtual-media/state");
    }
    assert_eq!(site.server.call_raw("event", forgetful).await.unwrap()["Outcome"], "Mounted");
    assert_eq!(fs::read(site.image(&uuid)).unwrap(), image);
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_killed_at_any_request_of_a_transition_is_right_after_the_next_start() {
    // How many requests a transition takes without a kill.
    let site = Site::start().await;
    let (uuid, bmc) = site.machine(1, Personality::Idrac9Early).await;
    site.server.set_bootenv(&uuid, "sledgehammer").await.unwrap();
    let requests = bmc.requests().len();
    site.end().await;

    for kill_at in 1..=requests {
        let site = Site::start().await;
        let (uuid, bmc) = site.machine(1, Personality::Idrac9Early).await;
        bmc.fault(Matcher::any().nth(kill_at).times(1), Fault::HangAfter);
        let sent = site.server.send_bootenv(&uuid, "sledgehammer").unwrap();
        bmc.until(|bmc| bmc.requests().len() >= kill_at).await;
        site.server.kill().await.unwrap();
        assert!(sent.answer().await.is_err());
        bmc.clear_faults();

        let again = site.restart().await;
        assert_eq!(again.set_bootenv(&uuid, "sledgehammer").await.unwrap().outcome, "Mounted", "killed at {kill_at}");
        let images: Vec<_> = bmc.state().slots.into_iter().filter_map(|slot| slot.image).collect();
        assert_eq!(images, [site.url(&uuid)], "killed at {kill_at}");
        assert_eq!(fs::read_dir(site.image(&uuid).parent().unwrap()).unwrap().count(), 1, "killed at {kill_at}");
        again.stop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_as_a_notification_does_the_same_work() {
    let site = Site::start().await;
    let (uuid, bmc) = site.machine(1, Personality::Ilo5).await;
    let machine = site.server.machine(&uuid).unwrap();
    let mut after = machine.clone();
    after["BootEnv"] = json!("sledgehammer");
    let event = json!({"Type": "machines", "Action": "save", "Key": uuid, "Object": after, "Original": machine,
                       "Params": machine["Params"]});
    site.server.notify("event", &event);
    bmc.until(|bmc| bmc.state().slots.iter().any(|slot| slot.image == Some(site.url(&uuid)))).await;
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_params_free_server_and_foreign_events_are_answered() {
    let site = Site::start().await;
    let cases = [
        (json!({"Type": "jobs", "Action": "update", "Key": "j"}), "it is not about a machine"),
        (json!({"Type": "machines", "Action": "create", "Key": "m"}), "it is no update, save or delete"),
        (
            json!({"Type": "machines", "Action": "update", "Key": uuid(9), "Object": {"Uuid": uuid(9), "BootEnv": "sledgehammer"}}),
            "boot-virtual-iso is not true",
        ),
    ];
    for (event, reason) in cases {
        let answer = site.server.call_raw("event", event).await.unwrap();
        assert_eq!((&answer["Outcome"], &answer["Reason"]), (&json!("Ignored"), &json!(reason)));
    }
    // A server that resolves nothing: what stands on the machine itself is enough.
    let bmc = site.fleet.add(Personality::Generic).await.unwrap();
    let mut params = bmc_params(&bmc);
    params["boot-virtual-iso"] = json!(true);
    let object = json!({"Uuid": uuid(8), "Name": "m8", "BootEnv": "sledgehammer", "Params": params});
    let event = json!({"Type": "machines", "Action": "update", "Key": uuid(8), "Object": object});
    assert_eq!(site.server.call_raw("event", event).await.unwrap()["Outcome"], "Mounted");
    site.end().await;
}
