//! `test-zone-mapping-api-production`: every name of the portal, its row, what stands behind it.

use flux_test::Home;
use serde_json::json;
use support::portal::{Portal, Reply};
use support::{diag, portal};

#[test]
fn names_rows_and_dates_meet_and_unreachable_facts_are_found() {
    let db = diag::database();
    db.exec(
        "INSERT INTO dim_zones_observation VALUES (4, 'PAYS D''AURILLAC');
         INSERT INTO fact_nuitees (date, id_zone, id_provenance, id_categorie, volume) VALUES
         ('2025-07-01', 1, 1, 1, 5), ('2025-07-03', 1, 1, 1, 5), ('2025-07-02', 4, 1, 1, 5), ('2025-07-02', 2, 1, 1, 5)",
    );
    let home = Home::new(&db);
    let json = home.tool("test-zone-mapping-api-production").arg("--json").run().expect_code(3).json();
    let mapping = |name: &str| json["mappings"].as_array().unwrap().iter().find(|m| m["name"] == name).unwrap().clone();
    let cantal = mapping("CANTAL");
    assert_eq!(cantal["tables"]["fact_nuitees"], json!({"rows": 2, "dates": ["2025-07-01", "2025-07-03"]}));
    // older and newer names lead to the preferred row
    assert_eq!((&mapping("CABA")["id_zone"], &mapping("PAYS D'AURILLAC")["id_zone"]), (&json!(4), &json!(4)));
    assert_eq!(mapping("LIORAN")["id_zone"], json!(null));
    let text: Vec<String> = json["findings"].as_array().unwrap().iter().map(ToString::to_string).collect();
    let has = |words: &[&str]| text.iter().any(|finding| words.iter().all(|word| finding.contains(word)));
    // the two rows of the zone are added up, as the figures do, and are to be made one
    let aurillac = json!({"rows": 2, "dates": ["2025-07-02", "2025-07-02"]});
    assert_eq!(mapping("CABA")["tables"]["fact_nuitees"], aurillac);
    assert!(has(&["zone PAYS D'AURILLAC", "1 ligne sous le nom CABA", "merge-zones"]), "{text:#?}");
    assert!(has(&["CHÂTAIGNERAIE", "aucune ligne"]) && has(&["LIORAN", "add-missing-zones"]), "{text:#?}");
}

#[test]
fn chosen_names_a_missing_table_and_an_empty_dimension() {
    let db = diag::database();
    db.exec("INSERT INTO fact_nuitees (date, id_zone, id_provenance, id_categorie, volume) VALUES ('2025-07-01', 1, 1, 1, 5)");
    let home = Home::new(&db);
    let run = |args: &[&str]| home.tool("test-zone-mapping-api-production").args(args).run();
    run(&["--zone", "cantal"]).expect_code(0);
    run(&["--zone", "cantal,nulle part"]).expect_code(3).expect_stdout("nulle part");
    run(&["--zones"]).expect_code(2);
    db.exec("DROP TABLE fact_diurnes");
    run(&["--zone", "cantal"]).expect_code(3).expect_stdout("fact_diurnes");
    db.exec("DELETE FROM dim_zones_observation");
    run(&[]).expect_code(1).expect_stderr("--seed");
}

/// What a portal answers for a zone: these visitors by commune.
fn mobility(zone: &str, volumes: &[(&str, u32)]) -> Reply {
    let rows: Vec<_> = volumes
        .iter()
        .map(|(commune, volume)| {
            json!({"nom_commune": commune, "code_insee": null, "total_visiteurs": volume, "total_visiteurs_n1": 0,
                "evolution_pct": null})
        })
        .collect();
    let body = json!({"zone_observation": zone, "annee": 2025, "periode": "annee_complete", "debut_periode": "2025-01-01",
        "fin_periode": "2025-12-31", "destinations": rows, "total_destinations": rows.len(), "status": "success"});
    portal::json(body.to_string())
}

/// legacy.md, 10.
#[test]
fn the_portal_is_asked_for_each_zone_and_held_against_the_rows() {
    let db = diag::database();
    // CANTAL 30 + 12 = 42 visitors (LOCAL and another category do not count), CABA 7, CHÂTAIGNERAIE none.
    db.exec(
        "INSERT INTO fact_lieu_activite_soir (date, id_zone, id_provenance, id_categorie, id_commune, jour_semaine, volume) VALUES
         ('2025-07-05', 1, 2, 1, 1, 'x', 30), ('2025-08-01', 1, 3, 1, 2, 'x', 12), ('2025-07-05', 1, 1, 1, 1, 'x', 900),
         ('2025-07-05', 1, 2, 2, 1, 'x', 900), ('2024-07-05', 1, 2, 1, 1, 'x', 900), ('2025-07-06', 2, 2, 1, 1, 'x', 7)",
    );
    let home = Home::new(&db);
    let portal = Portal::new(|request, _| match request.query.split('&').find_map(|pair| pair.strip_prefix("zone=")) {
        Some("CANTAL") => mobility("CANTAL", &[("AURILLAC", 30), ("SAINT-FLOUR", 12)]),
        Some("CABA") => mobility("CANTAL", &[("AURILLAC", 30), ("SAINT-FLOUR", 12)]),
        Some("CH%C3%82TAIGNERAIE") => mobility("CHÂTAIGNERAIE", &[]),
        _ => portal::Reply::Answer(
            404,
            vec![("Content-Type", "application/json".into())],
            r#"{"error":"zone inconnue"}"#.into(),
        ),
    });
    let run = |zones: &str| {
        let args = ["--json", "--base-url", &portal.base, "--zone", zones];
        home.tool("test-zone-mapping-api-production").args(args).run().json()
    };
    let answers = |json: &serde_json::Value| json["portal"]["answers"].as_array().unwrap().clone();
    let differs = |json: &serde_json::Value| {
        json["findings"].as_array().unwrap().iter().filter(|f| f["code"] == "figure-differs").count()
    };

    let right = run("cantal");
    assert_eq!((&right["portal"]["year"], &right["portal"]["answers"][0]["total"]), (&json!(2025), &json!(null)));
    let right = run("CANTAL");
    let first = &answers(&right)[0];
    assert_eq!((&first["total"], &first["total_sql"], &first["equal"]), (&json!(42), &json!(42), &json!(true)));
    assert_eq!(right["exit_code"], 0, "{right:#}");

    // The portal took one zone for another.
    let wrong = run("CANTAL,CABA");
    let second = &answers(&wrong)[1];
    assert_eq!((&second["total"], &second["total_sql"], &second["equal"]), (&json!(42), &json!(7), &json!(false)));
    assert_eq!(second["answered_as"], "CANTAL");
    assert_eq!((differs(&wrong), &wrong["exit_code"]), (1, &json!(3)));

    // Neither has data, neither knows the name: nobody is wrong about it.
    let agreed = run("CHÂTAIGNERAIE,ATLANTIDE");
    assert!(answers(&agreed).iter().all(|answered| answered["equal"] == true), "{agreed:#}");
    let codes: Vec<_> = agreed["findings"].as_array().unwrap().iter().map(|finding| finding["code"].clone()).collect();
    assert_eq!(codes, ["zone-without-data", "name-unknown"]);

    // A name that the base knows and the portal does not.
    let refused = run("PAYS D'AURILLAC");
    assert_eq!(refused["findings"][0]["code"], "portal-refused", "{refused:#}");
    let earlier = home.tool("test-zone-mapping-api-production");
    let earlier =
        earlier.args(["--json", "--base-url", &portal.base, "--zone", "CANTAL", "--year", "2024"]).run().json();
    assert_eq!(earlier["portal"]["answers"][0]["total_sql"], 900);
    assert_eq!(run_without(&home)["portal"], json!(null));
    let silent = Portal::always(Reply::Raw(Vec::new()));
    home.tool("test-zone-mapping-api-production")
        .args(["--zone", "CANTAL", "--base-url", &silent.base])
        .run()
        .expect_code(1);
}

/// legacy.md, 10, 18. Whichever of the two names the base stores, the portal is asked for it and is right about it.
#[test]
fn a_zone_that_is_no_more_is_asked_for_under_its_older_name() {
    let db = diag::database();
    db.exec(
        "INSERT INTO dim_zones_observation VALUES (5, 'HAUTES TERRES COMMUNAUTE'), (6, 'CCSA');
         INSERT INTO fact_lieu_activite_soir (date, id_zone, id_provenance, id_categorie, id_commune, jour_semaine, volume) VALUES
         ('2025-07-05', 5, 2, 1, 1, 'x', 17), ('2025-07-06', 6, 2, 1, 2, 'x', 9)",
    );
    let home = Home::new(&db);
    let portal = Portal::new(|request, _| match request.query.split('&').find_map(|pair| pair.strip_prefix("zone=")) {
        Some("HAUTES%20TERRES%20COMMUNAUTE" | "HAUTES+TERRES+COMMUNAUTE") => {
            mobility("HAUTES TERRES COMMUNAUTE", &[("AURILLAC", 17)])
        }
        // The portal offers the name of today.
        Some("HAUTES%20TERRES" | "HAUTES+TERRES") => mobility("HAUTES TERRES", &[("AURILLAC", 17)]),
        Some("CCSA") => mobility("CCSA", &[("SAINT-FLOUR", 9)]),
        _ => portal::Reply::Answer(
            404,
            vec![("Content-Type", "application/json".into())],
            r#"{"error":"zone inconnue"}"#.into(),
        ),
    });
    for (zone, total) in [("HAUTES TERRES COMMUNAUTE", 17), ("HAUTES TERRES", 17), ("CCSA", 9)] {
        let args = ["--json", "--base-url", &portal.base, "--zone", zone, "--year", "2025"];
        let json = home.tool("test-zone-mapping-api-production").args(args).run().json();
        let answer = &json["portal"]["answers"][0];
        assert_eq!(
            (&answer["total"], &answer["total_sql"], &answer["equal"]),
            (&json!(total), &json!(total), &json!(true)),
            "{zone}: {json:#}"
        );
        assert_eq!(json["exit_code"], 0, "{zone}: {json:#}");
    }
}

fn run_without(home: &Home) -> serde_json::Value {
    home.tool("test-zone-mapping-api-production").args(["--json", "--zone", "CANTAL"]).run().json()
}
