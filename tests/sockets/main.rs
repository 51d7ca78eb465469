//! The wire of dr-provision, through the real binary over unix sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bmc;
mod callback;
mod calls;
mod client;
mod host;
mod life;
mod log;
mod odd_cases;
mod server;
mod trouble;
