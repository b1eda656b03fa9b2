//! Proving that seasons, periods and days are what the calendar says, and cover what the facts need.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveDateTime, TimeDelta, Utc};

use crate::db::Database;
use crate::domain::calendar::periodes::{PeriodeKind, periodes_of};
use crate::domain::calendar::saisons::{Saison, YEARS, saison_of, saisons_of};
use crate::domain::calendar::{paris, school};
use crate::error::Result;
use crate::report::{Code, Finding, plural};
use crate::saisons::SaisonKey;
use crate::saisons::dates::{self, DatesReport};
use crate::saisons::plan::{self, LinkStep, Plan};
use crate::saisons::store::{self, SaisonRow, Stored};

/// A season that is further from the computed one is wrong.
const TOLERANCE: TimeDelta = TimeDelta::seconds(60);

/// The school calendar shall reach so many days ahead.
const SCHOOL_DAYS_AHEAD: u64 = 180;

/// Something that needs a look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Anomaly {
    /// A season that the facts, the periods or the coming year need has no row.
    SaisonManquante(SaisonKey),
    /// A season's dates or its length differ from the computed ones.
    SaisonFausse {
        key: SaisonKey,
        /// Stored beginning and end.
        present: (Option<NaiveDateTime>, Option<NaiveDateTime>),
        /// Computed beginning and end.
        attendu: (NaiveDateTime, NaiveDateTime),
        /// Stored length, where it is the length that is wrong.
        duree: Option<Option<i64>>,
    },
    /// A season does not begin the second after the one before it ended.
    Rupture {
        avant: SaisonKey,
        apres: SaisonKey,
        /// Seconds that lack (positive) or count twice (negative).
        secondes: i64,
    },
    /// A computed period of a year with facts has no row.
    PeriodeManquante { code: &'static str, annee: i32 },
    /// A period without two dates in order.
    PeriodeInvalide { code: String, annee: i32 },
    /// A period is not linked to the season that it overlaps most.
    Lien(LinkStep),
    /// The school calendar that is built in ends too soon.
    CalendrierScolaire { dernier_jour: Option<NaiveDate> },
    /// Rows of `dim_dates` differ from the calendar.
    DatesFausses { nombre: usize, exemple: dates::WrongDay },
    /// Days of the facts are not in `dim_dates`.
    DatesManquantes { nombre: usize, exemple: NaiveDate },
}

impl Anomaly {
    /// Where, what, and what to do about it.
    pub(crate) fn finding(&self) -> Finding {
        let update = "lancez `update-saisons`";
        let repair = "lancez `verifier-saisons --repair`";
        match self {
            Self::SaisonManquante(key) => {
                Finding::attention(Code::SeasonMissing, place(*key), "cette saison manque").action(update)
            }
            Self::SaisonFausse { key, duree: Some(duree), .. } => {
                let stored = duree.map_or_else(|| "NULL".to_owned(), |days| days.to_string());
                Finding::attention(
                    Code::SeasonWrong,
                    place(*key),
                    format!("duree_jours vaut {stored}, ce qui est faux"),
                )
                .action(update)
            }
            Self::SaisonFausse { key, present: (debut, fin), attendu: (from, to), .. } => {
                let present = format!("va de {} à {}", date(*debut), date(*fin));
                Finding::attention(
                    Code::SeasonWrong,
                    place(*key),
                    format!("{present}, et devrait aller de {from} à {to}"),
                )
                .action(update)
            }
            Self::Rupture { avant, apres, secondes } => {
                let what = if *secondes > 0 { "trou" } else { "chevauchement" };
                let message = format!("{what} de {} s entre {} et {}", secondes.abs(), name(*avant), name(*apres));
                Finding::attention(Code::SeasonGap, "dim_saisons", message).action(update)
            }
            Self::PeriodeManquante { code, annee } => {
                Finding::attention(Code::PeriodMissing, format!("dim_periodes, {code} {annee}"), "cette période manque")
                    .action(update)
            }
            Self::PeriodeInvalide { code, annee } => Finding::attention(
                Code::PeriodInvalid,
                format!("dim_periodes, {code} {annee}"),
                "elle n'a pas deux dates dans l'ordre",
            )
            .action("corrigez cette ligne à la main, ou supprimez-la et lancez `update-saisons`"),
            Self::Lien(LinkStep { code, annee, saison }) => {
                let message = match saison {
                    Some(key) => format!("elle n'est pas liée à la saison {}", name(*key)),
                    None => "elle est liée à une saison qu'elle ne touche pas".to_owned(),
                };
                Finding::attention(Code::PeriodLink, format!("dim_periodes, {code} {annee}"), message).action(update)
            }
            Self::CalendrierScolaire { dernier_jour } => {
                let message = match dernier_jour {
                    Some(day) => format!("le calendrier connu s'arrête le {day}"),
                    None => "aucun calendrier n'est connu".to_owned(),
                };
                Finding::attention(Code::SchoolCalendarShort, "vacances scolaires", message).action(
                    "installez une version des outils qui a les années que le ministère a publiées (elles sont dans le programme)",
                )
            }
            Self::DatesFausses { nombre, exemple } => {
                let columns = exemple.columns.join(", ");
                let count = plural(*nombre as u64, "jour diffère", "jours diffèrent");
                let message = format!("{count} du calendrier, le premier le {} ({columns})", exemple.date);
                Finding::attention(Code::CalendarWrong, "dim_dates", message).action(repair)
            }
            Self::DatesManquantes { nombre, exemple } => {
                let count = plural(*nombre as u64, "jour des faits manque", "jours des faits manquent");
                Finding::attention(Code::CalendarWrong, "dim_dates", format!("{count}, le premier est le {exemple}"))
                    .action(repair)
            }
        }
    }
}

fn place(key: SaisonKey) -> String {
    format!("dim_saisons, {}", name(key))
}

fn name((annee, saison): SaisonKey) -> String {
    format!("{} {annee}", saison.label())
}

fn date(value: Option<NaiveDateTime>) -> String {
    value.map_or_else(|| "NULL".to_owned(), |value| value.to_string())
}

/// What a verification looked at and found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[must_use]
pub(crate) struct Verification {
    pub(crate) saisons: usize,
    /// First and last year of `dim_saisons`.
    pub(crate) annees: Option<(i32, i32)>,
    pub(crate) periodes: usize,
    /// Years that the facts cover.
    pub(crate) annees_faits: BTreeSet<i32>,
    /// Computed codes whose days people changed: kept, no anomaly.
    pub(crate) modifiees: Vec<(String, i32)>,
    /// Last day of the known school calendar.
    pub(crate) calendrier_scolaire: Option<NaiveDate>,
    pub(crate) dates: DatesReport,
    /// What needs a look.
    pub(crate) anomalies: Vec<Anomaly>,
}

/// Verifies everything, at the instant `now`; writes nothing.
///
/// # Errors
/// [`crate::error::Error::MissingTable`], [`crate::error::Error::Sql`].
pub(crate) fn verify(database: &Database, now: DateTime<Utc>) -> Result<Verification> {
    let mut session = database.session()?;
    let tables = database.tables(&mut session)?;
    let stored = Stored::load(&mut session, &tables)?;
    let days = store::days_of_facts(database, &mut session)?;
    let dates = dates::inspect(&mut session, &days)?;
    Ok(assess(&stored, &days, dates, paris::civil_time(now).date()))
}

/// The findings on what was read, `today` being the day in Paris.
pub(crate) fn assess(
    stored: &Stored,
    days: &BTreeSet<NaiveDate>,
    dates: DatesReport,
    today: NaiveDate,
) -> Verification {
    let annees_faits = store::years_of(days);
    let mut anomalies = Vec::new();
    check_saisons(stored, &needed_years(stored, &annees_faits, today), &mut anomalies);
    check_contiguity(stored, &mut anomalies);
    check_periodes(stored, &annees_faits, &mut anomalies);
    anomalies.extend(plan::links(stored, &Plan::default()).into_iter().map(Anomaly::Lien));
    let dernier_jour = school::known_span().map(|(_, last)| last);
    if dernier_jour.is_none_or(|last| last < today + Days::new(SCHOOL_DAYS_AHEAD)) {
        anomalies.push(Anomaly::CalendrierScolaire { dernier_jour });
    }
    if let Some(exemple) = dates.wrong.first().cloned() {
        anomalies.push(Anomaly::DatesFausses { nombre: dates.wrong.len(), exemple });
    }
    if let Some(exemple) = dates.missing.first().copied() {
        anomalies.push(Anomaly::DatesManquantes { nombre: dates.missing.len(), exemple });
    }
    Verification {
        saisons: stored.saisons.len(),
        annees: stored.saisons.first().zip(stored.saisons.last()).map(|(first, last)| (first.key.0, last.key.0)),
        periodes: stored.periodes.len(),
        modifiees: changed_by_hand(stored),
        calendrier_scolaire: dernier_jour,
        annees_faits,
        dates,
        anomalies,
    }
}

/// The years of the facts and of the periods; without any, this one and the next.
fn needed_years(stored: &Stored, annees_faits: &BTreeSet<i32>, today: NaiveDate) -> BTreeSet<i32> {
    let known: BTreeSet<i32> = stored.years_of_periodes().into_iter().chain(annees_faits.iter().copied()).collect();
    let coming = [today.year(), today.year() + 1].into_iter().filter(|year| YEARS.contains(year));
    if known.is_empty() { coming.collect() } else { known }
}

fn check_saisons(stored: &Stored, needed: &BTreeSet<i32>, anomalies: &mut Vec<Anomaly>) {
    let rows: HashMap<SaisonKey, &SaisonRow> = stored.saisons.iter().map(|row| (row.key, row)).collect();
    let winters = needed.iter().map(|year| (year - 1, Saison::Hiver));
    let seasons = needed.iter().flat_map(|year| saisons_of(*year)).map(|span| (span.annee, span.saison));
    let keys: BTreeSet<SaisonKey> = winters.chain(seasons).collect();
    anomalies.extend(keys.into_iter().filter(|key| !rows.contains_key(key)).map(Anomaly::SaisonManquante));

    for row in &stored.saisons {
        let Some(span) = saison_of(row.key.0, row.key.1) else { continue };
        let near = |at: Option<NaiveDateTime>, computed: NaiveDateTime| {
            at.is_some_and(|at| stored.agrees(at, computed) || (at - computed).abs() <= TOLERANCE)
        };
        let (present, attendu) = ((row.debut, row.fin), (span.debut, span.fin));
        if !near(row.debut, span.debut) || !near(row.fin, span.fin) {
            anomalies.push(Anomaly::SaisonFausse { key: row.key, present, attendu, duree: None });
        } else if row.duree_jours != Some(span.duree_jours) {
            anomalies.push(Anomaly::SaisonFausse { key: row.key, present, attendu, duree: Some(row.duree_jours) });
        }
    }
}

fn check_contiguity(stored: &Stored, anomalies: &mut Vec<Anomaly>) {
    let bounds = |row: &SaisonRow| stored.bounds(row).map(|(debut, fin)| (debut, fin, row.key));
    let mut dated: Vec<_> = stored.saisons.iter().filter_map(bounds).collect();
    dated.sort_unstable();
    for pair in dated.windows(2) {
        let ((_, fin, avant), (debut, _, apres)) = (pair[0], pair[1]);
        let secondes = (debut - fin).num_seconds() - 1;
        if secondes != 0 {
            anomalies.push(Anomaly::Rupture { avant, apres, secondes });
        }
    }
}

fn check_periodes(stored: &Stored, annees_faits: &BTreeSet<i32>, anomalies: &mut Vec<Anomaly>) {
    for row in &stored.periodes {
        if row.debut.zip(row.fin).is_none_or(|(debut, fin)| fin < debut) {
            anomalies.push(Anomaly::PeriodeInvalide { code: row.code.clone(), annee: row.annee });
        }
    }
    for &annee in annees_faits {
        for periode in periodes_of(annee).known.into_iter().filter(|periode| plan::is_wanted(stored, periode.kind)) {
            let code = periode.kind.code();
            if !stored.periodes.iter().any(|row| row.annee == annee && row.code == code) {
                anomalies.push(Anomaly::PeriodeManquante { code, annee });
            }
        }
    }
}

fn changed_by_hand(stored: &Stored) -> Vec<(String, i32)> {
    let computed = |row: &store::PeriodeRow| {
        let kind = PeriodeKind::from_code(&row.code)?;
        periodes_of(row.annee).known.into_iter().find(|periode| periode.kind == kind)
    };
    let differs = |row: &&store::PeriodeRow| {
        computed(row).is_some_and(|periode| row.days() != Some((periode.premier_jour, periode.dernier_jour)))
    };
    stored.periodes.iter().filter(differs).map(|row| (row.code.clone(), row.annee)).collect()
}

#[cfg(test)]
mod tests;
