//! `adopt-database`: a database that older scripts made is looked at as a whole before any tool writes to it, mended where nothing can
//! be lost, and recorded as adopted once nothing is left that a tool would stumble over or misplace.

mod capitals;
mod look;
mod marks;
mod mend;
mod refusals;

use schemars::JsonSchema;
use serde::Serialize;

use crate::error::Result;
use crate::ledger::adoption::Origin;
use crate::ledger::{self, adoption};
use crate::report::{Finding, Page, Report, Verdict, number, plural};
use crate::task::{Context, Task};

pub use marks::Marks;

/// What `adopt-database` is asked to do with a database of older scripts.
#[derive(Debug, Clone, Copy, Default)]
pub struct AdoptOptions {
    /// Mends what can be mended without a loss; else only looks.
    pub apply: bool,
    /// What becomes of rows that bear the mark of definitive ones.
    pub marks: Option<Marks>,
}

/// In which order things are mended: what comes first is needed by what follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Rank {
    Rights,
    Engines,
    Structure,
    Keys,
    Duplicates,
    Names,
    Twins,
    Numbers,
    Marks,
    /// After the adoption, or never: to be known.
    Later,
}

/// Something that was found.
#[derive(Debug, Serialize, JsonSchema)]
struct Found {
    #[serde(flatten)]
    finding: Finding,
    /// How many: rows, names, tables, as the message says.
    count: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    examples: Vec<String>,
    rank: Rank,
    /// Whether the tools do not write before it is mended.
    blocking: bool,
}

/// Something that was done.
#[derive(Debug, Serialize, JsonSchema)]
struct Step {
    what: String,
    place: String,
    rows: u64,
    /// Why it was not done after all; nothing of it is left.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct AdoptReport {
    /// Where the database comes from, as it is now.
    origin: Origin,
    /// Whether the tools may write to it.
    ready: bool,
    applied: bool,
    steps: Vec<Step>,
    /// What is to be done, in this order.
    order: Vec<String>,
    /// What stands in the way.
    findings: Vec<Found>,
    /// What is good to know and stands in nobody's way.
    notes: Vec<Found>,
}

impl Task for AdoptOptions {
    /// Looks at the whole database, and with [`AdoptOptions::apply`] mends what can be mended without a loss. Reads each fact table once
    /// for each of its dimensions.
    ///
    /// # Errors
    /// Those of the connection and the lock. What a single step meets stands in the report.
    fn run(self, context: &Context) -> Result<impl Report> {
        let database = &context.database()?;
        let mut steps = Vec::new();
        if self.apply {
            let lock = ledger::lock(database)?;
            steps = mend::mend(database, self, &lock)?;
        }
        let mut session = database.session()?;
        let origin = adoption::origin(&mut session)?;
        let (findings, notes): (Vec<Found>, Vec<Found>) =
            look::look(database, &mut session, origin)?.into_iter().partition(|found| found.blocking);
        let failed = steps.iter().any(|step| step.error.is_some());
        if self.apply && origin == Origin::Begun && findings.is_empty() && !failed {
            adoption::complete(&mut session)?;
        }
        let origin = adoption::origin(&mut session)?;
        let recorded = matches!(origin, Origin::Own | Origin::Adopted | Origin::Empty);
        let order = order(&findings, recorded);
        Ok(AdoptReport {
            origin,
            ready: recorded && findings.is_empty(),
            applied: self.apply,
            steps,
            order,
            findings,
            notes,
        })
    }
}

/// The commands that mend, each once, in the order in which they work.
fn order(findings: &[Found], recorded: bool) -> Vec<String> {
    let mut order: Vec<String> = Vec::new();
    if recorded && findings.is_empty() {
        return order;
    }
    order.push("backup-critical --all : une copie avant tout".into());
    for action in findings.iter().filter_map(|found| found.finding.action.clone()) {
        if !order.contains(&action) {
            order.push(action);
        }
    }
    let last = "adopt-database --apply, qui enregistre l'adoption quand plus rien ne s'y oppose";
    if !recorded && !order.iter().any(|action| action == mend::APPLY && findings.len() == 1) {
        order.retain(|action| action != mend::APPLY);
        let first = findings.iter().position(|found| found.finding.action.as_deref() == Some(mend::APPLY));
        if first.is_some() && findings.iter().any(|found| found.finding.action.as_deref() != Some(mend::APPLY)) {
            order.insert(1, mend::APPLY.into());
        }
        order.push(last.into());
    }
    order
}

impl Report for AdoptReport {
    fn render(&self, page: &mut Page) {
        for step in &self.steps {
            match &step.error {
                None if step.rows > 0 => page.verdict(
                    Verdict::Ok,
                    format!("{} : {} ({})", step.place, step.what, plural(step.rows, "ligne", "lignes")),
                ),
                None => page.verdict(Verdict::Ok, format!("{} : {}", step.place, step.what)),
                Some(error) => page.verdict(Verdict::Error, format!("{} : {} : {error}", step.place, step.what)),
            }
        }
        for (title, list) in [("À régler", &self.findings), ("À savoir", &self.notes)] {
            if list.is_empty() {
                continue;
            }
            page.title(title);
            for found in list {
                page.finding(&found.finding);
                for example in &found.examples {
                    page.line(format!("      {example}"));
                }
            }
        }
        page.gap();
        if self.ready {
            let what = match self.origin {
                Origin::Adopted => "prête : la base est adoptée",
                Origin::Empty => "prête : la base est vide, `ensure-schema --seed` la prépare",
                _ => "prête : la base vient de ces outils",
            };
            page.conclude(Verdict::Ok, what);
            return;
        }
        let count = number(self.findings.len() as u64);
        page.conclude(
            Verdict::Attention,
            format!("{count} à régler avant que les outils n'écrivent, dans cet ordre :"),
        );
        for (at, action) in self.order.iter().enumerate() {
            page.action(&format!("{}. {action}", at + 1));
        }
    }

    fn verdict(&self) -> Verdict {
        if self.steps.iter().any(|step| step.error.is_some()) {
            Verdict::Error
        } else if self.ready {
            Verdict::Ok
        } else {
            Verdict::Attention
        }
    }
}
