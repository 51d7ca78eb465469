//! dr-provision's end of the second socket: takes what the plugin posts, and answers as it is told to.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use serde_json::Value;

use crate::host::WATCHDOG;

pub(crate) const LOG: &str = "/api-server-plugin/v4/log";

/// How it answers.
#[derive(Clone, Copy)]
pub(crate) enum Manner {
    Fine,
    /// Closes the connection after each answer, as it says.
    Closes,
    /// Closes the connection after each answer without a word.
    Drops,
    /// Fails.
    Fails,
    /// Takes the request and never answers.
    Mute,
}

#[derive(Debug)]
pub(crate) struct Post {
    pub(crate) path: String,
    pub(crate) head: String,
    pub(crate) body: Value,
}

pub(crate) struct Server(Receiver<Post>);

impl Server {
    pub(crate) fn start(socket: &Path) -> Self {
        Self::start_as(socket, Manner::Fine)
    }

    pub(crate) fn start_as(socket: &Path, manner: Manner) -> Self {
        let listener = UnixListener::bind(socket).unwrap();
        let (posts, received) = channel();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let posts = posts.clone();
                thread::spawn(move || serve(stream.unwrap(), manner, &posts));
            }
        });
        Self(received)
    }

    /// The next post.
    pub(crate) fn post(&self) -> Post {
        self.0.recv_timeout(WATCHDOG).expect("the plugin posts nothing more")
    }

    /// Those that have come and were not asked for yet.
    pub(crate) fn posts(&self) -> Vec<Post> {
        self.0.try_iter().collect()
    }

    /// The next log line with this text.
    pub(crate) fn line(&self, text: &str) -> Value {
        std::iter::repeat_with(|| self.post())
            .find(|post| post.path == LOG && post.body["Message"].as_str().unwrap().contains(text))
            .map(|post| post.body)
            .unwrap()
    }

    /// All log lines up to and including the one with this text.
    pub(crate) fn lines_until(&self, text: &str) -> Vec<Value> {
        let mut lines = Vec::new();
        loop {
            let post = self.post();
            assert_eq!(post.path, LOG);
            let is_last = post.body["Message"].as_str().unwrap().contains(text);
            lines.push(post.body);
            if is_last {
                return lines;
            }
        }
    }
}

fn serve(stream: UnixStream, manner: Manner, posts: &Sender<Post>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let post = read(&mut stream)?;
        posts.send(post).ok()?;
        let answer = match manner {
            Manner::Fine | Manner::Drops => "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
            Manner::Closes => "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}",
            Manner::Fails => "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 2\r\n\r\n{}",
            Manner::Mute => continue,
        };
        stream.get_mut().write_all(answer.as_bytes()).ok()?;
        if matches!(manner, Manner::Drops | Manner::Closes) {
            return None;
        }
    }
}

fn read(stream: &mut BufReader<UnixStream>) -> Option<Post> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length:").map(str::to_owned));
    let mut body = vec![0; length.unwrap().trim().parse().unwrap()];
    stream.read_exact(&mut body).ok()?;
    let mut words = head.split(' ');
    assert_eq!(words.next(), Some("POST"), "{head}");
    let path = words.next().unwrap().to_owned();
    Some(Post { path, body: serde_json::from_slice(&body).unwrap(), head })
}
