//! A static file server on loopback, as the provisioning server has one: Range, HEAD, and nothing else.

use std::io;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tower_http::services::ServeDir;
use url::Url;

/// Serves a directory until it is dropped.
#[derive(Debug)]
pub struct FileServer {
    url: Url,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Shared {
    requests: AtomicUsize,
    refusing: AtomicBool,
}

impl FileServer {
    /// Serves `directory` on a port of its own.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start(directory: impl AsRef<Path>) -> io::Result<FileServer> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = Url::parse(&format!("http://{}/", listener.local_addr()?)).map_err(io::Error::other)?;
        let shared = Arc::new(Shared::default());
        let router = Router::new()
            .fallback_service(ServeDir::new(directory).append_index_html_on_directories(false))
            .layer(from_fn_with_state(Arc::clone(&shared), count));
        let task = tokio::spawn(async move {
            // It ends by being aborted: an error of a single connection does not end it.
            let _ = axum::serve(listener, router).await;
        });
        Ok(FileServer { url, shared, task })
    }

    /// Its root, with a slash at the end.
    #[must_use]
    pub fn url(&self) -> Url {
        self.url.clone()
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

impl Drop for FileServer {
    fn drop(&mut self) {
        self.task.abort();
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
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let get = || client.get(server.url().join("a.iso").unwrap()).header("Range", "bytes=2-4").send();
        let answer = get().await.unwrap();
        assert_eq!((answer.status().as_u16(), &answer.bytes().await.unwrap()[..]), (206, &b"234"[..]));
        server.refuse(true);
        assert_eq!(get().await.unwrap().status().as_u16(), 404);
        assert_eq!(server.requests(), 2);
    }
}
