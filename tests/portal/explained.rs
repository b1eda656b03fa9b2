//! Each figure of the portal leads to the command that explains it: the same number, from the same rows.

use flux_test::TestDb;
use serde_json::Value;
use support::served::{Served, database};

fn explained(served: &Served, arguments: &[&str]) -> Value {
    // Exit 3: no delivery of these rows was kept.
    served.home.tool("explain-volume").args(["--json", "--limit", "2"]).args(arguments).run().expect_code(3).json()
}

#[test]
fn every_indicator_is_the_portals_and_its_rows_add_up() {
    let db = database();
    let served = Served::new(&db, &[], &[]);
    let interval = ["--debut", "2025-04-01", "--fin", "2025-08-31", "--zone", "Pays d'Aurillac"];
    let path = "/api/infographie/infographie_indicateurs_cles?debut=2025-04-01&fin=2025-08-31&zone=CABA";
    let answer = served.api(path).expect(200).json();
    let rows = answer["bloc_a"].as_array().unwrap();
    assert_eq!(rows.len(), 24);
    for row in rows {
        let id = row["id"].as_str().unwrap();
        let json = explained(&served, &[&["--indicateur", id][..], &interval].concat());
        let figure = &json["figure"];
        assert_eq!((&figure["value"], &figure["id"]), (&row["N"], &row["id"]));
        if !id.starts_with("duree_moyenne") {
            assert_eq!(json["rows_volume"], row["N"], "{id}");
        }
        assert_eq!(json["rows"].as_array().unwrap().len(), 2, "{id}");
    }
    let figure =
        explained(&served, &[&["--indicateur", "pic_excursionnistes"][..], &interval].concat())["figure"].clone();
    assert_eq!(figure["version_des_donnees"], answer["meta"]["version_des_donnees"]);
    assert_eq!(figure["date"], rows.iter().find(|row| row["id"] == "pic_excursionnistes").unwrap()["date"]);
    by_hand(&db, &served, &interval);
    // A period with a name, whose days the database knows.
    let named = ["--annee", "2025", "--periode", "Vacances d'été", "--zone", "CABA"];
    let json = explained(&served, &[&["--indicateur", "nuitees_francais"][..], &named].concat());
    let sql = "SELECT SUM(volume) FROM fact_nuitees WHERE date BETWEEN '2025-07-05' AND '2025-08-31' AND id_zone IN (2, 4) \
               AND id_categorie = 1 AND id_provenance = 2";
    assert_eq!(json["figure"]["value"].to_string(), db.scalar(sql));
}

/// The same by SQL of its own, with the largest row.
fn by_hand(db: &TestDb, served: &Served, interval: &[&str]) {
    let counts = "date BETWEEN '2025-04-01' AND '2025-08-31' AND id_zone IN (2, 4)";
    for (id, table, which) in [
        ("nuitees_total", "fact_nuitees", "id_categorie = 1 AND id_provenance IN (2, 3)"),
        ("excursionnistes_internationaux", "fact_diurnes", "id_categorie = 2 AND id_provenance = 3"),
        (
            "excursionnistes_14_juillet",
            "fact_diurnes",
            "id_categorie = 2 AND id_provenance IN (2, 3) AND date = '2025-07-14'",
        ),
    ] {
        let json = explained(served, &[&["--indicateur", id][..], interval].concat());
        let keys =
            format!("SELECT SUM(volume) AS v FROM {table} WHERE {counts} AND {which} GROUP BY date, id_provenance");
        let expected = db.rows(&format!("SELECT SUM(v), COUNT(*), MAX(v) FROM ({keys}) k"));
        let found = [&json["figure"]["value"], &json["rows_total"], &json["rows"][0]["volume"]].map(Value::to_string);
        assert_eq!(found.to_vec(), expected[0], "{id}");
    }
    let json = explained(served, &[&["--indicateur", "duree_moyenne_total"][..], interval].concat());
    let mean = db.scalar(&format!(
        "SELECT ROUND(SUM(f.volume * d.nb_nuits) / SUM(f.volume), 2) FROM fact_sejours_duree f JOIN dim_durees_sejour d USING (id_duree) \
         WHERE {counts} AND id_categorie = 1 AND id_provenance IN (2, 3)"
    ));
    assert_eq!(json["figure"]["value"].as_f64(), mean.parse().ok());
}

#[test]
fn a_name_of_a_ranking_is_the_sum_of_its_rows() {
    let db = database();
    let served = Served::new(&db, &[], &[]);
    let query = "annee=2025&periode=vacances_ete&zone=CABA";
    let common = ["--annee", "2025", "--periode", "vacances_ete", "--zone", "CABA", "--categorie", "TOURISTE"];
    let list = |path: &str| served.api(&format!("/api/infographie/{path}?{query}")).expect(200).json();
    let departement = list("infographie_departements_touristes")["data"][0].clone();
    let name = departement["nom_departement"].as_str().unwrap();
    let arguments = ["--table", "fact_nuitees_departements", "--provenance", "NONLOCAL", "--departement", name];
    let json = explained(&served, &[&arguments[..], &common].concat());
    assert_eq!(json["figure"]["value"], departement["n_nuitees"]);
    let commune = list("infographie_communes_excursion")["destinations"][0].clone();
    let name = commune["nom_commune"].as_str().unwrap();
    let arguments = ["--table", "fact_lieu_activite_soir", "--provenance", "NONLOCAL,ETRANGER", "--commune", name];
    let json = explained(&served, &[&arguments[..], &common].concat());
    assert_eq!(json["figure"]["value"], commune["total_visiteurs"]);
    assert_eq!(json["figure"]["zones"].as_array().unwrap().len(), 2);
}
