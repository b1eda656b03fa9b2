//! Names of a stranger made harmless, and the patterns that operators choose files by.

use unicode_normalization::UnicodeNormalization;

use crate::report::is_hidden;

/// Longest name that is kept, in bytes: what is added to it must fit too.
const LONGEST: usize = 180;

/// The name that a file gets here: no folder, nothing hidden, nothing that a shell or another system takes for something else.
pub(crate) fn harmless(name: &str) -> String {
    let bad = |c: char| is_hidden(c) || "/\\:*?\"<>|\u{fffd}".contains(c);
    // One letter may be written in two ways; names that look alike are to be alike.
    let text: String = name.nfc().map(|c| if bad(c) { '_' } else { c }).collect();
    let text = text.trim_matches([' ', '.']);
    let text = if text.starts_with(['-', '~']) { format!("_{}", &text[1..]) } else { text.to_owned() };
    let (stem, ending) = split(&text);
    let text = format!("{}{ending}", shortened(stem, LONGEST.saturating_sub(ending.len())));
    if text.is_empty() { "sans-nom".into() } else { text }
}

/// Stem and ending with its dot; an ending is short.
pub(crate) fn split(name: &str) -> (&str, &str) {
    match name.rfind('.') {
        Some(dot) if dot > 0 && name.len() - dot <= 10 => name.split_at(dot),
        _ => (name, ""),
    }
}

fn shortened(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Whether a name fits a pattern of `*` and `?`, whatever the case. A pattern without either is a part of the name.
pub(crate) fn fits(pattern: &str, name: &str) -> bool {
    let [pattern, name] = [pattern, name].map(|text| text.nfc().flat_map(char::to_lowercase).collect::<String>());
    if !pattern.contains(['*', '?']) {
        return name.contains(&pattern);
    }
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    // Positions to go back to: the last star, and the next letter that it could swallow.
    let (mut p, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(c) if *c == '?' || *c == name[n] => {
                p += 1;
                n += 1;
            }
            _ => match star {
                Some((at, swallowed)) => {
                    star = Some((at, swallowed + 1));
                    p = at + 1;
                    n = swallowed + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_leads_elsewhere_or_hides_is_made_harmless() {
        for (name, expected) in [
            ("Nuitee_2024B1.zip", "Nuitee_2024B1.zip"),
            ("../../etc/cron.d/x.zip", "_.._etc_cron.d_x.zip"),
            ("..", "sans-nom"),
            (".bashrc", "bashrc"),
            ("C:\\temp\\a.csv", "C__temp_a.csv"),
            ("Ch\u{fffd}taigneraie.csv", "Ch_taigneraie.csv"),
            ("a\u{0}b\n.csv", "a_b_.csv"),
            ("-rf.zip", "_rf.zip"),
            ("Châtaigneraie été.csv", "Châtaigneraie été.csv"),
            ("Nuite\u{301}e.zip", "Nuit\u{e9}e.zip"),
            ("gpj\u{202e}.csv", "gpj_.csv"),
        ] {
            assert_eq!(harmless(name), expected);
        }
        let long = harmless(&format!("{}.zip", "é".repeat(300)));
        assert!(long.len() <= 180 && long.ends_with("é.zip"), "{long}");
    }

    #[test]
    fn patterns_know_stars_and_question_marks() {
        for (pattern, name, fit) in [
            ("*.zip", "A.ZIP", true),
            ("nuitee_*_2024b?.zip", "Nuitee_Pays_2024B1.zip", true),
            ("nuitee", "Lot_Nuitee_2024.zip", true),
            ("*.zip", "a.csv", false),
            ("a*b*c", "aXbYbc", true),
            ("a?c", "ac", false),
            ("", "anything", true),
            ("\u{e9}t\u{e9}*", "E\u{301}te\u{301} 2025.zip", true),
            ("nuite\u{301}e", "Nuit\u{e9}e.zip", true),
        ] {
            assert_eq!(fits(pattern, name), fit, "{pattern} {name}");
        }
    }

    proptest! {
        #[test]
        fn a_harmless_name_is_one_plain_name(name in "[a-z./\\\\:~ \u{0}\n\u{fffd}é-]{0,40}") {
            let name = harmless(&name);
            prop_assert!(!name.is_empty() && !name.starts_with(['.', '-', '~']));
            prop_assert!(!name.contains(['/', '\\', '\0', '\n']));
        }
    }
}
