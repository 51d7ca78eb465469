//! Images that the plugin served and cannot serve any more: their machines are found at the next look and get new ones.

use std::fs;

use drp_virtual_media_sim::template::{self, Family};
use serde_json::json;

use crate::making::Making;
use crate::site::{SIGNATURE, images};

#[tokio::test(flavor = "multi_thread")]
async fn an_image_whose_plan_or_template_was_lost_is_mounted_anew_and_no_other() {
    let making = Making::start("serve").await;
    let site = &making.site;
    let (machine, bmc) = making.machine("amd64").await;
    let (aged, aged_bmc) = making.machine("amd64").await;
    let (by_file, file_bmc) = making.machine("amd64").await;
    let (by_hand, hand_bmc) = making.machine("amd64").await;
    // It would be switched off and on if it were a change.
    site.server.set_param(&machine, "virtual-media/power-on-transition", json!("cycle")).unwrap();
    site.server.set_param(&aged, "virtual-media/serve-max-age", json!(86400)).unwrap();
    site.server.set_param(&by_file, "virtual-media/iso-delivery", json!("file")).unwrap();
    site.server.set_param(&by_file, "virtual-media/image-url", json!(site.server.fileserver())).unwrap();
    site.server.remove_param(&by_hand, "boot-virtual-iso").unwrap();
    let (first, _) = making.mounted(&machine, "sledgehammer").await;
    making.mounted(&aged, "sledgehammer").await;
    making.mounted(&by_file, "sledgehammer").await;
    site.server.action(&by_hand, "mountVirtualMedia", json!({"virtual-media/bootenv": "sledgehammer"})).await.unwrap();
    let others = || [&aged_bmc, &file_bmc, &hand_bmc].map(images);
    let before = others();

    let mut url = first["Url"].clone();
    for lost in ["plans", "template"] {
        let boots = bmc.state().boots.len();
        site.server.kill_plugin().await;
        if lost == "plans" {
            fs::remove_file(making.cache().join("plans")).unwrap();
        } else {
            let path = site.webroot.path().join("sledgehammer").join(SIGNATURE).join("cdboot.iso");
            template::write(&path, Family::Isolinux).unwrap();
        }
        site.server.restart_plugin().await.unwrap();
        site.until_state(&machine, |state| state["Phase"] == "Mounted" && state["Url"] != url).await;
        let state = site.state(&machine);
        let now = state["Url"].as_str().unwrap();
        assert_eq!(images(&bmc), [now], "{lost}");
        assert_eq!(reqwest::get(now).await.unwrap().status(), 200, "{lost}");
        assert_eq!(reqwest::get(url.as_str().unwrap()).await.unwrap().status(), 404, "{lost}");
        assert_eq!(bmc.state().boots.len(), boots, "{lost}: the machine may be running");
        assert_eq!(others(), before, "{lost}");
        url = state["Url"].clone();
    }

    // What is there is found again, and stays.
    site.server.restart_plugin().await.unwrap();
    let (next, _) = making.machine("amd64").await;
    making.mounted(&next, "sledgehammer").await;
    assert_eq!(site.state(&machine)["Url"], url);
    making.site.end().await;
}
