//! What every test here stands on: a simulated dr-provision with the real plugin, a template below its web root, and BMCs.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use drp_virtual_media_sim::bmc::{Bmc, Fleet, Personality};
use drp_virtual_media_sim::dr_provision::{DrProvision, Options};
use drp_virtual_media_sim::template::{self, Family};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::timeout;

/// The signature of the Sledgehammer that the server has.
pub(crate) const SIGNATURE: &str = "3f1c0ffee";

/// Nothing here takes so long unless it hangs; the machines that tests run on are shared.
const PATIENCE: Duration = Duration::from_mins(2);

/// Set where a machine's BMC does not fetch by HTTP.
const IMAGE_URL: &str = "virtual-media/image-url";

pub(crate) struct Site {
    pub(crate) fleet: Fleet,
    pub(crate) server: DrProvision,
    pub(crate) webroot: TempDir,
}

impl Site {
    pub(crate) async fn start() -> Self {
        Self::start_with(|options| options).await
    }

    /// Starts with a change to how the server is started.
    pub(crate) async fn start_with(change: impl FnOnce(Options) -> Options) -> Self {
        let webroot = tempfile::tempdir().unwrap();
        let exploded = webroot.path().join("sledgehammer").join(SIGNATURE);
        fs::create_dir_all(&exploded).unwrap();
        template::write(&exploded.join("cdboot.iso"), Family::Grub).unwrap();
        let options = Options::new(webroot.path()).program(Path::new(env!("CARGO_BIN_EXE_virtual-media")));
        let server = DrProvision::start(change(options)).await.unwrap();
        let boots = sledgehammer("sledgehammer")["OS"].take();
        server.change("bootenvs", "sledgehammer", |bootenv| bootenv["OS"] = boots).unwrap();
        Self { fleet: Fleet::start().await.unwrap(), server, webroot }
    }

    /// Adds a machine in BootEnv `local` whose BMC is of this personality.
    pub(crate) async fn machine(&self, personality: Personality) -> (String, Bmc) {
        let (machine, bmc) = self.machine_without_request(personality).await;
        self.server.set_param(&machine, "boot-virtual-iso", json!(true)).unwrap();
        (machine, bmc)
    }

    /// The same without `boot-virtual-iso`.
    pub(crate) async fn machine_without_request(&self, personality: Personality) -> (String, Bmc) {
        let bmc = self.fleet.add(personality).await.unwrap();
        let mut params = json!({
            "ipmi/mode": "redfish", "ipmi/address": bmc.address().ip().to_string(),
            "ipmi/port-redfish": bmc.address().port(), "ipmi/username": bmc.username(), "ipmi/password": bmc.password(),
            // Simulated BMCs are quick; so are the looks at them.
            "virtual-media/poll-interval": 10,
            "network-data": {"prov": {"address": "10.0.0.7", "netmask": "255.255.255.0", "gateway": "10.0.0.254"}},
        });
        if bmc.image_scheme() != "http" {
            params[IMAGE_URL] = json!(self.server.files().url_by(bmc.image_scheme()));
        }
        let machine = json!({"Name": "m.example.net", "BootEnv": "local", "Params": params});
        (self.server.add_machine(&machine).unwrap(), bmc)
    }

    pub(crate) fn state(&self, machine: &str) -> Value {
        self.server.param(machine, "virtual-media/state")
    }

    /// Waits until the machine's state, as the server has it, is as wanted.
    pub(crate) async fn until_state(&self, machine: &str, wanted: impl Fn(&Value) -> bool) {
        self.until(&format!("the state of {machine}"), |site| wanted(&site.state(machine))).await;
    }

    pub(crate) async fn until_phase(&self, machine: &str, phase: &str) {
        self.until_state(machine, |state| state["Phase"] == phase).await;
    }

    /// Waits for something that the server can see.
    pub(crate) async fn until(&self, what: &str, wanted: impl Fn(&Self) -> bool) {
        if timeout(PATIENCE, self.server.until(|_| wanted(self))).await.is_err() {
            let states: Vec<Value> =
                self.server.objects("machines").iter().map(|machine| machine["Params"].clone()).collect();
            panic!("{what} is not as wanted; machines: {states:?}\nstderr:\n{}", self.server.stderr());
        }
    }

    /// Waits until the server's log tells of this error of a machine or an action.
    pub(crate) async fn until_told(&self, error: &str) {
        self.until(&format!("{error:?} in the server's log"), |site| site.times_told(error) > 0).await;
    }

    /// How many warnings in the server's log tell of it.
    pub(crate) fn times_told(&self, error: &str) -> usize {
        let tells = |line: &Value| {
            line["Level"] == "warn" && line["Data"][0]["error"].as_str().is_some_and(|told| told.contains(error))
        };
        self.server.log_lines().iter().filter(|line| tells(line)).count()
    }

    pub(crate) fn image(&self, machine: &str) -> PathBuf {
        self.images_of(machine).join("sledgehammer/boot.iso")
    }

    pub(crate) fn images_of(&self, machine: &str) -> PathBuf {
        self.webroot.path().join("dynamic_isos").join(machine)
    }

    pub(crate) fn url(&self, machine: &str) -> String {
        let root = self.server.param(machine, IMAGE_URL);
        let root = root.as_str().map_or_else(|| self.server.fileserver().to_string(), str::to_owned);
        format!("{root}dynamic_isos/{machine}/sledgehammer/boot.iso")
    }

    /// Ends the server and the plugin in order; the plugin must have kept to its protocol until then.
    pub(crate) async fn end(self) {
        assert_eq!(self.server.strays(), Vec::<String>::new());
        self.server.stop().await.unwrap();
        self.fleet.shutdown().await;
    }
}

/// What is in the BMC's drives.
pub(crate) fn images(bmc: &Bmc) -> Vec<String> {
    bmc.state().slots.into_iter().filter_map(|slot| slot.image).collect()
}

/// A BootEnv that boots the Sledgehammer that is there.
pub(crate) fn sledgehammer(name: &str) -> Value {
    json!({"Name": name, "OS": {"Name": "sledgehammer", "SupportedArchitectures": {"amd64": {
        "Kernel": format!("{SIGNATURE}/vmlinuz0"), "Initrds": [format!("{SIGNATURE}/stage1.img")],
        "BootParams": "root=live:/sledgehammer.iso provisioner.web={{.ProvisionerURL}} rs.uuid={{.Machine.UUID}} \
                       {{if .ParamExists \"kernel-options\"}}{{.Param \"kernel-options\"}}{{end}} -- {{.Param \"kernel-console\"}}",
    }}}})
}
