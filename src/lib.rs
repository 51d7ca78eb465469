//! Boots bare-metal machines through virtual media.

pub mod bmc;
pub mod cli;
pub mod drp;
pub mod iso;
pub mod machine;
pub mod operation;
pub mod wire;
