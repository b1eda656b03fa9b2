//! What the rows and the deliveries come to: whether a delivery explains the figure, and which one.

use crate::explain::evidence::{Delivery, Known, StoredRow, short};
use crate::ledger::migrations::WITHDRAWAL;
use crate::ledger::rows::{Change, What};
use crate::report::number;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Conclusion {
    /// The stored volume is the one of this delivery (its index), and nothing newer says otherwise.
    Explained(usize),
    /// No row, and a delivery says why.
    Absent(String),
    /// Something explains it, but another state is to be expected.
    Superseded {
        by: Option<usize>,
        message: String,
        action: &'static str,
    },
    /// The newest delivery says otherwise, and the migration leaves the date aside: its findings say why.
    Aside(usize),
    Unexplained {
        message: String,
        action: &'static str,
    },
}

const MIGRATE: &str = "lancez `migrate-temp-to-main`, puis `verify-migration`";
const IMPORT: &str = "lancez `update-temp-tables`, puis `migrate-temp-to-main`";
const RESTORE: &str = "comparez avec une sauvegarde (`restore-critical --list`) ou redemandez la livraison à Orange";
const DOUBLED: &str =
    "lancez `check-zones` puis `merge-zones`, ou `validation-complete-import` pour une commune sous deux EPCI";
const REJECTS: &str = "corrigez les lignes rejetées, puis relancez l'import";

/// Concludes from what the database knows of the key and the deliveries, oldest first.
pub(crate) fn conclude(known: &Known, deliveries: &[Delivery]) -> Conclusion {
    let main: Vec<&StoredRow> = known.stored.iter().filter(|row| row.main).collect();
    match main.first() {
        None => absent(known, deliveries),
        Some(row) => present(&main, row.provisional != Some(false), deliveries, known),
    }
}

/// The change that counts: the last one that was not undone.
fn last_change(changes: &[Change]) -> Option<&Change> {
    changes.iter().rev().find(|change| change.undone_at.is_none())
}

fn by_run(change: &Change) -> String {
    format!("{} le {} UTC (exécution {})", change.tool, change.at, short(&change.run))
}

/// The newest load that counts, of the files that speak of the date and zone at all.
fn newest(deliveries: &[Delivery], raw: bool) -> Option<(usize, &Delivery)> {
    let counts = |delivery: &&Delivery| {
        delivery.raw == raw && delivery.last_load.is_some() && delivery.is_of_day() && !delivery.kept_back
    };
    let all = deliveries.iter().filter(counts);
    let last = all.max_by_key(|delivery| delivery.last_load)?;
    Some((deliveries.iter().position(|other| std::ptr::eq(other, last))?, last))
}

fn same(delivery: &Delivery, volume: i64) -> bool {
    delivery.volume.and_then(|own| i64::try_from(own).ok()) == Some(volume)
}

fn present(main: &[&StoredRow], provisional: bool, deliveries: &[Delivery], known: &Known) -> Conclusion {
    // Of one commune under two EPCIs, the whole of it is what the delivery says.
    let volume = main.iter().map(|row| row.volume).sum();
    let newest = newest(deliveries, !provisional);
    if let Some((at, delivery)) = newest {
        if same(delivery, volume) {
            return Conclusion::Explained(at);
        }
        if main.len() > 1 && main.iter().any(|row| same(delivery, row.volume)) {
            let volumes: Vec<String> = main.iter().map(|row| number(row.volume)).collect();
            let message = format!(
                "la livraison explique l'une des lignes ({}) : les autres la comptent de nouveau",
                volumes.join(" + ")
            );
            return Conclusion::Superseded { by: Some(at), message, action: DOUBLED };
        }
        if provisional && !known.aside.is_empty() {
            return Conclusion::Aside(at);
        }
    }
    let loaded = deliveries.iter().rposition(|delivery| delivery.last_load.is_some() && same(delivery, volume));
    if let Some(at) = loaded {
        let (by, message) = match newest {
            Some((newer, delivery)) if newer != at => {
                let says = delivery
                    .volume
                    .map_or("ne contient plus cette clé".to_owned(), |own| format!("dit {}", number(own)));
                (Some(newer), format!("la valeur est celle d'une livraison antérieure ; la plus récente {says}"))
            }
            // A definitive mark on a weekly volume, or the other way round.
            _ => (
                None,
                "la valeur est celle d'une livraison d'un autre genre que la marque provisoire ou définitive".into(),
            ),
        };
        return Conclusion::Superseded { by, message, action: MIGRATE };
    }
    if deliveries.iter().any(|delivery| same(delivery, volume)) {
        return Conclusion::Superseded {
            by: None,
            message: "un fichier donne cette valeur, mais l'historique n'en connaît aucun chargement qui compte".into(),
            action: IMPORT,
        };
    }
    if let Some((at, delivery)) = newest {
        let says =
            delivery.volume.map_or("ne contient pas cette clé".to_owned(), |own| format!("dit {}", number(own)));
        return Conclusion::Superseded {
            by: Some(at),
            message: format!("aucun fichier trouvé ne donne cette valeur ; la livraison la plus récente {says}"),
            action: MIGRATE,
        };
    }
    let written = last_change(&known.changes).filter(|change| change.volume_after == Some(volume)).map(by_run);
    let message = match written {
        Some(by) => format!("valeur écrite par {by}, mais aucun fichier trouvé ne la contient"),
        None => "aucun fichier trouvé ne contient cette valeur pour cette clé".into(),
    };
    Conclusion::Unexplained { message, action: RESTORE }
}

fn absent(known: &Known, deliveries: &[Delivery]) -> Conclusion {
    let superseded = |message: String, action| Conclusion::Superseded { by: None, message, action };
    let withdrawn = last_change(&known.changes).filter(|change| change.change == What::Withdrawn);
    let by = withdrawn.map(|change| format!(", retirée par {}", by_run(change))).unwrap_or_default();
    if let Some(row) = known.stored.first() {
        return superseded(format!("{} attend dans {} : pas encore migré", number(row.volume), row.table), MIGRATE);
    }
    let holds = |delivery: &&Delivery| delivery.volume.is_some();
    let newest = newest(deliveries, true).or_else(|| newest(deliveries, false));
    match newest {
        _ if withdrawn.is_some_and(|change| change.tool == WITHDRAWAL) => {
            Conclusion::Absent(format!("ligne provisoire retirée à la demande{by}"))
        }
        Some((_, delivery)) if delivery.volume.is_none() && delivery.refused_lines == 0 => {
            let before = deliveries.iter().any(|other| holds(&other));
            let supplier = if before { "retirée par Orange : " } else { "" };
            Conclusion::Absent(format!(
                "{supplier}la livraison la plus récente de cette date et de cette zone ({}) n'a pas cette clé{by}",
                delivery.name()
            ))
        }
        Some((_, delivery)) if delivery.volume.is_some() && !delivery.raw && known.definitive_of_zone > 0 => {
            Conclusion::Absent("remplacée par un export définitif, qui n'a pas cette clé".into())
        }
        Some((at, delivery)) if delivery.volume.is_some() => Conclusion::Superseded {
            by: Some(at),
            message: "une livraison chargée contient cette clé, mais la table principale ne l'a pas (effacée depuis, ou retirée)".to_owned() + &by,
            action: MIGRATE,
        },
        _ if deliveries.iter().any(|delivery| delivery.refused_lines > 0) => {
            superseded("des lignes qui pouvaient être celle-ci ont été rejetées".into(), REJECTS)
        }
        _ if deliveries.iter().any(|delivery| holds(&delivery)) => {
            superseded("un fichier contient cette clé, mais n'est pas chargé".into(), IMPORT)
        }
        _ => Conclusion::Unexplained {
            message: "cette clé n'est ni en base ni dans aucun fichier trouvé".into(),
            action: "vérifiez les noms et la date, ou cherchez la livraison qui manque",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::OnConflict;
    use crate::report::{Code, Finding};

    /// What is concluded, the delivery meant, and what to do: sentences aside.
    fn concluded(known: &Known, deliveries: &[Delivery]) -> (&'static str, Option<usize>, &'static str) {
        match conclude(known, deliveries) {
            Conclusion::Explained(at) => ("explained", Some(at), ""),
            Conclusion::Absent(_) => ("absent", None, ""),
            Conclusion::Superseded { by, action, .. } => ("superseded", by, action),
            Conclusion::Aside(at) => ("aside", Some(at), ""),
            Conclusion::Unexplained { action, .. } => ("unexplained", None, action),
        }
    }

    /// A weekly file that holds other keys of the date and zone, and this one with a volume or not.
    fn delivery(volume: Option<u64>, last_load: Option<u64>) -> Delivery {
        Delivery {
            places: vec!["semaine.csv".into()],
            raw: false,
            archived: false,
            blake3: String::new(),
            modified: String::new(),
            loads: Vec::new(),
            first_load: last_load,
            last_load,
            kept_back: false,
            volume,
            lines: u64::from(volume.is_some()),
            contradictory: false,
            policy: OnConflict::First,
            of_day_and_zone: 3,
            hits: Vec::new(),
            refused_lines: 0,
            refused_of_day: 0,
            refused: Vec::new(),
        }
    }

    fn row(main: bool, volume: i64, provisional: bool) -> StoredRow {
        StoredRow {
            table: if main { "fact_nuitees" } else { "fact_nuitees_temp" }.into(),
            main,
            volume,
            provisional: Some(provisional),
            created_at: None,
            updated_at: None,
            last_change: None,
            epci: None,
            zone: None,
        }
    }

    fn stored(rows: impl IntoIterator<Item = StoredRow>) -> Known {
        Known { stored: rows.into_iter().collect(), ..Known::default() }
    }

    fn provisional(volume: i64) -> Known {
        stored([row(true, volume, true)])
    }

    fn change(tool: &str, what: What, undone: bool) -> Change {
        Change {
            migration: 1,
            run: "0123456789abcdef".into(),
            tool: tool.into(),
            at: "2025-07-28 05:00:00".into(),
            change: what,
            volume_before: Some(7),
            volume_after: None,
            provisional_before: Some(true),
            undone_at: undone.then(|| "2025-07-29 05:00:00".into()),
            of: (0, None),
        }
    }

    #[test]
    fn the_newest_load_that_counts_explains_what_is_stored() {
        let (old, new) = (delivery(Some(7), Some(1)), delivery(Some(9), Some(2)));
        let kept_back = Delivery { kept_back: true, ..delivery(Some(9), Some(2)) };
        let silent = Delivery { of_day_and_zone: 0, ..delivery(None, Some(2)) };
        let raw = Delivery { raw: true, ..delivery(Some(9), Some(2)) };
        assert_eq!(concluded(&provisional(9), &[old, new]), ("explained", Some(1), ""));
        // What stored nothing of the date, says nothing of it or is of the other kind does not count.
        for other in [kept_back, silent, raw] {
            assert_eq!(concluded(&provisional(7), &[delivery(Some(7), Some(1)), other]), ("explained", Some(0), ""));
        }
        // Loaded again, an older file is the newest.
        let again = [delivery(Some(7), Some(3)), delivery(Some(9), Some(2))];
        assert_eq!(concluded(&provisional(7), &again), ("explained", Some(0), ""));
        // A definitive row is explained by a raw export alone.
        let definitive = stored([row(true, 7, false)]);
        let export = Delivery { raw: true, ..delivery(Some(7), Some(1)) };
        assert_eq!(concluded(&definitive, &[export]), ("explained", Some(0), ""));
        assert_eq!(concluded(&definitive, &[delivery(Some(7), Some(1))]), ("superseded", None, MIGRATE));
    }

    #[test]
    fn another_value_is_superseded_left_aside_or_unexplained() {
        let of = |volume, last_load| [delivery(Some(7), Some(1)), delivery(volume, last_load)];
        assert_eq!(concluded(&provisional(7), &of(Some(9), Some(2))), ("superseded", Some(1), MIGRATE));
        assert_eq!(concluded(&provisional(7), &of(None, Some(2))), ("superseded", Some(1), MIGRATE));
        assert_eq!(concluded(&provisional(8), &of(Some(9), Some(2))), ("superseded", Some(1), MIGRATE));
        // A file that was never loaded holds the value.
        assert_eq!(concluded(&provisional(9), &of(Some(9), None)), ("superseded", None, IMPORT));
        // The migration leaves the date alone: its findings say why.
        let aside = vec![Finding::attention(Code::DateShrunk, "fact_nuitees", "")];
        let known = Known { aside, ..provisional(7) };
        assert_eq!(concluded(&known, &of(Some(9), Some(2))), ("aside", Some(1), ""));
        assert_eq!(concluded(&provisional(7), &[]), ("unexplained", None, RESTORE));
    }

    #[test]
    fn a_place_under_two_epcis_is_the_sum_or_counted_twice() {
        let rows = || stored([row(true, 4, true), row(true, 3, true)]);
        assert_eq!(concluded(&rows(), &[delivery(Some(7), Some(1))]), ("explained", Some(0), ""));
        assert_eq!(concluded(&rows(), &[delivery(Some(4), Some(1))]), ("superseded", Some(0), DOUBLED));
    }

    #[test]
    fn a_row_that_is_not_there_is_absent_or_due() {
        let nothing = Known::default;
        let refused = |volume, last_load| Delivery { refused_lines: 1, ..delivery(volume, last_load) };
        assert_eq!(concluded(&stored([row(false, 7, true)]), &[]), ("superseded", None, MIGRATE));
        assert_eq!(concluded(&nothing(), &[delivery(Some(7), Some(1)), delivery(None, Some(2))]), ("absent", None, ""));
        assert_eq!(concluded(&nothing(), &[refused(None, Some(1))]), ("superseded", None, REJECTS));
        assert_eq!(concluded(&nothing(), &[delivery(Some(7), Some(1))]), ("superseded", Some(0), MIGRATE));
        assert_eq!(concluded(&nothing(), &[delivery(Some(7), None)]), ("superseded", None, IMPORT));
        assert_eq!(concluded(&nothing(), &[]).0, "unexplained");
        // A definitive export that lacks the key has replaced what the week brought.
        let replaced = Known { definitive_of_zone: 2, ..Known::default() };
        assert_eq!(concluded(&replaced, &[delivery(Some(7), Some(1))]), ("absent", None, ""));
        // Withdrawn on demand, unless that was undone or another tool withdrew it.
        for (tool, undone, expected) in [
            (WITHDRAWAL, false, ("absent", None, "")),
            (WITHDRAWAL, true, ("superseded", Some(0), MIGRATE)),
            ("migrate-temp-to-main", false, ("superseded", Some(0), MIGRATE)),
        ] {
            let known = Known { changes: vec![change(tool, What::Withdrawn, undone)], ..Known::default() };
            assert_eq!(concluded(&known, &[delivery(Some(7), Some(1))]), expected, "{tool} {undone}");
        }
    }
}
