//! The images that are served: each at a path that nobody can guess, for as long as it is mounted.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::ops::Range;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant, SystemTime};

use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::conditions::Validators;
use crate::iso::volume::ReadAt;
use crate::iso::{self, Image};
use crate::machine::MachineUuid;

/// An image's file, as the last part of its path, and what is told of it beside.
const IMAGE: &str = "/boot.iso";
const TOLD: &str = "/boot.json";

/// The directory of all images, in their paths.
const ROOT: &str = "dynamic_isos";

/// How long a template's file is taken for unchanged after a look at it: one at each request would be a fortieth of the work for 64 KiB.
const LOOK: Duration = Duration::from_millis(100);

/// Hexadecimal digits of a token.
const TOKEN: usize = 32;

/// The part of an image's path that nobody can guess: who knows it may read the image. It lasts as long as the mount, also over a restart.
///
/// No secret to those who may see the machine: its state, its BMC and our messages and log have the URL, which an operator
/// tries where a BMC cannot read it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Token(Box<str>);

/// A text that is no [`Token`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no token of an image's URL: it has {TOKEN} hexadecimal digits in lower case")]
pub struct TokenError;

impl Token {
    /// A new one: 122 bits from the system's random numbers.
    #[must_use]
    pub fn random() -> Self {
        Self(Uuid::new_v4().simple().to_string().into())
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Token {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, TokenError> {
        let digits = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if digits && text.len() == TOKEN { Ok(Self(text.into())) } else { Err(TokenError) }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

/// Watches what is read of an image.
pub trait Watch: Send + Sync {
    /// These bytes of the image were handed to the kernel for a reader, or under TLS to the encryption: not more than was asked for, and
    /// as they went, so a range may come in several parts. Called on a thread that other readers wait for: must not block.
    fn read(&self, sent: Range<u64>);

    /// What there is to tell of it, as JSON; empty where nothing is.
    fn told(&self) -> String;
}

/// An image to serve.
pub struct Mount {
    /// The image.
    pub image: Arc<Image>,
    /// Whose it is.
    pub machine: MachineUuid,
    /// The BootEnv that it boots.
    pub bootenv: String,
    /// Who may read it; everybody where it is `None`.
    pub clients: Option<Vec<IpAddr>>,
    /// When it is no longer there for new requests. What is being sent then is sent to its end.
    pub expires: Option<SystemTime>,
    /// Who is told what is read.
    pub watch: Option<Arc<dyn Watch>>,
}

impl fmt::Debug for Mount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mount").field("machine", &self.machine).field("bootenv", &self.bootenv).finish_non_exhaustive()
    }
}

/// The images that are served. A clone is the same set, which any thread may change while it is served.
#[derive(Clone, Debug, Default)]
pub struct Images(Arc<RwLock<HashMap<Token, Arc<Served>>>>);

impl Images {
    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The path of an image, as it is written in a URL.
    #[must_use]
    pub fn path(machine: MachineUuid, bootenv: &str, token: &Token) -> String {
        // Of what a BootEnv's name may hold, a blank alone needs escaping.
        path(machine, &bootenv.replace(' ', "%20"), token)
    }

    /// Whether a URL is the one of an image for the machine as it is named here, served or not.
    pub(super) fn is_named(machine: MachineUuid, url: &str) -> bool {
        let parts: Vec<&str> = url.strip_suffix(IMAGE).unwrap_or_default().rsplitn(5, '/').collect();
        let [token, _, of, root, _] = parts[..] else { return false };
        token.parse::<Token>().is_ok() && of == machine.to_string() && root == ROOT
    }

    /// Serves an image. Another one at this token goes, and who reads it is cut off.
    pub fn insert(&self, token: Token, mount: Mount) {
        let served = Arc::new(Served::new(&token, mount));
        let before = self.write().insert(token, served);
        before.inspect(|served| served.end());
    }

    /// Serves an image no longer, and cuts off who reads it. Says whether there was one.
    #[expect(clippy::must_use_candidate, reason = "it need not have been there")]
    pub fn remove(&self, token: &Token) -> bool {
        // The lock is not held while it ends.
        let removed = self.write().remove(token);
        removed.inspect(|served| served.end()).is_some()
    }

    /// How many there are, those that have expired among them.
    #[must_use]
    pub fn len(&self) -> usize {
        self.read().len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.read().is_empty()
    }

    /// The image at a decoded path, for a client that may read it now.
    pub(super) fn find(&self, path: &str, client: IpAddr) -> Result<Arc<Served>, Absent> {
        let token = path.rsplit('/').nth(1).and_then(|token| token.parse::<Token>().ok()).ok_or(Absent::Unknown)?;
        let served = self.read().get(&token).cloned().ok_or(Absent::Unknown)?;
        // An URL that has died and one that never was look the same: nothing is kept of a mount that is gone.
        if served.path != path || served.has_expired() {
            return Err(Absent::Unknown);
        }
        if served
            .mount
            .clients
            .as_ref()
            .is_some_and(|clients| !clients.iter().any(|known| known.to_canonical() == client))
        {
            if !served.refused.swap(true, Ordering::Relaxed) {
                let Mount { machine, bootenv, .. } = &served.mount;
                tracing::warn!(%machine, bootenv, %client, "an image was asked for by a client that may not read it");
            }
            return Err(Absent::Forbidden);
        }
        Ok(served)
    }

    /// What the image at a decoded path has to tell, for whoever knows the path.
    pub(super) fn told(&self, path: &str) -> Option<String> {
        let image = path.strip_suffix(TOLD)?;
        let token = image.rsplit('/').next()?.parse::<Token>().ok()?;
        let served = self.read().get(&token).cloned()?;
        let is_there = served.path.strip_suffix(IMAGE) == Some(image) && !served.has_expired();
        served.mount.watch.as_ref().filter(|_| is_there).map(|watch| watch.told()).filter(|told| !told.is_empty())
    }

    /// The map is whole after every statement, so a poisoned lock is still good.
    fn read(&self) -> RwLockReadGuard<'_, HashMap<Token, Arc<Served>>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<Token, Arc<Served>>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a path has no image for a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Absent {
    Unknown,
    Forbidden,
}

/// An image that is served, and what has come of that.
#[derive(Debug)]
pub(super) struct Served {
    pub(super) mount: Mount,
    /// Ends when it is served no longer.
    pub(super) gone: CancellationToken,
    /// The headers that are the same in every answer.
    pub(super) headers: Box<str>,
    path: String,
    etag: Box<str>,
    modified: SystemTime,
    first: AtomicBool,
    refused: AtomicBool,
    sent: AtomicU64,
    since: Instant,
    /// Milliseconds after `since` until which the template's file is not looked at again.
    unchanged: AtomicU64,
}

impl Served {
    fn new(token: &Token, mount: Mount) -> Self {
        let path = path(mount.machine, &mount.bootenv, token);
        let etag = format!("\"{}\"", mount.image.digest());
        let modified = whole_seconds(mount.image.made().into());
        let date = httpdate::fmt_http_date(modified);
        // What nginx and others send for an `.iso`, and so what BMCs have been tried with.
        let headers = format!(
            "Accept-Ranges: bytes\r\nContent-Type: application/octet-stream\r\nETag: {etag}\r\nLast-Modified: {date}\r\n"
        );
        Self {
            mount,
            gone: CancellationToken::new(),
            headers: headers.into(),
            path,
            etag: etag.into(),
            modified,
            first: AtomicBool::new(true),
            refused: AtomicBool::new(false),
            sent: AtomicU64::new(0),
            since: Instant::now(),
            unchanged: AtomicU64::new(0),
        }
    }

    fn has_expired(&self) -> bool {
        self.mount.expires.is_some_and(|expires| expires <= SystemTime::now())
    }

    /// Fails where the template's file was written to after the image was made; at the latest [`LOOK`] after that.
    pub(super) fn check_unchanged(&self) -> Result<(), iso::Error> {
        let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let now = self.since.elapsed();
        if milliseconds(now) >= self.unchanged.load(Ordering::Relaxed) {
            self.mount.image.check_unchanged()?;
            self.unchanged.store(milliseconds(now + LOOK), Ordering::Relaxed);
        }
        Ok(())
    }

    /// The image's length in bytes.
    pub(super) fn len(&self) -> u64 {
        self.mount.image.size()
    }

    pub(super) fn validators(&self) -> Validators<'_> {
        Validators { etag: &self.etag, modified: self.modified }
    }

    /// Says that these bytes of it were sent to a client.
    pub(super) fn sent(&self, bytes: Range<u64>, client: IpAddr) {
        if bytes.is_empty() {
            return;
        }
        if self.first.load(Ordering::Relaxed) && self.first.swap(false, Ordering::Relaxed) {
            let Mount { machine, bootenv, .. } = &self.mount;
            tracing::info!(%machine, bootenv, %client, "the first bytes of an image were read");
        }
        self.sent.fetch_add(bytes.end - bytes.start, Ordering::Relaxed);
        if let Some(watch) = &self.mount.watch {
            watch.read(bytes);
        }
    }

    fn end(&self) {
        self.gone.cancel();
        let Mount { machine, bootenv, .. } = &self.mount;
        let bytes = self.sent.load(Ordering::Relaxed);
        tracing::info!(%machine, bootenv, bytes, "an image is served no longer");
    }
}

fn path(machine: MachineUuid, bootenv: &str, token: &Token) -> String {
    format!("/{ROOT}/{machine}/{bootenv}/{}{IMAGE}", token.as_str())
}

/// A header has no parts of a second, and nothing from before 1970.
fn whole_seconds(time: SystemTime) -> SystemTime {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    SystemTime::UNIX_EPOCH + Duration::from_secs(since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::{Images, Token};
    use crate::machine::MachineUuid;

    #[test]
    fn only_a_path_with_a_token_of_the_machine_is_a_name_that_is_given_here() {
        const MACHINE: &str = "5c7de48b-2d3c-4b38-8d1c-0a1b2c3d4e5f";
        let machine = MachineUuid::parse(MACHINE).unwrap();
        let token = Token::random();
        let named = |url: &str| Images::is_named(machine, url);
        assert!(named(&format!("http://10.0.0.1:8096{}", Images::path(machine, "my env", &token))));
        assert!(named(&format!("https://images.example.net/below{}", Images::path(machine, "x", &token))));
        let (token, other) = (token.as_str(), "6c7de48b-2d3c-4b38-8d1c-0a1b2c3d4e5f");
        for url in [
            String::new(),
            format!("http://10.0.0.1:8091/dynamic_isos/{MACHINE}/sledgehammer/boot.iso"),
            // A BootEnv may be called so.
            format!("http://10.0.0.1:8091/dynamic_isos/{MACHINE}/{token}/boot.iso"),
            format!("http://10.0.0.1:8096/dynamic_isos/{other}/sledgehammer/{token}/boot.iso"),
            format!("http://10.0.0.1:8096/isos/{MACHINE}/sledgehammer/{token}/boot.iso"),
            format!("http://10.0.0.1:8096/dynamic_isos/{MACHINE}/sledgehammer/{token}/other.iso"),
        ] {
            assert!(!named(&url), "{url}");
        }
    }

    #[test]
    fn a_token_is_read_back_and_never_shown() {
        let token = Token::random();
        assert_eq!(token.as_str().parse(), Ok(token.clone()));
        assert_ne!(token, Token::random());
        assert!(!format!("{token:?}").contains(token.as_str()));
        for text in [
            "",
            "..",
            "0123456789abcdef0123456789abcdeF",
            "0123456789abcdef0123456789abcde",
            "0123456789abcdef/123456789abcdef",
        ] {
            assert!(text.parse::<Token>().is_err(), "{text}");
        }
    }
}
