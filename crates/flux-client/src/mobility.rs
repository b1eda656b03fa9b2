//! The portal's mobility answer against the same figures of the database.

use std::collections::HashMap;

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::endpoints::COMMUNES_EXCURSION;
use crate::http::Client;
use crate::{Call, CheckOptions, clear_token, judge, overall, slowness};
use flux_core::db::{Database, Session};
use flux_core::domain::catalogue::Space;
use flux_core::domain::names::fold;
use flux_core::error::Result;
use flux_core::figures::mobility::{self, Commune, Mobility};
use flux_core::figures::period::{Asked, Period};
use flux_core::figures::scope::Question;
use flux_core::settings::Settings;
use flux_report::{Code, Finding, Page, Report, Table, Verdict, change, number, plural, worst};

/// Differences listed one by one.
const LISTED: usize = 20;

/// One commune of the answer beside the database.
#[derive(Debug, Serialize, JsonSchema)]
struct Destination {
    code_insee: String,
    nom_commune: String,
    api: Option<i64>,
    api_n1: Option<i64>,
    sql: Option<i64>,
    sql_n1: Option<i64>,
    equal: bool,
}

/// Days of a period.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
struct Days {
    #[serde(serialize_with = "as_text")]
    #[schemars(with = "String")]
    from: NaiveDate,
    #[serde(serialize_with = "as_text")]
    #[schemars(with = "String")]
    to: NaiveDate,
}

impl From<&Period> for Days {
    fn from(period: &Period) -> Self {
        Self { from: period.debut, to: period.fin }
    }
}

fn as_text<S: serde::Serializer>(day: &NaiveDate, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.collect_str(day)
}

/// Report of `test-api-mobilite-directe`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct MobilityReport {
    base_url: String,
    zone: Option<String>,
    period: Option<Days>,
    period_n1: Option<Days>,
    calls: Vec<Call>,
    destinations: Vec<Destination>,
    /// Communes with visitors, and their sum, by the database.
    communes_sql: usize,
    total_sql: Option<u64>,
    findings: Vec<Finding>,
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

/// Calls the mobility endpoint and holds its answer against the database.
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
        total_sql: None,
        findings,
    };
    let Some(document) = judgement.document.filter(|_| well_formed) else { return Ok(report) };
    if let Some(mobility) = figures(&mut session, options, &mut report)? {
        compare_header(&document, &mobility, &query.zone, &mut report.findings);
        compare(&document, &mobility, query.limit as usize, &mut report);
    }
    Ok(report)
}

/// The same question to the database; `None`, with a finding, where it does not know the period or the zone.
fn figures(session: &mut Session, options: &CheckOptions, report: &mut MobilityReport) -> Result<Option<Mobility>> {
    let query = &options.query;
    let period = Asked::Named { name: query.period.clone(), year: query.year };
    let question = Question { period, compare: None, zone: query.zone.clone() };
    let mobility = match mobility::between(session, &question, "TOURISTE", Space::Production)? {
        Ok(mobility) => mobility,
        Err(unknown) => {
            report.findings.push(unknown.finding());
            return Ok(None);
        }
    };
    if let Err(unknown) = &mobility.n_1 {
        let message = format!("{unknown} : les volumes N-1 ne sont pas comparés");
        report.findings.push(Finding { severity: Verdict::Attention, message, ..unknown.finding() });
    }
    report.zone = Some(mobility.zone.name.clone());
    report.period = Some(Days::from(&mobility.n.period));
    report.period_n1 = mobility.n_1.as_ref().ok().map(|side| Days::from(&side.period));
    report.communes_sql = mobility.communes.len();
    report.total_sql = mobility.n.total;
    Ok(Some(mobility))
}

/// The dates and the zone that the answer says it is about.
fn compare_header(document: &Value, mobility: &Mobility, zone: &str, findings: &mut Vec<Finding>) {
    let place = COMMUNES_EXCURSION.name();
    let period = &mobility.n.period;
    for (field, expected) in [("debut_periode", period.debut), ("fin_periode", period.fin)] {
        let got = document[field].as_str().unwrap_or_default();
        if got.get(..10) != Some(expected.to_string().as_str()) {
            findings.push(
                Finding::error(Code::FigureDiffers, place, format!("{field} : {got}, mais la base dit {expected}"))
                    .action("videz le cache (`cache-admin purge`) et contrôlez dim_periodes (`verifier-saisons`)"),
            );
        }
    }
    let got = document["zone_observation"].as_str().unwrap_or_default();
    // Any name of the zone is its name.
    if fold(got) != fold(zone) && !mobility.zone.rows.iter().any(|(_, name)| fold(name) == fold(got)) {
        let message = format!("zone_observation : {got}, mais {zone} a été demandée");
        findings.push(
            Finding::attention(Code::FigureDiffers, place, message)
                .action("`test-zone-mapping-api-production` dit d'où vient le nom"),
        );
    }
}

fn compare(document: &Value, mobility: &Mobility, limit: usize, report: &mut MobilityReport) {
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
    let known = Known::new(&mobility.communes);
    let with_n1 = mobility.n_1.is_ok();
    let mut found: Vec<Option<&Commune>> = Vec::new();
    for commune in &served {
        let row = known.find(commune);
        let mut wrong = differences(commune, row, with_n1);
        if row.is_some_and(|row| found.iter().flatten().any(|other| std::ptr::eq(*other, row))) {
            wrong.push("deux fois dans la réponse".into());
        }
        report.destinations.push(Destination {
            code_insee: commune.insee.clone(),
            nom_commune: commune.name.clone(),
            api: commune.volume,
            api_n1: commune.before,
            sql: row.and_then(|row| signed(row.total_visiteurs)),
            sql_n1: row.and_then(|row| signed(row.total_visiteurs_n1)),
            equal: wrong.is_empty(),
        });
        problems.extend(wrong.into_iter().map(|what| format!("{} ({}) : {what}", commune.name, commune.insee)));
        found.push(row);
    }
    let found: Vec<&Commune> = found.into_iter().flatten().collect();
    for row in Ranking::new(mobility, limit).judge(&found, served.len(), &mut problems) {
        let insee = row.code_insee.clone().unwrap_or_default();
        let volume = shown(signed(row.total_visiteurs));
        problems.push(format!(
            "{} ({insee}) : {volume} journées-visiteurs selon la base, absente de la réponse",
            row.nom_commune
        ));
        report.destinations.push(Destination {
            code_insee: insee,
            nom_commune: row.nom_commune.clone(),
            api: None,
            api_n1: None,
            sql: signed(row.total_visiteurs),
            sql_n1: signed(row.total_visiteurs_n1),
            equal: false,
        });
    }
    let more = problems.len().saturating_sub(LISTED);
    let action =
        "videz le cache du portail (`cache-admin purge`) et relancez ; sinon `diagnostic-mobility` explique l'écart";
    for problem in problems.into_iter().take(LISTED) {
        report.findings.push(Finding::error(Code::FigureDiffers, COMMUNES_EXCURSION.name(), problem).action(action));
    }
    if more > 0 {
        report.findings.push(Finding::attention(
            Code::FigureDiffers,
            COMMUNES_EXCURSION.name(),
            format!("et {}", plural(more as u64, "autre écart", "autres écarts")),
        ));
    }
}

/// The communes of the database, by what the portal says of one: its code, else a name that only one has.
struct Known<'a> {
    by_code: HashMap<&'a str, &'a Commune>,
    by_name: HashMap<String, Vec<&'a Commune>>,
}

impl<'a> Known<'a> {
    fn new(communes: &'a [Commune]) -> Self {
        let by_code = communes.iter().filter_map(|row| Some((row.code_insee.as_deref()?, row))).collect();
        let mut by_name: HashMap<String, Vec<&Commune>> = HashMap::new();
        for row in communes {
            by_name.entry(fold(&row.nom_commune)).or_default().push(row);
        }
        Self { by_code, by_name }
    }

    fn find(&self, served: &Served) -> Option<&'a Commune> {
        if !served.insee.is_empty() {
            return self.by_code.get(served.insee.as_str()).copied();
        }
        match self.by_name.get(&fold(&served.name))?.as_slice() {
            [row] => Some(row),
            _ => None,
        }
    }
}

/// What is wrong with one commune of the answer.
fn differences(served: &Served, row: Option<&Commune>, with_n1: bool) -> Vec<String> {
    let Some(row) = row else { return vec!["absente de la base pour cette période et cette zone".into()] };
    let mut wrong = Vec::new();
    let mut differ = |what: &str, api: String, sql: String| {
        wrong.push(format!("{what} {api} selon l'API, {sql} selon la base"));
    };
    let (now, before) = (signed(row.total_visiteurs), signed(row.total_visiteurs_n1));
    if served.volume != now {
        differ("total_visiteurs", shown(served.volume), shown(now));
    }
    if with_n1 && served.before != before {
        differ("total_visiteurs_n1", shown(served.before), shown(before));
    }
    if with_n1 && !close(served.change, row.evolution_pct) {
        differ("evolution_pct", percent(served.change), percent(row.evolution_pct));
    }
    if fold(&served.name) != fold(&row.nom_commune) {
        differ("nom_commune", served.name.clone(), row.nom_commune.clone());
    }
    wrong
}

/// The list that N and N−1 rank, `limit` communes each. Among equal volumes the portal may choose.
struct Ranking<'a> {
    communes: &'a [Commune],
    /// Communes of the list, with a choice of our own among equals.
    expected: usize,
    years: [Ranked; 2],
}

/// What a year ranks.
struct Ranked {
    volume: fn(&Commune) -> u64,
    count: usize,
    /// The smallest volume among them.
    last: u64,
    /// The largest volume that is left out; 0 where all are ranked. Whoever has more is in the list without a choice.
    first_out: u64,
}

impl Ranked {
    fn new(communes: &[Commune], limit: usize, volume: fn(&Commune) -> u64) -> Self {
        let mut volumes: Vec<u64> = communes.iter().map(volume).filter(|volume| *volume > 0).collect();
        volumes.sort_unstable_by(|a, b| b.cmp(a));
        let first_out = volumes.get(limit).copied().unwrap_or(0);
        volumes.truncate(limit);
        Self { volume, count: volumes.len(), last: volumes.last().copied().unwrap_or(0), first_out }
    }
}

impl<'a> Ranking<'a> {
    fn new(mobility: &'a Mobility, limit: usize) -> Self {
        let communes = mobility.communes.as_slice();
        Self {
            communes,
            expected: mobility.ranked(limit).len(),
            years: [
                Ranked::new(communes, limit, |commune| commune.total_visiteurs.unwrap_or(0)),
                Ranked::new(communes, limit, |commune| commune.total_visiteurs_n1.unwrap_or(0)),
            ],
        }
    }

    /// The communes that must be in the answer and are not; a wrong number of destinations goes to `problems`.
    fn judge(&self, found: &[&Commune], served: usize, problems: &mut Vec<String>) -> Vec<&'a Commune> {
        let must = |commune: &Commune| self.years.iter().any(|year| (year.volume)(commune) > year.first_out);
        let must: Vec<&Commune> = self.communes.iter().filter(|commune| must(commune)).collect();
        // Of equals, each year adds as many as it has places left, and they may be the same ones.
        let chosen = |year: &Ranked| {
            let certain = self.communes.iter().filter(|commune| (year.volume)(commune) > year.first_out).count();
            year.count.saturating_sub(certain)
        };
        let most = must.len() + self.years.iter().map(chosen).sum::<usize>();
        let full = |year: &Ranked| found.iter().filter(|row| (year.volume)(row) >= year.last).count() >= year.count;
        if served > most || !self.years.iter().all(full) {
            problems.push(format!("{served} destinations au lieu de {}", self.expected));
        }
        must.into_iter().filter(|row| !found.iter().any(|other| std::ptr::eq(*other, *row))).collect()
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

fn signed(value: Option<u64>) -> Option<i64> {
    value.and_then(|value| i64::try_from(value).ok())
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
    value.map_or_else(|| "null".into(), change)
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
            page.conclude(
                verdict,
                format!(
                    "l'API et la base disent la même chose ({} en base)",
                    plural(self.communes_sql as u64, "commune", "communes")
                ),
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
    fn a_change_of_the_portal_may_have_more_decimals() {
        assert!(close(Some(33.333_333), Some(33.3)) && close(Some(33.3), Some(33.3)) && close(None, None));
        assert!(!close(Some(33.4), Some(33.3)) && !close(Some(100.0), None) && !close(None, Some(0.0)));
    }
}
