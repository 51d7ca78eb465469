//! Every `drpcli` line of the documentation does what the page says: each is sent as drpcli sends it, to a simulated
//! dr-provision with the real plugin, and its answer and effect are checked. A line that nobody here knows fails.
//!
//! | file | what it holds |
//! |---|---|
//! | `lines.rs` | the lines of a page |
//! | `client.rs` | what drpcli sends for which words |
//! | `site.rs` | the server, the machine and its BMC that a page is read against |
//! | `effects.rs` | what each line must have done |
//! | `pages.rs` | the pages, and the vendor's own |

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod client;
mod effects;
mod lines;
mod pages;
mod site;
