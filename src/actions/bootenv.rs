//! What a machine boots in a BootEnv: its kernel arguments, and the Sledgehammer that its template has to be of.
//!
//! A server with an API gives the BootEnv, whose own template of the arguments then counts; without one, the arguments are
//! those of Sledgehammer as it is known.

use super::{Call, Error};
use crate::drp::bootenv::BootEnv;
use crate::machine::bootparams::{Delimiters, Scope, boot_params_args, params_named_in};
use crate::machine::{KernelArgs, Params, boots_through_virtual_media, params as p, sledgehammer_args};

/// The operating system whose tree holds templates.
const SLEDGEHAMMER: &str = "sledgehammer";

/// What a machine boots.
pub(super) struct Boots {
    pub(super) args: KernelArgs,
    /// Of the kernel's Sledgehammer, where the server says which that is.
    pub(super) signature: Option<String>,
}

/// Whether what we generate boots the call's machine in `bootenv`.
pub(crate) async fn boots_from_media(call: &mut Call<'_>, bootenv: &str) -> Result<bool, Error> {
    Ok(match call.bootenv_of(bootenv).await? {
        Some(env) => signature(&env, &call.machine.arch).is_some(),
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
        return Ok(Boots { args, signature: None });
    };
    let arch = &call.machine.arch;
    let signature = signature(&env, arch).ok_or_else(|| cannot_boot(bootenv))?;
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
    Ok(Boots { args, signature: Some(signature.to_owned()) })
}

/// The signature of the Sledgehammer that a machine boots in the BootEnv; `None` where it boots something else. The
/// environment of unknown machines boots one too, but no machine is in it.
fn signature<'a>(env: &'a BootEnv, arch: &str) -> Option<&'a str> {
    let is_sledgehammer = env.os.name == SLEDGEHAMMER && !env.only_unknown;
    env.selection(arch).signature().filter(|_| is_sledgehammer)
}

fn cannot_boot(bootenv: &str) -> Error {
    Error::unsupported(format!(
        "BootEnv {bootenv} cannot be booted through virtual media: only sledgehammer and BootEnvs that boot a \
         Sledgehammer's kernel can, because templates are of those alone; name one of them in {}",
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
