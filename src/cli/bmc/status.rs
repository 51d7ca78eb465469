//! `bmc status`: what is mounted, and how far a boot comes from an image that the plugin serves.

use std::io::Write;
use std::time::Duration;

use clap::Args;
use reqwest::{Client, Response, StatusCode};
use tokio::time::sleep;
use url::Url;

use super::super::Failure;
use super::{BmcArgs, print_certificate, print_json};
use crate::machine::{BootProgress, BootStage};
use crate::names::Names;
use crate::operation::Operation;

/// How often the image server is asked.
const LOOK: Duration = Duration::from_secs(1);

/// How long it may take to answer.
const LIMIT: Duration = Duration::from_secs(10);

/// Its answer has some two hundred bytes.
const BYTES: usize = 64 << 10;

/// Arguments of `bmc status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Follow the boot from the image until its initrd was read whole; the plugin has to serve it (virtual-media/iso-delivery)
    #[arg(long)]
    watch: bool,
    #[command(flatten)]
    pub(super) bmc: BmcArgs,
}

impl StatusArgs {
    pub(super) async fn run(self, operation: &Operation, out: &mut impl Write) -> Result<(), Failure> {
        let media = {
            let mut bmc = self.bmc.open(operation).await?;
            let media = bmc.media().await?;
            if self.bmc.json {
                print_json(out, &media)?;
            } else {
                match (media.inserted, media.image.as_str()) {
                    (false, _) => writeln!(out, "nothing is mounted")?,
                    (true, "") => writeln!(out, "an image is mounted that the BMC does not name")?,
                    (true, image) => writeln!(out, "{image} is mounted")?,
                }
                print_certificate(out, bmc.identity())?;
            }
            media
        };
        if self.watch && media.inserted {
            self.watch(&media.image, operation, out).await?;
        }
        Ok(())
    }

    async fn watch(&self, image: &str, operation: &Operation, out: &mut impl Write) -> Result<(), Failure> {
        let url = progress_url(image).ok_or_else(|| {
            format!(
                "how far a boot comes is seen by who serves the image, and this one is not the plugin's: `{image}`; set \
                 virtual-media/iso-delivery to serve"
            )
        })?;
        // The image server's certificate is its own as a rule, and a proxy has no business between the two.
        let client = Client::builder().no_proxy().tls_danger_accept_invalid_certs(true).timeout(LIMIT);
        let client = client.dns_resolver(Names::default()).build()?;
        let mut told = None;
        loop {
            let progress = ask(&client, &url).await?;
            let place = (progress.boot, progress.stage);
            if told != Some(place) {
                told = Some(place);
                operation.begin("boot", format!("machine boots: {}", progress.stage));
                if self.bmc.json {
                    print_json(out, &progress)?;
                } else {
                    writeln!(out, "boot {}: {progress}", progress.boot)?;
                }
                out.flush()?;
            }
            if progress.stage == BootStage::Done {
                operation.done("initrd read whole");
                return Ok(());
            }
            if let Some(percent) = progress.percent {
                operation.percent(percent);
            }
            sleep(LOOK).await;
        }
    }
}

/// Where the image server tells of an image, beside the image; `None` where the URL is not one of its own.
fn progress_url(image: &str) -> Option<Url> {
    let url = Url::parse(image).ok()?;
    let parts: Vec<&str> = url.path().rsplit('/').take(5).collect();
    matches!(parts.as_slice(), ["boot.iso", _, _, _, "dynamic_isos"]).then(|| url.join("boot.json").ok())?
}

async fn ask(client: &Client, url: &Url) -> Result<BootProgress, Failure> {
    let failed =
        |what: &dyn std::fmt::Display| format!("asking the image server {} how far the boot is: {what}", host(url));
    let answer = client.get(url.clone()).send().await.map_err(|error| failed(&error.without_url()))?;
    match answer.status() {
        StatusCode::OK => {}
        StatusCode::NOT_FOUND => return Err(failed(&"the image is served no longer").into()),
        status => return Err(failed(&format!("it answered {status}")).into()),
    }
    let body = bounded(answer).await.map_err(|error| failed(&error))?;
    Ok(serde_json::from_slice(&body).map_err(|error| failed(&error))?)
}

async fn bounded(mut answer: Response) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| error.without_url().to_string())? {
        body.extend_from_slice(&chunk);
        if body.len() > BYTES {
            return Err(format!("its answer has more than {BYTES} bytes"));
        }
    }
    Ok(body)
}

/// The path is a secret: who knows it may read the image.
fn host(url: &Url) -> String {
    url.origin().ascii_serialization()
}

#[cfg(test)]
mod tests {
    use super::progress_url;

    #[test]
    fn only_a_url_of_the_image_server_has_something_to_tell_beside_it() {
        let told = progress_url("https://10.0.0.5:8097/dynamic_isos/u/my%20env/0123/boot.iso").unwrap();
        assert_eq!(told.as_str(), "https://10.0.0.5:8097/dynamic_isos/u/my%20env/0123/boot.json");
        for other in
            ["http://10.0.0.5:8091/dynamic_isos/u/sledgehammer/boot.iso", "http://h/rescue.iso", "//share/boot.iso", ""]
        {
            assert_eq!(progress_url(other), None, "{other}");
        }
    }
}
