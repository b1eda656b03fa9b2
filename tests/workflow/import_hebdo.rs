//! `scripts/import-hebdo`: the chain of the week, with real tools and with stand-ins for every exit code.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use flux_test::{Home, Tool, bin_dir};
use support::archive::zip_of;
use support::orange;
use support::portal::Portal;
use support::weekly::World;

const TOOLS: [&str; 10] = [
    "update-temp-tables",
    "check-status",
    "check-zones",
    "validation-complete-import",
    "migrate-temp-to-main",
    "verify-migration",
    "cleanup-temp",
    "archive-csv",
    "backup-critical",
    "clear-cache-midnight",
];

/// What `--fetch` begins with.
const FETCH: [&str; 2] = ["download-deliveries", "extract-only"];

fn script() -> PathBuf {
    flux_test::repository().join("scripts/import-hebdo")
}

fn chain(home: &Home, bin: &Path) -> Tool {
    Tool::program(script()).home(home).arg("--bin").arg(bin).limit(Duration::from_secs(120))
}

/// A home with a delivery, and tools that write their name into `appels` and end with the given codes (0 for the others).
fn stand_ins(codes: &[(&str, u8)]) -> (Home, PathBuf) {
    let home = Home::without_db();
    home.write_csv("frequentation_nuitee.csv", "Date\n");
    for name in FETCH.into_iter().chain(TOOLS) {
        let code = codes.iter().find(|(tool, _)| *tool == name).map_or(0, |(_, code)| *code);
        let path = home.write(
            format!("bin/{name}"),
            format!(
                "#!/bin/sh\necho {name} \"$@\" >>{}/appels\necho sortie de {name}\nexit {code}\n",
                home.path().display()
            ),
        );
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let bin = home.join("bin");
    (home, bin)
}

/// The tools that were called, in order.
fn called(home: &Home) -> Vec<String> {
    home.read("appels").lines().map(|line| line.split(' ').next().unwrap().to_owned()).collect()
}

fn report(home: &Home) -> String {
    let names = home.list("logs");
    let name = names.iter().find(|name| name.ends_with(".txt")).unwrap_or_else(|| panic!("{names:?}"));
    home.read(format!("logs/{name}"))
}

#[test]
fn a_real_week_goes_through_and_a_second_start_finds_nothing_to_do() {
    let World { home, db } = World::seeded();
    home.tool("generate-sample-data").args(["--days", "2", "--scale", "0.2"]).run().expect_code(0);
    home.write("cache/infographie/a.json", "{}");
    let lines: usize = home
        .list("data/data_temp")
        .iter()
        .filter(|name| name.ends_with(".csv"))
        .map(|name| home.read(format!("data/data_temp/{name}")).lines().count() - 1)
        .sum();
    let run = chain(&home, bin_dir()).run();
    assert!(run.code == 0, "{run}");
    let rows = |suffix: &str| -> u64 {
        let weekly = [
            "nuitees",
            "nuitees_departements",
            "nuitees_pays",
            "diurnes",
            "diurnes_departements",
            "diurnes_pays",
            "lieu_activite_soir",
            "sejours_duree",
            "sejours_duree_departements",
            "sejours_duree_pays",
        ];
        weekly.iter().map(|table| db.count(&format!("fact_{table}{suffix}"))).sum()
    };
    assert_eq!((rows("") as usize, rows("_temp")), (lines, 0), "{run}");
    assert!(!home.list("data/data_temp").iter().any(|name| name.ends_with(".csv")), "archived\n{run}");
    assert_eq!(home.list("data/backups").len(), 1);
    assert!(home.list("cache/infographie").is_empty());
    assert!(report(&home).contains("Bilan de import-hebdo"));
    let again = chain(&home, bin_dir()).run().expect_code(0);
    assert!(again.stdout.contains("rien à faire"), "{again}");
    assert_eq!(chain(&home, bin_dir()).arg("-q").run().expect_code(0).stdout, "");
    assert_eq!(rows("") as usize, lines);
}

#[test]
fn all_tools_in_order_with_the_home() {
    let (home, bin) = stand_ins(&[]);
    let run = chain(&home, &bin).args(["--keep", "5"]).run().expect_code(0);
    assert_eq!(called(&home), TOOLS);
    assert!(
        home.read("appels").lines().all(|line| line.contains(&format!("--home {}", home.path().display()))),
        "{run}"
    );
    assert!(home.read("appels").contains("--keep 5"));
    assert!(run.stdout.contains("sortie de verify-migration") && run.stdout.contains("rien à signaler"), "{run}");
}

#[test]
fn three_goes_on_and_is_told() {
    let (home, bin) = stand_ins(&[("update-temp-tables", 3), ("cleanup-temp", 3)]);
    let run = chain(&home, &bin).run().expect_code(3);
    assert_eq!(called(&home), TOOLS);
    assert!(run.stdout.contains("⚠  update-temp-tables") && run.stdout.contains("✓  verify-migration"), "{run}");
    // quiet: the whole report, for there is something to read
    let quiet = chain(&home, &bin).arg("-q").run().expect_code(3);
    let lines: Vec<&str> = quiet.stdout.lines().collect();
    assert!(lines[0].starts_with("Bilan") && lines[1].starts_with('⚠') && lines[2].starts_with("  →"), "{quiet}");
    assert!(quiet.stdout.contains("sortie de update-temp-tables") && quiet.stdout.contains("sortie de cleanup-temp"));
    // The mail holds what those say that asked for a look; the report has the rest.
    assert!(!quiet.stdout.contains("sortie de verify-migration"), "{quiet}");
    assert!(report(&home).contains("sortie de verify-migration"));
}

/// 80 columns, but for what cannot be broken.
fn assert_fits(mail: &str) {
    for line in mail.lines().filter(|line| line.split_whitespace().count() > 2) {
        assert!(line.chars().count() <= 80, "{} columns: {line}\n{mail}", line.chars().count());
    }
}

#[test]
fn a_mail_is_broken_between_words_and_says_each_thing_on_its_own_line() {
    let (home, bin) = stand_ins(&[]);
    let tool = |name: &str, says: &str| home.write(format!("bin/{name}"), format!("#!/bin/sh\n{says}\nexit 3\n"));
    tool("validation-complete-import", r#"echo '{"findings": [{"code": "zone-vanished"}, {"code": "file-missing"}]}'"#);
    let long = "écrivez « Châtaigneraie cantalienne » à l'endroit où l'étude de l'été dit « Châtaigneraie » : reference/noms.csv";
    tool("update-temp-tables", &format!("echo \"  → {long}\""));
    let mail = chain(&home, &bin).arg("-q").env("LC_ALL", "C").run().expect_code(3);
    let lines: Vec<&str> = mail.stdout.lines().collect();
    assert!(lines[0].starts_with("Bilan de import-hebdo, ") && lines[0].ends_with(" : 4 étapes"), "{mail}");
    assert_eq!(lines[1], "⚠ rien n'a été migré : fichiers absents, zones disparues", "{mail}");
    assert_eq!(lines[2], "  → écrivez « Châtaigneraie cantalienne » à l'endroit où l'étude de l'été dit");
    assert_eq!(lines[3], "    « Châtaigneraie » : reference/noms.csv ; puis relancez import-hebdo", "{mail}");
    assert_eq!(lines[4], "  → si la livraison est bien ainsi : import-hebdo --proceed", "{mail}");
    assert_eq!(lines[5], "  codes : file-missing, zone-vanished", "{mail}");
    assert_fits(&mail.stdout);
}

/// What a mail says to do: its third line, with those that go on with it.
fn to_do(mail: &str) -> String {
    let mut lines = mail.lines().skip(2);
    let first = lines.next().unwrap().to_owned();
    lines.take_while(|line| line.starts_with("    ")).fold(first, |text, line| format!("{text} {}", line.trim_start()))
}

fn next(home: &Home, bin: &Path) -> String {
    to_do(&chain(home, bin).arg("-q").run().expect_code(3).stdout)
}

#[test]
fn what_the_validation_finds_stops_before_the_migration_unless_told_to_go_on() {
    let answer = |codes: &[&str]| {
        let findings: Vec<String> = codes.iter().map(|code| format!("{{\"code\": \"{code}\"}}")).collect();
        format!(
            "#!/bin/sh\necho validation-complete-import \"$@\" >>appels\necho '{{\"findings\": [{}]}}'\nexit 3\n",
            findings.join(", ")
        )
    };
    let before = &TOOLS[..4];
    for code in ["rejected-lines", "file-missing", "date-shrunk", "period-unexpected", "volume-scaled"] {
        let (home, bin) = stand_ins(&[("update-temp-tables", 3)]);
        home.write("bin/validation-complete-import", answer(&["volume-unusual", code]));
        let run = chain(&home, &bin).run().expect_code(3);
        let mut called = called(&home);
        called.dedup();
        assert_eq!(called, before, "{code}");
        assert!(run.stdout.contains(code) && run.stdout.contains("--proceed"), "{run}");
        fs::remove_file(home.join("appels")).unwrap();
        chain(&home, &bin).arg("--proceed").run().expect_code(3);
        assert_eq!(self::called(&home), TOOLS);
    }
    // The next step is that of whoever asks for a look, the import being done already.
    let (home, bin) = stand_ins(&[]);
    let advice = "echo '  → demandez ce fichier'\necho '{";
    home.write("bin/validation-complete-import", answer(&["file-missing"]).replace("echo '{", advice));
    assert!(next(&home, &bin).contains("demandez ce fichier ; puis relancez"));
    // Half a file is not mended line by line, and nobody is told to run the same thing twice.
    home.write("bin/validation-complete-import", answer(&["rejected-lines", "file-truncated"]));
    let rejects = "#!/bin/sh\necho '  → corrigez ces lignes, puis relancez'\nexit 3\n";
    home.write("bin/update-temp-tables", rejects);
    let truncated = next(&home, &bin);
    assert!(
        truncated.contains("coupée ; puis relancez import-hebdo") && !truncated.contains("corrigez"),
        "{truncated}"
    );
    home.write("bin/validation-complete-import", answer(&["rejected-lines"]));
    assert!(next(&home, &bin).contains("corrigez ces lignes ; puis relancez import-hebdo"));
    // However the terminal breaks it.
    home.write("bin/update-temp-tables", rejects.replace("puis relancez", "puis\n    relancez"));
    assert!(next(&home, &bin).contains("corrigez ces lignes ; puis relancez import-hebdo"));
    // What was to be done before the migration is not what is left to do after it.
    home.write(
        "bin/validation-complete-import",
        answer(&["conflicting-lines"]).replace("echo '{", "echo '  → migrez'\necho '{"),
    );
    let after = next(&home, &bin);
    assert!(after.contains("lisez ce que disent") && !after.contains("migrez"), "{after}");
    // What a volume or a conflict asks for is no reason to stop.
    let (home, bin) = stand_ins(&[]);
    home.write("bin/validation-complete-import", answer(&["volume-unusual", "conflicting-lines"]));
    chain(&home, &bin).run().expect_code(3);
    assert!(called(&home).contains(&"migrate-temp-to-main".to_owned()));
    // An answer that cannot be read, and no validation at all where the import has something to say.
    let (home, bin) = stand_ins(&[("validation-complete-import", 3)]);
    chain(&home, &bin).run().expect_code(3);
    assert!(!called(&home).contains(&"migrate-temp-to-main".to_owned()));
    let (home, bin) = stand_ins(&[("update-temp-tables", 3)]);
    fs::remove_file(bin.join("validation-complete-import")).unwrap();
    chain(&home, &bin).run().expect_code(3);
    assert!(!called(&home).contains(&"migrate-temp-to-main".to_owned()));
}

#[test]
fn a_week_with_rejects_is_held_back_then_mended_and_migrated() {
    let World { home, db } = World::seeded();
    home.tool("generate-sample-data").args(["--days", "2", "--scale", "0.2"]).run().expect_code(0);
    let good = home.read("data/data_temp/duree_sejour.csv");
    home.write_csv(
        "duree_sejour.csv",
        good.replacen("13 nuits et plus", "treize nuits", 1).replacen("1 nuit;", "une nuit;", 1),
    );
    let run = chain(&home, bin_dir()).run();
    assert!(run.code == 3 && run.stdout.contains("rejected-lines"), "{run}");
    assert_eq!(db.count("fact_nuitees"), 0, "nothing is migrated\n{run}");
    home.write_csv("duree_sejour.csv", good);
    chain(&home, bin_dir()).run().expect_code(0);
    assert!(db.count("fact_nuitees") > 0 && db.count("fact_sejours_duree") > 0);
}

#[test]
fn the_file_that_was_mended_goes_through_alone_once_the_others_are_archived() {
    let World { home, db } = World::seeded();
    home.tool("generate-sample-data").args(["--days", "2", "--scale", "0.2"]).run().expect_code(0);
    let name = "frequentation_journee_fr.csv";
    let good = home.read(format!("data/data_temp/{name}"));
    home.write_csv(name, good.replacen(";Touriste;", ";Touristique;", 2));
    chain(&home, bin_dir()).arg("--proceed").run().expect_code(3);
    let csvs = || home.list("data/data_temp").into_iter().filter(|name| name.ends_with(".csv")).collect::<Vec<_>>();
    assert_eq!(csvs(), [name], "the nine others are archived");
    assert_eq!(db.count("fact_diurnes_departements"), good.lines().count() as u64 - 3);
    home.write_csv(name, &good);
    let run = chain(&home, bin_dir()).run();
    assert!(!run.stdout.contains("file-missing"), "{run}");
    assert_eq!((csvs(), db.count("fact_diurnes_departements")), (Vec::new(), good.lines().count() as u64 - 1), "{run}");
    // Half a delivery is still told: these had nothing to be mended.
    home.tool("generate-sample-data").args(["--days", "2", "--scale", "0.2", "--revision", "1"]).run().expect_code(0);
    std::fs::remove_file(home.join("data/data_temp/duree_sejour.csv")).unwrap();
    let run = chain(&home, bin_dir()).run();
    assert!(run.code == 3 && run.stdout.contains("file-missing"), "{run}");
}

#[test]
fn a_renamed_zone_is_one_cause_in_the_mail_and_a_done_week_is_silent() {
    let World { home, db } = World::seeded();
    home.tool("generate-sample-data").args(["--days", "7", "--scale", "0.2"]).run().expect_code(0);
    let names: Vec<String> = home.list("data/data_temp").into_iter().filter(|name| name.ends_with(".csv")).collect();
    let good: Vec<String> = names.iter().map(|name| home.read(format!("data/data_temp/{name}"))).collect();
    for (name, content) in names.iter().zip(&good) {
        home.write_csv(name, content.replace(";Lioran;", ";Massif du Lioran Renommé;"));
    }
    let held = chain(&home, bin_dir()).arg("-q").run().expect_code(3);
    let lines: Vec<&str> = held.stdout.lines().collect();
    assert!(lines[0].starts_with("Bilan") && lines[1].starts_with('⚠') && lines[2].starts_with("  →"), "{held}");
    assert!(to_do(&held.stdout).contains("reference/zones.csv"), "the next step is that of the cause\n{held}");
    assert_fits(&held.stdout);
    // Three tools with a table of ten files or tables each, one of them with three tables; no list of lines.
    assert!(lines.len() < 200, "{} lines\n{held}", lines.len());
    assert_eq!(db.count("fact_nuitees"), 0);
    for (name, content) in names.iter().zip(&good) {
        home.write_csv(name, content);
    }
    chain(&home, bin_dir()).arg("-q").run().expect_code(0);
    // Once more, with the same files delivered again, by each tool and by the chain.
    for (name, content) in names.iter().zip(&good) {
        home.write_csv(name, content);
    }
    for name in ["update-temp-tables", "check-status", "migrate-temp-to-main", "verify-migration", "cleanup-temp"] {
        let again = home.tool(name).arg("-q").run().expect_code(0);
        assert_eq!((again.stdout.as_str(), again.stderr.as_str()), ("", ""), "{name}");
    }
    let again = chain(&home, bin_dir()).arg("-q").run().expect_code(0);
    assert_eq!((again.stdout.as_str(), again.stderr.as_str()), ("", ""));
}

#[test]
fn a_failure_stops_the_chain_wherever_it_is() {
    for (at, name) in TOOLS.iter().enumerate() {
        let (home, bin) = stand_ins(&[(name, 1)]);
        let run = chain(&home, &bin).run().expect_code(1);
        assert_eq!(called(&home), TOOLS[..=at], "{name}");
        assert!(run.stdout.contains("arrêté") && report(&home).contains(&format!("✗  {name}")), "{run}");
    }
    let (home, bin) = stand_ins(&[("migrate-temp-to-main", 4)]);
    chain(&home, &bin).run().expect_code(4);
    assert_eq!(called(&home), TOOLS[..5]);
}

#[test]
fn quiet_says_nothing_when_all_is_well_but_keeps_the_report() {
    let (home, bin) = stand_ins(&[]);
    let run = chain(&home, &bin).arg("-q").run().expect_code(0);
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", ""));
    assert!(report(&home).contains("sortie de archive-csv"));
}

#[test]
fn two_starts_at_once_do_not_meet_and_a_stop_reaches_the_tool() {
    let (home, bin) = stand_ins(&[]);
    let slow = "#!/bin/sh\ntrap 'echo annulé; exit 1' TERM\necho début >>appels\nwhile :; do sleep 0.1; done\n";
    home.write("bin/update-temp-tables", slow);
    let mut first = chain(&home, &bin).spawn();
    let started = Instant::now();
    while !home.join("appels").exists() {
        assert!(first.is_running() && started.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(20));
    }
    chain(&home, &bin).run().expect_code(4).expect_stderr("une autre exécution");
    first.signal("TERM");
    let stopped = first.wait().expect_code(1);
    assert!(
        stopped.stdout.contains("annulé")
            && stopped.stdout.contains("✗ interrompu")
            && !stopped.stdout.contains("corrigez"),
        "{stopped}"
    );
    assert_eq!(home.read("appels"), "début\n");
}

#[test]
fn missing_tools_stop_before_anything_and_missing_diagnostics_do_not() {
    let (home, bin) = stand_ins(&[]);
    fs::remove_file(bin.join("check-zones")).unwrap();
    chain(&home, &bin).run().expect_code(0).expect_stdout("absent");
    fs::remove_file(home.join("appels")).unwrap();
    fs::remove_file(bin.join("archive-csv")).unwrap();
    chain(&home, &bin).run().expect_code(1).expect_stderr("archive-csv");
    assert!(!home.join("appels").exists());
}

#[test]
fn fetch_begins_with_the_download_and_goes_no_further_without_all_of_it() {
    let whole: Vec<&str> = FETCH.into_iter().chain(TOOLS).collect();
    let (home, bin) = stand_ins(&[]);
    chain(&home, &bin).args(["--fetch", "--latest", "2"]).run().expect_code(0);
    assert_eq!(called(&home), whole);
    let calls = home.read("appels");
    assert!(calls.lines().next().unwrap().ends_with("--latest 2") && calls.contains("extract-only --home"), "{calls}");
    assert!(calls.lines().nth(1).unwrap().ends_with("--weekly"), "{calls}");
    for (tool, code, reached) in [
        ("download-deliveries", 1, 1),
        ("download-deliveries", 3, 1),
        ("download-deliveries", 4, 1),
        ("extract-only", 1, 2),
        ("extract-only", 3, whole.len()),
    ] {
        let (home, bin) = stand_ins(&[(tool, code)]);
        chain(&home, &bin).arg("--fetch").run().expect_code(i32::from(code));
        assert_eq!(called(&home), whole[..reached], "{tool} {code}");
    }
    let (home, bin) = stand_ins(&[("download-deliveries", 3)]);
    chain(&home, &bin).args(["--fetch", "--proceed"]).run().expect_code(3);
    assert_eq!(called(&home), whole);
    // Nothing new has come: nothing is imported.
    fs::remove_file(home.join("data/data_temp/frequentation_nuitee.csv")).unwrap();
    fs::remove_file(home.join("appels")).unwrap();
    chain(&home, &bin).args(["--fetch", "--proceed"]).run().expect_code(3);
    assert_eq!(called(&home), FETCH);
    chain(&home, &bin).args(["--latest", "2"]).run().expect_code(2);
    // What is fetched can be chosen; each choice goes on as it is.
    fs::remove_file(home.join("appels")).unwrap();
    let chosen = ["--study", "Flux B1", "--year", "2026", "--only", "*.csv,*.zip", "--latest", "3"];
    chain(&home, &bin).args(["--proceed", "--fetch"]).args(chosen).run().expect_code(3);
    let calls = home.read("appels");
    let first = calls.lines().next().unwrap();
    assert!(first.ends_with("--study Flux B1 --year 2026 --only *.csv,*.zip --latest 3"), "{first}");
    for bad in
        [&["--study", "B1"][..], &["--fetch", "--year", "26"], &["--fetch", "--study"], &["--fetch", "--only", ""]]
    {
        chain(&home, &bin).args(bad.iter().copied()).run().expect_code(2);
    }
    fs::remove_file(bin.join("extract-only")).unwrap();
    chain(&home, &bin).arg("--fetch").run().expect_code(1).expect_stderr("extract-only");
}

/// The ten weekly files, as an archive.
fn archive(home: &Home) -> Vec<u8> {
    let names = home.list("data/data_temp").into_iter().filter(|name| name.ends_with(".csv"));
    zip_of(names.map(|name| (name.clone(), home.read(format!("data/data_temp/{name}")))))
}

/// The chain that begins with this portal.
fn fetching(home: &Home, portal: &Portal, password: &str) -> Tool {
    orange::asking(chain(home, bin_dir()).arg("--fetch"), portal).env("FLUX_VISION_PASSWORD", password)
}

#[test]
fn a_week_of_plain_files_comes_from_the_portal_of_orange_too() {
    let World { home, db } = World::seeded();
    let elsewhere = Home::without_db();
    elsewhere.tool("generate-sample-data").args(["--days", "2", "--scale", "0.2"]).run().expect_code(0);
    let names = elsewhere.list("data/data_temp").into_iter().filter(|name| name.ends_with(".csv"));
    let week: Vec<(String, String)> =
        names.map(|name| (name.clone(), elsewhere.read(format!("data/data_temp/{name}")))).collect();
    assert_eq!(week.len(), 10);
    let nights = elsewhere.read("data/data_temp/frequentation_nuitee.csv").lines().count() as u64 - 1;
    let portal = Portal::new(move |request, _| {
        let offered = |at: usize| orange::entry(&week[at].0, &format!("/f/{at}"), "2025-07-15T08:00:00+02:00");
        match request.path.strip_prefix("/f/") {
            None => orange::list(request, &(0..week.len()).map(offered).collect::<Vec<_>>()),
            Some(at) => orange::served(week[at.parse::<usize>().unwrap()].1.as_bytes()).whole(request),
        }
    });
    let run = fetching(&home, &portal, orange::PASSWORD).run();
    assert!(run.code == 0, "{run}");
    assert_eq!((db.count("fact_nuitees"), db.count("fact_nuitees_temp")), (nights, 0));
    assert!(!home.list("data/data_temp").iter().any(|name| name.ends_with(".csv")), "archived\n{run}");
    // Next week nothing is new, not even where the copies were removed to make room: only the list is asked for.
    for name in home.list("ftp_downloads").iter().filter(|name| name.ends_with(".csv")) {
        fs::remove_file(home.join(format!("ftp_downloads/{name}"))).unwrap();
    }
    let before = portal.requests().len();
    let again = fetching(&home, &portal, orange::PASSWORD).run();
    assert!(again.code == 0 && !again.stdout.contains("migrate-temp-to-main"), "{again}");
    assert_eq!(portal.requests().len(), before + 1);
}

#[test]
fn a_week_comes_from_the_portal_of_orange_to_the_main_tables() {
    let World { home, db } = World::seeded();
    let elsewhere = Home::without_db();
    elsewhere.tool("generate-sample-data").args(["--days", "2", "--scale", "0.2"]).run().expect_code(0);
    let nights = elsewhere.read("data/data_temp/frequentation_nuitee.csv").lines().count() as u64 - 1;
    let content = archive(&elsewhere);
    let broken = Arc::new(AtomicBool::new(true));
    let breaks = Arc::clone(&broken);
    let portal = Portal::new(move |request, _| match request.path.as_str() {
        orange::LIST => orange::list(request, &[orange::entry("S28.zip", "/f/1", "2025-07-15T08:00:00+02:00")]),
        _ if breaks.load(Ordering::SeqCst) => orange::served(&content).cut(request, 10),
        _ => orange::served(&content).whole(request),
    });
    let fetch = |password: &str| fetching(&home, &portal, password).run();
    fetch("un autre").expect_code(1);
    // The line breaks each time: what came is kept for the next run, nothing is imported.
    let cut = fetch(orange::PASSWORD);
    assert!(cut.code == 3 && !cut.stdout.contains("update-temp-tables"), "{cut}");
    assert_eq!(db.count("fact_nuitees_temp"), 0);
    broken.store(false, Ordering::SeqCst);
    let run = fetch(orange::PASSWORD);
    assert!(run.code == 0, "{run}");
    assert_eq!((db.count("fact_nuitees"), db.count("fact_nuitees_temp")), (nights, 0));
    assert_eq!(home.list("data/backups").len(), 1);
    assert!(!home.list("data/data_temp").iter().any(|name| name.ends_with(".csv")), "archived\n{run}");
    // Next week nothing is new: only the list is asked for.
    let before = portal.requests().len();
    let again = fetch(orange::PASSWORD);
    assert!(again.code == 0 && !again.stdout.contains("migrate-temp-to-main"), "{again}");
    assert_eq!(portal.requests().len(), before + 1);
    assert!(!run.stdout.contains(orange::PASSWORD) && !report(&home).contains(orange::PASSWORD));
}

/// Started by chance elsewhere, it says so, instead of « rien à faire », and leaves no `logs` there; below the home it finds it.
#[test]
fn the_home_is_looked_for_as_the_tools_look_for_it() {
    let (home, bin) = stand_ins(&[]);
    let from = |folder: &str, variable: &str| {
        let line = format!("cd {folder} && {variable} exec {} --bin {}", script().display(), bin.display());
        Tool::program("/bin/bash").home(&home).args(["-c", &format!("unset FLUX_HOME; {line}")]).run()
    };
    let elsewhere = tempfile_folder();
    let run = from(elsewhere.to_str().unwrap(), "").expect_code(1);
    assert!(
        run.stderr.contains(elsewhere.to_str().unwrap())
            && run.stderr.contains("→")
            && run.stderr.contains("flux init"),
        "{run}"
    );
    assert_eq!((fs::read_dir(&elsewhere).unwrap().count(), home.join("appels").exists()), (0, false));
    from("data/data_temp", "").expect_code(0);
    assert_eq!(called(&home), TOOLS);
    assert!(!home.join("data/data_temp/logs").exists());
    let here = format!("FLUX_HOME={}", home.path().display());
    from(elsewhere.to_str().unwrap(), &here).expect_code(0);
    fs::remove_dir(&elsewhere).unwrap();
}

/// A folder with no home above it.
fn tempfile_folder() -> PathBuf {
    let folder = std::env::temp_dir().join(format!("hors-de-tout-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// The three lines say which tool stopped the week, of what, and that the chain is run again: of an error and of a report's ✗.
#[test]
fn the_verdict_of_a_failure_names_its_cause_and_what_to_do() {
    let refused = "echo 'cleanup-temp : ⚠ verrou repris : un autre' >&2\n\
        echo 'cleanup-temp : connexion impossible à flux@ici/base :' >&2\necho 'aucun serveur' >&2\n\
        echo '  → démarrez le serveur, puis relancez' >&2";
    let failed = "printf 'cleanup-temp : vide les\\ntables\\n✗ 3 tables vidées\\n  → accordez ce droit\\n\\n table\\n\\n✗ fact_x_temp : DELETE\\n  refusé\\n  → accordez\\n'";
    for (says, cause, next) in [
        (
            refused,
            "connexion impossible à flux@ici/base : aucun serveur",
            "démarrez le serveur ; puis relancez import-hebdo",
        ),
        (failed, "fact_x_temp : DELETE refusé", "accordez ce droit ; puis relancez import-hebdo"),
        ("true", "", "corrigez ce que dit l'étape marquée ✗, puis relancez import-hebdo"),
    ] {
        let (home, bin) = stand_ins(&[]);
        home.write("bin/cleanup-temp", format!("#!/bin/sh\n{says}\nexit 1\n"));
        let mail = chain(&home, &bin).arg("-q").run().expect_code(1).stdout.clone();
        let head: String = mail.split("\n\n").next().unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
        let cause = if cause.is_empty() { "cleanup-temp".to_owned() } else { format!("cleanup-temp : {cause}") };
        assert!(head.contains(&format!("✗ arrêté par {cause} → {next}")), "{mail}");
    }
}

#[test]
fn bad_usage_and_missing_folders() {
    let (home, bin) = stand_ins(&[]);
    chain(&home, &bin).arg("--inconnu").run().expect_code(2);
    chain(&home, &bin).args(["--keep", "zero"]).run().expect_code(2);
    chain(&home, &bin).args(["--home", "absent"]).run().expect_code(1).expect_stderr("absent");
    let help = chain(&home, &bin).arg("--help").run().expect_code(0).stdout.clone();
    assert!(help.contains("Codes de sortie") && help.contains("Exemples :"), "{help}");
    assert!(help.lines().all(|line| line.chars().count() <= 80), "{help}");
    chain(&home, &bin).arg("--sans-sauvegarde").run().expect_code(0);
    assert!(!called(&home).contains(&"backup-critical".to_owned()));
    fs::remove_dir_all(home.join("logs")).unwrap();
    home.write("logs", "un fichier");
    chain(&home, &bin).run().expect_code(1).expect_stderr("logs");
}
