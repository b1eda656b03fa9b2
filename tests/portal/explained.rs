//! Each figure of the portal leads to the command that explains it: the same number, from the same rows.

use flux_test::TestDb;
use serde_json::Value;
use support::served::{Served, database, shared};

fn explained(served: &Served, arguments: &[&str]) -> Value {
    // Exit 3: no delivery of these rows was kept.
    served.home.tool("explain-volume").args(["--json", "--limit", "2"]).args(arguments).run().expect_code(3).json()
}

#[test]
fn every_indicator_is_the_portals_and_its_rows_add_up() {
    let db = shared();
    let served = Served::new(db, &[], &[]);
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
    by_hand(db, &served, &interval);
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
    let db = shared();
    let served = Served::new(db, &[], &[]);
    let query = "annee=2025&periode=vacances_ete&zone=CABA";
    let common = ["--annee", "2025", "--periode", "vacances_ete", "--zone", "CABA", "--categorie", "TOURISTE"];
    let list = |path: &str| served.api(&format!("/api/infographie/{path}?{query}")).expect(200).json();
    let departement = list("infographie_departements_touristes")["data"][0].clone();
    let name = departement["nom_departement"].as_str().unwrap();
    let arguments = ["--table", "fact_nuitees_departements", "--provenance", "NONLOCAL", "--departement", name];
    let json = explained(&served, &[&arguments[..], &common].concat());
    assert_eq!(json["figure"]["value"], departement["n_nuitees"]);
    let region = list("infographie_regions_touristes")["data"][0].clone();
    let arguments = ["--table", "fact_nuitees_departements", "--provenance", "NONLOCAL", "--region"];
    let name = region["nom_region"].as_str().unwrap();
    let json = explained(&served, &[&arguments[..], &[name], &common].concat());
    assert_eq!(json["figure"]["value"], region["n_nuitees"]);
    let commune = list("infographie_communes_excursion")["destinations"][0].clone();
    let name = commune["nom_commune"].as_str().unwrap();
    let arguments = ["--table", "fact_lieu_activite_soir", "--provenance", "NONLOCAL,ETRANGER", "--commune", name];
    let json = explained(&served, &[&arguments[..], &common].concat());
    assert_eq!(json["figure"]["value"], commune["total_visiteurs"]);
    assert_eq!(json["figure"]["zones"].as_array().unwrap().len(), 2);
}

/// What a browser shows of a text.
fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#39;", "'").replace("&amp;", "&")
}

/// The commands of a page.
fn commands(served: &Served, path: &str) -> Vec<String> {
    of_page(&served.api(path).expect(200).text())
}

fn of_page(page: &str) -> Vec<String> {
    let parts = page.split("<details class=\"origine\">").skip(1);
    parts.flat_map(|part| of_disclosure(part.split("</details>").next().unwrap())).collect()
}

/// Those of one figure and of the one that it stands beside.
fn of_disclosure(part: &str) -> Vec<String> {
    part.split("<code>").skip(1).map(|code| unescaped(code.split("</code>").next().unwrap())).collect()
}

/// The commands of the row of `name` in the table of `caption`.
fn of_row(page: &str, caption: &str, name: &str) -> Vec<String> {
    let table = page.split("<caption>").find(|part| part.starts_with(caption)).unwrap_or_else(|| panic!("{caption}"));
    let is_meant = |row: &&str| row.split_once('>').is_some_and(|(_, cell)| cell.starts_with(&format!("{name}<")));
    let row = table.split("<tr>").find(is_meant).unwrap_or_else(|| panic!("{name}: {table}"));
    of_disclosure(row.split("</details>").next().unwrap())
}

/// The words that a shell makes of a command.
fn words(command: &str) -> Vec<String> {
    let script = format!("set -- {command}; for word; do printf '%s\\n' \"$word\"; done");
    let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// What the tool answers to a command of a page, as a shell hands it over.
fn explained_by(served: &Served, command: &str) -> Value {
    let words = words(command);
    let arguments: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
    explained(served, &arguments)
}

#[test]
fn the_pages_show_the_commands_and_a_shell_takes_them_as_they_are() {
    let db = shared();
    let served = Served::new(db, &[], &[]);
    let query = "annee=2025&periode=vacances_ete&zone=CABA";
    let tourists = commands(&served, &format!("/dashboard?{query}"));
    let total =
        "explain-volume --indicateur nuitees_total --annee 2025 --periode vacances_ete --zone 'PAYS D'\\''AURILLAC'";
    // On its card and in the table.
    assert_eq!(tourists.iter().filter(|command| *command == total).count(), 2, "{tourists:#?}");
    let day_trips = commands(&served, &format!("/dashboard?{query}&onglet=excursionnistes"));
    assert!(day_trips.iter().any(|command| command.contains("--indicateur pic_excursionnistes ")));
    // Each day of the series by itself, here one that has data.
    for (list, indicator) in [(&tourists, "nuitees_total"), (&day_trips, "excursionnistes_total")] {
        let visitors = if indicator == "nuitees_total" { "touristes" } else { "excursionnistes" };
        let series =
            served.api(&format!("/api/infographie/infographie_series?{query}&visiteurs={visitors}")).expect(200).json();
        let points = series["jours"].as_array().unwrap();
        let of_days: Vec<&String> =
            list.iter().filter(|command| command.contains(&format!("--indicateur {indicator} --debut 2025"))).collect();
        assert_eq!(of_days.len(), points.len());
        let at = points.iter().position(|point| point["n"].as_u64().is_some_and(|n| n > 0)).unwrap();
        assert_eq!(explained_by(&served, of_days[at])["figure"]["value"], points[at]["n"], "{}", of_days[at]);
    }
    let tables = commands(&served, &format!("/tables?{query}"));
    let api = served.api(&format!("/api/infographie/infographie_indicateurs_cles?{query}")).expect(200).json();
    let figures = tables.iter().filter(|command| command.contains("--indicateur") && command.contains("--annee"));
    assert_eq!(figures.count(), api["bloc_a"].as_array().unwrap().len());
    for option in ["--departement", "--region", "--pays", "--commune", "--duree"] {
        let command = tables.iter().find(|command| command.contains(option)).unwrap_or_else(|| panic!("{option}"));
        let value = explained_by(&served, command)["figure"]["value"].as_u64().unwrap();
        assert!(value > 0, "{command}");
    }
    let free = commands(&served, "/tables?debut=2025-07-01&fin=2025-07-31&zone=CABA");
    assert!(
        free[0].starts_with("explain-volume --indicateur nuitees_total --debut 2025-07-01 --fin 2025-07-31 --zone ")
    );
    let figure = explained_by(&served, &free[0])["figure"]["value"].to_string();
    assert_eq!(figure, db.scalar("SELECT SUM(volume) FROM fact_nuitees WHERE date BETWEEN '2025-07-01' AND '2025-07-31' AND id_zone IN (2, 4) AND id_categorie = 1 AND id_provenance IN (2, 3)"));
}

#[test]
fn both_figures_of_a_row_are_explained_of_two_years_and_of_two_sides() {
    let db = shared();
    let served = Served::new(db, &[], &[]);
    let query = "annee=2025&periode=vacances_ete&zone=CABA";
    let page = served.api(&format!("/tables?{query}")).expect(200).text();
    let value = |command: &str| explained_by(&served, command)["figure"]["value"].clone();
    let values = |commands: &[String]| commands.iter().map(|command| value(command)).collect::<Vec<Value>>();
    let both = |row: &Value, names: [&str; 2]| names.map(|name| row[name].clone());
    let list = |path: &str| served.api(path).expect(200).json();
    let first = |path: &str| list(&format!("/api/infographie/{path}?{query}"));
    // The summer of 2024 has other days.
    let total = &first("infographie_indicateurs_cles")["bloc_a"][0];
    let commands = of_row(&page, "Indicateurs", total["indicateur"].as_str().unwrap());
    assert_eq!(values(&commands), both(total, ["N", "N_1"]));
    assert!(commands[1].contains(" --debut 2024-07-06 --fin 2024-08-30 "), "{commands:?}");
    let region = &first("infographie_regions_excursionnistes")["data"][0];
    let commands = of_row(&page, "Excursionnistes par région", "Auvergne-Rhône-Alpes");
    assert_eq!(region["nom_region"], "AUVERGNE-RHÔNE-ALPES");
    assert_eq!(values(&commands), both(region, ["n_presences", "n_presences_n1"]));
    // Side B is another zone in another year.
    let two = "annee_a=2025&periode_a=vacances_ete&zone_a=CABA&annee_b=2023&periode_b=vacances_ete&zone_b=CANTAL";
    let page = served.api(&format!("/dashboard?onglet=comparer&{two}")).expect(200).text();
    let row = &list(&format!("/api/analytics/comparison_regions?{two}"))["data"][0];
    let commands = of_row(&page, "Nuitées par région", "Auvergne-Rhône-Alpes");
    assert!(commands[1].ends_with("--annee 2023 --periode vacances_ete --zone CANTAL"), "{commands:?}");
    assert_eq!(values(&commands), both(row, ["a", "b"]));
    let row = &list(&format!("/api/analytics/comparison_communes?{two}"))["data"][0];
    let communes: Vec<String> = of_page(&page).into_iter().filter(|command| command.contains("--commune")).collect();
    assert_eq!(values(&communes[..2]), both(row, ["a", "b"]));
    let day = &list(&format!("/api/analytics/comparison_series?{two}"))["data"][3];
    let commands = of_row(&page, "Nuitées jour par jour", "2025-07-08");
    assert_eq!(values(&commands), both(day, ["a", "b"]));
}

/// Feasts, single days and means of the year before too: Easter of 2024 lies before the days that it is compared by.
#[test]
fn every_indicator_is_explained_of_both_its_years() {
    let db = shared();
    let served = Served::new(db, &[], &[]);
    let query = "debut=2025-04-01&fin=2025-08-31&zone=CABA&compare_annee=2024";
    let page = served.api(&format!("/tables?{query}")).expect(200).text();
    let json = served.api(&format!("/api/infographie/infographie_indicateurs_cles?{query}")).expect(200).json();
    let rows = json["bloc_a"].as_array().unwrap();
    assert!(rows.len() == 24 && rows.iter().all(|row| !row["N_1"].is_null()));
    for row in rows {
        let commands = of_row(&page, "Indicateurs", row["indicateur"].as_str().unwrap());
        let found: Vec<Value> =
            commands.iter().map(|command| explained_by(&served, command)["figure"]["value"].clone()).collect();
        assert_eq!(found, [row["N"].clone(), row["N_1"].clone()], "{commands:?}");
    }
    let easter = of_row(&page, "Indicateurs", "Nuitées du week-end de Pâques");
    assert!(easter[1].contains(" --debut 2024-03-30 --fin 2024-04-01 "), "{easter:?}");
}

#[test]
fn the_verdict_of_the_last_verification_is_shown() {
    let db = database();
    let served = Served::new(&db, &[], &[]);
    let last = || served.api("/api/etat").expect(200).json()["derniere_verification"].clone();
    assert_eq!(last(), Value::Null);
    let verify =
        |arguments: &[&str], code| served.home.tool("verify-migration").args(arguments).run().expect_code(code);
    verify(&[], 0);
    let known = last();
    assert_eq!((&known["verdict"], &known["outil"]), (&"ok".into(), &"verify-migration".into()));
    assert_eq!((&known["archives"], &known["partielle"]), (&false.into(), &false.into()));
    assert_eq!(known["execution"].as_str().unwrap().len(), 32);
    assert!(served.api("/etat").expect(200).text().contains("✓ conforme"));
    // Something waits in a temporary table.
    db.exec("INSERT INTO fact_nuitees_temp (date, id_zone, id_provenance, id_categorie, volume) VALUES ('2025-08-01', 1, 1, 1, 99999)");
    verify(&["--only", "fact_nuitees"], 3);
    let known = last();
    assert_eq!((&known["verdict"], &known["partielle"]), (&"attention".into(), &true.into()));
    assert!(served.api("/etat").expect(200).text().contains("⚠ à regarder"));
    // Who only reads verifies all the same, and keeps no verdict.
    let reader = db.restricted_user(&["SELECT ON {db}.*"]);
    let tool =
        served.home.tool("verify-migration").env("DB_USERNAME", &reader.user).env("DB_PASSWORD", &reader.password);
    tool.run().expect_code(3);
    assert_eq!(last(), known);
}
