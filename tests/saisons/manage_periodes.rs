//! `manage-periodes`: hand-made periods, in tables of either shape.

use flux_test::{Home, Outcome, TestDb};
use serde_json::{Value, json};
use support::saisons::database;
use support::weekly::Sane;

fn ready() -> (TestDb, Home) {
    let db = database();
    let home = Home::new(&db);
    home.tool("update-saisons").args(["--from", "2024", "--to", "2026"]).run().expect_code(0);
    (db, home)
}

fn run(home: &Home, arguments: &[&str]) -> Outcome {
    home.tool("manage-periodes").arg("--json").args(arguments).run().sane()
}

const FESTIVAL: [&str; 9] =
    ["add", "--code", "festival", "--name", "Festival d'Aurillac", "--from", "2025-08-20", "--to", "2025-08-23"];

fn row(db: &TestDb, code: &str, year: i32) -> Vec<String> {
    let mut rows = db.rows(&format!(
        "SELECT p.nom_periode, CAST(p.date_debut AS CHAR), CAST(p.date_fin AS CHAR), CONCAT(s.saison, ' ', s.annee) FROM dim_periodes p \
         LEFT JOIN dim_saisons s ON s.id = p.id_saison WHERE p.code_periode = '{code}' AND p.annee = {year}"
    ));
    assert!(rows.len() <= 1);
    rows.pop().unwrap_or_default()
}

fn codes(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|row| row["code"].as_str().unwrap()).collect()
}

#[test]
fn a_period_is_added_changed_copied_and_removed() {
    let (db, home) = ready();
    let dry = run(&home, &[&FESTIVAL[..], &["--dry-run"]].concat()).expect_code(0).json();
    assert_eq!((dry["dry_run"].as_bool(), row(&db, "festival", 2025).len()), (Some(true), 0));
    let json = run(&home, &FESTIVAL).expect_code(0).json();
    // Summer holidays hold it; the whole year says nothing.
    assert_eq!(codes(&json["overlaps"]), ["vacances_ete"]);
    assert_eq!(
        row(&db, "festival", 2025),
        ["Festival d'Aurillac", "2025-08-20 00:00:00", "2025-08-23 23:59:59", "ete 2025"]
    );
    assert_eq!(run(&home, &FESTIVAL).expect_code(1).json()["error"]["code"], "config");

    // Most of its days in autumn now (the equinox is on 22 September 2025).
    let changed = ["change", "--code", "festival", "--year", "2025", "--from", "2025-09-20", "--to", "2025-10-01"];
    let json = run(&home, &changed).expect_code(0).json();
    assert_eq!(
        (&json["before"]["from"], &json["periodes"][0]["season"]),
        (&json!("2025-08-20"), &json!("automne 2025"))
    );
    assert_eq!(row(&db, "festival", 2025)[1..], ["2025-09-20 00:00:00", "2025-10-01 23:59:59", "automne 2025"]);

    let copy = ["copy", "--code", "festival", "--year", "2025", "--to-year", "2026"];
    run(&home, &copy).expect_code(0);
    assert_eq!(row(&db, "festival", 2026)[1], "2026-09-20 00:00:00");
    run(&home, &copy).expect_code(1);

    // The computation leaves them alone, and the list shows both.
    home.tool("update-saisons").args(["--from", "2024", "--to", "2026"]).run().expect_code(0);
    let json = run(&home, &["list", "--code", "festival"]).expect_code(0).json();
    assert_eq!(json["periodes"].as_array().unwrap().len(), 2);
    assert_eq!(json["periodes"][0]["computed"], false);
    let all = run(&home, &["list", "--year", "2025"]).expect_code(0).json();
    assert_eq!(all["periodes"].as_array().unwrap().len(), 11);

    let remove = ["remove", "--code", "festival", "--year", "2025"];
    let plan = run(&home, &remove).expect_code(0).json();
    assert_eq!((plan["dry_run"].as_bool(), row(&db, "festival", 2025).len()), (Some(true), 4));
    run(&home, &[&remove[..], &["--yes"]].concat()).expect_code(0);
    assert_eq!((row(&db, "festival", 2025).len(), row(&db, "festival", 2026).len()), (0, 4));
    assert_eq!(run(&home, &remove).expect_code(1).json()["error"]["code"], "config");
}

#[test]
fn a_computed_period_can_be_corrected_and_stays_so() {
    let (db, home) = ready();
    for action in [&["remove", "--yes"][..], &["copy", "--to-year", "2027"]] {
        let arguments = [action, &["--code", "vacances_ete", "--year", "2025"]].concat();
        assert_eq!(run(&home, &arguments).expect_code(1).json()["error"]["code"], "config");
    }
    let add = ["add", "--code", "pont_de_mai", "--name", "x", "--from", "2027-05-01", "--to", "2027-05-02"];
    run(&home, &add).expect_code(1);
    run(&home, &["change", "--code", "pont_de_mai", "--year", "2025", "--to", "2025-05-04"]).expect_code(0);
    home.tool("update-saisons").args(["--from", "2024", "--to", "2026"]).run().expect_code(0);
    assert_eq!(row(&db, "pont_de_mai", 2025)[2], "2025-05-04 23:59:59");
}

/// legacy.md, 11, 12.
#[test]
fn date_columns_and_a_text_of_the_season_are_followed() {
    for (kind, written) in [("VARCHAR(20) NULL", "Été"), ("ENUM('PRINTEMPS','ETE','AUTOMNE','HIVER') NULL", "ETE")] {
        let (db, home) = ready();
        db.exec(&format!(
            "ALTER TABLE dim_periodes MODIFY date_debut DATE NULL, MODIFY date_fin DATE NULL, ADD saison {kind};
             UPDATE dim_periodes SET saison = '{written}' WHERE code_periode = 'vacances_ete'"
        ));
        run(&home, &FESTIVAL).expect_code(0);
        assert_eq!(row(&db, "festival", 2025)[1..3], ["2025-08-20", "2025-08-23"]);
        assert_eq!(db.scalar("SELECT saison FROM dim_periodes WHERE code_periode = 'festival'"), written);
        run(&home, &["change", "--code", "festival", "--year", "2025", "--name", "Éclat"]).expect_code(0);
        assert_eq!(row(&db, "festival", 2025)[..3], ["Éclat", "2025-08-20", "2025-08-23"]);
    }
}

#[test]
fn seasons_in_capitals_are_seasons() {
    let (db, home) = ready();
    db.exec("ALTER TABLE dim_saisons MODIFY saison ENUM('PRINTEMPS','ETE','AUTOMNE','HIVER') NOT NULL");
    run(&home, &FESTIVAL).expect_code(0);
    assert_eq!(row(&db, "festival", 2025)[3], "ETE 2025");
}

#[test]
fn days_without_a_season_are_told() {
    let (db, home) = ready();
    let add = ["add", "--code", "fete", "--name", "Fête", "--from", "2035-08-20", "--to", "2035-08-23"];
    let json = run(&home, &add).expect_code(3).json();
    assert_eq!(json["findings"][0]["code"], "period-link");
    assert_eq!(row(&db, "fete", 2035)[0], "Fête");
}

/// The portal finds a period by its code or its name, whatever the case, accents and signs: two of one name are none.
#[test]
fn a_period_that_bears_the_name_of_another_is_told() {
    let (db, home) = ready();
    let add = |code: &str, name: &str, expected: i32| {
        let days = ["--from", "2025-09-20", "--to", "2025-09-21"];
        let json =
            run(&home, &[&["add", "--code", code, "--name", name][..], &days].concat()).expect_code(expected).json();
        let findings = json["findings"].as_array().unwrap().clone();
        findings.iter().map(|finding| finding["code"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(add("patrimoine", "Journées du patrimoine", 0), [""; 0]);
    assert_eq!(add("patrimoine_bis", "JOURNEES-DU PATRIMOINE", 3), ["name-ambiguous"]);
    assert_eq!(add("journees_du_patrimoine", "Autre", 3), ["name-ambiguous"; 2]);
    assert_eq!(add("automne", "Fête de la pomme", 3), ["name-ambiguous"]);
    assert_eq!(add("neige", "Hiver", 3), ["name-ambiguous"]);
    assert_eq!(db.scalar("SELECT COUNT(*) FROM dim_periodes WHERE date_debut = '2025-09-20'"), "5");
    // Days alone name nothing; in another year the name is free.
    run(&home, &["change", "--code", "neige", "--year", "2025", "--to", "2025-09-22"]).expect_code(0);
    run(&home, &["copy", "--code", "patrimoine", "--year", "2025", "--to-year", "2024"]).expect_code(0);
    // By its new name it is another's.
    let renamed = run(&home, &["change", "--code", "neige", "--year", "2025", "--name", "fête de la pomme"])
        .expect_code(3)
        .json();
    assert_eq!(renamed["findings"][0]["code"], "name-ambiguous");
}

#[test]
fn what_makes_no_sense_is_bad_usage_and_writes_nothing() {
    let (db, home) = ready();
    let before = db.count("dim_periodes");
    let long = "x".repeat(101);
    for arguments in [
        &["add", "--code", "f", "--name", "F", "--from", "2025-08-23", "--to", "2025-08-20"][..],
        &["add", "--code", "f", "--name", "F", "--from", "2025-08-23", "--to", "2026-09-20"],
        &["add", "--code", "f", "--name", &long, "--from", "2025-08-20", "--to", "2025-08-23"],
        &["add", "--code", "Fête", "--name", "F", "--from", "2025-08-20", "--to", "2025-08-23"],
        &["add", "--code", "f", "--name", "F", "--from", "2025-02-30", "--to", "2025-08-23"],
        &["add", "--code", "f", "--from", "2025-08-20", "--to", "2025-08-23"],
        &["change", "--code", "vacances_ete", "--year", "2025"],
        &["change", "--code", "vacances_ete", "--year", "2025", "--from", "2024-07-01"],
        &["list", "--to-year", "2026"],
        &["rename"],
    ] {
        run(&home, arguments).expect_code(2);
    }
    assert_eq!(db.count("dim_periodes"), before);
    db.exec("DROP TABLE dim_periodes");
    home.tool("manage-periodes").run().expect_code(1).expect_stderr("ensure-schema");
}
