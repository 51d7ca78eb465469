//! Input that cannot be acted on: one clear error each, in the answer or the machine's state and in the server's log.

use drp_virtual_media_sim::bmc::Personality;
use drp_virtual_media_sim::dr_provision::Options;
use serde_json::{Value, json};

use crate::site::{Site, images, sledgehammer};

#[tokio::test(flavor = "multi_thread")]
async fn an_action_with_bad_input_answers_one_clear_error() {
    let sealed = json!({"Key": "a2V5", "Nonce": "bm9uY2U=", "Payload": "cGF5bG9hZA=="});
    let cases: [(&str, Value, u16, &str); 6] = [
        ("powerstatus", json!({"ipmi/mode": "carrier-pigeon"}), 404, "the modes are"),
        ("powerstatus", json!({"ipmi/password": sealed}), 400, "arrived encrypted"),
        ("powerstatus", json!({"ipmi/port-redfish": 70000}), 400, "a port is a number from 1 to 65535"),
        ("powerstatus", json!({"ipmi/address": ""}), 400, "ipmi/address is missing"),
        ("mountVirtualMedia", json!({"ipmi/virtual-media-url": "boot.iso"}), 400, "ipmi/virtual-media-url"),
        ("generateVirtualMedia", json!({"virtual-media/bootenv": "no-such"}), 400, "no BootEnv no-such"),
    ];
    // Where the old provider's Params are, the server itself refuses some of these before the plugin is asked.
    let site = Site::start_with(Options::without_ipmi_pack).await;
    let (machine, _bmc) = site.machine(Personality::Generic).await;
    for (command, params, code, told) in cases {
        let error = site.server.action(&machine, command, params.clone()).await.unwrap_err();
        assert_eq!(error.code, code, "{command} {params}: {error}");
        assert!(error.to_string().contains(told), "{command} {params}: {error}");
        let in_log = |line: &Value| line["Level"] == "warn" && line.to_string().contains(told);
        site.until("the server's log", |site| site.server.log_lines().iter().any(in_log)).await;
    }
    // Null is absent, and what nobody knows is nobody's business.
    let lenient = json!({"ipmi/mode": null, "no/such": {"a": 1}});
    assert!(site.server.action(&machine, "powerstatus", lenient).await.is_ok());
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transition_with_bad_input_says_so_in_the_state_and_in_the_log() {
    let mut without_params = sledgehammer("without-params");
    without_params["OS"]["SupportedArchitectures"]["amd64"]["BootParams"] = json!("");
    let mut broken = sledgehammer("broken");
    broken["OS"]["SupportedArchitectures"]["amd64"]["BootParams"] = json!("rs.uuid={{.Machine.UUID}} {{.NoSuchThing}}");
    let mut missing = sledgehammer("missing");
    missing["OS"]["SupportedArchitectures"]["amd64"]["Kernel"] = json!("0ff/vmlinuz0");

    let site = Site::start().await;
    for bootenv in [&without_params, &broken, &missing] {
        site.server.add("bootenvs", bootenv).unwrap();
    }
    let cases = [
        ("sledgehammer", "ipmi/address", json!(null), "the parameter ipmi/address is missing"),
        ("sledgehammer", "ipmi/password", json!(null), "the parameter ipmi/password is missing"),
        ("sledgehammer", "kernel-options", json!("a\\b"), "backslash"),
        ("without-params", "x", json!(1), "has no BootParams"),
        ("broken", "x", json!(1), "NoSuchThing"),
        ("missing", "x", json!(1), "0ff"),
    ];
    for (bootenv, param, value, told) in cases {
        let (machine, bmc) = site.machine(Personality::Generic).await;
        site.server
            .change_machine(&machine, |machine| {
                let params = machine["Params"].as_object_mut().unwrap();
                if value.is_null() {
                    params.remove(param);
                } else {
                    params.insert(param.to_owned(), value.clone());
                }
            })
            .unwrap();
        site.server.set_bootenv(&machine, bootenv).unwrap();
        site.until_state(&machine, |state| state["LastError"].as_str().is_some_and(|error| error.contains(told))).await;
        let in_log = |line: &Value| line["Level"] == "warn" && line.to_string().contains(told);
        site.until("the server's log", |site| site.server.log_lines().iter().any(in_log)).await;
        assert_eq!(images(&bmc), [""; 0], "{bootenv} with {param} {value}");
    }
    site.end().await;
}
