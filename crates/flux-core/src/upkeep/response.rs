//! `improve-response`: which index serves each kind of query of the dashboards, which one is missing, which one is there twice.
//!
//! The dashboards ask for one zone, one category, a range of dates, some provenances, summed by the breakdown or by day; or for all
//! zones over a range of dates. The natural key begins with the date: it serves the second kind, but makes the first read the
//! rows of every zone and category of the range.

use std::collections::{BTreeMap, HashMap};

use mysql::{Row, Value};
use schemars::JsonSchema;
use serde::Serialize;

use crate::db::Session;
use crate::domain::catalogue::{DATASETS, Dataset, Space};
use crate::error::{Error, Result};
use crate::report::{Code, Done, Finding, Page, Report, Table, Verdict, bytes, number, plural};
use crate::schema::{self, Existing};
use crate::signals;
use crate::task::{Context, Task};
use crate::upkeep::cache::{self, ClearOptions};

/// Days of a usual question.
const SPAN: i64 = 62;

/// Tables that are named of each plan; more are counted.
const NAMED: usize = 2;

/// What to do beside looking.
#[derive(Debug, Clone, Copy, Default)]
pub struct ResponseOptions {
    /// Create the missing indexes.
    pub apply: bool,
    /// Leave the statistics as they are.
    pub no_analyze: bool,
    /// Leave the caches as they are.
    pub no_cache: bool,
    /// Only say what would be done.
    pub dry_run: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ResponseReport {
    #[serde(rename = "dry_run")]
    done: Done,
    tables: Vec<TableLine>,
    analyzed: u64,
    cache_files: u64,
    cache_bytes: u64,
    findings: Vec<Finding>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct TableLine {
    table: String,
    rows: u64,
    queries: Vec<QueryLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<Proposal>,
    redundant: Vec<Redundant>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct QueryLine {
    query: &'static str,
    /// Index that the server chooses; none means that it reads the whole table.
    index: Option<String>,
    rows_examined: u64,
    covering: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Proposal {
    index: &'static str,
    columns: Vec<&'static str>,
    estimated_bytes: u64,
    ddl: String,
    /// Asked for, with `--apply`.
    #[serde(skip)]
    wanted: bool,
    created: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Redundant {
    index: String,
    /// The wider index that does its work.
    within: String,
    bytes: Option<u64>,
    /// Part of the schema: `ensure-schema` would create it again.
    in_schema: bool,
}

impl Task for ResponseOptions {
    /// Looks at the main tables that have rows; creates what is missing with `apply`.
    ///
    /// # Errors
    /// Those of the connection and the lock; an index that cannot be created is a finding.
    fn run(self, context: &Context) -> Result<impl Report> {
        let database = &context.database()?;
        let writes = !self.dry_run && self.apply;
        let _lock = if writes { Some(crate::ledger::lock(database)?) } else { None };
        let mut session = database.session()?;
        let existing = schema::existing(&mut session)?;
        let sizes = index_sizes(&mut session);
        let mut report = ResponseReport {
            done: Done::unless(self.dry_run),
            tables: Vec::new(),
            analyzed: 0,
            cache_files: 0,
            cache_bytes: 0,
            findings: Vec::new(),
        };
        for dataset in DATASETS {
            signals::check()?;
            let name = dataset.main_table(Space::Production);
            let Some(table) = existing.get(&name) else { continue };
            let Some(sample) = sample(&mut session, &name)? else { continue };
            let bar = context.progress.step(&name);
            let mut line = look(&mut session, dataset, &name, table, &sample, &sizes)?;
            if let Some(proposal) = line.missing.as_mut() {
                act(&mut session, (dataset, &name), proposal, self, &mut report.findings)?;
            }
            if self.dry_run {
                report.analyzed += u64::from(!self.no_analyze);
            } else if !self.no_analyze {
                match session.rows::<Row>(&format!("statistiques de {name}"), &format!("ANALYZE TABLE {name}"), ()) {
                    Ok(_) => report.analyzed += 1,
                    Err(error) => {
                        report.findings.push(Finding::attention(Code::from(&error), &name, error.to_string()))
                    }
                }
            }
            bar.finish_and_clear();
            report.tables.push(line);
        }
        if !self.no_cache {
            let cleared = cache::cleared(
                &context.settings.home.root,
                &ClearOptions { dry_run: self.dry_run, ..ClearOptions::default() },
            )?;
            (report.cache_files, report.cache_bytes) = cleared.freed();
            report.findings.extend(cleared.into_findings());
        }
        Ok(report)
    }
}

/// A usual question: the zone and category of a row, and the last days of the table.
struct Sample {
    zone: i64,
    categorie: i64,
    provenance: i64,
    first: String,
    last: String,
    rows: u64,
}

/// None when the table is empty.
fn sample(session: &mut Session, table: &str) -> Result<Option<Sample>> {
    let doing = format!("lecture de {table}");
    let last: Option<Option<String>> =
        session.first(&doing, &format!("SELECT CAST(MAX(date) AS CHAR) FROM {table}"), ())?;
    let Some(last) = last.flatten() else { return Ok(None) };
    let sql = format!("SELECT id_zone, id_categorie, id_provenance FROM {table} WHERE date = ? LIMIT 1");
    let ids: Option<(i64, i64, i64)> = session.first(&doing, &sql, (&last,))?;
    let (zone, categorie, provenance) = ids.unwrap_or_default();
    let sql = "SELECT CAST(DATE_SUB(?, INTERVAL ? DAY) AS CHAR)";
    let first: Option<Option<String>> = session.first(&doing, sql, (&last, SPAN))?;
    let sql =
        "SELECT table_rows AS r FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ?";
    let rows: Option<Option<u64>> = session.first(&doing, sql, (table,))?;
    let first = first.flatten().unwrap_or_else(|| last.clone());
    Ok(Some(Sample { zone, categorie, provenance, first, last, rows: rows.flatten().unwrap_or(0) }))
}

fn look(
    session: &mut Session,
    dataset: &Dataset,
    name: &str,
    table: &Existing,
    sample: &Sample,
    sizes: &HashMap<(String, String), u64>,
) -> Result<TableLine> {
    let by = dataset.breakdown.last().map_or("id_provenance", |dim| dim.spec().id);
    let zone = "id_zone = ? AND id_categorie = ? AND date BETWEEN ? AND ?";
    let question: Vec<Value> =
        vec![sample.zone.into(), sample.categorie.into(), (&sample.first).into(), (&sample.last).into()];
    let mut narrow = question.clone();
    narrow.push(sample.provenance.into());
    let range: Vec<Value> = vec![(&sample.first).into(), (&sample.last).into()];
    let patterns = [
        (
            "zone × catégorie × période, par ventilation",
            format!("{by}, SUM(volume) FROM {name} WHERE {zone} AND id_provenance <> ? GROUP BY {by}"),
            narrow,
        ),
        (
            "zone × catégorie × période, par jour",
            format!("date, SUM(volume) FROM {name} WHERE {zone} GROUP BY date"),
            question,
        ),
        (
            "toutes zones, période",
            format!("id_zone, SUM(volume) FROM {name} WHERE date BETWEEN ? AND ? GROUP BY id_zone"),
            range,
        ),
    ];
    let mut queries = Vec::new();
    for (query, sql, params) in patterns {
        queries.push(explain(session, name, query, &format!("EXPLAIN FORMAT=TRADITIONAL SELECT {sql}"), params)?);
    }
    let index = schema::dashboard_index(dataset);
    let missing = (!serves(dataset, table)).then(|| Proposal {
        // Ids and the volume, a date, a flag, the row's id, the record's head; pages are two thirds full.
        estimated_bytes: sample.rows * (4 * (index.columns.len() as u64 - 2) + 3 + 1 + 8 + 6) * 3 / 2,
        ddl: format!("ALTER TABLE {name} ADD {}, ALGORITHM=INPLACE, LOCK=NONE", index.definition()),
        index: index.name,
        columns: index.columns,
        wanted: false,
        created: false,
    });
    let redundant = redundant(dataset, name, table, sizes);
    Ok(TableLine { table: name.into(), rows: sample.rows, queries, missing, redundant })
}

/// Whether the table has what the dashboards need.
fn serves(dataset: &Dataset, table: &Existing) -> bool {
    let index = schema::dashboard_index(dataset);
    table.indexes.values().any(|(unique, columns)| index.is_served_by(*unique, columns))
}

fn explain(
    session: &mut Session,
    table: &str,
    query: &'static str,
    sql: &str,
    params: Vec<Value>,
) -> Result<QueryLine> {
    let rows: Vec<Row> = session.rows(&format!("plan d'une requête sur {table}"), sql, params)?;
    let row = rows.into_iter().next();
    // Names differ in case between versions of the servers.
    let text = |name: &str| -> Option<String> {
        let row = row.as_ref()?;
        let at = row.columns_ref().iter().position(|column| column.name_str().eq_ignore_ascii_case(name))?;
        match row.as_ref(at)? {
            Value::Bytes(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
            Value::Int(number) => Some(number.to_string()),
            Value::UInt(number) => Some(number.to_string()),
            _ => None,
        }
    };
    let covering = text("Extra").is_some_and(|extra| extra.contains("Using index") && !extra.contains("condition"));
    let rows_examined = text("rows").and_then(|rows| rows.parse().ok()).unwrap_or(0);
    Ok(QueryLine { query, index: text("key"), rows_examined, covering })
}

/// Indexes whose columns begin another one.
fn redundant(
    dataset: &Dataset,
    name: &str,
    table: &Existing,
    sizes: &HashMap<(String, String), u64>,
) -> Vec<Redundant> {
    let spec = schema::main_table(dataset, Space::Production);
    let ordered: BTreeMap<&String, &(bool, Vec<String>)> = table.indexes.iter().collect();
    let mut found = Vec::new();
    for (index, (unique, columns)) in &ordered {
        if *unique {
            continue;
        }
        let wider = ordered.iter().find(|(other, (_, wide))| {
            let longer = wide.len() > columns.len() || (wide.len() == columns.len() && other < &index);
            other != &index && longer && wide.starts_with(columns)
        });
        if let Some((within, _)) = wider {
            let in_schema = spec.indexes.iter().any(|known| known.columns.iter().eq(columns.iter()));
            let size = sizes.get(&(name.to_owned(), (*index).clone())).copied();
            found.push(Redundant { index: (*index).clone(), within: (*within).clone(), bytes: size, in_schema });
        }
    }
    found
}

/// Sizes of the indexes, where this user may know them.
fn index_sizes(session: &mut Session) -> HashMap<(String, String), u64> {
    let sql = "SELECT table_name AS t, index_name AS i, stat_value * @@innodb_page_size AS s FROM mysql.innodb_index_stats \
               WHERE database_name = DATABASE() AND stat_name = 'size'";
    let rows = session.rows::<(String, String, u64)>("taille des index", sql, ()).unwrap_or_else(|error| {
        log::debug!("tailles des index inconnues : {error}");
        Vec::new()
    });
    rows.into_iter().map(|(table, index, size)| ((table, index), size)).collect()
}

fn act(
    session: &mut Session,
    (dataset, table): (&Dataset, &str),
    proposal: &mut Proposal,
    options: ResponseOptions,
    findings: &mut Vec<Finding>,
) -> Result<()> {
    if !options.apply {
        let index = proposal.index;
        let what = format!("aucun index pour une zone et une catégorie sur une période (à créer : {index})");
        findings.push(Finding::attention(Code::IndexMissing, table, what).action("lancez `improve-response --apply`"));
        return Ok(());
    }
    proposal.wanted = true;
    if options.dry_run {
        return Ok(());
    }
    let doing = format!("création de l'index {} sur {table}", proposal.index);
    let is_done =
        |session: &mut Session| Ok(schema::existing(session)?.get(table).is_some_and(|now| serves(dataset, now)));
    match session.restructure(is_done, |session| session.exec(&doing, &proposal.ddl, ()).map(|_| ())) {
        Ok(()) => proposal.created = true,
        Err(Error::Interrupted) => return Err(Error::Interrupted),
        Err(error) => findings.push(error.finding(table)),
    }
    Ok(())
}

impl ResponseReport {
    /// What the dashboards lack, or that they lack nothing, and what was done.
    fn conclusion(&self) -> String {
        let proposals = || self.tables.iter().filter_map(|line| line.missing.as_ref());
        let index = |count, participle: [&str; 2]| self.done.count(count, ["index", "index"], participle);
        let wanted = proposals().filter(|proposal| proposal.wanted).count() as u64;
        let made =
            if self.done.really() { proposals().filter(|proposal| proposal.created).count() as u64 } else { wanted };
        let left = proposals().count() as u64 - made;
        let mut parts = Vec::new();
        if left > 0 {
            let size = proposals().filter(|proposal| !proposal.created).map(|proposal| proposal.estimated_bytes).sum();
            let lack = plural(left, "index manque", "index manquent");
            parts.push(format!("{lack} aux tableaux de bord (environ {})", bytes(size)));
        } else if made == 0 {
            parts.push("les tableaux de bord ont leurs index".to_owned());
        }
        if made > 0 {
            parts.push(index(made, ["créé", "créés"]));
        }
        parts.push(self.done.count(self.analyzed, ["table", "tables"], ["analysée", "analysées"]));
        let files = ["fichier de cache", "fichiers de cache"];
        let removed = self.done.count(self.cache_files, files, ["supprimé", "supprimés"]);
        parts.push(format!("{removed} ({})", bytes(self.cache_bytes)));
        parts.join(", ")
    }

    fn render_indexes(&self, page: &mut Page) {
        for line in &self.tables {
            if let Some(proposal) = line.missing.as_ref().filter(|proposal| proposal.wanted || page.is_exhaustive()) {
                let done = match (proposal.wanted, proposal.created) {
                    (_, true) => "créé",
                    (true, false) if !self.done.really() => "serait créé",
                    _ => "à créer",
                };
                let size = bytes(proposal.estimated_bytes);
                page.line(format!("{} : index {} {done}, environ {size}", line.table, proposal.index));
                if !proposal.created {
                    page.line(format!("    {}", proposal.ddl));
                }
            }
            for index in line.redundant.iter().filter(|index| !index.in_schema) {
                let size = index.bytes.map_or_else(String::new, |size| format!(", {}", bytes(size)));
                page.line(format!(
                    "{} : index {} inutile, {} fait son travail{size}",
                    line.table, index.index, index.within
                ));
            }
        }
    }

    /// The plans, those that are alike told once; every table for itself where everything is wanted.
    fn render_plans(&self, page: &mut Page) {
        let mut plans: Vec<(&QueryLine, Vec<&str>, u64)> = Vec::new();
        for line in &self.tables {
            for query in &line.queries {
                let key = |plan: &QueryLine| (plan.query, plan.index.clone(), plan.covering);
                match plans.iter_mut().find(|(plan, ..)| !page.is_exhaustive() && key(plan) == key(query)) {
                    Some((_, tables, most)) => {
                        tables.push(&line.table);
                        *most = query.rows_examined.max(*most);
                    }
                    None => plans.push((query, vec![&line.table], query.rows_examined)),
                }
            }
        }
        // One question after the other, the widest reading first.
        if !page.is_exhaustive() {
            plans.sort_by_key(|(plan, _, most)| (plan.query, std::cmp::Reverse(*most)));
        }
        let mut table = Table::new(&["requête", "index", "tables", ">lignes lues"]);
        for (plan, tables, most) in plans {
            let index = plan.index.as_deref().unwrap_or("aucun (table entière)");
            let covering = if plan.covering { " (couvrant)" } else { "" };
            let tables = if tables.len() > NAMED { number(tables.len() as u64) } else { tables.join(", ") };
            table.row([plan.query.into(), format!("{index}{covering}"), tables, number(most)]);
        }
        page.gap();
        page.table(&table);
    }
}

impl Report for ResponseReport {
    fn render(&self, page: &mut Page) {
        page.conclude(self.verdict(), self.conclusion());
        for finding in &self.findings {
            page.finding(finding);
        }
        self.render_indexes(page);
        if self.tables.is_empty() {
            page.line("Aucune table principale n'a de lignes.");
        } else {
            self.render_plans(page);
        }
    }

    fn verdict(&self) -> Verdict {
        crate::report::worst(&self.findings)
    }

    fn done(&self) -> Done {
        self.done
    }
}
