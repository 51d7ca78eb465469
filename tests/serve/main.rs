//! The image server over real sockets: what it answers, what it refuses, whom it cuts off, how it ends.

#![allow(clippy::panic, clippy::unwrap_used)]

mod changed;
mod client;
#[cfg(target_os = "linux")]
mod files;
mod life;
mod limits;
mod mounts;
mod programs;
mod ranges;
mod requests;
mod site;
