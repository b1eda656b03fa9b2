//! `ensure-schema`: creates what schema.md says, mends older tables without losing a row, and changes nothing the second time.

use flux_test::{Home, Outcome, TestDb};
use support::weekly::{FILES, Sane, World};

fn ensure(home: &Home, args: &[&str]) -> Outcome {
    home.tool("ensure-schema").args(args).run().sane()
}

fn tables(db: &TestDb) -> Vec<String> {
    db.column(
        "SELECT table_name AS t FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY table_name",
    )
}

/// Columns of an index, in order.
fn index(db: &TestDb, table: &str, name: &str) -> Vec<String> {
    db.column(&format!(
        "SELECT column_name AS c FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = '{table}'
         AND index_name = '{name}' ORDER BY seq_in_index"
    ))
}

/// The columns of the unique index that is not the primary key.
fn natural_key(db: &TestDb, table: &str) -> Vec<String> {
    let name = db.scalar(&format!(
        "SELECT DISTINCT index_name AS i FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = '{table}'
         AND non_unique = 0 AND index_name <> 'PRIMARY'"
    ));
    index(db, table, &name)
}

/// Main tables and the key columns after `date, id_zone, id_provenance, id_categorie`, from schema.md.
const KEYS: [(&str, &[&str]); 21] = [
    ("fact_nuitees", &[]),
    ("fact_nuitees_departements", &["id_departement"]),
    ("fact_nuitees_pays", &["id_pays"]),
    ("fact_diurnes", &[]),
    ("fact_diurnes_departements", &["id_departement"]),
    ("fact_diurnes_pays", &["id_pays"]),
    ("fact_sejours_duree", &["id_duree"]),
    ("fact_sejours_duree_departements", &["id_departement", "id_duree"]),
    ("fact_sejours_duree_pays", &["id_pays", "id_duree"]),
    ("fact_lieu_activite_soir", &["id_epci", "id_commune"]),
    ("fact_lieu_activite_soir_departement", &["id_departement", "id_epci", "id_commune"]),
    ("fact_lieu_activite_soir_pays", &["id_pays", "id_epci", "id_commune"]),
    ("fact_lieu_activite_veille", &["id_epci", "id_commune"]),
    ("fact_lieu_activite_veille_departement", &["id_departement", "id_epci", "id_commune"]),
    ("fact_lieu_activite_veille_pays", &["id_pays", "id_epci", "id_commune"]),
    ("fact_lieu_nuitee_soir", &["id_epci", "id_commune"]),
    ("fact_lieu_nuitee_soir_departement", &["id_departement", "id_epci", "id_commune"]),
    ("fact_lieu_nuitee_soir_pays", &["id_pays", "id_epci", "id_commune"]),
    ("fact_lieu_nuitee_veille", &["id_epci", "id_commune"]),
    ("fact_lieu_nuitee_veille_departement", &["id_departement", "id_epci", "id_commune"]),
    ("fact_lieu_nuitee_veille_pays", &["id_pays", "id_epci", "id_commune"]),
];

#[test]
fn every_table_of_the_schema_has_its_columns_and_keys() {
    let db = TestDb::new();
    let home = Home::new(&db);
    ensure(&home, &[]).expect_code(0);
    let column = |table: &str, column: &str| {
        db.rows(&format!(
            "SELECT data_type AS a, is_nullable AS b, COALESCE(column_default, '-') AS c, extra AS d FROM information_schema.columns
             WHERE table_schema = DATABASE() AND table_name = '{table}' AND column_name = '{column}'"
        ))
        .pop()
        .unwrap_or_else(|| panic!("{table} has no {column}"))
    };
    let base = ["date", "id_zone", "id_provenance", "id_categorie"];
    for (table, more) in KEYS {
        let key: Vec<&str> = base.iter().chain(more).copied().collect();
        assert_eq!(natural_key(&db, table), key, "{table}");
        assert_eq!(index(&db, table, "PRIMARY"), ["id"], "{table}");
        let id = if table.contains("sejours") { "int" } else { "bigint" };
        assert_eq!(column(table, "id")[0], id, "{table}");
        assert!(column(table, "id")[3].contains("auto_increment"), "{table}");
        assert_eq!(column(table, "volume")[..2], ["int", "NO"], "{table}");
        assert_eq!(column(table, "is_provisional")[1..3], ["NO", "0"], "{table}");
        assert_eq!(column(table, "created_at")[0], "timestamp", "{table}");
        assert_eq!(column(table, "updated_at")[..2], ["timestamp", "YES"], "{table}");
        for name in &key[1..] {
            assert_eq!(column(table, name)[..2], ["int", "NO"], "{table}.{name}");
        }
        if table.contains("lieu") {
            assert_eq!(column(table, "jour_semaine")[..2], ["varchar", "NO"], "{table}");
            assert_eq!(column(table, "id_epci")[2], "0", "{table}");
            assert_eq!(column(table, "id_commune")[2], "0", "{table}");
        }
        let date_zone = "SELECT COUNT(*) FROM information_schema.statistics a JOIN information_schema.statistics b USING (table_schema, table_name, index_name)
             WHERE table_schema = DATABASE() AND a.column_name = 'date' AND a.seq_in_index = 1 AND b.column_name = 'id_zone' AND b.seq_in_index = 2
             AND a.non_unique = 1 AND table_name = ";
        assert_eq!(db.scalar(&format!("{date_zone}'{table}'")), "1", "{table}");
    }
    for (_, temp, main) in FILES {
        let more = KEYS.iter().find(|(table, _)| *table == main).unwrap().1;
        let key: Vec<&str> = base.iter().chain(more).copied().collect();
        assert_eq!(index(&db, temp, "PRIMARY"), key, "{temp}");
        assert_eq!(column(temp, "is_provisional")[1..3], ["NO", "1"], "{temp}");
    }
    let dims = [
        "dim_zones_observation",
        "dim_provenances",
        "dim_categories_visiteur",
        "dim_departements",
        "dim_pays",
        "dim_durees_sejour",
        "dim_communes",
        "dim_epci",
        "dim_dates",
        "dim_periodes",
        "dim_saisons",
    ];
    for dim in dims {
        assert!(db.has_table(dim), "{dim}");
    }
    let engines = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND (engine <> 'InnoDB' OR table_collation <> 'utf8mb4_unicode_ci')";
    assert_eq!(db.scalar(engines), "0");
    let before = tables(&db);
    let json = ensure(&home, &["--json"]).expect_code(0).json();
    assert_eq!(json["changes"], serde_json::json!([]), "a second run changes nothing");
    assert_eq!(tables(&db), before);
}

#[test]
fn presets_make_their_tables_only() {
    for (preset, with, without) in [
        ("dims", "dim_pays", "fact_nuitees"),
        ("facts", "fact_nuitees_pays", "fact_sejours_duree"),
        ("sejours", "fact_sejours_duree_pays", "fact_nuitees"),
        ("lieu", "fact_lieu_nuitee_veille", "fact_nuitees"),
        ("temp", "fact_nuitees_temp", "fact_nuitees"),
    ] {
        let db = TestDb::new();
        let home = Home::new(&db);
        ensure(&home, &["--preset", preset]).expect_code(0);
        assert!(db.has_table(with) && !db.has_table(without), "{preset}: {:?}", tables(&db));
    }
}

#[test]
fn test_tables_are_beside_the_others() {
    let db = TestDb::new();
    let home = Home::new(&db);
    ensure(&home, &["--test"]).expect_code(0);
    for (_, temp, main) in FILES {
        assert!(db.has_table(&format!("{temp}_test")) && db.has_table(&format!("{main}_test")), "{main}");
        assert!(!db.has_table(main));
    }
    assert!(!tables(&db).iter().any(|table| table.starts_with("dim_") && table.ends_with("_test")));
}

#[test]
fn a_dry_run_prints_ddl_that_makes_the_same() {
    let (dry, wet) = (TestDb::new(), TestDb::new());
    let (dry_home, wet_home) = (Home::new(&dry), Home::new(&wet));
    let outcome = ensure(&dry_home, &["--dry-run"]).expect_code(0);
    assert!(tables(&dry).is_empty(), "{outcome}");
    let ddl = &outcome.stdout[outcome.stdout.find("CREATE").unwrap()..outcome.stdout.rfind(';').unwrap()];
    for statement in ddl.split(";\n").filter(|s| !s.trim().is_empty()) {
        dry.exec(statement);
    }
    ensure(&wet_home, &[]).expect_code(0);
    assert_eq!(tables(&dry), tables(&wet));
    let json = ensure(&dry_home, &["--json"]).expect_code(0).json();
    assert_eq!(json["changes"], serde_json::json!([]), "what was printed is what would be done");
}

#[test]
fn older_tables_are_completed_and_keep_their_rows() {
    let db = TestDb::new();
    let home = Home::new(&db);
    db.exec(
        "CREATE TABLE fact_nuitees (id BIGINT AUTO_INCREMENT PRIMARY KEY, date DATE NOT NULL, id_zone INT NOT NULL, id_provenance INT NOT NULL,
           id_categorie INT NOT NULL, volume INT NOT NULL, note VARCHAR(20), UNIQUE KEY k (date, id_zone, id_provenance, id_categorie)) ENGINE=InnoDB;
         INSERT INTO fact_nuitees (date, id_zone, id_provenance, id_categorie, volume, note) VALUES ('2024-01-01', 1, 1, 1, 5, 'gardée');
         CREATE TABLE fact_nuitees_pays_temp (date DATE NOT NULL, id_zone INT NOT NULL, id_provenance INT NOT NULL, id_categorie INT NOT NULL,
           volume INT NOT NULL, PRIMARY KEY (date, id_zone, id_provenance, id_categorie)) ENGINE=InnoDB;
         INSERT INTO fact_nuitees_pays_temp VALUES ('2024-01-01', 1, 1, 1, 7);
         CREATE TABLE fact_diurnes_departements (id BIGINT AUTO_INCREMENT PRIMARY KEY, date DATE NOT NULL, id_zone INT NOT NULL,
           id_provenance INT NOT NULL, id_categorie INT NOT NULL, id_departement INT NOT NULL, volume INT NOT NULL,
           is_provisional BOOLEAN NOT NULL DEFAULT FALSE, UNIQUE KEY k (date, id_zone, id_provenance, id_categorie)) ENGINE=InnoDB;
         INSERT INTO fact_diurnes_departements (date, id_zone, id_provenance, id_categorie, id_departement, volume) VALUES ('2024-01-01', 1, 1, 1, 3, 9);
         CREATE TABLE dim_zones_observation (id_zone INT AUTO_INCREMENT PRIMARY KEY, nom_zone VARCHAR(255) UNIQUE) ENGINE=InnoDB;
         INSERT INTO dim_zones_observation VALUES (42, 'CABA')",
    );
    let refused = ensure(&home, &["--seed", "--json"]).expect_code(1).json();
    assert_eq!(refused["error"]["code"], "not-adopted", "nobody has looked at this database yet");
    home.tool("adopt-database").arg("--apply").run().sane().expect_code(0);
    ensure(&home, &["--seed"]).expect_code(0);
    assert_eq!(db.rows("SELECT volume, note, is_provisional FROM fact_nuitees"), [["5", "gardée", "0"]]);
    assert_eq!(db.rows("SELECT volume, id_pays, is_provisional FROM fact_nuitees_pays_temp"), [["7", "0", "1"]]);
    assert_eq!(index(&db, "fact_nuitees_pays_temp", "PRIMARY").last().unwrap(), "id_pays");
    assert_eq!(db.rows("SELECT id_departement, volume FROM fact_diurnes_departements"), [["3", "9"]]);
    assert_eq!(natural_key(&db, "fact_diurnes_departements").last().unwrap(), "id_departement");
    let caba = "SELECT id_zone FROM dim_zones_observation WHERE nom_zone IN ('CABA', 'PAYS D''AURILLAC')";
    assert_eq!(db.column(caba), ["42"], "the group keeps its row");
    let json = ensure(&home, &["--seed", "--json"]).expect_code(0).json();
    assert_eq!(json["changes"], serde_json::json!([]));
}

#[test]
fn seeding_is_the_same_the_second_time_and_keeps_what_people_entered() {
    let db = TestDb::new();
    let home = Home::new(&db);
    ensure(&home, &["--preset", "dims"]).expect_code(0);
    db.exec("INSERT INTO dim_pays (id_pays, nom_pays) VALUES (7, 'ESPAGNE'), (8, 'ATLANTIDE')");
    ensure(&home, &["--preset", "dims", "--seed"]).expect_code(0);
    assert_eq!(
        db.column("SELECT id_pays FROM dim_pays WHERE nom_pays IN ('ESPAGNE', 'ATLANTIDE') ORDER BY 1"),
        ["7", "8"]
    );
    // The reference holds 34 969 communes and 1 831 that are gone (of the Cantal, 250 and ten); 45 arrondissements.
    assert_eq!(db.count("dim_communes"), 36_845);
    let cantal = "SELECT COUNT(*) FROM dim_communes c JOIN dim_departements d USING (id_departement) WHERE d.nom_departement = 'CANTAL'";
    assert_eq!(db.scalar(cantal), "260");
    let lower = "SELECT COUNT(*) FROM dim_communes WHERE BINARY nom_commune <> BINARY UPPER(nom_commune)";
    assert_eq!(db.scalar(lower), "0");
    let counts = || {
        ["dim_zones_observation", "dim_pays", "dim_communes", "dim_epci", "dim_departements"]
            .map(|table| db.count(table))
    };
    let before = counts();
    ensure(&home, &["--preset", "dims", "--seed"]).expect_code(0);
    assert_eq!(counts(), before);
}

#[test]
fn rights_that_lack_and_bad_arguments_have_their_codes() {
    let db = TestDb::new();
    let home = Home::new(&db);
    let account = db.restricted_user(&["SELECT ON {db}.*"]);
    let tool = home.tool("ensure-schema").env("DB_USERNAME", &account.user).env("DB_PASSWORD", &account.password);
    let outcome = tool.run().sane().expect_code(1);
    assert!(format!("{}{}", outcome.stdout, outcome.stderr).contains("droit"), "{outcome}");
    for args in [&["--preset", "rien"][..], &["--drop"], &["fact_nuitees"]] {
        ensure(&home, args).expect_code(2);
    }
    assert!(tables(&db).is_empty());
}

/// One key twice, definitive 10 and then provisional 25, and a row that stands alone.
/// legacy.md, 4.
#[test]
fn doubled_keys_are_settled_as_the_operator_decides() {
    for (choice, volume, provisional) in
        [("newest", "25", "1"), ("oldest", "10", "0"), ("sum", "35", "1"), ("definitive", "10", "0")]
    {
        let db = TestDb::new();
        let home = Home::new(&db);
        ensure(&home, &["--seed"]).expect_code(0);
        db.exec(
            "ALTER TABLE fact_nuitees DROP INDEX uk_cle;
             INSERT INTO fact_nuitees (date, id_zone, id_provenance, id_categorie, volume, is_provisional) VALUES
             ('2025-07-07', 1, 1, 1, 10, 0), ('2025-07-07', 1, 1, 1, 25, 1), ('2025-07-08', 1, 1, 1, 7, 1)",
        );
        // Told, and left alone until somebody decides.
        let told = ensure(&home, &["--json"]).expect_code(3).json();
        assert!(told["findings"].as_array().unwrap().iter().any(|found| found["code"] == "duplicate-keys"), "{told}");
        assert_eq!(db.count("fact_nuitees"), 3);
        ensure(&home, &["--resolve-duplicates", choice, "--dry-run"]).expect_code(0);
        assert_eq!(db.count("fact_nuitees"), 3, "{choice}");
        ensure(&home, &["--resolve-duplicates", choice]).expect_code(0);
        let rows = db.rows("SELECT date, volume, is_provisional FROM fact_nuitees ORDER BY date");
        assert_eq!(rows, [["2025-07-07", volume, provisional], ["2025-07-08", "7", "1"]], "{choice}");
        assert_eq!(natural_key(&db, "fact_nuitees"), ["date", "id_zone", "id_provenance", "id_categorie"]);
        ensure(&home, &[]).expect_code(0);
    }
    ensure(&Home::without_db(), &["--resolve-duplicates", "largest"]).expect_code(2);
}

/// What `information_schema` says of every table, column, index and key of a database.
fn described(db: &TestDb) -> Vec<Vec<Vec<String>>> {
    [
        "SELECT table_name AS t, engine, row_format, table_collation, create_options, table_comment FROM information_schema.tables \
         WHERE table_schema = DATABASE() ORDER BY 1",
        "SELECT table_name AS t, ordinal_position AS n, column_name, COALESCE(column_default, 'NULL'), is_nullable, column_type, \
         COALESCE(collation_name, ''), column_key, extra, column_comment, COALESCE(generation_expression, '') \
         FROM information_schema.columns WHERE table_schema = DATABASE() ORDER BY 1, 2",
        "SELECT table_name AS t, index_name AS i, seq_in_index AS n, column_name, non_unique, COALESCE(sub_part, 0), index_type, nullable \
         FROM information_schema.statistics WHERE table_schema = DATABASE() ORDER BY 1, 2, 3",
        "SELECT table_name AS t, constraint_name AS c, constraint_type FROM information_schema.table_constraints \
         WHERE table_schema = DATABASE() ORDER BY 1, 2",
        "SELECT r.table_name AS t, r.constraint_name AS c, referenced_table_name, update_rule, delete_rule, column_name, referenced_column_name \
         FROM information_schema.referential_constraints r JOIN information_schema.key_column_usage u \
         USING (constraint_schema, constraint_name, table_name, referenced_table_name) WHERE constraint_schema = DATABASE() ORDER BY 1, 2, 6",
        "SELECT table_name AS t, COALESCE(partition_name, '') AS p, COALESCE(partition_expression, ''), COALESCE(partition_description, '') \
         FROM information_schema.partitions WHERE table_schema = DATABASE() ORDER BY 1, 2",
    ]
    .map(|sql| db.rows(sql))
    .to_vec()
}

/// The databases that most tests begin with are copies of what this tool made once: the tables are the same to the last key, and so are
/// the reference data.
#[test]
fn what_tests_begin_with_is_what_the_tool_makes() {
    let made = TestDb::new();
    ensure(&Home::new(&made), &["--seed"]).expect_code(0);
    let World { db: copy, home } = World::seeded();
    let (expected, found) = (described(&made), described(&copy));
    assert!(expected[0].len() > 50 && expected[4].len() + expected[5].len() > 50, "{expected:?}");
    assert_eq!(found, expected);
    for table in tables(&made).iter().filter(|table| table.starts_with("dim_")) {
        let columns = made.column(&format!(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = '{table}' \
             AND data_type NOT IN ('timestamp', 'datetime') ORDER BY ordinal_position"
        ));
        let rows = |db: &TestDb| db.rows(&format!("SELECT {} FROM {table} ORDER BY 1, 2", columns.join(", ")));
        assert_eq!(rows(&copy), rows(&made), "{table}");
    }
    let json = ensure(&home, &["--seed", "--json"]).expect_code(0).json();
    assert_eq!((&json["changes"], &json["findings"]), (&serde_json::json!([]), &serde_json::json!([])), "{json}");
    // What comes in by itself has numbers of its own.
    let id = "INSERT INTO dim_pays (nom_pays) VALUES ('ATLANTIDE'); ";
    for db in [&made, &copy] {
        db.exec(id);
    }
    let number = |db: &TestDb| db.scalar("SELECT id_pays FROM dim_pays WHERE nom_pays = 'ATLANTIDE'");
    assert_eq!(number(&copy), number(&made));
}

/// A column that was added with a default of 0 is as empty as one of NULL: the facts say the EPCI first, then the reference.
#[test]
fn an_epci_of_zero_is_filled_from_the_facts_and_then_from_the_reference() {
    let db = TestDb::new();
    let home = Home::new(&db);
    ensure(&home, &["--seed"]).expect_code(0);
    let id = |code: &str| db.scalar(&format!("SELECT id_commune FROM dim_communes WHERE code_insee = '{code}'"));
    let (mauriac, ydes, massiac) = (id("15120"), id("15265"), id("15119"));
    db.exec(&format!(
        "INSERT INTO dim_epci (id_epci, nom_epci) VALUES (900001, 'CC D''AVANT'), (900002, 'CC DE MAINTENANT');
         INSERT INTO fact_lieu_nuitee_soir (date, id_zone, id_provenance, id_categorie, id_epci, id_commune, jour_semaine, volume, is_provisional) VALUES
           ('2023-02-06', 1, 1, 1, 900001, {mauriac}, 'lundi', 4, 0), ('2024-02-05', 1, 1, 1, 900002, {mauriac}, 'lundi', 5, 0),
           ('2025-02-03', 1, 1, 1, 900001, {mauriac}, 'lundi', 6, 1)"
    ));
    let of_reference = db.scalar(&format!("SELECT id_epci FROM dim_communes WHERE id_commune = {ydes}"));
    db.exec(&format!(
        "UPDATE dim_communes SET id_epci = 0 WHERE id_commune IN ({mauriac}, {ydes}); UPDATE dim_communes SET id_epci = 900001 WHERE id_commune = {massiac}"
    ));
    ensure(&home, &["--seed"]).expect_code(0);
    let epci = |commune: &str| db.scalar(&format!("SELECT id_epci FROM dim_communes WHERE id_commune = {commune}"));
    assert_eq!([epci(&mauriac), epci(&ydes), epci(&massiac)], ["900002".into(), of_reference, "900001".to_owned()]);
    let json = ensure(&home, &["--seed", "--json"]).expect_code(0).json();
    let communes = json["seeded"].as_array().unwrap().iter().find(|seeded| seeded["table"] == "dim_communes").unwrap();
    assert_eq!((&communes["added"], &communes["completed"]), (&0.into(), &0.into()), "{communes}");
}

/// 56 tables are the schema and the ledger; of them one is gone and two are older.
#[test]
fn tables_that_are_made_are_not_called_changed() {
    let db = TestDb::new();
    let home = Home::new(&db);
    ensure(&home, &[]).expect_code(0).expect_stdout("56 tables créées sur 56 contrôlées");
    db.exec("DROP TABLE dim_saisons");
    db.exec("ALTER TABLE fact_nuitees DROP COLUMN is_provisional");
    db.exec("ALTER TABLE fact_diurnes DROP COLUMN is_provisional");
    let said = "1 table serait créée, 2 seraient changées sur 56 contrôlées";
    ensure(&home, &["--dry-run"]).expect_code(0).expect_stdout(said);
    ensure(&home, &[]).expect_code(0).expect_stdout("1 table créée, 2 changées sur 56 contrôlées");
    ensure(&home, &[]).expect_code(0).expect_stdout("0 table changée sur 56 contrôlées");
}
