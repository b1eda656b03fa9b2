//! `explain-volume`: where a figure comes from.

use std::path::PathBuf;
use std::process::ExitCode;

use chrono::NaiveDate;
use clap::builder::PossibleValuesParser;
use flux_cli::Tool;
use flux_core::domain::catalogue::Dim;
use flux_core::error::{Error, Result};
use flux_core::explain::{Asked, Which};
use flux_core::figures::indicators::DEFINITIONS;
use flux_core::figures::period::Asked as Period;
use flux_core::figures::scope::Question;

pub(crate) const TOOL: Tool = Tool {
    name: "explain-volume",
    about: "D'où vient ce chiffre ? Les lignes, les livraisons et les chargements derrière une valeur",
    details: "\
Façons de demander :
  explain-volume --table fact_nuitees --date 2025-08-15 --zone \"Haute Vallée\" --categorie Touriste --provenance NonLocal
  explain-volume --table fact_nuitees_departements --date 2025-08-15 --zone \"Haute Vallée\" --categorie Touriste \\
                 --provenance NonLocal --departement Rhône
  explain-volume --csv-line data/data_temp/frequentation_nuitee.csv:1234
  explain-volume --indicateur nuitees_total --annee 2025 --periode ete --zone \"Haute Vallée\"
  explain-volume --indicateur pic_excursionnistes --debut 2025-07-14 --fin 2025-08-15 --zone \"Haute Vallée\" --limit 3
  explain-volume --table fact_nuitees_departements --annee 2025 --periode ete --zone \"Haute Vallée\" --categorie Touriste \\
                 --provenance NonLocal --departement Rhône
  explain-volume --table fact_nuitees_departements --annee 2025 --periode ete --zone \"Haute Vallée\" --categorie Touriste \\
                 --provenance NonLocal --region Bretagne
Lit : la clé dans les tables principale et temporaire, l'historique des imports, et chaque fichier de la même sorte sous
data/data_temp/, data/data_extracted/ et data/archive/ (compressés compris), avec les noms tels qu'ils se résolvent
aujourd'hui. N'écrit rien. Montre les lignes en base, les livraisons qui parlent de la clé, de la plus ancienne à la
plus récente (fichier, numéro de ligne, ligne brute, volume, quand et par quel outil elle a été chargée), les lignes
rejetées qui pouvaient être celle-ci, les lignes contradictoires, ce que les migrations ont fait de la ligne (ce
qu'elle valait avant, quelle exécution l'a changée ou retirée), et le verdict : la valeur en base est celle de telle
livraison, une livraison plus récente dit autre chose, ou rien ne l'explique (✗).
Avec --indicateur : le chiffre du portail, calculé comme lui, et ses --limit plus grandes lignes expliquées chacune.
Avec --table et une période au lieu d'une date : la somme des lignes qui portent les noms donnés ; une dimension sans
nom compte en entier, --provenance peut être répété, --region additionne ses départements. Les noms équivalents d'une
zone sont additionnés.
Une archive dont l'historique montre qu'elle ne contient pas la date n'est pas lue.
Coût : une lecture de chaque fichier, quel que soit le nombre de lignes expliquées, mémoire constante.
Codes de sortie : 0 expliqué, 1 échec, 2 mauvais usage (clé incomplète, ligne absente), 3 à regarder : rien ne l'explique,
une livraison plus récente dit autre chose, une ligne rejetée, un fichier illisible.",
    ..Tool::of::<Args, Asked>()
};

#[derive(Debug, clap::Args)]
struct Args {
    /// Table, famille ou fichier hebdomadaire : fact_nuitees, Nuitee, frequentation_nuitee
    #[arg(long, value_name = "TABLE", required_unless_present_any = ["csv_line", "indicateur"])]
    table: Option<String>,
    /// Date
    #[arg(long, value_name = "AAAA-MM-JJ", required_unless_present_any = ["csv_line", "annee", "debut"])]
    date: Option<NaiveDate>,
    /// Indicateur du portail, au lieu d'une table
    #[arg(long, value_name = "ID", value_parser = PossibleValuesParser::new(indicators()), hide_possible_values = true,
        requires = "zone", conflicts_with_all = [
        "table", "date", "provenance", "categorie", "departement", "region", "pays", "duree", "commune", "epci"])]
    indicateur: Option<String>,
    /// Année de la période
    #[arg(long, value_name = "AAAA", requires = "periode", conflicts_with_all = ["date", "debut"])]
    annee: Option<i32>,
    /// Période : un code ou un nom de dim_periodes, annee_complete, une saison
    #[arg(long, value_name = "CODE", requires = "annee")]
    periode: Option<String>,
    /// Premier jour d'un intervalle libre
    #[arg(long, value_name = "AAAA-MM-JJ", requires = "fin", conflicts_with = "date")]
    debut: Option<NaiveDate>,
    /// Son dernier jour
    #[arg(long, value_name = "AAAA-MM-JJ", requires = "debut")]
    fin: Option<NaiveDate>,
    /// Lignes expliquées d'un chiffre, les plus grandes d'abord
    #[arg(long, value_name = "N", default_value = "10", value_parser = clap::value_parser!(u32).range(0..=100))]
    limit: u32,
    /// Zone d'observation
    #[arg(long, value_name = "NOM")]
    zone: Option<String>,
    /// Provenance ; plusieurs pour la somme d'une période
    #[arg(long, value_name = "NOM,…", value_delimiter = ',')]
    provenance: Vec<String>,
    /// Catégorie de visiteurs
    #[arg(long, value_name = "NOM")]
    categorie: Option<String>,
    /// Département de résidence
    #[arg(long, value_name = "NOM")]
    departement: Option<String>,
    /// Région d'aujourd'hui : la somme de ses départements, d'une date ou d'une période
    #[arg(long, value_name = "NOM", conflicts_with = "departement")]
    region: Option<String>,
    /// Pays de résidence
    #[arg(long, value_name = "NOM")]
    pays: Option<String>,
    /// Durée du séjour : 3 nuits
    #[arg(long, value_name = "DURÉE")]
    duree: Option<String>,
    /// Commune visitée : son nom, ou son code INSEE s'il en est plusieurs de ce nom
    #[arg(long, value_name = "NOM")]
    commune: Option<String>,
    /// EPCI de la commune (sinon tous)
    #[arg(long, value_name = "NOM")]
    epci: Option<String>,
    /// Dans l'autre sens : d'une ligne d'un CSV à sa ligne en base
    #[arg(long, value_name = "FICHIER:N", conflicts_with_all = [
        "table", "date", "indicateur", "annee", "debut", "zone", "provenance", "categorie", "departement", "region", "pays", "duree",
        "commune", "epci"])]
    csv_line: Option<String>,
}

fn main() -> ExitCode {
    flux_cli::main(&TOOL)
}

impl TryFrom<Args> for Asked {
    type Error = Error;

    fn try_from(args: Args) -> Result<Self> {
        if let Some(text) = args.csv_line {
            let parts = text.rsplit_once(':').and_then(|(file, line)| Some((file, line.parse::<u64>().ok()?)));
            let Some((file, line)) = parts.filter(|(file, line)| !file.is_empty() && *line > 0) else {
                return Err(Error::Usage(format!(
                    "--csv-line « {text} » : attendu FICHIER:N, N étant le numéro de la ligne"
                )));
            };
            return Ok(Asked::Line { file: PathBuf::from(file), line });
        }
        let missing = |option: &str| Error::Usage(format!("il manque {option}"));
        let period = match (args.annee.zip(args.periode), args.debut.zip(args.fin)) {
            (Some((year, name)), _) => Some(Period::Named { name, year }),
            (None, Some((debut, fin))) => Some(Period::Days(debut, fin)),
            // The départements of a region are several rows, of one day as of many.
            (None, None) => args.date.filter(|_| args.region.is_some()).map(|date| Period::Days(date, date)),
        };
        let names = [
            (Dim::Categorie, args.categorie),
            (Dim::Departement, args.departement),
            (Dim::Pays, args.pays),
            (Dim::Duree, args.duree),
            (Dim::Commune, args.commune),
            (Dim::Epci, args.epci),
        ];
        let names = names.into_iter().filter_map(|(dim, name)| Some((dim, name?)));
        let mut names: Vec<(Dim, String)> =
            args.provenance.into_iter().map(|name| (Dim::Provenance, name)).chain(names).collect();
        let Some(period) = period else {
            names.extend(args.zone.map(|zone| (Dim::Zone, zone)));
            return Ok(Asked::Figure {
                table: args.table.ok_or_else(|| missing("--table"))?,
                date: args.date.ok_or_else(|| missing("--date, ou une période"))?,
                names,
            });
        };
        let which = match args.indicateur {
            Some(id) => Which::Indicator(id),
            None => Which::Table { table: args.table.ok_or_else(|| missing("--table"))?, names, region: args.region },
        };
        let zone = args.zone.ok_or_else(|| missing("--zone"))?;
        Ok(Asked::Sum { which, question: Question { period, compare: None, zone }, limit: args.limit })
    }
}

/// Ids of the indicators.
fn indicators() -> Vec<&'static str> {
    DEFINITIONS.iter().map(|definition| definition.id).collect()
}
