//! The way out for events of our own, whichever wire carries them.

use std::fmt;
use std::sync::Arc;

use super::models::Event;

/// Publishes events to the provisioning server. Cheap to clone; never blocks its caller.
///
/// A wire makes one and gives it to the plugin. Delivery is best effort: a server that does not read loses
/// events, and the wire counts and tells how many.
#[derive(Clone)]
pub struct Publisher(Arc<dyn Fn(Event) + Send + Sync>);

impl Publisher {
    /// A publisher that hands each event to `sink`, which must not block.
    #[must_use]
    pub fn new(sink: impl Fn(Event) + Send + Sync + 'static) -> Self {
        Self(Arc::new(sink))
    }

    /// A publisher that nobody listens to, for the command line and tests.
    #[must_use]
    pub fn discarding() -> Self {
        Self::new(|_| {})
    }

    /// Publishes one event.
    pub fn publish(&self, event: Event) {
        (self.0)(event);
    }
}

impl fmt::Debug for Publisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Publisher")
    }
}
