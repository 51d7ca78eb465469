//! What BMCs refuse, told with a remedy; and what they insist on, given without being asked.

use std::time::Duration;

use drp_virtual_media::bmc::{BootDevice, BootMode, Identify, Kind, Lasting, Part, Power};
use drp_virtual_media::operation::Operation;
use drp_virtual_media_sim::bmc::{
    Bmc, EtagCheck, EtagForm, Etags, Fault, Matcher, ModeRule, Personality, Profile, SettingsShape,
};

use crate::bench::{Bench, SHORT, target, told};

#[tokio::test]
async fn an_image_that_the_bmc_cannot_fetch_is_told_with_what_to_check() {
    let bench = Bench::start().await;
    bench.files.refuse(true);
    for personality in Personality::ALL {
        let bmc = bench.bmc(*personality).await;
        // A share, which nobody serves here, is refused by the BMC.
        bmc.fail_inserts(u32::MAX);
        let mut target = target(&bmc);
        target.limits.media = SHORT;
        let operation = Operation::unwatched();
        let mut session = bench.bmcs.open(target, &operation).await.unwrap();
        let error = session.mount(&bench.image_for(&bmc)).await.expect_err("nobody serves it");
        told(&error, error.code(), &["boot.iso", "fetch"]);
        assert_eq!(error.kind(), Kind::Refused, "{personality}: {error}");
        assert!(bmc.state().slots.iter().all(|slot| !slot.inserted), "{personality}");
    }
}

#[tokio::test]
async fn credentials_in_an_image_url_are_never_shown() {
    let bench = Bench::start().await;
    bench.files.refuse(true);
    let bmc = bench.bmc(Personality::Generic).await;
    let mut image = bench.image();
    image.set_username("reader").unwrap();
    image.set_password(Some("image-secret")).unwrap();
    let operation = Operation::unwatched();
    let mut session = bench.bmcs.open(target(&bmc), &operation).await.unwrap();
    let error = session.mount(&image).await.unwrap_err();
    assert!(!error.to_string().contains("image-secret"), "{error}");
    assert!(!format!("{:?}", operation.steps_done()).contains("image-secret"));
}

#[tokio::test]
async fn an_image_that_is_accepted_and_never_shown_is_a_timeout() {
    let bench = Bench::start().await;
    let bmc = bench.bmc(Personality::Generic).await;
    bmc.alter(|profile| profile.media.late_reads = u32::MAX);
    let mut target = target(&bmc);
    target.limits.media = SHORT;
    let operation = Operation::unwatched();
    let error = bench.bmcs.open(target, &operation).await.unwrap().mount(&bench.image()).await.unwrap_err();
    told(&error, 504, &["slot Cd to show", "within 300 ms", "it is empty", "name, route, firewall"]);
}

#[tokio::test]
async fn a_failure_shows_every_form_that_was_sent_what_came_back_and_the_next_step() {
    let bench = Bench::start().await;
    let bmc = bench.bmc(Personality::Generic).await;
    let body = r#"{"error":{"@Message.ExtendedInfo":[{"MessageId":"Base.1.18.MalformedJSON","Message":"No."}]}}"#;
    bmc.fault(Matcher::any().method("POST").path_ends("InsertMedia"), Fault::Status(400, body.to_owned()));
    bmc.alter(|profile| profile.http.etags.form = EtagForm::Weak);
    bmc.fault(Matcher::any().method("PATCH"), Fault::status(412));
    let operation = Operation::unwatched();
    let mut session = bench.bmcs.open(target(&bmc), &operation).await.unwrap();
    let error = session.mount(&bench.image()).await.unwrap_err();
    told(
        &error,
        502,
        &[
            "refused each of 3 forms of POST /redfish/v1/",
            "(1) with Image: 400 Bad Request, No. (Base.1.18.MalformedJSON) (2) with Image, TransferProtocolType HTTP: 400",
            "(3) with Image, Inserted true, TransferProtocolType HTTP, WriteProtected true: 400",
            "check that the BMC itself can fetch the image from",
        ],
    );
    let error = session.boot_once_from_cd().await.unwrap_err();
    told(&error, 502, &["refused each of 4 forms of PATCH", "(1) with If-Match W/\"", "(4) without If-Match: 412"]);
}

/// A vendor's particular refusals, each told with what to do.
#[tokio::test]
async fn a_vendors_refusal_is_told_with_its_remedy() {
    let bench = Bench::start().await;
    let boot = async |bmc: &Bmc| {
        let operation = Operation::unwatched();
        let mut session = bench.bmcs.open(target(bmc), &operation).await.unwrap();
        session.mount(&bench.image()).await.unwrap();
        session.boot_once_from_cd().await
    };
    let bmc = bench.bmc(Personality::Idrac8).await;
    bmc.set_jobs_refused(true);
    told(&boot(&bmc).await.unwrap_err(), 503, &["ImportSystemConfiguration", "job queue"]);
    let in_post = Fault::Status(
        400,
        r#"{"error":{"@Message.ExtendedInfo":[{"MessageId":"iLO.2.15.UnableToModifyDuringSystemPOST"}]}}"#.to_owned(),
    );
    for personality in [Personality::Ilo5, Personality::Ilo6] {
        let bmc = bench.bmc(personality).await;
        bmc.fault(Matcher::any().method("PATCH").times(4), in_post.clone());
        boot(&bmc).await.unwrap();
        bmc.fault(Matcher::any().method("PATCH"), in_post.clone());
        told(&boot(&bmc).await.unwrap_err(), 503, &["UnableToModifyDuringSystemPOST", "the machine is in POST"]);
    }
    let bmc = bench.bmc(Personality::Generic).await;
    bmc.alter(|profile| profile.media.schemes = vec!["https"]);
    let operation = Operation::unwatched();
    let mut session = bench.bmcs.open(target(&bmc), &operation).await.unwrap();
    let refused = session.mount(&bench.image()).await.unwrap_err();
    drop(session);
    told(&refused, 502, &["ResourceAtUriInUnknownFormat"]);
    assert_eq!(bmc.requests().iter().filter(|request| request.method == "POST").count(), 1);
}

#[tokio::test]
async fn a_setting_that_is_accepted_and_not_kept_is_told() {
    let bench = Bench::start().await;
    for (personality, place, part) in [
        (Personality::Generic, "Systems/1", "accepted PATCH /redfish/v1/Systems/1, but shows BootSourceOverrideTarget"),
        (Personality::Idrac9Early, "Attributes", "accepted the attributes, but shows BootOnce"),
        (Personality::Ilo5, "VirtualMedia/2", "accepted BootOnNextServerReset true in slot 2, but shows"),
    ] {
        let bmc = bench.bmc(personality).await;
        let operation = Operation::unwatched();
        let mut session = bench.bmcs.open(target(&bmc), &operation).await.unwrap();
        session.mount(&bench.image()).await.unwrap();
        bmc.fault(Matcher::any().method("PATCH").path_ends(place), Fault::Status(200, "{}".to_owned()));
        // The next route of the vendor is not the subject here.
        bmc.fault(Matcher::any().method("POST"), Fault::status(400));
        bmc.fault(Matcher::any().method("PATCH"), Fault::status(400));
        told(&session.boot_once_from_cd().await.unwrap_err(), 502, &[part]);
    }
}

/// What makes one BMC differ from the generic one.
type Change = fn(&mut Profile);

/// What some BMCs insist on, each got around without being asked.
#[tokio::test]
async fn what_a_bmc_insists_on_is_given() {
    let bench = Bench::start().await;
    let table: [(&str, Change); 18] = [
        ("a transfer protocol", |p| p.media.needs = vec!["TransferProtocolType"]),
        ("a protocol and a method", |p| p.media.needs = vec!["TransferProtocolType", "TransferMethod"]),
        ("credentials", |p| p.media.needs = vec!["UserName", "Password"]),
        ("inserted", |p| p.media.needs = vec!["Inserted", "WriteProtected"]),
        ("neither of those", |p| p.media.refuses = vec!["Inserted", "WriteProtected", "TransferProtocolType"]),
        ("weak etags required", |p| p.http.etags = Etags { form: EtagForm::Weak, on_patch: EtagCheck::Required }),
        ("strong etags alone", |p| p.http.etags = Etags { form: EtagForm::Weak, on_patch: EtagCheck::StrongOnly }),
        ("a PATCH to mount, with an etag that is new", |p| {
            (p.media.actions, p.media.patch) = (false, true);
            p.http.etags = Etags { form: EtagForm::Weak, on_patch: EtagCheck::Required };
        }),
        ("no boot mode", |p| p.boot.mode = ModeRule::ReadOnly),
        ("a boot mode", |p| p.boot.mode = ModeRule::Required),
        ("unlisted targets", |p| p.boot.targets_listed = false),
        ("a settings object without boot", |p| {
            p.boot.settings = Some(SettingsShape { name: "Pending", takes_boot: false });
        }),
        ("off and on", |p| p.power.resets = &["On", "ForceOff"]),
        ("slow to show", |p| p.media.late_reads = 3),
        ("slow to forget", |p| p.media.stale_reads = 3),
        ("a board before the system", |p| p.identity.systems_before = vec!["HGX_Baseboard_0"]),
        ("no link to its manager", |p| p.identity.managed_by = false),
        ("eject listed late", |p| p.media.eject_hidden_when_empty = true),
    ];
    for (name, change) in table {
        let bmc = bench.bmc(Personality::Generic).await;
        bmc.alter(change);
        bmc.set_power(true);
        let operation = Operation::unwatched();
        let mut session = bench.bmcs.open(target(&bmc), &operation).await.unwrap();
        let story = async {
            session.mount(&bench.image()).await?;
            session.mount(&bench.image()).await?;
            session.boot_once_from_cd().await?;
            session.power(Power::Cycle).await?;
            session.unmount(|_| true).await
        };
        assert!(story.await.unwrap_or_else(|e| panic!("{name}: {e}")), "{name}");
        bmc.until(|bmc| !bmc.state().boots.is_empty()).await;
        let boots = bmc.state().boots;
        assert_eq!(boots.first().and_then(|boot| boot.image.clone()), Some(bench.image().to_string()), "{name}");
    }
}

#[tokio::test]
async fn a_protocol_that_is_not_taken_is_told_before_anything_is_sent() {
    let bench = Bench::start().await;
    let bmc = bench.bmc(Personality::Generic).await;
    let member = bench.bmcs.open(target(&bmc), &Operation::unwatched()).await.unwrap().plan().await.unwrap();
    let path = member.slots.first().map(|slot| slot.path.clone()).unwrap();
    let target_path = format!("{path}/Actions/VirtualMedia.InsertMedia");
    let body = serde_json::json!({"Id": "Cd", "MediaTypes": ["CD"], "Inserted": false, "Actions": {"#VirtualMedia.InsertMedia": {
        "target": target_path, "TransferProtocolType@Redfish.AllowableValues": ["NFS", "CIFS"]}}});
    bmc.fault(Matcher::any().method("GET").path_ends(&path), Fault::Status(200, body.to_string()));
    let operation = Operation::unwatched();
    let mut session = bench.bmcs.open(target(&bmc), &operation).await.unwrap();
    told(&session.mount(&bench.image()).await.unwrap_err(), 404, &["takes images by NFS, CIFS only, not HTTP"]);
    assert!(bmc.requests().iter().all(|request| request.method == "GET"));
}

/// Whatever JSON a BMC answers, at any place, an action ends: well, or with an error.
#[tokio::test]
async fn odd_json_at_any_place_ends_no_action_by_a_panic() {
    let bench = Bench::start().await;
    let model = bench.bmc(Personality::Idrac9).await;
    let story = async |bmc: &Bmc| {
        let operation = Operation::unwatched();
        let mut target = target(bmc);
        target.limits.media = Duration::from_millis(20);
        let Ok(mut session) = bench.bmcs.open(target, &operation).await else { return };
        // Each of these may fail; that they end is the subject.
        let _ = session.plan().await;
        let _ = session.mount(&bench.image()).await;
        let _ = session.boot_once_from_cd().await;
        let _ = session.clear_boot_once().await;
        let _ = session.boot_from(BootDevice::Pxe, Lasting::Once, BootMode::Current).await;
        let _ = session.boot_from(BootDevice::Disk, Lasting::Always, BootMode::Uefi).await;
        let _ = session.identify(Identify::Usual).await;
        let _ = session.identify(Identify::Off).await;
        for part in [Part::Status, Part::Bios, Part::Memory, Part::Boot] {
            let _ = session.read(part).await;
        }
        let _ = session.power(Power::Cycle).await;
        let _ = session.unmount(|_| true).await;
    };
    story(&model).await;
    let mut places: Vec<String> = model.requests().into_iter().map(|request| request.path).collect();
    places.sort();
    places.dedup();
    assert!(places.len() > 8, "{places:?}");
    let odd = [
        "null",
        "[]",
        "{}",
        r#"{"Members":[null,5,{"@odata.id":7},{"@odata.id":""},{"@odata.id":"::"},{"@odata.id":"/"}],"VirtualMedia":[],"Links":7}"#,
        r#"{"Actions":[],"Boot":"Cd","PowerState":5,"Inserted":"yes","Image":{},"MediaTypes":"CD","Attributes":[]}"#,
        r##"{"Actions":{"#VirtualMedia.InsertMedia":{"target":"http://["},"#ComputerSystem.Reset":{"target":""}},"MediaTypes":[1]}"##,
    ];
    for place in places {
        for body in odd {
            let bmc = bench.bmc(Personality::Idrac9).await;
            bmc.fault(Matcher::any().path_ends(&place), Fault::Status(200, body.to_owned()));
            story(&bmc).await;
        }
    }
}
