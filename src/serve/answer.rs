//! What is answered to a request: the head, and which bytes of which image follow it.

use std::io::Write;
use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::conditions::{self, Verdict};
use super::head::{Head, Malformed};
use super::images::{Absent, Images, Served};
use super::range::{self, Requested};
use super::target;

/// The bytes that follow a head.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) served: Arc<Served>,
    pub(super) range: Range<u64>,
}

/// How an answer goes on after its head.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) body: Option<Body>,
    /// Whether the next request may come on this connection.
    pub(super) keeps_connection: bool,
}

/// An answer without an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Refusal {
    status: &'static str,
    words: &'static str,
}

const NOT_FOUND: Refusal = Refusal { status: "404 Not Found", words: "There is no image here.\n" };
const FORBIDDEN: Refusal = Refusal { status: "403 Forbidden", words: "This image is for another client.\n" };
const METHOD: Refusal = Refusal {
    status: "405 Method Not Allowed",
    words: "Images are read with GET and HEAD, and nothing else is done here.\n",
};
const BODY: Refusal = Refusal { status: "400 Bad Request", words: "A request for an image has no body.\n" };
const CHANGED: Refusal = Refusal {
    status: "500 Internal Server Error",
    words: "The image's template was written to after the image was made.\n",
};
const SLOW: Refusal = Refusal { status: "408 Request Timeout", words: "The head of the request took too long.\n" };

impl Malformed {
    fn refusal(self) -> Refusal {
        match self {
            Self::Syntax => Refusal { status: "400 Bad Request", words: "This is no HTTP request.\n" },
            Self::Host => Refusal { status: "400 Bad Request", words: "A request names one host.\n" },
            Self::TooLarge => Refusal {
                status: "431 Request Header Fields Too Large",
                words: "The head of the request is too large.\n",
            },
            Self::Version => {
                Refusal { status: "505 HTTP Version Not Supported", words: "HTTP/1.0 and HTTP/1.1 are spoken here.\n" }
            }
        }
    }
}

/// Writes answers' heads.
#[derive(Debug)]
pub(super) struct Writer {
    images: Images,
    client: IpAddr,
    date: Date,
}

impl Writer {
    pub(super) fn new(images: Images, client: IpAddr) -> Self {
        Self { images, client, date: Date::default() }
    }

    /// Answers a request; the head goes to `out`, which is empty. `last` says that the connection is closed afterwards in any case.
    pub(super) fn answer(&mut self, head: &Head<'_, '_>, last: bool, out: &mut Vec<u8>) -> Answer {
        // What follows could not be told from a body that nobody reads.
        let has_body = head.has_body();
        let keeps_connection = head.keeps_connection() && !last && !has_body;
        let keep = Keep { keeps_connection, is_old: head.is_old };
        let is_head = head.method == "HEAD";
        if head.method != "GET" && !is_head {
            return self.refuse(METHOD, keep, false, "Allow: GET, HEAD\r\n", out);
        }
        if has_body {
            return self.refuse(BODY, keep, is_head, "", out);
        }
        let path = target::path(head.target);
        if let Some(told) = path.as_ref().and_then(|path| self.images.told(path)) {
            return self.tell(&told, keep, is_head, out);
        }
        let found = path.ok_or(Absent::Unknown).and_then(|path| self.images.find(&path, self.client));
        let served = match found {
            Ok(served) => served,
            Err(Absent::Unknown) => return self.refuse(NOT_FOUND, keep, is_head, "", out),
            Err(Absent::Forbidden) => return self.refuse(FORBIDDEN, keep, is_head, "", out),
        };
        if let Err(error) = served.check_unchanged() {
            let (machine, bootenv) = (served.mount.machine, &served.mount.bootenv);
            tracing::error!(%machine, bootenv, %error, "an image cannot be served");
            return self.refuse(CHANGED, Keep { keeps_connection: false, ..keep }, is_head, "", out);
        }
        let len = served.len();
        let requested = match conditions::judge(head, served.validators()) {
            Verdict::NotModified => {
                self.begin("304 Not Modified", keep, out);
                end(out, &served.headers, "");
                return Answer { body: None, keeps_connection };
            }
            Verdict::Failed => {
                let refusal = Refusal { status: "412 Precondition Failed", words: "The image is another one.\n" };
                return self.refuse(refusal, keep, is_head, "", out);
            }
            // 14.2: a Range header has a meaning with GET alone, and is there once.
            Verdict::Serve if !is_head => {
                head.single("range").map_or(Requested::Whole, |value| range::parse(value, len))
            }
            Verdict::Serve | Verdict::ServeWhole => Requested::Whole,
        };
        let range = match requested {
            Requested::Whole => {
                self.begin("200 OK", keep, out);
                end(out, &served.headers, format_args!("Content-Length: {len}\r\n"));
                0..len
            }
            Requested::Part(range) => {
                let Range { start, end: after } = range;
                self.begin("206 Partial Content", keep, out);
                let (last, part) = (after - 1, after - start);
                let place = format_args!("Content-Length: {part}\r\nContent-Range: bytes {start}-{last}/{len}\r\n");
                end(out, &served.headers, place);
                range
            }
            Requested::Unsatisfiable => {
                let refusal = Refusal { status: "416 Range Not Satisfiable", words: "The image has no such bytes.\n" };
                return self.refuse(refusal, keep, is_head, format_args!("Content-Range: bytes */{len}\r\n"), out);
            }
        };
        let body = (!is_head && !range.is_empty()).then_some(Body { served, range });
        Answer { body, keeps_connection }
    }

    /// Answers what is no request; the connection is closed afterwards.
    pub(super) fn malformed(&mut self, malformed: Malformed, out: &mut Vec<u8>) {
        self.refuse(malformed.refusal(), Keep::CLOSED, false, "", out);
    }

    /// Answers half a request that does not go on; the connection is closed afterwards.
    pub(super) fn too_slow(&mut self, out: &mut Vec<u8>) {
        self.refuse(SLOW, Keep::CLOSED, false, "", out);
    }

    /// What is true of an image at this moment.
    fn tell(&mut self, told: &str, keep: Keep, is_head: bool, out: &mut Vec<u8>) -> Answer {
        self.begin("200 OK", keep, out);
        let len = told.len();
        end(
            out,
            "Content-Type: application/json\r\nCache-Control: no-store\r\n",
            format_args!("Content-Length: {len}\r\n"),
        );
        if !is_head {
            out.extend_from_slice(told.as_bytes());
        }
        Answer { body: None, keeps_connection: keep.keeps_connection }
    }

    fn refuse(
        &mut self,
        refusal: Refusal,
        keep: Keep,
        is_head: bool,
        more: impl std::fmt::Display,
        out: &mut Vec<u8>,
    ) -> Answer {
        let Refusal { status, words } = refusal;
        self.begin(status, keep, out);
        let len = words.len();
        end(out, "Content-Type: text/plain\r\n", format_args!("{more}Content-Length: {len}\r\n"));
        if !is_head {
            out.extend_from_slice(words.as_bytes());
        }
        Answer { body: None, keeps_connection: keep.keeps_connection }
    }

    /// The status line, the date that every answer has (6.6.1), and whether the connection goes on.
    fn begin(&mut self, status: &str, keep: Keep, out: &mut Vec<u8>) {
        for part in ["HTTP/1.1 ", status, "\r\nDate: ", self.date.now(), "\r\n", keep.header()] {
            out.extend_from_slice(part.as_bytes());
        }
    }
}

/// What becomes of the connection, as the client must be told.
#[derive(Clone, Copy, Debug)]
struct Keep {
    keeps_connection: bool,
    is_old: bool,
}

impl Keep {
    const CLOSED: Self = Self { keeps_connection: false, is_old: false };

    fn header(self) -> &'static str {
        match (self.keeps_connection, self.is_old) {
            (false, _) => "Connection: close\r\n",
            (true, true) => "Connection: keep-alive\r\n",
            (true, false) => "",
        }
    }
}

fn end(out: &mut Vec<u8>, headers: &str, more: impl std::fmt::Display) {
    out.extend_from_slice(headers.as_bytes());
    // A vector takes all.
    let _ = write!(out, "{more}\r\n");
}

/// The time as the Date header has it, written once a second.
#[derive(Debug, Default)]
struct Date {
    second: u64,
    text: String,
}

impl Date {
    fn now(&mut self) -> &str {
        let second = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        if second != self.second || self.text.is_empty() {
            self.second = second;
            self.text = httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(second));
        }
        &self.text
    }
}
