//! The connections to the plugin's socket: so many at once, and no silent one keeps another out.
//!
//! An idle connection has no time limit. The server keeps connections for its next call, and a limit would close one at
//! the very moment at which that comes, sooner or later. Instead, where all places are taken, the connection gives way
//! that has waited longest for a request, for the rest of one's head, or for its answer to be read.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::UnixStream;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::calls::Calls;
use super::mux;
use super::socket::Bound;
use crate::wire::Service;
use crate::wire::lifecycle::LAST_WORDS;

/// Connections at once where the process may open so many files.
const MOST: u64 = 2048;
/// The fewest.
const FEWEST: u64 = 16;
/// Files that the rest of the plugin may need: 256 calls that run at once hold about three each (see `turns`).
const OTHER_FILES: u64 = 1024;

/// The longest head of a request, and its most headers.
const MAX_HEAD: usize = 64 * 1024;
const MAX_HEADERS: usize = 100;

/// After the kernel has refused a connection.
const PAUSE: Duration = Duration::from_millis(100);

/// The connections. A clone is the same set.
#[derive(Clone, Debug)]
pub(super) struct Connections(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    room: Arc<Semaphore>,
    resting: Mutex<Resting>,
    rested: Notify,
    tasks: TaskTracker,
}

/// The connections on which no call is worked on, in the order in which they came to rest.
#[derive(Debug, Default)]
struct Resting {
    close: BTreeMap<u64, CancellationToken>,
    next: u64,
}

impl Connections {
    pub(super) fn new() -> Self {
        let room = usize::try_from(most()).unwrap_or(usize::MAX);
        tracing::debug!(room, "connections at once");
        Self(Arc::new(Inner {
            room: Arc::new(Semaphore::new(room)),
            resting: Mutex::default(),
            rested: Notify::new(),
            tasks: TaskTracker::new(),
        }))
    }

    /// Takes connections until no more calls are taken. Then the socket is gone, and a successor may take its path while
    /// the work ends.
    pub(super) async fn accept<S: Service>(self, socket: Bound, calls: Arc<Calls<S>>) {
        let accept = async {
            loop {
                match socket.accept().await {
                    Ok(stream) => {
                        let place = Place::new(self.clone(), self.room().await);
                        self.0.tasks.spawn(serve(stream, place, Arc::clone(&calls)));
                    }
                    Err(error) => {
                        tracing::error!(%error, "taking a connection failed; trying again");
                        sleep(PAUSE).await;
                    }
                }
            }
        };
        // Never ends by itself.
        let _: Option<Infallible> = calls.ending().run_until_cancelled(accept).await;
        self.0.tasks.close();
    }

    /// Waits until all connections are closed.
    pub(super) async fn closed(&self) {
        self.0.tasks.wait().await;
    }

    /// Waits for a place, and makes one where that costs nobody a call.
    async fn room(&self) -> OwnedSemaphorePermit {
        loop {
            if let Ok(room) = Arc::clone(&self.0.room).try_acquire_owned() {
                return room;
            }
            let mut rested = pin!(self.0.rested.notified());
            rested.as_mut().enable();
            let is_closing = self.close_longest_resting();
            tokio::select! {
                // The semaphore is never closed.
                Ok(room) = Arc::clone(&self.0.room).acquire_owned() => return room,
                () = rested, if !is_closing => {}
                // It has begun another call at that instant.
                () = sleep(LAST_WORDS) => {}
            }
        }
    }

    fn close_longest_resting(&self) -> bool {
        let longest = self.resting().close.pop_first();
        longest.inspect(|(_, close)| close.cancel()).is_some()
    }

    /// The map is whole after every statement, so a poisoned lock is still good.
    fn resting(&self) -> MutexGuard<'_, Resting> {
        self.0.resting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Resting {
    /// Enters a connection at the end, and gives its number.
    fn enter(&mut self, close: CancellationToken) -> u64 {
        let number = self.next;
        self.next += 1;
        self.close.insert(number, close);
        number
    }
}

/// Connections that the process may hold. The limit on open files that it starts with is 1,024 by custom; what it may
/// raise that to is far more.
fn most() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let wanted = OTHER_FILES + MOST;
    let raised = limit.maximum.map_or(wanted, |maximum| maximum.min(wanted));
    let mut files = limit.current.unwrap_or(u64::MAX);
    if files < raised && setrlimit(Resource::Nofile, Rlimit { current: Some(raised), ..limit }).is_ok() {
        files = raised;
    }
    files.saturating_sub(OTHER_FILES).clamp(FEWEST, MOST)
}

/// A connection's place.
struct Place {
    connections: Connections,
    close: CancellationToken,
    resting: Mutex<Option<u64>>,
    _room: OwnedSemaphorePermit,
}

impl Place {
    fn new(connections: Connections, room: OwnedSemaphorePermit) -> Self {
        let place = Self { connections, close: CancellationToken::new(), resting: Mutex::default(), _room: room };
        place.rest();
        place
    }

    /// Says that no call is worked on.
    fn rest(&self) {
        let number = self.connections.resting().enter(self.close.clone());
        *self.resting.lock().unwrap_or_else(PoisonError::into_inner) = Some(number);
        self.connections.0.rested.notify_waiters();
    }

    /// Says that a call is worked on.
    fn work(&self) {
        let number = self.resting.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(number) = number {
            self.connections.resting().close.remove(&number);
        }
    }

    fn is_resting(&self) -> bool {
        self.resting.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.work();
    }
}

/// Serves one connection until it is closed.
async fn serve<S: Service>(stream: UnixStream, place: Place, calls: Arc<Calls<S>>) {
    let service = service_fn(|request| respond(&place, &calls, request));
    let connection = http1::Builder::new()
        .header_read_timeout(None)
        // A client may close its sending side and still wait for the answer, as the server's own framework allows.
        .half_close(true)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    tokio::select! {
        ended = &mut connection => return end(ended),
        () = place.close.cancelled() => {}
        // Until then a late call is told that the plugin stops.
        () = calls.ended().cancelled() => {}
    }
    connection.as_mut().graceful_shutdown();
    loop {
        match timeout(LAST_WORDS, &mut connection).await {
            Ok(ended) => return end(ended),
            // Half a head, or an answer that nobody reads.
            Err(_) if place.is_resting() => return,
            Err(_) => {}
        }
    }
}

async fn respond<S: Service>(
    place: &Place,
    calls: &Calls<S>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    place.work();
    let answer = mux::answer(calls, request).await;
    place.rest();
    let mut response = Response::new(Full::new(answer.body));
    *response.status_mut() = answer.status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

fn end(ended: hyper::Result<()>) {
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended");
    }
}
