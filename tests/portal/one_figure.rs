//! One figure, whichever tool is asked: `compare-mobility-2024-2023`, `diagnostic-mobility` and `test-api-mobilite-directe` count the
//! same visitors, on data of which each used to count others.

use flux_test::{Home, TestDb};
use serde_json::{Value, json};
use support::portal::Portal;
use support::{diag, portal};

/// The zone is stored as CABA (2) and as PAYS D'AURILLAC (4).
///
/// | commune | 2024 | 2023 | change | share |
/// |---|---|---|---|---|
/// | SAINT-FLOUR | 40 | 0 | none | 40 / 75 = 53.3 |
/// | AURILLAC | 10 + 20 (two EPCIs, 29 February) + 5 = 35 | 50 | -15 / 50 = -30 | 46.7 |
/// | MAURIAC, which fell out | 0 | 8 | -100 | 0 |
/// | total | 75 | 58 | 17 / 58 = 29.31… | |
///
/// Each row of 1,000 is one that does not count: LOCAL, no commune, a commune that is not known, another category, another zone, the
/// day after.
fn database() -> TestDb {
    let db = diag::database();
    db.exec(
        "INSERT INTO dim_zones_observation VALUES (4, 'PAYS D''AURILLAC');
         INSERT INTO dim_periodes (code_periode, nom_periode, annee, date_debut, date_fin) VALUES
         ('fete', 'Fête d''été', 2024, '2024-07-06 18:00:00', '2024-07-06 19:00:00'),
         ('fete', 'Fête d''été', 2023, '2023-07-08 18:00:00', '2023-07-08 19:00:00')",
    );
    db.exec(
        "INSERT INTO dim_saisons (annee, saison, date_debut, date_fin, duree_jours) VALUES
         (2024, 'ete', '2024-06-20 22:50:59', '2024-09-22 14:43:39', 94), (2024, 'automne', '2024-09-22 14:43:40', '2024-12-21 10:20:33', 90),
         (2023, 'ete', '2023-06-21 16:57:48', '2023-09-23 08:49:55', 94), (2023, 'automne', '2023-09-23 08:49:56', '2023-12-22 04:27:18', 90)",
    );
    db.exec(
        "INSERT INTO fact_lieu_activite_soir
         (date, id_zone, id_provenance, id_categorie, id_epci, id_commune, jour_semaine, volume) VALUES
         ('2024-02-29', 2, 2, 1, 1, 1, 'x', 10), ('2024-02-29', 2, 2, 1, 2, 1, 'x', 20), ('2024-12-31', 4, 3, 1, 1, 1, 'x', 5),
         ('2024-07-06', 4, 2, 1, 0, 2, 'x', 40), ('2023-03-01', 2, 2, 1, 0, 1, 'x', 50), ('2023-07-08', 4, 2, 1, 0, 3, 'x', 8),
         ('2024-07-06', 2, 1, 1, 0, 1, 'x', 1000), ('2023-07-08', 2, 1, 1, 0, 1, 'x', 1000), ('2024-07-06', 2, 2, 1, 0, 0, 'x', 1000),
         ('2024-07-06', 2, 2, 1, 0, 999, 'x', 1000), ('2024-07-06', 2, 2, 2, 0, 1, 'x', 1000), ('2024-07-06', 1, 2, 1, 0, 1, 'x', 1000),
         ('2025-01-01', 2, 2, 1, 0, 1, 'x', 1000)",
    );
    db
}

/// What a portal that keeps to the definition answers.
fn answer() -> Value {
    let row = |name: &str, insee: &str, now: u64, before: u64, change: Option<f64>| json!({"nom_commune": name, "code_insee": insee, "total_visiteurs": now, "total_visiteurs_n1": before, "evolution_pct": change});
    json!({"zone_observation": "PAYS D'AURILLAC", "annee": 2024, "periode": "annee_complete", "debut_periode": "2024-01-01",
        "fin_periode": "2024-12-31", "total_destinations": 3, "status": "success", "destinations": [
            row("SAINT-FLOUR", "15187", 40, 0, None), row("AURILLAC", "15014", 35, 50, Some(-30.0)),
            row("MAURIAC", "15120", 0, 8, Some(-100.0))]})
}

fn compare(home: &Home, zone: &str, period: &str) -> Value {
    let args = ["--json", "--zone", zone, "--period", period];
    // Exit 3: most days have no data here.
    home.tool("compare-mobility-2024-2023").args(args).run().expect_code(3).json()
}

fn diagnostic(home: &Home, zone: &str, period: &str) -> Value {
    let args = ["--json", "--year", "2024", "--zone", zone, "--period", period];
    // Exit 3: a commune is not in dim_communes.
    home.tool("diagnostic-mobility").args(args).run().expect_code(3).json()
}

#[test]
fn three_tools_give_the_same_number() {
    let db = database();
    let home = Home::new(&db);
    let by_hand: u64 = db
        .scalar(
            "SELECT SUM(volume) FROM fact_lieu_activite_soir WHERE YEAR(date) = 2024 AND id_zone IN (2, 4) AND id_categorie = 1 \
             AND id_provenance IN (2, 3) AND id_commune IN (1, 2, 3)",
        )
        .parse()
        .unwrap();
    assert_eq!(by_hand, 75);

    let compared = compare(&home, "CABA", "annee_complete");
    assert_eq!((&compared["current"]["total"], &compared["reference"]["total"]), (&json!(75), &json!(58)));
    assert_eq!(compared["evolution_pct"], 29.3);
    // 45 against 58
    assert_eq!(compared["leap_day"], json!({"date": "2024-02-29", "total": 30, "evolution_pct": -22.4}));
    let communes: Vec<_> = compared["communes"].as_array().unwrap().iter().collect();
    let shares: Vec<_> = communes.iter().map(|commune| &commune["part_pct"]).collect();
    assert_eq!(shares, [53.3, 46.7, 0.0]);

    let explained = diagnostic(&home, "PAYS DAURILLAC", "Année complète");
    assert_eq!(explained["total"], 75);

    let portal = Portal::always(portal::json(answer().to_string()));
    let args = ["--json", "--base-url", &portal.base, "--year", "2024", "--zone", "Pays d'Aurillac", "--limit", "2"];
    let checked = home.tool("test-api-mobilite-directe").args(args).run().expect_code(0).json();
    assert_eq!((&checked["total_sql"], &checked["communes_sql"]), (&json!(75), &json!(3)));
    let fields =
        |row: &Value, now: &str, before: &str| (row["nom_commune"].clone(), row[now].clone(), row[before].clone());
    let by_compare: Vec<_> = communes.iter().map(|row| fields(row, "total_visiteurs", "total_visiteurs_n1")).collect();
    let by_check: Vec<_> =
        checked["destinations"].as_array().unwrap().iter().map(|row| fields(row, "sql", "sql_n1")).collect();
    assert_eq!(by_compare, by_check);
}

#[test]
fn a_period_is_whole_days_and_a_season_ends_before_the_next() {
    let db = database();
    db.exec(
        "INSERT INTO fact_lieu_activite_soir (date, id_zone, id_provenance, id_categorie, id_commune, jour_semaine, volume) VALUES
         ('2024-06-19', 2, 2, 1, 1, 'x', 1000), ('2024-06-20', 2, 2, 1, 1, 'x', 1), ('2024-09-21', 2, 2, 1, 1, 'x', 2),
         ('2024-09-22', 2, 2, 1, 1, 'x', 1000)",
    );
    let home = Home::new(&db);
    for (period, days, now, before) in
        [("FETE-D'ETE", ["2024-07-06", "2024-07-06"], 40, 8), ("Été", ["2024-06-20", "2024-09-21"], 43, 8)]
    {
        let compared = home
            .tool("compare-mobility-2024-2023")
            .args(["--json", "--zone", "CABA", "--period", period])
            .run()
            .expect_code(if now == 40 { 0 } else { 3 })
            .json();
        assert_eq!([&compared["current"]["from"], &compared["current"]["to"]], days, "{period}");
        assert_eq!((&compared["current"]["total"], &compared["reference"]["total"]), (&json!(now), &json!(before)));
        assert_eq!(diagnostic(&home, "CABA", period)["total"], now, "{period}");
    }
}

/// Without any data a year has no number: not 0, from which everything would be new.
#[test]
fn a_year_without_data_is_null() {
    let db = database();
    db.exec("DELETE FROM fact_lieu_activite_soir WHERE YEAR(date) = 2023");
    let home = Home::new(&db);
    let compared = compare(&home, "CABA", "annee_complete");
    assert_eq!((&compared["current"]["total"], &compared["reference"]["total"]), (&json!(75), &Value::Null));
    assert_eq!(
        (&compared["communes"][0]["total_visiteurs_n1"], &compared["evolution_pct"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!((&compared["new"], &compared["gone"]), (&json!([]), &json!([])));
    home.tool("compare-mobility-2024-2023").args(["--period", "annee_complete", "--zone", "CABA"]).run().expect_code(3);
}
