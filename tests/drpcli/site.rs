//! What a page is read against: a server, its machine `mach-01` with a simulated BMC, and a Sledgehammer to be had.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use drp_virtual_media_sim::bmc::{Bmc, Fleet, Personality};
use drp_virtual_media_sim::dr_provision::{DrProvision, Options};
use drp_virtual_media_sim::files::FileServer;
use drp_virtual_media_sim::template::{self, Family};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::timeout;

use crate::client::Drpcli;

pub(crate) const PLUGIN: &str = env!("CARGO_BIN_EXE_virtual-media");

/// Nothing here takes so long unless it hangs; the machines that tests run on are shared.
const PATIENCE: Duration = Duration::from_mins(2);

const SIGNATURE: &str = "3f1c0ffee";

/// The address of the server on the pages.
const PAGES_SERVER: &str = "http://10.10.10.10:8091/";

pub(crate) struct Site {
    pub(crate) server: DrProvision,
    pub(crate) drpcli: Drpcli,
    pub(crate) bmc: Bmc,
    pub(crate) uuid: String,
    pub(crate) webroot: TempDir,
    fleet: Fleet,
    _vendor: (TempDir, FileServer),
}

impl Site {
    /// A server as a page finds it: one that tells how to upload the plugin begins with neither plugin nor Sledgehammer,
    /// and with a machine whose BMC it has yet to name.
    pub(crate) async fn start(uploads: bool) -> Self {
        let vendor = tempfile::tempdir().unwrap();
        fs::write(vendor.path().join("sledgehammer.tar"), tarball()).unwrap();
        let files = FileServer::start(vendor.path()).await.unwrap();
        let webroot = tempfile::tempdir().unwrap();
        let mut options = Options::new(webroot.path()).signature(SIGNATURE);
        if uploads {
            options = options.without_iso().iso_url(files.url().join("sledgehammer.tar").unwrap());
        } else {
            let exploded = webroot.path().join("sledgehammer").join(SIGNATURE);
            fs::create_dir_all(&exploded).unwrap();
            template::write(&exploded.join("cdboot.iso"), Family::Grub).unwrap();
            options = options.program(PLUGIN);
        }
        // An image of the operator's own.
        fs::create_dir_all(webroot.path().join("isos")).unwrap();
        template::write(&webroot.path().join("isos/rescue.iso"), Family::Grub).unwrap();

        let server = DrProvision::start(options).await.unwrap();
        let fleet = Fleet::start().await.unwrap();
        let bmc = fleet.add(Personality::Idrac9).await.unwrap();
        let mut params = json!({ "ipmi/port-redfish": bmc.address().port(), "virtual-media/poll-interval": 10 });
        if !uploads {
            params["ipmi/mode"] = json!("redfish");
            params["ipmi/address"] = json!(bmc.address().ip().to_string());
            params["ipmi/username"] = json!(bmc.username());
            params["ipmi/password"] = json!(bmc.password());
        }
        let uuid = server.add_machine(&json!({ "Name": "mach-01", "Params": params })).unwrap();
        let drpcli = Drpcli::new(&server);
        Self { server, drpcli, bmc, uuid, webroot, fleet, _vendor: (vendor, files) }
    }

    /// A word of a page, with this site's addresses and files in the place of the page's.
    pub(crate) fn translated(&self, word: &str) -> String {
        if word == "./ipmi" || word.ends_with("/virtual-media") {
            return PLUGIN.to_owned();
        }
        let mut word = word.to_owned();
        for (theirs, ours) in [
            (PAGES_SERVER, self.server.fileserver().to_string()),
            ("10.10.20.1", self.bmc.address().ip().to_string()),
            ("$RS_UUID", self.uuid.clone()),
            ("$UUID", self.uuid.clone()),
            ("bb1eadf9-4b5e-46a7-a577-d07e2a33138f", self.uuid.clone()),
        ] {
            word = word.replace(theirs, &ours);
        }
        word
    }

    /// What is in the BMC's drives.
    pub(crate) fn images(&self) -> Vec<String> {
        self.bmc.state().slots.into_iter().filter_map(|slot| slot.image).collect()
    }

    /// The URL of the machine's own image.
    pub(crate) fn own_image(&self) -> String {
        format!("{}dynamic_isos/{}/sledgehammer/boot.iso", self.server.fileserver(), self.uuid)
    }

    pub(crate) fn images_of_machine(&self) -> PathBuf {
        self.webroot.path().join("dynamic_isos").join(&self.uuid)
    }

    pub(crate) fn machine(&self) -> Value {
        self.server.machine(&self.uuid)
    }

    /// Waits until something is as a line says that it will be.
    pub(crate) async fn until(&self, what: &str, wanted: impl Fn(&Self) -> bool) {
        let both = async {
            let (mut server, mut bmc) = (self.server.changed(), self.bmc.changed());
            while !wanted(self) {
                tokio::select! {
                    _ = server.changed() => {}
                    _ = bmc.changed() => {}
                    // Files change without a word.
                    () = tokio::time::sleep(Duration::from_millis(20)) => {}
                }
            }
        };
        let in_time = timeout(PATIENCE, both).await.is_ok();
        assert!(in_time, "{what}: {}\nthe plugin: {}", self.machine(), self.server.stderr());
    }

    pub(crate) async fn end(self) {
        assert_eq!(self.server.strays(), [""; 0]);
        self.server.stop().await.unwrap();
        self.fleet.shutdown().await;
    }
}

/// Sledgehammer, as the vendor's site has it.
fn tarball() -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    let iso = directory.path().join("cdboot.iso");
    template::write(&iso, Family::Grub).unwrap();
    let mut tarball = tar::Builder::new(Vec::new());
    tarball.append_path_with_name(&iso, Path::new(SIGNATURE).join("cdboot.iso")).unwrap();
    tarball.into_inner().unwrap()
}
