//! A client on the plugin's socket that can send any bytes, and reads an answer as HTTP/1.1 says.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use serde_json::Value;

use crate::host::WATCHDOG;

pub(crate) const CONFIG: &str = "/api-plugin/v4/config";
pub(crate) const ACTION: &str = "/api-plugin/v4/action";
pub(crate) const PUBLISH: &str = "/api-plugin/v4/publish";
pub(crate) const STOP: &str = "/api-plugin/v4/stop";

/// One connection.
pub(crate) struct Client(BufReader<UnixStream>);

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    /// The body's value; every answer of the plugin's own is JSON with a newline.
    pub(crate) fn json(&self) -> Value {
        assert!(self.head.to_lowercase().contains("content-type: application/json\r\n"), "{self:?}");
        assert!(self.body.ends_with('\n'), "{self:?}");
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// A POST as dr-provision sends it.
pub(crate) fn post(path: &str, body: &str) -> Vec<u8> {
    post_with(path, "", body)
}

/// A POST with more headers, each with its end of line.
pub(crate) fn post_with(path: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: unix\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n{headers}\r\n"
    );
    [head.as_bytes(), body.as_bytes()].concat()
}

impl Client {
    pub(crate) fn connect(socket: &Path) -> Self {
        let stream = UnixStream::connect(socket).unwrap();
        stream.set_read_timeout(Some(WATCHDOG)).unwrap();
        stream.set_write_timeout(Some(WATCHDOG)).unwrap();
        Self(BufReader::new(stream))
    }

    pub(crate) fn stream(&self) -> &UnixStream {
        self.0.get_ref()
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.0.get_mut().write_all(bytes).unwrap();
    }

    /// Sends what the plugin may refuse before it has read all.
    pub(crate) fn try_send(&mut self, bytes: &[u8]) {
        let _ = self.0.get_mut().write_all(bytes);
    }

    /// The next final answer; `None` where the plugin closes the connection instead.
    pub(crate) fn answer(&mut self) -> Option<Answer> {
        self.answer_to("POST")
    }

    pub(crate) fn answer_to(&mut self, method: &str) -> Option<Answer> {
        loop {
            let answer = self.next_answer(method)?;
            if answer.status != 100 {
                return Some(answer);
            }
        }
    }

    fn next_answer(&mut self, method: &str) -> Option<Answer> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            // A reset is an end as well.
            if self.0.read_line(&mut head).unwrap_or_default() == 0 {
                assert_eq!(head, "", "half an answer");
                return None;
            }
        }
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().unwrap())
        });
        let mut body = vec![0; if method == "HEAD" { 0 } else { length.unwrap_or_default() }];
        self.0.read_exact(&mut body).unwrap();
        Some(Answer { status, head, body: String::from_utf8(body).unwrap() })
    }

    /// Whether the plugin has closed the connection, and sent nothing more.
    pub(crate) fn is_closed(&mut self) -> bool {
        matches!(self.0.read(&mut [0]), Ok(0) | Err(_))
    }
}
