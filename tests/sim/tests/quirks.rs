//! Each quirk as it shows on the generic BMC.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{Answer, Redfish};
use drp_virtual_media_sim::bmc::{Bmc, Fleet, Personality, Quirk};
use reqwest::Method;
use serde_json::{Value, json};

const SYSTEM: &str = "/redfish/v1/Systems/1";
const MEDIA: &str = "/redfish/v1/Systems/1/VirtualMedia";
const CD: &str = "/redfish/v1/Systems/1/VirtualMedia/Cd";

async fn with(fleet: &Fleet, quirk: Quirk) -> (Bmc, Redfish) {
    let bmc = fleet.add(Personality::Generic).await.unwrap();
    bmc.quirk(quirk);
    let redfish = Redfish::new(&bmc);
    (bmc, redfish)
}

async fn insert(redfish: &Redfish, more: Value) -> Answer {
    let mut body = json!({"Image": "nfs://host/a.iso"});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    redfish.post(&format!("{CD}/Actions/VirtualMedia.InsertMedia"), body).await
}

async fn eject(redfish: &Redfish) -> Answer {
    redfish.post(&format!("{CD}/Actions/VirtualMedia.EjectMedia"), json!({})).await
}

async fn reads(redfish: &Redfish, count: usize) -> Vec<bool> {
    let mut inserted = Vec::new();
    for _ in 0..count {
        inserted.push(redfish.get(CD).await.body["Inserted"].as_bool().unwrap());
    }
    inserted
}

/// Shows one quirk, or fails.
async fn shows(fleet: &Fleet, quirk: Quirk) {
    let (bmc, redfish) = with(fleet, quirk).await;
    match quirk {
        Quirk::BystandersFirst => {
            let members = redfish.get("/redfish/v1/Systems").await.body["Members"].clone();
            assert_eq!(members[0]["@odata.id"], "/redfish/v1/Systems/HGX_Baseboard_0");
            assert!(redfish.get("/redfish/v1/Systems/HGX_Baseboard_0").await.body["Actions"].is_null());
            assert!(redfish.get("/redfish/v1/Managers/HGX_BMC_0").await.body["VirtualMedia"].is_null());
        }
        Quirk::OneMember => assert_eq!(redfish.get(MEDIA).await.body["Members@odata.count"], 1),
        Quirk::FloppyFirst => {
            assert_eq!(redfish.get(MEDIA).await.body["Members"][0]["@odata.id"], format!("{MEDIA}/Floppy"));
            assert_eq!(redfish.get(&format!("{MEDIA}/Floppy")).await.body["MediaTypes"][0], "Floppy");
        }
        Quirk::NoMediaTypes => assert!(redfish.get(CD).await.body["MediaTypes"].is_null()),
        Quirk::MissingLinks => {
            let system = redfish.get(SYSTEM).await.body;
            assert!(system["VirtualMedia"].is_null() && system["Links"]["ManagedBy"].is_null());
            assert!(redfish.get("/redfish/v1/Managers/BMC").await.body["VirtualMedia"].is_object());
        }
        Quirk::AnswersOk => {
            let answer = insert(&redfish, json!({})).await;
            assert!(answer.status == 200 && answer.message_id().ends_with("Success"));
        }
        Quirk::AnswersTask => {
            let answer = insert(&redfish, json!({})).await;
            assert!(answer.status == 202 && answer.headers.contains_key("location"));
        }
        Quirk::StaleAfterEject => {
            bmc.mount_foreign("http://h/a.iso");
            eject(&redfish).await;
            assert_eq!(reads(&redfish, 4).await, [true, true, true, false]);
        }
        Quirk::LateAfterInsert => {
            insert(&redfish, json!({})).await;
            assert_eq!(reads(&redfish, 4).await, [false, false, false, true]);
        }
        Quirk::KeepsImageName => {
            bmc.mount_foreign("http://h/a.iso");
            eject(&redfish).await;
            let member = redfish.get(CD).await.body;
            assert_eq!((&member["Image"], &member["ConnectedVia"]), (&json!("http://h/a.iso"), &json!("NotConnected")));
        }
        Quirk::DropsPort | Quirk::NamesFileOnly | Quirk::HidesImage => {
            bmc.mount_foreign("http://h:8080/a.iso");
            let member = redfish.get(CD).await.body;
            let shown = match quirk {
                Quirk::DropsPort => json!("http://h/a.iso"),
                Quirk::HidesImage => json!(null),
                _ => json!("a.iso"),
            };
            assert_eq!((&member["Image"], &member["Inserted"]), (&shown, &json!(true)));
        }
        Quirk::EjectHidden => {
            assert!(redfish.get(CD).await.body["Actions"]["#VirtualMedia.EjectMedia"].is_null());
            bmc.mount_foreign("http://h/a.iso");
            assert!(redfish.get(CD).await.body["Actions"]["#VirtualMedia.EjectMedia"].is_object());
        }
        Quirk::WantsProtocol => {
            assert_eq!(insert(&redfish, json!({})).await.message_id(), "Base.1.15.ActionParameterMissing");
            assert_eq!(insert(&redfish, json!({"TransferProtocolType": "NFS"})).await.status, 204);
        }
        Quirk::WantsCredentials => {
            assert_eq!(insert(&redfish, json!({})).await.status, 400);
            assert_eq!(insert(&redfish, json!({"UserName": "none", "Password": "none"})).await.status, 204);
        }
        Quirk::RefusesInserted => {
            assert_eq!(insert(&redfish, json!({"Inserted": true})).await.message_id(), "Base.1.15.PropertyUnknown");
        }
        Quirk::EtagRequired | Quirk::EtagStrongOnly => etags(&redfish, quirk).await,
        Quirk::ResetsInActionInfo | Quirk::ResetsUntold => resets(&redfish, quirk).await,
        Quirk::TargetsUntold => {
            let boot = redfish.get(SYSTEM).await.body["Boot"].clone();
            assert!(boot["BootSourceOverrideTarget@Redfish.AllowableValues"].is_null());
        }
        Quirk::NoContinuous | Quirk::LightOnChassis | Quirk::ExpandRefused => machine_side(&bmc, &redfish, quirk).await,
        Quirk::SessionsOnly => assert_eq!(redfish.get(SYSTEM).await.status, 401),
        Quirk::NoSessions => {
            assert!(redfish.get("/redfish/v1").await.body["SessionService"].is_null());
            assert_eq!(redfish.get("/redfish/v1/SessionService").await.status, 404);
        }
        Quirk::ExtendedInfoObject => {
            let answer = redfish.get("/redfish/v1/Nothing").await;
            assert!(answer.body["error"]["@Message.ExtendedInfo"]["MessageId"].is_string());
        }
        Quirk::GracefulIgnored => {
            bmc.set_power(true);
            let reset = format!("{SYSTEM}/Actions/ComputerSystem.Reset");
            assert_eq!(redfish.post(&reset, json!({"ResetType": "GracefulShutdown"})).await.status, 204);
            assert_eq!(redfish.get(SYSTEM).await.body["PowerState"], "On");
        }
    }
}

/// Quirks beside media, boot targets and power.
async fn machine_side(bmc: &Bmc, redfish: &Redfish, quirk: Quirk) {
    match quirk {
        Quirk::NoContinuous => {
            let boot = redfish.get(SYSTEM).await.body["Boot"].clone();
            assert_eq!(boot["BootSourceOverrideEnabled@Redfish.AllowableValues"], json!(["Once", "Disabled"]));
            let forced =
                json!({"Boot": {"BootSourceOverrideEnabled": "Continuous", "BootSourceOverrideTarget": "Pxe"}});
            assert_eq!(redfish.patch(SYSTEM, forced).await.message_id(), "Base.1.15.PropertyValueNotInList");
        }
        Quirk::LightOnChassis => {
            assert_eq!(redfish.patch(SYSTEM, json!({"LocationIndicatorActive": true})).await.status, 400);
            assert_eq!(redfish.patch("/redfish/v1/Chassis/1U", json!({"IndicatorLED": "Lit"})).await.status, 204);
            assert!(bmc.state().identifies);
        }
        Quirk::ExpandRefused => {
            let expand = &redfish.get("/redfish/v1").await.body["ProtocolFeaturesSupported"]["ExpandQuery"];
            assert_eq!(expand["NoLinks"], true);
            assert_eq!(redfish.get(&format!("{SYSTEM}/Memory?$expand=.")).await.status, 400);
        }
        other => unreachable!("{other:?} is shown above"),
    }
}

async fn resets(redfish: &Redfish, quirk: Quirk) {
    let action = redfish.get(SYSTEM).await.body["Actions"]["#ComputerSystem.Reset"].clone();
    if quirk == Quirk::ResetsUntold {
        assert_eq!(action.as_object().unwrap().len(), 1);
        return;
    }
    let info = redfish.get(action["@Redfish.ActionInfo"].as_str().unwrap()).await.body;
    let types = info["Parameters"][0]["AllowableValues"].clone();
    assert_eq!(types, json!(["ForceOff", "ForceRestart", "GracefulShutdown", "On"]));
}

async fn etags(redfish: &Redfish, quirk: Quirk) {
    let body = json!({"Boot": {"BootSourceOverrideTarget": "None"}}).to_string();
    let etag = redfish.get(SYSTEM).await.headers["etag"].to_str().unwrap().to_owned();
    let patch = |etag: &str| {
        let request = redfish.request(Method::PATCH, SYSTEM).body(body.clone());
        common::send(if etag.is_empty() { request } else { request.header("If-Match", etag) })
    };
    let mut statuses = Vec::new();
    for etag in ["", &etag, etag.trim_start_matches("W/")] {
        statuses.push(patch(etag).await.status);
    }
    assert_eq!(statuses, if quirk == Quirk::EtagRequired { [428, 204, 204] } else { [204, 412, 204] });
}

#[tokio::test]
async fn each_quirk_shows() {
    let fleet = Fleet::start().await.unwrap();
    for quirk in Quirk::ALL {
        shows(&fleet, *quirk).await;
    }
}

#[tokio::test]
async fn each_personality_bears_each_quirk() {
    let fleet = Fleet::start().await.unwrap();
    for personality in Personality::ALL {
        for quirk in Quirk::ALL {
            let bmc = fleet.add(*personality).await.unwrap();
            bmc.quirk(*quirk);
            assert_eq!(Redfish::new(&bmc).get("/redfish/v1").await.status, 200, "{personality} {quirk:?}");
            bmc.mount_foreign("http://h/a.iso");
            assert!(bmc.state().slots.iter().any(|slot| slot.inserted), "{personality} {quirk:?}");
        }
    }
}
