//! `populate-facts-full-production`: what the ETL recognises, stores, creates and replaces, as domain.md §2 says.

use flux_test::mysql::prelude::Queryable;
use serde_json::{Value, json};
use support::raw::{CALENDAR, FAMILIES, PLAIN, raw_counts};
use support::weekly::{Sane, World, file};

/// A header and a line for each shape of family.
fn sample_of(family: &str) -> (String, String, &'static str, &'static str) {
    let base = "2024-07-08;1;1;1;0;lundi;Cantal;NonLocal;Touriste;";
    let place = match family {
        f if f.starts_with("LieuActivite_Soir") => {
            "EPCIZoneDiurneSoir;CodeInseeDiurneSoir;ZoneDiurneSoir;DeptZoneDiurneSoir;"
        }
        f if f.starts_with("LieuActivite_Veille") => {
            "EPCIZoneDiurneVeille;CodeInseeDiurneVeille;ZoneDiurneVeille;DeptZoneDiurneVeille;"
        }
        f if f.starts_with("LieuNuitee_Soir") => {
            "EPCIZoneNuiteeSoir;CodeInseeNuiteeSoir;ZoneNuiteeSoir;DeptZoneNuiteeSoir;"
        }
        _ => "EPCIZoneNuiteeVeille;CodeInseeNuiteeVeille;ZoneNuiteeVeille;DeptZoneNuiteeVeille;",
    };
    let is_place = family.starts_with("Lieu");
    let is_stay = family.starts_with("Sejour");
    let (columns, cells, key, id) = match family.rsplit('_').next().unwrap() {
        "Departement" => {
            ("NomDepartement;NomRegion;NomNouvelleRegion;", "Aveyron;Midi-Pyrénées;Occitanie;", "id_departement", "3")
        }
        "Pays" => ("Pays;", "Royaume-Uni;", "id_pays", "2"),
        _ => ("", "", "0", "0"),
    };
    let (more, more_cells) = match (is_place, is_stay) {
        (true, _) => (place, "Saint-Flour Communauté;15187;Saint-Flour;Cantal;"),
        (_, true) => ("DureeSejour;DureeSejourNum;", "3 nuits;3;"),
        _ => ("", ""),
    };
    (format!("{CALENDAR}{columns}{more}Volume\n"), format!("{base}{cells}{more_cells}42"), key, id)
}

#[test]
fn each_of_the_21_families_reaches_its_table() {
    let world = World::whole();
    for (family, _) in FAMILIES {
        let (header, line, _, _) = sample_of(family);
        world.raw(&format!("2024B1/Cantal/{family}_2024B1_CANTAL0.csv"), &header, &[&line]);
    }
    let json = world.etl(&[]).expect_code(0).json();
    assert_eq!(json["files"].as_array().unwrap().len(), 21);
    for (family, table) in FAMILIES {
        let file = file(&json, &format!("2024B1/Cantal/{family}_2024B1_CANTAL0.csv"));
        assert_eq!(raw_counts(file), [1, 1, 0, 0, 0, 0, 0, 0, 0], "{family}");
        assert_eq!(
            (&file["table"], &file["delivery"], &file["family"]),
            (&json!(table), &json!("2024B1"), &json!(family))
        );
        let (_, _, key, id) = sample_of(family);
        let mut columns = "date, id_zone, id_provenance, id_categorie, is_provisional, volume".to_owned();
        let mut expected = "2024-07-08 1 2 1 0 42".to_owned();
        if key != "0" {
            columns.push_str(&format!(", {key}"));
            expected.push_str(&format!(" {id}"));
        }
        if family.starts_with("Lieu") {
            // 8 July 2024 was a Monday.
            columns.push_str(", id_epci, id_commune, jour_semaine");
            expected.push_str(" 2 2 lundi");
        }
        if family.starts_with("Sejour") {
            columns.push_str(", id_duree");
            expected.push_str(" 3");
        }
        assert_eq!(world.db.column(&format!("SELECT CONCAT_WS(' ', {columns}) FROM {table}")), [expected], "{family}");
    }
    assert_eq!(world.db.scalar("SELECT jour_semaine FROM dim_dates WHERE date = '2024-07-08'"), "lundi");
    assert!(world.home.list("logs").contains(&"etl_fluxvision_production.log".to_owned()));
    let checkpoint: Value = serde_json::from_str(&world.home.read("etl_checkpoint.json")).unwrap();
    assert_eq!(
        (&checkpoint["status"], &checkpoint["files_done"], &checkpoint["totals"]["stored"]),
        (&json!("done"), &json!(21), &json!(21))
    );
}

#[test]
fn nothing_is_loaded_twice_and_the_checkpoint_is_never_the_truth() {
    let world = World::whole();
    world.raw("a/Nuitee_2024B1_X.csv", PLAIN, &["2024-07-08;Cantal;Local;Touriste;10"]);
    world.etl(&[]).expect_code(0);
    let ids = || world.db.rows("SELECT id, updated_at FROM fact_nuitees");
    let before = ids();
    std::fs::remove_file(world.home.join("etl_checkpoint.json")).unwrap();
    let json = world.etl(&[]).expect_code(0).json();
    assert_eq!((&json["totals"]["unchanged"], &json["totals"]["stored"]), (&json!(1), &json!(0)));
    assert_eq!(ids(), before);
    // The same content elsewhere is no new file.
    std::fs::rename(world.home.join("data/data_extracted/a"), world.home.join("data/data_extracted/b")).unwrap();
    assert_eq!(world.etl(&[]).expect_code(0).json()["totals"]["unchanged"], 1);
    assert_eq!(ids(), before);
    // A checkpoint that lies changes nothing.
    world.home.write("etl_checkpoint.json", "{\"files\": []}");
    assert_eq!(world.etl(&[]).expect_code(0).json()["totals"]["unchanged"], 1);
    assert_eq!(world.etl(&["--no-resume"]).expect_code(0).json()["totals"]["loaded"], 1);
    assert_eq!(world.nuitees(), ["2024-07-08 1 1 1 0 10"]);
    // Rows taken away by other hands come back.
    world.db.exec("DELETE FROM fact_nuitees");
    assert_eq!(world.etl(&[]).expect_code(0).json()["totals"]["loaded"], 1);
    assert_eq!(world.nuitees(), ["2024-07-08 1 1 1 0 10"]);
}

#[test]
fn a_checkpoint_that_is_a_link_or_a_pipe_leads_nowhere() {
    let world = World::whole();
    let place = world.home.join("etl_checkpoint.json");
    let precious = world.home.write("precieux.txt", "à garder");
    std::os::unix::fs::symlink(&precious, &place).unwrap();
    world.raw("Nuitee_2024B1_X.csv", PLAIN, &["2024-07-08;Cantal;Local;Touriste;10"]);
    world.etl(&[]).expect_code(0);
    assert_eq!(world.home.read("precieux.txt"), "à garder");
    std::fs::remove_file(&place).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&place).status().unwrap().success());
    for tool in ["populate-facts-full-production", "check-import-progress"] {
        let limit = std::time::Duration::from_secs(60);
        let _ = world.tool(tool).arg("--json").limit(limit).run().sane();
    }
    assert_eq!(world.nuitees(), ["2024-07-08 1 1 1 0 10"]);
}

#[test]
fn definitive_rows_replace_the_dates_and_zones_of_the_file_and_nothing_else() {
    let world = World::whole();
    world.db.exec(
        "INSERT INTO fact_nuitees (date, id_zone, id_provenance, id_categorie, volume, is_provisional) VALUES
         ('2024-07-08', 1, 1, 1, 1, 1), ('2024-07-08', 1, 1, 2, 2, 1), ('2024-07-08', 2, 1, 1, 3, 1),
         ('2024-07-09', 1, 1, 1, 4, 0), ('2024-07-10', 1, 1, 1, 5, 1), ('2024-07-11', 1, 1, 1, 6, 1)",
    );
    world.raw(
        "Nuitee_2024B1_X.csv",
        PLAIN,
        &[
            "2024-07-08;Cantal;Local;Touriste;10",
            "2024-07-09;Cantal;Local;Resident;20",
            // Delivered, with nothing to store: what was provisional goes.
            "2024-07-11;Cantal;Local;Touriste;0",
        ],
    );
    let json = world.etl(&[]).expect_code(0).json();
    assert_eq!(raw_counts(&json["files"][0]), [3, 2, 4, 0, 0, 0, 1, 1, 0]);
    assert_eq!(
        world.nuitees(),
        ["2024-07-08 1 1 1 0 10", "2024-07-08 2 1 1 1 3", "2024-07-09 1 1 2 0 20", "2024-07-10 1 1 1 1 5"]
    );
}

#[test]
fn a_later_delivery_stands_whatever_the_order() {
    let b1 = [
        "2024-07-08;Cantal;Local;Touriste;1",
        "2024-07-09;Cantal;Local;Touriste;2",
        "2024-07-09;Lioran;Local;Touriste;3",
    ];
    let b2 = ["2024-07-09;Cantal;Local;Touriste;20", "2024-07-09;Cantal;NonLocal;Touriste;21"];
    let expected = ["2024-07-08 1 1 1 0 1", "2024-07-09 1 1 1 0 20", "2024-07-09 1 2 1 0 21", "2024-07-09 5 1 1 0 3"];
    for order in [vec!["B1", "B2"], vec!["B2", "B1"], vec!["both"]] {
        let world = World::whole();
        for step in &order {
            if *step != "B2" {
                world.raw("x/Nuitee_2024B1_X.csv", PLAIN, &b1);
            }
            if *step != "B1" {
                world.raw("a/Nuitee_2024B2_X.csv", PLAIN, &b2);
            }
            world.etl(&[]).expect_code(0);
        }
        assert_eq!(world.nuitees(), expected, "{order:?}");
        assert_eq!(world.etl(&["--no-resume"]).expect_code(0).json()["totals"]["superseded"], 1, "{order:?}");
        assert_eq!(world.nuitees(), expected, "{order:?}");
        // B1 revised under its own name: what B2 has brought stays.
        world.raw(
            "x/Nuitee_2024B1_X.csv",
            PLAIN,
            &["2024-07-08;Cantal;Local;Touriste;7", "2024-07-09;Cantal;Local;Touriste;8"],
        );
        world.etl(&[]).expect_code(0);
        assert_eq!(world.nuitees()[0], "2024-07-08 1 1 1 0 7");
        assert_eq!(world.nuitees()[1..], expected[1..]);
    }
}

#[test]
fn a_revised_file_replaces_its_earlier_self_and_back() {
    let world = World::whole();
    let first = ["2024-07-08;Cantal;Local;Touriste;1", "2024-07-08;Cantal;Local;Resident;2"];
    for (lines, expected) in [
        (&first[..], vec!["2024-07-08 1 1 1 0 1", "2024-07-08 1 1 2 0 2"]),
        (&["2024-07-08;Cantal;Local;Touriste;9"][..], vec!["2024-07-08 1 1 1 0 9"]),
        (&first[..], vec!["2024-07-08 1 1 1 0 1", "2024-07-08 1 1 2 0 2"]),
    ] {
        world.raw("Nuitee_2024B1_X.csv", PLAIN, lines);
        assert_eq!(world.etl(&[]).expect_code(0).json()["totals"]["loaded"], 1);
        assert_eq!(world.nuitees(), expected);
    }
}

#[test]
fn two_files_of_one_delivery_with_the_same_dates_and_zones_end_the_same_way_each_time() {
    for jobs in ["1", "4", "4", "4"] {
        let world = World::whole();
        for (name, volume) in [("A", 1), ("B", 2), ("C", 3)] {
            world.raw(
                &format!("Nuitee_2024B1_{name}.csv"),
                PLAIN,
                &[
                    &format!("2024-07-08;Cantal;Local;Touriste;{volume}"),
                    &format!("2024-07-0{volume};Lioran;Local;Touriste;5"),
                ],
            );
        }
        // Byte for byte the same in another folder: not even read twice.
        world.raw(
            "A/Nuitee_2024B1_A.csv",
            PLAIN,
            &["2024-07-08;Cantal;Local;Touriste;1", "2024-07-01;Lioran;Local;Touriste;5"],
        );
        let json = world.etl(&["--jobs", jobs]).expect_code(3).json();
        assert_eq!(raw_counts(file(&json, "Nuitee_2024B1_C.csv")), [2, 2, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(raw_counts(file(&json, "Nuitee_2024B1_B.csv")), [2, 1, 0, 0, 0, 0, 1, 0, 1]);
        assert_eq!(file(&json, "Nuitee_2024B1_B.csv")["overlaps"], 1);
        assert_eq!((&json["totals"]["loaded"], &json["totals"]["unchanged"]), (&json!(3), &json!(1)));
        assert_eq!(
            world.nuitees(),
            ["2024-07-01 5 1 1 0 5", "2024-07-02 5 1 1 0 5", "2024-07-03 5 1 1 0 5", "2024-07-08 1 1 1 0 3"]
        );
        world.etl(&[]).expect_code(0);
    }
}

#[test]
fn volume_nul_and_bad_lines_are_counted_each_under_its_own_name() {
    let world = World::whole();
    world.raw(
        "Nuitee_2024B1_X.csv",
        PLAIN,
        &[
            "2024-07-08;Cantal;Local;Touriste;10",
            "2024-07-08;Cantal;Local;Touriste;10",
            "2024-07-08;Cantal;Local;Touriste;11",
            "2024-07-08;Cantal;Local;Resident;0",
            "2024-07-08;Cantal;Local;Resident;0.0",
            "2024-07-08;Cantal;Local;Resident;-3",
            "2024-07-08;Cantal;Local;Resident;-3.5",
            // Not even its zone is created.
            "2024-07-08;Nulle Part;Local;Resident;0",
            "2024-07-08;Cantal;Local;Resident;abc",
            "2024-07-08;Cantal;Local;Resident;-abc",
            "2024-07-08;Cantal;Local;Resident;1.5",
            "2024-02-30;Cantal;Local;Resident;1",
            "2024-07-08;Cantal;;Resident;1",
            "2024-07-08;Cantal;Local",
        ],
    );
    let json = world.etl(&[]).expect_code(3).json();
    assert_eq!(raw_counts(&json["files"][0]), [14, 1, 0, 1, 1, 6, 5, 5, 0]);
    assert_eq!(world.nuitees(), ["2024-07-08 1 1 1 0 10"]);
    assert_eq!(world.db.scalar("SELECT COUNT(*) FROM dim_zones_observation WHERE nom_zone LIKE 'NULLE%'"), "0");
    let rejects = world.reject_files();
    assert_eq!(rejects.len(), 1);
    assert_eq!(rejects[0].lines().count(), 7, "{}", rejects[0]);
    // Nothing can save these lines: the file is not loaded again for them.
    assert_eq!(world.etl(&[]).json()["totals"]["unchanged"], 1);
}

#[test]
fn the_first_present_and_filled_column_of_each_list_counts() {
    let world = World::whole();
    let header = "Date;ZoneObservation;Provenance;CategorieVisiteur;NomEPCI;EPCIZoneNuiteeSoir;CodeInsee;CodeInseeNuiteeSoir;\
                  NomCommune;ZoneNuiteeSoir;DeptZoneNuiteeSoir;Volume\n";
    world.raw(
        "LieuNuitee_Soir_2024B1_X.csv",
        header,
        &[
            // Both of each: those that come first in the list of the specification.
            "2024-07-08;Cantal;Local;Touriste;Saint-Flour Communauté;CA du Bassin d'Aurillac;15187;15014;Saint-Flour;Aurillac;Cantal;1",
            // Only the later ones are filled; blanks are not.
            "2024-07-08;Cantal;Local;Resident;Saint-Flour Communauté; ;15187;;Saint-Flour;  ;Cantal;2",
            // Name and département without a code: the one of the Charente.
            "2024-07-08;Cantal;Local;Habituellement present;;;;;Saint-Georges;;Charente;3",
            // Name alone: the observatory's own département decides.
            "2024-07-08;Cantal;Local;Excursionniste;;;;;St-Georges;;;4",
            // Nothing of the place is known.
            "2024-07-08;Cantal;NonLocal;Touriste;;;;;;;;5",
            // The code counts, not the name.
            "2024-07-08;Cantal;NonLocal;Resident;;;15014;;Saint-Flour;;;6",
            // Two neighbours of that name, no code: ambiguous.
            "2024-07-08;Cantal;NonLocal;Excursionniste;;;;;Saint-Pargoire;;;7",
        ],
    );
    let json = world.etl(&[]).expect_code(3).json();
    assert_eq!(raw_counts(&json["files"][0]), [7, 6, 0, 0, 0, 1, 0, 0, 0]);
    let stored = world
        .db
        .column("SELECT CONCAT_WS(' ', volume, id_epci, id_commune) FROM fact_lieu_nuitee_soir ORDER BY volume");
    assert_eq!(stored, ["1 1 1", "2 2 2", "3 0 4", "4 0 3", "5 0 0", "6 0 1"]);
    assert!(json["files"][0]["rejects"][0]["reason"].as_str().unwrap().contains("ambigu"), "{json}");
}

/// Every column of each list of domain.md §2: a line for each, in which it and those after it are filled.
#[test]
fn each_column_of_a_place_gives_way_to_those_before_it() {
    let world = World::whole();
    let lists: [(&str, &[&str], &str); 4] = [
        (
            "SELECT nom_epci FROM dim_epci WHERE id_epci = f.id_epci",
            &[
                "EPCIZoneNuiteeSoir",
                "EPCIZoneDiurneSoir",
                "EPCIZoneNuiteeVeille",
                "EPCIZoneDiurneVeille",
                "EPCI",
                "NomEPCI",
            ],
            "CC NUMÉRO ",
        ),
        (
            "SELECT code_insee FROM dim_communes WHERE id_commune = f.id_commune",
            &[
                "CodeInseeNuiteeSoir",
                "CodeInseeDiurneSoir",
                "CodeInseeNuiteeVeille",
                "CodeInseeDiurneVeille",
                "CodeInsee",
            ],
            "1200",
        ),
        (
            "SELECT nom_commune FROM dim_communes WHERE id_commune = f.id_commune",
            &[
                "ZoneNuiteeSoir",
                "ZoneDiurneSoir",
                "ZoneNuiteeVeille",
                "ZoneDiurneVeille",
                "Zone",
                "Commune",
                "NomCommune",
            ],
            "VILLE ",
        ),
        (
            "SELECT LEFT(code_insee, 2) FROM dim_communes WHERE id_commune = f.id_commune",
            &[
                "NomDepartement",
                "DeptZoneDiurneSoir",
                "DeptZoneNuiteeSoir",
                "DeptZoneDiurneVeille",
                "DeptZoneNuiteeVeille",
                "Departement",
            ],
            "",
        ),
    ];
    // Communes of one name, one in each département: only the département tells them apart.
    let departements =
        [("Ain", "01"), ("Aisne", "02"), ("Allier", "03"), ("Ariège", "09"), ("Aude", "11"), ("Calvados", "14")];
    world.db.exec("INSERT INTO dim_departements (nom_departement) VALUES ('AIN'), ('AISNE'), ('ALLIER'), ('ARIÈGE'), ('AUDE'), ('CALVADOS')");
    for (_, code) in departements {
        world.db.exec(&format!("INSERT INTO dim_communes (nom_commune, code_insee) VALUES ('PARTOUT', '{code}999')"));
    }
    for (at, (sql, columns, value)) in lists.iter().enumerate() {
        let place = if value.is_empty() { "ZoneNuiteeSoir;" } else { "" };
        let header = format!("Date;ZoneObservation;Provenance;CategorieVisiteur;{place}{};Volume\n", columns.join(";"));
        let cell = |number: usize| match *value {
            "" => departements[number].0.to_owned(),
            value => format!("{value}{}", number + 1),
        };
        let line = |from: usize| {
            let cells: Vec<String> =
                (0..columns.len()).map(|number| if number < from { " ".to_owned() } else { cell(number) }).collect();
            let place = if value.is_empty() { "Partout;" } else { "" };
            format!("2024-07-{:02};Cantal;Local;Touriste;{place}{};{}", at * 7 + from + 1, cells.join(";"), from + 1)
        };
        let lines: Vec<String> = (0..columns.len()).map(line).collect();
        let family = ["LieuActivite_Soir", "LieuActivite_Veille", "LieuNuitee_Soir", "LieuNuitee_Veille"][at];
        world.raw(&format!("{family}_2024B1_X.csv"), &header, &lines.iter().map(String::as_str).collect::<Vec<_>>());
        let json = world.etl(&["--only", family]).expect_code(0).json();
        assert_eq!(raw_counts(&json["files"][0])[..2], [columns.len() as u64; 2], "{family}: {json}");
        let table = FAMILIES.iter().find(|(name, _)| *name == family).unwrap().1;
        let expected: Vec<String> = match *value {
            "" => departements.iter().map(|(_, code)| (*code).to_owned()).collect(),
            value => (1..=columns.len()).map(|number| format!("{value}{number}")).collect(),
        };
        let found = world.db.column(&format!("SELECT ({sql}) FROM {table} f ORDER BY f.volume"));
        assert_eq!(found, expected, "{family}");
    }
}

#[test]
fn dimensions_are_created_with_what_is_known_of_them() {
    let world = World::whole();
    world.db.exec(
        "DELETE FROM dim_communes WHERE id_commune > 4; UPDATE dim_communes SET code_insee = NULL WHERE id_commune = 2;
         DELETE FROM dim_departements WHERE nom_departement LIKE 'C%TES%'",
    );
    world.raw(
        "Nuitee_Departement_2024B1_X.csv",
        "Date;ZoneObservation;Provenance;CategorieVisiteur;NomDepartement;NomRegion;NomNouvelleRegion;Volume\n",
        &[
            "2024-07-08;Nouvelle zone;Local;Touriste;Finistère;Bretagne;Bretagne;1",
            "2024-07-08;nouvelle Zone;Local;Touriste;Haute-Saône;;;2",
            "2024-07-08;Cantal;Local;Catégorie neuve;Cantal;;;3",
        ],
    );
    world.raw(
        "SejourDuree_2024B1_X.csv",
        "Date;ZoneObservation;Provenance;CategorieVisiteur;DureeSejour;DureeSejourNum;Volume\n",
        &["2024-07-08;Cantal;Local;Touriste;21 nuits;21;4"],
    );
    world.raw(
        "LieuNuitee_Soir_2024B1_X.csv",
        "Date;ZoneObservation;Provenance;CategorieVisiteur;EPCIZoneNuiteeSoir;CodeInseeNuiteeSoir;ZoneNuiteeSoir;DeptZoneNuiteeSoir;Volume\n",
        &[
            // In the reference: its name is the official one, its département is created with its regions.
            "2024-07-08;Cantal;Local;Touriste;Lannion-Trégor;22113;lannion;Côtes-d'Armor;5",
            // A spreadsheet took the zero: Bourg-en-Bresse is 01053.
            "2024-07-08;Cantal;Local;Resident;Grand Bourg;1053;Bourg-en-Bresse;Ain;6",
            // Stored without a code: it takes it.
            "2024-07-08;Cantal;Local;Excursionniste;;15187;Saint-Flour;Cantal;7",
            "2024-07-09;Cantal;Local;Touriste;Lannion-Trégor;22113;Lannion;Côtes-d'Armor;8",
        ],
    );
    world.etl(&[]).expect_code(0);
    let db = &world.db;
    assert_eq!(db.column("SELECT nom_zone FROM dim_zones_observation WHERE id_zone > 9"), ["NOUVELLE ZONE"]);
    assert_eq!(
        db.column("SELECT nom_categorie FROM dim_categories_visiteur WHERE id_categorie > 5"),
        ["CATÉGORIE NEUVE"]
    );
    let departements = "SELECT nom_departement, nom_region, nom_nouvelle_region FROM dim_departements WHERE nom_region IS NOT NULL ORDER BY 1";
    assert_eq!(
        db.rows(departements),
        [
            ["AIN", "RHÔNE-ALPES", "AUVERGNE-RHÔNE-ALPES"],
            ["CÔTES-D'ARMOR", "BRETAGNE", "BRETAGNE"],
            ["FINISTÈRE", "BRETAGNE", "BRETAGNE"],
            ["HAUTE-SAÔNE", "FRANCHE-COMTÉ", "BOURGOGNE-FRANCHE-COMTÉ"]
        ]
    );
    assert_eq!(db.rows("SELECT libelle, nb_nuits FROM dim_durees_sejour WHERE id_duree > 13"), [["21 NUITS", "21"]]);
    let communes = "SELECT c.nom_commune, c.code_insee, d.nom_departement, e.nom_epci FROM dim_communes c \
                    LEFT JOIN dim_departements d USING (id_departement) LEFT JOIN dim_epci e ON e.id_epci = c.id_epci \
                    WHERE c.id_commune > 4 OR c.id_commune = 2 ORDER BY 2";
    assert_eq!(
        db.rows(communes),
        [
            ["BOURG-EN-BRESSE", "01053", "AIN", "GRAND BOURG"],
            ["SAINT-FLOUR", "15187", "CANTAL", "SAINT-FLOUR COMMUNAUTÉ"],
            ["LANNION", "22113", "CÔTES-D'ARMOR", "LANNION-TRÉGOR"]
        ]
    );
    assert_eq!(db.column("SELECT id_commune FROM fact_lieu_nuitee_soir WHERE volume = 7"), ["2"]);
}

#[test]
fn names_lose_their_accents_only_where_asked() {
    let world = World::whole();
    world.raw(
        "Nuitee_2024B1_X.csv",
        PLAIN,
        &["2024-07-08;Zone été;Local;Touriste;1", "2024-07-08;ZONE ETE;Local;Resident;2"],
    );
    world.etl(&["--strip-accents"]).expect_code(0);
    assert_eq!(world.db.column("SELECT nom_zone FROM dim_zones_observation WHERE id_zone > 9"), ["ZONE ETE"]);
    assert_eq!(world.db.count("fact_nuitees"), 2);
}

#[test]
fn equivalent_names_in_an_empty_database_make_one_zone() {
    let world = World::whole();
    world.db.exec("DELETE FROM dim_zones_observation");
    for (name, zone) in [("A", "CABA"), ("B", "Pays d'Aurillac"), ("C", "Pays dAurillac")] {
        let day = name.as_bytes()[0] - b'A' + 1;
        world.raw(&format!("Nuitee_2024B1_{name}.csv"), PLAIN, &[&format!("2024-07-0{day};{zone};Local;Touriste;1")]);
        world.raw(&format!("Diurne_2024B1_{name}.csv"), PLAIN, &[&format!("2024-07-0{day};{zone};Local;Touriste;1")]);
    }
    world.etl(&["--jobs", "4"]).expect_code(0);
    assert_eq!(world.db.count("dim_zones_observation"), 1);
    assert_eq!((world.db.count("fact_nuitees"), world.db.count("fact_diurnes")), (3, 3));
}

#[test]
fn other_files_are_listed_with_the_reason() {
    let world = World::whole();
    world.raw("x/Nuitee_2024B1_X.CSV", PLAIN, &["2024-07-08;Cantal;Local;Touriste;1"]);
    for name in
        ["Nuitee_Semaine_2024B1_X.csv", "Diurne_Regions_2024B1_X.csv", "Recurrence_2024B1_X.csv", "lisez-moi.txt"]
    {
        world.raw(name, PLAIN, &["2024-07-08;Cantal;Local;Touriste;99"]);
    }
    world.raw(".cache/Nuitee_2024B1_Y.csv", PLAIN, &["2024-07-08;Cantal;Local;Touriste;99"]);
    let outcome = world.etl(&[]).expect_code(0);
    let json = outcome.json();
    assert_eq!((&json["totals"]["files"], &json["totals"]["ignored"]), (&json!(1), &json!(4)));
    let reasons: Vec<&str> =
        json["ignored"].as_array().unwrap().iter().map(|i| i["reason"].as_str().unwrap()).collect();
    assert!(reasons.iter().all(|reason| !reason.is_empty()));
    assert_eq!(world.nuitees(), ["2024-07-08 1 1 1 0 1"]);
    world.tool("populate-facts-optimized").run().expect_code(0).expect_stdout("4 fichiers ignorés");
}

#[test]
fn one_bad_file_does_not_stop_the_others() {
    let world = World::whole();
    world.raw("Nuitee_2024B1_A.csv", PLAIN, &["2024-07-08;Cantal;Local;Touriste;1"]);
    world.raw_bytes("Nuitee_2024B1_vide.csv", b"");
    world.raw("Nuitee_2024B1_colonne.csv", "Date;ZoneObservation;Provenance;Volume\n", &["2024-07-08;Cantal;Local;1"]);
    world.raw("LieuNuitee_Soir_2024B1_sans_lieu.csv", PLAIN, &["2024-07-08;Cantal;Local;Touriste;1"]);
    world.raw_bytes("Nuitee_2024B1_binaire.csv", &[0, 1, 2, 3, 0xff, 0, 10, 0]);
    std::fs::create_dir_all(world.home.join("data/data_extracted/Nuitee_2024B1_dossier.csv")).unwrap();
    let json = world.etl(&[]).expect_code(1).json();
    assert_eq!((&json["totals"]["loaded"], &json["totals"]["failed"]), (&json!(1), &json!(5)));
    for (name, cause) in [
        ("Nuitee_2024B1_vide.csv", "vide"),
        ("Nuitee_2024B1_colonne.csv", "CategorieVisiteur"),
        ("LieuNuitee_Soir_2024B1_sans_lieu.csv", "CodeInseeNuiteeSoir"),
        ("Nuitee_2024B1_binaire.csv", "octets nuls"),
        ("Nuitee_2024B1_dossier.csv", "dossier"),
    ] {
        let file = file(&json, name);
        assert_eq!(file["status"], "failed", "{file}");
        assert!(file["error"].as_str().unwrap().contains(cause), "{cause:?} expected in {file}");
    }
    assert_eq!(world.nuitees(), ["2024-07-08 1 1 1 0 1"]);
}

#[test]
fn mixed_encodings_among_files_and_within_one() {
    let world = World::whole();
    let text =
        "Date;ZoneObservation;Provenance;CategorieVisiteur;Volume\r\n2024-07-08;Châtaigneraie;Local;Touriste;1\r\n";
    let latin = |text: &str| -> Vec<u8> { text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect() };
    let utf16: Vec<u8> =
        format!("\u{feff}{text}").replace("-08", "-09").encode_utf16().flat_map(u16::to_le_bytes).collect();
    world.raw_bytes("Nuitee_2024B1_a.csv", &latin(text));
    world.raw_bytes("Nuitee_2024B1_b.csv", &utf16);
    world.raw_bytes(
        "Nuitee_2024B1_c.csv",
        format!("\u{feff}{}", text.replace("-08", "-10").replace(';', "\t")).as_bytes(),
    );
    world.raw_bytes("Nuitee_2024B1_d.csv", text.replace("2024-07-08", "11/07/2024").replace("Châ", "Ch?").as_bytes());
    world.raw_bytes(
        "Nuitee_2024B1_e.csv",
        &[text.replace("-08", "-12").into_bytes(), latin("2024-07-13;Châtaigneraie;Local;Touriste;1")].concat(),
    );
    world.etl(&[]).expect_code(0);
    let expected: Vec<String> = (8..14).map(|day| format!("2024-07-{day:02} 6 1 1 0 1")).collect();
    assert_eq!(world.nuitees(), expected);
}

#[test]
fn batches_insert_test_tables_and_dry_run() {
    let world = World::whole();
    let lines: Vec<String> = (1..=28)
        .flat_map(|day| ["Cantal", "Lioran"].map(|zone| format!("2024-02-{day:02};{zone};Local;Touriste;{day}")))
        .collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    world.raw("Nuitee_2024B1_X.csv", PLAIN, &lines);
    let json = world.etl(&["--dry-run"]).expect_code(0).json();
    assert_eq!(raw_counts(&json["files"][0])[..2], [56, 56]);
    assert_eq!(
        (world.db.count("fact_nuitees"), world.db.count("flux_import_history"), world.db.count("dim_dates")),
        (0, 0, 0)
    );
    assert!(!world.home.join("etl_checkpoint.json").exists());

    world.etl(&["--batch-size", "5", "--load-method", "insert"]).expect_code(0);
    let stored = world.nuitees();
    assert_eq!(stored.len(), 56);
    assert_eq!(world.db.count("flux_import_history"), 1);
    world.etl(&["--no-resume", "--load-method", "infile"]).expect_code(0);
    assert_eq!(world.nuitees(), stored);

    world.tool("ensure-schema").args(["--preset", "facts", "--test"]).run().expect_code(0);
    world.etl(&["--test-mode", "--only", "Nuitee"]).expect_code(0);
    assert_eq!(world.db.count("fact_nuitees_test"), 56);
    assert_eq!(world.nuitees(), stored);
}

#[test]
fn only_the_families_asked_for() {
    let world = World::whole();
    world.raw("Nuitee_2024B1_X.csv", PLAIN, &["2024-07-08;Cantal;Local;Touriste;1"]);
    world.raw("Diurne_2024B1_X.csv", PLAIN, &["2024-07-08;Cantal;Local;Touriste;1"]);
    assert_eq!(world.etl(&["--only", "diurne,LieuActivite_Soir"]).expect_code(0).json()["totals"]["files"], 1);
    assert_eq!((world.db.count("fact_nuitees"), world.db.count("fact_diurnes")), (0, 1));
    world.etl(&["--only", "Semaine"]).expect_code(2);
    world.etl(&["--batch-size", "0"]).expect_code(2);
}

#[test]
fn database_trouble_is_told_and_leaves_nothing() {
    let world = World::whole();
    world.raw("Nuitee_2024B1_X.csv", PLAIN, &["2024-07-08;Cantal;Local;Touriste;1"]);
    world.raw("Diurne_2024B1_X.csv", PLAIN, &["2024-07-08;Cantal;Local;Touriste;1"]);
    let mut other = world.db.conn();
    let _: Option<i64> = other.query_first(format!("SELECT GET_LOCK('flux:{}', 0)", world.db.name())).unwrap();
    world.etl(&[]).expect_code(4);
    drop(other);
    world.db.exec("ALTER TABLE fact_diurnes DROP COLUMN is_provisional");
    let json = world.etl(&[]).expect_code(1).json();
    assert!(file(&json, "Diurne_2024B1_X.csv")["hint"].as_str().unwrap().contains("ensure-schema"));
    assert_eq!(file(&json, "Nuitee_2024B1_X.csv")["status"], "loaded");
    world.db.exec("DROP TABLE flux_etl_progress");
    world.etl(&[]).expect_code(1).expect_stdout("ensure-schema");
    world.tool("ensure-schema").run().expect_code(0);
    world.etl(&[]).expect_code(0);
    assert_eq!((world.db.count("fact_nuitees"), world.db.count("fact_diurnes")), (1, 1));
}

#[test]
fn a_file_that_the_server_refuses_creates_no_names() {
    let world = World::whole();
    world.db.exec("ALTER TABLE fact_nuitees ADD CONSTRAINT trop CHECK (volume < 100)");
    world.raw(
        "Nuitee_2024B1_X.csv",
        PLAIN,
        &["2024-07-08;Zone neuve;Local;Touriste;1", "2024-07-08;Cantal;Local;Touriste;100"],
    );
    world.etl(&[]).expect_code(1);
    assert_eq!(world.db.count("fact_nuitees"), 0);
    assert_eq!(world.db.count("flux_etl_progress"), 0);
    assert_eq!(world.db.scalar("SELECT COUNT(*) FROM dim_zones_observation WHERE nom_zone = 'ZONE NEUVE'"), "0");
    world.db.exec("ALTER TABLE fact_nuitees DROP CONSTRAINT trop");
    world.etl(&[]).expect_code(0);
    assert_eq!(world.db.count("fact_nuitees"), 2);
}

#[test]
fn lines_that_contradict_each_other_follow_the_rule_that_is_asked_for() {
    let lines = [
        "2024-07-08;Cantal;Local;Touriste;10",
        "2024-07-08;Cantal;Local;Touriste;15",
        "2024-07-08;Cantal;Local;Touriste;10",
        "2024-07-08;Cantal;Local;Resident;4",
        "2024-07-09;Cantal;Local;Touriste;1",
        "2024-07-09;Cantal;Local;Touriste;2",
    ];
    // Read, stored, conflicts, duplicates: of three lines with two volumes one counts, one is a duplicate, one a conflict.
    for (rule, stored) in [
        ("first", vec!["2024-07-08 1 1 1 0 10", "2024-07-08 1 1 2 0 4", "2024-07-09 1 1 1 0 1"]),
        ("last", vec!["2024-07-08 1 1 1 0 10", "2024-07-08 1 1 2 0 4", "2024-07-09 1 1 1 0 2"]),
        ("sum", vec!["2024-07-08 1 1 1 0 25", "2024-07-08 1 1 2 0 4", "2024-07-09 1 1 1 0 3"]),
        ("reject", vec!["2024-07-08 1 1 2 0 4"]),
    ] {
        let world = World::whole();
        world.raw("Nuitee_2024B1_X.csv", PLAIN, &lines);
        let json = world.etl(&["--on-conflict", rule]).expect_code(3).json();
        let counts = raw_counts(&json["files"][0]);
        assert_eq!(
            (counts[0], counts[1], counts[3] + counts[4]),
            (6, stored.len() as u64, 6 - stored.len() as u64),
            "{rule}"
        );
        assert_eq!(world.nuitees(), stored, "{rule}");
        let rejects = world.reject_files();
        if rule == "reject" {
            // All lines of the two keys but the repetition, with their numbers in the file.
            assert_eq!(rejects[0].lines().count(), 5, "{}", rejects[0]);
            assert!(rejects[0].contains(";3;volumes contradictoires"), "{}", rejects[0]);
        } else {
            assert!(rejects.is_empty(), "{rule}");
        }
        // Another rule is another load; the same one is none.
        assert_eq!(world.etl(&["--on-conflict", rule]).json()["totals"]["unchanged"], 1);
        let other = if rule == "sum" { "first" } else { "sum" };
        assert_eq!(world.etl(&["--on-conflict", other]).expect_code(3).json()["totals"]["loaded"], 1);
        assert_eq!(world.db.count("fact_nuitees"), 3);
    }
    World::whole().etl(&["--on-conflict", "mean"]).expect_code(2);
}

#[test]
fn a_conflict_of_a_date_that_a_later_delivery_has_brought_is_no_reject() {
    let world = World::whole();
    world.raw("Nuitee_2024B2_X.csv", PLAIN, &["2024-07-08;Cantal;Local;Touriste;20"]);
    world.raw(
        "Nuitee_2024B1_X.csv",
        PLAIN,
        &[
            "2024-07-08;Cantal;Local;Touriste;1",
            "2024-07-08;Cantal;Local;Touriste;2",
            "2024-07-09;Cantal;Local;Touriste;3",
            "2024-07-09;Cantal;Local;Touriste;4",
            "2024-07-10;Cantal;Local;Touriste;5",
        ],
    );
    let json = world.etl(&["--on-conflict", "reject"]).expect_code(3).json();
    assert_eq!(raw_counts(file(&json, "Nuitee_2024B1_X.csv")), [5, 1, 0, 0, 2, 0, 2, 0, 2]);
    let rejects = world.reject_files();
    assert!(rejects[0].contains("2024-07-09") && !rejects[0].contains("2024-07-08"), "{}", rejects[0]);
    assert_eq!(world.nuitees(), ["2024-07-08 1 1 1 0 20", "2024-07-10 1 1 1 0 5"]);
}

#[test]
fn a_file_with_too_many_rejects_is_left_out_and_the_others_loaded() {
    let world = World::whole();
    world.raw("Nuitee_2024B1_A.csv", PLAIN, &["2024-07-08;Cantal;Local;Touriste;1", "pas une ligne"]);
    world.raw("Nuitee_2024B1_B.csv", PLAIN, &["2024-07-09;Neuve;Local;Touriste;1", "pas une ligne", "ni celle-ci"]);
    for limit in ["1", "50%"] {
        let json = world.etl(&["--max-rejects", limit, "--no-resume"]).expect_code(1).json();
        assert_eq!(file(&json, "Nuitee_2024B1_A.csv")["status"], "loaded", "{limit}");
        let entry = file(&json, "Nuitee_2024B1_B.csv");
        assert_eq!((&entry["status"], &entry["stored"]), (&json!("failed"), &json!(0)), "{limit}");
        assert!(entry["hint"].as_str().unwrap().contains("--max-rejects"), "{entry}");
        assert!(world.home.join(entry["reject_file"].as_str().unwrap()).exists(), "{entry}");
        assert_eq!(world.db.count("dim_zones_observation"), 9, "{limit}");
        assert_eq!(world.nuitees(), ["2024-07-08 1 1 1 0 1"]);
    }
    world.etl(&["--max-rejects", "67%"]).expect_code(3);
    assert_eq!(world.db.count("fact_nuitees"), 2);
    world.etl(&["--max-rejects", "beaucoup"]).expect_code(2);
}

#[test]
fn a_code_and_a_name_that_disagree_and_the_names_created_are_listed_once() {
    let world = World::whole();
    let header = "Date;ZoneObservation;Provenance;CategorieVisiteur;CodeInseeNuiteeSoir;ZoneNuiteeSoir;DeptZoneNuiteeSoir;Volume\n";
    for zone in ["Cantal", "Lioran"] {
        let line = |rest: &str| format!("2024-07-08;{zone};{rest}");
        let lines = [
            line("Local;Touriste;15187;SAINT FLOUR;Cantal;1"),
            line("Local;Resident;15187;Aurillac;Cantal;2"),
            line("Local;Visiteur de passage;15014;Aurillac;Cantal;3"),
        ];
        world.raw(&format!("LieuNuitee_Soir_2024B1_{zone}.csv"), header, &lines.each_ref().map(String::as_str));
    }
    let text = world.tool("populate-facts-full-production").arg("--dry-run").run().expect_code(0);
    assert!(text.stdout.contains("1 nom serait créé dans les dimensions : catégorie VISITEUR DE PASSAGE"), "{text}");
    assert!(text.stdout.contains("15187 Aurillac → SAINT-FLOUR"), "{text}");
    let json = world.etl(&[]).expect_code(0).json();
    for report in json["files"].as_array().unwrap() {
        assert_eq!(report["contradicted"], serde_json::json!(["15187 Aurillac → SAINT-FLOUR"]), "{report}");
    }
    let stored =
        "SELECT CONCAT_WS(' ', id_commune, volume) FROM fact_lieu_nuitee_soir WHERE id_zone = 5 ORDER BY volume";
    assert_eq!(world.db.column(stored), ["2 1", "2 2", "1 3"], "the code counts");
}
