//! The tools: their categories, the binaries beside this one, their present and historical names.

use std::path::PathBuf;
use std::process::Command;

use flux_cli::DESCRIBE;
use flux_core::error::{Error, Result};

use crate::described::Description;

/// Category and names of its tools, from the manifests.
const BY_CATEGORY: &[(&str, &[&str])] = include!(concat!(env!("OUT_DIR"), "/tools.rs"));

/// Categories in the order of the guide, with what each is for.
const CATEGORIES: &[(&str, &str)] = &[
    ("import", "charger les CSV dans les tables temporaires"),
    ("migration", "passer des tables temporaires aux tables principales"),
    ("diagnostic", "vérifier la qualité et la cohérence des données, et le portail"),
    ("maintenance", "nettoyer, sauvegarder, entretenir"),
    ("saisons", "saisons, périodes et calendrier"),
    ("etl", "les exports bruts dans les tables principales"),
    ("dev", "essais et données d'exemple"),
];

/// Names of old scripts that are not the new one with underscores: the tool, and the arguments that the old name implies.
const RENAMED: &[(&str, &str, &[&str])] =
    &[("cleanup-temp-tables", "cleanup-temp", &[]), ("cleanup-2025", "cleanup-year", &["--year", "2025"])];

/// Extensions of the old scripts.
const EXTENSIONS: &[&str] = &[".php", ".py", ".js", ".sh", ".bat", ".ps1"];

/// A category with its tools.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Category {
    pub(crate) name: &'static str,
    pub(crate) purpose: &'static str,
    pub(crate) tools: &'static [&'static str],
}

/// All categories, in the order of the guide; one that it does not know comes last.
pub(crate) fn categories() -> Vec<Category> {
    let known = CATEGORIES.iter().map(|(name, purpose)| (*name, *purpose));
    let others = BY_CATEGORY.iter().map(|(name, _)| (*name, ""));
    let mut categories: Vec<Category> = Vec::new();
    for (name, purpose) in known.chain(others) {
        let tools = BY_CATEGORY.iter().find(|(category, _)| *category == name).map_or(&[][..], |(_, tools)| tools);
        if !tools.is_empty() && !categories.iter().any(|category| category.name == name) {
            categories.push(Category { name, purpose, tools });
        }
    }
    categories
}

/// A tool that was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) name: &'static str,
    pub(crate) category: &'static str,
    /// Arguments that its old name stands for.
    pub(crate) implied: &'static [&'static str],
}

/// The tool of a present or historical name: `update-temp-tables`, `update_temp_tables.php`, `tools/import/update_temp_tables.php`.
pub(crate) fn find(asked: &str) -> Option<Found> {
    let file = asked.rsplit(['/', '\\']).next().unwrap_or(asked).to_lowercase();
    let stem = EXTENSIONS.iter().find_map(|extension| file.strip_suffix(extension)).unwrap_or(&file);
    let name = stem.replace('_', "-");
    let exists = |name: &str| {
        BY_CATEGORY.iter().find_map(|(category, tools)| Some((*category, *tools.iter().find(|tool| **tool == name)?)))
    };
    if let Some((category, name)) = exists(&name) {
        return Some(Found { name, category, implied: &[] });
    }
    let (_, name, implied) = RENAMED.iter().find(|(old, _, _)| *old == name)?;
    exists(name).map(|(category, name)| Found { name, category, implied })
}

/// Old names of a tool, as the guide writes them.
pub(crate) fn historical(name: &str) -> Vec<String> {
    let renamed = RENAMED.iter().filter(|(_, tool, _)| *tool == name).map(|(old, _, _)| old.replace('-', "_"));
    std::iter::once(name.replace('-', "_")).filter(|old| old != name).chain(renamed).collect()
}

/// Names near to one that is not known.
pub(crate) fn nearest(asked: &str) -> Vec<&'static str> {
    let words: Vec<String> = asked.to_lowercase().split(['-', '_', '.', '/']).map(str::to_owned).collect();
    let score = |tool: &str| tool.split('-').filter(|word| words.iter().any(|asked| asked == word)).count();
    let mut scored: Vec<(usize, &str)> =
        BY_CATEGORY.iter().flat_map(|(_, tools)| tools.iter()).map(|tool| (score(tool), *tool)).collect();
    scored.retain(|(score, _)| *score > 0);
    scored.sort_by_key(|(score, tool)| (usize::MAX - score, *tool));
    scored.into_iter().take(3).map(|(_, tool)| tool).collect()
}

/// Where a tool's binary is: beside this one, links followed.
pub(crate) fn path(name: &str) -> Result<PathBuf> {
    let own = std::env::current_exe().and_then(std::fs::canonicalize).map_err(Error::io("recherche de", "flux"))?;
    Ok(own.with_file_name(name))
}

/// What a tool says of itself.
///
/// # Errors
/// [`Error::Config`] when its binary is missing or of another kind.
pub(crate) fn describe(name: &str) -> Result<Description> {
    let path = path(name)?;
    let broken = |message: String| Error::Config {
        message,
        hint: "réinstallez les outils : `scripts/install`, ou le paquet Debian".into(),
    };
    let output = Command::new(&path).arg(DESCRIBE).output().map_err(|error| {
        if error.kind() == std::io::ErrorKind::NotFound {
            broken(format!("l'outil {name} n'est pas installé ({} manque)", path.display()))
        } else {
            broken(format!("l'outil {name} ne démarre pas ({error})"))
        }
    })?;
    serde_json::from_slice(&output.stdout).map_err(|_| broken(format!("l'outil {name} est d'une autre version")))
}

/// All tools with what they say of themselves.
pub(crate) fn describe_all() -> Result<Vec<(Category, Vec<Description>)>> {
    let described =
        |category: Category| Ok((category, category.tools.iter().map(|tool| describe(tool)).collect::<Result<_>>()?));
    categories().into_iter().map(described).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn present_and_historical_names_lead_to_one_tool() {
        for asked in [
            "update-temp-tables",
            "update_temp_tables",
            "update_temp_tables.php",
            "Update_Temp_Tables.PHP",
            "tools/import/update_temp_tables.php",
            "tools\\import\\update_temp_tables.php",
        ] {
            let found = find(asked).unwrap_or_else(|| panic!("{asked}"));
            assert_eq!((found.name, found.category, found.implied.len()), ("update-temp-tables", "import", 0));
        }
        assert_eq!(find("scrap_date.js").unwrap().name, "scrap-date");
        assert_eq!(find("cleanup_temp_tables.php").unwrap().name, "cleanup-temp");
        assert_eq!(find("update"), None);
        assert_eq!(find(""), None);
        assert_eq!(find("../flux"), None);
    }

    #[test]
    fn no_name_stands_in_two_categories_or_hides_an_old_one() {
        let mut names: Vec<&str> = BY_CATEGORY.iter().flat_map(|(_, tools)| tools.iter().copied()).collect();
        assert!(RENAMED.iter().all(|(old, _, _)| !names.contains(old)));
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        assert!(CATEGORIES.iter().all(|(category, _)| !names.contains(category)));
    }
}
