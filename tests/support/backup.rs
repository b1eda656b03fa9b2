//! A database with facts, and a table of everything that values can be.

use flux_test::mysql::prelude::Queryable;
use flux_test::{Home, TestDb, Tool};

use crate::weekly::World;

/// Text that separators, quotes, escapes, encodings and terminals trip over.
pub const NASTY: &[&str] = &[
    "",
    " ",
    "NULL",
    "\\N",
    "N",
    "\\",
    "\\\\",
    "it's \"quoted\" `back`",
    "tab\tline\nreturn\rnul\0end",
    "\u{1a}control-z",
    ";,|",
    "éèêëàâäîïôöùûüÿçœæÉÈÊËÀÂÄÎÏÔÖÙÛÜŸÇŒÆ",
    "Châtaigneraie — Pays d’Aurillac « 2025 »",
    "😀 𝄞 𠜎 👩‍👩‍👧",
    "e\u{301} ﷽ \u{feff}bom \u{fffd}",
    "-- commentaire ; DROP TABLE x; /* */ #",
    "%s $1 ? :nom",
    "trailing spaces   ",
];

const ODD: &str = "CREATE TABLE dim_bizarre (
  id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, texte TEXT NULL, nom VARCHAR(200) NULL DEFAULT 'l''été; \"x\"',
  latin VARCHAR(50) CHARACTER SET latin1 NULL, octets VARBINARY(64) NULL, petit TINYINT NULL, grand BIGINT UNSIGNED NULL,
  precis DECIMAL(20,6) NULL, reel DOUBLE NULL, court FLOAT NULL, jour DATE NULL, moment DATETIME(6) NULL,
  instant TIMESTAMP NULL DEFAULT NULL, duree TIME(3) NULL, annee YEAR NULL, choix ENUM('a','b;c','é') NULL,
  `order` INT NULL COMMENT 'mot réservé, CONSTRAINT', calcul INT GENERATED ALWAYS AS (petit + 1) STORED,
  volume INT NULL, KEY `k étrange` (nom(20)), CONSTRAINT c_petit CHECK (petit < 120)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4";

/// A dump of the whole database.
pub fn dump(home: &Home) -> Tool {
    home.tool("backup-critical").arg("--dump")
}

/// A database with so many facts, and its home.
pub fn prepared(rows: u32) -> (TestDb, Home) {
    let World { db, home } = World::seeded();
    facts(&db, rows);
    (db, home)
}

/// The full schema with reference data.
pub fn schema(home: &Home) {
    home.tool("ensure-schema").arg("--seed").run().expect_code(0);
}

/// `rows` facts in each of two main tables.
pub fn facts(db: &TestDb, rows: u32) {
    let mut conn = db.conn();
    for table in ["fact_nuitees", "fact_diurnes"] {
        conn.query_drop("START TRANSACTION").unwrap();
        for start in (0..rows).step_by(1000) {
            let values: Vec<String> = (start..rows.min(start + 1000))
                .map(|n| {
                    format!("(DATE_ADD('2020-01-01', INTERVAL {} DAY), {}, 1, 1, {})", n / 50, n % 50, n * 7 % 1013)
                })
                .collect();
            conn.query_drop(format!(
                "INSERT INTO {table} (date, id_zone, id_provenance, id_categorie, volume) VALUES {}",
                values.join(",")
            ))
            .unwrap();
        }
        conn.query_drop("COMMIT").unwrap();
    }
}

/// A table with every type and nasty text, one row of NULLs, one with id 0, and pseudo-random texts.
pub fn odd_table(db: &TestDb) {
    let mut conn = db.conn();
    conn.query_drop("SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO', time_zone = '+00:00'").unwrap();
    conn.query_drop("SET NAMES utf8mb4").unwrap();
    conn.query_drop(ODD).unwrap();
    conn.query_drop("INSERT INTO dim_bizarre (id, volume) VALUES (0, NULL)").unwrap();
    let mut texts: Vec<String> = NASTY.iter().map(|text| (*text).to_owned()).collect();
    let alphabet: Vec<char> = NASTY.concat().chars().collect();
    let mut state = 12345u64;
    for length in 0..200usize {
        let pick = |_| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            alphabet[(state >> 33) as usize % alphabet.len()]
        };
        texts.push((0..length % 60).map(pick).collect());
    }
    for (n, text) in texts.iter().enumerate() {
        let bytes: Vec<u8> = (0..n % 64).map(|i| (i * 37 + n) as u8).collect();
        let sql = "INSERT INTO dim_bizarre (texte, nom, latin, octets, petit, grand, precis, reel, court, jour, moment, instant,
                   duree, annee, choix, `order`, volume) VALUES (?, ?, 'été ÿ', ?, ?, 18446744073709551615, -12345678901234.567891,
                   ?, 0.1, '9999-12-31', '2025-03-30 02:30:00.123456', '2038-01-19 03:14:07', '-838:59:59.000', 2155, 'b;c', ?, ?)";
        let number = n as i64;
        let real = 0.1 * n as f64 + 1e-300;
        conn.exec_drop(sql, (text, text, bytes, number % 100 - 50, real, number, number * 1_000_003 % 2_000_000_000))
            .unwrap_or_else(|error| panic!("{error}: {text:?}"));
    }
    conn.query_drop("UPDATE dim_bizarre SET annee = 0, choix = 'é', court = 3.4e38 WHERE id = 3").unwrap();
}

/// All values of the odd table, text as hexadecimal digits, instants in UTC.
pub fn odd_rows(db: &TestDb) -> Vec<Vec<String>> {
    let sql = "SELECT id, HEX(texte), HEX(nom), HEX(CONVERT(latin USING utf8mb4)), HEX(octets), petit, grand, precis,
               CAST(reel AS CHAR), ABS(court - 0.1) < 1e-9, court > 3.39e38, jour, moment, UNIX_TIMESTAMP(instant), duree, annee, HEX(choix),
               `order`, calcul, volume FROM dim_bizarre ORDER BY id";
    db.rows(sql)
}

/// All rows of a table in order, as text.
pub fn all(db: &TestDb, table: &str) -> Vec<Vec<String>> {
    db.rows(&format!("SELECT * FROM `{table}` ORDER BY 1, 2"))
}

/// Names of the tables that a restoration works with.
pub fn beside(db: &TestDb) -> Vec<String> {
    db.column(
        "SELECT table_name AS t FROM information_schema.tables WHERE table_schema = DATABASE()
         AND (table_name LIKE '%\\_\\_neuf' OR table_name LIKE '%\\_\\_avant') ORDER BY 1",
    )
}

/// The only backup in `data/backups/`.
pub fn only_backup(home: &Home) -> String {
    let names = home.list("data/backups");
    assert_eq!(names.len(), 1, "{names:?}");
    names[0].clone()
}
