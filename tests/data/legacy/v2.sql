-- Second generation, the one in production: names of communes missing, rows marked provisional that are definitive, months of old
-- rows in temporary tables of three shapes, seasons with columns of their own, tables of the portal with foreign keys.
CREATE TABLE dim_zones_observation (id_zone INT AUTO_INCREMENT PRIMARY KEY, nom_zone VARCHAR(255) NULL UNIQUE,
  created_at TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP, updated_at TIMESTAMP NULL DEFAULT NULL)
  ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE dim_provenances (id_provenance INT AUTO_INCREMENT PRIMARY KEY, nom_provenance VARCHAR(255) NULL UNIQUE,
  created_at TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP, updated_at TIMESTAMP NULL DEFAULT NULL)
  ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE dim_categories_visiteur (id_categorie INT AUTO_INCREMENT PRIMARY KEY, nom_categorie VARCHAR(255) NULL UNIQUE,
  created_at TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP, updated_at TIMESTAMP NULL DEFAULT NULL)
  ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE dim_pays (id_pays INT AUTO_INCREMENT PRIMARY KEY, nom_pays VARCHAR(255) NULL UNIQUE,
  created_at TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP, updated_at TIMESTAMP NULL DEFAULT NULL)
  ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE dim_epci (id_epci INT AUTO_INCREMENT PRIMARY KEY, nom_epci VARCHAR(255) NULL UNIQUE,
  created_at TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP, updated_at TIMESTAMP NULL DEFAULT NULL)
  ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE dim_departements (id_departement INT AUTO_INCREMENT PRIMARY KEY, nom_departement VARCHAR(255) NULL UNIQUE,
  nom_region VARCHAR(255) NULL, nom_nouvelle_region VARCHAR(255) NULL, created_at TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP)
  ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE dim_durees_sejour (id_duree INT AUTO_INCREMENT PRIMARY KEY, libelle VARCHAR(50) NULL UNIQUE, nb_nuits INT NOT NULL, ordre INT NULL)
  ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE dim_communes (id_commune INT AUTO_INCREMENT PRIMARY KEY, code_insee VARCHAR(10) NOT NULL UNIQUE,
  nom_commune VARCHAR(255) NOT NULL, id_departement INT NULL) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE dim_dates (date DATE PRIMARY KEY, vacances_a TINYINT(1) NULL, vacances_b TINYINT(1) NULL, vacances_c TINYINT(1) NULL,
  ferie TINYINT(1) NULL, jour_semaine VARCHAR(10) NULL, mois TINYINT NULL, annee SMALLINT NULL, trimestre TINYINT NULL, semaine TINYINT NULL)
  ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE dim_saisons (id INT AUTO_INCREMENT PRIMARY KEY, annee SMALLINT NOT NULL,
  saison ENUM('PRINTEMPS','ETE','AUTOMNE','HIVER') NOT NULL, date_debut DATE NOT NULL, date_fin DATE NOT NULL, duree_jours INT NOT NULL,
  created_at TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP, updated_at TIMESTAMP NULL DEFAULT NULL, UNIQUE KEY (annee, saison))
  ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE dim_periodes (id_periode INT AUTO_INCREMENT PRIMARY KEY, code_periode VARCHAR(50) NOT NULL, nom_periode VARCHAR(100) NOT NULL,
  annee SMALLINT NOT NULL, saison VARCHAR(20) NULL, date_debut DATE NOT NULL, date_fin DATE NOT NULL, id_saison INT NULL,
  UNIQUE KEY (code_periode, annee), CONSTRAINT periode_saison FOREIGN KEY (id_saison) REFERENCES dim_saisons (id))
  ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE fact_nuitees (id BIGINT AUTO_INCREMENT PRIMARY KEY, date DATE NOT NULL, id_zone INT NOT NULL, id_provenance INT NOT NULL, id_categorie INT NOT NULL, volume INT NOT NULL,
  created_at TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP, updated_at TIMESTAMP NULL DEFAULT NULL ON UPDATE CURRENT_TIMESTAMP, is_provisional TINYINT(1) NOT NULL DEFAULT 0,
  UNIQUE KEY unique_fact (date, id_zone, id_provenance, id_categorie))
  ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE fact_nuitees_departements (id BIGINT AUTO_INCREMENT PRIMARY KEY, date DATE NOT NULL, id_zone INT NOT NULL, id_provenance INT NOT NULL, id_categorie INT NOT NULL, id_departement INT NOT NULL, volume INT NOT NULL,
  created_at TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP, updated_at TIMESTAMP NULL DEFAULT NULL ON UPDATE CURRENT_TIMESTAMP, is_provisional TINYINT(1) NOT NULL DEFAULT 0,
  UNIQUE KEY unique_fact (date, id_zone, id_provenance, id_categorie, id_departement))
  ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE fact_nuitees_pays (id BIGINT AUTO_INCREMENT PRIMARY KEY, date DATE NOT NULL, id_zone INT NOT NULL, id_provenance INT NOT NULL, id_categorie INT NOT NULL, id_pays INT NOT NULL, volume INT NOT NULL,
  created_at TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP, updated_at TIMESTAMP NULL DEFAULT NULL ON UPDATE CURRENT_TIMESTAMP, is_provisional TINYINT(1) NOT NULL DEFAULT 0,
  UNIQUE KEY unique_fact (date, id_zone, id_provenance, id_categorie, id_pays))
  ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE fact_diurnes (id BIGINT AUTO_INCREMENT PRIMARY KEY, date DATE NOT NULL, id_zone INT NOT NULL, id_provenance INT NOT NULL, id_categorie INT NOT NULL, volume INT NOT NULL,
  created_at TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP, updated_at TIMESTAMP NULL DEFAULT NULL ON UPDATE CURRENT_TIMESTAMP, is_provisional TINYINT(1) NOT NULL DEFAULT 0,
  UNIQUE KEY unique_fact (date, id_zone, id_provenance, id_categorie))
  ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE fact_diurnes_departements (id BIGINT AUTO_INCREMENT PRIMARY KEY, date DATE NOT NULL, id_zone INT NOT NULL, id_provenance INT NOT NULL, id_categorie INT NOT NULL, id_departement INT NOT NULL, volume INT NOT NULL,
  created_at TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP, updated_at TIMESTAMP NULL DEFAULT NULL ON UPDATE CURRENT_TIMESTAMP, is_provisional TINYINT(1) NOT NULL DEFAULT 0,
  UNIQUE KEY unique_fact (date, id_zone, id_provenance, id_categorie, id_departement))
  ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE fact_diurnes_pays (id BIGINT AUTO_INCREMENT PRIMARY KEY, date DATE NOT NULL, id_zone INT NOT NULL, id_provenance INT NOT NULL, id_categorie INT NOT NULL, id_pays INT NOT NULL, volume INT NOT NULL,
  created_at TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP, updated_at TIMESTAMP NULL DEFAULT NULL ON UPDATE CURRENT_TIMESTAMP, is_provisional TINYINT(1) NOT NULL DEFAULT 0,
  UNIQUE KEY unique_fact (date, id_zone, id_provenance, id_categorie, id_pays))
  ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE fact_sejours_duree (id INT AUTO_INCREMENT PRIMARY KEY, date DATE NOT NULL, id_zone INT NOT NULL, id_provenance INT NOT NULL, id_categorie INT NOT NULL, id_duree INT NOT NULL, volume INT NOT NULL,
  created_at TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP, updated_at TIMESTAMP NULL DEFAULT NULL ON UPDATE CURRENT_TIMESTAMP, is_provisional TINYINT(1) NOT NULL DEFAULT 0,
  UNIQUE KEY unique_fact (date, id_zone, id_provenance, id_categorie, id_duree),
  UNIQUE KEY unique_again (date, id_zone, id_provenance, id_categorie, id_duree))
  ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE fact_sejours_duree_departements (id INT AUTO_INCREMENT PRIMARY KEY, date DATE NOT NULL, id_zone INT NOT NULL, id_provenance INT NOT NULL, id_categorie INT NOT NULL, id_departement INT NOT NULL, id_duree INT NOT NULL, volume INT NOT NULL,
  created_at TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP, updated_at TIMESTAMP NULL DEFAULT NULL ON UPDATE CURRENT_TIMESTAMP, is_provisional TINYINT(1) NOT NULL DEFAULT 0,
  UNIQUE KEY unique_fact (date, id_zone, id_provenance, id_categorie, id_departement, id_duree),
  UNIQUE KEY unique_again (date, id_zone, id_provenance, id_categorie, id_departement, id_duree))
  ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE fact_sejours_duree_pays (id INT AUTO_INCREMENT PRIMARY KEY, date DATE NOT NULL, id_zone INT NOT NULL, id_provenance INT NOT NULL, id_categorie INT NOT NULL, id_pays INT NOT NULL, id_duree INT NOT NULL, volume INT NOT NULL,
  created_at TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP, updated_at TIMESTAMP NULL DEFAULT NULL ON UPDATE CURRENT_TIMESTAMP, is_provisional TINYINT(1) NOT NULL DEFAULT 0,
  UNIQUE KEY unique_fact (date, id_zone, id_provenance, id_categorie, id_pays, id_duree))
  ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE fact_lieu_activite_soir (id BIGINT AUTO_INCREMENT PRIMARY KEY, date DATE NOT NULL, id_zone INT NOT NULL, id_provenance INT NOT NULL, id_categorie INT NOT NULL, id_epci INT NOT NULL DEFAULT 0, id_commune INT NOT NULL DEFAULT 0, jour_semaine VARCHAR(10) NOT NULL, volume INT NOT NULL,
  created_at TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP, updated_at TIMESTAMP NULL DEFAULT NULL ON UPDATE CURRENT_TIMESTAMP, is_provisional TINYINT(1) NOT NULL DEFAULT 0,
  UNIQUE KEY unique_fact (date, id_zone, id_provenance, id_categorie, id_epci, id_commune))
  ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE fact_lieu_nuitee_soir (id BIGINT AUTO_INCREMENT PRIMARY KEY, date DATE NOT NULL, id_zone INT NOT NULL, id_provenance INT NOT NULL, id_categorie INT NOT NULL, id_epci INT NOT NULL DEFAULT 0, id_commune INT NOT NULL DEFAULT 0, jour_semaine VARCHAR(10) NOT NULL, volume INT NOT NULL,
  created_at TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP, updated_at TIMESTAMP NULL DEFAULT NULL ON UPDATE CURRENT_TIMESTAMP,
  UNIQUE KEY unique_fact (date, id_zone, id_provenance, id_categorie, id_epci, id_commune))
  ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
-- No key, no mark: a repeated line stands twice.
CREATE TABLE fact_nuitees_temp (date DATE NOT NULL, id_zone INT NOT NULL, id_provenance INT NOT NULL, id_categorie INT NOT NULL,
  volume INT NOT NULL) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
-- No breakdown, and a key that lacks it.
CREATE TABLE fact_nuitees_departements_temp (date DATE NOT NULL, id_zone INT NOT NULL, id_provenance INT NOT NULL,
  id_categorie INT NOT NULL, volume INT NOT NULL, is_provisional TINYINT(1) NOT NULL DEFAULT 1,
  PRIMARY KEY (date, id_zone, id_provenance, id_categorie)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
-- The right key, columns in another order.
CREATE TABLE fact_lieu_activite_soir_temp (date DATE NOT NULL, jour_semaine VARCHAR(20) NOT NULL, id_zone INT NOT NULL,
  id_provenance INT NOT NULL, id_categorie INT NOT NULL, id_commune INT NOT NULL DEFAULT 0, id_epci INT NOT NULL DEFAULT 0,
  volume INT NOT NULL, is_provisional TINYINT(1) NOT NULL DEFAULT 1,
  PRIMARY KEY (date, id_zone, id_provenance, id_categorie, id_epci, id_commune))
  ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE users (id INT AUTO_INCREMENT PRIMARY KEY, username VARCHAR(50) NOT NULL UNIQUE, password_hash VARCHAR(255) NOT NULL)
  ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE shared_spaces (id INT AUTO_INCREMENT PRIMARY KEY, owner INT NOT NULL, id_periode INT NULL,
  CONSTRAINT space_owner FOREIGN KEY (owner) REFERENCES users (id) ON DELETE CASCADE,
  CONSTRAINT space_periode FOREIGN KEY (id_periode) REFERENCES dim_periodes (id_periode))
  ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE VIEW v_calendrier_complet AS SELECT d.date, d.jour_semaine, s.saison FROM dim_dates d
  LEFT JOIN dim_saisons s ON d.date BETWEEN s.date_debut AND s.date_fin;

INSERT INTO dim_zones_observation (id_zone, nom_zone) VALUES (1, 'CANTAL'), (2, 'CABA'), (3, 'GENTIANE'), (4, 'HTC'), (5, 'STATION'),
  (6, 'CHÂTAIGNERAIE'), (7, 'VAL TRUYÈRE');
INSERT INTO dim_provenances (id_provenance, nom_provenance) VALUES (1, 'LOCAL'), (2, 'NONLOCAL'), (3, 'ETRANGER');
INSERT INTO dim_categories_visiteur (id_categorie, nom_categorie) VALUES (1, 'TOURISTE'), (2, 'EXCURSIONNISTE'), (3, 'RESIDENT');
INSERT INTO dim_pays (id_pays, nom_pays) VALUES (1, 'ESPAGNE'), (2, 'BELGIQUE');
INSERT INTO dim_epci (id_epci, nom_epci) VALUES (1, 'CA DU BASSIN D''AURILLAC'), (2, 'CC DU PAYS DE MAURIAC'), (3, 'ANCIEN EPCI');
INSERT INTO dim_departements (id_departement, nom_departement, nom_region, nom_nouvelle_region) VALUES
  (1, 'CANTAL', 'AUVERGNE', 'AUVERGNE-RHÔNE-ALPES'), (2, 'RHÔNE', 'RHÔNE-ALPES', 'AUVERGNE-RHÔNE-ALPES'), (3, 'ALLIER', NULL, NULL);
INSERT INTO dim_durees_sejour (id_duree, libelle, nb_nuits, ordre) VALUES (1, '1 NUIT', 1, 1), (2, '2 NUITS', 2, 2);
INSERT INTO dim_communes (id_commune, code_insee, nom_commune, id_departement) VALUES (1, '15014', '', 1), (2, '15187', 'SAINT-FLOUR', 1),
  (3, '15120', '', NULL), (4, '15138', '', NULL);
INSERT INTO dim_dates VALUES ('2024-07-01', 0, 0, 0, 0, 'Lundi', 7, 2024, 3, 27), ('2025-06-01', 0, 0, 0, 0, 'dimanche', 6, 2025, 2, 22),
  ('2025-07-07', 0, 0, 0, 0, '', 0, 0, 0, 0);
INSERT INTO dim_saisons (id, annee, saison, date_debut, date_fin, duree_jours) VALUES (1, 2024, 'ETE', '2024-06-20', '2024-09-22', 95),
  (2, 2025, 'ETE', '2025-06-21', '2025-09-22', 94);
INSERT INTO dim_periodes (id_periode, code_periode, nom_periode, annee, saison, date_debut, date_fin, id_saison) VALUES
  (1, 'vacances_ete', 'Vacances d''été 2024', 2024, 'ETE', '2024-07-06', '2024-09-01', 1),
  (2, 'vacances_ete', 'Été', 2025, 'ETE', '2025-07-05', '2025-08-31', 2);
INSERT INTO users (id, username, password_hash) VALUES (1, 'admin', '$2y$12$abcdefghijklmnopqrstuv');
INSERT INTO shared_spaces (id, owner, id_periode) VALUES (1, 1, 1);
-- Definitive; definitive with the mark of a provisional row; truly provisional.
INSERT INTO fact_nuitees (id, date, id_zone, id_provenance, id_categorie, volume, updated_at, is_provisional) VALUES
  (1, '2024-07-01', 2, 2, 1, 500, NULL, 0), (2, '2025-06-01', 2, 2, 1, 610, '2025-09-01 10:00:00', 1),
  (3, '2025-06-01', 1, 1, 1, 620, '2025-09-01 10:00:00', 1), (4, '2025-07-07', 2, 2, 1, 700, NULL, 1), (5, '2025-07-07', 1, 1, 1, 710, NULL, 1);
INSERT INTO fact_nuitees_departements (id, date, id_zone, id_provenance, id_categorie, id_departement, volume, is_provisional) VALUES
  (1, '2025-07-07', 2, 2, 1, 2, 55, 1), (2, '2024-07-01', 2, 2, 1, 2, 50, 0);
INSERT INTO fact_sejours_duree (date, id_zone, id_provenance, id_categorie, id_duree, volume) VALUES ('2024-07-01', 2, 2, 1, 1, 33);
INSERT INTO fact_lieu_activite_soir (date, id_zone, id_provenance, id_categorie, id_epci, id_commune, jour_semaine, volume, is_provisional) VALUES
  ('2024-06-30', 1, 2, 1, 3, 3, 'dimanche', 8, 0), ('2024-07-01', 1, 2, 1, 2, 3, 'Lundi', 9, 0), ('2024-07-01', 1, 2, 1, 1, 1, 'lundi', 90, 0);
INSERT INTO fact_lieu_nuitee_soir (date, id_zone, id_provenance, id_categorie, id_epci, id_commune, jour_semaine, volume) VALUES
  ('2024-07-01', 1, 2, 1, 1, 1, 'lundi', 12);
-- Months of old rows, over definitive ones.
INSERT INTO fact_nuitees_temp VALUES ('2025-06-01', 2, 2, 1, 599), ('2025-06-01', 2, 2, 1, 599), ('2025-06-01', 1, 1, 1, 598);
INSERT INTO fact_nuitees_departements_temp VALUES ('2025-06-01', 2, 2, 1, 60, 1);
INSERT INTO fact_lieu_activite_soir_temp (date, jour_semaine, id_zone, id_provenance, id_categorie, id_commune, id_epci, volume) VALUES
  ('2025-06-01', 'dimanche', 1, 2, 1, 1, 1, 88);
