//! The self-signed certificate that a BMC shows.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use sha2::{Digest, Sha256};

/// A certificate, ready to serve.
#[derive(Clone)]
pub(crate) struct Certificate {
    pub(crate) config: Arc<ServerConfig>,
    /// SHA-256 of the DER, lower hex.
    pub(crate) sha256: Arc<str>,
    pub(crate) pem: Arc<str>,
}

impl Certificate {
    /// Makes a new key and a certificate for loopback.
    pub(crate) fn generate() -> io::Result<Certificate> {
        let made = make()?;
        let sha256 = Bytes::copy_from_slice(&Sha256::digest(made.cert.der()));
        let config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key(&made))
            .map_err(io::Error::other)?;
        Ok(Certificate { config: Arc::new(config), sha256: format!("{sha256:x}").into(), pem: made.cert.pem().into() })
    }

    /// The same certificate, shown by somebody who does not have its key.
    pub(super) fn stolen(&self) -> io::Result<Certificate> {
        let provider = provider();
        let certificate = CertificateDer::from_pem_slice(self.pem.as_bytes()).map_err(io::Error::other)?;
        let foreign = provider.key_provider.load_private_key(key(&make()?)).map_err(io::Error::other)?;
        let shown = SingleCertAndKey::from(CertifiedKey::new(vec![certificate], foreign));
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(shown));
        Ok(Certificate { config: Arc::new(config), sha256: Arc::clone(&self.sha256), pem: Arc::clone(&self.pem) })
    }
}

fn make() -> io::Result<rcgen::CertifiedKey<rcgen::KeyPair>> {
    rcgen::generate_simple_self_signed(["127.0.0.1".to_owned(), "localhost".to_owned()]).map_err(io::Error::other)
}

fn key(made: &rcgen::CertifiedKey<rcgen::KeyPair>) -> PrivateKeyDer<'static> {
    PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()).into()
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}
