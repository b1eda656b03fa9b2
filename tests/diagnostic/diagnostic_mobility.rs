//! `diagnostic-mobility`: each cause of an empty answer is found and named.

use flux_test::{Home, TestDb};
use serde_json::json;
use support::diag;

fn database(rows: &str) -> TestDb {
    let db = diag::with_tables(|table| table.starts_with("dim_") || table.starts_with("fact_lieu_activite_soir"));
    db.exec(
        "INSERT INTO dim_periodes (code_periode, nom_periode, annee, date_debut, date_fin) VALUES
         ('fete', 'Fête', 2024, '2024-07-06 00:00:00', '2024-07-07 23:59:59')",
    );
    if !rows.is_empty() {
        db.exec(&format!(
            "INSERT INTO fact_lieu_activite_soir (date, id_zone, id_provenance, id_categorie, id_commune, jour_semaine, volume)
             VALUES {rows}"
        ));
    }
    db
}

fn cause(db: &TestDb, extra: &[&str]) -> String {
    let home = Home::new(db);
    let period: &[&str] = if extra.contains(&"--period") { &[] } else { &["--period", "fete"] };
    let args = ["--json", "--year", "2024"];
    let outcome = home.tool("diagnostic-mobility").args(args).args(period).args(extra).run().expect_code(3);
    let findings = outcome.json()["findings"].as_array().unwrap().clone();
    findings
        .iter()
        .map(|finding| format!("{} | {} | {}\n", finding["place"], finding["message"], finding["action"]))
        .collect()
}

#[test]
fn the_first_condition_that_leaves_nothing_is_the_cause() {
    for (rows, words) in [
        ("", ["vide", "importez"]),
        ("('2023-07-06', 1, 2, 1, 1, 'x', 5)", ["2023 (1 jour)", "aucune ligne du 2024-07-06"]),
        ("('2024-01-06', 1, 2, 1, 1, 'x', 5)", ["aucune ligne du 2024-07-06 au 2024-07-07", "importez"]),
        ("('2024-07-06', 3, 2, 1, 1, 'x', 5)", ["zone CANTAL", "CHÂTAIGNERAIE (1)"]),
        ("('2024-07-06', 1, 2, 2, 1, 'x', 5)", ["catégorie TOURISTE", "EXCURSIONNISTE (1)"]),
        ("('2024-07-06', 1, 1, 1, 1, 'x', 5)", ["provenance", "LOCAL"]),
        ("('2024-07-06', 1, 2, 1, 0, 'x', 5)", ["sans commune", "export_mobilite.csv"]),
        ("('2024-07-06', 1, 2, 1, 999, 'x', 5)", ["dim_communes", "--seed"]),
        ("('2024-07-06', 1, 2, 1, 1, 'x', 5), ('2024-07-06', 1, 2, 1, 999, 'x', 5)", ["1 ligne mène", "incomplète"]),
    ] {
        let found = cause(&database(rows), &[]);
        assert!(words.iter().all(|word| found.contains(word)), "{rows}\n{words:?}\n{found}");
    }
}

#[test]
fn names_that_lead_nowhere_and_rows_that_wait_are_told() {
    let db = database("('2024-07-01', 1, 2, 1, 1, 'x', 5)");
    assert!(cause(&db, &["--zone", "CABBA"]).contains("CABA"));
    assert!(cause(&db, &["--category", "MARTIEN"]).contains("MARTIEN"));
    assert!(cause(&db, &["--period", "noel"]).contains("connues : fete"));
    db.exec(
        "INSERT INTO fact_lieu_activite_soir_temp (date, id_zone, id_provenance, id_categorie, id_commune, jour_semaine, volume)
         VALUES ('2024-07-06', 1, 2, 1, 1, 'samedi', 5)",
    );
    let found = cause(&db, &[]);
    assert!(found.contains("1 en attente") && found.contains("migrate-optimized"), "{found}");
}

#[test]
fn a_query_with_results_and_bad_usage() {
    let db = database(
        "('2024-07-06', 1, 2, 1, 1, 'samedi', 5), ('2024-07-05', 1, 2, 1, 1, 'vendredi', 4), ('2023-07-08', 1, 2, 1, 1, 'samedi', 10)",
    );
    let home = Home::new(&db);
    let run = |args: &[&str]| home.tool("diagnostic-mobility").args(args).run();
    let json = run(&["--year", "2024", "--period", "fete", "--json"]).expect_code(0).json();
    assert_eq!((&json["total"], json.get("year_before")), (&json!(5), None));
    let beside = |from: &str, to: &str, total: u64, change: f64| json!({"from": from, "to": to, "days_with_data": 1, "total": total, "evolution_pct": change});
    assert_eq!(json["preceding"], beside("2024-07-04", "2024-07-05", 4, 25.0));
    db.exec(
        "INSERT INTO dim_periodes (code_periode, nom_periode, annee, date_debut, date_fin) VALUES
         ('fete', 'Fête', 2023, '2023-07-08 00:00:00', '2023-07-09 23:59:59')",
    );
    let json = run(&["--year", "2024", "--period", "fete", "--json"]).expect_code(0).json();
    assert_eq!(json["year_before"], beside("2023-07-08", "2023-07-09", 10, -50.0));
    run(&[]).expect_code(2);
    db.exec("DROP TABLE fact_lieu_activite_soir");
    assert_eq!(run(&["--year", "2024", "--json"]).expect_code(1).json()["error"]["code"], "table-missing");
}
