//! A Redfish client that does as little as possible, and images to insert.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, dead_code, unreachable_pub)]

use std::path::Path;
use std::time::Duration;

use drp_virtual_media_sim::bmc::{Bmc, Fleet, Personality, State};
use drp_virtual_media_sim::files::FileServer;
use reqwest::header::HeaderMap;
use reqwest::{Client, Method};
use serde_json::Value;

/// Nothing in these tests takes as long: a wait that reaches it has failed.
const LIMIT: Duration = Duration::from_secs(20);

pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
}

/// A generic BMC and a client for it; the fleet lives as long as it is held.
pub async fn generic() -> (Fleet, Bmc, Redfish) {
    let fleet = Fleet::start().await.unwrap();
    let bmc = fleet.add(Personality::Generic).await.unwrap();
    let redfish = Redfish::new(&bmc);
    (fleet, bmc, redfish)
}

impl Answer {
    /// The first `MessageId` of the body.
    pub fn message_id(&self) -> &str {
        let info = &self.body["error"]["@Message.ExtendedInfo"][0]["MessageId"];
        info.as_str().or(self.body["@Message.ExtendedInfo"][0]["MessageId"].as_str()).unwrap_or_default()
    }
}

pub fn client() -> Client {
    Client::builder().no_proxy().tls_danger_accept_invalid_certs(true).tls_info(true).timeout(LIMIT).build().unwrap()
}

pub struct Redfish {
    pub bmc: Bmc,
    pub client: Client,
}

impl Redfish {
    pub fn new(bmc: &Bmc) -> Redfish {
        Redfish { bmc: bmc.clone(), client: client() }
    }

    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.bmc.url()));
        request.basic_auth(self.bmc.username(), Some(self.bmc.password()))
    }

    pub async fn get(&self, path: &str) -> Answer {
        send(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        send(self.request(Method::POST, path).header("Content-Type", "application/json").body(body.to_string())).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        send(self.request(Method::PATCH, path).header("Content-Type", "application/json").body(body.to_string())).await
    }

    /// A PATCH whatever the resource is now.
    pub async fn patch_any(&self, path: &str, body: Value) -> Answer {
        let request = self.request(Method::PATCH, path).header("If-Match", "*");
        send(request.header("Content-Type", "application/json").body(body.to_string())).await
    }
}

/// The path of the system that can be reset: others may stand before it.
pub async fn system_path(redfish: &Redfish) -> String {
    for member in redfish.get("/redfish/v1/Systems").await.body["Members"].as_array().unwrap() {
        let path = member["@odata.id"].as_str().unwrap();
        if redfish.get(path).await.body["Actions"]["#ComputerSystem.Reset"].is_object() {
            return path.trim_end_matches('/').to_owned();
        }
    }
    panic!("no system has a reset");
}

pub async fn send(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or_default();
    Answer { status, headers, body }
}

/// Waits until the machine is as wanted.
pub async fn until(bmc: &Bmc, mut wanted: impl FnMut(&State) -> bool) -> State {
    let in_time = tokio::time::timeout(LIMIT, bmc.until(|bmc| wanted(&bmc.state()))).await;
    assert!(in_time.is_ok(), "still {:?}", bmc.state());
    bmc.state()
}

/// Something that looks like an ISO as far as its volume descriptor, named `LAB`.
pub fn image() -> Vec<u8> {
    let mut image = vec![0; 40_000];
    image[32_768..32_768 + 7].copy_from_slice(b"\x01CD001\x01");
    image[32_768 + 40..32_768 + 72].copy_from_slice(format!("{:<32}", "LAB").as_bytes());
    image
}

/// A file server with `/boot.iso`; the directory lives as long as the value.
pub struct Images {
    pub server: FileServer,
    _directory: tempfile::TempDir,
}

impl Images {
    pub async fn start() -> Images {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(Path::new(directory.path()).join("boot.iso"), image()).unwrap();
        Images { server: FileServer::start(directory.path()).await.unwrap(), _directory: directory }
    }

    /// The image by a URL that this BMC takes.
    pub fn url_for(&self, bmc: &Bmc) -> String {
        self.server.url_by(bmc.image_scheme()).join("boot.iso").unwrap().to_string()
    }

    pub fn url(&self) -> String {
        self.server.url().join("boot.iso").unwrap().to_string()
    }
}
