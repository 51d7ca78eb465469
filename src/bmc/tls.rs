//! HTTP clients, one per trust in a certificate, all made in one place.
//!
//! TLS is rustls's. A BMC too old for that is spoken with through OpenSSL (`legacy`) where its target allows it.
//!
//! Every client ignores the proxy environment: reqwest would use `HTTPS_PROXY` even without its system-proxy
//! feature, and a BMC is never behind the proxy that downloads packages.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::fmt::{self, Display, Formatter};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use reqwest::tls::TlsInfo;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{AlertDescription, CertificateError, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme};

use super::limits::Limits;
use super::target::{Fingerprint, Target, TlsPolicy};
use crate::names::Names;
use crate::words::causes;
pub(crate) use crate::words::{root_cause, told};

mod legacy;

pub(crate) use legacy::LegacyFailure;
use legacy::{Legacy, Shown};

/// Which certificates a client accepts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Trust {
    /// Any, and the handshake's signature is not looked at: also certificates that rustls cannot read (X.509 v1,
    /// 1024-bit keys) are common on BMCs.
    Anything,
    /// Any whose holder proves to have its key, and from then on that one alone: what may be recorded and pinned.
    FirstSeen,
    /// This one alone.
    Pinned(Fingerprint),
    /// What chains to the system's roots.
    System,
    /// What chains to these certificates (PEM).
    Authority(String),
}

impl Trust {
    /// What the target's policy accepts.
    pub(crate) fn of(target: &Target) -> Self {
        match &target.tls {
            TlsPolicy::Accept => Self::Anything,
            TlsPolicy::Pin(given) => given.or(target.recorded_fingerprint).map_or(Self::FirstSeen, Self::Pinned),
            TlsPolicy::Verify { ca_pem: None } => Self::System,
            TlsPolicy::Verify { ca_pem: Some(pem) } => Self::Authority(pem.clone()),
        }
    }
}

/// The clients in use. A client that loads roots costs 20 ms to build (measured), so those are kept; one for a single
/// certificate costs microseconds and serves one BMC, so it is not.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clients(Arc<Mutex<HashMap<(Trust, Duration), reqwest::Client>>>);

/// Speaks HTTP with one BMC.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    /// Makes every request, and sends it where there is no other.
    client: reqwest::Client,
    legacy: Option<Arc<Legacy>>,
}

/// Why a request got no answer.
#[derive(Debug)]
pub(crate) enum Unanswered {
    Http(reqwest::Error),
    Legacy(LegacyFailure),
}

/// What the BMC showed of its TLS.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// The certificate's.
    pub(crate) fingerprint: Fingerprint,
    /// Version and cipher suite, where the old TLS is allowed.
    pub(crate) old: Option<String>,
}

impl Http {
    pub(crate) fn request(&self, method: reqwest::Method, url: url::Url) -> reqwest::RequestBuilder {
        self.client.request(method, url)
    }

    /// Sends a request that [`Http::request`] began. Dropping the future ends it.
    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Result<reqwest::Response, Unanswered> {
        let Some(legacy) = &self.legacy else { return request.send().await.map_err(Unanswered::Http) };
        let request = request.build().map_err(Unanswered::Http)?;
        // Few operations need it, so no other carries the future along.
        Box::pin(legacy.send(request)).await.map_err(Unanswered::Legacy)
    }

    /// Whether old TLS is allowed.
    pub(crate) fn allows_old_tls(&self) -> bool {
        self.legacy.is_some()
    }
}

/// The TLS that an answer came through.
pub(crate) fn seen(response: &reqwest::Response) -> Option<Seen> {
    if let Some(Shown { fingerprint, suite }) = response.extensions().get().cloned() {
        return Some(Seen { fingerprint, old: Some(suite) });
    }
    let certificate = response.extensions().get::<TlsInfo>().and_then(TlsInfo::peer_certificate)?;
    Some(Seen { fingerprint: Fingerprint::of(certificate), old: None })
}

impl Clients {
    /// More kinds than this are only seen when every BMC has a CA of its own; then all are built anew.
    const KEPT: usize = 16;

    /// What speaks with the target, accepting the certificates that its policy does.
    pub(crate) fn http(&self, target: &Target) -> Result<Http, String> {
        let (trust, connect) = (Trust::of(target), target.limits.connect);
        // Where the old TLS is used, this one only makes the requests; it would judge no less.
        let client = self.get(&trust, connect)?;
        let legacy = if target.tls_legacy { Some(Arc::new(Legacy::new(judge(&trust)?, connect)?)) } else { None };
        Ok(Http { client, legacy })
    }

    pub(crate) fn get(&self, trust: &Trust, connect: Duration) -> Result<reqwest::Client, String> {
        if matches!(trust, Trust::FirstSeen | Trust::Pinned(_)) {
            return build(trust, connect);
        }
        let key = (trust.clone(), connect);
        // The map is whole after every statement, so a poisoned lock is still good.
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = kept.get(&key) {
            return Ok(client.clone());
        }
        let client = build(trust, connect)?;
        if kept.len() >= Self::KEPT {
            kept.clear();
        }
        kept.insert(key, client.clone());
        Ok(client)
    }
}

/// How long a connection may be idle. It is let go soon after an operation, because BMCs have few and choke on idle ones (rule
/// R9), but not between two looks of one: at two seconds each look cost a handshake, and web servers wait five (Apache's
/// `KeepAliveTimeout`, lighttpd's server.max-keep-alive-idle).
const IDLE: Duration = Duration::from_secs(4);

const _: () = assert!(IDLE.as_millis() > Limits::POLL.as_millis(), "the looks of one operation share a connection");

fn build(trust: &Trust, connect: Duration) -> Result<reqwest::Client, String> {
    let builder = reqwest::Client::builder()
        .dns_resolver(Names::default())
        .no_proxy()
        .http1_only()
        .gzip(true)
        // Redirects are followed by our own client, within the BMC and with method and body kept.
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .connect_timeout(connect)
        // One connection an operation.
        .pool_max_idle_per_host(1)
        .pool_idle_timeout(IDLE)
        .tls_info(true);
    let builder = match trust {
        Trust::Anything => builder.tls_danger_accept_invalid_certs(true),
        Trust::FirstSeen => builder.tls_backend_preconfigured(judged_by(OnceLock::new())?),
        Trust::Pinned(pin) => builder.tls_backend_preconfigured(judged_by(OnceLock::from(*pin))?),
        Trust::System => builder,
        Trust::Authority(pem) => {
            let authorities = reqwest::Certificate::from_pem_bundle(pem.as_bytes()).map_err(|e| told(&e))?;
            if authorities.is_empty() {
                return Err("the CA file holds no PEM certificate".to_owned());
            }
            builder.tls_certs_only(authorities)
        }
    };
    builder.build().map_err(|e| told(&e))
}

/// Who decides about a certificate whose key is proven, by the same rules as in [`build`]; nobody where any is accepted.
fn judge(trust: &Trust) -> Result<Option<Arc<dyn ServerCertVerifier>>, String> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    Ok(Some(match trust {
        Trust::Anything => return Ok(None),
        Trust::FirstSeen => Arc::new(PinJudge { pin: OnceLock::new(), provider }),
        Trust::Pinned(pin) => Arc::new(PinJudge { pin: OnceLock::from(*pin), provider }),
        Trust::System => Arc::new(rustls_platform_verifier::Verifier::new(provider).map_err(|e| told(&e))?),
        Trust::Authority(pem) => {
            let mut roots = RootCertStore::empty();
            for authority in CertificateDer::pem_slice_iter(pem.as_bytes()) {
                roots.add(authority.map_err(|e| told(&e))?).map_err(|e| told(&e))?;
            }
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().map_err(|e| told(&e))?
        }
    }))
}

fn judged_by(pin: OnceLock<Fingerprint>) -> Result<rustls::ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let judge = Arc::new(PinJudge { pin, provider: Arc::clone(&provider) });
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(judge)
        .with_no_client_auth();
    Ok(config)
}

/// Accepts one certificate, the given or the first seen, from a peer that proves to hold its key.
#[derive(Debug)]
struct PinJudge {
    pin: OnceLock<Fingerprint>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for PinJudge {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let seen = Fingerprint::of(certificate);
        let pinned = *self.pin.get_or_init(|| seen);
        if pinned != seen {
            let changed = Arc::new(Changed { pinned, seen });
            return Err(rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(changed))));
        }
        Ok(ServerCertVerified::assertion())
    }

    // Without these two a pin proves nothing: certificates are public, only their key is not.
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// A BMC that shows another certificate than the pinned one.
#[derive(Clone, Copy, Debug)]
struct Changed {
    pinned: Fingerprint,
    seen: Fingerprint,
}

impl Display for Changed {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "certificate {} is not the pinned {}", self.seen, self.pinned)
    }
}

impl StdError for Changed {}

/// Why no TLS connection came about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TlsFailure {
    /// Another certificate than the pinned one.
    Changed { pinned: Fingerprint, seen: Fingerprint },
    /// No protocol version or cipher suite in common. Seen with RSA key exchange only (H3C HDM 3.57), CBC only, TLS 1.1 only.
    NothingInCommon(String),
    /// The certificate does not satisfy the policy.
    Certificate(String),
    /// Anything else in the handshake.
    Other(String),
}

/// The TLS failure inside an HTTP client's error, if that is what it is.
pub(crate) fn tls_failure(error: &(dyn StdError + 'static)) -> Option<TlsFailure> {
    causes(error).find_map(|cause| cause.downcast_ref()).map(of_rustls)
}

fn of_rustls(failure: &rustls::Error) -> TlsFailure {
    match failure {
        rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(inner))) => {
            match inner.downcast_ref::<Changed>() {
                Some(&Changed { pinned, seen }) => TlsFailure::Changed { pinned, seen },
                None => TlsFailure::Certificate(failure.to_string()),
            }
        }
        rustls::Error::InvalidCertificate(_) => TlsFailure::Certificate(failure.to_string()),
        rustls::Error::PeerIncompatible(_)
        | rustls::Error::AlertReceived(
            AlertDescription::HandshakeFailure
            | AlertDescription::ProtocolVersion
            | AlertDescription::InsufficientSecurity,
        ) => TlsFailure::NothingInCommon(failure.to_string()),
        _ => TlsFailure::Other(failure.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Clients, Trust};

    #[test]
    fn clients_with_roots_are_kept_and_never_without_limit() {
        let clients = Clients::default();
        for seconds in 1..100 {
            assert!(clients.get(&Trust::Anything, Duration::from_secs(seconds)).is_ok());
        }
        assert!(clients.0.lock().is_ok_and(|kept| kept.len() <= Clients::KEPT));
    }

    #[test]
    fn a_ca_file_without_a_certificate_is_an_error() {
        for pem in ["", "no pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            assert!(
                Clients::default().get(&Trust::Authority(pem.to_owned()), Duration::from_secs(1)).is_err(),
                "{pem}"
            );
        }
    }
}
