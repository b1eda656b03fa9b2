//! What every tool's `main` calls: arguments, logging, signals, the run, its report as text or JSON, the exit code.
//!
//! A tool is a struct of clap arguments that becomes a task of the core; nothing of clap goes further.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod colour;
pub mod examples;
mod logging;
mod output;
mod schema;
mod tool;
mod usage;
mod values;

use std::cell::OnceCell;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::{Args, CommandFactory, FromArgMatches, Parser};

use flux_core::domain::catalogue::Space;
use flux_core::error::{Error, Result};
use flux_core::load::{LoadMethod, MaxRejects, OnConflict};
use flux_core::progress::Progress;
use flux_core::settings::{ConnectionOptions, Settings};
use flux_core::signals;
use flux_core::task::{Context, Task};

use colour::Colour;

pub use output::{complain, document, print};
pub use schema::{any_of, of_content as schema_of};
pub use tool::{Call, Category, Former, Tool};
pub use usage::{explain, paragraphs};
pub use values::{
    choice, family, parse_age, parse_lifetime, parse_percent, parse_size, parse_size_gio, parse_size_mio, weekly_file,
    word,
};

/// How to reach the database. Flattened into every tool.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Connexion (avant tout autre réglage)")]
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
    /// Dossier de travail (sinon FLUX_HOME, sinon le plus proche qui contient .env ou data/, sinon /var/lib/fluxvision)
    #[arg(long, value_name = "DOSSIER")]
    home: Option<PathBuf>,
    /// Un document JSON sur la sortie standard au lieu du texte
    #[arg(long)]
    json: bool,
    /// Silencieux sauf si quelque chose ne va pas
    #[arg(short, long, conflicts_with = "verbose")]
    quiet: bool,
    /// Couleurs : sur un terminal seulement (auto, sauf NO_COLOR), toujours, jamais
    #[arg(long, value_name = "QUAND", value_enum, default_value_t)]
    color: Colour,
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

/// For tools that destroy: they show their plan, and act only when told so. Flattened into their arguments.
#[derive(Debug, Clone, Copy, Args)]
pub struct DestroyerArgs {
    /// Agit ; sinon l'outil montre seulement son plan et n'écrit rien
    #[arg(long)]
    yes: bool,
    /// Montre seulement le plan, même avec --yes
    #[arg(long)]
    dry_run: bool,
}

impl DestroyerArgs {
    /// Whether only the plan is wanted.
    pub fn dry_run(self) -> bool {
        self.dry_run || !self.yes
    }
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
        if self.test { Space::Test } else { Space::Production }
    }
}

/// For tools that load CSV files. Flattened into their arguments.
#[derive(Debug, Clone, Copy, Args)]
pub struct LoadArgs {
    /// Volume retenu quand deux lignes de même clé se contredisent
    #[arg(long, value_name = "RÈGLE", default_value = "first", value_parser = choice::<OnConflict>(["first", "last", "sum", "reject"]))]
    pub on_conflict: OnConflict,
    /// Au-delà de ce nombre ou de cette part de rejets, le fichier n'est pas chargé
    #[arg(long, value_name = "N|N%", value_parser = str::parse::<MaxRejects>)]
    pub max_rejects: Option<MaxRejects>,
    /// Chargement par LOAD DATA LOCAL (infile) ou INSERT (insert)
    #[arg(long, value_name = "MÉTHODE", default_value = "auto", value_parser = choice::<LoadMethod>(["auto", "infile", "insert"]))]
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

/// The clap command of a tool, in French.
pub(crate) fn command<A: Args>(tool: &Tool) -> clap::Command {
    let details = format!("{}{}", paragraphs(tool.details).join("\n"), examples::text(tool.name));
    usage::localise(Cli::<A>::command().name(tool.name).about(tool.about).after_long_help(details))
}

/// The `main` of a program that holds one tool.
pub fn main(tool: &Tool) -> ExitCode {
    (tool.run)(tool, Call::Run(std::env::args_os().collect()))
}

/// Runs a tool from its command line to its exit code, usage lines showing the first argument as its name; or tells the schema of its
/// document.
pub(crate) fn run<A, T>(tool: &Tool, call: Call<'_>) -> ExitCode
where
    A: Args + TryInto<T, Error: Into<Error>>,
    T: Task,
{
    let arguments = match call {
        Call::Run(arguments) => arguments,
        Call::Schema(schema) => {
            *schema = schema::of::<T>(tool);
            return ExitCode::SUCCESS;
        }
    };
    let started = Instant::now();
    let json = arguments.iter().any(|argument| argument == "--json");
    let parsed =
        (tool.command)(tool).try_get_matches_from(&arguments).and_then(|matches| Cli::<A>::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => return ExitCode::from(usage::finish(tool, &error, json, started)),
    };
    let output = cli.output.clone();
    let progress = Progress::new(std::io::stderr().is_terminal() && !output.quiet);
    let context = OnceCell::new();
    let result = prepare(tool, cli.output, cli.connection, &progress).and_then(|settings| {
        log::info!("début : {}", arguments.iter().skip(1).map(|a| a.to_string_lossy()).collect::<Vec<_>>().join(" "));
        let context = context.get_or_init(|| Context::new(tool.name, settings, progress.clone()));
        let task: T = cli.tool.try_into().map_err(Into::into)?;
        task.run(context)
    });
    progress.clear();
    let code = output::finish(tool, &output, result, started.elapsed().as_secs_f64());
    let place = context.get().and_then(Context::place).map(|place| format!("{place}, ")).unwrap_or_default();
    log::info!("fin : {} (code {code}), {place}{:.1} s", ending(code), started.elapsed().as_secs_f64());
    log::logger().flush();
    ExitCode::from(code)
}

/// What an exit code means, in a word.
fn ending(code: u8) -> &'static str {
    match code {
        0 => "✓ fait",
        3 => "⚠ à regarder",
        4 => "✗ une autre exécution est en cours",
        _ => "✗ échec",
    }
}

fn prepare(tool: &Tool, output: OutputArgs, connection: ConnectionArgs, progress: &Progress) -> Result<Settings> {
    let options = ConnectionOptions {
        host: connection.host,
        port: connection.port,
        socket: connection.socket,
        user: connection.user,
        database: connection.database,
        password_file: connection.password_file,
        env_file: connection.env_file,
    };
    let settings = Settings::load(output.home, options, tool.new_home);
    let logs = settings.as_ref().ok().and_then(|settings| settings.home.journals());
    let log = tool.log.unwrap_or(tool.name);
    logging::install(tool.name, log, logs.as_deref(), output.quiet, output.verbose, progress);
    if let Err(error) = signals::install() {
        log::warn!("signaux non interceptés : {error}");
    }
    let settings = settings?;
    // Those that look at the settings tell it in their report.
    if !["flux", "flux-doctor", "flux-init", "simple-test", "security-cleanup-check"].contains(&tool.name) {
        for doubt in &settings.doubts {
            log::warn!("{}, {}", doubt.place, doubt.message);
        }
    }
    flux_core::dims::use_own_reference(&settings)?;
    Ok(settings)
}
