//! The vendor's own Python client drives the simulated dr-provision and, through it, the plugin. `tests/run` runs it;
//! `tests/drppy/install` installs the client.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use drp_virtual_media_sim::bmc::{Bmc, Device, Fleet, Personality};
use drp_virtual_media_sim::dr_provision::{DrProvision, Options, PASSWORD, USERNAME};
use drp_virtual_media_sim::template::{self, Family};
use serde_json::{Map, Value, json};
use tokio::process::Command;
use tokio::time::timeout;

/// Nothing here takes so long unless it hangs; the machines that tests run on are shared.
const PATIENCE: Duration = Duration::from_mins(5);

const TEMPLATE: &str = "sledgehammer/3f1c0ffee/cdboot.iso";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs drppy-client: see tests/drppy/install"]
async fn the_vendors_own_client_runs_the_five_actions_and_boots_machines_of_every_vendor() {
    let webroot = tempfile::tempdir().unwrap();
    let image = webroot.path().join(TEMPLATE);
    fs::create_dir_all(image.parent().unwrap()).unwrap();
    template::write(&image, Family::Grub).unwrap();
    let fleet = Fleet::start().await.unwrap();
    let server =
        DrProvision::start(Options::new(webroot.path()).program(env!("CARGO_BIN_EXE_virtual-media"))).await.unwrap();
    let mut machines = Vec::new();
    for (personality, number) in Personality::ALL.iter().zip(1..) {
        let bmc = fleet.add(*personality).await.unwrap();
        machines.push((add_machine(&server, number, &bmc), bmc));
    }

    let mut script = Command::new(client().join("bin/python"));
    script.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/drppy/operate.py"));
    script.args(machines.iter().map(|(uuid, _)| uuid));
    script.env("RS_ENDPOINT", server.url()).env("RS_KEY", format!("{USERNAME}:{PASSWORD}"));
    let root = |bmc: &Bmc| server.files().url_by(bmc.image_scheme());
    let by_hand = |bmc: &Bmc| root(bmc).join(TEMPLATE).unwrap().to_string();
    let images: Map<_, _> = machines.iter().map(|(uuid, bmc)| (uuid.clone(), json!(by_hand(bmc)))).collect();
    script.env("IMAGE_URLS", Value::Object(images).to_string());
    script.env("BMC_PASSWORD", machines[0].1.password());
    script.env("PYTHONWARNINGS", "ignore:Unverified HTTPS request").env("NO_PROXY", "127.0.0.1");
    script.stdin(Stdio::null()).kill_on_drop(true);
    let said = timeout(PATIENCE, script.output()).await.expect("the script does not end").unwrap();
    let (out, errors) = (String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
    assert!(said.status.success(), "{}\n{out}\n{errors}\nthe plugin:\n{}", said.status, server.stderr());

    for (uuid, bmc) in &machines {
        let own = format!("{}dynamic_isos/{uuid}/sledgehammer/boot.iso", root(bmc));
        let booted: Vec<_> = bmc.state().boots.into_iter().filter(|boot| boot.device == Device::VirtualCd).collect();
        let images: Vec<_> = booted.into_iter().filter_map(|boot| boot.image).collect();
        assert_eq!(images, [by_hand(bmc), own], "{uuid}");
        assert!(bmc.state().slots.iter().all(|slot| !slot.inserted), "{uuid}");
        assert!(!webroot.path().join("dynamic_isos").join(uuid).join("sledgehammer/boot.iso").exists(), "{uuid}");
    }
    assert_eq!(server.strays(), [""; 0]);
    server.stop().await.unwrap();
    fleet.shutdown().await;
}

/// Where `tests/drppy/install` puts the client.
fn client() -> PathBuf {
    let usual = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/drppy");
    std::env::var_os("DRPPY_DIR").map_or(usual, PathBuf::from)
}

/// The password is the script's to set.
fn add_machine(server: &DrProvision, number: u32, bmc: &Bmc) -> String {
    let mut params = json!({
        "ipmi/mode": "redfish", "ipmi/address": bmc.address().ip().to_string(),
        "ipmi/port-redfish": bmc.address().port(), "ipmi/username": bmc.username(), "virtual-media/poll-interval": 10,
    });
    if bmc.image_scheme() != "http" {
        params["virtual-media/image-url"] = json!(server.files().url_by(bmc.image_scheme()));
    }
    server.add_machine(&json!({ "Name": format!("m{number}.example.net"), "Params": params })).unwrap()
}
