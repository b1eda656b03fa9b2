//! The guide's "Workflow standard", twice: a delivery, then a revised one of overlapping weeks, compared row by row and by name with
//! what the files say.

use flux_test::{Home, TestDb};
use std::collections::BTreeMap;
use support::weekly;
use support::weekly::{FILES, Sane, World};

type Facts = BTreeMap<Vec<String>, u64>;

/// Columns of a file's breakdown, and the tables and name columns behind them.
const NAMES: [(&str, &str, &str, &str); 7] = [
    ("ZoneObservation", "dim_zones_observation", "id_zone", "nom_zone"),
    ("Provenance", "dim_provenances", "id_provenance", "nom_provenance"),
    ("CategorieVisiteur", "dim_categories_visiteur", "id_categorie", "nom_categorie"),
    ("NomDepartement", "dim_departements", "id_departement", "nom_departement"),
    ("Pays", "dim_pays", "id_pays", "nom_pays"),
    ("ZoneMobilite", "dim_communes", "id_commune", "nom_commune"),
    ("DureeSejour", "dim_durees_sejour", "id_duree", "libelle"),
];

/// Letters and digits in plain upper case: how a name of a file and a stored one are compared here.
fn plain(name: &str) -> String {
    let mut out = String::new();
    for c in name.to_uppercase().chars() {
        match c {
            'À' | 'Â' | 'Ä' | 'Á' | 'Ã' | 'Å' => out.push('A'),
            'É' | 'È' | 'Ê' | 'Ë' => out.push('E'),
            'Î' | 'Ï' | 'Í' => out.push('I'),
            'Ô' | 'Ö' | 'Ó' => out.push('O'),
            'Ù' | 'Û' | 'Ü' | 'Ú' => out.push('U'),
            'Ç' => out.push('C'),
            'Ÿ' => out.push('Y'),
            'Œ' => out.push_str("OE"),
            'Æ' => out.push_str("AE"),
            c if c.is_ascii_alphanumeric() => out.push(c),
            _ => {}
        }
    }
    match out.strip_prefix("ZAUTRE") {
        Some(rest) => format!("AUTRE{rest}"),
        None => out,
    }
}

/// What a file says: date and plain names to volume.
fn of_file(world: &World, name: &str) -> Facts {
    let text = world.home.read(format!("data/data_temp/{name}"));
    let mut lines = text.lines();
    let columns: Vec<&str> = lines.next().unwrap().split(';').collect();
    let at = |name: &str| columns.iter().position(|c| *c == name);
    let mut facts = Facts::new();
    for line in lines {
        let fields: Vec<&str> = line.split(';').collect();
        let mut key = vec![fields[at("Date").unwrap()].to_owned()];
        key.extend(NAMES.iter().filter_map(|n| at(n.0)).map(|i| plain(fields[i])));
        let before = facts.insert(key, fields[at("Volume").unwrap()].parse().unwrap());
        assert!(before.is_none(), "{name}: {line}");
    }
    facts
}

/// What a table says, the same way.
fn of_table(world: &World, table: &str) -> Facts {
    let columns = world.db.column(&format!("SELECT column_name AS c FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = '{table}'"));
    let known: Vec<_> = NAMES.iter().filter(|n| columns.iter().any(|c| c == n.2)).collect();
    let names: Vec<String> = known.iter().map(|n| format!("{}.{}", n.1, n.3)).collect();
    let joins: String = known.iter().map(|n| format!(" JOIN {t} ON {t}.{id} = f.{id}", t = n.1, id = n.2)).collect();
    let rows = world.db.rows(&format!("SELECT f.date, f.volume, {} FROM {table} f{joins}", names.join(", ")));
    let facts: Facts = rows
        .iter()
        .map(|row| {
            (
                std::iter::once(row[0].clone()).chain(row[2..].iter().map(|name| plain(name))).collect(),
                row[1].parse().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        (facts.len(), rows.len()),
        (rows.len(), world.db.count(table) as usize),
        "{table}: rows without a name, or twice"
    );
    facts
}

#[test]
fn two_deliveries_reach_the_main_tables_row_by_row() {
    let db = TestDb::new();
    let world = World { home: Home::new(&db), db };
    let run = |name: &str, args: &[&str]| world.tool(name).args(args).run().sane().expect_code(0);
    run("ensure-schema", &["--seed"]);
    // Two weeks, then two weeks that begin with the second one, revised.
    let mut expected: Vec<Facts> = vec![Facts::new(); FILES.len()];
    for (from, revision) in [("2025-06-30", "0"), ("2025-07-07", "1")] {
        run(
            "generate-sample-data",
            &["--days", "14", "--scale", "0.05", "--from", from, "--revision", revision, "--force"],
        );
        run("update-temp-tables", &[]);
        for (index, (name, temp, main)) in FILES.iter().enumerate() {
            let file = of_file(&world, name);
            assert!(!file.is_empty(), "{name}");
            // The temporary table: the delivery, and the dates of the one before that it does not hold.
            let dates: Vec<&String> = file.keys().map(|key| &key[0]).collect();
            let (first, last) = (dates.iter().min().unwrap().to_string(), dates.iter().max().unwrap().to_string());
            let before = expected[index].clone();
            expected[index].retain(|key, _| key[0] < first || key[0] > last);
            if revision == "1" {
                // The deliveries overlap: some dates stay, some come anew, and with other volumes.
                assert!(!expected[index].is_empty() && expected[index].len() < before.len(), "{name}");
                assert!(before.iter().any(|(key, volume)| file.get(key).is_some_and(|new| new != volume)), "{name}");
            }
            expected[index].extend(file);
            assert_eq!(of_table(&world, temp), expected[index], "{temp}");
            assert!(revision == "0" || world.db.count(main) > 0);
        }
        run("check-status", &[]);
        run("migrate-temp-to-main", &[]);
        run("verify-migration", &[]);
        for (index, (_, _, main)) in FILES.iter().enumerate() {
            assert_eq!(of_table(&world, main), expected[index], "{main}");
        }
    }
    run("cleanup-temp", &[]);
    for (index, (_, temp, main)) in FILES.iter().enumerate() {
        assert_eq!(world.db.count(temp), 0);
        assert_eq!(of_table(&world, main), expected[index], "{main}");
    }
    // The delivery that was cleaned is not taken again.
    run("update-temp-tables", &[]);
    assert!(FILES.iter().all(|f| world.db.count(f.1) == 0));
    run("check-status", &[]);
}

#[test]
fn memory_stays_small_where_the_sort_goes_to_disk() {
    let world = World::seeded();
    // More lines in one file than the sorters may keep in memory.
    let rows = 450_000;
    let zones = ["Cantal", "Lioran", "Hautes Terres", "Haut Cantal", "Carlades"];
    let mut text = String::with_capacity(rows * 48);
    text.push_str("Date;ZoneObservation;Provenance;CategorieVisiteur;Volume\n");
    let (provenances, categories) = (["Local", "NonLocal", "Etranger"], ["Touriste", "Resident", "Excursionniste"]);
    for row in 0..rows {
        let (key, copy) = (row % 45_000, row / 45_000);
        let day = key / 45;
        let date = format!("{}-{:02}-{:02}", 2020 + day / 336, day / 28 % 12 + 1, day % 28 + 1);
        text.push_str(&format!(
            "{date};{};{};{};{}\n",
            zones[key % 5],
            provenances[key / 5 % 3],
            categories[key / 15 % 3],
            key + usize::from(copy == 9)
        ));
    }
    world.home.write_csv("frequentation_nuitee.csv", text);
    let outcome = world.import_nights(&["--jobs", "4"]).expect_code(3);
    let json = outcome.json();
    // Each key ten times, the last time with another volume.
    assert_eq!(
        weekly::counts(weekly::file(&json, "frequentation_nuitee.csv")),
        [450_000, 45_000, 0, 360_000, 45_000, 0, 0]
    );
    assert_eq!(world.db.count("fact_nuitees_temp"), 45_000);
    assert!(outcome.peak_rss_kib > 0 && outcome.peak_rss_kib <= 64 * 1024, "{} KiB", outcome.peak_rss_kib);
}
