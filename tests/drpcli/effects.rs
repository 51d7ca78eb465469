//! What a line presumes, and what it must have done.

use drp_virtual_media_sim::bmc::{Device, Power};
use drp_virtual_media_sim::dr_provision::AgentStop;
use serde_json::{Value, json};

use crate::site::Site;

/// Brings about what a line takes for granted: a param that it removes is there, and does what it is there for.
pub(crate) fn presume(site: &Site, words: &[&str]) {
    let ["machines", "remove", _, "param", key] = words else { return };
    if site.server.param(&site.uuid, key).is_null() {
        let value = match *key {
            "boot-virtual-iso" => json!(true),
            "virtual-media/mechanism" => json!("plugin"),
            _ => json!({}),
        };
        site.server.set_param(&site.uuid, key, value).unwrap();
    }
}

/// Holds a line's answer, and what is so afterwards, against what its page promises. `before` is the machine as it was.
pub(crate) async fn check(site: &Site, words: &[&str], answer: &Value, before: &Value) {
    match words {
        ["machines", "runaction", _, command, params @ ..] => action(site, command, params, answer),
        ["machines", "actions", _] => {
            let offered: Vec<_> = answer.as_array().unwrap().iter().map(|action| action["Command"].clone()).collect();
            assert!(offered.contains(&json!("statusVirtualMedia")), "{offered:?}");
        }
        [prefix, "set", id, "param", key, "to", _] => param_is_set(site, prefix, id, key, answer),
        ["machines", "remove", _, "param", key] => {
            assert_eq!(site.server.param(&site.uuid, key), Value::Null);
            if ["boot-virtual-iso", "virtual-media/mechanism"].contains(key) {
                // That this event was handled shows in its time alone where all was gone before: the next line may mount
                // by hand what a late clean-up would take out again.
                let time = |machine: &Value| machine["Params"]["virtual-media/state"]["EventTime"].clone();
                site.until("the medium is out and the image gone", |site| {
                    let is_handled = time(&site.machine()) != time(before);
                    is_handled && site.images().is_empty() && !site.images_of_machine().exists()
                })
                .await;
            }
        }
        ["machines", "get", _, "param", "virtual-media/state", ..] => {
            assert!(answer["Phase"].is_string(), "{answer}");
        }
        // That it is answered is what a page says of it.
        ["machines", "get" | "params", ..] | [_, "exists", ..] => {}
        ["machines", "bootenv", _, bootenv] => {
            assert_eq!(answer["BootEnv"], **bootenv);
            bootenv_changed(site, before).await;
        }
        ["machines", "workflow", _, workflow] => {
            assert_eq!(answer["Workflow"], **workflow);
            bootenv_changed(site, before).await;
            workflow_ran(site, workflow).await;
        }
        ["machines", "update", _, changes] => {
            let changes: Value = serde_saphyr::from_str(changes).unwrap();
            for (field, value) in changes.as_object().unwrap() {
                assert_eq!(answer[field], *value, "{field}");
            }
            bootenv_changed(site, before).await;
        }
        ["bootenvs", "uploadiso", name] => assert_eq!(site.server.object("bootenvs", name)["Available"], true),
        ["plugin_providers", "upload", name, "from", _] => {
            assert_eq!(answer["path"], **name);
            assert_eq!(site.server.object("plugins", name)["PluginErrors"], json!([]));
            let ready = |site: &Site| {
                site.server.requests().iter().any(|request| request.principal == format!("plugin:{name}"))
            };
            site.until("the plugin asks the server", ready).await;
        }
        ["plugin_providers" | "plugins", "destroy", name] => {
            assert_eq!(site.server.object(words[0], name), Value::Null);
            assert!(site.server.plugin_ended());
            if words[0] == "plugin_providers" {
                assert!(site.server.objects("params").iter().all(|param| param["Bundle"] != **name));
            }
        }
        [_, "show", name, ..] if !name.starts_with("Name:") => assert_eq!(answer["Name"], **name),
        ["machines", "show", ..] => assert_eq!(answer["Uuid"], json!(site.uuid)),
        [_, "list", ..] => assert!(answer.is_array() || answer.is_object(), "{answer}"),
        ["info", "get"] => assert!(answer["features"].is_array()),
        _ => panic!("nobody says what it must have done"),
    }
}

fn param_is_set(site: &Site, prefix: &str, id: &str, key: &str, answer: &Value) {
    let key_of = if prefix == "machines" { &site.uuid } else { id };
    let stored = site.server.object(prefix, key_of)["Params"][key].clone();
    assert_eq!(stored, *answer);
    if site.server.object("params", key)["Secure"] == true {
        assert!(stored["Payload"].is_string(), "{key} is not sealed");
    }
    if prefix == "plugins" {
        assert_eq!(site.server.object("plugins", id)["PluginErrors"], json!([]));
    }
}

/// An action's answer, and what the BMC says to it.
fn action(site: &Site, command: &str, params: &[&str], answer: &Value) {
    let given = |key: &str| params.iter().position(|word| *word == key).map(|at| params[at + 1].to_owned());
    let url = given("ipmi/virtual-media-url").unwrap_or_else(|| site.own_image());
    match command {
        "statusVirtualMedia" => {
            let image = site.images().pop();
            assert_eq!(*answer, json!({ "Image": image.clone().unwrap_or_default(), "Inserted": image.is_some() }));
        }
        "mountVirtualMedia" => {
            let boot = given("ipmi/virtual-media-boot").as_deref() == Some("true");
            assert_eq!(*answer, json!({ "Image": url, "Inserted": true, "BootOnce": boot }));
            assert_eq!(site.images(), [url]);
        }
        "unmountVirtualMedia" => {
            assert_eq!(*answer, json!({ "Image": "", "Inserted": false }));
            assert_eq!(site.images(), [""; 0]);
        }
        "generateVirtualMedia" => {
            assert_eq!(answer["Url"], json!(site.own_image()));
            assert!(site.images_of_machine().join("sledgehammer/boot.iso").exists());
        }
        "bootVirtualMedia" => {
            let boot = site.bmc.state().boots.pop().unwrap();
            assert_eq!((boot.device, boot.image), (Device::VirtualCd, Some(url)));
        }
        "powercycle" | "poweron" => {
            assert_eq!((&answer["PowerState"], site.bmc.state().power), (&json!("On"), Power::On));
        }
        "poweroff" => assert_eq!((&answer["PowerState"], site.bmc.state().power), (&json!("Off"), Power::Off)),
        "powerstatus" => assert_eq!(*answer, json!(site.bmc.state().power.to_string())),
        // The BMC's own resources and settings: that they are answered is what a page says of them.
        _ => assert!(!answer.is_null(), "{command}"),
    }
}

/// A change of the BootEnv has its effect on the BMC where the machine asks for it.
async fn bootenv_changed(site: &Site, before: &Value) {
    let machine = site.machine();
    let asked =
        machine["Params"]["boot-virtual-iso"] == true || machine["Params"]["virtual-media/mechanism"] == "plugin";
    if machine["BootEnv"] == before["BootEnv"] || !asked {
        return;
    }
    if machine["BootEnv"] == "sledgehammer" {
        site.until("the image is mounted", |site| {
            site.images() == [site.own_image()] && site.machine()["Params"]["virtual-media/state"]["Phase"] == "Mounted"
        })
        .await;
    } else {
        let out = |site: &Site| {
            site.images().is_empty() && site.machine()["Params"]["virtual-media/state"]["Phase"] == "Unmounted"
        };
        site.until("the medium is out", out).await;
    }
}

/// The machine's agent walks through the workflow, rebooting where the BootEnv changes.
async fn workflow_ran(site: &Site, workflow: &str) {
    while let AgentStop::Reboot { .. } = {
        let run = site.server.run_agent_once(&site.uuid).await.unwrap();
        assert!(!matches!(run.stop, AgentStop::Failed(_)), "{workflow}: {run:?}");
        run.stop
    } {}
    assert_eq!(site.machine()["WorkflowComplete"], true, "{workflow}");
    match workflow {
        "virtual-media-sledgehammer" | "virtual-media-recover" => assert_eq!(site.images(), [site.own_image()]),
        "virtual-media-in-band" => assert_eq!(site.images(), [""; 0]),
        _ => {}
    }
}
