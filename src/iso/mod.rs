//! Boot images: a machine's `boot.iso` is its template with other kernel arguments, and not one byte more.
//!
//! [`Template::open`] finds the config areas of a template ([`source`] gets at its bytes, [`volume`] reads the file system,
//! [`area`] and its entry the config files), [`Template::plan`] renders a machine's arguments into a [`Plan`], and [`Store`]
//! writes the two as a file where the static file server finds it. [`show`] explains an image to people, [`diff`] tells two apart.
//! Where nobody ships a template, [`make`] makes one of a kernel, its initrds and boot loaders.
//!
//! Everything blocks; callers with a runtime use a blocking thread. Nothing here knows a BMC or a server.

pub mod area;
mod boot_catalog;
mod boot_reads;
mod cache;
mod descriptor;
pub mod diff;
mod disk;
pub mod efi;
mod entry;
mod error;
pub mod fat;
mod hex;
pub mod image;
mod journal;
mod kept;
mod layout;
mod locate;
pub mod make;
pub mod plan;
mod record;
pub mod show;
pub mod source;
pub mod store;
mod susp;
pub mod template;
mod templates;
pub mod volume;
mod write;

pub use boot_catalog::Firmware;
pub use boot_reads::BootReads;
pub use cache::Cache;
pub use error::Error;
pub(crate) use hex::hex;
pub use image::{Image, Piece};
pub use kept::{KeptPlan, KeptPlans};
pub use locate::locate_template;
pub use plan::Plan;
pub use store::{Store, Written};
pub use template::Template;
pub use templates::Templates;
pub use write::write_image;
