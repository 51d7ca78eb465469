//! The provisioning server as we see it: its models on the wire, the environment it gives its plugins, its API and events.

pub mod bootenv;
pub mod environment;
pub mod info;
pub mod models;
pub mod publisher;
pub mod server;
