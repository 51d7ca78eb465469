//! Each fault as a client meets it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::time::Duration;

use common::{generic, send, until};
use drp_virtual_media_sim::bmc::{Fault, Matcher, Power, Reach};
use reqwest::Method;
use serde_json::json;

const SYSTEM: &str = "/redfish/v1/Systems/1";

/// Long enough for an answer that comes, short enough to wait for one that does not.
const SHORT: Duration = Duration::from_millis(300);

#[tokio::test]
async fn a_status_with_a_body_comes_once_where_asked_for_once() {
    let (_fleet, bmc, redfish) = generic().await;
    bmc.fault(Matcher::any().method("GET").path_ends(SYSTEM).times(1), Fault::status(503));
    let answer = redfish.get(SYSTEM).await;
    assert_eq!((answer.status, answer.message_id()), (503, "Base.1.15.GeneralError"));
    assert_eq!(redfish.get(SYSTEM).await.status, 200);
    bmc.fault(Matcher::any(), Fault::Html(200));
    let page = redfish.request(Method::GET, SYSTEM).send().await.unwrap();
    assert_eq!(page.headers()["content-type"], "text/html");
    assert!(page.text().await.unwrap().contains("<html>"));
    bmc.clear_faults();
    assert_eq!(redfish.get(SYSTEM).await.status, 200);
    assert_eq!(bmc.connections(), 1);
}

#[tokio::test]
async fn bodies_are_cut_in_three_ways() {
    let (_fleet, bmc, redfish) = generic().await;
    let get = || async {
        let response = redfish.request(Method::GET, SYSTEM).timeout(SHORT).send().await.unwrap();
        (response.content_length().unwrap(), response.bytes().await)
    };
    let (whole, _) = get().await;
    bmc.fault(Matcher::any().times(1), Fault::HalfJson);
    let (length, body) = get().await;
    assert_eq!(length, whole / 2);
    assert!(serde_json::from_slice::<serde_json::Value>(&body.unwrap()).is_err());
    bmc.fault(Matcher::any().times(1), Fault::WrongLength);
    let (length, body) = get().await;
    assert!(length == whole && body.is_err_and(|error| !error.is_timeout()));
    bmc.fault(Matcher::any().times(1), Fault::Stall);
    let (length, body) = get().await;
    assert!(length == whole && body.is_err_and(|error| error.is_timeout()));
}

#[tokio::test]
async fn a_request_that_is_lost_has_its_effect_only_where_so_asked() {
    let (_fleet, bmc, redfish) = generic().await;
    let reset = || {
        let path = format!("{SYSTEM}/Actions/ComputerSystem.Reset");
        redfish.request(Method::POST, &path).timeout(SHORT).body(json!({"ResetType": "On"}).to_string()).send()
    };
    for fault in [Fault::Hang, Fault::Reset, Fault::Garbage] {
        bmc.fault(Matcher::any().times(1), fault);
        assert!(reset().await.is_err());
        assert_eq!(bmc.state().power, Power::Off);
    }
    bmc.fault(Matcher::any().times(1), Fault::ResetAfter);
    assert!(reset().await.is_err());
    until(&bmc, |state| state.power == Power::On).await;
    assert!(bmc.requests().iter().all(|request| request.status.is_none() || request.status == Some(204)));
}

#[tokio::test]
async fn a_bmc_can_be_out_of_reach_in_three_ways() {
    let (_fleet, bmc, redfish) = generic().await;
    // A connection each, so that none is met in its end.
    let get = || redfish.request(Method::GET, SYSTEM).header("Connection", "close").timeout(SHORT).send();
    assert!(get().await.is_ok());
    bmc.set_reach(Reach::NoTls).await;
    assert!(get().await.unwrap_err().is_timeout());
    assert_eq!(bmc.connections(), 1);
    bmc.set_reach(Reach::NoAnswer).await;
    assert!(get().await.unwrap_err().is_timeout());
    assert_eq!(bmc.connections(), 2);
    bmc.set_reach(Reach::Refused).await;
    assert!(get().await.unwrap_err().is_connect());
    bmc.set_reach(Reach::Normal).await;
    assert!(get().await.is_ok());
}

#[tokio::test]
async fn the_end_of_a_fleet_is_the_end_of_its_connections() {
    let (fleet, bmc, redfish) = generic().await;
    bmc.fault(Matcher::any(), Fault::Hang);
    let (answer, ()) = tokio::join!(redfish.request(Method::GET, SYSTEM).send(), async {
        bmc.until(|bmc| bmc.requests().len() == 1).await;
        fleet.shutdown().await;
    });
    assert!(answer.is_err());
    assert_eq!(bmc.counts().open, 0);
}

#[tokio::test]
async fn dropped_connections_do_not_drop_the_bmc() {
    let (_fleet, bmc, redfish) = generic().await;
    assert_eq!(redfish.get(SYSTEM).await.status, 200);
    bmc.drop_connections();
    bmc.until(|bmc| bmc.counts().open == 0).await;
    assert_eq!(send(redfish.request(Method::GET, SYSTEM)).await.status, 200);
    assert_eq!(bmc.connections(), 2);
}
