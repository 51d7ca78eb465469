//! The provisioning network of a machine: key `prov` of the parameter `network-data`.
//!
//! The schema says strings, but its check is misspelled and lets other shapes through, so numbers count as their
//! text. Each value is one kernel argument's, hence each is checked to be what its name says.

use std::net::IpAddr;

use ipnet::ip_mask_to_prefix;
use serde_json::{Map, Value};

use super::Params;
use super::params::{DNS_SERVERS, NETWORK_DATA, ParamError, type_name, unusable, wrong_type};

/// What the kernel line says about the network, each as text; `Some("")` where the key is there and empty, because the
/// server's own template tests for the key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProvisioningNetwork {
    /// `address/prefix`, where both the address and the netmask are given.
    pub ip: Option<String>,
    /// The default route's next hop.
    pub gateway: Option<String>,
    /// One interface, or several to try, separated by commas.
    pub interface: Option<String>,
    /// The 802.1Q identifier.
    pub vlan: Option<String>,
    /// The interface's MTU.
    pub mtu: Option<String>,
    /// The first of `dns-servers`.
    pub dns: Option<String>,
}

impl ProvisioningNetwork {
    /// Reads `network-data` and `dns-servers`.
    ///
    /// # Errors
    /// A value has the wrong type or is not what its name says.
    pub fn from_params(params: &Params) -> Result<Self, ParamError> {
        let dns = first_dns_server(params)?;
        let Some(data) = params.value(NETWORK_DATA) else { return Ok(Self { dns, ..Self::default() }) };
        let networks = data.as_object().ok_or_else(|| wrong_type(NETWORK_DATA, "an object", data))?;
        let prov = match networks.get("prov") {
            None | Some(Value::Null) => return Ok(Self { dns, ..Self::default() }),
            Some(Value::Object(prov)) => Prov(prov),
            Some(other) => return Err(wrong_type(format!("{NETWORK_DATA}.prov"), "an object", other)),
        };
        Ok(Self {
            ip: prov.address_with_prefix()?,
            gateway: prov.checked("gateway", "it is no IP address", |text| text.parse::<IpAddr>().is_ok())?,
            interface: prov.checked("interface", "it is no list of interface names", is_interface_list)?,
            vlan: prov.checked("vlan", "it is no VLAN number from 1 to 4094", |text| is_number(text, 1, 4094))?,
            mtu: prov.checked("mtu", "it is no MTU from 68 to 65535", |text| is_number(text, 68, 65_535))?,
            dns,
        })
    }
}

struct Prov<'a>(&'a Map<String, Value>);

impl Prov<'_> {
    fn text(&self, key: &str) -> Result<Option<String>, ParamError> {
        match self.0.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.trim().to_owned())),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(other) => Err(wrong_type(place(key), "a string", other)),
        }
    }

    /// The text of `key`, which is empty or passes `check`.
    fn checked(&self, key: &str, reason: &str, check: fn(&str) -> bool) -> Result<Option<String>, ParamError> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        // The 4.6 document shows interface names in quotes of their own.
        let text = text.trim_matches('"').to_owned();
        if text.is_empty() || check(&text) { Ok(Some(text)) } else { Err(unusable(place(key), text, reason)) }
    }

    fn address_with_prefix(&self) -> Result<Option<String>, ParamError> {
        let filled = |key| Ok(self.text(key)?.filter(|text| !text.is_empty()));
        let (Some(address), Some(netmask)) = (filled("address")?, filled("netmask")?) else { return Ok(None) };
        let ip: IpAddr = parse_ip("address", &address)?;
        let mask: IpAddr = parse_ip("netmask", &netmask)?;
        if ip.is_ipv4() != mask.is_ipv4() {
            return Err(unusable(place("netmask"), netmask, "it is of another family than the address"));
        }
        let prefix = ip_mask_to_prefix(mask)
            .map_err(|_| unusable(place("netmask"), netmask, "its one bits are not all in front"))?;
        Ok(Some(format!("{ip}/{prefix}")))
    }
}

fn parse_ip(key: &str, text: &str) -> Result<IpAddr, ParamError> {
    text.parse().map_err(|_| unusable(place(key), text, "it is no IP address"))
}

/// The template takes `first` of the list; an empty list gives nothing to write.
fn first_dns_server(params: &Params) -> Result<Option<String>, ParamError> {
    let Some(servers) = params.value(DNS_SERVERS) else { return Ok(None) };
    let list = servers.as_array().ok_or_else(|| wrong_type(DNS_SERVERS, "a list", servers))?;
    let Some(first) = list.first() else { return Ok(None) };
    let text = first.as_str().ok_or(ParamError::Type {
        name: format!("{DNS_SERVERS}[0]"),
        expected: "a string",
        found: type_name(first),
    })?;
    match text.parse::<IpAddr>() {
        Ok(ip) => Ok(Some(ip.to_string())),
        Err(_) => Err(unusable(format!("{DNS_SERVERS}[0]"), text, "it is no IP address")),
    }
}

fn place(key: &str) -> String {
    format!("{NETWORK_DATA}.prov.{key}")
}

/// Names of at most 15 bytes (Linux `IFNAMSIZ`), separated by commas.
fn is_interface_list(text: &str) -> bool {
    let is_name = |name: &str| {
        (1..=15).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-@:".contains(&b))
    };
    text.split(',').all(is_name)
}

fn is_number(text: &str, low: u32, high: u32) -> bool {
    text.bytes().all(|b| b.is_ascii_digit()) && text.parse().is_ok_and(|number| (low..=high).contains(&number))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::ProvisioningNetwork;
    use crate::machine::Params;

    fn read(prov: &Value) -> Result<ProvisioningNetwork, String> {
        let params = json!({"network-data": {"prov": prov}, "dns-servers": ["10.0.0.2", "10.0.0.3"]});
        ProvisioningNetwork::from_params(&Params::new(params.as_object().unwrap().clone()))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn numbers_count_as_their_text() {
        let network = read(&json!({"vlan": 20, "mtu": "9000"})).unwrap();
        assert_eq!((network.vlan.as_deref(), network.mtu.as_deref()), (Some("20"), Some("9000")));
        assert_eq!(network.dns.as_deref(), Some("10.0.0.2"));
    }

    #[test]
    fn the_address_needs_its_netmask_and_other_keys_count_when_empty() {
        let network = read(&json!({"address": "10.0.0.21", "gateway": "", "interface": "\"eth10\""})).unwrap();
        assert_eq!(network.ip, None);
        assert_eq!(network.gateway.as_deref(), Some(""));
        assert_eq!(network.interface.as_deref(), Some("eth10"));
    }

    #[test]
    fn prefixes_come_from_netmasks_of_both_families() {
        for (address, netmask, expected) in [
            ("10.0.0.21", "255.255.252.0", "10.0.0.21/22"),
            ("10.0.0.21", "0.0.0.0", "10.0.0.21/0"),
            ("fd00::5", "ffff:ffff:ffff:ffff::", "fd00::5/64"),
        ] {
            let network = read(&json!({"address": address, "netmask": netmask})).unwrap();
            assert_eq!(network.ip.as_deref(), Some(expected));
        }
    }

    #[test]
    fn a_value_that_is_not_what_its_name_says_is_refused_with_its_place() {
        for (prov, place) in [
            (json!({"address": "10.0.0.1", "netmask": "255.0.255.0"}), "prov.netmask"),
            (json!({"address": "10.0.0.1", "netmask": "24"}), "prov.netmask"),
            (json!({"address": "10.0.0.1", "netmask": "ffff::"}), "prov.netmask"),
            (json!({"address": "here", "netmask": "255.0.0.0"}), "prov.address"),
            (json!({"gateway": "10.0.0.1 rd.break"}), "prov.gateway"),
            (json!({"interface": "eth0;reboot"}), "prov.interface"),
            (json!({"interface": "eth0, eth1"}), "prov.interface"),
            (json!({"vlan": "4095"}), "prov.vlan"),
            (json!({"vlan": "+5"}), "prov.vlan"),
            (json!({"mtu": true}), "prov.mtu"),
            (json!([]), "network-data.prov"),
        ] {
            let error = read(&prov).unwrap_err();
            assert!(error.contains(place), "{error}");
        }
    }
}
