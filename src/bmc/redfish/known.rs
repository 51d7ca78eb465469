//! What BMCs turned out to be, kept for the operations that follow.
//!
//! To recognise a BMC costs up to six requests, and what is found changes with its firmware only. So it is kept for ten minutes,
//! in this process, and given up before that when an answer contradicts it: a path that is gone, another certificate.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::discovery::Platform;

/// How long a platform is believed without a look at it.
const KEPT_FOR: Duration = Duration::from_mins(10);

/// Platforms kept at most. One is some tens of kilobytes, and a fleet that passes by needs each of its BMCs once.
const MOST: usize = 512;

/// What is known of all BMCs. Nothing is lost by forgetting: it costs some requests.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known(Arc<Mutex<HashMap<String, Kept>>>);

#[derive(Debug)]
struct Kept {
    platform: Arc<Platform>,
    since: Instant,
}

impl Known {
    /// What is known of one BMC.
    pub(crate) fn of(&self, key: &str) -> Memory {
        Memory { known: self.clone(), key: key.to_owned() }
    }

    /// The map is whole after every statement, so a poisoned lock is still good.
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is known of one BMC.
#[derive(Clone, Debug)]
pub(crate) struct Memory {
    known: Known,
    key: String,
}

impl Memory {
    /// The platform as it was learnt, unless that was too long ago.
    pub(crate) fn recall(&self) -> Option<Platform> {
        let mut known = self.known.lock();
        if known.get(&self.key).is_some_and(|kept| kept.since.elapsed() >= KEPT_FOR) {
            known.remove(&self.key);
        }
        let kept = known.get(&self.key).map(|kept| Arc::clone(&kept.platform));
        drop(known);
        kept.map(Arc::unwrap_or_clone)
    }

    /// Keeps what was learnt. A platform that is known already keeps its age: what is added to it makes the rest no newer.
    pub(crate) fn keep(&self, platform: &Platform) {
        let mut known = self.known.lock();
        let since = known.get(&self.key).map_or_else(Instant::now, |kept| kept.since);
        if known.len() >= MOST && !known.contains_key(&self.key) {
            let oldest = known.iter().min_by_key(|(_, kept)| kept.since).map(|(key, _)| key.clone());
            known.remove(&oldest.unwrap_or_default());
        }
        known.insert(self.key.clone(), Kept { platform: Arc::new(platform.clone()), since });
    }

    pub(crate) fn forget(&self) {
        self.known.lock().remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::{KEPT_FOR, Known, MOST};
    use crate::bmc::redfish::discovery::Platform;
    use crate::bmc::redfish::value::tests::resource;

    fn platform(model: &str) -> Platform {
        Platform { system: resource(json!({"Model": model})), ..Platform::default() }
    }

    fn model(known: &Known, key: &str) -> Option<String> {
        known.of(key).recall().and_then(|platform| platform.system.text("Model"))
    }

    #[tokio::test(start_paused = true)]
    async fn a_platform_is_known_until_it_is_too_old_or_forgotten() {
        let known = Known::default();
        known.of("a").keep(&platform("first"));
        tokio::time::advance(KEPT_FOR / 2).await;
        known.of("a").keep(&platform("second"));
        assert_eq!(model(&known, "a").as_deref(), Some("second"));
        tokio::time::advance(KEPT_FOR / 4).await;
        assert!(model(&known, "a").is_some());
        tokio::time::advance(KEPT_FOR / 4).await;
        assert_eq!(model(&known, "a"), None, "what was added to it made it no newer");
        known.of("a").keep(&platform("third"));
        known.of("a").forget();
        assert_eq!(model(&known, "a"), None);
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_of_too_many_is_forgotten() {
        let known = Known::default();
        for number in 0..=MOST {
            known.of(&number.to_string()).keep(&platform("x"));
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        assert_eq!(model(&known, "0"), None);
        assert!(model(&known, "1").is_some() && known.lock().len() == MOST);
    }
}
