//! The generic BMC, from login to boot.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{Images, generic, send, until};
use drp_virtual_media_sim::bmc::{Answer, Bmc, Boot, Credentials, Device, EtagCheck, Power};
use reqwest::Method;
use serde_json::json;

const SYSTEM: &str = "/redfish/v1/Systems/1";
const CD: &str = "/redfish/v1/Systems/1/VirtualMedia/Cd";

#[tokio::test]
async fn the_root_is_open_and_the_rest_is_not() {
    let (_fleet, bmc, redfish) = generic().await;
    let anonymous = |path: &str| send(redfish.client.get(format!("{}{path}", bmc.url())));
    assert_eq!(anonymous("/redfish/v1/").await.status, 200);
    assert_eq!(anonymous(SYSTEM).await.status, 401);
    assert_eq!(redfish.get(SYSTEM).await.status, 200);
    bmc.set_password("other");
    let stale = redfish.client.get(format!("{}{SYSTEM}", bmc.url())).basic_auth("root", Some("calvin"));
    assert_eq!(send(stale).await.status, 401);
    let kinds: Vec<Credentials> = bmc.requests().iter().map(|request| request.credentials).collect();
    assert_eq!(kinds, [Credentials::None, Credentials::None, Credentials::Basic, Credentials::Basic]);
    assert_eq!((bmc.connections(), bmc.counts().unauthorized), (1, 2));
}

#[tokio::test]
async fn the_versions_are_told_alone() {
    let (_fleet, _bmc, redfish) = generic().await;
    let answer = redfish.get("/redfish").await;
    assert_eq!((answer.status, answer.body), (200, json!({"v1": "/redfish/v1/"})));
    assert_eq!(send(redfish.request(Method::DELETE, "/redfish")).await.status, 405);
}

#[tokio::test]
async fn a_resource_is_told_with_its_schema_and_is_not_to_be_kept() {
    let (_fleet, _bmc, redfish) = generic().await;
    for (path, schema) in [
        (SYSTEM, "http://redfish.dmtf.org/schemas/v1/ComputerSystem.v1_16_0.json"),
        ("/redfish/v1/Systems", "http://redfish.dmtf.org/schemas/v1/ComputerSystemCollection.json"),
    ] {
        let headers = redfish.get(path).await.headers;
        assert_eq!(headers["link"].to_str().unwrap(), format!("<{schema}>; rel=describedby"));
        assert_eq!(headers["cache-control"], "no-cache");
    }
}

#[tokio::test]
async fn another_version_of_odata_is_not_spoken() {
    let (_fleet, _bmc, redfish) = generic().await;
    for (version, status) in [("4.0", 200), ("4.1", 412)] {
        let answer = send(redfish.request(Method::GET, SYSTEM).header("OData-Version", version)).await;
        assert_eq!(answer.status, status, "{version}");
    }
}

#[tokio::test]
async fn what_a_resource_takes_is_told_with_it_and_with_a_method_that_it_does_not_take() {
    let (_fleet, _bmc, redfish) = generic().await;
    for (method, path, status, allowed) in [
        (Method::GET, SYSTEM, 200, "GET, HEAD, PATCH"),
        (Method::HEAD, SYSTEM, 200, "GET, HEAD, PATCH"),
        (Method::DELETE, SYSTEM, 405, "GET, HEAD, PATCH"),
        (Method::GET, "/redfish/v1/Systems/1/Actions/ComputerSystem.Reset", 405, "POST"),
    ] {
        let answer = send(redfish.request(method.clone(), path)).await;
        assert_eq!((answer.status, answer.headers["allow"].to_str().unwrap()), (status, allowed), "{method} {path}");
    }
}

#[tokio::test]
async fn a_session_opens_and_closes() {
    let (_fleet, bmc, redfish) = generic().await;
    let login = json!({"UserName": "root", "Password": bmc.password()});
    let request = redfish.client.post(format!("{}/redfish/v1/SessionService/Sessions", bmc.url()));
    let answer = send(request.header("Content-Type", "application/json").body(login.to_string())).await;
    assert_eq!(answer.status, 201);
    let token = answer.headers["x-auth-token"].to_str().unwrap();
    let location = answer.headers["location"].to_str().unwrap();
    let with_token = |method, path: &str| {
        redfish.client.request(method, format!("{}{path}", bmc.url())).header("X-Auth-Token", token)
    };
    assert_eq!(send(with_token(Method::GET, SYSTEM)).await.status, 200);
    assert_eq!(bmc.state().sessions, 1);
    assert_eq!(send(with_token(Method::DELETE, location)).await.status, 204);
    assert_eq!(send(with_token(Method::GET, SYSTEM)).await.status, 401);
    assert_eq!((bmc.state().sessions, bmc.counts().sessions_opened), (0, 1));
}

#[tokio::test]
async fn an_inserted_image_is_fetched_by_ranges_and_boots_once() {
    let (_fleet, bmc, redfish) = generic().await;
    let images = Images::start().await;
    let insert = redfish.post(&format!("{CD}/Actions/VirtualMedia.InsertMedia"), json!({"Image": images.url()})).await;
    assert_eq!(insert.status, 204);
    let fetches = bmc.state().fetches;
    let seen: Vec<_> = fetches.iter().map(|fetch| (fetch.method, fetch.range.as_deref(), fetch.status)).collect();
    assert_eq!(
        seen,
        [
            ("HEAD", None, Some(200)),
            ("GET", Some("bytes=0-2047"), Some(206)),
            ("GET", Some("bytes=32768-34815"), Some(206)),
        ]
    );
    assert_eq!(fetches[2].volume.as_deref(), Some("LAB"));
    assert_eq!(images.server.requests(), 3);
    let member = redfish.get(CD).await.body;
    assert_eq!((&member["Inserted"], &member["ImageName"]), (&json!(true), &json!("boot.iso")));

    let boot = json!({"Boot": {"BootSourceOverrideEnabled": "Once", "BootSourceOverrideTarget": "Cd"}});
    assert_eq!(redfish.patch(SYSTEM, boot).await.status, 204);
    assert_eq!(bmc.state().boot_once.as_deref(), Some("Cd"));
    let reset = format!("{SYSTEM}/Actions/ComputerSystem.Reset");
    assert_eq!(redfish.post(&reset, json!({"ResetType": "On"})).await.status, 204);
    let state = until(&bmc, |state| state.power == Power::On).await;
    assert_eq!(state.boots, [Boot { device: Device::VirtualCd, image: Some(images.url()) }]);
    assert_eq!(state.boot_once, None);

    assert_eq!(redfish.post(&reset, json!({"ResetType": "PowerCycle"})).await.status, 204);
    let state = until(&bmc, |state| state.boots.len() == 2).await;
    assert_eq!(state.boots[1], Boot { device: Device::Disk, image: None });
    assert_eq!(redfish.post(&format!("{CD}/Actions/VirtualMedia.EjectMedia"), json!({})).await.status, 204);
    assert_eq!(redfish.get(CD).await.body["Image"], json!(null));
    assert!(!bmc.state().slots[0].inserted);
}

#[tokio::test]
async fn an_image_that_cannot_be_fetched_is_refused_and_not_mounted() {
    let (_fleet, bmc, redfish) = generic().await;
    let images = Images::start().await;
    images.server.refuse(true);
    let insert = format!("{CD}/Actions/VirtualMedia.InsertMedia");
    for (url, status) in [(images.url(), Some(404)), ("http://127.0.0.1:9/boot.iso".to_owned(), None)] {
        let answer = redfish.post(&insert, json!({"Image": url})).await;
        assert_eq!((answer.status, answer.message_id()), (500, "Base.1.15.ResourceAtUriUnauthorized"));
        let state = bmc.state();
        assert_eq!(state.fetches.last().unwrap().status, status);
        assert_eq!(state.slots[0].image, None);
    }
}

#[tokio::test]
async fn a_task_fails_where_the_thing_does() {
    let (_fleet, bmc, redfish) = generic().await;
    let images = Images::start().await;
    bmc.alter(|profile| profile.media.insert = Answer::Task);
    let insert = format!("{CD}/Actions/VirtualMedia.InsertMedia");
    for (url, ends) in [("http://127.0.0.1:9/boot.iso".to_owned(), "Exception"), (images.url(), "Completed")] {
        let answer = redfish.post(&insert, json!({"Image": url})).await;
        assert_eq!((answer.status, &answer.body["TaskState"]), (202, &json!("New")));
        let state = until(&bmc, |state| !matches!(state.tasks.last().unwrap().state, "New" | "Running")).await;
        let task = state.tasks.last().unwrap();
        assert_eq!((task.state, task.failure.is_some()), (ends, ends == "Exception"));
        let monitor = redfish.get(answer.headers["location"].to_str().unwrap()).await;
        assert_eq!((monitor.status, &monitor.body["TaskState"]), (200, &json!(ends)));
    }
}

#[tokio::test]
async fn a_patch_with_another_etag_is_412_and_without_one_428_where_required() {
    let (_fleet, bmc, redfish) = generic().await;
    let body = json!({"Boot": {"BootSourceOverrideTarget": "Pxe"}}).to_string();
    let patch = |etag: Option<&str>| {
        let mut request = redfish.request(Method::PATCH, SYSTEM).body(body.clone());
        if let Some(etag) = etag {
            request = request.header("If-Match", etag);
        }
        send(request)
    };
    assert_eq!(patch(None).await.status, 204);
    assert_eq!(patch(Some("\"0\"")).await.status, 412);
    bmc.alter(|profile| profile.http.etags.on_patch = EtagCheck::Required);
    assert_eq!(patch(None).await.status, 428);
    let etag = redfish.get(SYSTEM).await.headers["etag"].to_str().unwrap().to_owned();
    assert_eq!(patch(Some(&etag)).await.status, 204);
}

#[tokio::test]
async fn a_new_certificate_shows_on_the_next_connection() {
    let (_fleet, bmc, redfish) = generic().await;
    let before = bmc.certificate_sha256();
    assert_eq!(before.len(), 64);
    let trusting = |bmc: &Bmc| {
        let certificate = reqwest::Certificate::from_pem(bmc.certificate_pem().as_bytes()).unwrap();
        reqwest::Client::builder().no_proxy().tls_certs_only([certificate]).build().unwrap()
    };
    let client = trusting(&bmc);
    assert!(client.get(format!("{}/redfish", bmc.url())).send().await.is_ok());
    bmc.renew_certificate().unwrap();
    assert_ne!(bmc.certificate_sha256(), before);
    assert!(client.get(format!("{}/redfish", bmc.url())).send().await.is_err());
    assert_eq!(redfish.get("/redfish").await.status, 200);
}
