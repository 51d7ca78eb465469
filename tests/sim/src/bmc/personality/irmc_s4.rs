//! Fujitsu iRMC S4 with firmware 9.08F: no slot is listed, an image is mounted by a configuration and an action of its own.
//!
//! Sources: the pvese project, its scripts and reports of a TX1320 M3 with 9.08F and 9.69F (redfish-vendors 1.10); Fsas's
//! Ansible collections (`irmc_setvm`, `irmc_connectvm`). What else it shows is as on an S6 (`irmc`), believed.

use serde_json::{Map, Value, json};

use super::super::call::{Act, Call, Effect, Reply};
use super::super::machine::Machine;
use super::super::media::{eject, insert_effects};
use super::super::message::{Errors, Refusal, Registry};
use super::super::oem::{Oem, Part};
use super::super::profile::{
    Answer, DriveShape, EtagCheck, EtagForm, Etags, Http, Identity, Media, Place, PowerRules, Profile, Under,
};
use super::super::route::check_action;
use super::super::state::Power;
use super::irmc::{self, own, own_path, section};

struct S4;

const CD: usize = 0;
const ACTION: &str = "/redfish/v1/Systems/0/Actions/Oem/FTSComputerSystem.VirtualMedia";
/// What of `CDImage` can be written (recorded); `UserDomain` is of no use here.
const PROPERTIES: [&str; 7] = ["Server", "ShareType", "ShareName", "ImageName", "UserName", "Password", "UserDomain"];
/// From this firmware on the action's parameter has the one name alone, and nothing is connected while the machine is off.
const LATE: &str = "9.69F";
/// Where the CDs that are configured are kept.
const DEVICES: &str = "MaximumNumberOfDevices";

pub(super) fn profile() -> Profile {
    let irmc = irmc::profile();
    let base = Registry("Base.1.5");
    Profile {
        identity: Identity {
            server: Some("iRMC S4"),
            redfish_version: "1.2.0",
            model: "PRIMERGY TX1320 M3",
            manager_model: "iRMC S4",
            firmware: "9.08F",
            ..irmc.identity
        },
        http: Http { etags: Etags { form: EtagForm::Strong, on_patch: EtagCheck::BareOnly }, ..irmc.http },
        media: Media {
            drives: vec![DriveShape { id: "CD", boots: true }],
            // The collection is there and empty, also for twelve minutes with an image connected.
            places: vec![Place { under: Under::Manager, members: Vec::new() }],
            actions: false,
            insert: Answer::NoContent,
            eject: Answer::NoContent,
            needs: Vec::new(),
            schemes: vec!["nfs", "cifs"],
            late_reads: 0,
            ..irmc.media
        },
        // A target None is taken: what an S6 refuses of it is not known of an S4.
        power: PowerRules {
            conflict: Some(base.says(400, "ActionParameterValueNotInList", "Not in this state of power.")),
            ..irmc.power
        },
        errors: Errors::dmtf(base.0),
        oem: &S4,
        ..irmc
    }
}

impl Oem for S4 {
    fn decorate(&self, part: Part, machine: &Machine, body: &mut Value) {
        if part == Part::System {
            // A BootConfig is not known of it.
            let media = json!({"@odata.id": format!("{}/VirtualMedia", own_path(machine))});
            body["Oem"] = json!({section(machine): {"VirtualMedia": media}});
            body["Actions"]["Oem"] = json!({"#FTSComputerSystem.VirtualMedia": {
                "target": ACTION, format!("{}@Redfish.AllowableValues", parameters(machine)[0]): allowed(machine)}});
        }
    }

    fn route(&self, machine: &mut Machine, call: &Call) -> Option<Act> {
        let answered = if call.path == ACTION {
            act(machine, call)
        } else if call.path == format!("{}/VirtualMedia", own_path(machine)) {
            own(machine, call, shown(machine), configure)
        } else {
            return None;
        };
        Some(answered.unwrap_or_else(|refusal| Act::Reply(Reply::refusal(&refusal, &machine.profile))))
    }
}

/// The names that the action's parameter may have, the one that is listed first.
fn parameters(machine: &Machine) -> &'static [&'static str] {
    if is_late(machine) { &["FTSVirtualMediaAction"] } else { &["VirtualMediaAction", "FTSVirtualMediaAction"] }
}

fn is_late(machine: &Machine) -> bool {
    machine.profile.identity.firmware == LATE
}

fn is_connected(machine: &Machine) -> bool {
    connected(machine).is_some()
}

fn connected(machine: &Machine) -> Option<&str> {
    machine.drives.get(CD)?.image.as_deref()
}

/// None without the licence; what is connected stays so when the machine is switched off.
fn allowed(machine: &Machine) -> &'static [&'static str] {
    if !machine.licensed {
        &[]
    } else if is_connected(machine) {
        &["DisconnectCD"]
    } else if is_late(machine) && machine.power == Power::Off {
        // The refusal is recorded, what is listed then is believed.
        &[]
    } else {
        &["ConnectCD"]
    }
}

fn set_name(name: &str) -> String {
    format!("CDImage/{name}")
}

fn shown(machine: &Machine) -> Value {
    let value = |name: &str| machine.attributes.get(&set_name(name)).map_or("", String::as_str);
    let mut image = json!({DEVICES: value(DEVICES).parse().unwrap_or(2)});
    for name in PROPERTIES {
        image[name] = if name == "Password" { Value::Null } else { json!(value(name)) };
    }
    // Also of an image that somebody else put there.
    if let Some((scheme, (server, path))) =
        connected(machine).and_then(|url| url.split_once("://")).and_then(|(s, rest)| Some((s, rest.split_once('/')?)))
    {
        let (share, name) = path.rsplit_once('/').unwrap_or(("", path));
        let kind = if scheme == "cifs" { "SMB".to_owned() } else { scheme.to_uppercase() };
        for (property, value) in
            [("Server", server), ("ShareType", &kind), ("ShareName", &format!("/{share}")), ("ImageName", name)]
        {
            image[property] = json!(value);
        }
    }
    json!({"@odata.id": format!("{}/VirtualMedia", own_path(machine)), "Id": "VirtualMedia", "Name": "Virtual Media",
        "CDImage": image, "HDImage": {DEVICES: 0}, "RemoteMountEnabled": machine.media_enabled,
        "UsbAttachMode": "AutoAttach"})
}

/// The image that is configured.
fn configured(machine: &Machine) -> Result<String, Refusal> {
    let part = |name: &str| {
        let value = machine.attributes.get(&set_name(name)).filter(|value| !value.is_empty());
        value.cloned().ok_or_else(|| Refusal::about(&machine.profile.errors.missing, name))
    };
    let scheme = if part("ShareType")? == "SMB" { "cifs" } else { "nfs" };
    let (server, share, name) = (part("Server")?, part("ShareName")?, part("ImageName")?);
    let share = share.trim_matches('/');
    Ok(if share.is_empty() {
        format!("{scheme}://{server}/{name}")
    } else {
        format!("{scheme}://{server}/{share}/{name}")
    })
}

/// Keeps what is configured, also over a disconnect and a restart. From SMB it is connected at once (`AutoAttach`).
fn configure(machine: &Machine, body: &Map<String, Value>) -> Result<Effect, Refusal> {
    let errors = &machine.profile.errors;
    let mut set = Vec::new();
    let mut enabled = machine.media_enabled;
    for (name, value) in body {
        match (name.as_str(), value) {
            ("RemoteMountEnabled", Value::Bool(flag)) => enabled = *flag,
            ("CDImage", Value::Object(image)) => {
                for (name, value) in image {
                    let value = match value {
                        Value::String(text) if PROPERTIES.contains(&name.as_str()) => text.clone(),
                        Value::Number(count) if name == DEVICES => count.to_string(),
                        _ => return Err(Refusal::about(&errors.wrong_type, name)),
                    };
                    if name == "ShareType" && !["NFS", "SMB"].contains(&value.as_str()) {
                        return Err(Refusal::about(&errors.not_in_list, name));
                    }
                    set.push((set_name(name), value));
                }
            }
            ("CDImage" | "RemoteMountEnabled", _) => return Err(Refusal::about(&errors.wrong_type, name)),
            _ => return Err(Refusal::about(&errors.unknown_property, name)),
        }
    }
    Ok(Effect::apply(move |machine| {
        machine.attributes.extend(set);
        machine.media_enabled = enabled;
        let attaches = machine.attributes.get(&set_name("ShareType")).is_some_and(|kind| kind == "SMB") && enabled;
        if let (true, false, Ok(image)) = (attaches && machine.licensed, is_connected(machine), configured(machine)) {
            machine.mount(CD, image);
        }
    }))
}

fn act(machine: &mut Machine, call: &Call) -> Result<Act, Refusal> {
    let profile = machine.profile.clone();
    check_action(&profile, call)?;
    let body = call.object(&profile)?;
    let names = parameters(machine);
    let Some((name, value)) = names.iter().find_map(|name| Some((*name, body.get(*name)?))) else {
        return Err(Refusal::about(&profile.errors.missing_parameter, "FTSVirtualMediaAction"));
    };
    if let Some(other) = body.keys().find(|key| *key != name) {
        return Err(Refusal::about(&profile.errors.unknown_property, other));
    }
    let value = value.as_str().unwrap_or_default();
    if !machine.licensed {
        return Err((&profile.errors.licence).into());
    }
    if !allowed(machine).contains(&value) {
        let refusal = Registry("Base.1.5").says(400, "ActionParameterValueNotInList", "It cannot be done now.");
        return Err(Refusal::about(&refusal, name));
    }
    if value == "DisconnectCD" {
        return eject(machine, CD);
    }
    let image = configured(machine)?;
    let effects = insert_effects(machine, &Map::from_iter([("Image".to_owned(), json!(image))]), CD)?;
    Ok(Act::Perform(effects, profile.media.insert))
}
