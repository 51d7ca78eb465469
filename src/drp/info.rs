//! What a server says of itself: `GET /info`.

use serde::Deserialize;
use serde_json::Value;
use url::Url;

/// models.Info, as far as it concerns us.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Info {
    /// Such as `v4.8.0`.
    pub version: String,
    /// The server's address as it chose it itself; a server with several has others too.
    pub address: String,
    /// The port of the static file server; 0 where that is off.
    pub file_port: u16,
    /// What this server can do, by name.
    pub features: Vec<String>,
    /// Whether it is one of several that stand in for each other.
    pub ha_enabled: bool,
    /// The address that whichever of them is active answers at.
    pub ha_virtual_address: String,
}

impl Info {
    /// Reads an answer of `GET /info`: absent and null fields are empty, unknown ones ignored.
    ///
    /// # Errors
    /// It is no object, or a field has another type.
    pub fn from_json(object: Value) -> Result<Self, serde_json::Error> {
        super::models::read(object)
    }

    /// Whether the server has a feature, such as `virtual-media-boot`.
    #[must_use]
    pub fn has(&self, feature: &str) -> bool {
        self.features.iter().any(|own| own == feature)
    }

    /// The static file server as the server itself would name it; `None` where it has none.
    #[must_use]
    pub fn file_server(&self) -> Option<Url> {
        let is_shared = self.ha_enabled && !self.ha_virtual_address.is_empty();
        let address = if is_shared { &self.ha_virtual_address } else { &self.address };
        if self.file_port == 0 || address.is_empty() {
            return None;
        }
        // A virtual address may come with the length of its network.
        let address = address.split('/').next().unwrap_or_default();
        let host = if address.contains(':') { format!("[{address}]") } else { address.to_owned() };
        Url::parse(&format!("http://{host}:{}", self.file_port)).ok()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Info;

    fn info(object: Value) -> Info {
        Info::from_json(object).unwrap()
    }

    #[test]
    fn a_server_says_what_it_can_do_and_where_its_files_are() {
        let info = info(json!({"arch": "amd64", "version": "v4.8.0", "address": "10.0.0.5", "file_port": 8091,
                               "features": ["sprig", "virtual-media-boot"], "errors": null, "License": {}}));
        assert!(info.has("virtual-media-boot") && !info.has("virtual-media"));
        assert_eq!(info.file_server().unwrap().as_str(), "http://10.0.0.5:8091/");
    }

    #[test]
    fn the_virtual_address_counts_where_servers_stand_in_for_each_other() {
        let ha =
            json!({"address": "10.0.0.5", "file_port": 8091, "ha_enabled": true, "ha_virtual_address": "10.0.0.9/24"});
        assert_eq!(info(ha).file_server().unwrap().as_str(), "http://10.0.0.9:8091/");
        let v6 = json!({"address": "fd00::5", "file_port": 80, "ha_virtual_address": "10.0.0.9"});
        assert_eq!(info(v6).file_server().unwrap().as_str(), "http://[fd00::5]/");
    }

    #[test]
    fn an_old_or_closed_server_has_no_features_and_no_files() {
        for object in [json!({}), json!({"features": null, "address": "10.0.0.5", "file_port": 0})] {
            let info = info(object);
            assert!(!info.has("sprig") && info.file_server().is_none());
        }
    }
}
