//! `flux`: the launcher, its lists and pages, and the guide's table of commands.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use flux_test::{Home, TestDb, Tool, profile_dir, repository};

/// Every script that the guide names, by category; the guide's `diagnostic_migration*` is one tool.
const GUIDE: &[(&str, &[&str])] = &[
    ("import", &["update_temp_tables", "import_sejours_duree_fr", "import_sejours_duree_int", "import_optimized"]),
    ("migration", &["migrate_temp_to_main", "migrate_sejours_duree", "migrate_optimized"]),
    (
        "diagnostic",
        &[
            "check_status",
            "check_zones",
            "validation_complete_import",
            "verify_migration",
            "compare_mobility_2024_2023",
            "diagnostic_mobility",
            "test_zone_mapping_api_production",
            "test_api_simple",
            "test_api_mobilite_directe",
            "test_infographie_apis",
            "analyse_zones_csv",
            "etat_csv_complet",
            "diagnostic_migration",
            "cache_admin",
            "cleanup_old_cache",
            "test_admin_restrictions",
            "tables_info",
        ],
    ),
    (
        "maintenance",
        &[
            "cleanup_temp_tables",
            "backup_critical",
            "improve_response",
            "clear_cache_midnight",
            "security_cleanup_check",
        ],
    ),
    ("saisons", &["scrap_date", "update_saisons", "status_saisons"]),
    ("etl", &["populate_facts_full_production"]),
    ("dev", &["simple_test"]),
];

/// Tools of the specification beside the guide's.
const BESIDE: &[(&str, &[&str])] = &[
    ("import", &["check_import_progress"]),
    ("migration", &["ensure_schema"]),
    ("maintenance", &["restore_critical", "rotate_logs", "archive_csv", "add_missing_zones", "merge_zones"]),
    ("saisons", &["reset_saisons", "verifier_saisons"]),
    ("etl", &["populate_facts_optimized", "cleanup_year", "extract_only"]),
    ("dev", &["generate_sample_data"]),
];

/// Tools that are documented and not written yet. To be empty in a release.
const NOT_YET: &[&str] = &[];

/// The binaries of the workspace with their category, as cargo knows them.
fn binaries() -> BTreeSet<(String, String)> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1", "--manifest-path"])
        .arg(repository().join("Cargo.toml"))
        .output()
        .unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut found = BTreeSet::new();
    for package in metadata["packages"].as_array().unwrap() {
        let folder = Path::new(package["manifest_path"].as_str().unwrap()).parent().unwrap().to_owned();
        if folder.parent().is_none_or(|parent| !parent.ends_with("tools")) {
            continue;
        }
        for target in package["targets"].as_array().unwrap() {
            if target["kind"][0] == "bin" {
                let category = folder.file_name().unwrap().to_string_lossy().into_owned();
                found.insert((category, target["name"].as_str().unwrap().to_owned()));
            }
        }
    }
    assert!(found.len() > 10, "{found:?}");
    found
}

fn flux() -> Tool {
    Tool::new("flux")
}

/// The name of the tool that stands for a script.
fn tool_of(script: &str) -> String {
    if script == "cleanup_temp_tables" { "cleanup-temp".into() } else { script.replace('_', "-") }
}

#[test]
fn every_documented_script_has_its_tool() {
    let existing: BTreeSet<String> = binaries().into_iter().map(|(_, name)| name).collect();
    let documented: BTreeSet<String> =
        GUIDE.iter().chain(BESIDE).flat_map(|(_, scripts)| scripts.iter().map(|script| tool_of(script))).collect();
    let missing: BTreeSet<String> = documented.difference(&existing).cloned().collect();
    let expected: BTreeSet<String> = NOT_YET.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(missing, expected, "the tools that are missing are not those of NOT_YET");
    let undocumented: Vec<&String> = existing.difference(&documented).collect();
    assert!(undocumented.is_empty(), "in no list of this test: {undocumented:?}");
    for (category, name) in binaries() {
        let scripts =
            GUIDE.iter().chain(BESIDE).filter(|(of, _)| *of == category).flat_map(|(_, scripts)| scripts.iter());
        assert!(scripts.map(|script| tool_of(script)).any(|tool| tool == name), "{name} is in category {category}");
    }
}

/// The list above is what the guide's text names: no script more, none less.
#[test]
fn the_list_is_the_guides() {
    let guide = fs::read_to_string(repository().join("docs/guide-exploitation.md")).unwrap();
    let listed = |lists: &[(&str, &[&'static str])]| -> BTreeSet<&'static str> {
        lists.iter().flat_map(|(_, scripts)| scripts.iter().copied()).collect()
    };
    // `*` is the guide's: all scripts whose names begin so, or one in several languages. All have a `_`.
    let words = guide.split(|c: char| !(c.is_ascii_alphanumeric() || "_.*".contains(c)));
    let script = |word| [".php", ".py", ".js", ".*", "*"].iter().find_map(|ending| str::strip_suffix(word, ending));
    let named: BTreeSet<&str> = words.filter_map(script).filter(|name| name.contains('_')).collect();
    let of_guide = listed(GUIDE);
    let unnamed: Vec<_> = of_guide.difference(&named).collect();
    assert!(unnamed.is_empty(), "not in the guide: {unnamed:?}");
    let of_both: BTreeSet<_> = of_guide.union(&listed(BESIDE)).copied().collect();
    let unlisted: Vec<_> = named.difference(&of_both).collect();
    assert!(unlisted.is_empty(), "in no list: {unlisted:?}");
}

#[test]
fn every_tool_answers_help_version_and_describe() {
    for (category, name) in binaries() {
        let help = Tool::new(&name).arg("--help").run().expect_code(0);
        let help = help.expect_stdout("Utilisation :").expect_stdout("Codes de sortie");
        assert!(help.stdout.starts_with(&format!("{name} ")), "{help}");
        assert!(help.stderr.is_empty(), "{help}");
        // What clap says by itself, in English.
        for english in ["Usage:", "Options:\n  -", "Arguments:", "Print ", "[default", "[possible", "[env", "[aliases"]
        {
            assert!(!help.stdout.contains(english), "{english:?}\n{help}");
        }
        Tool::new(&name).arg("--version").run().expect_code(0).expect_stdout(&name);
        Tool::new(&name).arg("--pas-une-option").run().expect_code(2).expect_stderr("--help");
        let described = Tool::new(&name).arg("--describe").run().expect_code(0).json();
        assert_eq!(described["name"], name.as_str());
        let through = flux().args([&category, &name, "--help"]).run().expect_code(0);
        assert_eq!(through.stdout, help.stdout);
    }
}

#[test]
fn historical_names_run_the_tool_with_its_arguments_and_its_exit_code() {
    for arguments in [
        &["dev", "simple-test"][..],
        &["dev", "simple_test"],
        &["dev", "simple_test.php"],
        &["simple_test.php"],
        &["tools/dev/simple_test.php"],
        &["simple-test"],
    ] {
        flux().args(arguments).arg("--version").run().expect_code(0).expect_stdout("simple-test ");
        flux().args(arguments).arg("--pas-une-option").run().expect_code(2).expect_stderr("simple-test : ");
    }
    flux()
        .args(["maintenance", "cleanup_temp_tables", "--version"])
        .run()
        .expect_code(0)
        .expect_stdout("cleanup-temp ");
    let db = TestDb::new();
    let home = Home::new(&db);
    let season = home.tool("flux").args(["saisons", "scrap_date.js", "--from", "2024", "--to", "2024"]);
    season.run().expect_code(0).expect_stdout("2024-12-21");
    let json = home.tool("flux").args(["dev", "simple_test", "--json"]).run().expect_code(3).json();
    assert_eq!(json["tool"], "simple-test");
}

#[test]
fn what_does_not_exist_is_said_with_what_is_near() {
    flux().args(["import", "update_tables"]).run().expect_code(2).expect_stderr("update-temp-tables");
    flux().args(["import", "simple-test"]).run().expect_code(2).expect_stderr("catégorie dev");
    flux().arg("meteo").run().expect_code(2).expect_stderr("« meteo » n'existe pas");
    flux().args(["completions", "csh"]).run().expect_code(2);
    flux().arg("--json").run().expect_code(2);
}

#[test]
fn the_list_is_grouped_and_whole() {
    let list = flux().arg("list").run().expect_code(0);
    for (category, name) in binaries() {
        let mut sections = list.stdout.split("\n\n");
        let section = sections
            .find(|section| section.starts_with(&format!("{category} : ")))
            .unwrap_or_else(|| panic!("{category}\n{list}"));
        assert!(section.lines().any(|line| line.starts_with(&format!("  {name} "))), "{name}\n{list}");
    }
    let json = flux().args(["list", "--json"]).run().expect_code(0).json();
    let count: usize =
        json["categories"].as_array().unwrap().iter().map(|category| category["tools"].as_array().unwrap().len()).sum();
    assert_eq!(count, binaries().len());
    flux().arg("saisons").run().expect_code(0).expect_stdout("scrap-date");
    flux().run().expect_code(0).expect_stdout("flux CATÉGORIE OUTIL");
    flux().arg("--help").run().expect_code(0).expect_stdout("flux doctor");
}

#[test]
fn completions_are_accepted_by_their_shells_and_hold_the_options() {
    for shell in ["bash", "zsh", "fish"] {
        let script = &flux().args(["completions", shell]).run().expect_code(0).stdout;
        for word in ["update-temp-tables", "on-conflict", "doctor"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
        let home = Home::without_db();
        flux().args(["completions", shell, "--dir"]).arg(home.join("c")).run().expect_code(0);
        assert_eq!(home.list("c").len(), binaries().len() + 1);
        if Command::new(shell).arg("--version").output().is_ok() {
            let file = home.write("script", script);
            let check = Command::new(shell).arg("-n").arg(&file).output().unwrap();
            assert!(check.status.success(), "{shell}: {}", String::from_utf8_lossy(&check.stderr));
        }
    }
}

/// What bash offers at `flux import update-temp-tables --on-<tab>` and at `verify-migration --lim<tab>`.
#[test]
fn bash_completes_options_of_tools() {
    let home = Home::without_db();
    flux().args(["completions", "bash", "--dir"]).arg(home.path()).run().expect_code(0);
    let complete = |file: &str, function: &str, words: &[&str]| {
        let script = format!(
            ". ./{file}; COMP_WORDS=({}); COMP_CWORD={}; {function} {} \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"; echo \"${{COMPREPLY[@]}}\"",
            words.join(" "),
            words.len() - 1,
            words[0]
        );
        Tool::program("/bin/bash")
            .args(["-c", &script])
            .current_dir(home.path())
            .run()
            .expect_code(0)
            .stdout
            .trim()
            .to_owned()
    };
    assert_eq!(complete("flux", "_flux", &["flux", "import", "update-temp-tables", "--on-"]), "--on-conflict");
    assert_eq!(complete("flux", "_flux", &["flux", "sais"]), "saisons");
    assert_eq!(complete("verify-migration", "_verify__migration", &["verify-migration", "--lim"]), "--limit");
}

#[test]
fn man_pages_are_clean_and_whole() {
    let home = Home::without_db();
    flux().arg("man").arg(home.join("man")).run().expect_code(0);
    let pages = home.list("man");
    assert_eq!(pages.len(), binaries().len() + 1);
    let page = home.read("man/update-temp-tables.1");
    for part in [".SH NOM", ".SH DESCRIPTION", "on\\-conflict", "Codes de sortie"] {
        assert!(page.contains(part), "{part}\n{page}");
    }
    if Command::new("man").arg("--version").output().is_ok() {
        for page in pages {
            let run =
                Tool::program("man").args(["--warnings=all", "-E", "UTF-8", "-l"]).arg(home.join("man").join(&page));
            let run = run.env("LC_ALL", "C.UTF-8").env("MANWIDTH", "120").env("MANPAGER", "cat").run().expect_code(0);
            assert!(run.stderr.is_empty(), "{page}\n{run}");
        }
    }
}

#[test]
fn the_pages_of_docs_are_those_of_the_tools() {
    let home = Home::without_db();
    flux().args(["docs", "docs"]).current_dir(home.path()).run().expect_code(0);
    let committed = repository().join("docs/outils");
    let mut names: Vec<String> =
        fs::read_dir(&committed).unwrap().flatten().map(|e| e.file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(home.list("docs"), names, "run scripts/gen-docs");
    for name in names {
        let text = fs::read_to_string(committed.join(&name)).unwrap();
        assert!(home.read(format!("docs/{name}")) == text, "docs/outils/{name} is stale: run scripts/gen-docs");
    }
}

#[test]
fn a_tool_that_is_not_beside_flux_is_said_to_be_missing() {
    let home = Home::without_db();
    fs::copy(profile_dir().join("flux"), home.join("flux")).unwrap();
    let alone = || Tool::program(home.join("flux"));
    alone()
        .args(["dev", "simple-test"])
        .run()
        .expect_code(1)
        .expect_stderr("ne peut pas être lancé")
        .expect_stderr("scripts/install");
    alone().arg("list").run().expect_code(0).expect_stdout("✗ non installé");
    alone().args(["completions", "bash"]).run().expect_code(1).expect_stderr("n'est pas installé");
    let doctor = alone().arg("doctor").home(&home).run().expect_code(3);
    doctor.expect_stdout("l'outil simple-test n'est pas installé");
    // Through a link, the tools beside the real binary are found.
    let link = home.join("lien");
    std::os::unix::fs::symlink(profile_dir().join("flux"), &link).unwrap();
    Tool::program(link).args(["dev", "simple-test", "--version"]).run().expect_code(0);
}
