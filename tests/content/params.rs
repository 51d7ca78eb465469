//! The Params against the code that reads them.

use std::collections::BTreeSet;

use drp_virtual_media::actions;
use drp_virtual_media::bmc::Vendor;
use drp_virtual_media::machine::{IsoDelivery, Params, PowerOnTransition, ServeTerms, params as p};
use serde_json::{Map, Value, json};

use crate::bundle::{PROVIDERS, bundle, section, texts};

/// Params that only the pack itself reads and writes.
const OF_THE_PACK: [&str; 1] = ["virtual-media/inventory"];

/// Params of the old provider that the server reads, and nobody else any more.
const OF_THE_SERVER: [&str; 1] = ["ipmi/auto-boot-target"];

/// The names that the code knows.
fn named_in_code(prefix: &str) -> BTreeSet<String> {
    let code = include_str!("../../src/machine/params.rs");
    let names = code.split("&str = \"").skip(1).map(|rest| rest.split('"').next().unwrap());
    names.filter(|name| name.starts_with(prefix)).map(str::to_owned).collect()
}

fn defined(provider: &str, prefix: &str) -> BTreeSet<String> {
    let bundle = bundle(provider);
    section(&bundle, "params").keys().filter(|name| name.starts_with(prefix)).cloned().collect()
}

fn with(names: BTreeSet<String>, more: &[&str]) -> BTreeSet<String> {
    names.into_iter().chain(more.iter().map(ToString::to_string)).collect()
}

fn schema(name: &str) -> Value {
    section(&bundle("ipmi"), "params").get(name).unwrap_or_else(|| panic!("{name}"))["Schema"].clone()
}

#[test]
fn every_param_of_ours_is_defined_and_nothing_else() {
    for provider in PROVIDERS {
        assert_eq!(defined(provider, "virtual-media/"), with(named_in_code("virtual-media/"), &OF_THE_PACK));
        let all = section(&bundle(provider), "params").len();
        assert_eq!(all, defined(provider, "virtual-media/").len() + defined(provider, "ipmi/").len());
    }
}

#[test]
fn every_param_that_is_read_or_defined_has_its_row_in_the_reference() {
    let reference = include_str!("../../docs/reference.md");
    let rows: Vec<_> = reference.lines().filter(|line| line.starts_with("| `")).collect();
    let named = with(named_in_code(""), &OF_THE_PACK);
    for name in named {
        // A parameter's name is in the first column.
        let is_there = rows.iter().any(|row| row.split(" | ").next().unwrap().contains(&format!("`{name}`")));
        assert!(is_there, "docs/reference.md has no row of {name}");
    }
}

#[test]
fn the_old_providers_params_are_defined_in_its_place_alone() {
    assert_eq!(defined("ipmi", "ipmi/"), with(named_in_code("ipmi/"), &OF_THE_SERVER));
    for beside in ["virtual-media", "Lab media_2"] {
        assert_eq!(defined(beside, "ipmi/"), BTreeSet::new());
    }
}

#[test]
fn every_schema_is_one_and_takes_its_default() {
    for (name, param) in section(&bundle("ipmi"), "params") {
        let schema = &param["Schema"];
        assert!(jsonschema::draft4::meta::is_valid(schema), "{name}");
        let validator = jsonschema::draft4::new(schema).unwrap();
        if let Some(default) = schema.get("default") {
            assert!(validator.is_valid(default), "{name}");
        }
        assert_eq!(param.get("Secure").is_some(), [p::PASSWORD, p::SERVE_KEY].contains(&name.as_str()), "{name}");
    }
}

#[test]
fn what_the_plugin_object_may_set_has_no_default_that_hides_it() {
    for name in actions::DEFAULTS {
        assert_eq!(schema(name).get("default"), None, "{name}: a server fills it in for every machine");
    }
}

#[test]
fn schemas_have_the_limits_of_the_code() {
    type Read = fn(&Params, &'static str) -> bool;
    let seconds: Read = |params, name| params.seconds(name).is_ok();
    let milliseconds: Read = |params, name| params.milliseconds(name).is_ok();
    let port: Read = |params, name| params.port(name).is_ok();
    let seconds_from_zero: Read = |params, name| params.seconds_from_zero(name).is_ok();
    let port_or_zero: Read = |params, name| params.port_or_zero(name).is_ok();
    let mebibytes: Read = |params, name| params.mebibytes(name).is_ok();
    for (name, taken) in [
        (p::REQUEST_TIMEOUT, seconds),
        (p::ACTION_TIMEOUT, seconds),
        (p::MOUNT_TIMEOUT, seconds),
        (p::POLL_INTERVAL, milliseconds),
        (p::PORT_REDFISH, port),
        (p::PORT_IPMITOOL, port),
        (p::PORT_RACADM, port),
        (p::PORT_LPAR, port),
        (p::BOOT_TIMEOUT, seconds),
        (p::BOOT_STALL, seconds),
        (p::SERVE_MAX_AGE, seconds_from_zero),
        (p::SERVE_HTTP_PORT, port_or_zero),
        (p::SERVE_HTTPS_PORT, port_or_zero),
        (p::CACHE_LIMIT, mebibytes),
        (p::IMAGES_LIMIT, mebibytes),
    ] {
        let schema = schema(name);
        assert_eq!(schema["type"], "integer", "{name}");
        let (least, most) = (schema["minimum"].as_i64().unwrap(), schema["maximum"].as_i64().unwrap());
        for (value, expected) in [(least, true), (most, true), (least - 1, false), (most + 1, false)] {
            let params = Params::new(Map::from_iter([(name.to_owned(), value.into())]));
            assert_eq!(taken(&params, name), expected, "{name} {value}");
        }
    }
}

#[test]
fn schemas_have_the_words_of_the_code() {
    for word in texts(&schema(p::POWER_ON_TRANSITION), "enum") {
        let params = Params::new(Map::from_iter([(p::POWER_ON_TRANSITION.to_owned(), word.into())]));
        assert!(PowerOnTransition::from_params(&params).is_ok(), "{word}");
    }
    for (name, read) in [
        (p::ISO_DELIVERY, (|params| IsoDelivery::from_params(params).is_ok()) as fn(&Params) -> bool),
        (p::IMAGE_SCHEME, |params| ServeTerms::from_params(params).is_ok()),
        (p::SERVE_CLIENTS, |params| ServeTerms::from_params(params).is_ok()),
    ] {
        for word in texts(&schema(name), "enum") {
            assert!(read(&Params::new(Map::from_iter([(name.to_owned(), word.into())]))), "{name} {word}");
        }
    }
    let vendors = Vendor::ALL.map(|vendor| format!("redfish-{vendor}"));
    let others = ["redfish", "ipmitool", "racadm", "racadmn", "lpar"].map(str::to_owned);
    let modes: BTreeSet<String> = vendors.into_iter().chain(others).collect();
    assert_eq!(texts(&schema(p::MODE), "enum").into_iter().map(str::to_owned).collect::<BTreeSet<_>>(), modes);
}

#[test]
fn a_state_and_an_inventory_are_objects() {
    for name in [p::STATE, OF_THE_PACK[0]] {
        assert_eq!(schema(name), json!({"type": "object"}));
    }
}
