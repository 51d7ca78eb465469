//! The server: its ports, its threads, its end.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZero;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::TcpStream;
use tokio::runtime::{self, Runtime};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connection::{self, Shared};
use super::connections::{Connections, Place};
use super::{Config, Error, Images, Limits, Listen};

/// Threads: as many as processors, but two at least, as one may wait for a disk, and not more than readers are worth.
const THREADS: std::ops::RangeInclusive<usize> = 2..=8;

/// After the kernel has refused a connection.
const PAUSE: Duration = Duration::from_millis(100);

/// Files that the rest of the process may need.
const OTHER_FILES: u64 = 3072;

/// Connections that the kernel holds before they are accepted.
const BACKLOG: i32 = 1024;

/// A server that runs. Dropping it cuts off all readers; [`Server::stop`] lets them read to their ends.
#[derive(Debug)]
pub struct Server {
    addresses: Addresses,
    images: Images,
    ending: CancellationToken,
    cut: CancellationToken,
    threads: Vec<JoinHandle<()>>,
}

/// Where a server is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// By HTTP.
    pub http: Option<SocketAddr>,
    /// By HTTPS.
    pub https: Option<SocketAddr>,
}

impl Server {
    /// Takes the ports and starts to serve. `images` may be changed from then on at any time.
    ///
    /// # Errors
    /// A port cannot be had, or the process gets no threads.
    pub fn start(config: Config, images: Images) -> Result<Self, Error> {
        let Config { http, https, limits } = config;
        let mut addresses = Addresses { http: None, https: None };
        let mut doors = Vec::new();
        if let Some(listen) = http {
            let (listener, address) = bind(listen)?;
            addresses.http = Some(address);
            doors.push(Door { listener, acceptor: None });
        }
        if let Some((listen, tls)) = https {
            let (listener, address) = bind(listen)?;
            addresses.https = Some(address);
            doors.push(Door { listener, acceptor: Some(tls.acceptor()) });
        }
        let limits = Limits { connections: limits.connections.min(room_for_files(limits.connections)), ..limits };
        let shared = Shared { images: images.clone(), limits, ending: CancellationToken::new() };
        let mut server = Self {
            addresses,
            images,
            ending: shared.ending.clone(),
            cut: CancellationToken::new(),
            threads: Vec::new(),
        };
        // Where this fails, those that were started end with the server.
        server.spawn(&shared, doors).map_err(Error::Threads)?;
        tracing::info!(http = ?addresses.http, https = ?addresses.https, "serving images");
        Ok(server)
    }

    /// Where it is reached.
    #[must_use]
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// What it serves.
    #[must_use]
    pub fn images(&self) -> &Images {
        &self.images
    }

    /// Takes no more connections and requests, lets what is being sent come to its end for [`Limits::grace`], cuts off the rest,
    /// and waits for the threads.
    pub async fn stop(mut self) {
        self.ending.cancel();
        let threads = std::mem::take(&mut self.threads);
        // Dropping the future in the middle leaves threads that end by themselves.
        if tokio::task::spawn_blocking(move || join(threads)).await.is_err() {
            tracing::error!("waiting for the threads of the image server ended with a panic");
        }
    }

    fn spawn(&mut self, shared: &Shared, doors: Vec<Door>) -> io::Result<()> {
        let count = thread::available_parallelism().map_or(1, NonZero::get).clamp(*THREADS.start(), *THREADS.end());
        let mut desks = Vec::new();
        let mut threads = Vec::new();
        for _ in 0..count {
            let (arrivals, arriving) = mpsc::channel(shared.limits.connections.max(1));
            let open = Arc::new(AtomicUsize::new(0));
            desks.push(Desk { arrivals, open });
            threads.push((arriving, runtime::Builder::new_current_thread().enable_all().build()?));
        }
        let connections = Connections::new(shared.limits.connections, shared.limits.per_client);
        let mut doors = Some((doors, desks, connections));
        for (number, (arriving, runtime)) in threads.into_iter().enumerate() {
            let worker = Worker { shared: shared.clone(), cut: self.cut.clone(), arriving, doors: doors.take() };
            let thread = thread::Builder::new().name(format!("images-{number}"));
            self.threads.push(thread.spawn(move || worker.run(&runtime))?);
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ending.cancel();
        self.cut.cancel();
        join(std::mem::take(&mut self.threads));
    }
}

fn join(threads: Vec<JoinHandle<()>>) {
    for thread in threads {
        if thread.join().is_err() {
            tracing::error!("a thread of the image server ended with a panic");
        }
    }
}

/// Takes a port. A successor has it at once: the standard library sets `SO_REUSEADDR`.
fn bind(Listen { address, param }: Listen) -> Result<(TcpListener, SocketAddr), Error> {
    let bound = TcpListener::bind(address).and_then(|listener| {
        rustix::net::listen(&listener, BACKLOG)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    });
    bound.map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => Error::InUse { address, param },
        _ => Error::Listen { address, param, source },
    })
}

/// Connections that the process may hold, beside the files that the rest of it needs. The limit on open files that it starts with is 1,024 by
/// custom; what it may raise that to is far more.
fn room_for_files(connections: usize) -> usize {
    let limit = getrlimit(Resource::Nofile);
    let wanted = OTHER_FILES + connections as u64;
    let raised = limit.maximum.map_or(wanted, |maximum| maximum.min(wanted));
    let mut files = limit.current.unwrap_or(u64::MAX);
    if files < raised && setrlimit(Resource::Nofile, Rlimit { current: Some(raised), ..limit }).is_ok() {
        files = raised;
    }
    // Where there are few, half are for readers.
    usize::try_from(files.saturating_sub(OTHER_FILES).max(files / 2)).unwrap_or(usize::MAX)
}

/// A port.
struct Door {
    listener: TcpListener,
    acceptor: Option<TlsAcceptor>,
}

/// The way to a thread.
#[derive(Clone, Debug)]
struct Desk {
    arrivals: mpsc::Sender<Arrival>,
    /// Connections that it has.
    open: Arc<AtomicUsize>,
}

/// A connection on its way to its thread.
struct Arrival {
    tcp: std::net::TcpStream,
    acceptor: Option<TlsAcceptor>,
    place: Place,
    open: Counted,
}

/// A connection in its thread's count.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(open: &Arc<AtomicUsize>) -> Self {
        open.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(open))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A thread's work.
struct Worker {
    shared: Shared,
    cut: CancellationToken,
    arriving: mpsc::Receiver<Arrival>,
    /// The first thread has the ports, and gives each connection to the thread that has the fewest.
    doors: Option<(Vec<Door>, Vec<Desk>, Connections)>,
}

impl Worker {
    /// Works until the server ends. What is open then is closed with the runtime.
    fn run(self, runtime: &Runtime) {
        runtime.block_on(async {
            let Self { shared, cut, mut arriving, doors } = self;
            let tasks = TaskTracker::new();
            for (door, desks, connections) in doors.into_iter().flat_map(|(doors, desks, connections)| {
                doors.into_iter().map(move |door| (door, desks.clone(), connections.clone()))
            }) {
                let ending = shared.ending.clone();
                // Never ends by itself.
                tasks.spawn(async move {
                    let _: Option<Infallible> = ending.run_until_cancelled(accept(door, desks, connections)).await;
                });
            }
            while let Some(Some(arrival)) = shared.ending.run_until_cancelled(arriving.recv()).await {
                let Arrival { tcp, acceptor, place, open } = arrival;
                match TcpStream::from_std(tcp) {
                    Ok(tcp) => {
                        let serving = connection::serve(tcp, acceptor, place, shared.clone());
                        tasks.spawn(async move {
                            serving.await;
                            drop(open);
                        });
                    }
                    Err(error) => tracing::error!(%error, "a connection could not be watched; it is closed"),
                }
            }
            tasks.close();
            let mut ended = pin!(timeout(shared.limits.grace, tasks.wait()));
            tokio::select! {
                _ = &mut ended => {}
                () = cut.cancelled() => {}
            }
        });
    }
}

/// Takes connections.
async fn accept(door: Door, desks: Vec<Desk>, connections: Connections) -> Infallible {
    let Door { listener, acceptor } = door;
    let listener = loop {
        match listener.try_clone().and_then(tokio::net::TcpListener::from_std) {
            Ok(listener) => break listener,
            Err(error) => {
                tracing::error!(%error, "readers of images cannot be taken; trying again");
                sleep(PAUSE).await;
            }
        }
    };
    let mut failing = false;
    loop {
        match listener.accept().await {
            Ok((tcp, peer)) => {
                failing = false;
                let client = peer.ip().to_canonical();
                let Some(place) = connections.admit(client).await else {
                    tracing::debug!(%client, "a connection was closed: its client has as many as it may have");
                    continue;
                };
                pass_on(tcp, acceptor.clone(), place, &desks).await;
            }
            Err(error) => {
                if !failing {
                    tracing::error!(%error, "taking a reader's connection failed; trying again");
                }
                failing = true;
                sleep(PAUSE).await;
            }
        }
    }
}

async fn pass_on(tcp: TcpStream, acceptor: Option<TlsAcceptor>, place: Place, desks: &[Desk]) {
    // An answer goes out as it is written: nothing more of it is to come.
    let tcp = tcp.set_nodelay(true).and_then(|()| tcp.into_std());
    let desk = desks.iter().min_by_key(|desk| desk.open.load(Ordering::Relaxed));
    let (Ok(tcp), Some(desk)) = (tcp, desk) else { return };
    let arrival = Arrival { tcp, acceptor, place, open: Counted::new(&desk.open) };
    // The thread has ended: so does the server.
    let _ = desk.arrivals.send(arrival).await;
}
