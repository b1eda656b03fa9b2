//! `flux init`: asks for what a new home needs, makes it, and lets the doctor look at it.

use std::io::{BufRead, IsTerminal, Write};
use std::path::PathBuf;

use flux_cli::Tool;
use flux_core::domain::reference::Departement;
use flux_core::error::{Error, Result};
use flux_core::settings::{ConnectionOptions, Settings};
use flux_core::setup::HomeOptions;
use flux_core::task::{Context, Task};
use flux_report::{self as report, Done, Page, Report, Verdict};
use schemars::JsonSchema;
use serde::Serialize;

pub(crate) const INIT: Tool = Tool {
    name: "flux-init",
    about: "Crée le dossier de travail d'un observatoire : dossiers, .env, zones",
    details: "\
Écrit, dans --home (sinon FLUX_HOME, sinon le dossier courant), qui est créé s'il le faut : data/, ftp_downloads/, temp/,
cache/, logs/, reference/ ; .env (droits 600) ; reference/zones.csv, commencé par les zones que nomment les CSV de --from
(sinon ceux de data/data_temp/ et data/data_extracted/). Lit chaque CSV une fois, mémoire constante. Finit par `flux doctor`.
Sur un terminal, ce qui n'est pas donné en option ni dans l'environnement est demandé, le mot de passe sans écho ; ailleurs
il faut --departement, --user et --database. Le mot de passe vient de --password-file, de DB_PASSWORD ou du terminal, jamais
d'un argument.
Rien de ce qui existe n'est changé, et c'est dit : peut être relancé à volonté, par exemple quand arrive la première livraison.
Le reste est au catalogue : communes, départements, pays, calendrier. Relisez reference/zones.csv : ce que le fournisseur
appelle autrement va dans noms_equivalents, et visible=non ôte une zone des filtres du portail. Ensuite : `ensure-schema --seed`.
Codes de sortie : 0 tout est prêt, 1 échec, 2 mauvais usage, 3 fait, et quelque chose reste à faire ou à revoir.",
    new_home: true,
    ..Tool::of::<Args, Args>()
};

#[derive(Debug, clap::Args)]
struct Args {
    /// Département de l'observatoire : son code (48, 2A) ou son nom
    #[arg(long, value_name = "CODE")]
    departement: Option<String>,
    /// Nom de l'observatoire, tel que le portail l'affiche
    #[arg(long, value_name = "NOM")]
    name: Option<String>,
    /// Dossier de CSV livrés dont reprendre les zones (plusieurs fois si besoin)
    #[arg(long, value_name = "DOSSIER", value_hint = clap::ValueHint::DirPath)]
    from: Vec<PathBuf>,
    /// N'écrit rien, dit ce qui serait créé
    #[arg(long)]
    dry_run: bool,
}

/// What was made, and what the doctor says of it.
#[derive(Debug, Serialize, JsonSchema)]
struct InitReport<M: Report, D: Report> {
    #[serde(flatten)]
    made: M,
    doctor: Option<D>,
}

impl<M: Report, D: Report> Report for InitReport<M, D> {
    fn render(&self, page: &mut Page) {
        self.made.render(page);
        if let Some(doctor) = &self.doctor {
            page.title("flux doctor");
            doctor.render(page);
        }
    }

    fn verdict(&self) -> Verdict {
        self.doctor.iter().map(Report::verdict).chain([self.made.verdict()]).max().unwrap_or(Verdict::Ok)
    }

    fn done(&self) -> Done {
        self.made.done()
    }
}

impl Task for Args {
    fn run(self, context: &Context) -> Result<impl Report> {
        let settings = &context.settings;
        let root = settings.home.root.clone();
        let has_env = root.join(".env").symlink_metadata().is_ok();
        let (departement, env) = if has_env {
            (self.departement.unwrap_or_else(|| settings.departement()).parse()?, None)
        } else {
            // What waits for an answer draws nothing beside the question.
            context.progress.clear();
            let given = self.departement.or_else(|| settings.get("OBSERVATOIRE_DEPARTEMENT"));
            let (departement, env) = Questions::new().answers(settings, given, self.name)?;
            (departement, Some(env))
        };
        let made = HomeOptions { departement, env, from: self.from, dry_run: self.dry_run }.run(context)?;
        // As every other tool will find it.
        let doctor = if self.dry_run {
            None
        } else {
            Some(crate::doctor(&Settings::load(Some(root), ConnectionOptions::default(), false)?))
        };
        Ok(InitReport { made, doctor })
    }
}

/// What `.env` is to say, by key.
type Values = Vec<(&'static str, Option<String>)>;

/// Asks on a terminal; elsewhere only gathers what is missing.
struct Questions {
    terminal: bool,
}

impl Questions {
    fn new() -> Self {
        Self { terminal: std::io::stdin().is_terminal() && std::io::stderr().is_terminal() }
    }

    /// What `.env` is to say.
    fn answers(
        &self,
        settings: &Settings,
        departement: Option<String>,
        name: Option<String>,
    ) -> Result<(&'static Departement, Values)> {
        let mut values = settings.database_settings().to_vec();
        let given = |key: &str| values.iter().any(|(known, value)| *known == key && value.is_some());
        let socket = given("DB_SOCKET");
        if !self.terminal {
            let needed = [
                ("--departement", departement.is_some()),
                ("--user (ou DB_USERNAME)", given("DB_USERNAME")),
                ("--database (ou DB_DATABASE)", given("DB_DATABASE")),
            ];
            let missing: Vec<&str> = needed.iter().filter(|(_, given)| !given).map(|(option, _)| *option).collect();
            if !missing.is_empty() {
                return Err(Error::Usage(format!("sans terminal pour le demander, donnez {}", missing.join(", "))));
            }
        }
        let departement: &Departement = self.ask("Département (code ou nom)", departement, "")?.parse()?;
        let usual = format!("Observatoire du tourisme – {}", departement.nom);
        let name = self.ask("Nom de l'observatoire", name.or_else(|| settings.get("OBSERVATOIRE_NOM")), &usual)?;
        for (key, value) in &mut values {
            let (question, usual) = match *key {
                "DB_HOST" if !socket => ("Serveur de la base", "127.0.0.1"),
                "DB_PORT" if !socket => ("Port", "3306"),
                "DB_DATABASE" => ("Base de données", "fluxvision"),
                "DB_USERNAME" => ("Utilisateur de la base", "fluxvision"),
                _ => continue,
            };
            *value = Some(self.ask(question, value.take(), usual)?);
        }
        let password = match settings.password("DB_PASSWORD")? {
            None if self.terminal => rpassword::prompt_password(report::question("Mot de passe de la base :"))
                .map_err(Error::io("lecture du mot de passe sur", "le terminal"))?,
            given => given.unwrap_or_default(),
        };
        let departement_code = departement.code.to_owned();
        values.extend([
            ("DB_PASSWORD", Some(password)),
            ("OBSERVATOIRE_DEPARTEMENT", Some(departement_code)),
            ("OBSERVATOIRE_NOM", Some(name)),
        ]);
        Ok((departement, values))
    }

    /// What was given, else the answer, else what is usual.
    fn ask(&self, question: &str, given: Option<String>, usual: &str) -> Result<String> {
        if let Some(given) = given {
            return Ok(given);
        }
        if !self.terminal {
            return Ok(usual.to_owned());
        }
        let reading = || Error::io("lecture d'une réponse sur", "le terminal");
        let default = if usual.is_empty() { String::new() } else { format!(" [{usual}]") };
        let asked = report::question(&format!("{question}{default} :"));
        let mut line = String::new();
        write!(std::io::stderr(), "{asked}").map_err(reading())?;
        if std::io::stdin().lock().read_line(&mut line).map_err(reading())? == 0 {
            return Err(Error::Usage("réponses interrompues : rien n'a été créé".into()));
        }
        let answer = line.trim();
        Ok(if answer.is_empty() { usual.to_owned() } else { answer.to_owned() })
    }
}
