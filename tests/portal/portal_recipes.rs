//! The recipes of the guide that are about the portal, run as `docs/portail.md` writes them; and the project's own audit of a home that
//! is served.

use std::os::unix::fs::PermissionsExt;

use flux_test::{Home, Outcome, TestDb};
use support::recipe::{Recipe, shell};
use support::served::{Served, TOKEN, database, shared};

const FIGURES: &str = "/api/infographie/infographie_indicateurs_cles?annee=2025&periode=vacances_ete&zone=CABA";
const PASSWORD: &str = "un mot de passe assez long";

/// The commands beneath this heading.
#[track_caller]
fn recipe(heading: &str) -> Vec<String> {
    Recipe::of("portail.md", &format!("### {heading}")).all()
}

/// Runs one of them as an operator does, at the home of the portal.
#[track_caller]
fn step(home: &Home, portal: Option<&Served>, command: &str) -> Outcome {
    let base = portal.map(Served::base).unwrap_or_default();
    shell(home, command, &[("API_TOKEN", TOKEN), ("MOT_DE_PASSE", PASSWORD), ("PORTAL_BASE_URL", &base)])
}

/// Facts of a zone that is no more: the whole is more than its parts, and each step of the recipe says its share.
#[test]
fn incoherence_dashboard() {
    let db = database();
    let served = Served::new(&db, &[], &[]);
    served.home.write("cache/infographie/a.json", "{}");
    db.exec(
        "INSERT INTO fact_nuitees (date, is_provisional, id_zone, id_provenance, id_categorie, volume)
         VALUES ('2025-07-05', 0, 99, 2, 1, 5)",
    );
    let mut seen = Vec::new();
    for command in recipe("Incohérence dashboard") {
        let run = step(&served.home, Some(&served), &command);
        assert!([0, 3].contains(&run.code), "{run}");
        seen.push((command, run));
    }
    assert!(served.home.list("cache/infographie").is_empty(), "the old portal's cache is still there");
    let of = |tool: &str| {
        let found = seen.iter().find(|(command, _)| command.contains(tool));
        &found.unwrap_or_else(|| panic!("{tool} is not run")).1
    };
    assert_eq!(of("check-zones").code, 3, "{}", of("check-zones"));
    assert_eq!(of("test-api-mobilite-directe").code, 0, "{}", of("test-api-mobilite-directe"));
    let inventory = &of("tables_info.php").stdout;
    let rows = db.count("fact_sejours_duree");
    let line =
        inventory.lines().find(|line| line.contains("fact_sejours_duree;") || line.contains(";fact_sejours_duree"));
    assert!(line.is_some() && rows > 0, "{inventory}");
    // What is mended is seen at once: nothing is to be emptied.
    let total = || served.api(FIGURES).expect(200).json()["bloc_a"][0]["N"].as_u64().unwrap();
    let before = total();
    db.exec("UPDATE fact_nuitees SET volume = volume + 7 WHERE date = '2025-07-05' AND id_zone = 2 AND id_provenance = 2 AND id_categorie = 1");
    std::thread::sleep(std::time::Duration::from_millis(1_200));
    assert_eq!(total(), before + 7);
}

/// An account that is shut, with a password that the old portal has encrypted rather than hashed.
#[test]
fn problemes_d_authentification() {
    let db = TestDb::new();
    support::diag::fill(&db, |_| true);
    let home = Home::new(&db);
    for (name, role) in [("anne", "admin"), ("luc", "user")] {
        home.tool("portal-users")
            .args(["add", name, "--role", role])
            .stdin(format!("{PASSWORD}\n"))
            .run()
            .expect_code(0);
    }
    db.exec("UPDATE users SET active = 0, password = 'enc:v1:bm9uc2Vucw==' WHERE username = 'luc'");
    let served = Served::at(home, &[], &[]);
    assert_eq!(served.try_login("luc", PASSWORD).status, 401);
    let commands = recipe("Problèmes d'authentification");
    for command in &commands {
        let run = step(&served.home, Some(&served), command);
        assert!(run.code == 0, "{run}");
    }
    let joined = commands.join("\n");
    for tool in ["portal-users list", "portal-users passwd", "portal-users enable", "test-admin-restrictions"] {
        assert!(joined.contains(tool), "{tool} is not run");
    }
    served.login("luc", PASSWORD);
}

#[test]
fn apis_rate_limitees() {
    let db = shared();
    let home = Home::new(db);
    let env = home.write(".env", format!("API_TOKENS={TOKEN}\nAPI_RATE_LIMIT=3/60\n"));
    std::fs::set_permissions(env, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::create_dir_all(home.join("api/database/storage/logs")).unwrap();
    let mut served = Served::as_set(home, &[], &[]);
    let statuses: Vec<u16> = (0..5).map(|_| served.api(FIGURES).status).collect();
    assert_eq!(statuses, [200, 200, 200, 429, 429]);
    served.running.signal("TERM");
    let Served { running, home, .. } = served;
    running.wait().expect_code(0);
    let mut outputs = String::new();
    for command in recipe("APIs rate limitées") {
        let run = step(&home, None, &command);
        assert!(run.code == 0, "{run}");
        outputs.push_str(&run.stdout);
    }
    assert_eq!(outputs.matches(" 429 ").count(), 2, "{outputs}");
    assert!(outputs.contains("systemctl restart fluxvision-portail"), "{outputs}");
    let settings = home.read(".env");
    assert!(settings.contains(TOKEN) && !settings.contains("=3/60"), "{settings}");
    let served = Served::as_set(home, &[], &[]);
    assert!((0..20).all(|_| served.api(FIGURES).status == 200));
}

/// The last of the project's checks; the others are in `serve_portal.rs`.
#[test]
fn the_audit_is_content_with_a_home_that_is_served() {
    let db = database();
    let home = Home::new(&db);
    let token = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    let env = home.write(
        ".env",
        format!(
            "APP_ENV=local\nDB_DATABASE=flux\nDB_USERNAME=flux_web\nDB_PASSWORD='k7#Wq!mZ-2vT9'\nAPI_TOKENS={token}\n\
             API_RATE_LIMIT=600/60\nAPI_IP_ALLOWLIST=127.0.0.1\n"
        ),
    );
    std::fs::set_permissions(env, std::fs::Permissions::from_mode(0o600)).unwrap();
    let served = Served::as_set(home, &[], &[]);
    let key = ("X-Api-Key", token);
    assert_eq!(served.send("GET", FIGURES, &[key], "").status, 200);
    assert_eq!(served.send("GET", &format!("{FIGURES}&token={token}"), &[key], "").status, 200);
    served.home.tool("security-cleanup-check").run().expect_code(0);
    // Neither log holds what lets one in.
    for log in ["logs/portail-acces.log", "logs/portail-audit.log"] {
        assert!(!served.home.read(log).contains(token), "{log}");
    }
}
