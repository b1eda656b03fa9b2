//! `ensure-schema`: creates what the database lacks and seeds the dimensions with the reference data. Safe to rerun.
//!
//! The plan is tried against the rows: what they do not allow is told with its mend, and stops neither the other tables nor the seed.

pub(crate) mod doubles;
mod drop_test;
pub(crate) mod forms;
mod home;
mod merge;
pub(crate) mod names;
mod partition;
pub(crate) mod rows;
mod seed;

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use doubles::Doubles;
pub use doubles::Keep;
use forms::Forms;
pub use home::HomeOptions;
pub use merge::{MergeOptions, Which};

use crate::db::{Database, Session};
use crate::dims;
use crate::domain::catalogue::{self, DATASETS, DIMS, Dim, Kind, Space};
use crate::error::{Error, Result};
use crate::ledger;
use crate::report::{Code, Done, Finding, OneOf, Page, Report, Table, Verdict, number, plural, render_findings};
use crate::schema::{self, Change, Existing, Obstacles, TableSpec};
use crate::task::{Context, Task};

/// Which tables `ensure-schema` looks after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// All tables, those of the tools included.
    All,
    /// The dimensions (`dim_*`), which test and production share.
    Dims,
    /// Main tables of nights and days.
    Facts,
    /// Main tables of stays.
    Sejours,
    /// Main tables of places.
    Lieu,
    /// Temporary tables of the weekly delivery.
    Temp,
}

/// The tables of a preset. Test tables are those of the facts only: dimensions are shared.
pub(crate) fn tables(preset: Preset, space: Space) -> Vec<TableSpec> {
    let wants = |preset_of: Preset| preset == Preset::All || preset == preset_of;
    let mut tables = ledger::tables();
    if wants(Preset::Dims) && space == Space::Production {
        tables.extend(schema::dimension_tables());
    }
    for (kind, preset_of) in
        [(Kind::Frequentation, Preset::Facts), (Kind::Sejour, Preset::Sejours), (Kind::Lieu, Preset::Lieu)]
    {
        if wants(preset_of) {
            tables.extend(DATASETS.iter().filter(|d| d.kind == kind).map(|dataset| schema::main_table(dataset, space)));
        }
    }
    if wants(Preset::Temp) {
        tables.extend(catalogue::weekly().map(|dataset| schema::temp_table(dataset, space)));
    }
    tables
}

/// What `ensure-schema` is asked for.
#[derive(Debug, Clone, Copy)]
pub enum SetupAction {
    /// What is missing is created.
    Ensure,
    /// The test tables are dropped.
    DropTest,
    /// The main tables are divided by year.
    Partition,
}

/// What to do with which tables, and whether to fill the dimensions.
#[derive(Debug, Clone, Copy)]
pub struct SetupOptions {
    /// What is done.
    pub action: SetupAction,
    /// The group of tables.
    pub preset: Preset,
    /// Production or test tables.
    pub space: Space,
    /// Adds the reference data that the dimensions lack.
    pub seed: bool,
    /// Settles keys that stand twice.
    pub resolve: Option<Keep>,
    /// Only say what would be done.
    pub dry_run: bool,
}

impl SetupOptions {
    /// The structure of all production tables, without their rows.
    pub(crate) fn whole(dry_run: bool) -> Self {
        Self {
            action: SetupAction::Ensure,
            preset: Preset::All,
            space: Space::Production,
            seed: false,
            resolve: None,
            dry_run,
        }
    }
}

/// Rows added to a dimension.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Seeded {
    table: &'static str,
    added: u64,
    completed: u64,
}

/// Doubled keys that were settled.
#[derive(Debug, Serialize, JsonSchema)]
struct Settled {
    table: String,
    keys: u64,
    removed: u64,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SetupReport {
    #[serde(rename = "dry_run")]
    done: Done,
    tables: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    settled: Vec<Settled>,
    pub(crate) changes: Vec<Change>,
    pub(crate) duplicates: Vec<Doubles>,
    seeded: Vec<Seeded>,
    pub(crate) failures: Vec<String>,
    findings: Vec<Finding>,
}

/// Ensures tables and, if asked, their reference data.
///
/// # Errors
/// Those of the connection and the lock; a change that one table refuses stands in the report and does not stop the others.
fn ensure(database: &Database, options: SetupOptions) -> Result<impl Report + use<>> {
    let _lock = if options.dry_run { None } else { Some(ledger::lock(database)?) };
    let mut report = carry_out(database, options)?;
    partition::extend(&mut database.session()?, (options.preset, options.space), &mut report)?;
    Ok(report)
}

impl Task for SetupOptions {
    /// `ensure-schema`.
    ///
    /// # Errors
    /// Those of the connection and the lock; a change that one table refuses stands in the report and does not stop the others.
    fn run(self, context: &Context) -> Result<impl Report> {
        let database = &context.database()?;
        Ok(match self.action {
            SetupAction::Ensure => OneOf::This(ensure(database, self)?),
            SetupAction::DropTest => OneOf::That(OneOf::This(drop_test::drop_test(database, self.dry_run)?)),
            SetupAction::Partition => {
                OneOf::That(OneOf::That(partition::partition(database, self, &context.progress)?))
            }
        })
    }
}

/// [`ensure`] for those who hold the lock already.
pub(crate) fn carry_out(database: &Database, options: SetupOptions) -> Result<SetupReport> {
    let mut session = database.session()?;
    let tables = tables(options.preset, options.space);
    let mut report = SetupReport {
        done: Done::unless(options.dry_run),
        tables: tables.len(),
        settled: Vec::new(),
        changes: Vec::new(),
        duplicates: Vec::new(),
        seeded: Vec::new(),
        failures: Vec::new(),
        findings: Vec::new(),
    };
    let existing = schema::existing(&mut session)?;
    let forms = Forms::read(&mut session)?;
    let settling = match options.resolve {
        Some(keep) => settle(database, &tables, &existing, keep, &mut report)?,
        None => Vec::new(),
    };
    let mut broken = Vec::new();
    for spec in &tables {
        crate::signals::check()?;
        if let Some(view) = forms.view(&spec.name) {
            report.findings.push(view);
            continue;
        }
        let settled = options.dry_run && settling.contains(&spec.name);
        if let Err(error) = bring(&mut session, spec, (existing.get(&spec.name), &forms), settled, &mut report) {
            if matches!(error, Error::Interrupted) {
                return Err(error);
            }
            log::info!("{error}");
            let hint = error.hint().map_or_else(String::new, |hint| format!(" ({hint})"));
            report.failures.push(format!("{} : {error}{hint}", spec.name));
            broken.push(spec.name.as_str());
        }
    }
    let own = ledger::tables();
    if !options.dry_run && !own.iter().any(|spec| broken.contains(&spec.name.as_str())) {
        ledger::record_version(&mut session)?;
    }
    let present = if options.dry_run { existing } else { schema::existing(&mut session)? };
    if !options.dry_run {
        dims::numbers::raise(&mut session, &present)?;
    }
    if options.seed {
        sow(database, options, &present, &mut report)?;
    }
    report.findings.extend(report.duplicates.iter().map(Doubles::finding));
    Ok(report)
}

/// Brings one table to its specification, as far as its rows allow.
fn bring(
    session: &mut Session,
    spec: &TableSpec,
    (existing, forms): (Option<&Existing>, &Forms),
    settled: bool,
    report: &mut SetupReport,
) -> Result<()> {
    let mut obstacles = Obstacles::default();
    let mut fills = Vec::new();
    let mut numbering = None;
    if let Some(existing) = existing {
        match Numbers::read(session, spec, existing)? {
            Numbers::Sound => {}
            Numbers::Free(sql) => numbering = Some(sql),
            Numbers::Shared(finding) => {
                obstacles.unnumbered = true;
                report.findings.push(finding);
            }
        }
        if let Some(cut) = forms.partition(spec, existing) {
            obstacles.doubled = true;
            report.findings.push(cut);
        }
        if let Some(doubles) = doubles::count(session, spec, existing)? {
            obstacles.doubled |= !settled;
            if !settled {
                report.duplicates.push(doubles);
            }
        }
        for column in schema::unsure(spec, existing) {
            let doing = format!("lecture de {}", spec.name);
            let sql = format!("SELECT COUNT(*) FROM {} WHERE {column} IS NULL", spec.name);
            let rows: u64 = session.first(&doing, &sql, ())?.unwrap_or(0);
            if is_held(session, existing, column)? {
                obstacles.empty.push(column.to_owned());
                if rows > 0 {
                    let held = "retirez d'abord sa clé étrangère, qui refuse 0 (`adopt-database` dit laquelle)";
                    report.findings.push(unfilled(spec, column, rows).action(held));
                }
                continue;
            }
            let value = schema::value_of_null(spec, column).filter(|_| !obstacles.doubled);
            if let Some(value) = value.filter(|_| rows > 0) {
                fills.push((column, value, rows));
            } else if rows > 0 {
                obstacles.empty.push(column.to_owned());
                report.findings.push(unfilled(spec, column, rows));
            }
        }
    }
    let Some(change) = schema::change_as_far(spec, existing, &obstacles) else { return Ok(()) };
    if report.done.really() {
        for sql in numbering.iter().flatten() {
            session.exec(&format!("numérotation de {}", spec.name), sql, ())?;
        }
        for (column, value, rows) in &fills {
            // When a row was last changed tells a definitive row from a provisional one in older databases.
            let dated = existing.is_some_and(|table| table.shapes.contains_key("updated_at"));
            let when = if dated { ", updated_at = updated_at" } else { "" };
            let sql = format!("UPDATE {} SET {column} = {value}{when} WHERE {column} IS NULL", spec.name);
            session.exec_again(&format!("complément de {}", spec.name), &sql, ())?;
            log::info!("{} : {column} manquait, {value} est écrit ; lignes : {rows}", spec.name);
        }
        change.apply(session, |session| {
            let now = schema::existing(session)?;
            Ok(schema::change_as_far(spec, now.get(&spec.name), &obstacles).is_none())
        })?;
    }
    report.changes.push(change);
    Ok(())
}

/// The numbers of the rows of a table that has no key on them.
enum Numbers {
    Sound,
    /// Rows without a number, or with that of another one, to which nothing leads: these statements give them new ones.
    Free(Vec<String>),
    /// Rows of a dimension that share a number: only people know which of them the facts mean.
    Shared(Finding),
}

impl Numbers {
    fn read(session: &mut Session, spec: &TableSpec, existing: &Existing) -> Result<Self> {
        let counted = spec.columns.first().filter(|column| column.ddl.ends_with("AUTO_INCREMENT"));
        let Some((id, shape)) = counted.and_then(|column| Some((column.name, existing.shapes.get(column.name)?)))
        else {
            return Ok(Self::Sound);
        };
        let is_key = |(unique, columns): &(bool, Vec<String>)| *unique && columns.as_slice() == [id];
        if !shape.nullable && existing.indexes.values().any(is_key) {
            return Ok(Self::Sound);
        }
        let table = &spec.name;
        let doing = format!("lecture de {table}");
        let twice = format!("SELECT {id} FROM {table} WHERE {id} IS NOT NULL GROUP BY {id} HAVING COUNT(*) > 1");
        let shared: Vec<i64> = session.rows(&doing, &format!("{twice} ORDER BY {id} LIMIT 100"), ())?;
        let empty: Option<u8> =
            session.first(&doing, &format!("SELECT 1 FROM {table} WHERE {id} IS NULL LIMIT 1"), ())?;
        if let Some(number) = shared.first().filter(|_| !table.starts_with("fact_")) {
            let sql = format!("SELECT GREATEST(COALESCE(MAX({id}), 0), 0) + 1 FROM {table}");
            let next: i64 = session.first(&doing, &sql, ())?.unwrap_or(1);
            let message = format!(
                "{} porté par plusieurs lignes : rien ne dit de laquelle parlent les faits",
                plural(shared.len() as u64, "numéro est", "numéros sont",)
            );
            let dim = DIMS.iter().find(|dim| dim.table == *table);
            let name = dim.map_or(id, |dim| dim.name);
            return Ok(Self::Shared(Finding::attention(Code::NumberUnfit, format!("{table}.{id}"), message).action(format!(
                "donnez un autre numéro à celle qui ne doit pas garder le {number} : UPDATE {table} SET {id} = {next} \
                 WHERE {id} = {number} AND {name} = '…' ; SELECT * FROM {table} WHERE {id} = {number} les montre"
            ))));
        }
        if empty.is_none() && shared.is_empty() {
            return Ok(Self::Sound);
        }
        let dated = if existing.has("updated_at") { ", updated_at = updated_at" } else { "" };
        Ok(Self::Free(vec![
            format!("SET @flux_numero = (SELECT GREATEST(COALESCE(MAX({id}), 0), 0) FROM {table})"),
            format!(
                "UPDATE {table} SET {id} = (@flux_numero := @flux_numero + 1){dated} \
                 WHERE {id} IS NULL OR {id} IN (SELECT d.{id} FROM ({twice}) d)"
            ),
        ]))
    }
}

/// Whether a foreign key keeps a column from being 0, "not known".
fn is_held(session: &mut Session, existing: &Existing, column: &str) -> Result<bool> {
    let Some(dim) = Dim::of_id(column).map(Dim::spec).filter(|spec| spec.optional) else { return Ok(false) };
    if !existing.shapes.get(column).is_some_and(|shape| shape.is_linked) {
        return Ok(false);
    }
    let sql = format!("SELECT 1 FROM {} WHERE {column} = 0", dim.table);
    Ok(session.first::<u8>(&format!("lecture de {}", dim.table), &sql, ())?.is_none())
}

fn unfilled(spec: &TableSpec, column: &str, rows: u64) -> Finding {
    Finding::attention(
        Code::ColumnRefuses,
        format!("{}.{column}", spec.name),
        format!("NULL dans {} : rien ne les distingue ni ne les compare", plural(rows, "ligne", "lignes")),
    )
    .action(if schema::value_of_null(spec, column).is_some() {
        "réglez d'abord les doubles de cette table (--resolve-duplicates)".to_owned()
    } else {
        format!("retrouvez la valeur de ces lignes ou retirez-les : SELECT * FROM {} WHERE {column} IS NULL", spec.name)
    })
}

/// Settles the doubled keys of all fact tables in one transaction; gives the tables concerned.
fn settle(
    database: &Database,
    tables: &[TableSpec],
    existing: &HashMap<String, Existing>,
    keep: Keep,
    report: &mut SetupReport,
) -> Result<Vec<String>> {
    let mut session = database.session()?;
    let mut wanted = Vec::new();
    for spec in tables.iter().filter(|spec| spec.name.starts_with("fact_")) {
        let Some(existing) = existing.get(&spec.name) else { continue };
        if let Some(found) = doubles::count(&mut session, spec, existing)? {
            wanted.push((spec, existing, found));
        }
    }
    drop(session);
    let unsafe_tables = schema::unsafe_engines(&mut database.session()?)?;
    if let Some(found) = unsafe_tables.iter().find(|found| wanted.iter().any(|(spec, ..)| spec.name == found.table)) {
        return Err(Error::UnsafeEngine {
            table: found.table.clone(),
            engine: found.engine.clone(),
            mend: found.mend(),
        });
    }
    let removed: Vec<u64> = if !report.done.really() {
        wanted.iter().map(|(.., found)| found.surplus).collect()
    } else {
        database.transaction(|session| {
            wanted.iter().map(|(spec, existing, _)| doubles::settle(session, spec, existing, keep)).collect()
        })?
    };
    for ((spec, _, found), removed) in wanted.iter().zip(removed) {
        report.settled.push(Settled { table: spec.name.clone(), keys: found.keys, removed });
    }
    Ok(wanted.into_iter().map(|(spec, ..)| spec.name.clone()).collect())
}

/// Seeds each dimension in its transaction; one that fails does not stop the others.
fn sow(
    database: &Database,
    options: SetupOptions,
    present: &HashMap<String, Existing>,
    report: &mut SetupReport,
) -> Result<()> {
    // Départements and EPCIs before the communes that refer to them.
    let order =
        [Dim::Zone, Dim::Provenance, Dim::Categorie, Dim::Departement, Dim::Pays, Dim::Duree, Dim::Epci, Dim::Commune];
    for dim in order {
        let table = dim.spec().table;
        let seeded = match present.get(table) {
            // On a dry run a table that would be created is empty.
            None if options.dry_run => Ok(Seeded { table, added: seed::reference_count(dim), completed: 0 }),
            _ => seed::seed(database, dim, present, options.dry_run),
        };
        match seeded {
            Ok(seeded) => report.seeded.push(seeded),
            Err(error @ (Error::Interrupted | Error::Connect { .. })) => return Err(error),
            Err(error) => {
                log::info!("{table} : {error}");
                report.failures.push(format!("{table} : {error}"));
            }
        }
    }
    let mut session = database.session()?;
    for spec in DIMS.iter().filter(|spec| present.contains_key(spec.table)) {
        let damaged = names::damaged(&mut session, spec.dim)?;
        report.findings.extend(damaged.repairable().into_iter().chain(damaged.unreadable()));
    }
    Ok(())
}

impl SetupReport {
    /// The findings of one kind.
    pub(crate) fn findings_of(&self, code: Code) -> impl Iterator<Item = Finding> + use<> {
        self.findings.clone().into_iter().filter(move |finding| finding.code == code)
    }

    /// How many tables were created and changed.
    fn counted(&self) -> String {
        let (tables, is_created, is_changed) = (["table", "tables"], ["créée", "créées"], ["changée", "changées"]);
        let created = self.changes.iter().filter(|change| change.is_new()).count() as u64;
        let changed = self.changes.len() as u64 - created;
        match (created, changed) {
            (0, _) => self.done.count(changed, tables, is_changed),
            (_, 0) => self.done.count(created, tables, is_created),
            _ => format!("{}, {}", self.done.count(created, tables, is_created), self.done.more(changed, is_changed)),
        }
    }
}

impl Report for SetupReport {
    fn render(&self, page: &mut Page) {
        for settled in &self.settled {
            let keys = self.done.count(settled.keys, ["clé en double", "clés en double"], ["réglée", "réglées"]);
            let rows = self.done.count(settled.removed, ["ligne", "lignes"], ["retirée", "retirées"]);
            page.verdict(Verdict::Ok, format!("{} : {keys}, {rows}", settled.table));
        }
        if !self.done.really() {
            for change in &self.changes {
                format!("{};", change.ddl).lines().for_each(|line| page.line(line));
                page.gap();
            }
        } else {
            for change in &self.changes {
                page.verdict(Verdict::Ok, format!("{} : {}", change.table, change.what));
            }
        }
        if !self.seeded.is_empty() {
            let [added, completed] =
                self.done.say([">lignes ajoutées", ">complétées"], [">lignes à ajouter", ">à compléter"]);
            let mut table = Table::new(&["dimension", added, completed]);
            for seeded in &self.seeded {
                table.row([seeded.table.into(), number(seeded.added), number(seeded.completed)]);
            }
            page.gap();
            page.table(&table);
            page.gap();
        }
        if !self.findings.is_empty() {
            render_findings(page, &self.findings, "");
        }
        for failure in &self.failures {
            page.verdict(Verdict::Error, failure);
        }
        page.conclude(
            self.verdict(),
            format!("{} sur {}", self.counted(), plural(self.tables as u64, "contrôlée", "contrôlées")),
        );
    }

    fn verdict(&self) -> Verdict {
        match (self.failures.is_empty(), self.findings.is_empty()) {
            (true, true) => Verdict::Ok,
            (true, false) => Verdict::Attention,
            (false, _) => Verdict::Error,
        }
    }

    fn done(&self) -> Done {
        self.done
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_42_tables_of_the_schema_and_fourteen_of_the_ledger() {
        assert_eq!(tables(Preset::All, Space::Production).len(), 11 + 21 + 10 + 14);
        assert_eq!(tables(Preset::Temp, Space::Test).len(), 10 + 14);
    }

    #[test]
    fn names_of_tables_are_unique() {
        let names: HashSet<String> = tables(Preset::All, Space::Production).into_iter().map(|spec| spec.name).collect();
        assert_eq!(names.len(), tables(Preset::All, Space::Production).len());
    }
}
