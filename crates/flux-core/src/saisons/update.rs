//! Applying a [`Plan`] in one transaction.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use chrono::NaiveDateTime;
use mysql::Value;

use crate::db::{Database, Session};
use crate::domain::calendar::saisons::SaisonSpan;
use crate::error::{Error, Result};
use crate::ledger::periodes;
use crate::saisons::SaisonKey;
use crate::saisons::plan::{PeriodeStep, Plan, SaisonStep};
use crate::saisons::store::Stored;

/// The plan for `years`; writes nothing.
///
/// # Errors
/// [`Error::MissingTable`], [`Error::Sql`].
pub(crate) fn plan(database: &Database, years: RangeInclusive<i32>, overwrite: bool) -> Result<Plan> {
    let mut session = database.session()?;
    let tables = database.tables(&mut session)?;
    Ok(Plan::new(&Stored::load(&mut session, &tables)?, years, overwrite))
}

/// Brings `dim_saisons` and `dim_periodes` in line for `years`, all or nothing, and proves it before the commit. The
/// plan is computed again in each try of the transaction.
///
/// # Errors
/// [`Error::MissingTable`], [`Error::Locked`], [`Error::Sql`].
pub(crate) fn apply(database: &Database, years: RangeInclusive<i32>, overwrite: bool) -> Result<Plan> {
    let mut session = database.session()?;
    let mut tables = database.tables(&mut session)?;
    if tables.insert(periodes::TABLE.to_owned()) {
        // DDL commits by itself, so it comes before the transaction.
        periodes::create(&mut session)?;
    }
    drop(session);
    database.transaction(|session| {
        let before = Stored::load(session, &tables)?;
        let plan = Plan::new(&before, years.clone(), overwrite);
        write_saisons(session, &plan)?;
        write_periodes(session, &plan, &before)?;
        let stored = Stored::load(session, &tables)?;
        write_links(session, &plan, &stored)?;
        if stored.names_saison {
            name_saisons(session)?;
        }
        let rest = Plan::new(&Stored::load(session, &tables)?, years.clone(), overwrite);
        if !rest.is_empty() {
            return Err(Error::Invariant("dim_saisons et dim_periodes ne sont pas conformes après l'écriture".into()));
        }
        Ok(plan)
    })
}

fn write_saisons(session: &mut Session, plan: &Plan) -> Result<()> {
    for step in &plan.saisons {
        match step {
            SaisonStep::Insert(span) => {
                let mut values = vec![span.annee.into(), span.saison.code().into()];
                values.extend(span_values(span));
                session.exec(
                    "ajout dans dim_saisons",
                    "INSERT INTO dim_saisons (annee, saison, date_debut, date_fin, duree_jours) VALUES (?, ?, ?, ?, ?)",
                    values,
                )?;
            }
            SaisonStep::Update(row, span) => {
                let mut values = span_values(span);
                values.push(row.id.into());
                session.exec(
                    "mise à jour de dim_saisons",
                    "UPDATE dim_saisons SET date_debut = ?, date_fin = ?, duree_jours = ? WHERE id = ?",
                    values,
                )?;
            }
            SaisonStep::Keep(_) => {}
        }
    }
    Ok(())
}

fn span_values(span: &SaisonSpan) -> Vec<Value> {
    vec![sql_date_time(span.debut), sql_date_time(span.fin), span.duree_jours.into()]
}

fn write_periodes(session: &mut Session, plan: &Plan, before: &Stored) -> Result<()> {
    for step in &plan.periodes {
        match step {
            PeriodeStep::Insert(periode) => {
                let values: Vec<Value> = vec![
                    periode.kind.code().into(),
                    before.label(periode.kind.code(), periode.annee, periode.kind.label()).into(),
                    periode.annee.into(),
                    sql_date_time(periode.debut()),
                    sql_date_time(periode.fin()),
                ];
                session.exec(
                    "ajout dans dim_periodes",
                    "INSERT INTO dim_periodes (code_periode, nom_periode, annee, date_debut, date_fin) \
                     VALUES (?, ?, ?, ?, ?)",
                    values,
                )?;
            }
            PeriodeStep::Update(row, periode) => {
                let values: Vec<Value> =
                    vec![sql_date_time(periode.debut()), sql_date_time(periode.fin()), row.id.into()];
                session.exec(
                    "mise à jour de dim_periodes",
                    "UPDATE dim_periodes SET date_debut = ?, date_fin = ? WHERE id_periode = ?",
                    values,
                )?;
            }
            PeriodeStep::Keep(_) | PeriodeStep::KeepTheirs(..) => {}
        }
    }
    for (kind, annee, days) in &plan.written {
        periodes::remember(session, kind.code(), *annee, *days)?;
    }
    Ok(())
}

/// `stored` is what the table holds now, with the ids of the new rows.
fn write_links(session: &mut Session, plan: &Plan, stored: &Stored) -> Result<()> {
    let ids: HashMap<SaisonKey, u32> = stored.saisons.iter().map(|row| (row.key, row.id)).collect();
    for link in &plan.links {
        let id = match link.saison {
            None => None,
            Some(key) => Some(*ids.get(&key).ok_or_else(|| {
                Error::Invariant(format!("la saison {} {} n'a pas été écrite", key.1.label(), key.0))
            })?),
        };
        session.exec(
            "lien entre dim_periodes et dim_saisons",
            "UPDATE dim_periodes SET id_saison = ? WHERE code_periode = ? AND annee = ?",
            (id, &link.code, link.annee),
        )?;
    }
    Ok(())
}

/// Older databases name the season in a column of `dim_periodes` too: where it is empty, it takes the name of the row that is linked.
fn name_saisons(session: &mut Session) -> Result<()> {
    let sql = "UPDATE dim_periodes p JOIN dim_saisons s ON s.id = p.id_saison SET p.saison = CAST(s.saison AS CHAR) \
               WHERE p.saison IS NULL OR p.saison = ''";
    session.exec("saisons de dim_periodes", sql, ())?;
    Ok(())
}

fn sql_date_time(value: NaiveDateTime) -> Value {
    value.format("%Y-%m-%d %H:%M:%S").to_string().into()
}
