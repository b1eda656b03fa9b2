//! `validation-complete-import`: a sound delivery is ready, each defect is found with its keys, the page stands alone.

use flux_test::{Checked, Home, TestDb};
use serde_json::{Value, json};
use support::diag;
use support::weekly::World;

/// Ten files, three days from 2025-07-07 (a Monday), three zones, one category; `change` edits the lines of a file.
fn deliver(home: &Home, change: impl Fn(&str, String) -> Option<String>) {
    for (name, columns, values) in diag::DELIVERY {
        let mut text = format!("Date;ZoneObservation;Provenance;CategorieVisiteur;{columns}Volume\n");
        for day in 7..10 {
            for zone in ["CANTAL", "CABA", "Châtaigneraie"] {
                let line = format!("2025-07-{day:02};{zone};NONLOCAL;TOURISTE;{values}100");
                if let Some(line) = change(name, line) {
                    text += &format!("{line}\n");
                }
            }
        }
        home.write_csv(&format!("{name}.csv"), text);
    }
}

fn import(home: &Home, code: i32) {
    home.tool("update-temp-tables").run().expect_code(code);
}

/// Eight weeks before, 100 visitors a day but for a little noise.
fn add_history(db: &TestDb) {
    for week in 1..=8 {
        for day in 7..10 {
            db.exec(&format!(
                "INSERT INTO fact_nuitees (date, id_zone, id_provenance, id_categorie, volume)
                 SELECT '2025-07-{day:02}' - INTERVAL {} DAY, id_zone, 2, 1, {} FROM dim_zones_observation",
                7 * week,
                96 + week
            ));
        }
    }
}

fn validate(home: &Home, code: i32) -> Checked {
    home.tool("validation-complete-import").args(["--json", "--html", "page.html"]).run().expect_code(code)
}

fn findings(outcome: &Checked) -> Vec<String> {
    let json = outcome.json();
    let text = |f: &Value| format!("{} | {} | {}", f["place"], f["message"], f["action"]);
    json["findings"].as_array().unwrap().iter().map(text).collect()
}

#[test]
fn a_sound_delivery_is_ready_and_its_page_stands_alone() {
    let db = diag::database();
    add_history(&db);
    let home = Home::new(&db);
    deliver(&home, |_, line| Some(line));
    import(&home, 0);
    let json = validate(&home, 0).json();
    assert_eq!(json["conclusion"], "prêt à migrer");
    assert_eq!(json["totals"]["lines_read"], 90);
    assert_eq!(json["coverage"]["span"], json!(["2025-07-07", "2025-07-09"]));
    // three days × three zones × one category
    let nuitees = &json["coverage"]["tables"][0];
    assert_eq!((&nuitees["expected"], &nuitees["present"]), (&json!(9), &json!(9)));
    for resolved in json["resolution"].as_array().unwrap() {
        assert_eq!(resolved["lines"], resolved["resolved"], "{resolved}");
    }
    let page = home.read("page.html");
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("<svg") && page.contains("prêt à migrer"), "{page}");
    for foreign in ["<script", "http", "src=", "@import", "NaN"] {
        assert!(!page.contains(foreign), "{foreign}");
    }
}

#[test]
fn gaps_unknown_names_bad_lines_and_unusual_volumes_are_found() {
    let db = diag::database();
    add_history(&db);
    let home = Home::new(&db);
    deliver(&home, |name, line| match name {
        "frequentation_nuitee" if line.starts_with("2025-07-08;CABA") => Some(line.replace(";100", ";900")),
        "frequentation_nuitee" if line.starts_with("2025-07-09;CABA") => Some(line.replace(";100", ";110")),
        "frequentation_journee" if line.starts_with("2025-07-08;CANTAL") => None,
        "frequentation_journee_fr" if line.starts_with("2025-07-08;CANTAL") => Some(line.replace("Paris", "Atlantide")),
        "duree_sejour" if line.starts_with("2025-07-07;CANTAL") => Some(line.replace(";100", ";-1")),
        _ => Some(line),
    });
    std::fs::remove_file(home.data_temp().join("duree_sejour_int.csv")).unwrap();
    import(&home, 3);
    let outcome = validate(&home, 3);
    let findings = findings(&outcome);
    let has = |words: &[&str]| findings.iter().any(|finding| words.iter().all(|word| finding.contains(word)));
    assert!(has(&["duree_sejour_int.csv", "absent"]), "{findings:#?}");
    assert!(has(&["fact_diurnes_temp", "1 combinaison absente", "CANTAL : 2025-07-08"]), "{findings:#?}");
    assert!(has(&["noms de départements", "1 ligne", "Atlantide (1)", "ensure-schema --seed"]), "{findings:#?}");
    assert!(has(&["duree_sejour.csv", "volume négatif", "ligne 2 : -1"]), "{findings:#?}");
    assert!(has(&["duree_sejour.csv", "1 ligne rejetée à l'import", "rejets"]), "{findings:#?}");
    // 97 … 104: median 100.5, spread 0.05 × 100.5 at least; 110 is within five of it, 900 is not
    assert!(has(&["fact_nuitees_temp", "1 volume inhabituel : 2025-07-08 CABA : 900"]), "{findings:#?}");
    let json = outcome.json();
    assert_eq!(json["unusual"][0]["median"], 100.5);
    assert_eq!(json["conclusion"], "à regarder avant de migrer");
    let reasons: Vec<&str> =
        json["rejects"].as_array().unwrap().iter().map(|r| r["reason"].as_str().unwrap()).collect();
    assert!(
        reasons.contains(&"nom inconnu : départements") && reasons.contains(&"Volume : volume négatif"),
        "{reasons:?}"
    );
    // A file is as bad as the worst that is told of it, an unknown name as well as an unreadable volume.
    let text = home.tool("validation-complete-import").run().expect_code(3).stdout.clone();
    let sign = |file: &str| {
        text.lines().find(|line| line.contains(&format!(" {file} "))).map(|line| line.trim_start().chars().next())
    };
    let signs = ["frequentation_journee_fr", "duree_sejour", "frequentation_nuitee"].map(sign);
    assert_eq!(signs, [Some(Some('⚠')), Some(Some('⚠')), Some(Some('✓'))], "{text}");
}

/// Tables with a breakdown are held to what is usual as well, upwards too: ten times the visitors are as doubtful as a tenth. What the nights
/// or the days tell of a day and zone is not repeated.
#[test]
fn an_unusual_volume_of_a_breakdown_is_told_unless_the_whole_tells_it() {
    let db = diag::database();
    add_history(&db);
    // Mobility and stays: 300 visitors a day in each zone, in the seven weeks before.
    for week in 1..=7 {
        for day in 7..10 {
            let date = format!("'2025-07-{day:02}' - INTERVAL {} DAY", 7 * week);
            db.exec(&format!(
                "INSERT INTO fact_lieu_activite_soir (date, id_zone, id_provenance, id_categorie, id_epci, id_commune, jour_semaine, volume)
                 SELECT {date}, id_zone, 2, 1, 0, id_commune, 'lundi', 100 FROM dim_zones_observation, dim_communes;
                 INSERT INTO fact_sejours_duree (date, id_zone, id_provenance, id_categorie, id_duree, volume)
                 SELECT {date}, id_zone, 2, 1, 1, 100 FROM dim_zones_observation"
            ));
        }
    }
    let home = Home::new(&db);
    deliver(&home, |name, line| match name {
        // One commune has what three had: the zone has what is usual. On one day it has ten times as much.
        "export_mobilite" if line.starts_with("2025-07-08;CABA") => Some(line.replace(";100", ";3000")),
        "export_mobilite" => Some(line.replace(";100", ";300")),
        "duree_sejour" if line.starts_with("2025-07-09;CANTAL") => Some(line.replace(";100", ";1000")),
        "frequentation_nuitee" if line.starts_with("2025-07-09;CANTAL") => Some(line.replace(";100", ";1000")),
        _ => Some(line),
    });
    import(&home, 0);
    let json = validate(&home, 3).json();
    let unusual: Vec<String> = json["unusual"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| [&one["table"], &one["date"], &one["zone"]].map(|text| text.as_str().unwrap()).join(" "))
        .collect();
    assert_eq!(unusual, ["fact_nuitees_temp 2025-07-09 CANTAL", "fact_lieu_activite_soir_temp 2025-07-08 CABA"]);
    let mobility = &json["unusual"][1];
    // Seven equal weeks: 5 % of the median, five times.
    assert_eq!((&mobility["median"], &mobility["volume"]), (&json!(300.0), &json!(3000)));
    assert_eq!((&mobility["low"], &mobility["high"]), (&json!(225.0), &json!(375.0)));
    let places: Vec<&Value> = json["findings"].as_array().unwrap().iter().map(|one| &one["place"]).collect();
    assert_eq!(places, ["fact_nuitees_temp", "fact_lieu_activite_soir_temp"]);
}

#[test]
fn shrunk_dates_rows_that_vanished_and_files_that_changed_are_found() {
    let db = diag::database();
    let home = Home::new(&db);
    deliver(&home, |_, line| Some(line));
    import(&home, 0);
    db.exec(
        "INSERT INTO fact_nuitees (date, id_zone, id_provenance, id_categorie, volume, is_provisional)
         SELECT '2025-07-08', z.id_zone, p.id_provenance, c.id_categorie, 5, 1
         FROM dim_zones_observation z, dim_provenances p, dim_categories_visiteur c;
         DELETE FROM fact_sejours_duree_temp WHERE date = '2025-07-08'",
    );
    home.write_csv(
        "duree_sejour_fr.csv",
        "Date;ZoneObservation;Provenance;CategorieVisiteur;NomDepartement;DureeSejour;Volume\n",
    );
    let outcome = validate(&home, 3);
    let findings = findings(&outcome);
    let has = |words: &[&str]| findings.iter().any(|finding| words.iter().all(|word| finding.contains(word)));
    // 3 rows delivered, 3 × 3 × 2 in main
    assert!(has(&["fact_nuitees_temp", "1 date a rétréci", "2025-07-08 : 3 lignes au lieu de 18"]), "{findings:#?}");
    assert!(has(&["fact_sejours_duree_temp", "enregistré (9 lignes)", "update-temp-tables"]), "{findings:#?}");
    assert!(has(&["duree_sejour_fr.csv", "n'est pas celui qui a été importé"]), "{findings:#?}");
    assert_eq!(outcome.json()["conclusion"], "à corriger avant de migrer");
}

/// What is definitive in the main table is none that a migration would take: a delivery is held against the provisional rows.
#[test]
fn a_date_shrinks_against_provisional_rows_only() {
    let db = diag::database();
    let home = Home::new(&db);
    deliver(&home, |_, line| Some(line));
    import(&home, 0);
    // Eight definitive rows of a date of which three are delivered, and two provisional ones; then six of them.
    db.exec(
        "INSERT INTO fact_nuitees (date, id_zone, id_provenance, id_categorie, volume, is_provisional) VALUES
         ('2025-07-09', 1, 1, 1, 5, 0), ('2025-07-09', 1, 1, 2, 5, 0), ('2025-07-09', 1, 3, 1, 5, 0), ('2025-07-09', 1, 3, 2, 5, 0),
         ('2025-07-09', 2, 1, 1, 5, 0), ('2025-07-09', 2, 1, 2, 5, 0), ('2025-07-09', 2, 3, 1, 5, 0), ('2025-07-09', 2, 3, 2, 5, 0),
         ('2025-07-09', 3, 2, 1, 5, 1), ('2025-07-09', 3, 1, 1, 5, 1)",
    );
    let shrunk = |code: i32| {
        let json = validate(&home, code).json();
        let told = json["findings"].as_array().unwrap().iter().filter(|one| one["code"] == "date-shrunk").count();
        (json["shrunk"].clone(), told)
    };
    assert_eq!(shrunk(0), (json!([]), 0));
    db.exec("UPDATE fact_nuitees SET is_provisional = 1 WHERE id_zone = 1 OR (id_zone = 2 AND id_provenance = 1)");
    let table = json!([{"table": "fact_nuitees_temp", "date": "2025-07-09", "rows": 3, "before": 8}]);
    assert_eq!(shrunk(3), (table, 1));
}

#[test]
fn nothing_imported_an_older_schema_and_bad_usage() {
    let db = diag::database();
    let home = Home::new(&db);
    let outcome = validate(&home, 3);
    assert!(findings(&outcome).iter().any(|finding| finding.contains("toutes sont vides")), "{outcome}");
    db.exec("DROP TABLE fact_nuitees_temp; DROP TABLE flux_import_history; DELETE FROM dim_pays");
    deliver(&home, |_, line| Some(line));
    let outcome = validate(&home, 3);
    let findings = findings(&outcome);
    for words in ["fact_nuitees_temp", "flux_import_history", "dim_pays"] {
        assert!(findings.iter().any(|finding| finding.contains(words)), "{words}: {findings:#?}");
    }
    let run = |args: &[&str]| home.tool("validation-complete-import").args(args).run();
    run(&["--threshold", "0"]).expect_code(2);
    run(&["--weeks", "2"]).expect_code(2);
    run(&["--html", "nulle/part/page.html"]).expect_code(1);
}

/// One file alone is sent again, with the lines of another in another order: the other one is only in the main tables by then.
#[test]
fn one_content_under_two_names_is_found_beside_the_main_tables_too() {
    let World { home, db: _db } = World::seeded();
    home.tool("generate-sample-data").args(["--days", "2", "--scale", "0.2"]).run().expect_code(0);
    let days = home.read("data/data_temp/frequentation_journee_fr.csv");
    let nights = home.read("data/data_temp/frequentation_nuitee_fr.csv");
    for tool in ["update-temp-tables", "migrate-temp-to-main", "cleanup-temp"] {
        home.tool(tool).run().expect_code(0);
    }
    for entry in home.list("data/data_temp").iter().filter(|name| name.ends_with(".csv")) {
        std::fs::remove_file(home.data_temp().join(entry)).unwrap();
    }
    let repeated = |text: &str, code: i32| -> Vec<String> {
        home.write_csv("frequentation_nuitee_fr.csv", text);
        home.tool("update-temp-tables").args(["--only", "frequentation_nuitee_fr", "--force"]).run().expect_code(code);
        let json = validate(&home, 3).json();
        let findings = json["findings"].as_array().unwrap().iter();
        let found = findings.filter(|finding| finding["code"] == "file-repeated");
        found.map(|finding| format!("{} {}", finding["place"], finding["message"])).collect()
    };
    let mut lines: Vec<&str> = days.lines().collect();
    lines[1..].reverse();
    let found = repeated(&(lines.join("\r\n") + "\r\n"), 3);
    assert!(found.len() == 1 && found[0].starts_with("\"frequentation_nuitee_fr.csv\""), "{found:?}");
    let count = flux_report::number((days.lines().count() - 1) as u64);
    assert!(found[0].contains("frequentation_journee_fr.csv") && found[0].contains(&count), "{found:?}");
    assert_eq!(repeated(&nights, 0), Vec::<String>::new());
}

/// A redelivery has lost all excursionists, or whoever comes from abroad: too little of each date and zone for the migration's guards. What
/// is rare comes and goes, and what a zone or a date takes along is told with it.
#[test]
fn a_category_or_a_provenance_that_a_redelivery_has_lost_is_told() {
    let world = World::whole();
    let zones = ["Cantal", "Lioran", "Carlades"];
    let days = ["2025-04-08", "2025-04-09"];
    let mut lines: Vec<String> = Vec::new();
    for day in days {
        for zone in zones {
            for (at, who) in [
                "Local;Resident",
                "Local;Touriste",
                "NonLocal;Touriste",
                "NonLocal;Excursionniste",
                "Etranger;Touriste",
            ]
            .into_iter()
            .enumerate()
            {
                lines.push(format!("{day};{zone};{who};{}", 20 + at));
                lines.push(format!("{day};{zone};{};{}", who.replace("Touriste", "Excursionniste recurrent"), 30 + at));
            }
        }
    }
    lines.sort();
    lines.dedup_by_key(|line| line.rsplit_once(';').unwrap().0.to_owned());
    lines.push("2025-04-08;Cantal;Local;Habituellement present;3".to_owned());
    let deliver = |lines: &[&str]| {
        world.nights(lines);
        let _ = world.import_nights(&["--force"]);
        let json = world.tool("validation-complete-import").arg("--json").run().expect_code(3).json();
        let told = json["findings"].as_array().unwrap().iter().filter(|one| one["code"] == "category-vanished");
        told.map(|one| one["message"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let whole: Vec<&str> = lines.iter().map(String::as_str).collect();
    assert!(deliver(&whole).is_empty());
    world.tool("migrate-temp-to-main").run().expect_code(0);
    assert!(deliver(&whole).is_empty());
    let without = |word: &str| whole.iter().copied().filter(|line| !line.contains(word)).collect::<Vec<_>>();
    let count = |word: &str| whole.iter().filter(|line| line.contains(word)).count();
    for (word, name) in [("Etranger", "provenance ETRANGER"), ("recurrent", "catégorie EXCURSIONNISTE RECURRENT")] {
        let told = deliver(&without(word));
        assert!(told.len() == 1 && told[0].contains(name), "{word}: {told:?}");
        assert!(told[0].contains(&format!("({} lignes en base)", count(word))), "{told:?}");
        assert!(told[0].contains("2025-04-08") && told[0].contains("2025-04-09"), "{told:?}");
    }
    // Rare, of one date only, or gone with its zone.
    assert!(deliver(&without("Habituellement")).is_empty());
    let one_day: Vec<&str> =
        whole.iter().copied().filter(|line| !(line.contains("Etranger") && line.starts_with(days[0]))).collect();
    assert!(deliver(&one_day).is_empty());
    assert!(deliver(&without("Lioran")).is_empty());
}

/// A date that a migration held back waits in its table while a later week comes: the days between the two are nobody's.
#[test]
fn rows_that_wait_from_an_earlier_week_make_no_day_missing() {
    let World { home, db } = World::seeded();
    let week = |from: &str| {
        let what = ["--days", "2", "--scale", "0.2", "--from", from, "--force"];
        home.tool("generate-sample-data").args(what).run().expect_code(0);
        home.tool("update-temp-tables").run().expect_code(0);
    };
    week("2025-03-03");
    // All but two tables are emptied; one of these is not in the next delivery either.
    for (_, table, _) in support::weekly::FILES {
        if !["fact_nuitees_temp", "fact_sejours_duree_temp"].contains(&table) {
            db.exec(&format!("DELETE FROM {table}; UPDATE flux_import_dates SET cleaned_at = UTC_TIMESTAMP(3) WHERE table_name = '{table}'"));
        }
    }
    week("2025-03-17");
    let json = validate(&home, 0).json();
    assert_eq!(json["coverage"]["days"], json!(["2025-03-17", "2025-03-18"]), "{json:#}");
    // A day that the delivery itself lacks in a table is missing as before.
    db.exec("DELETE FROM fact_nuitees_temp WHERE date = '2025-03-18'");
    let json = validate(&home, 3).json();
    let missing = json["findings"].as_array().unwrap().iter().find(|finding| finding["code"] == "coverage-incomplete");
    let missing = missing.unwrap_or_else(|| panic!("{json:#}"));
    assert_eq!(missing["place"], "fact_nuitees_temp");
    let message = missing["message"].as_str().unwrap();
    assert!(message.contains("2025-03-18") && !message.contains("2025-03-04"), "{message}");
}

/// Half of the files are of the week before: rows would be in the right place, and half of the new week missing without a word.
#[test]
fn files_of_two_deliveries_are_told_apart() {
    let db = diag::database();
    let home = Home::new(&db);
    let crossed = ["duree_sejour_int", "frequentation_journee"];
    deliver(&home, |name, line| {
        Some(if crossed.contains(&name) { line.replace("2025-07-0", "2025-06-2") } else { line })
    });
    import(&home, 3);
    let json = validate(&home, 3).json();
    let of_two = |finding: &&Value| finding["code"] == "period-unexpected";
    let told: Vec<&Value> = json["findings"].as_array().unwrap().iter().filter(of_two).collect();
    let message = told[0]["message"].as_str().unwrap();
    assert!(told.len() == 1 && crossed.iter().all(|name| message.contains(name)), "{json:#}");
    assert!(
        message.contains("2 fichiers") && message.contains("2025-06-29") && message.contains("2025-07-07"),
        "{message}"
    );
    // Days are missing too, in each half; the first step is about what stops the week.
    let text = &home.tool("validation-complete-import").run().expect_code(3).stdout;
    let step = text.lines().find(|line| line.contains('→')).unwrap();
    assert!(text.contains("manquent") && step.contains("d'une même livraison"), "{text}");
    // A file that only ends earlier is of the same delivery, and its days are told as missing.
    deliver(&home, |name, line| (name != crossed[0] || !line.starts_with("2025-07-09")).then_some(line));
    import(&home, 0);
    let json = validate(&home, 3).json();
    let codes: Vec<&Value> = json["findings"].as_array().unwrap().iter().map(|finding| &finding["code"]).collect();
    assert!(
        codes.contains(&&json!("coverage-incomplete")) && !codes.contains(&&json!("period-unexpected")),
        "{json:#}"
    );
}

/// A revision changes some rows; one in another unit changes them all, and no guard of the migration minds what grows.
#[test]
fn a_redelivery_in_another_unit_is_told_before_it_is_migrated() {
    let world = World::whole();
    let day = |volume: u64| {
        let mut lines = Vec::new();
        for zone in ["Cantal", "Lioran", "Carlades", "Pays Salers"] {
            for (category, part) in [("Touriste", 3), ("Resident", 5), ("Habituellement present", 1)] {
                lines.push(format!("2025-04-21;{zone};NonLocal;{category};{}", part * volume));
            }
        }
        lines
    };
    let import = |lines: &[String]| {
        world.nights(&lines.iter().map(String::as_str).collect::<Vec<_>>());
        world.import_nights(&[]).expect_code(0);
    };
    let told = || {
        let json = world.tool("validation-complete-import").arg("--json").run().json();
        let scaled = json["findings"].as_array().unwrap().iter().filter(|f| f["code"] == "volume-scaled");
        scaled.map(|f| f["message"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    import(&day(20));
    assert_eq!(told(), [""; 0], "nothing to compare with");
    world.tool("migrate-temp-to-main").run().expect_code(0);
    import(&day(27));
    assert_eq!(told(), [""; 0], "a revision");
    import(&day(2000));
    let message = told().concat();
    assert!(message.contains("multipliés par 100,0") && message.contains("2025-04-21"), "{message}");
}

/// A week of nights from a Monday: residents and tourists of four zones, each day as many.
fn nights_of(monday: &str, volumes: &[(&str, u64, u64)]) -> Vec<String> {
    let monday: chrono::NaiveDate = monday.parse().unwrap();
    let mut lines = Vec::new();
    for day in monday.iter_days().take(7) {
        for (zone, residents, tourists) in volumes {
            lines.push(format!("{day};{zone};Local;Resident;{residents}"));
            lines.push(format!("{day};{zone};NonLocal;Touriste;{tourists}"));
        }
    }
    lines
}

/// The base has one week, then two and three: nothing is usual yet, and ten times as many residents are none the less told.
#[test]
fn a_new_week_in_another_unit_is_told_however_young_the_base_is() {
    let world = World::whole();
    let weeks = ["2025-12-01", "2025-12-08", "2025-12-15"];
    let quiet = [("Cantal", 1400, 210), ("Lioran", 20, 35), ("Carlades", 130, 18), ("Pays Salers", 90, 12)];
    let deliver = |monday: &str, volumes: &[(&str, u64, u64)]| {
        let lines = nights_of(monday, volumes);
        world.nights(&lines.iter().map(String::as_str).collect::<Vec<_>>());
        world.import_nights(&["--allow-future", "--force"]).expect_code(0);
    };
    let told = || {
        let json = world.tool("validation-complete-import").arg("--json").run().json();
        let findings = json["findings"].as_array().unwrap().iter();
        assert!(findings.clone().all(|finding| finding["code"] != "volume-unusual"), "{json:#}");
        let scaled = findings.filter(|finding| finding["code"] == "volume-scaled");
        scaled.map(|finding| finding["message"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    for (at, monday) in weeks.iter().enumerate() {
        deliver(monday, &quiet);
        assert_eq!(told(), [""; 0], "{at} weeks before");
        world.tool("migrate-temp-to-main").run().expect_code(0);
        world.tool("cleanup-temp").run().expect_code(0);
        let next = weeks.get(at + 1).unwrap_or(&"2025-12-22");
        for (times, what) in [(10, "multipliés par 10,0"), (8, "multipliés par 8,0")] {
            deliver(next, &quiet.map(|(zone, residents, tourists)| (zone, residents * times, tourists * times)));
            let [message] = told().try_into().unwrap_or_else(|all| panic!("{all:?}"));
            assert!(message.contains(what) && message.contains("7 dates"), "{message}");
            assert!(message.contains(next), "{message}");
        }
        // The week of Christmas: twenty times as many in the mountains, three times elsewhere, and guests with residents.
        let feast = [("Cantal", 1500, 640), ("Lioran", 150, 700), ("Carlades", 160, 60), ("Pays Salers", 110, 50)];
        deliver(next, &feast);
        assert_eq!(told(), [""; 0]);
    }
}

/// Cut within a volume, a line is sound and its number is wrong: the line end tells, where the other files of the delivery have theirs.
#[test]
fn a_file_cut_within_its_last_volume_is_told() {
    let world = World::whole();
    world.nights(&["2025-07-07;Cantal;Local;Touriste;5", "2025-07-07;Cantal;NonLocal;Touriste;1234"]);
    world.others();
    let truncated = || {
        let json = world.tool("validation-complete-import").arg("--json").run().json();
        let told = json["findings"].as_array().unwrap().iter().filter(|f| f["code"] == "file-truncated");
        told.map(|f| f["place"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(truncated(), [""; 0]);
    let path = "data/data_temp/frequentation_nuitee.csv";
    let text = world.home.read(path);
    world.home.write(path, &text[..text.len() - 3]);
    assert_eq!(truncated(), ["frequentation_nuitee.csv"]);
    // A supplier who never ends the last line cuts nothing.
    for name in world.home.list("data/data_temp") {
        let path = format!("data/data_temp/{name}");
        let text = world.home.read(&path);
        world.home.write(&path, text.trim_end());
    }
    assert_eq!(truncated(), [""; 0]);
}
