//! What is an iRMC's own: remote mount that is off, a licence that is missing, its `BootConfig` where the override is refused,
//! and the S4, which lists no slot and mounts by a configuration and an action.

use drp_virtual_media::bmc::{Media, Power};
use drp_virtual_media::operation::Operation;
use drp_virtual_media_sim::bmc::{Bmc, Device, Fault, Matcher, Personality};
use serde_json::json;

use crate::bench::{Bench, SHORT, target, told};

const SETTINGS: &str = "Oem/ts_fujitsu/VirtualMedia";

fn patched(bmc: &Bmc, end: &str) -> usize {
    bmc.requests().iter().filter(|request| request.method == "PATCH" && request.path.ends_with(end)).count()
}

#[tokio::test]
async fn remote_mount_is_switched_on_where_no_slot_is_listed_and_left_alone_where_one_is() {
    let bench = Bench::start().await;
    for (enabled, patches) in [(true, 0), (false, 1)] {
        let bmc = bench.bmc(Personality::Irmc).await;
        bmc.set_media_enabled(enabled);
        let operation = Operation::unwatched();
        let mut session = bench.bmcs.open(target(&bmc), &operation).await.unwrap();
        assert_eq!(session.media().await.unwrap(), Media::default());
        assert!(!session.unmount(|_| true).await.unwrap());
        assert_eq!(patched(&bmc, SETTINGS), 0, "a look changes nothing");
        session.mount(&bench.image_for(&bmc)).await.unwrap();
        assert_eq!(patched(&bmc, SETTINGS), patches, "{enabled}");
        assert!(bmc.state().slots[0].inserted);
    }
}

#[tokio::test]
async fn where_no_slot_comes_the_reason_is_told() {
    let bench = Bench::start().await;
    let mount = async |bmc: &Bmc| {
        let operation = Operation::unwatched();
        let mut target = target(bmc);
        target.limits.media = SHORT;
        bench.bmcs.open(target, &operation).await.unwrap().mount(&bench.image_for(bmc)).await.unwrap_err()
    };
    let without_slots = async || {
        let bmc = bench.bmc(Personality::Irmc).await;
        bmc.set_media_enabled(false);
        bmc
    };
    let unlicensed = without_slots().await;
    unlicensed.set_licensed(false);
    told(&mount(&unlicensed).await, 502, &["allows no virtual media action", "licence"]);
    assert_eq!(patched(&unlicensed, SETTINGS), 0);

    let old = without_slots().await;
    let on = r#"{"RemoteMountEnabled":true,"CDImage":{"MaximumNumberOfDevices":2}}"#;
    old.fault(Matcher::any().method("GET").path_ends(SETTINGS), Fault::Status(200, on.to_owned()));
    told(&mount(&old).await, 404, &["although remote mount is on", "nextbootcd"]);

    let deaf = without_slots().await;
    deaf.fault(Matcher::any().method("PATCH").path_ends(SETTINGS), Fault::Status(200, "{}".to_owned()));
    told(&mount(&deaf).await, 504, &["lists no slot yet", "web interface"]);
}

#[tokio::test]
async fn boot_config_takes_the_place_of_an_override_that_is_refused_and_is_seen_and_taken_back() {
    let bench = Bench::start().await;
    for section in ["ts_fujitsu", "Fsas"] {
        let bmc = bench.bmc(Personality::Irmc).await;
        bmc.alter(|profile| profile.identity.oem_key = Some(section));
        bmc.set_power(true);
        let operation = Operation::unwatched();
        let mut session = bench.bmcs.open(target(&bmc), &operation).await.unwrap();
        session.mount(&bench.image_for(&bmc)).await.unwrap();
        bmc.fault(Matcher::any().method("PATCH").path_ends("Systems/0"), Fault::status(400));
        for boots in [true, false] {
            session.boot_once_from_cd().await.unwrap();
            assert!(operation.steps_done().last().is_some_and(|step| step.ends_with("by BootConfig")));
            assert!(session.boots_once_from_cd().await.unwrap());
            if !boots {
                session.clear_boot_once().await.unwrap();
            }
            assert_eq!(session.boots_once_from_cd().await.unwrap(), boots);
            let before = bmc.state().boots.len();
            session.power(Power::Cycle).await.unwrap();
            bmc.until(|bmc| bmc.state().boots.len() > before).await;
            let expected = if boots { Device::VirtualCd } else { Device::Disk };
            assert_eq!(bmc.state().boots.last().map(|boot| boot.device), Some(expected));
        }
    }
}

/// What the S4's action was told, in order.
fn acts(bmc: &Bmc) -> Vec<serde_json::Value> {
    let acts = bmc.requests().into_iter().filter(|request| request.path.ends_with("FTSComputerSystem.VirtualMedia"));
    acts.map(|request| request.body.clone()).collect()
}

#[tokio::test]
async fn an_s4_mounts_shows_boots_once_and_unmounts_by_its_own_configuration_and_action() {
    let bench = Bench::start().await;
    for (firmware, parameter) in [("9.08F", "VirtualMediaAction"), ("9.69F", "FTSVirtualMediaAction")] {
        for scheme in ["nfs", "cifs"] {
            let bmc = bench.bmc(Personality::IrmcS4).await;
            bmc.alter(|profile| profile.identity.firmware = firmware);
            bmc.set_power(true);
            let image = bench.files.url_by(scheme).join("boot.iso").unwrap();
            let operation = Operation::unwatched();
            let mut session = bench.bmcs.open(target(&bmc), &operation).await.unwrap();
            assert_eq!(session.media().await.unwrap(), Media::default());
            session.mount(&image).await.unwrap_or_else(|error| panic!("{firmware} {scheme}: {error}"));
            assert_eq!(session.media().await.unwrap(), Media { image: image.to_string(), inserted: true });
            assert!(session.holding(&image).await.unwrap().is_some());
            assert_eq!(acts(&bmc), [json!({parameter: "ConnectCD"})], "{firmware} {scheme}");

            session.boot_once_from_cd().await.unwrap();
            let before = bmc.state().boots.len();
            session.power(Power::Cycle).await.unwrap();
            bmc.until(|bmc| bmc.state().boots.len() > before).await;
            assert_eq!(bmc.state().boots.last().map(|boot| boot.device), Some(Device::VirtualCd));

            assert!(session.unmount(|_| true).await.unwrap());
            assert_eq!(acts(&bmc).last(), Some(&json!({parameter: "DisconnectCD"})), "{firmware} {scheme}");
            assert_eq!(session.media().await.unwrap(), Media::default(), "what is configured stays, and is no medium");
            assert!(!session.unmount(|_| true).await.unwrap());
        }
    }
}

#[tokio::test]
async fn what_an_s4_does_not_take_is_told_with_what_it_takes_and_when() {
    let bench = Bench::start().await;
    let mount = async |bmc: &Bmc, scheme: &str| {
        let operation = Operation::unwatched();
        let image = bench.files.url_by(scheme).join("boot.iso").unwrap();
        let mut session = bench.bmcs.open(target(bmc), &operation).await.unwrap();
        session.mount(&image).await.map(|_| ())
    };
    let bmc = bench.bmc(Personality::IrmcS4).await;
    told(&mount(&bmc, "https").await.unwrap_err(), 502, &["NFS and SMB alone", "virtual-media/image-url"]);
    bmc.set_licensed(false);
    told(&mount(&bmc, "nfs").await.unwrap_err(), 502, &["licence", "install it"]);

    // Recorded of 9.69F: nothing is connected while the machine is off, and what was stays when it is switched off.
    let late = bench.bmc(Personality::IrmcS4).await;
    late.alter(|profile| profile.identity.firmware = "9.69F");
    told(&mount(&late, "nfs").await.unwrap_err(), 502, &["only while the machine is on", "poweron"]);
    late.set_power(true);
    mount(&late, "nfs").await.unwrap();
    late.set_power(false);
    let operation = Operation::unwatched();
    let mut session = bench.bmcs.open(target(&late), &operation).await.unwrap();
    assert!(session.media().await.unwrap().inserted);
}
