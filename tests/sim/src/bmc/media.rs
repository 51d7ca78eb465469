//! Insert and eject: what is refused before anything is fetched, by action and by PATCH.

use serde_json::{Map, Value};

use super::call::{Act, Call, Effect};
use super::machine::Machine;
use super::message::{Message, Refusal};
use super::profile::{Disabled, Shares};

const INSERT_PROPERTIES: [&str; 8] = [
    "Image",
    "Inserted",
    "WriteProtected",
    "TransferMethod",
    "TransferProtocolType",
    "UserName",
    "Password",
    "MediaType",
];

/// POST of `#VirtualMedia.InsertMedia`.
pub(super) fn insert(machine: &mut Machine, call: &Call, drive: usize) -> Result<Act, Refusal> {
    let body = call.object(&machine.profile)?;
    let effects = insert_effects(machine, &body, drive)?;
    Ok(Act::Perform(effects, machine.profile.media.insert))
}

/// What an insert by these properties does.
pub(super) fn insert_effects(
    machine: &mut Machine,
    body: &Map<String, Value>,
    drive: usize,
) -> Result<Vec<Effect>, Refusal> {
    let profile = machine.profile.clone();
    let (media, errors) = (&profile.media, &profile.errors);
    // What an action takes are parameters; a PATCH is of properties.
    let missing = if media.actions { &errors.missing_parameter } else { &errors.missing };
    let image = match body.get("Image") {
        None => return Err(Refusal::about(missing, "Image")),
        Some(Value::String(image)) if !image.is_empty() => image.clone(),
        Some(_) => return Err(Refusal::about(&errors.wrong_type, "Image")),
    };
    for name in body.keys().map(String::as_str) {
        if media.refuses.contains(&name) || !INSERT_PROPERTIES.contains(&name) {
            return Err(Refusal::about(&errors.unknown_property, name));
        }
    }
    for name in ["Inserted", "WriteProtected"] {
        if body.get(name).is_some_and(|value| !value.is_boolean()) {
            return Err(Refusal::about(&errors.wrong_type, name));
        }
    }
    for (name, values) in &media.listed {
        if body.get(*name).is_some_and(|value| value.as_str().is_none_or(|value| !values.contains(&value))) {
            return Err(Refusal::about(&errors.not_in_list, name));
        }
    }
    if let Some(name) = media.needs.iter().find(|name| !body.contains_key(**name)) {
        return Err(Refusal::about(missing, name));
    }
    check_image(machine, &image)?;
    check_drive(machine, drive)?;
    if let Some(drive) = machine.drives.get_mut(drive) {
        drive.busy = true;
    }
    Ok(vec![Effect::Insert { drive, image }])
}

fn check_image(machine: &Machine, image: &str) -> Result<(), Refusal> {
    let (media, errors) = (&machine.profile.media, &machine.profile.errors);
    if !machine.licensed {
        return Err((&errors.licence).into());
    }
    let scheme =
        image.split_once("://").map_or_else(|| if image.starts_with("//") { "cifs" } else { "nfs" }, |(s, _)| s);
    if !media.schemes.contains(&scheme) {
        return Err(Refusal::about(&errors.scheme, "Image"));
    }
    let bare = !image.contains("://");
    if matches!((media.shares, bare, scheme), (Shares::Bare, false, "nfs" | "cifs" | "smb") | (Shares::Url, true, _)) {
        return Err(Refusal::about(&errors.scheme, "Image"));
    }
    if image.contains(media.url_without) {
        return Err(Refusal::about(&errors.scheme, "Image"));
    }
    if media.wants_iso_suffix && !image.to_ascii_lowercase().ends_with(".iso") {
        return Err(Refusal::about(&errors.scheme, "Image"));
    }
    Ok(())
}

fn check_drive(machine: &mut Machine, drive: usize) -> Result<(), Refusal> {
    let profile = machine.profile.clone();
    if !machine.media_enabled && profile.media.disabled != Disabled::Unmapped {
        return Err((&profile.errors.disabled).into());
    }
    let Some(drive) = machine.drives.get_mut(drive) else { return Err((&profile.errors.not_found).into()) };
    if drive.busy {
        return Err((&profile.errors.settling).into());
    }
    match &profile.media.insert_occupied {
        Some(message) if drive.image.is_some() => return Err(message.into()),
        _ => {}
    }
    if drive.stale_reads > 0 {
        drive.stale_reads -= 1;
        return Err((&profile.errors.settling).into());
    }
    Ok(())
}

/// POST of `#VirtualMedia.EjectMedia`.
pub(super) fn eject_action(machine: &mut Machine, call: &Call, drive: usize) -> Result<Act, Refusal> {
    let body = call.object(&machine.profile)?;
    if let Some(name) = body.keys().next() {
        return Err(Refusal::about(&machine.profile.errors.unknown_property, name));
    }
    eject(machine, drive)
}

/// What an eject does.
pub(super) fn eject(machine: &Machine, drive: usize) -> Result<Act, Refusal> {
    let effect = eject_effect(machine, drive)?;
    Ok(Act::Perform(vec![effect], machine.profile.media.eject))
}

fn eject_effect(machine: &Machine, drive: usize) -> Result<Effect, Refusal> {
    let full = machine.drives.get(drive).is_some_and(|drive| drive.image.is_some());
    match &machine.profile.media.eject_empty {
        Some(message) if !full => Err(message.into()),
        _ => Ok(Effect::apply(move |machine| machine.eject(drive))),
    }
}

/// PATCH of a member: the vendor's own properties, and `Image` where the BMC mounts that way.
pub(super) fn patch(machine: &mut Machine, call: &Call, drive: usize) -> Result<Act, Refusal> {
    let profile = machine.profile.clone();
    let mut body = call.object(&profile)?;
    let vendors = profile.oem.patch_member(machine, drive, &mut body)?;
    let mut effects = match body.get("Image") {
        _ if body.is_empty() => Vec::new(),
        _ if !profile.media.patch => return Err(not_patched(&body, &profile.errors.not_writable)),
        Some(Value::Null) => eject_by_patch(machine, drive)?,
        Some(Value::String(image)) if image.is_empty() => eject_by_patch(machine, drive)?,
        _ => insert_effects(machine, &body, drive)?,
    };
    effects.extend(vendors);
    Ok(Act::Perform(effects, profile.media.insert))
}

/// A PATCH that empties an empty drive changes nothing, which is success.
fn eject_by_patch(machine: &Machine, drive: usize) -> Result<Vec<Effect>, Refusal> {
    if machine.drives.get(drive).is_none_or(|drive| drive.image.is_none()) {
        return Ok(Vec::new());
    }
    Ok(vec![eject_effect(machine, drive)?])
}

fn not_patched(body: &Map<String, Value>, message: &Message) -> Refusal {
    match body.keys().next() {
        Some(name) => Refusal::about(message, name),
        None => message.into(),
    }
}
