//! How names of the CSVs meet the rows of the dimensions, through the real import: the four steps and the equivalences of domain.md
//! §3. A name is resolved as expected or its line is rejected; nothing in between.

use support::weekly::{BASE, FR, INT, MOBILITY, STAY, Sane, World, file};

/// Imports one line per name, each with a volume of its own, and compares the id that each led to; `None`: rejected.
#[track_caller]
#[allow(clippy::too_many_arguments, reason = "one for each column of the file")]
fn expect(
    world: &World,
    name: &str,
    table: &str,
    id: &str,
    header: &str,
    line: impl Fn(&str) -> String,
    names: &[(&str, Option<u32>)],
) {
    let mut content = header.to_owned();
    for (index, (raw, _)) in names.iter().enumerate() {
        // Each on a day of its own, so that two names of one row do not share a key.
        let date = format!("{}-{:02}-{:02}", 2020 + index / 336, index / 28 % 12 + 1, index % 28 + 1);
        content.push_str(&format!("{date};{};{index}\n", line(raw)));
    }
    world.home.write_csv(name, content);
    let outcome = world.import(name.trim_end_matches(".csv"), &["--force"]);
    let json = outcome.json();
    assert_eq!(file(&json, name)["status"], "loaded", "{outcome}");
    let rows = world.db.rows(&format!("SELECT volume, {id} FROM {table}"));
    for (index, (raw, expected)) in names.iter().enumerate() {
        let found = rows.iter().find(|row| row[0] == index.to_string()).map(|row| row[1].parse::<u32>().unwrap());
        assert_eq!(found, *expected, "{raw:?} in {id}\n{outcome}");
    }
    world.db.exec(&format!("DELETE FROM {table}"));
}

#[track_caller]
fn zones(world: &World, names: &[(&str, Option<u32>)]) {
    let line = |raw: &str| format!("{raw};Local;Touriste");
    expect(world, "frequentation_nuitee.csv", "fact_nuitees_temp", "id_zone", BASE, line, names);
}

#[test]
fn zones_of_a_newer_database() {
    let world = World::new();
    zones(
        &world,
        &[
            // Step 1: case, spaces, typography, quotes.
            ("CANTAL", Some(1)),
            ("  cantal ", Some(1)),
            ("Pays d'Aurillac", Some(2)),
            ("Pays d’Aurillac", Some(2)),
            ("PAYS\u{a0}D'AURILLAC", Some(2)),
            ("pays  d\u{2018}aurillac", Some(2)),
            ("\"Pays d'Aurillac\"", Some(2)),
            ("\"\"\"Pays d'Aurillac\"\"\"", Some(2)),
            ("« Cantal »", Some(1)),
            ("“Cantal”", Some(1)),
            ("'Cantal'", Some(1)),
            ("châtaigneraie", Some(6)),
            ("cha\u{302}taigneraie", Some(6)),
            // Step 2: equivalences.
            ("CABA", Some(2)),
            ("caba", Some(2)),
            ("CA du Bassin d'Aurillac", Some(2)),
            ("Gentiane", Some(3)),
            ("HTC", Some(4)),
            ("Station", Some(5)),
            ("Station de ski", Some(5)),
            ("CC du Carladé", Some(9)),
            ("CC du Pays de Salers", Some(8)),
            // Step 3: folded.
            ("Pays dAurillac", Some(2)),
            ("PAYS-D-AURILLAC", Some(2)),
            ("Haut-Cantal", Some(3)),
            ("HAUTCANTAL", Some(3)),
            ("Hautes–Terres", Some(4)),
            ("Chataigneraie", Some(6)),
            ("val truyere", Some(7)),
            ("Vallée de la Truyère", Some(7)),
            ("Carladès", Some(9)),
            // Step 4: damaged upstream.
            ("Ch\u{fffd}taigneraie", Some(6)),
            ("Ch?taigneraie", Some(6)),
            ("Ch\u{fffd}\u{fffd}taigneraie", Some(6)),
            ("Val Truy?re", Some(7)),
            ("Vall?e de la Truy?re", Some(7)),
            ("Pays d?Aurillac", Some(2)),
            ("CC du Carlad\u{fffd}", Some(9)),
            // Never guessed.
            ("Cantals", None),
            ("Cant", None),
            ("Val Truy", None),
            ("Val Truy???", Some(7)),
            ("Val Truy?", None),
            ("?", None),
            ("??????", None),
            ("H?", None),
            ("CANTAL CANTAL", None),
            ("Pays de Mauriac", None),
            ("1", None),
            ("%", None),
            ("NULL", None),
            ("CANTAL'; DROP TABLE dim_pays; --", None),
        ],
    );
}

#[test]
fn zones_of_an_older_database_keep_its_names() {
    let world = World::new();
    world.db.exec(
        "UPDATE dim_zones_observation SET nom_zone = 'CABA' WHERE id_zone = 2; UPDATE dim_zones_observation SET nom_zone = 'GENTIANE' WHERE id_zone = 3;
         UPDATE dim_zones_observation SET nom_zone = 'HTC' WHERE id_zone = 4; UPDATE dim_zones_observation SET nom_zone = 'STATION' WHERE id_zone = 5",
    );
    let names = [
        ("Pays d'Aurillac", Some(2)),
        ("Pays d’Aurillac", Some(2)),
        ("Pays dAurillac", Some(2)),
        ("Pays d?Aurillac", Some(2)),
        ("CABA", Some(2)),
        ("Haut Cantal", Some(3)),
        ("HAUT-CANTAL", Some(3)),
        ("Gentiane", Some(3)),
        ("Hautes Terres", Some(4)),
        ("Hautes?Terres", Some(4)),
        ("Lioran", Some(5)),
        ("Station", Some(5)),
    ];
    zones(&world, &names);
    // Neither the reference data nor --create-missing doubles such a zone.
    world.tool("ensure-schema").arg("--seed").run().sane().expect_code(0);
    let doubled = "SELECT COUNT(*) FROM dim_zones_observation WHERE nom_zone IN ('PAYS D''AURILLAC', 'HAUT CANTAL', 'HAUTES TERRES', 'LIORAN')";
    assert_eq!(world.db.scalar(doubled), "0");
    zones(&world, &names);
}

#[test]
fn of_a_group_split_over_two_rows_the_first_name_wins() {
    let world = World::new();
    world.db.exec("INSERT INTO dim_zones_observation (id_zone, nom_zone) VALUES (20, 'CABA'), (21, 'GENTIANE'), (22, 'HAUT-CANTAL')");
    zones(
        &world,
        &[
            ("CABA", Some(2)),
            ("Pays d'Aurillac", Some(2)),
            ("Pays d?Aurillac", Some(2)),
            ("Gentiane", Some(3)),
            ("Haut-Cantal", Some(3)),
            ("Haut Cantal", Some(3)),
        ],
    );
    // Without the first name, the next one of the group.
    world.db.exec("DELETE FROM dim_zones_observation WHERE id_zone = 3");
    zones(&world, &[("Gentiane", Some(21)), ("Haut-Cantal", Some(21)), ("Haut Cantal", Some(21))]);
}

#[test]
fn provenances_and_categories() {
    let world = World::new();
    let line = |raw: &str| format!("Cantal;{raw};Touriste");
    expect(
        &world,
        "frequentation_nuitee.csv",
        "fact_nuitees_temp",
        "id_provenance",
        BASE,
        line,
        &[
            ("LOCAL", Some(1)),
            ("local", Some(1)),
            ("NonLocal", Some(2)),
            ("NON LOCAL", Some(2)),
            ("non-local", Some(2)),
            ("Etranger", Some(3)),
            ("étranger", Some(3)),
            ("STRANGER", Some(3)),
            ("International", Some(3)),
            ("?tranger", Some(3)),
            ("\u{fffd}TRANGER", Some(3)),
            ("Locale", None),
            ("National", None),
        ],
    );
    let line = |raw: &str| format!("Cantal;Local;{raw}");
    expect(
        &world,
        "frequentation_nuitee.csv",
        "fact_nuitees_temp",
        "id_categorie",
        BASE,
        line,
        &[
            ("TOURISTE", Some(1)),
            ("Résident", Some(2)),
            ("R?sident", Some(2)),
            ("Habituellement présent", Some(3)),
            ("Habituellement pr\u{fffd}sent", Some(3)),
            ("HabituellementPresent", Some(3)),
            ("Excursionniste", Some(4)),
            ("Excursionniste récurrent", Some(5)),
            ("Excursionniste recurrent ", Some(5)),
            ("Touristes", None),
            ("Transit", None),
        ],
    );
}

#[test]
fn an_older_database_may_store_etranger_under_another_name() {
    let world = World::new();
    world.db.exec("UPDATE dim_provenances SET nom_provenance = 'STRANGER' WHERE id_provenance = 3");
    let line = |raw: &str| format!("Cantal;{raw};Touriste");
    let names = [("Etranger", Some(3)), ("Étranger", Some(3)), ("Stranger", Some(3)), ("International", Some(3))];
    expect(&world, "frequentation_nuitee.csv", "fact_nuitees_temp", "id_provenance", BASE, line, &names);
}

#[test]
fn departements_countries_and_stays() {
    let world = World::new();
    expect(
        &world,
        "frequentation_nuitee_fr.csv",
        "fact_nuitees_departements_temp",
        "id_departement",
        FR,
        |raw| format!("Cantal;Local;Touriste;{raw}"),
        &[
            ("Puy-de-Dôme", Some(2)),
            ("PUY DE DOME", Some(2)),
            ("Puy-de-D?me", Some(2)),
            ("Côtes-d'Armor", Some(4)),
            ("Côtes d’Armor", Some(4)),
            ("C\u{fffd}tes-d\u{fffd}Armor", Some(4)),
            ("Z_Autre 97", Some(5)),
            ("Autre 97", Some(5)),
            ("Z_AUTRE 98", Some(6)),
            ("Loir?", Some(8)),
            // Both LOIRE and nothing else; CHARENTE and no CHARENTE-MARITIME.
            ("Loiret", None),
            ("15", None),
            ("Autre 99", None),
        ],
    );
    expect(
        &world,
        "frequentation_nuitee_int.csv",
        "fact_nuitees_pays_temp",
        "id_pays",
        INT,
        |raw| format!("Cantal;Local;Touriste;{raw}"),
        &[
            ("Espagne", Some(1)),
            ("Royaume Uni", Some(2)),
            ("\"Corée; République de\"", Some(3)),
            ("\"Corée, République de\"", Some(3)),
            ("\"COREE, REPUBLIQUE DE\"", Some(3)),
            ("\"Cor\u{fffd}e; R?publique de\"", Some(3)),
            ("Pays-Bas", Some(4)),
            ("Pays Bas", Some(4)),
            ("Corée", None),
        ],
    );
    expect(
        &world,
        "duree_sejour.csv",
        "fact_sejours_duree_temp",
        "id_duree",
        STAY,
        |raw| format!("Cantal;Local;Touriste;{raw}"),
        &[
            ("1 nuit", Some(1)),
            ("1 nuits", Some(1)),
            ("1N", Some(1)),
            ("2 Nuits", Some(2)),
            ("2n", Some(2)),
            ("12 NUITS", Some(12)),
            ("12N", Some(12)),
            ("10\u{a0}nuits", Some(10)),
            ("13 nuits et plus", Some(13)),
            ("13 nuits", None),
            ("13N", None),
            ("1", None),
            ("? nuits", None),
        ],
    );
}

/// legacy.md, 1.
#[test]
fn communes_and_their_homonyms() {
    let world = World::new();
    let names = [
        ("Aurillac", Some(1)),
        ("Saint-Flour", Some(2)),
        ("SAINT FLOUR", Some(2)),
        ("St-Flour", Some(2)),
        ("St Flour", Some(2)),
        // Ours (15188) before that of Charente.
        ("Saint-Georges", Some(3)),
        ("St Georges", Some(3)),
        ("Saint?Georges", Some(3)),
        // None here; that of Aveyron, the only neighbour, before that of Charente.
        ("Saint-Affrique", Some(5)),
        ("ST AFFRIQUE", Some(5)),
        // Two neighbours, or none: never guessed.
        ("Saint-Pargoire", None),
        ("Sainte-Colombe", None),
        ("Ste Colombe", None),
        ("Ste-Flour", None),
        ("Stflour", None),
    ];
    let check = || {
        let line = |raw: &str| format!("Cantal;Local;Touriste;{raw}");
        expect(&world, "export_mobilite.csv", "fact_lieu_activite_soir_temp", "id_commune", MOBILITY, line, &names);
    };
    check();
    // Stored the short way, found the long way and back.
    world.db.exec("UPDATE dim_communes SET nom_commune = 'ST-FLOUR' WHERE id_commune = 2");
    check();
}

#[test]
fn the_observatory_of_another_departement_has_its_own_homonyms() {
    let world = World::new();
    world.csv(
        "export_mobilite.csv",
        MOBILITY,
        &["2025-07-07;Cantal;Local;Touriste;Saint-Georges;1", "2025-07-07;Cantal;Local;Touriste;Saint-Pargoire;2"],
    );
    let tool =
        world.tool("update-temp-tables").args(["--only", "export_mobilite"]).env("OBSERVATOIRE_DEPARTEMENT", "16");
    tool.run().sane().expect_code(3);
    assert_eq!(world.keys("fact_lieu_activite_soir_temp", "id_commune"), ["4 1"]);
    // The same file means something else there: it is read again without being forced.
    let tool =
        world.tool("update-temp-tables").args(["--only", "export_mobilite"]).env("OBSERVATOIRE_DEPARTEMENT", "63");
    tool.run().sane().expect_code(0);
    assert_eq!(world.keys("fact_lieu_activite_soir_temp", "id_commune"), ["3 1", "8 2"]);
}

#[test]
fn names_without_a_name_in_an_older_dimension_are_no_panic() {
    let world = World::whole();
    world.db.exec(
        "ALTER TABLE dim_zones_observation MODIFY nom_zone VARCHAR(255) NULL; INSERT INTO dim_zones_observation (nom_zone) VALUES (NULL), ('');
         ALTER TABLE dim_communes MODIFY nom_commune VARCHAR(255) NULL; INSERT INTO dim_communes (nom_commune) VALUES (NULL)",
    );
    zones(&world, &[("Cantal", Some(1)), ("", None), ("?", None)]);
    let line = |raw: &str| format!("Cantal;Local;Touriste;{raw}");
    expect(
        &world,
        "export_mobilite.csv",
        "fact_lieu_activite_soir_temp",
        "id_commune",
        MOBILITY,
        line,
        &[("Aurillac", Some(1))],
    );
    for tool in ["check-status", "verify-migration", "migrate-temp-to-main", "cleanup-temp"] {
        let outcome = world.tool(tool).run().sane();
        assert!([0, 3].contains(&outcome.code), "{outcome}");
    }
    world.tool("ensure-schema").arg("--seed").run().sane().expect_code(0);
}

/// The names of the delivery, on the dimensions as `ensure-schema --seed` fills them from the reference data.
#[test]
fn the_reference_data_knows_what_is_delivered() {
    let world = World::seeded();
    let name = |table: &str, column: &str, id: &str, facts: &str| {
        world
            .db
            .column(&format!("SELECT d.{column} FROM {facts} f JOIN {table} d ON d.{id} = f.{id} ORDER BY f.volume"))
    };
    let zones = [
        "Cantal",
        "CABA",
        "Gentiane",
        "HTC",
        "Station",
        "Chataigneraie",
        "Carladès",
        "Pays de Mauriac",
        "St Flour Communauté",
        "CC du Pays de Salers",
        "Val Truy?re",
    ];
    let lines: Vec<String> =
        zones.iter().enumerate().map(|(i, zone)| format!("2025-07-07;{zone};Local;Touriste;{i}")).collect();
    world.nights(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    world.import_nights(&[]).expect_code(0);
    let stored = name("dim_zones_observation", "nom_zone", "id_zone", "fact_nuitees_temp");
    let expected = [
        "CANTAL",
        "PAYS D'AURILLAC",
        "HAUT CANTAL",
        "HAUTES TERRES",
        "LIORAN",
        "CHÂTAIGNERAIE",
        "CARLADES",
        "PAYS DE MAURIAC",
        "PAYS SAINT FLOUR",
        "PAYS SALERS",
        "VAL TRUYÈRE",
    ];
    assert_eq!(stored, expected);

    let departements = [
        "Ain",
        "Corse-du-Sud",
        "Haute Corse",
        "Val-d'Oise",
        "Territoire de Belfort",
        "Hérault",
        "Z_Autre 97",
        "Paris",
        "Guadeloupe",
        "Mayotte",
    ];
    let lines: Vec<String> =
        departements.iter().enumerate().map(|(i, d)| format!("2025-07-07;Cantal;Local;Touriste;{d};{i}")).collect();
    world.csv("frequentation_nuitee_fr.csv", FR, &lines.iter().map(String::as_str).collect::<Vec<_>>());
    world.import("frequentation_nuitee_fr", &[]).expect_code(0);
    let stored = name("dim_departements", "nom_departement", "id_departement", "fact_nuitees_departements_temp");
    let expected = [
        "AIN",
        "CORSE-DU-SUD",
        "HAUTE-CORSE",
        "VAL-D'OISE",
        "TERRITOIRE DE BELFORT",
        "HÉRAULT",
        "AUTRE 97",
        "PARIS",
        "GUADELOUPE",
        "MAYOTTE",
    ];
    assert_eq!(stored, expected);
    // 101 départements and the two others.
    assert_eq!(world.db.count("dim_departements"), 103);
    assert_eq!(world.db.count("dim_durees_sejour"), 13);
    assert_eq!(world.db.count("dim_zones_observation"), 11);
    assert_eq!((world.db.count("dim_provenances"), world.db.count("dim_categories_visiteur")), (3, 10));

    // Aurillac 15014, Saint-Flour 15187; Saint-Georges is of the Cantal (15188) among many; Vic-sur-Cère 15258.
    let communes = ["Aurillac", "St-Flour", "Saint-Georges", "Vic sur Cere", "Ydes"];
    let lines: Vec<String> =
        communes.iter().enumerate().map(|(i, c)| format!("2025-07-07;Cantal;Local;Touriste;{c};{i}")).collect();
    world.csv("export_mobilite.csv", MOBILITY, &lines.iter().map(String::as_str).collect::<Vec<_>>());
    world.import("export_mobilite", &[]).expect_code(0);
    let stored = name("dim_communes", "code_insee", "id_commune", "fact_lieu_activite_soir_temp");
    assert_eq!(stored, ["15014", "15187", "15188", "15258", "15265"]);
    let without_epci = "SELECT COUNT(*) FROM fact_lieu_activite_soir_temp WHERE id_epci = 0";
    assert_eq!(world.db.scalar(without_epci), "0");
}

#[test]
fn communes_answer_to_their_former_names_and_those_that_are_gone_are_rows_of_their_own() {
    let world = World::new();
    // As a base of the older scripts has them: by code only, under a former name, under today's; and a namesake in Gironde.
    world.db.exec(
        "INSERT INTO dim_communes (id_commune, nom_commune, code_insee, id_departement) VALUES (21, '', '15120', 1),
         (22, 'LE ROUGET', '15268', 1), (23, 'NEUVÉGLISE-SUR-TRUYÈRE', '15142', 1), (24, 'CALVINET', '15027', 1), (25, 'MOURJOU', '15136', 1),
         (26, 'MAURIAC', '33278', NULL), (27, 'MURAT', '03191', NULL), (28, 'GAP', '05061', NULL), (29, 'SAINTE-COLOMBE', '05135', NULL)",
    );
    let names = [
        ("Mauriac", Some(21)),
        ("Le Rouget-Pers", Some(22)),
        ("Le Rouget", Some(22)),
        ("Neuvéglise", Some(23)),
        // Puycapel today.
        ("Puycapel", Some(24)),
        ("Mourjou", Some(25)),
        // Murat of the Cantal is not in this base: that of the Allier is another one.
        ("Murat", None),
        // Only one commune of the country bears this name.
        ("Gap", Some(28)),
    ];
    let line = |raw: &str| format!("Cantal;Local;Touriste;{raw}");
    expect(&world, "export_mobilite.csv", "fact_lieu_activite_soir_temp", "id_commune", MOBILITY, line, &names);
    let json = world.import("export_mobilite", &["--force"]).json();
    let mobility = file(&json, "export_mobilite.csv");
    assert_eq!(mobility["far_communes"], serde_json::json!(["GAP (05)"]), "{json:#}");
    let missed = &mobility["missed_names"];
    assert_eq!((&missed[0]["code"], &missed[0]["name"]), (&"name-unknown".into(), &"Murat".into()), "{json:#}");
    // The reference brings what the base lacks, once, and fills no name twice.
    world.tool("ensure-schema").arg("--seed").run().sane().expect_code(0);
    let murat = world.db.scalar("SELECT id_commune FROM dim_communes WHERE code_insee = '15138'").parse().unwrap();
    expect(
        &world,
        "export_mobilite.csv",
        "fact_lieu_activite_soir_temp",
        "id_commune",
        MOBILITY,
        line,
        &[("Murat", Some(murat))],
    );
}

/// Each has an INSEE code of its own: two of one city are two rows, not one key twice.
#[test]
fn arrondissements_are_communes_of_their_own() {
    let world = World::seeded();
    let names = [
        ("Marseille 8e Arrondissement", "13208"),
        ("MARSEILLE 01", "13201"),
        ("Marseille", "13055"),
        ("Lyon-9ème", "69389"),
        ("Paris 17e  arrondissement", "75117"),
        ("Aurillac", "15014"),
    ];
    let lines: Vec<String> =
        names.iter().zip(1..).map(|((name, _), n)| format!("2025-07-07;Cantal;Local;Touriste;{name};{n}")).collect();
    let further = ["2025-07-07;Cantal;Local;Touriste;Lyon 10e Arrondissement;7".to_owned()];
    let lines: Vec<&str> = lines.iter().chain(&further).map(String::as_str).collect();
    world.csv("export_mobilite.csv", MOBILITY, &lines);
    let json = world.import("export_mobilite", &[]).expect_code(3).json();
    let codes = "SELECT c.code_insee FROM fact_lieu_activite_soir_temp f JOIN dim_communes c USING (id_commune) ORDER BY volume";
    assert_eq!(world.db.column(codes), names.map(|(_, code)| code));
    let mobility = file(&json, "export_mobilite.csv");
    assert_eq!((&mobility["stored"], &mobility["rejected"]), (&6.into(), &1.into()), "{json:#}");
    assert_eq!(mobility["far_communes"].as_array().unwrap().len(), 5, "{json:#}");
    assert_eq!(mobility["missed_names"][0]["name"], "Lyon 10e Arrondissement", "{json:#}");
}

/// legacy.md, 3.
#[test]
fn the_epci_of_a_weekly_row_is_the_one_of_the_newest_definitive_rows() {
    let world = World::whole();
    world.db.exec(
        "INSERT INTO dim_epci (id_epci, nom_epci) VALUES (3, 'CC DU PAYS DE MURAT'), (4, 'CC HAUTES TERRES');
         INSERT INTO fact_lieu_activite_soir (date, id_zone, id_provenance, id_categorie, id_epci, id_commune, jour_semaine, volume, is_provisional) VALUES
         ('2022-05-01', 1, 1, 1, 3, 1, 'dimanche', 10, 0), ('2023-05-01', 1, 1, 1, 4, 1, 'lundi', 10, 0), ('2024-05-01', 1, 1, 1, 2, 1, 'mercredi', 10, 1),
         ('2023-05-01', 1, 1, 1, 0, 2, 'lundi', 10, 0)",
    );
    world.csv(
        "export_mobilite.csv",
        MOBILITY,
        &[
            "2025-07-07;Cantal;Local;Touriste;Aurillac;1",
            "2025-07-07;Cantal;Local;Touriste;Saint-Flour;2",
            "2025-07-07;Cantal;Local;Touriste;Saint-Affrique;3",
        ],
    );
    // More than a year after what the base holds, which is told.
    world.import("export_mobilite", &[]).expect_code(3);
    // Newest definitive: 4, not the provisional 2; none but 0: that of dim_communes; none at all: 0.
    assert_eq!(world.keys("fact_lieu_activite_soir_temp", "id_epci"), ["0 3", "2 2", "4 1"]);
}

#[test]
fn countries_meet_whatever_name_is_stored_and_are_not_doubled() {
    let world = World::new();
    world.db.exec("INSERT INTO dim_pays (id_pays, nom_pays) VALUES (11, 'TCHÈQUE (RÉPUBLIQUE)'), (12, 'DOMINIQUE'), (13, 'HOLLANDE'), (14, 'MOLDOVA, RÉPUBLIQUE DE')");
    world.tool("ensure-schema").arg("--seed").run().sane().expect_code(0);
    assert_eq!(
        world.db.scalar("SELECT COUNT(*) FROM dim_pays WHERE nom_pays IN ('TCHÉQUIE', 'RÉPUBLIQUE TCHÈQUE')"),
        "0"
    );
    let id = |name: &str| {
        Some(world.db.scalar(&format!("SELECT id_pays FROM dim_pays WHERE nom_pays = '{name}'")).parse().unwrap())
    };
    let names = [
        ("République tchèque", Some(11)),
        ("Tchéquie", Some(11)),
        ("Moldavie", Some(14)),
        ("Tanzanie; République unie de", id("TANZANIE")),
        ("Dominicaine; République", id("RÉPUBLIQUE DOMINICAINE")),
        ("Dominique", Some(12)),
        // Two rows of one country, PAYS-BAS and HOLLANDE: the first name of the group wins.
        ("Pays-Bas", Some(4)),
        ("Hollande", Some(4)),
        ("Guadeloupe; Martinique", id("GUADELOUPE, MARTINIQUE")),
        ("Océan Indien (La Réunion; Mayotte; TAAF)", id("OCÉAN INDIEN (LA RÉUNION, MAYOTTE, TAAF)")),
        ("Autres pays", id("AUTRES PAYS")),
        ("Royaume du Nord", None),
    ];
    let line = |raw: &str| format!("Cantal;Etranger;Touriste;\"{raw}\"");
    expect(&world, "frequentation_nuitee_int.csv", "fact_nuitees_pays_temp", "id_pays", INT, line, &names);
}

#[test]
fn an_observatory_has_its_own_zones() {
    let world = World::new();
    world.db.exec("DELETE FROM dim_zones_observation; INSERT INTO dim_zones_observation (id_zone, nom_zone) VALUES (1, 'GÉVAUDAN'), (2, 'CABA')");
    world.home.write(
        "reference/zones.csv",
        "zone;noms_equivalents;visible\nCœur de Lozère;CABA;oui\nGévaudan;Terres de Gévaudan;oui\nMargeride;;non\n",
    );
    zones(&world, &[("Cœur de Lozère", Some(2)), ("Terres de Gevaudan", Some(1)), ("Pays d'Aurillac", None)]);
    // What is offered, not what is only known.
    world.tool("add-missing-zones").run().sane().expect_code(0);
    assert_eq!(world.db.count("dim_zones_observation"), 2);
    world.home.write("reference/zones.csv", "zone;noms_equivalents\nAubrac;\nMargeride;AUBRAC\n");
    let refused = world.tool("update-temp-tables").run().expect_code(1);
    assert!(refused.stderr.contains("lignes 2 et 3"), "{refused}");
    // Of another form, its lines would be names.
    for (file, blame) in [
        ("zone,noms_equivalents,visible\nAubrac,CC AUBRAC,oui\n", "ligne 1"),
        ("zone;noms_equivalents;visible\nAubrac;CC AUBRAC;non visible\n", "ligne 2"),
    ] {
        world.home.write("reference/zones.csv", file);
        let refused = world.tool("check-zones").run().expect_code(1);
        assert!(refused.stderr.contains(blame) && refused.stderr.contains("→"), "{refused}");
    }
}

/// legacy.md, 5.
#[test]
fn a_name_that_leads_nowhere_is_listed_once_over_all_files_with_its_nearest() {
    let world = World::new();
    let zone = |rest: &str| (7..10).map(|day| format!("2025-07-{day:02};Vall Truyère;{rest}")).collect::<Vec<_>>();
    let lines = |rows: Vec<String>| rows.iter().map(String::as_str).map(str::to_owned).collect::<Vec<_>>();
    for (name, header, rows) in [
        ("frequentation_nuitee.csv", BASE, lines(zone("Local;Touriste;1"))),
        ("frequentation_nuitee_fr.csv", FR, lines(zone("Local;Touriste;Loire;1"))),
    ] {
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        world.csv(name, header, &rows);
    }
    let outcome = world
        .tool("update-temp-tables")
        .args(["--only", "frequentation_nuitee,frequentation_nuitee_fr"])
        .run()
        .expect_code(3);
    // Three lines in each of two files.
    let shown: Vec<&str> = outcome.stdout.lines().filter(|line| line.contains("« Vall Truyère »")).collect();
    assert_eq!(shown.len(), 1, "{outcome}");
    assert!(shown[0].contains("6 lignes") && outcome.stdout.contains("VAL TRUYÈRE"), "{outcome}");
}

#[test]
fn two_new_names_that_are_one_to_the_server_are_told_by_name() {
    let world = World::whole();
    // The same letters in the width of East Asian type: another text, and the same name for the collation.
    let line = |name: &str, category: &str| format!("2025-05-01;Lioran;Etranger;{category};{name};4");
    let lines = [line("Ruritanie", "Touriste"), line("Ｒｕｒｉｔａｎｉｅ", "Touriste"), line("Syldavie", "Resident")];
    world.csv("frequentation_nuitee_int.csv", support::weekly::INT, &lines.each_ref().map(String::as_str));
    let json = world.import("frequentation_nuitee_int", &["--create-missing", "pays"]).expect_code(1).json();
    let told = file(&json, "frequentation_nuitee_int.csv");
    let error = told["error"].as_str().unwrap();
    assert_eq!(told["code"], "file-unusable");
    assert!(
        error.contains("« ＲＵＲＩＴＡＮＩＥ »") && error.contains("« RURITANIE »") && !error.contains("Duplicate"),
        "{error}"
    );
    assert_eq!((world.db.count("fact_nuitees_pays_temp"), world.db.count("dim_pays")), (0, 4));
}

/// The names of the specification, on a base as the seed fills it.
#[test]
fn each_category_and_each_length_of_stay_has_its_row() {
    let world = World::seeded();
    let categories = [
        "Touriste",
        "Résident",
        "Habituellement présent",
        "Excursionniste",
        "Excursionniste récurrent",
        "Transit",
        "Transit nocturne",
        "Résident en transit",
        "Touriste en transit",
        "Habituellement présent en transit",
    ];
    let lines: Vec<String> =
        categories.iter().zip(1..).map(|(name, n)| format!("2025-07-07;Lioran;Local;{name};{n}")).collect();
    world.nights(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    world.import_nights(&[]).expect_code(0);
    let stored = "SELECT c.nom_categorie FROM fact_nuitees_temp f JOIN dim_categories_visiteur c USING (id_categorie) ORDER BY f.volume";
    let expected = [
        "TOURISTE",
        "RESIDENT",
        "HABITUELLEMENT PRESENT",
        "EXCURSIONNISTE",
        "EXCURSIONNISTE RECURRENT",
        "TRANSIT",
        "TRANSIT NOCTURNE",
        "RESIDENT EN TRANSIT",
        "TOURISTE EN TRANSIT",
        "HABITUELLEMENT PRESENT EN TRANSIT",
    ];
    assert_eq!(world.db.column(stored), expected);

    // Each length in each of its forms; the volume is the number of nights, the day the form.
    let forms = |nights: u32| match nights {
        1 => vec!["1 nuit".to_owned(), "1 nuits".into(), "1N".into()],
        13 => vec!["13 nuits et plus".into()],
        _ => vec![format!("{nights} nuits"), format!("{nights}N")],
    };
    let stays: Vec<String> = (1..=13)
        .flat_map(|nights| {
            let line =
                move |(form, day): (String, u32)| format!("2025-07-{day:02};Lioran;Local;Touriste;{form};{nights}");
            forms(nights).into_iter().zip(1..).map(line)
        })
        .collect();
    world.csv("duree_sejour.csv", STAY, &stays.iter().map(String::as_str).collect::<Vec<_>>());
    let json = world.import("duree_sejour", &[]).expect_code(0).json();
    assert_eq!(file(&json, "duree_sejour.csv")["stored"], 3 + 11 * 2 + 1);
    let wrong = "SELECT COUNT(*) FROM fact_sejours_duree_temp f JOIN dim_durees_sejour d USING (id_duree) WHERE d.nb_nuits <> f.volume";
    assert_eq!(world.db.scalar(wrong), "0");
}

/// Codes of communes.csv and communes_historiques.csv; the Lot, the Aveyron, the Corrèze and the Lozère touch the Cantal.
#[test]
fn of_two_neighbours_of_one_name_none_is_guessed() {
    let world = World::seeded();
    let names = [
        // 19150 in the Corrèze, 12173 in the Aveyron until 2015.
        ("Noailhac", None),
        // 46109 in the Lot, 48062 in the Lozère until 2015.
        ("Fontanes", None),
        // Two that are there today.
        ("Rignac", None),
        // The one bears the name, the other bore it.
        ("Naussac", Some("12170")),
        // Of two that fold to one the one that is written so.
        ("La Panouse", Some("48108")),
        ("Lapanouse", Some("12123")),
        ("Tulle", Some("19272")),
    ];
    let id = |code: &str| {
        let sql = format!("SELECT id_commune FROM dim_communes WHERE code_insee = '{code}'");
        world.db.scalar(&sql).parse::<u32>().unwrap()
    };
    let expected = names.map(|(name, code)| (name, code.map(id)));
    let line = |raw: &str| format!("Cantal;Local;Touriste;{raw}");
    expect(&world, "export_mobilite.csv", "fact_lieu_activite_soir_temp", "id_commune", MOBILITY, line, &expected);
    let json = world.import("export_mobilite", &["--force"]).json();
    let missed = file(&json, "export_mobilite.csv")["missed_names"].as_array().unwrap().clone();
    assert!(missed.len() == 3 && missed.iter().all(|name| name["code"] == "name-ambiguous"), "{missed:?}");
    // A base that knows one of the two only does not take it for the other.
    for code in ["12173", "48062", "46238"] {
        world.db.exec(&format!("DELETE FROM dim_communes WHERE code_insee = '{code}'"));
    }
    expect(&world, "export_mobilite.csv", "fact_lieu_activite_soir_temp", "id_commune", MOBILITY, line, &expected);
}

#[test]
fn a_ligature_that_was_lost_is_one_letter() {
    let world = World::seeded();
    // Each the only one in France that its letters fit.
    let names = [("Escorneb\u{fffd}uf", "32123"), ("Vasc?uil", "27672"), ("ESCORNEBOEUF", "32123")];
    let lines: Vec<String> =
        names.iter().zip(1..).map(|((name, _), n)| format!("2025-07-0{n};Cantal;Local;Touriste;{name};{n}")).collect();
    world.csv("export_mobilite.csv", MOBILITY, &lines.iter().map(String::as_str).collect::<Vec<_>>());
    world.import("export_mobilite", &[]).expect_code(0);
    let codes = "SELECT c.code_insee FROM fact_lieu_activite_soir_temp f JOIN dim_communes c USING (id_commune) ORDER BY volume";
    assert_eq!(world.db.column(codes), names.map(|(_, code)| code));
}
