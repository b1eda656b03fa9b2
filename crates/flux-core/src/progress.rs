//! Progress bars with rate and remaining time, on a terminal only.

use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::report;

/// A set of bars that log messages do not break.
#[derive(Debug, Clone)]
pub struct Progress {
    bars: MultiProgress,
    /// Every bar ever made, shown or not, with what it counts.
    made: Arc<Mutex<Vec<(ProgressBar, Unit)>>>,
    /// Things that need no further work, whatever became of them, with their sizes.
    settled: Arc<Mutex<Vec<(String, u64)>>>,
}

/// What a bar counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Bytes of a file that is read.
    Bytes,
    /// Rows or other things that are done.
    Rows,
}

impl Unit {
    /// As other processes read it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Unit::Bytes => "bytes",
            Unit::Rows => "rows",
        }
    }

    /// The unit of a [`Unit::name`].
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [Unit::Bytes, Unit::Rows].into_iter().find(|unit| unit.name() == name)
    }
}

/// How far a bar is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub name: String,
    /// Bytes or things done.
    pub(crate) position: u64,
    /// Bytes or things in all.
    pub(crate) total: u64,
    pub(crate) unit: Unit,
    /// Lines read, of a file.
    pub(crate) lines: Option<u64>,
    /// Whether it has ended.
    pub(crate) finished: bool,
    /// Whether nothing more is to be done for what it is named after.
    pub(crate) settled: bool,
}

impl Progress {
    /// Bars on stderr when `visible`, else none.
    pub fn new(visible: bool) -> Self {
        let target = if visible { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        Self { bars: MultiProgress::with_draw_target(target), made: Arc::default(), settled: Arc::default() }
    }

    /// Where the bars over bytes or things stand, shown or not, in the order in which they were made; then what was settled
    /// without a bar.
    pub(crate) fn steps(&self) -> Vec<Step> {
        let settled = self.settled.lock().unwrap_or_else(PoisonError::into_inner);
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let step = |(bar, unit): &(ProgressBar, Unit)| Step {
            name: bar.prefix(),
            position: bar.position(),
            total: bar.length().unwrap_or(0),
            unit: *unit,
            lines: bar.message().parse().ok(),
            finished: bar.is_finished(),
            settled: settled.iter().any(|(name, _)| *name == bar.prefix()),
        };
        let mut steps: Vec<Step> = made.iter().map(step).collect();
        let without = settled.iter().filter(|(name, _)| !steps.iter().any(|step| step.name == *name));
        let without: Vec<Step> = without
            .map(|(name, size)| Step {
                name: name.clone(),
                position: 0,
                total: *size,
                unit: Unit::Bytes,
                lines: None,
                finished: true,
                settled: true,
            })
            .collect();
        steps.extend(without);
        steps
    }

    /// Tells that nothing more is to be done for `name`, of `size` bytes: stored, unchanged, left out or failed.
    pub(crate) fn settle(&self, name: &str, size: u64) {
        self.settled.lock().unwrap_or_else(PoisonError::into_inner).push((name.to_owned(), size));
    }

    /// A bar over `total` bytes of a file; its message is the number of lines read so far.
    pub(crate) fn bytes(&self, name: &str, total: u64) -> ProgressBar {
        self.bar(name, total, Unit::Bytes, |state, out| {
            let _ = write!(out, "{}/s", report::bytes(state.per_sec() as u64));
        })
    }

    /// A bar over `total` things.
    pub fn count(&self, name: &str, total: u64) -> ProgressBar {
        self.bar(name, total, Unit::Rows, |state, out| {
            let _ = write!(out, "{}/s", report::number(state.per_sec() as u64));
        })
    }

    /// A step of unknown length.
    pub(crate) fn step(&self, name: &str) -> ProgressBar {
        let bar = self.bars.add(ProgressBar::new_spinner()).with_prefix(name.to_owned());
        bar.set_style(style("{prefix:32!} {spinner} {elapsed} {msg}"));
        bar.enable_steady_tick(Duration::from_millis(200));
        bar
    }

    /// A bar with its rate; narrow enough for 80 columns.
    fn bar(&self, name: &str, total: u64, unit: Unit, rate: fn(&ProgressState, &mut dyn Write)) -> ProgressBar {
        let bar = self.bars.add(ProgressBar::new(total)).with_prefix(name.to_owned());
        let template = "{prefix:32!} {bar:16} {percent:>3} % {rate:>13} reste {eta}";
        bar.set_style(style(template).with_key("rate", rate));
        self.made.lock().unwrap_or_else(PoisonError::into_inner).push((bar.clone(), unit));
        bar
    }

    /// Runs `print` while the bars are off the screen, so that neither spoils the other.
    pub fn suspend<T>(&self, print: impl FnOnce() -> T) -> T {
        self.bars.suspend(print)
    }

    /// Takes all bars off the screen.
    pub fn clear(&self) {
        let _ = self.bars.clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_settled_is_a_step_with_and_without_a_bar() {
        let progress = Progress::new(false);
        let bar = progress.bytes("a.csv", 10);
        bar.set_position(4);
        progress.settle("a.csv", 10);
        progress.settle("b.csv", 7);
        let steps = progress.steps();
        let told: Vec<_> = steps.iter().map(|s| (s.name.as_str(), s.position, s.total, s.settled)).collect();
        assert_eq!(told, [("a.csv", 4, 10, true), ("b.csv", 0, 7, true)]);
    }
}
