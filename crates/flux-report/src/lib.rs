//! Reports: what a tool found or did, typed; rendered here as text, pages and charts, elsewhere as JSON. Knows nothing of what the tools do.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod causes;
pub mod chart;
mod code;
mod done;
mod finding;
pub mod html;
pub mod look;
mod markup;
mod numbers;
mod page;
mod wrap;

use schemars::JsonSchema;
use serde::Serialize;

pub use code::Code;
pub use done::Done;
pub use finding::{Finding, Verdict, render_findings, verdict, worst};
pub use numbers::{
    bar, bytes, change, date_in_words, day_of_month, duration, first_of, local_time, number, path_text,
    path_text_if_any, percent, plural, ranges, some_of,
};
pub use page::{Page, Table, is_hidden, message, one_line, question};

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
pub enum OneOf<A, B> {
    /// What the tool does as a rule.
    This(A),
    /// The other.
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
