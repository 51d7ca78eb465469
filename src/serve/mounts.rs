//! Which images are served to which machine: published, found again after a restart, and gone with their mounts.
//!
//! A machine has at most two: the one that is mounted, and one that was generated since. What is served is also kept on disk,
//! so that a BMC which reads an image for minutes does not notice that the plugin was started anew.

use std::collections::HashMap;
use std::net::IpAddr;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use jiff::Timestamp;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::images::{Images, Mount, Token, Watch};
use crate::iso::{BootReads, Error, Image, KeptPlan, KeptPlans, Templates};
use crate::machine::{BootProgress, MachineUuid};
use crate::operation::Operation;

/// The images that are served, by machine.
#[derive(Debug)]
pub struct Mounts {
    images: Images,
    kept: KeptPlans,
    boots: Mutex<HashMap<MachineUuid, Vec<Arc<Boot>>>>,
    changed: UnboundedSender<Arc<Boot>>,
    /// Whether all is served again that a process before this one served.
    restored: AtomicBool,
}

/// An image that is served to a machine, and how far a boot from it has come.
#[derive(Debug)]
pub struct Boot {
    /// The machine.
    pub machine: MachineUuid,
    /// The BootEnv that it boots.
    pub bootenv: String,
    path: String,
    token: Token,
    digest: String,
    made: Timestamp,
    until: Option<Timestamp>,
    clients: Vec<IpAddr>,
    reads: BootReads,
    /// Whether a change was told that nobody has looked at yet.
    told: AtomicBool,
}

/// Tells the changes of one boot. At most one of each image is under way, so the channel is as long as there are images.
#[derive(Debug)]
struct Teller {
    boot: Arc<Boot>,
    changed: UnboundedSender<Arc<Boot>>,
}

/// The changes of all boots.
#[derive(Debug)]
pub struct Changes(UnboundedReceiver<Arc<Boot>>);

impl Changes {
    /// Waits for a boot that began or came to another stage; `None` once nothing is served any more.
    pub async fn next(&mut self) -> Option<Arc<Boot>> {
        let boot = self.0.recv().await?;
        // Before the caller looks: what changes from now on is told again.
        boot.told.store(false, Ordering::Release);
        Some(boot)
    }
}

impl Watch for Teller {
    fn read(&self, sent: Range<u64>) {
        if self.boot.reads.read(sent) && !self.boot.told.swap(true, Ordering::AcqRel) {
            // Nobody listens any more once the plugin ends.
            let _ = self.changed.send(Arc::clone(&self.boot));
        }
    }

    fn told(&self) -> String {
        serde_json::to_string(&self.boot.progress()).unwrap_or_default()
    }
}

impl Boot {
    /// The path of the image's URL.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// How far the boot has come.
    #[must_use]
    pub fn progress(&self) -> BootProgress {
        self.reads.now()
    }

    fn is_over(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

impl Mounts {
    /// Nothing is served yet. Plans are kept in the directory of `kept`.
    #[must_use]
    pub fn new(images: Images, kept: KeptPlans) -> (Self, Changes) {
        let (changed, told) = unbounded_channel();
        let (boots, restored) = (Mutex::default(), AtomicBool::new(false));
        (Self { images, kept, boots, changed, restored }, Changes(told))
    }

    /// What the server serves.
    #[must_use]
    pub fn images(&self) -> &Images {
        &self.images
    }

    /// Serves an image to a machine. The same image for the same readers stays where it is; what was neither mounted (`mounted`
    /// is the URL of what is) nor is this one ends.
    ///
    /// # Errors
    /// The plan cannot be kept.
    pub fn publish(
        &self,
        machine: MachineUuid,
        bootenv: &str,
        image: Arc<Image>,
        clients: &[IpAddr],
        until: Option<Timestamp>,
        mounted: &str,
    ) -> Result<Arc<Boot>, Error> {
        let same = |boot: &&Arc<Boot>| {
            boot.bootenv == bootenv
                && boot.digest == image.digest()
                && boot.clients == clients
                && (boot.until, until) == (None, None)
        };
        let known = self.boots().get(&machine).and_then(|boots| boots.iter().find(same).cloned());
        let boot = if let Some(boot) = known {
            boot
        } else {
            let token = Token::random();
            let mut plan = KeptPlan::new(machine, bootenv, token.as_str(), &image);
            (plan.clients, plan.until) = (clients.to_vec(), until);
            self.kept.keep(&plan)?;
            self.serve(&plan, token, image)
        };
        self.retain(machine, |other| other.token == boot.token || mounted.ends_with(&other.path))?;
        Ok(boot)
    }

    /// Serves again what was served before the process was started. Says how many.
    ///
    /// # Errors
    /// The directory of plans cannot be read. A plan that cannot be served any more is told and forgotten.
    pub fn restore(&self, templates: &Templates, operation: &Operation) -> Result<usize, Error> {
        let mut restored = 0;
        for plan in self.kept.load()? {
            let Ok(token) = plan.token.parse::<Token>() else { continue };
            let over = plan.until.is_some_and(|until| until <= Timestamp::now());
            let image = if over { None } else { Some(plan.image(templates, operation)) };
            match image {
                Some(Ok(image)) => {
                    self.serve(&plan, token, Arc::new(image));
                    restored += 1;
                }
                Some(Err(Error::Cancelled { .. })) => break,
                Some(Err(error)) => {
                    tracing::warn!(machine = %plan.machine, bootenv = plan.bootenv, %error, "an image is served no longer");
                    self.kept.forget(&plan.token)?;
                }
                None => self.kept.forget(&plan.token)?,
            }
        }
        self.restored.store(true, Ordering::Release);
        Ok(restored)
    }

    /// Whether images are to be served that were served before the process was started, or since.
    #[must_use]
    pub fn has_kept(&self) -> bool {
        !self.kept.is_empty()
    }

    /// The image that was published last for a machine in a BootEnv.
    #[must_use]
    pub fn latest(&self, machine: MachineUuid, bootenv: &str) -> Option<Arc<Boot>> {
        let now = Timestamp::now();
        let boots = self.boots();
        let mut of_bootenv = boots.get(&machine)?.iter().filter(|boot| boot.bootenv == bootenv && !boot.is_over(now));
        of_bootenv.next_back().cloned()
    }

    /// The boot from the image at a URL of the machine's.
    #[must_use]
    pub fn find(&self, machine: MachineUuid, url: &str) -> Option<Arc<Boot>> {
        self.boots().get(&machine)?.iter().find(|boot| url.ends_with(&boot.path)).cloned()
    }

    /// Whether `url` is one at which an image was served to the machine and is no longer. Nothing is lost as long as there are
    /// kept plans that were not restored yet.
    #[must_use]
    pub fn has_lost(&self, machine: MachineUuid, url: &str) -> bool {
        Images::is_named(machine, url)
            && (self.restored.load(Ordering::Acquire) || !self.has_kept())
            && self.find(machine, url).is_none()
    }

    /// The image at `url` is the one that is mounted: every other of the machine ends.
    ///
    /// # Errors
    /// A plan cannot be deleted.
    pub fn only(&self, machine: MachineUuid, url: &str) -> Result<(), Error> {
        self.retain(machine, |boot| url.ends_with(&boot.path))
    }

    /// Serves nothing to the machine any more.
    ///
    /// # Errors
    /// A plan cannot be deleted.
    pub fn end(&self, machine: MachineUuid) -> Result<(), Error> {
        self.retain(machine, |_| false)
    }

    /// Ends what is served to machines that `known` does not know and was made before `seen`, when they were listed, and
    /// names them.
    ///
    /// # Errors
    /// A plan cannot be deleted.
    pub fn sweep(&self, seen: SystemTime, known: impl Fn(MachineUuid) -> bool) -> Result<Vec<MachineUuid>, Error> {
        let old = |boot: &Arc<Boot>| SystemTime::from(boot.made) < seen;
        let gone: Vec<MachineUuid> = {
            let boots = self.boots();
            let gone = boots.iter().filter(|(machine, boots)| !known(**machine) && boots.iter().all(old));
            gone.map(|(machine, _)| *machine).collect()
        };
        for machine in &gone {
            self.end(*machine)?;
        }
        Ok(gone)
    }

    fn serve(&self, plan: &KeptPlan, token: Token, image: Arc<Image>) -> Arc<Boot> {
        let boot = Arc::new(Boot {
            machine: plan.machine,
            bootenv: plan.bootenv.clone(),
            path: Images::path(plan.machine, &plan.bootenv, &token),
            token: token.clone(),
            digest: plan.digest.clone(),
            made: plan.made,
            until: plan.until,
            clients: plan.clients.clone(),
            reads: BootReads::new(Arc::clone(image.template())),
            told: AtomicBool::new(false),
        });
        let watch = Teller { boot: Arc::clone(&boot), changed: self.changed.clone() };
        let mount = Mount {
            image,
            machine: plan.machine,
            bootenv: plan.bootenv.clone(),
            clients: (!plan.clients.is_empty()).then(|| plan.clients.clone()),
            expires: plan.until.map(SystemTime::from),
            watch: Some(Arc::new(watch)),
        };
        self.images.insert(token, mount);
        self.boots().entry(plan.machine).or_default().push(Arc::clone(&boot));
        boot
    }

    /// Ends what is served to the machine and not to be kept.
    fn retain(&self, machine: MachineUuid, keep: impl Fn(&Boot) -> bool) -> Result<(), Error> {
        let ended: Vec<Arc<Boot>> = {
            let mut boots = self.boots();
            let Some(of_machine) = boots.get_mut(&machine) else { return Ok(()) };
            let ended = of_machine.extract_if(.., |boot| !keep(boot)).collect();
            if of_machine.is_empty() {
                boots.remove(&machine);
            }
            ended
        };
        for boot in ended {
            self.images.remove(&boot.token);
            self.kept.forget(boot.token.as_str())?;
        }
        Ok(())
    }

    /// The map is whole after every statement, so a poisoned lock is still good.
    fn boots(&self) -> MutexGuard<'_, HashMap<MachineUuid, Vec<Arc<Boot>>>> {
        self.boots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
