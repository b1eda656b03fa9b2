//! Reports as people read them, compared with files.

use std::fs;
use std::path::PathBuf;

use flux_test::{Home, Outcome, Tool, repository};

/// Runs the tool at 80 and at 160 columns and compares what it says with `tests/<category>/snapshots/<name>_<columns>.txt`. No line may
/// be wider than its terminal. With `FLUX_TEST_BLESS=1` the files are written instead: read the difference before you commit it.
#[track_caller]
pub fn compare(place: &str, home: &Home, tool: impl Fn() -> Tool) {
    compare_at(place, home, &[80, 160], |_| tool());
}

/// The same at these widths, for tools that do not say the same thing twice.
#[track_caller]
pub fn compare_at(place: &str, home: &Home, widths: &[usize], tool: impl Fn(usize) -> Tool) {
    for width in widths {
        let outcome = tool(*width).env("COLUMNS", width.to_string()).run();
        assert!(outcome.code == 0 || outcome.code == 3, "{outcome}");
        // A path stays whole.
        let path = |line: &str| line.trim().trim_end_matches(" :").rfind(' ').is_none() && line.contains('/');
        let wide = |line: &&str| line.chars().count() > *width && !path(line);
        let wide: Vec<&str> = outcome.stdout.lines().filter(wide).collect();
        assert!(wide.is_empty(), "wider than {width} columns: {wide:#?}\n{outcome}");
        same(place, *width, &redacted(&outcome, home));
    }
}

#[track_caller]
fn same(place: &str, width: usize, text: &str) {
    let (category, name) = place.split_once('/').expect("category/name");
    let path: PathBuf = repository().join(format!("tests/{category}/snapshots/{name}_{width}.txt"));
    if std::env::var_os("FLUX_TEST_BLESS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        return;
    }
    let expected = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    assert!(
        expected == text,
        "{} differs (FLUX_TEST_BLESS=1 writes it)\n=== expected\n{expected}\n=== found\n{text}",
        path.display()
    );
}

/// Without what differs from run to run, in the same number of characters: the home's folder, times of today, durations.
fn redacted(outcome: &Outcome, home: &Home) -> String {
    let folder = home.path().display().to_string();
    let text = outcome.stdout.replace(&folder, &"~".repeat(folder.chars().count()));
    let days = [chrono::Utc::now() - chrono::TimeDelta::days(1), chrono::Utc::now()].map(|day| day.format("%Y-%m-%d"));
    let times = [" 99:99:99", "_99-99-99", " 99:99", ""];
    let mut patterns: Vec<String> =
        times.iter().flat_map(|time| days.iter().map(move |day| format!("{day}{time}"))).collect();
    patterns.extend(days.iter().map(|day| format!("{day}-999999").replacen('-', "", 2)));
    patterns.extend(["9,9 s", " 99 outils"].map(str::to_owned));
    let mut chars: Vec<char> = text.chars().collect();
    for at in 0..chars.len() {
        for pattern in &patterns {
            if matches(&chars[at..], pattern) {
                for (offset, sign) in pattern.chars().enumerate() {
                    if sign.is_ascii_digit() {
                        chars[at + offset] = '#';
                    }
                }
            }
        }
    }
    let text: String = chars.into_iter().collect();
    // Rates have any number of digits.
    let mut parts = text.split(" lignes/s").map(str::to_owned).collect::<Vec<_>>();
    let last = parts.pop().unwrap_or_default();
    for part in &mut parts {
        part.truncate(part.trim_end_matches(|c: char| c.is_ascii_digit() || c == ' ').len());
        part.push('#');
    }
    parts.push(last);
    parts.join(" lignes/s")
}

/// 9 stands for any digit.
fn matches(text: &[char], pattern: &str) -> bool {
    text.len() >= pattern.chars().count()
        && pattern.chars().zip(text).all(|(sign, c)| if sign == '9' { c.is_ascii_digit() } else { sign == *c })
}
