//! What the plugin would do with this BMC, without doing it.

use url::Url;

use super::Redfish;
use super::ladder::Taken;
use super::power::planned_cycle;
use super::slot::{Slot, without_password};
use super::vendors::Way;
use crate::bmc::error::{Error, Kind};

/// What a BMC offers and which steps the plugin would take.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Plan {
    /// The slots for CD images, best first.
    pub slots: Vec<SlotSeen>,
    /// The protocols that the first slot takes images by; empty where the BMC does not say.
    pub protocols: Vec<String>,
    /// What comes before an image is inserted in the first slot, then how it would be: each is tried until one works.
    pub mount: Vec<PlannedStep>,
    /// How the machine would be made to boot once from it: each is tried until one works.
    pub boot_once: Vec<PlannedStep>,
    /// The boot targets that the BMC lists.
    pub boot_targets: Vec<String>,
    /// The reset types that a power cycle would use, in order.
    pub power_cycle: Vec<PlannedStep>,
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

impl SlotSeen {
    fn of(slot: &Slot) -> Self {
        Self {
            id: slot.id.clone(),
            path: slot.path().to_owned(),
            media_types: slot.resource.texts("MediaTypes"),
            inserted: slot.is_occupied(),
            image: without_password(&slot.image()),
        }
    }
}

impl PlannedStep {
    pub(in crate::bmc) fn new(name: impl Into<String>, why: impl Into<String>) -> Self {
        Self { name: name.into(), why: why.into() }
    }
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
        let reset_types = self.reset_types().await?;
        Ok(Plan {
            protocols: match slots.first() {
                Some(slot) => self.protocols_of(slot).await?,
                None => Vec::new(),
            },
            mount: self.planned_mount(slots.first()),
            slots: slots.iter().map(SlotSeen::of).collect(),
            boot_once: self.quirks.boot_once(&self.platform).iter().map(|r| PlannedStep::new(r.name, r.why)).collect(),
            boot_targets: self.platform.system.texts("Boot/BootSourceOverrideTarget@Redfish.AllowableValues"),
            power_cycle: planned_cycle(self.quirks.cycles(), &reset_types),
            reset_types,
        })
    }

    async fn protocols_of(&mut self, slot: &Slot) -> Result<Vec<String>, Error> {
        let info = self.insert_info(slot).await?;
        Ok(Taken::read(&slot.resource, info.as_ref()).protocols)
    }

    fn planned_mount(&self, slot: Option<&Slot>) -> Vec<PlannedStep> {
        let prepare = self.quirks.prepare(&self.platform).map(|route| PlannedStep::new(route.name, route.why));
        let mut steps: Vec<PlannedStep> = prepare.into_iter().collect();
        let (Some(slot), Ok(example)) = (slot, Url::parse("http://example/boot.iso")) else { return steps };
        if slot.is_occupied() {
            let why = format!("slot {} {}, and is emptied before", slot.id, slot.spoken());
            steps.push(PlannedStep::new("eject", why));
        }
        for way in self.quirks.insert_ways(&self.platform, slot, &example) {
            let why = match &way {
                Way::Action => "offers it: the image alone first, a field more for each that the BMC asks for",
                Way::Patch(_) => "has no action for it that works",
                Way::Post { .. } => "is filled by the vendor's own action",
                Way::Configure { .. } => "is there only while it holds an image, so another resource says which",
            };
            steps.push(PlannedStep::new(way.to_string(), format!("slot {} {why}", slot.id)));
        }
        steps
    }
}
