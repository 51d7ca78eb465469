//! Boot images at their edges: real volumes by several writers, damaged ones, archives, and file systems that refuse.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod any_iso;
mod archive;
mod boot_reads;
mod cache;
mod command;
mod corpus;
mod diff;
mod disc;
mod fat;
mod faults;
mod image;
mod images;
mod kept;
mod make;
mod show;
mod store;
mod template;
mod volume;
