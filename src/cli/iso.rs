//! `iso build` and `iso show`: one machine's image made and explained by hand, without a server and without a BMC.

use std::error::Error;
use std::fs;
use std::io::{IsTerminal, Write, stderr};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use url::Url;

use crate::iso::show::Report;
use crate::iso::{Template, write_image};
use crate::machine::{self, Machine};
use crate::operation::{Operation, Progress};

/// What may take longer than this gets a progress bar.
const PATIENCE: Duration = Duration::from_secs(1);

/// Make and explain boot images.
#[derive(Debug, Subcommand)]
pub enum IsoCommand {
    /// Make one machine's boot.iso from a template
    Build(BuildArgs),
    /// Explain an image: what boots it, its config areas and their room, the kernel arguments per firmware
    Show(ShowArgs),
}

/// Arguments of `iso build`.
#[derive(Debug, Args)]
pub struct BuildArgs {
    /// The template: an ISO, a Sledgehammer tar or tar.gz, or a directory with cdboot.iso or <SIG>/cdboot.iso
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

/// Arguments of `iso show`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// An ISO, a Sledgehammer tar or tar.gz, or a directory with one
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl IsoCommand {
    /// Does what was asked and writes the result to `out`.
    ///
    /// # Errors
    /// Whatever went wrong, as one sentence for people.
    pub fn run(&self, out: &mut impl Write) -> Result<(), Box<dyn Error + Send + Sync>> {
        match self {
            Self::Build(args) => args.run(out),
            Self::Show(args) => args.run(out),
        }
    }
}

impl BuildArgs {
    fn run(&self, out: &mut impl Write) -> Result<(), Box<dyn Error + Send + Sync>> {
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
        let template = Template::open(&self.template, &operation)?;
        let plan = template.plan(&args)?;
        let sha256 = write_image(&self.out, &template, &plan, &operation)?;
        writeln!(out, "{}: {} bytes, sha256 {sha256}", self.out.display(), plan.len())?;
        writeln!(out, "machine {machine}")?;
        writeln!(out, "kernel  {args}")?;
        Ok(())
    }
}

impl ShowArgs {
    fn run(&self, out: &mut impl Write) -> Result<(), Box<dyn Error + Send + Sync>> {
        let report = Report::read(&self.file, &watched())?;
        if self.json {
            writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?;
        } else {
            write!(out, "{report}")?;
        }
        Ok(())
    }
}

fn read_machine(path: &Path) -> Result<Machine, String> {
    let failed = |error: &dyn std::fmt::Display| format!("reading machine {}: {error}", path.display());
    let text = fs::read_to_string(path).map_err(|error| failed(&error))?;
    let object = serde_json::from_str(&text).map_err(|error| failed(&error))?;
    Machine::from_json(&object).map_err(|error| failed(&error))
}

/// An operation with a progress bar, on a terminal, for a step that takes longer than a second.
fn watched() -> Operation {
    if !stderr().is_terminal() {
        return Operation::unwatched();
    }
    let bar = Mutex::new(Bar::default());
    Operation::new(move |progress| {
        if let Ok(mut bar) = bar.lock() {
            bar.show(progress);
        }
    })
}

/// The bar of the step under way.
#[derive(Default)]
struct Bar {
    step: &'static str,
    since: Option<Instant>,
    shown: Option<ProgressBar>,
}

impl Bar {
    fn show(&mut self, progress: &Progress) {
        if self.step != progress.step {
            *self = Self { step: progress.step, since: Some(Instant::now()), shown: None };
        }
        let Some(percent) = progress.percent else { return };
        if self.since.is_some_and(|since| since.elapsed() > PATIENCE) {
            let bar = self.shown.get_or_insert_with(|| new_bar(&progress.message));
            bar.set_position(percent.into());
        }
        if percent == 100
            && let Some(bar) = self.shown.take()
        {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Some(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }
}

fn new_bar(message: &str) -> ProgressBar {
    let bar = ProgressBar::new(100).with_message(message.to_owned());
    // The template is fixed and valid; with the default one the bar is plainer.
    if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {percent}% {eta}") {
        bar.set_style(style);
    }
    bar
}
