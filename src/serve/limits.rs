//! How long the image server waits, and for how many at once.

use std::time::Duration;

/// The server's limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long a client may take for a TLS handshake.
    pub handshake: Duration,
    /// How long it may take from the first byte of a request's head to the last.
    pub head: Duration,
    /// How long a connection without a request is kept. Long, because firmware pauses between boot loader, kernel and initrd, and
    /// because an idle connection gives way where its place is needed.
    pub idle: Duration,
    /// How long a reader may take nothing at all. One that takes a little lives, however slow it is.
    pub stall: Duration,
    /// Connections at once, in all.
    pub connections: usize,
    /// Connections at once from one address.
    pub per_client: usize,
    /// How long responses may take to end when the server stops.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(15),
            head: Duration::from_secs(15),
            idle: Duration::from_mins(5),
            stall: Duration::from_mins(1),
            connections: 1024,
            // A BMC opens a handful. More than that come from behind one address where a router translates.
            per_client: 128,
            grace: Duration::from_secs(10),
        }
    }
}
