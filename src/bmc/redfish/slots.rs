//! Which slots there are for a CD image, and what they show: found by links once, then looked at where they are.

use tracing::debug;

use super::slot::Slot;
use super::value::{Resource, at, link, text};
use super::{Redfish, spoken_patience};
use crate::bmc::error::{Error, Kind};
use crate::bmc::limits::Patience;

/// More members than this are not looked at; Lenovo has the most, ten.
const MOST: usize = 32;

impl Redfish<'_> {
    /// The slots that a mount would use, best first, as they are now.
    pub(super) async fn slots(&mut self) -> Result<Vec<Slot>, Error> {
        loop {
            for collection in self.collections().await? {
                let slots = self.slots_in(&collection).await?;
                if !slots.is_empty() {
                    return Ok(slots);
                }
            }
            if self.platform.is_recognised {
                let are_hidden = self.quirks.hides_slots_when_off() && !self.collections().await?.is_empty();
                return if are_hidden { Ok(Vec::new()) } else { Err(self.no_slot().await) };
            }
            // Who it is may say where else to look.
            self.recognise().await?;
        }
    }

    /// The collections of virtual media: the system's (its place since Redfish 2021.1), then each manager's where they are
    /// known. The path says nothing: on a Supermicro X13 the system's link leads to a manager.
    pub(super) async fn collections(&mut self) -> Result<Vec<String>, Error> {
        let own = self.platform.system.link("VirtualMedia");
        if own.is_none() && !self.platform.is_recognised {
            // Only where a system has none of its own, because most do.
            self.platform.read_managers(&mut self.client).await?;
            self.learn();
        }
        let of_managers = self.platform.managers.iter().filter_map(|manager| manager.link("VirtualMedia"));
        let mut paths: Vec<String> = own.into_iter().collect();
        for path in of_managers {
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
        Ok(paths)
    }

    pub(super) async fn slots_in(&mut self, collection: &str) -> Result<Vec<Slot>, Error> {
        if let Some(read) = self.quirks.own_slot(&self.platform) {
            let slot = read(self).await?;
            // The managers, by which it is known to have this one.
            self.memory.keep(&self.platform);
            return Ok(vec![slot]);
        }
        let known = self.platform.slots.get(collection).cloned();
        let was_known = known.is_some();
        let passing = self.quirks.passing_slot(collection);
        let mut found = if let Some(slots) = self.slots_at_once(collection, known.as_deref()).await? {
            slots
        } else {
            let members = match known {
                Some(members) => members,
                None => self.list(collection).await?,
            };
            let (found, is_gone) = self.slots_one_by_one(&members, passing.as_deref()).await?;
            if was_known && is_gone {
                return self.slots_anew(collection).await;
            }
            found
        };
        if was_known && self.is_contradicted() {
            return self.slots_anew(collection).await;
        }
        found.retain(|slot| slot.fit().is_some());
        if let (true, Some(path)) = (found.is_empty(), passing) {
            found.push(Slot::passing(&path, None));
        }
        // An empty collection may fill: virtual media is switched on, an image inserted.
        if !was_known && !found.is_empty() {
            let paths = found.iter().map(|slot| slot.path().to_owned()).collect();
            self.platform.slots.insert(collection.to_owned(), paths);
            self.memory.keep(&self.platform);
        }
        Ok(self.ranked(found))
    }

    /// The slots at these paths, and whether one of them is gone.
    async fn slots_one_by_one(&mut self, paths: &[String], passing: Option<&str>) -> Result<(Vec<Slot>, bool), Error> {
        let (mut found, mut is_gone) = (Vec::new(), false);
        for path in paths {
            match self.client.find(path).await {
                Ok(resource) if passing == Some(path) => found.push(Slot::passing(path, resource)),
                Ok(Some(resource)) => found.push(Slot::new(resource)),
                Ok(None) => is_gone = true,
                Err(error) if error.is_final() => return Err(error),
                Err(error) => debug!(%error, "a slot that cannot be read is passed over"),
            }
        }
        Ok((found, is_gone))
    }

    /// The slots that may be used, best first. Stable: where nothing tells slots apart, the BMC's order stands.
    fn ranked(&self, slots: Vec<Slot>) -> Vec<Slot> {
        let rank = |slot: Slot| Some(((self.quirks.preference(&self.platform, &slot)?, slot.fit()?), slot));
        let mut ranked: Vec<_> = slots.into_iter().filter_map(rank).collect();
        ranked.sort_by_key(|(rank, _)| *rank);
        ranked.into_iter().map(|(_, slot)| slot).collect()
    }

    /// The members of a collection that may be used.
    async fn list(&mut self, collection: &str) -> Result<Vec<String>, Error> {
        let found = self.client.find(collection).await?;
        let mut members = found.map(|collection| collection.members()).unwrap_or_default();
        members.retain(|path| !self.quirks.passes_over(path));
        members.truncate(MOST);
        Ok(members)
    }

    /// The slots of a BMC that is not what it was.
    async fn slots_anew(&mut self, collection: &str) -> Result<Vec<Slot>, Error> {
        self.look_anew().await?;
        Box::pin(self.slots_in(collection)).await
    }

    pub(super) async fn no_slot(&mut self) -> Error {
        let offers = self.collections().await.is_ok_and(|collections| !collections.is_empty());
        let answer = if offers { "lists no virtual media slot for a CD image" } else { "offers no virtual media" };
        let advice = "virtual media may be switched off, need a licence, or be taken by a console session";
        let advice = self.quirks.advice_without_slots(&self.platform).unwrap_or(advice);
        self.client.error(Kind::Unsupported, answer).advise(advice)
    }

    /// The slots of a collection by one request, on a service that shows it with its members; `None` where it does not, or
    /// not all of them and what they hold.
    pub(super) async fn slots_at_once(
        &mut self,
        collection: &str,
        known: Option<&[String]>,
    ) -> Result<Option<Vec<Slot>>, Error> {
        let is_worth_it = known.is_none_or(|known| known.len() > 1) && self.quirks.passing_slot(collection).is_none();
        if !is_worth_it {
            return Ok(None);
        }
        if self.platform.root.path.is_empty() && self.quirks.is_known_to_expand() {
            self.platform.root = self.client.root().await?;
        }
        if self.expand_query().is_none() {
            return Ok(None);
        }
        let members = self.collection(collection).await?.unwrap_or_default();
        let resources = members.into_iter().filter_map(|body| {
            let (path, etag) = (link(&body)?, at(&body, "@odata.etag").and_then(text));
            Some(Resource { path, etag, body, ..Resource::default() })
        });
        let mut slots: Vec<Slot> = resources.map(Slot::new).collect();
        slots.retain(|slot| {
            known.map_or(!self.quirks.passes_over(slot.path()), |known| known.contains(&slot.resource.path))
        });
        slots.truncate(MOST);
        let is_whole = slots.iter().all(Slot::shows_its_state)
            && known.map_or(!slots.is_empty(), |known| slots.len() == known.len());
        Ok(is_whole.then_some(slots))
    }

    pub(super) fn knows_slots(&self) -> bool {
        self.platform.slots.values().any(|slots| !slots.is_empty())
    }

    /// The slot as it is now.
    pub(super) async fn reload(&mut self, slot: &Slot) -> Result<Slot, Error> {
        if let Some(read) = self.quirks.own_slot(&self.platform) {
            self.system_is_fresh = false;
            return read(self).await;
        }
        if slot.passes {
            return self.client.find(slot.path()).await.map(|found| Slot::passing(slot.path(), found));
        }
        self.client.get(slot.path()).await.map(Slot::new)
    }

    /// Looks at a slot until it is as wanted. A look that fails is no answer yet: BMCs stumble while they attach media.
    pub(super) async fn await_slot(
        &mut self,
        slot: &Slot,
        awaited: &str,
        wanted: impl Fn(&Slot) -> bool,
    ) -> Result<Slot, Error> {
        let patience = Patience::of(self.client.limits().media);
        let awaited = format!("slot {} {awaited}", slot.id);
        loop {
            let seen = match self.reload(slot).await {
                Ok(slot) if wanted(&slot) => return Ok(slot),
                Ok(slot) => format!("it {}", slot.spoken()),
                Err(error) if error.is_final() => return Err(error),
                Err(error) => error.to_string(),
            };
            if patience.is_over() {
                let answer =
                    format!("accepted it, but {} did not happen {}; {seen}", awaited, spoken_patience(patience));
                return Err(self.client.error(Kind::Timeout, answer));
            }
            self.client.pause(self.client.limits().poll, &awaited).await?;
        }
    }
}
