//! What makes one BMC differ from another, as data: the engine reads it, a personality fills it, a test may alter it.

use std::fmt;
use std::time::Duration;

use super::inventory::Inventory;
use super::light::LightRules;
use super::message::{Errors, Message};
use super::oem::Oem;

/// All that one BMC believes about itself. [`Profile::generic`] is what the DMTF schema bundle alone would lead to;
/// a personality states its differences from it.
#[derive(Clone)]
pub struct Profile {
    /// Names, links and what stands beside the real system and manager.
    pub identity: Identity,
    /// Sessions, `ETags`, tasks and other manners of the HTTP side.
    pub http: Http,
    /// Virtual media.
    pub media: Media,
    /// Boot override.
    pub boot: BootRules,
    /// Reset and power state.
    pub power: PowerRules,
    /// The indicator light.
    pub light: LightRules,
    /// What it describes of the machine.
    pub inventory: Inventory,
    /// How it refuses.
    pub errors: Errors,
    /// What data alone does not say.
    pub(super) oem: &'static dyn Oem,
}

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Profile").field("identity", &self.identity).finish_non_exhaustive()
    }
}

/// Who the BMC says it is, and which links it shows.
#[derive(Clone, Debug)]
pub struct Identity {
    /// `Vendor` of the service root; absent before Redfish 1.5 and on old boxes.
    pub vendor: Option<&'static str>,
    /// `Product` of the service root.
    pub product: Option<&'static str>,
    /// The key under `Oem`, on the root and elsewhere.
    pub oem_key: Option<&'static str>,
    /// The HTTP `Server` header.
    pub server: Option<&'static str>,
    /// `RedfishVersion`.
    pub redfish_version: &'static str,
    /// The id of the system that can be reset.
    pub system: &'static str,
    /// The id of the manager that has virtual media.
    pub manager: &'static str,
    /// The id of the chassis.
    pub chassis: &'static str,
    /// Systems listed before the real one that have neither Reset nor media (an `HGX_Baseboard_0`).
    pub systems_before: Vec<&'static str>,
    /// Managers listed before the real one that have no media.
    pub managers_before: Vec<&'static str>,
    /// `Manufacturer` of the system.
    pub manufacturer: &'static str,
    /// `Model` of the system.
    pub model: &'static str,
    /// `Model` of the manager.
    pub manager_model: &'static str,
    /// `FirmwareVersion` of the manager.
    pub firmware: &'static str,
    /// Whether the system has `Links.ManagedBy`.
    pub managed_by: bool,
}

/// The HTTP side.
#[derive(Clone, Debug)]
pub struct Http {
    /// Links end in a slash (iLO).
    pub trailing_slash: bool,
    /// Path of the session collection below `/redfish/v1`; `None`: no `SessionService`.
    pub sessions: Option<&'static str>,
    /// Sessions at once; a login beyond answers [`Errors::sessions`].
    pub session_limit: usize,
    /// Whether Basic credentials are taken.
    pub basic: bool,
    /// Whether the root shows its links after a login alone (`check_redfish#148`).
    pub bare_root: bool,
    /// `ETags` on what can be patched.
    pub etags: Etags,
    /// What an action POST with `If-Match` gets; `None`: the header is ignored.
    pub if_match_on_post: Option<Message>,
    /// What a POST with an empty body gets; `None`: taken as `{}`.
    pub empty_body: Option<Message>,
    /// Tasks.
    pub tasks: Tasks,
}

/// `ETags` of patchable resources.
#[derive(Clone, Debug)]
pub struct Etags {
    /// The form shown.
    pub form: EtagForm,
    /// What a PATCH does with `If-Match`.
    pub on_patch: EtagCheck,
}

/// The form of an `ETag`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EtagForm {
    /// None is shown.
    None,
    /// `W/"x"`
    Weak,
    /// `"x"`
    Strong,
}

/// What a PATCH does with `If-Match`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EtagCheck {
    /// Not looked at.
    Ignored,
    /// A wrong one is 412, none is fine.
    Checked,
    /// A wrong one is 412, none is 428.
    Required,
    /// As `Checked`, but only the strong form of the value is right, whatever form is shown
    /// (redfish-vendors R7: weak refused, strong taken).
    StrongOnly,
    /// Needed, and taken without its quotes alone.
    BareOnly,
}

/// The shape of tasks.
#[derive(Clone, Debug)]
pub struct Tasks {
    /// Before the number: `JID_` on Dell.
    pub prefix: &'static str,
    /// Digits of the number, zero padded.
    pub digits: usize,
    /// `Location` names `TaskService/TaskMonitors/…` rather than the task itself.
    pub monitor: bool,
    /// Whether there is a `Location`; otherwise the body alone names the task.
    pub location: bool,
    /// A task that has not ended is 202 also at its own URI.
    pub unfinished_is_202: bool,
    /// Between New and Running, and between Running and the work.
    pub step: Duration,
}

/// How success is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// 200 with an `ExtendedInfo` that says Success.
    Ok,
    /// As `Ok`, with 201.
    Created,
    /// 204.
    NoContent,
    /// 202 with `Location`; the work is done, or fails, in the task.
    Task,
}

/// Virtual media.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a belief of its own")]
pub struct Media {
    /// The drives there are.
    pub drives: Vec<DriveShape>,
    /// Where they are shown; a drive shown twice is the same drive.
    pub places: Vec<Place>,
    /// Whether members list `#VirtualMedia.InsertMedia` and `EjectMedia`.
    pub actions: bool,
    /// `EjectMedia` is listed only while something is inserted (redfish-vendors 1.5).
    pub eject_hidden_when_empty: bool,
    /// Whether PATCH of `Image` mounts and ejects.
    pub patch: bool,
    /// How insert says it went well.
    pub insert: Answer,
    /// How eject says it went well.
    pub eject: Answer,
    /// Properties an insert must have beside `Image`.
    pub needs: Vec<&'static str>,
    /// Values listed in the action as `…@Redfish.AllowableValues`; others are [`Errors::not_in_list`].
    pub listed: Vec<(&'static str, &'static [&'static str])>,
    /// Properties an insert is refused for ([`Errors::unknown_property`]).
    pub refuses: Vec<&'static str>,
    /// URL schemes taken; anything else is [`Errors::scheme`].
    pub schemes: Vec<&'static str>,
    /// How an image on an NFS or CIFS share may be named; otherwise it is [`Errors::scheme`].
    pub shares: Shares,
    /// Characters that an image's URL may not hold; one that does is [`Errors::scheme`].
    pub url_without: &'static [char],
    /// Whether an image name that does not end in `.iso` is refused as [`Errors::scheme`].
    pub wants_iso_suffix: bool,
    /// Reads of a member that still show the old image after an eject; an insert while they last is
    /// [`Errors::settling`], and counts as one.
    pub stale_reads: u32,
    /// Reads of a member that still show it empty after an insert was answered.
    pub late_reads: u32,
    /// What `Image` is while empty.
    pub empty_image: EmptyImage,
    /// What `Image` is while an image is inserted.
    pub full_image: FullImage,
    /// Whether members have `ImageName`.
    pub image_name: bool,
    /// What an eject of an empty drive gets; `None`: success.
    pub eject_empty: Option<Message>,
    /// What an insert into a full drive gets; `None`: the image is replaced.
    pub insert_occupied: Option<Message>,
    /// How it shows that virtual media is switched off.
    pub disabled: Disabled,
    /// Whether virtual media is switched off until somebody switches it on.
    pub off_at_first: bool,
    /// Between the request and the first byte fetched.
    pub insert_time: Duration,
}

/// Virtual media that is switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disabled {
    /// The collections are there and empty; an insert all the same is [`Errors::disabled`].
    Hidden,
    /// Members are shown, and an insert is [`Errors::disabled`].
    Refused,
    /// An insert is answered as done, and the machine sees nothing.
    Unmapped,
}

/// One drive.
#[derive(Clone, Copy, Debug)]
pub struct DriveShape {
    /// Its name in [`super::Slot::id`].
    pub id: &'static str,
    /// Whether a boot from the virtual CD takes it.
    pub boots: bool,
}

/// One `VirtualMedia` collection.
#[derive(Clone, Debug)]
pub struct Place {
    /// The resource that links to it.
    pub under: Under,
    /// In the order listed.
    pub members: Vec<Member>,
}

/// One member of a `VirtualMedia` collection.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// Its id.
    pub id: &'static str,
    /// `MediaTypes`; empty: the property is absent.
    pub types: &'static [&'static str],
    /// The index of its drive in [`Media::drives`].
    pub drive: usize,
}

impl Member {
    /// A member that shows a drive.
    #[must_use]
    pub const fn new(id: &'static str, types: &'static [&'static str], drive: usize) -> Member {
        Member { id, types, drive }
    }
}

/// The resource that has a `VirtualMedia` collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Under {
    /// The system.
    System,
    /// The manager.
    Manager,
}

/// How an image on a share is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shares {
    /// Either way.
    Any,
    /// `host:/path` for NFS, `//host/path` for CIFS.
    Bare,
    /// `nfs://host/path`, `smb://host/path`.
    Url,
}

/// `Image` of an empty drive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmptyImage {
    /// `null`
    Null,
    /// `""`
    Blank,
    /// No such property.
    Absent,
    /// What was there before the eject (redfish-vendors 1.5, Supermicro).
    Previous,
}

/// `Image` of a drive that holds one. Redfish lets a BMC show what it likes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FullImage {
    /// The URL as it was given.
    Url,
    /// The URL without a port that is not the scheme's own.
    WithoutPort,
    /// The URL's last part.
    FileName,
    /// `null`, and no `ImageName`.
    Hidden,
}

/// Boot override.
#[derive(Clone, Debug)]
pub struct BootRules {
    /// What a PATCH of `Boot` on the system gets; `None`: taken.
    pub system_refuses: Option<Message>,
    /// A settings object beside the system.
    pub settings: Option<SettingsShape>,
    /// `BootSourceOverrideTarget` values.
    pub targets: &'static [&'static str],
    /// Whether they are listed as `@Redfish.AllowableValues`.
    pub targets_listed: bool,
    /// Targets that are shown under another name once they are set: as set, as shown.
    pub shown_as: &'static [(&'static str, &'static str)],
    /// `BootSourceOverrideEnabled` values.
    pub enabled: &'static [&'static str],
    /// Whether Continuous lasts; else it ends with the next boot as Once does.
    pub continuous_lasts: bool,
    /// `BootSourceOverrideMode`.
    pub mode: ModeRule,
    /// What target `Cd` boots.
    pub cd: CdMeans,
    /// How success is told.
    pub answer: Answer,
    /// What a PATCH of `Boot` gets during POST; `None`: taken.
    pub during_post: Option<Message>,
}

/// A settings object of the system.
#[derive(Clone, Copy, Debug)]
pub struct SettingsShape {
    /// Its last path segment.
    pub name: &'static str,
    /// Whether its `Boot` has the override properties and takes them.
    pub takes_boot: bool,
}

/// `BootSourceOverrideMode`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModeRule {
    /// Not shown, unknown.
    Absent,
    /// Shown and writable.
    Writable,
    /// Shown and writable; a PATCH without it sets it back to Legacy.
    Reverts,
    /// Shown, and refused in a PATCH as [`Errors::not_writable`].
    ReadOnly,
    /// A PATCH without it is refused as [`Errors::missing`].
    Required,
}

/// What the boot target `Cd` means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CdMeans {
    /// The virtual drive.
    Virtual,
    /// The drive in the chassis, which is empty.
    Physical,
}

/// Reset and power state.
#[derive(Clone, Debug)]
pub struct PowerRules {
    /// `ResetType` values taken.
    pub resets: &'static [&'static str],
    /// Where they are told.
    pub listing: Listing,
    /// Whether `PoweringOn` and `PoweringOff` are shown.
    pub shows_transitions: bool,
    /// How long a change takes; a power cycle takes two.
    pub delay: Duration,
    /// What a reset gets that would change nothing (On when on); `None`: success.
    pub conflict: Option<Message>,
    /// How success is told.
    pub answer: Answer,
    /// Whether a graceful shutdown or restart reaches its end: without an operating system it does not.
    pub graceful_works: bool,
}

/// Where allowable reset types are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listing {
    /// `ResetType@Redfish.AllowableValues` in the action.
    Inline,
    /// `@Redfish.ActionInfo`.
    ActionInfo,
    /// Nowhere.
    Nowhere,
}
