//! Rows of one visit that stand under several EPCIs made one: a definitive row before a provisional one, then the EPCI under which the
//! newest definitive rows of the commune stand. Per table and date the volume is proved to be the one before, less what was counted twice.

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::db::{Database, Session};
use crate::dims::epci::{self, Doubled, list};
use crate::dims::merge::{self, Rule};
use crate::domain::catalogue::{Dataset, Dim, fact_tables};
use crate::error::{Error, Result};
use crate::report::{Code, Done, Finding, Page, Report, Table, Verdict, number, plural};
use crate::schema::{self, Existing, TableSpec};

/// Communes that one statement looks at.
const TOGETHER: usize = 200;
/// Keys with different volumes that are listed per table.
const EXAMPLES: usize = 5;

/// What there is to do in one table.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
struct Reunion {
    table: String,
    /// Keys under several EPCIs, first and last day.
    keys: u64,
    first: String,
    last: String,
    /// Of these, keys with one volume everywhere; with definitive rows that agree beside provisional ones; with different volumes.
    identical: u64,
    settled: u64,
    conflicts: u64,
    /// Rows that go, and the volume that was counted once too often.
    removed: u64,
    dropped: i64,
    /// The first keys with different volumes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    examples: Vec<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ReunionReport {
    #[serde(rename = "dry_run")]
    done: Done,
    dimension: &'static str,
    applied: bool,
    rule: Rule,
    doubles: Vec<Reunion>,
    findings: Vec<Finding>,
}

/// A table with doubled keys, and the communes that stand under several EPCIs.
struct Work {
    table: String,
    dataset: &'static Dataset,
    communes: Vec<u32>,
    /// Whether rows know when they were last changed.
    dated: bool,
    plan: Reunion,
}

/// Plans and, unless `dry_run`, does it in all tables, in one transaction under the lock.
///
/// # Errors
/// [`Error::WrongKey`] for a table whose keys are not told apart; [`Error::Invariant`] when volumes do not add up, nothing written.
pub(crate) fn reunite(database: &Database, rule: Rule, dry_run: bool) -> Result<ReunionReport> {
    let _lock = if dry_run { None } else { Some(crate::ledger::lock(database)?) };
    let mut session = database.session()?;
    let existing = schema::existing(&mut session)?;
    let preferred = preferred(&mut session)?;
    let work = plan(&mut session, &existing, &preferred, rule)?;
    drop(session);
    let conflicts: u64 = work.iter().map(|work| work.plan.conflicts).sum();
    let mut findings = Vec::new();
    if conflicts > 0 && rule == Rule::Refuse {
        let keys = plural(conflicts, "clé a", "clés ont");
        let message = format!("{keys} un autre volume sous chaque EPCI : rien n'est réuni sans règle");
        findings.push(Finding::attention(Code::MergeBlocked, Dim::Epci.spec().table, message).action(
            "choisissez --on-conflict target (garder la ligne sous l'EPCI actuel de la commune), source (son autre volume) ou sum (ajouter)",
        ));
    }
    let applied = !dry_run && findings.is_empty() && !work.is_empty();
    if applied {
        database.transaction(|session| {
            for work in &work {
                crate::signals::check()?;
                apply(session, work, &preferred, rule)?;
            }
            Ok(())
        })?;
    }
    let doubles = work.into_iter().map(|work| work.plan).collect();
    Ok(ReunionReport {
        done: Done::unless(dry_run),
        dimension: Dim::Epci.spec().table,
        applied,
        rule,
        doubles,
        findings,
    })
}

/// The EPCI under which the rows of a commune are to stand, where one is known.
fn preferred(session: &mut Session) -> Result<HashMap<u32, u32>> {
    let sql = "SELECT id_commune, id_epci FROM dim_communes WHERE id_epci <> 0";
    let mut known: HashMap<u32, u32> = session.rows::<(u32, u32)>("EPCI des communes", sql, ())?.into_iter().collect();
    known.extend(epci::stored(session)?);
    Ok(known)
}

fn plan(
    session: &mut Session,
    existing: &HashMap<String, Existing>,
    preferred: &HashMap<u32, u32>,
    rule: Rule,
) -> Result<Vec<Work>> {
    let mut all = Vec::new();
    for (table, dataset) in fact_tables().filter(|(_, dataset)| epci::concerns(dataset)) {
        crate::signals::check()?;
        let Some(found) = existing.get(&table) else { continue };
        if !epci::is_told(found) {
            continue;
        }
        let Some(mut doubled) = epci::doubled(session, &table, dataset, None)? else { continue };
        // Rows that nothing tells apart cannot be made one.
        schema::require(&TableSpec::of_fact(&table, dataset), existing)?;
        if !found.has("is_provisional") {
            return Err(Error::MissingColumn { table, column: "is_provisional".into() });
        }
        let communes = std::mem::take(&mut doubled.suspects);
        let mut work = Work { dataset, communes, dated: found.has("updated_at"), plan: Reunion::of(doubled), table };
        for communes in work.communes.chunks(TOGETHER) {
            let ranked = ranked(&work, communes, preferred, rule);
            count(session, &work.table, &ranked, &mut work.plan)?;
        }
        all.push(work);
    }
    Ok(all)
}

impl Reunion {
    fn of(found: Doubled) -> Self {
        let Doubled { table, keys, first, last, .. } = found;
        Self { table, keys, first, last, ..Self::default() }
    }
}

/// The rows of doubled keys of some communes: `place` 1 stays, with `kept` as its volume; `peers` of its key are definitive or
/// provisional as it is, with volumes from `lo` to `hi`.
fn ranked(work: &Work, communes: &[u32], preferred: &HashMap<u32, u32>, rule: Rule) -> String {
    let visit: Vec<String> = epci::visit(work.dataset).iter().map(|column| format!("a.{column}")).collect();
    let (visit, key) = (visit.join(", "), work.dataset.key());
    let of = |commune: &u32| Some(format!("SELECT {commune} AS commune, {} AS epci", preferred.get(commune)?));
    let known: Vec<String> = communes.iter().filter_map(of).collect();
    let known = if known.is_empty() { "SELECT 0 AS commune, 0 AS epci".to_owned() } else { known.join(" UNION ALL ") };
    let order = "COALESCE(a.id_epci = p.epci, 0) DESC, a.id_epci DESC";
    let kept = match rule {
        Rule::Sum => format!("SUM(a.volume) OVER (PARTITION BY {visit}, a.is_provisional <> 0)"),
        Rule::Source => format!(
            "COALESCE(LEAD(a.volume) OVER (PARTITION BY {visit}, a.is_provisional <> 0 ORDER BY {order}), a.volume)"
        ),
        Rule::Target | Rule::Refuse => "a.volume".to_owned(),
    };
    format!(
        "SELECT * FROM (SELECT {}, a.volume, {kept} AS kept, COUNT(*) OVER (PARTITION BY {visit}) AS n, \
         COUNT(*) OVER (PARTITION BY {visit}, a.is_provisional <> 0) AS peers, \
         MIN(a.volume) OVER (PARTITION BY {visit}, a.is_provisional <> 0) AS lo, \
         MAX(a.volume) OVER (PARTITION BY {visit}, a.is_provisional <> 0) AS hi, \
         ROW_NUMBER() OVER (PARTITION BY {visit} ORDER BY a.is_provisional <> 0, {order}) AS place \
         FROM {} a LEFT JOIN ({known}) p ON p.commune = a.id_commune WHERE a.id_commune IN ({})) r WHERE r.n > 1",
        key.iter().map(|column| format!("a.{column}")).collect::<Vec<_>>().join(", "),
        work.table,
        list(communes)
    )
}

fn count(session: &mut Session, table: &str, ranked: &str, plan: &mut Reunion) -> Result<()> {
    let doing = format!("EPCI des communes de {table}");
    let number = |sum: &str| format!("CAST(COALESCE(SUM({sum}), 0) AS SIGNED)");
    let sql = format!(
        "SELECT {}, {}, {}, {}, {} FROM ({ranked}) d",
        number("d.place = 1 AND d.lo = d.hi AND d.peers = d.n"),
        number("d.place = 1 AND d.lo = d.hi AND d.peers < d.n"),
        number("d.place = 1 AND d.lo <> d.hi"),
        number("d.place > 1"),
        number("d.volume - IF(d.place = 1, d.kept, 0)"),
    );
    let (identical, settled, conflicts, removed, dropped) =
        session.first::<(u64, u64, u64, u64, i64)>(&doing, &sql, ())?.unwrap_or_default();
    plan.identical += identical;
    plan.settled += settled;
    plan.conflicts += conflicts;
    plan.removed += removed;
    plan.dropped += dropped;
    let wanted = EXAMPLES - plan.examples.len();
    if conflicts > 0 && wanted > 0 {
        let sql = format!(
            "SELECT CONCAT(CAST(d.date AS CHAR), ' ', COALESCE(c.nom_commune, CONCAT('#', d.id_commune)), ' : ', d.lo, ' / ', d.hi) \
             FROM ({ranked}) d LEFT JOIN dim_communes c ON c.id_commune = d.id_commune WHERE d.place = 1 AND d.lo <> d.hi \
             ORDER BY d.date, d.id_commune LIMIT {wanted}"
        );
        plan.examples.extend(session.rows::<String>(&doing, &sql, ())?);
    }
    Ok(())
}

fn apply(session: &mut Session, work: &Work, preferred: &HashMap<u32, u32>, rule: Rule) -> Result<()> {
    let table = &work.table;
    let doing = format!("réunion dans {table}");
    let key = work.dataset.key();
    let on: Vec<String> = key.iter().map(|column| format!("t.{column} = d.{column}")).collect();
    let on = on.join(" AND ");
    let id = Dim::Commune.spec().id;
    let mut removed = 0;
    for communes in work.communes.chunks(TOGETHER) {
        let ranked = ranked(work, communes, preferred, rule);
        let mut expected = merge::totals(session, table, id, communes, None)?;
        let sql = format!(
            "SELECT CAST(d.date AS CHAR), CAST(SUM(d.place > 1) AS SIGNED), \
             CAST(SUM(d.volume - IF(d.place = 1, d.kept, 0)) AS SIGNED) FROM ({ranked}) d GROUP BY d.date"
        );
        merge::take_off(&mut expected, session.rows(&doing, &sql, ())?);
        if matches!(rule, Rule::Sum | Rule::Source) {
            // When a row was last changed tells a definitive row from a provisional one in older databases: it stays.
            let when = if work.dated { ", t.updated_at = t.updated_at" } else { "" };
            let sql = format!(
                "UPDATE {table} t JOIN ({ranked}) d ON {on} SET t.volume = d.kept{when} WHERE d.place = 1 AND d.kept <> d.volume"
            );
            session.exec(&doing, &sql, ())?;
        }
        // Which row stays hangs on mark and EPCI, not on the volume that it has by now.
        let sql = format!("DELETE t FROM {table} t JOIN ({ranked}) d ON {on} WHERE d.place > 1");
        removed += session.exec(&doing, &sql, ())?;
        merge::prove(&expected, &merge::totals(session, table, id, communes, None)?, table)?;
    }
    if removed != work.plan.removed || epci::doubled(session, table, work.dataset, None)?.is_some() {
        return Err(Error::Invariant(format!("{table} : les lignes n'ont pas été réunies comme prévu")));
    }
    Ok(())
}

impl Report for ReunionReport {
    fn render(&self, page: &mut Page) {
        if !self.doubles.is_empty() {
            let [gone, dropped] = self.done.say([">retirées", ">volume écarté"], [">à retirer", ">volume à écarter"]);
            let mut table = Table::new(&[
                "table",
                ">clés",
                "?du",
                "?au",
                ">identiques",
                ">définitives d'abord",
                ">à départager",
                gone,
                dropped,
            ]);
            for found in &self.doubles {
                table.row([
                    found.table.clone(),
                    number(found.keys),
                    found.first.clone(),
                    found.last.clone(),
                    number(found.identical),
                    number(found.settled),
                    number(found.conflicts),
                    number(found.removed),
                    number(found.dropped),
                ]);
            }
            page.table(&table);
        }
        for found in &self.doubles {
            merge::list_examples(page, &found.table, "le plus petit / le plus grand volume", &found.examples);
        }
        let nothing = self.doubles.is_empty();
        let line = if nothing {
            "aucune commune n'est sous deux EPCI le même jour".to_owned()
        } else if self.applied {
            "réunies ; par table et par date, le volume est prouvé".to_owned()
        } else {
            self.done.count(self.doubles.iter().map(|found| found.keys).sum(), ["clé", "clés"], ["réunie", "réunies"])
        };
        merge::conclude(page, &self.findings, &line, !nothing && !self.applied);
    }

    fn verdict(&self) -> Verdict {
        crate::report::verdict(&self.findings)
    }

    fn done(&self) -> Done {
        self.done
    }
}
