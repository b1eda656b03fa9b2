//! `etat-csv-complet`, `analyse-zones-csv` and `validation-complete-import` on what should never have been delivered: one fixture per
//! defect, named after it, among nine sound files. Never a panic, always the right code and a message that says what and where.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use support::diag;

use flux_test::{Home, Outcome, TestDb, Tool};
use serde_json::Value;
use support::diag::NUITEE;

const FILE: &str = "frequentation_nuitee.csv";

/// The sound content of [`FILE`].
fn sound() -> String {
    let day = |day: &str| {
        ["Cantal", "Pays d'Aurillac", "Châtaigneraie"]
            .map(|zone| format!("{day};{zone};NonLocal;Touriste;100\n"))
            .concat()
    };
    format!("{NUITEE}{}{}", day("2025-07-07"), day("2025-07-08"))
}

fn with_line(line: &str) -> Vec<u8> {
    format!("{}{line}\n", sound()).into_bytes()
}

fn latin(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect()
}

fn utf16(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(unit).collect()
}

/// What is read right, and the encoding that must be named.
fn sound_spellings() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let text = sound();
    let middle = text.find("2025-07-08").unwrap();
    let mixed = [text.as_bytes()[..middle].to_vec(), latin(&text[middle..])].concat();
    vec![
        ("utf8", text.clone().into_bytes(), "UTF-8"),
        ("utf8_bom", format!("\u{feff}{text}").into_bytes(), "UTF-8 (BOM)"),
        ("windows_1252", latin(&text), "Windows-1252"),
        ("encodages_meles", mixed, "UTF-8 + Windows-1252"),
        ("utf16_le_bom", utf16(&format!("\u{feff}{text}"), u16::to_le_bytes), "UTF-16LE"),
        ("utf16_be_bom", utf16(&format!("\u{feff}{text}"), u16::to_be_bytes), "UTF-16BE"),
        ("noms_abimes_u_fffd", text.replace('â', "\u{fffd}").into_bytes(), "UTF-8"),
        ("noms_abimes_point_d_interrogation", text.replace('â', "?").into_bytes(), "UTF-8"),
        ("separateur_virgule", text.replace(';', ",").into_bytes(), "UTF-8"),
        ("separateur_tabulation", text.replace(';', "\t").into_bytes(), "UTF-8"),
        ("fins_de_ligne_crlf", text.replace('\n', "\r\n").into_bytes(), "UTF-8"),
        ("sans_fin_de_ligne_a_la_fin", text.trim_end().to_owned().into_bytes(), "UTF-8"),
        ("dates_francaises", text.replace("2025-07-07", "07/07/2025").into_bytes(), "UTF-8"),
    ]
}

/// A defect: its name, how it gets into the delivery, words of `etat-csv-complet`, and those of `analyse-zones-csv` (none: its zones
/// are all read, code 0).
type Defect = (&'static str, Box<dyn Fn(&Home)>, Vec<&'static str>, Vec<&'static str>);

fn bytes(content: impl Into<Vec<u8>>) -> Box<dyn Fn(&Home)> {
    let content = content.into();
    Box::new(move |home| {
        home.write_csv(FILE, &content);
    })
}

/// Something else in place of the file.
fn instead(make: impl Fn(&Path) + 'static) -> Box<dyn Fn(&Home)> {
    Box::new(move |home| {
        let path = home.data_temp().join(FILE);
        std::fs::remove_file(&path).unwrap();
        make(&path);
    })
}

fn beside(path: &Path, name: &[u8]) -> std::path::PathBuf {
    path.with_file_name(std::ffi::OsStr::from_bytes(name))
}

#[allow(clippy::too_many_lines, reason = "a table of cases")]
fn defects() -> Vec<Defect> {
    let noise: Vec<u8> = (0..200_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let cut = sound();
    let cut = cut[..cut.len() - 20].to_owned();
    let twice = sound().replacen(";Volume", ";Volume;Volume", 1);
    let long = format!("2025-07-07;{};Local;Touriste;5", "x".repeat(10_000_000));
    let no = Vec::new;
    vec![
        ("fichier_vide", bytes(""), vec!["le fichier est vide"], vec!["le fichier est vide"]),
        ("bom_seul", bytes("\u{feff}"), vec!["le fichier est vide"], vec!["le fichier est vide"]),
        ("lignes_blanches", bytes("\n\r\n  \n"), vec!["le fichier est vide"], vec!["le fichier est vide"]),
        ("en_tete_seul", bytes(NUITEE), vec!["un en-tête et aucune ligne", "redemandez"], vec!["aucune ligne"]),
        (
            "utf16_sans_bom",
            bytes(utf16(&sound(), u16::to_le_bytes)),
            vec!["UTF-16 sans marque"],
            vec!["UTF-16 sans marque"],
        ),
        (
            "utf16_coupe_au_milieu_d_un_caractere",
            bytes([utf16(&format!("\u{feff}{}", sound()), u16::to_le_bytes), vec![b'x']].concat()),
            vec!["ligne 8", "tronqué"],
            vec!["1 ligne dont la zone est illisible"],
        ),
        (
            "separateur_faux",
            bytes(sound().replace(';', "|")),
            vec!["séparateur non reconnu", "Date|ZoneObservation"],
            vec!["séparateur non reconnu"],
        ),
        (
            "separateur_autre_que_celui_de_l_en_tete",
            bytes(format!("{NUITEE}{}", sound()[NUITEE.len()..].replace(';', ","))),
            vec!["6 lignes seront rejetées", "1 champ au lieu de 5"],
            vec!["6 lignes dont la zone est illisible", "etat-csv-complet"],
        ),
        ("colonne_manquante", bytes(sound().replace("Provenance", "Origine")), vec!["Provenance", "colonnes"], no()),
        (
            "colonne_de_zone_manquante",
            bytes(sound().replace("ZoneObservation", "Secteur")),
            vec!["ZoneObservation", "colonnes"],
            vec!["ZoneObservation"],
        ),
        ("colonne_en_double", bytes(twice), vec!["Volume figure deux fois"], vec!["Volume figure deux fois"]),
        ("en_tete_repete", bytes(with_line(NUITEE.trim())), vec!["en-tête répété", "ligne 8"], no()),
        ("ligne_de_10_mo", bytes(with_line(&long)), vec!["65 536 octets", "ligne 8"], vec!["1 ligne dont"]),
        ("en_tete_de_10_mo", bytes("x".repeat(10_000_000)), vec!["pas d'en-tête", "trop longue"], vec!["trop longue"]),
        (
            "guillemet_non_ferme",
            bytes(with_line("2025-07-08;\"Cantal;NonLocal;Touriste;7")),
            vec!["guillemet non fermé", "ligne 8"],
            vec!["1 ligne dont"],
        ),
        (
            "octets_nuls",
            bytes(with_line("2025-07-08;Can\0tal;NonLocal;Touriste;7")),
            vec!["octets nuls", "ligne 8"],
            vec!["1 ligne dont"],
        ),
        (
            "lignes_inegales",
            bytes(with_line("2025-07-08;Cantal;NonLocal;Touriste;7;8")),
            vec!["nombre de champs", "6 champs au lieu de 5"],
            vec!["1 ligne dont"],
        ),
        ("fichier_binaire", bytes(noise.clone()), vec!["pas d'en-tête"], vec!["pas d'en-tête"]),
        (
            "en_tete_puis_binaire",
            bytes([NUITEE.as_bytes(), &noise].concat()),
            vec!["octets nuls"],
            vec!["zone est illisible"],
        ),
        ("tronque_au_milieu_d_une_ligne", bytes(cut), vec!["ligne (7) est coupée", "tronqué"], vec!["1 ligne dont"]),
        ("date_inexistante", bytes(with_line("2025-02-30;Cantal;NonLocal;Touriste;7")), vec!["2025-02-30"], no()),
        ("volume_negatif", bytes(with_line("2025-07-08;Cantal;NonLocal;Touriste;-7")), vec!["négatif", "-7"], no()),
        ("volume_en_lettres", bytes(with_line("2025-07-08;Cantal;NonLocal;Touriste;sept")), vec!["sept"], no()),
        (
            "zone_vide",
            bytes(with_line("2025-07-08; ;NonLocal;Touriste;7")),
            vec!["ZoneObservation : vide"],
            vec!["1 ligne dont"],
        ),
        (
            "dossier",
            instead(|path| std::fs::create_dir(path).unwrap()),
            vec!["c'est un dossier"],
            vec!["c'est un dossier"],
        ),
        (
            "tube_nomme",
            instead(|path| assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success())),
            vec!["ordinaire"],
            vec!["ordinaire"],
        ),
        ("peripherique", instead(|path| symlink("/dev/zero", path).unwrap()), vec!["ordinaire"], vec!["ordinaire"]),
        (
            "lien_mort",
            instead(|path| symlink("nulle/part.csv", path).unwrap()),
            vec!["introuvable"],
            vec!["introuvable"],
        ),
        ("lien_en_boucle", instead(|path| symlink(FILE, path).unwrap()), vec!["lecture de"], vec!["lecture de"]),
        (
            "deux_fichiers_de_meme_nom_en_autre_casse",
            Box::new(|home| {
                home.write_csv("FREQUENTATION_NUITEE.CSV", sound());
            }),
            vec!["plusieurs fichiers portent ce nom", "FREQUENTATION_NUITEE.CSV", "n'en gardez qu'un"],
            vec!["plusieurs fichiers portent ce nom"],
        ),
        ("absent", instead(|_| ()), vec!["absent", "déposez ce qui manque"], no()),
        (
            "nom_qui_n_est_pas_utf8",
            instead(|path| std::fs::write(beside(path, b"frequentation_nuitee\xE9.csv"), sound()).unwrap()),
            vec!["absent, mais", "y ressemble", "renommez-le en frequentation_nuitee.csv"],
            no(),
        ),
        (
            "nom_d_une_copie",
            instead(|path| std::fs::write(beside(path, b"Frequentation_nuitee (1).csv"), sound()).unwrap()),
            vec!["absent, mais", "Frequentation_nuitee (1).csv"],
            no(),
        ),
    ]
}

fn whole(outcome: &Outcome, what: &str) {
    assert!(!outcome.stderr.contains("panicked"), "{what}\n{outcome}");
}

/// The findings on [`FILE`] as one text.
fn findings(json: &Value) -> String {
    let all = json["findings"].as_array().unwrap();
    let own = all.iter().filter(|f| f["place"].as_str().unwrap().contains("frequentation_nuitee.csv"));
    own.map(|f| format!("{} → {}\n", f["message"].as_str().unwrap(), f["action"].as_str().unwrap_or("–"))).collect()
}

/// Code, words in the findings on the file and in the text, no finding on another file.
#[track_caller]
fn expect(home: &Home, tool: &str, what: &str, words: &[&str]) {
    let code = if words.is_empty() { 0 } else { 3 };
    let outcome = home.tool(tool).arg("--json").run();
    whole(&outcome, what);
    assert_eq!(outcome.code, code, "{tool}, {what}\n{outcome}");
    let json = outcome.json();
    let found = findings(&json);
    for word in words {
        assert!(found.contains(word), "{tool}, {what}: {word:?} expected in {found}");
    }
    assert_eq!(found.lines().count(), json["findings"].as_array().unwrap().len(), "{tool}, {what}\n{outcome}");
    let text = home.tool(tool).run();
    whole(&text, what);
    assert_eq!(text.code, code, "{tool}, {what}\n{text}");
    for word in words {
        assert!(text.stdout.contains(word), "{tool}, {what}: {word:?} expected\n{text}");
    }
}

fn encoding(home: &Home) -> String {
    let json = home.tool("etat-csv-complet").arg("--json").run().json();
    let file = json["files"].as_array().unwrap().iter().find(|file| file["file"] == FILE).unwrap().clone();
    // 6 lines of 100 visitors, whatever they are written in.
    assert_eq!((&file["lines"], &file["volume"], &file["days"]), (&6.into(), &600.into(), &2.into()), "{file}");
    file["encoding"].as_str().unwrap().to_owned()
}

#[test]
fn every_sound_spelling_needs_no_look_with_and_without_a_database() {
    let db = diag::with_tables(|table| table == "dim_zones_observation");
    for home in [Home::without_db(), Home::new(&db)] {
        for (name, content, expected) in sound_spellings() {
            diag::deliver(&home);
            home.write_csv(FILE, content);
            expect(&home, "etat-csv-complet", name, &[]);
            expect(&home, "analyse-zones-csv", name, &[]);
            assert_eq!(encoding(&home), expected, "{name}");
        }
    }
}

#[test]
fn files_under_links_other_cases_and_odd_folders_are_found() {
    let home = Home::without_db();
    diag::deliver(&home);
    let path = home.data_temp().join(FILE);
    let elsewhere = home.join("ailleurs.csv");
    std::fs::rename(&path, &elsewhere).unwrap();
    symlink(&elsewhere, &path).unwrap();
    expect(&home, "etat-csv-complet", "lien_symbolique", &[]);
    std::fs::remove_file(&path).unwrap();
    std::fs::rename(&elsewhere, home.data_temp().join("Frequentation_NUITEE.Csv")).unwrap();
    expect(&home, "etat-csv-complet", "nom_en_autre_casse", &[]);
    let folder = beside(&path, b"livraison d'ao\xFBt");
    std::fs::create_dir(&folder).unwrap();
    std::fs::rename(home.data_temp().join("Frequentation_NUITEE.Csv"), folder.join(FILE)).unwrap();
    expect(&home, "etat-csv-complet", "dossier_au_nom_qui_n_est_pas_utf8", &[]);
    expect(&home, "analyse-zones-csv", "dossier_au_nom_qui_n_est_pas_utf8", &[]);
    assert_eq!(encoding(&home), "UTF-8");
    for tool in ["etat-csv-complet", "analyse-zones-csv"] {
        let outcome = home.tool(tool).arg("--json").arg("--data-dir").arg(&folder).run();
        assert!(outcome.json()["folder"].as_str().unwrap().contains("livraison"), "{outcome}");
    }
}

#[test]
fn every_defect_is_told_without_a_database() {
    for (name, prepare, state, zones) in defects() {
        let home = Home::without_db();
        diag::deliver(&home);
        prepare(&home);
        expect(&home, "etat-csv-complet", name, &state);
        expect(&home, "analyse-zones-csv", name, &zones);
    }
}

#[test]
fn every_defect_is_told_with_a_database_and_by_the_validation() {
    let db: TestDb = diag::database();
    for (name, prepare, state, zones) in defects() {
        let home = Home::new(&db);
        diag::deliver(&home);
        prepare(&home);
        expect(&home, "etat-csv-complet", name, &state);
        expect(&home, "analyse-zones-csv", name, &zones);
        let outcome = home.tool("validation-complete-import").args(["--json", "--html", "page.html"]).run();
        whole(&outcome, name);
        let found = findings(&outcome.expect_code(3).json());
        for word in state {
            // It has read the lines by then: they are rejected, not to be.
            let word = word.replace("seront rejetées", "rejetées");
            assert!(found.contains(&word), "{name}: {word:?} expected in {found}");
        }
        assert!(home.read("page.html").ends_with("</html>\n"), "{name}");
        let text = home.tool("validation-complete-import").run().expect_code(3);
        whole(&text, name);
    }
}

#[test]
fn sound_spellings_are_imported_and_validated() {
    let db = diag::database();
    for (name, content, _) in sound_spellings() {
        let home = Home::new(&db);
        diag::deliver(&home);
        home.write_csv(FILE, content);
        home.tool("update-temp-tables").run().expect_code(0);
        let outcome = home.tool("validation-complete-import").arg("--json").run();
        // The other files of the delivery end their last line: this one may be cut within its last volume.
        let expected = if name == "sans_fin_de_ligne_a_la_fin" { 3 } else { 0 };
        assert_eq!(outcome.code, expected, "{name}\n{outcome}");
    }
}

#[test]
fn a_file_that_may_not_be_read_says_so() {
    let home = Home::without_db();
    diag::deliver(&home);
    let path = home.data_temp().join(FILE);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
    for tool in ["etat-csv-complet", "analyse-zones-csv"] {
        // The superuser reads everything, unless that capability is taken away.
        let outcome = if std::fs::read(&path).is_err() {
            home.tool(tool).arg("--json").run()
        } else {
            let drop = ["--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"];
            let program = flux_test::bin_dir().join(tool);
            Tool::program("/usr/bin/setpriv").home(&home).args(drop).arg(program).arg("--json").run()
        };
        let json = outcome.expect_code(3).json();
        assert!(support::codes(&json).contains(&"file-unusable"), "{tool}: {json}");
        assert!(findings(&json).contains("droits"), "{tool}: the mend is named: {json}");
    }
}

#[test]
fn control_characters_of_names_do_not_reach_the_terminal() {
    let home = Home::without_db();
    diag::deliver(&home);
    home.write_csv(FILE, with_line("2025-07-08;\u{1b}[31mCan\u{7}tal\r;NonLocal;Touriste;7"));
    let outcome = home.tool("analyse-zones-csv").run().expect_code(3);
    assert!(!outcome.stdout.contains(['\u{1b}', '\u{7}', '\r']), "{outcome:?}");
}

#[test]
fn an_empty_folder_is_no_success() {
    let home = Home::without_db();
    let json = home.tool("analyse-zones-csv").arg("--json").run().expect_code(3).json();
    assert_eq!(support::codes(&json), ["file-missing"]);
    let json = home.tool("etat-csv-complet").arg("--json").run().expect_code(3).json();
    assert_eq!(support::codes(&json), ["file-missing"; 10]);
}

#[test]
fn a_database_that_does_not_answer_is_told_and_the_files_are_read_all_the_same() {
    let home = Home::without_db();
    diag::deliver(&home);
    for tool in ["etat-csv-complet", "analyse-zones-csv"] {
        let unreachable = [("DB_HOST", "127.0.0.1"), ("DB_PORT", "1"), ("DB_DATABASE", "x"), ("DB_USERNAME", "x")];
        let tool = unreachable.iter().fold(home.tool(tool), |tool, (name, value)| tool.env(name, value));
        let json = tool.arg("--json").run().expect_code(0).json();
        assert!(json["database"].as_str().unwrap().contains("base non consultée"), "{json}");
    }
}
