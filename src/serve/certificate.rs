//! The certificate that the image server shows: one that the caller gives, or one of its own, made once and kept.
//!
//! Its own has an RSA key of 2,048 bits and a signature by SHA-256, because firmware of BMCs that knows elliptic curves in certificates is
//! younger than much hardware. Its dates lie between 1975 and the end of 2037: a BMC's clock may stand at any of its epochs, and a
//! 32-bit one ends in January 2038. TLS 1.2 and 1.3 are spoken.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_RSA_SHA256, RsaKeySize, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};
use tokio_rustls::TlsAcceptor;

use super::error::TlsError;
use crate::iso::hex;

/// A certificate with its key, ready to be shown.
#[derive(Clone, Debug)]
pub struct Tls {
    config: Arc<ServerConfig>,
}

impl Tls {
    /// A certificate and what leads to it, the server's own first, and its private key (PKCS #8, PKCS #1 or SEC 1), in PEM.
    ///
    /// # Errors
    /// One of them cannot be read, or they do not belong together.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let chain = CertificateDer::pem_slice_iter(chain).collect::<Result<Vec<_>, _>>();
        let chain = chain.map_err(|error| TlsError::Certificate(error.to_string()))?;
        if chain.is_empty() {
            return Err(TlsError::Certificate("there is none in it".to_owned()));
        }
        // Whatever the text is, it may be a key's: none of it goes into the message.
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| TlsError::Key("there is none in it".to_owned()))?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|versions| versions.with_no_client_auth().with_single_cert(chain, key))
            .map_err(TlsError::Unusable)?;
        Ok(Self { config: Arc::new(config) })
    }

    /// The server's own certificate for `names`, host names and addresses, kept in `directory` in a file that its owner alone can read.
    /// Made where it is not there yet, and another one for other names. Other processes may do the same at the same time: all show
    /// the one that was there first.
    ///
    /// # Errors
    /// A name that no certificate can have, or a file that cannot be read or written.
    pub fn kept(directory: &Path, names: &[String]) -> Result<Self, TlsError> {
        let path = directory.join(file_name(names));
        let failed = |source| TlsError::Keep { path: path.clone(), source };
        let pem = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(directory).map_err(failed)?;
                keep(directory, &path, &make(names)?).map_err(failed)?;
                fs::read(&path).map_err(failed)?
            }
            read => read.map_err(failed)?,
        };
        Self::from_pem(&pem, &pem)
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        Arc::clone(&self.config).into()
    }
}

/// A name for the file of these names' certificate, in whatever order they come.
fn file_name(names: &[String]) -> String {
    let mut names = names.to_vec();
    names.sort();
    names.dedup();
    let digest = Sha256::digest(names.join("\n"));
    format!("image-server-{}.pem", hex(&digest[..8]))
}

/// Makes a key and its certificate, in PEM one after the other.
fn make(names: &[String]) -> Result<String, TlsError> {
    let failed = |source| TlsError::Make { names: names.to_vec(), source };
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).map_err(failed)?;
    let mut params = CertificateParams::new(names).map_err(failed)?;
    params.not_before = date_time_ymd(1975, 1, 1);
    params.not_after = date_time_ymd(2037, 12, 31);
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "image server of virtual-media");
    let certificate = params.self_signed(&key).map_err(failed)?;
    Ok(certificate.pem() + &key.serialize_pem())
}

/// Puts `pem` at `path`, unless another process was faster. A temporary file is for its owner alone from the start.
fn keep(directory: &Path, path: &Path, pem: &str) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(pem.as_bytes())?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Err(error) if error.error.kind() != io::ErrorKind::AlreadyExists => Err(error.error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::{Tls, TlsError};

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_certificate_is_made_once_for_its_names_and_read_by_nobody_else() {
        let directory = tempfile::tempdir().unwrap();
        let kept = directory.path().join("kept");
        Tls::kept(&kept, &names(&["192.0.2.1", "images.example"])).unwrap();
        let file = fs::read_dir(&kept).unwrap().next().unwrap().unwrap().path();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let first = fs::read(&file).unwrap();

        Tls::kept(&kept, &names(&["images.example", "192.0.2.1"])).unwrap();
        assert_eq!(fs::read(&file).unwrap(), first);
        assert_eq!(fs::read_dir(&kept).unwrap().count(), 1);
        Tls::kept(&kept, &names(&["192.0.2.2"])).unwrap();
        assert_eq!(fs::read_dir(&kept).unwrap().count(), 2);

        let other = fs::read_dir(&kept).unwrap().map(|entry| entry.unwrap().path()).find(|path| *path != file).unwrap();
        assert!(matches!(Tls::from_pem(&first, &fs::read(other).unwrap()), Err(TlsError::Unusable(_))));
    }

    #[test]
    fn what_is_no_certificate_or_key_is_told_without_its_text() {
        let directory = tempfile::tempdir().unwrap();
        Tls::kept(directory.path(), &names(&["images.example"])).unwrap();
        let pem = fs::read(fs::read_dir(directory.path()).unwrap().next().unwrap().unwrap().path()).unwrap();
        assert!(matches!(Tls::from_pem(b"", &pem), Err(TlsError::Certificate(_))));
        let secret = b"-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE ";
        let error = Tls::from_pem(&pem, secret).unwrap_err();
        assert!(matches!(error, TlsError::Key(_)) && !error.to_string().contains("c2Vj"), "{error}");
    }
}
