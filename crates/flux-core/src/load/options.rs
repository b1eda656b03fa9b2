//! What an import can be told.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::str::FromStr;

use serde::Deserialize;

use crate::domain::catalogue::{DIMS, Dataset, Dim, Space};
use crate::error::{Error, Result};
use crate::threads;

/// Which volume counts where lines of one key disagree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnConflict {
    /// The one of the first line.
    #[default]
    First,
    /// The one of the last line.
    Last,
    /// All different ones, added.
    Sum,
    /// None: the lines are rejected.
    Reject,
}

impl OnConflict {
    /// As in the option.
    pub(crate) fn name(self) -> &'static str {
        match self {
            OnConflict::First => "first",
            OnConflict::Last => "last",
            OnConflict::Sum => "sum",
            OnConflict::Reject => "reject",
        }
    }

    /// How many of these contradictory lines are of keys that get no row.
    pub(crate) fn refused(self, conflicts: u64) -> u64 {
        if self == OnConflict::Reject { conflicts } else { 0 }
    }

    /// The one of a load, by the options that the history keeps of it.
    pub(crate) fn of_load(options: &str) -> Option<Self> {
        let name = options.split_whitespace().find_map(|option| option.strip_prefix("on_conflict="))?;
        [Self::First, Self::Last, Self::Sum, Self::Reject].into_iter().find(|policy| policy.name() == name)
    }
}

/// How rows reach the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LoadMethod {
    /// LOAD DATA LOCAL, or INSERT where the server forbids it.
    #[default]
    Auto,
    /// `LOAD DATA LOCAL INFILE`; fails where the server forbids it.
    Infile,
    /// `INSERT` of many rows, which every server takes.
    Insert,
}

impl LoadMethod {
    /// As in the option.
    pub(crate) fn name(self) -> &'static str {
        match self {
            LoadMethod::Auto => "auto",
            LoadMethod::Infile => "infile",
            LoadMethod::Insert => "insert",
        }
    }
}

/// Above how many rejected lines a file is rolled back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MaxRejects {
    /// A number of lines.
    Lines(u64),
    /// A share of the lines read, in percent.
    Percent(f64),
}

impl MaxRejects {
    /// Whether `rejected` of `read` lines is too many.
    pub(crate) fn is_exceeded(self, rejected: u64, read: u64) -> bool {
        match self {
            MaxRejects::Lines(most) => rejected > most,
            MaxRejects::Percent(most) => rejected as f64 * 100.0 > most * read as f64,
        }
    }
}

impl FromStr for MaxRejects {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "attendu : un nombre de lignes ou un pourcentage (100, 5%)".to_owned();
        match text.trim().strip_suffix('%') {
            Some(percent) => {
                let percent: f64 = percent.trim().replace(',', ".").parse().map_err(|_| wrong())?;
                if (0.0..=100.0).contains(&percent) { Ok(MaxRejects::Percent(percent)) } else { Err(wrong()) }
            }
            None => text.trim().parse().map(MaxRejects::Lines).map_err(|_| wrong()),
        }
    }
}

impl std::fmt::Display for MaxRejects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            MaxRejects::Lines(lines) => write!(f, "{lines}"),
            MaxRejects::Percent(percent) => write!(f, "{percent} %"),
        }
    }
}

/// Options of an import.
#[derive(Debug, Clone)]
pub struct ImportOptions {
    /// Folder to search instead of the home's.
    pub data_dir: Option<PathBuf>,
    /// Keeps this year's rows only.
    pub year: Option<i32>,
    /// Leaves out files larger than this many bytes.
    pub skip_large: Option<u64>,
    /// Short names of the files to import; all when empty.
    pub only: Vec<String>,
    /// Loads unchanged files and replaces shrunk dates.
    pub force: bool,
    /// What to do about contradicting lines.
    pub on_conflict: OnConflict,
    /// Dimensions to which unknown names are added.
    pub create_missing: BTreeSet<Dim>,
    /// Rolls a file back above it.
    pub max_rejects: Option<MaxRejects>,
    /// A date that would lose more than this share of its rows, in percent, is not replaced.
    pub max_shrink: f64,
    /// Takes dates that are still to come.
    pub allow_future: bool,
    /// Files at a time.
    pub jobs: usize,
    /// How rows reach the server.
    pub load_method: LoadMethod,
    /// Rows of one INSERT.
    pub batch_size: usize,
    /// Production tables (`fact_nuitees`) or those for tests (`fact_nuitees_test`).
    pub space: Space,
    /// Reads and checks, writes nothing.
    pub dry_run: bool,
}

impl Default for ImportOptions {
    fn default() -> Self {
        Self {
            data_dir: None,
            year: None,
            skip_large: None,
            only: Vec::new(),
            force: false,
            on_conflict: OnConflict::First,
            create_missing: BTreeSet::new(),
            max_rejects: None,
            max_shrink: 50.0,
            allow_future: false,
            jobs: threads::usual(),
            load_method: LoadMethod::Auto,
            batch_size: 2000,
            space: Space::Production,
            dry_run: false,
        }
    }
}

/// The dimensions of these plural names (`zones`, `pays`, …); `toutes` stands for all that a weekly file names.
///
/// # Errors
/// [`Error::Usage`] for a name that is none.
pub fn dimensions_named(names: &[String]) -> Result<BTreeSet<Dim>> {
    // EPCIs follow from the communes: no weekly file names one.
    let dims = || DIMS.iter().filter(|spec| spec.dim != Dim::Epci);
    let mut named = BTreeSet::new();
    for name in names {
        let asked = name.trim().to_lowercase();
        let found: Vec<Dim> =
            dims().filter(|spec| name == "toutes" || spec.plural == asked).map(|spec| spec.dim).collect();
        if found.is_empty() {
            let names: Vec<&str> = dims().map(|spec| spec.plural).collect();
            let message = format!("--create-missing : « {name} » n'est pas une dimension ({})", names.join(", "));
            return Err(Error::Usage(message));
        }
        named.extend(found);
    }
    Ok(named)
}

impl ImportOptions {
    /// Whether a dataset was asked for.
    pub(crate) fn wants(&self, dataset: &Dataset) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == dataset.short_name())
    }

    /// The options that change what is stored, for the history.
    pub(crate) fn fingerprint(&self) -> String {
        let year = self.year.map_or_else(String::new, |year| format!(" year={year}"));
        format!("on_conflict={}{year}", self.on_conflict.name())
    }

    /// The options that may save lines which were rejected, for the history; empty when none was given.
    pub(crate) fn leniency(&self) -> String {
        let dims: Vec<&str> = self.create_missing.iter().map(|dim| dim.spec().plural).collect();
        let create = if dims.is_empty() { String::new() } else { format!(" create_missing={}", dims.join(",")) };
        let shrink = if self.max_shrink == 50.0 { String::new() } else { format!(" max_shrink={}", self.max_shrink) };
        let future = if self.allow_future { " allow_future" } else { "" };
        format!("{create}{shrink}{future}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_on_rejects_are_lines_or_a_share() {
        assert_eq!("100".parse(), Ok(MaxRejects::Lines(100)));
        assert_eq!("2,5%".parse(), Ok(MaxRejects::Percent(2.5)));
        assert!("-1".parse::<MaxRejects>().is_err() && "101%".parse::<MaxRejects>().is_err());
        assert!(!MaxRejects::Percent(10.0).is_exceeded(1, 10));
        assert!(MaxRejects::Percent(10.0).is_exceeded(2, 10));
        assert!(MaxRejects::Lines(0).is_exceeded(1, 1_000_000));
    }
}
