//! What a migration leaves aside, told: one finding for each cause, with what to do about it.

use std::collections::{BTreeSet, HashMap};

use chrono::NaiveDate;

use crate::db::Session;
use crate::domain::catalogue::Dim;
use crate::error::Result;
use crate::migrate::Pair;
use crate::migrate::moves::Moves;
use crate::migrate::plan::{Aside, BLOCKED, SPLIT, SUSPENDED, UNRECORDED};
use crate::report::{Code, Finding, number, plural, ranges, some_of};

/// Dates and zones named in a message.
const NAMED: usize = 5;

/// Gives the zones of what is left aside their names.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(super) fn name_zones(session: &mut Session, asides: &mut [Aside]) -> Result<()> {
    if asides.iter().all(|aside| aside.id_zone.is_none()) {
        return Ok(());
    }
    let spec = Dim::Zone.spec();
    let sql = format!("SELECT CAST({} AS SIGNED), COALESCE({}, '') FROM {}", spec.id, spec.name, spec.table);
    let names: Vec<(i64, String)> = session.rows("lecture des zones", &sql, ())?;
    let names: HashMap<i64, String> = names.into_iter().collect();
    for aside in asides {
        aside.zone = aside.id_zone.map(|id| names.get(&id).cloned().unwrap_or_else(|| format!("#{id}")));
    }
    Ok(())
}

/// The findings of a pair, one for each cause.
pub(super) fn findings(pair: &Pair, asides: &[Aside], moves: &Moves) -> Vec<Finding> {
    let of = |reason: &str| asides.iter().filter(|aside| aside.reason == reason).collect::<Vec<_>>();
    let mut findings = Vec::new();
    findings.extend(suspended(pair, &of(SUSPENDED)));
    findings.extend(blocked(pair, &of(BLOCKED)));
    findings.extend(split(pair, &of(SPLIT)));
    findings.extend(unrecorded(pair, &of(UNRECORDED)));
    if moves.without_breakdown > 0 {
        let rows = plural(moves.without_breakdown, "ligne n'a", "lignes n'ont");
        let message =
            format!("{rows} pas de ventilation (identifiant 0) : non migrées, et leurs dates ne retirent rien");
        let action = format!(
            "rechargez la livraison de ces dates (`update-temp-tables --force --only {}`), qui les remplace",
            pair.dataset.short_name()
        );
        findings.push(Finding::attention(Code::BreakdownMissing, &pair.temp, message).action(action));
    }
    findings
}

fn spans(asides: &[&Aside]) -> String {
    let days: BTreeSet<NaiveDate> = asides.iter().filter_map(|aside| aside.date.parse().ok()).collect();
    some_of(&ranges(days), NAMED)
}

fn suspended(pair: &Pair, asides: &[&Aside]) -> Option<Finding> {
    let first = asides.first()?;
    let kept =
        ["ligne provisoire que la livraison n'a plus reste", "lignes provisoires que la livraison n'a plus restent"];
    let rows = plural(asides.iter().map(|aside| aside.rows).sum(), kept[0], kept[1]);
    let lines = asides.iter().map(|aside| aside.rejected + aside.held).max().unwrap_or(0);
    let why = if lines == 0 {
        "des lignes temporaires n'y ont pas de ventilation".to_owned()
    } else {
        format!(
            "jusqu'à {} n'y ont pas pu être lues ou ont été retenues",
            plural(lines, "ligne livrée", "lignes livrées")
        )
    };
    let message = format!("retrait suspendu : {rows} en place ({}), car {why}", spans(asides));
    let file = first
        .reject_file
        .as_deref()
        .map_or_else(|| "les lignes rejetées".to_owned(), |file| format!("les lignes de {file}"));
    let action = if asides.iter().all(|aside| aside.rejected == 0 && aside.held > 0) {
        format!(
            "demandez au fournisseur si la livraison est entière ; si elle l'est : `update-temp-tables --force --only {}`, puis \
             `migrate-temp-to-main --force --only {}`",
            pair.dataset.short_name(),
            pair.main.trim_end_matches("_test")
        )
    } else {
        format!(
            "corrigez {file}, relancez `update-temp-tables`, puis `migrate-temp-to-main` : le retrait se fera alors"
        )
    };
    Some(Finding::attention(Code::WithdrawalSuspended, &pair.main, message).action(action))
}

fn blocked(pair: &Pair, asides: &[&Aside]) -> Option<Finding> {
    asides.first()?;
    let named: Vec<String> = asides
        .iter()
        .map(|aside| {
            let zone = aside.zone.as_deref().map_or_else(String::new, |zone| format!(" {zone}"));
            let rows = format!("{} → {} lignes", number(aside.rows_before), number(aside.rows_after));
            format!(
                "{}{zone} ({rows}, volume {} → {})",
                aside.date,
                number(aside.volume_before),
                number(aside.volume_after)
            )
        })
        .collect();
    let places = plural(asides.len() as u64, "date ou date × zone perdrait", "dates ou dates × zones perdraient");
    let message = format!("{places} trop de lignes ou de volume, rien n'y est changé : {}", some_of(&named, NAMED));
    let action = format!(
        "demandez au fournisseur si la livraison est entière ; si elle l'est : `migrate-temp-to-main --force --only {}`",
        pair.main.trim_end_matches("_test")
    );
    Some(Finding::attention(Code::DateShrunk, &pair.main, message).action(action))
}

fn split(pair: &Pair, asides: &[&Aside]) -> Option<Finding> {
    asides.first()?;
    let zones: BTreeSet<&str> = asides.iter().filter_map(|aside| aside.zone.as_deref()).collect();
    let rows = plural(asides.iter().map(|aside| aside.rows).sum(), "ligne attend", "lignes attendent");
    let message = format!(
        "{rows}, car {} a déjà ces dates sous un autre nom de la même zone ({} : {}) : elles y compteraient deux fois",
        pair.main,
        zones.into_iter().collect::<Vec<_>>().join(", "),
        spans(asides)
    );
    let action = "`merge-zones` montre ce qui serait réuni ; `merge-zones --yes` réunit, puis relancez la migration";
    Some(Finding::attention(Code::ZoneSplit, &pair.temp, message).action(action))
}

fn unrecorded(pair: &Pair, asides: &[&Aside]) -> Option<Finding> {
    asides.first()?;
    let rows = plural(asides.iter().map(|aside| aside.rows).sum(), "ligne diffère", "lignes diffèrent");
    let message = format!(
        "{rows} de {}, mais celles de la table temporaire ne sont d'aucun import enregistré, ou ont été changées depuis : \
         rien n'est migré de {}",
        pair.main,
        spans(asides)
    );
    let action = "rechargez ces dates avec `update-temp-tables --force`, ou migrez-les telles quelles avec \
                  `migrate-temp-to-main --include-unrecorded`";
    Some(Finding::attention(Code::RowsUnrecorded, &pair.temp, message).action(action))
}
