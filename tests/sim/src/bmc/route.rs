//! From a request to what comes of it: the tree of resources and their methods.

use serde_json::{Value, json};

use super::call::{Act, Call, Reply};
use super::machine::Machine;
use super::message::Refusal;
use super::methods::allowed;
use super::profile::{Disabled, EtagCheck, EtagForm, Member, Profile, Under};
use super::resources;
use super::{boot, inventory, light, media, power, service};

/// Answers a request that has passed authentication.
pub(super) fn route(machine: &mut Machine, call: &Call) -> Act {
    let oem = machine.profile.oem;
    if let Some(act) = oem.route(machine, call) {
        return act;
    }
    let act = resource(machine, call);
    let act = act.unwrap_or_else(|refusal| Act::Reply(Reply::refusal(&refusal, &machine.profile)));
    match act {
        Act::Reply(reply) if reply.status == 405 || (reply.status == 200 && call.reads()) => {
            // `/redfish` itself has none, and is read alone as the root is.
            let segments = call.segments().unwrap_or_default();
            Act::Reply(reply.with("Allow", allowed(&machine.profile, &segments)))
        }
        act @ (Act::Reply(_) | Act::Perform(..)) => act,
    }
}

fn resource(machine: &mut Machine, call: &Call) -> Result<Act, Refusal> {
    let profile = machine.profile.clone();
    let identity = &profile.identity;
    if call.path == "/redfish" {
        return versions(&profile, call);
    }
    let not_found = || Refusal::from(&profile.errors.not_found);
    let segments = call.segments().ok_or_else(not_found)?;
    match segments.as_slice() {
        [] => read(&profile, call, resources::root(machine)),
        ["Systems"] => {
            let ids = members(&identity.systems_before, identity.system);
            read(&profile, call, resources::collection(&profile, "Systems", "ComputerSystem", &ids))
        }
        ["Systems", id] if identity.systems_before.contains(id) => {
            read(&profile, call, resources::bystander_system(&profile, id))
        }
        ["Systems", id, rest @ ..] if *id == identity.system => system(machine, call, rest),
        ["Managers"] => {
            let ids = members(&identity.managers_before, identity.manager);
            read(&profile, call, resources::collection(&profile, "Managers", "Manager", &ids))
        }
        ["Managers", id] if identity.managers_before.contains(id) => {
            read(&profile, call, resources::bystander_manager(&profile, id))
        }
        ["Managers", id, rest @ ..] if *id == identity.manager => manager(machine, call, rest),
        ["Chassis"] => {
            let ids = [identity.chassis.to_owned()];
            read(&profile, call, resources::collection(&profile, "Chassis", "Chassis", &ids))
        }
        ["Chassis", id] if *id == identity.chassis => chassis(machine, call),
        rest => service::route(machine, call, rest)?.ok_or_else(not_found),
    }
}

fn system(machine: &mut Machine, call: &Call, rest: &[&str]) -> Result<Act, Refusal> {
    let profile = machine.profile.clone();
    let settings = profile.boot.settings;
    match rest {
        [] if call.method == "PATCH" => {
            check_etag(&profile, call, &resources::system(machine))?;
            boot::patch_system(machine, call)
        }
        [] => read(&profile, call, resources::system(machine)),
        ["ResetActionInfo"] => read(&profile, call, resources::reset_action_info(&profile)),
        ["Actions", "ComputerSystem.Reset"] => {
            check_action(&profile, call)?;
            power::reset(machine, call)
        }
        ["VirtualMedia", rest @ ..] => virtual_media(machine, call, Under::System, rest),
        [name] if settings.is_some_and(|shape| shape.name == *name) => {
            let takes_boot = settings.is_some_and(|shape| shape.takes_boot);
            let shown = resources::settings(machine, name, takes_boot);
            if call.method != "PATCH" {
                return read(&profile, call, shown);
            }
            check_etag(&profile, call, &shown)?;
            boot::patch_settings(machine, call, takes_boot)
        }
        [section, rest @ ..] => inventory::answer(&profile, call, section, rest),
    }
}

fn chassis(machine: &mut Machine, call: &Call) -> Result<Act, Refusal> {
    let profile = machine.profile.clone();
    let shown = resources::chassis(machine);
    if call.method != "PATCH" {
        return read(&profile, call, shown);
    }
    check_etag(&profile, call, &shown)?;
    let act = light::patch(machine, call, profile.light.chassis)?;
    act.ok_or_else(|| Refusal::about(&profile.errors.missing, "IndicatorLED"))
}

fn manager(machine: &mut Machine, call: &Call, rest: &[&str]) -> Result<Act, Refusal> {
    let profile = machine.profile.clone();
    match rest {
        [] => read(&profile, call, resources::manager(machine)),
        ["VirtualMedia", rest @ ..] => virtual_media(machine, call, Under::Manager, rest),
        _ => Err((&profile.errors.not_found).into()),
    }
}

fn virtual_media(machine: &mut Machine, call: &Call, under: Under, rest: &[&str]) -> Result<Act, Refusal> {
    let profile = machine.profile.clone();
    let not_found = || Refusal::from(&profile.errors.not_found);
    let place = resources::place(&profile, under).ok_or_else(not_found)?;
    let parent = match under {
        Under::System => format!("Systems/{}", profile.identity.system),
        Under::Manager => format!("Managers/{}", profile.identity.manager),
    };
    let member = |id: &str| place.members.iter().find(|member| member.id == id).copied().ok_or_else(not_found);
    match rest {
        [] => {
            let is_listed = machine.media_enabled || profile.media.disabled != Disabled::Hidden;
            let listed = place.members.iter().copied().filter(|_| is_listed);
            let ids: Vec<String> = listed.clone().map(|member| member.id.to_owned()).collect();
            let mut body = resources::collection(&profile, &format!("{parent}/VirtualMedia"), "VirtualMedia", &ids);
            if inventory::expands(&profile, call)? {
                let members: Vec<Member> = listed.collect();
                let shown =
                    members.into_iter().map(|member| tagged(&profile, resources::member(machine, &parent, member)));
                body["Members"] = shown.collect();
            }
            read(&profile, call, body)
        }
        [id] => {
            let member = member(id)?;
            let shown = resources::member(machine, &parent, member);
            if call.method != "PATCH" {
                return read(&profile, call, shown);
            }
            check_etag(&profile, call, &shown)?;
            media::patch(machine, call, member.drive)
        }
        [id, "Actions", action] if profile.media.actions => {
            check_action(&profile, call)?;
            let drive = member(id)?.drive;
            match *action {
                "VirtualMedia.InsertMedia" => media::insert(machine, call, drive),
                "VirtualMedia.EjectMedia" => media::eject_action(machine, call, drive),
                _ => Err(not_found()),
            }
        }
        _ => Err(not_found()),
    }
}

/// The answer to a GET or HEAD; another method is refused.
pub(super) fn read(profile: &Profile, call: &Call, mut body: Value) -> Result<Act, Refusal> {
    if !call.reads() {
        return Err((&profile.errors.method).into());
    }
    let etag = resources::etag(profile.http.etags.form, &body);
    body = tagged(profile, body);
    let schema = schema(&body);
    // DSP0266, response headers: both with every resource.
    let mut reply = Reply::ok(body).with("Cache-Control", "no-cache");
    if let Some(schema) = schema {
        reply = reply.with("Link", format!("<{schema}>; rel=describedby"));
    }
    Ok(Act::Reply(match etag {
        Some(etag) => reply.with("ETag", etag),
        None => reply,
    }))
}

/// A resource with its `ETag` in it, where the BMC shows one.
fn tagged(profile: &Profile, mut body: Value) -> Value {
    if let Some(etag) = resources::etag(profile.http.etags.form, &body) {
        body["@odata.etag"] = json!(etag);
    }
    body
}

/// The published schema of a resource, in the version that its type names.
fn schema(body: &Value) -> Option<String> {
    let (versioned, _) = body["@odata.type"].as_str()?.strip_prefix('#')?.rsplit_once('.')?;
    Some(format!("http://redfish.dmtf.org/schemas/v1/{versioned}.json"))
}

/// DSP0266, protocol version: `v1` and nothing else, hence no `ETag`.
fn versions(profile: &Profile, call: &Call) -> Result<Act, Refusal> {
    if !call.reads() {
        return Err((&profile.errors.method).into());
    }
    Ok(Act::Reply(Reply::ok(json!({"v1": "/redfish/v1/"}))))
}

/// Actions take POST alone.
pub(super) fn check_action(profile: &Profile, call: &Call) -> Result<(), Refusal> {
    if call.method != "POST" {
        return Err((&profile.errors.method).into());
    }
    match (&profile.http.if_match_on_post, &call.if_match) {
        (Some(message), Some(_)) => Err(message.into()),
        _ => Ok(()),
    }
}

pub(super) fn check_etag(profile: &Profile, call: &Call, shown: &Value) -> Result<(), Refusal> {
    let etags = &profile.http.etags;
    let form = if etags.on_patch == EtagCheck::StrongOnly { EtagForm::Strong } else { etags.form };
    let right = resources::etag(form, shown);
    let right = if etags.on_patch == EtagCheck::BareOnly { right.map(|etag| etag.replace('"', "")) } else { right };
    match (etags.on_patch, &call.if_match) {
        (EtagCheck::Ignored, _) | (EtagCheck::Checked | EtagCheck::StrongOnly, None) => Ok(()),
        (EtagCheck::Required | EtagCheck::BareOnly, None) => Err((&profile.errors.precondition_required).into()),
        (_, Some(sent)) if sent == "*" || Some(sent) == right.as_ref() => Ok(()),
        (_, Some(_)) => Err((&profile.errors.precondition_failed).into()),
    }
}

fn members(before: &[&str], real: &str) -> Vec<String> {
    before.iter().chain([&real]).map(|id| (*id).to_owned()).collect()
}
