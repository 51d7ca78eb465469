//! The provisioning server's REST API and event stream.
//!
//! Objects are read as they are and never written back whole: what is sent is a patch of one parameter. A request is
//! bounded in time, its answer in size. The token goes into the `Authorization` header and nowhere else: redirects are
//! not followed, the proxy environment is ignored, and no message repeats it.

mod address;
mod change;
mod connect;
mod error;
mod exchange;
mod failure;
mod list;
mod listen;
mod objects;
mod stream;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

pub use connect::ServerTls;
pub use error::{ServerError, ServerErrorKind};
pub use listen::Heard;

/// A provisioning server. Cheap to clone; all clones share their connections.
#[derive(Clone)]
pub struct Server(Arc<Inner>);

struct Inner {
    http: reqwest::Client,
    /// Where the API is, without `api/v3`.
    base: Url,
    /// How messages name the server.
    name: String,
    token: SecretString,
    authorization: HeaderValue,
    limits: ServerLimits,
}

/// How long anything may take, and how much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerLimits {
    /// TCP and TLS handshake.
    pub connect: Duration,
    /// One request and its whole answer. On servers with a virtual media feature of their own a change of BootEnv takes up
    /// to a minute, and they may hold other writes to the machine meanwhile.
    pub request: Duration,
    /// The largest answer about one object, in bytes.
    pub object: usize,
    /// The largest page of a list, or message of the event stream, in bytes.
    pub list: usize,
    /// From registering for events to the last acknowledgement.
    pub registration: Duration,
    /// Between two of our pings on the event stream.
    pub ping: Duration,
    /// A stream on which nothing came for this long, not even the answer to a ping, is dead.
    pub silence: Duration,
    /// The longest wait before the first new try after a lost stream; it doubles with each try.
    pub first_retry: Duration,
    /// What that wait doubles to.
    pub last_retry: Duration,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            request: Duration::from_mins(2),
            object: 16 << 20,
            list: 64 << 20,
            registration: Duration::from_secs(30),
            ping: Duration::from_secs(30),
            silence: Duration::from_secs(90),
            first_retry: Duration::from_secs(1),
            last_retry: Duration::from_mins(1),
        }
    }
}

impl Server {
    /// A client of the server at `endpoint`, which is what `RS_ENDPOINT` says. Connects to nothing yet.
    ///
    /// # Errors
    /// The endpoint is no HTTP address, the token no text for a header, the CA no certificate.
    pub fn new(endpoint: &Url, token: SecretString, tls: &ServerTls) -> Result<Self, ServerError> {
        Self::with_limits(endpoint, token, tls, ServerLimits::default())
    }

    /// The same with other limits.
    ///
    /// # Errors
    /// As [`Server::new`].
    pub fn with_limits(
        endpoint: &Url,
        token: SecretString,
        tls: &ServerTls,
        limits: ServerLimits,
    ) -> Result<Self, ServerError> {
        let name = address::shown(endpoint);
        let unusable = |what: &str, advice| {
            ServerError::new(ServerErrorKind::Setup, "preparing to speak with the API", &name, what).advise(advice)
        };
        let Some(base) = address::base(endpoint) else {
            return Err(unusable("has no HTTP address", "RS_ENDPOINT is an address such as https://127.0.0.1:8092"));
        };
        let Ok(mut authorization) = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret())) else {
            return Err(unusable("cannot be given a token with control characters", "check RS_TOKEN"));
        };
        authorization.set_sensitive(true);
        let http = connect::client(tls, limits.connect)
            .map_err(|cause| unusable(&format!("cannot be verified: {cause}"), "check the CA certificates"))?;
        Ok(Self(Arc::new(Inner { http, base, name, token, authorization, limits })))
    }

    /// How messages name the server: its endpoint.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }
}

/// Without the token.
impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("endpoint", &self.0.name).finish_non_exhaustive()
    }
}
