//! Simulated BMCs and a provisioning server: what we believe of them, said independently of the code under test.

pub mod bmc;
pub mod endpoint;
pub mod files;
pub mod template;
