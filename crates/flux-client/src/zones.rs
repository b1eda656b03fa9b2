//! Does the portal find, for each zone name, the rows that the database holds for it?

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::endpoints::COMMUNES_EXCURSION;
use crate::http::{Client, ClientOptions};
use crate::{Call, Query, clear_token, judge};
use flux_core::db::{Database, Session};
use flux_core::domain::catalogue::Space;
use flux_core::error::Result;
use flux_core::figures::mobility;
use flux_core::figures::period::Asked;
use flux_core::figures::scope::Question;
use flux_core::settings::Settings;
use flux_core::signals;
use flux_core::zones::{self, MappingReport};
use flux_report::{Code, Finding, Page, Report, Table, Verdict, number, render_findings, verdict, worst};

/// Communes asked for and compared: the most that the portal gives.
const LIMIT: u32 = 500;

/// Options of `test-zone-mapping-api-production`.
#[derive(Debug, Clone, Default)]
pub struct ZoneOptions {
    /// How to reach the portal; without a base URL, here or in the settings, it is not asked.
    pub client: ClientOptions,
    /// Only these names; all of the reference if empty.
    pub names: Vec<String>,
    /// Year to ask for, by default the last one with data.
    pub year: Option<i32>,
    /// Period of that year.
    pub period: String,
    /// Production tables or those for tests.
    pub test: bool,
}

/// What the portal answered to one name, beside the database.
#[derive(Debug, Serialize, JsonSchema)]
struct Answered {
    name: String,
    #[serde(flatten)]
    call: Call,
    /// The zone that the answer says it is about.
    answered_as: Option<String>,
    /// Evening visitors in the first 500 communes, by the portal and by the database.
    total: Option<u64>,
    total_sql: Option<u64>,
    equal: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Asking {
    base_url: String,
    year: i32,
    period: String,
    answers: Vec<Answered>,
}

/// Report of `test-zone-mapping-api-production`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ZonesReport {
    #[serde(flatten)]
    mapping: MappingReport,
    /// Null where the portal was not asked.
    portal: Option<Asking>,
}

/// Maps the names and, where there is a base URL, asks the portal for each of them.
///
/// # Errors
/// Those of the portal's settings and of the database.
pub fn check(settings: &Settings, database: &Database, options: &ZoneOptions) -> Result<ZonesReport> {
    let space = if options.test { Space::Test } else { Space::Production };
    let mut mapping = zones::map(database, &options.names, space)?;
    if options.client.base_url.is_none() && settings.get("PORTAL_BASE_URL").is_none() {
        return Ok(ZonesReport { mapping, portal: None });
    }
    let client = Client::new(settings, &options.client)?;
    let year = options
        .year
        .or(mapping.last_year)
        .unwrap_or_else(|| chrono::Datelike::year(&flux_core::domain::calendar::civil_time(chrono::Utc::now())));
    let mut findings = clear_token(&client);
    let mut asking =
        Asking { base_url: client.base().to_owned(), year, period: options.period.clone(), answers: Vec::new() };
    let mut stored = Stored { session: database.session()?, space, totals: HashMap::new() };
    for (name, zone) in mapping.names() {
        signals::check()?;
        let (answered, found) = ask(&client, &mut stored, (name, zone), &asking)?;
        asking.answers.push(answered);
        findings.extend(found);
    }
    mapping.findings.extend(findings);
    Ok(ZonesReport { mapping, portal: Some(asking) })
}

/// The figures of the database, each zone once however many names it has.
struct Stored {
    session: Session,
    space: Space,
    totals: HashMap<String, Option<u64>>,
}

impl Stored {
    /// Visitors in the first communes of the period; `None` where the zone or the period has no data.
    fn total(&mut self, zone: &str, (year, period): (i32, &str)) -> Result<Option<u64>> {
        if let Some(total) = self.totals.get(zone) {
            return Ok(*total);
        }
        let period = Asked::Named { name: period.to_owned(), year };
        let question = Question { period, compare: None, zone: zone.to_owned() };
        let total =
            mobility::between(&mut self.session, &question, "TOURISTE", self.space)?.ok().and_then(|mobility| {
                mobility.n.total?;
                let volumes = mobility.communes.iter().filter_map(|commune| commune.total_visiteurs).collect();
                Some(first(volumes))
            });
        self.totals.insert(zone.to_owned(), total);
        Ok(total)
    }
}

/// Sum of the largest volumes, as many as are asked for.
fn first(mut volumes: Vec<u64>) -> u64 {
    volumes.sort_unstable_by(|a, b| b.cmp(a));
    volumes.iter().take(LIMIT as usize).sum()
}

fn ask(
    client: &Client,
    stored: &mut Stored,
    (name, zone): (&str, Option<&str>),
    asking: &Asking,
) -> Result<(Answered, Vec<Finding>)> {
    let endpoint = &COMMUNES_EXCURSION;
    let query = Query { year: asking.year, period: asking.period.clone(), zone: name.to_owned(), limit: LIMIT };
    let exchange = client.get(endpoint.path, &query.parameters(endpoint), true);
    let judgement = judge::judge(client, endpoint, &exchange);
    let total_sql = match zone {
        Some(zone) => stored.total(zone, (asking.year, &asking.period))?,
        None => None,
    };
    let document = judgement.document.as_ref().filter(|_| worst(&judgement.findings) != Verdict::Error);
    let total = document.and_then(total);
    let status = exchange.result.as_ref().map_or(0, |answer| answer.status);
    // What the portal does not know either, and what neither has data for, is agreed upon.
    let agreed =
        total.unwrap_or(0) == total_sql.unwrap_or(0) && (document.is_some() || (zone.is_none() && status == 404));
    let mut findings: Vec<Finding> = judgement.findings;
    findings.retain(|finding| !(finding.code == Code::FieldWrong && finding.severity == Verdict::Attention));
    if agreed {
        findings.retain(|finding| ![Code::AnswerEmpty, Code::PortalRefused].contains(&finding.code));
    }
    for finding in &mut findings {
        finding.message = format!("zone « {name} » : {}", finding.message);
    }
    if document.is_some() && !agreed {
        let known = |total: Option<u64>| total.map_or_else(|| "rien".into(), number);
        let message =
            format!("{} journées-visiteurs selon le portail, {} selon la base", known(total), known(total_sql));
        findings.push(
            Finding::error(Code::FigureDiffers, format!("zone « {name} »"), message)
                .action("videz le cache (`cache-admin purge`) et relancez ; sinon le portail lit une autre zone, une autre base ou une autre année"),
        );
    }
    let text = |field: &str| document.and_then(|document| document[field].as_str()).map(str::to_owned);
    let answered = Answered {
        name: name.to_owned(),
        answered_as: text("zone_observation"),
        total,
        total_sql,
        equal: agreed,
        call: Call::new(endpoint, &exchange, judgement.rows, worst(&findings)),
    };
    Ok((answered, findings))
}

/// Visitors of an answer; `None` where it lists no commune.
fn total(document: &Value) -> Option<u64> {
    let volume = |row: &Value| {
        let volume = &row["total_visiteurs"];
        volume.as_u64().or_else(|| volume.as_str()?.trim().parse().ok())
    };
    let volumes: Vec<u64> = document["destinations"].as_array()?.iter().filter_map(volume).collect();
    (!volumes.is_empty()).then(|| first(volumes))
}

impl Report for ZonesReport {
    fn render(&self, page: &mut Page) {
        self.mapping.render(page);
        if let Some(portal) = &self.portal {
            page.gap();
            page.line(format!("Portail {}, {} {}", portal.base_url, portal.period, portal.year));
            let mut table = Table::new(&["nom demandé", ">statut", ">portail", ">base"]);
            for answered in &portal.answers {
                let sign = if answered.equal { Verdict::Ok } else { Verdict::Error }.sign();
                let [_, status, ..] = answered.call.row();
                let dash = |value: Option<u64>| value.map_or_else(|| "—".into(), number);
                table.row([
                    format!("{sign} {}", answered.name),
                    status,
                    dash(answered.total),
                    dash(answered.total_sql),
                ]);
            }
            page.table(&table);
            page.line("  journées-visiteurs du soir dans les 500 premières communes");
        } else {
            page.line("  le portail n'a pas été interrogé : donnez --base-url ou PORTAL_BASE_URL");
        }
        render_findings(page, &self.mapping.findings, "chaque nom mène à une zone qui a des données");
    }

    fn verdict(&self) -> Verdict {
        let unanswered = |portal: &Asking| {
            !portal.answers.is_empty() && !portal.answers.iter().any(|answered| answered.call.answered())
        };
        if self.portal.as_ref().is_some_and(unanswered) { Verdict::Error } else { verdict(&self.mapping.findings) }
    }
}
