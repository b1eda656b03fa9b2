//! `verifier-saisons`: each defect is found with its mend, and `--repair` mends `dim_dates`.

use flux_test::{Home, TestDb};
use support::saisons::{add_facts, database};

fn ready() -> (TestDb, Home) {
    let db = database();
    let home = Home::new(&db);
    home.tool("update-saisons").run().expect_code(0);
    (db, home)
}

fn findings(home: &Home, code: i32) -> Vec<(String, String, String)> {
    let json = home.tool("verifier-saisons").arg("--json").run().expect_code(code).json();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let finding = |f: &serde_json::Value| (text(&f["place"]), text(&f["message"]), text(&f["action"]));
    json["findings"].as_array().unwrap().iter().map(finding).collect()
}

#[test]
fn all_is_well_after_an_update() {
    let (_db, home) = ready();
    assert_eq!(findings(&home, 0), []);
}

#[test]
fn a_gap_an_overlap_and_a_wrong_instant() {
    let (db, home) = ready();
    db.exec(
        "UPDATE dim_saisons SET date_fin = date_fin - INTERVAL 2 HOUR WHERE annee = 2024 AND saison = 'ete';
             UPDATE dim_saisons SET date_fin = date_fin + INTERVAL 30 SECOND WHERE annee = 2022 AND saison = 'hiver'",
    );
    let found = findings(&home, 3);
    let messages: Vec<_> = found.iter().map(|(_, message, _)| message.as_str()).collect();
    assert!(messages.contains(&"trou de 7200 s entre été 2024 et automne 2024"), "{found:?}");
    assert!(messages.contains(&"chevauchement de 30 s entre hiver 2022 et printemps 2023"), "{found:?}");
    assert!(found.iter().any(|(place, ..)| place == "dim_saisons, été 2024"), "{found:?}");
    assert_eq!(found.len(), 3);
    assert!(found.iter().all(|(.., action)| action.contains("update-saisons")));
    home.tool("update-saisons").run().expect_code(0);
    assert_eq!(findings(&home, 0), []);
}

#[test]
fn years_of_the_facts_without_seasons_or_periods() {
    let (db, home) = ready();
    add_facts(&db, &["2017-07-14"]);
    let found = findings(&home, 3);
    let places: Vec<_> = found.iter().map(|(place, ..)| place.as_str()).collect();
    for place in ["dim_saisons, hiver 2016", "dim_saisons, été 2017", "dim_periodes, vacances_ete 2017", "dim_dates"]
    {
        assert!(places.contains(&place), "{place}: {found:?}");
    }
}

#[test]
fn wrong_links_are_found() {
    let (db, home) = ready();
    db.exec("UPDATE dim_periodes SET id_saison = NULL WHERE code_periode = 'vacances_ete' AND annee = 2024");
    let expected = (
        "dim_periodes, vacances_ete 2024".to_owned(),
        "elle n'est pas liée à la saison été 2024".to_owned(),
        "lancez `update-saisons`".to_owned(),
    );
    assert_eq!(findings(&home, 3), [expected]);
}

/// Two right days, then a wrong public holiday, a wrong zone with a wrong week, and a day beyond the school calendar
/// whose flags somebody entered.
const DAYS: &str = "INSERT INTO dim_dates VALUES
    ('2025-06-09', 0, 0, 0, 1, 'lundi', 6, 2025, 2, 24),
    ('2025-06-10', 0, 0, 0, 0, 'Mardi', 6, 2025, 2, 24),
    ('2025-05-29', 0, 0, 0, 0, 'jeudi', 5, 2025, 2, 22),
    ('2025-02-10', 1, 0, NULL, 0, 'lundi', 2, 2025, 1, 6),
    ('2035-05-01', 1, NULL, 0, 1, 'mardi', 5, 2035, 2, 18)";

#[test]
fn wrong_days_are_reported_and_repaired() {
    let (db, home) = ready();
    db.exec(DAYS);
    add_facts(&db, &["2025-06-09", "2025-07-14"]);
    let before = db.rows("SELECT * FROM dim_dates ORDER BY date");
    let dry = home.tool("verifier-saisons").args(["--json", "--repair", "--dry-run"]).run().expect_code(3).json();
    assert_eq!((&dry["dates_wrong"], &dry["dates_missing"]), (&2.into(), &1.into()));
    assert_eq!(dry["repair"]["dry_run"], true);
    assert_eq!(db.rows("SELECT * FROM dim_dates ORDER BY date"), before);
    assert_eq!(findings(&home, 3).len(), 2);

    let run = home.tool("verifier-saisons").args(["--json", "--repair"]).run().expect_code(0).json();
    assert_eq!((&run["repair"]["corrected"], &run["repair"]["added"]), (&2.into(), &1.into()));
    let rows = db.rows("SELECT * FROM dim_dates ORDER BY date");
    let expected = [
        ["2025-02-10", "0", "1", "0", "0", "lundi", "2", "2025", "1", "7"],
        ["2025-05-29", "1", "1", "1", "1", "jeudi", "5", "2025", "2", "22"],
        ["2025-06-09", "0", "0", "0", "1", "lundi", "6", "2025", "2", "24"],
        ["2025-06-10", "0", "0", "0", "0", "Mardi", "6", "2025", "2", "24"],
        ["2025-07-14", "1", "1", "1", "1", "lundi", "7", "2025", "3", "29"],
        ["2035-05-01", "1", "NULL", "0", "1", "mardi", "5", "2035", "2", "18"],
    ];
    assert_eq!(rows, expected);
    assert_eq!(findings(&home, 0), []);
}

#[test]
fn an_older_dim_dates_says_what_to_do_and_bad_options_are_refused() {
    let (db, home) = ready();
    db.exec("ALTER TABLE dim_dates DROP COLUMN semaine");
    home.tool("verifier-saisons").run().expect_code(1).expect_stderr("ensure-schema");
    home.tool("verifier-saisons").arg("--reparer").run().expect_code(2);
}

/// legacy.md, 20.
#[test]
fn a_dim_dates_that_admits_no_null_is_judged_by_what_is_known() {
    let (db, home) = ready();
    db.exec(
        "ALTER TABLE dim_dates MODIFY vacances_a TINYINT(1) NOT NULL, MODIFY vacances_b TINYINT(1) NOT NULL, MODIFY vacances_c TINYINT(1) NOT NULL,
           MODIFY ferie TINYINT(1) NOT NULL, MODIFY jour_semaine VARCHAR(20) NOT NULL, MODIFY mois INT NOT NULL, MODIFY annee INT NOT NULL,
           MODIFY trimestre INT NOT NULL, MODIFY semaine INT NOT NULL;
         INSERT INTO dim_dates VALUES ('2036-11-11', 0, 0, 0, 1, 'Mardi', 11, 2036, 4, 46)",
    );
    // No school calendar reaches 2036: the 0 that stands for it is no fault.
    assert_eq!(findings(&home, 0), []);
    // A day of zeros, as older scripts left them: 15 August 2025 is a Friday, a holiday, in week 33.
    db.exec("INSERT INTO dim_dates VALUES ('2025-08-15', 0, 0, 0, 0, '', 0, 0, 0, 0) ON DUPLICATE KEY UPDATE vacances_a = 0, vacances_b = 0, vacances_c = 0, ferie = 0, jour_semaine = '', mois = 0, annee = 0, trimestre = 0, semaine = 0");
    assert!(findings(&home, 3).iter().all(|(place, ..)| place.starts_with("dim_dates")));
    home.tool("verifier-saisons").arg("--repair").run().expect_code(0);
    assert_eq!(
        db.rows("SELECT vacances_a, vacances_b, vacances_c, ferie, jour_semaine, mois, annee, trimestre, semaine FROM dim_dates WHERE date = '2025-08-15'"),
        [["1", "1", "1", "1", "vendredi", "8", "2025", "3", "33"]]
    );
    assert_eq!(db.scalar("SELECT CONCAT(vacances_a, jour_semaine) FROM dim_dates WHERE date = '2036-11-11'"), "0Mardi");
    assert_eq!(findings(&home, 0), []);
}
