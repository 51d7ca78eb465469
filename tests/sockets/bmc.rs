//! A BMC that takes connections and then says nothing: an action on it stays in flight.

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::channel;
use std::thread;

use serde_json::{Value, json};

use crate::client::{ACTION, post};
use crate::host::WATCHDOG;

pub(crate) struct Silent(TcpListener);

impl Silent {
    pub(crate) fn start() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    /// A request for an action on it.
    pub(crate) fn request(&self) -> Vec<u8> {
        post(ACTION, &self.action().to_string())
    }

    pub(crate) fn action(&self) -> Value {
        let port = self.0.local_addr().unwrap().port();
        json!({
            "Command": "powerstatus", "Plugin": "vmedia", "CommandSet": "actions",
            "Model": { "Uuid": "9f0c2a4e-1111-4222-8333-444455556666", "Name": "silent", "Params": {} },
            "Params": {
                "ipmi/mode": "redfish", "ipmi/address": "127.0.0.1", "ipmi/port-redfish": port,
                "ipmi/username": "root", "ipmi/password": "calvin"
            }
        })
    }

    /// Waits until an action has come so far. Dropping the stream breaks its connection.
    pub(crate) fn connection(&self) -> TcpStream {
        let (sender, receiver) = channel();
        let listener = self.0.try_clone().unwrap();
        thread::spawn(move || sender.send(listener.accept().unwrap().0));
        receiver.recv_timeout(WATCHDOG).expect("no action came to the BMC")
    }
}

/// Waits until the plugin has closed a BMC's connection.
pub(crate) fn is_closed_by_the_plugin(mut connection: TcpStream) {
    connection.set_read_timeout(Some(WATCHDOG)).unwrap();
    let mut rest = Vec::new();
    // A reset is an end as well; running out of time is not.
    if let Err(error) = connection.read_to_end(&mut rest) {
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "the connection stays");
    }
}
