//! The modes beside Redfish: what is asked of the programs, what is made of their answers, what becomes of them.
//!
//! | file | stands on |
//! |---|---|
//! | `racadm.rs`, `ipmitool.rs` | programs of our own in `tools/`, for what real ones cannot be made to do |
//! | `lpar.rs` | the simulated console of `tests/sim` |
//! | `wire.rs` | the real binary over stdio |
//! | `simulator.rs` | the real ipmitool and OpenIPMI's `ipmi_sim`; needs more than Rust, so `tests/run` runs it |

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod bench;
mod ipmitool;
mod lpar;
mod racadm;
mod simulator;
mod wire;
