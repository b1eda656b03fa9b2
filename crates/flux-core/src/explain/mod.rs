//! `explain-volume`: where a figure comes from. From a key of a fact table to the deliveries, lines and loads that say something of it,
//! and from a line of a CSV to its row.

mod evidence;
mod figure;
mod key;
mod places;
mod report;
mod scan;
mod trace;
mod verdict;

use std::path::PathBuf;

use chrono::NaiveDate;

use crate::domain::catalogue::Dim;
use crate::error::{Error, Result};
pub use crate::explain::figure::Which;
use crate::explain::key::{Key, Names};
use crate::explain::report::{ExplainReport, LineReport};
use crate::explain::scan::Found;
use crate::explain::trace::trace;
use crate::figures::scope::Question;
use crate::report::{OneOf, Report};
use crate::task::{Context, Task};

/// What is to be explained.
#[derive(Debug, Clone)]
pub enum Asked {
    /// A stored or missing figure.
    Figure {
        /// Main or temporary table, family or weekly file.
        table: String,
        /// Day of the figure.
        date: NaiveDate,
        /// A name for each dimension of the table; the EPCI may be left out.
        names: Vec<(Dim, String)>,
    },
    /// A figure over a period, by its largest rows.
    Sum {
        /// The indicator, or the rows that are added up.
        which: Which,
        /// Period and zone.
        question: Question,
        /// Rows that are explained.
        limit: u32,
    },
    /// A line of a delivery, compressed or not.
    Line {
        /// The file; relative to the home where it is not found as it is.
        file: PathBuf,
        /// Its number, 1 being the header.
        line: u64,
    },
}

impl Task for Asked {
    /// Finds where a figure comes from. Reads only.
    ///
    /// # Errors
    /// [`Error::Usage`] and [`Error::Config`] for a key that leads nowhere; [`Error::Sql`], [`Error::Interrupted`]. A file that cannot be
    /// read is in the report.
    fn run(self, context: &Context) -> Result<impl Report> {
        let (settings, database) = (&context.settings, &context.database()?);
        let mut session = database.session()?;
        let report = match &self {
            Asked::Sum { which, question, limit } => {
                return figure::explain(settings, database, (which, question, *limit), &context.progress)
                    .map(OneOf::That);
            }
            Asked::Figure { table, date, names: given } => {
                let dataset = key::dataset(table)?;
                let names = Names::load(&mut session, settings, dataset)?;
                let key = Key::of_names(dataset, *date, given, &names)?;
                trace(settings, &mut session, key, &names, &context.progress)?
            }
            Asked::Line { file, line } => {
                let path = if file.exists() { file.clone() } else { settings.home.root.join(file) };
                let (dataset, raw) = places::dataset_of(&path).ok_or_else(|| {
                    Error::Usage(format!(
                        "« {} » n'est ni un fichier de la livraison hebdomadaire ni un export brut",
                        file.display()
                    ))
                })?;
                let names = Names::load(&mut session, settings, dataset)?;
                match scan::line(&path, *line, dataset, raw, &names)? {
                    Found::Refused(refused) => ExplainReport::of_refused(dataset, &path, refused),
                    Found::Row(key, volume) => {
                        let report = trace(settings, &mut session, key, &names, &context.progress)?;
                        report.with_line(LineReport::stored(&path, *line, volume))
                    }
                }
            }
        };
        Ok(OneOf::This(report))
    }
}
