//! A site whose plugin makes templates: boot loaders and a cache in directories of their own, and images in either delivery.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use drp_virtual_media::iso::show::Report;
use drp_virtual_media::operation::Operation;
use drp_virtual_media_sim::bmc::{Bmc, Personality};
use drp_virtual_media_sim::loaders::{self, noise};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::site::Site;

pub(crate) struct Making {
    pub(crate) site: Site,
    directory: TempDir,
}

impl Making {
    /// A site that delivers images in this way and has the boot loaders of both architectures.
    pub(crate) async fn start(delivery: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let making = Self { site: Site::start().await, directory: tempfile::tempdir().unwrap() };
        for name in ["shimx64.efi", "grubx64.efi", "isolinux.bin", "ldlinux.c32", "shimaa64.efi", "grubaa64.efi"] {
            making.put_loader(name);
        }
        let mut params = json!({"virtual-media/iso-delivery": delivery, "virtual-media/loaders": making.loaders(),
            "virtual-media/cache-directory": making.cache()});
        if delivery == "serve" {
            // Tests run side by side, and each image server listens at the same port.
            let (process, number) = (std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
            let address = format!("127.{}.{}.{number}", 128 + process / 250 % 64, process % 250);
            params["virtual-media/image-url"] = json!(format!("http://{address}:8096"));
            params["virtual-media/serve-address"] = json!(address);
        }
        making.site.server.configure_plugin(params).await.unwrap();
        making
    }

    pub(crate) fn cache(&self) -> PathBuf {
        self.directory.path().join("cache")
    }

    pub(crate) fn loaders(&self) -> PathBuf {
        self.directory.path().join("loaders")
    }

    fn put_loader(&self, name: &str) {
        fs::create_dir_all(self.loaders()).unwrap();
        loaders::write(&self.loaders().join(name)).unwrap();
    }

    /// Writes a file below the web root that is no other's.
    pub(crate) fn put(&self, path: &str, seed: u64) -> PathBuf {
        let path = self.site.webroot.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, noise(50_000 + usize::try_from(seed).unwrap(), seed)).unwrap();
        path
    }

    /// A machine of this architecture in BootEnv `local`.
    pub(crate) async fn machine(&self, arch: &str) -> (String, Bmc) {
        let (machine, bmc) = self.site.machine(Personality::Ilo5).await;
        self.site.server.change_machine(&machine, |machine| machine["Arch"] = json!(arch)).unwrap();
        (machine, bmc)
    }

    /// Brings a machine into a BootEnv, with its image mounted, and reads that image as its BMC would.
    pub(crate) async fn mounted(&self, machine: &str, bootenv: &str) -> (Value, Report) {
        self.site.server.set_bootenv(machine, bootenv).unwrap();
        self.site.until_state(machine, |state| state["Phase"] == "Mounted" && state["BootEnv"] == bootenv).await;
        let state = self.site.state(machine);
        let report = self.report(state["Url"].as_str().unwrap()).await;
        (state, report)
    }

    /// Brings a machine into a BootEnv, and answers why that fails.
    pub(crate) async fn fails(&self, machine: &str, bootenv: &str) -> String {
        self.site.server.set_bootenv(machine, bootenv).unwrap();
        self.site
            .until_state(machine, |state| state["LastError"].as_str().is_some_and(|error| !error.is_empty()))
            .await;
        self.site.state(machine)["LastError"].as_str().unwrap().to_owned()
    }

    async fn report(&self, url: &str) -> Report {
        let answer = reqwest::get(url).await.unwrap();
        assert_eq!(answer.status(), 200, "{url}");
        let path = self.directory.path().join("read.iso");
        fs::write(&path, answer.bytes().await.unwrap()).unwrap();
        Report::read(&path, &Operation::unwatched()).unwrap()
    }

    /// How many templates are kept.
    pub(crate) fn templates(&self) -> usize {
        let is_template = |path: &Path| path.extension().is_some_and(|extension| extension == "iso");
        let entries = fs::read_dir(self.cache().join("templates")).into_iter().flatten();
        entries.filter(|entry| is_template(&entry.as_ref().unwrap().path())).count()
    }
}
