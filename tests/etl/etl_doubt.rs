//! Raw exports with lines that cannot be read: what they do not bring may be in such a line, and stays.

use support::raw::{PLAIN, raw_counts};
use support::weekly::World;

/// Two dates of a zone, one of another, provisional and definitive, and an export of these lines.
fn filled(lines: &[&str]) -> World {
    let world = World::whole();
    world.db.exec(
        "INSERT INTO fact_nuitees (date, id_zone, id_provenance, id_categorie, volume, is_provisional) VALUES
         ('2024-07-08', 1, 1, 1, 1, 1), ('2024-07-08', 1, 1, 2, 2, 1), ('2024-07-08', 2, 1, 1, 3, 1),
         ('2024-07-09', 1, 1, 1, 4, 0), ('2024-07-09', 1, 1, 2, 5, 0)",
    );
    world.raw("Nuitee_2024B1_X.csv", PLAIN, lines);
    world
}

const BEFORE: [&str; 5] = [
    "2024-07-08 1 1 1 1 1",
    "2024-07-08 1 1 2 1 2",
    "2024-07-08 2 1 1 1 3",
    "2024-07-09 1 1 1 0 4",
    "2024-07-09 1 1 2 0 5",
];

#[test]
fn a_date_with_a_rejected_line_loses_nothing_and_the_others_are_replaced() {
    let lines = [
        "2024-07-08;Cantal;Local;Touriste;10",
        "2024-07-08;Cantal;NonLocal;Touriste;dix",
        "2024-07-09;Cantal;Local;Resident;20",
    ];
    let world = filled(&lines);
    // Two of the five rows are the file's to replace, one is withdrawn.
    let planned = world.etl(&["--dry-run"]).expect_code(3).json();
    assert_eq!(
        (&planned["files"][0]["suspended"], &planned["files"][0]["deleted"]),
        (&1.into(), &3.into()),
        "{planned}"
    );
    assert_eq!(world.nuitees(), BEFORE);
    let after = ["2024-07-08 1 1 1 0 10", "2024-07-08 1 1 2 1 2", "2024-07-08 2 1 1 1 3", "2024-07-09 1 1 2 0 20"];
    for (again, deleted) in [(&[][..], 3), (&["--force"], 2)] {
        let json = world.etl(again).expect_code(3).json();
        assert_eq!(json["files"][0]["suspended"], 1, "{json}");
        assert_eq!(json["totals"]["suspended"], 1, "{json}");
        assert_eq!(raw_counts(&json["files"][0])[..3], [3, 2, deleted], "{json}");
        assert_eq!(world.nuitees(), after);
    }
    // The mended export withdraws what it does not bring.
    world.raw("Nuitee_2024B1_X.csv", PLAIN, &[lines[0], "2024-07-08;Cantal;NonLocal;Touriste;11", lines[2]]);
    let json = world.etl(&[]).expect_code(0).json();
    assert_eq!(json["files"][0]["suspended"], 0, "{json}");
    assert_eq!(
        world.nuitees(),
        ["2024-07-08 1 1 1 0 10", "2024-07-08 1 2 1 0 11", "2024-07-08 2 1 1 1 3", "2024-07-09 1 1 2 0 20"]
    );
}

#[test]
fn a_line_without_a_date_may_be_of_any() {
    let world = filled(&[
        "2024-07-08;Cantal;Local;Touriste;10",
        "2024-07-32;Cantal;Local;Touriste;1",
        "2024-07-09;Cantal;Local;Resident;20",
    ]);
    let json = world.etl(&["--batch-size", "1"]).expect_code(3).json();
    assert_eq!(json["files"][0]["suspended"], 2, "{json}");
    assert_eq!(world.nuitees(), ["2024-07-08 1 1 1 0 10", BEFORE[1], BEFORE[2], BEFORE[3], "2024-07-09 1 1 2 0 20"]);
}

#[test]
fn keys_that_are_rejected_for_contradicting_each_other_keep_their_row() {
    let world = filled(&[
        "2024-07-09;Cantal;Local;Touriste;40",
        "2024-07-09;Cantal;Local;Touriste;41",
        "2024-07-09;Cantal;Local;Resident;20",
    ]);
    let json = world.etl(&["--on-conflict", "reject"]).expect_code(3).json();
    assert_eq!(json["files"][0]["suspended"], 1, "{json}");
    let after = [BEFORE[0], BEFORE[1], BEFORE[2], BEFORE[3], "2024-07-09 1 1 2 0 20"];
    assert_eq!(world.nuitees(), after);
    // What is in doubt is in doubt the second time too.
    let json = world.etl(&["--on-conflict", "reject"]).expect_code(3).json();
    assert_eq!(json["totals"]["unchanged"], 1, "{json}");
    assert_eq!(world.nuitees(), after);
}

/// A commune that the supplier moves to its EPCI is one row, not one under each.
#[test]
fn a_commune_under_another_epci_is_replaced_all_the_same() {
    let world = World::whole();
    let header = "Date;ZoneObservation;Provenance;CategorieVisiteur;EPCI;Commune;Volume\n";
    let (pins, ruines) = ("Vallée des Pins", "Ruines Neuves");
    let first = [
        format!("2024-07-08;Cantal;Local;Touriste;;{pins};5"),
        format!("2024-07-08;Cantal;Local;Touriste;;{ruines};7"),
    ];
    world.raw("LieuNuitee_Veille_2024B1_X.csv", header, &first.each_ref().map(String::as_str));
    world.etl(&[]).expect_code(0);
    let second = [
        format!("2024-07-08;Cantal;Local;Touriste;CC des Pins;{pins};6"),
        "2024-07-08;Cantal;Local;Touriste;;?;x".to_owned(),
    ];
    world.raw("LieuNuitee_Veille_2024B2_X.csv", header, &second.each_ref().map(String::as_str));
    world.etl(&[]).expect_code(3);
    let stored = world.db.column(
        "SELECT CONCAT_WS(' ', nom_commune, f.id_epci > 0, volume) FROM fact_lieu_nuitee_veille f \
         JOIN dim_communes USING (id_commune) ORDER BY volume",
    );
    assert_eq!(stored, ["VALLÉE DES PINS 1 6", "RUINES NEUVES 0 7"]);
}
