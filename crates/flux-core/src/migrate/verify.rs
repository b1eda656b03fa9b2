//! The proof of a migration: row by row in both directions, with the offending keys by name.

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::Serialize;

use crate::db::{Database, MANY_DATES, Session, on_dates};
use crate::dims::epci::{self, Doubled};
use crate::domain::catalogue::{DIMS, Dim, Space};
use crate::error::{Error, Failed, Result};
use crate::report::{Finding, Page, Report, Table, Verdict, number, plural};
use crate::schema;
use crate::threads;

use crate::migrate::apply::plan_of;
use crate::migrate::compare::{Cells, Comparison, Dates, compare};
use crate::migrate::moves::{Moves, Rules};
use crate::migrate::plan::{Aside, Plan};
use crate::migrate::{Pair, aside, pairs};

/// Options of a verification.
#[derive(Debug, Clone)]
pub struct VerifyOptions {
    /// Tables to verify; all when empty.
    pub only: Vec<String>,
    /// Production tables (`fact_nuitees`) or those for tests (`fact_nuitees_test`).
    pub space: Space,
    /// Offending keys listed, per table and kind.
    pub limit: u32,
    /// Holds the main tables against the archived CSVs instead: those of these dates, of all that the history knows when empty.
    pub archived: Option<Vec<NaiveDate>>,
}

/// What is wrong with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    /// In the temporary table, not in main.
    Missing,
    Different,
    /// Provisional in main, not in the temporary table.
    Surplus,
}

#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(super) struct Offender {
    kind: Kind,
    /// Date, then the names of the dimensions (`#id` where the row is gone).
    key: Vec<String>,
    temp_volume: Option<i64>,
    main_volume: Option<i64>,
}

#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(super) struct VerifiedTable {
    temp: String,
    main: String,
    status: &'static str,
    #[serde(flatten)]
    comparison: Comparison,
    /// Main rows that stay though they are gone, or that nothing was changed of; temporary rows that were not taken.
    suspended: u64,
    blocked: u64,
    unrecorded: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    aside: Vec<Aside>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    offenders: Vec<Offender>,
    #[serde(flatten)]
    failed: Failed,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct VerifyReport {
    tables: Vec<VerifiedTable>,
    limit: u32,
    /// What was left aside, by table and cause.
    findings: Vec<Finding>,
}

/// Verifies the pairs. Reads only.
///
/// # Errors
/// Those that concern the run as a whole.
pub(crate) fn verify(database: &Database, options: &VerifyOptions) -> Result<impl Report + use<>> {
    let existing = schema::existing(&mut database.session()?)?;
    let pairs = pairs(options.space, &options.only)?;
    let results = threads::each(&pairs, threads::usual(), |pair| {
        crate::signals::check()?;
        pair.require(options.space, &existing)?;
        database.with_session(|session| verify_pair(session, pair, options.limit))
    })?;
    let (mut tables, mut findings) = (Vec::new(), Vec::new());
    for (pair, result) in pairs.iter().zip(results) {
        tables.push(match result {
            Ok(Proof { plan, offenders, doubled }) => {
                findings.extend(aside::findings(pair, &plan.aside, &plan.moves));
                findings.extend(doubled.map(|doubled| doubled.finding()));
                verified(pair, plan, offenders)
            }
            Err(Error::Interrupted) => return Err(Error::Interrupted),
            Err(error) => VerifiedTable { failed: Failed::from(&error), ..blank(pair) },
        });
    }
    Ok(VerifyReport { tables, limit: options.limit, findings })
}

/// Proved is what a migration would leave as it is, and of which nothing is left aside.
fn verified(pair: &Pair, plan: Plan, offenders: Vec<Offender>) -> VerifiedTable {
    let Moves { suspended, blocked, unrecorded, .. } = plan.moves;
    let status = match () {
        () if plan.moves.writes() => "different",
        () if !plan.aside.is_empty() || plan.moves.without_breakdown > 0 => "aside",
        () if plan.total.temp_rows == 0 => "empty",
        () => "ok",
    };
    let comparison = plan.total;
    VerifiedTable { status, comparison, suspended, blocked, unrecorded, aside: plan.aside, offenders, ..blank(pair) }
}

fn blank(pair: &Pair) -> VerifiedTable {
    VerifiedTable {
        temp: pair.temp.clone(),
        main: pair.main.clone(),
        status: "failed",
        comparison: Comparison::default(),
        suspended: 0,
        blocked: 0,
        unrecorded: 0,
        aside: Vec::new(),
        offenders: Vec::new(),
        failed: Failed::default(),
    }
}

/// What a pair is proved by.
struct Proof {
    plan: Plan,
    offenders: Vec<Offender>,
    /// Main rows of the dates of the temporary table that stand under several EPCIs.
    doubled: Option<Doubled>,
}

fn verify_pair(session: &mut Session, pair: &Pair, limit: u32) -> Result<Proof> {
    // One snapshot, so that both directions and the history speak of the same rows.
    session.snapshot(|session| {
        let cells = compare(session, pair, &Dates::All)?;
        let mut plan = plan_of(session, pair, (&Dates::All, &cells), &Rules::default())?;
        aside::name_zones(session, &mut plan.aside)?;
        let mut offenders = Vec::new();
        for kind in [Kind::Missing, Kind::Different, Kind::Surplus] {
            let mut left = limit as usize;
            for dates in first_dates(&cells, kind, limit).chunks(MANY_DATES) {
                let found = list(session, pair, kind, (dates, left))?;
                left -= found.len();
                offenders.extend(found);
            }
        }
        Ok(Proof { plan, offenders, doubled: doubled(session, pair)? })
    })
}

fn doubled(session: &mut Session, pair: &Pair) -> Result<Option<Doubled>> {
    if !epci::concerns(pair.dataset) {
        return Ok(None);
    }
    match schema::span(session, &format!("dates de {}", pair.temp), &pair.temp)? {
        Some(period) => epci::doubled(session, &pair.main, pair.dataset, Some(&period)),
        None => Ok(None),
    }
}

/// The first dates that have offending keys of one kind, as many as hold `limit` of them.
fn first_dates(cells: &Cells, kind: Kind, limit: u32) -> Vec<String> {
    let (mut dates, mut held): (Vec<String>, u64) = (Vec::new(), 0);
    for ((date, _), cell) in cells {
        let count = match kind {
            Kind::Missing => cell.missing,
            Kind::Different => cell.different,
            Kind::Surplus => cell.surplus,
        };
        let is_new = dates.last() != Some(date);
        if is_new && held >= u64::from(limit) {
            break;
        }
        if count > 0 && is_new {
            dates.push(date.clone());
        }
        held += count;
    }
    dates
}

/// The first offending keys of one kind on some dates, in key order, with the names behind the ids. The dates and the order of the tables
/// are given: the statistics of a temporary table are stale, and would make the server read all of the main one.
fn list(session: &mut Session, pair: &Pair, kind: Kind, (dates, limit): (&[String], usize)) -> Result<Vec<Offender>> {
    let (temp, main, on_key) = (&pair.temp, &pair.main, pair.on_key());
    let side = if kind == Kind::Surplus { "m" } else { "t" };
    let (from, volumes) = match kind {
        Kind::Missing => (format!("{temp} t LEFT JOIN {main} m ON {on_key}"), ("t.volume", "NULL", "m.date IS NULL")),
        Kind::Different => (
            format!("{temp} t STRAIGHT_JOIN {main} m ON {on_key}"),
            ("t.volume", "m.volume", "m.is_provisional <> 0 AND m.volume <> t.volume"),
        ),
        Kind::Surplus => (
            format!("{main} m LEFT JOIN {temp} t ON {on_key}"),
            ("NULL", "m.volume", "t.date IS NULL AND m.is_provisional <> 0"),
        ),
    };
    let dims: Vec<Dim> = pair.dataset.dims().collect();
    let mut names = vec![format!("CAST({side}.date AS CHAR)")];
    let mut joins = String::new();
    for spec in dims.iter().map(|dim| &DIMS[*dim as usize]) {
        let alias = format!("d_{}", spec.id);
        names.push(format!("COALESCE({alias}.{}, CONCAT('#', {side}.{}))", spec.name, spec.id));
        joins.push_str(&format!(
            " LEFT JOIN {table} {alias} ON {alias}.{id} = {side}.{id}",
            table = spec.table,
            id = spec.id
        ));
    }
    let (of_dates, values) = on_dates(side, dates);
    let order: Vec<String> = pair.dataset.key().iter().map(|column| format!("{side}.{column}")).collect();
    let sql = format!(
        "SELECT CONCAT_WS('\\n', {}), {}, {} FROM {from}{joins} WHERE {of_dates} AND {} ORDER BY {} LIMIT {limit}",
        names.join(", "),
        volumes.0,
        volumes.1,
        volumes.2,
        order.join(", ")
    );
    let rows: Vec<(String, Option<i64>, Option<i64>)> =
        session.rows(&format!("liste des écarts de {main}"), &sql, values)?;
    Ok(rows
        .into_iter()
        .map(|(key, temp_volume, main_volume)| Offender {
            kind,
            key: key.split('\n').map(str::to_owned).collect(),
            temp_volume,
            main_volume,
        })
        .collect())
}

impl Report for VerifyReport {
    fn render(&self, page: &mut Page) {
        let mut table = Table::new(&[
            "table",
            "??état",
            ">?temporaires",
            ">??volume",
            ">?identiques",
            ">absentes",
            ">différentes",
            ">en trop",
            ">?définitives",
        ]);
        for row in &self.tables {
            let c = &row.comparison;
            let (verdict, state) = match row.status {
                "ok" => (Verdict::Ok, "conforme"),
                "empty" => (Verdict::Ok, "vide"),
                "different" => (Verdict::Attention, "écarts"),
                "aside" => (Verdict::Attention, "laissée en partie"),
                _ => (Verdict::Error, "échec"),
            };
            table.row([
                format!("{} {}", verdict.sign(), row.main),
                state.to_owned(),
                number(c.temp_rows),
                number(c.temp_volume),
                number(c.same),
                number(c.missing),
                number(c.different),
                number(c.surplus),
                number(c.definitive),
            ]);
        }
        page.table(&table);
        page.title("Tables principales, aux dates des tables temporaires");
        let mut split =
            Table::new(&["table", ">provisoires", ">?volume provisoire", ">définitives", ">?volume définitif"]);
        for row in self.tables.iter().filter(|row| row.comparison.temp_rows > 0) {
            let c = &row.comparison;
            split.row([
                row.main.clone(),
                number(c.main_provisional),
                number(c.main_provisional_volume),
                number(c.main_definitive),
                number(c.main_definitive_volume),
            ]);
        }
        if split.is_empty() {
            page.line("  toutes les tables temporaires sont vides : rien à comparer");
        } else {
            page.table(&split);
        }
        for row in &self.tables {
            if let Some(finding) = row.failed.finding(&row.main) {
                page.gap();
                page.finding(&finding);
            }
            render_offenders(page, row, self.limit);
        }
        page.gap();
        self.findings.iter().for_each(|finding| page.finding(finding));
        let total: u64 = self.tables.iter().map(|row| row.comparison.temp_rows).sum();
        match self.verdict() {
            Verdict::Ok if total == 0 => page.conclude(Verdict::Ok, "rien n'attend d'être migré"),
            Verdict::Ok => page.conclude(
                Verdict::Ok,
                format!("migration prouvée : {}, aucun écart", plural(total, "ligne comparée", "lignes comparées")),
            ),
            verdict if self.tables.iter().any(|row| ["different", "failed"].contains(&row.status)) => {
                page.conclude(verdict, "la migration n'est pas prouvée");
                page.action("lancez `migrate-temp-to-main`, puis de nouveau `verify-migration`");
            }
            verdict => {
                let what = plural(total, "ligne comparée", "lignes comparées");
                page.conclude(verdict, format!("{what}, aucun écart hors de ce qui est laissé de côté (ci-dessous)"));
            }
        }
    }

    fn verdict(&self) -> Verdict {
        let verdict = |row: &VerifiedTable| match row.status {
            "ok" | "empty" => Verdict::Ok,
            "different" | "aside" => Verdict::Attention,
            _ => Verdict::Error,
        };
        let found = crate::report::verdict(&self.findings);
        self.tables.iter().map(verdict).max().unwrap_or(Verdict::Ok).max(found)
    }
}

fn render_offenders(page: &mut Page, row: &VerifiedTable, limit: u32) {
    if row.offenders.is_empty() {
        return;
    }
    page.title(&format!("{} (au plus {limit} par sorte d'écart)", row.main));
    let mut table = Table::new(&["écart", "clé", ">temporaire", ">principale"]);
    for offender in &row.offenders {
        let kind = match offender.kind {
            Kind::Missing => "absente",
            Kind::Different => "différente",
            Kind::Surplus => "en trop",
        };
        let volume = |volume: Option<i64>| volume.map_or_else(|| "–".into(), number);
        table.row([kind.into(), offender.key.join(" / "), volume(offender.temp_volume), volume(offender.main_volume)]);
    }
    page.table(&table);
}
