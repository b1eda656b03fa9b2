//! « D'où vient ce chiffre ? »: for each figure that is shown, the command that explains it, ready to be copied into a shell.

use chrono::NaiveDate;
use flux_core::figures::indicators::{Indicator, Indicators};
use flux_core::figures::lengths;
use flux_core::figures::meta::Meta;
use flux_core::figures::mobility::{Commune, Mobility};
use flux_core::figures::rankings::{Breakdown, Rank};
use flux_core::figures::scope::Visitors;
use flux_core::figures::series::Point;
use maud::{Markup, html};

const FRENCH: &str = "NONLOCAL";
const ABROAD: &str = "ETRANGER";
const BOTH: &str = "NONLOCAL,ETRANGER";

/// A word as a POSIX shell takes it literally.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// A command, and whose figure in its row it explains: a year, a side.
pub(super) struct Origin {
    of: String,
    command: String,
}

/// Days and zone of a figure, and the table that its answer stands on.
struct Span {
    of: String,
    table: &'static str,
    days: [String; 4],
    zone: String,
}

/// The two figures that stand beside each other: of two years, of two sides.
pub(super) struct Spans {
    first: Span,
    second: Option<Span>,
}

impl Span {
    /// Those of an answer, as they were asked for.
    fn of(meta: &Meta, of: String) -> Self {
        let (debut, fin) = (meta.debut.to_string(), meta.fin.to_string());
        let days = if meta.periode == format!("{debut} → {fin}") {
            interval(debut, fin)
        } else {
            ["--annee".into(), meta.annee.to_string(), "--periode".into(), meta.periode.clone()]
        };
        Self { of, table: table_of(meta), days, zone: meta.zone.clone() }
    }

    /// Days of the year that N is compared with.
    fn before(meta: &Meta, (debut, fin): (NaiveDate, NaiveDate)) -> Self {
        let days = interval(debut.to_string(), fin.to_string());
        Self { of: meta.annee_n1.to_string(), table: table_of(meta), days, zone: meta.zone.clone() }
    }

    fn origin(&self, words: &[&str]) -> Origin {
        let days = self.days.iter().map(String::as_str);
        let words = words.iter().copied().chain(days).chain(["--zone", &self.zone]).map(quoted);
        let command = std::iter::once("explain-volume".to_owned()).chain(words).collect::<Vec<_>>().join(" ");
        Origin { of: self.of.clone(), command }
    }

    /// The same of one day.
    fn on(&self, day: NaiveDate) -> Self {
        let (of, days) = (self.of.clone(), interval(day.to_string(), day.to_string()));
        Self { of, table: self.table, days, zone: self.zone.clone() }
    }
}

fn table_of(meta: &Meta) -> &'static str {
    meta.sources.first().map_or("", |source| source.table)
}

fn interval(debut: String, fin: String) -> [String; 4] {
    ["--debut".into(), debut, "--fin".into(), fin]
}

impl Spans {
    /// A period and the one that it is compared with.
    pub(super) fn years(meta: &Meta) -> Self {
        let second = meta.debut_n1.zip(meta.fin_n1).map(|days| Span::before(meta, days));
        Self { first: Span::of(meta, meta.annee.to_string()), second }
    }

    /// Two questions face to face.
    pub(super) fn sides(a: &Meta, b: &Meta) -> Self {
        Self { first: Span::of(a, "A".into()), second: Some(Span::of(b, "B".into())) }
    }

    /// The commands on these words, of the figures that are there.
    fn origins(&self, [first, second]: [bool; 2], words: &[&str]) -> Vec<Origin> {
        let first = first.then_some(&self.first);
        let second = self.second.as_ref().filter(|_| second);
        first.into_iter().chain(second).map(|span| span.origin(words)).collect()
    }

    /// Those of an indicator that these figures are there of.
    pub(super) fn indicator(&self, id: &str, there: [bool; 2]) -> Vec<Origin> {
        self.origins(there, &["--indicateur", id])
    }

    /// Those of the days of a series: of the total of the visitors, day by day; of one without data, why there is none.
    pub(super) fn days(&self, series: &[Point], visitors: Visitors) -> Vec<Vec<Origin>> {
        let id = match visitors {
            Visitors::Touristes => "nuitees_total",
            Visitors::Excursionnistes => "excursionnistes_total",
        };
        let of = |point: &Point| {
            let second = self.second.as_ref().zip(point.date_n1.filter(|_| point.n_1.is_some()));
            let spans = std::iter::once(self.first.on(point.date)).chain(second.map(|(span, day)| span.on(day)));
            spans.map(|span| span.origin(&["--indicateur", id])).collect()
        };
        series.iter().map(of).collect()
    }

    /// Those of a ranking.
    pub(super) fn ranking(&self, (visitors, breakdown): (Visitors, Breakdown), rows: &[&Rank]) -> Vec<Vec<Origin>> {
        let (option, provenance) = match breakdown {
            Breakdown::Departements => ("--departement", FRENCH),
            Breakdown::Regions => ("--region", FRENCH),
            Breakdown::Pays => ("--pays", ABROAD),
        };
        let category = match visitors {
            Visitors::Touristes => "TOURISTE",
            Visitors::Excursionnistes => "EXCURSIONNISTE",
        };
        let of = |rank: &&Rank| {
            let words =
                ["--table", self.first.table, "--categorie", category, "--provenance", provenance, option, &rank.nom];
            self.origins([true, rank.n_1.is_some()], &words)
        };
        rows.iter().map(of).collect()
    }

    /// Those of the communes: by their codes, for several bear one name.
    pub(super) fn communes(&self, mobility: &Mobility, limit: usize) -> Vec<Vec<Origin>> {
        let of = |commune: &Commune| {
            let name = commune.code_insee.as_deref().unwrap_or(&commune.nom_commune);
            let words =
                ["--table", self.first.table, "--categorie", "TOURISTE", "--provenance", BOTH, "--commune", name];
            self.origins([true, commune.total_visiteurs_n1.is_some()], &words)
        };
        mobility.ranked(limit).into_iter().map(of).collect()
    }

    /// Those of the lengths of stay, of the French and of those from abroad, in the order of their tables.
    pub(super) fn stays(&self, stays: &lengths::Stays) -> [Vec<Vec<Origin>>; 2] {
        [(FRENCH, &stays.francais), (ABROAD, &stays.internationaux)].map(|(provenance, list)| {
            let of = |stay: &lengths::Stay| {
                let words = ["--categorie", "TOURISTE", "--provenance", provenance, "--duree", &stay.duree];
                self.origins([true, stay.volume_n1.is_some()], &[&["--table", stays.source.table], &words[..]].concat())
            };
            list.iter().map(of).collect()
        })
    }
}

/// Those of an indicator, of both its years.
pub(super) fn indicator(meta: &Meta, row: &Indicator) -> Vec<Origin> {
    let second = row.asked[1].map(|days| Span::before(meta, days));
    let spans = Spans { second, ..Spans::years(meta) };
    spans.indicator(row.definition.id, [true, row.values[1].is_some()])
}

/// Those of the indicators that a table shows, row by row.
pub(super) fn indicators(meta: &Meta, figures: &Indicators, visitors: Option<Visitors>) -> Vec<Vec<Origin>> {
    let shown = figures.rows.iter().filter(|row| visitors.is_none_or(|visitors| row.definition.visitors == visitors));
    shown.map(|row| indicator(meta, row)).collect()
}

/// The disclosure; what it is of is said to whoever does not see where it stands.
pub(super) fn disclosure(origins: &[Origin], of: &str) -> Markup {
    html! {
        @if !origins.is_empty() {
            details.origine {
                summary { "D'où vient ce chiffre\u{202f}?" span.cache { " " (of) } }
                @for origin in origins { div { @if origins.len() > 1 { (origin.of) " : " } code { (origin.command) } } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_a_shell() {
        for (word, expected) in [
            ("nuitees_total", "nuitees_total"),
            ("2025-07-01", "2025-07-01"),
            ("PAYS D'AURILLAC", r"'PAYS D'\''AURILLAC'"),
            ("RHÔNE", "'RHÔNE'"),
            ("a;b$(c)`d`", "'a;b$(c)`d`'"),
            ("", "''"),
        ] {
            assert_eq!(quoted(word), expected);
        }
    }
}
