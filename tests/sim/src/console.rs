//! The management console (HMC) of an IBM Power machine with one partition: sessions, the partition, power jobs.
//!
//! Beliefs, from public clients: a session is opened by PUT on `/rest/api/web/Logon` and named by the header `X-API-Session`
//! (digitalrebar/provision-plugins `lpar.go`, ansible `power_hmc`), ended by DELETE there; power is a job whose status is
//! `NOT_STARTED`, `RUNNING`, then `COMPLETED_OK` or another end (pypowervm `JobStatus`); a refusal is an
//! `HttpErrorResponse` with a `Message`.

use std::collections::HashSet;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::bmc::certificate::Certificate;
use crate::lock::lock;

/// The only account.
pub const USERNAME: &str = "hscroot";
/// Its password, with what XML would misread.
pub const PASSWORD: &str = "abc<&>123";
/// The only partition.
pub const PARTITION: &str = "48EB2A9F-6028-41C6-8D2F-6A539361BB29";

/// A console. Its tasks end when the last clone is dropped.
#[derive(Clone)]
pub struct Console {
    address: SocketAddr,
    sha256: Arc<str>,
    shared: Shared,
    _running: Arc<DropGuard>,
}

type Shared = Arc<Mutex<Held>>;

/// What the console holds.
#[derive(Clone, Debug)]
struct Held {
    /// `PartitionState`.
    state: String,
    sessions: HashSet<String>,
    opened: usize,
    jobs: Vec<Job>,
    /// How often a job still shows as running.
    slow: u32,
    /// The reason why every job fails.
    failure: Option<String>,
    requests: Vec<String>,
}

#[derive(Clone, Debug)]
struct Job {
    operation: String,
    restart: bool,
    looks: u32,
}

impl Console {
    /// Starts a console on a free port of loopback; the partition is not activated.
    ///
    /// # Errors
    /// No port or no certificate can be had.
    pub async fn start() -> io::Result<Self> {
        let certificate = Certificate::generate()?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let shared = Shared::new(Mutex::new(Held {
            state: "not activated".to_owned(),
            sessions: HashSet::new(),
            opened: 0,
            jobs: Vec::new(),
            slow: 1,
            failure: None,
            requests: Vec::new(),
        }));
        let stop = CancellationToken::new();
        let acceptor = TlsAcceptor::from(Arc::clone(&certificate.config));
        let accepting = accept(listener, acceptor, router(Arc::clone(&shared)));
        tokio::spawn(stop.clone().run_until_cancelled_owned(accepting));
        Ok(Self { address, sha256: certificate.sha256, shared, _running: Arc::new(stop.drop_guard()) })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The fingerprint of its certificate, lower hex.
    #[must_use]
    pub fn certificate_sha256(&self) -> &str {
        &self.sha256
    }

    /// What the partition's state is.
    #[must_use]
    pub fn state(&self) -> String {
        lock(&self.shared).state.clone()
    }

    /// Puts the partition in a state.
    pub fn set_state(&self, state: &str) {
        state.clone_into(&mut lock(&self.shared).state);
    }

    /// Makes every job fail for this reason.
    pub fn fail_jobs(&self, reason: &str) {
        lock(&self.shared).failure = Some(reason.to_owned());
    }

    /// The sessions that are open now, and how many were opened in all.
    #[must_use]
    pub fn sessions(&self) -> (usize, usize) {
        let held = lock(&self.shared);
        (held.sessions.len(), held.opened)
    }

    /// The operations of the jobs so far, a restart as such.
    #[must_use]
    pub fn jobs(&self) -> Vec<String> {
        let name = |job: &Job| if job.restart { format!("{} restart", job.operation) } else { job.operation.clone() };
        lock(&self.shared).jobs.iter().map(name).collect()
    }

    /// Method and path of every request so far.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        lock(&self.shared).requests.clone()
    }
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, router: Router) {
    // Dropped with this task, and with it every connection.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(serve(stream, acceptor.clone(), router.clone()));
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(stream: TcpStream, acceptor: TlsAcceptor, router: Router) {
    if let Ok(stream) = acceptor.accept(stream).await {
        let service = TowerToHyperService::new(router);
        // A client that goes away is no fault of the console.
        let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
    }
}

fn router(shared: Shared) -> Router {
    Router::new()
        .route("/rest/api/web/Logon", put(log_on).delete(log_off))
        .route("/rest/api/uom/LogicalPartition/{id}", get(partition))
        .route("/rest/api/uom/LogicalPartition/{id}/do/{operation}", put(start_job))
        .route("/rest/api/uom/jobs/{id}", get(job))
        .with_state(shared)
}

async fn log_on(State(shared): State<Shared>, body: String) -> Response {
    let mut held = lock(&shared);
    held.requests.push("PUT Logon".to_owned());
    let password = PASSWORD.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    if inner(&body, "UserID") != Some(USERNAME) || inner(&body, "Password") != Some(&password) {
        return refuse(StatusCode::UNAUTHORIZED, "The user ID or password entered is not valid.");
    }
    held.opened += 1;
    let token = format!("token-{}==", held.opened);
    held.sessions.insert(token.clone());
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?><LogonResponse xmlns=\"urn:web\"><Metadata><Atom/>\
         </Metadata><X-API-Session kb=\"ROR\" kxe=\"false\">{token}</X-API-Session></LogonResponse>"
    )
    .into_response()
}

async fn log_off(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    let mut held = lock(&shared);
    held.requests.push("DELETE Logon".to_owned());
    match session(&headers) {
        Some(token) if held.sessions.remove(token) => StatusCode::NO_CONTENT.into_response(),
        _ => stranger(),
    }
}

async fn partition(State(shared): State<Shared>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    let mut held = lock(&shared);
    held.requests.push("GET LogicalPartition".to_owned());
    if !held.knows(&headers) {
        return stranger();
    }
    if id != PARTITION {
        return refuse(StatusCode::NOT_FOUND, "The partition does not exist.");
    }
    format!(
        "<entry xmlns=\"http://www.w3.org/2005/Atom\"><id>{id}</id><content type=\"application/vnd.ibm.powervm.uom+xml\">\
         <LogicalPartition:LogicalPartition xmlns:LogicalPartition=\"urn:uom\"><BootMode kb=\"UOD\">norm</BootMode>\
         <PartitionName kb=\"CUR\">b1p052</PartitionName><PartitionState kb=\"ROO\">{}</PartitionState>\
         <PartitionType kb=\"COD\">AIX/Linux</PartitionType></LogicalPartition:LogicalPartition></content></entry>",
        held.state
    )
    .into_response()
}

async fn start_job(
    State(shared): State<Shared>,
    Path((id, operation)): Path<(String, String)>,
    headers: HeaderMap,
    body: String,
) -> Response {
    let mut held = lock(&shared);
    held.requests.push(format!("PUT {operation}"));
    if !held.knows(&headers) {
        return stranger();
    }
    if id != PARTITION || inner(&body, "OperationName") != Some(&operation) {
        return refuse(StatusCode::BAD_REQUEST, "The job request is not valid.");
    }
    let restart = after(&body, ">restart<").is_some_and(|rest| inner(rest, "ParameterValue") == Some("true"));
    held.jobs.push(Job { operation, restart, looks: 0 });
    let id = held.jobs.len();
    response(id, "NOT_STARTED", "")
}

async fn job(State(shared): State<Shared>, Path(id): Path<usize>, headers: HeaderMap) -> Response {
    let mut held = lock(&shared);
    held.requests.push("GET jobs".to_owned());
    if !held.knows(&headers) {
        return stranger();
    }
    let (slow, failure) = (held.slow, held.failure.clone());
    let Some(job) = held.jobs.get_mut(id.wrapping_sub(1)) else {
        return refuse(StatusCode::NOT_FOUND, "The job does not exist.");
    };
    job.looks += 1;
    if job.looks <= slow {
        return response(id, "RUNNING", "");
    }
    if let Some(reason) = failure {
        let told = format!("<ResponseException><Message kb=\"ROR\">{reason}</Message></ResponseException>");
        return response(id, "COMPLETED_WITH_ERRORS", &told);
    }
    let state = if job.operation == "PowerOn" || job.restart { "running" } else { "not activated" };
    state.clone_into(&mut held.state);
    response(id, "COMPLETED_OK", "")
}

impl Held {
    fn knows(&self, headers: &HeaderMap) -> bool {
        session(headers).is_some_and(|token| self.sessions.contains(token))
    }
}

fn session(headers: &HeaderMap) -> Option<&str> {
    headers.get("X-API-Session")?.to_str().ok()
}

fn stranger() -> Response {
    refuse(StatusCode::UNAUTHORIZED, "No session is open.")
}

fn refuse(status: StatusCode, message: &str) -> Response {
    let body = format!(
        "<HttpErrorResponse:HttpErrorResponse xmlns:HttpErrorResponse=\"urn:web\"><HTTPStatus>{}</HTTPStatus>\
         <Message kxe=\"false\" kb=\"ROR\">{message}</Message></HttpErrorResponse:HttpErrorResponse>",
        status.as_u16()
    );
    (status, body).into_response()
}

fn response(id: usize, status: &str, more: &str) -> Response {
    format!(
        "<entry><content><JobResponse:JobResponse xmlns:JobResponse=\"urn:web\"><JobID kb=\"ROR\">{id}</JobID>\
         <Status kb=\"ROR\">{status}</Status>{more}</JobResponse:JobResponse></content></entry>"
    )
    .into_response()
}

fn after<'a>(text: &'a str, mark: &str) -> Option<&'a str> {
    text.split_once(mark).map(|(_, rest)| rest)
}

/// What is between an element's tags.
fn inner<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let rest = after(text, &format!("<{name}"))?;
    let (inner, _) = after(rest, ">")?.split_once(&format!("</{name}>"))?;
    Some(inner)
}
