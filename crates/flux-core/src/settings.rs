//! Where the tools find their database and their files: options, then the environment, then `.env`.

mod env_file;
mod given;

use std::collections::HashMap;
use std::env;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mysql::{Opts, OptsBuilder, SslOpts};

use crate::error::{Error, Result};
use crate::report::Finding;

pub use given::read_given;

/// Connection options of the command line; they win over everything else.
#[derive(Debug, Clone, Default)]
pub struct ConnectionOptions {
    /// Server name or address.
    pub host: Option<String>,
    /// TCP port; `DB_PORT` where it is not given.
    pub port: Option<u16>,
    /// Path of the Unix socket; `DB_SOCKET` where it is not given.
    pub socket: Option<PathBuf>,
    /// Name of the account; `DB_USERNAME` where it is not given.
    pub user: Option<String>,
    /// Name of the database; `DB_DATABASE` where it is not given.
    pub database: Option<String>,
    /// File whose first line is the password.
    pub password_file: Option<PathBuf>,
    /// `.env` to read instead of the one of the home folder.
    pub env_file: Option<PathBuf>,
}

/// Code of the département whose observatory this is, where no setting names another: that of the built-in zones.
pub(crate) const DEPARTEMENT: &str = "15";

/// The home that the package makes.
const INSTALLED_HOME: &str = "/var/lib/fluxvision";

/// Where a value comes from, strongest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Origin {
    Default,
    EnvFile,
    Environment,
    Option,
}

/// Who connects: the portal may have an account of its own (`DB_USER_PORTAL`, `DB_PASSWORD_PORTAL` …), with fewer rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Account {
    Tools,
    Portal,
}

/// The variables of `.env` and of the environment.
#[derive(Debug, Default)]
struct Variables {
    file: HashMap<String, String>,
    environment: HashMap<String, String>,
}

impl Variables {
    /// The first of `names` that is set and not empty: in the environment, else in `.env`.
    fn get(&self, names: &[String]) -> Option<(String, Origin)> {
        [(&self.environment, Origin::Environment), (&self.file, Origin::EnvFile)].into_iter().find_map(
            |(source, origin)| {
                names
                    .iter()
                    .find_map(|name| Some((source.get(name).filter(|value| !value.is_empty())?.clone(), origin)))
            },
        )
    }
}

/// All settings of a run.
#[derive(Debug)]
pub struct Settings {
    /// The folders the tool works in.
    pub home: Home,
    options: ConnectionOptions,
    variables: Variables,
    /// Lines and keys of `.env` that may not mean what they were meant to; no value is named.
    pub doubts: Vec<Finding>,
}

/// The home folder and the paths under it.
#[derive(Debug, Clone)]
pub struct Home {
    /// The home folder itself, which all other paths start from.
    pub root: PathBuf,
    /// Nobody named it and nothing in it says that it is one.
    by_chance: bool,
}

impl Home {
    /// A home at `root`.
    #[cfg(test)]
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root, by_chance: false }
    }

    /// Where weekly deliveries are dropped: `data/data_temp/`, else the legacy folder when only that one holds anything.
    pub fn deliveries(&self) -> PathBuf {
        self.current_or_legacy("data/data_temp")
    }

    fn current_or_legacy(&self, place: &str) -> PathBuf {
        let current = self.root.join(place);
        let legacy = self.root.join("fluxvision_automation").join(place);
        let holds_any = |folder: &Path| folder.read_dir().is_ok_and(|mut entries| entries.next().is_some());
        if legacy.is_dir() && !holds_any(&current) { legacy } else { current }
    }

    /// Where raw exports are unpacked: `data/data_extracted/`.
    pub fn extracted(&self) -> PathBuf {
        self.current_or_legacy("data/data_extracted")
    }

    /// Where deliveries are fetched to: `ftp_downloads/`.
    pub(crate) fn downloads(&self) -> PathBuf {
        self.root.join("ftp_downloads")
    }

    /// Where the log of a run goes: `logs/`, which is not made where a tool was started by chance.
    pub fn journals(&self) -> Option<PathBuf> {
        let logs = self.logs();
        (!self.by_chance || logs.is_dir()).then_some(logs)
    }

    /// Where logs and rejected lines are written, `logs/`.
    pub fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    pub(crate) fn rejects(&self) -> PathBuf {
        self.root.join("logs/rejets")
    }
}

impl Settings {
    /// Finds the home folder and reads `.env`. A new home, for the one who makes it, is the folder that is named, there or not, else the
    /// current one and none above it.
    ///
    /// # Errors
    /// [`Error::Config`] when a folder or file that was named does not exist or cannot be parsed; [`Error::Io`] without a current folder.
    pub fn load(home: Option<PathBuf>, options: ConnectionOptions, new_home: bool) -> Result<Self> {
        let environment = environment();
        let named = named_home(home, &environment);
        let by_chance = new_home || named.is_none();
        let root = match named {
            Some(dir) if new_home || dir.is_dir() => dir,
            Some(dir) => {
                return Err(Error::Config {
                    message: format!("le dossier de travail {} n'existe pas", dir.display()),
                    hint: "créez-le ou corrigez --home ou FLUX_HOME".into(),
                });
            }
            None => {
                let current = env::current_dir().map_err(Error::io("lecture du dossier courant", "."))?;
                if new_home { current } else { unnamed_home(&current, Path::new(INSTALLED_HOME)) }
            }
        };
        Self::at(root, by_chance, options, environment)
    }

    fn at(
        root: PathBuf,
        by_chance: bool,
        options: ConnectionOptions,
        environment: HashMap<String, String>,
    ) -> Result<Self> {
        let own = root.join(".env");
        // What has the name and is no file holds settings that somebody counts on: without them the base would be another one.
        if options.env_file.is_none() && own.metadata().is_ok_and(|found| !found.is_file()) {
            return Err(Error::Config {
                message: format!("{} n'est pas un fichier ordinaire : ses réglages ne sont pas lus", own.display()),
                hint: "remplacez-le par un fichier (modèle : .env.example), ou nommez-en un par --env-file".into(),
            });
        }
        let path = options.env_file.as_deref().or_else(|| own.is_file().then_some(own.as_path()));
        let file = path.map(env_file::read).transpose()?.unwrap_or_default();
        let variables = Variables { file: file.values, environment };
        let by_chance = by_chance && !is_home(&root);
        Ok(Self { home: Home { root, by_chance }, options, variables, doubts: file.doubts })
    }

    /// Without a `.env` the likeliest cause is another folder than the one that was meant.
    fn missing(&self, name: &str) -> Error {
        let root = &self.home.root;
        if self.options.env_file.is_some() || root.join(".env").is_file() {
            return Error::Config {
                message: format!("le réglage {name} manque"),
                hint: format!("donnez {name} dans .env ou dans l'environnement"),
            };
        }
        let shown = std::fs::canonicalize(root).unwrap_or_else(|_| root.clone());
        Error::Config {
            message: format!("le réglage {name} manque : pas de .env dans {}", shown.display()),
            hint: "lancez l'outil dans le dossier de travail (celui de .env), ou donnez --home ou FLUX_HOME ; `flux init` en prépare un nouveau".into(),
        }
    }

    /// A plain setting by name.
    pub fn get(&self, name: &str) -> Option<String> {
        self.variables.get(&[name.to_owned()]).map(|(value, _)| value)
    }

    /// A password that is not the database's, for tools that use none: `--password-file`, else the setting `name`.
    ///
    /// # Errors
    /// [`Error::Io`] when the file cannot be read.
    pub fn password(&self, name: &str) -> Result<Option<String>> {
        match &self.options.password_file {
            Some(path) => read_password(path).map(Some),
            None => Ok(self.get(name)),
        }
    }

    /// The environment (`APP_ENV`): `local`, or `production`.
    ///
    /// # Errors
    /// [`Error::Config`] for another one: a default would be another database.
    pub(crate) fn environment(&self) -> Result<&'static str> {
        let Some((text, _)) = self.variables.get(&["APP_ENV".into()]) else { return Ok("local") };
        match text.trim().to_lowercase().as_str() {
            "local" => Ok("local"),
            "production" => Ok("production"),
            _ => Err(Error::Config {
                message: format!("APP_ENV vaut « {text} », qui n'est ni local ni production"),
                hint: "écrivez APP_ENV=local ou APP_ENV=production : c'est ce qui choisit la base".into(),
            }),
        }
    }

    /// Code of the observatory's own département (`OBSERVATOIRE_DEPARTEMENT`), `1` and `2a` made `01` and `2A`; that of the built-in zones
    /// by default.
    pub fn departement(&self) -> String {
        let code = self.get("OBSERVATOIRE_DEPARTEMENT").unwrap_or_else(|| DEPARTEMENT.into()).trim().to_uppercase();
        if code.len() == 1 { format!("0{code}") } else { code }
    }

    /// Name of the observatory on pages (`OBSERVATOIRE_NOM`).
    pub fn observatory(&self) -> String {
        self.get("OBSERVATOIRE_NOM").unwrap_or_else(|| "Observatoire du tourisme".into())
    }

    /// Looks up the names of the account, then `DB_<name>_<LOCAL|PROD>`, then the plain names.
    fn database_variable(&self, account: Account, name: &str, plain: &[&str]) -> Option<(String, Origin)> {
        let suffix = if self.environment().is_ok_and(|name| name == "production") { "PROD" } else { "LOCAL" };
        let mut names = Vec::new();
        if account == Account::Portal {
            names.push(format!("DB_{name}_PORTAL"));
            names.extend(plain.iter().map(|plain| format!("{plain}_PORTAL")));
        }
        names.push(format!("DB_{name}_{suffix}"));
        names.extend(plain.iter().map(|plain| (*plain).to_owned()));
        self.variables.get(&names)
    }

    /// What options, environment and `.env` say of the database.
    fn place(&self, account: Account) -> Place {
        let given = |option: Option<String>, name, plain: &[&str]| {
            option.map(|value| (value, Origin::Option)).or_else(|| self.database_variable(account, name, plain))
        };
        let options = &self.options;
        Place {
            host: given(options.host.clone(), "HOST", &["DB_HOST"]),
            port: given(options.port.map(|port| port.to_string()), "PORT", &["DB_PORT"]),
            socket: given(options.socket.as_ref().map(|path| path.display().to_string()), "SOCKET", &["DB_SOCKET"]),
            user: given(options.user.clone(), "USER", &["DB_USERNAME", "DB_USER"]),
            database: given(options.database.clone(), "NAME", &["DB_DATABASE", "DB_NAME"]),
        }
    }

    /// The same for a `.env` that is still to be written, by the names that it has there.
    pub fn database_settings(&self) -> [(&'static str, Option<String>); 5] {
        let Place { host, port, socket, user, database } = self.place(Account::Tools);
        [("DB_HOST", host), ("DB_PORT", port), ("DB_SOCKET", socket), ("DB_DATABASE", database), ("DB_USERNAME", user)]
            .map(|(key, value)| (key, value.map(|(value, _)| value)))
    }

    /// The first connection to use, and how to name it in messages (`user@host:port/database`, never the password).
    ///
    /// # Errors
    /// [`Error::Config`] when the database or the user is not set, or a value makes no sense.
    pub(crate) fn connection(&self) -> Result<Connection> {
        self.connections(Account::Tools)?.into_iter().next().ok_or_else(|| self.missing("DB_HOST"))
    }

    /// The connections of one of the accounts, one for each server that `DB_HOST` names (`a,b,c:3307`), in its order.
    ///
    /// # Errors
    /// As [`Settings::connection`].
    pub(crate) fn connections(&self, account: Account) -> Result<Vec<Connection>> {
        self.environment()?;
        let Place { host, port, socket, user, database } = self.place(account);
        let user = user.map(|(value, _)| value).ok_or_else(|| self.missing("DB_USERNAME"))?;
        let database = database.map(|(value, _)| value).ok_or_else(|| self.missing("DB_DATABASE"))?;
        let password = match &self.options.password_file {
            Some(path) => Some(read_password(path)?),
            None => self.database_variable(account, "PASSWORD", &["DB_PASSWORD"]).map(|(value, _)| value),
        };
        let timeout: u64 = self.number("DB_TIMEOUT")?.unwrap_or(10);
        let port_number: Option<u16> = match &port {
            Some((text, _)) => Some(text.trim().parse().map_err(|_| invalid("DB_PORT", text))?),
            None => None,
        };

        // A host that was named closer to the command than the socket means: not the socket.
        let origin = |value: &Option<(String, Origin)>| value.as_ref().map_or(Origin::Default, |(_, origin)| *origin);
        let socket = socket.filter(|(_, at)| *at >= origin(&host) && *at >= origin(&port)).map(|(path, _)| path);
        let host = host.map_or_else(|| "localhost".to_owned(), |(host, _)| host);
        let socket = socket.or_else(|| if host == "localhost" && port.is_none() { usual_socket() } else { None });

        let builder = OptsBuilder::new()
            .user(Some(user.clone()))
            .pass(password)
            .db_name(Some(database.clone()))
            .prefer_socket(false)
            .tcp_keepalive_time_ms(Some(60_000))
            .tcp_connect_timeout(Some(Duration::from_secs(timeout.max(1))));
        let authority = self.variables.get(&["DB_SSL_CA".into()]).map(|(path, _)| PathBuf::from(path));
        let server_key = self.get(SERVER_KEY).map(|path| public_key(path.into())).transpose()?;
        let connection = |place: &str, tls, builder| Connection {
            target: format!("{user}@{place}/{database}"),
            database: database.clone(),
            tls,
            authority: authority.clone(),
            server_key: server_key.clone(),
            builder,
        };
        if let Some(path) = &socket {
            // It changes nothing here, but a word that nobody knows is told before the day on which it would.
            self.named_tls_mode()?;
            return Ok(vec![connection(path, TlsMode::Disabled, builder.socket(Some(path.clone())))]);
        }
        let mut connections = Vec::new();
        for place in host.split(',').map(str::trim).filter(|place| !place.is_empty()) {
            let (host, own) = host_and_port(place)?;
            let port = own.or(port_number).unwrap_or(3306);
            let builder = builder.clone().ip_or_hostname(Some(host)).tcp_port(port);
            connections.push(connection(&format!("{host}:{port}"), self.tls_mode(host)?, builder));
        }
        Ok(connections)
    }

    fn number<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>> {
        self.get(name).map(|text| text.trim().parse().map_err(|_| invalid(name, &text))).transpose()
    }

    fn tls_mode(&self, host: &str) -> Result<TlsMode> {
        let loopback = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
        Ok(match self.named_tls_mode()? {
            Some(mode) => mode,
            None if self.get("DB_SSL_CA").is_some() => TlsMode::VerifyCa,
            None if loopback => TlsMode::OnDemand,
            None => TlsMode::Preferred,
        })
    }

    /// What `DB_SSL_MODE` says.
    fn named_tls_mode(&self) -> Result<Option<TlsMode>> {
        let Some(mode) = self.get("DB_SSL_MODE") else { return Ok(None) };
        match mode.to_ascii_uppercase().replace('-', "_").as_str() {
            "DISABLED" => Ok(Some(TlsMode::Disabled)),
            "PREFERRED" => Ok(Some(TlsMode::Preferred)),
            "REQUIRED" => Ok(Some(TlsMode::Required)),
            "VERIFY_CA" => Ok(Some(TlsMode::VerifyCa)),
            "VERIFY_IDENTITY" => Ok(Some(TlsMode::VerifyIdentity)),
            _ => Err(Error::Config {
                message: format!("DB_SSL_MODE vaut « {mode} »"),
                hint: "choisissez DISABLED, PREFERRED, REQUIRED, VERIFY_CA ou VERIFY_IDENTITY".into(),
            }),
        }
    }
}

/// Where the database is, each part with where it is said.
struct Place {
    host: Option<(String, Origin)>,
    port: Option<(String, Origin)>,
    socket: Option<(String, Origin)>,
    user: Option<(String, Origin)>,
    database: Option<(String, Origin)>,
}

/// How far TLS to the server goes, as MySQL's own clients name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TlsMode {
    Disabled,
    /// On this machine, where nobody listens in: only where an account asks for the password itself, without checking the certificate.
    OnDemand,
    /// When the server offers it, without checking its certificate.
    Preferred,
    /// Always, without checking the certificate.
    Required,
    /// Always, signed by a known authority.
    VerifyCa,
    /// Always, signed and for this host name.
    VerifyIdentity,
}

/// How to reach the database.
#[derive(Debug, Clone)]
pub(crate) struct Connection {
    pub(crate) target: String,
    /// Name of the database.
    pub(crate) database: String,
    /// TLS mode in force.
    pub(crate) tls: TlsMode,
    authority: Option<PathBuf>,
    /// The key of the server, with which the password may be sent over an open line.
    pub(crate) server_key: Option<PathBuf>,
    builder: OptsBuilder,
}

/// A path that leads nowhere: over an open line the driver would otherwise encrypt the password with whatever key it is offered.
const NO_KEY: &str = "/dev/null/aucune";
/// Names the file of the server's public key.
const SERVER_KEY: &str = "DB_SERVER_PUBLIC_KEY";

impl Connection {
    /// The driver's options, with or without TLS.
    pub(crate) fn opts(&self, tls: bool) -> Opts {
        let ssl = tls.then(|| {
            let mut ssl = SslOpts::default();
            if let Some(path) = &self.authority {
                ssl = ssl.with_root_cert_path(Some(path.clone()));
            }
            ssl.with_danger_accept_invalid_certs(matches!(
                self.tls,
                TlsMode::OnDemand | TlsMode::Preferred | TlsMode::Required
            ))
            // On this machine the password goes to whoever listens there (`db::handshake`).
            .with_danger_skip_domain_validation(!matches!(self.tls, TlsMode::OnDemand | TlsMode::VerifyIdentity))
        });
        let key = self.server_key.clone().unwrap_or_else(|| NO_KEY.into());
        Opts::from(self.builder.clone().ssl_opts(ssl).server_key_path(Some(key)))
    }

    /// The same within TLS to a server that proves who it is, by the authority that was named or by its name to a public one.
    pub(crate) fn proved(&self) -> Self {
        let tls = if self.authority.is_some() { TlsMode::VerifyCa } else { TlsMode::VerifyIdentity };
        Self { tls, ..self.clone() }
    }
}

/// The home where none is named: the nearest one upward, else the one that the package made, else `current` itself.
fn unnamed_home(current: &Path, installed: &Path) -> PathBuf {
    let nearest = nearest_home(current);
    if !is_home(&nearest) && is_home(installed) { installed.to_path_buf() } else { nearest }
}

fn environment() -> HashMap<String, String> {
    env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?))).collect()
}

fn named_home(option: Option<PathBuf>, environment: &HashMap<String, String>) -> Option<PathBuf> {
    option.or_else(|| environment.get("FLUX_HOME").filter(|v| !v.is_empty()).map(PathBuf::from))
}

/// The nearest folder upward that holds `.env` or `data/`, else `start` itself.
fn nearest_home(start: &Path) -> PathBuf {
    let Some(found) = start.ancestors().find(|dir| is_home(dir)) else { return start.to_path_buf() };
    // The older scripts kept deliveries in a folder of their own inside the home folder.
    let older = found.file_name().is_some_and(|name| name == "fluxvision_automation") && !found.join(".env").is_file();
    match found.parent().filter(|parent| older && is_home(parent)) {
        Some(parent) => parent.to_path_buf(),
        None => found.to_path_buf(),
    }
}

fn is_home(dir: &Path) -> bool {
    dir.join(".env").is_file() || dir.join("data").is_dir()
}

fn usual_socket() -> Option<String> {
    ["/run/mysqld/mysqld.sock", "/var/run/mysqld/mysqld.sock", "/var/lib/mysql/mysql.sock", "/tmp/mysql.sock"]
        .into_iter()
        .find(|path| Path::new(path).exists())
        .map(str::to_owned)
}

/// Longest password that is read from a file, in bytes; servers take far shorter ones.
const MAX_PASSWORD: u64 = 4096;

/// The first line of a file, or of a pipe that a keeper of passwords writes; a device without end is not read to its end.
fn read_password(path: &Path) -> Result<String> {
    let content = read_given(path, "lecture du mot de passe dans", MAX_PASSWORD + 1)?;
    let text = String::from_utf8(content).ok();
    let line = text.as_deref().map(|text| text.lines().next().unwrap_or_default());
    match line.filter(|line| line.len() as u64 <= MAX_PASSWORD && !line.contains('\0')) {
        Some(line) => Ok(line.to_owned()),
        None => Err(Error::Config {
            message: format!("la première ligne de {} n'est pas un mot de passe", path.display()),
            hint: "donnez à --password-file un fichier de texte dont la première ligne est le mot de passe".into(),
        }),
    }
}

/// A file that holds a public key in PEM, as servers write theirs.
fn public_key(path: PathBuf) -> Result<PathBuf> {
    let text =
        std::fs::read_to_string(&path).map_err(Error::io("lecture de la clé publique du serveur dans", &path))?;
    let inside = |begin: &str, end: &str| text.split_once(begin)?.1.split_once(end).map(|(inside, _)| inside.trim());
    let key = inside("-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----")
        .or_else(|| inside("-----BEGIN RSA PUBLIC KEY-----", "-----END RSA PUBLIC KEY-----"));
    // Keys of less than 1024 bits protect nothing.
    if key.is_some_and(|key| key.len() > 180 && !key.contains("-----")) {
        return Ok(path);
    }
    Err(Error::Config {
        message: format!("{} ({SERVER_KEY}) ne contient pas de clé publique RSA", path.display()),
        hint: "donnez le fichier public_key.pem du serveur, au format PEM".into(),
    })
}

/// `name`, `name:3307`, `[::1]:3307`, or an address of version 6 by itself.
fn host_and_port(place: &str) -> Result<(&str, Option<u16>)> {
    let number = |text: &str| text.parse().map(Some).map_err(|_| invalid("DB_HOST", place));
    if let Some(rest) = place.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or_else(|| invalid("DB_HOST", place))?;
        return Ok((host, rest.strip_prefix(':').map_or(Ok(None), number)?));
    }
    match place.split_once(':') {
        Some((host, port)) if !port.contains(':') => Ok((host, number(port)?)),
        _ => Ok((place, None)),
    }
}

fn invalid(name: &str, value: &str) -> Error {
    Error::Config {
        message: format!("{name} vaut « {value} », pas un nombre permis"),
        hint: format!("corrigez {name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(file: &[(&str, &str)], environment: &[(&str, &str)], options: ConnectionOptions) -> Settings {
        let map = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        Settings {
            home: Home::new(".".into()),
            options,
            variables: Variables { file: map(file), environment: map(environment) },
            doubts: Vec::new(),
        }
    }

    const BASE: &[(&str, &str)] = &[
        ("DB_HOST", "plain"),
        ("DB_HOST_PROD", "prod"),
        ("DB_USERNAME", "u"),
        ("DB_DATABASE", "d"),
        ("DB_PORT", "3307"),
    ];

    #[test]
    fn a_password_is_one_line_of_text_and_a_device_is_not_read_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        std::fs::write(&file, "s3 cr;et\r\nde trop\n").unwrap();
        assert_eq!(read_password(&file).unwrap(), "s3 cr;et");
        let error = read_password(Path::new("/dev/zero")).unwrap_err();
        assert!(error.to_string().contains("/dev/zero") && error.hint().is_some(), "{error}");
        std::fs::write(&file, "x".repeat(1 << 20)).unwrap();
        assert!(!read_password(&file).unwrap_err().to_string().contains("xx"));
    }

    #[test]
    fn a_mode_of_tls_that_is_none_is_told_over_a_socket_too() {
        let mode = |mode: &str| {
            let file: Vec<_> = BASE.iter().copied().chain([("DB_SSL_MODE", mode)]).collect();
            let options = ConnectionOptions { socket: Some("/run/x.sock".into()), ..ConnectionOptions::default() };
            settings(&file, &[], options).connection().map(|connection| connection.tls)
        };
        assert_eq!(mode("verify-identity").unwrap(), TlsMode::Disabled);
        let error = mode("VERIFIED").unwrap_err();
        assert!(
            error.to_string().contains("« VERIFIED »") && error.hint().is_some_and(|hint| hint.contains("VERIFY_CA"))
        );
    }

    #[test]
    fn settings_that_are_no_file_are_an_error_and_not_none() {
        let folder = tempfile::tempdir().unwrap();
        let load = || {
            let environment = HashMap::from([("DB_DATABASE".to_owned(), "autre".to_owned())]);
            Settings::at(folder.path().to_path_buf(), false, ConnectionOptions::default(), environment)
        };
        assert!(load().is_ok());
        std::os::unix::fs::symlink("/dev/zero", folder.path().join(".env")).unwrap();
        let error = load().map(drop).unwrap_err();
        assert!(error.to_string().contains(".env") && error.hint().is_some(), "{error}");
    }

    #[test]
    fn app_env_picks_the_suffix_and_the_plain_name_serves_otherwise() {
        let target = |environment: &[(&str, &str)]| {
            settings(BASE, environment, ConnectionOptions::default()).connection().unwrap().target
        };
        assert_eq!(target(&[]), "u@plain:3307/d");
        assert_eq!(target(&[("APP_ENV", "production")]), "u@prod:3307/d");
        assert_eq!(target(&[("DB_HOST", "env")]), "u@env:3307/d");
    }

    #[test]
    fn several_servers_each_with_its_port_or_the_common_one() {
        let targets = |host: &str| {
            let settings = settings(BASE, &[("DB_HOST", host)], ConnectionOptions::default());
            let connections = settings.connections(Account::Tools).unwrap();
            connections.into_iter().map(|connection| connection.target).collect::<Vec<_>>()
        };
        assert_eq!(targets("a, b:3306,,c"), ["u@a:3307/d", "u@b:3306/d", "u@c:3307/d"]);
        assert_eq!(targets("[fe80::1]:33,::1"), ["u@fe80::1:33/d", "u@::1:3307/d"]);
        let wrong = settings(BASE, &[("DB_HOST", "a:port,b")], ConnectionOptions::default());
        assert!(matches!(wrong.connections(Account::Tools), Err(Error::Config { .. })));
    }

    #[test]
    fn an_unknown_environment_is_an_error_and_no_default() {
        for wrong in ["prod", "production # la vraie", "test"] {
            let settings = settings(BASE, &[("APP_ENV", wrong)], ConnectionOptions::default());
            assert!(matches!(settings.connection(), Err(Error::Config { .. })), "{wrong}");
        }
    }

    #[test]
    fn a_host_from_the_environment_wins_over_a_socket_from_the_file() {
        let file: Vec<_> = BASE.iter().copied().chain([("DB_SOCKET", "/run/x.sock")]).collect();
        let connection = |environment: &[(&str, &str)]| {
            settings(&file, environment, ConnectionOptions::default()).connection().unwrap().target
        };
        assert_eq!(connection(&[]), "u@/run/x.sock/d");
        assert_eq!(connection(&[("DB_HOST", "other")]), "u@other:3307/d");
    }

    #[test]
    fn a_port_that_is_given_is_used_on_localhost_too() {
        let at = |port: &str| {
            let file = [("DB_HOST_LOCAL", "localhost"), ("DB_PORT_LOCAL", port), ("DB_USER", "u"), ("DB_NAME", "d")];
            settings(&file, &[], ConnectionOptions::default()).connection().map(|connection| connection.target)
        };
        assert_eq!(at("3310").unwrap(), "u@localhost:3310/d", "no socket of another server");
        assert!(matches!(at("331000"), Err(Error::Config { .. })));
    }

    #[test]
    fn the_folder_of_the_older_scripts_is_no_home_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("fluxvision_automation");
        std::fs::create_dir_all(inner.join("data/data_temp")).unwrap();
        assert_eq!(nearest_home(&inner.join("data")), inner, "nothing above it is a home");
        std::fs::write(folder.path().join(".env"), "").unwrap();
        assert_eq!(nearest_home(&inner.join("data")), folder.path());
        std::fs::write(inner.join(".env"), "").unwrap();
        assert_eq!(nearest_home(&inner), inner);
    }

    #[test]
    fn without_a_home_around_the_installed_one_serves() {
        let folder = tempfile::tempdir().unwrap();
        let (elsewhere, installed) = (folder.path().join("ailleurs"), folder.path().join("installé"));
        std::fs::create_dir_all(&elsewhere).unwrap();
        std::fs::create_dir_all(&installed).unwrap();
        assert_eq!(unnamed_home(&elsewhere, &installed), elsewhere, "an empty folder is no home");
        std::fs::create_dir_all(installed.join("data")).unwrap();
        assert_eq!(unnamed_home(&elsewhere, &installed), installed);
        std::fs::write(elsewhere.join(".env"), "").unwrap();
        assert_eq!(unnamed_home(&elsewhere, &installed), elsewhere, "a home that was gone to is the one that is meant");
    }

    #[test]
    fn the_password_is_encrypted_for_no_key_but_the_one_that_was_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("clé.pem");
        let place = file.display().to_string();
        let connection = |key: &str| settings(BASE, &[(SERVER_KEY, key)], ConnectionOptions::default()).connection();
        let key_of = |key: &str| connection(key).unwrap().opts(false).get_server_key_path().map(Path::to_owned);
        assert!(std::fs::read(key_of("").unwrap()).is_err(), "without one there is none to be read");
        let body = "M".repeat(200);
        for (text, fits) in [
            (format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n"), true),
            (format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n"), false),
            ("-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n".into(), false),
            (String::new(), false),
        ] {
            std::fs::write(&file, &text).unwrap();
            assert_eq!(connection(&place).is_ok(), fits, "{text}");
        }
        assert!(matches!(connection("/absent.pem"), Err(Error::Io { .. })));
    }

    #[test]
    fn no_password_stands_in_messages() {
        let file: Vec<_> = BASE.iter().copied().chain([("DB_PASSWORD", "s3cret")]).collect();
        let settings = settings(&file, &[], ConnectionOptions::default());
        assert!(!settings.connection().unwrap().target.contains("s3cret"));
    }
}
