//! What a person at a terminal sees of an operation that takes longer than a second.

use std::io::{IsTerminal, stderr};
use std::sync::Mutex;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressState, ProgressStyle};

use crate::operation::{Operation, Progress};

/// What takes no longer than this needs no progress.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often the line is drawn.
const TICK: Duration = Duration::from_millis(200);

/// An operation whose steps are shown on stderr where that is a terminal, and not at all where it is not.
pub(super) fn watched() -> Operation {
    if !stderr().is_terminal() {
        return Operation::unwatched();
    }
    let shown = Mutex::new(Shown(None));
    Operation::new(move |progress| {
        if let Ok(mut shown) = shown.lock() {
            shown.show(progress);
        }
    })
}

/// The line of the step under way.
struct Shown(Option<(&'static str, ProgressBar)>);

impl Shown {
    fn show(&mut self, progress: &Progress) {
        if progress.percent == Some(100) {
            return self.clear();
        }
        if self.0.as_ref().is_none_or(|(step, _)| *step != progress.step) {
            self.clear();
            let bar = ProgressBar::new(100);
            bar.enable_steady_tick(TICK);
            self.0 = Some((progress.step, bar));
        }
        let Some((_, bar)) = &self.0 else { return };
        bar.set_style(style(progress.message.clone()));
        if let Some(percent) = progress.percent {
            bar.set_position(percent.into());
        }
    }

    fn clear(&mut self) {
        if let Some((_, bar)) = self.0.take() {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Nothing until patience is over; then what is being done, how far where that is known, and for how long.
fn style(message: String) -> ProgressStyle {
    // The template is fixed and valid; with the default one the line is plainer.
    let style = ProgressStyle::with_template("{line}").unwrap_or_else(|_| ProgressStyle::default_bar());
    style.with_key("line", move |state: &ProgressState, line: &mut dyn std::fmt::Write| {
        if state.elapsed() < PATIENCE {
            return;
        }
        let far = if state.pos() > 0 { format!("{} %, ", state.pos()) } else { String::new() };
        // A line that cannot be written is a line that nobody sees.
        let _ = write!(line, "{message} ({far}{} s)", state.elapsed().as_secs());
    })
}
