//! `serve-portal` while many ask at the same time: the database goes and comes, the portal is stopped, callers send what they like.

use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use flux_test::mysql::Conn;
use flux_test::mysql::prelude::Queryable;
use flux_test::{Server, TestDb};
use support::diag::NUITEE;
use support::served::{Answer, Served, TOKEN, database, encoded, fill, read, shared};

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
    let db = shared();
    let mut served = Served::new(db, &[], &[]);
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
    let db = shared();
    let served = Served::new(db, &[], &[]);
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
                assert!(begun.elapsed() < Duration::from_secs(20), "{told}");
                assert!(answer.header("set-cookie").is_none(), "{told}");
                // A message may say the name that leads nowhere: as JSON, or escaped in a page, whose spaces before signs do not break.
                let text = answer.text().replace(['\u{a0}', '\u{202f}'], " ").replace(poison, "");
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

fn locked(db: &TestDb, statement: &str) -> Conn {
    let mut holder = db.conn();
    holder.query_drop(statement).unwrap();
    holder
}

/// What was read for one answer is not read again for another one of the same data.
#[test]
fn answers_share_what_was_read_as_long_as_it_is_so() {
    let db = database();
    let served = Served::new(&db, &[], &["--statement-limit", "2"]);
    let list = |kind: &str, more: &str| {
        let question = "annee=2025&periode=vacances_ete&zone=CABA";
        served.api(&format!("/api/infographie/infographie_{kind}_touristes?{question}{more}"))
    };
    // The state of the data is known for certain some seconds after the last change.
    sleep(Duration::from_secs(4));
    let all = list("departements", "").expect(200).json();
    let mut holder = locked(&db, "LOCK TABLES fact_nuitees_departements WRITE");
    // Nobody else can read the table now.
    let first = list("departements", "&limit=1").expect(200).json();
    assert_eq!((&first["data"][0], &first["total"]), (&all["data"][0], &all["total"]));
    let regions = list("regions", "").expect(200).json();
    assert_eq!(regions["total"], all["total"]);
    assert_eq!(list("departements", "&compare_annee=2023").status, 503, "2023 was never read");
    holder.query_drop("UNLOCK TABLES").unwrap();
    db.exec(
        "UPDATE fact_nuitees_departements SET volume = volume + 1000 WHERE date = '2025-07-10' AND id_zone = 2 \
         AND id_provenance = 2 AND id_categorie = 1 AND id_departement = 1",
    );
    sleep(Duration::from_millis(1_200));
    let total = |answer: &serde_json::Value| answer["total"].as_u64().unwrap();
    assert_eq!(total(&list("departements", "&limit=2").expect(200).json()), total(&all) + 1_000);
}

/// Beside a run that writes, answers are worked out one after the other, and sessions do not wait for them.
#[test]
fn beside_a_writer_answers_stand_in_line_and_sessions_do_not() {
    let db = database();
    let served = Served::new(&db, &[], &[]);
    let asked = |list: &str| {
        let mut stream = served.connect();
        let path = format!("/api/infographie/infographie_{list}?annee=2025&periode=vacances_ete&zone=CABA");
        let head = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Api-Key: {TOKEN}\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        stream
    };
    let answers_within = |stream: &TcpStream, seconds: u64| {
        stream.set_read_timeout(Some(Duration::from_secs(seconds))).unwrap();
        stream.peek(&mut [0]).is_ok()
    };
    for writing in [false, true] {
        let _writer = writing.then(|| locked(&db, "DO GET_LOCK(CONCAT('flux:', DATABASE()), 1)"));
        sleep(Duration::from_millis(1_200));
        served.api("/api/filters/filters_mysql").expect(200);
        let mut holder = locked(&db, "LOCK TABLES fact_diurnes_pays WRITE");
        let (mut first, mut second) = (asked("pays_excursionnistes"), {
            sleep(Duration::from_millis(500));
            asked(if writing { "pays_touristes" } else { "duree_sejour" })
        });
        assert!(!answers_within(&first, 2));
        // Whoever does not stand in line has all the time that a busy machine needs.
        assert_eq!(answers_within(&second, if writing { 2 } else { 20 }), !writing, "writing: {writing}");
        // A session that nobody has asked for yet is looked up meanwhile.
        let cookie = format!("flux_portail={}", if writing { "a" } else { "b" }.repeat(64));
        let begun = Instant::now();
        served.send("GET", "/login", &[("Cookie", &cookie)], "").expect(200);
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        holder.query_drop("UNLOCK TABLES").unwrap();
        for stream in [&mut first, &mut second] {
            stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
            // Whoever stood in line for long was told to come again.
            let status = read(stream).status;
            assert!(status == 200 || (writing && status == 503), "{status}");
        }
        // Another state of the data, so that nothing is kept of this one.
        db.exec("UPDATE fact_diurnes_pays SET volume = volume + 1 WHERE date = '2025-07-10'");
    }
}

/// Beside a run that writes, a single visitor waits for the work and a little, not for all of the rest that the work calls for: 1.5 s of
/// it call for 6 s.
#[test]
fn beside_a_writer_a_single_visitor_is_served_soon_and_so_is_the_next() {
    let db = database();
    let served = Served::new(&db, &[], &[]);
    let _writer = locked(&db, "DO GET_LOCK(CONCAT('flux:', DATABASE()), 1)");
    sleep(Duration::from_millis(1_200));
    served.api("/api/filters/filters_mysql").expect(200);
    let mut holder = locked(&db, "LOCK TABLES fact_diurnes_pays WRITE");
    std::thread::scope(|scope| {
        let begun = Instant::now();
        let served = &served;
        let first = scope.spawn(move || {
            let question = "annee=2025&periode=vacances_ete&zone=CABA";
            served.api(&format!("/api/infographie/infographie_pays_excursionnistes?{question}")).expect(200);
            begun.elapsed()
        });
        sleep(Duration::from_millis(1_500));
        holder.query_drop("UNLOCK TABLES").unwrap();
        let first = first.join().unwrap();
        assert!(first >= Duration::from_millis(1_500) && first < Duration::from_secs(5), "{first:?}");
    });
    let begun = Instant::now();
    served.api("/api/infographie/infographie_pays_touristes?annee=2025&periode=vacances_ete&zone=CABA").expect(200);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}
