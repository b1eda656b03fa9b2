//! The portal from its start to its end.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use flux_core::db::Database;
use flux_core::error::{Error, Result};
use flux_core::settings::Settings;
use flux_core::signals;
use flux_report::{Page, Report, Verdict, number};
use schemars::JsonSchema;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::app::{self, App};
use crate::config::{Config, Options};
use crate::connection;
use crate::pool::Pool;

/// Threads for the work that waits: the database, passwords.
const WAITING_THREADS: usize = 32;

#[derive(Debug, Serialize, JsonSchema)]
struct Served {
    address: String,
    /// How long, in seconds.
    served_s: u64,
}

impl Report for Served {
    fn render(&self, page: &mut Page) {
        page.conclude(Verdict::Ok, format!("portail arrêté après {} s ({})", number(self.served_s), self.address));
    }

    fn verdict(&self) -> Verdict {
        Verdict::Ok
    }
}

/// Serves until a stop is asked for.
///
/// # Errors
/// [`Error::Config`] for a setting that makes no sense, [`Error::Connect`], [`Error::Io`] for the address, a log, the certificate.
pub fn serve(
    settings: &Settings,
    tool: &'static str,
    options: &Options,
    listening: fn(&str),
) -> Result<impl Report + use<>> {
    let config = Config::new(settings, options)?;
    signals::finish_first();
    let tls = options.tls.as_ref().map(|(certificate, key)| acceptor(certificate, key)).transpose()?;
    let database = Database::connect(settings, tool, Some(options.statement_limit))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(WAITING_THREADS)
        .thread_name("portail")
        .build()
        .map_err(Error::io("démarrage", "des tâches du portail"))?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let base = config.base.clone();
    let app = App::new(config, Pool::new(database, options.connections))
        .map_err(Error::io("ouverture", "des journaux du portail"))?;
    let app = Arc::new(app);
    let started = std::time::Instant::now();
    let address = runtime.block_on(async {
        let listener =
            TcpListener::bind(options.listen).await.map_err(Error::io("écoute sur", options.listen.to_string()))?;
        let address = listener.local_addr().map_err(Error::io("écoute sur", options.listen.to_string()))?;
        let address = format!("{scheme}://{address}{base}/");
        log::info!("le portail écoute sur {address}");
        listening(&address);
        let shared = app.clone();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_secs(60)).await;
                shared.tidy();
            }
        });
        connection::accept(listener, tls, app::router(&app), stop()).await;
        Ok::<_, Error>(address)
    })?;
    runtime.shutdown_timeout(Duration::from_secs(1));
    Ok(Served { address, served_s: started.elapsed().as_secs() })
}

async fn stop() {
    while signals::check().is_ok() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn acceptor(certificate: &Path, key: &Path) -> Result<TlsAcceptor> {
    let bad = |path: &Path, what: &str| Error::Config {
        message: format!("{} : {what}", path.display()),
        hint: "donnez une chaîne de certificats et sa clé, au format PEM, lisibles par l'utilisateur du portail".into(),
    };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(certificate)
        .and_then(|list| list.collect())
        .map_err(|_| bad(certificate, "aucun certificat n'y a été lu"))?;
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|_| bad(key, "aucune clé n'y a été lue"))?;
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| bad(certificate, &error.to_string()))?;
    let config = builder
        .with_no_client_auth()
        .with_single_cert(chain, secret)
        .map_err(|error| bad(certificate, &error.to_string()))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
