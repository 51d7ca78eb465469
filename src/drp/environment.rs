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
            webroot: text("RS_WEBROOT").map(PathBuf::from).map(file_root),
            fileserver: url("RS_FILESERVER")?,
            endpoint: url("RS_ENDPOINT")?,
            token: text("RS_TOKEN").filter(|token| token != OFFLINE).map(SecretString::from),
        })
    }

    /// The same without the server's API, on a wire whose server hands everything over with its calls.
    #[must_use]
    pub fn without_api(self) -> Self {
        Self { endpoint: None, token: None, ..self }
    }
}

/// The root of the static file server. Whether `RS_WEBROOT` names that or the `files` directory in it is not documented;
/// uploads in `isos` beside `files` tell.
fn file_root(webroot: PathBuf) -> PathBuf {
    match webroot.parent() {
        Some(root) if webroot.ends_with("files") && !webroot.join("isos").is_dir() && root.join("isos").is_dir() => {
            root.to_owned()
        }
        _ => webroot,
    }
}

#[cfg(test)]
mod tests {
    use super::file_root;

    #[test]
    fn the_root_is_where_uploads_lie() -> std::io::Result<()> {
        let directory = tempfile::tempdir()?;
        let (root, files) = (directory.path().to_owned(), directory.path().join("files"));
        assert_eq!(file_root(files.clone()), files, "nothing tells");
        std::fs::create_dir_all(root.join("isos"))?;
        assert_eq!(file_root(files.clone()), root);
        assert_eq!(file_root(root.clone()), root);
        std::fs::create_dir_all(files.join("isos"))?;
        assert_eq!(file_root(files.clone()), files);
        Ok(())
    }
}
