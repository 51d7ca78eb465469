//! What the examples run: the plugin as it is built from this tree.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Where this example is built: it is `<target>/<profile>/examples/<name>`.
pub(crate) fn target_directory() -> Outcome<PathBuf> {
    let example = std::env::current_exe()?;
    let profile = example.parent().and_then(Path::parent);
    Ok(profile.ok_or("this program lies in no target directory")?.to_owned())
}

/// Builds the plugin: an example is built without the package's programs, so the real one is built here, into the same
/// directory.
pub(crate) fn plugin(example: &str) -> Outcome<PathBuf> {
    let mut build = Command::new(env!("CARGO"));
    // Naming the example too makes cargo take the dependencies as they were built for it.
    build.args(["build", "--quiet", "--bin", "virtual-media", "--example", example]);
    build.current_dir(env!("CARGO_MANIFEST_DIR"));
    if !cfg!(debug_assertions) {
        build.arg("--release");
    }
    if !build.status()?.success() {
        return Err("building the plugin failed".into());
    }
    Ok(target_directory()?.join("virtual-media"))
}
