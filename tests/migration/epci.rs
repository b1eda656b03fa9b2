//! A visitor of a commune is counted under one EPCI (domain.md §3): the migration creates no second one, each check finds those that are
//! there, and one command makes them one.

use serde_json::{Value, json};
use support::codes;
use support::weekly::{MOBILITY, Sane, World, table};

const TEMP: &str = "fact_lieu_activite_soir_temp";
const PLACES: &str =
    "SELECT date, id_commune, id_epci, volume, is_provisional FROM fact_lieu_activite_soir ORDER BY 1, 2, 3, 4";
const INTO: &str =
    "(date, id_zone, id_provenance, id_categorie, id_epci, id_commune, jour_semaine, volume, is_provisional) VALUES";

/// legacy.md, 3.
#[test]
fn definitive_rows_that_came_after_the_import_keep_their_place() {
    let world = World::whole();
    let lines = [
        "2025-07-07;Cantal;Local;Touriste;Aurillac;40",
        "2025-07-08;Cantal;Local;Touriste;Aurillac;41",
        "2025-07-07;Cantal;Local;Touriste;Saint-Flour;7",
    ];
    world.csv("export_mobilite.csv", MOBILITY, &lines);
    world.import("export_mobilite", &[]).expect_code(0);
    // Aurillac was imported under 1; the raw export has it under 2.
    world.db.exec(&format!(
        "INSERT INTO fact_lieu_activite_soir {INTO} ('2025-07-07', 1, 1, 1, 2, 1, 'lundi', 44, 0), ('2025-07-07', 1, 1, 2, 2, 1, 'lundi', 5, 0)"
    ));
    let migrate = || world.tool("migrate-temp-to-main").arg("--json").run().sane().expect_code(0).json();
    let json = migrate();
    let row = table(&json, TEMP);
    assert_eq!((&row["inserted"], &row["kept_definitive"]), (&json!(2), &json!(1)), "{row}");
    let expected = [
        ["2025-07-07", "1", "2", "5", "0"],
        ["2025-07-07", "1", "2", "44", "0"],
        ["2025-07-07", "2", "2", "7", "1"],
        ["2025-07-08", "1", "1", "41", "1"],
    ];
    assert_eq!(world.db.rows(PLACES), expected);
    assert_eq!(table(&migrate(), TEMP)["status"], "unchanged");
    world.tool("verify-migration").run().sane().expect_code(0);
    world.tool("cleanup-temp").run().sane().expect_code(0);
    assert_eq!(world.db.rows(PLACES), expected);
    assert_eq!(world.db.count(TEMP), 0);
}

#[test]
fn a_provisional_row_that_must_stay_is_not_joined_by_one_under_another_epci() {
    let world = World::whole();
    let deliver = |lines: &[&str], code: i32| {
        world.csv("export_mobilite.csv", MOBILITY, lines);
        world.import("export_mobilite", &["--max-shrink", "100"]).expect_code(code);
    };
    let migrate = |code: i32| {
        let args = ["--json", "--max-shrink", "100"];
        world.tool("migrate-temp-to-main").args(args).run().sane().expect_code(code).json()
    };
    let georges = "2025-07-07;Cantal;Local;Touriste;Saint-Georges";
    deliver(
        &[
            "2025-07-07;Cantal;Local;Touriste;Aurillac;40",
            &format!("{georges};6"),
            "2025-07-07;Cantal;Local;Resident;Aurillac;3",
        ],
        0,
    );
    migrate(0);
    // The communes change their EPCI, and the next delivery has a line that cannot be read: nothing of its day may be withdrawn.
    world.db.exec("UPDATE dim_communes SET id_epci = 1 WHERE id_commune = 3; UPDATE dim_communes SET id_epci = 2 WHERE id_commune = 1");
    deliver(
        &[
            "2025-07-07;Cantal;Local;Touriste;Aurillac;50",
            &format!("{georges};6"),
            "2025-07-07;Cantal;Local;Resident;Aurillac;trois",
        ],
        3,
    );
    let json = migrate(3);
    let row = table(&json, TEMP);
    assert_eq!((&row["inserted"], &row["updated"], &row["suspended"]), (&json!(0), &json!(1), &json!(1)), "{row}");
    let places = "SELECT id_commune, id_epci, id_categorie, volume FROM fact_lieu_activite_soir ORDER BY 1, 2, 3, 4";
    assert_eq!(world.db.rows(places), [["1", "1", "1", "50"], ["1", "1", "2", "3"], ["3", "2", "1", "6"]]);
    // The mended delivery takes everything to where the communes are now.
    deliver(
        &[
            "2025-07-07;Cantal;Local;Touriste;Aurillac;50",
            &format!("{georges};6"),
            "2025-07-07;Cantal;Local;Resident;Aurillac;3",
        ],
        0,
    );
    let json = migrate(0);
    assert_eq!((&table(&json, TEMP)["inserted"], &table(&json, TEMP)["removed"]), (&json!(3), &json!(3)));
    assert_eq!(world.db.rows(places), [["1", "2", "1", "50"], ["1", "2", "2", "3"], ["3", "1", "1", "6"]]);
}

#[test]
fn withdrawn_rows_that_are_kept_on_demand_are_not_doubled_either() {
    let world = World::whole();
    world.db.exec(&format!("INSERT INTO fact_lieu_activite_soir {INTO} ('2025-07-07', 1, 1, 1, 2, 1, 'lundi', 8, 1)"));
    world.csv("export_mobilite.csv", MOBILITY, &["2025-07-07;Cantal;Local;Touriste;Aurillac;9"]);
    world.import("export_mobilite", &[]).expect_code(0);
    world.tool("migrate-temp-to-main").arg("--keep-withdrawn").run().sane().expect_code(0);
    assert_eq!(world.db.rows(PLACES), [["2025-07-07", "1", "2", "9", "1"]]);
}

/// Aurillac (1) and Saint-Flour (2) under two EPCIs, in two tables; rows of no commune, which are no doubles.
fn doubled() -> World {
    let world = World::whole();
    world.db.exec(&format!(
        "INSERT INTO fact_lieu_activite_soir {INTO}
           ('2025-07-07', 1, 1, 1, 1, 1, 'lundi', 10, 1), ('2025-07-07', 1, 1, 1, 2, 1, 'lundi', 12, 0),
           ('2025-07-08', 1, 1, 1, 1, 1, 'mardi', 9, 0), ('2025-07-08', 1, 1, 1, 2, 1, 'mardi', 9, 0),
           ('2025-07-09', 1, 1, 1, 1, 2, 'mercredi', 3, 0), ('2025-07-09', 1, 1, 1, 2, 2, 'mercredi', 5, 0),
           ('2025-07-09', 1, 1, 2, 1, 2, 'mercredi', 4, 0), ('2025-07-09', 1, 2, 2, 2, 2, 'mercredi', 4, 0),
           ('2025-07-09', 1, 1, 1, 1, 0, 'mercredi', 70, 0), ('2025-07-09', 1, 1, 1, 2, 0, 'mercredi', 80, 0);
         INSERT INTO fact_lieu_nuitee_soir_pays (date, id_zone, id_provenance, id_categorie, id_pays, id_epci, id_commune, jour_semaine, volume) VALUES
           ('2024-02-01', 1, 3, 1, 1, 0, 3, 'jeudi', 6), ('2024-02-01', 1, 3, 1, 1, 2, 3, 'jeudi', 6), ('2024-02-01', 1, 3, 1, 2, 1, 3, 'jeudi', 6)"
    ));
    world
}

/// legacy.md, 3.
#[test]
fn doubles_are_found_by_each_check() {
    let world = doubled();
    world.csv("export_mobilite.csv", MOBILITY, &["2025-07-09;Cantal;Local;Touriste;Saint-Flour;5"]);
    world.import("export_mobilite", &[]).expect_code(0);
    let run = |tool: &str, args: &[&str]| world.tool(tool).arg("--json").args(args).run().sane().expect_code(3).json();
    let found = |json: &Value| -> Vec<Value> {
        let all = json["findings"].as_array().unwrap().iter();
        all.filter(|finding| finding["code"] == "epci-doubled").cloned().collect()
    };
    let status = found(&run("check-status", &[]));
    assert_eq!(status.len(), 2, "{status:?}");
    assert_eq!(
        (&status[0]["place"], &status[1]["place"]),
        (&json!("fact_lieu_activite_soir"), &json!("fact_lieu_nuitee_soir_pays"))
    );
    for finding in &status {
        assert!(finding["action"].as_str().unwrap().contains("merge-dimension --dim epci --doubles"), "{finding}");
    }
    assert!(status[0]["message"].as_str().unwrap().contains("AURILLAC"));
    // Those of the dates that are to be migrated: one of the three keys.
    for tool in ["validation-complete-import", "verify-migration"] {
        let found = found(&run(tool, &[]));
        assert_eq!(found.len(), 1, "{tool}: {found:?}");
        assert!(found[0]["message"].as_str().unwrap().starts_with("1 clé"), "{tool}: {found:?}");
    }
    let doctor = world.tool("flux").args(["doctor", "--json"]).run().sane().expect_code(3).json();
    let facts = doctor["checks"].as_array().unwrap().iter().find(|check| check["subject"] == "faits").unwrap();
    assert_eq!(codes(facts), ["epci-doubled", "epci-doubled"]);
    let notes = world.tool("adopt-database").arg("--json").run().sane().expect_code(0).json()["notes"].clone();
    let notes = json!({ "findings": notes });
    let notes = codes(&notes);
    assert_eq!(notes.iter().filter(|code| **code == "epci-doubled").count(), 2, "{notes:?}");
}

#[test]
fn one_command_makes_one_row_of_several() {
    let world = doubled();
    let merge = |args: &[&str], code: i32| {
        let tool = world.tool("merge-dimension").args(["--dim", "epci", "--doubles", "--json"]);
        tool.args(args).run().sane().expect_code(code).json()
    };
    let before = world.dump("fact_lieu_activite_soir");
    let plan = merge(&["--yes"], 3);
    assert_eq!(codes(&plan), ["merge-blocked"], "two volumes of Saint-Flour are not decided by themselves");
    let of = &plan["doubles"][0];
    for (name, expected) in
        [("keys", 3), ("identical", 1), ("settled", 1), ("conflicts", 1), ("removed", 3), ("dropped", 22)]
    {
        assert_eq!(of[name], expected, "{name}: {of}");
    }
    assert_eq!((&of["first"], &of["last"]), (&json!("2025-07-07"), &json!("2025-07-09")));
    assert_eq!(of["examples"], json!(["2025-07-09 SAINT-FLOUR : 3 / 5"]));
    assert_eq!(world.dump("fact_lieu_activite_soir"), before);
    let plan = merge(&["--on-conflict", "target"], 0);
    assert_eq!((&plan["applied"], &plan["dry_run"]), (&json!(false), &json!(true)));
    assert_eq!(world.dump("fact_lieu_activite_soir"), before);
    let done = merge(&["--on-conflict", "target", "--yes"], 0);
    assert_eq!((&done["applied"], done["doubles"].as_array().unwrap().len()), (&json!(true), 2));
    // The definitive row; the EPCI of the newest definitive rows, twice; rows of no commune and of one EPCI as they were.
    let expected = [
        ["2025-07-07", "1", "2", "12", "0"],
        ["2025-07-08", "1", "2", "9", "0"],
        ["2025-07-09", "0", "1", "70", "0"],
        ["2025-07-09", "0", "2", "80", "0"],
        ["2025-07-09", "2", "1", "4", "0"],
        ["2025-07-09", "2", "2", "4", "0"],
        ["2025-07-09", "2", "2", "5", "0"],
    ];
    assert_eq!(world.db.rows(PLACES), expected);
    assert_eq!(
        world.db.rows("SELECT id_pays, id_epci, volume FROM fact_lieu_nuitee_soir_pays ORDER BY 1"),
        [["1", "2", "6"], ["2", "1", "6"]],
        "no rows of the commune say otherwise: the EPCI of dim_communes"
    );
    assert_eq!(merge(&["--yes"], 0)["doubles"], json!([]));
    world.tool("merge-dimension").args(["--dim", "communes", "--doubles"]).run().sane().expect_code(2);
    world.tool("merge-dimension").args(["--dim", "epci", "--doubles", "--from-id", "1"]).run().sane().expect_code(2);
}

#[test]
fn other_rules_take_the_other_volume_or_both() {
    for (rule, volume) in [("source", "3"), ("sum", "8")] {
        let world = doubled();
        let args = ["--dim", "epci", "--doubles", "--on-conflict", rule, "--yes"];
        world.tool("merge-dimension").args(args).run().sane().expect_code(0);
        let saint_flour =
            "SELECT id_epci, volume FROM fact_lieu_activite_soir WHERE id_commune = 2 AND id_categorie = 1";
        assert_eq!(world.db.rows(saint_flour), [["2", volume]], "{rule}");
        // A definitive row is no part of a sum with a provisional one.
        assert_eq!(
            world.db.scalar("SELECT volume FROM fact_lieu_activite_soir WHERE date = '2025-07-07'"),
            "12",
            "{rule}"
        );
    }
}
