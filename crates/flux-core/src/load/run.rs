//! What the files of one run share.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;

use crate::db::Database;
use crate::dims::epci::StoredEpcis;
use crate::domain::names::Locality;
use crate::error::Result;
use crate::ledger::history::unique_id;
use crate::ledger::lock::Lock;
use crate::load::options::{ImportOptions, LoadMethod};
use crate::load::send;
use crate::load::sorter::Record;
use crate::progress::Progress;
use crate::schema;
use crate::settings::{self, Settings};
use crate::task::Context;

/// Everything that the files of one run share.
pub(crate) struct Run<'a> {
    pub(crate) database: &'a Database,
    pub(crate) options: &'a ImportOptions,
    pub(crate) progress: &'a Progress,
    pub(crate) tool: &'static str,
    pub(crate) id: String,
    pub(crate) locality: Locality,
    pub(crate) epcis: StoredEpcis,
    pub(crate) tables: HashMap<String, schema::Existing>,
    /// `None` on a dry run.
    _lock: Option<Lock>,
    pub(crate) method: LoadMethod,
    pub(crate) reject_folder: PathBuf,
    pub(crate) scratch: PathBuf,
    /// Records that one file may keep in memory.
    pub(crate) sort_limit: usize,
}

impl<'a> Run<'a> {
    /// Takes the lock, unless on a dry run, and looks at the server. `sort_memory` is what the sorters of all files may take, in bytes.
    pub(crate) fn begin(
        context: &'a Context,
        database: &'a Database,
        options: &'a ImportOptions,
        sort_memory: usize,
    ) -> Result<Self> {
        let settings = &context.settings;
        let lock = if options.dry_run { None } else { Some(crate::ledger::lock(database)?) };
        let (tables, method) = database.with_session(|session| {
            Ok((schema::existing(session)?, send::choose_method(session, options.load_method)?))
        })?;
        Ok(Self {
            database,
            options,
            progress: &context.progress,
            tool: context.tool,
            id: lock.as_ref().map_or_else(unique_id, |lock| lock.run().to_owned()),
            locality: crate::dims::locality(&settings.departement()),
            epcis: StoredEpcis::default(),
            tables,
            _lock: lock,
            method,
            reject_folder: settings.home.rejects(),
            scratch: scratch_folder(settings),
            sort_limit: sort_memory / options.jobs.max(1) / size_of::<Record>(),
        })
    }

    /// What changes what is stored of one and the same file, for the history.
    pub(crate) fn fingerprint(&self) -> String {
        let options = self.options.fingerprint();
        match self.locality.own.as_str() {
            settings::DEPARTEMENT => options,
            other => format!("{options} departement={other}"),
        }
    }
}

/// Where the sorters may put what does not fit in memory: beside the logs, for `/tmp` may be memory.
pub(crate) fn scratch_folder(settings: &Settings) -> PathBuf {
    let logs = settings.home.logs();
    if fs::create_dir_all(&logs).is_ok() { logs } else { std::env::temp_dir() }
}
