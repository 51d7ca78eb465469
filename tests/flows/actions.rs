//! Each action as an operator calls it: its answer to the letter, its effect on the BMC, a second call.

use std::fs;
use std::time::Duration;

use drp_virtual_media_sim::bmc::{Fault, Matcher, Personality};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::site::{SIGNATURE, Site};

#[tokio::test(flavor = "multi_thread")]
async fn a_mount_of_what_is_mounted_already_inserts_nothing() {
    let site = Site::start().await;
    fs::create_dir(site.webroot.path().join("isos")).unwrap();
    let template = site.webroot.path().join("sledgehammer").join(SIGNATURE).join("cdboot.iso");
    fs::copy(template, site.webroot.path().join("isos/rescue.iso")).unwrap();
    for (personality, number) in Personality::ALL.iter().zip(1..) {
        let (uuid, bmc) = site.machine(number, *personality).await;
        let image = site.files.url_by(bmc.image_scheme()).join("isos/rescue.iso").unwrap().to_string();
        let act = async |command, params| site.server.action(&uuid, command, params).await.unwrap();
        for (boot, again) in [(false, false), (false, true), (true, false), (true, true)] {
            let asked = bmc.requests().len();
            let params = json!({"ipmi/virtual-media-url": image, "ipmi/virtual-media-boot": boot});
            let mounted = json!({"Image": image, "Inserted": true, "BootOnce": boot});
            assert_eq!(act("mountVirtualMedia", params).await, mounted, "{personality}");
            assert_eq!(bmc.state().boot_once.is_some(), boot, "{personality}");
            let asked = bmc.requests().split_off(asked);
            let only_looked = asked.iter().all(|request| request.method == "GET");
            assert_eq!(only_looked, again, "{personality}: {asked:?}");
        }
    }
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn generate_builds_the_image_and_asks_no_bmc() {
    let site = Site::start().await;
    let (uuid, bmc) = site.machine(1, Personality::Generic).await;
    let params = json!({"kernel-options": "nosmt"});
    let generated = site.server.action(&uuid, "generateVirtualMedia", params).await.unwrap();

    let image = fs::read(site.image(&uuid)).unwrap();
    let web = site.files.url().to_string();
    let kernel_args = format!(
        "BOOTIF=discovery rootflags=loop root=live:/sledgehammer.iso rootfstype=auto ro liveimg rd_NO_LUKS rd_NO_MD \
         rd_NO_DM provisioner.web={} rs.uuid={uuid} provisioner.ip=10.0.0.1/24 provisioner.gw=10.0.0.254 \
         provisioner.interface=eth10 nosmt -- console=ttyS0,115200 console=tty0",
        web.trim_end_matches('/')
    );
    let sha256 = Sha256::digest(&image).iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    assert_eq!(
        generated,
        json!({"Path": site.image(&uuid), "Url": site.url(&uuid), "Size": image.len(), "Sha256": sha256,
               "KernelArgs": kernel_args})
    );
    assert!(String::from_utf8_lossy(&image).contains(&kernel_args));
    assert_eq!(bmc.requests().len(), 0);
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mount_without_url_takes_the_machines_own_image() {
    let site = Site::start().await;
    let (uuid, bmc) = site.machine(1, Personality::Idrac9).await;
    let error = site.server.action(&uuid, "mountVirtualMedia", json!({})).await.unwrap_err();
    assert_eq!(error.data["Code"], 409);
    assert!(error.message.contains("run generateVirtualMedia first"), "{}", error.message);
    assert_eq!(bmc.requests().len(), 0);

    site.server.action(&uuid, "generateVirtualMedia", json!({})).await.unwrap();
    let mounted = site.server.action(&uuid, "mountVirtualMedia", json!({})).await.unwrap();
    assert_eq!(mounted, json!({"Image": site.url(&uuid), "Inserted": true, "BootOnce": false}));
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_boot_tells_what_was_done() {
    let site = Site::start().await;
    let (uuid, bmc) = site.machine(1, Personality::Generic).await;
    bmc.fault(Matcher::any().method("POST").path_ends("ComputerSystem.Reset"), Fault::Hang);
    let sent = site.server.send_action(&uuid, "bootVirtualMedia", json!({})).unwrap();
    bmc.until(|bmc| bmc.requests().iter().any(|request| request.path.ends_with("ComputerSystem.Reset"))).await;
    site.server.cancel(sent.id());
    let error = sent.answer().await.unwrap_err();
    assert_eq!(error.code, -32800);
    let done = error.data["Done"].to_string();
    assert!(done.contains("wrote") && done.contains("insert") && done.contains("unfinished"), "{done}");
    // The BMC's turn is free again.
    bmc.clear_faults();
    assert!(site.server.action(&uuid, "powerstatus", json!({})).await.is_ok());
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_names_the_steps_of_a_boot() {
    let site = Site::start().await;
    let (uuid, bmc) = site.machine(1, Personality::Ilo5).await;
    // Slow enough for the steps to be told apart by a reader that is told five things a second.
    bmc.fault(Matcher::any().method("POST"), Fault::Delay(Duration::from_millis(300)));
    let sent = site.server.send_action(&uuid, "bootVirtualMedia", json!({})).unwrap();
    let id = sent.id();
    sent.answer().await.unwrap();
    let steps: Vec<_> = site.server.notices().into_iter().filter(|notice| notice.method == "progress").collect();
    assert!(steps.len() >= 2, "{steps:?}");
    assert!(steps.iter().all(|notice| notice.params["id"] == id && notice.params["Message"].is_string()), "{steps:?}");
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_actions_at_once_take_turns_on_one_bmc() {
    let site = Site::start().await;
    let (uuid, bmc) = site.machine(1, Personality::Idrac9).await;
    let sent: Vec<_> = (0..20).map(|_| site.server.send_action(&uuid, "powerstatus", json!({})).unwrap()).collect();
    for sent in sent {
        assert_eq!(sent.answer().await.unwrap(), "Off");
    }
    assert_eq!(bmc.counts().most_at_once, 1);
    site.end().await;
}
