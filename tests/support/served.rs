//! The portal under test: the real program on a free port, a database of which every number can be worked out, and a browser of few words.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::{Duration, Instant};

use chrono::{Datelike, NaiveDate};
use flux_test::{Home, Running, Template, TestDb};
use serde_json::Value;

use crate::diag;

/// Years with data; 2022 has none.
pub const YEARS: [i32; 4] = [2021, 2023, 2024, 2025];
/// A day of 2024 without data.
pub const MISSING: (i32, u32, u32) = (2024, 6, 13);
/// From this day on, data are provisional.
pub const PROVISIONAL: &str = "2025-08-01";

/// The zone PAYS D'AURILLAC is stored as CABA (2) and under its own name (4); data from April to August. For tests that write, or that
/// lock a table: it is theirs alone.
pub fn database() -> TestDb {
    template().copy()
}

/// The same, one for all tests that only read: nobody can write to it.
pub fn shared() -> &'static TestDb {
    template().db()
}

fn template() -> &'static Template {
    static MADE: OnceLock<Template> = OnceLock::new();
    // A quarter of a million rows.
    MADE.get_or_init(|| Template::new(fill, &["INSERT, UPDATE, DELETE ON {db}.flux_portal_sessions"]))
}

/// The same in a database that is there.
pub fn fill(db: &TestDb) {
    diag::fill(db, |_| true);
    db.exec(
        "INSERT INTO dim_zones_observation (id_zone, nom_zone) VALUES (4, 'PAYS D''AURILLAC');
         INSERT INTO dim_departements (id_departement, nom_departement, nom_region, nom_nouvelle_region) VALUES
         (4, 'CUMUL', NULL, NULL), (5, 'LOIRE', 'RHÔNE-ALPES', 'AUVERGNE-RHÔNE-ALPES'), (6, 'AUTRE 97', NULL, NULL);
         INSERT INTO dim_durees_sejour (id_duree, libelle, nb_nuits, ordre) VALUES (3, '13 NUITS ET PLUS', 13, 13);
         INSERT INTO dim_periodes (code_periode, nom_periode, annee, date_debut, date_fin) VALUES
         ('vacances_ete', 'Vacances d''été', 2025, '2025-07-05 00:00:00', '2025-08-31 23:59:59'),
         ('vacances_ete', 'Vacances d''été', 2024, '2024-07-06 18:00:00', '2024-08-30 19:00:00'),
         ('vacances_ete', 'Vacances d''été', 2023, '2023-07-08 00:00:00', '2023-08-31 23:59:59'),
         ('seule_2025', 'Foire', 2025, '2025-06-01 00:00:00', '2025-06-03 23:59:59')",
    );
    for year in YEARS {
        facts(db, year);
    }
}

/// A number that differs from key to key.
fn volume(parts: &[u32]) -> u32 {
    parts.iter().fold(17, |sum, part| (sum * 31 + part) % 997) + 1
}

fn facts(db: &TestDb, year: i32) {
    let day = |year, month, day| NaiveDate::from_ymd_opt(year, month, day).unwrap();
    let days = day(year, 4, 1).iter_days().take_while(|day| day.month() < 9);
    let mut rows: [(&str, Vec<String>); 7] = [
        ("fact_nuitees (date, is_provisional, id_zone, id_provenance, id_categorie, volume)", Vec::new()),
        ("fact_diurnes (date, is_provisional, id_zone, id_provenance, id_categorie, volume)", Vec::new()),
        (
            "fact_nuitees_departements (date, is_provisional, id_zone, id_provenance, id_categorie, id_departement, volume)",
            Vec::new(),
        ),
        (
            "fact_diurnes_departements (date, is_provisional, id_zone, id_provenance, id_categorie, id_departement, volume)",
            Vec::new(),
        ),
        ("fact_nuitees_pays (date, is_provisional, id_zone, id_provenance, id_categorie, id_pays, volume)", Vec::new()),
        ("fact_diurnes_pays (date, is_provisional, id_zone, id_provenance, id_categorie, id_pays, volume)", Vec::new()),
        (
            "fact_sejours_duree (date, is_provisional, id_zone, id_provenance, id_categorie, id_duree, volume)",
            Vec::new(),
        ),
    ];
    let mut mobility = Vec::new();
    for date in days.filter(|date| *date != day(MISSING.0, MISSING.1, MISSING.2)) {
        let n = date.ordinal() + year as u32 * 7;
        let provisional = u8::from(date.to_string().as_str() >= PROVISIONAL);
        for zone in [1, 2, 4] {
            for category in [1, 2] {
                for provenance in 1..=3 {
                    let key = format!("('{date}', {provisional}, {zone}, {provenance}, {category}");
                    let mut add = |at: usize, part: u32| {
                        let volume = volume(&[n, zone, category, provenance, at as u32, part]);
                        let part = if part == 0 { String::new() } else { format!(", {part}") };
                        rows[at].1.push(format!("{key}{part}, {volume})"));
                    };
                    add(0, 0);
                    add(1, 0);
                    // A département that N−1 does not know, one that N does not know, one that is the sum of all.
                    (1..=6).filter(|part| (*part != 3 || year != 2024) && (*part != 5 || year != 2025)).for_each(
                        |part| {
                            add(2, part);
                            add(3, part);
                        },
                    );
                    (1..=2).for_each(|part| {
                        add(4, part);
                        add(5, part);
                    });
                    (1..=3).for_each(|part| add(6, part));
                    // One commune in two EPCIs, one without its commune.
                    for (epci, commune) in [(0, 0), (1, 1), (2, 1), (0, 2), (0, 3)] {
                        if commune != 2 || year != 2025 {
                            let volume = volume(&[n, zone, category, provenance, 7, commune * 10 + epci]);
                            mobility.push(format!("{key}, {epci}, {commune}, 'x', {volume})"));
                        }
                    }
                }
            }
        }
    }
    let place = "fact_lieu_activite_soir (date, is_provisional, id_zone, id_provenance, id_categorie, id_epci, id_commune, jour_semaine, volume)";
    for (table, rows) in rows.into_iter().chain([(place, mobility)]) {
        for rows in rows.chunks(5_000) {
            db.exec(&format!("INSERT INTO {table} VALUES {}", rows.join(", ")));
        }
    }
}

/// A portal that runs.
pub struct Served {
    pub running: Running,
    /// `127.0.0.1:port`
    pub address: String,
    pub home: Home,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    /// The head as it came.
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<String> {
        let line = self
            .head
            .lines()
            .skip(1)
            .find(|line| line.split(':').next().is_some_and(|found| found.eq_ignore_ascii_case(name)))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    }

    /// Cookies that it sets, by name.
    pub fn cookie(&self, name: &str) -> Option<String> {
        let sets = self.head.lines().filter(|line| line.to_lowercase().starts_with("set-cookie:"));
        let cookie = |line: &str| line.split_once(':').map(|(_, value)| value.trim().to_owned());
        sets.filter_map(cookie).find(|cookie| cookie.starts_with(&format!("{name}=")))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}\n{}", self.head, self.text());
        self
    }
}

/// A token of a caller.
pub const TOKEN: &str = "jeton-de-lecture-0123456789";
/// A token of an administrator.
pub const ADMIN: &str = "jeton-admin-9876543210-abc";

impl Served {
    /// With the tokens above, and further variables.
    pub fn new(db: &TestDb, variables: &[(&str, &str)], args: &[&str]) -> Self {
        Self::at(Home::new(db), variables, args)
    }

    /// In this home.
    #[track_caller]
    pub fn at(home: Home, variables: &[(&str, &str)], args: &[&str]) -> Self {
        let usual = [("API_TOKENS", TOKEN), ("ADMIN_API_TOKENS", ADMIN), ("API_RATE_LIMIT", "0")];
        Self::as_set(home, &[&usual, variables].concat(), args)
    }

    /// In this home, with what its `.env` and these variables say.
    #[track_caller]
    pub fn as_set(home: Home, variables: &[(&str, &str)], args: &[&str]) -> Self {
        let mut tool =
            home.tool("serve-portal").args(["--listen", "127.0.0.1:0"]).args(args).limit(Duration::from_secs(300));
        for (name, value) in variables {
            tool = tool.env(name, value);
        }
        let before = home.logs().matches("écoute sur").count();
        let mut running = tool.spawn();
        let until = Instant::now() + Duration::from_secs(60);
        let address = loop {
            let logs = home.logs();
            if let Some(line) = logs.lines().filter(|line| line.contains("écoute sur")).nth(before) {
                let url = line.rsplit(' ').next().unwrap();
                break url.split("//").nth(1).unwrap().split('/').next().unwrap().to_owned();
            }
            assert!(running.is_running() && Instant::now() < until, "the portal does not start\n{}", home.logs());
            sleep(Duration::from_millis(20));
        };
        Self { running, address, home }
    }

    pub fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).expect("the portal accepts");
        stream.set_read_timeout(Some(Duration::from_secs(90))).unwrap();
        stream
    }

    /// Sends these bytes and reads until the end.
    #[track_caller]
    pub fn raw(&self, bytes: &[u8]) -> Answer {
        let mut stream = self.connect();
        // It may refuse before everything is sent.
        let _ = stream.write_all(bytes);
        read(&mut stream)
    }

    #[track_caller]
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", self.address);
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        self.raw(format!("{head}\r\n{body}").as_bytes())
    }

    /// As a stranger.
    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], "")
    }

    /// With a token.
    #[track_caller]
    pub fn api(&self, path: &str) -> Answer {
        self.send("GET", path, &[("Authorization", &format!("Bearer {TOKEN}"))], "")
    }

    /// A form, with these cookies.
    #[track_caller]
    pub fn post(&self, path: &str, cookies: &str, form: &[(&str, &str)]) -> Answer {
        let body: Vec<String> = form.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        let headers = [("Content-Type", "application/x-www-form-urlencoded"), ("Cookie", cookies)];
        self.send("POST", path, &headers, &body.join("&"))
    }

    /// The form of login: its cookie and its token.
    #[track_caller]
    pub fn form(&self) -> (String, String) {
        let page = self.get("/login").expect(200);
        (pair(&page.cookie("flux_formulaire").expect("a cookie")), field(&page.text(), "csrf"))
    }

    /// Logs in; what the last step answers.
    #[track_caller]
    pub fn try_login(&self, name: &str, password: &str) -> Answer {
        let (cookie, token) = self.form();
        self.post("/login", &cookie, &[("csrf", &token), ("username", name), ("password", password)])
    }

    /// Logs in; the cookie of the session.
    #[track_caller]
    pub fn login(&self, name: &str, password: &str) -> String {
        pair(&self.try_login(name, password).expect(303).cookie("flux_portail").expect("a session"))
    }
}

/// `name=value` of a cookie.
pub fn pair(cookie: &str) -> String {
    cookie.split(';').next().unwrap().to_owned()
}

/// The value of a hidden field.
#[track_caller]
pub fn field(page: &str, name: &str) -> String {
    let from = page.split(&format!("name=\"{name}\" value=\"")).nth(1).unwrap_or_else(|| panic!("{name} in {page}"));
    from.split('"').next().unwrap().to_owned()
}

/// Reads an answer to the end of the connection.
#[track_caller]
pub fn read(stream: &mut TcpStream) -> Answer {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or(bytes.len());
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Answer { status, head, body: bytes.get(end + 4..).unwrap_or_default().to_vec() }
}

/// Percent-encoded.
pub fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}
