//! Sends an answer: its head, and of an image what the kernel can send from the template's file without our reading it.

use std::fs::File;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use tokio::task::yield_now;

use super::answer::Body;
use super::stream::{Stream, Write};
use crate::iso::Piece;
use crate::iso::volume::ReadAt;

/// A range up to here goes out together with its head, by way of memory: one system call instead of two or more. Measured
/// in turns, 64 KiB are faster by `sendfile`, 4 KiB so.
const SMALL: u64 = 16 << 10;

/// Bytes in memory where the kernel cannot send the file, as under TLS: one of its records. With four, one reader of 64 KiB waited longer than
/// for nginx: it decrypts one while the next is encrypted.
const CHUNK: u64 = 16 << 10;

/// What a reader may take before the others on its thread have their turn.
const TURN: u64 = 2 << 20;

/// Where an answer goes.
pub(super) struct Reader<'s> {
    pub(super) stream: &'s mut Stream,
    pub(super) client: IpAddr,
    pub(super) stall: Duration,
}

impl Reader<'_> {
    /// Sends the head in `out`, and the body. `out` is empty afterwards.
    pub(super) async fn send(&mut self, out: &mut Vec<u8>, body: Option<&Body>) -> io::Result<()> {
        match body {
            None => self.write_all(out, false, |_| ()).await?,
            Some(body) if self.stream.sends_files() && body.range.end - body.range.start > SMALL => {
                self.send_pieces(out, body).await?;
            }
            Some(body) => self.send_copied(out, body).await?,
        }
        out.clear();
        self.stream.write(Write::Kept, self.stall).await.map(|_| ())
    }

    /// Puts the image together in memory.
    async fn send_copied(&mut self, out: &mut Vec<u8>, body: &Body) -> io::Result<()> {
        let Body { served, range } = body;
        let client = self.client;
        let mut turn = Turn::new(body);
        let mut at = range.start;
        while at < range.end {
            let head = out.len();
            let end = range.end.min(at + CHUNK);
            out.resize(head + usize::try_from(end - at).map_err(io::Error::other)?, 0);
            served.mount.image.read_exact_at(&mut out[head..], at)?;
            let place = |written: usize| at + written.saturating_sub(head) as u64;
            self.write_all(out, false, |written| served.sent(place(written.start)..place(written.end), client)).await?;
            out.clear();
            turn.took(end - at).await?;
            at = end;
        }
        Ok(())
    }

    /// Has the kernel send what lies in the template's file, and writes the machine's own bytes between.
    async fn send_pieces(&mut self, head: &[u8], body: &Body) -> io::Result<()> {
        let Body { served, range } = body;
        let client = self.client;
        self.write_all(head, true, |_| ()).await?;
        let mut turn = Turn::new(body);
        let mut at = range.start;
        for piece in served.mount.image.pieces(range.clone()) {
            let end = at + piece.len();
            match piece {
                Piece::Bytes(bytes) => {
                    let place = |written: usize| at + written as u64;
                    let more = end < range.end;
                    self.write_all(bytes, more, |written| {
                        served.sent(place(written.start)..place(written.end), client);
                    })
                    .await?;
                }
                Piece::File { file, offset, len } => {
                    let mut done = 0;
                    while done < len {
                        let sent = self.write_file(file, offset + done, len - done).await?;
                        served.sent(at + done..at + done + sent, client);
                        done += sent;
                        turn.took(sent).await?;
                    }
                }
            }
            at = end;
        }
        Ok(())
    }

    /// Sends a turn's worth of a file.
    async fn write_file(&mut self, file: &File, offset: u64, len: u64) -> io::Result<u64> {
        let len = usize::try_from(TURN.min(len)).map_err(io::Error::other)?;
        let sent = self.stream.write(Write::File { file, offset, len }, self.stall).await?;
        Ok(sent as u64)
    }

    /// Writes all of `bytes`, and tells which of them were written each time.
    async fn write_all(
        &mut self,
        bytes: &[u8],
        more: bool,
        mut written: impl FnMut(std::ops::Range<usize>),
    ) -> io::Result<()> {
        let mut done = 0;
        while done < bytes.len() {
            let sent = self.stream.write(Write::Bytes { bytes: &bytes[done..], more }, self.stall).await?;
            if sent == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            written(done..done + sent);
            done += sent;
        }
        Ok(())
    }
}

/// What a reader has taken since others had their turn.
struct Turn<'b> {
    body: &'b Body,
    left: u64,
}

impl<'b> Turn<'b> {
    fn new(body: &'b Body) -> Self {
        Self { body, left: TURN }
    }

    /// Lets others have their turn where it is time, and looks whether the image still is what it was: a reader that takes all as
    /// fast as it comes is never waited for otherwise.
    async fn took(&mut self, bytes: u64) -> io::Result<()> {
        self.left = self.left.saturating_sub(bytes);
        if self.left > 0 {
            return Ok(());
        }
        self.left = TURN;
        yield_now().await;
        let served = &self.body.served;
        if served.gone.is_cancelled() {
            return Err(io::ErrorKind::NotFound.into());
        }
        served.check_unchanged().map_err(io::Error::other)
    }
}
