//! `flux doctor`: a sound installation, and each thing that can be wrong with its mend.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use flux_test::{Home, Outcome, TestDb, Tool};

/// A home with what `.env` needs for this database, private.
fn home(db: &TestDb) -> Home {
    let home = Home::without_db();
    let lines: String = db.env().iter().map(|(name, value)| format!("{name}='{value}'\n")).collect();
    let path = home.write(".env", lines);
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    home
}

fn doctor(home: &Home) -> Outcome {
    home.tool("flux").args(["doctor"]).run()
}

#[test]
fn a_sound_installation() {
    let db = TestDb::new();
    let home = home(&db);
    home.tool("ensure-schema").arg("--seed").run().expect_code(0);
    // Installed in a folder of its own: the one of the build may hold programs that were built alone.
    let flux = home.join("bin/flux");
    fs::create_dir(home.join("bin")).unwrap();
    fs::copy(flux_test::profile_dir().join("flux"), &flux).unwrap();
    for name in home.tool("flux").args(["list", "--names"]).run().stdout.lines() {
        std::os::unix::fs::symlink("flux", home.join("bin").join(name)).unwrap();
    }
    let json = Tool::program(flux).home(&home).args(["doctor", "--json"]).run().json();
    let subjects: Vec<_> =
        json["checks"].as_array().unwrap().iter().map(|check| check["subject"].as_str().unwrap()).collect();
    assert_eq!(
        subjects,
        [
            "environnement",
            "outils",
            "dossier de travail",
            ".env",
            "dossiers",
            "base de données",
            "origine",
            "schéma",
            "droits",
            "dimensions",
            "faits"
        ]
    );
    for check in json["checks"].as_array().unwrap() {
        // The server of the test may lack a setting that speeds imports up: it is the only thing allowed to be reported.
        let findings = check["findings"].as_array().unwrap();
        assert!(findings.is_empty() || check["subject"] == "base de données", "{check:#}");
    }
}

#[test]
fn an_empty_database_and_an_open_env_file() {
    let db = TestDb::new();
    let home = home(&db);
    fs::set_permissions(home.join(".env"), fs::Permissions::from_mode(0o644)).unwrap();
    let run = doctor(&home).expect_code(3);
    let run = run.expect_stdout("chmod 600").expect_stdout("base : aucune table").expect_stdout("ensure-schema --seed");
    assert!(!run.stdout.contains(&db.account().password));
    // What it lacks is said once, not table by table.
    assert!(!run.stdout.contains("table absente"), "{run}");
}

#[test]
fn a_table_of_an_older_version_and_an_empty_dimension() {
    let db = TestDb::new();
    let home = home(&db);
    home.tool("ensure-schema").run().expect_code(0);
    db.exec("ALTER TABLE fact_nuitees DROP COLUMN is_provisional");
    let run = doctor(&home).expect_code(3);
    run.expect_stdout("fact_nuitees : à compléter").expect_stdout("la table dim_zones_observation est vide");
}

#[test]
fn missing_rights_are_named() {
    let db = TestDb::new();
    let home = home(&db);
    home.tool("ensure-schema").arg("--seed").run().expect_code(0);
    let reader = db.restricted_user(&["SELECT ON {db}.*", "INSERT ON {db}.*"]);
    let tool = home.tool("flux").args(["doctor"]).env("DB_USERNAME", &reader.user).env("DB_PASSWORD", &reader.password);
    let run = tool.run().expect_code(3);
    run.expect_stdout("droits : 2 sur 8").expect_stdout("droit DROP").expect_stdout("GRANT UPDATE");
}

#[test]
fn no_database_no_settings_and_a_folder_that_is_a_file() {
    let home = Home::without_db();
    home.write("logs", "un fichier à la place du dossier");
    let run = doctor(&home).expect_code(3);
    let run = run.expect_stdout("le réglage DB_USERNAME manque").expect_stdout(".env.example");
    run.expect_stdout("logs : écriture impossible");
    let tool =
        home.tool("flux").args(["doctor", "--host", "127.0.0.1", "--port", "1", "--user", "u", "--database", "d"]);
    tool.run().expect_code(3).expect_stdout("connexion impossible à u@127.0.0.1:1/d");
    home.tool("flux").args(["doctor", "--annee"]).run().expect_code(2).expect_stderr("`flux doctor --help`");
}

#[test]
fn the_environment_stands_first_and_what_env_does_not_say_is_told() {
    let db = TestDb::new();
    let home = home(&db);
    let env = fs::read_to_string(home.join(".env")).unwrap();
    let write = |text: String| {
        fs::write(home.join(".env"), text).unwrap();
        home.tool("flux").args(["doctor", "--json"]).run().json()
    };
    let codes = |json: &serde_json::Value, subject: &str| {
        let checks = json["checks"].as_array().unwrap();
        let check = checks.iter().find(|check| check["subject"] == subject).unwrap();
        check["findings"].as_array().unwrap().iter().map(|f| f["code"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let json = write(format!("APP_ENV=production\n{env}"));
    assert_eq!(json["checks"][0]["subject"], "environnement");
    let state = json["checks"][0]["state"].as_str().unwrap().to_owned();
    assert!(state.starts_with("production, ") && state.ends_with(db.name()), "{state}");
    assert_eq!(codes(&json, ".env"), Vec::<String>::new());

    let json = write(format!("\u{feff}APP_ENV=local\nDB_HOSTE=x\nDB_PORT 3307\n{env}"));
    assert_eq!(codes(&json, ".env"), ["setting-doubtful"; 3]);

    // Another environment is no default, and no other tool works on the base of another one.
    let json = write(format!("APP_ENV=preprod\n{env}"));
    assert_eq!((codes(&json, "environnement"), codes(&json, ".env")), (vec!["config".to_owned()], vec![]));
    let json = home.tool("check-status").arg("--json").run().expect_code(1).json();
    assert_eq!(json["error"]["code"], "config");
}
