//! Tables that are partitioned by the year of their dates: how the server has them, and the statements that make and extend them.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use crate::db::{Session, quote};
use crate::error::Result;

/// What our partitions are called, before the year.
const YEAR: &str = "flux_";
/// The partition of what comes before the years that have one of their own, and that of what comes after them: no date is ever refused.
const BEFORE: &str = "flux_avant";
const AFTER: &str = "flux_apres";

/// How a table is divided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Division {
    /// By `RANGE (YEAR(date))`.
    ByYear(Vec<Partition>),
    /// In another way, as the server calls it, and what it is cut by, as SQL.
    Other { way: String, by: String },
}

/// A partition by years.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Partition {
    name: String,
    /// The first year that it does not hold; `None` for the last one, which holds all that come.
    below: Option<i32>,
}

/// The partitioned tables of the database.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(crate) fn divisions(session: &mut Session) -> Result<HashMap<String, Division>> {
    let sql = "SELECT table_name, partition_name, CONCAT_WS(' ', partition_method, subpartition_method), \
               COALESCE(CAST(partition_expression AS CHAR), ''), COALESCE(CAST(subpartition_expression AS CHAR), ''), \
               COALESCE(CAST(partition_description AS CHAR), '') \
               FROM information_schema.partitions WHERE table_schema = DATABASE() AND partition_name IS NOT NULL \
               ORDER BY table_name, partition_ordinal_position, subpartition_ordinal_position";
    let rows: Vec<(String, String, String, String, String, String)> =
        session.rows("lecture des partitions", sql, ())?;
    let mut divisions = HashMap::new();
    for (table, name, method, expression, within, description) in rows {
        let plain: String = expression.to_lowercase().chars().filter(|c| !c.is_whitespace() && *c != '`').collect();
        let below = match description.as_str() {
            "MAXVALUE" => Some(None),
            year => year.parse().ok().map(Some),
        };
        let division = divisions.entry(table).or_insert_with(|| Division::ByYear(Vec::new()));
        match (division, below) {
            (Division::ByYear(partitions), Some(below)) if method == "RANGE" && plain == "year(date)" => {
                partitions.push(Partition { name, below });
            }
            (division, _) => {
                let (way, by) = (format!("{method} ({expression})"), format!("{expression} {within}"));
                *division = Division::Other { way, by };
            }
        }
    }
    Ok(divisions)
}

impl Division {
    /// The partition that holds this year and no other one.
    pub(crate) fn of_year(&self, year: i32) -> Option<&str> {
        let Division::ByYear(partitions) = self else { return None };
        let holds = |pair: &&[Partition]| pair[0].below == Some(year) && pair[1].below == Some(year + 1);
        partitions.windows(2).find(holds).map(|pair| pair[1].name.as_str())
    }

    /// Whether it is ours, to be extended without being asked.
    pub(crate) fn is_ours(&self) -> bool {
        let Division::ByYear(partitions) = self else { return false };
        partitions.last().is_some_and(|last| last.name == AFTER && last.below.is_none())
    }

    /// The statements that give each year of this span which lacks one a partition of its own, each with its years: those behind the last
    /// year that has one, and those before the first one where the partition before it is ours.
    pub(crate) fn extensions(&self, table: &str, span: &RangeInclusive<i32>) -> Vec<(String, Vec<i32>)> {
        let Division::ByYear(partitions) = self else { return Vec::new() };
        let (Some(first), Some(last)) = (partitions.first(), partitions.last()) else { return Vec::new() };
        let split = |partition: &Partition, years: RangeInclusive<i32>| {
            let mut parts: Vec<String> =
                years.clone().map(|year| clause(&format!("{YEAR}{year}"), Some(year + 1))).collect();
            match partition.below {
                Some(_) => parts.insert(0, clause(&partition.name, Some(*years.start()))),
                None => parts.push(clause(&partition.name, None)),
            }
            let (name, parts) = (quote(&partition.name), parts.join(",\n  "));
            (format!("ALTER TABLE {table} REORGANIZE PARTITION {name} INTO (\n  {parts}\n)"), years.collect())
        };
        let known = partitions.iter().rev().find_map(|partition| partition.below).unwrap_or(*span.start());
        let later = (last.below.is_none() && known <= *span.end()).then(|| split(last, known..=*span.end()));
        let earlier = first.below.filter(|below| first.name == BEFORE && span.start() < below);
        let earlier = earlier.map(|below| split(first, *span.start()..=below - 1));
        later.into_iter().chain(earlier).collect()
    }
}

/// The clause that partitions a table by these years, and keeps what lies before and after them.
pub(crate) fn by_years(years: RangeInclusive<i32>) -> String {
    let mut parts = vec![clause(BEFORE, Some(*years.start()))];
    parts.extend(years.map(|year| clause(&format!("{YEAR}{year}"), Some(year + 1))));
    parts.push(clause(AFTER, None));
    format!("PARTITION BY RANGE (YEAR(date)) (\n  {}\n)", parts.join(",\n  "))
}

fn clause(name: &str, below: Option<i32>) -> String {
    let below = below.map_or_else(|| "MAXVALUE".to_owned(), |year| format!("({year})"));
    format!("PARTITION {} VALUES LESS THAN {below}", quote(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn division(parts: &[(&str, Option<i32>)]) -> Division {
        let part = |(name, below): &(&str, Option<i32>)| Partition { name: (*name).to_owned(), below: *below };
        Division::ByYear(parts.iter().map(part).collect())
    }

    #[test]
    fn a_year_has_a_partition_only_where_it_is_alone_in_it() {
        let owned = division(&[("p2024", Some(2025)), ("p2025", Some(2026)), ("p2027", Some(2028)), ("reste", None)]);
        let of = |year| owned.of_year(year);
        // What is first holds all years before; 2026 and 2027 are together; the last holds all that come.
        assert_eq!([2024, 2025, 2026, 2027, 2028].map(of), [None, Some("p2025"), None, None, None]);
        assert_eq!(Division::Other { way: "HASH (id)".into(), by: "id".into() }.of_year(2025), None);
    }

    #[test]
    fn years_are_split_from_the_last_partition_and_from_ours_before_the_first() {
        let ours = division(&[("flux_avant", Some(2024)), ("flux_2024", Some(2025)), ("flux_apres", None)]);
        assert!(ours.is_ours() && ours.extensions("t", &(2024..=2024)).is_empty());
        let made = ours.extensions("t", &(2023..=2026));
        assert_eq!(made.iter().map(|(_, years)| years.clone()).collect::<Vec<_>>(), [vec![2025, 2026], vec![2023]]);
        assert_eq!(
            made[0].0.replace("\n  ", " "),
            "ALTER TABLE t REORGANIZE PARTITION `flux_apres` INTO ( PARTITION `flux_2025` VALUES LESS THAN (2026), \
             PARTITION `flux_2026` VALUES LESS THAN (2027), PARTITION `flux_apres` VALUES LESS THAN MAXVALUE\n)"
        );
        assert_eq!(
            made[1].0.replace("\n  ", " "),
            "ALTER TABLE t REORGANIZE PARTITION `flux_avant` INTO ( PARTITION `flux_avant` VALUES LESS THAN (2023), \
             PARTITION `flux_2023` VALUES LESS THAN (2024)\n)"
        );
        let owned = division(&[("p2024", Some(2025)), ("reste", None)]);
        assert!(!owned.is_ours());
        assert_eq!(owned.extensions("t", &(2023..=2025)).len(), 1, "what its owner keeps before 2024 stays");
        assert!(
            division(&[("p2024", Some(2025))]).extensions("t", &(2020..=2030)).is_empty(),
            "it refuses later dates"
        );
    }
}
