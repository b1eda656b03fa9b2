//! A migration undone: rows that it added go, volumes and states return, rows that it withdrew are back. Only where main still holds
//! what it left.

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::db::{Database, Session};
use crate::domain::catalogue::{DATASETS, Space};
use crate::error::{Error, Result};
use crate::ledger::history::{self, unique_id};
use crate::ledger::migrations::{self, Made};
use crate::ledger::rows::{Ledgered, Planned};
use crate::migrate::{MigrateOptions, Pair, migrate};
use crate::report::{Code, Done, Finding, OneOf, Page, Report, Table, Verdict, local_time, number, plural, verdict};
use crate::schema::{self, Existing};
use crate::task::{Context, Task};

/// What becomes of the migration of one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Status {
    Planned,
    Undone,
    Already,
    /// Main has changed since.
    Refused,
    Failed,
}

#[derive(Debug, Serialize, JsonSchema)]
struct UndoneTable {
    main: String,
    finished_at: String,
    /// Rows that the migration added, changed and withdrew.
    added: u64,
    reverted: u64,
    restored: u64,
    /// Loads that were cleaned since: they count as undone, so that their files can be loaded again.
    forgotten: u64,
    /// Rows of the same dates and zones that are still in the temporary table: the next migration would bring them again.
    in_temp: u64,
    status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// What can be done, or was done, about a migration.
struct Judged {
    status: Status,
    reason: Option<String>,
    forgotten: u64,
    in_temp: u64,
}

impl Judged {
    fn because(status: Status, reason: String) -> Self {
        Self { status, reason: Some(reason), forgotten: 0, in_temp: 0 }
    }
}

impl Task for MigrateOptions {
    /// Migrates, or undoes what a migration did where [`MigrateOptions::undo`] names one.
    ///
    /// # Errors
    /// Those of the connection, the lock and, without `--undo`, of the rows; [`Error::Usage`] where no run, or more than one, is named so.
    fn run(self, context: &Context) -> Result<impl Report> {
        let database = &context.database()?;
        match &self.undo {
            Some(run) => undo(database, run, self.dry_run, Of::Migrations).map(OneOf::That),
            None => migrate(database, &self, &context.progress).map(OneOf::This),
        }
    }
}

/// What is undone: what migrations did, or withdrawals on demand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Of {
    Migrations,
    Withdrawals,
}

impl Of {
    /// The tool that undoes it.
    fn tool(self) -> &'static str {
        match self {
            Self::Migrations => "migrate-temp-to-main",
            Self::Withdrawals => migrations::WITHDRAWAL,
        }
    }

    fn made_by(made: &Made) -> Self {
        if made.tool == migrations::WITHDRAWAL { Self::Withdrawals } else { Self::Migrations }
    }
}

/// Report of an undoing.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct UndoReport {
    #[serde(skip)]
    of: Of,
    undo: String,
    #[serde(rename = "dry_run")]
    done: Done,
    tables: Vec<UndoneTable>,
    findings: Vec<Finding>,
}

/// Undoes the migrations or withdrawals of a run, the newest first, each in its own transaction; one that cannot be undone does not stop the others.
///
/// # Errors
/// [`Error::Usage`] where no run, or more than one, is named so; those of the connection and of the lock.
pub(crate) fn undo(database: &Database, run: &str, dry_run: bool, of: Of) -> Result<UndoReport> {
    let prefix = run.trim().to_ascii_lowercase();
    if prefix.len() < 4 || !prefix.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Error::Usage(format!(
            "--undo « {} » : attendu, le nom d'une exécution (4 chiffres hexadécimaux au moins)",
            run
        )));
    }
    let lock = if !dry_run { Some(crate::ledger::lock(database)?) } else { None };
    let made = database.with_session(|session| migrations::of_runs(session, &prefix))?;
    let Some(run) = made.first().map(|made| made.run.clone()) else {
        return Err(Error::Usage(format!("aucune exécution gardée ne porte le nom « {prefix} »")));
    };
    if made.iter().any(|made| made.run != run) {
        return Err(Error::Usage(format!(
            "plusieurs exécutions commencent par « {prefix} » : donnez-en plus de chiffres"
        )));
    }
    if let Some(tool) = made.iter().map(Of::made_by).find(|own| *own != of).map(Of::tool) {
        return Err(Error::Usage(format!("l'exécution {run} s'annule par `{tool} --undo {run}`")));
    }
    let existing = schema::existing(&mut database.session()?)?;
    let by = lock.as_ref().map_or_else(unique_id, |lock| lock.run().to_owned());
    let (mut tables, mut findings) = (Vec::new(), Vec::new());
    for made in &made {
        crate::signals::check()?;
        let Judged { status, reason, forgotten, in_temp } = if !dry_run {
            let mut last = (0, 0);
            let done = database.transaction(|session| {
                if migrations::was_undone(session, made.id, &by)? {
                    let (forgotten, in_temp) = last;
                    return Ok(Judged { status: Status::Undone, reason: None, forgotten, in_temp });
                }
                let judged = judge(session, made, &existing, true)?;
                if judged.status == Status::Undone {
                    migrations::mark_undone(session, made.id, &by)?;
                }
                last = (judged.forgotten, judged.in_temp);
                Ok(judged)
            });
            match done {
                Err(Error::Interrupted) => return Err(Error::Interrupted),
                Err(error) if error.is_locked_out() => return Err(error),
                Err(error) => Judged::because(Status::Failed, error.to_string()),
                Ok(judged) => judged,
            }
        } else {
            judge(&mut database.session()?, made, &existing, false)?
        };
        if let (Status::Refused, Some(reason)) = (status, &reason) {
            findings.push(refusal(made, reason));
        }
        tables.push(UndoneTable {
            main: made.main.clone(),
            finished_at: made.finished_at.clone(),
            added: made.inserted,
            reverted: made.updated,
            restored: made.removed,
            forgotten,
            in_temp,
            status,
            reason,
        });
    }
    Ok(UndoReport { of, undo: run, done: Done::unless(dry_run), tables, findings })
}

fn refusal(made: &Made, reason: &str) -> Finding {
    let action = "annulez d'abord ce qui a suivi, ou rétablissez la table avec `restore-critical`";
    Finding::attention(Code::UndoRefused, &made.main, format!("non annulée : {reason}")).action(action)
}

/// Looks whether a migration can be undone, and undoes it with `act`.
fn judge(session: &mut Session, made: &Made, tables: &HashMap<String, Existing>, act: bool) -> Result<Judged> {
    let refused = |reason: String| Ok(Judged::because(Status::Refused, reason));
    if let Some(when) = &made.undone_at {
        return Ok(Judged::because(Status::Already, format!("annulée le {when} UTC")));
    }
    if made.forgotten_at.is_some() {
        return refused("trop ancienne, ses lignes ne sont plus gardées (--keep-history de `cleanup-temp`)".into());
    }
    if let Some(run) = migrations::later(session, made)? {
        return refused(format!("l'exécution {} a changé les mêmes dates depuis", &run[..8.min(run.len())]));
    }
    let spaces = [Space::Production, Space::Test];
    let mut pairs = DATASETS.iter().flat_map(|dataset| spaces.map(|space| Pair::new(dataset, space)));
    let Some(pair) = pairs.find(|pair| pair.main == made.main) else {
        return refused("cette table n'est pas au catalogue".into());
    };
    let (key, columns) = (pair.dataset.key(), pair.dataset.columns());
    let ledgered = Ledgered {
        id: made.id,
        temp: &made.temp,
        main: &made.main,
        key: &key,
        columns: &columns,
        whole: "TRUE",
        dated: pair.is_dated(tables),
    };
    let planned = Planned {
        inserted: made.inserted,
        inserted_known: ledgered.inserted_known(session)?,
        updated: made.updated,
        removed: made.removed,
        all_new: false,
    };
    if let Some(obstacle) = ledgered.obstacle(session, &planned)? {
        return refused(obstacle);
    }
    let of = Of::made_by(made);
    let in_temp = if tables.contains_key(&made.temp) { migrations::in_temp(session, made)? } else { 0 };
    if !act {
        let forgotten = match of {
            Of::Migrations => history::migrated_since(session, &made.temp, made.id)?,
            Of::Withdrawals => 0,
        };
        return Ok(Judged { status: Status::Planned, reason: None, forgotten, in_temp });
    }
    ledgered.undo(session, &planned)?;
    let forgotten = match of {
        Of::Migrations => history::undo_migrated(session, &made.temp, made.id, &made.run)?,
        Of::Withdrawals => {
            history::redo_cleaned(session, &made.temp, &made.main, &made.run)?;
            0
        }
    };
    Ok(Judged { status: Status::Undone, reason: None, forgotten, in_temp })
}

impl Report for UndoReport {
    fn render(&self, page: &mut Page) {
        let mut table = Table::new(&[
            "table",
            "état",
            "faite le (UTC)",
            ">ajoutées à retirer",
            ">volumes à rendre",
            ">retirées à remettre",
        ]);
        for row in &self.tables {
            let (sign, state) = match row.status {
                Status::Planned => (Verdict::Ok, "annulable"),
                Status::Undone => (Verdict::Ok, "annulée"),
                Status::Already => (Verdict::Ok, "déjà annulée"),
                Status::Refused => (Verdict::Attention, "refusée"),
                Status::Failed => (Verdict::Error, "échec"),
            };
            let counts = [row.added, row.reverted, row.restored].map(number);
            let subject = [row.main.clone(), format!("{} {state}", sign.sign()), local_time(&row.finished_at)];
            table.row(subject.into_iter().chain(counts));
        }
        page.table(&table);
        page.gap();
        self.findings.iter().for_each(|finding| page.finding(finding));
        for row in self.tables.iter().filter(|row| row.status == Status::Failed) {
            page.verdict(Verdict::Error, format!("{} : {}", row.main, row.reason.as_deref().unwrap_or_default()));
        }
        let count = |status: Status| self.tables.iter().filter(|row| row.status == status).count() as u64;
        if !self.done.really() {
            let planned = match self.of {
                Of::Migrations => plural(count(Status::Planned), "migration annulable", "migrations annulables"),
                Of::Withdrawals => plural(count(Status::Planned), "retrait annulable", "retraits annulables"),
            };
            page.conclude(self.verdict(), planned);
            if count(Status::Planned) > 0 {
                page.action(&format!("`{} --undo {} --yes` les annule", self.of.tool(), &self.undo[..8]));
            }
            return;
        }
        let undone = match self.of {
            Of::Migrations => plural(count(Status::Undone), "migration annulée", "migrations annulées"),
            Of::Withdrawals => plural(count(Status::Undone), "retrait annulé", "retraits annulés"),
        };
        page.conclude(self.verdict(), undone);
        if self.of == Of::Withdrawals {
            return;
        }
        let undone = || self.tables.iter().filter(|row| row.status == Status::Undone);
        if undone().any(|row| row.in_temp > 0) {
            page.action(
                "les lignes temporaires sont encore là : la prochaine migration les reprendrait ; si elles étaient l'erreur, ôtez leurs CSV \
                 de data/data_temp/, puis `cleanup-temp --force`",
            );
        }
        let forgotten: u64 = undone().map(|row| row.forgotten).sum();
        if forgotten > 0 {
            let loads = plural(forgotten, "chargement déjà nettoyé compte", "chargements déjà nettoyés comptent");
            page.action(&format!(
                "{loads} comme annulés : `update-temp-tables` reprendrait leurs CSV ; s'ils étaient l'erreur, ôtez-les de data/data_temp/"
            ));
        }
    }

    fn verdict(&self) -> Verdict {
        let failed = self.tables.iter().any(|table| table.status == Status::Failed);
        if failed { Verdict::Error } else { verdict(&self.findings) }
    }

    fn done(&self) -> Done {
        self.done
    }
}
