//! The client against a whole simulated dr-provision: what it reads, writes and hears is what the server has.

use std::time::Duration;

use drp_virtual_media::drp::server::{Heard, Server, ServerErrorKind, ServerTls};
use drp_virtual_media_sim::dr_provision::{DrProvision, Options};
use secrecy::SecretString;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;
use url::Url;

use crate::peer::limits;

const KEY: &str = "virtual-media/state";

struct Site {
    simulated: DrProvision,
    server: Server,
    _webroot: TempDir,
}

async fn site() -> Site {
    let webroot = tempfile::tempdir().unwrap();
    let simulated = DrProvision::start(Options::new(webroot.path())).await.unwrap();
    let url = Url::parse(&simulated.url()).unwrap();
    let token = SecretString::from(simulated.token());
    let tls = ServerTls::Verify { ca_pem: Some(simulated.certificate().to_owned()) };
    let server = Server::with_limits(&url, token, &tls, limits()).unwrap();
    Site { simulated, server, _webroot: webroot }
}

#[tokio::test]
async fn a_machines_params_come_from_all_of_its_sources() {
    let Site { simulated, server, .. } = &site().await;
    let arch = |kernel: &str| json!({"OS": {"SupportedArchitectures": {"amd64": {"Kernel": kernel}}}});
    let loader = json!({"Loaders": {"amd64-uefi": "profile/shimx64.efi"}});
    simulated
        .add(
            "profiles",
            &json!({"Name": "lab", "Params": {"boot-virtual-iso": true, "bootenv-customize": {"discovery": loader, "sledgehammer": arch("profile/vmlinuz0")}}}),
        )
        .unwrap();
    let machine = json!({"Name": "m1", "Profiles": ["lab"], "Params": {"ipmi/mode": "redfish", "bootenv-customize": {"sledgehammer": arch("own/vmlinuz0")}}});
    let uuid = simulated.add_machine(&machine).unwrap();

    assert_eq!(server.machine(&uuid).await.unwrap().unwrap()["Name"], "m1");
    let resolved = server.resolved_params(&uuid).await.unwrap().unwrap();
    assert_eq!((&resolved["boot-virtual-iso"], &resolved["ipmi/mode"]), (&json!(true), &json!("redfish")));
    assert_eq!(server.param(&uuid, "boot-virtual-iso").await.unwrap(), true);
    assert_eq!(server.param(&uuid, "no/such").await.unwrap(), Value::Null);
    let composed = server.composed_param(&uuid, "bootenv-customize").await.unwrap();
    assert_eq!(composed["discovery"], loader);
    let sledgehammer = server.bootenv_of(&uuid, "sledgehammer").await.unwrap().unwrap();
    assert_eq!(sledgehammer.selection("amd64").kernel, "own/vmlinuz0");
    assert!(server.bootenv("no-such").await.unwrap().is_none());
    assert!(!server.info().await.unwrap().version.is_empty());
}

#[tokio::test]
async fn every_machine_is_listed_with_what_was_asked_for() {
    let Site { simulated, server, .. } = &site().await;
    assert!(server.machines(&[KEY]).await.unwrap().is_empty());
    for n in 0..230 {
        simulated.add_machine(&json!({"Name": format!("m{n}"), "Params": {KEY: n, "inventory": "large"}})).unwrap();
    }
    let machines = server.machines(&[KEY]).await.unwrap();
    let mut states: Vec<u64> = machines.iter().map(|machine| machine["Params"][KEY].as_u64().unwrap()).collect();
    states.sort_unstable();
    assert_eq!(states, (0..230).collect::<Vec<_>>());
    assert!(machines.iter().all(|machine| machine["Params"].as_object().unwrap().len() == 1));
    assert!(server.machines(&[]).await.unwrap().iter().all(|machine| machine["Name"].is_string()));
    let asked = simulated.requests().iter().filter(|request| request.path.contains("Uuid=Gt")).count();
    assert!(asked >= 3, "{asked} pages behind another");
}

#[tokio::test]
async fn writers_of_one_param_lose_nothing() {
    let Site { simulated, server, .. } = &site().await;
    let uuid = simulated.add_machine(&json!({"Name": "m1", "Params": {"other": {"a": 1.5}}})).unwrap();
    let count = |value: Option<&Value>| Some(json!(value.and_then(Value::as_u64).unwrap_or_default() + 1));
    let mut writers = tokio::task::JoinSet::new();
    for _ in 0..3 {
        let (server, uuid) = (server.clone(), uuid.clone());
        writers.spawn(async move { server.change_param(&uuid, KEY, count).await });
    }
    while let Some(written) = writers.join_next().await {
        written.unwrap().unwrap();
    }
    assert_eq!(simulated.machine(&uuid)["Params"], json!({"other": {"a": 1.5}, KEY: 3}));
    server.change_param(&uuid, KEY, |_| None).await.unwrap();
    assert_eq!(simulated.machine(&uuid)["Params"], json!({"other": {"a": 1.5}}));
    simulated.delete_machine(&uuid).unwrap();
    let error = server.change_param(&uuid, KEY, count).await.unwrap_err();
    assert_eq!(error.kind(), ServerErrorKind::NotFound);
    assert!(server.machine(&uuid).await.unwrap().is_none());
}

#[tokio::test]
async fn a_listener_lives_through_lost_streams_and_restarts_until_its_token_is_refused() {
    let Site { simulated, server, .. } = &site().await;
    let uuid = simulated.add_machine(&json!({"Name": "m1"})).unwrap();
    let (hear, mut heard) = mpsc::unbounded_channel();
    let listening = server.clone();
    let task = AbortOnDropHandle::new(tokio::spawn(async move {
        let selectors = ["machines.update.*", "machines.save.*", "machines.delete.*"];
        listening.listen(&selectors, move |what| drop(hear.send(what))).await
    }));
    let mut next = async || {
        let limit = Duration::from_mins(1);
        tokio::time::timeout(limit, heard.recv()).await.expect("hears something").expect("goes on listening")
    };
    let mut n = 0;
    for loss in ["none", "killed", "offline"] {
        match loss {
            "killed" => simulated.kill_websockets(),
            "offline" => {
                simulated.go_offline().await;
                simulated.come_back().await;
            }
            _ => {}
        }
        while !matches!(next().await, Heard::Connected) {}
        n += 1;
        simulated.set_param(&uuid, "n", json!(n)).unwrap();
        let Heard::Event(event) = next().await else { panic!("no event after {loss}") };
        assert_eq!((event.key.as_str(), &event.object["Params"]["n"]), (uuid.as_str(), &json!(n)));
    }
    simulated.refuse("GET ws", 1, 401);
    simulated.kill_websockets();
    let end = tokio::time::timeout(Duration::from_mins(1), task).await.unwrap().unwrap();
    assert_eq!(end.kind(), ServerErrorKind::TokenRefused);
}
