//! Simulated BMCs and a provisioning server: what we believe of them, said independently of the code under test.

pub mod bmc;
<<<<<<< HEAD
pub mod dr_provision;
=======
pub mod console;
>>>>>>> 729dfd8 (Test the modes beside Redfish, ipmitool's also against a simulated BMC)
pub mod endpoint;
pub mod files;
mod lock;
pub mod template;
