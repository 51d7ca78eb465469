//! The self-signed certificate that a BMC shows.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use rustls::ServerConfig;
use rustls::pki_types::PrivatePkcs8KeyDer;
use sha2::{Digest, Sha256};

/// A certificate, ready to serve.
#[derive(Clone)]
pub(super) struct Certificate {
    pub(super) config: Arc<ServerConfig>,
    /// SHA-256 of the DER, lower hex.
    pub(super) sha256: Arc<str>,
    pub(super) pem: Arc<str>,
}

impl Certificate {
    /// Makes a new key and a certificate for loopback.
    pub(super) fn generate() -> io::Result<Certificate> {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned(), "localhost".to_owned()])
            .map_err(io::Error::other)?;
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let sha256 = Bytes::copy_from_slice(&Sha256::digest(made.cert.der()));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key.into())
            .map_err(io::Error::other)?;
        Ok(Certificate { config: Arc::new(config), sha256: format!("{sha256:x}").into(), pem: made.cert.pem().into() })
    }
}
