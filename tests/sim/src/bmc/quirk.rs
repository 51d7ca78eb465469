//! Shapes that any BMC may take on in a test, among them those that broke the plugin's predecessor
//! (redfish-vendors 1.13).

use super::handle::Bmc;
use super::inventory::Expand;
use super::light::LightProperty;
use super::profile::{
    Answer, DriveShape, EmptyImage, EtagCheck, EtagForm, FullImage, Listing, Member, Place, Profile, Under,
};

/// One oddity, put on top of a personality.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Quirk {
    /// A baseboard without Reset and a manager without media are listed first (NVIDIA trees, R1).
    BystandersFirst,
    /// A collection has one member alone: `Members[1]` is none (1.13).
    OneMember,
    /// A drive that is no CD is listed first: `Members[0]` is none (R2).
    FloppyFirst,
    /// Members have no `MediaTypes` (R2).
    NoMediaTypes,
    /// Media is under the manager, and the system does not name its manager (R1).
    MissingLinks,
    /// Success is 200 with a body (1.13: only 204 was taken).
    AnswersOk,
    /// Insert and eject are 202 with a task (R5).
    AnswersTask,
    /// An eject shows late: the old image reads as inserted for three reads (R3).
    StaleAfterEject,
    /// An insert shows late: it reads as empty for three reads (R5).
    LateAfterInsert,
    /// An empty drive keeps the name of what it held (1.5, Supermicro).
    KeepsImageName,
    /// An inserted image is shown without its port (captures of an xFusion 2288H V7, 3.08).
    DropsPort,
    /// An inserted image is shown by its file name alone; believed, the schema allows it.
    NamesFileOnly,
    /// An inserted image is not named at all; believed, the schema allows null.
    HidesImage,
    /// `EjectMedia` is listed while something is inserted, and not else (1.5, Supermicro).
    EjectHidden,
    /// Insert wants `TransferProtocolType` (R4).
    WantsProtocol,
    /// Insert wants credentials (1.8, NVIDIA DGX).
    WantsCredentials,
    /// Insert refuses `Inserted` and `WriteProtected` (1.5, Supermicro X11 and X12).
    RefusesInserted,
    /// A PATCH without `If-Match` is 428 (1.4, Lenovo; 1.9, AMI).
    EtagRequired,
    /// Shows weak `ETags`, takes strong ones (R7).
    EtagStrongOnly,
    /// Reset types are in an `ActionInfo`, and there is no `PowerCycle` (R8).
    ResetsInActionInfo,
    /// Reset types are told nowhere.
    ResetsUntold,
    /// Boot targets are told nowhere (1.2, iDRAC 10).
    TargetsUntold,
    /// A boot override is for one boot alone (1.4, Lenovo XCC).
    NoContinuous,
    /// The light is the chassis's, by the older property (community.general knows no other: #4084).
    LightOnChassis,
    /// `$expand` is announced and refused (`check_redfish#20`, a Fujitsu).
    ExpandRefused,
    /// Basic credentials are refused: a session or nothing.
    SessionsOnly,
    /// There is no `SessionService` (2.1, sushy-tools).
    NoSessions,
    /// `@Message.ExtendedInfo` is an object, not a list (iDRAC-Redfish-Scripting#62, iDRAC 8 2.63).
    ExtendedInfoObject,
    /// No operating system listens to a graceful shutdown or restart.
    GracefulIgnored,
}

impl Quirk {
    /// Every one.
    pub const ALL: &[Quirk] = &[
        Quirk::BystandersFirst,
        Quirk::OneMember,
        Quirk::FloppyFirst,
        Quirk::NoMediaTypes,
        Quirk::MissingLinks,
        Quirk::AnswersOk,
        Quirk::AnswersTask,
        Quirk::StaleAfterEject,
        Quirk::LateAfterInsert,
        Quirk::KeepsImageName,
        Quirk::DropsPort,
        Quirk::NamesFileOnly,
        Quirk::HidesImage,
        Quirk::EjectHidden,
        Quirk::WantsProtocol,
        Quirk::WantsCredentials,
        Quirk::RefusesInserted,
        Quirk::EtagRequired,
        Quirk::EtagStrongOnly,
        Quirk::ResetsInActionInfo,
        Quirk::ResetsUntold,
        Quirk::TargetsUntold,
        Quirk::NoContinuous,
        Quirk::LightOnChassis,
        Quirk::ExpandRefused,
        Quirk::SessionsOnly,
        Quirk::NoSessions,
        Quirk::ExtendedInfoObject,
        Quirk::GracefulIgnored,
    ];

    fn apply(self, profile: &mut Profile) {
        let (media, http, power) = (&mut profile.media, &mut profile.http, &mut profile.power);
        match self {
            Quirk::BystandersFirst => {
                profile.identity.systems_before = vec!["HGX_Baseboard_0"];
                profile.identity.managers_before = vec!["HGX_BMC_0"];
            }
            Quirk::OneMember => one_member(profile),
            Quirk::FloppyFirst => floppy_first(profile),
            Quirk::NoMediaTypes => no_media_types(profile),
            Quirk::MissingLinks => {
                profile.identity.managed_by = false;
                media.places.iter_mut().for_each(|place| place.under = Under::Manager);
            }
            Quirk::AnswersOk => answers(profile, Answer::Ok),
            Quirk::AnswersTask => {
                media.insert = Answer::Task;
                media.eject = Answer::Task;
            }
            Quirk::StaleAfterEject => media.stale_reads = 3,
            Quirk::LateAfterInsert => media.late_reads = 3,
            Quirk::KeepsImageName => media.empty_image = EmptyImage::Previous,
            Quirk::DropsPort => media.full_image = FullImage::WithoutPort,
            Quirk::NamesFileOnly => media.full_image = FullImage::FileName,
            Quirk::HidesImage => media.full_image = FullImage::Hidden,
            Quirk::EjectHidden => media.eject_hidden_when_empty = true,
            Quirk::WantsProtocol => media.needs = vec!["TransferProtocolType"],
            Quirk::WantsCredentials => media.needs = vec!["UserName", "Password"],
            Quirk::RefusesInserted => media.refuses = vec!["Inserted", "WriteProtected"],
            Quirk::EtagRequired => {
                http.etags.form = EtagForm::Strong;
                http.etags.on_patch = EtagCheck::Required;
            }
            Quirk::EtagStrongOnly => {
                http.etags.form = EtagForm::Weak;
                http.etags.on_patch = EtagCheck::StrongOnly;
            }
            Quirk::ResetsInActionInfo => {
                power.listing = Listing::ActionInfo;
                power.resets = &["ForceOff", "ForceRestart", "GracefulShutdown", "On"];
            }
            Quirk::ResetsUntold => power.listing = Listing::Nowhere,
            Quirk::TargetsUntold => profile.boot.targets_listed = false,
            Quirk::NoContinuous => profile.boot.enabled = &["Once", "Disabled"],
            Quirk::LightOnChassis => {
                (profile.light.system, profile.light.chassis) = (&[], &[LightProperty::Led]);
            }
            Quirk::ExpandRefused => profile.inventory.expand = Expand::Refused,
            Quirk::SessionsOnly => http.basic = false,
            Quirk::NoSessions => http.sessions = None,
            Quirk::ExtendedInfoObject => profile.errors.list = false,
            Quirk::GracefulIgnored => power.graceful_works = false,
        }
    }
}

fn answers(profile: &mut Profile, answer: Answer) {
    profile.media.insert = answer;
    profile.media.eject = answer;
    profile.boot.answer = answer;
    profile.power.answer = answer;
}

fn one_member(profile: &mut Profile) {
    let drives = &profile.media.drives;
    for place in &mut profile.media.places {
        place.members.retain(|member| drives.get(member.drive).is_some_and(|drive| drive.boots));
        place.members.truncate(1);
    }
}

fn no_media_types(profile: &mut Profile) {
    for member in profile.media.places.iter_mut().flat_map(|place| &mut place.members) {
        member.types = &[];
    }
}

fn floppy_first(profile: &mut Profile) {
    let floppy = profile.media.drives.len();
    profile.media.drives.push(DriveShape { id: "Floppy", boots: false });
    for Place { members, .. } in &mut profile.media.places {
        members.insert(0, Member::new("Floppy", &["Floppy", "USBStick"], floppy));
    }
}

impl Bmc {
    /// Puts an oddity on top of what this BMC is.
    pub fn quirk(&self, quirk: Quirk) {
        self.alter(|profile| quirk.apply(profile));
    }
}
