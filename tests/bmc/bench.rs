//! A fleet, a file server with an image, and a target for each BMC.

use std::time::Duration;

use drp_virtual_media::bmc::{Bmcs, Error, Limits, Target, TlsPolicy};
use drp_virtual_media::operation::Operation;
use drp_virtual_media_sim::bmc::{Bmc, Fleet, Personality};
use drp_virtual_media_sim::files::FileServer;
use secrecy::SecretString;
use tempfile::TempDir;
use url::Url;

/// What a test needs around its BMCs. The bounds are wide, because nothing is measured by them; waits between looks are short.
pub(crate) struct Bench {
    pub(crate) fleet: Fleet,
    pub(crate) files: FileServer,
    pub(crate) bmcs: Bmcs,
    _directory: TempDir,
}

impl Bench {
    pub(crate) async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        for name in ["boot.iso", "other.iso"] {
            std::fs::write(directory.path().join(name), vec![0; 64 << 10]).unwrap();
        }
        Self {
            fleet: Fleet::start().await.unwrap(),
            files: FileServer::start(directory.path()).await.unwrap(),
            bmcs: Bmcs::new(),
            _directory: directory,
        }
    }

    pub(crate) async fn bmc(&self, personality: Personality) -> Bmc {
        self.fleet.add(personality).await.unwrap()
    }

    pub(crate) fn image(&self) -> Url {
        self.files.url().join("boot.iso").unwrap()
    }

    /// The image by a URL that this BMC fetches.
    pub(crate) fn image_for(&self, bmc: &Bmc) -> Url {
        self.files.url_by(bmc.image_scheme()).join("boot.iso").unwrap()
    }

    pub(crate) fn other_image(&self) -> Url {
        self.files.url().join("other.iso").unwrap()
    }
}

pub(crate) fn limits() -> Limits {
    Limits {
        connect: Duration::from_secs(20),
        request: Duration::from_secs(20),
        total: Duration::from_mins(2),
        media: Duration::from_secs(30),
        poll: Duration::from_millis(5),
    }
}

pub(crate) fn target(bmc: &Bmc) -> Target {
    Target {
        address: bmc.address().ip().to_string(),
        port: bmc.address().port(),
        username: bmc.username().to_owned(),
        password: SecretString::from(bmc.password()),
        driver: drp_virtual_media::bmc::Driver::Redfish(None),
        tls: TlsPolicy::Accept,
        tls_legacy: false,
        recorded_fingerprint: None,
        limits: limits(),
    }
}

/// Opens the target and reads its power state: the smallest whole operation.
pub(crate) async fn smallest(bmcs: &Bmcs, target: Target) -> Result<(), Error> {
    let operation = Operation::unwatched();
    bmcs.open(target, &operation).await?.power_state().await.map(|_| ())
}

/// A limit for what never comes, so that a test of it is short.
pub(crate) const SHORT: Duration = Duration::from_millis(300);

/// Checks an error's code and that its text holds these parts, in one line and without the password.
#[track_caller]
pub(crate) fn told(error: &Error, code: u16, parts: &[&str]) {
    let text = error.to_string();
    assert_eq!(error.code(), code, "{text}");
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in {text:?}");
    }
    assert!(!text.contains("calvin"), "{text}");
    assert!(!text.contains('\n'), "{text}");
}
