//! A temporary home folder for the tools.

use crate::{TestDb, Tool};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A folder with `data/data_temp/`, `data/data_extracted/` and no `.env`; tools reach the database by environment.
pub struct Home {
    dir: TempDir,
    env: Vec<(String, String)>,
}

impl Home {
    /// For tools that use this database.
    pub fn new(db: &TestDb) -> Self {
        Self { env: db.env().into_iter().map(|(k, v)| (k.to_owned(), v)).collect(), ..Self::without_db() }
    }

    /// For tools that use none: no connection in the environment.
    pub fn without_db() -> Self {
        let dir = tempfile::Builder::new().prefix("flux-home-").tempdir().expect("temporary home");
        for sub in ["data/data_temp", "data/data_extracted"] {
            fs::create_dir_all(dir.path().join(sub)).expect("create the data folders");
        }
        Self { dir, env: Vec::new() }
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// A path in it.
    pub fn join(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.dir.path().join(relative)
    }

    /// `data/data_temp/`, where the weekly delivery goes.
    pub fn data_temp(&self) -> PathBuf {
        self.join("data/data_temp")
    }

    /// Writes a file of the weekly delivery, text or bytes; `name` may hold subfolders.
    pub fn write_csv(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        self.write(Path::new("data/data_temp").join(name), content)
    }

    /// Writes any file of the home, with its folders.
    pub fn write(&self, relative: impl AsRef<Path>, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.join(relative);
        let folder = path.parent().expect("a file of the home has a folder");
        fs::create_dir_all(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        fs::write(&path, content).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        path
    }

    /// Reads a file of the home as text.
    #[track_caller]
    pub fn read(&self, relative: impl AsRef<Path>) -> String {
        let path = self.join(relative);
        let bytes = fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Names in a folder of the home, sorted; none where there is no such folder.
    pub fn list(&self, relative: impl AsRef<Path>) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.join(relative)) else { return Vec::new() };
        let mut names: Vec<String> = entries.flatten().map(|e| e.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// Everything in `logs/*.log`, each file under its name.
    pub fn logs(&self) -> String {
        logs(self.path())
    }

    /// A tool to be run in this home.
    pub fn tool(&self, name: &str) -> Tool {
        Tool::new(name).home(self)
    }

    pub(crate) fn env(&self) -> &[(String, String)] {
        &self.env
    }
}

/// The logs of a home folder, for messages.
pub(crate) fn logs(home: &Path) -> String {
    let mut files: Vec<PathBuf> =
        fs::read_dir(home.join("logs")).into_iter().flatten().flatten().map(|e| e.path()).collect();
    files.retain(|f| f.extension().is_some_and(|e| e == "log"));
    files.sort();
    files.iter().map(|f| format!("--- {}\n{}", f.display(), crate::instance::tail(f, 20_000))).collect()
}
