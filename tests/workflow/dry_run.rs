//! Every tool that has `--dry-run`, once: it says that it is a simulation, speaks in the conditional, and leaves all as it was.

use std::process::Command;

use flux_test::Tool;
use support::weekly::{BASE, FR, MOBILITY, STAY, STAY_FR, STAY_INT, Sane, World};

/// What a tool needs beside `--dry-run` to find something to do here.
fn arguments(tool: &str) -> &'static [&'static str] {
    match tool {
        "cache-admin" => &["purge"],
        "cleanup-old-cache" => &["--max-age", "0"],
        "cleanup-year" => &["--year", "2024"],
        "ensure-schema" => &["--seed"],
        "improve-response" => &["--apply"],
        "manage-periodes" => {
            &["add", "--code", "festival", "--name", "Festival", "--from", "2025-08-20", "--to", "2025-08-24"]
        }
        "merge-dimension" => &["--dim", "zones", "--on-conflict", "sum"],
        "merge-zones" => &["--on-conflict", "sum"],
        "rotate-logs" => &["--force"],
        "verifier-saisons" => &["--repair"],
        _ => &[],
    }
}

/// Participles that tell what was done; a dry run may use them after `serait` and `seraient` only.
const DONE: [&str; 20] = [
    "ajouté",
    "analysé",
    "archivé",
    "changé",
    "chargé",
    "compressé",
    "corrigé",
    "créé",
    "enregistré",
    "extrait",
    "gardé",
    "migré",
    "remplacé",
    "restauré",
    "retiré",
    "réuni",
    "sauvegardé",
    "supprimé",
    "tourné",
    "vidé",
];

fn names() -> Vec<String> {
    let list = Tool::new("flux").args(["list", "--names"]).run().expect_code(0);
    let has_option = |name: &&str| Tool::new(name).arg("--help").run().expect_code(0).stdout.contains("--dry-run");
    // These two need a portal and a password; their own tests look at their dry runs.
    let elsewhere = ["download-deliveries", "portal-users"];
    list.stdout.lines().filter(|name| !elsewhere.contains(name)).filter(has_option).map(str::to_owned).collect()
}

/// A home in which each of them has something to do.
fn busy() -> World {
    let world = World::whole();
    let deliver = |date: &str| {
        world.csv("frequentation_nuitee.csv", BASE, &[&format!("{date};Cantal;Local;Touriste;5")]);
        world.csv("export_mobilite.csv", MOBILITY, &[&format!("{date};Cantal;Local;Touriste;Aurillac;5")]);
        world.csv("frequentation_nuitee_fr.csv", FR, &[&format!("{date};Cantal;NonLocal;Touriste;Loire;5")]);
        world.csv("duree_sejour.csv", STAY, &[&format!("{date};Cantal;Local;Touriste;2 nuits;5")]);
        world.csv("duree_sejour_fr.csv", STAY_FR, &[&format!("{date};Cantal;NonLocal;Touriste;Loire;2 nuits;5")]);
        world.csv("duree_sejour_int.csv", STAY_INT, &[&format!("{date};Cantal;Etranger;Touriste;Espagne;2 nuits;5")]);
    };
    deliver("2025-07-01");
    world.tool("update-temp-tables").run().expect_code(3);
    deliver("2025-07-08");
    world.raw("Nuitee_2024B1_X.csv", BASE, &["2024-07-08;Cantal;Local;Touriste;1"]);
    world.home.write("data/vide.zip", [b"PK\x05\x06".as_slice(), &[0; 18]].concat());
    world.home.write("cache/infographie/a.json", "{}");
    world.home.write("logs/portail.log", "une ligne\n");
    world.db.exec(
        "INSERT INTO dim_zones_observation (id_zone, nom_zone) VALUES (20, 'CABA');
         INSERT INTO fact_nuitees (date, id_zone, id_provenance, id_categorie, volume, is_provisional) VALUES
         ('2024-07-01', 20, 1, 1, 3, 0), ('2024-07-02', 1, 1, 1, 3, 0)",
    );
    world.tool("update-saisons").args(["--from", "2024", "--to", "2025"]).run().expect_code(0);
    world.tool("backup-critical").run().expect_code(0);
    world
}

/// Tables with their checksums, files with their sizes; the tools write their own logs.
fn everything(world: &World) -> (Vec<Vec<String>>, String) {
    let tables = world.db.column(
        "SELECT table_name AS t FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY table_name",
    );
    let checksums = world.db.rows(&format!("CHECKSUM TABLE {}", tables.join(", ")));
    let files = Command::new("find")
        .arg(world.home.path())
        .args([
            "-type",
            "f",
            "(",
            "-not",
            "-path",
            "*/logs/*",
            "-o",
            "-name",
            "portail*",
            ")",
            "-printf",
            "%p %s %T@\n",
        ])
        .output()
        .unwrap();
    (checksums, String::from_utf8(files.stdout).unwrap())
}

/// Words that say that something was done.
fn past(text: &str) -> Vec<&str> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let is_done = |word: &str| {
        let stem = word.trim_matches(|c: char| !c.is_alphanumeric());
        DONE.iter().any(|done| ["", "s", "e", "es"].iter().any(|end| stem.strip_suffix(end) == Some(done)))
    };
    let conditional = |word: &&str| ["serait", "seraient"].contains(word);
    let pairs = std::iter::once("").chain(words.iter().copied()).zip(words.iter().copied());
    pairs.filter(|(before, word)| is_done(word) && !conditional(before)).map(|(_, word)| word).collect()
}

#[test]
fn every_dry_run_says_what_would_be_done_and_does_nothing() {
    let world = busy();
    let tools = names();
    assert!(tools.len() >= 26, "{tools:?}");
    let before = everything(&world);
    for tool in &tools {
        let run = |more: &[&str]| world.tool(tool).args(arguments(tool)).arg("--dry-run").args(more).run().sane();
        let outcome = run(&[]);
        assert!([0, 3].contains(&outcome.code), "{outcome}");
        let text = &outcome.stdout;
        assert!(text.starts_with("Simulation") && text.matches("imulation").count() == 1, "{outcome}");
        assert!(text.contains("serait ") || text.contains("seraient "), "{outcome}");
        assert_eq!(past(text), Vec::<&str>::new(), "{outcome}");
        let json = run(&["--json"]).json();
        assert!(json["dry_run"] == true || json["repair"]["dry_run"] == true, "{tool}: {json}");
        assert_eq!(everything(&world), before, "{tool}");
    }
}
