//! A figure of the portal, or the sum of a table over a period, by its largest rows.

use schemars::JsonSchema;
use serde::Serialize;

use crate::db::{Database, Session};
use crate::domain::catalogue::{Dataset, Dim};
use crate::domain::values::Day;
use crate::error::{Error, Result};
use crate::explain::key::{self, Key, Names};
use crate::explain::report::ExplainReport;
use crate::explain::trace::traces;
use crate::figures::answer::Figures;
use crate::figures::behind::{Behind, Largest};
use crate::figures::indicators::{DEFINITIONS, Figure, Indicators};
use crate::figures::rankings::departements_of;
use crate::figures::scope::{Question, Scope};
use crate::figures::version::Version;
use crate::progress::Progress;
use crate::report::{Code, Finding, Page, Report, Verdict, number, plural, verdict};
use crate::settings::Settings;

/// What is asked for, and its answer.
#[derive(Debug, Serialize, JsonSchema)]
struct Answered {
    id: Option<&'static str>,
    label: String,
    /// As the portal works it out; `None` without data.
    value: Option<Figure>,
    unit: &'static str,
    table: &'static str,
    /// Of a figure that is of one day.
    date: Option<String>,
    zone: String,
    zones: Vec<String>,
    debut: String,
    fin: String,
    version_des_donnees: String,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ExplainedRow {
    volume: u64,
    /// Share of the figure.
    part_pct: f64,
    #[serde(flatten)]
    report: ExplainReport,
}

/// A figure with the rows behind it.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct FigureReport {
    figure: Answered,
    rows_total: u64,
    rows_volume: u64,
    rows: Vec<ExplainedRow>,
    findings: Vec<Finding>,
}

/// A figure that somebody read: an indicator, or a sum of rows.
#[derive(Debug, Clone)]
pub enum Which {
    /// An indicator, by its id.
    Indicator(String),
    /// The sum of a table, of the rows that bear these names; a dimension without a name counts whole.
    Table {
        /// Main or temporary table, family or weekly file.
        table: String,
        /// Several names of one dimension are added.
        names: Vec<(Dim, String)>,
        /// The départements of a region of today, added.
        region: Option<String>,
    },
}

impl Answered {
    fn new(session: &mut Session, scope: &Scope, dataset: &Dataset) -> Result<Self> {
        let period = scope.period();
        Ok(Self {
            id: None,
            label: dataset.main.to_owned(),
            value: None,
            unit: match period.days() {
                _ if dataset.family.starts_with("Nuitee") => "nuitées",
                1 => "visiteurs",
                _ => "journées-visiteurs",
            },
            table: dataset.main,
            date: None,
            zone: scope.zone.name.clone(),
            zones: scope.zone.rows.iter().map(|(_, name)| name.clone()).collect(),
            debut: period.debut.to_string(),
            fin: period.fin.to_string(),
            version_des_donnees: Version::read(session)?.to_string(),
        })
    }
}

/// Reads the figure and its largest rows, in one snapshot.
fn read(
    session: &mut Session,
    scope: &Scope,
    (which, dataset, limit): (&Which, &'static Dataset, u32),
    names: &Names,
) -> Result<(Answered, Largest)> {
    match which {
        Which::Indicator(id) => {
            let (all, ..) = Indicators::work_out(session, scope, ())??;
            let Some(row) = all.rows.into_iter().find(|row| row.definition.id == id) else {
                return Err(Error::Usage(format!("{id} n'existe pas pour cette période : son jour n'y est pas")));
            };
            let definition = row.definition;
            let answered = Answered {
                id: Some(definition.id),
                label: definition.indicateur.to_owned(),
                value: row.values[0],
                unit: definition.unit,
                date: row.dates[0].map(|day| day.to_string()),
                ..Answered::new(session, scope, dataset)?
            };
            let behind = Behind::indicator(session, dataset, scope, &row)?;
            let largest = behind.map(|behind| behind.largest(session, limit)).transpose()?.unwrap_or_default();
            Ok((answered, largest))
        }
        Which::Table { names: given, region, .. } => {
            let mut only: Vec<(Dim, Vec<u32>)> = Vec::new();
            for (dim, name) in given {
                let id = names.of(dataset, *dim, name)?;
                match only.iter_mut().find(|(own, _)| own == dim) {
                    Some((_, ids)) => ids.push(id),
                    None => only.push((*dim, vec![id])),
                }
            }
            if let Some(region) = region {
                if !dataset.dims().any(|dim| dim == Dim::Departement) {
                    return Err(Error::Usage(format!("--region ne va pas avec {}", dataset.main)));
                }
                only.push((Dim::Departement, departements_of(session, region)?));
            }
            let largest = Behind::table(dataset, scope, only).largest(session, limit)?;
            let mut answered = Answered::new(session, scope, dataset)?;
            let given = given.iter().map(|(_, name)| name.as_str()).chain(region.as_deref());
            answered.label = std::iter::once(dataset.main).chain(given).collect::<Vec<_>>().join(", ");
            answered.value = (largest.count > 0).then_some(Figure::Count(largest.volume));
            Ok((answered, largest))
        }
    }
}

/// Explains a figure by its largest rows.
///
/// # Errors
/// Those of [`Scope::find`]; [`Error::Usage`] for a figure that the period does not have.
pub(crate) fn explain(
    settings: &Settings,
    database: &Database,
    (which, question, limit): (&Which, &Question, u32),
    progress: &Progress,
) -> Result<FigureReport> {
    let mut session = database.session()?;
    let dataset = match which {
        Which::Indicator(id) => {
            let definition = DEFINITIONS.iter().find(|definition| definition.id == id);
            definition.ok_or_else(|| Error::Usage(format!("« {id} » n'est pas un indicateur")))?.table
        }
        Which::Table { table, .. } => table,
    };
    let dataset = key::dataset(dataset)?;
    let names = Names::load(&mut session, settings, dataset)?;
    let (answered, largest) = session.snapshot(|session| {
        let scope = Scope::find(session, question)??;
        read(session, &scope, (which, dataset, limit), &names)
    })?;
    let mut keys = Vec::with_capacity(largest.rows.len());
    for row in &largest.rows {
        let day = row.date.parse().ok().and_then(Day::from_date);
        let day = day.ok_or_else(|| Error::Invariant(format!("{} : date {}", dataset.main, row.date)))?;
        keys.push(Key::of_ids(dataset, day, &row.ids, &names, false));
    }
    let reports = traces(settings, &mut session, &keys, &names, progress)?;
    Ok(FigureReport::new(answered, &largest, reports))
}

impl FigureReport {
    fn new(figure: Answered, largest: &Largest, reports: Vec<ExplainReport>) -> Self {
        let place = format!("{}, {}, {} → {}", figure.label, figure.zone, figure.debut, figure.fin);
        let mut findings: Vec<Finding> = Vec::new();
        if largest.count == 0 {
            let message = "aucune ligne en base pour cette zone et ces jours";
            let action = "vérifiez la zone et la période (`diagnostic-mobility`, `check-zones`)";
            findings.push(Finding::attention(Code::FigureUnexplained, &place, message).action(action));
        }
        if let Some(Figure::Count(value)) = figure.value
            && value != largest.volume
        {
            let message = format!("le chiffre vaut {}, ses lignes {}", number(value), number(largest.volume));
            findings.push(Finding::error(Code::FigureDiffers, &place, message));
        }
        for finding in reports.iter().flat_map(ExplainReport::findings) {
            let is_new = |known: &Finding| {
                (known.code, &known.place, &known.message) != (finding.code, &finding.place, &finding.message)
            };
            if findings.iter().all(is_new) {
                findings.push(finding.clone());
            }
        }
        let part = |weight: u64| match largest.weight {
            0 => 0.0,
            whole => (weight as f64 / whole as f64 * 1000.0).round() / 10.0,
        };
        let rows = largest.rows.iter().zip(reports);
        let rows =
            rows.map(|(row, report)| ExplainedRow { volume: row.volume, part_pct: part(row.weight), report }).collect();
        Self { figure, rows_total: largest.count, rows_volume: largest.volume, rows, findings }
    }
}

impl Report for FigureReport {
    fn render(&self, page: &mut Page) {
        let figure = &self.figure;
        let value = match figure.value {
            None => "aucune donnée".to_owned(),
            Some(Figure::Count(count)) => format!("{} {}", number(count), figure.unit),
            Some(Figure::Mean(mean)) => format!("{} {}", format!("{mean:.2}").replace('.', ","), figure.unit),
        };
        let day = figure.date.as_ref().map_or_else(String::new, |day| format!(", le {day}"));
        page.line(format!("{}, {}, {} → {} : {value}{day}", figure.label, figure.zone, figure.debut, figure.fin));
        let explained = self.rows.iter().filter(|row| row.report.is_explained()).count() as u64;
        let shown = self.rows.len() as u64;
        page.verdict(
            self.verdict(),
            format!(
                "{} de {}, {} au total ; {} sur {} des plus grandes {}",
                plural(self.rows_total, "ligne", "lignes"),
                figure.table,
                number(self.rows_volume),
                number(explained),
                number(shown),
                if explained < 2 { "est expliquée" } else { "sont expliquées" }
            ),
        );
        for row in &self.rows {
            let part = format!("{:.1}", row.part_pct).replace('.', ",");
            page.title(&format!("{} ({part} %)", number(row.volume)));
            row.report.body(page);
        }
        page.gap();
        self.findings.iter().for_each(|finding| page.finding(finding));
    }

    fn verdict(&self) -> Verdict {
        verdict(&self.findings)
    }
}
