//! Puts an image in one slot and takes it out, by each way in turn (rules R3 to R5).

use serde_json::{Value, json};
use tracing::debug;
use url::Url;

use super::Redfish;
use super::answer::{Answer, Refusal, Tried};
use super::ladder::{Ladder, Taken, protocol};
use super::slot::{Slot, without_password};
use super::value::Resource;
use super::vendors::{Way, blames_image, wants_licence};
use crate::bmc::error::{Error, Kind};

/// How often an insert is sent where the vendor's may fail for no reason.
const INSERTS: u32 = 3;

/// What to do where an eject was taken and the image stays: what a console attached goes by the console alone.
const STILL_THERE: &str = "a console session may hold it: close that, else restart the BMC";

/// How often a slot is looked at whose eject was refused: perhaps because it is empty, and only shows what it held.
const LOOKS_AFTER_REFUSAL: u32 = 5;

/// How an attempt at a slot ended.
pub(super) enum Insertion {
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
    /// Ejects what is in the slots and waits until each is free (rule R3). What is left is each slot as it is then: its
    /// `ETag` was another before.
    pub(super) async fn empty(&mut self, slots: &mut [Slot]) -> Result<(), Error> {
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
    pub(super) async fn insert(&mut self, slot: &Slot, image: &Url) -> Result<Insertion, Error> {
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
