//! `update-temp-tables` on what should never have been delivered: one fixture per defect, named after it. Never a panic, never a
//! wrong row, always a message; one bad file does not stop the nine others.

use flux_test::Outcome;
use serde_json::{Value, json};
use std::os::unix::fs::{PermissionsExt, symlink};
use support::trouble;
use support::weekly::{BASE, FR, INT, MOBILITY, STAY, Sane, World, counts, file, text};

const NIGHTS: &str = "frequentation_nuitee.csv";
const GOOD: &str = "2025-07-07;Cantal;Local;Touriste;1";
const GOOD_ROW: &str = "2025-07-07 1 1 1 1";

/// The file as bytes, imported beside a good `frequentation_journee.csv`, which must be loaded whatever happens to it.
#[track_caller]
fn import(world: &World, content: &[u8]) -> (Outcome, Value) {
    world.home.write_csv(NIGHTS, content);
    import_as_it_is(world)
}

#[track_caller]
fn import_as_it_is(world: &World) -> (Outcome, Value) {
    world.csv("frequentation_journee.csv", BASE, &["2025-07-07;Cantal;Local;Excursionniste;99"]);
    let outcome = world.import("frequentation_nuitee,frequentation_journee", &["--force"]);
    let json = outcome.json();
    assert_eq!(file(&json, "frequentation_journee.csv")["status"], "loaded", "the good file beside it\n{outcome}");
    assert_eq!(world.db.count("fact_diurnes_temp"), 1, "{outcome}");
    let nights = file(&json, NIGHTS).clone();
    (outcome, nights)
}

/// A file that cannot be used at all: exit 1, nothing stored, a message that holds `word`.
#[track_caller]
fn refused(world: &World, what: &str, content: &[u8], word: &str) {
    let (outcome, nights) = import(world, content);
    assert_eq!((outcome.code, &nights["status"]), (1, &json!("failed")), "{what}\n{outcome}");
    let message = nights["error"].as_str().unwrap_or_default();
    assert!(message.contains(word), "{what}: {message:?} should say {word:?}");
    assert_eq!(world.db.count("fact_nuitees_temp"), 0, "{what}");
}

/// Lines that are rejected one by one, the good line between them being stored.
#[track_caller]
fn rejected(world: &World, header: &str, name: &str, table: &str, bad: &[&str], good: &str) -> Value {
    let mut lines: Vec<&str> = bad.to_vec();
    lines.insert(bad.len() / 2, good);
    world.csv(name, header, &lines);
    let stem = name.trim_end_matches(".csv");
    let json = world.import(stem, &["--force"]).expect_code(3).json();
    let entry = file(&json, name).clone();
    assert_eq!(counts(&entry)[..2], [lines.len() as u64, 1], "{entry}");
    assert_eq!(entry["rejected"], bad.len(), "{entry}");
    assert_eq!(world.db.count(table), 1, "{bad:?}");
    entry
}

#[test]
fn an_empty_file_and_a_header_alone_are_said_to_be_so() {
    let world = World::new();
    refused(&world, "fichier_vide", b"", "vide");
    refused(&world, "lignes_blanches", b"\n\r\n  \n", "vide");
    refused(&world, "bom_seul", b"\xEF\xBB\xBF", "vide");
    refused(&world, "bom_utf16_seul", b"\xFF\xFE", "vide");
    for content in [BASE.to_owned(), BASE.trim_end().to_owned(), format!("{BASE}\r\n\n")] {
        let (outcome, nights) = import(&world, content.as_bytes());
        assert_eq!(nights["lines_read"], 0, "{nights}");
        assert_ne!(outcome.code, 0, "a delivery without a line is nothing to be silent about\n{outcome}");
        assert!(nights["note"].is_string() || nights["error"].is_string(), "en_tete_seul: {nights}");
        assert_eq!(world.db.count("fact_nuitees_temp"), 0);
    }
}

#[test]
fn a_header_alone_does_not_empty_the_table() {
    let world = World::new();
    world.nights(&[GOOD]);
    world.import_nights(&[]).expect_code(0);
    let (outcome, _) = import(&world, BASE.as_bytes());
    assert_ne!(outcome.code, 0, "a delivery without a line is nothing to be silent about\n{outcome}");
    assert_eq!(world.stored(), [GOOD_ROW]);
    let text = world
        .tool("update-temp-tables")
        .args(["--only", "frequentation_nuitee"])
        .run()
        .sane()
        .expect_code(3)
        .stdout
        .clone();
    let step = text.lines().find(|line| line.contains('→')).expect(&text);
    assert!(step.contains("redemandez"), "{text}");
}

#[test]
fn a_missing_or_duplicated_column_is_named() {
    let world = World::new();
    for column in ["Date", "ZoneObservation", "Provenance", "CategorieVisiteur", "Volume"] {
        let without: Vec<&str> = BASE.trim().split(';').filter(|c| *c != column).collect();
        refused(&world, "colonne_manquante", format!("{}\na;b;c;d\n", without.join(";")).as_bytes(), column);
        let twice = format!("{};{column}\n{GOOD};x\n", BASE.trim());
        refused(&world, "colonne_en_double", twice.as_bytes(), column);
    }
    // The breakdown of the file is as needed as the base.
    for (name, table, column) in [
        ("frequentation_nuitee_fr.csv", "fact_nuitees_departements_temp", "NomDepartement"),
        ("frequentation_nuitee_int.csv", "fact_nuitees_pays_temp", "Pays"),
        ("export_mobilite.csv", "fact_lieu_activite_soir_temp", "ZoneMobilite"),
        ("duree_sejour.csv", "fact_sejours_duree_temp", "DureeSejour"),
    ] {
        world.csv(name, BASE, &[GOOD]);
        let json = world.import(name.trim_end_matches(".csv"), &[]).expect_code(1).json();
        assert!(file(&json, name)["error"].as_str().unwrap().contains(column), "{json}");
        assert_eq!(world.db.count(table), 0);
    }
}

#[test]
fn a_separator_that_is_none_is_refused_and_the_three_of_the_field_are_read() {
    let world = World::new();
    for wrong in ["|", ":", " ", "§"] {
        refused(&world, "separateur_faux", text(BASE, &[GOOD]).replace(';', wrong).as_bytes(), "séparateur");
    }
    for right in [";", ",", "\t"] {
        let (_, nights) = import(&world, text(BASE, &[GOOD]).replace(';', right).as_bytes());
        assert_eq!(nights["status"], "loaded", "{right:?} {nights}");
        assert_eq!(world.stored(), [GOOD_ROW]);
        world.db.exec("DELETE FROM fact_nuitees_temp");
    }
    // A header in `;` over lines in `,` is no file of either.
    let (outcome, nights) = import(&world, format!("{BASE}{}\n", GOOD.replace(';', ",")).as_bytes());
    assert_eq!((outcome.code, &nights["rejected"]), (3, &json!(1)), "{outcome}");
    assert_eq!(world.db.count("fact_nuitees_temp"), 0);
}

#[test]
fn column_order_extra_columns_case_quotes_and_line_ends_are_free() {
    let world = World::new();
    for content in [
        "Volume;Extra;CategorieVisiteur;Date;Provenance;ZoneObservation\n1;x;Touriste;2025-07-07;Local;Cantal\n",
        "Date;ZoneObservation;Provenance;CategorieVisiteur;Volume;;\r\n2025-07-07;Cantal;Local;Touriste;1;;\r\n",
        "\"Date\";\"ZoneObservation\";\"Provenance\";\"CategorieVisiteur\";\"Volume\"\n\"2025-07-07\";\"Cantal\";\"Local\";\"Touriste\";\"1\"\n",
        "Date;ZoneObservation;Provenance;CategorieVisiteur;Volume\n\n2025-07-07;Cantal;Local;Touriste;1\n\n",
        "date;zoneobservation;PROVENANCE;categorievisiteur;VOLUME\n07/07/2025; Cantal ;Local;Touriste;1",
        "\u{feff}Date;ZoneObservation;Provenance;CategorieVisiteur;Volume\r\n2025-07-07;Cantal;Local;Touriste;1",
        "\u{feff}\"Date\",\"ZoneObservation\",\"Provenance\",\"CategorieVisiteur\",\"Note\",\"Volume\"\n2025-07-07,Cantal,Local,Touriste,\"a,b \"\"c\"\"\",1\n",
    ] {
        let (outcome, nights) = import(&world, content.as_bytes());
        assert_eq!((outcome.code, counts(&nights)), (0, [1, 1, 0, 0, 0, 0, 0]), "{content}\n{outcome}");
        assert_eq!(world.stored(), [GOOD_ROW], "{content}");
        world.db.exec("DELETE FROM fact_nuitees_temp");
    }
}

#[test]
fn ragged_lines_and_unclosed_quotes_cost_their_own_line() {
    let world = World::new();
    let bad = [
        "2025-07-07;Cantal;Local;Touriste",
        "2025-07-07;Cantal;Local;Touriste;1;2",
        "2025-07-07",
        "2025-07-07;\"Cantal;Local;Touriste;1",
        "2025-07-07;\"Cantal\"x;Local;Touriste;1",
        "\"",
    ];
    rejected(&world, BASE, NIGHTS, "fact_nuitees_temp", &bad, GOOD);
    let file = world.reject_files().concat();
    for line in bad {
        let raw = format!("\"{}\"", line.replace('"', "\"\""));
        assert!(file.contains(&raw), "{raw} in {file}");
    }
}

#[test]
fn nul_bytes_long_lines_and_binary_files_are_no_rows() {
    let world = World::new();
    rejected(
        &world,
        BASE,
        NIGHTS,
        "fact_nuitees_temp",
        &["2025-07-07;Can\0tal;Local;Touriste;5", "\0\0\0", "2025-07-07;Lioran;Local;Touriste;\x005"],
        GOOD,
    );
    world.db.exec("DELETE FROM fact_nuitees_temp");

    let long = format!("2025-07-07;{};Local;Touriste;5", "x".repeat(10_000_000));
    rejected(&world, BASE, NIGHTS, "fact_nuitees_temp", &[&long], GOOD);
    let kept = format!("{}…\"", &long[..32_000]);
    assert!(world.reject_files().concat().contains(&kept), "of a 10 MB line what a cell can hold is kept");
    world.db.exec("DELETE FROM fact_nuitees_temp");

    refused(&world, "ligne_unique_de_10_mo", "x".repeat(10_000_000).as_bytes(), "en-tête");
    let mut state = 42u64;
    let binary: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u8
    })
    .take(300_000)
    .collect();
    refused(&world, "fichier_binaire", &binary, "en-tête");
    let mut header_then_binary = BASE.as_bytes().to_vec();
    header_then_binary.extend_from_slice(&binary);
    let (outcome, nights) = import(&world, &header_then_binary);
    assert_eq!((outcome.code, &nights["stored"]), (3, &json!(0)), "{}", nights);
    assert_eq!(nights["lines_read"], nights["rejected"]);
}

#[test]
fn what_is_no_readable_file_is_said_to_be_none() {
    let world = World::new();
    let path = world.home.data_temp().join(NIGHTS);
    let refused = |word: &str| {
        let (outcome, nights) = import_as_it_is(&world);
        assert_eq!((outcome.code, &nights["status"]), (1, &json!("failed")), "{outcome}");
        assert!(nights["error"].as_str().unwrap().contains(word), "{nights}");
    };
    std::fs::create_dir(&path).unwrap();
    refused("dossier");
    std::fs::remove_dir(&path).unwrap();
    symlink("nulle/part.csv", &path).unwrap();
    refused("introuvable");
    std::fs::remove_file(&path).unwrap();
    // Opens, and fails when read.
    symlink("/proc/self/mem", &path).unwrap();
    refused("lecture de");
    std::fs::remove_file(&path).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    refused("ordinaire");
    std::fs::remove_file(&path).unwrap();
    symlink("/dev/zero", &path).unwrap();
    refused("ordinaire");
}

#[test]
fn a_file_without_read_permission_is_refused() {
    let world = World::new();
    world.nights(&[GOOD]);
    let path = world.home.data_temp().join(NIGHTS);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
    let args = ["--only", "frequentation_nuitee", "--json"];
    let outcome = if std::fs::read(&path).is_err() {
        world.tool("update-temp-tables").args(args).run()
    } else {
        trouble::without_privilege(&world, "update-temp-tables").args(args).run()
    };
    let json = outcome.sane().expect_code(1).json();
    assert_eq!(file(&json, NIGHTS)["code"], "io", "{json}");
}

#[test]
fn every_encoding_of_the_field_is_read() {
    let world = World::new();
    let body =
        format!("{BASE}2025-07-07;Châtaigneraie;Etranger;Touriste;1\n2025-07-07;Val Truyère;Étranger;Touriste;1 234\n");
    let utf16 = |big: bool| -> Vec<u8> {
        let units = std::iter::once(0xFEFF).chain(body.encode_utf16());
        units.flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
    };
    let latin = |text: &str| -> Vec<u8> { text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect() };
    let nbsp = body.replace("1 234", "1\u{a0}234");
    let narrow = body.replace("1 234", "1\u{202f}234");
    let mut mixed = body.as_bytes()[..body.find("Val").unwrap()].to_vec();
    mixed.extend(latin(&nbsp[nbsp.find("Val").unwrap()..]));
    for (content, encoding) in [
        (body.clone().into_bytes(), "UTF-8"),
        (nbsp.clone().into_bytes(), "UTF-8"),
        (narrow.into_bytes(), "UTF-8"),
        (format!("\u{feff}{body}").into_bytes(), "UTF-8 (BOM)"),
        (latin(&body), "Windows-1252"),
        (latin(&nbsp), "Windows-1252"),
        (mixed, "UTF-8 + Windows-1252"),
        (utf16(false), "UTF-16LE"),
        (utf16(true), "UTF-16BE"),
    ] {
        let (outcome, nights) = import(&world, &content);
        assert_eq!((outcome.code, &nights["encoding"]), (0, &json!(encoding)), "{outcome}");
        assert_eq!(world.stored(), ["2025-07-07 6 3 1 1", "2025-07-07 7 3 1 1234"], "{encoding}");
        world.db.exec("DELETE FROM fact_nuitees_temp");
    }
}

#[test]
fn broken_utf16_is_no_panic_and_no_row() {
    let world = World::new();
    let body: Vec<u8> = text(BASE, &[GOOD]).encode_utf16().flat_map(u16::to_le_bytes).collect();
    // Without the mark nothing tells that it is UTF-16.
    refused(&world, "utf16_sans_bom", &body, "UTF-16");
    // Cut in the middle of a character: what stands before it is whole.
    let mut odd = [&[0xFF, 0xFE][..], &body].concat();
    odd.push(b'x');
    let (_, nights) = import(&world, &odd);
    assert_eq!(
        (&nights["lines_read"], &nights["stored"], &nights["rejected"]),
        (&json!(2), &json!(1), &json!(1)),
        "{nights}"
    );
    // Half of a surrogate pair.
    let lone = [&[0xFF, 0xFE][..], &body, &[0x00, 0xD8, b'\n', 0]].concat();
    let (_, nights) = import(&world, &lone);
    assert_eq!((&nights["stored"], &nights["rejected"]), (&json!(1), &json!(1)), "{nights}");
}

#[test]
fn dates_are_read_in_both_spellings_and_never_guessed() {
    let world = World::new();
    world.nights(&[
        "2025-07-01;Cantal;Local;Touriste;1",
        "02/07/2025;Cantal;Local;Touriste;2",
        "29/02/2024;Cantal;Local;Touriste;3",
        "\"2025-07-03\";Cantal;Local;Touriste;4",
    ]);
    world.import_nights(&[]).expect_code(0);
    let expected = ["2024-02-29 1 1 1 3", "2025-07-01 1 1 1 1", "2025-07-02 1 1 1 2", "2025-07-03 1 1 1 4"];
    assert_eq!(world.stored(), expected);
    world.db.exec("DELETE FROM fact_nuitees_temp");
    let bad: Vec<String> = [
        "",
        "2025-02-30",
        "30/02/2025",
        "29/02/2025",
        "2025-13-01",
        "13/13/2025",
        "0001-01-01",
        "01/01/0001",
        "0000-00-00",
        "2025-7-7",
        "7/7/2025",
        "07/07/25",
        "20250707",
        "2025/07/07",
        "07-07-2025",
        "2025-07-07 00:00:00",
        "juillet",
        "45845",
        "-2025-07-07",
        "9999-12-31",
        "2025-07-0\u{663}",
        "NULL",
    ]
    .iter()
    .map(|date| format!("{date};Cantal;Local;Touriste;1"))
    .collect();
    let bad: Vec<&str> = bad.iter().map(String::as_str).collect();
    let nights = rejected(&world, BASE, NIGHTS, "fact_nuitees_temp", &bad, GOOD);
    assert!(nights["rejects"].as_array().unwrap().iter().all(|motive| motive["column"] == "Date"), "{nights}");
    assert_eq!(world.stored(), [GOOD_ROW]);
}

#[test]
fn a_volume_that_is_no_whole_number_is_a_rejection_and_not_a_zero() {
    let world = World::new();
    let good = [
        ("0", "0"),
        ("007", "7"),
        ("1 234", "1234"),
        ("12\u{a0}345", "12345"),
        ("1\u{202f}234\u{202f}567", "1234567"),
        ("1234.0", "1234"),
        (" 5 ", "5"),
        ("\"1 000\"", "1000"),
        ("2147483647", "2147483647"),
    ];
    for (index, (raw, expected)) in good.iter().enumerate() {
        let day = index + 1;
        world.nights(&[&format!("2025-07-{day:02};Cantal;Local;Touriste;{raw}")]);
        world.import_nights(&[]).expect_code(0);
        let sql = format!("SELECT volume FROM fact_nuitees_temp WHERE date = '2025-07-{day:02}'");
        assert_eq!(world.db.scalar(&sql), *expected, "{raw:?}");
    }
    world.db.exec("DELETE FROM fact_nuitees_temp");
    let bad: Vec<String> = [
        "",
        " ",
        "-1",
        "-0",
        "−5",
        "1.5",
        "1,5",
        "0.1",
        "1e3",
        "1E2",
        "abc",
        "n/a",
        "NULL",
        "NaN",
        "inf",
        "0x1F",
        "+5",
        "12 34",
        "1  234",
        "1.234.567",
        "2147483648",
        "4294967297",
        "18446744073709551617",
        "99999999999999999999999999",
        "1;",
        "٣",
        "²",
        "1 234.5",
        "--1",
        "1-",
    ]
    .iter()
    .map(|volume| format!("2025-07-07;Lioran;Local;Touriste;{volume}"))
    .collect();
    let bad: Vec<&str> = bad.iter().map(String::as_str).collect();
    rejected(&world, BASE, NIGHTS, "fact_nuitees_temp", &bad, GOOD);
    assert_eq!(world.stored(), [GOOD_ROW]);
}

#[test]
fn unknown_and_ambiguous_names_are_rejected_and_named() {
    let world = World::new();
    let nights = rejected(
        &world,
        BASE,
        NIGHTS,
        "fact_nuitees_temp",
        &[
            "2025-07-07;Atlantide;Local;Touriste;1",
            "2025-07-07;Cantal;Lunaire;Touriste;1",
            "2025-07-07;Cantal;Local;Flâneur;1",
            "2025-07-07;;Local;Touriste;1",
            "2025-07-07;????;Local;Touriste;1",
            "2025-07-07;\u{fffd};Local;Touriste;1",
        ],
        GOOD,
    );
    let columns: Vec<&str> =
        nights["rejects"].as_array().unwrap().iter().map(|m| m["column"].as_str().unwrap()).collect();
    assert!(["ZoneObservation", "Provenance", "CategorieVisiteur"].iter().all(|c| columns.contains(c)), "{nights}");
    rejected(
        &world,
        FR,
        "frequentation_nuitee_fr.csv",
        "fact_nuitees_departements_temp",
        &["2025-07-07;Cantal;Local;Touriste;Mordor;1", "2025-07-07;Cantal;Local;Touriste;;1"],
        "2025-07-07;Cantal;Local;Touriste;Loire;1",
    );
    rejected(
        &world,
        INT,
        "frequentation_nuitee_int.csv",
        "fact_nuitees_pays_temp",
        &["2025-07-07;Cantal;Local;Touriste;Gondor;1"],
        "2025-07-07;Cantal;Local;Touriste;Pays-Bas;1",
    );
    rejected(
        &world,
        STAY,
        "duree_sejour.csv",
        "fact_sejours_duree_temp",
        &[
            "2025-07-07;Cantal;Local;Touriste;14 nuits;1",
            "2025-07-07;Cantal;Local;Touriste;0 nuit;1",
            "2025-07-07;Cantal;Local;Touriste;nuit;1",
        ],
        "2025-07-07;Cantal;Local;Touriste;3 nuits;1",
    );
    let mobility = rejected(
        &world,
        MOBILITY,
        "export_mobilite.csv",
        "fact_lieu_activite_soir_temp",
        &["2025-07-07;Cantal;Local;Touriste;Sainte-Colombe;1", "2025-07-07;Cantal;Local;Touriste;Saint-Pargoire;1"],
        "2025-07-07;Cantal;Local;Touriste;Saint-Flour;1",
    );
    let reasons = mobility["rejects"].to_string();
    assert!(reasons.contains("ambigu") && reasons.contains("SAINTE-COLOMBE") && reasons.contains("(63)"), "{reasons}");
}

#[test]
fn the_reject_file_holds_file_line_reason_column_value_and_the_raw_line() {
    let world = World::new();
    // CRLF, Windows-1252 and a quote in the raw lines: a spreadsheet must show what is in them.
    let mut content = BASE.as_bytes().to_vec();
    content.extend_from_slice(b"2025-07-07;Ch\xe2teauneuf;Local;Touriste;1\r\n");
    content.extend_from_slice(b"2025-07-07;Cantal;Local;Touriste;2\r\n\r\n");
    content.extend_from_slice(b"2025-07-07;\"Can\"\"tal\";Local;Touriste;-3\r\n");
    let (_, nights) = import(&world, &content);
    assert_eq!((&nights["rejected"], &nights["stored"]), (&json!(2), &json!(1)), "{nights}");
    let path = nights["reject_file"].as_str().unwrap();
    let name = std::path::Path::new(path).file_name().unwrap().to_string_lossy().into_owned();
    let stamp = name.strip_prefix("frequentation_nuitee_").unwrap().strip_suffix(".csv").unwrap();
    assert!(stamp.len() >= 15 && stamp.chars().all(|c| c.is_ascii_digit() || c == '-'), "{name}");
    assert_eq!(world.home.list("logs/rejets"), [name]);
    let bytes = std::fs::read(path).unwrap();
    let lines: Vec<&[u8]> = bytes.split(|b| *b == b'\n').collect();
    assert_eq!(lines[0], b"\xef\xbb\xbffichier;ligne;raison;colonne;valeur;ligne_brute");
    let first = String::from_utf8_lossy(lines[1]).into_owned();
    assert!(
        first.starts_with("frequentation_nuitee.csv;2;") && first.contains(";ZoneObservation;Châteauneuf;"),
        "{first}"
    );
    assert!(first.ends_with(";\"2025-07-07;Châteauneuf;Local;Touriste;1\""), "{first}");
    let second = String::from_utf8_lossy(lines[2]).into_owned();
    assert!(second.starts_with("frequentation_nuitee.csv;5;"), "physical lines are counted: {second}");
    assert!(second.ends_with(r#";"2025-07-07;""Can""""tal"";Local;Touriste;-3""#), "{second}");
    assert_eq!(lines.len(), 4, "nothing else");
}

#[test]
fn the_raw_lines_corrected_can_be_imported_again() {
    let world = World::new();
    let lines = [
        "2025-07-07;Cantal;Local;Touriste;1",
        "2025-07-08;Atlantide;Local;Touriste;2",
        "2025-07-08;\"Atlantide\";NonLocal;Touriste;trois",
    ];
    world.nights(&lines);
    let json = world.import_nights(&[]).expect_code(3).json();
    let path = file(&json, NIGHTS)["reject_file"].as_str().unwrap().to_owned();
    let text = std::fs::read_to_string(path).unwrap();
    // The last field of each line, its quotes undone.
    let raw: Vec<String> = text
        .lines()
        .skip(1)
        .map(|line| line[line.rfind(";\"2025").unwrap() + 2..line.len() - 1].replace("\"\"", "\""))
        .collect();
    assert_eq!(raw, lines[1..]);
    let corrected: Vec<String> =
        raw.iter().map(|line| line.replace("Atlantide", "Lioran").replace("trois", "3")).collect();
    world.nights(&corrected.iter().map(String::as_str).collect::<Vec<_>>());
    world.import_nights(&[]).expect_code(0);
    assert_eq!(world.stored(), [GOOD_ROW, "2025-07-08 5 1 1 2", "2025-07-08 5 2 1 3"]);
}

#[test]
fn a_thousand_mutilated_lines_are_all_accounted_for() {
    let world = World::new();
    let mut state = 7u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let mut content = BASE.as_bytes().to_vec();
    let mut expected = 0;
    for line in 0..1000 {
        let day = line % 28 + 1;
        let mut bytes = format!("2025-02-{day:02};Cantal;Local;Touriste;{line}").into_bytes();
        for _ in 0..random(4) {
            let at = random(bytes.len());
            match random(4) {
                0 => bytes[at] = random(256) as u8,
                1 => drop(bytes.remove(at)),
                2 => bytes.insert(at, b";\"\0 ?\xc3\xff"[random(7)]),
                _ => bytes.truncate(at + 1),
            }
        }
        content.extend_from_slice(&bytes);
        content.push(b'\n');
    }
    for line in content.split(|b| *b == b'\n').skip(1) {
        expected += u64::from(!line.iter().all(u8::is_ascii_whitespace));
    }
    let (outcome, nights) = import(&world, &content);
    assert_eq!((outcome.code, nights["lines_read"].as_u64()), (3, Some(expected)), "{outcome}");
    // Each stored row is one that was written: a date of February, zone 1, local, tourists, a volume below a thousand.
    assert_eq!(world.db.count("fact_nuitees_temp"), nights["stored"].as_u64().unwrap());
    let strange = "SELECT COUNT(*) FROM fact_nuitees_temp WHERE id_zone <> 1 OR id_provenance <> 1 OR volume < 0";
    assert_eq!(world.db.scalar(strange), "0");
}

#[test]
fn a_file_that_grows_while_it_is_read_is_not_loaded_and_the_next_run_takes_it() {
    let world = World::new();
    world.nights(&[GOOD]);
    world.import_nights(&[]).expect_code(0);
    // The history is locked: the tool has hashed the file and opened it, and waits before it goes on.
    world.nights(&["2025-07-07;Cantal;Local;Touriste;2"]);
    let mut conn = world.db.conn();
    use flux_test::mysql::prelude::Queryable;
    conn.query_drop("LOCK TABLES flux_import_history WRITE").unwrap();
    let running = world.tool("update-temp-tables").args(["--only", "frequentation_nuitee", "--json"]).spawn();
    let mut admin = world.db.admin();
    let waiting = format!(
        "SELECT COUNT(*) FROM information_schema.processlist WHERE db = '{}' AND info LIKE '%flux_import_history%' AND state LIKE '%lock%'
         AND id <> CONNECTION_ID()",
        world.db.name()
    );
    let started = std::time::Instant::now();
    while admin.query_first::<u64, _>(&waiting).unwrap() != Some(1) {
        assert!(started.elapsed().as_secs() < 30, "the tool does not come to its history");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    world.nights(&["2025-07-07;Cantal;Local;Touriste;2", "2025-07-07;Lioran;Local;Touriste;3"]);
    conn.query_drop("UNLOCK TABLES").unwrap();
    let outcome = running.wait().sane().expect_code(1);
    let json = outcome.json();
    assert_eq!(file(&json, NIGHTS)["code"], "file-changed", "{outcome}");
    assert_eq!(world.stored(), [GOOD_ROW]);
    world.import_nights(&[]).expect_code(0);
    assert_eq!(world.stored(), ["2025-07-07 1 1 1 2", "2025-07-07 5 1 1 3"]);
}
