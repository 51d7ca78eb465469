//! Boot images: a machine's `boot.iso` is its template with other kernel arguments, and not one byte more.

pub mod area;
mod entry;
mod error;
pub mod plan;
mod record;
pub mod source;
mod susp;
pub mod template;
pub mod volume;

pub use error::Error;
pub use plan::Plan;
pub use template::Template;
