//! Boot images: a machine's `boot.iso` is its template with other kernel arguments, and not one byte more.

mod record;
mod susp;
pub mod volume;
