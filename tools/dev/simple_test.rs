//! `simple-test`: is the database there, what is it, what may this user do? Reads only.

use std::process::ExitCode;

use flux_cli::Tool;
use flux_core::health::ServerCheck;

pub(crate) const TOOL: Tool = Tool {
    name: "simple-test",
    about: "Essaie la connexion à la base : version, droits, réglages qui comptent",
    details: "\
Lit : les variables et les droits sur le serveur. N'écrit rien.
Coût : quelques millisecondes. Peut être relancé à volonté.
Codes de sortie : 0 tout va bien, 1 connexion impossible, 3 un réglage est à vérifier.",
    ..Tool::of::<Args, ServerCheck>()
};

#[derive(Debug, clap::Args)]
struct Args {}

fn main() -> ExitCode {
    flux_cli::main(&TOOL)
}

impl From<Args> for ServerCheck {
    fn from(_: Args) -> Self {
        Self
    }
}
