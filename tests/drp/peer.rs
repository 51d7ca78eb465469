//! The other end of a connection, told by each test what to answer.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use drp_virtual_media::drp::server::{Server, ServerLimits, ServerTls};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_util::task::AbortOnDropHandle;
use url::Url;

pub(crate) const TOKEN: &str = "s3cret.token";

pub(crate) type Socket = WebSocketStream<BufStream<TlsStream<TcpStream>>>;
type Served = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What is done with a request.
pub(crate) enum Reply {
    /// An answer with a JSON body; the connection stays.
    Json(u16, Value),
    /// These bytes as they are, then the connection is closed.
    Bytes(Vec<u8>),
    /// These bytes, and then nothing for as long as the client waits.
    Silence(&'static [u8]),
    /// The connection is closed without an answer.
    HangUp,
    /// A websocket, served by this.
    Upgrade(Box<dyn FnOnce(Socket) -> Served + Send>),
}

impl Reply {
    pub(crate) fn error(status: u16, message: &str) -> Self {
        Self::Json(
            status,
            json!({"Model": "machines", "Key": "u", "Type": "PATCH", "Messages": [message], "Code": status}),
        )
    }

    /// An answer that is no JSON.
    pub(crate) fn page(status: &str, headers: &str, body: &str) -> Self {
        let length = body.len();
        Self::Bytes(format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\n\r\n{body}").into_bytes())
    }

    pub(crate) fn upgrade<F: Future<Output = ()> + Send + 'static>(
        serve: impl FnOnce(Socket) -> F + Send + 'static,
    ) -> Self {
        Self::Upgrade(Box::new(|socket| Box::pin(serve(socket))))
    }
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    /// Lower-case names.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The path below the API, without the query.
    pub(crate) fn path(&self) -> &str {
        let path = self.target.split('?').next().unwrap_or_default();
        path.strip_prefix("/api/v3/").unwrap_or(path)
    }

    /// What the query says of a name, decoded.
    pub(crate) fn query(&self, name: &str) -> Option<String> {
        let url = Url::parse(&format!("http://h{}", self.target)).unwrap();
        url.query_pairs().find(|(own, _)| own == name).map(|(_, value)| value.into_owned())
    }
}

/// A peer on loopback; gone when it is dropped.
pub(crate) struct Peer {
    pub(crate) url: Url,
    requests: Arc<Mutex<Vec<Request>>>,
    _accepting: AbortOnDropHandle<()>,
}

impl Peer {
    /// Answers each request with what `reply` says.
    pub(crate) async fn start(reply: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").await.unwrap(), reply)
    }

    /// The same where another was before.
    pub(crate) async fn start_at(url: &Url, reply: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::on(TcpListener::bind(("127.0.0.1", url.port().unwrap())).await.unwrap(), reply)
    }

    fn on(listener: TcpListener, reply: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let url = Url::parse(&format!("https://127.0.0.1:{}", listener.local_addr().unwrap().port())).unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (reply, recorded) = (Arc::new(reply), Arc::clone(&requests));
        let accepting = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (reply, recorded) = (Arc::clone(&reply), Arc::clone(&recorded));
                connections.spawn(async move {
                    let reply = move |request: &Request| {
                        recorded.lock().unwrap().push(request.clone());
                        reply(request)
                    };
                    // A client that goes away is no error of the peer's.
                    let _ = serve(stream, reply).await;
                });
            }
        });
        Self { url, requests, _accepting: AbortOnDropHandle::new(accepting) }
    }

    /// Answers the requests one after the other.
    pub(crate) async fn scripted(replies: impl IntoIterator<Item = Reply>) -> Self {
        let replies = Mutex::new(replies.into_iter().collect::<VecDeque<_>>());
        Self::start(move |_| replies.lock().unwrap().pop_front().expect("a request more than replies")).await
    }

    pub(crate) fn server(&self) -> Server {
        self.server_with(&ServerTls::Accept, limits())
    }

    pub(crate) fn server_with(&self, tls: &ServerTls, limits: ServerLimits) -> Server {
        Server::with_limits(&self.url, SecretString::from(TOKEN), tls, limits).unwrap()
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

/// Limits of a patient client: what has to come comes long before.
pub(crate) fn limits() -> ServerLimits {
    ServerLimits {
        first_retry: Duration::from_millis(1),
        last_retry: Duration::from_millis(10),
        ..ServerLimits::default()
    }
}

/// Limits of a client that soon gives up waiting; for what never comes.
pub(crate) fn impatient() -> ServerLimits {
    let soon = Duration::from_millis(500);
    ServerLimits { request: 4 * soon, registration: soon, ping: soon / 4, silence: soon, ..limits() }
}

async fn serve(stream: TcpStream, reply: impl Fn(&Request) -> Reply) -> io::Result<()> {
    let mut stream = BufStream::new(TlsAcceptor::from(identity().config.clone()).accept(stream).await?);
    loop {
        let request = read(&mut stream).await?;
        match reply(&request) {
            Reply::Json(status, body) => {
                let body = body.to_string();
                let head = format!(
                    "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
                    body.len()
                );
                stream.write_all(head.as_bytes()).await?;
                stream.write_all(body.as_bytes()).await?;
                stream.flush().await?;
            }
            Reply::Bytes(bytes) => {
                stream.write_all(&bytes).await?;
                return stream.shutdown().await;
            }
            Reply::Silence(first) => {
                stream.write_all(first).await?;
                stream.flush().await?;
                std::future::pending::<()>().await;
            }
            Reply::HangUp => return stream.shutdown().await,
            Reply::Upgrade(serve) => {
                let key = request.header("sec-websocket-key").unwrap_or_default();
                let accept = derive_accept_key(key.as_bytes());
                let head = format!(
                    "HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
                );
                stream.write_all(head.as_bytes()).await?;
                stream.flush().await?;
                serve(WebSocketStream::from_raw_socket(stream, Role::Server, None).await).await;
                return Ok(());
            }
        }
    }
}

async fn read(stream: &mut BufStream<TlsStream<TcpStream>>) -> io::Result<Request> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let mut first = lines[0].split(' ').map(str::to_owned);
    let (method, target) = (first.next().unwrap(), first.next().unwrap());
    let headers: Vec<(String, String)> = lines[1..]
        .iter()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let mut request = Request { method, target, headers, body: Vec::new() };
    let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
    request.body.resize(length, 0);
    stream.read_exact(&mut request.body).await?;
    Ok(request)
}

/// The self-signed certificate that every peer shows.
pub(crate) struct Identity {
    pub(crate) pem: String,
    config: Arc<ServerConfig>,
}

pub(crate) fn identity() -> &'static Identity {
    static IDENTITY: OnceLock<Identity> = OnceLock::new();
    IDENTITY.get_or_init(|| {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        Identity { pem: made.cert.pem(), config: Arc::new(config) }
    })
}
