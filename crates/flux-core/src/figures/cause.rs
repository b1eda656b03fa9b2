//! `diagnostic-mobility`: why a mobility query is empty, step by step: the first step that leaves nothing is the cause, and what would
//! leave something is shown.

use mysql::Value;
use schemars::JsonSchema;
use serde::Serialize;

use crate::db::Session;
use crate::db::marks;
use crate::domain::catalogue::{Dim, Space};
use crate::error::{Error, Result};
use crate::figures::beside::Beside;
use crate::figures::mobility::{self, Filter, StoredDays};
use crate::figures::period::{self, Asked, Period};
use crate::figures::unknown::{Named, Unknown};
use crate::figures::zone::{Zone, Zones, id_of};
use crate::report::{Code, Finding, Page, Report, Verdict, number, plural};
use crate::report::{render_findings, some_of};
use crate::task::{Context, Task};

/// The query to explain.
#[derive(Debug, Clone)]
pub struct CauseOptions {
    /// Year of `dim_periodes`.
    pub year: i32,
    /// Code or name of a period.
    pub period: String,
    /// Zone of observation, by any of its names; that of the whole département where there is none.
    pub zone: Option<String>,
    /// Visitor category, by any of its names.
    pub category: String,
    /// Production tables (`fact_nuitees`) or those for tests (`fact_nuitees_test`).
    pub space: Space,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Step {
    name: &'static str,
    ok: bool,
    detail: String,
}

#[derive(Debug, Serialize, JsonSchema)]
struct CauseReport {
    table: &'static str,
    steps: Vec<Step>,
    /// The figure itself, visitors; absent where the query has none.
    total: Option<u64>,
    /// As many days just before, where they have data.
    #[serde(skip_serializing_if = "Option::is_none")]
    preceding: Option<Beside>,
    /// The same period of the year before, where it has data.
    #[serde(skip_serializing_if = "Option::is_none")]
    year_before: Option<Beside>,
    findings: Vec<Finding>,
}

impl CauseReport {
    fn step(&mut self, name: &'static str, ok: bool, detail: impl Into<String>) -> bool {
        self.steps.push(Step { name, ok, detail: detail.into() });
        ok
    }

    fn cause(&mut self, place: &str, message: impl Into<String>, action: impl Into<String>) {
        self.findings.push(Finding::attention(Code::QueryEmpty, place, message).action(action));
    }

    /// The totals that the figure is to be read with.
    fn stand_beside(
        &mut self,
        session: &mut Session,
        filter: &Filter,
        (period, days): (&Period, &StoredDays),
        year: i32,
    ) -> Result<()> {
        let now = (self.total, filter.days_with_data(session, days)?);
        self.preceding = Beside::preceding(session, filter, period, now)?;
        if let Ok(before) = period::in_year(session, period, (year, year - 1))? {
            self.year_before = Beside::of(session, filter, before, now)?;
        }
        Ok(())
    }

    /// A step that a name must pass, with what it leads to.
    fn named<T>(&mut self, step: &'static str, named: Named<T>, detail: impl Fn(&T) -> String) -> Option<T> {
        match named {
            Ok(found) => {
                self.step(step, true, detail(&found));
                Some(found)
            }
            Err(unknown) => {
                self.step(step, false, "inconnue ou ambiguë");
                self.cause(&place_of(step, &unknown), unknown.to_string(), unknown.hint());
                None
            }
        }
    }
}

fn place_of(step: &str, unknown: &Unknown) -> String {
    let (Unknown::Period { name, .. } | Unknown::Name { name, .. } | Unknown::Ambiguous { name, .. }) = unknown;
    format!("{step} {name}")
}

impl Task for CauseOptions {
    /// Looks for the cause. Reads only.
    ///
    /// # Errors
    /// Those of the connection, [`Error::MissingTable`].
    fn run(self, context: &Context) -> Result<impl Report> {
        let database = &context.database()?;
        let asked_zone = context.zone(self.zone.clone());
        let mut session = database.session()?;
        let table = mobility::table(self.space);
        let mut report = CauseReport {
            table,
            steps: Vec::new(),
            total: None,
            preceding: None,
            year_before: None,
            findings: Vec::new(),
        };
        if !years(&mut session, &self, &mut report)? {
            return Ok(report);
        }
        let asked = Asked::Named { name: self.period.clone(), year: self.year };
        let period = period::find(&mut session, &asked)?;
        let period = report.named("période", period, |p| format!("{} : {} → {}", p.name(), p.debut, p.fin));
        let zone = Zones::load(&mut session)?.find(&asked_zone);
        let zone = report.named("zone", zone, |zone: &Zone| {
            let rows: Vec<String> = zone.rows.iter().map(|(id, name)| format!("{name} (id {id})")).collect();
            format!("{asked_zone} → {}", rows.join(", "))
        });
        let category = id_of(&mut session, Dim::Categorie, &self.category)?;
        let category = report.named("catégorie", category, |_| self.category.clone());
        let local = id_of(&mut session, Dim::Provenance, "LOCAL")?;
        let local = report.named("provenance", local, |_| "LOCAL, qui est exclue".into());
        let (Some(period), Some(zone), Some(category), Some(local)) = (period, zone, category, local) else {
            return Ok(report);
        };
        let filter = Filter { table, zones: zone.ids().collect(), category, local };
        let days = StoredDays::of(&mut session, table, &period)?;
        let (counts, total) = funnel(&mut session, &filter, &period, &days)?;
        for (name, rows) in STEPS.into_iter().zip(counts) {
            report.step(name, rows > 0, plural(rows, "ligne", "lignes"));
        }
        match counts.iter().position(|rows| *rows == 0) {
            Some(empty) => {
                let search =
                    Search { options: &self, zone: &asked_zone, filter: &filter, period: &period, days: &days };
                let (place, message, action) = search.cause(&mut session, empty)?;
                report.cause(&place, message, action);
            }
            None => {
                let [.., with_commune, known] = counts;
                if known < with_commune {
                    let lost = plural(with_commune - known, "ligne mène", "lignes mènent");
                    report.cause(
                        "dim_communes",
                        format!("{lost} à une commune absente de dim_communes : la réponse est incomplète"),
                        "lancez `ensure-schema --seed`, puis réimportez ces dates",
                    );
                }
                report.total = Some(total);
                report.stand_beside(&mut session, &filter, (&period, &days), self.year)?;
            }
        }
        Ok(report)
    }
}

/// The table and the year; false when the table is empty, where nothing further is worth asking.
fn years(session: &mut Session, options: &CauseOptions, report: &mut CauseReport) -> Result<bool> {
    let table = report.table;
    let years: Vec<(i32, u64)> = session.rows(
        &format!("lecture de {table}"),
        &format!(
            "SELECT YEAR(date), COUNT(*) FROM (SELECT DISTINCT date FROM {table}) d GROUP BY YEAR(date) ORDER BY 1"
        ),
        (),
    )?;
    let known: Vec<String> =
        years.iter().map(|(year, days)| format!("{year} ({})", plural(*days, "jour", "jours"))).collect();
    if !report.step("table", !years.is_empty(), format!("{table} : {}", some_of(&known, 12))) {
        let waiting = waiting(session, options, None)?;
        let action = if waiting > 0 { "lancez `migrate-optimized`" } else { "importez puis migrez une livraison" };
        report.cause(
            table,
            format!("la table est vide ({} en attente dans la table temporaire)", number(waiting)),
            action,
        );
        return Ok(false);
    }
    let days = years.iter().find(|(year, _)| *year == options.year).map_or(0, |(_, days)| *days);
    if !report.step("année", days > 0, format!("{} : {}", options.year, plural(days, "jour", "jours"))) {
        report.cause(
            &format!("année {}", options.year),
            format!("aucune ligne ; années présentes : {}", some_of(&known, 12)),
            "importez et migrez cette année, ou demandez une année présente",
        );
    }
    Ok(true)
}

/// Rows that wait in the temporary table, of a period or in all.
fn waiting(session: &mut Session, options: &CauseOptions, period: Option<&Period>) -> Result<u64> {
    let temp = match options.space {
        Space::Production => "fact_lieu_activite_soir_temp",
        Space::Test => "fact_lieu_activite_soir_temp_test",
    };
    let of_period = if period.is_some() { " WHERE date BETWEEN ? AND ?" } else { "" };
    let params: Vec<Value> =
        period.map(|p| vec![p.debut.to_string().into(), p.fin.to_string().into()]).unwrap_or_default();
    let sql = format!("SELECT COUNT(*) FROM {temp}{of_period}");
    let rows = if params.is_empty() { session.first(temp, &sql, ()) } else { session.first(temp, &sql, params) };
    match rows {
        // An older database without that table has nothing waiting.
        Err(Error::MissingTable { .. }) => Ok(0),
        rows => Ok(rows?.unwrap_or(0)),
    }
}

const STEPS: [&str; 6] = [
    "lignes de la période",
    "dont de la zone",
    "dont de la catégorie",
    "dont de provenance autre que LOCAL",
    "dont avec une commune",
    "dont avec une commune connue de dim_communes",
];

/// Rows after each of [`STEPS`], and the visitors in those that are left. Two passes over the period, the second over the rows of the
/// zone: the conditions of the figure, each on top of those before it.
fn funnel(
    session: &mut Session,
    filter: &Filter,
    period: &Period,
    days: &StoredDays,
) -> Result<([u64; STEPS.len()], u64)> {
    let doing = format!("lecture de {}", filter.table);
    let sql = format!("SELECT COUNT(*) FROM {} WHERE date BETWEEN ? AND ?", filter.table);
    let span = (period.debut.to_string(), period.fin.to_string());
    let in_period: u64 = session.first(&doing, &sql, span)?.unwrap_or_default();
    let (mut sums, mut values) = (Vec::new(), Vec::new());
    let conditions = filter.conditions();
    let mut add = |of: &str, count: usize| {
        let (texts, marked): (Vec<&str>, Vec<Option<u32>>) = conditions.into_iter().take(count).unzip();
        sums.push(format!("CAST(COALESCE(SUM(({}) * {of}), 0) AS UNSIGNED)", texts.join(" AND ")));
        values.extend(marked.into_iter().flatten().map(Value::from));
    };
    (1..=conditions.len()).for_each(|count| add("1", count));
    add("f.volume", conditions.len());
    values.extend(days.params(filter.zones.iter().copied()));
    let sql = format!(
        "SELECT COUNT(*), {} FROM {} WHERE {} AND {}",
        sums.join(", "),
        filter.source(),
        days.condition(),
        filter.of_zone()
    );
    let (of_zone, category, elsewhere, commune, known, total) =
        session.first::<(u64, u64, u64, u64, u64, u64)>(&doing, &sql, values)?.unwrap_or_default();
    Ok(([in_period, of_zone, category, elsewhere, commune, known], total))
}

/// A query that leaves nothing.
struct Search<'a> {
    options: &'a CauseOptions,
    zone: &'a str,
    filter: &'a Filter,
    period: &'a Period,
    days: &'a StoredDays,
}

impl Search<'_> {
    /// Place, message and action for the first of [`STEPS`] that leaves nothing, with what is there in its place.
    fn cause(&self, session: &mut Session, empty: usize) -> Result<(String, String, &'static str)> {
        let (options, period) = (self.options, self.period);
        Ok(match empty {
            0 => {
                let waiting = waiting(session, options, Some(period))?;
                let (from, to) = (period.debut, period.fin);
                let waits = format!("({} en attente dans la table temporaire)", number(waiting));
                let action = if waiting > 0 { "lancez `migrate-optimized`" } else { "importez puis migrez ces dates" };
                (period.name().to_owned(), format!("aucune ligne du {from} au {to} {waits}"), action)
            }
            1 => {
                let found = self.present(session, Dim::Zone, &[])?;
                (
                    format!("zone {}", self.zone),
                    format!("aucune ligne dans la période ; zones présentes : {}", some_of(&found, 12)),
                    "vérifiez le nom (`test-zone-mapping-api-production`) et la livraison (`analyse-zones-csv`)",
                )
            }
            2 => {
                let found = some_of(&self.present(session, Dim::Categorie, &self.filter.zones)?, 12);
                (
                    format!("catégorie {}", options.category),
                    format!("aucune ligne pour cette zone et cette période ; catégories présentes : {found}"),
                    "demandez une catégorie présente, ou vérifiez la livraison",
                )
            }
            3 => (
                "provenance".into(),
                "toutes les lignes sont de provenance LOCAL, que la mobilité exclut".into(),
                "vérifiez la colonne Provenance de export_mobilite.csv",
            ),
            4 => (
                "communes".into(),
                "toutes les lignes sont sans commune (id_commune = 0)".into(),
                "réimportez export_mobilite.csv avec une dim_communes remplie (`ensure-schema --seed`)",
            ),
            _ => (
                "dim_communes".into(),
                "aucune commune de ces lignes n'est dans dim_communes".into(),
                "lancez `ensure-schema --seed`, puis réimportez ces dates",
            ),
        })
    }

    /// Names of a dimension that the days have, with their rows; of some zones, or of all where none is given.
    fn present(&self, session: &mut Session, dim: Dim, zones: &[u32]) -> Result<Vec<String>> {
        let (spec, table) = (dim.spec(), self.filter.table);
        let of_zones =
            if zones.is_empty() { String::new() } else { format!(" AND f.id_zone IN {}", marks(1, zones.len())) };
        let sql = format!(
            "SELECT COALESCE(MIN(d.{name}), CONCAT('id ', f.{id})), COUNT(*) FROM {table} f \
         LEFT JOIN {dim_table} d ON d.{id} = f.{id} WHERE {when}{of_zones} GROUP BY f.{id} ORDER BY 2 DESC, 1",
            name = spec.name,
            id = spec.id,
            dim_table = spec.table,
            when = self.days.condition()
        );
        let rows: Vec<(String, u64)> =
            session.rows(&format!("lecture de {table}"), &sql, self.days.params(zones.iter().copied()))?;
        Ok(rows.into_iter().map(|(name, rows)| format!("{name} ({})", number(rows))).collect())
    }
}

impl Report for CauseReport {
    fn render(&self, page: &mut Page) {
        for step in &self.steps {
            let sign = if step.ok { Verdict::Ok } else { Verdict::Attention };
            page.verdict(sign, format!("{} : {}", step.name, step.detail));
        }
        if let Some(total) = self.total {
            page.line(format!("  {}", plural(total, "journée-visiteur", "journées-visiteurs")));
        }
        if let Some(beside) = &self.preceding {
            page.line(format!("  {}", beside.said(&beside.preceding_name())));
        }
        if let Some(beside) = &self.year_before {
            page.line(format!("  {}", beside.said("année précédente")));
        }
        render_findings(page, &self.findings, "la requête de mobilité a des résultats");
    }

    fn verdict(&self) -> Verdict {
        crate::report::verdict(&self.findings)
    }
}
