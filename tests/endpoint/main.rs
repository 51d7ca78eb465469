//! The plugin as dr-provision runs it: over its two sockets, with the server's API and events at its other side.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod any_bootenv;
mod bad_input;
mod lost_images;
mod making;
mod mechanism;
mod old_actions;
mod programs;
mod site;
mod transitions;
mod trouble;
mod unlucky;
mod unpacked;
mod workflows;
