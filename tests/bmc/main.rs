//! The BMC driver against simulated BMCs: every action over every personality, faults, certificates, turns, the commands.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod actions;
mod bench;
mod commands;
mod faults;
mod refusals;
mod tls;
