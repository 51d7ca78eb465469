//! Who may ask: Basic credentials, session tokens, and what is open to all.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use serde_json::Value;

use super::call::{Call, Reply};
use super::log::Credentials;
use super::machine::Machine;

/// The kind of credentials a request carries, right or wrong.
pub(super) fn credentials(headers: &HeaderMap) -> Credentials {
    if headers.contains_key("x-auth-token") {
        Credentials::Session
    } else if headers.contains_key(AUTHORIZATION) {
        Credentials::Basic
    } else {
        Credentials::None
    }
}

/// Refuses what is neither open to all nor authenticated.
pub(super) fn refuse(machine: &Machine, call: &Call, headers: &HeaderMap) -> Option<Reply> {
    if open(machine, call, headers) || basic(machine, headers) || session(machine, headers) {
        return None;
    }
    let reply = Reply::message(&machine.profile.errors.unauthorized, &machine.profile).status(401);
    let basic = machine.profile.http.basic;
    Some(if basic { reply.with("WWW-Authenticate", "Basic realm=\"RedfishService\"") } else { reply })
}

/// Takes the links out of a root that shows them after a login alone.
pub(super) fn withhold(machine: &Machine, call: &Call, headers: &HeaderMap, reply: &mut Reply) {
    let anonymous = !basic(machine, headers) && !session(machine, headers);
    let root = matches!(call.path.as_str(), "/redfish/v1");
    if let (true, Some(Value::Object(body))) = (machine.profile.http.bare_root && anonymous && root, &mut reply.body) {
        body.retain(|_, value| value["@odata.id"].is_null());
    }
}

/// DSP0266: the service root, its version and a login need no credentials. A root that shows more to those who have some
/// looks at what it gets; believed.
fn open(machine: &Machine, call: &Call, headers: &HeaderMap) -> bool {
    let login = machine.profile.http.sessions.map(|path| format!("/redfish/v1/{path}"));
    let root = matches!(call.path.as_str(), "/redfish" | "/redfish/v1" | "/redfish/v1/odata" | "/redfish/v1/$metadata");
    let http = &machine.profile.http;
    let looked_at = http.bare_root && http.basic && credentials(headers) == Credentials::Basic;
    (root && call.reads() && !looked_at) || (call.method == "POST" && login.as_deref() == Some(call.path.as_str()))
}

fn basic(machine: &Machine, headers: &HeaderMap) -> bool {
    let sent = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some(sent) = sent.and_then(|value| value.strip_prefix("Basic ")) else { return false };
    let wanted = format!("{}:{}", machine.username, machine.password);
    machine.profile.http.basic && STANDARD.decode(sent).is_ok_and(|sent| sent == wanted.as_bytes())
}

fn session(machine: &Machine, headers: &HeaderMap) -> bool {
    let sent = headers.get("x-auth-token").and_then(|value| value.to_str().ok());
    sent.is_some_and(|sent| machine.sessions.iter().any(|session| session.token == sent))
}
