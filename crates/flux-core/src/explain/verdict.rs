//! What the rows and the deliveries come to: whether a delivery explains the figure, and which one.

use crate::explain::evidence::{Delivery, Known, StoredRow};
use crate::ledger::migrations::WITHDRAWAL;
use crate::ledger::rows::{Change, What};
use crate::report::number;

/// What is concluded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Conclusion {
    /// The stored volume is the one of this delivery (its index), and nothing newer says otherwise.
    Explained(usize),
    /// No row, and a delivery says why.
    Absent(String),
    /// Something explains it, but another state is to be expected.
    Superseded { by: Option<usize>, message: String, action: &'static str },
    /// The newest delivery says otherwise, and the migration leaves the date aside: its findings say why.
    Aside(usize),
    /// Nothing explains it.
    Unexplained { message: String, action: &'static str },
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
    format!("{} le {} UTC (exécution {})", change.tool, change.at, &change.run[..change.run.len().min(8)])
}

/// The newest load that counts, of the files that speak of the date and zone at all.
fn newest(deliveries: &[Delivery], raw: bool) -> Option<(usize, &Delivery)> {
    let counts = |delivery: &&Delivery| {
        delivery.raw == raw && delivery.last_load.is_some() && delivery.speaks() && !delivery.kept_back
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
