//! The machines of the proof as a provisioning server knows them, and the kernel line that each must boot with.

use serde_json::{Value, json};

/// The static file server as the machines would reach it.
pub(crate) const PROVISIONER: &str = "http://10.10.10.10:8091";

/// A machine that goes into Sledgehammer.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) uuid: &'static str,
    address: &'static str,
    options: String,
}

impl Node {
    /// The machine of the vendor's document, whose kernel line is known.
    pub(crate) fn documented() -> Self {
        Self { uuid: "bb1eadf9-4b5e-46a7-a577-d07e2a33138f", address: "10.10.10.199", options: String::new() }
    }

    /// One that differs from it in all that is a machine's own.
    pub(crate) fn second() -> Self {
        Self { uuid: "0c4f5ac2-71d6-4be8-9d4e-3a5b1f6e8d20", address: "10.10.10.200", options: String::new() }
    }

    /// The same with Param `kernel-options`.
    pub(crate) fn with_options(self, options: impl Into<String>) -> Self {
        Self { options: options.into(), ..self }
    }

    /// The machine as the server shows it, with its Params and `more` of them.
    pub(crate) fn object(&self, more: Value) -> Value {
        let mut params = json!({
            "boot-virtual-iso": true,
            "kernel-options": self.options,
            "network-data": {"prov": {"address": self.address, "netmask": "255.255.255.0", "gateway": "10.10.10.254",
                                      "interface": "eth10"}},
            "virtual-media/provisioner-url": PROVISIONER,
        });
        if let (Some(params), Value::Object(more)) = (params.as_object_mut(), more) {
            params.extend(more);
        }
        json!({"Uuid": self.uuid, "Name": format!("{}.example.net", self.address), "BootEnv": "local", "Params": params})
    }

    /// The kernel arguments, word for word.
    pub(crate) fn kernel_args(&self) -> String {
        let Self { uuid, address, options } = self;
        let blank = if options.is_empty() { "" } else { " " };
        format!(
            "BOOTIF=discovery rootflags=loop root=live:/sledgehammer.iso rootfstype=auto ro liveimg rd_NO_LUKS \
             rd_NO_MD rd_NO_DM provisioner.web={PROVISIONER} rs.uuid={uuid} provisioner.ip={address}/24 \
             provisioner.gw=10.10.10.254 provisioner.interface=eth10{blank}{options} -- console=ttyS0,115200 \
             console=tty0"
        )
    }
}
