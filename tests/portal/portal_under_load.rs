//! `serve-portal` while many ask at the same time: the database goes and comes, the portal is stopped, callers send what they like.

use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use flux_test::Server;
use support::diag::NUITEE;
use support::served::{Answer, Served, TOKEN, database, encoded, fill, read};

const PATH: &str = "/api/infographie/infographie_indicateurs_cles";

/// A question of its own for each number, so that few answers are there already.
fn question(number: u64) -> String {
    let day = 1 + number % 28;
    format!("{PATH}?debut=2025-0{}-{day:02}&fin=2025-08-{day:02}&zone=CABA", 4 + number / 28 % 4)
}

/// An answer, or none where nobody accepts or the connection ends without a byte.
fn ask(address: &str, path: &str) -> Option<Answer> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(60))).ok()?;
    stream
        .write_all(
            format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Api-Key: {TOKEN}\r\n\r\n").as_bytes(),
        )
        .ok()?;
    let answer = read(&mut stream);
    (!answer.head.is_empty()).then_some(answer)
}

/// Nothing is cut off: the body is as long as the head says.
#[track_caller]
fn whole(answer: &Answer) {
    let length = answer.header("content-length").and_then(|length| length.parse::<usize>().ok());
    assert_eq!(length, Some(answer.body.len()), "{}", answer.head);
}

#[test]
fn the_database_stops_and_starts_while_many_ask() {
    let Some(server) = Server::dedicated::<&str>([]) else { return };
    let db = server.new_db();
    fill(&db);
    let served = Served::new(&db, &[], &[]);
    assert_eq!(served.api(&question(0)).status, 200);
    let (stop, next) = (AtomicBool::new(false), AtomicU64::new(1));
    // Answers of each kind, before, without and with the database again.
    let counts: [[AtomicU64; 2]; 3] = Default::default();
    let stage = AtomicU64::new(0);
    scope(|threads| {
        for _ in 0..8 {
            threads.spawn(|| {
                while !stop.load(Ordering::SeqCst) {
                    let begun = Instant::now();
                    let before = stage.load(Ordering::SeqCst);
                    let answer =
                        ask(&served.address, &question(next.fetch_add(1, Ordering::SeqCst))).expect("an answer");
                    whole(&answer);
                    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
                    match answer.status {
                        200 => assert_eq!(answer.json()["status"], "success"),
                        503 => {
                            assert!(answer.header("retry-after").is_some(), "{answer:?}");
                            assert_eq!(answer.json()["code"], "unavailable");
                        }
                        _ => panic!("{answer:?}"),
                    }
                    // What was asked in one stage and answered in another belongs to neither.
                    if stage.load(Ordering::SeqCst) == before {
                        counts[before as usize][usize::from(answer.status == 503)].fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
        }
        sleep(Duration::from_secs(3));
        server.kill9();
        sleep(Duration::from_secs(2));
        stage.store(1, Ordering::SeqCst);
        sleep(Duration::from_secs(3));
        stage.store(0, Ordering::SeqCst);
        server.restart();
        let until = Instant::now() + Duration::from_secs(60);
        while served.get("/readyz").status != 200 && Instant::now() < until {
            sleep(Duration::from_millis(100));
        }
        sleep(Duration::from_secs(2));
        stage.store(2, Ordering::SeqCst);
        sleep(Duration::from_secs(3));
        stop.store(true, Ordering::SeqCst);
    });
    let count = |stage: usize, away: bool| counts[stage][usize::from(away)].load(Ordering::SeqCst);
    assert!(count(0, false) > 0 && count(1, true) > 0, "{counts:?}");
    assert_eq!(count(1, false), 0, "answered without a database: {counts:?}");
    assert!(count(2, false) > 0 && count(2, true) == 0, "it does not come back: {counts:?}\n{}", served.home.logs());
}

#[test]
fn a_stop_while_many_ask_cuts_no_answer_off() {
    let db = database();
    let mut served = Served::new(&db, &[], &[]);
    let address = served.address.clone();
    assert_eq!(served.api(&question(0)).status, 200);
    let (next, answered) = (AtomicU64::new(1), AtomicU64::new(0));
    let begun = Instant::now();
    scope(|threads| {
        for _ in 0..12 {
            threads.spawn(|| {
                // Until the portal accepts no more.
                while let Some(answer) = ask(&address, &question(next.fetch_add(1, Ordering::SeqCst))) {
                    whole(&answer);
                    assert!(answer.status == 200 || answer.status == 503, "{answer:?}");
                    answered.fetch_add(1, Ordering::SeqCst);
                    assert!(begun.elapsed() < Duration::from_secs(60), "it goes on");
                }
            });
        }
        sleep(Duration::from_secs(2));
        served.running.signal("TERM");
    });
    let outcome = served.running.wait().expect_code(0);
    assert!(outcome.duration < Duration::from_secs(60));
    assert!(answered.load(Ordering::SeqCst) > 12, "{answered:?}");
    // Every answer is in the log, those of the end as well.
    let written = served.home.read("logs/portail-acces.log").lines().filter(|line| line.contains(PATH)).count() as u64;
    assert!(written > answered.load(Ordering::SeqCst), "{written} lines, {answered:?} answers and the first");
}

const POISON: [&str; 6] = [
    "' OR 1=1 -- ",
    "1); DROP TABLE fact_nuitees; -- ",
    "\"><script>alert(1)</script>",
    "a\r\nSet-Cookie: x=1",
    "../../.env",
    "\u{202e}😀%00",
];

const QUESTION: &[&str] = &["annee", "periode", "zone", "compare_annee", "debut", "fin"];
const RANKING: &[&str] = &["annee", "periode", "zone", "compare_annee", "debut", "fin", "limit", "format"];
const TWO: &[&str] = &[
    "annee_a",
    "periode_a",
    "zone_a",
    "annee_b",
    "periode_b",
    "zone_b",
    "debut_a",
    "fin_a",
    "debut_b",
    "fin_b",
    "compare_annee_a",
];

/// Each address with the parameters that it reads.
#[rustfmt::skip]
const ADDRESSES: &[(&str, &[&str])] = &[
    ("/api/infographie/infographie_indicateurs_cles", QUESTION),
    ("/api/infographie/infographie_departements_touristes", RANKING),
    ("/api/infographie/infographie_regions_excursionnistes.php", RANKING),
    ("/api/infographie/infographie_pays_touristes", RANKING),
    ("/api/infographie/infographie_communes_excursion", RANKING),
    ("/api/infographie/infographie_duree_sejour", QUESTION),
    ("/api/infographie/infographie_series", &["annee", "periode", "zone", "debut", "fin", "visiteurs", "format"]),
    ("/api/infographie/infographie_periodes", &["action", "annee", "format"]),
    ("/api/filters/get_periodes", &["action", "annee"]),
    ("/api/filters/filters_mysql", &["format"]),
    ("/api/legacy/blocks/bloc_a", QUESTION),
    ("/api/analytics/communes_excursion", RANKING),
    ("/api/analytics/comparison_detailed", TWO),
    ("/api/analytics/comparison_departements", TWO),
    ("/api/database/tables_info", &["type", "limit", "offset", "format"]),
    ("/api/etat", &["format"]),
    ("/dashboard", &["annee", "periode", "zone", "compare_annee", "debut", "fin", "onglet"]),
    ("/dashboard?onglet=comparer", TWO),
    ("/infographie", QUESTION),
    ("/tables", QUESTION),
    ("/graphiques/jours.svg", &["annee", "periode", "zone", "visiteurs"]),
    ("/graphiques/departements.svg", &["annee", "periode", "zone", "limit"]),
    ("/graphiques/communes.svg", &["zone", "limit"]),
    ("/graphiques/sejours.svg", QUESTION),
    ("/infographie.svg", QUESTION),
    ("/infographie.pdf", &["annee", "zone"]),
    ("/infographie.png", &["periode", "zone"]),
    ("/tables.csv", QUESTION),
    ("/tables.xlsx", &["annee", "zone"]),
];

/// In each parameter of each address: it is refused, quickly, and nothing of it gets into SQL, a header or a page.
#[test]
fn injection_in_every_parameter_of_every_address() {
    let db = database();
    let served = Served::new(&db, &[], &[]);
    let before = db.count("fact_nuitees");
    let usual = |name: &str| match name.trim_end_matches("_a").trim_end_matches("_b") {
        "annee" => "2025",
        "periode" => "vacances_ete",
        _ => "CABA",
    };
    for (address, names) in ADDRESSES {
        for poisoned in *names {
            for poison in POISON {
                let suffixes: &[&str] = if names.contains(&"annee_a") { &["_a", "_b"] } else { &[""] };
                let all = suffixes
                    .iter()
                    .flat_map(|suffix| ["annee", "periode", "zone"].map(|name| format!("{name}{suffix}")));
                let mut query: Vec<String> = all
                    .filter(|name| name != poisoned)
                    .map(|name| format!("{name}={}", encoded(usual(&name))))
                    .collect();
                query.push(format!("{poisoned}={}", encoded(poison)));
                let mark = if address.contains('?') { '&' } else { '?' };
                let begun = Instant::now();
                let answer = served.api(&format!("{address}{mark}{}", query.join("&")));
                let told = format!("{address} {poisoned}={poison:?}: {}\n{}", answer.head, answer.text());
                assert!([400, 404].contains(&answer.status), "{told}");
                assert!(begun.elapsed() < Duration::from_secs(4), "{told}");
                assert!(answer.header("set-cookie").is_none(), "{told}");
                // A message may say the name that leads nowhere: as JSON, or escaped in a page.
                let text = answer.text().replace(poison, "");
                let is_json = answer.header("content-type").unwrap().starts_with("application/json");
                for leaked in ["SQL syntax", "mysql", "SELECT ", "fact_", "panicked", ".rs:"] {
                    assert!(!text.contains(leaked), "{leaked} in {told}");
                }
                assert!(is_json || !text.contains("<script>alert"), "{told}");
            }
        }
    }
    assert_eq!(db.count("fact_nuitees"), before);
}

/// An import writes what the portal does not show.
#[test]
fn an_import_leaves_the_answers_that_are_kept_and_a_migration_does_not() {
    let db = database();
    let served = Served::new(&db, &[], &[]);
    sleep(Duration::from_secs(4));
    let first = served.api(&question(0)).expect(200).json();
    let again = || served.api(&question(0)).expect(200).json();
    served.home.write_csv("frequentation_nuitee.csv", format!("{NUITEE}2025-09-01;CANTAL;NONLOCAL;TOURISTE;12\n"));
    served.home.tool("update-temp-tables").args(["--only", "frequentation_nuitee"]).run().expect_code(0);
    assert_eq!(db.count("fact_nuitees_temp"), 1);
    sleep(Duration::from_millis(1_200));
    assert_eq!(again()["meta"]["calcule_le"], first["meta"]["calcule_le"], "it was worked out again");
    served.home.tool("migrate-temp-to-main").args(["--only", "fact_nuitees"]).run().expect_code(0);
    assert_eq!(db.scalar("SELECT COUNT(*) FROM fact_nuitees WHERE date = '2025-09-01'"), "1");
    sleep(Duration::from_millis(1_200));
    assert_ne!(again()["meta"]["version_des_donnees"], first["meta"]["version_des_donnees"]);
}
