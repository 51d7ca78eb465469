//! The wires by which a provisioning server speaks with the plugin. They know messages and life cycle, and no BMC.

use std::future::Future;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::drp::models::{Action, Error, Event, PluginProvider};
use crate::operation::Operation;

mod call;
pub mod lifecycle;
pub mod log;
pub mod sockets;
pub mod stdio;
mod turns;

/// What a wire needs of the plugin behind it.
///
/// A wire may drop a returned future to cancel it; what was done until then is in the [`Operation`].
///
/// A wire polls `action` and `event` for the first time in the order in which the calls arrived, so work that
/// must keep that order takes its place in a queue before its first await. What arrives after a `configure` is
/// not polled before that has ended.
pub trait Service: Send + Sync + 'static {
    /// The provider's definition; pure and offline.
    fn definition(&self) -> PluginProvider;
    /// Takes the plugin object's parameters; may be called again at any time.
    fn configure(&self, params: Map<String, Value>) -> impl Future<Output = Result<(), Error>> + Send;
    /// Runs one action and answers its result. A failure is logged here, where the machine is known, and not by the wire.
    fn action(&self, action: Action, operation: &Arc<Operation>) -> impl Future<Output = Result<Value, Error>> + Send;
    /// Does what an event asks for and answers its outcome once that work has ended.
    fn event(&self, event: Event, operation: &Arc<Operation>) -> impl Future<Output = Result<Value, Error>> + Send;
    /// Ends what the plugin does without being called, such as listening to the server's events, and waits for the
    /// transitions that are under way. Called once, when no more calls are taken; dropping the future cancels them.
    fn stop(&self) -> impl Future<Output = ()> + Send;
    /// Waits until the plugin cannot go on, such as after the server has refused its token, and says why. The wire then
    /// tells the server that the plugin leaves.
    fn gave_up(&self) -> impl Future<Output = Error> + Send;
}
