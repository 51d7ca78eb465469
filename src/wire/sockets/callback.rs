//! The client on the server's socket: one connection, made when there is something to say, and made again when it
//! breaks.
//!
//! Nothing here may depend on the server: it may bind its socket late, refuse, or take a request and never answer. What
//! waits meanwhile is in the outbox, which is bounded. What happens here is told on stderr alone; told to the server,
//! each line would cause the next.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::outbox::{Kind, Outbox, Post};
use crate::drp::models::Error;
use crate::wire::log::LOCAL;

/// How long the server may take to connect and to answer.
const LIMIT: Duration = Duration::from_secs(5);
/// The first and the longest pause before the next try to connect.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// What is read of an answer: an error is a few hundred bytes.
const MAX_ANSWER: usize = 64 * 1024;

/// Why a message did not reach the server.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("connecting to {path}: {source}")]
    Connect { path: PathBuf, source: io::Error },
    #[error("posting to the server: {0}")]
    Broken(#[from] hyper::Error),
    #[error("the server does not answer within {} s", LIMIT.as_secs())]
    Late,
    #[error("the server answers {0}")]
    Refused(StatusCode),
    #[error("the message is too long")]
    TooLong,
}

/// Says something about the way to the server, on stderr alone.
pub(super) fn tell(message: &str) {
    tracing::warn!(target: LOCAL, "{message}");
}

/// Posts what is queued, in order, until `flushing` is cancelled and the queue is empty.
pub(super) async fn post(from: PathBuf, mut posts: mpsc::Receiver<Post>, outbox: Outbox, flushing: CancellationToken) {
    let mut client = Client::new(from);
    let mut is_fine = true;
    loop {
        let next = tokio::select! {
            biased;
            next = posts.recv() => next,
            () = flushing.cancelled() => None,
        };
        let Some(next) = next else { return };
        let kind = next.kind;
        let posted = client.post_when_connected(next, &flushing, &mut is_fine).await;
        if let Err(error) = &posted {
            outbox.lost(kind);
            if std::mem::take(&mut is_fine) {
                tell(&format!("{error}; what the server does not take is counted"));
            }
            continue;
        }
        is_fine = true;
        if let Some((message, losses)) = outbox.losses() {
            tell(&message);
            // It went well just now; if it does not this time, stderr has it.
            let _ = client.post(losses).await;
        }
    }
}

/// Tells the server that the plugin leaves, and why. On a connection of its own: the other may wait for an answer.
pub(super) async fn leaving(from: &Path, error: &Error) -> Result<(), Failure> {
    let post = Post::new(Kind::Leaving, error).ok_or(Failure::TooLong)?;
    Client::new(from.to_owned()).post(post).await
}

/// A connection to the server, where there is one.
struct Client {
    from: PathBuf,
    connection: Option<Connection>,
}

struct Connection {
    requests: SendRequest<Full<Bytes>>,
    _driver: AbortOnDropHandle<()>,
}

impl Client {
    fn new(from: PathBuf) -> Self {
        Self { from, connection: None }
    }

    /// Posts as soon as there is a connection; once `flushing`, only if there is one now.
    async fn post_when_connected(
        &mut self,
        post: Post,
        flushing: &CancellationToken,
        is_fine: &mut bool,
    ) -> Result<(), Failure> {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.post(post.clone()).await {
                Err(Failure::Connect { path, source }) if !flushing.is_cancelled() => {
                    if std::mem::take(is_fine) {
                        let path = path.display();
                        tell(&format!("nobody answers on {path} ({source}); log lines and events wait for the server"));
                    }
                }
                posted => return posted,
            }
            flushing.run_until_cancelled(sleep(pause)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Posts once. A connection that was kept may have been closed by the server meanwhile; then a new one is made.
    async fn post(&mut self, post: Post) -> Result<(), Failure> {
        if let Some(connection) = self.connection.take() {
            match self.post_on(connection, post.clone()).await {
                Err(Failure::Broken(_)) => {}
                posted => return posted,
            }
        }
        let connection = self.connect().await?;
        self.post_on(connection, post).await
    }

    async fn post_on(&mut self, mut connection: Connection, post: Post) -> Result<(), Failure> {
        let exchange = async {
            connection.requests.ready().await?;
            let mut request = Request::new(Full::new(post.body));
            *request.method_mut() = Method::POST;
            *request.uri_mut() = hyper::Uri::from_static(post.kind.path());
            let headers = request.headers_mut();
            headers.insert(HOST, hyper::header::HeaderValue::from_static("unix"));
            headers.insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static("application/json"));
            let (head, body) = connection.requests.send_request(request).await?.into_parts();
            // Read to its end, so that the connection can be used again.
            let body = Limited::new(body, MAX_ANSWER).collect().await;
            Ok::<_, hyper::Error>(Response::from_parts(head, body.is_ok()))
        };
        let response = timeout(LIMIT, exchange).await.map_err(|_| Failure::Late)??;
        let status = response.status();
        if *response.body() {
            self.connection = Some(connection);
        }
        if status.as_u16() < 400 { Ok(()) } else { Err(Failure::Refused(status)) }
    }

    async fn connect(&self) -> Result<Connection, Failure> {
        let stream = UnixStream::connect(&self.from).await;
        let stream = stream.map_err(|source| Failure::Connect { path: self.from.clone(), source })?;
        let (requests, driver) = handshake(TokioIo::new(stream)).await?;
        let driver = tokio::spawn(async move {
            // Whoever waits for an answer gets the same error.
            let _ = driver.await;
        });
        Ok(Connection { requests, _driver: AbortOnDropHandle::new(driver) })
    }
}
