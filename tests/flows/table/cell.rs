//! One cell of the table: an action on a BMC in a state, its answer, what it leaves behind, and what was asked for it.

use std::collections::{BTreeMap, BTreeSet};

use drp_virtual_media_sim::bmc::{Bmc, Counts, Device, Power, Profile, Request, State as Seen};
use drp_virtual_media_sim::endpoint::RpcError;
use serde_json::{Value, json};

use super::Place;
use super::cells::{Action, Does, MOUNT, Outcome, STATUS, State, TABLE};

/// Somebody else's image. Nobody serves it.
const FOREIGN: &str = "http://elsewhere.example/foreign.iso";

/// Of every simulated BMC until it is changed, and of its machine always.
const PASSWORD: &str = "calvin";

/// How often one request is sent to a BMC that has no time for it.
const TRIES: usize = 6;

/// What is wrong where the requests of an action did not share their connection.
pub(super) const SECOND_CONNECTION: &str = "an action takes a second TLS connection";

/// What the actions that only look answer on a fresh BMC.
pub(super) struct Fresh(BTreeMap<&'static str, Result<Value, u64>>);

impl Fresh {
    pub(super) async fn read(place: &Place<'_>) -> Self {
        let mut answers = BTreeMap::new();
        for (action, _) in TABLE.iter().filter(|(action, _)| action.does == Does::Looks) {
            answers.insert(action.name, comparable(place.act(action).await));
        }
        Self(answers)
    }
}

/// An answer as it is the same on every BMC of a kind: an error names the machine and the port.
fn comparable(answer: Result<Value, RpcError>) -> Result<Value, u64> {
    answer.map_err(|error| error.data["Code"].as_u64().unwrap_or_default())
}

/// One cell.
pub(super) struct Cell<'a> {
    pub(super) at: &'a Place<'a>,
    pub(super) profile: &'a Profile,
    pub(super) fresh: &'a Fresh,
    pub(super) state: State,
    pub(super) action: Action,
    pub(super) outcome: Outcome,
}

/// What an action is to leave behind.
#[derive(Debug, PartialEq, Eq)]
struct Left {
    /// What the drives hold.
    images: Vec<String>,
    power: Power,
    /// What was booted meanwhile.
    booted: Vec<Device>,
    identifies: bool,
    /// What every boot takes that nothing else is set for.
    boots_always: Option<Device>,
    /// What the next two boots take.
    boots_next: [Option<Device>; 2],
}

impl Cell<'_> {
    /// What is otherwise than it should be, one line each.
    pub(super) async fn wrong(&self) -> Vec<String> {
        let bmc = &self.at.bmc;
        bmc.set_power(self.action.on);
        self.prepare().await;
        if let Some(target) = self.action.does.overrules() {
            bmc.set_boot_once(target);
        }
        let (before, counted) = (bmc.state(), bmc.counts());
        bmc.clear_requests();

        let answer = self.at.act(&self.action).await;
        let mut wrong = self.wrong_requests(counted);
        let is_done = answer.is_ok();
        wrong.extend(self.wrong_answer(answer));
        if is_done && self.state == State::Fresh && self.action.does.is_done_once() {
            wrong.extend(self.wrong_again().await);
        }
        let wanted = self.wanted(&before);
        if is_done {
            // A restart that never shows as off is believed before the machine has started.
            let boots = before.boots.len() + wanted.booted.len();
            bmc.until(|bmc| bmc.state().boots.len() >= boots).await;
        }
        let left = left(bmc, &before);
        if left != wanted {
            wrong.push(format!("it leaves {left:?}, not {wanted:?}"));
        }
        wrong
    }

    /// What is otherwise when the action is called once more.
    async fn wrong_again(&self) -> Vec<String> {
        let answer = self.at.act(&self.action).await;
        let resets = answer.as_ref().is_ok_and(|done| done["ResetType"].is_string());
        let resets = resets.then(|| format!("the second time it resets: {answer:?}"));
        let wrong = self.wrong_answer(answer).into_iter().map(|wrong| format!("the second time it {wrong}"));
        wrong.chain(resets).collect()
    }

    /// Brings the BMC into the state.
    async fn prepare(&self) {
        let Place { bmc, image, .. } = self.at;
        match self.state {
            State::Fresh => {}
            State::Ours => {
                if images(&bmc.state()).is_empty() {
                    self.at.act(&MOUNT).await.unwrap();
                }
            }
            State::Foreign => bmc.mount_foreign(FOREIGN),
            State::Stale => bmc.leave_ejected(image, 0, 2),
            State::Ghost => bmc.leave_ejected(image, 1, 2),
            State::Busy => bmc.set_busy(u32::MAX),
            State::Moment => bmc.set_busy(2),
            State::Post => bmc.set_post(true),
            State::Password => bmc.set_password("another"),
            State::Licence => bmc.set_licensed(false),
            State::Disabled => bmc.set_media_enabled(false),
        }
    }

    fn wrong_requests(&self, before: Counts) -> Vec<String> {
        let mut wrong = Vec::new();
        let (requests, counts) = (self.at.bmc.requests(), self.at.bmc.counts());
        let writes: Vec<&Request> = requests.iter().filter(|request| request.method != "GET").collect();
        let may_write = self.action.does != Does::Looks && !matches!(self.state, State::Busy | State::Password);
        if !writes.is_empty() && !may_write {
            wrong.push(format!("it writes: {writes:?}"));
        }
        // Accounts get locked after a few.
        let logins = counts.unauthorized - before.unauthorized;
        if logins != usize::from(self.state == State::Password) || counts.sessions_opened > 0 {
            wrong.push(format!("{logins} logins were refused, {} sessions opened", counts.sessions_opened));
        }
        // What one slot has no licence for, no other has.
        let slots: BTreeSet<&str> = writes.iter().filter_map(|request| slot(&request.path)).collect();
        if self.state == State::Licence && slots.len() > 1 {
            wrong.push(format!("it tries {slots:?}"));
        }
        if self.state == State::Busy && requests.len() > TRIES {
            wrong.push(format!("a busy BMC is sent {} requests", requests.len()));
        }
        let used: Vec<usize> = requests.iter().map(|request| request.connection).collect();
        if used.iter().collect::<BTreeSet<_>>().len() > 1 {
            wrong.push(format!("{SECOND_CONNECTION}, by request: {used:?}"));
        }
        if counts.most_at_once > 1 {
            wrong.push(format!("{} requests at once", counts.most_at_once));
        }
        wrong
    }

    fn wrong_answer(&self, answer: Result<Value, RpcError>) -> Vec<String> {
        if let Outcome::Refused(refusal) = self.outcome {
            let error = match answer {
                Ok(answer) => return vec![format!("answers {answer}, and is to say {:?}", refusal.says)],
                Err(error) => error,
            };
            let quoted = refusal.quotes.map(|quotes| quotes(&self.profile.errors).id.to_string());
            let names = ["machine m".to_owned(), format!("BMC {}", self.at.bmc.address())];
            let said = refusal.says.iter().copied().chain(quoted.as_deref()).chain(names.iter().map(String::as_str));
            let missing: Vec<&str> = said.filter(|said| !error.message.contains(said)).collect();
            let is_secret_kept = !format!("{error:?}").contains(PASSWORD);
            let is_told = error.data["Code"] == refusal.code && missing.is_empty() && is_secret_kept;
            return if is_told { Vec::new() } else { vec![format!("{error:?} lacks {missing:?}")] };
        }
        let expected = self.answer();
        let told = answer.as_ref().err().map(|error| error.message.clone()).unwrap_or_default();
        let answer = comparable(answer);
        let agrees = match (&answer, &expected) {
            // Some tell of the state in the system itself: an iLO of POST, an iRMC of its licence.
            (Ok(answer), Ok(expected)) if self.action.name == "getInfo" => answer["@odata.id"] == expected["@odata.id"],
            // An answer may hold more than what makes it one, such as the reset that was sent.
            (Ok(Value::Object(answer)), Ok(Value::Object(expected))) if self.action.does != Does::Looks => {
                expected.iter().all(|(key, value)| answer.get(key) == Some(value))
            }
            (answer, expected) => answer == expected,
        };
        if agrees { Vec::new() } else { vec![format!("answers {answer:?} {told}, not {expected:?}")] }
    }

    /// The answer of an action that works.
    fn answer(&self) -> Result<Value, u64> {
        let image = self.at.image.as_str();
        Ok(match (self.action.does, self.action.name) {
            (Does::Looks, STATUS) => {
                let shown = match (self.outcome, self.state) {
                    (Outcome::ShowsEjected, _) | (_, State::Ours) => image,
                    (_, State::Foreign) => FOREIGN,
                    _ => "",
                };
                json!({"Image": shown, "Inserted": !shown.is_empty()})
            }
            (Does::Looks, "powerstatus") => json!(if self.action.on { "On" } else { "Off" }),
            (Does::Looks, name) => return self.fresh.0[name].clone(),
            (Does::Mounts { boot_once }, _) => json!({"Image": image, "Inserted": true, "BootOnce": boot_once}),
            (Does::Ejects, _) => json!({"Image": "", "Inserted": false}),
            (Does::Boots, _) => {
                json!({"Image": self.at.own_image(), "Inserted": true, "BootOnce": true, "PowerState": "On"})
            }
            (Does::On | Does::Cycles, _) => json!({"PowerState": "On"}),
            (Does::Off, _) => json!({"PowerState": "Off"}),
            (Does::Next(device), _) => json!({"BootDevice": spoken(device), "Enabled": "Once"}),
            (Does::Always(device), _) => json!({"BootDevice": spoken(device), "Enabled": "Continuous"}),
            (Does::Lights, _) => json!({"Light": "On"}),
        })
    }

    /// What the action has to leave behind.
    fn wanted(&self, before: &Seen) -> Left {
        let is_done = matches!(self.outcome, Outcome::Works);
        let held = images(before);
        let once = |device| [Some(device), Some(Device::Disk)];
        let as_before = Left {
            images: held.clone(),
            power: before.power,
            booted: Vec::new(),
            identifies: before.identifies,
            boots_always: before.boot_always,
            boots_next: once(if self.action.does.overrules().is_some() { Device::Pxe } else { Device::Disk }),
        };
        let booted = vec![Device::Disk];
        if !is_done {
            return as_before;
        }
        match self.action.does {
            Does::Mounts { boot_once } => {
                let device = if boot_once { Device::VirtualCd } else { Device::Disk };
                Left { images: vec![self.at.image.clone()], boots_next: once(device), ..as_before }
            }
            Does::Ejects => Left { images: Vec::new(), ..as_before },
            Does::Boots => Left { images: vec![self.at.own_image()], booted: vec![Device::VirtualCd], ..as_before },
            Does::On | Does::Cycles => Left { power: Power::On, booted, ..as_before },
            Does::Off => Left { power: Power::Off, ..as_before },
            Does::Looks => as_before,
            // Without a medium the machine goes on to its disk.
            Does::Next(Device::VirtualCd) if held.is_empty() => as_before,
            Does::Next(device) => Left { boots_next: once(device), ..as_before },
            Does::Always(device) => Left { boots_always: Some(device), boots_next: [Some(device); 2], ..as_before },
            Does::Lights => Left { identifies: true, ..as_before },
        }
    }
}

impl Does {
    /// Whether what it does is done once when it is called twice.
    fn is_done_once(self) -> bool {
        !matches!(self, Self::Boots | Self::Cycles)
    }

    /// A boot target that somebody else has set once, where what is done would show by nothing else.
    fn overrules(self) -> Option<&'static str> {
        (self == Self::Next(Device::Disk)).then_some("Pxe")
    }
}

fn left(bmc: &Bmc, before: &Seen) -> Left {
    let state = bmc.state();
    Left {
        images: images(&state),
        power: state.power,
        booted: state.boots.iter().skip(before.boots.len()).map(|boot| boot.device).collect(),
        identifies: state.identifies,
        boots_always: state.boot_always,
        boots_next: [bmc.boot(), bmc.boot()],
    }
}

fn images(state: &Seen) -> Vec<String> {
    state.slots.iter().filter_map(|slot| slot.image.clone()).collect()
}

/// The slot that a path leads to or below.
fn slot(path: &str) -> Option<&str> {
    let (_, below) = path.split_once("/VirtualMedia/")?;
    below.split('/').next()
}

fn spoken(device: Device) -> &'static str {
    match device {
        Device::VirtualCd | Device::PhysicalCd => "Cd",
        Device::Pxe => "Pxe",
        _ => "Hdd",
    }
}
