//! Splits what the server sends into lines, on a thread of its own.
//!
//! A thread, because a read of stdin that blocks cannot be taken back: with tokio's stdin the runtime waits at exit
//! until the server closes the pipe. A plain thread simply ends with the process.

use std::io::{ErrorKind, Read};
use std::thread;

use tokio::sync::mpsc;
use tokio_util::bytes::{Bytes, BytesMut};
use tokio_util::codec::{AnyDelimiterCodec, AnyDelimiterCodecError, Decoder};

/// The longest line that is taken, in bytes. A machine with all its params is tens of KiB.
pub const MAX_LINE: usize = 1024 * 1024;

/// Lines read ahead of their dispatch; then the pipe fills and the server waits.
const AHEAD: usize = 16;

const CHUNK: usize = 64 * 1024;

const BYTE_ORDER_MARK: char = '\u{feff}';

/// One line that is not blank.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    Text(String),
    /// Longer than [`MAX_LINE`]; its content was skipped.
    TooLong,
    NotUtf8,
}

/// Starts reading lines from `input`; the channel closes at its end.
pub(super) fn start(input: impl Read + Send + 'static) -> std::io::Result<mpsc::Receiver<Line>> {
    let (sender, receiver) = mpsc::channel(AHEAD);
    thread::Builder::new().name("stdin".into()).spawn(move || {
        let mut first = true;
        split(input, |line| {
            let line = to_line(line, std::mem::take(&mut first));
            // The receiver is gone only when the process ends.
            line.is_none_or(|line| sender.blocking_send(line).is_ok())
        });
    })?;
    Ok(receiver)
}

/// Feeds each line of `input` to `take` until that says false. The last line needs no newline.
fn split(mut input: impl Read, mut take: impl FnMut(Result<Bytes, AnyDelimiterCodecError>) -> bool) {
    let mut codec = AnyDelimiterCodec::new_with_max_length(b"\n".to_vec(), b"\n".to_vec(), MAX_LINE);
    let mut buffer = BytesMut::new();
    let mut chunk = vec![0; CHUNK];
    loop {
        let end = match input.read(&mut chunk) {
            Ok(0) => true,
            Ok(length) => {
                buffer.extend_from_slice(chunk.get(..length).unwrap_or_default());
                false
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => {
                tracing::error!(%error, "reading stdin failed; going on as if the server had closed it");
                true
            }
        };
        // The codec itself goes on after an error, skipping to the next newline.
        while let Some(line) = if end { codec.decode_eof(&mut buffer) } else { codec.decode(&mut buffer) }.transpose() {
            if !take(line) {
                return;
            }
        }
        if end {
            return;
        }
    }
}

fn to_line(line: Result<Bytes, AnyDelimiterCodecError>, first: bool) -> Option<Line> {
    let Ok(bytes) = line else { return Some(Line::TooLong) };
    let Ok(text) = std::str::from_utf8(&bytes) else { return Some(Line::NotUtf8) };
    let text = if first { text.trim_start_matches(BYTE_ORDER_MARK) } else { text };
    let text = text.trim_matches([' ', '\t', '\r']);
    (!text.is_empty()).then(|| Line::Text(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use proptest::prelude::{any, proptest};

    use super::{Line, MAX_LINE, split, start, to_line};

    fn lines(input: impl Read) -> Vec<Line> {
        let mut lines = Vec::new();
        let mut first = true;
        split(input, |line| {
            lines.extend(to_line(line, std::mem::take(&mut first)));
            true
        });
        lines
    }

    fn text(line: &str) -> Line {
        Line::Text(line.to_owned())
    }

    #[test]
    fn the_line_after_one_that_is_too_long_is_read() {
        let mut input = vec![b'x'; 2 * MAX_LINE + 5];
        input.extend_from_slice(b"\nnext");
        assert_eq!(lines(&*input), [Line::TooLong, text("next")]);
    }

    #[test]
    fn a_last_line_that_is_too_long_is_told_once() {
        assert_eq!(lines(&*vec![b'x'; MAX_LINE + 1]), [Line::TooLong]);
    }

    #[test]
    fn a_line_of_just_the_limit_is_read() {
        let longest = "x".repeat(MAX_LINE);
        assert_eq!(lines(format!("{longest}\n").as_bytes()), [text(&longest)]);
    }

    #[test]
    fn a_byte_order_mark_carriage_returns_and_blank_lines_are_skipped() {
        assert_eq!(lines("\u{feff}a\r\n\r\n \n\nb".as_bytes()), [text("a"), text("b")]);
    }

    #[test]
    fn the_channel_closes_at_the_end() -> std::io::Result<()> {
        let mut lines = start(&b"a\n\xff\n"[..])?;
        assert_eq!(lines.blocking_recv(), Some(text("a")));
        assert_eq!(lines.blocking_recv(), Some(Line::NotUtf8));
        assert_eq!(lines.blocking_recv(), None);
        Ok(())
    }

    proptest! {
        #[test]
        fn where_the_pipe_cuts_makes_no_difference(input: Vec<u8>, cut in any::<proptest::sample::Index>()) {
            let cut = cut.index(input.len() + 1);
            let (head, tail) = input.split_at(cut);
            assert_eq!(lines(head.chain(tail)), lines(&*input));
        }
    }
}
