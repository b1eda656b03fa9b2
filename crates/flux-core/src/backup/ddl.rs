//! `CREATE TABLE` of one server, made fit for a table beside the live one, on this server or on one of the other family.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use regex::Regex;

use crate::db::Flavour;
use crate::db::quote;
use crate::error::{Error, Result};

/// End of the name of a table that is being restored.
const NEW: &str = "__neuf";
/// End of the name of a table that a restored one has replaced.
const OLD: &str = "__avant";
/// Longest name of a table, in characters.
const LONGEST: usize = 64;

/// The name under which `table` is loaded.
pub(super) fn new_name(table: &str) -> String {
    beside(table, NEW)
}

/// The name under which the table that was replaced is kept.
pub(super) fn old_name(table: &str) -> String {
    beside(table, OLD)
}

/// Whether this is one of these tables.
pub(super) fn is_beside(table: &str) -> bool {
    table.ends_with(NEW) || table.ends_with(OLD)
}

/// Whether this is a table that a restoration has replaced.
pub(super) fn is_old(table: &str) -> bool {
    table.ends_with(OLD)
}

fn beside(table: &str, suffix: &str) -> String {
    if table.chars().count() + suffix.len() <= LONGEST {
        return format!("{table}{suffix}");
    }
    let hash = blake3::hash(table.as_bytes()).to_hex();
    let stem: String = table.chars().take(LONGEST - suffix.len() - 9).collect();
    format!("{stem}_{}{suffix}", &hash[..8])
}

static CONSTRAINT: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?m)^(\s+)CONSTRAINT `(?:[^`]|``)+` (FOREIGN KEY|CHECK)").ok());
static REFERENCES: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\bREFERENCES `((?:[^`]|``)+)` \(").ok());
static COLLATION: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\bCOLLATE(=| )([A-Za-z0-9_]+)").ok());
static OPTIONS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i) `?(?:PAGE_CHECKSUM|TRANSACTIONAL|PAGE_COMPRESSED|PAGE_COMPRESSION_LEVEL|ENCRYPTED|ENCRYPTION_KEY_ID)`?='?\w+'?").ok()
});

/// The statement that creates `table` beside the live one. Foreign keys to tables that are `restored` too point to those
/// beside, which the swap then renames. Names of constraints are left to the server: they are unique in a database. `known`
/// are the server's collations.
///
/// # Errors
/// [`Error::BadFile`] when this is no `CREATE TABLE` of that table.
pub(super) fn adapt(
    ddl: &str,
    table: &str,
    restored: &HashSet<&str>,
    known: &HashSet<String>,
    target: Flavour,
) -> Result<(String, Vec<String>)> {
    let bad = || Error::BadFile(format!("la structure de {table} ne se lit pas dans la sauvegarde"));
    let head = format!("CREATE TABLE {} (", quote(table));
    let body = ddl.strip_prefix(&head).ok_or_else(bad)?;
    let (columns, options) = body.rsplit_once("\n)").ok_or_else(bad)?;
    let columns = replace(&CONSTRAINT, columns, |found| format!("{}{}", &found[1], &found[2]));
    let columns = replace(&REFERENCES, &columns, |found| {
        let parent = found[1].replace("``", "`");
        let parent = if restored.contains(parent.as_str()) { new_name(&parent) } else { parent };
        format!("REFERENCES {} (", quote(&parent))
    });
    let mut options = options.to_owned();
    if target == Flavour::MySql {
        options = replace(&OPTIONS, &options, |_| String::new());
        options = options.replace("ENGINE=Aria", "ENGINE=InnoDB").replace(" WITH SYSTEM VERSIONING", "");
    }
    let mut changed: HashMap<String, String> = HashMap::new();
    let mut map = |text: &str| {
        replace(&COLLATION, text, |found| {
            let name = &found[2];
            if known.contains(&name.to_ascii_lowercase()) {
                return found[0].to_owned();
            }
            let nearest = nearest_collation(name);
            changed.insert(name.to_owned(), nearest.clone());
            format!("COLLATE{}{nearest}", &found[1])
        })
    };
    let (columns, options) = (map(&columns), map(&options));
    let statement = format!("CREATE TABLE {} ({columns}\n){options}", quote(&new_name(table)));
    let mut notes: Vec<String> =
        changed.iter().map(|(from, to)| format!("classement {from} remplacé par {to}")).collect();
    notes.sort();
    Ok((statement, notes))
}

/// A collation that both families have, and that never takes two values for one where the missing one did not.
fn nearest_collation(name: &str) -> String {
    let name = name.to_ascii_lowercase();
    let charset = match name.split_once('_') {
        Some(("utf8" | "utf8mb3", _)) => "utf8mb3",
        Some((charset, _)) if charset != "uca1400" => charset,
        _ => "utf8mb4",
    };
    let insensitive = name.contains("_ai_ci") || name.ends_with("unicode_ci") || name.ends_with("general_ci");
    format!("{charset}_{}", if insensitive { "unicode_ci" } else { "bin" })
}

fn replace(regex: &LazyLock<Option<Regex>>, text: &str, with: impl FnMut(&regex::Captures<'_>) -> String) -> String {
    match regex.as_ref() {
        Some(regex) => regex.replace_all(text, with).into_owned(),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(names: &[&str]) -> HashSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_table_of_mysql_becomes_one_of_mariadb_beside() {
        let ddl = "CREATE TABLE `dim_pays` (\n  `id_pays` int NOT NULL AUTO_INCREMENT,\n  `nom_pays` varchar(255) COLLATE utf8mb4_0900_ai_ci NOT NULL,\n  PRIMARY KEY (`id_pays`)\n) ENGINE=InnoDB AUTO_INCREMENT=7 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci";
        let known = known(&["utf8mb4_unicode_ci"]);
        let (statement, notes) = adapt(ddl, "dim_pays", &HashSet::new(), &known, Flavour::MariaDb).unwrap();
        assert_eq!(
            statement,
            "CREATE TABLE `dim_pays__neuf` (\n  `id_pays` int NOT NULL AUTO_INCREMENT,\n  `nom_pays` varchar(255) COLLATE utf8mb4_unicode_ci NOT NULL,\n  PRIMARY KEY (`id_pays`)\n) ENGINE=InnoDB AUTO_INCREMENT=7 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci"
        );
        assert_eq!(notes, ["classement utf8mb4_0900_ai_ci remplacé par utf8mb4_unicode_ci"]);
    }

    #[test]
    fn foreign_keys_follow_the_tables_that_are_restored() {
        let ddl = "CREATE TABLE `dim_periodes` (\n  `id` int NOT NULL,\n  CONSTRAINT `fk_s` FOREIGN KEY (`id`) REFERENCES `dim_saisons` (`id`),\n  CONSTRAINT `fk_p` FOREIGN KEY (`id`) REFERENCES `autre` (`id`)\n) ENGINE=InnoDB";
        let restored = HashSet::from(["dim_saisons", "dim_periodes"]);
        let (statement, _) = adapt(ddl, "dim_periodes", &restored, &known(&[]), Flavour::MySql).unwrap();
        assert!(statement.contains("\n  FOREIGN KEY (`id`) REFERENCES `dim_saisons__neuf` (`id`),"), "{statement}");
        assert!(statement.contains("\n  FOREIGN KEY (`id`) REFERENCES `autre` (`id`)\n"), "{statement}");
    }

    #[test]
    fn options_that_mysql_does_not_know_go() {
        let ddl = "CREATE TABLE `t` (\n  `a` int(11) NOT NULL COMMENT 'PAGE_CHECKSUM=1'\n) ENGINE=Aria DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci PAGE_CHECKSUM=1 WITH SYSTEM VERSIONING";
        let known = known(&["utf8mb4_unicode_ci"]);
        let (statement, _) = adapt(ddl, "t", &HashSet::new(), &known, Flavour::MySql).unwrap();
        assert!(
            statement.ends_with(") ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci"),
            "{statement}"
        );
        assert!(statement.contains("COMMENT 'PAGE_CHECKSUM=1'"));
    }

    #[test]
    fn names_beside_keep_to_the_limit_of_the_servers() {
        let long = "x".repeat(64);
        assert!(new_name(&long).len() <= 64 && is_beside(&new_name(&long)));
        assert_ne!(new_name(&long), new_name(&"x".repeat(63)));
        assert_eq!(old_name("dim_pays"), "dim_pays__avant");
    }

    #[test]
    fn another_statement_is_refused() {
        let known = known(&[]);
        assert!(adapt("DROP TABLE `t`", "t", &HashSet::new(), &known, Flavour::MySql).is_err());
        assert!(adapt("CREATE TABLE `u` (\n  `a` int\n)", "t", &HashSet::new(), &known, Flavour::MySql).is_err());
    }
}
