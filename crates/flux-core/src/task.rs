//! What a tool does, and what it works with.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use crate::db::{Database, Trail};
use crate::domain::reference;
use crate::error::Result;
use crate::progress::Progress;
use crate::report::Report;
use crate::settings::Settings;

/// What a tool does: a struct of its options, which is run once.
pub trait Task {
    /// Does it.
    ///
    /// # Errors
    /// Those that concern the run as a whole; what concerns one file, table or row of several stands in the report.
    fn run(self, context: &Context) -> Result<impl Report>;
}

/// What a task works with beside its own options.
#[derive(Debug)]
pub struct Context {
    /// Name of the tool.
    pub tool: &'static str,
    /// Home folder, environment, `.env`.
    pub settings: Settings,
    /// Progress bars, hidden unless stderr is a terminal.
    pub progress: Progress,
    trail: OnceLock<Arc<Trail>>,
}

impl Context {
    /// For one run of a tool, whose progress shows from now on.
    pub fn new(tool: &'static str, settings: Settings, progress: Progress) -> Self {
        progress.accompany();
        Self { tool, settings, progress, trail: OnceLock::new() }
    }

    /// Connects to the database.
    ///
    /// # Errors
    /// [`crate::error::Error::Config`], [`crate::error::Error::Connect`].
    pub fn database(&self) -> Result<Database> {
        let database = Database::connect(&self.settings, self.tool, None)?;
        self.trail.get_or_init(|| Arc::clone(database.trail()));
        Ok(database)
    }

    /// Where the run worked and under which id, for its log; `None` where it needed no database.
    pub fn place(&self) -> Option<String> {
        self.trail.get().map(ToString::to_string)
    }

    /// The zone that was asked for, else that of the whole département.
    pub fn zone(&self, asked: Option<String>) -> String {
        asked.unwrap_or_else(|| reference::whole_zone(&self.settings.departement()).to_owned())
    }

    /// The folder of the delivery: the one that was asked for, else the usual one.
    pub(crate) fn deliveries(&self, asked: Option<&Path>) -> PathBuf {
        asked.map_or_else(|| self.settings.home.deliveries(), Path::to_path_buf)
    }

    /// The database for tasks that can do without: when it is not reachable, the reason why.
    pub(crate) fn optional_database(&self, unwanted: bool) -> Result<Database, String> {
        if unwanted {
            return Err("base non consultée (--no-db)".into());
        }
        self.database().map_err(|error| {
            log::info!("{error}");
            format!("base non consultée : {error}")
        })
    }
}
