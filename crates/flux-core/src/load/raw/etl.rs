//! What the files of one run of the ETL share. No lock of it is held while the database answers, but `creating`, which is there for
//! that.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::db::Session;
use crate::dims;
use crate::domain::catalogue::{Dim, Space};
use crate::domain::names::Resolver;
use crate::domain::values::Day;
use crate::error::Result;
use crate::load::naming::Room;
use crate::load::options::{LoadMethod, MaxRejects, OnConflict};
use crate::load::raw::known::Known;
use crate::load::run::Run;

/// What the ETL can be asked for.
#[derive(Debug, Clone)]
pub struct EtlOptions {
    /// Folder to search instead of the home's.
    pub data_path: Option<PathBuf>,
    /// Families to load; all when empty.
    pub only: Vec<&'static str>,
    /// Most rows of one transaction; a whole file when not set.
    pub batch_size: Option<usize>,
    /// Names are created without their accents.
    pub strip_accents: bool,
    /// Loads what was loaded before, too.
    pub no_resume: bool,
    /// Files at a time; where not set, two for each processor, four at most.
    pub jobs: Option<usize>,
    /// What to do about contradicting lines.
    pub on_conflict: OnConflict,
    /// A file with more rejected lines is not loaded.
    pub max_rejects: Option<MaxRejects>,
    /// How rows reach the server.
    pub load_method: LoadMethod,
    /// Production tables (`fact_nuitees`) or those for tests (`fact_nuitees_test`).
    pub space: Space,
    /// Reads and checks, writes nothing.
    pub dry_run: bool,
}

/// Everything that the files of one run share.
pub(crate) struct Etl<'a> {
    pub(crate) run: Run<'a>,
    pub(crate) options: &'a EtlOptions,
    pub(crate) known: Mutex<Known>,
    /// Contents that this run is loading: table, hash and options to the file.
    pub(crate) claimed: Mutex<HashMap<(String, String, String), String>>,
    /// On a dry run: the deliveries of what the files before would have stored, by table, zone and day.
    pub(crate) claims: Mutex<HashMap<(String, u32, Day), u32>>,
    pub(crate) resolvers: Mutex<Resolvers>,
    /// For the names that its files bring.
    pub(crate) room: Room,
    /// Held while rows of dimensions are created, so that no two files create one name.
    pub(crate) creating: Mutex<()>,
    /// Tables that hold rows, once asked.
    pub(crate) filled: Mutex<HashMap<String, bool>>,
}

/// Resolvers of dimensions, until one of the files changes the dimension.
#[derive(Debug, Default)]
pub(crate) struct Resolvers {
    loaded: HashMap<Dim, Arc<Resolver>>,
    /// How often rows were created: what was read before the last time may lack them, and is not kept for others.
    changes: u64,
}

impl<'a> Etl<'a> {
    pub(crate) fn new(run: Run<'a>, options: &'a EtlOptions, known: Known) -> Self {
        Self {
            run,
            options,
            known: Mutex::new(known),
            claimed: Mutex::default(),
            claims: Mutex::default(),
            resolvers: Mutex::default(),
            room: Room::default(),
            creating: Mutex::default(),
            filled: Mutex::default(),
        }
    }

    /// Takes a content for a file; gives the file that has it already.
    pub(crate) fn claim(&self, table: &str, hash: &str, options: &str, place: &str) -> Option<String> {
        let mut claimed = locked(&self.claimed);
        let key = (table.to_owned(), hash.to_owned(), options.to_owned());
        match claimed.get(&key) {
            Some(other) => Some(other.clone()),
            None => {
                claimed.insert(key, place.to_owned());
                None
            }
        }
    }

    /// Whether a table held rows when first asked. The files of one table ask one after the other, see
    /// [`crate::load::raw::lanes::Turn::wait`].
    pub(crate) fn is_filled(&self, session: &mut Session, table: &str) -> Result<bool> {
        let known = locked(&self.filled).get(table).copied();
        if let Some(filled) = known {
            return Ok(filled);
        }
        let sql = format!("SELECT 1 FROM {table} LIMIT 1");
        let is = session.first::<u8>(&format!("lecture de {table}"), &sql, ())?.is_some();
        Ok(*locked(&self.filled).entry(table.to_owned()).or_insert(is))
    }

    /// The resolver of a dimension. Two workers may read the same dimension at a time: that is cheaper than one that waits.
    pub(crate) fn resolver(&self, dim: Dim) -> Result<Arc<Resolver>> {
        let (known, changes) = {
            let resolvers = locked(&self.resolvers);
            (resolvers.loaded.get(&dim).cloned(), resolvers.changes)
        };
        if let Some(resolver) = known {
            return Ok(resolver);
        }
        let load = |session: &mut Session| dims::load(session, dim, &self.run.locality, true);
        let resolver = Arc::new(self.run.database.with_session(load)?);
        let mut resolvers = locked(&self.resolvers);
        if resolvers.changes == changes {
            resolvers.loaded.insert(dim, resolver.clone());
        }
        Ok(resolver)
    }

    /// Rows of `dims` were created and committed: what was read before is out of date.
    pub(crate) fn forget_resolvers(&self, dims: impl Iterator<Item = Dim>) {
        let mut resolvers = locked(&self.resolvers);
        resolvers.changes += 1;
        for dim in dims {
            resolvers.loaded.remove(&dim);
        }
    }
}

/// The value of a mutex; one that a panic left behind is as good, for it is changed in single steps.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
