//! What the server is, what this user may do there, and the settings that matter to the tools.

use schemars::JsonSchema;
use serde::Serialize;

use crate::db::{Database, Flavour, Session};
use crate::error::Result;
use crate::health::checks::{self, Rights};
use crate::report::{self, Code, Finding, Page, Report, Table, Verdict, bytes, number};
use crate::schema;
use crate::task::{Context, Task};

/// The oldest releases that the tools are tested with.
const OLDEST: [(Flavour, (u32, u32)); 2] = [(Flavour::MySql, (8, 0)), (Flavour::MariaDb, (10, 6))];

/// One setting of the server.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Setting {
    name: &'static str,
    value: Option<String>,
    meaning: &'static str,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ServerReport {
    environment: &'static str,
    target: String,
    server_version: String,
    server: &'static str,
    encrypted: bool,
    latency_ms: f64,
    privileges: Vec<String>,
    settings: Settings,
    tables: usize,
    findings: Vec<Finding>,
}

/// `simple-test`.
#[derive(Debug, Clone, Copy)]
pub struct ServerCheck;

impl Task for ServerCheck {
    /// Looks at the server, and at what this account may do there. Reads only.
    ///
    /// # Errors
    /// Those of the connection.
    fn run(self, context: &Context) -> Result<impl Report> {
        let database = &context.database()?;
        let mut session = database.session()?;
        let started = std::time::Instant::now();
        session.exec("essai", "DO 1", ())?;
        let latency_ms = (started.elapsed().as_secs_f64() * 1e5).round() / 100.0;
        let environment = context.settings.environment()?;
        let settings = Settings::read(&mut session)?;
        let rights = Rights::read(database, &mut session)?;
        let cipher: Option<(String, String)> =
            session.first("lecture de TLS", "SHOW SESSION STATUS LIKE 'Ssl_cipher'", ())?;
        let existing = database.tables(&mut session)?;
        let mut findings = findings(database, &settings, existing.len());
        findings.extend_from_slice(&context.settings.doubts);
        findings.extend(rights.missing());
        findings.extend(checks::engines(&mut session, Verdict::Attention, &schema::is_ours)?);
        Ok(ServerReport {
            environment,
            target: database.target().to_owned(),
            server_version: database.version().to_owned(),
            server: match database.flavour() {
                Flavour::MySql => "MySQL",
                Flavour::MariaDb => "MariaDB",
            },
            encrypted: cipher.is_some_and(|(_, cipher)| !cipher.is_empty()),
            latency_ms,
            privileges: rights.grants,
            settings,
            tables: existing.len(),
            findings,
        })
    }
}

/// What is wrong with the server itself.
pub(crate) fn findings(database: &Database, settings: &Settings, tables: usize) -> Vec<Finding> {
    let mut findings = settings.findings();
    if let Some((found, oldest)) = too_old(database) {
        let what = format!("{found} est plus ancienne que la plus ancienne version éprouvée, {oldest}");
        findings.push(Finding::attention(Code::ServerTooOld, "version", what));
    }
    if tables == 0 {
        findings.push(
            Finding::attention(Code::SchemaIncomplete, "base", "aucune table").action("lancez `ensure-schema --seed`"),
        );
    }
    findings
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
const SETTINGS: [(&str, &str); 10] = [
    ("read_only", "serveur en lecture seule"),
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

/// A value of the server as people read it: groups of digits, blanks between the words of a list.
fn readable(value: &str) -> String {
    match value.parse::<u64>() {
        Ok(count) => number(count),
        Err(_) => value.replace(',', ", "),
    }
}

const BINLOG_FORMAT: &str = "binlog_format";

/// The settings of the server that matter to the tools.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(transparent)]
pub(crate) struct Settings(Vec<Setting>);

impl Settings {
    pub(crate) fn read(session: &mut Session) -> Result<Self> {
        let mut settings = Vec::with_capacity(SETTINGS.len());
        for (name, meaning) in SETTINGS {
            let row: Option<(String, String)> =
                session.first("lecture des réglages", &format!("SHOW GLOBAL VARIABLES LIKE '{name}'"), ())?;
            settings.push(Setting { name, value: row.map(|(_, value)| value), meaning });
        }
        // That of this session, which takes another one for itself where it may; nothing where no log is kept.
        if session.logs_statements()? {
            let value = Some("STATEMENT".into());
            settings.push(Setting { name: BINLOG_FORMAT, value, meaning: "ce que le journal binaire retient" });
        }
        Ok(Self(settings))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|setting| setting.name == name).and_then(|setting| setting.value.as_deref())
    }

    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.get(name).and_then(|text| text.parse().ok())
    }

    /// Settings that stop the tools, or slow them down.
    pub(crate) fn findings(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        // Newer servers know more values than ON; all but OFF keep some writers out.
        if self.get("read_only").is_some_and(|value| !["OFF", "0"].contains(&value)) {
            findings.push(
                Finding::error(Code::ServerReadOnly, "read_only", "le serveur est en lecture seule")
                    .action("visez le serveur principal (DB_HOST)"),
            );
        }
        if self.get("local_infile") != Some("ON") {
            findings.push(
                Finding::attention(
                    Code::ServerSetting,
                    "local_infile",
                    "LOAD DATA LOCAL est interdit : l'import passe par INSERT, plus lent",
                )
                .action("en administrateur : SET GLOBAL local_infile = ON"),
            );
        }
        if self.get(BINLOG_FORMAT).is_some() {
            let message = "le journal binaire retient les requêtes, non les lignes : une réplique ou une reprise par le journal \
                           peut numéroter les lignes autrement, et ce compte ne peut pas choisir ROW";
            findings.push(Finding::attention(Code::ServerSetting, BINLOG_FORMAT, message).action(
                "en administrateur : SET GLOBAL binlog_format = 'ROW' (ou MIXED), ou le droit de le choisir à ce compte (MariaDB : \
                 BINLOG ADMIN ; MySQL : SESSION_VARIABLES_ADMIN)",
            ));
        }
        if let Some(packet) = self.number("max_allowed_packet").filter(|packet| *packet < 1 << 20) {
            findings.push(
                Finding::attention(
                    Code::ServerSetting,
                    "max_allowed_packet",
                    format!("{}, moins que 1 Mio", bytes(packet)),
                )
                .action("en administrateur : SET GLOBAL max_allowed_packet = 16777216"),
            );
        }
        if self.number("innodb_lock_wait_timeout").is_some_and(|seconds| seconds < 5) {
            findings.push(
                Finding::attention(
                    Code::ServerSetting,
                    "innodb_lock_wait_timeout",
                    "moins de 5 s : les transactions renoncent vite",
                )
                .action("en administrateur : SET GLOBAL innodb_lock_wait_timeout = 50"),
            );
        }
        findings
    }
}

impl Report for ServerReport {
    fn render(&self, page: &mut Page) {
        page.line(format!("Environnement {}, base {}", self.environment, self.target));
        let encrypted = if self.encrypted { "chiffrée" } else { "en clair" };
        page.verdict(
            Verdict::Ok,
            format!("connexion {encrypted}, {} ms", self.latency_ms.to_string().replace('.', ",")),
        );
        page.line(format!("  {} {}", self.server, self.server_version));
        page.title("Réglages du serveur");
        let mut table = Table::new(&["réglage", "valeur", "rôle"]);
        for setting in &self.settings.0 {
            let value = setting.value.as_deref().map_or_else(|| "inconnu".into(), readable);
            table.row([setting.name.into(), value, setting.meaning.into()]);
        }
        page.table(&table);
        page.title("Droits");
        for grant in &self.privileges {
            // MySQL writes some lists without blanks.
            let grant: Vec<&str> = grant.split(',').map(str::trim).collect();
            page.line(format!("  {}", grant.join(", ")));
        }
        page.gap();
        for finding in &self.findings {
            page.finding(finding);
        }
        if self.findings.is_empty() {
            page.conclude(Verdict::Ok, "tout ce dont les outils ont besoin est là");
        }
    }

    fn verdict(&self) -> Verdict {
        report::verdict(&self.findings)
    }
}
