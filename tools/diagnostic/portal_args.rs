//! Options of the tools that call the portal. Flattened into their arguments.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use flux_client::http::ClientOptions;

use flux_client::{CheckOptions, Query};
use flux_core::domain::calendar;
use flux_core::task::Context;

/// How to reach the portal.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Portail")]
pub struct PortalArgs {
    /// Adresse du portail (sinon PORTAL_BASE_URL)
    #[arg(long, value_name = "URL")]
    pub base_url: Option<String>,
    /// Fichier dont la première ligne est le jeton (sinon API_TOKEN)
    #[arg(long, value_name = "FICHIER")]
    pub token_file: Option<PathBuf>,
    /// Temps laissé à chaque appel, en secondes
    #[arg(long, value_name = "SECONDES", default_value = "30", value_parser = seconds)]
    pub timeout: Duration,
    /// Attente acceptée si le portail limite le débit (429), en secondes ; l'appel est alors refait une fois
    #[arg(long, value_name = "SECONDES", default_value = "10", value_parser = seconds_or_zero)]
    pub max_wait: Duration,
}

impl PortalArgs {
    /// The options that the core knows.
    pub fn options(self) -> ClientOptions {
        ClientOptions {
            base_url: self.base_url,
            token_file: self.token_file,
            session_file: None,
            timeout: self.timeout,
            max_wait: self.max_wait,
        }
    }
}

/// What to ask the portal for.
#[derive(Debug, Clone, Args)]
pub struct QueryArgs {
    /// Année demandée (sinon l'année en cours)
    #[arg(long, value_name = "ANNÉE", value_parser = clap::value_parser!(i32).range(1900..=2100))]
    pub year: Option<i32>,
    /// Période demandée : code ou nom de dim_periodes, annee_complete ou une saison
    #[arg(long, value_name = "PÉRIODE", default_value = "annee_complete")]
    pub period: String,
    /// Zone demandée (sinon celle du département)
    #[arg(long, value_name = "ZONE")]
    pub zone: Option<String>,
    /// Nombre de lignes demandées
    #[arg(long, value_name = "N", default_value = "10", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub limit: u32,
    /// Durée au-delà de laquelle une réponse est signalée comme lente, en secondes
    #[arg(long, value_name = "SECONDES", default_value = "3", value_parser = seconds)]
    pub slow: Duration,
}

impl QueryArgs {
    /// The options that the core knows.
    pub fn options(self, context: &Context, client: PortalArgs, only: Vec<String>) -> CheckOptions {
        let year = self.year.unwrap_or_else(|| chrono::Datelike::year(&calendar::civil_time(chrono::Utc::now())));
        CheckOptions {
            client: client.options(),
            query: Query { year, period: self.period, zone: context.zone(self.zone), limit: self.limit },
            only,
            slow: self.slow,
        }
    }
}

fn seconds_or_zero(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.replace(',', ".").parse().map_err(|_| "nombre de secondes attendu".to_owned())?;
    if (0.0..=3600.0).contains(&seconds) {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err("de 0 à 3600 secondes".into())
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    seconds_or_zero(text).and_then(|time| if time.is_zero() { Err("plus de 0 seconde".into()) } else { Ok(time) })
}
