//! `extract-only`: zip deliveries of strangers, wholly unpacked or refused.

use std::os::unix::fs::PermissionsExt;
use support::trouble;

use flux_test::{Home, Outcome};
use serde_json::json;
use support::archive::zip_of;
use support::weekly::Sane;

/// An entry written byte by byte, for archives that no library would write.
struct Entry {
    name: Vec<u8>,
    content: Vec<u8>,
    /// Bit 11: the name is UTF-8. Bit 0: encrypted.
    flags: u16,
    /// Unix mode.
    mode: u32,
}

fn entry(name: impl AsRef<[u8]>, content: &[u8]) -> Entry {
    Entry { name: name.as_ref().to_vec(), content: content.to_vec(), flags: 0, mode: 0o100_644 }
}

/// The checksum of the format (ISO 3309), bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = !0u32;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}

/// A zip of stored entries, laid out as APPNOTE 4.3 says.
fn archive(entries: &[Entry]) -> Vec<u8> {
    let (mut body, mut directory) = (Vec::new(), Vec::new());
    let half = |out: &mut Vec<u8>, value: u16| out.extend(value.to_le_bytes());
    let word = |out: &mut Vec<u8>, value: u32| out.extend(value.to_le_bytes());
    for entry in entries {
        let at = body.len() as u32;
        let common = |out: &mut Vec<u8>| {
            half(out, 20);
            half(out, entry.flags);
            half(out, 0);
            half(out, 0);
            half(out, 0x5821);
            word(out, crc32(&entry.content));
            word(out, entry.content.len() as u32);
            word(out, entry.content.len() as u32);
            half(out, entry.name.len() as u16);
            half(out, 0);
        };
        word(&mut body, 0x0403_4b50);
        common(&mut body);
        body.extend(&entry.name);
        body.extend(&entry.content);
        word(&mut directory, 0x0201_4b50);
        half(&mut directory, 3 << 8 | 20);
        common(&mut directory);
        half(&mut directory, 0);
        half(&mut directory, 0);
        half(&mut directory, 0);
        word(&mut directory, entry.mode << 16);
        word(&mut directory, at);
        directory.extend(&entry.name);
    }
    let (start, size) = (body.len() as u32, directory.len() as u32);
    body.extend(directory);
    word(&mut body, 0x0605_4b50);
    half(&mut body, 0);
    half(&mut body, 0);
    half(&mut body, entries.len() as u16);
    half(&mut body, entries.len() as u16);
    word(&mut body, size);
    word(&mut body, start);
    half(&mut body, 0);
    body
}

/// An archive whose second entry says that it has so many bytes more than it has.
fn lying(more: i32) -> Vec<u8> {
    let mut bytes = archive(&[entry("bon.csv", b"good"), entry("faux.csv", b"faux")]);
    let content = crc32(b"faux").to_le_bytes();
    for at in 0..bytes.len() - 12 {
        if bytes[at..].starts_with(&content) {
            let size = (4 + more) as u32;
            bytes[at + 8..at + 12].copy_from_slice(&size.to_le_bytes());
        }
    }
    bytes
}

/// Nothing but the directory of `count` entries, with the end that zip64 needs for so many.
fn directory(count: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    for number in 0..count {
        bytes.extend(0x0201_4b50u32.to_le_bytes());
        bytes.extend([20, 3, 20, 0]);
        bytes.extend([0; 20]);
        bytes.extend(8u16.to_le_bytes());
        bytes.extend([0; 16]);
        bytes.extend(format!("{number:08}").bytes());
    }
    let size = bytes.len() as u64;
    bytes.extend(0x0606_4b50u32.to_le_bytes());
    bytes.extend(44u64.to_le_bytes());
    bytes.extend([45, 0, 45, 0]);
    bytes.extend([0; 8]);
    for value in [count, count, size, 0] {
        bytes.extend(value.to_le_bytes());
    }
    bytes.extend(0x0706_4b50u32.to_le_bytes());
    bytes.extend(0u32.to_le_bytes());
    bytes.extend(size.to_le_bytes());
    bytes.extend(1u32.to_le_bytes());
    bytes.extend(0x0605_4b50u32.to_le_bytes());
    bytes.extend([0; 4]);
    bytes.extend([0xff; 12]);
    bytes.extend([0; 2]);
    bytes
}

/// A directory before more than the longest comment, and then the end of an archive that is none.
fn hidden() -> Vec<u8> {
    let mut end = archive(&[entry("x", b"")]);
    // The name in the directory, 47 bytes before the end of 22 bytes, is said to go on for 65 535.
    let at = end.len() - 22 - 47 + 28;
    end[at..at + 2].copy_from_slice(&[0xff; 2]);
    [directory(400_000), vec![b' '; 70_000], end].concat()
}

/// A zip as a library writes it, compressed.
fn deflated(name: &str, content: &[u8]) -> Vec<u8> {
    zip_of([(name, content)])
}

fn run(home: &Home, args: &[&str]) -> Outcome {
    home.tool("extract-only").arg("--json").args(args).run().sane()
}

/// All files below the folder that deliveries are unpacked into, hidden ones aside.
fn tree(home: &Home) -> Vec<String> {
    fn walk(home: &Home, folder: &str, found: &mut Vec<String>) {
        for name in home.list(format!("data/data_extracted/{folder}")) {
            let place = format!("{folder}{name}");
            if name.starts_with(".extractions.") {
                continue;
            }
            if home.join(format!("data/data_extracted/{place}")).is_dir() {
                walk(home, &format!("{place}/"), found);
            } else {
                found.push(place);
            }
        }
    }
    let mut found = Vec::new();
    walk(home, "", &mut found);
    found.sort();
    found
}

#[test]
fn folders_separators_and_names_of_every_code_page() {
    let home = Home::without_db();
    let mut utf8 = entry("2024B1/Châtaigneraie/Nuitee_2024B1_CHÂT.csv", b"a");
    utf8.flags = 1 << 11;
    home.write(
        "data/livraison.zip",
        archive(&[
            utf8,
            entry("2024B1\\CABA\\Nuitee_2024B1_CABA0.csv", b"bb"),
            // é is 0x82 in code page 437.
            entry(b"2024B1/Carlad\x82s/Nuitee_2024B1_X.csv", b"ccc"),
            // UTF-8 that does not say so.
            entry("2024B1/Val Truyère/Nuitee_2024B1_Y.csv", b"dddd"),
            Entry { mode: 0o040_755, ..entry("vide/", b"") },
            entry("__MACOSX/._x.csv", b"junk"),
            // Made by DOS: no mode at all.
            Entry { mode: 0, ..entry("NUITEE.CSV", b"eeeee") },
        ]),
    );
    let json = run(&home, &[]).expect_code(0).json();
    let report = &json["archives"][0];
    assert_eq!(
        (&report["status"], &report["files"], &report["bytes"], &report["left_out"]),
        (&json!("extracted"), &json!(5), &json!(15), &json!(1))
    );
    assert_eq!(
        tree(&home),
        [
            "livraison/2024B1/CABA/Nuitee_2024B1_CABA0.csv",
            "livraison/2024B1/Carladés/Nuitee_2024B1_X.csv",
            "livraison/2024B1/Châtaigneraie/Nuitee_2024B1_CHÂT.csv",
            "livraison/2024B1/Val Truyère/Nuitee_2024B1_Y.csv",
            "livraison/NUITEE.CSV"
        ]
    );
    assert_eq!(home.read("data/data_extracted/livraison/2024B1/CABA/Nuitee_2024B1_CABA0.csv"), "bb");
}

#[test]
fn an_archive_is_unpacked_once_by_its_content() {
    let home = Home::without_db();
    home.write("data/a.zip", deflated("x.csv", b"un"));
    assert_eq!(run(&home, &[]).expect_code(0).json()["archives"][0]["status"], "extracted");
    home.write("data/data_extracted/a/x.csv", "corrected by hand");
    home.write("ftp_downloads/copie.zip", deflated("x.csv", b"un"));
    let json = run(&home, &[]).expect_code(0).json();
    assert_eq!((&json["archives"][0]["status"], &json["archives"][1]["status"]), (&json!("known"), &json!("known")));
    assert_eq!(home.read("data/data_extracted/a/x.csv"), "corrected by hand");
    // Another content under the old name is another delivery, and replaces the file.
    home.write("data/a.zip", deflated("x.csv", b"deux"));
    run(&home, &[]).expect_code(0);
    assert_eq!(home.read("data/data_extracted/a/x.csv"), "deux");
    run(&home, &["--force", home.join("ftp_downloads/copie.zip").to_str().unwrap()]).expect_code(0);
    assert_eq!(tree(&home), ["a/x.csv", "copie/x.csv"]);
}

#[test]
fn archives_within_archives() {
    let home = Home::without_db();
    let inner = deflated("Nuitee_2024B1_X.csv", b"a");
    let middle = archive(&[entry("caba.zip", &inner), entry("autre/caba.ZIP", &inner)]);
    home.write("data/tout.zip", archive(&[entry("2024B1/zones.zip", &middle), entry("lisez-moi.txt", b"b")]));
    let json = run(&home, &[]).expect_code(0).json();
    assert_eq!(json["archives"][0]["files"], 3);
    assert_eq!(
        tree(&home),
        [
            "tout/2024B1/zones/autre/caba/Nuitee_2024B1_X.csv",
            "tout/2024B1/zones/caba/Nuitee_2024B1_X.csv",
            "tout/lisez-moi.txt"
        ]
    );
    let mut deep = inner;
    for _ in 0..4 {
        deep = archive(&[entry("x.zip", &deep)]);
    }
    home.write("data/profond.zip", deep);
    let json = run(&home, &[home.join("data/profond.zip").to_str().unwrap()]).expect_code(1).json();
    assert!(json["archives"][0]["error"].as_str().unwrap().contains("imbriquées"), "{json}");
}

#[test]
fn a_cut_archive_does_not_pass_for_the_one_within_it() {
    let inner = deflated("Diurne_Pays_2025B1_Y.csv", b"y");
    let whole = archive(&[entry("nord.zip", &deflated("Diurne_Pays_2025B1_X.csv", b"x")), entry("sud.zip", &inner)]);
    let after = whole.windows(inner.len()).position(|bytes| bytes == inner).unwrap() + inner.len();
    for length in [after, after + 30, whole.len() - 22, whole.len() - 1] {
        let home = Home::without_db();
        home.write("data/coupee.zip", &whole[..length]);
        let json = run(&home, &[]).expect_code(1).json();
        let error = json["archives"][0]["error"].as_str().unwrap();
        assert!(error.contains("coupée") && error.contains("redemandez-la"), "{length}: {error}");
        assert_eq!(tree(&home), [""; 0], "{length}");
    }
    // Some transfers fill up the last block.
    let home = Home::without_db();
    home.write("data/entiere.zip", [whole, vec![0; 300]].concat());
    run(&home, &[]).expect_code(0);
    assert_eq!(tree(&home), ["entiere/nord/Diurne_Pays_2025B1_X.csv", "entiere/sud/Diurne_Pays_2025B1_Y.csv"]);
}

#[test]
fn what_could_do_harm_refuses_the_whole_archive() {
    let good = || entry("bon.csv", b"good");
    let mut encrypted = entry("secret.csv", b"xxxxxxxxxxxxxxxx");
    encrypted.flags = 1;
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("traversee", archive(&[good(), entry("../../evade.csv", b"x")]), "remonte"),
        ("traversee_dos", archive(&[good(), entry("a\\..\\..\\evade.csv", b"x")]), "remonte"),
        ("absolu", archive(&[good(), entry("/tmp/flux_evade.csv", b"x")]), "absolu"),
        ("absolu_dos", archive(&[good(), entry("\\evade.csv", b"x")]), "absolu"),
        ("lecteur", archive(&[good(), entry("C:\\evade.csv", b"x")]), "absolu"),
        ("lien", archive(&[good(), Entry { mode: 0o120_777, ..entry("lien", b"/etc/passwd") }]), "lien symbolique"),
        ("tube", archive(&[good(), Entry { mode: 0o010_644, ..entry("tube", b"") }]), "fichier spécial"),
        ("double", archive(&[good(), entry("BON.csv", b"other")]), "deux fois"),
        ("chiffre", archive(&[good(), encrypted]), "mot de passe"),
        ("imbrique", archive(&[good(), entry("i.zip", &archive(&[entry("../../../evade.csv", b"x")]))]), "remonte"),
        ("tronque", archive(&[good()])[..60].to_vec(), "illisible"),
        ("texte", b"ceci n'est pas un zip".to_vec(), "illisible"),
        ("vide", Vec::new(), "illisible"),
        ("double_exact", archive(&[good(), entry("bon.csv", b"other")]), "deux fois"),
        ("nul", archive(&[good(), entry("a\0.csv", b"x")]), "caractère de contrôle"),
        ("controle", archive(&[good(), entry("a\x1b[2J\n.csv", b"x")]), "caractère de contrôle"),
        ("reseau", archive(&[good(), entry("\\\\serveur\\evade.csv", b"x")]), "absolu"),
        ("fichier_et_dossier", archive(&[good(), entry("bon.csv/evade.csv", b"x")]), "et comme dossier"),
        ("points", archive(&[good(), entry("a/.. /evade.csv", b"x")]), "points"),
        ("trop_long", archive(&[good(), entry("x".repeat(300), b"x")]), "trop long"),
        ("profond", archive(&[good(), entry("a/".repeat(40) + "x.csv", b"x")]), "trop imbriqués"),
        ("sans_fin", archive(&[good()])[..100].to_vec(), "illisible"),
        ("cent_mille", directory(200_000), "entrées"),
        // Where one looks first there is an end that leads nowhere.
        ("cent_mille_cachees", hidden(), ""),
        ("mensonge_court", lying(-1), ""),
        ("mensonge_long", lying(1_000_000), ""),
        ("bombe", deflated("zeros.csv", &vec![b'0'; 40 << 20]), "fois sa taille"),
        (
            "bombe_imbriquee",
            archive(&[good(), entry("b.zip", &deflated("z.csv", &vec![0; 40 << 20]))]),
            "fois sa taille",
        ),
    ];
    let mut broken = archive(&[good(), entry("abime.csv", b"contenu")]);
    let at = broken.windows(7).position(|bytes| bytes == b"contenu").unwrap();
    broken[at] ^= 1;
    for (name, bytes, why) in cases.into_iter().chain([("somme", broken, "illisible")]) {
        let home = Home::without_db();
        home.write(format!("data/{name}.zip"), bytes);
        // A good one beside it is unpacked all the same.
        home.write("data/zz.zip", deflated("bon.csv", b"good"));
        let outcome = run(&home, &[]).expect_code(1);
        let json = outcome.json();
        assert_eq!(
            (&json["archives"][0]["status"], &json["archives"][1]["status"]),
            (&json!("failed"), &json!("extracted")),
            "{name}"
        );
        let error = json["archives"][0]["error"].as_str().unwrap();
        assert!(error.contains(why), "{name}: {error}");
        assert_eq!(tree(&home), ["zz/bon.csv"], "{name}");
        assert!(!home.join("evade.csv").exists() && !home.join("data/evade.csv").exists(), "{name}");
        assert!(!std::path::Path::new("/tmp/flux_evade.csv").exists());
        assert!(outcome.peak_rss_kib < 64 * 1024, "{name}: {} KiB", outcome.peak_rss_kib);
    }
}

#[test]
fn what_a_revised_delivery_no_longer_holds_stays_and_is_told() {
    let home = Home::without_db();
    let first = archive(&[
        entry("a/Nuitee_2024B1_X.csv", b"1"),
        entry("a/l'ancien.csv", b"2"),
        entry("Diurne_2024B1_X.csv", b"3"),
    ]);
    home.write("data/livraison.zip", first);
    let json = run(&home, &[]).expect_code(0).json();
    assert_eq!(json["archives"][0]["left_behind"], json!([]));
    home.write("data/livraison.zip", archive(&[entry("a/Nuitee_2024B1_X.csv", b"11")]));
    home.write("data/data_extracted/livraison/.mis_de_cote/x.csv", "kept");
    let expected = json!(["Diurne_2024B1_X.csv", "a/l'ancien.csv"]);
    assert_eq!(run(&home, &["--dry-run"]).expect_code(3).json()["archives"][0]["left_behind"], expected);
    let outcome = home.tool("extract-only").run().sane().expect_code(3);
    assert_eq!(home.read("data/data_extracted/livraison/a/Nuitee_2024B1_X.csv"), "11");
    assert_eq!(home.read("data/data_extracted/livraison/a/l'ancien.csv"), "2", "nothing is deleted");
    // The command that is shown is one that a shell runs.
    let command = outcome.stdout.lines().find_map(|line| line.split_once("cd ")).expect("a command").1;
    let shell = flux_test::Tool::program("/bin/sh").home(&home).args(["-c", &format!("cd {command}")]);
    shell.run().expect_code(0);
    assert_eq!(tree(&home), ["livraison/.mis_de_cote/x.csv", "livraison/a/Nuitee_2024B1_X.csv"]);
    let args = ["--force", home.join("data/livraison.zip").to_str().unwrap()].map(str::to_owned);
    let json = run(&home, &args.each_ref().map(String::as_str)).expect_code(0).json();
    assert_eq!(json["archives"][0]["left_behind"], json!([]));
}

#[test]
fn a_full_disk_leaves_nothing_of_the_archive_and_the_next_run_unpacks_it() {
    let home = Home::without_db();
    let content: Vec<u8> = (0..40_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    home.write("data/a.zip", archive(&[entry("bon.csv", b"good"), entry("gros.csv", &content)]));
    let json = trouble::on_a_full_disk(&home, "extract-only").arg("--json").run().sane().expect_code(1).json();
    assert!(json["archives"][0]["error"].as_str().unwrap().contains("écriture"), "{json}");
    assert!(tree(&home).is_empty());
    run(&home, &[]).expect_code(0);
    assert_eq!(tree(&home), ["a/bon.csv", "a/gros.csv"]);
}

#[test]
fn limits_folders_that_are_links_and_a_dry_run() {
    let home = Home::without_db();
    home.write("data/a.zip", deflated("x/y.csv", &vec![b'0'; 20 << 20]));
    run(&home, &["--dry-run", "--max-ratio", "2000"]).expect_code(0);
    assert!(tree(&home).is_empty());
    run(&home, &["--max-ratio", "2000"]).expect_code(0);
    assert_eq!(tree(&home), ["a/x/y.csv"]);
    // The folder of the target leads elsewhere.
    let home = Home::without_db();
    home.write("data/a.zip", deflated("x/y.csv", b"1"));
    std::fs::create_dir_all(home.join("ailleurs")).unwrap();
    std::fs::create_dir_all(home.join("data/data_extracted/a")).unwrap();
    std::os::unix::fs::symlink(home.join("ailleurs"), home.join("data/data_extracted/a/x")).unwrap();
    run(&home, &[]).expect_code(1);
    assert!(home.list("ailleurs").is_empty());
    run(&home, &[home.join("absent.zip").to_str().unwrap()]).expect_code(1);
}

/// Every path below the home folder, logs aside, with what can be seen of it.
fn everything(home: &Home) -> Vec<String> {
    let find = ["-c", "find . -mindepth 1 -path ./logs -prune -o -printf '%p %s %m %T@\\n' | sort"];
    let found = flux_test::Tool::program("/bin/sh").home(home).args(find).run().expect_code(0);
    found.stdout.lines().map(str::to_owned).collect()
}

#[test]
fn a_dry_run_finds_everything_and_leaves_no_trace() {
    let home = Home::without_db();
    let inner = archive(&[entry("dedans.csv", b"123")]);
    home.write("data/bon.zip", archive(&[entry("a.csv", b"12"), entry("autre.zip", &inner)]));
    home.write("data/faux.zip", lying(1));
    // A name cannot be a file and a folder; a run that keeps nothing must find that too.
    home.write("data/double.zip", archive(&[entry("a", b"1"), entry("a/b", b"2")]));
    // What a run that was killed has left is for the next real run.
    home.write("data/data_extracted/.extraction/reste.csv", "moitié");
    let elsewhere = home.join("ailleurs/dehors");
    let before = everything(&home);
    let json = run(&home, &["--dry-run"]).expect_code(1).json();
    let output = ["--dry-run", "--output", elsewhere.to_str().unwrap()];
    run(&home, &output).expect_code(1);
    assert_eq!(everything(&home), before);
    let found = json["archives"].as_array().unwrap();
    let status = |name: &str| {
        found.iter().find(|archive| archive["archive"].as_str().unwrap().ends_with(name)).map(|a| a["status"].clone())
    };
    assert_eq!(status("bon.zip"), Some(json!("extracted")));
    assert_eq!((status("faux.zip"), status("double.zip")), (Some(json!("failed")), Some(json!("failed"))));
    // 2 + 3 bytes in two files; the inner archive itself is not kept.
    let good = found.iter().find(|archive| archive["status"] == "extracted").unwrap();
    assert_eq!((&good["files"], &good["bytes"]), (&json!(2), &json!(5)));
    assert_eq!(run(&home, &[]).expect_code(1).json()["archives"].as_array().unwrap().len(), found.len());
    assert_eq!(tree(&home), ["bon/a.csv", "bon/autre/dedans.csv"]);
}

#[test]
fn killed_on_the_way_it_starts_over() {
    let home = Home::without_db();
    let line = b"2024-07-08;Cantal;Local;Touriste;12\n";
    let mut content = Vec::new();
    for number in 0..400_000u32 {
        content.extend_from_slice(line);
        content.extend(number.wrapping_mul(2_654_435_761).to_string().bytes());
    }
    home.write("data/gros.zip", deflated("Nuitee_2024B1_X.csv", &content));
    home.tool("extract-only").fail_at("file.publish", "kill").run().expect_code(137);
    assert!(home.join("data/data_extracted/.extraction").exists());
    assert!(!home.join("data/data_extracted/gros/Nuitee_2024B1_X.csv").exists());
    run(&home, &[]).expect_code(0);
    assert_eq!(std::fs::read(home.join("data/data_extracted/gros/Nuitee_2024B1_X.csv")).unwrap(), content);
    assert!(!home.join("data/data_extracted/.extraction").exists());
    let mode =
        std::fs::metadata(home.join("data/data_extracted/gros/Nuitee_2024B1_X.csv")).unwrap().permissions().mode();
    assert_eq!(mode & 0o111, 0);
}

#[test]
fn two_archives_of_one_name_do_not_overwrite_each_other() {
    let home = Home::without_db();
    home.write("data/cantal/livraison.zip", archive(&[entry("a.csv", b"first")]));
    home.write("data/lozere/livraison.zip", archive(&[entry("a.csv", b"second")]));
    for args in [&["--dry-run"][..], &[], &["--force"]] {
        let json = run(&home, args).expect_code(1).json();
        let archives = json["archives"].as_array().unwrap();
        assert_eq!(archives[1]["code"], "file-unusable", "{json}");
        assert!(archives[1]["error"].as_str().unwrap().contains("cantal"), "{json}");
    }
    assert_eq!(home.read("data/data_extracted/livraison/a.csv"), "first");
    // The same delivery again, with a mended file, replaces it.
    std::fs::remove_file(home.join("data/lozere/livraison.zip")).unwrap();
    home.write("data/cantal/livraison.zip", archive(&[entry("a.csv", b"mended")]));
    run(&home, &[]).expect_code(0);
    assert_eq!(home.read("data/data_extracted/livraison/a.csv"), "mended");
}

#[test]
fn an_extraction_that_is_killed_leaves_the_whole_or_nothing() {
    let home = Home::without_db();
    home.write("data/livraison.zip", archive(&[entry("a.csv", b"a"), entry("b.csv", b"b"), entry("c/d.csv", b"d")]));
    for n in 1..10 {
        let outcome = home.tool("extract-only").fail_at(&format!("file.publish:{n}"), "kill").run();
        let place = home.join("data/data_extracted/livraison");
        assert!(!place.exists() || tree(&home).len() == 3, "{n}: {:?}", tree(&home));
        if outcome.code == 0 {
            assert!(n > 1, "the place is passed once at least");
            return;
        }
    }
    panic!("never done");
}

#[test]
fn a_compression_that_is_not_read_is_explained() {
    let home = Home::without_db();
    let mut zip = archive(&[entry("a.csv", b"a;b\n1;2\n")]);
    // Method 9 in the local header and in the directory: Deflate64.
    let central = zip.windows(4).position(|bytes| bytes == b"PK\x01\x02").unwrap();
    (zip[8], zip[central + 10]) = (9, 9);
    home.write("data/gros.zip", zip);
    let json = run(&home, &[]).expect_code(1).json();
    let error = json["archives"][0]["error"].as_str().unwrap();
    assert!(error.contains("Deflate64") && error.contains("7-Zip") && !error.contains("not supported"), "{error}");
}

/// Who finds nothing says where it looked: the archive may lie a folder further.
#[test]
fn where_nothing_was_found_the_folders_that_were_looked_at_are_named() {
    let home = Home::without_db();
    home.write("livraisons/B1.zip", archive(&[entry("a.csv", b"1")]));
    home.write("fluxvision_automation/data/data_zip/lisez-moi.txt", "vide");
    let legacy = home.join("fluxvision_automation/data/data_zip");
    let (data, empty) = (home.join("data"), home.join("livraisons/vides"));
    std::fs::create_dir(&empty).unwrap();
    let json = run(&home, &[]).expect_code(0).json();
    let places =
        |places: &[&std::path::Path]| json!(places.iter().map(|p| p.display().to_string()).collect::<Vec<_>>());
    assert_eq!((&json["searched"], &json["archives"]), (&places(&[&data, &legacy]), &json!([])));
    let text = home.tool("extract-only").run().expect_code(0).expect_stdout("cherché dans");
    let text = text.expect_stdout(&data.display().to_string());
    assert!(text.stdout.contains("→ déposez"), "{}", text.stdout);
    let json = run(&home, &[empty.to_str().unwrap()]).expect_code(0).json();
    assert_eq!(json["searched"], json!([empty.display().to_string()]));
    let json = run(&home, &["livraisons"]).expect_code(0).json();
    assert_eq!((&json["searched"], &json["archives"][0]["status"]), (&json!(["livraisons"]), &json!("extracted")));
}
