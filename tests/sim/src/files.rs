//! A static file server on loopback, as the provisioning server has one: Range, HEAD, and nothing else; over HTTP on one
//! port and over HTTPS, with a self-signed certificate, on another.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::serve::Listener;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tower_http::services::ServeDir;
use url::Url;

use crate::bmc::certificate::Certificate;

/// Serves a directory until it is dropped.
#[derive(Debug)]
pub struct FileServer {
    url: Url,
    https_url: Url,
    shared: Arc<Shared>,
    // Aborted when this is dropped.
    _tasks: JoinSet<()>,
}

#[derive(Debug, Default)]
struct Shared {
    requests: AtomicUsize,
    refusing: AtomicBool,
}

impl FileServer {
    /// Serves `directory` on two ports of its own.
    ///
    /// # Errors
    /// When no port can be bound, or no certificate made.
    pub async fn start(directory: impl AsRef<Path>) -> io::Result<FileServer> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = Url::parse(&format!("http://{}/", listener.local_addr()?)).map_err(io::Error::other)?;
        let secure = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let https_url = Url::parse(&format!("https://{}/", secure.local_addr()?)).map_err(io::Error::other)?;
        let certificate = tokio::task::spawn_blocking(Certificate::generate).await.map_err(io::Error::other)??;
        let secure = TlsListener { listener: secure, acceptor: TlsAcceptor::from(certificate.config) };
        let shared = Arc::new(Shared::default());
        let router = Router::new()
            .fallback_service(ServeDir::new(directory).append_index_html_on_directories(false))
            .layer(from_fn_with_state(Arc::clone(&shared), count));
        let mut tasks = JoinSet::new();
        let plain = router.clone();
        // They end by being aborted: an error of a single connection does not end them.
        tasks.spawn(async move { drop(axum::serve(listener, plain).await) });
        tasks.spawn(async move { drop(axum::serve(secure, router).await) });
        Ok(FileServer { url, https_url, shared, _tasks: tasks })
    }

    /// Its root, with a slash at the end.
    #[must_use]
    pub fn url(&self) -> Url {
        self.url.clone()
    }

    /// The same over HTTPS.
    #[must_use]
    pub fn https_url(&self) -> Url {
        self.https_url.clone()
    }

    /// Its root as a BMC that fetches images by this scheme reaches it. NFS and CIFS shares are simulated BMCs' to believe in:
    /// nobody serves them here.
    #[must_use]
    pub fn url_by(&self, scheme: &str) -> Url {
        match scheme {
            "http" => self.url(),
            "https" => self.https_url(),
            share => Url::parse(&format!("{share}://127.0.0.1/share/")).unwrap_or_else(|_| self.url()),
        }
    }

    /// Requests since the start, refused ones among them.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.shared.requests.load(Ordering::Relaxed)
    }

    /// Answers 404 to everything from now on, or no longer.
    pub fn refuse(&self, refuse: bool) {
        self.shared.refusing.store(refuse, Ordering::Relaxed);
    }
}

/// Accepts TLS. One handshake at a time, which is enough for tests; a client that does not finish its own holds the others
/// up, so no test may do that.
struct TlsListener {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, address) = Listener::accept(&mut self.listener).await;
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

async fn count(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    shared.requests.fetch_add(1, Ordering::Relaxed);
    if shared.refusing.load(Ordering::Relaxed) {
        return StatusCode::NOT_FOUND.into_response();
    }
    next.run(request).await
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn ranges_are_served_and_refusals_counted() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("a.iso"), b"0123456789").unwrap();
        let server = FileServer::start(directory.path()).await.unwrap();
        let client = reqwest::Client::builder().no_proxy().tls_danger_accept_invalid_certs(true).build().unwrap();
        for root in [server.url(), server.https_url()] {
            assert_eq!(client.get(root.join("a.iso").unwrap()).send().await.unwrap().bytes().await.unwrap().len(), 10);
        }
        let get = || client.get(server.url().join("a.iso").unwrap()).header("Range", "bytes=2-4").send();
        let answer = get().await.unwrap();
        assert_eq!((answer.status().as_u16(), &answer.bytes().await.unwrap()[..]), (206, &b"234"[..]));
        server.refuse(true);
        assert_eq!(get().await.unwrap().status().as_u16(), 404);
        assert_eq!(server.requests(), 4);
    }
}
