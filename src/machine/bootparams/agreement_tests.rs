//! Holds a template with Sledgehammer's arguments against the order that is built in, over many machines.
//!
//! They agree word for word wherever each value is what its name says. Where they must differ, the built-in order knows
//! better than a template can, and the last test lists it.

use proptest::prelude::*;
use serde_json::{Value, json};
use url::Url;

use super::{Delimiters, Scope, boot_params_args};
use crate::machine::{MachineUuid, Params, sledgehammer_args};

const SLEDGEHAMMER: &str = r#"rootflags=loop root=live:/sledgehammer.iso rootfstype=auto ro liveimg
    rd_NO_LUKS rd_NO_MD rd_NO_DM provisioner.web={{ .ProvisionerURL }} rs.uuid={{ .Machine.UUID }}
    {{- $all := .ComposeParam "network-data" }}
    {{- if hasKey $all "prov" }}
      {{- $net := get $all "prov" }}
      {{- if and (hasKey $net "address") (hasKey $net "netmask") }}
        provisioner.ip={{ $net.address }}/{{ .NetmaskToCIDR $net.netmask }}
      {{- end }}
      {{ if hasKey $net "gateway" }} provisioner.gw={{ $net.gateway }} {{ end }}
      {{ if hasKey $net "interface" }} provisioner.interface={{ $net.interface }} {{ end }}
      {{ if hasKey $net "vlan" }} provisioner.vlan={{ $net.vlan }} {{ end }}
      {{ if hasKey $net "mtu" }} provisioner.mtu={{ $net.mtu }} {{ end }}
    {{ end }}
    {{ if .ParamExists "dns-servers" }} provisioner.dns={{ .Param "dns-servers" | first }} {{ end }}
    {{ .Param "kernel-options" }} -- {{ .Param "kernel-console" }}"#;

/// What the template says and what is built in.
fn both(uuid: &str, params: &Value) -> (Result<String, String>, Result<String, String>) {
    const WEB: &str = "http://10.0.0.5:8091";
    let machine = json!({"Uuid": uuid, "Name": "m1", "Address": ""});
    let params = Params::new(params.as_object().unwrap().clone());
    let (compose, bootenv) = (&Params::default(), "sledgehammer");
    let delimiters = Delimiters::default();
    let scope =
        Scope { machine: &machine, bootenv, delimiters, params: &params, compose, provisioner_url: WEB, api_url: "" };
    let template = boot_params_args(SLEDGEHAMMER, &scope);
    let built_in = sledgehammer_args(MachineUuid::parse(uuid).unwrap(), &params, &Url::parse(WEB).unwrap());
    (
        template.map(|args| args.to_string()).map_err(|error| error.to_string()),
        built_in.map(|args| args.to_string()).map_err(|error| error.to_string()),
    )
}

fn address() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<std::net::Ipv4Addr>().prop_map(|ip| ip.to_string()),
        any::<std::net::Ipv6Addr>().prop_map(|ip| ip.to_string()),
    ]
    .prop_map(Value::from)
}

/// An address with a netmask of its family.
fn address_and_netmask() -> impl Strategy<Value = (Value, Value)> {
    let four = (any::<std::net::Ipv4Addr>(), 0..=32_u8).prop_map(|(ip, bits)| {
        (ip.to_string().into(), ipnet::Ipv4Net::new(ip, bits).unwrap().netmask().to_string().into())
    });
    let six = (any::<std::net::Ipv6Addr>(), 0..=128_u8).prop_map(|(ip, bits)| {
        (ip.to_string().into(), ipnet::Ipv6Net::new(ip, bits).unwrap().netmask().to_string().into())
    });
    prop_oneof![3 => four, 1 => six]
}

/// A number as text or as a number, because the schema lets both through.
fn number(range: std::ops::Range<u32>) -> impl Strategy<Value = Value> {
    (range, any::<bool>()).prop_map(|(number, text)| if text { number.to_string().into() } else { number.into() })
}

fn network() -> impl Strategy<Value = Value> {
    let interface = "[a-z][a-z0-9.]{0,8}(,[a-z][a-z0-9]{0,5}){0,2}".prop_map(Value::from);
    let gateway = prop_oneof![4 => address(), 1 => Just(json!(""))];
    let given = |value: BoxedStrategy<Value>| prop::option::of(value);
    (
        prop::option::of(address_and_netmask()),
        given(gateway.boxed()),
        given(interface.boxed()),
        given(number(1..4095).boxed()),
        given(number(68..9217).boxed()),
        0..4_u8,
    )
        .prop_map(|(ip, gateway, interface, vlan, mtu, half)| {
            let (address, netmask) = ip.unzip();
            // An address without its netmask, and the other way round, count for nothing.
            let (address, netmask) = (address.filter(|_| half != 1), netmask.filter(|_| half != 2));
            let fields = [
                ("address", address),
                ("netmask", netmask),
                ("gateway", gateway),
                ("interface", interface),
                ("vlan", vlan),
                ("mtu", mtu),
                ("dhcp", Some(json!("no"))),
            ];
            fields
                .into_iter()
                .filter_map(|(key, value)| Some((key.to_owned(), value?)))
                .collect::<serde_json::Map<_, _>>()
                .into()
        })
}

fn words() -> impl Strategy<Value = Value> {
    let word = prop_oneof!["[a-hj-z.]{1,8}", "[a-hj-z.]{1,8}=[a-zA-Z0-9,./:]{1,10}", "[a-hj-z]{1,8}=\"[a-z0-9]{1,6}\""];
    let with_blanks = (word, "[ \n]{1,3}").prop_map(|(word, blanks)| word + &blanks);
    prop::collection::vec(with_blanks, 0..5).prop_map(|words| words.concat().into())
}

proptest! {
    #[test]
    fn the_template_and_the_built_in_order_agree_word_for_word(
        uuid in any::<u128>(), prov in prop::option::of(network()), other in network(),
        dns in prop::option::of(prop::collection::vec(address(), 1..3)), options in prop::option::of(words()),
        console in prop::option::of(words()), has_networks in any::<bool>(),
    ) {
        let mut networks = serde_json::Map::from_iter([("bmc".to_owned(), other)]);
        networks.extend(prov.map(|prov| ("prov".to_owned(), prov)));
        let given = [
            ("network-data", has_networks.then(|| networks.into())), ("dns-servers", dns.map(Value::from)),
            ("kernel-options", options), ("kernel-console", console),
        ];
        let params: serde_json::Map<String, Value> =
            given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
        let (template, built_in) = both(&uuid::Uuid::from_u128(uuid).to_string(), &params.into());
        prop_assert!(built_in.is_ok(), "{:?}", built_in);
        prop_assert_eq!(template, built_in);
    }
}

#[test]
fn where_they_differ_the_built_in_order_checks_and_the_template_prints() {
    const UUID: &str = "bb1eadf9-4b5e-46a7-a577-d07e2a33138f";
    let tail = |line: Result<String, String>| match line {
        Ok(line) => {
            line.split_once(" rs.uuid=").unwrap().1.split_once(' ').unwrap().1.split_once("--").unwrap().0.to_owned()
        }
        Err(error) => format!("ERROR {error}"),
    };
    let prov = |prov: Value| json!({"network-data": {"prov": prov}});
    for (what, params, template, built_in) in [
        ("an unchecked gateway", prov(json!({"gateway": "here"})), "provisioner.gw=here ", "ERROR"),
        ("a VLAN that is none", prov(json!({"vlan": 5000})), "provisioner.vlan=5000 ", "ERROR"),
        (
            "blanks around a value",
            prov(json!({"vlan": " 5 "})),
            "provisioner.vlan= 5 ".trim_start(),
            "provisioner.vlan=5 ",
        ),
        (
            "spelling of an address",
            prov(json!({"address": "FD00::5", "netmask": "ffff::"})),
            "provisioner.ip=FD00::5/16 ",
            "provisioner.ip=fd00::5/16 ",
        ),
        ("an empty address", prov(json!({"address": "", "netmask": ""})), "ERROR", ""),
        ("a key without a value", prov(json!({"gateway": null})), "ERROR", ""),
        ("no name server in the list", json!({"dns-servers": []}), "ERROR", ""),
        ("a name server that is no address", json!({"dns-servers": ["ns1"]}), "provisioner.dns=ns1 ", "ERROR"),
    ] {
        let (from_template, from_built_in) = both(UUID, &params);
        for (expected, line) in [(template, tail(from_template)), (built_in, tail(from_built_in))] {
            if expected == "ERROR" {
                assert!(line.starts_with("ERROR "), "{what}: {line}");
            } else {
                assert_eq!(line, expected, "{what}");
            }
        }
    }
    // Values in quotes of their own, as the 4.6 document shows them, and empty ones come out alike.
    let alike = prov(json!({"interface": "\"eth10\"", "gateway": ""}));
    let (from_template, from_built_in) = both(UUID, &alike);
    assert_eq!(from_template, from_built_in);
    assert_eq!(tail(from_template), "provisioner.gw= provisioner.interface=eth10 ");
}
