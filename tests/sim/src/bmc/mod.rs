//! Simulated BMCs: stateful, on TLS, many in one process.
//!
//! What a BMC does is said three times apart, so that a new one is a page:
//!
//! * the engine: [`Fleet`] and [`Bmc`] (`fleet`, `handle`), connections (`serve`, `wire`, `certificate`), the way of a
//!   request (`call`, `auth`, `route`, `methods`, `resources`, `inventory`, `perform`), and what a machine does
//!   (`machine`, `media`, `boot`, `light`, `power`, `service`, `fetch`);
//! * [`Profile`]: every belief that differs between vendors, as data, and hooks (`oem`) where data does not do;
//! * [`Personality`]: one file a family, with its differences and their sources; [`Quirk`]s go on top of any of them.
//!
//! Sources are named as the project's fact sheet on Redfish vendors names them. Shapes and ids are theirs, texts are ours.

mod auth;
mod boot;
mod call;
pub(crate) mod certificate;
mod fault;
mod fetch;
mod fleet;
mod handle;
mod inventory;
mod light;
mod log;
mod machine;
mod media;
mod message;
mod methods;
mod oem;
mod perform;
mod personality;
mod power;
mod profile;
mod quirk;
mod resources;
mod route;
mod serve;
mod service;
mod shared;
mod state;
mod wire;

pub use fault::{Fault, Matcher};
pub use fleet::Fleet;
pub use handle::Bmc;
pub use inventory::{Expand, Inventory, Section};
pub use light::{LightProperty, LightRules};
pub use log::{Counts, Credentials, Request};
pub use message::{Errors, Message};
pub use personality::{Evidence, Personality};
pub use profile::{
    Answer, BootRules, CdMeans, Disabled, DriveShape, EmptyImage, EtagCheck, EtagForm, Etags, FullImage, Http,
    Identity, Listing, Media, Member, ModeRule, Place, PowerRules, Profile, SettingsShape, Shares, Tasks, Under,
};
pub use quirk::Quirk;
pub use shared::Reach;
pub use state::{Boot, Device, Fetch, Power, Slot, State, TaskRecord};

/// The account that every simulated BMC starts with.
const USERNAME: &str = "root";
const PASSWORD: &str = "calvin";
