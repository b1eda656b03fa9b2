//! Reports: what a tool found or did, typed; rendered here as text, elsewhere as JSON.

mod causes;
pub mod chart;
mod code;
mod done;
mod finding;
pub(crate) mod html;
pub mod look;
mod markup;
mod numbers;
mod page;
mod wrap;

use schemars::JsonSchema;
use serde::Serialize;

pub use code::Code;
pub use done::Done;
pub(crate) use finding::render_findings;
pub use finding::{Finding, Verdict, verdict, worst};
pub(crate) use numbers::{bar, duration, local_time, path_text, path_text_if_any, ranges, some_of};
pub use numbers::{bytes, number, percent, plural};
pub(crate) use page::is_hidden;
pub use page::{Page, Table, message, one_line};

/// What a tool returns. Its JSON document and the schema of that derive from the type.
#[must_use]
pub trait Report: Serialize + JsonSchema {
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

/// The whole report for people. `subject` says in one line what was done; a dry run says that nothing was.
pub fn show(subject: &str, report: &impl Report, page: &mut Page) {
    page.subject(match report.done() {
        Done::Really => subject,
        Done::Would => Done::SIMULATION,
    });
    report.render(page);
}

/// One of two reports, for tools that do one thing or another.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum OneOf<A, B> {
    This(A),
    That(B),
}

impl<A: Report, B: Report> Report for OneOf<A, B> {
    fn render(&self, page: &mut Page) {
        match self {
            Self::This(report) => report.render(page),
            Self::That(report) => report.render(page),
        }
    }

    fn verdict(&self) -> Verdict {
        match self {
            Self::This(report) => report.verdict(),
            Self::That(report) => report.verdict(),
        }
    }

    fn done(&self) -> Done {
        match self {
            Self::This(report) => report.done(),
            Self::That(report) => report.done(),
        }
    }
}
