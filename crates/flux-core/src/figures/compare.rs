//! `compare-mobility-2024-2023`: mobility of a period between two years, commune by commune.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use chrono::{Datelike, NaiveDate};
use mysql::Value;
use serde::Serialize;

use crate::db::{Database, Session};
use crate::dims::marks;
use crate::domain::catalogue::{Dim, Space};
use crate::error::{Error, Result};
use crate::figures::mobility::{self, Period, StoredDays, ZoneRows};
use crate::files::{self, Durability};
use crate::report::html::{self, Document};
use crate::report::{Finding, Page, Report, Table, Verdict, number, plural};
use crate::report::{bar, render_findings};

/// What to compare.
#[derive(Debug, Clone)]
pub struct Options {
    /// The year looked at.
    pub year: i32,
    /// The year it is compared with.
    pub reference: i32,
    /// Code or name of a period of `dim_periodes`; else [`Options::days`].
    pub period: String,
    /// First and last day in place of the period.
    pub days: Option<(NaiveDate, NaiveDate)>,
    /// Zone of observation.
    pub zone: String,
    /// Visitor category.
    pub category: String,
    /// Communes per list.
    pub limit: usize,
    /// Writes the whole comparison there.
    pub csv: Option<PathBuf>,
    /// Writes a page there.
    pub html: Option<PathBuf>,
    /// Which tables.
    pub space: Space,
}

/// A commune in both years.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Commune {
    id_commune: u32,
    nom_commune: String,
    code_insee: Option<String>,
    total_visiteurs: u64,
    total_visiteurs_n1: u64,
    difference: i64,
    /// `None` for a commune without visitors in the reference year.
    evolution_pct: Option<f64>,
}

/// A year of the comparison.
#[derive(Debug, Serialize)]
pub(crate) struct Side {
    year: i32,
    #[serde(flatten)]
    period: Period,
    /// Days of the period with rows.
    days_with_data: u64,
    total: u64,
    communes: usize,
}

/// The 29 February that only one of two otherwise equal periods has: no fault of the data.
#[derive(Debug, Serialize)]
pub(crate) struct LeapDay {
    date: String,
    /// Its visitors, which the totals hold as the portal's do.
    total: u64,
    /// Evolution without it.
    evolution_pct: Option<f64>,
}

/// Report of `compare-mobility-2024-2023`.
#[derive(Debug, Serialize)]
pub struct MobilityReport {
    zone: ZoneRows,
    category: String,
    current: Side,
    reference: Side,
    evolution_pct: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    leap_day: Option<LeapDay>,
    /// Largest first; all of them.
    communes: Vec<Commune>,
    gains: Vec<Commune>,
    losses: Vec<Commune>,
    new: Vec<Commune>,
    gone: Vec<Commune>,
    files: Vec<PathBuf>,
    findings: Vec<Finding>,
    #[serde(skip)]
    limit: usize,
}

/// Compares; reads the database only.
///
/// # Errors
/// [`Error::Usage`] for an unknown zone, period or category; those of the connection and of the files to write.
pub fn compare(database: &Database, options: &Options) -> Result<MobilityReport> {
    let mut session = database.session()?;
    let zone = mobility::zone(&mut session, &options.zone)?;
    let category = mobility::required_id(&mut session, Dim::Categorie, &options.category)?;
    let local = mobility::required_id(&mut session, Dim::Provenance, "LOCAL")?;
    let (now, before) = periods(&mut session, options)?;
    let filter = Filter { table: mobility::table(options.space), zone: &zone, category, local };
    let (current, current_days) = filter.volumes(&mut session, &now)?;
    let (reference, reference_days) = filter.volumes(&mut session, &before)?;
    let communes = join(&mut session, &current, &reference)?;

    let side = |year, period, days_with_data, volumes: &HashMap<u32, u64>| Side {
        year,
        period,
        days_with_data,
        total: volumes.values().sum(),
        communes: volumes.len(),
    };
    let current = side(options.year, now, current_days, &current);
    let reference = side(options.reference, before, reference_days, &reference);
    let findings = findings(&current, &reference, options);
    let leap_day = leap_day(&mut session, &filter, &current, &reference)?;
    let chosen = |keep: fn(&Commune) -> bool, key: fn(&Commune) -> i64| {
        let mut chosen: Vec<Commune> = communes.iter().filter(|commune| keep(commune)).cloned().collect();
        chosen.sort_by_key(|commune| (Reverse(key(commune)), commune.id_commune));
        chosen.truncate(options.limit);
        chosen
    };
    let mut report = MobilityReport {
        zone,
        category: options.category.clone(),
        evolution_pct: evolution(current.total, reference.total),
        leap_day,
        gains: chosen(|c| c.difference > 0 && c.total_visiteurs_n1 > 0, |c| c.difference),
        losses: chosen(|c| c.difference < 0 && c.total_visiteurs > 0, |c| -c.difference),
        new: chosen(|c| c.total_visiteurs_n1 == 0 && c.total_visiteurs > 0, |c| c.total_visiteurs as i64),
        gone: chosen(|c| c.total_visiteurs == 0 && c.total_visiteurs_n1 > 0, |c| c.total_visiteurs_n1 as i64),
        communes,
        current,
        reference,
        files: Vec::new(),
        findings,
        limit: options.limit,
    };
    if let Some(path) = &options.csv {
        report.write_csv(path)?;
        report.files.push(path.clone());
    }
    if let Some(path) = &options.html {
        files::replace(path, report.page().finish().as_bytes(), Durability::Cache)?;
        report.files.push(path.clone());
    }
    Ok(report)
}

fn periods(session: &mut Session, options: &Options) -> Result<(Period, Period)> {
    let Some((from, to)) = options.days else {
        let now = mobility::period(session, &options.period, options.year)?;
        return Ok((now, mobility::period(session, &options.period, options.reference)?));
    };
    if from > to {
        return Err(Error::Usage("--from est après --to".into()));
    }
    let years = options.reference - options.year;
    let shift = |day| mobility::shifted(day, years).ok_or_else(|| Error::Usage("année de référence impossible".into()));
    let period = |from: NaiveDate, to: NaiveDate| Period { name: format!("{from} → {to}"), from, to };
    Ok((period(from, to), period(shift(from)?, shift(to)?)))
}

/// The visitors that the portal counts: of a category, from elsewhere, in a known commune.
struct Filter<'a> {
    table: String,
    zone: &'a ZoneRows,
    category: u32,
    local: u32,
}

impl Filter<'_> {
    /// Volume by commune, and days with rows.
    fn volumes(&self, session: &mut Session, period: &Period) -> Result<(HashMap<u32, u64>, u64)> {
        let days = StoredDays::of(session, &self.table, period)?;
        let where_ = format!(
            "FROM {} WHERE {} AND id_zone IN {} AND id_categorie = ? AND id_provenance <> ? AND id_commune <> 0",
            self.table,
            days.condition(),
            marks(1, self.zone.rows.len())
        );
        let ids = self.zone.rows.iter().map(|(id, _)| *id).chain([self.category, self.local]);
        let params = days.params(ids);
        let doing = format!("lecture de {}", self.table);
        let sql = format!("SELECT id_commune, CAST(SUM(volume) AS UNSIGNED) {where_} GROUP BY id_commune");
        let rows: Vec<(u32, u64)> = session.rows(&doing, &sql, params.clone())?;
        let days: Option<u64> = session.first(&doing, &format!("SELECT COUNT(DISTINCT date) {where_}"), params)?;
        Ok((rows.into_iter().filter(|(_, volume)| *volume > 0).collect(), days.unwrap_or(0)))
    }
}

fn join(session: &mut Session, current: &HashMap<u32, u64>, reference: &HashMap<u32, u64>) -> Result<Vec<Commune>> {
    let mut ids: Vec<u32> = current.keys().chain(reference.keys()).copied().collect();
    ids.sort_unstable();
    ids.dedup();
    let mut names: HashMap<u32, (String, Option<String>)> = HashMap::new();
    for chunk in ids.chunks(500) {
        let sql = format!(
            "SELECT id_commune, nom_commune, code_insee FROM dim_communes WHERE id_commune IN {}",
            marks(1, chunk.len())
        );
        let rows: Vec<(u32, String, Option<String>)> =
            session.rows("lecture de dim_communes", &sql, chunk.iter().map(Value::from).collect::<Vec<_>>())?;
        names.extend(rows.into_iter().map(|(id, name, insee)| (id, (name, insee))));
    }
    let commune = |id: u32| {
        let (now, before) = (current.get(&id).copied().unwrap_or(0), reference.get(&id).copied().unwrap_or(0));
        let (name, insee) =
            names.remove(&id).unwrap_or_else(|| (format!("commune {id} (absente de dim_communes)"), None));
        Commune {
            id_commune: id,
            nom_commune: name,
            code_insee: insee,
            total_visiteurs: now,
            total_visiteurs_n1: before,
            difference: now as i64 - before as i64,
            evolution_pct: evolution(now, before),
        }
    };
    let mut communes: Vec<Commune> = ids.into_iter().map(commune).collect();
    communes.sort_by_key(|c| (Reverse(c.total_visiteurs), Reverse(c.total_visiteurs_n1), c.id_commune));
    Ok(communes)
}

/// Percent with one decimal; `None` from nothing.
fn evolution(now: u64, before: u64) -> Option<f64> {
    (before > 0).then(|| ((now as f64 - before as f64) * 1000.0 / before as f64).round() / 10.0)
}

/// Whether a 29 February alone makes one period a day longer.
fn leap_year_apart(a: &Period, b: &Period) -> bool {
    let same = |a: NaiveDate, b: NaiveDate| (a.month(), a.day()) == (b.month(), b.day());
    same(a.from, b.from) && same(a.to, b.to) && a.days().abs_diff(b.days()) == 1
}

fn leap_day(session: &mut Session, filter: &Filter, current: &Side, reference: &Side) -> Result<Option<LeapDay>> {
    if !leap_year_apart(&current.period, &reference.period) {
        return Ok(None);
    }
    let in_current = current.period.days() > reference.period.days();
    let period = if in_current { &current.period } else { &reference.period };
    let Some(day) = period.from.iter_days().find(|day| (day.month(), day.day()) == (2, 29)) else { return Ok(None) };
    let (volumes, _) = filter.volumes(session, &Period { name: String::new(), from: day, to: day })?;
    let total: u64 = volumes.values().sum();
    let less = |side: &Side, has_it| if has_it { side.total.saturating_sub(total) } else { side.total };
    let evolution_pct = evolution(less(current, in_current), less(reference, !in_current));
    Ok(Some(LeapDay { date: day.to_string(), total, evolution_pct }))
}

fn findings(current: &Side, reference: &Side, options: &Options) -> Vec<Finding> {
    let mut findings = Vec::new();
    for side in [current, reference] {
        let place = format!("{} ({})", side.year, side.period.name);
        let days = side.period.days();
        if side.days_with_data == 0 {
            findings.push(Finding::attention(place, "aucun visiteur : la comparaison n'a pas de sens").action(
                format!("`diagnostic-mobility --year {} --zone \"{}\"` en cherche la cause", side.year, options.zone),
            ));
        } else if side.days_with_data < days {
            let missing = days - side.days_with_data;
            findings.push(
                Finding::attention(
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
    let unequal = current.period.days() != reference.period.days();
    if unequal && !leap_year_apart(&current.period, &reference.period) {
        findings.push(Finding::attention(
            "période",
            format!(
                "{} jours en {} contre {} en {}",
                current.period.days(),
                current.year,
                reference.period.days(),
                reference.year
            ),
        ));
    }
    findings
}

fn signed(value: i64) -> String {
    if value > 0 { format!("+{}", number(value)) } else { number(value) }
}

fn percent(value: Option<f64>) -> String {
    value.map_or("–".into(), |value| format!("{value:+.1} %").replace('.', ","))
}

impl MobilityReport {
    fn title(&self) -> String {
        format!("Mobilité {} : {} comparée à {}", self.zone.name, self.current.year, self.reference.year)
    }

    fn cells(commune: &Commune) -> [String; 5] {
        [
            commune.nom_commune.clone(),
            number(commune.total_visiteurs),
            number(commune.total_visiteurs_n1),
            signed(commune.difference),
            percent(commune.evolution_pct),
        ]
    }

    fn lists(&self) -> [(&'static str, &[Commune]); 4] {
        [("Gains", &self.gains), ("Pertes", &self.losses), ("Nouvelles", &self.new), ("Disparues", &self.gone)]
    }

    fn summary(&self) -> String {
        format!(
            "{} visiteurs ({} → {}) contre {} ({} → {}), {}",
            number(self.current.total),
            self.current.period.from,
            self.current.period.to,
            number(self.reference.total),
            self.reference.period.from,
            self.reference.period.to,
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
        for commune in &self.communes {
            writer
                .write_record([
                    commune.code_insee.as_deref().unwrap_or_default(),
                    &commune.nom_commune,
                    &commune.total_visiteurs.to_string(),
                    &commune.total_visiteurs_n1.to_string(),
                    &commune.difference.to_string(),
                    &commune.evolution_pct.map_or_else(String::new, |value| format!("{value:.1}")),
                ])
                .map_err(wrong)?;
        }
        let bytes = writer.into_inner().map_err(|error| Error::Invariant(format!("CSV : {error}")))?;
        files::replace(path, &bytes, Durability::Cache)
    }

    fn page(&self) -> Document {
        let mut page = Document::new(&self.title(), &format!("{}, {}", self.category, self.current.period.name));
        page.text(&self.summary());
        if let Some(note) = self.leap_day_note() {
            page.text(&note);
        }
        page.findings(&self.findings);
        let rows: Vec<(String, u64, u64)> = self
            .communes
            .iter()
            .take(self.limit)
            .map(|commune| (commune.nom_commune.clone(), commune.total_visiteurs, commune.total_visiteurs_n1))
            .collect();
        page.heading(&format!("Les {} premières communes", rows.len()));
        page.text(&format!("Foncé : {} ; clair : {}.", self.current.year, self.reference.year));
        page.svg(&html::paired_bars(
            &format!("Visiteurs par commune, {} et {}", self.current.year, self.reference.year),
            &rows,
        ));
        let (now, before) = (format!(">{}", self.current.year), format!(">{}", self.reference.year));
        let titles = ["commune", now.as_str(), before.as_str(), ">écart", ">évolution"];
        for (title, communes) in self.lists() {
            if !communes.is_empty() {
                page.heading(title);
                let rows: Vec<Vec<String>> = communes.iter().map(|commune| Self::cells(commune).into()).collect();
                page.table(&titles, &rows);
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
        let most = self.communes.iter().map(|commune| commune.total_visiteurs).max().unwrap_or(0);
        let (now, before) = (format!(">{}", self.current.year), format!(">{}", self.reference.year));
        let mut table = Table::new(&["commune", &now, &before, ">écart", ">évolution", ""]);
        for commune in self.communes.iter().take(self.limit) {
            let chart = bar(commune.total_visiteurs as f64, most as f64, 16);
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
            let most = communes.iter().map(|commune| commune.difference.unsigned_abs()).max().unwrap_or(0);
            let mut table = Table::new(&["commune", &now, &before, ">écart", ">évolution", ""]);
            for commune in communes {
                let chart = bar(commune.difference.unsigned_abs() as f64, most as f64, 16);
                table.row(Self::cells(commune).into_iter().chain([chart]));
            }
            page.table(&table);
        }
        for file in &self.files {
            page.line(format!("  écrit : {}", file.display()));
        }
        let nothing = format!("{} comparées", plural(self.communes.len() as u64, "commune", "communes"));
        render_findings(page, &self.findings, &nothing);
    }

    fn verdict(&self) -> Verdict {
        crate::report::verdict(&self.findings)
    }
}
