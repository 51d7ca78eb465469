//! What a BMC describes of its machine: firmware settings, memory, processors, storage, network, boot options.
//!
//! Each section is a resource or a collection below the system. Its members are of one kind: an id, a name, a health, and
//! a link of their own that leads further. That is what a client has to follow, and to leave alone.

use serde_json::{Map, Value, json};

use super::call::{Act, Call};
use super::machine::Machine;
use super::message::Refusal;
use super::profile::Profile;
use super::resources::{collection, link, uri};
use super::route::read;

/// What a BMC shows of its machine, and how.
#[derive(Clone, Copy, Debug)]
pub struct Inventory {
    /// Linked from the system under the schema's names.
    pub linked: &'static [Section],
    /// Linked from the vendor's own part of the system, under the vendor's names.
    pub oem_linked: &'static [(&'static str, Section)],
    /// Whether collections come whole where a client asks for that.
    pub expand: Expand,
}

/// `$expand`, as the root announces it and as it works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expand {
    /// Not announced; a query is not looked at.
    No,
    /// `$expand=.` alone.
    Flat,
    /// `$expand=.($levels=1)` too.
    WithLevels,
    /// Announced, and refused (`check_redfish#20`, a Fujitsu).
    Refused,
    /// Announced, and answered with links all the same; believed.
    Ignored,
    /// Announced, and answered with members that lack what they should have (nv-redfish `bmc_quirks.rs`, AMI).
    Lossy,
}

/// A part of the description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// `Bios`
    Bios,
    /// `SecureBoot`
    SecureBoot,
    /// `Memory`
    Memory,
    /// `Processors`
    Processors,
    /// `Storage`
    Storage,
    /// `SimpleStorage`
    SimpleStorage,
    /// `NetworkInterfaces`
    NetworkInterfaces,
    /// `EthernetInterfaces`
    EthernetInterfaces,
    /// `BootOptions`, linked from `Boot`.
    BootOptions,
}

impl Section {
    /// Every one.
    pub const ALL: &[Section] = &[
        Section::Bios,
        Section::SecureBoot,
        Section::Memory,
        Section::Processors,
        Section::Storage,
        Section::SimpleStorage,
        Section::NetworkInterfaces,
        Section::EthernetInterfaces,
        Section::BootOptions,
    ];
    /// All but `BootOptions`.
    pub const WITHOUT_BOOT_OPTIONS: &[Section] = &[
        Section::Bios,
        Section::SecureBoot,
        Section::Memory,
        Section::Processors,
        Section::Storage,
        Section::SimpleStorage,
        Section::NetworkInterfaces,
        Section::EthernetInterfaces,
    ];
    /// All but `SimpleStorage`.
    pub const WITHOUT_SIMPLE_STORAGE: &[Section] = &[
        Section::Bios,
        Section::SecureBoot,
        Section::Memory,
        Section::Processors,
        Section::Storage,
        Section::NetworkInterfaces,
        Section::EthernetInterfaces,
        Section::BootOptions,
    ];

    /// The schema's name of the link, which is the last part of the path too.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Section::Bios => "Bios",
            Section::SecureBoot => "SecureBoot",
            Section::Memory => "Memory",
            Section::Processors => "Processors",
            Section::Storage => "Storage",
            Section::SimpleStorage => "SimpleStorage",
            Section::NetworkInterfaces => "NetworkInterfaces",
            Section::EthernetInterfaces => "EthernetInterfaces",
            Section::BootOptions => "BootOptions",
        }
    }

    /// The ids of its members with their healths; none: it is one resource.
    const fn members(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Section::Bios | Section::SecureBoot => &[],
            Section::Memory => &[("DIMM.A1", "OK"), ("DIMM.A2", "OK"), ("DIMM.B1", "OK")],
            Section::Processors => &[("CPU.1", "OK"), ("CPU.2", "OK")],
            Section::Storage => &[("RAID.1", "Warning"), ("AHCI.1", "OK")],
            Section::SimpleStorage => &[("AHCI.1", "OK")],
            Section::NetworkInterfaces => &[("NIC.1", "OK")],
            Section::EthernetInterfaces => &[("NIC.1-1", "OK"), ("NIC.1-2", "Critical")],
            Section::BootOptions => &[("Boot0001", "OK"), ("Boot0002", "OK")],
        }
    }
}

/// `ProtocolFeaturesSupported` of the root.
pub(super) fn features(profile: &Profile) -> Option<Value> {
    let levels = match profile.inventory.expand {
        Expand::No => return None,
        Expand::Flat => false,
        Expand::WithLevels | Expand::Refused | Expand::Ignored | Expand::Lossy => true,
    };
    Some(
        json!({"ExpandQuery": {"ExpandAll": false, "Levels": levels, "Links": false, "MaxLevels": 1, "NoLinks": true}}),
    )
}

/// Links from the system to what it shows.
pub(super) fn link_from_system(profile: &Profile, body: &mut Value) {
    for section in profile.inventory.linked {
        let path = link(profile, &format!("Systems/{}/{}", profile.identity.system, section.name()));
        match section {
            Section::BootOptions => body["Boot"]["BootOptions"] = path,
            _ => body[section.name()] = path,
        }
    }
}

/// The vendor's own links.
pub(super) fn oem_links(machine: &Machine) -> Value {
    let profile = &*machine.profile;
    let links = profile.inventory.oem_linked.iter().map(|(name, section)| {
        ((*name).to_owned(), link(profile, &format!("Systems/{}/{}", profile.identity.system, section.name())))
    });
    Value::Object(links.collect::<Map<_, _>>())
}

/// Answers below the system: a section, or a member of one.
pub(super) fn answer(profile: &Profile, call: &Call, name: &str, rest: &[&str]) -> Result<Act, Refusal> {
    let not_found = || Refusal::from(&profile.errors.not_found);
    let rules = &profile.inventory;
    let shown = rules.linked.iter().chain(rules.oem_linked.iter().map(|(_, section)| section));
    let section = shown.copied().find(|section| section.name() == name).ok_or_else(not_found)?;
    let path = format!("Systems/{}/{name}", profile.identity.system);
    let known = |id: &str| section.members().iter().find(|(known, _)| *known == id);
    match rest {
        [] if section.members().is_empty() => read(profile, call, single(profile, section, &path)),
        [] => {
            let ids: Vec<String> = section.members().iter().map(|(id, _)| (*id).to_owned()).collect();
            let mut body = collection(profile, &path, kind(section), &ids);
            if expands(profile, call)? {
                let members = section.members().iter();
                body["Members"] = members.map(|(id, health)| member(profile, &path, section, id, health)).collect();
            }
            if rules.expand == Expand::Lossy
                && let Some(members) = body["Members"].as_array_mut()
            {
                for member in members.iter_mut().filter_map(Value::as_object_mut) {
                    member.remove("Name");
                    member.remove("Status");
                }
            }
            read(profile, call, body)
        }
        [id] => match known(id) {
            Some((id, health)) => read(profile, call, member(profile, &path, section, id, health)),
            None => Err(not_found()),
        },
        _ => Err(not_found()),
    }
}

/// Whether a collection is asked for with its members whole, and shown so.
pub(super) fn expands(profile: &Profile, call: &Call) -> Result<bool, Refusal> {
    let asks = |what: &str| call.query.as_deref().is_some_and(|query| query.contains(what));
    match (profile.inventory.expand, asks("$levels")) {
        _ if !asks("$expand") => Ok(false),
        (Expand::No | Expand::Ignored, _) => Ok(false),
        (Expand::Refused, _) | (Expand::Flat, true) => Err((&profile.errors.malformed).into()),
        (Expand::Flat | Expand::WithLevels | Expand::Lossy, _) => Ok(true),
    }
}

fn kind(section: Section) -> &'static str {
    match section {
        Section::Processors => "Processor",
        Section::NetworkInterfaces => "NetworkInterface",
        Section::EthernetInterfaces => "EthernetInterface",
        Section::BootOptions => "BootOption",
        other => other.name(),
    }
}

fn single(profile: &Profile, section: Section, path: &str) -> Value {
    let mut body = json!({
        "@odata.id": uri(profile, path),
        "@odata.type": format!("#{0}.v1_1_0.{0}", section.name()),
        "Id": section.name(),
        "Name": section.name(),
    });
    match section {
        Section::SecureBoot => body["SecureBootEnable"] = json!(false),
        _ => body["Attributes"] = json!({"BootMode": "Uefi", "ProcVirtualization": "Enabled"}),
    }
    body
}

fn member(profile: &Profile, path: &str, section: Section, id: &str, health: &str) -> Value {
    json!({
        "@odata.id": uri(profile, &format!("{path}/{id}")),
        "@odata.type": format!("#{0}.v1_1_0.{0}", kind(section)),
        "Id": id,
        "Name": format!("{} {id}", kind(section)),
        "Status": {"State": "Enabled", "Health": health},
        "Links": {"Chassis": link(profile, &format!("Chassis/{}", profile.identity.chassis))},
    })
}
