//! Sessions, for BMCs that take no Basic credentials: one for an operation, and always deleted.
//!
//! Basic comes first, because it leaves nothing behind: BMCs have few sessions (iDRAC eight, RAC0218) and keep a forgotten
//! one for half an hour. A 401 that does not ask for Basic is answered by one login, at the place that the service root names,
//! which is read for that. Which BMCs want a login is remembered, so that their next operation begins with it. A wrong password
//! is so told by two requests of an operation at most, and by one as soon as it is known which; accounts get locked.
//!
//! Whoever opened a session may be dropped at any await. So the login is a task of its own, and a [`Session`] that is dropped
//! is deleted in one; both hold the BMC's turn until they have ended, and [`Sessions::ended`] waits for them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::header::HeaderValue;
use reqwest::{Method, RequestBuilder, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};
use url::Url;

use super::answer::{Answer, Refusal};
use super::client::{Client, local, prepared, receive};
use super::discovery::Platform;
use super::failure::Failure;
use super::value::Resource;
use crate::bmc::error::{Error, Kind, without_secret};
use crate::bmc::gate::Turn;
use crate::bmc::limits::Limits;
use crate::bmc::manners::Manners;
use crate::bmc::tls::Http;

/// DSP0266 13.3.4.
const TOKEN: &str = "X-Auth-Token";

/// Where the schema `SessionCollection` has them.
const SESSIONS: &str = "/redfish/v1/SessionService/Sessions";

/// How long a logout may keep the next operation on its BMC, or the end of the process, waiting.
const LOGOUT: Duration = Duration::from_secs(5);

/// Logins and logouts of all BMCs, and which of those want sessions. Nothing is lost by forgetting: it costs one refused GET.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sessions {
    wanted: Arc<Mutex<HashMap<String, Login>>>,
    tasks: TaskTracker,
}

/// Where a login goes, and what it has to hold beside name and password.
#[derive(Clone, Debug, PartialEq)]
struct Login {
    path: String,
    oem: Option<Value>,
}

/// The way into one BMC during a turn on it.
#[derive(Debug)]
pub(crate) struct Access {
    sessions: Sessions,
    key: String,
    login: Option<Login>,
    /// Whether this BMC refused Basic before.
    wants_session: bool,
    logins: u32,
    /// Why there is no session, where Basic is tried in its place.
    refused: Option<Error>,
    session: Option<Session>,
    turn: Arc<Turn>,
}

/// An open session; deleted in a task when dropped.
#[derive(Debug)]
struct Session {
    token: SecretString,
    exit: Option<Exit>,
}

/// What a logout needs.
#[derive(Debug)]
struct Exit {
    http: Http,
    manners: Manners,
    /// Between two tries.
    poll: Duration,
    base: Url,
    /// The session's own place, once it is known.
    path: Option<String>,
    name: String,
    tasks: TaskTracker,
    runtime: Handle,
    // Given back last, when all connections are idle.
    _turn: Arc<Turn>,
}

impl Sessions {
    const MOST: usize = 4096;

    /// The way into the BMC `key`.
    pub(crate) fn access(&self, key: &str, turn: Arc<Turn>) -> Access {
        let login = self.wanted().get(key).cloned();
        Access {
            sessions: self.clone(),
            key: key.to_owned(),
            wants_session: login.is_some(),
            login,
            logins: 0,
            refused: None,
            session: None,
            turn,
        }
    }

    /// Waits until every session that was let go is deleted, or cannot be.
    pub(crate) async fn ended(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// The map is whole after every statement, so a poisoned lock is still good.
    fn wanted(&self) -> MutexGuard<'_, HashMap<String, Login>> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Login {
    /// As the service root says it. iDRAC 8 has its sessions beside the `SessionService` and answers 405 within it
    /// (`idrac_exporter#132`), so the link is followed. Only a root without links leaves its place to be known.
    fn of(root: Resource) -> Option<Self> {
        let hides_links = root.link("Systems").is_none();
        let path = root.link("Links/Sessions").or_else(|| hides_links.then(|| SESSIONS.to_owned()))?;
        let platform = Platform { root, ..Platform::default() };
        Some(Self { path, oem: platform.vendor().quirks().login_oem(&platform.root) })
    }

    fn body(&self, username: &str, password: &SecretString) -> Value {
        let mut body = json!({"UserName": username, "Password": password.expose_secret()});
        if let Some(oem) = &self.oem {
            body["Oem"] = oem.clone();
        }
        body
    }
}

impl Access {
    /// A request with the account's credentials.
    pub(super) fn sign(&self, request: RequestBuilder, username: &str, password: &SecretString) -> RequestBuilder {
        match &self.session {
            Some(session) => request.header(TOKEN, sensitive(&session.token)),
            None => request.basic_auth(username, Some(password.expose_secret())),
        }
    }

    /// A text without the session's token.
    pub(super) fn hide_token(&self, text: String) -> String {
        match &self.session {
            Some(session) => without_secret(&text, &session.token),
            None => text,
        }
    }

    /// Whether an answer that refuses the credentials is a reason to log in.
    fn may_log_in(&self, answer: &Answer) -> bool {
        match (&self.session, answer.status) {
            // It was ended from elsewhere, as by a restart of the BMC.
            (Some(_), StatusCode::UNAUTHORIZED) => self.logins < 2,
            // Who asks for Basic takes Basic, and the credentials are wrong: AccountService's HTTPBasicAuth says which.
            (None, StatusCode::UNAUTHORIZED) => self.logins == 0 && !answer.asks_for_basic,
            _ => false,
        }
    }

    fn keep(&mut self, session: Session, login: Login) {
        self.session = Some(session);
        let mut wanted = self.sessions.wanted();
        if wanted.len() >= Sessions::MOST {
            wanted.clear();
        }
        wanted.insert(self.key.clone(), login);
    }

    fn forget(&mut self) {
        self.wants_session = false;
        self.sessions.wanted().remove(&self.key);
    }
}

impl Client {
    /// Logs in before the first request to a BMC that is known to want that.
    pub(super) async fn enter(&mut self) -> Result<(), Error> {
        if self.access.wants_session && self.access.logins == 0 {
            // Few operations log in, so no other carries the future along.
            Box::pin(self.log_in()).await?;
        }
        Ok(())
    }

    /// After an answer that refuses the credentials: whether a session was opened, with which to ask again.
    pub(super) async fn enter_instead(&mut self, answer: &Answer) -> Result<bool, Error> {
        if let Some(refused) = self.access.refused.take() {
            return Err(refused);
        }
        if !self.access.may_log_in(answer) {
            return Ok(false);
        }
        if let Some(ended) = self.access.session.take() {
            ended.end().await;
        }
        Box::pin(self.log_in()).await
    }

    /// Opens the session; false where the BMC has none, or Basic is worth a try instead.
    async fn log_in(&mut self) -> Result<bool, Error> {
        self.access.logins += 1;
        if self.access.login.is_none() {
            self.access.login = Login::of(self.public_root().await?);
        }
        let Some(login) = self.access.login.clone() else { return Ok(false) };
        for again in 1.. {
            let refusal = match self.ask_for_session(&login).await? {
                Ok(session) => {
                    debug!(bmc = self.name(), "logged in");
                    self.access.keep(session, login);
                    return Ok(true);
                }
                Err(refusal) => refusal,
            };
            if refusal.status == StatusCode::UNAUTHORIZED {
                self.access.forget();
                return Err(self.credentials_refused(&refusal));
            }
            if again < Limits::TRIES && self.is_passing(&refusal) {
                debug!(bmc = self.name(), status = refusal.status.as_u16(), "BMC opens no session now");
                let wait = self.limits().backoff(again);
                self.pause(wait, "a session").await.map_err(|_| self.refused(&refusal).finally())?;
                continue;
            }
            let error = self.refused(&refusal).finally();
            if !self.access.wants_session {
                return Err(error);
            }
            warn!(bmc = self.name(), %error, "no session is to be had; trying without one");
            self.access.forget();
            self.access.refused = Some(error);
            return Ok(false);
        }
        Ok(false)
    }

    async fn ask_for_session(&mut self, login: &Login) -> Result<Result<Session, Refusal>, Error> {
        let path = login.path.as_str();
        let url = self.local(path)?;
        let body = login.body(&self.username, &self.password);
        let request = prepared(&self.http, &self.manners, &Method::POST, url).json(&body);
        let limit = self.request_limit();
        let exit = Exit {
            http: self.http.clone(),
            manners: self.manners.clone(),
            poll: self.limits().poll,
            base: self.base.clone(),
            path: None,
            name: self.name().to_owned(),
            tasks: self.access.sessions.tasks.clone(),
            runtime: Handle::current(),
            _turn: Arc::clone(&self.access.turn),
        };
        // Goes on where this is dropped; what it got is then dropped in this order, and the deletion is one of the tasks
        // before this is none of them.
        let still_here = self.access.sessions.tasks.token();
        let asked = self.access.sessions.tasks.spawn(async move {
            let received = tokio::time::timeout(limit, receive(&exit.http, request)).await;
            let (answer, seen) = received.map_err(|_| Failure::Silent(limit))??;
            Ok((exit.session(&answer), answer, seen, still_here))
        });
        let asked = asked.await.unwrap_or_else(|error| Err(Failure::Broken(error.to_string())));
        let (session, answer, seen, _still_here) =
            asked.map_err(|failure| self.failed(&Method::POST, path, &failure).finally())?;
        self.saw(seen);
        if !answer.is_success() {
            return Ok(Err(Refusal::new(&Method::POST, path, &answer)));
        }
        session.map(Ok).ok_or_else(|| {
            let answer = format!("answered {} to POST {path} without an {TOKEN}", answer.status);
            self.error(Kind::Refused, answer).advise("restart the BMC, or update its firmware").finally()
        })
    }
}

impl Exit {
    /// The session that an answer opened.
    fn session(mut self, answer: &Answer) -> Option<Session> {
        let token = answer.token.clone().filter(|_| answer.is_success())?;
        self.path = answer.location.clone().or_else(|| answer.own_path());
        Some(Session { token, exit: Some(self) })
    }

    async fn delete(self, token: SecretString) {
        let Some(url) = self.path.as_deref().and_then(|path| local(&self.base, path)) else {
            warn!(bmc = self.name, "a session is left on the BMC: it did not say where that is");
            return;
        };
        let mut left = "no answer".to_owned();
        let tries = async {
            for again in 0..Limits::TRIES {
                if again > 0 {
                    tokio::time::sleep(self.poll).await;
                }
                let request = prepared(&self.http, &self.manners, &Method::DELETE, url.clone());
                match receive(&self.http, request.header(TOKEN, sensitive(&token))).await {
                    // Some answer 401 to a logout that worked (python-redfish-library#160); what is not there is deleted.
                    Ok((answer, _)) if answer.is_success() || matches!(answer.status.as_u16(), 401 | 404) => {
                        return true;
                    }
                    Ok((answer, _)) => left = format!("it answered {}", answer.status),
                    Err(Failure::Broken(cause)) => left = cause,
                    Err(_) => {}
                }
            }
            false
        };
        if matches!(tokio::time::timeout(LOGOUT, tries).await, Ok(true)) {
            debug!(bmc = self.name, "logged out");
        } else {
            warn!(bmc = self.name, why = left, "a session is left on the BMC, which ends it after a while");
        }
    }
}

impl Session {
    /// Deletes it, and waits for that.
    async fn end(mut self) {
        if let Some(deletion) = self.delete() {
            // It says itself what went wrong.
            drop(deletion.await);
        }
    }

    fn delete(&mut self) -> Option<JoinHandle<()>> {
        let exit = self.exit.take()?;
        let (tasks, runtime) = (exit.tasks.clone(), exit.runtime.clone());
        Some(tasks.spawn_on(exit.delete(self.token.clone()), &runtime))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // The task is joined by `Sessions::ended`.
        drop(self.delete());
    }
}

/// A token as a header that no log shows. One that cannot be sent is refused as any other wrong one.
fn sensitive(token: &SecretString) -> HeaderValue {
    let mut value = HeaderValue::from_str(token.expose_secret()).unwrap_or_else(|_| HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Login, SESSIONS};
    use crate::bmc::redfish::value::tests::resource;

    fn login(root: Value) -> Option<(String, Value)> {
        Login::of(resource(root)).map(|login| (login.path.clone(), login.body("root", &"calvin".into())))
    }

    #[test]
    fn a_login_goes_where_the_root_says_and_names_a_domain_where_the_maker_wants_one() {
        let links = json!({"Sessions": {"@odata.id": "/redfish/v1/Sessions"}});
        for (maker, oem) in [
            ("Dell", json!(null)),
            ("Huawei", json!({"Huawei": {"Domain": "LocaliBMC"}})),
            ("xFusion", json!({"xFusion": {"Domain": "LocaliBMC"}})),
        ] {
            let mut body = json!({"UserName": "root", "Password": "calvin"});
            if !oem.is_null() {
                body["Oem"] = oem;
            }
            let expected = ("/redfish/v1/Sessions".to_owned(), body);
            assert_eq!(login(json!({"Links": links, "Oem": {maker: {}}})), Some(expected), "{maker}");
        }
    }

    #[test]
    fn a_root_with_links_and_none_to_sessions_has_none() {
        let place = |root| login(root).map(|(path, _)| path);
        assert_eq!(place(json!({"Systems": {"@odata.id": "/redfish/v1/Systems"}})), None);
        assert_eq!(place(json!({"RedfishVersion": "1.0.2"})).as_deref(), Some(SESSIONS));
    }
}
