//! A line between a machine and the image server that a test can cut: as where the network of a BMC dies in the middle of a boot.

use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, copy};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::select;
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

use crate::failure::Result;

/// Passes requests on until one reads from where it is cut. It ends, with its connections, when it is dropped.
#[derive(Debug)]
pub(crate) struct Relay {
    /// Where the machine reaches it.
    pub(crate) address: SocketAddr,
    _task: AbortOnDropHandle<()>,
}

#[derive(Debug)]
struct Line {
    to: SocketAddr,
    /// What begins in these bytes is asked for in vain, and so is all that comes later.
    cut: Range<u64>,
    is_cut: AtomicBool,
}

impl Relay {
    /// Passes requests on to the image server at `to`, until one begins in these bytes of the image.
    pub(crate) async fn start(to: SocketAddr, cut: Range<u64>) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let line = Arc::new(Line { to, cut, is_cut: AtomicBool::new(false) });
        Ok(Self { address, _task: AbortOnDropHandle::new(tokio::spawn(serve(listener, line))) })
    }
}

impl Line {
    /// Whether a request is passed on.
    fn passes(&self, head: &str) -> bool {
        if first_byte(head).is_some_and(|from| self.cut.contains(&from)) {
            self.is_cut.store(true, Ordering::Relaxed);
        }
        !self.is_cut.load(Ordering::Relaxed)
    }
}

async fn serve(listener: TcpListener, line: Arc<Line>) {
    let mut connections = JoinSet::new();
    loop {
        select! {
            accepted = listener.accept() => {
                let Ok((machine, _)) = accepted else { return };
                let line = Arc::clone(&line);
                connections.spawn(async move { pass(machine, &line).await });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Passes the requests of one connection on, and all that is answered. Either side that closes ends it.
async fn pass(machine: TcpStream, line: &Line) -> Result {
    let (mut server_from, mut server_to) = TcpStream::connect(line.to).await?.into_split();
    let (machine_from, mut machine_to) = machine.into_split();
    select! {
        ended = requests(machine_from, &mut server_to, line) => ended,
        ended = copy(&mut server_from, &mut machine_to) => Ok(ended.map(drop)?),
    }
}

async fn requests(from: OwnedReadHalf, to: &mut OwnedWriteHalf, line: &Line) -> Result {
    let mut from = BufReader::new(from);
    let mut head = String::new();
    while from.read_line(&mut head).await? > 0 {
        if head.ends_with("\r\n\r\n") {
            if !line.passes(&head) {
                // As on a line that is dead: no answer, and no end.
                std::future::pending::<()>().await;
            }
            to.write_all(head.as_bytes()).await?;
            head.clear();
        }
    }
    Ok(())
}

/// Where the bytes begin that a request names.
fn first_byte(head: &str) -> Option<u64> {
    head.lines().find_map(|line| line.strip_prefix("Range: bytes="))?.split_once('-')?.0.parse().ok()
}
