//! The astronomical seasons, as `dim_saisons` holds them.

use chrono::{DateTime, Days, NaiveDate, NaiveDateTime, TimeDelta, Utc};

pub(crate) use crate::domain::calendar::saison::Saison;
use crate::domain::calendar::{astro, paris};

/// A season of one year: a row of `dim_saisons`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SaisonSpan {
    /// Year in which it begins.
    pub(crate) annee: i32,
    pub(crate) saison: Saison,
    /// Instant at which it begins.
    pub(crate) instant: DateTime<Utc>,
    /// The same in the civil time of Paris: `date_debut`.
    pub(crate) debut: NaiveDateTime,
    /// Its last second in the civil time of Paris, one before the next season: `date_fin`.
    pub(crate) fin: NaiveDateTime,
    /// Calendar days from the day on which it begins to the one on which the next begins: `duree_jours`.
    pub(crate) duree_jours: i64,
}

/// The years of which every season is computed.
pub(crate) const YEARS: std::ops::RangeInclusive<i32> = 1900..=2100;

/// `saison` of `year`; `None` where its beginning or its end is outside [`astro::YEARS`].
pub(crate) fn saison_of(year: i32, saison: Saison) -> Option<SaisonSpan> {
    let instant = astro::instant(year, saison)?;
    let (next_year, next) = saison.next(year);
    let debut = paris::civil_time(instant);
    let next_debut = paris::civil_time(astro::instant(next_year, next)?);
    Some(SaisonSpan {
        annee: year,
        saison,
        instant,
        debut,
        fin: next_debut - TimeDelta::seconds(1),
        duree_jours: (next_debut.date() - debut.date()).num_days(),
    })
}

/// The four seasons that begin in `year`, in order; empty outside [`YEARS`].
pub(crate) fn saisons_of(year: i32) -> Vec<SaisonSpan> {
    if !YEARS.contains(&year) {
        return Vec::new();
    }
    Saison::ALL.into_iter().filter_map(|saison| saison_of(year, saison)).collect()
}

/// The days that a season from `debut` to `fin` counts, first and last: a day on which the season changes belongs to
/// the one that begins.
pub(crate) fn days_of(debut: NaiveDateTime, fin: NaiveDateTime) -> (NaiveDate, NaiveDate) {
    let next = (fin + TimeDelta::seconds(1)).date();
    (debut.date(), next.checked_sub_days(Days::new(1)).unwrap_or(next))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the reference instants of 2025 and 2026, by hand. (Instants differ from the reference by seconds.)
    #[test]
    fn seasons_of_2025() {
        let seasons = saisons_of(2025);
        let lengths: Vec<_> =
            seasons.iter().map(|s| (s.saison.code(), s.debut.date().to_string(), s.duree_jours)).collect();
        let expected = [
            ("printemps", "2025-03-20".to_owned(), 93),
            ("ete", "2025-06-21".to_owned(), 93),
            ("automne", "2025-09-22".to_owned(), 90),
            ("hiver", "2025-12-21".to_owned(), 89),
        ];
        assert_eq!(lengths, expected);
        let reference: NaiveDateTime = "2026-03-20T15:45:52".parse().unwrap();
        assert!((seasons[3].fin - reference).num_seconds().abs() <= 30, "{}", seasons[3].fin);
    }

    #[test]
    fn a_day_of_change_belongs_to_the_season_that_begins() {
        let (first, last) = days_of("2025-03-20T10:01:14".parse().unwrap(), "2025-06-21T04:42:17".parse().unwrap());
        assert_eq!((first.to_string(), last.to_string()), ("2025-03-20".to_owned(), "2025-06-20".to_owned()));
        // a next season that begins at midnight sharp
        let (_, last) = days_of("2025-03-20T10:01:14".parse().unwrap(), "2025-06-20T23:59:59".parse().unwrap());
        assert_eq!(last.to_string(), "2025-06-20");
    }

    #[test]
    fn years_out_of_range_are_empty() {
        assert!(saisons_of(1899).is_empty() && saisons_of(2101).is_empty());
        assert_eq!(saisons_of(1900).len(), 4);
        assert_eq!(saisons_of(2100).len(), 4);
    }

    #[test]
    fn contiguous_ordered_and_of_known_lengths() {
        for year in 1900..=2100 {
            let mut seasons = saisons_of(year);
            assert_eq!(seasons.len(), 4);
            seasons.extend(saison_of(year + 1, Saison::Printemps));
            assert_eq!(seasons.len(), 5);
            for pair in seasons.windows(2) {
                assert_eq!(pair[0].fin + TimeDelta::seconds(1), pair[1].debut);
                assert!(pair[0].debut < pair[0].fin && pair[0].instant < pair[1].instant);
                let (first, last) = days_of(pair[0].debut, pair[0].fin);
                assert_eq!(last.signed_duration_since(first).num_days() + 1, pair[0].duree_jours);
                assert_eq!(last.succ_opt(), Some(pair[1].debut.date()));
            }
            for span in &seasons[..4] {
                // spring and summer 92 to 94 days, autumn 89 to 91, winter 88 to 90
                let expected = match span.saison {
                    Saison::Printemps | Saison::Ete => 92..=94,
                    Saison::Automne => 89..=91,
                    Saison::Hiver => 88..=90,
                };
                assert!(expected.contains(&span.duree_jours), "{:?}", span);
                assert_eq!(Saison::from_code(span.saison.code()), Some(span.saison));
            }
            let days: i64 = seasons[..4].iter().map(|span| span.duree_jours).sum();
            assert!((365..=366).contains(&days), "{}", days);
        }
    }
}
