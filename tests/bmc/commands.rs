//! `bmc …` as an operator uses it: what it prints for people and for programs.

use std::io::Write;

use clap::{FromArgMatches, Subcommand};
use drp_virtual_media::cli::bmc::BmcCommand;
use drp_virtual_media::operation::Operation;
use drp_virtual_media_sim::bmc::{Bmc, Device, Personality};
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::bench::Bench;

/// Runs a command against a BMC and gives what it printed.
async fn run(bmc: &Bmc, command: &str, more: &[&str]) -> Result<String, String> {
    let mut password = NamedTempFile::new().unwrap();
    writeln!(password, "{}", bmc.password()).unwrap();
    let port = bmc.address().port().to_string();
    let mut words = vec!["bmc", command, "--address", "127.0.0.1", "--port", &port, "--username", bmc.username()];
    words.extend(["--password-file", password.path().to_str().unwrap()]);
    words.extend(more);
    let matches = BmcCommand::augment_subcommands(clap::Command::new("bmc")).get_matches_from(words);
    let command = BmcCommand::from_arg_matches(&matches).unwrap();
    let mut out = Vec::new();
    let done = command.run(&Operation::unwatched(), &mut out).await;
    done.map(|()| String::from_utf8(out).unwrap()).map_err(|error| error.to_string())
}

async fn json(bmc: &Bmc, command: &str, more: &[&str]) -> Value {
    let printed = run(bmc, command, &[more, &["--json"]].concat()).await.unwrap();
    serde_json::from_str(&printed).unwrap()
}

#[tokio::test]
async fn each_command_prints_one_result_for_people_and_one_for_programs() {
    let bench = Bench::start().await;
    let bmc = bench.bmc(Personality::Ilo5).await;
    bmc.set_power(false);
    let image = bench.image();
    let certificate = bmc.certificate_sha256();

    let status = run(&bmc, "status", &[]).await.unwrap();
    assert!(status.starts_with("nothing is mounted\ncertificate SHA-256 "), "{status}");
    assert_eq!(status.replace(':', "").split(' ').next_back().unwrap().trim(), certificate);
    assert_eq!(json(&bmc, "status", &[]).await, json!({"Image": "", "Inserted": false}));

    let mounted = run(&bmc, "mount", &[image.as_str()]).await.unwrap();
    assert!(mounted.starts_with(&format!("{image} is in slot 2\n")), "{mounted}");
    let mounted = json(&bmc, "mount", &[image.as_str(), "--boot-once"]).await;
    assert_eq!(mounted, json!({"Slot": "2", "Image": image.as_str(), "BootOnce": true}));
    assert!(run(&bmc, "status", &[]).await.unwrap().starts_with(&format!("{image} is mounted\n")));
    assert_eq!(json(&bmc, "status", &[]).await, json!({"Image": image.as_str(), "Inserted": true}));

    assert_eq!(run(&bmc, "power-status", &[]).await.unwrap(), "Off\n");
    assert_eq!(run(&bmc, "power-on", &[]).await.unwrap(), "On (On)\n");
    assert_eq!(bmc.state().boots.last().and_then(|boot| boot.image.clone()), Some(image.to_string()));
    assert_eq!(run(&bmc, "power-on", &[]).await.unwrap(), "On already\n");
    assert_eq!(json(&bmc, "power-status", &[]).await, json!("On"));
    assert_eq!(json(&bmc, "power-off", &[]).await, json!({"PowerState": "Off", "ResetType": "ForceOff"}));
    assert_eq!(json(&bmc, "power-cycle", &[]).await, json!({"PowerState": "On", "ResetType": "On"}));

    // An iLO ejects by itself on the second boot.
    run(&bmc, "mount", &[image.as_str()]).await.unwrap();
    assert_eq!(run(&bmc, "unmount", &[]).await.unwrap(), "ejected; nothing is mounted\n");
    assert_eq!(run(&bmc, "unmount", &[]).await.unwrap(), "nothing was mounted\n");
    assert_eq!(json(&bmc, "unmount", &[]).await, json!({"Image": "", "Inserted": false, "Ejected": false}));
}

#[tokio::test]
async fn a_machines_boot_device_light_and_description_are_set_and_read_by_hand() {
    let bench = Bench::start().await;
    let bmc = bench.bmc(Personality::Idrac9).await;
    assert_eq!(run(&bmc, "boot-next", &["pxe"]).await.unwrap(), "Pxe (Once)\n");
    assert_eq!(bmc.state().boot_once.as_deref(), Some("Pxe"));
    let forced = json(&bmc, "boot-next", &["disk", "--always"]).await;
    assert_eq!(forced, json!({"BootDevice": "Hdd", "Enabled": "Continuous"}));
    assert_eq!(bmc.state().boot_always, Some(Device::Disk));

    let lit = run(&bmc, "identify", &["--seconds", "60"]).await.unwrap();
    assert_eq!(lit, "the light is on until it is switched off (--seconds 0)\n");
    assert!(bmc.state().identifies);
    assert_eq!(json(&bmc, "identify", &["--seconds", "0"]).await, json!({"Light": "Off", "Seconds": null}));
    assert!(!bmc.state().identifies);

    assert_eq!(json(&bmc, "get", &["memory"]).await.as_array().unwrap().len(), 3);
    let status: Value = serde_json::from_str(&run(&bmc, "get", &["status"]).await.unwrap()).unwrap();
    assert_eq!(status["PowerState"], "Off");
}

#[tokio::test]
async fn probe_says_what_a_bmc_is_and_what_would_be_done_and_does_none_of_it() {
    let bench = Bench::start().await;
    let table: [(Personality, &str, &[&str], &[&str]); Personality::ALL.len()] = [
        (Personality::Generic, "generic", &["boot override"], &["PowerCycle"]),
        (Personality::Idrac8, "dell", &["configuration import"], &["PowerCycle"]),
        (Personality::Idrac9Early, "dell", &["iDRAC attributes", "configuration import"], &["PowerCycle"]),
        (Personality::Idrac9, "dell", &["boot override", "iDRAC attributes", "configuration import"], &["PowerCycle"]),
        (Personality::Idrac10, "dell", &["configuration import", "boot override"], &["PowerCycle"]),
        (Personality::Ilo4, "hpe", &["boot on next reset", "boot override"], &["ForceRestart"]),
        (Personality::Ilo5, "hpe", &["boot on next reset", "boot override"], &["ForceRestart"]),
        (Personality::Ilo6, "hpe", &["boot on next reset", "boot override"], &["ForceRestart"]),
        (Personality::Ilo7, "hpe", &["boot on next reset", "boot override"], &["ForceRestart"]),
        (Personality::Xcc, "lenovo", &["boot override"], &["ForceRestart"]),
        (Personality::Xcc2, "lenovo", &["boot override"], &["ForceRestart"]),
        (Personality::Xcc3, "lenovo", &["boot override"], &["ForceRestart"]),
        (Personality::LenovoTsm, "ami", &["boot override"], &["ForceRestart"]),
        (Personality::SupermicroX10, "supermicro", &["boot override"], &["PowerCycle"]),
        (Personality::SupermicroX12, "supermicro", &["boot override"], &["PowerCycle"]),
        (Personality::SupermicroX13, "supermicro", &["boot override"], &["PowerCycle"]),
        (Personality::Cimc, "cisco", &["boot override"], &["PowerCycle"]),
        (Personality::Ucsx, "cisco", &["boot override"], &["PowerCycle"]),
        (Personality::MegaRac, "ami", &["boot override"], &["ForceRestart"]),
        (Personality::DgxH100, "ami", &["boot override"], &["ForceRestart"]),
        (Personality::OpenBmc, "openbmc", &["boot override"], &["PowerCycle"]),
        (Personality::Gb200, "openbmc", &["boot override"], &["PowerCycle"]),
        (Personality::IrmcS4, "fujitsu", &["boot override", "BootConfig"], &["PowerCycle"]),
        (Personality::Irmc, "fujitsu", &["boot override", "BootConfig"], &["PowerCycle"]),
        (Personality::Ibmc, "huawei", &["boot override"], &["ForceRestart"]),
        (Personality::Xfusion, "huawei", &["boot override"], &["ForceRestart"]),
        (Personality::Hdm, "h3c", &["boot override"], &["ForcePowerCycle"]),
        (Personality::InspurM6, "generic", &["boot override"], &["PowerCycle"]),
    ];
    assert_eq!(table.len(), Personality::ALL.len(), "a personality is missing here");
    for (personality, vendor, boot_once, cycle) in table.iter().copied() {
        let bmc = bench.bmc(personality).await;
        bmc.set_media_enabled(true);
        let before = bmc.state();
        let probed = json(&bmc, "probe", &[]).await;
        assert_eq!(probed["Vendor"], vendor, "{personality}: {probed}");
        for (steps, expected) in [("BootOnce", boot_once), ("PowerCycle", cycle)] {
            let steps = probed[steps].as_array().unwrap();
            let names: Vec<&str> = steps.iter().filter_map(|step| step["Name"].as_str()).collect();
            assert_eq!(names, expected, "{personality}");
            assert!(steps.iter().all(|step| step["Why"].as_str().is_some_and(|why| !why.is_empty())), "{personality}");
        }
        assert!(probed["Slots"][0]["Id"].is_string() && probed["Mount"][0]["Name"].is_string(), "{probed}");
        for word in ["Vendor", "Model", "Certificate", "Power", "Slots", "Mount", "Boot once", "Power cycle"] {
            let printed = run(&bmc, "probe", &[]).await.unwrap();
            assert!(printed.lines().any(|line| line.starts_with(word)), "{printed}");
        }
        assert_eq!(bmc.state(), before);
        assert!(bmc.requests().iter().all(|request| request.method == "GET"), "{personality}");
    }
}

/// iDRAC 10 started again at firmware 1.x, and its model is that of the machine.
#[tokio::test]
async fn probe_names_the_generation_and_says_why_each_step_is_taken() {
    let bench = Bench::start().await;
    let bmc = bench.bmc(Personality::Idrac10).await;
    bmc.mount_foreign("http://10.0.0.7/other.iso");
    let printed = run(&bmc, "probe", &[]).await.unwrap();
    for said in [
        "Model        iDRAC 10, 17G Monolithic, firmware 1.",
        "Images by    ",
        "Mount        1. attached check: ",
        "             2. eject: slot 1 holds http://10.0.0.7/other.iso, and is emptied before",
        "             3. the standard action: slot 1 offers it: the image alone first",
        "Boot once    1. configuration import: ",
        "Power cycle  1. PowerCycle: the first that the BMC lists of PowerCycle, ForceRestart",
        "Boot targets ",
        "Reset types  On, ",
    ] {
        assert!(printed.contains(said), "{said:?} is not in\n{printed}");
    }
}

#[tokio::test]
async fn a_pin_and_a_given_vendor_are_taken_and_failures_are_one_sentence() {
    let bench = Bench::start().await;
    let bmc = bench.bmc(Personality::Ilo5).await;
    run(&bmc, "status", &["--tls-pin", &bmc.certificate_sha256()]).await.unwrap();
    assert_eq!(json(&bmc, "probe", &["--mode", "redfish-generic"]).await["Vendor"], "generic");
    let refused = run(&bmc, "status", &["--tls-verify"]).await.unwrap_err();
    assert!(refused.contains("the TLS policy does not accept") && !refused.contains('\n'), "{refused}");
    let mut ca = NamedTempFile::new().unwrap();
    ca.write_all(bmc.certificate_pem().as_bytes()).unwrap();
    run(&bmc, "status", &["--tls-verify", "--tls-ca", ca.path().to_str().unwrap()]).await.unwrap();
    let missing = run(&bmc, "status", &["--tls-verify", "--tls-ca", "/nowhere"]).await.unwrap_err();
    assert!(missing.starts_with("reading the CA from /nowhere"), "{missing}");
}
