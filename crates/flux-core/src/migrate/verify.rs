//! The proof of a migration: row by row in both directions, with the offending keys by name.

use serde::Serialize;

use crate::db::{Database, Session};
use crate::domain::catalogue::{DIMS, Dim, Space};
use crate::error::{Error, Result};
use crate::report::{Code, Page, Report, Table, Verdict, number, plural};
use crate::schema;

use crate::migrate::{Comparison, Pair, pairs};

/// Options of a verification.
#[derive(Debug, Clone)]
pub struct VerifyOptions {
    /// Tables to verify; all when empty.
    pub only: Vec<String>,
    /// Production tables (`fact_nuitees`) or those for tests (`fact_nuitees_test`).
    pub space: Space,
    /// Offending keys listed, per table and kind.
    pub limit: u32,
}

/// What is wrong with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    /// In the temporary table, not in main.
    Missing,
    Different,
    /// Provisional in main, not in the temporary table.
    Surplus,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct Offender {
    kind: Kind,
    /// Date, then the names of the dimensions (`#id` where the row is gone).
    key: Vec<String>,
    temp_volume: Option<i64>,
    main_volume: Option<i64>,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct VerifiedTable {
    temp: String,
    main: String,
    status: &'static str,
    #[serde(flatten)]
    comparison: Comparison,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    offenders: Vec<Offender>,
    /// Which kind of failure, for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<Code>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct VerifyReport {
    tables: Vec<VerifiedTable>,
    limit: u32,
}

/// Verifies the pairs. Reads only.
///
/// # Errors
/// Those that concern the run as a whole.
pub fn verify(database: &Database, options: &VerifyOptions) -> Result<impl Report + use<>> {
    let mut session = database.session()?;
    let existing = schema::existing(&mut session)?;
    let mut tables = Vec::new();
    for pair in pairs(options.space, &options.only)? {
        crate::signals::check()?;
        let result =
            pair.require(options.space, &existing).and_then(|()| verify_pair(&mut session, &pair, options.limit));
        tables.push(match result {
            Ok((comparison, offenders)) => VerifiedTable {
                status: match comparison {
                    Comparison { temp_rows: 0, .. } => "empty",
                    comparison if comparison.invariant_holds() => "ok",
                    _ => "different",
                },
                comparison,
                offenders,
                ..blank(&pair)
            },
            Err(Error::Interrupted) => return Err(Error::Interrupted),
            Err(error) => VerifiedTable {
                code: Some(Code::of(&error)),
                error: Some(error.to_string()),
                hint: error.hint(),
                ..blank(&pair)
            },
        });
    }
    Ok(VerifyReport { tables, limit: options.limit })
}

fn blank(pair: &Pair) -> VerifiedTable {
    VerifiedTable {
        temp: pair.temp.clone(),
        main: pair.main.clone(),
        status: "failed",
        comparison: Comparison::default(),
        offenders: Vec::new(),
        code: None,
        error: None,
        hint: None,
    }
}

fn verify_pair(session: &mut Session, pair: &Pair, limit: u32) -> Result<(Comparison, Vec<Offender>)> {
    // One snapshot, so that both directions speak of the same rows.
    session.snapshot(|session| {
        let comparison = pair.compare(session)?;
        let mut offenders = Vec::new();
        for (kind, count) in [
            (Kind::Missing, comparison.missing),
            (Kind::Different, comparison.different),
            (Kind::Surplus, comparison.surplus),
        ] {
            if count > 0 && limit > 0 {
                offenders.extend(list(session, pair, kind, limit)?);
            }
        }
        Ok((comparison, offenders))
    })
}

/// The first offending keys of one kind, in key order, with the names behind the ids.
fn list(session: &mut Session, pair: &Pair, kind: Kind, limit: u32) -> Result<Vec<Offender>> {
    let (temp, main, on_key) = (&pair.temp, &pair.main, pair.on_key());
    let side = if kind == Kind::Surplus { "m" } else { "t" };
    let (from, volumes) = match kind {
        Kind::Missing => (format!("{temp} t LEFT JOIN {main} m ON {on_key}"), ("t.volume", "NULL", "m.date IS NULL")),
        Kind::Different => (
            format!("{temp} t JOIN {main} m ON {on_key}"),
            ("t.volume", "m.volume", "m.is_provisional <> 0 AND m.volume <> t.volume"),
        ),
        Kind::Surplus => (
            format!(
                "{main} m JOIN (SELECT DISTINCT date FROM {temp}) j ON j.date = m.date LEFT JOIN {temp} t ON {on_key}"
            ),
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
    let order: Vec<String> = pair.dataset.key().iter().map(|column| format!("{side}.{column}")).collect();
    let sql = format!(
        "SELECT CONCAT_WS('\\n', {}), {}, {} FROM {from}{joins} WHERE {} ORDER BY {} LIMIT {limit}",
        names.join(", "),
        volumes.0,
        volumes.1,
        volumes.2,
        order.join(", ")
    );
    let rows: Vec<(String, Option<i64>, Option<i64>)> =
        session.rows(&format!("liste des écarts de {main}"), &sql, ())?;
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
            if let Some(error) = &row.error {
                page.gap();
                page.verdict(Verdict::Error, format!("{} : {error}", row.main));
                if let Some(hint) = &row.hint {
                    page.action(hint);
                }
            }
            render_offenders(page, row, self.limit);
        }
        page.gap();
        let total: u64 = self.tables.iter().map(|row| row.comparison.temp_rows).sum();
        match self.verdict() {
            Verdict::Ok if total == 0 => page.verdict(Verdict::Ok, "rien n'attend d'être migré"),
            Verdict::Ok => page.verdict(
                Verdict::Ok,
                format!("migration prouvée : {}, aucun écart", plural(total, "ligne comparée", "lignes comparées")),
            ),
            verdict => {
                page.verdict(verdict, "la migration n'est pas prouvée");
                page.action("lancez `migrate-temp-to-main`, puis de nouveau `verify-migration`");
            }
        }
    }

    fn verdict(&self) -> Verdict {
        let verdict = |row: &VerifiedTable| match row.status {
            "ok" | "empty" => Verdict::Ok,
            "different" => Verdict::Attention,
            _ => Verdict::Error,
        };
        self.tables.iter().map(verdict).max().unwrap_or(Verdict::Ok)
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
