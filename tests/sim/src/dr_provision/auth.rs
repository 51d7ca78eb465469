//! Who asks: tokens of plugins, users and machines, and users' passwords (drp-protocol 1.2, 5.2, 5.3).

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::HeaderMap;
use uuid::Uuid;

use super::error::Error;

/// The user that every dr-provision begins with.
pub const USERNAME: &str = "rocketskates";
/// Its password.
pub const PASSWORD: &str = "r0cketsk8ts";

/// Who a request is from, as events name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Principal {
    User(String),
    /// A plugin; superuser (drp-protocol 1.2).
    Plugin(String),
    /// A machine's own token: good for that machine.
    Machine(String),
    /// The server itself.
    System,
}

impl std::fmt::Display for Principal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::User(name) => write!(f, "user:{name}"),
            Self::Plugin(name) => write!(f, "plugin:{name}"),
            Self::Machine(uuid) => write!(f, "machine:{uuid}"),
            Self::System => f.write_str("system"),
        }
    }
}

/// The tokens that are good.
#[derive(Default)]
pub(super) struct Tokens(BTreeMap<String, Principal>);

impl Tokens {
    /// Makes one more token.
    pub(super) fn issue(&mut self, principal: Principal) -> String {
        let token = Uuid::new_v4().simple().to_string();
        self.0.insert(token.clone(), principal);
        token
    }

    /// Makes every token of a principal worthless.
    pub(super) fn revoke(&mut self, principal: &Principal) {
        self.0.retain(|_, owner| owner != principal);
    }

    /// Who a request is from: `Authorization`, or the query's `token` as browsers send it, which may hold `user:password`.
    pub(super) fn principal(&self, headers: &HeaderMap, query: Option<&str>) -> Option<Principal> {
        let header = headers.get("authorization").and_then(|value| value.to_str().ok());
        let (scheme, credentials) = header.and_then(|header| header.split_once(' ')).unzip();
        match (scheme, credentials.map(str::trim)) {
            (Some("Bearer"), Some(token)) => self.0.get(token).cloned(),
            (Some("Basic"), Some(encoded)) => basic(&String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?),
            _ => query.and_then(|token| self.0.get(token).cloned().or_else(|| basic(token))),
        }
    }
}

fn basic(credentials: &str) -> Option<Principal> {
    (credentials.split_once(':')? == (USERNAME, PASSWORD)).then(|| Principal::User(USERNAME.to_owned()))
}

/// What somebody hears who is nobody. No recording shows it; a body is not promised, so there is none but the usual.
pub(super) fn unauthorized(verb: &str, path: &str) -> Error {
    Error::new(401, "AUTH", "", path, format!("{verb}: the token is not valid"))
}

/// Whether a principal may ask for a path: a machine's token is good for the machine, its jobs and what all may know.
pub(super) fn permits(principal: &Principal, path: &str) -> bool {
    let Principal::Machine(uuid) = principal else { return true };
    let mut segments = path.split('/');
    match segments.next() {
        Some("machines") => segments.next() == Some(uuid),
        Some(first) => matches!(first, "jobs" | "info" | "ws" | "events" | "params" | "bootenvs" | "stages" | "tasks"),
        None => false,
    }
}
