//! The BMC driver against simulated BMCs: every action over every personality, boot devices, light, description, faults,
//! certificates, old TLS, sessions, turns, the commands.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod actions;
mod bench;
mod boot_devices;
mod commands;
mod complaints;
mod describe;
mod faults;
mod identify;
mod irmc;
mod lenovo;
mod old_tls;
mod own_ways;
mod refusals;
mod sessions;
mod supermicro;
mod tls;
mod vmm_control;
