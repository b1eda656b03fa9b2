//! Every number that `serve-portal` gives, against SQL written here by hand for it, on dates taken from a calendar.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use serde_json::{Value, json};
use support::served::{Served, encoded, shared};

/// One portal for the tests of this file that run at the same time: they only ask. It ends with the last of them.
fn portal() -> Arc<Served> {
    static PORTAL: Mutex<Weak<Served>> = Mutex::new(Weak::new());
    let mut known = PORTAL.lock().unwrap_or_else(PoisonError::into_inner);
    known.upgrade().unwrap_or_else(|| {
        let portal = Arc::new(Served::new(shared(), &[], &[]));
        *known = Arc::downgrade(&portal);
        portal
    })
}

fn ask(path: &str, query: &str) -> Value {
    portal().api(&format!("/api/{path}?{query}")).expect(200).json()
}

/// April to August of 2025 in the zone that has two rows: every feast lies in it.
const ALL: &str = "debut=2025-04-01&fin=2025-08-31&zone=CABA";

/// Sum of a table over the zone, between two days.
fn sum(table: &str, from: &str, to: &str, more: &str) -> Value {
    let sql = format!(
        "SELECT SUM(volume) FROM {table} WHERE date BETWEEN '{from}' AND '{to}' AND id_zone IN (2, 4) AND {more}"
    );
    shared().scalar(&sql).parse::<u64>().map_or(Value::Null, Value::from)
}

const TOURISTS: &str = "id_categorie = 1 AND id_provenance IN (2, 3)";
const EXCURSIONISTS: &str = "id_categorie = 2 AND id_provenance IN (2, 3)";

/// (N − N₁) / N₁ × 100, one decimal, by the server's arithmetic on exact numbers.
fn change(now: &Value, before: &Value) -> Value {
    let (Some(now), Some(before)) = (now.as_f64(), before.as_f64()) else { return Value::Null };
    let sql =
        format!("SELECT IF({before} = 0, NULL, ROUND(CAST(({now} - {before}) * 100 AS DECIMAL(30, 6)) / {before}, 1))");
    shared().scalar(&sql).parse::<f64>().map_or(Value::Null, Value::from)
}

fn indicator(answer: &Value, id: &str) -> Value {
    let rows = answer["bloc_a"].as_array().unwrap();
    rows.iter().find(|row| row["id"] == id).unwrap_or_else(|| panic!("{id} in {answer}")).clone()
}

#[track_caller]
fn assert_row(answer: &Value, id: &str, numero: f64, expected: [Value; 5]) {
    let row = indicator(answer, id);
    assert_eq!(row["numero"].as_f64(), Some(numero), "{id}");
    for (name, value) in ["N", "N_1", "N_2", "N_3", "N_4"].iter().zip(&expected) {
        assert_eq!(&row[name], value, "{id} {name}");
    }
    for (name, at) in [("evolution_pct", 1), ("evolution_pct_N1", 2), ("evolution_pct_N2", 3), ("evolution_pct_N3", 4)]
    {
        let (got, wanted) = (&row[name], change(&expected[0], &expected[at]));
        // Where an exact half is, binary and decimal arithmetic may part.
        let close = got.as_f64().zip(wanted.as_f64()).is_some_and(|(got, wanted)| (got - wanted).abs() < 0.06);
        assert!(close || *got == wanted, "{id} {name}: {got} instead of {wanted}");
    }
}

/// The years of the columns.
const YEARS: [i32; 5] = [2025, 2024, 2023, 2022, 2021];

#[test]
fn sums_of_the_period_in_five_years() {
    let _held = portal();
    let answer = ask("infographie/infographie_indicateurs_cles.php", ALL);
    assert_eq!(answer["annees"], json!(YEARS));
    let all = |table: &str, more: &str| {
        YEARS.map(|year| sum(table, &format!("{year}-04-01"), &format!("{year}-08-31"), more))
    };
    for (id, numero, table, more) in [
        ("nuitees_total", 1.0, "fact_nuitees", TOURISTS),
        ("nuitees_francais", 2.0, "fact_nuitees", "id_categorie = 1 AND id_provenance = 2"),
        ("nuitees_internationaux", 3.0, "fact_nuitees", "id_categorie = 1 AND id_provenance = 3"),
        ("excursionnistes_francais", 15.0, "fact_diurnes", "id_categorie = 2 AND id_provenance = 2"),
        ("excursionnistes_internationaux", 15.5, "fact_diurnes", "id_categorie = 2 AND id_provenance = 3"),
        ("excursionnistes_total", 16.0, "fact_diurnes", EXCURSIONISTS),
    ] {
        let expected = all(table, more);
        assert!(expected[0].as_u64().unwrap() > 10_000 && expected[3].is_null(), "{expected:?}");
        assert_row(&answer, id, numero, expected);
    }
    // Five départements and two countries have rows here: fewer than the figures take.
    let french = all("fact_nuitees_departements", "id_categorie = 1 AND id_provenance = 2 AND id_departement <> 4");
    assert_row(&answer, "nuitees_top15_departements", 4.0, french);
    assert_row(&answer, "nuitees_top5_pays", 5.0, all("fact_nuitees_pays", "id_categorie = 1 AND id_provenance = 3"));
}

/// Easter Sundays: 20 April 2025, 31 March 2024, 9 April 2023, 17 April 2022, 4 April 2021.
#[test]
fn feasts_are_those_of_each_year() {
    let _held = portal();
    let answer = ask("infographie/infographie_indicateurs_cles", ALL);
    let easter = [
        ("2025-04-19", "2025-04-21"),
        ("2024-03-30", "2024-04-01"),
        ("2023-04-08", "2023-04-10"),
        ("2022-04-16", "2022-04-18"),
        ("2021-04-03", "2021-04-05"),
    ];
    let ascension = [
        ("2025-05-29", "2025-06-01"),
        ("2024-05-09", "2024-05-12"),
        ("2023-05-18", "2023-05-21"),
        ("2022-05-26", "2022-05-29"),
        ("2021-05-13", "2021-05-16"),
    ];
    let pentecost = [
        ("2025-06-07", "2025-06-09"),
        ("2024-05-18", "2024-05-20"),
        ("2023-05-27", "2023-05-29"),
        ("2022-06-04", "2022-06-06"),
        ("2021-05-22", "2021-05-24"),
    ];
    for (at, (name, days)) in
        [("paques", easter), ("ascension", ascension), ("pentecote", pentecost)].into_iter().enumerate()
    {
        let of = |table: &str, more: &str| days.map(|(from, to)| sum(table, from, to, more));
        let place = [0.0, 2.0, 3.0][at];
        assert_row(&answer, &format!("nuitees_weekend_{name}"), 6.0 + place, of("fact_nuitees", TOURISTS));
        assert_row(
            &answer,
            &format!("excursionnistes_weekend_{name}"),
            19.0 + place,
            of("fact_diurnes", EXCURSIONISTS),
        );
    }
    for (id, numero, table, more, day) in [
        ("nuitees_1er_mai", 7.0, "fact_nuitees", TOURISTS, "05-01"),
        ("excursionnistes_1er_mai", 20.0, "fact_diurnes", EXCURSIONISTS, "05-01"),
        ("excursionnistes_14_juillet", 23.0, "fact_diurnes", EXCURSIONISTS, "07-14"),
        ("excursionnistes_15_aout", 24.0, "fact_diurnes", EXCURSIONISTS, "08-15"),
    ] {
        assert_row(
            &answer,
            id,
            numero,
            YEARS.map(|year| sum(table, &format!("{year}-{day}"), &format!("{year}-{day}"), more)),
        );
        assert_eq!(indicator(&answer, id)["date"], format!("2025-{day}"));
    }
    // Of Easter 2024 only the Monday has data.
    let remark = indicator(&answer, "nuitees_weekend_paques")["remarque"].clone();
    assert_eq!(remark, "N−1 : 1 jour avec données sur 3");
    assert_eq!(indicator(&answer, "nuitees_weekend_ascension")["remarque"], Value::Null);
}

/// From 1 April: the second Saturday is 12 April 2025, 13 April 2024, 8 April 2023, 9 April 2022, 10 April 2021.
#[test]
fn saturdays_and_the_peak_are_days_of_their_own_year() {
    let _held = portal();
    let answer = ask("infographie/infographie_indicateurs_cles", ALL);
    let second = ["2025-04-12", "2024-04-13", "2023-04-08", "2022-04-09", "2021-04-10"];
    let third = ["2025-04-19", "2024-04-20", "2023-04-15", "2022-04-16", "2021-04-17"];
    for (id, numero, days) in [("excursionnistes_2e_samedi", 17.0, second), ("excursionnistes_3e_samedi", 18.0, third)]
    {
        assert_row(&answer, id, numero, days.map(|day| sum("fact_diurnes", day, day, EXCURSIONISTS)));
        assert_eq!(
            (&indicator(&answer, id)["date"], &indicator(&answer, id)["date_N1"]),
            (&json!(days[0]), &json!(days[1]))
        );
    }
    let peak = |year: i32| {
        let sql = format!(
            "SELECT date, SUM(volume) FROM fact_diurnes WHERE YEAR(date) = {year} AND id_zone IN (2, 4) AND {EXCURSIONISTS} \
             GROUP BY date ORDER BY 2 DESC, 1 LIMIT 1"
        );
        shared().rows(&sql).into_iter().next()
    };
    let expected = YEARS.map(|year| peak(year).map_or(Value::Null, |row| row[1].parse::<u64>().unwrap().into()));
    assert_row(&answer, "pic_excursionnistes", 10.0, expected);
    assert_eq!(indicator(&answer, "pic_excursionnistes")["date"], peak(2025).unwrap()[0]);
    // Face to face, each side says its own day.
    let asked = |side: &str, year: i32| format!("debut_{side}={year}-04-01&fin_{side}={year}-08-31&zone_{side}=CABA");
    let question = format!("{}&{}", asked("a", 2024), asked("b", 2021));
    let faced = ask("analytics/comparison_detailed", &question);
    let row = |id: &str| faced["comparaison"].as_array().unwrap().iter().find(|row| row["id"] == id).unwrap().clone();
    let row_of_peak = row("pic_excursionnistes");
    let days = [2024, 2021].map(|year| peak(year).unwrap()[0].clone());
    assert_eq!([&row_of_peak["date_a"], &row_of_peak["date_b"]], [&json!(days[0]), &json!(days[1])]);
    assert_eq!(row("nuitees_total")["date_a"], Value::Null);
    // 14 July of each year, as the page writes it.
    let page = portal().api(&format!("/dashboard?onglet=comparer&{question}")).expect(200).text();
    assert!(page.replace('\u{a0}', " ").contains("A : le 14 juillet 2024 ; B : le 14 juillet 2021"), "{page}");
}

#[test]
fn stays_their_shares_and_their_mean() {
    let _held = portal();
    let answer = ask("legacy/blocks/bloc_a", ALL);
    let db = shared();
    let days = |year: i32| {
        format!("date BETWEEN '{year}-04-01' AND '{year}-08-31' AND id_zone IN (2, 4) AND id_categorie = 1")
    };
    for (id, numero, list, origin) in [
        ("duree_moyenne_total", 25.0, "stay_distribution_total", "2, 3"),
        ("duree_moyenne_francais", 26.0, "stay_distribution_fr", "2"),
        ("duree_moyenne_internationaux", 27.0, "stay_distribution_intl", "3"),
    ] {
        let mean = |year: i32| {
            let sql = format!(
                "SELECT ROUND(SUM(f.volume * d.nb_nuits) / SUM(f.volume), 2) FROM fact_sejours_duree f \
                 JOIN dim_durees_sejour d USING (id_duree) WHERE {} AND id_provenance IN ({origin})",
                days(year)
            );
            db.scalar(&sql).parse::<f64>().map_or(Value::Null, Value::from)
        };
        assert_row(&answer, id, numero, YEARS.map(mean));
        let volumes = |year: i32| -> Vec<u64> {
            let sql = format!(
                "SELECT SUM(volume) FROM fact_sejours_duree WHERE {} AND id_provenance IN ({origin}) GROUP BY id_duree ORDER BY id_duree",
                days(year)
            );
            db.column(&sql).iter().map(|volume| volume.parse().unwrap()).collect()
        };
        let (now, before) = (volumes(2025), volumes(2024));
        let rows = answer[list].as_array().unwrap();
        assert_eq!(rows.len(), 3);
        for (at, row) in rows.iter().enumerate() {
            assert_eq!((&row["volume"], &row["volume_n1"]), (&json!(now[at]), &json!(before[at])), "{list}");
            let share = now[at] as f64 * 100.0 / now.iter().sum::<u64>() as f64;
            assert!((row["part_pct"].as_f64().unwrap() - share).abs() < 0.051, "{row}");
        }
        assert_eq!((&rows[2]["duree"], &rows[2]["nb_nuits"]), (&json!("13 NUITS ET PLUS"), &json!(13)));
    }
    let numbers: Vec<f64> =
        answer["bloc_a"].as_array().unwrap().iter().map(|row| row["numero"].as_f64().unwrap()).collect();
    assert_eq!(numbers, [1.0, 2.0, 3.0, 4.0, 5.0, 10.0, 16.0, 17.0, 18.0, 25.0, 26.0, 27.0]);
    let alone = ask("infographie/infographie_duree_sejour", ALL);
    for list in ["stay_distribution_fr", "stay_distribution_intl", "stay_distribution_total"] {
        assert_eq!(alone[list], answer[list]);
    }
}

/// A ranking by SQL: name, N, N−1.
fn ranked(table: &str, name: &str, dim: &str, id: &str, more: &str) -> Vec<(String, u64, u64)> {
    let year = |year: i32| format!("SUM(IF(YEAR(f.date) = {year}, f.volume, 0))");
    let sql = format!(
        "SELECT d.{name}, {}, {} FROM {table} f JOIN {dim} d ON d.{id} = f.{id} \
         WHERE YEAR(f.date) IN (2024, 2025) AND f.id_zone IN (2, 4) AND {more} GROUP BY d.{name} ORDER BY 2 DESC, 3 DESC, 1",
        year(2025),
        year(2024)
    );
    let rows = shared().rows(&sql);
    rows.into_iter().map(|row| (row[0].clone(), row[1].parse().unwrap(), row[2].parse().unwrap())).collect()
}

#[test]
fn rankings_have_shares_of_the_whole_and_those_that_fell_out() {
    let _held = portal();
    for (kind, category, volume, prefix) in
        [("touristes", 1, "n_nuitees", "fact_nuitees"), ("excursionnistes", 2, "n_presences", "fact_diurnes")]
    {
        let french = format!("id_categorie = {category} AND id_provenance = 2 AND f.id_departement <> 4");
        let abroad = format!("id_categorie = {category} AND id_provenance = 3");
        let departements =
            ranked(&format!("{prefix}_departements"), "nom_departement", "dim_departements", "id_departement", &french);
        let mut regions = ranked(
            &format!("{prefix}_departements"),
            "nom_nouvelle_region",
            "dim_departements",
            "id_departement",
            &french,
        );
        // A département without a region counts in the whole and is no region.
        regions.retain(|row| row.0 != "NULL");
        let pays = ranked(&format!("{prefix}_pays"), "nom_pays", "dim_pays", "id_pays", &abroad);
        assert_eq!((departements.len(), regions.len(), pays.len()), (5, 2, 2));
        let whole = |rows: &[(String, u64, u64)]| rows.iter().map(|row| row.1).sum::<u64>();
        for (path, name, expected, whole) in [
            ("departements", "nom_departement", &departements, whole(&departements)),
            ("regions", "nom_region", &regions, whole(&departements)),
            ("pays", "nom_pays", &pays, whole(&pays)),
        ] {
            let answer = ask(&format!("infographie/infographie_{path}_{kind}.php"), ALL);
            let before = format!("{volume}_n1");
            let rows = answer["data"].as_array().unwrap();
            let got: Vec<_> = rows
                .iter()
                .map(|row| {
                    (
                        row[name].as_str().unwrap().to_owned(),
                        row[volume].as_u64().unwrap(),
                        row[&before].as_u64().unwrap(),
                    )
                })
                .collect();
            assert_eq!(&got, expected, "{path} {kind}");
            assert_eq!(answer["total"], whole);
            for row in rows {
                let share = row[volume].as_u64().unwrap() as f64 * 100.0 / whole as f64;
                assert!((row["part_pct"].as_f64().unwrap() - share).abs() < 0.051, "{row}");
                let wanted = change(&row[volume], &row[&before]);
                assert!(
                    row["delta_pct"] == wanted
                        || (row["delta_pct"].as_f64().unwrap() - wanted.as_f64().unwrap()).abs() < 0.06,
                    "{row}"
                );
            }
        }
        // RHÔNE is new in 2025 and LOIRE fell out: the first of each year are shown, of 2024 as well as of 2025.
        let first = ask(&format!("infographie/infographie_departements_{kind}"), &format!("{ALL}&limit=1"));
        let shown: Vec<&str> =
            first["data"].as_array().unwrap().iter().map(|row| row["nom_departement"].as_str().unwrap()).collect();
        let largest =
            |of: fn(&(String, u64, u64)) -> u64| departements.iter().max_by_key(|row| of(row)).unwrap().0.as_str();
        let mut wanted = vec![largest(|row| row.1), largest(|row| row.2)];
        wanted.dedup();
        assert_eq!(shown, wanted);
        let loire = ask(&format!("infographie/infographie_departements_{kind}"), ALL);
        let loire =
            loire["data"].as_array().unwrap().iter().find(|row| row["nom_departement"] == "LOIRE").unwrap().clone();
        assert_eq!((&loire[volume], &loire["delta_pct"], &loire["rang"]), (&json!(0), &json!(-100.0), &Value::Null));
    }
}

#[test]
fn communes_over_their_epcis_with_those_that_fell_out() {
    let _held = portal();
    let query = "annee=2025&periode=vacances_ete&zone=PAYS%20D%27AURILLAC&limit=10";
    let answer = ask("infographie/infographie_communes_excursion.php", query);
    // Each year has its own days.
    let year = |from: &str, to: &str| format!("SUM(IF(f.date BETWEEN '{from}' AND '{to}', f.volume, 0))");
    let sql = format!(
        "SELECT c.nom_commune, c.code_insee, {}, {} FROM fact_lieu_activite_soir f JOIN dim_communes c USING (id_commune) \
         WHERE f.id_zone IN (2, 4) AND f.id_categorie = 1 AND f.id_provenance <> 1 GROUP BY c.id_commune ORDER BY 3 DESC, 4 DESC",
        year("2025-07-05", "2025-08-31"),
        year("2024-07-06", "2024-08-30")
    );
    let rows: Vec<_> = answer["destinations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            [&row["nom_commune"], &row["code_insee"], &row["total_visiteurs"], &row["total_visiteurs_n1"]]
                .map(|v| v.to_string().trim_matches('"').to_owned())
                .to_vec()
        })
        .collect();
    let expected = shared().rows(&sql);
    assert_eq!(rows, expected);
    let fell_out = expected.iter().find(|row| row[0] == "SAINT-FLOUR").unwrap();
    assert!(fell_out[2] == "0" && fell_out[3] != "0", "{fell_out:?}");
    for (field, day) in [
        ("debut_periode", "2025-07-05"),
        ("fin_periode", "2025-08-31"),
        ("debut_periode_n1", "2024-07-06"),
        ("fin_periode_n1", "2024-08-30"),
    ] {
        assert_eq!(answer[field], day);
    }
    assert_eq!(answer["total_destinations"], 3);
    assert_eq!(ask("analytics/communes_excursion", query)["destinations"], answer["destinations"]);
}

#[test]
fn an_answer_says_what_it_stands_on() {
    let _held = portal();
    let meta = ask("infographie/infographie_indicateurs_cles", "debut=2024-06-01&fin=2024-06-30&zone=pays%20daurillac")
        ["meta"]
        .clone();
    assert_eq!((&meta["zone"], &meta["zones"]), (&json!("PAYS D'AURILLAC"), &json!(["PAYS D'AURILLAC", "CABA"])));
    assert_eq!(
        (&meta["jours"], &meta["jours_avec_donnees"], &meta["jours_avec_donnees_n1"]),
        (&json!(30), &json!(29), &json!(30))
    );
    assert_eq!((&meta["debut_n1"], &meta["fin_n1"]), (&json!("2023-06-01"), &json!("2023-06-30")));
    assert_eq!((&meta["donnees_jusqu_au"], &meta["provisoire_pct"]), (&json!("2025-08-31"), &json!(0.0)));
    assert!(
        meta["calcule_le"].as_str().unwrap().ends_with('Z')
            && meta["version_des_donnees"].as_str().unwrap().len() == 16
    );
    let tables =
        ["fact_nuitees", "fact_diurnes", "fact_nuitees_departements", "fact_nuitees_pays", "fact_sejours_duree"];
    let sources: Vec<_> = meta["sources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|source| (source["table"].as_str().unwrap(), source["jours_avec_donnees"].as_u64().unwrap()))
        .collect();
    assert_eq!(sources, tables.map(|table| (table, 29)));
    // July and August of 2025: August is provisional.
    let meta =
        ask("infographie/infographie_pays_touristes", "debut=2025-07-01&fin=2025-08-31&zone=CABA")["meta"].clone();
    let share = |days: &str| {
        sum("fact_nuitees_pays", days, "2025-08-31", "id_categorie = 1 AND id_provenance = 3").as_f64().unwrap()
    };
    let expected = share("2025-08-01") * 100.0 / share("2025-07-01");
    assert!((meta["provisoire_pct"].as_f64().unwrap() - expected).abs() < 0.051, "{meta}");
}

#[test]
fn a_year_without_data_or_without_the_period_is_null() {
    let _held = portal();
    // 2022 has no data: what is compared with it is null, not from zero.
    let answer = ask("infographie/infographie_departements_touristes", "debut=2023-07-01&fin=2023-07-31&zone=CABA");
    assert!(
        answer["data"]
            .as_array()
            .unwrap()
            .iter()
            .all(|row| row["n_nuitees_n1"].is_null() && row["delta_pct"].is_null())
    );
    assert_eq!((&answer["meta"]["jours_avec_donnees_n1"], &answer["total_n1"]), (&json!(0), &Value::Null));
    // A period that only 2025 has.
    let answer = ask("infographie/infographie_indicateurs_cles", "annee=2025&periode=Foire&zone=CABA");
    let total = indicator(&answer, "nuitees_total");
    assert_eq!(total["N"], sum("fact_nuitees", "2025-06-01", "2025-06-03", TOURISTS));
    assert_eq!((&total["N_1"], &total["N_4"]), (&Value::Null, &Value::Null));
    assert!(answer["meta"]["sans_reference"].as_str().unwrap().contains("2024"));
    // Neither Saturday lies in three days, nor any feast.
    let ids: Vec<&str> = answer["bloc_a"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap()).collect();
    assert!(
        !ids.iter()
            .any(|id| id.contains("samedi") || id.contains("weekend") || id.contains("mai") || id.contains("aout")),
        "{ids:?}"
    );
    // A year before all data.
    let answer = ask("infographie/infographie_indicateurs_cles", "annee=2010&periode=annee_complete&zone=CABA");
    assert!(
        answer["bloc_a"].as_array().unwrap().iter().all(|row| row["N"].is_null() && row["evolution_pct"].is_null())
    );
    assert_eq!(answer["meta"]["jours_avec_donnees"], 0);
}

#[test]
fn another_year_to_compare_with() {
    let _held = portal();
    let answer = ask("infographie/infographie_indicateurs_cles", &format!("{ALL}&compare_annee=2021"));
    assert_eq!((&answer["annees"], &answer["compare_annee"]), (&json!([2025, 2021, 2023, 2022, 2021]), &json!(2021)));
    let (now, before) = (
        sum("fact_nuitees", "2025-04-01", "2025-08-31", TOURISTS),
        sum("fact_nuitees", "2021-04-01", "2021-08-31", TOURISTS),
    );
    let total = indicator(&answer, "nuitees_total");
    assert_eq!((&total["N"], &total["N_1"]), (&now, &before));
    let rows = ask("infographie/infographie_pays_touristes", &format!("{ALL}&compare_annee=2021"));
    let belgium = rows["data"].as_array().unwrap().iter().find(|row| row["nom_pays"] == "BELGIQUE").unwrap().clone();
    assert_eq!(
        belgium["n_nuitees_n1"],
        sum("fact_nuitees_pays", "2021-04-01", "2021-08-31", "id_categorie = 1 AND id_provenance = 3 AND id_pays = 1")
    );
}

#[test]
fn day_by_day() {
    let _held = portal();
    let answer =
        ask("infographie/infographie_series", "debut=2024-06-12&fin=2024-06-14&zone=CABA&visiteurs=excursionnistes");
    let days = answer["jours"].as_array().unwrap();
    assert_eq!(days.len(), 3);
    for (at, day) in [(0, "06-12"), (2, "06-14")] {
        let of = |year: i32| sum("fact_diurnes", &format!("{year}-{day}"), &format!("{year}-{day}"), EXCURSIONISTS);
        assert_eq!((&days[at]["n"], &days[at]["n_1"]), (&of(2024), &of(2023)), "{day}");
        assert_eq!(
            (&days[at]["date"], &days[at]["date_n1"]),
            (&json!(format!("2024-{day}")), &json!(format!("2023-{day}")))
        );
    }
    // 13 June 2024 has no data; 2023 has.
    assert!(days[1]["n"].is_null() && days[1]["n_1"].is_u64(), "{}", days[1]);
    let may = ask("infographie/infographie_series", "debut=2025-05-01&fin=2025-05-03&zone=CABA");
    let flags: Vec<_> = may["jours"]
        .as_array()
        .unwrap()
        .iter()
        .map(|day| (day["jour_semaine"].as_str().unwrap(), day["ferie"].as_str(), day["weekend"].as_bool().unwrap()))
        .collect();
    assert_eq!(flags, [("jeudi", Some("Fête du Travail"), false), ("vendredi", None, false), ("samedi", None, true)]);
}

#[test]
fn two_periods_and_zones_face_to_face() {
    let _held = portal();
    let query = "annee_a=2025&periode_a=vacances_ete&zone_a=CABA&annee_b=2024&periode_b=vacances_ete&zone_b=CANTAL";
    let answer = ask("analytics/comparison_detailed.php", query);
    let total =
        answer["comparaison"].as_array().unwrap().iter().find(|row| row["id"] == "nuitees_total").unwrap().clone();
    let a = sum("fact_nuitees", "2025-07-05", "2025-08-31", TOURISTS);
    let b = shared().scalar(&format!("SELECT SUM(volume) FROM fact_nuitees WHERE date BETWEEN '2024-07-06' AND '2024-08-30' AND id_zone = 1 AND {TOURISTS}"));
    assert_eq!((total["a"].to_string(), total["b"].to_string()), (a.to_string(), b.clone()));
    assert_eq!(total["difference"].as_i64().unwrap(), a.as_i64().unwrap() - b.parse::<i64>().unwrap());
    assert_eq!(
        (&answer["a"]["meta"]["zone"], &answer["b"]["meta"]["zone"]),
        (&json!("PAYS D'AURILLAC"), &json!("CANTAL"))
    );
    let rows = ask("analytics/comparison_departements", query);
    let paris = rows["data"].as_array().unwrap().iter().find(|row| row["nom_departement"] == "PARIS").unwrap().clone();
    assert_eq!(
        paris["a"],
        sum(
            "fact_nuitees_departements",
            "2025-07-05",
            "2025-08-31",
            "id_categorie = 1 AND id_provenance = 2 AND id_departement = 2"
        )
    );
}

#[test]
fn regions_countries_communes_and_days_stand_face_to_face() {
    let _held = portal();
    let query = "annee_a=2025&periode_a=vacances_ete&zone_a=CABA&annee_b=2024&periode_b=vacances_ete&zone_b=CANTAL";
    let of = |list: &str, name: &str, value: &str| {
        let answer = ask(&format!("analytics/comparison_{list}"), query);
        let rows = answer["data"].as_array().unwrap();
        rows.iter().find(|row| row[name] == value).unwrap_or_else(|| panic!("{value} in {answer}")).clone()
    };
    let b = |table: &str, condition: &str, days: &str| {
        shared().scalar(&format!(
            "SELECT SUM(volume) FROM {table} WHERE date BETWEEN {days} AND id_zone = 1 AND id_categorie = 1 AND {condition}"
        ))
    };
    let (a_days, b_days) = (("2025-07-05", "2025-08-31"), "'2024-07-06' AND '2024-08-30'");
    // The only département of its region; 2025 has none of it.
    let region = of("regions", "nom_region", "AUVERGNE-RHÔNE-ALPES");
    let departements = "id_provenance = 2 AND id_departement IN (SELECT id_departement FROM dim_departements \
         WHERE nom_nouvelle_region = 'AUVERGNE-RHÔNE-ALPES')";
    assert_eq!(region["b"].to_string(), b("fact_nuitees_departements", departements, b_days));
    let first = shared().scalar("SELECT nom_pays FROM dim_pays WHERE id_pays = 1");
    let country = of("pays", "nom_pays", &first);
    assert_eq!(
        country["a"],
        sum("fact_nuitees_pays", a_days.0, a_days.1, "id_categorie = 1 AND id_provenance = 3 AND id_pays = 1")
    );
    assert_eq!(country["b"].to_string(), b("fact_nuitees_pays", "id_provenance = 3 AND id_pays = 1", b_days));
    let first = shared().scalar("SELECT nom_commune FROM dim_communes WHERE id_commune = 1");
    let commune = of("communes", "nom_commune", &first);
    let visited = "id_categorie = 1 AND id_provenance IN (2, 3) AND id_commune = 1";
    assert_eq!(commune["a"], sum("fact_lieu_activite_soir", a_days.0, a_days.1, visited));
    assert_eq!(commune["b"].to_string(), b("fact_lieu_activite_soir", visited, b_days));
    // The periods do not begin on the same date: the days stand in their order, and two of A have none opposite.
    let day = of("series", "date_a", "2025-07-06");
    assert_eq!(day["date_b"], "2024-07-07");
    assert_eq!(day["b"].to_string(), b("fact_nuitees", "id_provenance IN (2, 3)", "'2024-07-07' AND '2024-07-07'"));
    assert_eq!(of("series", "date_a", "2025-08-31")["date_b"], Value::Null);
}

#[test]
fn a_name_means_one_zone_whatever_its_spelling() {
    let _held = portal();
    let of = |zone: &str| {
        let answer = ask(
            "infographie/infographie_indicateurs_cles",
            &format!("annee=2025&periode=vacances_ete&zone={}", encoded(zone)),
        );
        indicator(&answer, "nuitees_total")["N"].clone()
    };
    let expected = sum("fact_nuitees", "2025-07-05", "2025-08-31", TOURISTS);
    for zone in ["CABA", "caba", "Pays d'Aurillac", "PAYS DAURILLAC", "pays d’aurillac"] {
        assert_eq!(of(zone), expected, "{zone}");
    }
}

#[test]
fn what_can_be_asked_for() {
    let _held = portal();
    let answer = ask("filters/filters_mysql.php", "");
    assert_eq!(answer["annees"], json!([2025, 2024, 2023, 2021]));
    assert_eq!(answer["zones"], json!(["CANTAL", "CHÂTAIGNERAIE", "PAYS D'AURILLAC"]));
    assert_eq!(
        (&answer["metadata"]["date_min"], &answer["metadata"]["date_max"]),
        (&json!("2021-04-01"), &json!("2025-08-31"))
    );
    let period = |code: &str, year: i32| {
        answer["periodes"].as_array().unwrap().iter().find(|row| row["value"] == code && row["annee"] == year).cloned()
    };
    assert_eq!(period("vacances_ete", 2024).unwrap()["date_debut"], "2024-07-06");
    assert_eq!(period("annee_complete", 2021).unwrap()["date_fin"], "2021-12-31");
    assert_eq!((period("seule_2025", 2024), period("vacances_ete", 2022)), (None, None));
    for path in ["infographie/infographie_periodes", "filters/get_periodes.php"] {
        let all = ask(path, "action=all");
        assert_eq!(
            all["periode"]["Vacances d'été"]["2024"],
            json!({"code": "vacances_ete", "debut": "06/07/2024", "fin": "30/08/2024"})
        );
        assert_eq!(all["periode"]["Année complète"]["2025"]["fin"], "31/12/2025");
        let year = ask(path, "action=year&annee=2023");
        let codes: Vec<_> =
            year["periodes"].as_array().unwrap().iter().map(|row| row["value"].as_str().unwrap().to_owned()).collect();
        assert_eq!(codes, ["annee_complete", "vacances_ete"]);
        assert_eq!(ask(path, "action=list")["periodes"].as_array().unwrap().len(), 3);
    }
}

/// What `zones.csv` of the home hides is not offered, and answers all the same.
#[test]
fn a_zone_that_is_hidden_can_be_asked_for() {
    let db = shared();
    let home = flux_test::Home::new(db);
    home.write(
        "reference/zones.csv",
        "zone;noms_equivalents;visible\nCANTAL;;non\nPAYS D'AURILLAC;CABA;oui\nCHÂTAIGNERAIE;;oui\n",
    );
    let served = Served::at(home, &[], &[]);
    assert_eq!(
        served.api("/api/filters/filters_mysql").expect(200).json()["zones"],
        json!(["CHÂTAIGNERAIE", "PAYS D'AURILLAC"])
    );
    let answer = served
        .api("/api/infographie/infographie_pays_touristes?annee=2025&periode=vacances_ete&zone=Cantal")
        .expect(200)
        .json();
    assert_eq!(answer["meta"]["zone"], "CANTAL");
    assert!(answer["total"].as_u64().unwrap() > 0);
}

#[test]
fn lists_as_csv() {
    let _held = portal();
    let answer =
        portal().api(&format!("/api/infographie/infographie_departements_touristes?{ALL}&format=csv")).expect(200);
    assert_eq!(answer.header("content-type").unwrap(), "text/csv; charset=utf-8");
    assert_eq!(
        answer.header("content-disposition").unwrap(),
        "attachment; filename=\"infographie_departements_touristes.csv\""
    );
    let text = String::from_utf8(answer.body.strip_prefix(b"\xEF\xBB\xBF").unwrap().to_vec()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "nom_departement;n_nuitees;n_nuitees_n1;delta_pct;part_pct;part_pct_n1;rang;rang_n1");
    assert_eq!(lines.len(), 6);
    let json = ask("infographie/infographie_departements_touristes", ALL);
    let first = &json["data"][0];
    let fields: Vec<&str> = lines[1].split(';').collect();
    assert_eq!(
        (fields[0], fields[1]),
        (first["nom_departement"].as_str().unwrap(), first["n_nuitees"].to_string().as_str())
    );
    assert_eq!(fields[4], first["part_pct"].to_string().replace('.', ","));
    for (path, rows) in [
        ("infographie_indicateurs_cles", 24),
        ("infographie_duree_sejour", 6),
        ("infographie_series", 153),
        ("infographie_communes_excursion", 3),
    ] {
        let text = portal().api(&format!("/api/infographie/{path}?{ALL}&format=csv")).expect(200).text();
        assert_eq!(text.lines().count(), rows + 1, "{path}: {text}");
    }
}
