//! The simulated server against the real plugin.

use std::path::Path;
use std::time::Duration;

use drp_virtual_media_sim::endpoint::{Endpoint, Options};
use serde_json::json;
use tokio::time::timeout;

use crate::host::{Silent, WATCHDOG};

const MACHINE: &str = "9f0c2a4e-1111-4222-8333-444455556666";

async fn server() -> Endpoint {
    let options = Options::new("/nonexistent".into(), "http://127.0.0.1:9".parse().unwrap());
    Endpoint::start(Path::new(env!("CARGO_BIN_EXE_virtual-media")), options).await.unwrap()
}

async fn in_time<T>(work: impl Future<Output = T>) -> T {
    timeout(WATCHDOG, work).await.expect("no end in time")
}

#[tokio::test]
async fn a_machine_that_has_not_asked_for_it_is_ignored() {
    in_time(async {
        let server = server().await;
        let machine = server.add_machine(&json!({ "Uuid": MACHINE, "Name": "m1" })).unwrap();
        let answer = server.set_bootenv(&machine, "sledgehammer").await.unwrap();
        assert_eq!(answer.outcome, "Ignored");
        assert_eq!(server.machine(&machine).unwrap()["BootEnv"], "sledgehammer");
        assert!(server.stop().await.unwrap().success());
        assert_eq!(server.strays(), [""; 0]);
    })
    .await;
}

#[tokio::test]
async fn actions_run_side_by_side_and_can_be_cancelled() {
    in_time(async {
        let server = server().await;
        let bmc = Silent::start();
        let machine = server.add_machine(&json!({ "Uuid": MACHINE, "Params": bmc.params()["Params"] })).unwrap();
        let slow = server.send_action(&machine, "powerstatus", json!({})).unwrap();
        let connection = tokio::task::spawn_blocking(move || bmc.connection()).await.unwrap();
        let refused = server.action(&machine, "noSuchAction", json!({})).await.unwrap_err();
        assert_eq!((refused.code, &refused.data["Code"]), (-32000, &json!(404)));
        server.cancel(slow.id());
        assert_eq!(slow.answer().await.unwrap_err().code, -32800);
        assert!(server.close().await.unwrap().success());
        drop(connection);
    })
    .await;
}

#[tokio::test]
async fn whoever_waits_is_told_when_the_plugin_dies() {
    in_time(async {
        let server = server().await;
        let bmc = Silent::start();
        let machine = server.add_machine(&json!({ "Uuid": MACHINE, "Params": bmc.params()["Params"] })).unwrap();
        let slow = server.send_action(&machine, "powerstatus", json!({})).unwrap();
        server.kill().await.unwrap();
        assert_eq!(timeout(Duration::from_secs(30), slow.answer()).await.unwrap().unwrap_err().code, 0);
    })
    .await;
}

#[tokio::test]
async fn a_program_that_is_no_plugin_is_an_error() {
    in_time(async {
        let options = Options::new("/nonexistent".into(), "http://127.0.0.1:9".parse().unwrap());
        let refused = Endpoint::start(Path::new("/bin/true"), options).await.err().unwrap();
        assert!(refused.to_string().contains("/bin/true"), "{refused}");
    })
    .await;
}
