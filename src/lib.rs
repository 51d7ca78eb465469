//! Boots bare-metal machines through their BMC's virtual media, where DHCP and PXE cannot reach them.
//!
//! A plugin provider of Digital Rebar Provision. When a machine with `boot-virtual-iso` changes its BootEnv, the plugin
//! renders the machine's kernel arguments, generates its boot.iso from the Sledgehammer template, mounts it on the BMC
//! and sets boot-once. Operators call the same steps as actions.
//!
//! # Where things are
//!
//! | module | what it holds |
//! |---|---|
//! | [`machine`] | the machine, its parameters, its kernel arguments, what a BootEnv change asks for; pure |
//! | [`operation`] | one operation as its caller watches it: progress, effects, cancellation |
//! | `names` | host names to addresses without the C library's resolver, which the static binary has none of |
//! | `words` | what others sent or did, as a message may quote it |
//! | [`iso`] | templates, found or made; the ISO 9660 reader, config areas, plans; an image of the two, and where it lies as a file; what is read of one, as a boot |
//! | [`serve`] | the image server: machines' boot images over HTTP and HTTPS, template and plan put together while they are read |
//! | [`bmc`] | a BMC: who it is, how it is trusted, media, boot devices, power, the light, its description; by Redfish (`redfish/vendors/` has a page a vendor), through `ipmitool` or `racadm`, or an HMC (`lpar`) |
//! | [`drp`] | the provisioning server as we see it: its models, its environment, its API and events, the way to publish |
//! | [`actions`] | one file an action: typed parameters in, typed answer out; `transition` has the steps of the hook |
//! | [`hook`] | events in, decisions out, the queue of each machine |
//! | [`follow`] | the server's events, and a look at all machines for those that were lost |
//! | [`content`] | the content pack in `content/`, as a bundle for the provider's name |
//! | [`plugin`] | all of it behind one interface, as a wire sees it |
//! | [`wire`] | how a server speaks with the plugin: JSON-RPC over stdio, HTTP over two sockets; life cycle |
//! | [`cli`] | the commands, one file each |
//!
//! # Who may know whom
//!
//! Dependencies point one way, and `tests/layers.rs` holds the rule:
//!
//! ```text
//! machine, operation, names, words  <-  iso, bmc, drp  <-  actions  <-  hook  <-  follow  <-  plugin  <-  cli  <-  main
//!               machine, operation, iso  <-  serve  <--------+
//!           operation, drp  <-  wire  <--------------------------------------------------------+-----------+
//!                                                                               content  <-----+
//! ```
//!
//! `iso`, `bmc` and `drp` never know each other; `bmc` knows no JSON-RPC, `wire` no BMC, `machine` no runtime. `wire`
//! does not know `plugin` either, but a trait of its own, which `plugin` implements and `cli` brings together with it.
//!
//! # Following one transition
//!
//! Over stdio a line reaches [`wire::stdio`], which calls [`plugin::Plugin`]; an `event` brings all that its server
//! tells of the machine, and goes to [`hook::Hook::handle`]. Over two sockets [`wire::sockets`] brings parameters and
//! actions: with the parameters the plugin starts a [`follow::Follower`], which hears the events of the server's API
//! and hands each to the same `handle`, and every machine to [`hook::Hook::look`] after each (re)connect and at each
//! interval. There an event is only a reason to look: the hook reads the machine anew.
//!
//! What an event asks for is [`machine::decide`]'s to say, what a look asks for [`machine::missed`]'s. When the
//! machine's turn comes, the hook runs the steps of `actions::transition`: [`iso::Templates`] has the
//! template open, [`iso::Image`] is it with the machine's arguments, [`iso::Store`] writes that as a file or [`serve::Mounts`]
//! serves it as it is, [`bmc::Bmc`] mounts it. What was done is the machine's [`machine::State`]:
//! published, and where the server has an API written to the machine's Param.

pub mod actions;
pub mod bmc;
pub mod cli;
pub mod content;
pub mod drp;
pub mod follow;
pub mod hook;
pub mod iso;
pub mod machine;
mod names;
pub mod operation;
pub mod plugin;
pub mod serve;
pub mod wire;
mod words;
