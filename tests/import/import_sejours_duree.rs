//! `import-sejours-duree-fr` and `-int`: their file alone, then what it holds.

use flux_test::Home;
use serde_json::{Value, json};
use support::diag;

fn shares(value: &Value) -> Vec<(String, u64, f64)> {
    let share = |share: &Value| {
        (
            share["name"].as_str().unwrap().to_owned(),
            share["volume"].as_u64().unwrap(),
            share["percent"].as_f64().unwrap(),
        )
    };
    value.as_array().unwrap().iter().map(share).collect()
}

#[test]
fn departements_regions_and_lengths_are_summed() {
    let db = diag::database();
    let home = Home::new(&db);
    home.write_csv(
        "duree_sejour_fr.csv",
        "Date;ZoneObservation;Provenance;CategorieVisiteur;NomDepartement;DureeSejour;Volume\n\
         2025-07-07;CANTAL;NONLOCAL;TOURISTE;Rhône;1 nuit;30\n2025-07-08;CANTAL;NONLOCAL;TOURISTE;Rhône;2 nuits;10\n\
         2025-07-08;CABA;NONLOCAL;TOURISTE;Paris;2 nuits;50\n2025-07-08;CABA;LOCAL;TOURISTE;Cantal;1N;10\n",
    );
    home.write_csv("frequentation_nuitee.csv", diag::NUITEE);
    let json = home.tool("import-sejours-duree-fr").arg("--json").run().expect_code(0).json();
    assert_eq!(json["files"].as_array().unwrap().len(), 1);
    let spread = &json["spread"];
    assert_eq!((&spread["rows"], &spread["volume"]), (&json!(4), &json!(100)));
    assert_eq!(spread["dates"], json!(["2025-07-07", "2025-07-08"]));
    let named = |list: &[(&str, u64, f64)]| -> Vec<(String, u64, f64)> {
        list.iter().map(|(name, volume, percent)| ((*name).to_owned(), *volume, *percent)).collect()
    };
    assert_eq!(shares(&spread["top"]), named(&[("PARIS", 50, 50.0), ("RHÔNE", 40, 40.0), ("CANTAL", 10, 10.0)]));
    assert_eq!(shares(&spread["regions"]), named(&[("AUVERGNE-RHÔNE-ALPES", 50, 50.0), ("ÎLE-DE-FRANCE", 50, 50.0)]));
    assert_eq!(shares(&spread["durations"]), named(&[("1 NUIT", 40, 40.0), ("2 NUITS", 60, 60.0)]));
    // (1 × 40 + 2 × 60) / 100
    assert_eq!(spread["mean_nights"], 1.6);
    let text = home.tool("import-sejours-duree-fr").run().expect_code(0);
    assert!(text.stdout.contains("inchangé") && text.stdout.contains('█'), "{text}");
}

#[test]
fn countries_have_no_regions_and_rejects_call_for_a_look() {
    let db = diag::database();
    let home = Home::new(&db);
    home.write_csv(
        "duree_sejour_int.csv",
        "Date;ZoneObservation;Provenance;CategorieVisiteur;Pays;DureeSejour;Volume\n\
         2025-07-07;CANTAL;ETRANGER;TOURISTE;Belgique;1 nuit;30\n2025-07-07;CANTAL;ETRANGER;TOURISTE;Atlantide;1 nuit;30\n",
    );
    let json = home.tool("import-sejours-duree-int").arg("--json").run().expect_code(3).json();
    assert_eq!(json["totals"]["rejected"], 1);
    assert_eq!(shares(&json["spread"]["top"]), [("BELGIQUE".to_owned(), 30, 100.0)]);
    assert_eq!(json["spread"].get("regions"), None);
}

#[test]
fn a_missing_file_a_bad_option_and_a_dry_run() {
    let db = diag::database();
    let home = Home::new(&db);
    home.tool("import-sejours-duree-int").run().expect_code(3).expect_stdout("absent");
    home.tool("import-sejours-duree-fr").args(["--year", "1850"]).run().expect_code(2);
    home.write_csv(
        "duree_sejour_int.csv",
        "Date;ZoneObservation;Provenance;CategorieVisiteur;Pays;DureeSejour;Volume\n\
         2025-07-07;CANTAL;ETRANGER;TOURISTE;Belgique;1 nuit;30\n",
    );
    home.tool("import-sejours-duree-int").arg("--dry-run").run().expect_code(0);
    assert_eq!(db.count("fact_sejours_duree_pays_temp"), 0);
}
