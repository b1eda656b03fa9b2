//! `download-deliveries`: what Orange offers on its portal, listed and fetched into `ftp_downloads/`. Needs no database.

use std::process::ExitCode;
use std::time::Duration;

use flux_cli::{Tool, WriterArgs};
use flux_client::orange::Orange;
use flux_core::download::DownloadOptions;
use flux_core::error::Result;
use flux_core::task::{Context, Task};
use flux_report::Report;

pub(crate) const TOOL: Tool = Tool {
    name: "download-deliveries",
    about: "Télécharge les livraisons du portail d'Orange dans ftp_downloads/",
    details: "\
Lit : la liste de <FLUX_VISION_URL>/<FLUX_VISION_ORGA>/, puis chaque fichier nouveau. Écrit : ftp_downloads/<fichier>,
et ftp_downloads/.telechargements.json, la mémoire de ce qui est arrivé (taille, date, empreinte). Réglages :
FLUX_VISION_ORGA, FLUX_VISION_USER, FLUX_VISION_PASSWORD (ou --password-file, ici le mot de passe d'Orange),
FLUX_VISION_URL (sinon https://download.flux-vision.orange-business.com/api_file/v1), FLUX_VISION_CA.
L'identifiant et le mot de passe ne partent que vers le serveur de FLUX_VISION_URL, en https (sauf sur cette machine) :
une redirection vers un autre serveur est suivie sans eux.
Un fichier est reçu à part, contrôlé (longueur, répertoire de l'archive) puis mis à sa place. Un téléchargement coupé
reprend où il s'est arrêté, dans la même exécution ou à la suivante, si le serveur le permet et si le fichier n'a pas
changé ; une archive reçue en plusieurs fois est relue en entier. Un serveur qui n'envoie presque plus rien (moins de
64 octets par seconde pendant cinq fois --timeout) est tenu pour coupé. Ce qui est déjà là n'est pas rechargé, ni ce que
`extract-only` a décompressé et que l'on a enlevé (--force recharge). Un fichier changé chez Orange arrive à côté de
l'ancien, et c'est dit. Rien n'est jamais écrasé. Les images, cartes et PDF sont laissés, sauf --all-kinds.
Un mandataire HTTP est pris dans l'environnement (HTTPS_PROXY, sinon ALL_PROXY ; NO_PROXY : les exceptions), jamais vers cette
machine. Un mandataire SOCKS ne peut être emprunté : il est refusé.
Mémoire constante. Ne se connecte à aucune base. Ensuite : `extract-only`.
Codes de sortie : 0 tout ce qui était à prendre est là (ou liste, essai à blanc), 1 échec (liste, identifiants, disque),
2 mauvais usage, 3 quelque chose n'est pas arrivé en entier ou a changé chez Orange, la liste est vide ou n'a rien de
l'étude demandée, 4 un autre téléchargement est en cours.",
    ..Tool::of::<Args, Args>()
};

#[derive(Debug, clap::Args)]
struct Args {
    /// Montre ce qui est proposé, ne télécharge rien
    #[arg(long, conflicts_with_all = ["dry_run", "force"])]
    list: bool,
    /// Une étude : son code, ou une partie de son nom
    #[arg(long, value_name = "ÉTUDE", value_parser = named)]
    study: Option<String>,
    /// Une année : celle du nom de la livraison, sinon de la date du fichier
    #[arg(long, value_name = "ANNÉE", value_parser = clap::value_parser!(i32).range(2000..=2100))]
    year: Option<i32>,
    /// Les N livraisons les plus récentes
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    latest: Option<u32>,
    /// Fichiers à prendre, par leur nom ou des motifs (*.zip), séparés par des virgules
    #[arg(long, value_name = "MOTIF", value_delimiter = ',', value_parser = named)]
    only: Vec<String>,
    /// Aussi les images, cartes et documents
    #[arg(long)]
    all_kinds: bool,
    /// Recharge aussi ce qui est déjà là (à côté, s'il a changé)
    #[arg(long)]
    force: bool,
    /// Silence du serveur au-delà duquel la connexion est refaite, en secondes
    #[arg(long, value_name = "S", default_value = "60", value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
    #[command(flatten)]
    writer: WriterArgs,
}

/// A name with a letter or a digit in it, or a pattern: of nothing at all, every file would be one.
fn named(text: &str) -> std::result::Result<String, String> {
    let says = |c: char| c.is_alphanumeric() || c == '*' || c == '?';
    if text.contains(says) { Ok(text.to_owned()) } else { Err("un nom est attendu".into()) }
}

fn main() -> ExitCode {
    flux_cli::main(&TOOL)
}

impl Task for Args {
    fn run(self, context: &Context) -> Result<impl Report> {
        let options = DownloadOptions {
            remote: Box::new(Orange::new(&context.settings, Duration::from_secs(self.timeout))?),
            study: self.study,
            year: self.year,
            latest: self.latest.map(|count| count as usize),
            only: self.only,
            all_kinds: self.all_kinds,
            list: self.list,
            dry_run: self.writer.dry_run,
            force: self.force,
        };
        options.run(context)
    }
}
