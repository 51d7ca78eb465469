//! What a machine boots in a BootEnv: its kernel arguments, and the template that they go into.
//!
//! A server with an API gives the BootEnv, whose own template of the arguments then counts, and any that has a kernel can be
//! booted; without one, the arguments are those of Sledgehammer as it is known.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Call, Error};
use crate::drp::bootenv::BootEnv;
use crate::iso::make::{Architecture, ImagePath, Item, MakeError, Payload, Places, Recipe};
use crate::iso::{self, Firmware, Template, Templates, locate_template};
use crate::machine::bootparams::{Delimiters, Scope, boot_params_args, params_named_in};
use crate::machine::{KernelArgs, Params, boots_through_virtual_media, params as p, sledgehammer_args};
use crate::operation::Operation;

/// The operating system whose tree holds templates.
const SLEDGEHAMMER: &str = "sledgehammer";

/// What a machine boots.
pub(super) struct Boots {
    pub(super) args: KernelArgs,
    pub(super) template: Wanted,
}

/// The template that a machine's arguments go into.
pub(super) struct Wanted {
    webroot: PathBuf,
    sledgehammer: Sledgehammer,
    /// What is made where there is none: of kernel and initrds where the server names them.
    recipe: Recipe,
    /// The first of these that is not there.
    missing: Option<PathBuf>,
}

/// Which Sledgehammer's template it is.
enum Sledgehammer {
    /// None: the BootEnv boots something else.
    None,
    /// The one of this signature, else the one that the machine's parameter names, if it names one.
    Of(Option<String>, Option<String>),
    /// The server does not say which: the one that the parameter names, else the newest.
    Any(Option<String>),
}

/// Whether what we generate boots the call's machine in `bootenv`.
pub(crate) async fn boots_from_media(call: &mut Call<'_>, bootenv: &str) -> Result<bool, Error> {
    let arch = call.machine.arch.clone();
    Ok(match call.bootenv_of(bootenv).await? {
        Some(env) => boots_a_machine(&env, &arch),
        None => boots_through_virtual_media(bootenv),
    })
}

/// Reads what the call's machine boots in `bootenv`.
pub(super) async fn boots(call: &mut Call<'_>, bootenv: &str) -> Result<Boots, Error> {
    let provisioner = call.params.url(p::PROVISIONER_URL)?.or_else(|| call.site.fileserver()).ok_or_else(|| {
        Error::parameter(format!(
            "no URL at which the machine reaches the file server: set RS_FILESERVER or the parameter {}",
            p::PROVISIONER_URL
        ))
    })?;
    let Some(env) = call.bootenv_of(bootenv).await? else {
        if !boots_through_virtual_media(bootenv) {
            return Err(cannot_boot(bootenv));
        }
        let args = sledgehammer_args(call.machine.uuid, &call.params, &provisioner)?;
        return Ok(Boots { args, template: Wanted::new(call, bootenv, None)? });
    };
    let arch = &call.machine.arch;
    if !boots_a_machine(&env, arch) {
        return Err(cannot_boot(bootenv));
    }
    let template = env.selection(arch).boot_params;
    if template.trim().is_empty() {
        return Err(Error::conflict(format!(
            "BootEnv {bootenv} has no BootParams for {arch}, so its kernel arguments are not known; give it some, or boot \
             another BootEnv"
        )));
    }
    let delimiters = Delimiters::new(&env.start_delimiter, &env.end_delimiter);
    let (params, compose) = params_of_template(call, template, delimiters).await?;
    let api = call.site.environment.endpoint.as_ref().map(url::Url::as_str).unwrap_or_default();
    let scope = Scope {
        machine: &call.machine.object,
        bootenv,
        delimiters,
        params: &params,
        compose: &compose,
        provisioner_url: provisioner.as_str(),
        api_url: api,
    };
    let args = boot_params_args(template, &scope)?;
    Ok(Boots { args, template: Wanted::new(call, bootenv, Some(&env))? })
}

impl Wanted {
    fn new(call: &Call<'_>, bootenv: &str, env: Option<&BootEnv>) -> Result<Self, Error> {
        let webroot = call.site.webroot()?;
        let arch = &call.machine.arch;
        let files = env.map(|env| files(env, arch, &webroot)).transpose()?;
        let missing = files.as_ref().and_then(missing);
        let named = call.params.filled_text(p::TEMPLATE)?.map(str::to_owned);
        let sledgehammer = match env {
            None => Sledgehammer::Any(named),
            Some(env) if env.os.name == SLEDGEHAMMER => {
                Sledgehammer::Of(env.selection(arch).signature().map(str::to_owned), named)
            }
            Some(_) => Sledgehammer::None,
        };
        let parts = webroot.join(SLEDGEHAMMER);
        let recipe = Recipe {
            name: bootenv.to_owned(),
            architecture: architecture(arch)?,
            // Loaders for a BIOS are not asked for where the machine was seen to have none.
            only: (call.params.filled_text(p::BIOS_MODE)? == Some("uefi")).then_some(Firmware::Uefi),
            payload: files.unwrap_or(Payload::Sledgehammer(parts)),
            loaders: Places { asked: call.params.filled_text(p::LOADERS)?.map(PathBuf::from), ..Places::default() },
        };
        Ok(Self { webroot, sledgehammer, recipe, missing })
    }

    /// Opens the template: the one of the kernel's Sledgehammer, else the one that is asked for, else one that is made of
    /// what the BootEnv boots.
    ///
    /// # Errors
    /// There is none, and none can be made.
    pub(super) fn open(&self, templates: &Templates, operation: &Operation) -> Result<Arc<Template>, iso::Error> {
        let found = match self.locate() {
            Ok(Some(path)) => path,
            Ok(None) => return self.make(templates, operation),
            Err(error) => {
                return match self.make(templates, operation) {
                    // Nothing to make one of, either.
                    Err(
                        iso::Error::Make(MakeError::NoSledgehammer { .. })
                        | iso::Error::NotExploded { .. }
                        | iso::Error::Read { .. },
                    ) => Err(error),
                    made => made,
                };
            }
        };
        match templates.open(&found, operation) {
            // A Sledgehammer without cdboot.iso, of which one can be made.
            Err(iso::Error::NoImageInside { .. }) if self.has_files() => self.make(templates, operation),
            Err(error @ iso::Error::NoImageInside { .. }) => {
                let recipe = Recipe { payload: Payload::Sledgehammer(found), ..self.recipe.clone() };
                match templates.open_made(&recipe, operation) {
                    Err(iso::Error::Make(MakeError::NoSledgehammer { .. })) => Err(error),
                    made => made,
                }
            }
            opened => opened,
        }
    }

    /// Where the template is, or a Sledgehammer without one; `None` where only one of our own can be.
    fn locate(&self) -> Result<Option<PathBuf>, iso::Error> {
        let locate = |name: Option<&str>| locate_template(&self.webroot, name).map(Some);
        match &self.sledgehammer {
            Sledgehammer::None | Sledgehammer::Of(None, None) => Ok(None),
            Sledgehammer::Any(named) => locate(named.as_deref()),
            Sledgehammer::Of(None, Some(named)) => locate(Some(named)),
            Sledgehammer::Of(Some(signature), named) => match (locate(Some(signature)), named) {
                (Err(iso::Error::TemplateNotFound { .. }), Some(named)) => locate(Some(named)),
                (located, _) => located,
            },
        }
    }

    /// Makes one of what the BootEnv boots.
    fn make(&self, templates: &Templates, operation: &Operation) -> Result<Arc<Template>, iso::Error> {
        if let Some(path) = &self.missing {
            return Err(iso::Error::NotExploded { bootenv: self.recipe.name.clone(), path: path.clone() });
        }
        templates.open_made(&self.recipe, operation)
    }

    fn has_files(&self) -> bool {
        matches!(self.recipe.payload, Payload::Files { .. }) && self.missing.is_none()
    }
}

/// Kernel and initrds of a BootEnv, each at its own path in the image.
fn files(env: &BootEnv, arch: &str, webroot: &Path) -> Result<Payload, Error> {
    let selection = env.selection(arch);
    let item = |file: &str| {
        let below = env.file_below_webroot(arch, file).ok_or_else(|| {
            Error::conflict(format!("BootEnv {} boots `{file}`, which is no file of its install tree", env.name))
        })?;
        Ok::<_, Error>(Item { path: ImagePath::parse(file).map_err(iso::Error::from)?, source: webroot.join(below) })
    };
    let initrds = selection.initrds.iter().map(|initrd| item(initrd)).collect::<Result<_, _>>()?;
    Ok(Payload::Files { kernel: item(selection.kernel)?, initrds })
}

fn missing(payload: &Payload) -> Option<PathBuf> {
    let Payload::Files { kernel, initrds } = payload else { return None };
    let mut sources = std::iter::once(kernel).chain(initrds).map(|item| &item.source);
    sources.find(|source| !source.is_file()).cloned()
}

fn architecture(arch: &str) -> Result<Architecture, Error> {
    match crate::drp::bootenv::architecture(arch).as_str() {
        "amd64" => Ok(Architecture::Amd64),
        "arm64" => Ok(Architecture::Arm64),
        other => Err(Error::unsupported(format!("no template can be made for {other}: images boot amd64 and arm64"))),
    }
}

/// The environment of unknown machines boots a kernel too, but no machine is in it.
fn boots_a_machine(env: &BootEnv, arch: &str) -> bool {
    env.boots_a_kernel(arch) && !env.only_unknown
}

fn cannot_boot(bootenv: &str) -> Error {
    Error::unsupported(format!(
        "BootEnv {bootenv} cannot be booted through virtual media: only BootEnvs that boot a kernel can, and on a server \
         without an API only sledgehammer and what is named after it; name one of them in {}",
        p::BOOTENV
    ))
}

/// The parameters that a template names, and the composed values of those that it composes. A server's answer for all
/// parameters at once may lack the defaults of their schemas, so what is missing is asked for one by one.
async fn params_of_template(
    call: &Call<'_>,
    template: &str,
    delimiters: Delimiters<'_>,
) -> Result<(Params, Params), Error> {
    let Some(server) = call.site.server() else { return Ok((call.params.clone(), Params::default())) };
    let named = params_named_in(template, delimiters);
    let machine = call.machine.uuid.to_string();
    let (mut defaults, mut composed) = (serde_json::Map::new(), serde_json::Map::new());
    for name in named.resolved.iter().filter(|name| call.params.value(name).is_none()) {
        defaults.insert(name.clone(), server.param(&machine, name).await?);
    }
    for name in named.composed {
        let value = server.composed_param(&machine, &name).await?;
        composed.insert(name, value);
    }
    // First what was asked for: it is missing in the others, or null.
    Ok((Params::new(defaults).over(&call.params), Params::new(composed)))
}
