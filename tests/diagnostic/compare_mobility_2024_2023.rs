//! `compare-mobility-2024-2023`: totals worked out by hand, equivalents added, gaps told, CSV and page written.

use std::process::Command;

use flux_test::{Home, TestDb};
use serde_json::{Value, json};
use support::{codes, diag};

/// Two days of a "fete" in each year; rows that the portal does not count stand beside.
fn database() -> TestDb {
    let db = diag::database();
    db.exec(
        "INSERT INTO dim_zones_observation VALUES (4, 'PAYS D''AURILLAC');
         INSERT INTO dim_periodes (code_periode, nom_periode, annee, date_debut, date_fin) VALUES
         ('fete', 'Fête d''été', 2024, '2024-07-06 00:00:00', '2024-07-07 23:59:59'),
         ('fete', 'Fête d''été', 2023, '2023-07-08 00:00:00', '2023-07-09 23:59:59');
         INSERT INTO fact_lieu_activite_soir (date, id_zone, id_provenance, id_categorie, id_commune, jour_semaine, volume) VALUES
         ('2024-07-06', 1, 2, 1, 1, 'samedi', 100), ('2024-07-07', 1, 3, 1, 1, 'dimanche', 50), ('2024-07-07', 1, 2, 1, 2, 'dimanche', 30),
         ('2023-07-08', 1, 2, 1, 1, 'samedi', 120), ('2023-07-09', 1, 2, 1, 3, 'dimanche', 40),
         ('2024-07-06', 1, 1, 1, 1, 'samedi', 7000), ('2024-07-06', 1, 2, 2, 1, 'samedi', 7000),
         ('2024-07-06', 1, 2, 1, 0, 'samedi', 7000), ('2024-07-08', 1, 2, 1, 1, 'lundi', 7000),
         ('2024-07-06', 2, 2, 1, 1, 'samedi', 11), ('2024-07-07', 4, 2, 1, 1, 'dimanche', 22)",
    );
    db
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|commune| commune["nom_commune"].as_str().unwrap()).collect()
}

/// The time by the clock of a zone, for programs and as a French reader has it: the system's `date` says so.
fn clock(zone: &str) -> [String; 2] {
    const MONTHS: &str = "janvier février mars avril mai juin juillet août septembre octobre novembre décembre";
    let date = Command::new("date").arg("+%Y-%m-%dT%H:%M %Y %-m %-d %-H %M").env("TZ", zone).output().unwrap();
    let date = String::from_utf8(date.stdout).unwrap();
    let part: Vec<&str> = date.split_whitespace().collect();
    let month = MONTHS.split(' ').nth(part[2].parse::<usize>().unwrap() - 1).unwrap();
    let day = if part[3] == "1" { "1er" } else { part[3] };
    [part[0].to_owned(), format!("{day} {month} {} à {} h {}", part[1], part[4], part[5])]
}

#[test]
fn gains_losses_new_and_gone_are_told_apart() {
    let db = database();
    let home = Home::new(&db);
    let args = ["--json", "--period", "fete", "--csv", "out.csv", "--html", "out.html"];
    let zone = "Pacific/Kiritimati";
    let (before, json, after) = (
        clock(zone),
        home.tool("compare-mobility-2024-2023").args(args).env("TZ", zone).run().expect_code(0).json(),
        clock(zone),
    );
    assert_eq!((&json["current"]["total"], &json["reference"]["total"]), (&json!(180), &json!(160)));
    assert_eq!(json["evolution_pct"], 12.5);
    assert_eq!(names(&json["communes"]), ["AURILLAC", "SAINT-FLOUR", "MAURIAC"]);
    assert_eq!(names(&json["gains"]), ["AURILLAC"]);
    assert_eq!((&json["gains"][0]["difference"], &json["gains"][0]["evolution_pct"]), (&json!(30), &json!(25.0)));
    assert_eq!((names(&json["new"]), names(&json["gone"])), (vec!["SAINT-FLOUR"], vec!["MAURIAC"]));
    assert!(names(&json["losses"]).is_empty());
    assert_eq!(
        home.read("out.csv"),
        "code_insee;nom_commune;visiteurs_2024;visiteurs_2023;difference;evolution_pct\n\
         15014;AURILLAC;150;120;30;25.0\n15187;SAINT-FLOUR;30;0;30;\n15120;MAURIAC;0;40;-40;-100.0\n"
    );
    let html = home.read("out.html");
    let edited =
        |[machine, people]: &[String; 2]| html.contains(&format!("datetime=\"{machine}+14:00\">{people}</time>"));
    assert!(edited(&before) || edited(&after), "{before:?} or {after:?}: {html}");
    assert!(html.contains("<svg") && html.contains("AURILLAC") && !html.contains("http"), "{html}");
    for part in
        ["<main>", "<caption>Journées-visiteurs de la période</caption>", "scope=\"row\"", "Observatoire du tourisme"]
    {
        assert!(html.contains(part), "{part}: {html}");
    }
    let text = home.tool("compare-mobility-2024-2023").args(["--period", "Fête d'été"]).run().expect_code(0);
    assert!(text.stdout.contains('█') && text.stdout.contains("+25,0 %"), "{text}");
}

#[test]
fn a_zone_in_two_rows_is_added_up_whatever_name_is_asked_for() {
    let db = database();
    let home = Home::new(&db);
    for zone in ["CABA", "Pays d'Aurillac"] {
        let args = ["--json", "--period", "fete", "--zone", zone];
        let json = home.tool("compare-mobility-2024-2023").args(args).run().expect_code(3).json();
        assert_eq!(json["current"]["total"], 33, "{zone}");
        // 2023 has nothing for it
        assert_eq!(codes(&json), ["period-empty"]);
    }
}

#[test]
fn days_of_ones_own_are_shifted_and_missing_days_are_told() {
    let db = database();
    let home = Home::new(&db);
    let args = ["--json", "--from", "2024-07-06", "--to", "2024-07-09"];
    let json = home.tool("compare-mobility-2024-2023").args(args).run().expect_code(3).json();
    assert_eq!(json["reference"]["from"], "2023-07-06");
    assert_eq!((&json["current"]["days_with_data"], &json["reference"]["days_with_data"]), (&json!(3), &json!(2)));
    assert_eq!(json["findings"].as_array().unwrap().len(), 2);
}

/// The 7th has 50 + 30 visitors, the 6th 100; 2023 has none on the 7th.
#[test]
fn the_days_just_before_stand_beside_the_period() {
    let db = database();
    let home = Home::new(&db);
    let args = ["--json", "--from", "2024-07-07", "--to", "2024-07-07", "--html", "jour.html"];
    let json = home.tool("compare-mobility-2024-2023").args(args).run().expect_code(3).json();
    let expected =
        json!({"from": "2024-07-06", "to": "2024-07-06", "days_with_data": 1, "total": 100, "evolution_pct": -20.0});
    assert_eq!((&json["current"]["total"], &json["preceding"]), (&json!(80), &expected));
    let html = home.read("jour.html");
    assert!(html.contains("<td class=\"n\">−20,0 %</td>") && html.contains("data-code=\"period-empty\""), "{html}");
}

/// Every day of both years has data: 10 visitors a day, 43 on 29 February. 2024: 365 × 10 + 43 = 3 693; 2023: 3 650.
#[test]
fn the_29_february_is_shown_and_is_no_anomaly() {
    let db = diag::database();
    let home = Home::new(&db);
    db.exec(
        "INSERT INTO dim_periodes (code_periode, nom_periode, annee, date_debut, date_fin) VALUES
         ('annee_complete', 'Année complète', 2024, '2024-01-01 00:00:00', '2024-12-31 23:59:59'),
         ('annee_complete', 'Année complète', 2023, '2023-01-01 00:00:00', '2023-12-31 23:59:59'),
         ('hiver', 'Hiver', 2024, '2024-02-10 00:00:00', '2024-03-10 23:59:59'),
         ('hiver', 'Hiver', 2023, '2023-02-04 00:00:00', '2023-03-04 23:59:59')",
    );
    let first = chrono::NaiveDate::from_ymd_opt(2023, 1, 1).unwrap();
    let days: Vec<String> = (0..731)
        .map(|day| first + chrono::Days::new(day))
        .map(|day| format!("('{day}', 1, 2, 1, 1, '', {})", if day.to_string() == "2024-02-29" { 43 } else { 10 }))
        .collect();
    db.exec(&format!(
        "INSERT INTO fact_lieu_activite_soir (date, id_zone, id_provenance, id_categorie, id_commune, jour_semaine, volume) \
         VALUES {}",
        days.join(", ")
    ));
    let run = |args: &[&str]| home.tool("compare-mobility-2024-2023").args(args).run();
    let json = run(&["--json", "--period", "annee_complete", "--html", "an.html"]).expect_code(0).json();
    assert_eq!((&json["current"]["total"], &json["reference"]["total"]), (&json!(3693), &json!(3650)));
    // 43 / 3650 = 1.18 %; without that day 3 650 against 3 650.
    assert_eq!(json["evolution_pct"], 1.2);
    assert_eq!(json["leap_day"], json!({"date": "2024-02-29", "total": 43, "evolution_pct": 0.0}));
    assert!(home.read("an.html").contains("2024-02-29"));
    let note = "un jour de plus, le 2024-02-29 (43 visiteurs)";
    run(&["--period", "annee_complete"]).expect_code(0).expect_stdout(note);
    // The other way round the day stands in the reference.
    let json = run(&["--json", "--period", "annee_complete", "--year", "2023", "--reference", "2024"]);
    let json = json.expect_code(0).json();
    assert_eq!(json["leap_day"], json!({"date": "2024-02-29", "total": 43, "evolution_pct": 0.0}));
    // 28 February to 1 March: 3 days (63) against 2 (20).
    let json = run(&["--json", "--from", "2024-02-28", "--to", "2024-03-01"]).expect_code(0).json();
    assert_eq!((&json["current"]["total"], &json["reference"]["total"]), (&json!(63), &json!(20)));
    assert_eq!(json["leap_day"]["total"], 43);
    // 30 days against 29, other dates: not for the 29 February.
    let json = run(&["--json", "--period", "hiver"]).expect_code(3).json();
    assert!(codes(&json).contains(&"period-length-differs"), "{json}");
}

#[test]
fn unknown_names_and_years_say_what_is_known() {
    let db = database();
    let home = Home::new(&db);
    let run = |args: &[&str]| home.tool("compare-mobility-2024-2023").args(args).run();
    run(&["--period", "fetes"]).expect_code(2).expect_stderr("fete");
    run(&["--period", "fete", "--year", "2019"]).expect_code(2).expect_stderr("update-saisons");
    run(&["--period", "fete", "--zone", "CABBA"]).expect_code(2).expect_stderr("CABA");
    run(&["--period", "fete", "--category", "MARTIEN"]).expect_code(2);
    run(&["--from", "2024-07-06"]).expect_code(2);
    run(&["--from", "2024-07-06", "--to", "2024-07-01"]).expect_code(2);
    let json = run(&["--json", "--period", "fete", "--html", "nulle/part.html"]).expect_code(1).json();
    assert_eq!(json["error"]["code"], "io");
    db.exec("DROP TABLE fact_lieu_activite_soir");
    assert_eq!(run(&["--json", "--period", "fete"]).expect_code(1).json()["error"]["code"], "table-missing");
}

#[test]
fn a_csv_goes_into_what_is_there_and_replaces_no_device_and_no_link() {
    use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
    let db = database();
    let home = Home::new(&db);
    let run =
        |to: &str| home.tool("compare-mobility-2024-2023").args(["--period", "fete", "--csv", to]).run().expect_code(0);
    let header = "code_insee;nom_commune;visiteurs_2024";
    let plain = run("plain.csv");
    for stdout in ["/dev/stdout", "/proc/self/fd/1", "/dev/fd/1"] {
        let both = run(stdout);
        assert!(both.stdout.starts_with(header), "{stdout}: {both}");
        assert_eq!(both.stdout, home.read("plain.csv") + &plain.stdout.replace("plain.csv", stdout), "{stdout}");
    }
    run("/dev/null");
    assert!(std::fs::metadata("/dev/null").unwrap().file_type().is_char_device());
    assert!(run("/dev/stderr").stderr.contains(header));
    // Redirected by a shell into files, of which nothing that stands there is lost.
    home.write("out.txt", "avant\n");
    home.write("err.txt", "avant\n");
    let program = flux_test::bin_dir().join("compare-mobility-2024-2023").display().to_string();
    for (to, file) in [("/dev/stdout", "out.txt"), ("/dev/stderr", "err.txt"), ("/dev/fd/2", "err.txt")] {
        let script = format!("{program} --period fete --csv {to} >>out.txt 2>>err.txt");
        flux_test::Tool::program("/bin/sh").home(&home).args(["-c", &script]).run().expect_code(0);
        let text = home.read(file);
        assert!(text.starts_with("avant\n") && text.contains(header), "{to}: {text}");
    }
    home.write("prive.csv", "ancien");
    std::fs::set_permissions(home.join("prive.csv"), std::fs::Permissions::from_mode(0o600)).unwrap();
    symlink("prive.csv", home.join("lien.csv")).unwrap();
    run("lien.csv");
    assert!(home.join("lien.csv").is_symlink() && home.read("prive.csv").starts_with(header));
    assert_eq!(std::fs::metadata(home.join("prive.csv")).unwrap().permissions().mode() & 0o777, 0o600);
}
