//! Reports of the tools on seasons, for people and as JSON.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use chrono::{NaiveDateTime, SecondsFormat};
use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::calendar::saisons::{Saison, SaisonSpan, saisons_of};
use crate::report::{Done, Finding, Page, Report, Table, Verdict, number, plural, verdict};
use crate::saisons::check::{Anomaly, Verification};
use crate::saisons::dates::DatesReport;
use crate::saisons::plan::{Counts, PeriodeStep, Plan, SaisonStep};
use crate::saisons::store::{Days, PeriodeRow};

/// A computed season, for `scrap-date`.
#[derive(Debug, Serialize, JsonSchema)]
struct Instant {
    annee: i32,
    saison: &'static str,
    instant_utc: String,
    instant_paris: String,
    date_fin: String,
    duree_jours: i64,
}

impl From<SaisonSpan> for Instant {
    fn from(span: SaisonSpan) -> Self {
        Self {
            annee: span.annee,
            saison: span.saison.code(),
            instant_utc: span.instant.to_rfc3339_opts(SecondsFormat::Secs, true),
            instant_paris: text(span.debut),
            date_fin: text(span.fin),
            duree_jours: span.duree_jours,
        }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct InstantsReport {
    from: i32,
    to: i32,
    saisons: Vec<Instant>,
    #[serde(skip)]
    csv: bool,
}

impl InstantsReport {
    /// Equinoxes and solstices of `years`; as CSV or as a table for people.
    pub(crate) fn new(years: RangeInclusive<i32>, csv: bool) -> Self {
        let (from, to) = (*years.start(), *years.end());
        Self { from, to, saisons: years.flat_map(saisons_of).map(Instant::from).collect(), csv }
    }
}

impl Report for InstantsReport {
    fn render(&self, page: &mut Page) {
        if self.csv {
            page.verbatim("annee;saison;instant_utc;instant_paris;date_fin;duree_jours");
            for Instant { annee, saison, instant_utc, instant_paris, date_fin, duree_jours } in &self.saisons {
                page.verbatim(format!("{annee};{saison};{instant_utc};{instant_paris};{date_fin};{duree_jours}"));
            }
            return;
        }
        let mut table = Table::new(&["année", "saison", "??début (UTC)", "début (Paris)", "fin (Paris)", ">jours"]);
        for row in &self.saisons {
            table.row([
                row.annee.to_string(),
                Saison::from_code(row.saison).map_or(row.saison, Saison::label).to_owned(),
                row.instant_utc.clone(),
                row.instant_paris.clone(),
                row.date_fin.clone(),
                row.duree_jours.to_string(),
            ]);
        }
        page.table(&table);
    }
}

#[derive(Debug, Serialize, JsonSchema)]
struct PeriodeCounts {
    #[serde(flatten)]
    counts: Counts,
    kept_changed: usize,
    kept_own: usize,
}

/// A row that changes.
#[derive(Debug, Serialize, JsonSchema)]
struct Change {
    table: &'static str,
    annee: i32,
    code: &'static str,
    before: Option<[String; 2]>,
    after: [String; 2],
}

/// A period of the people's, which is kept.
#[derive(Debug, Serialize, JsonSchema)]
struct Kept {
    code: String,
    annee: i32,
    days: Option<[String; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    computed: Option<[String; 2]>,
}

impl Kept {
    fn new(row: &PeriodeRow, computed: Option<Days>) -> Self {
        let texts = |(first, last): Days| [first.to_string(), last.to_string()];
        Self { code: row.code.clone(), annee: row.annee, days: row.days().map(texts), computed: computed.map(texts) }
    }

    fn line(&self) -> String {
        let days = self.days.as_ref().map_or_else(|| "sans dates".to_owned(), |[from, to]| format!("{from} à {to}"));
        let computed =
            self.computed.as_ref().map_or_else(String::new, |[from, to]| format!(", calculée {from} à {to}"));
        format!("{} {} : {days}{computed}", self.code, self.annee)
    }
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct UpdateReport {
    #[serde(rename = "dry_run")]
    done: Done,
    from: i32,
    to: i32,
    saisons: Counts,
    periodes: PeriodeCounts,
    links_changed: usize,
    changes: Vec<Change>,
    changed_by_hand: Vec<Kept>,
    own_periods: Vec<Kept>,
    /// Years whose school calendar is not known, with the codes of the periods that are therefore not computed.
    unknown: BTreeMap<i32, Vec<&'static str>>,
}

impl UpdateReport {
    /// What `plan` did, or would do.
    pub(crate) fn new(plan: &Plan, years: &RangeInclusive<i32>, dry_run: bool) -> Self {
        let changed_by_hand: Vec<_> = plan
            .changed_by_hand()
            .map(|(row, periode)| Kept::new(row, Some((periode.premier_jour, periode.dernier_jour))))
            .collect();
        let own_periods: Vec<_> = plan.theirs.iter().map(|row| Kept::new(row, None)).collect();
        let mut unknown: BTreeMap<i32, Vec<&'static str>> = BTreeMap::new();
        for (year, kind) in &plan.unknown {
            unknown.entry(*year).or_default().push(kind.code());
        }
        Self {
            done: Done::unless(dry_run),
            from: *years.start(),
            to: *years.end(),
            saisons: plan.saison_counts(),
            periodes: PeriodeCounts {
                counts: plan.periode_counts(),
                kept_changed: changed_by_hand.len(),
                kept_own: own_periods.len(),
            },
            links_changed: plan.links.len(),
            changes: changes(plan),
            changed_by_hand,
            own_periods,
            unknown,
        }
    }
}

fn changes(plan: &Plan) -> Vec<Change> {
    let stored = |at: Option<NaiveDateTime>| at.map_or_else(|| "NULL".to_owned(), text);
    let saison = |span: &SaisonSpan, before| Change {
        table: "dim_saisons",
        annee: span.annee,
        code: span.saison.code(),
        before,
        after: [text(span.debut), text(span.fin)],
    };
    let saisons = plan.saisons.iter().filter_map(|step| match step {
        SaisonStep::Insert(span) => Some(saison(span, None)),
        SaisonStep::Update(row, span) => Some(saison(span, Some([stored(row.debut), stored(row.fin)]))),
        SaisonStep::Keep(_) => None,
    });
    let periodes = plan.periodes.iter().filter_map(|step| {
        let (periode, before) = match step {
            PeriodeStep::Insert(periode) => (periode, None),
            PeriodeStep::Update(row, periode) => (periode, Some([stored(row.debut), stored(row.fin)])),
            PeriodeStep::Keep(_) | PeriodeStep::KeepTheirs(..) => return None,
        };
        Some(Change {
            table: "dim_periodes",
            annee: periode.annee,
            code: periode.kind.code(),
            before,
            after: [text(periode.debut()), text(periode.fin())],
        })
    });
    saisons.chain(periodes).collect()
}

impl Report for UpdateReport {
    fn render(&self, page: &mut Page) {
        let [added, updated, kept] =
            self.done.say([">ajoutées", ">corrigées", ">gardées"], [">à ajouter", ">à corriger", ">à garder"]);
        let mut table = Table::new(&["table", added, updated, ">inchangées", kept]);
        let counts =
            |counts: &Counts| [number_of(counts.inserted), number_of(counts.updated), number_of(counts.unchanged)];
        table.row(std::iter::once("dim_saisons".to_owned()).chain(counts(&self.saisons)).chain(["0".to_owned()]));
        let kept = self.periodes.kept_changed + self.periodes.kept_own;
        let periodes = counts(&self.periodes.counts).into_iter().chain([number_of(kept)]);
        table.row(std::iter::once("dim_periodes".to_owned()).chain(periodes));
        page.title(&format!("Années {} à {}", self.from, self.to));
        page.table(&table);
        page.line(format!(
            "Entre périodes et saisons : {}",
            self.done.count(self.links_changed as u64, ["lien", "liens"], ["changé", "changés"])
        ));
        for change in self.changes.iter().filter(|change| change.before.is_some()) {
            let Change { table, annee, code, before, after: [from, to] } = change;
            let [old_from, old_to] = before.as_ref().map_or(["", ""], |[from, to]| [from.as_str(), to.as_str()]);
            page.line(format!("{table} : {code} {annee}, de {old_from} – {old_to} à {from} – {to}"));
        }
        if !self.changed_by_hand.is_empty() {
            page.title("Périodes changées à la main, gardées (--overwrite les remplace)");
            for kept in &self.changed_by_hand {
                page.line(format!("  {}", kept.line()));
            }
        }
        if !self.own_periods.is_empty() {
            page.title("Périodes saisies à la main, gardées");
            for kept in &self.own_periods {
                page.line(format!("  {}", kept.line()));
            }
        }
        if !self.unknown.is_empty() {
            page.title("Calendrier scolaire inconnu : ces périodes ne sont pas calculées");
            for (year, codes) in &self.unknown {
                page.line(format!("  {year} : {}", codes.join(", ")));
            }
        }
        page.gap();
        let done = if self.changes.is_empty() && self.links_changed == 0 {
            "dim_saisons et dim_periodes sont à jour"
        } else {
            self.done.say(
                "dim_saisons et dim_periodes ont été mises à jour",
                "dim_saisons et dim_periodes seraient mises à jour",
            )
        };
        page.conclude(Verdict::Ok, done);
    }

    fn done(&self) -> Done {
        self.done
    }
}

/// Report of `status-saisons`: one line.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct StatusReport {
    saisons: usize,
    years: Option<(i32, i32)>,
    periodes: usize,
    school_calendar_until: Option<String>,
    findings: Vec<Finding>,
}

impl From<Verification> for StatusReport {
    fn from(verification: Verification) -> Self {
        Self {
            saisons: verification.saisons,
            years: verification.annees,
            periodes: verification.periodes,
            school_calendar_until: verification.calendrier_scolaire.map(|day| day.to_string()),
            findings: verification.anomalies.iter().map(Anomaly::finding).collect(),
        }
    }
}

impl Report for StatusReport {
    fn render(&self, page: &mut Page) {
        let saisons = plural(self.saisons as u64, "saison", "saisons");
        let years = self.years.map_or_else(String::new, |(first, last)| format!(" {first}-{last}"));
        let periodes = plural(self.periodes as u64, "période", "périodes");
        let school =
            self.school_calendar_until.as_ref().map_or_else(|| "inconnu".to_owned(), |day| format!("jusqu'au {day}"));
        let verdict = match self.findings.first() {
            None => "rien à signaler".to_owned(),
            Some(first) => format!(
                "{}, dont {} : {} ; lancez `verifier-saisons`",
                plural(self.findings.len() as u64, "constat", "constats"),
                first.place,
                first.message
            ),
        };
        let line = format!("{saisons}{years}, {periodes}, calendrier scolaire {school} : {verdict}");
        page.conclude(self.verdict(), line);
    }

    fn verdict(&self) -> Verdict {
        verdict(&self.findings)
    }
}

/// What `verifier-saisons --repair` did to `dim_dates`, or would do.
#[derive(Debug, Serialize, JsonSchema)]
struct Repair {
    #[serde(rename = "dry_run")]
    done: Done,
    corrected: usize,
    added: usize,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct VerificationReport {
    #[serde(flatten)]
    status: StatusReport,
    dates: usize,
    dates_wrong: usize,
    dates_missing: usize,
    /// Days of `dim_dates` whose school holidays are not known, and were therefore not compared.
    dates_unknown: usize,
    fact_years: Vec<i32>,
    changed_by_hand: Vec<(String, i32)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    repair: Option<Repair>,
}

impl VerificationReport {
    /// What a verification found; with `repair`, also what was `repaired` before it in `dim_dates`, or would be.
    pub(crate) fn new(verification: Verification, repair: bool, repaired: Option<&DatesReport>) -> Self {
        let of = |dates: &DatesReport, dry_run| Repair {
            done: Done::unless(dry_run),
            corrected: dates.wrong.len(),
            added: dates.missing.len(),
        };
        Self {
            dates: verification.dates.rows,
            dates_wrong: verification.dates.wrong.len(),
            dates_missing: verification.dates.missing.len(),
            dates_unknown: verification.dates.unknown,
            fact_years: verification.annees_faits.iter().copied().collect(),
            changed_by_hand: verification.modifiees.clone(),
            repair: repair.then(|| repaired.map_or_else(|| of(&verification.dates, true), |dates| of(dates, false))),
            status: verification.into(),
        }
    }
}

impl Report for VerificationReport {
    fn render(&self, page: &mut Page) {
        let status = &self.status;
        let years = |(first, last)| format!(" ({first} à {last})");
        page.line(format!(
            "dim_saisons  : {}{}",
            number_of(status.saisons),
            status.years.map(years).unwrap_or_default()
        ));
        page.line(format!("dim_periodes : {}", number_of(status.periodes)));
        let unknown = match self.dates_unknown {
            0 => String::new(),
            count => format!(", dont {} au calendrier scolaire inconnu", number_of(count)),
        };
        page.line(format!("dim_dates    : {}{unknown}", number_of(self.dates)));
        match &status.school_calendar_until {
            Some(day) => page.line(format!("Calendrier scolaire connu jusqu'au {day}")),
            None => page.line("Calendrier scolaire inconnu"),
        }
        if !self.changed_by_hand.is_empty() {
            let list: Vec<_> = self.changed_by_hand.iter().map(|(code, annee)| format!("{code} {annee}")).collect();
            page.line(format!("Périodes changées à la main, gardées : {}", list.join(", ")));
        }
        if let Some(Repair { done, corrected, added }) = &self.repair {
            let corrected = done.count(*corrected as u64, ["jour", "jours"], ["corrigé", "corrigés"]);
            let added = done.more(*added as u64, ["ajouté", "ajoutés"]);
            page.line(format!("Réparation de dim_dates : {corrected}, {added}"));
        }
        page.gap();
        for finding in &status.findings {
            page.finding(finding);
        }
        if status.findings.is_empty() {
            page.conclude(Verdict::Ok, "saisons contiguës, périodes liées, calendrier conforme");
        }
    }

    fn verdict(&self) -> Verdict {
        self.status.verdict()
    }

    fn done(&self) -> Done {
        self.repair.as_ref().map_or(Done::Really, |repair| repair.done)
    }
}

fn number_of(count: usize) -> String {
    number(count as i128)
}

fn text(at: NaiveDateTime) -> String {
    at.format("%Y-%m-%d %H:%M:%S").to_string()
}
