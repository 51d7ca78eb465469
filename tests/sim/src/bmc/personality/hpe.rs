//! What all iLOs have in common: names, errors, `BootOnNextServerReset`, the vendor's own insert action.
//!
//! Sources: recorded tree of a DL385 Gen10 Plus v2 (libredfish tests/mockups/hpe); redfishdocs of iLO 5 to 7;
//! ilorest's VirtualMediaCommand.py; redfish-vendors 1.3.

use serde_json::{Map, Value, json};

use super::super::call::{Act, Call, Effect, Reply};
use super::super::inventory::{Expand, Inventory, Section, oem_links};
use super::super::light::{LightProperty, LightRules};
use super::super::machine::{Machine, NextReset};
use super::super::media::{eject, insert_effects};
use super::super::message::{Errors, Message, Refusal, Registry};
use super::super::oem::{Oem, Part};
use super::super::profile::{
    Answer, BootRules, Disabled, DriveShape, EmptyImage, EtagCheck, EtagForm, Etags, Http, Identity, Media, Member,
    ModeRule, Place, PowerRules, Profile, Under,
};
use super::super::route::check_action;
use super::super::state::Device;

/// What differs between generations in the vendor's own part.
pub(super) struct Hpe {
    /// The key under `Oem`.
    pub(super) key: &'static str,
    /// `HpeiLOVirtualMedia`, `HpiLOVirtualMedia`.
    pub(super) media: &'static str,
    /// An action may also be sent to the member itself, by name in the body.
    pub(super) action_by_name: bool,
}

/// The drive that has `BootOnNextServerReset`.
const CD: usize = 1;

pub(super) fn profile(hpe: &'static Hpe, base: &'static str, own: &'static str) -> Profile {
    let generic = Profile::generic();
    Profile {
        identity: Identity {
            vendor: Some("HPE"),
            oem_key: Some(hpe.key),
            system: "1",
            manager: "1",
            chassis: "1",
            manufacturer: "HPE",
            ..generic.identity
        },
        http: Http {
            // Weak, and not needed (recorded; redfish-vendors 1.3).
            etags: Etags { form: EtagForm::Weak, on_patch: EtagCheck::Ignored },
            // sushy virtual_media.py sends {} because of this.
            empty_body: Some(Registry(base).says(400, "MalformedJSON", "There is no body.")),
            ..generic.http
        },
        media: Media {
            drives: vec![DriveShape { id: "1", boots: false }, DriveShape { id: "2", boots: true }],
            // The system has no link to it (recorded).
            places: vec![Place {
                under: Under::Manager,
                members: vec![Member::new("1", &["Floppy", "USBStick"], 0), Member::new("2", &["CD", "DVD"], 1)],
            }],
            // Image can be PATCHed as well (redfishdocs ilo7_114).
            patch: true,
            insert: Answer::Ok,
            eject: Answer::Ok,
            schemes: vec!["http", "https"],
            // Recorded: "" and no ImageName.
            empty_image: EmptyImage::Blank,
            // Both 400 (redfish-bash, a note on iLO 5 2.25 and ironic's HPE driver know them by the id alone).
            eject_empty: Some(Registry(own).says(400, "NoVirtualMediaConnectionAvailable", "Nothing is connected.")),
            // That the slots stay is believed.
            disabled: Disabled::Refused,
            insert_occupied: Some(Registry(own).says(
                400,
                "MaxVirtualMediaConnectionEstablished",
                "There is no connection left.",
            )),
            ..generic.media
        },
        boot: BootRules {
            targets: &[
                "None",
                "Cd",
                "Hdd",
                "Usb",
                "SDCard",
                "Utilities",
                "Diags",
                "BiosSetup",
                "Pxe",
                "UefiShell",
                "UefiHttp",
                "UefiTarget",
            ],
            // Shown, not writable: 400 (community.general#3509).
            mode: ModeRule::ReadOnly,
            answer: Answer::Ok,
            during_post: Some(Registry(own).says(400, "UnableToModifyDuringSystemPOST", "Not during POST.")),
            ..generic.boot
        },
        power: PowerRules {
            // No PowerCycle (recorded).
            resets: &[
                "On",
                "ForceOff",
                "GracefulShutdown",
                "ForceRestart",
                "Nmi",
                "PushPowerButton",
                "GracefulRestart",
            ],
            shows_transitions: false,
            // redfish-bash README, iLO 5 2.16; ansible-ilo#1, iLO 4.
            conflict: Some(Registry(own).says(400, "InvalidOperationForSystemState", "Not in this state of power.")),
            answer: Answer::Ok,
            ..generic.power
        },
        light: LightRules {
            // Recorded: Off on the system. A flashing light is the iLO's own sign of remote management (HPE's guide of the
            // Apollo 4510 Gen10, UID LED), hence believed not to be settable.
            system: &[LightProperty::Led],
            chassis: &[LightProperty::Led],
            takes: &["Lit", "Off"],
            rest: "Off",
        },
        inventory: Inventory {
            // Believed: no SimpleStorage, and $expand by levels.
            linked: Section::WITHOUT_SIMPLE_STORAGE,
            expand: Expand::WithLevels,
            ..generic.inventory
        },
        errors: errors(base, own),
        oem: hpe,
    }
}

fn errors(base: &'static str, own: &'static str) -> Errors {
    Errors {
        code: Some("iLO.0.10.ExtendedInfo".into()),
        texts: false,
        unauthorized: Registry(base).says(401, "NoValidSession", "There is no session."),
        // What an unreachable image answers is not recorded.
        unreachable: Registry(base).says(400, "CouldNotEstablishConnection", "The image cannot be reached."),
        settling: Registry(own).says(400, "InvalidOperationForSystemState", "Not now."),
        licence: Registry(own).says(400, "LicenseKeyRequired", "A licence is needed."),
        // The id is in the message registry of iLO 5 (redfishdocs); the status is assumed.
        disabled: Registry(own).says(400, "VirtualMediaIsDisabled", "Virtual media is off."),
        ..Errors::dmtf(base)
    }
}

impl Oem for Hpe {
    fn decorate(&self, part: Part, machine: &Machine, body: &mut Value) {
        match part {
            Part::System => {
                let state = if machine.in_post { "InPost" } else { "FinishedPost" };
                body["Oem"] = json!({self.key: {"PostState": state, "Links": oem_links(machine)}});
            }
            Part::Member(drive) => self.member(drive, machine, body),
            _ => {}
        }
    }

    fn route(&self, machine: &mut Machine, call: &Call) -> Option<Act> {
        let member = call.path.strip_prefix("/redfish/v1/Managers/1/VirtualMedia/")?;
        let (id, below) = member.split_once('/').unwrap_or((member, ""));
        let drive = id.parse::<usize>().ok()?.checked_sub(1).filter(|drive| *drive <= CD)?;
        let own = format!("Actions/Oem/{}/{}.", self.key, self.media);
        let answered = if let Some(action) = below.strip_prefix(&own) {
            act(machine, call, drive, action)
        } else if below.is_empty() && call.method == "POST" && self.action_by_name {
            act_by_name(machine, call, drive)
        } else {
            return None;
        };
        Some(answered.unwrap_or_else(|refusal| Act::Reply(Reply::refusal(&refusal, &machine.profile))))
    }

    fn patch_member(
        &self,
        machine: &Machine,
        drive: usize,
        body: &mut Map<String, Value>,
    ) -> Result<Vec<Effect>, Refusal> {
        let Some(mut oem) = body.remove("Oem") else { return Ok(Vec::new()) };
        let errors = &machine.profile.errors;
        let wanted = oem[self.key]["BootOnNextServerReset"].take();
        let wanted = match wanted.as_bool() {
            // Only the CD has it (redfish-vendors 1.3).
            Some(wanted) if drive == CD => wanted,
            Some(_) => return Err(Refusal::about(&errors.unknown_property, "BootOnNextServerReset")),
            None => return Err(Refusal::about(&errors.wrong_type, "BootOnNextServerReset")),
        };
        let nothing_there = machine.profile.media.eject_empty.clone();
        Ok(vec![Effect::Apply(Box::new(move |machine| arm(machine, drive, wanted, nothing_there.as_ref())))])
    }

    fn boot_once(&self, machine: &Machine) -> Option<String> {
        let armed = machine.drives.iter().any(|drive| drive.next_reset == NextReset::Armed);
        armed.then(|| "BootOnNextServerReset".to_owned())
    }

    /// The image leaves by itself at the second reset (redfishdocs; redfish-vendors 1.3).
    fn before_boot(&self, machine: &mut Machine) {
        for drive in 0..machine.drives.len() {
            if machine.drives.get(drive).is_some_and(|drive| drive.next_reset == NextReset::Used) {
                machine.eject(drive);
            }
        }
    }

    fn take_boot_once(&self, machine: &mut Machine) -> Option<Device> {
        let drive = machine.drives.iter_mut().find(|drive| drive.next_reset == NextReset::Armed)?;
        drive.next_reset = NextReset::Used;
        Some(Device::VirtualCd)
    }
}

/// After the insert, and only then; in which words an empty drive refuses is not recorded.
fn arm(machine: &mut Machine, drive: usize, wanted: bool, nothing_there: Option<&Message>) -> Result<(), Refusal> {
    match (machine.drives.get_mut(drive), nothing_there) {
        (Some(drive), Some(message)) if wanted && drive.image.is_none() => Err(message.into()),
        (Some(drive), _) => {
            drive.next_reset = if wanted { NextReset::Armed } else { NextReset::Unset };
            Ok(())
        }
        (None, _) => Ok(()),
    }
}

impl Hpe {
    fn member(&self, drive: usize, machine: &Machine, body: &mut Value) {
        if body["Inserted"] == json!(false)
            && let Some(body) = body.as_object_mut()
        {
            body.remove("ImageName");
        }
        let path = body["@odata.id"].as_str().unwrap_or_default().trim_end_matches('/').to_owned();
        let slash = if machine.profile.http.trailing_slash { "/" } else { "" };
        let target =
            |action: &str| json!({"target": format!("{path}/Actions/Oem/{}/{}.{action}{slash}", self.key, self.media)});
        let mut own = json!({"Actions": {
            format!("#{}.InsertVirtualMedia", self.media): target("InsertVirtualMedia"),
            format!("#{}.EjectVirtualMedia", self.media): target("EjectVirtualMedia"),
        }});
        if drive == CD {
            let armed = machine.drives.get(drive).is_some_and(|drive| drive.next_reset == NextReset::Armed);
            own["BootOnNextServerReset"] = json!(armed);
        }
        body["Oem"] = json!({self.key: own});
    }
}

fn act(machine: &mut Machine, call: &Call, drive: usize, action: &str) -> Result<Act, Refusal> {
    check_action(&machine.profile, call)?;
    let body = call.object(&machine.profile)?;
    do_action(machine, &body, drive, action)
}

fn do_action(machine: &mut Machine, body: &Map<String, Value>, drive: usize, action: &str) -> Result<Act, Refusal> {
    match action {
        "InsertVirtualMedia" => {
            let effects = insert_effects(machine, body, drive)?;
            Ok(Act::Perform(effects, machine.profile.media.insert))
        }
        "EjectVirtualMedia" => eject(machine, drive),
        _ => Err((&machine.profile.errors.not_found).into()),
    }
}

/// `{"Action":"InsertVirtualMedia","Target":"/Oem/Hp","Image":…}` to the member (ilorest above 2.30; ilo-chef).
fn act_by_name(machine: &mut Machine, call: &Call, drive: usize) -> Result<Act, Refusal> {
    let mut body = call.object(&machine.profile)?;
    body.remove("Target");
    let action = body.remove("Action");
    let Some(action) = action.as_ref().and_then(Value::as_str) else {
        return Err(Refusal::about(&machine.profile.errors.missing, "Action"));
    };
    do_action(machine, &body, drive, action)
}
