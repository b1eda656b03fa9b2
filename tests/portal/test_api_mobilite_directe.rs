//! `test-api-mobilite-directe`: the same figures by the portal and by SQL, or each difference.

use flux_test::{Home, Outcome, TestDb};
use serde_json::{Value, json};
use support::portal;
use support::portal::{Portal, html};

/// Summer of 2025 and of 2024 in the zone that this older database calls CABA.
///
/// | commune | 2025 | 2024 | change |
/// |---|---|---|---|
/// | AURILLAC | 60 + 40 + 20 = 120 | 100 | 20 % |
/// | VIC-SUR-CERE | 50 | 60 | -16.666… % → -16.7 |
/// | SALERS | 30 | 0 | none |
/// | MURAT | 30 | 45 | -33.333… % → -33.3 |
///
/// Not counted: LOCAL, another category, another zone, no commune, the day before and after.
fn database() -> TestDb {
    let db = TestDb::new();
    Home::new(&db).tool("ensure-schema").run().expect_code(0);
    db.exec(
        "INSERT INTO dim_zones_observation (id_zone, nom_zone) VALUES (1, 'CABA'), (2, 'CANTAL');
         INSERT INTO dim_provenances (id_provenance, nom_provenance) VALUES (1, 'LOCAL'), (2, 'NONLOCAL'), (3, 'ETRANGER');
         INSERT INTO dim_categories_visiteur (id_categorie, nom_categorie) VALUES (1, 'TOURISTE'), (2, 'RESIDENT');
         INSERT INTO dim_communes (id_commune, nom_commune, code_insee) VALUES
           (1, 'AURILLAC', '15014'), (2, 'VIC-SUR-CÈRE', '15258'), (3, 'SALERS', '15219'), (4, 'MURAT', '15138');
         INSERT INTO dim_periodes (code_periode, nom_periode, annee, date_debut, date_fin) VALUES
           ('vacances_ete', 'Vacances d''été', 2025, '2025-07-05 00:00:00', '2025-08-31 23:59:59'),
           ('vacances_ete', 'Vacances d''été', 2024, '2024-07-06 00:00:00', '2024-09-01 23:59:59');",
    );
    for (day, zone, provenance, categorie, commune, volume) in [
        ("2025-07-05", 1, 2, 1, 1, 60),
        ("2025-08-31", 1, 3, 1, 1, 40),
        ("2025-08-31", 1, 2, 1, 1, 20),
        ("2025-07-20", 1, 2, 1, 2, 50),
        ("2025-07-20", 1, 2, 1, 3, 30),
        ("2025-07-20", 1, 3, 1, 4, 30),
        ("2024-07-06", 1, 2, 1, 1, 100),
        ("2024-09-01", 1, 2, 1, 2, 60),
        ("2024-08-01", 1, 2, 1, 4, 45),
        ("2025-07-20", 1, 1, 1, 1, 1000),
        ("2025-07-20", 1, 2, 2, 1, 1000),
        ("2025-07-20", 2, 2, 1, 1, 1000),
        ("2025-07-20", 1, 2, 1, 0, 1000),
        ("2025-07-04", 1, 2, 1, 1, 1000),
        ("2025-09-01", 1, 2, 1, 1, 1000),
        ("2024-07-05", 1, 2, 1, 1, 1000),
    ] {
        db.exec(&format!(
            "INSERT INTO fact_lieu_activite_soir (date, id_zone, id_provenance, id_categorie, id_commune, jour_semaine, volume) \
             VALUES ('{day}', {zone}, {provenance}, {categorie}, {commune}, 'x', {volume})"
        ));
    }
    db
}

fn answer() -> Value {
    json!({"zone_observation": "PAYS D'AURILLAC", "annee": "2025", "periode": "vacances_ete",
        "debut_periode": "2025-07-05 00:00:00", "fin_periode": "2025-08-31 23:59:59", "total_destinations": 4, "status": "success",
        "destinations": [
            {"nom_commune": "AURILLAC", "code_insee": "15014", "total_visiteurs": 120, "total_visiteurs_n1": 100, "evolution_pct": 20},
            {"nom_commune": "VIC-SUR-CÈRE", "code_insee": "15258", "total_visiteurs": 50, "total_visiteurs_n1": 60, "evolution_pct": -16.7},
            {"nom_commune": "MURAT", "code_insee": "15138", "total_visiteurs": 30, "total_visiteurs_n1": 45, "evolution_pct": -33.3},
            {"nom_commune": "SALERS", "code_insee": "15219", "total_visiteurs": "30", "total_visiteurs_n1": "0", "evolution_pct": null}]})
}

fn run(db: &TestDb, answer: &Value, arguments: &[&str]) -> Outcome {
    let portal = Portal::always(portal::json(answer.to_string()));
    let home = Home::new(db);
    let mut tool = home.tool("test-api-mobilite-directe").args(["--base-url", &portal.base, "--year", "2025"]);
    for (option, usual) in [("--period", "vacances_ete"), ("--zone", "PAYS D'AURILLAC")] {
        if !arguments.contains(&option) {
            tool = tool.args([option, usual]);
        }
    }
    tool.args(arguments).run()
}

#[test]
fn the_same_figures_in_a_zone_stored_under_its_older_name() {
    let db = database();
    let run = run(&db, &answer(), &["--json"]).expect_code(0).json();
    assert_eq!(run["status"], "ok");
    assert_eq!(run["zone"], "CABA");
    assert_eq!(run["communes_sql"], 4);
    assert_eq!(run["period"]["from"], "2025-07-05");
    let sql: Vec<_> = run["destinations"].as_array().unwrap().iter().map(|row| row["sql"].clone()).collect();
    assert_eq!(sql, [120, 50, 30, 30]);
}

/// Of 2025, the third place is between MURAT and SALERS (30 each); of 2024, it is MURAT's (45) alone: the list holds what either
/// year ranks.
#[test]
fn a_limit_within_equal_volumes_leaves_the_choice_to_the_portal() {
    let db = database();
    let shown = |names: &[&str]| {
        let mut answer = answer();
        answer["destinations"]
            .as_array_mut()
            .unwrap()
            .retain(|row| names.contains(&row["nom_commune"].as_str().unwrap()));
        answer["total_destinations"] = json!(names.len());
        run(&db, &answer, &["--limit", "3"])
    };
    let first = ["AURILLAC", "VIC-SUR-CÈRE"];
    shown(&[first[0], first[1], "MURAT"]).expect_code(0).expect_stdout("disent la même chose");
    shown(&[first[0], first[1], "MURAT", "SALERS"]).expect_code(0);
    shown(&[first[0], first[1], "SALERS"])
        .expect_code(3)
        .expect_stdout("MURAT (15138) : 30 journées-visiteurs selon la base, absente");
    shown(&first).expect_code(3).expect_stdout("2 destinations au lieu de 3");
}

#[test]
fn each_difference_is_shown() {
    let db = database();
    let differs = |change: fn(&mut Value), message: &str| {
        let mut answer = answer();
        change(&mut answer);
        run(&db, &answer, &[]).expect_code(3).expect_stdout(message);
    };
    differs(
        |a| a["destinations"][0]["total_visiteurs"] = json!(119),
        "AURILLAC (15014) : total_visiteurs 119 selon l'API, 120 selon la base",
    );
    differs(
        |a| a["destinations"][1]["total_visiteurs_n1"] = json!(61),
        "total_visiteurs_n1 61 selon l'API, 60 selon la base",
    );
    differs(
        |a| a["destinations"][2]["evolution_pct"] = json!(-33.4),
        "evolution_pct −33,4 % selon l'API, −33,3 % selon la base",
    );
    differs(
        |a| a["destinations"][3]["evolution_pct"] = json!(100),
        "evolution_pct +100,0 % selon l'API, null selon la base",
    );
    differs(|a| a["destinations"][1]["code_insee"] = json!("15999"), "absente de la base");
    differs(
        |a| a["destinations"][1]["code_insee"] = json!("15999"),
        "VIC-SUR-CÈRE (15258) : 50 journées-visiteurs selon la base, absente de la réponse",
    );
    differs(|a| a["destinations"].as_array_mut().unwrap().swap(0, 1), "de la plus grande à la plus petite");
    differs(|a| a["total_destinations"] = json!(5), "total_destinations : 5, mais 4 destinations");
    differs(|a| a["debut_periode"] = json!("2025-07-01"), "debut_periode : 2025-07-01, mais la base dit 2025-07-05");
    differs(|a| a["zone_observation"] = json!("CANTAL"), "zone_observation : CANTAL");
    differs(
        |a| {
            a["destinations"].as_array_mut().unwrap().remove(0);
        },
        "3 destinations au lieu de 4",
    );
}

#[test]
fn an_empty_answer_where_the_database_has_rows() {
    let db = database();
    let mut empty = answer();
    empty["destinations"] = json!([]);
    empty["total_destinations"] = json!(0);
    run(&db, &empty, &[])
        .expect_code(3)
        .expect_stdout("AURILLAC (15014) : 120 journées-visiteurs selon la base, absente de la réponse");
}

#[test]
fn a_page_instead_of_an_answer_an_unknown_zone_and_an_unknown_period() {
    let db = database();
    let portal = Portal::always(html(200, "<p>Connexion</p>"));
    let home = Home::new(&db);
    home.tool("test-api-mobilite-directe")
        .args(["--base-url", &portal.base])
        .run()
        .expect_code(3)
        .expect_stdout("page HTML");
    run(&db, &answer(), &["--zone", "LIORANT"]).expect_code(3).expect_stdout("« LIORANT » introuvable");
    run(&db, &answer(), &["--period", "carnaval"]).expect_code(3).expect_stdout("« carnaval » de 2025 n'existe pas");
    db.exec("DELETE FROM dim_periodes WHERE annee = 2024");
    run(&db, &answer(), &[]).expect_code(3).expect_stdout("les volumes N-1 ne sont pas comparés");
}

#[test]
fn without_the_portal_or_the_database_it_fails() {
    let db = database();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let home = Home::new(&db);
    let tool = || home.tool("test-api-mobilite-directe");
    tool().args(["--base-url", &format!("http://{closed}")]).run().expect_code(1).expect_stdout("connexion refusée");
    let portal = Portal::always(portal::json(answer().to_string()));
    tool()
        .args(["--base-url", &portal.base])
        .env("DB_PASSWORD", "faux")
        .run()
        .expect_code(1)
        .expect_stderr("DB_PASSWORD");
    tool().args(["--limit", "0"]).run().expect_code(2);
}
