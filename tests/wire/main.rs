//! The stdio wire, through the real binary over pipes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod endpoint;
mod flow;
mod host;
mod life;
mod odd_cases;
