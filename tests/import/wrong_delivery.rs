//! What no file shows by itself: a content that stands under two names, and a file of another week among those of this one.

use flux_test::{Home, Outcome};
use support::codes;
use support::weekly::{Sane, World, file};

fn generate(home: &Home, from: &str) {
    let what = ["--days", "2", "--scale", "0.2", "--from", from, "--force"];
    home.tool("generate-sample-data").args(what).run().expect_code(0);
}

fn import(home: &Home, args: &[&str], code: i32) -> serde_json::Value {
    home.tool("update-temp-tables").args(args).arg("--json").run().sane().expect_code(code).json()
}

/// The findings of a code, place and message.
fn told(json: &serde_json::Value, code: &str) -> Vec<(String, String)> {
    let findings = json["findings"].as_array().unwrap().iter().filter(|finding| finding["code"] == code);
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    findings.map(|finding| (text(&finding["place"]), text(&finding["message"]))).collect()
}

/// The countries of the nights are sent under the name of those of the days, in another order of lines.
#[test]
fn one_content_under_two_names_is_told_by_the_import() {
    let World { home, db } = World::seeded();
    generate(&home, "2025-03-03");
    let [nights, days] =
        ["nuitee", "journee"].map(|name| home.read(format!("data/data_temp/frequentation_{name}_int.csv")));
    assert!(told(&import(&home, &["--dry-run"], 0), "file-repeated").is_empty());
    let mut lines: Vec<&str> = nights.lines().collect();
    lines[1..].reverse();
    let wrong = lines.join("\n") + "\n";
    let wrong_under = |name: &str, text: &str| home.write_csv(&format!("frequentation_{name}_int.csv"), text);
    wrong_under("journee", &wrong);
    let is_told = |json: &serde_json::Value| {
        let told = told(json, "file-repeated");
        let count = flux_report::number((nights.lines().count() - 1) as u64);
        let both = |(place, message): &(String, String)| {
            let text = format!("{place} {message}");
            text.contains("nuitee_int.csv") && text.contains("journee_int.csv") && text.contains(&count)
        };
        told.len() == 1 && told.iter().all(both)
    };
    // It is taken all the same, and told each time as long as it waits there.
    let json = import(&home, &[], 3);
    assert!(is_told(&json), "{json:#}");
    assert_eq!(file(&json, "frequentation_journee_int.csv")["status"], "loaded");
    assert_eq!(db.count("fact_diurnes_pays_temp") as usize, nights.lines().count() - 1);
    let again = import(&home, &[], 3);
    assert!(is_told(&again) && again["files"].as_array().unwrap().iter().all(|file| file["status"] == "unchanged"));
    wrong_under("journee", &days);
    assert!(codes(&import(&home, &["--force"], 0)).is_empty());
    // Its twin is in the main table by now, and a file is sent alone.
    for tool in ["migrate-temp-to-main", "cleanup-temp", "archive-csv"] {
        home.tool(tool).run().sane().expect_code(0);
    }
    wrong_under("nuitee", &days);
    let json = import(&home, &["--only", "frequentation_nuitee_int", "--force"], 3);
    assert_eq!(told(&json, "file-repeated").len(), 1, "{json:#}");
    let text = home.tool("update-temp-tables").args(["--only", "frequentation_nuitee_int"]).run().sane().expect_code(3);
    text.expect_stdout("déposez le bon");
    wrong_under("nuitee", &nights);
    let json = import(&home, &["--only", "frequentation_nuitee_int", "--force"], 0);
    assert!(told(&json, "file-repeated").is_empty(), "{json:#}");
}

/// The departments of the days are those of the nights, written otherwise: another order of columns and lines, another separator and other
/// forms of dates and numbers. A dry run says what the import would, before anything is stored and beside what is.
#[test]
fn a_dry_run_sees_the_content_and_not_the_bytes() {
    let World { home, db } = World::seeded();
    generate(&home, "2025-09-01");
    let [nights, days] = ["nuitee", "journee"].map(|name| format!("frequentation_{name}_fr.csv"));
    let right = home.read(format!("data/data_temp/{days}"));
    let sent = home.read(format!("data/data_temp/{nights}"));
    let mut lines = sent.trim_start_matches('\u{feff}').lines();
    let header: Vec<&str> = lines.next().unwrap().split(';').collect();
    let at = |name: &str| header.iter().position(|column| *column == name).unwrap();
    let names = ["Volume", "NomDepartement", "CategorieVisiteur", "Date", "Provenance", "ZoneObservation"];
    let mut other: Vec<String> = lines
        .map(|line| {
            let fields: Vec<&str> = line.split(';').collect();
            let field = |name: &&str| match (*name, fields[at(name)]) {
                ("Volume", volume) => format!("{volume}.0"),
                ("Date", date) => format!("{}/{}/{}", &date[8..], &date[5..7], &date[..4]),
                (_, text) => text.to_uppercase(),
            };
            names.iter().map(field).collect::<Vec<_>>().join("\t")
        })
        .collect();
    let count = other.len();
    other.reverse();
    home.write_csv(&days, format!("{}\n{}\n", names.join("\t"), other.join("\n")));
    let repeated = |args: &[&str], code: i32| told(&import(&home, args, code), "file-repeated");
    let expected = repeated(&["--dry-run"], 3);
    assert!(expected.len() == 1 && expected[0].1.contains(&flux_report::number(count as u64)), "{expected:?}");
    assert_eq!(db.count("fact_nuitees_departements_temp"), 0);
    assert_eq!(repeated(&[], 3), expected);
    // Both are there, one of them is, or its twin is in the main table.
    assert_eq!(repeated(&["--dry-run"], 3), expected);
    home.write_csv(&days, &right);
    assert!(repeated(&["--dry-run"], 0).is_empty());
    import(&home, &[], 0);
    for tool in ["migrate-temp-to-main", "cleanup-temp", "archive-csv"] {
        home.tool(tool).run().sane().expect_code(0);
    }
    home.write_csv(&nights, &right);
    let only = |more: &[&'static str]| repeated(&[&["--only", "frequentation_nuitee_fr", "--force"], more].concat(), 3);
    let expected = only(&["--dry-run"]);
    assert_eq!((expected.len(), only(&[])), (1, expected.clone()), "{expected:?}");
    // A name that only the import would create is one name in both files.
    home.write_csv(&days, right.replace("Cantal;", "Cantal Neuf;"));
    home.write_csv(&nights, right.replace("Cantal;", "Cantal Neuf;"));
    let both = ["--only", "frequentation_nuitee_fr,frequentation_journee_fr", "--create-missing", "--force"];
    let expected = repeated(&[&both[..], &["--dry-run"]].concat(), 3);
    assert_eq!((expected.len(), repeated(&both, 3)), (1, expected.clone()), "{expected:?}");
}

/// Two files of one week may well say the same where they say little, or one thing throughout.
#[test]
fn what_is_legitimate_is_not_told() {
    let world = World::whole();
    let few: Vec<String> = (1..=9).map(|day| format!("2025-03-0{day};Lioran;Local;Touriste;{}", day * 3)).collect();
    let even: Vec<String> = support::weekly::ZONES
        .iter()
        .flat_map(|zone| (1..=9).map(move |day| format!("2025-03-0{day};{zone};Local;Touriste;3")))
        .collect();
    for lines in [few, even] {
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        for name in ["frequentation_nuitee.csv", "frequentation_journee.csv"] {
            world.csv(name, support::weekly::BASE, &lines);
        }
        world.import("frequentation_nuitee,frequentation_journee", &[]).expect_code(0);
    }
}

/// One file of a week is that of the week before: what it says is in the base, and nothing of the new week.
#[test]
fn a_file_of_last_week_among_those_of_this_one_is_told_by_the_import() {
    let World { home, db: _db } = World::seeded();
    generate(&home, "2025-03-03");
    let last = home.read("data/data_temp/export_mobilite.csv");
    import(&home, &[], 0);
    for tool in ["migrate-temp-to-main", "cleanup-temp", "archive-csv"] {
        home.tool(tool).run().sane().expect_code(0);
    }
    generate(&home, "2025-03-10");
    let right = home.read("data/data_temp/export_mobilite.csv");
    home.write_csv("export_mobilite.csv", &last);
    let json = import(&home, &[], 3);
    assert_eq!(file(&json, "export_mobilite.csv")["status"], "unchanged");
    let found = told(&json, "period-unexpected");
    let says = |words: &[&str]| found.len() == 1 && words.iter().all(|word| found[0].1.contains(word));
    assert!(says(&["1 fichier", "export_mobilite", "2025-03-04", "2025-03-10"]), "{json:#}");
    // Of a file that nobody has seen yet it is the same.
    home.write_csv("export_mobilite.csv", last.replace("2025-03-0", "2025-02-1"));
    let json = import(&home, &["--force"], 3);
    assert!(told(&json, "period-unexpected").iter().any(|(place, _)| place == "livraison"), "{json:#}");
    home.write_csv("export_mobilite.csv", right);
    import(&home, &[], 0);
    // A week that is there a second time is nobody's mistake.
    let outcome: Outcome = home.tool("update-temp-tables").run().sane();
    let _ = outcome.expect_code(0);
}
