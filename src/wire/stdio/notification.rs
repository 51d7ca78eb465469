//! The notifications that the plugin sends, and their form on the wire.

use serde::Serialize;

/// A notification from the plugin to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notification {
    /// A log line (logger.Line).
    Log,
    /// An event of our own (models.Event).
    Publish,
    /// How far a request is.
    Progress,
}

impl Notification {
    /// Every notification that the plugin sends.
    pub const ALL: [Self; 3] = [Self::Log, Self::Publish, Self::Progress];

    /// Its method name.
    #[must_use]
    pub const fn method(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Publish => "publish",
            Self::Progress => "progress",
        }
    }

    pub(super) fn message(self, params: &impl Serialize) -> serde_json::Result<String> {
        #[derive(Serialize)]
        struct Message<'a, T> {
            jsonrpc: &'static str,
            method: &'static str,
            params: &'a T,
        }
        serde_json::to_string(&Message { jsonrpc: "2.0", method: self.method(), params })
    }
}
