//! `compare-mobility-2024-2023`: mobility of a period between two years, commune by commune.

use std::cmp::Reverse;
use std::path::{Path, PathBuf};

use chrono::{Datelike, NaiveDate};
use schemars::JsonSchema;
use serde::Serialize;

use crate::db::Session;
use crate::domain::catalogue::Space;
use crate::error::{Error, Result};
use crate::figures::beside::Beside;
use crate::figures::change::Comparison;
use crate::figures::change::{percent, warned};
use crate::figures::mobility::{self, Commune, Filter, Mobility};
use crate::figures::period::{Asked, Period, day_text};
use crate::figures::scope::Question;
use crate::figures::zone::Zone;
use crate::files;
use crate::report::chart::{self, Bar, Legend};
use crate::report::html::{Document, Edition, Grid};
use crate::report::{Code, Finding, Page, Report, Table, Verdict, number, plural};
use crate::report::{bar, render_findings};
use crate::task::{Context, Task};

/// The two periods, and of which visitors.
#[derive(Debug, Clone)]
pub struct CompareOptions {
    /// The year looked at.
    pub year: i32,
    /// The year it is compared with.
    pub reference: i32,
    /// Code or name of a period of `dim_periodes`; else [`CompareOptions::days`].
    pub period: String,
    /// First and last day in place of the period.
    pub days: Option<(NaiveDate, NaiveDate)>,
    /// Zone of observation, by any of its names; that of the whole département where there is none.
    pub zone: Option<String>,
    /// Visitor category, by any of its names.
    pub category: String,
    /// Communes shown in each list.
    pub limit: usize,
    /// Writes the whole comparison there.
    pub csv: Option<PathBuf>,
    /// Writes a page there.
    pub html: Option<PathBuf>,
    /// Production tables (`fact_nuitees`) or those for tests (`fact_nuitees_test`).
    pub space: Space,
}

/// A year of the comparison.
#[derive(Debug, Serialize, JsonSchema)]
struct Side {
    year: i32,
    /// Code of the period, or its dates.
    name: String,
    #[serde(serialize_with = "day_text")]
    #[schemars(with = "String")]
    from: NaiveDate,
    #[serde(serialize_with = "day_text")]
    #[schemars(with = "String")]
    to: NaiveDate,
    /// Days of the period with rows.
    days_with_data: u64,
    /// `None` where no day has data.
    total: Option<u64>,
    communes: usize,
    #[serde(skip)]
    days: u64,
}

impl Side {
    fn new(year: i32, side: &mobility::Side) -> Self {
        let period = &side.period;
        Self {
            year,
            name: period.name().to_owned(),
            from: period.debut,
            to: period.fin,
            days_with_data: side.days_with_data,
            total: side.total,
            communes: side.communes,
            days: period.days(),
        }
    }
}

/// The 29 February that only one of two otherwise equal periods has: no fault of the data.
#[derive(Debug, Serialize, JsonSchema)]
struct LeapDay {
    date: String,
    /// Its visitors, which the totals hold as the portal's do.
    total: u64,
    evolution_pct: Option<f64>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct MobilityReport {
    zone: Zone,
    category: String,
    current: Side,
    reference: Side,
    evolution_pct: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    leap_day: Option<LeapDay>,
    /// As many days just before, where they have data.
    #[serde(skip_serializing_if = "Option::is_none")]
    preceding: Option<Beside>,
    /// Largest first; all of them.
    communes: Vec<Commune>,
    gains: Vec<Commune>,
    losses: Vec<Commune>,
    new: Vec<Commune>,
    gone: Vec<Commune>,
    /// What was written, as text: a name that is none would cost the whole document.
    files: Vec<String>,
    findings: Vec<Finding>,
    /// The communes that either year ranks.
    #[serde(skip)]
    ranked: Vec<Commune>,
}

impl Task for CompareOptions {
    /// Compares; reads the database only.
    ///
    /// # Errors
    /// [`Error::Usage`] for an unknown zone, period or category; those of the connection and of the files to write.
    fn run(self, context: &Context) -> Result<impl Report> {
        let database = &context.database()?;
        let zone = context.zone(self.zone);
        let mut session = database.session()?;
        let period = match self.days {
            Some((debut, fin)) => Asked::Days(debut, fin),
            None => Asked::Named { name: self.period.clone(), year: self.year },
        };
        let question = Question { period, compare: Some(self.reference), zone: zone.clone() };
        let mobility = mobility::between(&mut session, &question, &self.category, self.space)??;
        // Two years are to be compared: here a reference year without that period is as wrong as a year without it.
        let before = mobility.n_1.clone()?;
        let current = Side::new(self.year, &mobility.n);
        let reference = Side::new(self.reference, &before);
        let mut report = MobilityReport {
            category: self.category.clone(),
            evolution_pct: mobility.change(),
            preceding: Beside::preceding(
                &mut session,
                &mobility.filter,
                &mobility.n.period,
                (mobility.n.total, mobility.n.days_with_data),
            )?,
            leap_day: leap_day(&mut session, &mobility.filter, (&current, &reference))?,
            findings: findings(&current, &reference, &zone),
            current,
            reference,
            ranked: mobility.ranked(self.limit).into_iter().cloned().collect(),
            gains: chosen(&mobility, self.limit, |now, before| (before > 0 && now > before).then(|| now - before)),
            losses: chosen(&mobility, self.limit, |now, before| (now > 0 && now < before).then(|| before - now)),
            new: chosen(&mobility, self.limit, |now, before| (before == 0).then_some(now)),
            gone: chosen(&mobility, self.limit, |now, before| (now == 0).then_some(before)),
            communes: mobility.communes,
            zone: mobility.zone,
            files: Vec::new(),
        };
        if let Some(path) = &self.csv {
            report.write_csv(path)?;
            report.files.push(path.display().to_string());
        }
        if let Some(path) = &self.html {
            files::output(path, report.page(&context.settings.observatory()).finish().as_bytes())?;
            report.files.push(path.display().to_string());
        }
        Ok(report)
    }
}

/// The communes that `weight` chooses by their visitors of both years, heaviest first. Where a year has no data, none is chosen.
fn chosen(mobility: &Mobility, limit: usize, weight: fn(u64, u64) -> Option<u64>) -> Vec<Commune> {
    let weighed = |commune: &Commune| weight(commune.total_visiteurs?, commune.total_visiteurs_n1?);
    let mut chosen: Vec<Commune> =
        mobility.communes.iter().filter(|commune| weighed(commune).is_some()).cloned().collect();
    chosen.sort_by_key(|commune| Reverse(weighed(commune)));
    chosen.truncate(limit);
    chosen
}

/// Whether a 29 February alone makes one period a day longer.
fn leap_year_apart(a: &Side, b: &Side) -> bool {
    let same = |a: NaiveDate, b: NaiveDate| (a.month(), a.day()) == (b.month(), b.day());
    same(a.from, b.from) && same(a.to, b.to) && a.days.abs_diff(b.days) == 1
}

fn leap_day(session: &mut Session, filter: &Filter, (now, before): (&Side, &Side)) -> Result<Option<LeapDay>> {
    if !leap_year_apart(now, before) {
        return Ok(None);
    }
    let in_current = now.days > before.days;
    let longer = if in_current { now } else { before };
    let is_leap_day = |day: &NaiveDate| (day.month(), day.day()) == (2, 29);
    let Some(day) = longer.from.iter_days().take(longer.days as usize).find(is_leap_day) else { return Ok(None) };
    let total = filter.side(session, Period::interval(day, day))?.total.unwrap_or(0);
    let less = |side: &Side, has_it: bool| side.total.map(|all| if has_it { all.saturating_sub(total) } else { all });
    let without = Comparison { n: less(now, in_current), n_1: less(before, !in_current) };
    Ok(Some(LeapDay { date: day.to_string(), total, evolution_pct: without.change() }))
}

fn findings(current: &Side, reference: &Side, zone: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for side in [current, reference] {
        let place = format!("{} ({})", side.year, side.name);
        let days = side.days;
        if side.days_with_data == 0 {
            findings.push(
                Finding::attention(Code::PeriodEmpty, place, "aucun visiteur : la comparaison n'a pas de sens").action(
                    format!("`diagnostic-mobility --year {} --zone \"{}\"` en cherche la cause", side.year, zone),
                ),
            );
        } else if side.days_with_data < days {
            let missing = days - side.days_with_data;
            findings.push(
                Finding::attention(
                    Code::PeriodIncomplete,
                    place,
                    format!(
                        "{} sur {days} : les totaux ne sont pas comparables",
                        plural(missing, "jour sans donnée", "jours sans donnée")
                    ),
                )
                .action("importez et migrez les jours manquants, ou comparez un intervalle complet (--from, --to)"),
            );
        }
    }
    let unequal = current.days != reference.days;
    if unequal && !leap_year_apart(current, reference) {
        findings.push(Finding::attention(
            Code::PeriodLengthDiffers,
            "période",
            format!(
                "{} en {} contre {} en {}",
                plural(current.days, "jour", "jours"),
                current.year,
                reference.days,
                reference.year
            ),
        ));
    }
    findings
}

fn signed(value: i64) -> String {
    if value > 0 { format!("+{}", number(value)) } else { number(value) }
}

/// A year without data has no number, which is not 0.
fn visitors(value: Option<u64>) -> String {
    value.map_or("–".into(), number)
}

impl MobilityReport {
    fn title(&self) -> String {
        format!("Mobilité {} : {} comparée à {}", self.zone.name, self.current.year, self.reference.year)
    }

    fn cells(commune: &Commune) -> [String; 5] {
        [
            commune.label(&commune.nom_commune),
            visitors(commune.total_visiteurs),
            visitors(commune.total_visiteurs_n1),
            commune.difference.map_or("–".into(), signed),
            percent(commune.evolution_pct),
        ]
    }

    fn lists(&self) -> [(&'static str, &[Commune]); 4] {
        [("Gains", &self.gains), ("Pertes", &self.losses), ("Nouvelles", &self.new), ("Disparues", &self.gone)]
    }

    fn summary(&self) -> String {
        format!(
            "{} journées-visiteurs ({} → {}) contre {} ({} → {}), {}",
            visitors(self.current.total),
            self.current.from,
            self.current.to,
            visitors(self.reference.total),
            self.reference.from,
            self.reference.to,
            percent(self.evolution_pct)
        )
    }

    fn leap_day_note(&self) -> Option<String> {
        let day = self.leap_day.as_ref()?;
        Some(format!(
            "un jour de plus, le {} ({}) : {} à nombre de jours égal",
            day.date,
            plural(day.total, "visiteur", "visiteurs"),
            percent(day.evolution_pct)
        ))
    }

    fn write_csv(&self, path: &Path) -> Result<()> {
        let wrong = |error: csv::Error| Error::Invariant(format!("CSV : {error}"));
        let mut writer = csv::WriterBuilder::new().delimiter(b';').from_writer(Vec::new());
        let (now, before) = (format!("visiteurs_{}", self.current.year), format!("visiteurs_{}", self.reference.year));
        writer
            .write_record(["code_insee", "nom_commune", &now, &before, "difference", "evolution_pct"])
            .map_err(wrong)?;
        let number = |value: Option<i128>| value.map_or_else(String::new, |value| value.to_string());
        for commune in &self.communes {
            writer
                .write_record([
                    commune.code_insee.as_deref().unwrap_or_default(),
                    &commune.nom_commune,
                    &number(commune.total_visiteurs.map(i128::from)),
                    &number(commune.total_visiteurs_n1.map(i128::from)),
                    &number(commune.difference.map(i128::from)),
                    &commune.evolution_pct.map_or_else(String::new, |value| format!("{value:.1}")),
                ])
                .map_err(wrong)?;
        }
        let bytes = writer.into_inner().map_err(|error| Error::Invariant(format!("CSV : {error}")))?;
        files::output(path, &bytes)
    }

    /// The totals, and how many days each is of: it is said before any percentage.
    fn totals(&self) -> Vec<Vec<String>> {
        let row = |name: &str, side: &Side, change: String| {
            vec![
                name.to_owned(),
                format!("{} → {}", side.from, side.to),
                format!("{} sur {}", number(side.days_with_data), number(side.days)),
                visitors(side.total),
                change,
            ]
        };
        let mut rows = vec![
            row(&self.current.year.to_string(), &self.current, String::new()),
            row(&self.reference.year.to_string(), &self.reference, self.change(self.evolution_pct)),
        ];
        rows.extend(self.preceding.as_ref().map(|beside| {
            vec![
                beside.preceding_name(),
                format!("{} → {}", beside.from, beside.to),
                format!("{} sur {}", number(beside.days_with_data), number(beside.days)),
                number(beside.total),
                beside.change(),
            ]
        }));
        rows
    }

    /// A change, with its warning where the totals are not of the same thing.
    fn change(&self, value: Option<f64>) -> String {
        warned(value, self.findings.is_empty())
    }

    fn page(&self, observatory: &str) -> Document {
        let edition = Edition { observatory, at: chrono::Local::now().fixed_offset() };
        let mut page = Document::new(&self.title(), &format!("{}, {}", self.category, self.current.name), &edition);
        if !self.findings.is_empty() {
            page.heading("Constats, par cause");
            page.findings(&self.findings);
        }
        page.heading("Totaux");
        let titles = ["Total", "Jours", ">Jours avec données", ">Journées-visiteurs", ">Évolution depuis"];
        page.table(&Grid { caption: "Journées-visiteurs de la période", titles: &titles, rows: &self.totals() });
        if let Some(note) = self.leap_day_note() {
            page.text(&note);
        }
        let bar = |commune: &Commune| Bar {
            name: commune.label(&commune.nom_commune),
            now: commune.total_visiteurs,
            before: commune.total_visiteurs_n1,
            note: commune.evolution_pct.map(|change| self.change(Some(change))).unwrap_or_default(),
        };
        let legend =
            Legend { now: self.current.year.to_string(), before: self.reference.year.to_string(), provisional: false };
        let (now, before) = (format!(">{}", self.current.year), format!(">{}", self.reference.year));
        let titles = ["Commune", now.as_str(), before.as_str(), ">Écart", ">Évolution"];
        let rows = |communes: &[Commune]| -> Vec<Vec<String>> {
            let cells = |commune: &Commune| {
                let [name, now, before, difference, _] = Self::cells(commune);
                vec![name, now, before, difference, self.change(commune.evolution_pct)]
            };
            communes.iter().map(cells).collect()
        };
        let caption = "Les premières communes de l'une ou l'autre année";
        page.heading(caption);
        let bars: Vec<Bar> = self.ranked.iter().map(bar).collect();
        let grid = Grid { caption, titles: &titles, rows: &rows(&self.ranked) };
        page.chart(&chart::ranking(1, caption, &legend, &bars), &grid);
        for (title, communes) in self.lists() {
            if !communes.is_empty() {
                page.heading(title);
                let caption = format!("{title} de {} à {}", self.reference.year, self.current.year);
                page.table(&Grid { caption: &caption, titles: &titles, rows: &rows(communes) });
            }
        }
        page
    }
}

impl Report for MobilityReport {
    fn render(&self, page: &mut Page) {
        page.line(format!("{} ({})", self.title(), self.category));
        if self.zone.rows.len() > 1 {
            let names: Vec<&str> = self.zone.rows.iter().map(|(_, name)| name.as_str()).collect();
            page.line(format!("  zone en plusieurs lignes, additionnées : {}", names.join(", ")));
        }
        page.line(format!("  {}", self.summary()));
        if let Some(note) = self.leap_day_note() {
            page.line(format!("  {note}"));
        }
        if let Some(beside) = &self.preceding {
            page.line(format!("  {}", beside.said(&beside.preceding_name())));
        }
        let most = self.communes.first().map_or(0, |commune| commune.volumes().0);
        let (now, before) = (format!(">{}", self.current.year), format!(">{}", self.reference.year));
        let titles = ["commune", &now, &before, ">écart", ">évolution", ""];
        let mut table = Table::new(&titles);
        for commune in &self.ranked {
            let chart = bar(commune.volumes().0 as f64, most as f64, 16);
            table.row(Self::cells(commune).into_iter().chain([chart]));
        }
        if !table.is_empty() {
            page.gap();
            page.table(&table);
        }
        for (title, communes) in self.lists() {
            if communes.is_empty() {
                continue;
            }
            page.title(title);
            let weight = |commune: &Commune| commune.difference.unwrap_or(0).unsigned_abs() as f64;
            let most = communes.iter().map(weight).fold(0.0, f64::max);
            let mut table = Table::new(&titles);
            for commune in communes {
                table.row(Self::cells(commune).into_iter().chain([bar(weight(commune), most, 16)]));
            }
            page.table(&table);
        }
        for file in &self.files {
            page.line(format!("  écrit : {file}"));
        }
        let nothing = plural(self.communes.len() as u64, "commune comparée", "communes comparées");
        render_findings(page, &self.findings, &nothing);
    }

    fn verdict(&self) -> Verdict {
        crate::report::verdict(&self.findings)
    }
}
