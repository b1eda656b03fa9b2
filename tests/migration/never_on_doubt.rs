//! A row is withdrawn only on evidence that the supplier withdrew it (domain.md §5): rejects, dates that lose too much, rows that no
//! import brought, rows without their breakdown. True withdrawals go through.

use flux_test::Outcome;
use serde_json::{Value, json};
use support::codes;
use support::weekly::{FR, Sane, World, table};

const TEMP: &str = "fact_nuitees_temp";
const CATEGORIES: [&str; 5] =
    ["Touriste", "Resident", "Habituellement Present", "Excursionniste", "Excursionniste Recurrent"];

fn migrate(world: &World, args: &[&str]) -> Outcome {
    world.tool("migrate-temp-to-main").arg("--json").args(args).run().sane()
}

fn verify(world: &World, code: i32) -> Value {
    world.tool("verify-migration").arg("--json").run().sane().expect_code(code).json()
}

/// A day of a zone with five categories of this volume.
fn day(date: &str, zone: &str, volume: u32) -> Vec<String> {
    CATEGORIES.iter().map(|category| format!("{date};{zone};Local;{category};{volume}")).collect()
}

/// Two zones and two days, imported and migrated: twenty rows.
fn migrated() -> (World, Vec<String>) {
    let world = World::whole();
    let mut lines = Vec::new();
    for date in ["2025-05-01", "2025-05-02"] {
        for zone in ["Lioran", "Carlades"] {
            lines.extend(day(date, zone, 10));
        }
    }
    deliver(&world, &lines, 0);
    migrate(&world, &[]).expect_code(0);
    assert_eq!(world.db.count("fact_nuitees"), 20);
    (world, lines)
}

/// Writes and imports a delivery.
fn deliver(world: &World, lines: &[String], code: i32) {
    world.nights(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    world.import_nights(&["--max-shrink", "100"]).expect_code(code);
}

#[test]
fn a_line_that_cannot_be_read_withdraws_nothing_until_it_is_mended() {
    let (world, mut lines) = migrated();
    // One line of the first day in a name nobody knows; one row of each day is gone; all volumes are revised.
    lines.iter_mut().for_each(|line| *line = line.replace(";10", ";11"));
    lines[0] = lines[0].replace("Lioran", "Le Lioran Bis");
    lines.remove(19);
    lines.remove(9);
    deliver(&world, &lines, 3);
    let json = migrate(&world, &[]).expect_code(3).json();
    let row = table(&json, TEMP);
    // Second day: 9 revised, 1 withdrawn. First day: 8 revised, 2 kept: the one that is gone and the one that cannot be read.
    for (name, expected) in [("temp_rows", 17), ("updated", 17), ("removed", 1), ("suspended", 2), ("blocked", 0)] {
        assert_eq!(row[name], expected, "{name}: {row}");
    }
    assert_eq!(row["status"], "migrated");
    let aside = &row["aside"][0];
    assert_eq!((&aside["reason"], &aside["date"]), (&json!("suspended"), &json!("2025-05-01")));
    assert_eq!((&aside["rows"], &aside["rejected"], &aside["held"]), (&json!(2), &json!(1), &json!(0)));
    assert!(world.home.read(aside["reject_file"].as_str().unwrap()).contains("Le Lioran Bis"));
    assert_eq!(codes(&json), ["withdrawal-suspended"]);
    assert_eq!(world.db.scalar("SELECT COUNT(*) FROM fact_nuitees WHERE volume = 10"), "2");
    let json = verify(&world, 3);
    assert_eq!((&table(&json, TEMP)["status"], &table(&json, TEMP)["suspended"]), (&json!("aside"), &json!(2)));
    // A second run changes nothing and says the same.
    let before = world.dump("fact_nuitees");
    let again = migrate(&world, &[]).expect_code(3).json();
    assert_eq!((world.dump("fact_nuitees"), &table(&again, TEMP)["suspended"]), (before, &json!(2)));
    assert_eq!(table(&again, TEMP)["status"], "held");
    // Nothing is thrown away of the day that waits.
    let json = world.tool("cleanup-temp").arg("--json").run().sane().expect_code(3).json();
    assert_eq!((&table(&json, TEMP)["status"], &table(&json, TEMP)["emptied"]), (&json!("partial"), &json!(9)));
    assert_eq!(world.db.column("SELECT DISTINCT date FROM fact_nuitees_temp"), ["2025-05-01"]);
    assert_eq!(
        world.db.scalar("SELECT COUNT(*) FROM flux_import_history WHERE status = 'loaded' AND cleaned_at IS NULL"),
        "2",
        "both loads brought the day that waits"
    );
    // The name is mended: the row comes back with its volume, and what is gone goes.
    lines[0] = lines[0].replace("Le Lioran Bis", "Lioran");
    deliver(&world, &lines, 0);
    let json = migrate(&world, &[]).expect_code(0).json();
    let row = table(&json, TEMP);
    assert_eq!((&row["updated"], &row["removed"], &row["suspended"]), (&json!(1), &json!(1), &json!(0)), "{row}");
    assert_eq!(world.db.scalar("SELECT CONCAT(COUNT(*), ' ', SUM(volume)) FROM fact_nuitees"), "18 198");
    verify(&world, 0);
    world.tool("cleanup-temp").run().sane().expect_code(0);
    assert_eq!((world.db.count(TEMP), world.db.count("fact_nuitees")), (0, 18));
    assert_eq!(
        world.db.scalar("SELECT COUNT(*) FROM flux_import_history WHERE status = 'loaded' AND cleaned_at IS NULL"),
        "0"
    );
}

#[test]
fn a_line_without_a_readable_date_suspends_every_day_of_its_file() {
    let (world, mut lines) = migrated();
    lines.remove(19);
    lines[0] = lines[0].replace("2025-05-01", "1er mai");
    deliver(&world, &lines, 3);
    let json = migrate(&world, &[]).expect_code(3).json();
    assert_eq!((&table(&json, TEMP)["removed"], &table(&json, TEMP)["suspended"]), (&json!(0), &json!(2)));
    assert_eq!(world.db.count("fact_nuitees"), 20);
}

#[test]
fn another_files_rejects_suspend_nothing_here() {
    let (world, mut lines) = migrated();
    world.csv("frequentation_nuitee_fr.csv", FR, &["2025-05-01;Lioran;NonLocal;Touriste;Atlantide;1"]);
    world.import("frequentation_nuitee_fr", &[]).expect_code(3);
    lines.remove(9);
    deliver(&world, &lines, 0);
    let json = migrate(&world, &[]).expect_code(0).json();
    assert_eq!((&table(&json, TEMP)["removed"], &table(&json, TEMP)["suspended"]), (&json!(1), &json!(0)));
}

#[test]
fn a_zone_that_loses_too_much_of_a_day_is_left_whole_and_force_takes_it() {
    let (world, mut lines) = migrated();
    // Lioran keeps two rows of five on the first day, with other volumes; the other zone is revised.
    lines.iter_mut().for_each(|line| *line = line.replace(";10", ";12"));
    lines.drain(0..3);
    deliver(&world, &lines, 0);
    let before = world.db.column("SELECT CONCAT_WS(' ', id_categorie, volume) FROM fact_nuitees WHERE id_zone = 5 AND date = '2025-05-01' ORDER BY 1");
    let json = migrate(&world, &[]).expect_code(3).json();
    let row = table(&json, TEMP);
    assert_eq!((&row["updated"], &row["removed"]), (&json!(15), &json!(0)), "{row}");
    assert_eq!((&row["blocked"], &row["held_back"]), (&json!(5), &json!(2)));
    let aside = &row["aside"][0];
    assert_eq!((&aside["reason"], &aside["zone"]), (&json!("blocked"), &json!("LIORAN")));
    assert_eq!((&aside["rows_before"], &aside["rows_after"]), (&json!(5), &json!(2)));
    assert_eq!((&aside["volume_before"], &aside["volume_after"]), (&json!(50), &json!(24)));
    assert_eq!(codes(&json), ["date-shrunk"]);
    let after = world.db.column("SELECT CONCAT_WS(' ', id_categorie, volume) FROM fact_nuitees WHERE id_zone = 5 AND date = '2025-05-01' ORDER BY 1");
    assert_eq!(after, before, "a mixture of two deliveries is worse than either");
    assert_eq!(table(&verify(&world, 3), TEMP)["status"], "aside");
    let json = world.tool("cleanup-temp").arg("--json").run().sane().expect_code(3).json();
    assert_eq!((&table(&json, TEMP)["status"], world.db.count(TEMP)), (&json!("kept"), 17));
    // A second migration would leave the same aside: nobody is sent round in a circle.
    for (tool, step) in [("cleanup-temp", "--force"), ("archive-csv", "check-status")] {
        let outcome = world.tool(tool).run().sane().expect_code(3);
        let steps: Vec<&str> = outcome.stdout.lines().filter(|line| line.contains('→')).collect();
        assert!(steps[0].contains(step) && !outcome.stdout.contains("lancez `migrate-temp-to-main`"), "{outcome}");
    }
    let json = migrate(&world, &["--force"]).expect_code(0).json();
    assert_eq!((&table(&json, TEMP)["updated"], &table(&json, TEMP)["removed"]), (&json!(2), &json!(3)));
    verify(&world, 0);
    assert_eq!(world.db.count("fact_nuitees"), 17);
}

#[test]
fn a_whole_day_counts_as_one_and_so_does_its_volume() {
    // Volumes alone: no row is gone, and each zone loses 60 percent of its visitors.
    let (world, lines) = migrated();
    let less: Vec<String> = lines
        .iter()
        .map(|line| if line.starts_with("2025-05-02") { line.replace(";10", ";4") } else { line.clone() })
        .collect();
    deliver(&world, &less, 0);
    let json = migrate(&world, &[]).expect_code(3).json();
    let row = table(&json, TEMP);
    assert_eq!((&row["unchanged"], &row["updated"], &row["held_back"]), (&json!(10), &json!(0), &json!(10)));
    assert_eq!((row["aside"].as_array().unwrap().len(), &row["aside"][0]["date"]), (1, &json!("2025-05-02")));
    assert!(row["aside"][0].get("zone").is_none(), "{row}");
    assert_eq!(world.db.scalar("SELECT SUM(volume) FROM fact_nuitees"), "200");
    // With a wider limit it goes through.
    migrate(&world, &["--max-shrink", "60"]).expect_code(0);
    assert_eq!(world.db.scalar("SELECT SUM(volume) FROM fact_nuitees"), "140");
    verify(&world, 0);
}

/// What people read: the count of what was compared, that something is left aside, and no proof.
#[test]
fn what_is_left_aside_is_said_in_the_verdict() {
    let (world, mut lines) = migrated();
    let told = |code: i32| {
        let told = world.tool("verify-migration").args(["--only", "fact_nuitees"]).run().sane().expect_code(code);
        told.stdout.lines().rev().find(|line| line.contains("comparées")).unwrap().to_owned()
    };
    assert!(told(0).contains("✓ migration prouvée : 20 lignes comparées"), "{}", told(0));
    // A category is misspelt on the second day.
    lines[12] = lines[12].replace("Habituellement Present", "Habituel");
    deliver(&world, &lines, 3);
    migrate(&world, &[]).expect_code(3);
    let verdict = told(3);
    assert!(verdict.contains("⚠ 19 lignes comparées") && verdict.contains("laissé de côté"), "{verdict}");
    assert!(!verdict.contains("prouvée") && !verdict.contains('✓'), "{verdict}");
}

#[test]
fn a_true_withdrawal_goes_through() {
    let (world, mut lines) = migrated();
    lines.drain(0..2);
    deliver(&world, &lines, 0);
    let json = migrate(&world, &[]).expect_code(0).json();
    assert_eq!((&table(&json, TEMP)["removed"], &table(&json, TEMP)["suspended"]), (&json!(2), &json!(0)));
    assert_eq!(world.db.count("fact_nuitees"), 18);
}

/// legacy.md, 2.
#[test]
fn rows_that_no_import_brought_change_nothing_unless_asked() {
    let (world, lines) = migrated();
    // An old row left by another tool, over what the portal shows; a day that an import brought and other hands have changed; and a day
    // as it was imported.
    deliver(&world, &lines.iter().map(|line| line.replace(";10", ";13")).collect::<Vec<_>>(), 0);
    world.db.exec(
        "INSERT INTO fact_nuitees_temp (date, id_zone, id_provenance, id_categorie, volume) VALUES ('2024-12-24', 5, 1, 1, 999);
         INSERT INTO fact_nuitees (date, id_zone, id_provenance, id_categorie, volume, is_provisional) VALUES ('2024-12-24', 5, 1, 1, 7, 1);
         UPDATE fact_nuitees_temp SET volume = 1000 WHERE date = '2025-05-02' AND id_zone = 5 AND id_categorie = 1",
    );
    let json = migrate(&world, &[]).expect_code(3).json();
    let row = table(&json, TEMP);
    assert_eq!((&row["updated"], &row["unrecorded"]), (&json!(10), &json!(11)), "{row}");
    assert_eq!(codes(&json), ["rows-unrecorded"]);
    let dates: Vec<&Value> = row["aside"].as_array().unwrap().iter().map(|aside| &aside["date"]).collect();
    assert_eq!(dates, ["2024-12-24", "2025-05-02"]);
    assert_eq!(world.db.scalar("SELECT volume FROM fact_nuitees WHERE date = '2024-12-24'"), "7");
    assert_eq!(world.db.scalar("SELECT SUM(volume) FROM fact_nuitees WHERE date = '2025-05-02'"), "100");
    assert_eq!(table(&verify(&world, 3), TEMP)["unrecorded"], 11);
    migrate(&world, &["--include-unrecorded"]).expect_code(0);
    assert_eq!(world.db.scalar("SELECT volume FROM fact_nuitees WHERE date = '2024-12-24'"), "999");
    verify(&world, 0);
}

#[test]
fn a_load_of_before_the_dates_were_kept_is_known_by_its_span_and_its_rejects() {
    let (world, mut lines) = migrated();
    lines[0] = lines[0].replace("Lioran", "Nulle Part");
    deliver(&world, &lines, 3);
    world.db.exec("DELETE FROM flux_import_dates");
    let json = migrate(&world, &[]).expect_code(3).json();
    assert_eq!((&table(&json, TEMP)["suspended"], &table(&json, TEMP)["unrecorded"]), (&json!(1), &json!(0)));
    // Outside of the span nobody knows.
    world.db.exec("INSERT INTO fact_nuitees_temp (date, id_zone, id_provenance, id_categorie, volume) VALUES ('2025-05-03', 5, 1, 1, 9)");
    assert_eq!(table(&migrate(&world, &[]).expect_code(3).json(), TEMP)["unrecorded"], 1);
}

/// legacy.md, 17.
#[test]
fn rows_without_their_breakdown_are_told_and_not_migrated() {
    let world = World::whole();
    let temp = "fact_nuitees_departements_temp";
    let lines = ["Cantal", "Loire", "Aveyron"].map(|name| format!("2025-05-01;Lioran;NonLocal;Touriste;{name};5"));
    world.csv("frequentation_nuitee_fr.csv", FR, &lines.each_ref().map(String::as_str));
    world.import("frequentation_nuitee_fr", &[]).expect_code(0);
    migrate(&world, &[]).expect_code(0);
    // As an older table looks once its breakdown column was added.
    world.db.exec(
        "INSERT INTO fact_nuitees_departements_temp (date, id_zone, id_provenance, id_categorie, id_departement, volume)
         VALUES ('2025-05-01', 5, 2, 2, 0, 40); DELETE FROM fact_nuitees_departements_temp WHERE id_departement = 3",
    );
    let json = migrate(&world, &["--include-unrecorded"]).expect_code(3).json();
    let row = table(&json, temp);
    assert_eq!(
        (&row["without_breakdown"], &row["inserted"], &row["removed"]),
        (&json!(1), &json!(0), &json!(0)),
        "{row}"
    );
    assert_eq!((&row["suspended"], &row["temp_rows"]), (&json!(1), &json!(3)));
    assert_eq!(codes(&json), ["withdrawal-suspended", "breakdown-missing"]);
    assert_eq!(world.db.scalar("SELECT COUNT(*) FROM fact_nuitees_departements WHERE id_departement = 0"), "0");
    let json = world.tool("cleanup-temp").arg("--json").run().sane().expect_code(3).json();
    assert_eq!((&table(&json, temp)["status"], world.db.count(temp)), (&json!("kept"), 3));
    verify(&world, 3);
}

#[test]
fn batches_keep_to_the_same_rules() {
    let world = World::whole();
    let header = support::weekly::MOBILITY;
    let line =
        |day: u32, commune: &str, volume: u32| format!("2025-06-0{day};Lioran;Local;Touriste;{commune};{volume}");
    let first: Vec<String> =
        (1..4).flat_map(|day| ["Aurillac", "Saint-Flour", "Saint-Georges"].map(|c| line(day, c, 5))).collect();
    let import = |lines: &[String], code: i32| {
        world.csv("export_mobilite.csv", header, &lines.iter().map(String::as_str).collect::<Vec<_>>());
        world.import("export_mobilite", &["--max-shrink", "100"]).expect_code(code);
    };
    let run = |code: i32| {
        let tool = world.tool("migrate-optimized").args(["--json", "--batch-size", "1"]);
        tool.run().sane().expect_code(code).json()
    };
    import(&first, 0);
    assert_eq!(run(0)["totals"]["inserted"], 9);
    // One line of the first day cannot be read; the second day keeps one row of three; the third loses one.
    let second = [
        line(1, "Aurillac", 6),
        line(1, "Saint-Flour", 6),
        line(1, "Nulle-Part", 6),
        line(2, "Aurillac", 6),
        line(3, "Aurillac", 6),
        line(3, "Saint-Flour", 6),
    ];
    import(&second, 3);
    let json = run(3);
    let totals = &json["totals"];
    for (name, expected) in [("updated", 4), ("removed", 1), ("suspended", 1), ("blocked", 3), ("held_back", 1)] {
        assert_eq!(totals[name], expected, "{name}: {totals}");
    }
    assert_eq!(codes(&json), ["withdrawal-suspended", "date-shrunk"]);
    assert_eq!(world.db.count("fact_lieu_activite_soir"), 8);
    assert_eq!(run(3)["totals"]["removed"], 0);
}

#[test]
fn a_day_of_which_no_line_is_taken_is_told_though_the_temporary_table_has_none_of_it() {
    let (world, lines) = migrated();
    world.tool("cleanup-temp").run().sane().expect_code(0);
    // All lines of 1 May in a provenance nobody knows; then whole but for eight of its ten lines, which the import keeps back.
    let unknown: Vec<String> =
        lines
            .iter()
            .map(|line| {
                if line.starts_with("2025-05-01") {
                    line.replace("Local", "Voisin")
                } else {
                    line.replace(";10", ";12")
                }
            })
            .collect();
    let cut: Vec<String> = lines
        .iter()
        .enumerate()
        .filter(|(at, _)| !(1..9).contains(at))
        .map(|(_, line)| line.replace(";10", ";13"))
        .collect();
    for (delivery, counts, volume) in [(unknown, (10, 0), 12), (cut, (0, 2), 13)] {
        world.nights(&delivery.iter().map(String::as_str).collect::<Vec<_>>());
        world.import_nights(&[]).expect_code(3);
        assert_eq!(world.db.column("SELECT DISTINCT date FROM fact_nuitees_temp"), ["2025-05-02"]);
        let dry = migrate(&world, &["--dry-run"]).expect_code(3).json();
        assert_eq!(codes(&dry), ["withdrawal-suspended"]);
        let json = migrate(&world, &[]).expect_code(3).json();
        let row = table(&json, TEMP);
        assert_eq!(
            (&row["updated"], &row["suspended"], &row["status"]),
            (&json!(10), &json!(10), &json!("migrated")),
            "{row}"
        );
        let aside = &row["aside"][0];
        assert_eq!((&aside["date"], &aside["rows"]), (&json!("2025-05-01"), &json!(10)));
        assert_eq!((&aside["rejected"], &aside["held"]), (&json!(counts.0), &json!(counts.1)), "{aside}");
        let row = table(&verify(&world, 3), TEMP).clone();
        assert_eq!((&row["status"], &row["suspended"]), (&json!("aside"), &json!(10)));
        let sums = world.db.column(
            "SELECT CONCAT(date, ' ', COUNT(*), ' ', SUM(volume)) FROM fact_nuitees GROUP BY date ORDER BY date",
        );
        assert_eq!(sums, ["2025-05-01 10 100".to_owned(), format!("2025-05-02 10 {}", 10 * volume)]);
        // Nothing of it is left to be cleaned, and it is told all the same, as long as nobody has decided.
        world.tool("cleanup-temp").run().sane().expect_code(3);
        assert_eq!(world.db.count(TEMP), 0);
        for tool in ["verify-migration", "migrate-temp-to-main", "check-status"] {
            let json = world.tool(tool).arg("--json").run().sane().expect_code(3).json();
            assert!(codes(&json).contains(&"withdrawal-suspended"), "{tool}: {json}");
        }
    }
    // What is whole again takes its day back, and nothing is left to tell.
    deliver(&world, &lines, 0);
    migrate(&world, &[]).expect_code(0);
    verify(&world, 0);
    assert_eq!(world.db.scalar("SELECT CONCAT(COUNT(*), ' ', SUM(volume)) FROM fact_nuitees"), "20 200");
    world.tool("cleanup-temp").run().sane().expect_code(0);
    verify(&world, 0);
}

/// What cannot be mended is decided: the rows stay, and nobody is told of them any more.
#[test]
fn who_keeps_what_is_suspended_says_so_at_the_cleanup() {
    let (world, lines) = migrated();
    world.tool("cleanup-temp").run().sane().expect_code(0);
    // Of the second day no line can be read, of the first one line cannot.
    let damaged: Vec<String> = lines
        .iter()
        .enumerate()
        .map(|(at, line)| match at {
            3 | 10.. => line.replace("Local", "Alentours"),
            _ => line.clone(),
        })
        .collect();
    deliver(&world, &damaged, 3);
    migrate(&world, &[]).expect_code(3);
    world.tool("cleanup-temp").run().sane().expect_code(3);
    assert_eq!(world.db.column("SELECT DISTINCT date FROM fact_nuitees_temp"), ["2025-05-01"]);
    let row = table(&verify(&world, 3), TEMP).clone();
    assert_eq!(row["suspended"], 11, "{row}");
    world.tool("cleanup-temp").args(["--keep-withdrawn", "--dry-run"]).run().sane().expect_code(0);
    assert_eq!(table(&verify(&world, 3), TEMP)["suspended"], 11);
    world.tool("cleanup-temp").arg("--keep-withdrawn").run().sane().expect_code(0);
    verify(&world, 0);
    migrate(&world, &[]).expect_code(0);
    assert_eq!((world.db.count(TEMP), world.db.count("fact_nuitees")), (0, 20));
}

/// Old and new names of the zones side by side (legacy.md, V2s): all of them are summed wherever the zone is asked for.
#[test]
fn what_another_name_of_a_zone_holds_of_a_date_is_not_counted_twice() {
    let world = World::whole();
    world.db.exec("INSERT INTO dim_zones_observation (id_zone, nom_zone) VALUES (30, 'GENTIANE')");
    world.db.exec(
        "INSERT INTO fact_nuitees (date, id_zone, id_provenance, id_categorie, volume, is_provisional) VALUES ('2025-05-01', 30, 1, 1, 50, 0)",
    );
    let lines = ["2025-05-01;Haut Cantal", "2025-05-02;Haut Cantal", "2025-05-01;Carlades"];
    let lines: Vec<String> = lines.iter().map(|place| format!("{place};Local;Touriste;10")).collect();
    deliver(&world, &lines, 0);
    let json = migrate(&world, &[]).expect_code(3).json();
    assert!(codes(&json).contains(&"zone-split"), "{json}");
    let aside = &table(&json, TEMP)["aside"];
    assert_eq!((&aside[0]["reason"], &aside[0]["date"]), (&json!("split"), &json!("2025-05-01")), "{json}");
    let stored = || world.keys("fact_nuitees", "date, id_zone, is_provisional");
    assert_eq!(stored(), ["2025-05-01 9 1 10", "2025-05-01 30 0 50", "2025-05-02 3 1 10"]);
    assert_ne!(verify(&world, 3)["status"], "ok");
    // Made one, the zone has its definitive row, and the delivery is migrated.
    world.tool("merge-zones").arg("--yes").run().sane().expect_code(0);
    migrate(&world, &[]).expect_code(0);
    assert_eq!(stored(), ["2025-05-01 3 0 50", "2025-05-01 9 1 10", "2025-05-02 3 1 10"]);
}
