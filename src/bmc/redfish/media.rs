//! Virtual media: what is mounted, mounting, ejecting. A BMC's "OK" is never believed; its slot is looked at.

use url::Url;

use super::Redfish;
use super::attach::Insertion;
use super::slot::{Slot, without_password};
use crate::bmc::answered::{Media, Mounted};
use crate::bmc::error::{Error, Kind};

impl Redfish<'_> {
    /// What is mounted: the first occupied slot of those a mount would use.
    pub(crate) async fn media(&mut self) -> Result<Media, Error> {
        self.client.doing("reading its virtual media");
        let shown = |slot: &Slot| Media { image: without_password(&slot.image()), inserted: true };
        if let Some(path) = self.platform.slot_in_use.clone()
            && self.quirks.own_slot(&self.platform).is_none()
            && let Some(slot) = self.client.find(&path).await?.map(Slot::new)
            && slot.is_occupied()
            && !self.is_contradicted()
        {
            return Ok(shown(&slot));
        }
        let slots = self.slots().await?;
        if slots.len() > 1 && self.platform.root.path.is_empty() {
            // Whether the next look at several may be one request.
            self.platform.root = self.client.root().await?;
            self.memory.keep(&self.platform);
        }
        Ok(slots.iter().find(|slot| slot.is_occupied()).map(shown).unwrap_or_default())
    }

    /// Ejects what is mounted, inserts `image`, and waits until the BMC shows it.
    pub(crate) async fn mount(&mut self, image: &Url) -> Result<Mounted, Error> {
        let shown = without_password(image.as_str());
        let mounting = format!("mounting {shown}");
        self.begin("prepare", mounting.clone());
        // Slots that show only where media is switched on are sign enough that it is, while they last.
        let is_on = self.quirks.hides_slots_when_off() && self.knows_slots();
        if let Some(route) = self.quirks.prepare(&self.platform).filter(|_| !is_on) {
            (route.run)(self).await?;
        }
        let mut failed = Vec::new();
        for collection in self.collections().await? {
            self.client.doing(mounting.clone());
            let mut slots = self.slots_in(&collection).await?;
            self.empty(&mut slots).await?;
            for slot in &slots {
                self.begin("insert", format!("inserting {shown} in slot {}", slot.id));
                match self.insert(slot, image).await? {
                    Insertion::Shown => {
                        self.done(format!("inserted {shown} in slot {}", slot.id));
                        self.identity.slot = Some(slot.id.clone());
                        self.platform.slot_in_use = Some(slot.path().to_owned());
                        self.memory.keep(&self.platform);
                        return Ok(Mounted { slot: slot.id.clone(), image: image.to_string() });
                    }
                    Insertion::Refused(error) => failed.push((format!("slot {}", slot.id), error)),
                    Insertion::Unshown(error) if !self.quirks.has_second_view() => return Err(error),
                    Insertion::Unshown(error) => {
                        failed.push((format!("slot {}", slot.id), error));
                        break;
                    }
                }
            }
            if !slots.is_empty() && !self.quirks.has_second_view() {
                break;
            }
        }
        if failed.is_empty() && is_on && !self.knows_slots() {
            return Box::pin(self.mount(image)).await;
        }
        self.client.doing(mounting);
        if failed.is_empty() {
            return Err(self.no_slot().await);
        }
        Err(self.client.error_of_ways(failed))
    }

    /// Where `image` is mounted already; `None` where it is not.
    pub(crate) async fn holding(&mut self, image: &Url) -> Result<Option<Mounted>, Error> {
        self.client.doing("looking whether the image is mounted already");
        let slots = self.slots().await?;
        let slot = slots.iter().find(|slot| slot.holds(image) && self.quirks.has_arrived(slot));
        Ok(slot.map(|slot| Mounted { slot: slot.id.clone(), image: image.to_string() }))
    }

    /// Ejects the images that `which` picks by their URL; whether there were any. What is gone already is a success.
    pub(crate) async fn unmount(&mut self, which: impl Fn(&str) -> bool + Send) -> Result<bool, Error> {
        self.eject_where(move |slot| which(&slot.image())).await
    }

    /// Ejects `image`, known by more than its URL as shown (see [`Slot::holds`]), and those that `also` picks by their URL.
    pub(crate) async fn unmount_image(
        &mut self,
        image: Option<&Url>,
        also: impl Fn(&str) -> bool + Send,
    ) -> Result<bool, Error> {
        self.eject_where(move |slot| image.is_some_and(|image| slot.holds(image)) || also(&slot.image())).await
    }

    async fn eject_where(&mut self, which: impl Fn(&Slot) -> bool + Send) -> Result<bool, Error> {
        self.client.doing("ejecting its virtual media");
        let slots = match self.slots().await {
            Ok(slots) => slots,
            // A BMC without slots holds no medium.
            Err(error) if error.kind() == Kind::Unsupported && !error.is_final() => return Ok(false),
            Err(error) => return Err(error),
        };
        let mut picked: Vec<Slot> = slots.into_iter().filter(|slot| slot.is_occupied() && which(slot)).collect();
        self.empty(&mut picked).await?;
        Ok(!picked.is_empty())
    }
}
