//! What every tool's `main` calls: arguments, logging, signals, the run, its report as text or JSON, the exit code.
//!
//! A tool is a struct of clap arguments and a function from it to a report; nothing of clap goes further than that function.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod describe;
mod logging;
mod usage;

use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::{Args, CommandFactory, FromArgMatches, Parser};
use serde_json::{Map, Value, json};

use flux_core::db::Database;
use flux_core::domain::catalogue::Space;
use flux_core::error::{Error, Result};
use flux_core::load::{LoadMethod, MaxRejects, OnConflict};
use flux_core::progress::Progress;
use flux_core::report::{Code, Page, Report, Verdict};
use flux_core::settings::{ConnectionOptions, Settings};
use flux_core::signals;

/// Hidden option of every tool: its name, help and options as JSON, from which `flux` makes man pages, completions and the docs.
pub const DESCRIBE: &str = "--describe";

/// What a tool is called and what its help says.
#[derive(Debug, Clone, Copy)]
pub struct Tool {
    /// Name of the binary.
    pub name: &'static str,
    /// One line.
    pub about: &'static str,
    /// The specification: what is read, what is written, memory and time cost, whether a rerun is safe.
    pub details: &'static str,
}

/// How to reach the database. Flattened into every tool.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Connexion (avant l'environnement et .env)")]
struct ConnectionArgs {
    /// Serveur
    #[arg(long, value_name = "HÔTE")]
    host: Option<String>,
    /// Port TCP
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// Socket Unix
    #[arg(long, value_name = "CHEMIN")]
    socket: Option<PathBuf>,
    /// Utilisateur
    #[arg(long, value_name = "NOM")]
    user: Option<String>,
    /// Base de données
    #[arg(long, value_name = "NOM")]
    database: Option<String>,
    /// Fichier dont la première ligne est le mot de passe
    #[arg(long, value_name = "FICHIER")]
    password_file: Option<PathBuf>,
    /// Fichier .env à lire au lieu de celui du dossier de travail
    #[arg(long, value_name = "FICHIER")]
    env_file: Option<PathBuf>,
}

/// Where to work and what to print. Flattened into every tool.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Commun à tous les outils")]
struct OutputArgs {
    /// Dossier de travail (sinon FLUX_HOME, sinon le plus proche qui contient .env ou data/)
    #[arg(long, value_name = "DOSSIER")]
    home: Option<PathBuf>,
    /// Un document JSON sur la sortie standard au lieu du texte
    #[arg(long)]
    json: bool,
    /// Silencieux sauf si quelque chose ne va pas
    #[arg(short, long, conflicts_with = "verbose")]
    quiet: bool,
    /// Plus de messages (deux fois : tous)
    #[arg(short, long, action = clap::ArgAction::Count)]
    verbose: u8,
}

/// For tools that write. Flattened into their arguments.
#[derive(Debug, Clone, Copy, Args)]
pub struct WriterArgs {
    /// Lit et contrôle tout, n'écrit rien, dit ce qui serait fait
    #[arg(long)]
    pub dry_run: bool,
}

/// For tools that can work on the test tables. Flattened into their arguments.
#[derive(Debug, Clone, Copy, Args)]
pub struct SpaceArgs {
    /// Travaille sur les tables `_test`
    #[arg(long)]
    pub test: bool,
}

impl SpaceArgs {
    /// The set of tables to work on.
    pub fn space(self) -> Space {
        Space::from_flag(self.test)
    }
}

/// For tools that load CSV files. Flattened into their arguments.
#[derive(Debug, Clone, Copy, Args)]
pub struct LoadArgs {
    /// Volume retenu quand deux lignes de même clé se contredisent : first, last, sum, reject
    #[arg(long, value_name = "RÈGLE", default_value = "first", value_parser = str::parse::<OnConflict>)]
    pub on_conflict: OnConflict,
    /// Au-delà de ce nombre ou de cette part de rejets, le fichier n'est pas chargé
    #[arg(long, value_name = "N|N%", value_parser = str::parse::<MaxRejects>)]
    pub max_rejects: Option<MaxRejects>,
    /// Chargement par LOAD DATA LOCAL (infile) ou INSERT (insert)
    #[arg(long, value_name = "MÉTHODE", default_value = "auto", value_parser = str::parse::<LoadMethod>)]
    pub load_method: LoadMethod,
}

#[derive(Debug, Parser)]
#[command(version, disable_help_subcommand = true)]
struct Cli<A: Args> {
    #[command(flatten)]
    tool: A,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// What a tool's function gets beside its own arguments.
#[derive(Debug)]
pub struct Context {
    /// Name of the tool.
    pub tool: &'static str,
    /// Home folder, environment, `.env`.
    pub settings: Settings,
    /// Progress bars, hidden unless stderr is a terminal.
    pub progress: Progress,
}

impl Context {
    /// Connects to the database.
    ///
    /// # Errors
    /// [`Error::Config`], [`Error::Connect`].
    pub fn database(&self) -> Result<Database> {
        Database::connect(&self.settings, self.tool)
    }

    /// The database for tools that can do without: when it is not reachable, the reason why.
    pub fn optional_database(&self, unwanted: bool) -> Result<Database, String> {
        if unwanted {
            return Err("base non consultée (--no-db)".into());
        }
        self.database().map_err(|error| {
            log::info!("{error}");
            format!("base non consultée : {error}")
        })
    }
}

/// The clap command of a tool, in French; also what man pages and completions are made from.
pub fn command<A: Args>(tool: Tool) -> clap::Command {
    usage::localise(Cli::<A>::command().name(tool.name).about(tool.about).after_long_help(tool.details))
}

/// Runs a tool from its process's arguments to its exit code.
pub fn main<A, R>(tool: Tool, run: fn(A, &Context) -> Result<R>) -> ExitCode
where
    A: Args,
    R: Report,
{
    main_from(tool, std::env::args_os().collect(), run)
}

/// [`main`] on other arguments; the first is the name that usage lines show.
pub fn main_from<A, R>(tool: Tool, arguments: Vec<OsString>, run: fn(A, &Context) -> Result<R>) -> ExitCode
where
    A: Args,
    R: Report,
{
    let started = Instant::now();
    if arguments.len() == 2 && arguments[1] == DESCRIBE {
        print(&describe::document(tool, &command::<A>(tool)));
        return ExitCode::SUCCESS;
    }
    let json = arguments.iter().any(|argument| argument == "--json");
    let parsed =
        command::<A>(tool).try_get_matches_from(&arguments).and_then(|matches| Cli::<A>::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => return usage::finish(tool, error, json, started),
    };
    let output = cli.output.clone();
    let progress = Progress::new(std::io::stderr().is_terminal() && !output.quiet);
    let result = prepare(tool, cli.output, cli.connection, &progress).and_then(|settings| {
        log::info!("début : {}", arguments.iter().skip(1).map(|a| a.to_string_lossy()).collect::<Vec<_>>().join(" "));
        run(cli.tool, &Context { tool: tool.name, settings, progress: progress.clone() })
    });
    progress.clear();
    let code = finish(tool, &output, result, started);
    log::info!("fin : code {code}, {:.1} s", started.elapsed().as_secs_f64());
    log::logger().flush();
    ExitCode::from(code)
}

/// Name of the log file: the tool's own, but for the ETL, whose log operators know under its earlier name.
fn log_name(tool: &'static str) -> &'static str {
    match tool {
        "populate-facts-full-production" | "populate-facts-optimized" => "etl_fluxvision_production",
        name => name,
    }
}

fn prepare(tool: Tool, output: OutputArgs, connection: ConnectionArgs, progress: &Progress) -> Result<Settings> {
    let options = ConnectionOptions {
        host: connection.host,
        port: connection.port,
        socket: connection.socket,
        user: connection.user,
        database: connection.database,
        password_file: connection.password_file,
        env_file: connection.env_file,
    };
    let settings = Settings::load(output.home, options);
    let logs = settings.as_ref().ok().map(|settings| settings.home.logs());
    logging::install(tool.name, log_name(tool.name), logs.as_deref(), output.quiet, output.verbose, progress);
    if let Err(error) = signals::install() {
        log::warn!("signaux non interceptés : {error}");
    }
    settings
}

fn finish<R: Report>(tool: Tool, output: &OutputArgs, result: Result<R>, started: Instant) -> u8 {
    let seconds = started.elapsed().as_secs_f64();
    match result {
        Ok(report) => {
            let verdict = report.verdict();
            if output.json {
                let document =
                    serde_json::to_value(&report).unwrap_or_else(|error| json!({"serialisation": error.to_string()}));
                print(&envelope(tool.name, verdict, verdict.code(), seconds, document));
            } else if !output.quiet || verdict != Verdict::Ok {
                let mut page = Page::for_stdout();
                report.render(&mut page);
                print(page.text());
            }
            verdict.code()
        }
        Err(error) => {
            let code = error.code();
            fail(tool.name, &error);
            if output.json {
                let document = json!({"error": error_document(&error)});
                print(&envelope(tool.name, Verdict::Error, code, seconds, document));
            }
            code
        }
    }
}

/// The error with its next step, for a report in JSON.
pub fn error_document(error: &Error) -> Value {
    json!({"code": Code::of(error), "message": error.to_string(), "hint": error.hint()})
}

fn fail(tool: &str, error: &Error) {
    log::debug!("{error:?}");
    logging::to_file_only(log::Level::Error, &error.to_string());
    let mut stderr = std::io::stderr().lock();
    let _ = writeln!(stderr, "{tool} : {error}");
    if let Some(hint) = error.hint() {
        let _ = writeln!(stderr, "  → {hint}");
    }
}

/// The fields of every JSON document around the tool's own.
fn envelope(tool: &str, verdict: Verdict, code: u8, seconds: f64, document: Value) -> String {
    let mut fields = Map::new();
    fields.insert("tool".into(), tool.into());
    fields.insert("status".into(), verdict.name().into());
    fields.insert("exit_code".into(), code.into());
    fields.insert("duration_s".into(), ((seconds * 1000.0).round() / 1000.0).into());
    match document {
        Value::Object(own) => fields.extend(own),
        other => {
            fields.insert("result".into(), other);
        }
    }
    let mut text = serde_json::to_string_pretty(&Value::Object(fields)).unwrap_or_default();
    text.push('\n');
    text
}

/// A reader that went away (`| head`) is no reason to fail.
fn print(text: &str) {
    let mut stdout = std::io::stdout().lock();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}
