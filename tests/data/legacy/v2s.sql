-- On top of the second generation: old and new names of the zones side by side, zones that are no more.
INSERT INTO dim_zones_observation (id_zone, nom_zone) VALUES (20, 'PAYS D''AURILLAC'), (21, 'HAUT CANTAL'), (22, 'HAUTES TERRES'),
  (23, 'HAUTES TERRES COMMUNAUTE'), (24, 'CCSA'), (25, 'RESTE DEPARTEMENT');
INSERT INTO fact_nuitees (date, id_zone, id_provenance, id_categorie, volume, is_provisional) VALUES
  ('2021-07-01', 23, 2, 1, 15, 0), ('2021-07-01', 24, 2, 1, 16, 0), ('2025-07-07', 20, 2, 1, 705, 1);
