//! A COMMIT that is lost, before the server has it or before its answer comes, at each of the COMMITs of a tool: report, code and rows are
//! those of a run in peace, and the next run finds nothing more to do than after that one.

use std::sync::OnceLock;

use flux_test::{Home, Template, TestDb, Tool};
use serde_json::Value;
use support::raw::PLAIN;
use support::weekly::{BASE, FR, Sane, World, prepare, text};

/// One tool over a database that is the same each time.
struct Case {
    tool: &'static str,
    args: Vec<String>,
    /// Those of the next run.
    again: Vec<String>,
    /// Puts the files of the run into its home.
    files: fn(&World),
    /// What is done to the database before each run.
    spoil: &'static str,
    tables: &'static [&'static str],
}

impl Case {
    fn new(tool: &'static str, args: &[&str], tables: &'static [&'static str]) -> Self {
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        Self { tool, again: args.clone(), args, files: |_| (), spoil: "DO 0", tables }
    }

    fn run(&self, world: &World) -> Tool {
        world.tool(self.tool).arg("--json").args(&self.args)
    }

    fn run_again(&self, world: &World) -> Value {
        peace(world.tool(self.tool).arg("--json").args(&self.again))
    }
}

/// What a run in peace says; its exit code, which is that of a success, is part of it.
fn peace(tool: Tool) -> Value {
    let outcome = tool.run().sane();
    let code = if outcome.code == 3 { 3 } else { 0 };
    said(outcome.expect_code(code).json())
}

/// What a document says of the work, without what differs between two runs of the same: times, names of runs, places.
fn said(mut json: Value) -> Value {
    fn clear(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                // The second undoing says when the first one was.
                fields.retain(|name, value| {
                    let when = value.as_str().is_some_and(|text| text.starts_with("annulée le "));
                    let passing = [
                        "run",
                        "database",
                        "log",
                        "path",
                        "backup",
                        "folder",
                        "lines_per_s",
                        "peak_memory_bytes",
                        "target",
                    ];
                    !when
                        && !passing.contains(&name.as_str())
                        && !name.ends_with("_s")
                        && !name.ends_with("_at")
                        && !name.ends_with("_ms")
                });
                fields.values_mut().for_each(clear);
            }
            Value::Array(values) => values.iter_mut().for_each(clear),
            _ => (),
        }
    }
    clear(&mut json);
    json
}

/// All that a run may have changed, the history without its names of runs.
fn left(world: &World, case: &Case) -> Vec<Vec<Vec<String>>> {
    let history = "SELECT tool, file_name, table_name, status, lines_read, rows_stored, rows_deleted \
                   FROM flux_import_history ORDER BY 1, 2, 3, 4, 5, 6, 7";
    case.tables.iter().map(|table| world.dump(table)).chain([world.db.rows(history)]).collect()
}

/// Puts every table back to what the template holds, and drops what it has not; the database stays the same one, whose copies cost more.
fn reset(world: &World, template: &Template) {
    let tables = |db: &TestDb| {
        let sql = "SELECT table_name AS t FROM information_schema.tables WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE'";
        db.column(sql)
    };
    let (here, there) = (world.db.name(), template.db().name());
    let known = tables(template.db());
    let drop = tables(&world.db)
        .into_iter()
        .filter(|table| !known.contains(table))
        .map(|table| format!("DROP TABLE {here}.{table};"));
    let fill = known
        .iter()
        .map(|table| format!("DELETE FROM {here}.{table}; INSERT INTO {here}.{table} SELECT * FROM {there}.{table};"));
    let begin = std::iter::once("START TRANSACTION;".to_owned());
    let end = std::iter::once("COMMIT".to_owned());
    world.db.admin_exec(&drop.chain(begin).chain(fill).chain(end).collect::<String>());
}

/// Loses each COMMIT of the tool in turn, in the same state each time; gives how many there were.
fn lose_each(case: &Case) -> u32 {
    let template = filled();
    let db = template.copy();
    let world = World { home: Home::new(&db), db };
    (case.files)(&world);
    let begin = || {
        reset(&world, template);
        world.db.exec(case.spoil);
    };
    begin();
    let wanted = peace(case.run(&world));
    let stands = left(&world, case);
    let wanted_again = case.run_again(&world);
    let mut commits = 0;
    for place in ["db.commit", "db.committed"] {
        for passage in 1..=40 {
            begin();
            let outcome = case.run(&world).fail_at(&format!("{place}:{passage}"), "error").run().sane();
            if !outcome.stderr.contains("nouvel essai") {
                commits = passage - 1;
                break;
            }
            let place = format!("{} {place}:{passage}", case.tool);
            assert_eq!(said(outcome.json()), wanted, "{place}\n{outcome}");
            assert_eq!(left(&world, case), stands, "{place}");
            assert_eq!(case.run_again(&world), wanted_again, "again after {place}");
        }
    }
    assert!(commits > 0, "{} has lost nothing", case.tool);
    commits
}

/// A week that is migrated and waits to be cleaned, beside a year of definitive rows and two rows of one zone and of one département.
fn filled() -> &'static Template {
    static MADE: OnceLock<Template> = OnceLock::new();
    MADE.get_or_init(|| {
        Template::new(
            |db| {
                let home = Home::new(db);
                prepare(db, &["all"]);
                let nights = ["2025-03-10;Lioran;Local;Touriste;21", "2025-03-11;Carlades;Etranger;Resident;34"];
                let by = ["2025-03-10;Lioran;NonLocal;Touriste;Aveyron;8"];
                home.write_csv("frequentation_nuitee.csv", text(BASE, &nights));
                home.write_csv("frequentation_nuitee_fr.csv", text(FR, &by));
                let only = ["--only", "frequentation_nuitee,frequentation_nuitee_fr"];
                home.tool("update-temp-tables").args(only).run().sane().expect_code(0);
                home.tool("migrate-temp-to-main").run().sane().expect_code(0);
                db.exec(
                    "INSERT INTO dim_zones_observation (id_zone, nom_zone) VALUES (901, 'CABA');
                     INSERT INTO dim_departements (id_departement, nom_departement) VALUES (901, 'CHAR?NTE');
                     INSERT INTO fact_nuitees (date, id_zone, id_provenance, id_categorie, volume, is_provisional) VALUES
                     ('2023-02-01', 901, 1, 1, 5, 0), ('2023-02-02', 901, 1, 1, 6, 0), ('2023-02-03', 901, 2, 1, 7, 0), ('2022-02-03', 1, 2, 1, 9, 0);
                     INSERT INTO fact_nuitees_departements (date, id_zone, id_provenance, id_categorie, id_departement, volume, is_provisional) VALUES
                     ('2023-02-01', 1, 2, 1, 901, 4, 0)",
                );
            },
            &[],
        )
    })
}

const FACTS: &[&str] =
    &["fact_nuitees", "fact_nuitees_departements", "fact_nuitees_temp", "fact_nuitees_departements_temp"];

#[test]
fn an_undoing() {
    let run = filled().db().scalar("SELECT MAX(run) FROM flux_migrations");
    let undo = Case::new("migrate-temp-to-main", &["--undo", &run, "--yes"], FACTS);
    assert!(lose_each(&undo) >= 2, "one for each table");
}

#[test]
fn a_cleanup_of_the_week() {
    let case = Case::new("cleanup-temp", &["--only", "frequentation_nuitee,frequentation_nuitee_fr"], FACTS);
    assert!(lose_each(&case) >= 2, "one for each table");
}

#[test]
fn a_year_that_is_cleared() {
    let args = ["--year", "2023", "--yes", "--batch-size", "2", "--only", "Nuitee,Nuitee_Departement"];
    // The history's, two batches of nights, one of départements.
    assert!(lose_each(&Case::new("cleanup-year", &args, FACTS)) >= 4);
}

#[test]
fn zones_and_departements_that_become_one() {
    let tables = &[
        "fact_nuitees",
        "fact_nuitees_departements",
        "dim_zones_observation",
        "dim_departements",
        "fact_nuitees_temp",
    ];
    lose_each(&Case::new("merge-zones", &["--yes"], tables));
    lose_each(&Case::new("merge-dimension", &["--dim", "departements", "--yes"], tables));
}

#[test]
fn provisional_rows_that_are_withdrawn() {
    let args = ["--yes", "--to", "2025-03-10", "--only", "Nuitee,Nuitee_Departement"];
    assert!(lose_each(&Case::new("withdraw-provisional", &args, FACTS)) >= 2);
}

#[test]
fn definitive_rows_of_the_etl() {
    let case = Case {
        files: |world| {
            let lines: Vec<String> =
                (1..=4).map(|day| format!("2023-02-{day:02};Lioran;Local;Touriste;{day}")).collect();
            world.raw("Nuitee_2023B1_L.csv", PLAIN, &lines.iter().map(String::as_str).collect::<Vec<_>>());
        },
        ..Case::new("populate-facts-full-production", &["--jobs", "1", "--batch-size", "2"], FACTS)
    };
    assert!(lose_each(&case) >= 2);
}

/// The swap of the tables is no COMMIT; what the history keeps of it is.
#[test]
fn a_restoration() {
    let case = Case {
        files: |world| {
            world.tool("backup-critical").run().sane().expect_code(0);
        },
        spoil: "UPDATE fact_nuitees SET volume = 1000 WHERE date = '2023-02-01'; DELETE FROM fact_nuitees WHERE date > '2025-03-10'",
        again: vec!["--drop-old".into(), "--yes".into()],
        ..Case::new("restore-critical", &["--yes", "--only", "fact_nuitees"], FACTS)
    };
    lose_each(&case);
}
