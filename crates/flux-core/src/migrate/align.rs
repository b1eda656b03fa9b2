//! A weekly file names no EPCI, and definitive rows of a place may have come since it was imported: temporary rows of a visit that main
//! holds under another EPCI take that one, so that no visitor is counted twice.

use crate::db::{Session, on_dates};
use crate::dims::epci;
use crate::error::Result;
use crate::migrate::Pair;
use crate::migrate::compare::Dates;
use crate::schema;

/// Communes that one statement looks at.
const TOGETHER: usize = 200;

/// Which rows of the main table lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lead {
    /// Definitive ones: provisional ones under another EPCI give way to the temporary row.
    Definitive,
    /// All: on these dates none gives way.
    All,
}

/// Gives the rows of some dates of a temporary table the EPCI under which main holds them; returns how many. Two passes over the keys
/// tell that there are none, as nearly always.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(super) fn align(session: &mut Session, pair: &Pair, dates: &Dates<'_>, lead: Lead) -> Result<u64> {
    if !epci::concerns(pair.dataset) {
        return Ok(0);
    }
    let (temp, main, doing) = (&pair.temp, &pair.main, format!("EPCI de {}", pair.temp));
    let ends: Option<(String, String)> = match dates {
        Dates::These(dates) => {
            dates.iter().min().zip(dates.iter().max()).map(|(first, last)| ((*first).to_owned(), (*last).to_owned()))
        }
        Dates::All => schema::span(session, &doing, temp)?,
    };
    let Some((first, last)) = ends else { return Ok(0) };
    let places = |table: &str| {
        format!("SELECT DISTINCT id_commune, id_epci FROM {table} WHERE id_commune <> 0 AND date BETWEEN ? AND ?")
    };
    let sql = format!(
        "SELECT t.id_commune, t.id_epci, m.id_epci FROM ({}) t JOIN ({}) m ON m.id_commune = t.id_commune AND m.id_epci <> t.id_epci",
        places(temp),
        places(main)
    );
    let moves: Vec<(u32, u32, u32)> = session.rows(&doing, &sql, (&first, &last, &first, &last))?;
    let visit = |side: &str| {
        let same: Vec<String> =
            epci::visit(pair.dataset).iter().map(|column| format!("{side}.{column} = t.{column}")).collect();
        same.join(" AND ")
    };
    let leads = |side: &str| match lead {
        Lead::Definitive => format!(" AND {side}.is_provisional = 0"),
        Lead::All => String::new(),
    };
    let (days, values) = match dates {
        Dates::All => ("TRUE".to_owned(), Vec::new()),
        Dates::These(dates) => on_dates("t", dates),
    };
    let mut aligned = 0;
    for moves in moves.chunks(TOGETHER) {
        let moves: Vec<String> = moves
            .iter()
            .map(|(commune, own, held)| format!("SELECT {commune} AS commune, {own} AS own, {held} AS held"))
            .collect();
        let sql = format!(
            "UPDATE {temp} t JOIN ({}) x ON x.commune = t.id_commune AND x.own = t.id_epci \
         JOIN {main} m ON {} AND m.id_epci = x.held{} \
         LEFT JOIN {main} o ON {} AND o.id_epci = t.id_epci{} \
         LEFT JOIN {temp} n ON {} AND n.id_epci = x.held \
         SET t.id_epci = x.held WHERE o.date IS NULL AND n.date IS NULL AND {days}",
            moves.join(" UNION ALL "),
            visit("m"),
            leads("m"),
            visit("o"),
            leads("o"),
            visit("n")
        );
        aligned += session.exec(&doing, &sql, values.clone())?;
    }
    if aligned > 0 {
        log::info!("{temp} : l'EPCI de lignes déjà en base est gardé ({aligned})");
    }
    Ok(aligned)
}
