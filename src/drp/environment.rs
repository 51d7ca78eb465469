//! What the provisioning server tells its plugins through environment variables.

use std::path::PathBuf;

use secrecy::SecretString;
use url::Url;

/// The token of a catalog build: `define` runs offline and there is no server to speak with.
const OFFLINE: &str = "catalog";

/// The environment of this process, as far as the server sets it.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// `RS_WEBROOT`: the directory that the static file server serves.
    pub webroot: Option<PathBuf>,
    /// `RS_FILESERVER`: the static file server's base URL as machines and BMCs reach it.
    pub fileserver: Option<Url>,
    /// `RS_ENDPOINT`: the base URL of the server's API.
    pub endpoint: Option<Url>,
    /// `RS_TOKEN`: the bearer token for that API; `None` also where it says that there is no server.
    pub token: Option<SecretString>,
}

/// An environment variable that is set but cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{name} is `{value}`, which is no URL: {source}; set it as http://ADDRESS:PORT")]
pub struct EnvironmentError {
    name: &'static str,
    value: String,
    source: url::ParseError,
}

impl Environment {
    /// Reads the variables of this process; unset and empty are the same.
    pub fn from_process() -> Result<Self, EnvironmentError> {
        let text = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let url = |name| {
            text(name)
                .map(|value| Url::parse(&value).map_err(|source| EnvironmentError { name, value, source }))
                .transpose()
        };
        Ok(Self {
            webroot: text("RS_WEBROOT").map(PathBuf::from),
            fileserver: url("RS_FILESERVER")?,
            endpoint: url("RS_ENDPOINT")?,
            token: text("RS_TOKEN").filter(|token| token != OFFLINE).map(SecretString::from),
        })
    }
}
