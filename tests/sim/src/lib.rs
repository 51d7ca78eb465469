//! Simulated BMCs and a provisioning server.
