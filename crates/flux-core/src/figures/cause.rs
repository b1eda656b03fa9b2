//! `diagnostic-mobility`: why a mobility query is empty, step by step: the first step that leaves nothing is the cause, and what would
//! leave something is shown.

use mysql::Value;
use serde::Serialize;

use crate::db::{Database, Session};
use crate::dims::marks;
use crate::domain::catalogue::{Dim, Space};
use crate::error::Result;
use crate::figures::mobility::{self, Period, StoredDays, ZoneFound};
use crate::report::{Finding, Page, Report, Verdict, number, plural};
use crate::report::{render_findings, some_of};

/// The query to explain.
#[derive(Debug, Clone)]
pub struct Options {
    /// Year.
    pub year: i32,
    /// Code or name of a period.
    pub period: String,
    /// Zone of observation.
    pub zone: String,
    /// Visitor category.
    pub category: String,
    /// Which tables.
    pub space: Space,
}

/// One step.
#[derive(Debug, Serialize)]
pub(crate) struct Step {
    name: &'static str,
    ok: bool,
    detail: String,
}

/// Report of `diagnostic-mobility`.
#[derive(Debug, Serialize)]
pub struct CauseReport {
    table: String,
    steps: Vec<Step>,
    findings: Vec<Finding>,
}

impl CauseReport {
    fn step(&mut self, name: &'static str, ok: bool, detail: impl Into<String>) -> bool {
        self.steps.push(Step { name, ok, detail: detail.into() });
        ok
    }

    fn cause(&mut self, place: &str, message: impl Into<String>, action: impl Into<String>) {
        self.findings.push(Finding::attention(place, message).action(action));
    }
}

/// Looks for the cause. Reads only.
///
/// # Errors
/// Those of the connection, [`crate::error::Error::MissingTable`].
pub fn explain(database: &Database, options: &Options) -> Result<CauseReport> {
    let mut session = database.session()?;
    let table = mobility::table(options.space);
    let mut report = CauseReport { table: table.clone(), steps: Vec::new(), findings: Vec::new() };
    let doing = format!("lecture de {table}");

    let years: Vec<(i32, u64)> = session.rows(
        &doing,
        &format!(
            "SELECT YEAR(date), COUNT(*) FROM (SELECT DISTINCT date FROM {table}) d GROUP BY YEAR(date) ORDER BY 1"
        ),
        (),
    )?;
    let known: Vec<String> =
        years.iter().map(|(year, days)| format!("{year} ({})", plural(*days, "jour", "jours"))).collect();
    if !report.step("table", !years.is_empty(), format!("{table} : {}", some_of(&known, 12))) {
        let waiting = waiting(&mut session, options, None)?;
        let action = if waiting > 0 { "lancez `migrate-optimized`" } else { "importez puis migrez une livraison" };
        report.cause(
            &table,
            format!("la table est vide ({} en attente dans la table temporaire)", number(waiting)),
            action,
        );
        return Ok(report);
    }
    let days = years.iter().find(|(year, _)| *year == options.year).map_or(0, |(_, days)| *days);
    if !report.step("année", days > 0, format!("{} : {}", options.year, plural(days, "jour", "jours"))) {
        report.cause(
            &format!("année {}", options.year),
            format!("aucune ligne ; années présentes : {}", some_of(&known, 12)),
            "importez et migrez cette année, ou demandez une année présente",
        );
    }

    let period = mobility::find_period(&mut session, &options.period, options.year)?;
    let detail = period.as_ref().map_or_else(|| "inconnue".into(), |p| format!("{} : {} → {}", p.name, p.from, p.to));
    if !report.step("période", period.is_some(), detail) {
        let codes = mobility::known_periods(&mut session, options.year)?;
        report.cause(
            &format!("période {}", options.period),
            if codes.is_empty() {
                format!("dim_periodes n'a aucune période pour {}", options.year)
            } else {
                format!("inconnue en {} ; connues : {}", options.year, codes.join(", "))
            },
            format!("lancez `update-saisons --from {0} --to {0}`, ou corrigez le code", options.year),
        );
    }
    let zone = match mobility::find_zone(&mut session, &options.zone)? {
        ZoneFound::Rows(zone) => {
            let rows: Vec<String> = zone.rows.iter().map(|(id, name)| format!("{name} (id {id})")).collect();
            report.step("zone", true, format!("{} → {}", options.zone, rows.join(", ")));
            Some(zone)
        }
        ZoneFound::Unknown(near) | ZoneFound::Ambiguous(near) => {
            report.step("zone", false, format!("{} : introuvable ou ambiguë", options.zone));
            report.cause(
                &format!("zone {}", options.zone),
                format!("ne mène à aucune ligne de dim_zones_observation ; proches : {}", some_of(&near, 6)),
                "corrigez le nom, ou lancez `check-zones` puis `add-missing-zones`",
            );
            None
        }
    };
    let category = mobility::id_of(&mut session, Dim::Categorie, &options.category)?;
    if !report.step("catégorie", category.is_some(), options.category.clone()) {
        report.cause(
            &format!("catégorie {}", options.category),
            "inconnue dans dim_categories_visiteur",
            "corrigez le nom ou lancez `ensure-schema --seed`",
        );
    }
    let local = mobility::id_of(&mut session, Dim::Provenance, "LOCAL")?;
    if !report.step("provenance", local.is_some(), "LOCAL, qui est exclue") {
        report.cause("provenance LOCAL", "absente de dim_provenances", "lancez `ensure-schema --seed`");
    }
    let (Some(period), Some(zone), Some(category), Some(local)) = (period, zone, category, local) else {
        return Ok(report);
    };
    let ids: Vec<u32> = zone.rows.iter().map(|(id, _)| *id).collect();
    funnel(&mut session, options, &period, &ids, category, local, &mut report)?;
    Ok(report)
}

/// Rows that wait in the temporary table, of a period or in all.
fn waiting(session: &mut Session, options: &Options, period: Option<&Period>) -> Result<u64> {
    let temp = match options.space {
        Space::Production => "fact_lieu_activite_soir_temp",
        Space::Test => "fact_lieu_activite_soir_temp_test",
    };
    let of_period = if period.is_some() { " WHERE date BETWEEN ? AND ?" } else { "" };
    let params: Vec<Value> =
        period.map(|p| vec![p.from.to_string().into(), p.to.to_string().into()]).unwrap_or_default();
    let sql = format!("SELECT COUNT(*) FROM {temp}{of_period}");
    let rows = if params.is_empty() { session.first(temp, &sql, ()) } else { session.first(temp, &sql, params) };
    // An older database without that table has nothing waiting.
    Ok(rows.ok().flatten().unwrap_or(0))
}

/// Two passes over the period, the second over the rows of the zone, each condition on top of those before it.
fn funnel(
    session: &mut Session,
    options: &Options,
    period: &Period,
    zones: &[u32],
    category: u32,
    local: u32,
    report: &mut CauseReport,
) -> Result<()> {
    let table = report.table.clone();
    let doing = format!("lecture de {table}");
    let span = (period.from.to_string(), period.to.to_string());
    let sql = format!("SELECT COUNT(*) FROM {table} WHERE date BETWEEN ? AND ?");
    let in_period: u64 = session.first(&doing, &sql, span)?.unwrap_or_default();
    let days = StoredDays::of(session, &table, period)?;
    let conditions = [
        "f.id_categorie = ?",
        "f.id_categorie = ? AND f.id_provenance <> ?",
        "f.id_categorie = ? AND f.id_provenance <> ? AND f.id_commune <> 0",
        "f.id_categorie = ? AND f.id_provenance <> ? AND c.id_commune IS NOT NULL",
    ];
    let sums: Vec<String> = conditions.iter().map(|c| format!("CAST(COALESCE(SUM({c}), 0) AS UNSIGNED)")).collect();
    let sql = format!(
        "SELECT COUNT(*), {} FROM {table} f LEFT JOIN dim_communes c ON c.id_commune = f.id_commune AND f.id_commune <> 0 \
         WHERE {} AND id_zone IN {}",
        sums.join(", "),
        days.condition(),
        marks(1, zones.len())
    );
    let marked = [category, category, local, category, local, category, local];
    let mut params: Vec<Value> = marked.map(Value::from).to_vec();
    params.extend(days.params(zones.iter().copied()));
    let counts: (u64, u64, u64, u64, u64) = session.first(&doing, &sql, params)?.unwrap_or_default();
    let counts = [in_period, counts.0, counts.1, counts.2, counts.3, counts.4];
    let names = [
        "lignes de la période",
        "dont de la zone",
        "dont de la catégorie",
        "dont de provenance autre que LOCAL",
        "dont avec une commune",
        "dont avec une commune connue de dim_communes",
    ];
    for (name, rows) in names.into_iter().zip(counts) {
        report.step(name, rows > 0, plural(rows, "ligne", "lignes"));
    }
    let Some(empty) = counts.iter().position(|rows| *rows == 0) else {
        if counts[5] < counts[4] {
            let lost = plural(counts[4] - counts[5], "ligne mène", "lignes mènent");
            report.cause(
                "dim_communes",
                format!("{lost} à une commune absente de dim_communes : la réponse est incomplète"),
                "lancez `ensure-schema --seed`, puis réimportez ces dates",
            );
        }
        return Ok(());
    };
    match empty {
        0 => {
            let waiting = waiting(session, options, Some(period))?;
            let action = if waiting > 0 { "lancez `migrate-optimized`" } else { "importez puis migrez ces dates" };
            report.cause(
                &period.name,
                format!(
                    "aucune ligne du {} au {} ({} en attente dans la table temporaire)",
                    period.from,
                    period.to,
                    number(waiting)
                ),
                action,
            );
        }
        1 => {
            let found = present(session, Dim::Zone, &days, &table, &[])?;
            report.cause(
                &format!("zone {}", options.zone),
                format!("aucune ligne dans la période ; zones présentes : {}", some_of(&found, 12)),
                "vérifiez le nom (`test-zone-mapping-api-production`) et la livraison (`analyse-zones-csv`)",
            );
        }
        2 => {
            let found = present(session, Dim::Categorie, &days, &table, zones)?;
            report.cause(
                &format!("catégorie {}", options.category),
                format!(
                    "aucune ligne pour cette zone et cette période ; catégories présentes : {}",
                    some_of(&found, 12)
                ),
                "demandez une catégorie présente, ou vérifiez la livraison",
            );
        }
        3 => report.cause(
            "provenance",
            "toutes les lignes sont de provenance LOCAL, que la mobilité exclut",
            "vérifiez la colonne Provenance de export_mobilite.csv",
        ),
        4 => report.cause(
            "communes",
            "toutes les lignes sont sans commune (id_commune = 0)",
            "réimportez export_mobilite.csv avec une dim_communes remplie (`ensure-schema --seed`)",
        ),
        _ => report.cause(
            "dim_communes",
            "aucune commune de ces lignes n'est dans dim_communes",
            "lancez `ensure-schema --seed`, puis réimportez ces dates",
        ),
    }
    Ok(())
}

/// Names of a dimension that the days have, with their rows; of some zones, or of all where none is given.
fn present(session: &mut Session, dim: Dim, days: &StoredDays, table: &str, zones: &[u32]) -> Result<Vec<String>> {
    let spec = dim.spec();
    let of_zones = if zones.is_empty() { String::new() } else { format!(" AND id_zone IN {}", marks(1, zones.len())) };
    let sql = format!(
        "SELECT COALESCE(MIN(d.{name}), CONCAT('id ', f.{id})), COUNT(*) FROM {table} f \
         LEFT JOIN {dim_table} d ON d.{id} = f.{id} WHERE {when}{of_zones} GROUP BY f.{id} ORDER BY 2 DESC, 1",
        name = spec.name,
        id = spec.id,
        dim_table = spec.table,
        when = days.condition()
    );
    let rows: Vec<(String, u64)> =
        session.rows(&format!("lecture de {table}"), &sql, days.params(zones.iter().copied()))?;
    Ok(rows.into_iter().map(|(name, rows)| format!("{name} ({})", number(rows))).collect())
}

impl Report for CauseReport {
    fn render(&self, page: &mut Page) {
        for step in &self.steps {
            let sign = if step.ok { Verdict::Ok } else { Verdict::Attention };
            page.verdict(sign, format!("{} : {}", step.name, step.detail));
        }
        render_findings(page, &self.findings, "la requête de mobilité a des résultats");
    }

    fn verdict(&self) -> Verdict {
        crate::report::verdict(&self.findings)
    }
}
