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
    /// Every bar ever made, shown or not.
    made: Arc<Mutex<Vec<ProgressBar>>>,
}

/// Where a bar stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its name.
    pub name: String,
    /// Bytes or things done.
    pub position: u64,
    /// Bytes or things in all.
    pub total: u64,
    /// What its maker says beside.
    pub message: String,
    /// Whether it has ended.
    pub finished: bool,
}

impl Progress {
    /// Bars on stderr when `visible`, else none.
    pub fn new(visible: bool) -> Self {
        let target = if visible { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        Self { bars: MultiProgress::with_draw_target(target), made: Arc::default() }
    }

    /// Where the bars over bytes or things stand, shown or not, in the order in which they were made.
    pub fn steps(&self) -> Vec<Step> {
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let step = |bar: &ProgressBar| Step {
            name: bar.prefix(),
            position: bar.position(),
            total: bar.length().unwrap_or(0),
            message: bar.message(),
            finished: bar.is_finished(),
        };
        made.iter().map(step).collect()
    }

    /// A bar over `total` bytes.
    pub fn bytes(&self, name: &str, total: u64) -> ProgressBar {
        self.bar(name, total, |state, out| {
            let _ = write!(out, "{}/s", report::bytes(state.per_sec() as u64));
        })
    }

    /// A bar over `total` things.
    pub fn count(&self, name: &str, total: u64) -> ProgressBar {
        self.bar(name, total, |state, out| {
            let _ = write!(out, "{}/s", report::number(state.per_sec() as u64));
        })
    }

    /// A step of unknown length.
    pub fn step(&self, name: &str) -> ProgressBar {
        let bar = self.bars.add(ProgressBar::new_spinner()).with_prefix(name.to_owned());
        bar.set_style(style("{prefix:32!} {spinner} {elapsed} {msg}"));
        bar.enable_steady_tick(Duration::from_millis(200));
        bar
    }

    /// A bar with its rate; narrow enough for 80 columns.
    fn bar(&self, name: &str, total: u64, rate: fn(&ProgressState, &mut dyn Write)) -> ProgressBar {
        let bar = self.bars.add(ProgressBar::new(total)).with_prefix(name.to_owned());
        let template = "{prefix:32!} {bar:16} {percent:>3} % {rate:>13} reste {eta}";
        bar.set_style(style(template).with_key("rate", rate));
        self.made.lock().unwrap_or_else(PoisonError::into_inner).push(bar.clone());
        bar
    }

    /// Prints in between.
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
