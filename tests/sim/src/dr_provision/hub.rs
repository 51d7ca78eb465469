//! Where events go: to the log of the tests and to each websocket that registered for them.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::selector::Selector;

/// Events that are kept to be looked at.
const KEPT: usize = 10_000;

/// The listeners and what they were told. It lives beside the objects, under the same lock: events leave in the order of
/// the changes.
#[derive(Default)]
pub(super) struct Hub {
    listeners: BTreeMap<u64, Listener>,
    next: u64,
    events: VecDeque<Value>,
    /// Whether nobody is told: an event is lost, and never told again (drp-protocol 5.2: no replay).
    pub(super) dropping: bool,
}

struct Listener {
    selectors: Vec<Selector>,
    sender: mpsc::UnboundedSender<String>,
}

impl Hub {
    /// Adds a listener that has registered for nothing; it gets frames by the receiver.
    pub(super) fn listen(&mut self) -> (u64, mpsc::UnboundedReceiver<String>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.next += 1;
        self.listeners.insert(self.next, Listener { selectors: Vec::new(), sender });
        (self.next, receiver)
    }

    pub(super) fn leave(&mut self, listener: u64) {
        self.listeners.remove(&listener);
    }

    /// Takes a frame of a listener's. Each register and deregister is told back as one event of Type `websocket`; the
    /// client counts those and looks no further (drp-protocol 5.2), so its other fields are our guess.
    pub(super) fn command(&mut self, listener: u64, frame: &str) {
        let Some(listener) = self.listeners.get_mut(&listener) else { return };
        let Some((verb, selector)) = frame.trim().split_once(' ') else { return };
        let Some(selector) = Selector::parse(selector.trim()) else { return };
        match verb {
            "register" => listener.selectors.push(selector.clone()),
            "deregister" => listener.selectors.retain(|known| known.text() != selector.text()),
            _ => return,
        }
        let told = event("websocket", verb, selector.text(), "websocket", &Value::Null, &Value::Null);
        // It may have left; its task tells.
        let _ = listener.sender.send(told.to_string());
    }

    /// Tells an event to everyone who registered for it.
    pub(super) fn publish(&mut self, event: Value) {
        if !self.dropping {
            let text = event.to_string();
            for listener in self.listeners.values() {
                if listener.selectors.iter().any(|selector| selector.takes(&event)) {
                    // It may have left; its task tells.
                    let _ = listener.sender.send(text.clone());
                }
            }
        }
        if self.events.len() == KEPT {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    /// The last events, oldest first, dropped ones among them.
    pub(super) fn events(&self) -> Vec<Value> {
        self.events.iter().cloned().collect()
    }

    /// What is registered at this time, by all listeners.
    pub(super) fn registered(&self) -> Vec<String> {
        let selectors = self.listeners.values().flat_map(|listener| &listener.selectors);
        selectors.map(|selector| selector.text().to_owned()).collect()
    }
}

/// An event (drp-protocol 5.1).
pub(super) fn event(kind: &str, action: &str, key: &str, principal: &str, object: &Value, original: &Value) -> Value {
    json!({
        "Time": Timestamp::now().to_string(), "Type": kind, "Action": action, "Key": key, "Principal": principal,
        "Object": object, "Original": original
    })
}
