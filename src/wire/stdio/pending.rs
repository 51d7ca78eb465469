//! Which requests are in flight: what a cancel finds, and what makes an id a duplicate.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use super::message::Id;

/// The requests in flight by id. Calls with the id null and notifications are not in it.
#[derive(Clone, Debug, Default)]
pub(super) struct Pending {
    table: Arc<Mutex<HashMap<Id, CancellationToken>>>,
    everything: CancellationToken,
}

impl Pending {
    /// Enters a call; `None` when a request with this id is in flight already.
    pub(super) fn enter(&self, id: Option<&Id>) -> Option<Ticket> {
        let cancelled = self.everything.child_token();
        let id = id.filter(|id| !id.is_null()).cloned();
        if let Some(id) = &id {
            match self.table().entry(id.clone()) {
                Entry::Occupied(_) => return None,
                Entry::Vacant(place) => place.insert(cancelled.clone()),
            };
        }
        Some(Ticket { pending: self.clone(), id, cancelled })
    }

    /// Whether a request with this id is in flight.
    pub(super) fn contains(&self, id: &Id) -> bool {
        self.table().contains_key(id)
    }

    /// Cancels a request and says whether it was in flight.
    pub(super) fn cancel(&self, id: &Id) -> bool {
        let found = self.table().get(id).cloned();
        found.inspect(CancellationToken::cancel).is_some()
    }

    /// Cancels all work, also that of notifications.
    pub(super) fn everything(&self) -> &CancellationToken {
        &self.everything
    }

    /// A map is valid after every statement, so a poisoned lock is still good.
    fn table(&self) -> MutexGuard<'_, HashMap<Id, CancellationToken>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call's place in the table; dropping it frees the id.
#[derive(Debug)]
pub(super) struct Ticket {
    pending: Pending,
    id: Option<Id>,
    cancelled: CancellationToken,
}

impl Ticket {
    /// Waits for a cancel.
    pub(super) async fn cancelled(&self) {
        self.cancelled.cancelled().await;
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(id) = &self.id {
            self.pending.table().remove(id);
        }
    }
}
