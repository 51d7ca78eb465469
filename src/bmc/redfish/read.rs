//! The BMC's own description of the machine, part by part, in the BMC's own words.
//!
//! A part is a resource that the system links to. One resource is given as it is, a collection as the list of its members
//! (the shape that the provider before this one gave), read at once by `$expand` where the service says that it knows it,
//! else one by one. What members link to stays a link.

use serde_json::{Map, Value, json};
use tracing::debug;

use super::Redfish;
use super::client::LARGEST;
use super::value::{Resource, link, text};
use crate::bmc::asked::Part;
use crate::bmc::error::{Error, Kind};

/// More members than this are refused rather than cut: nobody could tell a part from the whole.
const MOST: usize = 256;

/// Where a part is, from the system.
enum Place {
    /// A resource behind a link.
    Resource(&'static str),
    /// A collection behind a link.
    Collection(&'static str),
}

impl Part {
    /// The system's own link to it, by the name that the schema gives it; none: it is in the system itself.
    fn place(self) -> Option<Place> {
        match self {
            Self::Status | Self::Info | Self::Boot => None,
            Self::Bios => Some(Place::Resource("Bios")),
            Self::SecureBoot => Some(Place::Resource("SecureBoot")),
            Self::Memory => Some(Place::Collection("Memory")),
            Self::Processor => Some(Place::Collection("Processors")),
            Self::Storage => Some(Place::Collection("Storage")),
            Self::SimpleStorage => Some(Place::Collection("SimpleStorage")),
            Self::NetworkInterfaces => Some(Place::Collection("NetworkInterfaces")),
            Self::EthernetInterfaces => Some(Place::Collection("EthernetInterfaces")),
        }
    }
}

impl Redfish<'_> {
    /// Reads a part of the description.
    pub(crate) async fn read(&mut self, part: Part) -> Result<Value, Error> {
        let spoken = part.spoken();
        self.begin("read", format!("reading its {spoken}"));
        let system = self.fresh_system().await?;
        let value = match (part, part.place()) {
            (Part::Status, _) => self.status(&system).await?,
            (Part::Boot, _) => self.boot(&system).await?,
            (_, None) => system.body,
            (_, Some(Place::Resource(name))) => {
                let path = self.linked(&system, name)?;
                let found = self.client.find(&path).await?;
                found.ok_or_else(|| self.not_there(&system, name, Some(&path)))?.body
            }
            (_, Some(Place::Collection(name))) => {
                let path = self.linked(&system, name)?;
                let found = self.collection(&path).await?;
                found.ok_or_else(|| self.not_there(&system, name, Some(&path)))?.into()
            }
        };
        self.done(format!("read its {spoken}"));
        Ok(value)
    }

    /// Power, health, and what is booted next. The six healths are those that the provider before this one gave; null is
    /// what the BMC does not say, and is not taken for bad.
    async fn status(&mut self, system: &Resource) -> Result<Value, Error> {
        let mut status = Map::new();
        let health = |place: &str| system.text(&format!("{place}Status/Health"));
        let rolled = |place: &str| health(place).or_else(|| system.text(&format!("{place}Status/HealthRollup")));
        status.insert("PowerState".to_owned(), json!(system.text("PowerState")));
        status.insert("State".to_owned(), json!(system.text("Status/State")));
        status.insert("Status".to_owned(), json!(rolled("")));
        status.insert("ProcessorStatus".to_owned(), json!(rolled("ProcessorSummary/")));
        status.insert("MemoryStatus".to_owned(), json!(rolled("MemorySummary/")));
        for (key, name) in [
            ("EthernetStatus", "EthernetInterfaces"),
            ("StorageStatus", "Storage"),
            ("SimpleStorageStatus", "SimpleStorage"),
        ] {
            let members = match self.linked(system, name) {
                Ok(path) => self.collection(&path).await,
                Err(_) => Ok(None),
            };
            let worst = match members {
                Ok(members) => worst(members.unwrap_or_default().iter()),
                Err(error) if error.is_final() => return Err(error),
                Err(error) => {
                    debug!(%error, "a health is left out");
                    None
                }
            };
            status.insert(key.to_owned(), json!(worst));
        }
        let boot = |name: &str| system.at(&format!("Boot/{name}")).cloned().unwrap_or_default();
        status.insert(
            "Boot".to_owned(),
            json!({
                "BootSourceOverrideEnabled": boot("BootSourceOverrideEnabled"),
                "BootSourceOverrideTarget": boot("BootSourceOverrideTarget"),
                "BootSourceOverrideMode": boot("BootSourceOverrideMode"),
            }),
        );
        Ok(Value::Object(status))
    }

    /// The system's `Boot`, with the options that its order refers to in the place of their link.
    async fn boot(&mut self, system: &Resource) -> Result<Value, Error> {
        let Some(Value::Object(boot)) = system.at("Boot") else { return Err(self.not_there(system, "Boot", None)) };
        let mut boot = boot.clone();
        if let Some(path) = boot.get("BootOptions").and_then(link) {
            match self.collection(&path).await {
                Ok(Some(options)) => {
                    boot.insert("BootOptions".to_owned(), options.into());
                }
                Ok(None) => {}
                Err(error) if error.is_final() => return Err(error),
                Err(error) => debug!(%error, "boot options stay a link"),
            }
        }
        Ok(Value::Object(boot))
    }

    /// Where the system links to, itself or among what the vendor has of its own.
    fn linked(&self, system: &Resource, name: &str) -> Result<String, Error> {
        let own = self.quirks.own_links(name);
        let found = std::iter::once(name).chain(own.iter().copied()).find_map(|place| system.link(place));
        found.ok_or_else(|| self.not_there(system, name, None))
    }

    fn not_there(&self, system: &Resource, name: &str, dead: Option<&str>) -> Error {
        let offered: Vec<&str> = Part::ALL
            .into_iter()
            .filter_map(|part| match part.place()? {
                Place::Resource(other) | Place::Collection(other) => Some(other),
            })
            .filter(|other| *other != name && system.link(other).is_some())
            .collect();
        let offers = if offered.is_empty() { "nothing of that kind".to_owned() } else { offered.join(", ") };
        let answer = match dead {
            Some(path) => {
                format!("links to {path} as its {name} and has nothing there; its system also offers {offers}")
            }
            None => format!("shows no {name}; its system offers {offers}"),
        };
        self.client.error(Kind::Unsupported, answer).advise("newer firmware of the BMC may show more")
    }

    /// The members of a collection, whole; none where the BMC has no such collection.
    pub(super) async fn collection(&mut self, path: &str) -> Result<Option<Vec<Value>>, Error> {
        if let Some(query) = self.expand_query() {
            match self.client.find(&format!("{path}?{query}")).await {
                Ok(None) => {}
                Ok(Some(page)) => return self.members(page).await.map(Some),
                Err(error) if error.is_final() => return Err(error),
                // Announced and not kept: QueryNotSupportedOnResource on a Fujitsu (check_redfish#20).
                Err(error) => debug!(%error, "$expand did not work, reading members one by one"),
            }
        }
        match self.client.find(path).await? {
            Some(page) => self.members(page).await.map(Some),
            None => Ok(None),
        }
    }

    /// How members are asked for at once (DSP0266 7.3.1): those below the collection alone, one level deep.
    pub(super) fn expand_query(&self) -> Option<&'static str> {
        let says = |feature: &str| {
            let place = format!("ProtocolFeaturesSupported/ExpandQuery/{feature}");
            self.platform.root.flag(&place) == Some(true)
        };
        match (says("NoLinks") && self.quirks.keeps_to_expand(), says("Levels")) {
            (false, _) => None,
            (true, true) => Some("$expand=.($levels=1)"),
            (true, false) => Some("$expand=."),
        }
    }

    /// The members that a page and its following pages list; those that came as links alone are read.
    async fn members(&mut self, mut page: Resource) -> Result<Vec<Value>, Error> {
        let mut members = Vec::new();
        let (mut listed, mut size) = (0, 0);
        loop {
            for entry in entries(&page) {
                listed += 1;
                if listed > MOST || size > LARGEST {
                    let answer = format!("lists more in {} than is read ({MOST} members, {LARGEST} bytes)", page.path);
                    return Err(self.client.error(Kind::Refused, answer).advise("ask the BMC itself for it"));
                }
                let member = match link(&entry) {
                    Some(path) if is_link_alone(&entry) => match self.client.find(&path).await? {
                        Some(member) => member.body,
                        // Listed and gone: a drive or a module that was pulled.
                        None => continue,
                    },
                    _ => entry,
                };
                size += member.to_string().len();
                members.push(member);
            }
            let Some(next) = page.link("Members@odata.nextLink") else { return Ok(members) };
            // A page without members could be followed by itself for ever; any other ends at the bound.
            match self.client.find(&next).await? {
                Some(following) if !entries(&following).is_empty() => page = following,
                _ => return Ok(members),
            }
        }
    }
}

/// What a page lists, links or whole members; an old iLO 4 has links elsewhere.
fn entries(page: &Resource) -> Vec<Value> {
    match page.at("Members") {
        Some(Value::Array(members)) => members.iter().filter(|member| member.is_object()).cloned().collect(),
        _ => page.members().into_iter().map(|path| json!({"@odata.id": path})).collect(),
    }
}

/// Whether a member came as a link, with nothing but annotations beside it.
fn is_link_alone(member: &Value) -> bool {
    member.as_object().is_some_and(|fields| fields.keys().all(|name| name.starts_with('@') || name == "href"))
}

/// The worst health among members; none where none says.
fn worst<'m>(members: impl Iterator<Item = &'m Value>) -> Option<&'static str> {
    const WORSE: [&str; 3] = ["OK", "Warning", "Critical"];
    let healths = members.filter_map(|member| text(member.pointer("/Status/Health")?));
    let rank = healths.filter_map(|health| WORSE.iter().position(|known| *known == health)).max();
    rank.and_then(|rank| WORSE.get(rank).copied())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::{entries, is_link_alone, worst};
    use crate::bmc::redfish::value::tests::{any_json, resource};

    #[test]
    fn the_worst_health_is_told_and_silence_is_not_bad() {
        let members = |healths: &[&str]| healths.iter().map(|h| json!({"Status": {"Health": h}})).collect::<Vec<_>>();
        assert_eq!(worst(members(&["OK", "Critical", "Warning"]).iter()), Some("Critical"));
        assert_eq!(worst(members(&["OK", ""]).iter()), Some("OK"));
        assert_eq!(worst([json!({}), json!({"Status": null})].iter()), None);
    }

    #[test]
    fn a_member_is_a_link_when_nothing_but_annotations_is_beside_it() {
        assert!(is_link_alone(&json!({"@odata.id": "/x"})));
        assert!(is_link_alone(&json!({"@odata.id": "/x", "@odata.etag": "1"})));
        assert!(!is_link_alone(&json!({"@odata.id": "/x", "Id": "1"})));
        assert_eq!(entries(&resource(json!({"links": {"Member": [{"href": "/x"}]}}))), [json!({"@odata.id": "/x"})]);
    }

    proptest! {
        #[test]
        fn any_page_is_read_without_panic(body in any_json()) {
            let page = resource(body);
            let listed = entries(&page);
            let _read = (worst(listed.iter()), listed.iter().filter(|entry| is_link_alone(entry)).count());
        }
    }
}
