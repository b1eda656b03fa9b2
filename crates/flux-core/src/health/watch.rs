//! Folders that files only pass through: how much they hold, and since when.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use crate::error::Result;
use crate::files::{self, Entry};
use crate::report::{Code, Finding, bytes, plural};
use crate::settings::Settings;

/// Days after which a file of a folder is forgotten there; `None` for what is kept on purpose.
const FOLDERS: [(&str, Option<i64>); 2] = [("temp", Some(7)), ("ftp_downloads", None)];

/// What a folder holds.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Watched {
    folder: &'static str,
    pub(crate) files: u64,
    bytes: u64,
    oldest: Option<String>,
    oldest_days: Option<i64>,
    #[serde(skip)]
    limit: Option<i64>,
}

/// Looks through the folders that there are.
///
/// # Errors
/// [`crate::error::Error::Interrupted`].
pub(crate) fn watch(settings: &Settings) -> Result<Vec<Watched>> {
    let mut watched = Vec::new();
    for (folder, limit) in FOLDERS {
        let path = settings.home.root.join(folder);
        if !path.is_dir() {
            continue;
        }
        let (mut count, mut size, mut oldest) = (0, 0, None::<DateTime<Utc>>);
        files::walk(&path, &|_| true, &mut |entry| {
            let Entry::File(path, metadata) = entry else { return Ok(()) };
            // Memories and locks of our own are not what fills it.
            if path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b".telechargements")) {
                return Ok(());
            }
            count += 1;
            size += metadata.len();
            if let Ok(at) = metadata.modified().map(DateTime::<Utc>::from) {
                oldest = Some(oldest.map_or(at, |oldest| oldest.min(at)));
            }
            Ok(())
        })?;
        watched.push(Watched {
            folder,
            files: count,
            bytes: size,
            oldest: oldest.map(|at| at.format("%Y-%m-%d %H:%M:%S").to_string()),
            oldest_days: oldest.map(|at| (Utc::now() - at).num_days()),
            limit,
        });
    }
    Ok(watched)
}

impl Watched {
    /// One line for people.
    pub(crate) fn text(&self) -> String {
        let age = self.oldest_days.map_or_else(String::new, |days| {
            format!(", le plus ancien de {}", plural(u64::try_from(days).unwrap_or(0), "jour", "jours"))
        });
        format!("  {}/ : {}, {}{age}", self.folder, plural(self.files, "fichier", "fichiers"), bytes(self.bytes))
    }

    /// Where files are forgotten.
    pub(crate) fn finding(&self) -> Option<Finding> {
        let (days, limit) = (self.oldest_days?, self.limit?);
        let old = format!("{}, le plus ancien de {}", bytes(self.bytes), plural(days.unsigned_abs(), "jour", "jours"));
        let finding = Finding::attention(Code::FolderFilling, format!("{}/", self.folder), old);
        (days > limit).then(|| finding.action("enlevez ce qui ne sert plus"))
    }
}
