//! Every diagnostic on databases that are not what they should be: none, none that answers, without tables, empty, a table missing,
//! a column of an older schema missing, a year without data, unknown names. The right code, what is missing by name, the command
//! that mends it; never a panic, never a success.

use std::collections::BTreeMap;
use support::diag;

use flux_test::{Home, Outcome, TestDb};

/// A diagnostic, its code on a sound database, and the tables that it cannot do without.
struct Tool {
    name: &'static str,
    args: &'static [&'static str],
    sound: i32,
    needs: &'static [&'static str],
}

const TOOLS: [Tool; 19] = [
    Tool {
        name: "check-status",
        args: &[],
        sound: 0,
        needs: &["flux_import_history", "fact_nuitees_temp", "fact_nuitees"],
    },
    // Three zones of the reference's eleven are stored.
    Tool {
        name: "check-zones",
        args: &[],
        sound: 3,
        needs: &["dim_zones_observation", "fact_nuitees", "fact_nuitees_temp"],
    },
    Tool {
        name: "validation-complete-import",
        args: &[],
        sound: 0,
        needs: &[
            "dim_zones_observation",
            "dim_provenances",
            "dim_communes",
            "fact_nuitees_temp",
            "flux_import_history",
        ],
    },
    Tool {
        name: "verify-migration",
        args: &[],
        sound: 0,
        needs: &["fact_nuitees", "fact_nuitees_temp", "fact_lieu_activite_soir", "fact_sejours_duree_pays"],
    },
    Tool {
        name: "compare-mobility-2024-2023",
        args: &["--from", "2025-07-07", "--to", "2025-07-08", "--reference", "2024"],
        sound: 0,
        needs: &["dim_zones_observation", "dim_provenances", "dim_communes", "fact_lieu_activite_soir"],
    },
    Tool {
        name: "compare-mobility-2024-2023",
        args: &["--period", "vacances_ete", "--year", "2025", "--reference", "2024"],
        sound: 0,
        needs: &["dim_zones_observation", "dim_periodes", "dim_communes", "fact_lieu_activite_soir"],
    },
    Tool {
        name: "diagnostic-mobility",
        args: &["--year", "2025", "--period", "vacances_ete"],
        sound: 0,
        needs: &["dim_zones_observation", "dim_periodes", "dim_provenances", "fact_lieu_activite_soir"],
    },
    // Eight of eleven zones lead to nothing.
    Tool { name: "test-zone-mapping-api-production", args: &[], sound: 3, needs: &["dim_zones_observation"] },
    Tool { name: "diagnostic-migration", args: &[], sound: 0, needs: &TABLES },
    Tool { name: "tables-info", args: &[], sound: 0, needs: &TABLES },
    Tool {
        name: "check-import-progress",
        args: &[],
        sound: 0,
        needs: &["flux_import_progress", "flux_import_history"],
    },
    Tool { name: "merge-zones", args: &[], sound: 0, needs: &["dim_zones_observation"] },
    Tool { name: "add-missing-zones", args: &["--dry-run"], sound: 0, needs: &["dim_zones_observation"] },
    Tool {
        name: "migrate-sejours-duree",
        args: &["--dry-run"],
        sound: 0,
        needs: &["fact_sejours_duree_pays", "fact_sejours_duree_pays_temp"],
    },
    Tool { name: "migrate-optimized", args: &["--dry-run"], sound: 0, needs: &["fact_lieu_activite_soir"] },
    Tool { name: "import-sejours-duree-int", args: &["--dry-run"], sound: 0, needs: &["fact_sejours_duree_pays_temp"] },
    Tool { name: "import-optimized", args: &["--dry-run"], sound: 0, needs: &["fact_nuitees_temp", "dim_communes"] },
    // They do without a database.
    Tool { name: "analyse-zones-csv", args: &[], sound: 0, needs: &[] },
    Tool { name: "etat-csv-complet", args: &[], sound: 0, needs: &[] },
];

const TABLES: [&str; 11] = [
    "dim_zones_observation",
    "dim_provenances",
    "dim_communes",
    "dim_periodes",
    "fact_nuitees",
    "fact_nuitees_temp",
    "fact_lieu_activite_soir",
    "fact_sejours_duree_pays",
    "fact_sejours_duree_pays_temp",
    "flux_import_history",
    "flux_import_progress",
];

/// Columns that an older database may lack, and tools that must say so.
const COLUMNS: [(&str, &str, &[&str]); 8] = [
    ("fact_nuitees", "is_provisional", &["check-status", "verify-migration", "diagnostic-migration", "tables-info"]),
    ("fact_nuitees_temp", "volume", &["check-status", "validation-complete-import", "verify-migration"]),
    (
        "fact_lieu_activite_soir",
        "id_commune",
        &["compare-mobility-2024-2023", "diagnostic-mobility", "verify-migration"],
    ),
    ("flux_import_progress", "note", &["check-import-progress", "tables-info", "diagnostic-migration"]),
    ("flux_import_history", "cleaned_at", &["check-status", "validation-complete-import"]),
    ("dim_communes", "nom_commune", &["compare-mobility-2024-2023", "tables-info"]),
    ("dim_periodes", "nom_periode", &["compare-mobility-2024-2023", "diagnostic-mobility", "tables-info"]),
    (
        "dim_zones_observation",
        "nom_zone",
        &[
            "check-zones",
            "merge-zones",
            "add-missing-zones",
            "validation-complete-import",
            "test-zone-mapping-api-production",
        ],
    ),
];

/// A delivery that is imported and migrated, with the same two days of the year before.
fn sound() -> (TestDb, Home) {
    let db = diag::database();
    let home = Home::new(&db);
    diag::deliver(&home);
    home.tool("update-temp-tables").run().expect_code(0);
    home.tool("migrate-temp-to-main").run().expect_code(0);
    db.exec(
        "INSERT INTO dim_periodes (code_periode, nom_periode, annee, date_debut, date_fin) VALUES
         ('vacances_ete', 'Vacances d''été', 2025, '2025-07-07 00:00:00', '2025-07-08 23:59:59'),
         ('vacances_ete', 'Vacances d''été', 2024, '2024-07-07 00:00:00', '2024-07-08 23:59:59');
         INSERT INTO fact_lieu_activite_soir (date, id_zone, id_provenance, id_categorie, id_commune, jour_semaine, volume)
         SELECT date - INTERVAL 1 YEAR, id_zone, id_provenance, id_categorie, id_commune, '', volume FROM fact_lieu_activite_soir_temp",
    );
    (db, home)
}

#[track_caller]
fn run(home: &Home, tool: &Tool, case: &str) -> Outcome {
    let outcome = home.tool(tool.name).args(tool.args).run();
    assert!(!outcome.stderr.contains("panicked") && (0..=3).contains(&outcome.code), "{case}\n{outcome}");
    outcome
}

fn says(outcome: &Outcome, words: &[&str]) -> bool {
    let text = format!("{}{}", outcome.stdout, outcome.stderr);
    outcome.code != 0 && words.iter().all(|word| text.contains(word))
}

#[test]
fn a_sound_database_gives_the_codes_that_the_others_are_measured_by() {
    let (_db, home) = sound();
    for tool in &TOOLS {
        let outcome = run(&home, tool, "sound");
        assert_eq!(outcome.code, tool.sound, "{outcome}");
    }
}

#[test]
fn a_missing_table_is_named_with_the_command_that_creates_it() {
    let (db, home) = sound();
    for table in TABLES {
        db.exec(&format!("RENAME TABLE {table} TO cache_ailleurs"));
        for tool in &TOOLS {
            let outcome = run(&home, tool, table);
            let told = says(&outcome, &[table, "ensure-schema"]);
            let needed = tool.needs.contains(&table);
            assert!(told || (!needed && outcome.code == tool.sound), "without {table}\n{outcome}");
        }
        db.exec(&format!("RENAME TABLE cache_ailleurs TO {table}"));
    }
}

#[test]
fn a_missing_column_is_named_with_the_command_that_adds_it() {
    let (db, home) = sound();
    for (table, column, needed) in COLUMNS {
        db.exec(&format!("ALTER TABLE {table} RENAME COLUMN {column} TO ancien"));
        for tool in &TOOLS {
            let outcome = run(&home, tool, &format!("{table}.{column}"));
            let told = says(&outcome, &[column, "ensure-schema"]);
            let needed = needed.contains(&tool.name)
                && tool.args != ["--from", "2025-07-07", "--to", "2025-07-08", "--reference", "2024"];
            assert!(told || (!needed && outcome.code == tool.sound), "without {table}.{column}\n{outcome}");
            assert!(!outcome.stderr.contains("Unknown column"), "the server's own words\n{outcome}");
        }
        db.exec(&format!("ALTER TABLE {table} RENAME COLUMN ancien TO {column}"));
    }
}

#[test]
fn without_a_database_only_the_csv_tools_work() {
    let home = Home::without_db();
    diag::deliver(&home);
    for tool in &TOOLS {
        let outcome = run(&home, tool, "no database");
        match tool.name {
            "analyse-zones-csv" | "etat-csv-complet" => assert_eq!(outcome.code, 0, "{outcome}"),
            // Its own job is to find that.
            "diagnostic-migration" => assert!(says(&outcome, &["DB_USERNAME", ".env"]), "{outcome}"),
            _ => {
                assert!(says(&outcome, &["DB_USERNAME", ".env"]), "{outcome}");
                let json = home.tool(tool.name).args(tool.args).arg("--json").run().expect_code(1).json();
                assert!(json["error"]["hint"].as_str().unwrap().contains(".env"), "{json}");
            }
        }
    }
}

#[test]
fn a_server_that_does_not_answer_is_named() {
    let db = TestDb::new();
    let home = Home::new(&db);
    diag::deliver(&home);
    for tool in TOOLS.iter().filter(|tool| !tool.name.ends_with("csv") && !tool.name.starts_with("etat-csv")) {
        let outcome = home.tool(tool.name).args(tool.args).env("DB_PORT", "1").run();
        assert!(says(&outcome, &["connexion impossible", "DB_HOST"]), "{outcome}");
    }
}

#[test]
fn a_database_without_any_table_is_no_success() {
    let home = Home::new(&TestDb::new());
    let db = TestDb::new();
    drop(home);
    let home = Home::new(&db);
    diag::deliver(&home);
    for tool in TOOLS.iter().filter(|tool| !tool.name.ends_with("csv") && !tool.name.starts_with("etat-csv")) {
        let outcome = run(&home, tool, "no table");
        assert!(says(&outcome, &["ensure-schema"]), "{outcome}");
    }
}

/// What each says of tables without a row; those that it does not name have nothing to look at, code 0.
#[test]
fn empty_tables_are_said_to_be_empty() {
    let db = diag::database();
    let home = Home::new(&db);
    let without_facts: BTreeMap<&str, (i32, &str)> = BTreeMap::from([
        ("check-zones", (3, "zones de la référence absentes")),
        ("validation-complete-import", (3, "absent")),
        ("compare-mobility-2024-2023", (3, "aucun visiteur")),
        ("diagnostic-mobility", (3, "la table est vide")),
        ("test-zone-mapping-api-production", (3, "aucune")),
        ("check-import-progress", (0, "aucun import connu")),
        ("verify-migration", (0, "rien à comparer")),
        ("import-sejours-duree-int", (3, "absent")),
        ("import-optimized", (3, "absent")),
        ("analyse-zones-csv", (3, "aucun des dix fichiers")),
        ("etat-csv-complet", (3, "absent")),
    ]);
    let chosen = |tool: &&Tool| tool.args.first() != Some(&"--period");
    for tool in TOOLS.iter().filter(chosen) {
        let outcome = run(&home, tool, "no facts");
        let (code, word) = without_facts.get(tool.name).copied().unwrap_or((0, ""));
        assert_eq!(outcome.code, code, "{outcome}");
        assert!(outcome.stdout.contains(word), "{word:?} expected\n{outcome}");
        assert!(!outcome.stdout.contains("prouvée"), "nothing is no proof\n{outcome}");
    }
    let dims = [
        "zones_observation",
        "provenances",
        "categories_visiteur",
        "departements",
        "pays",
        "durees_sejour",
        "communes",
    ];
    db.exec(&dims.map(|dim| format!("DELETE FROM dim_{dim}")).join("; "));
    diag::deliver(&home);
    for tool in TOOLS.iter().filter(|tool| tool.needs.iter().any(|table| table.starts_with("dim_"))) {
        let outcome = run(&home, tool, "no names");
        match tool.name {
            "add-missing-zones" => assert_eq!(outcome.code, 0, "{outcome}"),
            // No zone is split, and the inventory counts zero rows.
            "merge-zones" | "tables-info" => assert_eq!(outcome.code, 0, "{outcome}"),
            // The first condition that leaves nothing comes before the names.
            "diagnostic-mobility" => assert!(says(&outcome, &["la table est vide"]), "{outcome}"),
            _ => assert!(says(&outcome, &["vide", "ensure-schema --seed"]), "{outcome}"),
        }
    }
}

#[test]
fn unknown_names_and_years_without_data_are_told() {
    let (_db, home) = sound();
    let cases: [(&str, &[&str], i32, &[&str]); 10] = [
        ("compare-mobility-2024-2023", &["--zone", "CABBA"], 2, &["CABBA", "CABA"]),
        ("compare-mobility-2024-2023", &["--period", "vacance_etee"], 2, &["vacance_etee"]),
        ("compare-mobility-2024-2023", &["--period", "vacances_ete", "--year", "2031"], 2, &["2031", "update-saisons"]),
        (
            "compare-mobility-2024-2023",
            &["--from", "2020-07-07", "--to", "2020-07-08", "--reference", "2019"],
            3,
            &["aucun visiteur", "diagnostic-mobility --year 2020"],
        ),
        ("compare-mobility-2024-2023", &["--year", "1999"], 2, &["1999"]),
        ("diagnostic-mobility", &["--year", "2025", "--zone", "CABBA"], 3, &["CABBA", "CABA"]),
        ("diagnostic-mobility", &["--year", "2025", "--period", "vacance_etee"], 3, &["vacance_etee", "vacances_ete"]),
        ("diagnostic-mobility", &["--year", "2020"], 3, &["2020"]),
        ("merge-zones", &["--from", "CABBA", "--into", "CANTAL"], 2, &["CABBA", "CABA"]),
        ("verify-migration", &["--only", "fact_inconnue"], 2, &["fact_inconnue"]),
    ];
    for (tool, args, code, words) in cases {
        let outcome = home.tool(tool).args(args).run().expect_code(code);
        assert!(says(&outcome, words), "{words:?} expected\n{outcome}");
    }
}
