//! How images are made and served, as the plugin object's parameters say.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};

use crate::actions::Error;
use crate::machine::{ParamError, Params, params as p};
use crate::serve::{Tls, TlsError};

/// The plugin object's parameters that say how images are made and served.
pub const SERVING_PARAMS: [&str; 8] = [
    p::SERVE_ADDRESS,
    p::SERVE_HTTP_PORT,
    p::SERVE_HTTPS_PORT,
    p::SERVE_CERTIFICATE,
    p::SERVE_KEY,
    p::CACHE_DIRECTORY,
    p::CACHE_LIMIT,
    p::IMAGES_LIMIT,
];

/// Where images are served when no parameter says: two ports beside those of dr-provision (8080 and 8090 to 8092).
const HTTP_PORT: u16 = 8096;
const HTTPS_PORT: u16 = 8097;

/// What unpacked and made templates may take: a dozen Sledgehammers.
const CACHE_LIMIT: u64 = 8 << 30;

/// The directory beside the web root. Not below it: who lists that must not learn where images are served.
const CACHE_DIRECTORY: &str = "image-cache";

/// The parameters, read.
#[derive(Debug)]
pub(super) struct Settings {
    address: Option<IpAddr>,
    pub(super) http: u16,
    pub(super) https: u16,
    certificate: Option<(String, SecretString)>,
    /// `None` as long as there is no web root.
    pub(super) cache: Option<PathBuf>,
    pub(super) cache_limit: u64,
    pub(super) images_limit: Option<u64>,
}

impl Settings {
    /// Reads the parameters.
    ///
    /// # Errors
    /// One of them cannot be used.
    pub(super) fn from_params(params: &Params, webroot: Option<&Path>) -> Result<Self, Error> {
        let address = params.filled_text(p::SERVE_ADDRESS)?.map(|text| {
            text.parse().map_err(|_| {
                Error::parameter(format!("the parameter {} is `{text}`, expected an IP address", p::SERVE_ADDRESS))
            })
        });
        let certificate = match (params.filled_text(p::SERVE_CERTIFICATE)?, params.secret(p::SERVE_KEY)?) {
            (Some(chain), Some(key)) => Some((chain.to_owned(), key)),
            (None, None) => None,
            (Some(_), None) => return Err(ParamError::Missing { name: p::SERVE_KEY }.into()),
            (None, Some(_)) => return Err(ParamError::Missing { name: p::SERVE_CERTIFICATE }.into()),
        };
        let usual = Self::usual(webroot);
        Ok(Self {
            address: address.transpose()?,
            http: params.port_or_zero(p::SERVE_HTTP_PORT)?.unwrap_or(usual.http),
            https: params.port_or_zero(p::SERVE_HTTPS_PORT)?.unwrap_or(usual.https),
            certificate,
            cache: params.filled_text(p::CACHE_DIRECTORY)?.map(PathBuf::from).or(usual.cache),
            cache_limit: params.mebibytes(p::CACHE_LIMIT)?.unwrap_or(usual.cache_limit),
            images_limit: params.mebibytes(p::IMAGES_LIMIT)?,
        })
    }

    /// Where no parameter says anything.
    pub(super) fn usual(webroot: Option<&Path>) -> Self {
        Self {
            address: None,
            http: HTTP_PORT,
            https: HTTPS_PORT,
            certificate: None,
            cache: webroot.map(|webroot| webroot.parent().unwrap_or(webroot).join(CACHE_DIRECTORY)),
            cache_limit: CACHE_LIMIT,
            images_limit: None,
        }
    }

    /// Where to listen, in the order in which it is tried: IPv6's own takes IPv4 as well, where the host has IPv6.
    pub(super) fn addresses(&self) -> Vec<IpAddr> {
        let all = [Ipv6Addr::UNSPECIFIED.into(), Ipv4Addr::UNSPECIFIED.into()];
        self.address.map_or(all.to_vec(), |address| vec![address])
    }

    /// The certificate to show: the one that is given, else one of the server's own for the names that BMCs are given.
    pub(super) fn tls(&self, cache: &Path, names: &[String]) -> Result<Tls, TlsError> {
        match &self.certificate {
            Some((chain, key)) => Tls::from_pem(chain.as_bytes(), key.expose_secret().as_bytes()),
            None => Tls::kept(cache, names),
        }
    }
}
