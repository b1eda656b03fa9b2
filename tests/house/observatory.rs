//! Nothing in the product knows one observatory: what is the Cantal's is data (`reference/`), an example (`flux-sample`) or a test.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use flux_test::repository;

/// Names of the département whose zones are built in, of its zones and of its communes, in small letters.
const WORDS: &[&str] = &[
    "cantal",
    "caba",
    "aurillac",
    "carlad",
    "châtaigneraie",
    "gentiane",
    "lioran",
    "mauriac",
    "saint-flour",
    "saint flour",
    "salers",
    "truyère",
    "hautes terres",
    "auvergnat",
];
/// The one setting with its default, the map of France, and the generator of trial deliveries, which are that observatory's.
const NUMBER: &[&str] = &["crates/flux-core/src/settings.rs", "crates/flux-core/src/domain/reference.rs"];
const EXAMPLES: &[&str] = &[
    "crates/flux-sample",
    "crates/flux-test",
    "tools/dev/generate_sample_data.rs",
    "docs/outils/generate-sample-data.md",
    // What was asked for, by one observatory.
    "docs/spec",
];

/// Endings of files that reach users.
const ENDINGS: [&str; 11] = ["rs", "html", "css", "js", "svg", "md", "csv", "env", "example", "service", "timer"];

/// What of a file reaches users: tests aside.
fn product(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests").next().unwrap()
}

#[test]
fn no_observatory_is_named_in_the_product() {
    let root = repository();
    let folders = ["crates", "tools", "docs", "packaging", "scripts/systemd"];
    let alone = ["README.md", ".env.example", "scripts/crontab.example", "scripts/import-hebdo", "scripts/install"];
    let ends = |path: &PathBuf| path.extension().is_some_and(|end| ENDINGS.iter().any(|known| end == *known));
    let below = folders.into_iter().flat_map(|folder| crate::files_below(&root.join(folder))).filter(ends);
    let found = below.chain(alone.map(|file| root.join(file)));
    let mut wrong = BTreeSet::new();
    for path in found {
        let relative = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
        let in_tests = relative.ends_with("tests.rs") || relative.contains("/tests/");
        if in_tests || EXAMPLES.iter().any(|known| relative.starts_with(known)) {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        for (line, text) in product(&text).lines().enumerate() {
            let small = text.to_lowercase();
            let word = WORDS.iter().find(|word| small.contains(**word));
            let number = text.contains("\"15\"") && !NUMBER.contains(&&*relative);
            if word.is_some() || number {
                wrong.insert(format!("{relative}:{}: {}", line + 1, text.trim()));
            }
        }
    }
    assert_eq!(wrong, BTreeSet::new());
}
