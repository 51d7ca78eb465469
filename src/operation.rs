//! One operation as its caller watches it: an id, the steps done so far, progress, and a flag that asks it to stop.
//!
//! The wires and the command line each attach a sink; the core only reports. What a cancelled operation has
//! already done to a BMC is read from here, because its future is gone by then.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

/// What an operation is doing now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The step's short, stable name, such as `insert`.
    pub step: &'static str,
    /// How far the step is, 0 to 100, where that can be known.
    pub percent: Option<u8>,
    /// One sentence for people.
    pub message: String,
}

type Sink = Box<dyn Fn(&Progress) + Send + Sync>;

/// An operation under way; shared between the code that does the work and the wire that reports it.
pub struct Operation {
    id: Uuid,
    sink: Sink,
    cancelled: AtomicBool,
    steps: Mutex<Steps>,
}

#[derive(Default)]
struct Steps {
    done: Vec<String>,
    open: Option<Progress>,
}

impl Operation {
    /// Starts an operation whose progress goes to `sink`, which must not block.
    #[must_use]
    pub fn new(sink: impl Fn(&Progress) + Send + Sync + 'static) -> Self {
        Self { id: Uuid::new_v4(), sink: Box::new(sink), cancelled: AtomicBool::new(false), steps: Mutex::default() }
    }

    /// Starts an operation that nobody watches.
    #[must_use]
    pub fn unwatched() -> Self {
        Self::new(|_| {})
    }

    /// The id that ties logs, events and progress of this operation together.
    #[must_use]
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// Says that `step` begins. It stays open until [`Operation::done`] or the next `begin`.
    pub fn begin(&self, step: &'static str, message: impl Into<String>) {
        let progress = Progress { step, percent: None, message: message.into() };
        (self.sink)(&progress);
        self.steps().open = Some(progress);
    }

    /// Says how far the open step is. Without an open step nothing is reported.
    pub fn percent(&self, percent: u8) {
        let report = {
            let mut steps = self.steps();
            let Some(open) = steps.open.as_mut() else { return };
            if open.percent == Some(percent) {
                return;
            }
            open.percent = Some(percent);
            open.clone()
        };
        (self.sink)(&report);
    }

    /// Records that the open step has ended with an effect worth knowing after a cancel, such as "inserted … in slot 1",
    /// and reports the step as whole.
    pub fn done(&self, effect: impl Into<String>) {
        let effect = effect.into();
        let open = {
            let mut steps = self.steps();
            steps.done.push(effect.clone());
            steps.open.take()
        };
        if let Some(Progress { step, .. }) = open {
            (self.sink)(&Progress { step, percent: Some(100), message: effect });
        }
    }

    /// The effects so far, oldest first; a step that had begun without an end is last, marked as unfinished.
    #[must_use]
    pub fn steps_done(&self) -> Vec<String> {
        let steps = self.steps();
        let unfinished = steps.open.iter().map(|open| format!("unfinished: {}", open.message));
        steps.done.iter().cloned().chain(unfinished).collect()
    }

    /// Asks work that a dropped future cannot stop (a thread that writes a file) to end before its last effect.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Release);
    }

    /// Whether [`Operation::cancel`] was called.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Acquire)
    }

    /// A step list is valid after every statement, so a poisoned lock is still good to read.
    fn steps(&self) -> MutexGuard<'_, Steps> {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Operation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Operation").field("id", &self.id).field("done", &self.steps_done()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::Operation;

    #[test]
    fn a_step_without_an_end_is_listed_as_unfinished() {
        let operation = Operation::unwatched();
        operation.begin("eject", "ejecting slot 1");
        operation.done("ejected slot 1");
        operation.begin("insert", "inserting http://x/boot.iso in slot 1");
        assert_eq!(operation.steps_done(), ["ejected slot 1", "unfinished: inserting http://x/boot.iso in slot 1"]);
    }
}
