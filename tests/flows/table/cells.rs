//! The table: what each action comes to in each state of a BMC. [`TABLE`] says it for every BMC, [`DIFFERENCES`] where one
//! is otherwise, by what it believes rather than by its name, so that a new personality seldom needs a row here.

use drp_virtual_media_sim::bmc::{Device, Disabled, Errors, Message, Personality, Profile};
use serde_json::{Value, json};

/// What a BMC is like when an action comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Never used.
    Fresh,
    /// With the image that `mountVirtualMedia` mounts.
    Ours,
    /// With somebody else's image in the drive that boots.
    Foreign,
    /// Its drive is empty; for two reads it still shows the image that was ejected, and it takes none meanwhile.
    Stale,
    /// The same, and it shows the drive as it is for one read before.
    Ghost,
    /// It has time for nothing.
    Busy,
    /// It has time for nothing but for a moment only.
    Moment,
    /// Its machine is in POST, and it refuses boot settings meanwhile.
    Post,
    /// The password is another.
    Password,
    /// Its licence does not cover virtual media.
    Licence,
    /// Virtual media is switched off.
    Disabled,
}

impl State {
    /// In the order of the table's columns.
    pub(super) const ALL: [Self; 11] = [
        Self::Fresh,
        Self::Ours,
        Self::Foreign,
        Self::Stale,
        Self::Ghost,
        Self::Busy,
        Self::Moment,
        Self::Post,
        Self::Password,
        Self::Licence,
        Self::Disabled,
    ];

    /// Its place in a row.
    pub(super) fn column(self) -> usize {
        Self::ALL.iter().position(|state| *state == self).expect("all states are there")
    }

    /// For people.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Ours => "our image mounted",
            Self::Foreign => "foreign image mounted",
            Self::Stale => "ejected image still shown",
            Self::Ghost => "ejected image shown again",
            Self::Busy => "busy",
            Self::Moment => "busy for a moment",
            Self::Post => "machine in POST",
            Self::Password => "wrong password",
            Self::Licence => "no licence",
            Self::Disabled => "virtual media off",
        }
    }

    /// Whether such a BMC can be in it.
    pub(super) fn is_known_of(self, personality: Personality, profile: &Profile) -> bool {
        match self {
            Self::Fresh | Self::Busy | Self::Moment | Self::Password => true,
            Self::Post => profile.boot.during_post.is_some(),
            Self::Ours | Self::Foreign | Self::Stale | Self::Ghost | Self::Licence | Self::Disabled => {
                !is_without_media(personality)
            }
        }
    }
}

/// An action as it is called.
#[derive(Clone, Copy)]
pub(super) struct Action {
    pub(super) name: &'static str,
    /// Its parameters, with an image.
    pub(super) params: fn(&str) -> Value,
    /// Whether the machine is on when it is called.
    pub(super) on: bool,
    pub(super) does: Does,
}

/// What an action does where it works. What is not said stays as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Does {
    /// Nothing but look.
    Looks,
    /// Puts the image in the drive, in place of whatever is there; the next boot goes to it where that is asked for.
    Mounts {
        boot_once: bool,
    },
    /// Takes out what is in the drive, whosever it is: it is called by hand.
    Ejects,
    /// Puts the machine's own image in and starts the machine anew from it.
    Boots,
    /// Turns the machine on, off, or off and on.
    On,
    Off,
    Cycles,
    /// Sets the device of the next boot.
    Next(Device),
    /// Sets the device of every boot.
    Always(Device),
    /// Lights it up.
    Lights,
}

/// What comes of an action in a state.
#[derive(Clone, Copy)]
pub(super) enum Outcome {
    /// It does what it does; one that looks answers as on a fresh BMC, but for the medium, which is the state's.
    Works,
    /// It answers with the image that is shown and is not there any more.
    ShowsEjected,
    /// An error, and nothing has changed.
    Refused(&'static Refusal),
}

/// An error as it is told.
pub(super) struct Refusal {
    /// Of models.Error.
    pub(super) code: u16,
    /// Parts of the text, the next step for the operator among them.
    pub(super) says: &'static [&'static str],
    /// The BMC's own word that is quoted by its id.
    pub(super) quotes: Option<fn(&Errors) -> &Message>,
}

use Outcome::{Refused, ShowsEjected, Works};

const BUSY: Outcome = Refused(&Refusal { code: 503, says: &["try again"], quotes: Some(|errors| &errors.busy) });
const PASSWORD: Outcome = Refused(&Refusal {
    code: 502,
    says: &["refuses user \"root\"", "401", "check the user name and password (ipmi/username, ipmi/password)"],
    quotes: Some(|errors| &errors.unauthorized),
});
const LICENCE: Outcome =
    Refused(&Refusal { code: 502, says: &["licence", "install it"], quotes: Some(|errors| &errors.licence) });
const NO_SLOT: Outcome = Refused(&Refusal {
    code: 404,
    says: &["lists no virtual media slot", "virtual media may be switched off"],
    quotes: None,
});
const SWITCHED_OFF: Outcome = Refused(&Refusal {
    code: 409,
    says: &["switched off: switch it on in the BMC's settings (for an image: virtual media)"],
    quotes: Some(|errors| &errors.disabled),
});
const DETACHED: Outcome = Refused(&Refusal {
    code: 409,
    says: &["VirtualMedia.1.Attached is Detached", "set the iDRAC attribute VirtualMedia.1.Attached to AutoAttach"],
    quotes: None,
});
const IN_POST: Outcome = Refused(&Refusal {
    code: 503,
    says: &["the machine is in POST: wait until it has booted, or turn it off"],
    quotes: None,
});
const ONE_BOOT: Outcome =
    Refused(&Refusal { code: 404, says: &["from now on", "one boot at a time", "nextboot"], quotes: None });

/// An action's outcomes by state.
pub(super) type Row = (Action, [Outcome; State::ALL.len()]);

const fn none(_: &str) -> Value {
    Value::Null
}

const fn looks(name: &'static str) -> Action {
    Action { name, params: none, on: true, does: Does::Looks }
}

const fn does(name: &'static str, does: Does) -> Action {
    Action { name, params: none, on: true, does }
}

pub(super) const MOUNT: Action = Action {
    name: "mountVirtualMedia",
    params: |image| json!({"ipmi/virtual-media-url": image}),
    on: true,
    does: Does::Mounts { boot_once: false },
};
const MOUNT_TO_BOOT: Action = Action {
    params: |image| json!({"ipmi/virtual-media-url": image, "ipmi/virtual-media-boot": true}),
    does: Does::Mounts { boot_once: true },
    ..MOUNT
};
const POWER_STATUS: Action = looks("powerstatus");
const POWER_STATUS_OF_OFF: Action = Action { on: false, ..POWER_STATUS };
const POWER_ON: Action = Action { on: false, ..does("poweron", Does::On) };
const POWER_OFF: Action = does("poweroff", Does::Off);
const CYCLE: Action = does("powercycle", Does::Cycles);
const CYCLE_FROM_OFF: Action = Action { on: false, ..CYCLE };

/// What has nothing to do with media.
const APART: [Outcome; State::ALL.len()] =
    [Works, Works, Works, Works, Works, BUSY, Works, Works, PASSWORD, Works, Works];
/// What puts an image in.
const MOUNTING: [Outcome; State::ALL.len()] =
    [Works, Works, Works, Works, Works, BUSY, Works, Works, PASSWORD, LICENCE, NO_SLOT];

#[rustfmt::skip]
pub(super) const TABLE: &[Row] = &[
    //                               fresh  ours   foreign stale         ghost  busy  moment post   password  licence disabled
    (looks(STATUS),                 [Works, Works, Works,  ShowsEjected, Works, BUSY, Works, Works, PASSWORD, Works,  NO_SLOT]),
    (MOUNT,                         MOUNTING),
    (MOUNT_TO_BOOT,                 MOUNTING),
    (does("bootVirtualMedia", Does::Boots), MOUNTING),
    (does("unmountVirtualMedia", Does::Ejects), APART),
    (POWER_STATUS,                  APART),
    (POWER_STATUS_OF_OFF,           APART),
    (POWER_ON,                      APART),
    (POWER_OFF,                     APART),
    (CYCLE,                         APART),
    (CYCLE_FROM_OFF,                APART),
    (does("nextbootcd", Does::Next(Device::VirtualCd)), APART),
    (does("nextbootpxe", Does::Next(Device::Pxe)), APART),
    (does("nextbootdisk", Does::Next(Device::Disk)), APART),
    (does("forcebootpxe", Does::Always(Device::Pxe)), APART),
    (does("forcebootdisk", Does::Always(Device::Disk)), APART),
    (does("identify", Does::Lights), APART),
    (looks("status"),               APART),
    (looks("getInfo"),              APART),
    (looks("getBios"),              APART),
    (looks("getMemory"),            APART),
    (looks("getStorage"),           APART),
    (looks("getSimpleStorage"),     APART),
    (looks("getProcessor"),         APART),
    (looks("getNetworkInterfaces"), APART),
    (looks("getEthernetInterfaces"), APART),
    (looks("getSecureBoot"),        APART),
    (looks("getBoot"),              APART),
];

/// The action that asks no BMC anything, so that there is nothing of a BMC to say of it.
pub(super) const ASKS_NO_BMC: &str = "generateVirtualMedia";

/// Cells that are otherwise on some BMCs.
pub(super) struct Difference {
    /// On which.
    pub(super) of: fn(Personality, &Profile) -> bool,
    /// Why, for people.
    pub(super) why: &'static str,
    pub(super) cells: &'static [(State, &'static [&'static str], Outcome)],
}

const MOUNTS: &[&str] = &["mountVirtualMedia", "bootVirtualMedia"];
/// The action that looks at what an action on media does.
pub(super) const STATUS: &str = "statusVirtualMedia";

const FORCES: &[&str] = &["forcebootpxe", "forcebootdisk"];
const SETTINGS: &[&str] = &["nextbootcd", "nextbootpxe", "nextbootdisk", "forcebootpxe", "forcebootdisk"];

pub(super) const DIFFERENCES: &[Difference] = &[
    Difference {
        of: |personality, profile| {
            profile.media.off_at_first || matches!(personality, Personality::Irmc | Personality::IrmcS4)
        },
        why: "a mount switches its virtual media on",
        cells: &[(State::Disabled, MOUNTS, Works), (State::Disabled, &[STATUS], Works)],
    },
    Difference {
        of: |_, profile| profile.media.disabled == Disabled::Refused,
        why: "it says that it is off when an image is to be inserted",
        cells: &[(State::Disabled, MOUNTS, SWITCHED_OFF), (State::Disabled, &[STATUS], Works)],
    },
    Difference {
        of: |_, profile| profile.media.disabled == Disabled::Unmapped,
        why: "it takes an image all the same and hides it from the machine, which is looked for before",
        cells: &[(State::Disabled, MOUNTS, DETACHED), (State::Disabled, &[STATUS], Works)],
    },
    Difference {
        of: |_, profile| !profile.boot.enabled.contains(&"Continuous"),
        why: "it takes boot devices for one boot alone",
        cells: &[
            (State::Fresh, FORCES, ONE_BOOT),
            (State::Ours, FORCES, ONE_BOOT),
            (State::Foreign, FORCES, ONE_BOOT),
            (State::Stale, FORCES, ONE_BOOT),
            (State::Ghost, FORCES, ONE_BOOT),
            (State::Moment, FORCES, ONE_BOOT),
            (State::Licence, FORCES, ONE_BOOT),
            (State::Disabled, FORCES, ONE_BOOT),
        ],
    },
    Difference {
        of: |personality, _| matches!(personality, Personality::SupermicroX10 | Personality::IrmcS4),
        why: "it shows an image only while it is connected, so that it shows none that is gone",
        cells: &[(State::Stale, &[STATUS], Works)],
    },
    Difference {
        of: |personality, _| is_without_media(personality),
        why: "Redfish does not reach its virtual media",
        cells: &[
            (State::Fresh, MOUNTS, NO_SLOT),
            (State::Fresh, &[STATUS], NO_SLOT),
            (State::Moment, MOUNTS, NO_SLOT),
            (State::Moment, &[STATUS], NO_SLOT),
        ],
    },
    Difference {
        of: |_, profile| profile.boot.during_post.is_some(),
        why: "it takes no boot settings while the machine is in POST",
        cells: &[(State::Post, SETTINGS, IN_POST)],
    },
];

/// Whether Redfish does not reach its virtual media.
fn is_without_media(personality: Personality) -> bool {
    Personality::WITHOUT_MEDIA.contains(&personality)
}

/// What comes of an action in a state on such a BMC.
pub(super) fn expected(personality: Personality, profile: &Profile, state: State, row: &Row) -> Outcome {
    let differing = DIFFERENCES.iter().filter(|difference| (difference.of)(personality, profile));
    let mut cells = differing.flat_map(|difference| difference.cells);
    let cell = cells.find(|(of, actions, _)| *of == state && actions.contains(&row.0.name));
    cell.map_or(row.1[state.column()], |(_, _, outcome)| *outcome)
}
