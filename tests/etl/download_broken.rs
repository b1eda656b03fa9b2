//! `download-deliveries` on lines that break, servers that lie, and runs that die.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use flux_test::{Home, Tool};
use serde_json::Value;
use support::orange::{self, LIST, Served, entry, header, range_from, served, zip};
use support::portal::{Portal, Reply, Request, html};
use support::{terminal, trouble};

const DATE: &str = "2025-08-15T10:30:00+02:00";

fn offering(name: &str, answer: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static) -> Portal {
    let entries = vec![entry(name, "/f/1", DATE)];
    let asked = Mutex::new(0);
    Portal::new(move |request, _| match request.path.as_str() {
        LIST => orange::list(request, &entries),
        _ => {
            let number = {
                let mut asked = asked.lock().unwrap();
                *asked += 1;
                *asked
            };
            answer(request, number)
        }
    })
}

fn files(portal: &Portal) -> Vec<Request> {
    portal.requests().into_iter().filter(|request| request.path != LIST).collect()
}

/// Everything that lies in the folder but the memories and the lock.
fn left(home: &Home) -> Vec<String> {
    home.list("ftp_downloads").into_iter().filter(|name| !name.starts_with(".telechargements")).collect()
}

#[track_caller]
fn holds(home: &Home, name: &str, content: &[u8]) {
    let found = fs::read(home.join("ftp_downloads").join(name)).unwrap();
    assert!(found == content, "{} bytes instead of {}", found.len(), content.len());
}

fn status_of(json: &Value) -> &str {
    json["files"][0]["status"].as_str().unwrap()
}

/// Until the part is so long: the tool is then in the middle of the file.
fn wait_for_part(home: &Home, bytes: u64) {
    let started = Instant::now();
    let folder = home.join("ftp_downloads");
    let long = || {
        let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
        entries
            .filter(|entry| entry.file_name().to_string_lossy().ends_with(".partial"))
            .any(|entry| entry.metadata().is_ok_and(|metadata| metadata.len() >= bytes))
    };
    while !long() {
        assert!(started.elapsed() < Duration::from_secs(30), "no part of {bytes} bytes appears");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_download_cut_at_any_byte_goes_on_there() {
    let content = zip(300);
    let cuts: Vec<usize> = (0..content.len()).step_by(37).chain([1, content.len() - 1]).collect();
    let entries: Vec<Value> = cuts.iter().map(|cut| entry(&format!("{cut}.zip"), &format!("/f/{cut}"), DATE)).collect();
    let (sent, asked) = (content.clone(), Mutex::new(BTreeSet::new()));
    let portal = Portal::new(move |request, _| {
        if request.path == LIST {
            return orange::list(request, &entries);
        }
        let cut: usize = request.path[3..].parse().unwrap();
        let first = asked.lock().unwrap().insert(cut);
        if first { served(&sent).cut(request, cut) } else { served(&sent).whole(request) }
    });
    let home = Home::without_db();
    let json = orange::tool(&home, &portal).run().expect_code(0).json();
    assert_eq!(json["totals"]["fetched"], cuts.len());
    for cut in cuts {
        holds(&home, &format!("{cut}.zip"), &content);
        let asked: Vec<Request> =
            files(&portal).into_iter().filter(|request| request.path == format!("/f/{cut}")).collect();
        assert_eq!(asked.len(), 2);
        // Before the first byte there is nothing to go on from.
        let expected = if cut == 0 { (None, None) } else { (Some(cut), Some("\"v1\"")) };
        assert_eq!((range_from(&asked[1]), header(&asked[1], "if-range")), expected);
    }
}

#[test]
fn a_server_without_ranges_is_asked_for_the_whole_again() {
    let content = zip(4000);
    let sent = content.clone();
    let portal = offering("a.zip", move |request, number| {
        let version = Served { ranges: false, ..served(&sent) };
        if number == 1 { version.cut(request, 2000) } else { version.whole(request) }
    });
    let home = Home::without_db();
    let json = orange::tool(&home, &portal).run().expect_code(0).json();
    assert_eq!((status_of(&json), files(&portal).len()), ("fetched", 2));
    holds(&home, "a.zip", &content);
}

#[test]
fn a_line_that_always_breaks_is_told_and_the_next_run_goes_on() {
    let content = zip(9000);
    let sent = content.clone();
    let portal =
        offering(
            "a.zip",
            move |request, number| {
                if number <= 4 { served(&sent).cut(request, 500) } else { served(&sent).whole(request) }
            },
        );
    let home = Home::without_db();
    let json = orange::tool(&home, &portal).run().expect_code(3).json();
    assert_eq!((status_of(&json), json["findings"][0]["code"].as_str()), ("failed", Some("delivery-not-fetched")));
    assert!(!home.join("ftp_downloads/a.zip").exists());
    let dry = orange::tool(&home, &portal).arg("--dry-run").run().expect_code(0).json();
    assert_eq!(dry["files"][0]["resumed_from"], 2000);
    let json = orange::tool(&home, &portal).run().expect_code(0).json();
    assert_eq!((status_of(&json), json["files"][0]["resumed_from"].as_u64()), ("fetched", Some(2000)));
    holds(&home, "a.zip", &content);
    assert_eq!(left(&home), ["a.zip"]);
}

#[test]
fn a_file_that_changes_meanwhile_is_never_a_mixture() {
    let (old, new) = (zip(3000), zip(3000).into_iter().rev().collect::<Vec<u8>>());
    // The newer content is no archive but as long: only the names of the versions tell them apart.
    for honest in [true, false] {
        let (first, second) = (old.clone(), new.clone());
        let portal = offering("a.csv", move |request, number| {
            if number == 1 {
                return Served { etag: "\"v1\"", ..served(&first) }.cut(request, 1000);
            }
            Served { etag: "\"v2\"", honest, ..served(&second) }.whole(request)
        });
        let home = Home::without_db();
        let _ = orange::tool(&home, &portal).run().expect_code(0);
        holds(&home, "a.csv", &new);
    }
    // Nothing tells the versions of an archive apart: the mixture is seen by its checksums, and the next attempt starts over.
    let (first, second) = (zip(3000), {
        let mut other = zip(3000);
        let at = other.len() / 2;
        other[at] ^= 0xff;
        other
    });
    let portal = offering("a.zip", move |request, number| {
        let version = |content| Served { etag: "", ..served(content) };
        if number == 1 { version(&first).cut(request, 1000) } else { version(&second).whole(request) }
    });
    let home = Home::without_db();
    let json = orange::tool(&home, &portal).run().expect_code(3).json();
    assert_eq!((status_of(&json), left(&home).len()), ("failed", 0));
    // A table has no checksums: without a name for its version it is not gone on with.
    let portal = offering("a.csv", |request, number| {
        let (one, two) = ("1\n".repeat(900), "2\n".repeat(900));
        let version = |content| Served { etag: "", ..served(content) };
        if number == 1 { version(one.as_bytes()).cut(request, 1000) } else { version(two.as_bytes()).whole(request) }
    });
    let home = Home::without_db();
    let _ = orange::tool(&home, &portal).run().expect_code(0);
    holds(&home, "a.csv", "2\n".repeat(900).as_bytes());
}

/// A table has no checksums, and a server may say one place and send another: what it sends must begin as what is here ends.
#[test]
fn bytes_from_another_place_than_the_server_says_are_not_joined() {
    let content: String = (0..2000).map(|n| format!("2025-07-07;{}\n", n * 7919 % 100_000)).collect();
    let sent = content.clone().into_bytes();
    let portal = offering("a.csv", move |request, number| match number {
        1 => served(&sent).cut(request, 7000),
        // As long as it ought to be, and a hundred bytes too early.
        2 => {
            let (head, body) = served(&sent).answer(request);
            let from = range_from(request).unwrap() - 100;
            Reply::Raw([head.as_bytes(), &sent[from..from + body.len()]].concat())
        }
        _ => served(&sent).whole(request),
    });
    let home = Home::without_db();
    orange::tool(&home, &portal).run().expect_code(0);
    let from: Vec<Option<usize>> = files(&portal).iter().map(range_from).collect();
    assert_eq!(from, [None, Some(7000 - 256), None]);
    holds(&home, "a.csv", content.as_bytes());
    // An honest one is gone on with.
    let sent = content.clone().into_bytes();
    let portal =
        offering(
            "a.csv",
            move |request, number| {
                if number == 1 { served(&sent).cut(request, 7000) } else { served(&sent).whole(request) }
            },
        );
    let home = Home::without_db();
    orange::tool(&home, &portal).run().expect_code(0);
    assert_eq!(files(&portal).len(), 2);
    holds(&home, "a.csv", content.as_bytes());
}

/// A server that answers a range with all of the file, and says so, has sent the file.
#[test]
fn all_of_the_file_sent_as_a_part_of_itself_is_the_file() {
    let content = zip(3000);
    let sent = content.clone();
    let portal = offering("a.zip", move |request, number| {
        if number == 1 {
            return served(&sent).cut(request, 1000);
        }
        let head = format!(
            "HTTP/1.1 206 Partial\r\nContent-Range: bytes 0-{}/{1}\r\nContent-Length: {1}\r\n\r\n",
            sent.len() - 1,
            sent.len()
        );
        Reply::Raw([head.as_bytes(), &sent].concat())
    });
    let home = Home::without_db();
    orange::tool(&home, &portal).run().expect_code(0);
    assert_eq!(files(&portal).len(), 2);
    holds(&home, "a.zip", &content);
}

/// The list is short: cut, it is asked for again as a file is.
#[test]
fn a_list_that_breaks_off_is_asked_for_again() {
    let listed = serde_json::json!([entry("a.zip", "/f/1", DATE)]).to_string();
    let portal = Portal::new(move |request, number| {
        if request.path != LIST {
            return served(&zip(70)).whole(request);
        }
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", listed.len());
        let cut = if number < 3 { number * 20 } else { listed.len() };
        Reply::Raw([head.as_bytes(), &listed.as_bytes()[..cut]].concat())
    });
    let home = Home::without_db();
    orange::tool(&home, &portal).run().expect_code(0);
    assert_eq!(portal.requests().iter().filter(|request| request.path == LIST).count(), 3);
    holds(&home, "a.zip", &zip(70));
}

#[test]
fn answers_that_are_not_the_file_are_not_kept() {
    let content = zip(500);
    let cut = content[..300].to_vec();
    let replies: Vec<(&str, Reply)> = vec![
        ("a.zip", html(200, "<html>Connectez-vous</html>")),
        ("a.csv", Reply::Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n <html></html>".to_vec())),
        ("a.zip", Reply::Raw([b"HTTP/1.1 200 OK\r\nContent-Length: 300\r\n\r\n".as_slice(), &cut].concat())),
        ("a.zip", Reply::Raw([b"HTTP/1.1 200 OK\r\n\r\n".as_slice(), &cut].concat())),
        ("a.csv", Reply::Raw(b"HTTP/1.1 200 OK\r\n\r\nDate;Volume\n2025-08-15;1".to_vec())),
        ("a.csv", Reply::Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec())),
        ("a.zip", Reply::Raw([b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n".as_slice(), &content].concat())),
        (
            "a.csv",
            Reply::Raw(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\n\x1f\x8b123".to_vec()),
        ),
        (
            "a.csv",
            Reply::Raw(
                b"HTTP/1.1 206 Partial\r\nContent-Range: bytes 5-9/10\r\nContent-Length: 5\r\n\r\n1234\n".to_vec(),
            ),
        ),
        ("a.csv", Reply::Answer(403, vec![], String::new())),
        ("a.csv", Reply::Answer(404, vec![], String::new())),
    ];
    for (name, reply) in replies {
        let told = format!("{name} {reply:?}").chars().take(160).collect::<String>();
        let portal = offering(name, move |_, _| reply.clone());
        let home = Home::without_db();
        let outcome = orange::tool(&home, &portal).run().expect_code(3);
        assert_eq!(status_of(&outcome.json()), "failed", "{told}\n{outcome}");
        // A part is kept to go on with; of what has not even begun there is none.
        let part = |name: &String| {
            let size = fs::metadata(home.join("ftp_downloads").join(name)).unwrap().len();
            name.ends_with(".partial") && size > 0
        };
        assert!(left(&home).iter().all(part), "{told}: {:?}", left(&home));
    }
    // Without a length, the end of the line, or the directory of the archive, shows that all of it came.
    let whole = zip(500);
    let portal = offering("a.zip", move |_, _| Reply::Raw([b"HTTP/1.1 200 OK\r\n\r\n".as_slice(), &whole].concat()));
    let home = Home::without_db();
    let _ = orange::tool(&home, &portal).run().expect_code(0);
    holds(&home, "a.zip", &content);
}

#[test]
fn wrong_credentials_for_the_files_end_the_run() {
    let portal = offering("a.zip", |_, _| Reply::Answer(401, vec![], String::new()));
    let home = Home::without_db();
    let outcome = orange::tool(&home, &portal).run().expect_code(1);
    assert_eq!(outcome.json()["error"]["code"], "portal-refused");
}

#[test]
fn a_full_disk_fails_and_leaves_nothing() {
    // The disk of the test takes 64 KiB a file.
    let portal = offering("a.zip", |request, _| served(&zip(200_000)).whole(request));
    let home = Home::without_db();
    let tool = trouble::on_a_full_disk(&home, "download-deliveries").arg("--json");
    let outcome = orange::asking(tool, &portal).run().expect_code(1);
    assert_eq!(outcome.json()["error"]["code"], "io");
    assert_eq!(left(&home), Vec::<String>::new());
    let _ = orange::tool(&home, &portal).run().expect_code(0);
    holds(&home, "a.zip", &zip(200_000));
}

/// A server that stops in the middle of the first answer.
fn stalling(content: Vec<u8>) -> Portal {
    let half = content.len() / 2;
    offering("a.zip", move |request, number| {
        if number == 1 {
            served(&content).stall(request, half, Duration::from_secs(40))
        } else {
            served(&content).whole(request)
        }
    })
}

#[test]
fn a_killed_run_leaves_a_part_that_the_next_one_goes_on_with() {
    let content = zip(600_000);
    let half = content.len() / 2;
    let (portal, home) = (stalling(content.clone()), Home::without_db());
    let running = orange::tool(&home, &portal).spawn();
    wait_for_part(&home, half as u64);
    assert!(running.killed());
    assert!(!home.join("ftp_downloads/a.zip").exists());
    let json = orange::tool(&home, &portal).run().expect_code(0).json();
    assert_eq!(json["files"][0]["resumed_from"].as_u64(), Some(half as u64));
    assert_eq!(range_from(&files(&portal)[1]), Some(half));
    holds(&home, "a.zip", &content);
    assert_eq!(left(&home), ["a.zip"]);
}

#[test]
fn a_run_killed_before_a_whole_file_got_its_name_fetches_nothing_again() {
    let portal = offering("a.zip", |request, _| served(&zip(70)).whole(request));
    let home = Home::without_db();
    let outcome = orange::tool(&home, &portal).fail_at("file.publish", "kill").run();
    assert_eq!((outcome.code, home.join("ftp_downloads/a.zip").exists()), (137, false));
    let _ = orange::tool(&home, &portal).run().expect_code(0);
    assert_eq!(files(&portal).len(), 1);
    holds(&home, "a.zip", &zip(70));
}

/// Names are given to many files at once: what a crash leaves in the middle of them is neither lost nor there twice.
#[test]
fn a_run_killed_among_many_files_leaves_each_once() {
    // Each name in two deliveries.
    let content = |n: usize| zip(20 + n);
    let named = |n: usize| {
        let delivery = n % 2;
        let fields = serde_json::json!({"delivery_code_ref": format!("L{delivery}"), "delivery_name": format!("B{delivery} 2024")});
        orange::entry_with(&format!("Fichier_{}.zip", n / 2), &format!("/f/{n}"), fields)
    };
    let entries: Vec<Value> = (0..100).map(named).collect();
    let portal = Portal::new(move |request, _| match request.path.strip_prefix("/f/") {
        None => orange::list(request, &entries),
        Some(n) => served(&content(n.parse().unwrap())).whole(request),
    });
    let home = Home::without_db();
    let outcome = orange::tool(&home, &portal).fail_at("file.publish:75", "kill").run();
    assert_eq!(outcome.code, 137);
    let memory: Value =
        serde_json::from_slice(&fs::read(home.join("ftp_downloads/.telechargements.json")).unwrap()).unwrap();
    let remembered: Vec<&Value> = memory.as_object().unwrap().values().collect();
    assert!(!remembered.is_empty() && remembered.len() < 75, "{}", remembered.len());
    for file in remembered {
        let found = fs::metadata(home.join("ftp_downloads").join(file["file"].as_str().unwrap())).unwrap();
        assert_eq!(Some(found.len()), file["bytes"].as_u64(), "{file}");
    }
    let json = orange::tool(&home, &portal).run().expect_code(0).json();
    assert_eq!(json["totals"]["failed"], 0);
    let mut expected: Vec<usize> = (0..100).map(|n| content(n).len()).collect();
    let mut found: Vec<usize> = left(&home)
        .iter()
        .map(|name| fs::metadata(home.join("ftp_downloads").join(name)).unwrap().len() as usize)
        .collect();
    expected.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, expected);
    assert!(files(&portal).len() < 150, "{}", files(&portal).len());
    assert_eq!(orange::tool(&home, &portal).run().expect_code(0).json()["totals"]["known"], 100);
}

#[test]
fn of_two_runs_at_once_the_second_one_goes_away() {
    let content = zip(600_000);
    let (portal, home) = (stalling(content.clone()), Home::without_db());
    let mut first = orange::tool(&home, &portal).spawn();
    wait_for_part(&home, content.len() as u64 / 2);
    let second = orange::tool(&home, &portal).run().expect_code(4);
    assert_eq!(second.json()["error"]["code"], "locked");
    // A list does not disturb.
    let _ = orange::tool(&home, &portal).arg("--list").run().expect_code(0);
    let asked = Instant::now();
    first.signal("TERM");
    let outcome = first.wait().expect_code(1);
    // The portal is silent for twice as long.
    assert!(asked.elapsed() < Duration::from_secs(20), "a stop is not waited for");
    assert_eq!(outcome.json()["error"]["code"], "interrupted");
    let _ = orange::tool(&home, &portal).run().expect_code(0);
    holds(&home, "a.zip", &content);
}

#[test]
fn silence_is_taken_for_a_cut() {
    let content = zip(600_000);
    let (portal, home) = (stalling(content.clone()), Home::without_db());
    let outcome = orange::tool(&home, &portal).args(["--timeout", "1"]).run().expect_code(0);
    assert!(outcome.duration < Duration::from_secs(20));
    holds(&home, "a.zip", &content);
}

/// What drips never falls silent, and never ends: it is a line that breaks, for the list as for a file.
#[test]
fn a_drip_is_taken_for_a_cut() {
    let content = zip(600);
    let sent = content.clone();
    let portal = offering("a.zip", move |request, number| {
        if number > 1 {
            return served(&sent).whole(request);
        }
        let (head, body) = served(&sent).answer(request);
        Reply::Drip([head.as_bytes(), &body].concat(), head.len() + 100, Duration::from_millis(200))
    });
    let home = Home::without_db();
    let outcome = orange::tool(&home, &portal).args(["--timeout", "1"]).run().expect_code(0);
    assert!(outcome.duration < Duration::from_secs(20), "{outcome}");
    let from = range_from(&files(&portal)[1]);
    assert!(from.is_some_and(|from| (101..content.len()).contains(&from)), "{from:?} of {}", content.len());
    holds(&home, "a.zip", &content);
}

/// RFC 9110 lets a server that answers a range keep the length of the whole to itself.
#[test]
fn a_range_without_the_length_of_the_whole_is_gone_on_with() {
    let content = zip(9000);
    let (length, sent) = (content.len(), content.clone());
    let portal = offering("a.zip", move |request, number| {
        let (head, body) = served(&sent).answer(request);
        let head = head.replace(&format!("/{length}\r\n"), "/*\r\n");
        let most = if number < 4 { 2000 } else { body.len() };
        Reply::Raw([head.as_bytes(), &body[..most]].concat())
    });
    let home = Home::without_db();
    orange::tool(&home, &portal).run().expect_code(0);
    let from: Vec<Option<usize>> = files(&portal).iter().map(range_from).collect();
    assert_eq!(from, [None, Some(2000), Some(4000), Some(6000)]);
    holds(&home, "a.zip", &content);
}

/// A server that calls all that it sends a page: an archive proves itself, a page is one by what it says.
#[test]
fn an_archive_under_the_type_of_a_page_is_taken() {
    let content = zip(300);
    let typed = |body: &[u8]| {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n", body.len());
        Reply::Raw([head.as_bytes(), body].concat())
    };
    let (home, whole) = (Home::without_db(), typed(&content));
    let portal = offering("a.zip", move |_, _| whole.clone());
    orange::tool(&home, &portal).run().expect_code(0);
    holds(&home, "a.zip", &content);
    for (name, body) in [("b.zip", "\u{feff}<html>Connectez-vous</html>"), ("b.csv", "Session expirée\n")] {
        let page = typed(body.as_bytes());
        let (home, portal) = (Home::without_db(), offering(name, move |_, _| page.clone()));
        let json = orange::tool(&home, &portal).run().expect_code(3).json();
        assert!(json["findings"][0]["action"].as_str().unwrap().contains("FLUX_VISION_PASSWORD"), "{json:#}");
        assert_eq!(left(&home), Vec::<String>::new());
    }
}

#[test]
fn memory_does_not_grow_with_the_file() {
    let mebibytes = 96;
    let content = zip(mebibytes << 20);
    let portal = offering("a.zip", move |request, number| {
        if number == 1 { served(&content).cut(request, 60 << 20) } else { served(&content).whole(request) }
    });
    let home = Home::without_db();
    let outcome = orange::tool(&home, &portal).limit(Duration::from_secs(120)).run().expect_code(0);
    assert!(outcome.peak_rss_kib < 40 << 10, "{} KiB for {mebibytes} MiB", outcome.peak_rss_kib);
}

#[test]
fn what_stands_in_the_place_of_the_memory_is_not_waited_for() {
    let portal = offering("a.zip", |request, _| served(&zip(70)).whole(request));
    let home = Home::without_db();
    fs::create_dir(home.join("ftp_downloads")).unwrap();
    let fifo = home.join("ftp_downloads/.telechargements.json");
    let _ = Tool::program("/usr/bin/mkfifo").arg(&fifo).run().expect_code(0);
    let outcome = orange::tool(&home, &portal).run().expect_code(1);
    assert_eq!(outcome.json()["error"]["code"], "io");
    fs::remove_file(&fifo).unwrap();
    // A damaged memory forgets, no more.
    fs::write(&fifo, "{").unwrap();
    let _ = orange::tool(&home, &portal).run().expect_code(0);
    fs::write(&fifo, "{").unwrap();
    let json = orange::tool(&home, &portal).run().expect_code(0).json();
    assert_eq!((status_of(&json), left(&home).len()), ("known", 1));
}

#[test]
fn a_terminal_sees_rate_and_remaining_time() {
    let content = zip(600_000);
    let half = content.len() / 2;
    let portal = offering("a.zip", move |request, number| {
        if number == 1 {
            served(&content).stall(request, half, Duration::from_secs(2))
        } else {
            served(&content).whole(request)
        }
    });
    let home = Home::without_db();
    if !terminal::is_there() {
        return flux_test::skip("script (util-linux)");
    }
    let tool = terminal::on(&home, 80, &["download-deliveries"]);
    let run = orange::env(&portal).into_iter().fold(tool, |tool, (name, value)| tool.env(name, value)).run();
    let shown = run.expect_code(0).stdout.clone();
    let bar = shown.split('\r').find(|line| line.contains("reste")).unwrap_or_else(|| panic!("{shown:?}"));
    assert!(bar.contains("a.zip") && bar.contains(" %") && bar.contains("/s"), "{bar:?}");
    holds(&home, "a.zip", &zip(600_000));
}
