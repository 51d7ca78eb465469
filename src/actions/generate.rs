//! `generateVirtualMedia`: builds the machine's boot.iso and touches no BMC.

use serde::Serialize;
use tokio::task::spawn_blocking;
use url::Url;

use super::{Call, Error};
use crate::iso::{Template, locate_template};
use crate::machine::{boots_through_virtual_media, params as p, sledgehammer_args};

/// The answer.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Generated {
    path: String,
    pub(super) url: Url,
    size: u64,
    sha256: String,
    kernel_args: String,
}

pub(super) async fn run(call: &mut Call<'_>) -> Result<Generated, Error> {
    let bootenv = call.bootenv()?.to_owned();
    generate(call, &bootenv).await
}

/// Generates the image for `bootenv`: renders the kernel arguments, finds the template, writes the image.
pub(super) async fn generate(call: &mut Call<'_>, bootenv: &str) -> Result<Generated, Error> {
    if !boots_through_virtual_media(bootenv) {
        return Err(Error::unsupported(format!(
            "BootEnv {bootenv} cannot be booted through virtual media, only sledgehammer and its variants \
             (sledgehammer-…) can: the kernel arguments of others are not known"
        )));
    }
    let provisioner = call.params.url(p::PROVISIONER_URL)?.or_else(|| call.site.environment.fileserver.clone());
    let provisioner = provisioner.ok_or_else(|| {
        Error::parameter(format!(
            "no URL at which the machine reaches the file server: set RS_FILESERVER or the parameter {}",
            p::PROVISIONER_URL
        ))
    })?;
    let args = sledgehammer_args(call.machine.uuid, &call.params, &provisioner)?;
    let store = call.store()?;
    let webroot = call.webroot()?.to_owned();
    let wanted = call.params.filled_text(p::TEMPLATE)?.map(str::to_owned);

    call.operation.begin("generate", format!("generating boot.iso for {bootenv}"));
    let (uuid, bootenv, operation) = (call.machine.uuid, bootenv.to_owned(), call.operation.clone());
    let kernel_args = args.to_string();
    let work = spawn_blocking(move || {
        let path = locate_template(&webroot, wanted.as_deref())?;
        let template = Template::open(&path, &operation)?;
        let plan = template.plan(&args)?;
        let written = store.write(uuid, &bootenv, &template, &plan, &operation)?;
        Ok::<_, crate::iso::Error>((path, written))
    });
    let (template, written) = work.await.map_err(|error| Error::internal(format!("writing the image: {error}")))??;
    tracing::info!(path = %written.path.display(), template = %template.display(), size = written.size, "generated");

    call.record(|state| {
        state.template = template.display().to_string();
        state.digest.clone_from(&written.sha256);
    });
    Ok(Generated {
        path: written.path.display().to_string(),
        url: image_url(&written.url)?,
        size: written.size,
        sha256: written.sha256,
        kernel_args,
    })
}

/// The store's URL of an image. It was joined from a URL and checked names, so it is one.
pub(super) fn image_url(text: &str) -> Result<Url, Error> {
    Url::parse(text).map_err(|error| Error::internal(format!("the image's URL {text}: {error}")))
}
