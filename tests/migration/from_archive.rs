//! `verify-migration --from-archive`: the main tables against the archived CSVs, after the temporary tables were emptied.

use serde_json::{Value, json};
use support::weekly::{Sane, World};

fn verify(world: &World, args: &[&str], code: i32) -> Value {
    world.tool("verify-migration").args(["--json", "--from-archive"]).args(args).run().sane().expect_code(code).json()
}

fn nights(json: &Value) -> &Value {
    json["tables"].as_array().unwrap().iter().find(|row| row["main"] == "fact_nuitees").unwrap()
}

fn week(world: &World, lines: &[&str]) {
    world.nights(lines);
    world.import_nights(&[]).expect_code(0);
    for tool in ["migrate-temp-to-main", "cleanup-temp", "archive-csv"] {
        world.tool(tool).run().sane().expect_code(0);
    }
}

/// Two deliveries, the second of which revises one of the two days of the first; all is archived and the temporary tables are empty.
fn archived() -> World {
    let world = World::whole();
    week(
        &world,
        &[
            "2025-05-05;Lioran;Local;Touriste;10",
            "2025-05-05;Cantal;Local;Touriste;20",
            "2025-05-06;Lioran;Local;Touriste;30",
        ],
    );
    week(&world, &["2025-05-06;Lioran;Local;Touriste;33", "2025-05-07;Val Truyère;Local;Resident;40"]);
    assert_eq!(world.db.count("fact_nuitees_temp"), 0);
    world
}

#[test]
fn each_date_is_proved_by_the_delivery_that_brought_it_last() {
    let world = archived();
    let json = verify(&world, &[], 0);
    let row = nights(&json);
    for (name, expected) in [("files", 2), ("dates", 3), ("rows", 4), ("missing", 0), ("different", 0), ("surplus", 0)]
    {
        assert_eq!(row[name], expected, "{name}: {row}");
    }
    assert_eq!(row["unarchived"], json!([]));
    let one = verify(&world, &["--date", "2025-05-05", "--only", "fact_nuitees"], 0);
    assert_eq!((&nights(&one)["files"], &nights(&one)["rows"]), (&json!(1), &json!(2)));
}

#[test]
fn what_other_hands_have_changed_is_named() {
    let world = archived();
    world.db.exec(
        "UPDATE fact_nuitees SET volume = 34 WHERE volume = 33;
         DELETE FROM fact_nuitees WHERE volume = 40;
         INSERT INTO fact_nuitees (date, id_zone, id_provenance, id_categorie, volume, is_provisional) VALUES ('2025-05-05', 9, 1, 1, 5, 1);
         UPDATE fact_nuitees SET is_provisional = 0, volume = 999 WHERE volume = 10",
    );
    let json = verify(&world, &[], 3);
    let row = nights(&json);
    for (name, expected) in [("rows", 1), ("missing", 1), ("different", 1), ("surplus", 1), ("superseded", 1)] {
        assert_eq!(row[name], expected, "{name}: {row}");
    }
    assert_eq!(json["findings"][0]["code"], "archive-differs");
    let different = row["offenders"].as_array().unwrap().iter().find(|one| one["kind"] == "different").unwrap();
    assert_eq!(different["key"], json!(["2025-05-06", "LIORAN", "LOCAL", "TOURISTE"]));
    assert_eq!((&different["archive_volume"], &different["main_volume"]), (&json!(33), &json!(34)));
    // Each date stands for itself.
    verify(&world, &["--date", "2025-05-07", "--only", "fact_nuitees"], 3);
}

#[test]
fn what_is_in_no_archive_is_not_proved() {
    let world = World::whole();
    assert_eq!(verify(&world, &[], 3)["findings"][0]["code"], "check-not-done");
    let world = archived();
    world.nights(&["2025-05-07;Val Truyère;Local;Resident;41"]);
    world.import_nights(&[]).expect_code(0);
    world.tool("migrate-temp-to-main").run().sane().expect_code(0);
    let json = verify(&world, &[], 3);
    assert_eq!((&nights(&json)["unarchived"], &nights(&json)["rows"]), (&json!(["2025-05-07"]), &json!(3)));
    assert_eq!(json["findings"][0]["code"], "check-not-done");
    assert!(json["findings"][0]["message"].as_str().unwrap().ends_with("(2025-05-07) : non prouvée"), "{json}");
    let json = verify(&world, &["--date", "2030-01-01", "--only", "fact_nuitees"], 3);
    assert_eq!(nights(&json)["unarchived"], json!(["2030-01-01"]));
    world.tool("verify-migration").args(["--date", "2025-05-07"]).run().sane().expect_code(2);
}

#[test]
fn an_archive_that_was_tampered_with_proves_nothing() {
    let world = archived();
    let list = world.home.list("data/archive");
    let year = format!("data/archive/{}", list[0]);
    let day = format!("{year}/{}", world.home.list(&year)[0]);
    let file = world.home.list(&day).into_iter().find(|name| name.ends_with(".csv.gz")).unwrap();
    let path = world.home.join(format!("{day}/{file}"));
    let script = "zcat \"$1\" | sed 's/;10$/;99/;s/;33$/;99/' | gzip >\"$1.new\" && mv \"$1.new\" \"$1\"";
    assert!(std::process::Command::new("sh").args(["-c", script, "sh"]).arg(&path).status().unwrap().success());
    let outcome = world.tool("verify-migration").args(["--json", "--from-archive"]).run().sane().expect_code(1);
    assert_eq!(outcome.json()["error"]["code"], "file-unusable");
}
