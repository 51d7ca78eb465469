//! Input that cannot be acted on: one clear error each, in the answer or the machine's state and in the server's log.

use drp_virtual_media_sim::bmc::Personality;
use drp_virtual_media_sim::dr_provision::DrProvision;
use drp_virtual_media_sim::dr_provision::Options;
use serde_json::{Map, Value, json};

use crate::site::{Site, images, sledgehammer};

/// A secure value that nobody opened.
fn sealed() -> Value {
    json!({"Key": "a2V5", "Nonce": "bm9uY2U=", "Payload": "cGF5bG9hZA=="})
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_with_bad_input_answers_one_clear_error() {
    let cases: [(&str, Value, u16, &str); 9] = [
        ("powerstatus", json!({"ipmi/mode": "carrier-pigeon"}), 404, "the modes are"),
        ("powerstatus", json!({"ipmi/password": sealed()}), 400, "ipmi/password arrived encrypted"),
        ("powerstatus", json!({"ipmi/password": null}), 400, "ipmi/password is missing"),
        ("bootVirtualMedia", json!({"ipmi/username": null}), 400, "ipmi/username is missing"),
        ("powerstatus", json!({"ipmi/port-redfish": 70000}), 400, "a port is a number from 1 to 65535"),
        ("powerstatus", json!({"ipmi/address": ""}), 400, "ipmi/address is missing"),
        ("powerstatus", json!({"ipmi/address": "https://10.0.0.1/"}), 400, "set ipmi/address to a host name"),
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
        assert_eq!(error.messages.len(), 1, "{command} {params}: {error}");
        site.until_told(&error.messages[0]).await;
        assert_eq!(site.times_told(&error.messages[0]), 1, "{command} {params}");
    }
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_null_is_absent_and_what_nobody_knows_is_nobodys_business() {
    let site = Site::start_with(|options| options.without_ipmi_pack().forward_undeclared()).await;
    let (machine, bmc) = site.machine(Personality::Generic).await;
    let provider = site.server.object("plugin_providers", "virtual-media");
    // A server hands no null on where a Param's schema forbids it.
    let is_ours = |name: &str| name == "ipmi/port-redfish" || !site.server.object("params", name).is_null();
    for command in ["powerstatus", "generateVirtualMedia", "bootVirtualMedia", "nextbootpxe", "identify", "getBoot"] {
        let mut actions = provider["AvailableActions"].as_array().unwrap().iter();
        let action = actions.find(|action| action["Command"] == command).unwrap();
        let optional = action["OptionalParams"].as_array().unwrap().iter().map(|name| name.as_str().unwrap());
        let nulls = optional.filter(|name| !is_ours(name)).map(|name| (name.to_owned(), Value::Null));
        let mut params: Map<String, Value> = nulls.collect();
        assert!(params.contains_key("ipmi/mode") || command == "generateVirtualMedia", "{command}: {params:?}");
        params.insert("virtual-media/bootenv".to_owned(), json!("sledgehammer"));
        params.insert("no/such".to_owned(), json!({"a": [1, null]}));
        params.insert("virtual-media/no-such".to_owned(), json!(true));
        let answer = site.server.action(&machine, command, params.into()).await;
        assert!(answer.is_ok(), "{command}: {}", answer.unwrap_err());
    }
    // On the machine itself too, whose changes the plugin follows.
    site.server.set_param(&machine, "no/such", json!({"a": [1, null]})).unwrap();
    site.server.set_bootenv(&machine, "sledgehammer").unwrap();
    site.until_phase(&machine, "Mounted").await;
    assert_eq!(images(&bmc), [site.url(&machine)]);
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_a_feature_that_the_content_needs_says_which_when_the_plugin_is_uploaded() {
    let webroot = tempfile::tempdir().unwrap();
    let options = Options::new(webroot.path()).program(env!("CARGO_BIN_EXE_virtual-media"));
    let error = DrProvision::start(options.features(["sprig"])).await.err().unwrap();
    assert!(error.to_string().contains("sane-exit-codes"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_token_is_told_in_the_answer_of_what_needs_it_and_what_needs_none_goes_on() {
    let site = Site::start().await;
    let (machine, bmc) = site.machine(Personality::Generic).await;
    site.server.action(&machine, "powerstatus", json!({})).await.unwrap();
    site.server.expire_token();
    let params = json!({"virtual-media/bootenv": "sledgehammer"});
    let error = site.server.action(&machine, "generateVirtualMedia", params).await.unwrap_err();
    assert_eq!((error.code, error.messages.len()), (502, 1), "{error}");
    for part in ["reading BootEnv sledgehammer", "401", "RS_TOKEN has expired", "restart the plugin"] {
        assert!(error.messages[0].contains(part), "{part:?} is not in {error}");
    }
    site.until_told(&error.messages[0]).await;
    // The BMC is asked with credentials of its own.
    assert_eq!(site.server.action(&machine, "powerstatus", json!({})).await.unwrap(), "Off");
    assert_eq!(images(&bmc), [""; 0]);

    let error = site.server.configure_plugin(json!({})).await.unwrap_err();
    assert!(error.to_string().contains("RS_TOKEN has expired"), "{error}");
    site.until_told("reading what the server can do").await;
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
    // Neither a kernel's template nor any of its own files.
    let mut null = sledgehammer("null");
    null["OS"]["SupportedArchitectures"]["amd64"]["BootParams"] = Value::Null;
    null["Templates"] = Value::Null;
    null["Loaders"] = Value::Null;

    let site = Site::start().await;
    for bootenv in [&without_params, &broken, &missing, &null] {
        site.server.add("bootenvs", bootenv).unwrap();
    }
    let cases = [
        ("sledgehammer", "ipmi/address", json!(null), "the parameter ipmi/address is missing"),
        ("sledgehammer", "ipmi/password", json!(null), "the parameter ipmi/password is missing"),
        ("sledgehammer", "ipmi/password", sealed(), "ipmi/password arrived encrypted"),
        ("sledgehammer", "ipmi/mode", json!("ipmitool"), "set ipmi/mode to redfish"),
        ("sledgehammer", "kernel-options", json!("a\\b"), "backslash"),
        ("null", "x", json!(1), "has no BootParams"),
        ("without-params", "x", json!(1), "has no BootParams"),
        ("broken", "x", json!(1), "NoSuchThing"),
        ("missing", "x", json!(1), "template `0ff`"),
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
        let error = site.state(&machine)["LastError"].as_str().unwrap().to_owned();
        assert!(error.contains(&machine), "{error}");
        site.until_told(&error).await;
        assert_eq!(images(&bmc), [""; 0], "{bootenv} with {param} {value}");
    }
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_without_bmc_params_is_told_so_by_action_and_by_transition() {
    // Without the old provider's Params nothing has a default: the server itself says what an action lacks.
    for (options, told) in
        [(Options::without_ipmi_pack as fn(Options) -> Options, "ipmi/address"), (|options| options, "ipmi/username")]
    {
        let site = Site::start_with(options).await;
        let machine = site.server.add_machine(&json!({"Name": "bare.example.net", "BootEnv": "local"})).unwrap();
        site.server.set_param(&machine, "boot-virtual-iso", json!(true)).unwrap();
        let error = site.server.action(&machine, "bootVirtualMedia", json!({})).await.unwrap_err();
        assert_eq!(error.code, 400);
        assert!(error.to_string().contains(&format!("Missing Parameter {told}")), "{error}");

        site.server.set_bootenv(&machine, "sledgehammer").unwrap();
        let missing = "the parameter ipmi/address is missing; set it on the machine or one of its profiles";
        site.until_state(&machine, |state| state["LastError"].as_str().is_some_and(|error| error.contains(missing)))
            .await;
        site.until_told(site.state(&machine)["LastError"].as_str().unwrap()).await;
        assert!(!site.image(&machine).exists());
        site.end().await;
    }
}
