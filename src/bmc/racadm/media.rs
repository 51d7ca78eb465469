//! Virtual media: the iDRAC's remote file share, which is one virtual CD. What racadm answers to a change is "started", so
//! the share's status is what counts.

use url::Url;

use super::{Racadm, text};
use crate::bmc::answered::{Media, Mounted};
use crate::bmc::error::{Error, Kind};
use crate::bmc::limits::{Patience, spoken};
use crate::bmc::redfish::without_password;

/// The subcommand, which names the share.
pub(super) const SLOT: &str = "remoteimage";

/// The remote file share as the iDRAC shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) enabled: bool,
    /// What is shared; empty when nothing is, or the iDRAC does not say.
    pub(super) image: String,
}

impl Share {
    fn holds(&self, image: &Url) -> bool {
        let same = |shown: &str| Url::parse(shown).is_ok_and(|shown| shown == *image);
        self.enabled && (location(image).as_deref() == Some(self.image.as_str()) || same(&self.image))
    }

    fn spoken(&self) -> String {
        match (self.enabled, self.image.as_str()) {
            (false, _) => "nothing is shared".to_owned(),
            (true, "") => "it shows an image that it does not name".to_owned(),
            (true, image) => format!("it shows {}", without_password(image)),
        }
    }
}

/// The image as racadm takes it (iDRAC RACADM guide, `remoteimage`): a URL for HTTP, `host:/path` for NFS, `//host/share`
/// for CIFS.
fn location(image: &Url) -> Option<String> {
    let host = image.host_str()?;
    match image.scheme() {
        "http" | "https" => Some(image.to_string()),
        "nfs" => Some(format!("{host}:{}", image.path())),
        "cifs" | "smb" => Some(format!("//{host}{}", image.path())),
        _ => None,
    }
}

impl Racadm<'_> {
    /// What is mounted.
    pub(in crate::bmc) async fn media(&mut self) -> Result<Media, Error> {
        self.work.doing("reading its virtual media");
        let share = self.share().await?;
        let image = if share.enabled { without_password(&share.image) } else { String::new() };
        Ok(Media { image, inserted: share.enabled })
    }

    /// Ejects what is mounted, inserts `image`, and waits until the iDRAC shows it.
    pub(in crate::bmc) async fn mount(&mut self, image: &Url) -> Result<Mounted, Error> {
        let shown = without_password(image.as_str());
        self.work.begin("prepare", format!("mounting {shown}"));
        if image.password().is_some() || !image.username().is_empty() {
            let answer =
                "takes a share's password through racadm's arguments, where everybody on this server could read it";
            return Err(self.work.error(Kind::Parameter, answer).advise("serve the image without a password"));
        }
        let Some(location) = location(image) else {
            let answer = format!("takes images by http, https, nfs and cifs only, not {}", image.scheme());
            return Err(self.work.error(Kind::Unsupported, answer).advise("serve the image by one of those"));
        };
        let share = self.share().await?;
        self.empty(&share).await?;

        self.work.begin("insert", format!("inserting {shown} in {SLOT}"));
        if let Err(error) = self.connect(&location).await {
            let advice = error.advice().map_or_else(|| fetch_advice(image), str::to_owned);
            return Err(error.advise(advice));
        }
        let awaited = format!("to show {shown}");
        let attached = self.await_share(&awaited, |share| share.holds(image)).await;
        attached.map_err(|error| if error.is_final() { error } else { error.advise(fetch_advice(image)) })?;
        self.work.done(format!("inserted {shown} in {SLOT}"));
        self.identity.slot = Some(SLOT.to_owned());
        Ok(Mounted { slot: SLOT.to_owned(), image: image.to_string() })
    }

    /// Where `image` is mounted already; `None` where it is not.
    pub(in crate::bmc) async fn holding(&mut self, image: &Url) -> Result<Option<Mounted>, Error> {
        self.work.doing("looking whether the image is mounted already");
        let holds = self.share().await?.holds(image);
        Ok(holds.then(|| Mounted { slot: SLOT.to_owned(), image: image.to_string() }))
    }

    /// Ejects the image if `which` picks it by what the iDRAC shows of its URL; whether there was one.
    pub(in crate::bmc) async fn unmount(&mut self, which: impl Fn(&str) -> bool + Send) -> Result<bool, Error> {
        self.eject_if(move |share| which(&share.image)).await
    }

    /// Ejects `image`, or another that `also` picks; whether it was there.
    pub(in crate::bmc) async fn unmount_image(
        &mut self,
        image: Option<&Url>,
        also: impl Fn(&str) -> bool + Send,
    ) -> Result<bool, Error> {
        self.eject_if(move |share| image.is_some_and(|image| share.holds(image)) || also(&share.image)).await
    }

    async fn eject_if(&mut self, picked: impl Fn(&Share) -> bool + Send) -> Result<bool, Error> {
        self.work.doing("ejecting its virtual media");
        let share = self.share().await?;
        if !share.enabled || !picked(&share) {
            return Ok(false);
        }
        self.empty(&share).await?;
        Ok(true)
    }

    /// The share as it is now.
    pub(super) async fn share(&mut self) -> Result<Share, Error> {
        let said = self.run(&[SLOT, "-s"]).await?;
        text::share(&said).ok_or_else(|| self.unreadable("its remote file share", &said))
    }

    /// Connects the image. iDRAC 7 and 8 insist on a share's user and password where 9 does not know them for HTTP.
    async fn connect(&mut self, location: &str) -> Result<(), Error> {
        match self.run(&[SLOT, "-c", "-l", location]).await {
            Err(error) if error.to_string().contains("requires -u") => {
                self.run(&[SLOT, "-c", "-u", "", "-p", "", "-l", location]).await.map(|_| ())
            }
            result => result.map(|_| ()),
        }
    }

    /// Ejects what is in the share and waits until it is free.
    async fn empty(&mut self, share: &Share) -> Result<(), Error> {
        if !share.enabled {
            return Ok(());
        }
        let image = match share.image.as_str() {
            "" => "an unnamed image".to_owned(),
            image => without_password(image),
        };
        self.work.begin("eject", format!("ejecting {image} from {SLOT}"));
        if let Err(error) = self.run(&[SLOT, "-d"]).await {
            // Refused because it is gone by now.
            if error.is_final() || self.share().await?.enabled {
                return Err(error);
            }
        }
        self.await_share("to be empty", |share| !share.enabled).await?;
        self.work.done(format!("ejected {image} from {SLOT}"));
        Ok(())
    }

    /// Looks at the share until it is as wanted. A look that fails is no answer yet: BMCs stumble while they attach media.
    async fn await_share(&mut self, awaited: &str, wanted: impl Fn(&Share) -> bool + Send) -> Result<(), Error> {
        let patience = Patience::of(self.work.limits().media);
        loop {
            let seen = match self.share().await {
                Ok(share) if wanted(&share) => return Ok(()),
                Ok(share) => share.spoken(),
                Err(error) if error.is_final() => return Err(error),
                Err(error) => error.to_string(),
            };
            if patience.is_over() {
                let limit = spoken(patience.limit());
                let answer = format!("accepted it, but {SLOT} did not come {awaited} within {limit}; {seen}");
                return Err(self.work.error(Kind::Timeout, answer));
            }
            self.work.pause(self.work.limits().poll, &format!("{SLOT} {awaited}")).await?;
        }
    }
}

fn fetch_advice(image: &Url) -> String {
    let host = image.host_str().unwrap_or("the image's host");
    format!("check that the BMC itself can fetch the image from {host}: name, route, firewall, certificate")
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::{Share, location};

    #[test]
    fn an_image_is_named_as_racadm_takes_it_and_known_again() {
        let table = [
            ("http://10.0.0.5:8091/isos/x.iso", "http://10.0.0.5:8091/isos/x.iso"),
            ("https://h/x.iso", "https://h/x.iso"),
            ("nfs://10.0.0.5/export/x.iso", "10.0.0.5:/export/x.iso"),
            ("cifs://10.0.0.5/share/x.iso", "//10.0.0.5/share/x.iso"),
            ("smb://10.0.0.5/share/x.iso", "//10.0.0.5/share/x.iso"),
        ];
        for (image, named) in table {
            let image = Url::parse(image).unwrap();
            assert_eq!(location(&image).as_deref(), Some(named));
            assert!(Share { enabled: true, image: named.to_owned() }.holds(&image));
            assert!(!Share { enabled: false, image: named.to_owned() }.holds(&image));
            assert!(!Share { enabled: true, image: format!("{named}.old") }.holds(&image));
        }
        assert_eq!(location(&Url::parse("ftp://h/x.iso").unwrap()), None);
    }
}
