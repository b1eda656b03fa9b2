//! What a delivery is held against before its dates are replaced: the rows that are stored of them, and the last day of the base.
//!
//! `cleanup-temp` empties the temporary table in a normal week: the provisional rows of the main table are looked at as well, whichever
//! has more.

use std::collections::{BTreeMap, HashMap};

use mysql::Value;

use crate::db::{Session, marks};
use crate::domain::catalogue::{Dataset, Space};
use crate::domain::values::Day;
use crate::error::Result;
use crate::schema::Existing;

/// A period that lies further than this from the last day of the base, in days, is not the one that was expected.
const FAR: u16 = 60;

/// Rows of one date.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) rows: u64,
    /// By the id of their zone.
    pub(crate) zones: BTreeMap<u32, u64>,
}

/// The tables that a weekly file is held against.
#[derive(Debug)]
pub(crate) struct Tables {
    temp: String,
    /// `None` where there is none yet, or one that does not know provisional rows.
    main: Option<String>,
}

impl Tables {
    pub(crate) fn of(dataset: &Dataset, space: Space, existing: &HashMap<String, Existing>) -> Self {
        let main = dataset.main_table(space);
        let main = existing.get(&main).is_some_and(|table| table.has("is_provisional")).then_some(main);
        Self { temp: dataset.temp_table(space), main }
    }

    /// What is stored of `days`: of each the rows of the table that has more of them.
    pub(crate) fn stored(&self, session: &mut Session, days: &[Day]) -> Result<BTreeMap<Day, Stored>> {
        let mut stored = by_date(session, &self.temp, "", days)?;
        if let Some(main) = &self.main {
            for (day, other) in by_date(session, main, " AND is_provisional <> 0", days)? {
                let held = stored.entry(day).or_default();
                if other.rows > held.rows {
                    *held = other;
                }
            }
        }
        Ok(stored)
    }

    /// Why the days of a file, in order, are not those that were to be expected; `None` where they are, or where the base holds nothing
    /// yet.
    pub(crate) fn unexpected(&self, session: &mut Session, days: &[Day]) -> Result<Option<String>> {
        let main = match &self.main {
            Some(main) => last_day(session, main)?,
            None => None,
        };
        if let Some(told) = main.and_then(|base| unexpected(days, base)) {
            return Ok(Some(told));
        }
        // What waits for its migration may be replaced by an earlier week, but not by another year.
        let temp = last_day(session, &self.temp)?;
        let Some(((first, last), base)) = span(days).zip(temp) else { return Ok(None) };
        let away = first.0.abs_diff(base.0).min(last.0.abs_diff(base.0));
        let within = first <= base && base <= last;
        Ok((away > FAR && !within).then(|| far((first, last), base)))
    }
}

fn span(days: &[Day]) -> Option<(Day, Day)> {
    days.first().copied().zip(days.last().copied())
}

/// Why the days of a delivery, in order, are not those to be expected after the last day of the base. Days that lie far from the others
/// are a period of their own: of a year that somebody mistyped, the last day of the file says nothing.
pub(crate) fn unexpected(days: &[Day], base: Day) -> Option<String> {
    let mut periods = days.chunk_by(|day, next| next.0 - day.0 <= FAR).filter_map(span);
    periods.find_map(|period| unexpected_period(period, base))
}

fn unexpected_period((first, last): (Day, Day), base: Day) -> Option<String> {
    let away = first.0.saturating_sub(base.0).max(base.0.saturating_sub(last.0));
    if away > FAR {
        return Some(far((first, last), base));
    }
    (last < base)
        .then(|| format!("période inattendue : {first} → {last} se termine avant le dernier jour en base, {base}"))
}

fn far((first, last): (Day, Day), base: Day) -> String {
    let away = first.0.saturating_sub(base.0).max(base.0.saturating_sub(last.0));
    format!("période inattendue : {first} → {last} est à {away} jours du dernier jour en base, {base}")
}

/// The last day that a table holds.
pub(crate) fn last_day(session: &mut Session, table: &str) -> Result<Option<Day>> {
    let sql = format!("SELECT CAST(MAX(date) AS CHAR) FROM {table}");
    let last: Option<Option<String>> = session.first(&format!("lecture de {table}"), &sql, ())?;
    Ok(last.flatten().and_then(|text| text.parse().ok()).and_then(Day::from_date))
}

fn by_date(session: &mut Session, table: &str, only: &str, days: &[Day]) -> Result<BTreeMap<Day, Stored>> {
    let mut stored: BTreeMap<Day, Stored> = BTreeMap::new();
    for chunk in days.chunks(200) {
        let sql = format!(
            "SELECT CAST(date AS CHAR), id_zone, COUNT(*) FROM {table} WHERE date IN {}{only} GROUP BY date, id_zone",
            marks(1, chunk.len())
        );
        let params: Vec<Value> = chunk.iter().map(|day| Value::from(day.to_string())).collect();
        let rows: Vec<(String, u32, u64)> = session.rows(&format!("comptage des dates de {table}"), &sql, params)?;
        for (date, zone, rows) in rows {
            let Some(day) = date.parse().ok().and_then(Day::from_date) else { continue };
            let held = stored.entry(day).or_default();
            held.rows += rows;
            held.zones.insert(zone, rows);
        }
    }
    Ok(stored)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_week_follows_the_base_or_revises_its_end() {
        let day = |text: &str| Day::from_date(text.parse().unwrap()).unwrap();
        let base = day("2025-03-16");
        let check = |first: &str, last: &str| unexpected_period((day(first), day(last)), base);
        assert_eq!(check("2025-03-17", "2025-03-23"), None);
        assert_eq!(check("2025-03-10", "2025-03-16"), None);
        assert_eq!(check("2025-05-15", "2025-05-21"), None, "sixty days");
        assert_eq!(check("2024-01-01", "2025-03-16"), None, "a whole year up to now");
        assert!(check("2025-05-16", "2025-05-22").unwrap().contains("61 jours"));
        assert!(check("2025-03-03", "2025-03-09").unwrap().contains("avant le dernier jour"));
        assert!(check("2019-03-11", "2019-03-17").unwrap().contains("2191 jours"));
        // A week of which one line bears another year.
        let days = |days: &[&str]| days.iter().map(|text| day(text)).collect::<Vec<_>>();
        assert_eq!(unexpected(&days(&["2025-03-17", "2025-03-18"]), base), None);
        let told = unexpected(&days(&["2024-03-18", "2025-03-17", "2025-03-19"]), base).unwrap();
        assert!(told.contains("2024-03-18 → 2024-03-18") && told.contains("363 jours"), "{told}");
        assert_eq!(unexpected(&days(&["2025-01-16", "2025-03-17"]), base), None, "sixty days apart");
    }
}
