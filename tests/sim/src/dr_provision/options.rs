//! How the simulated server is started.

use std::ffi::OsString;
use std::path::PathBuf;

/// Features of an ordinary server of this time (drp-protocol 5.4, met in sources).
const FEATURES: [&str; 6] =
    ["sane-exit-codes", "workflows", "http-range-header", "sprig", "secure-param-upgrade", "change-stage-v2"];

/// How the server is started: an ordinary one, unless changed.
#[derive(Clone, Debug)]
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
            forward_undeclared: false,
        }
    }

    /// Starts this provider.
    #[must_use]
    pub fn program(mut self, program: impl Into<PathBuf>) -> Options {
        self.program = Some(program.into());
        self
    }

    /// Uploads the provider under another name.
    #[must_use]
    pub fn provider(mut self, name: impl Into<String>) -> Options {
        self.provider = name.into();
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

    /// Hands undeclared parameters of an action's caller on to the plugin.
    #[must_use]
    pub fn forward_undeclared(mut self) -> Options {
        self.forward_undeclared = true;
        self
    }
}
