//! What single personalities refuse, and what they do behind one's back.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{Answer, Images, Redfish, send, until};
use drp_virtual_media_sim::bmc::{Bmc, Boot, Device, Fleet, Personality, Power};
use reqwest::Method;
use serde_json::{Value, json};

const DELL_SYSTEM: &str = "/redfish/v1/Systems/System.Embedded.1";
const DELL_CD: &str = "/redfish/v1/Systems/System.Embedded.1/VirtualMedia/1";
const ILO_SYSTEM: &str = "/redfish/v1/Systems/1";
const ILO_CD: &str = "/redfish/v1/Managers/1/VirtualMedia/2";

async fn start(fleet: &Fleet, personality: Personality) -> (Bmc, Redfish) {
    let bmc = fleet.add(personality).await.unwrap();
    let redfish = Redfish::new(&bmc);
    (bmc, redfish)
}

fn told(answer: &Answer) -> (u16, &str) {
    (answer.status, answer.message_id())
}

/// Requests that are refused before they do anything: personality, method, path, body, status, id, properties named.
type Refused = (Personality, &'static str, &'static str, Value, u16, &'static str, &'static [&'static str]);

/// What a boot override for the virtual CD looks like, with a mode.
fn with_mode() -> Value {
    json!({"BootSourceOverrideEnabled": "Once", "BootSourceOverrideTarget": "Cd", "BootSourceOverrideMode": "UEFI"})
}

fn refused_by_dell() -> Vec<Refused> {
    let once = json!({"BootSourceOverrideEnabled": "Once", "BootSourceOverrideTarget": "Cd"});
    let import = "/redfish/v1/Managers/iDRAC.Embedded.1/Actions/Oem/OemManager.ImportSystemConfiguration";
    vec![
        (
            Personality::Idrac10,
            "PATCH",
            DELL_SYSTEM,
            json!({"Boot": once}),
            400,
            "Base.1.18.PropertyNotWritable",
            &["Boot"],
        ),
        (
            Personality::Idrac10,
            "POST",
            import,
            json!({"ShareParameters": {"Target": "ALL"}, "ImportBuffer": ""}),
            400,
            "Base.1.18.PropertyValueTypeError",
            &["Target"],
        ),
        (
            Personality::Idrac10,
            "POST",
            "/redfish/v1/Systems/System.Embedded.1/VirtualMedia/1/Actions/VirtualMedia.InsertMedia",
            json!({"Image": "http://h/a.iso", "TransferMethod": "Upload"}),
            400,
            "Base.1.18.PropertyValueNotInList",
            &["TransferMethod"],
        ),
        (
            Personality::Idrac9,
            "PATCH",
            "/redfish/v1/Systems/System.Embedded.1/Settings",
            json!({"Boot": once}),
            400,
            "Base.1.12.PropertyNotWritable",
            &["BootSourceOverrideTarget"],
        ),
        (
            Personality::Idrac8,
            "PATCH",
            DELL_SYSTEM,
            json!({"Boot": with_mode()}),
            400,
            "IDRAC.1.6.SYS410",
            &["BootSourceOverrideMode"],
        ),
    ]
}

fn refused_by_hpe() -> Vec<Refused> {
    vec![
        (
            Personality::Ilo5,
            "PATCH",
            ILO_SYSTEM,
            json!({"Boot": with_mode()}),
            400,
            "Base.1.4.PropertyNotWritable",
            &["BootSourceOverrideMode"],
        ),
        (
            Personality::Ilo5,
            "PATCH",
            ILO_CD,
            json!({"Oem": {"Hpe": {"BootOnNextServerReset": true}}}),
            400,
            "iLO.2.15.NoVirtualMediaConnectionAvailable",
            &[],
        ),
        (
            Personality::Ilo5,
            "POST",
            "/redfish/v1/Systems/1/Actions/ComputerSystem.Reset",
            json!({"ResetType": "PowerCycle"}),
            400,
            "Base.1.4.PropertyValueNotInList",
            &["ResetType"],
        ),
        (
            Personality::Ilo5,
            "POST",
            "/redfish/v1/Managers/1/VirtualMedia/2/Actions/VirtualMedia.InsertMedia",
            json!({"Image": "nfs://host/a.iso"}),
            400,
            "Base.1.4.ResourceAtUriInUnknownFormat",
            &["Image"],
        ),
        (
            Personality::Ilo4,
            "PATCH",
            ILO_CD,
            json!({"Image": "http://h/a.iso", "Inserted": true}),
            400,
            "Base.0.10.PropertyUnknown",
            &["Inserted"],
        ),
        (
            Personality::Ilo4,
            "POST",
            "/redfish/v1/Managers/1/VirtualMedia/2/Actions/VirtualMedia.InsertMedia",
            json!({"Image": "http://h/a.iso"}),
            404,
            "Base.0.10.ResourceMissingAtURI",
            &[],
        ),
    ]
}

fn refused_by_the_others() -> Vec<Refused> {
    let once = json!({"BootSourceOverrideEnabled": "Once", "BootSourceOverrideTarget": "Cd"});
    vec![
        (
            Personality::MegaRac,
            "PATCH",
            "/redfish/v1/Systems/Self/SD",
            json!({"Boot": with_mode()}),
            428,
            "Ami.1.0.PreconditionHeaderMissing",
            &[],
        ),
        (
            Personality::OpenBmc,
            "POST",
            "/redfish/v1/Managers/bmc/VirtualMedia/Slot_2/Actions/VirtualMedia.InsertMedia",
            json!({"Image": "http://h/a.iso"}),
            400,
            "Base.1.18.1.ResourceAtUriInUnknownFormat",
            &["Image"],
        ),
        (
            Personality::OpenBmc,
            "POST",
            "/redfish/v1/Managers/bmc/VirtualMedia/Slot_0/Actions/VirtualMedia.InsertMedia",
            json!({"Image": "https://h/a.iso"}),
            404,
            "Base.1.18.1.ResourceMissingAtURI",
            &[],
        ),
        (
            Personality::Gb200,
            "PATCH",
            "/redfish/v1/Systems/System_0/Settings",
            json!({"Boot": once}),
            403,
            "Base.1.18.1.PropertyNotWritable",
            &["BootSourceOverrideTarget"],
        ),
        (
            Personality::Ucsx,
            "POST",
            "/redfish/v1/Managers/CIMC/VirtualMedia/0/Actions/VirtualMedia.InsertMedia",
            json!({"Image": "http://h/a.iso", "TransferProtocolType": "HTTP"}),
            400,
            "Base.1.14.OperationNotAllowed",
            &[],
        ),
        (
            Personality::Cimc,
            "POST",
            "/redfish/v1/Managers/CIMC/VirtualMedia/0/Actions/VirtualMedia.InsertMedia",
            json!({"Image": "http://h/a.iso"}),
            400,
            "Base.1.10.ActionParameterMissing",
            &["TransferProtocolType"],
        ),
    ]
}

fn refused_by_lenovo() -> Vec<Refused> {
    let ext = "/redfish/v1/Systems/1/VirtualMedia/EXT1";
    let boot =
        |enabled: &str| json!({"Boot": {"BootSourceOverrideEnabled": enabled, "BootSourceOverrideTarget": "Cd"}});
    let image = |url: &str| json!({"Image": url, "Inserted": true});
    let format = "Base.1.8.ResourceAtUriInUnknownFormat";
    vec![
        (
            Personality::Xcc,
            "PATCH",
            "/redfish/v1/Systems/1/VirtualMedia/RDOC1",
            image("http://h/a.iso"),
            400,
            "Base.1.8.PropertyNotWritable",
            &["Image"],
        ),
        (
            Personality::Xcc,
            "PATCH",
            ext,
            json!({"Image": "http://h/a.iso"}),
            400,
            "Base.1.8.PropertyMissing",
            &["Inserted"],
        ),
        (Personality::Xcc, "PATCH", ext, image("https://h/a.iso"), 400, format, &["Image"]),
        (Personality::Xcc, "PATCH", ext, image("nfs://h/a.iso"), 400, format, &["Image"]),
        (Personality::Xcc3, "PATCH", ext, image("h:/a.iso"), 400, "Base.1.18.ResourceAtUriInUnknownFormat", &["Image"]),
        (
            Personality::Xcc2,
            "PATCH",
            "/redfish/v1/Systems/1",
            boot("Continuous"),
            400,
            "Base.1.12.PropertyValueNotInList",
            &["BootSourceOverrideEnabled"],
        ),
        (
            Personality::Xcc,
            "PATCH",
            "/redfish/v1/Systems/1/Pending",
            boot("Once"),
            400,
            "Base.1.8.PropertyNotWritable",
            &["BootSourceOverrideTarget"],
        ),
    ]
}

fn refused_by_supermicro() -> Vec<Refused> {
    let insert = "/redfish/v1/Managers/1/VirtualMedia/VirtualMedia1/Actions/VirtualMedia.InsertMedia";
    let config = "/redfish/v1/Managers/1/VM1/CfgCD";
    let x12 = Personality::SupermicroX12;
    let format = "Base.v1_4_0.ResourceAtUriInUnknownFormat";
    let image = |url: &str| json!({"Image": url});
    let mode: &[&str] = &["BootSourceOverrideMode"];
    vec![
        (
            x12,
            "POST",
            insert,
            json!({"Image": "http://h/a.iso", "Inserted": true}),
            400,
            "Base.v1_4_0.PropertyUnknown",
            &["Inserted"],
        ),
        (x12, "POST", insert, image("http://h/a.iso?x"), 400, format, &["Image"]),
        (x12, "POST", insert, image("http://h/a=b.iso"), 400, format, &["Image"]),
        (x12, "POST", insert, image("http://h/a.img"), 400, format, &["Image"]),
        (
            Personality::SupermicroX10,
            "PATCH",
            "/redfish/v1/Systems/1",
            json!({"Boot": with_mode()}),
            400,
            "Base.1.0.0.PropertyUnknown",
            mode,
        ),
        (
            Personality::SupermicroX10,
            "PATCH",
            config,
            json!({"Host": "http://h", "Image": "/a.iso"}),
            400,
            "Base.1.0.0.PropertyUnknown",
            &["Image"],
        ),
        (
            Personality::SupermicroX10,
            "POST",
            "/redfish/v1/Managers/1/VM1/CfgCD/Actions/IsoConfig.Mount",
            json!({}),
            400,
            "Base.1.0.0.PropertyMissing",
            &["Host"],
        ),
    ]
}

#[tokio::test]
async fn refusals_come_with_their_status_id_and_property() {
    let fleet = Fleet::start().await.unwrap();
    let refused =
        [refused_by_dell(), refused_by_hpe(), refused_by_the_others(), refused_by_lenovo(), refused_by_supermicro()];
    for (personality, method, path, body, status, id, about) in refused.concat() {
        let (bmc, redfish) = start(&fleet, personality).await;
        let before = bmc.state();
        let answer = match method {
            // Refused for want of an ETag.
            "PATCH" if status == 428 => redfish.patch(path, body).await,
            "PATCH" => redfish.patch_any(path, body).await,
            _ => redfish.post(path, body).await,
        };
        assert_eq!(told(&answer), (status, id), "{personality} {path}");
        let args = &answer.body["error"]["@Message.ExtendedInfo"][0]["MessageArgs"];
        assert_eq!(args.as_array().map_or(&[][..], Vec::as_slice), about, "{personality} {path}");
        assert_eq!(bmc.state(), before, "{personality} {path}");
    }
}

#[tokio::test]
async fn an_idrac_opens_eight_sessions_and_no_more() {
    let fleet = Fleet::start().await.unwrap();
    for (personality, path) in
        [(Personality::Idrac8, "/redfish/v1/Sessions"), (Personality::Idrac10, "/redfish/v1/SessionService/Sessions")]
    {
        let (bmc, redfish) = start(&fleet, personality).await;
        let login = json!({"UserName": bmc.username(), "Password": bmc.password()});
        for _ in 0..8 {
            assert_eq!(redfish.post(path, login.clone()).await.status, 201);
        }
        let ninth = redfish.post(path, login).await;
        assert!(ninth.status == 503 && ninth.message_id().ends_with(".RAC0218"), "{personality}");
        assert_eq!(bmc.state().sessions, 8);
        assert_eq!(redfish.get("/redfish/v1/Systems").await.status, 200, "Basic needs no session");
    }
}

#[tokio::test]
async fn an_idrac_shows_an_ejected_image_once_more_and_takes_no_other_meanwhile() {
    let fleet = Fleet::start().await.unwrap();
    let (bmc, redfish) = start(&fleet, Personality::Idrac9).await;
    let images = Images::start().await;
    bmc.mount_foreign("http://h/other.iso");
    let [eject, insert] = ["Eject", "Insert"].map(|name| format!("{DELL_CD}/Actions/VirtualMedia.{name}Media"));
    let eject = || redfish.post(&eject, json!({}));
    let insert = || redfish.post(&insert, json!({"Image": images.url()}));
    assert_eq!(eject().await.status, 204);
    assert!(!bmc.state().slots[0].inserted);
    assert_eq!(redfish.get(DELL_CD).await.body["Image"], json!("http://h/other.iso"));
    assert_eq!(redfish.get(DELL_CD).await.body["Image"], json!(null));
    bmc.mount_foreign("http://h/other.iso");
    assert_eq!(eject().await.status, 204);
    assert_eq!(told(&insert().await), (500, "IDRAC.2.8.SYS446"));
    assert_eq!(insert().await.status, 204);
}

#[tokio::test]
async fn the_second_slot_of_an_idrac_10_never_boots() {
    let fleet = Fleet::start().await.unwrap();
    let (bmc, redfish) = start(&fleet, Personality::Idrac10).await;
    let images = Images::start().await;
    let second = format!("{DELL_SYSTEM}/VirtualMedia/2/Actions/VirtualMedia.InsertMedia");
    assert_eq!(redfish.post(&second, json!({"Image": images.url()})).await.status, 204);
    bmc.set_boot_once("Cd");
    redfish.post(&format!("{DELL_SYSTEM}/Actions/ComputerSystem.Reset"), json!({"ResetType": "On"})).await;
    let state = until(&bmc, |state| state.power == Power::On).await;
    assert_eq!(state.boots, [Boot { device: Device::Disk, image: None }]);
}

#[tokio::test]
async fn an_idrac_10_takes_no_if_match_on_an_action() {
    let fleet = Fleet::start().await.unwrap();
    let (bmc, redfish) = start(&fleet, Personality::Idrac10).await;
    let etag = redfish.get(DELL_SYSTEM).await.headers["etag"].to_str().unwrap().to_owned();
    let reset = redfish.request(Method::POST, &format!("{DELL_SYSTEM}/Actions/ComputerSystem.Reset"));
    let answer = send(reset.header("If-Match", etag).body(json!({"ResetType": "On"}).to_string())).await;
    assert_eq!(told(&answer), (412, "Base.1.18.PreconditionFailed"));
    assert_eq!(bmc.state().power, Power::Off);
    assert!(bmc.requests().last().unwrap().if_match.is_some());
}

#[tokio::test]
async fn a_pending_job_refuses_an_import_with_nothing_to_read() {
    let fleet = Fleet::start().await.unwrap();
    let (bmc, redfish) = start(&fleet, Personality::Idrac8).await;
    bmc.set_jobs_refused(true);
    let import = "/redfish/v1/Managers/iDRAC.Embedded.1/Actions/Oem/EID_674_Manager.ImportSystemConfiguration";
    let answer = redfish.post(import, json!({"ShareParameters": {"Target": "ALL"}, "ImportBuffer": ""})).await;
    assert_eq!((answer.status, answer.body), (503, Value::Null));
    assert_eq!(bmc.state().tasks, []);
}

#[tokio::test]
async fn a_detached_idrac_says_inserted_and_maps_nothing() {
    let fleet = Fleet::start().await.unwrap();
    let (bmc, redfish) = start(&fleet, Personality::Idrac9).await;
    let images = Images::start().await;
    bmc.set_media_enabled(false);
    let insert = format!("{DELL_CD}/Actions/VirtualMedia.InsertMedia");
    assert_eq!(redfish.post(&insert, json!({"Image": images.url()})).await.status, 204);
    assert_eq!(redfish.get(DELL_CD).await.body["Inserted"], json!(true));
    assert!(!bmc.state().slots[0].inserted);
    let attributes = "/redfish/v1/Managers/iDRAC.Embedded.1/Oem/Dell/DellAttributes/iDRAC.Embedded.1";
    let attach = json!({"Attributes": {"VirtualMedia.1.Attached": "AutoAttach"}});
    assert_eq!(redfish.patch(attributes, attach).await.status, 200);
    assert!(bmc.state().slots[0].inserted);
}

#[tokio::test]
async fn an_ilo_ejects_by_itself_at_the_second_reset() {
    let fleet = Fleet::start().await.unwrap();
    for personality in [Personality::Ilo4, Personality::Ilo5, Personality::Ilo6] {
        let (bmc, redfish) = start(&fleet, personality).await;
        let images = Images::start().await;
        let key = if personality == Personality::Ilo4 { "Hp" } else { "Hpe" };
        // The image and the flag in one body is what the old plugin sent (redfish-vendors 1.3).
        let both = json!({"Image": images.url(), "Oem": {key: {"BootOnNextServerReset": true}}});
        assert_eq!(redfish.patch(ILO_CD, both).await.status, 200, "{personality}");
        assert_eq!(bmc.state().boot_once.as_deref(), Some("BootOnNextServerReset"));
        assert_eq!(redfish.get(ILO_CD).await.body["Oem"][key]["BootOnNextServerReset"], json!(true));
        bmc.set_power(true);
        for (boot, image) in [(1, Some(images.url())), (2, None)] {
            let reset = format!("{ILO_SYSTEM}/Actions/ComputerSystem.Reset");
            redfish.post(&reset, json!({"ResetType": "ForceRestart"})).await;
            let state = until(&bmc, |state| state.boots.len() == boot).await;
            assert_eq!((&state.boots[boot - 1].image, &state.slots[1].image), (&image, &image), "{personality}");
        }
    }
}

#[tokio::test]
async fn an_ilo_takes_its_own_action_at_its_own_place() {
    let fleet = Fleet::start().await.unwrap();
    let images = Images::start().await;
    for personality in [Personality::Ilo4, Personality::Ilo5, Personality::Ilo6] {
        let (bmc, redfish) = start(&fleet, personality).await;
        let own = redfish.get(ILO_CD).await.body["Oem"].as_object().unwrap().values().next().unwrap().clone();
        let target = |end: &str| {
            let actions = own["Actions"].as_object().unwrap();
            let (_, action) = actions.iter().find(|(name, _)| name.ends_with(end)).unwrap();
            action["target"].as_str().unwrap().to_owned()
        };
        let insert = redfish.post(&target("InsertVirtualMedia"), json!({"Image": images.url()})).await;
        assert!(insert.status == 200 && insert.message_id().ends_with(".Success"), "{personality}");
        assert!(bmc.state().slots[1].inserted);
        assert_eq!(redfish.post(&target("EjectVirtualMedia"), json!({})).await.status, 200);
        assert!(!bmc.state().slots[1].inserted);
    }
}

#[tokio::test]
async fn an_ilo_4_takes_its_action_by_name() {
    let fleet = Fleet::start().await.unwrap();
    let (bmc, redfish) = start(&fleet, Personality::Ilo4).await;
    let images = Images::start().await;
    let insert = json!({"Action": "InsertVirtualMedia", "Target": "/Oem/Hp", "Image": images.url()});
    assert_eq!(redfish.post(ILO_CD, insert).await.status, 200);
    assert!(bmc.state().slots[1].inserted);
}

#[tokio::test]
async fn an_ilo_wants_a_body_and_no_boot_settings_during_post() {
    let fleet = Fleet::start().await.unwrap();
    let (bmc, redfish) = start(&fleet, Personality::Ilo5).await;
    bmc.mount_foreign("http://h/other.iso");
    let eject = format!("{ILO_CD}/Actions/VirtualMedia.EjectMedia");
    let answer = send(redfish.request(Method::POST, &eject)).await;
    assert_eq!(told(&answer), (400, "Base.1.4.MalformedJSON"));
    assert!(bmc.state().slots[1].inserted);
    bmc.set_post(true);
    let boot = json!({"Boot": {"BootSourceOverrideEnabled": "Once", "BootSourceOverrideTarget": "Cd"}});
    let answer = redfish.patch(ILO_SYSTEM, boot.clone()).await;
    assert_eq!(told(&answer), (400, "iLO.2.15.UnableToModifyDuringSystemPOST"));
    bmc.set_post(false);
    assert_eq!(redfish.patch(ILO_SYSTEM, boot).await.status, 200);
}

#[tokio::test]
async fn a_megarac_lists_slots_a_while_after_they_were_switched_on_and_configured() {
    let fleet = Fleet::start().await.unwrap();
    for (personality, manager, configured) in
        [(Personality::MegaRac, "/redfish/v1/Managers/Self", 0), (Personality::DgxH100, "/redfish/v1/Managers/BMC", 4)]
    {
        let (bmc, redfish) = start(&fleet, personality).await;
        let shown = async || redfish.get(manager).await.body["Oem"]["Ami"]["VirtualMedia"].clone();
        let slots = async || redfish.get(&format!("{manager}/VirtualMedia")).await.body["Members"].clone();
        let act = async |action: &str, body: Value| {
            let answer = redfish.post(&format!("{manager}/Actions/Oem/AMIVirtualMedia.{action}"), body).await;
            (answer.status, answer.message_id().rsplit('.').next().unwrap_or_default().to_owned())
        };
        let told = |status, name: &str| (status, name.to_owned());
        assert_eq!(shown().await, json!({"CDInstances": configured, "RMediaStatus": "Disabled"}), "{personality}");
        assert_eq!(slots().await, json!([]), "{personality}");
        assert_eq!(act("ConfigureCDInstance", json!({"CDInstance": 1})).await, told(400, "ServiceDisabled"));
        assert_eq!(act("EnableRMedia", json!({"RMediaState": "On"})).await, told(400, "PropertyValueNotInList"));

        assert_eq!(act("EnableRMedia", json!({"RMediaState": "Enable"})).await, told(200, "Success"));
        assert_eq!(shown().await["RMediaStatus"], "Disabled", "{personality}: not yet");
        while shown().await["RMediaStatus"] == "Disabled" {}
        assert_eq!(act("EnableRMedia", json!({"RMediaState": "Enable"})).await, told(400, "SupportEnabled"));
        assert_eq!(slots().await == json!([]), configured == 0, "{personality}");
        assert_eq!(act("ConfigureCDInstance", json!({"CDInstance": 1})).await, told(200, "Success"));
        assert_ne!(slots().await, json!([]), "{personality}");

        bmc.mount_foreign("http://h/other.iso");
        assert_eq!(act("EnableRMedia", json!({"RMediaState": "Disable"})).await, told(400, "ActionInProgress"));
        bmc.eject_all();
        assert_eq!(act("EnableRMedia", json!({"RMediaState": "Disable"})).await, told(200, "Success"));
        assert_eq!(slots().await, json!([]), "{personality}");
    }
}

#[tokio::test]
async fn an_xcc_takes_no_patch_without_the_etag_of_what_it_changes() {
    let fleet = Fleet::start().await.unwrap();
    for (personality, id) in [(Personality::Xcc, "Base.1.8"), (Personality::Xcc2, "Base.1.12")] {
        let (_, redfish) = start(&fleet, personality).await;
        for path in ["/redfish/v1/Systems/1", "/redfish/v1/Systems/1/VirtualMedia/EXT1"] {
            let without = redfish.patch(path, json!({})).await;
            assert_eq!(told(&without), (428, format!("{id}.PreconditionRequired").as_str()), "{personality} {path}");
            let outdated = redfish.request(Method::PATCH, path).header("If-Match", "\"0\"").body("{}");
            let answer = send(outdated).await;
            assert_eq!(told(&answer), (412, format!("{id}.PreconditionFailed").as_str()), "{personality} {path}");
        }
    }
}

#[tokio::test]
async fn a_supermicro_lists_eject_while_it_holds_an_image_and_names_that_afterwards() {
    let fleet = Fleet::start().await.unwrap();
    let (bmc, redfish) = start(&fleet, Personality::SupermicroX12).await;
    let slot = "/redfish/v1/Managers/1/VirtualMedia/VirtualMedia1";
    let shown = async || redfish.get(slot).await.body;
    assert!(shown().await["Actions"]["#VirtualMedia.EjectMedia"].is_null());
    bmc.mount_foreign("http://h/other.iso");
    assert!(shown().await["Actions"]["#VirtualMedia.EjectMedia"].is_object());
    bmc.eject_all();
    let empty = shown().await;
    assert_eq!((&empty["Image"], &empty["Inserted"]), (&json!("http://h/other.iso"), &json!(false)));
    assert_eq!(empty["ConnectedVia"], "NotConnected");
    assert!(empty["Actions"]["#VirtualMedia.EjectMedia"].is_null());
}

#[tokio::test]
async fn a_supermicro_takes_a_boot_device_without_a_mode_and_sets_the_mode_back() {
    let fleet = Fleet::start().await.unwrap();
    for personality in [Personality::SupermicroX12, Personality::SupermicroX13] {
        let (bmc, redfish) = start(&fleet, personality).await;
        for (boot, mode) in [
            (json!({"BootSourceOverrideMode": "UEFI"}), "UEFI"),
            (json!({"BootSourceOverrideEnabled": "Once", "BootSourceOverrideTarget": "UsbCd"}), "Legacy"),
        ] {
            assert_eq!(redfish.patch_any("/redfish/v1/Systems/1", json!({"Boot": boot})).await.status, 200);
            assert_eq!(bmc.state().boot_mode, mode, "{personality}");
        }
        assert_eq!(bmc.state().boot_once.as_deref(), Some("UsbCd"), "{personality}");
    }
}

#[tokio::test]
async fn no_licence_is_told_before_anything_is_fetched() {
    let fleet = Fleet::start().await.unwrap();
    let images = Images::start().await;
    let insert = |cd: &str| format!("{cd}/Actions/VirtualMedia.InsertMedia");
    for (personality, cd, told) in [
        (Personality::Idrac9, DELL_CD, (400, "Base.1.12.InternalError")),
        (Personality::Ilo5, ILO_CD, (400, "iLO.2.15.LicenseKeyRequired")),
    ] {
        let (bmc, redfish) = start(&fleet, personality).await;
        bmc.set_licensed(false);
        let answer = redfish.post(&insert(cd), json!({"Image": images.url()})).await;
        assert_eq!((answer.status, answer.message_id()), told);
        assert_eq!(bmc.state().fetches, []);
    }
    assert_eq!(images.server.requests(), 0);
}

#[tokio::test]
async fn an_ilo_whose_virtual_media_is_off_shows_its_slots_and_says_so() {
    let fleet = Fleet::start().await.unwrap();
    let (bmc, redfish) = start(&fleet, Personality::Ilo5).await;
    let images = Images::start().await;
    bmc.set_media_enabled(false);
    assert_eq!(redfish.get(ILO_CD).await.status, 200);
    let answer =
        redfish.post(&format!("{ILO_CD}/Actions/VirtualMedia.InsertMedia"), json!({"Image": images.url()})).await;
    assert_eq!(told(&answer), (400, "iLO.2.15.VirtualMediaIsDisabled"));
    assert_eq!(images.server.requests(), 0);
}

#[tokio::test]
async fn a_busy_bmc_says_so_in_its_own_words_for_as_many_requests_as_it_was_told() {
    let fleet = Fleet::start().await.unwrap();
    for (personality, system, busy) in [
        (Personality::Generic, "/redfish/v1/Systems/1", (503, "Base.1.15.ServiceTemporarilyUnavailable")),
        (Personality::Idrac9, DELL_SYSTEM, (500, "IDRAC.2.8.SYS518")),
    ] {
        let (bmc, redfish) = start(&fleet, personality).await;
        bmc.set_busy(2);
        for _ in 0..2 {
            assert_eq!(told(&redfish.get(system).await), busy, "{personality}");
        }
        assert_eq!(redfish.get(system).await.status, 200, "{personality}");
    }
}

#[tokio::test]
async fn an_image_that_is_gone_is_shown_for_as_many_reads_as_it_was_left_and_no_other_is_taken_meanwhile() {
    let fleet = Fleet::start().await.unwrap();
    let (bmc, redfish) = start(&fleet, Personality::Generic).await;
    let images = Images::start().await;
    bmc.leave_ejected("http://h/gone.iso", 1, 2);
    assert!(!bmc.state().slots[0].inserted);
    let cd = "/redfish/v1/Systems/1/VirtualMedia/Cd";
    for shown in [Value::Null, json!("http://h/gone.iso")] {
        assert_eq!(redfish.get(cd).await.body["Image"], shown);
    }
    let insert = format!("{cd}/Actions/VirtualMedia.InsertMedia");
    let answer = redfish.post(&insert, json!({"Image": images.url()})).await;
    assert_eq!(told(&answer), (503, "Base.1.15.ServiceTemporarilyUnavailable"));
    assert_eq!(redfish.get(cd).await.body["Image"], Value::Null);
    assert_eq!(redfish.post(&insert, json!({"Image": images.url()})).await.status, 204);
}

#[tokio::test]
async fn somebody_at_the_machine_boots_what_is_set_and_then_the_disk() {
    let fleet = Fleet::start().await.unwrap();
    let (bmc, _) = start(&fleet, Personality::Generic).await;
    bmc.set_boot_once("Pxe");
    assert_eq!([bmc.boot(), bmc.boot()], [Some(Device::Pxe), Some(Device::Disk)]);
    assert_eq!(bmc.state().power, Power::On);
}
