//! Sledgehammer's kernel command line, in the order in which its own template writes it.

use url::Url;

use super::params::{KERNEL_CONSOLE, KERNEL_OPTIONS, ParamError, unusable};
use super::{KernelArgs, MachineUuid, Params, ProvisioningNetwork};

/// What Sledgehammer's initrd wants on every machine. `BOOTIF=discovery` comes first because the initrd takes the first
/// `BOOTIF=`, and there is no boot interface when no loader came over the network.
const FIXED: &str = "BOOTIF=discovery rootflags=loop root=live:/sledgehammer.iso rootfstype=auto ro liveimg \
                     rd_NO_LUKS rd_NO_MD rd_NO_DM";

/// The default of the server's parameter `kernel-console`.
pub(super) const DEFAULT_CONSOLE: &str = "console=ttyS0,115200 console=tty0";

/// Renders the machine's kernel arguments. `provisioner_url` is the static file server as the machine reaches it.
///
/// # Errors
/// A parameter has the wrong type, or holds what no kernel line may hold.
pub fn sledgehammer_args(
    machine: MachineUuid,
    params: &Params,
    provisioner_url: &Url,
) -> Result<KernelArgs, ParamError> {
    let network = ProvisioningNetwork::from_params(params)?;
    let web = provisioner_url.as_str().trim_end_matches('/');
    let mut line = Line(verbatim("the fixed arguments", FIXED)?);
    line.pair("provisioner.web", Some(web))?;
    line.pair("rs.uuid", Some(&machine.to_string()))?;
    line.pair("provisioner.ip", network.ip.as_deref())?;
    line.pair("provisioner.gw", network.gateway.as_deref())?;
    line.pair("provisioner.interface", network.interface.as_deref())?;
    line.pair("provisioner.vlan", network.vlan.as_deref())?;
    line.pair("provisioner.mtu", network.mtu.as_deref())?;
    line.pair("provisioner.dns", network.dns.as_deref())?;
    line.0.extend(verbatim(KERNEL_OPTIONS, params.text(KERNEL_OPTIONS)?.unwrap_or_default())?);
    line.0.extend(verbatim("the separator", "--")?);
    line.0.extend(verbatim(KERNEL_CONSOLE, params.text(KERNEL_CONSOLE)?.unwrap_or(DEFAULT_CONSOLE))?);
    Ok(line.0)
}

struct Line(KernelArgs);

impl Line {
    fn pair(&mut self, key: &'static str, value: Option<&str>) -> Result<(), ParamError> {
        let Some(value) = value else { return Ok(()) };
        self.0.push(&format!("{key}={value}")).map_err(|error| unusable(key, value, &error.to_string()))
    }
}

fn verbatim(name: &'static str, line: &str) -> Result<KernelArgs, ParamError> {
    KernelArgs::parse(line).map_err(|error| unusable(name, line.escape_debug(), &error.to_string()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use url::Url;

    use super::sledgehammer_args;
    use crate::machine::{MachineUuid, Params};

    const UUID: &str = "bb1eadf9-4b5e-46a7-a577-d07e2a33138f";

    fn line(params: &Value) -> Result<String, String> {
        let url = Url::parse("http://10.10.10.10:8091").unwrap();
        let params = Params::new(params.as_object().unwrap().clone());
        sledgehammer_args(MachineUuid::parse(UUID).unwrap(), &params, &url)
            .map(|args| args.to_string())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_machine_of_the_vendors_document_gets_its_line() {
        let prov = json!({"address": "10.10.10.199", "netmask": "255.255.255.0", "gateway": "10.10.10.254",
                          "interface": "eth10"});
        assert_eq!(
            line(&json!({"network-data": {"prov": prov}})).unwrap(),
            "BOOTIF=discovery rootflags=loop root=live:/sledgehammer.iso rootfstype=auto ro liveimg rd_NO_LUKS \
             rd_NO_MD rd_NO_DM provisioner.web=http://10.10.10.10:8091 \
             rs.uuid=bb1eadf9-4b5e-46a7-a577-d07e2a33138f provisioner.ip=10.10.10.199/24 \
             provisioner.gw=10.10.10.254 provisioner.interface=eth10 -- console=ttyS0,115200 console=tty0"
        );
    }

    #[test]
    fn every_optional_argument_has_its_place() {
        let params = json!({
            "network-data": {"prov": {"address": "10.0.0.21", "netmask": "255.255.255.0", "gateway": "10.0.0.1",
                                      "interface": "eth1,eth2", "vlan": "20", "mtu": 9000}},
            "dns-servers": ["10.0.0.2"], "kernel-options": " acpi=off\n nosmt ", "kernel-console": "console=ttyS1,115200",
        });
        let line = line(&params).unwrap();
        let tail = line.split_once("rs.uuid=").unwrap().1.split_once(' ').unwrap().1;
        assert_eq!(
            tail,
            "provisioner.ip=10.0.0.21/24 provisioner.gw=10.0.0.1 provisioner.interface=eth1,eth2 \
             provisioner.vlan=20 provisioner.mtu=9000 provisioner.dns=10.0.0.2 acpi=off nosmt -- \
             console=ttyS1,115200"
        );
    }

    #[test]
    fn an_unusable_option_names_its_parameter() {
        let error = line(&json!({"kernel-options": "a\\b"})).unwrap_err();
        assert!(error.contains("kernel-options") && error.contains("backslash"), "{error}");
    }

    fn any_leaf() -> impl Strategy<Value = Value> {
        prop_oneof![
            any::<i64>().prop_map(Value::from),
            "[ -~\\n\\t]{0,20}".prop_map(Value::from),
            "[a-z0-9.,:]{0,20}( rd.break|\\n linux /x|;reboot)?".prop_map(Value::from),
        ]
    }

    proptest! {
        /// The only words that a Param can add are the ones of the free-form parameters, and each keyed word holds one value.
        #[test]
        fn no_network_value_adds_an_argument(
            address in any_leaf(), netmask in any_leaf(), gateway in any_leaf(), interface in any_leaf(),
            vlan in any_leaf(), mtu in any_leaf(), dns in any_leaf(),
        ) {
            let prov = json!({"address": address, "netmask": netmask, "gateway": gateway, "interface": interface,
                              "vlan": vlan, "mtu": mtu});
            if let Ok(line) = line(&json!({"network-data": {"prov": prov}, "dns-servers": [dns]})) {
                let expected = ["BOOTIF", "rootflags", "root", "rootfstype", "ro", "liveimg", "rd_NO_LUKS", "rd_NO_MD",
                    "rd_NO_DM", "provisioner.web", "rs.uuid", "provisioner.ip", "provisioner.gw",
                    "provisioner.interface", "provisioner.vlan", "provisioner.mtu", "provisioner.dns", "--", "console"];
                for word in line.split(' ') {
                    let key = word.split_once('=').map_or(word, |(key, _)| key);
                    prop_assert!(expected.contains(&key), "{} in {}", key, line);
                }
            }
        }
    }
}
