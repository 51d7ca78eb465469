//! Redfish clients that others wrote, against the simulated BMCs: so that these are not only what we think a BMC is.
//! `tests/run` runs them; `tests/clients/install` installs them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod client;
mod course;
mod redfish_utilities;
mod requests;
mod sushy;
mod validator;
