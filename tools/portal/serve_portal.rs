//! `serve-portal`: the dashboards, the infographic and the APIs over HTTP, read-only.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use flux_cli::Tool;
use flux_core::error::Result;
use flux_core::task::{Context, Task};
use flux_portal::Options;
use flux_report::Report;

pub(crate) const TOOL: Tool = Tool {
    name: "serve-portal",
    about: "Sert le portail : tableaux de bord, infographie et API, en lecture seule",
    details: "\
Lit : les tables principales et les dimensions, users, et les réglages PORTAL_*, API_* et OBSERVATOIRE_NOM de
l'environnement ou de .env. N'écrit aucun fait : seulement flux_portal_sessions (les connexions en cours),
users.last_login et ses journaux (logs/portail-acces.log, et le journal d'audit de API_AUDIT_LOG).
Chaque chiffre a la définition des outils (compare-mobility-2024-2023, diagnostic-mobility) ; chaque réponse dit les
jours employés, ceux qui ont des données et la part provisoire. Sans PORTAL_PUBLIC=1, tout demande un compte
(portal-users) ou un jeton (API_TOKENS).
Se place derrière nginx, Apache ou Caddy, ou sert TLS lui-même avec --tls-cert et --tls-key : voir docs/portail.md.
Compte de base à part : DB_USER_PORTAL, DB_PASSWORD_PORTAL … (SELECT sur les tables, écriture sur
flux_portal_sessions et users.last_login).
Tant qu'un outil écrit dans la base, calcule une réponse à la fois, avec des repos : l'import garde le serveur.
/healthz dit que le programme vit, /readyz que la base répond. Une base arrêtée puis relancée ne demande rien.
Coût : --connections connexions à la base, chaque lecture limitée à --statement-limit secondes ; environ 60 Mio.
S'arrête sur SIGTERM ou SIGINT, après avoir fini les demandes en cours.
Codes de sortie : 0 arrêté à la demande, 1 échec (base, adresse, certificat, réglage), 2 mauvais usage.",
    ..Tool::of::<Args, Args>()
};

#[derive(Debug, clap::Args)]
struct Args {
    /// Adresse et port d'écoute
    #[arg(long, value_name = "ADRESSE:PORT", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Chemin sous lequel le portail est servi
    #[arg(long, value_name = "CHEMIN", default_value = "/")]
    base_path: String,
    /// Chaîne de certificats (PEM), pour servir en https
    #[arg(long, value_name = "FICHIER", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Clé du certificat (PEM)
    #[arg(long, value_name = "FICHIER", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Connexions à la base au plus
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    connections: u16,
    /// Secondes au plus pour une lecture de la base
    #[arg(long, value_name = "S", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=600))]
    statement_limit: u64,
}

fn main() -> ExitCode {
    flux_cli::main(&TOOL)
}

impl Task for Args {
    fn run(self, context: &Context) -> Result<impl Report> {
        let options = Options {
            listen: self.listen,
            base_path: self.base_path,
            tls: self.tls_cert.zip(self.tls_key),
            connections: usize::from(self.connections),
            statement_limit: Duration::from_secs(self.statement_limit),
        };
        // A service is at work as long as it runs.
        context.progress.clear();
        flux_portal::serve(&context.settings, context.tool, &options, |address| {
            flux_cli::complain("serve-portal", &format!("le portail écoute sur {address}"), None);
        })
    }
}
