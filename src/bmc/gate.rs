//! One operation at a time per BMC.
//!
//! Several operations at once on one BMC break each other (an eject lands between another's insert and its check)
//! and use up its few sessions. Turns are given in the order asked for. An entry lives as long as somebody holds or
//! awaits a turn, so that a fleet passing by leaves nothing behind.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OwnedMutexGuard;

type Turnstile = Arc<tokio::sync::Mutex<()>>;
type Turnstiles = Arc<Mutex<HashMap<String, Turnstile>>>;

/// The gates of all BMCs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gates(Turnstiles);

/// A turn on one BMC; given back when dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    // Dropped in this order: first the turn is given back, then the place is cleared.
    _turn: OwnedMutexGuard<()>,
    _place: Place,
}

impl Gates {
    /// Waits for a turn on the BMC `key`. Dropping the future gives up the place in the queue.
    pub(crate) async fn turn(&self, key: &str) -> Turn {
        let (place, turnstile) = self.place(key);
        Turn { _turn: turnstile.lock_owned().await, _place: place }
    }

    /// Whether somebody holds a turn on the BMC `key` now.
    pub(crate) fn is_taken(&self, key: &str) -> bool {
        lock(&self.0).get(key).is_some_and(|turnstile| turnstile.try_lock().is_err())
    }

    fn place(&self, key: &str) -> (Place, Turnstile) {
        let turnstile = Arc::clone(lock(&self.0).entry(key.to_owned()).or_default());
        let place = Place { gates: Arc::clone(&self.0), key: key.to_owned(), turnstile: Some(Arc::clone(&turnstile)) };
        (place, turnstile)
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        lock(&self.0).len()
    }
}

/// A holder's or waiter's claim on an entry; the last one to go removes it.
#[derive(Debug)]
struct Place {
    gates: Turnstiles,
    key: String,
    turnstile: Option<Turnstile>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut gates = lock(&self.gates);
        self.turnstile = None;
        if gates.get(&self.key).is_some_and(|turnstile| Arc::strong_count(turnstile) == 1) {
            gates.remove(&self.key);
        }
    }
}

/// The map is whole after every statement, so a poisoned lock is still good.
fn lock(gates: &Mutex<HashMap<String, Turnstile>>) -> MutexGuard<'_, HashMap<String, Turnstile>> {
    gates.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::Gates;

    #[tokio::test]
    async fn a_second_turn_waits_for_the_first_and_nothing_is_left_behind() {
        let gates = Gates::default();
        let first = gates.turn("a").await;
        assert!(gates.is_taken("a"));
        let other = gates.turn("b").await;
        let waiting = tokio::spawn({
            let gates = gates.clone();
            async move { drop(gates.turn("a").await) }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(first);
        assert!(waiting.await.is_ok());
        drop(other);
        assert_eq!(gates.len(), 0);
    }

    #[tokio::test]
    async fn a_waiter_that_gives_up_leaves_nothing_behind() {
        let gates = Gates::default();
        let first = gates.turn("a").await;
        {
            let waiting = std::pin::pin!(gates.turn("a"));
            assert!(futures_poll_once(waiting).await);
        }
        drop(first);
        assert_eq!(gates.len(), 0);
    }

    /// Polls once; true while it is pending.
    async fn futures_poll_once<T>(mut future: std::pin::Pin<&mut impl Future<Output = T>>) -> bool {
        std::future::poll_fn(|cx| std::task::Poll::Ready(future.as_mut().poll(cx).is_pending())).await
    }
}
