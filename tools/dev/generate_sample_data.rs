//! `generate-sample-data`: realistic deliveries of any length and seed, sound or with chosen defects, with a manifest of
//! what an import should make of them. Needs no database.

use std::path::PathBuf;
use std::process::ExitCode;

use chrono::NaiveDate;
use flux_cli::Tool;
use flux_core::error::Result;
use flux_core::task::{Context, Task};
use flux_report::{Page, Report, Table, Verdict, number, plural};
use flux_sample::{DateStyle, Encoding, Format, Layout, Order, Plan, Planned, Separator, ZoneStyle};
use schemars::JsonSchema;
use serde::Serialize;

pub(crate) const TOOL: Tool = Tool {
    name: "generate-sample-data",
    about: "Génère une livraison d'essai réaliste, saine ou avec des défauts choisis",
    details: "\
Écrit les dix fichiers hebdomadaires dans data/data_temp/, ou avec --raw les familles brutes dans
data/data_extracted/ ; à côté, manifest.json dit pour chaque fichier les lignes, les volumes et ce qu'un import
doit en faire. Les mêmes options donnent les mêmes octets. Ne se connecte à aucune base.
Coût : mémoire constante, plus d'un million de lignes par seconde ; une semaine fait environ 50 000 lignes.
Peut être relancé : ses propres fichiers sont remplacés, ceux d'autrui jamais (sauf --force).
--revision N : la même période telle qu'une livraison ultérieure la corrige (volumes révisés, clés retirées, clés
nouvelles). --scale et --rows rendent les ventilations plus denses ; pour des millions de lignes, --days aussi.

Défauts, au format NOM[:LIGNES][@FICHIER], par exemple volume-negatif:20@duree_sejour.csv ;
sans FICHIER, ceux des lignes touchent tous les fichiers, 3 lignes chacun (zones-renommees:N : N zones, 2 sinon) :
  rejetés         zone-inconnue, zones-renommees, commune-ambigue, volume-negatif, volume-decimal, volume-textuel,
                  volume-enorme, volume-vide, lignes-irregulieres, guillemet-ouvert, octets-nuls, ligne-geante,
                  30-fevrier, an-0001
  à départager    lignes-doubles, lignes-contradictoires
  sans dommage    volumes-formates, accents-abimes, encodages-meles
  non stockés     volume-nul (familles brutes)
  du fichier      date-tronquee, colonne-manquante, colonne-double, fichier-vide, entete-seul, fichier-binaire,
                  dossier, fichier-absent

Codes de sortie : 0 écrit, 1 échec (des fichiers seraient perdus, disque plein), 2 mauvais usage.",
    ..Tool::of::<Args, Args>()
};

#[derive(Debug, clap::Args)]
struct Args {
    /// Premier jour
    #[arg(long, value_name = "AAAA-MM-JJ", default_value = "2025-07-07")]
    from: NaiveDate,
    /// Nombre de jours
    #[arg(long, value_name = "N", default_value_t = 7)]
    days: u32,
    /// Graine : une autre donne d'autres volumes et d'autres clés
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Densité des ventilations
    #[arg(long, value_name = "F", default_value_t = 1.0, conflicts_with = "rows")]
    scale: f64,
    /// Nombre de lignes voulu, à peu près, pour les dix fichiers : choisit la densité
    #[arg(long, value_name = "N", conflicts_with = "raw")]
    rows: Option<u64>,
    /// Révision : 0 pour la première livraison
    #[arg(long, value_name = "N", default_value_t = 0)]
    revision: u32,
    /// Défauts, séparés par des virgules (liste dans --help)
    #[arg(long = "defect", value_name = "NOM[:N][@FICHIER]", value_delimiter = ',')]
    defects: Vec<Planned>,
    /// Encodage : utf-8, utf-8-bom, windows-1252, utf-16le
    #[arg(long, value_name = "NOM", default_value = "utf-8")]
    encoding: Encoding,
    /// Séparateur : point-virgule, virgule, tabulation
    #[arg(long, value_name = "NOM", default_value = "point-virgule")]
    separator: Separator,
    /// Noms des zones : old (CABA, HTC) ou new (Pays d'Aurillac, Hautes Terres)
    #[arg(long, value_name = "NOM", default_value = "new")]
    zones: ZoneStyle,
    /// Dates : iso (2025-07-14) ou fr (14/07/2025)
    #[arg(long, value_name = "NOM", default_value = "iso")]
    dates: DateStyle,
    /// Ordre des lignes : date ou zone
    #[arg(long, value_name = "NOM", default_value = "date")]
    order: Order,
    /// Fins de ligne CR LF
    #[arg(long)]
    crlf: bool,
    /// Tous les champs entre guillemets
    #[arg(long)]
    quoted: bool,
    /// Les familles brutes, un fichier par famille, zone et année
    #[arg(long)]
    raw: bool,
    /// Dossier où écrire (sinon data/data_temp/ ou data/data_extracted/)
    #[arg(long, value_name = "DOSSIER")]
    output: Option<PathBuf>,
    /// Remplace aussi les fichiers qui ne viennent pas de cet outil
    #[arg(long)]
    force: bool,
}

impl Args {
    fn plan(self) -> Plan {
        let mut plan = Plan {
            from: self.from,
            days: self.days,
            seed: self.seed,
            scale: self.scale,
            revision: self.revision,
            layout: if self.raw { Layout::Raw } else { Layout::Weekly },
            zones: self.zones,
            order: self.order,
            format: Format {
                separator: self.separator,
                encoding: self.encoding,
                crlf: self.crlf,
                quoted: self.quoted,
                dates: self.dates,
            },
            defects: self.defects,
            overwrite: self.force,
        };
        if let Some(rows) = self.rows {
            plan.scale = flux_sample::scale_for(&plan, rows);
        }
        plan
    }
}

fn main() -> ExitCode {
    flux_cli::main(&TOOL)
}

impl Task for Args {
    fn run(self, context: &Context) -> Result<impl Report> {
        let home = &context.settings.home;
        let dir = self.output.clone().unwrap_or_else(|| if self.raw { home.extracted() } else { home.deliveries() });
        let plan = self.plan();
        let bar = context.progress.count("fichiers", 0);
        let mut delivery = flux_sample::generate_with(&plan, &dir, |_, left| {
            bar.set_length(bar.position() + 1 + left as u64);
            bar.inc(1);
        })?;
        bar.finish_and_clear();
        let manifest = dir.join(flux_sample::MANIFEST).display().to_string();
        // The manifest holds them; on a terminal or in a pipe they would bury the rest.
        delivery.files.iter_mut().for_each(|file| file.dates.clear());
        delivery.earlier.clear();
        Ok(Outcome { output: dir.display().to_string(), manifest, delivery })
    }
}

#[derive(Debug, Serialize, JsonSchema)]
struct Outcome {
    output: String,
    manifest: String,
    #[serde(flatten)]
    delivery: flux_sample::Report,
}

impl Report for Outcome {
    fn render(&self, page: &mut Page) {
        let delivery = &self.delivery;
        page.line(format!(
            "Livraison d'essai du {} au {} ({}, graine {}, révision {}) dans {}",
            delivery.from,
            delivery.to,
            plural(delivery.days.into(), "jour", "jours"),
            delivery.seed,
            delivery.revision,
            self.output
        ));
        page.gap();
        page.table(&self.files());
        let defects = self.defects();
        if !defects.is_empty() {
            page.title("Défauts");
            page.table(&defects);
        }
        page.gap();
        if !delivery.ignored.is_empty() {
            page.line(format!(
                "{} à ignorer par l'import",
                plural(delivery.ignored.len() as u64, "fichier", "fichiers")
            ));
        }
        let totals = &delivery.totals;
        page.conclude(
            Verdict::Ok,
            format!(
                "{}, {}, {} ; détail dans {}",
                plural(totals.files, "fichier", "fichiers"),
                plural(totals.lines, "ligne", "lignes"),
                flux_report::bytes(totals.bytes),
                self.manifest
            ),
        );
    }
}

impl Outcome {
    /// One row per dataset: the file of a weekly delivery, the family of a raw one.
    fn files(&self) -> Table {
        let raw = self.delivery.files.iter().any(|file| file.file.contains('/'));
        let mut table =
            Table::new(&[if raw { "famille" } else { "fichier" }, ">lignes", ">à stocker", ">volume", ">taille"]);
        let mut groups: Vec<(&str, [u64; 4])> = Vec::new();
        for file in &self.delivery.files {
            let name = if raw { &file.family } else { &file.file };
            let sums = [file.lines, file.expected.stored, file.volume, file.bytes];
            match groups.iter_mut().find(|(other, _)| other == name) {
                Some((_, total)) => total.iter_mut().zip(sums).for_each(|(total, sum)| *total += sum),
                None => groups.push((name, sums)),
            }
        }
        for (name, [lines, stored, volume, bytes]) in groups {
            table.row([name.to_owned(), number(lines), number(stored), number(volume), flux_report::bytes(bytes)]);
        }
        table
    }

    fn defects(&self) -> Table {
        let mut table = Table::new(&["fichier", "défaut", ">lignes", "premières lignes"]);
        for file in &self.delivery.files {
            for defect in &file.defects {
                let first: Vec<_> = defect.lines.iter().take(5).map(u64::to_string).collect();
                table.row([file.file.clone(), defect.name.clone(), number(defect.count), first.join(", ")]);
            }
        }
        table
    }
}
