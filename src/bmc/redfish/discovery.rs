//! What this BMC is and where its things are: links are followed, paths are never built (rule R1).

use std::collections::BTreeMap;

use serde_json::Value;
use tracing::debug;

use super::client::Client;
use super::value::Resource;
use super::vendors::{Vendor, is_megarac};
use crate::bmc::error::{Error, Kind};
use crate::bmc::target::Fingerprint;

/// No BMC has more systems or managers than this, and a tree that claims so is not walked for ever.
const MOST: usize = 16;

/// Where the systems are on every service (the schema `ComputerSystemCollection` has this one URI), so that the service root
/// need not be asked for the link.
const SYSTEMS: &str = "/redfish/v1/Systems";

/// The resources that say what a BMC is, as they were when they were read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Platform {
    /// The service root; empty before the BMC is recognised.
    pub(crate) root: Resource,
    /// The system that can be reset; NVIDIA trees list a board without a reset before it.
    pub(crate) system: Resource,
    /// The managers of that system, in its own order; empty before they were needed.
    pub(crate) managers: Vec<Resource>,
    /// Whether the managers were read: there may be none.
    pub(crate) knows_managers: bool,
    /// Whether the root was read as well, which is all there is to recognise a BMC by.
    pub(crate) is_recognised: bool,
    /// The slots for CDs in the collections of virtual media that were read, by the collection's path.
    pub(crate) slots: BTreeMap<String, Vec<String>>,
    /// What inserts take, by the path of the `ActionInfo` that says so.
    pub(crate) insert_infos: BTreeMap<String, Resource>,
    /// The slot that an image was last seen in, which is the first to be looked at.
    pub(crate) slot_in_use: Option<String>,
    /// SHA-256 of the certificate that the BMC showed meanwhile.
    pub(crate) fingerprint: Option<Fingerprint>,
}

impl Platform {
    /// Finds the system, and asks for nothing else.
    pub(crate) async fn find(client: &mut Client) -> Result<Self, Error> {
        let mut platform = Self::default();
        let mut members = client.find(SYSTEMS).await?.map(|collection| collection.members()).unwrap_or_default();
        if members.is_empty() {
            platform.root = client.root().await?;
            members = systems(client, &platform.root).await?;
        }
        platform.system = system(client, &members).await?;
        Ok(platform)
    }

    /// Reads what is not known yet of all that a BMC is recognised by.
    pub(crate) async fn recognise(&mut self, client: &mut Client) -> Result<(), Error> {
        if self.root.path.is_empty() {
            self.root = client.root().await?;
        }
        self.read_managers(client).await?;
        self.is_recognised = true;
        Ok(())
    }

    /// Reads the system's managers, unless they are known.
    pub(crate) async fn read_managers(&mut self, client: &mut Client) -> Result<(), Error> {
        if self.knows_managers {
            return Ok(());
        }
        let mut paths = self.system.links("Links/ManagedBy");
        if paths.is_empty() {
            if self.root.path.is_empty() {
                self.root = client.root().await?;
            }
            if let Some(managers) = self.root.link("Managers") {
                paths = client.find(&managers).await?.map(|collection| collection.members()).unwrap_or_default();
            }
        }
        for path in paths.iter().take(MOST) {
            match client.find(path).await {
                Ok(found) => self.managers.extend(found),
                Err(error) if error.is_final() => return Err(error),
                Err(error) => debug!(%error, "a manager that cannot be read is passed over"),
            }
        }
        self.knows_managers = true;
        Ok(())
    }

    /// The manager that has virtual media, else the first.
    pub(crate) fn manager(&self) -> Option<&Resource> {
        let with_media = self.managers.iter().find(|manager| manager.link("VirtualMedia").is_some());
        with_media.or_else(|| self.managers.first())
    }

    /// The manager's model, such as `15G Monolithic` or `iLO 5`.
    pub(crate) fn model(&self) -> String {
        self.manager().and_then(|manager| manager.text("Model")).unwrap_or_default()
    }

    /// The manager's firmware version as it names it.
    pub(crate) fn firmware(&self) -> String {
        self.manager().and_then(|manager| manager.text("FirmwareVersion")).unwrap_or_default()
    }

    /// The numbers of the firmware version, for comparison.
    pub(crate) fn firmware_numbers(&self) -> Vec<u32> {
        numbers(&self.firmware())
    }

    /// The vendor: as the root names itself, else by its OEM sections, its product, the manager, the system
    /// (the order of libredfish's `service_root.rs` and community.general's `_get_vendor`). A manager that calls itself
    /// `OpenBmc` is one whoever sells it: Supermicro and Cisco do, under their own names in the root. So is a `MegaRAC`:
    /// Lenovo sells one as TSM.
    pub(crate) fn vendor(&self) -> Vendor {
        if Vendor::recognised_in(&self.model()) == Some(Vendor::OpenBmc) {
            return Vendor::OpenBmc;
        }
        let manager = self.manager();
        if is_megarac(&self.root) || manager.is_some_and(is_megarac) {
            return Vendor::Ami;
        }
        let oem = |resource: &Resource| {
            let sections = resource.at("Oem").and_then(Value::as_object);
            sections.into_iter().flat_map(|sections| sections.keys().cloned()).collect::<Vec<_>>()
        };
        let mut words = vec![self.root.text("Vendor").unwrap_or_default()];
        words.extend(oem(&self.root));
        words.extend(self.root.text("Product"));
        words.extend(manager.and_then(|manager| manager.text("Model")));
        words.extend(manager.map(&oem).unwrap_or_default());
        words.extend(self.system.text("Manufacturer"));
        words.iter().find_map(|word| Vendor::recognised_in(word)).unwrap_or(Vendor::Generic)
    }

    /// The maker as the BMC names it, for people.
    pub(crate) fn maker(&self) -> String {
        let oem = self.root.at("Oem").and_then(Value::as_object).and_then(|sections| sections.keys().next().cloned());
        self.root.text("Vendor").or(oem).or_else(|| self.system.text("Manufacturer")).unwrap_or_default()
    }
}

/// The systems that the service root leads to.
async fn systems(client: &mut Client, root: &Resource) -> Result<Vec<String>, Error> {
    let Some(path) = root.link("Systems") else {
        return Err(client
            .error(Kind::Unsupported, "has a Redfish service without Systems")
            .advise("it may be a switch or a chassis manager: give the address of the machine's own BMC")
            .finally());
    };
    let members = client.get(&path).await?.members();
    if members.is_empty() {
        return Err(client.error(Kind::Unsupported, format!("lists no system in {path}")));
    }
    Ok(members)
}

/// The first system that can be reset, else the first that can be read.
async fn system(client: &mut Client, members: &[String]) -> Result<Resource, Error> {
    let mut first = None;
    let mut unreadable = None;
    for path in members.iter().take(MOST) {
        match client.get(path).await {
            Ok(system) if resets(&system) => return Ok(system),
            Ok(system) => first = first.or(Some(system)),
            Err(error) if error.is_final() => return Err(error),
            Err(error) => unreadable = unreadable.or(Some(error)),
        }
    }
    match (first, unreadable) {
        (Some(system), _) => Ok(system),
        (None, Some(error)) => Err(error),
        (None, None) => Err(client.error(Kind::Unsupported, "lists systems and has none of them")),
    }
}

fn resets(system: &Resource) -> bool {
    system.at("Actions/#ComputerSystem.Reset").is_some()
}

/// The numbers in a version, such as `[2, 72]` of `iLO 5 v2.72`: the first word that starts with a digit and holds a dot.
fn numbers(version: &str) -> Vec<u32> {
    let word = version
        .split_whitespace()
        .map(|word| word.trim_start_matches(['v', 'V']))
        .find(|word| word.contains('.') && word.starts_with(|c: char| c.is_ascii_digit()));
    word.unwrap_or_default().split('.').map_while(|number| number.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::{Platform, numbers};
    use crate::bmc::redfish::Vendor;
    use crate::bmc::redfish::value::tests::{any_json, resource};

    #[test]
    fn versions_of_every_spelling_are_compared_by_their_numbers() {
        assert_eq!(numbers("6.00.30.00"), [6, 0, 30, 0]);
        assert_eq!(numbers("iLO 5 v2.72"), [2, 72]);
        assert_eq!(numbers("TGBT42S 2.83 20230101"), [2, 83]);
        assert!(numbers("unknown").is_empty() && numbers("").is_empty());
    }

    #[test]
    fn the_vendor_is_found_where_each_generation_names_it() {
        let platform = |root, manager, system| Platform {
            root: resource(root),
            system: resource(system),
            managers: vec![resource(manager)],
            ..Platform::default()
        };
        let none = || json!({});
        let switched_on_first = || json!({"Actions": {"Oem": {"#VirtualMedia.EnableRMedia": {"target": "/x"}}}});
        for (platform, vendor) in [
            (platform(json!({"Vendor": "Dell", "Oem": {"Dell": {}}}), none(), none()), Vendor::Dell),
            (platform(json!({"Product": "Integrated Dell Remote Access Controller"}), none(), none()), Vendor::Dell),
            (platform(json!({"Vendor": "HPE", "Product": "ProLiant DL385 Gen10"}), none(), none()), Vendor::Hpe),
            (platform(json!({"Oem": {"Hp": {}}}), none(), none()), Vendor::Hpe),
            (platform(none(), json!({"Model": "iLO 5"}), none()), Vendor::Hpe),
            (platform(none(), none(), json!({"Manufacturer": "Dell Inc."})), Vendor::Dell),
            (platform(json!({"Vendor": "AMI", "Product": "AMI Redfish Server"}), none(), none()), Vendor::Ami),
            (platform(json!({"Oem": {"Ami": {}}}), none(), json!({"Manufacturer": "NVIDIA"})), Vendor::Ami),
            (platform(none(), json!({"Model": "43553231270"}), json!({"Manufacturer": "GIGABYTE"})), Vendor::Ami),
            (platform(none(), json!({"Model": "OpenBmc"}), none()), Vendor::OpenBmc),
            (platform(json!({"Oem": {"Cisco": {}}}), none(), none()), Vendor::Cisco),
            (platform(none(), none(), json!({"Manufacturer": "Cisco Systems Inc"})), Vendor::Cisco),
            (platform(json!({"Vendor": "Dell"}), json!({"Model": "OpenBmc"}), none()), Vendor::OpenBmc),
            (platform(json!({"Vendor": "NVIDIA", "Product": "GB200 NVL"}), none(), none()), Vendor::OpenBmc),
            (platform(json!({"Vendor": "Lenovo", "Oem": {"Lenovo": {}}}), none(), none()), Vendor::Lenovo),
            (platform(none(), json!({"Model": "Lenovo XClarity Controller"}), none()), Vendor::Lenovo),
            (platform(json!({"Vendor": "Lenovo", "Oem": {"Ami": {}}}), none(), none()), Vendor::Ami),
            (platform(json!({"Vendor": "Lenovo"}), json!({"Oem": {"Ami": {"VirtualMedia": {}}}}), none()), Vendor::Ami),
            (platform(none(), switched_on_first(), json!({"Manufacturer": "Lenovo"})), Vendor::Ami),
            (platform(json!({"Oem": {"Supermicro": {}}}), none(), none()), Vendor::Supermicro),
            (platform(none(), json!({"Model": "ASPEED"}), json!({"Manufacturer": "Supermicro"})), Vendor::Supermicro),
            (platform(none(), none(), json!({"Manufacturer": "Sushy Emulator"})), Vendor::Generic),
        ] {
            assert_eq!(platform.vendor(), vendor, "{:?}", platform.root.body);
        }
    }

    proptest! {
        #[test]
        fn any_tree_is_classified_without_panic(root in any_json(), manager in any_json(), system in any_json()) {
            let platform = Platform { root: resource(root), system: resource(system), managers: vec![resource(manager)], ..Platform::default() };
            let _read = (platform.vendor(), platform.maker(), platform.model(), platform.firmware_numbers());
        }
    }
}
