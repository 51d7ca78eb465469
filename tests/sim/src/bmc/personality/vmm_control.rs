//! `VmmControl`, by which Huawei's, xFusion's and H3C's BMCs connect an image, in a task.
//!
//! Sources: a field record of a 2288H V5 with iBMC 6.41 (mammoth's vendor notes); captures of an xFusion 2288H V7 with
//! 3.08.05.85 (bootwright's notes); the payload of H3C in a field page and in H3C's manual (redfish-vendors 1.11).

use serde_json::{Value, json};

use super::super::call::{Act, Call, Effect, Reply};
use super::super::machine::Machine;
use super::super::media::{eject, insert_effects};
use super::super::message::{Message, Refusal};
use super::super::oem::{Oem, Part};
use super::super::profile::{Answer, EtagCheck, EtagForm, Etags, Http, Profile, Under};
use super::super::resources::{place, uri};
use super::super::route::{check_action, read};
use super::super::service::monitored;

/// What differs between those who have it.
pub(super) struct VmmControl {
    /// The key under `Oem` of a member.
    pub(super) key: &'static str,
    /// What a task ends with that would connect an image to a full drive; `None`: refused before there is a task.
    pub(super) occupied: Option<Message>,
    /// The values of `TransferProtocolType`, where the standard action is there too.
    pub(super) protocols: &'static [&'static str],
    /// `TaskState` of a task at work, and of one that is done.
    pub(super) states: [&'static str; 2],
    /// The monitor is below the task, and a failure is a `Warning` with one message that is no list.
    pub(super) monitor_below: bool,
    /// A login must name the domain under `Oem`.
    pub(super) login_domain: bool,
}

/// The HTTP side: a PATCH wants If-Match (gofish#174; H3C's manual).
pub(super) fn http(generic: Http) -> Http {
    Http { etags: Etags { form: EtagForm::Weak, on_patch: EtagCheck::Required }, ..generic }
}

impl Oem for VmmControl {
    fn decorate(&self, part: Part, machine: &Machine, body: &mut Value) {
        match part {
            Part::Member(_) => self.member(&machine.profile, body),
            Part::Task => self.task(body),
            _ => {}
        }
    }

    fn monitor(&self, task: &str) -> Option<String> {
        self.monitor_below.then(|| format!("TaskService/Tasks/{task}/Monitor"))
    }

    fn route(&self, machine: &mut Machine, call: &Call) -> Option<Act> {
        let answered = self.own(machine, call)?;
        Some(answered.unwrap_or_else(|refusal| Act::Reply(Reply::refusal(&refusal, &machine.profile))))
    }
}

impl VmmControl {
    fn member(&self, profile: &Profile, body: &mut Value) {
        let path = body["@odata.id"].as_str().unwrap_or_default().to_owned();
        body["Oem"] = json!({self.key: {"Actions": {"#VirtualMedia.VmmControl": {
            "target": format!("{path}/Oem/{}/Actions/VirtualMedia.VmmControl", self.key),
        }}}});
        if profile.media.actions {
            body["Actions"]["#VirtualMedia.InsertMedia"]["@Redfish.ActionInfo"] =
                json!(format!("{path}/InsertMediaActionInfo"));
        }
    }

    fn task(&self, body: &mut Value) {
        let [working, done] = self.states;
        match body["TaskState"].as_str() {
            Some("Running") => body["TaskState"] = json!(working),
            Some("Completed") => body["TaskState"] = json!(done),
            Some("Exception") if self.monitor_below => {
                body["TaskStatus"] = json!("Warning");
                body["Messages"] = body["Messages"][0].take();
            }
            _ => {}
        }
    }

    fn own(&self, machine: &mut Machine, call: &Call) -> Option<Result<Act, Refusal>> {
        let segments = call.segments()?;
        let (under, id, below) = match segments.as_slice() {
            ["TaskService", "Tasks", id, "Monitor"] if self.monitor_below => {
                let task = machine.tasks.iter().find(|task| task.id == *id)?;
                return Some(Ok(monitored(machine, task)));
            }
            ["SessionService", "Sessions"] if self.login_domain && call.method == "POST" => {
                return self.login(machine, call);
            }
            ["Systems", _, "VirtualMedia", id, below @ ..] => (Under::System, id, below),
            ["Managers", _, "VirtualMedia", id, below @ ..] => (Under::Manager, id, below),
            _ => return None,
        };
        let drive = place(&machine.profile, under)?.members.iter().find(|member| member.id == *id)?.drive;
        let standard = machine.profile.media.actions;
        match below {
            ["Oem", key, "Actions", "VirtualMedia.VmmControl"] if *key == self.key => {
                Some(self.control(machine, call, drive))
            }
            ["Actions", "VirtualMedia.InsertMedia"] if standard => Some(self.insert(machine, call, drive)),
            ["InsertMediaActionInfo"] if standard => Some(self.action_info(machine, call)),
            _ => None,
        }
    }

    /// Refused without the domain, else the engine's.
    fn login(&self, machine: &Machine, call: &Call) -> Option<Result<Act, Refusal>> {
        let body = call.object(&machine.profile).ok()?;
        let named = body.get("Oem").is_some_and(|oem| oem[self.key]["Domain"].is_string());
        (!named).then(|| Err((&machine.profile.errors.unauthorized).into()))
    }

    fn control(&self, machine: &mut Machine, call: &Call, drive: usize) -> Result<Act, Refusal> {
        check_action(&machine.profile, call)?;
        let mut body = call.object(&machine.profile)?;
        let errors = &machine.profile.errors;
        let Some(kind) = body.remove("VmmControlType") else {
            return Err(Refusal::about(&errors.missing, "VmmControlType"));
        };
        match kind.as_str() {
            Some("Connect") => {
                if let Some(name) = body.keys().find(|name| *name != "Image") {
                    return Err(Refusal::about(&errors.unknown_property, name));
                }
                self.connect(machine, &Value::Object(body), drive)
            }
            Some("Disconnect") => eject(machine, drive),
            _ => Err(Refusal::about(&errors.not_in_list, "VmmControlType")),
        }
    }

    /// The standard action of those who have it too.
    fn insert(&self, machine: &mut Machine, call: &Call, drive: usize) -> Result<Act, Refusal> {
        check_action(&machine.profile, call)?;
        let body = call.object(&machine.profile)?;
        let errors = &machine.profile.errors;
        match body.get("TransferProtocolType").map(|protocol| protocol.as_str().unwrap_or_default()) {
            None => return Err(Refusal::about(&errors.missing, "TransferProtocolType")),
            Some(protocol) if !self.protocols.contains(&protocol) => {
                return Err(Refusal::about(&errors.not_in_list, "TransferProtocolType"));
            }
            Some(_) => {}
        }
        self.connect(machine, &Value::Object(body), drive)
    }

    fn connect(&self, machine: &mut Machine, body: &Value, drive: usize) -> Result<Act, Refusal> {
        let mut effects = insert_effects(machine, body.as_object().unwrap_or(&serde_json::Map::new()), drive)?;
        if let Some(occupied) = self.occupied.clone() {
            effects.insert(0, Effect::Apply(Box::new(move |machine| refuse_when_full(machine, drive, &occupied))));
        }
        Ok(Act::Perform(effects, Answer::Task))
    }

    fn action_info(&self, machine: &Machine, call: &Call) -> Result<Act, Refusal> {
        let profile = &*machine.profile;
        let path = call.path.trim_start_matches("/redfish/v1/");
        let body = json!({
            "@odata.id": uri(profile, path), "Id": "InsertMediaActionInfo", "Name": "Insert Media Action Info",
            "Parameters": [
                {"Name": "TransferProtocolType", "Required": true, "AllowableValues": self.protocols},
                {"Name": "Image", "Required": true}, {"Name": "UserName"}, {"Name": "Password"},
            ],
        });
        read(profile, call, body)
    }
}

fn refuse_when_full(machine: &mut Machine, drive: usize, occupied: &Message) -> Result<(), Refusal> {
    match machine.drives.get_mut(drive) {
        Some(drive) if drive.image.is_some() => {
            drive.busy = false;
            Err(occupied.into())
        }
        _ => Ok(()),
    }
}
