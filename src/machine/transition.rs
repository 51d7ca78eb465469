//! What a change of a machine asks for: one pure decision from what was, what is, and what we did before.

use std::time::Duration;

use super::params::{POWER_ON_TRANSITION, ParamError, unusable};
use super::{Mechanism, Params, Phase, State};

/// One side of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The BootEnv.
    pub bootenv: String,
    /// Whether this plugin acts on the machine's BootEnv changes.
    pub enabled: bool,
    /// Whether what we generate boots the machine in this BootEnv.
    pub boots_from_media: bool,
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
    /// The same, and leave the power alone, also when it fails and is tried again: nobody saw the change, or there was none and
    /// the image was lost, so the machine may be running what it is to boot.
    Adopt,
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
        // What an operator mounted by hand stays, until he or the end of the machine takes it out.
        let ours = match change.after {
            Some(_) => change.state.is_of_the_hook(),
            None => touched && change.state.mechanism != Mechanism::Server,
        };
        return match (ours || was_enabled, &change.after) {
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
    into(after)
}

/// Decides what a machine asks for that is looked at without an event: what a lost event would have asked for, and the
/// rest of what was cut off or failed. `since_state` is the time since the state was written, and `is_lost` says that the
/// image of the state's URL should be served and is not.
#[must_use]
pub fn missed(after: &Snapshot, state: &State, since_state: Option<Duration>, is_lost: bool) -> Decision {
    let resting = state.phase == Phase::Failed && since_state.is_some_and(|since| since < rest(state.attempts));
    if !after.enabled {
        return match state.is_of_the_hook() {
            false => Decision::Ignore("boot-virtual-iso is not true"),
            true if resting => Decision::Ignore(RESTS),
            true => Decision::Clean,
        };
    }
    let is_new = state.boot_env != after.bootenv;
    match state.phase {
        Phase::Failed if resting && !is_new => Decision::Ignore(RESTS),
        Phase::Mounting | Phase::Failed if state.leaves_power && !is_new && after.boots_from_media => Decision::Adopt,
        Phase::Mounting | Phase::Unmounting | Phase::Failed => into(after),
        // Never seen before. In a BootEnv that boots in-band there is nothing of ours to take away.
        Phase::Idle if state.boot_env.is_empty() => {
            if after.boots_from_media {
                Decision::Adopt
            } else {
                Decision::Ignore("it boots in-band")
            }
        }
        _ if is_new => into(after),
        // The BMC has a URL that answers 404, for this boot or the next.
        Phase::Mounted if is_lost && after.boots_from_media => Decision::Adopt,
        _ => Decision::Ignore("the BootEnv did not change"),
    }
}

const RESTS: &str = "it failed a short time ago and is tried again later";

fn into(after: &Snapshot) -> Decision {
    if after.boots_from_media { Decision::Mount } else { Decision::Unmount }
}

/// How long a machine rests after so many failed tries: 30 s, doubled with each, an hour at most. A BMC that rejects a
/// password locks accounts when it is asked too often.
fn rest(attempts: u32) -> Duration {
    const FIRST: Duration = Duration::from_secs(30);
    const LONGEST: Duration = Duration::from_hours(1);
    FIRST.saturating_mul(1 << attempts.saturating_sub(1).min(16)).min(LONGEST)
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
    /// A machine as it is now, whose BootEnv boots from what we generate where its name says so.
    #[must_use]
    pub fn new(bootenv: &str, mechanism: Mechanism) -> Self {
        Self {
            bootenv: bootenv.to_owned(),
            enabled: mechanism == Mechanism::Plugin,
            boots_from_media: boots_through_virtual_media(bootenv),
        }
    }

    /// The same of what is past: what cannot be read did not hold, and keeps nobody from mending or deleting it.
    #[must_use]
    pub fn past(bootenv: &str, params: &Params, server_has_its_own: bool) -> Self {
        Self::new(bootenv, Mechanism::from_params(params, server_has_its_own).unwrap_or_default())
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
    use std::time::Duration;

    use super::{Change, Decision, Snapshot, decide, missed, rest};
    use crate::machine::{Mechanism, Phase, State};

    fn snapshot(bootenv: &str, enabled: bool) -> Snapshot {
        Snapshot::new(bootenv, if enabled { Mechanism::Plugin } else { Mechanism::None })
    }

    fn state(phase: Phase, boot_env: &str, event_time: &str) -> State {
        let (boot_env, event_time) = (boot_env.into(), event_time.into());
        State { phase, boot_env, event_time, mechanism: Mechanism::Plugin, ..State::default() }
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
        let by_hand = State { mechanism: Mechanism::None, ..mounted.clone() };
        let by_the_server = State { mechanism: Mechanism::Server, ..mounted.clone() };
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
            ("mounted by hand", &plain("local"), &plain("sledgehammer"), &by_hand, NOON, "not true"),
            ("mounted by the server", &plain("local"), &plain("local"), &by_the_server, NOON, "not true"),
            ("deleted", &None, &None, &mounted, NOON, "Clean"),
            ("deleted, mounted by hand", &None, &None, &by_hand, NOON, "Clean"),
            ("deleted, mounted by the server", &None, &None, &by_the_server, NOON, "never used"),
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
            let shown = shown(decision);
            assert!(shown.contains(expected), "{name}: {shown}");
        }
    }

    fn shown(decision: Decision) -> String {
        match decision {
            Decision::Ignore(reason) => reason.to_owned(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn a_look_at_a_machine_finds_what_no_event_told() {
        let (on, off) = (|bootenv| snapshot(bootenv, true), |bootenv| snapshot(bootenv, false));
        let of = |phase, bootenv| state(phase, bootenv, NOON);
        let adopting = |phase| State { leaves_power: true, ..of(phase, "sledgehammer") };
        let cases = [
            ("first seen, in-band", on("local"), State::default(), "boots in-band"),
            ("first seen, in Sledgehammer", on("sledgehammer"), State::default(), "Adopt"),
            ("seen before in local", on("sledgehammer"), of(Phase::Idle, "local"), "Mount"),
            ("enabled in Sledgehammer", on("sledgehammer"), of(Phase::Idle, "sledgehammer"), "did not change"),
            ("missed into local", on("local"), of(Phase::Mounted, "sledgehammer"), "Unmount"),
            ("missed into Sledgehammer", on("sledgehammer"), of(Phase::Unmounted, "local"), "Mount"),
            ("done", on("sledgehammer"), of(Phase::Mounted, "sledgehammer"), "did not change"),
            ("killed in a mount", on("sledgehammer"), of(Phase::Mounting, "sledgehammer"), "Mount"),
            ("killed in a mount, then local", on("local"), of(Phase::Mounting, "sledgehammer"), "Unmount"),
            ("killed in an unmount", on("local"), of(Phase::Unmounting, "local"), "Unmount"),
            ("failed", on("sledgehammer"), of(Phase::Failed, "sledgehammer"), "Mount"),
            ("killed in an adoption", on("sledgehammer"), adopting(Phase::Mounting), "Adopt"),
            ("failed in an adoption", on("sledgehammer"), adopting(Phase::Failed), "Adopt"),
            ("failed in an adoption, then local", on("local"), adopting(Phase::Failed), "Unmount"),
            ("failed in an adoption, then another", on("sledgehammer-lab"), adopting(Phase::Failed), "Mount"),
            ("disabled", off("sledgehammer"), of(Phase::Mounted, "sledgehammer"), "Clean"),
            ("never ours", off("sledgehammer"), State::default(), "not true"),
            ("mounted by hand", off("local"), State { phase: Phase::Mounted, ..State::default() }, "not true"),
        ];
        for (name, after, state, expected) in cases {
            let shown = shown(missed(&after, &state, Some(Duration::from_hours(1)), false));
            assert!(shown.contains(expected), "{name}: {shown}");
        }
    }

    #[test]
    fn an_image_that_is_lost_is_mounted_anew_where_it_is_still_wanted() {
        let (on, off) = (|bootenv| snapshot(bootenv, true), |bootenv| snapshot(bootenv, false));
        let of = |phase, bootenv| state(phase, bootenv, NOON);
        let by_hand = State { mechanism: Mechanism::None, ..of(Phase::Mounted, "sledgehammer") };
        let cases = [
            ("mounted", on("sledgehammer"), of(Phase::Mounted, "sledgehammer"), "Adopt"),
            ("not to be booted", on("local"), of(Phase::Mounted, "local"), "did not change"),
            ("missed into local", on("local"), of(Phase::Mounted, "sledgehammer"), "Unmount"),
            ("missed into another", on("sledgehammer-lab"), of(Phase::Mounted, "sledgehammer"), "Mount"),
            ("taken out by hand", on("sledgehammer"), of(Phase::Unmounted, "sledgehammer"), "did not change"),
            ("disabled", off("sledgehammer"), of(Phase::Mounted, "sledgehammer"), "Clean"),
            ("by hand", off("sledgehammer"), by_hand, "not true"),
            ("failed a moment ago", on("sledgehammer"), of(Phase::Failed, "sledgehammer"), "tried again later"),
        ];
        for (name, after, state, expected) in cases {
            let shown = shown(missed(&after, &state, Some(Duration::ZERO), true));
            assert!(shown.contains(expected), "{name}: {shown}");
        }
    }

    #[test]
    fn a_failed_machine_rests_longer_with_each_try() {
        let after = snapshot("sledgehammer", true);
        let failed = |attempts| State { attempts, ..state(Phase::Failed, "sledgehammer", NOON) };
        for (attempts, seconds) in [(0, 30), (1, 30), (2, 60), (5, 480), (8, 3600), (u32::MAX, 3600)] {
            assert_eq!(rest(attempts), Duration::from_secs(seconds), "{attempts}");
            let since = |seconds| missed(&after, &failed(attempts), Some(Duration::from_secs(seconds)), true);
            assert_eq!(since(seconds), Decision::Mount, "{attempts}");
            assert!(matches!(since(seconds - 1), Decision::Ignore(_)), "{attempts}");
            let local = snapshot("local", true);
            assert_eq!(
                missed(&local, &failed(attempts), Some(Duration::ZERO), true),
                Decision::Unmount,
                "another BootEnv"
            );
        }
    }
}
