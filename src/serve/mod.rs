//! The image server: machines' boot images over HTTP, as a BMC reads them.

pub mod range;
