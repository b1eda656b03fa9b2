//! What the server is, what this user may do there, and the settings that matter to the tools.

use serde::Serialize;

use crate::db::{Database, Flavour, Session};
use crate::error::Result;
use crate::report::{Finding, Page, Report, Table, Verdict, worst};

/// The oldest releases that the tools are tested with.
const OLDEST: [(Flavour, (u32, u32)); 2] = [(Flavour::MySql, (8, 0)), (Flavour::MariaDb, (10, 6))];

/// One setting of the server.
#[derive(Debug, Serialize)]
pub(crate) struct Setting {
    name: &'static str,
    value: Option<String>,
    meaning: &'static str,
}

/// Report of `simple-test`.
#[derive(Debug, Serialize)]
pub struct ServerReport {
    target: String,
    version: String,
    server: &'static str,
    encrypted: bool,
    latency_ms: f64,
    privileges: Vec<String>,
    settings: Vec<Setting>,
    tables: usize,
    findings: Vec<Finding>,
}

impl ServerReport {
    /// What is wrong with the server.
    pub(crate) fn into_findings(self) -> Vec<Finding> {
        self.findings
    }
}

/// Looks at the server. Reads only.
///
/// # Errors
/// Those of the connection.
pub fn check(database: &Database) -> Result<ServerReport> {
    let mut session = database.session()?;
    let started = std::time::Instant::now();
    session.exec("essai", "DO 1", ())?;
    let latency_ms = (started.elapsed().as_secs_f64() * 1e5).round() / 100.0;
    let settings = settings(&mut session)?;
    let value = |name: &str| settings.iter().find(|s| s.name == name).and_then(|s| s.value.as_deref());
    let privileges: Vec<String> = session.rows("lecture des droits", "SHOW GRANTS", ())?;
    let privileges: Vec<String> = privileges.iter().map(|grant| without_secret(grant)).collect();
    let cipher: Option<(String, String)> =
        session.first("lecture de TLS", "SHOW SESSION STATUS LIKE 'Ssl_cipher'", ())?;
    let tables = database.tables(&mut session)?.len();

    let mut findings = Vec::new();
    if let Some((found, oldest)) = too_old(database) {
        findings.push(Finding::attention(
            "version",
            format!("{found} est plus ancienne que la plus ancienne version éprouvée, {oldest}"),
        ));
    }
    if value("local_infile") != Some("ON") {
        findings.push(
            Finding::attention("local_infile", "LOAD DATA LOCAL est interdit : l'import passe par INSERT, plus lent")
                .action("en administrateur : SET GLOBAL local_infile = ON"),
        );
    }
    let packet: u64 = value("max_allowed_packet").and_then(|text| text.parse().ok()).unwrap_or(u64::MAX);
    if packet < 1 << 20 {
        findings.push(
            Finding::attention("max_allowed_packet", format!("{packet} octets, moins que 1 Mio"))
                .action("en administrateur : SET GLOBAL max_allowed_packet = 16777216"),
        );
    }
    if tables == 0 {
        findings.push(Finding::attention("base", "aucune table").action("lancez `ensure-schema --seed`"));
    }
    Ok(ServerReport {
        target: database.target().to_owned(),
        version: database.version().to_owned(),
        server: match database.flavour() {
            Flavour::MySql => "MySQL",
            Flavour::MariaDb => "MariaDB",
        },
        encrypted: cipher.is_some_and(|(_, cipher)| !cipher.is_empty()),
        latency_ms,
        privileges,
        settings,
        tables,
        findings,
    })
}

/// `GRANT … IDENTIFIED BY PASSWORD '*…'` without the hash.
fn without_secret(grant: &str) -> String {
    grant.split(" IDENTIFIED ").next().unwrap_or_default().to_owned()
}

/// The version and the oldest tested one, when it is older.
fn too_old(database: &Database) -> Option<(String, String)> {
    // MariaDB may hide its version behind the prefix `5.5.5-`.
    let version = database.version().trim_start_matches("5.5.5-");
    let mut numbers = version.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse::<u32>().ok());
    let found = (numbers.next()?, numbers.next()?);
    let (_, oldest) = OLDEST.into_iter().find(|(flavour, _)| *flavour == database.flavour())?;
    (found < oldest).then(|| (format!("{}.{}", found.0, found.1), format!("{}.{}", oldest.0, oldest.1)))
}

/// Each of these exists on both families of servers.
const SETTINGS: [(&str, &str); 9] = [
    ("local_infile", "LOAD DATA LOCAL, le chemin rapide de l'import"),
    ("max_allowed_packet", "plus grand message, en octets"),
    ("sql_mode", "mode SQL du serveur ; les outils fixent le leur"),
    ("time_zone", "fuseau du serveur ; les outils travaillent en UTC"),
    ("character_set_server", "jeu de caractères par défaut"),
    ("innodb_buffer_pool_size", "cache d'InnoDB, en octets"),
    ("innodb_lock_wait_timeout", "attente d'un verrou, en secondes"),
    ("innodb_flush_log_at_trx_commit", "1 : chaque transaction est sur le disque à sa validation"),
    ("wait_timeout", "fin des connexions inactives, en secondes"),
];

fn settings(session: &mut Session) -> Result<Vec<Setting>> {
    let mut settings = Vec::with_capacity(SETTINGS.len());
    for (name, meaning) in SETTINGS {
        let row: Option<(String, String)> =
            session.first("lecture des réglages", &format!("SHOW GLOBAL VARIABLES LIKE '{name}'"), ())?;
        settings.push(Setting { name, value: row.map(|(_, value)| value), meaning });
    }
    Ok(settings)
}

impl Report for ServerReport {
    fn render(&self, page: &mut Page) {
        let encrypted = if self.encrypted { "chiffrée" } else { "en clair" };
        page.verdict(Verdict::Ok, format!("connexion à {} ({encrypted}, {} ms)", self.target, self.latency_ms));
        page.line(format!("  {} {}", self.server, self.version));
        page.title("Réglages du serveur");
        let mut table = Table::new(&["réglage", "valeur", "rôle"]);
        for setting in &self.settings {
            let value = setting.value.clone().unwrap_or_else(|| "inconnu".into());
            table.row([setting.name.into(), value, setting.meaning.into()]);
        }
        page.table(&table);
        page.title("Droits");
        for grant in &self.privileges {
            page.line(format!("  {grant}"));
        }
        page.gap();
        for finding in &self.findings {
            page.finding(finding);
        }
        if self.findings.is_empty() {
            page.verdict(Verdict::Ok, "tout ce dont les outils ont besoin est là");
        }
    }

    fn verdict(&self) -> Verdict {
        worst(&self.findings)
    }
}
