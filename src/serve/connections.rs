//! The connections to the image server: so many at once in all and from one address, and none without a request keeps another out.
//!
//! Where all places are taken, the connection gives way that has waited longest for a request, or for the rest of one's head or
//! of a handshake: of all, or where it is the client's own places that are taken, of that client's. A connection on which an image is
//! sent is never closed for another: where all of an address's are, one more from it is closed at once, and where all are, one more
//! waits.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The connections. A clone is the same set.
#[derive(Clone, Debug)]
pub(super) struct Connections(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    most: usize,
    most_per_client: usize,
    began: Instant,
    open: Mutex<Open>,
    /// A place may be free, or one that gives way.
    changed: Notify,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    connections: BTreeMap<u64, Arc<Connection>>,
}

#[derive(Debug)]
struct Connection {
    client: IpAddr,
    /// Nanoseconds after the server's start since which no request is worked on; [`WORKING`] while one is.
    resting: AtomicU64,
    close: CancellationToken,
}

const WORKING: u64 = u64::MAX;

/// A connection's place. Dropping it frees it.
#[derive(Debug)]
pub(super) struct Place {
    connections: Connections,
    number: u64,
    connection: Arc<Connection>,
}

impl Connections {
    pub(super) fn new(most: usize, most_per_client: usize) -> Self {
        Self(Arc::new(Inner {
            most: most.max(1),
            most_per_client: most_per_client.max(1),
            began: Instant::now(),
            open: Mutex::default(),
            changed: Notify::new(),
        }))
    }

    /// Waits for a place for a client, and makes one where that costs nobody an image. `None` where the client has all that it
    /// may have.
    pub(super) async fn admit(&self, client: IpAddr) -> Option<Place> {
        let is_clients = |connection: &Connection| connection.client == client;
        loop {
            let changed = self.0.changed.notified();
            {
                let mut open = self.open();
                let own = open.connections.values().filter(|connection| is_clients(connection)).count();
                if own >= self.0.most_per_client && !open.close_longest_resting(is_clients) {
                    return None;
                }
                if open.connections.len() < self.0.most || open.close_longest_resting(|_| true) {
                    return Some(self.enter(&mut open, client));
                }
            }
            changed.await;
        }
    }

    fn enter(&self, open: &mut Open, client: IpAddr) -> Place {
        let number = open.next;
        open.next += 1;
        let resting = AtomicU64::new(self.now());
        let connection = Arc::new(Connection { client, resting, close: CancellationToken::new() });
        open.connections.insert(number, Arc::clone(&connection));
        Place { connections: self.clone(), number, connection }
    }

    fn now(&self) -> u64 {
        // Half a millennium fits.
        u64::try_from(self.0.began.elapsed().as_nanos()).unwrap_or(WORKING - 1)
    }

    /// The map is whole after every statement, so a poisoned lock is still good.
    fn open(&self) -> MutexGuard<'_, Open> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    /// Closes the connection that has waited longest among those that `may` be closed, and forgets it. Says whether there was one.
    fn close_longest_resting(&mut self, may: impl Fn(&Connection) -> bool) -> bool {
        let candidates = self.connections.iter().filter(|(_, connection)| may(connection));
        let resting = candidates.map(|(number, connection)| (connection.resting.load(Ordering::Relaxed), *number));
        let longest = resting.filter(|(since, _)| *since != WORKING).min();
        let closed = longest.and_then(|(_, number)| self.connections.remove(&number));
        closed.inspect(|connection| connection.close.cancel()).is_some()
    }
}

impl Place {
    /// Says that a request is worked on.
    pub(super) fn work(&self) {
        self.connection.resting.store(WORKING, Ordering::Relaxed);
    }

    /// Says that none is.
    pub(super) fn rest(&self) {
        self.connection.resting.store(self.connections.now(), Ordering::Relaxed);
        self.connections.0.changed.notify_one();
    }

    /// Ends when the place is needed for another. A request that came at that very moment is answered nevertheless.
    pub(super) fn close(&self) -> &CancellationToken {
        &self.connection.close
    }

    /// Who has it.
    pub(super) fn client(&self) -> IpAddr {
        self.connection.client
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.open().connections.remove(&self.number);
        self.connections.0.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use futures_util::FutureExt;

    use super::{Connections, Place};

    fn client(last: u8) -> IpAddr {
        Ipv4Addr::new(192, 0, 2, last).into()
    }

    /// A place that nobody has to wait for.
    fn at_once(connections: &Connections, last: u8) -> Option<Place> {
        connections.admit(client(last)).now_or_never().expect("it does not wait")
    }

    #[test]
    fn the_connection_that_waits_longest_gives_way() {
        let connections = Connections::new(3, 3);
        let [first, second, third] = [1, 2, 3].map(|last| at_once(&connections, last).unwrap());
        first.work();
        let fourth = at_once(&connections, 4).unwrap();
        assert!(second.close().is_cancelled());
        assert!(!first.close().is_cancelled() && !third.close().is_cancelled());
        first.rest();
        let _fifth = at_once(&connections, 5).unwrap();
        assert!(third.close().is_cancelled(), "it waits longer than the first, which rests only now");
        assert!(!first.close().is_cancelled() && !fourth.close().is_cancelled());
    }

    #[test]
    fn a_client_takes_nobody_elses_place_and_waits_for_none() {
        let connections = Connections::new(10, 2);
        let other = at_once(&connections, 2).unwrap();
        let [first, second] = [(), ()].map(|()| at_once(&connections, 1).unwrap());
        let third = at_once(&connections, 1).unwrap();
        assert!(first.close().is_cancelled() && !second.close().is_cancelled() && !other.close().is_cancelled());
        second.work();
        third.work();
        assert!(at_once(&connections, 1).is_none());
        drop(third);
        assert!(at_once(&connections, 1).is_some());
    }

    #[test]
    fn where_all_are_read_from_one_more_waits() {
        let connections = Connections::new(1, 1);
        let only = at_once(&connections, 1).unwrap();
        only.work();
        assert!(connections.admit(client(2)).now_or_never().is_none());
        let mut waiting = Box::pin(connections.admit(client(2)));
        assert!(waiting.as_mut().now_or_never().is_none());
        only.rest();
        assert!(waiting.now_or_never().expect("it waits no longer").is_some());
        assert!(only.close().is_cancelled());
    }
}
