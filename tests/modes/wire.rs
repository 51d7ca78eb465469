//! Every action that a mode offers, through the real binary's stdio.

use std::path::Path;

use drp_virtual_media_sim::console::{self, Console};
use drp_virtual_media_sim::endpoint::{Endpoint, Options};
use drp_virtual_media_sim::files::FileServer;
use drp_virtual_media_sim::template::{self, Family};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::bench::{PASSWORD, Tool, runs, until};

const UUID: &str = "00000000-0000-4000-8000-000000000001";

/// A server with one machine, whose plugin finds `tool` before any program of this machine's.
struct Site {
    server: Endpoint,
    files: FileServer,
    _webroot: TempDir,
}

impl Site {
    async fn start(tool: &Tool, more: Value) -> Self {
        let webroot = tempfile::tempdir().unwrap();
        let exploded = webroot.path().join("sledgehammer/3f1c0ffee");
        std::fs::create_dir_all(&exploded).unwrap();
        template::write(&exploded.join("cdboot.iso"), Family::Grub).unwrap();
        let files = FileServer::start(webroot.path()).await.unwrap();
        let mut options = Options::new(webroot.path().to_owned(), files.url());
        options.env.push(("PATH".into(), tool.path()));
        let server = Endpoint::start(Path::new(env!("CARGO_BIN_EXE_virtual-media")), options).await.unwrap();
        let mut params = json!({"ipmi/address": "127.0.0.1", "ipmi/username": "root", "ipmi/password": PASSWORD,
            "ipmi/port-racadm": 0, "virtual-media/poll-interval": 10,
            "network-data": {"prov": {"address": "10.0.0.1", "netmask": "255.255.255.0", "gateway": "10.0.0.254",
                                      "interface": "eth0"}}});
        let (Value::Object(params_map), Value::Object(more)) = (&mut params, more) else { unreachable!("objects") };
        params_map.extend(more);
        server.add_machine(&json!({"Uuid": UUID, "Name": "m1", "BootEnv": "local", "Params": params})).unwrap();
        Self { server, files, _webroot: webroot }
    }

    async fn act(&self, command: &str) -> Value {
        self.server.action(UUID, command, json!({})).await.unwrap()
    }

    async fn end(self) {
        assert_eq!(self.server.strays(), Vec::<String>::new());
        let told = self.server.stderr();
        assert!(!told.contains(PASSWORD), "{told}");
        assert!(self.server.stop().await.unwrap().success());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn racadm_in_both_spellings_mounts_boots_and_switches() {
    for mode in ["racadm", "racadmn"] {
        let tool = Tool::new("racadm");
        let site = Site::start(&tool, json!({"ipmi/mode": mode, "boot-virtual-iso": true})).await;
        assert_eq!(site.act("powerstatus").await, "Off");
        assert_eq!(site.act("poweron").await, json!({"PowerState": "On", "ResetType": "On"}));
        assert_eq!(site.act("powercycle").await, json!({"PowerState": "On", "ResetType": "PowerCycle"}));
        assert_eq!(site.act("poweroff").await, json!({"PowerState": "Off", "ResetType": "ForceOff"}));
        assert_eq!(site.act("statusVirtualMedia").await, json!({"Image": "", "Inserted": false}));

        let booted = site.act("bootVirtualMedia").await;
        let image = format!("{}dynamic_isos/{UUID}/sledgehammer/boot.iso", site.files.url());
        assert_eq!(
            (&booted["Image"], &booted["BootOnce"], &booted["PowerState"]),
            (&json!(image), &json!(true), &json!("On"))
        );
        assert_eq!((tool.state("image"), tool.state("device").as_str()), (image.clone(), "VCD-DVD"));
        assert_eq!(site.act("statusVirtualMedia").await, json!({"Image": image, "Inserted": true}));
        for _ in 0..2 {
            assert_eq!(site.act("unmountVirtualMedia").await, json!({"Image": "", "Inserted": false}));
        }
        assert_eq!((tool.state("image"), tool.state("device")), (String::new(), "Normal".to_owned()));

        let by_hand = json!({"ipmi/virtual-media-url": "http://10.0.0.5/x.iso", "ipmi/virtual-media-boot": false});
        let mounted = site.server.action(UUID, "mountVirtualMedia", by_hand).await.unwrap();
        assert_eq!(mounted, json!({"Image": "http://10.0.0.5/x.iso", "Inserted": true, "BootOnce": false}));
        site.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transition_goes_through_racadm_and_back() {
    let tool = Tool::new("racadm");
    let params = json!({"ipmi/mode": "racadm", "boot-virtual-iso": true, "virtual-media/power-on-transition": "on"});
    let site = Site::start(&tool, params).await;
    let answer = site.server.set_bootenv(UUID, "sledgehammer").await.unwrap();
    assert_eq!(answer.outcome, "Mounted", "{answer:?}");
    assert_eq!((Some(tool.state("image")), tool.state("power").as_str()), (answer.url, "ON"));
    let answer = site.server.set_bootenv(UUID, "local").await.unwrap();
    assert_eq!((answer.outcome.as_str(), tool.state("image")), ("Unmounted", String::new()));
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ipmitool_switches_and_refuses_media() {
    let tool = Tool::new("ipmitool");
    let site = Site::start(&tool, json!({"ipmi/mode": "ipmitool"})).await;
    assert_eq!(site.act("powerstatus").await, "Off");
    assert_eq!(site.act("powercycle").await, json!({"PowerState": "On", "ResetType": "On"}));
    assert_eq!(site.act("powercycle").await, json!({"PowerState": "On", "ResetType": "PowerCycle"}));
    assert_eq!(site.act("poweroff").await, json!({"PowerState": "Off", "ResetType": "ForceOff"}));
    assert_eq!(site.act("poweroff").await, json!({"PowerState": "Off", "ResetType": null}));
    assert_eq!(site.act("poweron").await, json!({"PowerState": "On", "ResetType": "On"}));
    for command in ["statusVirtualMedia", "unmountVirtualMedia", "bootVirtualMedia"] {
        let error = site.server.action(UUID, command, json!({})).await.unwrap_err();
        assert_eq!(error.data["Code"], 404, "{command}: {}", error.message);
        assert!(error.message.contains("ipmi/mode to redfish"), "{}", error.message);
    }
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lpar_switches_a_partition() {
    let (tool, console) = (Tool::new("ipmitool"), Console::start().await.unwrap());
    let params = json!({"ipmi/mode": "lpar", "ipmi/port-lpar": console.address().port(),
        "ipmi/username": console::USERNAME, "ipmi/password": console::PASSWORD, "ipmi/lpar-id": console::PARTITION});
    let site = Site::start(&tool, params).await;
    assert_eq!(site.act("powerstatus").await, "Off");
    assert_eq!(site.act("poweron").await, json!({"PowerState": "On", "ResetType": "On"}));
    assert_eq!(site.act("powercycle").await, json!({"PowerState": "On", "ResetType": "PowerCycle"}));
    assert_eq!(site.act("poweroff").await, json!({"PowerState": "Off", "ResetType": "ForceOff"}));
    assert_eq!(console.sessions().0, 0);
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_action_leaves_no_child_and_the_bmc_is_free() {
    let tool = Tool::new("racadm");
    let site = Site::start(&tool, json!({"ipmi/mode": "racadm"})).await;
    tool.set("fault", "hang");
    let sent = site.server.send_action(UUID, "powerstatus", json!({})).unwrap();
    let pids = tool.pids().await;
    site.server.cancel(sent.id());
    assert_eq!(sent.answer().await.unwrap_err().code, -32800);
    until("the whole group is gone", || pids.iter().all(|pid| !runs(*pid))).await;
    tool.set("fault", "none");
    assert_eq!(site.act("powerstatus").await, "Off");
    site.end().await;
}
