//! What earlier runs have loaded, by path and by content.

use std::collections::HashMap;

use crate::db::Session;
use crate::error::Result;
use crate::ledger::history;
pub(crate) use crate::ledger::history::Load;

#[derive(Debug, Default)]
pub(crate) struct Known {
    by_path: HashMap<(String, String), Load>,
    /// Table and hash to the last path loaded with it.
    by_hash: HashMap<(String, String), String>,
}

impl Known {
    /// Reads the history of `tables`.
    pub(crate) fn read(session: &mut Session, tables: &[String]) -> Result<Self> {
        let mut known = Self::default();
        for table in tables {
            for (path, load) in history::loads(session, table)? {
                known.add(table, &path, load);
            }
        }
        Ok(known)
    }

    pub(crate) fn add(&mut self, table: &str, path: &str, load: Load) {
        self.by_hash.insert((table.to_owned(), load.hash.clone()), path.to_owned());
        self.by_path.insert((table.to_owned(), path.to_owned()), load);
    }

    /// The load that makes loading this content again needless: the last one of this path, or for a path that is new the one of a
    /// file that was moved or copied.
    pub(crate) fn find(&self, table: &str, path: &str, hash: &str, options: &str) -> Option<&Load> {
        let own = self.by_path.get(&(table.to_owned(), path.to_owned()));
        let load = match own {
            Some(load) => load,
            None => {
                let path = self.by_hash.get(&(table.to_owned(), hash.to_owned()))?;
                self.by_path.get(&(table.to_owned(), path.clone()))?
            }
        };
        (load.hash == hash && load.options == options).then_some(load)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(hash: &str) -> Load {
        Load {
            hash: hash.into(),
            options: String::new(),
            dims_hash: String::new(),
            stored: 1,
            rejected: 0,
            conflicts: 0,
            encoding: String::new(),
            reject_file: None,
            first_date: None,
        }
    }

    #[test]
    fn a_moved_file_is_known_and_an_earlier_content_put_back_is_not() {
        let mut known = Known::default();
        known.add("t", "a.csv", load("v1"));
        assert!(known.find("t", "elsewhere/a.csv", "v1", "").is_some());
        assert!(known.find("t", "a.csv", "v1", "other options").is_none());
        assert!(known.find("other", "a.csv", "v1", "").is_none());
        known.add("t", "a.csv", load("v2"));
        assert!(known.find("t", "a.csv", "v1", "").is_none());
        assert!(known.find("t", "elsewhere/a.csv", "v1", "").is_none());
        assert!(known.find("t", "a.csv", "v2", "").is_some());
    }
}
