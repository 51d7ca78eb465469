//! `generateVirtualMedia`: builds the machine's boot.iso and touches no BMC.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;
use tokio::task::spawn_blocking;
use url::Url;

use super::bootenv::{Boots, boots};
use super::{Call, Error};
use crate::iso::volume::ReadAt;
use crate::iso::{self, Image};
use crate::machine::{ImageScheme, IsoDelivery, ServeTerms, params as p};
use crate::names::Names;
use crate::serve::Addresses;

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

/// An image that a BMC can fetch.
pub(super) struct Ready {
    image: Arc<Image>,
    kernel_args: String,
    /// Its file, where it is one.
    path: Option<PathBuf>,
    /// Where a BMC fetches it.
    pub(super) url: Url,
}

pub(super) async fn run(call: &mut Call<'_>) -> Result<Generated, Error> {
    let bootenv = call.bootenv_by_hand()?.to_owned();
    let ready = generate(call, &bootenv).await?;
    answer(call, ready).await
}

/// What an operator is told of an image: with the SHA-256 of its bytes, for which what follows its first config area is read.
pub(super) async fn answer(call: &Call<'_>, ready: Ready) -> Result<Generated, Error> {
    let Ready { image, kernel_args, path, url } = ready;
    let (size, operation) = (image.size(), call.operation.clone());
    let sha256 = blocking("reading the image", move || image.sha256(&operation)).await?;
    let path = path.map(|path| path.display().to_string()).unwrap_or_default();
    Ok(Generated { path, url, size, sha256, kernel_args })
}

/// Generates the image for `bootenv`: renders the kernel arguments, finds the template, writes the image or serves it.
pub(super) async fn generate(call: &mut Call<'_>, bootenv: &str) -> Result<Ready, Error> {
    let Boots { args, template } = boots(call, bootenv).await?;
    let delivery = IsoDelivery::from_params(&call.params)?;

    call.operation.begin("generate", format!("generating boot.iso for {bootenv}"));
    let kernel_args = args.to_string();
    let (templates, operation) = (call.site.serving.templates(), call.operation.clone());
    let image = blocking("making the image", move || {
        Image::render(template.open(&templates, &operation)?, &args, &operation).map(Arc::new)
    });
    let image = image.await?;
    let (path, url) = match delivery {
        IsoDelivery::File => write(call, bootenv, &image).await?,
        IsoDelivery::Serve => (None, serve(call, bootenv, &image).await?),
    };
    let template = image.template().path().display().to_string();
    tracing::info!(path = path.as_deref().map(tracing::field::debug), template, size = image.size(), "generated");

    call.record(|state| {
        state.template.clone_from(&template);
        if state.digest != image.digest() {
            state.slot.clear();
        }
        image.digest().clone_into(&mut state.digest);
    })
    .await;
    Ok(Ready { image, kernel_args, path, url })
}

/// Writes the image as a file that the server's own file server serves.
async fn write(call: &Call<'_>, bootenv: &str, image: &Arc<Image>) -> Result<(Option<PathBuf>, Url), Error> {
    let store = call.store()?.with_limit(call.site.serving.images_limit());
    let (uuid, bootenv, operation) = (call.machine.uuid, bootenv.to_owned(), call.operation.clone());
    let image = Arc::clone(image);
    let written = blocking("writing the image", move || store.write(uuid, &bootenv, &image, &operation)).await?;
    Ok((Some(written.path), image_url(&written.url)?))
}

/// Has the image served by our own server, by the terms of the machine's parameters.
async fn serve(call: &Call<'_>, bootenv: &str, image: &Arc<Image>) -> Result<Url, Error> {
    let terms = ServeTerms::from_params(&call.params)?;
    let addresses = call.site.serving.start(call.site).await?;
    let base = image_server(call, terms.scheme, addresses)?;
    let clients = if terms.bmc_only { bmc_addresses(call).await? } else { Vec::new() };
    let until = terms.max_age.and_then(|age| jiff::Timestamp::now().checked_add(age).ok());
    let (mounts, uuid, bootenv) = (call.site.serving.mounts(), call.machine.uuid, bootenv.to_owned());
    let (image, mounted) = (Arc::clone(image), call.state.url.clone());
    let publish = move || mounts.publish(uuid, &bootenv, image, &clients, until, &mounted);
    let boot = blocking("serving the image", publish).await?;
    call.operation.done(format!("serving boot.iso for {}", boot.bootenv));
    call.serving();
    image_url(&format!("{base}{}", boot.path()))
}

/// Our image server as the BMC reaches it, without a slash at its end: what the parameter says, else the file server's host at
/// our port.
fn image_server(call: &Call<'_>, scheme: Option<ImageScheme>, at: Addresses) -> Result<String, Error> {
    if let Some(given) = call.params.url(p::IMAGE_URL)? {
        return Ok(given[..url::Position::AfterPath].trim_end_matches('/').to_owned());
    }
    let http = at.http.map(|at| ("http", at.port()));
    let https = at.https.map(|at| ("https", at.port()));
    let (wanted, name) = match scheme {
        None => (http.or(https), "a scheme"),
        Some(ImageScheme::Http) => (http, "http"),
        Some(ImageScheme::Https) => (https, "https"),
    };
    let (scheme, port) = wanted.ok_or_else(|| {
        Error::parameter(format!(
            "{} is {name}, which the image server does not speak: its port is switched off ({}, {})",
            p::IMAGE_SCHEME,
            p::SERVE_HTTP_PORT,
            p::SERVE_HTTPS_PORT
        ))
    })?;
    let known = call.site.fileserver().or_else(|| call.site.environment.endpoint.clone());
    let host = known.as_ref().and_then(Url::host_str).ok_or_else(|| {
        Error::parameter(format!("no address to serve images at: set RS_FILESERVER or the parameter {}", p::IMAGE_URL))
    })?;
    Ok(format!("{scheme}://{host}:{port}"))
}

/// The addresses that the machine's BMC may read its image from.
async fn bmc_addresses(call: &Call<'_>) -> Result<Vec<IpAddr>, Error> {
    let address = call.params.required_text(p::ADDRESS)?;
    let found = Names::default().addresses(address).await.map_err(|error| {
        Error::parameter(format!("{} is bmc, and the BMC {address} has no address: {error}", p::SERVE_CLIENTS))
    })?;
    Ok(found)
}

/// Does work that may wait for a disk on a thread for such.
async fn blocking<T: Send + 'static>(
    doing: &str,
    work: impl FnOnce() -> Result<T, iso::Error> + Send + 'static,
) -> Result<T, Error> {
    let done = spawn_blocking(work).await.map_err(|error| Error::internal(format!("{doing}: {error}")))?;
    Ok(done?)
}

/// The URL of an image. It was joined from a URL and checked names, so it is one.
pub(super) fn image_url(text: &str) -> Result<Url, Error> {
    Url::parse(text).map_err(|error| Error::internal(format!("the image's URL {text}: {error}")))
}
