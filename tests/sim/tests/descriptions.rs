//! Light, inventory and lasting boot devices of every personality, as they show from outside.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{Redfish, system_path, until};
use drp_virtual_media_sim::bmc::{Bmc, Device, Fleet, ModeRule, Personality};
use serde_json::{Value, json};

/// Where a personality's light shows, what it reads at rest, and what a PATCH that switches it on gets.
struct Row {
    personality: Personality,
    light: Value,
    blinking: u16,
    lit: u16,
    /// What the system links to, by the short names of [`SECTIONS`].
    links: &'static str,
    options: bool,
    expands: bool,
}

const SECTIONS: [(&str, &str); 8] = [
    ("B", "Bios"),
    ("Se", "SecureBoot"),
    ("M", "Memory"),
    ("P", "Processors"),
    ("St", "Storage"),
    ("Si", "SimpleStorage"),
    ("N", "NetworkInterfaces"),
    ("E", "EthernetInterfaces"),
];

fn rows() -> Vec<Row> {
    let row = |personality, light, (blinking, lit), links, options, expands| Row {
        personality,
        light,
        blinking,
        lit,
        links,
        options,
        expands,
    };
    let led = |rest: &str| json!({"IndicatorLED": rest});
    vec![
        row(
            Personality::Generic,
            json!({"LocationIndicatorActive": false}),
            (400, 400),
            "B Se M P St Si N E",
            true,
            false,
        ),
        row(Personality::Idrac8, led("Lit"), (200, 200), "B Se M P St Si N E", false, false),
        row(Personality::Idrac9Early, led("Lit"), (200, 200), "B Se M P St Si N E", true, true),
        row(Personality::Idrac9, led("Lit"), (200, 200), "B Se M P St Si N E", true, true),
        row(
            Personality::Idrac10,
            json!({"LocationIndicatorActive": false}),
            (400, 400),
            "B Se M P St Si N E",
            true,
            true,
        ),
        row(Personality::Ilo4, led("Off"), (400, 200), "P E", false, false),
        row(Personality::Ilo5, led("Off"), (400, 200), "B Se M P St N E", true, true),
        row(
            Personality::Ilo6,
            json!({"IndicatorLED": "Off", "LocationIndicatorActive": false}),
            (400, 200),
            "B Se M P St N E",
            true,
            true,
        ),
        row(
            Personality::Ilo7,
            json!({"IndicatorLED": "Off", "LocationIndicatorActive": false}),
            (400, 200),
            "B Se M P St N E",
            true,
            true,
        ),
        row(Personality::Xcc, led("Off"), (200, 200), "B Se M P St N E", true, true),
        row(Personality::Xcc2, led("Off"), (204, 204), "B Se M P St N E", true, true),
        row(Personality::Xcc3, led("Off"), (204, 204), "B Se M P St N E", true, true),
        row(Personality::LenovoTsm, led("Off"), (204, 204), "B Se M P St Si N E", true, true),
        row(Personality::SupermicroX10, led("Off"), (200, 200), "B Se M P St Si N E", true, false),
        row(Personality::SupermicroX12, led("Off"), (200, 200), "B Se M P St Si N E", true, true),
        row(Personality::SupermicroX13, led("Off"), (200, 200), "B Se M P St Si N E", true, true),
        row(Personality::Cimc, led("Off"), (204, 204), "B Se M P St Si N E", true, false),
        row(Personality::Ucsx, led("Off"), (204, 204), "B Se M P St Si N E", true, false),
        row(Personality::MegaRac, led("Off"), (204, 204), "B Se M P St Si N E", true, true),
        row(Personality::DgxH100, led("Off"), (204, 204), "B Se M P St Si N E", true, true),
        row(
            Personality::OpenBmc,
            json!({"LocationIndicatorActive": false}),
            (400, 400),
            "B Se M P St Si N E",
            true,
            true,
        ),
        row(
            Personality::Gb200,
            json!({"LocationIndicatorActive": false}),
            (400, 400),
            "B Se M P St Si N E",
            true,
            true,
        ),
        row(Personality::IrmcS4, led("Off"), (200, 200), "B Se M P St Si N E", false, false),
        row(Personality::Irmc, led("Off"), (200, 200), "B Se M P St Si N E", false, false),
        row(Personality::Ibmc, led("Off"), (200, 200), "B M P St N E", false, false),
        row(Personality::Xfusion, led("Off"), (200, 200), "B M P St N E", false, false),
        row(Personality::Hdm, json!({"LocationIndicatorActive": false}), (400, 400), "B Se M P St Si N E", true, false),
        row(
            Personality::InspurM6,
            json!({"LocationIndicatorActive": false}),
            (400, 400),
            "B Se M P St Si N E",
            true,
            false,
        ),
        row(Personality::XccEarly, led("Off"), (204, 204), "B Se M P St N E", true, true),
    ]
}

async fn system(redfish: &Redfish) -> (String, Value) {
    let path = system_path(redfish).await;
    let body = redfish.get(&path).await.body;
    (path, body)
}

fn link(value: &Value) -> String {
    value["@odata.id"].as_str().unwrap_or_else(|| panic!("no link: {value}")).to_owned()
}

#[test]
fn the_table_has_every_personality() {
    let personalities: Vec<Personality> = rows().iter().map(|row| row.personality).collect();
    assert_eq!(personalities, [Personality::ALL, Personality::WITHOUT_MEDIA].concat());
}

#[tokio::test]
async fn each_shows_its_light_and_switches_it() {
    let fleet = Fleet::start().await.unwrap();
    for row in rows() {
        let who = row.personality;
        let bmc = fleet.add(who).await.unwrap();
        let redfish = Redfish::new(&bmc);
        let (path, body) = system(&redfish).await;
        for name in ["IndicatorLED", "LocationIndicatorActive"] {
            assert_eq!(body.get(name), row.light.get(name), "{who}: {name}");
        }
        for (value, status) in [("Blinking", row.blinking), ("Lit", row.lit)] {
            assert_eq!(redfish.patch_any(&path, json!({"IndicatorLED": value})).await.status, status, "{who}: {value}");
        }
        let chassis = redfish.get(&link(&body["Links"]["Chassis"][0])).await.body;
        assert!(["IndicatorLED", "LocationIndicatorActive"].iter().any(|name| !chassis[name].is_null()), "{who}");
    }
}

#[tokio::test]
async fn each_links_to_what_it_describes_and_expands_where_it_says_so() {
    let fleet = Fleet::start().await.unwrap();
    for row in rows() {
        let who = row.personality;
        let bmc = fleet.add(who).await.unwrap();
        let redfish = Redfish::new(&bmc);
        let root = redfish.get("/redfish/v1").await.body;
        assert_eq!(root["ProtocolFeaturesSupported"]["ExpandQuery"]["NoLinks"] == true, row.expands, "{who}");
        let (path, body) = system(&redfish).await;
        let shown = row.links.split(' ').collect::<Vec<_>>();
        for (short, name) in SECTIONS {
            assert_eq!(body[name].is_object(), shown.contains(&short), "{who}: {name}");
            if shown.contains(&short) {
                assert_eq!(redfish.get(&link(&body[name])).await.status, 200, "{who}: {name}");
            }
        }
        assert_eq!(body["Boot"]["BootOptions"].is_object(), row.options, "{who}");
        let processors = format!("{path}/Processors?$expand=.($levels=1)");
        let first = redfish.get(&processors).await.body["Members"][0].clone();
        assert_eq!(first["Id"].is_string(), row.expands, "{who}: {first}");
        assert_eq!(redfish.get(&link(&first)).await.body["Id"], "CPU.1", "{who}");
    }
    let bmc = fleet.add(Personality::Ilo4).await.unwrap();
    let redfish = Redfish::new(&bmc);
    let links = system(&redfish).await.1["Oem"]["Hp"]["Links"].clone();
    assert!(!redfish.get(&link(&links["BIOS"])).await.body["Attributes"].is_null());
    assert_eq!(redfish.get(&link(&links["Memory"])).await.body["Members@odata.count"], 3);
}

/// Boots twice and gives what was taken.
async fn two_boots(bmc: &Bmc, redfish: &Redfish, system: &str) -> Vec<Device> {
    let reset = format!("{system}/Actions/ComputerSystem.Reset");
    for (kind, boots) in [("On", 1), ("ForceRestart", 2)] {
        redfish.post(&reset, json!({"ResetType": kind})).await;
        until(bmc, |state| state.boots.len() == boots).await;
    }
    bmc.state().boots.iter().map(|boot| boot.device).collect()
}

#[tokio::test]
async fn continuous_lasts_where_there_is_one_but_on_dell_whose_attributes_do() {
    let fleet = Fleet::start().await.unwrap();
    for personality in Personality::ALL {
        let bmc = fleet.add(*personality).await.unwrap();
        let redfish = Redfish::new(&bmc);
        let (path, _) = system(&redfish).await;
        let dell = personality.profile().identity.vendor == Some("Dell") || *personality == Personality::Idrac8;
        let rules = personality.profile().boot;
        let place = match rules.settings.filter(|_| rules.system_refuses.is_some()) {
            Some(settings) => format!("{path}/{}", settings.name),
            None => path.clone(),
        };
        let mut forced = json!({"BootSourceOverrideEnabled": "Continuous", "BootSourceOverrideTarget": "Pxe"});
        if rules.mode == ModeRule::Required {
            forced["BootSourceOverrideMode"] = json!("UEFI");
        }
        let status = redfish.patch_any(&place, json!({"Boot": forced})).await.status;
        if !personality.boots_always() {
            assert_eq!(status, 400, "{personality}");
            assert_eq!(two_boots(&bmc, &redfish, &path).await, [Device::Disk; 2], "{personality}");
            continue;
        }
        assert!(status < 300, "{personality}: {status}");
        let second = if dell { Device::Disk } else { Device::Pxe };
        assert_eq!(two_boots(&bmc, &redfish, &path).await, [Device::Pxe, second], "{personality}");
    }
    let bmc = fleet.add(Personality::Idrac9).await.unwrap();
    let redfish = Redfish::new(&bmc);
    let (path, _) = system(&redfish).await;
    let attributes = json!({"ServerBoot.1.BootOnce": "Disabled", "ServerBoot.1.FirstBootDevice": "PXE"});
    let place = "/redfish/v1/Managers/iDRAC.Embedded.1/Oem/Dell/DellAttributes/iDRAC.Embedded.1";
    assert_eq!(redfish.patch_any(place, json!({"Attributes": attributes})).await.status, 200);
    assert_eq!(bmc.state().boot_always, Some(Device::Pxe));
    assert_eq!(two_boots(&bmc, &redfish, &path).await, [Device::Pxe, Device::Pxe]);
}
