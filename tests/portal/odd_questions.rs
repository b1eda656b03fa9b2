//! The portal's figures beside those of `compare-mobility-2024-2023`, `diagnostic-mobility` and `test-api-mobilite-directe`, where a
//! question is odd: a leap day, a week over New Year, a zone without data, nothing but provisional data, a zone that was merged, a year
//! without the one before.

use flux_test::{Home, TestDb};
use serde_json::{Value, json};
use support::diag;
use support::served::{Served, TOKEN, encoded};

/// A question, and its totals of N and N−1 worked out by hand; `None` without data.
struct Odd {
    zone: &'static str,
    year: i32,
    period: &'static str,
    now: Option<u64>,
    before: Option<u64>,
    change: Option<f64>,
}

const fn odd(
    zone: &'static str,
    year: i32,
    period: &'static str,
    (now, before): (Option<u64>, Option<u64>),
    change: Option<f64>,
) -> Odd {
    Odd { zone, year, period, now, before, change }
}

/// | period | zone | N | N−1 | change |
/// |---|---|---|---|---|
/// | 26 February to 1 March 2024, 2023 | CABA | 30 (29 February) + 12 = 42 | 20 | 110 |
/// | New Year 2024: 28 December to 3 January; 2023: 30 December to 5 January | CABA | 10 + 5 = 15 | 4 + 6 = 10 | 50 |
/// | July 2024, 2023 | CHÂTAIGNERAIE | none | none | |
/// | July 2024, 2023 | CANTAL, of which 2023 has no row | 50, all provisional | none | |
/// | July 2023; 2022 has no such period | CABA | 7 | none | |
const QUESTIONS: [Odd; 5] = [
    odd("CABA", 2024, "fevrier", (Some(42), Some(20)), Some(110.0)),
    odd("CABA", 2024, "nouvel_an", (Some(15), Some(10)), Some(50.0)),
    odd("CHÂTAIGNERAIE", 2024, "juillet", (None, None), None),
    odd("CANTAL", 2024, "juillet", (Some(50), None), None),
    odd("CABA", 2023, "juillet", (Some(7), None), None),
];

/// The zone PAYS D'AURILLAC is stored as CABA (2) and under its own name (4). Each row of 1,000 lies a day beside a period.
fn database() -> TestDb {
    let db = diag::database();
    db.exec(
        "INSERT INTO dim_zones_observation (id_zone, nom_zone) VALUES (4, 'PAYS D''AURILLAC');
         INSERT INTO dim_periodes (code_periode, nom_periode, annee, date_debut, date_fin) VALUES
         ('fevrier', 'Fin février', 2024, '2024-02-26 00:00:00', '2024-03-01 23:59:59'),
         ('fevrier', 'Fin février', 2023, '2023-02-26 00:00:00', '2023-03-01 23:59:59'),
         ('nouvel_an', 'Nouvel an', 2024, '2024-12-28 00:00:00', '2025-01-03 23:59:59'),
         ('nouvel_an', 'Nouvel an', 2023, '2023-12-30 00:00:00', '2024-01-05 23:59:59'),
         ('juillet', 'Juillet', 2024, '2024-07-01 00:00:00', '2024-07-31 23:59:59'),
         ('juillet', 'Juillet', 2023, '2023-07-01 00:00:00', '2023-07-31 23:59:59')",
    );
    for (day, zone, provisional, commune, volume) in [
        ("2024-02-25", 2, 0, 1, 1_000),
        ("2024-02-29", 2, 0, 1, 30),
        ("2024-03-01", 4, 0, 2, 12),
        ("2024-03-02", 2, 0, 1, 1_000),
        ("2023-02-25", 2, 0, 1, 1_000),
        ("2023-02-28", 4, 0, 1, 20),
        ("2024-12-27", 2, 0, 1, 1_000),
        ("2024-12-28", 2, 0, 1, 10),
        ("2025-01-03", 4, 0, 1, 5),
        ("2025-01-04", 2, 0, 1, 1_000),
        ("2023-12-29", 2, 0, 1, 1_000),
        ("2023-12-30", 2, 0, 1, 4),
        ("2024-01-05", 2, 0, 2, 6),
        ("2024-01-06", 2, 0, 1, 1_000),
        ("2024-07-10", 1, 1, 3, 50),
        ("2023-07-10", 2, 0, 1, 7),
    ] {
        let values = format!("('{day}', {provisional}, {zone}, 2, 1");
        db.exec(&format!(
            "INSERT INTO fact_lieu_activite_soir (date, is_provisional, id_zone, id_provenance, id_categorie, id_commune, jour_semaine, volume) \
             VALUES {values}, {commune}, 'x', {volume});
             INSERT INTO fact_nuitees (date, is_provisional, id_zone, id_provenance, id_categorie, volume) VALUES {values}, {volume});
             INSERT INTO fact_diurnes (date, is_provisional, id_zone, id_provenance, id_categorie, volume) VALUES
             ('{day}', {provisional}, {zone}, 3, 2, {volume})"
        ));
    }
    db
}

fn portal(served: &Served, list: &str, question: &str, zone: &str) -> Value {
    served.api(&format!("/api/{list}?{question}&zone={}", encoded(zone))).expect(200).json()
}

const COMMUNES: &str = "infographie/infographie_communes_excursion";
const KEYS: &str = "infographie/infographie_indicateurs_cles";

/// The same question to all of them.
#[track_caller]
fn agree(home: &Home, served: &Served, odd: &Odd) {
    let (year, before) = (odd.year.to_string(), (odd.year - 1).to_string());
    let question = format!("annee={year}&periode={}", odd.period);
    let answer = portal(served, COMMUNES, &question, odd.zone);
    let told = format!("{} {} {}: {answer}", odd.zone, odd.year, odd.period);
    assert_eq!(
        (&answer["total_visiteurs"], &answer["total_visiteurs_n1"]),
        (&json!(odd.now), &json!(odd.before)),
        "{told}"
    );
    let keys = portal(served, KEYS, &question, odd.zone);
    for id in ["nuitees_total", "excursionnistes_total"] {
        let row = keys["bloc_a"].as_array().unwrap().iter().find(|row| row["id"] == id).unwrap();
        assert_eq!((&row["N"], &row["N_1"]), (&json!(odd.now), &json!(odd.before)), "{id} {told}");
        assert_eq!(row["evolution_pct"], json!(odd.change), "{id} {told}");
    }
    let args = ["--json", "--year", &year, "--zone", odd.zone, "--period", odd.period];
    let explained = home.tool("diagnostic-mobility").args(args).run().json();
    assert_eq!(explained["total"], json!(odd.now), "{told}");
    let checked = home
        .tool("test-api-mobilite-directe")
        .args(args)
        .args(["--base-url", &served.base()])
        .env("API_TOKEN", TOKEN)
        .run()
        .json();
    assert_eq!(checked["total_sql"], json!(odd.now), "{told}\n{checked}");
    let rows = checked["destinations"].as_array().unwrap();
    assert!(rows.iter().all(|row| row["equal"] == true), "{told}\n{checked}");
    // A reference year without the period is no question to this tool.
    if answer["meta"]["debut_n1"].is_null() {
        return;
    }
    let compared = home.tool("compare-mobility-2024-2023").args(args).args(["--reference", &before]).run().json();
    let totals = (&compared["current"]["total"], &compared["reference"]["total"], &compared["evolution_pct"]);
    assert_eq!(totals, (&json!(odd.now), &json!(odd.before), &json!(odd.change)), "{told}");
    let fields = |row: &Value| {
        [&row["nom_commune"], &row["total_visiteurs"], &row["total_visiteurs_n1"], &row["evolution_pct"]]
            .map(Value::clone)
    };
    let lists = [&answer["destinations"], &compared["communes"]];
    let [of_portal, of_tool] = lists.map(|list| list.as_array().unwrap().iter().map(fields).collect::<Vec<_>>());
    assert_eq!(of_portal, of_tool, "{told}");
}

#[test]
fn all_agree_on_odd_periods_and_zones_before_and_after_a_merge() {
    let db = database();
    let home = Home::new(&db);
    let served = Served::new(&db, &[], &[]);
    for odd in &QUESTIONS {
        agree(&home, &served, odd);
    }
    home.tool("merge-zones").args(["--from", "CABA", "--into", "PAYS D'AURILLAC", "--yes"]).run().expect_code(0);
    assert_eq!(db.count("dim_zones_observation"), 3);
    std::thread::sleep(std::time::Duration::from_millis(1_200));
    for odd in &QUESTIONS {
        agree(&home, &served, odd);
    }
}

#[test]
fn free_intervals_over_a_leap_day_and_over_new_year() {
    let db = database();
    let home = Home::new(&db);
    let served = Served::new(&db, &[], &[]);
    // 29 February 2024 stands against 28 February 2023; the last days of 2024 and the first of 2025 against the same dates a year before.
    for (from, to, before, totals) in [
        ("2024-02-29", "2024-02-29", ["2023-02-28", "2023-02-28"], (30, 20)),
        ("2024-12-28", "2025-01-03", ["2023-12-28", "2024-01-03"], (15, 1_004)),
    ] {
        let answer = portal(&served, COMMUNES, &format!("debut={from}&fin={to}"), "CABA");
        assert_eq!([&answer["debut_periode_n1"], &answer["fin_periode_n1"]], before, "{answer}");
        assert_eq!((&answer["total_visiteurs"], &answer["total_visiteurs_n1"]), (&json!(totals.0), &json!(totals.1)));
        let args = ["--json", "--year", "2024", "--reference", "2023", "--zone", "CABA", "--from", from, "--to", to];
        let compared = home.tool("compare-mobility-2024-2023").args(args).run().json();
        assert_eq!(
            (&compared["current"]["total"], &compared["reference"]["total"]),
            (&json!(totals.0), &json!(totals.1))
        );
        assert_eq!([&compared["reference"]["from"], &compared["reference"]["to"]], before);
    }
    // Day by day, a leap day has none behind it.
    let days = portal(&served, "infographie/infographie_series", "debut=2024-02-28&fin=2024-03-01", "CABA");
    let shown: Vec<_> =
        days["jours"].as_array().unwrap().iter().map(|day| (&day["date_n1"], &day["n"], &day["n_1"])).collect();
    let (none, text) = (Value::Null, |day: &str| json!(day));
    assert_eq!(
        shown,
        [
            (&text("2023-02-28"), &none, &json!(20)),
            (&none, &json!(30), &none),
            (&text("2023-03-01"), &json!(12), &none),
        ]
    );
}

#[test]
fn what_an_odd_answer_stands_on_is_said() {
    let db = database();
    let served = Served::new(&db, &[], &[]);
    let meta = |zone: &str, question: &str| portal(&served, COMMUNES, question, zone)["meta"].clone();
    let provisional = meta("CANTAL", "annee=2024&periode=juillet");
    assert_eq!(
        (&provisional["provisoire_pct"], &provisional["jours_avec_donnees"], &provisional["jours_avec_donnees_n1"]),
        (&json!(100.0), &json!(1), &json!(0))
    );
    let nothing = meta("CHATAIGNERAIE", "annee=2024&periode=juillet");
    assert_eq!((&nothing["provisoire_pct"], &nothing["jours_avec_donnees"]), (&Value::Null, &json!(0)));
    let first = meta("CABA", "annee=2023&periode=juillet");
    assert_eq!((&first["debut_n1"], &first["jours_n1"]), (&Value::Null, &Value::Null));
    assert!(first["sans_reference"].as_str().unwrap().contains("juillet"), "{first}");
    // Pages say so in words, and the tables have no number where there is none.
    let page = |zone: &str, question: &str| {
        served.api(&format!("/dashboard?{question}&zone={}", encoded(zone))).expect(200).text()
    };
    let page_of_one = page("CANTAL", "annee=2024&periode=juillet");
    assert!(page_of_one.contains("1 jour sur 31") && page_of_one.contains("100,0\u{202f}% du volume"), "{page_of_one}");
    assert!(page("CABA", "annee=2023&periode=juillet").contains("Rien à comparer en 2022"));
    let empty = page("CHÂTAIGNERAIE", "annee=2024&periode=juillet");
    assert!(empty.contains("0 jour sur 31") && empty.contains("Aucune donnée") && !empty.contains("NaN"), "{empty}");
}
