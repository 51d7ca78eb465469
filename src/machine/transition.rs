//! What a change of a machine asks for: one pure decision from what was, what is, and what we did before.

use super::params::{BOOT_VIRTUAL_ISO, POWER_ON_TRANSITION, ParamError, unusable};
use super::{Params, Phase, State};

/// One side of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The BootEnv.
    pub bootenv: String,
    /// Whether `boot-virtual-iso` is true.
    pub enabled: bool,
}

/// A machine's change as the server tells it, and what we know of the machine.
#[derive(Clone, Debug)]
pub struct Change<'a> {
    /// The machine before; not every server sends it.
    pub before: Option<Snapshot>,
    /// The machine after; `None` when it was deleted.
    pub after: Option<Snapshot>,
    /// What we did on it before.
    pub state: &'a State,
    /// The event's time, as the server wrote it.
    pub time: &'a str,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Generate the image for this BootEnv, mount it, boot from it once.
    Mount,
    /// Eject our medium and delete the image, keep the directory.
    Unmount,
    /// Eject our medium and delete everything of this machine's.
    Clean,
    /// Nothing; the reason is for the answer and the log.
    Ignore(&'static str),
}

/// What to do with the power once a transition is ready (`virtual-media/power-on-transition`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PowerOnTransition {
    /// Nothing: the agent reboots the machine, or an operator does.
    #[default]
    None,
    /// Switch the machine on when it is off.
    On,
    /// Power cycle it.
    Cycle,
}

/// Decides what a change asks for. "No BootEnv change" means nothing at all, because an image is what the machine was
/// when it was generated.
#[must_use]
pub fn decide(change: &Change<'_>) -> Decision {
    let touched = change.state.phase != Phase::Idle;
    let was_enabled = change.before.as_ref().is_some_and(|before| before.enabled);
    if change.after.is_some() && is_older(change.time, &change.state.event_time) {
        return Decision::Ignore("a later change of this machine was handled already");
    }
    let Some(after) = change.after.as_ref().filter(|after| after.enabled) else {
        return match (touched || was_enabled, &change.after) {
            (true, _) => Decision::Clean,
            (false, Some(_)) => Decision::Ignore("boot-virtual-iso is not true"),
            (false, None) => Decision::Ignore("virtual media was never used on this machine"),
        };
    };
    let same_as_before = match &change.before {
        Some(before) => before.bootenv == after.bootenv,
        // Without the machine before, our own last transition stands in for it.
        None => touched && change.state.boot_env == after.bootenv,
    };
    if same_as_before {
        return Decision::Ignore("the BootEnv did not change");
    }
    if change.time == change.state.event_time
        && !change.time.is_empty()
        && change.state.boot_env == after.bootenv
        && matches!(change.state.phase, Phase::Mounted | Phase::Unmounted)
    {
        return Decision::Ignore("this change was handled already");
    }
    if boots_through_virtual_media(&after.bootenv) { Decision::Mount } else { Decision::Unmount }
}

/// Whether a machine in this BootEnv boots what we generate: Sledgehammer, under its own name or a variant's
/// (`sledgehammer-custom`). What another BootEnv wants as kernel arguments is not known.
#[must_use]
pub fn boots_through_virtual_media(bootenv: &str) -> bool {
    bootenv.strip_prefix("sledgehammer").is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// The BootEnv that an image made by hand is for: the one that is asked for, else the machine's own where it boots
/// through virtual media, else Sledgehammer, which is what a machine is brought up with.
#[must_use]
pub fn bootenv_by_hand<'a>(asked: Option<&'a str>, own: &'a str) -> &'a str {
    asked.unwrap_or(if boots_through_virtual_media(own) { own } else { "sledgehammer" })
}

/// Whether an event's time lies before another's; times that cannot be compared are in order.
#[must_use]
pub fn is_older(time: &str, than: &str) -> bool {
    match (time.parse::<jiff::Timestamp>(), than.parse::<jiff::Timestamp>()) {
        (Ok(time), Ok(than)) => time < than,
        _ => false,
    }
}

impl Change<'_> {
    /// Whether the change asks for nothing whatever was done on the machine before: it stays enabled and in its BootEnv.
    #[must_use]
    pub fn keeps_the_bootenv(&self) -> bool {
        let after = self.after.as_ref().filter(|after| after.enabled);
        matches!((&self.before, after), (Some(before), Some(after)) if before.bootenv == after.bootenv)
    }
}

impl Snapshot {
    /// Takes a side of a change from a BootEnv and the parameters that hold for it.
    ///
    /// # Errors
    /// `boot-virtual-iso` is no boolean.
    pub fn new(bootenv: &str, params: &Params) -> Result<Self, ParamError> {
        Ok(Self { bootenv: bootenv.to_owned(), enabled: params.flag(BOOT_VIRTUAL_ISO)?.unwrap_or(false) })
    }

    /// The same of what is past: a flag that cannot be read was not true, and keeps nobody from mending or deleting it.
    #[must_use]
    pub fn past(bootenv: &str, params: &Params) -> Self {
        let enabled = params.flag(BOOT_VIRTUAL_ISO).ok().flatten().unwrap_or(false);
        Self { bootenv: bootenv.to_owned(), enabled }
    }
}

impl PowerOnTransition {
    /// Reads the parameter; absent means nothing is done.
    ///
    /// # Errors
    /// It is no string or none of the three words.
    pub fn from_params(params: &Params) -> Result<Self, ParamError> {
        match params.filled_text(POWER_ON_TRANSITION)? {
            None | Some("none") => Ok(Self::None),
            Some("on") => Ok(Self::On),
            Some("cycle") => Ok(Self::Cycle),
            Some(other) => Err(unusable(POWER_ON_TRANSITION, other, "expected none, on or cycle")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Change, Decision, Snapshot, decide};
    use crate::machine::{Phase, State};

    fn snapshot(bootenv: &str, enabled: bool) -> Snapshot {
        Snapshot { bootenv: bootenv.into(), enabled }
    }

    fn state(phase: Phase, boot_env: &str, event_time: &str) -> State {
        State { phase, boot_env: boot_env.into(), event_time: event_time.into(), ..State::default() }
    }

    const NOON: &str = "2026-01-01T12:00:00Z";
    const EARLIER: &str = "2026-01-01T11:59:59.999999999Z";

    #[test]
    fn every_kind_of_change_has_its_decision() {
        let local = Some(snapshot("local", true));
        let sledgehammer = Some(snapshot("sledgehammer", true));
        let install = Some(snapshot("debian-12-install", true));
        let plain = |bootenv| Some(snapshot(bootenv, false));
        let idle = State::default();
        let mounted = state(Phase::Mounted, "sledgehammer", NOON);
        let failed = state(Phase::Failed, "sledgehammer", NOON);
        let cases = [
            ("into sledgehammer", &local, &sledgehammer, &idle, NOON, "Mount"),
            ("into a variant", &local, &Some(snapshot("sledgehammer-lab", true)), &idle, NOON, "Mount"),
            ("into a name alike", &local, &Some(snapshot("sledgehammers", true)), &idle, NOON, "Unmount"),
            ("into local", &sledgehammer, &local, &mounted, "", "Unmount"),
            ("into an installer", &sledgehammer, &install, &mounted, "", "Unmount"),
            ("the same BootEnv", &sledgehammer, &sledgehammer, &mounted, "", "did not change"),
            ("never enabled", &plain("local"), &plain("sledgehammer"), &idle, NOON, "not true"),
            ("enabled without a change", &plain("local"), &local, &idle, NOON, "did not change"),
            ("disabled", &sledgehammer, &plain("sledgehammer"), &mounted, NOON, "Clean"),
            ("disabled, state lost", &sledgehammer, &plain("sledgehammer"), &idle, NOON, "Clean"),
            ("disabled, before lost", &None, &plain("sledgehammer"), &mounted, NOON, "Clean"),
            ("deleted", &None, &None, &mounted, NOON, "Clean"),
            ("deleted, never ours", &plain("local"), &None, &idle, NOON, "never used"),
            ("before unknown, first time", &None, &sledgehammer, &idle, NOON, "Mount"),
            ("before unknown, no change", &None, &sledgehammer, &mounted, NOON, "did not change"),
            ("repeated after success", &local, &sledgehammer, &mounted, NOON, "handled already"),
            ("repeated after a failure", &local, &sledgehammer, &failed, NOON, "Mount"),
            ("out of order", &local, &sledgehammer, &mounted, EARLIER, "later change"),
            ("disabled, out of order", &sledgehammer, &plain("sledgehammer"), &mounted, EARLIER, "later change"),
        ];
        for (name, before, after, state, time, expected) in cases {
            let decision = decide(&Change { before: before.clone(), after: after.clone(), state, time });
            let shown = match decision {
                Decision::Ignore(reason) => reason.to_owned(),
                other => format!("{other:?}"),
            };
            assert!(shown.contains(expected), "{name}: {shown}");
        }
    }
}
