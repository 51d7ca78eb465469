//! Simulated BMCs to poke with curl or any Redfish client: `cargo run -p drp-virtual-media-sim --example fleet [COUNT]`.
//!
//! Starts COUNT of each personality (one, if not said), prints where they are, and runs until standard input ends.

use std::io::{self, Write as _};

use drp_virtual_media_sim::bmc::{Fleet, Personality};
use tokio::io::AsyncReadExt as _;

#[tokio::main]
async fn main() -> io::Result<()> {
    let count: usize = std::env::args().nth(1).and_then(|count| count.parse().ok()).unwrap_or(1);
    let fleet = Fleet::start().await?;
    let mut bmcs = Vec::new();
    for _ in 0..count {
        for personality in Personality::ALL {
            bmcs.push((personality, fleet.add(*personality).await?));
        }
    }
    let mut out = io::stdout().lock();
    for (personality, bmc) in bmcs.iter().take(Personality::ALL.len()) {
        let (url, user, password) = (bmc.url(), bmc.username(), bmc.password());
        writeln!(out, "{:<20} {url}  {user}:{password}", personality.to_string())?;
    }
    writeln!(out, "{} BMCs run until standard input ends.", bmcs.len())?;
    out.flush()?;
    tokio::io::stdin().read_to_end(&mut Vec::new()).await?;
    fleet.shutdown().await;
    Ok(())
}
