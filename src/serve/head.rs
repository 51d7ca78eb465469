//! The head of a request, as httparse reads it: what HTTP asks of every server before the request means anything.

use std::ops::ControlFlow;

use httparse::{Error, Header, Request, Status};

/// The longest head in bytes. A range of a million parts is longer, and a BMC's some hundred.
pub(super) const MAX_HEAD: usize = 16 << 10;

/// The most headers.
pub(super) const MAX_HEADERS: usize = 64;

/// The head of a request.
#[derive(Debug)]
pub(super) struct Head<'b, 'h> {
    pub(super) method: &'b str,
    pub(super) target: &'b str,
    /// Its length in bytes, with the empty line.
    pub(super) len: usize,
    /// HTTP/1.0, after whose requests a connection is closed unless they ask for it to be kept.
    pub(super) is_old: bool,
    headers: &'h [Header<'b>],
}

/// Why a request is refused before it is looked at; the connection is closed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Malformed {
    /// No request of HTTP.
    Syntax,
    /// More headers, or longer ones, than any client needs.
    TooLarge,
    /// A version that is not spoken here.
    Version,
    /// A request of HTTP/1.1 names one host (RFC 9112, 3.2).
    Host,
}

impl<'b, 'h> Head<'b, 'h> {
    /// Reads the head at the start of `buf`. [`ControlFlow::Continue`] where more bytes are needed.
    pub(super) fn read(
        buf: &'b [u8],
        headers: &'h mut [Header<'b>; MAX_HEADERS],
    ) -> ControlFlow<Result<Self, Malformed>> {
        let mut request = Request::new(headers);
        let len = match request.parse(buf) {
            Ok(Status::Complete(len)) => len,
            Ok(Status::Partial) if buf.len() < MAX_HEAD => return ControlFlow::Continue(()),
            Ok(Status::Partial) | Err(Error::TooManyHeaders) => return ControlFlow::Break(Err(Malformed::TooLarge)),
            Err(Error::Version) => return ControlFlow::Break(Err(Malformed::Version)),
            Err(_) => return ControlFlow::Break(Err(Malformed::Syntax)),
        };
        let (Some(method), Some(target), Some(version)) = (request.method, request.path, request.version) else {
            return ControlFlow::Break(Err(Malformed::Syntax));
        };
        let head = Self { method, target, len, is_old: version == 0, headers: request.headers };
        let hosts = head.values("host").count();
        let well_formed = hosts == 1 || (hosts == 0 && head.is_old);
        ControlFlow::Break(if well_formed { Ok(head) } else { Err(Malformed::Host) })
    }

    /// The values of a header, a line each.
    pub(super) fn values(&self, name: &'static str) -> impl Iterator<Item = &'b [u8]> + use<'b, 'h> {
        let named = self.headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name));
        named.map(|header| header.value)
    }

    /// The value of a header that may be there once; `None` where it is there more often.
    pub(super) fn single(&self, name: &'static str) -> Option<&'b [u8]> {
        let mut values = self.values(name);
        let first = values.next();
        first.filter(|_| values.next().is_none())
    }

    /// Whether a body follows. None has a meaning here (RFC 9110, 9.3.1), so none is read.
    pub(super) fn has_body(&self) -> bool {
        let is_empty = |len: &[u8]| !len.is_empty() && len.iter().all(|byte| *byte == b'0');
        self.values("transfer-encoding").next().is_some() || !self.values("content-length").all(is_empty)
    }

    /// Whether the client keeps the connection after the answer (RFC 9112, 9.3).
    pub(super) fn keeps_connection(&self) -> bool {
        let asks = |option: &str| {
            let mut options = self.values("connection").flat_map(|line| line.split(|byte| *byte == b','));
            options.any(|given| given.trim_ascii().eq_ignore_ascii_case(option.as_bytes()))
        };
        !asks("close") && (!self.is_old || asks("keep-alive"))
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use httparse::EMPTY_HEADER;

    use super::{Head, MAX_HEAD, MAX_HEADERS, Malformed};

    fn refused(text: &str) -> Option<Malformed> {
        let mut headers = [EMPTY_HEADER; MAX_HEADERS];
        match Head::read(text.as_bytes(), &mut headers) {
            ControlFlow::Break(Err(malformed)) => Some(malformed),
            _ => None,
        }
    }

    #[test]
    fn what_is_no_request_is_refused() {
        for (text, expected) in [
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", None),
            ("GET / HTTP/1.1\r\nHost: a\r\n", None),
            ("GET / HTTP/1.0\r\n\r\n", None),
            ("GET / HTTP/1.1\r\n\r\n", Some(Malformed::Host)),
            ("GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n", Some(Malformed::Host)),
            ("PRI * HTTP/2.0\r\n\r\n", Some(Malformed::Version)),
            ("GET /\r\n\r\n", Some(Malformed::Syntax)),
            ("\u{16}\u{3}\u{1}", Some(Malformed::Syntax)),
            ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", Some(Malformed::Syntax)),
        ] {
            assert_eq!(refused(text), expected, "{text:?}");
        }
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(MAX_HEADERS + 1));
        assert_eq!(refused(&many), Some(Malformed::TooLarge));
        let long = format!("GET / HTTP/1.1\r\nRange: bytes={}", "0-,".repeat(MAX_HEAD));
        assert_eq!(refused(&long[..MAX_HEAD]), Some(Malformed::TooLarge));
    }

    #[test]
    fn a_connection_is_kept_as_the_version_and_the_client_say() {
        for (version, connection, kept) in [
            ("1.1", "", true),
            ("1.1", "Connection: close\r\n", false),
            ("1.1", "Connection: TE, Close\r\n", false),
            ("1.0", "", false),
            ("1.0", "Connection: Keep-Alive\r\n", true),
            ("1.0", "Connection: keep-alive, close\r\n", false),
        ] {
            let text = format!("GET / HTTP/{version}\r\nHost: a\r\n{connection}\r\n");
            let mut headers = [EMPTY_HEADER; MAX_HEADERS];
            let ControlFlow::Break(Ok(head)) = Head::read(text.as_bytes(), &mut headers) else { panic!("{text}") };
            assert_eq!(head.keeps_connection(), kept, "{text}");
        }
    }

    #[test]
    fn a_body_is_seen_however_it_is_announced() {
        for (header, body) in [
            ("", false),
            ("Content-Length: 0\r\n", false),
            ("Content-Length: 1\r\n", true),
            ("Content-Length: 0\r\nContent-Length: 5\r\n", true),
            ("Content-Length: x\r\n", true),
            ("Transfer-Encoding: chunked\r\n", true),
            ("Expect: 100-continue\r\n", false),
        ] {
            let text = format!("GET / HTTP/1.1\r\nHost: a\r\n{header}\r\n");
            let mut headers = [EMPTY_HEADER; MAX_HEADERS];
            let ControlFlow::Break(Ok(head)) = Head::read(text.as_bytes(), &mut headers) else { panic!("{text}") };
            assert_eq!(head.has_body(), body, "{text}");
        }
    }
}
