//! `identify`, `status` and the `get…` actions through the real binary, on every vendor.

use drp_virtual_media_sim::bmc::{Personality, Quirk, Section};
use serde_json::{Value, json};

use crate::site::Site;

#[tokio::test(flavor = "multi_thread")]
async fn identify_lights_a_machine_up_whatever_its_duration_and_zero_makes_it_dark() {
    let site = Site::start().await;
    for (personality, number) in Personality::ALL.iter().zip(1..) {
        let (uuid, bmc) = site.machine(number, *personality).await;
        // The schema's default is 60, so that is what a server sends as a rule. The provider before this one went dark on it.
        for params in [json!({}), json!({"ipmi/identify-duration": 60}), json!({"ipmi/identify-duration": null})] {
            let lit = site.server.action(&uuid, "identify", params).await.unwrap();
            assert_eq!((&lit["Light"], &lit["Seconds"]), (&json!("On"), &Value::Null), "{personality}");
            assert!(lit["Note"].as_str().unwrap().contains("ipmi/identify-duration 0"), "{personality}: {lit}");
            assert!(bmc.state().identifies, "{personality}");
        }
        for _ in 0..2 {
            let dark = site.server.action(&uuid, "identify", json!({"ipmi/identify-duration": 0})).await.unwrap();
            assert_eq!(dark, json!({"Light": "Off", "Seconds": null}), "{personality}");
            assert!(!bmc.state().identifies, "{personality}");
        }
    }
    let (uuid, bmc) = site.machine(90, Personality::Generic).await;
    for (wrong, part) in [(json!("60"), "is a string, expected a whole number"), (json!(-1), "from 0 to 86400")] {
        let error = site.server.action(&uuid, "identify", json!({"ipmi/identify-duration": wrong})).await.unwrap_err();
        assert_eq!(error.data["Code"], 400);
        assert!(error.message.contains("ipmi/identify-duration") && error.message.contains(part), "{}", error.message);
    }
    assert_eq!(bmc.requests().len(), 0);
    bmc.quirk(Quirk::LightOnChassis);
    site.server.action(&uuid, "identify", json!({})).await.unwrap();
    assert!(bmc.state().identifies);
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_description_of_every_vendor_has_the_shapes_that_scripts_know() {
    let site = Site::start().await;
    for (personality, number) in Personality::ALL.iter().zip(1..) {
        let (uuid, bmc) = site.machine(number, *personality).await;
        let inventory = personality.profile().inventory;
        let shows = |section| {
            inventory.linked.contains(&section) || inventory.oem_linked.iter().any(|(_, linked)| *linked == section)
        };
        let status = site.server.action(&uuid, "status", json!({})).await.unwrap();
        assert_eq!((&status["PowerState"], &status["Status"]), (&json!("Off"), &json!("OK")), "{personality}");
        assert_eq!(status["EthernetStatus"], "Critical", "{personality}");
        let info = site.server.action(&uuid, "getInfo", json!({})).await.unwrap();
        assert_eq!(info["Model"], personality.profile().identity.model, "{personality}");
        let boot = site.server.action(&uuid, "getBoot", json!({})).await.unwrap();
        assert_eq!(boot["BootSourceOverrideTarget"], "None", "{personality}");

        for (command, section, members) in [
            ("getBios", Section::Bios, 0),
            ("getSecureBoot", Section::SecureBoot, 0),
            ("getMemory", Section::Memory, 3),
            ("getProcessor", Section::Processors, 2),
            ("getStorage", Section::Storage, 2),
            ("getSimpleStorage", Section::SimpleStorage, 1),
            ("getNetworkInterfaces", Section::NetworkInterfaces, 1),
            ("getEthernetInterfaces", Section::EthernetInterfaces, 2),
        ] {
            let case = format!("{personality} {command}");
            match site.server.action(&uuid, command, json!({})).await {
                Ok(list) if members > 0 => assert_eq!(list.as_array().unwrap().len(), members, "{case}"),
                Ok(resource) => assert!(resource["Id"].is_string() && shows(section), "{case}: {resource}"),
                Err(error) => {
                    assert!(!shows(section), "{case}: {}", error.message);
                    assert_eq!(error.data["Code"], 404, "{case}");
                    assert!(error.message.contains(section.name()), "{case}: {}", error.message);
                }
            }
        }
        assert!(bmc.requests().iter().all(|request| request.method == "GET"), "{personality}");
    }
    site.end().await;
}
