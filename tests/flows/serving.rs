//! Images that the plugin serves itself: mounted on BMCs that really fetch them, gone with their mounts, the same after a restart,
//! and how far a boot has come, told everywhere where somebody may look.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use drp_virtual_media::iso::volume::Volume;
use drp_virtual_media::iso::{KeptPlans, Template};
use drp_virtual_media::operation::Operation;
use drp_virtual_media_sim::bmc::{Bmc, Personality};
use drp_virtual_media_sim::endpoint::Endpoint;
use drp_virtual_media_sim::template::{self, Family};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use crate::site::{SIGNATURE, Site, uuid};

/// A site whose plugin serves images, at an address of its own: tests run side by side.
struct Serving {
    site: Site,
    address: String,
    client: Client,
}

impl Serving {
    async fn start() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let (process, number) = (std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let address = format!("127.{}.{}.{number}", 64 + process / 250 % 64, process % 250);
        let client = Client::builder().no_proxy().tls_danger_accept_invalid_certs(true).build().unwrap();
        let serving = Self { site: Site::start().await, address, client };
        serving.configure(&serving.site.server, json!({})).await;
        serving
    }

    fn cache(&self) -> PathBuf {
        self.site.webroot.path().join("cache")
    }

    /// Takes the plugin object's parameters into use, with `more` of them.
    async fn configure(&self, server: &Endpoint, more: Value) {
        let mut params = json!({"virtual-media/iso-delivery": "serve", "virtual-media/serve-address": self.address,
            "virtual-media/cache-directory": self.cache()});
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        assert_eq!(server.configure(params).await.unwrap(), Value::Null);
    }

    /// A machine whose BMC is told to fetch from the plugin. The file server's host is another loopback address.
    async fn machine(&self, number: u32, personality: Personality) -> (String, Bmc) {
        let (uuid, bmc) = self.site.machine(number, personality).await;
        let url = match bmc.image_scheme() {
            "https" => format!("https://{}:8097", self.address),
            _ => format!("http://{}:8096", self.address),
        };
        self.site.server.set_param(&uuid, "virtual-media/image-url", json!(url)).await.unwrap();
        (uuid, bmc)
    }

    async fn act(&self, uuid: &str, command: &str, params: Value) -> Value {
        self.site.server.action(uuid, command, params).await.unwrap()
    }

    async fn get(&self, url: &str) -> (StatusCode, Vec<u8>) {
        let answer = self.client.get(url).send().await.unwrap();
        (answer.status(), answer.bytes().await.unwrap().to_vec())
    }

    async fn status(&self, url: &str) -> StatusCode {
        self.client.head(url).send().await.unwrap().status()
    }

    /// Reads so much of a file of the image, as a machine does through its BMC.
    async fn read(&self, url: &str, file: &str, percent: u64) {
        let (from, len) = self.file(file);
        let len = len * percent / 100;
        let range = format!("bytes={from}-{}", from + len.max(1) - 1);
        let answer = self.client.get(url).header("Range", range).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::PARTIAL_CONTENT);
        answer.bytes().await.unwrap();
    }

    fn template(&self) -> PathBuf {
        self.site.webroot.path().join("sledgehammer").join(SIGNATURE).join("cdboot.iso")
    }

    fn file(&self, path: &str) -> (u64, u64) {
        let template = Template::open(&self.template(), &Operation::unwatched()).unwrap();
        let files = Volume::open(template.source()).unwrap().files().unwrap();
        let file = files.iter().find(|file| file.path == path).unwrap();
        (file.extents[0].offset, file.size())
    }

    fn plans(&self) -> usize {
        KeptPlans::new(self.cache().join("plans")).load().unwrap().len()
    }

    /// Waits until the machine's state says this of its boot.
    async fn until_stage(&self, uuid: &str, stage: &str) {
        let mut notices = self.site.server.subscribe();
        while self.site.server.state(uuid)["Boot"]["Stage"] != stage {
            tokio::time::timeout(Duration::from_secs(30), notices.recv()).await.expect(stage).unwrap();
        }
    }
}

fn url_of(answer: &Value) -> String {
    answer["Url"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_bmc_that_fetches_over_http_boots_what_the_plugin_serves_and_nothing_is_left_of_it() {
    let serving = Serving::start().await;
    let fetching = Personality::ALL.iter().zip(1..);
    let mut booted = 0;
    for (personality, number) in fetching {
        let (uuid, bmc) = serving.machine(number, *personality).await;
        if !bmc.image_scheme().starts_with("http") {
            continue;
        }
        booted += 1;
        let answer = serving.site.server.set_bootenv(&uuid, "sledgehammer").await.unwrap();
        let url = answer.url.unwrap();
        assert_eq!(answer.outcome, "Mounted", "{personality}");
        assert!(url.contains(&format!("/dynamic_isos/{uuid}/sledgehammer/")) && url.ends_with("/boot.iso"), "{url}");
        assert!(bmc.state().slots.iter().any(|slot| slot.image.as_deref() == Some(&url)), "{personality}");
        let fetches = bmc.state().fetches;
        assert!(
            fetches.iter().all(|fetch| fetch.status.is_some_and(|status| status == 200 || status == 206)),
            "{personality}"
        );
        assert!(fetches.iter().any(|fetch| fetch.volume.as_deref() == Some("sledgehammer")), "{personality}");
        assert!(!serving.site.images_of(&uuid).exists(), "{personality}: a file was written");
        let (status, bytes) = serving.get(&url).await;
        assert_eq!(status, StatusCode::OK);
        assert!(String::from_utf8_lossy(&bytes).contains(&format!("rs.uuid={uuid} ")), "{personality}");
        assert_eq!(serving.plans(), 1, "{personality}");

        let answer = serving.site.server.set_bootenv(&uuid, "local").await.unwrap();
        assert_eq!(answer.outcome, "Unmounted", "{personality}");
        assert_eq!(serving.status(&url).await, StatusCode::NOT_FOUND, "{personality}");
        assert_eq!(serving.plans(), 0, "{personality}");
    }
    assert!(booted > 20, "{booted}");
    serving.site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_arguments_are_the_same_url_and_others_another_beside_the_one_that_is_mounted() {
    let serving = Serving::start().await;
    let (uuid, bmc) = serving.machine(1, Personality::Generic).await;
    let generate = async |options: &str| {
        url_of(&serving.act(&uuid, "generateVirtualMedia", json!({"kernel-options": options})).await)
    };
    let first = generate("a=1").await;
    assert_eq!(generate("a=1").await, first);
    let mounted = serving.act(&uuid, "mountVirtualMedia", json!({"kernel-options": "a=1"})).await;
    assert_eq!(mounted["Image"], json!(first));
    let second = generate("a=2").await;
    let third = generate("a=3").await;
    let statuses = [serving.status(&first).await, serving.status(&second).await, serving.status(&third).await];
    assert_eq!(statuses, [StatusCode::OK, StatusCode::NOT_FOUND, StatusCode::OK]);
    serving.act(&uuid, "mountVirtualMedia", json!({"kernel-options": "a=3"})).await;
    assert_eq!(serving.status(&first).await, StatusCode::NOT_FOUND);
    assert!(bmc.state().slots.iter().any(|slot| slot.image.as_deref() == Some(&third)));
    serving.act(&uuid, "unmountVirtualMedia", json!({})).await;
    assert_eq!((serving.status(&third).await, serving.plans()), (StatusCode::NOT_FOUND, 0));
    serving.site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_is_killed_serves_the_same_bytes_when_it_is_started_again() {
    let serving = Serving::start().await;
    let (uuid, _bmc) = serving.machine(1, Personality::Idrac9).await;
    let url = serving.site.server.set_bootenv(&uuid, "sledgehammer").await.unwrap().url.unwrap();
    let head = async || {
        let answer = serving.client.head(&url).send().await.unwrap();
        let header = |name: &str| answer.headers().get(name).unwrap().to_str().unwrap().to_owned();
        (answer.status(), header("etag"), header("last-modified"), header("content-length"))
    };
    let (before, bytes) = (head().await, serving.get(&url).await.1);
    serving.site.server.kill().await.unwrap();
    assert!(serving.client.head(&url).send().await.is_err());
    let again = serving.site.restart().await;
    serving.configure(&again, json!({})).await;
    assert_eq!(head().await, before);
    assert!(serving.get(&url).await.1 == bytes);
    assert!(again.stop().await.unwrap().success());
    // An orderly end keeps them as well.
    let again = serving.site.restart().await;
    serving.configure(&again, json!({})).await;
    assert_eq!(head().await, before);
    assert!(again.stop().await.unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn how_far_a_boot_has_come_is_in_the_state_in_events_and_in_the_log() {
    let serving = Serving::start().await;
    let (uuid, _bmc) = serving.machine(1, Personality::Generic).await;
    let url = serving.site.server.set_bootenv(&uuid, "sledgehammer").await.unwrap().url.unwrap();
    // The simulated BMC reads the volume's descriptor.
    serving.until_stage(&uuid, "Catalogue").await;
    for (file, stage) in [
        ("/boot/grub/i386-pc/eltorito.img", "Loader"),
        ("/boot/grub/grub.cfg", "Configuration"),
        ("/vmlinuz0", "Kernel"),
        ("/stage1.img", "Done"),
    ] {
        serving.read(&url, file, 100).await;
        serving.until_stage(&uuid, stage).await;
    }
    let state = serving.site.server.state(&uuid);
    assert_eq!((&state["Phase"], &state["Boot"]["Boot"]), (&json!("Mounted"), &json!(1)));
    let told: Vec<Value> = serving
        .site
        .server
        .notices()
        .into_iter()
        .filter(|notice| {
            notice.method == "publish" && notice.params["Type"] == "virtual-media" && notice.params["Action"] == "boot"
        })
        .map(|notice| notice.params)
        .collect();
    assert_eq!(told.last().unwrap()["Key"], json!(uuid));
    assert_eq!(told.last().unwrap()["Object"]["Stage"], "Done");
    // A transition keeps what the boot wrote into the state.
    serving.site.server.set_param(&uuid, "kernel-options", json!("x=y")).await.unwrap();
    assert_eq!(serving.site.server.state(&uuid)["Boot"]["Stage"], "Done");
    serving.site.server.set_bootenv(&uuid, "local").await.unwrap();
    assert!(serving.site.server.stderr().contains("initrd read whole"));
    serving.site.end().await;
}

/// What the template's BIOS loader and its configuration are called.
const LOADER: &str = "/boot/grub/i386-pc/eltorito.img";
const CONFIG: &str = "/boot/grub/grub.cfg";

/// Files of an image, and how much of each is read, in percent.
type Reads = &'static [(&'static str, u64)];

#[tokio::test(flavor = "multi_thread")]
async fn a_boot_that_is_waited_for_ends_with_the_initrd_or_says_where_it_is_stuck() {
    let serving = Serving::start().await;
    template::write_with(&serving.template(), Family::Grub, 1 << 20).unwrap();
    // What is read of the image before the action ends, and what that answers.
    let cases: [(Reads, &str); 3] = [
        (&[(LOADER, 100), (CONFIG, 100), ("/vmlinuz0", 100), ("/stage1.img", 100)], "Done"),
        (
            &[(LOADER, 100)],
            "stands at: boot loader, nothing read for 1 s; the boot loader was read and its configuration was not",
        ),
        (&[(LOADER, 100), (CONFIG, 100), ("/vmlinuz0", 100), ("/stage1.img", 50)], "stands at: initrd, 47 %"),
    ];
    for ((reads, expected), number) in cases.into_iter().zip(1..) {
        let (uuid, _bmc) = serving.machine(number, Personality::Generic).await;
        let params =
            json!({"virtual-media/boot-wait": true, "virtual-media/boot-stall": 1, "virtual-media/boot-timeout": 60});
        let mut notices = serving.site.server.subscribe();
        let sent = serving.site.server.send_action(&uuid, "bootVirtualMedia", params).unwrap();
        // The boot is waited for from its first notice on.
        loop {
            let notice = tokio::time::timeout(Duration::from_mins(1), notices.recv()).await.unwrap().unwrap();
            if notice.method == "progress" && notice.params["Step"] == "boot" {
                break;
            }
        }
        let url = serving.site.server.state(&uuid)["Url"].as_str().unwrap().to_owned();
        for (file, percent) in reads {
            serving.read(&url, file, *percent).await;
        }
        match sent.answer().await {
            Ok(answer) => assert_eq!(answer["Boot"]["Stage"], expected, "{number}"),
            Err(error) => assert!(error.message.contains(expected), "{number}: {error}"),
        }
    }
    let (uuid, _bmc) = serving.machine(9, Personality::Generic).await;
    let params = json!({"virtual-media/boot-wait": true, "virtual-media/iso-delivery": "file",
        "virtual-media/image-url": serving.site.files.url()});
    let error = serving.site.server.action(&uuid, "bootVirtualMedia", params).await.unwrap_err();
    assert!(error.message.contains("virtual-media/iso-delivery"), "{error}");
    serving.site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_read_an_image_for_how_long_and_by_which_scheme_is_the_machines_to_say() {
    let serving = Serving::start().await;
    let (uuid, _bmc) = serving.machine(1, Personality::Generic).await;
    let generate = async |params: Value| serving.site.server.action(&uuid, "generateVirtualMedia", params).await;
    let url = url_of(&generate(json!({"virtual-media/serve-clients": "bmc"})).await.unwrap());
    // The simulated BMC is on loopback, as we are; one elsewhere is not.
    assert_eq!(serving.status(&url).await, StatusCode::OK);
    let url =
        url_of(&generate(json!({"virtual-media/serve-clients": "bmc", "ipmi/address": "192.0.2.1"})).await.unwrap());
    assert_eq!(serving.status(&url).await, StatusCode::FORBIDDEN);
    let url = url_of(&generate(json!({"virtual-media/serve-max-age": 1})).await.unwrap());
    let mut status = serving.status(&url).await;
    while status == StatusCode::OK {
        status = serving.status(&url).await;
    }
    assert_eq!(status, StatusCode::NOT_FOUND);

    serving.site.server.remove_param(&uuid, "virtual-media/image-url").await.unwrap();
    let url = url_of(&generate(json!({"virtual-media/image-scheme": "https"})).await.unwrap());
    assert!(url.starts_with("https://127.0.0.1:8097/"), "{url}");
    let url = url.replace("127.0.0.1", &serving.address);
    assert_eq!(serving.status(&url).await, StatusCode::OK);
    serving.configure(&serving.site.server, json!({"virtual-media/serve-http-port": 0})).await;
    let url = url_of(&generate(json!({})).await.unwrap());
    assert!(url.starts_with("https://127.0.0.1:8097/"), "{url}");
    let error = generate(json!({"virtual-media/image-scheme": "http"})).await.unwrap_err();
    assert!(error.message.contains("virtual-media/serve-http-port"), "{error}");
    serving.site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_somebody_else_has_is_told_with_the_parameter_that_changes_it() {
    let serving = Serving::start().await;
    let taken = std::net::TcpListener::bind((serving.address.as_str(), 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let uuid = uuid(1);
    serving.site.server.add_machine(&json!({"Uuid": uuid, "Params": {}})).unwrap();
    serving
        .configure(
            &serving.site.server,
            json!({"virtual-media/iso-delivery": "file", "virtual-media/serve-http-port": port}),
        )
        .await;
    let params = json!({"virtual-media/iso-delivery": "serve"});
    let error = serving.site.server.action(&uuid, "generateVirtualMedia", params).await.unwrap_err();
    assert!(
        error.message.contains(&port.to_string()) && error.message.contains("virtual-media/serve-http-port"),
        "{error}"
    );
    serving.site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_boot_is_watched_from_the_command_line_without_a_word_to_the_plugin() {
    let serving = Serving::start().await;
    let (uuid, bmc) = serving.machine(1, Personality::Generic).await;
    let url = serving.site.server.set_bootenv(&uuid, "sledgehammer").await.unwrap().url.unwrap();
    let mut watch = status(&bmc, &["--watch"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let mut next = async || {
        let line = tokio::time::timeout(Duration::from_secs(30), lines.next_line()).await;
        line.expect("a line within 30 s").unwrap().expect("a line")
    };
    assert_eq!(next().await, format!("{url} is mounted"));
    while next().await != "boot 1: boot catalogue" {}
    for (file, line) in [
        (CONFIG, "boot 1: boot loader's configuration"),
        ("/vmlinuz0", "boot 1: kernel, 100 %"),
        ("/stage1.img", "boot 1: initrd read whole"),
    ] {
        serving.read(&url, file, 100).await;
        assert_eq!(next().await, line);
    }
    assert!(watch.wait().await.unwrap().success());

    let bare = serving.client.get(url.replace("boot.iso", "boot.json")).send().await.unwrap();
    assert_eq!(bare.headers()["content-type"], "application/json");
    assert_eq!(bare.json::<Value>().await.unwrap()["Stage"], "Done");
    fs::create_dir(serving.site.webroot.path().join("isos")).unwrap();
    fs::copy(serving.template(), serving.site.webroot.path().join("isos/x.iso")).unwrap();
    serving
        .act(
            &uuid,
            "mountVirtualMedia",
            json!({"ipmi/virtual-media-url": serving.site.files.url().join("isos/x.iso").unwrap()}),
        )
        .await;
    let output = status(&bmc, &["--watch"]).output().await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("virtual-media/iso-delivery"), "{output:?}");
    serving.site.end().await;
}

fn status(bmc: &Bmc, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_virtual-media"));
    command.args([
        "bmc",
        "status",
        "--address",
        &bmc.address().ip().to_string(),
        "--port",
        &bmc.address().port().to_string(),
    ]);
    command.args(["--username", bmc.username()]).args(more).env("BMC_PASSWORD", bmc.password()).kill_on_drop(true);
    command
}
