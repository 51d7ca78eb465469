//! The client of the provisioning server's API against a peer that answers as each test says, over real TLS.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod change;
mod events;
mod faults;
mod objects;
mod peer;
mod simulated;
mod trust;
