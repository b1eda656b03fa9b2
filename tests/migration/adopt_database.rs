//! `adopt-database`: each generation of older databases is looked at without a write, mended in the order that is told, adopted, and
//! then imported into and migrated; what stands there is compared by name with what was worked out by hand.

use flux_test::{Home, Outcome, TestDb};
use support::legacy::{self, codes, everything, found, refused};
use support::weekly::Sane;

fn adopt(home: &Home, args: &[&str]) -> Outcome {
    home.tool("adopt-database").arg("--json").args(args).run().sane()
}

fn run(home: &Home, tool: &str, args: &[&str]) -> Outcome {
    home.tool(tool).args(args).run().sane()
}

/// `date zone provenance category volume provisional` of a table of nights or days, by name.
fn by_name(db: &TestDb, table: &str) -> Vec<String> {
    db.column(&format!(
        "SELECT CONCAT_WS(' ', f.date, z.nom_zone, p.nom_provenance, c.nom_categorie, f.volume, f.is_provisional) FROM {table} f
         JOIN dim_zones_observation z USING (id_zone) JOIN dim_provenances p USING (id_provenance)
         JOIN dim_categories_visiteur c USING (id_categorie) ORDER BY f.date, z.nom_zone, f.volume"
    ))
}

const NIGHTS: &str = "Date;ZoneObservation;Provenance;CategorieVisiteur;Volume\n";
const NIGHTS_FR: &str = "Date;ZoneObservation;Provenance;CategorieVisiteur;NomDepartement;Volume\n";
const MOBILITY: &str = "Date;ZoneObservation;Provenance;CategorieVisiteur;ZoneMobilite;Volume\n";

/// legacy.md, 1, 2 (V2).
#[test]
fn the_second_generation_is_adopted_and_keeps_its_definitive_volumes() {
    let db = legacy::database("v2");
    let home = Home::new(&db);
    let before = everything(&db);
    home.write_csv(
        "frequentation_nuitee.csv",
        format!(
            "{NIGHTS}2025-07-07;Pays d'Aurillac;NonLocal;Touriste;701\n2025-07-07;Cantal;Local;Touriste;711\n2025-07-08;Haut Cantal;NonLocal;Touriste;720\n"
        ),
    );
    for tool in ["update-temp-tables", "migrate-temp-to-main", "ensure-schema", "update-saisons", "add-missing-zones"] {
        refused(run(&home, tool, &["--json"]));
    }
    let json = adopt(&home, &[]).expect_code(3).json();
    assert_eq!(everything(&db), before, "looking writes nothing");
    assert_eq!((&json["origin"], &json["ready"]), (&"foreign".into(), &false.into()));
    assert_eq!(
        codes(&json["findings"]),
        [
            "column-refuses",
            "commune-unplaced",
            "definitive-marked",
            "duplicate-keys",
            "name-empty",
            "schema-incomplete",
            "table-missing"
        ]
    );
    assert_eq!(found(&json, "findings", "definitive-marked")["count"], 2);
    assert_eq!(found(&json, "findings", "name-empty")["count"], 3);
    assert_eq!(found(&json, "findings", "duplicate-keys")["place"], "fact_nuitees_temp");
    assert_eq!(codes(&json["notes"]), ["breakdown-missing", "calendar-wrong", "rows-unrecorded"]);

    let json = adopt(&home, &["--apply"]).expect_code(3).json();
    assert_eq!(json["origin"], "begun");
    assert_eq!(codes(&json["findings"]), ["definitive-marked", "duplicate-keys"]);
    assert_eq!(
        db.rows("SELECT code_insee, nom_commune FROM dim_communes ORDER BY 1"),
        [["15014", "AURILLAC"], ["15120", "MAURIAC"], ["15138", "MURAT"], ["15187", "SAINT-FLOUR"]]
    );
    refused(run(&home, "update-temp-tables", &["--json"]));
    run(&home, "ensure-schema", &["--resolve-duplicates", "newest"]).expect_code(0);
    assert_eq!(db.column("SELECT volume FROM fact_nuitees_temp ORDER BY 1"), ["598", "599"]);
    let json = adopt(&home, &["--apply", "--definitive-marks"]).expect_code(0).json();
    assert_eq!((&json["origin"], &json["ready"]), (&"adopted".into(), &true.into()));
    adopt(&home, &[]).expect_code(0);
    // The EPCI of the newest definitive rows, not the first nor the reference's; the others are those of the reference.
    run(&home, "ensure-schema", &["--seed"]).expect_code(0);
    assert_eq!(db.scalar("SELECT id_epci FROM dim_communes WHERE code_insee = '15120'"), "2");
    assert_eq!(
        db.scalar("SELECT COUNT(*) FROM dim_communes WHERE nom_commune = 'MAURIAC' AND code_insee LIKE '15%'"),
        "1"
    );

    home.write_csv(
        "export_mobilite.csv",
        format!(
            "{MOBILITY}2025-07-08;Cantal;NonLocal;Touriste;Mauriac;14\n2025-07-08;Cantal;NonLocal;Touriste;Murat;15\n"
        ),
    );
    // A year after what the base holds of mobility, which is told.
    run(&home, "update-temp-tables", &["--only", "frequentation_nuitee,export_mobilite"]).expect_code(3);
    // The old rows of the temporary tables, which no import of ours brought, are told and change nothing.
    let migrated = run(&home, "migrate-temp-to-main", &["--json"]).expect_code(3).json();
    assert!(codes(&migrated["findings"]).contains(&"rows-unrecorded".to_owned()), "{migrated}");
    let expected = [
        "2024-07-01 CABA NONLOCAL TOURISTE 500 0",
        "2025-06-01 CABA NONLOCAL TOURISTE 610 0",
        "2025-06-01 CANTAL LOCAL TOURISTE 620 0",
        "2025-07-07 CABA NONLOCAL TOURISTE 701 1",
        "2025-07-07 CANTAL LOCAL TOURISTE 711 1",
        "2025-07-08 GENTIANE NONLOCAL TOURISTE 720 1",
    ];
    assert_eq!(by_name(&db, "fact_nuitees"), expected);
    let places = "SELECT CONCAT_WS(' ', f.date, c.code_insee, f.id_epci, f.volume) FROM fact_lieu_activite_soir f JOIN dim_communes c USING (id_commune)
         WHERE f.is_provisional = 1 AND f.date = '2025-07-08' ORDER BY c.code_insee";
    let places = db.column(places);
    assert!(places[0].starts_with("2025-07-08 15120 2 14") && places[1].contains(" 15138 "), "{places:?}");
    assert_eq!(db.count("shared_spaces"), 1);
    assert_eq!(db.scalar("SELECT nom_periode FROM dim_periodes WHERE id_periode = 1"), "Vacances d'été 2024");
}

/// legacy.md, 4, 5, 20 (V1).
#[test]
fn the_first_generation_needs_a_choice_for_its_doubles_and_its_twins() {
    let db = legacy::database("v1");
    let home = Home::new(&db);
    let before = everything(&db);
    let json = adopt(&home, &[]).expect_code(3).json();
    assert_eq!(everything(&db), before);
    assert_eq!(
        codes(&json["findings"]),
        ["column-refuses", "dimension-twins", "duplicate-keys", "schema-incomplete", "table-missing"]
    );
    let doubles = found(&json, "findings", "duplicate-keys");
    assert_eq!((&doubles["place"], &doubles["count"]), (&"fact_nuitees".into(), &3.into()));
    assert!(doubles["message"].as_str().unwrap().contains("2 identiques, 1 contradictoire"), "{doubles}");
    let twins = found(&json, "findings", "dimension-twins");
    assert_eq!(twins["place"], "dim_departements");
    assert!(twins["action"].as_str().unwrap().contains("--from-id 3 --into-id 2"), "{twins}");

    let json = adopt(&home, &["--apply"]).expect_code(3).json();
    assert_eq!(codes(&json["findings"]), ["dimension-twins", "duplicate-keys"]);
    let plan = run(&home, "ensure-schema", &["--dry-run", "--json"]).expect_code(3).json();
    let plan = plan["duplicates"].as_array().unwrap().iter().map(|d| format!("{} {}", d["table"], d["surplus"]));
    assert_eq!(plan.collect::<Vec<_>>(), ["\"dim_departements\" 1", "\"fact_nuitees\" 3"]);
    // The département in two rows is still to be united, by another tool.
    run(&home, "ensure-schema", &["--resolve-duplicates", "newest"]).expect_code(3);
    run(&home, "merge-dimension", &["--dim", "departements", "--from-id", "3", "--into-id", "2", "--yes"])
        .expect_code(0);
    adopt(&home, &["--apply"]).expect_code(0);
    run(&home, "ensure-schema", &["--seed"]).expect_code(0);

    home.write_csv("frequentation_nuitee.csv", format!("{NIGHTS}2035-07-07;Hautes Terres;Local;Touriste;90\n"));
    home.write_csv(
        "frequentation_nuitee_fr.csv",
        format!(
            "{NIGHTS_FR}2025-07-07;Cantal;NonLocal;Touriste;Rhône;77\n2025-07-07;Cantal;NonLocal;Touriste;Creuse;3\n"
        ),
    );
    // Years after what the base holds, which is told.
    let only = "frequentation_nuitee,frequentation_nuitee_fr";
    let outcome = run(&home, "update-temp-tables", &["--only", only, "--allow-future"]).expect_code(3);
    outcome.expect_stderr("0 pour les vacances de 2035-07-07 à 2035-07-07");
    run(&home, "migrate-temp-to-main", &[]).expect_code(0);
    let expected = [
        "2019-07-01 CABA NONLOCAL TOURISTE 40 0",
        "2019-07-01 CANTAL LOCAL TOURISTE 100 0",
        "2019-07-02 CABA NONLOCAL TOURISTE 45 0",
        "2019-07-02 CANTAL LOCAL TOURISTE 112 0",
        "2035-07-07 HTC LOCAL TOURISTE 90 1",
    ];
    assert_eq!(by_name(&db, "fact_nuitees"), expected);
    let departements = db.column(
        "SELECT CONCAT_WS(' ', f.date, d.nom_departement, f.volume, f.is_provisional) FROM fact_nuitees_departements f
         JOIN dim_departements d USING (id_departement) ORDER BY f.date, f.volume",
    );
    let expected = [
        "2019-07-01 RHÔNE 30 0",
        "2019-07-02 CANTAL 5 0",
        "2019-07-02 RHÔNE 31 0",
        "2025-07-07 CREUSE 3 1",
        "2025-07-07 RHÔNE 77 1",
    ];
    assert_eq!(departements, expected);
    // No school calendar goes that far: 0 where NULL is not allowed.
    assert_eq!(db.rows("SELECT vacances_a, jour_semaine FROM dim_dates WHERE date = '2035-07-07'"), [["0", "samedi"]]);
}

/// legacy.md, 4, 16 (V4).
#[test]
fn the_fourth_generation_gets_its_keys_and_new_names_take_no_number_of_orphans() {
    let db = legacy::database("v4");
    let home = Home::new(&db);
    let json = adopt(&home, &[]).expect_code(3).json();
    assert_eq!(
        codes(&json["findings"]),
        ["column-refuses", "duplicate-keys", "number-reusable", "schema-incomplete", "table-missing"]
    );
    assert_eq!(codes(&json["notes"]), ["orphan-rows"]);
    let json = adopt(&home, &["--apply"]).expect_code(3).json();
    assert_eq!(codes(&json["findings"]), ["duplicate-keys"]);
    run(&home, "ensure-schema", &["--resolve-duplicates", "sum"]).expect_code(0);
    adopt(&home, &["--apply"]).expect_code(0);
    assert_eq!(
        db.rows("SELECT date, id_zone, id_departement, volume FROM fact_nuitees_departements ORDER BY 1, 2"),
        [["2022-05-01", "1", "1", "14"], ["2022-05-01", "40", "1", "6"], ["2022-05-02", "1", "77", "9"]]
    );
    assert_eq!(
        db.rows("SELECT date, id_epci, id_commune, volume FROM fact_lieu_activite_soir_departement ORDER BY volume"),
        [["2022-05-02", "1", "0", "1"], ["2022-05-01", "1", "1", "2"], ["2022-05-01", "0", "0", "3"]]
    );
    run(&home, "ensure-schema", &["--seed"]).expect_code(0);
    assert_eq!(db.scalar("SELECT COUNT(*) FROM dim_zones_observation WHERE id_zone <= 40"), "1");
    assert_eq!(db.scalar("SELECT COUNT(*) FROM dim_departements WHERE id_departement <= 77"), "1");
    assert_eq!(db.scalar("SELECT MIN(id_departement) FROM dim_departements WHERE id_departement > 1"), "78");

    // A week and an export of the places: what is new stands beside what is old, which keeps its volumes.
    home.write_csv(
        "frequentation_nuitee_fr.csv",
        format!(
            "{NIGHTS_FR}2022-06-01;Cantal;NonLocal;Touriste;Cantal;21\n2022-06-01;Cantal;NonLocal;Touriste;Corse-du-Sud;22\n"
        ),
    );
    run(&home, "update-temp-tables", &["--only", "frequentation_nuitee_fr"]).expect_code(0);
    run(&home, "migrate-temp-to-main", &[]).expect_code(0);
    let nights = db.column(
        "SELECT CONCAT_WS(' ', f.date, COALESCE(z.nom_zone, f.id_zone), COALESCE(d.nom_departement, f.id_departement), f.volume, f.is_provisional)
         FROM fact_nuitees_departements f LEFT JOIN dim_zones_observation z USING (id_zone)
         LEFT JOIN dim_departements d USING (id_departement) ORDER BY f.date, f.volume",
    );
    let expected = [
        "2022-05-01 40 CANTAL 6 0",
        "2022-05-01 CANTAL CANTAL 14 0",
        "2022-05-02 CANTAL 77 9 0",
        "2022-06-01 CANTAL CANTAL 21 1",
        "2022-06-01 CANTAL CORSE-DU-SUD 22 1",
    ];
    assert_eq!(nights, expected);
    home.write(
        "data/data_extracted/LieuActivite_Soir_Departement_2022B1_CANTAL.csv",
        "Date;ZoneObservation;Provenance;CategorieVisiteur;NomDepartement;EPCIZoneDiurneSoir;CodeInseeDiurneSoir;ZoneDiurneSoir;Volume\n\
         2022-05-01;Cantal;NonLocal;Touriste;Cantal;CA du Bassin d'Aurillac;15014;Aurillac;31\n\
         2022-05-01;Cantal;NonLocal;Touriste;Haute-Corse;CA de Bastia;2B033;Bastia;32\n",
    );
    run(&home, "populate-facts-full-production", &[]).expect_code(0);
    let places = db.column(
        "SELECT CONCAT_WS(' ', f.date, d.nom_departement, COALESCE(e.nom_epci, f.id_epci), COALESCE(m.code_insee, f.id_commune), f.volume)
         FROM fact_lieu_activite_soir_departement f JOIN dim_departements d USING (id_departement)
         LEFT JOIN dim_epci e USING (id_epci) LEFT JOIN dim_communes m USING (id_commune) ORDER BY f.volume",
    );
    let expected = [
        "2022-05-02 CANTAL CA DU BASSIN D'AURILLAC 0 1",
        "2022-05-01 CANTAL CA DU BASSIN D'AURILLAC 15014 31",
        "2022-05-01 HAUTE-CORSE CA DE BASTIA 2B033 32",
    ];
    assert_eq!(places, expected, "the export replaces its date and zone, and nothing else");
}

/// legacy.md, 2 (V2s).
#[test]
fn zones_under_two_names_are_told_and_stand_in_nobody_s_way() {
    let db = legacy::database("v2s");
    let home = Home::new(&db);
    adopt(&home, &["--apply", "--definitive-marks", "keep"]).expect_code(3);
    run(&home, "ensure-schema", &["--resolve-duplicates", "newest"]).expect_code(0);
    let json = adopt(&home, &["--apply"]).expect_code(0).json();
    let splits = json["notes"].as_array().unwrap().iter().filter(|note| note["code"] == "zone-split").count();
    assert_eq!(splits, 3);
    assert_eq!(
        db.scalar("SELECT COUNT(*) FROM fact_nuitees WHERE is_provisional = 1 AND updated_at IS NOT NULL"),
        "2",
        "kept as decided"
    );
    run(&home, "migrate-temp-to-main", &[]).expect_code(3);
    let june = "SELECT volume FROM fact_nuitees WHERE date = '2025-06-01' ORDER BY 1";
    assert_eq!(db.column(june), ["610", "620"], "rows of no recorded import change nothing");
    assert_eq!(db.scalar("SELECT COUNT(*) FROM dim_zones_observation"), "13");
}

/// legacy.md, 8.
#[test]
fn damaged_names_are_repaired_and_a_damaged_twin_is_told() {
    let db = legacy::database("v2");
    db.exec(
        "UPDATE dim_zones_observation SET nom_zone = 'CH?TAIGNERAIE' WHERE id_zone = 6;
         UPDATE dim_zones_observation SET nom_zone = 'VAL TRUYÃˆRE' WHERE id_zone = 7;
         INSERT INTO dim_departements (id_departement, nom_departement) VALUES (10, 'CORR?ZE'), (11, 'PUY-DE-D?ME'), (12, 'PUY-DE-DÔME');
         UPDATE dim_communes SET nom_commune = 'SAINT-FLO?R' WHERE code_insee = '15187';
         INSERT INTO fact_nuitees (date, id_zone, id_provenance, id_categorie, volume, is_provisional) VALUES ('2024-08-01', 6, 1, 1, 4, 0)",
    );
    let home = Home::new(&db);
    let json = adopt(&home, &["--apply", "--definitive-marks"]).expect_code(3).json();
    assert_eq!(codes(&json["findings"]), ["dimension-twins", "duplicate-keys"]);
    assert!(
        found(&json, "findings", "dimension-twins")["action"].as_str().unwrap().contains("--from-id 11 --into-id 12")
    );
    assert_eq!(
        db.rows("SELECT id_zone, nom_zone FROM dim_zones_observation WHERE id_zone IN (6, 7) ORDER BY 1"),
        [["6", "CHÂTAIGNERAIE"], ["7", "VAL TRUYÈRE"]]
    );
    assert_eq!(db.scalar("SELECT nom_departement FROM dim_departements WHERE id_departement = 10"), "CORRÈZE");
    assert_eq!(db.scalar("SELECT nom_commune FROM dim_communes WHERE code_insee = '15187'"), "SAINT-FLOUR");
}

/// legacy.md, 13.
#[test]
fn other_engines_and_character_sets_are_converted_and_wide_numbers_work() {
    let db = legacy::database("v2");
    db.exec(
        "ALTER TABLE fact_nuitees ENGINE=MyISAM;
         ALTER TABLE dim_zones_observation CONVERT TO CHARACTER SET latin1 COLLATE latin1_swedish_ci;
         ALTER TABLE dim_zones_observation MODIFY id_zone BIGINT UNSIGNED NOT NULL AUTO_INCREMENT;
         ALTER TABLE fact_nuitees MODIFY id_zone BIGINT UNSIGNED NOT NULL;
         ALTER TABLE fact_lieu_activite_soir DROP INDEX unique_fact, DROP COLUMN id_epci,
           ADD UNIQUE KEY unique_fact (date, id_zone, id_provenance, id_categorie, id_commune)",
    );
    let home = Home::new(&db);
    let json = adopt(&home, &[]).expect_code(3).json();
    assert!(codes(&json["findings"]).contains(&"engine-unsafe".to_owned()), "{json}");
    assert!(codes(&json["findings"]).contains(&"collation-unsafe".to_owned()), "{json}");
    adopt(&home, &["--apply", "--definitive-marks"]).expect_code(3);
    run(&home, "ensure-schema", &["--resolve-duplicates", "oldest"]).expect_code(0);
    adopt(&home, &["--apply"]).expect_code(0);
    assert_eq!(db.scalar("SELECT engine FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'fact_nuitees'"), "InnoDB");
    assert_eq!(db.scalar("SELECT nom_zone FROM dim_zones_observation WHERE id_zone = 6"), "CHÂTAIGNERAIE");
    assert_eq!(db.column("SELECT volume FROM fact_lieu_activite_soir ORDER BY 1"), ["8", "9", "90"]);
    run(&home, "ensure-schema", &["--seed"]).expect_code(0);
    home.write_csv("frequentation_nuitee.csv", format!("{NIGHTS}2025-07-09;Châtaigneraie;Local;Touriste;31\n"));
    run(&home, "update-temp-tables", &["--only", "frequentation_nuitee"]).expect_code(0);
    let _ = run(&home, "migrate-temp-to-main", &["--only", "fact_nuitees"]);
    assert!(by_name(&db, "fact_nuitees").contains(&"2025-07-09 CHÂTAIGNERAIE LOCAL TOURISTE 31 1".to_owned()));
}

/// legacy.md, 14.
#[test]
fn an_account_without_the_rights_is_told_and_leaves_nothing_half_done() {
    let db = legacy::database("v2");
    let home = Home::new(&db);
    let before = everything(&db);
    let account = db.restricted_user(&["SELECT, INSERT, UPDATE, DELETE ON {db}.*"]);
    let tool = |args: &[&str]| {
        let tool = home.tool("adopt-database").arg("--json").args(args);
        tool.env("DB_USERNAME", &account.user).env("DB_PASSWORD", &account.password).run().sane()
    };
    let json = tool(&[]).expect_code(3).json();
    let rights = json["findings"].as_array().unwrap().iter().filter(|found| found["code"] == "right-missing").count();
    assert_eq!(rights, 4, "CREATE, ALTER, INDEX, DROP: {json}");
    assert_eq!(json["findings"][0]["code"], "right-missing", "first of all");
    tool(&["--apply"]).expect_code(1);
    assert_eq!(everything(&db), before);
}

#[test]
fn our_own_and_empty_databases_are_ready() {
    let db = TestDb::new();
    let home = Home::new(&db);
    assert_eq!(adopt(&home, &[]).expect_code(0).json()["origin"], "empty");
    run(&home, "ensure-schema", &["--seed"]).expect_code(0);
    let json = adopt(&home, &[]).expect_code(0).json();
    assert_eq!((&json["origin"], &json["ready"]), (&"own".into(), &true.into()));
    assert_eq!((codes(&json["findings"]).len(), codes(&json["notes"]).len()), (0, 0), "{json}");
    adopt(&home, &["--definitive-marks", "flag"]).expect_code(2);
    adopt(&home, &["--apply", "--definitive-marks", "perhaps"]).expect_code(2);
}

#[test]
fn the_doctor_says_where_the_database_comes_from_and_gives_one_mend() {
    let db = legacy::database("v2");
    let home = Home::new(&db);
    let json = home.tool("flux").args(["doctor", "--json"]).run().json();
    let origin = json["checks"].as_array().unwrap().iter().find(|check| check["subject"] == "origine").unwrap();
    assert_eq!(origin["findings"][0]["code"], "not-adopted");
    let schema = json["checks"].as_array().unwrap().iter().find(|check| check["subject"] == "schéma").unwrap();
    for finding in schema["findings"].as_array().unwrap() {
        assert!(finding["action"].as_str().unwrap().contains("adopt-database"), "{finding}");
    }
}

/// legacy.md, 13.
#[test]
fn a_table_without_transactions_is_not_written_to() {
    let db = TestDb::new();
    let home = Home::new(&db);
    run(&home, "ensure-schema", &["--seed"]).expect_code(0);
    db.exec("ALTER TABLE fact_nuitees_temp ENGINE=MyISAM");
    home.write_csv("frequentation_nuitee.csv", format!("{NIGHTS}2025-07-07;Cantal;NonLocal;Touriste;701\n"));
    for tool in ["update-temp-tables", "migrate-temp-to-main", "cleanup-temp"] {
        let outcome = run(&home, tool, &["--json"]).expect_code(1);
        assert_eq!(outcome.json()["error"]["code"], "engine-unsafe", "{outcome}");
        assert_eq!(
            outcome.json()["error"]["hint"],
            "faites convertir la table : ALTER TABLE fact_nuitees_temp ENGINE=InnoDB"
        );
    }
    assert_eq!(db.count("fact_nuitees_temp"), 0);
    // Nor do those write that take rows out of a main table, or bring them there without a temporary one.
    db.exec(
        "ALTER TABLE fact_diurnes ENGINE=MyISAM; INSERT INTO fact_diurnes (date, id_zone, id_provenance, id_categorie, volume)
         VALUES ('2024-07-01', 1, 1, 1, 3)",
    );
    home.write(
        "data/data_extracted/Diurne_2024B1_X.csv",
        "Date;ZoneObservation;Provenance;CategorieVisiteur;Volume\n2024-07-01;Cantal;Local;Touriste;9\n",
    );
    for (tool, args) in [
        ("populate-facts-full-production", &[][..]),
        ("withdraw-provisional", &["--yes"]),
        ("cleanup-year", &["--year", "2024", "--yes"]),
        ("merge-dimension", &["--dim", "zones", "--from-id", "1", "--into-id", "2", "--yes"]),
        ("merge-zones", &["--from-id", "999", "--into", "CANTAL", "--yes"]),
    ] {
        let outcome = run(&home, tool, &[args, &["--json"]].concat()).expect_code(1);
        assert!(outcome.stdout.contains("engine-unsafe"), "{tool}: {outcome}");
        assert_eq!(db.rows("SELECT id_zone, volume FROM fact_diurnes"), [["1", "3"]], "{tool}");
    }
    db.exec("DELETE FROM fact_diurnes");
    // A table of the portal is another matter, and adoption mends what is ours.
    db.exec("CREATE TABLE portail (a INT) ENGINE=MyISAM");
    adopt(&home, &["--apply"]).expect_code(0);
    run(&home, "update-temp-tables", &["--only", "frequentation_nuitee"]).expect_code(0);
    assert_eq!(db.count("fact_nuitees_temp"), 1);
}

#[test]
fn an_engine_that_shows_rows_of_other_tables_is_not_to_be_converted() {
    let db = TestDb::new();
    let home = Home::new(&db);
    run(&home, "ensure-schema", &["--seed"]).expect_code(0);
    db.exec(
        "CREATE TABLE morceaux LIKE fact_nuitees_temp; ALTER TABLE morceaux ENGINE=MyISAM; DROP TABLE fact_nuitees_temp;
         CREATE TABLE fact_nuitees_temp LIKE morceaux; ALTER TABLE fact_nuitees_temp ENGINE=MERGE UNION=(morceaux)",
    );
    home.write_csv("frequentation_nuitee.csv", format!("{NIGHTS}2025-07-07;Cantal;NonLocal;Touriste;701\n"));
    let outcome = run(&home, "update-temp-tables", &["--json"]).expect_code(1);
    assert_eq!(outcome.json()["error"]["code"], "engine-unsafe", "{outcome}");
    for (tool, arguments) in [
        ("update-temp-tables", &["--json"][..]),
        ("adopt-database", &["--json"]),
        ("adopt-database", &["--json", "--apply"]),
        ("simple-test", &["--json"]),
        ("diagnostic-migration", &["--json"]),
        ("tables-info", &["--json"]),
        ("flux", &["doctor", "--json"]),
    ] {
        let outcome = run(&home, tool, arguments);
        assert!(outcome.stdout.contains("MRG_M") && !outcome.stdout.contains("ENGINE=InnoDB"), "{tool}: {outcome}");
    }
    let sql = "SELECT engine FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'fact_nuitees_temp'";
    assert!(db.scalar(sql).starts_with("MRG_M"));
}
