//! `manage-periodes`: the periods that people enter by hand, a festival week for instance: listed, added, changed, removed, copied to
//! another year. Days are checked, overlaps told, the season filled as `update-saisons` would.

use std::collections::HashMap;

use chrono::{Datelike, Days as DayCount, NaiveDate};
use mysql::Value;
use schemars::JsonSchema;
use serde::Serialize;

use crate::db::{Database, Session};
use crate::domain::calendar::periodes::{PeriodeKind, season_of};
use crate::domain::calendar::saisons::{Saison, YEARS};
use crate::domain::names::fold;
use crate::error::{Error, Result};
use crate::ledger::periodes;
use crate::report::{Code, Done, Finding, Page, Report, Table, Verdict, plural, verdict};
use crate::saisons::SaisonKey;
use crate::saisons::store::{PeriodeRow, Stored};
use crate::task::{Context, Task};

/// What `manage-periodes` is asked to do with `dim_periodes`.
#[derive(Debug, Clone)]
pub enum PeriodeAction {
    /// Shows the periods, of a year or a code if one is given.
    List {
        /// Only those of this year.
        year: Option<i32>,
        /// Only those of this code.
        code: Option<String>,
    },
    /// Adds a period to the year of its first day.
    Add {
        /// `code_periode`.
        code: String,
        /// `nom_periode`.
        name: String,
        /// First day; its year is that of the period.
        from: NaiveDate,
        /// Last day, included.
        to: NaiveDate,
    },
    /// Gives a period another name or other days.
    Change {
        /// Code of the period, as `dim_periodes` has it.
        code: String,
        /// Year that the period belongs to.
        year: i32,
        /// Its new name; the old one stays where there is none.
        name: Option<String>,
        /// Its new first day.
        from: Option<NaiveDate>,
        /// Its new last day.
        to: Option<NaiveDate>,
    },
    /// Removes a period of one year.
    Remove {
        /// Code of the period, as `dim_periodes` has it.
        code: String,
        /// Year that the period belongs to.
        year: i32,
    },
    /// Copies a period to another year.
    Copy {
        /// Code of the period, as `dim_periodes` has it.
        code: String,
        /// Year that the period belongs to.
        year: i32,
        /// Year that the copy belongs to.
        to_year: i32,
        /// On the same days of the week, not of the month.
        same_weekday: bool,
    },
}

/// A period as reports show it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
struct Shown {
    id: Option<u32>,
    code: String,
    name: String,
    year: i32,
    from: Option<String>,
    to: Option<String>,
    days: Option<i64>,
    /// `ete 2025`
    season: Option<String>,
    /// Whether `update-saisons` computes periods of this code.
    computed: bool,
}

/// Report of `manage-periodes`.
#[derive(Debug, Serialize, JsonSchema)]
struct ManageReport {
    action: &'static str,
    #[serde(rename = "dry_run")]
    done: Done,
    /// The periods listed, or the one that was written or removed.
    periodes: Vec<Shown>,
    /// The period before a change.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<Shown>,
    /// Other periods that share days with it.
    overlaps: Vec<Shown>,
    findings: Vec<Finding>,
}

/// What the table looks like here: older databases differ.
#[derive(Debug)]
struct Shape {
    /// Whether `date_debut` and `date_fin` hold a time.
    timed: [bool; 2],
    /// Whether there is a text column `saison`, and the values that it may hold or holds.
    saison: Option<Vec<String>>,
}

/// Everything that an action looks at.
struct State {
    stored: Stored,
    names: HashMap<u32, String>,
    shape: Shape,
}

/// What is to be written of a period.
struct Wanted {
    code: String,
    name: String,
    from: NaiveDate,
    to: NaiveDate,
}

/// Longest name and code that the table holds, in characters.
const LONGEST_NAME: usize = 100;
const LONGEST_CODE: usize = 50;
/// A period that is longer is a mistake: the whole year is one already.
const MOST_DAYS: i64 = 366;

/// `manage-periodes`: an action, and whether it is carried out.
#[derive(Debug, Clone)]
pub struct ManageOptions {
    /// What is done.
    pub action: PeriodeAction,
    /// Only says what would be written.
    pub dry_run: bool,
}

impl Task for ManageOptions {
    /// Carries out the action, in one transaction under the lock of the writers.
    ///
    /// # Errors
    /// [`Error::Usage`] for days or a code that make no sense, [`Error::Config`] where the period is there already, is not there, or is
    /// computed; [`Error::MissingTable`], [`Error::Locked`], [`Error::Sql`].
    fn run(self, context: &Context) -> Result<impl Report> {
        let (database, action) = (&context.database()?, &self.action);
        if self.dry_run || matches!(action, PeriodeAction::List { .. }) {
            let mut session = database.session()?;
            return Ok(Step::new(State::load(database, &mut session)?, action)?.report(action, true));
        }
        let _lock = crate::ledger::lock(database)?;
        database.transaction(|session| {
            let step = Step::new(State::load(database, session)?, action)?;
            step.write(session, database)?;
            Ok(step.report(action, false))
        })
    }
}

impl State {
    fn load(database: &Database, session: &mut Session) -> Result<Self> {
        let tables = database.tables(session)?;
        let stored = Stored::load(session, &tables)?;
        let names: Vec<(u32, Option<String>)> =
            session.rows("lecture de dim_periodes", "SELECT id_periode, nom_periode FROM dim_periodes", ())?;
        let names = names.into_iter().map(|(id, name)| (id, name.unwrap_or_default())).collect();
        Ok(Self { stored, names, shape: Shape::load(session)? })
    }

    fn find(&self, code: &str, year: i32) -> Option<&PeriodeRow> {
        self.stored.periodes.iter().find(|row| row.code.eq_ignore_ascii_case(code) && row.annee == year)
    }

    fn needed(&self, code: &str, year: i32) -> Result<&PeriodeRow> {
        self.find(code, year).ok_or_else(|| {
            let years: Vec<String> = self.years_of(code).iter().map(ToString::to_string).collect();
            let known = if years.is_empty() { "aucune année".to_owned() } else { years.join(", ") };
            Error::Config {
                message: format!("il n'y a pas de période « {code} » en {year} (elle existe pour : {known})"),
                hint: "voyez `manage-periodes list`".into(),
            }
        })
    }

    fn years_of(&self, code: &str) -> Vec<i32> {
        self.stored.periodes.iter().filter(|row| row.code.eq_ignore_ascii_case(code)).map(|row| row.annee).collect()
    }

    fn shown(&self, row: &PeriodeRow) -> Shown {
        let season = row.id_saison.and_then(|id| self.stored.saisons.iter().find(|saison| saison.id == id));
        Shown {
            id: Some(row.id),
            code: row.code.clone(),
            name: self.names.get(&row.id).cloned().unwrap_or_default(),
            year: row.annee,
            from: row.debut.map(|debut| debut.date().to_string()),
            to: row.fin.map(|fin| fin.date().to_string()),
            days: row.days().map(|(first, last)| (last - first).num_days() + 1),
            season: season.map(|saison| text_of(saison.key)),
            computed: PeriodeKind::from_code(&row.code).is_some(),
        }
    }

    /// What else of its year bears the code or the name of a period, as the portal finds them: it shows one of them, or none.
    fn namesakes(&self, wanted: &Wanted, own: Option<u32>) -> Vec<String> {
        let spelt = |name: &str| fold(name.trim()).replace('_', "");
        let mine = [spelt(&wanted.code), spelt(&wanted.name)];
        let bears = |row: &&PeriodeRow| {
            let name = self.names.get(&row.id).map_or("", String::as_str);
            mine.contains(&spelt(&row.code)) || mine.contains(&spelt(name))
        };
        let others = self.stored.periodes.iter().filter(|row| row.annee == wanted.from.year() && Some(row.id) != own);
        let periods = others.filter(bears).map(|row| format!("la période {}", row.code));
        let seasons = Saison::ALL.into_iter().filter(|saison| mine.contains(&spelt(saison.code())));
        periods.chain(seasons.map(|saison| format!("la saison {}", saison.code()))).collect()
    }

    /// The season that holds most days of a period.
    fn season(&self, from: NaiveDate, to: NaiveDate) -> Option<(u32, SaisonKey)> {
        let known = self.stored.saisons.iter().filter_map(|row| Some(((row.id, row.key), row.debut?, row.fin?)));
        season_of(from, to, known)
    }
}

fn text_of((year, saison): SaisonKey) -> String {
    format!("{} {year}", saison.code())
}

impl Shape {
    fn load(session: &mut Session) -> Result<Self> {
        let sql = "SELECT LOWER(column_name) AS name, LOWER(data_type) AS kind, column_type AS full_type \
                   FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'dim_periodes'";
        let columns: Vec<(String, String, String)> = session.rows("structure de dim_periodes", sql, ())?;
        let column = |wanted: &str| columns.iter().find(|(name, ..)| name == wanted);
        let timed = ["date_debut", "date_fin"].map(|name| column(name).is_none_or(|(_, kind, _)| kind != "date"));
        let saison = match column("saison") {
            None => None,
            Some((_, _, full_type)) => {
                let sql = "SELECT DISTINCT CAST(saison AS CHAR) FROM dim_periodes WHERE saison IS NOT NULL";
                let mut values: Vec<String> = session.rows("lecture de dim_periodes", sql, ())?;
                // enum('printemps','ete',…)
                values.extend(full_type.split('\'').skip(1).step_by(2).map(str::to_owned));
                Some(values)
            }
        };
        Ok(Self { timed, saison })
    }

    /// The days as the columns hold them.
    fn days(&self, from: NaiveDate, to: NaiveDate) -> [Value; 2] {
        let value = |day: NaiveDate, timed: bool, time: &str| {
            Value::from(if timed { format!("{day} {time}") } else { day.to_string() })
        };
        [value(from, self.timed[0], "00:00:00"), value(to, self.timed[1], "23:59:59")]
    }

    /// The season as the text column writes it, where there is one.
    fn saison_text(&self, season: Option<SaisonKey>) -> Option<Option<String>> {
        let values = self.saison.as_ref()?;
        Some(season.map(|(_, saison)| {
            let same = values.iter().find(|value| fold(value) == fold(saison.label()));
            same.cloned().unwrap_or_else(|| saison.code().to_owned())
        }))
    }
}

/// What an action comes to.
struct Step {
    state: State,
    /// The row that is changed or removed.
    row: Option<PeriodeRow>,
    /// The period that is to be there afterwards.
    wanted: Option<Wanted>,
    listed: Vec<Shown>,
}

impl Step {
    fn new(state: State, action: &PeriodeAction) -> Result<Self> {
        let (mut row, mut wanted, mut listed) = (None, None, Vec::new());
        match action {
            PeriodeAction::List { year, code } => {
                let fits = |row: &&PeriodeRow| {
                    year.is_none_or(|year| row.annee == year)
                        && code.as_ref().is_none_or(|code| row.code.eq_ignore_ascii_case(code))
                };
                listed = state.stored.periodes.iter().filter(fits).map(|row| state.shown(row)).collect();
            }
            PeriodeAction::Add { code, name, from, to } => {
                hand_made(code, "ajoutée")?;
                wanted = Some(Wanted { code: code.clone(), name: name.clone(), from: *from, to: *to });
            }
            PeriodeAction::Change { code, year, name, from, to } => {
                let found = state.needed(code, *year)?.clone();
                let days = found.days();
                let day = |given: Option<NaiveDate>, old: Option<NaiveDate>, option: &str| {
                    given
                        .or(old)
                        .ok_or_else(|| Error::Usage(format!("cette période n'a pas de date : donnez {option}")))
                };
                wanted = Some(Wanted {
                    code: found.code.clone(),
                    name: name.clone().unwrap_or_else(|| state.names.get(&found.id).cloned().unwrap_or_default()),
                    from: day(*from, days.map(|days| days.0), "--from")?,
                    to: day(*to, days.map(|days| days.1), "--to")?,
                });
                row = Some(found);
            }
            PeriodeAction::Remove { code, year } => {
                hand_made(code, "retirée")?;
                row = Some(state.needed(code, *year)?.clone());
            }
            PeriodeAction::Copy { code, year, to_year, same_weekday } => {
                hand_made(code, "copiée")?;
                let found = state.needed(code, *year)?;
                let name = state.names.get(&found.id).cloned().unwrap_or_default();
                wanted = Some(copied(found, name, *to_year, *same_weekday)?);
            }
        }
        let step = Self { state, row, wanted, listed };
        step.check(action)?;
        Ok(step)
    }

    fn check(&self, action: &PeriodeAction) -> Result<()> {
        let Some(wanted) = &self.wanted else { return Ok(()) };
        let usage = |message: String| Err(Error::Usage(message));
        let (from, to) = (wanted.from, wanted.to);
        if from > to {
            return usage(format!("le premier jour, {from}, vient après le dernier, {to}"));
        }
        if (to - from).num_days() + 1 > MOST_DAYS {
            return usage(format!("du {from} au {to} : plus d'un an, ce n'est pas une période"));
        }
        if !YEARS.contains(&from.year()) {
            return usage(format!("l'année {} est hors de {} à {}", from.year(), YEARS.start(), YEARS.end()));
        }
        if wanted.name.trim().is_empty() || wanted.name.chars().count() > LONGEST_NAME {
            return usage(format!("le nom doit avoir de 1 à {LONGEST_NAME} caractères"));
        }
        if wanted.name.chars().any(char::is_control) {
            return usage("le nom contient un caractère de contrôle".into());
        }
        if let PeriodeAction::Change { year, .. } = action
            && from.year() != *year
        {
            return usage(format!(
                "une période porte l'année où elle commence : le {from} n'est pas en {year} ; copiez-la plutôt"
            ));
        }
        if self.row.is_none() && self.state.find(&wanted.code, from.year()).is_some() {
            return Err(Error::Config {
                message: format!("il y a déjà une période « {} » en {}", wanted.code, from.year()),
                hint: "changez-la avec `manage-periodes change`, ou prenez un autre --code".into(),
            });
        }
        Ok(())
    }

    fn write(&self, session: &mut Session, database: &Database) -> Result<()> {
        match (&self.wanted, &self.row) {
            (Some(wanted), row) => self.store(session, wanted, row.as_ref()),
            (None, Some(row)) => {
                session.exec("retrait de dim_periodes", "DELETE FROM dim_periodes WHERE id_periode = ?", (row.id,))?;
                if database.tables(session)?.contains(periodes::TABLE) {
                    periodes::forget(session, &row.code, row.annee)?;
                }
                Ok(())
            }
            (None, None) => Ok(()),
        }
    }

    fn store(&self, session: &mut Session, wanted: &Wanted, row: Option<&PeriodeRow>) -> Result<()> {
        let season = self.state.season(wanted.from, wanted.to);
        let [debut, fin] = self.state.shape.days(wanted.from, wanted.to);
        let mut columns = vec!["nom_periode", "date_debut", "date_fin", "id_saison"];
        let mut values: Vec<Value> = vec![wanted.name.trim().into(), debut, fin, season.map(|(id, _)| id).into()];
        if let Some(text) = self.state.shape.saison_text(season.map(|(_, key)| key)) {
            columns.push("saison");
            values.push(text.into());
        }
        if let Some(row) = row {
            values.push(row.id.into());
            let sets: Vec<String> = columns.iter().map(|column| format!("{column} = ?")).collect();
            let sql = format!("UPDATE dim_periodes SET {} WHERE id_periode = ?", sets.join(", "));
            session.exec("mise à jour de dim_periodes", &sql, values)?;
            return Ok(());
        }
        columns.extend(["code_periode", "annee"]);
        values.extend([Value::from(&wanted.code), wanted.from.year().into()]);
        let marks = vec!["?"; columns.len()].join(", ");
        let sql = format!("INSERT INTO dim_periodes ({}) VALUES ({marks})", columns.join(", "));
        session.exec("ajout dans dim_periodes", &sql, values)?;
        Ok(())
    }

    fn report(self, action: &PeriodeAction, dry_run: bool) -> ManageReport {
        let name = match action {
            PeriodeAction::List { .. } => "list",
            PeriodeAction::Add { .. } => "add",
            PeriodeAction::Change { .. } => "change",
            PeriodeAction::Remove { .. } => "remove",
            PeriodeAction::Copy { .. } => "copy",
        };
        let before = self.row.as_ref().map(|row| self.state.shown(row));
        let mut report = ManageReport {
            action: name,
            done: Done::unless(dry_run && name != "list"),
            periodes: self.listed,
            before: None,
            overlaps: Vec::new(),
            findings: Vec::new(),
        };
        match &self.wanted {
            None => report.periodes.extend(before),
            Some(wanted) => {
                let season = self.state.season(wanted.from, wanted.to);
                report.periodes.push(Shown {
                    id: self.row.as_ref().map(|row| row.id),
                    code: wanted.code.clone(),
                    name: wanted.name.trim().to_owned(),
                    year: wanted.from.year(),
                    from: Some(wanted.from.to_string()),
                    to: Some(wanted.to.to_string()),
                    days: Some((wanted.to - wanted.from).num_days() + 1),
                    season: season.map(|(_, key)| text_of(key)),
                    computed: PeriodeKind::from_code(&wanted.code).is_some(),
                });
                report.before = before;
                let own = self.row.as_ref().map(|row| row.id);
                let shares = |row: &&PeriodeRow| {
                    let days = row.days().is_some_and(|(first, last)| first <= wanted.to && last >= wanted.from);
                    days && Some(row.id) != own && row.code != PeriodeKind::AnneeComplete.code()
                };
                report.overlaps =
                    self.state.stored.periodes.iter().filter(shares).map(|row| self.state.shown(row)).collect();
                if season.is_none() {
                    let message = "aucune saison de dim_saisons ne couvre ces jours";
                    let finding = Finding::attention(Code::PeriodLink, &wanted.code, message);
                    report.findings.push(finding.action("lancez `update-saisons`, qui remplit le lien"));
                }
                if !matches!(action, PeriodeAction::Change { name: None, .. }) {
                    report.findings.extend(self.state.namesakes(wanted, own).iter().map(|other| {
                        let message = format!("{other} porte aussi ce nom ou ce code : le portail montrera l'une, ou aucune");
                        Finding::attention(Code::NameAmbiguous, &wanted.code, message)
                            .action("donnez-lui un autre nom (`manage-periodes change --name`), ou retirez-la et prenez un autre --code")
                    }));
                }
            }
        }
        report
    }
}

/// Refuses the codes that `update-saisons` writes, and those that are none.
fn hand_made(code: &str, what: &str) -> Result<()> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if PeriodeKind::from_code(&code.to_ascii_lowercase()).is_some() {
        return Err(Error::Config {
            message: format!("« {code} » est calculée par `update-saisons`, elle ne peut pas être {what} à la main"),
            hint: "pour d'autres jours, `manage-periodes change` : `update-saisons` les gardera".into(),
        });
    }
    if what == "ajoutée" && (code.is_empty() || code.len() > LONGEST_CODE || !code.chars().all(plain)) {
        return Err(Error::Usage(format!(
            "le code « {code} » : de 1 à {LONGEST_CODE} lettres minuscules sans accent, chiffres ou _, par exemple festival_theatre"
        )));
    }
    Ok(())
}

/// The same period in another year.
fn copied(row: &PeriodeRow, name: String, year: i32, same_weekday: bool) -> Result<Wanted> {
    let (first, last) = row
        .days()
        .ok_or_else(|| Error::Usage("cette période n'a pas de dates, elle ne peut pas être copiée".into()))?;
    // 29 February is the 28th elsewhere.
    let same_day = first.with_year(year).or_else(|| NaiveDate::from_ymd_opt(year, 2, 28));
    let mut from = same_day.ok_or_else(|| Error::Usage(format!("l'année {year} n'existe pas")))?;
    if same_weekday {
        let ahead =
            i64::from(first.weekday().num_days_from_monday()) - i64::from(from.weekday().num_days_from_monday());
        let ahead = (ahead + 10).rem_euclid(7) - 3;
        let moved = from.checked_add_signed(chrono::TimeDelta::days(ahead));
        from = moved.filter(|day| day.year() == year).unwrap_or(from);
    }
    let length = u64::try_from((last - first).num_days()).unwrap_or(0);
    let to = from.checked_add_days(DayCount::new(length)).unwrap_or(from);
    Ok(Wanted { code: row.code.clone(), name: name.replace(&first.year().to_string(), &year.to_string()), from, to })
}

impl Report for ManageReport {
    fn render(&self, page: &mut Page) {
        let mut table = Table::new(&["code", "nom", ">année", "du", "au", ">jours", "?saison", "?origine"]);
        let rows = self.before.iter().map(|row| ("avant", row)).chain(self.periodes.iter().map(|row| ("", row)));
        for (when, row) in rows {
            let origin = if row.computed { "calculée" } else { "saisie" };
            table.row([
                row.code.clone(),
                row.name.clone(),
                row.year.to_string(),
                row.from.clone().unwrap_or_else(|| "–".into()),
                row.to.clone().unwrap_or_else(|| "–".into()),
                row.days.map_or_else(String::new, |days| days.to_string()),
                row.season.clone().unwrap_or_else(|| "–".into()),
                if when.is_empty() { origin.to_owned() } else { when.to_owned() },
            ]);
        }
        if !table.is_empty() {
            page.table(&table);
            page.gap();
        }
        for other in &self.overlaps {
            let days = [&other.from, &other.to].map(|day| day.clone().unwrap_or_default());
            page.line(format!(
                "  a des jours communs avec {} ({}, du {} au {})",
                other.name, other.code, days[0], days[1]
            ));
        }
        for finding in &self.findings {
            page.finding(finding);
        }
        let participle = match self.action {
            "add" => "ajoutée",
            "change" => "changée",
            "remove" => "retirée",
            _ => "copiée",
        };
        let line = match self.action {
            "list" => plural(self.periodes.len() as u64, "période", "périodes"),
            _ => format!("période {}", self.done.verb(1, [participle, participle])),
        };
        page.conclude(self.verdict(), line);
        if !self.done.really() && self.action == "remove" {
            page.confirm(None);
        }
    }

    fn verdict(&self) -> Verdict {
        verdict(&self.findings)
    }

    fn done(&self) -> Done {
        self.done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(first: &str, last: &str) -> PeriodeRow {
        let at = |day: &str, time: &str| format!("{day}T{time}").parse().ok();
        PeriodeRow {
            id: 1,
            code: "festival".into(),
            annee: 2025,
            debut: at(first, "00:00:00"),
            fin: at(last, "23:59:59"),
            id_saison: None,
        }
    }

    #[test]
    fn a_copy_keeps_the_length_and_the_days_of_the_month_or_of_the_week() {
        let copy = |first: &str, last: &str, year, weekday| {
            let wanted = copied(&row(first, last), "Festival 2025".into(), year, weekday).unwrap();
            (wanted.name, wanted.from.to_string(), wanted.to.to_string())
        };
        let told = |from: &str, to: &str, year| (format!("Festival {year}"), from.to_owned(), to.to_owned());
        // Wednesday 20 August 2025; the nearest Wednesday of 2026 is the 19th (calendar of both years).
        assert_eq!(copy("2025-08-20", "2025-08-23", 2026, false), told("2026-08-20", "2026-08-23", 2026));
        assert_eq!(copy("2025-08-20", "2025-08-23", 2026, true), told("2026-08-19", "2026-08-22", 2026));
        // Over the end of the year, and from a leap day.
        assert_eq!(copy("2025-12-30", "2026-01-02", 2027, false), told("2027-12-30", "2028-01-02", 2027));
        assert_eq!(copy("2024-02-29", "2024-03-01", 2025, false).1, "2025-02-28");
    }

    #[test]
    fn codes_are_plain_and_not_computed() {
        assert!(hand_made("festival_theatre_2", "ajoutée").is_ok());
        for bad in ["", "Festival", "fête", "a b", "x'y", &"a".repeat(51)] {
            assert_eq!(hand_made(bad, "ajoutée").unwrap_err().code(), 2, "{bad}");
        }
        assert_eq!(hand_made("vacances_ete", "retirée").unwrap_err().code(), 1);
        // An older code that we would not give can still be removed.
        assert!(hand_made("Fête", "retirée").is_ok());
    }
}
