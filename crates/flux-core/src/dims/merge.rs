//! Two rows of one dimension made one. The facts of all tables move in one transaction; per table and date the total volume is proved
//! equal before and after, less what an explicit rule drops; else everything is rolled back.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use mysql::Value;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::db::{self, Database, MANY_DATES, Session, quote};
use crate::dims::epci::list;
use crate::domain::catalogue::{Dataset, Dim, fact_tables};
use crate::error::{Error, Result};
use crate::ledger::{migrations, ownership, rows};
use crate::report::{Code, Done, Finding, Page, Report, Table, Verdict, number, plural};
use crate::report::{render_findings, some_of};
use crate::schema::{self, Existing, IS_TABLE, TableSpec};

/// Offending keys listed per table.
const EXAMPLES: usize = 5;

/// What becomes of a key that exists on both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Rule {
    /// Nothing is merged while there is one.
    Refuse,
    /// Both volumes are added.
    Sum,
    /// The row of the zone that stays is kept.
    Target,
    /// The row of the zone that goes is kept.
    Source,
}

/// What moves in one table.
#[derive(Debug, Clone, Serialize, JsonSchema)]
struct Move {
    pub table: String,
    /// Rows of the zone that goes.
    pub(crate) rows: u64,
    pub(crate) volume: u64,
    /// Keys that exist on both sides.
    pub(crate) conflicts: u64,
    /// Of these, keys with the same volume on both sides.
    pub(crate) identical: u64,
    /// The first such keys: `date … : source ≠ target`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) examples: Vec<String>,
    /// Volume that the rule drops.
    pub(crate) dropped: u64,
    /// Dates of the rows that move.
    #[serde(skip)]
    dates: Vec<String>,
    /// Of these, those on which a key can stand on both sides.
    #[serde(skip)]
    shared: HashSet<String>,
}

/// One pair of rows.
#[derive(Debug, Serialize, JsonSchema)]
struct Merge {
    /// Row that goes: id, name.
    from: Row,
    /// Row that stays: id, name.
    into: Row,
    tables: Vec<Move>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct MergeReport {
    #[serde(rename = "dry_run")]
    done: Done,
    dimension: &'static str,
    applied: bool,
    rule: Rule,
    merges: Vec<Merge>,
    findings: Vec<Finding>,
    /// A number that was asked for, and that nothing bears.
    #[serde(skip)]
    unused: Option<u32>,
}

/// Id and name of a stored row; the name of one that is gone says so.
pub(crate) type Row = (u32, String);
/// The one that goes and the one that stays.
pub(crate) type Pair = (Row, Row);

/// What stands for the name of a row that is gone.
pub(crate) fn gone(id: u32) -> String {
    format!("n° {id}, sans ligne")
}

/// What to do with the pairs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct How {
    pub(crate) dim: Dim,
    /// What becomes of keys that exist on both sides.
    pub(crate) rule: Rule,
    /// Only show the plan.
    pub(crate) dry_run: bool,
}

/// Plans and, unless [`How::dry_run`], does the merge of the pairs that `choose` finds, under the lock.
///
/// # Errors
/// Those of `choose`; [`Error::WrongKey`] for a table whose keys are not told apart; [`Error::Invariant`] when volumes do not add up,
/// nothing written.
pub(crate) fn merge(
    database: &Database,
    how: How,
    choose: impl FnOnce(&mut Session) -> Result<Vec<Pair>>,
) -> Result<MergeReport> {
    let _lock = if how.dry_run { None } else { Some(crate::ledger::lock(database)?) };
    let mut session = database.session()?;
    let pairs = choose(&mut session)?;
    let existing = schema::existing(&mut session)?;
    let mut findings = foreign_tables(&mut session, how.dim, &pairs, &existing)?;
    let merges = plan(&mut session, how, &pairs, &existing)?;
    drop(session);
    for merge in &merges {
        let conflicts: u64 = merge.tables.iter().map(|table| table.conflicts).sum();
        if conflicts > 0 && how.rule == Rule::Refuse {
            findings.push(
                Finding::attention(
                    Code::MergeBlocked,
                    format!("{} → {}", merge.from.1, merge.into.1),
                    format!(
                        "{} des deux côtés : rien n'est réuni sans règle",
                        plural(conflicts, "clé existe", "clés existent")
                    ),
                )
                .action("choisissez --on-conflict sum (ajouter), target (garder la ligne qui reste) ou source"),
            );
        }
    }
    let applied = !how.dry_run && findings.is_empty() && !merges.is_empty();
    if applied {
        apply(database, &merges, how, &existing)?;
    }
    let dimension = how.dim.spec().table;
    let unused = pairs.first().filter(|_| merges.is_empty()).map(|(from, _)| from.0);
    Ok(MergeReport { done: Done::unless(how.dry_run), dimension, applied, rule: how.rule, merges, findings, unused })
}

/// Dimensions that refer to this one.
fn referring(dim: Dim, existing: &HashMap<String, Existing>) -> Option<&'static str> {
    let table = Dim::Commune.spec().table;
    let refers = matches!(dim, Dim::Departement | Dim::Epci);
    let has = existing.get(table).is_some_and(|found| found.has(dim.spec().id));
    (refers && has).then_some(table)
}

/// Tables beside ours that hold rows of one that goes, by a column of its name or a foreign key: they would be left behind, or go too.
fn foreign_tables(
    session: &mut Session,
    dim: Dim,
    pairs: &[Pair],
    existing: &HashMap<String, Existing>,
) -> Result<Vec<Finding>> {
    let spec = dim.spec();
    let mut known: Vec<String> = fact_tables().map(|(table, _)| table).collect();
    // What migrations did is told with the ids of its time; undoing looks whether they are still there.
    known.extend([spec.table, ownership::PROGRESS, migrations::CELLS, rows::TABLE].map(str::to_owned));
    known.extend(referring(dim, existing).map(str::to_owned));
    let columns: Vec<(String, String)> = session.rows(
        "tables qui portent la dimension",
        &format!(
            "SELECT c.table_name AS t, c.column_name AS c FROM information_schema.columns c JOIN information_schema.tables t \
             ON t.table_schema = c.table_schema AND t.table_name = c.table_name \
             WHERE c.table_schema = DATABASE() AND c.column_name = ? AND {IS_TABLE} \
             UNION SELECT table_name, column_name FROM information_schema.key_column_usage \
             WHERE table_schema = DATABASE() AND referenced_table_name = ? ORDER BY 1"
        ),
        (spec.id, spec.table),
    )?;
    let mut findings = Vec::new();
    for (table, column) in columns.iter().filter(|(name, _)| !known.contains(name)) {
        for (from, into) in pairs {
            let sql = format!("SELECT COUNT(*) FROM {} WHERE {} = ?", quote(table), quote(column));
            let rows: u64 = session.first(&format!("lecture de {table}"), &sql, (from.0,))?.unwrap_or(0);
            if rows > 0 {
                findings.push(
                    Finding::attention(
                        Code::MergeBlocked,
                        table.as_str(),
                        format!(
                            "{} de {}, mais la table n'est pas de celles que les outils connaissent",
                            plural(rows, "ligne", "lignes"),
                            from.1
                        ),
                    )
                    .action(format!(
                        "rattachez ces lignes ou supprimez-les, puis relancez : UPDATE {} SET {column} = {} WHERE {column} = {}",
                        quote(table),
                        into.0,
                        from.0,
                        column = quote(column)
                    )),
                );
            }
        }
    }
    Ok(findings)
}

/// The fact tables that are there and have a column for this dimension.
fn tables_of(dim: Dim, existing: &HashMap<String, Existing>) -> Vec<(String, &'static Dataset)> {
    let has = |table: &String| existing.get(table).is_some_and(|found| found.has(dim.spec().id));
    fact_tables().filter(|(table, _)| has(table)).collect()
}

/// `a.date = b.date AND …` over the natural key without this dimension.
fn same_key(dataset: &Dataset, dim: Dim) -> String {
    let columns = dataset.key().into_iter().filter(|column| *column != dim.spec().id);
    columns.map(|column| format!("a.{column} = b.{column}")).collect::<Vec<_>>().join(" AND ")
}

fn plan(session: &mut Session, how: How, pairs: &[Pair], existing: &HashMap<String, Existing>) -> Result<Vec<Merge>> {
    let mut merges = Vec::new();
    for (from, into) in pairs {
        let mut tables = Vec::new();
        for (table, dataset) in tables_of(how.dim, existing) {
            let found = moves(session, &table, dataset, (from.0, into.0), how)?;
            if found.rows > 0 {
                // Rows that nothing tells apart cannot be compared one by one.
                schema::require(&TableSpec::of_fact(&table, dataset), existing)?;
                tables.push(found);
            }
        }
        if !tables.is_empty() || is_there(session, how.dim, from.0, existing)? {
            merges.push(Merge { from: from.clone(), into: into.clone(), tables });
        }
    }
    Ok(merges)
}

/// Whether a row of a dimension is there, or a dimension or the memory of the ETL speaks of it: without that and without facts there is
/// nothing to be done.
fn is_there(session: &mut Session, dim: Dim, row: u32, existing: &HashMap<String, Existing>) -> Result<bool> {
    let spec = dim.spec();
    let remembered = (dim == Dim::Zone && existing.contains_key(ownership::PROGRESS)).then_some(ownership::PROGRESS);
    for table in [Some(spec.table), referring(dim, existing), remembered].into_iter().flatten() {
        let sql = format!("SELECT 1 FROM {table} WHERE {} = ? LIMIT 1", spec.id);
        if session.first::<u8>(&format!("lecture de {table}"), &sql, (row,))?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// [`db::on_dates`] of the rows `a`, its values after others.
fn on_dates(others: &[u32], dates: &[impl AsRef<str>]) -> (String, Vec<Value>) {
    let (of_dates, dates) = db::on_dates("a", dates);
    (of_dates, others.iter().map(Value::from).chain(dates).collect())
}

/// The dates of one reading: all rows of a zone are read in one go, for the dashboards' index leads with it. Few other indexes of a fact table
/// lead with a dimension, all others with the date: rows of another dimension are read some dates at a time, or it were the whole table.
fn readings(dim: Dim, dates: &[String]) -> Vec<Option<&[String]>> {
    if dim == Dim::Zone { vec![None] } else { dates.chunks(MANY_DATES).map(Some).collect() }
}

/// The readings that compare the rows of both sides on these dates: a few dates are looked up, whatever the dimension.
fn comparisons(dim: Dim, dates: &[String]) -> Vec<Option<&[String]>> {
    if dates.len() > MANY_DATES { readings(dim, dates) } else { dates.chunks(MANY_DATES).map(Some).collect() }
}

/// ` AND …` for the dates of a reading, its values after others.
fn and_dates(others: &[u32], dates: Option<&[String]>) -> (String, Vec<Value>) {
    let Some(dates) = dates else { return (String::new(), others.iter().map(Value::from).collect()) };
    let (of_dates, values) = on_dates(others, dates);
    (format!(" AND {of_dates}"), values)
}

/// Rows and volume of one row of a dimension, by date.
fn held(session: &mut Session, table: &str, dim: Dim, row: u32) -> Result<Vec<(String, u64, u64)>> {
    let id = dim.spec().id;
    let doing = format!("lecture de {table}");
    // Only rows of another dimension are read by dates.
    let dates = if dim == Dim::Zone { Vec::new() } else { schema::dates(session, table, None)? };
    let mut held = Vec::new();
    for dates in readings(dim, &dates) {
        let (of_dates, values) = and_dates(&[row], dates);
        let sql = format!(
            "SELECT CAST(a.date AS CHAR), COUNT(*), CAST(COALESCE(SUM(a.volume), 0) AS UNSIGNED) FROM {table} a \
             WHERE a.{id} = ?{of_dates} GROUP BY a.date ORDER BY a.date"
        );
        held.extend(session.rows::<(String, u64, u64)>(&doing, &sql, values)?);
    }
    Ok(held)
}

/// Of these dates, those on which the row that stays has facts too. A zone that changed its name has none, and nothing is compared then.
/// The index that begins with date and zone tells it; for another dimension, telling it would take as long as comparing.
fn shared(session: &mut Session, table: &str, dim: Dim, into: u32, dates: &[String]) -> Result<Vec<String>> {
    if dim != Dim::Zone {
        return Ok(dates.to_vec());
    }
    let id = dim.spec().id;
    let mut shared = Vec::new();
    for dates in dates.chunks(MANY_DATES) {
        let (of_dates, values) = on_dates(&[into], dates);
        let sql = format!("SELECT CAST(a.date AS CHAR) FROM {table} a WHERE a.{id} = ? AND {of_dates} GROUP BY a.date");
        shared.extend(session.rows::<String>(&format!("lecture de {table}"), &sql, values)?);
    }
    Ok(shared)
}

fn moves(session: &mut Session, table: &str, dataset: &Dataset, (from, into): (u32, u32), how: How) -> Result<Move> {
    let id = how.dim.spec().id;
    let doing = format!("lecture de {table}");
    let held = held(session, table, how.dim, from)?;
    let mut found = Move {
        table: table.to_owned(),
        rows: held.iter().map(|(_, rows, _)| rows).sum(),
        volume: held.iter().map(|(.., volume)| volume).sum(),
        conflicts: 0,
        identical: 0,
        examples: Vec::new(),
        dropped: 0,
        dates: held.into_iter().map(|(date, ..)| date).collect(),
        shared: HashSet::new(),
    };
    let shared = shared(session, table, how.dim, into, &found.dates)?;
    let rest: String = dataset
        .dims()
        .filter(|dim| *dim != how.dim)
        .map(|dim| format!(", ' {} ', a.{}", dim.spec().id, dim.spec().id))
        .collect();
    let mut examples: Vec<(u8, String)> = Vec::new();
    for dates in comparisons(how.dim, &shared) {
        let (of_dates, values) = and_dates(&[from, into], dates);
        let join = format!(
            "FROM {table} a STRAIGHT_JOIN {table} b ON {} WHERE a.{id} = ? AND b.{id} = ?{of_dates}",
            same_key(dataset, how.dim)
        );
        let sql = format!(
            "SELECT COUNT(*), CAST(COALESCE(SUM(a.volume = b.volume), 0) AS UNSIGNED), \
             CAST(COALESCE(SUM(a.volume), 0) AS UNSIGNED), CAST(COALESCE(SUM(b.volume), 0) AS UNSIGNED) {join}"
        );
        let (conflicts, identical, source, target) =
            session.first::<(u64, u64, u64, u64)>(&doing, &sql, values.clone())?.unwrap_or_default();
        found.conflicts += conflicts;
        found.identical += identical;
        found.dropped += match how.rule {
            Rule::Target => source,
            Rule::Source => target,
            Rule::Sum | Rule::Refuse => 0,
        };
        if conflicts > 0 {
            let sql = format!(
                "SELECT a.volume = b.volume, CONCAT(CAST(a.date AS CHAR){rest}, ' : ', a.volume, ' / ', b.volume) {join} \
                 ORDER BY a.volume = b.volume, a.date LIMIT {EXAMPLES}"
            );
            examples.extend(session.rows::<(u8, String)>(&doing, &sql, values)?);
        }
    }
    // Those that differ first; a stable sort leaves them by date.
    examples.sort_by_key(|(is_same, _)| *is_same);
    found.examples = examples.into_iter().take(EXAMPLES).map(|(_, text)| text).collect();
    found.shared = shared.into_iter().collect();
    Ok(found)
}

fn apply(database: &Database, merges: &[Merge], how: How, existing: &HashMap<String, Existing>) -> Result<()> {
    let spec = how.dim.spec();
    database.announce(spec.table, merges.iter().flat_map(|merge| &merge.tables).map(|found| found.rows).sum());
    database.transaction(|session| {
        for merge in merges {
            let pair = (merge.from.0, merge.into.0);
            for found in &merge.tables {
                let Some((_, dataset)) = fact_tables().find(|(table, _)| *table == found.table) else { continue };
                let Some(existing) = existing.get(&found.table) else { continue };
                move_facts(session, dataset, existing, pair, (found, how))?;
            }
            if how.dim == Dim::Zone && existing.contains_key(ownership::PROGRESS) {
                ownership::move_zone(session, pair.0, pair.1)?;
            }
            if let Some(table) = referring(how.dim, existing) {
                let sql = format!("UPDATE {table} SET {id} = ? WHERE {id} = ?", id = spec.id);
                session.exec(&format!("réunion dans {table}"), &sql, (pair.1, pair.0))?;
            }
            let sql = format!("DELETE FROM {} WHERE {} = ?", spec.table, spec.id);
            session.exec("suppression de la ligne réunie", &sql, (pair.0,))?;
        }
        Ok(())
    })
}

/// Rows and volume of a date.
pub(super) type Total = (i64, i64);
/// Rows and volume by date of rows that are made one.
pub(super) type Totals = BTreeMap<String, Total>;

/// The rows and the volume by date of the rows of a table that bear one of the numbers `ids` of a dimension, on the given dates or on all.
pub(super) fn totals(
    session: &mut Session,
    table: &str,
    id: &str,
    ids: &[u32],
    dates: Option<&[String]>,
) -> Result<Totals> {
    let (of_dates, values) = and_dates(&[], dates);
    let sql = format!(
        "SELECT CAST(a.date AS CHAR), CAST(COUNT(*) AS SIGNED), CAST(SUM(a.volume) AS SIGNED) FROM {table} a \
         WHERE a.{id} IN ({}){of_dates} GROUP BY a.date",
        list(ids)
    );
    let rows: Vec<(String, i64, i64)> = session.rows(&format!("volumes de {table}"), &sql, values)?;
    Ok(rows.into_iter().map(|(date, rows, volume)| (date, (rows, volume))).collect())
}

/// Takes from the expected rows and volumes what goes.
pub(super) fn take_off(expected: &mut Totals, gone: Vec<(String, i64, i64)>) {
    for (date, rows, volume) in gone {
        let total = expected.entry(date).or_default();
        *total = (total.0 - rows, total.1 - volume);
    }
}

/// Moves the facts of a table, some dates at a time, and proves rows and volumes of each reading.
fn move_facts(
    session: &mut Session,
    dataset: &Dataset,
    existing: &Existing,
    pair: (u32, u32),
    (found, how): (&Move, How),
) -> Result<()> {
    // When a row was last changed tells a definitive row from a provisional one in older databases: it stays.
    let dated = existing.has("updated_at");
    let (table, id) = (found.table.as_str(), how.dim.spec().id);
    let when = if dated { ", a.updated_at = a.updated_at" } else { "" };
    for reading in readings(how.dim, &found.dates) {
        let mut expected = totals(session, table, id, &[pair.0, pair.1], reading)?;
        // Other dates than those of the row that goes cannot change.
        for dates in reading.unwrap_or(&found.dates).chunks(MANY_DATES) {
            crate::signals::check()?;
            let shared: Vec<&String> = dates.iter().filter(|date| found.shared.contains(*date)).collect();
            if !shared.is_empty() && how.rule != Rule::Refuse {
                settle(session, (dataset, dated), pair, (table, how), (&shared, &mut expected))?;
            }
            let (of_dates, values) = on_dates(&[pair.1, pair.0], dates);
            let sql = format!("UPDATE {table} a SET a.{id} = ?{when} WHERE a.{id} = ? AND {of_dates}");
            session.exec(&format!("réunion dans {table}"), &sql, values)?;
        }
        // All of them are where they belong, so that none is left where they were: there the server would look at each that is gone.
        prove(&expected, &totals(session, table, id, &[pair.1], reading)?, table)?;
    }
    if how.dim == Dim::Zone {
        return Ok(());
    }
    // What came on another date since the plan was not read above.
    let left = format!("SELECT 1 FROM {table} WHERE {id} = ? LIMIT 1");
    if session.first::<u8>(&format!("lecture de {table}"), &left, (pair.0,))?.is_none() {
        return Ok(());
    }
    Err(Error::Invariant(format!("{table} : des lignes de celle qui part sont restées")))
}

/// Makes one row of two that bear one key. What goes is taken from what is expected.
fn settle(
    session: &mut Session,
    (dataset, dated): (&Dataset, bool),
    (from, into): (u32, u32),
    (table, how): (&str, How),
    (dates, expected): (&[&String], &mut Totals),
) -> Result<()> {
    let when = if dated { ", b.updated_at = b.updated_at" } else { "" };
    let id = how.dim.spec().id;
    let doing = format!("réunion dans {table}");
    let (of_dates, values) = on_dates(&[], dates);
    // a: the row that goes, b: the one that stays.
    let both = format!(
        "{table} a STRAIGHT_JOIN {table} b ON {} AND a.{id} = {from} AND b.{id} = {into}",
        same_key(dataset, how.dim)
    );
    let (side, dropped) = match how.rule {
        Rule::Target => ("a", "a.volume"),
        Rule::Source => ("b", "b.volume"),
        Rule::Sum | Rule::Refuse => ("a", "0"),
    };
    let sql = format!(
        "SELECT CAST(a.date AS CHAR), CAST(COUNT(*) AS SIGNED), CAST(SUM({dropped}) AS SIGNED) FROM {both} WHERE {of_dates} GROUP BY a.date"
    );
    take_off(expected, session.rows(&doing, &sql, values.clone())?);
    if how.rule == Rule::Sum {
        // A sum of which one part is provisional is provisional.
        let sql = format!(
            "UPDATE {both} SET b.volume = b.volume + a.volume, \
             b.is_provisional = GREATEST(a.is_provisional, b.is_provisional){when} WHERE {of_dates}"
        );
        session.exec(&doing, &sql, values.clone())?;
    }
    session.exec(&doing, &format!("DELETE {side} FROM {both} WHERE {of_dates}"), values)?;
    Ok(())
}

/// # Errors
/// [`Error::Invariant`] where rows or volume of a date are not the expected ones.
pub(super) fn prove(expected: &Totals, found: &Totals, table: &str) -> Result<()> {
    let total = |totals: &Totals, date: &str| totals.get(date).copied().unwrap_or_default();
    let dates: BTreeSet<&String> = expected.keys().chain(found.keys()).collect();
    let wrong: Vec<String> =
        dates.into_iter().filter_map(|date| difference(date, total(expected, date), total(found, date))).collect();
    if wrong.is_empty() {
        return Ok(());
    }
    Err(Error::Invariant(format!("{table} : lignes ou volume changent à ces dates : {}", some_of(&wrong, 3))))
}

/// What a date holds instead of what is expected.
fn difference(date: &str, expected: Total, found: Total) -> Option<String> {
    if expected.1 != found.1 {
        return Some(format!("{date} : {} au lieu de {}", found.1, expected.1));
    }
    let rows = |rows: i64| plural(rows.unsigned_abs(), "ligne", "lignes");
    (expected.0 != found.0).then(|| format!("{date} : {} au lieu de {}", rows(found.0), expected.0))
}

/// Keys whose volumes differ, as examples of one table.
pub(super) fn list_examples(page: &mut Page, table: &str, what: &str, examples: &[String]) {
    if !examples.is_empty() {
        page.line(format!("  {table} ({what}) :"));
        for example in examples {
            page.line(format!("    {example}"));
        }
    }
}

/// How a report of rows made one ends: with what stands in the way, or with `line` and the way on from a plan.
pub(super) fn conclude(page: &mut Page, findings: &[Finding], line: &str, planned: bool) {
    if !findings.is_empty() {
        render_findings(page, findings, "");
        return;
    }
    page.gap();
    page.conclude(Verdict::Ok, line);
    if planned {
        page.confirm(Some("sauvegardez avec `backup-critical --all`"));
    }
}

impl Report for MergeReport {
    fn render(&self, page: &mut Page) {
        for merge in &self.merges {
            page.title(&format!("{} (id {}) → {} (id {})", merge.from.1, merge.from.0, merge.into.1, merge.into.0));
            let dropped = self.done.say(">volume écarté", ">volume à écarter");
            let mut table =
                Table::new(&["table", ">lignes", ">volume", ">clés des deux côtés", ">identiques", dropped]);
            for found in &merge.tables {
                table.row([
                    found.table.clone(),
                    number(found.rows),
                    number(found.volume),
                    number(found.conflicts),
                    number(found.identical),
                    number(found.dropped),
                ]);
            }
            if table.is_empty() {
                page.line("  aucune ligne de faits : seule la ligne de la dimension disparaît");
            } else {
                page.table(&table);
            }
            for found in &merge.tables {
                list_examples(page, &found.table, "volume qui part / qui reste", &found.examples);
            }
        }
        let nothing = self.merges.is_empty();
        let line = if let Some(number) = self.unused {
            format!("rien ne porte le numéro {number} : rien à réunir")
        } else if nothing && self.dimension == Dim::Zone.spec().table {
            "aucune zone n'est en plusieurs lignes".to_owned()
        } else if nothing {
            "rien n'est en plusieurs lignes".to_owned()
        } else if self.applied {
            "réunies ; par table et par date, le volume est prouvé égal".to_owned()
        } else {
            self.done.count(self.merges.len() as u64, ["paire", "paires"], ["réunie", "réunies"])
        };
        conclude(page, &self.findings, &line, !nothing && !self.applied);
    }

    fn verdict(&self) -> Verdict {
        crate::report::verdict(&self.findings)
    }

    fn done(&self) -> Done {
        self.done
    }
}
