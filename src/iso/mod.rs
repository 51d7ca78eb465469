//! Boot images: a machine's `boot.iso` is its template with other kernel arguments, and not one byte more.

pub mod area;
mod entry;
mod error;
mod locate;
pub mod plan;
mod record;
pub mod source;
pub mod store;
mod susp;
pub mod template;
pub mod volume;
mod write;

pub use error::Error;
pub use locate::locate_template;
pub use plan::Plan;
pub use store::{Store, Written};
pub use template::Template;
pub use write::write_image;
