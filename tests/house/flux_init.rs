//! `flux init`: a new home from options and from a terminal, what it leaves alone, and what it refuses.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use flux_test::{Home, TestDb, Tool};
use serde_json::{Value, json};
use support::{codes, terminal};

/// In a folder that is not there yet, without a database to reach.
fn init(home: &Home) -> Tool {
    let place = ["--host", "127.0.0.1", "--port", "1", "--user", "flux", "--database", "lozere"];
    home.tool("flux").args(["init", "--home", "neuf", "--departement", "48"]).args(place)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_new_home_from_options() {
    let home = Home::without_db();
    home.write("secret", "p$ss #1 l'été\nautre ligne\n");
    home.write("livraison/a.csv", "Date;ZoneObservation;Volume\n2025-07-07;Lozère;1\n2025-07-07;Gévaudan;1\n");
    let run = init(&home).args(["--password-file", "secret", "--from", "livraison", "--json"]).run();
    assert!(run.code == 3 && !run.stdout.contains("p$ss"), "no database answers\n{run}");
    let report = run.json();
    assert_eq!(report["zones"], json!(["LOZÈRE", "GÉVAUDAN"]));
    assert_eq!((&report["departement"], &report["kept"]), (&json!("48"), &json!([])));
    assert!(report["doctor"]["checks"].as_array().unwrap().iter().any(|check| check["subject"] == "base de données"));
    assert_eq!((mode(&home.join("neuf/.env")), mode(&home.join("neuf/data"))), (0o600, 0o750));
    let env = home.read("neuf/.env");
    for line in
        ["DB_PORT=1", "DB_USERNAME=flux", "DB_PASSWORD='p$ss #1 l'été'", "OBSERVATOIRE_DEPARTEMENT=48", "# DB_SOCKET="]
    {
        assert!(env.lines().any(|own| own == line), "{line}\n{env}");
    }
    assert_eq!(
        home.read("neuf/reference/zones.csv"),
        "\u{feff}zone;noms_equivalents;visible\nLOZÈRE;;oui\nGÉVAUDAN;;oui\n"
    );
}

#[test]
fn what_is_there_stays_and_a_second_run_completes_it() {
    let home = Home::without_db();
    // Nothing is delivered yet: no zones to begin with.
    init(&home).run().expect_code(3);
    assert!(!home.join("neuf/reference/zones.csv").exists());
    let env = home.read("neuf/.env");
    home.write("neuf/data/data_temp/a.csv", "Date;ZoneObservation;Volume\n2025-07-07;Gévaudan;1\n");
    fs::remove_dir(home.join("neuf/temp")).unwrap();
    let again = init(&home).args(["--name", "Autre", "--json"]).run().json();
    assert_eq!((&again["created"], &again["kept"]), (&json!(["temp/", "reference/zones.csv"]), &json!([".env"])));
    assert_eq!(home.read("neuf/.env"), env);
    // A third one finds a zone that the file lacks, and another département than the one of `.env`.
    let zones = home.read("neuf/reference/zones.csv");
    home.write(
        "neuf/data/data_temp/b.csv",
        "Date;ZoneObservation;Volume\n2025-07-07;Cévennes;1\n2025-07-07;G?vaudan;1\n",
    );
    let third = home
        .tool("flux")
        .args(["init", "--home", "neuf", "--departement", "Gard", "--json"])
        .run()
        .expect_code(3)
        .json();
    assert_eq!((codes(&third), &third["created"]), (vec!["setting-doubtful", "name-unknown"], &json!([])));
    assert_eq!((home.read("neuf/reference/zones.csv"), home.read("neuf/.env")), (zones, env));
    // A link that leads nowhere is there, too.
    fs::remove_file(home.join("neuf/.env")).unwrap();
    std::os::unix::fs::symlink("ailleurs", home.join("neuf/.env")).unwrap();
    init(&home).run().expect_code(3);
    assert!(!home.join("neuf/ailleurs").exists());
}

#[test]
fn refused_or_only_shown_nothing_is_made() {
    let home = Home::without_db();
    let shown = init(&home).args(["--dry-run", "--json"]).run().expect_code(0).json();
    assert_eq!((&shown["dry_run"], &shown["doctor"]), (&json!(true), &Value::Null));
    assert!(shown["created"].as_array().unwrap().contains(&json!(".env")));
    for (args, what) in [
        (&["init", "--home", "neuf"][..], "--departement"),
        (&["init", "--home", "neuf", "--departement", "96", "--user", "u", "--database", "d"], "96"),
        (&["init", "--home", "neuf", "--departement", "48", "--user", "u'", "--database", "d"], "DB_USERNAME"),
        (
            &[
                "init",
                "--home",
                "neuf",
                "--departement",
                "48",
                "--user",
                "u",
                "--database",
                "d",
                "--from",
                "nulle-part",
            ],
            "nulle-part",
        ),
        (&["init", "--home", "neuf", "--password", "x"], "--password"),
    ] {
        home.tool("flux").args(args).run().expect_code(2).expect_stderr(what);
        assert!(!home.join("neuf").exists(), "{args:?}");
    }
    home.write("fichier", "");
    home.tool("flux")
        .args(["init", "--home", "fichier", "--departement", "48", "--user", "u", "--database", "d"])
        .run()
        .expect_code(1);
}

/// The words of what stands between two other texts, as they follow each other.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_terminal_is_asked_and_the_password_is_not_shown() {
    if !terminal::is_there() {
        return flux_test::skip("script (util-linux)");
    }
    let db = TestDb::new();
    let (host, port) = db.tcp();
    let account = db.account();
    for columns in [40, 60, 80] {
        let home = Home::without_db();
        let answers =
            ["Alpes-de-Haute-Provence", "", host, &port.to_string(), db.name(), &account.user, &account.password];
        let tool = terminal::on(&home, columns, &["flux", "init", "--home", "neuf"]);
        // The base has no tables: that is said.
        let run = terminal::answered(tool, &answers).expect_code(3);
        let shown = terminal::shown(&run);
        let env = home.read("neuf/.env");
        for line in
            ["OBSERVATOIRE_DEPARTEMENT=04", "OBSERVATOIRE_NOM='Observatoire du tourisme – Alpes-de-Haute-Provence'"]
        {
            assert!(env.lines().any(|own| own == line), "{line}\n{env}\n{run}");
        }
        assert!(env.contains(&account.password) && !run.stdout.contains(&account.password), "{run}");
        // Whatever the doctor finds, it reached the database.
        let told = words(&shown);
        assert!(told.contains("ensure-schema --seed") && !told.contains("connexion impossible"), "{run}");
        // Each question stands whole, on lines that end between words, with room behind it for the answer.
        let question = "Nom de l'observatoire [Observatoire du tourisme – Alpes-de-Haute-Provence] :";
        assert!(told.contains(question), "{run}");
        // What is typed is as long as it is.
        let typed = |line: &str| answers.iter().any(|answer| !answer.is_empty() && line.ends_with(answer));
        let mut wide = terminal::too_wide(&shown, columns);
        wide.retain(|line| !typed(line));
        assert!(wide.is_empty(), "{columns}: {wide:#?}\n{run}");
        let behind = |question: &str| shown.split(question).nth(1).and_then(|text| text.chars().next());
        // 60: the second line of the question is short.
        let room = if columns == 60 { ' ' } else { '\n' };
        assert_eq!((behind("Provence] :"), behind("Port [3306] :")), (Some(room), Some(' ')), "{columns}: {run}");
    }
}
