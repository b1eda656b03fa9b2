//! What people and their spreadsheets leave in a CSV (faults.md B and D): read where it is clear, rejected with a reason of its own
//! and the value where it is not.

use serde_json::Value;
use support::weekly::{BASE, Sane, World, counts, file, text};

/// `reason examples` of each motive of the file.
fn motives(json: &Value) -> Vec<String> {
    let rejects = file(json, "frequentation_nuitee.csv")["rejects"].as_array().cloned().unwrap_or_default();
    rejects.iter().map(|motive| format!("{} {}", motive["reason"], motive["examples"])).collect()
}

#[test]
fn whole_numbers_with_a_french_comma_empty_rows_and_a_separator_hint() {
    let world = World::new();
    let lines = [
        "2025-04-07;Cantal;Local;Touriste;512,00",
        ";;;;",
        "2025-04-07;Lioran;Local;Touriste;2 048,0",
        " ;\"\"; ;;\"\"",
        "2025-04-07;Carlades;Local;Touriste;7",
    ];
    world.home.write_csv("frequentation_nuitee.csv", format!("sep=;\n{}", text(BASE, &lines)));
    let json = world.import_nights(&[]).expect_code(0).json();
    assert_eq!(counts(file(&json, "frequentation_nuitee.csv")), [3, 3, 0, 0, 0, 0, 0]);
    assert_eq!(world.stored(), ["2025-04-07 1 1 1 512", "2025-04-07 5 1 1 2048", "2025-04-07 9 1 1 7"]);
    let state = world.tool("etat-csv-complet").arg("--json").run().sane().json();
    assert_eq!(file(&state, "frequentation_nuitee.csv")["lines"], 3);
}

#[test]
fn each_habit_of_a_spreadsheet_has_its_reason_and_shows_its_value() {
    let world = World::new();
    let cases = [
        ("14/04/25;Cantal;Local;Touriste;1", "deux chiffres", "14/04/25"),
        ("45761;Cantal;Local;Touriste;1", "tableur", "45761"),
        ("\u{feff}Date;ZoneObservation;Provenance;CategorieVisiteur;Volume", "en-tête répété", "Date"),
        ("2025-04-14 08:30:00;Cantal;Local;Touriste;1", "heure", "08:30:00"),
        ("2025-04-14\u{feff};Cantal;Local;Touriste;1", "invisible", "⟨U+FEFF⟩"),
        ("2025-04-14;Cantal;Local;Touriste;9,87E+04", "scientifique", "9,87E+04"),
        ("2025-04-14;Cantal;Local;Touriste;-", "tiret", " -"),
        ("2025-04-14;Cantal;Local;Touriste;5\u{200b}0", "invisible", "5⟨U+200B⟩0"),
        ("2025-04-14;Lio\u{200b}ran\u{200b}x;Local;Touriste;50", "inconnu", "Lio⟨U+200B⟩ran"),
        ("2025-04-14;Cantal;Local;Touriste;5\r2025-04-14;Lioran;Local;Touriste;6", "CR", "ligne 2"),
    ];
    for (line, reason, value) in cases {
        world.nights(&[line, "2025-04-15;Cantal;Local;Touriste;3"]);
        let json = world.import_nights(&[]).expect_code(3).json();
        let found = motives(&json);
        assert!(found.len() == 1 && found[0].contains(reason) && found[0].contains(value), "{line:?}: {found:?}");
        let rejects = file(&json, "frequentation_nuitee.csv")["reject_file"].as_str().unwrap();
        let rejects = std::fs::read_to_string(rejects).unwrap();
        assert!(rejects.contains(reason), "{rejects}");
    }
}

#[test]
fn lines_of_an_old_mac_are_called_so() {
    let world = World::new();
    let content = text(BASE, &["2025-04-07;Cantal;Local;Touriste;5"]).replace('\n', "\r");
    world.home.write_csv("frequentation_nuitee.csv", content);
    let json = world.import_nights(&[]).expect_code(1).json();
    let file = file(&json, "frequentation_nuitee.csv");
    assert_eq!(file["code"], "file-unusable");
    assert!(file["error"].as_str().unwrap().contains("CR"), "{file}");
}

#[test]
fn the_order_of_day_and_month_is_the_one_of_the_whole_file() {
    let world = World::new();
    // The first line could be read either way; the last one cannot.
    world.nights(&[
        "04/05/2025;Cantal;Local;Touriste;1",
        "04/06/2025;Nulle part;Local;Touriste;2",
        "04/30/2025;Cantal;Local;Touriste;3",
    ]);
    world.import_nights(&[]).expect_code(3);
    assert_eq!(world.stored(), ["2025-04-05 1 1 1 1", "2025-04-30 1 1 1 3"]);
    assert_eq!(world.home.list("logs/rejets").len(), 1, "the rejects of the first reading are gone");
    let state = world.tool("etat-csv-complet").arg("--json").run().sane().json();
    assert_eq!(file(&state, "frequentation_nuitee.csv")["dates"], serde_json::json!(["2025-04-05", "2025-04-30"]));

    world.nights(&["04/05/2025;Cantal;Local;Touriste;1", "30/04/2025;Cantal;Local;Touriste;3"]);
    world.import_nights(&[]).expect_code(0);
    assert!(world.stored().contains(&"2025-05-04 1 1 1 1".to_owned()), "{:?}", world.stored());

    let before = world.stored();
    world.nights(&[
        "2025-05-01;Cantal;Local;Touriste;1",
        "05/28/2025;Cantal;Local;Touriste;1",
        "29/05/2025;Cantal;Local;Touriste;3",
    ]);
    let json = world.import_nights(&[]).expect_code(1).json();
    let refused = file(&json, "frequentation_nuitee.csv");
    assert_eq!((&refused["code"], &refused["rejected"]), (&Value::from("file-unusable"), &Value::from(0)));
    let error = refused["error"].as_str().unwrap();
    assert!(error.contains("05/28/2025 (ligne 3)") && error.contains("29/05/2025 (ligne 4)"), "{error}");
    assert_eq!(world.stored(), before);
    let state = world.tool("etat-csv-complet").arg("--json").run().sane().expect_code(3).json();
    assert_eq!(file(&state, "frequentation_nuitee.csv")["state"], "unusable");
}

#[test]
fn rejects_are_bounded_and_counted() {
    let world = World::new();
    let mut content = BASE.to_owned();
    content.push_str("2025-04-07;Cantal;Local;Touriste;5\n");
    for _ in 0..200_300 {
        content.push_str("x;;;;\n");
    }
    world.home.write_csv("frequentation_nuitee.csv", content);
    let json = world.import_nights(&[]).expect_code(3).json();
    let file = file(&json, "frequentation_nuitee.csv");
    assert_eq!((&file["rejected"], &file["rejects_unwritten"]), (&Value::from(200_300), &Value::from(300)));
    let rejects = world.reject_files().pop().unwrap();
    assert_eq!(rejects.lines().count(), 1 + 200_000 + 1);
    assert!(rejects.starts_with('\u{feff}') && rejects.lines().last().unwrap().contains("300 lignes"));
}

#[test]
fn a_date_that_is_still_to_come_is_rejected_unless_it_is_let_in() {
    let world = World::new();
    let import = |args: &[&str]| {
        let tool = world.tool("update-temp-tables").args(["--only", "frequentation_nuitee", "--json"]);
        tool.args(args).env("FLUX_TODAY", "2025-08-20").run().sane()
    };
    world.nights(&[
        "2025-08-19;Cantal;Local;Touriste;1",
        "2025-08-20;Cantal;Local;Touriste;2",
        "2025-08-21;Cantal;Local;Touriste;3",
    ]);
    let json = import(&[]).expect_code(3).json();
    assert!(motives(&json)[0].contains("--allow-future"), "{json}");
    assert_eq!(world.stored(), ["2025-08-19 1 1 1 1", "2025-08-20 1 1 1 2"]);
    import(&["--allow-future"]).expect_code(0);
    assert_eq!(world.stored().len(), 3);
    world.nights(&["2052-07-01;Cantal;Local;Touriste;1"]);
    world.import_nights(&["--force"]).expect_code(3);
    assert_eq!(world.stored().len(), 3);
}

#[test]
fn dates_that_both_orders_read_are_not_guessed_where_only_one_makes_a_week() {
    let world = World::new();
    // The first days of a month, month first: read day first they would be one day of each of seven months.
    let week = |year: u32, format: fn(u32, u32, u32) -> String| -> Vec<String> {
        (1..=7).map(|day| format!("{};Lioran;NonLocal;Touriste;{day}", format(year, 9, day))).collect()
    };
    let nights = |lines: &[String]| world.nights(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    nights(&week(2025, |y, m, d| format!("{m:02}/{d:02}/{y}")));
    let json = world.import_nights(&[]).expect_code(1).json();
    let refused = file(&json, "frequentation_nuitee.csv");
    assert_eq!((&refused["status"], &refused["code"]), (&Value::from("failed"), &Value::from("file-unusable")));
    let error = refused["error"].as_str().unwrap();
    assert!(error.contains("09/01/2025 (ligne 2)") && error.contains("2025-09-01 au 2025-09-07"), "{error}");
    assert_eq!(world.db.count("fact_nuitees_temp"), 0);
    let state = world.tool("etat-csv-complet").arg("--json").run().sane().expect_code(3).json();
    assert_eq!(file(&state, "frequentation_nuitee.csv")["state"], "unusable");
    // As the French write them, the same days follow each other.
    nights(&week(2025, |y, m, d| format!("{d:02}/{m:02}/{y}")));
    world.import_nights(&[]).expect_code(0);
    let expected: Vec<String> = (1..=7).map(|day| format!("2025-09-{day:02} 5 2 1 {day}")).collect();
    assert_eq!(world.stored(), expected);
    // One line that a spreadsheet took for a date among others that it left alone.
    let mut mixed = week(2025, |y, m, d| format!("{y}-{m:02}-{d:02}"));
    mixed[4] = mixed[4].replace("2025-09-05", "09/05/2025");
    nights(&mixed);
    world.import_nights(&[]).expect_code(1);
    assert_eq!(world.stored(), expected);
}

/// To type 3 000 lines again is no advice for a file that a spreadsheet has changed, nor is it for a name that nobody knows yet.
#[test]
fn what_to_do_about_rejected_lines_is_what_helps() {
    let world = World::whole();
    let told = |lines: &[&str]| {
        world.home.write_csv("frequentation_journee.csv", text(BASE, lines));
        let run = world.tool("update-temp-tables").run().expect_code(3);
        let said = run.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains("(rejets : logs/rejets/frequentation_journee_"), "{run}");
        ["reprenez le fichier d'origine", "reference/zones.csv", "corrigez ces lignes dans le CSV livré"]
            .map(|advice| said.contains(advice))
    };
    assert_eq!(told(&["11/08/25;Cantal;Local;Touriste;9", "12/08/25;Cantal;Local;Touriste;8"]), [true, false, false]);
    assert_eq!(told(&["2025-08-11;Vallée Perdue;Local;Touriste;9"]), [false, true, false]);
    assert_eq!(told(&["2025-08-11;Cantal;Local;Touriste;beaucoup"]), [false, false, true]);
}
