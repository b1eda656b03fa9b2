//! `diagnostic-migration`: paths, rights, tables, columns, indexes and settings that import and migration need, each with what to do.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;

use crate::db::{Database, Session};
use crate::domain::catalogue::{DIMS, Space};
use crate::error::{Error, Result};
use crate::health::checks::{self, Folder, Rights};
use crate::health::server::Settings;
use crate::report::render_findings;
use crate::report::{Code, Finding, Page, Report, Verdict, bytes};
use crate::schema::{self, IS_TABLE};
use crate::settings;
use crate::setup::{self, Preset};
use crate::task::{Context, Task};

/// Something that was looked at and is right.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Passed {
    area: &'static str,
    what: String,
}

#[derive(Debug, Serialize, JsonSchema)]
struct PrerequisitesReport {
    #[serde(serialize_with = "crate::report::path_text")]
    #[schemars(with = "String")]
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

/// `diagnostic-migration`.
#[derive(Debug, Clone, Copy)]
pub struct Prerequisites {
    /// Production tables (`fact_nuitees`) or those for tests (`fact_nuitees_test`).
    pub space: Space,
}

impl Task for Prerequisites {
    /// Checks everything. Reads only; that the database does not answer is a finding.
    ///
    /// # Errors
    /// Those of queries once connected.
    fn run(self, context: &Context) -> Result<impl Report> {
        let database = context.database();
        let home = context.settings.home.root.clone();
        let mut report = PrerequisitesReport { home, target: None, passed: Vec::new(), findings: Vec::new() };
        paths(&context.settings, &mut report);
        let database = match database {
            Ok(database) => database,
            Err(error) => {
                report.findings.push(error.finding("base"));
                return Ok(report);
            }
        };
        report.target = Some(database.target().to_owned());
        let mut session = database.session()?;
        tables(&mut session, self.space, &mut report)?;
        dimensions(&mut session, &mut report)?;
        rights(&mut session, &database, &mut report)?;
        server(&mut session, &mut report)?;
        Ok(report)
    }
}

fn paths(settings: &settings::Settings, report: &mut PrerequisitesReport) {
    let home = &settings.home;
    for (folder, write) in [(home.deliveries(), false), (home.logs(), true), (home.rejects(), true)] {
        let place = folder.display().to_string();
        match checks::folder(&folder, write) {
            Ok(Folder::Usable) => report.pass("dossiers", place),
            Ok(Folder::ToCreate) => report.pass("dossiers", format!("{place} (sera créé)")),
            Ok(Folder::Missing) => report.findings.push(
                Finding::attention(Code::FolderMissing, place.clone(), "n'existe pas")
                    .action(format!("mkdir -p {place}, puis déposez-y les CSV")),
            ),
            Err(finding) => report.findings.push(finding),
        }
    }
}

fn tables(session: &mut Session, space: Space, report: &mut PrerequisitesReport) -> Result<()> {
    let existing = schema::existing(session)?;
    let mut specs = setup::tables(Preset::All, space);
    if space == Space::Test {
        specs.extend(setup::tables(Preset::Dims, Space::Production));
    }
    let action = if space == Space::Test { "lancez `ensure-schema --test`" } else { "lancez `ensure-schema`" };
    let mut good = 0;
    for spec in &specs {
        let found = existing.get(&spec.name);
        match (schema::change(spec, found), schema::require(spec, &existing)) {
            (None, _) => good += 1,
            (Some(_), Err(error)) if spec.name.starts_with("fact_") || found.is_none() => {
                report
                    .findings
                    .push(Finding::error(Code::from(&error), spec.name.as_str(), error.to_string()).action(action));
            }
            (Some(change), _) => {
                let what = change.what.replace("ajout : ", "il manque : ");
                report
                    .findings
                    .push(Finding::attention(Code::SchemaIncomplete, spec.name.as_str(), what).action(action));
            }
        }
    }
    report.pass("tables", format!("{good} sur {} sont complètes (colonnes, clés, index)", specs.len()));
    let ours = |table: &str| specs.iter().any(|spec| spec.name == table);
    report.findings.extend(checks::engines(session, Verdict::Error, &ours)?);
    let collations: Vec<(String, String)> = session.rows(
        "interclassement des tables",
        &format!(
            "SELECT table_name AS t, table_collation AS c FROM information_schema.tables \
             WHERE table_schema = DATABASE() AND {IS_TABLE} AND table_collation NOT LIKE 'utf8%' ORDER BY table_name"
        ),
        (),
    )?;
    for (table, collation) in collations.into_iter().filter(|(table, _)| table.starts_with("dim_") && ours(table)) {
        let message = format!("interclassement {collation} : les accents peuvent se perdre");
        let action = format!("ALTER TABLE {table} CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci");
        report.findings.push(Finding::attention(Code::CollationUnsafe, table, message).action(action));
    }
    Ok(())
}

fn dimensions(session: &mut Session, report: &mut PrerequisitesReport) -> Result<()> {
    for spec in DIMS.iter().filter(|spec| !spec.optional) {
        let sql = format!("SELECT 1 FROM {} LIMIT 1", spec.table);
        match session.first::<u8>(&format!("lecture de {}", spec.table), &sql, ()) {
            Ok(Some(_)) => report.pass("dimensions", spec.table),
            Ok(None) => report.findings.push(
                Finding::error(Code::DimensionEmpty, spec.table, "la table est vide")
                    .action("lancez `ensure-schema --seed`"),
            ),
            Err(Error::MissingTable { .. }) => {}
            Err(error) => report.findings.push(Finding::error(Code::from(&error), spec.table, error.to_string())),
        }
    }
    Ok(())
}

fn rights(session: &mut Session, database: &Database, report: &mut PrerequisitesReport) -> Result<()> {
    let rights = Rights::read(database, session)?;
    for right in checks::NEEDED.iter().filter(|right| rights.has(right.name)) {
        report.pass("droits", format!("{} ({})", right.name, right.tools));
    }
    report.findings.extend(rights.missing());
    Ok(())
}

fn server(session: &mut Session, report: &mut PrerequisitesReport) -> Result<()> {
    let settings = Settings::read(session)?;
    if settings.get("local_infile") == Some("ON") {
        report.pass("réglages", "local_infile : chargement rapide permis");
    }
    report.findings.extend(settings.findings());
    let pool = settings.number("innodb_buffer_pool_size").unwrap_or(0);
    let data: Option<Option<u64>> = session.first(
        "taille de la base",
        "SELECT CAST(SUM(data_length + index_length) AS UNSIGNED) FROM information_schema.tables WHERE table_schema = DATABASE()",
        (),
    )?;
    let data = data.flatten().unwrap_or(0);
    if pool > 0 && pool < data / 4 {
        report.findings.push(
            Finding::attention(
                Code::ServerSetting,
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
