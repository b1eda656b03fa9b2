//! `reset-saisons`: shows, and only with `--yes` deletes; what people entered stays.

use flux_test::{Home, TestDb};
use support::saisons::database;

fn ready() -> (TestDb, Home) {
    let db = database();
    let home = Home::new(&db);
    home.tool("update-saisons").args(["--from", "2024", "--to", "2025"]).run().expect_code(0);
    (db, home)
}

#[test]
fn without_yes_nothing_is_deleted() {
    let (db, home) = ready();
    let shown = home.tool("reset-saisons").run().expect_code(0);
    shown.expect_stdout("9 lignes seraient supprimées").expect_stdout("→ relancez avec --yes");
    let json = home.tool("reset-saisons").arg("--json").run().expect_code(0).json();
    assert_eq!((&json["dry_run"], &json["saisons_deleted"]), (&true.into(), &9.into()));
    home.tool("reset-saisons").args(["--yes", "--dry-run"]).run().expect_code(0);
    assert_eq!((db.count("dim_saisons"), db.count("dim_periodes")), (9, 20));
}

#[test]
fn seasons_go_links_are_taken_away_and_an_update_restores_all() {
    let (db, home) = ready();
    let run = home.tool("reset-saisons").args(["--yes", "--json"]).run().expect_code(0);
    assert_eq!((&run.json()["saisons_deleted"], &run.json()["periodes_unlinked"]), (&9.into(), &20.into()));
    assert_eq!((db.count("dim_saisons"), db.count("dim_periodes")), (0, 20));
    assert_eq!(db.scalar("SELECT COUNT(*) FROM dim_periodes WHERE id_saison IS NOT NULL"), "0");
    home.tool("update-saisons").args(["--from", "2024", "--to", "2025"]).run().expect_code(0);
    assert_eq!(db.scalar("SELECT COUNT(*) FROM dim_periodes WHERE id_saison IS NULL"), "0");
}

#[test]
fn with_periodes_only_computed_and_unchanged_ones_of_the_years_go() {
    let (db, home) = ready();
    db.exec(
        "UPDATE dim_periodes SET date_fin = '2025-05-04' WHERE code_periode = 'pont_de_mai' AND annee = 2025;
         INSERT INTO dim_periodes (code_periode, nom_periode, annee, date_debut, date_fin) VALUES
         ('festival', 'Festival', 2025, '2025-08-20', '2025-08-23')",
    );
    home.tool("reset-saisons").args(["--yes", "--periodes", "--from", "2025"]).run().expect_code(0);
    let left = db.column("SELECT code_periode FROM dim_periodes WHERE annee = 2025 ORDER BY code_periode");
    assert_eq!(left, ["festival", "pont_de_mai"]);
    assert_eq!(db.scalar("SELECT COUNT(*) FROM dim_periodes WHERE annee = 2024"), "10");
    assert_eq!(db.scalar("SELECT COUNT(*) FROM dim_saisons"), "5");
}

#[test]
fn a_missing_table_and_bad_years_have_their_codes() {
    let (db, home) = ready();
    home.tool("reset-saisons").args(["--from", "2025", "--to", "2024"]).run().expect_code(2);
    db.exec("DROP TABLE dim_periodes; DROP TABLE dim_saisons");
    home.tool("reset-saisons").arg("--yes").run().expect_code(1).expect_stderr("ensure-schema");
}
