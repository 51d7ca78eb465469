//! Virtual media: what is mounted, mounting, ejecting. A BMC's "OK" is never believed; its slot is looked at.

use serde_json::{Value, json};
use tracing::debug;
use url::Url;

use super::answer::{Answer, Refusal, Tried};
use super::ladder::{Ladder, Taken, protocol};
use super::slot::{Slot, without_password};
use super::value::{Resource, at, link, text};
use super::vendors::{Way, blames_image, wants_licence};
use super::{Redfish, spoken_patience};
use crate::bmc::answered::{Media, Mounted};
use crate::bmc::error::{Error, Kind};
use crate::bmc::limits::Patience;

/// More members than this are not looked at; Lenovo has the most, ten.
const MOST: usize = 32;

/// How often an insert is sent where the vendor's may fail for no reason.
const INSERTS: u32 = 3;
/// What to do where an eject was taken and the image stays: what a console attached goes by the console alone.
const STILL_THERE: &str = "a console session may hold it: close that, else restart the BMC";

/// How often a slot is looked at whose eject was refused: perhaps because it is empty, and only shows what it held.
const LOOKS_AFTER_REFUSAL: u32 = 5;

/// How an attempt at a slot ended.
enum Insertion {
    Shown,
    /// The slot did not take it; another may.
    Refused(Error),
    /// The slot took it and never showed it.
    Unshown(Error),
}

/// How one way ended.
enum Performed {
    Accepted(Answer),
    /// No answer came; the effect has to be looked at.
    Lost(Error),
    Refused(Refusal),
    /// The work behind it did not end.
    Unfinished(Error),
}

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

    /// The slots of a collection by one request, on a service that shows it with its members; `None` where it does not, or
    /// not all of them and what they hold.
    async fn slots_at_once(&mut self, collection: &str, known: Option<&[String]>) -> Result<Option<Vec<Slot>>, Error> {
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

    fn knows_slots(&self) -> bool {
        self.platform.slots.values().any(|slots| !slots.is_empty())
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

    async fn slots_in(&mut self, collection: &str) -> Result<Vec<Slot>, Error> {
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

    async fn no_slot(&mut self) -> Error {
        let offers = self.collections().await.is_ok_and(|collections| !collections.is_empty());
        let answer = if offers { "lists no virtual media slot for a CD image" } else { "offers no virtual media" };
        let advice = "virtual media may be switched off, need a licence, or be taken by a console session";
        let advice = self.quirks.advice_without_slots(&self.platform).unwrap_or(advice);
        self.client.error(Kind::Unsupported, answer).advise(advice)
    }

    /// Ejects what is in the slots and waits until each is free (rule R3). What is left is each slot as it is then: its
    /// `ETag` was another before.
    async fn empty(&mut self, slots: &mut [Slot]) -> Result<(), Error> {
        for slot in slots.iter_mut().filter(|slot| slot.is_occupied()) {
            let image = without_password(&slot.image());
            let image = if image.is_empty() { "an unnamed image".to_owned() } else { image };
            self.begin("eject", format!("ejecting {image} from slot {}", slot.id));
            *slot = self.vacate(slot).await?;
            self.done(format!("ejected {image} from slot {}", slot.id));
        }
        Ok(())
    }

    /// Ejects what is in a slot, whatever it shows, and waits until it shows nothing.
    async fn vacate(&mut self, slot: &Slot) -> Result<Slot, Error> {
        self.eject(slot).await?;
        let emptied = self.await_slot(slot, "to be empty", |slot| !slot.is_occupied()).await;
        emptied.map_err(|error| if error.is_final() { error } else { error.advise(STILL_THERE) })
    }

    /// Asks for an eject. An error is none when the slot turns out empty: iLO and iDRAC refuse to eject nothing.
    async fn eject(&mut self, slot: &Slot) -> Result<(), Error> {
        // sushy-tools drops a boot from the CD with its medium.
        self.system_is_fresh = false;
        let mut failed = Vec::new();
        for way in self.quirks.eject_ways(&self.platform, slot) {
            let performed = match &way {
                Way::Action => {
                    let Some(target) = slot.eject_target() else { continue };
                    self.client.post(&target, &json!({})).await.into()
                }
                Way::Patch(body) => self.patch_slot(slot, body).await,
                Way::Post { path, body } => self.client.post(path, body).await.into(),
                Way::Configure { config, body, action, act } => self.configure(slot, config, body, action, act).await,
            };
            let error = match performed {
                Performed::Accepted(answer) => return self.finish(answer).await,
                Performed::Unfinished(error) => return Err(error),
                Performed::Lost(error) if !error.is_lost() => return Err(error),
                Performed::Lost(error) => {
                    let emptied = self.await_slot(slot, "to be empty", |slot| !slot.is_occupied()).await;
                    return emptied.map(|_| ()).map_err(|late| if late.is_final() { late } else { error });
                }
                Performed::Refused(refusal) if self.quirks.says_empty(&refusal) => return Ok(()),
                Performed::Refused(refusal) => self.client.refused(&refusal),
            };
            if self.reload(slot).await.is_ok_and(|slot| !slot.is_occupied()) {
                return Ok(());
            }
            failed.push((way.to_string(), error));
        }
        for _ in 0..LOOKS_AFTER_REFUSAL {
            self.client.pause(self.client.limits().poll, "the slot to show that it is empty").await?;
            if self.reload(slot).await.is_ok_and(|slot| !slot.is_occupied()) {
                return Ok(());
            }
        }
        Err(self.client.error_of_ways(failed))
    }

    /// Inserts the image in one slot by each way in turn.
    async fn insert(&mut self, slot: &Slot, image: &Url) -> Result<Insertion, Error> {
        let mut failed = Vec::new();
        let mut ways = self.quirks.insert_ways(&self.platform, slot, image).into_iter().peekable();
        while let Some(way) = ways.next() {
            let respelled = ways.peek().is_some_and(|next| next.respells(&way));
            let lost = match self.insert_by(&way, slot, image).await? {
                Performed::Accepted(_) => None,
                Performed::Lost(error) => Some(error),
                Performed::Unfinished(error) => {
                    let error = if error.advice().is_some() { error } else { error.advise(self.fetch_advice(image)) };
                    failed.push((way.to_string(), error));
                    continue;
                }
                Performed::Refused(refusal) if blames_image(&refusal) && !respelled => {
                    let advice = self.quirks.advice(&refusal).unwrap_or_else(|| self.fetch_advice(image));
                    return Err(self.client.refused(&refusal).advise(advice).finally());
                }
                Performed::Refused(refusal) if wants_licence(&refusal) => {
                    return Err(self.client.refused(&refusal).finally());
                }
                Performed::Refused(refusal) => {
                    let error = self.client.refused(&refusal);
                    let error = if error.advice().is_some() { error } else { error.advise(self.fetch_advice(image)) };
                    failed.push((way.to_string(), error));
                    continue;
                }
            };
            let showing = format!("to show {}", without_password(image.as_str()));
            let quirks = self.quirks;
            return match self.await_slot(slot, &showing, |slot| slot.holds(image) && quirks.has_arrived(slot)).await {
                Ok(_) => Ok(Insertion::Shown),
                Err(error) if error.is_final() => Err(error),
                Err(error) => Ok(Insertion::Unshown(lost.unwrap_or_else(|| error.advise(self.fetch_advice(image))))),
            };
        }
        Ok(Insertion::Refused(self.client.error_of_ways(failed)))
    }

    /// Sends an insert and waits for the work behind it. Again, where the vendor says that it may work then, or where the
    /// slot turned out to be taken.
    async fn insert_by(&mut self, way: &Way, slot: &Slot, image: &Url) -> Result<Performed, Error> {
        let mut slot = slot.clone();
        let mut ejected = false;
        let mut sent = 0;
        loop {
            sent += 1;
            let performed = match way {
                Way::Action => self.climb(&slot, image).await?,
                Way::Patch(body) => self.patch_slot(&slot, body).await,
                Way::Post { path, body } => self.client.post(path, body).await.into(),
                Way::Configure { config, body, action, act } => self.configure(&slot, config, body, action, act).await,
            };
            let refusal = match performed {
                Performed::Accepted(answer) => match self.outcome(&answer).await {
                    Ok(Ok(())) => return Ok(Performed::Accepted(answer)),
                    Ok(Err(refusal)) => refusal,
                    Err(error) if error.is_final() => return Err(error),
                    Err(error) => return Ok(Performed::Unfinished(error)),
                },
                Performed::Lost(error) if !error.is_lost() => return Err(error),
                // What was configured may have been mounted without the action.
                Performed::Refused(refusal)
                    if matches!(way, Way::Configure { .. })
                        && self.reload(&slot).await.is_ok_and(|now| now.holds(image)) =>
                {
                    return Ok(Performed::Lost(self.client.refused(&refusal)));
                }
                // The ladder has vacated the slot already.
                Performed::Refused(refusal) if *way == Way::Action => return Ok(Performed::Refused(refusal)),
                Performed::Refused(refusal) => refusal,
                other => return Ok(other),
            };
            if self.quirks.says_occupied(&refusal) && !ejected {
                ejected = true;
                slot = self.vacate(&slot).await?;
            } else if self.quirks.may_insert_again(&refusal) && sent < INSERTS {
                debug!(error = %self.client.refused(&refusal), "sending the insert again");
                self.client.pause(self.client.limits().poll * 2, "the next insert").await?;
                slot = self.reload(&slot).await?;
                if slot.is_occupied() {
                    slot = self.vacate(&slot).await?;
                }
            } else {
                return Ok(Performed::Refused(refusal));
            }
        }
    }

    /// The standard insert action, from the smallest body upwards, once more after an eject where the slot was taken.
    async fn climb(&mut self, slot: &Slot, image: &Url) -> Result<Performed, Error> {
        let Some(target) = slot.insert_target() else {
            return Err(self.client.error(Kind::Unsupported, format!("has no insert action in slot {}", slot.id)));
        };
        let info = self.insert_info(slot).await?;
        let taken = Taken::read(&slot.resource, info.as_ref());
        if !taken.takes(image) {
            let answer = format!("takes images by {} only, not {}", taken.protocols.join(", "), protocol(image));
            let advice = "serve the image by one of those, and set virtual-media/image-url to where";
            return Err(self.client.error(Kind::Unsupported, answer).advise(advice).finally());
        }
        let mut ladder = Ladder::new(image, &taken);
        let mut tried = Tried::default();
        let mut ejected = false;
        loop {
            let refusal = match self.client.post(&target, &ladder.body()).await.into() {
                Performed::Refused(refusal) => refusal,
                other => return Ok(other),
            };
            tried.add(ladder.form(), &refusal);
            let is_occupied = self.quirks.says_occupied(&refusal);
            if is_occupied && !ejected {
                ejected = true;
                self.vacate(slot).await?;
            } else if is_occupied || blames_image(&refusal) || !ladder.climb(&refusal) {
                return Ok(Performed::Refused(tried.told(refusal)));
            }
        }
    }

    /// What the BMC says that a slot's insert action takes, where it says so in a resource of its own that can be read. It
    /// changes with the firmware only, and is kept with what else is known of the BMC.
    pub(super) async fn insert_info(&mut self, slot: &Slot) -> Result<Option<Resource>, Error> {
        let place = "Actions/#VirtualMedia.InsertMedia/@Redfish.ActionInfo";
        let Some(path) = slot.resource.text(place) else { return Ok(None) };
        if let Some(known) = self.platform.insert_infos.get(&path) {
            return Ok(Some(known.clone()));
        }
        let found = self.client.find(&path).await.or_else(|e| if e.is_final() { Err(e) } else { Ok(None) })?;
        if let Some(info) = &found {
            self.platform.insert_infos.insert(path, info.clone());
            self.memory.keep(&self.platform);
        }
        Ok(found)
    }

    /// Configures an image, then has it mounted.
    async fn configure(&mut self, slot: &Slot, config: &str, body: &Value, action: &str, act: &Value) -> Performed {
        // Known where the slot is the configuration.
        let etag = slot.resource.etag.as_deref().filter(|_| slot.path() == config);
        match self.client.patch(config, etag, body).await {
            Ok(Ok(answer)) => match self.finish(answer).await {
                Ok(()) => self.client.post(action, act).await.into(),
                Err(error) => Performed::Lost(error),
            },
            other => other.into(),
        }
    }

    /// What to check where an image was not taken.
    fn fetch_advice(&self, image: &Url) -> String {
        let host = image.host_str().unwrap_or("the image's host");
        let port = image.port_or_known_default().map(|port| format!(":{port}")).unwrap_or_default();
        // A server without ranges is read to the place that is wanted, or given up (eks-anywhere#10484).
        let ranges = if image.scheme().starts_with("http") { ", byte ranges" } else { "" };
        let usual = format!(
            "check that the BMC itself can fetch the image from {host}{port}: name, route, firewall, certificate{ranges}"
        );
        match self.quirks.also_checks(image) {
            Some(more) => format!("{usual}; {more}"),
            None => usual,
        }
    }

    async fn patch_slot(&mut self, slot: &Slot, body: &Value) -> Performed {
        self.client.patch(slot.path(), slot.resource.etag.as_deref(), body).await.into()
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
    async fn await_slot(&mut self, slot: &Slot, awaited: &str, wanted: impl Fn(&Slot) -> bool) -> Result<Slot, Error> {
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

impl From<Result<Result<Answer, Refusal>, Error>> for Performed {
    fn from(result: Result<Result<Answer, Refusal>, Error>) -> Self {
        match result {
            Ok(Ok(answer)) => Self::Accepted(answer),
            Ok(Err(refusal)) => Self::Refused(refusal),
            Err(error) => Self::Lost(error),
        }
    }
}
