//! The BMCs there are to simulate: a page each, of what differs from [`Profile::generic`].

use std::fmt;

use super::profile::Profile;

/// A BMC family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Personality {
    /// No vendor: the DMTF schemas and nothing else.
    Generic,
}

impl Personality {
    /// Every one.
    pub const ALL: &[Personality] = &[Personality::Generic];

    /// What such a BMC believes of itself.
    #[must_use]
    pub fn profile(self) -> Profile {
        match self {
            Personality::Generic => Profile::generic(),
        }
    }
}

impl fmt::Display for Personality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Personality::Generic => "generic",
        })
    }
}
