//! Every action of the old `ipmi` provider, and ours, in every mode: which answer, and which are a clear refusal.

use drp_virtual_media_sim::bmc::Personality;
use drp_virtual_media_sim::console::{self, Console};
use serde_json::{Value, json};

use crate::programs::Programs;
use crate::site::Site;

/// Modes in which everything is done.
const MEDIA: &[&str] = &["redfish", "racadm", "racadmn"];
/// Modes that speak with a BMC.
const BMC: &[&str] = &["redfish", "racadm", "racadmn", "ipmitool"];
const ALL: &[&str] = &["redfish", "racadm", "racadmn", "ipmitool", "lpar"];

/// An action, the parameters of its caller, the modes that do it, and whether its answer there is as it must be.
type Row = (&'static str, Value, &'static [&'static str], fn(&Value) -> bool);

/// Called in this order on a machine that is off and has nothing mounted.
fn rows() -> Vec<Row> {
    let members: fn(&Value) -> bool = |list| list.as_array().is_some_and(|list| !list.is_empty());
    let told: fn(&Value) -> bool = |object| object.as_object().is_some_and(|object| !object.is_empty());
    let none = || json!({});
    vec![
        ("powerstatus", none(), ALL, |state| *state == "Off"),
        ("poweron", none(), ALL, |done| *done == json!({"PowerState": "On", "ResetType": "On"})),
        ("poweron", none(), ALL, |done| *done == json!({"PowerState": "On", "ResetType": null})),
        ("powercycle", none(), ALL, |done| *done == json!({"PowerState": "On", "ResetType": "PowerCycle"})),
        ("status", none(), ALL, is_status),
        ("getInfo", none(), ALL, told),
        ("getBios", none(), &["redfish"], told),
        ("getSecureBoot", none(), MEDIA, told),
        ("getBoot", none(), BMC, |boot| boot["BootSourceOverrideTarget"].is_string()),
        ("getMemory", none(), MEDIA, members),
        ("getStorage", none(), MEDIA, members),
        ("getSimpleStorage", none(), MEDIA, members),
        ("getProcessor", none(), MEDIA, members),
        ("getNetworkInterfaces", none(), MEDIA, members),
        ("getEthernetInterfaces", none(), MEDIA, members),
        ("nextbootcd", none(), BMC, |set| *set == json!({"BootDevice": "Cd", "Enabled": "Once"})),
        ("nextbootpxe", json!({"detected-bios-mode": "uefi"}), BMC, |set| {
            *set == json!({"BootDevice": "Pxe", "Enabled": "Once"})
        }),
        ("nextbootdisk", none(), BMC, |set| *set == json!({"BootDevice": "Hdd", "Enabled": "Once"})),
        ("forcebootpxe", none(), BMC, |set| *set == json!({"BootDevice": "Pxe", "Enabled": "Continuous"})),
        ("forcebootdisk", none(), BMC, |set| *set == json!({"BootDevice": "Hdd", "Enabled": "Continuous"})),
        ("identify", none(), BMC, |lit| lit["Light"] == "On"),
        ("identify", json!({"ipmi/identify-duration": 0}), BMC, |lit| *lit == json!({"Light": "Off", "Seconds": null})),
        ("statusVirtualMedia", none(), MEDIA, is_empty),
        // Asks no BMC, so every mode has it.
        ("generateVirtualMedia", none(), ALL, |made| made["Size"].as_u64() > Some(0)),
        ("mountVirtualMedia", none(), MEDIA, |mounted| {
            mounted["Inserted"] == true && mounted["Image"].as_str().is_some_and(|image| image.ends_with("/boot.iso"))
        }),
        ("statusVirtualMedia", none(), MEDIA, |media| media["Inserted"] == true),
        ("unmountVirtualMedia", none(), MEDIA, is_empty),
        ("unmountVirtualMedia", none(), MEDIA, is_empty),
        ("bootVirtualMedia", none(), MEDIA, |booted| booted["BootOnce"] == true && booted["PowerState"] == "On"),
        ("unmountVirtualMedia", none(), MEDIA, is_empty),
        ("poweroff", none(), ALL, |done| *done == json!({"PowerState": "Off", "ResetType": "ForceOff"})),
        ("powercycle", none(), ALL, |done| *done == json!({"PowerState": "On", "ResetType": "On"})),
    ]
}

/// The keys that scripts know from Redfish, in every mode; what one adds in its own words does not count.
fn is_status(status: &Value) -> bool {
    let keys = [
        "State",
        "Status",
        "ProcessorStatus",
        "MemoryStatus",
        "EthernetStatus",
        "StorageStatus",
        "SimpleStorageStatus",
    ];
    let boot = ["BootSourceOverrideEnabled", "BootSourceOverrideTarget", "BootSourceOverrideMode"];
    status["PowerState"] == "On"
        && keys.iter().all(|key| status.get(key).is_some())
        && boot.iter().all(|key| status["Boot"].get(key).is_some())
}

fn is_empty(media: &Value) -> bool {
    *media == json!({"Image": "", "Inserted": false})
}

/// A machine that is spoken with in this mode.
async fn machine(site: &Site, mode: &str, console: &Console) -> String {
    let (machine, _) = site.machine_without_request(Personality::Idrac9).await;
    let (user, password) = if mode == "lpar" { (console::USERNAME, console::PASSWORD) } else { ("root", "calvin") };
    let mut params = vec![("ipmi/mode", json!(mode))];
    if mode != "redfish" {
        params.extend([("ipmi/username", json!(user)), ("ipmi/password", json!(password))]);
        params
            .extend([("ipmi/port-lpar", json!(console.address().port())), ("ipmi/lpar-id", json!(console::PARTITION))]);
    }
    for (name, value) in params {
        site.server.set_param(&machine, name, value).unwrap();
    }
    machine
}

#[tokio::test(flavor = "multi_thread")]
async fn each_action_answers_in_every_mode_that_can_and_is_refused_with_the_way_out_in_every_other() {
    for mode in ALL {
        let (programs, console) = (Programs::new(), Console::start().await.unwrap());
        let site = programs.site().await;
        let machine = machine(&site, mode, &console).await;
        let mut refused = 0;
        for (command, params, modes, is_right) in rows() {
            let case = format!("{command} in mode {mode}");
            let answer = site.server.action(&machine, command, params).await;
            if modes.contains(mode) {
                let answer = answer.unwrap_or_else(|error| panic!("{case}: {error}"));
                assert!(is_right(&answer), "{case}: {answer}");
                continue;
            }
            let error = answer.expect_err(&case);
            assert_eq!((error.code, error.messages.len()), (404, 1), "{case}: {error}");
            let told = &error.messages[0];
            let in_mode = format!("cannot be asked for that in mode {}", mode.trim_end_matches('n'));
            for part in ["m.example.net", &machine, "BMC 127.0.0.1", &in_mode, "set ipmi/mode to redfish"] {
                assert!(told.contains(part), "{case}: {part:?} is not in {told:?}");
            }
            site.until_told(told).await;
            refused += 1;
        }
        assert_eq!(site.times_told("cannot be asked"), refused, "{mode}: one line in the log for each");
        assert_eq!(console.sessions().0, 0, "{mode}: a session is left on the console");
        site.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_action_of_the_provider_is_missing_here() {
    let site = Site::start().await;
    let provider = site.server.object("plugin_providers", "virtual-media");
    let offered = provider["AvailableActions"].as_array().unwrap().iter();
    let mut offered: Vec<&str> = offered.map(|action| action["Command"].as_str().unwrap()).collect();
    offered.sort_unstable();
    let mut known: Vec<&str> = rows().iter().map(|row| row.0).collect();
    known.sort_unstable();
    known.dedup();
    assert_eq!(offered, known);
    site.end().await;
}
