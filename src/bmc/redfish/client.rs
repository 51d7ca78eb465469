//! Requests to one BMC within one operation: bounded, polite, and never twice where that could do harm.

use std::time::Duration;

use reqwest::header::{CONNECTION, IF_MATCH};
use reqwest::{Method, RequestBuilder, StatusCode};
use secrecy::SecretString;
use serde_json::Value;
use tracing::{debug, warn};
use url::Url;

use super::answer::{Answer, Body, Refusal, Tried};
use super::failure::{Failure, NOT_REDFISH};
use super::session::Access;
use super::value::Resource;
use super::vendors::Quirks;
use crate::bmc::error::{Error, Kind, quoted, without_secret};
use crate::bmc::limits::{Deadline, Limits};
use crate::bmc::manners::Manners;
use crate::bmc::target::{Fingerprint, Target};
use crate::bmc::tls::{self, Http, Seen};

/// The largest answer read, in bytes. The largest seen in practice, Dell's attributes, is a few hundred kilobytes.
pub(super) const LARGEST: usize = 4 << 20;
/// The service root's path.
pub(super) const ROOT: &str = "/redfish/v1/";
/// More redirects than this are a loop.
const REDIRECTS: usize = 3;

/// In whose name a request is made. The service root is public (DSP0266 13.3), so it goes without credentials and shows
/// the certificate before any are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum As {
    Nobody,
    Account,
}

/// A request before it is sent.
#[derive(Clone, Copy)]
struct Ask<'a> {
    by: As,
    method: &'a Method,
    path: &'a str,
    body: Option<&'a Value>,
    if_match: Option<&'a str>,
}

impl<'a> Ask<'a> {
    fn get(path: &'a str, by: As) -> Self {
        Self { by, method: &Method::GET, path, body: None, if_match: None }
    }
}

/// One BMC's HTTP interface.
pub(crate) struct Client {
    pub(super) http: Http,
    pub(super) base: Url,
    name: String,
    pub(super) username: String,
    pub(super) password: SecretString,
    pub(super) access: Access,
    limits: Limits,
    deadline: Deadline,
    recorded: Option<Fingerprint>,
    fingerprint: Option<Fingerprint>,
    pub(super) manners: Manners,
    quirks: &'static dyn Quirks,
    doing: String,
}

impl Client {
    pub(crate) fn new(
        http: Http,
        target: &Target,
        base: Url,
        access: Access,
        deadline: Deadline,
        manners: Manners,
        quirks: &'static dyn Quirks,
    ) -> Self {
        Self {
            http,
            base,
            name: target.name(),
            username: target.username.clone(),
            password: target.password.clone(),
            access,
            limits: target.limits,
            deadline,
            recorded: target.recorded_fingerprint,
            fingerprint: None,
            manners,
            quirks,
            doing: "connecting".to_owned(),
        }
    }

    /// Whether TLS that rustls refuses is allowed here.
    pub(crate) fn allows_old_tls(&self) -> bool {
        self.http.allows_old_tls()
    }

    pub(crate) fn use_quirks(&mut self, quirks: &'static dyn Quirks) {
        self.quirks = quirks;
    }

    /// What the following requests are for, as a gerund; errors start with it.
    pub(crate) fn doing(&mut self, doing: impl Into<String>) {
        self.doing = doing.into();
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    /// The SHA-256 of the certificate seen last.
    pub(crate) fn fingerprint(&self) -> Option<Fingerprint> {
        self.fingerprint
    }

    pub(crate) fn fingerprint_changed(&self) -> bool {
        matches!((self.recorded, self.fingerprint), (Some(recorded), Some(seen)) if recorded != seen)
    }

    /// An error about what is being done.
    pub(crate) fn error(&self, kind: Kind, answer: impl AsRef<str>) -> Error {
        let answer = self.access.hide_token(without_secret(answer.as_ref(), &self.password));
        Error::new(kind, &self.doing, &self.name, answer)
    }

    /// One error out of several ways tried.
    pub(crate) fn error_of_ways(&self, ways: Vec<(String, Error)>) -> Error {
        Error::of_ways(&self.doing, &self.name, ways)
    }

    /// The error that a refusal is, with the vendor's advice where there is some.
    pub(crate) fn refused(&self, refusal: &Refusal) -> Error {
        let kind = self.quirks.kind(refusal).or_else(|| super::vendors::common_kind(refusal));
        let error = self.error(kind.unwrap_or_else(|| refusal.kind()), refusal.spoken());
        match self.quirks.advice(refusal).or_else(|| super::vendors::common_advice(refusal)) {
            Some(advice) => error.advise(advice),
            None => error,
        }
    }

    /// The service root, without credentials unless the BMC insists.
    pub(crate) async fn root(&mut self) -> Result<Resource, Error> {
        let path = ROOT;
        let mut answer = self.exchange(Ask::get(path, As::Nobody)).await?;
        if matches!(answer.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            answer = self.exchange(Ask::get(path, As::Account)).await?;
        }
        if answer.status == StatusCode::NOT_FOUND {
            let answer = "has no Redfish service: it answered 404 Not Found to GET /redfish/v1/";
            return Err(self.error(Kind::Unsupported, answer).advise(
                "check the address and port; switch Redfish on in the BMC's settings, or update its firmware",
            ));
        }
        let root = self.read(path, answer)?;
        // Some CIMCs show the root's links after a login alone (check_redfish#148).
        if root.link("Systems").is_some() { Ok(root) } else { self.get(path).await }
    }

    /// What the service root shows to everybody, which may be nothing.
    pub(super) async fn public_root(&mut self) -> Result<Resource, Error> {
        let answer = self.exchange(Ask::get(ROOT, As::Nobody)).await?;
        Ok(answer.resource(ROOT).unwrap_or_default())
    }

    /// A resource that has to be there.
    pub(crate) async fn get(&mut self, path: &str) -> Result<Resource, Error> {
        let answer = self.exchange(Ask::get(path, As::Account)).await?;
        self.read(path, answer)
    }

    /// A resource, or none where the BMC says that there is none; a Supermicro X10 says so with an empty answer.
    pub(crate) async fn find(&mut self, path: &str) -> Result<Option<Resource>, Error> {
        let answer = self.exchange(Ask::get(path, As::Account)).await?;
        if answer.status == StatusCode::NOT_FOUND || (answer.is_success() && matches!(answer.body, Body::Nothing)) {
            return Ok(None);
        }
        self.read(path, answer).map(Some)
    }

    /// An answer as it is, for a task monitor, whose status says as much as its body.
    pub(crate) async fn get_answer(&mut self, path: &str) -> Result<Answer, Error> {
        self.exchange(Ask::get(path, As::Account)).await
    }

    /// An action. Never with If-Match (iDRAC 10 answers 412 to one, gofish#510), and never without a body: some iLOs answer
    /// 415 to an empty one.
    pub(crate) async fn post(&mut self, path: &str, body: &Value) -> Result<Result<Answer, Refusal>, Error> {
        let ask = Ask { by: As::Account, method: &Method::POST, path, body: Some(body), if_match: None };
        let answer = self.exchange(ask).await?;
        Ok(sorted(&Method::POST, path, answer))
    }

    /// A change of a resource whose `ETag` is known, if it has one (rule R7).
    ///
    /// 412: a weak `ETag` is tried as a strong one, then without quotes, then none. 428 without one: the `ETag` is read
    /// anew, then sent. Once: a Gigabyte refused each form of each (community.general#6434).
    pub(crate) async fn patch(
        &mut self,
        path: &str,
        etag: Option<&str>,
        body: &Value,
    ) -> Result<Result<Answer, Refusal>, Error> {
        let mut known = etag.map(str::to_owned);
        let mut forms = etag_forms(etag);
        let mut form = forms.pop();
        let mut is_read = false;
        let mut tried = Tried::default();
        loop {
            let if_match = form.clone().flatten();
            let if_match = if_match.as_deref();
            let ask = Ask { by: As::Account, method: &Method::PATCH, path, body: Some(body), if_match };
            let refusal = match sorted(&Method::PATCH, path, self.exchange(ask).await?) {
                Ok(answer) => return Ok(Ok(answer)),
                Err(refusal) => refusal,
            };
            tried.add(
                if_match.map_or_else(|| "without If-Match".to_owned(), |etag| format!("with If-Match {etag}")),
                &refusal,
            );
            match refusal.status {
                StatusCode::PRECONDITION_FAILED if !forms.is_empty() => form = forms.pop(),
                StatusCode::PRECONDITION_REQUIRED if if_match.is_none() && !is_read => {
                    // None was known, or what was known is outdated.
                    is_read = true;
                    let read = self.get(path).await?.etag;
                    if read.is_none() || read == known {
                        return Ok(Err(tried.told(refusal)));
                    }
                    forms = etag_forms(read.as_deref());
                    form = forms.pop();
                    known = read;
                }
                _ => return Ok(Err(tried.told(refusal))),
            }
        }
    }

    /// Waits between two looks or tries, within the operation's time; `awaited` is what for.
    pub(crate) async fn pause(&self, wait: Duration, awaited: &str) -> Result<(), Error> {
        if wait >= self.deadline.remaining() {
            return Err(self.out_of_time(awaited));
        }
        tokio::time::sleep(wait).await;
        Ok(())
    }

    /// A request until the BMC has time for it: "not now" is answered by a bounded number of repetitions.
    async fn exchange(&mut self, ask: Ask<'_>) -> Result<Answer, Error> {
        let Ask { by, method, path, .. } = ask;
        if by == As::Account {
            self.enter().await?;
        }
        for again in 1.. {
            let answer = self.follow(ask).await?;
            if answer.is_success() {
                return Ok(answer);
            }
            let refusal = Refusal::new(method, path, &answer);
            if by == As::Account && refuses_the_account(&refusal) {
                if self.enter_instead(&answer).await? {
                    continue;
                }
                return Err(self.credentials_refused(&refusal));
            }
            if again >= Limits::TRIES {
                return Ok(answer);
            }
            if !self.is_passing(&refusal) {
                return Ok(answer);
            }
            let backoff = self.limits.backoff(again);
            let wait = answer.retry_after.map_or(backoff, |asked| asked.min(self.limits.backoff(Limits::TRIES)));
            debug!(bmc = self.name, %method, path, status = answer.status.as_u16(), ?wait, "BMC says not now");
            self.pause(wait, "it to have time").await.map_err(|_| self.refused(&refusal).finally())?;
        }
        Err(self.out_of_time("it to have time"))
    }

    /// One request, and the redirects within the BMC that it meets, with method and body kept.
    async fn follow(&mut self, ask: Ask<'_>) -> Result<Answer, Error> {
        let Ask { method, path, .. } = ask;
        let mut url = self.local(path)?;
        for _ in 0..=REDIRECTS {
            let answer = match self.send(ask, url.clone()).await {
                Err(Failure::Broken(_)) if method == Method::GET => {
                    // Reused connections break on some BMCs; a GET harms nobody, and fresh ones are asked for from now on.
                    self.manners.avoid_reuse();
                    self.send(ask, url.clone()).await
                }
                other => other,
            };
            let answer = answer.map_err(|failure| self.failed(method, url.path(), &failure))?;
            if !answer.status.is_redirection() || answer.location.is_none() {
                return Ok(answer);
            }
            let next = answer.location.as_deref().and_then(|location| url.join(location).ok());
            match next {
                Some(next) if next.origin() == self.base.origin() => url = next,
                _ => {
                    let elsewhere = quoted(answer.location.as_deref().unwrap_or_default());
                    let answer = format!("redirects {method} {} to {elsewhere}, which is not followed", url.path());
                    return Err(self
                        .error(Kind::Refused, answer)
                        .advise("check that address and port are the BMC's own and not a portal in front of it")
                        .finally());
                }
            }
        }
        Err(self.error(Kind::Refused, format!("redirects {method} {path} in a circle")))
    }

    /// Sends it to `url`, which is its path or where a redirect led.
    async fn send(&mut self, ask: Ask<'_>, url: Url) -> Result<Answer, Failure> {
        let Ask { by, method, body, if_match, .. } = ask;
        let limit = self.request_limit();
        let mut request = prepared(&self.http, &self.manners, method, url.clone());
        if by == As::Account {
            request = self.access.sign(request, &self.username, &self.password);
        }
        if let Some(etag) = if_match {
            request = request.header(IF_MATCH, etag);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let began = tokio::time::Instant::now();
        let received = tokio::time::timeout(limit, receive(&self.http, request)).await;
        let took = began.elapsed();
        match received {
            Err(_) => Err(Failure::Silent(limit)),
            Ok(Err(failure)) => Err(failure),
            Ok(Ok((answer, seen))) => {
                debug!(bmc = self.name, %method, path = url.path(), status = answer.status.as_u16(), ?took, "request");
                self.saw(seen);
                Ok(answer)
            }
        }
    }

    /// How long the next request may take.
    pub(super) fn request_limit(&self) -> Duration {
        self.limits.request.min(self.deadline.remaining())
    }

    /// Whether a refusal passes with time.
    pub(super) fn is_passing(&self, refusal: &Refusal) -> bool {
        self.quirks.is_passing(refusal) || super::vendors::is_commonly_passing(refusal)
    }

    pub(super) fn saw(&mut self, seen: Option<Seen>) {
        let Some(Seen { fingerprint, old }) = seen else { return };
        let seen = Some(fingerprint);
        if seen == self.fingerprint {
            return;
        }
        self.fingerprint = seen;
        if let Some(suite) = old {
            warn!(
                bmc = self.name,
                suite,
                "old TLS is allowed for this BMC (virtual-media/tls-legacy): whoever stands between \
                may be able to read the password; update the BMC's firmware"
            );
        }
        if let (Some(seen), Some(recorded), true) = (seen, self.recorded, self.fingerprint_changed()) {
            warn!(bmc = self.name, %recorded, %seen,
                "the BMC's certificate has CHANGED since the last operation: renewed, or somebody stands between");
        }
    }

    /// An answer as the resource it has to be.
    fn read(&self, path: &str, answer: Answer) -> Result<Resource, Error> {
        if !answer.is_success() {
            let refusal = Refusal::new(&Method::GET, path, &answer);
            return Err(self.refused(&refusal));
        }
        let sent = answer.body.spoken();
        answer
            .resource(path)
            .ok_or_else(|| self.error(Kind::Refused, format!("answered GET {path} with {sent}")).advise(NOT_REDFISH))
    }

    /// A link's place on this BMC. Whatever host a link names, only its path is used: credentials go nowhere else.
    pub(super) fn local(&self, link: &str) -> Result<Url, Error> {
        local(&self.base, link)
            .ok_or_else(|| self.error(Kind::Refused, format!("gave a link that is no path: {}", quoted(link))))
    }

    pub(super) fn credentials_refused(&self, refusal: &Refusal) -> Error {
        let answer = format!("refuses user {:?}: it {}", self.username, refusal.spoken());
        let error = self.error(Kind::Refused, answer).finally();
        match super::vendors::common_advice(refusal) {
            Some(advice) => error.advise(advice),
            None if refusal.status == StatusCode::FORBIDDEN => {
                error.advise("check the rights of ipmi/username on this BMC, and ipmi/password")
            }
            None => error.advise("check the user name and password (ipmi/username, ipmi/password)"),
        }
    }

    pub(super) fn out_of_time(&self, awaited: &str) -> Error {
        Error::out_of_time(&self.doing, &self.name, self.deadline, awaited)
    }
}

/// Whether it is the account that is refused. `OpenBMC` answers 403 also to a property that cannot be written (bmcweb
/// `error_messages.cpp`, `propertyNotWritable`), which is no reason to give up, and Supermicro for want of a licence.
fn refuses_the_account(refusal: &Refusal) -> bool {
    match refusal.status {
        StatusCode::UNAUTHORIZED => true,
        StatusCode::FORBIDDEN => {
            let others = ["PropertyNotWritable", "PropertyUnknown", "ActionNotSupported", "OemLicenseNotPassed"];
            !refusal.says_any(&others)
        }
        _ => false,
    }
}

fn sorted(method: &Method, path: &str, answer: Answer) -> Result<Answer, Refusal> {
    if answer.is_success() { Ok(answer) } else { Err(Refusal::new(method, path, &answer)) }
}

/// A request with what every one has.
pub(super) fn prepared(http: &Http, manners: &Manners, method: &Method, url: Url) -> RequestBuilder {
    let request = http.request(method.clone(), url);
    let request = request.header("OData-Version", "4.0").header("Accept", "application/json");
    if manners.avoids_reuse() { request.header(CONNECTION, "close") } else { request }
}

/// A link's place on the BMC at `base`.
pub(super) fn local(base: &Url, link: &str) -> Option<Url> {
    let meant = base.join(link).ok()?;
    let mut url = base.clone();
    url.set_path(meant.path());
    url.set_query(meant.query());
    Some(url)
}

pub(super) async fn receive(http: &Http, request: RequestBuilder) -> Result<(Answer, Option<Seen>), Failure> {
    let mut response = http.send(request).await?;
    let seen = tls::seen(&response);
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if bytes.len() + chunk.len() > LARGEST {
            return Err(Failure::TooLong);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok((Answer::new(response.status(), response.headers(), &bytes), seen))
}

/// The forms of an `ETag` to try, last first: as given, as a plain strong one, without quotes, none at all.
///
/// Weak ones are refused by some (sushy retries without `W/`), others quote twice (community.general#3268); an iRMC S4 takes
/// its own without quotes alone (a field record of 9.08F to 9.69F).
fn etag_forms(etag: Option<&str>) -> Vec<Option<String>> {
    let mut forms = vec![None];
    if let Some(etag) = etag.filter(|etag| !etag.is_empty()) {
        let bare = etag.trim_start_matches("W/").replace(['"', '\\'], "");
        let strong = format!("\"{bare}\"");
        forms.extend([bare, strong].into_iter().filter(|form| form != etag && !form.is_empty()).map(Some));
        forms.push(Some(etag.to_owned()));
    }
    forms
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{etag_forms, refuses_the_account};
    use crate::bmc::redfish::answer::tests::refusal;

    #[test]
    fn a_403_about_a_property_is_no_refusal_of_the_account() {
        let says = |id: &str| json!({"error": {"@Message.ExtendedInfo": [{"MessageId": format!("Base.1.13.{id}")}]}});
        assert!(refuses_the_account(&refusal(401, &says("PropertyNotWritable"))));
        assert!(refuses_the_account(&refusal(403, &says("InsufficientPrivilege"))));
        assert!(refuses_the_account(&refusal(403, &json!({}))));
        assert!(!refuses_the_account(&refusal(403, &says("PropertyNotWritable"))));
        assert!(!refuses_the_account(&refusal(403, &says("OemLicenseNotPassed"))));
        assert!(!refuses_the_account(&refusal(400, &says("InsufficientPrivilege"))));
    }

    #[test]
    fn etags_are_tried_as_given_then_strong_then_bare_then_not_at_all() {
        let forms = |etag: Option<&str>| etag_forms(etag).into_iter().rev().flatten().collect::<Vec<_>>();
        assert_eq!(forms(Some("W/\"12\"")), ["W/\"12\"", "\"12\"", "12"]);
        assert_eq!(forms(Some("\"12\"")), ["\"12\"", "12"]);
        assert_eq!(forms(Some("12")), ["12", "\"12\""]);
        assert_eq!(forms(Some("\"\\\"12\\\"\"")), ["\"\\\"12\\\"\"", "\"12\"", "12"]);
        assert!(forms(Some("")).is_empty() && forms(None).is_empty());
        assert_eq!(etag_forms(None), [None]);
    }
}
