//! The console's web services: a session of one operation, its requests and its refusals.
//!
//! A console has no other authentication than sessions. One is ended with the operation; one whose operation was cancelled
//! is left to the console, which ends idle ones by itself.

use std::time::Duration;

use reqwest::tls::TlsInfo;
use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use tracing::{debug, warn};
use url::Url;

use super::xml;
use crate::bmc::error::{Error, Kind, quoted};
use crate::bmc::limits::spoken;
use crate::bmc::target::{Fingerprint, Target};
use crate::bmc::tls::{Clients, Trust, root_cause, tls_failure, told};
use crate::bmc::work::{NO_ANSWER, Work};

/// The largest answer read. A partition with hundreds of adapters stays far below.
const LARGEST: usize = 4 << 20;
const LOGON: &str = "/rest/api/web/Logon";
const WEB: &str = "application/vnd.ibm.powervm.web+xml";
const ATOM: &str = "application/atom+xml; charset=UTF-8";

/// A console and the session that is open on it.
pub(super) struct Console {
    http: reqwest::Client,
    clients: Clients,
    trust: Trust,
    connect: Duration,
    base: Url,
    username: String,
    token: Option<SecretString>,
    fingerprint: Option<Fingerprint>,
    recorded: Option<Fingerprint>,
}

/// A request before it is sent.
struct Ask<'a> {
    method: Method,
    path: &'a str,
    /// The body's media type and the body, which may hold the password.
    body: Option<(&'static str, &'a SecretString)>,
    accept: &'static str,
}

/// What came back.
struct Answer {
    status: StatusCode,
    text: String,
}

impl Console {
    pub(super) fn new(clients: &Clients, target: &Target, work: &Work<'_>) -> Result<Self, Error> {
        let (trust, connect) = (Trust::of(target), target.limits.connect);
        let http = clients.get(&trust, connect).map_err(|why| work.error(Kind::Parameter, why))?;
        Ok(Self {
            http,
            clients: clients.clone(),
            trust,
            connect,
            base: target.base()?,
            username: target.username.clone(),
            token: None,
            fingerprint: None,
            recorded: target.recorded_fingerprint,
        })
    }

    /// SHA-256 of the certificate that was shown, and whether that differs from the recorded one.
    pub(super) fn fingerprint(&self) -> (Option<Fingerprint>, bool) {
        (self.fingerprint, self.recorded.is_some() && self.recorded != self.fingerprint)
    }

    /// Sees who is there, before any credentials are sent.
    pub(super) async fn meet(&mut self, work: &Work<'_>) -> Result<(), Error> {
        // Whatever the console says to a stranger.
        self.exchange(Ask { method: Method::GET, path: LOGON, body: None, accept: WEB }, work).await?;
        if let (Trust::FirstSeen, Some(seen)) = (&self.trust, self.fingerprint) {
            // The certificate that is reported for recording is also the only one that ever sees the password.
            self.trust = Trust::Pinned(seen);
            let http = self.clients.get(&self.trust, self.connect);
            self.http = http.map_err(|why| work.error(Kind::Parameter, why))?;
        }
        Ok(())
    }

    /// Opens the session.
    pub(super) async fn log_on(&mut self, work: &Work<'_>) -> Result<(), Error> {
        let body = SecretString::from(xml::logon(&self.username, work.password().expose_secret()));
        let body = Some(("application/vnd.ibm.powervm.web+xml; type=LogonRequest", &body));
        let accept = "application/vnd.ibm.powervm.web+xml; type=LogonResponse";
        let answer = self.ask(Ask { method: Method::PUT, path: LOGON, body, accept }, work).await?;
        let Some(token) = xml::text(&answer, "X-API-Session") else {
            let answer = format!("opened no session; it says {:?}", quoted(&answer));
            return Err(work.error(Kind::Refused, answer).advise("check that address and port lead to an HMC"));
        };
        self.token = Some(SecretString::from(token));
        Ok(())
    }

    /// Ends the session. That it cannot be ended is no reason to call what was done with it a failure.
    pub(super) async fn log_off(&mut self, work: &Work<'_>) {
        let ask = Ask { method: Method::DELETE, path: LOGON, body: None, accept: WEB };
        if let Err(error) = self.exchange(ask, work).await {
            warn!(bmc = work.name(), %error, "a session is left on the console");
        }
        self.token = None;
    }

    pub(super) async fn get(&mut self, path: &str, work: &Work<'_>) -> Result<String, Error> {
        self.ask(Ask { method: Method::GET, path, body: None, accept: ATOM }, work).await
    }

    /// Asks for a job.
    pub(super) async fn put(&mut self, path: &str, body: &str, work: &Work<'_>) -> Result<String, Error> {
        let body = SecretString::from(body);
        let body = Some(("application/vnd.ibm.powervm.web+xml; type=JobRequest", &body));
        self.ask(Ask { method: Method::PUT, path, body, accept: ATOM }, work).await
    }

    /// One request until the console has time for it; an answer that is no success is an error.
    async fn ask(&mut self, ask: Ask<'_>, work: &Work<'_>) -> Result<String, Error> {
        let mut again = 0;
        loop {
            let ask = Ask { method: ask.method.clone(), ..ask };
            let answer = self.exchange(ask, work).await?;
            if answer.status.is_success() {
                return Ok(answer.text);
            }
            again += 1;
            work.wait_to_repeat(again, self.refusal(&answer, work)).await?;
        }
    }

    fn refusal(&self, answer: &Answer, work: &Work<'_>) -> Error {
        let status = answer.status.as_u16();
        let words = xml::text(&answer.text, "Message").unwrap_or_else(|| answer.text.clone());
        let said = format!("answered {status}: {}", quoted(&words));
        match answer.status {
            StatusCode::UNAUTHORIZED => work.credentials_refused(&self.username, &format!("it {said}")),
            StatusCode::FORBIDDEN => work
                .error(Kind::Refused, format!("refuses user {:?} the right: it {said}", self.username))
                .advise("give ipmi/username a task role on the console that may activate and shut down partitions")
                .finally(),
            StatusCode::NOT_FOUND => work
                .error(Kind::Parameter, format!("knows no such partition; it {said}"))
                .advise("check ipmi/lpar-id, and that ipmi/address is the console (HMC) that manages it")
                .finally(),
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
                work.error(Kind::Busy, format!("has no time; it {said}")).advise("try again in a few minutes")
            }
            StatusCode::CONFLICT => work.error(Kind::Conflict, format!("cannot do it now; it {said}")),
            _ => work.error(Kind::Refused, said),
        }
    }

    async fn exchange(&mut self, ask: Ask<'_>, work: &Work<'_>) -> Result<Answer, Error> {
        let Ask { method, path, body, accept } = ask;
        let url = self.base.join(path).map_err(|error| work.error(Kind::Parameter, format!("has no path: {error}")))?;
        let mut request = self.http.request(method.clone(), url).header("Accept", accept);
        if let Some((kind, body)) = body {
            request = request.header("Content-Type", kind).body(body.expose_secret().to_owned());
        }
        if let Some(token) = &self.token {
            request = request.header("X-API-Session", token.expose_secret());
        }
        let limit = work.request_limit();
        let began = tokio::time::Instant::now();
        let received = tokio::time::timeout(limit, receive(request)).await;
        debug!(bmc = work.name(), %method, path, took = ?began.elapsed(), "request");
        let (answer, seen) = match received {
            Err(_) => {
                let answer = format!("did not answer {method} {path} within {}", spoken(limit));
                return Err(work.error(Kind::Timeout, answer).advise(NO_ANSWER));
            }
            Ok(Err(why)) => return Err(why.into_error(work, &format!("{method} {path}"))),
            Ok(Ok(received)) => received,
        };
        if let (Some(recorded), Some(seen), None) = (self.recorded, seen, self.fingerprint)
            && recorded != seen
        {
            warn!(bmc = work.name(), %recorded, %seen,
                "the console's certificate has CHANGED since the last operation: renewed, or somebody stands between");
        }
        self.fingerprint = seen.or(self.fingerprint);
        Ok(answer)
    }
}

/// Why no answer came.
enum Broken {
    Http(reqwest::Error),
    TooLong,
}

impl From<reqwest::Error> for Broken {
    fn from(error: reqwest::Error) -> Self {
        Self::Http(error.without_url())
    }
}

impl Broken {
    fn into_error(self, work: &Work<'_>, request: &str) -> Error {
        match self {
            Self::TooLong => work.error(Kind::Refused, format!("sent more than 4 MiB in answer to {request}")),
            Self::Http(error) if tls_failure(&error).is_some() => work
                .error(Kind::Refused, format!("could not be connected to: {}", quoted(&told(&error))))
                .advise("check the port, and virtual-media/tls-policy against the console's certificate")
                .finally(),
            Self::Http(error) if error.is_timeout() => work
                .error(Kind::Timeout, "did not accept a TLS connection in time")
                .advise("check the address and port, and the way to the console's network")
                .finally(),
            Self::Http(error) if error.is_connect() => work
                .error(Kind::Refused, format!("could not be connected to: {}", quoted(&root_cause(&error))))
                .advise("check the address (a name must resolve here) and port, and that the console is on")
                .finally(),
            Self::Http(error) => {
                work.error(Kind::Refused, format!("broke off its answer to {request}: {}", quoted(&told(&error))))
            }
        }
    }
}

async fn receive(request: reqwest::RequestBuilder) -> Result<(Answer, Option<Fingerprint>), Broken> {
    let mut response = request.send().await?;
    let seen = response.extensions().get::<TlsInfo>().and_then(TlsInfo::peer_certificate).map(Fingerprint::of);
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if bytes.len() + chunk.len() > LARGEST {
            return Err(Broken::TooLong);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok((Answer { status: response.status(), text: String::from_utf8_lossy(&bytes).into_owned() }, seen))
}
