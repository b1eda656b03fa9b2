//! Deliveries read back by other means than those that wrote them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{Datelike, NaiveDate};
use encoding_rs::{UTF_8, UTF_16LE, WINDOWS_1252};

use super::*;
use flux_core::domain::catalogue::Dim;
use flux_core::domain::names::fold;
use flux_core::domain::reference;

fn small() -> Plan {
    Plan { days: 3, scale: 0.3, ..Plan::default() }
}

fn with(defects: &[&str]) -> Plan {
    Plan { defects: defects.iter().map(|text| text.parse().unwrap()).collect(), ..small() }
}

fn generated(plan: &Plan) -> (tempfile::TempDir, Report) {
    let dir = tempfile::tempdir().unwrap();
    let report = generate(plan, dir.path()).unwrap();
    (dir, report)
}

/// The rows of a sound file by key (every cell but the volume), by the csv crate.
fn rows_of(path: &Path, separator: u8) -> BTreeMap<Vec<String>, u64> {
    let mut reader = csv::ReaderBuilder::new().delimiter(separator).from_path(path).unwrap();
    let mut rows = BTreeMap::new();
    for record in reader.records() {
        let mut cells: Vec<String> = record.unwrap().iter().map(str::to_owned).collect();
        let volume = cells.pop().unwrap().parse().unwrap();
        assert!(rows.insert(cells.clone(), volume).is_none(), "twice: {cells:?}");
    }
    rows
}

#[test]
fn a_sound_delivery_holds_what_its_manifest_says_and_each_key_once() {
    let (dir, report) = generated(&small());
    assert_eq!(report.files.len(), 10);
    for file in &report.files {
        let rows = rows_of(&dir.path().join(&file.file), b';');
        assert_eq!(rows.len() as u64, file.lines, "{}", file.file);
        assert_eq!(file.expected, Expected { usable: true, stored: file.lines, ..Expected::default() });
        assert_eq!(rows.values().sum::<u64>(), file.volume);
        let mut dates: BTreeMap<String, DayTotal> = BTreeMap::new();
        for (cells, volume) in &rows {
            let day = dates.entry(cells[0].clone()).or_default();
            day.rows += 1;
            day.volume += volume;
        }
        assert_eq!(dates, file.dates);
        assert_eq!(dates.keys().collect::<Vec<_>>(), ["2025-07-07", "2025-07-08", "2025-07-09"]);
        assert!(rows.values().all(|volume| *volume >= 1));
    }
    let read: Report = serde_json::from_slice(&fs::read(dir.path().join(MANIFEST)).unwrap()).unwrap();
    assert_eq!(read, report);
}

#[test]
fn every_day_has_every_zone_and_category() {
    let (dir, _) = generated(&small());
    for (file, categories) in [("frequentation_nuitee.csv", 4), ("frequentation_journee.csv", 9)] {
        let slices: std::collections::BTreeSet<_> = rows_of(&dir.path().join(file), b';')
            .into_keys()
            .map(|cells| [0, 1, 3].map(|i| cells[i].clone()))
            .collect();
        assert_eq!(slices.len(), 3 * 11 * categories, "{file}");
    }
}

#[test]
fn a_week_has_the_size_of_a_real_one() {
    let (_dir, report) = generated(&Plan::default());
    assert!((48_000..55_000).contains(&report.totals.lines), "{}", report.totals.lines);
}

#[test]
fn breakdowns_stay_within_their_totals() {
    let (_dir, report) = generated(&Plan::default());
    let volume = |file: &str| report.files.iter().find(|other| other.file == file).unwrap().volume;
    for part in ["frequentation_nuitee_fr.csv", "frequentation_nuitee_int.csv"] {
        assert!(volume(part) < volume("frequentation_nuitee.csv"), "{part}");
    }
    assert!(volume("frequentation_nuitee_fr.csv") * 2 > volume("frequentation_nuitee.csv"));
}

#[test]
fn a_plan_gives_the_same_bytes_a_seed_other_ones_and_a_longer_span_holds_the_shorter() {
    let hashes = |plan: &Plan| -> Vec<String> { generated(plan).1.files.into_iter().map(|f| f.blake3).collect() };
    assert_eq!(hashes(&small()), hashes(&small()));
    let other = hashes(&Plan { seed: 2, ..small() });
    assert!(hashes(&small()).iter().zip(&other).all(|(a, b)| a != b));

    let (short, _) = generated(&small());
    let (long, _) = generated(&Plan { days: 5, ..small() });
    for dataset in catalogue::weekly() {
        let file = dataset.weekly_file.unwrap();
        let part = fs::read_to_string(short.path().join(file)).unwrap();
        assert!(fs::read_to_string(long.path().join(file)).unwrap().starts_with(&part), "{file}");
    }
}

#[test]
fn the_order_of_the_lines_changes_nothing_else() {
    let (by_date, _) = generated(&small());
    let (by_zone, _) = generated(&Plan { order: Order::Zone, ..small() });
    let rows = |dir: &tempfile::TempDir| rows_of(&dir.path().join("duree_sejour_fr.csv"), b';');
    assert_eq!(rows(&by_date), rows(&by_zone));
    let text = fs::read_to_string(by_zone.path().join("duree_sejour_fr.csv")).unwrap();
    let zones: Vec<_> = text.lines().skip(1).map(|line| line.split(';').nth(1).unwrap()).collect();
    let mut groups = zones.clone();
    groups.dedup();
    assert_eq!(groups.len(), 11, "each zone stands in one piece");
}

#[test]
fn a_revision_differs_by_exactly_what_its_manifest_says() {
    let (first, report) = generated(&small());
    assert!(report.files.iter().all(|file| file.revision.is_none()));
    let (second, report) = generated(&Plan { revision: 1, ..small() });
    let mut total = Revision::default();
    for file in &report.files {
        let before = rows_of(&first.path().join(&file.file), b';');
        let after = rows_of(&second.path().join(&file.file), b';');
        let counted = Revision {
            revised: after.iter().filter(|(key, volume)| before.get(*key).is_some_and(|old| old != *volume)).count()
                as u64,
            withdrawn: before.keys().filter(|key| !after.contains_key(*key)).count() as u64,
            added: after.keys().filter(|key| !before.contains_key(*key)).count() as u64,
        };
        assert_eq!(file.revision, Some(counted), "{}", file.file);
        total.revised += counted.revised;
        total.withdrawn += counted.withdrawn;
        total.added += counted.added;
    }
    assert!(total.revised > 500 && total.withdrawn > 20 && total.added > 20, "{total:?}");
}

#[test]
fn every_encoding_separator_and_spelling_carries_the_same_rows() {
    let (plain, _) = generated(&small());
    let file = "duree_sejour_int.csv";
    let expected = rows_of(&plain.path().join(file), b';');
    for (encoding, decoder, mark) in [
        (Encoding::Utf8Bom, UTF_8, &b"\xef\xbb\xbf"[..]),
        (Encoding::Windows1252, WINDOWS_1252, b"Date"),
        (Encoding::Utf16Le, UTF_16LE, b"\xff\xfeD\0"),
    ] {
        let format = Format {
            encoding,
            separator: Separator::Tab,
            crlf: true,
            quoted: encoding == Encoding::Windows1252,
            dates: DateStyle::French,
        };
        let (dir, report) = generated(&Plan { format, ..small() });
        let bytes = fs::read(dir.path().join(file)).unwrap();
        let start: &[u8] = if format.quoted { b"\"Date" } else { mark };
        assert!(bytes.starts_with(start), "{encoding}");
        let (text, _, damaged) = decoder.decode(&bytes);
        assert!(!damaged, "{encoding}");
        assert_eq!(text.matches("\r\n").count(), text.matches('\n').count());
        let copy = dir.path().join("decoded");
        fs::write(&copy, text.as_bytes()).unwrap();
        let rows: BTreeMap<_, _> = rows_of(&copy, b'\t')
            .into_iter()
            .map(|(mut cells, volume)| {
                let (day, rest) = cells[0].split_once('/').unwrap();
                let (month, year) = rest.split_once('/').unwrap();
                cells[0] = format!("{year}-{month}-{day}");
                (cells, volume)
            })
            .collect();
        assert_eq!(rows, expected, "{encoding}");
        assert_eq!(report.files[9].bytes, bytes.len() as u64);
    }
}

/// The names of a dimension that are no other's, folded, each with the number of its row.
fn names(dim: Dim) -> HashMap<String, u32> {
    let mut found: HashMap<String, BTreeSet<u32>> = HashMap::new();
    for (names, row) in reference::names(dim).into_iter().zip(1..) {
        for name in names {
            found.entry(fold(name)).or_default().insert(row);
        }
    }
    found.into_iter().filter(|(_, rows)| rows.len() == 1).map(|(name, rows)| (name, *rows.first().unwrap())).collect()
}

/// The row of a name in which at most one letter is lost.
fn known(names: &HashMap<String, u32>, cell: &str) -> Option<u32> {
    let lost = ['?', '\u{fffd}'];
    let fits = |name: &str| {
        name.chars().count() == cell.chars().count()
            && name.chars().zip(cell.chars()).all(|(a, b)| a == b || lost.contains(&b))
    };
    names.get(cell).copied().or_else(|| {
        let mut near = names.iter().filter(|(name, _)| cell.contains(lost) && fits(name));
        near.next().filter(|_| near.next().is_none()).map(|(_, row)| *row)
    })
}

/// What the rules of an import make of the lines of a file, naively: whole in memory, line by line.
fn judged(dataset: &'static Dataset, text: &str, names: &HashMap<Dim, HashMap<String, u32>>) -> (Expected, u64) {
    let mut lines = text.lines();
    let columns = lines.next().unwrap().split(';').count();
    let dims: Vec<Dim> = dataset.dims().filter(|dim| *dim != Dim::Epci).collect();
    let mut seen: HashMap<(NaiveDate, Vec<u32>), u32> = HashMap::new();
    let mut expected = Expected { usable: true, ..Expected::default() };
    for line in lines {
        let cells: Vec<&str> = line.split(';').collect();
        let row = || {
            if cells.len() != columns || line.contains(['"', '\0']) {
                return None;
            }
            let day = cells[0].parse::<NaiveDate>().ok().filter(|day| (2000..2100).contains(&day.year()))?;
            let volume = cells[columns - 1].replace([' ', '\u{a0}'], "");
            let volume =
                volume.trim_end_matches(".0").parse::<i32>().ok().and_then(|volume| u32::try_from(volume).ok())?;
            let ids: Option<Vec<u32>> =
                dims.iter().zip(&cells[1..columns - 1]).map(|(dim, cell)| known(&names[dim], &fold(cell))).collect();
            Some(((day, ids?), volume))
        };
        match row() {
            None => expected.rejected += 1,
            Some((key, volume)) => match seen.get(&key) {
                None => {
                    expected.stored += 1;
                    seen.insert(key, volume);
                }
                Some(first) if *first == volume => expected.duplicates += 1,
                Some(_) => expected.conflicts += 1,
            },
        }
    }
    (expected, seen.values().map(|volume| u64::from(*volume)).sum())
}

#[test]
fn each_line_defect_comes_as_often_as_asked_and_does_what_the_manifest_says() {
    let names: HashMap<Dim, HashMap<String, u32>> =
        [Dim::Zone, Dim::Provenance, Dim::Categorie, Dim::Departement, Dim::Pays, Dim::Duree, Dim::Commune]
            .map(|dim| (dim, names(dim)))
            .into();
    let line_defects: Vec<&str> = Defect::ALL
        .iter()
        .filter(|defect| !matches!(defect.effect(Layout::Weekly), Effect::Missing | Effect::Unusable | Effect::Zero))
        .filter(|defect| **defect != Defect::ZonesRenommees)
        .map(|defect| defect.name())
        .collect();
    assert_eq!(line_defects.len(), 18);
    let (clean, sound) = generated(&small());
    let (dir, report) = generated(&with(&line_defects));
    for ((file, sound), dataset) in report.files.iter().zip(&sound.files).zip(catalogue::weekly()) {
        let bytes = fs::read(dir.path().join(&file.file)).unwrap();
        // Lines in another encoding are read as an import may: each on its own.
        let text: Vec<String> = bytes
            .split(|byte| *byte == b'\n')
            .map(|line| match std::str::from_utf8(line) {
                Ok(line) => line.to_owned(),
                Err(_) => WINDOWS_1252.decode(line).0.into_owned(),
            })
            .collect();
        let (expected, volume) = judged(dataset, text.join("\n").trim_end_matches('\n'), &names);
        assert_eq!((expected, volume), (file.expected, file.volume), "{}", file.file);
        assert_eq!((file.expected.stored, file.volume), (sound.expected.stored, sound.volume), "{}", file.file);
        let e = file.expected;
        assert_eq!(e.stored + e.duplicates + e.conflicts + e.rejected, file.lines);
        let once = ["ligne-geante", "guillemet-ouvert"];
        for defect in &file.defects {
            let wanted = if once.contains(&defect.name.as_str()) { 1 } else { 3 };
            assert_eq!((defect.count, defect.lines.len()), (wanted, wanted as usize), "{} {}", file.file, defect.name);
        }
        let spoilt = |name: &str| -> Vec<&str> {
            let defect = file.defects.iter().find(|defect| defect.name == name).unwrap();
            defect.lines.iter().map(|line| text[*line as usize - 1].as_str()).collect()
        };
        assert!(spoilt("30-fevrier").iter().all(|line| line.starts_with("2025-02-30;")), "{}", file.file);
        assert!(spoilt("volume-negatif").iter().all(|line| line.contains(";-")));
        assert!(spoilt("octets-nuls").iter().all(|line| line.contains('\0')));
        assert!(spoilt("guillemet-ouvert").iter().all(|line| line.matches('"').count() == 1));
        let again = spoilt("lignes-doubles");
        let original = fs::read_to_string(clean.path().join(&file.file)).unwrap();
        assert!(again.iter().all(|line| original.lines().any(|other| other == *line)));
    }
    let giant = report.files[0].defects.iter().find(|defect| defect.name == "ligne-geante").unwrap();
    assert_eq!(giant.lines.len(), 1);
    assert!(report.files[0].bytes > 10 << 20);
    let mobility = &report.files[6];
    assert!(mobility.defects.iter().any(|defect| defect.name == "commune-ambigue" && defect.count == 3));
}

#[test]
fn renamed_zones_are_rejected_whole_and_the_others_are_as_they_were() {
    let (sound_dir, sound) = generated(&small());
    let (dir, report) = generated(&with(&["zones-renommees:3", "lignes-doubles"]));
    for (file, sound) in report.files.iter().zip(&sound.files) {
        let rows = |dir: &Path, spoilt: bool| -> Vec<String> {
            let text = fs::read_to_string(dir.join(&file.file)).unwrap();
            let renamed = [";Secteur Pays Saint Flour;", ";Secteur Pays Salers;", ";Secteur Val Truyère;"];
            let lines = text.lines().filter(|line| renamed.iter().any(|name| line.contains(name)) == spoilt);
            lines.map(|line| line.replace(";Secteur ", ";")).collect()
        };
        let rejected = rows(dir.path(), true);
        assert!(!rejected.is_empty(), "{}", file.file);
        assert_eq!((file.expected.rejected, file.expected.duplicates), (rejected.len() as u64, 3), "{}", file.file);
        let whole: BTreeSet<String> = rows(sound_dir.path(), false).into_iter().collect();
        let left: BTreeSet<String> = rows(dir.path(), false).into_iter().chain(rejected).collect();
        assert_eq!(left, whole, "{}", file.file);
        assert_eq!(file.expected.stored + file.expected.rejected, sound.expected.stored);
    }
}

#[test]
fn a_defect_of_files_spoils_its_own_and_no_other() {
    let defects = Defect::ALL.iter().filter(|defect| {
        matches!(defect.effect(Layout::Weekly), Effect::Missing | Effect::Unusable) && **defect != Defect::DateTronquee
    });
    let names: Vec<&str> = defects.map(|defect| defect.name()).collect();
    assert_eq!(names.len(), 7);
    let (dir, report) = generated(&with(&names));
    let path = |file: &str| dir.path().join(file);
    let text = |file: &str| fs::read_to_string(path(file)).unwrap();
    assert!(!text("duree_sejour.csv").contains("Volume"));
    assert!(text("duree_sejour.csv").lines().all(|line| line.split(';').count() == 5));
    assert!(
        text("duree_sejour_fr.csv").starts_with(
            "Date;ZoneObservation;Provenance;CategorieVisiteur;NomDepartement;DureeSejour;Volume;Volume\n"
        )
    );
    assert_eq!(text("duree_sejour_int.csv"), "");
    assert_eq!(text("frequentation_journee_int.csv").lines().count(), 1);
    assert!(fs::read(path("frequentation_journee_fr.csv")).unwrap().contains(&0));
    assert!(path("frequentation_nuitee_int.csv").is_dir());
    assert!(!path("frequentation_nuitee_fr.csv").exists());
    let sound: Vec<_> = report.files.iter().filter(|f| f.expected.usable).map(|f| f.file.as_str()).collect();
    assert_eq!(sound, ["frequentation_nuitee.csv", "frequentation_journee.csv", "export_mobilite.csv"]);
    assert_eq!(report.totals.files, 8);
}

#[test]
fn a_truncated_day_holds_a_fifth_of_its_lines() {
    let (_whole, sound) = generated(&small());
    let (_dir, report) = generated(&with(&["date-tronquee@duree_sejour_fr.csv"]));
    let (before, after) = (&sound.files[8], &report.files[8]);
    let lost = before.expected.stored - after.expected.stored;
    assert_eq!(after.defects[0].count, lost);
    let (whole, left) = (before.dates["2025-07-09"].rows, after.dates["2025-07-09"].rows);
    assert_eq!(whole - left, lost);
    assert!(left * 4 < whole && left * 7 > whole, "{left} of {whole}");
    assert_eq!(sound.files[7], report.files[7]);
}

#[test]
fn files_of_others_are_never_lost() {
    let (dir, _) = generated(&small());
    // Its own files may be replaced, by others or by nothing.
    generate(&with(&["fichier-absent", "dossier"]), dir.path()).unwrap();
    generate(&small(), dir.path()).unwrap();

    let file = dir.path().join("duree_sejour.csv");
    fs::write(&file, "livraison réelle").unwrap();
    let error = generate(&small(), dir.path()).unwrap_err();
    assert!(error.to_string().ends_with("qui ne sont pas des échantillons intacts : duree_sejour.csv"), "{error}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "livraison réelle");

    generate(&Plan { overwrite: true, ..small() }, dir.path()).unwrap();
    assert!(fs::read_to_string(&file).unwrap().starts_with("Date;"));

    fs::write(dir.path().join(MANIFEST), "{}").unwrap();
    assert!(matches!(generate(&small(), dir.path()), Err(Error::Config { .. })));
}

#[test]
fn a_plan_that_makes_no_sense_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    for plan in [
        Plan { days: 0, ..small() },
        Plan { scale: 0.0, ..small() },
        Plan { scale: f64::NAN, ..small() },
        with(&["commune-ambigue@duree_sejour.csv"]),
        with(&["volume-negatif@autre.csv"]),
        with(&["volume-nul"]),
    ] {
        assert!(matches!(generate(&plan, dir.path()), Err(Error::Usage(_))), "{plan:?}");
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn the_scale_for_a_number_of_lines_gives_about_that_number() {
    for wanted in [6_000, 60_000] {
        let plan = Plan { days: 2, ..small() };
        let scale = scale_for(&plan, wanted);
        let lines = generated(&Plan { scale, ..plan }).1.totals.lines;
        assert!(lines * 10 > wanted * 9 && lines * 10 < wanted * 11, "{lines} for {wanted}");
    }
}

#[test]
fn raw_families_come_in_nested_folders_with_their_calendar_and_places() {
    let plan = Plan {
        from: "2024-12-31".parse().unwrap(),
        days: 2,
        scale: 0.1,
        layout: Layout::Raw,
        zones: ZoneStyle::Old,
        ..Plan::default()
    };
    let (dir, report) = generated(&plan);
    assert_eq!(report.files.len(), 2 * 11 * 21);
    assert_eq!(report.ignored.len(), 2 * 11 * 4);
    let text = |place: &str| fs::read_to_string(dir.path().join(place)).unwrap();
    let nights = text("2024B1/CABA/Nuitee_Departement_2024B1_CABA0.csv");
    let mut lines = nights.lines();
    assert_eq!(
        lines.next().unwrap(),
        "Date;VacancesA;VacancesB;VacancesC;Ferie;JourDeLaSemaine;ZoneObservation;Provenance;CategorieVisiteur;\
         NomDepartement;NomRegion;NomNouvelleRegion;Volume"
    );
    // 31 December 2024: a Tuesday of the Christmas holidays of all zones.
    assert!(lines.clone().all(|line| line.starts_with("2024-12-31;1;1;1;0;mardi;CABA;")));
    assert!(lines.any(|line| line.contains(";Local;Touriste;Cantal;Auvergne;Auvergne-Rhône-Alpes;")));
    // 1 January 2025: a Wednesday, public holiday.
    let places = text("2025B1/CABA/LieuNuitee_Veille_Pays_2025B1_CABA0.csv");
    let (header, rest) = places.split_once('\n').unwrap();
    assert!(
        header.contains("Pays;EPCIZoneNuiteeVeille;CodeInseeNuiteeVeille;ZoneNuiteeVeille;DeptZoneNuiteeVeille;Volume")
    );
    assert!(rest.lines().all(|line| line.starts_with("2025-01-01;1;1;1;1;mercredi;CABA;Etranger;")));
    assert!(text("2024B1/CABA/SejourDuree_2024B1_CABA0.csv").contains("DureeSejour;DureeSejourNum;Volume"));
    assert!(dir.path().join("2024B1/CABA/Nuitee_Semaine_2024B1_CABA0.csv").is_file());

    let volumes = |family: &str| -> u64 {
        report.files.iter().filter(|file| file.family == family).map(|file| file.volume).sum()
    };
    let families = ["LieuActivite_Soir", "LieuActivite_Veille", "LieuNuitee_Soir", "LieuNuitee_Veille"];
    let distinct: std::collections::BTreeSet<_> = families.iter().map(|family| volumes(family)).collect();
    assert_eq!(distinct.len(), 4, "no family is the copy of another");

    let second = generate(&Plan { revision: 1, ..plan }, dir.path()).unwrap();
    assert!(second.files[0].file.starts_with("2024B2/"));
    assert_eq!(second.earlier.len(), 2 * 11 * 25, "the first delivery is still there and still ours");
}
