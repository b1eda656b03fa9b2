//! One error type for all tools, and the exit codes that operators' scripts depend on.
//!
//! | code | meaning |
//! |---|---|
//! | 0 | done, nothing to look at |
//! | 1 | failed, nothing half-done left |
//! | 2 | bad usage |
//! | 3 | done, but look: rejected or conflicting rows, an anomaly found, a check not met |
//! | 4 | another run holds the lock |
//!
//! Rules: a bad row or a bad file never becomes an `Err` that stops a run, it is counted in the report; every variant says
//! what and where, and [`Error::hint`] says what to do next; the source is kept; no variant ever holds a password.

use std::convert::Infallible;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use crate::report::{Code, Finding};

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong, in the operators' words.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The command line or a value in it makes no sense.
    #[error("{0}")]
    Usage(String),
    /// A setting is missing or unreadable.
    #[error("{message}")]
    Config {
        /// What is wrong with which setting.
        message: String,
        /// What to do next.
        hint: String,
    },
    /// The server cannot be reached or refuses the login.
    #[error("connexion impossible à {target} : {}", describe(source))]
    Connect {
        /// `user@host:port/database`, without the password.
        target: String,
        /// What the driver says, with the number of the error.
        source: Box<mysql::Error>,
    },
    /// The server refused or did not finish a statement.
    #[error("{doing} : {}", describe(source))]
    Sql {
        /// What was being done, table included.
        doing: String,
        /// What the driver says, with the number of the error.
        source: Box<mysql::Error>,
    },
    /// Somebody uses a table that a statement needs for itself.
    #[error("{doing} : la table est utilisée sans relâche{}", by(holders))]
    TableBusy {
        /// What was being done, table included.
        doing: String,
        /// Who may be in the way, in words: connection, user, host, age.
        holders: Vec<String>,
        /// The server's numbers of their connections.
        connections: Vec<u64>,
    },
    /// A table that the tool needs is not there.
    #[error("la table {table} n'existe pas")]
    MissingTable {
        /// Name as in the database.
        table: String,
    },
    /// A table has an older set of columns.
    #[error("la table {table} n'a pas la colonne {column}")]
    MissingColumn {
        /// Name as in the database.
        table: String,
        /// The first column that is missing.
        column: String,
    },
    /// A table's key is not the natural key of its facts.
    #[error("la clé de la table {table} n'est pas ({expected})")]
    WrongKey {
        /// Name as in the database.
        table: String,
        /// The columns of the natural key.
        expected: String,
    },
    /// Later tools have changed the database: what they keep there, these do not know.
    #[error("la base est à la version {found} du schéma, ces outils ne connaissent que la version {known}")]
    SchemaVersion {
        /// Version of the database.
        found: u32,
        /// Version up to which these tools know it.
        known: u32,
    },
    /// A dimension has no row to resolve names against.
    #[error("la table {table} est vide")]
    EmptyDimension {
        /// Name as in the database.
        table: String,
    },
    /// Older scripts made the database, and its adoption was not done to the end.
    #[error(
        "la base {database} vient d'anciens scripts {}",
        if *begun { "et son adoption n'est pas terminée" } else { "et n'a pas été adoptée" }
    )]
    NotAdopted {
        /// Its name.
        database: String,
        /// Whether the adoption has begun.
        begun: bool,
    },
    /// A table that no transaction protects: nothing could be promised of what is written there.
    #[error("la table {table} a le moteur {engine}, sans transaction : un arrêt y laisserait des dates à moitié")]
    UnsafeEngine {
        /// Its name.
        table: String,
        /// Its engine.
        engine: String,
        /// The statement that converts it, where that does no harm.
        mend: Option<String>,
    },
    /// Another run holds the named lock.
    #[error("une autre exécution est en cours (verrou {name}, {holder})")]
    Locked {
        /// Name of the server lock.
        name: String,
        /// Who holds it, as far as the server tells.
        holder: String,
    },
    /// Another run took the lock while this one held it and gave no sign of life: it may commit nothing more.
    #[error("le verrou a été perdu en cours de route ({holder}) : ce qui était en cours n'est pas enregistré")]
    LockLost {
        /// Who holds it now, as far as is known.
        holder: String,
    },
    /// A file or folder could not be read or written.
    #[error("{doing} {} : {}", path.display(), io_reason(source))]
    Io {
        /// What was being done.
        doing: &'static str,
        /// The file or folder it was done to.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A server on the network does not answer as it should.
    #[error("{message}")]
    Remote {
        /// Whether it answered at all.
        answered: bool,
        /// What happened.
        message: String,
        /// What to do next.
        hint: String,
    },
    /// A CSV cannot be used as a whole.
    #[error("{0}")]
    BadFile(String),
    /// A backup is not what its manifest says.
    #[error("{0}")]
    BadBackup(String),
    /// A file was still being written while it was read.
    #[error("le fichier a changé pendant la lecture")]
    FileChanged,
    /// Too many lines were rejected.
    #[error("lignes rejetées : {rejected}, plus que le maximum de {max} ; rien n'a été chargé")]
    TooManyRejects {
        /// Lines of the file that were rejected.
        rejected: u64,
        /// The limit in force.
        max: String,
    },
    /// The tool's own accounting does not add up; nothing was committed.
    #[error("contrôle interne non satisfait, rien n'a été enregistré : {0}")]
    Invariant(String),
    /// SIGINT or SIGTERM came; what was open is rolled back.
    #[error("interrompu à la demande, rien n'est resté à moitié fait")]
    Interrupted,
}

/// The failure of one thing among several, as a document holds it beside the others; blank for what has not failed.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub(crate) struct Failed {
    /// Which kind of failure, for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<Code>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hint: Option<String>,
}

impl From<&Error> for Failed {
    fn from(error: &Error) -> Self {
        Self { code: Some(Code::from(error)), error: Some(error.to_string()), hint: error.hint() }
    }
}

impl Failed {
    /// The same for people.
    pub(crate) fn finding(&self, place: &str) -> Option<Finding> {
        let failed = Finding::error(self.code.unwrap_or(Code::Invariant), place, self.error.as_deref()?);
        Some(self.hint.iter().fold(failed, Finding::action))
    }
}

impl Error {
    /// The exit code of a run that ends with this error.
    pub fn code(&self) -> u8 {
        match self {
            Error::Usage(_) => 2,
            Error::Locked { .. } | Error::LockLost { .. } => 4,
            _ => 1,
        }
    }

    /// What the operator can do next.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Error::Usage(_) => return None,
            Error::Invariant(_) => {
                "relancez une fois : d'autres mains ont pu écrire entre-temps ; si cela reste, envoyez le journal de l'outil \
                 (dossier logs/) à qui l'entretient"
            }
            Error::Config { hint, .. } | Error::Remote { hint, .. } => return Some(hint.clone()),
            Error::Connect { source, .. } => connect_hint(source),
            Error::Sql { source, .. } => match denied_hint(source) {
                Some(hint) => return Some(hint),
                None => sql_hint(source),
            },
            Error::MissingTable { table } | Error::MissingColumn { table, .. } | Error::WrongKey { table, .. }
                if table.ends_with("_test") =>
            {
                "lancez `ensure-schema --test`, qui crée les tables _test qui manquent sans rien effacer"
            }
            Error::TableBusy { connections, .. } => return Some(busy_hint(connections)),
            Error::MissingTable { table } if table == "users" => {
                "`portal-users add NOM --role admin` la crée avec le premier compte ; si elle existe, l'utilisateur de DB_USERNAME \
                 n'y a aucun droit"
            }
            Error::MissingTable { table } if table.starts_with("dim_") => {
                "lancez `ensure-schema --seed`, qui crée et remplit ce qui manque sans rien effacer ; si la table existe, \
                 l'utilisateur de DB_USERNAME n'y a aucun droit"
            }
            Error::MissingTable { .. } => {
                "lancez `ensure-schema`, qui crée ce qui manque sans rien effacer ; si la table existe, l'utilisateur de \
                 DB_USERNAME n'y a aucun droit"
            }
            Error::MissingColumn { .. } | Error::WrongKey { .. } => {
                "lancez `ensure-schema`, qui crée ce qui manque sans rien effacer"
            }
            Error::SchemaVersion { .. } => {
                "installez des outils au moins aussi récents que ceux qui ont préparé cette base"
            }
            Error::NotAdopted { begun: false, .. } => {
                "lancez `adopt-database`, qui montre ce qui est à régler sans rien écrire, puis `adopt-database --apply`"
            }
            Error::NotAdopted { begun: true, .. } => {
                "lancez `adopt-database`, qui dit ce qui reste à régler et dans quel ordre"
            }
            Error::UnsafeEngine { mend, .. } => {
                return Some(match mend {
                    Some(mend) => format!("faites convertir la table : {mend}"),
                    None => "demandez à l'administrateur une table InnoDB pour ces données".into(),
                });
            }
            Error::EmptyDimension { .. } => "lancez `ensure-schema --seed`",
            Error::Locked { .. } => "attendez la fin de l'autre exécution, puis relancez",
            Error::LockLost { .. } => {
                "attendez la fin de l'autre exécution, puis relancez : la reprise est sans risque"
            }
            Error::Io { doing: "écoute sur", source, .. } if source.kind() == std::io::ErrorKind::PermissionDenied => {
                "les ports en dessous de 1024 sont à l'administrateur : donnez par --listen un autre port, derrière un serveur web"
            }
            Error::Io { source, path, .. } => return foreign_hint(source, path).or(io_hint(source).map(str::to_owned)),
            Error::BadFile(_) => "corrigez le fichier ou redemandez-le au fournisseur, puis relancez",
            Error::BadBackup(_) => {
                "prenez une autre sauvegarde : `restore-critical --list` les montre, `restore-critical --verify NOM` la contrôle"
            }
            Error::FileChanged => "attendez la fin du dépôt du fichier, puis relancez",
            Error::TooManyRejects { .. } => "corrigez les lignes du fichier de rejets ou relevez --max-rejects",
            Error::Interrupted => "relancez quand vous voulez : la reprise est sans risque",
        };
        Some(hint.to_owned())
    }

    /// What it says where it concerns one thing of several, told beside the others.
    pub(crate) fn finding(&self, place: impl Into<String>) -> Finding {
        self.hint().into_iter().fold(Finding::error(Code::from(self), place, self.to_string()), Finding::action)
    }

    /// Which limit of the account or setting of the host the server named, where that is what it refused.
    pub(crate) fn host_limit(&self) -> Option<HostLimit> {
        match self {
            Error::Connect { source, .. } | Error::Sql { source, .. } => HostLimit::of(source),
            _ => None,
        }
    }

    /// Wraps a driver error with what was being done.
    pub(crate) fn sql(doing: impl Into<String>) -> impl FnOnce(mysql::Error) -> Error {
        let doing = doing.into();
        move |source| match &source {
            mysql::Error::MySqlError(server) if server.code == codes::NO_SUCH_TABLE => {
                Error::MissingTable { table: quoted_name(&server.message).unwrap_or(doing) }
            }
            mysql::Error::MySqlError(server)
                if server.code == codes::QUERY_INTERRUPTED && crate::signals::requested() =>
            {
                Error::Interrupted
            }
            _ => Error::Sql { doing, source: Box::new(source) },
        }
    }

    /// Wraps a system error with what was being done to which path.
    pub fn io(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Error {
        let path = path.into();
        move |source| Error::Io { doing, path, source }
    }

    /// The same of a file that is no supplier's, but part of a backup.
    pub(crate) fn of_backup(self) -> Self {
        match self {
            Error::BadFile(message) => Error::BadBackup(message),
            other => other,
        }
    }

    /// Whether another run holds the lock: nothing more of this one can succeed.
    pub(crate) fn is_locked_out(&self) -> bool {
        matches!(self, Error::Locked { .. } | Error::LockLost { .. })
    }

    /// Nothing where a table or a column is missing, as in an older database.
    ///
    /// # Errors
    /// Every other one.
    pub(crate) fn or_nothing<T: Default>(result: Result<T>) -> Result<T> {
        match result {
            Err(Error::MissingTable { .. }) => Ok(T::default()),
            Err(error) if error.is_unknown_column() => Ok(T::default()),
            result => result,
        }
    }

    /// Whether a statement asked for a column that an older table does not have.
    pub(crate) fn is_unknown_column(&self) -> bool {
        self.has_code(codes::UNKNOWN_COLUMN)
    }

    /// Whether the server refused a statement with one of these numbers.
    pub(crate) fn has_code(&self, numbers: &[u16]) -> bool {
        let Error::Sql { source, .. } = self else { return false };
        matches!(&**source, mysql::Error::MySqlError(server) if numbers.contains(&server.code))
    }

    /// Whether the server was away or had no time, so that the same question may be answered later.
    pub fn is_passing(&self) -> bool {
        matches!(self, Error::Connect { .. }) || self.is_transient() || self.has_code(codes::OUT_OF_TIME)
    }

    /// Whether another transaction was in the way, and this one's connection is sound: deadlock, lock wait timeout, a row that is there.
    pub(crate) fn is_conflict(&self) -> bool {
        self.has_code(codes::CONFLICT)
    }

    /// Whether it is the node that failed, so that another one may do better.
    pub(crate) fn is_of_node(&self) -> bool {
        match self {
            Error::Sql { source, .. } | Error::Connect { source, .. } => match &**source {
                mysql::Error::MySqlError(server) => codes::is_of_node(server.code),
                other => is_lost(other),
            },
            _ => false,
        }
    }

    /// Whether the connection is gone.
    pub(crate) fn is_lost_connection(&self) -> bool {
        match self {
            Error::Sql { source, .. } => match &**source {
                mysql::Error::MySqlError(server) => codes::is_gone(server.code),
                other => is_lost(other),
            },
            _ => false,
        }
    }

    /// Whether a group has refused a commit, for its size or because the node has left it.
    pub(crate) fn is_refused_commit(&self) -> bool {
        self.has_code(&[codes::HOOK_REFUSED])
    }

    /// Whether a COMMIT that ended so may have been done all the same.
    pub(crate) fn leaves_doubt(&self) -> bool {
        self.is_transient() || self.is_of_node() || self.is_refused_commit()
    }

    /// Whether running the same transaction again may succeed: deadlock, lock wait timeout, lost connection.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Error::Sql { source, .. } | Error::Connect { source, .. } => match &**source {
                mysql::Error::MySqlError(server) => codes::pass(server.code),
                other => is_lost(other),
            },
            _ => false,
        }
    }
}

impl From<crate::signals::Interrupted> for Error {
    fn from(_: crate::signals::Interrupted) -> Self {
        Error::Interrupted
    }
}

/// Server error numbers that the tools tell apart (MySQL and MariaDB agree on them, where not said otherwise).
pub(crate) mod codes {
    pub(crate) const NO_SUCH_TABLE: u16 = 1146;
    pub(crate) const UNKNOWN_COLUMN: &[u16] = &[1054];
    /// Query execution was interrupted (`KILL QUERY`).
    pub(crate) const QUERY_INTERRUPTED: u16 = 1317;
    /// A statement that ran into its time limit (1969 by MariaDB, 3024 by MySQL) or was cancelled by others.
    pub(crate) const OUT_OF_TIME: &[u16] = &[QUERY_INTERRUPTED, 1969, 3024];
    /// LOAD DATA LOCAL refused: 1148 by MariaDB and old MySQL, 3948 and 2068 by MySQL 8+, 4166 by MariaDB 10.5+.
    pub(crate) const LOCAL_INFILE_REFUSED: &[u16] = &[1148, 2068, 3948, 4166];
    pub(crate) const LOCK_WAIT_TIMEOUT: u16 = 1205;
    /// Lock wait timeout, deadlock, duplicate key.
    pub(crate) const CONFLICT: &[u16] = &[LOCK_WAIT_TIMEOUT, 1213, 1062];
    /// Access denied to a table, a column or an operation.
    pub(crate) const ACCESS_DENIED: &[u16] = &[1044, 1142, 1143, 1227, 1370];
    /// Another transaction was in the way: lock wait timeout, deadlock, a row or a table that changed under a snapshot. Too many connections,
    /// too many transactions.
    /// 3854: MySQL lists connections, and the text of a statement of one, which it cuts, ends within a character just then.
    const PASSING: &[u16] = &[LOCK_WAIT_TIMEOUT, 1213, 1020, 1412, 1040, 1637, 3854];
    /// The connection is gone: server shutting down, connection killed, or closed for want of work; 2006 and 2013, the clients' own numbers,
    /// are what a proxy says of a server that it has lost.
    const GONE: &[u16] = &[1053, 1927, 3169, 4031, 2006, 2013];
    /// A node is not ready, or its group changes: an error of a commit, a transaction rolled back meanwhile, reads that cannot wait for
    /// the others (3796 to 3799); 2003 and 9001: a proxy finds no server.
    const UNSETTLED: &[u16] = &[1180, 1047, 3101, 3796, 3797, 3798, 3799, 2003, 9001];
    /// Read-only or out of service (3032), which a node is until it is elected, and a server by itself until somebody changes it.
    pub(crate) const NOT_WRITABLE: &[u16] = &[1290, 1792, 1836, 1874, OFFLINE];
    pub(crate) const OFFLINE: u16 = 3032;

    /// Whether the same may succeed later on the same server.
    pub(super) fn pass(code: u16) -> bool {
        PASSING.contains(&code) || is_gone(code) || UNSETTLED.contains(&code)
    }

    pub(super) fn is_gone(code: u16) -> bool {
        GONE.contains(&code)
    }

    /// Whether another node may stand in for the one that said so.
    pub(super) fn is_of_node(code: u16) -> bool {
        is_gone(code) || UNSETTLED.contains(&code) || NOT_WRITABLE.contains(&code)
    }

    /// Numbers of MySQL's own clients. A server that asks for the password itself and has not proved who it is.
    pub(crate) const SERVER_UNPROVED: u16 = 2061;
    /// A kind of account that the client does not know; its name is the message.
    pub(crate) const AUTH_UNSUPPORTED: u16 = 2059;
    /// An answer that is none of a server of this kind.
    pub(crate) const MALFORMED_PACKET: u16 = 2027;
    /// A transaction that the cluster does not take: its write set is too large, or the replication's hook has refused the commit.
    pub(crate) const NOT_REPLICATED: &[u16] = &[1105, HOOK_REFUSED, 3231];
    /// Too large, or on a member that has left its group, whatever became of the transaction there.
    pub(crate) const HOOK_REFUSED: u16 = 3100;
    /// A table that the group does not replicate: no primary key, not InnoDB.
    pub(super) const NOT_REPLICABLE: u16 = 3098;
}

fn by(holders: &[String]) -> String {
    if holders.is_empty() { String::new() } else { format!(" par : {}", holders.join(" ; ")) }
}

fn busy_hint(connections: &[u64]) -> String {
    match connections.first() {
        Some(id) => format!("fermez ce qui tient cette transaction, ou en administrateur `KILL {id}`, puis relancez"),
        None => {
            "cherchez dans SHOW PROCESSLIST la connexion qui utilise la table, fermez-la (`KILL`), puis relancez".into()
        }
    }
}

/// The server's own words without the driver's wrapping.
fn describe(error: &mysql::Error) -> String {
    if let (Some(limit), mysql::Error::MySqlError(server)) = (HostLimit::of(error), error) {
        let kind =
            if server.code == codes::AUTH_UNSUPPORTED { format!(" : {}", server.message) } else { String::new() };
        return format!("{}{kind} (erreur {})", limit.what(), server.code);
    }
    match error {
        mysql::Error::DriverError(mysql::DriverError::CouldNotConnect(Some((_, _, std::io::ErrorKind::NotFound)))) => {
            NO_SOCKET.into()
        }
        mysql::Error::IoError(io) if io.kind() == std::io::ErrorKind::NotFound => NO_SOCKET.into(),
        mysql::Error::MySqlError(server) if server.code == 1054 => {
            let column = quoted_name(&server.message).unwrap_or_else(|| server.message.clone());
            format!("la colonne {column} n'existe pas (erreur 1054)")
        }
        mysql::Error::MySqlError(server) if server.code == codes::MALFORMED_PACKET => {
            format!("la réponse n'est pas celle qu'attend la connexion (erreur {})", server.code)
        }
        mysql::Error::MySqlError(server) => format!("{} (erreur {})", server.message, server.code),
        mysql::Error::DriverError(mysql::DriverError::CouldNotConnect(Some((_, text, kind)))) => {
            let known = io_reason(&std::io::Error::from(*kind));
            if known == std::io::Error::from(*kind).to_string() { text.clone() } else { known }
        }
        mysql::Error::DriverError(mysql::DriverError::ConnectTimeout) => "délai de connexion dépassé".into(),
        mysql::Error::DriverError(mysql::DriverError::TlsNotSupported) => {
            "le serveur ne propose pas TLS, que DB_SSL_MODE ou DB_SSL_CA exige : rien ne lui a été donné".into()
        }
        mysql::Error::DriverError(
            mysql::DriverError::SetupError
            | mysql::DriverError::UnexpectedPacket
            | mysql::DriverError::UnsupportedProtocol(_),
        ) => NO_SERVER.into(),
        mysql::Error::IoError(io) => io_reason(io),
        mysql::Error::CodecError(error) => {
            let text = error.to_string();
            // EAGAIN, which a time limit for reading gives.
            if text.contains("os error 11)") {
                return io_reason(&std::io::ErrorKind::TimedOut.into());
            }
            if text.contains(TOO_LARGE) {
                return "un message dépasse la taille permise (max_allowed_packet)".into();
            }
            text.trim_start_matches("IO error: ").trim_matches('`').to_owned()
        }
        other => other.to_string(),
    }
}

fn connect_hint(error: &mysql::Error) -> &'static str {
    match error {
        mysql::Error::MySqlError(server) => match server.code {
            1045 | 1698 => {
                "vérifiez DB_USERNAME et DB_PASSWORD (dans .env, un mot de passe s'écrit tel quel, entre apostrophes ou non)"
            }
            // MySQL and MariaDB say so of a database that is not there, too, to whom may not see it.
            1044 => {
                "vérifiez d'abord le nom dans DB_DATABASE ; s'il est juste, demandez à l'administrateur de créer cette base, ou les droits de \
                 cet utilisateur sur elle"
            }
            1049 => "créez la base ou corrigez DB_DATABASE, puis lancez `ensure-schema --seed`",
            1040 => "le serveur est saturé : relancez dans quelques minutes",
            codes::OFFLINE => OFFLINE_HINT,
            codes::MALFORMED_PACKET => {
                "vérifiez DB_HOST et DB_PORT (est-ce bien un serveur MySQL ou MariaDB ?) et que DB_PASSWORD n'est pas vide"
            }
            _ => match HostLimit::of(error) {
                Some(limit) => limit.hint(),
                None => "vérifiez les réglages DB_* dans .env, puis essayez `simple-test`",
            },
        },
        mysql::Error::IoError(io) if io.kind() == std::io::ErrorKind::ConnectionRefused => {
            "rien n'écoute à cette adresse : démarrez le serveur, ou corrigez DB_HOST et DB_PORT"
        }
        mysql::Error::CodecError(error) if error.to_string().contains("certificate") => {
            "vérifiez DB_SSL_MODE et DB_SSL_CA : le certificat du serveur n'est pas reconnu"
        }
        mysql::Error::TlsError(_) => "vérifiez DB_SSL_MODE et DB_SSL_CA",
        mysql::Error::DriverError(mysql::DriverError::TlsNotSupported) => {
            "demandez à l'administrateur d'y mettre TLS en route ; s'il l'est déjà, quelqu'un répond peut-être à sa place : ne relâchez \
             pas DB_SSL_MODE"
        }
        mysql::Error::DriverError(_) if describe(error) == NO_SERVER => NO_SERVER_HINT,
        // A login of ours is never that large: what came first was no greeting of a server.
        mysql::Error::CodecError(codec) if codec.to_string().contains(TOO_LARGE) => NO_SERVER_HINT,
        _ => {
            "vérifiez que le serveur tourne (`systemctl status mariadb` ou `mysql`) et que DB_HOST, DB_PORT ou DB_SOCKET sont justes"
        }
    }
}

/// What the driver says of a message larger than may be; the first bytes of another protocol read as one.
const TOO_LARGE: &str = "larger than max_allowed_packet";
const NO_SOCKET: &str = "aucun serveur n'y répond (le socket n'existe pas)";
const NO_SERVER: &str = "la réponse n'est pas celle d'un serveur MySQL ou MariaDB";
const NO_SERVER_HINT: &str = "vérifiez DB_HOST et DB_PORT : est-ce bien un serveur MySQL ou MariaDB qui y répond ?";

const OFFLINE_HINT: &str = "le serveur est hors service pour les comptes ordinaires (offline_mode), comme un membre exclu de son groupe : \
     nommez tous les nœuds dans DB_HOST (a,b,c), ou attendez qu'il revienne";

/// Whether the account holds as many connections as it may.
pub(crate) fn is_without_room(error: &mysql::Error) -> bool {
    HostLimit::of(error) == Some(HostLimit::Connections)
}

/// What the host of a database allows an account, the state and the kind of the account, and a setting that it chose for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HostLimit {
    /// Connections at a time.
    Connections,
    /// Queries, changes or connections in an hour.
    Hour,
    /// The password has to be changed.
    Expired,
    /// The account is locked.
    Locked,
    /// The binary log takes statements, which the isolation of ours cannot be written as.
    Binlog,
    /// The account is of a kind that these tools do not know.
    Authentication,
    /// The server asks for the password itself, and nothing proves who it is.
    Unproved,
}

impl HostLimit {
    fn of(error: &mysql::Error) -> Option<Self> {
        let mysql::Error::MySqlError(server) = error else { return None };
        Some(match server.code {
            1203 => Self::Connections,
            1226 if server.message.contains("user_connections") => Self::Connections,
            1226 => Self::Hour,
            1820 | 1862 => Self::Expired,
            3118 | 4151 => Self::Locked,
            1662 | 1663 | 1665 => Self::Binlog,
            // 1251: the server, of a client that is too old for the account.
            codes::AUTH_UNSUPPORTED | 1251 => Self::Authentication,
            codes::SERVER_UNPROVED => Self::Unproved,
            _ => return None,
        })
    }

    fn what(self) -> &'static str {
        match self {
            Self::Connections => "le compte tient déjà toutes les connexions auxquelles il a droit",
            Self::Hour => "le compte a épuisé ce que l'hébergeur lui accorde par heure",
            Self::Expired => "le mot de passe du compte a expiré",
            Self::Locked => "le compte est verrouillé",
            Self::Binlog => "le journal binaire du serveur, en mode STATEMENT, n'accepte pas cette écriture",
            Self::Authentication => "le compte s'authentifie d'une façon que les outils ne connaissent pas",
            Self::Unproved => {
                "le serveur demande le mot de passe lui-même, et rien ne prouve qui il est : il n'a pas été donné"
            }
        }
    }

    fn hint(self) -> &'static str {
        match self {
            Self::Connections => {
                "fermez ce qui les tient, baissez --jobs, ou demandez à \
             l'hébergeur de relever MAX_USER_CONNECTIONS"
            }
            Self::Hour => {
                "relancez à l'heure suivante, la reprise est sans risque, ou demandez à \
             l'hébergeur de relever cette limite (MAX_QUERIES_PER_HOUR…)"
            }
            Self::Expired => "changez-le (ALTER USER … IDENTIFIED BY …), puis mettez DB_PASSWORD à jour",
            Self::Locked => "demandez à l'administrateur ALTER USER … ACCOUNT UNLOCK",
            Self::Binlog => "demandez à l'administrateur SET GLOBAL binlog_format = 'ROW' (ou MIXED)",
            Self::Authentication => {
                "demandez à l'administrateur un compte par mot de passe : sur MySQL, ALTER USER … IDENTIFIED WITH \
             caching_sha2_password BY '…' ; sur MariaDB, ALTER USER … IDENTIFIED VIA ed25519 USING PASSWORD('…') ou \
             mysql_native_password USING PASSWORD('…')"
            }
            Self::Unproved => {
                "sur cette machine, donnez DB_SOCKET ; ailleurs, DB_SSL_MODE=VERIFY_CA et DB_SSL_CA (ca.pem du serveur) ; sans TLS, \
             DB_SERVER_PUBLIC_KEY, la clé publique du serveur (public_key.pem de son dossier de données)"
            }
        }
    }
}

/// Whether the connection is gone, and not for a message that was never sent.
fn is_lost(error: &mysql::Error) -> bool {
    error.is_connectivity_error() && !is_packet_too_large(error)
}

/// A message that the driver did not even send.
fn is_packet_too_large(error: &mysql::Error) -> bool {
    matches!(error, mysql::Error::CodecError(codec) if codec.to_string().contains("max_allowed_packet"))
}

/// What is left to do about an error of the server that has no remedy of its own.
const UNKNOWN_HINT: &str =
    "essayez `simple-test`, puis relancez ; si cela reste, montrez ce message à l'administrateur de la base";

fn sql_hint(error: &mysql::Error) -> &'static str {
    if is_packet_too_large(error) {
        return "relevez max_allowed_packet sur le serveur ou baissez --batch-size";
    }
    let mysql::Error::MySqlError(server) = error else {
        return "la connexion au serveur a été perdue : relancez, la reprise est sans risque";
    };
    match server.code {
        code if codes::ACCESS_DENIED.contains(&code) => {
            "demandez à l'administrateur ce droit pour l'utilisateur de DB_USERNAME"
        }
        1054 => "lancez `ensure-schema`, qui ajoute les colonnes manquantes",
        1153 => "relevez max_allowed_packet sur le serveur ou baissez --batch-size",
        // What a value does not fit, a key, a CHECK (3819 on MySQL, 4025 on MariaDB), a foreign key or a trigger refuses.
        1048 | 1062 | 1071 | 1264 | 1265 | 1364 | 1366 | 1406 | 1442 | 1451 | 1452 | 1644 | 3819 | 4025 => {
            "une colonne, une clé, une contrainte ou un déclencheur de la base refuse cette écriture : `adopt-database` dit lesquels, \
             et la commande qui y remédie"
        }
        1114 | 1021 | 1030 => "libérez de la place sur le serveur, puis relancez",
        code if codes::NOT_REPLICATED.contains(&code) => {
            "le groupe n'a pas pris la transaction, trop grande peut-être : `flux doctor` montre sa limite \
             (wsrep_max_ws_size, group_replication_transaction_size_limit), que l'administrateur peut relever"
        }
        codes::NOT_REPLICABLE => {
            "le groupe ne réplique que des tables InnoDB qui ont une clé primaire : lancez `ensure-schema`, puis `flux doctor`"
        }
        codes::OFFLINE => OFFLINE_HINT,
        code if codes::NOT_WRITABLE.contains(&code) => {
            "le serveur est en lecture seule : visez le serveur principal, ou nommez tous les nœuds dans DB_HOST (a,b,c)"
        }
        code if codes::is_gone(code) => "la connexion au serveur a été perdue : relancez, la reprise est sans risque",
        code if codes::pass(code) => "relancez : le serveur était occupé",
        code if codes::OUT_OF_TIME.contains(&code) => {
            "la requête a été arrêtée par un administrateur, ou par une limite de temps du serveur (max_statement_time, \
             max_execution_time) : relancez, la reprise est sans risque"
        }
        _ => HostLimit::of(error).map_or(UNKNOWN_HINT, HostLimit::hint),
    }
}

/// The right that the server has denied, as an administrator gives it, from its words: `DELETE command denied to user 'a'@'b' for table
/// `c`.`d``. The account is not taken from them: they name the machine that it comes from, not the one that it is for.
fn denied_hint(error: &mysql::Error) -> Option<String> {
    let mysql::Error::MySqlError(server) = error else { return None };
    let (right, rest) = server.message.split_once(" command denied to user ")?;
    let base = rest.split_once('`').and_then(|(_, name)| name.split_once("`.`"));
    let base = base.map_or("la base de DB_DATABASE".to_owned(), |(name, _)| format!("`{name}`.*"));
    Some(format!(
        "en administrateur : GRANT {right} ON {base} TO l'utilisateur de DB_USERNAME ; `simple-test` dit tous les droits qui manquent"
    ))
}

pub(crate) fn io_reason(error: &std::io::Error) -> String {
    use std::io::ErrorKind as K;
    match error.kind() {
        K::NotFound => "introuvable".into(),
        K::PermissionDenied => "accès refusé".into(),
        K::StorageFull | K::QuotaExceeded | K::WriteZero => "plus de place sur le disque".into(),
        K::WouldBlock | K::TimedOut => "pas de réponse dans le délai (DB_TIMEOUT)".into(),
        K::IsADirectory => "c'est un dossier, pas un fichier".into(),
        K::ConnectionRefused => "connexion refusée : rien n'écoute à cette adresse".into(),
        K::ConnectionReset | K::ConnectionAborted | K::BrokenPipe => "connexion coupée par l'autre bout".into(),
        K::HostUnreachable | K::NetworkUnreachable => "machine ou réseau injoignable".into(),
        K::AddrNotAvailable => "cette machine n'a pas cette adresse".into(),
        K::AddrInUse => "un autre programme y écoute déjà".into(),
        K::InvalidFilename => "nom de fichier ou chemin trop long".into(),
        K::NotADirectory => "une partie du chemin n'est pas un dossier".into(),
        K::UnexpectedEof => "fin prématurée : le fichier est coupé".into(),
        K::ReadOnlyFilesystem => "système de fichiers en lecture seule".into(),
        _ => error.to_string(),
    }
}

/// What to do about a file or folder that another account has made: that of root, when a tool was run by hand once.
fn foreign_hint(error: &std::io::Error, path: &Path) -> Option<String> {
    use std::os::unix::fs::MetadataExt;
    if error.kind() != std::io::ErrorKind::PermissionDenied {
        return None;
    }
    let owner = |path: &Path| std::fs::symlink_metadata(path).ok().map(|metadata| metadata.uid());
    let me = std::fs::metadata("/proc/self").ok()?.uid();
    let is_foreign = |path: &Path| owner(path).is_some_and(|owner| owner != me);
    let folder = path.parent()?;
    // Beyond the file only its folder: those above are not ours to give away.
    let name = folder
        .file_name()
        .is_some_and(|name| ["logs", "rejets", "backups", "data_extracted"].iter().any(|ours| name == *ours));
    let culprit = match (is_foreign(folder), path.exists()) {
        (true, _) if name => folder,
        (_, true) if is_foreign(path) => path,
        _ => return None,
    };
    let (shown, from, to) = (culprit.display(), account(owner(culprit)?), account(me));
    Some(format!(
        "{shown} appartient à {from} et l'outil est lancé par {to} : en administrateur, `chown -R {to}: {shown}`"
    ))
}

/// Name of an account, else its number.
fn account(uid: u32) -> String {
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid.to_string()).then(|| name.to_owned())
    });
    name.unwrap_or_else(|| uid.to_string())
}

fn io_hint(error: &std::io::Error) -> Option<&'static str> {
    use std::io::ErrorKind as K;
    match error.kind() {
        K::PermissionDenied => Some("vérifiez les droits de l'utilisateur qui lance l'outil"),
        K::StorageFull | K::QuotaExceeded | K::WriteZero => {
            Some("libérez de la place (`df -h .`, `rotate-logs`, `cleanup-old-cache`), puis relancez")
        }
        K::FileTooLarge => Some("relevez la taille permise aux fichiers (ulimit -f, LimitFSIZE), puis relancez"),
        K::NotFound => Some("vérifiez le chemin, --home ou --data-dir"),
        K::AddrInUse => Some(
            "`ss -ltnp` dit lequel, peut-être le portail déjà en route (`systemctl status fluxvision-portail`) : arrêtez-le, ou donnez \
             un autre port par --listen",
        ),
        K::AddrNotAvailable => Some("donnez par --listen une adresse de cette machine, par exemple 127.0.0.1:8080"),
        _ => None,
    }
}

/// The table's name in `Table 'base.name' doesn't exist`.
fn quoted_name(message: &str) -> Option<String> {
    let name = message.split('\'').nth(1)?;
    Some(name.rsplit('.').next().unwrap_or(name).to_owned())
}

/// Options that always make sense are made of arguments that cannot fail.
impl From<Infallible> for Error {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// The code of an error: in the `error` object of a document, or of the finding that an error became.
impl From<&Error> for Code {
    fn from(error: &Error) -> Self {
        if let Some(limit) = error.host_limit() {
            return match limit {
                HostLimit::Connections => Code::ConnectionsExhausted,
                HostLimit::Hour => Code::QuotaExhausted,
                HostLimit::Expired => Code::PasswordExpired,
                HostLimit::Locked => Code::AccountLocked,
                HostLimit::Binlog => Code::BinlogStatement,
                HostLimit::Authentication => Code::AuthUnsupported,
                HostLimit::Unproved => Code::ServerUnproved,
            };
        }
        match error {
            Error::Usage(_) => Code::Usage,
            Error::Config { .. } => Code::Config,
            Error::Connect { .. } => Code::Connect,
            Error::Sql { .. } => Code::Sql,
            Error::TableBusy { .. } => Code::TableBusy,
            Error::MissingTable { .. } => Code::TableMissing,
            Error::MissingColumn { .. } | Error::WrongKey { .. } => Code::SchemaIncomplete,
            Error::SchemaVersion { .. } => Code::SchemaVersion,
            Error::EmptyDimension { .. } => Code::DimensionEmpty,
            Error::NotAdopted { .. } => Code::NotAdopted,
            Error::UnsafeEngine { .. } => Code::EngineUnsafe,
            Error::Locked { .. } => Code::Locked,
            Error::LockLost { .. } => Code::LockLost,
            Error::Io { .. } => Code::Io,
            Error::Remote { answered: false, .. } => Code::PortalUnreachable,
            Error::Remote { .. } => Code::PortalRefused,
            Error::BadFile(_) => Code::FileUnusable,
            Error::BadBackup(_) => Code::BackupDamaged,
            Error::FileChanged => Code::FileChanged,
            Error::TooManyRejects { .. } => Code::TooManyRejects,
            Error::Invariant(_) => Code::Invariant,
            Error::Interrupted => Code::Interrupted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(code: u16, message: &str) -> mysql::Error {
        mysql::Error::MySqlError(mysql::MySqlError { state: "42S02".into(), message: message.into(), code })
    }

    /// As MariaDB and as MySQL say it.
    #[test]
    fn a_denied_right_is_named_as_it_is_given() {
        let hint =
            |message| Error::Sql { doing: "ajout".into(), source: Box::new(server(1142, message)) }.hint().unwrap();
        let mariadb = hint("DELETE command denied to user 'etl'@'10.0.0.3' for table `obs`.`fact_diurnes_temp`");
        assert!(mariadb.contains("GRANT DELETE ON `obs`.* TO l'utilisateur de DB_USERNAME"), "{mariadb}");
        let mysql = hint("INSERT, UPDATE command denied to user 'etl'@'localhost' for table 'fact_diurnes'");
        assert!(mysql.contains("GRANT INSERT, UPDATE ON la base de DB_DATABASE TO l'utilisateur"), "{mysql}");
        assert!(!hint("SELECT command was refused").contains("GRANT"));
    }

    #[test]
    fn a_server_that_took_tls_away_is_not_taken_for_a_server_that_is_down() {
        let error = Error::Connect {
            target: "u@h:3306/d".into(),
            source: Box::new(mysql::Error::DriverError(mysql::DriverError::TlsNotSupported)),
        };
        assert!(error.to_string().contains("ne propose pas TLS"), "{error}");
        assert!(error.hint().is_some_and(|hint| hint.contains("DB_SSL_MODE") && !hint.contains("tourne")));
    }

    #[test]
    fn what_answers_in_another_protocol_is_no_server() {
        use std::io::{Read, Write};
        for greeting in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b"\x05\0\0\0\x09vieux", b"\x03\0\0\0\x0a\0\0"] {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let port = listener.local_addr().unwrap().port();
            let peer = std::thread::spawn(move || {
                let (mut peer, _) = listener.accept().unwrap();
                peer.write_all(greeting).unwrap();
                _ = peer.read(&mut [0; 1]);
            });
            let options = mysql::OptsBuilder::new()
                .ip_or_hostname(Some("127.0.0.1"))
                .tcp_port(port)
                .prefer_socket(false)
                .read_timeout(Some(std::time::Duration::from_secs(5)));
            let source = Box::new(mysql::Conn::new(options).map(drop).unwrap_err());
            peer.join().unwrap();
            let error = Error::Connect { target: "u@h:21/d".into(), source };
            let text = format!("{error} {}", error.hint().unwrap_or_default());
            assert!(text.contains("DB_PORT") && !text.contains("DriverError") && !text.contains("larger"), "{text}");
        }
    }

    #[test]
    fn a_missing_table_is_named_and_has_a_next_step() {
        let error = Error::sql("lecture")(server(1146, "Table 'flux.dim_pays' doesn't exist"));
        assert_eq!(error.to_string(), "la table dim_pays n'existe pas");
        assert!(error.hint().is_some_and(|hint| hint.contains("ensure-schema")));
        assert_eq!(error.code(), 1);
    }

    /// What becomes of a statement that ends with each of these numbers.
    #[test]
    fn every_number_that_a_cluster_gives_is_tried_again_or_told_with_a_next_step() {
        // Tried again on the same server; on another node; a COMMIT that ended so is looked up.
        let table: &[(&[u16], bool, bool, bool)] = &[
            (&[1205, 1213, 1020, 1412, 1040, 1637, 3854], true, false, true),
            (&[1053, 1927, 3169, 4031, 2006, 2013], true, true, true),
            (&[1180, 1047, 3101, 3796, 3797, 3798, 3799, 2003, 9001], true, true, true),
            (&[1290, 1792, 1836, 1874, 3032], false, true, true),
            (&[3100], false, false, true),
            (&[1105, 3231, 3098, 1317, 1969, 3024], false, false, false),
        ];
        for (codes, again, elsewhere, doubtful) in table {
            for code in *codes {
                let error = Error::sql("x")(server(*code, "x"));
                let found = (error.is_transient(), error.is_of_node(), error.leaves_doubt());
                assert_eq!(found, (*again, *elsewhere, *doubtful), "{code}");
                assert!(error.hint().is_some(), "{code}");
            }
        }
        // A row that is there already is the own one where a COMMIT is in doubt, and a fault where none is.
        let double = Error::sql("x")(server(1062, "Duplicate entry"));
        assert!(double.is_conflict() && !double.is_transient() && !double.leaves_doubt());
        let lost = || Box::new(mysql::Error::IoError(std::io::ErrorKind::BrokenPipe.into()));
        let error = Error::Sql { doing: "x".into(), source: lost() };
        assert!(error.is_transient() && error.is_of_node() && error.is_lost_connection() && error.leaves_doubt());
        let error = Error::Connect { target: "x".into(), source: Box::new(server(3032, "offline mode")) };
        assert!(error.is_of_node() && error.hint().is_some_and(|hint| hint.contains("DB_HOST")));
    }

    /// Nobody is left alone with an error, whatever its number; that of a usage stands in its sentence.
    #[test]
    fn every_error_says_what_to_do_next() {
        let errors = [
            Error::sql("lecture")(server(1064, "You have an error in your SQL syntax")),
            Error::sql("lecture")(server(4711, "no such number")),
            Error::Invariant("{ 3 lignes }".into()),
            Error::MissingTable { table: "dim_pays".into() },
        ];
        for error in errors {
            assert!(error.hint().is_some_and(|hint| hint.contains("lancez")), "{error}");
        }
    }

    #[test]
    fn deadlocks_are_worth_another_try_and_syntax_errors_are_not() {
        assert!(Error::sql("x")(server(1213, "Deadlock found")).is_transient());
        assert!(Error::sql("x")(server(1205, "Lock wait timeout")).is_transient());
        assert!(!Error::sql("x")(server(1064, "syntax")).is_transient());
    }

    #[test]
    fn a_transaction_that_a_cluster_does_not_take_has_a_next_step() {
        for code in [1105, 3100, 3231] {
            let error = Error::sql("x")(server(code, "Maximum writeset size exceeded"));
            assert!(error.hint().is_some_and(|hint| hint.contains("flux doctor")) && !error.is_transient(), "{code}");
        }
    }
}
