//! The portal's mobility answer against the same figures computed by SQL.

use std::collections::HashMap;

use chrono::NaiveDate;
use serde::Serialize;
use serde_json::Value;

use crate::endpoints::COMMUNES_EXCURSION;
use crate::http::Client;
use crate::{Call, CheckOptions, clear_token, judge, overall, slowness};
use flux_core::db::{Database, Session};
use flux_core::dims;
use flux_core::domain::catalogue::Dim;
use flux_core::domain::names::{Resolution, fold};
use flux_core::error::Result;
use flux_core::report::{Finding, Page, Report, Table, Verdict, number, worst};
use flux_core::settings::Settings;

/// Differences listed one by one.
const LISTED: usize = 20;

/// One commune of the answer beside the database.
#[derive(Debug, Serialize)]
pub struct Destination {
    code_insee: String,
    nom_commune: String,
    api: Option<i64>,
    api_n1: Option<i64>,
    sql: Option<i64>,
    sql_n1: Option<i64>,
    equal: bool,
}

/// Days of a period.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Days {
    #[serde(serialize_with = "as_text")]
    from: NaiveDate,
    #[serde(serialize_with = "as_text")]
    to: NaiveDate,
}

fn as_text<S: serde::Serializer>(day: &NaiveDate, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.collect_str(day)
}

/// Report of `test-api-mobilite-directe`.
#[derive(Debug, Serialize)]
pub struct MobilityReport {
    base_url: String,
    zone: Option<String>,
    period: Option<Days>,
    period_n1: Option<Days>,
    calls: Vec<Call>,
    destinations: Vec<Destination>,
    communes_sql: usize,
    findings: Vec<Finding>,
}

/// Volumes of a commune, this year and the one before.
#[derive(Debug, Clone)]
struct Stored {
    insee: String,
    name: String,
    volume: i64,
    before: i64,
}

/// A commune of the answer.
#[derive(Debug)]
struct Served {
    insee: String,
    name: String,
    volume: Option<i64>,
    before: Option<i64>,
    change: Option<f64>,
}

/// Calls the mobility endpoint and recomputes its answer.
///
/// # Errors
/// Those of the portal's settings and of the database.
pub fn check(settings: &Settings, database: &Database, options: &CheckOptions) -> Result<MobilityReport> {
    let client = Client::new(settings, &options.client)?;
    let mut session = database.session()?;
    let query = &options.query;
    let mut findings = clear_token(&client);
    let endpoint = &COMMUNES_EXCURSION;
    let exchange = client.get(endpoint.path, &query.parameters(endpoint), client.has_token());
    let mut judgement = judge::judge(&client, endpoint, &exchange);
    judgement.findings.extend(slowness(endpoint, &exchange, options.slow));
    let well_formed = !judgement.findings.iter().any(|finding| finding.severity == Verdict::Error);
    let calls = vec![Call::new(endpoint, &exchange, judgement.rows, worst(&judgement.findings))];
    findings.append(&mut judgement.findings);

    let mut report = MobilityReport {
        base_url: client.base().to_owned(),
        zone: None,
        period: None,
        period_n1: None,
        calls,
        destinations: Vec::new(),
        communes_sql: 0,
        findings,
    };
    let Some(document) = judgement.document.filter(|_| well_formed) else { return Ok(report) };
    let Some(days) = period(&mut session, &query.period, query.year)? else {
        report.findings.push(
            Finding::error("dim_periodes", format!("la période « {} » de {} n'existe pas", query.period, query.year))
                .action("lancez `update-saisons`, ou choisissez une autre --period"),
        );
        return Ok(report);
    };
    let before = period(&mut session, &query.period, query.year - 1)?;
    report.period = Some(days);
    report.period_n1 = before;
    if before.is_none() {
        report.findings.push(
            Finding::attention(
                "dim_periodes",
                format!(
                    "la période « {} » de {} n'existe pas : les volumes N-1 ne sont pas comparés",
                    query.period,
                    query.year - 1
                ),
            )
            .action("lancez `update-saisons`"),
        );
    }
    let Some(stored) = stored(&mut session, &query.zone, days, before, &mut report)? else { return Ok(report) };
    report.communes_sql = stored.len();
    compare_header(&document, days, &query.zone, &mut report.findings);
    compare(&document, &stored, query.limit as usize, before.is_some(), &mut report);
    Ok(report)
}

/// The days of a period by code, else by name; the whole year is known without the table.
fn period(session: &mut Session, period: &str, year: i32) -> Result<Option<Days>> {
    let sql = "SELECT CAST(DATE(date_debut) AS CHAR), CAST(DATE(date_fin) AS CHAR) FROM dim_periodes \
               WHERE annee = ? AND (code_periode = ? OR nom_periode = ?) ORDER BY code_periode <> ? LIMIT 1";
    let row: Option<(String, String)> =
        session.first("lecture de dim_periodes", sql, (year, period, period, period))?;
    let days = row.and_then(|(from, to)| Some(Days { from: from.parse().ok()?, to: to.parse().ok()? }));
    let whole_year =
        || Some(Days { from: NaiveDate::from_ymd_opt(year, 1, 1)?, to: NaiveDate::from_ymd_opt(year, 12, 31)? });
    Ok(days.or_else(|| if period == "annee_complete" { whole_year() } else { None }))
}

/// All communes with their volumes, largest first; `None` when the zone or the category is not in the database.
fn stored(
    session: &mut Session,
    zone: &str,
    days: Days,
    before: Option<Days>,
    report: &mut MobilityReport,
) -> Result<Option<Vec<Stored>>> {
    let Some((id_zone, name)) = found(session, Dim::Zone, zone, &mut report.findings)? else { return Ok(None) };
    report.zone = Some(name);
    let Some((id_categorie, _)) = found(session, Dim::Categorie, "TOURISTE", &mut report.findings)? else {
        return Ok(None);
    };
    let Some((id_local, _)) = found(session, Dim::Provenance, "LOCAL", &mut report.findings)? else { return Ok(None) };
    // Without a period before, the second sum covers no day.
    let n1 = before.unwrap_or(Days { from: days.to, to: days.from.pred_opt().unwrap_or(days.from) });
    let sql = "SELECT COALESCE(c.code_insee, ''), c.nom_commune, \
                      CAST(COALESCE(SUM(CASE WHEN f.date BETWEEN ? AND ? THEN f.volume END), 0) AS SIGNED), \
                      CAST(COALESCE(SUM(CASE WHEN f.date BETWEEN ? AND ? THEN f.volume END), 0) AS SIGNED) \
               FROM fact_lieu_activite_soir f JOIN dim_communes c ON c.id_commune = f.id_commune \
               WHERE f.id_zone = ? AND f.id_categorie = ? AND f.id_provenance <> ? AND f.id_commune > 0 \
                 AND (f.date BETWEEN ? AND ? OR f.date BETWEEN ? AND ?) \
               GROUP BY c.id_commune, c.code_insee, c.nom_commune \
               HAVING SUM(CASE WHEN f.date BETWEEN ? AND ? THEN 1 ELSE 0 END) > 0";
    let day = |day: NaiveDate| mysql::Value::from(day.to_string());
    let both = [day(days.from), day(days.to), day(n1.from), day(n1.to)];
    let mut params: Vec<mysql::Value> = both.to_vec();
    params.extend([id_zone.into(), id_categorie.into(), id_local.into()]);
    params.extend(both.iter().cloned());
    params.extend(both[..2].iter().cloned());
    let rows: Vec<(String, String, i64, i64)> = session.rows("calcul de la mobilité", sql, params)?;
    let mut rows: Vec<Stored> =
        rows.into_iter().map(|(insee, name, volume, before)| Stored { insee, name, volume, before }).collect();
    rows.sort_by(|a, b| b.volume.cmp(&a.volume).then_with(|| a.insee.cmp(&b.insee)));
    Ok(Some(rows))
}

fn found(session: &mut Session, dim: Dim, name: &str, findings: &mut Vec<Finding>) -> Result<Option<(u32, String)>> {
    let resolver = dims::load(session, dim, &dims::locality(""), false)?;
    if let Resolution::Found(row) = resolver.resolve(name) {
        let row = &resolver.rows()[row as usize];
        return Ok(row.id.map(|id| (id, row.name.clone())));
    }
    let near = resolver.nearest(name, 3).join(", ");
    let near = if near.is_empty() { near } else { format!(" (noms proches : {near})") };
    let finding = Finding::error(dim.spec().table, format!("{dim} « {name} » introuvable{near}"));
    findings.push(finding.action("lancez `check-zones`, ou `ensure-schema --seed`"));
    Ok(None)
}

/// The dates and the zone that the answer says it is about.
fn compare_header(document: &Value, days: Days, zone: &str, findings: &mut Vec<Finding>) {
    let place = COMMUNES_EXCURSION.name();
    for (field, expected) in [("debut_periode", days.from), ("fin_periode", days.to)] {
        let got = document[field].as_str().unwrap_or_default();
        if got.get(..10) != Some(expected.to_string().as_str()) {
            findings.push(
                Finding::error(place, format!("{field} : {got}, mais dim_periodes dit {expected}"))
                    .action("videz le cache (`cache-admin purge`) et contrôlez dim_periodes (`verifier-saisons`)"),
            );
        }
    }
    let got = document["zone_observation"].as_str().unwrap_or_default();
    if fold(got) != fold(zone) {
        let message = format!("zone_observation : {got}, mais {zone} a été demandée");
        findings.push(
            Finding::attention(place, message).action("`test-zone-mapping-api-production` dit d'où vient le nom"),
        );
    }
}

fn compare(document: &Value, stored: &[Stored], limit: usize, with_n1: bool, report: &mut MobilityReport) {
    let served: Vec<Served> = document["destinations"].as_array().into_iter().flatten().map(served).collect();
    let mut problems: Vec<String> = Vec::new();
    let total = whole(&document["total_destinations"]);
    if total != i64::try_from(served.len()).ok() {
        problems.push(format!(
            "total_destinations : {}, mais {} destinations",
            document["total_destinations"],
            served.len()
        ));
    }
    if served.windows(2).any(|pair| pair[0].volume < pair[1].volume) {
        problems.push("les destinations ne vont pas de la plus grande à la plus petite".into());
    }
    let expected = stored.len().min(limit);
    if served.len() != expected {
        problems.push(format!("{} destinations au lieu de {expected}", served.len()));
    }
    let by_code: HashMap<&str, &Stored> =
        stored.iter().filter(|row| !row.insee.is_empty()).map(|row| (row.insee.as_str(), row)).collect();
    let mut by_name: HashMap<String, Vec<&Stored>> = HashMap::new();
    for row in stored {
        by_name.entry(fold(&row.name)).or_default().push(row);
    }
    let mut seen: Vec<&str> = Vec::new();
    for commune in &served {
        let row = by_code.get(commune.insee.as_str()).copied().or_else(|| {
            match by_name.get(&fold(&commune.name))?.as_slice() {
                [row] if commune.insee.is_empty() => Some(*row),
                _ => None,
            }
        });
        let label = format!("{} ({})", commune.name, commune.insee);
        let mut equal = row.is_some();
        let mut differ = |what: &str, api: String, sql: String| {
            equal = false;
            problems.push(format!("{label} : {what} {api} selon l'API, {sql} selon la base"));
        };
        if let Some(row) = row {
            if commune.volume != Some(row.volume) {
                differ("total_visiteurs", shown(commune.volume), number(row.volume));
            }
            if with_n1 && commune.before != Some(row.before) {
                differ("total_visiteurs_n1", shown(commune.before), number(row.before));
            }
            let change = change(row.volume, row.before);
            if with_n1 && !close(commune.change, change) {
                differ("evolution_pct", percent(commune.change), percent(change));
            }
            if fold(&commune.name) != fold(&row.name) {
                differ("nom_commune", commune.name.clone(), row.name.clone());
            }
        }
        if row.is_none() {
            problems.push(format!("{label} : absente de la base pour cette période et cette zone"));
        }
        if !commune.insee.is_empty() && seen.contains(&commune.insee.as_str()) {
            equal = false;
            problems.push(format!("{label} : deux fois dans la réponse"));
        }
        seen.push(&commune.insee);
        report.destinations.push(Destination {
            code_insee: commune.insee.clone(),
            nom_commune: commune.name.clone(),
            api: commune.volume,
            api_n1: commune.before,
            sql: row.map(|row| row.volume),
            sql_n1: row.filter(|_| with_n1).map(|row| row.before),
            equal,
        });
    }
    // Among equal volumes the portal may choose; a larger one that is absent is missing.
    let smallest = stored.get(expected.saturating_sub(1)).map_or(0, |row| row.volume);
    let names: Vec<String> = served.iter().map(|commune| fold(&commune.name)).collect();
    for row in stored.iter().take(expected).filter(|row| row.volume > smallest) {
        let present =
            if row.insee.is_empty() { names.contains(&fold(&row.name)) } else { seen.contains(&row.insee.as_str()) };
        if !present {
            problems.push(format!(
                "{} ({}) : {} visiteurs selon la base, absente de la réponse",
                row.name,
                row.insee,
                number(row.volume)
            ));
            report.destinations.push(Destination {
                code_insee: row.insee.clone(),
                nom_commune: row.name.clone(),
                api: None,
                api_n1: None,
                sql: Some(row.volume),
                sql_n1: with_n1.then_some(row.before),
                equal: false,
            });
        }
    }
    let more = problems.len().saturating_sub(LISTED);
    let action =
        "videz le cache du portail (`cache-admin purge`) et relancez ; sinon `diagnostic-mobility` explique l'écart";
    for problem in problems.into_iter().take(LISTED) {
        report.findings.push(Finding::error(COMMUNES_EXCURSION.name(), problem).action(action));
    }
    if more > 0 {
        report.findings.push(Finding::attention(COMMUNES_EXCURSION.name(), format!("et {more} autres écarts")));
    }
}

fn served(row: &Value) -> Served {
    let text = |name: &str| row[name].as_str().unwrap_or_default().trim().to_owned();
    Served {
        insee: text("code_insee"),
        name: text("nom_commune"),
        volume: whole(&row["total_visiteurs"]),
        before: whole(&row["total_visiteurs_n1"]),
        change: row["evolution_pct"].as_f64().or_else(|| row["evolution_pct"].as_str()?.trim().parse().ok()),
    }
}

fn whole(value: &Value) -> Option<i64> {
    let text = || value.as_f64().or_else(|| value.as_str()?.trim().parse::<f64>().ok());
    value.as_i64().or_else(|| text().filter(|n| n.fract() == 0.0 && n.abs() < 9e15).map(|n| n as i64))
}

/// Percent against the year before; nothing to say where it had none.
fn change(volume: i64, before: i64) -> Option<f64> {
    (before > 0).then(|| (volume - before) as f64 / before as f64 * 100.0)
}

/// The portal rounds to one decimal.
fn close(api: Option<f64>, sql: Option<f64>) -> bool {
    match (api, sql) {
        (None, None) => true,
        (Some(api), Some(sql)) => (api - sql).abs() <= 0.050_001,
        _ => false,
    }
}

fn shown(value: Option<i64>) -> String {
    value.map_or_else(|| "rien".into(), number)
}

fn percent(value: Option<f64>) -> String {
    value.map_or_else(|| "null".into(), |value| format!("{value:.1} %").replace('.', ","))
}

impl Report for MobilityReport {
    fn render(&self, page: &mut Page) {
        page.line(format!("Portail {}", self.base_url));
        page.gap();
        page.table(&crate::table(&self.calls));
        if let (Some(zone), Some(days)) = (&self.zone, self.period) {
            page.gap();
            let n1 = self.period_n1.map_or_else(String::new, |n1| format!(", comparé à {} – {}", n1.from, n1.to));
            page.line(format!("Zone {zone}, du {} au {}{n1}", days.from, days.to));
        }
        if !self.destinations.is_empty() {
            let mut table = Table::new(&["commune", ">API", ">base", ">API N-1", ">base N-1"]);
            for row in &self.destinations {
                let sign = if row.equal { Verdict::Ok } else { Verdict::Error }.sign();
                let name = format!("{sign} {} ({})", row.nom_commune, row.code_insee);
                let dash = |value: Option<i64>| value.map_or_else(|| "—".into(), number);
                table.row([name, dash(row.api), dash(row.sql), dash(row.api_n1), dash(row.sql_n1)]);
            }
            page.gap();
            page.table(&table);
        }
        page.gap();
        for finding in &self.findings {
            page.finding(finding);
        }
        let verdict = self.verdict();
        if verdict == Verdict::Ok {
            page.verdict(
                verdict,
                format!("l'API et la base disent la même chose ({} communes en base)", self.communes_sql),
            );
        }
    }

    fn verdict(&self) -> Verdict {
        overall(&self.calls, &self.findings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn change_is_against_the_year_before_and_rounded_to_one_decimal() {
        // (1234 - 1000) / 1000 = 23.4 %; 1/3 = 33.333… %, which the portal gives as 33.3
        assert!(close(Some(23.4), change(1234, 1000)));
        assert!(close(Some(33.3), change(4, 3)));
        assert!(!close(Some(33.4), change(4, 3)));
        assert!(close(None, change(4, 0)));
        assert!(!close(Some(100.0), change(4, 0)));
    }
}
