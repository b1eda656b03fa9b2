//! « D'où vient ce chiffre ? »: for each figure that is shown, the command that explains it, ready to be copied into a shell.

use flux_core::figures::indicators::Indicators;
use flux_core::figures::lengths;
use flux_core::figures::meta::Meta;
use flux_core::figures::mobility::Mobility;
use flux_core::figures::rankings::{Breakdown, Rank};
use flux_core::figures::scope::Visitors;
use flux_core::figures::series::{Point, Series};
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

/// The command on these words, for the period and the zone of an answer.
fn command(meta: &Meta, words: &[&str]) -> String {
    let (year, debut, fin) = (meta.annee.to_string(), meta.debut.to_string(), meta.fin.to_string());
    let period = if meta.periode == format!("{debut} → {fin}") {
        ["--debut", &debut, "--fin", &fin]
    } else {
        ["--annee", &year, "--periode", &meta.periode]
    };
    let zone = ["--zone", &meta.zone];
    written(&[words, &period, &zone].concat())
}

/// The command as a shell takes it.
fn written(words: &[&str]) -> String {
    let words = words.iter().map(|word| quoted(word));
    std::iter::once("explain-volume".to_owned()).chain(words).collect::<Vec<_>>().join(" ")
}

/// The command of an indicator.
pub(super) fn indicator(meta: &Meta, id: &str) -> String {
    command(meta, &["--indicateur", id])
}

/// Those of the days of a series: of the total of the visitors, day by day; of one without data, why there is none.
pub(super) fn days(meta: &Meta, series: &Series, visitors: Visitors) -> Vec<String> {
    let id = match visitors {
        Visitors::Touristes => "nuitees_total",
        Visitors::Excursionnistes => "excursionnistes_total",
    };
    let of = |point: &Point| {
        let day = point.date.to_string();
        written(&["--indicateur", id, "--debut", &day, "--fin", &day, "--zone", &meta.zone])
    };
    series.points.iter().map(of).collect()
}

/// Those of the indicators that a table shows, row by row.
pub(super) fn indicators(meta: &Meta, figures: &Indicators, visitors: Option<Visitors>) -> Vec<String> {
    let shown = figures.rows.iter().filter(|row| visitors.is_none_or(|visitors| row.definition.visitors == visitors));
    shown.map(|row| indicator(meta, row.definition.id)).collect()
}

/// Those of a ranking; none of regions, which are départements summed.
pub(super) fn ranking(meta: &Meta, (visitors, breakdown): (Visitors, Breakdown), rows: &[&Rank]) -> Vec<String> {
    let (option, provenance) = match breakdown {
        Breakdown::Departements => ("--departement", FRENCH),
        Breakdown::Pays => ("--pays", ABROAD),
        Breakdown::Regions => return Vec::new(),
    };
    let category = match visitors {
        Visitors::Touristes => "TOURISTE",
        Visitors::Excursionnistes => "EXCURSIONNISTE",
    };
    let table = breakdown.table(visitors);
    let of = |rank: &&Rank| {
        command(meta, &["--table", table, "--categorie", category, "--provenance", provenance, option, &rank.nom])
    };
    rows.iter().map(of).collect()
}

/// Those of the communes.
pub(super) fn communes(meta: &Meta, mobility: &Mobility, limit: usize) -> Vec<String> {
    let table = meta.sources.first().map_or("fact_lieu_activite_soir", |source| source.table);
    let of = |name: &str| {
        command(meta, &["--table", table, "--categorie", "TOURISTE", "--provenance", BOTH, "--commune", name])
    };
    mobility.ranked(limit).into_iter().map(|row| of(&row.nom_commune)).collect()
}

/// Those of the lengths of stay, of the French and of those from abroad, in the order of their tables.
pub(super) fn stays(meta: &Meta, stays: &lengths::Stays) -> [Vec<String>; 2] {
    [(FRENCH, &stays.francais), (ABROAD, &stays.internationaux)].map(|(provenance, list)| {
        let of = |stay: &lengths::Stay| {
            let words = ["--categorie", "TOURISTE", "--provenance", provenance, "--duree", &stay.duree];
            command(meta, &[&["--table", lengths::TABLE], &words[..]].concat())
        };
        list.iter().map(of).collect()
    })
}

/// The disclosure; what it is of is said to whoever does not see where it stands.
pub(super) fn disclosure(command: &str, of: &str) -> Markup {
    html! {
        details.origine {
            summary { "D'où vient ce chiffre ?" span.cache { " " (of) } }
            code { (command) }
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
