//! `merge-zones`: two zone rows of one group made one. The facts of all tables move in one transaction; per table and date the total
//! volume is proved equal before and after, less what an explicit rule drops; else everything is rolled back.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::db::{Database, Session, quote};
use crate::domain::catalogue::{self, DATASETS, Dataset, Dim, Space};
use crate::domain::names::{fold, normalise};
use crate::error::{Error, Result};
use crate::figures::zone::{Zone, Zones};
use crate::report::{Code, Done, Finding, Page, Report, Table, Verdict, number, plural};
use crate::report::{render_findings, some_of};

/// Offending keys listed per table.
const EXAMPLES: usize = 5;

/// What becomes of a key that exists on both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
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

impl std::str::FromStr for Rule {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text {
            "refuse" => Ok(Rule::Refuse),
            "sum" => Ok(Rule::Sum),
            "target" => Ok(Rule::Target),
            "source" => Ok(Rule::Source),
            _ => Err("choix : refuse, sum, target, source".into()),
        }
    }
}

/// Which zones to merge, and by which rule.
#[derive(Debug, Clone)]
pub struct MergeOptions {
    /// Zone that goes and zone that stays; all split groups of the reference when `None`.
    pub pair: Option<(String, String)>,
    /// What becomes of keys that exist on both sides.
    pub rule: Rule,
    /// Merges zones that the reference does not hold for the same.
    pub any_pair: bool,
    /// Only show the plan.
    pub dry_run: bool,
}

/// What moves in one table.
#[derive(Debug, Clone, Serialize)]
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
}

/// One pair of zones.
#[derive(Debug, Serialize)]
struct Merge {
    /// Zone that goes: id, name.
    from: Row,
    /// Zone that stays: id, name.
    into: Row,
    tables: Vec<Move>,
}

#[derive(Debug, Serialize)]
struct MergeReport {
    #[serde(rename = "dry_run")]
    done: Done,
    applied: bool,
    rule: Rule,
    merges: Vec<Merge>,
    findings: Vec<Finding>,
}

/// Plans the merge and, unless [`MergeOptions::dry_run`], does it.
///
/// # Errors
/// [`Error::Usage`] for zones that are not there or not the same; [`Error::Invariant`] when volumes do not add up, nothing written.
pub fn merge(database: &Database, options: &MergeOptions) -> Result<impl Report + use<>> {
    let mut lock = if options.dry_run { None } else { Some(crate::ledger::lock(database)?) };
    let mut session = database.session()?;
    let pairs = pairs(&mut session, options)?;
    let mut findings = foreign_tables(&mut session, &pairs)?;
    let merges = plan(database, &mut session, &pairs, options.rule)?;
    drop(session);
    for merge in &merges {
        let conflicts: u64 = merge.tables.iter().map(|table| table.conflicts).sum();
        if conflicts > 0 && options.rule == Rule::Refuse {
            findings.push(
                Finding::attention(
                    Code::MergeBlocked,
                    format!("{} → {}", merge.from.1, merge.into.1),
                    format!(
                        "{} existent des deux côtés : rien n'est réuni sans règle",
                        plural(conflicts, "clé", "clés")
                    ),
                )
                .action("choisissez --on-conflict sum (ajouter), target (garder la zone qui reste) ou source"),
            );
        }
    }
    let applied = !options.dry_run && findings.is_empty() && !merges.is_empty();
    if applied {
        apply(database, &merges, options.rule, || lock.as_mut().map_or(Ok(()), |lock| lock.ensure(database)))?;
    }
    Ok(MergeReport { done: Done::unless(options.dry_run), applied, rule: options.rule, merges, findings })
}

/// Id and name of a stored zone.
type Row = (u32, String);
/// The one that goes and the one that stays.
type Pair = (Row, Row);

/// The rows to merge: those named, or every further member of each split group into the preferred one.
fn pairs(session: &mut Session, options: &MergeOptions) -> Result<Vec<Pair>> {
    let zones = Zones::load(session)?;
    if let Some((from, into)) = &options.pair {
        let pair = (stored(&zones, from)?, stored(&zones, into)?);
        allowed(&zones, &pair, options.any_pair)?;
        return Ok(vec![pair]);
    }
    let of_group = |mut group: Zone| {
        let into = group.rows.remove(0);
        group.rows.into_iter().map(move |from| (from, into.clone()))
    };
    Ok(zones.groups().into_iter().flat_map(of_group).collect())
}

/// The row that bears exactly this name: here an equivalent is another row.
fn stored(zones: &Zones, name: &str) -> Result<Row> {
    let wanted = normalise(Dim::Zone, name);
    let exact = zones.rows().iter().find(|row| normalise(Dim::Zone, &row.name) == wanted);
    exact.and_then(|row| Some((row.id?, row.name.clone()))).ok_or_else(|| zones.unknown(name).into())
}

/// Two different rows that are one zone, unless any may be merged.
fn allowed(zones: &Zones, (from, into): &Pair, any_pair: bool) -> Result<()> {
    if from.0 == into.0 {
        return Err(Error::Usage("--from et --into désignent la même zone".into()));
    }
    let same_spelling = fold(&normalise(Dim::Zone, &from.1)) == fold(&normalise(Dim::Zone, &into.1));
    let has_both = |group: &Zone| [from, into].iter().all(|row| group.rows.contains(row));
    if any_pair || same_spelling || zones.groups().iter().any(has_both) {
        return Ok(());
    }
    Err(Error::Usage(format!(
        "{} et {} ne sont pas équivalentes dans la référence (--any-pair pour les réunir quand même)",
        from.1, into.1
    )))
}

/// Tables beside the catalogue's that hold rows of a zone that goes: they would be left behind.
fn foreign_tables(session: &mut Session, pairs: &[Pair]) -> Result<Vec<Finding>> {
    let known: Vec<String> = fact_tables().map(|(table, _)| table).collect();
    let names: Vec<String> = session.rows(
        "tables qui portent id_zone",
        "SELECT c.table_name AS t FROM information_schema.columns c JOIN information_schema.tables t \
         ON t.table_schema = c.table_schema AND t.table_name = c.table_name \
         WHERE c.table_schema = DATABASE() AND c.column_name = 'id_zone' AND t.table_type = 'BASE TABLE' \
         ORDER BY c.table_name",
        (),
    )?;
    let mut findings = Vec::new();
    for table in names.iter().filter(|name| !known.contains(name) && *name != Dim::Zone.spec().table) {
        for (from, _) in pairs {
            let sql = format!("SELECT COUNT(*) FROM {} WHERE id_zone = ?", quote(table));
            let rows: u64 = session.first(&format!("lecture de {table}"), &sql, (from.0,))?.unwrap_or(0);
            if rows > 0 {
                findings.push(
                    Finding::attention(
                        Code::MergeBlocked,
                        table.as_str(),
                        format!(
                            "{} de la zone {}, mais la table n'est pas de celles que les outils connaissent",
                            plural(rows, "ligne", "lignes"),
                            from.1
                        ),
                    )
                    .action("déplacez ou supprimez ces lignes vous-même, puis relancez"),
                );
            }
        }
    }
    Ok(findings)
}

/// Every fact table of the catalogue, test tables included: the dimension is shared.
fn fact_tables() -> impl Iterator<Item = (String, &'static Dataset)> {
    [Space::Production, Space::Test].into_iter().flat_map(|space| {
        let mains = DATASETS.iter().map(move |dataset| (dataset.main_table(space), dataset));
        mains.chain(catalogue::weekly().map(move |dataset| (dataset.temp_table(space), dataset)))
    })
}

/// `a.date = b.date AND …` over the natural key without the zone.
fn same_key(dataset: &Dataset) -> String {
    let columns = dataset.key().into_iter().filter(|column| *column != "id_zone");
    columns.map(|column| format!("a.{column} = b.{column}")).collect::<Vec<_>>().join(" AND ")
}

fn plan(database: &Database, session: &mut Session, pairs: &[Pair], rule: Rule) -> Result<Vec<Merge>> {
    let existing = database.tables(session)?;
    let mut merges = Vec::new();
    for (from, into) in pairs {
        let mut tables = Vec::new();
        for (table, dataset) in fact_tables().filter(|(table, _)| existing.contains(table)) {
            let found = moves(session, &table, dataset, (from.0, into.0), rule)?;
            if found.rows > 0 {
                tables.push(found);
            }
        }
        merges.push(Merge { from: from.clone(), into: into.clone(), tables });
    }
    Ok(merges)
}

fn moves(session: &mut Session, table: &str, dataset: &Dataset, (from, into): (u32, u32), rule: Rule) -> Result<Move> {
    let doing = format!("lecture de {table}");
    let sql = format!("SELECT COUNT(*), CAST(COALESCE(SUM(volume), 0) AS UNSIGNED) FROM {table} WHERE id_zone = ?");
    let (rows, volume) = session.first::<(u64, u64)>(&doing, &sql, (from,))?.unwrap_or_default();
    let mut found =
        Move { table: table.to_owned(), rows, volume, conflicts: 0, identical: 0, examples: Vec::new(), dropped: 0 };
    if rows == 0 {
        return Ok(found);
    }
    let join = format!("FROM {table} a JOIN {table} b ON {} WHERE a.id_zone = ? AND b.id_zone = ?", same_key(dataset));
    let sql = format!(
        "SELECT COUNT(*), CAST(COALESCE(SUM(a.volume = b.volume), 0) AS UNSIGNED), \
         CAST(COALESCE(SUM(a.volume), 0) AS UNSIGNED), CAST(COALESCE(SUM(b.volume), 0) AS UNSIGNED) {join}"
    );
    let (conflicts, identical, source, target) =
        session.first::<(u64, u64, u64, u64)>(&doing, &sql, (from, into))?.unwrap_or_default();
    found.conflicts = conflicts;
    found.identical = identical;
    found.dropped = match rule {
        Rule::Target => source,
        Rule::Source => target,
        Rule::Sum | Rule::Refuse => 0,
    };
    if conflicts > 0 {
        let rest: String = dataset
            .dims()
            .filter(|dim| *dim != Dim::Zone)
            .map(|dim| format!(", ' {} ', a.{}", dim.spec().id, dim.spec().id))
            .collect();
        let sql = format!(
            "SELECT CONCAT(CAST(a.date AS CHAR){rest}, ' : ', a.volume, ' / ', b.volume) {join} \
             ORDER BY a.volume = b.volume, a.date LIMIT {EXAMPLES}"
        );
        found.examples = session.rows(&doing, &sql, (from, into))?;
    }
    Ok(found)
}

fn apply(database: &Database, merges: &[Merge], rule: Rule, mut still_ours: impl FnMut() -> Result<()>) -> Result<()> {
    database.transaction(|session| {
        for merge in merges {
            let pair = (merge.from.0, merge.into.0);
            for found in &merge.tables {
                let Some((_, dataset)) = fact_tables().find(|(table, _)| *table == found.table) else { continue };
                move_facts(session, &found.table, dataset, pair, rule)?;
            }
            let spec = Dim::Zone.spec();
            let sql = format!("DELETE FROM {} WHERE {} = ?", spec.table, spec.id);
            session.exec("suppression de la zone réunie", &sql, (pair.0,))?;
        }
        still_ours()
    })
}

/// Volume by date of both zones together.
type Totals = BTreeMap<String, u64>;

fn totals(session: &mut Session, table: &str, pair: (u32, u32)) -> Result<Totals> {
    let sql = format!(
        "SELECT CAST(date AS CHAR), CAST(SUM(volume) AS UNSIGNED) FROM {table} WHERE id_zone IN (?, ?) GROUP BY date"
    );
    let rows: Vec<(String, u64)> = session.rows(&format!("volumes de {table}"), &sql, pair)?;
    Ok(rows.into_iter().collect())
}

fn move_facts(session: &mut Session, table: &str, dataset: &Dataset, pair: (u32, u32), rule: Rule) -> Result<()> {
    let (from, into) = pair;
    let doing = format!("réunion dans {table}");
    let mut expected = totals(session, table, pair)?;
    let key = same_key(dataset);
    let both = format!("{key} AND a.id_zone = {from} AND b.id_zone = {into}");
    // a: the zone that goes, b: the one that stays.
    let dropped = match rule {
        Rule::Target => Some("a"),
        Rule::Source => Some("b"),
        Rule::Sum | Rule::Refuse => None,
    };
    if let Some(side) = dropped {
        let sql = format!(
            "SELECT CAST(a.date AS CHAR), CAST(SUM({side}.volume) AS UNSIGNED) FROM {table} a JOIN {table} b ON {both} \
             GROUP BY a.date"
        );
        let rows: Vec<(String, u64)> = session.rows(&doing, &sql, ())?;
        for (date, volume) in rows {
            let total = expected.entry(date).or_default();
            *total = total.saturating_sub(volume);
        }
        let sql = format!("DELETE {side} FROM {table} a JOIN {table} b ON {both}");
        session.exec(&doing, &sql, ())?;
    } else if rule == Rule::Sum {
        // A sum of which one part is provisional is provisional.
        let sql = format!(
            "UPDATE {table} a JOIN {table} b ON {both} SET b.volume = b.volume + a.volume, \
             b.is_provisional = GREATEST(a.is_provisional, b.is_provisional)"
        );
        session.exec(&doing, &sql, ())?;
        session.exec(&doing, &format!("DELETE a FROM {table} a JOIN {table} b ON {both}"), ())?;
    }
    session.exec(&doing, &format!("UPDATE {table} SET id_zone = ? WHERE id_zone = ?"), (into, from))?;
    prove(&expected, &totals(session, table, pair)?, table)?;
    let left: Option<u8> =
        session.first(&doing, &format!("SELECT 1 FROM {table} WHERE id_zone = ? LIMIT 1"), (from,))?;
    match left {
        None => Ok(()),
        Some(_) => Err(Error::Invariant(format!("{table} : des lignes de la zone réunie sont restées"))),
    }
}

fn prove(expected: &Totals, found: &Totals, table: &str) -> Result<()> {
    let total = |totals: &Totals, date: &str| totals.get(date).copied().unwrap_or(0);
    let wrong: Vec<String> = expected
        .keys()
        .chain(found.keys())
        .filter(|date| total(expected, date) != total(found, date))
        .map(|date| format!("{date} : {} au lieu de {}", total(found, date), total(expected, date)))
        .collect();
    if wrong.is_empty() {
        return Ok(());
    }
    Err(Error::Invariant(format!("{table} : le volume change à ces dates : {}", some_of(&wrong, 3))))
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
            for found in merge.tables.iter().filter(|found| !found.examples.is_empty()) {
                page.line(format!("  {} (volume qui part / qui reste) :", found.table));
                for example in &found.examples {
                    page.line(format!("    {example}"));
                }
            }
        }
        if !self.findings.is_empty() {
            render_findings(page, &self.findings, "");
            return;
        }
        page.gap();
        if self.merges.is_empty() {
            page.verdict(Verdict::Ok, "aucune zone n'est en plusieurs lignes");
        } else if self.applied {
            page.verdict(Verdict::Ok, "réunies ; par table et par date, le volume est prouvé égal");
        } else {
            let pairs = self.merges.len() as u64;
            page.verdict(Verdict::Ok, self.done.count(pairs, ["paire", "paires"], ["réunie", "réunies"]));
            page.confirm(Some("sauvegardez avec `backup-critical --all`"));
        }
    }

    fn verdict(&self) -> Verdict {
        crate::report::verdict(&self.findings)
    }

    fn done(&self) -> Done {
        self.done
    }
}
