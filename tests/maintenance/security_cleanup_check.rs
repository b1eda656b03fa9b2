//! `security-cleanup-check`: finds what is planted, leaves the rest in peace, never shows a secret.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use flux_test::{Home, Outcome};

const TOOL: &str = "security-cleanup-check";
const ENV: &str = "APP_ENV=production\nDB_DATABASE=flux\nDB_USERNAME=flux_web\nDB_PASSWORD='k7#Wq!mZ-2vT9'\nAPI_RATE_LIMIT=60\nAPI_IP_ALLOWLIST=127.0.0.1\n";

/// A home in order: nothing to find.
fn sound() -> Home {
    let home = Home::without_db();
    home.write(".env", ENV);
    chmod(&home, ".env", 0o600);
    home.write("index.php", "<?php\nrequire 'config.php';\n");
    home.write(".flux-security-allow", "# rien\n");
    home
}

fn chmod(home: &Home, path: &str, mode: u32) {
    fs::set_permissions(home.join(path), fs::Permissions::from_mode(mode)).unwrap();
}

fn run(home: &Home) -> Outcome {
    home.tool(TOOL).arg("--json").run()
}

/// Rules and places of what was found.
fn found(home: &Home) -> Vec<(String, String)> {
    let json = run(home).json();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let mut found: Vec<_> =
        json["findings"].as_array().unwrap().iter().map(|f| (text(&f["rule"]), text(&f["place"]))).collect();
    found.sort();
    found
}

fn corpus(text: &str) -> Vec<(String, String)> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split_once('\t').unwrap()).map(|(file, line)| (file.into(), line.replace('¦', ""))).collect()
}

/// legacy.md, 19.
#[test]
fn the_hit_rate_on_the_corpus() {
    let (vrais, faux) = (include_str!("../data/security/vrais.txt"), include_str!("../data/security/faux.txt"));
    let flagged = |cases: &[(String, String)]| -> Vec<usize> {
        let home = sound();
        for (index, (file, line)) in cases.iter().enumerate() {
            let path = home.write(format!("corpus/{index}/{file}"), format!("{line}\n"));
            fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
        }
        let json = run(&home).json();
        let secrets = json["findings"].as_array().unwrap().iter().filter(|f| f["line"].is_number());
        let index = |f: &serde_json::Value| f["place"].as_str().unwrap().split('/').nth(1).unwrap().parse().unwrap();
        let mut hit: Vec<usize> = secrets.map(index).collect();
        hit.sort_unstable();
        hit.dedup();
        hit
    };
    let (vrais, faux) = (corpus(vrais), corpus(faux));
    let (hits, alarms) = (flagged(&vrais), flagged(&faux));
    let missed: Vec<_> = (0..vrais.len()).filter(|index| !hits.contains(index)).map(|index| &vrais[index]).collect();
    let alarms: Vec<_> = alarms.iter().map(|index| &faux[*index]).collect();
    assert!(missed.is_empty(), "missed: {missed:#?}");
    assert!(alarms.is_empty(), "false alarms: {alarms:#?}");
}

/// legacy.md, 19.
#[test]
fn names_that_were_left_behind_and_names_that_belong_there() {
    let home = sound();
    let mut expected: Vec<String> = Vec::new();
    for line in include_str!("../data/security/noms.txt").lines().filter(|line| !line.starts_with('#')) {
        let (sign, name) = line.split_once(' ').unwrap();
        let path = home.write(name, "x");
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
        if sign == "+" {
            expected.push(name.to_owned());
        }
    }
    chmod(&home, "data/backups", 0o700);
    chmod(&home, "data/backups/critique", 0o700);
    expected.sort();
    let found: Vec<String> =
        found(&home).into_iter().filter(|(rule, _)| rule == "reste").map(|(_, place)| place).collect();
    assert_eq!(found, expected);
}

/// legacy.md, 19.
#[test]
fn its_own_checkpoint_and_memory_are_no_finding() {
    let home = sound();
    let hash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    home.write("etl_checkpoint.json", format!("{{\"key\": \"{hash}\", \"token\": \"{hash}\"}}\n"));
    home.write("data/data_zip/.extractions.json", format!("{{\"key\": \"{hash}\"}}\n"));
    assert_eq!(found(&home), []);
}

/// Whoever copies `.env.example` and fills it in has every key that is asked for.
#[test]
fn the_example_has_every_key_that_is_missed() {
    let home = sound();
    home.write(".env", "X=1\n");
    chmod(&home, ".env", 0o600);
    let json = run(&home).json();
    let missing: Vec<String> = json["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["code"] == "setting-missing")
        .map(|finding| {
            finding["action"].as_str().unwrap().split(' ').nth(1).unwrap().split('=').next().unwrap().to_owned()
        })
        .collect();
    assert_eq!(missing.len(), 6, "{json:#}");
    let example = include_str!("../../.env.example");
    for key in missing {
        let there = example.lines().any(|line| line.trim_start_matches("# ").starts_with(&format!("{key}=")));
        assert!(there, "{key} is not in .env.example");
    }
}

#[test]
fn a_sound_home_is_silent_and_a_secret_is_never_shown() {
    let home = sound();
    home.tool(TOOL).run().expect_code(0).expect_stdout("0 constat");
    assert_eq!(home.tool(TOOL).arg("-q").run().expect_code(0).stdout, "");
    home.write("config.php", "<?php\n\n$password = 'tr0ub4dor';\n");
    for arguments in [&["--json"][..], &[], &["-v"]] {
        let outcome = home.tool(TOOL).args(arguments).run().expect_code(3).expect_stdout("config.php");
        assert!(outcome.stdout.contains("ligne 3"), "{outcome}");
        assert!(!outcome.to_string().contains("tr0ub4dor"), "{outcome}");
    }
    assert!(!home.logs().contains("tr0ub4dor") && !home.logs().contains("k7#Wq"));
}

#[test]
fn rights_that_are_too_wide() {
    let home = sound();
    home.write("public/page.html", "x");
    home.write("cles/portail.pem", "x");
    home.write("data/backups/critique/x.gz", "x");
    fs::create_dir(home.join("depot")).unwrap();
    fs::create_dir(home.join("partage")).unwrap();
    for (path, mode) in [
        (".env", 0o644),
        ("public/page.html", 0o666),
        ("cles/portail.pem", 0o644),
        ("depot", 0o777),
        ("partage", 0o1777),
        ("data/backups/critique/x.gz", 0o640),
        ("data/backups/critique", 0o700),
        ("data/backups", 0o700),
    ] {
        chmod(&home, path, mode);
    }
    let expected = [".env", "cles/portail.pem", "depot", "public/page.html"];
    assert_eq!(found(&home), expected.map(|place| ("droits".to_owned(), place.to_owned())));
    chmod(&home, ".env", 0o640);
    assert!(!found(&home).iter().any(|(_, place)| place == ".env"), "the web server's group may read .env");
}

#[test]
fn leftovers() {
    let home = sound();
    for name in ["adminer-4.8.php", "info.php", "index.php.bak", "export.sql", "config.php~", "data/backups/ok.sql"] {
        home.write(name, "x");
        chmod(&home, name, 0o600);
    }
    chmod(&home, "data/backups", 0o700);
    home.write("page.php", "<?php\nini_set('display_errors', 1);\n// phpinfo();\nphpinfo();\n");
    let places: Vec<String> = found(&home).into_iter().map(|(rule, place)| format!("{rule} {place}")).collect();
    let expected = [
        "debogage page.php",
        "debogage page.php",
        "reste adminer-4.8.php",
        "reste config.php~",
        "reste export.sql",
        "reste index.php.bak",
        "reste info.php",
    ];
    assert_eq!(places, expected);
}

#[test]
fn env_missing_incomplete_or_weak() {
    let home = sound();
    fs::remove_file(home.join(".env")).unwrap();
    home.tool(TOOL).run().expect_code(3).expect_stdout(".env.example");
    home.write(
        ".env",
        "APP_ENV=production\nAPP_DEBUG=true\nDB_DATABASE=flux\nDB_USERNAME=cantal_user\nDB_PASSWORD=cantal_user\n",
    );
    chmod(&home, ".env", 0o600);
    let run = home.tool(TOOL).run().expect_code(3);
    for text in ["API_RATE_LIMIT", "API_IP_ALLOWLIST", "APP_DEBUG", "DB_PASSWORD est trop facile"] {
        assert!(run.stdout.contains(text), "{text}\n{run}");
    }
    assert!(!run.stdout.contains("DB_DATABASE"), "{run}");
}

#[test]
fn the_allowlist_silences_what_it_names() {
    let home = sound();
    home.write("tests/config.php", "$password = 'tr0ub4dor';\n");
    home.write("config.php", "$password = 'tr0ub4dor';\n");
    assert_eq!(found(&home).len(), 2);
    home.write(".flux-security-allow", "# essais\naffectation tests/*\n");
    assert_eq!(found(&home), [("affectation".to_owned(), "config.php".to_owned())]);
    home.write(".flux-security-allow", "affectation\n");
    home.tool(TOOL).run().expect_code(1).expect_stderr("ligne 1");
}

#[test]
fn more_rules_from_a_file() {
    let home = sound();
    home.write("notes.md", "dossier INTERNE-1234\n");
    home.write("regles", "# maison\ninterne = INTERNE-(\\d+)\n");
    home.tool(TOOL).args(["--rules", "regles"]).run().expect_code(3).expect_stdout("[interne] notes.md");
    home.write("regles", "interne = INTERNE-(\n");
    home.tool(TOOL).args(["--rules", "regles"]).run().expect_code(1).expect_stderr("regles, ligne 1");
    home.tool(TOOL).args(["--rules", "absent"]).run().expect_code(1).expect_stderr("absent");
}

#[test]
fn links_binaries_and_strange_files() {
    let outside = Home::without_db();
    outside.write("config.php", "$password = 'tr0ub4dor';\n");
    let home = sound();
    symlink(outside.path(), home.join("dehors")).unwrap();
    symlink(outside.join("config.php"), home.join("lien.php")).unwrap();
    home.write("image.bin", b"\0\x01password = 'tr0ub4dor'");
    home.write("latin.php", b"// \xe9t\xe9\n$password = 'tr0ub4dor';\n");
    home.write("vide.php", "");
    home.write("node_modules/x/a.js", "const password = 'tr0ub4dor'\n");
    assert_eq!(found(&home), [("affectation".to_owned(), "latin.php".to_owned())]);
    let json = home.tool(TOOL).args(["--json", "--path"]).arg(outside.path()).run().expect_code(3).json();
    assert_eq!(json["findings"][0]["place"], "config.php");
    home.tool(TOOL).args(["--path", "absent"]).run().expect_code(1).expect_stderr("absent");
}

#[test]
fn one_is_singular() {
    let home = Home::without_db();
    home.write("site/index.php", "<?php\nrequire 'config.php';\n");
    symlink("/nulle-part", home.join("site/lien")).unwrap();
    home.tool(TOOL)
        .args(["--path", "site"])
        .run()
        .expect_code(0)
        .expect_stdout("1 fichier examiné, 1 écarté (binaires");
}
