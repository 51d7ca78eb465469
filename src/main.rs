//! The `virtual-media` program: arguments in, exit code out.

use std::future::{Future, pending};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use drp_virtual_media::cli::Cli;
use drp_virtual_media::drp::models::{Action, Error, Event, PluginProvider};
use drp_virtual_media::operation::Operation;
use drp_virtual_media::wire::Service;
use serde_json::{Map, Value, json};

fn main() -> ExitCode {
    Cli::parse().run(|name, _| Ok(StandIn(name.to_owned())))
}

struct StandIn(String);

impl Service for StandIn {
    fn definition(&self) -> PluginProvider {
        PluginProvider {
            meta: None,
            name: self.0.clone(),
            version: "v0.1.0".into(),
            plugin_version: 4,
            auto_start: true,
            has_publish: false,
            available_actions: vec![],
            required_params: vec![],
            optional_params: vec![],
            store_objects: Map::new(),
            documentation: String::new(),
            content: String::new(),
        }
    }

    fn configure(&self, _: Map<String, Value>) -> impl Future<Output = Result<(), Error>> + Send {
        std::future::ready(Ok(()))
    }

    async fn action(&self, action: Action, operation: &Arc<Operation>) -> Result<Value, Error> {
        match action.command.as_str() {
            #[cfg(debug_assertions)]
            #[expect(clippy::panic)]
            "panic" => panic!("asked to"),
            "powerstatus" => {
                operation.begin("power", "asking");
                pending().await
            }
            unknown => Err(Error {
                model: "plugin".into(),
                key: self.0.clone(),
                r#type: "rpc".into(),
                messages: vec![format!("unknown {unknown}")],
                code: 404,
            }),
        }
    }

    async fn event(&self, _: Event, _: &Arc<Operation>) -> Result<Value, Error> {
        Ok(json!({"Outcome": "Ignored"}))
    }
}
