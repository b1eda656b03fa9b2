//! `flux_import_dates`: what a load brought for each date, and what it could not read of it (domain.md §4).

use support::weekly::{Sane, World};

/// `date stored volume rejected held` of the load that came last.
fn dates(world: &World) -> Vec<String> {
    world.db.column(
        "SELECT CONCAT_WS(' ', date, rows_stored, volume, rejected, held) FROM flux_import_dates
         WHERE history = (SELECT MAX(id) FROM flux_import_history) AND table_name = 'fact_nuitees_temp' ORDER BY date",
    )
}

#[test]
fn each_date_has_its_rows_its_volume_and_its_rejects() {
    let world = World::new();
    world.nights(&[
        "2025-03-03;Cantal;Local;Touriste;5",
        "2025-03-03;Lioran;Local;Touriste;7",
        "2025-03-03;Lioran;Local;Touriste;7",
        "2025-03-04;Cantal;Local;Touriste;11",
        "2025-03-04;Atlantide;Local;Touriste;3",
        "2025-03-04;Cantal;Local;Resident;sept",
        "2025-03-05;Atlantide;Local;Touriste;1",
    ]);
    world.import_nights(&[]).expect_code(3);
    assert_eq!(dates(&world), ["2025-03-03 2 12 0 0", "2025-03-04 1 11 2 0", "2025-03-05 0 0 1 0"]);
}

#[test]
fn a_line_whose_date_cannot_be_read_counts_against_every_date() {
    let world = World::new();
    world.nights(&[
        "2025-03-03;Cantal;Local;Touriste;5",
        "2025-03-99;Lioran;Local;Touriste;7",
        "2025-03-04;Cantal;Local",
        "2025-03-06;Atlantide;Local;Touriste;3",
    ]);
    world.import_nights(&[]).expect_code(3);
    assert_eq!(dates(&world), ["2025-03-03 1 5 2 0", "2025-03-06 0 0 3 0"]);
}

#[test]
fn what_is_kept_back_is_told_from_what_is_rejected() {
    let world = World::new();
    let zones = ["Cantal", "Lioran", "Carlades", "Haut Cantal"];
    let line = |zone: &str| format!("2025-03-03;{zone};Local;Touriste;2");
    let whole: Vec<String> = zones.iter().map(|zone| line(zone)).collect();
    world.nights(&whole.iter().map(String::as_str).collect::<Vec<_>>());
    world.import_nights(&[]).expect_code(0);
    // One row of four: the date is not replaced. The other date is new, and one of its keys contradicts itself.
    world.nights(&[
        "2025-03-03;Cantal;Local;Touriste;9",
        "2025-03-04;Cantal;Local;Touriste;1",
        "2025-03-04;Lioran;Local;Touriste;4",
        "2025-03-04;Lioran;Local;Touriste;6",
    ]);
    world.import_nights(&["--on-conflict", "reject"]).expect_code(3);
    assert_eq!(dates(&world), ["2025-03-03 0 0 0 1", "2025-03-04 1 1 0 2"]);
    // Where one of the two is taken, nothing is missing.
    world.import_nights(&["--on-conflict", "last", "--force"]).expect_code(3);
    assert_eq!(dates(&world), ["2025-03-03 1 9 0 0", "2025-03-04 2 7 0 0"]);
}

#[test]
fn a_file_that_is_rolled_back_leaves_no_dates() {
    let world = World::new();
    world.nights(&["2025-03-03;Cantal;Local;Touriste;5", "2025-03-03;Atlantide;Local;Touriste;7"]);
    world.import_nights(&["--max-rejects", "0"]).sane().expect_code(1);
    assert_eq!(world.db.count("flux_import_dates"), 0);
}
