//! A client that does as little as possible.

use std::time::Duration;

use drp_virtual_media_sim::dr_provision::{DrProvision, Options};
use reqwest::Method;
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::timeout;

/// The plugin of these tests.
pub(crate) const PLUGIN: &str = env!("CARGO_BIN_EXE_sim-plugin");

/// Nothing in these tests takes as long: a wait that reaches it has failed.
const LIMIT: Duration = Duration::from_secs(30);

pub(crate) async fn in_time<T>(work: impl Future<Output = T>) -> T {
    timeout(LIMIT, work).await.expect("no end in time")
}

/// A server and a client for it; the web root lives as long as it is held.
pub(crate) struct Client {
    pub(crate) server: DrProvision,
    pub(crate) http: reqwest::Client,
    pub(crate) webroot: TempDir,
}

impl Client {
    /// A server without a provider.
    pub(crate) async fn start() -> Client {
        Client::start_with(|options| options).await
    }

    /// A server with the plugin of these tests.
    pub(crate) async fn with_plugin() -> Client {
        Client::start_with(|options| options.program(PLUGIN).provider("sim")).await
    }

    pub(crate) async fn start_with(change: impl FnOnce(Options) -> Options) -> Client {
        let webroot = tempfile::tempdir().unwrap();
        let server = DrProvision::start(change(Options::new(webroot.path()))).await.unwrap();
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(LIMIT)
            .tls_certs_only([reqwest::Certificate::from_pem(server.certificate().as_bytes()).unwrap()])
            .build()
            .unwrap();
        Client { server, http, webroot }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}/api/v3/{path}", self.server.url())).bearer_auth(self.server.token())
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        answer(self.request(Method::GET, path)).await
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: &Value) -> (u16, Value) {
        answer(self.request(method, path).header("content-type", "application/json").body(body.to_string())).await
    }
}

pub(crate) async fn answer(request: reqwest::RequestBuilder) -> (u16, Value) {
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let bytes = answer.bytes().await.unwrap();
    (status, if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap() })
}
