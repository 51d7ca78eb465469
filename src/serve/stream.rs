//! A client's connection, plain or under TLS, that is written to with patience: it may take what it takes, but not nothing.

use std::fs::File;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustix::net::{SendFlags, send};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// A client's connection.
#[derive(Debug)]
pub(super) enum Stream {
    Plain(Socket),
    Tls(Box<TlsStream<Socket>>),
}

/// What is written.
#[derive(Clone, Copy, Debug)]
pub(super) enum Write<'w> {
    /// Bytes in memory, and whether more follow at once, so that the kernel waits for those to fill a packet.
    Bytes { bytes: &'w [u8], more: bool },
    /// A part of a file, which the kernel reads by itself; only where [`Stream::sends_files`].
    File { file: &'w File, offset: u64, len: usize },
    /// What encryption still has.
    Kept,
}

impl Stream {
    /// A connection without TLS.
    pub(super) fn plain(tcp: TcpStream) -> Self {
        Self::Plain(Socket { tcp, taken: 0, probe: false })
    }

    /// Shakes hands.
    pub(super) async fn tls(tcp: TcpStream, acceptor: &TlsAcceptor) -> io::Result<Self> {
        let socket = Socket { tcp, taken: 0, probe: false };
        acceptor.accept(socket).await.map(|stream| Self::Tls(Box::new(stream)))
    }

    /// Whether the kernel can send a file on it.
    pub(super) fn sends_files(&self) -> bool {
        cfg!(target_os = "linux") && matches!(self, Self::Plain(_))
    }

    /// Reads what has come. Loses nothing when it is dropped.
    pub(super) async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.tcp.read(buf).await,
            Self::Tls(stream) => stream.read(buf).await,
        }
    }

    /// Writes some of it and says how much, however long the reader takes for that; fails with [`io::ErrorKind::TimedOut`] where
    /// it takes nothing at all for `stall`.
    ///
    /// The kernel calls a socket writable only when a third of its buffer is free, and that can be megabytes: a slow reader takes
    /// minutes for them. So before a reader is given up, one write is tried whatever the kernel says.
    pub(super) async fn write(&mut self, write: Write<'_>, stall: Duration) -> io::Result<usize> {
        loop {
            let taken = self.socket().taken;
            if let Ok(written) = timeout(stall, self.write_when_there_is_room(write)).await {
                return written;
            }
            if self.socket().taken > taken {
                continue;
            }
            self.socket().probe = true;
            let written = timeout(Duration::ZERO, self.write_when_there_is_room(write)).await;
            self.socket().probe = false;
            match written {
                Ok(Err(error)) if error.kind() == io::ErrorKind::WouldBlock => {}
                Ok(written) => return written,
                Err(_) => {}
            }
            if self.socket().taken == taken {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
    }

    /// May be dropped and called again: what was not taken was not written.
    async fn write_when_there_is_room(&mut self, write: Write<'_>) -> io::Result<usize> {
        match (self, write) {
            (Self::Plain(socket), Write::Bytes { bytes, more }) => socket.send(bytes, more).await,
            (Self::Plain(socket), Write::File { file, offset, len }) => socket.send_file(file, offset, len).await,
            (Self::Plain(_), Write::Kept) => Ok(0),
            (Self::Tls(stream), Write::Bytes { bytes, .. }) => stream.write(bytes).await,
            (Self::Tls(stream), Write::Kept) => stream.flush().await.map(|()| 0),
            (Self::Tls(_), Write::File { .. }) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Says that nothing follows.
    pub(super) async fn shutdown(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.tcp.shutdown().await,
            Self::Tls(stream) => stream.shutdown().await,
        }
    }

    fn socket(&mut self) -> &mut Socket {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(stream) => stream.get_mut().0,
        }
    }
}

/// A TCP connection that counts what the kernel has taken for the client.
#[derive(Debug)]
pub(super) struct Socket {
    tcp: TcpStream,
    /// Bytes that the kernel has taken; after it has refused some, only as the client takes others.
    taken: u64,
    /// Write whatever the kernel says of room.
    probe: bool,
}

impl Socket {
    async fn send(&mut self, bytes: &[u8], more: bool) -> io::Result<usize> {
        let flags = if more { SendFlags::NOSIGNAL | SendFlags::MORE } else { SendFlags::NOSIGNAL };
        self.try_until_taken(|tcp| Ok(send(tcp, bytes, flags)?)).await
    }

    #[cfg(target_os = "linux")]
    async fn send_file(&mut self, file: &File, offset: u64, len: usize) -> io::Result<usize> {
        self.try_until_taken(|tcp| {
            let mut offset = offset;
            match rustix::fs::sendfile(tcp, file, Some(&mut offset), len)? {
                0 => Err(io::ErrorKind::UnexpectedEof.into()),
                sent => Ok(sent),
            }
        })
        .await
    }

    #[cfg(not(target_os = "linux"))]
    async fn send_file(&mut self, _file: &File, _offset: u64, _len: usize) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }

    async fn try_until_taken(&mut self, mut write: impl FnMut(&TcpStream) -> io::Result<usize>) -> io::Result<usize> {
        loop {
            if self.probe {
                let written = write(&self.tcp)?;
                self.taken += written as u64;
                return Ok(written);
            }
            match self.tcp.try_io(Interest::WRITABLE, || write(&self.tcp)) {
                Ok(written) => {
                    self.taken += written as u64;
                    return Ok(written);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.tcp.writable().await?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_read(cx, buf)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let probed = if self.probe { send(&self.tcp, buf, SendFlags::NOSIGNAL).ok() } else { None };
        let written = match probed {
            Some(written) => written,
            None => ready!(Pin::new(&mut self.tcp).poll_write(cx, buf))?,
        };
        self.taken += written as u64;
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}
