//! The simulated dr-provision, asked as its clients ask it: over TLS, by websocket, with a plugin behind it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod client;
mod life;
mod websocket;
