//! One operation on one BMC by another way than Redfish: its steps, its time, and how its errors are worded.

use std::time::Duration;

use secrecy::SecretString;
use tracing::{debug, info};

use super::command::{Call, Failure, Output, Programs};
use super::error::{Error, Kind, quoted, without_secret};
use super::limits::{Deadline, Limits, spoken};
use super::target::Target;
use crate::operation::Operation;

/// What a driver knows of the operation that it is in.
pub(super) struct Work<'op> {
    /// The driver as `ipmi/mode` names it.
    mode: &'static str,
    name: String,
    password: SecretString,
    limits: Limits,
    deadline: Deadline,
    operation: &'op Operation,
    doing: String,
}

impl<'op> Work<'op> {
    pub(super) fn new(mode: &'static str, target: &Target, deadline: Deadline, operation: &'op Operation) -> Self {
        let (name, password, limits) = (target.name(), target.password.clone(), target.limits);
        Self { mode, name, password, limits, deadline, operation, doing: format!("asking in mode {mode}") }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(super) fn password(&self) -> &SecretString {
        &self.password
    }

    /// How long one request may take.
    pub(super) fn request_limit(&self) -> Duration {
        self.limits.request.min(self.deadline.remaining())
    }

    /// Names what errors from now on are about.
    pub(super) fn doing(&mut self, doing: impl Into<String>) {
        self.doing = doing.into();
    }

    /// Says what begins now, to whoever watches and for the errors that follow.
    pub(super) fn begin(&mut self, step: &'static str, doing: impl Into<String>) {
        self.doing(doing);
        self.announce(step);
    }

    /// Says to whoever watches that what is being done begins as this step.
    pub(super) fn announce(&self, step: &'static str) {
        self.operation.begin(step, self.doing.clone());
    }

    /// Says what was achieved.
    pub(super) fn done(&self, effect: impl Into<String>) {
        let effect = effect.into();
        info!(bmc = self.name, operation = %self.operation.id(), effect, "done");
        self.operation.done(effect);
    }

    /// An error in what is being done; `answer` starts with a verb whose subject is the BMC.
    pub(super) fn error(&self, kind: Kind, answer: impl AsRef<str>) -> Error {
        Error::new(kind, self.doing.clone(), self.name.clone(), without_secret(answer.as_ref(), &self.password))
    }

    /// What this mode cannot do. `modes` names those that can.
    pub(super) fn unsupported(&mut self, doing: &str, modes: &str) -> Error {
        self.doing(doing);
        let answer = format!("cannot be asked for that in mode {}", self.mode);
        self.error(Kind::Unsupported, answer)
            .advise(format!("set ipmi/mode to {modes} where the BMC speaks it"))
            .finally()
    }

    /// The credentials are not accepted; `words` are the BMC's.
    pub(super) fn credentials_refused(&self, username: &str, words: &str) -> Error {
        let answer = format!("refuses user {username:?}: {}", quoted(words));
        self.error(Kind::Refused, answer)
            .advise("check the user name and password (ipmi/username, ipmi/password)")
            .finally()
    }

    /// Waits between two looks or tries, within the operation's time; `awaited` is what for.
    pub(super) async fn pause(&self, wait: Duration, awaited: &str) -> Result<(), Error> {
        if wait >= self.deadline.remaining() {
            return Err(self.out_of_time(awaited));
        }
        tokio::time::sleep(wait).await;
        Ok(())
    }

    /// Waits before try number `again` (1 is the first repetition) of something that the BMC had no time for. Gives the
    /// error back where it is another, where that was the last try, or where no time is left.
    pub(super) async fn wait_to_repeat(&self, again: u32, error: Error) -> Result<(), Error> {
        if error.kind() != Kind::Busy || error.is_final() || again >= Limits::TRIES {
            return Err(error);
        }
        let backoff = self.limits.backoff(again);
        debug!(bmc = self.name, wait = ?backoff, "BMC says not now");
        self.pause(backoff, "it to have time").await.map_err(|_| error.finally())
    }

    /// Runs a program once.
    pub(super) async fn run(&self, programs: &Programs, call: &Call<'_>) -> Result<Output, Error> {
        if self.deadline.remaining().is_zero() {
            return Err(self.out_of_time(&format!("{} to be run", call.program.name)));
        }
        let began = tokio::time::Instant::now();
        let result = programs.run(call, self.deadline.remaining(), self.request_limit()).await;
        debug!(bmc = self.name, program = call.program.name, took = ?began.elapsed(), failed = result.is_err(), "ran");
        result.map_err(|failure| self.failed(call, &failure))
    }

    fn failed(&self, call: &Call<'_>, failure: &Failure) -> Error {
        let program = call.program.name;
        match failure {
            Failure::Missing => {
                let answer =
                    format!("cannot be asked in mode {}: the program {program} is not installed here", self.mode);
                let advice = format!(
                    "install {} on the provisioning server, or set ipmi/mode to redfish, which needs no program",
                    call.program.packages
                );
                self.error(Kind::Unsupported, answer).advise(advice).finally()
            }
            Failure::NoPlace => {
                let answer = format!("was not asked: other calls of programs took all the time of {program}'s");
                self.error(Kind::Busy, answer).advise("try again when fewer machines are worked on").finally()
            }
            Failure::Broken(error) => self.error(Kind::Refused, format!("cannot be asked: running {program}: {error}")),
            Failure::Silent(limit) => {
                let answer = format!("gave {program} no answer within {}", spoken(*limit));
                self.error(Kind::Timeout, answer).advise(NO_ANSWER)
            }
            Failure::TooLong => self.error(Kind::Refused, format!("made {program} say more than 1 MiB")),
        }
    }

    fn out_of_time(&self, awaited: &str) -> Error {
        Error::out_of_time(&self.doing, &self.name, self.deadline, awaited)
    }
}

/// What to do about a BMC that says nothing.
pub(super) const NO_ANSWER: &str =
    "check address, port and route; the BMC may need more time (virtual-media/request-timeout) or a restart";
