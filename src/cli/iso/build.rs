//! `iso build`: one machine's boot.iso.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use url::Url;

use super::Failure;
use super::progress::watched;
use crate::iso::volume::ReadAt;
use crate::iso::{Image, Template, write_image};
use crate::machine::{self, Machine};

/// Arguments of `iso build`.
#[derive(Debug, Args)]
pub struct BuildArgs {
    /// The template: an ISO, a Sledgehammer tar or tar.gz, or a directory with cdboot.iso or SIG/cdboot.iso
    #[arg(long, value_name = "PATH")]
    template: PathBuf,
    /// The machine as the server gives it (drpcli machines show --aggregate), with Uuid and Params
    #[arg(long, value_name = "FILE.json")]
    machine: PathBuf,
    /// The BootEnv that the image is for: sledgehammer or a variant of it
    #[arg(long, value_name = "NAME")]
    bootenv: Option<String>,
    /// The server's static files as the machine reaches them, such as `http://10.0.0.5:8091`
    #[arg(long, value_name = "URL", env = "RS_FILESERVER")]
    provisioner_url: Url,
    /// Where to write the image
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

impl BuildArgs {
    pub(super) fn run(&self, out: &mut impl Write) -> Result<(), Failure> {
        let machine = read_machine(&self.machine)?;
        let bootenv = machine::bootenv_by_hand(self.bootenv.as_deref(), &machine.bootenv);
        if !machine::boots_through_virtual_media(bootenv) {
            return Err(format!(
                "building an image of {machine}: the kernel arguments of BootEnv {bootenv} are not known here, \
                 only Sledgehammer's; give --bootenv sledgehammer for these"
            )
            .into());
        }
        let args = machine::sledgehammer_args(machine.uuid, &machine.params, &self.provisioner_url)?;
        let operation = watched();
        let template = Arc::new(Template::open(&self.template, &operation)?);
        let image = Image::render(template, &args, &operation)?;
        write_image(&self.out, &image, &operation)?;
        let sha256 = image.sha256(&operation)?;
        writeln!(out, "{}: {} bytes, sha256 {sha256}", self.out.display(), image.size())?;
        writeln!(out, "machine {machine}")?;
        writeln!(out, "kernel  {args}")?;
        Ok(())
    }
}

fn read_machine(path: &Path) -> Result<Machine, String> {
    let failed = |error: &dyn std::fmt::Display| format!("reading machine {}: {error}", path.display());
    let text = fs::read_to_string(path).map_err(|error| failed(&error))?;
    let object = serde_json::from_str(&text).map_err(|error| failed(&error))?;
    Machine::from_json(&object).map_err(|error| failed(&error))
}
