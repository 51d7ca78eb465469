//! What every flow test stands on: simulated BMCs, a file server over a web root with a template, and the real binary
//! at the other end of stdio.

use std::fs;
use std::path::{Path, PathBuf};

use drp_virtual_media_sim::bmc::{Bmc, Fleet, Personality};
use drp_virtual_media_sim::endpoint::{Endpoint, Options};
use drp_virtual_media_sim::files::FileServer;
use drp_virtual_media_sim::template::{self, Family};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The signature of the template that is there from the start.
pub(crate) const SIGNATURE: &str = "3f1c0ffee";

/// Set where a machine's BMC does not fetch by HTTP.
const IMAGE_URL: &str = "virtual-media/image-url";

pub(crate) struct Site {
    pub(crate) fleet: Fleet,
    pub(crate) files: FileServer,
    pub(crate) server: Endpoint,
    pub(crate) webroot: TempDir,
}

impl Site {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// Starts with a change to how the plugin is started.
    pub(crate) async fn start_with(change: impl FnOnce(&mut Options)) -> Self {
        let webroot = tempfile::tempdir().unwrap();
        let exploded = webroot.path().join("sledgehammer").join(SIGNATURE);
        fs::create_dir_all(&exploded).unwrap();
        template::write(&exploded.join("cdboot.iso"), Family::Grub).unwrap();
        let files = FileServer::start(webroot.path()).await.unwrap();
        let mut options = Options::new(webroot.path().to_owned(), files.url());
        change(&mut options);
        let server = Endpoint::start(Path::new(env!("CARGO_BIN_EXE_virtual-media")), options).await.unwrap();
        Self { fleet: Fleet::start().await.unwrap(), files, server, webroot }
    }

    /// Adds a machine in BootEnv `local` whose BMC is of this personality; `number` makes its UUID.
    pub(crate) async fn machine(&self, number: u32, personality: Personality) -> (String, Bmc) {
        let bmc = self.fleet.add(personality).await.unwrap();
        let uuid = uuid(number);
        let mut params = bmc_params(&bmc);
        if bmc.image_scheme() != "http" {
            params[IMAGE_URL] = json!(self.files.url_by(bmc.image_scheme()));
        }
        params["boot-virtual-iso"] = json!(true);
        params["network-data"] = json!({"prov": {"address": format!("10.0.{}.{}", number / 250, number % 250), "netmask": "255.255.255.0",
            "gateway": "10.0.0.254", "interface": "eth10"}});
        let machine =
            json!({"Uuid": uuid, "Name": format!("m{number}.example.net"), "BootEnv": "local", "Params": params});
        self.server.add_machine(&machine).unwrap();
        (uuid, bmc)
    }

    /// Starts the plugin again after it was killed. The server tells the last BootEnv changes once more, because it never
    /// heard what came of them; it kept what the plugin had published until then.
    pub(crate) async fn restart(&self) -> Endpoint {
        let options = Options::new(self.webroot.path().to_owned(), self.files.url());
        let server = Endpoint::start(Path::new(env!("CARGO_BIN_EXE_virtual-media")), options).await.unwrap();
        for mut machine in self.server.machines() {
            machine["BootEnv"] = json!("local");
            server.add_machine(&machine).unwrap();
        }
        server
    }

    pub(crate) fn image(&self, uuid: &str) -> PathBuf {
        self.images_of(uuid).join("sledgehammer/boot.iso")
    }

    pub(crate) fn images_of(&self, uuid: &str) -> PathBuf {
        self.webroot.path().join("dynamic_isos").join(uuid)
    }

    pub(crate) fn url(&self, uuid: &str) -> String {
        let machine = self.server.machine(uuid).unwrap_or_default();
        let root = machine["Params"][IMAGE_URL].as_str().map_or_else(|| self.files.url().to_string(), str::to_owned);
        format!("{root}dynamic_isos/{uuid}/sledgehammer/boot.iso")
    }

    /// Ends the plugin in order; it must have kept to its protocol until then.
    pub(crate) async fn end(self) {
        assert_eq!(self.server.strays(), Vec::<String>::new());
        assert!(self.server.stop().await.unwrap().success());
        self.fleet.shutdown().await;
    }
}

pub(crate) fn uuid(number: u32) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

/// The parameters by which a machine's BMC is reached.
pub(crate) fn bmc_params(bmc: &Bmc) -> Value {
    json!({"ipmi/mode": "redfish", "ipmi/address": bmc.address().ip().to_string(), "ipmi/port-redfish": bmc.address().port(),
           "ipmi/username": bmc.username(), "ipmi/password": bmc.password(),
           // Simulated BMCs are quick; so are the looks at them.
           "virtual-media/poll-interval": 10})
}
