//! What single vendors do in their own way, as the requests show it. Field complaints are numbered as in the fact sheet.

use drp_virtual_media::bmc::{Media, TlsPolicy, Vendor};
use drp_virtual_media::operation::Operation;
use drp_virtual_media_sim::bmc::{Bmc, Credentials, Fault, Matcher, Personality};
use serde_json::{Value, json};
use url::Url;

use crate::bench::{Bench, target, told};

/// The requests that changed something, or tried to: the last parts of their paths.
fn writes(bmc: &Bmc) -> Vec<String> {
    let writes = bmc.requests().into_iter().filter(|request| request.method != "GET");
    writes.map(|request| request.path.rsplit('/').next().unwrap_or_default().to_owned()).collect()
}

async fn mount(bench: &Bench, bmc: &Bmc, image: &Url) -> Result<String, drp_virtual_media::bmc::Error> {
    let operation = Operation::unwatched();
    let mut session = bench.bmcs.open(target(bmc), &operation).await?;
    session.mount(image).await.map(|mounted| mounted.slot)
}

#[tokio::test]
async fn remote_media_that_is_off_holds_nothing_and_is_switched_on_before_the_first_mount() {
    let bench = Bench::start().await;
    for (personality, switches) in [
        (Personality::MegaRac, &["AMIVirtualMedia.EnableRMedia", "AMIVirtualMedia.ConfigureCDInstance"][..]),
        (Personality::DgxH100, &["AMIVirtualMedia.EnableRMedia"]),
        (Personality::LenovoTsm, &["VirtualMedia.EnableRMedia", "VirtualMedia.ConfigureCDInstance"]),
    ] {
        let bmc = bench.bmc(personality).await;
        let image = bench.image_for(&bmc);
        let operation = Operation::unwatched();
        let mut session = bench.bmcs.open(target(&bmc), &operation).await.unwrap();
        assert_eq!(session.media().await.unwrap(), Media::default(), "{personality}");
        assert_eq!(session.holding(&image).await.unwrap(), None, "{personality}");
        assert_eq!(writes(&bmc), Vec::<String>::new(), "{personality}: looking changes nothing");

        session.mount(&image).await.unwrap_or_else(|e| panic!("{personality}: {e}"));
        let written = writes(&bmc);
        assert_eq!(written[..switches.len()], *switches, "{personality}");
        assert!(written[switches.len()..].iter().all(|name| name == "VirtualMedia.InsertMedia"), "{written:?}");
        session.unmount(|_| true).await.unwrap();

        bmc.clear_requests();
        session.mount(&image).await.unwrap();
        assert!(!writes(&bmc).iter().any(|name| switches.contains(&name.as_str())), "{personality}: it is on");
    }
}

#[tokio::test]
async fn remote_media_that_cannot_be_switched_on_is_told_with_the_reason() {
    let bench = Bench::start().await;
    let says = |id: &str| {
        let body = json!({"error": {"@Message.ExtendedInfo": [{"MessageId": id, "Message": "No."}]}});
        Fault::Status(400, body.to_string())
    };
    for (id, code, part) in [
        ("AmiOem.1.0.ActionInProgress", 409, "end the redirection in its console"),
        ("Base.1.12.InsufficientStorage", 502, "InsufficientStorage"),
    ] {
        let bmc = bench.bmc(Personality::MegaRac).await;
        bmc.fault(Matcher::any().method("POST").path_ends("EnableRMedia"), says(id));
        let error = mount(&bench, &bmc, &bench.image_for(&bmc)).await.unwrap_err();
        told(&error, code, &["switching its remote media on", part]);
    }
    // That it is on already is no error: the slots tell.
    let bmc = bench.bmc(Personality::MegaRac).await;
    bmc.set_media_enabled(true);
    bmc.fault(
        Matcher::any().method("GET").path_ends("Managers/Self"),
        Fault::Status(
            200,
            json!({"@odata.id": "/redfish/v1/Managers/Self", "Id": "Self",
                "VirtualMedia": {"@odata.id": "/redfish/v1/Managers/Self/VirtualMedia"},
                "Oem": {"Ami": {"VirtualMedia": {"RMediaStatus": "Disabled"}}},
                "Actions": {"Oem": {"#VirtualMedia.EnableRMedia": {
                    "target": "/redfish/v1/Managers/Self/Actions/Oem/AMIVirtualMedia.EnableRMedia"}}}})
            .to_string(),
        ),
    );
    let error = mount(&bench, &bmc, &bench.image_for(&bmc)).await.unwrap_err();
    told(&error, 502, &["SupportEnabled"]);
}

/// Complaint 15: a success, and no medium yet.
#[tokio::test]
async fn an_image_counts_when_its_redirection_has_started() {
    let bench = Bench::start().await;
    let bmc = bench.bmc(Personality::MegaRac).await;
    mount(&bench, &bmc, &bench.image_for(&bmc)).await.unwrap();
    let slot = "/redfish/v1/Managers/Self/VirtualMedia/CD1";
    let requests = bmc.requests();
    let inserted = requests.iter().position(|request| request.path.ends_with("InsertMedia")).unwrap();
    // Not shown yet, shown and in progress, started.
    let looks = requests[inserted..].iter().filter(|request| request.path == slot).count();
    assert_eq!(looks, 3);
}

/// Complaint 13, in part: a PATCH without its `ETag` is 428. Complaint 14: the system takes no boot settings, SD does.
#[tokio::test]
async fn an_override_goes_to_the_future_state_whole_and_with_its_etag() {
    let bench = Bench::start().await;
    let whole = json!({"Boot": {"BootSourceOverrideEnabled": "Once", "BootSourceOverrideTarget": "Cd",
        "BootSourceOverrideMode": "UEFI"}});
    let patched = |bmc: &Bmc| {
        let requests = bmc.requests().into_iter().filter(|request| request.method == "PATCH");
        requests.map(|request| (request.path, request.if_match.is_some(), request.body)).collect::<Vec<_>>()
    };
    for (personality, system) in [(Personality::MegaRac, "Systems/Self"), (Personality::DgxH100, "Systems/DGX")] {
        let bmc = bench.bmc(personality).await;
        let operation = Operation::unwatched();
        let mut session = bench.bmcs.open(target(&bmc), &operation).await.unwrap();
        session.boot_once_from_cd().await.unwrap_or_else(|e| panic!("{personality}: {e}"));
        assert_eq!(patched(&bmc), [(format!("/redfish/v1/{system}/SD"), true, whole.clone())], "{personality}");
        drop(session);

        // A system that does not link to its future state is asked first, and refuses.
        let bmc = bench.bmc(personality).await;
        let body = json!({"@odata.id": format!("/redfish/v1/{system}"), "@odata.etag": "W/\"1\"", "PowerState": "Off",
            "Boot": {"BootSourceOverrideEnabled": "Disabled", "BootSourceOverrideTarget": "None"},
            "Actions": {"#ComputerSystem.Reset": {"target": format!("/redfish/v1/{system}/Actions/ComputerSystem.Reset")}}});
        bmc.fault(Matcher::any().method("GET").path_ends(system), Fault::Status(200, body.to_string()));
        let operation = Operation::unwatched();
        let mut session = bench.bmcs.open(target(&bmc), &operation).await.unwrap();
        session.boot_once_from_cd().await.unwrap_or_else(|e| panic!("{personality}: {e}"));
        let places: Vec<String> = patched(&bmc).into_iter().map(|(path, _, _)| path).collect();
        assert_eq!(places.first(), Some(&format!("/redfish/v1/{system}")), "{personality}");
        assert_eq!(patched(&bmc).last(), Some(&(format!("/redfish/v1/{system}/SD"), true, whole.clone())));
    }
}

/// Complaint 13: a Gigabyte firmware refused its own `ETag` in every form (community.general#6434).
#[tokio::test]
async fn etags_that_a_bmc_refuses_in_each_form_are_told_with_the_remedy() {
    let bench = Bench::start().await;
    let bmc = bench.bmc(Personality::MegaRac).await;
    let refused = json!({"error": {"@Message.ExtendedInfo": [{"MessageId": "Base.1.12.PreconditionFailed"}]}});
    bmc.fault(Matcher::any().method("PATCH"), Fault::Status(412, refused.to_string()));
    let operation = Operation::unwatched();
    let mut session = bench.bmcs.open(target(&bmc), &operation).await.unwrap();
    told(&session.boot_once_from_cd().await.unwrap_err(), 502, &["PreconditionFailed", "update its firmware"]);
    let tried: Vec<bool> = bmc
        .requests()
        .iter()
        .filter(|request| request.method == "PATCH" && request.path.ends_with("/SD"))
        .map(|request| request.if_match.is_some())
        .collect();
    assert_eq!(tried, [true, true, true, false], "as shown, as a strong one, without quotes, none");
}

#[tokio::test]
async fn an_image_on_a_share_is_mounted_by_the_shares_own_protocol() {
    let bench = Bench::start().await;
    for (personality, scheme, protocol) in [
        (Personality::MegaRac, "nfs", Some("NFS")),
        (Personality::MegaRac, "cifs", Some("CIFS")),
        (Personality::DgxH100, "nfs", Some("NFS")),
        (Personality::LenovoTsm, "cifs", Some("CIFS")),
        (Personality::OpenBmc, "smb", None),
        (Personality::Cimc, "nfs", Some("NFS")),
    ] {
        let bmc = bench.bmc(personality).await;
        let image = bench.files.url_by(scheme).join("boot.iso").unwrap();
        mount(&bench, &bmc, &image).await.unwrap_or_else(|e| panic!("{personality} {scheme}: {e}"));
        let insert = bmc.requests().into_iter().rfind(|request| request.path.ends_with("InsertMedia")).unwrap();
        assert_eq!(insert.body["Image"], image.as_str(), "{personality}");
        assert_eq!(insert.body["TransferProtocolType"].as_str(), protocol, "{personality} {scheme}");
    }
}

#[tokio::test]
async fn a_scheme_that_is_not_taken_is_told_with_those_that_are_and_where_to_set_it() {
    let bench = Bench::start().await;
    for (personality, scheme, part) in [
        (Personality::MegaRac, "https", "takes images by NFS, CIFS, HTTP only, not HTTPS"),
        (Personality::DgxH100, "http", "takes images by CIFS, HTTPS, NFS only, not HTTP"),
        (Personality::LenovoTsm, "http", "takes images by NFS, CIFS only, not HTTP"),
        (Personality::OpenBmc, "http", "takes images by https and smb only"),
        (Personality::OpenBmc, "nfs", "takes images by https and smb only"),
        (Personality::Gb200, "http", "takes images by https and smb only"),
    ] {
        let bmc = bench.bmc(personality).await;
        let image = bench.files.url_by(scheme).join("boot.iso").unwrap();
        let error = mount(&bench, &bmc, &image).await.unwrap_err();
        told(&error, error.code(), &[part, "virtual-media/image-url"]);
        assert!(writes(&bmc).iter().filter(|name| *name == "VirtualMedia.InsertMedia").count() <= 1, "{personality}");
    }
    // A build that lists nothing, and refuses by the format alone.
    let bmc = bench.bmc(Personality::MegaRac).await;
    bmc.fault(Matcher::any().path_ends("InsertMediaActionInfo"), Fault::status(404));
    let image = bench.files.https_url().join("boot.iso").unwrap();
    told(&mount(&bench, &bmc, &image).await.unwrap_err(), 502, &["ValueFormatError", "virtual-media/image-url"]);
}

/// bmcweb is built with virtual media or without.
#[tokio::test]
async fn a_build_without_virtual_media_is_told_and_has_nothing_to_eject() {
    let bench = Bench::start().await;
    for personality in [Personality::OpenBmc, Personality::MegaRac] {
        let bmc = bench.bmc(personality).await;
        bmc.alter(|profile| profile.media.places.clear());
        let operation = Operation::unwatched();
        let mut session = bench.bmcs.open(target(&bmc), &operation).await.unwrap();
        assert!(!session.unmount(|_| true).await.unwrap(), "{personality}");
        told(&session.media().await.unwrap_err(), 404, &["offers no virtual media"]);
    }
    let bmc = bench.bmc(Personality::OpenBmc).await;
    bmc.alter(|profile| profile.media.places.clear());
    told(&mount(&bench, &bmc, &bench.image_for(&bmc)).await.unwrap_err(), 404, &["offers no virtual media"]);
    assert_eq!(writes(&bmc), Vec::<String>::new());
}

#[tokio::test]
async fn an_image_that_a_megarac_does_not_find_is_told_with_what_its_builds_are_particular_about() {
    let bench = Bench::start().await;
    bench.files.refuse(true);
    let bmc = bench.bmc(Personality::MegaRac).await;
    let error = mount(&bench, &bmc, &bench.image_for(&bmc)).await.unwrap_err();
    told(&error, 502, &["then its task", "ended as Exception", "can fetch the image", "from port 80 alone"]);
}

#[tokio::test]
async fn credentials_are_made_up_where_a_bmc_insists_on_some() {
    let bench = Bench::start().await;
    let bmc = bench.bmc(Personality::DgxH100).await;
    mount(&bench, &bmc, &bench.image_for(&bmc)).await.unwrap();
    let inserts: Vec<Value> = bmc
        .requests()
        .into_iter()
        .filter(|request| request.path.ends_with("InsertMedia"))
        .map(|request| request.body)
        .collect();
    let image = bench.image_for(&bmc);
    let first = json!({"Image": image.as_str(), "TransferProtocolType": "HTTPS"});
    let mut last = first.clone();
    (last["UserName"], last["Password"]) = (json!("none"), json!("none"));
    assert_eq!(inserts, [first, last]);
}

/// Complaint 1: neither a name nor a place in a list says which slot, system or manager it is.
#[tokio::test]
async fn the_slot_for_urls_is_found_among_those_of_consoles_boards_and_floppies() {
    let bench = Bench::start().await;
    for (personality, slot) in [
        (Personality::OpenBmc, "Slot_2"),
        (Personality::Gb200, "USB1"),
        (Personality::Cimc, "0"),
        (Personality::Ucsx, "3"),
        (Personality::DgxH100, "CD1"),
    ] {
        let bmc = bench.bmc(personality).await;
        assert_eq!(mount(&bench, &bmc, &bench.image_for(&bmc)).await.unwrap(), slot, "{personality}");
        let inserts = bmc.requests().into_iter().filter(|request| request.path.ends_with("InsertMedia"));
        let elsewhere = inserts.filter(|request| !request.path.contains(&format!("VirtualMedia/{slot}/"))).count();
        assert_eq!(elsewhere, 0, "{personality}");
    }
}

#[tokio::test]
async fn a_slot_that_takes_no_image_makes_room_for_the_next() {
    let bench = Bench::start().await;
    // Cisco's C845A, an OpenBMC, answers so (ironic).
    for status in [400, 405] {
        let bmc = bench.bmc(Personality::OpenBmc).await;
        bmc.fault(Matcher::any().method("POST").path_contains("Slot_2"), Fault::status(status));
        assert_eq!(mount(&bench, &bmc, &bench.image_for(&bmc)).await.unwrap(), "Slot_3", "{status}");
    }
    let bmc = bench.bmc(Personality::Ucsx).await;
    bmc.fault(Matcher::any().method("POST").path_contains("VirtualMedia/3"), Fault::status(400));
    let error = mount(&bench, &bmc, &bench.image_for(&bmc)).await.unwrap_err();
    told(&error, 502, &["refused each of 2 ways: (1) slot 3", "(2) slot 0"]);
}

#[tokio::test]
async fn a_root_that_shows_its_links_after_a_login_alone_is_asked_again() {
    let bench = Bench::start().await;
    for tls in [TlsPolicy::Accept, TlsPolicy::Pin(None)] {
        let bmc = bench.bmc(Personality::Cimc).await;
        let mut target = target(&bmc);
        target.tls = tls;
        let operation = Operation::unwatched();
        let session = bench.bmcs.open(target, &operation).await.unwrap();
        assert_eq!(session.identity().vendor.map(Vendor::name), Some("cisco"));
        let roots = bmc.requests().into_iter().filter(|request| request.path == "/redfish/v1/");
        let asked: Vec<Credentials> = roots.map(|request| request.credentials).collect();
        assert_eq!(asked, [Credentials::None, Credentials::Basic]);
    }
}
