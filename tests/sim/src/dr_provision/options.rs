//! How the simulated server is started.

use std::ffi::OsString;
use std::path::PathBuf;

use super::builtin;

/// Features of an ordinary server of this time (drp-protocol 5.4, met in sources).
const FEATURES: [&str; 6] =
    ["sane-exit-codes", "workflows", "http-range-header", "sprig", "secure-param-upgrade", "change-stage-v2"];

/// How the server is started: an ordinary one, unless changed.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Options {
    /// What the static file server serves: `RS_WEBROOT`.
    pub webroot: PathBuf,
    /// The plugin provider to start; none: the server runs without, and one can be uploaded.
    pub program: Option<PathBuf>,
    /// The name that the provider is uploaded under, which is the name of its file.
    pub provider: String,
    /// `features` of `GET /info`.
    pub features: Vec<String>,
    /// `version` of `GET /info`.
    pub version: String,
    /// More variables for the provider.
    pub env: Vec<(OsString, OsString)>,
    /// Whether the provider's stderr goes to ours instead of being kept.
    pub inherit_stderr: bool,
    /// Whether anybody listens on `FROM_SOCKET`.
    pub callback: bool,
    /// What is told of one change of an object.
    pub telling: Telling,
    /// The signature of the Sledgehammer that each BootEnv of it names (drp-protocol 4.4).
    pub signature: String,
    /// Whether that Sledgehammer's ISO was uploaded and exploded before; else no BootEnv of it is available
    /// until it is.
    pub exploded: bool,
    /// Where that ISO is to be had; empty: nowhere.
    pub iso_url: String,
    /// Whether the old `ipmi` provider's Params are there; it is not, unless it is this one.
    pub ipmi_pack: bool,
    /// More content packs that are there, with their versions, for content that has prerequisites.
    pub packs: Vec<(String, String)>,
    /// Whether the server acts on `boot-virtual-iso` itself, as servers with [`builtin_virtual_iso`] do.
    ///
    /// [`builtin_virtual_iso`]: Options::builtin_virtual_iso()
    pub builtin_virtual_iso: bool,
    /// Whether an action's caller may give parameters that the action does not declare, and the plugin sees them.
    /// Recorded runs accept such parameters; whether they are handed on is not known (drp-protocol 8.3).
    pub forward_undeclared: bool,
}

/// Which events tell of one change: which of the two a change causes is not known for all of them (drp-protocol 8.12).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Telling {
    /// API changes are `update`s, the server's own and params' are `save`s.
    #[default]
    UpdateOrSave,
    /// Everything is a `save`.
    Save,
    /// Each change is told as an `update` and again as a `save`.
    Twice,
    /// As the first, without `Original`: servers before 2019.
    WithoutOriginal,
}

impl Options {
    /// A server without a provider.
    #[must_use]
    pub fn new(webroot: impl Into<PathBuf>) -> Options {
        Options {
            webroot: webroot.into(),
            program: None,
            provider: "virtual-media".to_owned(),
            features: FEATURES.map(str::to_owned).into(),
            version: "v4.8.0".to_owned(),
            env: Vec::new(),
            inherit_stderr: false,
            callback: true,
            telling: Telling::default(),
            signature: "3f1c0ffee".to_owned(),
            exploded: true,
            iso_url: String::new(),
            ipmi_pack: true,
            packs: Vec::new(),
            builtin_virtual_iso: false,
            forward_undeclared: false,
        }
    }

    /// Starts this provider.
    #[must_use]
    pub fn program(mut self, program: impl Into<PathBuf>) -> Options {
        self.program = Some(program.into());
        self
    }

    /// Uploads the provider under another name; as `ipmi` it takes the old one's place.
    #[must_use]
    pub fn provider(mut self, name: impl Into<String>) -> Options {
        self.provider = name.into();
        self.ipmi_pack &= self.provider != "ipmi";
        self
    }

    /// Has this feature too.
    #[must_use]
    pub fn feature(mut self, name: impl Into<String>) -> Options {
        self.features.push(name.into());
        self
    }

    /// Has these features, and no others.
    #[must_use]
    pub fn features<T: Into<String>>(mut self, names: impl IntoIterator<Item = T>) -> Options {
        self.features = names.into_iter().map(Into::into).collect();
        self
    }

    /// Is of this version.
    #[must_use]
    pub fn version(mut self, version: impl Into<String>) -> Options {
        self.version = version.into();
        self
    }

    /// Sets a variable for the provider.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Options {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Lets the provider's stderr through to ours.
    #[must_use]
    pub fn inherit_stderr(mut self) -> Options {
        self.inherit_stderr = true;
        self
    }

    /// Does not listen on `FROM_SOCKET`.
    #[must_use]
    pub fn without_callback(mut self) -> Options {
        self.callback = false;
        self
    }

    /// Tells changes in another way.
    #[must_use]
    pub fn telling(mut self, telling: Telling) -> Options {
        self.telling = telling;
        self
    }

    /// Has another Sledgehammer.
    #[must_use]
    pub fn signature(mut self, signature: impl Into<String>) -> Options {
        self.signature = signature.into();
        self
    }

    /// Has no Sledgehammer yet.
    #[must_use]
    pub fn without_iso(mut self) -> Options {
        self.exploded = false;
        self
    }

    /// Says where the ISO of its Sledgehammer is to be had.
    #[must_use]
    pub fn iso_url(mut self, url: impl Into<String>) -> Options {
        self.iso_url = url.into();
        self
    }

    /// Never had the old `ipmi` provider.
    #[must_use]
    pub fn without_ipmi_pack(mut self) -> Options {
        self.ipmi_pack = false;
        self
    }

    /// Has this content pack too.
    #[must_use]
    pub fn pack(mut self, name: impl Into<String>, version: impl Into<String>) -> Options {
        self.packs.push((name.into(), version.into()));
        self
    }

    /// Has the feature `virtual-media-boot` and acts on `boot-virtual-iso` itself, in the way that we assume.
    #[must_use]
    pub fn builtin_virtual_iso(mut self) -> Options {
        self.builtin_virtual_iso = true;
        self.feature(builtin::FEATURE)
    }

    /// Hands undeclared parameters of an action's caller on to the plugin.
    #[must_use]
    pub fn forward_undeclared(mut self) -> Options {
        self.forward_undeclared = true;
        self
    }
}
