//! `diagnostic-migration`: paths, rights, tables, columns, indexes and settings that import and migration need, each with its mend.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::db::{Database, Session};
use crate::domain::catalogue::{DIMS, Space};
use crate::error::{Error, Result};
use crate::report::render_findings;
use crate::report::{Finding, Page, Report, Verdict, bytes};
use crate::schema::{self, Preset};
use crate::settings::Settings;

/// Something that was looked at and is right.
#[derive(Debug, Serialize)]
pub(crate) struct Passed {
    area: &'static str,
    what: String,
}

/// Report of `diagnostic-migration`.
#[derive(Debug, Serialize)]
pub struct PrerequisitesReport {
    home: PathBuf,
    target: Option<String>,
    passed: Vec<Passed>,
    findings: Vec<Finding>,
}

impl PrerequisitesReport {
    fn pass(&mut self, area: &'static str, what: impl Into<String>) {
        self.passed.push(Passed { area, what: what.into() });
    }
}

/// Checks everything. Reads only; that the database does not answer is a finding.
///
/// # Errors
/// Those of queries once the connection stands.
pub fn check(settings: &Settings, database: Result<Database>, space: Space) -> Result<PrerequisitesReport> {
    let home = settings.home.root().to_path_buf();
    let mut report = PrerequisitesReport { home, target: None, passed: Vec::new(), findings: Vec::new() };
    paths(settings, &mut report);
    let database = match database {
        Ok(database) => database,
        Err(error) => {
            let finding = Finding::error("base", error.to_string());
            report.findings.push(match error.hint() {
                Some(hint) => finding.action(hint),
                None => finding,
            });
            return Ok(report);
        }
    };
    report.target = Some(database.target().to_owned());
    let mut session = database.session()?;
    tables(&mut session, space, &mut report)?;
    dimensions(&mut session, &mut report)?;
    rights(&mut session, database.name(), &mut report)?;
    server(&mut session, &mut report)?;
    Ok(report)
}

fn paths(settings: &Settings, report: &mut PrerequisitesReport) {
    let home = &settings.home;
    for (folder, write) in [(home.deliveries(), false), (home.logs(), true), (home.rejects(), true)] {
        let place = folder.display().to_string();
        match access(&folder, write) {
            Ok(()) => report.pass("dossiers", place),
            Err(Problem::Missing) if write => {
                // Created when first needed; what matters is that it can be.
                match folder.ancestors().find(|dir| dir.is_dir()).map(|dir| access(dir, true)) {
                    Some(Ok(())) => report.pass("dossiers", format!("{place} (sera créé)")),
                    _ => report.findings.push(
                        Finding::error(place, "n'existe pas et ne peut être créé")
                            .action("créez-le ou donnez le droit d'écriture sur le dossier de travail"),
                    ),
                }
            }
            Err(Problem::Missing) => report.findings.push(
                Finding::attention(place.clone(), "n'existe pas")
                    .action(format!("mkdir -p {place}, puis déposez-y les CSV")),
            ),
            Err(Problem::Denied(what)) => report.findings.push(
                Finding::error(place, format!("pas de droit {what}"))
                    .action("donnez ce droit à l'utilisateur qui lance les outils (chown, chmod)"),
            ),
        }
    }
}

enum Problem {
    Missing,
    Denied(&'static str),
}

/// Whether a folder can be listed, and written to, by trying: rights may come from groups, ACLs or a read-only mount.
fn access(folder: &Path, write: bool) -> std::result::Result<(), Problem> {
    if !folder.is_dir() {
        return Err(Problem::Missing);
    }
    std::fs::read_dir(folder).map_err(|_| Problem::Denied("de lecture"))?;
    if write {
        // An anonymous file: nothing is ever seen in the folder.
        tempfile::tempfile_in(folder).map_err(|_| Problem::Denied("d'écriture"))?;
    }
    Ok(())
}

fn tables(session: &mut Session, space: Space, report: &mut PrerequisitesReport) -> Result<()> {
    let existing = schema::existing(session)?;
    let mut specs = schema::tables(Preset::All, space);
    if space == Space::Test {
        specs.extend(schema::tables(Preset::Dims, Space::Production));
    }
    let mend = if space == Space::Test { "lancez `ensure-schema --test`" } else { "lancez `ensure-schema`" };
    let mut good = 0;
    for spec in &specs {
        let found = existing.get(&spec.name);
        match (schema::change(spec, found), schema::require(spec, &existing)) {
            (None, _) => good += 1,
            (Some(_), Err(error)) if spec.name.starts_with("fact_") || found.is_none() => {
                report.findings.push(Finding::error(spec.name.as_str(), error.to_string()).action(mend));
            }
            (Some(change), _) => {
                let what = change.what.replace("ajout : ", "il manque : ");
                report.findings.push(Finding::attention(spec.name.as_str(), what).action(mend));
            }
        }
    }
    report.pass("tables", format!("{good} sur {} sont complètes (colonnes, clés, index)", specs.len()));
    let engines: Vec<(String, String, Option<String>)> = session.rows(
        "moteurs des tables",
        "SELECT table_name AS t, engine AS e, table_collation AS c FROM information_schema.tables \
         WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE' AND engine IS NOT NULL ORDER BY table_name",
        (),
    )?;
    for (table, engine, collation) in engines.iter().filter(|(table, ..)| specs.iter().any(|spec| spec.name == *table))
    {
        if engine != "InnoDB" {
            report.findings.push(
                Finding::error(
                    table.as_str(),
                    format!("moteur {engine} : sans transaction, un arrêt laisse des dates à moitié"),
                )
                .action(format!("ALTER TABLE {table} ENGINE=InnoDB")),
            );
        }
        if let Some(collation) =
            collation.as_ref().filter(|name| table.starts_with("dim_") && !name.starts_with("utf8"))
        {
            report.findings.push(
                Finding::attention(
                    table.as_str(),
                    format!("interclassement {collation} : les accents peuvent se perdre"),
                )
                .action(format!("ALTER TABLE {table} CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci")),
            );
        }
    }
    Ok(())
}

fn dimensions(session: &mut Session, report: &mut PrerequisitesReport) -> Result<()> {
    for spec in DIMS.iter().filter(|spec| !spec.optional) {
        let sql = format!("SELECT 1 FROM {} LIMIT 1", spec.table);
        match session.first::<u8>(&format!("lecture de {}", spec.table), &sql, ()) {
            Ok(Some(_)) => report.pass("dimensions", spec.table),
            Ok(None) => report
                .findings
                .push(Finding::error(spec.table, "la table est vide").action("lancez `ensure-schema --seed`")),
            Err(Error::MissingTable { .. }) => {}
            Err(error) => report.findings.push(Finding::error(spec.table, error.to_string())),
        }
    }
    Ok(())
}

/// What the tools do, and which of them need it.
const NEEDED: [(&str, Verdict, &str); 7] = [
    ("SELECT", Verdict::Error, "tous les outils"),
    ("INSERT", Verdict::Error, "import et migration"),
    ("UPDATE", Verdict::Error, "migration"),
    ("DELETE", Verdict::Error, "import et migration"),
    ("CREATE", Verdict::Attention, "ensure-schema"),
    ("ALTER", Verdict::Attention, "ensure-schema"),
    ("INDEX", Verdict::Attention, "ensure-schema"),
];

fn rights(session: &mut Session, database: &str, report: &mut PrerequisitesReport) -> Result<()> {
    let grants: Vec<String> = session.rows("lecture des droits", "SHOW GRANTS", ())?;
    let of_database: Vec<&String> = grants.iter().filter(|grant| concerns(grant, database)).collect();
    let by_role = grants.iter().any(|grant| !grant.contains(" ON "));
    for (right, severity, who) in NEEDED {
        if of_database.iter().any(|grant| gives(grant, right)) {
            report.pass("droits", format!("{right} ({who})"));
        } else if by_role {
            report.pass("droits", format!("{right} : peut venir d'un rôle, non vérifié"));
        } else {
            report.findings.push(Finding {
                severity,
                place: format!("droit {right}"),
                message: format!("n'est pas accordé sur toute la base {database} ({who})"),
                action: Some(format!("en administrateur : GRANT {right} ON `{database}`.* TO cet utilisateur")),
            });
        }
    }
    Ok(())
}

/// Whether `GRANT … ON <object>` covers the whole database.
fn concerns(grant: &str, database: &str) -> bool {
    let Some((_, rest)) = grant.split_once(" ON ") else { return false };
    let object = rest.split(" TO ").next().unwrap_or_default();
    let Some(name) = object.strip_suffix(".*") else { return false };
    name == "*" || like(name.trim_matches('`'), database)
}

/// Names of databases in grants are patterns: `_` and `%` match, `\_` does not.
fn like(pattern: &str, name: &str) -> bool {
    let mut chars = pattern.chars();
    match chars.next() {
        None => name.is_empty(),
        Some('%') => {
            let rest = chars.as_str();
            name.char_indices().map(|(at, _)| &name[at..]).chain([""]).any(|tail| like(rest, tail))
        }
        Some(first) => {
            let (literal, rest) = match first {
                '\\' => (chars.next(), chars.as_str()),
                '_' => (None, chars.as_str()),
                other => (Some(other), chars.as_str()),
            };
            let mut name = name.chars();
            match (name.next(), literal) {
                (None, _) => false,
                (Some(found), Some(wanted)) if found != wanted => false,
                _ => like(rest, name.as_str()),
            }
        }
    }
}

fn gives(grant: &str, right: &str) -> bool {
    let list = grant.strip_prefix("GRANT ").and_then(|rest| rest.split(" ON ").next()).unwrap_or_default();
    list.split(',').map(str::trim).any(|given| given == right || given.starts_with("ALL"))
}

fn server(session: &mut Session, report: &mut PrerequisitesReport) -> Result<()> {
    let mut value = |name: &str| -> Result<Option<String>> {
        let row: Option<(String, String)> =
            session.first("lecture des réglages", &format!("SHOW GLOBAL VARIABLES LIKE '{name}'"), ())?;
        Ok(row.map(|(_, value)| value))
    };
    let number = |text: Option<String>| text.and_then(|text| text.parse::<u64>().ok());
    if matches!(value("read_only")?.as_deref(), Some("ON" | "1")) {
        report.findings.push(
            Finding::error("read_only", "le serveur est en lecture seule")
                .action("visez le serveur principal (DB_HOST)"),
        );
    }
    if value("local_infile")?.as_deref() == Some("ON") {
        report.pass("réglages", "local_infile : chargement rapide permis");
    } else {
        report.findings.push(
            Finding::attention("local_infile", "LOAD DATA LOCAL est interdit : l'import passe par INSERT, plus lent")
                .action("en administrateur : SET GLOBAL local_infile = ON"),
        );
    }
    let packet = number(value("max_allowed_packet")?).unwrap_or(u64::MAX);
    if packet < 1 << 20 {
        report.findings.push(
            Finding::attention("max_allowed_packet", format!("{}, moins que 1 Mio", bytes(packet)))
                .action("en administrateur : SET GLOBAL max_allowed_packet = 16777216"),
        );
    }
    if number(value("innodb_lock_wait_timeout")?).is_some_and(|seconds| seconds < 5) {
        report.findings.push(
            Finding::attention("innodb_lock_wait_timeout", "moins de 5 s : les transactions renoncent vite")
                .action("en administrateur : SET GLOBAL innodb_lock_wait_timeout = 50"),
        );
    }
    let pool = number(value("innodb_buffer_pool_size")?).unwrap_or(0);
    let data: Option<Option<u64>> = session.first(
        "taille de la base",
        "SELECT CAST(SUM(data_length + index_length) AS UNSIGNED) FROM information_schema.tables WHERE table_schema = DATABASE()",
        (),
    )?;
    let data = data.flatten().unwrap_or(0);
    if pool > 0 && pool < data / 4 {
        report.findings.push(
            Finding::attention(
                "innodb_buffer_pool_size",
                format!(
                    "{} de cache pour {} de tables : la migration lira beaucoup le disque",
                    bytes(pool),
                    bytes(data)
                ),
            )
            .action("en administrateur, relevez innodb_buffer_pool_size (jusqu'à la moitié de la mémoire)"),
        );
    } else {
        report.pass("réglages", format!("innodb_buffer_pool_size : {} pour {} de tables", bytes(pool), bytes(data)));
    }
    Ok(())
}

impl Report for PrerequisitesReport {
    fn render(&self, page: &mut Page) {
        page.line(format!("Dossier de travail : {}", self.home.display()));
        if let Some(target) = &self.target {
            page.line(format!("Base : {target}"));
        }
        let mut area = "";
        for passed in &self.passed {
            if passed.area != area {
                area = passed.area;
                page.title(&format!("{}{}", area[..1].to_uppercase(), &area[1..]));
            }
            page.line(format!("  ✓ {}", passed.what));
        }
        render_findings(page, &self.findings, "tout ce dont l'import et la migration ont besoin est là");
    }

    fn verdict(&self) -> Verdict {
        crate::report::verdict(&self.findings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_cover_a_database_by_name_pattern_or_all() {
        for (grant, covers) in [
            ("GRANT ALL PRIVILEGES ON *.* TO `u`@`%`", true),
            ("GRANT SELECT ON `flux`.* TO `u`@`%`", true),
            ("GRANT SELECT ON `fl\\_x`.* TO `u`@`%`", false),
            ("GRANT SELECT ON `fl_x`.* TO `u`@`%`", true),
            ("GRANT SELECT ON `fl%`.* TO `u`@`%`", true),
            ("GRANT SELECT ON `flux`.`dim_pays` TO `u`@`%`", false),
            ("GRANT USAGE ON *.* TO `u`@`%`", true),
        ] {
            assert_eq!(concerns(grant, "flux"), covers, "{grant}");
        }
    }

    #[test]
    fn a_right_is_named_or_part_of_all() {
        assert!(gives("GRANT SELECT, INSERT ON `f`.* TO `u`", "INSERT"));
        assert!(gives("GRANT ALL PRIVILEGES ON `f`.* TO `u`", "ALTER"));
        assert!(!gives("GRANT USAGE ON *.* TO `u`", "SELECT"));
        assert!(!gives("GRANT CREATE TEMPORARY TABLES ON `f`.* TO `u`", "CREATE"));
    }
}
