//! `generateVirtualMedia`: builds the machine's boot.iso and touches no BMC.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use tokio::task::spawn_blocking;
use url::Url;

use super::bootenv::{Boots, boots};
use super::{Call, Error};
use crate::iso::volume::ReadAt;
use crate::iso::{self, Image, Template, locate_template};
use crate::machine::params as p;

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
    let bootenv = call.bootenv_by_hand()?.to_owned();
    generate(call, &bootenv).await
}

/// Generates the image for `bootenv`: renders the kernel arguments, finds the template, writes the image.
pub(super) async fn generate(call: &mut Call<'_>, bootenv: &str) -> Result<Generated, Error> {
    let Boots { args, signature } = boots(call, bootenv).await?;
    let store = call.store()?;
    let webroot = call.site.webroot()?;
    let wanted = call.params.filled_text(p::TEMPLATE)?.map(str::to_owned);

    call.operation.begin("generate", format!("generating boot.iso for {bootenv}"));
    let (uuid, bootenv, operation) = (call.machine.uuid, bootenv.to_owned(), call.operation.clone());
    let kernel_args = args.to_string();
    let work = spawn_blocking(move || {
        let path = locate(&webroot, signature.as_deref(), wanted.as_deref())?;
        let template = Arc::new(Template::open(&path, &operation)?);
        let image = Image::render(template, &args, &operation)?;
        let written = store.write(uuid, &bootenv, &image, &operation)?;
        let sha256 = image.sha256(&operation)?;
        Ok::<_, iso::Error>((path, image, written, sha256))
    });
    let (template, image, written, sha256) =
        work.await.map_err(|error| Error::internal(format!("writing the image: {error}")))??;
    tracing::info!(path = %written.path.display(), template = %template.display(), size = image.size(), "generated");

    call.record(|state| {
        state.template = template.display().to_string();
        if state.digest != image.digest() {
            state.slot.clear();
        }
        image.digest().clone_into(&mut state.digest);
    })
    .await;
    Ok(Generated {
        path: written.path.display().to_string(),
        url: image_url(&written.url)?,
        size: image.size(),
        sha256,
        kernel_args,
    })
}

/// The template of the kernel's Sledgehammer, or where there is none of it the one that is asked for; the newest where
/// nothing says which.
fn locate(webroot: &Path, signature: Option<&str>, wanted: Option<&str>) -> Result<PathBuf, iso::Error> {
    match (signature.map(|signature| locate_template(webroot, Some(signature))), wanted) {
        (Some(Err(iso::Error::TemplateNotFound { .. })), Some(wanted)) => locate_template(webroot, Some(wanted)),
        (Some(found), _) => found,
        (None, wanted) => locate_template(webroot, wanted),
    }
}

/// The store's URL of an image. It was joined from a URL and checked names, so it is one.
pub(super) fn image_url(text: &str) -> Result<Url, Error> {
    Url::parse(text).map_err(|error| Error::internal(format!("the image's URL {text}: {error}")))
}
