//! Nothing is wider than a terminal of 40, 60 or 80 columns, and no word is cut there: helps, usage errors and real reports of every tool.

use std::collections::BTreeSet;

use flux_test::{Home, TestDb, Tool};
use support::terminal;

fn tools() -> Vec<String> {
    let names = Tool::new("flux").args(["list", "--names"]).run().expect_code(0);
    names.stdout.lines().map(str::to_owned).collect()
}

/// What a run shows at this width.
#[track_caller]
fn shown(home: &Home, columns: usize, words: &[&str]) -> String {
    let outcome = terminal::on(home, columns, words).run();
    assert!((0..=4).contains(&outcome.code), "{outcome}");
    terminal::shown(&outcome)
}

/// What the same command says in a pipe, and wrote into its log.
fn said(home: &Home, words: &[&str]) -> String {
    let piped = home.tool(words[0]).args(&words[1..]).run();
    // What counts the examples that are left out is for people only.
    let left_out = "tout -v --json journal";
    format!("{}\n{}\n{}\n{left_out}", piped.stdout, piped.stderr, home.logs())
}

/// What is wrong with what a run shows, held against what it says elsewhere.
fn judge(text: &str, known: &str, columns: usize, words: &[&str]) -> Vec<String> {
    let told =
        |what: &str, of: Vec<&str>| of.iter().map(|part| format!("{words:?}: {what}: {part}")).collect::<Vec<_>>();
    [told("too wide", terminal::too_wide(text, columns)), told("cut", terminal::cut(text, known))].concat()
}

#[test]
fn helps_and_usage_errors_keep_to_the_width() {
    if !terminal::is_there() {
        return flux_test::skip("script (util-linux)");
    }
    let names = tools();
    let names: Vec<&str> = names.iter().map(String::as_str).chain(["flux", "flux doctor", "flux init"]).collect();
    // Hundreds of short processes, which wait more than they work.
    let problems: Vec<String> = std::thread::scope(|scope| {
        let parts: Vec<_> =
            names.chunks(names.len().div_ceil(4)).map(|part| scope.spawn(|| badly_helped(part))).collect();
        parts.into_iter().flat_map(|part| part.join().expect("a part of the tools")).collect()
    });
    assert!(problems.is_empty(), "{problems:#?}");
}

/// What is wrong with the helps and usage errors of these tools.
fn badly_helped(names: &[&str]) -> Vec<String> {
    let home = Home::without_db();
    let mut problems = Vec::new();
    for name in names {
        let tool: Vec<&str> = name.split(' ').collect();
        for option in ["--help", "-h", "--nimporte"] {
            let words: Vec<&str> = tool.iter().copied().chain([option]).collect();
            let known = said(&home, &words);
            for columns in [40, 60, 80] {
                problems.extend(judge(&shown(&home, columns, &words), &known, columns, &words));
            }
        }
    }
    problems
}

/// A week with defects, one command after the other; every tool is there.
const RUNS: &[&str] = &[
    "flux",
    "flux list",
    "flux maintenance",
    "flux doctor",
    "check-status",
    "update-temp-tables",
    "simple-test",
    "adopt-database",
    "ensure-schema --dry-run",
    "ensure-schema --seed",
    "scrap-date --from 2019 --to 2030",
    "update-saisons --from 2023 --to 2026",
    "status-saisons",
    "verifier-saisons",
    "manage-periodes list",
    "manage-periodes add --code festival --name Festival --from 2025-08-20 --to 2025-08-24 --year 2025",
    "generate-sample-data --from 2025-07-07 --days 7 --scale 0.2 --seed 7 --defect volume-textuel:3@frequentation_nuitee.csv,30-fevrier:2@export_mobilite.csv,lignes-doubles:4,lignes-contradictoires:1@duree_sejour.csv,zones-renommees:2",
    "etat-csv-complet",
    "analyse-zones-csv",
    "check-import-progress",
    "update-temp-tables --dry-run",
    "update-temp-tables",
    "import-sejours-duree-fr --force",
    "import-sejours-duree-int --force",
    "import-optimized",
    "check-import-progress",
    "check-status",
    "check-zones",
    "validation-complete-import --html validation.html",
    "diagnostic-migration",
    "migrate-temp-to-main --dry-run",
    "verify-migration --limit 3",
    "migrate-sejours-duree",
    "migrate-optimized",
    "migrate-temp-to-main",
    "migrate-temp-to-main",
    "verify-migration",
    "verify-migration --from-archive",
    "cleanup-temp --dry-run",
    "cleanup-temp",
    "archive-csv --dry-run",
    "archive-csv --accept-rejects",
    "backup-critical --all",
    "restore-critical --list",
    "restore-critical",
    "compare-mobility-2024-2023 --year 2025 --reference 2024 --period annee_complete --limit 5",
    "diagnostic-mobility --year 2025 --period annee_complete",
    "diagnostic-mobility --year 2024 --period vacances_ete",
    "explain-volume --table fact_nuitees --date 2025-07-08 --zone Cantal --categorie Touriste --provenance NonLocal",
    "historique",
    "tables-info --structure --stats",
    "improve-response",
    "improve-response --apply",
    "add-missing-zones --dry-run",
    "merge-zones --from CANTAL --into LIORAN",
    "merge-dimension --dim epci --doubles",
    "withdraw-provisional",
    "cleanup-year --year 2025",
    "reset-saisons",
    "cache-admin",
    "cleanup-old-cache --older-than 7j",
    "clear-cache-midnight",
    "rotate-logs --dry-run",
    "security-cleanup-check",
    "populate-facts-full-production --dry-run",
    "populate-facts-optimized --dry-run",
    "extract-only --dry-run",
    "download-deliveries --list",
    "portal-users list",
    "portal-users disable personne",
    "serve-portal --tls-cert rien.pem --tls-key rien.pem",
    "test-api-simple --base-url http://127.0.0.1:9",
    "test-infographie-apis --base-url http://127.0.0.1:9",
    "test-api-mobilite-directe --base-url http://127.0.0.1:9 --year 2025",
    "test-admin-restrictions --base-url http://127.0.0.1:9",
    "test-zone-mapping-api-production --base-url http://127.0.0.1:9",
];

#[test]
fn reports_keep_to_forty_columns() {
    reports_keep_to(40);
}

#[test]
fn reports_keep_to_sixty_columns() {
    reports_keep_to(60);
}

#[test]
fn reports_keep_to_eighty_columns() {
    reports_keep_to(80);
}

#[track_caller]
fn reports_keep_to(columns: usize) {
    if !terminal::is_there() {
        return flux_test::skip("script (util-linux)");
    }
    let db = TestDb::new();
    let home = Home::new(&db);
    let mut problems = Vec::new();
    for run in RUNS {
        let words: Vec<&str> = run.split(' ').collect();
        let text = shown(&home, columns, &words);
        problems.extend(judge(&text, &said(&home, &words), columns, &words));
    }
    let run: BTreeSet<&str> = RUNS.iter().filter_map(|run| run.split(' ').next()).collect();
    let names = tools();
    let missing: Vec<&String> = names.iter().filter(|name| !run.contains(name.as_str())).collect();
    assert!(missing.is_empty(), "never run: {missing:?}");
    assert!(problems.is_empty(), "{problems:#?}");
}
