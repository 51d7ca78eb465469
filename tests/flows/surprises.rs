//! What happens to a machine between two events: another BMC, parameters gone or mistyped, a cancel, events out of order.

use drp_virtual_media_sim::bmc::{Bmc, Fault, Matcher, Personality, Quirk};
use serde_json::{Value, json};

use crate::site::{Site, bmc_params};

const FOREIGN: &str = "http://127.0.0.1:9/somebody-elses.iso";

fn images(bmc: &Bmc) -> Vec<String> {
    bmc.state().slots.into_iter().filter_map(|slot| slot.image).collect()
}

/// An event that takes the machine from one BootEnv into another at this second.
fn event(site: &Site, uuid: &str, from: &str, to: &str, second: u32) -> Value {
    let mut before = site.server.machine(uuid).unwrap();
    before["BootEnv"] = json!(from);
    let mut after = before.clone();
    after["BootEnv"] = json!(to);
    json!({"Time": format!("2030-01-01T00:00:{second:02}Z"), "Type": "machines", "Action": "update", "Key": uuid,
           "Params": after["Params"], "Object": after, "Original": before})
}

#[tokio::test(flavor = "multi_thread")]
async fn our_medium_goes_also_where_the_bmc_does_not_show_its_url_and_an_unnamed_foreign_one_stays() {
    let site = Site::start().await;
    for (number, quirk) in [(1, Quirk::NamesFileOnly), (2, Quirk::HidesImage), (3, Quirk::DropsPort)] {
        let (uuid, bmc) = site.machine(number, Personality::Generic).await;
        bmc.quirk(quirk);
        site.server.set_bootenv(&uuid, "sledgehammer").await.unwrap();
        assert_eq!(images(&bmc), [site.url(&uuid)], "{quirk:?}");
        assert_eq!(site.server.set_bootenv(&uuid, "local").await.unwrap().outcome, "Unmounted", "{quirk:?}");
        assert!(images(&bmc).is_empty(), "{quirk:?}");

        bmc.mount_foreign(FOREIGN);
        site.server.set_bootenv(&uuid, "debian-12-install").await.unwrap();
        assert_eq!(images(&bmc), [FOREIGN], "{quirk:?}");
    }
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_medium_in_a_bmc_that_the_machine_no_longer_has_is_told() {
    let site = Site::start().await;
    let (uuid, old) = site.machine(1, Personality::Idrac9).await;
    site.server.set_param(&uuid, "virtual-media/tls-policy", json!("pin")).await.unwrap();
    site.server.set_bootenv(&uuid, "sledgehammer").await.unwrap();

    let new = site.fleet.add(Personality::Generic).await.unwrap();
    for (key, value) in bmc_params(&new).as_object().unwrap() {
        site.server.set_param(&uuid, key, value.clone()).await.unwrap();
    }
    new.mount_foreign(FOREIGN);
    let answer = site.server.set_bootenv(&uuid, "local").await.unwrap();
    let reason = answer.reason.unwrap_or_default();
    assert_eq!(answer.outcome, "Unmounted");
    for word in [&site.url(&uuid), &old.address().to_string(), &new.address().to_string()] {
        assert!(reason.contains(word), "no {word} in: {reason}");
    }
    assert_eq!(images(&old), [site.url(&uuid)], "another machine's BMC by now, perhaps");
    assert_eq!(images(&new), [FOREIGN]);
    assert_eq!(site.server.state(&uuid)["Bmc"], new.address().to_string());
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_that_vanish_with_a_medium_mounted_are_an_error_that_says_where_it_is() {
    let site = Site::start().await;
    let (uuid, bmc) = site.machine(1, Personality::Ilo5).await;
    site.server.set_bootenv(&uuid, "sledgehammer").await.unwrap();
    site.server.remove_param(&uuid, "ipmi/address").await.unwrap();

    let error = site.server.set_bootenv(&uuid, "local").await.unwrap_err();
    assert_eq!(error.data["Code"], 400);
    for word in ["m1.example.net", "ipmi/address", &site.url(&uuid), &bmc.address().to_string()] {
        assert!(error.message.contains(word), "no {word} in: {}", error.message);
    }
    let state = site.server.state(&uuid);
    assert_eq!((&state["Phase"], &state["Url"]), (&json!("Failed"), &json!(site.url(&uuid))));
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flag_of_the_wrong_type_is_an_error_that_names_the_machine_and_keeps_nobody_from_deleting_it() {
    let site = Site::start().await;
    let (uuid, bmc) = site.machine(1, Personality::Generic).await;
    site.server.set_bootenv(&uuid, "sledgehammer").await.unwrap();
    let error = site.server.set_param(&uuid, "boot-virtual-iso", json!("true")).await.unwrap_err();
    assert_eq!(error.data["Code"], 400);
    for word in ["m1.example.net", "boot-virtual-iso", "a string", "a boolean"] {
        assert!(error.message.contains(word), "no {word} in: {}", error.message);
    }
    assert_eq!(images(&bmc), [site.url(&uuid)]);
    assert_eq!(site.server.delete_machine(&uuid).await.unwrap().outcome, "Cleaned");
    assert!(images(&bmc).is_empty() && !site.images_of(&uuid).exists());
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_transition_leaves_a_state_that_the_next_one_starts_from() {
    let site = Site::start().await;
    let (uuid, bmc) = site.machine(1, Personality::Generic).await;
    // Whose URL it is cannot be read off this BMC: what is known is in the state alone.
    bmc.quirk(Quirk::HidesImage);
    bmc.fault(Matcher::any().method("PATCH"), Fault::Hang);
    let sent = site.server.send_bootenv(&uuid, "sledgehammer").unwrap();
    bmc.until(|bmc| bmc.requests().iter().any(|request| request.method == "PATCH")).await;
    // Sent before the cancel: what comes with it knows nothing of the mount. The first is superseded once the second waits.
    let [between, next] = [58, 59].map(|second| {
        let mut next = event(&site, &uuid, "sledgehammer", "local", second);
        for part in ["/Params", "/Object/Params", "/Original/Params"] {
            next.pointer_mut(part).unwrap().as_object_mut().unwrap().remove("virtual-media/state");
        }
        site.server.send("event", &next)
    });
    assert_eq!(between.answer().await.unwrap()["Outcome"], "Superseded");
    site.server.cancel(sent.id());
    let error = sent.answer().await.unwrap_err();
    assert_eq!(error.code, -32800);
    assert!(error.data["Done"].to_string().contains("inserted"), "{}", error.data);

    bmc.clear_faults();
    assert_eq!(next.answer().await.unwrap()["Outcome"], "Unmounted");
    assert!(images(&bmc).is_empty());
    let states: Vec<_> = site.server.notices().into_iter().filter(|notice| notice.method == "publish").collect();
    let told = states.iter().find(|notice| notice.params["Object"]["Phase"] == "Failed").unwrap();
    let last_error = told.params["Object"]["LastError"].as_str().unwrap();
    assert!(last_error.contains("cut off") && last_error.contains("inserted"), "{last_error}");
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_event_does_not_take_the_place_of_a_newer_one_that_waits() {
    let site = Site::start().await;
    let (uuid, bmc) = site.machine(1, Personality::Generic).await;
    bmc.fault(Matcher::any().times(1), Fault::Hang);
    site.server.set_param(&uuid, "virtual-media/request-timeout", json!(2)).await.unwrap();
    let first = site.server.send("event", &event(&site, &uuid, "local", "sledgehammer", 1));
    bmc.until(|bmc| !bmc.requests().is_empty()).await;
    let newest = site.server.send("event", &event(&site, &uuid, "sledgehammer", "local", 3));
    let late = site.server.send("event", &event(&site, &uuid, "local", "sledgehammer", 2));
    assert_eq!(late.answer().await.unwrap()["Outcome"], "Superseded");
    assert_eq!(newest.answer().await.unwrap()["Outcome"], "Unmounted");
    // However the first ended, it was before the newest.
    let _ = first.answer().await;
    assert!(images(&bmc).is_empty());
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_disabled_while_its_image_is_mounted_is_cleaned_up() {
    let site = Site::start().await;
    let (uuid, bmc) = site.machine(1, Personality::Generic).await;
    // The image is in, and the answer stays away until the next event waits.
    bmc.fault(Matcher::any().method("POST").times(1), Fault::HangAfter);
    site.server.set_param(&uuid, "virtual-media/request-timeout", json!(2)).await.unwrap();
    let first = event(&site, &uuid, "local", "sledgehammer", 1);
    // The flag is a profile's, and so is its end: neither side of the change shows it, nor does the state yet.
    let mut second = event(&site, &uuid, "sledgehammer", "sledgehammer", 2);
    for part in ["/Params", "/Object/Params", "/Original/Params"] {
        second.pointer_mut(part).unwrap().as_object_mut().unwrap().remove("boot-virtual-iso");
    }
    let first = site.server.send("event", &first);
    bmc.until(|bmc| bmc.requests().iter().any(|request| request.method == "POST")).await;
    let second = site.server.send("event", &second);
    assert_eq!(first.answer().await.unwrap()["Outcome"], "Mounted");
    assert_eq!(second.answer().await.unwrap()["Outcome"], "Cleaned");
    assert!(images(&bmc).is_empty() && !site.images_of(&uuid).exists());
    site.end().await;
}
