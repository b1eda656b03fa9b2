//! Emptying `dim_saisons`, so that `update-saisons` starts afresh.

use std::ops::RangeInclusive;

use schemars::JsonSchema;
use serde::Serialize;

use crate::db::{Database, Session};
use crate::domain::calendar::periodes::PeriodeKind;
use crate::error::Result;
use crate::ledger::{self, periodes};
use crate::report::{Done, Page, Report, Verdict};
use crate::saisons::SaisonKey;
use crate::saisons::store::Stored;

/// What a reset takes away.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct ResetPlan {
    /// Seasons that are deleted.
    saisons: Vec<(u32, SaisonKey)>,
    /// Periods that lose their link, by id.
    unlinked: Vec<u32>,
    /// Periods that are deleted: those that `update-saisons` wrote and nobody changed, by id, code and year.
    periodes: Vec<(u32, String, i32)>,
}

impl ResetPlan {
    /// The plan for `years`; with `periodes`, the computed periods of these years go too.
    fn new(stored: &Stored, years: &RangeInclusive<i32>, periodes: bool) -> Self {
        let saisons: Vec<_> =
            stored.saisons.iter().filter(|row| years.contains(&row.key.0)).map(|row| (row.id, row.key)).collect();
        let is_ours = |code: &str, annee, days| {
            PeriodeKind::from_code(code).is_some() && stored.written.get(&(code.to_owned(), annee)).copied() == days
        };
        let deleted: Vec<_> = stored
            .periodes
            .iter()
            .filter(|row| periodes && years.contains(&row.annee) && row.days().is_some())
            .filter(|row| is_ours(&row.code, row.annee, row.days()))
            .map(|row| (row.id, row.code.clone(), row.annee))
            .collect();
        let unlinked = stored
            .periodes
            .iter()
            .filter(|row| row.id_saison.is_some_and(|id| saisons.iter().any(|(gone, _)| *gone == id)))
            .filter(|row| !deleted.iter().any(|(gone, ..)| *gone == row.id))
            .map(|row| row.id)
            .collect();
        Self { saisons, unlinked, periodes: deleted }
    }
}

/// Report of `reset-saisons`.
#[derive(Debug, Serialize, JsonSchema)]
struct ResetReport {
    #[serde(rename = "dry_run")]
    done: Done,
    saisons_deleted: usize,
    periodes_unlinked: usize,
    periodes_deleted: Vec<String>,
}

/// Takes the seasons of `years` away, under the lock; with `dry_run`, only shows the plan.
///
/// # Errors
/// [`crate::error::Error::MissingTable`], [`crate::error::Error::Sql`], [`crate::error::Error::Locked`].
pub(crate) fn reset(
    database: &Database,
    years: &RangeInclusive<i32>,
    periodes: bool,
    dry_run: bool,
) -> Result<impl Report + use<>> {
    let plan = if dry_run {
        let mut session = database.session()?;
        let tables = database.tables(&mut session)?;
        ResetPlan::new(&Stored::load(&mut session, &tables)?, years, periodes)
    } else {
        let _lock = ledger::lock(database)?;
        apply(database, years, periodes)?
    };
    Ok(ResetReport {
        done: Done::unless(dry_run),
        saisons_deleted: plan.saisons.len(),
        periodes_unlinked: plan.unlinked.len(),
        periodes_deleted: plan.periodes.iter().map(|(_, code, annee)| format!("{code} {annee}")).collect(),
    })
}

/// Applies the plan for `years` in one transaction, in which it is computed.
fn apply(database: &Database, years: &RangeInclusive<i32>, periodes: bool) -> Result<ResetPlan> {
    let tables = database.tables(&mut database.session()?)?;
    database.transaction(|session| {
        let plan = ResetPlan::new(&Stored::load(session, &tables)?, years, periodes);
        delete(session, &plan)?;
        Ok(plan)
    })
}

fn delete(session: &mut Session, plan: &ResetPlan) -> Result<()> {
    for id in &plan.unlinked {
        let sql = "UPDATE dim_periodes SET id_saison = NULL WHERE id_periode = ?";
        session.exec("retrait des liens de dim_periodes", sql, (id,))?;
    }
    for (id, code, annee) in &plan.periodes {
        session.exec("vidage de dim_periodes", "DELETE FROM dim_periodes WHERE id_periode = ?", (id,))?;
        periodes::forget(session, code, *annee)?;
    }
    for (id, _) in &plan.saisons {
        session.exec("vidage de dim_saisons", "DELETE FROM dim_saisons WHERE id = ?", (id,))?;
    }
    Ok(())
}

impl Report for ResetReport {
    fn render(&self, page: &mut Page) {
        let deleted = |count: usize| self.done.count(count as u64, ["ligne", "lignes"], ["supprimée", "supprimées"]);
        let unlinked = self.done.count(self.periodes_unlinked as u64, ["lien", "liens"], ["retiré", "retirés"]);
        page.line(format!("dim_saisons  : {}", deleted(self.saisons_deleted)));
        page.line(format!("dim_periodes : {}, {unlinked}", deleted(self.periodes_deleted.len())));
        if !self.periodes_deleted.is_empty() {
            page.line(format!("  {}", self.periodes_deleted.join(", ")));
        }
        page.gap();
        if self.done.really() {
            page.conclude(Verdict::Ok, "fait");
            page.action("lancez `update-saisons` pour remplir à nouveau");
        } else if self.saisons_deleted + self.periodes_deleted.len() > 0 {
            page.confirm(None);
        } else {
            page.conclude(Verdict::Ok, "rien à supprimer");
        }
    }

    fn done(&self) -> Done {
        self.done
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::domain::calendar::saisons::Saison;
    use crate::saisons::store::{PeriodeRow, SaisonRow};

    fn periode(id: u32, code: &str, annee: i32, id_saison: u32) -> PeriodeRow {
        let debut = format!("{annee}-07-05T00:00:00").parse().ok();
        let fin = format!("{annee}-08-31T23:59:59").parse().ok();
        PeriodeRow { id, code: code.into(), annee, debut, fin, id_saison: Some(id_saison) }
    }

    fn stored() -> Stored {
        let saison = |id, annee| SaisonRow { id, key: (annee, Saison::Ete), debut: None, fin: None, duree_jours: None };
        let written = |annee: i32| {
            let day = |text: String| text.parse().unwrap();
            (("vacances_ete".to_owned(), annee), (day(format!("{annee}-07-05")), day(format!("{annee}-08-31"))))
        };
        Stored {
            saisons: vec![saison(1, 2024), saison(2, 2025)],
            periodes: vec![
                periode(10, "vacances_ete", 2024, 1),
                periode(11, "vacances_ete", 2025, 2),
                periode(12, "festival", 2025, 2),
                periode(13, "annee_complete", 2025, 2),
            ],
            written: HashMap::from([written(2024), written(2025)]),
            ..Stored::default()
        }
    }

    #[test]
    fn seasons_of_the_years_go_and_periods_lose_their_link() {
        let plan = ResetPlan::new(&stored(), &(2025..=2025), false);
        assert_eq!(plan.saisons, [(2, (2025, Saison::Ete))]);
        assert_eq!(plan.unlinked, [11, 12, 13]);
        assert!(plan.periodes.is_empty());
        let none = ResetPlan::new(&stored(), &(2019..=2020), true);
        assert!(none.saisons.is_empty() && none.periodes.is_empty());
    }

    #[test]
    fn only_periods_that_we_wrote_go_with_them() {
        let plan = ResetPlan::new(&stored(), &(2025..=2025), true);
        assert_eq!(plan.periodes, [(11, "vacances_ete".to_owned(), 2025)]);
        assert_eq!(plan.unlinked, [12, 13]);
    }
}
