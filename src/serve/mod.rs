//! The image server: machines' boot images over HTTP and HTTPS, template and plan put together while they are read.
//!
//! ```text
//! server ─ accept ─ connections ─ connection ┬ head, target ─ answer ┬ conditions, range
//!                                            │                       └ images ─ Watch
//!                                            └ send ─ stream ─ sendfile or TLS
//! ```
//!
//! An image is [inserted](Images::insert) with a [`Token`] that nobody can guess and is then at
//! `/dynamic_isos/<uuid>/<bootenv>/<token>/boot.iso` until it is [removed](Images::remove), which cuts off who reads it.
//! BMCs want a path that ends in `.iso`, and some will not have a query; one that is sent is not looked at, as a file
//! server would not. Beside it `boot.json` tells how far a boot from it has come. There is nothing
//! else to be had here: no directory, no list, no upload.
//!
//! # Why not hyper, and why threads of its own
//!
//! A BMC reads an image in some three thousand ranges. Measured in turns with nginx (medians of 5, loopback, 2 cores) hyper 1.12
//! answered 0.93, 0.93 and 1.05 times as many ranges of 4 KiB over 1, 32 and 256 connections, and 0.71 times as many of
//! 64 KiB over 256; a loop on httparse with `sendfile` 1.10, 1.06, 1.06 and 0.82 in the same run. It also can tell what was
//! sent and not only what was handed to be sent: how far a boot has come depends on that.
//!
//! The server has threads of its own, each with a runtime of one thread on which a connection stays: no request crosses threads,
//! and a disk that is slow to answer `sendfile` delays readers of images and never a call to a BMC.
//!
//! # Limits
//!
//! [`Limits`] says how long each wait may be and how many connections there are. There is no lowest rate: a BMC on a slow line
//! takes what it takes. Only a reader that takes nothing at all for [`Limits::stall`] is cut off.

use std::net::SocketAddr;

pub use self::certificate::Tls;
pub use self::error::{Error, TlsError};
pub use self::images::{Images, Mount, Token, TokenError, Watch};
pub use self::limits::Limits;
pub use self::mounts::{Boot, Changes, Mounts};
pub use self::server::{Addresses, Server};

mod answer;
mod certificate;
mod conditions;
mod connection;
mod connections;
mod error;
mod head;
mod images;
mod limits;
mod mounts;
pub mod range;
mod send;
mod server;
mod stream;
mod target;

/// What a server is started with. A scheme without an address is not served.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Where plain HTTP is served.
    pub http: Option<Listen>,
    /// Where HTTPS is served, and with which certificate.
    pub https: Option<(Listen, Tls)>,
    /// The limits.
    pub limits: Limits,
}

/// An address to serve.
#[derive(Clone, Copy, Debug)]
pub struct Listen {
    /// The address; port 0 takes one that is free.
    pub address: SocketAddr,
    /// The Param that it comes from, for the message when it cannot be had.
    pub param: &'static str,
}
