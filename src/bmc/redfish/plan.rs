//! What the plugin would do with this BMC, without doing it.

use super::Redfish;
use super::power::planned_cycle;
use super::slot::without_password;
use crate::bmc::error::{Error, Kind};

/// What a BMC offers and which steps the plugin would take.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Plan {
    /// The slots for CD images, best first.
    pub slots: Vec<SlotSeen>,
    /// How an image would be inserted in the first slot: each is tried until one works.
    pub mount: Vec<PlannedStep>,
    /// How the machine would be made to boot once from it: each is tried until one works.
    pub boot_once: Vec<PlannedStep>,
    /// The reset types that a power cycle would use, in order.
    pub power_cycle: Vec<String>,
    /// All reset types that the BMC lists.
    pub reset_types: Vec<String>,
}

/// One slot as a plan shows it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct SlotSeen {
    /// Its id.
    pub id: String,
    /// Where it is.
    pub path: String,
    /// What it takes.
    pub media_types: Vec<String>,
    /// Whether something is inserted.
    pub inserted: bool,
    /// What, as the BMC shows it.
    pub image: String,
}

/// One step of a plan.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct PlannedStep {
    /// Its name, as errors and logs use it.
    pub name: String,
    /// Why it is taken on this BMC.
    pub why: String,
}

impl Redfish<'_> {
    /// Looks, and changes nothing. A BMC without virtual media has an empty list of slots.
    pub(crate) async fn plan(&mut self) -> Result<Plan, Error> {
        self.client.doing("looking at what it offers");
        let slots = match self.slots().await {
            Ok(slots) => slots,
            Err(error) if error.kind() == Kind::Unsupported => Vec::new(),
            Err(error) => return Err(error),
        };
        let step = |name: &str, why: &str| PlannedStep { name: name.to_owned(), why: why.to_owned() };
        let prepare = self.quirks.prepare(&self.platform).map(|route| step(route.name, route.why));
        let mut mount: Vec<PlannedStep> = prepare.into_iter().collect();
        if let (Some(slot), Ok(example)) = (slots.first(), url::Url::parse("http://example/boot.iso")) {
            let ways = self.quirks.insert_ways(&self.platform, slot, &example);
            mount.extend(ways.iter().map(|way| step(&way.to_string(), &format!("slot {}", slot.id))));
        }
        let reset_types = self.reset_types().await?;
        Ok(Plan {
            slots: slots
                .iter()
                .map(|slot| SlotSeen {
                    id: slot.id.clone(),
                    path: slot.path().to_owned(),
                    media_types: slot.resource.texts("MediaTypes"),
                    inserted: slot.is_occupied(),
                    image: without_password(&slot.image()),
                })
                .collect(),
            mount,
            boot_once: self.quirks.boot_once(&self.platform).iter().map(|route| step(route.name, route.why)).collect(),
            power_cycle: planned_cycle(self.quirks.cycles(), &reset_types).into_iter().map(str::to_owned).collect(),
            reset_types,
        })
    }
}
