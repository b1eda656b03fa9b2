//! `portal-users`: the accounts that may look at the portal.

use std::io::{BufRead, IsTerminal, Read};
use std::process::ExitCode;

use clap::ValueEnum;
use flux_cli::{Tool, WriterArgs};
use flux_core::error::{Error, Result};
use flux_core::task::{Context, Task};
use flux_portal::users::{self, Action};
use flux_report::Report;

pub(crate) const TOOL: Tool = Tool {
    name: "portal-users",
    about: "Comptes du portail : ajouter, lister, changer un mot de passe ou un rôle, fermer, rouvrir",
    details: "\
Lit et écrit : users, la table des comptes que l'ancien portail tenait déjà (ses colonnes sont reconnues) ; add la crée
si elle n'existe pas. passwd, disable et role ferment aussi les sessions ouvertes de ce compte.
Le mot de passe est demandé deux fois au terminal, sans écho, ou lu sur la première ligne de l'entrée standard ; jamais
en argument. Il a au moins 12 caractères et est gardé en argon2id ; ceux que PHP a écrits (bcrypt, argon2) restent
valables.
Un compte dont le rôle contient « admin » est administrateur.
Coût : quelques lignes. Peut être relancé à volonté.
Codes de sortie : 0 fait, 1 échec, 2 mauvais usage (compte inconnu ou déjà pris, mot de passe trop court), 3 aucun
administrateur actif.",
    ..Tool::of::<Args, Args>()
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ActionArg {
    Add,
    List,
    Passwd,
    Disable,
    Enable,
    Role,
}

#[derive(Debug, clap::Args)]
struct Args {
    /// Que faire
    #[arg(value_name = "ACTION", default_value = "list")]
    action: ActionArg,
    /// Nom du compte
    #[arg(value_name = "NOM")]
    name: Option<String>,
    /// Rôle du compte, pour add et role : user, admin
    #[arg(long, value_name = "RÔLE")]
    role: Option<String>,
    #[command(flatten)]
    writer: WriterArgs,
}

fn main() -> ExitCode {
    flux_cli::main(&TOOL)
}

impl Task for Args {
    fn run(self, context: &Context) -> Result<impl Report> {
        let action = match (self.action, self.role) {
            (ActionArg::Add, role) => Action::Add { role },
            (ActionArg::Role, Some(role)) => Action::Role(role),
            (ActionArg::Role, None) => return Err(Error::Usage("role demande --role".into())),
            (_, Some(_)) => return Err(Error::Usage("--role ne va qu'avec add et role".into())),
            (ActionArg::List, None) => Action::List,
            (ActionArg::Passwd, None) => Action::Password,
            (ActionArg::Disable, None) => Action::Disable,
            (ActionArg::Enable, None) => Action::Enable,
        };
        if action != Action::List && self.name.is_none() {
            return Err(Error::Usage("le nom du compte manque".into()));
        }
        // What waits for an answer draws nothing beside the question.
        context.progress.clear();
        let password = if action.needs_password() { Some(password()?) } else { None };
        users::administer(&context.database()?, &action, self.name.as_deref(), password.as_deref(), self.writer.dry_run)
    }
}

fn password() -> Result<String> {
    let reading = || Error::io("lecture du mot de passe sur", "l'entrée standard");
    if !std::io::stdin().is_terminal() {
        let mut line = String::new();
        std::io::stdin().lock().take(4_096).read_line(&mut line).map_err(reading())?;
        return Ok(line.trim_end_matches(['\n', '\r']).to_owned());
    }
    let ask =
        |prompt| rpassword::prompt_password(prompt).map_err(Error::io("lecture du mot de passe sur", "le terminal"));
    let (first, second) = (ask("Mot de passe : ")?, ask("Encore une fois : ")?);
    if first != second {
        return Err(Error::Usage("les deux mots de passe diffèrent".into()));
    }
    Ok(first)
}
