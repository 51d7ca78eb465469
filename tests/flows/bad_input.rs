//! Bad input and bad surroundings: one clear error each, nothing half-written, the process alive.

use std::fs;
use std::net::TcpListener;

use drp_virtual_media_sim::bmc::{Bmc, Fault, Matcher, Personality};
use serde_json::{Value, json};

use crate::site::Site;

/// What is wrong, with what is called, and what the error must say besides the machine.
struct Case {
    name: &'static str,
    prepare: fn(&Site, &Bmc),
    command: &'static str,
    params: Value,
    code: u16,
    says: &'static [&'static str],
}

fn nothing(_: &Site, _: &Bmc) {}

fn every_answer_is(bmc: &Bmc, fault: Fault) {
    bmc.fault(Matcher::any(), fault);
}

/// A port of loopback on which nobody listens.
fn closed_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn case(
    name: &'static str,
    prepare: fn(&Site, &Bmc),
    command: &'static str,
    params: Value,
    code: u16,
    says: &'static [&'static str],
) -> Case {
    Case { name, prepare, command, params, code, says }
}

fn calls_and_parameters() -> Vec<Case> {
    vec![
        case("unknown action", nothing, "dance", json!({}), 404, &["`dance`", "mountVirtualMedia"]),
        case(
            "unknown mode",
            nothing,
            "powerstatus",
            json!({"ipmi/mode": "telnet"}),
            404,
            &["`telnet`", "redfish-dell"],
        ),
        case("unknown vendor", nothing, "powerstatus", json!({"ipmi/mode": "redfish-acme"}), 404, &["redfish-hpe"]),
        case("a mode that cannot", nothing, "statusVirtualMedia", json!({"ipmi/mode": "ipmitool"}), 404, &["redfish"]),
        case(
            "missing address",
            nothing,
            "powerstatus",
            json!({"ipmi/address": null}),
            400,
            &["ipmi/address", "missing"],
        ),
        // No image is written for it either, which every case is checked for.
        case(
            "a boot without an address",
            nothing,
            "bootVirtualMedia",
            json!({"ipmi/address": null}),
            400,
            &["ipmi/address"],
        ),
        case(
            "empty username",
            nothing,
            "powerstatus",
            json!({"ipmi/username": ""}),
            400,
            &["ipmi/username", "missing"],
        ),
        case(
            "mistyped port",
            nothing,
            "powerstatus",
            json!({"ipmi/port-redfish": "443"}),
            400,
            &["ipmi/port-redfish", "a string", "a whole number"],
        ),
        case(
            "sealed password",
            nothing,
            "powerstatus",
            json!({"ipmi/password": {"Key": "k", "Nonce": "n", "Payload": "p"}}),
            400,
            &["ipmi/password", "encrypted"],
        ),
        case(
            "a URL that is none",
            nothing,
            "mountVirtualMedia",
            json!({"ipmi/virtual-media-url": "boot.iso"}),
            400,
            &["ipmi/virtual-media-url", "boot.iso"],
        ),
    ]
}

fn bmcs() -> Vec<Case> {
    vec![
        case("unreachable", nothing, "powerstatus", json!({"ipmi/port-redfish": closed_port()}), 502, &["refused"]),
        case(
            "wrong password",
            |_, bmc| bmc.set_password("changed"),
            "powerstatus",
            json!({}),
            502,
            &["ipmi/username", "ipmi/password"],
        ),
        case(
            "a BMC that hangs",
            |_, bmc| every_answer_is(bmc, Fault::Hang),
            "powerstatus",
            json!({"virtual-media/request-timeout": 1}),
            504,
            &["1 s"],
        ),
        case("HTML", |_, bmc| every_answer_is(bmc, Fault::Html(200)), "powerstatus", json!({}), 502, &["HTML"]),
        case("half a JSON", |_, bmc| every_answer_is(bmc, Fault::HalfJson), "powerstatus", json!({}), 502, &["JSON"]),
        case("garbage", |_, bmc| every_answer_is(bmc, Fault::Garbage), "powerstatus", json!({}), 502, &[]),
        case(
            "a URL that the BMC cannot fetch",
            nothing,
            "mountVirtualMedia",
            json!({"ipmi/virtual-media-url": "http://127.0.0.1:9/missing.iso"}),
            502,
            &["http://127.0.0.1:9/missing.iso"],
        ),
    ]
}

fn images() -> Vec<Case> {
    let generate =
        |template: &str| json!({"virtual-media/bootenv": "sledgehammer", "virtual-media/template": template});
    vec![
        case("no such template", nothing, "generateVirtualMedia", generate("0ddba11"), 400, &["0ddba11"]),
        case(
            "a template outside",
            nothing,
            "generateVirtualMedia",
            generate("../../etc/passwd"),
            400,
            &["../../etc/passwd"],
        ),
        case(
            "a template without marker",
            |site, _| {
                let file = site.webroot.path().join("sledgehammer/plain.iso");
                let template = fs::read(site.webroot.path().join("sledgehammer/3f1c0ffee/cdboot.iso")).unwrap();
                fs::write(file, without_markers(template)).unwrap();
            },
            "generateVirtualMedia",
            generate("sledgehammer/plain.iso"),
            409,
            &["plain.iso", "# REPLACE HERE"],
        ),
        case(
            "a truncated template",
            |site, _| {
                let template = fs::read(site.webroot.path().join("sledgehammer/3f1c0ffee/cdboot.iso")).unwrap();
                fs::write(site.webroot.path().join("sledgehammer/half.iso"), &template[..template.len() / 2]).unwrap();
            },
            "generateVirtualMedia",
            generate("sledgehammer/half.iso"),
            409,
            &["half.iso", "truncated"],
        ),
        case(
            "too many arguments",
            nothing,
            "generateVirtualMedia",
            json!({"kernel-options": "x".repeat(3000)}),
            400,
            &["cdboot.iso", "33", "1335"],
        ),
        case(
            "an argument with a quote",
            nothing,
            "generateVirtualMedia",
            json!({"virtual-media/bootenv": "sledgehammer", "kernel-options": "a\"b"}),
            400,
            &["kernel-options", "quote"],
        ),
        case(
            "a BootEnv that leaves its directory",
            nothing,
            "generateVirtualMedia",
            json!({"virtual-media/bootenv": "sledgehammer-/../../x"}),
            400,
            &["sledgehammer-/../../x"],
        ),
        case(
            "a BootEnv of another kernel",
            nothing,
            "generateVirtualMedia",
            json!({"virtual-media/bootenv": "debian-12-install"}),
            404,
            &["debian-12-install", "only sledgehammer"],
        ),
        case(
            "a web root that cannot be written",
            // Permissions do not stop root, which tests may be; a file in the directory's place stops everybody.
            |site, _| fs::write(site.webroot.path().join("dynamic_isos"), "in the way").unwrap(),
            "generateVirtualMedia",
            json!({"virtual-media/bootenv": "sledgehammer"}),
            409,
            &["dynamic_isos"],
        ),
    ]
}

fn without_markers(mut image: Vec<u8>) -> Vec<u8> {
    let marker = b"REPLACE";
    for at in 0..image.len() - marker.len() {
        if image[at..].starts_with(marker) {
            image[at..at + marker.len()].copy_from_slice(b"xxxxxxx");
        }
    }
    image
}

#[tokio::test(flavor = "multi_thread")]
async fn each_is_one_clear_error_and_the_process_lives() {
    for case in [calls_and_parameters(), bmcs(), images()].into_iter().flatten() {
        let site = Site::start().await;
        let (uuid, bmc) = site.machine(1, Personality::Idrac9).await;
        let (healthy, _) = site.machine(2, Personality::Generic).await;
        (case.prepare)(&site, &bmc);

        let error = site.server.action(&uuid, case.command, case.params).await.expect_err(case.name);
        let message = &error.message;
        assert_eq!((error.code, &error.data["Code"]), (-32000, &json!(case.code)), "{}: {message}", case.name);
        for word in case.says.iter().chain(if case.command == "dance" { &[][..] } else { &["m1.example.net"][..] }) {
            assert!(message.contains(word), "{}: no {word:?} in: {message}", case.name);
        }
        assert!(!message.contains('\n') && !message.contains("Some("), "{}: {message}", case.name);
        let written = site.images_of(&uuid);
        assert!(!written.join("sledgehammer/boot.iso").exists(), "{}", case.name);

        assert_eq!(site.server.action(&healthy, "powerstatus", json!({})).await.unwrap(), "Off", "{}", case.name);
        site.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transition_that_fails_is_recorded_and_the_next_try_succeeds() {
    let site = Site::start().await;
    let (uuid, bmc) = site.machine(1, Personality::Ilo5).await;
    site.files.refuse(true);
    let error = site.server.set_bootenv(&uuid, "sledgehammer").await.unwrap_err();
    assert_eq!(error.data["Code"], 502);
    let state = site.server.state(&uuid);
    assert_eq!((&state["Phase"], &state["Attempts"]), (&json!("Failed"), &json!(1)));
    assert!(error.message.contains(state["LastError"].as_str().unwrap()), "{state}");

    site.files.refuse(false);
    site.server.set_bootenv(&uuid, "local").await.unwrap();
    assert_eq!(site.server.set_bootenv(&uuid, "sledgehammer").await.unwrap().outcome, "Mounted");
    assert_eq!(site.server.state(&uuid)["LastError"], "");
    assert!(bmc.state().slots.iter().any(|slot| slot.inserted));
    site.end().await;
}
