//! BMCs that broke a reused connection, so that each next operation asks them for `Connection: close` (rule R9).
//!
//! sushy and gofish ask every BMC for that; most do not need it, and a TLS handshake is the dearest part of an action.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

/// What is remembered of all BMCs. Nothing is lost by forgetting: it costs one repeated GET.
#[derive(Clone, Debug, Default)]
pub(crate) struct Remembered(Arc<Mutex<HashSet<String>>>);

impl Remembered {
    const MOST: usize = 4096;

    pub(crate) fn of(&self, key: &str) -> Manners {
        let avoids_reuse = self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(key);
        Manners { remembered: self.clone(), key: key.to_owned(), avoids_reuse }
    }
}

/// How to treat one BMC.
#[derive(Clone, Debug)]
pub(crate) struct Manners {
    remembered: Remembered,
    key: String,
    avoids_reuse: bool,
}

impl Manners {
    pub(crate) fn avoids_reuse(&self) -> bool {
        self.avoids_reuse
    }

    pub(crate) fn avoid_reuse(&mut self) {
        self.avoids_reuse = true;
        let mut remembered = self.remembered.0.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= Remembered::MOST {
            remembered.clear();
        }
        remembered.insert(self.key.clone());
    }
}
