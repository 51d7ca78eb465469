//! What a template wrote, and which part of it wrote what.

use std::ops::Range;

use super::error::{Fault, Problem};

/// A kernel takes 2 to 4 KiB.
const LONGEST: usize = 64 * 1024;

/// What a template rendered to, and what wrote which part.
#[derive(Debug, Default)]
pub(super) struct Rendered {
    pub(super) text: String,
    pieces: Vec<Piece>,
}

/// Bytes of the result and the place in the source that they come from.
#[derive(Debug)]
struct Piece {
    bytes: Range<usize>,
    at: usize,
    by: Writer,
}

/// What wrote a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writer {
    /// The template's own text.
    Text,
    /// The value of an action.
    Action,
}

impl Rendered {
    pub(super) fn write(&mut self, text: &str, at: usize, by: Writer) -> Result<(), Fault> {
        let start = self.text.len();
        if start + text.len() > LONGEST {
            return Err(Fault::new(at, Problem::TooMuch(format!("the line gets longer than {LONGEST} bytes"))));
        }
        self.text.push_str(text);
        self.pieces.push(Piece { bytes: start..self.text.len(), at, by });
        Ok(())
    }

    /// Where a word of the result comes from: the last action that wrote a part of it, because a value is likelier to be
    /// wrong than the text around it, else the text.
    pub(super) fn source_of(&self, word: Range<usize>) -> usize {
        let parts =
            || self.pieces.iter().rev().filter(|part| part.bytes.start < word.end && word.start < part.bytes.end);
        match parts().find(|part| part.by == Writer::Action).or_else(|| parts().next_back()) {
            Some(Piece { at, by: Writer::Action, .. }) => *at,
            Some(Piece { at, bytes, .. }) => at + word.start.saturating_sub(bytes.start),
            None => 0,
        }
    }
}
