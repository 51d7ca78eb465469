//! The server's own `boot-virtual-iso` (drp-protocol 4.9), as far as it is told: on a BootEnv change into Sledgehammer of a
//! machine that has the param, a server with feature `virtual-media-boot` builds an ISO and has the IPMI plugin mount it.
//!
//! What it really calls is not public (drp-protocol 8.11). Our assumption: `mountVirtualMedia` on the plugin named `ipmi`,
//! with the ISO's URL and boot-once asked for, the only public interface that fits; the API call that changes the BootEnv
//! waits for it in a real server, here it does not.

use std::fs;
use std::sync::Arc;

use serde_json::{Value, json};

use super::actions;
use super::resolve::{self, Secrets};
use super::server::Server;

/// The feature that such servers have.
pub(super) const FEATURE: &str = "virtual-media-boot";

/// The provider that they ask.
const PLUGIN: &str = "ipmi";

/// Watches machines for as long as the server lives.
pub(super) async fn watch(server: Arc<Server>) {
    let (listener, mut events) = server.change(|objects| objects.hub.listen());
    for action in ["update", "save"] {
        server.change(|objects| objects.hub.command(listener, &format!("register machines.{action}.*")));
    }
    while let Some(text) = events.recv().await {
        let event: Value = serde_json::from_str(&text).unwrap_or_default();
        if is_wanted(&server, &event) {
            boot(&server, &event["Object"]).await;
        }
    }
}

fn is_wanted(server: &Server, event: &Value) -> bool {
    let (machine, before) = (&event["Object"], &event["Original"]);
    let into =
        machine["BootEnv"] == "sledgehammer" && before["BootEnv"].is_string() && before["BootEnv"] != "sledgehammer";
    let asked = || {
        server.read(|objects| resolve::value(objects, "machines", machine, "boot-virtual-iso", Secrets::Sealed))
            == Some(json!(true))
    };
    into && server.features().iter().any(|feature| feature == FEATURE) && asked()
}

async fn boot(server: &Arc<Server>, machine: &Value) {
    let uuid = machine["Uuid"].as_str().unwrap_or_default();
    let path = format!("dynamic_isos/{uuid}/sledgehammer/boot.iso");
    let file = server.options.webroot.join(&path);
    // What is in it is nobody's concern here: that it is there, and who made it.
    let made = file.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&file, CONTENT));
    if made.is_ok() {
        let params = json!({
            "ipmi/virtual-media-url": format!("{}/{path}", server.fileserver()), "ipmi/virtual-media-boot": true
        });
        // The server has nobody to tell of a failure but its log.
        let _ = actions::run(server, "machines", uuid, "mountVirtualMedia", Some(PLUGIN), params).await;
    }
    server.bump();
}

/// What stands in an ISO that the server made itself.
pub const CONTENT: &str = "made by the server itself\n";
