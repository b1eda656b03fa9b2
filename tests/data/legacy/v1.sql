-- First generation: facts without a unique key, foreign keys from every column, one département in two rows, files loaded twice.
CREATE TABLE dim_zones_observation (id_zone INT AUTO_INCREMENT PRIMARY KEY, nom_zone VARCHAR(50) NOT NULL UNIQUE)
  ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
CREATE TABLE dim_provenances (id_provenance INT AUTO_INCREMENT PRIMARY KEY, nom_provenance VARCHAR(50) NOT NULL UNIQUE)
  ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
CREATE TABLE dim_categories_visiteur (id_categorie INT AUTO_INCREMENT PRIMARY KEY, nom_categorie VARCHAR(50) NOT NULL UNIQUE)
  ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
CREATE TABLE dim_pays (id_pays INT AUTO_INCREMENT PRIMARY KEY, nom_pays VARCHAR(100) NOT NULL UNIQUE)
  ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
CREATE TABLE dim_regions (id_region INT AUTO_INCREMENT PRIMARY KEY, nom_region VARCHAR(100) NOT NULL UNIQUE)
  ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
CREATE TABLE dim_tranches_age (id_age INT AUTO_INCREMENT PRIMARY KEY, tranche VARCHAR(50) NOT NULL UNIQUE)
  ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
CREATE TABLE dim_segments_geolife (id_geolife INT AUTO_INCREMENT PRIMARY KEY, segment VARCHAR(100) NOT NULL UNIQUE)
  ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
CREATE TABLE dim_departements (id_departement INT AUTO_INCREMENT PRIMARY KEY, nom_departement VARCHAR(100) NOT NULL,
  nom_region VARCHAR(100) NOT NULL, nom_nouvelle_region VARCHAR(100) NOT NULL,
  UNIQUE KEY uk_dep (nom_departement, nom_region, nom_nouvelle_region)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
CREATE TABLE dim_dates (date DATE PRIMARY KEY, vacances_a TINYINT(1) NOT NULL, vacances_b TINYINT(1) NOT NULL,
  vacances_c TINYINT(1) NOT NULL, ferie TINYINT(1) NOT NULL, jour_semaine VARCHAR(10) NOT NULL, mois TINYINT NOT NULL,
  annee SMALLINT NOT NULL, trimestre TINYINT NOT NULL, semaine TINYINT NOT NULL)
  ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE fact_nuitees (id BIGINT AUTO_INCREMENT PRIMARY KEY, date DATE NOT NULL, id_zone INT NOT NULL, id_provenance INT NOT NULL,
  id_categorie INT NOT NULL, volume INT NOT NULL DEFAULT 0, created_at TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP,
  FOREIGN KEY (date) REFERENCES dim_dates (date) ON DELETE CASCADE,
  FOREIGN KEY (id_zone) REFERENCES dim_zones_observation (id_zone) ON DELETE CASCADE,
  FOREIGN KEY (id_provenance) REFERENCES dim_provenances (id_provenance) ON DELETE CASCADE,
  FOREIGN KEY (id_categorie) REFERENCES dim_categories_visiteur (id_categorie) ON DELETE CASCADE,
  CONSTRAINT nuitees_volume CHECK (volume >= 0)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
CREATE TABLE fact_diurnes (id BIGINT AUTO_INCREMENT PRIMARY KEY, date DATE NOT NULL, id_zone INT NOT NULL, id_provenance INT NOT NULL,
  id_categorie INT NOT NULL, volume INT NOT NULL DEFAULT 0, created_at TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP,
  FOREIGN KEY (date) REFERENCES dim_dates (date) ON DELETE CASCADE,
  FOREIGN KEY (id_zone) REFERENCES dim_zones_observation (id_zone) ON DELETE CASCADE,
  FOREIGN KEY (id_provenance) REFERENCES dim_provenances (id_provenance) ON DELETE CASCADE,
  FOREIGN KEY (id_categorie) REFERENCES dim_categories_visiteur (id_categorie) ON DELETE CASCADE,
  CONSTRAINT diurnes_volume CHECK (volume >= 0)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
CREATE TABLE fact_nuitees_departements (id BIGINT AUTO_INCREMENT PRIMARY KEY, date DATE NOT NULL, id_zone INT NOT NULL,
  id_provenance INT NOT NULL, id_categorie INT NOT NULL, id_departement INT NOT NULL, volume INT NOT NULL DEFAULT 0,
  created_at TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP,
  FOREIGN KEY (date) REFERENCES dim_dates (date) ON DELETE CASCADE,
  FOREIGN KEY (id_zone) REFERENCES dim_zones_observation (id_zone) ON DELETE CASCADE,
  FOREIGN KEY (id_provenance) REFERENCES dim_provenances (id_provenance) ON DELETE CASCADE,
  FOREIGN KEY (id_categorie) REFERENCES dim_categories_visiteur (id_categorie) ON DELETE CASCADE,
  FOREIGN KEY (id_departement) REFERENCES dim_departements (id_departement) ON DELETE CASCADE)
  ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
CREATE TABLE fact_nuitees_regions (id BIGINT AUTO_INCREMENT PRIMARY KEY, date DATE NOT NULL, id_zone INT NOT NULL,
  id_region INT NOT NULL, volume INT NOT NULL DEFAULT 0, UNIQUE KEY uk (date, id_zone, id_region),
  FOREIGN KEY (id_region) REFERENCES dim_regions (id_region) ON DELETE CASCADE)
  ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

INSERT INTO dim_zones_observation (id_zone, nom_zone) VALUES (1, 'CANTAL'), (2, 'CABA'), (3, 'HTC');
INSERT INTO dim_provenances (id_provenance, nom_provenance) VALUES (1, 'LOCAL'), (2, 'NONLOCAL'), (3, 'ETRANGER');
INSERT INTO dim_categories_visiteur (id_categorie, nom_categorie) VALUES (1, 'TOURISTE'), (2, 'EXCURSIONNISTE');
INSERT INTO dim_pays (id_pays, nom_pays) VALUES (1, 'ESPAGNE'), (2, 'BELGIQUE');
INSERT INTO dim_regions (id_region, nom_region) VALUES (1, 'AUVERGNE');
INSERT INTO dim_departements (id_departement, nom_departement, nom_region, nom_nouvelle_region) VALUES
  (1, 'CANTAL', 'AUVERGNE', 'AUVERGNE-RHÔNE-ALPES'), (2, 'RHÔNE', 'RHÔNE-ALPES', 'AUVERGNE-RHÔNE-ALPES'),
  (3, 'RHÔNE', '', 'AUVERGNE-RHÔNE-ALPES');
INSERT INTO dim_dates VALUES ('2019-07-01', 0, 0, 0, 0, 'Lundi', 7, 2019, 3, 27), ('2019-07-02', 0, 0, 0, 0, 'mardi', 7, 2019, 3, 27);
INSERT INTO fact_nuitees (date, id_zone, id_provenance, id_categorie, volume) VALUES
  ('2019-07-01', 1, 1, 1, 100), ('2019-07-01', 2, 2, 1, 40), ('2019-07-02', 1, 1, 1, 110), ('2019-07-02', 2, 2, 1, 45),
  ('2019-07-01', 1, 1, 1, 100), ('2019-07-01', 2, 2, 1, 40), ('2019-07-02', 1, 1, 1, 112);
INSERT INTO fact_diurnes (date, id_zone, id_provenance, id_categorie, volume) VALUES ('2019-07-01', 1, 1, 2, 70);
INSERT INTO fact_nuitees_departements (date, id_zone, id_provenance, id_categorie, id_departement, volume) VALUES
  ('2019-07-01', 1, 2, 1, 2, 30), ('2019-07-02', 1, 2, 1, 3, 31), ('2019-07-02', 1, 2, 1, 1, 5);
INSERT INTO fact_nuitees_regions (date, id_zone, id_region, volume) VALUES ('2019-07-01', 1, 1, 3);
