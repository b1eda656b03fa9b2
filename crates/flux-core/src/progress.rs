//! Progress bars with rate and remaining time, on a terminal only.

use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A set of bars that log messages do not break.
#[derive(Debug, Clone)]
pub struct Progress {
    bars: MultiProgress,
}

impl Progress {
    /// Bars on stderr when `visible`, else none.
    pub fn new(visible: bool) -> Self {
        let target = if visible { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        Self { bars: MultiProgress::with_draw_target(target) }
    }

    /// A bar over `total` bytes.
    pub fn bytes(&self, name: &str, total: u64) -> ProgressBar {
        self.bar(name, total, "{prefix:30!} {bar:24} {bytes:>10} / {total_bytes} {bytes_per_sec:>14} reste {eta} {msg}")
    }

    /// A bar over `total` things.
    pub fn count(&self, name: &str, total: u64) -> ProgressBar {
        self.bar(name, total, "{prefix:30!} {bar:24} {pos:>10} / {len} {per_sec:>14} reste {eta} {msg}")
    }

    /// A step of unknown length.
    pub fn step(&self, name: &str) -> ProgressBar {
        let bar = self.bars.add(ProgressBar::new_spinner()).with_prefix(name.to_owned());
        bar.set_style(style("{prefix:30!} {spinner} {elapsed} {msg}"));
        bar.enable_steady_tick(Duration::from_millis(200));
        bar
    }

    fn bar(&self, name: &str, total: u64, template: &str) -> ProgressBar {
        let bar = self.bars.add(ProgressBar::new(total)).with_prefix(name.to_owned());
        bar.set_style(style(template));
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
