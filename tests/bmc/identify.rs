//! The indicator light over every personality: on, on already, off, off already, where each shows it, refused.

use std::time::Duration;

use drp_virtual_media::bmc::{Identified, Identify};
use drp_virtual_media::operation::Operation;
use drp_virtual_media_sim::bmc::{
    Bmc, EtagCheck, EtagForm, Etags, Fault, LightProperty, Matcher, Personality, Profile,
};

use crate::bench::{Bench, target, told};

fn writes(bmc: &Bmc) -> Vec<(String, u16)> {
    let requests = bmc.requests().into_iter().filter(|request| request.method != "GET");
    requests.map(|request| (request.path, request.status.unwrap_or_default())).collect()
}

#[tokio::test]
async fn every_bmc_lights_up_and_goes_dark_again() {
    let bench = Bench::start().await;
    for personality in Personality::ALL {
        let bmc = bench.bmc(*personality).await;
        let operation = Operation::unwatched();
        let mut session = bench.bmcs.open(target(&bmc), &operation).await.unwrap();
        // The provider before this one switched the light off when it was given a duration.
        for identify in [Identify::Usual, Identify::For(Duration::from_mins(1))] {
            assert_eq!(session.identify(Identify::Off).await.unwrap(), Identified::No, "{personality}");
            assert!(!bmc.state().identifies, "{personality}");
            let lit = session.identify(identify).await.unwrap_or_else(|e| panic!("{personality}: {e}"));
            assert_eq!(lit, Identified::UntilSwitchedOff, "{personality}");
            assert!(bmc.state().identifies, "{personality}: {identify:?}");
        }
        let set = |bmc: &Bmc| writes(bmc).into_iter().filter(|(_, status)| *status < 300).count();
        let before = set(&bmc);
        session.identify(Identify::Usual).await.unwrap();
        assert_eq!(set(&bmc), before, "{personality}: it is on already");
        for _ in 0..2 {
            session.identify(Identify::Off).await.unwrap_or_else(|e| panic!("{personality}: {e}"));
            assert!(!bmc.state().identifies, "{personality}");
        }
        assert_eq!(set(&bmc), before + 1, "{personality}: it is off already");
    }
}

/// What makes one BMC differ from the generic one.
type Change = fn(&mut Profile);

#[tokio::test]
async fn the_light_is_found_wherever_a_bmc_shows_it() {
    let bench = Bench::start().await;
    let system = "/redfish/v1/Systems/1";
    let chassis = "/redfish/v1/Chassis/1U";
    let table: [(&str, Change, &[&str]); 7] = [
        ("as it is", |_| {}, &[system]),
        ("on the chassis alone", |p| p.light.system = &[], &[chassis]),
        ("the newer one on the chassis", |p| p.light.system = &[LightProperty::Led], &[chassis]),
        (
            "the older one alone",
            |p| (p.light.system, p.light.chassis) = (&[LightProperty::Led], &[LightProperty::Led]),
            &[system],
        ),
        (
            "no blinking",
            |p| (p.light.system, p.light.chassis, p.light.takes) = (&[LightProperty::Led], &[], &["Lit", "Off"]),
            &[system, system],
        ),
        ("no etags", |p| p.http.etags = Etags { form: EtagForm::None, on_patch: EtagCheck::Ignored }, &[system]),
        ("etags required", |p| p.http.etags = Etags { form: EtagForm::Weak, on_patch: EtagCheck::Required }, &[system]),
    ];
    for (name, change, expected) in table {
        let bmc = bench.bmc(Personality::Generic).await;
        bmc.alter(change);
        let operation = Operation::unwatched();
        let mut session = bench.bmcs.open(target(&bmc), &operation).await.unwrap();
        session.identify(Identify::Usual).await.unwrap_or_else(|e| panic!("{name}: {e}"));
        assert!(bmc.state().identifies, "{name}");
        assert_eq!(writes(&bmc).into_iter().map(|(path, _)| path).collect::<Vec<_>>(), expected, "{name}");
        session.identify(Identify::Off).await.unwrap_or_else(|e| panic!("{name}: {e}"));
        assert!(!bmc.state().identifies, "{name}");
    }
}

#[tokio::test]
async fn a_light_that_does_not_work_is_tried_elsewhere_and_then_told() {
    let bench = Bench::start().await;
    // Accepted and not done on the system, as bmcweb once did; the chassis works.
    let bmc = bench.bmc(Personality::Generic).await;
    bmc.fault(Matcher::any().method("PATCH").path_ends("Systems/1"), Fault::Status(200, "{}".to_owned()));
    let operation = Operation::unwatched();
    let mut session = bench.bmcs.open(target(&bmc), &operation).await.unwrap();
    session.identify(Identify::Usual).await.unwrap();
    assert!(bmc.state().identifies);

    let refused = r##"{"error":{"@Message.ExtendedInfo":[{"MessageId":"Base.1.8.PropertyNotWritable",
        "RelatedProperties":["#/LocationIndicatorActive"]}]}}"##;
    for (status, body, part) in
        [(400, refused, "PropertyNotWritable"), (403, refused, "PropertyNotWritable"), (200, "{}", "but shows")]
    {
        let bmc = bench.bmc(Personality::Generic).await;
        bmc.fault(Matcher::any().method("PATCH"), Fault::Status(status, body.to_owned()));
        let operation = Operation::unwatched();
        let mut session = bench.bmcs.open(target(&bmc), &operation).await.unwrap();
        let error = session.identify(Identify::Usual).await.unwrap_err();
        told(&error, 502, &["switching its indicator light on", "refused each of 4 ways", part]);
    }

    let bmc = bench.bmc(Personality::Generic).await;
    bmc.alter(|profile| (profile.light.system, profile.light.chassis) = (&[], &[]));
    let operation = Operation::unwatched();
    let mut session = bench.bmcs.open(target(&bmc), &operation).await.unwrap();
    for identify in [Identify::Usual, Identify::Off] {
        told(&session.identify(identify).await.unwrap_err(), 404, &["shows no indicator light", "getInfo"]);
    }
    assert_eq!(writes(&bmc), []);
}
