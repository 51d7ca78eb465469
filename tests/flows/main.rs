//! Actions and transitions through the real binary: a provisioning server at one end, simulated BMCs at the other.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod actions;
mod bad_input;
mod boot_devices;
mod cpu;
mod describe;
mod requests;
mod serving;
mod sessions;
mod site;
mod surprises;
mod table;
mod transitions;
mod trust;
