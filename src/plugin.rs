//! The plugin as a wire sees it: one definition, parameters, actions, events.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::actions::{self, Site};
use crate::drp::environment::Environment;
use crate::drp::models::{Action, Error, Event, PluginProvider};
use crate::drp::publisher::Publisher;
use crate::hook::Hook;
use crate::machine::Params;
use crate::operation::Operation;
use crate::wire::Service;

/// Everything behind the wires.
#[derive(Debug)]
pub struct Plugin {
    provider: String,
    site: Site,
    hook: Hook,
}

impl Plugin {
    /// A plugin that runs as the provider named `provider`.
    #[must_use]
    pub fn new(provider: String, environment: Environment, publisher: Publisher) -> Self {
        Self { provider, site: Site::new(environment, publisher), hook: Hook::default() }
    }
}

/// The definition of the provider named `provider`: pure and offline.
#[must_use]
pub fn definition(provider: &str) -> PluginProvider {
    PluginProvider {
        meta: None,
        name: provider.to_owned(),
        version: concat!("v", env!("CARGO_PKG_VERSION")).to_owned(),
        plugin_version: 4,
        auto_start: true,
        has_publish: false,
        available_actions: actions::available(),
        required_params: Vec::new(),
        optional_params: actions::DEFAULTS.map(str::to_owned).to_vec(),
        store_objects: Map::new(),
        documentation: env!("CARGO_PKG_DESCRIPTION").to_owned(),
        content: String::new(),
    }
}

impl Service for Plugin {
    fn definition(&self) -> PluginProvider {
        definition(&self.provider)
    }

    async fn configure(&self, params: Map<String, Value>) -> Result<(), Error> {
        self.site.configure(Params::new(params)).map_err(|error| error.into_model(&self.provider))
    }

    async fn action(&self, action: Action, operation: &Arc<Operation>) -> Result<Value, Error> {
        #[cfg(debug_assertions)]
        panic_when_asked(&action);
        actions::run(&self.site, action, operation).await.map_err(|error| error.into_model(&self.provider))
    }

    async fn event(&self, event: Event, operation: &Arc<Operation>) -> Result<Value, Error> {
        let answer = self.hook.handle(&self.site, event, operation).await;
        let answer = answer.and_then(|answer| {
            serde_json::to_value(answer)
                .map_err(|error| actions::Error::internal(format!("writing the answer: {error}")))
        });
        answer.map_err(|error| error.into_model(&self.provider))
    }

    async fn stop(&self) {}

    async fn gave_up(&self) -> Error {
        std::future::pending().await
    }
}

/// A way to see the wire survive a panic; not in release builds, not in the definition.
#[cfg(debug_assertions)]
fn panic_when_asked(action: &Action) {
    assert!(action.command != "panic", "asked to");
}
