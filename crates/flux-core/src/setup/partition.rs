//! `ensure-schema --partition-by-year`: the main tables divided by the year of their dates. The server copies each table in one
//! statement, which is done or not; whoever writes waits meanwhile, whoever reads does not.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use chrono::Datelike;
use schemars::JsonSchema;
use serde::Serialize;

use crate::db::{Database, Session, quote};
use crate::domain::catalogue::{DATASETS, Space};
use crate::domain::values::today;
use crate::error::{Error, Result};
use crate::ledger::Lock;
use crate::progress::Progress;
use crate::report::{Code, Done, Finding, Page, Report, Table, Verdict, bytes, duration, number};
use crate::schema::partitions::{self, Division};
use crate::schema::{self, Change, Existing, IS_TABLE, TableSpec, UnsafeEngine};
use crate::setup::{Preset, SetupOptions, SetupReport};
use crate::signals;

/// The first year that gets a partition of its own, whatever dates there are.
const FIRST: i32 = 2000;

/// Bytes that a server copies in a second with all its indexes, for the order of the time that it takes: 4 MiB where two processors were
/// asked for twenty times what they have, some times as many on a machine of its own.
const RATE: u64 = 10 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum State {
    /// Partitioned, or given further years; on a dry run: would be.
    Partitioned,
    /// Every year has its partition already.
    Unchanged,
    /// Left as it is, see the findings.
    Refused,
    Failed,
}

#[derive(Debug, Serialize, JsonSchema)]
struct PartitionedTable {
    table: String,
    state: State,
    /// Years that get a partition of their own.
    years: Vec<i32>,
    /// As the server estimates, and what it copies.
    rows: u64,
    bytes: u64,
    /// What it takes, about.
    expected_s: u64,
    ddl: Vec<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct PartitionReport {
    #[serde(rename = "dry_run")]
    done: Done,
    partitioned: Vec<PartitionedTable>,
    /// Whether all nodes of a group wait meanwhile.
    #[serde(skip)]
    clustered: bool,
    findings: Vec<Finding>,
}

/// What the server says of its tables, read once.
struct Seen {
    existing: HashMap<String, Existing>,
    divisions: HashMap<String, Division>,
    unsafe_engines: Vec<UnsafeEngine>,
    /// Rows and bytes.
    sizes: HashMap<String, (u64, u64)>,
    /// Foreign keys of a table and to it.
    foreign_keys: HashMap<String, Vec<String>>,
}

/// Partitions the main tables by year, and gives those that are the years which they lack.
///
/// # Errors
/// Those of the connection and the lock; what concerns one table is in the report.
pub(super) fn partition(database: &Database, options: SetupOptions, progress: &Progress) -> Result<PartitionReport> {
    let wanted: Vec<TableSpec> = main_tables(options.preset, options.space);
    if wanted.is_empty() {
        return Err(Error::Usage("ce --preset n'a aucune table principale : all, facts, sejours ou lieu".into()));
    }
    let lock = if options.dry_run { None } else { Some(crate::ledger::lock(database)?) };
    let mut session = database.session()?;
    let seen = Seen::read(database, &mut session)?;
    let mut report = PartitionReport {
        done: Done::unless(options.dry_run),
        partitioned: Vec::new(),
        clustered: database.is_clustered(),
        findings: Vec::new(),
    };
    for spec in wanted {
        signals::check()?;
        let mut table = match seen.plan(&mut session, &spec)? {
            Ok(table) => table,
            Err(finding) => {
                report.findings.push(finding);
                PartitionedTable { state: State::Refused, ..seen.table(&spec.name) }
            }
        };
        if let (Some(lock), State::Partitioned) = (&lock, table.state) {
            let bar = progress.step(&table.table);
            let done = carry_out((database, lock), &mut session, (&spec, &table));
            bar.finish_and_clear();
            match done {
                Ok(()) => {}
                Err(Error::Interrupted) => return Err(Error::Interrupted),
                Err(error) if error.is_locked_out() => return Err(error),
                Err(error) => {
                    table.state = State::Failed;
                    report.findings.push(error.finding(&table.table));
                }
            }
        }
        report.partitioned.push(table);
    }
    Ok(report)
}

fn carry_out(
    (database, lock): (&Database, &Lock),
    session: &mut Session,
    (spec, table): (&TableSpec, &PartitionedTable),
) -> Result<()> {
    let doing = format!("partition de {}", table.table);
    for ddl in &table.ddl {
        lock.ensure()?;
        session.restructure(
            |session| Ok(!Seen::read(database, session)?.plan(session, spec)?.is_ok_and(|left| left.ddl.contains(ddl))),
            |session| session.exec(&doing, ddl, ()).map(|_| ()),
        )?;
    }
    Ok(())
}

/// The main tables of a preset.
fn main_tables(preset: Preset, space: Space) -> Vec<TableSpec> {
    let is_main = |spec: &TableSpec| DATASETS.iter().any(|dataset| dataset.main_table(space) == spec.name);
    super::tables(preset, space).into_iter().filter(is_main).collect()
}

/// This year and the next: a table is never without a partition for the dates that come.
fn coming() -> RangeInclusive<i32> {
    let year = today().year();
    year..=year + 1
}

/// Gives the tables that are partitioned by us the years that have come since: the partition of all that comes is split, which copies
/// what it holds, nothing as a rule.
pub(super) fn extend(session: &mut Session, options: (Preset, Space), report: &mut SetupReport) -> Result<()> {
    let divisions = partitions::divisions(session)?;
    for spec in main_tables(options.0, options.1) {
        let Some(division) = divisions.get(&spec.name).filter(|division| division.is_ours()) else { continue };
        for (ddl, years) in division.extensions(&spec.name, &coming()) {
            signals::check()?;
            let is_done = |session: &mut Session| {
                let now = partitions::divisions(session)?;
                Ok(now
                    .get(&spec.name)
                    .is_some_and(|now| now.extensions(&spec.name, &coming()).iter().all(|(left, _)| *left != ddl)))
            };
            let doing = format!("partition de {}", spec.name);
            if report.done.really()
                && let Err(error) = session.restructure(is_done, |session| session.exec(&doing, &ddl, ()).map(|_| ()))
            {
                if matches!(error, Error::Interrupted) {
                    return Err(error);
                }
                report.failures.push(format!("{} : {error}", spec.name));
                continue;
            }
            let years: Vec<String> = years.iter().map(i32::to_string).collect();
            let what = format!("ajout : partition {}", years.join(", "));
            report.changes.push(Change::plain(spec.name.clone(), what, ddl));
        }
    }
    Ok(())
}

impl Seen {
    fn read(database: &Database, session: &mut Session) -> Result<Self> {
        schema::fresh_sizes(database, session)?;
        let sql = format!(
            "SELECT table_name, COALESCE(table_rows, 0), COALESCE(data_length, 0) + COALESCE(index_length, 0) \
             FROM information_schema.tables WHERE table_schema = DATABASE() AND {IS_TABLE}"
        );
        let sizes: Vec<(String, u64, u64)> = session.rows("taille des tables", &sql, ())?;
        let sql = "SELECT table_name, constraint_name FROM information_schema.key_column_usage \
                   WHERE table_schema = DATABASE() AND referenced_table_name IS NOT NULL \
                   UNION SELECT referenced_table_name, CONCAT(constraint_name, ' (', table_name, ')') \
                   FROM information_schema.key_column_usage WHERE referenced_table_schema = DATABASE() ORDER BY 1, 2";
        let keys: Vec<(String, String)> = session.rows("clés étrangères", sql, ())?;
        let mut foreign_keys: HashMap<String, Vec<String>> = HashMap::new();
        for (table, name) in keys {
            foreign_keys.entry(table).or_default().push(name);
        }
        Ok(Self {
            existing: schema::existing(session)?,
            divisions: partitions::divisions(session)?,
            unsafe_engines: schema::unsafe_engines(session)?,
            sizes: sizes.into_iter().map(|(table, rows, bytes)| (table, (rows, bytes))).collect(),
            foreign_keys,
        })
    }

    /// A table as it is.
    fn table(&self, name: &str) -> PartitionedTable {
        let (rows, bytes) = self.sizes.get(name).copied().unwrap_or_default();
        let state = State::Unchanged;
        PartitionedTable {
            table: name.to_owned(),
            state,
            years: Vec::new(),
            rows,
            bytes,
            expected_s: 0,
            ddl: Vec::new(),
        }
    }

    /// What is to be done to a table, or why it stays as it is.
    fn plan(&self, session: &mut Session, spec: &TableSpec) -> Result<std::result::Result<PartitionedTable, Finding>> {
        let name = spec.name.as_str();
        let Some(existing) = self.existing.get(name) else {
            let finding = Finding::attention(Code::TableMissing, name, "la table n'existe pas");
            return Ok(Err(finding.action("lancez d'abord `ensure-schema`")));
        };
        if let Some(finding) = self.obstacle(name, existing) {
            return Ok(Err(finding));
        }
        let span = schema::span(session, &format!("dates de {name}"), name)?;
        let year = |date: &str| date.get(..4).and_then(|year| year.parse::<i32>().ok());
        let first = span.and_then(|(first, _)| year(&first)).unwrap_or(*coming().start());
        let years = first.clamp(FIRST, *coming().start())..=*coming().end();
        let mut table = self.table(name);
        match self.divisions.get(name) {
            None => {
                let key = match existing.indexes.get("PRIMARY") {
                    Some((_, columns)) if columns.as_slice() == ["id"] => {
                        "\n  DROP PRIMARY KEY, ADD PRIMARY KEY (id, date)\n"
                    }
                    _ => "\n",
                };
                table.ddl.push(format!("ALTER TABLE {name}{key}{}", partitions::by_years(years.clone())));
                table.years = years.collect();
                table.expected_s = table.bytes / RATE;
            }
            Some(division) => {
                for (ddl, years) in division.extensions(name, &years) {
                    table.ddl.push(ddl);
                    table.years.extend(years);
                }
                table.years.sort_unstable();
            }
        }
        if !table.ddl.is_empty() {
            table.state = State::Partitioned;
        }
        Ok(Ok(table))
    }

    /// What the servers do not allow of a partitioned table, and what its owner has done otherwise.
    fn obstacle(&self, name: &str, existing: &Existing) -> Option<Finding> {
        let refused = |message: String| Finding::attention(Code::PartitionRefused, name, message);
        if let Some(Division::Other { way, .. }) = self.divisions.get(name) {
            let message = format!("la table est déjà partitionnée, autrement : {way}");
            return Some(refused(message).action("laissez-la ainsi ; `cleanup-year` y supprime ligne à ligne"));
        }
        if let Some(found) = self.unsafe_engines.iter().find(|found| found.table == name) {
            let finding = refused(format!("le moteur {} ne connaît pas les transactions", found.engine));
            return Some(found.mend().into_iter().fold(finding, Finding::action));
        }
        if let Some(keys) = self.foreign_keys.get(name) {
            let message =
                format!("une table partitionnée n'a pas de clé étrangère et n'en reçoit pas : {}", keys.join(", "));
            let action =
                "retirez ces clés (ALTER TABLE … DROP FOREIGN KEY) si rien ne s'y fie, ou laissez la table entière";
            return Some(refused(message).action(action));
        }
        let date = existing.shapes.get("date").filter(|shape| !shape.nullable);
        if !date.is_some_and(|shape| ["date", "datetime"].contains(&shape.data_type.as_str())) {
            let message = "sa colonne date manque, accepte NULL ou n'est pas une date".to_owned();
            return Some(refused(message).action("lancez `ensure-schema`, qui dit ce qui s'y oppose"));
        }
        let lacks_date = |(index, (unique, columns)): &(&String, &(bool, Vec<String>))| {
            *unique
                && !columns.iter().any(|column| column == "date")
                && !(*index == "PRIMARY" && columns.as_slice() == ["id"])
        };
        let (index, (_, columns)) = existing.indexes.iter().filter(lacks_date).min_by_key(|(index, _)| *index)?;
        let message = format!(
            "la clé unique {index} ({}) ne contient pas date, ce que demande une table partitionnée par année",
            columns.join(", ")
        );
        let action = format!("si rien ne s'y fie : ALTER TABLE {name} DROP INDEX {}, puis relancez", quote(index));
        Some(refused(message).action(action))
    }
}

impl Report for PartitionReport {
    fn render(&self, page: &mut Page) {
        let mut shown = Table::new(&["table", "état", ">?lignes, environ", ">taille", "années"]);
        for table in &self.partitioned {
            let state = match table.state {
                State::Partitioned => self.done.say("✓ partitionnée", "✓ à partitionner"),
                State::Unchanged => "✓ l'est déjà",
                State::Refused => "⚠ laissée",
                State::Failed => "✗ échec",
            };
            let years = match (table.years.first(), table.years.last()) {
                (Some(first), Some(last)) if first != last => format!("{first} → {last}"),
                (Some(year), _) => year.to_string(),
                _ => "–".into(),
            };
            shown.row([table.table.clone(), state.into(), number(table.rows), bytes(table.bytes), years]);
        }
        page.table(&shown);
        page.gap();
        self.findings.iter().for_each(|finding| page.finding(finding));
        let todo: Vec<&PartitionedTable> =
            self.partitioned.iter().filter(|table| table.state == State::Partitioned).collect();
        let count = todo.len() as u64;
        if count == 0 && self.findings.is_empty() {
            page.conclude(Verdict::Ok, "chaque année a sa partition dans toutes les tables principales");
            return;
        }
        let tables = self.done.count(count, ["table", "tables"], ["partitionnée par année", "partitionnées par année"]);
        page.conclude(self.verdict(), tables);
        if self.done.really() || count == 0 {
            return;
        }
        let size: u64 = todo.iter().filter(|table| table.expected_s > 0).map(|table| table.bytes).sum();
        let largest = todo.iter().map(|table| table.bytes).max().unwrap_or(0);
        let seconds: u64 = todo.iter().map(|table| table.expected_s).sum();
        page.line(format!(
            "  {} à recopier, environ {} en tout ; il faut {} de libre sur le disque du serveur",
            bytes(size),
            duration(seconds as f64),
            bytes(largest)
        ));
        let who = if self.clustered {
            "tout le groupe de serveurs attend"
        } else {
            "ce qui écrit attend, les lectures continuent"
        };
        page.line(format!("  pendant la recopie d'une table, {who}"));
        page.confirm(Some("sauvegardez avec `backup-critical --all`"));
    }

    fn verdict(&self) -> Verdict {
        let failed = self.partitioned.iter().any(|table| table.state == State::Failed);
        if failed { Verdict::Error } else { crate::report::verdict(&self.findings) }
    }

    fn done(&self) -> Done {
        self.done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_main_tables_are_21_and_a_preset_has_its_own() {
        let count = |preset| main_tables(preset, Space::Production).len();
        assert_eq!([Preset::All, Preset::Facts, Preset::Sejours, Preset::Lieu].map(count), [21, 6, 3, 12]);
        assert_eq!([Preset::Dims, Preset::Temp].map(count), [0, 0]);
    }
}
