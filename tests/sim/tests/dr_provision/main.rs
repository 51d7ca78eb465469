//! The simulated dr-provision, asked as its clients ask it: over TLS, by websocket, with a plugin behind it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod builtin;
mod client;
mod content;
mod files;
mod life;
mod machines;
mod params;
mod websocket;
mod work;
