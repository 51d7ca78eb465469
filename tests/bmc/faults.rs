//! Bad BMCs: each fault is one clear error with its code, nothing outlasts its limit, and what can be got around is.

use std::time::Duration;

use drp_virtual_media::bmc::{Bmcs, Error, Limits, Power, PowerState, Target};
use drp_virtual_media::operation::Operation;
use drp_virtual_media_sim::bmc::{Bmc, Fault, Matcher, Personality, Reach};

use crate::bench::{Bench, SHORT, limits, smallest, target, told};

fn impatient(bmc: &Bmc) -> Target {
    Target { limits: Limits { request: Duration::from_secs(1), ..limits() }, ..target(bmc) }
}

async fn fails(bmcs: &Bmcs, target: Target) -> Error {
    smallest(bmcs, target).await.expect_err("a fault was switched on")
}

#[tokio::test]
async fn each_fault_is_one_clear_error() {
    let bench = Bench::start().await;
    let any = Matcher::any;
    let system = || Matcher::any().path_ends("Systems/1");
    let table: Vec<(&str, Matcher, Fault, u16, &[&str])> = vec![
        ("hang", any(), Fault::Hang, 504, &["did not answer GET /redfish/v1/Systems within 1 s", "restart the BMC"]),
        ("hang later", system(), Fault::Hang, 504, &["did not answer GET /redfish/v1/Systems/1 within"]),
        ("stall", any(), Fault::Stall, 504, &["did not answer GET /redfish/v1/Systems within"]),
        ("page", any(), Fault::Html(200), 502, &["an HTML page", "Redfish service"]),
        ("error page", system(), Fault::Html(500), 502, &["500 Internal Server Error", "an HTML page"]),
        ("half", any(), Fault::HalfJson, 502, &["a JSON text that breaks off after"]),
        ("short", any(), Fault::WrongLength, 502, &["broke off its answer to GET /redfish/v1/Systems"]),
        ("garbage", any(), Fault::Garbage, 502, &["broke off its answer to GET /redfish/v1/Systems"]),
        ("reset", any(), Fault::Reset, 502, &["broke off its answer to GET /redfish/v1/Systems"]),
        ("reset after", any(), Fault::ResetAfter, 502, &["broke off its answer"]),
        (
            "500",
            any(),
            Fault::status(500),
            502,
            &["500 Internal Server Error", "A fault was switched on. (Base.1.15.GeneralError)"],
        ),
        ("503", any(), Fault::status(503), 503, &["503 Service Unavailable", "try again in a few minutes"]),
        ("429", any(), Fault::status(429), 503, &["429 Too Many Requests"]),
        ("404", any(), Fault::status(404), 404, &["has no Redfish service"]),
        ("not an object", any(), Fault::Status(200, "[1]".to_owned()), 502, &["a JSON text that is no object"]),
        ("empty", any(), Fault::Status(200, String::new()), 502, &["answered GET /redfish/v1/ with nothing"]),
        ("an empty object", any(), Fault::Status(200, "{}".to_owned()), 404, &["without Systems"]),
        (
            "no system",
            any().path_ends("Systems"),
            Fault::Status(200, "{\"Members\":null}".to_owned()),
            404,
            &["lists no system"],
        ),
        ("no power state", system(), Fault::Status(200, "{}".to_owned()), 502, &["shows no power state"]),
        (
            "forbidden",
            system(),
            Fault::status(403),
            502,
            &["refuses user \"root\"", "403 Forbidden", "rights of ipmi/username"],
        ),
        (
            "secret echoed",
            any(),
            Fault::Status(400, "{\"error\":{\"message\":\"bad login calvin\"}}".to_owned()),
            502,
            &["bad login ***"],
        ),
    ];
    for (name, matcher, fault, code, parts) in table {
        let bmc = bench.bmc(Personality::Generic).await;
        bmc.fault(matcher, fault);
        let patient = !matches!(code, 504);
        let target = if patient { target(&bmc) } else { impatient(&bmc) };
        let error = fails(&bench.bmcs, target).await;
        told(&error, code, parts);
        told(&error, code, &[&format!("BMC 127.0.0.1:{}", bmc.address().port())]);
        // The next operation on it works as if nothing had been.
        bmc.clear_faults();
        smallest(&bench.bmcs, self::target(&bmc)).await.unwrap_or_else(|e| panic!("after {name}: {e}"));
    }
}

#[tokio::test]
async fn each_way_of_not_being_there_is_one_clear_error() {
    let bench = Bench::start().await;
    let table: [(Reach, u16, &[&str]); 3] = [
        (Reach::NoTls, 504, &["did not accept a TLS connection within 300 ms", "check the address"]),
        (Reach::NoAnswer, 504, &["did not answer GET /redfish/v1/Systems within 1 s"]),
        (Reach::Refused, 502, &["could not be connected to", "check the address"]),
    ];
    for (reach, code, parts) in table {
        let bmc = bench.bmc(Personality::Generic).await;
        bmc.set_reach(reach).await;
        let mut target = impatient(&bmc);
        if reach == Reach::NoTls {
            target.limits.request = limits().request;
            target.limits.connect = SHORT;
        }
        told(&fails(&bench.bmcs, target).await, code, parts);
    }
    let nowhere = Target { address: "bmc.invalid".to_owned(), ..target(&bench.bmc(Personality::Generic).await) };
    told(
        &fails(&bench.bmcs, nowhere).await,
        502,
        &["BMC bmc.invalid", "could not be connected to", "check the address"],
    );
}

#[tokio::test]
async fn a_bmc_that_is_busy_for_a_moment_is_waited_for() {
    let bench = Bench::start().await;
    let bmc = bench.bmc(Personality::Generic).await;
    bmc.fault(Matcher::any().path_ends("Systems").times(3), Fault::status(503));
    smallest(&bench.bmcs, target(&bmc)).await.unwrap();
}

#[tokio::test]
async fn a_get_that_breaks_is_repeated_once_on_a_fresh_connection_and_that_is_remembered() {
    let bench = Bench::start().await;
    let bmc = bench.bmc(Personality::Generic).await;
    bmc.fault(Matcher::any().path_ends("Systems").times(1), Fault::Reset);
    smallest(&bench.bmcs, target(&bmc)).await.unwrap();
    assert!(bmc.requests().last().is_some_and(|request| request.close));
    bmc.clear_requests();
    smallest(&bench.bmcs, target(&bmc)).await.unwrap();
    assert!(bmc.requests().iter().all(|request| request.close));
}

#[tokio::test]
async fn an_insert_whose_answer_is_lost_is_looked_at_and_never_repeated() {
    let bench = Bench::start().await;
    for fault in [Fault::ResetAfter, Fault::Garbage, Fault::Reset] {
        let bmc = bench.bmc(Personality::Generic).await;
        bmc.fault(Matcher::any().method("POST").path_ends("InsertMedia"), fault.clone());
        let mut target = target(&bmc);
        let took_effect = fault == Fault::ResetAfter;
        if !took_effect {
            target.limits.media = SHORT;
        }
        let operation = Operation::unwatched();
        let mounted = bench.bmcs.open(target, &operation).await.unwrap().mount(&bench.image()).await;
        assert_eq!(mounted.is_ok(), took_effect, "{fault:?}: {mounted:?}");
        if let Err(error) = mounted {
            told(&error, 502, &["inserting", "broke off its answer to POST"]);
        }
        assert_eq!(bmc.requests().iter().filter(|request| request.path.ends_with("InsertMedia")).count(), 1);
    }
}

#[tokio::test]
async fn a_reset_whose_answer_is_lost_is_looked_at_and_never_repeated() {
    let bench = Bench::start().await;
    let bmc = bench.bmc(Personality::Generic).await;
    bmc.set_power(false);
    bmc.fault(Matcher::any().method("POST"), Fault::ResetAfter);
    let operation = Operation::unwatched();
    let powered = bench.bmcs.open(target(&bmc), &operation).await.unwrap().power(Power::On).await.unwrap();
    assert_eq!(powered.state, PowerState::On);
    assert_eq!(bmc.requests().iter().filter(|request| request.method == "POST").count(), 1);
    assert_eq!(bmc.state().boots.len(), 1);
}

#[tokio::test]
async fn the_whole_operation_has_a_limit_of_its_own() {
    let bench = Bench::start().await;
    let bmc = bench.bmc(Personality::Generic).await;
    let operation = Operation::unwatched();
    let mut target = target(&bmc);
    target.limits.total = SHORT * 3;
    bmc.fault(Matcher::any().method("POST"), Fault::Hang);
    let error = match bench.bmcs.open(target, &operation).await {
        Ok(mut session) => session.mount(&bench.image()).await.unwrap_err(),
        Err(error) => error,
    };
    told(&error, 504, &["used up the 900 ms that the whole operation may take", "last waiting for"]);
}

#[tokio::test]
async fn a_bmc_that_is_gone_for_a_moment_while_it_is_watched_is_waited_for() {
    let bench = Bench::start().await;
    let bmc = bench.bmc(Personality::Generic).await;
    bmc.set_power(false);
    bmc.alter(|profile| profile.power.delay = SHORT);
    let operation = Operation::unwatched();
    let mut session = bench.bmcs.open(target(&bmc), &operation).await.unwrap();
    let away = async {
        bmc.until(|bmc| bmc.requests().iter().any(|request| request.method == "POST")).await;
        bmc.set_reach(Reach::Refused).await;
        bmc.until(|bmc| !bmc.state().boots.is_empty()).await;
        bmc.set_reach(Reach::Normal).await;
    };
    let (powered, ()) = tokio::join!(session.power(Power::On), away);
    assert_eq!(powered.unwrap().state, PowerState::On);
}

#[tokio::test]
async fn a_turn_that_does_not_come_is_told_as_busy() {
    let bench = Bench::start().await;
    let bmc = bench.bmc(Personality::Generic).await;
    let operation = Operation::unwatched();
    let holder = bench.bmcs.open(target(&bmc), &operation).await.unwrap();
    let mut waiting = target(&bmc);
    waiting.limits.total = SHORT;
    told(&fails(&bench.bmcs, waiting).await, 503, &["waiting for a turn", "another operation of ours", "300 ms"]);
    drop(holder);
    smallest(&bench.bmcs, target(&bmc)).await.unwrap();
}

#[tokio::test]
async fn a_cancelled_operation_gives_its_turn_back_and_its_steps_are_known() {
    let bench = Bench::start().await;
    let bmc = bench.bmc(Personality::Generic).await;
    bmc.mount_foreign(bench.other_image().as_str());
    bmc.fault(Matcher::any().path_ends("InsertMedia"), Fault::Hang);
    let operation = Operation::unwatched();
    let image = bench.image();
    let work = async {
        let mut session = bench.bmcs.open(target(&bmc), &operation).await?;
        session.mount(&image).await
    };
    tokio::select! {
        done = work => panic!("it hangs, and yet: {done:?}"),
        () = bmc.until(|bmc| bmc.requests().iter().any(|request| request.path.ends_with("InsertMedia"))) => {}
    }
    let done = operation.steps_done();
    assert!(done.iter().any(|step| step.starts_with("ejected")), "{done:?}");
    assert!(done.last().is_some_and(|step| step.starts_with("unfinished: inserting")), "{done:?}");
    bmc.clear_faults();
    smallest(&bench.bmcs, target(&bmc)).await.unwrap();
}

#[tokio::test]
async fn a_redirect_within_the_bmc_is_followed_and_one_to_another_host_is_not() {
    let bench = Bench::start().await;
    let bmc = bench.bmc(Personality::Generic).await;
    let other = bench.bmc(Personality::Generic).await;
    bmc.fault(Matcher::any().path_ends("Systems").times(1), Fault::Redirect("/redfish/v1/Systems/".to_owned()));
    smallest(&Bmcs::new(), target(&bmc)).await.unwrap();
    bmc.fault(Matcher::any().path_ends("Systems"), Fault::Redirect(format!("{}/redfish/v1/Systems", other.url())));
    told(&fails(&Bmcs::new(), target(&bmc)).await, 502, &["redirects GET /redfish/v1/Systems to", "not followed"]);
    bmc.clear_faults();
    bmc.fault(Matcher::any().path_ends("Systems"), Fault::Redirect("/redfish/v1/Systems".to_owned()));
    told(&fails(&Bmcs::new(), target(&bmc)).await, 502, &["in a circle"]);
    assert_eq!(other.counts().accepted, 0);
}

#[tokio::test]
async fn a_link_to_another_host_is_read_as_a_path_on_the_bmc() {
    let bench = Bench::start().await;
    let bmc = bench.bmc(Personality::Generic).await;
    let other = bench.bmc(Personality::Generic).await;
    for link in [format!("{}/redfish/v1/Systems/1", other.url()), format!("//{}/redfish/v1/Systems/1", other.address())]
    {
        bmc.fault(
            Matcher::any().path_ends("Systems").times(1),
            Fault::Status(200, serde_json::json!({"Members": [{"@odata.id": link}]}).to_string()),
        );
        smallest(&Bmcs::new(), target(&bmc)).await.unwrap();
    }
    assert_eq!(other.counts().accepted, 0);
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off() {
    let bench = Bench::start().await;
    let bmc = bench.bmc(Personality::Generic).await;
    bmc.fault(Matcher::any(), Fault::Status(200, "x".repeat(5 << 20)));
    told(&fails(&bench.bmcs, target(&bmc)).await, 502, &["sent more than 4 MiB"]);
}

#[tokio::test]
async fn an_address_that_is_none_is_a_parameter_error_without_a_connection() {
    let bench = Bench::start().await;
    let bmc = bench.bmc(Personality::Generic).await;
    let wrong = Target { address: "https://10.0.0.1/redfish".to_owned(), ..target(&bmc) };
    told(
        &fails(&bench.bmcs, wrong).await,
        400,
        &["is no address", "set ipmi/address to a host name or an IP address alone"],
    );
}
