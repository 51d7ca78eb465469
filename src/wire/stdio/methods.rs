//! The methods that a server can call, and what each does with its params.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jsonrpsee::core::RegisterMethodError;
use jsonrpsee::types::{ErrorObjectOwned, Params};
use jsonrpsee::{Extensions, Methods, RpcModule};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::fault::{Code, failed};
use super::message::Id;
use super::pending::Pending;
use crate::drp::models::{Action, Event};
use crate::operation::Operation;
use crate::wire::Service;
use crate::wire::call::{configure, wrong_value};

/// The versions of this protocol that we speak.
pub const PROTOCOLS: [u64; 1] = [1];

/// The events that a server must send us.
pub const EVENTS: [&str; 3] = ["machines.update.*", "machines.save.*", "machines.delete.*"];

/// A method that a server can call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// The handshake; nothing else is taken before it.
    Initialize,
    /// The plugin object's parameters.
    Config,
    /// Runs an action.
    Action,
    /// Tells of an event and waits for the work it causes.
    Event,
    /// Cancels a request.
    Cancel,
    /// Ends the plugin.
    Stop,
}

impl Method {
    /// Every method.
    pub const ALL: [Self; 6] = [Self::Initialize, Self::Config, Self::Action, Self::Event, Self::Cancel, Self::Stop];

    /// Its name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Initialize => "initialize",
            Self::Config => "config",
            Self::Action => "action",
            Self::Event => "event",
            Self::Cancel => "cancel",
            Self::Stop => "stop",
        }
    }

    /// The method of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.name() == name)
    }

    /// Whether it is answered at once, before the next line is looked at, and never waits for a turn.
    pub(super) const fn is_immediate(self) -> bool {
        matches!(self, Self::Initialize | Self::Cancel | Self::Stop)
    }

    /// Whether calls that come after it wait for its end.
    pub(super) const fn is_barrier(self) -> bool {
        matches!(self, Self::Config)
    }
}

/// What the methods share.
#[derive(Debug)]
struct Context<S> {
    service: Arc<S>,
    initialized: Arc<AtomicBool>,
    pending: Pending,
}

/// Registers all methods. `initialized` becomes true with the handshake.
pub(super) fn register<S: Service>(
    service: Arc<S>,
    initialized: Arc<AtomicBool>,
    pending: Pending,
) -> Result<Methods, RegisterMethodError> {
    let mut module = RpcModule::new(Context { service, initialized, pending });
    for method in Method::ALL {
        module.register_async_method(method.name(), move |params, context, call| async move {
            context.answer(method, &params, &call).await
        })?;
    }
    Ok(module.into())
}

impl<S: Service> Context<S> {
    async fn answer(&self, method: Method, params: &Params<'_>, call: &Extensions) -> Result<Value, ErrorObjectOwned> {
        let operation = &call.get::<Arc<Operation>>().cloned().unwrap_or_else(|| Arc::new(Operation::unwatched()));
        match method {
            Method::Initialize => self.initialize(&decode(params)?),
            Method::Config => self.configure(decode(params)?).await,
            Method::Action => {
                let action: Action = decode(params)?;
                if action.command.is_empty() {
                    return Err(Code::InvalidParams.says("the member `Command` of the params is missing"));
                }
                self.service.action(action, operation).await.map_err(failed)
            }
            Method::Event => {
                let event: Event = decode(params)?;
                self.service.event(event, operation).await.map_err(failed)
            }
            Method::Cancel => self.cancel(&decode(params)?),
            Method::Stop => Ok(Value::Null),
        }
    }

    fn initialize(&self, params: &Initialize) -> Result<Value, ErrorObjectOwned> {
        if !params.protocol.as_u64().is_some_and(|protocol| PROTOCOLS.contains(&protocol)) {
            let message = format!("protocol {} is not supported", params.protocol);
            return Err(Code::InvalidParams.with_data(message, &json!({ "supported": PROTOCOLS })));
        }
        let definition = self.service.definition();
        let plugin = json!({ "name": definition.name, "version": definition.version });
        if self.initialized.swap(true, Ordering::AcqRel) {
            return Err(Code::InvalidRequest.says("`initialize` was called before; a connection has one handshake"));
        }
        tracing::info!(name = params.server.name, version = params.server.version, "connected with the server");
        Ok(json!({ "protocol": params.protocol, "plugin": plugin, "definition": definition, "events": EVENTS }))
    }

    async fn configure(&self, params: Map<String, Value>) -> Result<Value, ErrorObjectOwned> {
        configure(&*self.service, params).await.map(|()| Value::Null).map_err(failed)
    }

    fn cancel(&self, params: &Cancel) -> Result<Value, ErrorObjectOwned> {
        let id = Id::read(&params.id)
            .ok_or_else(|| Code::InvalidParams.says("the member `id` of the params must be a string or a number"))?;
        if !self.pending.cancel(&id) {
            // It may have ended while the cancel was on its way.
            tracing::debug!(%id, "nothing to cancel: no such request is in flight");
        }
        Ok(Value::Null)
    }
}

/// The params of `initialize`.
#[derive(Deserialize)]
struct Initialize {
    #[serde(default)]
    protocol: Value,
    #[serde(default)]
    server: Server,
}

/// Who calls us; for the log.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Server {
    name: String,
    version: String,
}

/// The params of `cancel`.
#[derive(Deserialize)]
struct Cancel {
    id: Box<RawValue>,
}

/// Decodes params, which are given by name; absent ones are an empty object.
fn decode<T: DeserializeOwned>(params: &Params<'_>) -> Result<T, ErrorObjectOwned> {
    let text = params.as_str().unwrap_or("{}");
    if !text.starts_with('{') {
        return Err(Code::InvalidParams.says("params are given by name, as an object"));
    }
    serde_json::from_str(text)
        .map_err(|error| Code::InvalidParams.says(format!("the params are not as described: {}", wrong_value(&error))))
}
