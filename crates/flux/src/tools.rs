//! The one list of tools, their present and historical names, and where this program is installed under them.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use flux_cli::{Call, Category, Tool};

/// Everything there is, in the order of the operators' guide.
pub(crate) const CATEGORIES: &[Category] = &[
    flux_import::CATEGORY,
    flux_migration::CATEGORY,
    flux_diagnostic::CATEGORY,
    flux_maintenance::CATEGORY,
    flux_saisons::CATEGORY,
    flux_etl::CATEGORY,
    flux_tools_portal::CATEGORY,
    flux_dev::CATEGORY,
];

/// Extensions of the old scripts.
const EXTENSIONS: &[&str] = &[".php", ".py", ".js", ".sh", ".bat", ".ps1"];

/// All tools, category by category.
pub(crate) fn all() -> impl Iterator<Item = (&'static Category, &'static Tool)> {
    CATEGORIES.iter().flat_map(|category| category.tools.iter().map(move |tool| (category, tool)))
}

/// A tool that was asked for.
pub(crate) struct Found {
    pub(crate) category: &'static Category,
    pub(crate) tool: &'static Tool,
    /// Arguments that its old name stands for.
    implied: &'static [&'static str],
}

impl Found {
    /// Runs the tool. Arguments of the caller win over those that an old name stands for.
    pub(crate) fn run(&self, rest: &[OsString]) -> ExitCode {
        let given =
            |option: &str| rest.iter().any(|argument| argument.to_string_lossy().split('=').next() == Some(option));
        let implied = if self.implied.first().is_some_and(|option| given(option)) { &[] } else { self.implied };
        let mut arguments = vec![OsString::from(self.tool.name)];
        arguments.extend(implied.iter().map(OsString::from));
        arguments.extend_from_slice(rest);
        (self.tool.run)(self.tool, Call::Run(arguments))
    }
}

/// The tool of a present or historical name: `update-temp-tables`, `update_temp_tables.php`, `tools/import/update_temp_tables.php`.
pub(crate) fn find(asked: &str) -> Option<Found> {
    let file = asked.rsplit(['/', '\\']).next().unwrap_or(asked).to_lowercase();
    let stem = EXTENSIONS.iter().find_map(|extension| file.strip_suffix(extension)).unwrap_or(&file);
    let name = stem.replace('_', "-");
    if let Some((category, tool)) = all().find(|(_, tool)| tool.name == name) {
        return Some(Found { category, tool, implied: &[] });
    }
    all().find_map(|(category, tool)| {
        let former = tool.formerly.iter().find(|former| former.name.replace('_', "-") == name)?;
        Some(Found { category, tool, implied: former.arguments })
    })
}

/// Old names of a tool, as the guide writes them.
pub(crate) fn historical(tool: &Tool) -> Vec<String> {
    let own = Some(tool.name.replace('-', "_")).filter(|old| old != tool.name);
    own.into_iter().chain(tool.formerly.iter().map(|former| former.name.to_owned())).collect()
}

/// Names near to one that is not known.
pub(crate) fn nearest(asked: &str) -> Vec<&'static str> {
    let words: Vec<String> = asked.to_lowercase().split(['-', '_', '.', '/']).map(str::to_owned).collect();
    let score = |tool: &str| tool.split('-').filter(|word| words.iter().any(|asked| asked == word)).count();
    let mut scored: Vec<(usize, &str)> = all().map(|(_, tool)| (score(tool.name), tool.name)).collect();
    scored.retain(|(score, _)| *score > 0);
    scored.sort_by_key(|(score, tool)| (usize::MAX - score, *tool));
    scored.into_iter().take(3).map(|(_, tool)| tool).collect()
}

/// Whether operators who type the tool's name get this program.
pub(crate) enum Link {
    Own,
    Missing,
    /// Another program has the name.
    Foreign(PathBuf),
}

/// Looks for the tool's name beside this program, then in `PATH`.
pub(crate) fn link(name: &str) -> Link {
    let own = env::current_exe().and_then(fs::canonicalize).ok();
    let beside = own.as_deref().and_then(Path::parent).map(Path::to_owned);
    let path = env::var_os("PATH").unwrap_or_default();
    let found = beside.into_iter().chain(env::split_paths(&path)).map(|folder| folder.join(name)).find(|p| p.exists());
    match found {
        None => Link::Missing,
        Some(path) if fs::canonicalize(&path).ok() == own => Link::Own,
        Some(path) => Link::Foreign(path),
    }
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
            assert_eq!(
                (found.tool.name, found.category.name, found.implied.len()),
                ("update-temp-tables", "import", 0)
            );
        }
        assert_eq!(find("scrap_date.js").unwrap().tool.name, "scrap-date");
        assert_eq!(find("cleanup_temp_tables.php").unwrap().tool.name, "cleanup-temp");
        let year = find("cleanup_2025.php").unwrap();
        assert_eq!((year.tool.name, year.implied), ("cleanup-year", &["--year", "2025"][..]));
        for (old, tool, implied) in [
            ("import_sejours_duree.php", "update-temp-tables", &["--only", "duree_sejour"][..]),
            ("import_debug.php", "update-temp-tables", &["--dry-run", "--verbose"]),
            ("migrate_sejours_duree_fr.php", "migrate-sejours-duree", &["--only", "duree_sejour_fr"]),
            ("migrate_sejours_duree_int", "migrate-sejours-duree", &["--only", "duree_sejour_int"]),
            ("diagnostic_chemins_migration.php", "diagnostic-migration", &[]),
            ("cron_update_saisons.php", "update-saisons", &[]),
            ("force_update_saisons.php", "update-saisons", &[]),
            ("analyze_mobility_trends.py", "compare-mobility-2024-2023", &[]),
            ("verifier_csv_manquants.php", "etat-csv-complet", &[]),
        ] {
            let found = find(old).unwrap();
            assert_eq!((found.tool.name, found.implied), (tool, implied), "{old}");
        }
        for unknown in ["update", "", "../flux", "flux"] {
            assert!(find(unknown).is_none(), "{unknown}");
        }
    }

    /// What the help shows can be typed as it is.
    #[test]
    fn every_tool_has_examples_and_its_arguments_take_them() {
        for (_, tool) in all() {
            let mut examples = flux_cli::examples::of(tool.name).peekable();
            assert!(examples.peek().is_some(), "{} has no example", tool.name);
            for (command, _) in examples {
                let mut words: Vec<String> = Vec::new();
                for (index, part) in command.split('"').enumerate() {
                    match index % 2 {
                        0 => words.extend(part.split_whitespace().map(str::to_owned)),
                        _ => words.push(part.to_owned()),
                    }
                }
                let result = (tool.command)(tool).try_get_matches_from(&words);
                let fine =
                    result.as_ref().err().is_none_or(|error| error.kind() == clap::error::ErrorKind::DisplayHelp);
                assert!(fine, "{command}: {}", result.err().map(|error| error.to_string()).unwrap_or_default());
            }
        }
    }

    #[test]
    fn no_name_stands_in_two_categories_or_hides_an_old_one() {
        let mut names: Vec<&str> = all().map(|(_, tool)| tool.name).collect();
        let former = all().flat_map(|(_, tool)| tool.formerly).map(|former| former.name.replace('_', "-"));
        assert!(former.into_iter().all(|old| !names.contains(&old.as_str())));
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        assert!(CATEGORIES.iter().all(|category| !names.contains(&category.name)));
    }
}
