//! One connection: requests one after the other, until it is closed by either side or a limit.

use std::io;
use std::ops::ControlFlow;
use std::time::Duration;

use httparse::EMPTY_HEADER;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::answer::{Answer, Body, Writer};
use super::connections::Place;
use super::head::{Head, MAX_HEAD, MAX_HEADERS};
use super::images::{Images, Mount};
use super::limits::Limits;
use super::send::Reader;
use super::stream::Stream;

/// A BMC's head; more is made room for when it comes.
const HEAD: usize = 2 << 10;

/// How long a client may take to close after the last answer, and what it may still send. Closing before that could take the answer from it
/// (RFC 9112, 9.6).
const LAST_WORDS: Duration = Duration::from_secs(2);
const LAST_BYTES: usize = 64 << 10;

/// What every connection needs.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    pub(super) images: Images,
    pub(super) limits: Limits,
    /// The server takes no more requests.
    pub(super) ending: CancellationToken,
}

/// Serves a connection until it is closed.
pub(super) async fn serve(tcp: TcpStream, acceptor: Option<TlsAcceptor>, place: Place, shared: Shared) {
    let stream = match acceptor {
        None => Stream::plain(tcp),
        Some(acceptor) => {
            let shaking = timeout(shared.limits.handshake, Stream::tls(tcp, &acceptor));
            let shaken = tokio::select! {
                shaken = shaking => shaken,
                () = place.close().cancelled() => return,
                () = shared.ending.cancelled() => return,
            };
            match shaken {
                Ok(Ok(stream)) => stream,
                Ok(Err(error)) => return tracing::debug!(client = %place.client(), %error, "a TLS handshake failed"),
                Err(_) => return tracing::debug!(client = %place.client(), "a TLS handshake took too long"),
            }
        }
    };
    let writer = Writer::new(shared.images.clone(), place.client());
    let mut connection = Connection { stream, place, shared, writer, buf: vec![0; HEAD], have: 0, out: Vec::new() };
    match connection.run().await {
        Ok(()) => {}
        Err(error) => tracing::debug!(client = %connection.place.client(), %error, "a connection ended"),
    }
}

struct Connection {
    stream: Stream,
    place: Place,
    shared: Shared,
    writer: Writer,
    buf: Vec<u8>,
    /// How much of `buf` has come and was not read yet.
    have: usize,
    out: Vec<u8>,
}

impl Connection {
    async fn run(&mut self) -> io::Result<()> {
        let mut began = Instant::now();
        loop {
            if self.have > 0
                && let Some((used, answer)) = self.answer()
            {
                self.buf.copy_within(used..self.have, 0);
                self.have -= used;
                self.send(answer.body.as_ref()).await?;
                self.place.rest();
                if !answer.keeps_connection {
                    return self.close().await;
                }
                began = Instant::now();
                continue;
            }
            match self.read(began).await? {
                Came::Bytes(0) | Came::Enough => return Ok(()),
                Came::Bytes(more) => {
                    if self.have == 0 {
                        began = Instant::now();
                    }
                    self.have += more;
                }
                Came::TooSlow => {
                    self.writer.too_slow(&mut self.out);
                    self.send(None).await?;
                    return self.close().await;
                }
            }
        }
    }

    /// Answers the request at the start of what has come: how long it is, and how the answer goes on after the head in `out`. `None`
    /// where it is not there as a whole.
    fn answer(&mut self) -> Option<(usize, Answer)> {
        let mut headers = [EMPTY_HEADER; MAX_HEADERS];
        match Head::read(&self.buf[..self.have], &mut headers) {
            ControlFlow::Continue(()) => None,
            ControlFlow::Break(Ok(head)) => {
                self.place.work();
                let answer = self.writer.answer(&head, self.shared.ending.is_cancelled(), &mut self.out);
                tracing::debug!(client = %self.place.client(), method = head.method, range = ?answer.body.as_ref().map(|body| &body.range), "answering a request");
                Some((head.len, answer))
            }
            ControlFlow::Break(Err(malformed)) => {
                self.writer.malformed(malformed, &mut self.out);
                Some((self.have, Answer { body: None, keeps_connection: false }))
            }
        }
    }

    /// Waits for more of a head that `began` then, or for the first of it.
    async fn read(&mut self, began: Instant) -> io::Result<Came> {
        if self.have == self.buf.len() {
            self.buf.resize((self.have * 2).min(MAX_HEAD), 0);
        }
        let Limits { head, idle, .. } = self.shared.limits;
        let is_idle = self.have == 0;
        let deadline = began + if is_idle { idle } else { head };
        let reading = timeout_at(deadline, self.stream.read(&mut self.buf[self.have..]));
        tokio::select! {
            biased;
            read = reading => match read {
                Ok(read) => read.map(Came::Bytes),
                Err(_) if is_idle => Ok(Came::Enough),
                Err(_) => Ok(Came::TooSlow),
            },
            () = self.place.close().cancelled() => Ok(Came::Enough),
            () = self.shared.ending.cancelled() => Ok(Came::Enough),
        }
    }

    /// Sends the head in `out` and a body, until the image is served no longer.
    async fn send(&mut self, body: Option<&Body>) -> io::Result<()> {
        let Self { stream, place, shared, out, .. } = self;
        let mut reader = Reader { stream, client: place.client(), stall: shared.limits.stall };
        let Some(body) = body else { return reader.send(out, None).await };
        let sent = tokio::select! {
            biased;
            sent = reader.send(out, Some(body)) => sent,
            () = body.served.gone.cancelled() => Err(io::ErrorKind::NotFound.into()),
        };
        let Mount { machine, bootenv, .. } = &body.served.mount;
        let client = place.client();
        match sent.as_ref().map_err(io::Error::kind) {
            // That a client goes is no failure: BMCs do as soon as they have read enough.
            Ok(()) | Err(io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset) => {}
            Err(io::ErrorKind::NotFound) => {
                tracing::info!(%machine, bootenv, %client, "a reader was cut off: the image is served no longer");
            }
            Err(io::ErrorKind::TimedOut) => {
                let seconds = shared.limits.stall.as_secs();
                tracing::info!(%machine, bootenv, %client, seconds, "a reader was cut off: it took nothing for so long");
            }
            Err(_) => {
                let error = sent.as_ref().err();
                tracing::warn!(%machine, bootenv, %client, error = error.map(tracing::field::display), "sending an image failed");
            }
        }
        sent
    }

    /// Closes it after an answer.
    async fn close(&mut self) -> io::Result<()> {
        let closing = async {
            self.stream.shutdown().await?;
            let mut left = LAST_BYTES;
            while left > 0 {
                match self.stream.read(&mut self.buf).await? {
                    0 => break,
                    more => left = left.saturating_sub(more),
                }
            }
            io::Result::Ok(())
        };
        tokio::select! {
            closed = timeout(LAST_WORDS, closing) => closed.unwrap_or(Ok(())),
            () = self.place.close().cancelled() => Ok(()),
        }
    }
}

/// What came of waiting for a request.
enum Came {
    /// So many bytes; none where the client has closed.
    Bytes(usize),
    /// The connection is closed without a word.
    Enough,
    /// The rest of a head is not waited for any longer.
    TooSlow,
}
