//! What is particular to Supermicro: a virtual CD that boots as `UsbCd`, overrides that are whole or nothing, slots that
//! keep an old image's name, URLs without a query, licences, HTML where JSON belongs.

use drp_virtual_media::bmc::{BootDevice, BootMode, Error, Lasting, Media};
use drp_virtual_media::operation::Operation;
use drp_virtual_media_sim::bmc::{Bmc, CdMeans, Device, Fault, Matcher, Personality, Request};
use serde_json::{Value, json};
use url::Url;

use crate::bench::{Bench, SHORT, smallest, target, told};

const LATE: [Personality; 2] = [Personality::SupermicroX12, Personality::SupermicroX13];

async fn mount(bench: &Bench, bmc: &Bmc, image: &Url) -> Result<String, Error> {
    let operation = Operation::unwatched();
    let mut session = bench.bmcs.open(target(bmc), &operation).await?;
    session.mount(image).await.map(|mounted| mounted.slot)
}

fn sent(bmc: &Bmc, method: &str) -> Vec<Request> {
    bmc.requests().into_iter().filter(|request| request.method == method).collect()
}

fn boots(bmc: &Bmc) -> Vec<Value> {
    sent(bmc, "PATCH").into_iter().map(|request| request.body["Boot"].clone()).collect()
}

/// Complaint 10, community.general#4595 and #4839: `Inserted` is no property of an insert here.
#[tokio::test]
async fn an_insert_is_the_image_alone_and_nothing_is_refused() {
    let bench = Bench::start().await;
    for personality in LATE {
        let bmc = bench.bmc(personality).await;
        mount(&bench, &bmc, &bench.image()).await.unwrap();
        let bodies: Vec<Value> = sent(&bmc, "POST").into_iter().map(|request| request.body).collect();
        assert_eq!(bodies, [json!({"Image": bench.image()})], "{personality}");
    }
}

/// Complaint 9, community.general#6969 and #7470: the image's name stays when the image is gone.
#[tokio::test]
async fn an_image_that_is_gone_and_still_named_is_not_mounted() {
    let bench = Bench::start().await;
    for personality in LATE {
        let bmc = bench.bmc(personality).await;
        mount(&bench, &bmc, &bench.image()).await.unwrap();
        bmc.eject_all();
        let operation = Operation::unwatched();
        let mut session = bench.bmcs.open(target(&bmc), &operation).await.unwrap();
        assert_eq!(session.media().await.unwrap(), Media::default(), "{personality}");
        assert_eq!(session.holding(&bench.image()).await.unwrap(), None, "{personality}");
        let before = sent(&bmc, "POST").len();
        assert!(!session.unmount(|_| true).await.unwrap(), "{personality}");
        assert_eq!(sent(&bmc, "POST").len(), before, "{personality}: there is nothing to eject");
        session.mount(&bench.image()).await.unwrap();
        assert_eq!(sent(&bmc, "POST").len(), before + 1, "{personality}");
    }
}

/// Complaint 11, Redfishtool#106 and metal-operator#607: all three fields, or the BMC fills in its own.
#[tokio::test]
async fn an_override_is_written_whole_and_taken_back_whole() {
    let bench = Bench::start().await;
    for personality in LATE {
        let bmc = bench.bmc(personality).await;
        let operation = Operation::unwatched();
        let mut session = bench.bmcs.open(target(&bmc), &operation).await.unwrap();
        session.mount(&bench.image()).await.unwrap();
        session.boot_once_from_cd().await.unwrap();
        session.clear_boot_once().await.unwrap();
        let boot = |enabled: &str, target: &str| {
            json!({"BootSourceOverrideEnabled": enabled, "BootSourceOverrideTarget": target,
                "BootSourceOverrideMode": "UEFI"})
        };
        assert_eq!(boots(&bmc), [boot("Once", "UsbCd"), boot("Disabled", "None")], "{personality}");
    }
}

#[tokio::test]
async fn on_the_one_model_where_cd_is_the_virtual_one_that_is_what_boots() {
    let bench = Bench::start().await;
    let bmc = bench.bmc(Personality::SupermicroX13).await;
    bmc.alter(|profile| {
        profile.identity.model = "ARS-111GL-NHR";
        profile.boot.cd = CdMeans::Virtual;
    });
    let operation = Operation::unwatched();
    let mut session = bench.bmcs.open(target(&bmc), &operation).await.unwrap();
    session.mount(&bench.image()).await.unwrap();
    session.boot_once_from_cd().await.unwrap();
    assert_eq!(boots(&bmc)[0]["BootSourceOverrideTarget"], "Cd");
    session.power(drp_virtual_media::bmc::Power::On).await.unwrap();
    assert_eq!(bmc.state().boots.last().map(|boot| boot.device), Some(Device::VirtualCd));
}

#[tokio::test]
async fn pxe_that_shows_as_another_target_is_set_and_not_taken_for_a_boot_from_cd() {
    let bench = Bench::start().await;
    let bmc = bench.bmc(Personality::SupermicroX13).await;
    let operation = Operation::unwatched();
    let mut session = bench.bmcs.open(target(&bmc), &operation).await.unwrap();
    session.boot_from(BootDevice::Pxe, Lasting::Once, BootMode::Current).await.unwrap();
    assert_eq!(boots(&bmc).len(), 1, "no other place is tried");
    assert_eq!(bmc.state().boot_once.as_deref(), Some("Pxe"));
    assert!(!session.boots_once_from_cd().await.unwrap());
}

/// Complaint 16, what ironic notes of an X12.
#[tokio::test]
async fn a_url_that_it_cannot_take_is_told_with_what_it_has_to_be() {
    let bench = Bench::start().await;
    for query in ["boot.iso?machine=1", "a=b/boot.iso", "boot.img"] {
        let bmc = bench.bmc(Personality::SupermicroX12).await;
        let error = mount(&bench, &bmc, &bench.files.url().join(query).unwrap()).await.unwrap_err();
        told(&error, 502, &["plain path that ends in .iso", "without ? and =", "fetch"]);
        assert_eq!(sent(&bmc, "POST").len(), 1, "{query}: no other body makes it better");
    }
    let bmc = bench.bmc(Personality::SupermicroX12).await;
    let share = Url::parse("nfs://10.0.0.5/iso/boot.iso").unwrap();
    told(&mount(&bench, &bmc, &share).await.unwrap_err(), 404, &["takes images by CIFS, HTTP, HTTPS only, not NFS"]);
    assert!(sent(&bmc, "POST").is_empty());
}

#[tokio::test]
async fn a_missing_licence_is_named_on_media_and_on_all_of_redfish() {
    let bench = Bench::start().await;
    for personality in [Personality::SupermicroX10, Personality::SupermicroX12, Personality::SupermicroX13] {
        let bmc = bench.bmc(personality).await;
        bmc.set_licensed(false);
        let error = mount(&bench, &bmc, &bench.image()).await.unwrap_err();
        told(&error, 502, &["OemLicenseNotPassed", "SFT-DCMS-SINGLE"]);
        assert_eq!(sent(&bmc, "POST").len(), 1, "{personality}");
    }
    let bmc = bench.bmc(Personality::SupermicroX12).await;
    let body = json!({"error": {"code": "Base.v1_4_0.GeneralError", "@Message.ExtendedInfo": [
        {"MessageId": "SMC.1.0.OemLicenseNotPassed", "Message": "Not licensed to perform this request."}]}});
    bmc.fault(Matcher::any().path_ends("Systems/1"), Fault::Status(403, body.to_string()));
    let error = smallest(&bench.bmcs, target(&bmc)).await.unwrap_err();
    told(&error, 502, &["OemLicenseNotPassed", "licence"]);
    assert!(!error.to_string().contains("refuses user"), "{error}");
}

#[tokio::test]
async fn a_page_for_people_in_the_place_of_an_answer_is_an_error_and_no_more() {
    let bench = Bench::start().await;
    let page = "<?xml version=\"1.0\"?><html><head><title>404</title></head><body>Not Found</body></html>";
    for (path, status) in [("InsertMedia", 500), ("InsertMedia", 404), ("Systems/1", 200)] {
        let bmc = bench.bmc(Personality::SupermicroX12).await;
        bmc.fault(Matcher::any().path_ends(path), Fault::Status(status, page.to_owned()));
        told(&mount(&bench, &bmc, &bench.image()).await.unwrap_err(), 502, &["HTML"]);
    }
}

#[tokio::test]
async fn an_x10_mounts_by_its_configuration_and_lists_its_slot_only_then() {
    let bench = Bench::start().await;
    let share = Url::parse("cifs://reader:pw@10.0.0.5/iso/boot.iso").unwrap();
    for image in [bench.image(), share] {
        let bmc = bench.bmc(Personality::SupermicroX10).await;
        let operation = Operation::unwatched();
        let mut session = bench.bmcs.open(target(&bmc), &operation).await.unwrap();
        let plan = session.plan().await.unwrap();
        assert_eq!(plan.slots[0].path, "/redfish/v1/Managers/1/VM1/CD1");
        assert!(plan.mount[0].name.ends_with("IsoConfig.Mount"), "{plan:?}");
        assert_eq!(session.mount(&image).await.unwrap().slot, "CD1");
        assert!(session.holding(&image).await.unwrap().is_some(), "{image}");
        let configured = sent(&bmc, "PATCH");
        assert_eq!(configured.len(), 1);
        assert_eq!(configured[0].path, "/redfish/v1/Managers/1/VM1/CfgCD");
        assert!(session.unmount_image(Some(&image), |_| false).await.unwrap(), "{image}");
        assert!(!session.unmount(|_| true).await.unwrap());
        assert_eq!(session.media().await.unwrap(), Media::default());
        let posts: Vec<String> = sent(&bmc, "POST").into_iter().map(|request| request.path).collect();
        let action = |name: &str| format!("/redfish/v1/Managers/1/VM1/CfgCD/Actions/IsoConfig.{name}");
        assert_eq!(posts, [action("Mount"), action("UnMount")]);
    }
}

/// An X10 has no boot mode, an X12 wants one.
#[tokio::test]
async fn an_override_goes_without_a_mode_where_there_is_none() {
    let bench = Bench::start().await;
    let bmc = bench.bmc(Personality::SupermicroX10).await;
    let operation = Operation::unwatched();
    let mut session = bench.bmcs.open(target(&bmc), &operation).await.unwrap();
    session.mount(&bench.image()).await.unwrap();
    session.boot_once_from_cd().await.unwrap();
    assert_eq!(bmc.state().boot_once.as_deref(), Some("Cd"));
    session.clear_boot_once().await.unwrap();
    assert_eq!(bmc.state().boot_once, None);
}

/// A field report of an SBI-4129P: what a console's applet mounted does not go by an unmount.
#[tokio::test]
async fn an_image_that_a_console_holds_is_told_as_still_there() {
    let bench = Bench::start().await;
    let bmc = bench.bmc(Personality::SupermicroX10).await;
    let path = "/redfish/v1/Managers/1/VM1/CD1";
    bmc.mount_foreign("http://h/mymedia.iso");
    let applet = json!({"@odata.id": path, "Id": "CD1", "MediaTypes": ["CD", "DVD"], "ImageName": "mymedia.iso",
        "Inserted": true, "ConnecteVia": "Applet"});
    bmc.fault(Matcher::any().path_ends("VM1/CD1"), Fault::Status(200, applet.to_string()));
    let mut target = target(&bmc);
    target.limits.media = SHORT;
    let operation = Operation::unwatched();
    let mut session = bench.bmcs.open(target, &operation).await.unwrap();
    let error = session.mount(&bench.image()).await.unwrap_err();
    told(&error, 504, &["slot CD1 to be empty", "mymedia.iso", "console"]);
}
