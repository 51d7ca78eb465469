//! Boot images: a machine's `boot.iso` is its template with other kernel arguments, and not one byte more.

pub mod area;
mod entry;
pub mod plan;
mod record;
mod susp;
pub mod volume;

pub use plan::Plan;
