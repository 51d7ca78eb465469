//! Holds the content pack that `define` prints against what a server takes: the bundle format, the fields of each
//! kind of object, names, and what refers to what.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bundle;
mod docs;
mod objects;
mod params;
mod scripts;
mod workflows;
