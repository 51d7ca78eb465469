//! Boot images on real file systems: clones where extents are shared, copies elsewhere, and disks that are full.

#![allow(clippy::panic, clippy::unwrap_used)]

mod clones;
mod disk;
mod full;
mod plans;
mod site;
