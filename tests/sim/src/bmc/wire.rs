//! Bytes that go wrong: a stream that can garble what is written and reset on its end, a body that stops halfway.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// What a request's fault wants of its connection.
#[derive(Debug, Default)]
pub(super) struct Control {
    /// Everything written from now on is garbled.
    pub(super) garble: AtomicBool,
    /// The connection ends with a TCP reset.
    pub(super) reset: AtomicBool,
}

/// A TLS stream under control.
pub(super) struct Wire {
    stream: TlsStream<TcpStream>,
    control: Arc<Control>,
}

impl Wire {
    pub(super) fn new(stream: TlsStream<TcpStream>, control: Arc<Control>) -> Wire {
        Wire { stream, control }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if self.control.reset.load(Ordering::Relaxed) {
            // A zero linger makes the close a reset; a socket that is gone already needs none.
            let _ = self.stream.get_ref().0.set_zero_linger();
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.control.garble.load(Ordering::Relaxed) {
            let garbled: Vec<u8> = buf.iter().map(|byte| byte ^ 0xA5).collect();
            return Pin::new(&mut self.stream).poll_write(cx, &garbled);
        }
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// A response body: all of it, or a part of it and then an end that is none.
#[derive(Debug)]
pub(super) struct Answered {
    data: Option<Bytes>,
    then: Then,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    End,
    /// Lets what was sent be flushed first.
    Flush,
    Break,
    Silence,
}

impl Answered {
    pub(super) fn whole(data: Bytes) -> Answered {
        Answered { data: Some(data), then: Then::End }
    }

    /// The connection breaks after this part.
    pub(super) fn broken(part: Bytes) -> Answered {
        Answered { data: Some(part), then: Then::Flush }
    }

    /// Nothing comes after this part, and no end.
    pub(super) fn stalled(part: Bytes) -> Answered {
        Answered { data: Some(part), then: Then::Silence }
    }
}

impl Body for Answered {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(data) = self.data.take() {
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        match self.then {
            Then::End => Poll::Ready(None),
            Then::Flush => {
                self.then = Then::Break;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Then::Break => Poll::Ready(Some(Err(io::ErrorKind::BrokenPipe.into()))),
            Then::Silence => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.then == Then::End && self.data.as_ref().is_none_or(Bytes::is_empty)
    }
}
