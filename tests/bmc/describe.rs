//! What every personality describes of its machine: whole, in the BMC's words, and a missing part told with what there is.

use std::time::Duration;

use drp_virtual_media::bmc::Part;
use drp_virtual_media::operation::Operation;
use drp_virtual_media_sim::bmc::{Bmc, Expand, Fault, Matcher, Personality, Section};
use serde_json::{Value, json};

use crate::bench::{Bench, target, told};

/// The collections with the ids of their members.
const COLLECTIONS: [(Part, Section, &[&str]); 6] = [
    (Part::Memory, Section::Memory, &["DIMM.A1", "DIMM.A2", "DIMM.B1"]),
    (Part::Processor, Section::Processors, &["CPU.1", "CPU.2"]),
    (Part::Storage, Section::Storage, &["RAID.1", "AHCI.1"]),
    (Part::SimpleStorage, Section::SimpleStorage, &["AHCI.1"]),
    (Part::NetworkInterfaces, Section::NetworkInterfaces, &["NIC.1"]),
    (Part::EthernetInterfaces, Section::EthernetInterfaces, &["NIC.1-1", "NIC.1-2"]),
];

async fn read(bench: &Bench, bmc: &Bmc, part: Part) -> Result<Value, drp_virtual_media::bmc::Error> {
    let operation = Operation::unwatched();
    bench.bmcs.open(target(bmc), &operation).await?.read(part).await
}

fn ids(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|member| member["Id"].as_str().unwrap()).collect()
}

fn shows(personality: Personality, section: Section) -> bool {
    let inventory = personality.profile().inventory;
    inventory.linked.contains(&section) || inventory.oem_linked.iter().any(|(_, linked)| *linked == section)
}

#[tokio::test]
async fn every_part_of_every_bmc_is_whole_or_told_to_be_missing() {
    let bench = Bench::start().await;
    for personality in Personality::ALL {
        let bmc = bench.bmc(*personality).await;
        for (part, section, members) in COLLECTIONS {
            let case = format!("{personality} {}", section.name());
            match read(&bench, &bmc, part).await {
                Ok(list) => {
                    assert!(shows(*personality, section), "{case}");
                    assert_eq!(ids(&list), members, "{case}");
                    // Members are whole, and what they link to is not.
                    assert!(list[0]["Status"]["Health"].is_string(), "{case}");
                    assert!(list[0]["Links"]["Chassis"]["@odata.id"].is_string(), "{case}");
                }
                Err(error) => {
                    assert!(!shows(*personality, section), "{case}: {error}");
                    told(&error, 404, &[&format!("shows no {}", section.name()), "its system offers", "Processors"]);
                }
            }
        }
        for (part, section, key) in
            [(Part::Bios, Section::Bios, "Attributes"), (Part::SecureBoot, Section::SecureBoot, "SecureBootEnable")]
        {
            match read(&bench, &bmc, part).await {
                Ok(resource) => assert!(!resource[key].is_null(), "{personality} {part:?}: {resource}"),
                Err(error) => {
                    assert!(!shows(*personality, section), "{personality} {part:?}: {error}");
                    told(&error, 404, &[section.name()]);
                }
            }
        }
        let info = read(&bench, &bmc, Part::Info).await.unwrap();
        assert_eq!(info["Model"], personality.profile().identity.model, "{personality}");
        let boot = read(&bench, &bmc, Part::Boot).await.unwrap();
        assert_eq!(boot["BootSourceOverrideEnabled"], "Disabled", "{personality}");
        if shows(*personality, Section::BootOptions) {
            assert_eq!(ids(&boot["BootOptions"]), ["Boot0001", "Boot0002"], "{personality}");
        }
        assert!(bmc.requests().iter().all(|request| request.method == "GET"), "{personality}");
    }
}

#[tokio::test]
async fn status_has_power_health_and_the_next_boot() {
    let bench = Bench::start().await;
    let bmc = bench.bmc(Personality::Generic).await;
    bmc.set_power(true);
    bmc.set_boot_once("Pxe");
    let expected = json!({
        "PowerState": "On", "State": "Enabled",
        "Status": "OK", "ProcessorStatus": "OK", "MemoryStatus": "OK",
        "EthernetStatus": "Critical", "StorageStatus": "Warning", "SimpleStorageStatus": "OK",
        "Boot": {"BootSourceOverrideEnabled": "Once", "BootSourceOverrideTarget": "Pxe", "BootSourceOverrideMode": "UEFI"},
    });
    assert_eq!(read(&bench, &bmc, Part::Status).await.unwrap(), expected);
    // What cannot be read is not taken for bad.
    bmc.alter(|profile| profile.inventory.linked = &[Section::EthernetInterfaces]);
    bmc.fault(Matcher::any().path_ends("EthernetInterfaces"), Fault::status(500));
    let status = read(&bench, &bmc, Part::Status).await.unwrap();
    for key in ["EthernetStatus", "StorageStatus", "SimpleStorageStatus"] {
        assert_eq!(status[key], Value::Null, "{key}");
    }
}

#[tokio::test]
async fn members_come_at_once_where_the_bmc_announces_it_and_one_by_one_where_it_does_not_keep_to_it() {
    let bench = Bench::start().await;
    for (expand, requests) in [
        (Expand::No, vec!["Memory", "DIMM.A1", "DIMM.A2", "DIMM.B1"]),
        (Expand::Flat, vec!["Memory?$expand=."]),
        (Expand::WithLevels, vec!["Memory?$expand=.($levels=1)"]),
        (Expand::Refused, vec!["Memory?$expand=.($levels=1)", "Memory", "DIMM.A1", "DIMM.A2", "DIMM.B1"]),
        (Expand::Ignored, vec!["Memory?$expand=.($levels=1)", "DIMM.A1", "DIMM.A2", "DIMM.B1"]),
    ] {
        let bmc = bench.bmc(Personality::Generic).await;
        bmc.alter(|profile| profile.inventory.expand = expand);
        let list = read(&bench, &bmc, Part::Memory).await.unwrap();
        assert_eq!(ids(&list), ["DIMM.A1", "DIMM.A2", "DIMM.B1"], "{expand:?}");
        let paths: Vec<String> = bmc.requests().into_iter().map(|request| request.path).collect();
        let asked: Vec<&str> =
            paths.iter().filter(|path| path.contains("/Memory")).map(|p| p.rsplit('/').next().unwrap()).collect();
        assert_eq!(asked, requests, "{expand:?}");
    }
}

#[tokio::test]
async fn odd_collections_are_read_as_far_as_they_can_be() {
    let bench = Bench::start().await;
    let memory = "/redfish/v1/Systems/1/Memory";
    let served = async |path: &str, fault: Fault| {
        let bmc = bench.bmc(Personality::Generic).await;
        bmc.fault(Matcher::any().path_ends(path), fault);
        (read(&bench, &bmc, Part::Memory).await, bmc)
    };
    let body = |body: Value| Fault::Status(200, body.to_string());

    // Listed and gone, linked and gone, empty, null, slow.
    assert_eq!(ids(&served("DIMM.A2", Fault::status(404)).await.0.unwrap()), ["DIMM.A1", "DIMM.B1"]);
    let (gone, _) = served(memory, Fault::status(404)).await;
    told(&gone.unwrap_err(), 404, &["/Memory as its Memory and has nothing there", "Processors"]);
    for nothing in [json!({"Members": []}), json!({"Members": null}), json!({})] {
        assert_eq!(served(memory, body(nothing)).await.0.unwrap(), json!([]));
    }
    assert!(served(memory, Fault::Delay(Duration::from_millis(50))).await.0.is_ok());

    // A member that fails makes no list that looks whole.
    let (broken, _) = served("DIMM.A2", Fault::status(500)).await;
    told(&broken.unwrap_err(), 502, &["reading its memory", "DIMM.A2"]);

    // A second page, and a page that leads to itself.
    let page =
        |next: &str, id: &str| body(json!({"Members": [{"@odata.id": "x", "Id": id}], "Members@odata.nextLink": next}));
    let bmc = bench.bmc(Personality::Generic).await;
    bmc.fault(Matcher::any().path_ends(memory).times(1), page(&format!("{memory}?$skip=1"), "first"));
    bmc.fault(Matcher::any().path_ends(memory), body(json!({"Members": [{"@odata.id": "y", "Id": "last"}]})));
    assert_eq!(ids(&read(&bench, &bmc, Part::Memory).await.unwrap()), ["first", "last"]);
    let (circle, _) = served(memory, page(memory, "again")).await;
    told(&circle.unwrap_err(), 502, &["lists more in", "256 members"]);

    // More than is read is refused before it is read.
    let many: Vec<Value> =
        (0..300).map(|n| json!({"@odata.id": format!("{memory}/{n}"), "Id": n.to_string()})).collect();
    let (many, bmc) = served(memory, body(json!({"Members": many}))).await;
    told(&many.unwrap_err(), 502, &["lists more in", "256 members"]);
    assert!(bmc.requests().len() < 20);
}
