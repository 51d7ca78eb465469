//! A client that sends what it is told, byte for byte, and reads what HTTP says an answer is.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Nothing here is waited for so long unless it never comes; the machines that tests run on are shared.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    came: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(given, _)| given.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { stream, came: Vec::new() }
    }

    pub(crate) fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).unwrap();
    }

    /// A GET with more headers, each with its line end.
    pub(crate) fn get(&mut self, path: &str, headers: &str) -> Answer {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: a\r\n{headers}\r\n"));
        self.answer()
    }

    /// The answer to a request that has a body.
    pub(crate) fn answer(&mut self) -> Answer {
        let mut answer = self.head();
        let len = answer.header("content-length").map_or(0, |len| len.parse().unwrap());
        answer.body = self.bytes(len);
        answer
    }

    /// The head of an answer.
    pub(crate) fn head(&mut self) -> Answer {
        let end = loop {
            if let Some(end) = self.came.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            assert!(self.more() > 0, "closed in the middle of a head: {:?}", String::from_utf8_lossy(&self.came));
        };
        let head = String::from_utf8(self.came.drain(..end).collect()).unwrap();
        let status = head.strip_prefix("HTTP/1.1 ").unwrap().split(' ').next().unwrap().parse().unwrap();
        Answer { status, head, body: Vec::new() }
    }

    /// The next bytes.
    pub(crate) fn bytes(&mut self, len: usize) -> Vec<u8> {
        while self.came.len() < len {
            assert!(self.more() > 0, "closed after {} of {len} bytes", self.came.len());
        }
        self.came.drain(..len).collect()
    }

    /// What comes until the server closes, in order or not.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        while self.more() > 0 {}
        std::mem::take(&mut self.came)
    }

    fn more(&mut self) -> usize {
        let mut buf = vec![0; 64 << 10];
        let len = match self.stream.read(&mut buf) {
            Ok(len) => len,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => 0,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                panic!("neither a byte nor an end came for {PATIENCE:?}, after {} bytes", self.came.len())
            }
            Err(error) => panic!("{error}"),
        };
        self.came.extend_from_slice(&buf[..len]);
        len
    }
}
