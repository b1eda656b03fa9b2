//! Progress bars with rate and remaining time, on a terminal only.

use std::fmt::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::report;

/// A set of bars that log messages do not break.
#[derive(Debug, Clone)]
pub struct Progress {
    bars: MultiProgress,
    /// Every bar ever made, shown or not, with what it counts.
    made: Arc<Mutex<Vec<(ProgressBar, Unit)>>>,
    /// Steps of unknown length.
    spun: Arc<Mutex<Vec<ProgressBar>>>,
    /// Things that need no further work, whatever became of them, with their sizes.
    settled: Arc<Mutex<Vec<(String, u64)>>>,
    waiting: Arc<Mutex<Waiting>>,
}

/// The line that is shown while nothing else tells that the tool is at work.
#[derive(Debug, Default)]
struct Waiting {
    line: Option<ProgressBar>,
    /// Nothing is shown any more: the report is on its way, or a question is asked.
    over: bool,
}

/// What is being waited for, in words; nothing where nobody looks.
static DOING: Mutex<Option<String>> = Mutex::new(None);

/// Tells what begins now and may take its time: what a terminal shows where no bar does.
pub(crate) fn doing(what: &str) {
    if let Some(doing) = locked(&DOING).as_mut() {
        what.clone_into(doing);
    }
}

/// The same of a file that is read or written.
pub(crate) fn doing_with(what: &str, path: &Path) {
    doing(&format!("{what} {}", path.file_name().unwrap_or_default().display()));
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
        Self {
            bars: MultiProgress::with_draw_target(target),
            made: Arc::default(),
            spun: Arc::default(),
            settled: Arc::default(),
            waiting: Arc::default(),
        }
    }

    /// From its second second on, a run shows what it is doing wherever no bar does, until [`Progress::clear`].
    pub(crate) fn accompany(&self) {
        if self.bars.is_hidden() {
            return;
        }
        locked(&DOING).get_or_insert_default();
        let (progress, begun) = (self.clone(), Instant::now());
        std::thread::spawn(move || {
            std::thread::sleep(PATIENCE);
            while progress.tell(begun) {
                std::thread::sleep(TICK);
            }
        });
    }

    /// Shows what is being done, or nothing while a bar does. False once it is over.
    fn tell(&self, begun: Instant) -> bool {
        let mut waiting = locked(&self.waiting);
        if waiting.over {
            return false;
        }
        let made = locked(&self.made).iter().any(|(bar, _)| !bar.is_finished());
        if made || locked(&self.spun).iter().any(|bar| !bar.is_finished()) {
            waiting.line.take().inspect(ProgressBar::finish_and_clear);
            return true;
        }
        let line = waiting.line.get_or_insert_with(|| {
            let line = self.bars.add(ProgressBar::new_spinner()).with_elapsed(begun.elapsed());
            line.set_style(style("{spinner} {elapsed} {wide_msg}"));
            line
        });
        line.set_message(report::one_line(locked(&DOING).as_deref().unwrap_or_default()).into_owned());
        line.tick();
        true
    }

    /// Where the bars over bytes or things stand, shown or not, in the order in which they were made; then what was settled
    /// without a bar.
    pub(crate) fn steps(&self) -> Vec<Step> {
        let settled = locked(&self.settled);
        let made = locked(&self.made);
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
        locked(&self.settled).push((name.to_owned(), size));
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
        bar.set_style(style("{prefix:32!} {spinner} {elapsed} {wide_msg}"));
        bar.enable_steady_tick(TICK);
        locked(&self.spun).push(bar.clone());
        bar
    }

    /// A bar with its rate; narrow enough for 80 columns, and for 50 without the bar itself.
    fn bar(&self, name: &str, total: u64, unit: Unit, rate: fn(&ProgressState, &mut dyn Write)) -> ProgressBar {
        let bar = self.bars.add(ProgressBar::new(total)).with_prefix(name.to_owned());
        let wide = terminal_size::terminal_size_of(std::io::stderr()).is_none_or(|(width, _)| width.0 >= 80);
        let template = if wide {
            "{prefix:32!} {bar:16} {percent:>3} % {rate:>13} reste {eta}"
        } else {
            "{prefix:24!} {percent:>3} % reste {eta}"
        };
        bar.set_style(style(template).with_key("rate", rate));
        locked(&self.made).push((bar.clone(), unit));
        bar
    }

    /// Runs `print` while the bars are off the screen, so that neither spoils the other.
    pub fn suspend<T>(&self, print: impl FnOnce() -> T) -> T {
        self.bars.suspend(print)
    }

    /// Takes everything off the screen, for good where it only tells what is done.
    pub fn clear(&self) {
        let mut waiting = locked(&self.waiting);
        waiting.over = true;
        waiting.line.take().inspect(ProgressBar::finish_and_clear);
        let _ = self.bars.clear();
    }
}

/// How long a run may be silent.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often what stands on the terminal moves.
const TICK: Duration = Duration::from_millis(200);

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
