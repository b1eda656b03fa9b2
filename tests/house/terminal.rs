//! What operators see on their terminal: colours, local time, examples in help and manual, completions.
use flux_test::Home;
use flux_test::mysql::prelude::Queryable;
use support::terminal;
use support::trouble::wait_for_blocked;
use support::weekly::World;

const ESCAPE: char = '\u{1b}';

/// A report with a sign: a home without caches.
fn report(home: &Home, arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let tool = home.tool("cache-admin").args(arguments);
    variables.iter().fold(tool, |tool, (name, value)| tool.env(name, value)).run().expect_code(0).stdout.clone()
}

#[test]
fn colours_are_for_terminals_unless_one_says_otherwise() {
    let home = Home::without_db();
    assert!(!report(&home, &[], &[]).contains(ESCAPE), "a pipe");
    let painted = report(&home, &["--color", "always"], &[("NO_COLOR", "1")]);
    assert!(painted.contains("\u{1b}[32m✓"), "{painted:?}");
    let plain: String = painted.replace("\u{1b}[32m", "").replace("\u{1b}[0m", "");
    assert_eq!(plain, report(&home, &["--color", "never"], &[]), "the same text");
    assert!(!report(&home, &["--json", "--color", "always"], &[]).contains(ESCAPE), "programs read JSON");
    home.tool("cache-admin").args(["--color", "rouge"]).run().expect_code(2);
}

#[test]
fn a_terminal_has_colours_and_no_color_takes_them_away() {
    let home = Home::without_db();
    if !terminal::is_there() {
        return flux_test::skip("script (util-linux)");
    }
    let on_terminal = |no_color: &str| {
        terminal::on(&home, 80, &["cache-admin"]).env("NO_COLOR", no_color).run().expect_code(0).stdout.clone()
    };
    let coloured = on_terminal("");
    assert!(coloured.contains("\u{1b}[32m✓"), "{coloured:?}");
    let without = on_terminal("1");
    assert!(without.contains('✓') && !without.contains("\u{1b}[32m"), "{without:?}");
}

#[test]
fn times_are_those_of_the_clock_on_the_wall() {
    let World { home, db } = World::seeded();
    home.write_csv(
        "frequentation_nuitee.csv",
        "Date;ZoneObservation;Provenance;CategorieVisiteur;Volume\n2025-07-21;CANTAL;NONLOCAL;TOURISTE;12\n",
    );
    home.tool("update-temp-tables").args(["--only", "frequentation_nuitee.csv"]).run().expect_code(0);
    db.exec("UPDATE flux_import_history SET finished_at = '2025-07-28 22:30:00'");
    let shown = |zone: &str| home.tool("check-status").env("TZ", zone).env("COLUMNS", "200").run().stdout;
    // Summer in Paris is two hours ahead: the next day.
    assert!(shown("Europe/Paris").contains("2025-07-29 00:30:00"), "{}", shown("Europe/Paris"));
    assert!(shown("UTC").contains("2025-07-28 22:30:00"));
    let key = ["--date", "2025-07-21", "--zone", "CANTAL", "--categorie", "TOURISTE", "--provenance", "NONLOCAL"];
    let explained = home.tool("explain-volume").args(["--table", "fact_nuitees"]).args(key).env("TZ", "Europe/Paris");
    let text = explained.run().stdout;
    assert!(text.contains("2025-07-29 00:30:00 (update-temp-tables)"), "{text}");
}

#[test]
fn values_are_written_as_french_is() {
    let World { home, db } = World::seeded();
    let season = home.tool("scrap-date").args(["--from", "2025", "--to", "2025"]).run().expect_code(0).stdout.clone();
    assert!(season.contains(" été ") && !season.contains(" ete "), "{season}");
    let bytes = db.scalar("SELECT @@global.max_allowed_packet");
    let settings = home.tool("simple-test").env("COLUMNS", "160").run().stdout;
    // Three digits behind each blank.
    let grouped = |digits: &str| {
        let first = digits.len() % 3;
        let groups = digits.as_bytes()[first..].chunks(3).map(|group| std::str::from_utf8(group).unwrap());
        std::iter::once(&digits[..first]).filter(|group| !group.is_empty()).chain(groups).collect::<Vec<_>>().join(" ")
    };
    assert!(settings.contains(&grouped(&bytes)) && settings.contains("STRICT_TRANS_TABLES, "), "{settings}");
}

#[test]
fn help_and_manual_have_examples_and_completions_have_the_values() {
    let home = Home::without_db();
    let help = home.tool("update-temp-tables").arg("--help").run().expect_code(0).stdout.clone();
    assert!(help.contains("Exemples :") && help.contains("update-temp-tables --dry-run"), "{help}");
    assert!(help.contains("[first, last, sum, reject]"), "{help}");
    home.tool("update-temp-tables").args(["--on-conflict", "hasard"]).run().expect_code(2).expect_stderr("first");

    home.tool("flux").args(["man", "pages"]).run().expect_code(0);
    let pages = home.list("pages");
    assert!(["flux.1", "flux-init.1", "flux-doctor.1"].iter().all(|page| pages.iter().any(|name| name == page)));
    for name in pages {
        let page = home.read(format!("pages/{name}"));
        for section in ["EXEMPLES", "FICHIERS", "ENVIRONNEMENT", "CODES DE SORTIE"] {
            assert!(page.contains(&format!(".SH {section}\n")), "{section} of {name}");
        }
    }
    let page = home.read("pages/update-temp-tables.1");
    assert!(page.contains("logs/update\\-temp\\-tables.log"), "{page}");
    // The log of the ETL keeps its old name.
    assert!(home.read("pages/populate-facts-full-production.1").contains("logs/etl_fluxvision_production.log"));
    for shell in ["bash", "zsh", "fish"] {
        let script = home.tool("flux").args(["completions", shell]).run().expect_code(0).stdout.clone();
        assert!(script.contains("infile") && script.contains("never"), "{shell}");
        // Those that are run by `flux` itself have their options too.
        assert!(script.contains("departement"), "{shell}");
    }
}

/// A table that somebody else holds for three seconds stands for one that takes long to read.
#[test]
fn what_takes_more_than_a_second_is_shown_on_a_terminal_and_nowhere_else() {
    if !terminal::is_there() {
        return flux_test::skip("script (util-linux)");
    }
    let World { home, db } = World::seeded();
    let held = |run: &dyn Fn() -> flux_test::Outcome| {
        let (mut holder, mut admin, name) = (db.conn(), db.admin(), db.name());
        holder.query_drop("LOCK TABLES dim_saisons WRITE").unwrap();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                wait_for_blocked(&mut admin, name, "dim_saisons");
                std::thread::sleep(std::time::Duration::from_secs(3));
                holder.query_drop("UNLOCK TABLES").unwrap();
            });
            run()
        })
    };
    let on_terminal = held(&|| terminal::on(&home, 80, &["status-saisons"]).run());
    let drawn: Vec<&str> = on_terminal.stdout.split(['\r', '\n']).filter(|line| line.contains("dim_saisons")).collect();
    assert!(drawn.iter().any(|line| line.contains("2s ")), "what it waits for, and for how long\n{on_terminal}");
    let piped = held(&|| home.tool("status-saisons").run());
    assert_eq!(piped.stderr, "", "{piped}");
}
