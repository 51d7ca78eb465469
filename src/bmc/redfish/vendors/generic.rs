//! Any BMC that keeps to the standard: sushy-tools, and all that have no file of their own.

use super::Quirks;

/// No difference.
pub(super) struct Generic;

impl Quirks for Generic {}
