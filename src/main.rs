//! The `virtual-media` program: arguments in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    drp_virtual_media::cli::run()
}
