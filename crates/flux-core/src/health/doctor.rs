//! `flux doctor`: is the installation ready? Folders, `.env`, database, rights, versions, in one go; each finding with what to do.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use schemars::JsonSchema;
use serde::Serialize;

use crate::db::{Cluster, Database, Session};
use crate::domain::catalogue::{DIMS, Space};
use crate::error::{Error, Result};
use crate::health::checks::{self, Folder, Rights};
use crate::health::facts::{self, Facts, Looked};
use crate::health::server as server_checks;
use crate::ledger::adoption::{self, Origin};
use crate::ledger::lease;
use crate::report::{Code, Finding, Page, Report, Verdict, bytes, plural, some_of, worst};
use crate::schema;
use crate::settings::Settings;
use crate::setup::forms::Forms;
use crate::setup::{self, Preset};

/// One thing that was looked at.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Check {
    pub(crate) subject: &'static str,
    /// What was found, in one line.
    pub(crate) state: String,
    /// What is wrong with it.
    pub(crate) findings: Vec<Finding>,
}

/// Report of `flux doctor`.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct DoctorReport {
    flux_version: String,
    checks: Vec<Check>,
}

/// Name of a tool, and what is wrong with its installation.
pub(crate) type Installed = (&'static str, Option<(Code, String)>);

/// Looks at everything; what cannot be looked at is a finding.
pub fn doctor(settings: &Settings, version: &str, installed: Vec<Installed>) -> impl Report + use<> {
    let mut checks =
        vec![environment(settings), tools(version, &installed), home(settings), env_file(settings), folders(settings)];
    match Database::connect(settings, "flux", None) {
        Ok(database) => checks.extend(database_checks(&database)),
        Err(error) => {
            let target = settings.connection().map_or_else(|_| "non réglée".into(), |connection| connection.target);
            // An unknown environment is told once, above.
            let finding = match settings.environment() {
                Ok(_) => error.finding("connexion"),
                Err(_) => {
                    Finding::attention(Code::CheckNotDone, "connexion", "non essayée : l'environnement est inconnu")
                }
            };
            checks.push(Check { subject: "base de données", state: target, findings: vec![finding] });
        }
    }
    DoctorReport { flux_version: version.to_owned(), checks }
}

/// Which environment and which database everything else is about.
fn environment(settings: &Settings) -> Check {
    let base = settings.connection().map_or_else(|_| "base non réglée".into(), |connection| connection.target);
    let (name, findings) = match settings.environment() {
        Ok(name) => (name, Vec::new()),
        Err(error) => ("inconnu", vec![error.finding("APP_ENV")]),
    };
    Check { subject: "environnement", state: format!("{name}, {base}"), findings }
}

fn tools(version: &str, installed: &[Installed]) -> Check {
    let findings = installed.iter().filter_map(|(name, problem)| {
        let (code, message) = problem.as_ref()?;
        let finding = Finding::error(*code, *name, message);
        Some(finding.action("réinstallez les outils : `scripts/install`, ou le paquet Debian"))
    });
    Check {
        subject: "outils",
        state: format!("{}, version {version}", plural(installed.len() as u64, "outil", "outils")),
        findings: findings.collect(),
    }
}

fn home(settings: &Settings) -> Check {
    let root = &settings.home.root;
    let shown = fs::canonicalize(root).unwrap_or_else(|_| root.to_owned());
    let mut findings = Vec::new();
    if !root.join("data").is_dir() && !root.join(".env").is_file() {
        findings.push(
            Finding::attention(Code::HomeDoubtful, "dossier de travail", "ni .env ni data/ : est-ce le bon dossier ?")
                .action("allez dans le dossier de travail, ou donnez --home ou FLUX_HOME ; `flux init` en prépare un nouveau"),
        );
    }
    Check { subject: "dossier de travail", state: shown.display().to_string(), findings }
}

fn env_file(settings: &Settings) -> Check {
    let path = settings.home.root.join(".env");
    let mut findings = Vec::new();
    let state = match fs::metadata(&path) {
        Ok(metadata) => {
            let mode = metadata.permissions().mode() & 0o777;
            // A file of root that the tools' group may read is private too.
            if mode & 0o027 != 0 {
                findings.push(
                    Finding::attention(
                        Code::PermissionsTooWide,
                        ".env",
                        format!("d'autres utilisateurs y ont accès (droits {mode:03o})"),
                    )
                    .action(format!("chmod 600 {}", path.display())),
                );
            }
            format!("présent, droits {mode:03o}")
        }
        Err(_) => {
            // The environment may hold everything.
            if settings.connection().is_err() {
                findings.push(
                    Finding::error(
                        Code::SettingMissing,
                        ".env",
                        "absent, et la connexion n'est pas réglée dans l'environnement",
                    )
                    .action("`flux init` le commence ; ou copiez .env.example en .env et remplissez-le"),
                );
            }
            "absent".into()
        }
    };
    findings.extend_from_slice(&settings.doubts);
    Check { subject: ".env", state, findings }
}

/// Where the tools read, and where they write.
fn folders(settings: &Settings) -> Check {
    let root = &settings.home.root;
    let read = (settings.home.deliveries(), false);
    let written = [
        settings.home.logs(),
        settings.home.rejects(),
        root.join("data/backups"),
        root.join("data/archive"),
        root.join("cache"),
    ];
    let total = written.len();
    let mut usable = 0;
    let mut findings = Vec::new();
    for (folder, write) in std::iter::once(read).chain(written.into_iter().map(|folder| (folder, true))) {
        match checks::folder(&folder, write) {
            Ok(Folder::Missing) => findings.push(
                Finding::attention(Code::FolderMissing, "data/data_temp", "le dossier des livraisons n'existe pas")
                    .action(format!("mkdir -p {}", folder.display())),
            ),
            Ok(Folder::Usable | Folder::ToCreate) => usable += usize::from(write),
            Err(finding) => {
                let place = folder.strip_prefix(root).unwrap_or(&folder).display().to_string();
                findings.push(Finding { place, ..finding });
            }
        }
    }
    Check { subject: "dossiers", state: format!("écriture possible dans {usable} sur {total}"), findings }
}

fn database_checks(database: &Database) -> Vec<Check> {
    let mut session = match database.session() {
        Ok(session) => session,
        Err(error) => {
            return vec![Check {
                subject: "base de données",
                state: database.target().to_owned(),
                findings: vec![error.finding("connexion")],
            }];
        }
    };
    let server = match server(database, &mut session) {
        Ok(findings) => findings,
        Err(error) => vec![error.finding("serveur")],
    };
    let state = format!("{}, serveur {}", database.target(), database.version());
    let mut checks = vec![Check { subject: "base de données", state, findings: server }];
    let origin = adoption::origin(&mut session);
    let foreign = matches!(origin, Ok(Origin::Foreign | Origin::Begun));
    checks.extend(cluster(database, &mut session).transpose().map(|found| part("groupe", found)));
    if matches!(origin, Ok(Origin::Empty)) {
        // What an empty database lacks is told once, above.
        checks.push(part("origine", origin.map(|origin| of_origin(database, origin))));
        checks.push(part("droits", rights(database, &mut session)));
        return checks;
    }
    checks.push(part("origine", origin.map(|origin| of_origin(database, origin))));
    let mut schema = part("schéma", schema_state(&mut session));
    if foreign {
        // One mend, and the one that works: no other tool writes there yet.
        schema.findings = schema.findings.into_iter().map(|finding| finding.action(ADOPT)).collect();
    }
    checks.push(schema);
    checks.push(part("droits", rights(database, &mut session)));
    checks.push(part("dimensions", dimensions(&mut session)));
    if !foreign {
        // Before it is adopted, `adopt-database` reads all of them.
        checks.push(part("faits", facts(&mut session)));
    }
    checks
}

/// What to do first in a database that older scripts made.
const ADOPT: &str = "lancez `adopt-database`, qui dit ce qui est à régler et dans quel ordre";

/// Who made the database, and whether the tools may write to it.
fn of_origin(database: &Database, origin: Origin) -> (String, Vec<Finding>) {
    let state = match origin {
        Origin::Empty => "base vide",
        Origin::Own => "base faite par ces outils",
        Origin::Adopted => "base d'anciens scripts, adoptée",
        Origin::Begun => "base d'anciens scripts, adoption commencée",
        Origin::Foreign => "base d'anciens scripts",
    };
    let error = adoption::refusal(database, origin);
    (state.to_owned(), error.iter().map(|error| error.finding("origine")).collect())
}

fn part(subject: &'static str, result: Result<(String, Vec<Finding>)>) -> Check {
    match result {
        Ok((state, findings)) => Check { subject, state, findings },
        Err(error) => Check { subject, state: "non contrôlé".into(), findings: vec![error.finding(subject)] },
    }
}

fn schema_state(session: &mut Session) -> Result<(String, Vec<Finding>)> {
    let existing = schema::existing(session)?;
    let forms = Forms::read(session)?;
    let tables = setup::tables(Preset::All, Space::Production);
    let changes: Vec<_> = tables
        .iter()
        .filter_map(|spec| {
            let found = existing.get(&spec.name);
            Some((schema::change(spec, found)?, forms.hindrance(spec, found)))
        })
        .collect();
    let findings = changes.iter().map(|(change, hindrance)| match hindrance {
        Some(finding) => finding.clone(),
        None => Finding::attention(
            Code::SchemaIncomplete,
            &change.table,
            if existing.contains_key(&change.table) {
                format!("à compléter : {}", change.what)
            } else {
                "table absente".into()
            },
        )
        .action("lancez `ensure-schema --seed`, qui crée ce qui manque sans rien effacer"),
    });
    let state = format!(
        "{} sur {}",
        plural((tables.len() - changes.len()) as u64, "table conforme", "tables conformes"),
        tables.len()
    );
    Ok((state, findings.collect()))
}

/// The server as a node of a cluster, and who has written through which node; nothing for a server by itself.
fn cluster(database: &Database, session: &mut Session) -> Result<Option<(String, Vec<Finding>)>> {
    let node = database.state(session)?;
    let Some(kind) = node.cluster else { return Ok(None) };
    let (kind, limit) = match kind {
        Cluster::Galera => ("Galera", "wsrep_max_ws_size"),
        Cluster::Group => ("Group Replication", "group_replication_transaction_size_limit"),
    };
    let mut findings = Vec::new();
    if !node.ready || !node.writable {
        let why = if node.ready { "en lecture seule" } else { node.state.as_str() };
        findings.push(
            Finding::attention(
                Code::NodeNotReady,
                &node.name,
                format!("le nœud ne peut pas servir aux outils : {why}"),
            )
            .action("nommez plusieurs nœuds dans DB_HOST (a,b,c) : le premier qui convient sert"),
        );
    }
    if node.size == 0 {
        findings.push(
            Finding::attention(Code::CheckNotDone, &node.name, "l'état du groupe n'est pas visible pour ce compte").action(
                "en administrateur : GRANT SELECT ON performance_schema.replication_group_members TO … (le compte de DB_USERNAME)",
            ),
        );
    }
    let writers = lease::writers(session, WRITERS_DAYS).or_else(|error| match error {
        Error::MissingTable { .. } => Ok(Vec::new()),
        error => Err(error),
    })?;
    let hosts: BTreeSet<&str> = writers.iter().map(|(host, _)| host.as_str()).collect();
    if hosts.len() > 1 {
        let who: Vec<String> = writers.iter().map(|(host, server)| format!("{host} par {server}")).collect();
        let message = format!("plusieurs machines ont écrit en {WRITERS_DAYS} jours : {}", some_of(&who, 5));
        findings.push(
            Finding::attention(Code::WritersMany, "flux_lease", message)
                .action("gardez un seul cron : le bail fait renoncer le second, qui sort avec le code 4"),
        );
    }
    let most = node.most_bytes.map_or_else(|| "sans limite".into(), |most| format!("jusqu'à {}", bytes(most)));
    let state = match node.size {
        0 => "état inconnu".to_owned(),
        size => format!("{}, {}", node.state, plural(size, "nœud", "nœuds")),
    };
    Ok(Some((format!("{kind}, nœud {} ({state}), transactions {most} ({limit})", node.name), findings)))
}

/// Days within which two machines that have written are told.
const WRITERS_DAYS: u32 = 8;

fn server(database: &Database, session: &mut Session) -> Result<Vec<Finding>> {
    let tables = database.tables(session)?.len();
    let mut findings = server_checks::findings(database, &server_checks::Settings::read(session)?, tables);
    findings.extend(checks::engines(session, Verdict::Attention, &schema::is_ours)?);
    Ok(findings)
}

fn rights(database: &Database, session: &mut Session) -> Result<(String, Vec<Finding>)> {
    let missing: Vec<Finding> = Rights::read(database, session)?.missing().collect();
    Ok((format!("{} sur {}", checks::NEEDED.len() - missing.len(), checks::NEEDED.len()), missing))
}

fn dimensions(session: &mut Session) -> Result<(String, Vec<Finding>)> {
    let mut findings = Vec::new();
    let mut rows = 0;
    for spec in DIMS {
        let count: Option<u64> = session.first(
            &format!("lecture de {}", spec.table),
            &format!("SELECT COUNT(*) FROM {}", spec.table),
            (),
        )?;
        let count = count.unwrap_or(0);
        rows += count;
        if count == 0 {
            findings.push(Error::EmptyDimension { table: spec.table.into() }.finding(spec.table));
        }
    }
    Ok((plural(rows, "ligne", "lignes"), findings))
}

fn facts(session: &mut Session) -> Result<(String, Vec<Finding>)> {
    let existing = schema::existing(session)?;
    let Facts { looked, findings } = facts::look(session, &existing, Space::Production)?;
    let state = match looked {
        None => "aucun".into(),
        Some(Looked { from, to, complete: true }) => format!("du {from} au {to}"),
        Some(Looked { from, to, .. }) => format!("du {from} au {to} ; ceux d'avant : `adopt-database`"),
    };
    Ok((state, findings))
}

impl Report for DoctorReport {
    fn render(&self, page: &mut Page) {
        for check in &self.checks {
            page.verdict(worst(&check.findings), format!("{} : {}", check.subject, check.state));
            page.findings_below(&check.findings);
        }
        page.gap();
        let count: usize = self.checks.iter().map(|check| check.findings.len()).sum();
        let verdict = self.verdict();
        page.conclude(
            verdict,
            if verdict == Verdict::Ok {
                "tout est prêt".into()
            } else {
                plural(count as u64, "point à vérifier", "points à vérifier")
            },
        );
        if let Some(first) =
            self.checks.iter().flat_map(|check| &check.findings).find_map(|found| found.action.as_ref())
        {
            page.action(first);
        }
    }

    fn verdict(&self) -> Verdict {
        if self.checks.iter().all(|check| check.findings.is_empty()) { Verdict::Ok } else { Verdict::Attention }
    }
}
