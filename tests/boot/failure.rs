//! Why a test failed, told so that a person can read it.

use std::fmt::{self, Debug, Display, Formatter};

pub(crate) type Result<T = (), E = Failure> = std::result::Result<T, E>;

/// A text of many lines. The test runner prints errors with `Debug`, which for a string would escape each line end.
pub(crate) struct Failure(String);

impl Failure {
    /// The same, with where it happened before it and what was seen there after it.
    pub(crate) fn with(self, place: &dyn Display, evidence: &dyn Display) -> Self {
        Self(format!("{place}: {}\n{evidence}", self.0))
    }
}

impl Debug for Failure {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<E: Display> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// Fails unless `seen` is what was wanted; an assertion that its caller can add evidence to.
pub(crate) fn same<T: PartialEq + Debug>(what: &str, seen: &T, wanted: &T) -> Result {
    if seen == wanted { Ok(()) } else { Err(format!("{what}\n    is {seen:?}\nwanted {wanted:?}").into()) }
}
