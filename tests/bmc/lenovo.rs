//! What is particular to Lenovo's XCC: the right slot of ten, If-Match on every PATCH, shares by their own names, and
//! firmware that has no slots yet.

use drp_virtual_media::bmc::{BootDevice, BootMode, Identified, Identify, Kind, Lasting, Part, Power, PowerState};
use drp_virtual_media::operation::Operation;
use drp_virtual_media_sim::bmc::{Bmc, EtagCheck, EtagForm, Etags, Fault, Matcher, Personality, Request};
use serde_json::json;
use url::Url;

use crate::bench::{Bench, target, told};

const XCCS: [Personality; 3] = [Personality::Xcc, Personality::Xcc2, Personality::Xcc3];

async fn mount(bench: &Bench, bmc: &Bmc, image: &Url) -> Result<String, drp_virtual_media::bmc::Error> {
    let operation = Operation::unwatched();
    let mut session = bench.bmcs.open(target(bmc), &operation).await?;
    session.mount(image).await.map(|mounted| mounted.slot)
}

fn patches(bmc: &Bmc) -> Vec<Request> {
    bmc.requests().into_iter().filter(|request| request.method == "PATCH").collect()
}

/// Complaint 12, python-redfish-lenovo#9 and #21, gofish#529: no actions, ten slots that look alike, RDOC first.
#[tokio::test]
async fn of_ten_slots_that_look_alike_the_first_external_one_takes_the_image() {
    let bench = Bench::start().await;
    for personality in XCCS {
        let bmc = bench.bmc(personality).await;
        assert_eq!(mount(&bench, &bmc, &bench.image()).await.unwrap(), "EXT1", "{personality}");
        let slot = "/redfish/v1/Systems/1/VirtualMedia/EXT1";
        assert!(patches(&bmc).iter().all(|patch| patch.path == slot), "{personality}: no other is asked");
        let read = |kind: &str| bmc.requests().iter().any(|request| request.path.contains(kind));
        assert!(!read("RDOC") && !read("Remote"), "{personality}: what is never used is not read by itself");
    }
}

/// Complaint 13, ansible#56150: 428 without If-Match. On newer firmware 412 with one (community.general#11261); should its form be what is
/// wrong, the other one is tried.
#[tokio::test]
async fn every_patch_carries_the_etag_of_what_it_changes() {
    let bench = Bench::start().await;
    let strong_only = Etags { form: EtagForm::Weak, on_patch: EtagCheck::StrongOnly };
    let all = XCCS.map(|personality| (personality, None, 0));
    for (personality, etags, refused) in all.into_iter().chain([(Personality::Xcc3, Some(strong_only), 1)]) {
        let bmc = bench.bmc(personality).await;
        if let Some(etags) = etags {
            bmc.alter(|profile| profile.http.etags = etags);
        }
        bmc.mount_foreign(bench.other_image().as_str());
        let operation = Operation::unwatched();
        let mut session = bench.bmcs.open(target(&bmc), &operation).await.unwrap();
        session.mount(&bench.image()).await.unwrap();
        session.boot_once_from_cd().await.unwrap();
        session.unmount(|_| true).await.unwrap();
        let patches = patches(&bmc);
        assert!(patches.iter().all(|patch| patch.if_match.is_some()), "{personality}: {patches:?}");
        // Of a weak ETag the strong form has to be tried once a PATCH: which of the two is taken shows by nothing else.
        let unwanted = patches.iter().filter(|patch| patch.status.is_none_or(|status| status >= 400)).count();
        assert_eq!((patches.len(), unwanted), (4 * (1 + refused), 4 * refused), "{personality}: {patches:?}");
    }
}

#[tokio::test]
async fn an_image_on_a_share_is_mounted_and_found_again_however_the_generation_spells_it() {
    let bench = Bench::start().await;
    let url = |text: &str| Url::parse(text).unwrap();
    for (personality, image, shown) in [
        (Personality::Xcc, "nfs://10.0.0.5/iso/boot.iso", "10.0.0.5:/iso/boot.iso"),
        (Personality::Xcc2, "cifs://10.0.0.5/iso/boot.iso", "//10.0.0.5/iso/boot.iso"),
        (Personality::Xcc3, "nfs://10.0.0.5/iso/boot.iso", "nfs://10.0.0.5/iso/boot.iso"),
        (Personality::Xcc3, "cifs://10.0.0.5/iso/boot.iso", "smb://10.0.0.5/iso/boot.iso"),
    ] {
        let bmc = bench.bmc(personality).await;
        mount(&bench, &bmc, &url(image)).await.unwrap_or_else(|e| panic!("{personality} {image}: {e}"));
        assert!(bmc.state().slots.iter().any(|slot| slot.image.as_deref() == Some(shown)), "{personality} {image}");
        let operation = Operation::unwatched();
        let mut session = bench.bmcs.open(target(&bmc), &operation).await.unwrap();
        assert!(session.holding(&url(image)).await.unwrap().is_some(), "{personality} {image}");
    }
    // What looks like an XCC and is a generation further costs one refusal.
    let bmc = bench.bmc(Personality::Xcc3).await;
    bmc.alter(|profile| profile.identity.manager_model = "Lenovo XClarity Controller");
    mount(&bench, &bmc, &url("nfs://10.0.0.5/iso/boot.iso")).await.unwrap();
}

#[tokio::test]
async fn a_missing_licence_is_asked_for_once_and_not_once_a_slot() {
    let bench = Bench::start().await;
    let bmc = bench.bmc(Personality::Xcc).await;
    bmc.set_licensed(false);
    told(&mount(&bench, &bmc, &bench.image()).await.unwrap_err(), 502, &["licence", "install it"]);
    assert_eq!(patches(&bmc).len(), 1);
}

/// python-redfish-lenovo#9.
#[tokio::test]
async fn an_xcc_without_slots_does_all_but_mount_and_says_that_an_update_helps() {
    let bench = Bench::start().await;
    for personality in Personality::WITHOUT_MEDIA {
        let bmc = bench.bmc(*personality).await;
        let error = mount(&bench, &bmc, &bench.image()).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Unsupported);
        told(&error, 404, &["lists no virtual media slot", "update the XCC", "2.50"]);

        let operation = Operation::unwatched();
        let mut session = bench.bmcs.open(target(&bmc), &operation).await.unwrap();
        told(&session.media().await.unwrap_err(), 404, &["update the XCC"]);
        assert!(!session.unmount(|_| true).await.unwrap(), "what cannot be mounted is not mounted");
        assert!(session.plan().await.unwrap().slots.is_empty());
        session.clear_boot_once().await.unwrap();
        session.boot_from(BootDevice::Pxe, Lasting::Once, BootMode::Current).await.unwrap();
        assert_eq!(session.power(Power::On).await.unwrap().state, PowerState::On);
        assert_eq!(session.identify(Identify::Usual).await.unwrap(), Identified::UntilSwitchedOff);
        assert_eq!(session.read(Part::Info).await.unwrap()["Manufacturer"], "Lenovo");
        assert!(patches(&bmc).iter().all(|patch| !patch.path.contains("VirtualMedia")));
    }
}

/// community.general#6434: an `ETag` that is refused in each form, however often it is read anew.
#[tokio::test]
async fn an_etag_that_is_never_right_is_read_anew_once() {
    let bench = Bench::start().await;
    let bmc = bench.bmc(Personality::Xcc).await;
    let system = "/redfish/v1/Systems/1";
    for read in 0..40 {
        let body = json!({"@odata.id": system, "@odata.etag": format!("\"{read}\""), "Id": "1", "PowerState": "On",
            "Boot": {"BootSourceOverrideEnabled": "Disabled", "BootSourceOverrideTarget": "None"},
            "Actions": {"#ComputerSystem.Reset": {"target": format!("{system}/Actions/ComputerSystem.Reset")}}});
        bmc.fault(Matcher::any().method("GET").path_ends("Systems/1").times(1), Fault::Status(200, body.to_string()));
        for status in [412, 412, 428] {
            bmc.fault(Matcher::any().method("PATCH").path_ends("Systems/1").times(1), Fault::status(status));
        }
    }
    let operation = Operation::unwatched();
    let mut session = bench.bmcs.open(target(&bmc), &operation).await.unwrap();
    let error = session.boot_from(BootDevice::Pxe, Lasting::Once, BootMode::Current).await.unwrap_err();
    told(&error, 502, &["428 Precondition Required", "PATCH /redfish/v1/Systems/1"]);
    let sent: Vec<_> = patches(&bmc).into_iter().filter(|patch| patch.path == system).map(|p| p.if_match).collect();
    assert!(matches!(sent.as_slice(), [Some(_), Some(_), None, Some(_), Some(_), None]), "{sent:?}");
}
