//! `flux`: the launcher, its lists and pages, and the guide's table of commands.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use flux_test::{Home, TestDb, Tool, profile_dir, repository};
use support::weekly::World;

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
    ("migration", &["adopt_database", "ensure_schema"]),
    ("diagnostic", &["explain_volume", "historique"]),
    (
        "maintenance",
        &[
            "restore_critical",
            "rotate_logs",
            "archive_csv",
            "add_missing_zones",
            "merge_dimension",
            "merge_zones",
            "withdraw_provisional",
        ],
    ),
    ("portal", &["portal_users", "serve_portal"]),
    ("saisons", &["manage_periodes", "reset_saisons", "verifier_saisons"]),
    ("etl", &["populate_facts_optimized", "cleanup_year", "download_deliveries", "extract_only"]),
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
fn every_tool_answers_help_and_version() {
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

/// As an operator types them, with what they stand for: a run on a database in order tells by its document which tool it was.
#[test]
fn every_old_name_of_the_second_round_runs() {
    let World { home, db } = World::seeded();
    home.tool("generate-sample-data").args(["--days", "1", "--scale", "0.1"]).run().expect_code(0);
    let run = |arguments: &[&str]| home.tool("flux").args(arguments).arg("--json").run().json();
    let tried = run(&["import", "import_debug.php"]);
    assert_eq!((&tried["tool"], &tried["dry_run"]), (&"update-temp-tables".into(), &true.into()));
    assert_eq!(db.count("fact_nuitees_temp"), 0);
    let files = |json: &serde_json::Value| -> Vec<String> {
        let loaded = json["files"].as_array().unwrap().iter().filter(|file| file["status"] == "loaded");
        loaded.map(|file| file["file"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(files(&run(&["import_sejours_duree.php"])), ["duree_sejour.csv"]);
    run(&["import", "update_temp_tables.php"]);
    for (name, table) in [
        ("migrate_sejours_duree_fr", "fact_sejours_duree_departements"),
        ("migrate_sejours_duree_int", "fact_sejours_duree_pays"),
    ] {
        assert_eq!(run(&["migration", name])["tool"], "migrate-sejours-duree");
        assert_eq!(db.count(table), db.count(&format!("{table}_temp")), "{name}");
    }
    assert_eq!(db.count("fact_sejours_duree"), 0);
    for (name, tool) in [
        ("diagnostic_chemins_migration", "diagnostic-migration"),
        ("cron_update_saisons", "update-saisons"),
        ("force_update_saisons", "update-saisons"),
        ("analyze_mobility_trends", "compare-mobility-2024-2023"),
        ("verifier_csv_manquants", "etat-csv-complet"),
    ] {
        assert_eq!(run(&[&format!("tools/{name}.php")])["tool"], tool, "{name}");
    }
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
    // `flux` itself, `flux doctor` and `flux init` too.
    assert_eq!(pages.len(), binaries().len() + 3);
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

/// Tools as the manifests have them, category by category, and as the program has them: the same, in the same order.
#[test]
fn the_stanzas_of_the_manifests_are_the_list() {
    let list = flux().args(["list", "--json"]).run().expect_code(0).json();
    let mut listed = BTreeSet::new();
    let mut names = Vec::new();
    for category in list["categories"].as_array().unwrap() {
        let tools: Vec<String> =
            category["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap().into()).collect();
        assert!(tools.is_sorted(), "{tools:?}");
        listed.extend(tools.iter().map(|tool| (category["name"].as_str().unwrap().to_owned(), tool.clone())));
        names.extend(tools);
    }
    assert_eq!(listed, binaries());
    let alone = &flux().args(["list", "--names"]).run().expect_code(0).stdout;
    assert_eq!(alone.lines().collect::<Vec<_>>(), names);
}

#[test]
fn the_table_of_the_readme_has_every_tool_once() {
    let readme = fs::read_to_string(repository().join("README.md")).unwrap();
    let table = &flux().arg("docs").run().expect_code(0).stdout;
    assert!(table.starts_with("| step | tools |\n|---|---|\n"), "{table}");
    let mut named: Vec<&str> = table.split("[`").skip(1).map(|rest| rest.split('`').next().unwrap()).collect();
    named.sort_unstable();
    let names = flux().args(["list", "--names"]).run().expect_code(0);
    let mut listed: Vec<&str> = names.stdout.lines().collect();
    listed.sort_unstable();
    assert_eq!(named, listed, "each tool stands once in a step of the table");
    assert!(readme.contains(table.as_str()), "the table of README.md is stale: run scripts/gen-docs");
}

#[test]
fn the_program_runs_the_tool_it_is_called_as() {
    let home = Home::without_db();
    let old = home.join("cleanup_2025.php");
    std::os::unix::fs::symlink(profile_dir().join("flux"), &old).unwrap();
    Tool::program(&old).arg("--version").run().expect_code(0).expect_stdout("cleanup-year ");
    // The year that the old name stands for is given, so that it is not what is missing.
    let run = Tool::program(&old).home(&home).run().expect_code(1);
    assert!(run.stderr.contains("DB_USERNAME"), "{run}");
    Tool::program(&old).home(&home).args(["--year", "25"]).run().expect_code(2).expect_stderr("de 2000 à 2100");
    let other = home.join("lien");
    std::os::unix::fs::symlink(profile_dir().join("flux"), &other).unwrap();
    Tool::program(other).args(["dev", "simple-test", "--version"]).run().expect_code(0).expect_stdout("simple-test ");
}

#[test]
fn a_program_alone_runs_every_tool_and_says_which_names_are_missing_or_another_programs() {
    let db = TestDb::new();
    let home = Home::new(&db);
    fs::create_dir(home.join("bin")).unwrap();
    let path = home.join("bin/flux");
    fs::copy(profile_dir().join("flux"), &path).unwrap();
    let alone = || Tool::program(&path).home(&home).env("PATH", "/usr/bin:/bin");
    alone().args(["dev", "simple-test", "--version"]).run().expect_code(0).expect_stdout("simple-test ");
    home.write("bin/update-temp-tables", "un autre programme");
    std::os::unix::fs::symlink("flux", home.join("bin/check-status")).unwrap();
    let list = alone().args(["list", "--json"]).run().expect_code(0).json().to_string();
    assert_eq!(list.matches("\"installed\":true").count(), 1);
    let checks = alone().args(["doctor", "--json"]).run().expect_code(3).json();
    assert_eq!(checks["checks"][1]["subject"], "outils");
    let findings = checks["checks"][1]["findings"].as_array().unwrap();
    assert_eq!(findings.len(), binaries().len() - 1, "all but check-status");
    let of = |name: &str| findings.iter().find(|finding| finding["place"] == name).map(|f| f["message"].to_string());
    assert!(of("simple-test").unwrap().contains("n'est pas installé"));
    assert!(of("update-temp-tables").unwrap().contains("bin/update-temp-tables"));
    assert_eq!(of("check-status"), None);
}

/// What cannot be written is no success; a reader that has gone away is none of the tool's business.
#[test]
fn an_output_that_cannot_be_written_is_a_failure() {
    let World { home, db: _db } = World::seeded();
    let shell = |command: &str| Tool::program("/bin/bash").home(&home).args(["-c", command]);
    for command in [
        "flux list",
        "flux list --json",
        "flux --help",
        "flux import",
        "flux completions bash",
        "flux doctor",
        "status-saisons",
        "status-saisons --json",
        "scrap-date",
        "scrap-date --help",
        "scrap-date --version",
    ] {
        let path = format!("{}:/usr/bin:/bin", flux_test::bin_dir().display());
        let full = shell(&format!("{command} >/dev/full")).env("PATH", &path).run().expect_code(1);
        assert!(full.stderr.contains("plus de place"), "{command}\n{full}");
        let head = shell(&format!("{command} | head -n 0; exit ${{PIPESTATUS[0]}}")).env("PATH", &path).run();
        assert!([0, 3].contains(&head.code) && head.stderr.is_empty(), "{command}\n{head}");
    }
}

#[test]
fn a_path_that_is_no_text_does_not_cost_the_document() {
    use std::os::unix::ffi::OsStrExt;
    let World { home, db: _db } = World::seeded();
    home.tool("update-saisons").run().expect_code(0);
    let page = home.path().join(std::ffi::OsStr::from_bytes(b"page\xff"));
    let folder = home.path().join(std::ffi::OsStr::from_bytes(b"dossier\xff"));
    fs::create_dir(&folder).unwrap();
    for (tool, option, path, field) in [
        ("compare-mobility-2024-2023", "--html", &page, "/files/0"),
        ("validation-complete-import", "--html", &page, "/html"),
        ("backup-critical", "--dir", &folder, "/path"),
        ("security-cleanup-check", "--path", &folder, "/path"),
    ] {
        let run = home.tool(tool).args(["--json", option]).arg(path).run();
        assert!([0, 3].contains(&run.code), "{run}");
        let shown = run.json().pointer(field).unwrap_or_else(|| panic!("{field}\n{run}")).to_string();
        assert!(shown.contains('\u{fffd}'), "{shown}");
    }
}
