//! `plugin-manifest/openrpc.json` against the code and the real binary: neither says what the other does not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "wire/host.rs"]
mod host;

use std::collections::BTreeSet;

use drp_virtual_media::wire::stdio::{Code, Method, Notification};
use drp_virtual_media_sim::bmc::{Bmc, Fleet, Personality};
use serde_json::{Map, Value, json};

use crate::host::{INITIALIZE, Plugin, call, quick};

fn document() -> Value {
    serde_json::from_str(include_str!("../plugin-manifest/openrpc.json")).unwrap()
}

fn methods(document: &Value, tag: &str) -> Vec<Value> {
    let methods = document["methods"].as_array().unwrap();
    methods.iter().filter(|method| method["tags"] == json!([{ "name": tag }])).cloned().collect()
}

fn names(methods: &[Value]) -> Vec<&str> {
    methods.iter().map(|method| method["name"].as_str().unwrap()).collect()
}

/// Checks a value against a schema of the document.
fn check(document: &Value, schema: &Value, value: &Value, what: &str) {
    let whole = json!({
        "$schema": "http://json-schema.org/draft-07/schema#", "components": document["components"], "allOf": [schema]
    });
    let validator = jsonschema::validator_for(&whole).unwrap();
    let errors: Vec<String> =
        validator.iter_errors(value).map(|error| format!("{} at {}", error, error.instance_path())).collect();
    assert!(errors.is_empty(), "{what}: {errors:?} in {value}");
}

/// Checks params by name against a method's content descriptors; `config` takes others than those described.
fn check_params(document: &Value, method: &Value, params: &Value) {
    let descriptors = method["params"].as_array().unwrap();
    let properties: Map<String, Value> = descriptors
        .iter()
        .map(|descriptor| (descriptor["name"].as_str().unwrap().to_owned(), descriptor["schema"].clone()))
        .collect();
    let required: Vec<_> =
        descriptors.iter().filter(|descriptor| descriptor["required"] == true).map(|one| &one["name"]).collect();
    let schema = json!({
        "type": "object", "properties": properties, "required": required,
        "additionalProperties": method["name"] == "config"
    });
    check(document, &schema, params, &format!("params of {}", method["name"]));
}

/// The error object that the document has for a code.
fn error_of<'a>(document: &'a Value, code: &Value) -> &'a Value {
    let errors = document["components"]["errors"].as_object().unwrap();
    errors.values().find(|error| error["code"] == *code).unwrap_or_else(|| panic!("{code} is not described"))
}

/// Checks an error answer; `InvalidParams` has data for one of its causes only.
fn check_error(document: &Value, error: &Value) {
    let described = error_of(document, &error["code"]);
    match (described.get("x-data"), error.get("data")) {
        (Some(schema), Some(data)) => check(document, schema, data, "error data"),
        (None, None) => {}
        (Some(_), None) => assert_eq!(error["code"], -32602, "{error}"),
        (None, Some(data)) => panic!("{data} is not described"),
    }
}

#[test]
fn it_lists_the_methods_and_notifications_of_the_code() {
    let document = document();
    let to_plugin = methods(&document, "to-plugin");
    assert_eq!(names(&to_plugin), Method::ALL.map(Method::name));
    let to_server = methods(&document, "to-server");
    assert_eq!(names(&to_server), Notification::ALL.map(Notification::method));
    assert_eq!(to_plugin.len() + to_server.len(), document["methods"].as_array().unwrap().len());
    // By OpenRPC, what has no result is a notification.
    assert!(to_plugin.iter().all(|method| method["result"].is_object()));
    assert!(to_server.iter().all(|method| method.get("result").is_none()));
}

#[test]
fn it_lists_the_error_codes_of_the_code() {
    let document = document();
    let errors = document["components"]["errors"].as_object().unwrap();
    let described: BTreeSet<_> = errors.values().map(|error| error["code"].as_i64().unwrap()).collect();
    assert_eq!(described, Code::ALL.into_iter().map(|code| i64::from(code.number())).collect());
    assert_eq!(errors.len(), Code::ALL.len());
    let references = document["methods"].as_array().unwrap().iter().filter_map(|method| method["errors"].as_array());
    for reference in references.flatten() {
        let pointer = reference["$ref"].as_str().unwrap().trim_start_matches('#');
        assert!(document.pointer(pointer).is_some(), "{pointer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn its_examples_are_what_the_plugin_answers() {
    let document = document();
    let fleet = Fleet::start().await.unwrap();
    let bmc = fleet.add(Personality::Generic).await.unwrap();
    bmc.set_power(true);
    let mut examples = 0;
    for method in methods(&document, "to-plugin") {
        for example in method["examples"].as_array().unwrap() {
            run_example(&document, &method, example, &bmc);
            examples += 1;
        }
    }
    assert!(examples >= Method::ALL.len());
    fleet.shutdown().await;
}

fn run_example(document: &Value, method: &Value, example: &Value, bmc: &Bmc) {
    let name = method["name"].as_str().unwrap();
    let given = example["params"].as_array().unwrap().iter();
    let params = given.map(|param| (param["name"].as_str().unwrap().to_owned(), param["value"].clone()));
    let mut params = Value::Object(params.collect());
    if example.get("x-error").is_none() || name != "initialize" {
        check_params(document, method, &params);
    }
    point_to(bmc, &mut params);

    let mut plugin = Plugin::start();
    if name != "initialize" {
        plugin.line(INITIALIZE);
        plugin.answer_to("hello");
    }
    plugin.line(&call(1, name, &params));
    plugin.close_stdin();
    let answer = plugin.answer_to(1);
    match (&example["result"]["value"], example.get("x-error")) {
        (_, Some(expected)) => {
            check_error(document, &answer["error"]);
            assert!(holds(&answer["error"], expected), "{name}: {answer}");
        }
        (expected, None) => {
            let schema = &method["result"]["schema"];
            check(document, schema, expected, name);
            check(document, schema, &answer["result"], name);
            assert!(answer.get("result").is_some_and(|result| holds(result, expected)), "{name}: {answer}");
        }
    }
    assert_eq!(plugin.exit_code(), Some(0));
}

/// Puts the simulated BMC in the place of the one in an example.
fn point_to(bmc: &Bmc, params: &mut Value) {
    let Some(params) = params["Params"].as_object_mut().filter(|params| params.contains_key("ipmi/address")) else {
        return;
    };
    params.insert("ipmi/address".to_owned(), bmc.address().ip().to_string().into());
    params.insert("ipmi/port-redfish".to_owned(), bmc.address().port().into());
    params.insert("ipmi/username".to_owned(), bmc.username().into());
    params.insert("ipmi/password".to_owned(), bmc.password().into());
}

/// Whether a value has all that the example shows of it. A release's version and a whole content pack are nothing to show.
fn holds(value: &Value, example: &Value) -> bool {
    let not_shown = |key: &str| key.eq_ignore_ascii_case("version") || key == "Content";
    match (value, example) {
        (Value::Object(value), Value::Object(example)) => example
            .iter()
            .all(|(key, example)| value.get(key).is_some_and(|value| not_shown(key) || holds(value, example))),
        (Value::Array(values), Value::Array(examples)) => {
            examples.iter().all(|example| values.iter().any(|value| holds(value, example)))
        }
        _ => value == example,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_plugin_notifies_is_as_described() {
    let document = document();
    let fleet = Fleet::start().await.unwrap();
    let bmc = fleet.add(Personality::Generic).await.unwrap();
    let mut params = json!({
        "Command": "mountVirtualMedia",
        "Model": { "Uuid": "9f0c2a4e-1111-4222-8333-444455556666", "Name": "m1" },
        "Params": {
            "ipmi/address": "", "ipmi/virtual-media-url": "http://127.0.0.1:9/boot.iso", "ipmi/virtual-media-boot": true
        }
    });
    point_to(&bmc, &mut params);
    let mut plugin = Plugin::connected();
    plugin.line(&call(1, "action", &params));
    plugin.line(&quick(2));
    plugin.line(&call(3, "action", &json!({ "Command": "panic" })));
    plugin.line("nonsense");
    plugin.close_stdin();
    let mut seen = BTreeSet::new();
    for message in std::iter::from_fn(|| plugin.message()) {
        match message["method"].as_str() {
            Some(name) => {
                let described = methods(&document, "to-server");
                let method = described.iter().find(|method| method["name"] == name).unwrap();
                check_params(&document, method, &message["params"]);
                seen.insert(name.to_owned());
            }
            None => {
                if let Some(error) = message.get("error") {
                    check_error(&document, error);
                }
            }
        }
    }
    assert_eq!(seen, Notification::ALL.map(|one| one.method().to_owned()).into());
    fleet.shutdown().await;
}
