//! What pages are put together from: tables, charts with their tables and files, notices.

use chrono::NaiveDate;
use flux_core::figures::meta::Meta;
use flux_report::chart::{Drawing, Legend};
use maud::{Markup, PreEscaped, html};

use crate::pages::origin::{Origin, disclosure};
use crate::pages::words;

/// A table; the first cell of a row is its name.
pub(super) struct Table {
    pub(super) caption: String,
    /// Titles; those that begin with `>` stand over numbers.
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
    /// The commands that explain the rows, where there are any.
    pub(super) origins: Vec<Vec<Origin>>,
}

impl Table {
    pub(super) fn new(caption: impl Into<String>, columns: &[&str]) -> Self {
        let columns = columns.iter().map(|title| (*title).to_owned()).collect();
        Self { caption: caption.into(), columns, rows: Vec::new(), origins: Vec::new() }
    }

    /// With the commands that explain its rows.
    pub(super) fn explained(self, origins: Vec<Vec<Origin>>) -> Self {
        Self { origins, ..self }
    }

    /// Without its last column, where that says nothing.
    pub(super) fn without_empty_last(mut self) -> Self {
        if self.rows.iter().all(|row| row.last().is_some_and(String::is_empty)) {
            self.columns.pop();
            self.rows.iter_mut().for_each(|row| drop(row.pop()));
        }
        self
    }

    pub(super) fn render(&self) -> Markup {
        let class = |at: usize| self.columns.get(at).is_some_and(|title| title.starts_with('>')).then_some("n");
        let of_cell = |at: usize, cell: &str| class(at).or(is_date(cell).then_some("entier"));
        html! {
            div.scroll role="group" tabindex="0" aria-label=(self.caption) {
                table {
                    caption { (self.caption) }
                    thead { tr { @for (at, title) in self.columns.iter().enumerate() { th scope="col" class=[class(at)] { (title.trim_start_matches('>')) } } } }
                    tbody {
                        @for (place, row) in self.rows.iter().enumerate() {
                            tr { @for (at, cell) in row.iter().enumerate() { @if at == 0 { th scope="row" class=[of_cell(at, cell)] { (breakable(cell)) @if let Some(origins) = self.origins.get(place) { (disclosure(origins, cell)) } } } @else { td class=[of_cell(at, cell)] { (breakable(cell)) } } } }
                        }
                        @if self.rows.is_empty() { tr { td colspan=(self.columns.len()) { "Aucune donnée" } } }
                    }
                }
            }
        }
    }
}

/// Whether a cell is a date, perhaps with a time: it stays on one line.
fn is_date(cell: &str) -> bool {
    cell.len() <= 20 && cell.get(..10).is_some_and(|day| day.parse::<NaiveDate>().is_ok())
}

/// A long identifier may break behind its underscores; no line begins with a colon.
fn breakable(cell: &str) -> Markup {
    let cell = cell.replace(" ; ", "\u{a0}; ").replace(" : ", "\u{a0}: ");
    html! { @for part in cell.split_inclusive('_') { (part) @if part.ends_with('_') { wbr; } } }
}

/// A file of what is shown: its kind and its address.
pub(super) type Link = (&'static str, String);

/// A chart with its table and its files.
pub(super) struct Block<'a> {
    /// Unique on the page.
    pub(super) id: &'a str,
    pub(super) title: &'a str,
    /// Each with the class that says where it is shown: `large` and `etroit` by the width, `ecran` and `papier`, or none for everywhere.
    pub(super) charts: Vec<(&'static str, Drawing)>,
    pub(super) tables: Vec<Table>,
    pub(super) links: Vec<Link>,
    /// What is to be known before the numbers.
    pub(super) note: Option<String>,
}

impl Block<'_> {
    pub(super) fn render(&self, class: &str) -> Markup {
        let heading = format!("{}-titre", self.id);
        html! {
            section class=(format!("bloc {class}")) id=(self.id) aria-labelledby=(heading) {
                h2 id=(heading) { (self.title) }
                @if let Some(note) = &self.note { p.note { (note) } }
                @for (at, (shown, chart)) in self.charts.iter().enumerate() {
                    div class=[(!shown.is_empty()).then_some(shown)] { (PreEscaped(chart.inline(&format!("{}-{at}", self.id)))) }
                }
                details { summary { "Tableau" } @for table in &self.tables { (table.render()) } }
                (links(&self.links, self.title))
            }
        }
    }
}

/// Links to files; what they are of is said to whoever does not see where they stand.
pub(super) fn links(links: &[Link], of: &str) -> Markup {
    html! {
        @if !links.is_empty() {
            p.fichiers { "Télécharger : " @for (at, (kind, address)) in links.iter().enumerate() { @if at > 0 { ", " } a href=(address) { (kind) span.cache { " : " (of) } } } }
        }
    }
}

/// The series of an answer.
pub(super) fn legend(meta: &Meta) -> Legend {
    Legend {
        now: meta.annee.to_string(),
        before: meta.debut_n1.map(|_| meta.annee_n1.to_string()).unwrap_or_default(),
        provisional: provisional(meta),
    }
}

pub(super) fn provisional(meta: &Meta) -> bool {
    meta.provisoire_pct.is_some_and(|percent| percent > 0.0)
}

/// Why the two totals are not of the same thing; nothing where they are.
pub(super) fn unequal(meta: &Meta) -> Option<String> {
    let before = meta.jours_avec_donnees_n1.filter(|days| *days > 0)?;
    (meta.jours_avec_donnees > 0 && before != meta.jours_avec_donnees).then(|| {
        format!(
            "Les évolutions comparent {} avec données à {} : à lire avec prudence.",
            words::days(meta.jours_avec_donnees),
            words::days(before)
        )
    })
}

/// A change, with a sign where it compares totals of unequal spans.
pub(super) fn change(value: Option<f64>, meta: &Meta) -> String {
    change_of(value, unequal(meta).is_none())
}

/// A change of totals that are `alike` or of unequal spans.
pub(super) fn change_of(value: Option<f64>, alike: bool) -> String {
    let text = words::change(value);
    if value.is_some() && !alike { format!("⚠ {text}") } else { text }
}

/// What is to be known before any number.
pub(super) fn about(meta: &Meta) -> Markup {
    let named = meta.periode_nom != format!("{} → {}", meta.debut, meta.fin);
    html! {
        section.apropos aria-label="Ce que comptent ces chiffres" {
            p.sujet { strong { (words::name(&meta.zone)) } @if named { " · " (meta.periode_nom) } " · " (words::dates(meta.debut, meta.fin)) }
            @match (meta.debut_n1, meta.fin_n1) {
                (Some(debut), Some(fin)) => p { "Comparé à " (meta.annee_n1) "\u{a0}: " (words::dates(debut, fin)) },
                _ => p.alerte { "⚠ Rien à comparer en " (meta.annee_n1) @if let Some(why) = &meta.sans_reference { " : " (why) } },
            }
            p {
                span.jours { (words::days_of(meta.jours_avec_donnees, meta.jours)) } " avec données"
                @if let (Some(with), Some(days)) = (meta.jours_avec_donnees_n1, meta.jours_n1) {
                    "\u{a0}; " (meta.annee_n1) "\u{a0}: " (words::days_of(with, days))
                }
                @if let Some(day) = meta.donnees_jusqu_au { " · données jusqu'au " (words::date(day)) }
            }
            @if meta.jours_avec_donnees == 0 { p.alerte { "⚠ Aucune donnée de cette zone pour cette période." } }
            @if provisional(meta) { p { span.hachure aria-hidden="true" {} " " strong { "Données provisoires" } "\u{a0}: " (words::percent(meta.provisoire_pct)) " du volume" } }
            @if let Some(why) = unequal(meta) { p.alerte { "⚠ " (why) } }
            @if meta.zones.len() > 1 { p.doux { "Zone enregistrée sous " (meta.zones.join(", ")) ", additionnés." } }
        }
    }
}
