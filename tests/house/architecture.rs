//! The shape of the house, read from its source: within `flux-core` imports only go down the layers, and no two files of a crate
//! import each other, directly or in a circle.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Modules of `flux-core` from the lowest up: each may import only those before it.
const LAYERS: &[&str] = &[
    "signals",
    "error",
    "failpoint",
    "threads",
    "settings",
    "progress",
    "domain",
    "csv",
    "files",
    "db",
    "task",
    "schema",
    "ledger",
    "dims",
    "accounts",
    "load",
    "saisons",
    "extract",
    "download",
    "migrate",
    "figures",
    "inspect",
    "explain",
    "zones",
    "setup",
    "backup",
    "upkeep",
    "health",
    "adoption",
];

fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().find(|folder| folder.join("Cargo.lock").is_file()).unwrap().to_path_buf()
}

/// A source file: its module path within its crate, and the paths that it imports, test modules aside.
struct Source {
    file: PathBuf,
    module: Vec<String>,
    imports: BTreeSet<Vec<String>>,
}

fn sources(crate_root: &Path) -> Vec<Source> {
    let is_source = |path: &PathBuf| path.extension().is_some_and(|end| end == "rs") && !path.ends_with("tests.rs");
    crate::files_below(crate_root).into_iter().filter(is_source).map(|path| source(crate_root, path)).collect()
}

fn source(crate_root: &Path, file: PathBuf) -> Source {
    let relative = file.strip_prefix(crate_root).unwrap().with_extension("");
    let mut module: Vec<String> = relative.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
    if ["mod", "lib", "main"].contains(&module.last().unwrap().as_str()) {
        module.pop();
    }
    let text = fs::read_to_string(&file).unwrap();
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    let code: String = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let mut imports = BTreeSet::new();
    for (start, _) in code.match_indices("crate::").chain(code.match_indices("super::")) {
        // `flux_crate::` or the middle of a longer path is something else.
        if code[..start].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':') {
            continue;
        }
        for path in flattened(&code[start..]) {
            imports.insert(absolute(&module, path));
        }
    }
    Source { file, module, imports }
}

/// The paths of a use tree, or the one path, at the beginning of `text`.
fn flattened(text: &str) -> Vec<Vec<String>> {
    let mut end = 0;
    let mut depth = 0;
    for (at, c) in text.char_indices() {
        match c {
            '{' if text[..at].ends_with("::") => depth += 1,
            '}' if depth > 0 => depth -= 1,
            c if c.is_alphanumeric() || c == '_' || c == ':' => {}
            ',' | ' ' | '\n' | '*' if depth > 0 => {}
            _ => break,
        }
        end = at + c.len_utf8();
    }
    let mut paths = Vec::new();
    expand(&text[..end], &[], &mut paths);
    paths
}

fn expand(tree: &str, before: &[String], paths: &mut Vec<Vec<String>>) {
    let tree = tree.trim();
    let Some(open) = tree.find('{') else {
        let parts = tree.split(" as ").next().unwrap().split("::").map(str::trim).filter(|part| !part.is_empty());
        paths.push(before.iter().cloned().chain(parts.map(str::to_owned)).collect());
        return;
    };
    let mut prefix = before.to_vec();
    prefix.extend(tree[..open].split("::").map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned));
    let inner = tree[open + 1..].trim_end().trim_end_matches('}');
    let (mut depth, mut from) = (0, 0);
    for (at, c) in inner.char_indices().chain([(inner.len(), ',')]) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                if !inner[from..at].trim().is_empty() {
                    expand(&inner[from..at], &prefix, paths);
                }
                from = at + 1;
            }
            _ => {}
        }
    }
}

fn absolute(module: &[String], path: Vec<String>) -> Vec<String> {
    let mut base: Vec<String> = Vec::new();
    let mut rest = path.into_iter().peekable();
    if rest.next_if(|part| part == "crate").is_none() {
        base = module.to_vec();
        while rest.next_if(|part| part == "super").is_some() {
            base.pop();
        }
    }
    base.into_iter().chain(rest.filter(|part| part != "self")).collect()
}

#[test]
fn imports_only_go_down_the_layers() {
    let layer = |name: &str| LAYERS.iter().position(|known| *known == name);
    let mut wrong = BTreeSet::new();
    for source in sources(&root().join("crates/flux-core/src")) {
        let Some(own) = source.module.first() else { continue };
        let Some(height) = layer(own) else {
            wrong.insert(format!("{own} has no layer: give it one in {}", file!()));
            continue;
        };
        for other in source.imports.iter().filter_map(|path| path.first()).filter(|other| *other != own) {
            if layer(other).is_some_and(|other| other > height) {
                wrong.insert(format!("{} imports {other}, which lies above {own}", source.file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let root = root();
    let crates =
        ["flux-report", "flux-core", "flux-cli", "flux-client", "flux-portal", "flux-sample", "flux-test", "flux"]
            .map(|name| format!("crates/{name}/src"));
    for place in crates {
        let sources = sources(&root.join(place));
        let by_module: BTreeMap<&[String], usize> =
            sources.iter().enumerate().map(|(index, source)| (source.module.as_slice(), index)).collect();
        let arrows: Vec<BTreeSet<usize>> = sources
            .iter()
            .enumerate()
            .map(|(index, source)| {
                let target =
                    |path: &Vec<String>| (0..=path.len()).rev().find_map(|end| by_module.get(&path[..end]).copied());
                // A folder's own file declares what its files share: an arrow to it from within is no circle of two nouns.
                let outside = |target: &usize| *target != index && !source.module.starts_with(&sources[*target].module);
                source.imports.iter().filter_map(target).filter(outside).collect()
            })
            .collect();
        if let Some(circle) = circle(&arrows) {
            let files: Vec<_> = circle.into_iter().map(|index| sources[index].file.display().to_string()).collect();
            panic!("these files import each other: {files:#?}");
        }
    }
}

/// Nodes of a circle: those that are left when what imports nothing that is left is taken away again and again.
fn circle(arrows: &[BTreeSet<usize>]) -> Option<Vec<usize>> {
    let mut left: BTreeSet<usize> = (0..arrows.len()).collect();
    loop {
        let next: BTreeSet<usize> =
            left.iter().copied().filter(|node| arrows[*node].iter().any(|to| left.contains(to))).collect();
        if next.len() == left.len() {
            break;
        }
        left = next;
    }
    // The same from the other side leaves the circles and what lies between them.
    loop {
        let next: BTreeSet<usize> =
            left.iter().copied().filter(|node| left.iter().any(|from| arrows[*from].contains(node))).collect();
        if next.len() == left.len() {
            break;
        }
        left = next;
    }
    (!left.is_empty()).then(|| left.into_iter().collect())
}

/// Items of `flux-core` that other crates can name, and methods that they can call. Whatever is shown is leaned on, and can then be changed
/// only with everything that leans on it: what one tool needs stands with the tool, and a getter of plain data is a field. To go above
/// this number, take something else back; below it, lower it.
const SURFACE: usize = 194;

#[test]
fn the_core_shows_no_more_than_is_needed() {
    let kinds = ["const", "async", "unsafe", "fn", "struct", "enum", "trait", "type", "static"];
    let is_shown = |line: &&str| {
        let shown = line.trim_start().strip_prefix("pub ");
        shown.and_then(|item| item.split(' ').next()).is_some_and(|word| kinds.contains(&word))
    };
    let sources = sources(&root().join("crates/flux-core/src"));
    let texts = sources.iter().map(|source| fs::read_to_string(&source.file).unwrap());
    let count: usize = texts.map(|text| text.lines().filter(is_shown).count()).sum();
    assert!(count <= SURFACE, "{count} public items and methods, more than {SURFACE}");
}

/// What the ledger's tables hold is known to the ledger alone.
#[test]
fn only_the_ledger_has_sql_on_its_tables() {
    let mut wrong = Vec::new();
    for source in sources(&root().join("crates/flux-core/src")) {
        let text = fs::read_to_string(&source.file).unwrap();
        let foreign = ["FROM flux_", "INTO flux_", "UPDATE flux_", "JOIN flux_"].iter().any(|sql| text.contains(sql));
        if foreign && source.module.first().is_none_or(|module| module != "ledger") {
            wrong.push(source.file.display().to_string());
        }
    }
    assert!(wrong.is_empty(), "SQL on the ledger's tables in {wrong:?}");
}

/// The database handle serves every tool and knows none.
#[test]
fn the_database_handle_names_no_tool() {
    let mut tools = Vec::new();
    for category in fs::read_dir(root().join("tools")).unwrap().map(|entry| entry.unwrap().path()) {
        let files = fs::read_dir(category).unwrap().map(|entry| entry.unwrap().path());
        let tool = |file: PathBuf| file.file_stem().unwrap().to_str().unwrap().replace('_', "-");
        tools.extend(files.filter(|file| file.extension().is_some_and(|end| end == "rs")).map(tool));
    }
    tools.retain(|tool| tool.contains('-'));
    assert!(tools.len() > 30 && tools.iter().any(|tool| tool == "merge-zones"), "{tools:?}");
    for source in sources(&root().join("crates/flux-core/src/db")) {
        let text = fs::read_to_string(&source.file).unwrap();
        let named: Vec<&String> = tools.iter().filter(|tool| text.contains(*tool)).collect();
        assert!(named.is_empty(), "{} names {named:?}", source.file.display());
    }
}

/// One way to a named lock, and one to that of the writers.
#[test]
fn locks_are_taken_in_one_place() {
    for source in sources(&root().join("crates/flux-core/src")) {
        let text = fs::read_to_string(&source.file).unwrap();
        let module = source.module.join("::");
        assert!(!text.contains("GET_LOCK") || module == "db::lock", "{module} takes a lock by itself");
        let may = ["db::lock", "ledger::lock", "backup"].contains(&module.as_str());
        assert!(
            !text.contains("NamedLock::take") || may,
            "{module} takes a named lock: is it not `ledger::lock` that it wants?"
        );
    }
}

#[test]
fn use_trees_are_read_whole() {
    let text = "crate::a::{self, b::{C, D}, e::F};\nuse x";
    let joined: Vec<String> = flattened(text).iter().map(|path| path.join("::")).collect();
    assert_eq!(joined, ["crate::a::self", "crate::a::b::C", "crate::a::b::D", "crate::a::e::F"]);
    assert_eq!(flattened("super::super::g::h(1)"), [["super", "super", "g", "h"]]);
    assert_eq!(circle(&[BTreeSet::from([1]), BTreeSet::from([2]), BTreeSet::from([1])]), Some(vec![1, 2]));
    assert_eq!(circle(&[BTreeSet::from([1]), BTreeSet::from([2]), BTreeSet::new()]), None);
}
