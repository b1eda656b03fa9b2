//! The tables that the tools on seasons work on, written out from the specification, as older databases hold them.

use flux_test::TestDb;

const TABLES: &str = "
CREATE TABLE flux_schema_version (version INT NOT NULL PRIMARY KEY, applied_at TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP) ENGINE=InnoDB;
INSERT INTO flux_schema_version (version) VALUES (3);
CREATE TABLE dim_saisons (
  id INT AUTO_INCREMENT PRIMARY KEY, annee SMALLINT NOT NULL,
  saison ENUM('printemps','ete','automne','hiver') NOT NULL,
  date_debut DATETIME NOT NULL, date_fin DATETIME NOT NULL, duree_jours INT NOT NULL,
  created_at TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP, updated_at TIMESTAMP NULL DEFAULT NULL ON UPDATE CURRENT_TIMESTAMP,
  UNIQUE KEY (annee, saison)) ENGINE=InnoDB;
CREATE TABLE dim_periodes (
  id_periode INT AUTO_INCREMENT PRIMARY KEY, code_periode VARCHAR(50) NOT NULL, nom_periode VARCHAR(100) NOT NULL,
  annee SMALLINT NOT NULL, date_debut DATETIME NULL, date_fin DATETIME NULL, id_saison INT NULL,
  UNIQUE KEY (code_periode, annee), FOREIGN KEY (id_saison) REFERENCES dim_saisons (id)) ENGINE=InnoDB;
CREATE TABLE dim_dates (
  date DATE PRIMARY KEY, vacances_a TINYINT(1), vacances_b TINYINT(1), vacances_c TINYINT(1), ferie TINYINT(1),
  jour_semaine VARCHAR(10), mois TINYINT, annee SMALLINT, trimestre TINYINT, semaine TINYINT) ENGINE=InnoDB;
CREATE TABLE fact_nuitees (
  id BIGINT AUTO_INCREMENT PRIMARY KEY, date DATE NOT NULL, id_zone INT NOT NULL, id_provenance INT NOT NULL,
  id_categorie INT NOT NULL, volume INT NOT NULL, is_provisional BOOLEAN NOT NULL DEFAULT FALSE,
  UNIQUE KEY (date, id_zone, id_provenance, id_categorie)) ENGINE=InnoDB;
";

/// A database with these tables, empty.
pub fn database() -> TestDb {
    let db = TestDb::new();
    db.exec(TABLES);
    db
}

/// A night on each of `days`.
pub fn add_facts(db: &TestDb, days: &[&str]) {
    for day in days {
        db.exec(&format!(
            "INSERT INTO fact_nuitees (date, id_zone, id_provenance, id_categorie, volume) VALUES ('{day}', 1, 1, 1, 10)"
        ));
    }
}
