//! The server's own way with `boot-virtual-iso`.

use drp_virtual_media_sim::dr_provision::BUILTIN_ISO;
use serde_json::json;

use crate::client::{Client, PLUGIN, in_time};

#[tokio::test]
async fn a_server_of_4_6_makes_the_iso_and_has_ipmi_mount_it() {
    in_time(async {
        let client = Client::start_with(|options| options.program(PLUGIN).provider("ipmi").builtin_virtual_iso()).await;
        let without = client.server.add_machine(&json!({ "Name": "m1" })).unwrap();
        let with = client.server.add_machine(&json!({ "Name": "m2", "Params": { "boot-virtual-iso": true } })).unwrap();
        for uuid in [&without, &with] {
            client.server.set_bootenv(uuid, "sledgehammer").unwrap();
        }
        client
            .server
            .until(|server| server.log_lines().iter().any(|line| line["Message"] == "mountVirtualMedia"))
            .await;
        let mounts: Vec<_> =
            client.server.log_lines().into_iter().filter(|line| line["Message"] == "mountVirtualMedia").collect();
        let url = format!("{}dynamic_isos/{with}/sledgehammer/boot.iso", client.server.fileserver());
        assert_eq!(mounts.len(), 1);
        assert_eq!(mounts[0]["Data"][0], json!({ "ipmi/virtual-media-url": url, "ipmi/virtual-media-boot": true }));
        assert_eq!(client.http.get(url).send().await.unwrap().text().await.unwrap(), BUILTIN_ISO);
        assert!(!client.webroot.path().join("dynamic_isos").join(without).exists());
    })
    .await;
}
