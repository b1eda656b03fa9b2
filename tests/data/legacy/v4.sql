-- Fourth generation: small numbers, a detail of the zone in the key, places that may be NULL, rows of dimensions that are gone.
CREATE TABLE dim_zones_observation (id_zone INT AUTO_INCREMENT PRIMARY KEY, nom_zone VARCHAR(255) NULL UNIQUE)
  ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE dim_provenances (id_provenance INT AUTO_INCREMENT PRIMARY KEY, nom_provenance VARCHAR(255) NULL UNIQUE)
  ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE dim_categories_visiteur (id_categorie INT AUTO_INCREMENT PRIMARY KEY, nom_categorie VARCHAR(255) NULL UNIQUE)
  ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE dim_departements (id_departement INT AUTO_INCREMENT PRIMARY KEY, nom_departement VARCHAR(255) NULL UNIQUE,
  nom_region VARCHAR(255) NOT NULL, nom_nouvelle_region VARCHAR(255) NOT NULL)
  ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE dim_epci (id_epci INT AUTO_INCREMENT PRIMARY KEY, nom_epci VARCHAR(255) NULL UNIQUE)
  ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE dim_communes (id_commune INT AUTO_INCREMENT PRIMARY KEY, code_insee VARCHAR(10) NOT NULL UNIQUE, nom_commune VARCHAR(255) NOT NULL)
  ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE fact_nuitees_departements (id INT AUTO_INCREMENT PRIMARY KEY, date DATE NOT NULL, id_zone INT NOT NULL,
  id_zone_detail INT NOT NULL, id_provenance INT NOT NULL, id_categorie INT NOT NULL, id_departement INT NOT NULL, volume INT NOT NULL,
  UNIQUE KEY uk (date, id_zone, id_zone_detail, id_provenance, id_categorie, id_departement))
  ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE fact_lieu_activite_soir_departement (id INT AUTO_INCREMENT PRIMARY KEY, date DATE NOT NULL, id_zone INT NOT NULL,
  id_provenance INT NOT NULL, id_categorie INT NOT NULL, id_departement INT NOT NULL, id_epci INT NULL, id_commune INT NULL,
  jour_semaine VARCHAR(10) NOT NULL, volume INT NOT NULL,
  UNIQUE KEY uk (date, id_zone, id_provenance, id_categorie, id_departement, id_epci, id_commune))
  ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
INSERT INTO dim_zones_observation (id_zone, nom_zone) VALUES (1, 'CANTAL');
INSERT INTO dim_provenances (id_provenance, nom_provenance) VALUES (1, 'LOCAL'), (2, 'NONLOCAL');
INSERT INTO dim_categories_visiteur (id_categorie, nom_categorie) VALUES (1, 'TOURISTE');
INSERT INTO dim_departements VALUES (1, 'CANTAL', 'AUVERGNE', 'AUVERGNE-RHÔNE-ALPES');
INSERT INTO dim_epci (id_epci, nom_epci) VALUES (1, 'CA DU BASSIN D''AURILLAC');
INSERT INTO dim_communes (id_commune, code_insee, nom_commune) VALUES (1, '15014', 'AURILLAC');
-- The zone 40 and the département 77 have no row any more.
INSERT INTO fact_nuitees_departements (date, id_zone, id_zone_detail, id_provenance, id_categorie, id_departement, volume) VALUES
  ('2022-05-01', 1, 7, 2, 1, 1, 10), ('2022-05-01', 1, 8, 2, 1, 1, 4), ('2022-05-01', 40, 7, 2, 1, 1, 6), ('2022-05-02', 1, 7, 2, 1, 77, 9);
INSERT INTO fact_lieu_activite_soir_departement (date, id_zone, id_provenance, id_categorie, id_departement, id_epci, id_commune, jour_semaine, volume) VALUES
  ('2022-05-01', 1, 2, 1, 1, NULL, NULL, 'dimanche', 3), ('2022-05-01', 1, 2, 1, 1, 1, 1, 'dimanche', 2), ('2022-05-02', 1, 2, 1, 1, 1, NULL, 'lundi', 1);
