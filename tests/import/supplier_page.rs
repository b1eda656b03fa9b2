//! `docs/fournisseur.md`: what the supplier reads there is what the import takes.

use flux_test::{Home, TestDb};
use support::recipe::page;
use support::weekly::{Sane, World, counts, file};

/// The files, the columns between the category and the volume, and the sum of the volumes of the page's example, by hand.
const FILES: [(&str, &str, u64); 10] = [
    ("frequentation_nuitee.csv", "", 1234),
    ("frequentation_nuitee_fr.csv", "NomDepartement;", 222),
    ("frequentation_nuitee_int.csv", "Pays;", 76),
    ("frequentation_journee.csv", "", 963),
    ("frequentation_journee_fr.csv", "NomDepartement;", 72),
    ("frequentation_journee_int.csv", "Pays;", 39),
    ("export_mobilite.csv", "ZoneMobilite;", 12),
    ("duree_sejour.csv", "DureeSejour;", 129),
    ("duree_sejour_fr.csv", "NomDepartement;DureeSejour;", 54),
    ("duree_sejour_int.csv", "Pays;DureeSejour;", 17),
];

fn world() -> World {
    let db = TestDb::new();
    let home = Home::new(&db);
    home.write("reference/zones.csv", "zone;noms_equivalents;visible\nHAUTE VALLÉE;;oui\n");
    home.tool("ensure-schema").arg("--seed").run().expect_code(0);
    World { home, db }
}

/// The page's example of a file.
#[track_caller]
fn example(name: &str) -> String {
    let text = page("fournisseur.md");
    let below = text.split(&format!("\n`{name}`\n\n```csv\n")).nth(1).unwrap_or_else(|| panic!("no example of {name}"));
    below.split("```").next().unwrap().to_owned()
}

#[test]
fn each_file_of_the_page_is_imported_as_it_stands() {
    let text = page("fournisseur.md");
    let table: Vec<&str> = text.lines().filter(|line| line.starts_with("| `") && line.contains(".csv`")).collect();
    assert_eq!(table.len(), FILES.len());
    let world = world();
    for ((name, columns, _), row) in FILES.iter().zip(table) {
        assert!(row.starts_with(&format!("| `{name}` | ")), "{row}");
        let named: Vec<&str> = row.split('`').skip(3).step_by(2).collect();
        let expected: Vec<&str> = columns.split(';').filter(|column| !column.is_empty()).collect();
        assert_eq!(named, expected, "{name}");
        let example = example(name);
        let header = format!("Date;ZoneObservation;Provenance;CategorieVisiteur;{columns}Volume");
        assert_eq!(example.lines().next(), Some(&*header));
        world.home.write_csv(name, example);
    }
    let json = world.tool("update-temp-tables").arg("--json").run().sane().expect_code(0).json();
    for (name, _, sum) in FILES {
        let entry = file(&json, name);
        assert_eq!((counts(entry), entry["status"].as_str()), ([2, 2, 0, 0, 0, 0, 0], Some("loaded")), "{entry}");
        let table = entry["table"].as_str().unwrap();
        assert_eq!(world.db.scalar(&format!("SELECT SUM(volume) FROM {table}")), sum.to_string(), "{name}");
    }
}

#[test]
fn each_form_that_the_page_admits_is_read_alike_and_each_that_it_refuses_is_refused() {
    let world = world();
    let name = "frequentation_nuitee.csv";
    let plain = example(name);
    let utf16 = |text: &str| -> Vec<u8> {
        std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
    };
    let latin: Vec<u8> = plain.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    let forms: [(&str, Vec<u8>); 11] = [
        ("UTF-8", plain.clone().into()),
        ("BOM", format!("\u{feff}{plain}").into()),
        ("Windows-1252", latin),
        ("UTF-16", utf16(&plain)),
        ("comma", plain.replace(';', ",").into()),
        ("tab", plain.replace(';', "\t").into()),
        ("CRLF", plain.replace('\n', "\r\n").into()),
        ("quotes", plain.replace("Haute Vallée", "\"Haute Vallée\"").into()),
        ("day first", plain.replace("2025-07-07", "07/07/2025").into()),
        ("thousands", plain.replace("1234", "1 234").into()),
        ("decimals", plain.replace("1234", "1234,00").into()),
    ];
    for (form, bytes) in forms {
        world.home.write_csv(name, bytes);
        let json = world.import_nights(&["--force"]).expect_code(0).json();
        assert_eq!(counts(file(&json, name))[..2], [2, 2], "{form}: {json}");
        assert_eq!(world.db.column("SELECT volume FROM fact_nuitees_temp ORDER BY volume"), ["0", "1234"], "{form}");
        assert_eq!(world.db.column("SELECT DISTINCT date FROM fact_nuitees_temp"), ["2025-07-07"], "{form}");
    }
    for volume in ["", "-", "-5", "1,12E+05", "12,5"] {
        world.home.write_csv(name, plain.replace("1234", volume));
        let json = world.import_nights(&["--force"]).expect_code(3).json();
        assert_eq!(file(&json, name)["rejected"], 1, "{volume}: {json}");
    }
    for date in ["07/07/25", "2025-07-07 10:00:00", "45845", "2999-01-01"] {
        world.home.write_csv(name, plain.replacen("2025-07-07", date, 1));
        let json = world.import_nights(&["--force"]).expect_code(3).json();
        assert_eq!(file(&json, name)["rejected"], 1, "{date}: {json}");
    }
}
