//! Where events go that the plugin tells the server: a wire takes them, or nobody does.

use std::sync::Arc;

use super::models::Event;

/// A handle for publishing events; cheap to clone, never blocks, never fails.
#[derive(Clone)]
pub struct Publisher(Arc<dyn Fn(Event) + Send + Sync>);

impl Publisher {
    /// Publishes through `sink`, which must not block: a wire queues the event or counts it as dropped.
    pub fn new(sink: impl Fn(Event) + Send + Sync + 'static) -> Self {
        Self(Arc::new(sink))
    }

    /// A publisher for a program without a wire.
    #[must_use]
    pub fn nowhere() -> Self {
        Self::new(|_| {})
    }

    /// Hands `event` over.
    pub fn publish(&self, event: Event) {
        (self.0)(event);
    }
}

impl std::fmt::Debug for Publisher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Publisher")
    }
}
