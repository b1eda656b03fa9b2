//! Another observatory than that of the built-in zones, from nothing to a figure of its portal: the Lozère (48), with zones and EPCIs of its
//! own, and communes whose namesakes lie in the départements around it.
//!
//! Every number is worked out by hand: day `d` is 0 for 7 July and 1 for the 8th.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use flux_test::{Home, TestDb, Tool};
use serde_json::{Value, json};
use support::served::{Served, encoded};
use support::weekly::{BASE, FILES, FR, INT, MOBILITY, STAY, STAY_FR, STAY_INT};

/// A volume on 7 July, and one more on the 8th.
fn days(lines: &mut String, cells: &str, volume: u64) {
    for d in 0..2 {
        lines.push_str(&format!("2025-07-0{};{cells};{}\n", 7 + d, volume + d));
    }
}

/// The ten files.
fn deliver(home: &Home) {
    let mut files: Vec<String> =
        [BASE, FR, INT, BASE, FR, INT, MOBILITY, STAY, STAY_FR, STAY_INT].map(str::to_owned).into();
    for (zone, volume) in [("Lozère", 100), ("Gévaudan", 30), ("Cévennes", 20)] {
        for (offset, category) in [(0, "Touriste"), (3, "Excursionniste")] {
            let [alone, fr, int] = &mut files[offset..offset + 3] else { panic!() };
            days(alone, &format!("{zone};NonLocal;{category}"), volume);
            days(alone, &format!("{zone};Etranger;{category}"), volume / 10);
            days(fr, &format!("{zone};NonLocal;{category};Gard"), volume / 2);
            days(fr, &format!("{zone};NonLocal;{category};Hérault"), volume / 5);
            days(int, &format!("{zone};Etranger;{category};Belgique"), volume / 10);
        }
        days(&mut files[6], &format!("{zone};NonLocal;Touriste;Mende"), volume / 2);
        for (commune, volume) in
            [("Barjac", 14), ("Marchastel", 9), ("St-Saturnin", 5), ("Grèzes", 4), ("Aumont et Peyre", 30)]
        {
            days(&mut files[6], &format!("{zone};NonLocal;Touriste;{commune}"), volume);
        }
        days(&mut files[7], &format!("{zone};NonLocal;Touriste;1 nuit"), volume / 10);
        days(&mut files[7], &format!("{zone};NonLocal;Touriste;13 nuits et plus"), 2);
        days(&mut files[8], &format!("{zone};NonLocal;Touriste;Gard;1 nuit"), 3);
        days(&mut files[9], &format!("{zone};Etranger;Touriste;Belgique;1 nuit"), 2);
    }
    for ((name, ..), text) in FILES.iter().zip(files) {
        home.write_csv(name, text);
    }
}

/// A home that `flux init` made: from here on, `.env` says where the database is.
fn observatory(db: &TestDb) -> Home {
    let home = Home::without_db();
    deliver(&home);
    let mut init =
        home.tool("flux").args(["init", "--json", "--departement", "48", "--name", "Observatoire de la Lozère"]);
    for (name, value) in db.env() {
        init = init.env(name, value);
    }
    let report = init.run().expect_code(3).json();
    assert_eq!(report["zones"], json!(["LOZÈRE", "CÉVENNES", "GÉVAUDAN"]));
    assert_eq!((&report["csv_files"], &report["findings"]), (&json!(10), &json!([])));
    assert_eq!(fs::metadata(home.join(".env")).unwrap().permissions().mode() & 0o777, 0o600);
    home.write(
        "reference/communes_orange.csv",
        "code_insee;nom_orange;communes\n48009;Aumont et Peyre;48009|48123|48071\n",
    );
    home
}

fn sum(rows: &[Value], name: &str) -> u64 {
    rows.iter().find(|row| row["nom_commune"] == name).unwrap_or_else(|| panic!("{name}: {rows:?}"))["total_visiteurs"]
        .as_u64()
        .unwrap()
}

#[test]
fn the_lozere_goes_through_the_whole_week() {
    let db = TestDb::new();
    let home = observatory(&db);
    let run = |name: &str, args: &[&str]| -> Value {
        let run = home.tool(name).args(args).arg("--json").run();
        assert!(run.code == 0, "{name}\n{run}");
        run.json()
    };
    run("ensure-schema", &["--seed"]);
    // Its zones and no others; the communes of the whole country.
    let zones = db.column("SELECT nom_zone FROM dim_zones_observation ORDER BY nom_zone");
    assert_eq!(zones, ["CÉVENNES", "GÉVAUDAN", "LOZÈRE"]);
    run("update-saisons", &["--from", "2024", "--to", "2026"]);
    let import = run("update-temp-tables", &[]);
    // Of each zone and day: nights 2, by département 2, by country 1; days the same; mobility 6; stays 2, 1, 1.
    assert_eq!(import["totals"]["stored"], json!(3 * 2 * (2 + 2 + 1 + 2 + 2 + 1 + 6 + 2 + 1 + 1)));
    assert_eq!(import["totals"]["rejected"], 0);
    run("check-status", &[]);
    run("check-zones", &[]);
    run("validation-complete-import", &[]);
    run("migrate-temp-to-main", &[]);
    run("verify-migration", &[]);

    // Namesakes: Barjac of the Gard (30029), Marchastel (15116) and Saint-Saturnin (15213) of the Cantal, Grèzes of the Haute-Loire (43104).
    let communes = db.rows(
        "SELECT c.code_insee, SUM(f.volume), MAX(e.nom_epci) FROM fact_lieu_activite_soir f JOIN dim_communes c ON c.id_commune = f.id_commune \
         JOIN dim_zones_observation z ON z.id_zone = f.id_zone LEFT JOIN dim_epci e ON e.id_epci = f.id_epci \
         WHERE z.nom_zone = 'LOZÈRE' GROUP BY c.code_insee ORDER BY c.code_insee",
    );
    let expected = [
        ["48009", "61", "CC DES HAUTES TERRES DE L'AUBRAC"],
        ["48018", "29", "CC COEUR DE LOZÈRE"],
        ["48072", "9", "CC DU GÉVAUDAN"],
        ["48091", "19", "CC DES HAUTES TERRES DE L'AUBRAC"],
        ["48095", "101", "CC COEUR DE LOZÈRE"],
        ["48181", "11", "CC AUBRAC LOT CAUSSES TARN"],
    ];
    assert_eq!(communes, expected);
    // 100 + 101 from elsewhere in France, 10 + 11 from abroad.
    let nights = "SELECT SUM(volume) FROM fact_nuitees f JOIN dim_zones_observation z ON z.id_zone = f.id_zone WHERE z.nom_zone = 'LOZÈRE'";
    assert_eq!(db.scalar(nights), "222");
    assert_eq!(db.scalar("SELECT COUNT(*) FROM fact_nuitees WHERE is_provisional = 1"), "12");

    run("cleanup-temp", &[]);
    let backup = run("backup-critical", &[]);
    assert_eq!(backup["status"], "ok");
    run("archive-csv", &[]);
    assert!(home.list("data/data_temp").iter().all(|name| !name.ends_with(".csv")));
    run("verify-migration", &["--from-archive"]);
    assert!(FILES.iter().all(|(_, temp, _)| db.count(temp) == 0));

    // The zone of the département where none is asked for, and Orange's communes under their names.
    let mobility = home.tool("compare-mobility-2024-2023").args([
        "--year",
        "2025",
        "--reference",
        "2024",
        "--from",
        "2025-07-07",
        "--to",
        "2025-07-08",
    ]);
    let mobility = mobility.run();
    assert!(
        mobility.stdout.contains("LOZÈRE") && mobility.stdout.contains("PEYRE EN AUBRAC et 2 autres communes"),
        "{mobility}"
    );
    figures(home);
}

/// What the portal answers.
fn figures(home: Home) {
    let portal = Served::at(home, &[], &[]);
    let period = format!("debut=2025-07-07&fin=2025-07-08&zone={}", encoded("Lozère"));
    let answer = portal.api(&format!("/api/infographie/infographie_indicateurs_cles?{period}")).expect(200).json();
    let rows = answer["bloc_a"].as_array().unwrap();
    let nights = rows.iter().find(|row| row["id"] == "nuitees_total").unwrap();
    assert_eq!(nights["N"], 222);
    let answer = portal.api(&format!("/api/infographie/infographie_communes_excursion?{period}")).expect(200).json();
    let destinations = answer["destinations"].as_array().unwrap();
    assert_eq!((sum(destinations, "MENDE"), sum(destinations, "BARJAC"), destinations.len()), (101, 29, 6));
    // Where no zone is asked for, that of the whole département, whichever is the first in the alphabet.
    let page = portal.api("/tables?debut=2025-07-07&fin=2025-07-08").expect(200).text();
    assert!(page.contains("<strong>Lozère</strong>"), "{page}");
    let page = portal.api(&format!("/dashboard?{period}")).expect(200).text();
    assert!(page.contains("Observatoire de la Lozère") && page.contains("et 2 autres communes"), "{page}");
    assert!(!page.contains("Cantal"));
}

/// Without any file of its own, another département has the zone of its name, and none of the built-in ones.
#[test]
fn the_built_in_zones_are_those_of_one_departement() {
    let db = TestDb::new();
    let home = Home::new(&db);
    home.tool("ensure-schema").arg("--seed").env("OBSERVATOIRE_DEPARTEMENT", "48").run().expect_code(0);
    assert_eq!(db.column("SELECT nom_zone FROM dim_zones_observation"), ["LOZÈRE"]);
    // A code as people write it; what is none is refused, where a default would take every commune for a far one.
    let corsica = TestDb::new();
    let home = Home::new(&corsica);
    home.tool("ensure-schema").arg("--seed").env("OBSERVATOIRE_DEPARTEMENT", " 2a ").run().expect_code(0);
    assert_eq!(corsica.column("SELECT nom_zone FROM dim_zones_observation"), ["CORSE-DU-SUD"]);
    for wrong in ["96", "Lozère", "2C"] {
        let refused =
            home.tool("check-status").arg("--json").env("OBSERVATOIRE_DEPARTEMENT", wrong).run().expect_code(1);
        assert_eq!(refused.json()["error"]["code"], "config", "{wrong}");
    }
    let other = TestDb::new();
    Tool::new("ensure-schema").home(&Home::new(&other)).arg("--seed").run().expect_code(0);
    assert_eq!(other.count("dim_zones_observation"), 11);
}
