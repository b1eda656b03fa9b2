//! `update-temp-tables`: the ten CSV files of the weekly delivery into their temporary tables.

use std::path::PathBuf;
use std::process::ExitCode;

use flux_cli::{Context, LoadArgs, SpaceArgs, Tool, WriterArgs};
use flux_core::domain::catalogue::{self, DIMS, Dim};
use flux_core::error::{Error, Result};
use flux_core::load::{self, ImportOptions, ImportReport};

pub(crate) const TOOL: Tool = Tool {
    name: "update-temp-tables",
    about: "Importe les dix CSV hebdomadaires Flux Vision dans les tables temporaires",
    details: "\
Lit : les dix CSV sous data/data_temp/ (sous-dossiers compris, sans égard à la casse des noms) et les
dimensions. Écrit : les tables temporaires, dim_dates, l'historique des imports, et pour les lignes
refusées logs/rejets/<fichier>_<date>.csv.
Remplace, fichier par fichier, les dates que le fichier contient ; les autres dates restent.
Chaque fichier est chargé en entier ou pas du tout, dans une transaction. Chaque ligne est comptée :
lues = enregistrées + doublons + conflits + rejets + filtrées.
Un fichier déjà chargé et inchangé n'est pas rechargé. Mémoire : moins de 64 Mio quelle que soit la
taille des fichiers. Peut être relancé à volonté, y compris après un arrêt brutal.
Codes de sortie : 0 fait, 1 au moins un fichier a échoué (les autres sont chargés), 3 fait mais à
regarder (rejets, conflits, fichiers absents, dates réduites), 4 une autre exécution est en cours.",
    command: flux_cli::command::<Args>,
    run: |tool, arguments| flux_cli::run(tool, arguments, run),
    ..Tool::DEFAULT
};

#[derive(Debug, clap::Args)]
struct Args {
    /// Ne garde que les lignes de cette année
    #[arg(long, value_name = "ANNÉE", value_parser = clap::value_parser!(i32).range(2000..=2100))]
    year: Option<i32>,
    /// Écarte les fichiers plus grands (100M si aucune taille n'est donnée)
    #[arg(long, value_name = "TAILLE", num_args = 0..=1, default_missing_value = "100M", value_parser = parse_size)]
    skip_large: Option<u64>,
    /// Seulement ces fichiers : frequentation_nuitee,duree_sejour_fr,…
    #[arg(long, value_name = "NOM,…", value_delimiter = ',', value_parser = parse_file)]
    only: Vec<String>,
    /// Charge aussi les fichiers inchangés et remplace les dates réduites
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    load: LoadArgs,
    /// Ajoute les noms inconnus à leur dimension (toutes si rien n'est précisé) : zones,pays,…
    #[arg(long, value_name = "DIMENSION,…", num_args = 0..=1, default_missing_value = "toutes", value_delimiter = ',')]
    create_missing: Vec<String>,
    /// Une date qui perdrait une plus grande part de ses lignes n'est pas remplacée
    #[arg(long, value_name = "N%", default_value = "50%", value_parser = parse_percent)]
    max_shrink: f64,
    /// Fichiers chargés en même temps (par défaut, un par processeur, au plus quatre)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=32))]
    jobs: Option<u16>,
    /// Lignes par INSERT
    #[arg(long, value_name = "N", default_value = "2000", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    batch_size: u32,
    /// Dossier des CSV, au lieu de data/data_temp/
    #[arg(long, value_name = "DOSSIER")]
    data_dir: Option<PathBuf>,
    #[command(flatten)]
    space: SpaceArgs,
    #[command(flatten)]
    writer: WriterArgs,
}

fn main() -> ExitCode {
    flux_cli::main(&TOOL)
}

fn run(args: Args, context: &Context) -> Result<ImportReport> {
    let create_missing = args.create_missing.iter().map(|name| dims_named(name)).collect::<Result<Vec<_>>>()?;
    let options = ImportOptions {
        data_dir: args.data_dir,
        year: args.year,
        skip_large: args.skip_large,
        only: args.only,
        force: args.force,
        on_conflict: args.load.on_conflict,
        create_missing: create_missing.into_iter().flatten().collect(),
        max_rejects: args.load.max_rejects,
        max_shrink: args.max_shrink,
        jobs: args.jobs.map_or_else(load::default_jobs, usize::from),
        load_method: args.load.load_method,
        batch_size: args.batch_size as usize,
        space: args.space.space(),
        dry_run: args.writer.dry_run,
    };
    load::run(context.tool, &context.settings, &context.database()?, &options, &context.progress)
}

/// `100`, `50k`, `100M`, `2G`, with or without `iB`; multiples of 1024.
fn parse_size(text: &str) -> Result<u64, String> {
    let text = text.trim().to_lowercase();
    let digits = text.trim_end_matches(|c: char| c.is_alphabetic()).trim_end();
    let factor = match text[digits.len()..].trim().trim_end_matches("ib").trim_end_matches(['b', 'o']) {
        "" => 1,
        "k" => 1 << 10,
        "m" => 1 << 20,
        "g" => 1 << 30,
        _ => return Err("attendu : un nombre, suivi ou non de K, M ou G".into()),
    };
    let number: u64 = digits.parse().map_err(|_| "attendu : un nombre, suivi ou non de K, M ou G".to_owned())?;
    number.checked_mul(factor).ok_or_else(|| "trop grand".to_owned())
}

fn parse_percent(text: &str) -> Result<f64, String> {
    let number = text.trim().trim_end_matches('%').trim_end().replace(',', ".").parse().unwrap_or(-1.0);
    if (0.0..=100.0).contains(&number) { Ok(number) } else { Err("attendu : un pourcentage de 0 à 100".into()) }
}

/// A file of the delivery by its name, with or without `.csv`, or by its table.
fn parse_file(text: &str) -> Result<String, String> {
    let name = text.trim().to_lowercase();
    let name = name.strip_suffix(".csv").unwrap_or(&name);
    let table = name.strip_suffix("_temp").unwrap_or(name);
    catalogue::weekly()
        .find(|dataset| dataset.short_name() == name || dataset.main == table)
        .map(|dataset| dataset.short_name().to_owned())
        .ok_or_else(|| {
            let names: Vec<&str> = catalogue::weekly().map(|dataset| dataset.short_name()).collect();
            format!("fichiers possibles : {}", names.join(", "))
        })
}

fn dims_named(name: &str) -> Result<Vec<Dim>> {
    // EPCIs follow from the communes: no weekly file names one.
    let dims = DIMS.iter().filter(|spec| spec.dim != Dim::Epci);
    if name == "toutes" {
        return Ok(dims.map(|spec| spec.dim).collect());
    }
    match dims.clone().find(|spec| spec.plural == name.trim().to_lowercase()) {
        Some(spec) => Ok(vec![spec.dim]),
        None => {
            let names: Vec<&str> = dims.map(|spec| spec.plural).collect();
            Err(Error::Usage(format!("--create-missing : « {name} » n'est pas une dimension ({})", names.join(", "))))
        }
    }
}
