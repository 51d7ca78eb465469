//! DMTF's Redfish Protocol Validator, which holds a service to DSP0266, on the BMC of no vendor.
//!
//! `validator.md` lists what fails, with a reason each. The list is compared both ways: a new failure is one, and a failure
//! that is gone has to leave it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use drp_virtual_media_sim::bmc::{Fleet, Personality};
use tokio::process::Command;
use tokio::time::timeout;

use crate::client::installed;

/// It waits for answers to multicasts, which nobody gives.
const PATIENCE: Duration = Duration::from_mins(5);

/// The one assertion that is judged by statistics: two tests of the session token's bits, each at a significance of 0.01, so
/// that of tokens from the system's random source two in a hundred are warned of (2.2 % of 200,000 version 4 UUIDs, 1.9 % of as
/// many 64 random bytes; `random_sequence` in the validator's `utils.py`). Its warning says nothing of a single run.
const BY_CHANCE: &str = "RESP_HEADERS_X_AUTH_TOKEN";

/// An assertion of the validator's, and the request that it failed for.
type Failure = (String, String);

#[test]
fn every_failure_that_is_listed_has_a_reason() {
    for (failure, reason) in listed() {
        assert!(reason.ends_with('.'), "{failure:?} has no reason in validator.md: {reason:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs DMTF's Redfish Protocol Validator: see tests/clients/install"]
async fn the_protocol_validator_fails_the_generic_bmc_for_what_is_listed_alone() {
    let fleet = Fleet::start().await.unwrap();
    let bmc = fleet.add(Personality::Generic).await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let trusted = directory.path().join("bmc.pem");
    fs::write(&trusted, bmc.certificate_pem()).unwrap();

    let mut validator = Command::new(installed().join("bin/rf_protocol_validator"));
    validator.args(["--rhost", &bmc.url(), "--user", bmc.username(), "--password", &bmc.password()]);
    // There is no http beside the https that could redirect to it.
    validator.arg("--avoid-http-redirect").arg("--ca-bundle").arg(&trusted);
    validator.args(["--report-type", "tsv", "--report-dir"]).arg(directory.path());
    // They go before --ca-bundle with Python's requests.
    validator.env_remove("REQUESTS_CA_BUNDLE").env_remove("CURL_CA_BUNDLE").env("NO_PROXY", "127.0.0.1");
    validator.current_dir(directory.path()).stdin(Stdio::null()).kill_on_drop(true);
    let said = timeout(PATIENCE, validator.output()).await.expect("the validator does not end").unwrap();
    let report = report(directory.path());
    let report = report.unwrap_or_else(|| panic!("there is no report: {}", String::from_utf8_lossy(&said.stderr)));
    fleet.shutdown().await;

    let passed = report.iter().filter(|(_, result, _)| result == "PASS").count();
    assert!(passed > 100, "{passed} assertions passed: the validator has hardly come to test anything");
    let failures: Vec<(Failure, String)> = report.into_iter().filter_map(failure).collect();
    let listed: BTreeSet<Failure> = listed().into_iter().map(|(failure, _)| failure).collect();
    let new: Vec<_> = failures.iter().filter(|(failure, _)| !listed.contains(failure)).collect();
    let gone: Vec<_> = listed.iter().filter(|listed| failures.iter().all(|(failure, _)| failure != *listed)).collect();
    assert!(new.is_empty() && gone.is_empty(), "not in validator.md: {new:#?}\nin it, and not failed: {gone:#?}");
}

/// The failure that a row of the report tells of, with its message, if it tells of one.
fn failure((failure, result, message): (Failure, String, String)) -> Option<(Failure, String)> {
    let fails = match result.as_str() {
        "PASS" | "NOT_TESTED" => false,
        "WARN" => failure.0 != BY_CHANCE,
        _ => true,
    };
    fails.then_some((failure, message))
}

/// The rows of the validator's report: what was asserted of which request, the result, and its message.
fn report(directory: &Path) -> Option<Vec<(Failure, String, String)>> {
    let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let text =
        fs::read_to_string(files.into_iter().find(|path| path.extension().is_some_and(|it| it == "tsv"))?).unwrap();
    let rows = text.lines().skip(1).map(|line| {
        let [assertion, method, _status, uri, result, message, ..] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("not a row of a report: {line}");
        };
        ((assertion.to_owned(), format!("{method} {uri}").trim().to_owned()), result.to_owned(), message.to_owned())
    });
    Some(rows.collect())
}

/// The rows of `validator.md`, each request a failure of its own, with the reason.
fn listed() -> Vec<(Failure, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/validator.md");
    let text = fs::read_to_string(path).unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| `")).flat_map(|line| {
        let [_, assertion, requests, reason, _] = line.split('|').collect::<Vec<_>>()[..] else {
            panic!("not a row of three columns: {line}");
        };
        let failure = |request: &str| (unquoted(assertion), unquoted(request));
        let failures: Vec<Failure> = requests.split(", ").map(failure).collect();
        failures.into_iter().map(|failure| (failure, reason.trim().to_owned())).collect::<Vec<_>>()
    });
    rows.collect()
}

fn unquoted(cell: &str) -> String {
    cell.trim().trim_matches('`').to_owned()
}
