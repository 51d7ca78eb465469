//! Boot devices over every personality: once, from now on, set already, in the way of each other, refused.

use std::time::Duration;

use drp_virtual_media::bmc::{Bmc as Session, BootDevice, BootMode, Kind, Lasting, Power};
use drp_virtual_media::operation::Operation;
use drp_virtual_media_sim::bmc::{
    Bmc, Device, EtagCheck, EtagForm, Etags, Fault, Matcher, ModeRule, Personality, Profile, SettingsShape,
};
use serde_json::{Value, json};

use crate::bench::{Bench, target, told};

/// Boots the machine anew and gives what it took.
async fn boot(bmc: &Bmc, session: &mut Session<'_>) -> Device {
    let before = bmc.state().boots.len();
    session.power(Power::Cycle).await.unwrap();
    bmc.until(|bmc| bmc.state().boots.len() > before).await;
    bmc.state().boots.last().unwrap().device
}

fn writes(bmc: &Bmc) -> usize {
    bmc.requests().iter().filter(|request| request.method != "GET").count()
}

/// The bodies of boot settings that were sent, in order.
fn sent(bmc: &Bmc) -> Vec<Value> {
    bmc.requests().into_iter().filter(|request| request.method == "PATCH").map(|request| request.body).collect()
}

#[tokio::test]
async fn every_device_is_set_once_and_from_now_on_on_every_bmc() {
    let bench = Bench::start().await;
    for personality in Personality::ALL {
        let bmc = bench.bmc(*personality).await;
        bmc.set_power(true);
        let operation = Operation::unwatched();
        let mut session = bench.bmcs.open(target(&bmc), &operation).await.unwrap();
        for (device, expected) in [(BootDevice::Pxe, Device::Pxe), (BootDevice::Disk, Device::Disk)] {
            let case = format!("{personality} {device:?}");
            let set = async |session: &mut Session<'_>, lasting| {
                let done = session.boot_from(device, lasting, BootMode::Current).await;
                done.unwrap_or_else(|error| panic!("{case} {lasting:?}: {error}"));
                let before = writes(&bmc);
                session.boot_from(device, lasting, BootMode::Current).await.unwrap();
                let renamed = personality.profile().boot.shown_as.iter().any(|(set, _)| *set == "Pxe");
                let again = usize::from(renamed && device == BootDevice::Pxe);
                assert_eq!(writes(&bmc), before + again, "{case} {lasting:?}: it was set already");
            };
            set(&mut session, Lasting::Once).await;
            assert_eq!(boot(&bmc, &mut session).await, expected, "{case}");
            assert_eq!(boot(&bmc, &mut session).await, Device::Disk, "{case}: once is once");

            if !personality.boots_always() {
                let before = writes(&bmc);
                let error = session.boot_from(device, Lasting::Always, BootMode::Current).await.unwrap_err();
                told(&error, 404, &["from now on", "one boot at a time"]);
                assert_eq!(writes(&bmc), before, "{case}: it says so itself");
                continue;
            }
            set(&mut session, Lasting::Always).await;
            assert_eq!(bmc.state().boot_always, Some(expected), "{case}");
            for _ in 0..2 {
                assert_eq!(boot(&bmc, &mut session).await, expected, "{case}");
            }
        }
        // What is forced gives way to what is asked for once.
        session.boot_from(BootDevice::Pxe, Lasting::Once, BootMode::Current).await.unwrap();
        assert_eq!(boot(&bmc, &mut session).await, Device::Pxe, "{personality}");
        assert_eq!(boot(&bmc, &mut session).await, Device::Disk, "{personality}");
    }
}

/// Redfishtool#106, metal-operator#607: a Supermicro sets a mode that is left out back to its default.
#[tokio::test]
async fn a_firmware_boots_in_the_mode_it_had_whatever_is_set_and_taken_back() {
    let bench = Bench::start().await;
    for personality in Personality::ALL {
        let bmc = bench.bmc(*personality).await;
        bmc.set_power(true);
        let operation = Operation::unwatched();
        let mut session = bench.bmcs.open(target(&bmc), &operation).await.unwrap();
        session.boot_from(BootDevice::Pxe, Lasting::Once, BootMode::Current).await.unwrap();
        assert_eq!(bmc.state().boot_mode, "UEFI", "{personality}: another device");
        session.mount(&bench.image_for(&bmc)).await.unwrap();
        session.boot_once_from_cd().await.unwrap();
        assert_eq!(bmc.state().boot_mode, "UEFI", "{personality}: the virtual CD");
        session.clear_boot_once().await.unwrap();
        assert_eq!(bmc.state().boot_mode, "UEFI", "{personality}: taken back");
    }
}

#[tokio::test]
async fn whether_a_boot_from_virtual_cd_is_to_come_is_read_off_every_bmc() {
    let bench = Bench::start().await;
    for personality in Personality::ALL {
        let bmc = bench.bmc(*personality).await;
        bmc.set_power(true);
        let operation = Operation::unwatched();
        let mut session = bench.bmcs.open(target(&bmc), &operation).await.unwrap();
        assert!(!session.boots_once_from_cd().await.unwrap(), "{personality}");
        session.mount(&bench.image_for(&bmc)).await.unwrap();
        assert!(!session.boots_once_from_cd().await.unwrap(), "{personality}");

        let cd = |lasting| (BootDevice::Cd, lasting, BootMode::Current);
        let (device, lasting, mode) = cd(Lasting::Once);
        session.boot_from(device, lasting, mode).await.unwrap_or_else(|e| panic!("{personality}: {e}"));
        let before = writes(&bmc);
        assert!(session.boots_once_from_cd().await.unwrap(), "{personality}");
        session.boot_from(device, lasting, mode).await.unwrap();
        assert_eq!(writes(&bmc), before, "{personality}: it was set already");
        assert_eq!(boot(&bmc, &mut session).await, Device::VirtualCd, "{personality}");
        assert!(!session.boots_once_from_cd().await.unwrap(), "{personality}: it was done");

        // Another device takes the place of the CD, whichever route had set that.
        session.mount(&bench.image_for(&bmc)).await.unwrap();
        session.boot_once_from_cd().await.unwrap();
        session.boot_from(BootDevice::Pxe, Lasting::Once, BootMode::Current).await.unwrap();
        assert!(!session.boots_once_from_cd().await.unwrap(), "{personality}: replaced");
        assert_eq!(boot(&bmc, &mut session).await, Device::Pxe, "{personality}");
        assert_eq!(boot(&bmc, &mut session).await, Device::Disk, "{personality}");

        session.boot_once_from_cd().await.unwrap();
        let lasting = if personality.boots_always() { Lasting::Always } else { Lasting::Once };
        session.boot_from(BootDevice::Disk, lasting, BootMode::Current).await.unwrap();
        assert!(!session.boots_once_from_cd().await.unwrap(), "{personality}: replaced by {lasting:?}");
        assert_eq!(boot(&bmc, &mut session).await, Device::Disk, "{personality}");
    }
}

#[tokio::test]
async fn a_cd_that_the_override_means_as_the_drive_in_the_chassis_is_not_the_virtual_one() {
    let bench = Bench::start().await;
    for (personality, is_virtual) in
        [(Personality::Idrac8, false), (Personality::Idrac9Early, false), (Personality::Idrac9, true)]
    {
        let bmc = bench.bmc(personality).await;
        bmc.set_boot_once("Cd");
        let operation = Operation::unwatched();
        let mut session = bench.bmcs.open(target(&bmc), &operation).await.unwrap();
        assert_eq!(session.boots_once_from_cd().await.unwrap(), is_virtual, "{personality}");
    }
}

#[tokio::test]
async fn a_mode_is_sent_where_the_bmc_shows_one_and_takes_it() {
    let bench = Bench::start().await;
    let once = |mode: Option<&str>| {
        let mut boot = json!({"BootSourceOverrideEnabled": "Once", "BootSourceOverrideTarget": "Pxe"});
        if let Some(mode) = mode {
            boot["BootSourceOverrideMode"] = json!(mode);
        }
        json!({"Boot": boot})
    };
    let table: [(ModeRule, BootMode, Vec<Value>); 6] = [
        (ModeRule::Writable, BootMode::Current, vec![once(Some("UEFI"))]),
        (ModeRule::Writable, BootMode::Legacy, vec![once(Some("Legacy"))]),
        (ModeRule::Required, BootMode::Uefi, vec![once(Some("UEFI"))]),
        (ModeRule::Required, BootMode::Current, vec![once(Some("UEFI"))]),
        (ModeRule::ReadOnly, BootMode::Legacy, vec![once(Some("Legacy")), once(None)]),
        (ModeRule::Absent, BootMode::Uefi, vec![once(None)]),
    ];
    for (rule, mode, expected) in table {
        let bmc = bench.bmc(Personality::Generic).await;
        bmc.alter(|profile| profile.boot.mode = rule.clone());
        let operation = Operation::unwatched();
        let mut session = bench.bmcs.open(target(&bmc), &operation).await.unwrap();
        session.boot_from(BootDevice::Pxe, Lasting::Once, mode).await.unwrap_or_else(|e| panic!("{rule:?}: {e}"));
        assert_eq!(sent(&bmc), expected, "{rule:?} {mode:?}");
    }
    // On these a mode is a change of the firmware's settings, or refused.
    for personality in [Personality::Idrac8, Personality::Idrac9, Personality::Ilo4, Personality::Ilo6] {
        let bmc = bench.bmc(personality).await;
        let operation = Operation::unwatched();
        let mut session = bench.bmcs.open(target(&bmc), &operation).await.unwrap();
        session.boot_from(BootDevice::Pxe, Lasting::Once, BootMode::Uefi).await.unwrap();
        assert_eq!(sent(&bmc), [once(None)], "{personality}");
    }
}

/// What makes one BMC differ from the generic one.
type Change = fn(&mut Profile);

#[tokio::test]
async fn what_a_bmc_insists_on_is_given() {
    let bench = Bench::start().await;
    let table: [(&str, Change); 6] = [
        ("no etags", |p| p.http.etags = Etags { form: EtagForm::None, on_patch: EtagCheck::Ignored }),
        ("weak etags required", |p| p.http.etags = Etags { form: EtagForm::Weak, on_patch: EtagCheck::Required }),
        ("strong etags alone", |p| p.http.etags = Etags { form: EtagForm::Weak, on_patch: EtagCheck::StrongOnly }),
        ("unlisted targets", |p| p.boot.targets_listed = false),
        ("a settings object with boot", |p| p.boot.settings = Some(SettingsShape { name: "SD", takes_boot: true })),
        ("a settings object without", |p| p.boot.settings = Some(SettingsShape { name: "Pending", takes_boot: false })),
    ];
    for (name, change) in table {
        for lasting in [Lasting::Once, Lasting::Always] {
            let bmc = bench.bmc(Personality::Generic).await;
            bmc.alter(change);
            bmc.set_power(true);
            bmc.fault(Matcher::any().times(8), Fault::Delay(Duration::from_millis(20)));
            let operation = Operation::unwatched();
            let mut session = bench.bmcs.open(target(&bmc), &operation).await.unwrap();
            let set = session.boot_from(BootDevice::Pxe, lasting, BootMode::Current).await;
            set.unwrap_or_else(|error| panic!("{name} {lasting:?}: {error}"));
            assert_eq!(boot(&bmc, &mut session).await, Device::Pxe, "{name} {lasting:?}");
        }
    }
}

#[tokio::test]
async fn what_a_bmc_cannot_is_told_with_what_it_can() {
    let bench = Bench::start().await;
    let one_boot = "use nextboot… before each boot";
    let table: [(&str, Change, Lasting, &[&str]); 4] = [
        // Lenovo XCC.
        (
            "listed",
            |p| p.boot.enabled = &["Once", "Disabled"],
            Lasting::Always,
            &["Enabled Once, Disabled only", one_boot],
        ),
        (
            "not listed",
            |p| (p.boot.enabled, p.boot.targets_listed) = (&["Once", "Disabled"], false),
            Lasting::Always,
            &["PropertyValueNotInList", one_boot],
        ),
        (
            "another target, listed",
            |p| p.boot.targets = &["None", "Cd", "Hdd"],
            Lasting::Once,
            &["BootSourceOverrideTarget None, Cd, Hdd only", "boot order"],
        ),
        ("no override at all", |p| p.boot.targets = &["None"], Lasting::Once, &["BootSourceOverrideTarget None only"]),
    ];
    for (name, change, lasting, parts) in table {
        let bmc = bench.bmc(Personality::Generic).await;
        bmc.alter(change);
        let operation = Operation::unwatched();
        let mut session = bench.bmcs.open(target(&bmc), &operation).await.unwrap();
        let error = session.boot_from(BootDevice::Pxe, lasting, BootMode::Current).await.expect_err(name);
        told(&error, 404, parts);
        assert_eq!(error.kind(), Kind::Unsupported);
    }
}

#[tokio::test]
async fn what_is_refused_or_not_kept_is_told() {
    let bench = Bench::start().await;
    let refused = r##"{"error":{"@Message.ExtendedInfo":[{"MessageId":"Base.1.8.PropertyNotWritable",
        "MessageArgs":["BootSourceOverrideTarget"],"RelatedProperties":["#/Boot/BootSourceOverrideTarget"]}]}}"##;
    for (fault, code, part) in [
        (Fault::Status(400, refused.to_owned()), 502, "PropertyNotWritable"),
        (
            Fault::Status(200, "{}".to_owned()),
            502,
            "accepted PATCH /redfish/v1/Systems/1, but shows BootSourceOverrideTarget",
        ),
        (Fault::status(503), 503, "answered 503"),
    ] {
        let bmc = bench.bmc(Personality::Generic).await;
        bmc.fault(Matcher::any().method("PATCH"), fault);
        let operation = Operation::unwatched();
        let mut session = bench.bmcs.open(target(&bmc), &operation).await.unwrap();
        let error = session.boot_from(BootDevice::Pxe, Lasting::Once, BootMode::Current).await.unwrap_err();
        told(&error, code, &["setting it to boot once from the network", part]);
    }
    // An iDRAC whose jobs are stuck cannot be forced, and says what to do.
    let bmc = bench.bmc(Personality::Idrac8).await;
    bmc.set_jobs_refused(true);
    let operation = Operation::unwatched();
    let mut session = bench.bmcs.open(target(&bmc), &operation).await.unwrap();
    let error = session.boot_from(BootDevice::Disk, Lasting::Always, BootMode::Current).await.unwrap_err();
    told(&error, 503, &["from now on from its disk", "job queue"]);
}

#[tokio::test]
async fn a_setting_whose_answer_is_lost_is_looked_at_and_never_repeated() {
    let bench = Bench::start().await;
    let bmc = bench.bmc(Personality::Generic).await;
    bmc.fault(Matcher::any().method("PATCH").times(1), Fault::HangAfter);
    let mut target = target(&bmc);
    target.limits.request = Duration::from_millis(300);
    let operation = Operation::unwatched();
    let mut session = bench.bmcs.open(target, &operation).await.unwrap();
    session.boot_from(BootDevice::Pxe, Lasting::Always, BootMode::Current).await.unwrap();
    assert_eq!(sent(&bmc).len(), 1);
    assert_eq!(bmc.state().boot_always, Some(Device::Pxe));
}
