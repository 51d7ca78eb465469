//! The boot proof: real machines, emulated, that boot what was made for them. `tests/run` runs it; `tests/boot/install` installs what it needs.
//!
//! | file | what it proves |
//! |---|---|
//! | `redfish.rs` | the plugin, through a Redfish service that is not ours: mounted, booted, gone again in `local` |
//! | `dr_provision.rs` | the same as dr-provision runs it: by events, by each action, by the content pack's workflows |
//! | `made.rs` | templates of `iso template`: as CD and as USB disk, with several initrds, with all the arguments there is room for |
//! | `served.rs` | images that the plugin serves: booted over HTTP, each stage told, and where a boot that hangs does |
//! | `built.rs` | images of `iso build` in each firmware, arguments that a loader could spoil, Secure Boot |
//!
//! The others are what these stand on: `node.rs` says what must be seen, `serial.rs` reads what was seen, `relay.rs` is a line that can be cut.

mod built;
mod dr_provision;
mod failure;
mod lab;
mod made;
mod node;
mod redfish;
mod relay;
mod scripts;
mod serial;
mod served;
