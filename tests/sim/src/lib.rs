//! Simulated BMCs and a provisioning server: what we believe of them, said independently of the code under test.

pub mod bmc;
pub mod console;
pub mod dr_provision;
pub mod endpoint;
pub mod files;
pub mod loaders;
mod lock;
pub mod proxy;
pub mod template;
