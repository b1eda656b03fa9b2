//! `update-temp-tables`: what the weekly import stores, counts, replaces and refuses, as domain.md §4 says.

use serde_json::{Value, json};
use support::weekly;
use support::weekly::{BASE, FILES, FR, INT, MOBILITY, STAY, STAY_FR, STAY_INT, Sane, World, ZONES, counts, file};

const NIGHTS: &str = "frequentation_nuitee.csv";

/// A small delivery of all ten files on one date.
fn deliver_ten(world: &World) {
    world.csv(FILES[0].0, BASE, &["2025-07-07;Cantal;Local;Touriste;10", "2025-07-07;Lioran;NonLocal;Touriste;11"]);
    world.csv(FILES[1].0, FR, &["2025-07-07;Cantal;NonLocal;Touriste;Puy-de-Dôme;20"]);
    world.csv(FILES[2].0, INT, &["2025-07-07;Cantal;Etranger;Touriste;Espagne;30"]);
    world.csv(FILES[3].0, BASE, &["2025-07-07;Cantal;Local;Excursionniste;40"]);
    world.csv(FILES[4].0, FR, &["2025-07-07;Cantal;NonLocal;Excursionniste;Aveyron;50"]);
    world.csv(FILES[5].0, INT, &["2025-07-07;Cantal;Etranger;Excursionniste;Royaume-Uni;60"]);
    world.csv(FILES[6].0, MOBILITY, &["2025-07-07;Cantal;NonLocal;Touriste;Aurillac;70"]);
    world.csv(FILES[7].0, STAY, &["2025-07-07;Cantal;NonLocal;Touriste;1 nuit;80"]);
    world.csv(FILES[8].0, STAY_FR, &["2025-07-07;Cantal;NonLocal;Touriste;Loire;13 nuits et plus;90"]);
    world.csv(FILES[9].0, STAY_INT, &["2025-07-07;Cantal;Etranger;Touriste;Pays-Bas;12 nuits;100"]);
}

#[test]
fn ten_files_reach_their_ten_tables() {
    let world = World::new();
    deliver_ten(&world);
    let json = world.tool("update-temp-tables").arg("--json").run().sane().expect_code(0).json();
    let order: Vec<&Value> = json["files"].as_array().unwrap().iter().map(|file| &file["file"]).collect();
    assert_eq!(order, FILES.map(|f| f.0));
    for (name, temp, _) in FILES {
        let stored = if name == NIGHTS { 2 } else { 1 };
        let file = file(&json, name);
        assert_eq!(
            (&file["status"], &file["table"], &file["encoding"]),
            (&json!("loaded"), &json!(temp), &json!("UTF-8"))
        );
        assert_eq!(counts(file), [stored, stored, 0, 0, 0, 0, 0], "{name}");
        assert!(file["reject_file"].is_null() && file["duration_s"].is_number(), "{file}");
    }
    assert_eq!(counts(&json["totals"]), [11, 11, 0, 0, 0, 0, 0]);

    let row = |table: &str, columns: &str| world.keys(table, columns);
    assert_eq!(world.stored(), ["2025-07-07 1 1 1 10", "2025-07-07 5 2 1 11"]);
    let base = "date, id_zone, id_provenance, id_categorie";
    for (table, more, expected) in [
        ("fact_nuitees_departements_temp", "id_departement", "2025-07-07 1 2 1 2 20"),
        ("fact_nuitees_pays_temp", "id_pays", "2025-07-07 1 3 1 1 30"),
        ("fact_diurnes_departements_temp", "id_departement", "2025-07-07 1 2 4 3 50"),
        ("fact_diurnes_pays_temp", "id_pays", "2025-07-07 1 3 4 2 60"),
        // The EPCI is that of the commune; 7 July 2025 is a Monday.
        ("fact_lieu_activite_soir_temp", "id_epci, id_commune, jour_semaine", "2025-07-07 1 2 1 1 1 lundi 70"),
        ("fact_sejours_duree_temp", "id_duree", "2025-07-07 1 2 1 1 80"),
        ("fact_sejours_duree_departements_temp", "id_departement, id_duree", "2025-07-07 1 2 1 8 13 90"),
        ("fact_sejours_duree_pays_temp", "id_pays, id_duree", "2025-07-07 1 3 1 4 12 100"),
    ] {
        assert_eq!(row(table, &format!("{base}, {more}")), [expected], "{table}");
    }
    assert_eq!(world.keys("fact_diurnes_temp", base), ["2025-07-07 1 1 4 40"]);
    for (_, temp, _) in FILES {
        assert_eq!(
            world.db.scalar(&format!("SELECT COUNT(*) FROM {temp} WHERE is_provisional = 1")),
            world.db.count(temp).to_string()
        );
    }
    // A Monday of week 28, quarter 3, within the summer holidays of all zones; no public holiday.
    let day = "SELECT vacances_a, vacances_b, vacances_c, ferie, jour_semaine, mois, annee, trimestre, semaine FROM dim_dates";
    assert_eq!(world.db.rows(day), [["1", "1", "1", "0", "lundi", "7", "2025", "3", "28"]]);
    let log = world.home.logs();
    assert!(log.contains("update-temp-tables.log"), "{log}");
}

#[test]
fn the_text_says_what_was_done_and_quiet_says_nothing() {
    let world = World::new();
    deliver_ten(&world);
    let outcome = world.tool("update-temp-tables").run().sane().expect_code(0);
    let outcome = outcome.expect_stdout("✓ 11 lignes lues, 11 lignes enregistrées");
    assert!(outcome.stderr.is_empty(), "{outcome}");
    let again = world.tool("update-temp-tables").args(["-q", "--force"]).run().sane().expect_code(0);
    assert!(again.stdout.is_empty() && again.stderr.is_empty(), "{again}");
}

#[test]
fn a_second_delivery_replaces_its_dates_and_leaves_the_others() {
    let world = World::new();
    world.nights(&[
        "2025-07-07;Cantal;Local;Touriste;1",
        "2025-07-08;Cantal;Local;Touriste;2",
        "2025-07-08;Lioran;Local;Touriste;3",
    ]);
    world.import_nights(&[]).expect_code(0);
    world.nights(&["2025-07-08;Cantal;Local;Touriste;20", "2025-07-09;Cantal;Local;Touriste;30"]);
    // Lioran is gone from a date, which is told.
    let json = world.import_nights(&[]).expect_code(3).json();
    assert_eq!(counts(file(&json, NIGHTS)), [2, 2, 2, 0, 0, 0, 0]);
    assert_eq!(world.stored(), ["2025-07-07 1 1 1 1", "2025-07-08 1 1 1 20", "2025-07-09 1 1 1 30"]);
}

#[test]
fn an_unchanged_file_is_not_loaded_again_unless_forced() {
    let world = World::new();
    world.nights(&["2025-07-07;Cantal;Local;Touriste;1"]);
    world.import_nights(&[]).expect_code(0);
    let json = world.import_nights(&[]).expect_code(0).json();
    assert_eq!(file(&json, NIGHTS)["status"], "unchanged");
    assert_eq!(world.db.count("flux_import_history"), 1);
    let json = world.import_nights(&["--force"]).expect_code(0).json();
    assert_eq!((&file(&json, NIGHTS)["status"], &file(&json, NIGHTS)["deleted"]), (&json!("loaded"), &json!(1)));
    assert_eq!(world.stored(), ["2025-07-07 1 1 1 1"]);
}

#[test]
fn a_failed_load_is_never_remembered_as_done() {
    let world = World::new();
    world.nights(&["2025-07-07;Cantal;Local;Touriste;1", "2025-07-07;Nulle part;Local;Touriste;1"]);
    let json = world.import_nights(&["--max-rejects", "0"]).expect_code(1).json();
    assert_eq!(file(&json, NIGHTS)["status"], "failed");
    assert_eq!(world.db.count("fact_nuitees_temp"), 0);
    let json = world.import_nights(&[]).expect_code(3).json();
    assert_eq!(counts(file(&json, NIGHTS)), [2, 1, 0, 0, 0, 1, 0]);
}

#[test]
fn a_table_emptied_by_other_hands_is_loaded_again() {
    let world = World::new();
    world.nights(&["2025-07-07;Cantal;Local;Touriste;1"]);
    world.import_nights(&[]).expect_code(0);
    world.db.exec("DELETE FROM fact_nuitees_temp");
    world.import_nights(&[]).expect_code(0);
    assert_eq!(world.stored(), ["2025-07-07 1 1 1 1"]);
}

#[test]
fn year_keeps_one_years_rows_and_counts_the_others() {
    let world = World::new();
    world.nights(&[
        "2024-12-31;Cantal;Local;Touriste;1",
        "2025-01-01;Cantal;Local;Touriste;2",
        "01/01/2025;Lioran;Local;Touriste;3",
    ]);
    let json = world.import_nights(&["--year", "2025"]).expect_code(0).json();
    assert_eq!(counts(file(&json, NIGHTS)), [3, 2, 0, 0, 0, 0, 1]);
    assert_eq!(world.stored(), ["2025-01-01 1 1 1 2", "2025-01-01 5 1 1 3"]);
    // Without --year the same file holds more: it is no unchanged file.
    let json = world.import_nights(&[]).expect_code(0).json();
    assert_eq!(counts(file(&json, NIGHTS)), [3, 3, 2, 0, 0, 0, 0]);
}

#[test]
fn skip_large_leaves_out_what_is_larger_than_its_size() {
    let world = World::new();
    let lines: Vec<String> = (1..=28).map(|day| format!("2025-02-{day:02};Cantal;Local;Touriste;{day}")).collect();
    world.nights(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    world.csv("frequentation_journee.csv", BASE, &["2025-07-07;Cantal;Local;Touriste;1"]);
    let size = std::fs::metadata(world.home.data_temp().join(NIGHTS)).unwrap().len();
    let both = "frequentation_nuitee,frequentation_journee";
    let json = world.import(both, &["--skip-large", &(size - 1).to_string()]).expect_code(0).json();
    assert_eq!(file(&json, NIGHTS)["status"], "skipped");
    assert_eq!(file(&json, "frequentation_journee.csv")["status"], "loaded");
    assert_eq!(world.db.count("fact_nuitees_temp"), 0);
    // The very size is not larger, and without a size the limit is 100 MiB.
    let json = world.import(both, &["--skip-large", &size.to_string()]).expect_code(0).json();
    assert_eq!(file(&json, NIGHTS)["status"], "loaded");
    let json = world.import(both, &["--force", "--skip-large"]).expect_code(0).json();
    assert_eq!(file(&json, NIGHTS)["status"], "loaded");
}

#[test]
fn only_leaves_the_other_files_alone() {
    let world = World::new();
    deliver_ten(&world);
    let json = world.import("duree_sejour,FREQUENTATION_NUITEE_FR.csv", &[]).expect_code(0).json();
    let names: Vec<&Value> = json["files"].as_array().unwrap().iter().map(|file| &file["file"]).collect();
    assert_eq!(names, ["frequentation_nuitee_fr.csv", "duree_sejour.csv"]);
    let filled: Vec<&str> = FILES.iter().map(|f| f.1).filter(|temp| world.db.count(temp) > 0).collect();
    assert_eq!(filled, ["fact_nuitees_departements_temp", "fact_sejours_duree_temp"]);
}

/// Three lines of one key (7, 7, 5), two of another (4, 4), one alone.
const CONFLICTS: [&str; 6] = [
    "2025-07-07;Cantal;Local;Touriste;7",
    "2025-07-07;Cantal;Local;Touriste;7",
    "2025-07-07;Lioran;Local;Touriste;4",
    "2025-07-07;Cantal;Local;Touriste;5",
    "2025-07-07;Lioran;Local;Touriste;4",
    "2025-07-07;Carlades;Local;Touriste;6",
];

#[test]
fn each_conflict_policy_stores_its_volume_and_counts_every_line() {
    for (policy, volume) in [("first", Some(7)), ("last", Some(5)), ("sum", Some(12)), ("reject", None)] {
        let world = World::new();
        world.nights(&CONFLICTS);
        let outcome = world.import_nights(&["--on-conflict", policy]).expect_code(3);
        let json = outcome.json();
        let file = file(&json, NIGHTS);
        let mut expected: Vec<String> = volume.iter().map(|v| format!("2025-07-07 1 1 1 {v}")).collect();
        expected.extend(["2025-07-07 5 1 1 4".into(), "2025-07-07 9 1 1 6".into()]);
        assert_eq!(world.stored(), expected, "{policy}");
        // The second 4 and the second 7 repeat an identical line; the 5 contradicts.
        let stored = expected.len() as u64;
        assert_eq!(counts(file)[..2], [6, stored], "{policy}");
        assert_eq!(file["duplicates"], 2, "{policy}");
        let dropped = file["conflicts"].as_u64().unwrap() + file["rejected"].as_u64().unwrap();
        assert_eq!(dropped, 4 - stored, "{policy}: {file}");
        assert!(file["conflicts"].as_u64().unwrap() > 0 || policy == "reject", "{file}");
        if policy == "reject" {
            let raw = world.reject_files().concat();
            assert!(raw.contains(CONFLICTS[0]) && raw.contains(CONFLICTS[3]), "{raw}");
            assert!(!raw.contains("Lioran"), "{raw}");
        }
    }
}

#[test]
fn last_takes_the_last_line_of_the_file_and_the_default_the_first() {
    let lines = ["2025-07-07;Cantal;Local;Touriste;9", "2025-07-07;Cantal;Local;Touriste;3"];
    let world = World::new();
    world.nights(&lines);
    let outcome = world.import_nights(&[]).expect_code(3);
    assert_eq!(world.stored(), ["2025-07-07 1 1 1 9"]);
    let json = outcome.json();
    assert_eq!(
        file(&json, NIGHTS)["conflict_examples"],
        json!([{"line": 2, "volume": 9, "other_line": 3, "other_volume": 3}])
    );
    world.import_nights(&["--on-conflict", "last"]).expect_code(3);
    assert_eq!(world.stored(), ["2025-07-07 1 1 1 3"]);
    let text = world.tool("update-temp-tables").args(["--only", "frequentation_nuitee", "--force"]).run().sane();
    text.expect_code(3)
        .expect_stdout("1 ligne en contradiction")
        .expect_stdout("ligne 2 : volume 9 ; ligne 3 : volume 3");
}

/// Two spellings of one zone are one key: what they say is held against each other.
#[test]
fn equivalent_names_are_one_key() {
    let world = World::new();
    world.nights(&[
        "2025-07-07;Gentiane;Local;Touriste;6",
        "2025-07-07;Haut-Cantal;Local;Touriste;6",
        "2025-07-07;Lioran;Etranger;Resident;3",
        "2025-07-07;STATION;International;Résident;4",
    ]);
    let json = world.import_nights(&[]).expect_code(3).json();
    let nights = file(&json, NIGHTS);
    assert_eq!(counts(nights), [4, 2, 0, 1, 1, 0, 0]);
    assert_eq!(world.stored(), ["2025-07-07 3 1 1 6", "2025-07-07 5 3 2 3"]);
    assert_eq!(nights["conflict_examples"], json!([{"line": 4, "volume": 3, "other_line": 5, "other_volume": 4}]));
}

#[test]
fn a_sum_that_the_column_cannot_hold_fails_the_file() {
    let world = World::new();
    world.nights(&["2025-07-07;Cantal;Local;Touriste;2147483647", "2025-07-07;Cantal;Local;Touriste;1"]);
    let json = world.import_nights(&["--on-conflict", "sum"]).expect_code(1).json();
    assert_eq!(file(&json, NIGHTS)["status"], "failed");
    assert_eq!(world.db.count("fact_nuitees_temp"), 0);
}

const UNKNOWN: [&str; 4] = [
    "2025-07-07;Cantal;Local;Touriste;1",
    "2025-07-07;Pays de Cocagne;Local;Touriste;2",
    "2025-07-07;pays  de cocagne;NonLocal;Touriste;3",
    "2025-07-07;Cantal;Local;Flâneur;4",
];

#[test]
fn create_missing_adds_unknown_names_to_the_dimensions_that_it_names() {
    let world = World::new();
    world.nights(&UNKNOWN);
    let json = world.import_nights(&["--create-missing", "zones"]).expect_code(3).json();
    assert_eq!(counts(file(&json, NIGHTS)), [4, 3, 0, 0, 0, 1, 0]);
    assert_eq!(world.db.scalar("SELECT nom_zone FROM dim_zones_observation WHERE id_zone > 9"), "PAYS DE COCAGNE");
    assert_eq!(world.db.count("dim_categories_visiteur"), 5);
    let json = world.import_nights(&["--create-missing"]).expect_code(0).json();
    assert_eq!(counts(file(&json, NIGHTS)), [4, 4, 3, 0, 0, 0, 0]);
    assert_eq!(world.db.scalar("SELECT nom_categorie FROM dim_categories_visiteur WHERE id_categorie > 5"), "FLÂNEUR");
    assert_eq!(world.db.count("dim_zones_observation"), 10);
}

#[test]
fn a_rejected_name_is_found_once_the_dimension_knows_it_or_may_grow() {
    let world = World::new();
    world.nights(&UNKNOWN);
    let json = world.import_nights(&[]).expect_code(3).json();
    assert_eq!(counts(file(&json, NIGHTS)), [4, 1, 0, 0, 0, 3, 0]);
    // The file did not change, what may become of its lines did.
    world.db.exec("INSERT INTO dim_categories_visiteur (nom_categorie) VALUES ('FLÂNEUR')");
    let json = world.import_nights(&[]).expect_code(3).json();
    assert_eq!(counts(file(&json, NIGHTS)), [4, 2, 1, 0, 0, 2, 0]);
    let json = world.import_nights(&["--create-missing", "zones"]).expect_code(0).json();
    assert_eq!(counts(file(&json, NIGHTS)), [4, 4, 2, 0, 0, 0, 0]);
}

#[test]
fn damaged_names_are_never_created() {
    let world = World::new();
    world.nights(&[
        "2025-07-07;Zone inconn?e;Local;Touriste;1",
        "2025-07-07;Zone inconn\u{fffd}e;Local;Touriste;1",
        "2025-07-07;;Local;Touriste;1",
    ]);
    let json = world.import_nights(&["--create-missing"]).expect_code(3).json();
    assert_eq!(counts(file(&json, NIGHTS)), [3, 0, 0, 0, 0, 3, 0]);
    assert_eq!(world.db.count("dim_zones_observation"), 9);
}

#[test]
fn max_rejects_is_a_number_or_a_share_and_the_limit_itself_is_allowed() {
    let world = World::new();
    // 1 of 4 is rejected: 25 %.
    world.nights(&[
        "2025-07-07;Cantal;Local;Touriste;1",
        "2025-07-07;Lioran;Local;Touriste;1",
        "2025-07-07;Carlades;Local;Touriste;1",
        "2025-07-07;Atlantide;Local;Touriste;1",
    ]);
    for (limit, code) in [("0", 1), ("24%", 1), ("24,9%", 1), ("25%", 3), ("1", 3)] {
        let outcome = world.import_nights(&["--force", "--max-rejects", limit]).expect_code(code);
        let json = outcome.json();
        let file = file(&json, NIGHTS);
        assert_eq!(file["status"], if code == 1 { "failed" } else { "loaded" }, "{limit}");
        assert_eq!(file["rejected"], 1, "{limit}");
        assert_eq!(world.db.count("fact_nuitees_temp"), if code == 1 { 0 } else { 3 }, "{limit}");
        if code == 3 {
            world.db.exec("DELETE FROM fact_nuitees_temp");
        }
    }
}

/// `count` lines of one date, each of another key.
fn of_day(date: &str, count: usize, volume: u32) -> Vec<String> {
    (0..count).map(|i| format!("{date};{};{};Touriste;{volume}", ZONES[i % 8], ["Local", "NonLocal"][i / 8])).collect()
}

fn write_lines(world: &World, lines: &[String]) {
    world.nights(&lines.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn a_date_that_would_lose_more_than_half_is_not_replaced_and_is_reported() {
    let world = World::new();
    write_lines(&world, &[of_day("2025-07-07", 10, 1), of_day("2025-07-08", 10, 1)].concat());
    world.import_nights(&[]).expect_code(0);
    // 4 of 10: 60 % lost. 5 of 10: 50 %, not more than the default.
    write_lines(&world, &[of_day("2025-07-07", 4, 2), of_day("2025-07-08", 5, 2)].concat());
    let outcome = world.import_nights(&[]).expect_code(3);
    let json = outcome.json();
    let file_json = file(&json, NIGHTS);
    assert_eq!(counts(file_json)[..2], [9, 5]);
    assert_eq!(file_json["rejected"].as_u64().unwrap(), 4, "the lines of the date left alone are accounted for");
    assert_eq!(file_json["shrunk_dates"], json!([{"date": "2025-07-07", "stored": 10, "incoming": 4}]));
    let volumes = |date: &str| world.db.column(&format!("SELECT volume FROM fact_nuitees_temp WHERE date = '{date}'"));
    assert_eq!(volumes("2025-07-07"), ["1"; 10]);
    assert_eq!(volumes("2025-07-08"), ["2"; 5]);

    // A wider limit, then --force, replace it.
    let json = world.import_nights(&["--max-shrink", "60%"]).expect_code(3).json();
    assert_eq!(counts(file(&json, NIGHTS))[..2], [9, 9]);
    assert_eq!(volumes("2025-07-07"), ["2"; 4]);
    write_lines(&world, &of_day("2025-07-07", 1, 3));
    world.import_nights(&[]).expect_code(3);
    world.import_nights(&["--force"]).expect_code(0);
    assert_eq!(volumes("2025-07-07"), ["3"]);
    assert_eq!(volumes("2025-07-08"), ["2"; 5]);
}

#[test]
fn every_way_to_load_stores_the_same() {
    let world = World::new();
    let lines: Vec<String> = (1..=28)
        .flat_map(|day| {
            ["Cantal", "Lioran", "Carlades"].map(|zone| format!("2025-02-{day:02};{zone};Local;Touriste;{day}"))
        })
        .collect();
    write_lines(&world, &lines);
    let expected: Vec<String> =
        (1..=28).flat_map(|day| [1, 5, 9].map(|zone| format!("2025-02-{day:02} {zone} 1 1 {day}"))).collect();
    for args in [
        &["--load-method", "infile"][..],
        &["--load-method", "insert"],
        &["--load-method", "insert", "--batch-size", "1"],
        &["--load-method", "insert", "--batch-size", "83"],
        &["--load-method", "insert", "--batch-size", "84"],
        &["--load-method", "auto", "--jobs", "4"],
    ] {
        let json = world.import_nights(&[args, &["--force"]].concat()).expect_code(0).json();
        assert_eq!(file(&json, NIGHTS)["stored"], 84, "{args:?}");
        assert_eq!(world.stored(), expected, "{args:?}");
        world.db.exec("DELETE FROM fact_nuitees_temp");
    }
}

#[test]
fn any_number_of_jobs_stores_the_same() {
    let world = World::new();
    deliver_ten(&world);
    world.tool("update-temp-tables").args(["--jobs", "1"]).run().sane().expect_code(0);
    let one: Vec<_> = FILES.iter().map(|f| world.dump(f.1)).collect();
    world.tool("update-temp-tables").args(["--jobs", "10", "--force"]).run().sane().expect_code(0);
    let ten: Vec<_> = FILES.iter().map(|f| world.dump(f.1)).collect();
    assert_eq!(one, ten);
}

#[test]
fn a_dry_run_says_the_same_and_writes_nothing() {
    let world = World::new();
    world.nights(&["2025-07-07;Cantal;Local;Touriste;1", "2025-07-07;Lioran;Local;Touriste;1"]);
    world.import_nights(&[]).expect_code(0);
    let tables = ["fact_nuitees_temp", "dim_zones_observation", "dim_dates", "flux_import_history"];
    let before = tables.map(|t| world.dump(t));
    world.nights(&[
        "2025-07-07;Cantal;Local;Touriste;5",
        "2025-07-07;Lioran;Local;Touriste;7",
        "2025-07-09;Terra Nova;Local;Touriste;6",
        "2025-07-09;Cantal;Local;Touriste;-6",
    ]);
    let dry = world.import_nights(&["--dry-run", "--create-missing", "zones"]).expect_code(3).json();
    assert_eq!(dry["dry_run"], true);
    assert_eq!(counts(file(&dry, NIGHTS)), [4, 3, 2, 0, 0, 1, 0]);
    assert_eq!(tables.map(|t| world.dump(t)), before);
    assert!(world.home.list("logs/rejets").is_empty());
    let wet = world.import_nights(&["--create-missing", "zones"]).expect_code(3).json();
    assert_eq!(counts(file(&wet, NIGHTS)), counts(file(&dry, NIGHTS)));
}

#[test]
fn test_works_on_the_test_tables_only() {
    let world = World::new();
    world.tool("ensure-schema").args(["--test"]).run().sane().expect_code(0);
    world.nights(&["2025-07-07;Cantal;Local;Touriste;1"]);
    let json = world.import_nights(&["--test"]).expect_code(0).json();
    assert_eq!(file(&json, NIGHTS)["table"], "fact_nuitees_temp_test");
    assert_eq!((world.db.count("fact_nuitees_temp"), world.db.count("fact_nuitees_temp_test")), (0, 1));
    // What the test tables hold is not what the others hold.
    let json = world.import_nights(&[]).expect_code(0).json();
    assert_eq!(file(&json, NIGHTS)["status"], "loaded");
}

/// legacy.md, 21.
#[test]
fn files_are_found_in_subfolders_in_any_case_and_in_the_legacy_folder() {
    let world = World::new();
    world.home.write_csv(
        "semaine 28/Depot/Frequentation_Nuitee.CSV",
        weekly::text(BASE, &["2025-07-07;Cantal;Local;Touriste;1"]),
    );
    world.import_nights(&[]).expect_code(0);
    assert_eq!(world.stored(), ["2025-07-07 1 1 1 1"]);

    std::fs::remove_dir_all(world.home.data_temp()).unwrap();
    let legacy = "fluxvision_automation/data/data_temp/frequentation_nuitee.csv";
    world.home.write(legacy, weekly::text(BASE, &["2025-07-08;Cantal;Local;Touriste;2"]));
    world.import_nights(&[]).expect_code(0);
    // An empty folder of today's name does not hide the legacy one.
    std::fs::create_dir_all(world.home.data_temp()).unwrap();
    world.home.write(legacy, weekly::text(BASE, &["2025-07-09;Cantal;Local;Touriste;3"]));
    world.import_nights(&[]).expect_code(0);
    world.home.write("ailleurs/frequentation_nuitee.csv", weekly::text(BASE, &["2025-07-10;Cantal;Local;Touriste;4"]));
    world.import_nights(&["--data-dir", "ailleurs"]).expect_code(0);
    assert_eq!(world.stored().len(), 4);
    // As the ETL calls it.
    world.home.write("encore/frequentation_nuitee.csv", weekly::text(BASE, &["2025-07-11;Cantal;Local;Touriste;5"]));
    world.import_nights(&["--data-path", "encore"]).expect_code(0);
    world
        .tool("import-optimized")
        .args(["--data-path", "encore"])
        .run()
        .expect_code(3)
        .expect_stdout("frequentation_nuitee");
    assert_eq!(world.stored().len(), 5);
}

#[test]
fn the_hint_about_a_missing_test_table_leads_somewhere() {
    let world = World::whole();
    world.nights(&["2025-07-07;Cantal;Local;Touriste;1"]);
    let json = world.import_nights(&["--test"]).expect_code(1).json();
    let file = json["files"].as_array().unwrap().iter().find(|file| file["status"] == "failed").unwrap();
    assert_eq!(file["code"], "table-missing");
    assert!(json.to_string().contains("ensure-schema --test"), "{json}");
    world.tool("ensure-schema").arg("--test").run().expect_code(0);
    world.import_nights(&["--test"]).expect_code(0);
    assert_eq!((world.db.count("fact_nuitees_temp_test"), world.stored().len()), (1, 0));
}

#[test]
fn missing_files_are_said_and_do_not_stop_the_others() {
    let world = World::new();
    world.nights(&["2025-07-07;Cantal;Local;Touriste;1"]);
    let json = world.tool("update-temp-tables").arg("--json").run().sane().json();
    assert_eq!(file(&json, NIGHTS)["status"], "loaded");
    for (name, ..) in &FILES[1..] {
        assert_eq!(file(&json, name)["status"], "missing");
    }
    assert_eq!(world.stored(), ["2025-07-07 1 1 1 1"]);
}

#[test]
fn two_files_of_one_name_are_refused_rather_than_chosen_between() {
    let world = World::new();
    world.nights(&["2025-07-07;Cantal;Local;Touriste;1"]);
    world
        .home
        .write_csv("ancien/frequentation_nuitee.csv", weekly::text(BASE, &["2025-07-07;Cantal;Local;Touriste;2"]));
    let json = world.import_nights(&[]).expect_code(1).json();
    assert_eq!(file(&json, NIGHTS)["status"], "failed");
    assert_eq!(world.db.count("fact_nuitees_temp"), 0);
}

#[test]
fn bad_arguments_are_refused_before_anything_is_read() {
    let world = World::new();
    world.nights(&["2025-07-07;Cantal;Local;Touriste;1"]);
    for args in [
        &["--on-conflict", "guess"][..],
        &["--year", "MMXXV"],
        &["--only", "autre_fichier"],
        &["--create-missing", "planetes"],
        &["--max-rejects", "beaucoup"],
        &["--max-rejects", "-1"],
        &["--max-rejects", "101%"],
        &["--max-shrink", "150"],
        &["--jobs", "0"],
        &["--load-method", "magie"],
        &["--batch-size", "0"],
        &["--skip-large", "grand"],
        &["--password", "x"],
        &["--inconnu"],
        &["frequentation_nuitee.csv"],
    ] {
        let outcome = world.tool("update-temp-tables").args(args).run().sane().expect_code(2);
        assert!(outcome.stdout.is_empty() && !outcome.stderr.is_empty(), "{outcome}");
        let json = world.tool("update-temp-tables").args(args).arg("--json").run().sane().expect_code(2).json();
        assert_eq!((&json["status"], &json["exit_code"]), (&json!("error"), &json!(2)), "{args:?}");
    }
    assert_eq!(world.db.count("fact_nuitees_temp"), 0);
}

#[test]
fn a_folder_that_is_not_there_is_a_failure_that_names_it() {
    let world = World::new();
    let outcome =
        world.tool("update-temp-tables").args(["--data-dir", "nulle/part", "--json"]).run().sane().expect_code(1);
    let message = outcome.json()["error"]["message"].to_string();
    assert!(message.contains("nulle/part"), "{message}");
    let _ = outcome.expect_stderr("nulle/part");
}
