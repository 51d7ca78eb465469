//! Why images cannot be served.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Somebody else has the port.
    #[error(
        "images cannot be served at {address}: another process listens there; stop that one, or set Param {param} to another port"
    )]
    InUse {
        /// Where.
        address: SocketAddr,
        /// The Param that says so.
        param: &'static str,
    },
    /// The kernel refuses the address.
    #[error("listening at {address} for readers of images: {source}; Param {param} says where")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// The Param that says so.
        param: &'static str,
        /// What came back.
        source: io::Error,
    },
    /// Neither HTTP nor HTTPS has a port.
    #[error("images cannot be served: both ports of the image server are switched off; set one of them")]
    Nowhere,
    /// The process gets no threads or no timers.
    #[error("starting the threads of the image server: {0}")]
    Threads(#[source] io::Error),
}

/// Why a certificate cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The text has no certificate.
    #[error("the image server's certificate is no certificate in PEM: {0}")]
    Certificate(String),
    /// The text has no private key.
    #[error("the image server's private key is no key in PEM: {0}")]
    Key(String),
    /// Both are read, and do not belong together or cannot be used.
    #[error("the image server's certificate and private key cannot be used together: {0}")]
    Unusable(#[source] rustls::Error),
    /// A certificate cannot be made for these names.
    #[error("making a certificate of the image server's own for {names:?}: {source}")]
    Make {
        /// The names and addresses that it would be for.
        names: Vec<String>,
        /// What came back.
        source: rcgen::Error,
    },
    /// A certificate cannot be kept.
    #[error("keeping the image server's certificate and key in {path}: {source}")]
    Keep {
        /// Its file.
        path: PathBuf,
        /// What came back.
        source: io::Error,
    },
}
