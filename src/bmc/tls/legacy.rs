//! TLS as BMCs of the years before 2018 speak it, through OpenSSL: RSA key exchange, CBC suites, finite-field DHE, TLS 1.0 and
//! 1.1, 512-bit keys, no secure renegotiation. rustls has none of it, by design.
//!
//! Only for a BMC whose target says so. What a certificate has to satisfy is the same as elsewhere, because the same judge
//! decides: OpenSSL proves that the peer holds the certificate's key, whatever the suite (it signed the key exchange, or could
//! read what was encrypted to it), and then the judge sees the certificate, before the first byte of a request is sent.
//!
//! Out of scope: suites without a key (anonymous, PSK), export ones, RC4, 3DES and SSL 3, which the OpenSSL that is built in
//! has not got; compressed answers, which are not asked for.

use std::error::Error as StdError;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::client::conn::http1;
use hyper::header::{HOST, HeaderValue};
use hyper::http::uri::InvalidUri;
use hyper_util::rt::TokioIo;
use openssl::error::ErrorStack;
use openssl::ssl::{self, Ssl, SslContext, SslMethod, SslOptions, SslVerifyMode, SslVersion};
use reqwest::dns::Resolve as _;
use reqwest::{Body, Request, Response};
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tokio_openssl::SslStream;
use tokio_util::task::AbortOnDropHandle;
use tracing::debug;
use url::{Host, Position, Url};

use super::{IDLE, TlsFailure, of_rustls, root_cause, told};
use crate::bmc::target::Fingerprint;
use crate::names::Names;

/// Everything that proves a key. At level 0 no key is too short and no hash too old.
const SUITES: &str = "ALL:!aNULL:!eNULL:!PSK:!SRP:!EXPORT:@SECLEVEL=0";

/// `SSL_OP_LEGACY_SERVER_CONNECT`, which the crate has no name for: a server without RFC 5746 is spoken with. OpenSSL 3 refuses
/// those (openssl#16278), and firmware older than 2010's fix is still on machines.
const LEGACY_SERVER_CONNECT: SslOptions = SslOptions::from_bits_retain(0x4);

/// Speaks with one BMC, over one connection at a time.
pub(crate) struct Legacy {
    context: SslContext,
    /// Without one every certificate is accepted.
    judge: Option<Arc<dyn ServerCertVerifier>>,
    connect: Duration,
    names: Names,
    connection: Mutex<Option<Connection>>,
}

/// The certificate that the peer proved to be its own, and the TLS that it took; with every response.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    pub(crate) fingerprint: Fingerprint,
    /// Such as `TLSv1.2 AES128-SHA`.
    pub(crate) suite: String,
}

/// An open connection.
struct Connection {
    sender: http1::SendRequest<Body>,
    shown: Shown,
    used: Instant,
    /// Moves the bytes; ends with the connection.
    _driver: AbortOnDropHandle<()>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum LegacyFailure {
    /// No connection within the time for it.
    Late,
    /// No TCP connection.
    Tcp(String),
    /// No TLS connection that satisfies the policy.
    Tls(TlsFailure),
    /// A connection that broke.
    Broken(String),
}

impl fmt::Debug for Legacy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Legacy").field("judge", &self.judge).finish_non_exhaustive()
    }
}

impl Legacy {
    pub(super) fn new(judge: Option<Arc<dyn ServerCertVerifier>>, connect: Duration) -> Result<Self, String> {
        let context = context().map_err(|error| told(&error))?;
        Ok(Self { context, judge, connect, names: Names::default(), connection: Mutex::default() })
    }

    /// Sends a request and gives the head of its answer; the body is read by whoever gets that.
    pub(super) async fn send(&self, request: Request) -> Result<Response, LegacyFailure> {
        let url = request.url().clone();
        let mut request = outgoing(request, &url)?;
        let mut slot = self.connection.lock().await;
        let mut idle = slot.take().filter(|connection| connection.used.elapsed() < IDLE);
        if let Some(connection) = &mut idle
            && connection.sender.ready().await.is_err()
        {
            idle = None;
        }
        loop {
            let reused = idle.is_some();
            let mut connection = match idle.take() {
                Some(connection) => connection,
                None => self.open(&url).await?,
            };
            match connection.sender.try_send_request(request).await {
                Ok(response) => {
                    connection.used = Instant::now();
                    let mut response = response.map(Body::wrap);
                    response.extensions_mut().insert(connection.shown.clone());
                    *slot = Some(connection);
                    return Ok(response.into());
                }
                Err(mut failed) => match failed.take_message() {
                    // It was closed in the meantime, and nothing of this was sent.
                    Some(unsent) if reused => request = unsent,
                    _ => return Err(LegacyFailure::Broken(told(&failed.into_error()))),
                },
            }
        }
    }

    async fn open(&self, url: &Url) -> Result<Connection, LegacyFailure> {
        let opened = tokio::time::timeout(self.connect, async {
            let stream = self.reach(url).await.map_err(|error| LegacyFailure::Tcp(root_cause(&*error)))?;
            self.secure(stream, url).await
        });
        let (stream, shown) = opened.await.map_err(|_| LegacyFailure::Late)??;
        let made = http1::handshake(TokioIo::new(stream)).await;
        let (sender, driver) = made.map_err(|error| LegacyFailure::Broken(told(&error)))?;
        // What breaks the connection is told by the request that it breaks.
        let driver = tokio::spawn(async { drop(driver.await) });
        Ok(Connection { sender, shown, used: Instant::now(), _driver: AbortOnDropHandle::new(driver) })
    }

    /// A TCP connection to the first of the host's addresses that takes one.
    async fn reach(&self, url: &Url) -> Result<TcpStream, Box<dyn StdError + Send + Sync>> {
        let port = url.port_or_known_default().unwrap_or(443);
        let addresses: Vec<SocketAddr> = match url.host() {
            Some(Host::Ipv4(ip)) => vec![SocketAddr::new(ip.into(), port)],
            Some(Host::Ipv6(ip)) => vec![SocketAddr::new(ip.into(), port)],
            Some(Host::Domain(name)) => {
                let found = self.names.resolve(name.parse()?).await?;
                found.map(|address| SocketAddr::new(address.ip(), port)).collect()
            }
            None => Vec::new(),
        };
        // None may use up the time of those after it.
        let share = self.connect / u32::try_from(addresses.len()).unwrap_or(u32::MAX).max(1);
        let mut last: Box<dyn StdError + Send + Sync> = "the name has no address".into();
        for address in addresses {
            match tokio::time::timeout(share, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    // Requests are written whole, and each waits for its answer.
                    stream.set_nodelay(true)?;
                    return Ok(stream);
                }
                Ok(Err(error)) => last = error.into(),
                Err(late) => last = late.into(),
            }
        }
        Err(last)
    }

    async fn secure(&self, stream: TcpStream, url: &Url) -> Result<(SslStream<TcpStream>, Shown), LegacyFailure> {
        let other = |error: &(dyn StdError + 'static)| LegacyFailure::Tls(TlsFailure::Other(told(error)));
        let mut session = Ssl::new(&self.context).map_err(|error| other(&error))?;
        if let Some(Host::Domain(name)) = url.host() {
            session.set_hostname(name).map_err(|error| other(&error))?;
        }
        let mut stream = SslStream::new(session, stream).map_err(|error| other(&error))?;
        Pin::new(&mut stream).connect().await.map_err(|error| LegacyFailure::Tls(failure(&error)))?;
        let shown = self.judged(stream.ssl(), url).map_err(LegacyFailure::Tls)?;
        debug!(bmc = url.authority(), suite = shown.suite, certificate = %shown.fingerprint, "old TLS");
        Ok((stream, shown))
    }

    /// What the peer showed, where the policy accepts it.
    fn judged(&self, session: &ssl::SslRef, url: &Url) -> Result<Shown, TlsFailure> {
        let der = |certificate: &openssl::x509::X509Ref| {
            let der = certificate.to_der().map_err(|error| TlsFailure::Other(told(&error)))?;
            Ok(CertificateDer::from(der))
        };
        let Some(own) = session.peer_certificate() else {
            return Err(TlsFailure::Other("no certificate was shown".to_owned()));
        };
        let own = der(&own)?;
        if let Some(judge) = &self.judge {
            let chain = session.peer_cert_chain().into_iter().flatten().skip(1).map(der);
            let chain = chain.collect::<Result<Vec<_>, _>>()?;
            let name = server_name(url).ok_or_else(|| TlsFailure::Other("the address is no name".to_owned()))?;
            judge.verify_server_cert(&own, &chain, &name, &[], UnixTime::now()).map_err(|error| of_rustls(&error))?;
        }
        let cipher = session.current_cipher().map_or("", ssl::SslCipherRef::name);
        Ok(Shown { fingerprint: Fingerprint::of(&own), suite: format!("{} {cipher}", session.version_str()) })
    }
}

fn context() -> Result<SslContext, ErrorStack> {
    let mut context = SslContext::builder(SslMethod::tls_client())?;
    context.set_cipher_list(SUITES)?;
    context.set_min_proto_version(Some(SslVersion::TLS1))?;
    // Without a renegotiation the certificate that was judged stays the one that is spoken with.
    context.set_options(LEGACY_SERVER_CONNECT | SslOptions::NO_RENEGOTIATION);
    // The judge does, after the handshake.
    context.set_verify(SslVerifyMode::NONE);
    Ok(context.build())
}

/// The request as it is written: the path alone in its first line.
fn outgoing(request: Request, url: &Url) -> Result<hyper::Request<Body>, LegacyFailure> {
    let broken = |error: &(dyn StdError + 'static)| LegacyFailure::Broken(told(error));
    let mut request = hyper::Request::try_from(request).map_err(|error| broken(&error))?;
    let host = HeaderValue::try_from(url.authority()).map_err(|error| broken(&error))?;
    request.headers_mut().insert(HOST, host);
    *request.uri_mut() =
        url[Position::BeforePath..Position::AfterQuery].parse().map_err(|error: InvalidUri| broken(&error))?;
    Ok(request)
}

fn server_name(url: &Url) -> Option<ServerName<'static>> {
    match url.host()? {
        Host::Domain(name) => ServerName::try_from(name.to_owned()).ok(),
        Host::Ipv4(ip) => Some(ServerName::from(IpAddr::from(ip))),
        Host::Ipv6(ip) => Some(ServerName::from(IpAddr::from(ip))),
    }
}

/// What OpenSSL says of a handshake. Its reasons are texts (its `ssl/ssl_err.c`); some of them mean that nothing is in common.
fn failure(error: &ssl::Error) -> TlsFailure {
    const NOTHING_IN_COMMON: [&str; 8] = [
        "handshake failure",
        "insufficient security",
        "no ciphers available",
        "no protocols available",
        "protocol version",
        "unsupported protocol",
        "version too low",
        "dh key too small",
    ];
    let reasons = error.ssl_error().map(ErrorStack::errors).unwrap_or_default();
    let reason = reasons.iter().find_map(openssl::error::Error::reason);
    match (reason, error.io_error()) {
        (Some(reason), _) if NOTHING_IN_COMMON.iter().any(|known| reason.ends_with(known)) => {
            TlsFailure::NothingInCommon(reason.to_owned())
        }
        (Some(reason), _) => TlsFailure::Other(reason.to_owned()),
        (None, Some(broken)) => TlsFailure::Other(root_cause(broken)),
        (None, None) => TlsFailure::Other(told(error)),
    }
}
