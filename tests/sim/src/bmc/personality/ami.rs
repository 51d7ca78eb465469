//! What all AMI `MegaRAC`s have in common: remote media that is off at first, the future state at `SD`, images by task.
//!
//! Sources: recorded tree of a DGX H100 (libredfish, `nvidia_viking`); Lenovo's manual and scripts for its TSM;
//! a field record of firmware 13.06.10 on a Gigabyte board, with a stand-in of its answers; redfish-vendors 1.9.

use serde_json::{Value, json};

use super::super::call::{Act, Call, Effect, Reply};
use super::super::inventory::{Expand, Inventory};
use super::super::light::{LightProperty, LightRules};
use super::super::machine::Machine;
use super::super::message::{Errors, Message, Refusal, Registry};
use super::super::oem::{Oem, Part};
use super::super::profile::{
    Answer, BootRules, DriveShape, EmptyImage, EtagCheck, EtagForm, Etags, Http, Identity, Listing, Media, Member,
    ModeRule, Place, PowerRules, Profile, SettingsShape, Tasks, Under,
};
use super::super::resources::uri;
use super::super::route::{check_action, read};

/// What differs between builds.
pub(super) struct Ami {
    /// Before the actions' names: `AMIVirtualMedia`, on older builds `VirtualMedia` (Lenovo's scripts know both).
    pub(super) actions: &'static str,
    /// Where the manager shows the switch: in a section `Ami`, on older builds in the actions (`mount_virtual_media.py`).
    pub(super) shows: Shows,
    /// CD slots there are before anybody configures them.
    pub(super) instances: u8,
    /// What `InsertMedia` says it takes as `TransferProtocolType`.
    pub(super) protocols: &'static [&'static str],
}

/// Where a manager shows whether remote media is on, and how many CD slots are configured.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shows {
    Section,
    Actions,
}

/// Reads of the manager, or below it, that still show remote media off after it was switched on: it takes 4 to 5 s.
const STARTING: u8 = 3;
/// Remote media is on, and there is no slot to see it by; kept among the vendor's own settings.
const ON_WITHOUT_SLOTS: &str = "RMediaWithoutSlots";

pub(super) fn profile(ami: &'static Ami, base: &'static str) -> Profile {
    let generic = Profile::generic();
    Profile {
        identity: Identity {
            vendor: Some("AMI"),
            product: Some("AMI Redfish Server"),
            oem_key: Some("Ami"),
            server: Some("AMI MegaRAC Redfish Service"),
            redfish_version: "1.15.1",
            system: "Self",
            manager: "Self",
            chassis: "Self",
            ..generic.identity
        },
        http: Http {
            // Weak (field record), and a PATCH needs one: 428 (gofish#171).
            etags: Etags { form: EtagForm::Weak, on_patch: EtagCheck::Required },
            // The body names the task; a Location is not recorded.
            tasks: Tasks { monitor: false, location: false, ..generic.http.tasks },
            ..generic.http
        },
        media: Media {
            drives: vec![DriveShape { id: "CD1", boots: true }, DriveShape { id: "RemovableStick1", boots: false }],
            places: vec![Place {
                under: Under::Manager,
                members: vec![Member::new("CD1", &["CD"], 0), Member::new("RemovableStick1", &["USBStick"], 1)],
            }],
            insert: Answer::Task,
            // 202 here, 204 in the field record: by build.
            eject: Answer::Task,
            // Believed required, as sent in every script known.
            needs: vec!["TransferProtocolType"],
            // The task ends before the slot shows it (field record).
            late_reads: 1,
            empty_image: EmptyImage::Blank,
            // Neither is recorded; believed refused.
            eject_empty: Some(Registry(base).says(400, "GeneralError", "Nothing is redirected.")),
            insert_occupied: Some(Registry(base).says(400, "ResourceInUse", "The slot redirects an image.")),
            off_at_first: true,
            ..generic.media
        },
        boot: BootRules {
            // Recorded in omni and bmcctl (ASRock Rack), Tacklebox#111, #144.
            system_refuses: Some(Message::new(
                400,
                "Ami.1.0.OperationSupportedInFutureStateURI",
                "Boot is set in the future state, SD.",
            )),
            settings: Some(SettingsShape { name: "SD", takes_boot: true }),
            targets: &["None", "Pxe", "Cd", "Usb", "Hdd", "BiosSetup", "UefiTarget", "UefiBootNext"],
            // ironic VENDORS_REQUIRING_FULL_BOOT_REQUEST.
            mode: ModeRule::Required,
            ..generic.boot
        },
        power: PowerRules {
            // The ActionInfo of a DGX H100 (recorded): no PowerCycle.
            resets: &["ForceOff", "ForceRestart", "GracefulShutdown", "On"],
            listing: Listing::ActionInfo,
            shows_transitions: false,
            ..generic.power
        },
        // Believed.
        light: LightRules { system: &[LightProperty::Led], chassis: &[LightProperty::Led], ..generic.light },
        // nv-redfish, bmc_quirks.rs: expanded members lack required fields.
        inventory: Inventory { expand: Expand::Lossy, ..generic.inventory },
        errors: errors(base),
        oem: ami,
    }
}

fn errors(base: &'static str) -> Errors {
    Errors {
        // To an https URL (field record).
        scheme: Registry(base).says(400, "ActionParameterValueFormatError", "The image's URL has another format."),
        // In the task; its id is not recorded.
        unreachable: Registry(base).says(400, "GeneralError", "The image is not available in the given path."),
        precondition_required: Message::new(428, "Ami.1.0.PreconditionHeaderMissing", "If-Match is required here."),
        ..Errors::dmtf(base)
    }
}

impl Ami {
    /// CD slots configured.
    fn instances(&self, machine: &Machine) -> u8 {
        let configured = machine.attributes.get("CDInstances").and_then(|count| count.parse().ok());
        configured.unwrap_or(self.instances).max(u8::from(machine.media_enabled))
    }

    fn is_on(machine: &Machine) -> bool {
        machine.media_enabled || machine.attributes.contains_key(ON_WITHOUT_SLOTS)
    }

    /// Comes a read nearer to what was switched on.
    fn settle(&self, machine: &mut Machine) {
        let starting = machine.attributes.get("RMediaStarting").and_then(|left| left.parse::<u8>().ok());
        match starting {
            Some(left @ 1..) => {
                machine.attributes.insert("RMediaStarting".to_owned(), (left - 1).to_string());
            }
            Some(0) => {
                machine.attributes.remove("RMediaStarting");
                self.switched_on(machine);
            }
            None => {}
        }
    }

    fn switched_on(&self, machine: &mut Machine) {
        if self.instances(machine) > 0 {
            machine.media_enabled = true;
        } else {
            machine.attributes.insert(ON_WITHOUT_SLOTS.to_owned(), String::new());
        }
    }

    fn act(machine: &Machine, call: &Call, action: &str) -> Result<Act, Refusal> {
        let profile = machine.profile.clone();
        check_action(&profile, call)?;
        let body = call.object(&profile)?;
        let value = |name: &str| body.get(name).ok_or_else(|| Refusal::about(&profile.errors.missing, name));
        let effect = match action {
            "EnableRMedia" => match (value("RMediaState")?.as_str(), Self::is_on(machine)) {
                (Some("Enable"), false) => Effect::apply(|machine| {
                    machine.attributes.insert("RMediaStarting".to_owned(), STARTING.to_string());
                }),
                (Some("Disable"), true) if machine.drives.iter().all(|drive| drive.image.is_none()) => {
                    Effect::apply(|machine| {
                        machine.media_enabled = false;
                        machine.attributes.remove(ON_WITHOUT_SLOTS);
                    })
                }
                (Some("Disable"), true) => {
                    let busy = Message::new(400, "AmiOem.1.0.ActionInProgress", "Media redirection is in progress.");
                    return Err(Refusal::about(&busy, "RMediaState"));
                }
                // SupportDisabled to Disable is recorded; the other is its like.
                (Some("Enable"), true) => {
                    return Err((&Message::new(400, "AmiOem.1.0.SupportEnabled", "It is enabled already.")).into());
                }
                (Some("Disable"), false) => {
                    return Err((&Message::new(400, "AmiOem.1.0.SupportDisabled", "It is disabled already.")).into());
                }
                _ => return Err(Refusal::about(&profile.errors.not_in_list, "RMediaState")),
            },
            "ConfigureCDInstance" => match value("CDInstance")?.as_u64() {
                // Believed: not before remote media is on.
                Some(0..=4) if !Self::is_on(machine) => return Err((&profile.errors.disabled).into()),
                Some(count @ 0..=4) => Effect::apply(move |machine| {
                    machine.attributes.insert("CDInstances".to_owned(), count.to_string());
                    machine.media_enabled = count > 0;
                    if count == 0 {
                        machine.attributes.insert(ON_WITHOUT_SLOTS.to_owned(), String::new());
                    }
                }),
                _ => return Err(Refusal::about(&profile.errors.not_in_list, "CDInstance")),
            },
            _ => return Err((&profile.errors.not_found).into()),
        };
        Ok(Act::Perform(vec![effect], Answer::Ok))
    }

    /// A read of a slot: the second one that shows an image finds it redirected.
    fn look_at_slot(machine: &mut Machine, id: &str) {
        let drive = drive_of(machine, id).and_then(|drive| machine.drives.get(drive));
        let shown = drive.filter(|drive| drive.late_reads == 0);
        let Some(image) = shown.and_then(|drive| drive.image.clone()) else { return };
        let seen = machine.attributes.insert(format!("Seen/{id}"), image.clone());
        if seen.as_deref() == Some(&image) {
            machine.attributes.insert(format!("Redirected/{id}"), image);
        }
    }

    fn action_info(&self, profile: &Profile, call: &Call, path: &str) -> Result<Act, Refusal> {
        let parameter = |name: &str, required: bool| json!({"Name": name, "Required": required, "DataType": "String"});
        let mut protocol = parameter("TransferProtocolType", profile.media.needs.contains(&"TransferProtocolType"));
        protocol["AllowableValues"] = json!(self.protocols);
        let body = json!({
            "@odata.id": path,
            "@odata.type": "#ActionInfo.v1_1_2.ActionInfo",
            "Id": "InsertMediaActionInfo",
            "Name": "InsertMedia Action Info",
            "Parameters": [
                parameter("Image", true), protocol, parameter("UserName", false), parameter("Password", false),
            ],
        });
        read(profile, call, body)
    }
}

fn drive_of(machine: &Machine, id: &str) -> Option<usize> {
    let members = machine.profile.media.places.iter().flat_map(|place| &place.members);
    members.into_iter().find(|member| member.id == id).map(|member| member.drive)
}

impl Oem for Ami {
    fn decorate(&self, part: Part, machine: &Machine, body: &mut Value) {
        match part {
            Part::System => {
                // They are in SD alone (recorded).
                if let Some(boot) = body["Boot"].as_object_mut() {
                    boot.retain(|name, _| !name.ends_with("@Redfish.AllowableValues"));
                }
            }
            Part::Manager => {
                let status = if Self::is_on(machine) { "Enabled" } else { "Disabled" };
                let instances = self.instances(machine);
                let manager = format!("Managers/{}", machine.profile.identity.manager);
                let name = |action: &str| format!("{}.{action}", self.actions);
                for action in ["EnableRMedia", "ConfigureCDInstance"] {
                    let target = uri(&machine.profile, &format!("{manager}/Actions/Oem/{}", name(action)));
                    body["Actions"]["Oem"][format!("#{}", name(action))] = json!({"target": target});
                }
                if self.shows == Shows::Section {
                    let shown = json!({"CDInstances": instances, "RMediaStatus": status});
                    body["Oem"] = json!({"Ami": {"VirtualMedia": shown}});
                } else {
                    let actions = &mut body["Actions"]["Oem"];
                    actions[format!("#{}", name("EnableRMedia"))]["Status"] = json!(status);
                    actions[format!("#{}", name("ConfigureCDInstance"))]["CDInstances"] = json!(instances);
                }
            }
            Part::Member(drive) => {
                let id = body["Id"].as_str().unwrap_or_default().to_owned();
                let image = machine.drives.get(drive).and_then(|drive| drive.image.as_ref());
                let redirected = image.is_some() && machine.attributes.get(&format!("Redirected/{id}")) == image;
                // A field report has this property and Started; the other words are ours.
                let status = match (image.is_some(), redirected) {
                    (false, _) => "Not Started",
                    (true, false) => "In Progress",
                    (true, true) => "Started",
                };
                body["Oem"] = json!({"Ami": {"RedirectionStatus": status}});
                let info = format!("{}/InsertMediaActionInfo", body["@odata.id"].as_str().unwrap_or_default());
                body["Actions"]["#VirtualMedia.InsertMedia"]["@Redfish.ActionInfo"] = json!(info);
            }
            Part::Root | Part::Settings | Part::Task => {}
        }
    }

    fn route(&self, machine: &mut Machine, call: &Call) -> Option<Act> {
        let manager = format!("/redfish/v1/Managers/{}", machine.profile.identity.manager);
        let below = call.path.strip_prefix(&manager)?;
        if call.reads() {
            self.settle(machine);
        }
        let answered = match below.trim_start_matches('/').split('/').collect::<Vec<_>>().as_slice() {
            ["Actions", "Oem", action] => {
                let action = action.strip_prefix(self.actions).and_then(|action| action.strip_prefix('.'))?;
                Self::act(machine, call, action)
            }
            ["VirtualMedia", id] if call.reads() => {
                Self::look_at_slot(machine, id);
                return None;
            }
            ["VirtualMedia", id, "InsertMediaActionInfo"] if drive_of(machine, id).is_some() => {
                self.action_info(&machine.profile, call, &call.path)
            }
            _ => return None,
        };
        Some(answered.unwrap_or_else(|refusal| Act::Reply(Reply::refusal(&refusal, &machine.profile))))
    }
}
