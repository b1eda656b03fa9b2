//! The operators' pages: every command that they write exists with its options, and `docs/messages.md` has every code.

use std::collections::{BTreeMap, BTreeSet};

use flux_core::domain::catalogue::{DATASETS, weekly};
use flux_report::Code;
use flux_test::{Tool, repository};
use support::recipe::{commands, page};

/// What has commands: the pages of `docs`, and those at the root. The pages of tools and the specification are held elsewhere.
const PAGES: [&str; 18] = [
    "../CONTRIBUTING.md",
    "../README.md",
    "api.md",
    "architecture.md",
    "calendrier.md",
    "configuration.md",
    "etl.md",
    "fournisseur.md",
    "glossaire.md",
    "grappe.md",
    "guide-exploitation.md",
    "incidents.md",
    "installation.md",
    "json.md",
    "messages.md",
    "migration-depuis-php.md",
    "modele-de-donnees.md",
    "portail.md",
];

/// What is no tool of ours and may begin a command of a page.
const SYSTEM: [&str; 26] = [
    "adduser",
    "apt",
    "bash",
    "cargo",
    "cd",
    "chmod",
    "chown",
    "crontab",
    "curl",
    "cp",
    "df",
    "du",
    "export",
    "grep",
    "gunzip",
    "head",
    "install",
    "man",
    "mariadb",
    "mkdir",
    "mysql",
    "printf",
    "sed",
    "systemctl",
    "tail",
    "openssl",
];

/// What may follow a heading of `flux`, which has no tool of that name.
const OF_FLUX: [&str; 6] = ["completions", "doctor", "init", "list", "man", "schema"];

/// Long options of each tool and of `flux doctor`, `flux init`, from their help; each is asked once.
struct Known {
    tools: BTreeSet<String>,
    categories: BTreeSet<String>,
    options: BTreeMap<String, BTreeSet<String>>,
}

impl Known {
    fn new() -> Self {
        let names = Tool::new("flux").args(["list", "--names"]).run().expect_code(0);
        let folders = std::fs::read_dir(repository().join("tools")).unwrap();
        let categories = folders.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        Self { tools: names.stdout.lines().map(str::to_owned).collect(), categories, options: BTreeMap::new() }
    }

    fn options_of(&mut self, call: &[&str]) -> &BTreeSet<String> {
        self.options.entry(call.join(" ")).or_insert_with(|| {
            let help = Tool::new(call[0]).args(&call[1..]).arg("--help").run().expect_code(0);
            let lines = help.stdout.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
            let words = lines.flat_map(|line| line.split(|c: char| !c.is_ascii_alphanumeric() && c != '-'));
            words.filter(|word| word.starts_with("--")).map(str::to_owned).collect()
        })
    }

    /// What is wrong with one simple command, if it is one of ours; `None` where it is not.
    fn problem(&mut self, words: &[&str]) -> Option<Result<(), String>> {
        let (first, rest) = words.split_first()?;
        let first = &first.strip_prefix("target/debug/").unwrap_or(first);
        if first.starts_with("scripts/") || *first == "import-hebdo" {
            return Some(of_script(first, rest));
        }
        let mut call = vec![*first];
        if *first == "flux" {
            match rest.first() {
                None => return Some(Ok(())),
                Some(word) if word.starts_with('<') => return Some(Ok(())),
                Some(name) if OF_FLUX.contains(name) => call.push(name),
                Some(category) if self.categories.contains(*category) => call = vec![rest.get(1)?],
                Some(name) if self.tools.contains(*name) => call = vec![name],
                _ => return Some(Err(format!("flux {rest:?}"))),
            }
        } else if !self.tools.contains(*first) {
            return None;
        }
        let known = self.options_of(&call);
        let options = rest.iter().filter(|word| word.starts_with("--") && word.len() > 2);
        let names = options.map(|word| word.split('=').next().unwrap());
        let unknown: Vec<&str> = names.filter(|name| !known.contains(*name)).collect();
        Some(if unknown.is_empty() { Ok(()) } else { Err(format!("{call:?} has no {unknown:?}")) })
    }
}

/// A script's options are words of its text.
fn of_script(name: &str, rest: &[&str]) -> Result<(), String> {
    let path = repository().join(if name.contains('/') { name.to_owned() } else { format!("scripts/{name}") });
    if path.is_dir() && rest.is_empty() {
        return Ok(());
    }
    let text = std::fs::read_to_string(&path).map_err(|e| format!("{name}: {e}"))?;
    let unknown: Vec<&&str> = rest.iter().filter(|word| word.starts_with("--") && !text.contains(**word)).collect();
    if unknown.is_empty() { Ok(()) } else { Err(format!("{name} has no {unknown:?}")) }
}

/// The simple commands of a command line, without what stands before a command.
fn simple(line: &str) -> Vec<Vec<&str>> {
    let mut calls = vec![Vec::new()];
    let mut quoted = false;
    for word in line.split_whitespace() {
        let begins = word.starts_with(['\'', '"']);
        let was = quoted;
        if word.matches(['\'', '"']).count() % 2 == 1 {
            quoted = !quoted;
        }
        if was || begins {
            continue;
        }
        if ["|", "&&", "||", ";"].contains(&word) {
            calls.push(Vec::new());
        } else {
            calls.last_mut().unwrap().push(word);
        }
    }
    for call in &mut calls {
        while let Some(first) = call.first() {
            let before = match *first {
                "sudo" if call.get(1) == Some(&"-u") => 3,
                "sudo" => 1,
                word if word.contains('=') && !word.starts_with('-') => 1,
                _ => break,
            };
            call.drain(..before.min(call.len()));
        }
    }
    calls.retain(|call| !call.is_empty());
    calls
}

/// Code within lines, outside blocks, but for the names of the old scripts; a bar of a table is written `\|`.
fn inline(text: &str) -> Vec<String> {
    let outside: String = text.split("```").step_by(2).collect();
    let code = outside.split('`').skip(1).step_by(2).filter(|code| !code.contains(".php") && !code.contains(".*"));
    code.map(|code| code.replace("\\|", "|")).collect()
}

#[test]
fn every_command_of_the_pages_exists_with_its_options() {
    let mut known = Known::new();
    let (mut problems, mut seen) = (Vec::new(), 0);
    for name in PAGES {
        let text = page(name);
        for line in commands(&text) {
            for call in simple(&line) {
                match known.problem(&call) {
                    Some(Ok(())) => seen += 1,
                    Some(Err(problem)) => problems.push(format!("{name}: {problem}")),
                    None if SYSTEM.contains(&call[0]) => {}
                    None => problems.push(format!("{name}: « {} » is no tool", call[0])),
                }
            }
        }
        for code in inline(&text) {
            let words: Vec<&str> = code.split_whitespace().collect();
            match known.problem(&words) {
                Some(Ok(())) => seen += 1,
                Some(Err(problem)) => problems.push(format!("{name}: {problem}")),
                None => {}
            }
        }
    }
    assert_eq!(problems, Vec::<String>::new());
    assert!(seen > 200, "{seen} commands: the pages are not read");
}

#[test]
fn what_is_no_command_is_found() {
    let mut known = Known::new();
    let mut of = |line: &str| simple(line).iter().map(|call| known.problem(call)).collect::<Vec<_>>();
    assert_eq!(of("sudo -u x FLUX_HOME=/h check-status --json # no"), [Some(Ok(()))]);
    assert!(matches!(of("cd /h && check-status --jsn")[..], [None, Some(Err(_))]));
    assert!(matches!(of("scripts/no-such --x")[..], [Some(Err(_))]));
    assert!(matches!(of("flux nothing")[..], [Some(Err(_))]));
    assert_eq!(of("chek-status"), [None]);
}

#[test]
fn every_code_has_its_meaning_cause_and_remedy() {
    let text = page("messages.md");
    let rows: Vec<Vec<&str>> = text
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect();
    let listed: Vec<(String, &str)> = rows.iter().map(|row| (row[0].trim_matches('`').to_owned(), row[1])).collect();
    let expected: Vec<(String, &str)> =
        Code::ALL.iter().map(|(_, name, meaning)| ((*name).to_owned(), *meaning)).collect();
    assert_eq!(listed, expected);
    for row in rows {
        assert!(row.len() == 4 && row[2].len() > 8 && row[3].len() > 8, "{row:?}");
    }
}

/// The part of a page below a heading of the second level.
#[track_caller]
fn section(name: &str, heading: &str) -> String {
    let text = page(name);
    let below = text.split(&format!("\n## {heading}\n")).nth(1).unwrap_or_else(|| panic!("no {heading} in {name}"));
    below.split("\n## ").next().unwrap().to_owned()
}

#[test]
fn the_guide_s_table_has_every_tool() {
    let table = section("guide-exploitation.md", "Les outils, et les scripts qu'ils remplacent");
    let named: BTreeSet<&str> = code(&table).collect();
    let missing: Vec<String> = Known::new().tools.into_iter().filter(|tool| !named.contains(&**tool)).collect();
    assert_eq!(missing, Vec::<String>::new());
}

/// What a new family would make untrue.
#[test]
fn pages_that_list_families_and_files_list_those_of_the_catalogue() {
    let model = section("modele-de-donnees.md", "Tables de faits");
    let exports = section("fournisseur.md", "Les exports définitifs");
    let named: BTreeSet<&str> = code(&exports).collect();
    for dataset in DATASETS {
        // « chacune seule, `_Departement` ou `_Pays` »
        let base = ["_Departement", "_Pays"].iter().find_map(|end| dataset.family.strip_suffix(end));
        let base = base.unwrap_or(dataset.family);
        assert!(named.contains(base), "fournisseur.md does not name {base}");
        for family in [base.to_owned(), format!("{base}_Departement"), format!("{base}_Pays")] {
            assert!(DATASETS.iter().any(|other| other.family == family), "fournisseur.md promises {family}");
        }
        if let Some(file) = dataset.weekly_file {
            let row = format!("| {} | `{file}` | `{}` |", dataset.family, dataset.main);
            assert!(model.contains(&row), "modele-de-donnees.md has no {row}");
        }
    }
    assert_eq!(untrue_counts(DATASETS.len(), weekly().count()), Vec::<String>::new());
    assert!(untrue_counts(22, 11).len() > 20, "prose that counts is not found");
}

/// Sentences of pages, helps and messages that count families or weekly files otherwise than this.
fn untrue_counts(families: usize, weekly: usize) -> Vec<String> {
    let root = repository();
    let mut files: Vec<std::path::PathBuf> = PAGES.iter().map(|name| root.join("docs").join(name)).collect();
    let sources =
        ["tools", "crates/flux-core/src", "crates/flux-cli/src", "crates/flux-portal/src", "scripts/import-hebdo"];
    let mut folders: Vec<_> = sources.map(|source| root.join(source)).into();
    while let Some(place) = folders.pop() {
        match std::fs::read_dir(&place) {
            Ok(entries) => folders.extend(entries.map(|entry| entry.unwrap().path())),
            Err(_) => files.push(place),
        }
    }
    let things = ["fichiers", "CSV", "familles", "jeux", "files", "families", "weekly", "raw", "tables"];
    let mut untrue = Vec::new();
    for file in files {
        let text = String::from_utf8_lossy(&std::fs::read(&file).unwrap()).into_owned();
        let words: Vec<&str> = text.split(|c: char| c.is_whitespace() || c == '\'' || c == '"').collect();
        for pair in words.windows(2).filter(|pair| things.contains(&pair[1].trim_matches(&[',', '.', ';', ':'][..]))) {
            let told = match pair[0].to_lowercase().as_str() {
                "dix" | "ten" => weekly == 10,
                "21" => families == 21,
                _ => true,
            };
            if !told {
                untrue.push(format!("{}: {} {}", file.display(), pair[0], pair[1]));
            }
        }
    }
    untrue
}

/// Numbers and generations behind `legacy.md, ` in the line before a test: `/// legacy.md, 4, 16 (V4).`
fn told(text: &str) -> impl Iterator<Item = &str> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("/// legacy.md, ")?.split(['.', ':']).next());
    lines.flat_map(|line| line.split(|c: char| !c.is_ascii_alphanumeric())).filter(|word| !word.is_empty())
}

#[test]
fn every_row_of_legacy_md_is_named_by_the_tests_that_prove_it() {
    let legacy = std::fs::read_to_string(repository().join("docs/spec/legacy.md")).unwrap();
    let rows = legacy.lines().filter_map(|line| line.strip_prefix("| ")?.split(' ').next());
    let rows = rows.filter(|first| first.bytes().all(|byte| byte.is_ascii_digit()));
    let expected: BTreeSet<&str> = rows.chain(["V1", "V2", "V2s", "V4"]).collect();
    assert_eq!(expected.len(), 21 + 4);
    let mut texts = Vec::new();
    for folder in std::fs::read_dir(repository().join("tests")).unwrap().map(|entry| entry.unwrap().path()) {
        for file in std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()) {
            if file.extension().is_some_and(|extension| extension == "rs") {
                texts.push(std::fs::read_to_string(file).unwrap());
            }
        }
    }
    let found: BTreeSet<&str> = texts.iter().flat_map(|text| told(text)).collect();
    assert_eq!(found, expected);
}

/// The text of a test's file: `import::import_names::…` below `tests/`, `flux-core::domain::names::…` beside the code.
fn file_of_test(path: &[&str]) -> String {
    let (first, modules) = path.split_first().unwrap();
    let root = repository();
    let files = match root.join("tests").join(first).is_dir() {
        true => vec![root.join("tests").join(first).join(modules.join("/")).with_extension("rs")],
        false => {
            let module = root.join("crates").join(first).join("src").join(modules.join("/"));
            vec![module.with_extension("rs"), module.join("mod.rs"), module.join("tests.rs")]
        }
    };
    files.iter().filter_map(|file| std::fs::read_to_string(file).ok()).collect()
}

fn is_test(name: &str) -> bool {
    let path: Vec<&str> = name.split("::").collect();
    let (function, file) = path.split_last().unwrap();
    let text = file_of_test(file);
    text.split(&format!("fn {function}("))
        .next()
        .is_some_and(|before| before.len() < text.len() && before.trim_end().ends_with("#[test]"))
}

fn is_place(name: &str) -> bool {
    let module = repository().join("crates/flux-core/src").join(name.replace("::", "/"));
    (name.contains('/') && repository().join(name).exists())
        || module.with_extension("rs").exists()
        || module.join("mod.rs").exists()
}

/// The backticked words of a text.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn the_table_of_proofs_names_sentences_modules_and_tests_that_are_there() {
    let read = |name: &str| std::fs::read_to_string(repository().join("docs/spec").join(name)).unwrap();
    let spec =
        ["domain.md", "legacy.md", "faults.md"].map(read).join(" ").split_whitespace().collect::<Vec<_>>().join(" ");
    let table = read("coverage.md");
    let (mut wrong, mut rows, mut quotations) = (Vec::new(), 0, Vec::new());
    for line in table.lines().filter(|line| line.contains('“')) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").collect();
        let [sentence, place, proof] = cells[..] else { panic!("{line}") };
        rows += 1;
        let quoted = sentence.split_once('“').and_then(|(_, text)| text.rsplit_once('”')).map_or("", |(text, _)| text);
        quotations.push(quoted);
        if quoted.is_empty() || !spec.contains(quoted) || code(proof).next().is_none() {
            wrong.push(line);
        }
        wrong.extend(code(place).filter(|name| !is_place(name)));
        wrong.extend(code(proof).filter(|name| !is_test(name)));
    }
    assert_eq!(wrong, Vec::<&str>::new());
    assert!(rows > 170, "{rows} rows: the table is not read");
    let unproved = ["legacy.md", "faults.md"].map(|page| unquoted(&read(page), &quotations)).concat();
    assert_eq!(unproved, Vec::<String>::new());
}

/// Rows of the tables of a page of which no part is among the quotations.
fn unquoted(page: &str, quotations: &[&str]) -> Vec<String> {
    let heads = ["| kind |", "| # |", "|---"];
    let rows = page.lines().filter(|line| line.starts_with('|') && !heads.iter().any(|head| line.starts_with(head)));
    let unproved: Vec<&str> = rows.clone().filter(|row| !quotations.iter().any(|text| row.contains(text))).collect();
    assert!(rows.count() > 20, "the page is not read");
    unproved.into_iter().map(str::to_owned).collect()
}
