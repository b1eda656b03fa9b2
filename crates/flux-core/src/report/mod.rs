//! Reports: what a tool found or did, typed; rendered here as text, elsewhere as JSON.

mod code;
mod done;
mod finding;
pub(crate) mod html;
mod numbers;
mod page;
mod wrap;

use serde::Serialize;

pub use code::Code;
pub use done::Done;
pub(crate) use finding::render_findings;
pub use finding::{Finding, Verdict, verdict, worst};
pub use numbers::{bar, bytes, duration, number, path_text, path_text_if_any, percent, plural, ranges, some_of};
pub use page::{Page, Table};

/// What a tool returns.
#[must_use]
pub trait Report: Serialize {
    /// Writes the report for people.
    fn render(&self, page: &mut Page);

    /// Decides the exit code.
    fn verdict(&self) -> Verdict {
        Verdict::Ok
    }

    /// Whether it tells what was done, or what would be.
    fn done(&self) -> Done {
        Done::Really
    }
}

/// The whole report for people: of a dry run, first that it is one.
pub fn show(report: &impl Report, page: &mut Page) {
    report.done().head(page);
    report.render(page);
}
