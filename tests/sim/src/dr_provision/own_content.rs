//! The content that the server begins with: what every dr-provision has, as far as it is needed here.

use serde_json::{Value, json};

use super::auth::USERNAME;
use super::builtin;
use super::bundle::Bundle;
use super::error::Error;
use super::objects::Objects;
use super::options::Options;

/// BootParams that render to the line of drp-protocol 4.7, with the functions of 4.6.
const BOOT_PARAMS: &str = concat!(
    "rootflags=loop root=live:/sledgehammer.iso rootfstype=auto ro liveimg rd_NO_LUKS rd_NO_MD rd_NO_DM ",
    "provisioner.web={{.ProvisionerURL}} rs.uuid={{.Machine.UUID}} ",
    r#"{{$net := .ComposeParam "network-data"}}{{if hasKey $net "prov"}}{{$nic := get $net "prov"}}"#,
    r#"{{if and (hasKey $nic "address") (hasKey $nic "netmask")}}"#,
    r#"provisioner.ip={{get $nic "address"}}/{{get $nic "netmask" | .NetmaskToCIDR}} {{end}}"#,
    r#"{{if hasKey $nic "gateway"}}provisioner.gw={{get $nic "gateway"}} {{end}}"#,
    r#"{{if hasKey $nic "interface"}}provisioner.interface={{get $nic "interface"}} {{end}}"#,
    r#"{{if hasKey $nic "vlan"}}provisioner.vlan={{get $nic "vlan"}} {{end}}"#,
    r#"{{if hasKey $nic "mtu"}}provisioner.mtu={{get $nic "mtu"}} {{end}}{{end}}"#,
    r#"{{if .ParamExists "dns-servers"}}provisioner.dns={{.Param "dns-servers" | first}} {{end}}"#,
    r#"{{.Param "kernel-options"}} -- {{.Param "kernel-console"}}"#,
);

/// Loads the server's own bundles.
pub(super) fn load(objects: &mut Objects, options: &Options) -> Result<(), Error> {
    let mut bundles = vec![
        bundle("BasicStore", &options.version, &basic_store(options)),
        bundle("drp-community-content", &options.version, &community(options)),
    ];
    if options.ipmi_pack {
        bundles.push(bundle("ipmi", &options.version, &ipmi()));
    }
    for (name, version) in &options.packs {
        bundles.push(bundle(name, version, &json!({})));
    }
    for bundle in bundles {
        let bundle = bundle.map_err(|why| Error::new(500, "START", "contents", "", why))?;
        objects.load(&bundle, &options.features)?;
    }
    // What a user of every server may change.
    objects.create("profiles", &json!({ "Name": "global" }), "system")?;
    for (name, value) in [("unknownBootEnv", "discovery"), ("defaultBootEnv", "local"), ("defaultStage", "none")] {
        objects.create("prefs", &json!({ "Name": name, "Val": value }), "system")?;
    }
    objects.create("users", &json!({ "Name": USERNAME, "Roles": ["superuser"] }), "system").map(drop)
}

fn bundle(name: &str, version: &str, sections: &Value) -> Result<Bundle, String> {
    Bundle::from_json(&json!({ "meta": { "Name": name, "Version": version }, "sections": sections }))
}

/// A section, from the objects in it.
fn section(objects: Value) -> Value {
    let objects = if let Value::Array(objects) = objects { objects } else { Vec::new() };
    let key = |object: &Value| object["Name"].as_str().or(object["ID"].as_str()).unwrap_or_default().to_owned();
    Value::Object(objects.into_iter().map(|object| (key(&object), object)).collect())
}

fn basic_store(options: &Options) -> Value {
    // Servers that act on it define it.
    let boot_virtual_iso = json!({ "Name": "boot-virtual-iso", "Schema": { "type": "boolean", "default": false } });
    let acts = options.features.iter().any(|feature| feature == builtin::FEATURE);
    let mut params = vec![json!({ "Name": "bootenv-customize", "Schema": { "type": "object", "default": {} } })];
    params.extend(acts.then_some(boot_virtual_iso));
    json!({
        "bootenvs": section(json!([
            { "Name": "local", "Description": "Boots from the local disk", "OS": { "Name": "local" } },
        ])),
        "stages": section(json!([
            { "Name": "none" },
            { "Name": "local", "BootEnv": "local" },
        ])),
        "params": section(json!(params)),
    })
}

fn community(options: &Options) -> Value {
    let signature = &options.signature;
    let sledgehammer = json!({
        "Name": "sledgehammer", "Family": "redhat", "SupportedArchitectures": { "amd64": {
            "IsoFile": format!("sledgehammer-{signature}.amd64.tar"), "Sha256": "", "IsoUrl": options.iso_url,
            "Kernel": format!("{signature}/vmlinuz0"), "Initrds": [format!("{signature}/stage1.img")],
            "BootParams": BOOT_PARAMS, "Loader": ""
        } }
    });
    let loaders = json!({ "amd64-uefi": format!("{signature}/shimx64.efi") });
    let exploded = options.exploded;
    let bootenv = |name: &str, only_unknown: bool| {
        json!({
            "Name": name, "OnlyUnknown": only_unknown, "OS": sledgehammer, "Loaders": loaders,
            "OptionalParams": ["kernel-console", "kernel-options"], "Available": exploded,
            "Errors": if exploded { json!([]) } else { json!([format!("{name}: the ISO is not exploded")]) }
        })
    };
    json!({
        "bootenvs": section(json!([bootenv("sledgehammer", false), bootenv("discovery", true)])),
        "params": section(json!([
            { "Name": "network-data", "Schema": { "type": "object", "default": {} } },
            { "Name": "dns-servers", "Schema": { "type": "array", "items": { "type": "string" } } },
            { "Name": "kernel-options", "Schema": { "type": "string", "default": "" } },
            { "Name": "kernel-console", "Schema": { "type": "string", "default": "console=ttyS0,115200 console=tty0" } },
            { "Name": "kexec-ok", "Schema": { "type": "boolean", "default": false } },
            { "Name": "detected-bios-mode", "Schema": { "type": "string" } },
            { "Name": "machine-plugin", "Schema": { "type": "string" } },
        ])),
        "templates": section(json!([{ "ID": "setup.tmpl", "Contents": "# Prepares a task's script.\n" }])),
        "tasks": section(json!([
            { "Name": "gohai", "Templates": [{ "Name": "gohai", "Contents": "#!/bin/sh\nexit 0\n" }] },
        ])),
        "stages": section(json!([{ "Name": "discover", "BootEnv": "sledgehammer", "Tasks": ["gohai"] }])),
        "workflows": section(json!([{ "Name": "discover-base", "Stages": ["discover"] }])),
    })
}

/// The Params of the old provider (drp-protocol 2.2), which are there when it is.
fn ipmi() -> Value {
    let port = |default: u16| json!({ "type": "integer", "minimum": 0, "maximum": 65535, "default": default });
    let modes = ["ipmitool", "redfish", "racadm", "racadmn", "lpar"];
    json!({ "params": section(json!([
        { "Name": "ipmi/mode", "Schema": { "type": "string", "enum": modes, "default": "ipmitool" } },
        { "Name": "ipmi/username", "Schema": { "type": "string" } },
        { "Name": "ipmi/password", "Secure": true, "Schema": { "type": "string" } },
        { "Name": "ipmi/address", "Schema": { "type": "string", "default": "" } },
        { "Name": "ipmi/port-redfish", "Schema": port(443) },
        { "Name": "ipmi/port-ipmitool", "Schema": port(623) },
        // 0, by which the old provider means the usual one, reaches whoever does not set it.
        { "Name": "ipmi/port-racadm", "Schema": port(0) },
        { "Name": "ipmi/virtual-media-url", "Schema": { "type": "string" } },
        { "Name": "ipmi/virtual-media-boot", "Schema": { "type": "boolean", "default": false } },
        { "Name": "ipmi/auto-boot-target", "Schema": { "type": "boolean", "default": false } },
    ])) })
}
