//! The checks that `simple-test`, `diagnostic-migration`, `tables-info` and `flux doctor` share: what this account may do in the
//! database, and which tables an interrupted run could leave half written.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::db::{Database, Session};
use crate::error::Result;
use crate::report::{Code, Finding, Verdict};
use crate::schema;

/// A right, and which of the tools need it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Right {
    pub(crate) name: &'static str,
    severity: Verdict,
    pub(crate) tools: &'static str,
}

/// Rights that the tools need on the whole database.
pub(crate) const NEEDED: [Right; 8] = [
    Right { name: "SELECT", severity: Verdict::Error, tools: "tous les outils" },
    Right { name: "INSERT", severity: Verdict::Error, tools: "import et migration" },
    Right { name: "UPDATE", severity: Verdict::Error, tools: "migration" },
    Right { name: "DELETE", severity: Verdict::Error, tools: "import et migration" },
    Right { name: "CREATE", severity: Verdict::Attention, tools: "ensure-schema" },
    Right { name: "ALTER", severity: Verdict::Attention, tools: "ensure-schema" },
    Right { name: "INDEX", severity: Verdict::Attention, tools: "ensure-schema" },
    Right { name: "DROP", severity: Verdict::Attention, tools: "cleanup-temp, restore-critical" },
];

/// Rights of this session on a database.
#[derive(Debug)]
pub(crate) struct Rights {
    database: String,
    /// What the server says, without hashes of passwords.
    pub(crate) grants: Vec<String>,
    /// Rights in capitals, `ALL PRIVILEGES` for all of them.
    given: Vec<String>,
}

impl Rights {
    /// Asks the server. `SHOW GRANTS` without a name gives the rights of the session, those of its active roles included; a role that is
    /// granted and not active gives none, and the tools activate none either.
    ///
    /// # Errors
    /// [`crate::error::Error::Sql`].
    pub(crate) fn read(database: &Database, session: &mut Session) -> Result<Self> {
        let grants: Vec<String> = session.rows("lecture des droits", "SHOW GRANTS", ())?;
        // Where rights can be taken back for one database (MySQL only), names of databases are no patterns.
        let partial: Option<(String, String)> =
            session.first("lecture des réglages", "SHOW GLOBAL VARIABLES LIKE 'partial_revokes'", ())?;
        let patterns = partial.is_none_or(|(_, value)| value != "ON");
        let given = given(&grants, database.name(), patterns);
        let grants = grants.iter().map(|grant| grant.split(" IDENTIFIED ").next().unwrap_or_default().to_owned());
        Ok(Self { database: database.name().to_owned(), grants: grants.collect(), given })
    }

    /// Whether this right is given on the whole database.
    pub(crate) fn has(&self, right: &str) -> bool {
        self.given.iter().any(|given| given == right || given == ALL)
    }

    /// What is missing, one finding for each right.
    pub(crate) fn missing(&self) -> impl Iterator<Item = Finding> {
        NEEDED.iter().filter(|right| !self.has(right.name)).map(|right| Finding {
            severity: right.severity,
            ..Finding::attention(
                Code::RightMissing,
                format!("droit {}", right.name),
                format!("n'est pas accordé sur toute la base {} ({})", self.database, right.tools),
            )
            .action(format!(
                "en administrateur : GRANT {} ON `{}`.* TO l'utilisateur de DB_USERNAME",
                right.name, self.database
            ))
        })
    }
}

const ALL: &str = "ALL PRIVILEGES";

/// `GRANT <rights> ON <object> TO <account>`, of a whole database or of all of them.
struct Grant<'a> {
    revoked: bool,
    rights: Vec<&'a str>,
    database: Option<String>,
    account: &'a str,
}

impl<'a> Grant<'a> {
    /// `None` for a role, a table, a column, a routine, a proxy.
    fn parse(line: &'a str) -> Option<Self> {
        let (revoked, rest) = match line.strip_prefix("GRANT ") {
            Some(rest) => (false, rest),
            None => (true, line.strip_prefix("REVOKE ")?),
        };
        if rest.starts_with(['`', '\'']) {
            return None;
        }
        let (rights, rest) = rest.split_once(" ON ")?;
        let (database, rest) = match rest.strip_prefix("*.* ") {
            Some(rest) => (None, rest),
            None => {
                let (name, rest) = identifier(rest)?;
                (Some(name), rest.strip_prefix(".* ")?)
            }
        };
        let account = rest.split_once(' ')?.1.split(" IDENTIFIED ").next()?.split(" WITH ").next()?;
        Some(Self { revoked, rights: rights.split(',').map(str::trim).collect(), database, account })
    }
}

/// A name between backticks, and what follows it.
fn identifier(text: &str) -> Option<(String, &str)> {
    let mut rest = text.strip_prefix('`')?;
    let mut name = String::new();
    loop {
        let (part, after) = rest.split_once('`')?;
        name.push_str(part);
        match after.strip_prefix('`') {
            Some(after) => {
                name.push('`');
                rest = after;
            }
            None => return Some((name, after)),
        }
    }
}

/// Rights on the whole of `database`, as the server counts them: those on everything, and for each account or role those of the one
/// grant whose name of a database fits best.
fn given(lines: &[String], database: &str, patterns: bool) -> Vec<String> {
    let mut everywhere: Vec<&str> = Vec::new();
    let mut best: HashMap<&str, (usize, Vec<&str>)> = HashMap::new();
    let mut revoked: Vec<&str> = Vec::new();
    for grant in lines.iter().filter_map(|line| Grant::parse(line)) {
        let Some(name) = &grant.database else {
            everywhere.extend(grant.rights);
            continue;
        };
        if grant.revoked {
            if name == database {
                revoked.extend(grant.rights);
            }
        } else if name == database || (patterns && like(name, database)) {
            let rank = if patterns { literal_start(name) } else { usize::MAX };
            let held = best.entry(grant.account).or_insert((rank, Vec::new()));
            match rank.cmp(&held.0) {
                std::cmp::Ordering::Greater => *held = (rank, grant.rights),
                std::cmp::Ordering::Equal => held.1.extend(grant.rights),
                std::cmp::Ordering::Less => {}
            }
        }
    }
    if !revoked.is_empty() && everywhere.contains(&ALL) {
        everywhere.retain(|right| *right != ALL);
        everywhere.extend(NEEDED.iter().map(|right| right.name));
    }
    everywhere.retain(|right| !revoked.contains(right));
    everywhere.extend(best.into_values().flat_map(|(_, rights)| rights));
    everywhere.into_iter().map(str::to_owned).collect()
}

/// Bytes before the first wildcard; a name without any fits best.
fn literal_start(pattern: &str) -> usize {
    let mut escaped = false;
    for (at, c) in pattern.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '%' | '_' => return at,
            _ => {}
        }
    }
    usize::MAX
}

/// Names of databases in grants are patterns: `_` and `%` match, `\_` is a plain underscore.
fn like(pattern: &str, name: &str) -> bool {
    let mut chars = pattern.chars();
    match chars.next() {
        None => name.is_empty(),
        Some('%') => {
            let rest = chars.as_str();
            name.char_indices().map(|(at, _)| &name[at..]).chain([""]).any(|tail| like(rest, tail))
        }
        Some(first) => {
            let literal = match first {
                '\\' => chars.next(),
                '_' => None,
                other => Some(other),
            };
            let mut name = name.chars();
            match (name.next(), literal) {
                (None, _) => false,
                (Some(found), Some(wanted)) if found != wanted => false,
                _ => like(chars.as_str(), name.as_str()),
            }
        }
    }
}

/// A folder that a tool reads or writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Folder {
    Usable,
    /// Not there yet; the tool that writes it can create it.
    ToCreate,
    /// Not there, and only read: nobody creates it.
    Missing,
}

/// Whether a folder can be listed, and written to if `write`, by trying: rights may come from groups, ACLs or a read-only mount, and a
/// disk may be full. A folder that is not there yet is tried in the nearest one above it.
///
/// # Errors
/// The finding, where it cannot.
pub(crate) fn folder(folder: &Path, write: bool) -> std::result::Result<Folder, Finding> {
    if !write && !folder.exists() {
        return Ok(Folder::Missing);
    }
    let nearest = folder.ancestors().find(|folder| folder.exists()).unwrap_or(folder);
    let refused = |what: &str, error: io::Error| {
        let owner = fs::metadata(nearest).map(|m| format!(" (propriétaire {})", m.uid())).unwrap_or_default();
        let message = format!("{what} impossible dans {}{owner} : {error}", nearest.display());
        Finding::error(Code::FolderNotWritable, folder.display().to_string(), message)
            .action("donnez ce dossier à l'utilisateur qui lance les outils (chown, chmod), ou libérez de la place")
    };
    if write {
        // An anonymous file: nothing is ever seen in the folder.
        let mut file = tempfile::tempfile_in(nearest).map_err(|error| refused("écriture", error))?;
        file.write_all(b"essai").map_err(|error| refused("écriture", error))?;
    }
    fs::read_dir(nearest).map_err(|error| refused("lecture", error))?;
    Ok(if nearest == folder { Folder::Usable } else { Folder::ToCreate })
}

/// The tables among `wanted` whose engine, as the server says, knows no transactions.
///
/// # Errors
/// [`crate::error::Error::Sql`].
pub(crate) fn engines(session: &mut Session, severity: Verdict, wanted: &dyn Fn(&str) -> bool) -> Result<Vec<Finding>> {
    let tables = schema::unsafe_engines(session)?.into_iter().filter(|found| wanted(&found.table));
    Ok(tables
        .map(|found| {
            let message = format!("moteur {} : sans transaction, un arrêt laisse des dates à moitié", found.engine);
            let finding = Finding { severity, ..Finding::attention(Code::EngineUnsafe, &found.table, message) };
            found.mend().into_iter().fold(finding, Finding::action)
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given_to(lines: &[&str], patterns: bool) -> Vec<String> {
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        let mut found = given(&lines, "flux_a", patterns);
        found.sort();
        found
    }

    #[test]
    fn grants_count_where_they_cover_the_whole_database() {
        for (grant, counts) in [
            ("GRANT SELECT ON *.* TO `u`@`%` WITH GRANT OPTION", true),
            ("GRANT SELECT ON *.* TO `u`@`%` IDENTIFIED BY PASSWORD '*AB'", true),
            ("GRANT SELECT ON `flux_a`.* TO `u`@`%`", true),
            ("GRANT SELECT ON `flux\\_a`.* TO `u`@`%`", true),
            ("GRANT SELECT ON `flux%`.* TO `u`@`%`", true),
            ("GRANT SELECT ON `flux\\_b`.* TO `u`@`%`", false),
            ("GRANT SELECT ON `flux\\%`.* TO `u`@`%`", false),
            ("GRANT SELECT ON `fluxa`.* TO `u`@`%`", false),
            ("GRANT SELECT ON `flux_a`.`dim_pays` TO `u`@`%`", false),
            ("GRANT SELECT (`id`) ON `flux_a`.`dim_pays` TO `u`@`%`", false),
            ("GRANT `SELECT ON flux_a` TO `u`@`%`", false),
            ("GRANT EXECUTE ON PROCEDURE `flux_a`.`p` TO `u`@`%`", false),
        ] {
            assert_eq!(given_to(&[grant], true) == ["SELECT"], counts, "{grant}");
        }
        assert_eq!(given_to(&["GRANT SELECT ON `f``%`.* TO `u`@`%`"], true), [""; 0]);
    }

    #[test]
    fn of_several_names_that_fit_the_closest_one_counts_alone() {
        let lines = ["GRANT SELECT, DROP ON `flux%`.* TO `u`@`%`", "GRANT INSERT ON `flux\\_a`.* TO `u`@`%`"];
        assert_eq!(given_to(&lines, true), ["INSERT"]);
        // Rights of a role come on top.
        let lines = ["GRANT SELECT ON `flux%`.* TO `r`", "GRANT INSERT ON `flux\\_a`.* TO `u`@`%`"];
        assert_eq!(given_to(&lines, true), ["INSERT", "SELECT"]);
    }

    #[test]
    fn what_was_taken_back_for_one_database_is_gone() {
        let lines = ["GRANT SELECT, INSERT ON *.* TO `u`@`%`", "REVOKE INSERT ON `flux_a`.* FROM `u`@`%`"];
        assert_eq!(given_to(&lines, false), ["SELECT"]);
        let lines = ["GRANT SELECT, INSERT ON *.* TO `u`@`%`", "REVOKE INSERT ON `flux_b`.* FROM `u`@`%`"];
        assert_eq!(given_to(&lines, false), ["INSERT", "SELECT"]);
        assert_eq!(given_to(&["GRANT SELECT ON `flux%`.* TO `u`@`%`"], false), [""; 0]);
    }

    #[test]
    fn a_right_is_named_or_part_of_all() {
        let of = |grant: &str| {
            let given = given(&[grant.to_owned()], "f", true);
            Rights { database: "f".into(), grants: Vec::new(), given }
        };
        assert!(of("GRANT ALL PRIVILEGES ON `f`.* TO `u`@`%`").has("ALTER"));
        assert!(!of("GRANT USAGE ON *.* TO `u`@`%`").has("SELECT"));
        assert!(!of("GRANT CREATE TEMPORARY TABLES, CREATE VIEW ON `f`.* TO `u`@`%`").has("CREATE"));
    }
}
