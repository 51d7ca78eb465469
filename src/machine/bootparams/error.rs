//! What can be wrong with a BootParams template, and where.

use std::fmt;

use super::syntax::Delimiters;
use crate::machine::WordError;

/// A BootEnv's BootParams that cannot be rendered for a machine.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("rendering the BootParams of BootEnv {bootenv}, {place}: {problem}")]
pub struct BootParamsError {
    /// The BootEnv.
    pub bootenv: String,
    /// Where in the template.
    pub place: Place,
    /// What is wrong, and what to do.
    pub problem: Box<Problem>,
}

/// A place in a template, as an editor shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// The action that stands there, or the text.
    pub piece: String,
}

/// What is wrong with a template.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum Problem {
    /// The text is no template.
    #[error("{0}; mend the template in the BootEnv")]
    Syntax(String),
    /// A function that is neither Go's nor one of sprig's that are known here.
    #[error(
        "the function {0} is not known to this plugin; write the BootParams without it (bootenv-customize can replace \
         them for one machine)"
    )]
    UnknownFunction(String),
    /// A field or a method that the object does not have, or that is not known here.
    #[error("{object} has no {name} that this plugin knows; write the BootParams without it")]
    UnknownField {
        /// What was asked.
        object: &'static str,
        /// For what.
        name: String,
    },
    /// The expression has no value, and Go would print `<no value>`.
    #[error(
        "the expression has no value, so the kernel line would say <no value>; test for it with if, or give it one"
    )]
    NoValue,
    /// A parameter without a value.
    #[error("the parameter {0} has no value; set it on the machine or one of its profiles")]
    NoParam(String),
    /// A parameter whose value is still encrypted.
    #[error(
        "the parameter {0} arrived encrypted; the server decrypts it for plugins that it allows to read secure \
         parameters"
    )]
    Sealed(String),
    /// A value of a type that cannot be used so.
    #[error("{0}")]
    Unusable(String),
    /// A parameter's value is a template itself (`.ParamExpand`), and something is wrong with that one.
    #[error("in the value of the parameter {param}, {place}: {problem}")]
    InParam {
        /// The parameter.
        param: String,
        /// Where in its value.
        place: Place,
        /// What is wrong there.
        problem: Box<Problem>,
    },
    /// More than any kernel line needs.
    #[error("{0}; no kernel line needs that much, so the template is taken for a mistake")]
    TooMuch(String),
    /// What was rendered is no kernel line.
    #[error("{0}; mend the parameter that it comes from, or the template")]
    Word(#[from] WordError),
    /// Nothing was rendered.
    #[error("the template renders to nothing, and a kernel without arguments finds no root file system")]
    Empty,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}, at `{}`", self.line, self.column, self.piece)
    }
}

impl Place {
    /// The place of byte `offset` of `source`.
    pub(super) fn of(source: &str, offset: usize, delimiters: Delimiters<'_>) -> Self {
        let before = &source[..source.floor_char_boundary(offset)];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Self {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            piece: piece(source, before.len(), delimiters),
        }
    }
}

/// The action around `offset`, or the word that begins there, cut where it is long.
fn piece(source: &str, offset: usize, Delimiters { start, end }: Delimiters<'_>) -> String {
    const LONGEST: usize = 80;
    let begins = source[..offset].rfind(start).filter(|begins| !source[*begins..offset].contains(end));
    // A place is often the beginning of the action itself.
    let whole = match begins.or_else(|| source[offset..].starts_with(start).then_some(offset)) {
        Some(begins) => {
            let ends = source[begins..].find(end).map_or(source.len(), |ends| begins + ends + end.len());
            &source[begins..ends]
        }
        None => source[offset..].split_whitespace().next().unwrap_or_default(),
    };
    let mut piece: String = whole.chars().take(LONGEST).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if piece.len() < whole.len() {
        piece.push('…');
    }
    piece
}

/// Something wrong at a byte of a template's source.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) at: usize,
    pub(super) problem: Problem,
}

impl Fault {
    pub(super) fn new(at: usize, problem: Problem) -> Self {
        Self { at, problem }
    }

    pub(super) fn unusable(at: usize, message: impl Into<String>) -> Self {
        Self::new(at, Problem::Unusable(message.into()))
    }
}
