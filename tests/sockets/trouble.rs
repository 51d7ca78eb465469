//! Actions on simulated BMCs that a stop cuts off: what they leave is what they say.

use drp_virtual_media_sim::bmc::{Bmc, Fault, Fleet, Matcher, Personality};
use drp_virtual_media_sim::files::FileServer;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::{ACTION, Answer, post};
use crate::host::{NONE, Place, Plugin};

/// A file server with an image, and the image's URL.
async fn image() -> (TempDir, FileServer, String) {
    let webroot = tempfile::tempdir().unwrap();
    std::fs::write(webroot.path().join("boot.iso"), "an image").unwrap();
    let files = FileServer::start(webroot.path()).await.unwrap();
    let url = format!("{}boot.iso", files.url());
    (webroot, files, url)
}

fn mount(bmc: &Bmc, image: &str) -> Value {
    json!({
        "Command": "mountVirtualMedia", "Plugin": "vmedia",
        "Model": { "Uuid": "9f0c2a4e-1111-4222-8333-444455556666", "Name": "m1", "Params": {} },
        "Params": {
            "ipmi/mode": "redfish", "ipmi/address": bmc.address().ip().to_string(),
            "ipmi/port-redfish": bmc.address().port(), "ipmi/username": bmc.username(),
            "ipmi/password": bmc.password(), "ipmi/virtual-media-url": image, "ipmi/virtual-media-boot": true,
            "virtual-media/poll-interval": 10
        }
    })
}

/// Calls from a thread of its own, so that the simulated BMCs go on.
async fn call(plugin: &Plugin, body: &Value) -> Answer {
    let mut client = plugin.send(&post(ACTION, &body.to_string()));
    tokio::task::spawn_blocking(move || client.answer().expect("an answer")).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mount_answers_its_result_as_it_is() {
    let (fleet, place) = (Fleet::start().await.unwrap(), Place::new());
    let bmc = fleet.add(Personality::Generic).await.unwrap();
    let (_webroot, _files, image) = image().await;
    let plugin = Plugin::start(&place);
    let answer = call(&plugin, &mount(&bmc, &image)).await;
    assert_eq!((answer.status, answer.json()), (200, json!({ "Image": image, "Inserted": true, "BootOnce": true })));
    bmc.set_power(true);
    let mut status = mount(&bmc, &image);
    status["Command"] = json!("powerstatus");
    let answer = call(&plugin, &status).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "\"On\"\n"));
    plugin.end();
    fleet.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mount_that_a_stop_cuts_off_says_what_it_did_and_lets_the_bmc_go() {
    let (fleet, place) = (Fleet::start().await.unwrap(), Place::new());
    let bmc = fleet.add(Personality::Generic).await.unwrap();
    let (_webroot, _files, image) = image().await;
    // The image is in; what comes next never ends.
    bmc.fault(Matcher::any().method("PATCH"), Fault::Hang);
    let mut plugin = Plugin::start_with(&place, &NONE);
    let mut client = plugin.send(&post(ACTION, &mount(&bmc, &image).to_string()));
    bmc.until(|bmc| bmc.requests().iter().any(|request| request.method == "PATCH")).await;
    plugin.stop();
    let answer = tokio::task::spawn_blocking(move || client.answer().unwrap()).await.unwrap();
    assert_eq!(answer.status, 503);
    assert!(answer.body.contains("done so far: ") && answer.body.contains("inserted"), "{answer:?}");
    assert_eq!(plugin.exit_code(), Some(0));
    assert_eq!(bmc.state().sessions, 0, "a session was left behind");
    fleet.shutdown().await;
}
